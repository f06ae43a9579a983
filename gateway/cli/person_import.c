#include "gateway/cli/person_import.h"

#include "gateway/cli/csv.h"
#include "posture/base/from_json.h"
#include "posture/base/to_json.h"
#include "posture/base/yaml_read.h"

#include <stdlib.h>
#include <string.h>

enum { ITEM_BYTES = 512 * 1024, JSON_DEPTH = 8, ARENA_BYTES = 512 * 1024 * 1024 };
enum column_kind { COLUMN_TEXT, COLUMN_LIST };
static const char *const column_names[] = { "id", "email", "emails", "name", "slack", "groups", "zone", "region", "locale", "aliases", "days", "hours", "write_at", NULL };
static const enum column_kind column_kinds[] = { COLUMN_TEXT, COLUMN_TEXT, COLUMN_LIST, COLUMN_TEXT, COLUMN_TEXT, COLUMN_LIST, COLUMN_TEXT, COLUMN_TEXT, COLUMN_TEXT, COLUMN_LIST, COLUMN_LIST, COLUMN_TEXT, COLUMN_TEXT };
enum { COLUMNS = sizeof column_kinds / sizeof column_kinds[0], COLUMN_EMAIL = 1, COLUMN_EMAILS = 2 };

struct header { size_t column[CSV_MAX_FIELDS], count; };

static enum err_code add(struct import *i, size_t place, struct span json, struct span refused, struct err *err)
{
    if (i->count == i->room) {
        size_t room = i->room == 0 ? 1024 : i->room * 2;
        struct import_item *items = room <= IMPORT_MOST * 2u ? realloc(i->items, room * sizeof *items) : NULL;
        if (items == NULL)
            return err_set(err, ERR_LIMIT, "more than %d people in one file", IMPORT_MOST);
        i->items = items;
        i->room = room;
    }
    struct import_item *item = &i->items[i->count];
    *item = (struct import_item){ place, arena_copy(&i->arena, json), arena_copy(&i->arena, refused) };
    if (item->json.bytes != json.bytes || item->refused.bytes != refused.bytes)
        return err_set(err, ERR_LIMIT, "the people of this file take more than %d MiB", ARENA_BYTES / (1024 * 1024));
    i->count++;
    return OK;
}

/* ---- CSV ---- */

static enum err_code find_column(struct span name, struct header *h, struct err *err)
{
    for (size_t k = 0; k < COLUMNS; k++) {
        if (!span_equal_fold(name, span_of(column_names[k])))
            continue;
        for (size_t i = 0; i < h->count; i++)
            if (h->column[i] == k)
                return err_set(err, ERR_INPUT, "line 1: two columns are named %s", column_names[k]);
        h->column[h->count++] = k;
        return OK;
    }
    const char *nearest = nearest_word(name, column_names);
    return err_set(err, ERR_INPUT, "line 1: no column is named %.*s%s%s; the columns are id, email, emails, name, slack, groups, zone, region, locale, aliases, days, hours, write_at",
                   SPAN_ARGS(span_slice(name, 0, 64)), nearest != NULL ? ", perhaps " : "", nearest != NULL ? nearest : "");
}

static enum err_code read_header(struct csv *csv, struct header *h, struct err *err)
{
    bool more = false, mail = false;
    enum err_code code = csv_next(csv, &more, err);
    if (code == OK && !more)
        return err_set(err, ERR_INPUT, "the file is empty; its first line must name the columns: id, email, name, ...");
    if (code == OK && csv->count == 1 && span_find(csv->fields[0], ';') < csv->fields[0].bytes)
        return err_set(err, ERR_INPUT, "line 1: the columns are separated by ; where a comma must be; save the file with commas");
    for (size_t i = 0; code == OK && i < csv->count; i++)
        code = find_column(span_trim(csv->fields[i]), h, err);
    for (size_t i = 0; i < h->count; i++)
        mail = mail || h->column[i] == COLUMN_EMAIL || h->column[i] == COLUMN_EMAILS;
    if (code == OK && !mail)
        return err_set(err, ERR_INPUT, "line 1: there must be a column email (or emails): people are known by it");
    return code;
}

