#include "gateway/http/auth.h"

#include "gateway/callers.h"
#include "gateway/node.h"

#include <stdlib.h>
#include <string.h>

/* "pst_" id "_" secret: the secret's length is fixed, so an id may hold any of its letters. */
enum { KEY_PREFIX_BYTES = 4, KEY_SECRET_BYTES = 43, KEY_ID_BYTES = 64 };

/* The first of several, by name. */
static const char *scope_name(unsigned scope) { return api_scope_name(scope & -scope); }

/* RFC 6750 section 2.1; the scheme is case-insensitive (RFC 9110 section 11.1). Okta's hooks send the secret as it was typed in, which is a key without
 * a scheme: their routes take it. */
static bool read_bearer(struct span value, unsigned scope, struct span *token)
{
    static const struct span usual = { "Bearer pst_", 11 };
    if (span_starts(value, usual) && (unsigned char)value.at[value.bytes - 1] > ' ') { /* as our own examples write it: nothing to trim */
        *token = span_slice(value, sizeof "Bearer " - 1, value.bytes);
        return true;
    }
    value = span_trim(value);
    *token = value;
    if (scope == SCOPE_HOOKS && span_starts(value, SPAN_LITERAL("pst_")))
        return true;
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
    struct caller caller = { CALLER_API_KEY, arena_copy(r->arena, key->id), arena_copy(r->arena, key->label), key->scopes, arena_copy(r->arena, key->door) };
    if (caller.id.at == NULL || caller.label.at == NULL || (caller.door.at == NULL && !span_empty(key->door)))
        return err_set(err, ERR_MEMORY, "naming the caller");
    r->caller = caller;
    return OK;
}

/* The key that the text is, while the directory is held. */
static enum err_code look_up(const struct http_request *r, struct span text, const struct api_key **key, struct err *err)
{
    struct span id, secret;
    if (!split_key(text, &id, &secret))
        return err_set(err, ERR_UNAUTHORIZED, "this is not an API key");
    *key = find_key(directory_control(r->node->directory), id);
    if (*key == NULL && !directory_counts(r->node->directory).complete)
        return err_set(err, ERR_UNAVAILABLE, "this node is starting and does not know the API keys yet"); /* 401 would say that the key is bad */
    if (*key == NULL || !key_holds(*key, secret, r->now_s))
        return err_set(err, ERR_UNAUTHORIZED, "this API key is not valid");
    return OK;
}

/* ---- keys that were good a moment ago ---- */

static struct known_key *known_slot(struct key_memory *m, struct span text)
{
    enum { SECRET_END = 12 }; /* random enough to tell keys apart */
    bool fits = text.bytes >= SECRET_END && text.bytes <= KEY_TEXT_BYTES;
    return fits ? &m->all[span_table_hash(span_slice(text, text.bytes - SECRET_END, SECRET_END), 0) % KEYS_KNOWN] : NULL;
}

static void forget(struct known_key *k)
{
    free(k->texts);
    secret_wipe(k, sizeof *k);
}

void key_memory_done(struct key_memory *m)
{
    for (size_t i = 0; i < KEYS_KNOWN; i++)
        forget(&m->all[i]);
}

static int64_t keys_version(const struct http_request *r) { return directory_control(r->node->directory)->version[CONTROL_API_KEYS]; }

static bool remembers(const struct http_request *r, const struct known_key *k, struct span text)
{
    bool same = k->text_bytes == text.bytes && span_equal_ct(span_make(k->text, k->text_bytes), text);
    return same && k->version == keys_version(r) && (k->expires_s == 0 || r->now_s < k->expires_s);
}

static struct span put_text(char **to, struct span text)
{
    char *at = *to;
    if (text.bytes > 0)
        memcpy(at, text.at, text.bytes);
    *to += text.bytes;
    return span_make(at, text.bytes);
}

