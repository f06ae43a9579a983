#include "gateway/valves.h"

#include "gateway/valves_parts.h"

#include <stdio.h>

enum { ARENA_BYTES = 4 * 1024 * 1024 };

struct span valve_text(struct span text, size_t most_bytes)
{
    struct span cut = span_slice(span_trim(text), 0, most_bytes);
    while (!span_is_utf8(cut) && cut.bytes > 0)
        cut.bytes--;
    return cut;
}

void valve_keep_id(struct valve_result *out, struct span id) { snprintf(out->id, sizeof out->id, "%.*s", SPAN_ARGS(span_slice(id, 0, sizeof out->id - 1))); }

bool valve_add_event(const struct node *node, struct change_events *events, const struct valve_event *event)
{
    CLEANUP(buf_done) struct buf data;
    struct to_json w;
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&w, &data);
    to_json_object(&w);
    event->write(event->context, &w);
    to_json_end(&w);
    return !data.failed && change_event(events, node, event->type, event->person, event->device, event->by, buf_span(&data));
}

/* ---- one use of a valve ---- */

struct using {
    const struct node *node;
    struct valve_use use;            /* its text cut */
    struct valve_result *out;
    struct arena *arena;             /* emptied at each try */
    int64_t now_s, until_s;
    struct span saw;
};
/* How the person stands now, by the stored record and what is known of the device. */
struct stand { struct ladder_input in; struct standing *standings; size_t count; };

static enum change_say no_memory(const struct using *u, struct err *err) { return (void)err_set(err, ERR_MEMORY, "a change for %.*s", SPAN_ARGS(u->use.person)), CHANGE_REFUSE; }

static enum change_say say(struct using *u, enum valve_said said)
{
    u->out->said = said;
    return CHANGE_NOTHING;
}

/* Between directory_enter() and directory_leave(). False: nothing of theirs is there. */
static bool find_stand(const struct using *u, const struct person *copy, struct stand *s)
{
    struct decision_input known = { 0 };
    const struct device *device = directory_device(u->node->directory, u->use.device);
    arena_reset(u->arena);
    directory_decision_input(u->node->directory, NULL, clock_wall_s(u->node->clock), NULL, 0, &known);
    if (known.policy == NULL || copy->removed || device == NULL || device->removed || !span_equal(device->owner, copy->id))
        return false;
    s->in = decision_ladder_input(&known, device, copy);
    s->count = ladder_shown(s->standings, ladder_standings(&s->in, u->arena, &s->standings));
    return s->count > 0;
}

static const struct standing *standing_of(const struct stand *s, struct span check)
{
    for (size_t i = 0; i < s->count; i++)
        if (span_equal(s->standings[i].check->id, check))
            return &s->standings[i];
    return NULL;
}

/* What was offered; VALVE_RUNNING is the wish come true already. */
static bool take_offer(struct using *u, const struct valve_offer *offer)
{
    u->out->refusal = offer->refusal;
    u->out->left = offer->left > 0 ? offer->left - 1 : 0;
    u->out->until_s = offer->until_s;
    u->out->close_s = offer->close_s;
    u->out->said = offer->refusal == VALVE_OPEN ? VALVE_DONE : offer->refusal == VALVE_RUNNING ? VALVE_AGAIN : VALVE_NO;
    return offer->refusal == VALVE_OPEN;
}

static void write_use(const void *context, struct to_json *w)
{
    const struct using *u = context;
    to_json_member_text_if(w, "check", u->use.check);
    to_json_member_text_if(w, "app", u->use.app);
    to_json_member_text_if(w, "reason", u->use.text);
    to_json_member_int_if(w, "until", u->until_s);
    to_json_member_text_if(w, "decision", u->use.decision);
}

static bool add_use_event(const struct using *u, const char *type, struct change_events *events)
{
    return valve_add_event(u->node, events, &(struct valve_event){ type, u->use.person, u->use.device, u->use.by, write_use, u });
}

static struct span last_id(const struct change_events *events) { return events->all[events->count - 1].id; }

static enum err_code run(struct using *u, struct store *store, change_person_fn *edit, struct err *err)
{
    struct arena arena;
    arena_init(&arena, 16 * 1024, ARENA_BYTES);
    u->arena = &arena;
    u->now_s = clock_wall_s(u->node->clock);
    *u->out = (struct valve_result){ 0 };
    enum err_code code = change_person(u->node, store, u->use.person, false, edit, u, err);
    arena_done(&arena);
    return code;
}

static struct using using(const struct node *node, const struct valve_use *use, struct valve_result *out)
{
    struct using u = { .node = node, .use = *use, .out = out };
    u.use.text = valve_text(use->text, VALVE_TEXT_BYTES);
    return u;
}

/* ---- "Remind me tomorrow" ---- */

