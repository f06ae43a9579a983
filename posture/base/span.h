/* span: borrowed bytes. No terminator, any content. Every operation has a bound.
 * A span is valid as long as what it points into. Plain value; copy freely. */
#ifndef POSTURE_BASE_SPAN_H
#define POSTURE_BASE_SPAN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    const char *at; /* may be NULL when bytes == 0 */
    size_t bytes;
};

#define SPAN_LITERAL(text) ((struct span){ "" text, sizeof(text) - 1 })
#define SPAN_NONE ((struct span){ 0, 0 })
/* For printf: "%.*s", SPAN_ARGS(s). Cut at INT_MAX. */
#define SPAN_ARGS(span) (int)((span).bytes > 2147483647u ? 2147483647u : (span).bytes), ((span).at ? (span).at : "")

struct span span_of(const char *text); /* NULL gives the empty span */
struct span span_make(const void *at, size_t bytes);
bool span_empty(struct span s);
bool span_equal(struct span a, struct span b);
bool span_equal_text(struct span a, const char *text);
/* ASCII case folded. */
bool span_equal_fold(struct span a, struct span b);
/* Constant time in the content (not in the lengths). For secrets. */
bool span_equal_ct(struct span a, struct span b);
/* memcmp order, shorter first on a common prefix. */
int span_compare(struct span a, struct span b);
bool span_starts(struct span s, struct span prefix);
bool span_ends(struct span s, struct span suffix);
/* Position of the first `byte` or s.bytes. */
size_t span_find(struct span s, char byte);
/* Position of the first occurrence of `needle`, or s.bytes. */
size_t span_search(struct span s, struct span needle);
/* From `start`, at most `bytes`; clamps to what is there. */
struct span span_slice(struct span s, size_t start, size_t bytes);
/* Cuts up to the first `separator` off the front of *rest; false when *rest is used up (rest->at becomes NULL). */
bool span_cut(struct span *rest, char separator, struct span *part);
/* Without ASCII space, tab, CR, LF at both ends. */
struct span span_trim(struct span s);
/* Decimal digits only (one leading '-' for span_to_i64), the whole span, no overflow. False leaves *out alone. */
bool span_to_u64(struct span s, uint64_t *out);
bool span_to_i64(struct span s, int64_t *out);
/* Valid UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool span_is_utf8(struct span s);
/* FNV-1a, for tables whose keys are ours; never for keys that a peer chooses without a seed. */
uint64_t span_hash(struct span s, uint64_t seed);
/* NUL-terminated heap copy, owned by the caller; NULL when memory is short. */
char *span_dup(struct span s);

#endif
