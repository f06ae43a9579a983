#include "gateway/slack/slack_exemptions.h"

#include "gateway/change.h"
#include "gateway/effects_notice.h"
#include "gateway/feed.h"
#include "gateway/slack/slack_greeting.h"
#include "posture/base/from_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKSPACE_PAUSE_MS = 3600 * 1000, STORE_WAITS_MS = 1000, INTRODUCE_EVERY_MS = 10 * 1000,
       HOME_SLICE_S = 15 * 86400, HISTORY_BACK_S = 600, READ_BACK_MS = 3000, REPEAT_FOR_MS = 2 * 3600 * 1000, CLOSED_APART_S = 3600 };
static const char item_closed[] = "slack.closed", item_old[] = "slack.old";

/* ---- ends ---- */

struct item_result reply_done(void) { return (struct item_result){ ITEM_DONE, -1, true }; }
struct item_result reply_later(int64_t after_ms, bool counts) { return (struct item_result){ ITEM_LATER, after_ms, counts }; }

struct item_result reply_store_waits(struct reply *p, const struct err *err)
{
    log_event(p->s->node->log, LOG_WARN, "slack.store_waits", LOG_SPAN("item", p->item->id), LOG_ERR(err));
    return reply_later(STORE_WAITS_MS, false);
}

static struct item_result try_later(struct reply *p, const struct slack_result *result)
{
    int64_t after_ms = slack_leave_alone_ms(result);
    if (after_ms >= 0)
        reader_pause(p->r, after_ms);
    else
        reader_note_failure(p->r, result->error);
    return reply_later(after_ms, true);
}

struct item_result reply_judge(struct reply *p, const struct slack_result *result, bool *refused)
{
    if (refused != NULL)
        *refused = result->outcome == SLACK_REFUSED || result->outcome == SLACK_BLOCKS;
    if (result->outcome != SLACK_DONE)
        p->item->error = arena_copy_text(&p->r->item_arena, result->error);
    switch (result->outcome) {
    case SLACK_DONE: reader_note_success(p->r); return reply_done();
    case SLACK_REFUSED:
    case SLACK_BLOCKS:
        log_event(p->s->node->log, LOG_WARN, "slack.reply_refused", LOG_SPAN("item", p->item->id), LOG_SPAN("person", p->item->person), LOG_STR("error", result->error));
        return reply_done();
    case SLACK_STOPPED: slack_doubt_stop(p->r, result->error); return reply_later(-1, false);
    case SLACK_PAUSED: reader_pause(p->r, WORKSPACE_PAUSE_MS); return reply_later(WORKSPACE_PAUSE_MS, false);
    case SLACK_EXPIRED: p->s->token_is_old = true; return reply_later(STORE_WAITS_MS, true);
    case SLACK_AMBIGUOUS:
    case SLACK_LATER: break;
    }
    return try_later(p, result);
}

/* ---- the newest message ---- */

struct slack_result reply_update_notice(struct reply *p, struct span person, bool all_steps, bool *waits)
{
    struct slack_posted place = { { 0 }, { 0 } };
    struct slack_said said;
    struct slack_scene scene;
    struct err err = { 0 };
    bool told = false;
    slack_said_init(&said);
    directory_enter(p->s->node->directory);
    slack_scene_make(p->s->node, person, &p->arena, &scene);
    bool known = scene.person != NULL && scene.policy != NULL, greeting = known && slack_greeting_place(scene.person, &place), there = known && (greeting || slack_notice_place(scene.person, &place));
    enum err_code code = greeting ? slack_greeting_again(&scene, p->r->store, &said, &told, &err) : there ? slack_notice_write(&scene, all_steps, &said, &told, &err) : OK;
    *waits = there && (greeting ? slack_greeting_waits(&scene) : slack_notice_waits(&scene));
    directory_leave(p->s->node->directory);
    struct slack_result r = { .outcome = SLACK_DONE, .retry_after_s = -1 };
    const struct slack_message message = { .text = buf_span(&said.text), .blocks = buf_span(&said.blocks) };
    if (code != OK)
        log_event(p->s->node->log, LOG_ERROR, "slack.no_message", LOG_SPAN("person", person), LOG_ERR(&err));
    else if (told)
        r = slack_update(p->s->client, &place, &message);
    slack_said_done(&said);
    return r;
}