/* A snooze that is over still stops the clock of a failure that goes on; of one that is settled it may make room. */
static bool make_room_for_snooze(struct person *p, int64_t now_s)
{
    struct snooze *all = arena_array(&p->arena, p->snooze_count + 1, sizeof *all);
    size_t kept = 0;
    for (size_t i = 0; all != NULL && i < p->snooze_count; i++) {
        const struct snooze *s = &p->snoozes[i];
        if (s->time.to_s > now_s || person_told(p, s->device, s->check) != NULL)
            all[kept++] = *s;
    }
    if (all == NULL || kept >= PERSON_MAX_SNOOZES)
        return false;
    p->snoozes = all;
    p->snooze_count = kept;
    return true;
}

static enum change_say edit_snooze(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct using *u = context;
    struct stand s = { .standings = NULL };
    struct valve_offer offer = { .refusal = VALVE_NOT_OFFERED };
    directory_enter(u->node->directory);
    const struct standing *standing = find_stand(u, copy, &s) ? standing_of(&s, u->use.check) : NULL;
    bool known = standing != NULL;
    if (known)
        offer = ladder_snooze_offer(&s.in, standing, u->arena);
    directory_leave(u->node->directory);
    if (!known)
        return say(u, VALVE_GONE);
    if (!take_offer(u, &offer))
        return CHANGE_NOTHING;
    if (copy->snooze_count >= PERSON_MAX_SNOOZES && !make_room_for_snooze(copy, u->now_s))
        return say(u, VALVE_FULL);
    struct snooze *snooze = person_add_snooze(copy);
    u->until_s = offer.until_s;
    if (snooze == NULL || !add_use_event(u, "person.snoozed", events))
        return no_memory(u, err);
    *snooze = (struct snooze){ arena_copy(&copy->arena, u->use.device), arena_copy(&copy->arena, u->use.check), { u->now_s, offer.until_s } };
    valve_keep_id(u->out, last_id(events));
    return CHANGE_COMMIT;
}

enum err_code valve_snooze(const struct node *node, struct store *store, const struct valve_use *use, struct valve_result *out, struct err *err)
{
    struct using u = using(node, use, out);
    u.use.app = SPAN_NONE;
    return run(&u, store, edit_snooze, err);
}

/* ---- continue once ---- */

/* The oldest makes room: no budget looks back as far as so many uses. */
static void keep_newest_passes(struct person *p)
{
    if (p->pass_count < PERSON_MAX_PASSES)
        return;
    p->passes += p->pass_count - (PERSON_MAX_PASSES - 1);
    p->pass_count = PERSON_MAX_PASSES - 1;
}

/* What is in the way of the app, in `arena` of the person. */
static struct span first_closing(const struct stand *s, const struct app *app, struct person *copy)
{
    for (size_t i = 0; i < s->count; i++)
        if ((s->standings[i].closed >> app->sensitivity & 1) != 0)
            return arena_copy(&copy->arena, s->standings[i].check->id);
    return SPAN_NONE;
}

struct opening { bool known; struct valve_offer offer; struct span check, policy; };

static struct opening look_at_app(struct using *u, struct person *copy)
{
    struct stand s = { .standings = NULL };
    struct opening o = { .known = false };
    directory_enter(u->node->directory);
    bool fails = find_stand(u, copy, &s);
    const struct app *app = fails ? policy_app(s.in.policy, u->use.app) : NULL;
    if (app != NULL) {
        o = (struct opening){ .known = true, .offer = ladder_pass_offer(&s.in, s.standings, s.count, app), .check = first_closing(&s, app, copy),
                              .policy = arena_copy_text(&copy->arena, s.in.policy->version) };
        u->use.app = arena_copy(&copy->arena, app->id);
    }
    directory_leave(u->node->directory);
    return o;
}

static enum change_say edit_pass(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct using *u = context;
    struct span asked = u->use.app;
    struct opening o = look_at_app(u, copy);
    if (!o.known)
        return say(u, VALVE_GONE);
    if (!take_offer(u, &o.offer)) {
        u->use.app = asked;
        return CHANGE_NOTHING;
    }
    u->use.check = o.check;
    u->until_s = o.offer.until_s;
    keep_newest_passes(copy);
    struct pass *pass = person_add_pass(copy);
    bool added = pass != NULL && add_use_event(u, "person.passed_once", events);
    if (added)
        *pass = (struct pass){ .id = arena_copy(&copy->arena, last_id(events)), .device = arena_copy(&copy->arena, u->use.device), .app = u->use.app, .check = o.check,
                               .reason = arena_copy(&copy->arena, u->use.text), .policy = o.policy, .time = { u->now_s, o.offer.until_s } };
    u->use.app = asked; /* the other is gone with this copy */
    u->use.check = SPAN_NONE;
    if (!added)
        return no_memory(u, err);
    valve_keep_id(u->out, last_id(events));
    return CHANGE_COMMIT;
}

