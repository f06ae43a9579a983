#include "sql_table.h"

#include "text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { COLUMNS_MAX = 64, ROWS_MAX = 200000 };

enum kind { KIND_TEXT, KIND_INTEGER, KIND_DOUBLE };

struct column {
    char name[48];
    enum kind kind;
    bool hidden, required;
};

struct shape {
    const struct table *table;
    struct sql_source *source;
    size_t count;
    bool needs_ask; /* it has required columns */
    struct column columns[COLUMNS_MAX];
};

struct rows {
    const struct shape *shape;
    char **cells; /* count * shape->count; NULL is SQL's NULL */
    size_t count, room;
    char *failure;
};

struct vtab {
    sqlite3_vtab base;
    const struct shape *shape;
    struct rows rows;       /* of a table that is filled once a statement */
    uint64_t statement;
};

struct cursor {
    sqlite3_vtab_cursor base;
    struct rows own;        /* of a table that is filled by what is asked */
    struct rows *rows;
    size_t at;
};

const char *ask_equal(const struct ask *ask, const char *column)
{
    for (size_t i = 0; i < ask->count; i++)
        if (!ask->terms[i].like && strcmp(ask->terms[i].column, column) == 0)
            return ask->terms[i].value;
    return NULL;
}

const char *rows_table(const struct rows *rows)
{
    return rows->shape->table->name;
}

void rows_next(struct rows *rows)
{
    if (rows->count == ROWS_MAX) {
        rows_fail(rows, "table %s has too many rows", rows->shape->table->name);
        return;
    }
    size_t wide = rows->shape->count;
    if (rows->count == rows->room) {
        rows->room = rows->room * 2 + 16;
        rows->cells = must_grow(rows->cells, rows->room * wide, sizeof(char *));
    }
    memset(rows->cells + rows->count * wide, 0, wide * sizeof(char *));
    rows->count++;
}

void rows_text_n(struct rows *rows, const char *column, const char *value, size_t size)
{
    if (rows->count == 0 || value == NULL)
        return;
    const struct shape *shape = rows->shape;
    size_t i = 0;
    while (i < shape->count && strcmp(shape->columns[i].name, column) != 0)
        i++;
    assert(i < shape->count);
    if (i == shape->count)
        return;
    char **cell = &rows->cells[(rows->count - 1) * shape->count + i];
    free(*cell);
    *cell = must_copy_n(value, size);
}

void rows_text(struct rows *rows, const char *column, const char *value)
{
    if (value != NULL)
        rows_text_n(rows, column, value, strlen(value));
}

void rows_number(struct rows *rows, const char *column, long long value)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%lld", value);
    rows_text(rows, column, digits);
}

void rows_fail(struct rows *rows, const char *format, ...)
{
    if (rows->failure != NULL)
        return;
    va_list list;
    va_start(list, format);
    if (vasprintf(&rows->failure, format, list) < 0)
        rows->failure = must_copy("failed");
    va_end(list);
}

static void rows_clear(struct rows *rows)
{
    for (size_t i = 0; i < rows->count * (rows->shape == NULL ? 0 : rows->shape->count); i++)
        free(rows->cells[i]);
    free(rows->cells);
    free(rows->failure);
    *rows = (struct rows){ .shape = rows->shape };
}

static void read_shape(struct shape *shape, const char *words)
{
    char *copy = must_copy(words), *rest = copy;
    for (char *word = next_word(&rest); word != NULL && shape->count < COLUMNS_MAX; word = next_word(&rest)) {
        struct column *column = &shape->columns[shape->count++];
        size_t size = strcspn(word, ":^!");
        assert(size < sizeof column->name);
        memcpy(column->name, word, size);
        column->kind = strstr(word, ":i") != NULL ? KIND_INTEGER : strstr(word, ":d") != NULL ? KIND_DOUBLE : KIND_TEXT;
        column->hidden = strchr(word, '^') != NULL;
        column->required = strchr(word, '!') != NULL;
        shape->needs_ask = shape->needs_ask || column->required;
    }
    free(copy);
}

