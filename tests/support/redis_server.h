/* redis_server: a real redis-server for one test: its own folder below /tmp, a unix socket, killed and removed at the end.
 * What cannot be done aborts the test program with words on stderr. */
#ifndef TESTS_SUPPORT_REDIS_SERVER_H
#define TESTS_SUPPORT_REDIS_SERVER_H
#include <sys/types.h>

struct redis_server {
    char folder[64], socket[96];
    const char *options[16]; /* NULL-terminated "--name", "value" ... */
    pid_t pid;               /* 0: not running */
};
/* Starts one with `options` (NULL: none) after the fixed ones (append-only, no fsync) and waits until it answers. */
void redis_server_start(struct redis_server *s, const char *const *options);
void redis_server_kill(struct redis_server *s);    /* SIGKILL, reaped */
void redis_server_restart(struct redis_server *s); /* after a kill: same folder, same options */
void redis_server_pause(struct redis_server *s);   /* SIGSTOP: hangs */
void redis_server_resume(struct redis_server *s);
void redis_server_stop(struct redis_server *s);    /* kills, removes the folder */
/* Runs redis-cli with these words (NULL-terminated) on it; the first line of what it printed lands in `line`. Returns its exit status. */
int redis_server_cli(const struct redis_server *s, const char *const *words, char *line, size_t room);
void redis_server_remove_folder(const char *folder);

#endif
