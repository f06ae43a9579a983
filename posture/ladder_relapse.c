#include "posture/ladder_relapse.h"

#include "posture/ladder_clock.h"
#include "posture/ring.h"

static bool is_within(int64_t failed_s, int64_t passed_s) { return failed_s >= passed_s && failed_s - passed_s < RELAPSE_S; }

/* By when it was seen to be no blip: nobody was to hear of it before. */
static int64_t carried(const struct ladder_input *in, const struct result *result, const struct told *told, bool goes_on)
{
    const struct mended *mended = person_mended(in->person, in->device->id, result->check);
    bool held = told != NULL && !goes_on && told->passed_s != 0 && result->first_failed_s > told->passed_s; /* and nobody wrote down yet that it did */
    if (held)
        return is_within(result->visible_s, told->passed_s) ? told->used_s : 0;
    if (mended == NULL)
        return 0;
    if (mended->failed_s == 0)
        return is_within(result->visible_s, mended->passed_s) ? mended->used_s : 0;
    return goes_on || mended->failed_s == result->first_failed_s ? mended->used_s : 0;
}

struct relapse ladder_relapse(const struct ladder_input *in, const struct result *result, const struct told *told)
{
    struct relapse r = { .goes_on = false };
    int64_t failed_s = result->first_failed_s;
    if (told != NULL) {
        bool resumed = told->resumed_s != 0 && told->resumed_s == failed_s;
        bool flaps = told->passed_s != 0 && failed_s > told->passed_s && failed_s - told->passed_s < PASS_HELD_S;
        r.goes_on = resumed || flaps;
        if (r.goes_on)
            r.flapped_s = told->flapped_s + (resumed ? 0 : failed_s - told->passed_s);
    }
    r.carried_s = carried(in, result, told, r.goes_on);
    return r;
}

int64_t ladder_relapse_after(const struct relapse *r, int64_t after_s)
{
    int64_t left_s = after_s > r->carried_s ? after_s - r->carried_s : 0;
    return (r->carried_s > 0 ? (left_s + 1) / 2 : after_s) + r->flapped_s;
}

int64_t ladder_after(const struct standing *s, size_t rung)
{
    const struct relapse r = { .carried_s = rung > 0 ? s->carried_s : 0 };
    return ladder_relapse_after(&r, s->ladder->rungs[rung].after_s);
}

/* ---- at the pass ---- */

/* Stretches in which a device was on are forgotten when it speaks while nothing fails, and nothing passed lately (device_spoke()). */
static bool knows_when_on(const struct device *device, int64_t passed_s)
{
    bool fails = device->on_count > 0;
    for (size_t i = 0; !fails && i < device->result_count; i++)
        fails = device->results[i].first_failed_s != 0;
    return fails || device->seen_s - passed_s < PASS_HELD_S;
}

static const struct ladder *ladder_of(const struct ladder_input *in, const struct check *check)
{
    enum rollout_stage stage = check->stage;
    return ring_ladder(in->ring, in->policy, check, in->person, &stage);
}

int64_t ladder_used(const struct ladder_input *in, const struct told *told, int64_t passed_s, struct arena *arena)
{
    const struct check *check = policy_check(in->policy, told->check);
    const struct ladder *ladder = check != NULL ? ladder_of(in, check) : NULL;
    const struct mended *mended = person_mended(in->person, told->device, told->check);
    int64_t before_s = mended != NULL && mended->failed_s != 0 ? mended->used_s : 0, first_s = told->at_s[0];
    bool known = ladder != NULL && ((ladder->pauses & PAUSE_DEVICE_OFF) == 0 || knows_when_on(in->device, passed_s));
    if (told->count == 0 || !known || passed_s <= first_s)
        return before_s;
    /* as it stood until the pass, whose own stop comes after what is counted */
    const struct result until = { .check = told->check, .verdict = VERDICT_FAIL, .evaluated_s = passed_s, .changed_s = first_s, .first_failed_s = first_s, .visible_s = first_s };
    struct ladder_clock clock;
    if (!ladder_clock_make(in, check, &until, ladder->pauses, arena, &clock))
        return before_s;
    int64_t ran_s = ladder_clock_running(&clock, first_s, passed_s) - told->flapped_s;
    return before_s + (ran_s > 0 ? ran_s : 0);
}
