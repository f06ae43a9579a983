#include "posture/record_body.h"

#include <limits.h>
#include <string.h>

enum { AT_ONCE = 32 };

struct span record_body_keep(struct record_body *b, struct span text)
{
    if (span_empty(text))
        return SPAN_NONE;
    for (unsigned i = 0; i < RECORD_BODY_SHARED; i++)
        if (span_equal(b->shared[i], text))
            return b->shared[i];
    struct span copy = arena_copy(b->arena, text);
    if (copy.at == NULL && b->code == OK)
        b->code = err_set(b->err, ERR_MEMORY, "a record's text of %zu bytes: memory is short", text.bytes);
    if (copy.at == NULL)
        return SPAN_NONE;
    b->shared[b->next_shared++ % RECORD_BODY_SHARED] = copy;
    return copy;
}

void *record_body_array(struct record_body *b, size_t count, size_t each_bytes)
{
    void *array = arena_array(b->arena, count, each_bytes);
    if (array == NULL && b->code == OK)
        b->code = err_set(b->err, ERR_MEMORY, "a record's list of %zu items: memory is short", count);
    return array;
}

/* ---- reading ---- */

static void *at_offset(void *item, const struct record_body_field *field)
{
    return (char *)item + field->offset;
}

static const void *const_at_offset(const void *item, const struct record_body_field *field)
{
    return (const char *)item + field->offset;
}

static bool is_text(const struct record_body_field *field) { return field->kind == RECORD_TEXT || field->kind == RECORD_WORD || field->kind == RECORD_BORROWED; }

static void read_text(struct record_body *b, const struct from_json_value *v, const struct record_body_field *field, struct span *out)
{
    struct span text = SPAN_NONE;
    b->code = from_json_text_opt(v, field->most, &text, b->err);
    if (b->code == OK)
        *out = field->kind == RECORD_BORROWED || b->texts_stay ? text : record_body_keep(b, text);
}

static void read_number(struct record_body *b, const struct from_json_value *v, const struct record_body_field *field, void *out)
{
    int64_t number = 0, most = field->kind == RECORD_TIME ? RECORD_BODY_LAST_S : field->kind == RECORD_DAY ? 99991231 : (int64_t)field->most;
    b->code = from_json_int_opt(v, 0, most, &number, b->err);
    if (b->code != OK)
        return;
    if (field->kind == RECORD_TIME)
        *(int64_t *)out = number;
    else if (field->kind == RECORD_DAY)
        *(int32_t *)out = (int32_t)number;
    else
        *(unsigned *)out = (unsigned)number;
}

static void read_field(struct record_body *b, const struct from_json_value *v, const struct record_body_field *field, void *into)
{
    void *out = at_offset(into, field);
    if (b->code != OK)
        return;
    if (is_text(field))
        read_text(b, v, field, out);
    else if (field->kind == RECORD_FLAG)
        b->code = from_json_bool_opt(v, out, b->err);
    else
        read_number(b, v, field, out);
}

/* At most AT_ONCE, looked up in one walk over the object. */
static void read_members(struct record_body *b, const struct from_json_value *object, const struct record_body_field *fields, size_t count, void *into)
{
    struct span keys[AT_ONCE] = { { NULL, 0 } };
    struct from_json_value members[AT_ONCE];
    for (size_t i = 0; i < count; i++)
        keys[i] = span_of(fields[i].key);
    from_json_members(object, keys, count, members);
    for (size_t i = 0; i < count; i++)
        read_field(b, &members[i], &fields[i], into);
}

void record_body_read(struct record_body *b, const struct from_json_value *object, const struct record_body_field *fields, size_t count, void *into)
{
    if (b->code == OK)
        b->code = from_json_object(object, b->err);
    for (size_t from = 0; from < count && b->code == OK; from += AT_ONCE)
        read_members(b, object, fields + from, count - from < AT_ONCE ? count - from : AT_ONCE, into);
}

void record_body_read_row(struct record_body *b, const struct from_json_value *row, const struct record_body_field *fields, size_t count, void *into)
{
    if (b->code == OK)
        b->code = from_json_array(row, SIZE_MAX, b->err);
    for (size_t i = 0; i < count && b->code == OK; i++) {
        struct from_json_value item = from_json_item(row, i);
        read_field(b, &item, &fields[i], into);
    }
}

