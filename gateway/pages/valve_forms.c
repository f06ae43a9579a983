#include "gateway/pages/valve_forms.h"

#include "gateway/pages/exemption_forms.h"
#include "gateway/pages/words.h"

static const char *const words_of_forms[] = { [FORM_SNOOZE] = "snooze", [FORM_ONCE] = "once", [FORM_WRONG] = "wrong", [FORM_EXEMPT] = "exempt", [FORM_ASK] = "ask", [FORM_NOT_MINE] = "not-mine" };

/* ---- writing ---- */

void valve_begin_form(const struct page *p, enum valve_form form, const struct device *d)
{
    HTML(p->out, "<form method=\"post\" action=\"{}/{}\">\n", p->r->params[0], span_of(words_of_forms[form]));
    if (d != NULL)
        HTML(p->out, "<input type=\"hidden\" name=\"device\" value=\"{}\">\n", d->id);
}

static void write_check(const struct page *p, struct span check) { HTML(p->out, "<input type=\"hidden\" name=\"check\" value=\"{}\">\n", check); }

/* Ids must differ on a page that has a form twice. */
struct span valve_field_id(const struct page *p, enum valve_form form, const struct device *d)
{
    return arena_format(p->arena, "%s-%.*s", words_of_forms[form], SPAN_ARGS(d != NULL ? d->id : SPAN_LITERAL("text")));
}

static void write_text(const struct page *p, enum valve_form form, const struct device *d, const char *label, bool required)
{
    struct span id = valve_field_id(p, form, d);
    HTML(p->out, "<label for=\"{}\">{}</label>\n<textarea id=\"{}\" name=\"text\" rows=\"3\" maxlength=\"500\"", id, span_of(label), id);
    html_raw(p->out, required ? " required></textarea>\n" : "></textarea>\n");
}

void valve_write_choice(const struct page *p, enum valve_form form, const struct valve_about *about)
{
    struct span id = valve_field_id(p, form, about->device);
    if (about->count == 1) {
        write_check(p, about->items[0]->check->id);
        return;
    }
    HTML(p->out, "<label for=\"{}-check\">Which one?</label>\n<select id=\"{}-check\" name=\"check\">\n", id, id);
    for (size_t i = 0; i < about->count; i++)
        HTML(p->out, "<option value=\"{}\">{}</option>\n", about->items[i]->check->id, about->items[i]->check->title);
    html_raw(p->out, "</select>\n");
}

/* "1 left", "2 left". */
static struct span left(const struct page *p, unsigned count) { return arena_format(p->arena, "%u left", count); }

void valve_write_snooze(const struct page *p, const struct device *d, const struct standing *s)
{
    struct ladder_input in = decision_ladder_input(&p->in, d, p->person);
    struct valve_offer offer = ladder_snooze_offer(&in, s, p->arena);
    if (offer.refusal == VALVE_RUNNING) {
        html_raw(p->out, "<p>We remind you again ");
        page_time(p, offer.until_s);
        html_raw(p->out, ". Until then the clock stands still.</p>\n");
    }
    if (offer.refusal == VALVE_SPENT)
        html_raw(p->out, "<p>You have put this off as often as you can for now.</p>\n");
    if (offer.refusal != VALVE_OPEN)
        return;
    valve_begin_form(p, FORM_SNOOZE, d);
    write_check(p, s->check->id);
    HTML(p->out, "<p>Not a good time? <button class=\"second\">Remind me tomorrow<span class=\"hidden\"> of {}</span></button> ({}). We write again ", s->check->title, left(p, offer.left));
    page_time(p, offer.until_s);
    if (offer.close_s > 0) {
        html_raw(p->out, ", and then you have until ");
        page_time(p, offer.close_s);
    }
    html_raw(p->out, ".</p>\n</form>\n");
}

void valve_write_once(const struct page *p, const struct device *d, const struct standing *standings, size_t count, const struct app *app)
{
    struct ladder_input in = decision_ladder_input(&p->in, d, p->person);
    struct valve_offer offer = ladder_pass_offer(&in, standings, count, app);
    if (offer.refusal == VALVE_SPENT)
        html_raw(p->out, "<p>You have continued once already. You can do so again next week.</p>\n");
    if (offer.refusal != VALVE_OPEN)
        return;
    HTML(p->out, "<details>\n<summary>Continue once ({})</summary>\n", left(p, offer.left));
    valve_begin_form(p, FORM_ONCE, d);
    write_text(p, FORM_ONCE, d, "What do you need it for?", true);
    HTML(p->out, "<p>{} opens on this device until ", words_app(app));
    page_time(p, offer.until_s);
    html_raw(p->out, ". We write down that you did this, and why.</p>\n<button class=\"second\">Continue once</button>\n</form>\n</details>\n");
}

static void write_disputed(const struct page *p, const struct dispute *told)
{
    html_raw(p->out, "<p>You told us about this ");
    page_time(p, told->time.from_s);
    if (told->outcome != DISPUTE_OPEN) {
        HTML(p->out, ". Our answer: {}</p>\n", told->answer);
        return;
    }
    html_raw(p->out, ". A person looks at it.");
    if (told->time.to_s > p->now_s) {
        html_raw(p->out, " Until then the clock stands still, at the latest until ");
        page_time(p, told->time.to_s);
        html_raw(p->out, ".");
    }
    html_raw(p->out, "</p>\n");
}

