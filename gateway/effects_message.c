#include "gateway/effects_message.h"

#include "gateway/change.h"
#include "gateway/channels.h"
#include "gateway/escalation.h"
#include "gateway/exemptions.h"
#include "gateway/pages/link.h"
#include "gateway/people.h"

#include <string.h>

enum { ARENA_BYTES = 8 * 1024 * 1024 };

/* ---- ends ---- */

struct item_result message_later(int64_t after_ms, bool counts) { return (struct item_result){ ITEM_LATER, after_ms, counts }; }
static struct item_result done(void) { return (struct item_result){ ITEM_DONE, -1, true }; }

struct item_result message_store_waits(const struct message_try *t, const struct err *err)
{
    log_event(t->node->log, LOG_WARN, "notice.store_waits", LOG_STR("channel", t->r->name), LOG_SPAN("notice", t->item->id), LOG_ERR(err));
    return message_later(MESSAGE_STORE_PAUSE_MS, false);
}

void message_note_error(struct message_try *t, const char *error) { t->item->error = arena_copy_text(&t->r->item_arena, error); }

struct item_result message_delivered(struct message_try *t, struct span conversation, struct span message)
{
    struct err err;
    enum err_code code = notice_delivered(t->node, t->r->store, t->person->id, t->item->id, conversation, message, &err);
    if (code != OK)
        return message_store_waits(t, &err); /* the item says that a send was begun */
    counter_add(t->node->counters, COUNT_NUDGES_SENT, 1);
    return done();
}

struct item_result message_failed(struct message_try *t, const char *why, bool free_cap)
{
    struct err err;
    enum err_code code = notice_failed(t->node, t->r->store, t->person->id, t->item, span_of(why), free_cap, &err);
    if (code != OK)
        return message_store_waits(t, &err);
    counter_add(t->node->counters, COUNT_NUDGES_FAILED, 1);
    log_event(t->node->log, LOG_WARN, "notice.failed", LOG_SPAN("person", t->person->id), LOG_SPAN("notice", t->item->id), LOG_STR("channel", t->r->name), LOG_STR("why", why));
    return done();
}

static struct span next_channel(const struct message_try *t)
{
    const struct directory *d = t->node->directory;
    struct span next = SPAN_NONE;
    directory_enter(d);
    const struct policy *policy = directory_control(d)->policy;
    if (policy != NULL)
        next = channels_after(t->node, policy, t->person, t->person->notice.channel);
    directory_leave(d);
    return next;
}

bool message_move_on(struct message_try *t, const char *why, struct item_result *result)
{
    struct err err;
    struct span next = next_channel(t);
    if (span_empty(next))
        return false;
    enum err_code code = notice_moved(t->node, t->r->store, t->person->id, t->item, next, span_of(why), &err);
    *result = code == OK ? done() : message_store_waits(t, &err);
    if (code == OK)
        log_event(t->node->log, LOG_INFO, "notice.moved", LOG_SPAN("person", t->person->id), LOG_SPAN("notice", t->item->id), LOG_STR("from", t->r->name), LOG_SPAN("to", next), LOG_STR("why", why));
    return true;
}

struct item_result message_undeliverable(struct message_try *t, const char *why)
{
    struct item_result result;
    return message_move_on(t, why, &result) ? result : message_failed(t, why, false);
}

/* ---- the record ---- */

bool message_load(struct message_try *t, const struct node *node, struct reader *r, unsigned partition, struct effects_item *item, struct item_result *result)
{
    struct err err;
    *t = (struct message_try){ .node = node, .r = r, .partition = partition, .item = item };
    arena_init(&t->arena, 32 * 1024, ARENA_BYTES);
    enum err_code code = people_load(r->store, item->person, &t->person, &err);
    if (code != OK)
        *result = reader_is_store_trouble(code) ? message_store_waits(t, &err) : done();
    return code == OK;
}

void message_done(struct message_try *t)
{
    person_free(t->person);
    arena_done(&t->arena);
}

static struct notice_time time_of(const struct message_try *t)
{
    const struct directory *d = t->node->directory;
    int64_t now_s = clock_wall_s(t->node->clock);
    struct notice_time time = { .channel = span_of(t->r->name) };
    directory_enter(d);
    const struct policy *policy = directory_control(d)->policy;
    time.frozen = directory_control(d)->frozen;
    if (policy != NULL) {
        struct calendar_hours hours = calendar_write_hours(t->node->calendar, policy, t->person, directory_control(d)->holidays);
        time.local_day = calendar_local(t->node->calendar, hours.zone, now_s).day;
        time.in_window = calendar_in_window(&hours, now_s);
    }
    directory_leave(d);
    return time;
}

