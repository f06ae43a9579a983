#include "gateway/pages/page.h"

#include "gateway/pages/assets.h"
#include "gateway/pages/link.h"
#include "gateway/pages/words.h"

#include <string.h>

enum { APPS_LISTED = 12, APPS_NAMED = 4, HOUR_S = 3600 };

/* No inline script or style, nothing from elsewhere, no frame. data: is for the empty icon. Browsers hold form-action against every redirect that follows the
 * form, too (CSP 3 section 6.3.1), so a page that gives a login back to its IdP cannot have it. */
#define CONTENT_POLICY "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
static const char content_policy[] = CONTENT_POLICY "; form-action 'self'", leading_away[] = CONTENT_POLICY;

struct span page_levels_up(struct span path)
{
    enum { MOST = 8 };
    static const char steps[] = "../../../../../../../../";
    size_t depth = 0;
    for (size_t i = 1; i < path.bytes; i++)
        depth += path.at[i] == '/';
    return depth == 0 ? SPAN_LITERAL("./") : span_make(steps, 3 * (depth < MOST ? depth : MOST));
}

void page_init(struct page *p, struct http_request *r, struct http_response *res, const struct person *person)
{
    const struct directory *d = r->node->directory;
    *p = (struct page){ .r = r, .res = res, .out = &res->body, .arena = r->arena, .person = person, .now_s = r->now_s };
    p->control = directory_control(d);
    p->policy = p->control->policy;
    p->up = page_levels_up(r->path);
    directory_decision_input(d, person, r->now_s, p->devices, PAGE_DEVICES, &p->in);
    if (p->policy != NULL)
        p->zone = calendar_zone(p->policy, person);
    size_t owned = person != NULL ? directory_devices_of(d, person->id, p->devices, PAGE_DEVICES) : 0;
    for (size_t i = 0; i < owned && i < PAGE_DEVICES; i++)
        if (!p->devices[i]->removed)
            p->devices[p->device_count++] = p->devices[i];
}

const struct device *page_device(const struct page *p, struct span id)
{
    for (size_t i = 0; i < p->device_count; i++)
        if (span_equal(p->devices[i]->id, id))
            return p->devices[i];
    return NULL;
}

size_t page_standings(const struct page *p, const struct device *d, struct standing **standings)
{
    const struct ladder_input in = decision_ladder_input(&p->in, d, p->person);
    *standings = NULL;
    size_t count = p->policy != NULL ? ladder_standings(&in, p->arena, standings) : 0;
    return ladder_shown(*standings, count);
}

bool page_is_seen(const struct http_request *r)
{
    return r->method == HTTP_GET && span_empty(request_header(r, "Sec-Purpose")) && span_empty(request_header(r, "Purpose"));
}

void page_keep_watching(const struct page *p, const struct device *d)
{
    struct device_live *live = d != NULL ? directory_live(p->r->node->directory, d->id) : NULL;
    if (live != NULL)
        live->accelerate_until_s = p->now_s + PAGE_WATCH_S;
}

/* ---- the frame ---- */

static struct span team(const struct page *p)
{
    return p->policy != NULL && !span_empty(p->policy->help.team) ? p->policy->help.team : SPAN_LITERAL("Your IT team");
}

static struct span number(const struct page *p, long long n) { return arena_format(p->arena, "%lld", n); }

/* Inside noscript, so that a page that looks again by itself is not torn away while somebody reads it. */
static void write_reload(const struct page *p, const struct page_head *head)
{
    if (!span_empty(head->go_on))
        HTML(p->out, "<noscript><meta http-equiv=\"refresh\" content=\"3;url={}\"></noscript>\n", head->go_on);
    else if (head->reload_s > 0)
        HTML(p->out, "<noscript><meta http-equiv=\"refresh\" content=\"{}\"></noscript>\n", number(p, head->reload_s));
}

