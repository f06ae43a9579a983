/* The head of a request: preflight, route, caller and size, before any byte of the body is wanted. */
#include "gateway/http/auth.h"
#include "gateway/http/preflight.h"
#include "gateway/http/server_parts.h"
#include "gateway/worker.h"

#include <stdio.h>
#include <string.h>

enum { DRAIN_TIMES = 4 }; /* ROUTE_DRAIN_OVERSIZE: how many times max_body is read away */

/* ---- what is known of it ---- */

static enum MHD_Result take_header(void *context, enum MHD_ValueKind kind, const char *name, size_t name_bytes, const char *value, size_t value_bytes)
{
    struct exchange *x = context;
    (void)kind;
    if (x->header_count < HTTP_MAX_HEADERS)
        x->headers[x->header_count] = (struct http_header){ span_make(name, name_bytes), span_make(value, value_bytes) };
    x->header_count++; /* counts on: preflight refuses more than there is room for */
    return MHD_YES;
}

/* Counted as text: mostly one digit changes. */
static void count_id(char *digits, size_t count)
{
    while (count-- > 0) {
        char digit = digits[count];
        digits[count] = digit == '9' ? 'a' : digit == 'f' ? '0' : (char)(digit + 1);
        if (digit != 'f')
            return;
    }
}

/* Unique, and short to read out; nobody is let in by it, so it need not be unguessable. */
static void set_request_id(struct exchange *x)
{
    struct span sent = request_known(&x->request, HEADER_X_REQUEST_ID);
    if (preflight_request_id(sent)) {
        memcpy(x->request.id, sent.at, sent.bytes);
        x->request.id[sent.bytes] = '\0';
        return;
    }
    count_id(x->server->next_id + SERVER_ID_PREFIX + 1, SERVER_ID_BYTES - SERVER_ID_PREFIX - 1);
    memcpy(x->request.id, x->server->next_id, sizeof x->server->next_id);
}

static void fill_request(struct exchange *x)
{
    struct server *s = x->server;
    struct http_request *r = &x->request;
    r->arena = &x->arena;
    r->node = s->node;
    r->worker = s->worker;
    r->keys = &s->keys;
    r->decisions = s->worker != NULL ? worker_decisions(s->worker) : NULL;
    r->reply = s->worker != NULL ? worker_mailbox(s->worker) : NULL;
    r->listener = (enum listener_kind)s->options.kinds;
    r->headers = x->headers;
    r->header_count = x->header_count < HTTP_MAX_HEADERS ? x->header_count : HTTP_MAX_HEADERS;
    r->peer = span_of(x->connection->peer);
    r->trusted_proxy = x->connection->trusted;
    r->tls = s->tls;
    r->now_ms = s->turn_wall_ms; /* of a request that opened this turn */
    r->now_s = r->now_ms / 1000;
    if (s->client_ca != NULL)
        connection_certificate(x->connection, r);
    if (s->local)
        r->caller = (struct caller){ CALLER_SOCKET, arena_format(&x->arena, "uid:%u", (unsigned)x->connection->uid), SPAN_LITERAL("admin.sock"), SCOPE_ALL, SPAN_NONE };
}

static void remember_host(struct server *s, struct span host)
{
    if (host.bytes > sizeof s->good_host || (host.bytes == s->good_host_bytes && span_equal(host, span_make(s->good_host, host.bytes))))
        return;
    s->good_host_bytes = host.bytes;
    if (host.bytes > 0)
        memcpy(s->good_host, host.at, host.bytes);
}

static struct preflight check_head(struct exchange *x, const char *method, const char *version)
{
    const struct server_options *o = &x->server->options;
    struct preflight_input in = {
        .method = span_of(method),
        .target = x->target,
        .version = span_of(version),
        .headers = x->headers,
        .header_count = x->header_count,
        .hosts = o->hosts,
        .host_count = o->host_count,
        .any_host = x->server->local,
        .good_host = span_make(x->server->good_host, x->server->good_host_bytes),
        .known = &x->request.known,
        .good_path = router_knows(&x->server->routes, span_slice(x->target, 0, span_find(x->target, '?'))),
    };
    struct preflight p = preflight_run(&in, &x->arena);
    set_request_id(x);
    if (p.status == 0)
        remember_host(x->server, request_known(&x->request, HEADER_HOST));
    return p;
}

#if MHD_VERSION < 0x01000000
/* Where the head ends, by libmicrohttpd's count; NULL: it does not tell. */
static const char *end_of_head(const struct exchange *x, const char *method)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(x->connection->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info != NULL ? method + info->header_size : NULL;
}

/* Up to 0.9.75 what is passed over in a head is not told: a NUL ends a text for everybody who reads it as one, a line that begins with a blank is joined to the name (!) of the header
 * before it, and a line feed alone ends a line. Whoever stands in front of us may have read other headers (RFC 9112 sections 2.2 and 5.2, RFC 9110 section 5.5). All texts still stand
 * where they arrived, so that the distances between them show it: a blank in the request line, CR LF behind each line and behind the last once more. */
