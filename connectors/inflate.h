/* inflate: a gzip body (RFC 1952) or bare DEFLATE (RFC 1951) with two bounds: how large the result may be, and how much it may grow. Any thread. */
#ifndef CONNECTORS_INFLATE_H
#define CONNECTORS_INFLATE_H
#include "posture/base/buf.h"

/* Past the first INFLATE_FREE_BYTES a result more than INFLATE_RATIO times its source is a bomb: agents' logs reach some 50. */
enum { INFLATE_FREE_BYTES = 256 * 1024, INFLATE_RATIO = 200 };
/* Appends to `out`, whose own limit counts. One member, nothing after it. ERR_LIMIT: too large or grows too much; ERR_INPUT: not gzip,
 * broken or cut short; ERR_MEMORY. On failure `out` holds nothing of use. */
MUST_CHECK enum err_code inflate_gzip(struct span body, struct buf *out, struct err *err);
/* The same for DEFLATE without any frame, as SAML's HTTP-Redirect binding has it. */
MUST_CHECK enum err_code inflate_raw(struct span body, struct buf *out, struct err *err);
#endif
