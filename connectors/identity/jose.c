#include "connectors/identity/jose_parts.h"
#include "posture/base/secret.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include <assert.h>
#include <stdlib.h>

enum { HEADER_DEPTH = 4, CLAIMS_DEPTH = 16, RAW_BYTES = 64, DER_BYTES = 80, TIME_MOST_S = 100000000000 /* the year 5138: sums of two do not overflow */ };

struct jose_token {
    struct buf signed_text;          /* header "." payload, as signed */
    struct buf signature;
    struct from_json *header, *payload;
    unsigned algorithm;
    struct span kid, type;           /* borrowed from the header */
    bool verified;
};

/* ---- taking it apart ---- */

static enum err_code read_part(struct span part, const char *what, unsigned depth, struct from_json **out, struct err *err)
{
    CLEANUP(buf_done) struct buf json;
    buf_init(&json, JOSE_TOKEN_BYTES);
    if (secret_from_base64url(part, JOSE_TOKEN_BYTES, &json, err) != OK)
        return err_set(err, ERR_INPUT, "%s of a token is not base64url", what);
    enum err_code code = from_json_parse(buf_span(&json), (struct from_json_limits){ JOSE_TOKEN_BYTES, depth }, what, out, err);
    if (code != OK)
        return code == ERR_LIMIT ? err_set(err, ERR_INPUT, "%s of a token is nested too deep", what) : code;
    struct from_json_value root = from_json_root(*out);
    return from_json_object(&root, err);
}

static enum err_code read_header(struct jose_token *token, struct err *err)
{
    struct from_json_value root = from_json_root(token->header), alg = from_json_member(&root, "alg"), kid = from_json_member(&root, "kid");
    struct from_json_value typ = from_json_member(&root, "typ"), crit = from_json_member(&root, "crit"), b64 = from_json_member(&root, "b64");
    struct span name = SPAN_NONE;
    enum err_code code = from_json_text(&alg, JOSE_TYPE_BYTES, &name, err);
    if (code == OK && from_json_kind(&kid) != FROM_JSON_ABSENT)
        code = from_json_text(&kid, JOSE_KID_BYTES, &token->kid, err);
    if (code == OK && from_json_kind(&typ) != FROM_JSON_ABSENT)
        code = from_json_text(&typ, JOSE_TYPE_BYTES, &token->type, err);
    if (code == OK && (from_json_kind(&crit) != FROM_JSON_ABSENT || from_json_kind(&b64) != FROM_JSON_ABSENT))
        code = err_set(err, ERR_INPUT, "a token demands an extension that is not known here");
    token->algorithm = code == OK ? jose_algorithm_named(name) : 0;
    if (code == OK && token->algorithm == 0)
        code = err_set(err, ERR_INPUT, "a token's algorithm is not RS256, PS256 or ES256");
    return code;
}

static enum err_code take_apart(struct jose_token *token, struct span text, struct err *err)
{
    struct span rest = text, header, payload, signature;
    bool three = span_cut(&rest, '.', &header) && span_cut(&rest, '.', &payload) && span_cut(&rest, '.', &signature) && rest.at == NULL;
    if (!three || span_empty(header) || span_empty(payload) || span_empty(signature))
        return err_set(err, ERR_INPUT, "this is not a signed token: three parts are needed");
    enum err_code code = read_part(header, "the header", HEADER_DEPTH, &token->header, err);
    if (code == OK)
        code = read_header(token, err);
    if (code == OK)
        code = read_part(payload, "the payload", CLAIMS_DEPTH, &token->payload, err);
    if (code == OK && secret_from_base64url(signature, JOSE_TOKEN_BYTES, &token->signature, err) != OK)
        code = err_set(err, ERR_INPUT, "the signature of a token is not base64url");
    if (code == OK && !buf_append(&token->signed_text, span_slice(text, 0, header.bytes + 1 + payload.bytes)))
        code = err_set(err, ERR_MEMORY, "a token");
    return code;
}

