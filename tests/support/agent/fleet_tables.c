#include "fleet_tables.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PLATFORMS = 3, BUCKETS = 1024, KEPT_MAX = 20000 };

/* One kept answer. */
struct kept {
    struct kept *next;
    unsigned platform, defects;
    bool numerics;
    char *statement;
    struct sql_answer answer;
};

struct platform_tables {
    struct sql *sql;
    struct table *tables;
    const struct fleet_rows *rows;
};

struct fleet_tables {
    struct platform_tables platforms[PLATFORMS];
    struct kept *buckets[BUCKETS];
    size_t kept_count;
    struct device *device; /* whose statement runs */
    bool personal;         /* it read something of the device itself */
};

static size_t index_of(unsigned platform)
{
    return platform == PLATFORM_LINUX ? 0 : platform == PLATFORM_MACOS ? 1 : 2;
}

static const char *personal_value(const struct device *device, const char *name, size_t size, char number[32])
{
    static const char *const names[] = { "uuid", "serial", "hostname", "model", "instance", "user", "now", "start",
                                         "uptime" };
    size_t i = 0;
    while (i < sizeof names / sizeof names[0] && (strlen(names[i]) != size || strncmp(names[i], name, size) != 0))
        i++;
    const char *words[] = { device->uuid, device->serial, device->hostname, device->model, device->instance_id,
                            device->username };
    if (i < 6)
        return words[i];
    if (i > 8)
        return NULL;
    int64_t value = i == 6 ? wall_s() : i == 7 ? device->started_s : wall_s() - device->started_s + 86400;
    snprintf(number, 32, "%lld", (long long)value);
    return number;
}

/* The value with what stands in braces replaced; true when anything was. */
static bool expand(const struct device *device, const char *value, size_t size, struct text *out)
{
    bool any = false;
    for (size_t i = 0; i < size; i++) {
        const char *end = value[i] == '{' ? memchr(value + i, '}', size - i) : NULL;
        char number[32];
        const char *own = end == NULL ? NULL
                                      : personal_value(device, value + i + 1, (size_t)(end - value) - i - 1, number);
        if (own == NULL) {
            text_add(out, value + i, 1);
            continue;
        }
        text_puts(out, own);
        i = (size_t)(end - value);
        any = true;
    }
    return any;
}

static void add_cell(struct fleet_tables *tables, struct rows *rows, const char *cell, size_t size)
{
    const char *equals = memchr(cell, '=', size);
    if (equals == NULL)
        return;
    char name[64];
    size_t length = (size_t)(equals - cell);
    snprintf(name, sizeof name, "%.*s", (int)length, cell);
    struct text value;
    text_init(&value, 8192);
    if (expand(tables->device, equals + 1, size - length - 1, &value))
        tables->personal = true;
    rows_text(rows, name, text_str(&value));
    text_done(&value);
}

/* The path of a registry value is its key and its name. */
static void add_registry_path(struct rows *rows, const char *cells)
{
    const char *key = strstr(cells, "key="), *name = strstr(cells, "|name=");
    if (key == NULL || name == NULL)
        return;
    char *path = must_format("%.*s\\%.*s", (int)strcspn(key + 4, "|"), key + 4, (int)strcspn(name + 6, "|"), name + 6);
    rows_text(rows, "path", path);
    free(path);
}

static void add_row(struct fleet_tables *tables, struct rows *rows, const struct fleet_row *row)
{
    rows_next(rows);
    const char *at = row->cells;
    while (*at != '\0') {
        size_t size = strcspn(at, "|");
        add_cell(tables, rows, at, size);
        at += size + (at[size] == '|');
    }
    if (strcmp(row->table, "registry") == 0)
        add_registry_path(rows, row->cells);
    const char *path = strcmp(row->table, "file") == 0 ? row->cells + 5 : NULL;
    if (path != NULL) {
        const char *slash = strrchr(path, '/');
        if (slash != NULL) {
            rows_text_n(rows, "directory", path, (size_t)(slash - path));
            rows_text_n(rows, "filename", slash + 1, strcspn(slash + 1, "|"));
        }
    }
}

static void add_time(struct rows *rows)
{
    time_t now = (time_t)wall_s();
    struct tm parts;
    gmtime_r(&now, &parts);
    char words[64];
    rows_next(rows);
    strftime(words, sizeof words, "%A", &parts);
    rows_text(rows, "weekday", words);
    rows_number(rows, "year", parts.tm_year + 1900);
    rows_number(rows, "month", parts.tm_mon + 1);
    rows_number(rows, "day", parts.tm_mday);
    rows_number(rows, "hour", parts.tm_hour);
    rows_number(rows, "minutes", parts.tm_min);
    rows_number(rows, "seconds", parts.tm_sec);
    rows_text(rows, "timezone", "UTC");
    rows_text(rows, "local_timezone", "UTC");
    rows_number(rows, "unix_time", (long long)now);
    strftime(words, sizeof words, "%Y-%m-%dT%H:%M:%SZ", &parts);
    rows_text(rows, "datetime", words);
    rows_text(rows, "iso_8601", words);
}

