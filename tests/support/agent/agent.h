/* agent: one osqueryd as the server sees it: enrols, fetches its configuration, runs the schedule, logs, polls and
 * answers distributed queries. It neither knows whether its tables are a real machine's or made up, nor how many agents
 * share the process. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "flags.h"
#include "loop.h"
#include "sql.h"
#include "stats.h"

struct agent;

/* Configurations seen, kept once however many agents received the same bytes. */
struct config;
struct config_cache {
    struct config *first;
};

/* Agents that wait for one of parallel_max places, first come first served. Zeroed by the owner; the rest is the agents' own. */
struct agent_queue {
    struct agent *first, *last;
    struct loop_timer timer; /* set when a place became free */
};

/* What an agent lives in, shared by all agents of the process. `device` is the pointer given to agent_new. */
struct agent_world {
    struct loop *loop;
    struct wire_place *place;
    struct stats *stats;
    struct config_cache *configs;
    unsigned parallel_max; /* requests at once; 0 is no limit, and needs no queue */
    struct agent_queue *queue;
    /* Runs a statement over the device's tables. */
    struct sql_answer (*answer)(void *device, const char *statement, bool numerics);
    /* The rest may be NULL. */
    void (*key_changed)(void *device, const char *key);          /* NULL: erased */
    void (*config_arrived)(void *device, const char *body, size_t size);
    void (*answers_delivered)(void *device, size_t count);       /* distributed results, judged a success */
    void (*gave_up)(void *device, const char *why);              /* osqueryd would exit now */
    bool (*silent)(void *device);                                /* true: makes no request */
    int64_t (*delay_ms)(void *device);                           /* before distributed results are sent */
};

struct agent_identity {
    const char *host_identifier, *enroll_secret, *platform_type;
    unsigned platform; /* of schema.h, for the platform words in schedules */
    const char *node_key; /* from an earlier run, or NULL */
};

/* Owned by the caller. Borrows world, device and the identity's strings. Its first request goes out `wait_ms` from now. */
struct agent *agent_new(const struct agent_world *world, void *device, const struct agent_identity *identity,
                        const struct flags *flags, int64_t wait_ms);
void agent_free(struct agent *agent);

/* Starts from a configuration kept from an earlier run, when the first fetch fails. Copied. */
void agent_set_backup(struct agent *agent, const char *body, size_t size);
bool agent_enrolled(const struct agent *agent);
/* Looks at once whether there is something to do: after "silent" ended. */
void agent_wake(struct agent *agent);
/* From gave_up: the service manager starts the daemon again, which first asks for its configuration `wait_ms` from now. */
void agent_revive(struct agent *agent, int64_t wait_ms);
/* Rows of osquery_schedule. */
void agent_schedule_rows(const struct agent *agent, struct rows *rows);

#endif
