#include "connectors/http_client.h"

#include "tests/support/fake_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

/* ---- addresses ---- */

static enum http_address kind_of(const char *text)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        return http_address_kind((const struct sockaddr *)&in);
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return http_address_kind((const struct sockaddr *)&in6);
}

static void every_address_has_its_place(void **state)
{
    static const struct { const char *address; enum http_address kind; } rows[] = {
        { "93.184.216.34", HTTP_ADDRESS_PUBLIC },   { "172.15.255.255", HTTP_ADDRESS_PUBLIC },  { "172.32.0.0", HTTP_ADDRESS_PUBLIC },
        { "100.63.255.255", HTTP_ADDRESS_PUBLIC },  { "100.128.0.0", HTTP_ADDRESS_PUBLIC },     { "223.255.255.255", HTTP_ADDRESS_PUBLIC },
        { "127.0.0.1", HTTP_ADDRESS_LOOPBACK },     { "127.255.255.254", HTTP_ADDRESS_LOOPBACK },{ "::1", HTTP_ADDRESS_LOOPBACK },
        { "10.0.0.1", HTTP_ADDRESS_PRIVATE },       { "172.16.0.1", HTTP_ADDRESS_PRIVATE },     { "172.31.255.255", HTTP_ADDRESS_PRIVATE },
        { "192.168.1.1", HTTP_ADDRESS_PRIVATE },    { "100.64.0.1", HTTP_ADDRESS_PRIVATE },     { "fd00::1", HTTP_ADDRESS_PRIVATE },
        { "fc00::1", HTTP_ADDRESS_PRIVATE },        { "0.0.0.0", HTTP_ADDRESS_FORBIDDEN },      { "169.254.169.254", HTTP_ADDRESS_FORBIDDEN },
        { "192.0.2.1", HTTP_ADDRESS_FORBIDDEN },    { "198.18.0.1", HTTP_ADDRESS_FORBIDDEN },   { "198.51.100.1", HTTP_ADDRESS_FORBIDDEN },
        { "203.0.113.1", HTTP_ADDRESS_FORBIDDEN },  { "224.0.0.1", HTTP_ADDRESS_FORBIDDEN },    { "255.255.255.255", HTTP_ADDRESS_FORBIDDEN },
        { "240.0.0.1", HTTP_ADDRESS_FORBIDDEN },    { "::", HTTP_ADDRESS_FORBIDDEN },           { "fe80::1", HTTP_ADDRESS_FORBIDDEN },
        { "ff02::1", HTTP_ADDRESS_FORBIDDEN },      { "2001:db8::1", HTTP_ADDRESS_FORBIDDEN },  { "2001::1", HTTP_ADDRESS_FORBIDDEN },
        { "64:ff9b:1::1", HTTP_ADDRESS_FORBIDDEN }, { "2606:4700::1111", HTTP_ADDRESS_PUBLIC }, { "::ffff:127.0.0.1", HTTP_ADDRESS_LOOPBACK },
        { "::ffff:10.1.2.3", HTTP_ADDRESS_PRIVATE },{ "::ffff:169.254.169.254", HTTP_ADDRESS_FORBIDDEN }, { "::127.0.0.1", HTTP_ADDRESS_LOOPBACK },
        { "64:ff9b::a9fe:a9fe", HTTP_ADDRESS_FORBIDDEN }, { "64:ff9b::a00:1", HTTP_ADDRESS_PRIVATE }, { "2002:7f00:1::", HTTP_ADDRESS_LOOPBACK },
        { "2002:a00:1::1", HTTP_ADDRESS_PRIVATE },  { "::ffff:93.184.216.34", HTTP_ADDRESS_PUBLIC },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].address);
        assert_int_equal(kind_of(rows[i].address), rows[i].kind);
    }
}

/* ---- URLs ---- */