void valve_write_wrong(const struct page *p, const struct valve_about *about)
{
    const struct dispute *told = about->count == 1 ? valve_dispute_of(p->person, about->device->id, about->items[0]->check->id, p->now_s) : NULL;
    if (told != NULL) {
        write_disputed(p, told);
        return;
    }
    html_raw(p->out, "<details>\n<summary>This looks wrong</summary>\n");
    valve_begin_form(p, FORM_WRONG, about->device);
    valve_write_choice(p, FORM_WRONG, about);
    write_text(p, FORM_WRONG, about->device, "What is wrong? You may leave this empty.", false);
    html_raw(p->out, "<p>The clock stands still for 2 working days. A person looks at it and answers you.</p>\n<button class=\"second\">Tell a person</button>\n</form>\n</details>\n");
}

/* ---- people ---- */

enum { ASKS_SHOWN = 3, ASKS_SHOWN_S = 30 * 86400 };

static void write_asked(const struct page *p, const struct help_request *ask)
{
    html_raw(p->out, "<p>You asked us ");
    page_time(p, ask->at_s);
    HTML(p->out, ": {} ", span_empty(ask->text) ? SPAN_LITERAL("to help you.") : ask->text);
    HTML(p->out, "{}{}</p>\n", ask->answered_s == 0 ? SPAN_LITERAL("A person will answer you.") : SPAN_LITERAL("Our answer: "), ask->answered_s == 0 ? SPAN_NONE : ask->answer);
}

void valve_write_ask(const struct page *p, const struct device *d)
{
    size_t shown = 0;
    for (size_t i = p->person->ask_count; i > 0 && shown < ASKS_SHOWN; i--) {
        const struct help_request *ask = &p->person->asks[i - 1];
        if (p->now_s - ask->at_s > ASKS_SHOWN_S)
            continue;
        write_asked(p, ask);
        shown++;
    }
    html_raw(p->out, "<details>\n<summary>Ask a person</summary>\n");
    valve_begin_form(p, FORM_ASK, d);
    write_text(p, FORM_ASK, d, "What do you want to know?", true);
    html_raw(p->out, "<p>A person reads it and answers you. The answer is shown here.</p>\n<button class=\"second\">Send it</button>\n</form>\n</details>\n<p>Talk to a person: ");
    page_contact(p);
    html_raw(p->out, "</p>\n");
}

void valve_write_not_mine(const struct page *p, const struct device *d)
{
    HTML(p->out, "<details><summary>Not mine<span class=\"hidden\">: {}</span></summary>\n", words_device(d));
    valve_begin_form(p, FORM_NOT_MINE, d);
    html_raw(p->out, "<p>It leaves your list. Apps that need a known device no longer open on it.</p><button class=\"second\">This is not my device</button></form></details>\n");
}

/* ---- using ---- */

struct said { const char *done, *again; };

static enum err_code use_it(struct http_request *r, enum valve_form form, const struct valve_use *use, struct valve_result *out, struct err *err)
{
    switch (form) {
    case FORM_SNOOZE: return valve_snooze(r->node, r->store, use, out, err);
    case FORM_ONCE: return valve_continue_once(r->node, r->store, use, out, err);
    case FORM_WRONG: return valve_dispute(r->node, r->store, use, out, err);
    case FORM_ASK: return valve_ask_person(r->node, r->store, use, out, err);
    case FORM_NOT_MINE: return valve_not_mine(r->node, r->store, use, out, err);
    case FORM_EXEMPT: break;
    }
    return exemption_form_ask(r, use, out, err);
}

static struct span refusal_word(enum valve_refusal why)
{
    switch (why) {
    case VALVE_SPENT: return SPAN_LITERAL("spent");
    case VALVE_TOO_LATE: return SPAN_LITERAL("too_late");
    case VALVE_NOT_CLOSED: return SPAN_LITERAL("open_already");
    default: return SPAN_LITERAL("not_here");
    }
}

static struct span said_word(enum valve_form form, const struct valve_result *out)
{
    static const struct said rows[] = {
        [FORM_SNOOZE] = { "snoozed", "snoozed" }, [FORM_ONCE] = { "once", "once" },  [FORM_WRONG] = { "told", "told_before" },
        [FORM_EXEMPT] = { "exempt_asked", "exempt_before" }, [FORM_ASK] = { "ask_sent", "ask_sent" }, [FORM_NOT_MINE] = { "released", "released" },
    };
    switch (out->said) {
    case VALVE_DONE: return span_of(rows[form].done);
    case VALVE_AGAIN: return span_of(rows[form].again);
    case VALVE_NO: return refusal_word(out->refusal);
    case VALVE_FULL: return SPAN_LITERAL("full");
    case VALVE_GONE: break;
    }
    return SPAN_LITERAL("gone");
}

void valve_form_answer(struct http_request *r, struct http_response *res, enum valve_form form, const struct valve_use *use)
{
    struct valve_result out = { 0 };
    struct err err = { 0 };
    enum err_code code = use_it(r, form, use, &out, &err);
    if (code == OK) {
        page_see_other(r, res, "said", said_word(form, &out));
        return;
    }
    if (code != ERR_INPUT && code != ERR_NOT_FOUND && code != ERR_LIMIT)
        log_event(r->node->log, LOG_WARN, "page.valve_failed", LOG_STR("id", r->id), LOG_SPAN("person", use->person), LOG_ERR(&err));
    page_see_other(r, res, "said", code == ERR_INPUT ? SPAN_LITERAL("words") : code == ERR_NOT_FOUND ? SPAN_LITERAL("gone") : code == ERR_LIMIT ? SPAN_LITERAL("until") : SPAN_LITERAL("later"));
}
