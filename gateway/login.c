#include "gateway/login_parts.h"

#include "gateway/change.h"
#include "gateway/doors/webauthn_login.h"
#include "gateway/http/cookie.h"
#include "gateway/login_warned.h"

#include "posture/base/secret.h"

#include <string.h>

enum { BROWSER_BYTES = 22 /* 132 bits */, DEFAULT_LOGIN_S = 600 };
#define BROWSER_COOKIE "__Host-postern-login"

/* ---- the browser that began it ---- */

static struct span browser_hash(struct arena *a, struct span cookie)
{
    uint8_t hash[SECRET_HASH_BYTES];
    char hex[2 * 16 + 1];
    secret_sha256(cookie, hash);
    secret_hex(hash, 16, hex);
    return arena_copy_text(a, hex);
}

static bool is_same_browser(const struct login_step *s)
{
    struct span cookie = cookie_get(s->r, BROWSER_COOKIE);
    return !span_empty(cookie) && span_equal_ct(browser_hash(s->r->arena, cookie), s->l->browser);
}

/* One cookie for all logins of a browser: two tabs do not take each other's away. */
static struct span take_browser(struct http_request *r, struct login *l)
{
    struct span cookie = cookie_get(r, BROWSER_COOKIE);
    if (cookie.bytes != BROWSER_BYTES) {
        char fresh[BROWSER_BYTES];
        secret_random_text(fresh, sizeof fresh);
        cookie = arena_copy(r->arena, span_make(fresh, sizeof fresh));
    }
    l->browser = browser_hash(r->arena, cookie);
    return cookie;
}

static struct span host_name(struct span authority)
{
    size_t scheme = span_search(authority, SPAN_LITERAL("://"));
    struct span rest = scheme < authority.bytes ? span_slice(authority, scheme + 3, authority.bytes) : authority;
    rest = span_slice(rest, 0, span_find(rest, '/'));
    return !span_empty(rest) && rest.at[0] == '[' ? span_slice(rest, 0, span_find(rest, ']') + 1) : span_slice(rest, 0, span_find(rest, ':'));
}

/* Cookies know hosts, not ports: on another host name the cookie of the beginning cannot be seen. */
static bool is_on_public_host(const struct http_request *r)
{
    struct span forwarded = r->trusted_proxy ? request_header(r, "X-Forwarded-Host") : SPAN_NONE;
    return span_equal_fold(host_name(span_empty(forwarded) ? request_header(r, "Host") : forwarded), host_name(r->node->options.public_url));
}

/* ---- proof of device ---- */

static void take_proof(struct login_step *s)
{
    struct device_proof now = { 0 };
    device_proof_read(s->r, &now);
    if (now.proof > PROOF_NONE && now.proof >= s->l->proof.proof)
        s->l->proof = now;
    device_proof_used(s->r, &now);
    if (s->l->proof.proof < PROOF_NONE)
        s->l->proof.proof = PROOF_NONE;
}

static struct span here(const struct login_step *s)
{
    bool at_device_host = s->r->listener == LISTENER_DEVICE || !is_on_public_host(s->r);
    struct span device_host = device_proof_host(s->r->node);
    return at_device_host && !span_empty(device_host) ? device_host : s->r->node->options.public_url;
}

/* 303: a body that was posted is not posted again (RFC 9700 section 4.12). */
static void send_to(struct login_step *s, struct span host)
{
    struct span url = login_url(s->r, host, s->l);
    if (span_empty(url))
        login_refuse_request(s->r, s->res, 400, "the request is too long to go on with");
    else
        response_redirect(s->res, 303, url);
}

/* The least that the policy wants for the app, PROOF_NONE where it wants nothing. */
static enum proof least_proof(const struct login_step *s)
{
    directory_enter(s->r->node->directory);
    const struct policy *policy = directory_control(s->r->node->directory)->policy;
    struct question q = login_question(s);
    const struct app *app = policy == NULL ? NULL : q.app_by_kind ? policy_app_by(policy, q.app_kind, q.app) : policy_app(policy, q.app);
    enum proof least = app != NULL && !app->repair ? policy->proof[app->sensitivity] : PROOF_NONE;
    directory_leave(s->r->node->directory);
    return least;
}

/* True: the page asks for it, or the browser was sent to where the page may: credentials belong to the public host. */
static bool ask_for_webauthn(struct login_step *s)
{
    if (login_is_look(s->r) || !webauthn_login_is_worth(s->r, s->l, least_proof(s)))
        return false;
    if (s->r->listener == LISTENER_DEVICE || !is_on_public_host(s->r) || !span_starts(s->r->path, SPAN_LITERAL("/login/")))
        send_to(s, s->r->node->options.public_url);
    else
        login_page_ask(s);
    return true;
}

