#include "gateway/pages/device_enroll.h"

#include "gateway/allowance.h"
#include "gateway/doors/device_browsers.h"
#include "gateway/doors/device_cookie.h"
#include "gateway/doors/device_proof.h"
#include "gateway/http/cookie.h"
#include "gateway/login.h"
#include "gateway/pages/link.h"
#include "gateway/pages/me.h"
#include "gateway/pages/words.h"

static const struct allowance_limit refusals_logged = { 20, 60 };
#define ONCE_KIND "device link"

/* ---- making ---- */

enum err_code device_enroll_link(const struct http_request *r, struct span device, struct device_enroll_link *out, struct err *err)
{
    CLEANUP(buf_done) struct buf url;
    char nonce[SECRET_ID_BYTES + 1];
    struct enroll_link link = { .expires_s = r->now_s + LINK_ENROLL_LIFETIME_S };
    enum err_code code = OK;
    buf_init(&url, LINK_URL_BYTES);
    secret_new_id('c', nonce);
    link.credential = arena_copy_text(r->arena, nonce);
    directory_enter(r->node->directory);
    const struct device *d = directory_device(r->node->directory, device);
    if (d == NULL)
        code = err_set(err, ERR_NOT_FOUND, "no such device");
    else if (d->removed || !span_empty(d->duplicate_of))
        code = err_set(err, ERR_CONFLICT, "device %.*s is removed, or its identity is in doubt: its browser could not be told apart", SPAN_ARGS(d->id));
    else
        *out = (struct device_enroll_link){ .device = arena_copy(r->arena, d->id), .name = arena_copy(r->arena, words_device(d)), .person = arena_copy(r->arena, d->owner), .expires_s = link.expires_s };
    directory_leave(r->node->directory);
    link.device = out->device;
    link.person = out->person;
    if (code == OK)
        code = link_enroll(r->node, &link, &url, err);
    if (code == OK)
        out->url = arena_copy(r->arena, buf_span(&url));
    return code;
}

/* ---- opening ---- */

static void log_refused(const struct http_request *r, const char *reason, struct span device)
{
    counter_add(r->node->counters, COUNT_PROOF_REFUSED, 1);
    if (allowance_take(r->node->allowances, 'f', r->peer, refusals_logged, r->now_s))
        log_event(r->node->log, LOG_WARN, "device_proof.refused", LOG_STR("way", "link"), LOG_STR("reason", reason), LOG_SPAN("device", device), LOG_SPAN("peer", r->peer), LOG_STR("id", r->id));
}

/* What is wrong with the device of a link, as a word for logs; NULL: nothing. Between directory_enter() and directory_leave(). */
static const char *device_trouble(const struct device *d, const struct enroll_link *link)
{
    if (d == NULL || d->removed)
        return "removed_device";
    if (!span_empty(d->duplicate_of))
        return "duplicate_device";
    return span_equal(d->owner, link->person) ? NULL : "other_owner";
}

static void refuse(struct http_request *r, struct http_response *res, const char *reason, struct span device)
{
    struct page p;
    log_refused(r, reason, device);
    directory_enter(r->node->directory);
    page_init(&p, r, res, NULL);
    page_begin(&p, 410, &(struct page_head){ .title = SPAN_LITERAL("This link does not work any more") });
    html_raw(p.out, "<h1>This link does not work any more</h1>\n<p>It makes one browser known, once, within 15 minutes. It was used already, it is too old, or the device has changed since.</p>\n"
                    "<p>Ask for a new one, and open it on the device itself.</p>\n");
    page_end(&p);
    directory_leave(r->node->directory);
}