static bool head_has_gaps(const struct exchange *x, const char *method, const char *version)
{
    const uintptr_t target_at = (uintptr_t)method + strlen(method) + 1;
    const char *end = version + strlen(version);
    if (x->target_at != target_at || (uintptr_t)version != target_at + x->target.bytes + 1)
        return true;
    for (size_t i = 0; i < x->request.header_count; i++) {
        if (x->headers[i].name.at != end + 2)
            return true;
        end = x->headers[i].value.at + x->headers[i].value.bytes;
    }
    return x->header_count <= HTTP_MAX_HEADERS && end + 4 != end_of_head(x, method);
}
#else
static bool head_has_gaps(const struct exchange *x, const char *method, const char *version)
{
    (void)x, (void)method, (void)version; /* it refuses them itself */
    return false;
}
#endif

/* ---- refusals ---- */

static bool refuse(struct exchange *x, int status, const char *detail)
{
    problem_status_answer(&x->request, &x->response, x->style, status, detail);
    return true;
}

static void allow_header(struct exchange *x, unsigned allowed)
{
    static const char *const names[HTTP_METHODS] = { "GET", "HEAD", "POST", "PUT", "DELETE" };
    char text[64] = "";
    size_t bytes = 0;
    for (unsigned i = 0; i < HTTP_METHODS; i++)
        if ((allowed & 1u << i) != 0)
            bytes += (size_t)snprintf(text + bytes, sizeof text - bytes, "%s%s", bytes > 0 ? ", " : "", names[i]);
    response_header(&x->response, "Allow", arena_copy(&x->arena, span_make(text, bytes)));
}

static bool refuse_route(struct exchange *x, const struct route_match *match)
{
    if (match->route != NULL)
        return false;
    if (!match->path_known)
        return refuse(x, 404, "there is nothing at this path");
    (void)refuse(x, 405, "this method is not possible here");
    allow_header(x, match->allowed);
    return true;
}

static bool refuse_caller(struct exchange *x)
{
    struct err err;
    enum err_code code = x->route->scope == 0 ? OK : auth_caller(&x->request, x->route->scope, &err);
    if (code == OK)
        return false;
    counter_add(x->server->counters, COUNT_AUTH_REFUSED, 1);
    problem_answer(&x->request, &x->response, x->style, &err);
    auth_challenge(&x->request, &x->response, code, x->route->scope);
    return true;
}

static bool refuse_encoding(struct exchange *x)
{
    struct span encoding = request_known(&x->request, HEADER_CONTENT_ENCODING);
    if (x->expected_bytes == 0 || span_empty(encoding) || span_equal_fold(encoding, SPAN_LITERAL("identity")))
        return false;
    x->gzip = (x->route->flags & ROUTE_GZIP_BODY) != 0 && span_equal_fold(encoding, SPAN_LITERAL("gzip"));
    return !x->gzip && refuse(x, 415, "this Content-Encoding is not accepted here");
}

static bool refuse_size(struct exchange *x)
{
    size_t most = x->route->max_body_bytes;
    if (x->expected_bytes <= most)
        return false;
    counter_add(x->server->counters, COUNT_BODY_TOO_LARGE, 1);
    x->discard = (x->route->flags & ROUTE_DRAIN_OVERSIZE) != 0 && x->expected_bytes / DRAIN_TIMES <= most;
    return !x->discard && refuse(x, 413, "the body is too large for this path");
}

/* A long body is not begun where there is no room for it. */
static bool refuse_crowd(struct exchange *x)
{
    if (x->discard || memory_takes_body(x))
        return false;
    counter_add(x->server->counters, COUNT_OVERLOAD, 1);
    return refuse(x, 503, "too many long bodies are on their way");
}

static bool refuse_framing(struct exchange *x, const struct preflight *p, const char *method, const char *version)
{
    bool gaps = p->status == 0 && head_has_gaps(x, method, version);
    if (p->status == 0 && !gaps)
        return false;
    counter_add(x->server->counters, COUNT_PREFLIGHT_REFUSED, 1);
    return gaps ? refuse(x, 400, "the head has a byte or a line break that HTTP does not allow") : refuse(x, p->status, p->detail);
}

bool exchange_begin(struct exchange *x, const char *method, const char *version, bool *early)
{
    MHD_get_connection_values_n(x->connection->mhd, MHD_HEADER_KIND, take_header, x);
    fill_request(x);
    struct preflight p = check_head(x, method, version);
    x->request.method = p.method;
    x->request.path = p.path;
    x->request.query = p.query;
    x->expected_bytes = p.content_length;
    struct route_match match = router_find_again(&x->server->routes, &x->request);
    x->route = match.route;
    x->style = match.style;
    *early = true;
    if (refuse_framing(x, &p, method, version))
        return true;
    if (x->connection->refused)
        return refuse(x, 403, "only root and the server's own user may use this socket");
    *early = p.content_length > DRAIN_BYTES || (p.expects_continue && p.content_length > 0);
    return refuse_route(x, &match) || refuse_caller(x) || refuse_encoding(x) || refuse_size(x) || refuse_crowd(x);
}
