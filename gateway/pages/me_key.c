#include "gateway/pages/me_key.h"

#include "gateway/doors/device_here.h"
#include "gateway/doors/device_proof.h"
#include "gateway/doors/webauthn_challenge.h"
#include "gateway/doors/webauthn_credentials.h"
#include "gateway/pages/assets.h"
#include "gateway/pages/words.h"

/* What the page is about; texts are copies in the request's arena. */
struct key_page { struct span device, person, proved /* as it came along */, challenge; enum proof proof; struct webauthn_site site; bool offered; };

static struct span query(const struct http_request *r, const char *name)
{
    struct span value;
    struct err err;
    return request_query(r, name, &value, &err) == OK ? value : SPAN_NONE;
}

enum proof me_key_proof(struct http_request *r, struct span proved, struct span device, struct span person)
{
    struct device_proof now = { 0 };
    device_proof_read(r, &now);
    if (now.proof > PROOF_NONE && span_equal(now.device, device))
        return now.proof;
    return device_here_open(r, proved, device, person);
}

struct span me_key_about(struct http_request *r, struct span device, struct span person)
{
    return arena_format(r->arena, "%.*s %.*s", SPAN_ARGS(device), SPAN_ARGS(person));
}

static size_t count_of(const struct device *d)
{
    size_t count = 0;
    for (size_t i = 0; i < d->credential_count; i++)
        count += d->credentials[i].kind == CREDENTIAL_WEBAUTHN && span_equal(d->credentials[i].person, d->owner);
    return count;
}

void me_key_write_line(const struct page *p, const struct device *d)
{
    struct webauthn_site site;
    size_t count = count_of(d);
    if (!webauthn_site_from(p->r->node->options.public_url, p->arena, &site))
        return;
    struct span state = count == 0 ? SPAN_LITERAL("Not set up yet.") : count == 1 ? SPAN_LITERAL("It is set up.") : arena_format(p->arena, "It is set up %zu times.", count);
    HTML(p->out, "<p><a href=\"{}/key?device={}\">Show this device by fingerprint or PIN<span class=\"hidden\">: {}</span></a> <span class=\"small\">{}</span></p>\n", p->r->params[0], d->id, words_device(d), state);
}

/* ---- the page ---- */

static void write_what(const struct page *p, struct span name)
{
    HTML(p->out, "<h1>Show <bdi>{}</bdi> by fingerprint or PIN</h1>\n", name);
    HTML(p->out, "<p class=\"lead\">Some apps open on known devices only. With this, <bdi>{}</bdi> can show that it is the one. You touch the sensor, look at the camera, or type the PIN "
                 "that opens it.</p>\n<ul>\n", name);
    html_raw(p->out, "<li>Your fingerprint, face and PIN never leave this device. We only get its answer, and nobody can use that twice.</li>\n"
                     "<li>It works in the browsers of this device. Your password manager may copy it to your other devices. Then it counts for less, and some apps may ask for more.</li>\n"
                     "<li>You can take it away here at any time. Apps then ask for another way to know this device.</li>\n</ul>\n");
}

