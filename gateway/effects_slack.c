/* The Slack reader: a reserved notice becomes one direct message, at most once. A post is announced in the outbox item, under the fence, before it is
 * made; an end that is not known is settled by reading the conversation back, and where that does not help, given up for the day. */
#include "gateway/effects_notice.h"

#include "connectors/notify/nudge_text.h"
#include "gateway/change.h"
#include "gateway/escalation.h"
#include "gateway/pages/link.h"

#include <stdlib.h>
#include <string.h>

enum { BETWEEN_POSTS_MS = 1000, BEFORE_READ_BACK_MS = 3000, BETWEEN_READS_MS = 5000, READS_MOST = 3, SLOW_DOWN_S = 30, WORKSPACE_PAUSE_MS = 3600 * 1000,
       HISTORY_BACK_S = 600, TEXT_BYTES = 256 * 1024, MESSAGE_ARENA_BYTES = 8 * 1024 * 1024, PAUSE_MOST_S = 3600 };

struct slack_reader {
    const struct node *node;
    struct slack_options options; /* texts in `texts` */
    struct arena texts;
    struct slack *slack;          /* made on the reader's thread */
};

/* One try. Texts live in `arena`. */
struct post {
    struct slack_reader *s;
    struct reader *r;
    unsigned partition;
    struct effects_item *item;
    struct arena arena;
    struct person *person;        /* the stored record */
    struct span to, text, blocks;
    struct notice_item *left; size_t left_count;
};

static struct item_result later(int64_t after_ms, bool counts) { return (struct item_result){ ITEM_LATER, after_ms, counts }; }
static struct item_result done(void) { return (struct item_result){ ITEM_DONE, -1, true }; }

static struct item_result store_waits(const struct post *p, const struct err *err)
{
    log_event(p->s->node->log, LOG_WARN, "slack.store_waits", LOG_SPAN("notice", p->item->id), LOG_ERR(err));
    return later(BETWEEN_READS_MS, false);
}

static void note_error(struct post *p, const char *error) { p->item->error = arena_copy_text(&p->r->item_arena, error); }

/* ---- ends ---- */

static struct item_result fail(struct post *p, const char *why, bool free_cap)
{
    struct err err;
    const struct node *node = p->s->node;
    enum err_code code = notice_failed(node, p->r->store, p->person->id, p->item->id, span_of(why), free_cap, &err);
    if (code != OK)
        return store_waits(p, &err);
    counter_add(node->counters, COUNT_NUDGES_FAILED, 1);
    log_event(node->log, LOG_WARN, "notice.failed", LOG_SPAN("person", p->person->id), LOG_SPAN("notice", p->item->id), LOG_STR("why", why));
    return done();
}

static struct item_result deliver(struct post *p, const struct slack_posted *posted)
{
    struct err err;
    enum err_code code = notice_delivered(p->s->node, p->r->store, p->person->id, p->item->id, span_of(posted->conversation), span_of(posted->message), &err);
    if (code != OK)
        return store_waits(p, &err); /* the item says that a post was begun: it will be found by reading back */
    counter_add(p->s->node->counters, COUNT_NUDGES_SENT, 1);
    return done();
}

/* Surely not sent. After too many tries it is listed, and the person is not written to today. */
static struct item_result try_later(struct post *p, const struct slack_result *result)
{
    int64_t after_s = result->retry_after_s;
    p->item->unclear = false;
    note_error(p, result->error);
    if (p->item->tries + 1 >= EFFECTS_TRIES) {
        struct item_result ended = fail(p, result->error, false);
        return ended.end == ITEM_DONE ? (struct item_result){ ITEM_GIVEN_UP, -1, true } : ended;
    }
    if (strcmp(result->error, "ratelimited") == 0 && after_s < 0)
        after_s = SLOW_DOWN_S;
    if (after_s > PAUSE_MOST_S)
        after_s = PAUSE_MOST_S;
    if (after_s >= 0)
        reader_pause(p->r, after_s * 1000);
    else
        reader_note_failure(p->r, result->error);
    return later(after_s >= 0 ? after_s * 1000 : -1, true);
}

