#include "wire.h"

#include "http_answer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

enum stage { STAGE_IDLE, STAGE_CONNECT, STAGE_HANDSHAKE, STAGE_WRITE, STAGE_READ };

struct exchange {
    struct loop *loop;
    struct wire_place *place; /* the one it started with: trust and source addresses */
    struct wire_place other;  /* where a redirection to another host led; its tls is borrowed */
    bool elsewhere;
    char *path, *key;
    struct text body, request;
    bool gzipped;
    enum stage stage;
    struct loop_watch watch;
    struct loop_timer timer; /* the end of the 16 s, or "at once" for a failure during start */
    SSL *ssl;
    size_t written;
    struct http_answer answer;
    int redirects;
    const char *failure; /* set when the timer only reports a failure */
    int64_t started_us;
    void (*finished)(void *, const struct wire_result *);
    void *context;
};

static const char user_agent[] = "osquery/5.23.1";

/* Splits host:port; a v6 address stands in brackets. */
static bool split_name(const char *name, char host[256], char port[8])
{
    const char *end = name[0] == '[' ? strchr(name, ']') : NULL;
    const char *colon = strchr(end == NULL ? name : end, ':');
    const char *begin = end == NULL ? name : name + 1;
    size_t size = end != NULL ? (size_t)(end - begin) : colon != NULL ? (size_t)(colon - name) : strlen(name);
    long long number = 443;
    if (size == 0 || size >= 256 || (colon != NULL && !parse_number(colon + 1, 1, 65535, &number)))
        return false;
    memcpy(host, begin, size);
    host[size] = '\0';
    snprintf(port, 8, "%lld", number);
    return true;
}

static SSL_CTX *make_tls(const struct wire_trust *trust)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    if (tls == NULL)
        return NULL;
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(tls, "ECDHE+AESGCM:ECDHE+AES:!aNULL");
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
    /* A self-signed server certificate placed in the file is accepted. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(tls), X509_V_FLAG_PARTIAL_CHAIN);
    bool fine = true;
    if (trust->server_certs != NULL && SSL_CTX_load_verify_locations(tls, trust->server_certs, NULL) != 1) {
        complain("cannot read certificates from %s", trust->server_certs);
        fine = false;
    }
    if (trust->client_cert != NULL && trust->client_key != NULL
        && (SSL_CTX_use_certificate_chain_file(tls, trust->client_cert) != 1
            || SSL_CTX_use_PrivateKey_file(tls, trust->client_key, SSL_FILETYPE_PEM) != 1)) {
        complain("cannot use the client certificate %s", trust->client_cert);
        fine = false;
    }
    if (!fine) {
        SSL_CTX_free(tls);
        return NULL;
    }
    return tls;
}

bool wire_place_init(struct wire_place *place, const char *name, const struct wire_trust *trust)
{
    *place = (struct wire_place){ 0 };
    if (!split_name(name, place->host, place->port)) {
        complain("not a host or host:port: %s", name);
        return false;
    }
    if (trust == NULL)
        return true;
    place->tls = make_tls(trust);
    return place->tls != NULL;
}

void wire_place_done(struct wire_place *place)
{
    SSL_CTX_free(place->tls);
    *place = (struct wire_place){ 0 };
}

static bool look_up(struct wire_place *place)
{
    int64_t now = mono_ms();
    if (place->address_size > 0 && now - place->looked_up_ms < 60000)
        return true;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    if (getaddrinfo(place->host, place->port, &hints, &found) != 0 || found == NULL)
        return false;
    memcpy(&place->address, found->ai_addr, found->ai_addrlen);
    place->address_size = found->ai_addrlen;
    place->looked_up_ms = now;
    freeaddrinfo(found);
    return true;
}

static struct wire_place *target(struct exchange *exchange)
{
    return exchange->elsewhere ? &exchange->other : exchange->place;
}

static void disconnect(struct exchange *exchange)
{
    if (exchange->stage == STAGE_IDLE)
        return;
    loop_watch_remove(exchange->loop, &exchange->watch);
    if (exchange->ssl != NULL) {
        if (SSL_is_init_finished(exchange->ssl))
            SSL_shutdown(exchange->ssl);
        SSL_free(exchange->ssl);
        exchange->ssl = NULL;
        ERR_clear_error();
    }
    close(exchange->watch.fd);
    exchange->stage = STAGE_IDLE;
}

void exchange_cancel(struct exchange *exchange)
{
    if (exchange == NULL)
        return;
    disconnect(exchange);
    loop_timer_stop(exchange->loop, &exchange->timer);
    http_answer_done(&exchange->answer);
    text_done(&exchange->body);
    text_done(&exchange->request);
    free(exchange->path);
    free(exchange->key);
    free(exchange);
}

static void report(struct exchange *exchange, const char *problem)
{
    disconnect(exchange);
    struct wire_result result = { .answered = problem == NULL, .problem = problem,
                                  .took_us = mono_us() - exchange->started_us };
    if (problem == NULL) {
        result.status = exchange->answer.status;
        result.body = text_str(&exchange->answer.body);
        result.body_size = exchange->answer.body.size;
    }
    exchange->finished(exchange->context, &result);
    exchange_cancel(exchange);
}

static void timer_due(void *context)
{
    struct exchange *exchange = context;
    report(exchange, exchange->failure == NULL ? "no whole answer within 16 s" : exchange->failure);
}

/* Reports a failure from the loop instead of from within exchange_start. */
static void fail_soon(struct exchange *exchange, const char *why)
{
    disconnect(exchange);
    exchange->failure = why;
    loop_timer_set(exchange->loop, &exchange->timer, mono_ms());
}

