#include "gateway/slack/slack_submit.h"

#include "gateway/slack/slack_app.h"
#include "gateway/slack/slack_order.h"
#include "gateway/slack/slack_say_exemptions.h"
#include "gateway/valves.h"

struct submit {
    const struct slack_intake *in;
    const struct slack_heard *h;
    struct slack_answer *out;
    enum slack_ask ask;
    struct span person;             /* p_..., copied */
    struct span by;                 /* "person:p_..." */
};

bool slack_submit_is_judged(const struct slack_heard *h)
{
    enum slack_ask ask;
    return slack_action_read(h->action, true, &ask) && (ask == SLACK_ASK_EXEMPT || ask == SLACK_ASK_APPROVE || ask == SLACK_ASK_REFUSE);
}

/* ---- answers ---- */

static void unanswerable(const struct submit *s, const struct err *err)
{
    log_event(s->in->node->log, LOG_ERROR, "slack.no_answer", LOG_SPAN("id", s->in->id), LOG_ERR(err));
    s->out->later = "this cannot be answered now";
}

/* The modal becomes one sentence. */
static void settle(const struct submit *s, const char *title, struct span words)
{
    CLEANUP(buf_done) struct buf view;
    struct err err;
    struct to_json w;
    buf_init(&view, SLACK_SAY_BYTES);
    if (slack_say_settled(title, words, &view, &err) != OK) {
        unanswerable(s, &err);
        return;
    }
    to_json_init(&w, &s->out->json);
    to_json_object(&w);
    to_json_member_text(&w, "response_action", SPAN_LITERAL("update"));
    to_json_key(&w, "view");
    to_json_raw(&w, buf_span(&view));
    to_json_end(&w);
}

static void settle_words(const struct submit *s, const char *title, const char *words) { settle(s, title, span_of(words)); }

/* The modal stays, with a word beside the field. */
static void refuse_field(const struct submit *s, const char *block, const char *words)
{
    struct to_json w;
    to_json_init(&w, &s->out->json);
    to_json_object(&w);
    to_json_member_text(&w, "response_action", SPAN_LITERAL("errors"));
    to_json_key(&w, "errors");
    to_json_object(&w);
    to_json_member_text(&w, block, span_of(words));
    to_json_end(&w);
    to_json_end(&w);
}

static void later(const struct submit *s, const struct err *err)
{
    log_event(s->in->node->log, LOG_WARN, "slack.not_carried_out", LOG_SPAN("id", s->in->id), LOG_STR("ask", slack_ask_name(s->ask)), LOG_ERR(err));
    s->out->later = "this cannot be written down now"; /* Slack keeps the modal open and says so */
}

/* "Thu 10 Dec 23:59 CET", where the person is. */
static struct span time_words(const struct submit *s, int64_t at_s)
{
    const struct node *node = s->in->node;
    char text[CALENDAR_TEXT_BYTES];
    directory_enter(node->directory);
    const struct policy *policy = directory_control(node->directory)->policy;
    struct span zone = policy != NULL ? calendar_zone(policy, directory_person(node->directory, s->person)) : SPAN_LITERAL("UTC");
    calendar_text(node->calendar, zone, at_s, clock_wall_s(node->clock), true, text);
    directory_leave(node->directory);
    return arena_copy_text(s->in->arena, text);
}

static const char *until_words(enum exemption_until until)
{
    static const char *const words[] = { [EXEMPTION_UNTIL_GOOD] = NULL, [EXEMPTION_UNTIL_NO_DATE] = "Please pick a day.", 
                                         [EXEMPTION_UNTIL_PAST] = "This day is past. Please pick a later one.",
                                         [EXEMPTION_UNTIL_TOO_FAR] = "This day is too far away. Please pick an earlier one." };
    return words[until];
}

/* ---- asking ---- */

static const char *const asked_words = "Thank you. Another person decides about it, and you are told here. Until then nothing changes.";
static const char *const again_words = "This was asked for already. Another person decides about it, or has agreed.";
static const char *const gone_words = "There is nothing of that kind to fix on your devices any more.";

/* Everything of the form that can be wrong by itself. False: answered. */
static bool read_ask(const struct submit *s, struct exemption_request *q)
{
    const struct directory *d = s->in->node->directory;
    struct nudge_target target = { SPAN_NONE, SPAN_NONE, SPAN_NONE, false };
    enum exemption_until until = EXEMPTION_UNTIL_NO_DATE;
    if (span_empty(span_trim(s->h->text))) {
        refuse_field(s, SLACK_NOTE_BLOCK, "Please write a few words about why.");
        return false;
    }
    directory_enter(d);
    const struct policy *policy = directory_control(d)->policy;
    if (policy != NULL)
        until = exemption_until(s->in->node, directory_person(d, s->person), s->h->until, clock_wall_s(s->in->node->clock) + policy->exemptions.longest_s, &q->end_s);
    directory_leave(d);
    if (until != EXEMPTION_UNTIL_GOOD) {
        refuse_field(s, SLACK_UNTIL_BLOCK, until_words(until));
        return false;
    }
    (void)nudge_target_read(s->h->value, &target); /* what we did not write names nothing, and nothing is asked for */
    q->subject = target.device;
    q->check = span_empty(target.check) ? s->h->choice : target.check;
    return true;
}

