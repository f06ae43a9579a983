#include "sql.h"

#include "sql_table.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct sql {
    sqlite3 *database;
    struct sql_source source;
    int64_t deadline_ms;
};

static int reading_only(void *context, int action, const char *a, const char *b, const char *c, const char *d)
{
    (void)a, (void)b, (void)c, (void)d;
    const struct sql *sql = context;
    return sql->source.declaring || action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_FUNCTION || action == SQLITE_RECURSIVE
               ? SQLITE_OK
               : SQLITE_DENY;
}

static int out_of_time(void *context)
{
    const struct sql *sql = context;
    return mono_ms() > sql->deadline_ms;
}

struct sql *sql_open(unsigned platform, const struct table *tables, size_t count, void *context)
{
    struct sql *sql = must_alloc(1, sizeof *sql);
    sql->source = (struct sql_source){ .context = context, .platform = platform };
    if (sqlite3_open(":memory:", &sql->database) != SQLITE_OK) {
        complain("cannot open SQLite: %s", sqlite3_errmsg(sql->database));
        exit(1);
    }
    sql_functions_register(sql->database);
    for (size_t i = 0; i < count; i++)
        sql_table_register(sql->database, &tables[i], &sql->source);
    sqlite3_limit(sql->database, SQLITE_LIMIT_SQL_LENGTH, SQL_TEXT_MAX);
    sqlite3_set_authorizer(sql->database, reading_only, sql);
    sqlite3_progress_handler(sql->database, 10000, out_of_time, sql);
    return sql;
}

void sql_close(struct sql *sql)
{
    if (sql == NULL)
        return;
    sqlite3_close(sql->database);
    free(sql);
}

static json_t *cell(sqlite3_stmt *statement, int column, bool numerics)
{
    int type = sqlite3_column_type(statement, column);
    if (numerics && type == SQLITE_INTEGER)
        return json_integer(sqlite3_column_int64(statement, column));
    if (numerics && type == SQLITE_FLOAT && isfinite(sqlite3_column_double(statement, column)))
        return json_real(sqlite3_column_double(statement, column));
    const char *text = (const char *)sqlite3_column_text(statement, column);
    json_t *out = json_string(text == NULL ? "" : text);
    if (out != NULL)
        return out;
    /* Bytes that are not UTF-8: shown with the offending ones replaced. */
    char *copy = must_copy(text);
    for (char *at = copy; *at != '\0'; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    out = json_string(copy);
    free(copy);
    return out;
}

static int step_all(struct sql *sql, sqlite3_stmt *statement, bool numerics, json_t *rows)
{
    int rc;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        if (json_array_size(rows) >= SQL_ROWS_MAX || mono_ms() > sql->deadline_ms)
            return SQLITE_INTERRUPT;
        json_t *row = json_object();
        for (int i = 0; i < sqlite3_column_count(statement); i++)
            json_object_set_new(row, sqlite3_column_name(statement, i), cell(statement, i, numerics));
        json_array_append_new(rows, row);
    }
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

struct sql_answer sql_run(struct sql *sql, const char *statement, bool numerics)
{
    struct sql_answer answer = { .rows = json_array() };
    int64_t started_us = mono_us();
    sql->deadline_ms = mono_ms() + SQL_TIME_MS;
    sql->source.statement++;
    const char *rest = statement;
    int rc = SQLITE_OK;
    while (rc == SQLITE_OK && *rest != '\0') {
        sqlite3_stmt *prepared = NULL;
        rc = sqlite3_prepare_v2(sql->database, rest, -1, &prepared, &rest);
        if (rc != SQLITE_OK || prepared == NULL)
            break;
        rc = step_all(sql, prepared, numerics, answer.rows);
        if (rc != SQLITE_OK && answer.message == NULL)
            answer.message = must_copy(rc == SQLITE_INTERRUPT ? "interrupted: too long" : sqlite3_errmsg(sql->database));
        sqlite3_finalize(prepared);
    }
    if (rc != SQLITE_OK) {
        answer.status = rc == SQLITE_ERROR ? 1 : rc;
        if (answer.message == NULL)
            answer.message = must_copy(sqlite3_errmsg(sql->database));
        json_array_clear(answer.rows);
    }
    answer.took_us = mono_us() - started_us;
    return answer;
}

void sql_answer_done(struct sql_answer *answer)
{
    json_decref(answer->rows);
    free(answer->message);
    *answer = (struct sql_answer){ 0 };
}
