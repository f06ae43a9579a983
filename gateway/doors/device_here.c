#include "gateway/doors/device_here.h"

#include "gateway/http/cookie.h"
#include "gateway/node.h"
#include "posture/base/from_json.h"

#define BROWSER_COOKIE "__Host-postern-here"
enum { COOKIE_BYTES = 22 /* 132 bits */, PLAIN_BYTES = 400, TEXT_BYTES = 800 };
static const struct span context = { "device here", 11 };

static struct span hash_of(struct arena *a, struct span cookie)
{
    uint8_t hash[SECRET_HASH_BYTES];
    char hex[DEVICE_HERE_BROWSER_BYTES + 1];
    secret_sha256(cookie, hash);
    secret_hex(hash, DEVICE_HERE_BROWSER_BYTES / 2, hex);
    return arena_copy_text(a, hex);
}

struct span device_here_browser(struct http_request *r, struct http_response *res)
{
    char fresh[COOKIE_BYTES];
    struct span cookie = cookie_get(r, BROWSER_COOKIE);
    if (cookie.bytes != COOKIE_BYTES) {
        secret_random_text(fresh, sizeof fresh);
        cookie = arena_copy(r->arena, span_make(fresh, sizeof fresh));
    }
    cookie_set(r, res, BROWSER_COOKIE, cookie, 0);
    return hash_of(r->arena, cookie);
}

struct span device_here_seal(const struct http_request *r, const struct device_here *here)
{
    CLEANUP(buf_done) struct buf plain, text;
    struct to_json w;
    struct err err;
    if (here->browser.bytes != DEVICE_HERE_BROWSER_BYTES)
        return SPAN_NONE;
    buf_init(&plain, PLAIN_BYTES);
    buf_init(&text, TEXT_BYTES);
    to_json_init(&w, &plain);
    to_json_object(&w);
    to_json_member_text(&w, "d", here->device);
    to_json_member_text(&w, "p", here->person);
    to_json_member_text(&w, "b", here->browser);
    to_json_member_int(&w, "f", here->proof);
    to_json_member_int(&w, "e", r->now_s + DEVICE_HERE_S);
    to_json_end(&w);
    if (plain.failed || secret_seal(r->node->secret, SECRET_LOGIN, context, buf_span(&plain), &text, &err) != OK)
        return SPAN_NONE;
    return arena_copy(r->arena, buf_span(&text));
}

static bool is_text(const struct from_json_value *root, const char *key, struct span wanted)
{
    struct from_json_value member = from_json_member(root, key);
    struct span text;
    struct err err;
    return from_json_text(&member, PLAIN_BYTES, &text, &err) == OK && span_equal_ct(text, wanted);
}

enum proof device_here_open(const struct http_request *r, struct span text, struct span device, struct span person)
{
    CLEANUP(buf_done) struct buf plain;
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct err err;
    int64_t proof, expires_s;
    buf_init(&plain, PLAIN_BYTES);
    if (text.bytes > TEXT_BYTES || secret_open(r->node->secret, SECRET_LOGIN, context, text, &plain, &err) != OK ||
        from_json_parse(buf_span(&plain), (struct from_json_limits){ PLAIN_BYTES, 2 }, "device here", &doc, &err) != OK)
        return PROOF_NONE;
    struct from_json_value root = from_json_root(doc), f = from_json_member(&root, "f"), e = from_json_member(&root, "e");
    bool ours = is_text(&root, "d", device) && is_text(&root, "p", person) && is_text(&root, "b", hash_of(r->arena, cookie_get(r, BROWSER_COOKIE)));
    bool whole = from_json_int(&f, PROOF_NONE, PROOF_KINDS - 1, &proof, &err) == OK && from_json_int(&e, 0, INT64_MAX, &expires_s, &err) == OK;
    return ours && whole && r->now_s < expires_s ? (enum proof)proof : PROOF_NONE;
}
