#include "gateway/slack/slack_exemptions.h"

#include "gateway/feed.h"
#include "gateway/slack/slack_say_exemptions.h"
#include "gateway/valves.h"
#include "posture/base/from_json.h"

#include <string.h>

enum { ANSWER_AFTER_MS = 200, HISTORY_BACK_S = 600 };

/* ---- modals ---- */

static void say_line(struct doing *d, const char *words) { d->progress.line = span_of(words); }

static const char *not_offered(const struct slack_card *card, struct span check)
{
    const struct exemption *which = NULL;
    switch (exemption_offer(&card->ladder, check, &which)) {
    case EXEMPTION_IN_FORCE: return "It was agreed already that this may wait.";
    case EXEMPTION_WAITS: return "You asked for this already. Another person decides about it.";
    case EXEMPTION_NOT_ALLOWED: return "Nobody can be exempted from this one. You can ask a person.";
    case EXEMPTION_OFFERED: break;
    }
    return NULL;
}

/* The one that the button was about, else all that may be asked for on that device. False: a line says why there is no modal. */
static bool write_ask(struct doing *d, const struct slack_scene *scene, struct buf *view, enum err_code *code, struct err *err)
{
    const struct check *offered[SLACK_CHOICES];
    const struct slack_card *card = slack_scene_card(scene, d->order.device);
    const struct standing *one = card != NULL && !span_empty(d->order.check) ? slack_card_standing(card, d->order.check) : NULL;
    struct slack_exemption_ask ask = { d->order.device, offered, card != NULL ? slack_exemptions_offered(card, offered, SLACK_CHOICES) : 0 };
    const char *why = one != NULL ? not_offered(card, one->check->id) : NULL;
    if (why == NULL && (ask.count == 0 || (one == NULL && !span_empty(d->order.check))))
        why = card != NULL && card->count > 0 && span_empty(d->order.check) ? "What is to fix there was asked for already, or nobody can be exempted from it."
                                                                           : "There is nothing of that kind to fix on your devices now.";
    if (why != NULL) {
        say_line(d, why);
        return false;
    }
    if (one != NULL) {
        offered[0] = one->check;
        ask.count = 1;
    }
    *code = slack_say_exemption_modal(scene, &ask, view, err);
    return true;
}

static bool write_decision(struct doing *d, const struct slack_scene *scene, struct buf *view, enum err_code *code, struct err *err)
{
    const struct directory *directory = d->p->s->node->directory;
    const struct exemption *e = exemption_by_id(directory_control(directory)->exemptions, d->order.exemption);
    const char *why = NULL;
    if (e == NULL)
        why = "This is not there any more.";
    else if (scene->person == NULL || !policy_is_approver(scene->policy, scene->person))
        why = "Only those whom your company has named decide about exemptions.";
    else if (!exemption_may_decide(directory, e, scene->person))
        why = "You asked for this, or it is about you. Somebody else has to decide it.";
    else if (e->state != EXEMPTION_ASKED)
        why = "Somebody has decided this already.";
    if (why != NULL) {
        say_line(d, why);
        return false;
    }
    *code = slack_say_decision_modal(scene, e, d->order.ask == SLACK_ASK_APPROVE, view, err);
    return true;
}

/* Within 3 seconds of the press. Later nothing opens, and nothing was asked or decided. */
enum err_code slack_exemptions_open(struct doing *d, struct err *err)
{
    CLEANUP(buf_done) struct buf view;
    struct slack_scene scene;
    enum err_code code = OK;
    bool written = false;
    buf_init(&view, SLACK_SAY_BYTES);
    directory_enter(d->p->s->node->directory);
    slack_scene_make(d->p->s->node, d->order.person, &d->p->arena, &scene);
    if (scene.person == NULL || scene.policy == NULL)
        say_line(d, "This is not possible now. Please ask a person.");
    else
        written = d->order.ask == SLACK_ASK_EXEMPT ? write_ask(d, &scene, &view, &code, err) : write_decision(d, &scene, &view, &code, err);
    directory_leave(d->p->s->node->directory);
    if (!written || code != OK)
        return code;
    if (span_empty(d->order.trigger)) {
        say_line(d, "Please press the button “Ask for an exemption” in the Home tab, or use your page.");
        return OK;
    }
    struct slack_result r = slack_open_view(d->p->s->client, d->order.trigger, buf_span(&view));
    d->progress.opened = r.outcome == SLACK_DONE;
    if (!d->progress.opened)
        say_line(d, "This took too long, so nothing has changed. Please press the button again.");
    return OK;
}

/* ---- who is to see it ---- */

bool slack_exemptions_concern(const struct reader_entry *e)
{
    return e->has_record && e->kind == RECORD_CONTROL && span_equal_text(e->record, "exemptions") && span_starts(e->event.type, SPAN_LITERAL("exemption."));
}