static struct item_result judge_post(struct post *p, const struct slack_result *result, const struct slack_posted *posted)
{
    switch (result->outcome) {
    case SLACK_DONE:
        reader_note_success(p->r);
        return deliver(p, posted);
    case SLACK_EXPIRED: /* a new one is fetched by whoever looks after tokens */
    case SLACK_LATER: return try_later(p, result);
    case SLACK_BLOCKS: /* refused without blocks as well */
    case SLACK_REFUSED: return fail(p, result->error, false);
    case SLACK_STOPPED:
        p->item->unclear = false;
        note_error(p, result->error);
        reader_stop_sending(p->r, result->error);
        return later(-1, false);
    case SLACK_PAUSED:
        p->item->unclear = false;
        note_error(p, result->error);
        reader_pause(p->r, WORKSPACE_PAUSE_MS);
        return later(WORKSPACE_PAUSE_MS, false);
    case SLACK_AMBIGUOUS: break;
    }
    note_error(p, result->error);
    reader_note_failure(p->r, result->error);
    return later(BEFORE_READ_BACK_MS, true);
}

/* ---- the message ---- */

static bool is_in_notice(const struct notice *notice, const struct escalation_item *item)
{
    for (size_t i = 0; i < notice->item_count; i++)
        if (span_equal(notice->items[i].device, item->device->id) && span_equal(notice->items[i].check, item->check->id))
            return true;
    return false;
}

/* What of the notice still needs fixing, in today's order. */
static size_t collect_left(struct post *p, struct nudge_text_item **items)
{
    struct escalation_item *found = NULL;
    size_t count = escalation_items(p->s->node, p->person, &p->arena, &found), used = 0;
    *items = arena_array(&p->arena, count + 1, sizeof **items);
    p->left = arena_array(&p->arena, count + 1, sizeof *p->left);
    for (size_t i = 0; *items != NULL && p->left != NULL && i < count; i++) {
        const struct escalation_item *f = &found[i];
        if (!is_in_notice(&p->person->notice, f))
            continue;
        (*items)[used] = (struct nudge_text_item){ f->device, f->check, f->result, f->deadline_s, f->closes };
        p->left[used++] = (struct notice_item){ arena_copy(&p->arena, f->device->id), arena_copy(&p->arena, f->check->id), f->deadline_s, SPAN_NONE };
    }
    p->left_count = used;
    return used;
}

static enum err_code write_message(struct post *p, const struct nudge_text_item *items, struct err *err)
{
    const struct node *node = p->s->node;
    struct buf url, text, blocks;
    int64_t now_s = clock_wall_s(node->clock);
    buf_init(&url, LINK_URL_BYTES);
    buf_init(&text, TEXT_BYTES);
    buf_init(&blocks, TEXT_BYTES);
    enum err_code code = link_me(node, p->person->id, now_s + LINK_ME_LIFETIME_S, &url, err);
    const struct nudge_text_input in = { .policy = directory_control(node->directory)->policy, .calendar = node->calendar, .person = p->person, .items = items,
                                         .item_count = p->left_count, .link = buf_span(&url), .now_s = now_s, .first = p->person->told_count == 0 };
    if (code == OK)
        code = nudge_text(&in, &text, &blocks, err);
    if (code == OK) {
        p->text = arena_copy(&p->arena, buf_span(&text));
        p->blocks = arena_copy(&p->arena, buf_span(&blocks));
        code = p->text.at == NULL || p->blocks.at == NULL ? err_set(err, ERR_MEMORY, "a message") : OK;
    }
    buf_done(&blocks);
    buf_done(&text);
    buf_done(&url);
    return code;
}

static enum err_code make_message(struct post *p, struct err *err)
{
    const struct directory *d = p->s->node->directory;
    struct nudge_text_item *items = NULL;
    enum err_code code = OK;
    directory_enter(d);
    if (directory_control(d)->policy == NULL)
        code = err_set(err, ERR_UNAVAILABLE, "no policy is in force here yet");
    else if (collect_left(p, &items) > 0)
        code = write_message(p, items, err);
    directory_leave(d);
    return code;
}

/* ---- to whom ---- */

