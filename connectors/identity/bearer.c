#include "connectors/identity/bearer_parts.h"

#include <stdlib.h>
#include <string.h>

enum { ISSUER_TEXT_BYTES = 4096, SCOPE_TEXT_BYTES = 4096, SCOPE_WORDS = 256, ARENA_BYTES = 1024 * 1024, THUMBPRINT_BYTES = 43 };

struct issuer {
    struct bearer_issuer is;
    struct shared keys;              /* struct bearer_keys */
    struct bearer_memory *memory;
};
struct bearer {
    struct oauth2_log_t *library;
    const struct log *log;
    struct arena arena;
    struct issuer *all;
    size_t count;
};

static enum err_code refuse(struct err *err, const char *why) { return err_set(err, ERR_UNAUTHORIZED, "the access token is not valid: %s", why); }

/* ---- making ---- */

static bool copy_text(struct arena *arena, struct span *text)
{
    size_t bytes = text->bytes;
    *text = arena_copy(arena, *text);
    return text->bytes == bytes;
}

static bool copy_issuer(struct arena *arena, const struct bearer_issuer *from, struct bearer_issuer *to)
{
    struct bearer_scope *scopes = arena_array(arena, from->scope_count + 1, sizeof *scopes);
    struct span *clients = arena_array(arena, from->client_count + 1, sizeof *clients);
    *to = *from;
    bool good = scopes != NULL && clients != NULL && copy_text(arena, &to->id) && copy_text(arena, &to->issuer) && copy_text(arena, &to->audience) && copy_text(arena, &to->type);
    for (size_t i = 0; good && i < from->scope_count; i++) {
        scopes[i] = from->scopes[i];
        good = copy_text(arena, &scopes[i].theirs);
    }
    for (size_t i = 0; good && i < from->client_count; i++) {
        clients[i] = from->clients[i];
        good = copy_text(arena, &clients[i]);
    }
    to->scopes = scopes;
    to->clients = clients;
    return good;
}

static enum err_code fill(struct bearer *b, const struct bearer_issuer *issuers, size_t count, struct err *err)
{
    b->all = arena_array(&b->arena, count + 1, sizeof *b->all);
    if (b->all == NULL)
        return err_set(err, ERR_MEMORY, "issuers");
    for (size_t i = 0; i < count; i++) {
        shared_init(&b->all[i].keys);
        b->count++;
        b->all[i].memory = bearer_memory_new();
        if (b->all[i].memory == NULL || !copy_issuer(&b->arena, &issuers[i], &b->all[i].is))
            return err_set(err, ERR_MEMORY, "issuers");
    }
    return OK;
}

enum err_code bearer_new(const struct bearer_issuer *issuers, size_t count, const struct log *log, struct bearer **out, struct err *err)
{
    if (count > BEARER_ISSUERS)
        return err_set(err, ERR_LIMIT, "at most %d issuers", BEARER_ISSUERS);
    struct bearer *b = calloc(1, sizeof *b);
    if (b == NULL)
        return err_set(err, ERR_MEMORY, "issuers");
    b->log = log;
    arena_init(&b->arena, 4096, ARENA_BYTES);
    enum err_code code = fill(b, issuers, count, err);
    if (code == OK)
        code = bearer_library_start(log, count, &b->library, err);
    if (code == OK)
        *out = b;
    else
        bearer_free(b);
    return code;
}

void bearer_free(struct bearer *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->count; i++) {
        shared_done(&b->all[i].keys);
        bearer_memory_free(b->all[i].memory);
    }
    bearer_library_stop(b->library);
    arena_done(&b->arena);
    free(b);
}

static struct bearer_keys *take_keys(struct issuer *issuer) { return (struct bearer_keys *)(void *)shared_take(&issuer->keys); }

static void drop_keys(struct bearer_keys **keys) { shared_drop(*keys != NULL ? &(*keys)->shared : NULL); }

