/* entra: the id_token_hint of a Microsoft Entra external MFA request: who is signing in, said and signed by Entra.
 * It is issued already expired, so `exp` is not judged; `iat` must be recent. RS256 with a key of the issuer's metadata, the issuer of one of the door's
 * tenants, the door's audience.
 * Thread: slow lane (keys may have to be fetched). Source: Microsoft, "external authentication method provider reference". */
#ifndef GATEWAY_DOORS_ENTRA_H
#define GATEWAY_DOORS_ENTRA_H
#include "gateway/http/request.h"
#include "posture/door.h"

struct entra_hint {
    struct span subject;        /* `sub`, pairwise: what our answer must carry */
    struct span tenant, object; /* `tid` and `oid`: who it is, wherever names change */
    struct span person;         /* the first of "tid:oid", oid and upn that the directory knows; else "tid:oid". Never preferred_username: anyone may
                                   choose theirs, so Microsoft calls it fit for display only */
};
/* `hint` is untrusted. Texts live in the request's arena. ERR_INPUT for what is no such token, ERR_DENIED for a wrong signature, tenant, issuer or audience,
 * ERR_EXPIRED for an old one, ERR_UNAVAILABLE when the keys cannot be had now. Call outside directory_enter(). */
MUST_CHECK enum err_code entra_hint_check(struct http_request *r, const struct door *door, struct span hint, struct entra_hint *out, struct err *err);

#endif
