#include "gateway/doors/oidc_grant.h"

#include <stddef.h>

enum { SEALED_BYTES = 2 * OIDC_GRANT_BYTES, DEPTH = 2, NUMBER_MOST = 255 };

static const struct { const char *context; } kinds[OIDC_GRANT_KINDS] = { [OIDC_GRANT_CODE] = { "oidc code" }, [OIDC_GRANT_ACCESS] = { "oidc access" } };

/* Names are short because a code travels in an address. */
static const struct { const char *key; size_t offset; } texts[] = {
    { "door", offsetof(struct oidc_grant, door) },     { "to", offsetof(struct oidc_grant, redirect_hash) }, { "pkce", offsetof(struct oidc_grant, challenge) },
    { "code", offsetof(struct oidc_grant, code_hash) }, { "nonce", offsetof(struct oidc_grant, nonce) },      { "sub", offsetof(struct oidc_grant, subject) },
    { "p", offsetof(struct oidc_grant, person) },      { "d", offsetof(struct oidc_grant, device) },         { "x", offsetof(struct oidc_grant, decision) },
    { "app", offsetof(struct oidc_grant, app) },       { "ai", offsetof(struct oidc_grant, app_id) },        { "an", offsetof(struct oidc_grant, app_name) },
};
enum { TEXTS = sizeof texts / sizeof texts[0] };

/* The small numbers of a grant, in one order for writing and reading. */
enum { NUMBERS = 8 };
static const char *const number_keys[NUMBERS] = { "names", "s", "ic", "uc", "o", "proof", "m", "c" };

static void numbers_of(const struct oidc_grant *g, int64_t out[NUMBERS])
{
    const int64_t all[NUMBERS] = { g->app_names, g->scopes, g->id_claims, g->userinfo_claims, g->outcome, g->proof, g->managed, g->compliant };
    for (size_t i = 0; i < NUMBERS; i++)
        out[i] = all[i];
}

static void take_numbers(struct oidc_grant *g, const int64_t all[NUMBERS])
{
    g->app_names = all[0] == OIDC_APP_API ? OIDC_APP_API : OIDC_APP_GUIDE;
    g->scopes = (unsigned)all[1];
    g->id_claims = (unsigned)all[2];
    g->userinfo_claims = (unsigned)all[3];
    g->outcome = all[4] <= OUTCOME_DENY ? (enum outcome)all[4] : OUTCOME_DENY;
    g->proof = all[5] < PROOF_KINDS ? (enum proof)all[5] : PROOF_NONE;
    g->managed = all[6] != 0;
    g->compliant = all[7] != 0;
}

struct span oidc_hash(struct span text, struct arena *a)
{
    uint8_t hash[SECRET_HASH_BYTES];
    CLEANUP(buf_done) struct buf encoded;
    buf_init(&encoded, OIDC_HASH_BYTES);
    secret_sha256(text, hash);
    return secret_base64url(span_make(hash, sizeof hash), &encoded) ? arena_copy(a, buf_span(&encoded)) : SPAN_NONE;
}

static void write_grant(const struct oidc_grant *g, struct buf *out)
{
    int64_t numbers[NUMBERS];
    struct to_json w;
    numbers_of(g, numbers);
    to_json_init(&w, out);
    to_json_object(&w);
    for (size_t i = 0; i < TEXTS; i++)
        to_json_member_text_if(&w, texts[i].key, *(const struct span *)(const void *)((const char *)g + texts[i].offset));
    for (size_t i = 0; i < NUMBERS; i++)
        to_json_member_int_if(&w, number_keys[i], numbers[i]);
    to_json_member_int(&w, "at", g->at_s);
    to_json_member_int(&w, "exp", g->expires_s);
    to_json_end(&w);
}

enum err_code oidc_grant_seal(const struct node *node, enum oidc_grant_kind kind, const struct oidc_grant *g, struct arena *a, struct span *out, struct err *err)
{
    CLEANUP(buf_done) struct buf plain, sealed;
    buf_init(&plain, OIDC_GRANT_BYTES);
    buf_init(&sealed, SEALED_BYTES);
    write_grant(g, &plain);
    enum err_code code = buf_check(&plain, kinds[kind].context, err);
    if (code == OK)
        code = secret_seal(node->secret, SECRET_OIDC, span_of(kinds[kind].context), buf_span(&plain), &sealed, err);
    if (code != OK)
        return code;
    *out = arena_copy(a, buf_span(&sealed));
    return span_empty(*out) ? err_set(err, ERR_MEMORY, "%s", kinds[kind].context) : OK;
}

static enum err_code read_grant(const struct from_json_value *root, struct arena *a, struct oidc_grant *g, struct err *err)
{
    int64_t numbers[NUMBERS] = { 0 };
    struct from_json_value at = from_json_member(root, "at"), expires = from_json_member(root, "exp");
    enum err_code code = OK;
    for (size_t i = 0; code == OK && i < TEXTS; i++) {
        struct from_json_value member = from_json_member(root, texts[i].key);
        struct span text = SPAN_NONE;
        code = from_json_text_opt(&member, OIDC_GRANT_BYTES, &text, err);
        *(struct span *)(void *)((char *)g + texts[i].offset) = arena_copy(a, text);
    }
    for (size_t i = 0; code == OK && i < NUMBERS; i++) {
        struct from_json_value member = from_json_member(root, number_keys[i]);
        code = from_json_int_opt(&member, 0, NUMBER_MOST, &numbers[i], err);
    }
    if (code == OK)
        code = from_json_int(&at, 0, INT64_MAX / 2, &g->at_s, err);
    if (code == OK)
        code = from_json_int(&expires, 0, INT64_MAX / 2, &g->expires_s, err);
    take_numbers(g, numbers);
    return code;
}

enum err_code oidc_grant_open(const struct node *node, enum oidc_grant_kind kind, struct span text, int64_t now_s, struct arena *arena, struct oidc_grant *g, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    CLEANUP(buf_done) struct buf plain;
    struct oidc_grant found = { 0 };
    buf_init(&plain, OIDC_GRANT_BYTES);
    enum err_code code = text.bytes > SEALED_BYTES ? err_set(err, ERR_DENIED, "too long") : secret_open(node->secret, SECRET_OIDC, span_of(kinds[kind].context), text, &plain, err);
    if (code != OK)
        return code == ERR_MEMORY ? code : err_set(err, ERR_DENIED, "this is not an %s of ours", kinds[kind].context);
    code = from_json_parse(buf_span(&plain), (struct from_json_limits){ OIDC_GRANT_BYTES, DEPTH }, kinds[kind].context, &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc);
    code = read_grant(&root, arena, &found, err);
    if (code == OK && found.expires_s <= now_s)
        code = err_set(err, ERR_EXPIRED, "the %s has expired", kinds[kind].context);
    if (code == OK)
        *g = found;
    return code;
}