static void compose(struct exchange *exchange)
{
    const struct wire_place *place = target(exchange);
    text_clear(&exchange->request);
    bool six = strchr(place->host, ':') != NULL;
    text_addf(&exchange->request, "POST %s HTTP/1.1\r\nHost: %s%s%s", exchange->path, six ? "[" : "", place->host,
              six ? "]" : "");
    if (strcmp(place->port, "443") != 0)
        text_addf(&exchange->request, ":%s", place->port);
    text_addf(&exchange->request,
              "\r\nContent-Type: application/json\r\nAccept: application/json\r\nUser-Agent: %s\r\n"
              "Content-Length: %zu\r\n",
              user_agent, exchange->body.size);
    if (exchange->key != NULL)
        text_addf(&exchange->request, "Authorization: NodeKey %s\r\n", exchange->key);
    if (exchange->gzipped)
        text_puts(&exchange->request, "Content-Encoding: gzip\r\n");
    text_puts(&exchange->request, "\r\n");
    text_add(&exchange->request, exchange->body.data, exchange->body.size);
}

static bool prepare_tls(struct exchange *exchange, int fd)
{
    const struct wire_place *place = target(exchange);
    if (place->tls == NULL)
        return true;
    exchange->ssl = SSL_new(place->tls);
    if (exchange->ssl == NULL || SSL_set_fd(exchange->ssl, fd) != 1)
        return false;
    unsigned char binary[16];
    bool numeric = inet_pton(AF_INET, place->host, binary) == 1 || inet_pton(AF_INET6, place->host, binary) == 1;
    if (numeric)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(exchange->ssl), place->host) == 1;
    return SSL_set_tlsext_host_name(exchange->ssl, place->host) == 1 && SSL_set1_host(exchange->ssl, place->host) == 1;
}

static void choose_source(struct exchange *exchange, int fd, int family)
{
    struct wire_place *place = exchange->place;
    if (place->source_spread == 0 || family != AF_INET)
        return;
    unsigned turn = place->source_next++ % place->source_spread;
    struct sockaddr_in source = { .sin_family = AF_INET };
    source.sin_addr.s_addr = htonl(0x7f000101u + turn);
    int on = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&source, sizeof source) != 0)
        complain("cannot use a source address of 127.0.1.0/24: %s", strerror(errno));
}

static void on_ready(void *context, uint32_t events);

