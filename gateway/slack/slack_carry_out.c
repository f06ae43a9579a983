/* One order, from the log to what the person sees: first what it commits, then the answer, then, after "Check again", what the device says to it. */
#include "gateway/slack/slack_replies_parts.h"

#include "connectors/notify/slack_users.h"
#include "gateway/change.h"
#include "posture/base/from_json.h"

#include <string.h>

enum { WATCH_MS = 2000, READ_BACK_MS = 3000, HISTORY_BACK_S = 600, STATE_BYTES = EVENT_DATA_BYTES * 2, LINE_BYTES = 300 };

/* How the answer gets there. */
enum way { WAY_NOTICE, WAY_MESSAGE, WAY_ADDRESS, WAY_HOME, WAY_POST };

/* ---- progress ---- */

static enum err_code read_progress(struct span payload, struct arena *arena, struct progress *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    *out = (struct progress){ .data = payload };
    enum err_code code = from_json_parse(payload, (struct from_json_limits){ STATE_BYTES, 4 }, "an order", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), data = from_json_member(&root, "data"), stage = from_json_member(&root, "stage"), c = from_json_member(&root, "conversation"),
                           m = from_json_member(&root, "message"), l = from_json_member(&root, "line"), opened = from_json_member(&root, "opened"), waits = from_json_member(&root, "waits");
    if (!from_json_present(&data))
        return OK;
    struct span text = SPAN_NONE, conversation = SPAN_NONE, message = SPAN_NONE, line = SPAN_NONE;
    int64_t number = 0;
    code = from_json_text(&data, STATE_BYTES, &text, err);
    if (code == OK)
        code = from_json_int(&stage, STAGE_NEW, STAGE_ANSWERED, &number, err);
    if (code == OK)
        code = from_json_text_opt(&c, SLACK_ID_BYTES - 1, &conversation, err);
    if (code == OK)
        code = from_json_text_opt(&m, SLACK_ID_BYTES - 1, &message, err);
    if (code == OK)
        code = from_json_text_opt(&l, LINE_BYTES, &line, err);
    if (code == OK)
        code = from_json_bool_opt(&opened, &out->opened, err);
    if (code == OK)
        code = from_json_bool_opt(&waits, &out->waits, err);
    if (code != OK)
        return code;
    out->data = arena_copy(arena, text);
    out->line = arena_copy(arena, line);
    out->stage = (enum stage)number;
    memcpy(out->posted.conversation, conversation.at != NULL ? conversation.at : "", conversation.bytes);
    memcpy(out->posted.message, message.at != NULL ? message.at : "", message.bytes);
    return OK;
}

static bool write_progress(struct doing *d)
{
    CLEANUP(buf_done) struct buf text;
    struct to_json w;
    buf_init(&text, STATE_BYTES);
    to_json_init(&w, &text);
    to_json_object(&w);
    to_json_member_text(&w, "data", d->progress.data);
    to_json_member_int(&w, "stage", d->progress.stage);
    to_json_member_text_if(&w, "line", d->progress.line);
    to_json_member_bool(&w, "opened", d->progress.opened);
    to_json_member_bool(&w, "waits", d->progress.waits);
    to_json_member_text_if(&w, "conversation", span_of(d->progress.posted.conversation));
    to_json_member_text_if(&w, "message", span_of(d->progress.posted.message));
    to_json_end(&w);
    struct span copy = arena_copy(&d->p->r->item_arena, buf_span(&text));
    if (text.failed || copy.at == NULL)
        return false;
    d->p->item->payload = copy;
    return true;
}

static enum err_code keep_progress(struct doing *d, struct err *err)
{
    return write_progress(d) ? reader_store_item(d->p->r, d->p->partition, d->p->item, err) : err_set(err, ERR_MEMORY, "an order from Slack");
}

/* ---- once ---- */

/* Slack sends some things twice, and an append whose end was not known may stand twice in the log: the first item that marks the key is the one. That it
 * marks is written into the item before, so after a crash it knows its own mark. */
static enum err_code is_first(struct doing *d, bool *first, struct err *err)
{
    struct effects_item *item = d->p->item;
    bool marked_before = item->sends > 0;
    *first = true;
    if (!marked_before) {
        item->sends = 1;
        enum err_code code = reader_store_item(d->p->r, d->p->partition, item, err);
        if (code != OK)
            return code;
    }
    enum err_code code = d->p->r->store->ops->once(d->p->r->store, SLACK_ONCE_KIND, d->order.key, SLACK_ONCE_S, err);
    *first = code == OK || marked_before;
    return code == ERR_CONFLICT ? OK : code;
}

/* ---- who ---- */

