/* forward_auth: a proxy asks for each request (nginx auth_request, HAProxy, Caddy forward_auth, Traefik forwardAuth, Envoy ext_authz over HTTP).
 * 2xx lets it pass; 401 and 403 refuse. Person, certificate and host are believed from trusted_proxies only.
 * Sources: nginx ngx_http_auth_request_module (any other status is an error and closes), RFC 9440 (Client-Cert). */
#include "gateway/decide.h"
#include "gateway/http/router.h"

#include "posture/base/secret.h"

#include <string.h>

enum { CERTIFICATE_BYTES = 16 * 1024, HOST_BYTES = 253 };

static struct span without_port(struct span host)
{
    if (!span_empty(host) && host.at[0] == '[')
        return span_slice(host, 0, span_find(host, ']') + 1);
    return span_slice(host, 0, span_find(host, ':'));
}

/* RFC 9440: the DER in base64 between colons. */
static bool from_rfc9440(struct span header, struct buf *der)
{
    struct err err;
    struct span inner = span_trim(header);
    if (inner.bytes < 3 || inner.at[0] != ':' || inner.at[inner.bytes - 1] != ':')
        return false;
    return secret_from_base64(span_slice(inner, 1, inner.bytes - 2), CERTIFICATE_BYTES, der, &err) == OK;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool percent_decode(struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];
        if (c == '%') {
            int high = i + 2 < text.bytes ? hex_digit(text.at[i + 1]) : -1, low = high >= 0 ? hex_digit(text.at[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (!buf_append_byte(out, c))
            return false;
    }
    return true;
}

/* nginx's $ssl_client_escaped_cert: percent-encoded PEM. */
static bool from_escaped_pem(struct span header, struct buf *der)
{
    static const struct span begin = { "-----BEGIN CERTIFICATE-----", 27 }, end = { "-----END CERTIFICATE-----", 25 };
    CLEANUP(buf_done) struct buf pem, base64;
    struct err err;
    buf_init(&pem, CERTIFICATE_BYTES);
    buf_init(&base64, CERTIFICATE_BYTES);
    if (!percent_decode(header, &pem))
        return false;
    struct span text = buf_span(&pem);
    size_t from = span_search(text, begin), to = span_search(text, end);
    if (from == text.bytes || to == text.bytes || to < from)
        return false;
    struct span inner = span_slice(text, from + begin.bytes, to - from - begin.bytes);
    for (size_t i = 0; i < inner.bytes; i++)
        if (strchr(" \t\r\n", inner.at[i]) == NULL && !buf_append_byte(&base64, inner.at[i]))
            return false;
    return secret_from_base64(buf_span(&base64), CERTIFICATE_BYTES, der, &err) == OK;
}

static bool is_hex_sha256(struct span text)
{
    bool good = text.bytes == SECRET_HEX_BYTES;
    for (size_t i = 0; good && i < text.bytes; i++)
        good = hex_digit(text.at[i]) >= 0;
    return good;
}

/* A certificate header was sent: the device is the one registered with its SHA-256; one that cannot be read proves nothing. */
static void read_certificate(const struct http_request *r, struct question *q)
{
    struct span rfc9440 = request_header(r, "Client-Cert"), escaped = request_header(r, "X-SSL-Client-Cert"), digest = request_header(r, "X-SSL-Client-SHA256");
    if (span_empty(rfc9440) && span_empty(escaped) && span_empty(digest))
        return;
    CLEANUP(buf_done) struct buf der;
    char hex[SECRET_HEX_BYTES + 1] = "";
    buf_init(&der, CERTIFICATE_BYTES);
    q->door_device = DEVICE_UNPROVED;
    if ((!span_empty(rfc9440) && from_rfc9440(rfc9440, &der)) || (!span_empty(escaped) && from_escaped_pem(escaped, &der)))
        secret_sha256_hex(buf_span(&der), hex);
    else if (is_hex_sha256(digest))
        memcpy(hex, digest.at, SECRET_HEX_BYTES);
    else
        return;
    q->door_device = DEVICE_NAMED;
    q->device_kind = SPAN_LITERAL("certificate");
    q->device = arena_copy_text(r->arena, hex);
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
    struct span host = without_port(request_header(r, "X-Forwarded-Host"));
    struct question q = { .door = SPAN_LITERAL("forward_auth"), .person = span_trim(request_header(r, "X-Postern-Person")), .door_device = DEVICE_NOT_ASKED, .app = host,
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
    read_certificate(r, &q);
    struct answer a;
    directory_enter(r->node->directory);
    decide(r, &q, r->decisions, NULL, NULL, &a);
    res->decision = a.id;
    if (a.decision.outcome == OUTCOME_DENY) {
        refuse(r, res, &a);
    } else {
        response_text(res, 200, "text/plain", SPAN_NONE);
        answer_headers(res, &a);
    }
    directory_leave(r->node->directory);
    return ROUTE_DONE;
}

static const struct route rows[] = {
    { HTTP_GET, "/forward-auth", LISTENER_INTERNAL, 0, 0, PROBLEM_JSON, 0, forward_auth, NULL, "forward_auth" },
    { HTTP_POST, "/forward-auth", LISTENER_INTERNAL, 0, 64 * 1024, PROBLEM_JSON, 0, forward_auth, NULL, "forward_auth" },
};
const struct route_table forward_auth_routes = { rows, sizeof rows / sizeof rows[0] };