/* Opens the connection of this request (or of the next redirection). */
static void open_connection(struct exchange *exchange)
{
    struct wire_place *place = target(exchange);
    http_answer_done(&exchange->answer);
    http_answer_init(&exchange->answer);
    exchange->written = 0;
    compose(exchange);
    if (!look_up(place)) {
        fail_soon(exchange, "name not found");
        return;
    }
    int fd = socket(place->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        fail_soon(exchange, "no socket");
        return;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    choose_source(exchange, fd, place->address.ss_family);
    int rc = connect(fd, (struct sockaddr *)&place->address, place->address_size);
    exchange->watch = (struct loop_watch){ .ready = on_ready, .context = exchange };
    if ((rc != 0 && errno != EINPROGRESS) || !prepare_tls(exchange, fd)
        || !loop_watch_add(exchange->loop, &exchange->watch, fd, EPOLLOUT)) {
        SSL_free(exchange->ssl);
        exchange->ssl = NULL;
        close(fd);
        fail_soon(exchange, "cannot connect");
        return;
    }
    exchange->stage = STAGE_CONNECT;
}

/* Where a redirection leads: https://host[:port]/path, or /path on the same host. */
static bool follow(struct exchange *exchange)
{
    char *where = must_copy(exchange->answer.location);
    const char *scheme = target(exchange)->tls != NULL ? "https://" : "http://";
    char *path = where;
    bool fine = true;
    if (strncasecmp(where, scheme, strlen(scheme)) == 0) {
        char *name = where + strlen(scheme);
        path = name + strcspn(name, "/?");
        char *host = must_copy_n(name, (size_t)(path - name));
        struct wire_place other = { .tls = exchange->place->tls };
        fine = split_name(host, other.host, other.port);
        exchange->other = other;
        exchange->elsewhere = true;
        free(host);
    }
    if (fine && (path[0] == '/' || path[0] == '\0')) {
        free(exchange->path);
        exchange->path = must_copy(path[0] == '\0' ? "/" : path);
    } else {
        fine = false;
    }
    free(where);
    return fine;
}

static void answer_done(struct exchange *exchange)
{
    const struct http_answer *answer = &exchange->answer;
    if (answer->stage == ANSWER_BROKEN) {
        report(exchange, answer->problem);
        return;
    }
    int status = answer->status;
    bool redirects = (status >= 301 && status <= 305) || status == 307 || status == 308;
    if (!redirects) {
        report(exchange, NULL);
        return;
    }
    disconnect(exchange);
    if (answer->location[0] == '\0')
        report(exchange, "redirected without a Location");
    else if (++exchange->redirects > WIRE_REDIRECTS_MAX)
        report(exchange, "too many redirections");
    else if (!follow(exchange))
        report(exchange, "redirected to something that is not a place");
    else
        open_connection(exchange);
}

/* Waits for what TLS asks for; false when it failed for good. */
static bool wait_tls(struct exchange *exchange, int rc)
{
    int error = SSL_get_error(exchange->ssl, rc);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        return false;
    loop_watch_change(exchange->loop, &exchange->watch, error == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT);
    return true;
}

static void do_read(struct exchange *exchange)
{
    char part[16384];
    for (;;) {
        ssize_t got;
        bool clean = true, again = false;
        if (exchange->ssl != NULL) {
            int rc = SSL_read(exchange->ssl, part, sizeof part);
            int error = rc > 0 ? SSL_ERROR_NONE : SSL_get_error(exchange->ssl, rc);
            got = rc;
            clean = error == SSL_ERROR_ZERO_RETURN;
            again = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
        } else {
            got = recv(exchange->watch.fd, part, sizeof part, 0);
            again = got < 0 && (errno == EAGAIN || errno == EINTR);
            clean = got == 0;
        }
        if (again) {
            loop_watch_change(exchange->loop, &exchange->watch, EPOLLIN);
            return;
        }
        if (got > 0)
            http_answer_feed(&exchange->answer, part, (size_t)got);
        else
            http_answer_closed(&exchange->answer, clean);
        if (exchange->answer.stage >= ANSWER_WHOLE) {
            answer_done(exchange);
            return;
        }
    }
}

static void do_write(struct exchange *exchange)
{
    while (exchange->written < exchange->request.size) {
        const char *at = exchange->request.data + exchange->written;
        size_t left = exchange->request.size - exchange->written;
        if (exchange->ssl != NULL) {
            int rc = SSL_write(exchange->ssl, at, left > 65536 ? 65536 : (int)left);
            if (rc <= 0) {
                if (wait_tls(exchange, rc))
                    return;
                break; /* the peer may have answered already: read what it said */
            }
            exchange->written += (size_t)rc;
        } else {
            ssize_t put = send(exchange->watch.fd, at, left, MSG_NOSIGNAL);
            if (put < 0 && (errno == EAGAIN || errno == EINTR)) {
                loop_watch_change(exchange->loop, &exchange->watch, EPOLLOUT);
                return;
            }
            if (put < 0)
                break;
            exchange->written += (size_t)put;
        }
    }
    exchange->stage = STAGE_READ;
    do_read(exchange);
}

static void on_ready(void *context, uint32_t events)
{
    (void)events;
    struct exchange *exchange = context;
    ERR_clear_error();
    if (exchange->stage == STAGE_CONNECT) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(exchange->watch.fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) {
            report(exchange, error == ECONNREFUSED ? "connection refused" : "cannot connect");
            return;
        }
        exchange->stage = exchange->ssl != NULL ? STAGE_HANDSHAKE : STAGE_WRITE;
    }
    if (exchange->stage == STAGE_HANDSHAKE) {
        int rc = SSL_connect(exchange->ssl);
        if (rc != 1) {
            if (!wait_tls(exchange, rc))
                report(exchange, SSL_get_verify_result(exchange->ssl) != X509_V_OK
                                     ? "TLS: the server's certificate is not trusted"
                                     : "TLS: handshake failed");
            return;
        }
        exchange->stage = STAGE_WRITE;
    }
    if (exchange->stage == STAGE_WRITE)
        do_write(exchange);
    else
        do_read(exchange);
}

struct exchange *exchange_start(struct loop *loop, struct wire_place *place, const char *path, const char *key,
                                const void *body, size_t body_size, bool gzipped,
                                void (*finished)(void *context, const struct wire_result *result), void *context)
{
    struct exchange *exchange = must_alloc(1, sizeof *exchange);
    exchange->loop = loop;
    exchange->place = place;
    exchange->path = must_copy(path);
    exchange->key = key == NULL ? NULL : must_copy(key);
    text_init(&exchange->body, body_size);
    text_add(&exchange->body, body, body_size);
    text_init(&exchange->request, body_size + 65536);
    http_answer_init(&exchange->answer);
    exchange->gzipped = gzipped;
    exchange->finished = finished;
    exchange->context = context;
    exchange->started_us = mono_us();
    exchange->timer = (struct loop_timer){ .due = timer_due, .context = exchange };
    loop_timer_set(loop, &exchange->timer, mono_ms() + WIRE_TOTAL_MS);
    open_connection(exchange);
    return exchange;
}
