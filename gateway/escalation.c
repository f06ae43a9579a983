#include "gateway/escalation.h"

#include "gateway/change.h"
#include "gateway/escalation_healed.h"
#include "gateway/channels.h"
#include "gateway/effects_notice.h"
#include "gateway/exemptions.h"
#include "gateway/feed.h"

#include "connectors/notify/nudge_text.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 8 * 1024 * 1024, LATER_S = 1, UNKNOWN_S = 60 };

/* ---- standings from the directory ---- */

static bool is_live(const struct device *device)
{
    return device != NULL && !device->removed && !span_empty(device->owner) && span_empty(device->duplicate_of);
}

size_t escalation_standings(const struct node *node, const struct device *device, const struct person *owner, struct arena *arena, struct ladder_input *in, struct standing **standings)
{
    struct decision_input known = { 0 };
    directory_decision_input(node->directory, NULL, clock_wall_s(node->clock), NULL, 0, &known);
    *in = decision_ladder_input(&known, device, owner);
    *standings = NULL;
    if (in->policy == NULL || owner == NULL || owner->removed || !is_live(device))
        return 0;
    return ladder_standings(in, arena, standings);
}

/* ---- a device ---- */

struct device_look {
    const struct node *node;
    struct span device, owner, from, rung, cause; /* texts in `arena` */
    struct span would_from, would;
    struct span checks, would_checks, would_closes; /* JSON arrays */
    int64_t version, due_s, rung_s, deadline_s, would_s;
    bool known, would_warn;
    struct arena *arena;
};

/* The checks that stand on the rung that was reached. */
static struct span checks_on(const struct standing *standings, size_t count, struct span rung, struct arena *arena, int64_t *deadline_s)
{
    struct buf text;
    struct to_json w;
    buf_init(&text, EVENT_DATA_BYTES / 2);
    to_json_init(&w, &text);
    to_json_array(&w);
    for (size_t i = 0; i < count; i++) {
        const struct standing *s = &standings[i];
        if (s->close_s > 0 && (*deadline_s == 0 || s->close_s < *deadline_s))
            *deadline_s = s->close_s;
        if (s->ladder != NULL && s->rung >= 0 && span_equal(s->ladder->rungs[s->rung].id, rung))
            to_json_text(&w, s->check->id);
    }
    to_json_end(&w);
    struct span copy = arena_copy(arena, text.failed ? SPAN_LITERAL("[]") : buf_span(&text));
    buf_done(&text);
    return copy;
}

/* The checks that would stand on that rung, were their ladders enforced. */
static struct span checks_that_would(const struct standing *standings, size_t count, struct span rung, struct arena *arena)
{
    CLEANUP(buf_done) struct buf text;
    struct to_json w;
    buf_init(&text, EVENT_DATA_BYTES / 4);
    to_json_init(&w, &text);
    to_json_array(&w);
    for (size_t i = 0; i < count; i++)
        if (standings[i].stage != STAGE_ENFORCE && standings[i].would.rung >= 0 && span_equal(standings[i].ladder->rungs[standings[i].would.rung].id, rung))
            to_json_text(&w, standings[i].check->id);
    to_json_end(&w);
    return arena_copy(arena, text.failed ? SPAN_LITERAL("[]") : buf_span(&text));
}

static struct span sensitivities(const struct policy *policy, unsigned bits, struct arena *arena)
{
    CLEANUP(buf_done) struct buf text;
    struct to_json w;
    buf_init(&text, EVENT_DATA_BYTES / 4);
    to_json_init(&w, &text);
    to_json_array(&w);
    for (size_t i = 0; i < policy->sensitivity_count; i++)
        if ((bits & 1U << i) != 0)
            to_json_text(&w, policy->sensitivities[i]);
    to_json_end(&w);
    return arena_copy(arena, buf_span(&text));
}

