#include "gateway/pages/managed.h"

#include "gateway/managers.h"
#include "gateway/pages/words.h"

static struct span team(const struct page *p) { return !span_empty(p->policy->help.team) ? p->policy->help.team : SPAN_LITERAL("Your IT team"); }

static void write_list(const struct page *p, const char *title, const struct span *lines, size_t count)
{
    if (count == 0)
        return;
    HTML(p->out, "<p>{}</p>\n<ul>\n", span_of(title));
    for (size_t i = 0; i < count; i++)
        HTML(p->out, "<li>{}</li>\n", lines[i]);
    html_raw(p->out, "</ul>\n");
}

/* The person's time to think it over counts from when they are told, which this page does. */
static void write_announcement(const struct page *p, const struct device *d)
{
    const struct fallback *f = &d->fallback;
    HTML(p->out, "<p>If it is not fixed, {} will look after the settings of <bdi>{}</bdi>. This happens ", team(p), words_device(d));
    html_raw(p->out, "not before ");
    page_time(p, (f->told_s > 0 ? f->told_s : p->now_s) + p->policy->mdm.announce_before_s);
    html_raw(p->out, ". Fix what is listed here, and it does not happen.</p>\n");
}

static void write_invitation(const struct page *p, const struct device *d)
{
    const struct manager *m = managers_find(p->r->node->managers, d->fallback.manager);
    HTML(p->out, "<p>{} asks you to let them look after the settings of <bdi>{}</bdi>.</p>\n", team(p), words_device(d));
    if (m != NULL && html_is_link(m->options.invitation))
        HTML(p->out, "<p><a href=\"{}\">Enrol this device</a></p>\n", m->options.invitation);
}

static void write_state(const struct page *p, const struct device *d)
{
    const struct fallback *f = &d->fallback;
    bool waits = f->state == FALLBACK_ASKED || f->state == FALLBACK_ACTED;
    if (f->state == FALLBACK_ANNOUNCED)
        write_announcement(p, d);
    else if (waits && f->invited)
        write_invitation(p, d);
    else if (f->state == FALLBACK_UNDOING)
        HTML(p->out, "<p>{} gives the settings of <bdi>{}</bdi> back to you.</p>\n", team(p), words_device(d));
    else
        HTML(p->out, "<p>{} looks after the settings of <bdi>{}</bdi>.</p>\n", team(p), words_device(d));
}

static void write_way_back(const struct page *p, const struct fallback *f)
{
    int64_t way_back_s = p->policy->mdm.way_back_s;
    if (f->state == FALLBACK_CONFIRMED && f->clean_s > 0) {
        html_raw(p->out, "<p>Nothing fails now. If it stays so, this is taken back on ");
        page_time(p, f->clean_s + way_back_s);
        html_raw(p->out, ".</p>\n");
    } else if (f->state != FALLBACK_UNDOING) {
        HTML(p->out, "<p>There is a way back: after {} without a problem this is taken back.</p>\n", words_span(p->arena, way_back_s));
    }
}

void managed_write_fallback(const struct page *p, const struct device *d)
{
    if (d->fallback.state == FALLBACK_NONE || p->policy == NULL)
        return;
    html_raw(p->out, "<section class=\"next\">\n<h2>Who looks after this device</h2>\n");
    write_state(p, d);
    if (d->fallback.state != FALLBACK_UNDOING) {
        write_list(p, "They can see:", p->policy->mdm.sees, p->policy->mdm.sees_count);
        write_list(p, "They can do:", p->policy->mdm.does, p->policy->mdm.does_count);
    }
    write_way_back(p, &d->fallback);
    html_raw(p->out, "</section>\n");
}

static struct span said(enum verdict v) { return v == VERDICT_PASS ? SPAN_LITERAL("yes") : SPAN_LITERAL("no"); }

void managed_write_disagreements(const struct page *p, const struct device *d)
{
    for (size_t i = 0; i < d->result_count; i++) {
        const struct result *r = &d->results[i];
        const struct check *check = r->other == VERDICT_UNKNOWN || p->policy == NULL ? NULL : policy_check(p->policy, r->check);
        if (check == NULL)
            continue;
        HTML(p->out, "<p>We hear two different things about \"{}\". The device itself says {}. The device manager says {}.{}</p>\n", check->title, said(r->own), said(r->other),
             r->verdict == VERDICT_UNKNOWN ? SPAN_LITERAL(" A person has to sort this out. Until then nothing happens because of it.") : SPAN_NONE);
    }
}