static void write_head(const struct page *p, const struct page_head *head)
{
    html_raw(p->out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                     "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n");
    HTML(p->out, "<title>{} - {}</title>\n", head->title, team(p));
    HTML(p->out, "<link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"{}assets/{}\">\n", p->up, asset_name(ASSET_STYLE, p->arena));
    HTML(p->out, "<script src=\"{}assets/{}\" defer></script>\n", p->up, asset_name(ASSET_SCRIPT, p->arena));
    write_reload(p, head);
    html_raw(p->out, "</head>\n");
}

void page_begin(struct page *p, int status, const struct page_head *head)
{
    response_text(p->res, status, "text/html; charset=utf-8", SPAN_NONE);
    response_header(p->res, "Content-Security-Policy", span_of(head->leads_away ? leading_away : content_policy));
    write_head(p, head);
    html_raw(p->out, "<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n");
    HTML(p->out, "<header class=\"top\"><p>Device check<span> by {}</span></p></header>\n", team(p));
    HTML(p->out, "<div id=\"status\" role=\"status\" class=\"{}\">{}</div>\n", head->good ? SPAN_LITERAL("good") : SPAN_LITERAL("news"), head->status);
    HTML(p->out, "<main id=\"main\" tabindex=\"-1\" data-poll=\"{}\" data-state=\"{}\"", number(p, head->poll_s), arena_format(p->arena, "%016llx", (unsigned long long)head->state));
    if (!span_empty(head->go_on))
        HTML(p->out, " data-go=\"{}\"", head->go_on);
    html_raw(p->out, ">\n");
    if (p->control->frozen)
        html_raw(p->out, "<p class=\"deadline\">Our checks are not working as they should right now. Until they do, nothing new will close, and no deadline comes nearer.</p>\n");
}

/* Help stands in the same place on every page (WCAG 2.2, 3.2.6). */
void page_end(struct page *p)
{
    html_raw(p->out, "</main>\n<footer id=\"help\">\n<h2>Talk to a person</h2>\n<p>");
    page_contact(p);
    html_raw(p->out, "</p>\n</footer>\n</body>\n</html>\n");
}

void page_contact(const struct page *p)
{
    struct span contact = p->policy != NULL ? p->policy->help.contact : SPAN_NONE, hours = p->policy != NULL ? p->policy->help.hours : SPAN_NONE;
    bool mail = span_find(contact, '@') < contact.bytes && span_find(contact, ' ') == contact.bytes;
    HTML(p->out, "{}", team(p));
    if (html_is_link(contact))
        HTML(p->out, ": <a href=\"{}\">{}</a>", contact, contact);
    else if (mail)
        HTML(p->out, ": <a href=\"mailto:{}\">{}</a>", contact, contact);
    else if (!span_empty(contact))
        HTML(p->out, ": {}", contact);
    if (!span_empty(hours))
        HTML(p->out, ". {}", hours);
    html_raw(p->out, ".");
}

/* ---- times ---- */

struct span page_time_text(const struct page *p, int64_t at_s)
{
    char text[CALENDAR_TEXT_BYTES];
    bool zone_unsure = p->person == NULL || span_empty(p->person->zone);
    return arena_copy_text(p->arena, calendar_text(p->in.calendar, p->zone, at_s, p->now_s, zone_unsure, text));
}

void page_time(const struct page *p, int64_t at_s)
{
    char machine[CLOCK_TEXT_BYTES];
    struct span relative = at_s > p->now_s ? words_in(p->arena, at_s - p->now_s) : words_ago(p->arena, p->now_s - at_s);
    HTML(p->out, "<time datetime=\"{}\">{}, {}</time>", span_of(clock_rfc3339(at_s, machine)), page_time_text(p, at_s), relative);
}

void page_ago(const struct page *p, int64_t at_s)
{
    char machine[CLOCK_TEXT_BYTES];
    if (p->now_s - at_s >= HOUR_S)
        page_time(p, at_s);
    else
        HTML(p->out, "<time datetime=\"{}\">{}</time>", span_of(clock_rfc3339(at_s, machine)), words_ago(p->arena, p->now_s - at_s));
}

/* ---- apps ---- */

static bool app_is_closed(const struct app *app, unsigned closed) { return !app->repair && (closed >> app->sensitivity & 1) != 0; }

