#include "connectors/identity/webauthn.h"

#include "connectors/identity/cbor.h"
#include "connectors/identity/webauthn_key.h"
#include "posture/base/from_json.h"
#include "posture/base/secret.h"

#include <string.h>

/* Authenticator data, section 6.1: rpIdHash, flags, signCount, then what the flags announce. */
enum { FIXED_BYTES = 37, FLAGS_AT = 32, COUNT_AT = 33, ID_LENGTH_BYTES = 2, CLIENT_DATA_DEPTH = 8 };
enum { FLAG_PRESENT = 1, FLAG_VERIFIED = 4, FLAG_BACKUP_ELIGIBLE = 8, FLAG_BACKED_UP = 16, FLAG_ATTESTED = 64, FLAG_EXTENSIONS = 128 };

struct authenticator_data { unsigned flags; uint32_t sign_count; struct span aaguid, id, public_key; struct webauthn_key_form form; };

/* ---- our own address ---- */

static struct span lower_copy(struct arena *arena, struct span text)
{
    char *copy = arena_alloc(arena, text.bytes + 1);
    for (size_t i = 0; copy != NULL && i < text.bytes; i++)
        copy[i] = (char)(text.at[i] >= 'A' && text.at[i] <= 'Z' ? text.at[i] - 'A' + 'a' : text.at[i]);
    return copy != NULL ? span_make(copy, text.bytes) : SPAN_NONE;
}

/* WHATWG URL: a host whose last label is a number is an IPv4 address. */
static bool is_address(struct span host)
{
    size_t at = host.bytes;
    while (at > 0 && host.at[at - 1] != '.')
        at--;
    return span_empty(host) || host.at[0] == '[' || (at < host.bytes && host.at[at] >= '0' && host.at[at] <= '9');
}

bool webauthn_site_from(struct span public_url, struct arena *arena, struct webauthn_site *out)
{
    static const struct { const char *scheme, *port; } schemes[] = { { "https://", ":443" }, { "http://", ":80" } };
    struct span url = lower_copy(arena, public_url);
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        struct span scheme = span_of(schemes[i].scheme);
        if (!span_starts(url, scheme))
            continue;
        struct span rest = span_slice(url, scheme.bytes, url.bytes), authority = span_slice(rest, 0, span_find(rest, '/')), host = span_slice(authority, 0, span_find(authority, ':'));
        bool is_local = span_equal_text(host, "localhost") || span_ends(host, SPAN_LITERAL(".localhost"));
        if (is_address(authority) || is_address(host) || (i > 0 && !is_local))
            return false;
        if (span_equal_text(span_slice(authority, host.bytes, authority.bytes), schemes[i].port))
            authority = host;
        *out = (struct webauthn_site){ arena_format(arena, "%.*s%.*s", SPAN_ARGS(scheme), SPAN_ARGS(authority)), host };
        return out->origin.at != NULL;
    }
    return false;
}

/* ---- client data, section 5.8.1 ---- */

static enum err_code check_text(const struct from_json_value *root, const char *key, struct span wanted, const char *why, struct err *err)
{
    struct from_json_value member = from_json_member(root, key);
    struct span text;
    enum err_code code = from_json_text(&member, WEBAUTHN_CLIENT_DATA_MOST, &text, err);
    if (code == OK && !span_equal_ct(text, wanted))
        code = err_set(err, ERR_DENIED, "%s", why);
    return code;
}

static enum err_code check_client_data(const struct webauthn_expected *expected, const char *type, struct span json, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    enum err_code code = from_json_parse(json, (struct from_json_limits){ WEBAUTHN_CLIENT_DATA_MOST, CLIENT_DATA_DEPTH }, "clientDataJSON", &doc, err);
    if (code != OK)
        return code;
    bool cross = false;
    struct from_json_value root = from_json_root(doc), cross_origin = from_json_member(&root, "crossOrigin"), top = from_json_member(&root, "topOrigin");
    code = check_text(&root, "type", span_of(type), "it is of another ceremony", err);
    if (code == OK)
        code = check_text(&root, "challenge", expected->challenge, "it answers another challenge", err);
    if (code == OK)
        code = check_text(&root, "origin", expected->site.origin, "it was made for another origin", err);
    if (code == OK)
        code = from_json_bool_opt(&cross_origin, &cross, err);
    if (code == OK && (cross || from_json_present(&top)))
        code = err_set(err, ERR_DENIED, "it was made inside of another site's page");
    return code == OK ? OK : err_wrap(err, "clientDataJSON");
}

/* ---- authenticator data, section 6.1 ---- */

static uint32_t big_endian(const char *at, size_t bytes)
{
    uint32_t number = 0;
    for (size_t i = 0; i < bytes; i++)
        number = number << 8 | (unsigned char)at[i];
    return number;
}

static enum err_code check_flags(unsigned flags, struct err *err)
{
    if ((flags & FLAG_PRESENT) == 0)
        return err_set(err, ERR_DENIED, "authenticator data: nobody was present");
    if ((flags & FLAG_VERIFIED) == 0)
        return err_set(err, ERR_DENIED, "authenticator data: the person was not verified");
    if ((flags & FLAG_BACKED_UP) != 0 && (flags & FLAG_BACKUP_ELIGIBLE) == 0)
        return err_set(err, ERR_DENIED, "authenticator data: it is backed up, and says that it cannot be");
    return OK;
}

