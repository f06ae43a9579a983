/* What is said of a door's certificates, keys and secrets, over rows: certificates are made here, so that they can be old, weak or none at all. */
#include "gateway/doors/door_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
enum { NOW_S = 1790000000, DAY_S = 86400, PEM_BYTES = 8192 };

/* A self-signed certificate that ends at `end_s`. */
static void make_certificate(unsigned bits, int64_t end_s, char pem[PEM_BYTES])
{
    EVP_PKEY *key = EVP_RSA_gen(bits);
    X509 *certificate = X509_new();
    BIO *out = BIO_new(BIO_s_mem());
    assert_non_null(key);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(NOW_S - 1000 * DAY_S));
    ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)end_s);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(out, certificate), 1);
    int bytes = BIO_read(out, pem, PEM_BYTES - 1);
    pem[bytes > 0 ? bytes : 0] = '\0';
    BIO_free(out);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

struct said { enum door_finding worst; size_t count; char text[1024]; };

static void keep(void *context, enum door_finding finding, struct span text, struct span fix)
{
    struct said *s = context;
    s->worst = finding > s->worst ? finding : s->worst;
    s->count++;
    snprintf(s->text, sizeof s->text, "%.*s -> %.*s", SPAN_ARGS(text), SPAN_ARGS(fix));
}

static void certificates_are_looked_into(void **state)
{
    (void)state;
    const struct { const char *name; unsigned bits; int64_t days; enum door_finding worst; const char *part; } rows[] = {
        { "good", 2048, 400, DOOR_GOOD, "" },
        { "soon over", 2048, 10, DOOR_WARN, "good for 10 more days" },
        { "over", 2048, -3, DOOR_WARN, "expired 3 days ago" },
        { "weak", 1024, 400, DOOR_WARN, "RSA key of 1024 bits" },
        { "none", 0, 0, DOOR_FAIL, "cannot be read" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(arena_done) struct arena arena;
        char pem[PEM_BYTES] = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        struct said said = { .worst = DOOR_GOOD };
        arena_init(&arena, 4096, 65536);
        if (rows[i].bits > 0)
            make_certificate(rows[i].bits, NOW_S + rows[i].days * DAY_S, pem);
        struct span text = span_of(pem);
        struct door door = { .id = SPAN_LITERAL("sp"), .kind = DOOR_SAML, .saml = { .certificates = &text, .certificate_count = 1 } };
        door_check_keys(&door, NOW_S, &arena, keep, &said);
        if (said.worst != rows[i].worst || strstr(said.text, rows[i].part) == NULL || said.count > 1)
            fail_msg("%s: %s", rows[i].name, said.text);
    }
}

static void public_keys_are_looked_into(void **state)
{
    (void)state;
    static const struct { const char *name, *jwks; enum door_finding worst; } rows[] = {
        { "good", "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\",\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}]}", DOOR_GOOD },
        { "no point", "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"eA\",\"y\":\"eQ\"}]}", DOOR_FAIL },
        { "another curve", "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-999\",\"x\":\"eA\",\"y\":\"eQ\"}]}", DOOR_FAIL },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(arena_done) struct arena arena;
        struct said said = { .worst = DOOR_GOOD };
        struct door door = { .id = SPAN_LITERAL("rp"), .kind = DOOR_OIDC, .oidc = { .auth = DOOR_AUTH_PRIVATE_KEY_JWT, .jwks = span_of(rows[i].jwks) } };
        arena_init(&arena, 4096, 65536);
        door_check_keys(&door, NOW_S, &arena, keep, &said);
        if (said.worst != rows[i].worst)
            fail_msg("%s: %s", rows[i].name, said.text);
    }
}

static void secrets_and_reach_are_looked_into(void **state)
{
    (void)state;
    static const struct app_key none;
    const struct api_key login = { .id = SPAN_LITERAL("1"), .scopes = SCOPE_LOGIN, .door = SPAN_LITERAL("rp") }, soon = { .scopes = SCOPE_LOGIN, .door = SPAN_LITERAL("rp"), .expires_s = NOW_S + 3 * DAY_S },
                         over = { .scopes = SCOPE_LOGIN, .door = SPAN_LITERAL("rp"), .expires_s = NOW_S }, gone = { .scopes = SCOPE_LOGIN, .door = SPAN_LITERAL("rp"), .revoked = true },
                         foreign = { .scopes = SCOPE_LOGIN, .door = SPAN_LITERAL("other") }, hook = { .scopes = SCOPE_HOOKS };
    const struct door rp = { .id = SPAN_LITERAL("rp"), .kind = DOOR_OIDC, .oidc = { .auth = DOOR_AUTH_BASIC } }, entra = { .id = SPAN_LITERAL("rp"), .kind = DOOR_OIDC, .use = DOOR_USE_ENTRA, .oidc = { .auth = DOOR_AUTH_NONE } },
                      hooks = { .id = SPAN_LITERAL("okta"), .kind = DOOR_OKTA_HOOK }, nowhere = { .id = SPAN_LITERAL("sp"), .kind = DOOR_SAML, .app = SPAN_LITERAL("nowhere") };
    const struct { const char *name; const struct door *door; const struct api_key *key; const char *url; enum door_finding worst; } rows[] = {
        { "a client with its secret", &rp, &login, "https://p.example", DOOR_GOOD },
        { "a client at home", &rp, &login, "https://localhost:1", DOOR_GOOD },
        { "a secret that ends soon", &rp, &soon, "https://p.example", DOOR_WARN },
        { "a secret that ended", &rp, &over, "https://p.example", DOOR_FAIL },
        { "a revoked secret", &rp, &gone, "https://p.example", DOOR_FAIL },
        { "another door's secret", &rp, &foreign, "https://p.example", DOOR_FAIL },
        { "no secret", &rp, NULL, "https://p.example", DOOR_FAIL },
        { "Entra", &entra, NULL, "https://p.example", DOOR_GOOD },
        { "Entra, unreachable", &entra, NULL, "https://127.0.0.1", DOOR_WARN },
        { "Entra, with a port it refuses", &entra, NULL, "https://p.example:443", DOOR_FAIL },
        { "hooks with a key", &hooks, &hook, "https://p.example", DOOR_GOOD },
        { "hooks without", &hooks, NULL, "https://p.example", DOOR_WARN },
        { "an app that is gone", &nowhere, NULL, "https://p.example", DOOR_FAIL },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(arena_done) struct arena arena;
        struct said said = { .worst = DOOR_GOOD };
        struct node node = { .options = { .public_url = span_of(rows[i].url) } };
        struct policy policy = { .doors = rows[i].door, .door_count = 1, .app_keys = &none };
        struct control control = { .policy = &policy, .api_keys = rows[i].key, .api_key_count = rows[i].key != NULL };
        arena_init(&arena, 4096, 65536);
        door_check(&node, &control, rows[i].door, NOW_S, &arena, keep, &said);
        if (said.worst != rows[i].worst || said.count == 0)
            fail_msg("%s: %s", rows[i].name, said.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_are_looked_into),
        cmocka_unit_test(public_keys_are_looked_into),
        cmocka_unit_test(secrets_and_reach_are_looked_into),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
