/* router: the table of routes. Every handler file exports one array of rows; router.c lists the arrays.
 * A handler on the worker must not block. One that needs the store returns ROUTE_SLOW (before changing the response) or has only a `slow` handler:
 * then the server suspends the connection and a slow lane thread runs `slow` with r->store set. */
#ifndef GATEWAY_HTTP_ROUTER_H
#define GATEWAY_HTTP_ROUTER_H
#include "gateway/http/problem.h"

enum route_result { ROUTE_DONE, ROUTE_SLOW };
typedef enum route_result route_fast_fn(struct http_request *r, struct http_response *res);
typedef void route_slow_fn(struct http_request *r, struct http_response *res);
enum { ROUTE_GZIP_BODY = 1,        /* Content-Encoding: gzip is inflated, max_body applies to the result */
       ROUTE_DRAIN_OVERSIZE = 2,   /* an oversize body is read away (to 4 x max_body) and `slow`/`fast` runs with an empty body and r->headers intact: agent logs */
       ROUTE_SCOPE_ON_SOCKET_FREE = 4 /* the admin socket needs no key */ };
struct route {
    enum http_method method;       /* GET also answers HEAD */
    const char *path;              /* "/v1/events", "/blocked/{id}"; {..} matches one segment */
    unsigned listeners;            /* enum listener_kind bits; each route also answers on a listener configured to carry all */
    unsigned scope;                /* needed enum api_scope; 0: open (its own checks) */
    size_t max_body_bytes;
    enum problem_style style;
    unsigned flags;
    route_fast_fn *fast;           /* may be NULL */
    route_slow_fn *slow;           /* may be NULL when fast never returns ROUTE_SLOW */
    const char *name;              /* label in metrics and logs */
};
struct route_table { const struct route *rows; size_t count; };
extern const struct route_table health_routes, authzen_routes, posture_routes, fact_routes, event_routes, osquery_routes, admin_routes, mdm_hook_routes, admin_mdm_routes, me_routes, forward_auth_routes, okta_hook_routes, signing_key_routes, archive_routes, report_routes, login_routes, oidc_routes, saml_routes, slack_routes;

/* Tables searched in order. node->router NULL: all tables of the gateway, listed in router.c. */
struct router { const struct route_table *const *tables; size_t count; };

/* `style` is that of the route with this path, whatever its method; PROBLEM_JSON when the path is unknown. */
struct route_match { const struct route *route; bool path_known; /* for 405 */ unsigned allowed; /* bits 1 << method, for Allow */ enum problem_style style; };
/* r->listener holds every kind its listener carries (enum listener_kind bits). On a match r->params are filled and r->listener is narrowed
 * to one bit that the route answers on. A literal path goes before one with {..}. */
struct route_match router_find(struct http_request *r);
/* Literal paths that were asked for before, and their routes by method: a table walk saved. Belongs to one thread; zeroed is empty, and good as long as
 * node->router stays. */
enum { ROUTE_MEMORY = 64 };
struct known_path { struct span path; const struct route *routes[HTTP_METHODS]; };
struct route_memory { struct known_path paths[ROUTE_MEMORY]; };
/* The path is one of those, byte by byte. */
bool router_knows(const struct route_memory *memory, struct span path);
struct route_match router_find_again(struct route_memory *memory, struct http_request *r);

#endif
