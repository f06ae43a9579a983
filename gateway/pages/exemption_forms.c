#include "gateway/pages/exemption_forms.h"

#include "gateway/exemptions.h"
#include "gateway/pages/me.h"
#include "gateway/pages/words.h"

/* ---- asking ---- */

void exemption_write_held(const struct page *p, const struct standing *s)
{
    if (s->exemption == NULL)
        return;
    html_raw(p->out, "<p class=\"deadline\">It was agreed that this may wait until ");
    page_time(p, s->exemption->end_s);
    HTML(p->out, ". Nothing closes because of it before then. The reason: {}</p>\n", s->exemption->reason);
}

static void write_waits(const struct page *p, const struct exemption *asked)
{
    html_raw(p->out, "<p>You asked for an exemption ");
    page_time(p, asked->asked_s);
    html_raw(p->out, ". A person decides and tells you.</p>\n");
}

static void write_declined(const struct page *p, const struct valve_about *about)
{
    const struct ladder_input in = decision_ladder_input(&p->in, about->device, p->person);
    const struct exemption *e = exemption_declined(&in, about->items[0]->check->id);
    if (e == NULL)
        return;
    html_raw(p->out, "<p>Your exemption was declined ");
    page_time(p, e->decided_s);
    HTML(p->out, ". {}{}</p>\n", span_empty(e->answer) ? SPAN_NONE : SPAN_LITERAL("The reason: "), e->answer);
}

/* At most as many characters as are kept. */
static void write_area(const struct page *p, struct span id, const char *name, const char *label, bool required)
{
    HTML(p->out, "<label for=\"{}\">{}</label>\n<textarea id=\"{}\" name=\"{}\" rows=\"2\" maxlength=\"300\"", id, span_of(label), id, span_of(name));
    html_raw(p->out, required ? " required></textarea>\n" : "></textarea>\n");
}

/* The days that can be picked, as the browser wants them; the form works without its help too. */
static void write_until(const struct page *p, const char *label, struct span id, int64_t latest_s, int64_t picked_s)
{
    char first[EXEMPTION_DAY_BYTES], last[EXEMPTION_DAY_BYTES], picked[EXEMPTION_DAY_BYTES] = { 0 };
    exemption_day(p->r->node, p->person, p->now_s, first);
    exemption_day(p->r->node, p->person, latest_s - 1, last);
    if (picked_s > 0)
        exemption_day(p->r->node, p->person, picked_s - 1, picked);
    HTML(p->out, "<label for=\"{}\">{}</label>\n<input type=\"date\" id=\"{}\" name=\"until\" min=\"{}\" max=\"{}\" value=\"{}\">\n",
         id, span_of(label), id, span_of(first), span_of(last), span_of(picked));
}

static void write_ask_form(const struct page *p, const struct valve_about *about)
{
    struct span id = valve_field_id(p, FORM_EXEMPT, about->device), measure = arena_format(p->arena, "%.*s-measure", SPAN_ARGS(id));
    html_raw(p->out, "<details>\n<summary>Ask for an exemption</summary>\n");
    valve_begin_form(p, FORM_EXEMPT, about->device);
    valve_write_choice(p, FORM_EXEMPT, about);
    write_area(p, id, "text", "Why can this not be fixed for now?", true);
    write_until(p, "Until when? You may leave this empty.", arena_format(p->arena, "%.*s-until", SPAN_ARGS(id)), p->now_s + p->policy->exemptions.longest_s, 0);
    write_area(p, measure, "measure", "What do you do instead? You may leave this empty.", false);
    HTML(p->out, "<p>Without a day it holds for {}. Another person decides about it. Until then nothing changes.</p>\n", words_span(p->arena, p->policy->exemptions.length_s));
    html_raw(p->out, "<button class=\"second\">Ask for an exemption</button>\n</form>\n</details>\n");
}

/* Of what is on the page, what may be asked for. */
static size_t count_offered(const struct page *p, const struct valve_about *about, const struct standing **offered)
{
    const struct ladder_input in = decision_ladder_input(&p->in, about->device, p->person);
    size_t count = 0;
    for (size_t i = 0; i < about->count; i++)
        if (exemption_offer(&in, about->items[i]->check->id, NULL) == EXEMPTION_OFFERED)
            offered[count++] = about->items[i];
    return count;
}

