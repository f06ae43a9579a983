/* What doors are given to answer with, and the ways an answer leaves. */
#include "gateway/login_parts.h"

#include "gateway/once_memory.h"
#include "gateway/pages/assets.h"
#include "posture/base/secret.h"

/* ---- the result ---- */

static struct span keep(const struct login_step *s, struct span text) { return arena_copy(s->r->arena, text); }

static void fill_device(const struct login_step *s, const struct device *d, struct login_result *out)
{
    out->device = keep(s, d->id);
    out->device_name = keep(s, d->name);
    out->device_serial = keep(s, d->serial);
    out->device_model = keep(s, d->model);
    out->device_vendor = keep(s, d->vendor);
    out->device_os = keep(s, d->os_name);
    out->device_os_version = keep(s, d->os_version);
}

static void fill_person(const struct login_step *s, const struct person *p, struct login_result *out)
{
    struct span *groups = arena_array(s->r->arena, p->group_count + 1, sizeof *groups);
    out->person = keep(s, p->id);
    out->name = keep(s, p->name);
    out->email = p->email_count > 0 ? keep(s, p->emails[0]) : SPAN_NONE;
    for (size_t i = 0; groups != NULL && i < p->group_count; i++)
        groups[out->group_count++] = keep(s, p->groups[i]);
    out->groups = groups;
}

/* The device that was proved, when it is this person's and tells the truth about itself. */
static const struct device *own_device(const struct login_step *s, const struct person *p)
{
    const struct login *l = s->l;
    const struct device *d = l->proof.proof > PROOF_NONE ? directory_device(s->r->node->directory, l->proof.device) : NULL;
    bool good = d != NULL && p != NULL && !p->removed && !d->removed && span_empty(d->duplicate_of) && span_equal(d->owner, p->id);
    return good ? d : NULL;
}

void login_fill_result(const struct login_step *s, const struct answer *a, struct login_result *out)
{
    const struct login *l = s->l;
    const struct decision *d = &a->decision;
    struct question q = login_question(s);
    const struct person *person = span_empty(q.person) ? NULL : directory_person_by(s->r->node->directory, q.person);
    const struct device *device = own_device(s, person);
    *out = (struct login_result){ .decision = a->id, .outcome = d->outcome, .proof = l->proof.proof, .at_s = s->r->now_s, .page = a->page };
    if (person != NULL && !person->removed)
        fill_person(s, person, out);
    if (device != NULL)
        fill_device(s, device, out);
    if (d->app != NULL)
        out->app = keep(s, d->app->id), out->app_title = keep(s, d->app->title);
    out->reason = d->outcome != OUTCOME_ALLOW ? keep(s, d->reason_user) : SPAN_NONE;
    out->managed = device != NULL;
    out->compliant = out->managed && d->outcome != OUTCOME_DENY;
    out->person_proved = l->named == LOGIN_PERSON_ASSERTED || device != NULL;
    out->subject = !span_empty(l->person) ? l->person : !span_empty(out->email) ? out->email : out->person;
}

/* ---- the form that posts itself ---- */

/* page.js is not needed here: post.js alone submits the form, and without it there is the button. No form-action: browsers hold it against every redirect
 * that follows the form, too (CSP 3 section 6.3.1), and an IdP that got its answer sends the browser on to the app, on a host that we do not know. */
void login_post_form(struct http_request *r, struct http_response *res, struct span action, const struct login_field *fields, size_t count)
{
    struct buf *out = &res->body;
    response_text(res, 200, "text/html; charset=utf-8", SPAN_NONE);
    response_header(res, "Content-Security-Policy", SPAN_LITERAL("default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'"));
    response_header(res, "Referrer-Policy", SPAN_LITERAL("no-referrer"));
    html_raw(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n<title>Going on</title>\n");
    struct span up = page_levels_up(r->path);
    HTML(out, "<link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"{}assets/{}\">\n", up, asset_name(ASSET_STYLE, r->arena));
    HTML(out, "<script src=\"{}assets/{}\" defer></script>\n", up, asset_name(ASSET_POST_SCRIPT, r->arena));
    HTML(out, "</head>\n<body>\n<main id=\"main\">\n<h1>All checked</h1>\n<form id=\"post\" method=\"post\" action=\"{}\">\n", action);
    for (size_t i = 0; i < count; i++) {
        HTML(out, "<input type=\"hidden\" name=\"{}\" value=\"", span_of(fields[i].name));
        html_exact(out, fields[i].value);
        html_raw(out, "\">\n");
    }
    html_raw(out, "<p>You go on by yourself in a moment. If not, press the button.</p>\n<button class=\"first\">Continue</button>\n</form>\n</main>\n</body>\n</html>\n");
}

/* ---- once ---- */

enum err_code login_once(struct http_request *r, const char *kind, struct span value, int64_t ttl_s, struct err *err)
{
    struct once_memory *memory = r->node->once;
    if (memory != NULL && once_memory_has(memory, span_of(kind), value, r->now_s))
        return err_set(err, ERR_CONFLICT, "this %s was used before", kind);
    enum err_code code = r->store != NULL ? r->store->ops->once(r->store, span_of(kind), value, ttl_s, err) : err_set(err, ERR_UNAVAILABLE, "no store here");
    if (code != ERR_UNAVAILABLE && code != ERR_TIMEOUT && code != ERR_IO)
        return code;
    log_event(r->node->log, LOG_WARN, "login.once_in_memory", LOG_STR("kind", kind), LOG_STR("id", r->id), LOG_ERR(err));
    return memory != NULL ? once_memory_use(memory, span_of(kind), value, r->now_s, ttl_s, err) : code;
}

bool login_used(struct http_request *r, const char *kind, struct span value)
{
    struct once_memory *memory = r->node->once;
    bool used = memory != NULL && once_memory_has(memory, span_of(kind), value, r->now_s);
    struct err err;
    if (!used && r->store != NULL && r->store->ops->used(r->store, span_of(kind), value, &used, &err) != OK)
        log_event(r->node->log, LOG_WARN, "login.once_in_memory", LOG_STR("kind", kind), LOG_STR("id", r->id), LOG_ERR(&err));
    return used;
}
