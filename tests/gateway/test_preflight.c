#include "gateway/http/preflight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HEADERS_MOST = 80 };

/* Headers as "Name: value" lines. Good rows have Host unless they bring their own. */
static size_t read_headers(const char *text, struct http_header headers[HEADERS_MOST])
{
    struct span rest = span_of(text), line;
    size_t count = 0;
    while (span_cut(&rest, '\n', &line) && !span_empty(line)) {
        size_t colon = span_find(line, ':');
        headers[count++] = (struct http_header){ span_slice(line, 0, colon), span_slice(line, colon + 2, line.bytes) };
    }
    return count;
}

static struct preflight run(struct arena *arena, const char *method, struct span target, const char *version, const char *headers_text)
{
    static const struct span hosts[] = { { "a.example", 9 }, { "[::1]", 5 } };
    struct http_header headers[HEADERS_MOST];
    struct preflight_input in = { span_of(method), target, span_of(version), headers, read_headers(headers_text, headers), hosts, 2, false, SPAN_NONE, NULL, false };
    return preflight_run(&in, arena);
}

/* ---- targets ---- */

static const struct { const char *name, *target; int status; const char *path, *query; } targets[] = {
    { "root", "/", 0, "/", "" },
    { "query", "/a?b=c&d=%00", 0, "/a", "b=c&d=%00" },
    { "question marks", "/a?b?c", 0, "/a", "b?c" },
    { "escapes", "/a%20b/%C3%A9", 0, "/a b/\xc3\xa9", "" },
    { "escaped letters are letters", "/%61", 0, "/a", "" },
    { "three dots are a name", "/.../a.b/..c", 0, "/.../a.b/..c", "" },
    { "slash at the end", "/a/", 0, "/a/", "" },
    { "empty", "", 400, NULL, NULL },
    { "star", "*", 400, NULL, NULL },
    { "absolute", "http://a.example/", 400, NULL, NULL },
    { "relative", "a", 400, NULL, NULL },
    { "two slashes", "//a", 400, NULL, NULL },
    { "two slashes inside", "/a//b", 400, NULL, NULL },
    { "dot", "/a/./b", 400, NULL, NULL },
    { "dot dot", "/a/../b", 400, NULL, NULL },
    { "dot dot at the end", "/a/..", 400, NULL, NULL },
    { "escaped dot dot", "/a/%2e%2E/b", 400, NULL, NULL },
    { "NUL", "/a%00b", 400, NULL, NULL },
    { "escaped slash", "/a%2Fb", 400, NULL, NULL },
    { "escaped backslash", "/a%5cb", 400, NULL, NULL },
    { "escaped percent", "/a%2561", 400, NULL, NULL },
    { "escaped line feed", "/a%0ab", 400, NULL, NULL },
    { "escaped delete", "/a%7f", 400, NULL, NULL },
    { "backslash", "/a\\b", 400, NULL, NULL },
    { "space", "/a b", 400, NULL, NULL },
    { "tab in the query", "/a?\tb", 400, NULL, NULL },
    { "fragment", "/a#b", 400, NULL, NULL },
    { "raw high byte", "/\xc3\xa9", 400, NULL, NULL },
    { "half an escape", "/a%4", 400, NULL, NULL },
    { "no escape", "/a%", 400, NULL, NULL },
    { "not hex", "/a%zz", 400, NULL, NULL },
    { "not UTF-8", "/%ff%fe", 400, NULL, NULL },
    { "overlong UTF-8", "/%c0%af", 400, NULL, NULL },
    { "surrogate", "/%ed%a0%80", 400, NULL, NULL },
};

static void targets_are_read_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        CLEANUP(arena_done) struct arena arena;
        arena_init(&arena, 1024, 65536);
        struct preflight p = run(&arena, "GET", span_of(targets[i].target), "HTTP/1.1", "Host: a.example");
        bool good = p.status == targets[i].status && (p.status == 0) == (p.detail == NULL);
        good = good && (p.status != 0 || (span_equal_text(p.path, targets[i].path) && span_equal_text(p.query, targets[i].query)));
        if (!good)
            fail_msg("%s: status %d, path %.*s, query %.*s", targets[i].name, p.status, SPAN_ARGS(p.path), SPAN_ARGS(p.query));
    }
}

static void the_length_of_a_target_is_bounded(void **state)
{
    (void)state;
    CLEANUP(arena_done) struct arena arena;
    char text[PREFLIGHT_TARGET_BYTES + 1];
    arena_init(&arena, 1024, 65536);
    memset(text, 'a', sizeof text);
    text[0] = '/';
    assert_int_equal(run(&arena, "GET", span_make(text, PREFLIGHT_TARGET_BYTES), "HTTP/1.1", "Host: a.example").status, 0);
    assert_int_equal(run(&arena, "GET", span_make(text, PREFLIGHT_TARGET_BYTES + 1), "HTTP/1.1", "Host: a.example").status, 400);
}

