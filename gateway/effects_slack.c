/* The Slack reader: a reserved notice becomes one direct message, at most once. A post is announced in the outbox item, under the fence, before it is
 * made; an end that is not known is settled by reading the conversation back, and where that does not help, given up for the day. */
#include "gateway/effects_message.h"

#include "connectors/notify/greeting_text.h"
#include "connectors/notify/reminder_text.h"

#include "gateway/change.h"
#include "gateway/slack/slack_app.h"
#include "gateway/slack/slack_doubt.h"
#include "gateway/slack/slack_greeting.h"
#include "gateway/slack/slack_notice.h"
#include "gateway/slack/slack_token.h"

#include <stdlib.h>
#include <string.h>

enum { BETWEEN_POSTS_MS = 1000, BEFORE_READ_BACK_MS = 3000, WORKSPACE_PAUSE_MS = 3600 * 1000,
       HISTORY_BACK_S = 600, TEXT_BYTES = 256 * 1024 };

struct slack_reader {
    const struct node *node;
    struct slack_options options; /* texts in `texts` */
    struct arena texts;
    struct slack *slack;          /* made on the reader's thread */
    struct slack_token token;
    bool token_is_old;            /* the last call said so */
    struct slack_doubt doubt;
};

/* One try. */
struct post { struct message_try t; struct slack_reader *s; struct span to, text, blocks; };

/* ---- ends ---- */

static struct item_result deliver(struct post *p, const struct slack_posted *posted)
{
    reader_note_success(p->t.r);
    return message_delivered(&p->t, span_of(posted->conversation), span_of(posted->message)); /* when the store waits, it is found by reading back */
}

/* All of Slack, for as long as it says, or longer with each failure in a row. */
static void leave_alone(struct post *p, const struct slack_result *result)
{
    int64_t after_ms = slack_leave_alone_ms(result);
    if (after_ms >= 0)
        reader_pause(p->t.r, after_ms);
    else
        reader_note_failure(p->t.r, result->error);
}

/* Surely not sent. After too many tries the next channel has it; where there is none it is tried for as long as its day and hours last (message_step()). */
static struct item_result try_later(struct post *p, const struct slack_result *result)
{
    int64_t after_ms = slack_leave_alone_ms(result);
    struct item_result moved;
    bool often = p->t.item->tries + 1 >= EFFECTS_TRIES;
    p->t.item->unclear = false;
    message_note_error(&p->t, result->error);
    if (often && message_move_on(&p->t, result->error, &moved))
        return moved;
    leave_alone(p, result);
    return message_later(after_ms, !often);
}

static struct item_result judge_post(struct post *p, const struct slack_result *result, const struct slack_posted *posted)
{
    switch (result->outcome) {
    case SLACK_DONE: return deliver(p, posted);
    case SLACK_EXPIRED: p->s->token_is_old = true; return try_later(p, result);
    case SLACK_LATER: return try_later(p, result);
    case SLACK_BLOCKS: /* refused without blocks as well */
    case SLACK_REFUSED: return message_undeliverable(&p->t, result->error);
    case SLACK_STOPPED:
        p->t.item->unclear = false;
        message_note_error(&p->t, result->error);
        slack_doubt_stop(p->t.r, result->error);
        return message_unsendable(p->s->node, p->t.r, p->t.partition, p->t.item);
    case SLACK_PAUSED:
        p->t.item->unclear = false;
        message_note_error(&p->t, result->error);
        reader_pause(p->t.r, WORKSPACE_PAUSE_MS);
        return message_later(WORKSPACE_PAUSE_MS, false);
    case SLACK_AMBIGUOUS: break;
    }
    p->t.item->ended_ms = clock_wall_ms(p->s->node->clock); /* the call is over: nothing more of it leaves from here */
    message_note_error(&p->t, result->error);
    reader_note_failure(p->t.r, result->error);
    return message_later(BEFORE_READ_BACK_MS, p->t.item->resends == 0);
}

/* ---- the message ---- */

/* With a way back to us the buttons are pressed in Slack; without one they lead to the page. */
static void offer_buttons(struct post *p, struct nudge_text_input *in)
{
    struct slack_scene scene;
    if (!slack_app_hears(p->s->node->slack))
        return;
    slack_scene_make(p->s->node, in->person->id, &p->t.arena, &scene);
    in->notice = p->t.item->id;
    in->may_dispute = true;
    in->snoozes_left = slack_notice_snoozes(&scene, in->items[0].device->id, in->items[0].check->id);
    slack_notice_exempt(&scene, in->items[0].device->id, in->items[0].check->id, in);
}

