#include "gateway/signing_ring.h"

#include "gateway/signing_certificate.h"
#include "gateway/signing_key_pair.h"
#include "posture/base/to_json.h"

#include <stdlib.h>
#include <string.h>

enum { DER_BYTES = 4096, KID_BYTES = 64, SIGNATURE_BYTES = 1024, ETAG_HEX_BYTES = 32, JWKS_BYTES = 128 * 1024, ARENA_BYTES = 8 * 1024 * 1024 };

/* One state of the record, opened. The key set changes by the clock alone when a key leaves, so every set there will be is made beforehand. */
struct opened {
    struct shared_body shared;
    struct arena arena;
    struct signing_keys keys;
    struct signing_key_pair *pairs[SIGNING_KEYS_MOST]; /* NULL: sealed under another root key */
    struct span certificates[SIGNING_KEYS_MOST];       /* DER; empty for ES256 */
    struct { int64_t until_s; struct span json; char etag[SIGNING_ETAG_BYTES + 1]; } sets[SIGNING_KEYS_MOST + 1];
    size_t set_count;
};
struct signing_ring { const struct node *node; struct shared shared; };

/* ---- opening a record ---- */

static void free_opened(struct shared_body *body)
{
    struct opened *o = (struct opened *)(void *)body;
    for (size_t i = 0; i < o->keys.count; i++)
        signing_key_pair_free(o->pairs[i]);
    arena_done(&o->arena);
    free(o);
}

static void free_openedp(struct opened **o)
{
    if (*o != NULL)
        free_opened(&(*o)->shared);
}

static enum err_code open_pair(const struct node *node, const struct signing_key *key, struct signing_key_pair **out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf der;
    buf_init(&der, DER_BYTES);
    enum err_code code = secret_open(node->secret, SECRET_SEALED, key->kid, key->sealed, &der, err);
    if (code != OK)
        return err_wrap(err, "opening signing key %.*s", SPAN_ARGS(key->kid));
    return signing_key_pair_from(signing_kind_algorithm(key->kind), buf_span(&der), out, err);
}

/* A stored one is taken as it is: made anew by a later version of libcrypto it might differ, and metadata holds it. */
static enum err_code open_certificate(struct opened *o, size_t i, struct err *err)
{
    CLEANUP(buf_done) struct buf der;
    const struct signing_key *key = &o->keys.all[i];
    enum err_code code = OK;
    buf_init(&der, DER_BYTES);
    if (signing_kind_algorithm(key->kind) != SIGNING_RS256)
        return OK;
    if (!span_empty(key->certificate))
        code = secret_from_base64(key->certificate, DER_BYTES, &der, err);
    else if (o->pairs[i] != NULL)
        code = signing_certificate_make(o->pairs[i], key->kid, key->created_s, &der, err);
    o->certificates[i] = code == OK ? arena_copy(&o->arena, buf_span(&der)) : SPAN_NONE;
    return code == OK && o->certificates[i].bytes != der.bytes ? err_set(err, ERR_MEMORY, "signing keys") : code;
}

static enum err_code open_keys(const struct node *node, struct opened *o, struct err *err)
{
    enum err_code code = OK;
    for (size_t i = 0; code == OK && i < o->keys.count; i++) {
        code = open_pair(node, &o->keys.all[i], &o->pairs[i], err);
        if (code == ERR_DENIED || code == ERR_INPUT) {
            log_event(node->log, LOG_ERROR, "signing.key_not_opened", LOG_SPAN("kid", o->keys.all[i].kid), LOG_ERR(err));
            code = OK;
        }
        if (code == OK)
            code = open_certificate(o, i, err);
    }
    return code;
}

/* ---- key sets ---- */

static void write_jwk(const struct signing_key *key, struct span certificate, struct to_json *w)
{
    bool ec = signing_kind_algorithm(key->kind) == SIGNING_ES256;
    CLEANUP(buf_done) struct buf text;
    buf_init(&text, 2 * DER_BYTES);
    to_json_object(w);
    to_json_member_text(w, "kty", ec ? SPAN_LITERAL("EC") : SPAN_LITERAL("RSA"));
    to_json_member_text(w, "use", SPAN_LITERAL("sig"));
    to_json_member_text(w, "alg", span_of(signing_algorithm_name(signing_kind_algorithm(key->kind))));
    to_json_member_text(w, "kid", key->kid);
    if (ec)
        to_json_member_text(w, "crv", SPAN_LITERAL("P-256"));
    to_json_member_text(w, ec ? "x" : "n", key->parts[0]);
    to_json_member_text(w, ec ? "y" : "e", key->parts[1]);
    if (!span_empty(certificate) && secret_base64(certificate, &text)) { /* RFC 7517 section 4.7: base64, not base64url */
        to_json_key(w, "x5c");
        to_json_array(w);
        to_json_text(w, buf_span(&text));
        to_json_end(w);
    }
    to_json_end(w);
}

