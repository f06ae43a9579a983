/* nanomdm: micromdm/nanomdm (docs/operations-guide.md) as one of struct mdm_ops. It keeps no inventory: what is known of a device is what it answered, as the
 * signed webhook brings it. Reading a webhook's body is apart from its proof, for tests and fuzzing. */
#ifndef CONNECTORS_MDM_NANOMDM_H
#define CONNECTORS_MDM_NANOMDM_H
#include "connectors/mdm/mdm_http.h"

/* `strict`: PayloadIdentifier of the profile that the fallback installs; the device's group is that, or "none". A body about a user channel has no news. */
MUST_CHECK enum err_code nanomdm_read_hook(struct span body, struct span strict, struct arena *arena, struct mdm_news *out, struct err *err);

#endif
