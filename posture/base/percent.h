/* percent: percent-decoding (RFC 3986 section 2.1). Any thread. */
#ifndef POSTURE_BASE_PERCENT_H
#define POSTURE_BASE_PERCENT_H
#include "posture/base/buf.h"

/* Value of a hexadecimal digit, or -1. */
int percent_digit(char c);
/* Appends the decoded bytes, whatever they are; with `form` a '+' is a space (application/x-www-form-urlencoded, WHATWG URL section 5.1).
 * False for a broken escape, or when `out` is full; then `out` holds nothing of use. */
bool percent_decode(struct span text, bool form, struct buf *out);

#endif
