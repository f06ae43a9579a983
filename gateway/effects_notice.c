#include "gateway/effects_notice.h"

#include "gateway/change.h"

enum notice_step notice_step(const struct person *person, const struct effects_item *item, struct notice_time now)
{
    const struct notice *notice = &person->notice;
    bool reachable = now.local_day == notice->local_day && now.in_window;
    if (person->removed || !span_equal(notice->id, item->id) || !span_equal(notice->channel, now.channel) || notice->state == NOTICE_DELIVERED)
        return NOTICE_STEP_NOTHING;
    if (notice->state == NOTICE_SENDING && (item->unclear || item->sends == 0))
        return NOTICE_STEP_READ_BACK;
    if (notice->state == NOTICE_FAILED)
        return item->asked && !item->unclear && now.local_day == notice->local_day ? NOTICE_STEP_SEND : NOTICE_STEP_NOTHING;
    if (item->asked)
        return NOTICE_STEP_SEND;
    return !reachable ? NOTICE_STEP_TOO_LATE : now.frozen ? NOTICE_STEP_WAIT : NOTICE_STEP_SEND;
}

bool notice_may_leave(int64_t begun_ms, int64_t now_ms) { return now_ms >= begun_ms && now_ms - begun_ms <= NOTICE_LEAVES_WITHIN_MS; }

static int64_t settles_ms(unsigned resends)
{
    int64_t ms = NOTICE_SETTLES_MS;
    for (unsigned i = 0; i < resends && ms < NOTICE_SETTLES_MOST_MS; i++)
        ms *= 2;
    return ms < NOTICE_SETTLES_MOST_MS ? ms : NOTICE_SETTLES_MOST_MS;
}

enum notice_missing notice_missing(struct effects_item *item, int64_t call_ms, int64_t now_ms, int64_t *wait_ms)
{
    bool ended = item->ended_ms != 0;
    int64_t longest_ms = ended ? settles_ms(item->resends) : NOTICE_LEAVES_WITHIN_MS + call_ms + NOTICE_SETTLES_MS;
    if (item->begun_ms == 0)
        item->begun_ms = now_ms;
    int64_t left_ms = (ended ? item->ended_ms : item->begun_ms) + longest_ms - now_ms;
    *wait_ms = left_ms < longest_ms ? left_ms : longest_ms; /* a clock that was set back */
    if (left_ms > 0)
        return ++item->reads < NOTICE_LOOKS_MOST ? NOTICE_MISSING_LOOK_AGAIN : NOTICE_MISSING_GIVE_UP;
    return ended && item->resends < NOTICE_RESENDS_MOST ? NOTICE_MISSING_SEND_AGAIN : NOTICE_MISSING_GIVE_UP;
}

struct edit {
    const struct node *node;
    struct span person, notice;
    const struct effects_item *item;
    struct notice_time now;
    const struct notice_item *left; size_t left_count;
    bool mine, sure, free_cap;
    struct span conversation, message, why, channel;
};

static void write_items(const struct notice *notice, struct to_json *w)
{
    to_json_key(w, "items");
    to_json_array(w);
    for (size_t i = 0; i < notice->item_count; i++) {
        to_json_object(w);
        to_json_member_text(w, "device", notice->items[i].device);
        to_json_member_text(w, "check", notice->items[i].check);
        to_json_end(w);
    }
    to_json_end(w);
    if (notice->reminder_count == 0)
        return;
    to_json_key(w, "exemptions");
    to_json_array(w);
    for (size_t i = 0; i < notice->reminder_count; i++)
        to_json_text(w, notice->reminders[i].exemption);
    to_json_end(w);
}

static enum change_say say_event(const struct edit *e, const struct notice *notice, const char *type, struct change_events *events, struct err *err)
{
    struct buf data;
    struct to_json w;
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "notice", notice->id);
    to_json_member_text(&w, "channel", notice->channel);
    to_json_member_text_if(&w, "kind", notice->kind);
    to_json_member_text_if(&w, "error", e->why);
    if (notice->state == NOTICE_DELIVERED)
        write_items(notice, &w);
    to_json_end(&w);
    bool added = !data.failed && change_event(events, e->node, type, e->person, SPAN_NONE, notice->id, buf_span(&data));
    buf_done(&data);
    if (!added)
        return (void)err_set(err, ERR_MEMORY, "the notice of %.*s", SPAN_ARGS(e->person)), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

static bool keep_items(struct person *copy, const struct notice_item *left, size_t count)
{
    struct notice_item *items = arena_array(&copy->arena, count + 1, sizeof *items);
    for (size_t i = 0; items != NULL && i < count; i++)
        items[i] = (struct notice_item){ arena_copy(&copy->arena, left[i].device), arena_copy(&copy->arena, left[i].check), left[i].deadline_s };
    copy->notice.items = items;
    copy->notice.item_count = items == NULL ? 0 : count;
    return items != NULL;
}

