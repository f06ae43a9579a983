#include "gateway/pages/item.h"

#include "gateway/pages/exemption_forms.h"
#include "gateway/pages/words.h"

#include "posture/evaluate.h"

enum { DAY_S = 86400 };

static enum verdict verdict_now(const struct page *p, const struct device *d, const struct standing *s)
{
    return evaluate_now(s->check, d, s->result, p->now_s);
}

void item_write_device(const struct page *p, const struct device *d)
{
    HTML(p->out, "<bdi>{}</bdi>", words_device(d));
    if (!span_empty(d->name) && !span_empty(d->model))
        HTML(p->out, ", <bdi>{}</bdi>", d->model);
    if (!span_empty(words_serial_end(d)))
        HTML(p->out, ", serial number ends in <span class=\"serial\">{}</span>", words_serial_end(d));
}

/* ---- what we saw, why ---- */

static void write_saw(const struct page *p, const struct device *d, const struct standing *s)
{
    struct span saw = span_empty(s->result->saw) ? s->check->what : s->result->saw;
    html_raw(p->out, "<h3>What we saw</h3>\n");
    if (verdict_now(p, d, s) == VERDICT_IN_PROGRESS)
        html_raw(p->out, "<p>The fix is on its way. Keep the device on until it is done.</p>\n");
    if (verdict_now(p, d, s) == VERDICT_UNKNOWN)
        html_raw(p->out, "<p>We could not look at this lately. This is what we saw the last time.</p>\n");
    HTML(p->out, "<p class=\"saw\">{} <span class=\"when\">(", saw);
    page_ago(p, s->result->evaluated_s);
    html_raw(p->out, ")</span></p>\n<h3>Why it matters</h3>\n");
    HTML(p->out, "<p>{}</p>\n", s->check->why);
}

/* ---- how to fix ---- */

/* What stands between backticks is a command to copy. */
static void write_step(const struct page *p, struct span step)
{
    struct span part;
    bool command = false;
    html_raw(p->out, "<li>");
    while (span_cut(&step, '`', &part)) {
        if (command)
            HTML(p->out, "<code>{}</code>", part);
        else
            html_text(p->out, part);
        command = !command;
    }
    html_raw(p->out, "</li>\n");
}

static void write_effort(const struct page *p, const struct check *check)
{
    html_raw(p->out, "<p class=\"effort\">");
    if (check->minutes > 0)
        HTML(p->out, "About {}. ", words_span(p->arena, (int64_t)check->minutes * 60));
    html_raw(p->out, check->restart ? "It needs a restart. " : "No restart. ");
    html_raw(p->out, check->needs_admin ? "It needs admin rights: without them, ask for help." : "No admin rights needed.");
    html_raw(p->out, "</p>\n");
}

static void write_fix(const struct page *p, const struct device *d, const struct check *check)
{
    const struct check_platform *on = &check->on[d->platform];
    html_raw(p->out, "<h3>How to fix it</h3>\n");
    write_effort(p, check);
    if (on->fix_count == 0) {
        html_raw(p->out, "<p>A person can show you how: ");
        page_contact(p);
        html_raw(p->out, "</p>\n");
        return;
    }
    html_raw(p->out, "<ol class=\"steps\">\n");
    for (size_t i = 0; i < on->fix_count; i++)
        write_step(p, on->fix[i]);
    html_raw(p->out, "</ol>\n");
}

static void write_body(const struct page *p, const struct device *d, const struct standing *s)
{
    write_saw(p, d, s);
    write_fix(p, d, s->check);
}

void item_write(const struct page *p, const struct device *d, const struct standing *s)
{
    bool known = verdict_now(p, d, s) != VERDICT_UNKNOWN;
    HTML(p->out, "<section class=\"item\">\n<h2><span class=\"eyebrow\">{}</span> {}</h2>\n", known ? SPAN_LITERAL("To fix") : SPAN_LITERAL("Not checked lately"), s->check->title);
    write_body(p, d, s);
    html_raw(p->out, "</section>\n");
}

void item_write_folded(const struct page *p, const struct device *d, const struct standing *s)
{
    HTML(p->out, "<details>\n<summary>{}: {}", verdict_now(p, d, s) == VERDICT_UNKNOWN ? SPAN_LITERAL("Not checked lately") : SPAN_LITERAL("To fix"), s->check->title);
    if (s->close_s > 0) {
        html_raw(p->out, " <span class=\"when\">by ");
        page_time(p, s->close_s);
        html_raw(p->out, "</span>");
    }
    html_raw(p->out, "</summary>\n");
    exemption_write_held(p, s);
    write_body(p, d, s);
    html_raw(p->out, "</details>\n");
}

/* ---- by when, and what then ---- */