static enum err_code write_greeting(struct post *p, const struct nudge_text_input *in, struct buf *text, struct buf *blocks, struct err *err)
{
    struct slack_said said;
    struct slack_scene scene;
    if (!slack_app_hears(p->s->node->slack))
        return greeting_text(in, text, blocks, err);
    slack_scene_make(p->s->node, in->person->id, &p->t.arena, &scene);
    if (scene.person == NULL || scene.policy == NULL)
        return err_set(err, ERR_UNAVAILABLE, "this gateway does not know the person yet");
    slack_scene_offer(&scene, p->t.r->store);
    slack_said_init(&said);
    enum err_code code = slack_greeting_write(&scene, p->t.item->id, in->link, &said, err);
    if (code == OK && (!buf_append(text, buf_span(&said.text)) || !buf_append(blocks, buf_span(&said.blocks))))
        code = err_set(err, ERR_MEMORY, "a greeting");
    slack_said_done(&said);
    return code;
}

static enum err_code write_post(void *context, const struct nudge_text_input *in, struct err *err)
{
    struct post *p = context;
    CLEANUP(buf_done) struct buf text, blocks;
    buf_init(&text, TEXT_BYTES);
    buf_init(&blocks, TEXT_BYTES);
    struct nudge_text_input with_buttons = *in;
    if (in->item_count > 0)
        offer_buttons(p, &with_buttons);
    enum err_code code = in->item_count > 0 ? nudge_text(&with_buttons, &text, &blocks, err)
                         : in->reminder_count > 0 ? reminder_text(in, &text, &blocks, err) : write_greeting(p, in, &text, &blocks, err);
    if (code != OK)
        return code;
    p->text = arena_copy(&p->t.arena, buf_span(&text));
    p->blocks = arena_copy(&p->t.arena, buf_span(&blocks));
    return p->text.at == NULL || p->blocks.at == NULL ? err_set(err, ERR_MEMORY, "a message") : OK;
}

/* ---- to whom ---- */

