#include "connectors/identity/x509_text.h"

bool x509_seconds(const ASN1_TIME *time, int64_t *out_s)
{
    int days = 0, seconds = 0;
    ASN1_TIME *epoch = time == NULL ? NULL : ASN1_TIME_set(NULL, 0);
    bool known = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
    ASN1_TIME_free(epoch);
    if (known)
        *out_s = (int64_t)days * 86400 + seconds;
    return known;
}

struct span x509_name_text(struct arena *arena, const X509_NAME *name)
{
    char text[X509_TEXT_BYTES];
    BIO *bio = BIO_new(BIO_s_mem());
    int bytes = bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0 ? BIO_read(bio, text, sizeof text) : 0;
    BIO_free(bio);
    return arena_copy(arena, span_make(text, bytes > 0 ? (size_t)bytes : 0));
}