void exemption_write_ask(const struct page *p, const struct valve_about *about)
{
    const struct standing **offered = arena_array(p->arena, about->count + 1, sizeof *offered);
    const struct exemption *which = NULL;
    if (offered == NULL || p->policy == NULL || about->device == NULL)
        return;
    const struct ladder_input in = decision_ladder_input(&p->in, about->device, p->person);
    for (size_t i = 0; i < about->count; i++)
        if (exemption_offer(&in, about->items[i]->check->id, &which) == EXEMPTION_WAITS)
            write_waits(p, which);
    if (about->count == 1)
        write_declined(p, about);
    struct valve_about rest = { about->device, offered, count_offered(p, about, offered) };
    if (rest.count > 0)
        write_ask_form(p, &rest);
}

enum err_code exemption_form_ask(struct http_request *r, const struct valve_use *use, struct valve_result *out, struct err *err)
{
    struct exemption_request request = { .scope = EXEMPT_DEVICE, .subject = use->device, .check = use->check, .reason = use->text, .measure = page_field(r, "measure"), .by = use->by };
    enum exemption_until until = EXEMPTION_UNTIL_NO_DATE;
    directory_enter(r->node->directory);
    const struct policy *policy = directory_control(r->node->directory)->policy;
    if (policy != NULL)
        until = exemption_until(r->node, directory_person(r->node->directory, use->person), page_field(r, "until"), r->now_s + policy->exemptions.longest_s, &request.end_s);
    directory_leave(r->node->directory);
    if (until != EXEMPTION_UNTIL_GOOD)
        return err_set(err, ERR_LIMIT, "an exemption cannot end then");
    enum err_code code = valve_exemption_ask(r->node, r->store, &request, out, err);
    if (code == ERR_DENIED)
        out->said = VALVE_NO, out->refusal = VALVE_HARD;
    return code == ERR_DENIED ? OK : code;
}

/* ---- deciding ---- */

static void begin_decision(const struct page *p, const struct exemption *e, const char *action)
{
    HTML(p->out, "<form method=\"post\" action=\"{}/{}\">\n<input type=\"hidden\" name=\"exemption\" value=\"{}\">\n", p->r->params[0], span_of(action), e->id);
}

static void write_request(const struct page *p, const struct exemption *e)
{
    const struct directory *d = p->r->node->directory;
    const struct check *check = policy_check(p->policy, e->check);
    HTML(p->out, "<li class=\"card\" id=\"{}\">\n<h3>{}</h3>\n<p class=\"device\"><bdi>{}</bdi></p>\n",
         e->id, check != NULL ? check->title : e->check, exemption_subject(d, e, p->arena));
    HTML(p->out, "<p><bdi>{}</bdi> asked ", exemption_who(d, e->requester, p->arena));
    page_ago(p, e->asked_s);
    html_raw(p->out, " that this may wait until ");
    page_time(p, e->end_s);
    HTML(p->out, ".</p>\n<dl>\n<dt>Why</dt>\n<dd>{}</dd>\n", e->reason);
    if (!span_empty(e->measure))
        HTML(p->out, "<dt>What they do instead</dt>\n<dd>{}</dd>\n", e->measure);
    html_raw(p->out, "</dl>\n");
}

static void write_decision_forms(const struct page *p, const struct exemption *e)
{
    const struct check *check = policy_check(p->policy, e->check);
    struct span about = check != NULL ? check->title : e->check;
    begin_decision(p, e, "approve");
    write_until(p, "Until. You may choose an earlier day.", arena_format(p->arena, "until-%.*s", SPAN_ARGS(e->id)), e->end_s, e->end_s);
    write_area(p, arena_format(p->arena, "approve-%.*s", SPAN_ARGS(e->id)), "text", "Words for them. You may leave this empty.", false);
    HTML(p->out, "<button>Approve<span class=\"hidden\">: {}</span></button>\n</form>\n", about);
    html_raw(p->out, "<details>\n<summary>Decline");
    HTML(p->out, "<span class=\"hidden\">: {}</span></summary>\n", about);
    begin_decision(p, e, "decline");
    write_area(p, arena_format(p->arena, "decline-%.*s", SPAN_ARGS(e->id)), "text", "Why not? They read this.", true);
    HTML(p->out, "<button class=\"second\">Decline<span class=\"hidden\">: {}</span></button>\n</form>\n</details>\n</li>\n", about);
}

