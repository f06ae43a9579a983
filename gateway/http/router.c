#include "gateway/http/router.h"

#include "gateway/node.h"

#include <string.h>

static const struct route_table *const all_tables[] = {
    &health_routes, &authzen_routes, &posture_routes, &forward_auth_routes, &okta_hook_routes, &osquery_routes, &fact_routes, &event_routes, &me_routes, &admin_routes, &mdm_hook_routes, &admin_mdm_routes, &signing_key_routes, &archive_routes, &report_routes, &login_routes, &oidc_routes, &saml_routes, &slack_routes,
};
static const struct router all = { all_tables, sizeof all_tables / sizeof all_tables[0] };

/* Walks pattern and path together; a {..} takes one segment that is not empty. False at the first difference. */
static bool matches(const char *pattern, struct span path, struct span params[HTTP_MAX_PARAMS], size_t *count)
{
    size_t at = 0, taken = 0;
    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (at == path.bytes || path.at[at++] != *pattern++)
                return false;
            continue;
        }
        struct span rest = span_slice(path, at, path.bytes), segment = span_slice(rest, 0, span_find(rest, '/'));
        if (span_empty(segment) || taken == HTTP_MAX_PARAMS)
            return false;
        params[taken++] = segment;
        at += segment.bytes;
        while (*pattern++ != '}')
            ;
    }
    *count = taken;
    return at == path.bytes;
}

static enum http_method route_method(enum http_method asked) { return asked == HTTP_HEAD ? HTTP_GET : asked; }

static unsigned methods_of(const struct route *route)
{
    return route->method == HTTP_GET ? 1u << HTTP_GET | 1u << HTTP_HEAD : 1u << route->method;
}

struct search { struct http_request *r; struct route_match match; size_t params; /* of the best so far */ };

static void consider(struct search *s, const struct route *route)
{
    struct span params[HTTP_MAX_PARAMS] = { { 0 } };
    size_t count;
    if ((route->listeners & (unsigned)s->r->listener) == 0 || !matches(route->path, s->r->path, params, &count))
        return;
    if (!s->match.path_known)
        s->match.style = route->style;
    s->match.path_known = true;
    s->match.allowed |= methods_of(route);
    if (route->method != route_method(s->r->method) || (s->match.route != NULL && s->params <= count))
        return;
    s->match.route = route;
    s->match.style = route->style;
    s->params = count;
    for (size_t i = 0; i < HTTP_MAX_PARAMS; i++)
        s->r->params[i] = params[i];
}

struct route_match router_find(struct http_request *r)
{
    const struct router *router = r->node->router != NULL ? r->node->router : &all;
    struct search s = { .r = r, .match = { .style = PROBLEM_JSON } };
    for (size_t i = 0; i < router->count; i++)
        for (size_t j = 0; j < router->tables[i]->count; j++)
            consider(&s, &router->tables[i]->rows[j]);
    if (s.match.route != NULL) {
        unsigned common = s.match.route->listeners & (unsigned)r->listener;
        r->listener = (enum listener_kind)(common & -common);
    }
    return s.match;
}

/* The end of a path tells more than its beginning. */
static size_t place_of(struct span path)
{
    enum { END_BYTES = 8 };
    size_t start = path.bytes > END_BYTES ? path.bytes - END_BYTES : 0;
    return span_table_hash(span_slice(path, start, END_BYTES), path.bytes) % ROUTE_MEMORY;
}

bool router_knows(const struct route_memory *memory, struct span path) { return !span_empty(path) && span_equal(memory->paths[place_of(path)].path, path); }

static void remember(struct route_memory *memory, const struct route *route)
{
    struct span path = span_of(route->path);
    struct known_path *known = &memory->paths[place_of(path)];
    if (!span_equal(known->path, path))
        *known = (struct known_path){ .path = path };
    known->routes[route->method] = route;
}

struct route_match router_find_again(struct route_memory *memory, struct http_request *r)
{
    enum http_method method = route_method(r->method);
    const struct known_path *known = &memory->paths[place_of(r->path)];
    const struct route *route = method < HTTP_METHODS && span_equal(known->path, r->path) ? known->routes[method] : NULL;
    unsigned common = route != NULL ? route->listeners & (unsigned)r->listener : 0;
    if (common != 0) {
        r->listener = (enum listener_kind)(common & -common);
        return (struct route_match){ .route = route, .path_known = true, .style = route->style };
    }
    struct route_match match = router_find(r);
    if (match.route != NULL && strchr(match.route->path, '{') == NULL)
        remember(memory, match.route);
    return match;
}
