/* A WebSocket over TLS, to a server that nobody here wrote (python3-websockets): whose certificate counts, what is said and heard, and how it ends. */
#include "connectors/web_socket.h"

#include "tests/support/certificates.h"
#include "tests/support/fake_peer.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

enum { LOOKS_MOST = 600, LOOK_MS = 100, FILE_BYTES = 64 * 1024 };

struct world { char folder[64], ca[96], other_ca[96], certificate[96], key[96]; struct fake_peer slack; };

static void write_file(const char *path, struct span content)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(content.at, 1, content.bytes, f), content.bytes);
    assert_int_equal(fclose(f), 0);
}

static void write_ca(const char *path, struct test_ca *ca, const char *name)
{
    struct buf pem;
    buf_init(&pem, FILE_BYTES);
    test_ca_make(ca, name, NULL);
    test_ca_pem(ca, &pem);
    write_file(path, buf_span(&pem));
    buf_done(&pem);
}

static void make_certificates(struct world *w, const char *alternatives)
{
    struct test_ca ca, other;
    struct buf der, key, pem;
    int64_t now_s = (int64_t)time(NULL);
    const struct test_client server = { .common_name = "slack", .alternatives = alternatives, .usage = "serverAuth", .from_s = now_s - 3600, .to_s = now_s + 3600 };
    buf_init(&der, FILE_BYTES);
    buf_init(&key, FILE_BYTES);
    buf_init(&pem, FILE_BYTES);
    write_ca(w->ca, &ca, "a CA");
    write_ca(w->other_ca, &other, "another CA");
    test_client_make(&ca, &server, &der, &key);
    test_pem_of(buf_span(&der), &pem);
    write_file(w->certificate, buf_span(&pem));
    write_file(w->key, buf_span(&key));
    buf_done(&der);
    buf_wipe(&key);
    buf_done(&pem);
    test_ca_done(&ca);
    test_ca_done(&other);
}

static void start(struct world *w, const char *alternatives)
{
    snprintf(w->folder, sizeof w->folder, "/tmp/postern-ws-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->ca, sizeof w->ca, "%s/ca.pem", w->folder);
    snprintf(w->other_ca, sizeof w->other_ca, "%s/other.pem", w->folder);
    snprintf(w->certificate, sizeof w->certificate, "%s/server.pem", w->folder);
    snprintf(w->key, sizeof w->key, "%s/server.key", w->folder);
    make_certificates(w, alternatives);
    fake_peer_start(&w->slack, "fake_slack.py", "--app-token", "xapp-test-token", "--tls", w->certificate, w->key, NULL);
}

static void end(struct world *w)
{
    const char *const files[] = { w->ca, w->other_ca, w->certificate, w->key };
    fake_peer_stop(&w->slack);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        unlink(files[i]);
    rmdir(w->folder);
}

/* A fresh address, as apps.connections.open gives it. */
static void get_address(struct world *w, char url[512])
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct http_client *c = NULL;
    struct http_reply reply = { 0 };
    struct err err;
    char api[160];
    struct span text = SPAN_NONE;
    const struct http_client_options options = { .allow_loopback_http = true };
    const struct http_field fields[] = { { "Authorization", SPAN_LITERAL("Bearer xapp-test-token") }, { "Content-Type", SPAN_LITERAL("application/json; charset=utf-8") } };
    snprintf(api, sizeof api, "%s/api/apps.connections.open", w->slack.base);
    const struct http_call call = { .method = "POST", .url = span_of(api), .fields = fields, .field_count = 2, .body = SPAN_LITERAL("{}"), .timeout_ms = 10000, .most_bytes = 4096 };
    assert_int_equal(http_client_new(&options, &c, &err), OK);
    assert_int_equal(http_client_call(c, &call, &reply, &err), OK);
    assert_int_equal(from_json_parse(buf_span(&reply.body), (struct from_json_limits){ 4096, 8 }, "an address", &doc, &err), OK);
    struct from_json_value root = from_json_root(doc), v = from_json_member(&root, "url");
    assert_int_equal(from_json_text(&v, 511, &text, &err), OK);
    snprintf(url, 512, "%.*s", SPAN_ARGS(text));
    http_reply_done(&reply);
    http_client_free(c);
}

