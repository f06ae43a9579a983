/* cbor: the CBOR that authenticators write, read in place. Only CTAP2's canonical form is taken: the shortest lengths, none indefinite, map keys ascending
 * and none twice, no tag, no floating point; so one meaning has one form and nothing can be said twice. Bounded in bytes, items and depth; allocates nothing.
 * Sources: RFC 8949 sections 3 and 4.2.1; CTAP 2.1 section 8 (message encoding; depth there: 4). */
#ifndef CONNECTORS_IDENTITY_CBOR_H
#define CONNECTORS_IDENTITY_CBOR_H
#include "posture/base/err.h"
#include "posture/base/span.h"

enum { CBOR_BYTES_MOST = 64 * 1024, CBOR_DEPTH_MOST = 6, CBOR_ITEMS_MOST = 512 /* in the whole, at all depths */ };
enum cbor_kind { CBOR_INT, CBOR_BYTES, CBOR_TEXT /* UTF-8 */, CBOR_ARRAY, CBOR_MAP, CBOR_BOOL, CBOR_NULL /* and undefined */ };
/* A plain value that borrows the bytes it was read from. */
struct cbor {
    enum cbor_kind kind;
    int64_t number;    /* CBOR_INT; CBOR_BOOL: 0 or 1 */
    struct span bytes; /* CBOR_BYTES, CBOR_TEXT: the content; CBOR_ARRAY, CBOR_MAP: the encoded items */
    size_t count;      /* items of an array, pairs of a map */
};
/* The first value of `in`, checked to its end at every depth; *used_bytes is where it ends. `what` names it in errors.
 * ERR_INPUT, or ERR_LIMIT past a bound (a number beyond int64_t is one). */
MUST_CHECK enum err_code cbor_read(struct span in, const char *what, struct cbor *out, size_t *used_bytes, struct err *err);
/* Member of a map by its key, item of an array; false when it is not there or not of that kind. `from` came from cbor_read() or from these. */
bool cbor_by_text(const struct cbor *from, const char *key, enum cbor_kind kind, struct cbor *out);
bool cbor_by_int(const struct cbor *from, int64_t key, enum cbor_kind kind, struct cbor *out);
bool cbor_item(const struct cbor *from, size_t index, enum cbor_kind kind, struct cbor *out);

#endif
