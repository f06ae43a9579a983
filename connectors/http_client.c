#include "connectors/http_client.h"

#include "connectors/http_client_parts.h"
#include "posture/base/secret.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STALL_BYTES_S = 1, STALL_S = 5, FIELD_BYTES = 8192, RETRY_AFTER_DIGITS = 9 };

enum err_code http_client_global_start(struct err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_INTERNAL, "libcurl does not start");
    return OK;
}

/* ---- addresses ---- */

static bool parse_cidr(struct span text, struct http_cidr *out)
{
    char address[INET6_ADDRSTRLEN];
    struct span part = SPAN_NONE, rest = text;
    uint64_t bits = 0;
    *out = (struct http_cidr){ .family = span_find(text, ':') < text.bytes ? AF_INET6 : AF_INET };
    unsigned most = out->family == AF_INET6 ? 128 : 32;
    if (!span_cut(&rest, '/', &part) || part.bytes == 0 || part.bytes >= sizeof address)
        return false;
    memcpy(address, part.at, part.bytes);
    address[part.bytes] = '\0';
    if (rest.at == NULL)
        bits = most;
    else if (!span_to_u64(rest, &bits) || bits > most)
        return false;
    out->bits = (unsigned)bits;
    return inet_pton(out->family, address, out->net) == 1;
}

static bool in_cidr(const struct http_cidr *cidr, int family, const uint8_t *address)
{
    unsigned whole = cidr->bits / 8, left = cidr->bits % 8;
    if (cidr->family != family || memcmp(cidr->net, address, whole) != 0)
        return false;
    return left == 0 || ((cidr->net[whole] ^ address[whole]) >> (8 - left)) == 0;
}

static bool is_listed(const struct http_client *c, const struct sockaddr *address)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    bool six = address->sa_family == AF_INET6;
    if (six)
        memcpy(&in6, address, sizeof in6);
    else
        memcpy(&in, address, sizeof in);
    const uint8_t *bytes = six ? in6.sin6_addr.s6_addr : (const uint8_t *)&in.sin_addr;
    for (size_t i = 0; i < c->allow_count; i++)
        if (in_cidr(&c->allow[i], address->sa_family, bytes))
            return true;
    return false;
}

/* Plain http carries tokens in the clear, so it stays on this machine whatever lists say. */
static bool may_reach(const struct http_client *c, const struct sockaddr *address)
{
    enum http_address kind = http_address_kind(address);
    if (address->sa_family != AF_INET && address->sa_family != AF_INET6)
        return false;
    if (c->plain)
        return kind == HTTP_ADDRESS_LOOPBACK && c->options.allow_loopback_http;
    if (kind == HTTP_ADDRESS_PUBLIC || is_listed(c, address))
        return true;
    if (kind == HTTP_ADDRESS_LOOPBACK)
        return c->options.allow_loopback_http;
    return kind == HTTP_ADDRESS_PRIVATE && c->options.allow_private;
}

/* libcurl hands over the resolved address before it connects. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_client *c = context;
    if (purpose != CURLSOCKTYPE_IPCXN || !may_reach(c, &address->addr)) {
        c->denied = true;
        return CURL_SOCKET_BAD;
    }
    curl_socket_t fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    unsigned most_ms = c->call == NULL ? 0 : (unsigned)c->call->timeout_ms; /* what was written and not taken by then is dropped by the kernel, closed or not (RFC 5482) */
    if (fd != CURL_SOCKET_BAD && most_ms > 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &most_ms, sizeof most_ms);
    return fd;
}

static bool parse_address(const char *text, struct sockaddr_storage *out)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        memcpy(out, &in, sizeof in);
    else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
        memcpy(out, &in6, sizeof in6);
    else
        return false;
    return true;
}

