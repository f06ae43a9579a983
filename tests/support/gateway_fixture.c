#include "tests/support/gateway_fixture.h"

#include "gateway/http/self_signed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000 };

/* ---- the gateway ---- */

static void set_listeners(struct gateway_fixture *f, const struct fixture_options *o, struct server_options servers[FIXTURE_LISTENERS])
{
    for (int i = 0; i < FIXTURE_LISTENERS; i++)
        servers[i] = (struct server_options){ .address = SPAN_LITERAL("127.0.0.1:0"), .kinds = LISTENER_PUBLIC | LISTENER_INTERNAL, .connections = 4000,
                                              .request_timeout_ms = o->request_timeout_ms, .slow_timeout_ms = o->slow_timeout_ms, .hosts = o->hosts, .host_count = o->host_count, .connections_per_address = o->connections_per_address };
    servers[FIXTURE_TLS].kinds = LISTENER_PUBLIC;
    servers[FIXTURE_TLS].certificate_pem = buf_span(&f->certificate);
    servers[FIXTURE_TLS].key_pem = buf_span(&f->key);
    servers[FIXTURE_SOCKET].kinds = LISTENER_SOCKET;
    servers[FIXTURE_SOCKET].address = span_of(f->socket_path);
}

static void make_folder(struct gateway_fixture *f)
{
    struct err err;
    strcpy(f->folder, "/tmp/postern-test-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->socket_path, sizeof f->socket_path, "%s/admin.sock", f->folder);
    buf_init(&f->certificate, 65536);
    buf_init(&f->key, 65536);
    assert_int_equal(self_signed_load(span_of(f->folder), SPAN_LITERAL("https://localhost"), clock_wall_s(clock_system()), &f->certificate, &f->key, &err), OK);
}

void fixture_start(struct gateway_fixture *f, const struct fixture_options *o)
{
    struct server_options servers[FIXTURE_LISTENERS];
    struct err err = { 0 };
    *f = (struct gateway_fixture){ 0 };
    make_folder(f);
    f->log = (struct log){ STDERR_FILENO, LOG_ERROR, clock_system() };
    f->table = (struct route_table){ o->rows, o->row_count };
    f->tables[0] = &f->table;
    f->router = (struct router){ f->tables, 1 };
    f->node = (struct node){ .router = &f->router, .clock = clock_system(), .log = &f->log, .metrics = metrics_new() };
    f->node.options.trusted_proxies = o->proxies;
    f->node.options.trusted_proxy_count = o->proxy_count;
    f->node.counters = metrics_counters(f->node.metrics);
    assert_int_equal(slow_lane_new(&f->node, o->slow_threads > 0 ? o->slow_threads : 4, o->slow_queue > 0 ? o->slow_queue : 64, NULL, &f->node.slow_lane, &err), OK);
    set_listeners(f, o, servers);
    if (worker_new(&f->node, 0, servers, FIXTURE_LISTENERS, &f->worker, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(worker_start(f->worker, &err), OK);
}

static void remove_folder(const struct gateway_fixture *f)
{
    static const char *const names[] = { "admin.sock", "self-signed.crt", "self-signed.key" };
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", f->folder, names[i]);
        unlink(path);
    }
    rmdir(f->folder);
}

void fixture_stop(struct gateway_fixture *f)
{
    worker_quiesce(f->worker);
    worker_stop(f->worker);
    slow_lane_stop(f->node.slow_lane);
    worker_free(f->worker);
    slow_lane_free(f->node.slow_lane);
    metrics_free(f->node.metrics);
    buf_done(&f->certificate);
    buf_done(&f->key);
    remove_folder(f);
}

uint64_t fixture_count(struct gateway_fixture *f, enum counter which)
{
    return worker_counters(f->worker)->value[which] + f->node.counters->value[which];
}

/* ---- the client ---- */

static int connect_plain(unsigned port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)(const void *)&at, sizeof at), 0);
    return fd;
}

static int connect_socket(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    strcpy(at.sun_path, path);
    assert_int_equal(connect(fd, (const struct sockaddr *)(const void *)&at, sizeof at), 0);
    return fd;
}

struct tls_client { gnutls_session_t session; gnutls_certificate_credentials_t credentials; };

/* Trusts the server's own certificate and checks the name, as osqueryd does. */
static void start_tls(struct fixture_client *c, const struct gateway_fixture *f)
{
    struct tls_client *tls = calloc(1, sizeof *tls);
    gnutls_datum_t ca = { (unsigned char *)f->certificate.at, (unsigned)f->certificate.bytes };
    assert_non_null(tls);
    assert_int_equal(gnutls_certificate_allocate_credentials(&tls->credentials), 0);
    assert_int_equal(gnutls_certificate_set_x509_trust_mem(tls->credentials, &ca, GNUTLS_X509_FMT_PEM), 1);
    assert_int_equal(gnutls_init(&tls->session, GNUTLS_CLIENT), 0);
    assert_int_equal(gnutls_set_default_priority(tls->session), 0);
    gnutls_credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE, tls->credentials);
    gnutls_session_set_verify_cert(tls->session, "localhost", 0);
    gnutls_transport_set_int(tls->session, c->fd);
    int code;
    do
        code = gnutls_handshake(tls->session);
    while (code < 0 && gnutls_error_is_fatal(code) == 0);
    if (code != 0)
        fail_msg("handshake: %s", gnutls_strerror(code));
    c->tls = tls;
}

