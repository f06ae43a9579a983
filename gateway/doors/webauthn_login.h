/* webauthn_login: a login asks the browser's platform authenticator which device it is on. The page is part of GET /login/{token}, its answer is
 * POST /login/{token}/device; gateway/login*.c owns both addresses and calls this. The proof is good for that login alone: it travels in the login's token.
 * The challenge is a sealed text that names the login, lives WEBAUTHN_CHALLENGE_S and is used once over all nodes; nothing is stored before the answer.
 * Thread: slow lane. Call outside directory_enter(). */
#ifndef GATEWAY_DOORS_WEBAUTHN_LOGIN_H
#define GATEWAY_DOORS_WEBAUTHN_LOGIN_H
#include "gateway/http/router.h"
#include "gateway/login.h"

enum { WEBAUTHN_CHALLENGE_S = 300, WEBAUTHN_FORM_BYTES = 64 * 1024 /* max_body_bytes of the route of the answer */ };

/* For GET /login/{token}. `token` is the login's, as in the address; `least` is what the policy wants for the app (PROOF_NONE: nothing).
 * True: the page is written, and the login waits for POST /login/{token}/device. False: there is nothing to gain, go on. That is so when
 *   - the login was asked already (l->tried has the bit 1 << PROOF_WEBAUTHN), may show no page, or is proved by something as strong;
 *   - browsers do not offer WebAuthn for our public URL (an IP address), or the least proof is a certificate;
 *   - the person is named and has no credential; or is not named and `least` is below WebAuthn (then only discoverable credentials could answer). */
bool webauthn_login_offer(struct http_request *r, struct http_response *res, const struct login *l, struct span token, enum proof least);

/* For POST /login/{token}/device, after the token was opened into `l`. Form fields: challenge, id, client_data, authenticator_data, signature, user, attachment,
 * all base64url as the browser gave them; or without=1, "Go on without". What does not hold is logged (webauthn.refused) and proves nothing.
 * True: go on with the login; l->proof holds the better proof if there is one, and the bit 1 << PROOF_WEBAUTHN of l->tried is set.
 * False: answered: the page again, because the challenge was too old or the store is away. */
bool webauthn_login_answer(struct http_request *r, struct http_response *res, struct login *l, struct span token);

#endif