/* The second look, also at a connection that was kept open; and the last moment at which the caller may change its mind. */
static int before_request(void *context, char *primary_ip, char *local_ip, int primary_port, int local_port)
{
    struct http_client *c = context;
    struct sockaddr_storage address;
    (void)local_ip, (void)primary_port, (void)local_port;
    if (!parse_address(primary_ip, &address) || !may_reach(c, (const struct sockaddr *)&address))
        c->denied = true;
    else if (c->call != NULL && c->call->may_leave != NULL && !c->call->may_leave(c->call->may_leave_context))
        c->withheld = true;
    return c->denied || c->withheld ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* ---- answer ---- */

static size_t take_body(char *at, size_t each, size_t count, void *context)
{
    struct http_client *c = context;
    return buf_append(&c->reply->body, span_make(at, each * count)) ? each * count : 0;
}

/* Retry-After in seconds (RFC 9110 10.2.3); the date form is left alone, no receiver of ours sends it. */
static void take_retry_after(struct http_client *c, struct span value)
{
    uint64_t seconds = 0;
    if (value.bytes <= RETRY_AFTER_DIGITS && span_to_u64(value, &seconds))
        c->reply->retry_after_s = (int64_t)seconds;
}

static void take_wanted(const struct http_call *call, struct span name, struct span value)
{
    for (size_t i = 0; i < call->wanted_count; i++) {
        const struct http_wanted *wanted = &call->wanted[i];
        if (!span_equal_fold(name, span_of(wanted->name)))
            continue;
        if (wanted->value->bytes > 0)
            buf_append_text(wanted->value, ", ");
        buf_append(wanted->value, value);
    }
}

/* An interim answer (1xx) comes before the one that counts. */
static void forget_fields(struct http_client *c)
{
    c->reply->retry_after_s = -1;
    for (size_t i = 0; i < c->call->wanted_count; i++)
        buf_clear(c->call->wanted[i].value);
}

static size_t take_field(char *at, size_t each, size_t count, void *context)
{
    struct http_client *c = context;
    struct span line = span_make(at, each * count), name = SPAN_NONE;
    if (span_starts(line, SPAN_LITERAL("HTTP/"))) {
        forget_fields(c);
    } else if (span_cut(&line, ':', &name)) {
        take_wanted(c->call, name, span_trim(line));
        if (span_equal_fold(name, SPAN_LITERAL("retry-after")))
            take_retry_after(c, span_trim(line));
    }
    return each * count;
}

static int take_tick(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    const struct http_client *c = context;
    (void)down_total, (void)down, (void)up_total, (void)up;
    return c->options.tick == NULL || c->options.tick(c->options.tick_context) ? 0 : 1;
}

/* ---- client ---- */

void http_client_set_common(struct http_client *c)
{
    CURL *e = c->easy;
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, c->options.allow_loopback_http ? "http,https" : "https");
    curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (c->ca_file[0] != '\0') {
        curl_easy_setopt(e, CURLOPT_CAINFO, c->ca_file);
        curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    }
    curl_easy_setopt(e, CURLOPT_UNRESTRICTED_AUTH, 0L);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES_S);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->error);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "postern");
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, c);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, before_request);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, c);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_field);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, take_tick);
    curl_easy_setopt(e, CURLOPT_XFERINFODATA, c);
}

static enum err_code copy_options(struct http_client *c, const struct http_client_options *options, struct err *err)
{
    c->options = *options;
    if (options->allow_count > HTTP_CLIENT_MAX_ALLOW)
        return err_set(err, ERR_LIMIT, "more than %d allowed networks", HTTP_CLIENT_MAX_ALLOW);
    for (size_t i = 0; i < options->allow_count; i++)
        if (!parse_cidr(options->allow[i], &c->allow[i]))
            return err_set(err, ERR_INPUT, "%.*s is not an address or network", SPAN_ARGS(options->allow[i]));
    c->allow_count = options->allow_count;
    if (options->ca_file.bytes >= sizeof c->ca_file)
        return err_set(err, ERR_LIMIT, "the path of the trusted certificates is longer than %zu bytes", sizeof c->ca_file - 1);
    if (options->ca_file.bytes > 0)
        memcpy(c->ca_file, options->ca_file.at, options->ca_file.bytes);
    c->options.allow = NULL;
    c->options.ca_file = SPAN_NONE;
    return OK;
}

enum err_code http_client_new(const struct http_client_options *options, struct http_client **out, struct err *err)
{
    struct http_client *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_set(err, ERR_MEMORY, "an HTTP client");
    enum err_code code = copy_options(c, options, err);
    if (code == OK && (c->easy = curl_easy_init()) == NULL)
        code = err_set(err, ERR_MEMORY, "an HTTP client");
    if (code != OK) {
        http_client_free(c);
        return code;
    }
    *out = c;
    return OK;
}

void http_client_free(struct http_client *c)
{
    if (c == NULL)
        return;
    curl_easy_cleanup(c->easy);
    free(c);
}

/* ---- one call ---- */

/* Header lists carry tokens: overwritten before they are freed. */
static void free_fields(struct curl_slist **list)
{
    for (struct curl_slist *at = *list; at != NULL; at = at->next)
        secret_wipe(at->data, strlen(at->data));
    curl_slist_free_all(*list);
    *list = NULL;
}

static bool is_field_text(struct span value)
{
    for (size_t i = 0; i < value.bytes; i++)
        if ((unsigned char)value.at[i] < 0x20 || value.at[i] == 0x7f)
            return false;
    return value.bytes < FIELD_BYTES;
}

static enum err_code add_field(struct curl_slist **list, const struct http_field *field, struct err *err)
{
    char line[FIELD_BYTES + 128];
    if (!is_field_text(field->value) || strlen(field->name) > 64)
        return err_set(err, ERR_INPUT, "the value of header %s cannot be sent", field->name);
    snprintf(line, sizeof line, "%s: %.*s", field->name, SPAN_ARGS(field->value));
    struct curl_slist *longer = curl_slist_append(*list, line);
    secret_wipe(line, sizeof line);
    if (longer == NULL)
        return err_set(err, ERR_MEMORY, "a request's headers");
    *list = longer;
    return OK;
}