/* Section 6.5.1: AAGUID, length of the id, id, key; moves *at on. */
static enum err_code read_attested(struct span data, size_t *at, struct authenticator_data *out, struct err *err)
{
    struct span rest = span_slice(data, *at, data.bytes);
    struct cbor key;
    size_t used = 0;
    if (rest.bytes < WEBAUTHN_AAGUID_BYTES + ID_LENGTH_BYTES)
        return err_set(err, ERR_INPUT, "authenticator data: cut short in the credential");
    size_t id_bytes = big_endian(rest.at + WEBAUTHN_AAGUID_BYTES, ID_LENGTH_BYTES);
    out->aaguid = span_slice(rest, 0, WEBAUTHN_AAGUID_BYTES);
    rest = span_slice(rest, WEBAUTHN_AAGUID_BYTES + ID_LENGTH_BYTES, rest.bytes);
    if (id_bytes == 0 || id_bytes > WEBAUTHN_ID_MOST || id_bytes > rest.bytes)
        return err_set(err, ERR_INPUT, "authenticator data: the credential id has %zu bytes", id_bytes);
    out->id = span_slice(rest, 0, id_bytes);
    rest = span_slice(rest, id_bytes, rest.bytes);
    enum err_code code = cbor_read(rest, "credential public key", &key, &used, err);
    if (code != OK)
        return code;
    out->public_key = span_slice(rest, 0, used);
    *at = (size_t)(rest.at - data.at) + used;
    return webauthn_key_read(out->public_key, &out->form, err);
}

static enum err_code skip_extensions(struct span data, size_t *at, struct err *err)
{
    struct cbor map;
    size_t used = 0;
    enum err_code code = cbor_read(span_slice(data, *at, data.bytes), "extensions", &map, &used, err);
    if (code == OK && map.kind != CBOR_MAP)
        code = err_set(err, ERR_INPUT, "extensions: not a map");
    *at += used;
    return code;
}

static enum err_code read_authenticator_data(const struct webauthn_expected *expected, struct span data, bool attested, struct authenticator_data *out, struct err *err)
{
    uint8_t rp_id_hash[SECRET_HASH_BYTES];
    size_t at = FIXED_BYTES;
    *out = (struct authenticator_data){ 0 };
    if (data.bytes < FIXED_BYTES || data.bytes > WEBAUTHN_AUTHENTICATOR_DATA_MOST)
        return err_set(err, data.bytes < FIXED_BYTES ? ERR_INPUT : ERR_LIMIT, "authenticator data: it has %zu bytes", data.bytes);
    secret_sha256(expected->site.rp_id, rp_id_hash);
    if (memcmp(data.at, rp_id_hash, sizeof rp_id_hash) != 0)
        return err_set(err, ERR_DENIED, "authenticator data: it is for another site");
    out->flags = (unsigned char)data.at[FLAGS_AT];
    out->sign_count = big_endian(data.at + COUNT_AT, 4);
    enum err_code code = check_flags(out->flags, err);
    if (code == OK && ((out->flags & FLAG_ATTESTED) != 0) != attested)
        code = err_set(err, ERR_INPUT, attested ? "authenticator data: it has no credential" : "authenticator data: an assertion has no credential in it");
    if (code == OK && attested)
        code = read_attested(data, &at, out, err);
    if (code == OK && (out->flags & FLAG_EXTENSIONS) != 0)
        code = skip_extensions(data, &at, err);
    if (code == OK && at != data.bytes)
        code = err_set(err, ERR_INPUT, "authenticator data: something follows it");
    return code;
}

/* What is signed, sections 6.3.3 and 8.2: authenticator data, then the hash of the client data. */
static enum err_code signed_bytes(struct span authenticator_data, struct span client_data, struct buf *out, struct err *err)
{
    uint8_t hash[SECRET_HASH_BYTES];
    secret_sha256(client_data, hash);
    buf_append(out, authenticator_data);
    buf_append(out, span_make(hash, sizeof hash));
    return buf_check(out, "authenticator data", err);
}

/* ---- attestation, sections 6.5.4 and 8.2 ---- */

static enum err_code check_packed(const struct cbor *statement, const struct authenticator_data *data, struct span message, enum webauthn_attestation *out, struct err *err)
{
    struct cbor algorithm, signature, chain, certificate = { 0 };
    if (!cbor_by_text(statement, "alg", CBOR_INT, &algorithm) || !cbor_by_text(statement, "sig", CBOR_BYTES, &signature))
        return err_set(err, ERR_INPUT, "packed attestation: alg or sig is missing");
    bool has_chain = cbor_by_text(statement, "x5c", CBOR_ARRAY, &chain);
    if (statement->count != (has_chain ? 3u : 2u)) /* x5c of another type; ecdaaKeyId of level 1 */
        return err_set(err, ERR_INPUT, "packed attestation: a member is not known");
    if (has_chain && !cbor_item(&chain, 0, CBOR_BYTES, &certificate))
        return err_set(err, ERR_INPUT, "packed attestation: x5c has no certificate");
    if (!has_chain && algorithm.number != data->form.algorithm)
        return err_set(err, ERR_DENIED, "packed attestation: its algorithm is not the credential's");
    *out = has_chain ? WEBAUTHN_ATTESTED_CERTIFICATE : WEBAUTHN_ATTESTED_SELF;
    return has_chain ? webauthn_key_check_certificate(certificate.bytes, data->aaguid, algorithm.number, message, signature.bytes, err)
                     : webauthn_key_verify(&data->form, message, signature.bytes, err);
}

