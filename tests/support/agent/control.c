#include "control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096, ANSWER_MAX_BYTES = 256 * 1024 * 1024 };

struct control {
    struct loop *loop;
    struct loop_watch watch;
    char *path;
    void (*run)(void *, char *, bool, struct text *);
    void *context;
};

struct caller {
    struct control *control;
    struct loop_watch watch;
    struct text line;
};

static void write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t put = send(fd, bytes, size, MSG_NOSIGNAL);
        if (put <= 0)
            return;
        bytes += put;
        size -= (size_t)put;
    }
}

static void end_caller(struct caller *caller)
{
    loop_watch_remove(caller->control->loop, &caller->watch);
    close(caller->watch.fd);
    text_done(&caller->line);
    free(caller);
}

static void answer(struct caller *caller)
{
    char *line = trimmed(caller->line.data);
    size_t size = strlen(line);
    bool json = size >= 7 && strcmp(line + size - 7, " --json") == 0;
    if (json)
        line[size - 7] = '\0';
    struct text out;
    text_init(&out, ANSWER_MAX_BYTES);
    caller->control->run(caller->control->context, trimmed(line), json, &out);
    write_all(caller->watch.fd, text_str(&out), out.size);
    text_done(&out);
}

static void on_bytes(void *context, uint32_t events)
{
    (void)events;
    struct caller *caller = context;
    char part[1024];
    ssize_t got = recv(caller->watch.fd, part, sizeof part, MSG_DONTWAIT);
    if (got > 0 && text_add(&caller->line, part, (size_t)got) && memchr(part, '\n', (size_t)got) == NULL)
        return;
    if (caller->line.size > 0 && !caller->line.overflow)
        answer(caller);
    end_caller(caller);
}

static void on_caller(void *context, uint32_t events)
{
    (void)events;
    struct control *control = context;
    int fd = accept4(control->watch.fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    /* A caller that does not read its answer is dropped after two seconds. */
    struct timeval limit = { .tv_sec = 2 };
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    struct caller *caller = must_alloc(1, sizeof *caller);
    caller->control = control;
    caller->watch = (struct loop_watch){ .ready = on_bytes, .context = caller };
    text_init(&caller->line, LINE_MAX_BYTES);
    if (!loop_watch_add(control->loop, &caller->watch, fd, EPOLLIN)) {
        close(fd);
        free(caller);
    }
}

static bool make_address(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address->sun_path) {
        complain("the socket's path is too long: %s", path);
        return false;
    }
    strcpy(address->sun_path, path);
    return true;
}

struct control *control_open(struct loop *loop, const char *path,
                             void (*run)(void *context, char *line, bool json, struct text *out), void *context)
{
    struct sockaddr_un address;
    if (!make_address(path, &address))
        return NULL;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(path);
    mode_t before = umask(0177);
    bool fine = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 16) == 0;
    umask(before);
    struct control *control = must_alloc(1, sizeof *control);
    *control = (struct control){ .loop = loop, .path = must_copy(path), .run = run, .context = context };
    control->watch = (struct loop_watch){ .ready = on_caller, .context = control };
    if (fine && loop_watch_add(loop, &control->watch, fd, EPOLLIN))
        return control;
    complain("cannot listen on %s", path);
    if (fd >= 0)
        close(fd);
    free(control->path);
    free(control);
    return NULL;
}

void control_close(struct control *control)
{
    if (control == NULL)
        return;
    loop_watch_remove(control->loop, &control->watch);
    close(control->watch.fd);
    unlink(control->path);
    free(control->path);
    free(control);
}

int control_command(int argc, char **argv)
{
    struct sockaddr_un address;
    if (argc < 2) {
        complain("usage: postern-agent control SOCK list|stats|break DEVICE DEFECT|fix DEVICE DEFECT|fix-all [--json]");
        return 2;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!make_address(argv[0], &address) || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        complain("no fleet listens on %s", argv[0]);
        close(fd);
        return 2;
    }
    struct text line;
    text_init(&line, LINE_MAX_BYTES);
    for (int i = 1; i < argc; i++)
        text_addf(&line, "%s%s", i == 1 ? "" : " ", argv[i]);
    text_puts(&line, "\n");
    write_all(fd, text_str(&line), line.size);
    text_done(&line);
    char part[16384], first[6] = "";
    size_t total = 0;
    for (;;) {
        ssize_t got = read(fd, part, sizeof part);
        if (got <= 0)
            break;
        for (size_t i = 0; total + i < 5 && i < (size_t)got; i++)
            first[total + i] = part[i];
        total += (size_t)got;
        fwrite(part, 1, (size_t)got, stdout);
    }
    close(fd);
    return total == 0 || strcmp(first, "error") == 0 ? 1 : 0;
}
