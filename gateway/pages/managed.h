/* managed: what a person reads about device managers: that the fallback was announced, what a manager sees and does, what is asked of them, the way back; and
 * where two sources say different things of their device. */
#ifndef GATEWAY_PAGES_MANAGED_H
#define GATEWAY_PAGES_MANAGED_H
#include "gateway/pages/page.h"

/* Nothing when no fallback is under way. */
void managed_write_fallback(const struct page *p, const struct device *d);
/* Nothing when osquery and the managers agree. */
void managed_write_disagreements(const struct page *p, const struct device *d);
#endif