static bool is_greeting(const struct message_try *t) { return span_equal_text(t->person->notice.kind, NOTICE_GREETING); }

enum notice_step message_step(struct message_try *t, struct item_result *result)
{
    struct notice_time time = time_of(t);
    *result = done();
    if (time.local_day == 0) {
        *result = message_later(MESSAGE_STORE_PAUSE_MS, false); /* no policy here yet */
        return NOTICE_STEP_NOTHING;
    }
    enum notice_step step = notice_step(t->person, t->item, time);
    bool unsent = step == NOTICE_STEP_TOO_LATE || step == NOTICE_STEP_WAIT;
    if (unsent && is_greeting(t) && t->person->onboarding.now && time.local_day == t->person->notice.local_day)
        step = NOTICE_STEP_SEND; /* somebody waits for it */
    if (step == NOTICE_STEP_TOO_LATE)
        *result = message_failed(t, "too_late", true);
    else if (step == NOTICE_STEP_WAIT)
        *result = message_later(MESSAGE_UNSENDABLE_MS, false);
    return step;
}

/* ---- what is said ---- */

static bool is_in_notice(const struct notice *notice, const struct escalation_item *item)
{
    for (size_t i = 0; i < notice->item_count; i++)
        if (span_equal(notice->items[i].device, item->device->id) && span_equal(notice->items[i].check, item->check->id))
            return true;
    return false;
}

/* What of the notice still needs fixing, in today's order. */
static struct nudge_text_item *collect_left(struct message_try *t)
{
    struct escalation_item *found = NULL;
    size_t count = escalation_items(t->node, t->person, &t->arena, &found), used = 0;
    struct nudge_text_item *items = arena_array(&t->arena, count + 1, sizeof *items);
    t->left = arena_array(&t->arena, count + 1, sizeof *t->left);
    for (size_t i = 0; items != NULL && t->left != NULL && i < count; i++) {
        const struct escalation_item *f = &found[i];
        if (!is_in_notice(&t->person->notice, f))
            continue;
        items[used] = (struct nudge_text_item){ f->device, f->check, f->result, f->deadline_s, f->closes, f->closed, f->came_back };
        t->left[used++] = (struct notice_item){ arena_copy(&t->arena, f->device->id), arena_copy(&t->arena, f->check->id), f->deadline_s };
    }
    t->left_count = used;
    return items;
}

static bool has_something(const struct message_try *t) { return t->left_count > 0 || t->reminder_count > 0 || is_greeting(t); }

static enum err_code write_left(struct message_try *t, const struct nudge_text_item *items, message_write_fn *write, void *context, struct err *err)
{
    const struct node *node = t->node;
    CLEANUP(buf_done) struct buf url;
    int64_t now_s = clock_wall_s(node->clock);
    buf_init(&url, LINK_URL_BYTES);
    enum err_code code = is_greeting(t) ? link_person(node, LINK_WELCOME, t->person->id, now_s + LINK_WELCOME_LIFETIME_S, &url, err)
                                        : link_me(node, t->person->id, now_s + LINK_ME_LIFETIME_S, &url, err);
    const struct nudge_text_reminder *reminders = NULL;
    t->reminder_count = exemption_reminders(node->directory, t->person, now_s, &t->arena, &reminders);
    const struct nudge_text_input in = { .policy = directory_control(node->directory)->policy, .calendar = node->calendar, .person = t->person, .items = items,
                                         .item_count = t->left_count, .link = buf_span(&url), .now_s = now_s, .first = t->person->told_count == 0 && t->person->onboarding.greeted_s == 0,
                                         .reminders = reminders, .reminder_count = t->reminder_count };
    return code == OK && has_something(t) ? write(context, &in, err) : code;
}

static enum err_code write_message(struct message_try *t, message_write_fn *write, void *context, struct err *err)
{
    const struct directory *d = t->node->directory;
    enum err_code code = OK;
    directory_enter(d);
    const struct nudge_text_item *items = directory_control(d)->policy != NULL ? collect_left(t) : NULL;
    if (items == NULL)
        code = err_set(err, ERR_UNAVAILABLE, "no policy is in force here yet");
    else
        code = write_left(t, items, write, context, err);
    directory_leave(d);
    return code;
}

