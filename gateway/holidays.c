#include "gateway/holidays.h"

#include "gateway/change.h"
#include "gateway/cli/csv.h"
#include "posture/base/file.h"

#include <string.h>

enum { ARENA_BYTES = 8 * 1024 * 1024, FIRST_ZONE_S = 14 * 3600 /* a day begins so long before it does at UTC */ };

/* ---- reading ---- */

static enum err_code set_holiday(struct span region, struct span date, struct span title, struct arena *a, struct holiday *out, struct err *err)
{
    if (!holiday_region(span_trim(region), a, &out->region))
        return err_set(err, ERR_INPUT, "\"%.*s\" is no region: write DE, DE-BY, or * for everybody", SPAN_ARGS(span_slice(region, 0, 40)));
    if (!holiday_date(span_trim(date), &out->day))
        return err_set(err, ERR_INPUT, "\"%.*s\" is no date: write 2026-12-25", SPAN_ARGS(span_slice(date, 0, 40)));
    title = span_trim(title);
    if (title.bytes > HOLIDAY_TITLE_BYTES || !span_is_utf8(title))
        return err_set(err, ERR_INPUT, "a title has at most %d bytes of UTF-8", HOLIDAY_TITLE_BYTES);
    out->title = arena_copy(a, title);
    return OK;
}

static enum err_code finish(struct holiday *all, size_t count, struct holidays *out, struct err *err)
{
    const struct holiday *twice;
    if (!holidays_sort(all, count, &twice))
        return err_set(err, ERR_INPUT, "%.*s has %04d-%02d-%02d twice", SPAN_ARGS(twice->region), twice->day / 10000, twice->day / 100 % 100, twice->day % 100);
    *out = (struct holidays){ all, count };
    return OK;
}

static enum err_code read_item(const struct from_json_value *item, struct arena *a, struct holiday *out, struct err *err)
{
    static const char *const known[] = { "region", "date", "title", NULL };
    struct span texts[3] = { { 0 } };
    enum err_code code = from_json_object(item, err);
    if (code == OK)
        code = from_json_only(item, known, err);
    for (int i = 0; code == OK && i < 3; i++) {
        struct from_json_value member = from_json_member(item, known[i]);
        code = i < 2 ? from_json_text(&member, 256, &texts[i], err) : from_json_text_opt(&member, 256, &texts[i], err);
    }
    struct err why;
    if (code == OK && set_holiday(texts[0], texts[1], texts[2], a, out, &why) != OK)
        code = from_json_refuse(item, err, "is not a holiday: %s", why.text);
    return code;
}

enum err_code holidays_read_json(const struct from_json_value *list, struct arena *a, struct holidays *out, struct err *err)
{
    enum err_code code = from_json_array(list, HOLIDAYS_MOST, err);
    size_t count = code == OK ? from_json_count(list) : 0;
    struct holiday *all = arena_array(a, count + 1, sizeof *all);
    if (all == NULL)
        return err_set(err, ERR_MEMORY, "the list of holidays");
    for (size_t i = 0; code == OK && i < count; i++) {
        struct from_json_value item = from_json_item(list, i);
        code = read_item(&item, a, &all[i], err);
    }
    return code == OK ? finish(all, count, out, err) : code;
}

/* ---- CSV ---- */

enum { REGION, DATE, TITLE, COLUMNS };

/* Which field of a line is which; -1: not there. */
static enum err_code read_header(const struct csv *csv, int at[COLUMNS], struct err *err)
{
    static const char *const names[COLUMNS] = { "region", "date", "title" };
    at[REGION] = at[DATE] = at[TITLE] = -1;
    for (size_t i = 0; i < csv->count; i++) {
        int column = 0;
        while (column < COLUMNS && !span_equal_fold(span_trim(csv->fields[i]), span_of(names[column])))
            column++;
        if (column == COLUMNS)
            return err_set(err, ERR_INPUT, "line 1: no column is named \"%.*s\"; the columns are region, date, title", SPAN_ARGS(span_slice(csv->fields[i], 0, 40)));
        if (at[column] >= 0)
            return err_set(err, ERR_INPUT, "line 1: two columns are named %s", names[column]);
        at[column] = (int)i;
    }
    return at[REGION] >= 0 && at[DATE] >= 0 ? OK : err_set(err, ERR_INPUT, "line 1: the columns region and date are needed");
}