static void only_plain_https_urls_are_called(void **state)
{
    static const struct { const char *name, *url; bool http; enum err_code code; } rows[] = {
        { "https", "https://siem.example/in?x=1", false, OK },
        { "https with a port", "https://siem.example:8443/in", false, OK },
        { "http", "http://siem.example/in", false, ERR_INPUT },
        { "http where it is allowed", "http://127.0.0.1:1/in", true, OK },
        { "empty", "", false, ERR_INPUT },
        { "no scheme", "siem.example/in", false, ERR_INPUT },
        { "file", "file:///etc/passwd", true, ERR_INPUT },
        { "gopher", "gopher://127.0.0.1:6379/_x", true, ERR_INPUT },
        { "user", "https://a@siem.example/", false, ERR_INPUT },
        { "password", "https://a:b@siem.example/", false, ERR_INPUT },
        { "fragment", "https://siem.example/#x", false, ERR_INPUT },
        { "space", "https://siem.example/a b", false, ERR_INPUT },
        { "line break", "https://siem.example/\r\nX: y", false, ERR_INPUT },
        { "no host", "https://", false, ERR_INPUT },
        { "bad port", "https://siem.example:99999/", false, ERR_INPUT },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err;
        const struct http_client_options options = { .allow_loopback_http = rows[i].http };
        print_message("%s\n", rows[i].name);
        assert_int_equal(http_client_check_url(&options, span_of(rows[i].url), &err), rows[i].code);
    }
}

static void the_longest_url_fits_and_one_more_does_not(void **state)
{
    char url[HTTP_CLIENT_URL_BYTES + 1];
    struct err err;
    const struct http_client_options options = { .allow_loopback_http = false };
    (void)state;
    memset(url, 'a', sizeof url);
    memcpy(url, "https://a/", 10);
    assert_int_equal(http_client_check_url(&options, span_make(url, HTTP_CLIENT_URL_BYTES - 1), &err), OK);
    assert_int_equal(http_client_check_url(&options, span_make(url, HTTP_CLIENT_URL_BYTES), &err), ERR_INPUT);
}

static void networks_of_the_operator_are_read_strictly(void **state)
{
    static const struct { const char *text; enum err_code code; } rows[] = {
        { "10.0.0.0/8", OK }, { "fd00::/8", OK }, { "192.168.1.7", OK }, { "10.0.0.0/33", ERR_INPUT }, { "fd00::/129", ERR_INPUT }, { "10.0.0/8", ERR_INPUT },
        { "", ERR_INPUT }, { "/8", ERR_INPUT }, { "ten", ERR_INPUT }, { "10.0.0.0/", ERR_INPUT }, { "10.0.0.0/-1", ERR_INPUT },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_client *client = NULL;
        struct err err;
        struct span allow = span_of(rows[i].text);
        print_message("\"%s\"\n", rows[i].text);
        assert_int_equal(http_client_new(&(struct http_client_options){ .allow = &allow, .allow_count = 1 }, &client, &err), rows[i].code);
        http_client_free(client);
    }
}

/* ---- calls ---- */

static enum err_code call(const struct http_client_options *options, const char *url, size_t most, int64_t timeout_ms, struct http_reply *reply, struct err *err)
{
    struct http_client *client = NULL;
    assert_int_equal(http_client_new(options, &client, err), OK);
    const struct http_call c = { .method = "POST", .url = span_of(url), .body = SPAN_LITERAL("{}"), .timeout_ms = timeout_ms, .most_bytes = most };
    enum err_code code = http_client_call(client, &c, reply, err);
    http_client_free(client);
    return code;
}

static enum err_code call_peer(struct fake_peer *peer, const char *fault, size_t most, int64_t timeout_ms, struct http_reply *reply)
{
    char url[128];
    struct err err;
    fake_peer_post(peer, "/control/faults", fault);
    snprintf(url, sizeof url, "%s/in", peer->base);
    return call(&(struct http_client_options){ .allow_loopback_http = true }, url, most, timeout_ms, reply, &err);
}

static bool too_late(void *asked) { return (void)++*(int *)asked, false; }

static void a_request_that_may_not_leave_any_more_is_not_sent(void **state)
{
    struct fake_peer peer;
    struct http_client *client = NULL;
    struct http_reply reply;
    struct err err;
    char url[128];
    int asked = 0;
    (void)state;
    fake_peer_start(&peer, "fake_webhook.py", "--secret", "0123456789abcdef0123456789abcdef", NULL);
    snprintf(url, sizeof url, "%s/in", peer.base);
    assert_int_equal(http_client_new(&(struct http_client_options){ .allow_loopback_http = true }, &client, &err), OK);
    const struct http_call c = { .method = "POST", .url = span_of(url), .body = SPAN_LITERAL("{}"), .timeout_ms = 5000, .most_bytes = 1000, .may_leave = too_late, .may_leave_context = &asked };
    assert_int_equal(http_client_call(client, &c, &reply, &err), ERR_UNAVAILABLE);
    assert_int_equal(asked, 1);
    assert_int_equal(fake_peer_count(&peer, "/control/refused", NULL), 0);
    http_client_free(client);
    fake_peer_stop(&peer);
}

