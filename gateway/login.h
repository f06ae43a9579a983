/* login: one login on its way through postern: a door asked, the device is proved, a decision is made, a page helps or the door answers.
 * It is a sealed, expiring token in /login/{token}: nothing is stored, any node goes on with it, 10,000 half-finished logins cost nothing.
 *
 *   door: checks its request, fills a struct login ──▶ login_begin()
 *     ──▶ proof of device (gateway/doors/device_proof.h): this request's; else one hop to the device host (client certificate), else a WebAuthn page
 *     ──▶ decide(): allow, or a warning that was read lately ──▶ door->answer()
 *                   warn ──▶ page with "Continue"; deny ──▶ page with "Check again", which goes on with this login when fixed
 *     ──▶ gave up, passive ──▶ door->refuse(); too late ──▶ a page that says how to start again: nobody waits for the answer any more
 *
 * A login belongs to the browser that began it (cookie `__Host-postern-login`): a link sent to somebody else starts nothing there.
 * Thread: slow lane throughout (signatures are verified and made here, never on a worker). */
#ifndef GATEWAY_LOGIN_H
#define GATEWAY_LOGIN_H
#include "gateway/decide.h"
#include "gateway/doors/device_proof.h"
#include "posture/door.h"

enum { LOGIN_REQUEST_BYTES = 5 * 1024, LOGIN_PERSON_BYTES = 320, LOGIN_APP_BYTES = 512 };

/* How the door knows the person. */
enum login_person {
    LOGIN_PERSON_UNNAMED,  /* the owner of the proved device, or nobody */
    LOGIN_PERSON_HINTED,   /* anyone could have written it (login_hint, unsigned Subject): never makes an identity by itself. Doors with use `login`
                              let it through only when the proved device is that person's; behind an IdP that compares (factor, okta_posture) it is echoed */
    LOGIN_PERSON_ASSERTED  /* signed by the IdP */
};
struct login {
    struct span id;                 /* l_..., set by login_begin(); the same over all hops */
    struct span door;               /* id in the policy */
    struct span person;             /* as the request names them; empty when unnamed */
    enum login_person named;
    struct span app;                /* id or alias as the request names it; empty: the door's own app */
    enum app_match app_kind; bool app_by_kind;
    struct span request;            /* the door's JSON object, opaque here: all it needs to answer later */
    bool passive;                   /* no page may be shown (IsPassive, prompt=none) */
    bool force;                     /* evaluate afresh: a warn page is shown although it was seen lately (ForceAuthn, prompt=login) */
    int64_t started_s, expires_s;   /* set by login_begin() */
    /* ---- what happened so far; doors read it, login_*.c writes it ---- */
    struct device_proof proof;
    unsigned tried;                 /* proofs that were asked for already, bits 1 << enum proof */
    bool seen;                      /* the warn page was passed */
    struct span browser;            /* hash of the cookie that the browser got at the beginning */
};
/* What the door may say when the login goes on. Texts are in the request's arena. */
struct login_result {
    struct span decision;           /* id */
    enum outcome outcome;
    struct span person;             /* p_..., empty: unknown */
    struct span email, name;        /* of the person's record; email: the primary one */
    const struct span *groups; size_t group_count;
    bool person_proved;             /* asserted, or the owner of the proved device: fit to be named to an RP that has no other source */
    struct span subject;            /* the person as the door should name them: as asked when named, else the primary e-mail, else p_... */
    struct span device;             /* d_..., empty: none proved, or another person's */
    struct span device_name, device_serial, device_model, device_vendor, device_os, device_os_version;
    bool managed;                   /* a known device of this person that reports to us */
    bool compliant;                 /* managed, and the decision for this app is not deny */
    enum proof proof;
    struct span app, app_title;     /* empty: unknown */
    struct span reason;             /* for the person, plain words; empty for an allow */
    struct span page;               /* URL of /blocked/..., empty when there is nothing to fix */
    int64_t at_s;                   /* of the decision */
};
enum login_refusal {
    LOGIN_REFUSED_DENIED,           /* the decision is deny, and the person gave up or the door wants the answer at once */
    LOGIN_REFUSED_UNPROVED,         /* no device, or nobody, was proved where that is needed */
    LOGIN_REFUSED_PASSIVE,          /* a page would be needed and none may be shown */
    LOGIN_REFUSED_OUTAGE            /* our check is not working, and the app's outage rule is deny */
};
/* What each kind of door brings. Both fill `res` with what carries the answer back (a redirect, a form that posts itself). Called outside
 * directory_enter(); `door` is a copy in the request's arena. */
struct login_door {
    enum door_kind kind;
    void (*answer)(struct http_request *r, struct http_response *res, const struct login *l, const struct door *door, const struct login_result *result);
    void (*refuse)(struct http_request *r, struct http_response *res, const struct login *l, const struct door *door, const struct login_result *result, enum login_refusal why);
};
extern const struct login_door saml_login_door, oidc_login_door;
/* By kind, listed in login_doors.c; NULL for a kind without logins. */
const struct login_door *login_door_of(const struct node *node, enum door_kind kind);

/* The door's request was good. Copies nothing: texts live in the request's arena. Call outside directory_enter(). A request that does not fit
 * (LOGIN_REQUEST_BYTES and the like) is refused with a page. */
void login_begin(struct http_request *r, struct http_response *res, struct login *l);
/* The request is at fault and nobody can be answered (unknown client, address not registered, nonsense): a page in plain words with the request's id.
 * `status` 400 to 499; `why` is for the log and the small print, never a vendor's stack. */
void login_refuse_request(struct http_request *r, struct http_response *res, int status, const char *why);
/* A page that posts `fields` to `action` by itself (HTML form, a button without JavaScript): SAML's HTTP-POST binding, OAuth's form_post.
 * Every value is escaped; no-store; no script but ours. `action` must be one the door has registered. */
struct login_field { const char *name; struct span value; };
void login_post_form(struct http_request *r, struct http_response *res, struct span action, const struct login_field *fields, size_t count);
/* Marks `value` as used once over all nodes, for `ttl_s`: request ids, codes, jti. OK the first time; ERR_CONFLICT afterwards. With the store away a
 * bounded table of this node remembers instead (logged as login.once_in_memory). Slow lane. */
MUST_CHECK enum err_code login_once(struct http_request *r, const char *kind, struct span value, int64_t ttl_s, struct err *err);
/* Whether login_once() remembers it now, here or in the store; changes nothing. With the store away only what this node remembers counts. Slow lane. */
bool login_used(struct http_request *r, const char *kind, struct span value);

#endif
