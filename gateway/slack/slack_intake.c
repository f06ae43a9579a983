#include "gateway/slack/slack_intake.h"

#include "gateway/slack/slack_app.h"
#include "gateway/slack/slack_doubt.h"
#include "gateway/slack/slack_order.h"
#include "gateway/slack/slack_people.h"
#include "gateway/slack/slack_say.h"
#include "gateway/slack/slack_submit.h"

static const char not_written[] = "this cannot be written down now", loading[] = "the directory is loading";

void slack_answer_init(struct slack_answer *a)
{
    *a = (struct slack_answer){ .later = NULL };
    buf_init(&a->json, 2 * SLACK_SAY_BYTES);
}

void slack_answer_done(struct slack_answer *a) { buf_done(&a->json); }

static bool is_loaded(const struct slack_intake *in) { return directory_counts(in->node->directory).complete; }

static void note_not_written(const struct slack_intake *in, const struct err *err)
{
    log_event(in->node->log, LOG_WARN, "slack.not_written_down", LOG_SPAN("id", in->id), LOG_ERR(err));
}

/* ---- writing it down ---- */

static struct span key_of(const struct slack_intake *in, const struct slack_heard *h)
{
    char hex[SECRET_HEX_BYTES + 1];
    if (!span_empty(h->key))
        return h->key;
    secret_sha256_hex(in->copy, hex);
    return arena_format(in->arena, "copy:%s", hex);
}

static void name_target(struct slack_order *o, struct span value)
{
    struct nudge_target target;
    if (!nudge_target_read(value, &target))
        return;
    o->notice = target.notice;
    o->device = target.device;
    o->check = target.check;
    o->steps = target.steps;
}

/* False: nothing of ours was pressed. */
static bool make_order(const struct slack_intake *in, const struct slack_heard *h, struct slack_order *o)
{
    *o = (struct slack_order){ .ask = SLACK_ASK_HOME, .key = key_of(in, h), .user = h->user, .channel = h->channel, .message = h->message, .view = h->view, .trigger = h->trigger,
                               .response_url = h->response_url, .ephemeral = h->ephemeral };
    directory_enter(in->node->directory);
    const struct person *person = directory_person_by(in->node->directory, h->user);
    o->person = person != NULL ? arena_copy(in->arena, person->id) : SPAN_NONE;
    directory_leave(in->node->directory);
    if (!slack_app_is_ours(in->node->slack, h)) {
        o->ask = SLACK_ASK_FOREIGN;
        return h->kind == SLACK_HEARD_CLICK;
    }
    if (h->kind == SLACK_HEARD_MESSAGE || h->kind == SLACK_HEARD_COMMAND)
        o->ask = slack_words_read(h->text, &o->text);
    if (h->kind != SLACK_HEARD_CLICK && h->kind != SLACK_HEARD_SUBMIT)
        return true;
    o->text = h->text;
    if (!slack_action_read(h->action, h->kind == SLACK_HEARD_SUBMIT, &o->ask) || o->ask == SLACK_ASK_PAGE)
        return false;
    if (o->ask == SLACK_ASK_APPROVE || o->ask == SLACK_ASK_REFUSE)
        o->exemption = secret_is_id(h->value, 'e') ? h->value : SPAN_NONE;
    else
        name_target(o, h->value);
    return true;
}

/* True also when it was written down before: a copy is thanked for like the first. */
static bool write_down(const struct slack_intake *in, const struct slack_order *o)
{
    bool used = false;
    struct err err;
    enum err_code code = in->store->ops->used(in->store, SLACK_ONCE_KIND, o->key, &used, &err);
    if (code == OK && !used)
        code = slack_order_append(in->node, in->store, o, &err);
    if (code != OK)
        note_not_written(in, &err);
    return code == OK;
}

/* Slack sends an event again; a click it does not, but shows the person that something went wrong. */
static bool take_order(const struct slack_intake *in, const struct slack_heard *h, struct slack_answer *out)
{
    struct slack_order o;
    if (in->store == NULL)
        return false;
    if (make_order(in, h, &o) && !write_down(in, &o))
        out->later = not_written;
    return true;
}

/* ---- events ---- */

/* Into the log, so that every gateway asks whether it is so. Copies do no harm. */
static bool take_trouble(const struct slack_intake *in, const struct slack_heard *h, struct slack_answer *out)
{
    struct err err;
    enum slack_trouble what = h->kind == SLACK_HEARD_UNINSTALLED ? SLACK_TROUBLE_UNINSTALLED : SLACK_TROUBLE_REVOKED;
    if (in->store == NULL)
        return false;
    log_event(in->node->log, LOG_ERROR, what == SLACK_TROUBLE_UNINSTALLED ? SLACK_UNINSTALLED : SLACK_TOKEN_REVOKED, LOG_SPAN("team", h->team), LOG_SPAN("enterprise", h->enterprise));
    if (slack_doubt_append(in->node, in->store, what, h->team, &err) != OK) {
        note_not_written(in, &err);
        out->later = not_written;
    }
    return true;
}