static struct item_result send_message(struct reply *p)
{
    bool waits = false;
    struct slack_result r = reply_update_notice(p, p->item->person, false, &waits);
    return reply_judge(p, &r, NULL); /* message_not_found and its kin: it is gone, and the next one comes as usual */
}

/* ---- the one before ---- */

/* Buttons under yesterday's facts help nobody: it shrinks to a line that points to the newer message. */
static struct item_result send_old(struct reply *p)
{
    const struct directory *d = p->s->node->directory;
    struct slack_posted place = { { 0 }, { 0 } };
    struct slack_said said;
    struct err err;
    directory_enter(d);
    const struct person *person = directory_person(d, p->item->person);
    bool there = person != NULL && slack_notice_old_place(person, &place);
    directory_leave(d);
    if (!there)
        return reply_done();
    slack_said_init(&said);
    struct item_result result = reply_done();
    if (nudge_text_old(&said.text, &said.blocks, &err) == OK) {
        const struct slack_message m = { .text = buf_span(&said.text), .blocks = buf_span(&said.blocks) };
        struct slack_result r = slack_update(p->s->client, &place, &m);
        result = reply_judge(p, &r, NULL); /* it is gone, or too old to be changed: then it stays as it is, and its buttons say what is true */
    }
    slack_said_done(&said);
    return result;
}

/* ---- the Home tab ---- */

/* Who opened it lately is remembered by halves of a month, for two of them. */
static struct span home_key(struct reply *p, struct span user, int64_t slice) { return arena_format(&p->arena, "home:%.*s:%lld", SPAN_ARGS(user), (long long)slice); }

static void note_home(struct reply *p, struct span user)
{
    struct err ignored;
    int64_t slice = clock_wall_s(p->s->node->clock) / HOME_SLICE_S;
    (void)!p->r->store->ops->once(p->r->store, SLACK_ONCE_KIND, home_key(p, user, slice), 2 * HOME_SLICE_S, &ignored); /* marked already: good */
}

static enum err_code opened_lately(struct reply *p, struct span user, bool *opened, struct err *err)
{
    int64_t slice = clock_wall_s(p->s->node->clock) / HOME_SLICE_S;
    enum err_code code = p->r->store->ops->used(p->r->store, SLACK_ONCE_KIND, home_key(p, user, slice), opened, err);
    return code == OK && !*opened ? p->r->store->ops->used(p->r->store, SLACK_ONCE_KIND, home_key(p, user, slice - 1), opened, err) : code;
}

struct slack_result reply_publish_home(struct reply *p, struct span person, struct span user, struct span line)
{
    CLEANUP(buf_done) struct buf view;
    struct slack_scene scene;
    struct err err = { 0 };
    buf_init(&view, 2 * SLACK_SAY_BYTES);
    directory_enter(p->s->node->directory);
    slack_scene_make(p->s->node, person, &p->arena, &scene);
    slack_scene_offer(&scene, p->r->store);
    enum err_code code = slack_say_home(&scene, line, &view, &err);
    directory_leave(p->s->node->directory);
    note_home(p, user);
    if (code == OK)
        return slack_publish_home(p->s->client, user, buf_span(&view));
    log_event(p->s->node->log, LOG_ERROR, "slack.no_home", LOG_SPAN("person", person), LOG_ERR(&err));
    return (struct slack_result){ .outcome = SLACK_DONE, .retry_after_s = -1 };
}