static void fill(struct fleet_tables *tables, const char *name, struct rows *rows)
{
    const struct device *device = tables->device;
    if (strcmp(name, "time") == 0) {
        tables->personal = true;
        add_time(rows);
        return;
    }
    if (strcmp(name, "osquery_schedule") == 0) {
        tables->personal = true;
        if (device->agent != NULL)
            agent_schedule_rows(device->agent, rows);
        return;
    }
    const struct fleet_rows *all = tables->platforms[index_of(device->platform)].rows;
    for (size_t i = 0; i < all->count; i++) {
        const struct fleet_row *row = &all->rows[i];
        if (strcmp(row->table, name) == 0 && (device->defects & row->with) == row->with
            && (device->defects & row->without) == 0)
            add_row(tables, rows, row);
    }
}

static void fill_table(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    fill(context, rows_table(rows), rows);
}

struct fleet_tables *fleet_tables_new(void)
{
    static const unsigned platforms[PLATFORMS] = { PLATFORM_LINUX, PLATFORM_MACOS, PLATFORM_WINDOWS };
    const struct fleet_rows *data[PLATFORMS] = { &fleet_rows_linux, &fleet_rows_macos, &fleet_rows_windows };
    struct fleet_tables *tables = must_alloc(1, sizeof *tables);
    for (size_t p = 0; p < PLATFORMS; p++) {
        struct platform_tables *one = &tables->platforms[p];
        one->rows = data[p];
        one->tables = must_alloc(schema_count(), sizeof *one->tables);
        size_t count = 0;
        for (size_t i = 0; i < schema_count(); i++) {
            const struct schema_table *known = schema_at(i);
            /* A made-up device has what its rows say: a table without rows is truly empty. */
            if ((known->platforms & platforms[p]) != 0)
                one->tables[count++] = (struct table){ known->name, fill_table, strchr(known->columns, '!') != NULL };
        }
        one->sql = sql_open(platforms[p], one->tables, count, tables);
    }
    return tables;
}

static void drop_kept(struct fleet_tables *tables)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct kept *at = tables->buckets[i], *next; at != NULL; at = next) {
            next = at->next;
            sql_answer_done(&at->answer);
            free(at->statement);
            free(at);
        }
        tables->buckets[i] = NULL;
    }
    tables->kept_count = 0;
}

void fleet_tables_free(struct fleet_tables *tables)
{
    if (tables == NULL)
        return;
    drop_kept(tables);
    for (size_t p = 0; p < PLATFORMS; p++) {
        sql_close(tables->platforms[p].sql);
        free(tables->platforms[p].tables);
    }
    free(tables);
}

static size_t bucket_of(const char *statement, unsigned defects, unsigned platform)
{
    uint64_t hash = 14695981039346656037u ^ defects ^ ((uint64_t)platform << 32);
    for (const char *at = statement; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    return (hash ^ (hash >> 29)) % BUCKETS;
}

static struct sql_answer copy_of(const struct sql_answer *answer)
{
    struct sql_answer out = *answer;
    json_incref(out.rows);
    out.message = answer->message == NULL ? NULL : must_copy(answer->message);
    return out;
}

struct sql_answer fleet_tables_answer(struct fleet_tables *tables, struct device *device, const char *statement,
                                      bool numerics)
{
    unsigned set = device->defects & ~(unsigned)BEHAVIOUR;
    size_t bucket = bucket_of(statement, set, device->platform);
    for (struct kept *at = tables->buckets[bucket]; at != NULL; at = at->next)
        if (at->defects == set && at->platform == device->platform && at->numerics == numerics
            && strcmp(at->statement, statement) == 0)
            return copy_of(&at->answer);
    tables->device = device;
    tables->personal = false;
    struct sql_answer answer = sql_run(tables->platforms[index_of(device->platform)].sql, statement, numerics);
    if (tables->personal)
        return answer;
    if (tables->kept_count >= KEPT_MAX)
        drop_kept(tables);
    struct kept *kept = must_alloc(1, sizeof *kept);
    *kept = (struct kept){ tables->buckets[bucket], device->platform, set, numerics, must_copy(statement),
                           copy_of(&answer) };
    tables->buckets[bucket] = kept;
    tables->kept_count++;
    return answer;
}
