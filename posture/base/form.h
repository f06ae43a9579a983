/* form: parameters as a browser sends them in a query or a form body: application/x-www-form-urlencoded (WHATWG URL, section 5.1).
 * Texts are untrusted. Any thread. */
#ifndef POSTURE_BASE_FORM_H
#define POSTURE_BASE_FORM_H
#include "posture/base/arena.h"

/* The value of `name` exactly as it was sent, still encoded: what some signatures cover. Names are compared as sent: ours need no escapes.
 * ERR_NOT_FOUND when absent; ERR_INPUT when given twice. */
MUST_CHECK enum err_code form_raw(struct span all, const char *name, struct span *out, struct err *err);
/* Decodes such a value into `arena`. ERR_INPUT for a broken escape, a NUL, or what is not UTF-8; `name` is for the words. */
MUST_CHECK enum err_code form_decode(struct arena *arena, struct span raw, const char *name, struct span *out, struct err *err);
/* Both at once. */
MUST_CHECK enum err_code form_value(struct arena *arena, struct span all, const char *name, struct span *out, struct err *err);

#endif
