/* callers_parts: what callers.c and caller_options.c share. Private to them. */
#ifndef GATEWAY_CALLERS_PARTS_H
#define GATEWAY_CALLERS_PARTS_H
#include "connectors/identity/bearer.h"
#include "gateway/callers.h"
#include "posture/directory.h"

struct certificate_caller { struct span id, sha256 /* lower case, no colons; or */, subject; unsigned scopes; };
/* What the rows mean; false when one is wrong (caller_options_check() says which). Texts live in `arena` and in the options. */
bool caller_options_read(const struct caller_options *o, struct arena *arena, struct bearer_issuer issuers[BEARER_ISSUERS], struct certificate_caller callers[CALLERS_MOST]);
/* Where the discovery document of an issuer without jwks_uri is. */
struct span issuer_keys_url(const struct issuer_config *c, struct arena *arena);

#endif