static struct span id_of(const struct reader_entry *e, struct arena *arena)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct span id = SPAN_NONE;
    struct err ignored;
    if (from_json_parse(e->event.data, (struct from_json_limits){ EVENT_DATA_BYTES, 4 }, "an exemption", &doc, &ignored) != OK)
        return SPAN_NONE;
    struct from_json_value root = from_json_root(doc), v = from_json_member(&root, "exemption");
    return from_json_text(&v, EVENT_ID_BYTES, &id, &ignored) == OK ? arena_copy(arena, id) : SPAN_NONE;
}

/* Ids of the people whose Home tab says something about it, copied: who asked, whose it is, who decides. */
struct audience { struct span ids[EXEMPTIONS_PEOPLE + 2]; size_t count, concerned /* the first ones: also their newest message */; };

static void add(struct audience *a, const struct person *p, struct arena *arena)
{
    for (size_t i = 0; p != NULL && i < a->count; i++)
        if (span_equal(a->ids[i], p->id))
            return;
    if (p != NULL && !p->removed)
        a->ids[a->count++] = arena_copy(arena, p->id);
}

/* Between directory_enter() and directory_leave(). */
static void find_audience(const struct directory *d, const struct exemption *e, struct arena *arena, struct audience *a)
{
    const struct person *deciders[EXEMPTIONS_PEOPLE];
    const struct device *device = e->scope == EXEMPT_DEVICE ? directory_device(d, e->subject) : NULL;
    add(a, exemption_asker(d, e), arena);
    if (device != NULL && !span_empty(device->owner))
        add(a, directory_person(d, device->owner), arena);
    a->concerned = a->count;
    size_t count = exemption_approvers(d, deciders, EXEMPTIONS_PEOPLE);
    for (size_t i = 0; i < count; i++)
        add(a, deciders[i], arena);
}

static enum err_code queue(struct reader *r, struct reply_item what, struct err *err) { return reply_enqueue(r, &what, err); }

/* Only a decision of a person is answered, and only to a person who asked: nobody else waits for one. */
static bool is_answer(const struct reader_entry *e, const struct exemption *x)
{
    bool decided = span_equal_text(e->event.type, "exemption.approved") || span_equal_text(e->event.type, "exemption.refused");
    return decided && !span_empty(exemption_person(x->requester)) && !span_equal_text(x->approver, "clock");
}

struct news { struct audience audience; struct span id, asker; bool known, answer, request; };

static void look(struct reader *r, const struct reader_entry *e, struct news *n)
{
    const struct directory *d = r->node->directory;
    bool channel = !span_empty(slack_app_options(r->node->slack)->approvals);
    directory_enter(d);
    const struct exemption *x = exemption_by_id(directory_control(d)->exemptions, n->id);
    n->known = x != NULL;
    if (x != NULL) {
        find_audience(d, x, &r->arena, &n->audience);
        n->answer = is_answer(e, x);
        n->asker = arena_copy(&r->arena, exemption_person(x->requester));
        n->request = !span_empty(x->message) || (channel && x->state == EXEMPTION_ASKED);
    }
    directory_leave(d);
}

enum err_code slack_exemptions_take(struct reader *r, const struct reader_entry *e, struct err *err)
{
    struct news n = { .id = id_of(e, &r->arena) };
    enum err_code code = OK;
    if (r->node->feed != NULL)
        feed_await(r->node->feed, e->kind, e->record, e->version);
    if (!span_empty(n.id))
        look(r, e, &n);
    for (size_t i = 0; code == OK && n.known && i < n.audience.count; i++) {
        if (i < n.audience.concerned)
            code = queue(r, (struct reply_item){ REPLY_MESSAGE, 'm', n.audience.ids[i], n.audience.ids[i], SPAN_NONE, REPLY_MESSAGE_AFTER_MS }, err);
        if (code == OK)
            code = queue(r, (struct reply_item){ REPLY_HOME, 'h', n.audience.ids[i], n.audience.ids[i], SPAN_NONE, REPLY_HOME_AFTER_MS }, err);
    }
    if (code == OK && n.known && n.request)
        code = queue(r, (struct reply_item){ EXEMPTION_REQUEST, 'r', n.id, SPAN_NONE, n.id, 0 }, err);
    if (code == OK && n.known && n.answer)
        code = queue(r, (struct reply_item){ EXEMPTION_ANSWER, 'a', e->event.id, n.asker, n.id, ANSWER_AFTER_MS }, err);
    return code;
}

/* ---- the message to those who decide ---- */

/* "<exemption>", and once it was posted "|<conversation>|<message>": what is left then is to note where. */
struct request { struct span id, conversation, message; };

static struct request read_request(struct span payload)
{
    struct request q = { SPAN_NONE, SPAN_NONE, SPAN_NONE };
    span_cut(&payload, '|', &q.id);
    if (span_cut(&payload, '|', &q.conversation))
        q.message = payload;
    return q;
}

static struct item_result note_place(struct reply *p, const struct request *q)
{
    struct exemption_place place = { q->id, q->conversation, q->message, SPAN_LITERAL("slack") };
    struct err err;
    enum err_code code = valve_exemption_announced(p->s->node, p->r->store, &place, &err);
    return code == OK || code == ERR_NOT_FOUND ? reply_done() : reply_store_waits(p, &err);
}

