/* Registrations and assertions: good ones of each kind, one spoilt thing at a time, and the vectors of the standard. */
#include "connectors/identity/webauthn.h"
#include "connectors/identity/webauthn_key.h"
#include "posture/base/file.h"
#include "posture/base/from_json.h"
#include "posture/base/secret.h"
#include "tests/support/authenticator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define CHALLENGE "AMMPt4UxxGTStncdq417YDwBFi8vpIa-pw8oOuVW4TA"
#define ORIGIN "https://posture.acme.example"
#define RP_ID "posture.acme.example"

static const struct webauthn_expected expected = { { { ORIGIN, sizeof ORIGIN - 1 }, { RP_ID, sizeof RP_ID - 1 } }, { CHALLENGE, sizeof CHALLENGE - 1 } };
static const int algorithms[] = { WEBAUTHN_ES256, WEBAUTHN_EDDSA, WEBAUTHN_RS256 };

/* What one ceremony gave; `object` is the attestation object or the authenticator data. */
struct answer { struct buf client_data, object, signature; };

static void answer_init(struct answer *a)
{
    buf_init(&a->client_data, 64 * 1024);
    buf_init(&a->object, 64 * 1024);
    buf_init(&a->signature, 4096);
}

static void answer_done(struct answer *a)
{
    buf_done(&a->client_data);
    buf_done(&a->object);
    buf_done(&a->signature);
}

static struct authenticator_asked asked_well(struct authenticator_asked how)
{
    how.rp_id = how.rp_id != NULL ? how.rp_id : RP_ID;
    how.origin = how.origin != NULL ? how.origin : ORIGIN;
    how.challenge = how.challenge != NULL ? how.challenge : CHALLENGE;
    return how;
}

static enum err_code registered(struct authenticator *a, struct authenticator_asked how, struct answer *answer, struct webauthn_credential *out, struct err *err)
{
    how = asked_well(how);
    answer_init(answer);
    authenticator_create(a, &how, &answer->client_data, &answer->object);
    return webauthn_register(&expected, &(struct webauthn_registration){ buf_span(&answer->client_data), buf_span(&answer->object) }, out, err);
}

static enum err_code asserted(struct authenticator *a, struct authenticator_asked how, const struct webauthn_credential *known, struct webauthn_use *use, struct err *err)
{
    struct answer answer;
    how = asked_well(how);
    answer_init(&answer);
    authenticator_get(a, &how, &answer.client_data, &answer.object, &answer.signature);
    enum err_code code = webauthn_assert(&expected, known, &(struct webauthn_assertion){ buf_span(&answer.client_data), buf_span(&answer.object), buf_span(&answer.signature) }, use, err);
    answer_done(&answer);
    return code;
}

/* ---- where browsers offer it ---- */

static void the_site_is_the_origin_of_our_pages(void **state)
{
    static const struct { const char *url, *origin, *rp_id; } rows[] = {
        { "https://posture.acme.example", "https://posture.acme.example", "posture.acme.example" },
        { "https://Posture.ACME.example:443/device", "https://posture.acme.example", "posture.acme.example" },
        { "https://posture.acme.example:8443/a/b", "https://posture.acme.example:8443", "posture.acme.example" },
        { "https://posture.acme.example:4430", "https://posture.acme.example:4430", "posture.acme.example" },
        { "https://localhost:8443", "https://localhost:8443", "localhost" },
        { "http://localhost:8080", "http://localhost:8080", "localhost" },
        { "http://localhost:80", "http://localhost", "localhost" },
        { "http://gw.localhost:80", "http://gw.localhost", "gw.localhost" },
        { "http://posture.acme.example", NULL, NULL },
        { "http://notlocalhost", NULL, NULL },
        { "https://127.0.0.1:8443", NULL, NULL },
        { "https://10.1", NULL, NULL },
        { "https://[::1]:8443", NULL, NULL },
        { "https://", NULL, NULL },
        { "", NULL, NULL },
        { "ftp://posture.acme.example", NULL, NULL },
    };
    (void)state;
    struct arena arena;
    arena_init(&arena, 1024, 65536);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct webauthn_site site;
        print_message("  %s\n", rows[i].url);
        bool offered = webauthn_site_from(span_of(rows[i].url), &arena, &site);
        assert_int_equal(offered, rows[i].origin != NULL);
        if (!offered)
            continue;
        assert_true(span_equal_text(site.origin, rows[i].origin));
        assert_true(span_equal_text(site.rp_id, rows[i].rp_id));
    }
    arena_done(&arena);
}