/* True: the browser was sent to where it proves the device, or is asked to. */
static bool ask_for_proof(struct login_step *s)
{
    struct span host = device_proof_host(s->r->node);
    if (s->l->proof.proof < PROOF_CERTIFICATE && (s->l->tried & 1U << PROOF_CERTIFICATE) == 0 && !span_empty(host) && s->r->listener != LISTENER_DEVICE) {
        s->l->tried |= 1U << PROOF_CERTIFICATE;
        send_to(s, host);
        return true;
    }
    return ask_for_webauthn(s);
}

/* ---- the decision ---- */

struct question login_question(const struct login_step *s)
{
    const struct login *l = s->l;
    bool proved = l->proof.proof > PROOF_NONE;
    struct question q = { .door = s->door.id, .person = l->person, .door_device = proved ? DEVICE_NAMED : DEVICE_UNPROVED, .proof = l->proof.proof,
                          .device_kind = SPAN_LITERAL("id"), .device = l->proof.device, .app = l->app, .app_kind = l->app_kind, .app_by_kind = l->app_by_kind };
    if (span_empty(l->app))
        q.app = s->door.app, q.app_by_kind = false;
    q.person_claimed = l->named == LOGIN_PERSON_UNNAMED || (l->named == LOGIN_PERSON_HINTED && s->door.use == DOOR_USE_LOGIN);
    if (!span_empty(q.person) || !proved)
        return q;
    const struct device *device = directory_device(s->r->node->directory, l->proof.device);
    if (device != NULL && !device->removed)
        q.person = arena_copy(s->r->arena, device->owner);
    return q;
}

enum login_next { NEXT_ANSWER, NEXT_REFUSE, NEXT_PAGE };
struct login_verdict { enum login_next next; enum login_refusal why; };

static struct login_verdict judge(const struct login_step *s, const struct answer *a, const struct login_result *result, bool warned)
{
    const struct decision *d = &a->decision;
    bool outage = d->rule == RULE_OUTAGE, unproved = d->rule == RULE_UNIDENTIFIED || d->rule == RULE_NO_DEVICE || d->rule == RULE_WEAK_PROOF || d->rule == RULE_DUPLICATE;
    if (d->outcome != OUTCOME_DENY && span_empty(result->subject))
        return (struct login_verdict){ s->l->passive || s->door.when_denied == DOOR_DENIED_ANSWER ? NEXT_REFUSE : NEXT_PAGE, LOGIN_REFUSED_UNPROVED };
    if (d->outcome == OUTCOME_ALLOW)
        return (struct login_verdict){ NEXT_ANSWER, 0 };
    if (d->outcome == OUTCOME_WARN)
        return (struct login_verdict){ s->l->seen || s->l->passive || (warned && !s->l->force) ? NEXT_ANSWER : NEXT_PAGE, 0 };
    enum login_refusal why = outage ? LOGIN_REFUSED_OUTAGE : unproved ? LOGIN_REFUSED_UNPROVED : LOGIN_REFUSED_DENIED;
    if (s->door.when_denied == DOOR_DENIED_ANSWER || (s->l->passive && outage))
        return (struct login_verdict){ NEXT_REFUSE, why };
    return s->l->passive ? (struct login_verdict){ NEXT_REFUSE, LOGIN_REFUSED_PASSIVE } : (struct login_verdict){ NEXT_PAGE, why };
}

/* Reloads of a page that waits are no new decisions. */
static bool is_waiting(const struct http_request *r)
{
    struct span since;
    struct err err;
    return request_query(r, "checking", &since, &err) == OK;
}

struct outcome_of { struct answer answer; struct login_result result; struct login_verdict verdict; bool warned; };

static void look(struct login_step *s, bool silent, struct outcome_of *out)
{
    struct question q = login_question(s);
    q.silent = silent;
    decide(s->r, &q, silent ? NULL : s->r->decisions, NULL, NULL, &out->answer);
    login_fill_result(s, &out->answer, &out->result);
    out->warned = login_warned_lately(s->r->node, &q, out->answer.decision.device, s->r->now_s, s->door.warn_every_s);
    out->verdict = judge(s, &out->answer, &out->result, out->warned);
}