static enum err_code read_line(const struct csv *csv, size_t columns, const int at[COLUMNS], struct arena *a, struct holiday *out, struct err *err)
{
    if (csv->count != columns)
        return err_set(err, ERR_INPUT, "line %zu: has %zu fields, the first line has %zu", csv->line, csv->count, columns);
    struct span title = at[TITLE] >= 0 ? csv->fields[at[TITLE]] : SPAN_NONE;
    enum err_code code = set_holiday(csv->fields[at[REGION]], csv->fields[at[DATE]], title, a, out, err);
    return code == OK ? OK : err_wrap(err, "line %zu", csv->line);
}

static enum err_code read_lines(struct csv *csv, struct arena *a, struct holiday *all, size_t *count, struct err *err)
{
    int at[COLUMNS];
    bool more = false;
    enum err_code code = csv_next(csv, &more, err);
    if (code == OK && !more)
        return err_set(err, ERR_INPUT, "the file is empty; its first line must be: region,date,title");
    if (code == OK)
        code = read_header(csv, at, err);
    size_t columns = csv->count;
    while (code == OK && (code = csv_next(csv, &more, err)) == OK && more) {
        if (*count == HOLIDAYS_MOST)
            return err_set(err, ERR_LIMIT, "more than %d holidays in one file", HOLIDAYS_MOST);
        code = read_line(csv, columns, at, a, &all[*count], err);
        *count += code == OK;
    }
    return code;
}

enum err_code holidays_read_csv(struct span text, struct arena *a, struct holidays *out, struct err *err)
{
    struct csv csv;
    size_t count = 0;
    struct holiday *all = arena_array(a, HOLIDAYS_MOST, sizeof *all);
    if (all == NULL)
        return err_set(err, ERR_MEMORY, "the list of holidays");
    csv_init(&csv, text);
    enum err_code code = read_lines(&csv, a, all, &count, err);
    csv_done(&csv);
    return code == OK ? finish(all, count, out, err) : code;
}

/* ---- publishing ---- */

struct publishing { const struct node *node; const struct holidays_order *order; bool kept; };

static enum change_say edit(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    struct publishing *p = context;
    struct holidays old, list;
    struct to_json w;
    int32_t begun = calendar_local(p->node->calendar, SPAN_LITERAL("UTC"), clock_wall_s(p->node->clock) + FIRST_ZONE_S).day;
    if (holidays_from_json(before, events->arena, &old, err) != OK)
        return CHANGE_REFUSE;
    if (!holidays_replace(old, p->order->list, begun, events->arena, &list))
        return (void)err_set(err, ERR_MEMORY, "record holidays"), CHANGE_REFUSE;
    to_json_init(&w, after);
    holidays_to_json(list, &w);
    p->kept = p->order->only_if_empty && !span_empty(before) && !span_equal(before, buf_span(after));
    if (p->kept || span_equal(before, buf_span(after)))
        return CHANGE_NOTHING;
    struct span data = arena_format(events->arena, "{\"count\":%zu}", list.count);
    if (!change_event(events, p->node, "holidays.changed", SPAN_NONE, SPAN_NONE, p->order->by, data))
        return (void)err_set(err, ERR_MEMORY, "record holidays"), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

enum err_code holidays_publish(const struct node *node, struct store *store, const struct holidays_order *order, bool *kept, struct err *err)
{
    struct publishing p = { node, order, false };
    enum err_code code = change_control(node, store, SPAN_LITERAL("holidays"), edit, &p, err);
    *kept = p.kept;
    return code;
}

enum err_code holidays_publish_file(const struct node *node, struct store *store, const char *path, struct err *err)
{
    CLEANUP(buf_done) struct buf text;
    struct arena arena;
    struct holidays_order order = { .by = SPAN_LITERAL("file"), .only_if_empty = true };
    bool kept = false;
    buf_init(&text, HOLIDAYS_FILE_BYTES);
    arena_init(&arena, 64 * 1024, ARENA_BYTES);
    enum err_code code = file_read(path, HOLIDAYS_FILE_BYTES, &text, err);
    if (code == OK)
        code = holidays_read_csv(buf_span(&text), &arena, &order.list, err);
    if (code != OK)
        code = err_wrap(err, "holidays %s", path);
    if (code == OK)
        code = holidays_publish(node, store, &order, &kept, err);
    if (code == OK && kept)
        log_event(node->log, LOG_WARN, "holidays.file_differs", LOG_STR("file", path), LOG_STR("hint", "postern holiday import puts this file in force"));
    arena_done(&arena);
    return code;
}
