/* What Slack sends to us. The signature is judged on the worker, over the body as it came, before anything is read; what only needs memory is answered
 * there. The rest is written into the log on the slow lane, and only then does Slack hear that we have it. */
#include "gateway/http/router.h"
#include "gateway/slack/slack_people.h"
#include "gateway/slack/slack_order.h"
#include "gateway/slack/slack_say.h"

#include "gateway/slack/slack_app.h"

typedef enum err_code read_fn(struct span body, struct arena *arena, struct slack_heard *out, struct err *err);

/* ---- is it Slack ---- */

static size_t count_headers(const struct http_request *r, const char *name, struct span *value)
{
    size_t count = 0;
    for (size_t i = 0; i < r->header_count; i++) {
        if (!span_equal_fold(r->headers[i].name, span_of(name)))
            continue;
        *value = r->headers[i].value;
        count++;
    }
    return count;
}

static enum slack_proof prove(const struct http_request *r)
{
    struct slack_signed what = { .body = r->body };
    bool once = count_headers(r, "X-Slack-Request-Timestamp", &what.timestamp) == 1 && count_headers(r, "X-Slack-Signature", &what.signature) == 1;
    return once ? slack_app_prove(r->node->slack, &what, r->now_s) : SLACK_UNSIGNED;
}

static void refuse(struct http_request *r, struct http_response *res, enum slack_proof proof)
{
    static const char *const words[] = { [SLACK_UNSIGNED] = "unsigned", [SLACK_STALE] = "signed at another time than ours: is a clock wrong?", [SLACK_FORGED] = "signed with another secret" };
    counter_add(r->node->counters, COUNT_SLACK_REFUSED, 1);
    log_event(r->node->log, LOG_WARN, "slack.refused", LOG_STR("id", r->id), LOG_SPAN("path", r->path), LOG_STR("why", words[proof]));
    response_text(res, 401, "text/plain", SPAN_NONE);
}

/* False: answered. Slack probes a command's address without a signature: it gets its 200, and nothing of that request is read. */
static bool is_genuine(struct http_request *r, struct http_response *res, bool form)
{
    if (!slack_app_hears(r->node->slack)) {
        problem_status_answer(r, res, PROBLEM_JSON, 404, "nothing is taken from Slack here: set slack.signing_secret");
        return false;
    }
    enum slack_proof proof = prove(r);
    if (proof == SLACK_GENUINE)
        return true;
    if (form && !request_has_header(r, "X-Slack-Signature") && request_is_type(r, "application/x-www-form-urlencoded") && slack_is_ssl_check(r->body, r->arena))
        response_text(res, 200, "text/plain", SPAN_NONE);
    else
        refuse(r, res, proof);
    return false;
}

/* False: answered. */
static bool read_it(struct http_request *r, struct http_response *res, const char *type, read_fn *read, struct slack_heard *out)
{
    struct err err = { 0 };
    enum err_code code = request_is_type(r, type) ? read(r->body, r->arena, out, &err) : err_set(&err, ERR_INPUT, "the Content-Type must be %s", type);
    if (code == OK)
        return true;
    counter_add(r->node->counters, COUNT_BAD_JSON, 1);
    log_event(r->node->log, LOG_WARN, "slack.not_understood", LOG_STR("id", r->id), LOG_SPAN("path", r->path), LOG_ERR(&err));
    problem_status_answer(r, res, PROBLEM_JSON, 400, err.text);
    return false;
}

static void answer_nothing(struct http_response *res) { response_text(res, 200, "text/plain", SPAN_NONE); }

/* ---- writing it down ---- */

