/* pages_story: the pages of a story, opened through the router as a browser does. Fails the running test when something is not as asked.
 * Thread: the test's own. */
#ifndef TESTS_SUPPORT_PAGES_STORY_H
#define TESTS_SUPPORT_PAGES_STORY_H
#include "gateway/pages/link.h"
#include "tests/support/story.h"

#define ANA "p_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BEN "p_bbbbbbbbbbbbbbbbbbbbbbbbbb"
#define DOVER "d_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define EPPING "d_bbbbbbbbbbbbbbbbbbbbbbbbbb"
#define SERIAL "C02DOVER9A2B"

/* Payroll closes after 120 s, a warning comes after 60; chat is a repair app. */
extern const char pages_policy[];
/* Ana owns dover, which is well in all it is asked. Ben owns nothing. */
void pages_start(struct story *s);
void pages_end(struct story *s);

struct pages_look { const char *name, *model, *serial, *owner, *saw; bool duplicate; };
/* What a device is called and whose it is; `saw` not NULL: all results say so, and were looked at now. */
void pages_dress(struct story *s, const char *id, const struct pages_look *l);
/* One more identifier, and a tombstone. */
void pages_identify(struct story *s, const char *id, const char *kind, const char *value);
void pages_remove(struct story *s, const char *id);
extern const struct pages_look pages_dover; /* as it is at the start */
/* Ana is told of all that fails on dover, and time passes. */
void pages_tell_and_wait(struct story *s, int64_t seconds);
/* The same after its firewall began to fail. */
void pages_fail_for(struct story *s, int64_t seconds);

/* A link to what Ana sees when payroll does not open on dover. */
struct blocked_link pages_payroll(struct story *s);
/* Paths of pages; `path` is returned. */
const char *pages_blocked_path(struct story *s, const struct blocked_link *link, char path[LINK_URL_BYTES]);
const char *pages_me_path(struct story *s, const char *person, char path[LINK_URL_BYTES]);
/* A path below; until the next call. */
const char *pages_under(const char *path, const char *action);

struct pages_visit { const char *method, *path, *query, *body, *site, *origin, *purpose, *host, *cookie; bool look; /* page.js asks */ };
extern const struct route_table *pages_more; /* a test's own routes beside those of the pages; NULL */
void pages_visit(struct story *s, const struct pages_visit *v);
void pages_get(struct story *s, const char *path, const char *query);
void pages_post(struct story *s, const char *path, const char *body); /* from our own page */
/* Visits with a slow lane; how many notices that delivered. */
size_t pages_delivered_by(struct story *s, const struct pages_visit *v);

/* What the last visit got. */
struct pages_seen { int status; char location[8192], cookie[2048], cache[64], type[64], security[400]; char *text; /* owned */ };
extern struct pages_seen pages_last;
void pages_say(const char *words);
void pages_do_not_say(const char *words);
void pages_say_in_order(const char *const *words); /* NULL ends them */
#endif