size_t record_body_list(struct record_body *b, const struct from_json_value *object, const char *key, size_t most, size_t each_bytes, struct from_json_value *list, void **out)
{
    *out = NULL;
    *list = from_json_member(object, key);
    if (b->code != OK || !from_json_present(list))
        return 0;
    b->code = from_json_array(list, most, b->err);
    size_t count = b->code == OK ? from_json_count(list) : 0;
    *out = count == 0 ? NULL : record_body_array(b, count, each_bytes);
    return *out == NULL ? 0 : count;
}

size_t record_body_texts(struct record_body *b, const struct from_json_value *object, const char *key, size_t most, size_t most_bytes, const struct span **out)
{
    struct from_json_value list;
    void *room;
    const struct record_body_field field = { key, RECORD_TEXT, 0, most_bytes };
    size_t count = record_body_list(b, object, key, most, sizeof **out, &list, &room);
    struct span *all = room;
    for (size_t i = 0; i < count; i++) {
        struct from_json_value item = from_json_item(&list, i);
        read_field(b, &item, &field, &all[i]);
    }
    *out = all;
    return count;
}

/* ---- writing ---- */

static int64_t number_of(const void *from, const struct record_body_field *field)
{
    const void *at = const_at_offset(from, field);
    switch (field->kind) {
    case RECORD_TIME: return *(const int64_t *)at;
    case RECORD_COUNT: return *(const unsigned *)at;
    case RECORD_DAY: return *(const int32_t *)at;
    case RECORD_FLAG: return *(const bool *)at;
    case RECORD_TEXT:
    case RECORD_WORD:
    case RECORD_BORROWED: break;
    }
    return 0;
}

static struct span text_of(const void *from, const struct record_body_field *field) { return *(const struct span *)const_at_offset(from, field); }
static bool is_zero(const void *from, const struct record_body_field *field) { return is_text(field) ? span_empty(text_of(from, field)) : number_of(from, field) == 0; }

static void write_value(struct to_json *w, const struct record_body_field *field, const void *from)
{
    if (is_text(field))
        to_json_text(w, text_of(from, field));
    else if (field->kind == RECORD_FLAG)
        to_json_bool(w, number_of(from, field) != 0);
    else
        to_json_int(w, number_of(from, field));
}

void record_body_write(struct to_json *w, const struct record_body_field *fields, size_t count, const void *from)
{
    for (size_t i = 0; i < count; i++) {
        if (is_zero(from, &fields[i]))
            continue;
        to_json_key(w, fields[i].key);
        write_value(w, &fields[i], from);
    }
}

void record_body_write_row(struct to_json *w, const struct record_body_field *fields, size_t count, const void *from)
{
    while (count > 0 && is_zero(from, &fields[count - 1]))
        count--;
    for (size_t i = 0; i < count; i++)
        write_value(w, &fields[i], from);
}

void record_body_write_texts(struct to_json *w, const char *key, const struct span *all, size_t count)
{
    if (count == 0)
        return;
    to_json_key(w, key);
    to_json_array(w);
    for (size_t i = 0; i < count; i++)
        to_json_text(w, all[i]);
    to_json_end(w);
}

/* ---- copying ---- */

void record_body_own(struct record_body *b, const struct record_body_field *fields, size_t count, void *item)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].kind != RECORD_TEXT && fields[i].kind != RECORD_WORD)
            continue;
        struct span *text = at_offset(item, &fields[i]);
        *text = record_body_keep(b, *text);
    }
}

const struct span *record_body_own_texts(struct record_body *b, const struct span *all, size_t count)
{
    struct span *copy = count == 0 ? NULL : record_body_array(b, count, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++)
        copy[i] = record_body_keep(b, all[i]);
    return copy;
}

void *record_body_own_list(struct record_body *b, const void *all, size_t count, size_t each_bytes, const struct record_body_field *fields, size_t field_count)
{
    char *copy = count == 0 ? NULL : record_body_array(b, count, each_bytes);
    if (copy == NULL)
        return NULL;
    memcpy(copy, all, count * each_bytes);
    for (size_t i = 0; i < count; i++)
        record_body_own(b, fields, field_count, copy + i * each_bytes);
    return copy;
}