static int on_connect(sqlite3 *database, void *aux, int argc, const char *const *argv, sqlite3_vtab **out, char **problem)
{
    (void)argc;
    (void)argv;
    (void)problem;
    const struct shape *shape = aux;
    struct text words;
    text_init(&words, 16384);
    text_puts(&words, "CREATE TABLE x(");
    for (size_t i = 0; i < shape->count; i++) {
        const struct column *column = &shape->columns[i];
        static const char *const types[] = { "TEXT", "BIGINT", "DOUBLE" };
        text_addf(&words, "%s\"%s\" %s%s", i == 0 ? "" : ",", column->name, types[column->kind],
                  column->hidden ? " HIDDEN" : "");
    }
    text_puts(&words, ")");
    shape->source->declaring = true;
    int rc = sqlite3_declare_vtab(database, text_str(&words));
    shape->source->declaring = false;
    text_done(&words);
    if (rc != SQLITE_OK)
        return rc;
    struct vtab *vtab = must_alloc(1, sizeof *vtab);
    vtab->shape = shape;
    vtab->rows.shape = shape;
    *out = &vtab->base;
    return SQLITE_OK;
}

static int on_disconnect(sqlite3_vtab *base)
{
    struct vtab *vtab = (struct vtab *)base;
    rows_clear(&vtab->rows);
    free(vtab);
    return SQLITE_OK;
}

/* The plan travels as words "column=", "column~" (LIKE), one per argument. */
static int on_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    const struct shape *shape = ((struct vtab *)base)->shape;
    info->estimatedCost = 100000;
    info->estimatedRows = 1000;
    if (!shape->table->by_ask)
        return SQLITE_OK;
    struct text plan;
    text_init(&plan, 1024);
    int used = 0;
    bool satisfied = !shape->needs_ask;
    for (int i = 0; i < info->nConstraint && used < ASK_TERMS_MAX; i++) {
        int column = info->aConstraint[i].iColumn;
        unsigned char op = info->aConstraint[i].op;
        if (!info->aConstraint[i].usable || column < 0 || (size_t)column >= shape->count)
            continue;
        if (op != SQLITE_INDEX_CONSTRAINT_EQ && op != SQLITE_INDEX_CONSTRAINT_LIKE)
            continue;
        info->aConstraintUsage[i].argvIndex = ++used;
        text_addf(&plan, "%s%c ", shape->columns[column].name, op == SQLITE_INDEX_CONSTRAINT_EQ ? '=' : '~');
        satisfied = satisfied || shape->columns[column].required;
    }
    info->idxStr = sqlite3_mprintf("%s", text_str(&plan));
    info->needToFreeIdxStr = 1;
    info->idxNum = satisfied ? 1 : 0;
    info->estimatedCost = !satisfied ? 1e12 : used > 0 ? 10 : 1000000;
    info->estimatedRows = used > 0 ? 10 : 1000;
    text_done(&plan);
    return SQLITE_OK;
}

static int on_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    struct cursor *cursor = must_alloc(1, sizeof *cursor);
    cursor->own.shape = ((struct vtab *)base)->shape;
    cursor->rows = &cursor->own;
    *out = &cursor->base;
    return SQLITE_OK;
}

static int on_close(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    rows_clear(&cursor->own);
    free(cursor);
    return SQLITE_OK;
}

static int failed(struct vtab *vtab, const char *words)
{
    sqlite3_free(vtab->base.zErrMsg);
    vtab->base.zErrMsg = sqlite3_mprintf("%s", words);
    return SQLITE_ERROR;
}

static void fill_by_ask(struct cursor *cursor, const struct shape *shape, const char *plan, int argc, sqlite3_value **argv)
{
    struct ask ask = { 0 };
    char *copy = must_copy(plan == NULL ? "" : plan), *rest = copy;
    for (int i = 0; i < argc; i++) {
        char *word = next_word(&rest);
        const char *value = (const char *)sqlite3_value_text(argv[i]);
        if (word == NULL || value == NULL)
            continue;
        size_t size = strlen(word);
        bool like = word[size - 1] == '~';
        word[size - 1] = '\0';
        ask.terms[ask.count++] = (struct ask_term){ .column = word, .like = like, .value = value };
    }
    rows_clear(&cursor->own);
    shape->table->fill(shape->source->context, &ask, &cursor->own);
    free(copy);
}

