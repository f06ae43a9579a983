/* load: asks the same request again and again and tells how long the answers took. As fast as they come, or at a steady rate: then an answer's time counts
 * from the moment at which its question was due, so that a server that stalls cannot hide it by being asked less.
 * usage: load [--connections N] [--seconds S] [--count N] [--rate PER_SECOND] [--new] [--tls] PORT REQUEST_FILE
 *   --new: a connection of its own for each request    --tls: and a handshake    --count: ends after so many answers
 * Prints one line of JSON. An answer that is not 200, or a connection that ends early, is an error. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES = 16 * 1024, EVENTS = 256, SLOTS_US = 1000000 /* longer answers count as one second */, AGAIN_MS = 20 };

struct connection {
    int fd;
    enum { CLOSED, CONNECTING, SHAKING, SENDING, READING, IDLE } state;
    SSL *tls;
    size_t sent, got, body_left;
    bool in_body;
    int64_t due_us;
    struct connection *next_idle;
    char head[HEAD_BYTES];
};
struct load {
    int epoll_fd, port;
    SSL_CTX *tls;
    bool new_each;
    char *request;
    size_t request_bytes;
    double per_second;
    int64_t start_us, end_us;
    uint64_t asked, answered, errors, most; /* most: 0: as many as there is time for */
    struct connection *idle;
    uint32_t *slots;
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void put_idle(struct load *l, struct connection *c)
{
    c->state = c->fd >= 0 ? IDLE : CLOSED;
    c->next_idle = l->idle;
    l->idle = c;
}

static void hang_up(struct connection *c)
{
    if (c->tls != NULL)
        SSL_free(c->tls);
    if (c->fd >= 0)
        close(c->fd);
    c->tls = NULL;
    c->fd = -1;
}

static void broke(struct load *l, struct connection *c)
{
    l->errors++;
    hang_up(c);
    put_idle(l, c);
}

static void answered(struct load *l, struct connection *c)
{
    int64_t took_us = now_us() - c->due_us;
    l->slots[took_us < 0 ? 0 : took_us >= SLOTS_US ? SLOTS_US - 1 : took_us]++;
    l->answered++;
    if (l->new_each)
        hang_up(c);
    put_idle(l, c);
}

static void call(struct load *l, struct connection *c)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)l->port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data = { .ptr = c } };
    struct linger none = { 1, 0 }; /* no port waits for minutes after a connection of ours */
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        fail("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (l->new_each)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    if (connect(c->fd, (struct sockaddr *)&at, sizeof at) != 0 && errno != EINPROGRESS)
        fail("connect");
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) != 0)
        fail("epoll_ctl");
    if (l->tls != NULL) {
        c->tls = SSL_new(l->tls);
        SSL_set_fd(c->tls, c->fd);
        SSL_set_connect_state(c->tls);
    }
    c->state = CONNECTING;
}

static ssize_t read_some(struct connection *c, char *to, size_t room)
{
    if (c->tls == NULL)
        return recv(c->fd, to, room, 0);
    int n = SSL_read(c->tls, to, (int)room);
    if (n <= 0 && SSL_get_error(c->tls, n) == SSL_ERROR_WANT_READ)
        errno = EAGAIN;
    else if (n <= 0)
        errno = EPROTO;
    return n > 0 ? n : -1;
}

/* The head is there: how long is the body? False: not an answer to go on with. */
static bool read_head(struct connection *c, size_t head_bytes)
{
    const char *length = NULL;
    if (strncmp(c->head, "HTTP/1.1 200", 12) != 0)
        return false;
    for (const char *line = strstr(c->head, "\r\n"); line != NULL && line < c->head + head_bytes; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, "Content-Length:", 15) == 0)
            length = line + 17;
    size_t body = length != NULL ? strtoul(length, NULL, 10) : 0, have = c->got - head_bytes;
    if (have > body)
        return false;
    c->in_body = true;
    c->body_left = body - have;
    return true;
}

static void read_answer(struct load *l, struct connection *c)
{
    static char thrown_away[256 * 1024];
    for (;;) {
        ssize_t n = c->in_body ? read_some(c, thrown_away, sizeof thrown_away < c->body_left ? sizeof thrown_away : c->body_left) : read_some(c, c->head + c->got, HEAD_BYTES - 1 - c->got);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            broke(l, c);
            return;
        }
        if (c->in_body) {
            c->body_left -= (size_t)n;
        } else {
            c->got += (size_t)n;
            c->head[c->got] = '\0';
            const char *end = strstr(c->head, "\r\n\r\n");
            if (end == NULL && c->got < HEAD_BYTES - 1)
                continue;
            if (end == NULL || !read_head(c, (size_t)(end - c->head) + 4)) {
                if (l->errors < 3)
                    fprintf(stderr, "load: %.60s\n", c->head);
                broke(l, c);
                return;
            }
        }
        if (c->in_body && c->body_left == 0) {
            answered(l, c);
            return;
        }
    }
}

static void send_request(struct load *l, struct connection *c)
{
    c->state = SENDING;
    while (c->sent < l->request_bytes) {
        ssize_t n = c->tls != NULL ? SSL_write(c->tls, l->request + c->sent, (int)(l->request_bytes - c->sent)) : send(c->fd, l->request + c->sent, l->request_bytes - c->sent, MSG_NOSIGNAL);
        if (n < 0 && (c->tls != NULL ? SSL_get_error(c->tls, (int)n) == SSL_ERROR_WANT_WRITE : errno == EAGAIN || errno == ENOTCONN))
            return;
        if (n <= 0) {
            broke(l, c);
            return;
        }
        c->sent += (size_t)n;
    }
    c->state = READING;
}