static enum err_code read_attestation_object(struct span object, struct cbor *format, struct cbor *statement, struct cbor *data, struct err *err)
{
    struct cbor root;
    size_t used = 0;
    if (object.bytes > WEBAUTHN_ATTESTATION_MOST)
        return err_set(err, ERR_LIMIT, "attestation object: it has %zu bytes", object.bytes);
    enum err_code code = cbor_read(object, "attestation object", &root, &used, err);
    if (code != OK)
        return code;
    bool whole = used == object.bytes && root.kind == CBOR_MAP && root.count == 3;
    if (!whole || !cbor_by_text(&root, "fmt", CBOR_TEXT, format) || !cbor_by_text(&root, "attStmt", CBOR_MAP, statement) || !cbor_by_text(&root, "authData", CBOR_BYTES, data))
        return err_set(err, ERR_INPUT, "attestation object: not fmt, attStmt and authData alone");
    if (span_equal_text(format->bytes, "none") && statement->count != 0)
        return err_set(err, ERR_INPUT, "attestation object: none, with a statement");
    return OK;
}

/* ---- the two ceremonies ---- */

enum err_code webauthn_register(const struct webauthn_expected *expected, const struct webauthn_registration *in, struct webauthn_credential *out, struct err *err)
{
    CLEANUP(buf_done) struct buf message;
    struct cbor format, statement, bytes;
    struct authenticator_data data;
    enum webauthn_attestation attestation = WEBAUTHN_UNATTESTED;
    buf_init(&message, WEBAUTHN_AUTHENTICATOR_DATA_MOST + SECRET_HASH_BYTES);
    enum err_code code = check_client_data(expected, "webauthn.create", in->client_data, err);
    if (code == OK)
        code = read_attestation_object(in->attestation_object, &format, &statement, &bytes, err);
    if (code == OK)
        code = read_authenticator_data(expected, bytes.bytes, true, &data, err);
    if (code == OK)
        code = signed_bytes(bytes.bytes, in->client_data, &message, err);
    if (code == OK && span_equal_text(format.bytes, "packed"))
        code = check_packed(&statement, &data, buf_span(&message), &attestation, err);
    if (code != OK)
        return code;
    *out = (struct webauthn_credential){ .id = data.id, .public_key = data.public_key, .sign_count = data.sign_count, .attestation = attestation,
                                         .backup_eligible = (data.flags & FLAG_BACKUP_ELIGIBLE) != 0, .backed_up = (data.flags & FLAG_BACKED_UP) != 0 };
    memcpy(out->aaguid, data.aaguid.at, sizeof out->aaguid);
    return OK;
}

/* Section 7.2 step 21, and level 3: BE is as it was at the registration. */
static enum err_code check_history(const struct webauthn_credential *known, const struct authenticator_data *data, struct err *err)
{
    if (((data->flags & FLAG_BACKUP_ELIGIBLE) != 0) != known->backup_eligible)
        return err_set(err, ERR_DENIED, "authenticator data: whether it can be backed up has changed");
    if ((data->sign_count != 0 || known->sign_count != 0) && data->sign_count <= known->sign_count)
        return err_set(err, ERR_CONFLICT, "authenticator data: its counter says %u after %u: a copied key, or an old answer", data->sign_count, known->sign_count);
    return OK;
}

enum err_code webauthn_assert(const struct webauthn_expected *expected, const struct webauthn_credential *known, const struct webauthn_assertion *in,
                              struct webauthn_use *out, struct err *err)
{
    CLEANUP(buf_done) struct buf message;
    struct authenticator_data data;
    struct webauthn_key_form form;
    buf_init(&message, WEBAUTHN_AUTHENTICATOR_DATA_MOST + SECRET_HASH_BYTES);
    enum err_code code = check_client_data(expected, "webauthn.get", in->client_data, err);
    if (code == OK)
        code = read_authenticator_data(expected, in->authenticator_data, false, &data, err);
    if (code == OK)
        code = webauthn_key_read(known->public_key, &form, err);
    if (code == OK)
        code = signed_bytes(in->authenticator_data, in->client_data, &message, err);
    if (code == OK)
        code = webauthn_key_verify(&form, buf_span(&message), in->signature, err);
    if (code == OK)
        code = check_history(known, &data, err);
    if (code == OK)
        *out = (struct webauthn_use){ data.sign_count, (data.flags & FLAG_BACKED_UP) != 0 };
    return code;
}