/* ---- request line and headers ---- */

#define LONG64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
static const struct { const char *name, *method, *version, *headers; int status; uint64_t length; } heads[] = {
    { "least", "GET", "HTTP/1.1", "Host: a.example", 0, 0 },
    { "host with port", "GET", "HTTP/1.1", "Host: A.EXAMPLE:8443", 0, 0 },
    { "host with empty port", "GET", "HTTP/1.1", "Host: a.example:", 0, 0 },
    { "literal host", "GET", "HTTP/1.1", "Host: [::1]:8443", 0, 0 },
    { "HTTP/1.0 needs no host", "GET", "HTTP/1.0", "Accept: x", 0, 0 },
    { "length", "POST", "HTTP/1.1", "Host: a.example\nContent-Length: 12", 0, 12 },
    { "length in other letters", "POST", "HTTP/1.1", "Host: a.example\ncontent-LENGTH: 12", 0, 12 },
    { "PATCH exists", "PATCH", "HTTP/1.1", "Host: a.example", 0, 0 },
    { "a repeated Accept is fine", "GET", "HTTP/1.1", "Host: a.example\nAccept: a\nAccept: b", 0, 0 },
    { "expect", "POST", "HTTP/1.1", "Host: a.example\nContent-Length: 1\nExpect: 100-Continue", 0, 1 },
    { "longest name", "GET", "HTTP/1.1", "Host: a.example\n" LONG64 ": x", 0, 0 },
    { "name one over", "GET", "HTTP/1.1", "Host: a.example\n" LONG64 "b: x", 400, 0 },
    { "unknown method", "BREW", "HTTP/1.1", "Host: a.example", 501, 0 },
    { "small method", "get", "HTTP/1.1", "Host: a.example", 501, 0 },
    { "empty method", "", "HTTP/1.1", "Host: a.example", 501, 0 },
    { "HTTP/2", "GET", "HTTP/2.0", "Host: a.example", 400, 0 },
    { "HTTP/0.9", "GET", "HTTP/0.9", "Host: a.example", 400, 0 },
    { "no version", "GET", "", "Host: a.example", 400, 0 },
    { "no host", "GET", "HTTP/1.1", "Accept: x", 400, 0 },
    { "empty host", "GET", "HTTP/1.1", "Host: ", 400, 0 },
    { "other host", "GET", "HTTP/1.1", "Host: b.example", 400, 0 },
    { "host with user", "GET", "HTTP/1.1", "Host: u@a.example", 400, 0 },
    { "host with path", "GET", "HTTP/1.1", "Host: a.example/x", 400, 0 },
    { "host with a space", "GET", "HTTP/1.1", "Host: a.example b.example", 400, 0 },
    { "two in one host", "GET", "HTTP/1.1", "Host: a.example,b.example", 400, 0 },
    { "bad port", "GET", "HTTP/1.1", "Host: a.example:x", 400, 0 },
    { "port too high", "GET", "HTTP/1.1", "Host: a.example:65536", 400, 0 },
    { "open literal", "GET", "HTTP/1.1", "Host: [::1", 400, 0 },
    { "two hosts", "GET", "HTTP/1.1", "Host: a.example\nhost: a.example", 400, 0 },
    { "two lengths", "POST", "HTTP/1.1", "Host: a.example\nContent-Length: 3\nContent-Length: 4", 400, 0 },
    { "list of lengths", "POST", "HTTP/1.1", "Host: a.example\nContent-Length: 3, 3", 400, 0 },
    { "signed length", "POST", "HTTP/1.1", "Host: a.example\nContent-Length: +3", 400, 0 },
    { "negative length", "POST", "HTTP/1.1", "Host: a.example\nContent-Length: -3", 400, 0 },
    { "hex length", "POST", "HTTP/1.1", "Host: a.example\nContent-Length: 0x3", 400, 0 },
    { "empty length", "POST", "HTTP/1.1", "Host: a.example\nContent-Length: ", 400, 0 },
    { "huge length", "POST", "HTTP/1.1", "Host: a.example\nContent-Length: 18446744073709551616", 400, 0 },
    { "chunked", "POST", "HTTP/1.1", "Host: a.example\nTransfer-Encoding: chunked", 411, 0 },
    { "chunked before length", "POST", "HTTP/1.1", "Host: a.example\nTransfer-Encoding: chunked\nContent-Length: 3", 400, 0 },
    { "length before chunked", "POST", "HTTP/1.1", "Host: a.example\nContent-Length: 3\nTransfer-Encoding: chunked", 400, 0 },
    { "identity", "POST", "HTTP/1.1", "Host: a.example\nTransfer-Encoding: identity", 411, 0 },
    { "two authorizations", "GET", "HTTP/1.1", "Host: a.example\nAuthorization: a\nAuthorization: b", 400, 0 },
    { "two persons", "GET", "HTTP/1.1", "Host: a.example\nX-Postern-Person: a\nX-Postern-Person: b", 400, 0 },
    { "other expectation", "POST", "HTTP/1.1", "Host: a.example\nExpect: x", 417, 0 },
    { "space before the colon", "GET", "HTTP/1.1", "Host: a.example\nContent-Length : 3", 400, 0 },
    { "empty name", "GET", "HTTP/1.1", "Host: a.example\n: x", 400, 0 },
    { "separator in a name", "GET", "HTTP/1.1", "Host: a.example\nX(y): x", 400, 0 },
    { "control byte in a value", "GET", "HTTP/1.1", "Host: a.example\nX: a\x01", 400, 0 },
    { "delete in a value", "GET", "HTTP/1.1", "Host: a.example\nX: a\x7f", 400, 0 },
    { "tab in a value", "GET", "HTTP/1.1", "Host: a.example\nX: a\tb", 0, 0 },
    { "high bytes in a value", "GET", "HTTP/1.1", "Host: a.example\nX: \xc3\xa9", 0, 0 },
};

