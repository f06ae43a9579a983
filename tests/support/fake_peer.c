#include "tests/support/fake_peer.h"

#include "connectors/http_client.h"

#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MOST = 16, ANSWER_BYTES = 4 * 1024 * 1024, CALL_MS = 60000, SEEN_BYTES = 1024 * 1024 };
extern char **environ;

static void must(bool well, const char *what)
{
    if (well)
        return;
    fprintf(stderr, "fake_peer: %s did not work\n", what);
    abort();
}

static int read_port(int fd)
{
    char line[64];
    size_t used = 0;
    while (used + 1 < sizeof line && read(fd, &line[used], 1) == 1 && line[used] != '\n')
        used++;
    line[used] = '\0';
    int port = 0;
    must(sscanf(line, "listening %d", &port) == 1, "starting a fake");
    return port;
}

void fake_peer_start(struct fake_peer *p, const char *script, ...)
{
    char path[512];
    char *arguments[ARGUMENTS_MOST] = { "python3", path };
    int pipes[2], count = 2;
    va_list more;
    posix_spawn_file_actions_t actions;
    snprintf(path, sizeof path, "%s/tests/support/%s", SOURCE_DIR, script);
    va_start(more, script);
    while (count + 1 < ARGUMENTS_MOST && (arguments[count] = va_arg(more, char *)) != NULL)
        count++;
    va_end(more);
    must(pipe(pipes) == 0, "pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, pipes[0]);
    must(posix_spawnp(&p->pid, "python3", &actions, NULL, arguments, environ) == 0, "posix_spawn");
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    p->port = read_port(pipes[0]);
    close(pipes[0]);
    snprintf(p->base, sizeof p->base, "http://127.0.0.1:%d", p->port);
}

void fake_peer_stop(struct fake_peer *p)
{
    if (p->pid <= 0)
        return;
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    p->pid = 0;
}

static void call_peer(const struct fake_peer *p, const char *method, const char *path, struct span body, struct http_reply *reply)
{
    struct http_client *client = NULL;
    struct err err = { 0 };
    char url[256];
    const struct http_client_options options = { .allow_loopback_http = true };
    snprintf(url, sizeof url, "%s%s", p->base, path);
    must(http_client_new(&options, &client, &err) == OK, "http_client_new");
    const struct http_call call = { .method = method, .url = span_of(url), .body = body, .timeout_ms = CALL_MS, .most_bytes = ANSWER_BYTES };
    enum err_code code = http_client_call(client, &call, reply, &err);
    if (code != OK)
        fprintf(stderr, "%s: %s\n", url, err.text);
    must(code == OK && reply->status == 200, "steering a fake");
    http_client_free(client);
}

void fake_peer_post(const struct fake_peer *p, const char *path, const char *json)
{
    struct http_reply reply;
    call_peer(p, "POST", path, span_of(json), &reply);
    http_reply_done(&reply);
}

struct from_json *fake_peer_get(const struct fake_peer *p, const char *path)
{
    struct http_reply reply;
    struct from_json *doc = NULL;
    struct err err;
    call_peer(p, "GET", path, SPAN_NONE, &reply);
    must(from_json_parse(buf_span(&reply.body), (struct from_json_limits){ ANSWER_BYTES, 32 }, path, &doc, &err) == OK, "reading a fake's answer");
    http_reply_done(&reply);
    return doc;
}

size_t fake_peer_count(const struct fake_peer *p, const char *path, const char *member)
{
    struct from_json *doc = fake_peer_get(p, path);
    struct from_json_value root = from_json_root(doc), list = member == NULL ? root : from_json_member(&root, member);
    size_t count = from_json_count(&list);
    from_json_free(doc);
    return count;
}

struct span fake_peer_text(const struct fake_peer *p, const char *path, const char *key, char text[FAKE_PEER_TEXT_BYTES])
{
    struct from_json *doc = fake_peer_get(p, path);
    struct from_json_value root = from_json_root(doc), v = from_json_member(&root, key);
    struct span s = SPAN_NONE;
    struct err err;
    must(from_json_text(&v, FAKE_PEER_TEXT_BYTES - 1, &s, &err) == OK, "reading a text of a fake");
    snprintf(text, FAKE_PEER_TEXT_BYTES, "%.*s", SPAN_ARGS(s));
    from_json_free(doc);
    return span_of(text);
}

struct buf fake_peer_seen(const struct fake_peer *p, const char *path, const char *member)
{
    struct from_json *doc = fake_peer_get(p, path);
    struct from_json_value root = from_json_root(doc), v = member != NULL ? from_json_member(&root, member) : root;
    struct buf all;
    buf_init(&all, SEEN_BYTES);
    must(from_json_write(&v, &all), "writing what a fake saw");
    from_json_free(doc);
    return all;
}