void bearer_set_keys(struct bearer *b, size_t issuer, const struct jose_keys *keys)
{
    struct issuer *is = &b->all[issuer];
    CLEANUP(drop_keys) struct bearer_keys *before = take_keys(is);
    struct bearer_keys *made = NULL;
    uint8_t fingerprint[SECRET_HASH_BYTES];
    struct err err;
    if (keys == NULL) {
        shared_show(&is->keys, NULL);
        return;
    }
    bearer_keys_fingerprint(keys, fingerprint);
    if (before != NULL && memcmp(before->fingerprint, fingerprint, sizeof fingerprint) == 0)
        return;
    if (bearer_keys_new(b->library, issuer, keys, &made, &err) == OK)
        shared_show(&is->keys, &made->shared);
    else
        log_event(b->log, LOG_ERROR, "bearer.keys_not_taken", LOG_SPAN("issuer", is->is.id), LOG_ERR(&err));
}

/* ---- claims ---- */

static unsigned scopes_of(const struct bearer_issuer *is, struct span word)
{
    unsigned scopes = 0;
    for (size_t i = 0; i < is->scope_count; i++)
        if (span_equal(is->scopes[i].theirs, word))
            scopes |= is->scopes[i].ours;
    return scopes;
}

/* "a b c" (RFC 9068 section 2.2.3), or a list: Okta's scp, Entra's roles. What is of another type opens nothing. */
static unsigned read_scopes(const struct bearer_issuer *is, const struct from_json_value *claims, const char *name)
{
    struct from_json_value member = from_json_member(claims, name);
    struct span text = SPAN_NONE, word;
    struct err err;
    unsigned scopes = 0;
    if (from_json_text(&member, SCOPE_TEXT_BYTES, &text, &err) == OK)
        while (span_cut(&text, ' ', &word))
            scopes |= scopes_of(is, word);
    for (size_t i = 0; from_json_kind(&member) == FROM_JSON_ARRAY && i < from_json_count(&member) && i < SCOPE_WORDS; i++) {
        struct from_json_value item = from_json_item(&member, i);
        if (from_json_text(&item, SCOPE_TEXT_BYTES, &text, &err) == OK)
            scopes |= scopes_of(is, text);
    }
    return scopes;
}

/* client_id (RFC 9068); cid is Okta's, azp and appid are Entra's. The first that is there counts. */
static enum err_code read_client(const struct from_json_value *claims, struct span *client, struct err *err)
{
    static const char *const names[] = { "client_id", "cid", "azp", "appid" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct from_json_value member = from_json_member(claims, names[i]);
        if (from_json_kind(&member) != FROM_JSON_ABSENT)
            return from_json_text(&member, BEARER_NAME_BYTES, client, err) == OK ? OK : refuse(err, "its client is no name");
    }
    return OK;
}

static enum err_code check_client(const struct bearer_issuer *is, struct span client, struct err *err)
{
    for (size_t i = 0; i < is->client_count; i++)
        if (span_equal(is->clients[i], client))
            return OK;
    return is->client_count == 0 ? OK : refuse(err, "its client is not in the list of this issuer's clients");
}

/* RFC 7800. Only a certificate (RFC 8705 section 3.1) can be checked here: a token bound in any other way must not pass as one that is not bound. */
static enum err_code read_binding(const struct from_json_value *claims, struct bearer_known *known, struct err *err)
{
    CLEANUP(buf_done) struct buf hash;
    struct from_json_value cnf = from_json_member(claims, "cnf"), thumbprint = from_json_member(&cnf, "x5t#S256");
    struct span text = SPAN_NONE;
    buf_init(&hash, SECRET_HASH_BYTES);
    if (from_json_kind(&cnf) == FROM_JSON_ABSENT)
        return OK;
    if (from_json_kind(&cnf) != FROM_JSON_OBJECT || from_json_count(&cnf) != 1 || from_json_text(&thumbprint, THUMBPRINT_BYTES, &text, err) != OK)
        return refuse(err, "it is bound in a way that cannot be checked here; only a client certificate (x5t#S256) can");
    if (secret_from_base64url(text, SECRET_HASH_BYTES, &hash, err) != OK || hash.bytes != SECRET_HASH_BYTES)
        return refuse(err, "its x5t#S256 is no hash");
    secret_hex(hash.at, hash.bytes, known->certificate);
    return OK;
}