static void look_at_would(struct device_look *l, const struct device *device, const struct policy *policy, const struct ladder_summary *summary, const struct standing *standings, size_t count)
{
    l->would_from = arena_copy(l->arena, device->would);
    l->would = arena_copy(l->arena, summary->would.rung);
    l->would_s = summary->would.rung_s;
    l->would_warn = summary->would.warn;
    if (span_equal(l->would_from, l->would) || span_empty(l->would))
        return;
    l->would_checks = checks_that_would(standings, count, l->would, l->arena);
    l->would_closes = sensitivities(policy, summary->would.closed, l->arena);
}

static void look(struct device_look *l)
{
    const struct directory *d = l->node->directory;
    struct ladder_input in;
    struct standing *standings = NULL;
    directory_enter(d);
    const struct device *device = directory_device(d, l->device);
    if (device != NULL) {
        size_t count = escalation_standings(l->node, device, directory_person(d, device->owner), l->arena, &in, &standings);
        struct ladder_summary summary = { 0 };
        if (count > 0)
            summary = ladder_summary(&in, standings, count);
        l->known = true;
        l->version = device->version;
        l->owner = arena_copy(l->arena, device->owner);
        l->from = arena_copy(l->arena, device->rung);
        l->rung = arena_copy(l->arena, summary.rung);
        l->rung_s = summary.rung_s;
        l->due_s = summary.due_s;
        l->checks = checks_on(standings, count, summary.rung, l->arena, &l->deadline_s);
        look_at_would(l, device, in.policy, &summary, standings, count);
    }
    directory_leave(d);
}

static bool write_rung_event(const struct device_look *l, struct span before, struct change_events *events)
{
    struct buf data;
    struct to_json w;
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "from", before);
    to_json_member_text(&w, "to", l->rung);
    to_json_key(&w, "checks");
    to_json_raw(&w, l->checks);
    to_json_member_int_if(&w, "reached", span_empty(l->rung) ? 0 : l->rung_s); /* by the ladder; this entry may come later */
    to_json_member_int_if(&w, "deadline", l->deadline_s);
    to_json_end(&w);
    bool added = !data.failed && change_event(events, l->node, "rung.changed", l->owner, l->device, l->cause, buf_span(&data));
    buf_done(&data);
    return added;
}

/* Nothing happened to anybody: for admins, reports and the comparison before a ladder is enforced. */
static bool write_would_event(const struct device_look *l, struct span before, struct change_events *events)
{
    CLEANUP(buf_done) struct buf data;
    struct to_json w;
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "from", before);
    to_json_member_text(&w, "to", l->would);
    if (!span_empty(l->would)) {
        to_json_key(&w, "checks");
        to_json_raw(&w, l->would_checks);
        to_json_key(&w, "closes");
        to_json_raw(&w, l->would_closes);
        to_json_member_bool(&w, "warns", l->would_warn);
    }
    to_json_end(&w);
    return !data.failed && change_event(events, l->node, "rung.would_change", l->owner, l->device, l->cause, buf_span(&data));
}

static bool edit_real(const struct device_look *l, struct device *copy, struct change_events *events)
{
    struct span before = copy->rung;
    if (span_equal(before, l->rung))
        return true;
    copy->rung = arena_copy(&copy->arena, l->rung);
    copy->rung_s = span_empty(l->rung) ? 0 : l->rung_s;
    return copy->rung.bytes == l->rung.bytes && write_rung_event(l, before, events);
}

static bool edit_would(const struct device_look *l, struct device *copy, struct change_events *events)
{
    struct span before = copy->would;
    if (span_equal(before, l->would))
        return true;
    copy->would = arena_copy(&copy->arena, l->would);
    copy->would_s = span_empty(l->would) ? 0 : l->would_s;
    return copy->would.bytes == l->would.bytes && write_would_event(l, before, events);
}

/* Only the state that was judged is changed: a newer one brings its own entry and is looked at then. */
static enum change_say edit_rung(void *context, struct device *copy, struct change_events *events, struct err *err)
{
    const struct device_look *l = context;
    if (copy->version != l->version)
        return CHANGE_NOTHING;
    if (!edit_would(l, copy, events) || !edit_real(l, copy, events))
        return (void)err_set(err, ERR_MEMORY, "rung of %.*s", SPAN_ARGS(l->device)), CHANGE_REFUSE;
    return events->count > 0 ? CHANGE_COMMIT : CHANGE_NOTHING;
}

