#include "gateway/signing_keys.h"

#include "gateway/change.h"
#include "gateway/signing_key_pair.h"
#include "posture/base/from_json.h"

#include <string.h>

enum { RECORD_BYTES = 256 * 1024, RECORD_DEPTH = 4, PART_BYTES = 1024, SEALED_BYTES = 8 * 1024, KID_BYTES = 64, DER_BYTES = 4096, ALL_ALGORITHMS = (1 << SIGNING_ALGORITHMS) - 1 };
#define RECORD_ID SPAN_LITERAL("signing_keys")

/* What differs between the algorithms: the names of JWK members and how far ahead a key is published. */
static const struct { const char *name, *type, *parts[2]; int64_t lead_s; } algorithms[SIGNING_ALGORITHMS] = {
    { "ES256", "EC", { "x", "y" }, SIGNING_LEAD_ES256_S },
    { "RS256", "RSA", { "n", "e" }, SIGNING_LEAD_RS256_S },
};

const char *signing_algorithm_name(enum signing_algorithm a) { return algorithms[a].name; }

/* ---- the record ---- */

static enum err_code read_key(const struct from_json_value *v, struct arena *arena, struct signing_key *out, struct err *err)
{
    const struct { const char *key; size_t most; struct span *to; } texts[] = { { "kid", KID_BYTES, &out->kid }, { "first", PART_BYTES, &out->parts[0] },
                                                                                { "second", PART_BYTES, &out->parts[1] }, { "sealed", SEALED_BYTES, &out->sealed } };
    const struct { const char *key; int64_t *to; } times[] = { { "created", &out->created_s }, { "signs_from", &out->signs_from_s }, { "leaves", &out->leaves_s } };
    struct from_json_value name = from_json_member(v, "algorithm");
    struct span text = SPAN_NONE;
    enum err_code code = from_json_text(&name, KID_BYTES, &text, err);
    if (code == OK && !span_equal_text(text, "ES256") && !span_equal_text(text, "RS256"))
        code = from_json_refuse(&name, err, "must be ES256 or RS256");
    out->algorithm = span_equal_text(text, "RS256") ? SIGNING_RS256 : SIGNING_ES256;
    for (size_t i = 0; code == OK && i < sizeof texts / sizeof texts[0]; i++) {
        struct from_json_value member = from_json_member(v, texts[i].key);
        code = from_json_text(&member, texts[i].most, &text, err);
        *texts[i].to = code == OK ? arena_copy(arena, text) : SPAN_NONE;
    }
    for (size_t i = 0; code == OK && i < sizeof times / sizeof times[0]; i++) {
        struct from_json_value member = from_json_member(v, times[i].key);
        code = from_json_int(&member, 0, INT64_MAX / 2, times[i].to, err);
    }
    return code;
}

static enum err_code read_record(struct span body, struct arena *arena, struct signing_keys *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    *out = (struct signing_keys){ .count = 0 };
    if (span_empty(body))
        return OK;
    enum err_code code = from_json_parse(body, (struct from_json_limits){ RECORD_BYTES, RECORD_DEPTH }, "signing_keys", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), list = from_json_member(&root, "keys");
    code = from_json_array(&list, SIGNING_KEYS_MOST, err);
    for (size_t i = 0; code == OK && i < from_json_count(&list); i++) {
        struct from_json_value item = from_json_item(&list, i);
        code = read_key(&item, arena, &out->all[out->count++], err);
    }
    return code;
}

static void write_record(const struct signing_keys *keys, struct buf *out)
{
    struct to_json w;
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_key(&w, "keys");
    to_json_array(&w);
    for (size_t i = 0; i < keys->count; i++) {
        const struct signing_key *k = &keys->all[i];
        to_json_object(&w);
        to_json_member_text(&w, "kid", k->kid);
        to_json_member_text(&w, "algorithm", span_of(algorithms[k->algorithm].name));
        to_json_member_text(&w, "first", k->parts[0]);
        to_json_member_text(&w, "second", k->parts[1]);
        to_json_member_text(&w, "sealed", k->sealed);
        to_json_member_int(&w, "created", k->created_s);
        to_json_member_int(&w, "signs_from", k->signs_from_s);
        to_json_member_int(&w, "leaves", k->leaves_s);
        to_json_end(&w);
    }
    to_json_end(&w);
    to_json_end(&w);
}

