/* shown: a login page that told a person about a failing check counts as a delivered notice (docs/policy.md), once a local day for each
 * device and check. Written on the slow lane after the page went out, so the page never waits for the store. */
#ifndef GATEWAY_PAGES_SHOWN_H
#define GATEWAY_PAGES_SHOWN_H
#include "gateway/pages/page.h"
#include "posture/ports.h"

enum { SHOWN_MOST = 16 };
struct shown {
    char person[32], device[32], decision[32], zone[64];
    int64_t at_s;
    char checks[SHOWN_MOST][64]; size_t count;
};
/* What this page tells the person that they were not told today; count 0: nothing. Between enter and leave. */
void shown_collect(const struct page *p, const struct device *d, const struct standing *standings, size_t count, struct span decision, struct shown *out);
/* Commits it: told on the person record, event notice.delivered with channel "page". Doing it twice changes nothing. */
MUST_CHECK enum err_code shown_commit(const struct node *node, struct store *store, const struct shown *shown, struct err *err);
/* Hands a copy to the slow lane. Lost when the lane is full or the store is away: the next view says it again. */
void shown_send(const struct node *node, const struct shown *shown);
#endif