/* Opens the token and looks at its device; false: answered. */
static bool open_link(struct http_request *r, struct http_response *res, struct enroll_link *link)
{
    struct err err;
    enum err_code code = link_open_enroll(r->node, r->params[0], r->now_s, r->arena, link, &err);
    if (code != OK) {
        log_refused(r, code == ERR_EXPIRED ? "expired" : "broken", SPAN_NONE);
        page_refuse_link(r, res, code);
        return false;
    }
    directory_enter(r->node->directory);
    bool loading = !directory_counts(r->node->directory).complete;
    const char *trouble = device_trouble(directory_device(r->node->directory, link->device), link);
    directory_leave(r->node->directory);
    if (trouble == NULL)
        return true;
    if (loading)
        problem_status_answer(r, res, PROBLEM_PAGE, 503, "the directory is loading");
    else
        refuse(r, res, trouble, link->device);
    return false;
}

/* This browser holds the very cookie that the link set. */
static bool is_done(struct http_request *r, const struct enroll_link *link)
{
    struct device_cookie cookie;
    struct err err;
    return device_cookie_read(r, &cookie, &err) == OK && span_equal(cookie.device, link->device) && span_equal(cookie.credential, link->credential);
}

/* ---- pages ---- */

static void write_device(const struct page *p, const struct device *d)
{
    HTML(p->out, "<p class=\"device\"><bdi>{}</bdi>", words_device(d));
    if (!span_empty(d->model))
        HTML(p->out, ", <bdi>{}</bdi>", d->model);
    if (!span_empty(words_serial_end(d)))
        HTML(p->out, ", serial number ends in <span class=\"serial\">{}</span>", words_serial_end(d));
    html_raw(p->out, "</p>\n");
}

static void write_question(struct page *p, const struct device *d, const struct enroll_link *link)
{
    bool named = p->person != NULL && !span_empty(p->person->name);
    page_begin(p, 200, &(struct page_head){ .title = SPAN_LITERAL("Is this browser on your device?") });
    HTML(p->out, "<h1>Is this browser on <bdi>{}</bdi>?</h1>\n", words_device(d));
    write_device(p, d);
    if (named)
        HTML(p->out, "<p class=\"lead\">It is <bdi>{}</bdi>'s device. Press the button only if you are in front of it now.</p>\n", p->person->name);
    else
        html_raw(p->out, "<p class=\"lead\">Press the button only if you are in front of it now.</p>\n");
    html_raw(p->out, "<ul>\n<li>A cookie is put into this browser. By it, apps that open on known devices see which device you are on.</li>\n"
                     "<li>A cookie can be copied to another computer, so it proves least. Some apps may ask for a certificate or a fingerprint as well.</li>\n"
                     "<li>It is gone when you clear your cookies, and in a private window. Your IT team can take it back at any time.</li>\n<li>The link works once, until ");
    page_time(p, link->expires_s);
    html_raw(p->out, ".</li>\n</ul>\n");
    HTML(p->out, "<div class=\"actions\"><form method=\"post\" action=\"{}\"><button>Yes, this is <bdi>{}</bdi></button></form></div>\n", p->r->params[0], words_device(d));
    html_raw(p->out, "<p>Is it another device? Then close this page. Nothing has changed.</p>\n");
    page_end(p);
}

static void write_done(struct page *p, const struct device *d)
{
    page_begin(p, 200, &(struct page_head){ .title = SPAN_LITERAL("This browser is known now"), .status = SPAN_LITERAL("Done. This browser is known now."), .good = true });
    HTML(p->out, "<h1>This browser is known as <bdi>{}</bdi></h1>\n<p>You can close this page. When you sign in to an app, you do not need to do anything.</p>\n", words_device(d));
    page_end(p);
}

void device_enroll_get(struct http_request *r, struct http_response *res)
{
    struct enroll_link link;
    struct page p;
    if (!open_link(r, res, &link))
        return;
    bool done = is_done(r, &link);
    if (!done && login_used(r, ONCE_KIND, link.credential)) {
        refuse(r, res, "used_link", link.device);
        return;
    }
    directory_enter(r->node->directory);
    const struct device *d = directory_device(r->node->directory, link.device);
    page_init(&p, r, res, span_empty(link.person) ? NULL : directory_person(r->node->directory, link.person));
    if (done)
        write_done(&p, d);
    else
        write_question(&p, d, &link);
    directory_leave(r->node->directory);
}