size_t page_apps(const struct page *p, unsigned closed, bool open)
{
    size_t count = 0;
    for (size_t i = 0; p->policy != NULL && i < p->policy->app_count; i++) {
        const struct app *app = &p->policy->apps[i];
        if (app_is_closed(app, closed) == open)
            continue;
        if (count++ < APPS_LISTED)
            HTML(p->out, "<li>{}</li>\n", words_app(app));
    }
    if (count > APPS_LISTED)
        HTML(p->out, "<li>and {} more</li>\n", number(p, (long long)(count - APPS_LISTED)));
    return count;
}

static size_t count_closed(const struct page *p, unsigned closed)
{
    size_t count = 0;
    for (size_t i = 0; p->policy != NULL && i < p->policy->app_count; i++)
        count += app_is_closed(&p->policy->apps[i], closed);
    return count;
}

struct span page_app_words(const struct page *p, unsigned closed)
{
    size_t count = count_closed(p, closed), shown = count > APPS_NAMED ? APPS_NAMED - 1 : count, said = 0;
    struct span words = SPAN_NONE;
    for (size_t i = 0; said < shown; i++) {
        if (!app_is_closed(&p->policy->apps[i], closed))
            continue;
        const char *joint = said == 0 ? "" : said + 1 == shown && shown == count ? " and " : ", ";
        words = arena_format(p->arena, "%.*s%s%.*s", SPAN_ARGS(words), joint, SPAN_ARGS(words_app(&p->policy->apps[i])));
        said++;
    }
    return count > shown ? arena_format(p->arena, "%.*s and %zu more apps", SPAN_ARGS(words), count - shown) : words;
}

/* ---- links and forms ---- */

struct span page_me_link(const struct page *p, int64_t expires_s)
{
    struct buf url;
    struct err err;
    struct span link = SPAN_NONE;
    buf_init(&url, LINK_URL_BYTES);
    if (p->person != NULL && link_me(p->r->node, p->person->id, expires_s, &url, &err) == OK && !url.failed) {
        struct span whole = buf_span(&url);
        size_t from = whole.bytes;
        while (from > 0 && whole.at[from - 1] != '/')
            from--;
        link = arena_format(p->arena, "%.*sme/%.*s", SPAN_ARGS(p->up), SPAN_ARGS(span_slice(whole, from, whole.bytes)));
    }
    buf_done(&url);
    return link;
}

void page_refuse_link(struct http_request *r, struct http_response *res, enum err_code code)
{
    struct page p;
    bool old = code == ERR_EXPIRED;
    counter_add(r->node->counters, COUNT_LINK_REFUSED, 1);
    directory_enter(r->node->directory);
    page_init(&p, r, res, NULL);
    struct page_head head = { .title = old ? SPAN_LITERAL("This link is too old") : SPAN_LITERAL("This link does not work") };
    page_begin(&p, old ? 410 : 404, &head);
    HTML(p.out, "<h1>{}</h1>\n", head.title);
    html_raw(p.out, old ? "<p>Links to your devices work for a few days only, so that nobody else can use them later.</p>\n"
                        : "<p>Part of the address may be missing, or it was changed on the way.</p>\n");
    html_raw(p.out, "<p>Sign in to your app again, or open the newest message that we sent you. Both have a new link.</p>\n");
    page_end(&p);
    directory_leave(r->node->directory);
}

static bool origin_is_ours(const struct http_request *r, struct span origin)
{
    struct span host = request_header(r, "Host");
    if (span_empty(origin) || span_equal_text(origin, "null")) /* forms of a page without a referrer say null */
        return true;
    if (span_equal(origin, r->node->options.public_url) || (span_starts(r->node->options.public_url, origin) && r->node->options.public_url.at[origin.bytes] == '/'))
        return true;
    size_t scheme = span_search(origin, SPAN_LITERAL("://"));
    return !span_empty(host) && scheme < origin.bytes && span_equal_fold(span_slice(origin, scheme + 3, origin.bytes), host);
}

