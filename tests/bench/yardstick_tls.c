/* yardstick_tls: what a TLS handshake alone costs with the library that postern's listeners use. A GnuTLS server on one thread: handshake, read a request up to the
 * empty line, send a fixed answer, end.
 * usage: yardstick_tls PORT CERTIFICATE_PEM KEY_PEM ANSWER_BYTES */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 64, HEAD_BYTES = 8192 };
/* postern's */
#define PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA:-CIPHER-ALL:+AES-128-GCM:+CHACHA20-POLY1305:+AES-256-GCM:" \
                   "-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1:%SERVER_PRECEDENCE"

struct caller {
    int fd;
    gnutls_session_t session;
    int shaken;
    size_t got;
    char head[HEAD_BYTES + 1];
};

static void end(struct caller *c)
{
    gnutls_deinit(c->session);
    close(c->fd);
    free(c);
}

static void take(int listener, int epoll_fd, gnutls_certificate_credentials_t credentials, gnutls_priority_t priorities)
{
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct caller *c = calloc(1, sizeof *c);
        struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data = { .ptr = c } };
        if (c == NULL)
            exit(1);
        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        gnutls_init(&c->session, GNUTLS_SERVER | GNUTLS_NONBLOCK);
        gnutls_priority_set(c->session, priorities);
        gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, credentials);
        gnutls_transport_set_int(c->session, fd);
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static void serve(struct caller *c, const char *answer, size_t bytes)
{
    if (!c->shaken) {
        int done = gnutls_handshake(c->session);
        if (done == GNUTLS_E_AGAIN || done == GNUTLS_E_INTERRUPTED)
            return;
        if (done < 0) {
            end(c);
            return;
        }
        c->shaken = 1;
    }
    for (;;) {
        ssize_t n = gnutls_record_recv(c->session, c->head + c->got, HEAD_BYTES - c->got);
        if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
            return;
        if (n <= 0) {
            end(c);
            return;
        }
        c->got += (size_t)n;
        c->head[c->got] = '\0';
        if (strstr(c->head, "\r\n\r\n") != NULL || c->got == HEAD_BYTES)
            break;
    }
    (void)!gnutls_record_send(c->session, answer, bytes);
    c->got = 0; /* the caller hangs up */
}

static char *answer_of(size_t body, size_t *bytes)
{
    char *text = calloc(1, body + 256);
    if (text == NULL)
        exit(1);
    int head = sprintf(text, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", body);
    memset(text + head, ' ', body);
    *bytes = (size_t)head + body;
    return text;
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priorities;
    struct epoll_event events[EVENTS], event = { .events = EPOLLIN };
    size_t bytes;
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), epoll_fd = epoll_create1(0);
    if (argc != 5) {
        fprintf(stderr, "usage: yardstick_tls PORT CERTIFICATE_PEM KEY_PEM ANSWER_BYTES\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    char *answer = answer_of(strtoul(argv[4], NULL, 10), &bytes);
    gnutls_certificate_allocate_credentials(&credentials);
    if (gnutls_certificate_set_x509_key_file(credentials, argv[2], argv[3], GNUTLS_X509_FMT_PEM) < 0 || gnutls_priority_init(&priorities, PRIORITIES, NULL) != 0) {
        fprintf(stderr, "yardstick_tls: the certificate or its key cannot be used\n");
        return 1;
    }
    at.sin_port = htons((unsigned short)atoi(argv[1]));
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, SOMAXCONN) != 0) {
        perror("yardstick_tls");
        return 1;
    }
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                take(listener, epoll_fd, credentials, priorities);
            else
                serve(events[i].data.ptr, answer, bytes);
        }
    }
}
