#include "posture/ring.h"

struct ring ring_of(const struct policy *policy)
{
    return (struct ring){ .percent = policy->rings.percent, .groups = policy->rings.groups, .group_count = policy->rings.group_count };
}

bool ring_is_whole(const struct ring *ring) { return !ring->halted && ring->percent >= RING_WHOLE_PERCENT; }

bool ring_has(const struct ring *ring, const struct person *person)
{
    if (ring->halted)
        return false;
    for (size_t i = 0; i < ring->group_count; i++)
        if (person_in_group(person, ring->groups[i]))
            return true;
    return ring->percent >= RING_WHOLE_PERCENT || span_hash(person->id, 0) % RING_WHOLE_PERCENT < ring->percent;
}

/* Bits count sensitivities in each policy's own order. A class that is gone has no app left to close. */
static unsigned as_counted_by(const struct policy *policy, const struct policy *before, unsigned close)
{
    unsigned bits = 0, index;
    for (size_t i = 0; i < before->sensitivity_count; i++)
        if ((close & 1U << i) != 0 && policy_sensitivity(policy, before->sensitivities[i], &index))
            bits |= 1U << index;
    return bits;
}

static const struct rung *translate_rungs(const struct policy *policy, const struct policy *before, const struct ladder *ladder, struct arena *arena)
{
    struct rung *rungs = arena_array(arena, ladder->rung_count + 1, sizeof *rungs);
    for (size_t i = 0; rungs != NULL && i < ladder->rung_count; i++) {
        rungs[i] = ladder->rungs[i];
        rungs[i].close = as_counted_by(policy, before, ladder->rungs[i].close);
    }
    return rungs;
}

bool ring_stand_on(struct ring *ring, const struct policy *policy, const struct policy *before, struct arena *arena)
{
    ring->before = NULL;
    ring->ladders = NULL;
    if (before == NULL)
        return true;
    struct ladder *ladders = arena_array(arena, before->ladder_count + 1, sizeof *ladders);
    for (size_t i = 0; ladders != NULL && i < before->ladder_count; i++) {
        ladders[i] = before->ladders[i];
        ladders[i].rungs = translate_rungs(policy, before, &before->ladders[i], arena);
        if (ladders[i].rungs == NULL)
            return false;
    }
    ring->before = before;
    ring->ladders = ladders;
    return ladders != NULL;
}

static enum rollout_stage least(const struct check *check, const struct ladder *ladder)
{
    return ladder == NULL || check->stage > ladder->stage ? check->stage : ladder->stage;
}

/* A check that is new has no ladder outside of the ring: nothing is asked of anybody there that was not asked before. */
static const struct ladder *ladder_before(const struct ring *ring, const struct check *check, const struct person *person, enum rollout_stage *stage)
{
    const struct check *old = ring->before == NULL ? NULL : policy_check(ring->before, check->id);
    const struct ladder *ladder = old == NULL ? NULL : policy_ladder(ring->before, old->severity, person);
    *stage = least(old == NULL ? check : old, ladder);
    return ladder == NULL ? NULL : &ring->ladders[ladder - ring->before->ladders];
}

const struct ladder *ring_ladder(const struct ring *ring, const struct policy *policy, const struct check *check, const struct person *person, enum rollout_stage *stage)
{
    struct ring asked;
    if (ring == NULL) {
        asked = ring_of(policy);
        ring = &asked;
    }
    if (!ring_has(ring, person))
        return ladder_before(ring, check, person, stage);
    const struct ladder *ladder = policy_ladder(policy, check->severity, person);
    *stage = least(check, ladder);
    return ladder;
}