static void an_end_says_whether_anything_was_sent(void **state)
{
    enum { PATIENT_MS = 60000, HASTY_MS = 2000 };
    static const struct { const char *name, *fault; size_t most; enum err_code code; long status; int64_t retry_after_s, timeout_ms; } rows[] = {
        { "answered", "[]", 1000, OK, 401, -1, PATIENT_MS },
        { "a redirect is an answer, never followed", "[{\"kind\":\"redirect\"}]", 1000, OK, 302, -1, PATIENT_MS },
        { "retry after", "[{\"kind\":\"503\",\"retry_after\":7}]", 1000, OK, 503, 7, PATIENT_MS },
        { "retry after, a date", "[{\"kind\":\"503\",\"retry_after\":\"Wed, 21 Oct 2026 07:28:00 GMT\"}]", 1000, OK, 503, -1, PATIENT_MS },
        { "too long", "[{\"kind\":\"big\"}]", 1000, ERR_LIMIT, 0, 0, PATIENT_MS },
        { "reset after the request", "[{\"kind\":\"reset\"}]", 1000, ERR_AMBIGUOUS, 0, 0, PATIENT_MS },
        { "no answer in time", "[{\"kind\":\"stall\",\"seconds\":60}]", 1000, ERR_AMBIGUOUS, 0, 0, HASTY_MS },
    };
    struct fake_peer peer;
    (void)state;
    fake_peer_start(&peer, "fake_webhook.py", "--secret", "not the one that is used", NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_reply reply = { 0 };
        print_message("%s\n", rows[i].name);
        assert_int_equal(call_peer(&peer, rows[i].fault, rows[i].most, rows[i].timeout_ms, &reply), rows[i].code);
        assert_int_equal(reply.status, rows[i].status);
        assert_int_equal(reply.retry_after_s, rows[i].retry_after_s);
        http_reply_done(&reply);
    }
    fake_peer_stop(&peer);
}

static void every_method_goes_out_as_it_is_and_wanted_fields_come_back(void **state)
{
    static const struct { const char *name, *method, *type, *body, *echo, *interim; size_t most; } rows[] = {
        { "GET", "GET", NULL, "", "GET, None, None", "", 100 },
        { "DELETE", "DELETE", NULL, "", "DELETE, None, None", "", 100 },
        { "PUT of nothing", "PUT", NULL, "", "PUT, None, 0", "", 100 },
        { "PATCH with a type", "PATCH", "application/json", "{}", "PATCH, application/json, 2", "", 100 },
        { "POST", "POST", "text/plain", "abc", "POST, text/plain, 3", "", 100 },
        { "DELETE with a body", "DELETE", "application/json", "{}", "DELETE, application/json, 2", "", 100 },
        { "fields of an interim answer do not count", "GET", NULL, "", "GET, None, None", "yes", 100 },
        { "a field longer than its room", "GET", NULL, "", NULL, "", 4 },
    };
    struct fake_peer peer;
    char url[128];
    (void)state;
    fake_peer_start(&peer, "fake_webhook.py", "--secret", "not the one that is used", NULL);
    snprintf(url, sizeof url, "%s/echo", peer.base);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_client *client = NULL;
        struct http_reply reply;
        struct buf echo;
        struct err err;
        const struct http_field fields[] = { { "Expect-Interim", span_of(rows[i].interim) }, { "Content-Type", span_of(rows[i].type != NULL ? rows[i].type : "") } };
        const struct http_wanted wanted = { "X-Echo", &echo };
        const struct http_call c = { .method = rows[i].method, .url = span_of(url), .fields = fields, .field_count = rows[i].type != NULL ? 2 : 1, .body = span_of(rows[i].body),
                                     .wanted = &wanted, .wanted_count = 1, .timeout_ms = 5000, .most_bytes = 100 };
        print_message("%s\n", rows[i].name);
        buf_init(&echo, rows[i].most);
        assert_int_equal(http_client_new(&(struct http_client_options){ .allow_loopback_http = true }, &client, &err), OK);
        assert_int_equal(http_client_call(client, &c, &reply, &err), OK);
        assert_int_equal(reply.status, 200);
        assert_int_equal(echo.failed, rows[i].echo == NULL);
        if (rows[i].echo != NULL)
            assert_string_equal(buf_text(&echo), rows[i].echo);
        http_reply_done(&reply);
        buf_done(&echo);
        http_client_free(client);
    }
    fake_peer_stop(&peer);
}

