/* story: a node without threads, HTTP or Redis, for stories under a fake clock: a fake store, a directory that is fed from its log, effects that
 * move only when the story says so. Fails the running test when something does not work. Thread: the test's own. */
#ifndef TESTS_SUPPORT_STORY_H
#define TESTS_SUPPORT_STORY_H
#include "gateway/change.h"
#include "gateway/effects.h"
#include "tests/support/fake_store.h"

enum { STORY_PARTITIONS = 4, STORY_START_S = 1796040000 /* Mon 2026-11-30 12:00:00 UTC */ };
struct story {
    struct clock clock;
    int64_t now_ms;              /* wall and monotonic */
    struct fake_store *server;
    struct store *store;         /* the story's own connection */
    struct node node;
    struct log_position read[STORY_PARTITIONS + 1];
    struct effects *effects;     /* NULL before story_effects() */
};
/* `policy`: YAML. */
void story_start(struct story *s, const char *policy);
void story_end(struct story *s);
/* The node's keys, as at its first start: it can sign. Takes a moment. */
void story_signing_keys(struct story *s);
void story_effects(struct story *s, const struct effects_options *options);
/* As a process that is killed and started again: leases run out, the log and the outboxes stay. */
void story_restart_effects(struct story *s, const struct effects_options *options);
/* Everything new in the log reaches the directory. */
void story_feed(struct story *s);
/* Feeds and works until nothing happens any more (at most 20 rounds). */
void story_settle(struct story *s);
/* Moves the clock, in steps of at most a second while effects run, and settles. */
void story_pass(struct story *s, int64_t seconds);

/* `slack` and `email` may be NULL. */
void story_person(struct story *s, const char *id, const char *slack, const char *email);
/* A Mac called dover with the checks of the policy never answered; owner may be NULL. */
void story_device(struct story *s, const char *id, const char *owner);
/* One result as an observation would leave it; event result.changed. */
void story_result(struct story *s, const char *device, const char *check, enum verdict verdict);
/* The records as stored; free them. */
struct person *story_stored_person(struct story *s, const char *id);
struct device *story_stored_device(struct story *s, const char *id);
size_t story_events(struct story *s, const char *type);
#endif