static enum change_say edit_slack(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    const struct post *p = context;
    if (span_equal(copy->slack, p->to))
        return CHANGE_NOTHING;
    copy->slack = arena_copy(&copy->arena, p->to);
    if (copy->slack.at == NULL || !change_event(events, p->s->node, "person.slack", copy->id, SPAN_NONE, p->item->id, SPAN_NONE))
        return (void)err_set(err, ERR_MEMORY, "the Slack id of %.*s", SPAN_ARGS(copy->id)), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

/* Asked once by e-mail and remembered. True: `to` is known; else *result is how the try ends. */
static bool find_recipient(struct post *p, struct item_result *result)
{
    char user[SLACK_ID_BYTES];
    struct err err;
    p->to = p->person->slack;
    if (!span_empty(p->to))
        return true;
    if (p->person->email_count == 0) {
        *result = fail(p, "no_slack_account", false);
        return false;
    }
    struct slack_result found = slack_lookup(p->s->slack, p->person->emails[0], user);
    if (found.outcome != SLACK_DONE) {
        bool person_only = found.outcome == SLACK_REFUSED || strcmp(found.error, "missing_scope") == 0;
        *result = person_only ? fail(p, found.error, false) : judge_post(p, &found, NULL);
        return false;
    }
    p->to = arena_copy_text(&p->arena, user);
    if (change_person(p->s->node, p->r->store, p->person->id, false, edit_slack, p, &err) == OK)
        return true;
    *result = store_waits(p, &err);
    return false;
}

/* ---- post and read back ---- */

static struct item_result post_now(struct post *p)
{
    struct err err;
    struct slack_posted posted = { { 0 }, { 0 } };
    bool mine = false;
    p->item->unclear = true;
    p->item->sends++;
    if (reader_store_item(p->r, p->partition, p->item, &err) != OK)
        return store_waits(p, &err); /* perhaps another node's by now: then that write fails too */
    enum err_code code = notice_begin(p->s->node, p->r->store, p->person->id, p->item, p->left, p->left_count, &mine, &err);
    if (code != OK) {
        p->item->unclear = false;
        return store_waits(p, &err);
    }
    if (!mine)
        return done();
    struct slack_message message = { p->to, p->text, p->blocks, p->item->id };
    struct slack_result result = slack_post(p->s->slack, &message, &posted);
    if (result.outcome == SLACK_BLOCKS) {
        log_event(p->s->node->log, LOG_ERROR, "slack.blocks_refused", LOG_STR("error", result.error), LOG_SPAN("notice", p->item->id));
        message.blocks = SPAN_NONE;
        result = slack_post(p->s->slack, &message, &posted);
    }
    reader_pause(p->r, BETWEEN_POSTS_MS);
    return judge_post(p, &result, &posted);
}

static struct item_result send_message(struct post *p)
{
    struct item_result result;
    struct err err;
    enum err_code code = make_message(p, &err);
    if (code == ERR_UNAVAILABLE || code == ERR_MEMORY)
        return store_waits(p, &err);
    if (code != OK) {
        log_event(p->s->node->log, LOG_ERROR, "slack.no_message", LOG_SPAN("notice", p->item->id), LOG_ERR(&err));
        return fail(p, "no_message", false);
    }
    if (p->left_count == 0)
        return fail(p, "nothing_left_to_fix", true);
    return find_recipient(p, &result) ? post_now(p) : result;
}

static struct item_result read_back(struct post *p)
{
    struct slack_posted posted = { { 0 }, { 0 } };
    bool found = false;
    struct slack_result result = slack_find(p->s->slack, p->person->slack, p->item->id, p->person->notice.reserved_s - HISTORY_BACK_S, &found, &posted);
    if (result.outcome == SLACK_DONE && found)
        return deliver(p, &posted);
    if (result.outcome == SLACK_DONE && p->item->resends == 0) {
        p->item->resends = 1; /* written with the announcement of the post: never a third */
        return send_message(p);
    }
    if (result.outcome == SLACK_LATER && ++p->item->reads < READS_MOST) {
        note_error(p, result.error);
        return later(result.retry_after_s >= 0 && result.retry_after_s < PAUSE_MOST_S ? result.retry_after_s * 1000 : BETWEEN_READS_MS, true);
    }
    if (result.outcome == SLACK_STOPPED && strcmp(result.error, "missing_scope") != 0)
        reader_stop_sending(p->r, result.error);
    return fail(p, "ambiguous", false);
}

/* ---- the reader ---- */

static struct notice_time time_of(const struct slack_reader *s, const struct person *person)
{
    const struct directory *d = s->node->directory;
    int64_t now_s = clock_wall_s(s->node->clock);
    struct notice_time t = { 0 };
    directory_enter(d);
    const struct policy *policy = directory_control(d)->policy;
    if (policy != NULL) {
        struct calendar_hours hours = calendar_write_hours(s->node->calendar, policy, person, directory_control(d)->holidays);
        t.local_day = calendar_local(s->node->calendar, hours.zone, now_s).day;
        t.in_window = calendar_in_window(&hours, now_s);
    }
    directory_leave(d);
    return t;
}

static struct item_result try_notice(struct post *p)
{
    struct notice_time t = time_of(p->s, p->person);
    if (t.local_day == 0)
        return later(BETWEEN_READS_MS, false); /* no policy here yet */
    switch (notice_step(p->person, p->item, t)) {
    case NOTICE_STEP_SEND: return send_message(p);
    case NOTICE_STEP_READ_BACK: return read_back(p);
    case NOTICE_STEP_TOO_LATE: return fail(p, "too_late", true);
    case NOTICE_STEP_NOTHING: break;
    }
    return done();
}

static enum err_code load_person(struct post *p, struct err *err)
{
    struct buf body;
    int64_t version = 0;
    buf_init(&body, PERSON_BODY_BYTES);
    enum err_code code = p->r->store->ops->get(p->r->store, RECORD_PERSON, p->item->person, &body, &version, err);
    if (code == OK)
        code = person_from_json(buf_span(&body), version, &p->person, err);
    buf_done(&body);
    return code;
}

static struct item_result send_item(void *self, struct reader *r, unsigned partition, struct effects_item *item)
{
    struct post p = { .s = self, .r = r, .partition = partition, .item = item };
    struct err err;
    arena_init(&p.arena, 32 * 1024, MESSAGE_ARENA_BYTES);
    enum err_code code = load_person(&p, &err);
    struct item_result result = code == OK ? try_notice(&p) : reader_is_store_trouble(code) ? store_waits(&p, &err) : done();
    person_free(p.person);
    arena_done(&p.arena);
    return result;
}

static bool is_for_slack(const struct event *event, char id[EVENT_ID_BYTES + 1])
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct span channel = SPAN_NONE, notice = SPAN_NONE;
    struct err err;
    if (from_json_parse(event->data, (struct from_json_limits){ EVENT_DATA_BYTES, 8 }, "notice.reserved", &doc, &err) != OK)
        return false;
    struct from_json_value root = from_json_root(doc), c = from_json_member(&root, "channel"), n = from_json_member(&root, "notice");
    if (from_json_text(&c, 32, &channel, &err) != OK || from_json_text(&n, EVENT_ID_BYTES, &notice, &err) != OK || !span_equal_text(channel, "slack"))
        return false;
    memcpy(id, notice.at, notice.bytes);
    id[notice.bytes] = '\0';
    return true;
}