static int64_t not_before_next(const struct node *node, int64_t at_s)
{
    int64_t now_s = clock_wall_s(node->clock);
    return at_s == 0 || at_s > now_s ? at_s : now_s + LATER_S;
}

enum err_code escalation_look_device(const struct node *node, struct store *store, struct span device, struct span cause, struct err *err)
{
    struct arena arena;
    arena_init(&arena, 16 * 1024, ARENA_BYTES);
    struct device_look l = { .node = node, .device = device, .cause = cause, .arena = &arena };
    look(&l);
    enum err_code code = OK;
    if (l.known && (!span_equal(l.from, l.rung) || !span_equal(l.would_from, l.would)))
        code = change_device(node, store, device, false, edit_rung, &l, err);
    if (code == ERR_NOT_FOUND)
        code = OK;
    /* A device that the directory does not have (yet) is looked at again later. */
    int64_t due_s = l.known ? not_before_next(node, l.due_s) : clock_wall_s(node->clock) + UNKNOWN_S;
    if (code == OK)
        code = store->ops->set_due(store, RECORD_DEVICE, device, due_s, true, err);
    arena_done(&arena);
    return code;
}

/* ---- what there is to tell ---- */

static int worse_first(const void *a, const void *b)
{
    const struct escalation_item *x = a, *y = b;
    if (x->rung != y->rung)
        return y->rung - x->rung;
    if (x->check->severity != y->check->severity)
        return (int)y->check->severity - (int)x->check->severity;
    if (x->check->minutes != y->check->minutes)
        return x->check->minutes < y->check->minutes ? -1 : 1;
    int order = span_compare(x->check->id, y->check->id);
    return order != 0 ? order : span_compare(x->device->id, y->device->id);
}

static size_t add_items(const struct standing *standings, size_t count, const struct device *device, struct escalation_item *items, size_t used)
{
    for (size_t i = 0; i < count && used < ESCALATION_ITEMS_MOST; i++) {
        const struct standing *s = &standings[i];
        if (!s->told)
            continue;
        unsigned then = s->next_close >= 0 ? s->ladder->rungs[s->next_close].close : 0;
        items[used++] = (struct escalation_item){ device, s->check, s->result, s->close_s, then & ~s->closed, s->closed, s->rung, s->carried_s > 0 };
    }
    return used;
}

size_t escalation_items(const struct node *node, const struct person *person, struct arena *arena, struct escalation_item **items)
{
    const struct device **devices = arena_array(arena, ESCALATION_DEVICES_MOST, sizeof(struct device *));
    struct ladder_input in;
    struct standing *standings;
    size_t used = 0;
    *items = arena_array(arena, ESCALATION_ITEMS_MOST, sizeof **items);
    if (devices == NULL || *items == NULL)
        return 0;
    size_t owned = directory_devices_of(node->directory, person->id, devices, ESCALATION_DEVICES_MOST);
    for (size_t i = 0; i < owned && i < ESCALATION_DEVICES_MOST; i++) {
        size_t count = escalation_standings(node, devices[i], person, arena, &in, &standings);
        used = add_items(standings, count, devices[i], *items, used);
    }
    qsort(*items, used, sizeof **items, worse_first);
    return used;
}

/* ---- a person ---- */

struct person_look {
    const struct node *node;
    struct span person, cause;
    struct arena *arena;
    bool known;
    struct healings healings;
    const struct notice_item *items; size_t item_count;
    const struct reminded *reminders; size_t reminder_count;
    bool greets;
    struct nudge_plan plan;
};

/* ---- a person: the notice ---- */

static struct nudge_input nudge_input(const struct person_look *l, const struct person *person)
{
    const struct control *control = directory_control(l->node->directory);
    return (struct nudge_input){ .policy = control->policy, .calendar = l->node->calendar, .person = person, .holidays = control->holidays, .now_s = clock_wall_s(l->node->clock), .frozen = control->frozen,
                                 .items = l->items, .item_count = l->item_count + l->reminder_count };
}

