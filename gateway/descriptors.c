#include "gateway/descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* As far as it may go; what it is then. */
static rlim_t raise_to(rlim_t wanted, struct rlimit now)
{
    struct rlimit up = now;
    up.rlim_cur = wanted < now.rlim_max ? wanted : now.rlim_max; /* RLIM_INFINITY is the largest of all */
    return setrlimit(RLIMIT_NOFILE, &up) == 0 ? up.rlim_cur : now.rlim_cur;
}

enum err_code descriptors_for(const struct log *log, int64_t wanted, int64_t *connections, struct err *err)
{
    struct rlimit now;
    rlim_t needed = DESCRIPTORS_OWN + (rlim_t)wanted;
    if (getrlimit(RLIMIT_NOFILE, &now) != 0)
        return err_set(err, ERR_IO, "asking how many files may be open: %s", strerror(errno));
    rlim_t may = now.rlim_cur >= needed ? needed : raise_to(needed, now);
    int64_t left = (int64_t)may - DESCRIPTORS_OWN;
    if (left < DESCRIPTORS_LEAST)
        return err_set(err, ERR_LIMIT, "only %lld files may be open, which leaves too few for connections: raise LimitNOFILE (systemd) or ulimit -n to %lld", (long long)may, (long long)needed);
    *connections = left < wanted ? left : wanted;
    if (left < wanted)
        log_event(log, LOG_WARN, "descriptors.few", LOG_INT("allowed", (int64_t)may), LOG_INT("needed", (int64_t)needed), LOG_INT("connections", left),
                  LOG_STR("hint", "raise LimitNOFILE (systemd) or ulimit -n, or lower connections: until then all listeners have fewer"));
    return OK;
}
