#include "gateway/http/auth.h"

#include "gateway/node.h"

/* "pst_" id "_" secret: the secret's length is fixed, so an id may hold any of its letters. */
enum { KEY_PREFIX_BYTES = 4, KEY_SECRET_BYTES = 43, KEY_ID_BYTES = 64 };
static const unsigned all_scopes = SCOPE_DECIDE | SCOPE_POSTURE | SCOPE_FACTS | SCOPE_EVENTS | SCOPE_HOOKS | SCOPE_ADMIN;
static const struct { unsigned bit; const char *name; } scope_names[] = {
    { SCOPE_DECIDE, "decide" }, { SCOPE_POSTURE, "posture" }, { SCOPE_FACTS, "facts" }, { SCOPE_EVENTS, "events" }, { SCOPE_HOOKS, "hooks" }, { SCOPE_ADMIN, "admin" },
};

static const char *scope_name(unsigned scope)
{
    for (size_t i = 0; i < sizeof scope_names / sizeof scope_names[0]; i++)
        if ((scope & scope_names[i].bit) != 0)
            return scope_names[i].name;
    return "";
}

/* RFC 6750 section 2.1; the scheme is case-insensitive (RFC 9110 section 11.1). */
static bool read_bearer(const struct http_request *r, struct span *token)
{
    struct span value = span_trim(request_header(r, "Authorization"));
    size_t space = span_find(value, ' ');
    if (!span_equal_fold(span_slice(value, 0, space), SPAN_LITERAL("Bearer")))
        return false;
    *token = span_trim(span_slice(value, space, value.bytes));
    return !span_empty(*token);
}

static bool split_key(struct span token, struct span *id, struct span *secret)
{
    if (!span_starts(token, SPAN_LITERAL("pst_")) || token.bytes < KEY_PREFIX_BYTES + 2 + KEY_SECRET_BYTES)
        return false;
    size_t id_bytes = token.bytes - KEY_PREFIX_BYTES - 1 - KEY_SECRET_BYTES;
    if (id_bytes > KEY_ID_BYTES || token.at[KEY_PREFIX_BYTES + id_bytes] != '_')
        return false;
    *id = span_slice(token, KEY_PREFIX_BYTES, id_bytes);
    *secret = span_slice(token, token.bytes - KEY_SECRET_BYTES, KEY_SECRET_BYTES);
    return true;
}

static const struct api_key *find_key(const struct control *control, struct span id)
{
    for (size_t i = 0; i < control->api_key_count; i++)
        if (span_equal(control->api_keys[i].id, id))
            return &control->api_keys[i];
    return NULL;
}

static bool key_holds(const struct api_key *key, struct span secret, int64_t now_s)
{
    char hex[SECRET_HEX_BYTES + 1];
    secret_sha256_hex(secret, hex);
    bool same = span_equal_ct(span_make(hex, SECRET_HEX_BYTES), key->secret_sha256);
    return same && !key->revoked && (key->expires_s == 0 || now_s < key->expires_s);
}

/* Copies what it keeps: the directory's texts are valid only until directory_leave(). */
static enum err_code accept_key(struct http_request *r, const struct api_key *key, struct err *err)
{
    struct caller caller = { CALLER_API_KEY, arena_copy(r->arena, key->id), arena_copy(r->arena, key->label), key->scopes };
    if (caller.id.at == NULL || caller.label.at == NULL)
        return err_set(err, ERR_MEMORY, "naming the caller");
    r->caller = caller;
    return OK;
}

static enum err_code check_key(struct http_request *r, struct span id, struct span secret, struct err *err)
{
    directory_enter(r->node->directory);
    const struct api_key *key = find_key(directory_control(r->node->directory), id);
    enum err_code code = OK;
    if (key == NULL && !directory_counts(r->node->directory).complete)
        code = err_set(err, ERR_UNAVAILABLE, "this node is starting and does not know the API keys yet"); /* 401 would say that the key is bad */
    else
        code = key != NULL && key_holds(key, secret, r->now_s) ? accept_key(r, key, err) : err_set(err, ERR_UNAUTHORIZED, "this API key is not valid");
    directory_leave(r->node->directory);
    return code;
}

static enum err_code identify(struct http_request *r, struct err *err)
{
    struct span token, id, secret;
    if (r->caller.kind == CALLER_SOCKET)
        return OK; /* the server checked the peer's uid */
    if (!request_has_header(r, "Authorization"))
        return err_set(err, ERR_UNAUTHORIZED, "an API key is needed: Authorization: Bearer pst_...");
    if (!read_bearer(r, &token) || !split_key(token, &id, &secret))
        return err_set(err, ERR_UNAUTHORIZED, "this is not an API key");
    return check_key(r, id, secret, err);
}

enum err_code auth_caller(struct http_request *r, unsigned scope, struct err *err)
{
    enum err_code code = identify(r, err);
    if (code != OK)
        return code;
    unsigned has = r->caller.kind == CALLER_SOCKET ? all_scopes : r->caller.scopes;
    if ((has & scope) != scope)
        return err_set(err, ERR_DENIED, "this needs an API key with scope %s", scope_name(scope & ~has));
    return OK;
}

void auth_challenge(const struct http_request *r, struct http_response *res, enum err_code code, unsigned scope)
{
    if (code == ERR_DENIED) {
        struct span value = arena_format(r->arena, "Bearer realm=\"postern\", error=\"insufficient_scope\", scope=\"%s\"", scope_name(scope));
        response_header(res, "WWW-Authenticate", value);
    } else if (code == ERR_UNAUTHORIZED) {
        bool presented = request_has_header(r, "Authorization");
        response_header(res, "WWW-Authenticate", presented ? SPAN_LITERAL("Bearer realm=\"postern\", error=\"invalid_token\"") : SPAN_LITERAL("Bearer realm=\"postern\""));
    }
}
