#include "gateway/pages/blocked.h"
#include "gateway/pages/item.h"
#include "gateway/pages/words.h"

static bool lets_in(const struct blocked *b) { return b->answer.decision.outcome != OUTCOME_DENY; }

/* The device was shown, by something that is not sure enough for this app. */
static bool is_weakly_shown(const struct blocked *b) { return b->answer.decision.rule == RULE_WEAK_PROOF && b->device != NULL; }

struct span blocked_headline(const struct blocked *b)
{
    struct arena *a = b->page.arena;
    struct span app = words_app(b->answer.decision.app), things = words_things(a, b->blocking_count > 0 ? b->blocking_count : 1);
    switch (b->state) {
    case BLOCKED_DENIED: return arena_format(a, "%.*s to fix before you can open %.*s", SPAN_ARGS(things), SPAN_ARGS(app));
    case BLOCKED_WARNED: return arena_format(a, "%.*s to fix soon. %.*s opens now", SPAN_ARGS(things), SPAN_ARGS(app));
    case BLOCKED_GO_ON: return b->checking_s > 0 ? arena_format(a, "It is fixed. Open %.*s again", SPAN_ARGS(app)) : arena_format(a, "You can open %.*s now", SPAN_ARGS(app));
    case BLOCKED_UNCHECKED: return SPAN_LITERAL("We could not check your device");
    case BLOCKED_OUTAGE: return SPAN_LITERAL("Our check is not working");
    case BLOCKED_DEVICE_UNKNOWN:
        return is_weakly_shown(b) ? arena_format(a, "%.*s needs a surer sign of this device", SPAN_ARGS(app)) : SPAN_LITERAL("We do not know this device yet");
    case BLOCKED_PERSON_UNKNOWN: return SPAN_LITERAL("We do not know this account yet");
    case BLOCKED_APP_UNKNOWN: return SPAN_LITERAL("We do not know this app yet");
    }
    return SPAN_NONE;
}

/* Says nothing that changes by time alone, so that a screen reader hears each news once. */
static struct span phase_words(const struct blocked *b, bool *good)
{
    *good = b->state == BLOCKED_GO_ON;
    switch (b->phase) {
    case PHASE_CHECKING: return SPAN_LITERAL("Checking your device now. This takes up to 20 seconds.");
    case PHASE_WAITING: return SPAN_LITERAL("Waiting for your device. Keep it awake and online.");
    case PHASE_LONG: return SPAN_LITERAL("Your device has not answered yet. We keep looking. You can also use another device, or talk to a person.");
    case PHASE_LOOKED_AGAIN:
    case PHASE_NONE: break;
    }
    if (b->state == BLOCKED_GO_ON && b->checking_s > 0)
        return html_is_link(b->link.back) ? SPAN_LITERAL("It is fixed. We take you back now.") : SPAN_LITERAL("It is fixed. Thank you.");
    if (b->phase == PHASE_NONE || b->item_count == 0)
        return SPAN_NONE;
    const struct standing *s = b->items[0];
    return arena_format(b->page.arena, "We looked again at %.*s. It is not fixed yet: %.*s", SPAN_ARGS(page_time_text(&b->page, s->result->evaluated_s)),
                        SPAN_ARGS(span_empty(s->result->saw) ? s->check->what : s->result->saw));
}

struct span blocked_status(const struct blocked *b, bool *good)
{
    struct span said = page_said(b->page.r, good);
    return span_empty(said) ? phase_words(b, good) : said;
}

void blocked_write_go_on(const struct blocked *b)
{
    const struct page *p = &b->page;
    struct span app = words_app(b->answer.decision.app);
    if (!lets_in(b))
        return;
    if (html_is_link(b->link.back))
        HTML(p->out, "<p><a class=\"button\" href=\"{}\">Continue to {}</a></p>\n", b->link.back, app);
    else
        HTML(p->out, "<p>You can go on: open {} again.</p>\n", app);
}

/* ---- states without an item ---- */