static void write_set_up(const struct page *p, const struct key_page *k, const struct device *d)
{
    struct span token = p->r->params[0], email = p->person->email_count > 0 ? p->person->emails[0] : p->person->name;
    CLEANUP(buf_done) struct buf exclude;
    buf_init(&exclude, WEBAUTHN_CREDENTIALS_MOST * 2 * WEBAUTHN_ID_MOST);
    for (size_t i = 0; i < d->credential_count; i++)
        if (d->credentials[i].kind == CREDENTIAL_WEBAUTHN)
            buf_format(&exclude, "%.*s ", SPAN_ARGS(d->credentials[i].id));
    html_raw(p->out, "<noscript><p>Setting it up needs JavaScript, which is off here. Please turn it on for this page, or talk to a person.</p></noscript>\n");
    HTML(p->out, "<form id=\"webauthn\" method=\"post\" action=\"../{}/key-add\" hidden data-ask=\"create\" data-challenge=\"{}\" data-rp=\"{}\" data-rp-name=\"Device check\" data-user=\"{}\"\n"
                 " data-user-name=\"{} on {}\" data-exclude=\"{}\" data-timeout=\"{}\"\n",
         token, k->challenge, k->site.rp_id, d->id, email, words_device(d), span_trim(buf_span(&exclude)), arena_format(p->arena, "%d", WEBAUTHN_CHALLENGE_S * 1000));
    html_raw(p->out, " data-failed=\"That did not work, or it was stopped. Nothing has changed. You can try again.\" data-known=\"This browser has set it up already. You are done.\"\n"
                     " data-unable=\"This device has no fingerprint, face or PIN sign-in that browsers can use. Turn it on in its settings first, or talk to a person.\">\n");
    HTML(p->out, "<input type=\"hidden\" name=\"device\" value=\"{}\"><input type=\"hidden\" name=\"challenge\" value=\"{}\"><input type=\"hidden\" name=\"proved\" value=\"{}\">\n", d->id, k->challenge,
         k->proved);
    html_raw(p->out, "<button>Set it up</button>\n</form>\n");
    HTML(p->out, "<script src=\"{}assets/{}\" defer></script>\n", p->up, asset_name(ASSET_WEBAUTHN_SCRIPT, p->arena));
}

/* Nothing is set up in a browser of which we do not know where it is. */
static void write_how_to_show(const struct page *p, const struct device *d)
{
    HTML(p->out, "<h2>First: is this <bdi>{}</bdi>?</h2>\n", words_device(d));
    if (!span_empty(device_proof_host(p->r->node))) {
        HTML(p->out, "<p>We check that this browser runs on <bdi>{}</bdi>. Your browser may ask which certificate to show: choose the one of your company.</p>\n", words_device(d));
        HTML(p->out, "<p><a class=\"button\" href=\"../{}/key/check?device={}\">Check this device</a></p>\n", p->r->params[0], d->id);
        if (!span_empty(query(p->r, "checked")))
            html_raw(p->out, "<p>It could not be seen just now. Is this another device, or a browser without the certificate? Then open this page there.</p>\n");
    }
    HTML(p->out, "<p>Is this another device? Then open this page on <bdi>{}</bdi>, in a browser that signs in to your apps there. Is it the right one, and still not known? Talk to a person. "
                 "They can send you a link that makes it known.</p>\n", words_device(d));
}

static void write_listed(const struct page *p, const struct device *d, const struct credential *c)
{
    HTML(p->out, "<li class=\"card\">\n<h3>{}, set up ", span_empty(c->label) ? SPAN_LITERAL("A browser") : c->label);
    page_time(p, c->created_s);
    html_raw(p->out, "</h3>\n<p>");
    if (c->used_s > 0) {
        html_raw(p->out, "Last used ");
        page_time(p, c->used_s);
        html_raw(p->out, ". ");
    } else {
        html_raw(p->out, "Not used yet. ");
    }
    html_raw(p->out, c->backup_eligible ? "It may be copied to your other devices, so it counts for less.</p>\n" : "It stays on this device.</p>\n");
    HTML(p->out, "<form method=\"post\" action=\"../{}/key-remove\"><input type=\"hidden\" name=\"device\" value=\"{}\"><input type=\"hidden\" name=\"credential\" value=\"{}\">"
                 "<button class=\"second\">Take it away<span class=\"hidden\">: {}</span></button></form>\n</li>\n", p->r->params[0], d->id, c->id, c->label);
}

static void write_list(const struct page *p, const struct device *d)
{
    if (count_of(d) == 0)
        return;
    html_raw(p->out, "<section>\n<h2>What is set up</h2>\n<ul class=\"cards\">\n");
    for (size_t i = 0; i < d->credential_count; i++)
        if (d->credentials[i].kind == CREDENTIAL_WEBAUTHN && span_equal(d->credentials[i].person, d->owner))
            write_listed(p, d, &d->credentials[i]);
    html_raw(p->out, "</ul>\n<p class=\"small\">Taking it away here makes it worthless. You can also delete it in your device's settings, where passkeys are.</p>\n</section>\n");
}