static struct span slack_id_of(struct reply *p)
{
    const struct directory *d = p->s->node->directory;
    directory_enter(d);
    const struct person *person = directory_person(d, p->item->person);
    struct span user = person != NULL && !person->removed ? arena_copy(&p->arena, person->slack) : SPAN_NONE;
    directory_leave(d);
    return user;
}

static struct item_result send_home(struct reply *p)
{
    struct err err;
    bool opened = false;
    struct span user = slack_id_of(p);
    if (span_empty(user))
        return reply_done();
    if (opened_lately(p, user, &opened, &err) != OK)
        return reply_store_waits(p, &err);
    if (!opened)
        return reply_done();
    struct slack_result r = reply_publish_home(p, p->item->person, user, SPAN_NONE);
    return reply_judge(p, &r, NULL);
}

/* ---- apps closed on a device ---- */

/* "<device>|<rung before>|<rung now>" */
struct rise { struct span device, from, to; };
static struct rise read_rise(struct span payload)
{
    struct rise rise = { SPAN_NONE, SPAN_NONE, SPAN_NONE };
    span_cut(&payload, '|', &rise.device);
    span_cut(&payload, '|', &rise.from);
    rise.to = payload;
    return rise;
}

static unsigned closed_by(const struct ladder *l, struct span rung)
{
    for (size_t i = 0; i < l->rung_count; i++)
        if (span_equal(l->rungs[i].id, rung))
            return l->rungs[i].close;
    return 0;
}

/* A step down, or one that closes nothing more, is no news of this kind. */
static bool closes_more(const struct policy *policy, const struct rise *rise)
{
    for (size_t i = 0; i < policy->ladder_count; i++)
        if ((closed_by(&policy->ladders[i], rise->to) & ~closed_by(&policy->ladders[i], rise->from)) != 0)
            return true;
    return false;
}

/* Who read the day's message within the hour finds it there, as it changes in place: nobody is written to twice within that time. */
static bool was_just_told(const struct slack_scene *scene)
{
    const struct notice *n = &scene->person->notice;
    return n->state == NOTICE_DELIVERED && scene->now_s - n->settled_s < CLOSED_APART_S;
}

/* False: nothing more is closed there now, it is not theirs any more, or they were told a moment ago. */
static bool write_closed(struct reply *p, struct slack_said *said, struct err *err, enum err_code *code)
{
    const struct rise rise = read_rise(p->item->payload);
    struct slack_scene scene;
    directory_enter(p->s->node->directory);
    slack_scene_make(p->s->node, p->item->person, &p->arena, &scene);
    const struct slack_card *card = scene.person != NULL && scene.policy != NULL ? slack_scene_card(&scene, rise.device) : NULL;
    bool closed = card != NULL && card->closed != 0 && closes_more(scene.policy, &rise) && !was_just_told(&scene);
    if (closed)
        *code = slack_say_closed(&scene, card, said, err);
    directory_leave(p->s->node->directory);
    return closed;
}

/* ---- a message of its own ---- */

/* As of the day's message (effects_message.h): a node that stood still since it wrote this down says nothing any more. */
static bool may_leave(void *context)
{
    const struct reply *p = context;
    return reader_holds(p->r, p->partition) && notice_may_leave(p->item->begun_ms, clock_wall_ms(p->s->node->clock));
}

struct slack_result reply_post_announced(struct reply *p, struct span to, const struct slack_said *said, struct slack_posted *posted, struct item_result *result)
{
    struct slack_result r = { .outcome = SLACK_AMBIGUOUS, .retry_after_s = -1 };
    struct err err;
    p->item->unclear = true;
    p->item->ended_ms = 0;
    p->item->begun_ms = clock_wall_ms(p->s->node->clock);
    if (reader_store_item(p->r, p->partition, p->item, &err) != OK) {
        *result = reply_store_waits(p, &err);
        return r;
    }
    const struct slack_message m = { .to = to, .text = buf_span(&said->text), .blocks = buf_span(&said->blocks), .notice = p->item->id, .may_leave = may_leave, .may_leave_context = p };
    r = slack_post(p->s->client, &m, posted);
    if (r.outcome == SLACK_AMBIGUOUS) {
        p->item->ended_ms = clock_wall_ms(p->s->node->clock);
        *result = reply_later(READ_BACK_MS, true);
        return r;
    }
    p->item->unclear = false;
    *result = reply_judge(p, &r, NULL);
    return r;
}