static enum err_code open_it(struct world *w, const char *ca, struct web_socket **out)
{
    char url[512];
    struct err err;
    const struct web_socket_options options = { .http = { .allow_loopback_http = true, .ca_file = span_of(ca) }, .clock = clock_system(), .timeout_ms = 10000 };
    get_address(w, url);
    assert_true(span_starts(span_of(url), SPAN_LITERAL("wss://127.0.0.1:")));
    *out = NULL;
    return web_socket_open(&options, span_of(url), out, &err);
}

/* What comes next; waits for it. */
static enum err_code await(struct web_socket *s, struct web_socket_heard *heard)
{
    struct err err;
    enum err_code code = OK;
    *heard = (struct web_socket_heard){ .kind = WEB_SOCKET_NOTHING };
    for (int i = 0; code == OK && i < LOOKS_MOST; i++) {
        struct pollfd wait = { web_socket_descriptor(s), POLLIN, 0 };
        code = web_socket_hear(s, heard, &err);
        if (code != OK || heard->kind != WEB_SOCKET_NOTHING)
            return code;
        poll(&wait, 1, LOOK_MS);
    }
    return code;
}

static void only_a_certificate_of_the_right_ca_counts(void **state)
{
    static struct world w;
    struct web_socket *s = NULL;
    (void)state;
    start(&w, "IP:127.0.0.1");
    assert_int_equal(open_it(&w, w.other_ca, &s), ERR_UNAVAILABLE);
    assert_int_equal(open_it(&w, "", &s), ERR_UNAVAILABLE); /* the system's */
    assert_int_equal(open_it(&w, w.ca, &s), OK);
    web_socket_free(s);
    end(&w);
}

static void a_certificate_for_another_name_does_not_count(void **state)
{
    static struct world w;
    struct web_socket *s = NULL;
    (void)state;
    start(&w, "DNS:slack.example");
    assert_int_equal(open_it(&w, w.ca, &s), ERR_UNAVAILABLE);
    end(&w);
}

static void it_hears_answers_pings_and_closes(void **state)
{
    static struct world w;
    struct web_socket *s = NULL;
    struct web_socket_heard heard;
    struct err err;
    (void)state;
    start(&w, "IP:127.0.0.1");
    assert_int_equal(open_it(&w, w.ca, &s), OK);
    assert_int_equal(await(s, &heard), OK);
    assert_int_equal(heard.kind, WEB_SOCKET_TEXT);
    assert_true(span_search(heard.data, SPAN_LITERAL("\"hello\"")) < heard.data.bytes);
    assert_int_equal(web_socket_say(s, WEB_SOCKET_PING, SPAN_LITERAL("there?"), &err), OK);
    assert_int_equal(await(s, &heard), OK);
    assert_true(heard.kind == WEB_SOCKET_PONG && span_equal_text(heard.data, "there?"));
    web_socket_begin_close(s, WEB_SOCKET_NORMAL);
    assert_int_equal(web_socket_say(s, WEB_SOCKET_TEXT, SPAN_LITERAL("{}"), &err), ERR_UNAVAILABLE); /* nothing follows a close */
    assert_int_equal(await(s, &heard), OK);
    assert_true(heard.kind == WEB_SOCKET_CLOSE && heard.status == WEB_SOCKET_NORMAL);
    assert_int_equal(await(s, &heard), ERR_GONE);
    web_socket_free(s);
    end(&w);
}

/* Its ticket is good once. */
static void an_address_is_good_once(void **state)
{
    static struct world w;
    struct web_socket *s = NULL;
    char url[512];
    struct err err;
    (void)state;
    start(&w, "IP:127.0.0.1");
    const struct web_socket_options options = { .http = { .allow_loopback_http = true, .ca_file = span_of(w.ca) }, .clock = clock_system(), .timeout_ms = 10000 };
    get_address(&w, url);
    assert_int_equal(web_socket_open(&options, span_of(url), &s, &err), OK);
    web_socket_free(s);
    assert_int_equal(web_socket_open(&options, span_of(url), &s, &err), ERR_PROTOCOL);
    assert_string_equal(err.text, "the upgrade to a WebSocket was answered with 403");
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(only_a_certificate_of_the_right_ca_counts), cmocka_unit_test(a_certificate_for_another_name_does_not_count),
                                        cmocka_unit_test(it_hears_answers_pings_and_closes), cmocka_unit_test(an_address_is_good_once) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