bool message_write(struct message_try *t, message_write_fn *write, void *context, struct item_result *result)
{
    struct err err;
    enum err_code code = write_message(t, write, context, &err);
    if (code == ERR_UNAVAILABLE || code == ERR_MEMORY) {
        *result = message_store_waits(t, &err);
    } else if (code != OK) {
        log_event(t->node->log, LOG_ERROR, "notice.no_message", LOG_STR("channel", t->r->name), LOG_SPAN("notice", t->item->id), LOG_ERR(&err));
        *result = message_failed(t, "no_message", false);
    } else if (!has_something(t)) {
        *result = message_failed(t, "nothing_left_to_fix", true);
    }
    return code == OK && has_something(t);
}

bool message_announce(struct message_try *t, struct item_result *result)
{
    struct err err;
    bool mine = false;
    *result = done();
    struct notice_try try = { .item = t->item, .sure = !t->item->unclear, .now = time_of(t), .left = t->left, .left_count = t->left_count };
    t->item->unclear = true;
    t->item->sends++;
    t->item->ended_ms = 0;
    t->item->begun_ms = clock_wall_ms(t->node->clock);
    t->begun_mono_ms = clock_mono_ms(t->node->clock);
    if (reader_store_item(t->r, t->partition, t->item, &err) != OK) {
        *result = message_store_waits(t, &err); /* perhaps another node's by now: then that write fails too */
        return false;
    }
    enum err_code code = notice_begin(t->node, t->r->store, t->person->id, &try, &mine, &err);
    if (code != OK) {
        t->item->unclear = false;
        *result = message_store_waits(t, &err);
    }
    return code == OK && mine;
}

enum notice_step message_repeat_step(const struct message_try *t)
{
    struct effects_item known = *t->item;
    known.unclear = false;
    return notice_step(t->person, &known, time_of(t));
}

bool message_is_today(const struct message_try *t) { return time_of(t).local_day == t->person->notice.local_day; }

/* The wall clock too: the other one stands still in a machine that sleeps. */
bool message_may_leave(void *try)
{
    const struct message_try *t = try;
    return reader_holds(t->r, t->partition) && notice_may_leave(t->begun_mono_ms, clock_mono_ms(t->node->clock)) &&
           notice_may_leave(t->item->begun_ms, clock_wall_ms(t->node->clock));
}

/* ---- as a reader ---- */

struct item_result message_unsendable(const struct node *node, struct reader *r, unsigned partition, struct effects_item *item)
{
    struct message_try t;
    struct item_result result;
    if (message_load(&t, node, r, partition, item, &result)) {
        enum notice_step step = message_step(&t, &result);
        bool unsent = step == NOTICE_STEP_SEND, too_old = clock_wall_ms(node->clock) - item->first_ms >= EFFECTS_AGE_MS;
        if (step == NOTICE_STEP_READ_BACK && too_old)
            result = message_failed(&t, "ambiguous", false);
        else if (unsent && too_old)
            result = message_failed(&t, "not_sent_for_a_day", true);
        else if (step == NOTICE_STEP_READ_BACK || (unsent && !message_move_on(&t, "channel_stopped", &result)))
            result = message_later(MESSAGE_UNSENDABLE_MS, false);
    }
    message_done(&t);
    return result;
}

static bool is_for(const struct event *event, const char *channel, char id[EVENT_ID_BYTES + 1])
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct span named = SPAN_NONE, notice = SPAN_NONE;
    struct err err;
    if (from_json_parse(event->data, (struct from_json_limits){ EVENT_DATA_BYTES, 8 }, "a notice", &doc, &err) != OK)
        return false;
    struct from_json_value root = from_json_root(doc), c = from_json_member(&root, "channel"), n = from_json_member(&root, "notice");
    if (from_json_text(&c, 32, &named, &err) != OK || from_json_text(&n, EVENT_ID_BYTES, &notice, &err) != OK || !span_equal_text(named, channel))
        return false;
    memcpy(id, notice.at, notice.bytes);
    id[notice.bytes] = '\0';
    return true;
}

enum err_code message_take(struct reader *r, const struct reader_entry *e, const char *channel, struct err *err)
{
    char id[EVENT_ID_BYTES + 1];
    bool starts = span_equal_text(e->event.type, "notice.reserved") || span_equal_text(e->event.type, "notice.moved");
    if (!starts || !is_for(&e->event, channel, id))
        return OK;
    struct effects_item item = { .id = span_of(id), .type = e->event.type, .person = e->event.person, .first_ms = e->event.at_ms, .due_ms = e->event.at_ms };
    return reader_queue(r, &item, err);
}
