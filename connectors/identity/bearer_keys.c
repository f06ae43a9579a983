/* liboauth2 behind bearer.c. */
#include "connectors/identity/bearer_parts.h"

#include <oauth2/cfg.h>
#include <oauth2/log.h>
#include <oauth2/mem.h>
#include <oauth2/oauth2.h>
#include <oauth2/util.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_BYTES = 128, CACHE_ENTRIES = 16, ARENA_BYTES = 4 * JOSE_SET_BYTES };

/* ---- the library ---- */

/* Messages hold what a peer sent (claims, sometimes tokens), so none is passed on: only where it arose. Above WARN the library prints whole tokens. */
static void take_message(oauth2_log_sink_t *sink, const char *file, unsigned long line, const char *function, oauth2_log_level_t level, const char *message)
{
    const struct log *log = oauth2_log_sink_ctx_get(sink);
    (void)file, (void)message;
    log_event(log, LOG_DEBUG, "oauth2.said", LOG_STR("function", function), LOG_INT("line", line), LOG_INT("level", level));
}

/* An issuer's cache is its own, because liboauth2 asks the cache before the key; and it stays empty (expiry=0), because a hit is checked for nothing. It is
 * made here, before threads: liboauth2's list of caches has no lock, and keeps names for good, so a cache a key would grow it with every rotation. */
static void cache_name(size_t issuer, char name[OPTIONS_BYTES]) { snprintf(name, OPTIONS_BYTES, "postern-issuer-%zu", issuer); }

static bool make_cache(oauth2_log_t *library, size_t issuer)
{
    char name[OPTIONS_BYTES], options[2 * OPTIONS_BYTES];
    cache_name(issuer, name);
    snprintf(options, sizeof options, "name=%s&max_entries=%d", name, CACHE_ENTRIES);
    return oauth2_cfg_set_cache(library, NULL, "shm", options) == NULL; /* its error may be static text: not freed */
}

enum err_code bearer_library_start(const struct log *log, size_t issuers, struct oauth2_log_t **out, struct err *err)
{
    oauth2_log_sink_t *sink = oauth2_log_sink_create(OAUTH2_LOG_WARN, take_message, (void *)(uintptr_t)log);
    oauth2_log_t *library = sink != NULL ? oauth2_init(OAUTH2_LOG_WARN, sink) : NULL;
    if (library == NULL)
        return err_set(err, ERR_INTERNAL, "liboauth2 does not start");
    for (size_t i = 0; i < issuers; i++) {
        if (!make_cache(library, i)) {
            oauth2_shutdown(library);
            return err_set(err, ERR_INTERNAL, "liboauth2 made no cache; is /dev/shm there?");
        }
    }
    *out = library;
    return OK;
}

void bearer_library_stop(struct oauth2_log_t *library)
{
    if (library != NULL)
        oauth2_shutdown(library);
}

/* ---- keys ---- */

static void free_keys(struct shared_body *body)
{
    struct bearer_keys *keys = (struct bearer_keys *)(void *)body;
    for (size_t i = 0; i < keys->count; i++)
        oauth2_cfg_token_verify_free(keys->library, keys->all[i].verifier);
    arena_done(&keys->arena);
    free(keys);
}

void bearer_keys_fingerprint(const struct jose_keys *keys, uint8_t out[SECRET_HASH_BYTES])
{
    CLEANUP(buf_done) struct buf text;
    buf_init(&text, 2 * JOSE_SET_BYTES);
    for (size_t i = 0; i < jose_keys_count(keys); i++) {
        struct jose_key key = jose_keys_at(keys, i);
        buf_format(&text, "%u:%.*s\n", key.algorithms, SPAN_ARGS(key.jwk)); /* the JWK holds the kid */
    }
    secret_sha256(buf_span(&text), out);
}

static enum err_code add_key(struct bearer_keys *keys, size_t issuer, const struct jose_key *key, struct err *err)
{
    char cache[OPTIONS_BYTES], options[2 * OPTIONS_BYTES];
    struct bearer_key *to = &keys->all[keys->count++];
    struct span jwk = arena_copy(&keys->arena, key->jwk);
    *to = (struct bearer_key){ arena_copy(&keys->arena, key->kid), key->algorithms, NULL };
    if (span_empty(jwk) || to->kid.bytes != key->kid.bytes)
        return err_set(err, ERR_MEMORY, "the keys of an issuer");
    cache_name(issuer, cache);
    snprintf(options, sizeof options, "type=bearer&verify.cache=%s&expiry=0&verify.exp=required&verify.iat=skip", cache);
    char *wrong = oauth2_cfg_token_verify_add_options(keys->library, &to->verifier, "jwk", jwk.at, options);
    if (wrong == NULL)
        return OK;
    oauth2_mem_free(wrong);
    return err_set(err, ERR_INTERNAL, "liboauth2 does not take a key of an issuer");
}

enum err_code bearer_keys_new(struct oauth2_log_t *library, size_t issuer, const struct jose_keys *keys, struct bearer_keys **out, struct err *err)
{
    struct bearer_keys *made = calloc(1, sizeof *made);
    if (made == NULL)
        return err_set(err, ERR_MEMORY, "the keys of an issuer");
    made->shared.free = free_keys;
    made->library = library;
    arena_init(&made->arena, 4096, ARENA_BYTES);
    bearer_keys_fingerprint(keys, made->fingerprint);
    enum err_code code = OK;
    for (size_t i = 0; code == OK && i < jose_keys_count(keys); i++) {
        struct jose_key key = jose_keys_at(keys, i);
        code = add_key(made, issuer, &key, err);
    }
    if (code == OK)
        *out = made;
    else
        free_keys(&made->shared);
    return code;
}

const struct bearer_key *bearer_keys_find(const struct bearer_keys *keys, struct span kid, unsigned algorithm)
{
    const struct bearer_key *found = NULL;
    for (size_t i = 0; i < keys->count; i++) {
        const struct bearer_key *k = &keys->all[i];
        if ((k->algorithms & algorithm) == 0 || (!span_empty(kid) && !span_equal(k->kid, kid)))
            continue;
        if (found != NULL && span_empty(kid))
            return NULL;
        if (found == NULL)
            found = k;
    }
    return found;
}

bool bearer_key_verifies(const struct bearer_keys *keys, const struct bearer_key *key, struct span token)
{
    char text[JOSE_TOKEN_BYTES + 1];
    json_t *claims = NULL; /* read by jose already, strictly */
    if (token.bytes > JOSE_TOKEN_BYTES)
        return false;
    memcpy(text, token.at, token.bytes);
    text[token.bytes] = '\0';
    bool good = oauth2_token_verify(keys->library, NULL, key->verifier, text, &claims);
    if (claims != NULL)
        json_decref(claims);
    secret_wipe(text, token.bytes);
    return good;
}
