#include "gateway/exemptions.h"

#include "connectors/notify/nudge_text.h"
#include "posture/holiday.h"

#include <stdio.h>
#include <stdlib.h>

enum { LAST_MINUTE_S = 60 /* a day ends at 23:59: midnight would be told as the next day */ };

struct span exemption_person(struct span who)
{
    struct span prefix = SPAN_LITERAL("person:");
    return span_starts(who, prefix) ? span_slice(who, prefix.bytes, who.bytes) : SPAN_NONE;
}

static const struct person *live_person(const struct directory *d, struct span id)
{
    const struct person *p = span_empty(id) ? NULL : directory_person(d, id);
    return p == NULL || p->removed ? NULL : p;
}

/* ---- asking ---- */

enum exemption_offer exemption_offer(const struct ladder_input *in, struct span check, const struct exemption **which)
{
    const struct check *known = in->policy != NULL ? policy_check(in->policy, check) : NULL;
    const struct exemption *of_check = NULL, *holds = exemption_for(in->exemptions, in->person, in->device, check, in->now_s), *waits = NULL;
    size_t count = exemptions_of_check(in->exemptions, check, &of_check);
    for (size_t i = 0; i < count && waits == NULL; i++)
        if (of_check[i].state == EXEMPTION_ASKED && exemption_concerns(&of_check[i], in->person, in->device, check))
            waits = &of_check[i];
    if (which != NULL)
        *which = holds != NULL ? holds : waits;
    if (holds != NULL)
        return EXEMPTION_IN_FORCE;
    if (waits != NULL)
        return EXEMPTION_WAITS;
    return known != NULL && known->exemptions ? EXEMPTION_OFFERED : EXEMPTION_NOT_ALLOWED;
}

const struct exemption *exemption_declined(const struct ladder_input *in, struct span check)
{
    const struct exemption *of_check = NULL, *newest = NULL;
    size_t count = exemptions_of_check(in->exemptions, check, &of_check);
    for (size_t i = 0; i < count; i++) {
        const struct exemption *e = &of_check[i];
        bool shown = e->state == EXEMPTION_REFUSED && in->now_s - e->decided_s < EXEMPTION_ANSWER_SHOWN_S && exemption_concerns(e, in->person, in->device, check);
        if (shown && (newest == NULL || e->decided_s > newest->decided_s))
            newest = e;
    }
    return newest;
}

static struct span zone_of(const struct node *node, const struct person *person)
{
    const struct policy *policy = directory_control(node->directory)->policy;
    return policy != NULL ? calendar_zone(policy, person) : SPAN_LITERAL("UTC");
}

enum exemption_until exemption_until(const struct node *node, const struct person *person, struct span text, int64_t latest_s, int64_t *end_s)
{
    struct span zone = zone_of(node, person);
    int32_t day = 0;
    *end_s = 0;
    if (span_empty(text))
        return EXEMPTION_UNTIL_GOOD;
    if (!holiday_date(text, &day))
        return EXEMPTION_UNTIL_NO_DATE;
    int64_t from_s = calendar_day_start(node->calendar, zone, day), to_s = calendar_next_day(node->calendar, zone, from_s) - LAST_MINUTE_S;
    if (to_s <= clock_wall_s(node->clock))
        return EXEMPTION_UNTIL_PAST;
    if (from_s >= latest_s)
        return EXEMPTION_UNTIL_TOO_FAR;
    *end_s = to_s < latest_s ? to_s : latest_s;
    return EXEMPTION_UNTIL_GOOD;
}

const char *exemption_day(const struct node *node, const struct person *person, int64_t at_s, char text[EXEMPTION_DAY_BYTES])
{
    int32_t day = calendar_local(node->calendar, zone_of(node, person), at_s).day;
    snprintf(text, EXEMPTION_DAY_BYTES, "%04d-%02d-%02d", (int)(day / 10000 % 10000), (int)(day / 100 % 100), (int)(day % 100));
    return text;
}

/* ---- deciding ---- */

bool exemption_is_about(const struct directory *d, const struct exemption *e, const struct person *person)
{
    const struct device *device = e->scope == EXEMPT_DEVICE ? directory_device(d, e->subject) : NULL;
    switch (e->scope) {
    case EXEMPT_PERSON: return span_equal(e->subject, person->id);
    case EXEMPT_DEVICE: return device != NULL && span_equal(device->owner, person->id);
    case EXEMPT_GROUP: return person_in_group(person, e->subject);
    case EXEMPT_SCOPES: break;
    }
    return false;
}

bool exemption_may_decide(const struct directory *d, const struct exemption *e, const struct person *person)
{
    const struct policy *policy = directory_control(d)->policy;
    bool asked_for_it = span_equal(exemption_person(e->requester), person->id);
    return policy != NULL && policy_is_approver(policy, person) && !asked_for_it && !exemption_is_about(d, e, person);
}

static int by_asked(const void *left, const void *right)
{
    const struct exemption *a = *(const struct exemption *const *)left, *b = *(const struct exemption *const *)right;
    return a->asked_s != b->asked_s ? (a->asked_s < b->asked_s ? -1 : 1) : span_compare(a->id, b->id);
}

size_t exemptions_to_decide(const struct directory *d, const struct person *person, const struct exemption **out, size_t most)
{
    const struct control *control = directory_control(d);
    const struct exemption *found[EXEMPTIONS_MOST];
    size_t count = 0;
    if (control->policy == NULL || !policy_is_approver(control->policy, person))
        return 0;
    for (size_t i = 0; i < control->exemptions.count && count < EXEMPTIONS_MOST; i++)
        if (control->exemptions.all[i].state == EXEMPTION_ASKED && exemption_may_decide(d, &control->exemptions.all[i], person))
            found[count++] = &control->exemptions.all[i];
    if (count > 1)
        qsort(found, count, sizeof *found, by_asked);
    for (size_t i = 0; i < count && i < most; i++)
        out[i] = found[i];
    return count;
}