/* Said in the day's message, or alone on a day without one. */
static void look_for_reminders(struct person_look *l, const struct person *person)
{
    const struct exemption *ending[NUDGE_REMINDERS];
    size_t count = exemptions_ending(l->node->directory, person, clock_wall_s(l->node->clock), ending, NUDGE_REMINDERS);
    struct reminded *all = arena_array(l->arena, count + 1, sizeof *all);
    l->reminders = all;
    for (size_t i = 0; all != NULL && i < count; i++)
        all[l->reminder_count++] = (struct reminded){ arena_copy(l->arena, ending[i]->id), ending[i]->end_s };
}

static void look_for_items(struct person_look *l, const struct person *person)
{
    struct escalation_item *found = NULL;
    size_t count = escalation_items(l->node, person, l->arena, &found);
    struct notice_item *items = arena_array(l->arena, count + 1, sizeof *items);
    l->items = items;
    for (size_t i = 0; items != NULL && i < count; i++)
        items[l->item_count++] = (struct notice_item){ arena_copy(l->arena, found[i].device->id), arena_copy(l->arena, found[i].check->id), found[i].deadline_s };
}

/* Whoever was invited is greeted first; what is to fix is another day's message. */
static void look_for_greeting(struct person_look *l, const struct person *person)
{
    static const struct notice_item nothing[1];
    l->greets = person_awaits_greeting(person);
    if (!l->greets)
        return;
    l->items = nothing;
    l->item_count = 1;
    l->reminder_count = 0;
}

/* Who tries it on themselves waits for no hour. The cap holds all the same. */
static struct nudge_plan plan_message(const struct person_look *l, const struct nudge_input *in)
{
    struct nudge_plan plan = ladder_nudge(in);
    const struct person *p = in->person;
    bool under_way = !span_empty(p->notice.id) && (p->notice.state == NOTICE_RESERVED || p->notice.state == NOTICE_SENDING);
    if (plan.send || !l->greets || !p->onboarding.now || under_way)
        return plan;
    int32_t today = calendar_local(in->calendar, calendar_zone(in->policy, p), in->now_s).day;
    return p->nudge_day < today ? (struct nudge_plan){ .send = true, .at_s = in->now_s, .local_day = today } : plan;
}

static void look_at_person(struct person_look *l)
{
    const struct directory *d = l->node->directory;
    directory_enter(d);
    const struct person *person = directory_person(d, l->person);
    const struct policy *policy = directory_control(d)->policy;
    l->known = person != NULL && !person->removed && policy != NULL;
    if (l->known) {
        healed_look(l->node, person, clock_wall_s(l->node->clock), l->arena, &l->healings);
        look_for_items(l, person);
        look_for_reminders(l, person);
        look_for_greeting(l, person);
        struct nudge_input in = nudge_input(l, person);
        if (!span_empty(channels_first(l->node, policy, person)) && in.item_count > 0)
            l->plan = plan_message(l, &in);
    }
    directory_leave(d);
}

/* Where the message before stands, for it will point to this one. */
static void keep_place(const struct notice *before, struct notice *n)
{
    bool stands = before->state == NOTICE_DELIVERED && span_empty(before->kind) && span_equal_text(before->channel, "slack") && !span_empty(before->message);
    n->old_conversation = stands ? before->conversation : before->old_conversation;
    n->old_message = stands ? before->message : before->old_message;
}