enum err_code jose_token_read(struct span text, struct jose_token **out, struct err *err)
{
    if (text.bytes > JOSE_TOKEN_BYTES)
        return err_set(err, ERR_LIMIT, "a token is longer than %d bytes", JOSE_TOKEN_BYTES);
    CLEANUP(jose_token_freep) struct jose_token *token = calloc(1, sizeof *token);
    if (token == NULL)
        return err_set(err, ERR_MEMORY, "a token");
    buf_init(&token->signed_text, JOSE_TOKEN_BYTES);
    buf_init(&token->signature, JOSE_TOKEN_BYTES);
    enum err_code code = take_apart(token, text, err);
    if (code == OK)
        *out = TAKE(token);
    return code;
}

void jose_token_free(struct jose_token *token)
{
    if (token == NULL)
        return;
    from_json_free(token->header);
    from_json_free(token->payload);
    buf_wipe(&token->signed_text);
    buf_wipe(&token->signature);
    free(token);
}

void jose_token_freep(struct jose_token **token) { jose_token_free(*token); }

unsigned jose_token_algorithm(const struct jose_token *token) { return token->algorithm; }

struct span jose_token_kid(const struct jose_token *token) { return token->kid; }

struct from_json_value jose_token_unverified(const struct jose_token *token) { return from_json_root(token->payload); }

void jose_token_believe(struct jose_token *token) { token->verified = true; }

struct from_json_value jose_token_claims(const struct jose_token *token)
{
    assert(token->verified);
    return from_json_root(token->payload);
}

/* ---- the signature ---- */

