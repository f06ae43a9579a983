#include "gateway/signing_keys.h"

#include "gateway/change.h"
#include "gateway/signing_certificate.h"
#include "gateway/signing_key_pair.h"

enum { PART_BYTES = 1024, SEALED_BYTES = 8 * 1024, KID_BYTES = 64, DER_BYTES = 4096, CERTIFICATE_BYTES = 8 * 1024, ALL_KINDS = (1 << SIGNING_KINDS) - 1 };
#define RECORD_ID SPAN_LITERAL("signing_keys")

/* How far ahead a key of the kind is published: usually, and at least; and how long after it signed for the last time. */
static const struct { const char *use; enum signing_algorithm algorithm; int64_t lead_s, least_s, overlap_s; } kinds[SIGNING_KINDS] = {
    [SIGNING_TOKENS_ES256] = { "tokens", SIGNING_ES256, SIGNING_LEAD_ES256_S, SIGNING_LEAD_ES256_S, SIGNING_OVERLAP_S },
    [SIGNING_TOKENS_RS256] = { "tokens", SIGNING_RS256, SIGNING_LEAD_RS256_S, SIGNING_LEAD_RS256_S, SIGNING_OVERLAP_S },
    [SIGNING_SAML_RS256] = { "saml", SIGNING_RS256, SIGNING_LEAD_SAML_S, 3600, SIGNING_OVERLAP_S },
    [SIGNING_ARCHIVE_ES256] = { "archive", SIGNING_ES256, SIGNING_LEAD_ES256_S, 0, SIGNING_OVERLAP_ARCHIVE_S },
};

const char *signing_algorithm_name(enum signing_algorithm a) { return a == SIGNING_ES256 ? "ES256" : "RS256"; }
enum signing_algorithm signing_kind_algorithm(enum signing_kind k) { return kinds[k].algorithm; }
const char *signing_kind_use(enum signing_kind k) { return kinds[k].use; }