void peer_open(struct fixture_client *c, struct gateway_fixture *f, enum fixture_listener which)
{
    *c = (struct fixture_client){ .fd = which == FIXTURE_SOCKET ? connect_socket(f->socket_path) : connect_plain(worker_port(f->worker, which)) };
    if (which == FIXTURE_TLS)
        start_tls(c, f);
}

void peer_close(struct fixture_client *c)
{
    struct tls_client *tls = c->tls;
    if (tls != NULL) {
        gnutls_deinit(tls->session);
        gnutls_certificate_free_credentials(tls->credentials);
        free(tls);
    }
    close(c->fd);
    *c = (struct fixture_client){ .fd = -1 };
}

bool peer_send(struct fixture_client *c, struct span bytes)
{
    while (bytes.bytes > 0) {
        ssize_t sent = c->tls != NULL ? gnutls_record_send(((struct tls_client *)c->tls)->session, bytes.at, bytes.bytes) : send(c->fd, bytes.at, bytes.bytes, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes = span_slice(bytes, (size_t)sent, bytes.bytes);
    }
    return true;
}

static ssize_t receive(struct fixture_client *c, char *at, size_t room)
{
    struct pollfd poll_fd = { c->fd, POLLIN, 0 };
    if (c->tls != NULL) {
        struct tls_client *tls = c->tls;
        if (gnutls_record_check_pending(tls->session) == 0 && poll(&poll_fd, 1, PATIENCE_MS) != 1)
            return -2;
        ssize_t got;
        do
            got = gnutls_record_recv(tls->session, at, room);
        while (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED);
        return got < 0 ? 0 : got;
    }
    if (poll(&poll_fd, 1, PATIENCE_MS) != 1)
        return -2;
    ssize_t got = recv(c->fd, at, room, 0);
    return got < 0 ? 0 : got;
}

size_t peer_read_some(struct fixture_client *c, char *at, size_t room)
{
    ssize_t got = receive(c, at, room);
    assert_true(got != -2);
    return (size_t)got;
}

bool peer_is_closed(struct fixture_client *c)
{
    char byte;
    return receive(c, &byte, 1) == 0;
}

const char *answer_header(const struct fixture_answer *a, const char *name, char value[512])
{
    size_t length = strlen(name);
    for (const char *line = strstr(a->head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;
        if (strncasecmp(at, name, length) == 0 && at[length] == ':') {
            at += length + 1;
            at += strspn(at, " ");
            snprintf(value, 512, "%.*s", (int)strcspn(at, "\r"), at);
            return value;
        }
    }
    return NULL;
}

/* Byte by byte: nothing of the next answer may be taken. */
static bool read_head(struct fixture_client *c, struct fixture_answer *out)
{
    size_t bytes = 0;
    while (bytes < sizeof out->head - 1 && receive(c, out->head + bytes, 1) == 1) {
        out->head[++bytes] = '\0';
        if (bytes >= 4 && strcmp(out->head + bytes - 4, "\r\n\r\n") == 0)
            return sscanf(out->head, "HTTP/1.1 %d", &out->status) == 1;
    }
    return false;
}

static bool read_exactly(struct fixture_client *c, char *at, size_t bytes)
{
    for (size_t have = 0; have < bytes;) {
        ssize_t got = receive(c, at + have, bytes - have);
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}

static bool read_chunks(struct fixture_client *c, struct fixture_answer *out)
{
    for (;;) {
        char line[32];
        size_t have = 0;
        do {
            if (have == sizeof line - 1 || !read_exactly(c, line + have, 1))
                return false;
            line[++have] = '\0';
        } while (line[have - 1] != '\n');
        size_t bytes = strtoul(line, NULL, 16);
        if (bytes > sizeof out->body - out->body_bytes - 3 || !read_exactly(c, out->body + out->body_bytes, bytes + 2))
            return false;
        out->body_bytes += bytes;
        if (bytes == 0)
            return true;
    }
}

void peer_read(struct fixture_client *c, bool head_only, struct fixture_answer *out)
{
    char value[512];
    *out = (struct fixture_answer){ 0 };
    bool whole = read_head(c, out);
    if (whole && !head_only && answer_header(out, "Transfer-Encoding", value) != NULL) {
        whole = read_chunks(c, out);
    } else if (whole && !head_only && answer_header(out, "Content-Length", value) != NULL) {
        out->body_bytes = strtoul(value, NULL, 10);
        whole = out->body_bytes < sizeof out->body && read_exactly(c, out->body, out->body_bytes);
    }
    out->body[whole ? out->body_bytes : 0] = '\0';
    if (!whole)
        out->status = 0;
}

void peer_ask(struct gateway_fixture *f, enum fixture_listener which, struct span bytes, struct fixture_answer *out)
{
    struct fixture_client c;
    peer_open(&c, f, which);
    (void)peer_send(&c, bytes);
    peer_read(&c, span_starts(bytes, SPAN_LITERAL("HEAD ")), out);
    peer_close(&c);
}