static bool keep(char to[BEARER_NAME_BYTES + 1], struct span text)
{
    if (text.bytes > BEARER_NAME_BYTES)
        return false;
    memcpy(to, text.bytes > 0 ? text.at : "", text.bytes);
    to[text.bytes] = '\0';
    return true;
}

static enum err_code read_names(const struct bearer_issuer *is, const struct from_json_value *claims, struct bearer_known *known, struct err *err)
{
    struct from_json_value sub = from_json_member(claims, "sub");
    struct span client = SPAN_NONE, subject = SPAN_NONE;
    enum err_code code = read_client(claims, &client, err);
    if (code == OK)
        code = check_client(is, client, err);
    if (code == OK && from_json_text_opt(&sub, BEARER_NAME_BYTES, &subject, err) != OK)
        code = refuse(err, "its subject is no name");
    if (code == OK && (!keep(known->client, client) || !keep(known->subject, subject) || (span_empty(client) && span_empty(subject))))
        code = refuse(err, "it names neither a client nor a subject");
    return code;
}

static int64_t time_of(const struct from_json_value *claims, const char *name)
{
    struct from_json_value member = from_json_member(claims, name);
    int64_t at_s = 0;
    struct err err;
    return from_json_int(&member, 0, INT64_MAX, &at_s, &err) == OK ? at_s : 0; /* checked before: what is there is a number */
}

static enum err_code read_claims(const struct bearer_issuer *is, const struct jose_token *token, int64_t now_s, struct bearer_known *known, struct err *err)
{
    struct from_json_value claims = jose_token_claims(token);
    const struct jose_rules rules = { .issuer = is->issuer, .audience = is->audience, .type = is->type, .type_optional = is->type_optional, .skew_s = JOSE_SKEW_S, .now_s = now_s };
    struct err why;
    if (jose_token_check(token, &rules, &why) != OK)
        return refuse(err, why.text);
    *known = (struct bearer_known){ .exp_s = time_of(&claims, "exp"), .nbf_s = time_of(&claims, "nbf") };
    known->scopes = read_scopes(is, &claims, "scope") | read_scopes(is, &claims, "scp") | read_scopes(is, &claims, "roles");
    enum err_code code = read_binding(&claims, known, err);
    return code == OK ? read_names(is, &claims, known, err) : code;
}

/* ---- checking ---- */

/* What time and the connection decide anew each time, remembered or not. liboauth2 gives exp no grace, so neither does a remembered token get any. */
static enum err_code check_now(const struct bearer_known *known, struct span certificate, int64_t now_s, struct err *err)
{
    if (now_s >= known->exp_s)
        return refuse(err, "exp is past");
    if (known->nbf_s > now_s + JOSE_SKEW_S)
        return refuse(err, "nbf lies ahead");
    if (known->certificate[0] != '\0' && !span_equal_text(certificate, known->certificate))
        return refuse(err, "it is bound to a client certificate that this connection did not show");
    return OK;
}

static enum err_code give(const struct issuer *issuer, size_t place, const struct bearer_known *known, struct arena *arena, struct bearer_caller *out, struct err *err)
{
    struct span name = span_of(known->client[0] != '\0' ? known->client : known->subject);
    *out = (struct bearer_caller){ .issuer = place, .id = arena_format(arena, "%.*s:%.*s", SPAN_ARGS(issuer->is.id), SPAN_ARGS(name)), .subject = arena_copy_text(arena, known->subject),
                                   .scopes = known->scopes, .expires_s = known->exp_s };
    return span_empty(out->id) || out->subject.bytes != strlen(known->subject) ? err_set(err, ERR_MEMORY, "naming the caller") : OK;
}

