/* osquery: the agent's TLS API. Bodies in, facts out; knows nothing of devices, stores or who may ask.
 * Reading is as lenient as agents in the field are old: numbers as text, statuses as text, an empty result as "", unknown members ignored.
 * All texts borrow from the parsed body and are untrusted. Pure; thread: belongs to the caller.
 * Source: osquery's remote API (docs/agents.md names what we rely on). */
#ifndef CONNECTORS_AGENTS_OSQUERY_H
#define CONNECTORS_AGENTS_OSQUERY_H
#include "posture/policy.h"

enum { OSQUERY_TEXT_BYTES = 256,          /* of one text about a host; longer ones are cut */
       OSQUERY_KEY_BYTES = 256,           /* of a node key */
       OSQUERY_NAME_BYTES = 256,          /* of a query's name */
       OSQUERY_DEPTH = 16,
       OSQUERY_SMALL_BYTES = 64 * 1024,   /* enrol, config and read bodies */
       OSQUERY_LOG_BYTES = 8 * 1024 * 1024, /* log and write bodies; 128 lines of 64 KiB */
       OSQUERY_MAX_ANSWERS = 512, OSQUERY_MAX_LINES = 4096, OSQUERY_LINES_READ = 64 * 1024 /* others' lines among them */,
       OSQUERY_SLOW_S = 4 * 3600,         /* checks with this interval or more are also in the schedule */
       OSQUERY_READ_MOST = 32,            /* queries in one answer to distributed/read */
       OSQUERY_READ_BYTES = 512 * 1024 };

/* ---- in ---- */

/* A body while it is read: own docs, freed by osquery_body_done(). Zeroed is fine to free. */
struct osquery_body { struct from_json *doc, *no_rows; struct from_json **built; size_t built_count; };
void osquery_body_done(struct osquery_body *body); /* NULL is fine */

/* Only who asks: {"node_key":...}. A key that is absent or no text is empty, and so refused later. ERR_INPUT or ERR_LIMIT: not JSON, no object. */
MUST_CHECK enum err_code osquery_read_key(struct span text, struct osquery_body *body, struct span *node_key, struct err *err);
/* The same of a long body, before anything is built of it: a document takes many times the bytes that it is written in, and a stranger may send it. Borrowed. Empty: there is none,
 * or not as agents write it (without escapes). */
struct span osquery_peek_key(struct span text);

struct osquery_enrolment {
    struct span secret, host_identifier;
    enum platform platform;
    struct span os_name, os_version, agent_version, computer_name, hostname;
    struct span instance, uuid, serial, vendor, model; /* raw */
};
MUST_CHECK enum err_code osquery_read_enrolment(struct span text, struct osquery_body *body, struct osquery_enrolment *out, struct err *err);
/* Hardware that a hypervisor made up: its serial and uuid prove nothing. */
bool osquery_is_virtual(struct span vendor, struct span model);

/* One answer to a distributed query. */
struct osquery_answer { struct span name, message; bool failed; struct from_json_value rows; /* an array unless failed */ };
struct osquery_answers { struct span node_key; struct osquery_answer *all; size_t count, dropped; };
/* Answers live in `arena`. Those that cannot be read are counted in `dropped`, so are all past OSQUERY_MAX_ANSWERS; a body with more names than that is ERR_LIMIT. */
MUST_CHECK enum err_code osquery_read_answers(struct span text, struct arena *arena, struct osquery_body *body, struct osquery_answers *out, struct err *err);

/* One full set of rows from the log: a snapshot, or the first set of a differential query. */
struct osquery_set { struct span name; struct from_json_value rows; int64_t unix_s; };
struct osquery_log {
    struct span node_key;
    bool status;                       /* status lines; `sets` is empty */
    struct osquery_set *sets; size_t count;
    size_t lines, dropped;             /* lines of the body; those that gave no set */
    size_t errors; struct span error;  /* status lines of severity 2 or more that speak of "postern/", and the last of them */
};
/* Only sets whose name starts with `prefix` are taken. Lines of the event format that belong together are joined. */
MUST_CHECK enum err_code osquery_read_log(struct span text, struct span prefix, struct arena *arena, struct osquery_body *body, struct osquery_log *out, struct err *err);

/* ---- out ---- */

/* The configuration for one platform: bytes depend on the checks and the platform alone, since agents compare them by hash. */
void osquery_write_config(const struct policy *policy, enum platform platform, int64_t poll_s, struct buf *out);

struct osquery_query { struct span name, sql; };
/* `accelerate_s` 0: left out. */
void osquery_write_queries(const struct osquery_query *queries, size_t count, int64_t accelerate_s, struct buf *out);

/* osquery.flags for a server at `host` ("posture.example.com" or with a port). */
void osquery_write_flags(struct span host, struct buf *out);

#endif
