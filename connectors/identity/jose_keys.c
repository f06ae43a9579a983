#include "connectors/identity/jose_parts.h"
#include "posture/base/secret.h"
#include "posture/base/to_json.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>

#include <stdlib.h>
#include <string.h>

/* Members beside "keys" of a set and what certificates add make documents deep; nothing we read is. */
enum { SET_DEPTH = 8, NUMBER_BYTES = JOSE_RSA_MOST_BITS / 8, NUMBER_TEXT_BYTES = NUMBER_BYTES * 2, COORDINATE_BYTES = 32, EXPONENT_BYTES = 8, WORD_BYTES = 64, OPERATIONS = 16,
       ARENA_BYTES = 4 * JOSE_SET_BYTES, JWK_BYTES = 2 * NUMBER_TEXT_BYTES + 256 };

/* What a key type is called, which two numbers make it, and what it can verify. */
struct key_type {
    const char *name, *parts[2];
    unsigned algorithms;
    EVP_PKEY *(*make)(struct span first, struct span second, const char **why);
};

unsigned jose_algorithm_named(struct span name)
{
    return span_equal_text(name, "RS256") ? JOSE_RS256 : span_equal_text(name, "PS256") ? JOSE_PS256 : span_equal_text(name, "ES256") ? JOSE_ES256 : 0;
}

/* ---- numbers into keys of libcrypto ---- */

static EVP_PKEY *from_parameters(const char *type, OSSL_PARAM_BLD *builder)
{
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;
    bool made = parameters != NULL && context != NULL && EVP_PKEY_fromdata_init(context) == 1 && EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) == 1;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    if (made)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static EVP_PKEY *rsa_from(const BIGNUM *n, const BIGNUM *e)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    bool pushed = builder != NULL && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1;
    EVP_PKEY *key = pushed ? from_parameters("RSA", builder) : NULL;
    OSSL_PARAM_BLD_free(builder);
    return key;
}

/* RFC 7518 section 3.3: 2048 bits or more. The upper bounds keep one verification from costing a second. */
static EVP_PKEY *make_rsa(struct span modulus, struct span exponent, const char **why)
{
    BIGNUM *n = BN_bin2bn((const unsigned char *)modulus.at, (int)modulus.bytes, NULL), *e = BN_bin2bn((const unsigned char *)exponent.at, (int)exponent.bytes, NULL);
    EVP_PKEY *key = NULL;
    *why = "its RSA numbers make no key";
    if (n != NULL && (BN_num_bits(n) < JOSE_RSA_LEAST_BITS || BN_num_bits(n) > JOSE_RSA_MOST_BITS))
        *why = "an RSA key must have 2048 to 8192 bits";
    else if (n != NULL && e != NULL && exponent.bytes <= EXPONENT_BYTES && BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e))
        key = rsa_from(n, e);
    BN_free(n);
    BN_free(e);
    return key;
}

/* A point beside the curve would give its maker a signature scheme of his own. */
static bool is_on_curve(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = key != NULL ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    bool on_it = context != NULL && EVP_PKEY_public_check(context) == 1;
    EVP_PKEY_CTX_free(context);
    return on_it;
}

static EVP_PKEY *make_ec(struct span x, struct span y, const char **why)
{
    unsigned char point[1 + 2 * COORDINATE_BYTES] = { POINT_CONVERSION_UNCOMPRESSED };
    *why = "its coordinates must be 32 bytes each";
    if (x.bytes != COORDINATE_BYTES || y.bytes != COORDINATE_BYTES)
        return NULL;
    memcpy(point + 1, x.at, COORDINATE_BYTES);
    memcpy(point + 1 + COORDINATE_BYTES, y.at, COORDINATE_BYTES);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    bool pushed = builder != NULL && OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
                  OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) == 1;
    EVP_PKEY *key = pushed ? from_parameters("EC", builder) : NULL;
    OSSL_PARAM_BLD_free(builder);
    *why = "its point is not on P-256";
    if (is_on_curve(key))
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static const struct key_type types[] = {
    { "RSA", { "n", "e" }, JOSE_RS256 | JOSE_PS256, make_rsa },
    { "EC", { "x", "y" }, JOSE_ES256, make_ec },
};

