/* agents: what osquery agents mean to the gateway: who they are, what to ask them, what to do with their answers.
 * agents.c: node keys, query names, questions. agents_enroll.c: settling on one record. agents_report.c: answers, logs, pushed facts, recheck.
 *
 * Everything here is judged without memory, since an agent meets another node at each request: a node key and a query name carry MACs under
 * the root key. What a node does remember (limits) only bounds the work that somebody can cause. */
#ifndef GATEWAY_AGENTS_H
#define GATEWAY_AGENTS_H
#include "connectors/agents/osquery.h"
#include "gateway/change.h"
#include "posture/evaluate.h"

enum { AGENTS_POLL_S = 15, AGENTS_AGAIN_S = 2 * AGENTS_POLL_S, /* ask again what was asked and not answered */
       AGENTS_ACCELERATE_S = 600, AGENTS_ACCELERATE_STEP_S = 60,
       AGENTS_COLLISION_S = 3600,          /* two agents that speak for one device within this time are two devices */
       AGENTS_NAME_LIFETIME_S = 86400, AGENTS_NAME_AHEAD_S = 300,
       AGENTS_RECHECK_APART_S = 10, AGENTS_RECHECK_PER_HOUR = 30 };

/* ---- node keys: "pnk1.<device id>.<generation>.<MAC>" ---- */
struct agents_key { struct span device; unsigned generation; };
bool agents_key_write(const struct node *node, const struct agents_key *key, struct buf *out);
/* False for anything we did not make. `text` is untrusted; out->device borrows from it. */
bool agents_key_read(const struct node *node, struct span text, struct agents_key *out);

enum agents_standing { AGENTS_GOOD, AGENTS_ASK_STORE, /* the directory may be behind */ AGENTS_INVALID };
/* `device` NULL: the directory does not know it. A key that the store too does not know is AGENTS_INVALID: call with from_store. */
enum agents_standing agents_standing(const struct device *device, const struct agents_key *key, bool from_store);
/* The record as stored. ERR_NOT_FOUND for no record. Owned. */
MUST_CHECK enum err_code agents_load(const struct node *node, struct store *store, struct span id, struct device **out, struct err *err);
/* A second record whose first has fallen silent: a new enrolment settles it. Between directory_enter() and directory_leave(). */
bool agents_duplicate_settled(const struct node *node, const struct device *device, int64_t now_s);
/* When the device last spoke, as far as this node knows; 0: never. Between enter and leave. */
int64_t agents_seen_s(const struct node *node, struct span device);

/* Brings a stored record's times up to what this node heard since its last commit (refreshes are not in it). Not between enter and leave. */
void agents_freshen(const struct node *node, struct device *device);

/* ---- enrolment (slow lane) ---- */
/* ERR_DENIED: the secret is not good; ERR_LIMIT: too often; ERR_INPUT: nothing identifies the device; else the store's error. */
MUST_CHECK enum err_code agents_enroll(const struct node *node, struct store *store, const struct osquery_enrolment *said, struct span peer, struct arena *arena,
                                       struct span *node_key, struct err *err);

/* ---- questions (any thread; between enter and leave) ---- */
/* True when the device was off and a failing check's clock must be told: agents_spoke() on the slow lane, before anything notes that it spoke. */
bool agents_was_off(const struct device *device, const struct device_live *live, int64_t now_s);
/* Writes the answer to distributed/read and notes that the device spoke and what it was asked. `live` may be NULL. */
void agents_read(const struct node *node, const struct device *device, struct device_live *live, int64_t now_s, struct arena *arena, struct buf *out);

/* ---- reports ---- */
/* One set of rows, or a failure, as the wire had it. */
struct agents_report { struct span name, message; bool failed; const struct from_json_value *rows; int64_t unix_s; /* logs; 0: the name carries the time */ };
struct agents_reports { const struct agents_report *all; size_t count; int64_t now_s; size_t dropped; /* out: those that were not ours, too old, or of another form */ };
/* Without the store: true when all it says is already known, and noted as seen again. False: use agents_report_commit(). Between enter and leave. */
bool agents_report_refresh(const struct node *node, const struct device *device, struct device_live *live, struct agents_reports *reports, struct arena *arena);
/* On the stored record. ERR_UNAUTHORIZED when the stored record does not know the key. Not between enter and leave. */
MUST_CHECK enum err_code agents_report_commit(const struct node *node, struct store *store, const struct agents_key *key, struct agents_reports *reports, struct err *err);
/* The device spoke after it was off. Same rules. */
MUST_CHECK enum err_code agents_spoke(const struct node *node, struct store *store, const struct agents_key *key, int64_t now_s, struct err *err);

/* Pushed facts for one device. `dropped_names` has room for `count`. ERR_NOT_FOUND. */
struct agents_facts { const struct pushed_fact *all; size_t count; struct span cause; struct span *dropped_names; size_t dropped; };
MUST_CHECK enum err_code agents_facts_commit(const struct node *node, struct store *store, struct span device, struct agents_facts *facts, struct err *err);

/* After a policy change: judges the device by what is stored, without asking it, and commits what is otherwise by now (result.changed, or result.updated
 * when no verdict is). Reads the store only where evaluate_may_differ(). A device that is gone is OK. */
MUST_CHECK enum err_code agents_judge_stored(const struct node *node, struct store *store, struct span device, struct span cause, struct err *err);

/* "Check again": asks the device for `checks` (count 0: all) at its next poll. *already (may be NULL): it was asked within 10 s, or 30 times within
 * the hour; nothing was committed and that is OK. ERR_NOT_FOUND for no such device. */
MUST_CHECK enum err_code agents_recheck(const struct node *node, struct store *store, struct span device, const struct span *checks, size_t count, struct span cause,
                                        bool *already, struct err *err);

/* The osquery.flags for this server. */
bool agents_flags_text(const struct node *node, struct buf *out);

/* For agents_*.c: a distributed query's name is "postern/<check>/<version>/<time, base 36>/<MAC>", a scheduled one's ends after the version. */
#define AGENTS_PREFIX SPAN_LITERAL("postern/")
struct agents_name { struct span check, version; int64_t asked_s; /* 0: scheduled */ };
struct span agents_name_write(const struct node *node, struct span device, const struct check *check, int64_t now_s, struct arena *arena);
bool agents_name_read(const struct node *node, struct span device, struct span text, struct agents_name *out);

#endif
