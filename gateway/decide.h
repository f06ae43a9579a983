/* decide: one question of a door -> one answer, with its id, its place in the log and the person's page. What every door calls.
 * On a worker: memory only, no wait. */
#ifndef GATEWAY_DECIDE_H
#define GATEWAY_DECIDE_H
#include "gateway/decision_log.h"
#include "gateway/http/request.h"
#include "gateway/http/response.h"

struct question {
    struct span door;                /* "authzen", "forward_auth", "explain", ... */
    struct span person;              /* as the door names them; empty with device_subject, or when it names nobody */
    bool person_claimed;             /* by the request alone: only a device of theirs makes it true */
    enum door_device door_device;
    enum proof proof;                /* of the device, by a door that proves one; PROOF_NOT_ASKED: the caller names it */
    struct span device_kind;         /* "id", or an identifier's kind: "serial", "uuid", "certificate" */
    struct span device;              /* with DEVICE_NAMED; raw, normalised here */
    bool device_subject;
    struct span app;                 /* id or alias */
    enum app_match app_kind; bool app_by_kind; /* look in one kind of match only (host) */
    struct span action;
    bool silent;                     /* explain, tests of the door: nothing is recorded */
};
struct answer {
    struct decision decision;        /* pointers are valid until directory_leave() */
    struct span id;                  /* x_... */
    struct span page;                /* URL of /blocked/..., empty for an allow with nothing to fix */
    struct span policy_version;
};
/* Between directory_enter() and directory_leave(). Texts live in the request's arena. `ring` NULL: not recorded. */
void decide(const struct http_request *r, const struct question *q, struct decision_ring *ring, decision_step_fn *step, void *context, struct answer *out);
/* A node that is still loading knows only a part, and a part could say the opposite: until the directory is whole every door is answered 503 with
 * Retry-After (another node answers, or the proxy's own rule holds). True: go on; false: answered. */
bool decide_ready(const struct http_request *r, struct http_response *res);
/* The same for a question that names its device: on the slow lane, what it is about is read from the store, whatever is loaded. Before directory_enter(). ERR_UNAVAILABLE: it
 * cannot be answered from that (all of a person's devices are asked for, or somebody by a name that only a whole directory knows). */
MUST_CHECK enum err_code decide_fetch(const struct http_request *r, const struct question *q, struct err *err);
static inline bool decide_is_loading(const struct http_request *r) { return !directory_counts(r->node->directory).complete; }
/* The device a question names, or NULL. */
const struct device *decide_device(const struct node *node, struct arena *arena, struct span kind, struct span value);
/* Members of an answer that all JSON doors share: decision id, rung, failing checks with since and deadline, valid_until, stale, policy_version,
 * reason_admin, reason_user {lang: text}, remediation_url. Written into an open object. */
void decide_write_context(const struct answer *a, struct to_json *w);
#endif
