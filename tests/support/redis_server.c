#include "tests/support/redis_server.h"

#include <fcntl.h>
#include <ftw.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
enum { WORDS = 64, TRIES = 6000, STEP_MS = 10 };

static void die(const char *what)
{
    perror(what);
    abort();
}

static int remove_one(const char *path, const struct stat *is, int kind, struct FTW *at)
{
    (void)is;
    (void)kind;
    (void)at;
    return remove(path);
}

void redis_server_remove_folder(const char *folder) { nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static pid_t spawn(char *const *argv, int out)
{
    posix_spawn_file_actions_t files;
    pid_t pid;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    if (out >= 0)
        posix_spawn_file_actions_adddup2(&files, out, 1);
    else
        posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0); /* a server that a failed test left must not hold the runner's pipe */
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    if (posix_spawnp(&pid, argv[0], &files, NULL, argv, environ) != 0)
        die(argv[0]);
    posix_spawn_file_actions_destroy(&files);
    return pid;
}

static int answers(const struct redis_server *s)
{
    redisContext *redis = redisConnectUnix(s->socket);
    redisReply *reply = redis != NULL && redis->err == 0 ? redisCommand(redis, "PING") : NULL;
    /* NOAUTH is an answer as well */
    int yes = reply != NULL && (reply->type == REDIS_REPLY_STATUS || strncmp(reply->str, "NOAUTH", 6) == 0);
    if (reply != NULL)
        freeReplyObject(reply);
    if (redis != NULL)
        redisFree(redis);
    return yes;
}

static void run(struct redis_server *s)
{
    char *argv[WORDS];
    size_t count = 0;
    const char *fixed[] = { "redis-server", "--port", "0", "--unixsocket", s->socket, "--dir", s->folder, "--appendonly", "yes", "--appendfsync", "no", "--save", "",
                            "--daemonize", "no", "--loglevel", "warning" };
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        argv[count++] = strdup(fixed[i]);
    for (size_t i = 0; s->options[i] != NULL; i++)
        argv[count++] = strdup(s->options[i]);
    argv[count] = NULL;
    s->pid = spawn(argv, -1);
    while (count > 0)
        free(argv[--count]);
    for (int i = 0; i < TRIES; i++) {
        struct timespec step = { 0, STEP_MS * 1000000 };
        if (answers(s))
            return;
        nanosleep(&step, NULL);
    }
    die("redis-server does not answer");
}

void redis_server_start(struct redis_server *s, const char *const *options)
{
    memset(s, 0, sizeof *s);
    snprintf(s->folder, sizeof s->folder, "/tmp/postern-test-redis-XXXXXX");
    if (mkdtemp(s->folder) == NULL)
        die("mkdtemp");
    snprintf(s->socket, sizeof s->socket, "%s/redis.sock", s->folder);
    for (size_t i = 0; options != NULL && options[i] != NULL && i + 1 < sizeof s->options / sizeof s->options[0]; i++)
        s->options[i] = options[i];
    run(s);
}

void redis_server_kill(struct redis_server *s)
{
    if (s->pid == 0)
        return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

void redis_server_restart(struct redis_server *s) { run(s); }

void redis_server_pause(struct redis_server *s)
{
    kill(s->pid, SIGSTOP);
    waitpid(s->pid, NULL, WUNTRACED);
}

void redis_server_resume(struct redis_server *s) { kill(s->pid, SIGCONT); }

void redis_server_stop(struct redis_server *s)
{
    redis_server_kill(s);
    if (s->folder[0] != '\0')
        redis_server_remove_folder(s->folder);
    s->folder[0] = '\0';
}

int redis_server_cli(const struct redis_server *s, const char *const *words, char *line, size_t room)
{
    char *argv[WORDS] = { strdup("redis-cli"), strdup("-s"), strdup(s->socket) };
    size_t count = 3;
    int pipes[2], status = -1;
    if (pipe2(pipes, O_CLOEXEC) != 0)
        die("pipe");
    while (*words != NULL && count + 1 < WORDS)
        argv[count++] = strdup(*words++);
    pid_t pid = spawn(argv, pipes[1]);
    close(pipes[1]);
    FILE *out = fdopen(pipes[0], "r");
    if (out == NULL)
        die("fdopen");
    if (line != NULL && fgets(line, (int)room, out) == NULL)
        line[0] = '\0';
    while (fgetc(out) != EOF)
        ;
    fclose(out);
    waitpid(pid, &status, 0);
    if (line != NULL)
        line[strcspn(line, "\r\n")] = '\0';
    while (count > 0)
        free(argv[--count]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
