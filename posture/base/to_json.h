/* to_json: a streaming JSON writer into a buf. It places commas and escapes text; invalid UTF-8 becomes U+FFFD.
 * Mistakes of ours (a value where a key must be, too deep) are asserted. Whether everything fitted is asked of the buf.
 * Also usable for canonical JSON when the caller writes keys in order (RFC 8785 number and string forms for integers and text). */
#ifndef POSTURE_BASE_TO_JSON_H
#define POSTURE_BASE_TO_JSON_H
#include "posture/base/buf.h"

/* Where the length of a literal must be known: compilers would otherwise fold the calls into one copy that counts. */
#define TO_JSON_INLINE static inline __attribute__((always_inline))

enum { TO_JSON_DEPTH = 32, TO_JSON_TIME_BYTES = 20 };
struct to_json {
    struct buf *out; /* borrowed */
    unsigned depth;
    char kinds[TO_JSON_DEPTH]; /* '{' or '[' */
    bool first, after_key;
    char time_text[32];        /* of time_s, the last that was written: many stand in one answer */
    int64_t time_s;
};

void to_json_init(struct to_json *w, struct buf *out);
void to_json_object(struct to_json *w); /* opens; close with to_json_end */
void to_json_array(struct to_json *w);
void to_json_end(struct to_json *w);
void to_json_key_span(struct to_json *w, struct span key);
static inline void to_json_key(struct to_json *w, const char *key) { to_json_key_span(w, span_of(key)); }
void to_json_text(struct to_json *w, struct span value);
void to_json_int(struct to_json *w, int64_t value);
void to_json_bool(struct to_json *w, bool value);
void to_json_null(struct to_json *w);
/* RFC 3339 UTC text of wall seconds. */
void to_json_time(struct to_json *w, int64_t wall_s);
/* Already valid JSON, copied as it is (a stored record). */
void to_json_raw(struct to_json *w, struct span json);
/* Members that were written by to_json already, without a comma at either end; none is fine. */
void to_json_members(struct to_json *w, struct span members);
/* Key and value in one. `_if` variants leave the member out when empty or zero. */
/* A member whose key is a literal of ours and whose value is one of our own words, ids or hashes: neither has anything to escape, so neither is looked at. */
TO_JSON_INLINE void to_json_member_plain(struct to_json *w, const char *key, struct span value)
{
    size_t key_bytes = strlen(key);
    if (value.bytes > SIZE_MAX / 2 || !buf_reserve(w->out, key_bytes + value.bytes + 5 + !w->first))
        return;
    char *at = w->out->at + w->out->bytes;
    if (!w->first)
        *at++ = ',';
    *at++ = '"';
    memcpy(at, key, key_bytes);
    memcpy(at + key_bytes, "\":\"", 3);
    at += key_bytes + 3;
    if (value.bytes > 0)
        memcpy(at, value.at, value.bytes);
    at[value.bytes] = '"';
    w->out->bytes = (size_t)(at + value.bytes + 1 - w->out->at);
    w->first = false;
}
/* The same for a value that is JSON already: a number, true, an empty list. */
TO_JSON_INLINE void to_json_member_raw(struct to_json *w, const char *key, struct span value)
{
    size_t key_bytes = strlen(key);
    if (value.bytes > SIZE_MAX / 2 || !buf_reserve(w->out, key_bytes + value.bytes + 3 + !w->first))
        return;
    char *at = w->out->at + w->out->bytes;
    if (!w->first)
        *at++ = ',';
    *at++ = '"';
    memcpy(at, key, key_bytes);
    memcpy(at + key_bytes, "\":", 2);
    memcpy(at + key_bytes + 2, value.at, value.bytes);
    w->out->bytes = (size_t)(at + key_bytes + 2 + value.bytes - w->out->at);
    w->first = false;
}
enum { TO_JSON_INT_BYTES = 24 };
struct span to_json_int_text(int64_t value, char room[TO_JSON_INT_BYTES]);
/* A run: what is written again and again goes piece behind piece into room that is reserved once, for the most that it can be; nothing else is written between
 * to_json_run() and to_json_ran(). `at` is where the next byte goes. NULL: the buf has failed. */
