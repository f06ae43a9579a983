/* sql: answers a statement with SQLite over tables that are filled while it runs. Each table is a virtual one: its fill
 * function is called when the statement reads it, so only what a statement names is ever looked at.
 * Reading only: anything but SELECT is refused. At most 10 s and 100000 rows a statement. */
#ifndef AGENT_SQL_H
#define AGENT_SQL_H

#include "schema.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { ASK_TERMS_MAX = 8, SQL_ROWS_MAX = 100000, SQL_TIME_MS = 10000, SQL_TEXT_MAX = 1024 * 1024 };

/* What the WHERE clause says of text or number columns by = (or IN, one value at a time) and LIKE. */
struct ask_term {
    const char *column;
    bool like;
    const char *value;
};

struct ask {
    size_t count;
    struct ask_term terms[ASK_TERMS_MAX];
};

/* The value asked for by =, or NULL. */
const char *ask_equal(const struct ask *ask, const char *column);

/* The rows of one table while it is filled. Columns that are not set are NULL. Unknown columns are a mistake of ours
 * and end the process in a build with asserts. */
struct rows;
const char *rows_table(const struct rows *rows); /* its name */
void rows_next(struct rows *rows);
void rows_text(struct rows *rows, const char *column, const char *value);
void rows_text_n(struct rows *rows, const char *column, const char *value, size_t size);
void rows_number(struct rows *rows, const char *column, long long value);
/* The statement fails with these words instead of an answer that would be untrue. */
__attribute__((format(printf, 2, 3))) void rows_fail(struct rows *rows, const char *format, ...);

struct table {
    const char *name;
    /* Adds every row, or at least those that `ask` names (SQLite filters again). */
    void (*fill)(void *context, const struct ask *ask, struct rows *rows);
    bool by_ask; /* fill it anew for each set of asked values; otherwise once a statement, with an empty `ask` */
};

struct sql;

/* Owned by the caller. Borrows `tables` and `context`, which must outlive it. */
struct sql *sql_open(unsigned platform, const struct table *tables, size_t count, void *context);
void sql_close(struct sql *sql);

struct sql_answer {
    int status;      /* 0, 1 a general failure, otherwise an SQLite code, as osquery reports */
    json_t *rows;    /* owned by the caller: array of objects of strings (numbers with `numerics`); empty on failure */
    char *message;   /* owned; NULL on success */
    int64_t took_us;
};

struct sql_answer sql_run(struct sql *sql, const char *statement, bool numerics);
void sql_answer_done(struct sql_answer *answer);

#endif
