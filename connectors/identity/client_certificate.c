#include "connectors/identity/client_certificate.h"

#include "connectors/identity/x509_text.h"

#include <openssl/bn.h>
#include <openssl/x509v3.h>

#include <string.h>

enum { NUMBER_OCTETS = 20, DECIMAL_DIGITS = 49 /* of 2^160 */ };

static const struct { const char *name; int nid; } fields[CERTIFICATE_FIELDS] = {
    [CERTIFICATE_SUBJECT_CN] = { "subject.CN", NID_commonName },
    [CERTIFICATE_SUBJECT_SERIAL_NUMBER] = { "subject.serialNumber", NID_serialNumber },
    [CERTIFICATE_SUBJECT_UID] = { "subject.UID", NID_userId },
    [CERTIFICATE_SUBJECT_OU] = { "subject.OU", NID_organizationalUnitName },
    [CERTIFICATE_SAN_URI] = { "san.uri", NID_undef },
    [CERTIFICATE_SAN_DNS] = { "san.dns", NID_undef },
    [CERTIFICATE_SAN_EMAIL] = { "san.email", NID_undef },
};

const char *certificate_field_name(enum certificate_field f) { return fields[f].name; }

bool certificate_field_from(struct span name, enum certificate_field *f)
{
    for (int i = 0; i < CERTIFICATE_FIELDS; i++) {
        if (!span_equal_fold(name, span_of(fields[i].name)))
            continue;
        *f = (enum certificate_field)i;
        return true;
    }
    return false;
}

/* ---- names ---- */

struct reading {
    struct arena *arena;
    struct certificate_name *names;
    size_t count;
    struct err *err;
    enum err_code code; /* the first mistake */
};

static void stop_reading(struct reading *r, enum err_code code, const char *why)
{
    if (r->code == OK)
        r->code = err_set(r->err, code, "the client certificate %s", why);
}

static bool is_plain(struct span text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f)
            return false;
    return span_is_utf8(text);
}

/* A name with a NUL or line break in it was made to be read differently by different readers. */
static void add_name(struct reading *r, enum certificate_field field, const ASN1_STRING *from)
{
    unsigned char *utf8 = NULL;
    int bytes = ASN1_STRING_to_UTF8(&utf8, from);
    struct span value = span_make(utf8, bytes > 0 ? (size_t)bytes : 0);
    if (bytes < 0 || !is_plain(value) || value.bytes > CLIENT_CERTIFICATE_VALUE_BYTES)
        stop_reading(r, ERR_INPUT, "has a name that cannot be read");
    else if (r->count == CLIENT_CERTIFICATE_NAMES)
        stop_reading(r, ERR_INPUT, "has too many names");
    else if (!span_empty(value))
        r->names[r->count++] = (struct certificate_name){ field, arena_copy(r->arena, value) };
    OPENSSL_free(utf8);
}

static void read_subject(struct reading *r, const X509_NAME *subject)
{
    for (int i = 0; i < X509_NAME_entry_count(subject) && r->code == OK; i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
        int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
        for (int f = 0; f < CERTIFICATE_FIELDS; f++)
            if (nid != NID_undef && fields[f].nid == nid)
                add_name(r, (enum certificate_field)f, X509_NAME_ENTRY_get_data(entry));
    }
}

static void read_alternatives(struct reading *r, const X509 *x)
{
    int critical = 0;
    GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, &critical, NULL);
    if (all == NULL && critical != -1) /* -1: there is none; else it is broken or there twice */
        stop_reading(r, ERR_INPUT, "has alternative names that cannot be read");
    for (int i = 0; i < sk_GENERAL_NAME_num(all) && r->code == OK; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
        if (name->type == GEN_URI)
            add_name(r, CERTIFICATE_SAN_URI, name->d.uniformResourceIdentifier);
        else if (name->type == GEN_DNS)
            add_name(r, CERTIFICATE_SAN_DNS, name->d.dNSName);
        else if (name->type == GEN_EMAIL)
            add_name(r, CERTIFICATE_SAN_EMAIL, name->d.rfc822Name);
    }
    GENERAL_NAMES_free(all);
}

/* ---- the number ---- */

static void lower(char *text)
{
    for (; *text != '\0'; text++)
        *text = (char)(*text >= 'A' && *text <= 'F' ? *text - 'A' + 'a' : *text);
}

static struct span number_text(struct arena *arena, const BIGNUM *number, bool hex)
{
    char *text = hex ? BN_bn2hex(number) : BN_bn2dec(number);
    struct span out = SPAN_NONE;
    if (text != NULL) {
        size_t zeros = strspn(text, "0"); /* BN_bn2hex writes whole octets */
        lower(text);
        out = arena_copy_text(arena, text[zeros] == '\0' ? "0" : text + zeros);
    }
    OPENSSL_free(text);
    return out;
}

static void read_number(struct reading *r, const ASN1_INTEGER *number, struct client_certificate *c)
{
    BIGNUM *value = ASN1_INTEGER_to_BN(number, NULL);
    if (value == NULL || BN_is_negative(value) || BN_is_zero(value) || BN_num_bytes(value) > NUMBER_OCTETS) {
        stop_reading(r, ERR_INPUT, "has a serial number out of bounds");
    } else {
        c->serial_hex = number_text(r->arena, value, true);
        c->serial_decimal = number_text(r->arena, value, false);
        if (c->serial_hex.at == NULL || c->serial_decimal.at == NULL)
            stop_reading(r, ERR_MEMORY, "is too large for memory");
    }
    BN_free(value);
}