TO_JSON_INLINE char *to_json_run(struct to_json *w, size_t most_bytes) { return buf_reserve(w->out, most_bytes) ? w->out->at + w->out->bytes : NULL; }
TO_JSON_INLINE void to_json_ran(struct to_json *w, const char *at)
{
    w->out->bytes = (size_t)(at - w->out->at);
    w->first = false;
}
/* The same after a run that opened objects one in the other, or closed so many lists or objects. */
TO_JSON_INLINE void to_json_ran_into(struct to_json *w, const char *at, unsigned objects)
{
    to_json_ran(w, at);
    w->first = true;
    w->out->failed |= w->depth + objects > TO_JSON_DEPTH;
    for (; objects > 0 && w->depth < TO_JSON_DEPTH; objects--)
        w->kinds[w->depth++] = '{';
}
TO_JSON_INLINE void to_json_ran_out(struct to_json *w, const char *at, unsigned levels)
{
    to_json_ran(w, at);
    w->depth -= levels < w->depth ? levels : w->depth;
}
/* A literal of ours, with all that stands around a value (",\"age_s\":"). */
TO_JSON_INLINE char *to_json_run_literal(char *at, const char *literal)
{
    memcpy(at, literal, strlen(literal));
    return at + strlen(literal);
}
/* What has nothing to escape: our own words, ids and numbers, or JSON already. Most are words and short ids: two overlapping pieces. */
TO_JSON_INLINE char *to_json_run_span(char *at, struct span s)
{
    enum { PIECE = 8 };
    if (s.bytes >= PIECE && s.bytes <= 2 * PIECE) {
        memcpy(at, s.at, PIECE);
        memcpy(at + s.bytes - PIECE, s.at + s.bytes - PIECE, PIECE);
    } else if (s.bytes > 0) {
        memcpy(at, s.at, s.bytes);
    }
    return at + s.bytes;
}
/* JSON already, and mostly longer than that. */
TO_JSON_INLINE char *to_json_run_json(char *at, struct span json)
{
    if (json.bytes > 0)
        memcpy(at, json.at, json.bytes);
    return at + json.bytes;
}
TO_JSON_INLINE char *to_json_run_int(char *at, int64_t value)
{
    char room[TO_JSON_INT_BYTES];
    return to_json_run_span(at, to_json_int_text(value, room));
}
/* In quotes, escaped: at most TO_JSON_ESCAPED times as long, and the quotes. */
enum { TO_JSON_ESCAPED = 6 };
char *to_json_run_text(struct to_json *w, char *at, struct span text);
void to_json_put_text(struct to_json *w, struct span key, struct span value);
void to_json_renew_time(struct to_json *w, int64_t wall_s);
TO_JSON_INLINE const char *to_json_time_text(struct to_json *w, int64_t wall_s) /* TO_JSON_TIME_BYTES, until the next */
{
    if (w->time_s != wall_s)
        to_json_renew_time(w, wall_s);
    return w->time_text;
}
static inline void to_json_member_text(struct to_json *w, const char *key, struct span value) { to_json_put_text(w, span_of(key), value); }
static inline void to_json_member_text_if(struct to_json *w, const char *key, struct span value)
{
    if (!span_empty(value))
        to_json_put_text(w, span_of(key), value);
}
TO_JSON_INLINE void to_json_member_int(struct to_json *w, const char *key, int64_t value)
{
    char room[TO_JSON_INT_BYTES];
    to_json_member_raw(w, key, to_json_int_text(value, room));
}
static inline void to_json_member_int_if(struct to_json *w, const char *key, int64_t value)
{
    if (value != 0)
        to_json_member_int(w, key, value);
}
static inline void to_json_member_bool(struct to_json *w, const char *key, bool value)
{
    if (value)
        to_json_member_raw(w, key, SPAN_LITERAL("true"));
    else
        to_json_member_raw(w, key, SPAN_LITERAL("false"));
}
TO_JSON_INLINE char *to_json_run_time(struct to_json *w, char *at, int64_t wall_s) /* in quotes */
{
    at[0] = at[TO_JSON_TIME_BYTES + 1] = '"';
    memcpy(at + 1, to_json_time_text(w, wall_s), TO_JSON_TIME_BYTES);
    return at + TO_JSON_TIME_BYTES + 2;
}
TO_JSON_INLINE void to_json_member_time_if(struct to_json *w, const char *key, int64_t wall_s)
{
    if (wall_s != 0)
        to_json_member_plain(w, key, span_make(to_json_time_text(w, wall_s), TO_JSON_TIME_BYTES));
}

#endif
