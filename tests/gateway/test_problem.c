#include "gateway/http/problem.h"
#include "gateway/http/stream.h"

#include "posture/base/from_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void start_response(struct http_response *res)
{
    *res = (struct http_response){ 0 };
    buf_init(&res->body, RESPONSE_MAX_BYTES);
}

static void every_code_has_a_status(void **state)
{
    static const struct { enum err_code code; int status; } rows[] = {
        { ERR_INPUT, 400 }, { ERR_PROTOCOL, 400 }, { ERR_LIMIT, 400 }, { ERR_UNAUTHORIZED, 401 }, { ERR_DENIED, 403 }, { ERR_NOT_FOUND, 404 }, { ERR_CONFLICT, 409 }, { ERR_EXPIRED, 410 },
        { ERR_GONE, 410 }, { ERR_TIMEOUT, 503 }, { ERR_UNAVAILABLE, 503 }, { ERR_AMBIGUOUS, 503 }, { ERR_MEMORY, 503 }, { ERR_IO, 500 }, { ERR_INTERNAL, 500 }, { (enum err_code)999, 500 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(problem_status(rows[i].code), rows[i].status);
}

static void assert_member(const struct from_json *doc, const char *key, const char *value)
{
    struct from_json_value root = from_json_root(doc), member = from_json_member(&root, key);
    struct span text = SPAN_NONE;
    struct err err;
    assert_int_equal(from_json_text(&member, 1000, &text, &err), OK);
    assert_true(span_equal_text(text, value));
}

static struct from_json *parsed(const struct http_response *res)
{
    struct from_json *doc = NULL;
    struct err err;
    assert_int_equal(from_json_parse(buf_span(&res->body), (struct from_json_limits){ 10000, 4 }, "body", &doc, &err), OK);
    return doc;
}

static void a_problem_says_what_and_for_which_request(void **state)
{
    struct http_request r = { .id = "id-\"1\"" };
    struct http_response res;
    struct err err;
    (void)state;
    start_response(&res);
    (void)err_set(&err, ERR_INPUT, "name: must be \"text\"");
    problem_answer(&r, &res, PROBLEM_JSON, &err);
    assert_int_equal(res.status, 400);
    assert_string_equal(res.content_type, "application/problem+json");
    CLEANUP(from_json_freep) struct from_json *doc = parsed(&res);
    assert_member(doc, "type", "about:blank");
    assert_member(doc, "title", "Bad Request");
    assert_member(doc, "detail", "name: must be \"text\"");
    assert_member(doc, "instance", "id-\"1\"");
    buf_done(&res.body);
}

static void details_of_our_own_failures_stay_here(void **state)
{
    static const enum problem_style styles[] = { PROBLEM_JSON, PROBLEM_AGENT, PROBLEM_PAGE };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct http_request r = { .id = "x" };
        struct http_response res;
        struct err err;
        start_response(&res);
        (void)err_set(&err, ERR_IO, "opening /secret/place");
        problem_answer(&r, &res, styles[i], &err);
        assert_int_equal(res.status, 500);
        struct span body = buf_span(&res.body);
        assert_int_equal(span_search(body, SPAN_LITERAL("secret")), body.bytes);
        buf_done(&res.body);
    }
}

static void agents_always_get_an_error_member(void **state)
{
    static const struct { int status; const char *detail, *error; } rows[] = {
        { 400, "bad body", "bad body" }, { 404, NULL, "Not Found" }, { 413, "", "Content Too Large" }, { 503, "anything", "busy" }, { 500, NULL, "Internal Server Error" }, { 499, NULL, "Error" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_request r = { .id = "x" };
        struct http_response res;
        start_response(&res);
        problem_status_answer(&r, &res, PROBLEM_AGENT, rows[i].status, rows[i].detail);
        assert_int_equal(res.status, rows[i].status);
        CLEANUP(from_json_freep) struct from_json *doc = parsed(&res);
        assert_member(doc, "error", rows[i].error);
        buf_done(&res.body);
    }
}

static void a_page_escapes_the_request_id(void **state)
{
    struct http_request r = { .id = "<script>&\"'" };
    struct http_response res;
    (void)state;
    start_response(&res);
    problem_status_answer(&r, &res, PROBLEM_PAGE, 410, NULL);
    assert_non_null(strstr(buf_text(&res.body), "&lt;script&gt;&amp;&quot;&#39;"));
    assert_null(strstr(buf_text(&res.body), "<script"));
    assert_string_equal(res.headers[0].name, "Content-Security-Policy");
    buf_done(&res.body);
}

static void count_free(struct http_stream *s) { atomic_store(&s->connection, s); }

static void what_the_response_held_is_replaced(void **state)
{
    struct http_request r = { .id = "x" };
    struct http_response res;
    struct http_stream stream = { .free = count_free };
    (void)state;
    start_response(&res);
    response_text(&res, 200, "text/plain", SPAN_LITERAL("half an answer"));
    response_header(&res, "X-Old", SPAN_LITERAL("1"));
    res.stream = &stream;
    res.cacheable = true;
    problem_status_answer(&r, &res, PROBLEM_JSON, 503, NULL);
    assert_int_equal(res.header_count, 1);
    assert_string_equal(res.headers[0].name, "Retry-After");
    assert_null(strstr(buf_text(&res.body), "half"));
    assert_null(res.stream);
    assert_ptr_equal(atomic_load(&stream.connection), &stream);
    assert_false(res.cacheable);
    buf_done(&res.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_status),
        cmocka_unit_test(a_problem_says_what_and_for_which_request),
        cmocka_unit_test(details_of_our_own_failures_stay_here),
        cmocka_unit_test(agents_always_get_an_error_member),
        cmocka_unit_test(a_page_escapes_the_request_id),
        cmocka_unit_test(what_the_response_held_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