/* ---- which key does what ---- */

static void drop_left(struct signing_keys *keys, int64_t now_s)
{
    size_t kept = 0;
    for (size_t i = 0; i < keys->count; i++)
        if (keys->all[i].leaves_s == 0 || keys->all[i].leaves_s > now_s)
            keys->all[kept++] = keys->all[i];
    keys->count = kept;
}

/* The newest of those whose time to sign has come. */
static const struct signing_key *signer(const struct signing_keys *keys, enum signing_algorithm a, int64_t now_s)
{
    const struct signing_key *best = NULL;
    for (size_t i = 0; i < keys->count; i++) {
        const struct signing_key *k = &keys->all[i];
        bool may = k->algorithm == a && k->signs_from_s <= now_s && (k->leaves_s == 0 || k->leaves_s > now_s);
        if (may && (best == NULL || k->signs_from_s > best->signs_from_s))
            best = k;
    }
    return best;
}

const char *signing_key_state(const struct signing_keys *keys, const struct signing_key *key, int64_t now_s)
{
    if (key == signer(keys, key->algorithm, now_s))
        return "signing";
    return key->signs_from_s > now_s ? "next" : "leaving";
}

/* ---- making keys ---- */

/* RFC 7638 section 3: the required members of the JWK in lexicographic order, without white space. Both texts are base64url, so nothing needs escaping. */
static bool thumbprint(enum signing_algorithm a, const struct span parts[2], struct arena *arena, struct span *kid)
{
    uint8_t hash[SECRET_HASH_BYTES];
    CLEANUP(buf_done) struct buf text;
    buf_init(&text, KID_BYTES);
    struct span json = a == SIGNING_ES256 ? arena_format(arena, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%.*s\",\"y\":\"%.*s\"}", SPAN_ARGS(parts[0]), SPAN_ARGS(parts[1]))
                                          : arena_format(arena, "{\"e\":\"%.*s\",\"kty\":\"RSA\",\"n\":\"%.*s\"}", SPAN_ARGS(parts[1]), SPAN_ARGS(parts[0]));
    secret_sha256(json, hash);
    bool good = !span_empty(json) && secret_base64url(span_make(hash, sizeof hash), &text);
    *kid = good ? arena_copy(arena, buf_span(&text)) : SPAN_NONE;
    return !span_empty(*kid);
}

static enum err_code seal(const struct node *node, const struct signing_key_pair *pair, struct arena *arena, struct signing_key *key, struct err *err)
{
    CLEANUP(buf_wipe) struct buf der;
    CLEANUP(buf_done) struct buf sealed;
    buf_init(&der, DER_BYTES);
    buf_init(&sealed, SEALED_BYTES);
    enum err_code code = signing_key_pair_private(pair, &der, err);
    if (code == OK)
        code = secret_seal(node->secret, SECRET_SEALED, key->kid, buf_span(&der), &sealed, err);
    if (code != OK)
        return code;
    key->sealed = arena_copy(arena, buf_span(&sealed));
    return span_empty(key->sealed) ? err_set(err, ERR_MEMORY, "signing key") : OK;
}

static enum err_code make_key(const struct node *node, enum signing_algorithm a, struct arena *arena, struct signing_key *out, struct err *err)
{
    CLEANUP(signing_key_pair_freep) struct signing_key_pair *pair = NULL;
    CLEANUP(buf_done) struct buf first, second;
    buf_init(&first, PART_BYTES);
    buf_init(&second, PART_BYTES);
    *out = (struct signing_key){ .algorithm = a, .created_s = clock_wall_s(node->clock) };
    enum err_code code = signing_key_pair_new(a, &pair, err);
    if (code == OK)
        code = signing_key_pair_public(pair, &first, &second, err);
    if (code != OK)
        return code;
    out->parts[0] = arena_copy(arena, buf_span(&first));
    out->parts[1] = arena_copy(arena, buf_span(&second));
    if (!thumbprint(a, out->parts, arena, &out->kid))
        return err_set(err, ERR_MEMORY, "signing key");
    return seal(node, pair, arena, out, err);
}

/* Keys made before the record is read, because making one takes long and an edit may run several times. */
struct keys_edit { const struct node *node; bool rotate; unsigned algorithms; struct signing_key fresh[SIGNING_ALGORITHMS]; struct span cause; };

