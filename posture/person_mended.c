/* What a person mended: the clock of a failure that comes back goes on from here. */
#include "posture/person.h"

static bool is_it(const struct mended *m, struct span device, struct span check) { return span_equal(m->device, device) && (span_empty(check) || span_equal(m->check, check)); }

const struct mended *person_mended(const struct person *p, struct span device, struct span check)
{
    for (size_t i = 0; i < p->mended_count; i++)
        if (is_it(&p->mended[i], device, check))
            return &p->mended[i];
    return NULL;
}

/* Of a person that nobody else has seen yet: its lists are its own. */
static struct mended *editable(struct person *p) { return (struct mended *)(uintptr_t)p->mended; }

struct mended *person_edit_mended(struct person *p, struct span device, struct span check)
{
    const struct mended *known = person_mended(p, device, check);
    return known != NULL ? editable(p) + (known - p->mended) : NULL;
}

void person_drop_mended(struct person *p, struct span device, struct span check)
{
    struct mended *all = editable(p);
    size_t kept = 0;
    for (size_t i = 0; i < p->mended_count; i++)
        if (!is_it(&all[i], device, check))
            all[kept++] = all[i];
    p->mended_count = kept;
}

void person_prune_mended(struct person *p, int64_t now_s)
{
    struct mended *all = editable(p);
    size_t kept = 0;
    for (size_t i = 0; i < p->mended_count; i++)
        if (all[i].failed_s != 0 || now_s - all[i].passed_s < RELAPSE_S)
            all[kept++] = all[i];
    p->mended_count = kept;
}

static bool add(struct person *p, const struct mended *m, struct arena *arena)
{
    struct mended *all = arena_array(arena, p->mended_count + 1, sizeof *all);
    size_t kept = 0, from = p->mended_count >= PERSON_MAX_MENDED ? p->mended_count - PERSON_MAX_MENDED + 1 : 0;
    if (all == NULL)
        return false;
    for (size_t i = from; i < p->mended_count; i++)
        all[kept++] = p->mended[i];
    all[kept++] = *m;
    p->mended = all;
    p->mended_count = kept;
    return true;
}

bool person_set_mended(struct person *p, struct span device, struct span check, int64_t passed_s, int64_t used_s, struct arena *arena)
{
    struct mended m = { arena_copy(arena, device), arena_copy(arena, check), passed_s, used_s, 0 };
    person_drop_mended(p, device, check);
    if (passed_s == 0 || used_s <= 0)
        return true;
    return m.device.bytes == device.bytes && m.check.bytes == check.bytes && add(p, &m, arena);
}
