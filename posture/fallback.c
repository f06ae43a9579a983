#include "posture/fallback.h"

static bool in_groups(const struct policy *policy, struct span group)
{
    for (size_t i = 0; i < policy->mdm.personal_group_count; i++)
        if (!span_empty(group) && span_equal(policy->mdm.personal_groups[i], group))
            return true;
    return false;
}

bool fallback_is_personal(const struct policy *policy, const struct device *device)
{
    for (size_t i = 0; i < device->link_count; i++)
        if (device->links[i].personal == MDM_YES && device->links[i].gone_s == 0)
            return true;
    return in_groups(policy, device->group);
}

static int64_t due_of(const struct standing *s)
{
    if (s->ladder == NULL || s->stage != STAGE_ENFORCE)
        return 0;
    for (int i = 0; i <= s->rung; i++)
        if (!span_empty(s->ladder->rungs[i].mdm))
            return s->rung_s > 0 ? s->rung_s : 1;
    size_t next = (size_t)(s->rung + 1);
    return next < s->ladder->rung_count && !span_empty(s->ladder->rungs[next].mdm) ? s->next_s : 0;
}

int64_t fallback_due_s(const struct fallback_input *in)
{
    int64_t first_s = 0;
    for (size_t i = 0; i < in->count; i++) {
        int64_t due_s = due_of(&in->standings[i]);
        if (due_s > 0 && (first_s == 0 || due_s < first_s))
            first_s = due_s;
    }
    return first_s;
}

/* Something fails whose ladder ends there. A clock that stands still (unknown, absent, paused) takes nothing back. */
static bool is_possible(const struct fallback_input *in)
{
    for (size_t i = 0; i < in->count; i++) {
        const struct standing *s = &in->standings[i];
        for (size_t k = 0; s->ladder != NULL && s->stage == STAGE_ENFORCE && k < s->ladder->rung_count; k++)
            if (!span_empty(s->ladder->rungs[k].mdm))
                return true;
    }
    return false;
}

/* The first message about this device that was delivered since; 0: none yet. */
static int64_t told_since(const struct fallback_input *in, int64_t announced_s)
{
    int64_t first_s = 0;
    for (size_t i = 0; i < in->owner->told_count; i++) {
        const struct told *t = &in->owner->told[i];
        if (!span_equal(t->device, in->device->id))
            continue;
        for (unsigned k = 0; k < TOLD_TIMES && k < t->count; k++)
            if (t->at_s[k] >= announced_s && (first_s == 0 || t->at_s[k] < first_s))
                first_s = t->at_s[k];
        if (t->last_s >= announced_s && (first_s == 0 || t->last_s < first_s))
            first_s = t->last_s;
    }
    return first_s;
}

static struct fallback_plan step(enum fallback_step step, int64_t at_s) { return (struct fallback_plan){ step, at_s, 0 }; }

static struct fallback_plan before_anything(const struct fallback_input *in, int64_t due_s, bool allowed)
{
    int64_t announce_s = due_s - in->policy->mdm.announce_before_s;
    if (!allowed || due_s == 0)
        return step(FALLBACK_WAIT, 0);
    return in->now_s >= announce_s && !in->frozen ? step(FALLBACK_ANNOUNCE, 0) : step(FALLBACK_WAIT, announce_s > in->now_s ? announce_s : 0);
}

static struct fallback_plan announced(const struct fallback_input *in, int64_t due_s, bool allowed)
{
    const struct fallback *f = &in->device->fallback;
    if (!allowed || !is_possible(in))
        return step(FALLBACK_CALL_OFF, 0);
    if (f->told_s == 0) {
        struct fallback_plan plan = step(FALLBACK_TOLD, 0);
        plan.told_s = told_since(in, f->announced_s);
        return plan.told_s > 0 ? plan : step(FALLBACK_WAIT, 0);
    }
    int64_t ready_s = f->told_s + in->policy->mdm.announce_before_s;
    if (due_s > ready_s)
        ready_s = due_s;
    if (due_s == 0 || in->now_s < ready_s || in->frozen)
        return step(FALLBACK_WAIT, ready_s > in->now_s ? ready_s : 0);
    return step(FALLBACK_ASK, 0);
}

/* Good behaviour is counted from the moment nothing fails that leads there. A failure that turned unknown is one still. */
static struct fallback_plan on_the_way_back(const struct fallback_input *in, bool allowed)
{
    const struct fallback *f = &in->device->fallback;
    if (!allowed)
        return step(FALLBACK_TURN_BACK, 0);
    if (is_possible(in))
        return f->clean_s > 0 ? step(FALLBACK_DIRTY, 0) : step(FALLBACK_WAIT, 0);
    if (f->clean_s == 0)
        return step(FALLBACK_CLEAN, 0);
    int64_t back_s = f->clean_s + in->policy->mdm.way_back_s;
    return in->now_s >= back_s ? step(FALLBACK_TURN_BACK, 0) : step(FALLBACK_WAIT, back_s);
}

struct fallback_plan fallback_plan(const struct fallback_input *in)
{
    const struct fallback *f = &in->device->fallback;
    bool allowed = in->owner != NULL && !in->device->removed && !fallback_is_personal(in->policy, in->device);
    int64_t due_s = fallback_due_s(in);
    bool fixed = !is_possible(in);
    switch (f->state) {
    case FALLBACK_ANNOUNCED: return announced(in, due_s, allowed);
    case FALLBACK_ASKED: /* undo wins: what may have been done is taken back rather than done for certain */
        return !allowed || fixed ? step(FALLBACK_TURN_BACK, 0) : in->frozen ? step(FALLBACK_WAIT, 0) : step(FALLBACK_SEND, 0);
    case FALLBACK_ACTED: return !allowed || (f->invited && fixed) ? step(FALLBACK_TURN_BACK, 0) : step(FALLBACK_READ_BACK, 0);
    case FALLBACK_CONFIRMED: return on_the_way_back(in, allowed);
    case FALLBACK_UNDOING: return step(FALLBACK_SEND_BACK, 0);
    default: return before_anything(in, due_s, allowed);
    }
}
