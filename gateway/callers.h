/* callers: who may use our API besides the holders of API keys: programs with an access token of an issuer that the configuration names, and programs with
 * a client certificate that it names. docs/api.md.
 * Thread: one object for the node; the two checks from any thread, workers included: no store, no network. */
#ifndef GATEWAY_CALLERS_H
#define GATEWAY_CALLERS_H
#include "config/option.h"
#include "gateway/http/request.h"
#include "posture/base/log.h"

enum { CALLERS_MOST = 256 };
struct issuer_config { struct span id, issuer, audience, discovery, jwks_uri, typ, ca_file; struct option_list algorithms, scopes, clients; bool typ_required, allow_private; };
struct caller_config { struct span id, certificate_sha256, subject; struct option_list scopes; };
struct caller_options { struct option_items issuers /* struct issuer_config */, callers; /* struct caller_config */ };
extern const struct option caller_rows[];
extern const size_t caller_row_count;
/* Says every mistake; false when there is one. */
bool caller_options_check(const struct caller_options *o, struct span file, struct mistakes *mistakes);

struct callers;
struct key_fetcher;
/* The issuers' keys are fetched by `fetcher`, which must not have started yet and must stop before callers_free(). The options' texts outlive the object. */
MUST_CHECK enum err_code callers_new(const struct caller_options *o, struct key_fetcher *fetcher, const struct log *log, struct callers **out, struct err *err);
void callers_free(struct callers *c); /* after all threads have ended. NULL is fine */

/* r->caller from an access token (the text behind "Bearer"). ERR_UNAUTHORIZED, or ERR_UNAVAILABLE while the keys of its issuer are not known. */
MUST_CHECK enum err_code callers_token(struct callers *c, struct http_request *r, struct span token, struct err *err);
/* r->caller from the client certificate that the request shows. ERR_NOT_FOUND: it shows none; ERR_UNAUTHORIZED: one that no row names. */
MUST_CHECK enum err_code callers_certificate(struct callers *c, struct http_request *r, struct err *err);

#endif