static void write_unchecked(const struct blocked *b)
{
    const struct page *p = &b->page;
    if (b->answer.decision.rule == RULE_DUPLICATE) {
        html_raw(p->out, "<p>Two devices say they are the same one, so we cannot tell them apart. A person has to sort this out. It is not your fault.</p>\n");
        return;
    }
    html_raw(p->out, "<p>");
    if (b->device != NULL) {
        html_raw(p->out, "We have had no fresh answer from ");
        item_write_device(p, b->device);
        html_raw(p->out, ". It last spoke ");
        page_ago(p, b->device->seen_s);
        html_raw(p->out, ".");
    }
    html_raw(p->out, "</p>\n<ol class=\"steps\">\n<li>Wake the device and sign in to it.</li>\n<li>Connect it to the internet.</li>\n<li>Wait for a minute, then check again.</li>\n"
                     "<li>Still nothing? Restart the device. Its agent, osquery, starts by itself.</li>\n</ol>\n");
    if (!lets_in(b))
        HTML(p->out, "<p>{} opens again when we have an answer and all is well.</p>\n", words_app(b->answer.decision.app));
    blocked_write_go_on(b);
}

static void write_outage(const struct blocked *b)
{
    const struct page *p = &b->page;
    if (lets_in(b)) {
        html_raw(p->out, "<p>You are let in. There is nothing for you to do.</p>\n");
        blocked_write_go_on(b);
        return;
    }
    HTML(p->out, "<p>So {} cannot open now. It is not your device, and there is nothing for you to fix. Please try again in a few minutes.</p>\n", words_app(b->answer.decision.app));
}

static void write_devices(const struct page *p)
{
    html_raw(p->out, "<h2>Your devices that we know</h2>\n<ul>\n");
    for (size_t i = 0; i < p->device_count; i++) {
        html_raw(p->out, "<li>");
        item_write_device(p, p->devices[i]);
        html_raw(p->out, "</li>\n");
    }
    html_raw(p->out, "</ul>\n");
}

/* What it was shown by can be on another device too: a cookie, or a credential that is copied. */
static void write_weakly_shown(const struct blocked *b)
{
    const struct page *p = &b->page;
    const struct decision *d = &b->answer.decision;
    struct span app = words_app(d->app), device = words_device(b->device), me = page_me_link(p, b->link.expires_s);
    HTML(p->out, "<p>We saw a sign that this is <bdi>{}</bdi>. But that sign could be on another device too, and {} {}.</p>\n", device, app,
         lets_in(b) ? SPAN_LITERAL("soon wants one that cannot") : SPAN_LITERAL("wants one that cannot"));
    blocked_write_go_on(b);
    html_raw(p->out, "<h2>What to do</h2>\n<ol class=\"steps\">\n");
    if (d->proof == PROOF_COOKIE && p->policy->proof[d->app->sensitivity] <= PROOF_WEBAUTHN && !span_empty(me))
        HTML(p->out, "<li><a href=\"{}/key?device={}\">Set up to show <bdi>{}</bdi> by fingerprint or PIN</a>. That takes about 1 minute.</li>\n", me, b->device->id, device);
    else
        html_raw(p->out, "<li>Talk to a person. They can give this device a sign that stays on it: "), page_contact(p), html_raw(p->out, "</li>\n");
    HTML(p->out, "<li>Open {} again.</li>\n</ol>\n", app);
}

static void write_device_unknown(const struct blocked *b)
{
    const struct page *p = &b->page;
    struct span app = words_app(b->answer.decision.app), me = page_me_link(p, b->link.expires_s);
    if (lets_in(b))
        HTML(p->out, "<p>{} opens for now. To keep it open, set this device up once.</p>\n", app);
    else
        HTML(p->out, "<p>To open {}, use a device that is set up for you, or set this one up once.</p>\n", app);
    blocked_write_go_on(b);
    if (p->device_count > 0)
        write_devices(p);
    html_raw(p->out, "<h2>Set this device up</h2>\n<ol class=\"steps\">\n<li>Ask for the set-up link: ");
    page_contact(p);
    html_raw(p->out, "</li>\n<li>Open it on this device and follow the steps. That takes about 5 minutes.</li>\n");
    if (!span_empty(me))
        HTML(p->out, "<li>If the device is set up already, <a href=\"{}#add\">add it to your devices</a>.</li>\n", me);
    HTML(p->out, "<li>Open {} again.</li>\n</ol>\n", app);
}

