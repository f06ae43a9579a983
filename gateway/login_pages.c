/* The pages of a login. What may be on them depends on who is sure to look: a name in a request that anybody could write shows nothing of that person. */
#include "gateway/login_parts.h"

#include "gateway/doors/webauthn_login.h"
#include "gateway/pages/words.h"

/* May this browser see what is about the person? Yes when their IdP signed the request, or their own device was proved. */
static const struct person *who_may_see(const struct login_step *s, const struct question *q)
{
    const struct directory *d = s->r->node->directory;
    const struct person *person = span_empty(q->person) ? NULL : directory_person_by(d, q->person);
    const struct device *device = s->l->proof.proof > PROOF_NONE ? directory_device(d, s->l->proof.device) : NULL;
    bool own = person != NULL && device != NULL && span_equal(device->owner, person->id);
    return person != NULL && (own || s->l->named == LOGIN_PERSON_ASSERTED) ? person : NULL;
}

/* "Continue" of a warning: the same login, read. */
static struct span on_from_here(const struct login_step *s)
{
    struct login seen = *s->l;
    bool at_device_host = s->r->listener == LISTENER_DEVICE;
    seen.seen = true;
    return login_url(s->r, at_device_host ? device_proof_host(s->r->node) : s->r->node->options.public_url, &seen);
}

void login_page_fill(const struct login_step *s, const struct answer *a, struct blocked *b)
{
    struct question q = login_question(s);
    const struct person *person = who_may_see(s, &q);
    *b = (struct blocked){ .answer = *a, .way_out = s->door.title };
    if (person == NULL && b->answer.decision.rule == RULE_UNKNOWN_PERSON && s->l->named != LOGIN_PERSON_ASSERTED)
        b->answer.decision.rule = RULE_UNIDENTIFIED; /* whom we know is nobody else's business */
    b->link = (struct blocked_link){
        .decision = a->id,
        .person = person != NULL ? person->id : SPAN_NONE,
        .person_asked = person != NULL ? SPAN_NONE : q.person,
        .device = a->decision.device != NULL ? a->decision.device->id : SPAN_NONE,
        .app = a->decision.app != NULL ? a->decision.app->id : SPAN_NONE,
        .policy = a->policy_version,
        .at_s = s->r->now_s,
        .expires_s = s->r->now_s + LINK_BLOCKED_LIFETIME_S,
        .outcome = a->decision.outcome,
        .door = q.door_device,
        .back = a->decision.outcome == OUTCOME_WARN ? on_from_here(s) : SPAN_NONE,
    };
    blocked_look(s->r, s->res, person, b);
}

void login_page_write(const struct login_step *s, const struct answer *a)
{
    struct blocked b;
    login_page_fill(s, a, &b);
    blocked_show(&b);
}

bool login_is_look(const struct http_request *r) { return request_has_header(r, "X-Postern-Look"); }

/* ---- short pages ---- */

struct short_page { int status; struct span title; const char *words; struct span go_on; bool good; const char *why; /* for those who set the door up; NULL */ };

static void write_short(struct http_request *r, struct http_response *res, const struct short_page *s)
{
    struct page p;
    page_init(&p, r, res, NULL);
    struct page_head head = { .title = s->title, .go_on = s->go_on, .good = s->good, .state = span_hash(s->title, 1), .status = s->good ? s->title : SPAN_NONE };
    page_begin(&p, s->status, &head);
    HTML(p.out, "<h1>{}</h1>\n", s->title);
    html_raw(p.out, s->words);
    if (s->why != NULL)
        HTML(p.out, "<p class=\"small\">For those who set this up: {}.</p>\n", span_of(s->why));
    HTML(p.out, "<p class=\"small\">Number for support: <span class=\"serial\">{}</span></p>\n", span_of(r->id));
    page_end(&p);
}

void login_page_go_on(const struct login_step *s, struct span title)
{
    struct span host = s->r->listener == LISTENER_DEVICE ? device_proof_host(s->r->node) : s->r->node->options.public_url;
    struct short_page page = { 200, title, "<p>You go on by yourself in a moment.</p>\n", login_url(s->r, host, s->l), true, NULL };
    write_short(s->r, s->res, &page);
}

static struct span app_title(const struct http_request *r, const struct login *l)
{
    const struct control *control = directory_control(r->node->directory);
    const struct door *door = control->policy != NULL ? policy_door(control->policy, l->door) : NULL;
    struct span asked = !span_empty(l->app) ? l->app : door != NULL ? door->app : SPAN_NONE;
    const struct app *app = control->policy == NULL ? NULL : l->app_by_kind ? policy_app_by(control->policy, l->app_kind, asked) : policy_app(control->policy, asked);
    return words_app(app);
}

void login_page_ask(const struct login_step *s)
{
    struct login without = *s->l;
    without.tried |= 1U << PROOF_WEBAUTHN;
    directory_enter(s->r->node->directory);
    struct span app = arena_copy(s->r->arena, app_title(s->r, s->l));
    directory_leave(s->r->node->directory);
    webauthn_login_show(s->r, s->res, s->l, app, login_url(s->r, s->r->node->options.public_url, &without));
}

void login_page_too_late(struct http_request *r, struct http_response *res, const struct login *l)
{
    directory_enter(r->node->directory);
    struct span title = arena_format(r->arena, "Please start again: open %.*s once more", SPAN_ARGS(app_title(r, l)));
    struct short_page page = { login_is_look(r) ? 200 : 410, title,
                               "<p>This login waited longer than it may. What you fixed meanwhile stays fixed.</p>\n<p>Close this page and open the app again. It takes a few seconds.</p>\n", SPAN_NONE, false, NULL };
    write_short(r, res, &page);
    directory_leave(r->node->directory);
}

void login_page_elsewhere(struct http_request *r, struct http_response *res)
{
    struct short_page page = { 403, SPAN_LITERAL("This login was begun in another browser"),
                               "<p>Please go on in the browser in which you opened the app, or open the app again here.</p>\n"
                               "<p>Did somebody send you this address? Then close this page. Nothing has happened.</p>\n", SPAN_NONE, false, NULL };
    directory_enter(r->node->directory);
    write_short(r, res, &page);
    directory_leave(r->node->directory);
}

void login_refuse_request(struct http_request *r, struct http_response *res, int status, const char *why)
{
    struct short_page page = { status, SPAN_LITERAL("This login cannot go on"),
                               "<p>The app or the sign-in page sent something that we cannot answer. It is not your device, and there is nothing for you to fix.</p>\n"
                               "<p>Please open the app again. If this page comes back, show it to a person.</p>\n", SPAN_NONE, false, why };
    counter_add(r->node->counters, COUNT_LOGIN_REFUSED, 1);
    log_event(r->node->log, LOG_WARN, "login.request_refused", LOG_SPAN("path", r->path), LOG_STR("why", why), LOG_STR("id", r->id), LOG_SPAN("peer", r->peer));
    directory_enter(r->node->directory);
    write_short(r, res, &page);
    directory_leave(r->node->directory);
}