/* Decides silently first: what only leads to another address is not recorded. */
static enum login_next decide_and_show(struct login_step *s)
{
    struct outcome_of o = { 0 };
    bool has_page = span_starts(s->r->path, SPAN_LITERAL("/login/")), is_look = login_is_look(s->r);
    directory_enter(s->r->node->directory);
    look(s, true, &o);
    bool recorded = o.verdict.next != NEXT_PAGE ? !is_look : has_page && !is_look && !is_waiting(s->r);
    if (recorded)
        look(s, false, &o);
    if (o.verdict.next == NEXT_PAGE && has_page)
        login_page_write(s, &o.answer);
    else if (o.verdict.next != NEXT_PAGE && is_look)
        login_page_go_on(s, SPAN_LITERAL("It is fixed. We take you back now."));
    directory_leave(s->r->node->directory);
    s->res->decision = o.result.decision;
    if (o.verdict.next == NEXT_PAGE && !has_page)
        send_to(s, here(s));
    else if (o.verdict.next == NEXT_PAGE || is_look)
        return NEXT_PAGE;
    else if (o.verdict.next == NEXT_REFUSE)
        s->kind->refuse(s->r, s->res, s->l, &s->door, &o.result, o.verdict.why);
    else {
        if (s->l->seen && o.result.outcome == OUTCOME_WARN && !o.warned)
            login_warned_remember(s->r, s->l, &o.result);
        counter_add(s->r->node->counters, COUNT_LOGIN_ANSWERED, 1);
        s->kind->answer(s->r, s->res, s->l, &s->door, &o.result);
    }
    return o.verdict.next;
}

/* ---- the two ways in ---- */

/* The door may have gone, or changed its kind, since the login began. */
static bool find_door(struct login_step *s)
{
    directory_enter(s->r->node->directory);
    const struct control *control = directory_control(s->r->node->directory);
    const struct door *door = control->policy != NULL ? policy_door(control->policy, s->l->door) : NULL;
    bool found = door != NULL && door_copy(door, s->r->arena, &s->door);
    directory_leave(s->r->node->directory);
    s->kind = found ? login_door_of(s->r->node, s->door.kind) : NULL;
    return s->kind != NULL;
}

static bool is_loaded(struct http_request *r, struct http_response *res)
{
    struct err err;
    if (directory_counts(r->node->directory).complete)
        return true;
    (void)err_set(&err, ERR_UNAVAILABLE, "this node is still loading what it must know to answer");
    problem_answer(r, res, PROBLEM_PAGE, &err);
    return false;
}

static bool fits(const struct login *l)
{
    return l->person.bytes <= LOGIN_PERSON_BYTES && l->app.bytes <= LOGIN_APP_BYTES && l->request.bytes <= LOGIN_REQUEST_BYTES;
}

void login_begin(struct http_request *r, struct http_response *res, struct login *l)
{
    struct login_step s = { .r = r, .res = res, .l = l };
    char id[SECRET_ID_BYTES + 1];
    if (!is_loaded(r, res))
        return;
    if (!find_door(&s)) {
        login_refuse_request(r, res, 400, "the door of this request is not set up here");
        return;
    }
    if (!fits(l)) {
        login_refuse_request(r, res, 400, "the request is longer than it may be");
        return;
    }
    secret_new_id('l', id);
    l->id = arena_copy_text(r->arena, id);
    l->started_s = r->now_s;
    l->expires_s = r->now_s + (s.door.login_s > 0 ? s.door.login_s : DEFAULT_LOGIN_S);
    l->proof = (struct device_proof){ .proof = PROOF_NONE };
    l->tried = 0;
    l->seen = false;
    struct span cookie = take_browser(r, l);
    counter_add(r->node->counters, COUNT_LOGIN_BEGUN, 1);
    take_proof(&s);
    if (ask_for_proof(&s) || decide_and_show(&s) == NEXT_PAGE)
        cookie_set(r, res, BROWSER_COOKIE, cookie, 0);
}

/* Opens the token of the address. False: answered. */
static bool resume(struct login_step *s, struct login *l)
{
    struct err err = { 0 };
    s->l = l;
    if (!is_loaded(s->r, s->res))
        return false;
    enum err_code code = login_open(s->r->node, s->r->params[0], s->r->now_s, s->r->arena, l, &err);
    if (code == ERR_EXPIRED) {
        counter_add(s->r->node->counters, COUNT_LOGIN_EXPIRED, 1);
        login_page_too_late(s->r, s->res, l);
        return false;
    }
    if (code != OK || !find_door(s)) {
        page_refuse_link(s->r, s->res, ERR_DENIED);
        return false;
    }
    take_proof(s);
    if (is_same_browser(s))
        return true;
    if (!is_on_public_host(s->r)) {
        send_to(s, s->r->node->options.public_url);
        return false;
    }
    log_event(s->r->node->log, LOG_WARN, "login.other_browser", LOG_SPAN("login", l->id), LOG_SPAN("door", l->door), LOG_STR("id", s->r->id), LOG_SPAN("peer", s->r->peer));
    login_page_elsewhere(s->r, s->res);
    return false;
}