static enum err_code take_entry(void *self, struct reader *r, const struct reader_entry *e, struct err *err)
{
    char id[EVENT_ID_BYTES + 1];
    (void)self;
    if (!span_equal_text(e->event.type, "notice.reserved") || !is_for_slack(&e->event, id))
        return OK;
    struct effects_item item = { .id = span_of(id), .type = e->event.type, .person = e->event.person, .first_ms = e->event.at_ms, .due_ms = e->event.at_ms };
    return reader_queue(r, &item, err);
}

/* A call is never broken off, not even to stop: its end would not be known. */
static bool keep_lease(void *reader)
{
    reader_keep(reader);
    return true;
}

static enum err_code open_slack(void *self, struct reader *r, struct err *err)
{
    struct slack_reader *s = self;
    struct slack_options options = s->options;
    options.tick = keep_lease;
    options.tick_context = r;
    return s->slack != NULL ? OK : slack_new(&options, &s->slack, err);
}

static void free_slack(void *self)
{
    struct slack_reader *s = self;
    if (s->options.token.bytes > 0)
        secret_wipe((void *)(uintptr_t)s->options.token.at, s->options.token.bytes); /* our own copy */
    slack_free(s->slack);
    arena_done(&s->texts);
    free(s);
}

enum err_code effects_slack_new(const struct node *node, const struct slack_options *options, const struct reader_ops **ops, void **self, struct err *err)
{
    static const struct reader_ops slack_ops = { .open = open_slack, .entry = take_entry, .send = send_item, .free = free_slack };
    struct slack *tried = NULL;
    enum err_code code = slack_new(options, &tried, err); /* thrown away: a mistake is told at the start */
    slack_free(tried);
    if (code != OK)
        return code;
    struct slack_reader *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_MEMORY, "slack");
    s->node = node;
    arena_init(&s->texts, 4096, 64 * 1024);
    s->options = (struct slack_options){ .token = arena_copy(&s->texts, options->token), .base_url = arena_copy(&s->texts, options->base_url),
                                         .allow_loopback_http = options->allow_loopback_http, .ca_file = arena_copy(&s->texts, options->ca_file) };
    *ops = &slack_ops;
    *self = s;
    return OK;
}
