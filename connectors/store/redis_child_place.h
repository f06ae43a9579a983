/* redis_child_place: the folder of the embedded server: its files, its lock, its configuration, and a socket path that is short enough.
 * For redis_child alone. */
#ifndef CONNECTORS_STORE_REDIS_CHILD_PLACE_H
#define CONNECTORS_STORE_REDIS_CHILD_PLACE_H
#include "connectors/store/redis_child.h"

#include <limits.h>

struct redis_child_place {
    char folder[PATH_MAX];      /* <state>/redis, absolute, links resolved: what the server calls its dir */
    char conf[PATH_MAX], pid_file[PATH_MAX], log_file[PATH_MAX];
    char socket[REDIS_PATH_BYTES]; /* <folder>/redis.sock, or a link to it below /tmp when that is too long */
    int lock;                   /* -1: not held */
};
/* Makes the folder (0700), takes the lock, writes redis.conf. ERR_CONFLICT, ERR_IO, ERR_INPUT. `place` is to be closed on failure, too. */
MUST_CHECK enum err_code redis_child_place_open(const struct redis_child_options *o, struct redis_child_place *place, struct err *err);
void redis_child_place_close(struct redis_child_place *place);
/* The server that lives in our folder: the one its pid file names, or any; 0: none. */
pid_t redis_child_place_server(const struct redis_child_place *place);
/* Does this process have our folder as its working directory? A recycled pid does not. */
bool redis_child_place_is_server(const struct redis_child_place *place, pid_t pid);

#endif
