/* coherence: how long after one node's reply another node's first answer shows the change, and whether an answer ever goes back to the state before.
 * usage: coherence COMMIT_PORT READ_PORT KEY_FILE CHANGES LANES LOAD_PER_S SERIAL...     (all on 127.0.0.1; the first line of KEY_FILE is an API key)
 *
 * Each lane owns some of the devices: it pushes the fact "lamp" (0 or 1) to one node and, once that has answered, asks the other for the device's posture
 * until it says so, then once more. Beside the lanes one thread a node asks LOAD_PER_S postures a second, pipelined. Prints one line of JSON. Shares no code
 * with the server. Exit 1 when an answer went back or a request failed. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { LANES_MOST = 64, BUSY_PAUSE_NS = 100000000, BUSY_TRIES = 100, REQUEST_BYTES = 1024, ANSWER_BYTES = 16384, CALL_LIMIT_S = 60, LOAD_TICK_NS = 5000000, GIVE_UP_S = 30 };

static struct {
    int commit_port, read_port;
    char key[256];
    long changes, lanes, load_per_s;
    char **serials;
    int serial_count;
    atomic_long begun, backwards, busy, failed, loaded;
    atomic_bool over;
    double *took_us;
} run;

struct peer { int fd; char in[ANSWER_BYTES]; size_t used; };

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void give_up(const char *what)
{
    fprintf(stderr, "coherence: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void dial(struct peer *p, int port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval limit = { .tv_sec = CALL_LIMIT_S };
    int on = 1;
    p->used = 0;
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (p->fd < 0 || connect(p->fd, (struct sockaddr *)&to, sizeof to) != 0)
        give_up("connect");
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

static void put(struct peer *p, const char *text, size_t bytes)
{
    while (bytes > 0) {
        ssize_t sent = send(p->fd, text, bytes, MSG_NOSIGNAL);
        if (sent <= 0)
            give_up("send");
        text += sent;
        bytes -= (size_t)sent;
    }
}

/* One whole answer: its status; *body is valid until the next call. Our server always says Content-Length. */
static int take(struct peer *p, const char **body)
{
    static _Thread_local char answer[ANSWER_BYTES + 1];
    for (;;) {
        p->in[p->used < ANSWER_BYTES ? p->used : ANSWER_BYTES - 1] = '\0';
        char *end = strstr(p->in, "\r\n\r\n"), *length = end != NULL ? strcasestr(p->in, "\r\nContent-Length:") : NULL;
        size_t whole = length != NULL ? (size_t)(end + 4 - p->in) + strtoul(length + 17, NULL, 10) : 0;
        if (whole != 0 && p->used >= whole) {
            memcpy(answer, p->in, whole);
            answer[whole] = '\0';
            *body = answer + (end + 4 - p->in);
            memmove(p->in, p->in + whole, p->used - whole);
            p->used -= whole;
            return (int)strtol(answer + 9, NULL, 10);
        }
        ssize_t got = p->used < ANSWER_BYTES - 1 ? recv(p->fd, p->in + p->used, ANSWER_BYTES - 1 - p->used, 0) : 0;
        if (got <= 0)
            give_up("no whole answer");
        p->used += (size_t)got;
    }
}

static size_t write_question(char *text, const char *serial)
{
    return (size_t)snprintf(text, REQUEST_BYTES, "GET /v1/posture?serial=%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", serial, run.key);
}

enum { SAID_MOST = 5 };
/* Counted; what the server said the first times goes to the error output. */
static void refused(const char *what, const char *answer)
{
    if (atomic_fetch_add(&run.failed, 1) < SAID_MOST)
        fprintf(stderr, "coherence: %s: %.300s\n", what, answer);
}

static bool push(struct peer *p, const char *serial, int lamp)
{
    char body[REQUEST_BYTES / 2], text[REQUEST_BYTES];
    const char *answer;
    int bytes = snprintf(body, sizeof body, "{\"device\":{\"serial\":\"%s\"},\"facts\":[{\"name\":\"lamp\",\"value\":%d,\"lifetime\":\"1h\"}]}", serial, lamp);
    int all = snprintf(text, sizeof text, "POST /v1/facts HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", run.key,
                       bytes, body);
    for (int tries = 0; tries < BUSY_TRIES; tries++) {
        put(p, text, (size_t)all);
        int status = take(p, &answer);
        if (status == 200)
            return true;
        if (status != 503)
            break;
        atomic_fetch_add(&run.busy, 1); /* the store paused: a push may be sent again */
        nanosleep(&(struct timespec){ .tv_nsec = BUSY_PAUSE_NS }, NULL);
    }
    refused("a push was refused", answer);
    return false;
}

/* 1, 0, or -1: it says neither. */
static int ask(struct peer *p, const char *serial)
{
    char text[REQUEST_BYTES];
    const char *answer;
    put(p, text, write_question(text, serial));
    if (take(p, &answer) != 200)
        return -1;
    return strstr(answer, "\"result\":\"pass\"") != NULL ? 1 : strstr(answer, "\"result\":\"fail\"") != NULL ? 0 : -1;
}

static void change_once(struct peer *commits, struct peer *reads, const char *serial, int lamp, long number)
{
    if (!push(commits, serial, lamp))
        return;
    double from_us = now_us();
    while (ask(reads, serial) != lamp)
        if (now_us() - from_us > GIVE_UP_S * 1e6) {
            refused("a change was not shown", serial);
            return;
        }
    run.took_us[number] = now_us() - from_us;
    if (ask(reads, serial) != lamp)
        atomic_fetch_add(&run.backwards, 1);
}

