/* Whose status is due, and what the record makes of it. */
#include "gateway/effects_marker.h"

#include "posture/decision.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct span kind = { "slack.marker", 12 };
enum { EASES = PAUSE_ABSENCE | PAUSE_DISPUTE | PAUSE_INCIDENT | PAUSE_HOLIDAY | PAUSE_SNOOZE | PAUSE_EXEMPTION };

/* ---- the plan ---- */

static int rung_index(const struct ladder *ladder, struct span rung)
{
    for (size_t i = 0; i < ladder->rung_count; i++)
        if (span_equal(ladder->rungs[i].id, rung))
            return (int)i;
    return -1;
}

bool marker_rung_is_known(const struct marker_options *options, const struct policy *policy)
{
    for (size_t i = 0; i < policy->ladder_count; i++)
        if (rung_index(&policy->ladders[i], options->rung) >= 0)
            return true;
    return false;
}

static bool runs(const struct interval *time, int64_t now_s) { return time->from_s <= now_s && (time->to_s == 0 || time->to_s > now_s); }

static bool is_disputed(const struct person *p, struct span device, struct span check, int64_t now_s)
{
    for (size_t i = 0; i < p->dispute_count; i++)
        if (runs(&p->disputes[i].time, now_s) && span_equal(p->disputes[i].device, device) && span_equal(p->disputes[i].check, check))
            return true;
    return false;
}

static bool is_away(const struct person *p, int64_t now_s)
{
    for (size_t i = 0; i < p->absence_count; i++)
        if (runs(&p->absences[i].time, now_s))
            return true;
    return false;
}

/* An exempted check stands nowhere, but it is the same failure afterwards. */
static void look_at_standing(const struct marker_options *options, const struct ladder_input *in, const struct standing *s, struct marker_plan *plan)
{
    int from = s->ladder != NULL ? rung_index(s->ladder, options->rung) : -1;
    bool there = from >= 0 && s->stage == STAGE_ENFORCE && s->rung >= from;
    plan->stands = plan->stands || there || s->exemption != NULL;
    if (!there || (s->paused & EASES) != 0 || s->snoozed != NULL || is_disputed(in->person, in->device->id, s->check->id, in->now_s))
        return;
    plan->set = true;
    if (plan->device[0] == '\0' && in->device->id.bytes < sizeof plan->device)
        memcpy(plan->device, in->device->id.at, in->device->id.bytes);
}

static void look_at_device(const struct marker_options *options, const struct decision_input *known, const struct device *device, struct arena *arena, struct marker_plan *plan)
{
    struct ladder_input in = decision_ladder_input(known, device, known->person);
    struct standing *standings = NULL;
    if (device->removed || !span_empty(device->duplicate_of))
        return;
    size_t count = ladder_standings(&in, arena, &standings);
    for (size_t i = 0; i < count; i++)
        look_at_standing(options, &in, &standings[i], plan);
}

static void conclude(const struct decision_input *known, struct marker_plan *plan)
{
    const struct person *p = known->person;
    bool left = p->removed || span_empty(p->slack) || policy_is_break_glass(known->policy, p, SPAN_NONE);
    plan->why = left ? "left" : known->frozen ? "frozen" : is_away(p, known->now_s) ? "away" : plan->set ? "" : plan->stands ? "eased" : "below";
    plan->set = plan->why[0] == '\0';
}

void marker_plan_make(const struct node *node, const struct marker_options *options, struct span person, struct arena *arena, struct marker_plan *out)
{
    const struct directory *d = node->directory;
    const struct device *devices[MARKER_DEVICES_MOST];
    struct decision_input known = { 0 };
    *out = (struct marker_plan){ .why = "" };
    if (!directory_counts(d).complete)
        return;
    directory_enter(d);
    known.person = directory_person(d, person);
    if (known.person != NULL) {
        const struct person *p = known.person;
        directory_decision_input(d, p, clock_wall_s(node->clock), devices, MARKER_DEVICES_MOST, &known);
        known.person = p;
        out->known = known.policy != NULL;
        for (size_t i = 0; out->known && i < known.device_count; i++)
            look_at_device(options, &known, known.devices[i], arena, out);
        if (out->known)
            conclude(&known, out);
    }
    directory_leave(d);
}

/* ---- the record ---- */

const struct lever *marker_lever(const struct person *person)
{
    for (size_t i = 0; i < person->lever_count; i++)
        if (span_equal(person->levers[i].kind, kind))
            return &person->levers[i];
    return NULL;
}

/* Ours, digits only; anything else ended long ago. */
int64_t marker_lever_until(const struct lever *l)
{
    int64_t until_s = 0;
    for (size_t i = 0; i < l->target.bytes && i < 15; i++) {
        if (l->target.at[i] < '0' || l->target.at[i] > '9')
            return 0;
        until_s = until_s * 10 + (l->target.at[i] - '0');
    }
    return until_s;
}

enum marker_step marker_step(const struct marker_plan *plan, const struct person *person, int64_t now_s)
{
    const struct lever *l = marker_lever(person);
    if (l != NULL && l->state != LEVER_FOUND && now_s >= marker_lever_until(l))
        return MARKER_ENDS;
    if (!plan->known)
        return MARKER_STAYS;
    if (l == NULL)
        return plan->set && !person->removed && !span_empty(person->slack) ? MARKER_SETS : MARKER_STAYS;
    if (l->state != LEVER_FOUND)
        return l->wanted && !plan->set ? MARKER_CLEARS : MARKER_STAYS;
    if (l->wanted != plan->stands)
        return plan->stands ? MARKER_RETURNS : MARKER_RESTS;
    return !l->wanted && now_s - l->at_s >= PASS_HELD_S ? MARKER_FORGETS : MARKER_STAYS;
}

bool marker_change(struct person *copy, bool wanted, unsigned state, int64_t now_s)
{
    const struct lever *now = marker_lever(copy);
    if (now == NULL)
        return true;
    struct lever l = *now;
    l.wanted = wanted;
    l.state = state;
    l.at_s = now_s;
    return person_set_lever(copy, &l);
}

bool marker_apply(enum marker_step step, const struct marker_options *options, struct person *copy, int64_t now_s)
{
    char until[24];
    const struct lever *now = marker_lever(copy);
    switch (step) {
    case MARKER_SETS:
        snprintf(until, sizeof until, "%lld", (long long)(now_s + options->length_s));
        return person_set_lever(copy, &(struct lever){ kind, span_of(until), true, LEVER_BEGUN, now_s });
    case MARKER_CLEARS: return marker_change(copy, false, now->state, now_s);
    case MARKER_ENDS:
    case MARKER_RETURNS: return marker_change(copy, true, LEVER_FOUND, now_s);
    case MARKER_RESTS: return marker_change(copy, false, LEVER_FOUND, now_s);
    case MARKER_FORGETS: person_drop_lever(copy, now->kind, now->target); return true;
    case MARKER_STAYS: break;
    }
    return true;
}