enum err_code client_certificate_serial_from_decimal(struct span text, struct arena *arena, struct span *hex, struct err *err)
{
    char digits[DECIMAL_DIGITS + 1];
    BIGNUM *number = NULL;
    struct span out = SPAN_NONE;
    bool plain = text.bytes > 0 && text.bytes <= DECIMAL_DIGITS;
    for (size_t i = 0; i < text.bytes && plain; i++)
        plain = text.at[i] >= '0' && text.at[i] <= '9';
    if (plain) {
        memcpy(digits, text.at, text.bytes);
        digits[text.bytes] = '\0';
        if (BN_dec2bn(&number, digits) > 0 && !BN_is_zero(number) && BN_num_bytes(number) <= NUMBER_OCTETS)
            out = number_text(arena, number, true);
        BN_free(number);
    }
    if (span_empty(out))
        return err_set(err, ERR_INPUT, "a certificate's serial number in decimal has 1 to %d digits and at most %d octets", DECIMAL_DIGITS, NUMBER_OCTETS);
    *hex = out;
    return OK;
}

/* ---- the whole ---- */

static void read_all(struct reading *r, X509 *x, struct client_certificate *c)
{
    read_number(r, X509_get0_serialNumber(x), c);
    read_subject(r, X509_get_subject_name(x));
    read_alternatives(r, x);
    if (!x509_seconds(X509_get0_notBefore(x), &c->not_before_s) || !x509_seconds(X509_get0_notAfter(x), &c->not_after_s))
        stop_reading(r, ERR_INPUT, "has a date that cannot be read");
    c->subject = x509_name_text(r->arena, X509_get_subject_name(x));
    c->issuer = x509_name_text(r->arena, X509_get_issuer_name(x));
    c->names = r->names;
    c->name_count = r->count;
}

enum err_code client_certificate_read(struct span der, struct arena *arena, struct client_certificate *out, struct err *err)
{
    const unsigned char *at = (const unsigned char *)der.at;
    struct reading r = { .arena = arena, .err = err };
    struct client_certificate c = { .der = der };
    if (der.bytes == 0 || der.bytes > CLIENT_CERTIFICATE_BYTES)
        return err_set(err, ERR_INPUT, "a client certificate has 1 to %d bytes", CLIENT_CERTIFICATE_BYTES);
    r.names = arena_array(arena, CLIENT_CERTIFICATE_NAMES, sizeof *r.names);
    if (r.names == NULL)
        return err_set(err, ERR_MEMORY, "reading a client certificate");
    X509 *x = d2i_X509(NULL, &at, (long)der.bytes);
    if (x == NULL || at != (const unsigned char *)der.at + der.bytes)
        stop_reading(&r, ERR_INPUT, "is not one certificate in DER");
    else
        read_all(&r, x, &c);
    X509_free(x);
    if (r.code != OK)
        return r.code;
    secret_sha256_hex(der, c.sha256);
    *out = c;
    return OK;
}

/* ---- PEM ---- */

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static enum err_code decode_body(struct span body, struct arena *arena, struct span *der, struct err *err)
{
    CLEANUP(buf_done) struct buf base64, out;
    buf_init(&base64, 2 * CLIENT_CERTIFICATE_BYTES);
    buf_init(&out, CLIENT_CERTIFICATE_BYTES);
    for (size_t i = 0; i < body.bytes && !base64.failed; i++)
        if (!is_space(body.at[i]))
            buf_append_byte(&base64, body.at[i]);
    enum err_code code = base64.bytes == 0 ? ERR_INPUT : buf_check(&base64, "certificate", err);
    if (code == OK)
        code = secret_from_base64(buf_span(&base64), CLIENT_CERTIFICATE_BYTES, &out, err);
    if (code != OK)
        return err_set(err, ERR_INPUT, "a certificate in PEM is broken");
    *der = arena_copy(arena, buf_span(&out));
    return der->at != NULL ? OK : err_set(err, ERR_MEMORY, "reading a certificate");
}

enum err_code client_certificate_from_pem(struct span pem, struct arena *arena, struct span *ders, size_t most, size_t *count, struct err *err)
{
    const struct span begin = SPAN_LITERAL("-----BEGIN CERTIFICATE-----"), end = SPAN_LITERAL("-----END CERTIFICATE-----");
    size_t found = 0;
    for (;;) {
        size_t from = span_search(pem, begin);
        if (from == pem.bytes)
            break;
        struct span rest = span_slice(pem, from + begin.bytes, pem.bytes);
        size_t to = span_search(rest, end);
        if (to == rest.bytes)
            return err_set(err, ERR_INPUT, "a certificate in PEM has no end");
        if (found == most)
            return err_set(err, ERR_INPUT, "more than %zu certificates", most);
        enum err_code code = decode_body(span_slice(rest, 0, to), arena, &ders[found], err);
        if (code != OK)
            return code;
        found++;
        pem = span_slice(rest, to + end.bytes, rest.bytes);
    }
    *count = found;
    return found > 0 ? OK : err_set(err, ERR_INPUT, "no certificate in PEM");
}
