#include "gateway/http/router.h"
#include "gateway/node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct route first[] = {
    { .method = HTTP_GET, .path = "/a", .listeners = LISTENER_PUBLIC, .name = "get a" },
    { .method = HTTP_POST, .path = "/a", .listeners = LISTENER_PUBLIC, .name = "post a" },
    { .method = HTTP_GET, .path = "/a/{id}", .listeners = LISTENER_PUBLIC | LISTENER_SOCKET, .name = "one" },
    { .method = HTTP_DELETE, .path = "/a/{id}/b/{other}", .listeners = LISTENER_PUBLIC, .name = "two" },
    { .method = HTTP_GET, .path = "/inner", .listeners = LISTENER_INTERNAL, .name = "inner" },
};
static const struct route second[] = {
    { .method = HTTP_GET, .path = "/a/new", .listeners = LISTENER_PUBLIC, .name = "literal" },
    { .method = HTTP_POST, .path = "/agent", .listeners = LISTENER_PUBLIC, .style = PROBLEM_AGENT, .name = "agent" },
    { .method = HTTP_GET, .path = "/", .listeners = LISTENER_PUBLIC, .name = "root" },
};
static const struct route_table one = { first, sizeof first / sizeof first[0] }, two = { second, sizeof second / sizeof second[0] };
static const struct route_table *const tables[] = { &one, &two };
static const struct router router = { tables, 2 };
static const struct node node = { .router = &router };

static const struct { const char *name; enum http_method method; unsigned kinds; const char *path, *route, *params; bool known; unsigned listener; } rows[] = {
    { "literal", HTTP_GET, LISTENER_PUBLIC, "/a", "get a", "", true, LISTENER_PUBLIC },
    { "root", HTTP_GET, LISTENER_PUBLIC, "/", "root", "", true, LISTENER_PUBLIC },
    { "HEAD is GET", HTTP_HEAD, LISTENER_PUBLIC, "/a", "get a", "", true, LISTENER_PUBLIC },
    { "by method", HTTP_POST, LISTENER_PUBLIC, "/a", "post a", "", true, LISTENER_PUBLIC },
    { "parameter", HTTP_GET, LISTENER_PUBLIC, "/a/17", "one", "17", true, LISTENER_PUBLIC },
    { "two parameters", HTTP_DELETE, LISTENER_PUBLIC, "/a/x/b/y", "two", "x,y", true, LISTENER_PUBLIC },
    { "literal before parameter", HTTP_GET, LISTENER_PUBLIC, "/a/new", "literal", "", true, LISTENER_PUBLIC },
    { "carries several", HTTP_GET, LISTENER_PUBLIC | LISTENER_INTERNAL, "/inner", "inner", "", true, LISTENER_INTERNAL },
    { "the lowest that both have", HTTP_GET, LISTENER_SOCKET | LISTENER_ADMIN, "/a/17", "one", "17", true, LISTENER_SOCKET },
    { "other listener", HTTP_GET, LISTENER_PUBLIC, "/inner", NULL, "", false, LISTENER_PUBLIC },
    { "other method", HTTP_PUT, LISTENER_PUBLIC, "/a", NULL, "", true, LISTENER_PUBLIC },
    { "unknown method", HTTP_METHODS, LISTENER_PUBLIC, "/a", NULL, "", true, LISTENER_PUBLIC },
    { "unknown path", HTTP_GET, LISTENER_PUBLIC, "/b", NULL, "", false, LISTENER_PUBLIC },
    { "longer", HTTP_GET, LISTENER_PUBLIC, "/a/17/b", NULL, "", false, LISTENER_PUBLIC },
    { "shorter", HTTP_DELETE, LISTENER_PUBLIC, "/a/x/b", NULL, "", false, LISTENER_PUBLIC },
    { "empty parameter", HTTP_GET, LISTENER_PUBLIC, "/a/", NULL, "", false, LISTENER_PUBLIC },
    { "empty path", HTTP_GET, LISTENER_PUBLIC, "", NULL, "", false, LISTENER_PUBLIC },
};

static void check_params(size_t i, const struct http_request *r)
{
    struct span rest = span_of(rows[i].params), part;
    for (size_t n = 0; !span_empty(rest) && span_cut(&rest, ',', &part); n++)
        if (!span_equal(part, r->params[n]))
            fail_msg("%s: parameter %zu is %.*s", rows[i].name, n, SPAN_ARGS(r->params[n]));
}

static void paths_find_their_routes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_request r = { .node = &node, .method = rows[i].method, .listener = (enum listener_kind)rows[i].kinds, .path = span_of(rows[i].path) };
        struct route_match m = router_find(&r);
        const char *found = m.route != NULL ? m.route->name : NULL;
        bool same = found == NULL || rows[i].route == NULL ? found == rows[i].route : strcmp(found, rows[i].route) == 0;
        if (!same || m.path_known != rows[i].known || (unsigned)r.listener != rows[i].listener)
            fail_msg("%s: found %s, known %d, listener %u", rows[i].name, found != NULL ? found : "nothing", m.path_known, (unsigned)r.listener);
        check_params(i, &r);
    }
}

/* Whatever was asked before, in whatever order. */
static void what_is_remembered_is_what_would_be_found(void **state)
{
    struct route_memory memory = { 0 };
    (void)state;
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            struct http_request r = { .node = &node, .method = rows[i].method, .listener = (enum listener_kind)rows[i].kinds, .path = span_of(rows[i].path) }, again = r;
            struct route_match m = router_find(&r), remembered = router_find_again(&memory, &again);
            bool same = m.route == remembered.route && m.path_known == remembered.path_known && m.style == remembered.style && r.listener == again.listener;
            if (!same || (m.route == NULL && m.allowed != remembered.allowed))
                fail_msg("%s, round %zu", rows[i].name, round);
            check_params(i, &again);
        }
    }
}

static void a_known_path_says_what_it_allows_and_its_style(void **state)
{
    struct http_request r = { .node = &node, .method = HTTP_DELETE, .listener = LISTENER_PUBLIC, .path = SPAN_LITERAL("/a") };
    (void)state;
    struct route_match m = router_find(&r);
    assert_int_equal(m.allowed, 1u << HTTP_GET | 1u << HTTP_HEAD | 1u << HTTP_POST);
    assert_int_equal(m.style, PROBLEM_JSON);
    r.path = SPAN_LITERAL("/agent");
    m = router_find(&r);
    assert_null(m.route);
    assert_int_equal(m.style, PROBLEM_AGENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_find_their_routes),
        cmocka_unit_test(what_is_remembered_is_what_would_be_found),
        cmocka_unit_test(a_known_path_says_what_it_allows_and_its_style),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