void exemption_write_decide(const struct page *p)
{
    const struct exemption *waiting[EXEMPTIONS_SHOWN];
    size_t count = exemptions_to_decide(p->r->node->directory, p->person, waiting, EXEMPTIONS_SHOWN);
    if (count == 0)
        return;
    html_raw(p->out, "<section id=\"decide\">\n<h2>Waiting for your decision</h2>\n<ul class=\"cards\">\n");
    for (size_t i = 0; i < count && i < EXEMPTIONS_SHOWN; i++) {
        write_request(p, waiting[i]);
        write_decision_forms(p, waiting[i]);
    }
    html_raw(p->out, "</ul>\n");
    if (count > EXEMPTIONS_SHOWN)
        HTML(p->out, "<p>And {} more. They are shown when these are decided.</p>\n", arena_format(p->arena, "%zu", count - EXEMPTIONS_SHOWN));
    html_raw(p->out, "</section>\n");
}

uint64_t exemption_decide_mark(const struct page *p, uint64_t mark)
{
    const struct exemption *waiting[EXEMPTIONS_SHOWN];
    size_t count = exemptions_to_decide(p->r->node->directory, p->person, waiting, EXEMPTIONS_SHOWN);
    for (size_t i = 0; i < count && i < EXEMPTIONS_SHOWN; i++)
        mark = span_hash(waiting[i]->id, mark);
    return mark ^ count;
}

/* False: answered. The day is judged against what was asked for; whether they may decide is the valve's to say, by the stored record. */
static bool read_decision(struct http_request *r, struct http_response *res, struct exemption_decision *what)
{
    struct span person = SPAN_NONE;
    enum exemption_until until = EXEMPTION_UNTIL_NO_DATE;
    if (!me_open_form(r, res, &person, NULL))
        return false;
    what->id = page_field(r, "exemption");
    what->text = page_field(r, "text");
    what->by = arena_format(r->arena, "person:%.*s", SPAN_ARGS(person));
    directory_enter(r->node->directory);
    const struct exemption *e = exemption_by_id(directory_control(r->node->directory)->exemptions, what->id);
    if (e == NULL || what->move != EXEMPTION_APPROVE)
        until = EXEMPTION_UNTIL_GOOD;
    else
        until = exemption_until(r->node, directory_person(r->node->directory, person), page_field(r, "until"), e->end_s, &what->end_s);
    directory_leave(r->node->directory);
    bool words = what->move == EXEMPTION_APPROVE || !span_empty(what->text);
    if (until != EXEMPTION_UNTIL_GOOD || !words)
        page_see_other(r, res, "said", words ? SPAN_LITERAL("until") : SPAN_LITERAL("words"));
    return until == EXEMPTION_UNTIL_GOOD && words;
}

static struct span decision_word(const struct exemption_decision *what, enum err_code code)
{
    switch (code) {
    case OK: return what->move == EXEMPTION_APPROVE ? SPAN_LITERAL("approved") : SPAN_LITERAL("declined");
    case ERR_DENIED: return SPAN_LITERAL("not_yours");
    case ERR_INPUT: return SPAN_LITERAL("until");
    case ERR_CONFLICT:
    case ERR_NOT_FOUND: return SPAN_LITERAL("decided");
    default: return SPAN_LITERAL("later");
    }
}

static void decide(struct http_request *r, struct http_response *res, enum exemption_move move)
{
    struct exemption_decision what = { .move = move };
    struct valve_result out = { 0 };
    struct err err = { 0 };
    if (!read_decision(r, res, &what))
        return;
    enum err_code code = valve_exemption_decide(r->node, r->store, &what, &out, &err);
    struct span word = decision_word(&what, code);
    if (code != OK)
        log_event(r->node->log, LOG_WARN, "page.not_decided", LOG_STR("id", r->id), LOG_SPAN("by", what.by), LOG_ERR(&err));
    page_see_other(r, res, "said", word);
}

void me_approve(struct http_request *r, struct http_response *res) { decide(r, res, EXEMPTION_APPROVE); }
void me_decline(struct http_request *r, struct http_response *res) { decide(r, res, EXEMPTION_REFUSE); }