static void answer_ask(const struct submit *s, enum err_code code, const struct valve_result *r, const struct err *err)
{
    const char *title = "Ask for an exemption";
    if (code == ERR_DENIED)
        settle_words(s, title, "Nobody can be exempted from this one. You can ask a person.");
    else if (code == ERR_INPUT || code == ERR_NOT_FOUND)
        settle_words(s, title, gone_words);
    else if (code != OK)
        later(s, err);
    else
        settle_words(s, title, r->said == VALVE_DONE ? asked_words : r->said == VALVE_AGAIN ? again_words : "Too much is asked for already. Please ask a person.");
}

/* The key is marked after the commit: a copy finds the request itself, or the mark once it is decided. */
static void ask(const struct submit *s, struct span key)
{
    struct exemption_request q = { .scope = EXEMPT_DEVICE, .reason = s->h->text, .measure = s->h->measure, .requester = s->by,
                                   .by = arena_format(s->in->arena, "slack:%.*s", SPAN_ARGS(s->h->user)) };
    struct store *store = s->in->store;
    struct valve_result r = { .said = VALVE_DONE };
    struct err err = { 0 };
    bool used = false;
    if (!read_ask(s, &q))
        return;
    enum err_code code = store->ops->used(store, SLACK_ONCE_KIND, key, &used, &err);
    if (code == OK && used)
        r.said = VALVE_AGAIN;
    else if (code == OK)
        code = valve_exemption_ask(s->in->node, store, &q, &r, &err);
    answer_ask(s, code, &r, &err);
    if (code == OK && !used)
        (void)!store->ops->once(store, SLACK_ONCE_KIND, key, SLACK_ONCE_S, &err); /* marked already: a copy was faster */
}

/* ---- deciding ---- */

static bool read_decision(const struct submit *s, struct exemption_decision *what)
{
    const struct directory *d = s->in->node->directory;
    enum exemption_until until = EXEMPTION_UNTIL_GOOD;
    what->id = s->h->value;
    what->text = s->h->text;
    if (what->move == EXEMPTION_REFUSE && span_empty(span_trim(what->text))) {
        refuse_field(s, SLACK_NOTE_BLOCK, "Please write a few words about why. They read this.");
        return false;
    }
    directory_enter(d);
    const struct exemption *e = exemption_by_id(directory_control(d)->exemptions, what->id);
    if (e != NULL && what->move == EXEMPTION_APPROVE)
        until = exemption_until(s->in->node, directory_person(d, s->person), s->h->until, e->end_s, &what->end_s);
    directory_leave(d);
    if (until != EXEMPTION_UNTIL_GOOD)
        refuse_field(s, SLACK_UNTIL_BLOCK, until == EXEMPTION_UNTIL_TOO_FAR ? "It was asked for until an earlier day. Please pick that one, or one before." : until_words(until));
    return until == EXEMPTION_UNTIL_GOOD;
}

static void decide(const struct submit *s)
{
    bool approve = s->ask == SLACK_ASK_APPROVE;
    const char *title = approve ? "Approve an exemption" : "Decline an exemption";
    struct exemption_decision what = { .move = approve ? EXEMPTION_APPROVE : EXEMPTION_REFUSE, .by = s->by };
    struct valve_result r = { .said = VALVE_DONE };
    struct err err = { 0 };
    if (!read_decision(s, &what))
        return;
    enum err_code code = valve_exemption_decide(s->in->node, s->in->store, &what, &r, &err);
    if (code == OK && approve)
        settle(s, title, arena_format(s->in->arena, "Approved until %.*s. They are told.", SPAN_ARGS(time_words(s, r.until_s))));
    else if (code == OK)
        settle_words(s, title, "Declined. They are told why.");
    else if (code == ERR_DENIED)
        settle_words(s, title, "You cannot decide this one. Somebody else has to.");
    else if (code == ERR_CONFLICT)
        settle_words(s, title, "Somebody has decided this already. Nothing has changed.");
    else if (code == ERR_NOT_FOUND)
        settle_words(s, title, "This is not there any more. Nothing has changed.");
    else if (code == ERR_INPUT)
        settle_words(s, title, "The day that was asked for is past. Nothing has changed.");
    else
        later(s, &err);
}

/* ---- who ---- */

void slack_submit(const struct slack_intake *in, const struct slack_heard *h, struct span key, struct slack_answer *out)
{
    struct submit s = { .in = in, .h = h, .out = out };
    if (!slack_action_read(h->action, true, &s.ask))
        return;
    if (!slack_app_is_ours(in->node->slack, h)) {
        settle_words(&s, "Not here", "Postern works for another company. It has nothing of yours.");
        return;
    }
    directory_enter(in->node->directory);
    const struct person *person = directory_person_by(in->node->directory, h->user);
    bool known = person != NULL && !person->removed;
    s.person = known ? arena_copy(in->arena, person->id) : SPAN_NONE;
    directory_leave(in->node->directory);
    s.by = arena_format(in->arena, "person:%.*s", SPAN_ARGS(s.person));
    if (!known)
        settle_words(&s, "Not here", "We do not know you here yet. Your IT team can add you.");
    else if (s.ask == SLACK_ASK_EXEMPT)
        ask(&s, key);
    else
        decide(&s);
}
