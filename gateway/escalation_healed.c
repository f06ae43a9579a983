#include "gateway/escalation_healed.h"

#include "gateway/change.h"

#include <string.h>

enum { HEALED_A_COMMIT = 32 /* the rest at the next look, which this commit causes */ };

/* ---- what is so now ---- */

static bool passes(const struct result *r) { return r->verdict == VERDICT_PASS || r->verdict == VERDICT_NOT_APPLICABLE; }

static bool heal_passing(const struct told *t, const struct result *r, int64_t now_s, struct healing *h, int64_t *due_s)
{
    int64_t since_s = t->passed_s != 0 ? t->passed_s : r->changed_s;
    if (now_s - since_s >= PASS_HELD_S) {
        h->what = HEAL_FORGOTTEN;
        return true;
    }
    if (*due_s == 0 || since_s + PASS_HELD_S < *due_s)
        *due_s = since_s + PASS_HELD_S;
    h->what = HEAL_PASSES;
    h->at_s = since_s;
    return t->passed_s == 0;
}

static bool heal_failing(const struct told *t, const struct result *r, struct healing *h)
{
    if (t->passed_s == 0 || r->first_failed_s <= t->passed_s)
        return false;
    h->what = r->first_failed_s - t->passed_s < PASS_HELD_S ? HEAL_RESUMED : HEAL_RENEWED;
    h->at_s = r->first_failed_s;
    return true;
}

/* Told about something that is no longer so: it passes, the device is gone or somebody else's, or nobody asks any more. Unknown is not healed. */
static bool heal(const struct node *node, const struct person *person, const struct told *t, int64_t now_s, struct healing *h, int64_t *due_s)
{
    const struct policy *policy = directory_control(node->directory)->policy;
    const struct device *device = directory_device(node->directory, t->device);
    h->what = HEAL_FORGOTTEN;
    if (device == NULL || policy == NULL)
        return false; /* not known here (yet) */
    if (device->removed || !span_equal(device->owner, person->id) || policy_check(policy, t->check) == NULL)
        return true;
    const struct result *r = device_result(device, t->check);
    if (r == NULL)
        return false;
    return passes(r) ? heal_passing(t, r, now_s, h, due_s) : heal_failing(t, r, h);
}

void healed_look(const struct node *node, const struct person *person, int64_t now_s, struct arena *arena, struct healings *out)
{
    *out = (struct healings){ .all = arena_array(arena, person->told_count + 1, sizeof *out->all) };
    for (size_t i = 0; out->all != NULL && i < person->told_count; i++) {
        const struct told *t = &person->told[i];
        struct healing h = { .at_s = 0 };
        if (!heal(node, person, t, now_s, &h, &out->due_s))
            continue;
        h.device = arena_copy(arena, t->device);
        h.check = arena_copy(arena, t->check);
        out->all[out->count++] = h;
    }
}

/* ---- the record ---- */

struct committing { const struct node *node; struct span person, cause; const struct healings *healings; };

static const char *event_of(const struct told *t, enum heal what)
{
    if (what == HEAL_RESUMED)
        return "person.relapsed";
    return t->passed_s == 0 ? "person.healed" : "person.cleared";
}

static bool add_event(const struct committing *c, const struct healing *h, const char *type, struct change_events *events)
{
    CLEANUP(buf_done) struct buf data;
    struct to_json w;
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "check", h->check);
    to_json_end(&w);
    return !data.failed && change_event(events, c->node, type, c->person, h->device, c->cause, buf_span(&data));
}

/* Only what was told since the new failure began stays. False: nothing of it. */
static bool renew(struct told *t, int64_t failed_s)
{
    unsigned kept = t->count < TOLD_TIMES ? t->count : TOLD_TIMES, more = t->count - kept, count = 0;
    for (unsigned i = 0; i < kept; i++)
        if (t->at_s[i] >= failed_s)
            t->at_s[count++] = t->at_s[i];
    t->count = count + (t->last_s >= failed_s && count == kept ? more : 0);
    t->passed_s = t->resumed_s = t->flapped_s = 0;
    return t->count > 0;
}

/* The stored record may have moved on: what it says of passing is what counts. */
static bool apply(const struct committing *c, struct person *copy, const struct healing *h, struct change_events *events)
{
    const struct told *known = person_told(copy, h->device, h->check);
    struct told *t = (struct told *)(uintptr_t)known; /* of a copy: its lists are its own */
    if (t == NULL || (h->what == HEAL_PASSES && t->passed_s != 0) || ((h->what == HEAL_RESUMED || h->what == HEAL_RENEWED) && t->passed_s == 0))
        return true;
    if (!add_event(c, h, event_of(t, h->what), events))
        return false;
    switch (h->what) {
    case HEAL_PASSES: t->passed_s = h->at_s; break;
    case HEAL_RESUMED:
        t->flapped_s += h->at_s - t->passed_s;
        t->resumed_s = h->at_s;
        t->passed_s = 0;
        break;
    case HEAL_RENEWED:
        if (!renew(t, h->at_s))
            person_forget_told(copy, h->device, h->check);
        break;
    case HEAL_FORGOTTEN: person_forget_told(copy, h->device, h->check); break;
    }
    return true;
}

static enum change_say edit(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    const struct committing *c = context;
    for (size_t i = 0; i < c->healings->count && events->count < HEALED_A_COMMIT; i++)
        if (!apply(c, copy, &c->healings->all[i], events))
            return (void)err_set(err, ERR_MEMORY, "what %.*s was told", SPAN_ARGS(c->person)), CHANGE_REFUSE;
    return events->count > 0 ? CHANGE_COMMIT : CHANGE_NOTHING;
}

enum err_code healed_commit(const struct node *node, struct store *store, struct span person, struct span cause, const struct healings *healings, struct err *err)
{
    struct committing c = { node, person, cause, healings };
    return healings->count == 0 ? OK : change_person(node, store, person, false, edit, &c, err);
}