/* The old ones leave when the new one signs and what they signed has expired. */
static bool put_fresh(struct signing_keys *keys, const struct keys_edit *e, enum signing_algorithm a, int64_t now_s)
{
    struct signing_key key = e->fresh[a];
    const struct signing_key *now = signer(keys, a, now_s);
    if (keys->count == SIGNING_KEYS_MOST)
        return false;
    key.signs_from_s = now != NULL ? now_s + algorithms[a].lead_s : now_s;
    for (size_t i = 0; i < keys->count; i++)
        if (keys->all[i].algorithm == a && keys->all[i].leaves_s == 0)
            keys->all[i].leaves_s = key.signs_from_s + SIGNING_OVERLAP_S;
    keys->all[keys->count++] = key;
    return true;
}

static bool tell(const struct keys_edit *e, const struct signing_key *key, struct change_events *events)
{
    struct span data = arena_format(events->arena, "{\"kid\":\"%.*s\",\"algorithm\":\"%s\"}", SPAN_ARGS(key->kid), algorithms[key->algorithm].name);
    return change_event(events, e->node, e->rotate ? "key.signing_rotated" : "key.signing_created", SPAN_NONE, SPAN_NONE, e->cause, data);
}

static enum change_say edit_keys(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    const struct keys_edit *e = context;
    struct signing_keys keys;
    int64_t now_s = clock_wall_s(e->node->clock);
    bool changed = false;
    if (read_record(before, events->arena, &keys, err) != OK)
        return CHANGE_REFUSE;
    drop_left(&keys, now_s);
    for (unsigned a = 0; a < SIGNING_ALGORITHMS; a++) {
        bool wanted = (e->algorithms & 1u << a) != 0 && (e->rotate || signer(&keys, a, now_s) == NULL);
        if (wanted && !put_fresh(&keys, e, a, now_s))
            return (void)err_set(err, ERR_LIMIT, "%d signing keys are published already; wait until the oldest has left", SIGNING_KEYS_MOST), CHANGE_REFUSE;
        if (wanted && !tell(e, &e->fresh[a], events))
            return (void)err_set(err, ERR_MEMORY, "signing keys"), CHANGE_REFUSE;
        changed = changed || wanted;
    }
    if (!changed)
        return CHANGE_NOTHING;
    write_record(&keys, after);
    return CHANGE_COMMIT;
}

static enum err_code change_keys(const struct node *node, struct store *store, struct keys_edit *e, struct err *err)
{
    struct arena arena;
    enum err_code code = OK;
    arena_init(&arena, 16 * 1024, RECORD_BYTES);
    for (unsigned a = 0; code == OK && a < SIGNING_ALGORITHMS; a++)
        if ((e->algorithms & 1u << a) != 0)
            code = make_key(node, a, &arena, &e->fresh[a], err);
    if (code == OK)
        code = change_control(node, store, RECORD_ID, edit_keys, e, err);
    arena_done(&arena);
    return code;
}

enum err_code signing_keys_rotate(const struct node *node, struct store *store, unsigned which, struct span cause, struct err *err)
{
    struct keys_edit e = { .node = node, .rotate = true, .algorithms = which & ALL_ALGORITHMS, .cause = cause };
    return change_keys(node, store, &e, err);
}

/* ---- reading ---- */

static enum err_code load(struct store *store, struct arena *arena, int64_t now_s, struct signing_keys *out, struct err *err)
{
    CLEANUP(buf_done) struct buf body;
    int64_t version = 0;
    buf_init(&body, RECORD_BYTES);
    enum err_code code = store->ops->get(store, RECORD_CONTROL, RECORD_ID, &body, &version, err);
    if (code != OK && code != ERR_NOT_FOUND)
        return code;
    code = read_record(buf_span(&body), arena, out, err);
    drop_left(out, now_s);
    return code;
}

enum err_code signing_keys_read(const struct node *node, struct store *store, struct arena *arena, struct signing_keys *out, struct err *err)
{
    int64_t now_s = clock_wall_s(node->clock);
    struct keys_edit e = { .node = node, .cause = SPAN_LITERAL("first use") };
    enum err_code code = load(store, arena, now_s, out, err);
    for (unsigned a = 0; code == OK && a < SIGNING_ALGORITHMS; a++)
        if (signer(out, a, now_s) == NULL)
            e.algorithms |= 1u << a;
    if (code != OK || e.algorithms == 0)
        return code;
    code = change_keys(node, store, &e, err);
    return code == OK ? load(store, arena, clock_wall_s(node->clock), out, err) : code;
}

