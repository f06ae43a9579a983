/* The levers of a person: what a closing moves outside. */
#include "posture/person.h"

const char *lever_state_name(unsigned state)
{
    static const char *const names[] = { [LEVER_OFF] = "open", [LEVER_BEGUN] = "begun", [LEVER_DONE] = "done", [LEVER_FOUND] = "found" };
    return state <= LEVER_FOUND ? names[state] : "open";
}

static bool is_it(const struct lever *l, struct span kind, struct span target) { return span_equal(l->kind, kind) && span_equal(l->target, target); }

const struct lever *person_lever(const struct person *p, struct span kind, struct span target)
{
    for (size_t i = 0; i < p->lever_count; i++)
        if (is_it(&p->levers[i], kind, target))
            return &p->levers[i];
    return NULL;
}

bool person_set_lever(struct person *p, const struct lever *lever)
{
    struct lever *all = arena_array(&p->arena, p->lever_count + 1, sizeof *all);
    struct lever own = *lever;
    size_t count = 0;
    own.kind = arena_copy(&p->arena, lever->kind);
    own.target = arena_copy(&p->arena, lever->target);
    bool full = p->lever_count >= PERSON_MAX_LEVERS && person_lever(p, lever->kind, lever->target) == NULL;
    if (all == NULL || full || own.kind.bytes != lever->kind.bytes || own.target.bytes != lever->target.bytes)
        return false;
    for (size_t i = 0; i < p->lever_count; i++)
        if (!is_it(&p->levers[i], own.kind, own.target))
            all[count++] = p->levers[i];
    all[count++] = own;
    p->levers = all;
    p->lever_count = count;
    return true;
}

void person_drop_lever(struct person *p, struct span kind, struct span target)
{
    struct lever *all = arena_array(&p->arena, p->lever_count + 1, sizeof *all);
    size_t count = 0;
    for (size_t i = 0; all != NULL && i < p->lever_count; i++)
        if (!is_it(&p->levers[i], kind, target))
            all[count++] = p->levers[i];
    if (all == NULL)
        return;
    p->levers = all;
    p->lever_count = count;
}