enum { TOKEN_KINDS = 1 << SIGNING_TOKENS_ES256 | 1 << SIGNING_TOKENS_RS256, ARCHIVE_KINDS = 1 << SIGNING_ARCHIVE_ES256 };

static void write_set(const struct opened *o, unsigned kinds, int64_t from_s, struct buf *out)
{
    struct to_json w;
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_key(&w, "keys");
    to_json_array(&w);
    for (size_t i = 0; i < o->keys.count; i++) {
        const struct signing_key *key = &o->keys.all[i];
        if ((kinds & 1u << key->kind) != 0 && (key->leaves_s == 0 || key->leaves_s > from_s))
            write_jwk(key, o->certificates[i], &w);
    }
    to_json_end(&w);
    to_json_end(&w);
}

/* When the first key leaves after `from_s`. */
static int64_t next_leaving(const struct signing_keys *keys, int64_t from_s)
{
    int64_t next_s = INT64_MAX;
    for (size_t i = 0; i < keys->count; i++)
        if (keys->all[i].leaves_s > from_s && keys->all[i].leaves_s < next_s)
            next_s = keys->all[i].leaves_s;
    return next_s;
}

static enum err_code make_sets(struct opened *o, struct err *err)
{
    CLEANUP(buf_done) struct buf json;
    char hex[SECRET_HEX_BYTES + 1];
    int64_t from_s = 0;
    buf_init(&json, JWKS_BYTES);
    do {
        size_t i = o->set_count++;
        buf_clear(&json);
        write_set(o, TOKEN_KINDS, from_s, &json);
        secret_sha256_hex(buf_span(&json), hex);
        o->sets[i].json = json.failed ? SPAN_NONE : arena_copy(&o->arena, buf_span(&json));
        if (span_empty(o->sets[i].json))
            return err_set(err, ERR_MEMORY, "the published key set");
        o->sets[i].etag[0] = '"';
        memcpy(o->sets[i].etag + 1, hex, ETAG_HEX_BYTES);
        memcpy(o->sets[i].etag + 1 + ETAG_HEX_BYTES, "\"", 2);
        from_s = o->sets[i].until_s = next_leaving(&o->keys, from_s);
    } while (from_s != INT64_MAX);
    return OK;
}

enum err_code signing_ring_load(struct signing_ring *ring, struct span record, struct err *err)
{
    CLEANUP(free_openedp) struct opened *o = calloc(1, sizeof *o);
    if (o == NULL)
        return err_set(err, ERR_MEMORY, "signing keys");
    o->shared.free = free_opened;
    arena_init(&o->arena, 16 * 1024, ARENA_BYTES);
    enum err_code code = signing_keys_from_json(record, &o->arena, &o->keys, err);
    if (code == OK)
        code = open_keys(ring->node, o, err);
    if (code == OK)
        code = make_sets(o, err);
    if (code == OK)
        shared_show(&ring->shared, &TAKE(o)->shared);
    return code;
}

/* ---- the ring ---- */

struct signing_ring *signing_ring_new(const struct node *node)
{
    struct signing_ring *ring = malloc(sizeof *ring);
    if (ring == NULL)
        return NULL;
    ring->node = node;
    shared_init(&ring->shared);
    return ring;
}

void signing_ring_free(struct signing_ring *ring)
{
    if (ring == NULL)
        return;
    shared_done(&ring->shared);
    free(ring);
}

static void drop(struct opened **o) { shared_drop(*o != NULL ? &(*o)->shared : NULL); }

static enum err_code take(const struct node *node, struct opened **out, struct err *err)
{
    struct shared_body *body = node->signing != NULL ? shared_take(&node->signing->shared) : NULL;
    *out = (struct opened *)(void *)body;
    return body != NULL ? OK : err_set(err, ERR_UNAVAILABLE, "this node is starting and has no signing keys yet");
}

/* The place of the key of that kind that signs now. */
static enum err_code signer(const struct node *node, const struct opened *o, enum signing_kind kind, size_t *at, struct err *err)
{
    const struct signing_key *key = signing_keys_signer(&o->keys, kind, clock_wall_s(node->clock));
    if (key == NULL)
        return err_set(err, ERR_UNAVAILABLE, "there is no %s key for %s yet", signing_algorithm_name(signing_kind_algorithm(kind)), signing_kind_use(kind));
    *at = (size_t)(key - o->keys.all);
    return o->pairs[*at] != NULL ? OK : err_set(err, ERR_DENIED, "signing key %.*s was sealed under another root key", SPAN_ARGS(key->kid));
}

/* ---- signing ---- */

