/* refresher: a device spoke and nothing changed. Times are kept here and written every 10 s, one write and one seen event a partition. */
#ifndef GATEWAY_REFRESHER_H
#define GATEWAY_REFRESHER_H
#include "gateway/node.h"
/* Any thread, never blocks (a short mutex per shard; see docs/architecture.md). `checks` were evaluated again at now with the same verdict. */
void refresher_seen(struct refresher *r, struct span device, int64_t now_s, const struct span *checks, size_t count);
MUST_CHECK enum err_code refresher_new(const struct node *node, struct refresher **out, struct err *err);
MUST_CHECK enum err_code refresher_start(struct refresher *r, struct err *err);
void refresher_stop(struct refresher *r);
void refresher_free(struct refresher *r);
#endif
