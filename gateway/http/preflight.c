#include "gateway/http/preflight.h"

#include <string.h>

/* A check looks at one header's value and may fill what it says. NULL: fine. */
struct refusal { int status; const char *detail; };
typedef struct refusal check_fn(const struct preflight_input *in, struct span value, struct preflight *out);
static const struct refusal fine = { 0, NULL };

static struct refusal bad(const char *detail) { return (struct refusal){ 400, detail }; }

/* ---- characters ---- */

/* What each byte may be part of. */
enum { IN_VISIBLE = 1, IN_TOKEN = 2 /* RFC 9110 section 5.6.2 */, IN_VALUE = 4 /* section 5.5: visible bytes, space, tab, and obs-text */,
       IN_HOST = 8, IN_TARGET = 16 /* of a target, as it is */ };
#define WORD (IN_VISIBLE | IN_TOKEN | IN_VALUE | IN_HOST | IN_TARGET) /* letters, digits, '-' and a few more are fine everywhere */
#define SAID (IN_VISIBLE | IN_VALUE)
static const unsigned char kinds[256] = {
    ['\t'] = IN_VALUE, [' '] = IN_VALUE, ['0' ... '9'] = WORD, ['A' ... 'Z'] = WORD, ['a' ... 'z'] = WORD, ['-'] = WORD, ['.'] = WORD, ['_'] = WORD,
    ['!'] = SAID | IN_TOKEN | IN_TARGET, ['"'] = SAID, ['#'] = SAID | IN_TOKEN, ['$'] = SAID | IN_TOKEN | IN_TARGET, ['%'] = SAID | IN_TOKEN | IN_TARGET,
    ['&'] = SAID | IN_TOKEN | IN_TARGET, ['\''] = SAID | IN_TOKEN | IN_TARGET, ['('] = SAID | IN_TARGET, [')'] = SAID | IN_TARGET, ['*'] = SAID | IN_TOKEN | IN_TARGET,
    ['+'] = SAID | IN_TOKEN | IN_TARGET, [','] = SAID | IN_TARGET, ['/'] = SAID | IN_TARGET, [':'] = SAID | IN_HOST | IN_TARGET, [';'] = SAID | IN_TARGET, ['<'] = SAID,
    ['='] = SAID | IN_TARGET, ['>'] = SAID, ['?'] = SAID | IN_TARGET, ['@'] = SAID | IN_TARGET, ['['] = SAID | IN_HOST | IN_TARGET, ['\\'] = SAID, [']'] = SAID | IN_HOST | IN_TARGET,
    ['^'] = SAID | IN_TOKEN | IN_TARGET, ['`'] = SAID | IN_TOKEN | IN_TARGET, ['{'] = SAID | IN_TARGET, ['|'] = SAID | IN_TOKEN | IN_TARGET, ['}'] = SAID | IN_TARGET,
    ['~'] = SAID | IN_TOKEN | IN_TARGET, [0x80 ... 0xff] = IN_VALUE,
};

static bool all_in(struct span s, unsigned kind)
{
    unsigned common = kind;
    for (size_t i = 0; i < s.bytes; i++)
        common &= kinds[(unsigned char)s.at[i]];
    return common != 0;
}

/* The high bit of each of eight bytes that is neither a control nor part of obs-text: from the blank up to what is before DEL. */
static uint64_t plain_in(const char *at)
{
    const uint64_t each = UINT64_C(0x0101010101010101), high = each * 0x80;
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return (word + each * (0x80 - ' ')) & ~(word + each) & ~word & high; /* a carry out of an obs-text byte may spoil its neighbour, but that byte is not plain itself */
}

/* What all_in(s, IN_VALUE) says, eight bytes at once where all are plain; the rest is told apart one by one. */
static bool is_value(struct span s)
{
    const uint64_t high = UINT64_C(0x8080808080808080);
    uint64_t plain = high;
    if (s.bytes < sizeof plain)
        return all_in(s, IN_VALUE);
    for (size_t at = 0; at < s.bytes - sizeof plain; at += sizeof plain)
        plain &= plain_in(s.at + at);
    plain &= plain_in(s.at + s.bytes - sizeof plain); /* overlaps the one before */
    return plain == high || all_in(s, IN_VALUE);
}

static bool is_token(struct span s) { return all_in(s, IN_TOKEN) && s.bytes > 0; }

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool preflight_request_id(struct span value)
{
    return value.bytes >= 1 && value.bytes <= REQUEST_ID_BYTES && all_in(value, IN_VISIBLE);
}

/* ---- header checks ---- */

static struct span without_port(struct span host)
{
    if (!span_empty(host) && host.at[0] == '[')
        return span_slice(host, 0, span_find(host, ']') + 1);
    return span_slice(host, 0, span_find(host, ':'));
}

static bool is_host_name(struct span name) { return all_in(name, IN_HOST) && name.bytes >= 1 && name.bytes <= 253; }

