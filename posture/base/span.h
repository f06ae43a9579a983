/* span: borrowed bytes. No terminator, any content. Every operation has a bound.
 * A span is valid as long as what it points into. Plain value; copy freely. */
#ifndef POSTURE_BASE_SPAN_H
#define POSTURE_BASE_SPAN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const char *at; /* may be NULL when bytes == 0 */
    size_t bytes;
};

#define SPAN_LITERAL(text) ((struct span){ "" text, sizeof(text) - 1 })
#define SPAN_NONE ((struct span){ 0, 0 })
/* For printf: "%.*s", SPAN_ARGS(s). Cut at INT_MAX. */
#define SPAN_ARGS(span) (int)((span).bytes > 2147483647u ? 2147483647u : (span).bytes), ((span).at ? (span).at : "")

/* Those that decisions call by the dozen stand here, so that the length of a literal is known where it is used. */
static inline struct span span_of(const char *text) { return text == NULL ? SPAN_NONE : (struct span){ text, strlen(text) }; } /* NULL gives the empty span */
static inline struct span span_make(const void *at, size_t bytes) { return (struct span){ (const char *)at, bytes }; }
static inline bool span_empty(struct span s) { return s.bytes == 0; }
/* memcmp may not be given NULL, not even with a length of 0. */
static inline bool span_equal(struct span a, struct span b) { return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.at, b.at, a.bytes) == 0); }
static inline bool span_equal_text(struct span a, const char *text) { return span_equal(a, span_of(text)); }
/* ASCII case folded. Most that differ do so in length or in the first letter. */
bool span_same_folded(const char *a, const char *b, size_t bytes);
static inline bool span_equal_fold(struct span a, struct span b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || (((a.at[0] ^ b.at[0]) & ~0x20) == 0 && span_same_folded(a.at, b.at, a.bytes)));
}
/* span_table_hash() of the text with ASCII capitals folded. */
uint64_t span_table_hash_folded(struct span s, uint64_t seed);
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
static inline struct span span_slice(struct span s, size_t start, size_t bytes)
{
    if (s.at == NULL)
        return SPAN_NONE;
    if (start > s.bytes)
        start = s.bytes;
    size_t left = s.bytes - start;
    return (struct span){ s.at + start, bytes < left ? bytes : left };
}
/* Cuts up to the first `separator` off the front of *rest; false when *rest is used up (rest->at becomes NULL). */
bool span_cut(struct span *rest, char separator, struct span *part);
/* Without ASCII space, tab, CR, LF at both ends. */
struct span span_trim(struct span s);
/* Decimal digits only (one leading '-' for span_to_i64), the whole span, no overflow. False leaves *out alone. */
bool span_to_u64(struct span s, uint64_t *out);
bool span_to_i64(struct span s, int64_t *out);
/* Valid UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool span_is_utf8(struct span s);
/* FNV-1a: the same everywhere and for ever; byte after byte. Never for tables with keys that a peer chooses. */
uint64_t span_hash(struct span s, uint64_t seed);
/* For tables in memory, eight bytes at once; differs between machines and versions. With a random seed also for keys that a peer chooses. */
uint64_t span_table_hash(struct span s, uint64_t seed);
/* NUL-terminated heap copy, owned by the caller; NULL when memory is short. */
char *span_dup(struct span s);

#endif
