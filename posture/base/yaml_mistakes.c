/* The mistakes of one or several files, in the order of their places. */
#include "posture/base/yaml_place.h"

#include "posture/base/to_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_MISTAKES = 1000, BLOCK_BYTES = 4096, LIMIT_BYTES = 1024 * 1024 };

void mistakes_init(struct mistakes *m)
{
    *m = (struct mistakes){ 0 };
    arena_init(&m->arena, BLOCK_BYTES, LIMIT_BYTES);
}

void mistakes_done(struct mistakes *m)
{
    if (m == NULL)
        return;
    free(m->all);
    arena_done(&m->arena);
    mistakes_init(m);
}

size_t mistakes_errors(const struct mistakes *m)
{
    return m->count - m->warnings + m->dropped;
}

static bool make_room(struct mistakes *m)
{
    if (m->count < m->room)
        return true;
    if (m->count >= MAX_MISTAKES)
        return false;
    size_t room = m->room == 0 ? 16 : m->room * 2;
    room = room > MAX_MISTAKES ? MAX_MISTAKES : room;
    struct mistake *all = realloc(m->all, room * sizeof *all);
    if (all == NULL)
        return false;
    m->all = all;
    m->room = room;
    return true;
}

/* The name of the file outlives the tree; mistakes in a row mostly share it. */
static struct span kept_file(struct mistakes *m, struct span file)
{
    if (m->count > 0 && span_equal(m->all[m->count - 1].file, file))
        return m->all[m->count - 1].file;
    return arena_copy(&m->arena, file);
}

static bool keep(struct mistakes *m, struct yaml_place at, struct span text)
{
    if (!make_room(m))
        return false;
    struct mistake mistake = { kept_file(m, at.file), at.line, at.column, arena_copy(&m->arena, text) };
    if (mistake.text.at == NULL)
        return false;
    m->all[m->count++] = mistake;
    return true;
}

/* A mistake is one line on someone's terminal, whatever the file made it quote. */
static struct span tidy(char *text)
{
    size_t bytes = strlen(text);
    for (size_t i = 0; i < bytes; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
    while (bytes > 0 && !span_is_utf8((struct span){ text, bytes }))
        bytes--; /* a character that was cut in half at the end */
    return (struct span){ text, bytes };
}

static void add_mistake(struct mistakes *m, struct yaml_place at, const char *prefix, const char *format, va_list arguments)
{
    if (m == NULL)
        return;
    char text[YAML_MISTAKE_BYTES];
    bool warning = prefix[0] != '\0';
    int used = snprintf(text, sizeof text, "%s", prefix);
    vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
    bool kept = keep(m, at, tidy(text));
    m->warnings += warning && kept;
    m->dropped += !warning && !kept;
}

void yaml_mistake_at(struct mistakes *m, struct yaml_place at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_mistake(m, at, "", format, arguments);
    va_end(arguments);
}

static struct yaml_place place_of(const struct yaml_node *node)
{
    return node == NULL ? (struct yaml_place){ 0 } : (struct yaml_place){ node->file, node->line, node->column };
}

struct yaml_place yaml_key_place(const struct yaml_node *node)
{
    return (struct yaml_place){ node->file, node->key_line, node->key_column };
}

void yaml_mistake(struct mistakes *m, const struct yaml_node *at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_mistake(m, place_of(at), "", format, arguments);
    va_end(arguments);
}

void yaml_warning(struct mistakes *m, const struct yaml_node *at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_mistake(m, place_of(at), "warning: ", format, arguments);
    va_end(arguments);
}

static int order_of(const void *left, const void *right)
{
    const struct mistake *a = *(const struct mistake *const *)left, *b = *(const struct mistake *const *)right;
    int order = span_compare(a->file, b->file);
    if (order == 0)
        order = (a->line > b->line) - (a->line < b->line);
    if (order == 0)
        order = (a->column > b->column) - (a->column < b->column);
    return order != 0 ? order : (a > b) - (a < b); /* else in the order in which they were found */
}

static void print_one(const struct mistake *mistake, struct buf *out)
{
    if (!span_empty(mistake->file))
        buf_format(out, "%.*s:", SPAN_ARGS(mistake->file));
    if (mistake->line > 0)
        buf_format(out, "%u:%u:", mistake->line, mistake->column);
    if (!span_empty(mistake->file) || mistake->line > 0)
        buf_append_byte(out, ' ');
    buf_append(out, mistake->text);
    buf_append_byte(out, '\n');
}

bool mistakes_print(const struct mistakes *m, struct buf *out)
{
    const struct mistake **sorted = calloc(m->count + 1, sizeof *sorted);
    if (sorted == NULL)
        return false;
    for (size_t i = 0; i < m->count; i++)
        sorted[i] = &m->all[i];
    qsort(sorted, m->count, sizeof *sorted, order_of);
    for (size_t i = 0; i < m->count; i++)
        print_one(sorted[i], out);
    free(sorted);
    if (m->dropped > 0)
        buf_format(out, "and %zu more\n", m->dropped);
    return !out->failed;
}

static bool is_warning(const struct mistake *mistake) { return span_starts(mistake->text, SPAN_LITERAL("warning: ")); }

void mistakes_to_json(const struct mistakes *m, struct to_json *w)
{
    to_json_key(w, "mistakes");
    to_json_array(w);
    for (size_t i = 0; i < m->count; i++) {
        const struct mistake *one = &m->all[i];
        to_json_object(w);
        to_json_member_text_if(w, "file", one->file);
        to_json_member_int(w, "line", one->line);
        to_json_member_int(w, "column", one->column);
        to_json_member_text(w, "message", one->text);
        to_json_member_bool(w, "warning", is_warning(one));
        to_json_end(w);
    }
    to_json_end(w);
}
