#include "posture/simulate_totals.h"

#include <stdlib.h>
#include <string.h>

enum { SEEN_NUDGED = 1, SEEN_CLOSED = 2 /* and the bit above for what only would */ };

static bool make_days(struct simulate_totals *t, const struct simulate_options *o)
{
    const struct calendar *calendar = o->world->calendar;
    struct span zone = t->policy->nudges.zone;
    t->days = arena_array(t->arena, SIMULATE_DAYS_MOST + 2, sizeof *t->days);
    if (t->days == NULL)
        return false;
    for (int64_t at_s = o->from_s; at_s <= o->to_s && t->day_count < SIMULATE_DAYS_MOST + 2; at_s = calendar_next_day(calendar, zone, at_s))
        t->days[t->day_count++] = (struct simulated_day){ .from_s = at_s, .day = calendar_local(calendar, zone, at_s).day };
    return true;
}

/* Of the policy's own ladders: somebody outside of its ring is on another's, whose rungs count where the names are the same. */
static bool make_rungs(struct simulate_totals *t)
{
    size_t count = 0;
    for (size_t i = 0; i < t->policy->ladder_count; i++)
        count += t->policy->ladders[i].rung_count;
    t->rungs = arena_array(t->arena, count + 1, sizeof *t->rungs);
    for (size_t i = 0; t->rungs != NULL && i < t->policy->ladder_count; i++)
        for (size_t k = 0; k < t->policy->ladders[i].rung_count; k++)
            t->rungs[t->rung_count++] = (struct simulated_rung){ .ladder = t->policy->ladders[i].id, .rung = t->policy->ladders[i].rungs[k].id };
    return t->rungs != NULL;
}

bool simulate_totals_init(struct simulate_totals *t, const struct simulate_options *options, size_t names, struct arena *arena)
{
    *t = (struct simulate_totals){ .policy = options->world->policy, .arena = arena, .name_room = names < SIMULATE_NAMES_MOST ? names : SIMULATE_NAMES_MOST };
    t->names = calloc(2 * t->name_room + 1, sizeof *t->names); /* half of it is sorted away when it is full */
    return t->names != NULL && make_days(t, options) && make_rungs(t);
}

void simulate_totals_done(struct simulate_totals *t)
{
    free(t->names);
    t->names = NULL;
}

void simulate_totals_person(struct simulate_totals *t, size_t devices)
{
    t->persons++;
    t->devices += devices;
    t->seen = 0;
}

static struct simulated_day *day_of(struct simulate_totals *t, int64_t at_s)
{
    size_t low = 0, high = t->day_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (t->days[middle].from_s <= at_s)
            low = middle;
        else
            high = middle;
    }
    return &t->days[low];
}

static void copy(char *to, size_t room, struct span from)
{
    size_t bytes = from.bytes < room ? from.bytes : room - 1;
    memcpy(to, bytes > 0 ? from.at : "", bytes);
    to[bytes] = '\0';
}

static int earliest_first(const void *left, const void *right)
{
    const struct simulated_name *a = left, *b = right;
    if (a->at_s != b->at_s)
        return a->at_s < b->at_s ? -1 : 1;
    int order = strcmp(a->person, b->person);
    order = order != 0 ? order : strcmp(a->device, b->device);
    return order != 0 ? order : (int)b->in_force - (int)a->in_force;
}

void simulate_totals_sort(struct simulate_totals *t)
{
    qsort(t->names, t->name_count, sizeof *t->names, earliest_first);
    t->name_count = t->name_count < t->name_room ? t->name_count : t->name_room;
}

static void add_name(struct simulate_totals *t, const struct simulated_event *e)
{
    t->names_all++;
    if (t->name_room == 0)
        return;
    if (t->name_count == 2 * t->name_room)
        simulate_totals_sort(t);
    struct simulated_name *n = &t->names[t->name_count++];
    n->at_s = e->at_s;
    n->in_force = e->in_force;
    n->closes = e->closes;
    copy(n->person, sizeof n->person, e->person->id);
    copy(n->email, sizeof n->email, e->person->email_count > 0 ? e->person->emails[0] : SPAN_NONE);
    copy(n->device, sizeof n->device, e->device->id);
    copy(n->name, sizeof n->name, e->device->name);
    copy(n->rung, sizeof n->rung, e->rung);
    copy(n->check, sizeof n->check, e->check);
}

static void count_closing(struct simulate_totals *t, const struct simulated_event *e)
{
    unsigned how = e->in_force ? 0 : 1, seen = (unsigned)SEEN_CLOSED << how;
    struct simulated_closings *c = &t->closings[how];
    c->devices++;
    c->persons += (t->seen & seen) == 0;
    t->seen |= seen;
    for (size_t i = 0; i < t->policy->sensitivity_count; i++)
        c->by_sensitivity[i] += (e->closes >> i & 1U) != 0;
    if (t->day_count > 0)
        day_of(t, e->at_s)->closings[how]++;
    add_name(t, e);
}

static void count_rung(struct simulate_totals *t, const struct simulated_event *e)
{
    for (size_t i = 0; !span_empty(e->rung) && i < t->rung_count; i++)
        if (span_equal(t->rungs[i].rung, e->rung) && span_equal(t->rungs[i].ladder, e->ladder)) {
            t->rungs[i].devices[e->in_force ? 0 : 1]++;
            return;
        }
}

void simulate_totals_event(void *totals, const struct simulated_event *e)
{
    struct simulate_totals *t = totals;
    switch (e->kind) {
    case SIMULATED_NUDGE:
        t->nudges++;
        t->nudged_persons += (t->seen & SEEN_NUDGED) == 0;
        t->seen |= SEEN_NUDGED;
        if (t->day_count > 0)
            day_of(t, e->at_s)->nudges++;
        break;
    case SIMULATED_RUNG: count_rung(t, e); break;
    case SIMULATED_CLOSED: count_closing(t, e); break;
    case SIMULATED_OPENED: break;
    }
}

static void add_names(struct simulate_totals *to, const struct simulate_totals *from)
{
    to->names_all += from->names_all;
    for (size_t i = 0; to->name_room > 0 && i < from->name_count; i++) {
        if (to->name_count == 2 * to->name_room)
            simulate_totals_sort(to);
        to->names[to->name_count++] = from->names[i];
    }
    simulate_totals_sort(to);
}

void simulate_totals_add(struct simulate_totals *to, const struct simulate_totals *from)
{
    to->persons += from->persons;
    to->devices += from->devices;
    to->nudges += from->nudges;
    to->nudged_persons += from->nudged_persons;
    to->cut_short += from->cut_short;
    for (size_t i = 0; i < to->day_count && i < from->day_count; i++) {
        to->days[i].nudges += from->days[i].nudges;
        to->days[i].closings[0] += from->days[i].closings[0];
        to->days[i].closings[1] += from->days[i].closings[1];
    }
    for (size_t i = 0; i < to->rung_count && i < from->rung_count; i++) {
        to->rungs[i].devices[0] += from->rungs[i].devices[0];
        to->rungs[i].devices[1] += from->rungs[i].devices[1];
    }
    for (size_t how = 0; how < 2; how++) {
        to->closings[how].devices += from->closings[how].devices;
        to->closings[how].persons += from->closings[how].persons;
        for (size_t i = 0; i < POLICY_MAX_SENSITIVITIES; i++)
            to->closings[how].by_sensitivity[i] += from->closings[how].by_sensitivity[i];
    }
    add_names(to, from);
}
