/* webauthn_credentials: the WebAuthn credentials on a device's list: added, used, taken away. One credential belongs to one device: the SHA-256 of its id is
 * an identifier of that device (kind "webauthn"), claimed like a serial number. Blocks on the store: slow lane. */
#ifndef GATEWAY_DOORS_WEBAUTHN_CREDENTIALS_H
#define GATEWAY_DOORS_WEBAUTHN_CREDENTIALS_H
#include "connectors/identity/webauthn.h"
#include "gateway/node.h"
#include "posture/ports.h"

enum { WEBAUTHN_CREDENTIALS_MOST = 8 /* of one device */ };

/* The identifier's value: 64 hex digits and NUL. `id` is raw. */
void webauthn_credential_identifier(struct span id, char hex[SECRET_HEX_BYTES + 1]);

struct webauthn_addition {
    struct span device, person;              /* the device must be that person's */
    const struct webauthn_credential *credential;
    struct span label, peer;                 /* for people: browser; the address it was made from */
    const char *proved_by;                   /* proof_name(): how this browser had shown that it is on the device */
    int64_t now_s;
};
/* Event device.credential_added. ERR_CONFLICT: another device has it, or the device is not the person's any more; ERR_LIMIT: the device has enough.
 * What a former owner left on the list goes with it. */
MUST_CHECK enum err_code webauthn_credentials_add(const struct node *node, struct store *store, const struct webauthn_addition *what, struct err *err);

/* Event device.credential_removed. `id` as on the list (base64url). ERR_NOT_FOUND: it is not there (any more). */
struct webauthn_removal { struct span device, id, cause; };
MUST_CHECK enum err_code webauthn_credentials_remove(const struct node *node, struct store *store, const struct webauthn_removal *what, struct err *err);

/* Keeps counter, backup state and the day of the use; commits (event device.credential_used) only when one of them changed. ERR_DENIED: the counter kept
 * meanwhile is not below this one; ERR_NOT_FOUND: it was taken away meanwhile; else the store's errors. */
struct webauthn_used { struct span device, id, peer; struct webauthn_use use; int64_t now_s; };
MUST_CHECK enum err_code webauthn_credentials_used(const struct node *node, struct store *store, const struct webauthn_used *what, struct err *err);

#endif
