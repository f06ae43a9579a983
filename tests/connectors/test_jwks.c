/* Where an issuer's keys are, and what its answers may be. */
#include "connectors/identity/jwks.h"

#include "posture/base/to_json.h"
#include "tests/support/fake_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(list) (sizeof(list) / sizeof(list)[0])
#define KEY "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"

static void discovery_documents_are_taken_or_refused(void **state)
{
    static const struct { const char *name, *document, *issuer; enum err_code code; } rows[] = {
        { "good", "{\"issuer\":\"https://i\",\"jwks_uri\":\"https://i/keys\",\"x\":{\"y\":[1]}}", "https://i", OK },
        { "issuer not compared", "{\"issuer\":\"https://i/{tenantid}\",\"jwks_uri\":\"https://i/keys\"}", "", OK },
        { "another issuer", "{\"issuer\":\"https://i/\",\"jwks_uri\":\"https://i/keys\"}", "https://i", ERR_INPUT },
        { "no issuer", "{\"jwks_uri\":\"https://i/keys\"}", "https://i", ERR_INPUT },
        { "no jwks_uri", "{\"issuer\":\"https://i\"}", "https://i", ERR_INPUT },
        { "jwks_uri is a list", "{\"issuer\":\"https://i\",\"jwks_uri\":[\"https://i/keys\"]}", "https://i", ERR_INPUT },
        { "jwks_uri twice", "{\"issuer\":\"https://i\",\"jwks_uri\":\"https://i/a\",\"jwks_uri\":\"https://i/b\"}", "https://i", ERR_INPUT },
        { "a page", "<html>", "https://i", ERR_INPUT },
        { "nothing", "", "https://i", ERR_INPUT },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf uri;
        struct err err;
        buf_init(&uri, 4096);
        if (jwks_uri_from_discovery(span_of(rows[i].document), span_of(rows[i].issuer), &uri, &err) != rows[i].code)
            fail_msg("%s", rows[i].name);
        if (rows[i].code == OK)
            assert_true(span_equal_text(buf_span(&uri), "https://i/keys"));
        buf_done(&uri);
    }
}

static void put(const struct fake_peer *p, const char *path, const char *body, int status)
{
    struct buf text;
    struct to_json json;
    buf_init(&text, 1024 * 1024);
    to_json_init(&json, &text);
    to_json_object(&json);
    to_json_member_text(&json, "path", span_of(path));
    to_json_member_text(&json, "body", span_of(body));
    to_json_member_int(&json, "status", status);
    to_json_end(&json);
    fake_peer_post(p, "/control/put", buf_text(&text));
    buf_done(&text);
}

static void keys_are_fetched_or_it_is_said_why_not(void **state)
{
    struct fake_peer peer;
    char good[256], elsewhere[] = "{\"issuer\":\"https://i\",\"jwks_uri\":\"http://192.0.2.1/keys\"}", file[] = "{\"issuer\":\"https://i\",\"jwks_uri\":\"file:///etc/passwd\"}";
    char *big = malloc(JOSE_SET_BYTES + 3);
    (void)state;
    fake_peer_start(&peer, "fake_documents.py", NULL);
    snprintf(good, sizeof good, "{\"issuer\":\"https://i\",\"jwks_uri\":\"%s/keys\"}", peer.base);
    assert_non_null(big);
    memset(big, ' ', JOSE_SET_BYTES + 2);
    big[JOSE_SET_BYTES + 2] = '\0';
    const struct { const char *name, *meta; int meta_status; const char *keys; int keys_status; enum err_code code; } rows[] = {
        { "good", good, 200, "{\"keys\":[" KEY "]}", 200, OK },
        { "the document is away", good, 503, "", 200, ERR_UNAVAILABLE },
        { "the document is not there", good, 404, "", 200, ERR_PROTOCOL },
        { "the document redirects", good, 302, "", 200, ERR_PROTOCOL },
        { "the set is away", good, 200, "", 500, ERR_UNAVAILABLE },
        { "the set is a page", good, 200, "<html>", 200, ERR_INPUT },
        { "the set is too long", good, 200, big, 200, ERR_LIMIT },
        { "the set is elsewhere, without TLS", elsewhere, 200, "", 200, ERR_DENIED },
        { "the set is a file", file, 200, "", 200, ERR_INPUT },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(jose_keys_freep) struct jose_keys *keys = NULL;
        struct http_client *client = NULL;
        struct err err = { 0 };
        char url[128];
        snprintf(url, sizeof url, "%s/meta", peer.base);
        put(&peer, "/meta", rows[i].meta, rows[i].meta_status);
        put(&peer, "/keys", rows[i].keys, rows[i].keys_status);
        const struct http_client_options options = { .allow_loopback_http = true };
        assert_int_equal(http_client_new(&options, &client, &err), OK);
        const struct jwks_source source = { .issuer = SPAN_LITERAL("https://i"), .discovery = span_of(url) };
        enum err_code code = jwks_fetch(client, &source, &keys, &err);
        if (code != rows[i].code)
            fail_msg("%s: %s (%s)", rows[i].name, err_name(code), err.text);
        http_client_free(client);
    }
    free(big);
    fake_peer_stop(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(discovery_documents_are_taken_or_refused), cmocka_unit_test(keys_are_fetched_or_it_is_said_why_not) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