/* ---- the button ---- */

static enum err_code add_browser(struct http_request *r, const struct enroll_link *link, struct span *cookie, struct err *err)
{
    struct device_browser what = { .device = link->device, .person = link->person, .id = link->credential, .label = words_browser(request_header(r, "User-Agent")), .peer = r->peer,
                                   .cause = span_empty(link->person) ? SPAN_LITERAL("device link") : arena_format(r->arena, "person:%.*s", SPAN_ARGS(link->person)), .now_s = r->now_s };
    struct device_cookie value = { link->device, link->credential, r->now_s };
    enum err_code code = device_cookie_value(r->node, &value, r->arena, cookie, err);
    return code == OK ? device_browsers_add(r->node, r->store, &what, err) : code;
}

/* Used before the commit: a lost answer costs the link, never a second browser. */
void device_enroll_post(struct http_request *r, struct http_response *res)
{
    struct enroll_link link;
    struct span cookie = SPAN_NONE;
    struct err err;
    if (!page_same_site(r, res) || !open_link(r, res, &link))
        return;
    enum err_code code = login_once(r, ONCE_KIND, link.credential, LINK_ENROLL_LIFETIME_S, &err);
    if (code == ERR_CONFLICT) {
        refuse(r, res, "used_link", link.device);
        return;
    }
    if (code == OK)
        code = add_browser(r, &link, &cookie, &err);
    if (code == ERR_CONFLICT || code == ERR_NOT_FOUND) {
        refuse(r, res, "changed_device", link.device);
    } else if (code != OK) {
        problem_answer(r, res, PROBLEM_PAGE, &err);
    } else {
        log_event(r->node->log, LOG_INFO, "device_proof.browser_added", LOG_SPAN("device", link.device), LOG_SPAN("person", link.person), LOG_SPAN("peer", r->peer), LOG_STR("id", r->id));
        response_redirect(res, 303, r->params[0]);
        cookie_set(r, res, DEVICE_COOKIE_NAME, cookie, DEVICE_COOKIE_LIFETIME_S);
    }
}

/* ---- from a person's own page ---- */

/* The person's own device that this request proves by more than a cookie; false: answered, or *device is empty. */
static bool open_own(struct http_request *r, struct http_response *res, struct span *device)
{
    struct device_proof proof;
    struct page p;
    device_proof_read(r, &proof);
    directory_enter(r->node->directory);
    bool open = me_open(r, res, &p);
    if (open && proof.proof > PROOF_COOKIE && page_device(&p, proof.device) != NULL)
        *device = proof.device;
    directory_leave(r->node->directory);
    return open;
}

enum route_result device_enroll_remember(struct http_request *r, struct http_response *res)
{
    struct device_enroll_link link;
    struct span device = SPAN_NONE;
    struct err err;
    if (!open_own(r, res, &device))
        return ROUTE_DONE;
    if (!span_empty(device) && device_enroll_link(r, device, &link, &err) == OK)
        response_redirect(res, 303, link.url);
    else
        response_redirect(res, 303, arena_format(r->arena, "%.*s/me/%.*s?said=unseen", SPAN_ARGS(r->node->options.public_url), SPAN_ARGS(r->params[0])));
    return ROUTE_DONE;
}

void device_enroll_write_line(const struct page *p, const struct device *d)
{
    struct span host = device_proof_host(p->r->node);
    size_t count = 0;
    for (size_t i = 0; i < d->credential_count; i++)
        count += d->credentials[i].kind == CREDENTIAL_COOKIE && span_equal(d->credentials[i].person, d->owner);
    if (count > 0)
        HTML(p->out, "<p>Browsers known by a cookie: {}</p>\n", arena_format(p->arena, "%zu", count));
    if (!span_empty(host) && p->device_count > 0)
        HTML(p->out, "<p><a href=\"{}/device/remember/{}\">Remember this browser<span class=\"hidden\">, if it is on {}</span></a></p>\n", host, p->r->params[0], words_device(d));
}
