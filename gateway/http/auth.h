/* auth: credentials in a request -> caller. API keys ("Authorization: Bearer pst_<id>_<secret>"): the id finds the key in the directory,
 * the SHA-256 of the secret is compared in constant time. Access tokens ("Authorization: Bearer <JWT>") and client certificates by gateway/callers.h;
 * what Authorization says goes before a certificate. The admin socket's peers are admitted by uid (root, or our own).
 * All from memory: no store, no network (an access token seen for the first time costs 0.1 ms). Call outside directory_enter(). */
#ifndef GATEWAY_HTTP_AUTH_H
#define GATEWAY_HTTP_AUTH_H
#include "gateway/http/request.h"
#include "gateway/http/response.h"
/* OK with r->caller filled; ERR_UNAUTHORIZED (answer 401 with WWW-Authenticate, RFC 6750 section 3) or ERR_DENIED (403 insufficient_scope).
 * With SCOPE_HOOKS alone a key without "Bearer" before it is taken too. */
MUST_CHECK enum err_code auth_caller(struct http_request *r, unsigned scope, struct err *err);
/* The secret that a door's client presents (client_secret_basic, client_secret_post): the whole text of an API key of scope `login` made for that door.
 * A door may have several, so that a secret is rotated without a gap. Untrusted: any bytes, any length. OK; ERR_UNAUTHORIZED (invalid_client); or
 * ERR_UNAVAILABLE while this node is loading. r->caller stays as it is. */
MUST_CHECK enum err_code auth_door_secret(const struct http_request *r, struct span door, struct span secret, struct err *err);
/* API keys that were good a moment ago, by their text: no hash is computed for what is asked thousands of times a second. An entry holds as long as the
 * list of keys is the same version and the key has not ended. Belongs to one thread; zeroed is empty; wipe it at the end, it holds secrets. */
enum { KEYS_KNOWN = 32, KEY_TEXT_BYTES = 128 };
struct known_key { struct caller caller; char *texts; /* of the caller */ char text[KEY_TEXT_BYTES]; size_t text_bytes; int64_t version, expires_s; };
struct key_memory { struct known_key all[KEYS_KNOWN]; };
void key_memory_done(struct key_memory *m);
/* Adds WWW-Authenticate for what auth_caller() answered (RFC 6750 section 3): no error code when nothing was presented. */
void auth_challenge(const struct http_request *r, struct http_response *res, enum err_code code, unsigned scope);
#endif