/* libcurl would call a body of ours a form. */
static bool needs_no_type(const struct http_call *call)
{
    for (size_t i = 0; i < call->field_count; i++)
        if (strcmp(call->fields[i].name, "Content-Type") == 0)
            return false;
    return true;
}

static enum err_code make_fields(const struct http_call *call, struct curl_slist **list, struct err *err)
{
    static const struct http_field no_expect = { "Expect", { "", 0 } }, no_type = { "Content-Type", { "", 0 } };
    enum err_code code = call->field_count > HTTP_CLIENT_MAX_FIELDS ? err_set(err, ERR_LIMIT, "more than %d headers", HTTP_CLIENT_MAX_FIELDS) : OK;
    for (size_t i = 0; code == OK && i < call->field_count; i++)
        code = add_field(list, &call->fields[i], err);
    if (code == OK && needs_no_type(call))
        code = add_field(list, &no_type, err);
    return code == OK ? add_field(list, &no_expect, err) : code; /* libcurl would wait a second for 100 Continue */
}

static void set_body(CURL *e, const struct http_call *call)
{
    curl_easy_setopt(e, CURLOPT_POST, 1L);
    curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.bytes);
    curl_easy_setopt(e, CURLOPT_POSTFIELDS, call->body.bytes > 0 ? call->body.at : "");
}

static void set_call(struct http_client *c, const struct http_call *call, const char *url, struct curl_slist *fields)
{
    CURL *e = c->easy;
    curl_easy_reset(e); /* options only: open connections stay */
    http_client_set_common(c);
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(call->timeout_ms < HTTP_CLIENT_CONNECT_MS ? call->timeout_ms : HTTP_CLIENT_CONNECT_MS));
    curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)call->most_bytes);
    curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, call->reuse ? 0L : 1L);
    curl_easy_setopt(e, CURLOPT_FORBID_REUSE, call->reuse ? 0L : 1L);
    if (strcmp(call->method, "GET") == 0)
        return;
    if (strcmp(call->method, "DELETE") != 0 || call->body.bytes > 0)
        set_body(e, call);
    if (strcmp(call->method, "POST") != 0)
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, call->method);
}


const char *http_client_words(const struct http_client *c, CURLcode result) { return c->error[0] != '\0' ? c->error : curl_easy_strerror(result); }

/* What a failure means for the caller: was anything sent? libcurl's words follow; they hold no header. */
static enum err_code explain(struct http_client *c, CURLcode result, struct err *err)
{
    long sent_bytes = 0;
    const char *words = http_client_words(c, result);
    curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &sent_bytes);
    if (c->denied && sent_bytes == 0)
        return err_set(err, ERR_DENIED, "the address of the receiver is not allowed");
    if (c->withheld)
        return err_set(err, ERR_UNAVAILABLE, "the request was held back: it was too late for it");
    if (result == CURLE_FILESIZE_EXCEEDED || (result == CURLE_WRITE_ERROR && c->reply->body.failed))
        return err_set(err, ERR_LIMIT, "the answer is longer than %zu bytes", c->reply->body.limit_bytes);
    if (result == CURLE_OUT_OF_MEMORY)
        return err_set(err, sent_bytes > 0 ? ERR_AMBIGUOUS : ERR_MEMORY, "calling a receiver: memory is short");
    if (sent_bytes > 0 || result == CURLE_SEND_ERROR)
        return err_set(err, ERR_AMBIGUOUS, "the request left, no complete answer came: %s", words);
    return err_set(err, ERR_UNAVAILABLE, "the receiver is out of reach: %s", words);
}

enum err_code http_client_call(struct http_client *c, const struct http_call *call, struct http_reply *reply, struct err *err)
{
    char url[HTTP_CLIENT_URL_BYTES];
    CLEANUP(free_fields) struct curl_slist *fields = NULL;
    struct http_reply got = { .retry_after_s = -1 };
    enum err_code code = http_client_read_url(call->url, c->options.allow_loopback_http, url, &c->plain, err);
    if (code == OK)
        code = make_fields(call, &fields, err);
    if (code != OK)
        return code;
    buf_init(&got.body, call->most_bytes);
    c->reply = &got;
    c->call = call;
    c->denied = c->withheld = false;
    c->error[0] = '\0';
    set_call(c, call, url, fields);
    CURLcode result = curl_easy_perform(c->easy);
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &got.status);
    if (result != CURLE_OK)
        code = explain(c, result, err);
    curl_easy_reset(c->easy); /* forgets pointers into this frame */
    c->reply = NULL;
    c->call = NULL;
    if (code != OK) {
        http_reply_done(&got);
        return code;
    }
    *reply = got;
    return OK;
}

void http_reply_done(struct http_reply *reply)
{
    if (reply != NULL)
        buf_done(&reply->body);
}
