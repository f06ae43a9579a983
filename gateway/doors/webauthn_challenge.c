#include "gateway/doors/webauthn_challenge.h"

#include "gateway/login.h"
#include "posture/base/from_json.h"

enum { PLAIN_BYTES = 400, TEXT_BYTES = 800 };

static struct span context(enum webauthn_ceremony ceremony) { return ceremony == WEBAUTHN_LOGIN ? SPAN_LITERAL("webauthn login") : SPAN_LITERAL("webauthn registration"); }

struct span webauthn_challenge_make(const struct http_request *r, enum webauthn_ceremony ceremony, struct span about)
{
    CLEANUP(buf_done) struct buf plain, text;
    struct to_json w;
    struct err err;
    buf_init(&plain, PLAIN_BYTES);
    buf_init(&text, TEXT_BYTES);
    to_json_init(&w, &plain);
    to_json_object(&w);
    to_json_member_text(&w, "a", about);
    to_json_member_int(&w, "e", r->now_s + WEBAUTHN_CHALLENGE_S);
    to_json_end(&w);
    if (plain.failed || secret_seal(r->node->secret, SECRET_LOGIN, context(ceremony), buf_span(&plain), &text, &err) != OK)
        return SPAN_NONE;
    return arena_copy(r->arena, buf_span(&text));
}

static enum err_code check_plain(struct span plain, struct span about, int64_t now_s, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    enum err_code code = from_json_parse(plain, (struct from_json_limits){ PLAIN_BYTES, 2 }, "challenge", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), a = from_json_member(&root, "a"), e = from_json_member(&root, "e");
    struct span named;
    int64_t expires_s;
    code = from_json_text(&a, PLAIN_BYTES, &named, err);
    if (code == OK)
        code = from_json_int(&e, 0, INT64_MAX, &expires_s, err);
    if (code == OK && !span_equal_ct(named, about))
        code = err_set(err, ERR_DENIED, "the challenge was made for another one");
    if (code == OK && now_s >= expires_s)
        code = err_set(err, ERR_EXPIRED, "the challenge is too old");
    return code;
}

enum err_code webauthn_challenge_check(const struct http_request *r, enum webauthn_ceremony ceremony, struct span about, struct span text, struct err *err)
{
    CLEANUP(buf_done) struct buf plain;
    buf_init(&plain, PLAIN_BYTES);
    if (text.bytes > TEXT_BYTES || secret_open(r->node->secret, SECRET_LOGIN, context(ceremony), text, &plain, err) != OK)
        return err_set(err, ERR_DENIED, "the challenge is not one of ours");
    return check_plain(buf_span(&plain), about, r->now_s, err);
}

enum err_code webauthn_challenge_spend(struct http_request *r, struct span text, struct err *err)
{
    char hash[SECRET_HEX_BYTES + 1];
    secret_sha256_hex(text, hash);
    return login_once(r, "webauthn", span_make(hash, SECRET_HEX_BYTES), WEBAUTHN_CHALLENGE_S, err);
}
