/* What HTTP alone costs: a libmicrohttpd handler that reads the whole body and sends a fixed answer of a given size. One daemon a worker thread on a
 * shared port, driven by epoll, as the gateway's are.
 * usage: yardstick PORT WORKERS ANSWER_BYTES [certificate.pem key.pem] */
#include <microhttpd.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct MHD_Response *answer;
static int seen; /* its address marks a request whose head was seen */

static enum MHD_Result handle(void *context, struct MHD_Connection *c, const char *url, const char *method, const char *version, const char *upload, size_t *upload_bytes, void **con_cls)
{
    (void)context, (void)url, (void)method, (void)version, (void)upload;
    if (*con_cls == NULL) {
        *con_cls = &seen; /* an answer in the first call would close the connection */
        return MHD_YES;
    }
    if (*upload_bytes > 0) {
        *upload_bytes = 0;
        return MHD_YES;
    }
    return MHD_queue_response(c, 200, answer);
}

static char *file_text(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = calloc(1, 65536);
    if (f == NULL || text == NULL || fread(text, 1, 65535, f) == 0)
        exit(2);
    fclose(f);
    return text;
}

int main(int count, char **args)
{
    if (count != 4 && count != 6)
        return 2;
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(args[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    size_t bytes = (size_t)atoi(args[3]);
    char *body = malloc(bytes + 1);
    if (body == NULL)
        return 2;
    memset(body, 'x', bytes);
    answer = MHD_create_response_from_buffer(bytes, body, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(answer, "Content-Type", "application/json");
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < atoi(args[2]); i++) {
        unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | (count == 6 ? MHD_USE_TLS : 0);
        struct MHD_Daemon *d = count == 6
            ? MHD_start_daemon(flags, 0, NULL, NULL, handle, NULL, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_CONNECTION_LIMIT, 20000u,
                               MHD_OPTION_HTTPS_MEM_CERT, file_text(args[4]), MHD_OPTION_HTTPS_MEM_KEY, file_text(args[5]), MHD_OPTION_END)
            : MHD_start_daemon(flags, 0, NULL, NULL, handle, NULL, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_CONNECTION_LIMIT, 20000u, MHD_OPTION_END);
        if (d == NULL)
            return 1;
    }
    for (;;)
        pause();
}