static void write_page(struct page *p, const struct key_page *k, const struct device *d)
{
    page_begin(p, 200, &(struct page_head){ .title = SPAN_LITERAL("Show a device by fingerprint or PIN"), .state = span_hash(d->id, count_of(d)) });
    write_what(p, words_device(d));
    if (!k->offered)
        html_raw(p->out, "<p>Browsers do not offer it at this address. Talk to a person.</p>\n");
    else if (count_of(d) >= WEBAUTHN_CREDENTIALS_MOST)
        html_raw(p->out, "<p>It is set up often enough. Take one away first.</p>\n");
    else if (k->proof == PROOF_NONE)
        write_how_to_show(p, d);
    else
        write_set_up(p, k, d);
    write_list(p, d);
    HTML(p->out, "<p><a href=\"../{}\">Back to your devices</a></p>\n", p->r->params[0]);
    page_end(p);
}

static void send_to_devices(const struct page *p)
{
    response_redirect(p->res, 303, arena_format(p->arena, "%.*sme/%.*s?said=gone", SPAN_ARGS(p->up), SPAN_ARGS(p->r->params[0])));
}

/* Opens the link and finds the person's device that `named` is; false: answered. */
static bool open_page(struct http_request *r, struct http_response *res, struct span named, struct key_page *k)
{
    struct page p;
    directory_enter(r->node->directory);
    bool open = me_open(r, res, &p);
    const struct device *d = open ? page_device(&p, named) : NULL;
    if (d != NULL) {
        k->device = arena_copy(r->arena, d->id);
        k->person = arena_copy(r->arena, p.person->id);
    } else if (open) {
        send_to_devices(&p);
    }
    directory_leave(r->node->directory);
    return d != NULL;
}

enum route_result me_key_get(struct http_request *r, struct http_response *res)
{
    struct key_page k = { .proved = query(r, "proved") };
    struct page p;
    if (!open_page(r, res, query(r, "device"), &k))
        return ROUTE_DONE;
    k.offered = webauthn_site_from(r->node->options.public_url, r->arena, &k.site);
    k.proof = me_key_proof(r, k.proved, k.device, k.person);
    k.challenge = webauthn_challenge_make(r, WEBAUTHN_REGISTRATION, me_key_about(r, k.device, k.person));
    directory_enter(r->node->directory);
    bool open = me_open(r, res, &p);
    const struct device *d = open ? page_device(&p, k.device) : NULL;
    if (d != NULL)
        write_page(&p, &k, d);
    else if (open)
        send_to_devices(&p);
    directory_leave(r->node->directory);
    return ROUTE_DONE;
}

/* ---- there and back ---- */

enum route_result me_key_check(struct http_request *r, struct http_response *res)
{
    struct key_page k = { 0 };
    struct span host = device_proof_host(r->node);
    if (!open_page(r, res, query(r, "device"), &k))
        return ROUTE_DONE;
    struct span browser = device_here_browser(r, res);
    response_redirect(res, 303, arena_format(r->arena, "%.*s/me/%.*s/key/here?device=%.*s&browser=%.*s", SPAN_ARGS(span_empty(host) ? r->node->options.public_url : host), SPAN_ARGS(r->params[0]),
                                             SPAN_ARGS(k.device), SPAN_ARGS(browser)));
    return ROUTE_DONE;
}

enum route_result me_key_here(struct http_request *r, struct http_response *res)
{
    struct key_page k = { 0 };
    struct device_proof now = { 0 };
    struct span proved = SPAN_NONE;
    if (!open_page(r, res, query(r, "device"), &k))
        return ROUTE_DONE;
    device_proof_read(r, &now);
    if (now.proof > PROOF_NONE && span_equal(now.device, k.device))
        proved = device_here_seal(r, &(struct device_here){ k.device, k.person, query(r, "browser"), now.proof });
    response_redirect(res, 303, arena_format(r->arena, "%.*s/me/%.*s/key?device=%.*s&%s=%.*s", SPAN_ARGS(r->node->options.public_url), SPAN_ARGS(r->params[0]), SPAN_ARGS(k.device),
                                             span_empty(proved) ? "checked" : "proved", SPAN_ARGS(span_empty(proved) ? SPAN_LITERAL("1") : proved)));
    return ROUTE_DONE;
}
