/* forward_auth: a proxy asks for each request (nginx auth_request, HAProxy, Caddy forward_auth, Traefik forwardAuth, Envoy ext_authz over HTTP).
 * 2xx lets it pass; 401 and 403 refuse. Person, certificate and host are believed from trusted_proxies only.
 * Sources: nginx ngx_http_auth_request_module (any other status is an error and closes). */
#include "gateway/decide.h"
#include "gateway/doors/device_proof.h"
#include "gateway/http/router.h"

enum { HOST_BYTES = 253 };

static struct span without_port(struct span host)
{
    if (!span_empty(host) && host.at[0] == '[')
        return span_slice(host, 0, span_find(host, ']') + 1);
    return span_slice(host, 0, span_find(host, ':'));
}

/* A certificate that was passed on names the device, one that proves nothing is an unproved device. Where nothing was passed on, the person's devices count, unless
 * the app needs a proof. */
static void ask_for_device(struct http_request *r, struct question *q)
{
    struct device_proof proof;
    device_proof_read(r, &proof);
    q->proof = proof.proof;
    q->door_device = proof.proof != PROOF_NONE ? DEVICE_NAMED : proof.shown ? DEVICE_UNPROVED : DEVICE_NOT_ASKED;
    q->device_kind = SPAN_LITERAL("id");
    q->device = proof.device;
}

static void answer_headers(struct http_response *res, const struct answer *a)
{
    response_header(res, "X-Postern-Decision", a->id);
    response_header(res, "X-Postern-Outcome", span_of(outcome_name(a->decision.outcome)));
    if (!span_empty(a->page))
        response_header(res, "X-Postern-Page", a->page);
    if (a->decision.device != NULL)
        response_header(res, "X-Postern-Device", a->decision.device->id);
}

/* Proxies that pass our answer on show this; nginx shows its own error page, made from X-Postern-Page by auth_request_set. */
static void refuse(struct http_request *r, struct http_response *res, const struct answer *a)
{
    struct span redirect;
    struct err err;
    if (request_query(r, "redirect", &redirect, &err) == OK && span_equal_text(redirect, "1")) {
        response_redirect(res, 302, a->page);
        answer_headers(res, a);
        return;
    }
    struct span body = arena_format(r->arena,
                                    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>One thing to fix first</title>"
                                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                                    "<p>This page cannot open yet. <a href=\"%.*s\">See what to fix and how</a>.</p></html>\n",
                                    SPAN_ARGS(a->page));
    response_text(res, 403, "text/html; charset=utf-8", body);
    answer_headers(res, a);
}

static enum route_result forward_auth(struct http_request *r, struct http_response *res)
{
    struct span host = without_port(request_known(r, HEADER_X_FORWARDED_HOST));
    struct question q = { .door = SPAN_LITERAL("forward_auth"), .person = span_trim(request_known(r, HEADER_X_POSTERN_PERSON)), .door_device = DEVICE_NOT_ASKED, .app = host,
                          .app_by_kind = true, .app_kind = MATCH_HOST };
    if (!r->trusted_proxy) {
        problem_status_answer(r, res, PROBLEM_JSON, 403, "this address is not among trusted_proxies");
        return ROUTE_DONE;
    }
    if (span_empty(q.person)) {
        problem_status_answer(r, res, PROBLEM_JSON, 401, "X-Postern-Person is missing: the proxy must sign the person in first");
        return ROUTE_DONE;
    }
    if (span_empty(host) || host.bytes > HOST_BYTES) {
        problem_status_answer(r, res, PROBLEM_JSON, 403, "X-Forwarded-Host is missing or too long");
        return ROUTE_DONE;
    }
    if (!decide_ready(r, res))
        return ROUTE_DONE;
    ask_for_device(r, &q);
    struct answer a;
    directory_enter_standing(r->node->directory);
    decide(r, &q, r->decisions, NULL, NULL, &a);
    res->decision = a.id;
    if (a.decision.outcome == OUTCOME_DENY) {
        refuse(r, res, &a);
    } else {
        response_text(res, 200, "text/plain", SPAN_NONE);
        answer_headers(res, &a);
    }
    directory_leave_standing(r->node->directory);
    return ROUTE_DONE;
}

static const struct route rows[] = {
    { HTTP_GET, "/forward-auth", LISTENER_INTERNAL, 0, 0, PROBLEM_JSON, 0, forward_auth, NULL, "forward_auth" },
    { HTTP_POST, "/forward-auth", LISTENER_INTERNAL, 0, 64 * 1024, PROBLEM_JSON, 0, forward_auth, NULL, "forward_auth" },
};
const struct route_table forward_auth_routes = { rows, sizeof rows / sizeof rows[0] };
