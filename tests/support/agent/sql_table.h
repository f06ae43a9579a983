/* sql_table: the virtual table behind every table of sql.h; used by sql.c alone. */
#ifndef AGENT_SQL_TABLE_H
#define AGENT_SQL_TABLE_H

#include "sql.h"

#include <sqlite3.h>

/* Shared by all tables of one database. */
struct sql_source {
    void *context;
    uint64_t statement; /* grows with each statement: what was filled for an older one is stale */
    unsigned platform;
    bool declaring;     /* a table is being declared: what SQLite then does to its own schema is allowed */
};

/* Makes `table` readable by its name. False when the schema does not have it for the platform. */
bool sql_table_register(sqlite3 *database, const struct table *table, struct sql_source *source);

/* osquery's own functions and collations. */
void sql_functions_register(sqlite3 *database);

#endif