static void go_on(struct load *l, struct connection *c, uint32_t events)
{
    if (c->state == CLOSED || c->state == IDLE) {
        if (c->state == IDLE && (events & (EPOLLHUP | EPOLLERR | EPOLLIN)) != 0)
            hang_up(c), c->state = CLOSED; /* the server ended an idle one: the next request makes a new one */
        return;
    }
    if (c->state == CONNECTING) {
        if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
            broke(l, c);
            return;
        }
        if ((events & EPOLLOUT) == 0)
            return;
        c->state = c->tls != NULL ? SHAKING : SENDING;
    }
    if (c->state == SHAKING) {
        int done = SSL_do_handshake(c->tls), why = SSL_get_error(c->tls, done);
        if (done != 1) {
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
                broke(l, c);
            return;
        }
        c->state = SENDING;
    }
    if (c->state == SENDING)
        send_request(l, c);
    if (c->state == READING)
        read_answer(l, c);
}

static void ask(struct load *l, int64_t due_us)
{
    struct connection *c = l->idle;
    l->idle = c->next_idle;
    c->sent = c->got = c->body_left = 0;
    c->in_body = false;
    c->due_us = due_us;
    l->asked++;
    if (c->fd < 0)
        call(l, c);
    else
        send_request(l, c);
}

/* What is due by now, as far as there are idle connections; how long to wait for the next, in ms. */
static int ask_what_is_due(struct load *l, int64_t at_us)
{
    if (at_us >= l->end_us)
        return 1;
    if (l->per_second <= 0) {
        while (l->idle != NULL && (l->most == 0 || l->asked < l->most))
            ask(l, at_us);
        return AGAIN_MS;
    }
    for (;;) {
        int64_t due_us = l->start_us + (int64_t)((double)l->asked * 1e6 / l->per_second);
        if (due_us > at_us || l->idle == NULL)
            return due_us - at_us > 1500 ? 1 : 0;
        ask(l, due_us);
    }
}

static void run(struct load *l)
{
    struct epoll_event events[EVENTS];
    int64_t at_us;
    l->start_us = now_us();
    l->end_us += l->start_us;
    while (((at_us = now_us()) < l->end_us && (l->most == 0 || l->answered + l->errors < l->most)) || (l->answered + l->errors < l->asked && at_us < l->end_us + 2000000)) {
        int count = epoll_wait(l->epoll_fd, events, EVENTS, ask_what_is_due(l, at_us));
        for (int i = 0; i < count; i++)
            go_on(l, events[i].data.ptr, events[i].events);
    }
}

static int percentile(const struct load *l, double share)
{
    uint64_t wanted = (uint64_t)((double)l->answered * share), seen = 0;
    for (int us = 0; us < SLOTS_US; us++)
        if ((seen += l->slots[us]) > wanted)
            return us;
    return SLOTS_US;
}

static void read_request(struct load *l, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail(path);
    fseek(file, 0, SEEK_END);
    l->request_bytes = (size_t)ftell(file);
    rewind(file);
    l->request = malloc(l->request_bytes + 1);
    if (l->request == NULL || fread(l->request, 1, l->request_bytes, file) != l->request_bytes)
        fail(path);
    fclose(file);
}

int main(int argc, char **argv)
{
    struct load l = { .epoll_fd = epoll_create1(0) };
    size_t connections = 16;
    bool tls = false;
    struct rlimit files;
    int at = 1;
    l.end_us = 2000000;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--new") == 0)
            l.new_each = true;
        else if (strcmp(argv[at], "--tls") == 0)
            tls = true;
        else if (at + 1 < argc && strcmp(argv[at], "--connections") == 0)
            connections = strtoul(argv[++at], NULL, 10);
        else if (at + 1 < argc && strcmp(argv[at], "--seconds") == 0)
            l.end_us = (int64_t)(atof(argv[++at]) * 1e6);
        else if (at + 1 < argc && strcmp(argv[at], "--rate") == 0)
            l.per_second = atof(argv[++at]);
        else if (at + 1 < argc && strcmp(argv[at], "--count") == 0)
            l.most = strtoull(argv[++at], NULL, 10);
    }
    if (argc - at != 2 || connections == 0) {
        fprintf(stderr, "usage: load [--connections N] [--seconds S] [--count N] [--rate PER_SECOND] [--new] [--tls] PORT REQUEST_FILE\n");
        return 2;
    }
    l.port = atoi(argv[at]);
    read_request(&l, argv[at + 1]);
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    l.slots = calloc(SLOTS_US, sizeof *l.slots);
    struct connection *all = calloc(connections, sizeof *all);
    l.tls = tls ? SSL_CTX_new(TLS_client_method()) : NULL;
    if (l.slots == NULL || all == NULL || (tls && l.tls == NULL))
        fail("memory");
    if (tls)
        SSL_CTX_set_session_cache_mode(l.tls, SSL_SESS_CACHE_OFF);
    for (size_t i = 0; i < connections; i++) {
        all[i].fd = -1;
        put_idle(&l, &all[i]);
    }
    run(&l);
    double seconds = (double)(now_us() - l.start_us) / 1e6;
    printf("{\"requests\":%llu,\"errors\":%llu,\"seconds\":%.3f,\"p50_us\":%d,\"p99_us\":%d,\"p999_us\":%d}\n", (unsigned long long)l.answered, (unsigned long long)(l.errors + (l.asked - l.answered - l.errors)),
           seconds, percentile(&l, 0.5), percentile(&l, 0.99), percentile(&l, 0.999));
    for (size_t i = 0; i < connections; i++)
        hang_up(&all[i]);
    return 0;
}
