/* record_body: the body of a record as JSON, read and written from one table of fields. Private to posture/person.c, device.c and directory_*.c.
 * Reading is lenient to unknown members (a newer version wrote them) and strict in types; the first mistake stops all further reading. */
#ifndef POSTURE_RECORD_BODY_H
#define POSTURE_RECORD_BODY_H
#include "posture/base/arena.h"
#include "posture/base/from_json.h"
#include "posture/base/to_json.h"

/* Seconds up to the end of the year 9999: sums of times stay far from overflow. */
#define RECORD_BODY_LAST_S INT64_C(253402300799)

enum { RECORD_BODY_DEPTH = 24, RECORD_BODY_SHARED = 8 };
enum record_body_kind {
    RECORD_TEXT,     /* struct span, copied into the arena */
    RECORD_WORD,     /* the same, and one of few that many records share (a model, a check's id): the directory keeps each once */
    RECORD_BORROWED, /* struct span, valid as long as the document */
    RECORD_TIME,     /* int64_t seconds, 0: none */
    RECORD_COUNT,    /* unsigned */
    RECORD_DAY,      /* int32_t yyyymmdd */
    RECORD_FLAG      /* bool */
};
struct record_body_field { const char *key; enum record_body_kind kind; size_t offset; size_t most; /* bytes of a text, or the largest count */ };

/* Zeroed but for the arena (and err). Equal texts that follow closely (a source, a policy's version) are kept once. */
struct record_body {
    struct arena *arena;
    struct err *err;
    enum err_code code; /* the first mistake */
    bool texts_stay;    /* the document lives as long as what is read from it: its texts are not copied */
    struct span shared[RECORD_BODY_SHARED];
    unsigned next_shared;
};

/* A copy in the arena; ERR_MEMORY in b->code when it does not fit. */
struct span record_body_keep(struct record_body *b, struct span text);
void *record_body_array(struct record_body *b, size_t count, size_t each_bytes);

/* Members of an object; absent ones leave zero. */
void record_body_read(struct record_body *b, const struct from_json_value *object, const struct record_body_field *fields, size_t count, void *into);
/* Items of an array, in the order of the fields; it may end early, further items are of a newer version. */
void record_body_read_row(struct record_body *b, const struct from_json_value *row, const struct record_body_field *fields, size_t count, void *into);
/* An array in `list` and zeroed room for its items; 0 when absent or after a mistake. */
size_t record_body_list(struct record_body *b, const struct from_json_value *object, const char *key, size_t most, size_t each_bytes, struct from_json_value *list, void **out);
size_t record_body_texts(struct record_body *b, const struct from_json_value *object, const char *key, size_t most, size_t most_bytes, const struct span **out);

/* Members that are not zero, into an open object; the items of a row up to the last that is not zero, into an open array. */
void record_body_write(struct to_json *w, const struct record_body_field *fields, size_t count, const void *from);
void record_body_write_row(struct to_json *w, const struct record_body_field *fields, size_t count, const void *from);
void record_body_write_texts(struct to_json *w, const char *key, const struct span *all, size_t count);

/* Replaces the texts named by the fields by copies of their own. */
void record_body_own(struct record_body *b, const struct record_body_field *fields, size_t count, void *item);
const struct span *record_body_own_texts(struct record_body *b, const struct span *all, size_t count);
/* A copy of a list of structs, each with its own texts. */
void *record_body_own_list(struct record_body *b, const void *all, size_t count, size_t each_bytes, const struct record_body_field *fields, size_t field_count);

#endif
