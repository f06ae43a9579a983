#include "gateway/escalation_healed.h"

#include "gateway/change.h"

#include <string.h>

enum { HEALED_A_COMMIT = 32 /* the rest at the next look, which this commit causes */ };

/* ---- what is so now ---- */

struct looking { const struct node *node; const struct person *person; int64_t now_s; struct arena *arena; };

/* Asked at the first look, while the device's record still says when it was on. */
static int64_t used_by(const struct looking *l, const struct device *device, const struct told *t, int64_t passed_s)
{
    struct decision_input known = { 0 };
    directory_decision_input(l->node->directory, NULL, l->now_s, NULL, 0, &known);
    struct ladder_input in = decision_ladder_input(&known, device, l->person);
    return ladder_used(&in, t, passed_s, l->arena);
}

/* NULL: not known here (yet). *over: the device is gone or somebody else's, or nobody asks any more. */
static const struct result *result_of(const struct looking *l, struct span device_id, struct span check, const struct device **device, bool *over)
{
    const struct policy *policy = directory_control(l->node->directory)->policy;
    *device = directory_device(l->node->directory, device_id);
    *over = *device != NULL && policy != NULL && ((*device)->removed || !span_equal((*device)->owner, l->person->id) || policy_check(policy, check) == NULL);
    return *over || *device == NULL || policy == NULL ? NULL : device_result(*device, check);
}

/* Told about something that is no longer so: it passes, or nobody asks any more. Unknown is not healed. */
static bool look_at_told(const struct looking *l, const struct told *t, struct mending *m, int64_t *due_s)
{
    const struct device *device;
    bool over;
    const struct result *r = result_of(l, t->device, t->check, &device, &over);
    *m = (struct mending){ t->device, t->check, MENDING_FORGOTTEN, 0, 0 };
    if (r == NULL)
        return over;
    bool found = mending_of_told(t, r, l->now_s, m, due_s);
    if (found && mending_passes(r) && t->passed_s == 0)
        m->used_s = used_by(l, device, t, m->at_s);
    return found;
}

static bool look_at_mended(const struct looking *l, const struct mended *kept, struct mending *m)
{
    const struct device *device;
    bool over;
    const struct result *r = result_of(l, kept->device, kept->check, &device, &over);
    *m = (struct mending){ kept->device, kept->check, MENDING_UNTOLD, 0, 0 };
    return r == NULL ? over : mending_of_mended(kept, person_told(l->person, kept->device, kept->check), r, m);
}

static void keep(struct healings *out, const struct mending *m, struct arena *arena)
{
    struct mending own = *m;
    own.device = arena_copy(arena, m->device);
    own.check = arena_copy(arena, m->check);
    out->all[out->count++] = own;
}

void healed_look(const struct node *node, const struct person *person, int64_t now_s, struct arena *arena, struct healings *out)
{
    const struct looking l = { node, person, now_s, arena };
    struct mending m;
    *out = (struct healings){ .all = arena_array(arena, person->told_count + person->mended_count + 1, sizeof *out->all) };
    for (size_t i = 0; out->all != NULL && i < person->told_count; i++)
        if (look_at_told(&l, &person->told[i], &m, &out->due_s))
            keep(out, &m, arena);
    for (size_t i = 0; out->all != NULL && i < person->mended_count; i++)
        if (look_at_mended(&l, &person->mended[i], &m))
            keep(out, &m, arena);
}

/* ---- the record ---- */

struct committing { const struct node *node; struct span person, cause; const struct healings *healings; };

static const char *event_of(const struct mending *m, bool seen)
{
    if (m->kind == MENDING_RESUMED)
        return "person.relapsed";
    if (m->kind == MENDING_RECURRED)
        return "person.recurred";
    return seen || m->kind == MENDING_UNTOLD ? "person.cleared" : "person.healed";
}

/* Of this failure alone, and in no record but the event's: a report has no calendar to work it out with (holidays). 0: not known, or nothing. */
static int64_t counted_by(const struct person *before, const struct mending *m)
{
    const struct mended *earlier = person_mended(before, m->device, m->check);
    return m->kind == MENDING_PASSES ? m->used_s - (earlier != NULL && earlier->failed_s != 0 ? earlier->used_s : 0) : 0;
}

static bool add_event(const struct committing *c, const struct mending *m, const char *type, int64_t counted_s, struct change_events *events)
{
    CLEANUP(buf_done) struct buf data;
    struct to_json w;
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "check", m->check);
    to_json_member_int_if(&w, "used", m->kind == MENDING_RECURRED ? m->used_s : 0);
    to_json_member_int_if(&w, "counted", counted_s > 0 ? counted_s : 0);
    to_json_end(&w);
    return !data.failed && change_event(events, c->node, type, c->person, m->device, c->cause, buf_span(&data));
}

static bool apply(const struct committing *c, struct person *copy, const struct mending *m, struct change_events *events)
{
    bool done, seen;
    int64_t counted_s = counted_by(copy, m);
    return mending_apply(copy, m, &copy->arena, &done, &seen) && (!done || add_event(c, m, event_of(m, seen), counted_s, events));
}

static enum change_say edit(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    const struct committing *c = context;
    for (size_t i = 0; i < c->healings->count && events->count < HEALED_A_COMMIT; i++)
        if (!apply(c, copy, &c->healings->all[i], events))
            return (void)err_set(err, ERR_MEMORY, "what %.*s was told", SPAN_ARGS(c->person)), CHANGE_REFUSE;
    person_prune_mended(copy, clock_wall_s(c->node->clock));
    return events->count > 0 ? CHANGE_COMMIT : CHANGE_NOTHING;
}

enum err_code healed_commit(const struct node *node, struct store *store, struct span person, struct span cause, const struct healings *healings, struct err *err)
{
    struct committing c = { node, person, cause, healings };
    return healings->count == 0 ? OK : change_person(node, store, person, false, edit, &c, err);
}