static int on_filter(sqlite3_vtab_cursor *base, int number, const char *plan, int argc, sqlite3_value **argv)
{
    struct cursor *cursor = (struct cursor *)base;
    struct vtab *vtab = (struct vtab *)base->pVtab;
    const struct shape *shape = vtab->shape;
    cursor->at = 0;
    if (shape->table->by_ask) {
        if (number == 0 && shape->needs_ask)
            return failed(vtab, "constraint failed: a required column is missing in the WHERE clause");
        fill_by_ask(cursor, shape, plan, argc, argv);
        cursor->rows = &cursor->own;
    } else {
        if (vtab->statement != shape->source->statement) {
            static const struct ask nothing;
            rows_clear(&vtab->rows);
            shape->table->fill(shape->source->context, &nothing, &vtab->rows);
            vtab->statement = shape->source->statement;
        }
        cursor->rows = &vtab->rows;
    }
    return cursor->rows->failure == NULL ? SQLITE_OK : failed(vtab, cursor->rows->failure);
}

static int on_next(sqlite3_vtab_cursor *base)
{
    ((struct cursor *)base)->at++;
    return SQLITE_OK;
}

static int on_eof(sqlite3_vtab_cursor *base)
{
    const struct cursor *cursor = (const struct cursor *)base;
    return cursor->at >= cursor->rows->count;
}

static int on_column(sqlite3_vtab_cursor *base, sqlite3_context *out, int column)
{
    const struct cursor *cursor = (const struct cursor *)base;
    const struct shape *shape = cursor->rows->shape;
    if (column < 0 || (size_t)column >= shape->count)
        return SQLITE_OK;
    const char *cell = cursor->rows->cells[cursor->at * shape->count + (size_t)column];
    long long number = 0;
    if (cell == NULL)
        sqlite3_result_null(out);
    else if (shape->columns[column].kind == KIND_TEXT)
        sqlite3_result_text(out, cell, -1, SQLITE_TRANSIENT);
    else if (shape->columns[column].kind == KIND_DOUBLE && cell[0] != '\0')
        sqlite3_result_double(out, strtod(cell, NULL));
    else if (parse_number(cell, INT64_MIN, INT64_MAX, &number))
        sqlite3_result_int64(out, number);
    else
        sqlite3_result_null(out);
    return SQLITE_OK;
}

/* With OR, SQLite asks several times and drops rows whose id it has seen: the same row must have the same id in every
 * answer, and another row another one. So it comes from the row's content. */
static int on_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    const struct cursor *cursor = (const struct cursor *)base;
    size_t wide = cursor->rows->shape->count;
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < wide; i++) {
        const char *cell = cursor->rows->cells[cursor->at * wide + i];
        for (const char *at = cell == NULL ? "" : cell; *at != '\0'; at++)
            hash = (hash ^ (unsigned char)*at) * 1099511628211u;
        hash = (hash ^ (cell == NULL ? 256u : 257u)) * 1099511628211u;
    }
    *out = (sqlite3_int64)(cursor->rows == &cursor->own ? hash : cursor->at);
    return SQLITE_OK;
}

/* Without xCreate the table exists by its module's name alone. */
static const sqlite3_module module = {
    .iVersion = 1, .xConnect = on_connect, .xBestIndex = on_best_index, .xDisconnect = on_disconnect,
    .xOpen = on_open, .xClose = on_close, .xFilter = on_filter, .xNext = on_next, .xEof = on_eof,
    .xColumn = on_column, .xRowid = on_rowid,
};

bool sql_table_register(sqlite3 *database, const struct table *table, struct sql_source *source)
{
    const struct schema_table *known = schema_find(table->name, source->platform);
    if (known == NULL)
        return false;
    struct shape *shape = must_alloc(1, sizeof *shape);
    shape->table = table;
    shape->source = source;
    read_shape(shape, known->columns);
    return sqlite3_create_module_v2(database, table->name, &module, shape, free) == SQLITE_OK;
}
