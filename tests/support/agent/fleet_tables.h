/* fleet_tables: the tables of a made-up device: rows of data per platform, some of them only with or without a defect. */
#ifndef AGENT_FLEET_TABLES_H
#define AGENT_FLEET_TABLES_H

#include "fleet_device.h"

/* Present when the device has all defects of `with` and none of `without`. Cells are "column=value" separated by "|".
 * {uuid} {serial} {hostname} {model} {instance} {user} {now} {start} {uptime} stand for the device's own. */
struct fleet_row {
    const char *table;
    unsigned with, without;
    const char *cells;
};

struct fleet_rows {
    const struct fleet_row *rows;
    size_t count;
};

extern const struct fleet_rows fleet_rows_linux, fleet_rows_macos, fleet_rows_windows;

struct fleet_tables;

struct fleet_tables *fleet_tables_new(void);
void fleet_tables_free(struct fleet_tables *tables);
/* Answers kept per (platform, defects, statement) where the answer says nothing of the single device. */
struct sql_answer fleet_tables_answer(struct fleet_tables *tables, struct device *device, const char *statement,
                                      bool numerics);

#endif