bool page_same_site(struct http_request *r, struct http_response *res)
{
    struct span site = request_header(r, "Sec-Fetch-Site");
    bool ours = span_empty(site) ? origin_is_ours(r, request_header(r, "Origin")) : span_equal_text(site, "same-origin") || span_equal_text(site, "none");
    if (!ours)
        problem_status_answer(r, res, PROBLEM_PAGE, 403, "this form was sent from another site");
    return ours;
}

struct span page_field(struct http_request *r, const char *name)
{
    struct span value;
    struct err err;
    return request_form(r, name, &value, &err) == OK ? span_trim(value) : SPAN_NONE;
}

void page_see_other(struct http_request *r, struct http_response *res, const char *name, struct span value)
{
    response_redirect(res, 303, arena_format(r->arena, "../%.*s?%s=%.*s", SPAN_ARGS(r->params[0]), name, SPAN_ARGS(value)));
}

struct span page_said(struct http_request *r, bool *good)
{
    static const struct { const char *code; bool good; const char *words; } rows[] = {
        { "asked", true, "We asked your device. It answers at its next look, most times within 20 seconds." },
        { "recent", false, "We asked your device a lot lately. It answers by itself, so please wait a little." },
        { "away", false, "We could not ask your device right now. It is not your fault. Please try again in a minute." },
        { "told", true, "Thank you. The clock stands still for 2 working days while a person looks at it." },
        { "snoozed", true, "Done. We remind you again tomorrow, and the clock stands still until then." },
        { "once", true, "Done. It opens on this device for now. Please fix it before it closes again." },
        { "spent", false, "You have used this as often as you can for now, so nothing has changed." },
        { "too_late", false, "This is not possible any more, so nothing has changed. Please fix it, or talk to a person." },
        { "open_already", true, "It opens already. There is nothing to do." },
        { "not_here", false, "This is not possible for this one, so nothing has changed. You can talk to a person." },
        { "exempt_asked", true, "Thank you. A person decides about it and tells you. Until then nothing changes." },
        { "exempt_before", true, "That was asked for already. A person decides about it." },
        { "until", false, "That day does not do, so nothing has changed. Please pick one that is neither past nor too far away." },
        { "approved", true, "Approved. We tell them." },
        { "declined", true, "Declined. We tell them why." },
        { "decided", false, "That was decided already, or it is gone. Nothing has changed." },
        { "not_yours", false, "You cannot decide this one, so nothing has changed. Somebody else has to." },
        { "ask_sent", true, "Thank you. A person reads it and answers you." },
        { "words", false, "Please write a few words about why. Nothing has changed." },
        { "later", false, "That did not work right now. It is not your fault. Please try again in a minute." },
        { "told_before", true, "You told us already. A person looks at it." },
        { "gone", true, "That is settled already. There is nothing left to do." },
        { "full", false, "You told us about many things already. Please talk to a person." },
        { "claimed", true, "This device is yours now." },
        { "not_found", false, "We found no free device with this serial number. Check each character, or talk to a person." },
        { "slow_down", false, "That was a bit too often. Please wait an hour, or talk to a person." },
        { "key_added", true, "Done. This device can show itself by fingerprint or PIN now." },
        { "key_synced", true, "Done. It may be copied to your other devices, so it counts for less, and some apps may ask for more." },
        { "key_removed", true, "It is taken away. This device is known by other ways only." },
        { "key_late", false, "That took too long, so nothing has changed. Please try again." },
        { "key_taken", false, "This one shows another device already, so nothing has changed. Talk to a person." },
        { "key_full", false, "It is set up often enough on this device. Take one away first." },
        { "key_failed", false, "That did not work, so nothing has changed. Please try again, or talk to a person." },
        { "unseen", false, "We could not see which device this browser is on. It showed no certificate of your company." },
        { "released", true, "Thank you. This device is no longer in your list." },
    };
    struct span said;
    struct err err;
    if (request_query(r, "said", &said, &err) != OK)
        return SPAN_NONE;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!span_equal_text(said, rows[i].code))
            continue;
        *good = rows[i].good;
        return span_of(rows[i].words);
    }
    return SPAN_NONE;
}
