#include "gateway/http/network.h"
#include "gateway/http/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- parameters ---- */

static const struct { const char *name, *query; enum err_code code; const char *value; } parameters[] = {
    { "alone", "a=1", OK, "1" },
    { "among others", "b=2&a=1&c", OK, "1" },
    { "empty", "a=", OK, "" },
    { "without equals", "a", OK, "" },
    { "plus and escapes", "a=x+y%20z%2B%3d", OK, "x y z+=" },
    { "an equals inside", "a=b=c", OK, "b=c" },
    { "UTF-8", "a=%C3%A9", OK, "\xc3\xa9" },
    { "absent", "aa=1&b=a", ERR_NOT_FOUND, NULL },
    { "nothing", "", ERR_NOT_FOUND, NULL },
    { "twice", "a=1&a=1", ERR_INPUT, NULL },
    { "cut short", "a=%4", ERR_INPUT, NULL },
    { "not hex", "a=%g0", ERR_INPUT, NULL },
    { "NUL", "a=%00", ERR_INPUT, NULL },
    { "not UTF-8", "a=%ff", ERR_INPUT, NULL },
};

static void check_parameter(size_t i, enum err_code code, struct span value)
{
    if (code != parameters[i].code || (code == OK && !span_equal_text(value, parameters[i].value)))
        fail_msg("%s: code %d, value %.*s", parameters[i].name, (int)code, SPAN_ARGS(value));
}

static void parameters_are_read_from_query_and_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
        CLEANUP(arena_done) struct arena arena;
        struct span value = SPAN_NONE;
        struct err err;
        const struct http_header form = { SPAN_LITERAL("content-type"), SPAN_LITERAL("application/x-www-form-urlencoded; charset=utf-8") };
        arena_init(&arena, 256, 65536);
        struct http_request r = { .arena = &arena, .query = span_of(parameters[i].query) };
        check_parameter(i, request_query(&r, "a", &value, &err), value);
        r = (struct http_request){ .arena = &arena, .body = span_of(parameters[i].query), .headers = &form, .header_count = 1 };
        check_parameter(i, request_form(&r, "a", &value, &err), value);
    }
}

static void a_body_of_another_type_is_no_form(void **state)
{
    struct arena arena = { 0 };
    struct span value;
    struct err err;
    struct http_request r = { .arena = &arena, .body = SPAN_LITERAL("a=1") };
    (void)state;
    assert_int_equal(request_form(&r, "a", &value, &err), ERR_INPUT);
}

static void no_memory_is_an_error(void **state)
{
    struct arena arena = { 0 };
    struct span value;
    struct err err;
    struct http_request r = { .arena = &arena, .query = SPAN_LITERAL("a=1") };
    (void)state;
    assert_int_equal(request_query(&r, "a", &value, &err), ERR_MEMORY);
}

/* ---- headers ---- */

static void headers_are_found_whatever_their_letters(void **state)
{
    const struct http_header headers[] = { { SPAN_LITERAL("accept"), SPAN_LITERAL("one") }, { SPAN_LITERAL("ACCEPT"), SPAN_LITERAL("two") }, { SPAN_LITERAL("X"), SPAN_NONE } };
    struct http_request r = { .headers = headers, .header_count = 3 };
    (void)state;
    assert_true(span_equal_text(request_header(&r, "Accept"), "one"));
    assert_true(request_has_header(&r, "x"));
    assert_false(request_has_header(&r, "Accep"));
    assert_int_equal(request_header(&r, "None").bytes, 0);
}