/* ---- good ones ---- */

static void each_kind_of_key_registers_and_answers(void **state)
{
    static const struct { const char *format; enum webauthn_attestation attestation; } formats[] = {
        { "none", WEBAUTHN_UNATTESTED }, { "packed", WEBAUTHN_ATTESTED_SELF }, { "packed-x5c", WEBAUTHN_ATTESTED_CERTIFICATE }, { "tpm", WEBAUTHN_UNATTESTED }, { "apple", WEBAUTHN_UNATTESTED },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(algorithms) * COUNT(formats); i++) {
        struct authenticator a;
        struct answer answer;
        struct webauthn_credential credential;
        struct webauthn_use use;
        struct err err = { 0 };
        size_t format = i % COUNT(formats);
        authenticator_init(&a, algorithms[i / COUNT(formats)]);
        print_message("  %d, %s\n", a.algorithm, formats[format].format);
        a.id_bytes = i % 2 == 0 ? 1 : WEBAUTHN_ID_MOST;
        a.counter = 7;
        a.flags |= i % 3 == 0 ? AUTHENTICATOR_BACKUP_ELIGIBLE : 0;
        if (registered(&a, (struct authenticator_asked){ .format = formats[format].format }, &answer, &credential, &err) != OK)
            fail_msg("%s", err.text);
        assert_true(span_equal(credential.id, span_make(a.id, a.id_bytes)));
        assert_memory_equal(credential.aaguid, a.aaguid, sizeof a.aaguid);
        assert_int_equal(credential.attestation, formats[format].attestation);
        assert_int_equal(credential.sign_count, 7);
        assert_int_equal(credential.backup_eligible, i % 3 == 0);
        assert_false(credential.backed_up);
        a.counter = 8;
        a.flags |= i % 3 == 0 ? AUTHENTICATOR_BACKED_UP : 0;
        if (asserted(&a, (struct authenticator_asked){ 0 }, &credential, &use, &err) != OK)
            fail_msg("%s", err.text);
        assert_int_equal(use.sign_count, 8);
        assert_int_equal(use.backed_up, i % 3 == 0);
        answer_done(&answer);
        authenticator_done(&a);
    }
}

/* ---- one spoilt thing at a time ---- */

#define KEY_ES256_HEAD "a5010203262001215820"
#define BYTES_32 "0101010101010101010101010101010101010101010101010101010101010101"