static bool is_host(struct span host)
{
    struct span name = without_port(host), rest = span_slice(host, name.bytes, host.bytes);
    uint64_t port;
    bool literal = !span_empty(name) && name.at[0] == '[';
    bool named = literal ? span_ends(name, SPAN_LITERAL("]")) && name.bytes > 2 : is_host_name(name) && span_find(name, '[') == name.bytes && span_find(name, ']') == name.bytes;
    if (!named || !is_host_name(literal ? span_slice(name, 1, name.bytes - 2) : name))
        return false;
    return span_empty(rest) || (rest.at[0] == ':' && (rest.bytes == 1 || (span_to_u64(span_slice(rest, 1, rest.bytes), &port) && port <= 65535)));
}

static struct refusal check_host(const struct preflight_input *in, struct span value, struct preflight *out)
{
    (void)out;
    if (in->any_host || (!span_empty(value) && span_equal(value, in->good_host)))
        return fine;
    if (!is_host(value))
        return bad("the Host header is malformed");
    for (size_t i = 0; i < in->host_count; i++)
        if (span_equal_fold(without_port(value), in->hosts[i]))
            return fine;
    return in->host_count == 0 ? fine : bad("the Host header names another server");
}

/* Digits only: "+3", "3, 3", "0x3" and the empty text are what smuggling is made of (RFC 9112 section 6.3). */
static struct refusal check_length(const struct preflight_input *in, struct span value, struct preflight *out)
{
    (void)in;
    if (value.bytes > 18 || !span_to_u64(value, &out->content_length))
        return bad("Content-Length must be decimal digits");
    return fine;
}

static bool has(const struct preflight_input *in, const char *name)
{
    for (size_t i = 0; i < in->header_count; i++)
        if (span_equal_fold(in->headers[i].name, span_of(name)))
            return true;
    return false;
}

/* No client of ours needs chunked requests; without them there is one way to say where a body ends. */
static struct refusal check_transfer_encoding(const struct preflight_input *in, struct span value, struct preflight *out)
{
    (void)value, (void)out;
    if (has(in, "Content-Length"))
        return bad("Content-Length and Transfer-Encoding together");
    return (struct refusal){ 411, "send Content-Length; Transfer-Encoding is not accepted" };
}

static struct refusal check_expect(const struct preflight_input *in, struct span value, struct preflight *out)
{
    (void)in;
    out->expects_continue = true;
    return span_equal_fold(value, SPAN_LITERAL("100-continue")) ? fine : (struct refusal){ 417, "only Expect: 100-continue is understood" };
}

/* Headers that may stand once only, and what their value must be. Two of one make two readers disagree about the request. */
#define ROW(which, check, name) [which] = { check, "two " name " headers" }
static const struct { check_fn *check; const char *twice; } checks[HTTP_KNOWN] = {
    ROW(HEADER_HOST, check_host, "Host"),
    ROW(HEADER_CONTENT_LENGTH, check_length, "Content-Length"),
    ROW(HEADER_AUTHORIZATION, NULL, "Authorization"),
    ROW(HEADER_CONTENT_TYPE, NULL, "Content-Type"),
    ROW(HEADER_TRANSFER_ENCODING, check_transfer_encoding, "Transfer-Encoding"),
    ROW(HEADER_EXPECT, check_expect, "Expect"),
    ROW(HEADER_CONTENT_ENCODING, NULL, "Content-Encoding"),
    ROW(HEADER_COOKIE, NULL, "Cookie"),
    ROW(HEADER_DPOP, NULL, "DPoP"),
    ROW(HEADER_X_REQUEST_ID, NULL, "X-Request-ID"),
    ROW(HEADER_LAST_EVENT_ID, NULL, "Last-Event-ID"),
    ROW(HEADER_ORIGIN, NULL, "Origin"),
    ROW(HEADER_X_POSTERN_PERSON, NULL, "X-Postern-Person"),
    ROW(HEADER_X_FORWARDED_HOST, NULL, "X-Forwarded-Host"),
    ROW(HEADER_X_FORWARDED_PROTO, NULL, "X-Forwarded-Proto"),
    ROW(HEADER_X_FORWARDED_URI, NULL, "X-Forwarded-Uri"),
    ROW(HEADER_CLIENT_CERT, NULL, "Client-Cert"),
    ROW(HEADER_X_SSL_CLIENT_CERT, NULL, "X-SSL-Client-Cert"),
    ROW(HEADER_X_SSL_CLIENT_SHA256, NULL, "X-SSL-Client-SHA256"),
};

static size_t find_known(struct span name)
{
    size_t i = 0;
    while (i < HTTP_KNOWN && (name.bytes != http_known_names[i].bytes || !span_equal_fold(name, http_known_names[i])))
        i++;
    return i;
}

static struct refusal check_header(const struct preflight_input *in, const struct http_header *h, struct http_known_headers *known, struct preflight *out)
{
    size_t i = find_known(h->name); /* a name that is known is well-formed */
    if (i == HTTP_KNOWN && (h->name.bytes > PREFLIGHT_NAME_BYTES || !is_token(h->name)))
        return bad("a header name is malformed or too long");
    if (h->value.bytes > PREFLIGHT_VALUE_BYTES || !is_value(h->value))
        return bad("a header value is malformed or too long");
    if (i == HTTP_KNOWN)
        return fine;
    if (known->at[i] != NULL)
        return bad(checks[i].twice);
    known->at[i] = h;
    return checks[i].check != NULL ? checks[i].check(in, h->value, out) : fine;
}