static enum change_say edit_begin(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct edit *e = context;
    struct notice *notice = &copy->notice;
    e->mine = span_equal(notice->id, e->notice) && span_equal(notice->channel, e->now.channel) && notice->state != NOTICE_DELIVERED && (notice->state != NOTICE_FAILED || e->item->asked);
    e->mine = e->mine && e->item->sends > notice->sends; /* a node that stood still while another took over announced an older try */
    e->mine = e->mine && (notice->state != NOTICE_SENDING || e->sure);
    if (!e->mine)
        return CHANGE_NOTHING;
    notice->state = NOTICE_SENDING;
    notice->sends = e->item->sends;
    notice->why = SPAN_NONE;
    notice->settled_s = 0;
    if (copy->nudge_day < e->now.local_day)
        copy->nudge_day = e->now.local_day;
    if (!keep_items(copy, e->left, e->left_count))
        return (void)err_set(err, ERR_MEMORY, "the notice of %.*s", SPAN_ARGS(e->person)), CHANGE_REFUSE;
    return say_event(e, notice, "notice.sending", events, err);
}

enum err_code notice_begin(const struct node *node, struct store *store, struct span person, const struct notice_try *try, bool *mine, struct err *err)
{
    struct edit e = { .node = node, .person = person, .notice = try->item->id, .item = try->item, .now = try->now, .left = try->left, .left_count = try->left_count, .sure = try->sure };
    enum err_code code = change_person(node, store, person, false, edit_begin, &e, err);
    *mine = e.mine;
    return code;
}

static enum change_say edit_delivered(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct edit *e = context;
    struct notice *notice = &copy->notice;
    if (!span_equal(notice->id, e->notice) || notice->state == NOTICE_DELIVERED)
        return CHANGE_NOTHING;
    notice->state = NOTICE_DELIVERED;
    notice->settled_s = clock_wall_s(e->node->clock);
    notice->conversation = arena_copy(&copy->arena, e->conversation);
    notice->message = arena_copy(&copy->arena, e->message);
    notice->why = SPAN_NONE;
    if (span_equal_text(notice->kind, NOTICE_GREETING))
        copy->onboarding.greeted_s = notice->settled_s;
    for (size_t i = 0; i < notice->item_count; i++)
        if (!person_add_told(copy, notice->items[i].device, notice->items[i].check, notice->settled_s))
            log_event(e->node->log, LOG_WARN, "notice.told_full", LOG_SPAN("person", e->person)); /* it then does not count: nothing closes without a count */
    for (size_t i = 0; i < notice->reminder_count; i++)
        if (!person_note_reminded(copy, notice->reminders[i].exemption, notice->settled_s))
            return (void)err_set(err, ERR_MEMORY, "the notice of %.*s", SPAN_ARGS(e->person)), CHANGE_REFUSE;
    return say_event(e, notice, "notice.delivered", events, err);
}

enum err_code notice_delivered(const struct node *node, struct store *store, struct span person, struct span notice, struct span conversation, struct span message, struct err *err)
{
    struct edit e = { .node = node, .person = person, .notice = notice, .conversation = conversation, .message = message };
    return change_person(node, store, person, false, edit_delivered, &e, err);
}

static enum change_say edit_moved(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct edit *e = context;
    struct notice *notice = &copy->notice;
    if (!span_equal(notice->id, e->notice) || span_equal(notice->channel, e->channel) || notice->state == NOTICE_DELIVERED || e->item->sends < notice->sends)
        return CHANGE_NOTHING;
    notice->state = NOTICE_RESERVED;
    notice->sends = 0;
    notice->settled_s = 0;
    notice->why = SPAN_NONE;
    notice->channel = arena_copy(&copy->arena, e->channel);
    return say_event(e, notice, "notice.moved", events, err);
}

enum err_code notice_moved(const struct node *node, struct store *store, struct span person, const struct effects_item *item, struct span channel, struct span why, struct err *err)
{
    struct edit e = { .node = node, .person = person, .notice = item->id, .item = item, .channel = channel, .why = why };
    return change_person(node, store, person, false, edit_moved, &e, err);
}

/* When the person last heard of us, as far as it is still known. */
static int64_t last_told_s(const struct person *person)
{
    int64_t last_s = person->onboarding.greeted_s;
    for (size_t i = 0; i < person->told_count; i++)
        if (person->told[i].last_s > last_s)
            last_s = person->told[i].last_s;
    return last_s;
}

static enum change_say edit_failed(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct edit *e = context;
    struct notice *notice = &copy->notice;
    if (!span_equal(notice->id, e->notice) || notice->state == NOTICE_DELIVERED || notice->state == NOTICE_FAILED || e->item->sends < notice->sends)
        return CHANGE_NOTHING;
    notice->state = NOTICE_FAILED;
    notice->settled_s = clock_wall_s(e->node->clock);
    notice->why = arena_copy(&copy->arena, e->why);
    if (e->free_cap) {
        copy->nudge_day = 0;
        copy->nudge_s = last_told_s(copy);
    }
    return say_event(e, notice, "notice.failed", events, err);
}

enum err_code notice_failed(const struct node *node, struct store *store, struct span person, const struct effects_item *item, struct span why, bool free_cap, struct err *err)
{
    struct edit e = { .node = node, .person = person, .notice = item->id, .item = item, .why = why, .free_cap = free_cap };
    return change_person(node, store, person, false, edit_failed, &e, err);
}