static void write_list(struct to_json *w, struct span cell)
{
    struct span part;
    to_json_array(w);
    while (span_cut(&cell, ';', &part))
        if (!span_empty(span_trim(part)))
            to_json_text(w, span_trim(part));
    to_json_end(w);
}

/* False when all cells are empty: spreadsheets leave such lines at the end. */
static bool write_row(const struct csv *csv, const struct header *h, struct to_json *w)
{
    bool any = false;
    to_json_object(w);
    for (size_t i = 0; i < csv->count; i++) {
        struct span cell = span_trim(csv->fields[i]);
        if (span_empty(cell))
            continue;
        any = true;
        to_json_key(w, column_names[h->column[i]]);
        if (column_kinds[h->column[i]] == COLUMN_LIST)
            write_list(w, cell);
        else
            to_json_text(w, cell);
    }
    to_json_end(w);
    return any;
}

static enum err_code add_row(struct import *i, const struct csv *csv, const struct header *h, struct buf *json, struct err *err)
{
    struct to_json w;
    if (csv->count != h->count)
        return add(i, csv->line, SPAN_NONE, arena_format(&i->arena, "has %zu fields, the header %zu", csv->count, h->count), err);
    buf_clear(json);
    to_json_init(&w, json);
    bool any = write_row(csv, h, &w);
    if (json->failed)
        return add(i, csv->line, SPAN_NONE, SPAN_LITERAL("is longer than 512 KiB"), err);
    return any ? add(i, csv->line, buf_span(json), SPAN_NONE, err) : OK;
}

static enum err_code read_csv(struct span text, struct import *out, struct err *err)
{
    CLEANUP(csv_done) struct csv csv;
    CLEANUP(buf_done) struct buf json;
    struct header header = { .count = 0 };
    bool more = true;
    csv_init(&csv, text);
    buf_init(&json, ITEM_BYTES);
    out->csv = true;
    enum err_code code = read_header(&csv, &header, err);
    while (code == OK && more) {
        code = csv_next(&csv, &more, err);
        if (code == OK && more)
            code = add_row(out, &csv, &header, &json, err);
    }
    return code;
}

/* ---- JSON ---- */

static enum err_code read_json(struct span text, struct import *out, struct err *err)
{
    static const char *const known[] = { "persons", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    CLEANUP(buf_done) struct buf json;
    struct from_json_limits limits = { IMPORT_FILE_BYTES, JSON_DEPTH };
    buf_init(&json, ITEM_BYTES);
    enum err_code code = from_json_parse(text, limits, "the file", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), list = root;
    if (from_json_kind(&root) == FROM_JSON_OBJECT) {
        code = from_json_only(&root, known, err);
        list = from_json_member(&root, "persons");
    }
    if (code == OK)
        code = from_json_array(&list, IMPORT_MOST, err);
    for (size_t i = 0; code == OK && i < from_json_count(&list); i++) {
        struct from_json_value item = from_json_item(&list, i);
        buf_clear(&json);
        bool fits = from_json_write(&item, &json);
        code = add(out, i + 1, fits ? buf_span(&json) : SPAN_NONE, fits ? SPAN_NONE : SPAN_LITERAL("is longer than 512 KiB"), err);
    }
    return code;
}

enum err_code import_read(struct span text, struct import *out, struct err *err)
{
    struct span start = span_trim(text);
    *out = (struct import){ .csv = false };
    arena_init(&out->arena, 256 * 1024, ARENA_BYTES);
    bool json = !span_empty(start) && (start.at[0] == '[' || start.at[0] == '{');
    return json ? read_json(text, out, err) : read_csv(text, out, err);
}

void import_done(struct import *i)
{
    if (i == NULL)
        return;
    arena_done(&i->arena);
    free(i->items);
    *i = (struct import){ .csv = false };
}