struct item_result reply_unseen(struct reply *p, const struct slack_result *r, bool *again)
{
    int64_t wait_ms = 0, now_ms = clock_wall_ms(p->s->node->clock);
    enum notice_missing what = r->outcome == SLACK_DONE ? notice_missing(p->item, SLACK_CALL_MS, now_ms, &wait_ms) : NOTICE_MISSING_GIVE_UP;
    *again = what == NOTICE_MISSING_SEND_AGAIN && now_ms - p->item->first_ms < REPEAT_FOR_MS;
    p->item->unclear = !*again;
    p->item->resends += *again;
    p->item->reads = *again ? 0 : p->item->reads;
    if (what == NOTICE_MISSING_LOOK_AGAIN)
        return reply_later(wait_ms, false);
    return r->outcome == SLACK_LATER && p->item->tries < EFFECTS_TRIES ? reply_judge(p, r, NULL) : reply_done();
}

/* At most once: an end that is not known is settled by reading the conversation back; where that says nothing, it is left. */
static struct item_result read_back_post(struct reply *p, struct span user, bool *again)
{
    struct slack_posted posted = { { 0 }, { 0 } };
    bool found = false;
    struct slack_result r = slack_find(p->s->client, user, p->item->id, p->item->first_ms / 1000 - HISTORY_BACK_S, &found, &posted);
    *again = false;
    return found ? reply_done() : reply_unseen(p, &r, again);
}

struct item_result reply_post_once(struct reply *p, reply_write_fn *write)
{
    struct slack_said said;
    struct err err = { 0 };
    enum err_code code = OK;
    bool again = true;
    struct span user = slack_id_of(p);
    if (span_empty(user))
        return reply_done();
    struct item_result result = p->item->unclear ? read_back_post(p, user, &again) : reply_done();
    if (!again)
        return result;
    slack_said_init(&said);
    bool wanted = write(p, &said, &err, &code);
    if (code != OK)
        log_event(p->s->node->log, LOG_ERROR, "slack.no_message", LOG_SPAN("person", p->item->person), LOG_ERR(&err));
    struct slack_posted posted;
    result = reply_done();
    if (wanted && code == OK)
        (void)reply_post_announced(p, user, &said, &posted, &result);
    slack_said_done(&said);
    return result;
}

static struct item_result send_closed(struct reply *p) { return reply_post_once(p, write_closed); }
static struct item_result send_answer(struct reply *p) { return reply_post_once(p, slack_exemptions_write_answer); }

/* ---- items ---- */

