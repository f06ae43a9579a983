#include "gateway/doors/device_cookie.h"

#include "gateway/http/cookie.h"
#include "gateway/node.h"

#include "posture/base/from_json.h"

enum { COOKIE_BYTES = 1024, PLAIN_BYTES = 400, ID_BYTES = 64 };
static const struct span context = { "device cookie", 13 };

static void write_plain(const struct device_cookie *c, struct buf *plain)
{
    struct to_json w;
    to_json_init(&w, plain);
    to_json_object(&w);
    to_json_member_text(&w, "d", c->device);
    to_json_member_text(&w, "c", c->credential);
    to_json_member_int(&w, "i", c->issued_s);
    to_json_end(&w);
}

enum err_code device_cookie_value(const struct node *node, const struct device_cookie *cookie, struct arena *arena, struct span *value, struct err *err)
{
    CLEANUP(buf_done) struct buf plain, out;
    buf_init(&plain, PLAIN_BYTES);
    buf_init(&out, COOKIE_BYTES);
    write_plain(cookie, &plain);
    enum err_code code = buf_check(&plain, "device cookie", err);
    if (code == OK)
        code = secret_seal(node->secret, SECRET_DEVICE, context, buf_span(&plain), &out, err);
    if (code == OK)
        code = buf_check(&out, "device cookie", err);
    if (code == OK)
        *value = arena_copy(arena, buf_span(&out));
    return code;
}

static enum err_code read_plain(struct span plain, struct arena *arena, struct device_cookie *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    enum err_code code = from_json_parse(plain, (struct from_json_limits){ PLAIN_BYTES, 4 }, "device cookie", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), d = from_json_member(&root, "d"), c = from_json_member(&root, "c"), i = from_json_member(&root, "i");
    struct device_cookie read = { 0 };
    code = from_json_text(&d, ID_BYTES, &read.device, err);
    if (code == OK)
        code = from_json_text(&c, ID_BYTES, &read.credential, err);
    if (code == OK)
        code = from_json_int(&i, 0, INT64_MAX / 2, &read.issued_s, err);
    if (code != OK)
        return code;
    *out = (struct device_cookie){ arena_copy(arena, read.device), arena_copy(arena, read.credential), read.issued_s };
    return OK;
}

enum err_code device_cookie_read(const struct http_request *r, struct device_cookie *out, struct err *err)
{
    CLEANUP(buf_done) struct buf plain;
    struct span text = cookie_get(r, DEVICE_COOKIE_NAME);
    struct device_cookie read = { 0 };
    buf_init(&plain, PLAIN_BYTES);
    if (span_empty(text))
        return err_set(err, ERR_NOT_FOUND, "no device cookie");
    if (text.bytes > COOKIE_BYTES || secret_open(r->node->secret, SECRET_DEVICE, context, text, &plain, err) != OK || read_plain(buf_span(&plain), r->arena, &read, err) != OK)
        return err_set(err, ERR_DENIED, "the device cookie is not one of ours");
    if (r->now_s >= read.issued_s + DEVICE_COOKIE_LIFETIME_S)
        return err_set(err, ERR_EXPIRED, "the device cookie has expired");
    *out = read;
    return OK;
}