struct span exemption_who(const struct directory *d, struct span who, struct arena *arena)
{
    const struct person *p = live_person(d, exemption_person(who));
    if (p == NULL)
        return span_empty(exemption_person(who)) ? SPAN_LITERAL("an admin") : SPAN_LITERAL("somebody who has left");
    if (span_empty(p->name) || p->email_count == 0)
        return !span_empty(p->name) ? p->name : p->email_count > 0 ? p->emails[0] : p->id;
    return arena_format(arena, "%.*s (%.*s)", SPAN_ARGS(p->name), SPAN_ARGS(p->emails[0]));
}

static struct span short_name(const struct person *p) { return !span_empty(p->name) ? p->name : p->email_count > 0 ? p->emails[0] : p->id; }

struct span exemption_subject(const struct directory *d, const struct exemption *e, struct arena *arena)
{
    const struct device *device = e->scope == EXEMPT_DEVICE ? directory_device(d, e->subject) : NULL;
    const struct person *p = live_person(d, e->scope == EXEMPT_PERSON ? e->subject : device != NULL ? device->owner : SPAN_NONE);
    if (e->scope == EXEMPT_GROUP)
        return arena_format(arena, "everybody in %.*s", SPAN_ARGS(e->subject));
    if (device != NULL) {
        struct span name = !span_empty(device->name) ? device->name : !span_empty(device->model) ? device->model : device->id;
        return p == NULL ? name : arena_format(arena, "%.*s, of %.*s", SPAN_ARGS(name), SPAN_ARGS(short_name(p)));
    }
    return p == NULL ? SPAN_LITERAL("something that is gone") : arena_format(arena, "all devices of %.*s", SPAN_ARGS(short_name(p)));
}

/* ---- who is to hear of it ---- */

const struct person *exemption_asker(const struct directory *d, const struct exemption *e)
{
    const struct person *p = live_person(d, exemption_person(e->requester));
    if (p != NULL || e->scope == EXEMPT_GROUP)
        return p;
    if (e->scope == EXEMPT_PERSON)
        return live_person(d, e->subject);
    const struct device *device = directory_device(d, e->subject);
    return device == NULL ? NULL : live_person(d, device->owner);
}

static int by_end(const void *left, const void *right)
{
    const struct exemption *a = *(const struct exemption *const *)left, *b = *(const struct exemption *const *)right;
    return a->end_s != b->end_s ? (a->end_s < b->end_s ? -1 : 1) : span_compare(a->id, b->id);
}

size_t exemptions_ending(const struct directory *d, const struct person *person, int64_t now_s, const struct exemption **out, size_t most)
{
    const struct exemptions all = directory_control(d)->exemptions;
    size_t count = 0;
    for (size_t i = 0; i < all.count && count < most; i++) {
        const struct exemption *e = &all.all[i];
        if (e->state != EXEMPTION_APPROVED || now_s >= e->end_s || now_s < e->end_s - EXEMPTION_REMIND_S || person_was_reminded(person, e->id))
            continue;
        if (span_equal(exemption_person(e->approver), person->id) || exemption_asker(d, e) == person)
            out[count++] = e;
    }
    if (count > 1)
        qsort(out, count, sizeof *out, by_end);
    return count;
}

size_t exemption_reminders(const struct directory *d, const struct person *person, int64_t now_s, struct arena *arena, const struct nudge_text_reminder **out)
{
    const struct control *control = directory_control(d);
    const struct notice *n = &person->notice;
    struct nudge_text_reminder *all = arena_array(arena, n->reminder_count + 1, sizeof *all);
    size_t count = 0;
    *out = all;
    for (size_t i = 0; all != NULL && i < n->reminder_count && count < NUDGE_REMINDERS; i++) {
        const struct exemption *e = exemption_by_id(control->exemptions, n->reminders[i].exemption);
        const struct check *check = e != NULL && control->policy != NULL ? policy_check(control->policy, e->check) : NULL;
        if (e == NULL || e->state != EXEMPTION_APPROVED || now_s >= e->end_s)
            continue;
        all[count++] = (struct nudge_text_reminder){ check != NULL ? check->title : e->check, exemption_subject(d, e, arena), e->end_s,
                                                     !span_equal(exemption_person(e->approver), person->id) };
    }
    return count;
}

struct approvers { const struct policy *policy; const struct person **out; size_t count, most; };

static void add_approver(struct approvers *a, const struct person *p)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->out[i] == p)
            return;
    if (a->count < a->most)
        a->out[a->count++] = p;
}

static bool note_approver(void *context, const struct person *p)
{
    struct approvers *a = context;
    if (policy_is_approver(a->policy, p))
        add_approver(a, p);
    return a->count < a->most;
}

size_t exemption_approvers(const struct directory *d, const struct person **out, size_t most)
{
    struct approvers a = { directory_control(d)->policy, out, 0, most };
    bool groups = false;
    for (size_t i = 0; a.policy != NULL && i < a.policy->exemptions.approver_count; i++) {
        struct span who = a.policy->exemptions.approvers[i];
        bool mail = span_find(who, '@') < who.bytes;
        const struct person *p = mail ? directory_person_by(d, who) : NULL;
        groups = groups || !mail;
        if (p != NULL && !p->removed)
            add_approver(&a, p);
    }
    if (groups)
        directory_each_person(d, note_approver, &a);
    return a.count;
}