void signing_keys_write_jwks(const struct signing_keys *keys, struct to_json *w)
{
    to_json_object(w);
    to_json_key(w, "keys");
    to_json_array(w);
    for (size_t i = 0; i < keys->count; i++) {
        const struct signing_key *k = &keys->all[i];
        to_json_object(w);
        to_json_member_text(w, "kty", span_of(algorithms[k->algorithm].type));
        to_json_member_text(w, "use", SPAN_LITERAL("sig"));
        to_json_member_text(w, "alg", span_of(algorithms[k->algorithm].name));
        to_json_member_text(w, "kid", k->kid);
        if (k->algorithm == SIGNING_ES256)
            to_json_member_text(w, "crv", SPAN_LITERAL("P-256"));
        to_json_member_text(w, algorithms[k->algorithm].parts[0], k->parts[0]);
        to_json_member_text(w, algorithms[k->algorithm].parts[1], k->parts[1]);
        to_json_end(w);
    }
    to_json_end(w);
    to_json_end(w);
}

/* ---- signing ---- */

static enum err_code open_pair(const struct node *node, const struct signing_key *key, struct signing_key_pair **out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf der;
    buf_init(&der, DER_BYTES);
    enum err_code code = secret_open(node->secret, SECRET_SEALED, key->kid, key->sealed, &der, err);
    if (code != OK)
        return err_wrap(err, "opening signing key %.*s", SPAN_ARGS(key->kid));
    return signing_key_pair_from(key->algorithm, buf_span(&der), out, err);
}

static bool append_encoded(const struct signing_key *key, struct span claims, struct span typ, struct buf *out)
{
    CLEANUP(buf_done) struct buf header;
    struct to_json w;
    buf_init(&header, 4 * KID_BYTES + 6 * SIGNING_TYPE_BYTES);
    to_json_init(&w, &header);
    to_json_object(&w);
    to_json_member_text(&w, "alg", span_of(algorithms[key->algorithm].name));
    to_json_member_text(&w, "kid", key->kid);
    to_json_member_text(&w, "typ", typ);
    to_json_end(&w);
    return !header.failed && secret_base64url(buf_span(&header), out) && buf_append_byte(out, '.') && secret_base64url(claims, out);
}

static enum err_code sign(const struct node *node, const struct signing_key *key, struct span claims, struct span typ, struct buf *jwt, struct err *err)
{
    CLEANUP(signing_key_pair_freep) struct signing_key_pair *pair = NULL;
    CLEANUP(buf_done) struct buf text, signature;
    buf_init(&text, 2 * SIGNING_CLAIMS_BYTES);
    buf_init(&signature, PART_BYTES);
    enum err_code code = open_pair(node, key, &pair, err);
    if (code == OK && !append_encoded(key, claims, typ, &text))
        code = err_set(err, ERR_LIMIT, "a signed statement is too long");
    if (code == OK)
        code = signing_key_pair_sign(pair, buf_span(&text), &signature, err);
    if (code != OK)
        return code;
    bool good = buf_append_byte(&text, '.') && secret_base64url(buf_span(&signature), &text) && buf_append(jwt, buf_span(&text));
    return good ? OK : err_set(err, ERR_LIMIT, "a signed statement is too long");
}

enum err_code signing_keys_sign_jwt(const struct node *node, struct store *store, struct span claims, struct span typ, struct buf *jwt, struct err *err)
{
    struct signing_keys keys;
    struct arena arena;
    if (claims.bytes > SIGNING_CLAIMS_BYTES || typ.bytes > SIGNING_TYPE_BYTES)
        return err_set(err, ERR_LIMIT, "claims are longer than %d bytes", SIGNING_CLAIMS_BYTES);
    arena_init(&arena, 16 * 1024, 4 * RECORD_BYTES);
    enum err_code code = signing_keys_read(node, store, &arena, &keys, err);
    const struct signing_key *key = code == OK ? signer(&keys, SIGNING_ES256, clock_wall_s(node->clock)) : NULL;
    if (code == OK && key == NULL)
        code = err_set(err, ERR_INTERNAL, "no signing key");
    if (code == OK)
        code = sign(node, key, claims, typ, jwt, err);
    arena_done(&arena);
    return code;
}
