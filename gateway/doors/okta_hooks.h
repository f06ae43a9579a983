/* okta_hooks: Okta asks while it makes a token (POST /hooks/okta/token) or a SAML assertion (.../saml), and tells what happened (.../events).
 * A hook names no device, so the person's devices answer (person_verdict). Everything is read from memory on the worker: the answer is there within
 * Okta's 3 s whether or not the store is. Okta goes on unchanged when it gets none, so an app that matters must require the claim (docs/doors/okta-hooks.md).
 * Sources: developer.okta.com, concepts/inline-hooks, reference/token-hook, reference/saml-hook, concepts/event-hooks. */
#ifndef GATEWAY_DOORS_OKTA_HOOKS_H
#define GATEWAY_DOORS_OKTA_HOOKS_H
#include "gateway/decide.h"
#include "posture/base/from_json.h"
#include "posture/base/to_json.h"

enum { OKTA_BODY_BYTES = 256 * 1024, OKTA_EVENTS_BYTES = 1024 * 1024, OKTA_DEPTH = 32, OKTA_ID_BYTES = 200, OKTA_LOGIN_BYTES = 320, OKTA_EVENTS_MOST = 1000,
       OKTA_CHALLENGE_BYTES = 512 };

enum okta_hook_kind { OKTA_TOKEN, OKTA_SAML };
/* One token, or the assertion, that may be changed. */
struct okta_part { bool there; int64_t lifetime_s; /* as it would be; 0: not said */ };
struct okta_hook {
    enum okta_hook_kind kind;
    struct span event;               /* eventId, for deduplication; may be empty */
    struct span login, user;         /* user.profile.login, user.id; both empty with `machine` */
    bool machine;                    /* client_credentials: no person, no device */
    struct span app;                 /* protocol.client.id or protocol.issuer.id; may be empty */
    struct okta_part access, identity, assertion;
};
/* Reads the body of one hook; texts are borrowed from the document. ERR_INPUT says what is wrong with it. Members that are not needed are not looked at. */
MUST_CHECK enum err_code okta_hook_read(const struct from_json_value *root, enum okta_hook_kind kind, struct okta_hook *out, struct err *err);

/* What becomes of it. */
struct okta_verdict { enum outcome outcome; enum rule rule; struct span rung, reason, page, decision; };
/* Whether anything is to be said; else the answer is 204. */
bool okta_hook_says(const struct okta_hook *hook, const struct door_hook *door, const struct okta_verdict *v);
/* The answer: an error (a deny, where the door refuses), commands, and the decision's id for Okta's System Log. */
void okta_hook_answer(const struct okta_hook *hook, const struct door_hook *door, const struct okta_verdict *v, struct to_json *w);

/* One event of a delivery; texts borrowed. */
struct okta_event { struct span uuid, type, person, person_id, hook, result, reason; };
/* The envelope, and events[index] of it. An event without a type is skipped by an empty `type`: Okta adds kinds and members as it likes. */
MUST_CHECK enum err_code okta_events_open(const struct from_json_value *root, struct span *event_id, struct from_json_value *data, struct from_json_value *events, struct err *err);
void okta_event_read(const struct from_json_value *events, size_t index, struct okta_event *out);
bool okta_event_is_login(const struct okta_event *e);
bool okta_event_is_failed_hook(const struct okta_event *e);

#endif
