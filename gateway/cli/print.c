#include "gateway/cli/print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 4000, NUMBER_BYTES = 24, CELLS_MOST = 10 * 1000 * 1000 };

/* ---- safe text ---- */

/* Bytes of the character at s, 0 when it must not reach a terminal: C0, DEL, C1 (U+0080 to U+009F), directional overrides, broken UTF-8. */
static size_t safe_character(struct span s)
{
    unsigned char c = (unsigned char)s.at[0];
    size_t bytes = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (c < ' ' || c == 0x7F || bytes > s.bytes || !span_is_utf8(span_slice(s, 0, bytes)))
        return 0;
    bool c1 = c == 0xC2 && (unsigned char)s.at[1] < 0xA0;
    bool directional = span_starts(s, SPAN_LITERAL("\xE2\x80")) && (unsigned char)s.at[2] >= 0xAA && (unsigned char)s.at[2] <= 0xAE;
    bool isolate = span_starts(s, SPAN_LITERAL("\xE2\x81")) && (unsigned char)s.at[2] >= 0xA6 && (unsigned char)s.at[2] <= 0xA9;
    return c1 || directional || isolate ? 0 : bytes;
}

void print_text(FILE *to, struct span text)
{
    for (size_t i = 0; i < text.bytes;) {
        struct span rest = span_slice(text, i, text.bytes);
        size_t bytes = safe_character(rest);
        if (bytes == 0)
            fputc('?', to);
        else
            fwrite(rest.at, 1, bytes, to);
        i += bytes == 0 ? 1 : bytes;
    }
}

void print_line(FILE *to, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    print_text(to, span_of(bytes < 0 ? "" : line));
    fputc('\n', to);
}

void print_coloured(FILE *to, int colour, const char *word)
{
    const char *no_colour = getenv("NO_COLOR");
    if (isatty(fileno(to)) && (no_colour == NULL || no_colour[0] == '\0'))
        fprintf(to, "\033[%dm%s\033[0m", colour, word);
    else
        fputs(word, to);
}

const char *print_ago(int64_t age_s, char text[PRINT_AGO_BYTES])
{
    static const struct { int64_t from_s, unit_s; const char *word; } rows[] = { { 2 * 86400, 86400, "days" }, { 5400, 3600, "h" }, { 90, 60, "min" }, { 2, 1, "s" } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (age_s < rows[i].from_s)
            continue;
        snprintf(text, PRINT_AGO_BYTES, "%" PRId64 " %s ago", age_s / rows[i].unit_s, rows[i].word);
        return text;
    }
    return "now";
}

/* ---- tables ---- */

void table_init(struct table *t, const char *const *headings, size_t columns)
{
    *t = (struct table){ .headings = headings, .columns = columns < TABLE_COLUMNS ? columns : TABLE_COLUMNS };
}

static bool make_room(struct table *t)
{
    if (t->cells < t->room)
        return true;
    size_t room = t->room == 0 ? 256 : t->room * 2;
    char **all = room <= CELLS_MOST ? realloc(t->all, room * sizeof *all) : NULL;
    if (all == NULL)
        return false;
    t->all = all;
    t->room = room;
    return true;
}

void table_cell(struct table *t, struct span text)
{
    struct span cell = span_empty(text) ? SPAN_LITERAL("-") : span_slice(text, 0, TABLE_CELL_BYTES);
    char *copy = t->short_of_memory || !make_room(t) ? NULL : span_dup(cell);
    if (copy == NULL)
        t->short_of_memory = true;
    else
        t->all[t->cells++] = copy;
}

void table_int(struct table *t, int64_t number)
{
    char text[NUMBER_BYTES];
    snprintf(text, sizeof text, "%" PRId64, number);
    table_cell(t, span_of(text));
}

/* Characters, not bytes; what print_text() replaces byte by byte counts so too. */
static size_t width_of(struct span text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.bytes; width++) {
        size_t bytes = safe_character(span_slice(text, i, text.bytes));
        i += bytes == 0 ? 1 : bytes;
    }
    return width;
}

static void print_cell(struct span text, size_t width, bool last)
{
    print_text(stdout, text);
    for (size_t i = width_of(text); !last && i < width + 2; i++)
        putchar(' ');
    if (last)
        putchar('\n');
}

static void print_rows(const struct table *t)
{
    size_t widths[TABLE_COLUMNS] = { 0 };
    for (size_t i = 0; i < t->columns; i++)
        widths[i] = strlen(t->headings[i]);
    for (size_t i = 0; i < t->cells; i++) {
        size_t width = width_of(span_of(t->all[i]));
        widths[i % t->columns] = width > widths[i % t->columns] ? width : widths[i % t->columns];
    }
    for (size_t i = 0; i < t->columns; i++)
        print_cell(span_of(t->headings[i]), widths[i], i + 1 == t->columns);
    for (size_t i = 0; i < t->cells; i++)
        print_cell(span_of(t->all[i]), widths[i % t->columns], (i + 1) % t->columns == 0);
}

void table_print(const struct table *t, const char *nothing)
{
    if (t->cells == 0)
        printf("%s\n", nothing);
    else
        print_rows(t);
    if (t->short_of_memory)
        fputs("the list goes on, but memory is short; --json prints all of it\n", stderr);
}

void table_done(struct table *t)
{
    for (size_t i = 0; t != NULL && i < t->cells; i++)
        free(t->all[i]);
    if (t == NULL)
        return;
    free(t->all);
    *t = (struct table){ 0 };
}

/* ---- members ---- */

struct span json_text(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    struct span text = SPAN_NONE;
    return from_json_text(&v, SIZE_MAX, &text, NULL) == OK ? text : SPAN_NONE;
}

int64_t json_int(const struct from_json_value *object, const char *key, int64_t fallback)
{
    struct from_json_value v = from_json_member(object, key);
    int64_t number = fallback;
    return from_json_int(&v, INT64_MIN, INT64_MAX, &number, NULL) == OK ? number : fallback;
}

bool json_true(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    bool value = false;
    return from_json_bool(&v, &value, NULL) == OK && value;
}

struct span json_texts(const struct from_json_value *object, const char *key, char *out, size_t bytes)
{
    struct from_json_value list = from_json_member(object, key);
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < from_json_count(&list) && used + 1 < bytes; i++) {
        struct from_json_value item = from_json_item(&list, i);
        struct span text = SPAN_NONE;
        if (from_json_text(&item, SIZE_MAX, &text, NULL) == OK)
            used += (size_t)snprintf(out + used, bytes - used, "%s%.*s", i > 0 ? ", " : "", SPAN_ARGS(text));
    }
    return span_of(out);
}

struct span print_without_place(struct span error, struct span list)
{
    size_t end = span_find(error, ']');
    if (!span_starts(error, list) || end == error.bytes || error.at[list.bytes] != '[')
        return error;
    struct span rest = span_slice(error, end + 1, error.bytes);
    size_t skip = span_starts(rest, SPAN_LITERAL(": ")) ? 2 : span_starts(rest, SPAN_LITERAL(".")) ? 1 : 0;
    return span_slice(rest, skip, rest.bytes);
}