static struct item_result send_by_type(struct reply *p)
{
    static const struct { const char *type; struct item_result (*send)(struct reply *); } rows[] = {
        { SLACK_ASKED, carry_out },   { REPLY_MESSAGE, send_message }, { REPLY_HOME, send_home }, { item_old, send_old },
        { item_closed, send_closed }, { EXEMPTION_REQUEST, slack_exemptions_request }, { EXEMPTION_ANSWER, send_answer },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (span_equal_text(p->item->type, rows[i].type))
            return rows[i].send(p);
    return reply_done();
}

static struct item_result send_item(void *self, struct reader *r, unsigned partition, struct effects_item *item)
{
    struct reply p = { .s = self, .r = r, .partition = partition, .item = item };
    struct err err = { 0 };
    arena_init(&p.arena, 32 * 1024, REPLIES_ARENA_BYTES);
    enum err_code code = slack_token_use(p.s->node, r->store, p.s->client, p.s->token_is_old, &p.s->token, &err);
    p.s->token_is_old = false;
    struct item_result result = code == OK ? send_by_type(&p) : reply_store_waits(&p, &err);
    arena_done(&p.arena);
    return result;
}

/* ---- entries ---- */

enum err_code reply_enqueue(struct reader *r, const struct reply_item *what, struct err *err)
{
    char id[64];
    snprintf(id, sizeof id, "%c_%.*s", what->letter, SPAN_ARGS(span_slice(what->name, 0, 48)));
    int64_t now_ms = clock_wall_ms(r->node->clock);
    const struct effects_item item = { .id = span_of(id), .type = span_of(what->type), .person = what->person, .payload = what->payload, .first_ms = now_ms, .due_ms = now_ms + what->after_ms };
    return reader_queue(r, &item, err);
}

static enum err_code queue_order(struct reader *r, const struct reader_entry *e, struct err *err)
{
    const struct effects_item item = { .id = e->event.id, .type = e->event.type, .person = e->event.person, .payload = e->event.data, .first_ms = e->event.at_ms, .due_ms = e->event.at_ms };
    return reader_queue(r, &item, err);
}

static enum err_code queue_closed(struct reader *r, const struct reader_entry *e, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct rise rise = { e->event.device, SPAN_NONE, SPAN_NONE };
    enum err_code code = from_json_parse(e->event.data, (struct from_json_limits){ EVENT_DATA_BYTES, 8 }, "rung.changed", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), from = from_json_member(&root, "from"), to = from_json_member(&root, "to");
    code = from_json_text_opt(&from, 256, &rise.from, err);
    if (code == OK)
        code = from_json_text_opt(&to, 256, &rise.to, err);
    if (code != OK || span_empty(rise.to))
        return code;
    struct span payload = arena_format(&r->arena, "%.*s|%.*s|%.*s", SPAN_ARGS(rise.device), SPAN_ARGS(rise.from), SPAN_ARGS(rise.to));
    return payload.at == NULL ? err_set(err, ERR_MEMORY, "rung.changed") : reply_enqueue(r, &(struct reply_item){ item_closed, 'c', e->event.id, e->event.person, payload, 0 }, err);
}

/* What changes how the newest message looks. A click of the same person changes it at once; this is for what happened elsewhere. */
static bool changes_the_message(struct span type)
{
    static const char *const types[] = { "person.healed", "person.disputed", "person.snoozed", "person.asked", "person.dispute_answered", "person.ask_answered" };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (span_equal_text(type, types[i]))
            return true;
    return false;
}

/* Of somebody whose newest message is still the greeting, all that is new of their devices stands there. */
static bool changes_the_greeting(const struct reader *r, const struct reader_entry *e)
{
    struct slack_posted ignored;
    if (!span_equal_text(e->event.type, "result.changed") && !span_equal_text(e->event.type, "device.owner"))
        return false;
    directory_enter(r->node->directory);
    const struct person *person = directory_person(r->node->directory, e->event.person);
    bool greeted = person != NULL && slack_greeting_place(person, &ignored);
    directory_leave(r->node->directory);
    return greeted;
}

static enum err_code await(const struct reader *r, const struct reader_entry *e)
{
    if (e->has_record && r->node->feed != NULL)
        feed_await(r->node->feed, e->kind, e->record, e->version);
    return OK;
}

static enum err_code take_entry(void *self, struct reader *r, const struct reader_entry *e, struct err *err)
{
    struct span type = e->event.type;
    enum err_code code = OK;
    (void)self;
    if (span_equal_text(type, SLACK_ASKED))
        return queue_order(r, e, err);
    if (slack_exemptions_concern(e))
        return slack_exemptions_take(r, e, err);
    if (span_empty(e->event.person) || !e->has_record)
        return OK;
    bool rung = span_equal_text(type, "rung.changed"), message = rung || changes_the_message(type) || changes_the_greeting(r, e), newer = span_equal_text(type, "notice.delivered");
    if (message || newer)
        code = await(r, e);
    if (code == OK && newer)
        code = reply_enqueue(r, &(struct reply_item){ item_old, 'o', e->event.person, e->event.person, SPAN_NONE, REPLY_MESSAGE_AFTER_MS }, err);
    if (code == OK && message)
        code = reply_enqueue(r, &(struct reply_item){ REPLY_MESSAGE, 'm', e->event.person, e->event.person, SPAN_NONE, REPLY_MESSAGE_AFTER_MS }, err);
    if (code == OK && (message || span_equal_text(type, "device.owner")))
        code = reply_enqueue(r, &(struct reply_item){ REPLY_HOME, 'h', e->event.person, e->event.person, SPAN_NONE, REPLY_HOME_AFTER_MS }, err);
    if (code == OK && rung)
        code = queue_closed(r, e, err);
    return code;
}

/* ---- the reader ---- */

/* Who we are, once for each token: whose workspace it is decides who is answered. */
static void introduce(struct replies *s, struct reader *r)
{
    struct slack_identity who = { { 0 }, { 0 }, { 0 }, { 0 } };
    struct err ignored;
    int64_t now_ms = clock_mono_ms(s->node->clock);
    unsigned renewals = slack_app_renewals(s->node->slack);
    if (now_ms < s->introduced_ms || reader_is_stopped(r) || (s->introduced == renewals && slack_app_identity(s->node->slack, &who)))
        return;
    s->introduced_ms = now_ms + INTRODUCE_EVERY_MS;
    if (slack_token_use(s->node, r->store, s->client, false, &s->token, &ignored) != OK)
        return; /* there is no token yet */
    struct slack_result result = slack_auth_test(s->client, &who);
    if (result.outcome == SLACK_DONE) {
        s->introduced = renewals;
        slack_app_learn(s->node->slack, &who);
    } else if (result.outcome == SLACK_STOPPED)
        slack_app_doubt(s->node->slack, SLACK_TROUBLE_REVOKED, clock_wall_s(s->node->clock)); /* the others stop too, before anybody is written to */
    else
        log_event(s->node->log, LOG_WARN, "slack.not_introduced", LOG_STR("error", result.error));
}

static enum err_code tick(void *self, struct reader *r, unsigned partition, struct err *err)
{
    struct replies *s = self;
    introduce(s, r);
    slack_doubt_judge(s->node, r, s->client, &s->token, &s->doubt);
    if (partition + 1 != r->partition_count)
        return OK;
    enum err_code code = slack_token_keep(s->node, r->store, s->client, &s->keeper, err);
    if (code == ERR_DENIED && !reader_is_stopped(r))
        reader_stop_sending(r, "invalid_refresh_token: install the app again in Slack. Put its refresh token into the file of slack.refresh_token, or start postern with it");
    return code;
}

/* A call is never broken off, not even to stop: its end would not be known. */
static bool keep_lease(void *reader)
{
    reader_keep(reader);
    return true;
}

static enum err_code open_replies(void *self, struct reader *r, struct err *err)
{
    struct replies *s = self;
    struct slack_options options = slack_app_client(slack_app_options(s->node->slack));
    options.tick = keep_lease;
    options.tick_context = r;
    return s->client != NULL ? OK : slack_new(&options, &s->client, err);
}

static void free_replies(void *self)
{
    struct replies *s = self;
    slack_free(s->client);
    secret_free(s, sizeof *s);
}

enum err_code slack_replies_new(const struct node *node, const struct reader_ops **ops, void **self, struct err *err)
{
    static const struct reader_ops replies_ops = { .open = open_replies, .entry = take_entry, .tick = tick, .send = send_item, .free = free_replies };
    struct replies *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_MEMORY, "slack-replies");
    s->node = node;
    *ops = &replies_ops;
    *self = s;
    return OK;
}