static enum change_say edit_slack(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    const struct post *p = context;
    if (span_equal(copy->slack, p->to))
        return CHANGE_NOTHING;
    copy->slack = arena_copy(&copy->arena, p->to);
    if (copy->slack.at == NULL || !change_event(events, p->s->node, "person.slack", copy->id, SPAN_NONE, p->t.item->id, SPAN_NONE))
        return (void)err_set(err, ERR_MEMORY, "the Slack id of %.*s", SPAN_ARGS(copy->id)), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

/* Asked once by e-mail and remembered. True: `to` is known; else *result is how the try ends. */
static bool find_recipient(struct post *p, struct item_result *result)
{
    char user[SLACK_ID_BYTES];
    struct err err;
    p->to = p->t.person->slack;
    if (!span_empty(p->to))
        return true;
    if (p->t.person->email_count == 0) {
        *result = message_undeliverable(&p->t, "no_slack_account");
        return false;
    }
    struct slack_result found = slack_lookup(p->s->slack, p->t.person->emails[0], user);
    if (found.outcome != SLACK_DONE) {
        bool person_only = found.outcome == SLACK_REFUSED || strcmp(found.error, "missing_scope") == 0;
        *result = person_only ? message_undeliverable(&p->t, found.error) : judge_post(p, &found, NULL);
        return false;
    }
    p->to = arena_copy_text(&p->t.arena, user);
    if (change_person(p->s->node, p->t.r->store, p->t.person->id, false, edit_slack, p, &err) == OK)
        return true;
    *result = message_store_waits(&p->t, &err);
    return false;
}

/* ---- post and read back ---- */

static struct item_result post_now(struct post *p)
{
    struct item_result result;
    struct slack_posted posted = { { 0 }, { 0 } };
    if (!message_announce(&p->t, &result))
        return result;
    struct slack_message message = { .to = p->to, .text = p->text, .blocks = p->blocks, .notice = p->t.item->id, .may_leave = message_may_leave, .may_leave_context = &p->t };
    struct slack_result said = slack_post(p->s->slack, &message, &posted);
    if (said.outcome == SLACK_BLOCKS) {
        log_event(p->s->node->log, LOG_ERROR, "slack.blocks_refused", LOG_STR("error", said.error), LOG_SPAN("notice", p->t.item->id));
        message.blocks = SPAN_NONE;
        said = slack_post(p->s->slack, &message, &posted);
    }
    reader_pause(p->t.r, BETWEEN_POSTS_MS);
    return judge_post(p, &said, &posted);
}

static struct item_result send_message(struct post *p)
{
    struct item_result result;
    return message_write(&p->t, write_post, p, &result) && find_recipient(p, &result) ? post_now(p) : result;
}

/* Slack answers, and does not have it. */
static struct item_result is_missing(struct post *p)
{
    int64_t wait_ms = 0;
    enum notice_step step;
    switch (notice_missing(p->t.item, SLACK_CALL_MS, clock_wall_ms(p->s->node->clock), &wait_ms)) {
    case NOTICE_MISSING_LOOK_AGAIN: return message_later(wait_ms, false);
    case NOTICE_MISSING_SEND_AGAIN:
        step = message_repeat_step(&p->t);
        if (step == NOTICE_STEP_WAIT)
            return message_later(MESSAGE_UNSENDABLE_MS, false);
        if (step != NOTICE_STEP_SEND)
            break;
        p->t.item->resends++;       /* written with the announcement of the post */
        p->t.item->reads = 0;
        p->t.item->unclear = false; /* it was looked for and is not there */
        return send_message(p);
    case NOTICE_MISSING_GIVE_UP: break;
    }
    return message_failed(&p->t, "ambiguous", false);
}

/* It cannot be told. While Slack is ill that is asked again, and nothing is sent, for as long as the day of the notice lasts. */
static struct item_result is_unread(struct post *p, const struct slack_result *result)
{
    bool stopped = result->outcome == SLACK_STOPPED && strcmp(result->error, "missing_scope") != 0;
    if (stopped)
        slack_doubt_stop(p->t.r, result->error);
    else if (result->outcome == SLACK_EXPIRED)
        p->s->token_is_old = true;
    else if (result->outcome == SLACK_PAUSED)
        reader_pause(p->t.r, WORKSPACE_PAUSE_MS);
    else if (result->outcome == SLACK_LATER)
        leave_alone(p, result);
    bool passes = stopped || result->outcome == SLACK_EXPIRED || result->outcome == SLACK_PAUSED || result->outcome == SLACK_LATER;
    if (!passes || !message_is_today(&p->t))
        return message_failed(&p->t, "ambiguous", false);
    int64_t after_ms = slack_leave_alone_ms(result);
    message_note_error(&p->t, result->error);
    return message_later(after_ms >= 0 ? after_ms : reader_backoff_ms(p->t.r->failures + 1), false);
}

static struct item_result read_back(struct post *p)
{
    struct slack_posted posted = { { 0 }, { 0 } };
    bool found = false;
    struct slack_result result = slack_find(p->s->slack, p->t.person->slack, p->t.item->id, p->t.person->notice.reserved_s - HISTORY_BACK_S, &found, &posted);
    if (result.outcome == SLACK_DONE && found)
        return deliver(p, &posted);
    if (result.outcome == SLACK_DONE)
        return is_missing(p);
    return is_unread(p, &result);
}

/* ---- the reader ---- */

/* A token that is not there yet comes soon: whoever has the control partition fetches it. */
static bool take_token(struct slack_reader *s, struct post *p, struct reader *r, struct item_result *result)
{
    struct err err = { 0 };
    if (slack_token_use(s->node, r->store, s->slack, s->token_is_old, &s->token, &err) == OK) {
        s->token_is_old = false;
        return true;
    }
    *result = message_store_waits(&p->t, &err);
    return false;
}

static struct item_result send_item(void *self, struct reader *r, unsigned partition, struct effects_item *item)
{
    struct slack_reader *s = self;
    struct post p = { .s = s };
    struct item_result result;
    if (message_load(&p.t, s->node, r, partition, item, &result) && take_token(s, &p, r, &result)) {
        enum notice_step step = message_step(&p.t, &result);
        if (step == NOTICE_STEP_SEND)
            result = send_message(&p);
        else if (step == NOTICE_STEP_READ_BACK)
            result = read_back(&p);
    }
    message_done(&p.t);
    return result;
}

static struct item_result keep_unsent(void *self, struct reader *r, unsigned partition, struct effects_item *item)
{
    return message_unsendable(((struct slack_reader *)self)->node, r, partition, item);
}

static enum err_code take_entry(void *self, struct reader *r, const struct reader_entry *e, struct err *err)
{
    (void)self;
    return message_take(r, e, "slack", err);
}

static enum err_code tick(void *self, struct reader *r, unsigned partition, struct err *err)
{
    struct slack_reader *s = self;
    (void)partition, (void)err;
    slack_doubt_judge(s->node, r, s->slack, &s->token, &s->doubt);
    return OK;
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
    static const struct reader_ops slack_ops = { .open = open_slack, .entry = take_entry, .tick = tick, .send = send_item, .unsendable = keep_unsent, .free = free_slack };
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
                                         .token_later = options->token_later, .allow_loopback_http = options->allow_loopback_http, .ca_file = arena_copy(&s->texts, options->ca_file) };
    *ops = &slack_ops;
    *self = s;
    return OK;
}