unsigned signing_kinds_of(struct span use, struct span algorithm)
{
    unsigned found = 0;
    for (unsigned k = 0; k < SIGNING_KINDS; k++)
        if ((span_empty(use) || span_equal_text(use, kinds[k].use)) && (span_empty(algorithm) || span_equal_text(algorithm, signing_algorithm_name(kinds[k].algorithm))))
            found |= 1u << k;
    return found;
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

const struct signing_key *signing_keys_signer(const struct signing_keys *keys, enum signing_kind kind, int64_t now_s)
{
    const struct signing_key *best = NULL;
    for (size_t i = 0; i < keys->count; i++) {
        const struct signing_key *k = &keys->all[i];
        bool may = k->kind == kind && k->signs_from_s <= now_s && (k->leaves_s == 0 || k->leaves_s > now_s);
        if (may && (best == NULL || k->signs_from_s > best->signs_from_s))
            best = k;
    }
    return best;
}

const char *signing_key_state(const struct signing_keys *keys, const struct signing_key *key, int64_t now_s)
{
    if (key == signing_keys_signer(keys, key->kind, now_s))
        return "signing";
    return key->signs_from_s > now_s ? "next" : "leaving";
}

/* ---- making keys ---- */

/* RFC 7638 section 3: the required members of the JWK in lexicographic order, without white space. Both texts are base64url, so nothing needs escaping.
 * Entra reads the kid of an RS256 key as base64 text: hexadecimal digits are that in either alphabet, and need no padding. */
static bool name_key(enum signing_algorithm a, const struct span parts[2], struct arena *arena, struct span *kid)
{
    uint8_t hash[SECRET_HASH_BYTES];
    char hex[SECRET_HEX_BYTES + 1];
    CLEANUP(buf_done) struct buf text;
    buf_init(&text, KID_BYTES);
    struct span json = a == SIGNING_ES256 ? arena_format(arena, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%.*s\",\"y\":\"%.*s\"}", SPAN_ARGS(parts[0]), SPAN_ARGS(parts[1]))
                                          : arena_format(arena, "{\"e\":\"%.*s\",\"kty\":\"RSA\",\"n\":\"%.*s\"}", SPAN_ARGS(parts[1]), SPAN_ARGS(parts[0]));
    secret_sha256(json, hash);
    secret_sha256_hex(json, hex);
    bool good = !span_empty(json) && (a == SIGNING_RS256 ? buf_append_text(&text, hex) : secret_base64url(span_make(hash, sizeof hash), &text));
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

static enum err_code certify(const struct signing_key_pair *pair, struct arena *arena, struct signing_key *key, struct err *err)
{
    CLEANUP(buf_done) struct buf der, text;
    buf_init(&der, DER_BYTES);
    buf_init(&text, CERTIFICATE_BYTES);
    enum err_code code = signing_certificate_make(pair, key->kid, key->created_s, &der, err);
    if (code == OK && !secret_base64(buf_span(&der), &text))
        code = err_set(err, ERR_MEMORY, "signing key");
    key->certificate = code == OK ? arena_copy(arena, buf_span(&text)) : SPAN_NONE;
    return code == OK && span_empty(key->certificate) ? err_set(err, ERR_MEMORY, "signing key") : code;
}

static enum err_code make_key(const struct node *node, enum signing_kind kind, struct arena *arena, struct signing_key *out, struct err *err)
{
    CLEANUP(signing_key_pair_freep) struct signing_key_pair *pair = NULL;
    CLEANUP(buf_done) struct buf first, second;
    buf_init(&first, PART_BYTES);
    buf_init(&second, PART_BYTES);
    *out = (struct signing_key){ .kind = kind, .created_s = clock_wall_s(node->clock) };
    enum err_code code = signing_key_pair_new(kinds[kind].algorithm, &pair, err);
    if (code == OK)
        code = signing_key_pair_public(pair, &first, &second, err);
    if (code != OK)
        return code;
    out->parts[0] = arena_copy(arena, buf_span(&first));
    out->parts[1] = arena_copy(arena, buf_span(&second));
    if (!name_key(kinds[kind].algorithm, out->parts, arena, &out->kid))
        return err_set(err, ERR_MEMORY, "signing key");
    if (kinds[kind].algorithm == SIGNING_RS256)
        code = certify(pair, arena, out, err);
    return code == OK ? seal(node, pair, arena, out, err) : code;
}

/* ---- changing the record ---- */

/* Keys made before the record is read, because making one takes long and an edit may run several times. */
struct keys_edit { const struct node *node; struct signing_rotation rotation; bool rotate; struct signing_key fresh[SIGNING_KINDS]; };

static void withdraw(struct signing_keys *keys, enum signing_kind kind)
{
    size_t kept = 0;
    for (size_t i = 0; i < keys->count; i++)
        if (keys->all[i].kind != kind)
            keys->all[kept++] = keys->all[i];
    keys->count = kept;
}

/* The old ones leave when the new one signs and what they signed has expired. */
static bool put_fresh(struct signing_keys *keys, const struct keys_edit *e, enum signing_kind kind, int64_t now_s)
{
    struct signing_key key = e->fresh[kind];
    if (e->rotation.now && kind != SIGNING_ARCHIVE_ES256) /* what an archive's key signed before must stay readable */
        withdraw(keys, kind);
    if (keys->count == SIGNING_KEYS_MOST)
        return false;
    int64_t lead_s = e->rotation.lead_s > 0 ? e->rotation.lead_s : kinds[kind].lead_s;
    key.signs_from_s = signing_keys_signer(keys, kind, now_s) != NULL && !e->rotation.now ? now_s + lead_s : now_s;
    for (size_t i = 0; i < keys->count; i++)
        if (keys->all[i].kind == kind && keys->all[i].leaves_s == 0)
            keys->all[i].leaves_s = key.signs_from_s + kinds[kind].overlap_s;
    keys->all[keys->count++] = key;
    return true;
}

static bool tell(const struct keys_edit *e, const struct signing_key *key, struct change_events *events)
{
    struct span data = arena_format(events->arena, "{\"kid\":\"%.*s\",\"use\":\"%s\",\"algorithm\":\"%s\",\"at_once\":%s}", SPAN_ARGS(key->kid), kinds[key->kind].use,
                                    signing_algorithm_name(kinds[key->kind].algorithm), e->rotation.now ? "true" : "false");
    return change_event(events, e->node, e->rotate ? "key.signing_rotated" : "key.signing_created", SPAN_NONE, SPAN_NONE, e->rotation.cause, data);
}

static enum change_say edit_keys(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    const struct keys_edit *e = context;
    struct signing_keys keys;
    int64_t now_s = clock_wall_s(e->node->clock);
    bool changed = false;
    if (signing_keys_from_json(before, events->arena, &keys, err) != OK)
        return CHANGE_REFUSE;
    drop_left(&keys, now_s);
    for (unsigned k = 0; k < SIGNING_KINDS; k++) {
        bool wanted = (e->rotation.kinds & 1u << k) != 0 && (e->rotate || signing_keys_signer(&keys, k, now_s) == NULL);
        if (wanted && !put_fresh(&keys, e, k, now_s))
            return (void)err_set(err, ERR_LIMIT, "%d signing keys are published already; wait until the oldest has left", SIGNING_KEYS_MOST), CHANGE_REFUSE;
        if (wanted && !tell(e, &e->fresh[k], events))
            return (void)err_set(err, ERR_MEMORY, "signing keys"), CHANGE_REFUSE;
        changed = changed || wanted;
    }
    if (!changed)
        return CHANGE_NOTHING;
    signing_keys_to_json(&keys, after);
    return CHANGE_COMMIT;
}

static enum err_code change_keys(const struct node *node, struct store *store, struct keys_edit *e, struct err *err)
{
    struct arena arena;
    enum err_code code = OK;
    arena_init(&arena, 16 * 1024, SIGNING_RECORD_BYTES);
    for (unsigned k = 0; code == OK && k < SIGNING_KINDS; k++)
        if ((e->rotation.kinds & 1u << k) != 0)
            code = make_key(node, k, &arena, &e->fresh[k], err);
    if (code == OK)
        code = change_control(node, store, RECORD_ID, edit_keys, e, err);
    arena_done(&arena);
    return code;
}

static enum err_code check_lead(const struct signing_rotation *rotation, struct err *err)
{
    for (unsigned k = 0; k < SIGNING_KINDS; k++) {
        bool too_short = (rotation->kinds & 1u << k) != 0 && rotation->lead_s != 0 && rotation->lead_s < kinds[k].least_s;
        char text[CLOCK_TEXT_BYTES];
        if (too_short)
            return err_set(err, ERR_INPUT, "the new %s key for %s must be published for %s before it signs, or verifiers do not know it yet", signing_algorithm_name(kinds[k].algorithm),
                           kinds[k].use, duration_text(kinds[k].least_s, text));
    }
    return rotation->lead_s > SIGNING_LEAD_MOST_S ? err_set(err, ERR_INPUT, "a lead is at most 366d") : OK;
}

enum err_code signing_keys_rotate(const struct node *node, struct store *store, const struct signing_rotation *rotation, struct err *err)
{
    struct keys_edit e = { .node = node, .rotate = true, .rotation = *rotation };
    enum err_code code = check_lead(rotation, err);
    e.rotation.kinds &= ALL_KINDS;
    return code == OK ? change_keys(node, store, &e, err) : code;
}

/* ---- reading ---- */

enum err_code signing_keys_read(const struct node *node, struct store *store, struct arena *arena, struct signing_keys *out, struct err *err)
{
    CLEANUP(buf_done) struct buf body;
    int64_t version = 0;
    buf_init(&body, SIGNING_RECORD_BYTES);
    enum err_code code = store->ops->get(store, RECORD_CONTROL, RECORD_ID, &body, &version, err);
    if (code != OK && code != ERR_NOT_FOUND)
        return code;
    code = signing_keys_from_json(buf_span(&body), arena, out, err);
    drop_left(out, clock_wall_s(node->clock));
    return code;
}

enum err_code signing_keys_ensure(const struct node *node, struct store *store, struct err *err)
{
    struct keys_edit e = { .node = node, .rotation = { .cause = SPAN_LITERAL("first start") } };
    struct signing_keys keys;
    struct arena arena;
    arena_init(&arena, 16 * 1024, 4 * SIGNING_RECORD_BYTES);
    enum err_code code = signing_keys_read(node, store, &arena, &keys, err);
    for (unsigned k = 0; code == OK && k < SIGNING_KINDS; k++)
        if (signing_keys_signer(&keys, k, clock_wall_s(node->clock)) == NULL)
            e.rotation.kinds |= 1u << k;
    arena_done(&arena);
    return code == OK && e.rotation.kinds != 0 ? change_keys(node, store, &e, err) : code;
}