/* Not every request has an identity of its own; then its signature, which covers its time, tells copies apart. */
static struct span key_of(struct http_request *r, const struct slack_heard *h)
{
    char hex[SECRET_HEX_BYTES + 1];
    if (!span_empty(h->key))
        return h->key;
    secret_sha256_hex(request_header(r, "X-Slack-Signature"), hex);
    return arena_format(r->arena, "signature:%s", hex);
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
static bool make_order(struct http_request *r, const struct slack_heard *h, struct slack_order *o)
{
    *o = (struct slack_order){ .ask = SLACK_ASK_HOME, .key = key_of(r, h), .user = h->user, .channel = h->channel, .message = h->message, .view = h->view, .trigger = h->trigger,
                               .response_url = h->response_url, .ephemeral = h->ephemeral };
    directory_enter(r->node->directory);
    const struct person *person = directory_person_by(r->node->directory, h->user);
    o->person = person != NULL ? arena_copy(r->arena, person->id) : SPAN_NONE;
    directory_leave(r->node->directory);
    if (!slack_app_is_ours(r->node->slack, h)) {
        o->ask = SLACK_ASK_FOREIGN;
        return h->kind == SLACK_HEARD_CLICK;
    }
    if (h->kind == SLACK_HEARD_MESSAGE || h->kind == SLACK_HEARD_COMMAND)
        o->ask = slack_words_read(h->text, &o->text);
    if (h->kind != SLACK_HEARD_CLICK && h->kind != SLACK_HEARD_SUBMIT)
        return true;
    name_target(o, h->value);
    o->text = h->text;
    return slack_action_read(h->action, h->kind == SLACK_HEARD_SUBMIT, &o->ask) && o->ask != SLACK_ASK_PAGE;
}

/* OK also when it was written down before: a copy is thanked for like the first. */
static enum err_code write_down(struct http_request *r, const struct slack_order *o, struct err *err)
{
    bool used = false;
    enum err_code code = r->store->ops->used(r->store, SLACK_ONCE_KIND, o->key, &used, err);
    if (code == OK && !used)
        code = slack_order_append(r->node, r->store, o, err);
    if (code != OK)
        log_event(r->node->log, LOG_WARN, "slack.not_written_down", LOG_STR("id", r->id), LOG_ERR(err));
    return code;
}

/* Slack sends an event again; a click it does not, but shows the person that something went wrong. */
static void take(struct http_request *r, struct http_response *res, const char *type, read_fn *read)
{
    struct slack_heard h;
    struct slack_order o;
    struct err err = { 0 };
    if (!read_it(r, res, type, read, &h))
        return;
    if (make_order(r, &h, &o) && write_down(r, &o, &err) != OK)
        problem_status_answer(r, res, PROBLEM_JSON, 503, "this cannot be written down now");
    else
        answer_nothing(res);
}

/* ---- events ---- */

static void note_trouble(const struct http_request *r, const struct slack_heard *h)
{
    static const struct { enum slack_heard_kind kind; const char *event; } rows[] = {
        { SLACK_HEARD_REVOKED, "slack.token_revoked" }, { SLACK_HEARD_UNINSTALLED, "slack.uninstalled" }, { SLACK_HEARD_RATE_LIMITED, "slack.events_held_back" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (h->kind == rows[i].kind)
            log_event(r->node->log, LOG_ERROR, rows[i].event, LOG_SPAN("team", h->team), LOG_SPAN("enterprise", h->enterprise));
}

static void answer_challenge(struct http_response *res, struct span challenge)
{
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_text(&w, "challenge", challenge);
    to_json_end(&w);
}

static enum route_result events(struct http_request *r, struct http_response *res)
{
    struct slack_heard h;
    if (!is_genuine(r, res, false) || !read_it(r, res, "application/json", slack_read_event, &h))
        return ROUTE_DONE;
    bool for_us = h.kind == SLACK_HEARD_MESSAGE || h.kind == SLACK_HEARD_HOME || h.kind == SLACK_HEARD_USER;
    if (for_us && slack_app_is_ours(r->node->slack, &h)) {
        if (directory_counts(r->node->directory).complete)
            return ROUTE_SLOW;
        problem_status_answer(r, res, PROBLEM_JSON, 503, "the directory is loading"); /* Slack sends it again */
        return ROUTE_DONE;
    }
    note_trouble(r, &h);
    if (h.kind == SLACK_HEARD_CHALLENGE)
        answer_challenge(res, h.text);
    else
        answer_nothing(res);
    return ROUTE_DONE;
}

/* Whoever joined or changed is looked up afterwards; what the event says of them is not used. */
static void take_user(struct http_request *r, struct http_response *res, const struct slack_heard *h)
{
    struct err err;
    if (slack_people_note(r->node, r->store, h->user, &err) == OK) {
        answer_nothing(res);
        return;
    }
    log_event(r->node->log, LOG_WARN, "slack.not_written_down", LOG_STR("id", r->id), LOG_ERR(&err));
    problem_status_answer(r, res, PROBLEM_JSON, 503, "this cannot be written down now");
}

static void events_slow(struct http_request *r, struct http_response *res)
{
    struct slack_heard h;
    struct err err;
    if (slack_read_event(r->body, r->arena, &h, &err) == OK && h.kind == SLACK_HEARD_USER)
        take_user(r, res, &h);
    else
        take(r, res, "application/json", slack_read_event);
}

/* ---- buttons and modals ---- */

static enum route_result interactive(struct http_request *r, struct http_response *res)
{
    struct slack_heard h;
    if (!is_genuine(r, res, true) || !read_it(r, res, "application/x-www-form-urlencoded", slack_read_interaction, &h))
        return ROUTE_DONE;
    if (h.kind == SLACK_HEARD_CLICK || h.kind == SLACK_HEARD_SUBMIT)
        return ROUTE_SLOW;
    answer_nothing(res);
    return ROUTE_DONE;
}

static void interactive_slow(struct http_request *r, struct http_response *res) { take(r, res, "application/x-www-form-urlencoded", slack_read_interaction); }

/* ---- the command ---- */

static void answer_said(struct http_request *r, struct http_response *res, enum err_code code, struct slack_said *said, struct err *err)
{
    CLEANUP(buf_done) struct buf body;
    buf_init(&body, 2 * SLACK_SAY_BYTES);
    if (code == OK)
        code = slack_say_ephemeral(said, false, &body, err);
    if (code == OK) {
        response_text(res, 200, "application/json", buf_span(&body));
    } else {
        log_event(r->node->log, LOG_ERROR, "slack.no_answer", LOG_STR("id", r->id), LOG_ERR(err));
        problem_answer(r, res, PROBLEM_JSON, err);
    }
    slack_said_done(said);
}

static void answer_line(struct http_request *r, struct http_response *res, const char *words)
{
    struct slack_said said;
    struct err err = { 0 };
    slack_said_init(&said);
    answer_said(r, res, slack_say_line(words, &said, &err), &said, &err);
}

static void answer_ask(struct http_request *r, struct http_response *res, const struct slack_heard *h, enum slack_ask ask, struct span words)
{
    struct slack_said said;
    struct slack_scene scene;
    struct err err = { 0 };
    slack_said_init(&said);
    directory_enter(r->node->directory);
    const struct person *person = directory_person_by(r->node->directory, h->user);
    slack_scene_make(r->node, person != NULL ? person->id : SPAN_NONE, r->arena, &scene);
    enum err_code code = slack_say(&scene, ask, words, slack_app_options(r->node->slack)->command, &said, &err);
    directory_leave(r->node->directory);
    answer_said(r, res, code, &said, &err);
}

static enum route_result command(struct http_request *r, struct http_response *res)
{
    struct slack_heard h;
    struct span words = SPAN_NONE;
    if (!is_genuine(r, res, true) || !read_it(r, res, "application/x-www-form-urlencoded", slack_read_command, &h))
        return ROUTE_DONE;
    enum slack_ask ask = slack_words_read(h.text, &words);
    if (!slack_app_is_ours(r->node->slack, &h))
        answer_line(r, res, "Postern works for another company. It has nothing of yours.");
    else if (!directory_counts(r->node->directory).complete)
        answer_line(r, res, "Postern is starting. Please try again in a minute.");
    else if (slack_ask_only_reads(ask))
        answer_ask(r, res, &h, ask, words);
    else
        return ROUTE_SLOW;
    return ROUTE_DONE;
}

/* What comes of it follows at the response_url. */
static void command_slow(struct http_request *r, struct http_response *res)
{
    struct slack_heard h;
    struct slack_order o;
    struct err err = { 0 };
    if (!read_it(r, res, "application/x-www-form-urlencoded", slack_read_command, &h))
        return;
    bool mine = make_order(r, &h, &o);
    if (mine && write_down(r, &o, &err) != OK)
        answer_line(r, res, "Postern cannot write this down right now. Please try again in a minute.");
    else if (mine && o.ask == SLACK_ASK_PERSON)
        answer_nothing(res); /* a modal follows */
    else
        answer_line(r, res, "One moment.");
}

static const struct route rows[] = {
    { HTTP_POST, "/slack/events", LISTENER_PUBLIC, 0, SLACK_BODY_BYTES, PROBLEM_JSON, 0, events, events_slow, "slack.events" },
    { HTTP_POST, "/slack/interactive", LISTENER_PUBLIC, 0, SLACK_BODY_BYTES, PROBLEM_JSON, 0, interactive, interactive_slow, "slack.interactive" },
    { HTTP_POST, "/slack/command", LISTENER_PUBLIC, 0, SLACK_BODY_BYTES, PROBLEM_JSON, 0, command, command_slow, "slack.command" },
};
const struct route_table slack_routes = { rows, sizeof rows / sizeof rows[0] };
