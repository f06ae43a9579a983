/* webauthn_challenge: what a browser's authenticator signs: a sealed text that says what it is for and until when. Any node makes one and any node takes the
 * answer; nothing is stored before it. Each is taken once over all nodes. The text is the base64url form that comes back in clientDataJSON.
 * Source: Web Authentication Level 2 section 13.4.3 (at least 16 random bytes: the seal's nonce and tag are 28). */
#ifndef GATEWAY_DOORS_WEBAUTHN_CHALLENGE_H
#define GATEWAY_DOORS_WEBAUTHN_CHALLENGE_H
#include "gateway/http/request.h"

enum { WEBAUTHN_CHALLENGE_S = 300 /* the ceremony's recommended time: Level 2 section 5.4 */ };
enum webauthn_ceremony { WEBAUTHN_LOGIN, WEBAUTHN_REGISTRATION };

/* `about`: the login's id, or the device's and the person's. In the request's arena; empty when it cannot be made. */
struct span webauthn_challenge_make(const struct http_request *r, enum webauthn_ceremony ceremony, struct span about);
/* ERR_DENIED: not ours, or about something else; ERR_EXPIRED. `text` is untrusted. */
MUST_CHECK enum err_code webauthn_challenge_check(const struct http_request *r, enum webauthn_ceremony ceremony, struct span about, struct span text, struct err *err);
/* Uses it up, after the answer was verified: nobody guesses a signature, and what is not signed must not fill the store. Slow lane. ERR_CONFLICT: it was
 * answered before; ERR_UNAVAILABLE. */
MUST_CHECK enum err_code webauthn_challenge_spend(struct http_request *r, struct span text, struct err *err);

#endif
