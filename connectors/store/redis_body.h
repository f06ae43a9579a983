/* redis_body: how the body of a device or person lies in the store: deflated (RFC 1951) over a dictionary that both sides know, a fifth of its JSON. Behind the letter "z" and the number of the
 * dictionary stands the length of the JSON and a line feed. What begins with "{" is JSON as it is (an older version wrote it, or it is short), and is read as well.
 *
 * Of a device the facts are half, come last, and are not for the directory. Its JSON begins with a member "facts_at", which says where they do, so that a load of the directory inflates
 * no further. It is put in and taken out here. Versions that know nothing of it pass over a member they do not know; what they wrote has none, and is inflated to its end. */
#ifndef CONNECTORS_STORE_REDIS_BODY_H
#define CONNECTORS_STORE_REDIS_BODY_H
#include "posture/ports.h"

/* Owns what zlib needs, made at the first use. Zeroed is empty. One thread. */
struct redis_body { void *deflate, *inflate; struct buf out; };
void redis_body_done(struct redis_body *b);
/* The form to be stored: borrowed from `b` until the next call, or `body` itself (control records, short ones). */
MUST_CHECK enum err_code redis_body_pack(struct redis_body *b, enum record_kind kind, struct span body, struct span *out, struct err *err);
/* The JSON: borrowed from `b` until the next call, or `stored` itself. ERR_INTERNAL for what is neither. Foreign bytes: at most DEVICE_BODY_BYTES come out. The second leaves the facts out where
 * they stand last; of what it does not inflate it sees no mistake. */
MUST_CHECK enum err_code redis_body_unpack(struct redis_body *b, struct span stored, struct span *out, struct err *err);
MUST_CHECK enum err_code redis_body_unpack_standing(struct redis_body *b, struct span stored, struct span *out, struct err *err);
#endif