static void remember(struct known_key *k, struct span text, int64_t version, const struct api_key *key)
{
    char *texts = malloc(key->id.bytes + key->label.bytes + key->door.bytes + 1), *to = texts;
    forget(k);
    if (texts == NULL)
        return;
    k->caller = (struct caller){ CALLER_API_KEY, put_text(&to, key->id), put_text(&to, key->label), key->scopes, put_text(&to, key->door) };
    k->texts = texts;
    memcpy(k->text, text.at, text.bytes);
    k->text_bytes = text.bytes;
    k->version = version;
    k->expires_s = key->expires_s;
}

/* The slot may be another key's before the request ends (the slow lane): the caller gets copies. Its texts stand one behind the other. */
static enum err_code accept_known(struct http_request *r, const struct known_key *k, struct err *err)
{
    const struct caller *known = &k->caller;
    struct span all = { k->texts, known->id.bytes + known->label.bytes + known->door.bytes }, copy = arena_copy(r->arena, all);
    if (copy.at == NULL)
        return err_set(err, ERR_MEMORY, "naming the caller");
    r->caller = *known;
    r->caller.id.at = copy.at;
    r->caller.label.at = copy.at + known->id.bytes;
    r->caller.door.at = copy.at + known->id.bytes + known->label.bytes;
    return OK;
}

static enum err_code check_key(struct http_request *r, struct span text, struct err *err)
{
    const struct api_key *key = NULL;
    struct known_key *k = r->keys != NULL ? known_slot(r->keys, text) : NULL;
    directory_enter(r->node->directory);
    bool known = k != NULL && k->text_bytes > 0 && remembers(r, k, text);
    enum err_code code = known ? accept_known(r, k, err) : look_up(r, text, &key, err);
    if (!known && code == OK) {
        code = accept_key(r, key, err);
        if (k != NULL)
            remember(k, text, keys_version(r), key);
    }
    directory_leave(r->node->directory);
    return code;
}

enum err_code auth_door_secret(const struct http_request *r, struct span door, struct span secret, struct err *err)
{
    const struct api_key *key = NULL;
    directory_enter(r->node->directory);
    enum err_code code = look_up(r, secret, &key, err);
    if (code == OK && ((key->scopes & SCOPE_LOGIN) == 0 || span_empty(door) || !span_equal(key->door, door)))
        code = err_set(err, ERR_UNAUTHORIZED, "this is not a client secret of door %.*s", SPAN_ARGS(door));
    directory_leave(r->node->directory);
    return code;
}

/* Three parts with dots between (RFC 7515 section 7.1); no API key has a dot. */
static bool looks_like_token(struct span text) { return span_find(text, '.') < text.bytes; }

static enum err_code check_certificate(struct http_request *r, struct err *err)
{
    enum err_code code = r->node->callers != NULL ? callers_certificate(r->node->callers, r, err) : ERR_NOT_FOUND;
    return code != ERR_NOT_FOUND ? code : err_set(err, ERR_UNAUTHORIZED, "an API key is needed: Authorization: Bearer pst_...");
}

static enum err_code identify(struct http_request *r, unsigned scope, struct err *err)
{
    struct span token;
    if (r->caller.kind == CALLER_SOCKET)
        return OK; /* the server checked the peer's uid */
    const struct http_header *authorization = request_find_known(r, HEADER_AUTHORIZATION);
    if (authorization == NULL)
        return check_certificate(r, err);
    if (!read_bearer(authorization->value, scope, &token))
        return err_set(err, ERR_UNAUTHORIZED, "this is not an API key");
    return looks_like_token(token) && r->node->callers != NULL ? callers_token(r->node->callers, r, token, err) : check_key(r, token, err);
}

static enum err_code has_scope(const struct http_request *r, unsigned scope, struct err *err)
{
    unsigned has = r->caller.kind == CALLER_SOCKET ? SCOPE_ALL : r->caller.scopes;
    if ((has & scope) != scope)
        return err_set(err, ERR_DENIED, "this needs the scope %s", scope_name(scope & ~has));
    return OK;
}

enum err_code auth_caller(struct http_request *r, unsigned scope, struct err *err)
{
    enum err_code code = identify(r, scope, err);
    return code == OK ? has_scope(r, scope, err) : code;
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
