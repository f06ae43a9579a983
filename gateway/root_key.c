#include "gateway/root_key.h"

#include "posture/base/file.h"

#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 1024 };

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static enum err_code parse(struct span text, const char *from, uint8_t key[SECRET_KEY_BYTES], struct err *err)
{
    struct span trimmed = span_trim(text);
    if (text.bytes == SECRET_KEY_BYTES) {
        memcpy(key, text.at, SECRET_KEY_BYTES);
        return OK;
    }
    if (trimmed.bytes != SECRET_HEX_BYTES)
        return err_set(err, ERR_INPUT, "%s: the root key must be 32 bytes or 64 hex digits", from);
    for (size_t i = 0; i < SECRET_KEY_BYTES; i++) {
        int high = digit(trimmed.at[2 * i]), low = digit(trimmed.at[2 * i + 1]);
        if (high < 0 || low < 0)
            return err_set(err, ERR_INPUT, "%s: the root key must be 32 bytes or 64 hex digits", from);
        key[i] = (uint8_t)(high * 16 + low);
    }
    return OK;
}

static enum err_code make(const char *path, uint8_t key[SECRET_KEY_BYTES], struct err *err)
{
    secret_random(key, SECRET_KEY_BYTES);
    enum err_code code = file_write_private(path, span_make(key, SECRET_KEY_BYTES), err);
    return code != OK ? err_wrap(err, "making the root key") : OK;
}

enum err_code root_key_load(struct span configured, struct span state, bool may_make, uint8_t key[SECRET_KEY_BYTES], struct err *err)
{
    char path[PATH_BYTES];
    if (!span_empty(configured))
        return parse(configured, "root_key", key, err);
    snprintf(path, sizeof path, "%.*s/root.key", SPAN_ARGS(state));
    if (!file_exists(path)) {
        if (may_make)
            return make(path, key, err);
        return err_set(err, ERR_INPUT, "root_key is required with an external Redis and must be the same on every node; make one with: head -c 32 /dev/urandom > root.key");
    }
    struct buf text;
    buf_init(&text, 4096);
    enum err_code code = file_read(path, 4096, &text, err);
    if (code == OK)
        code = parse(buf_span(&text), path, key, err);
    buf_wipe(&text);
    return code;
}