static void the_media_type_is_compared_without_its_parameters(void **state)
{
    static const struct { const char *value; bool same; } rows[] = {
        { "application/json", true }, { "Application/JSON ; charset=utf-8", true }, { "application/json5", false }, { "text/json", false }, { "", false }, { ";application/json", false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct http_header h = { SPAN_LITERAL("Content-Type"), span_of(rows[i].value) };
        struct http_request r = { .headers = &h, .header_count = 1 };
        assert_int_equal(request_is_type(&r, "application/json"), rows[i].same);
    }
}

static void a_detached_request_outlives_its_connection(void **state)
{
    CLEANUP(arena_done) struct arena arena;
    char name[] = "X-Name", value[] = "value";
    const struct http_header h = { span_of(name), span_of(value) };
    struct err err;
    (void)state;
    arena_init(&arena, 256, 65536);
    struct http_request r = { .arena = &arena, .headers = &h, .header_count = 1 };
    assert_int_equal(request_detach(&r, &err), OK);
    memset(name, '?', sizeof name);
    memset(value, '?', sizeof value);
    assert_true(span_equal_text(request_header(&r, "x-name"), "value"));
    struct arena none = { 0 };
    r.arena = &none;
    assert_int_equal(request_detach(&r, &err), ERR_MEMORY);
}

/* ---- networks ---- */

static const struct { const char *network, *address; bool parses, holds; } networks[] = {
    { "127.0.0.1", "127.0.0.1", true, true },
    { "127.0.0.1", "127.0.0.2", true, false },
    { "127.0.0.1", "::ffff:127.0.0.1", true, true },
    { "::ffff:10.0.0.0/104", "10.1.2.3", true, true },
    { "10.0.0.0/8", "10.255.0.1", true, true },
    { "10.0.0.0/8", "11.0.0.0", true, false },
    { "10.0.0.0/9", "10.128.0.0", true, false },
    { "0.0.0.0/0", "192.0.2.1", true, true },
    { "0.0.0.0/0", "2001:db8::1", true, false },
    { "::/0", "192.0.2.1", true, true },
    { "2001:db8::/33", "2001:db8:7fff::1", true, true },
    { "2001:db8::/33", "2001:db8:8000::1", true, false },
    { "::1", "::1", true, true },
    { "", NULL, false, false },
    { "10.0.0.0/33", NULL, false, false },
    { "::/129", NULL, false, false },
    { "10.0.0.1/8", NULL, false, false },
    { "10.0.0.0/", NULL, false, false },
    { "10.0.0/8", NULL, false, false },
    { "localhost", NULL, false, false },
    { "10.0.0.0/8/8", NULL, false, false },
};

static void networks_hold_their_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        struct network n, address;
        struct err err;
        bool parsed = network_parse(span_of(networks[i].network), &n, &err) == OK;
        if (parsed != networks[i].parses)
            fail_msg("%s: parsed %d", networks[i].network, parsed);
        if (!parsed)
            continue;
        assert_int_equal(network_parse(span_of(networks[i].address), &address, &err), OK);
        if (network_holds(&n, 1, &address.address) != networks[i].holds)
            fail_msg("%s and %s", networks[i].network, networks[i].address);
        assert_false(network_holds(&n, 0, &address.address));
    }
}

static void a_site_counts_as_one(void **state)
{
    static const struct { const char *one, *other; bool same; } sites[] = {
        { "192.0.2.1", "192.0.2.1", true }, { "192.0.2.1", "192.0.2.2", false },
        { "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true }, { "2001:db8::1", "2001:db8:0:1::1", false }, { "::1", "192.0.2.1", false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof sites / sizeof sites[0]; i++) {
        struct network one, other;
        struct err err;
        assert_int_equal(network_parse(span_of(sites[i].one), &one, &err), OK);
        assert_int_equal(network_parse(span_of(sites[i].other), &other, &err), OK);
        struct in6_addr a = network_site(&one.address), b = network_site(&other.address);
        if ((memcmp(&a, &b, sizeof a) == 0) != sites[i].same)
            fail_msg("%s and %s", sites[i].one, sites[i].other);
    }
}

static void listeners_are_named_by_literal_address_and_port(void **state)
{
    static const struct { const char *text; bool good; int family; } rows[] = {
        { "127.0.0.1:8443", true, AF_INET }, { "0.0.0.0:0", true, AF_INET }, { "[::1]:8443", true, AF_INET6 }, { "[::]:65535", true, AF_INET6 },
        { "", false, 0 }, { ":80", false, 0 }, { "127.0.0.1", false, 0 }, { "127.0.0.1:", false, 0 }, { "127.0.0.1:65536", false, 0 }, { "127.0.0.1:-1", false, 0 },
        { "::1:80", false, 0 }, { "[127.0.0.1]:80", false, 0 }, { "localhost:80", false, 0 }, { "[::1]", false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sockaddr_storage at;
        socklen_t bytes;
        struct err err;
        bool good = network_listen_address(span_of(rows[i].text), &at, &bytes, &err) == OK;
        if (good != rows[i].good || (good && at.ss_family != rows[i].family))
            fail_msg("%s: good %d", rows[i].text, good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_read_from_query_and_form),
        cmocka_unit_test(a_body_of_another_type_is_no_form),
        cmocka_unit_test(no_memory_is_an_error),
        cmocka_unit_test(headers_are_found_whatever_their_letters),
        cmocka_unit_test(the_media_type_is_compared_without_its_parameters),
        cmocka_unit_test(a_detached_request_outlives_its_connection),
        cmocka_unit_test(networks_hold_their_addresses),
        cmocka_unit_test(a_site_counts_as_one),
        cmocka_unit_test(listeners_are_named_by_literal_address_and_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