static void heads_are_passed_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        CLEANUP(arena_done) struct arena arena;
        arena_init(&arena, 1024, 65536);
        struct preflight p = run(&arena, heads[i].method, SPAN_LITERAL("/a"), heads[i].version, heads[i].headers);
        if (p.status != heads[i].status || (p.status == 0 && p.content_length != heads[i].length))
            fail_msg("%s: status %d (%s), length %llu", heads[i].name, p.status, p.detail, (unsigned long long)p.content_length);
    }
}

static void methods_are_named(void **state)
{
    static const struct { const char *name; enum http_method method; } rows[] = {
        { "GET", HTTP_GET }, { "HEAD", HTTP_HEAD }, { "POST", HTTP_POST }, { "PUT", HTTP_PUT }, { "DELETE", HTTP_DELETE }, { "OPTIONS", HTTP_METHODS }, { "CONNECT", HTTP_METHODS },
    };
    CLEANUP(arena_done) struct arena arena;
    (void)state;
    arena_init(&arena, 1024, 65536);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(run(&arena, rows[i].name, SPAN_LITERAL("/a"), "HTTP/1.1", "Host: a.example").method, rows[i].method);
}

static void the_number_of_headers_and_the_length_of_a_value_are_bounded(void **state)
{
    CLEANUP(arena_done) struct arena arena;
    struct http_header headers[HTTP_MAX_HEADERS];
    char text[PREFLIGHT_VALUE_BYTES + 1];
    (void)state;
    arena_init(&arena, 1024, 65536);
    memset(text, 'v', sizeof text);
    for (size_t i = 0; i < HTTP_MAX_HEADERS; i++)
        headers[i] = (struct http_header){ SPAN_LITERAL("X"), span_make(text, PREFLIGHT_VALUE_BYTES) };
    struct preflight_input in = { SPAN_LITERAL("GET"), SPAN_LITERAL("/a"), SPAN_LITERAL("HTTP/1.1"), headers, HTTP_MAX_HEADERS, NULL, 0, true, SPAN_NONE, NULL, false };
    assert_int_equal(preflight_run(&in, &arena).status, 0);
    in.header_count = HTTP_MAX_HEADERS + 1; /* the array holds no more: the count alone refuses */
    assert_int_equal(preflight_run(&in, &arena).status, 400);
    in.header_count = 1;
    headers[0].value.bytes++;
    assert_int_equal(preflight_run(&in, &arena).status, 400);
}

static void request_ids_are_taken_over_when_visible_and_short(void **state)
{
    char text[REQUEST_ID_BYTES + 1];
    (void)state;
    memset(text, 'x', sizeof text);
    assert_true(preflight_request_id(SPAN_LITERAL("a")));
    assert_true(preflight_request_id(span_make(text, REQUEST_ID_BYTES)));
    assert_false(preflight_request_id(span_make(text, REQUEST_ID_BYTES + 1)));
    assert_false(preflight_request_id(SPAN_NONE));
    assert_false(preflight_request_id(SPAN_LITERAL("a b")));
    assert_false(preflight_request_id(SPAN_LITERAL("a\n")));
    assert_false(preflight_request_id(SPAN_LITERAL("\xc3\xa9")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_read_or_refused),
        cmocka_unit_test(the_length_of_a_target_is_bounded),
        cmocka_unit_test(heads_are_passed_or_refused),
        cmocka_unit_test(methods_are_named),
        cmocka_unit_test(the_number_of_headers_and_the_length_of_a_value_are_bounded),
        cmocka_unit_test(request_ids_are_taken_over_when_visible_and_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