void blocked_write_state(const struct blocked *b)
{
    const struct page *p = &b->page;
    switch (b->state) {
    case BLOCKED_UNCHECKED: write_unchecked(b); return;
    case BLOCKED_OUTAGE: write_outage(b); return;
    case BLOCKED_DEVICE_UNKNOWN: is_weakly_shown(b) ? write_weakly_shown(b) : write_device_unknown(b); return;
    case BLOCKED_PERSON_UNKNOWN: html_raw(p->out, "<p>You are signed in, but this account is not in our list. A person has to add it. That takes a minute.</p>\n"); return;
    case BLOCKED_APP_UNKNOWN: html_raw(p->out, "<p>The app that you opened is not set up here yet. A person has to add it. It is not your device.</p>\n"); return;
    case BLOCKED_GO_ON:
    case BLOCKED_DENIED:
    case BLOCKED_WARNED: break;
    }
    if (b->answer.decision.pass != NULL) {
        html_raw(p->out, "<p>You continue once. It stays open on this device until ");
        page_time(p, b->answer.decision.pass->time.to_s);
        html_raw(p->out, ". Please fix it before then.</p>\n");
    }
    if (lets_in(b))
        blocked_write_go_on(b);
    else /* refused by a rule that has no page of its own */
        HTML(p->out, "<p>{}</p>\n", b->answer.decision.reason_user);
}

/* ---- other ways in ---- */

unsigned blocked_closed(const struct blocked *b)
{
    const struct policy *policy = b->page.policy;
    const struct decision *d = &b->answer.decision;
    unsigned closed = 0;
    for (unsigned s = 0; policy != NULL && s < policy->sensitivity_count; s++) {
        bool outage = d->rule == RULE_OUTAGE && policy->outage[s].then == OUTAGE_DENY && b->page.in.store_age_s > policy->outage[s].last_known_good_s;
        bool unknown = (b->state == BLOCKED_DEVICE_UNKNOWN || d->rule == RULE_DUPLICATE) && policy->unidentified[s] == UNIDENTIFIED_DENY;
        closed |= (unsigned)(outage || unknown) << s;
    }
    for (size_t i = 0; d->rule != RULE_OUTAGE && i < b->item_count; i++)
        closed |= b->items[i]->closed;
    return closed;
}

/* Another device of the person on which the app opens now. */
static void write_other_devices(const struct blocked *b)
{
    const struct page *p = &b->page;
    struct standing *standings;
    for (size_t i = 0; i < p->device_count; i++) {
        const struct device *d = p->devices[i];
        unsigned closed = 0;
        size_t count = page_standings(p, d, &standings);
        for (size_t s = 0; s < count; s++)
            closed |= standings[s].closed;
        if (d == b->device || !span_empty(d->duplicate_of) || (closed >> b->answer.decision.app->sensitivity & 1) != 0)
            continue;
        HTML(p->out, "<p>{} opens on another device of yours: ", words_app(b->answer.decision.app));
        item_write_device(p, d);
        html_raw(p->out, ".</p>\n");
    }
}

void blocked_write_ways(const struct blocked *b)
{
    const struct page *p = &b->page;
    if (lets_in(b) || p->policy == NULL || p->person == NULL || b->answer.decision.app == NULL)
        return;
    html_raw(p->out, "<section>\n<h2>Other ways to work now</h2>\n");
    if (b->device != NULL && b->state == BLOCKED_DENIED)
        valve_write_once(p, b->device, b->answer.decision.standings, b->answer.decision.standing_count, b->answer.decision.app);
    if (b->link.door == DEVICE_NAMED && b->device != NULL)
        write_other_devices(b);
    html_raw(p->out, "<p>These apps still work here:</p>\n<ul class=\"apps\">\n");
    if (page_apps(p, blocked_closed(b), true) == 0)
        html_raw(p->out, "<li>None right now. Please talk to a person.</li>\n");
    html_raw(p->out, "</ul>\n</section>\n");
}

void blocked_write_way_out(const struct blocked *b)
{
    const struct page *p = &b->page;
    if (span_empty(b->way_out))
        return;
    HTML(p->out, "<section>\n<h2>Not now?</h2>\n<p>You can stop here. {} is told that this device is not ready, and you can try again at any time.</p>\n", b->way_out);
    HTML(p->out, "<form method=\"post\" action=\"{}/stop\"><button class=\"second\">Go back to {}</button></form>\n</section>\n", p->r->params[0], b->way_out);
}
