/* agent_parts: the inside of an agent, for the agent_*.c files alone. */
#ifndef AGENT_AGENT_PARTS_H
#define AGENT_AGENT_PARTS_H

#include "agent.h"
#include "text.h"

enum activity { DO_ENROLL, DO_CONFIG, DO_RESULT_LOG, DO_STATUS_LOG, DO_READ, DO_WRITE, DO_SCHEDULE, ACTIVITIES };

enum { NEVER_S = 1 << 30, QUERIES_MAX = 2000, LINE_KINDS = 2, LOGGED_RESULTS = 0, LOGGED_STATUSES = 1 };

struct query {
    char *name;
    const char *sql; /* borrowed from the body */
    int64_t interval_s;
    bool snapshot, removed;
    int pack;        /* index of the pack it belongs to, or -1 */
};

struct config {
    struct config *next;
    unsigned used;     /* agents that hold it */
    char hash[65];     /* of the body and of what else the reading depends on */
    json_t *body;
    struct query *queries;
    size_t query_count;
    const json_t **packs; /* borrowed from the body */
    size_t pack_count;
};

/* What one agent remembers of one scheduled query. */
struct query_state {
    int64_t due_ms, splayed_ms;
    int64_t epoch, counter; /* counter -1: never run */
    json_t *last;           /* the last rows, as keys of an object; differential queries only */
    int64_t executions, last_executed_s, wall_ms, last_wall_ms;
};

struct pack_state {
    bool active;
    int64_t checked_ms; /* 0: never */
};

struct lines {
    char **lines;
    size_t count, room, first;
    size_t batch;     /* lines at the front that make up the batch being sent or sent again; 0: none yet */
    unsigned attempts;
};

struct agent {
    const struct agent_world *world;
    void *device;
    struct agent_identity identity;
    struct flags flags;
    char *node_key;           /* NULL: not enrolled */
    struct loop_timer timer;
    struct exchange *exchange; /* in flight, or NULL */
    enum activity doing;
    int64_t due_ms[ACTIVITIES];
    unsigned attempts[ACTIVITIES];
    bool started;             /* has a configuration: the rest may run */
    char *backup;
    size_t backup_size;
    struct config *config;
    struct query_state *states;     /* one per query of config */
    struct pack_state *pack_states; /* one per pack */
    json_t *decorations;            /* column -> value, from load and interval decorators */
    int64_t interval_decorated_ms[16];
    struct lines lines[LINE_KINDS];
    json_t *answers, *statuses, *messages, *query_stats; /* distributed results not delivered yet; NULL when none */
    int64_t accelerated_until_ms;
    bool stopped;
    bool waits; /* in the world's queue */
    struct agent *next_waiting, *previous_waiting;
};

/* agent.c */
void agent_post(struct agent *agent, enum activity activity, enum endpoint endpoint, const char *path, json_t *body,
                bool gzip);
void agent_due(struct agent *agent, enum activity activity, int64_t in_ms);
int64_t agent_square_wait_ms(unsigned attempts, int64_t max_s);
void agent_give_up(struct agent *agent, const char *why);
/* What each activity does when it is due, and with its judged answer (NULL: failed). `body` is borrowed. */
void agent_enroll(struct agent *agent);
void agent_enrolled_with(struct agent *agent, const json_t *body);
void agent_fetch_config(struct agent *agent);
void agent_config_fetched(struct agent *agent, const json_t *body, const char *bytes, size_t size);
void agent_send_log(struct agent *agent, int kind);
void agent_log_sent(struct agent *agent, int kind, bool success);
void agent_read_queries(struct agent *agent);
void agent_queries_read(struct agent *agent, const json_t *body);
void agent_write_answers(struct agent *agent);
void agent_answers_written(struct agent *agent, bool success);
void agent_run_schedule(struct agent *agent);

/* agent_config.c */
struct config *config_take(struct agent *agent, const json_t *body, const char *bytes, size_t size);
void config_drop(struct config_cache *cache, struct config *config);
/* agent_schedule.c */
void schedule_adopt(struct agent *agent, struct config *config);
void schedule_forget(struct agent *agent);
/* agent_decorate.c */
void decorate_load(struct agent *agent);
void decorate_interval(struct agent *agent);
/* Adds the decorations to a line, with those of "always" asked anew. */
void decorate_line(struct agent *agent, json_t *line);
/* agent_log.c */
void log_line(struct agent *agent, int kind, json_t *line); /* takes line */
__attribute__((format(printf, 3, 4))) void log_status(struct agent *agent, int severity, const char *format, ...);
void log_stamp(const struct agent *agent, json_t *line);
void lines_done(struct lines *lines);

#endif