/* From now on all that is left is to note where it stands. */
static struct item_result is_posted(struct reply *p, const struct request *q, const struct slack_posted *posted)
{
    struct span payload = arena_format(&p->r->item_arena, "%.*s|%s|%s", SPAN_ARGS(q->id), posted->conversation, posted->message);
    if (payload.at != NULL)
        p->item->payload = payload;
    return note_place(p, &(struct request){ q->id, span_of(posted->conversation), span_of(posted->message) });
}

/* A post whose end is not known is looked for, as far as the app may read the channel; where it may not, the request is left to the Home tab and the page of those
 * who decide. True: it surely came to nothing, and may be posted once more. */
static bool look_for_request(struct reply *p, const struct request *q, struct item_result *result)
{
    struct slack_posted posted = { { 0 }, { 0 } };
    bool found = false, again = false;
    struct slack_result r = slack_find_in(p->s->client, slack_app_options(p->s->node->slack)->approvals, p->item->id, p->item->first_ms / 1000 - HISTORY_BACK_S, &found, &posted);
    *result = found ? is_posted(p, q, &posted) : reply_unseen(p, &r, &again);
    if (!found && !again && result->end == ITEM_DONE)
        log_event(p->s->node->log, LOG_WARN, "slack.request_unclear", LOG_SPAN("exemption", q->id), LOG_STR("error", r.error));
    return again;
}

/* At most once. */
static struct item_result post_request(struct reply *p, const struct request *q, const struct slack_said *said)
{
    struct slack_posted posted = { { 0 }, { 0 } };
    struct item_result result = reply_done();
    if (p->item->unclear && !look_for_request(p, q, &result))
        return result;
    struct slack_result r = reply_post_announced(p, slack_app_options(p->s->node->slack)->approvals, said, &posted, &result);
    return r.outcome == SLACK_DONE ? is_posted(p, q, &posted) : result;
}

static bool copy_place(const struct exemption *e, struct slack_posted *out)
{
    bool fits = e->conversation.bytes < SLACK_ID_BYTES && e->message.bytes < SLACK_ID_BYTES && !span_empty(e->message);
    if (!fits)
        return false;
    memcpy(out->conversation, e->conversation.at, e->conversation.bytes);
    memcpy(out->message, e->message.at, e->message.bytes);
    return true;
}

/* False: there is nothing to show, or it cannot be written. */
static bool write_request(struct reply *p, const struct request *q, struct slack_said *said, struct slack_posted *place)
{
    const struct directory *d = p->s->node->directory;
    struct slack_scene scene;
    struct err err = { 0 };
    directory_enter(d);
    slack_scene_make(p->s->node, SPAN_NONE, &p->arena, &scene);
    const struct exemption *e = exemption_by_id(directory_control(d)->exemptions, q->id);
    bool posted = e != NULL && copy_place(e, place), wanted = e != NULL && scene.policy != NULL && (posted || e->state == EXEMPTION_ASKED);
    if (wanted)
        scene.zone = calendar_zone(scene.policy, NULL);
    enum err_code code = wanted ? slack_say_request(&scene, e, said, &err) : OK;
    directory_leave(d);
    if (code != OK)
        log_event(p->s->node->log, LOG_ERROR, "slack.no_message", LOG_SPAN("exemption", q->id), LOG_ERR(&err));
    return wanted && code == OK;
}

struct item_result slack_exemptions_request(struct reply *p)
{
    const struct request q = read_request(p->item->payload);
    struct slack_posted place = { { 0 }, { 0 } };
    struct slack_said said;
    struct item_result result = reply_done();
    if (!span_empty(q.message))
        return note_place(p, &q);
    slack_said_init(&said);
    if (write_request(p, &q, &said, &place)) {
        const struct slack_message m = { .text = buf_span(&said.text), .blocks = buf_span(&said.blocks) };
        struct slack_result r = { .outcome = SLACK_DONE, .retry_after_s = -1 };
        if (place.message[0] != '\0') {
            r = slack_update(p->s->client, &place, &m);
            result = reply_judge(p, &r, NULL);
        } else if (!span_empty(slack_app_options(p->s->node->slack)->approvals)) {
            result = post_request(p, &q, &said);
        }
    }
    slack_said_done(&said);
    return result;
}

/* ---- the answer ---- */

bool slack_exemptions_write_answer(struct reply *p, struct slack_said *said, struct err *err, enum err_code *code)
{
    const struct directory *d = p->s->node->directory;
    struct slack_scene scene;
    directory_enter(d);
    slack_scene_make(p->s->node, p->item->person, &p->arena, &scene);
    const struct exemption *e = exemption_by_id(directory_control(d)->exemptions, p->item->payload);
    bool decided = e != NULL && scene.person != NULL && scene.policy != NULL && (e->state == EXEMPTION_APPROVED || e->state == EXEMPTION_REFUSED);
    if (decided)
        *code = slack_say_decided(&scene, e, said, err);
    directory_leave(d);
    return decided;
}