/* ---- one JWK ---- */

static struct span word(const struct from_json_value *jwk, const char *key, size_t most)
{
    struct from_json_value v = from_json_member(jwk, key);
    struct span text = SPAN_NONE;
    struct err err;
    return from_json_text(&v, most, &text, &err) == OK ? text : SPAN_NONE;
}

static bool has(const struct from_json_value *jwk, const char *key)
{
    struct from_json_value v = from_json_member(jwk, key);
    return from_json_kind(&v) != FROM_JSON_ABSENT;
}

/* Whoever shows the private half has lost the key; k is that of a symmetric one (RFC 7518 section 6). */
static bool shows_private(const struct from_json_value *jwk)
{
    static const char *const members[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k" };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (has(jwk, members[i]))
            return true;
    return false;
}

/* RFC 7517 sections 4.2 and 4.3. */
static bool is_for_verifying(const struct from_json_value *jwk)
{
    struct from_json_value operations = from_json_member(jwk, "key_ops");
    bool verifies = !from_json_present(&operations);
    for (size_t i = 0; i < from_json_count(&operations) && i < OPERATIONS; i++) {
        struct from_json_value item = from_json_item(&operations, i);
        struct span name = SPAN_NONE;
        struct err err;
        verifies = verifies || (from_json_text(&item, WORD_BYTES, &name, &err) == OK && span_equal_text(name, "verify"));
    }
    return verifies && (!has(jwk, "use") || span_equal_text(word(jwk, "use", WORD_BYTES), "sig"));
}

static const struct key_type *type_of(const struct from_json_value *jwk)
{
    struct span name = word(jwk, "kty", WORD_BYTES);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (span_equal_text(name, types[i].name))
            return i == 0 || span_equal_text(word(jwk, "crv", WORD_BYTES), "P-256") ? &types[i] : NULL;
    return NULL;
}

static EVP_PKEY *key_of(const struct key_type *type, const struct span texts[2], const char **why)
{
    CLEANUP(buf_done) struct buf first, second;
    struct err err;
    buf_init(&first, NUMBER_BYTES + 1);
    buf_init(&second, NUMBER_BYTES + 1);
    *why = "its numbers must be base64url";
    if (secret_from_base64url(texts[0], NUMBER_BYTES + 1, &first, &err) != OK || secret_from_base64url(texts[1], NUMBER_BYTES + 1, &second, &err) != OK)
        return NULL;
    return first.bytes > 0 && second.bytes > 0 ? type->make(buf_span(&first), buf_span(&second), why) : NULL;
}

static struct span bare_jwk(struct arena *arena, const struct key_type *type, struct span kid, const struct span parts[2])
{
    CLEANUP(buf_done) struct buf text;
    struct to_json w;
    buf_init(&text, JWK_BYTES + 6 * JOSE_KID_BYTES);
    to_json_init(&w, &text);
    to_json_object(&w);
    to_json_member_text(&w, "kty", span_of(type->name));
    to_json_member_text_if(&w, "kid", kid);
    if (type->algorithms == JOSE_ES256)
        to_json_member_text(&w, "crv", SPAN_LITERAL("P-256"));
    to_json_member_text(&w, type->parts[0], parts[0]);
    to_json_member_text(&w, type->parts[1], parts[1]);
    to_json_end(&w);
    return text.failed ? SPAN_NONE : arena_copy(arena, buf_span(&text));
}

/* NULL: taken. Else why the key is left out. */
static const char *take_key(struct jose_keys *keys, const struct from_json_value *jwk)
{
    const struct key_type *type = type_of(jwk);
    struct jose_entry *entry = &keys->all[keys->count];
    const char *why = "the memory is short";
    if (type == NULL)
        return "its type is neither RSA nor EC with P-256";
    if (!is_for_verifying(jwk))
        return "it is not for verifying signatures";
    unsigned algorithms = has(jwk, "alg") ? jose_algorithm_named(word(jwk, "alg", WORD_BYTES)) & type->algorithms : type->algorithms;
    if (algorithms == 0)
        return "its alg is not RS256, PS256 or ES256";
    struct span kid = word(jwk, "kid", JOSE_KID_BYTES), parts[2] = { word(jwk, type->parts[0], NUMBER_TEXT_BYTES), word(jwk, type->parts[1], NUMBER_TEXT_BYTES) };
    if (has(jwk, "kid") && span_empty(kid))
        return "its kid is empty, too long or no text";
    EVP_PKEY *key = key_of(type, parts, &why);
    if (key == NULL)
        return why;
    *entry = (struct jose_entry){ { arena_copy(&keys->arena, kid), algorithms, bare_jwk(&keys->arena, type, kid, parts) }, key };
    keys->count++;
    return entry->public.kid.bytes == kid.bytes && !span_empty(entry->public.jwk) ? NULL : "the memory is short";
}

/* ---- the set ---- */

static enum err_code take_all(struct jose_keys *keys, const struct from_json_value *list, struct err *err)
{
    const char *why = "it is empty";
    for (size_t i = 0; i < from_json_count(list); i++) {
        struct from_json_value jwk = from_json_item(list, i);
        if (shows_private(&jwk))
            return err_set(err, ERR_INPUT, "keys[%zu] shows a private or symmetric key: it must be replaced, and only public halves given", i);
        const char *left_out = take_key(keys, &jwk);
        why = left_out != NULL && strcmp(why, "it is empty") == 0 ? left_out : why;
    }
    return keys->count > 0 ? OK : err_set(err, ERR_INPUT, "no key of the set can be used: %s", why);
}

static enum err_code take_document(struct jose_keys *keys, const struct from_json_value *root, struct err *err)
{
    const char *why;
    struct from_json_value list = from_json_member(root, "keys");
    if (from_json_kind(&list) != FROM_JSON_ABSENT || !has(root, "kty")) {
        enum err_code code = from_json_array(&list, JOSE_SET_KEYS, err);
        return code == OK ? take_all(keys, &list, err) : code;
    }
    if (shows_private(root))
        return err_set(err, ERR_INPUT, "this shows a private or symmetric key: it must be replaced, and only the public half given");
    return (why = take_key(keys, root)) == NULL ? OK : err_set(err, ERR_INPUT, "this key cannot be used: %s", why);
}

enum err_code jose_keys_read(struct span json, struct jose_keys **out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    CLEANUP(jose_keys_freep) struct jose_keys *keys = calloc(1, sizeof *keys);
    if (keys == NULL)
        return err_set(err, ERR_MEMORY, "a JWK set");
    arena_init(&keys->arena, 4096, ARENA_BYTES);
    enum err_code code = from_json_parse(json, (struct from_json_limits){ JOSE_SET_BYTES, SET_DEPTH }, "JWK set", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc);
    code = from_json_object(&root, err);
    if (code == OK)
        code = take_document(keys, &root, err);
    if (code == OK)
        *out = TAKE(keys);
    return code;
}

void jose_keys_free(struct jose_keys *keys)
{
    if (keys == NULL)
        return;
    for (size_t i = 0; i < keys->count; i++)
        EVP_PKEY_free(keys->all[i].key);
    arena_done(&keys->arena);
    free(keys);
}

void jose_keys_freep(struct jose_keys **keys) { jose_keys_free(*keys); }

size_t jose_keys_count(const struct jose_keys *keys) { return keys->count; }

struct jose_key jose_keys_at(const struct jose_keys *keys, size_t index) { return keys->all[index].public; }

const struct jose_entry *jose_keys_find(const struct jose_keys *keys, struct span kid, unsigned algorithm)
{
    const struct jose_entry *found = NULL;
    for (size_t i = 0; i < keys->count; i++) {
        const struct jose_entry *e = &keys->all[i];
        if ((e->public.algorithms & algorithm) == 0 || (!span_empty(kid) && !span_equal(e->public.kid, kid)))
            continue;
        if (found != NULL && span_empty(kid))
            return NULL; /* it could be either: a kid is needed (RFC 7515 section 4.1.4) */
        if (found == NULL)
            found = e;
    }
    return found;
}

bool jose_keys_have(const struct jose_keys *keys, struct span kid, unsigned algorithm) { return jose_keys_find(keys, kid, algorithm) != NULL; }