static struct span find_person(struct doing *d, struct span name)
{
    const struct directory *directory = d->p->s->node->directory;
    directory_enter(directory);
    const struct person *person = span_empty(name) ? NULL : directory_person_by(directory, name);
    struct span id = person != NULL && !person->removed ? arena_copy(&d->p->arena, person->id) : SPAN_NONE;
    directory_leave(directory);
    return id;
}

static enum change_say edit_slack(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct doing *d = context;
    d->linked = !copy->removed && (span_empty(copy->slack) || span_equal(copy->slack, d->order.user));
    if (!d->linked || !span_empty(copy->slack))
        return CHANGE_NOTHING;
    copy->slack = arena_copy(&copy->arena, d->order.user);
    if (copy->slack.at == NULL || !change_event(events, d->p->s->node, "person.slack", copy->id, SPAN_NONE, d->p->item->id, SPAN_NONE))
        return (void)err_set(err, ERR_MEMORY, "the Slack id of %.*s", SPAN_ARGS(copy->id)), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

/* Somebody whose Slack id nobody told us writes first: their address, as Slack has verified it, says who they are. */
static struct slack_result recognise(struct doing *d)
{
    char email[SLACK_EMAIL_BYTES];
    struct err err;
    struct slack_result r = slack_user_email(d->p->s->client, d->order.user, email);
    if (r.outcome != SLACK_DONE || email[0] == '\0')
        return r;
    struct span person = find_person(d, span_of(email));
    if (!span_empty(person) && change_person(d->p->s->node, d->p->r->store, person, false, edit_slack, d, &err) == OK && d->linked)
        d->order.person = person;
    return r;
}

/* ---- the answer ---- */

bool order_is_of_the_newest(const struct doing *d)
{
    const struct directory *directory = d->p->s->node->directory;
    directory_enter(directory);
    const struct person *person = directory_person(directory, d->order.person);
    bool newest = person != NULL && !span_empty(d->order.notice) && span_equal(person->notice.id, d->order.notice) && person->notice.state == NOTICE_DELIVERED;
    directory_leave(directory);
    return newest;
}

/* A button of an older day's message, and there is a newer one. */
static bool is_an_old_one(const struct doing *d)
{
    const struct directory *directory = d->p->s->node->directory;
    directory_enter(directory);
    const struct person *person = directory_person(directory, d->order.person);
    bool old = person != NULL && !span_empty(d->order.notice) && !span_equal(person->notice.id, d->order.notice) && person->notice.state == NOTICE_DELIVERED;
    directory_leave(directory);
    return old && !span_empty(d->order.message);
}

static enum way way_of(const struct doing *d)
{
    const struct slack_order *o = &d->order;
    if (o->ask == SLACK_ASK_HOME || (!span_empty(o->view) && span_empty(o->message) && span_empty(o->notice)))
        return WAY_HOME;
    if (span_empty(d->progress.line) && order_is_of_the_newest(d))
        return WAY_NOTICE;
    if (!span_empty(o->response_url) && (!span_empty(d->progress.line) || o->ephemeral || span_empty(o->message) || !span_empty(o->notice)))
        return WAY_ADDRESS;
    return span_empty(o->message) ? WAY_POST : WAY_MESSAGE;
}

static enum err_code say_it(struct doing *d, struct slack_said *said, struct err *err)
{
    struct slack_scene scene;
    const struct slack_order *o = &d->order;
    if (o->ask == SLACK_ASK_FOREIGN)
        return slack_say_line("Postern works for another company. It has nothing of yours.", said, err);
    if (!span_empty(d->progress.line))
        return slack_say_line(d->progress.line.at, said, err);
    enum slack_ask ask = slack_ask_only_reads(o->ask) ? o->ask : SLACK_ASK_STATUS;
    directory_enter(d->p->s->node->directory);
    slack_scene_make(d->p->s->node, o->person, &d->p->arena, &scene);
    if (ask == SLACK_ASK_STATUS)
        slack_scene_offer(&scene, d->p->r->store);
    enum err_code code = slack_say(&scene, ask, o->text, slack_app_options(d->p->s->node->slack)->command, said, err);
    directory_leave(d->p->s->node->directory);
    return code;
}

static struct slack_result respond(struct doing *d, const struct slack_said *said)
{
    CLEANUP(buf_done) struct buf body;
    struct err err;
    buf_init(&body, 3 * SLACK_SAY_BYTES);
    if (slack_say_ephemeral(said, d->order.ephemeral && span_empty(d->progress.line), &body, &err) != OK)
        return (struct slack_result){ .outcome = SLACK_REFUSED, .retry_after_s = -1 };
    struct slack_result r = slack_respond(d->p->s->client, d->order.response_url, buf_span(&body));
    if (r.outcome == SLACK_AMBIGUOUS)
        r.outcome = SLACK_DONE; /* an answer that is perhaps missing is better than two */
    return r;
}

/* Announced before, so that a crash does not make it two; found again by its id. */
static struct slack_result post(struct doing *d, const struct slack_message *m)
{
    struct reply *p = d->p;
    struct err err;
    bool found = false;
    if (p->item->unclear) {
        struct slack_result r = slack_find(p->s->client, d->order.user, p->item->id, p->item->first_ms / 1000 - HISTORY_BACK_S, &found, &d->progress.posted);
        if (r.outcome != SLACK_DONE || found)
            return r;
    }
    p->item->unclear = true;
    if (keep_progress(d, &err) != OK)
        return (struct slack_result){ .outcome = SLACK_LATER, .retry_after_s = -1, .error = "store_waits" };
    struct slack_result r = slack_post(p->s->client, m, &d->progress.posted);
    if (r.outcome != SLACK_AMBIGUOUS)
        p->item->unclear = false;
    return r;
}

static struct slack_result post_or_update(struct doing *d, const struct slack_said *said)
{
    const struct slack_message m = { .to = d->order.user, .text = buf_span(&said->text), .blocks = buf_span(&said->blocks), .notice = d->p->item->id };
    return d->progress.posted.message[0] == '\0' ? post(d, &m) : slack_update(d->p->s->client, &d->progress.posted, &m);
}

static struct slack_result update_clicked(struct doing *d, const struct slack_said *said)
{
    struct slack_posted at = { { 0 }, { 0 } };
    const struct slack_order *o = &d->order;
    if (o->channel.bytes >= SLACK_ID_BYTES || o->message.bytes >= SLACK_ID_BYTES)
        return (struct slack_result){ .outcome = SLACK_REFUSED, .retry_after_s = -1 };
    memcpy(at.conversation, o->channel.at, o->channel.bytes);
    memcpy(at.message, o->message.at, o->message.bytes);
    const struct slack_message m = { .text = buf_span(&said->text), .blocks = buf_span(&said->blocks) };
    return slack_update(d->p->s->client, &at, &m);
}

/* So that its buttons are not pressed again: what they would tell is old. Best effort, as the answer was given already. */
static void close_old_message(struct doing *d)
{
    struct slack_said said;
    struct err err = { 0 };
    slack_said_init(&said);
    if (nudge_text_old(&said.text, &said.blocks, &err) == OK)
        (void)update_clicked(d, &said);
    slack_said_done(&said);
}

static struct slack_result answer(struct doing *d, enum way way)
{
    struct slack_said said;
    struct err err = { 0 };
    struct slack_result r = { .outcome = SLACK_REFUSED, .retry_after_s = -1, .error = "no_message" };
    bool ignored = false;
    if (way == WAY_NOTICE)
        return reply_update_notice(d->p, d->order.person, d->order.steps || d->order.ask == SLACK_ASK_STEPS, &ignored);
    if (way == WAY_HOME)
        return reply_publish_home(d->p, d->order.person, d->order.user, d->progress.line);
    slack_said_init(&said);
    if (say_it(d, &said, &err) != OK)
        log_event(d->p->s->node->log, LOG_ERROR, "slack.no_message", LOG_SPAN("item", d->p->item->id), LOG_ERR(&err));
    else
        r = way == WAY_ADDRESS ? respond(d, &said) : way == WAY_MESSAGE ? update_clicked(d, &said) : post_or_update(d, &said);
    slack_said_done(&said);
    return r;
}

/* ---- waiting for devices ---- */

static bool is_awaited(const struct doing *d, const struct slack_card *c)
{
    return c->phase != NUDGE_TO_FIX && (span_empty(d->order.device) || span_equal(d->order.device, c->device->id));
}

/* How far the slowest of the devices that were asked is. */
static enum nudge_phase phase_now(struct doing *d)
{
    struct slack_scene scene;
    enum nudge_phase worst = NUDGE_TO_FIX;
    directory_enter(d->p->s->node->directory);
    slack_scene_make(d->p->s->node, d->order.person, &d->p->arena, &scene);
    for (size_t i = 0; i < scene.count; i++)
        if (is_awaited(d, &scene.cards[i]) && scene.cards[i].phase > worst)
            worst = scene.cards[i].phase;
    directory_leave(d->p->s->node->directory);
    return worst;
}

/* A message that only one person sees takes five changes: it is told when there is an answer, or when it takes long. */
static bool is_news(enum way way, enum nudge_phase before, enum nudge_phase now)
{
    return way == WAY_ADDRESS ? now != before && (now == NUDGE_TO_FIX || now == NUDGE_SILENT) : now != before;
}

/* The phase that was told last is kept in `reads`: it has to outlive a restart like all of the item. */
static struct item_result watch(struct doing *d)
{
    enum nudge_phase before = (enum nudge_phase)d->p->item->reads, now = phase_now(d);
    enum way way = way_of(d);
    if (is_news(way, before, now)) {
        struct slack_result r = answer(d, way);
        struct item_result result = reply_judge(d->p, &r, NULL);
        if (r.outcome != SLACK_DONE)
            return result;
    }
    d->p->item->reads = (unsigned)now;
    bool over = clock_wall_ms(d->p->s->node->clock) - d->p->item->first_ms > (int64_t)SLACK_SILENT_S * 1000;
    return now == NUDGE_TO_FIX || over ? reply_done() : reply_later(WATCH_MS, false);
}

/* ---- the order ---- */

static struct item_result first_answer(struct doing *d)
{
    enum way way = way_of(d);
    enum nudge_phase phase = d->progress.waits ? phase_now(d) : NUDGE_TO_FIX;
    struct slack_result r = { .outcome = SLACK_DONE, .retry_after_s = -1 };
    if (!d->progress.opened && !(way == WAY_ADDRESS && d->progress.waits && !d->order.ephemeral && phase != NUDGE_TO_FIX))
        r = answer(d, way);
    struct item_result result = reply_judge(d->p, &r, NULL);
    if (r.outcome == SLACK_AMBIGUOUS)
        return reply_later(READ_BACK_MS, true);
    if (r.outcome != SLACK_DONE)
        return result;
    counter_add(d->p->s->node->counters, COUNT_SLACK_ANSWERED, 1);
    if (is_an_old_one(d))
        close_old_message(d);
    if (!d->progress.waits)
        return reply_done();
    d->progress.stage = STAGE_ANSWERED;
    d->p->item->reads = (unsigned)phase;
    return write_progress(d) ? reply_later(WATCH_MS, false) : reply_done(); /* memory is short: nobody waits for the answer */
}

/* False: *result is how the try ends. */
static bool know_who(struct doing *d, struct item_result *result)
{
    if (span_empty(d->order.person))
        d->order.person = find_person(d, d->order.user);
    if (!span_empty(d->order.person) || d->order.ask == SLACK_ASK_FOREIGN)
        return true;
    struct slack_result r = recognise(d);
    bool later = r.outcome == SLACK_LATER || r.outcome == SLACK_EXPIRED;
    if (later)
        *result = reply_judge(d->p, &r, NULL);
    return !later;
}

/* What was committed is written down before it is told, so that a try that cannot tell it does not commit it twice. */
static struct item_result begin(struct doing *d)
{
    struct item_result result;
    struct err err = { 0 };
    bool first = false;
    enum err_code code = is_first(d, &first, &err);
    if (code != OK)
        return reply_store_waits(d->p, &err);
    if (!first)
        return reply_done();
    if (!know_who(d, &result))
        return result;
    code = carry_out_commit(d, &err);
    if (code != OK && reader_is_store_trouble(code))
        return reply_store_waits(d->p, &err);
    if (code != OK) {
        log_event(d->p->s->node->log, LOG_WARN, "slack.not_carried_out", LOG_SPAN("item", d->p->item->id), LOG_STR("ask", slack_ask_name(d->order.ask)), LOG_ERR(&err));
        d->progress.line = SPAN_LITERAL("This did not work. Please ask a person.");
    }
    d->progress.stage = STAGE_CARRIED_OUT;
    return keep_progress(d, &err) == OK ? first_answer(d) : reply_store_waits(d->p, &err);
}

struct item_result carry_out(struct reply *p)
{
    struct doing d = { .p = p };
    struct err err = { 0 };
    enum err_code code = read_progress(p->item->payload, &p->arena, &d.progress, &err);
    if (code == OK)
        code = slack_order_read(p->s->node, d.progress.data, &p->arena, &d.order, &err);
    if (code != OK) {
        log_event(p->s->node->log, LOG_ERROR, "slack.bad_order", LOG_SPAN("item", p->item->id), LOG_ERR(&err));
        return reply_done();
    }
    d.order.person = p->item->person;
    if (span_empty(d.order.person))
        d.order.person = find_person(&d, d.order.user);
    return d.progress.stage == STAGE_ANSWERED ? watch(&d) : d.progress.stage == STAGE_CARRIED_OUT ? first_answer(&d) : begin(&d);
}
