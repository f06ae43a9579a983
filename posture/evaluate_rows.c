#include "posture/evaluate_rows.h"

#include <stdio.h>
#include <string.h>

enum { CELL_BYTES = 64 * 1024, MARK_BYTES = 24 /* ",<rows left out>]" */ };

struct evidence {
    char *at;
    size_t bytes;
    bool cut;
};

/* Bytes of the UTF-8 character at `at`, which from_json has checked. */
static size_t character_bytes(struct span s, size_t at)
{
    size_t bytes = 1;
    while (at + bytes < s.bytes && ((unsigned char)s.at[at + bytes] & 0xC0U) == 0x80U)
        bytes++;
    return bytes;
}

/* Control characters, line and paragraph ends, and what turns the direction of text around (Unicode TR 36, section 3). */
static bool is_harmful(struct span character)
{
    const unsigned char *c = (const unsigned char *)character.at;
    if (character.bytes == 1)
        return c[0] < 0x20 || c[0] == 0x7F;
    if (character.bytes == 2)
        return c[0] == 0xC2 && c[1] < 0xA0;
    if (character.bytes != 3 || c[0] != 0xE2)
        return false;
    bool turning = c[1] == 0x80 && (c[2] == 0x8E || c[2] == 0x8F || (c[2] >= 0xA8 && c[2] <= 0xAE));
    return turning || (c[1] == 0x81 && c[2] >= 0xA6 && c[2] <= 0xA9);
}

static void add(struct evidence *e, struct span text)
{
    static const size_t dots = 3;
    for (size_t i = 0; i < text.bytes && !e->cut;) {
        struct span character = span_slice(text, i, character_bytes(text, i));
        i += character.bytes;
        if (is_harmful(character))
            continue;
        e->cut = e->bytes + character.bytes > EVIDENCE_BYTES - dots;
        struct span written = e->cut ? SPAN_LITERAL("...") : character;
        memcpy(e->at + e->bytes, written.at, written.bytes);
        e->bytes += written.bytes;
    }
}

/* False when the row does not have the column. */
static bool add_cell(struct evidence *e, const struct from_json_value *row, struct span column)
{
    char name[80];
    struct span text = SPAN_NONE;
    CLEANUP(buf_done) struct buf json;
    buf_init(&json, CELL_BYTES);
    snprintf(name, sizeof name, "%.*s", SPAN_ARGS(column));
    struct from_json_value cell = from_json_member(row, name);
    if (!from_json_present(&cell))
        return false;
    if (from_json_kind(&cell) != FROM_JSON_TEXT || from_json_text(&cell, CELL_BYTES, &text, NULL) != OK)
        text = from_json_write(&cell, &json) ? buf_span(&json) : SPAN_LITERAL("...");
    add(e, text);
    return true;
}

static void add_count(struct evidence *e, const struct from_json_value *rows)
{
    char number[24];
    snprintf(number, sizeof number, "%zu", from_json_count(rows));
    add(e, span_of(number));
}

/* The template was checked when the policy was read: braces are closed and hold names. */
struct span evaluate_saw(const struct check_platform *on, const struct from_json_value *rows, size_t row, char room[EVIDENCE_BYTES])
{
    struct evidence evidence = { room, 0, false };
    struct from_json_value chosen = from_json_item(rows, row);
    struct span rest = on->saw;
    while (!span_empty(rest)) {
        size_t open = span_find(rest, '{');
        add(&evidence, span_slice(rest, 0, open));
        rest = span_slice(rest, open, rest.bytes);
        if (span_empty(rest))
            break;
        size_t end = span_find(rest, '}');
        struct span name = span_slice(rest, 1, end - 1);
        if (span_equal_text(name, "rows"))
            add_count(&evidence, rows);
        else if (!add_cell(&evidence, &chosen, name))
            return SPAN_NONE;
        rest = span_slice(rest, end + 1, rest.bytes);
    }
    return span_make(room, evidence.bytes);
}

static bool write_cell(struct to_json *w, struct buf *scratch, const struct from_json_value *cell)
{
    buf_clear(scratch);
    if (!from_json_write(cell, scratch))
        return false;
    to_json_raw(w, buf_span(scratch));
    return true;
}

/* A cell that is longer than all that may be kept is left out, as if the device had not said it. */
static void write_row(const struct check_platform *on, const struct from_json_value *row, struct buf *scratch, struct buf *out)
{
    struct to_json w;
    to_json_init(&w, out);
    to_json_object(&w);
    for (size_t i = 0; i < on->column_count; i++) {
        struct from_json_value cell = from_json_member(row, on->columns[i].at);
        if (!from_json_present(&cell))
            continue;
        to_json_key_span(&w, on->columns[i]);
        if (!write_cell(&w, scratch, &cell))
            to_json_null(&w);
    }
    to_json_end(&w);
}

bool evaluate_kept_rows(const struct check_platform *on, const struct from_json_value *rows, struct buf *out)
{
    CLEANUP(buf_done) struct buf row;
    CLEANUP(buf_done) struct buf cell;
    buf_init(&row, FACT_VALUE_BYTES);
    buf_init(&cell, FACT_VALUE_BYTES);
    size_t count = from_json_count(rows), kept = 0;
    buf_append_byte(out, '[');
    for (; kept < count && kept < EVALUATE_KEPT_ROWS; kept++) {
        struct from_json_value item = from_json_item(rows, kept);
        buf_clear(&row);
        write_row(on, &item, &cell, &row);
        if (row.failed || out->bytes + row.bytes + MARK_BYTES > FACT_VALUE_BYTES)
            break;
        if (kept > 0)
            buf_append_byte(out, ',');
        buf_append(out, buf_span(&row));
    }
    if (kept < count)
        buf_format(out, "%s%zu", kept > 0 ? "," : "", count - kept);
    return buf_append_byte(out, ']');
}

bool evaluate_rows_complete(const struct from_json_value *kept)
{
    size_t count = from_json_count(kept);
    if (from_json_kind(kept) != FROM_JSON_ARRAY)
        return false;
    struct from_json_value last = from_json_item(kept, count == 0 ? 0 : count - 1);
    return count == 0 || from_json_kind(&last) != FROM_JSON_INT;
}