/* RFC 7518 section 3.4: R and S bare, 32 bytes each; libcrypto wants them in DER. 0: not such a signature. */
static size_t ecdsa_der(struct span raw, unsigned char der[DER_BYTES])
{
    ECDSA_SIG *signature = ECDSA_SIG_new();
    const unsigned char *at = (const unsigned char *)raw.at;
    BIGNUM *r = raw.bytes == RAW_BYTES ? BN_bin2bn(at, RAW_BYTES / 2, NULL) : NULL, *s = raw.bytes == RAW_BYTES ? BN_bin2bn(at + RAW_BYTES / 2, RAW_BYTES / 2, NULL) : NULL;
    unsigned char *end = der;
    int bytes = 0;
    if (signature != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(signature, r, s) == 1) {
        bytes = i2d_ECDSA_SIG(signature, NULL) <= (int)DER_BYTES ? i2d_ECDSA_SIG(signature, &end) : 0;
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(signature);
    return bytes > 0 ? (size_t)bytes : 0;
}

/* RFC 7518 section 3.5: MGF1 with SHA-256, and a salt as long as the hash. */
static bool use_pss(EVP_PKEY_CTX *context)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 && EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/* Only 1 is a good signature: 0 is a bad one, less an error. */
static bool signature_holds(const struct jose_token *token, EVP_PKEY *key)
{
    unsigned char der[DER_BYTES];
    struct span signature = buf_span(&token->signature), data = buf_span(&token->signed_text);
    if (token->algorithm == JOSE_ES256)
        signature = span_make(der, ecdsa_der(signature, der));
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *settings = NULL;
    bool good = context != NULL && EVP_DigestVerifyInit_ex(context, &settings, "SHA256", NULL, NULL, key, NULL) == 1 && (token->algorithm != JOSE_PS256 || use_pss(settings)) &&
                EVP_DigestVerify(context, (const unsigned char *)signature.at, signature.bytes, (const unsigned char *)data.at, data.bytes) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

enum err_code jose_token_verify(struct jose_token *token, const struct jose_keys *keys, unsigned algorithms, struct err *err)
{
    if ((token->algorithm & algorithms) == 0)
        return err_set(err, ERR_DENIED, "a token's algorithm is not allowed here");
    const struct jose_entry *entry = jose_keys_find(keys, token->kid, token->algorithm);
    if (entry == NULL)
        return err_set(err, ERR_NOT_FOUND, span_empty(token->kid) ? "a token without a kid, and not exactly one key that fits" : "a token was signed with a key that is not in the set");
    if (!signature_holds(token, entry->key))
        return err_set(err, ERR_DENIED, "a token's signature is wrong");
    token->verified = true;
    return OK;
}

/* ---- claims ---- */

static enum err_code check_type(const struct jose_token *token, const struct jose_rules *rules, struct err *err)
{
    static const struct span prefix = SPAN_LITERAL("application/");
    struct span type = token->type;
    if (span_empty(rules->type) || (span_empty(type) && rules->type_optional))
        return OK;
    if (span_equal_fold(span_slice(type, 0, prefix.bytes), prefix))
        type = span_slice(type, prefix.bytes, type.bytes);
    return span_equal_fold(type, rules->type) ? OK : err_set(err, ERR_DENIED, "typ must be %.*s", SPAN_ARGS(rules->type));
}

static enum err_code check_issuer(const struct from_json_value *claims, const struct jose_rules *rules, struct err *err)
{
    struct from_json_value iss = from_json_member(claims, "iss");
    struct span issuer = SPAN_NONE;
    if (span_empty(rules->issuer))
        return OK;
    enum err_code code = from_json_text(&iss, JOSE_CLAIM_BYTES, &issuer, err);
    return code == OK && !span_equal(issuer, rules->issuer) ? err_set(err, ERR_DENIED, "iss is another issuer") : code;
}

/* RFC 7519 section 4.1.3: one text, or a list of them. */
static enum err_code check_audience(const struct from_json_value *claims, const struct jose_rules *rules, struct err *err)
{
    struct from_json_value aud = from_json_member(claims, "aud");
    struct span one = SPAN_NONE;
    bool found = false;
    if (span_empty(rules->audience))
        return OK;
    enum err_code code = from_json_kind(&aud) == FROM_JSON_ARRAY ? from_json_array(&aud, JOSE_AUDIENCES, err) : from_json_text(&aud, JOSE_CLAIM_BYTES, &one, err);
    for (size_t i = 0; code == OK && from_json_kind(&aud) == FROM_JSON_ARRAY && i < from_json_count(&aud); i++) {
        struct from_json_value item = from_json_item(&aud, i);
        code = from_json_text(&item, JOSE_CLAIM_BYTES, &one, err);
        found = found || (code == OK && span_equal(one, rules->audience));
    }
    found = found || span_equal(one, rules->audience);
    return code == OK && !found ? err_set(err, ERR_DENIED, "aud does not name us") : code;
}

static enum err_code read_time(const struct from_json_value *claims, const char *name, bool needed, int64_t *out, struct err *err)
{
    struct from_json_value v = from_json_member(claims, name);
    return needed || from_json_kind(&v) != FROM_JSON_ABSENT ? from_json_int(&v, 0, TIME_MOST_S, out, err) : OK;
}

static enum err_code check_times(const struct from_json_value *claims, const struct jose_rules *rules, struct err *err)
{
    int64_t exp = 0, nbf = 0, iat = 0, now_s = rules->now_s, skew_s = rules->skew_s;
    enum err_code code = rules->expired_is_fine ? OK : read_time(claims, "exp", true, &exp, err);
    if (code == OK)
        code = read_time(claims, "nbf", false, &nbf, err);
    if (code == OK)
        code = read_time(claims, "iat", rules->oldest_s > 0, &iat, err);
    if (code != OK)
        return code;
    if (!rules->expired_is_fine && now_s >= exp + skew_s)
        return err_set(err, ERR_EXPIRED, "exp is past");
    if (nbf > now_s + skew_s || iat > now_s + skew_s)
        return err_set(err, ERR_DENIED, "%s lies ahead", nbf > now_s + skew_s ? "nbf" : "iat");
    return rules->oldest_s > 0 && now_s - iat > rules->oldest_s + skew_s ? err_set(err, ERR_EXPIRED, "iat is too long ago") : OK;
}

enum err_code jose_token_check(const struct jose_token *token, const struct jose_rules *rules, struct err *err)
{
    struct from_json_value claims = jose_token_claims(token);
    enum err_code code = check_type(token, rules, err);
    if (code == OK)
        code = check_issuer(&claims, rules, err);
    if (code == OK)
        code = check_audience(&claims, rules, err);
    return code == OK ? check_times(&claims, rules, err) : code;
}