static bool fill_notice(const struct person_look *l, struct person *copy, struct span channel, int32_t day)
{
    struct arena *a = &copy->arena;
    char id[EVENT_ID_BYTES + 1];
    size_t count = l->greets ? 0 : l->item_count;
    struct notice_item *items = arena_array(a, count + 1, sizeof *items);
    struct reminded *reminders = arena_array(a, l->reminder_count + 1, sizeof *reminders);
    if (items == NULL || reminders == NULL)
        return false;
    size_t reminder_count = 0;
    for (size_t i = 0; i < l->reminder_count; i++)
        if (!person_was_reminded(copy, l->reminders[i].exemption))
            reminders[reminder_count++] = (struct reminded){ arena_copy(a, l->reminders[i].exemption), l->reminders[i].at_s };
    for (size_t i = 0; i < count; i++)
        items[i] = (struct notice_item){ arena_copy(a, l->items[i].device), arena_copy(a, l->items[i].check), l->items[i].deadline_s };
    secret_new_id('e', id);
    const struct notice before = copy->notice;
    copy->notice = (struct notice){ .id = arena_copy_text(a, id), .state = NOTICE_RESERVED, .reserved_s = clock_wall_s(l->node->clock), .local_day = day,
                                    .channel = arena_copy(a, channel), .items = items, .item_count = count, .reminders = reminders, .reminder_count = reminder_count };
    keep_place(&before, &copy->notice);
    if (l->greets)
        copy->notice.kind = SPAN_LITERAL(NOTICE_GREETING);
    else if (count == 0)
        copy->notice.kind = SPAN_LITERAL(NOTICE_REMINDER);
    copy->nudge_day = day;
    copy->nudge_s = copy->notice.reserved_s;
    return copy->notice.id.at != NULL;
}

static bool add_reserved_event(const struct person_look *l, const struct notice *notice, struct change_events *events)
{
    struct buf data;
    struct to_json w;
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "notice", notice->id);
    to_json_member_text(&w, "channel", notice->channel);
    to_json_member_text_if(&w, "kind", notice->kind);
    to_json_member_int(&w, "items", (int64_t)notice->item_count);
    to_json_member_int_if(&w, "reminders", (int64_t)notice->reminder_count);
    to_json_end(&w);
    bool added = !data.failed && change_event(events, l->node, "notice.reserved", l->person, SPAN_NONE, l->cause, buf_span(&data));
    buf_done(&data);
    return added;
}

/* By the stored record: the directory may be behind it. */
static bool has_something(const struct person_look *l, const struct person *copy)
{
    bool something = l->greets || l->item_count > 0;
    for (size_t i = 0; i < l->reminder_count; i++)
        something = something || !person_was_reminded(copy, l->reminders[i].exemption);
    return something;
}

/* The cap is judged on the stored record: of two nodes that want to write to a person, the second finds the day taken. */
static enum change_say edit_reserve(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct person_look *l = context;
    const struct directory *d = l->node->directory;
    directory_enter(d);
    struct nudge_input in = nudge_input(l, copy);
    struct nudge_plan plan = { 0 };
    struct span channel = SPAN_NONE;
    if (in.policy != NULL && !copy->removed) {
        plan = plan_message(l, &in);
        channel = channels_first(l->node, in.policy, copy);
    }
    directory_leave(d);
    l->plan.at_s = plan.at_s;
    if (!plan.send || span_empty(channel) || !has_something(l, copy) || l->greets != person_awaits_greeting(copy))
        return CHANGE_NOTHING;
    if (!fill_notice(l, copy, channel, plan.local_day) || !add_reserved_event(l, &copy->notice, events))
        return (void)err_set(err, ERR_MEMORY, "a notice for %.*s", SPAN_ARGS(l->person)), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

static enum err_code settle_person(struct person_look *l, struct store *store, struct err *err)
{
    enum err_code code = OK;
    if (l->healings.count > 0)
        code = healed_commit(l->node, store, l->person, l->cause, &l->healings, err);
    if (code == OK && l->plan.send)
        code = change_person(l->node, store, l->person, false, edit_reserve, l, err);
    return code == ERR_NOT_FOUND ? OK : code;
}

enum err_code escalation_look_person(const struct node *node, struct store *store, struct span person, struct span cause, struct err *err)
{
    struct arena arena;
    arena_init(&arena, 16 * 1024, ARENA_BYTES);
    struct person_look l = { .node = node, .person = person, .cause = cause, .arena = &arena };
    look_at_person(&l);
    enum err_code code = settle_person(&l, store, err);
    int64_t due_s = l.plan.at_s == 0 || (l.healings.due_s != 0 && l.healings.due_s < l.plan.at_s) ? l.healings.due_s : l.plan.at_s;
    if (code == OK)
        code = store->ops->set_due(store, RECORD_PERSON, person, not_before_next(node, due_s), true, err);
    arena_done(&arena);
    return code;
}
