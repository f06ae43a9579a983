/* schema: the tables of osquery 5.23.1 that this agent can answer, with their columns, as osquery's documentation lists them
 * per platform. A table that is not here does not exist for the agent ("no such table"). */
#ifndef AGENT_SCHEMA_H
#define AGENT_SCHEMA_H

#include <stddef.h>

enum { PLATFORM_LINUX = 1, PLATFORM_MACOS = 2, PLATFORM_WINDOWS = 4, PLATFORM_ANY = 7 };

struct schema_table {
    const char *name;
    unsigned platforms;
    const char *columns; /* words: name, then ":i" integer, ":d" double, "^" hidden, "!" required in the WHERE clause */
};

/* NULL when that platform has no such table. */
const struct schema_table *schema_find(const char *name, unsigned platform);
size_t schema_count(void);
const struct schema_table *schema_at(size_t index);

#endif