static void login_get(struct http_request *r, struct http_response *res)
{
    struct login_step s = { .r = r, .res = res };
    struct login l;
    if (resume(&s, &l) && !ask_for_proof(&s))
        (void)decide_and_show(&s);
}

/* The answer of the browser's authenticator. The page's script goes on from what this says. */
static void login_device(struct http_request *r, struct http_response *res)
{
    struct login_step s = { .r = r, .res = res };
    struct login l;
    if (!page_same_site(r, res) || !resume(&s, &l))
        return;
    (void)webauthn_login_answer(r, res, &l); /* without a proof the login goes on without one */
    directory_enter(r->node->directory);
    login_page_go_on(&s, SPAN_LITERAL("Thank you. You go on now."));
    directory_leave(r->node->directory);
}

/* "Go back": the IdP hears that this login ends here. */
static void login_stop(struct http_request *r, struct http_response *res)
{
    struct login_step s = { .r = r, .res = res };
    struct outcome_of o = { 0 };
    struct login l;
    if (!page_same_site(r, res) || !resume(&s, &l))
        return;
    directory_enter(r->node->directory);
    look(&s, true, &o);
    directory_leave(r->node->directory);
    res->decision = o.result.decision;
    counter_add(r->node->counters, COUNT_LOGIN_STOPPED, 1);
    s.kind->refuse(r, res, &l, &s.door, &o.result, o.verdict.next == NEXT_ANSWER ? LOGIN_REFUSED_DENIED : o.verdict.why);
}

bool login_page_open(struct http_request *r, struct http_response *res, struct blocked *b)
{
    struct login_step s = { .r = r, .res = res };
    struct login *l = arena_alloc(r->arena, sizeof *l);
    struct outcome_of o = { 0 };
    if (l == NULL || !resume(&s, l))
        return false;
    look(&s, true, &o);
    login_page_fill(&s, &o.answer, b);
    return true;
}

static void login_recheck(struct http_request *r, struct http_response *res) { blocked_recheck_with(r, res, login_page_open); }
static void login_wrong(struct http_request *r, struct http_response *res) { blocked_valve_with(r, res, FORM_WRONG, login_page_open); }
static void login_snooze(struct http_request *r, struct http_response *res) { blocked_valve_with(r, res, FORM_SNOOZE, login_page_open); }
static void login_continue(struct http_request *r, struct http_response *res) { blocked_valve_with(r, res, FORM_ONCE, login_page_open); }
static void login_exempt(struct http_request *r, struct http_response *res) { blocked_valve_with(r, res, FORM_EXEMPT, login_page_open); }
static void login_ask(struct http_request *r, struct http_response *res) { blocked_valve_with(r, res, FORM_ASK, login_page_open); }
static void login_not_mine(struct http_request *r, struct http_response *res) { blocked_valve_with(r, res, FORM_NOT_MINE, login_page_open); }

enum { HERE = LISTENER_PUBLIC | LISTENER_DEVICE };
static const struct route rows[] = {
    { HTTP_GET, "/login/{token}", HERE, 0, 0, PROBLEM_PAGE, 0, NULL, login_get, "login" },
    { HTTP_POST, "/login/{token}/device", LISTENER_PUBLIC, 0, WEBAUTHN_FORM_BYTES, PROBLEM_PAGE, 0, NULL, login_device, "login.device" },
    { HTTP_POST, "/login/{token}/recheck", HERE, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, login_recheck, "login.recheck" },
    { HTTP_POST, "/login/{token}/wrong", HERE, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, login_wrong, "login.wrong" },
    { HTTP_POST, "/login/{token}/snooze", HERE, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, login_snooze, "login.snooze" },
    { HTTP_POST, "/login/{token}/once", HERE, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, login_continue, "login.once" },
    { HTTP_POST, "/login/{token}/exempt", HERE, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, login_exempt, "login.exempt" },
    { HTTP_POST, "/login/{token}/ask", HERE, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, login_ask, "login.ask" },
    { HTTP_POST, "/login/{token}/not-mine", HERE, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, login_not_mine, "login.not_mine" },
    { HTTP_POST, "/login/{token}/stop", HERE, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, login_stop, "login.stop" },
};
const struct route_table login_routes = { rows, sizeof rows / sizeof rows[0] };
