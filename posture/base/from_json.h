/* from_json: bounded, typed reading of JSON that names the path of whatever is wrong ("evaluations[3].subject.id: must be text").
 * Parsing refuses: more than max_bytes, nesting over max_depth, duplicate member names, invalid UTF-8, NUL in text, trailing data, numbers beyond 64 bits
 * (RFC 8259, RFC 7493). One pass, one block of memory; jansson finds the words for what is refused. It keeps nothing of `text`.
 * Thread: a document belongs to one thread at a time. */
#ifndef POSTURE_BASE_FROM_JSON_H
#define POSTURE_BASE_FROM_JSON_H
#include "posture/base/arena.h"
#include "posture/base/err.h"
#include "posture/base/span.h"

struct from_json; /* a parsed document */
struct from_json_limits { size_t max_bytes; unsigned max_depth; };

/* Seeds the hash of object members, once, before threads start; 0: from the system's randomness. */
void from_json_seed(size_t seed);
/* Owned by the caller. `what` names the text in errors ("body"). ERR_LIMIT or ERR_INPUT. */
MUST_CHECK enum err_code from_json_parse(struct span text, struct from_json_limits limits, const char *what, struct from_json **out, struct err *err);
/* The same, but a list `left_out` among the members of the outermost object is passed over and is absent then: what is large and not asked for. Of it nothing is looked at but quotes and brackets.
 * `arena`: as below; NULL: owned by the caller. */
MUST_CHECK enum err_code from_json_parse_without(struct arena *arena, struct span text, struct span left_out, struct from_json_limits limits, const char *what, struct from_json **out, struct err *err);
/* The same in an arena, for the length of a request: nothing to free (freeing does nothing). */
MUST_CHECK enum err_code from_json_parse_in(struct arena *arena, struct span text, struct from_json_limits limits, const char *what, struct from_json **out, struct err *err);
void from_json_free(struct from_json *doc); /* NULL is fine */
void from_json_freep(struct from_json **doc);

/* A place in the document: small, by value; borrows its parent value, which must stay in scope, and the document. */
struct from_json_value {
    const void *node; /* NULL: absent */
    const struct from_json_value *parent;
    const char *key;
    size_t index;
};
enum from_json_kind { FROM_JSON_ABSENT, FROM_JSON_NULL, FROM_JSON_BOOL, FROM_JSON_INT, FROM_JSON_REAL, FROM_JSON_TEXT, FROM_JSON_ARRAY, FROM_JSON_OBJECT };

struct from_json_value from_json_root(const struct from_json *doc);
enum from_json_kind from_json_kind(const struct from_json_value *v);
bool from_json_present(const struct from_json_value *v); /* neither absent nor null */
/* Absent unless `object` is an object that has it. */
struct from_json_value from_json_member_of(const struct from_json_value *object, struct span key); /* key.at ends in NUL and outlives the value */
static inline struct from_json_value from_json_member(const struct from_json_value *object, const char *key) { return from_json_member_of(object, span_of(key)); }
/* Several members in one walk over the object: out[i] is what from_json_member_of() finds for keys[i]. */
void from_json_members(const struct from_json_value *object, const struct span *keys, size_t count, struct from_json_value *out);
struct from_json_value from_json_item(const struct from_json_value *array, size_t index);
size_t from_json_count(const struct from_json_value *v); /* items or members; 0 for all else */
/* Walks members in document order: start with *iterator == NULL; false at the end. Keys are borrowed from the document. */
bool from_json_each(const struct from_json_value *object, void **iterator, const char **key, struct from_json_value *member);

/* Typed reads. Wrong type, absent or out of bounds: ERR_INPUT with the path in the text; *out is untouched. */
MUST_CHECK enum err_code from_json_text(const struct from_json_value *v, size_t max_bytes, struct span *out, struct err *err);
MUST_CHECK enum err_code from_json_int(const struct from_json_value *v, int64_t least, int64_t most, int64_t *out, struct err *err);
MUST_CHECK enum err_code from_json_bool(const struct from_json_value *v, bool *out, struct err *err);
MUST_CHECK enum err_code from_json_object(const struct from_json_value *v, struct err *err);
MUST_CHECK enum err_code from_json_array(const struct from_json_value *v, size_t max_items, struct err *err);
/* Absent or null leaves *out as it is and is OK; a wrong type is still ERR_INPUT. */
MUST_CHECK enum err_code from_json_text_opt(const struct from_json_value *v, size_t max_bytes, struct span *out, struct err *err);
MUST_CHECK enum err_code from_json_int_opt(const struct from_json_value *v, int64_t least, int64_t most, int64_t *out, struct err *err);
MUST_CHECK enum err_code from_json_bool_opt(const struct from_json_value *v, bool *out, struct err *err);
/* Integer, or text of decimal digits: osquery sends both. */
MUST_CHECK enum err_code from_json_int_lenient(const struct from_json_value *v, int64_t *out, struct err *err);
/* For our own API: every member must be in `known` (NULL-terminated), else ERR_INPUT naming it and the nearest known one. */
MUST_CHECK enum err_code from_json_only(const struct from_json_value *object, const char *const *known, struct err *err);
/* ERR_INPUT with the value's path in front: from_json_refuse(&v, err, "must be an e-mail address"). */
enum err_code from_json_refuse(const struct from_json_value *v, struct err *err, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The value as compact JSON text with keys in document order, appended to `out`. On failure nothing is appended and the
 * buf is marked as failed; an absent value is false and leaves the buf as it is. */
struct buf;
bool from_json_write(const struct from_json_value *v, struct buf *out);

#endif
