/* A login between two requests: one line of JSON, then the door's own object as it came, sealed. */
#include "gateway/login_parts.h"

#include "posture/base/from_json.h"
#include "posture/base/secret.h"

enum { HEAD_BYTES = 2048, PLAIN_BYTES = HEAD_BYTES + LOGIN_REQUEST_BYTES };
#define CONTEXT SPAN_LITERAL("login")

static void write_head(const struct login *l, struct buf *out)
{
    struct to_json w;
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_member_text(&w, "i", l->id);
    to_json_member_text(&w, "d", l->door);
    to_json_member_text_if(&w, "p", l->person);
    to_json_member_int(&w, "n", l->named);
    to_json_member_text_if(&w, "a", l->app);
    to_json_member_int(&w, "k", l->app_by_kind ? (int)l->app_kind : -1);
    to_json_member_int(&w, "o", (l->passive ? 1 : 0) | (l->force ? 2 : 0) | (l->seen ? 4 : 0));
    to_json_member_int(&w, "t", l->started_s);
    to_json_member_int(&w, "e", l->expires_s);
    to_json_member_int(&w, "f", l->proof.proof);
    to_json_member_text_if(&w, "c", l->proof.device);
    to_json_member_int(&w, "y", l->proof.at_s);
    to_json_member_int(&w, "r", l->tried);
    to_json_member_text_if(&w, "b", l->browser);
    to_json_end(&w);
}

enum err_code login_seal(const struct node *node, const struct login *l, struct buf *token, struct err *err)
{
    CLEANUP(buf_wipe) struct buf plain;
    buf_init(&plain, PLAIN_BYTES);
    write_head(l, &plain);
    buf_append_byte(&plain, '\n');
    buf_append(&plain, l->request);
    enum err_code code = buf_check(&plain, "a login", err);
    if (code == OK)
        code = secret_seal(node->secret, SECRET_LOGIN, CONTEXT, buf_span(&plain), token, err);
    return code == OK && token->bytes > LOGIN_TOKEN_BYTES ? err_set(err, ERR_LIMIT, "a login of %zu bytes", token->bytes) : code;
}

static enum err_code read_texts(const struct from_json_value *root, struct arena *arena, struct login *l, struct err *err)
{
    const struct { const char *key; struct span *to; } texts[] = { { "i", &l->id }, { "d", &l->door }, { "p", &l->person }, { "a", &l->app }, { "c", &l->proof.device }, { "b", &l->browser } };
    enum err_code code = OK;
    for (size_t i = 0; code == OK && i < sizeof texts / sizeof texts[0]; i++) {
        struct from_json_value v = from_json_member(root, texts[i].key);
        struct span text = SPAN_NONE;
        code = from_json_text_opt(&v, HEAD_BYTES, &text, err);
        *texts[i].to = arena_copy(arena, text);
    }
    return code;
}

static enum err_code read_head(const struct from_json_value *root, struct arena *arena, struct login *l, struct err *err)
{
    int64_t named = 0, kind = -1, flags = 0, proof = 0, tried = 0;
    const struct { const char *key; int64_t least, most; int64_t *to; } numbers[] = {
        { "n", LOGIN_PERSON_UNNAMED, LOGIN_PERSON_ASSERTED, &named }, { "k", -1, MATCH_KINDS - 1, &kind }, { "o", 0, 7, &flags }, { "t", 0, INT64_MAX, &l->started_s },
        { "e", 0, INT64_MAX, &l->expires_s }, { "f", 0, PROOF_KINDS - 1, &proof }, { "y", 0, INT64_MAX, &l->proof.at_s }, { "r", 0, 255, &tried },
    };
    enum err_code code = read_texts(root, arena, l, err);
    for (size_t i = 0; code == OK && i < sizeof numbers / sizeof numbers[0]; i++) {
        struct from_json_value v = from_json_member(root, numbers[i].key);
        code = from_json_int(&v, numbers[i].least, numbers[i].most, numbers[i].to, err);
    }
    l->named = (enum login_person)named;
    l->app_by_kind = kind >= 0;
    l->app_kind = kind >= 0 ? (enum app_match)kind : MATCH_ID;
    l->passive = (flags & 1) != 0;
    l->force = (flags & 2) != 0;
    l->seen = (flags & 4) != 0;
    l->proof.proof = (enum proof)proof;
    l->tried = (unsigned)tried;
    return code;
}

enum err_code login_open(const struct node *node, struct span token, int64_t now_s, struct arena *arena, struct login *l, struct err *err)
{
    CLEANUP(buf_wipe) struct buf plain;
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    buf_init(&plain, PLAIN_BYTES);
    *l = (struct login){ 0 };
    if (token.bytes > LOGIN_TOKEN_BYTES || secret_open(node->secret, SECRET_LOGIN, CONTEXT, token, &plain, err) != OK)
        return err_set(err, ERR_DENIED, "this login is not one of ours");
    struct span text = buf_span(&plain), head = span_slice(text, 0, span_find(text, '\n'));
    enum err_code code = from_json_parse(head, (struct from_json_limits){ HEAD_BYTES, 4 }, "login", &doc, err);
    if (code != OK)
        return err_set(err, ERR_DENIED, "this login is not one of ours");
    struct from_json_value root = from_json_root(doc);
    code = read_head(&root, arena, l, err);
    l->request = arena_copy(arena, span_slice(text, head.bytes + 1, text.bytes));
    if (code != OK)
        return err_set(err, ERR_DENIED, "this login was made by another version"); /* a rolling upgrade */
    return now_s >= l->expires_s ? err_set(err, ERR_EXPIRED, "this login took too long") : OK;
}

struct span login_url(const struct http_request *r, struct span host, const struct login *l)
{
    CLEANUP(buf_done) struct buf url;
    CLEANUP(buf_done) struct buf token;
    struct err err;
    buf_init(&url, 2 * LOGIN_TOKEN_BYTES);
    buf_init(&token, 2 * LOGIN_TOKEN_BYTES);
    if (login_seal(r->node, l, &token, &err) != OK)
        return SPAN_NONE;
    buf_format(&url, "%.*s/login/", SPAN_ARGS(host));
    buf_append(&url, buf_span(&token));
    return url.failed ? SPAN_NONE : arena_copy(r->arena, buf_span(&url));
}