static void addresses_are_judged_after_the_look_up(void **state)
{
    struct span loopback = SPAN_LITERAL("127.0.0.0/8");
    const struct { const char *name, *url; struct http_client_options options; enum err_code code; } rows[] = {
        { "loopback", "https://127.0.0.1:1/", { 0 }, ERR_DENIED },
        { "a name for loopback", "https://localhost:1/", { 0 }, ERR_DENIED },
        { "loopback, allowed", "https://127.0.0.1:1/", { .allow_loopback_http = true }, ERR_UNAVAILABLE },
        { "loopback, on the operator's list", "https://127.0.0.1:1/", { .allow = &loopback, .allow_count = 1 }, ERR_UNAVAILABLE },
        { "cloud metadata, private allowed", "https://169.254.169.254/", { .allow_private = true }, ERR_DENIED },
        { "plain http never leaves the machine", "http://10.255.255.1/", { .allow_loopback_http = true, .allow_private = true }, ERR_DENIED },
        { "a private network", "https://10.255.255.1/", { 0 }, ERR_DENIED },
        { "number for an address", "https://2130706433:1/", { 0 }, ERR_DENIED },
        { "mapped", "https://[::ffff:127.0.0.1]:1/", { 0 }, ERR_DENIED },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_reply reply;
        struct err err = { 0 };
        print_message("%s\n", rows[i].name);
        assert_int_equal(call(&rows[i].options, rows[i].url, 100, 10000, &reply, &err), rows[i].code);
    }
}

static void a_header_that_would_break_the_request_is_refused(void **state)
{
    static const struct { const char *name; struct span value; } rows[] = {
        { "line break", { "a\r\nX-Other: b", 13 } }, { "NUL", { "a\0b", 3 } }, { "delete", { "a\x7f", 2 } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_client *client = NULL;
        struct http_reply reply;
        struct err err;
        const struct http_field field = { "X-Test", rows[i].value };
        const struct http_call c = { .method = "GET", .url = SPAN_LITERAL("http://127.0.0.1:1/"), .fields = &field, .field_count = 1, .timeout_ms = 100, .most_bytes = 10 };
        assert_int_equal(http_client_new(&(struct http_client_options){ .allow_loopback_http = true }, &client, &err), OK);
        print_message("%s\n", rows[i].name);
        assert_int_equal(http_client_call(client, &c, &reply, &err), ERR_INPUT);
        http_client_free(client);
    }
}

static bool end_call(void *context)
{
    *(int *)context += 1;
    return false;
}

static void a_tick_can_end_a_call(void **state)
{
    struct fake_peer peer;
    struct http_reply reply;
    struct err err;
    char url[128];
    int ticks = 0;
    (void)state;
    fake_peer_start(&peer, "fake_webhook.py", "--secret", "not the one that is used", NULL);
    fake_peer_post(&peer, "/control/faults", "[{\"kind\":\"stall\",\"seconds\":20}]");
    snprintf(url, sizeof url, "%s/in", peer.base);
    assert_int_not_equal(call(&(struct http_client_options){ .allow_loopback_http = true, .tick = end_call, .tick_context = &ticks }, url, 100, 20000, &reply, &err), OK);
    assert_int_equal(ticks, 1);
    fake_peer_stop(&peer);
}

static void values_are_encoded_for_a_query(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 100);
    assert_true(http_client_encode(SPAN_LITERAL("Aa9-._~+@ %\xc3\xa9"), &out));
    assert_string_equal(buf_text(&out), "Aa9-._~%2B%40%20%25%C3%A9");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_address_has_its_place),
        cmocka_unit_test(only_plain_https_urls_are_called),
        cmocka_unit_test(the_longest_url_fits_and_one_more_does_not),
        cmocka_unit_test(networks_of_the_operator_are_read_strictly),
        cmocka_unit_test(a_request_that_may_not_leave_any_more_is_not_sent),
        cmocka_unit_test(an_end_says_whether_anything_was_sent),
        cmocka_unit_test(every_method_goes_out_as_it_is_and_wanted_fields_come_back),
        cmocka_unit_test(addresses_are_judged_after_the_look_up),
        cmocka_unit_test(a_header_that_would_break_the_request_is_refused),
        cmocka_unit_test(a_tick_can_end_a_call),
        cmocka_unit_test(values_are_encoded_for_a_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
