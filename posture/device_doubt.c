/* device, its doubts: stretches in which nothing certain was known of a check. */
#include "posture/device.h"

#include <string.h>

static bool are_of_one(const struct doubt *a, const struct doubt *b) { return span_equal(a->check, b->check); }
static int64_t gap(const struct doubt *a, const struct doubt *b) { return b->time.from_s - a->time.to_s; }

static void take_out(struct doubt *all, size_t *count, size_t at)
{
    memmove(&all[at], &all[at + 1], (*count - at - 1) * sizeof *all);
    (*count)--;
}

/* Within the bound by counting too little. Where every check has but one, the first goes. */
static void make_room(struct doubt *all, size_t *count)
{
    size_t at = 0;
    for (size_t i = 1; i < *count; i++)
        if (are_of_one(&all[i - 1], &all[i]) && (at == 0 || gap(&all[i - 1], &all[i]) < gap(&all[at - 1], &all[at])))
            at = i;
    if (at > 0)
        all[at - 1].time.to_s = all[at].time.to_s;
    take_out(all, count, at);
}

static bool comes_before(const struct doubt *a, const struct doubt *b)
{
    int order = span_compare(a->check, b->check);
    return order < 0 || (order == 0 && a->time.to_s < b->time.from_s);
}

/* At its place, with those that it touches. */
static void insert(struct doubt *all, size_t *count, struct doubt doubt)
{
    size_t at = 0;
    while (at < *count && comes_before(&all[at], &doubt))
        at++;
    while (at < *count && are_of_one(&all[at], &doubt) && all[at].time.from_s <= doubt.time.to_s) {
        doubt.time.from_s = all[at].time.from_s < doubt.time.from_s ? all[at].time.from_s : doubt.time.from_s;
        doubt.time.to_s = all[at].time.to_s > doubt.time.to_s ? all[at].time.to_s : doubt.time.to_s;
        take_out(all, count, at);
    }
    memmove(&all[at + 1], &all[at], (*count - at) * sizeof *all);
    all[at] = doubt;
    (*count)++;
}

bool device_put_doubt(struct device *d, struct span check, struct interval time)
{
    struct doubt *all = arena_array(&d->arena, d->doubt_count + 1, sizeof *all);
    struct doubt doubt = { arena_copy(&d->arena, check), time };
    size_t count = d->doubt_count;
    if (all == NULL || doubt.check.at == NULL)
        return false;
    if (count > 0)
        memcpy(all, d->doubts, count * sizeof *all);
    insert(all, &count, doubt);
    while (count > DEVICE_MAX_DOUBTS)
        make_room(all, &count);
    d->doubts = all;
    d->doubt_count = count;
    return true;
}

bool device_drop_doubts(struct device *d, struct span check)
{
    struct doubt *left = d->doubt_count == 0 ? NULL : arena_array(&d->arena, d->doubt_count, sizeof *left);
    size_t count = 0;
    if (left == NULL)
        return d->doubt_count == 0;
    for (size_t i = 0; i < d->doubt_count; i++)
        if (!span_equal(d->doubts[i].check, check))
            left[count++] = d->doubts[i];
    d->doubts = left;
    d->doubt_count = count;
    return true;
}
