/* webauthn_login: a login asks the browser's platform authenticator which device it is on. The page is part of GET /login/{token}, its answer is
 * POST /login/{token}/device; gateway/login.c owns both addresses and calls this. The proof is good for that login alone: it travels in the login's token.
 * Thread: slow lane. Call outside directory_enter(). */
#ifndef GATEWAY_DOORS_WEBAUTHN_LOGIN_H
#define GATEWAY_DOORS_WEBAUTHN_LOGIN_H
#include "gateway/http/router.h"
#include "gateway/login.h"

enum { WEBAUTHN_FORM_BYTES = 96 * 1024 /* most of a form that carries an answer */ };

/* Is it worth asking? `least` is what the policy wants for the app (PROOF_NONE: nothing). Not when
 *   - the login was asked already (l->tried has the bit 1 << PROOF_WEBAUTHN), may show no page, or is proved well enough;
 *   - browsers offer no WebAuthn for our public URL (an IP address), or `least` is more than it can prove;
 *   - the IdP has named the person, who has no credential;
 *   - nobody is surely named, `least` is below it, and this browser never made or used a credential here (a cookie remembers that it did). */
bool webauthn_login_is_worth(struct http_request *r, const struct login *l, enum proof least);

/* The page, for GET /login/{token}: `app` is what it is for, in words; `without` is where "Go on without" leads. Credentials are listed only when the IdP has
 * signed who the person is: a name that anybody could write shows nothing of that person, and then the browser offers what it has. */
void webauthn_login_show(struct http_request *r, struct http_response *res, const struct login *l, struct span app, struct span without);

/* The answer, after the token was opened into `l`: fields challenge, id, client_data, authenticator_data, signature, user, attachment, base64url as the browser
 * gave them. True: l->proof holds the proof. False: it is as before, and what does not hold was logged (webauthn.refused). Afterwards the login counts as
 * asked (l->tried), unless the challenge was too old, which happens to honest people: they are asked once more. */
bool webauthn_login_answer(struct http_request *r, struct http_response *res, struct login *l);

/* Remembers in this browser, for 400 days, that it has a credential here. Not a secret, proves nothing. */
void webauthn_login_remember(struct http_request *r, struct http_response *res);

#endif
