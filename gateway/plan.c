#include "gateway/plan.h"

#include "gateway/escalation.h"
#include "gateway/rollout.h"

enum { ARENA_BYTES = 16 * 1024 * 1024 };

struct comparing {
    const struct node *node;
    struct rollout_world world;
    struct arena arena, of_world; /* emptied after each person; not emptied */
    plan_row_fn *row;
    void *context;
    struct plan_counts *out;
};

static struct ladder_summary summary_under(struct comparing *c, const struct decision_input *known, const struct device *d, const struct person *owner)
{
    struct ladder_input in = decision_ladder_input(known, d, owner);
    struct standing *standings = NULL;
    size_t count = known->policy != NULL ? ladder_standings(&in, &c->arena, &standings) : 0;
    return count > 0 ? ladder_summary(&in, standings, count) : (struct ladder_summary){ 0 };
}

static bool stands_differently(const struct plan_row *r)
{
    return !span_equal(r->before.rung, r->after.rung) || r->before.closed != r->after.closed || r->before.warn != r->after.warn || !span_equal(r->before.would.rung, r->after.would.rung);
}

static void compare_device(struct comparing *c, const struct device *d, const struct person *owner, bool *blocked, bool *opened)
{
    if (d->removed || !span_empty(d->duplicate_of))
        return;
    struct plan_row r = { d, owner, summary_under(c, &c->world.before, d, owner), summary_under(c, &c->world.after, d, owner) };
    bool closes = (r.after.closed & ~r.before.closed) != 0, opens = (r.before.closed & ~r.after.closed) != 0;
    if (!stands_differently(&r))
        return;
    c->out->devices++;
    c->out->closes_more += closes;
    c->out->opens += opens;
    *blocked = *blocked || closes;
    *opened = *opened || opens;
    if (c->row != NULL)
        c->row(c->context, &r);
}

static bool compare_person(void *context, const struct person *person)
{
    struct comparing *c = context;
    const struct device *devices[ESCALATION_DEVICES_MOST];
    bool blocked = false, opened = false;
    if (person->removed)
        return true;
    size_t owned = directory_devices_of(c->node->directory, person->id, devices, ESCALATION_DEVICES_MOST);
    for (size_t i = 0; i < owned && i < ESCALATION_DEVICES_MOST; i++)
        compare_device(c, devices[i], person, &blocked, &opened);
    c->out->persons++;
    c->out->blocked += blocked;
    c->out->opened += opened;
    arena_reset(&c->arena);
    return true;
}

bool plan_compare(const struct node *node, const struct policy *after, plan_row_fn *row, void *context, struct plan_counts *out)
{
    struct comparing c = { .node = node, .row = row, .context = context, .out = out };
    *out = (struct plan_counts){ 0 };
    arena_init(&c.arena, 64 * 1024, ARENA_BYTES);
    arena_init(&c.of_world, 4096, ARENA_BYTES);
    bool well = rollout_foresee(node->directory, after, clock_wall_s(node->clock), &c.of_world, &c.world);
    if (well)
        directory_each_person(node->directory, compare_person, &c);
    arena_done(&c.arena);
    arena_done(&c.of_world);
    return well;
}

bool plan_needs_number(const struct node *node, const struct plan_counts *counts)
{
    return counts->blocked > 0 && counts->blocked * 100 > counts->persons * (size_t)node->options.block_most_percent;
}