static void a_registration_that_is_not_right_is_refused(void **state)
{
    static const struct { const char *name; struct authenticator_asked how; size_t id_bytes; enum err_code code; const char *why; } rows[] = {
        { "an assertion's type", { .type = "webauthn.get" }, 0, ERR_DENIED, "another ceremony" },
        { "another challenge", { .challenge = "BMMPt4UxxGTStncdq417YDwBFi8vpIa-pw8oOuVW4TA" }, 0, ERR_DENIED, "another challenge" },
        { "no challenge", { .challenge = "" }, 0, ERR_DENIED, "another challenge" },
        { "a challenge with more behind", { .challenge = CHALLENGE "A" }, 0, ERR_DENIED, "another challenge" },
        { "another origin", { .origin = "https://evil.example" }, 0, ERR_DENIED, "another origin" },
        { "an origin that begins like ours", { .origin = ORIGIN ".evil.example" }, 0, ERR_DENIED, "another origin" },
        { "another port", { .origin = ORIGIN ":8443" }, 0, ERR_DENIED, "another origin" },
        { "a sub-domain of ours", { .origin = "https://x." RP_ID }, 0, ERR_DENIED, "another origin" },
        { "not by https", { .origin = "http://" RP_ID }, 0, ERR_DENIED, "another origin" },
        { "a slash behind", { .origin = ORIGIN "/" }, 0, ERR_DENIED, "another origin" },
        { "inside of another page", { .more = ",\"crossOrigin\":true" }, 0, ERR_DENIED, "another site's page" },
        { "with a top origin", { .more = ",\"crossOrigin\":false,\"topOrigin\":\"https://evil.example\"" }, 0, ERR_DENIED, "another site's page" },
        { "crossOrigin as text", { .more = ",\"crossOrigin\":\"true\"" }, 0, ERR_INPUT, "crossOrigin" },
        { "the origin twice", { .more = ",\"origin\":\"" ORIGIN "\"" }, 0, ERR_INPUT, "clientDataJSON" },
        { "not JSON", { .client_data = "webauthn.create" }, 0, ERR_INPUT, "clientDataJSON" },
        { "an array", { .client_data = "[]" }, 0, ERR_INPUT, "clientDataJSON" },
        { "an empty object", { .client_data = "{}" }, 0, ERR_INPUT, "type" },
        { "a byte order mark", { .client_data = "\xef\xbb\xbf{}" }, 0, ERR_INPUT, "clientDataJSON" },
        { "a number as challenge", { .client_data = "{\"type\":\"webauthn.create\",\"challenge\":1,\"origin\":\"" ORIGIN "\"}" }, 0, ERR_INPUT, "challenge" },
        { "deep client data", { .more = ",\"x\":[[[[[[[[[[[]]]]]]]]]]]" }, 0, ERR_LIMIT, "clientDataJSON" },
        { "another site's", { .rp_id = "evil.example" }, 0, ERR_DENIED, "another site" },
        { "our parent's", { .rp_id = "acme.example" }, 0, ERR_DENIED, "another site" },
        { "nobody there", { .clear_flags = AUTHENTICATOR_PRESENT }, 0, ERR_DENIED, "nobody was present" },
        { "nobody verified", { .clear_flags = AUTHENTICATOR_VERIFIED }, 0, ERR_DENIED, "not verified" },
        { "backed up, but not eligible", { .set_flags = AUTHENTICATOR_BACKED_UP }, 0, ERR_DENIED, "cannot be" },
        { "no credential announced", { .clear_flags = AUTHENTICATOR_ATTESTED }, 0, ERR_INPUT, "no credential" },
        { "extensions announced, none there", { .set_flags = AUTHENTICATOR_EXTENSIONS }, 0, ERR_INPUT, "extensions" },
        { "extensions that are no map", { .set_flags = AUTHENTICATOR_EXTENSIONS, .tail = { "\x01", 1 } }, 0, ERR_INPUT, "not a map" },
        { "good extensions", { .set_flags = AUTHENTICATOR_EXTENSIONS, .tail = { "\xa1\x61x\xf5", 4 } }, 0, OK, "" },
        { "something behind", { .tail = { "\xa0", 1 } }, 0, ERR_INPUT, "something follows" },
        { "something behind the extensions", { .set_flags = AUTHENTICATOR_EXTENSIONS, .tail = { "\xa0\x00", 2 } }, 0, ERR_INPUT, "something follows" },
        { "one byte short", { .cut_data = 1 }, 0, ERR_INPUT, "cut short" },
        { "cut in the key", { .cut_data = 40 }, 0, ERR_INPUT, "cut short" },
        { "cut in the id", { .cut_data = 80 }, 0, ERR_INPUT, "credential id" },
        { "cut in the AAGUID", { .cut_data = 120 }, 0, ERR_INPUT, "cut short" },
        { "shorter than any", { .cut_data = 130 }, 0, ERR_INPUT, "bytes" },
        { "an id of one byte too many", { 0 }, WEBAUTHN_ID_MOST + 1, ERR_INPUT, "1024 bytes" },
        { "a key on no curve", { .key_hex = KEY_ES256_HEAD BYTES_32 "225820" BYTES_32, .format = "packed" }, 0, ERR_DENIED, "not one" },
        { "a point of 31 bytes", { .key_hex = "a501020326200121581f" "01010101010101010101010101010101010101010101010101010101010101" "225820" BYTES_32 }, 0, ERR_INPUT, "members" },
        { "without y", { .key_hex = "a4010203262001215820" BYTES_32 }, 0, ERR_INPUT, "members" },
        { "with y's sign alone", { .key_hex = KEY_ES256_HEAD BYTES_32 "22f5" }, 0, ERR_INPUT, "members" },
        { "with one member more", { .key_hex = "a60102032620012158" "20" BYTES_32 "225820" BYTES_32 "2340" }, 0, ERR_INPUT, "members" },
        { "another curve", { .key_hex = "a5010203262002215820" BYTES_32 "225820" BYTES_32 }, 0, ERR_INPUT, "members" },
        { "a curve that does not go with the kind", { .key_hex = "a4010103262001215820" BYTES_32 }, 0, ERR_INPUT, "members" },
        { "ES384", { .key_hex = "a501020338222002215820" BYTES_32 "225820" BYTES_32 }, 0, ERR_DENIED, "algorithm -35" },
        { "RS1", { .key_hex = "a401030339fffe20410121" "43010001" }, 0, ERR_DENIED, "algorithm -65535" },
        { "an RSA key of 8 bits", { .key_hex = "a40103033901002041ff2143010001" }, 0, ERR_INPUT, "members" },
        { "a key without an algorithm", { .key_hex = "a10102" }, 0, ERR_INPUT, "members" },
        { "a key that is a number", { .key_hex = "01" }, 0, ERR_INPUT, "members" },
        { "a key with descending labels", { .key_hex = "a203260102" }, 0, ERR_INPUT, "ascend" },
        { "self-attested, a bit off", { .format = "packed", .spoil_signature = true }, 0, ERR_DENIED, "not the credential's" },
        { "self-attested by another key", { .format = "packed", .foreign_signature = true }, 0, ERR_DENIED, "not the credential's" },
        { "self-attested, another algorithm", { .format = "packed", .statement_algorithm = WEBAUTHN_RS256 }, 0, ERR_DENIED, "not the credential's" },
        { "attested by another key than the certificate's", { .format = "packed-x5c", .foreign_signature = true }, 0, ERR_DENIED, "not signed by its certificate" },
        { "attested, another algorithm", { .format = "packed-x5c", .statement_algorithm = WEBAUTHN_RS256 }, 0, ERR_DENIED, "not signed by its certificate" },
        { "attested by a CA certificate", { .format = "packed-x5c", .certificate_is_ca = true }, 0, ERR_DENIED, "not fit" },
        { "attested by some web server", { .format = "packed-x5c", .subject_unit = "Web" }, 0, ERR_DENIED, "not fit" },
        { "attested for another model", { .format = "packed-x5c", .certificate_of_another_aaguid = true }, 0, ERR_DENIED, "another AAGUID" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct authenticator a;
        struct answer answer;
        struct webauthn_credential credential = { .sign_count = 99 };
        struct err err = { 0 };
        print_message("  %s\n", rows[i].name);
        authenticator_init(&a, WEBAUTHN_ES256);
        a.id_bytes = rows[i].id_bytes != 0 ? rows[i].id_bytes : a.id_bytes;
        enum err_code code = registered(&a, rows[i].how, &answer, &credential, &err);
        if (code != rows[i].code || strstr(err.text, rows[i].why) == NULL)
            fail_msg("%s: %s", err_name(code), err.text);
        if (code != OK)
            assert_int_equal(credential.sign_count, 99);
        answer_done(&answer);
        authenticator_done(&a);
    }
}

/* The object around the authenticator data, byte by byte: none of its cuts is one, and most single bits matter. */
static void an_attestation_object_that_was_cut_is_refused(void **state)
{
    struct authenticator a;
    struct answer answer;
    struct webauthn_credential credential;
    struct err err = { 0 };
    (void)state;
    authenticator_init(&a, WEBAUTHN_ES256);
    assert_int_equal(registered(&a, (struct authenticator_asked){ .format = "packed-x5c" }, &answer, &credential, &err), OK);
    struct span whole = buf_span(&answer.object);
    for (size_t bytes = 0; bytes < whole.bytes; bytes++) {
        char *copy = malloc(bytes + 1); /* of its own size, so that reading past it is seen */
        assert_non_null(copy);
        memcpy(copy, whole.at, bytes);
        assert_int_equal(webauthn_register(&expected, &(struct webauthn_registration){ buf_span(&answer.client_data), span_make(copy, bytes) }, &credential, &err), ERR_INPUT);
        free(copy);
    }
    buf_append_byte(&answer.object, 0);
    assert_int_equal(webauthn_register(&expected, &(struct webauthn_registration){ buf_span(&answer.client_data), buf_span(&answer.object) }, &credential, &err), ERR_INPUT);
    answer_done(&answer);
    authenticator_done(&a);
}

static void an_assertion_that_is_not_right_is_refused(void **state)
{
    static const struct { const char *name; struct authenticator_asked how; uint32_t before, now; enum err_code code; const char *why; } rows[] = {
        { "a registration's type", { .type = "webauthn.create" }, 0, 0, ERR_DENIED, "another ceremony" },
        { "another challenge", { .challenge = "x" }, 0, 0, ERR_DENIED, "another challenge" },
        { "another origin", { .origin = "https://evil.example" }, 0, 0, ERR_DENIED, "another origin" },
        { "inside of another page", { .more = ",\"crossOrigin\":true" }, 0, 0, ERR_DENIED, "another site's page" },
        { "another site's", { .rp_id = "evil.example" }, 0, 0, ERR_DENIED, "another site" },
        { "nobody there", { .clear_flags = AUTHENTICATOR_PRESENT }, 0, 0, ERR_DENIED, "nobody was present" },
        { "nobody verified", { .clear_flags = AUTHENTICATOR_VERIFIED }, 0, 0, ERR_DENIED, "not verified" },
        { "backed up, but not eligible", { .set_flags = AUTHENTICATOR_BACKED_UP }, 0, 0, ERR_DENIED, "cannot be" },
        { "eligible all of a sudden", { .set_flags = AUTHENTICATOR_BACKUP_ELIGIBLE }, 0, 0, ERR_DENIED, "has changed" },
        { "a credential announced", { .set_flags = AUTHENTICATOR_ATTESTED }, 0, 0, ERR_INPUT, "no credential in it" },
        { "extensions", { .set_flags = AUTHENTICATOR_EXTENSIONS, .tail = { "\xa1\x61x\xf5", 4 } }, 0, 0, OK, "" },
        { "something behind", { .tail = { "\x00", 1 } }, 0, 0, ERR_INPUT, "something follows" },
        { "one byte short", { .cut_data = 1 }, 0, 0, ERR_INPUT, "36 bytes" },
        { "a bit of the signature off", { .spoil_signature = true }, 0, 0, ERR_DENIED, "not the credential's" },
        { "another key's signature", { .foreign_signature = true }, 0, 0, ERR_DENIED, "not the credential's" },
        { "it does not count", { 0 }, 0, 0, OK, "" },
        { "it begins to count", { 0 }, 0, 1, OK, "" },
        { "it counts on", { 0 }, 41, 42, OK, "" },
        { "far on", { 0 }, 1, UINT32_MAX, OK, "" },
        { "the same number", { 0 }, 42, 42, ERR_CONFLICT, "says 42 after 42" },
        { "a smaller one", { 0 }, 42, 41, ERR_CONFLICT, "says 41 after 42" },
        { "it stopped counting", { 0 }, 42, 0, ERR_CONFLICT, "says 0 after 42" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows) * COUNT(algorithms); i++) {
        struct authenticator a;
        struct answer answer;
        struct webauthn_credential credential;
        struct webauthn_use use = { 77, false };
        struct err err = { 0 };
        size_t row = i % COUNT(rows);
        print_message("  %s\n", rows[row].name);
        authenticator_init(&a, algorithms[i / COUNT(rows)]);
        a.counter = rows[row].before;
        assert_int_equal(registered(&a, (struct authenticator_asked){ 0 }, &answer, &credential, &err), OK);
        a.counter = rows[row].now;
        enum err_code code = asserted(&a, rows[row].how, &credential, &use, &err);
        if (code != rows[row].code || strstr(err.text, rows[row].why) == NULL)
            fail_msg("%s: %s", err_name(code), err.text);
        assert_int_equal(use.sign_count, code == OK ? rows[row].now : 77);
        answer_done(&answer);
        authenticator_done(&a);
    }
}

static void an_answer_of_another_credential_is_refused(void **state)
{
    struct authenticator a, b;
    struct answer answer;
    struct webauthn_credential of_a;
    struct webauthn_use use;
    struct err err = { 0 };
    (void)state;
    authenticator_init(&a, WEBAUTHN_ES256);
    authenticator_init(&b, WEBAUTHN_ES256);
    assert_int_equal(registered(&a, (struct authenticator_asked){ 0 }, &answer, &of_a, &err), OK);
    assert_int_equal(asserted(&b, (struct authenticator_asked){ 0 }, &of_a, &use, &err), ERR_DENIED);
    of_a.public_key = span_slice(of_a.public_key, 0, of_a.public_key.bytes - 1);
    assert_int_equal(asserted(&a, (struct authenticator_asked){ 0 }, &of_a, &use, &err), ERR_INPUT);
    answer_done(&answer);
    authenticator_done(&a);
    authenticator_done(&b);
}

static void what_is_too_long_is_refused_before_it_is_looked_at(void **state)
{
    enum { LONG = 128 * 1024 };
    char *text = calloc(1, LONG);
    struct webauthn_credential out;
    struct webauthn_use use;
    struct err err;
    struct authenticator a;
    struct answer answer;
    (void)state;
    assert_non_null(text);
    authenticator_init(&a, WEBAUTHN_ES256);
    struct span huge = span_make(text, LONG);
    assert_int_equal(registered(&a, (struct authenticator_asked){ 0 }, &answer, &out, &err), OK);
    struct span client_data = buf_span(&answer.client_data);
    assert_int_equal(webauthn_register(&expected, &(struct webauthn_registration){ huge, buf_span(&answer.object) }, &out, &err), ERR_LIMIT);
    assert_int_equal(webauthn_register(&expected, &(struct webauthn_registration){ client_data, huge }, &out, &err), ERR_LIMIT);
    assert_int_equal(webauthn_assert(&expected, &out, &(struct webauthn_assertion){ huge, huge, huge }, &use, &err), ERR_LIMIT);
    assert_int_equal(webauthn_assert(&expected, &out, &(struct webauthn_assertion){ SPAN_NONE, SPAN_NONE, SPAN_NONE }, &use, &err), ERR_INPUT);
    answer_done(&answer);
    authenticator_done(&a);
    free(text);
}

/* ---- the standard's own vectors ---- */

struct vector { struct from_json_value part; struct arena *arena; };

static struct span hex_member(const struct vector *v, const char *key)
{
    struct from_json_value member = from_json_member(&v->part, key);
    struct span hex = SPAN_NONE;
    struct err err;
    assert_int_equal(from_json_text(&member, 64 * 1024, &hex, &err), OK);
    char *bytes = arena_alloc(v->arena, hex.bytes / 2 + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < hex.bytes / 2; i++) {
        char pair[3] = { hex.at[2 * i], hex.at[2 * i + 1], '\0' };
        bytes[i] = (char)strtol(pair, NULL, 16);
    }
    return span_make(bytes, hex.bytes / 2);
}

static struct webauthn_expected expected_of(const struct vector *v)
{
    struct buf text;
    buf_init(&text, 4096);
    assert_true(secret_base64url(hex_member(v, "challenge"), &text));
    struct webauthn_expected e = { { SPAN_LITERAL("https://example.org"), SPAN_LITERAL("example.org") }, arena_copy(v->arena, buf_span(&text)) };
    buf_done(&text);
    return e;
}

/* The key after the attested id, so that its signature can be looked at by itself; the examples leave out the verification that we insist on at random. */
static struct span key_of(struct span object, struct span *data)
{
    static const char hash[] = "\xbf\xab\xc3\x74\x32\x95\x8b\x06"; /* SHA-256 of example.org begins so */
    size_t at = span_search(object, span_make(hash, 8));
    *data = span_slice(object, at, object.bytes);
    size_t id_bytes = (size_t)(unsigned char)data->at[53] << 8 | (unsigned char)data->at[54];
    return span_slice(*data, 55 + id_bytes, data->bytes);
}

static const struct level3_row { const char *name, *create_why, *get_why; bool signed_well; } level3_rows[] = {
    { "ES256 Credential with No Attestation", "not verified", "not verified", true },
    { "ES256 Credential with Self Attestation", "", "not verified", true },
    { "ES256 Credential with \"crossOrigin\": true in clientDataJSON", "another site's page", "another site's page", true },
    { "ES256 Credential with \"topOrigin\" in clientDataJSON", "another site's page", "another site's page", true },
    { "ES256 Credential with very long credential ID", "not verified", "", true },
    { "Packed Attestation with ES256 Credential", "", "", true },
    { "Packed Attestation with ES384 Credential", "not verified", NULL, false },
    { "Packed Attestation with ES512 Credential", "algorithm -36", NULL, false },
    { "Packed Attestation with RS256 Credential", "", "not verified", true },
    { "Packed Attestation with Ed25519 Credential", "not verified", "not verified", true },
    { "Packed Attestation with Ed448 Credential", "not verified", NULL, false },
    { "TPM Attestation with ES256 Credential", "", "", true },
    { "Android Key Attestation with ES256 Credential", "", "not verified", true },
    { "Apple Anonymous Attestation with ES256 Credential", "not verified", "not verified", true },
    { "FIDO U2F Attestation with ES256 Credential", "not verified", "not verified", true },
};

static void check_level3(const struct level3_row *row, const struct vector *create, const struct vector *get)
{
    struct webauthn_expected e = expected_of(create);
    struct webauthn_credential credential;
    struct webauthn_use use;
    struct webauthn_key_form form;
    struct err err = { 0 };
    struct span object = hex_member(create, "attestationObject"), data, key = key_of(object, &data);
    enum err_code code = webauthn_register(&e, &(struct webauthn_registration){ hex_member(create, "clientDataJSON"), object }, &credential, &err);
    if ((code == OK) != (row->create_why[0] == '\0') || strstr(err.text, row->create_why) == NULL)
        fail_msg("registration: %s: %s", err_name(code), err.text);
    if (!row->signed_well)
        return;
    e = expected_of(get);
    struct webauthn_credential known = { .public_key = key, .backup_eligible = (data.at[32] & AUTHENTICATOR_BACKUP_ELIGIBLE) != 0 };
    struct webauthn_assertion in = { hex_member(get, "clientDataJSON"), hex_member(get, "authenticatorData"), hex_member(get, "signature") };
    err = (struct err){ 0 };
    code = webauthn_assert(&e, &known, &in, &use, &err);
    if ((code == OK) != (row->get_why[0] == '\0') || strstr(err.text, row->get_why) == NULL)
        fail_msg("assertion: %s: %s", err_name(code), err.text);
    uint8_t hash[SECRET_HASH_BYTES];
    struct buf message;
    buf_init(&message, 4096);
    secret_sha256(in.client_data, hash);
    buf_append(&message, in.authenticator_data);
    buf_append(&message, span_make(hash, sizeof hash));
    assert_int_equal(webauthn_key_read(key, &form, &err), OK);
    assert_int_equal(webauthn_key_verify(&form, buf_span(&message), in.signature, &err), OK);
    message.at[0] ^= 1;
    assert_int_equal(webauthn_key_verify(&form, buf_span(&message), in.signature, &err), ERR_DENIED);
    buf_done(&message);
}

static void the_vectors_of_level_3_hold(void **state)
{
    struct buf text;
    struct from_json *doc = NULL;
    struct err err;
    struct arena arena;
    (void)state;
    arena_init(&arena, 65536, 4 * 1024 * 1024);
    buf_init(&text, 1024 * 1024);
    assert_int_equal(file_read(VECTORS_DIR "/webauthn/level3.json", 1024 * 1024, &text, &err), OK);
    assert_int_equal(from_json_parse(buf_span(&text), (struct from_json_limits){ 1024 * 1024, 8 }, "vectors", &doc, &err), OK);
    struct from_json_value root = from_json_root(doc), all = from_json_member(&root, "vectors");
    assert_int_equal(from_json_count(&all), COUNT(level3_rows));
    for (size_t i = 0; i < COUNT(level3_rows); i++) {
        struct from_json_value each = from_json_item(&all, i), name = from_json_member(&each, "name");
        struct span title = SPAN_NONE;
        assert_int_equal(from_json_text(&name, 200, &title, &err), OK);
        print_message("  %.*s\n", SPAN_ARGS(title));
        assert_true(span_equal_text(title, level3_rows[i].name));
        check_level3(&level3_rows[i], &(struct vector){ from_json_member(&each, "registration"), &arena }, &(struct vector){ from_json_member(&each, "authentication"), &arena });
    }
    from_json_free(doc);
    buf_done(&text);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_site_is_the_origin_of_our_pages),
        cmocka_unit_test(each_kind_of_key_registers_and_answers),
        cmocka_unit_test(a_registration_that_is_not_right_is_refused),
        cmocka_unit_test(an_attestation_object_that_was_cut_is_refused),
        cmocka_unit_test(an_assertion_that_is_not_right_is_refused),
        cmocka_unit_test(an_answer_of_another_credential_is_refused),
        cmocka_unit_test(what_is_too_long_is_refused_before_it_is_looked_at),
        cmocka_unit_test(the_vectors_of_level_3_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