static void *lane(void *context)
{
    struct peer *peers = calloc(2, sizeof *peers);
    int lamp = 1;
    long which = (long)(intptr_t)context;
    dial(&peers[0], run.commit_port);
    dial(&peers[1], run.read_port);
    while (!atomic_load(&run.over)) {
        for (long i = which; i < run.serial_count; i += run.lanes) {
            long number = atomic_fetch_add(&run.begun, 1);
            if (number >= run.changes) {
                atomic_store(&run.over, true);
                break;
            }
            change_once(&peers[0], &peers[1], run.serials[i], lamp, number);
        }
        lamp = !lamp;
    }
    close(peers[0].fd);
    close(peers[1].fd);
    free(peers);
    return NULL;
}

/* Keeps to its rate over time: what a tick could not do the next one does. */
static void *load(void *context)
{
    struct peer *p = calloc(1, sizeof *p);
    char text[REQUEST_BYTES];
    const char *answer;
    size_t bytes = write_question(text, run.serials[0]);
    double begun_us = now_us();
    long sent = 0;
    dial(p, (int)(intptr_t)context);
    while (!atomic_load(&run.over)) {
        long due = (long)((now_us() - begun_us) / 1e6 * (double)run.load_per_s) - sent;
        due = due > 8 ? 8 : due;
        for (long i = 0; i < due; i++)
            put(p, text, bytes);
        for (long i = 0; i < due; i++)
            if (take(p, &answer) == 200)
                atomic_fetch_add(&run.loaded, 1);
            else
                refused("a question was refused", answer);
        sent += due > 0 ? due : 0;
        if (due <= 0)
            nanosleep(&(struct timespec){ .tv_nsec = LOAD_TICK_NS / 10 }, NULL);
    }
    close(p->fd);
    free(p);
    return NULL;
}

static int by_time(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void report(double seconds)
{
    long count = 0, within = 0;
    for (long i = 0; i < run.changes; i++)
        if (run.took_us[i] > 0)
            run.took_us[count++] = run.took_us[i];
    qsort(run.took_us, (size_t)count, sizeof *run.took_us, by_time);
    for (long i = 0; i < count; i++)
        within += run.took_us[i] <= 5000;
    double *t = run.took_us;
    printf("{\"changes\": %ld, \"seconds\": %.1f, \"within_5ms\": %.5f, \"p50_us\": %.0f, \"p99_us\": %.0f, \"p999_us\": %.0f, \"max_us\": %.0f, \"backwards\": %ld, \"busy\": %ld, \"failed\": %ld, "
           "\"load_per_s\": %.0f}\n", count, seconds, count > 0 ? (double)within / (double)count : 0, count > 0 ? t[count / 2] : 0, count > 0 ? t[count * 99 / 100] : 0,
           count > 0 ? t[count * 999 / 1000] : 0, count > 0 ? t[count - 1] : 0, atomic_load(&run.backwards), atomic_load(&run.busy), atomic_load(&run.failed),
           (double)atomic_load(&run.loaded) / seconds);
}

static bool read_key(const char *path)
{
    FILE *f = fopen(path, "r");
    bool done = f != NULL && fgets(run.key, sizeof run.key, f) != NULL;
    if (f != NULL)
        fclose(f);
    run.key[strcspn(run.key, "\n")] = '\0';
    return done;
}

int main(int argc, char **argv)
{
    pthread_t lanes[LANES_MOST], loads[2];
    if (argc < 8 || !read_key(argv[3])) {
        fprintf(stderr, "usage: coherence COMMIT_PORT READ_PORT KEY_FILE CHANGES LANES LOAD_PER_S SERIAL...\n");
        return 2;
    }
    run.commit_port = atoi(argv[1]);
    run.read_port = atoi(argv[2]);
    run.changes = atol(argv[4]);
    run.lanes = atol(argv[5]);
    run.load_per_s = atol(argv[6]);
    run.serials = argv + 7;
    run.serial_count = argc - 7;
    if (run.changes < 1 || run.lanes < 1 || run.lanes > LANES_MOST || run.lanes > run.serial_count || (run.took_us = calloc((size_t)run.changes, sizeof *run.took_us)) == NULL) {
        fprintf(stderr, "coherence: at least one change, and at most %d lanes, each with a device\n", LANES_MOST);
        return 2;
    }
    double from_us = now_us();
    for (long i = 0; i < 2 && run.load_per_s > 0; i++)
        if (pthread_create(&loads[i], NULL, load, (void *)(intptr_t)(i == 0 ? run.commit_port : run.read_port)) != 0)
            give_up("a thread");
    for (long i = 0; i < run.lanes; i++)
        if (pthread_create(&lanes[i], NULL, lane, (void *)(intptr_t)i) != 0)
            give_up("a thread");
    for (long i = 0; i < run.lanes; i++)
        pthread_join(lanes[i], NULL);
    atomic_store(&run.over, true);
    for (long i = 0; i < 2 && run.load_per_s > 0; i++)
        pthread_join(loads[i], NULL);
    report((now_us() - from_us) / 1e6);
    free(run.took_us);
    return atomic_load(&run.backwards) != 0 || atomic_load(&run.failed) != 0;
}