static struct refusal check_headers(const struct preflight_input *in, struct preflight *out)
{
    struct http_known_headers unasked, *known = in->known != NULL ? in->known : &unasked;
    *known = (struct http_known_headers){ .looked = false };
    if (in->header_count > HTTP_MAX_HEADERS)
        return bad("too many headers");
    for (size_t i = 0; i < in->header_count; i++) {
        struct refusal r = check_header(in, &in->headers[i], known, out);
        if (r.status != 0)
            return r;
    }
    if (known->at[HEADER_HOST] == NULL && !in->any_host && !span_equal_text(in->version, "HTTP/1.0"))
        return bad("the Host header is missing");
    known->looked = true;
    return fine;
}

/* ---- request line ---- */

#define NAME(text) { text, sizeof(text) - 1 }

static struct refusal check_method(const struct preflight_input *in, struct preflight *out)
{
    /* In the order of enum http_method; those after it exist, but no route has them. */
    static const struct span names[] = { NAME("GET"), NAME("HEAD"), NAME("POST"), NAME("PUT"), NAME("DELETE"), NAME("PATCH"), NAME("OPTIONS"), NAME("TRACE"), NAME("CONNECT") };
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (span_equal(in->method, names[i])) {
            out->method = i < HTTP_METHODS ? (enum http_method)i : HTTP_METHODS;
            return fine;
        }
    }
    return (struct refusal){ 501, "this method is not known here" };
}

static struct refusal check_version(const struct preflight_input *in)
{
    bool known = span_equal_text(in->version, "HTTP/1.1") || span_equal_text(in->version, "HTTP/1.0");
    return known ? fine : bad("only HTTP/1.1 and HTTP/1.0 are spoken here");
}

/* Decodes each escape once. What an escape must not be: a control byte, '/', '\' (they would make other segments than the proxy in
 * front saw), or '%' (somebody decodes twice). */
static bool decode_path(struct span raw, char *out, size_t *bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < raw.bytes; i++) {
        unsigned char c = (unsigned char)raw.at[i];
        if (c == '%') {
            int high = i + 2 < raw.bytes ? hex_value(raw.at[i + 1]) : -1, low = high >= 0 ? hex_value(raw.at[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (unsigned char)(high * 16 + low);
            if (c < 0x20 || c == 0x7f || c == '/' || c == '\\' || c == '%')
                return false;
            i += 2;
        }
        out[n++] = (char)c;
    }
    *bytes = n;
    return true;
}

/* "//", "/./", "/../" and the same at the end: two readers may fold them differently. */
static bool has_odd_segment(struct span path)
{
    for (size_t at = 0; at + 1 < path.bytes; at++) {
        if (path.at[at] != '/' || (path.at[at + 1] != '/' && path.at[at + 1] != '.'))
            continue;
        struct span rest = span_slice(path, at + 1, path.bytes), segment = span_slice(rest, 0, span_find(rest, '/'));
        if (span_empty(segment) || span_equal_text(segment, ".") || span_equal_text(segment, ".."))
            return true;
    }
    return false;
}

static struct refusal read_path(struct span raw, struct arena *arena, struct preflight *out)
{
    size_t bytes = 0;
    if (span_find(raw, '%') == raw.bytes) {
        out->path = raw;
    } else {
        char *decoded = arena_alloc(arena, raw.bytes);
        if (decoded == NULL)
            return (struct refusal){ 503, "memory is short" };
        if (!decode_path(raw, decoded, &bytes))
            return bad("the path has a malformed or forbidden escape");
        out->path = span_make(decoded, bytes);
    }
    if (out->path.at != raw.at && !span_is_utf8(out->path)) /* what needed no decoding is ASCII */
        return bad("the path is not UTF-8");
    return has_odd_segment(out->path) ? bad("the path has an empty or dot segment") : fine;
}

static struct refusal read_target(const struct preflight_input *in, struct arena *arena, struct preflight *out)
{
    size_t question = span_find(in->target, '?');
    out->path = span_slice(in->target, 0, question);
    out->query = span_slice(in->target, question + 1, in->target.bytes);
    if (in->target.bytes > PREFLIGHT_TARGET_BYTES)
        return bad("the request target is too long");
    if (span_empty(in->target) || in->target.at[0] != '/')
        return bad("the request target must start with /");
    if (!all_in(in->good_path ? out->query : in->target, IN_TARGET))
        return bad("the request target has a forbidden byte");
    return in->good_path ? fine : read_path(out->path, arena, out);
}

struct preflight preflight_run(const struct preflight_input *in, struct arena *arena)
{
    struct preflight out = { .method = HTTP_METHODS };
    struct refusal r = read_target(in, arena, &out);
    struct refusal method = check_method(in, &out);
    if (r.status == 0)
        r = check_version(in);
    if (r.status == 0)
        r = check_headers(in, &out);
    if (r.status == 0)
        r = method;
    out.status = r.status;
    out.detail = r.detail;
    return out;
}