static unsigned closes_next(const struct standing *s)
{
    return s->next_close >= 0 ? s->ladder->rungs[s->next_close].close & ~s->closed : 0;
}

void item_write_deadline(const struct page *p, const struct standing *s)
{
    struct span paused = words_paused(s->paused);
    exemption_write_held(p, s);
    if (s->exemption != NULL)
        return;
    if (!span_empty(paused))
        HTML(p->out, "<p class=\"deadline\">The clock stands still now: {}.</p>\n", paused);
    if (s->close_s == 0) {
        if (s->closed == 0 && span_empty(paused))
            html_raw(p->out, "<p class=\"deadline\">Please do this soon. Nothing closes because of it now.</p>\n");
        return;
    }
    struct span apps = page_app_words(p, closes_next(s));
    HTML(p->out, "<p class=\"deadline\">{}Please do this by <strong>", s->carried_s > 0 ? SPAN_LITERAL("This came back within 7 days, so there is less time to fix it. ") : SPAN_NONE);
    page_time(p, s->close_s);
    HTML(p->out, "</strong>. After that {} will not open on this device. Everything else keeps working.</p>\n", span_empty(apps) ? SPAN_LITERAL("some apps") : apps);
}

/* ---- the ladder ---- */

/* What a rung adds to the one before it. */
static void write_rung_words(const struct page *p, const struct ladder *l, size_t i)
{
    const struct rung *rung = &l->rungs[i];
    unsigned before = i > 0 ? l->rungs[i - 1].close : 0;
    bool said = false, warned = i > 0 && l->rungs[i - 1].login == LOGIN_WARN;
    struct span apps = page_app_words(p, rung->close & ~before);
    if (rung->login == LOGIN_WARN && !warned) {
        html_raw(p->out, "You see a reminder when you sign in. ");
        said = true;
    }
    if (!span_empty(apps)) {
        HTML(p->out, "{} will not open. ", apps);
        said = true;
    }
    if (rung->end_sessions) {
        html_raw(p->out, "You are signed out of what is closed. ");
        said = true;
    }
    if (!span_empty(rung->mdm)) {
        HTML(p->out, "{} may look after the settings of this device. They talk to you before.", p->policy != NULL && !span_empty(p->policy->help.team) ? p->policy->help.team : SPAN_LITERAL("Your IT team"));
        said = true;
    }
    if (!said)
        html_raw(p->out, i == 0 ? "We tell you what to fix and why. Everything works." : "We remind you. Everything works as before.");
}

static void write_rung_when(const struct page *p, const struct standing *s, int i)
{
    int64_t then_s = i > 0 ? ladder_after(s, (size_t)i) - ladder_after(s, (size_t)i - 1) : 0;
    html_raw(p->out, "<span class=\"when\">");
    if (i < s->rung)
        html_raw(p->out, "Done");
    else if (i == s->rung)
        html_raw(p->out, "Today");
    else if (i == s->rung + 1 && s->next_s > 0)
        page_time(p, s->next_s);
    else if (i == s->rung + 1)
        html_raw(p->out, s->waiting_for_notice ? "After our next message" : "Later");
    else if (then_s > 0)
        HTML(p->out, "{} after that", words_span(p->arena, then_s));
    else
        html_raw(p->out, "Soon after that");
    html_raw(p->out, "</span> ");
}

static void write_grace(const struct page *p, const struct standing *s)
{
    if (s->grace_until_s <= p->now_s)
        return;
    html_raw(p->out, "<p>Nothing closes before ");
    page_time(p, s->grace_until_s);
    html_raw(p->out, ": this device is new, or you have been away.</p>\n");
}

void item_write_ladder(const struct page *p, const struct standing *s)
{
    if (s->ladder == NULL)
        return;
    html_raw(p->out, "<section class=\"next\">\n<h2>What happens next</h2>\n<ol class=\"ladder\">\n");
    int in_force = (int)ladder_rungs_in_force(s);
    if (in_force == 0)
        html_raw(p->out, "<li class=\"now\" aria-current=\"step\">We tell you what to fix and why. Everything works.</li>\n");
    for (int i = 0; i < in_force; i++) {
        html_raw(p->out, i == s->rung ? "<li class=\"now\" aria-current=\"step\">" : i < s->rung ? "<li class=\"done\">" : "<li>");
        write_rung_when(p, s, i);
        write_rung_words(p, s->ladder, (size_t)i);
        html_raw(p->out, "</li>\n");
    }
    html_raw(p->out, "</ol>\n");
    write_grace(p, s);
    html_raw(p->out, "<p>When it is fixed, everything opens again at once. What never happens: we only ask the device questions. "
                     "We cannot change, delete or erase anything on it.</p>\n</section>\n");
}