/* Whoever joined or changed is looked up afterwards; what the event says of them is not used. */
static bool take_user(const struct slack_intake *in, const struct slack_heard *h, struct slack_answer *out)
{
    struct err err;
    if (in->store == NULL)
        return false;
    if (slack_people_note(in->node, in->store, h->user, &err) != OK) {
        note_not_written(in, &err);
        out->later = not_written;
    }
    return true;
}

static bool take_event(const struct slack_intake *in, const struct slack_heard *h, struct slack_answer *out)
{
    if (!slack_app_is_ours(in->node->slack, h))
        return true;
    if (!is_loaded(in)) {
        out->later = loading;
        return true;
    }
    return h->kind == SLACK_HEARD_USER ? take_user(in, h, out) : take_order(in, h, out);
}

static bool answer_challenge(const struct slack_heard *h, struct slack_answer *out)
{
    struct to_json w;
    to_json_init(&w, &out->json);
    to_json_object(&w);
    to_json_member_text(&w, "challenge", h->text);
    to_json_end(&w);
    return true;
}

/* ---- modals whose answer is known at once ---- */

static bool take_submission(const struct slack_intake *in, const struct slack_heard *h, struct slack_answer *out)
{
    if (in->store == NULL)
        return false;
    if (!is_loaded(in))
        out->later = loading;
    else
        slack_submit(in, h, key_of(in, h), out);
    return true;
}

/* ---- the command ---- */

static bool answer_said(const struct slack_intake *in, enum err_code code, struct slack_said *said, struct slack_answer *out, struct err *err)
{
    if (code == OK)
        code = slack_say_ephemeral(said, false, &out->json, err);
    if (code != OK) {
        log_event(in->node->log, LOG_ERROR, "slack.no_answer", LOG_SPAN("id", in->id), LOG_ERR(err));
        out->later = "this cannot be answered now";
    }
    slack_said_done(said);
    return true;
}

static bool answer_line(const struct slack_intake *in, const char *words, struct slack_answer *out)
{
    struct slack_said said;
    struct err err = { 0 };
    slack_said_init(&said);
    return answer_said(in, slack_say_line(words, &said, &err), &said, out, &err);
}

static bool answer_ask(const struct slack_intake *in, const struct slack_heard *h, enum slack_ask ask, struct span words, struct slack_answer *out)
{
    struct slack_said said;
    struct slack_scene scene;
    struct err err = { 0 };
    slack_said_init(&said);
    directory_enter(in->node->directory);
    const struct person *person = directory_person_by(in->node->directory, h->user);
    slack_scene_make(in->node, person != NULL ? person->id : SPAN_NONE, in->arena, &scene);
    enum err_code code = slack_say(&scene, ask, words, slack_app_options(in->node->slack)->command, &said, &err);
    directory_leave(in->node->directory);
    return answer_said(in, code, &said, out, &err);
}

/* What comes of it follows at the response_url. */
static bool order_by_command(const struct slack_intake *in, const struct slack_heard *h, struct slack_answer *out)
{
    struct slack_order o;
    if (in->store == NULL)
        return false;
    bool mine = make_order(in, h, &o);
    if (mine && !write_down(in, &o))
        return answer_line(in, "Postern cannot write this down right now. Please try again in a minute.", out);
    return mine && (o.ask == SLACK_ASK_PERSON || o.ask == SLACK_ASK_EXEMPT) /* a modal follows */ ? true : answer_line(in, "One moment.", out);
}

static bool take_command(const struct slack_intake *in, const struct slack_heard *h, struct slack_answer *out)
{
    struct span words = SPAN_NONE;
    enum slack_ask ask = slack_words_read(h->text, &words);
    if (!slack_app_is_ours(in->node->slack, h))
        return answer_line(in, "Postern works for another company. It has nothing of yours.", out);
    if (!is_loaded(in))
        return answer_line(in, "Postern is starting. Please try again in a minute.", out);
    return slack_ask_only_reads(ask) ? answer_ask(in, h, ask, words, out) : order_by_command(in, h, out);
}

bool slack_intake(const struct slack_intake *in, const struct slack_heard *h, struct slack_answer *out)
{
    switch (h->kind) {
    case SLACK_HEARD_CHALLENGE: return answer_challenge(h, out);
    case SLACK_HEARD_MESSAGE:
    case SLACK_HEARD_HOME:
    case SLACK_HEARD_USER: return take_event(in, h, out);
    case SLACK_HEARD_CLICK: return take_order(in, h, out);
    case SLACK_HEARD_SUBMIT: return slack_submit_is_judged(h) ? take_submission(in, h, out) : take_order(in, h, out);
    case SLACK_HEARD_COMMAND: return take_command(in, h, out);
    case SLACK_HEARD_REVOKED:
    case SLACK_HEARD_UNINSTALLED: return take_trouble(in, h, out);
    case SLACK_HEARD_RATE_LIMITED: log_event(in->node->log, LOG_ERROR, "slack.events_held_back", LOG_SPAN("team", h->team), LOG_SPAN("enterprise", h->enterprise)); break;
    case SLACK_HEARD_NOTHING: break;
    }
    return true;
}
