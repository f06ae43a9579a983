/* item: one thing to fix, as a person reads it: what we saw, why it matters, how to fix it; and what happens next. */
#ifndef GATEWAY_PAGES_ITEM_H
#define GATEWAY_PAGES_ITEM_H
#include "gateway/pages/page.h"

/* Title, what we saw, why, steps. The heading is an <h2>. */
void item_write(const struct page *p, const struct device *d, const struct standing *s);
/* One folded line with the same inside, for what is not first. */
void item_write_folded(const struct page *p, const struct device *d, const struct standing *s);
/* "Please do this by Tue 14:00, in 2 days. After that Payroll will not open on this device." */
void item_write_deadline(const struct page *p, const struct standing *s);
/* The ladder with today marked. */
void item_write_ladder(const struct page *p, const struct standing *s);
/* "dover, MacBook Pro, serial number ends in 9A2B." */
void item_write_device(const struct page *p, const struct device *d);
#endif