/* Each issuer has a memory of its own, so the one that knows the token is the one that it was verified for. */
static bool remember(struct bearer *b, const uint8_t *hash, int64_t now_s, size_t *place, struct bearer_known *known)
{
    for (size_t i = 0; i < b->count; i++) {
        CLEANUP(drop_keys) struct bearer_keys *keys = take_keys(&b->all[i]);
        if (keys != NULL && bearer_memory_find(b->all[i].memory, hash, keys->fingerprint, now_s, known))
            return *place = i, true;
    }
    return false;
}

/* The issuer that the token says it is from; whether that is true is what its keys then show. */
static struct issuer *issuer_of(struct bearer *b, const struct jose_token *token, size_t *place)
{
    struct from_json_value claims = jose_token_unverified(token), iss = from_json_member(&claims, "iss");
    struct span name = SPAN_NONE;
    struct err err;
    if (from_json_text(&iss, ISSUER_TEXT_BYTES, &name, &err) != OK)
        return NULL;
    for (size_t i = 0; i < b->count; i++)
        if (span_equal(b->all[i].is.issuer, name))
            return *place = i, &b->all[i];
    return NULL;
}

static enum err_code verify(const struct issuer *issuer, const struct bearer_keys *keys, struct span text, struct jose_token *token, struct err *err)
{
    if ((jose_token_algorithm(token) & issuer->is.algorithms) == 0)
        return refuse(err, "its algorithm is not one of this issuer's");
    const struct bearer_key *key = bearer_keys_find(keys, jose_token_kid(token), jose_token_algorithm(token));
    if (key == NULL)
        return err_set(err, ERR_NOT_FOUND, "the access token was signed with a key of issuer %.*s that is not known here", SPAN_ARGS(issuer->is.id));
    if (!bearer_key_verifies(keys, key, text))
        return refuse(err, "its signature is wrong, or it has expired");
    jose_token_believe(token);
    return OK;
}

static enum err_code check_new(struct bearer *b, struct span text, const uint8_t *hash, int64_t now_s, size_t *place, struct bearer_known *known, struct err *err)
{
    CLEANUP(jose_token_freep) struct jose_token *token = NULL;
    struct err why;
    enum err_code code = jose_token_read(text, &token, &why);
    if (code != OK)
        return code == ERR_MEMORY ? err_set(err, code, "%s", why.text) : refuse(err, why.text);
    struct issuer *issuer = issuer_of(b, token, place);
    if (issuer == NULL)
        return refuse(err, "its issuer is not known here");
    CLEANUP(drop_keys) struct bearer_keys *keys = take_keys(issuer);
    if (keys == NULL)
        return err_set(err, ERR_UNAVAILABLE, "the keys of issuer %.*s could not be fetched yet", SPAN_ARGS(issuer->is.id));
    code = verify(issuer, keys, text, token, err);
    if (code == OK)
        code = read_claims(&issuer->is, token, now_s, known, err);
    if (code == OK)
        bearer_memory_put(issuer->memory, hash, keys->fingerprint, now_s, known);
    return code;
}

enum err_code bearer_check(struct bearer *b, struct span token, struct span certificate, int64_t now_s, struct arena *arena, struct bearer_caller *out, struct err *err)
{
    struct bearer_known known;
    uint8_t hash[SECRET_HASH_BYTES];
    enum err_code code = OK;
    if (token.bytes > JOSE_TOKEN_BYTES)
        return refuse(err, "it is too long");
    secret_sha256(token, hash);
    if (!remember(b, hash, now_s, &out->issuer, &known))
        code = check_new(b, token, hash, now_s, &out->issuer, &known, err);
    if (code == OK)
        code = check_now(&known, certificate, now_s, err);
    return code == OK ? give(&b->all[out->issuer], out->issuer, &known, arena, out, err) : code;
}
