/* yardstick: what HTTP alone costs. A libmicrohttpd handler that reads a body and sends a fixed answer: the thing that postern's costs are divided by.
 * One daemon a thread on a shared port, as postern has. The answer is made once, so nothing is paid for but HTTP.
 * usage: yardstick PORT THREADS ANSWER_BYTES */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_BYTES = 64 * 1024, THREADS_MOST = 64 };

struct request {
    size_t bytes;
    char body[];
};

static enum MHD_Result answer(void *fixed, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *upload, size_t *upload_bytes, void **context)
{
    struct request *r = *context;
    (void)url, (void)version;
    if (r == NULL) {
        *context = r = malloc(sizeof *r + (strcmp(method, "POST") == 0 ? BODY_BYTES : 0));
        if (r != NULL)
            r->bytes = 0;
        return r != NULL ? MHD_YES : MHD_NO;
    }
    if (*upload_bytes > 0) {
        if (*upload_bytes > BODY_BYTES - r->bytes)
            return MHD_NO;
        memcpy(r->body + r->bytes, upload, *upload_bytes);
        r->bytes += *upload_bytes;
        *upload_bytes = 0;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, fixed);
}

static void done(void *fixed, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode how)
{
    (void)fixed, (void)connection, (void)how;
    free(*context);
    *context = NULL;
}

static struct MHD_Response *answer_of(size_t bytes)
{
    char *text = malloc(bytes + 1);
    if (text == NULL)
        return NULL;
    memset(text, ' ', bytes);
    if (bytes >= 2) {
        text[0] = '{';
        text[bytes - 1] = '}';
    }
    struct MHD_Response *fixed = MHD_create_response_from_buffer(bytes, text, MHD_RESPMEM_MUST_FREE);
    if (fixed != NULL)
        (void)MHD_add_response_header(fixed, "Content-Type", "application/json");
    return fixed;
}

int main(int argc, char **argv)
{
    struct MHD_Daemon *daemons[THREADS_MOST];
    int port = argc == 4 ? atoi(argv[1]) : 0, threads = argc == 4 ? atoi(argv[2]) : 0, signal_number;
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct MHD_Response *fixed = argc == 4 ? answer_of((size_t)atol(argv[3])) : NULL;
    sigset_t ends;
    if (fixed == NULL || threads < 1 || threads > THREADS_MOST) {
        fprintf(stderr, "usage: yardstick PORT THREADS ANSWER_BYTES\n");
        return 2;
    }
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    for (int i = 0; i < threads; i++) {
        daemons[i] = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, answer, fixed, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at,
                                      MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_NOTIFY_COMPLETED, done, fixed, MHD_OPTION_CONNECTION_LIMIT, 8192U, MHD_OPTION_CONNECTION_TIMEOUT, 75U,
                                      MHD_OPTION_END);
        if (daemons[i] == NULL) {
            fprintf(stderr, "yardstick: port %d cannot be opened\n", port);
            return 1;
        }
    }
    sigwait(&ends, &signal_number);
    for (int i = 0; i < threads; i++)
        MHD_stop_daemon(daemons[i]);
    MHD_destroy_response(fixed);
    return 0;
}