static bool append_encoded(const struct signing_key *key, struct span claims, struct span typ, struct buf *out)
{
    CLEANUP(buf_done) struct buf header;
    struct to_json w;
    buf_init(&header, 4 * KID_BYTES + 6 * SIGNING_TYPE_BYTES);
    to_json_init(&w, &header);
    to_json_object(&w);
    to_json_member_text(&w, "alg", span_of(signing_algorithm_name(signing_kind_algorithm(key->kind))));
    to_json_member_text(&w, "kid", key->kid);
    to_json_member_text(&w, "typ", typ);
    to_json_end(&w);
    return !header.failed && secret_base64url(buf_span(&header), out) && buf_append_byte(out, '.') && secret_base64url(claims, out);
}

static enum err_code sign(const struct opened *o, size_t at, struct span claims, struct span typ, struct buf *jwt, struct err *err)
{
    CLEANUP(buf_done) struct buf text, signature;
    buf_init(&text, 2 * SIGNING_CLAIMS_BYTES);
    buf_init(&signature, SIGNATURE_BYTES);
    if (!append_encoded(&o->keys.all[at], claims, typ, &text))
        return err_set(err, ERR_LIMIT, "a signed statement is too long");
    enum err_code code = signing_key_pair_sign(o->pairs[at], buf_span(&text), &signature, err);
    if (code != OK)
        return code;
    bool good = buf_append_byte(&text, '.') && secret_base64url(buf_span(&signature), &text) && buf_append(jwt, buf_span(&text));
    return good ? OK : err_set(err, ERR_LIMIT, "a signed statement is too long");
}

static enum err_code sign_with(const struct node *node, enum signing_kind kind, struct span claims, struct span typ, struct buf *jwt, struct err *err)
{
    CLEANUP(drop) struct opened *o = NULL;
    size_t at = 0;
    if (claims.bytes > SIGNING_CLAIMS_BYTES || typ.bytes > SIGNING_TYPE_BYTES)
        return err_set(err, ERR_LIMIT, "claims are longer than %d bytes", SIGNING_CLAIMS_BYTES);
    enum err_code code = take(node, &o, err);
    if (code == OK)
        code = signer(node, o, kind, &at, err);
    return code == OK ? sign(o, at, claims, typ, jwt, err) : code;
}

enum err_code signing_sign_jwt(const struct node *node, enum signing_algorithm a, struct span claims, struct span typ, struct buf *jwt, struct err *err)
{
    return sign_with(node, a == SIGNING_ES256 ? SIGNING_TOKENS_ES256 : SIGNING_TOKENS_RS256, claims, typ, jwt, err);
}

enum err_code signing_sign_archive(const struct node *node, struct span claims, struct span typ, struct buf *jwt, struct err *err)
{
    return sign_with(node, SIGNING_ARCHIVE_ES256, claims, typ, jwt, err);
}

enum err_code signing_archive_jwks(const struct node *node, struct buf *json, struct err *err)
{
    CLEANUP(drop) struct opened *o = NULL;
    enum err_code code = take(node, &o, err);
    if (code == OK)
        write_set(o, ARCHIVE_KINDS, 0, json);
    return code == OK ? buf_check(json, "the archive's keys", err) : code;
}

enum err_code signing_jwks(const struct node *node, int64_t now_s, struct buf *json, char etag[SIGNING_ETAG_BYTES + 1], struct err *err)
{
    CLEANUP(drop) struct opened *o = NULL;
    enum err_code code = take(node, &o, err);
    if (code != OK)
        return code;
    size_t i = 0;
    while (i + 1 < o->set_count && o->sets[i].until_s <= now_s)
        i++;
    memcpy(etag, o->sets[i].etag, SIGNING_ETAG_BYTES + 1);
    return buf_append(json, o->sets[i].json) ? OK : err_set(err, ERR_MEMORY, "the published key set");
}

enum err_code signing_keys_saml(const struct node *node, struct signing_saml *out, struct err *err)
{
    CLEANUP(drop) struct opened *o = NULL;
    size_t at = 0;
    enum err_code code = take(node, &o, err);
    if (code == OK)
        code = signer(node, o, SIGNING_SAML_RS256, &at, err);
    if (code != OK)
        return code;
    *out = (struct signing_saml){ .key = signing_key_pair_key(o->pairs[at]), .certificate = o->certificates[at] };
    out->certificates[out->certificate_count++] = o->certificates[at];
    for (size_t i = 0; i < o->keys.count; i++)
        if (o->keys.all[i].kind == SIGNING_SAML_RS256 && o->keys.all[i].signs_from_s > o->keys.all[at].signs_from_s)
            out->certificates[out->certificate_count++] = o->certificates[i];
    out->hold = &TAKE(o)->shared;
    return OK;
}

void signing_saml_done(struct signing_saml *saml)
{
    shared_drop(saml->hold);
    *saml = (struct signing_saml){ .hold = NULL };
}
