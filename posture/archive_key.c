#include "posture/archive_key.h"

#include <string.h>

void archive_key_make(const struct secret *secret, struct span salt, struct archive_key *out) { secret_mac(secret, SECRET_ARCHIVE, salt, out->bytes); }
void archive_key_wipe(struct archive_key *key) { secret_wipe(key, sizeof *key); }

static void name(const struct archive_key *key, char letter, struct span word, struct span what, char out[ARCHIVE_KEY_NAME_BYTES + 1])
{
    uint8_t mac[SECRET_HASH_BYTES];
    struct buf text;
    buf_init(&text, 1024);
    (void)buf_append(&text, word);
    (void)buf_append(&text, what);
    secret_hmac(span_make(key->bytes, sizeof key->bytes), buf_span(&text), mac);
    buf_done(&text);
    out[0] = letter;
    out[1] = '-';
    secret_hex(mac, (ARCHIVE_KEY_NAME_BYTES - 2) / 2, out + 2);
}

void archive_key_person(const struct archive_key *key, char out[ARCHIVE_KEY_NAME_BYTES + 1]) { name(key, 'P', SPAN_LITERAL("person"), SPAN_NONE, out); }

void archive_key_device(const struct archive_key *key, struct span device, char out[ARCHIVE_KEY_NAME_BYTES + 1])
{
    name(key, 'D', SPAN_LITERAL("device "), span_slice(device, 0, 512), out);
}

static void done(struct secret **s) { secret_done(*s); }

enum err_code archive_key_seal(const struct archive_key *key, struct span context, struct span plain, struct buf *out, struct err *err)
{
    CLEANUP(done) struct secret *own = NULL;
    enum err_code code = secret_new(key->bytes, &own, err);
    return code == OK ? secret_seal(own, SECRET_ARCHIVE, context, plain, out, err) : code;
}

enum err_code archive_key_open(const struct archive_key *key, struct span context, struct span text, struct buf *plain, struct err *err)
{
    CLEANUP(done) struct secret *own = NULL;
    enum err_code code = secret_new(key->bytes, &own, err);
    return code == OK ? secret_open(own, SECRET_ARCHIVE, context, text, plain, err) : code;
}