enum err_code valve_continue_once(const struct node *node, struct store *store, const struct valve_use *use, struct valve_result *out, struct err *err)
{
    struct using u = using(node, use, out);
    if (span_empty(u.use.text))
        return err_set(err, ERR_INPUT, "a reason is needed: what can you not do without it");
    u.use.check = SPAN_NONE;
    return run(&u, store, edit_pass, err);
}

/* ---- "Ask a person" ---- */

/* The oldest that was answered makes room. False: all of them wait. */
static bool make_room_for_ask(struct person *p)
{
    struct help_request *all = arena_array(&p->arena, p->ask_count + 1, sizeof *all);
    size_t kept = 0;
    bool gone = p->ask_count < PERSON_MAX_ASKS;
    for (size_t i = 0; all != NULL && i < p->ask_count; i++) {
        bool goes = !gone && p->asks[i].answered_s != 0;
        gone = gone || goes;
        if (!goes)
            all[kept++] = p->asks[i];
    }
    if (all == NULL || !gone)
        return false;
    p->asks = all;
    p->ask_count = kept;
    return true;
}

/* The same words about the same thing, not answered yet: a button that was pressed twice. */
static const struct help_request *asked_already(const struct using *u, const struct person *p)
{
    for (size_t i = 0; i < p->ask_count; i++) {
        const struct help_request *a = &p->asks[i];
        if (a->answered_s == 0 && span_equal(a->text, u->use.text) && span_equal(a->device, u->use.device) && span_equal(a->check, u->use.check))
            return a;
    }
    return NULL;
}

static bool may_name_device(const struct using *u, const struct person *copy)
{
    directory_enter(u->node->directory);
    const struct device *device = directory_device(u->node->directory, u->use.device);
    bool may = span_empty(u->use.device) || (device != NULL && span_equal(device->owner, copy->id));
    directory_leave(u->node->directory);
    return may;
}

static enum change_say edit_ask(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct using *u = context;
    const struct help_request *before = asked_already(u, copy);
    if (copy->removed || !may_name_device(u, copy))
        return say(u, VALVE_GONE);
    if (before != NULL) {
        valve_keep_id(u->out, before->id);
        return say(u, VALVE_AGAIN);
    }
    if (!make_room_for_ask(copy))
        return say(u, VALVE_FULL);
    struct help_request *ask = person_add_ask(copy);
    if (ask == NULL || !add_use_event(u, "person.asked", events))
        return no_memory(u, err);
    *ask = (struct help_request){ .id = arena_copy(&copy->arena, last_id(events)), .device = arena_copy(&copy->arena, u->use.device), .check = arena_copy(&copy->arena, u->use.check),
                                  .text = arena_copy(&copy->arena, u->use.text), .at_s = u->now_s };
    valve_keep_id(u->out, last_id(events));
    return CHANGE_COMMIT;
}

enum err_code valve_ask_person(const struct node *node, struct store *store, const struct valve_use *use, struct valve_result *out, struct err *err)
{
    struct using u = using(node, use, out);
    return run(&u, store, edit_ask, err);
}

/* ---- "Not my device" ---- */

static void write_owner(const void *context, struct to_json *w)
{
    const struct using *u = context;
    to_json_member_text(w, "from", u->use.person);
    to_json_member_text(w, "to", SPAN_NONE);
    to_json_member_text(w, "source", SPAN_LITERAL("not_mine"));
}

static enum change_say edit_not_mine(void *context, struct device *d, struct change_events *events, struct err *err)
{
    struct using *u = context;
    u->out->said = VALVE_DONE;
    if (!span_equal(d->owner, u->use.person))
        return say(u, VALVE_GONE);
    d->owner = SPAN_NONE;
    d->owner_source = SPAN_LITERAL("not_mine");
    d->owner_since_s = u->now_s;
    if (!add_use_event(u, "device.not_mine", events) ||
        !valve_add_event(u->node, events, &(struct valve_event){ "device.owner", u->use.person, u->use.device, u->use.by, write_owner, u }))
        return no_memory(u, err);
    valve_keep_id(u->out, events->all[0].id);
    return CHANGE_COMMIT;
}

enum err_code valve_not_mine(const struct node *node, struct store *store, const struct valve_use *use, struct valve_result *out, struct err *err)
{
    struct using u = using(node, use, out);
    *out = (struct valve_result){ 0 };
    u.now_s = clock_wall_s(node->clock);
    u.use.check = u.use.app = SPAN_NONE;
    return change_device(node, store, use->device, false, edit_not_mine, &u, err);
}
