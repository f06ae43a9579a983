#include "posture/holiday.h"

#include "posture/calendar_tzif.h"
#include "posture/record_body.h"

#include <stdlib.h>

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

enum { DEPTH = 8 };

static bool is_word(char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool holiday_region(struct span text, struct arena *a, struct span *region)
{
    char *upper = text.bytes == 0 || text.bytes > HOLIDAY_REGION_BYTES ? NULL : arena_alloc(a, text.bytes);
    if (upper == NULL)
        return false;
    for (size_t i = 0; i < text.bytes; i++)
        upper[i] = (char)(text.at[i] >= 'a' && text.at[i] <= 'z' ? text.at[i] - 'a' + 'A' : text.at[i]);
    *region = span_make(upper, text.bytes);
    if (span_equal_text(*region, "*"))
        return true;
    for (size_t i = 0; i < text.bytes; i++)
        if (!is_word(upper[i]) && !(upper[i] == '-' && i > 0 && i + 1 < text.bytes && upper[i - 1] != '-'))
            return false;
    return true;
}

bool holiday_date(struct span text, int32_t *day)
{
    uint64_t year, month, date;
    int64_t real_year;
    int real_month, real_day;
    if (text.bytes != 10 || text.at[4] != '-' || text.at[7] != '-')
        return false;
    if (!span_to_u64(span_slice(text, 0, 4), &year) || !span_to_u64(span_slice(text, 5, 2), &month) || !span_to_u64(span_slice(text, 8, 2), &date))
        return false;
    if (year < 1970 || month < 1 || month > 12 || date < 1 || date > 31)
        return false;
    tzif_date(tzif_days((int64_t)year, (int)month, (int)date), &real_year, &real_month, &real_day);
    *day = (int32_t)(year * 10000 + month * 100 + date);
    return real_month == (int)month && real_day == (int)date; /* 31 April is the first of May */
}

static int compare(const void *left, const void *right)
{
    const struct holiday *a = left, *b = right;
    int order = span_compare(a->region, b->region);
    return order != 0 ? order : (a->day > b->day) - (a->day < b->day);
}

bool holidays_sort(struct holiday *all, size_t count, const struct holiday **twice)
{
    if (count > 1)
        qsort(all, count, sizeof *all, compare);
    for (size_t i = 1; i < count; i++) {
        if (compare(&all[i - 1], &all[i]) != 0)
            continue;
        *twice = &all[i];
        return false;
    }
    return true;
}

/* ---- the record ---- */

static const struct record_body_field fields[] = {
    { "region", RECORD_TEXT, offsetof(struct holiday, region), HOLIDAY_REGION_BYTES },
    { "day", RECORD_DAY, offsetof(struct holiday, day), 0 },
    { "title", RECORD_TEXT, offsetof(struct holiday, title), 1024 },
};

static bool has(struct holidays all, const struct holiday *one) { return all.count > 0 && bsearch(one, all.all, all.count, sizeof *one, compare) != NULL; }

static int by_day(const void *left, const void *right)
{
    const struct holiday *a = left, *b = right;
    return (a->day < b->day) - (a->day > b->day);
}

bool holidays_replace(struct holidays old, struct holidays next, int32_t begun, struct arena *a, struct holidays *out)
{
    struct holiday *all = arena_array(a, old.count + next.count + 1, sizeof *all);
    const struct holiday *twice;
    size_t count = 0;
    if (all == NULL)
        return false;
    for (size_t i = 0; i < next.count; i++)
        all[count++] = next.all[i];
    for (size_t i = 0; i < old.count; i++)
        if (old.all[i].day <= begun && !has(next, &old.all[i]))
            all[count++] = old.all[i];
    qsort(all, count, sizeof *all, by_day);
    count = count < HOLIDAYS_MOST ? count : HOLIDAYS_MOST;
    *out = (struct holidays){ all, count };
    return holidays_sort(all, count, &twice);
}

void holidays_to_json(struct holidays all, struct to_json *w)
{
    to_json_object(w);
    to_json_key(w, "holidays");
    to_json_array(w);
    for (size_t i = 0; i < all.count; i++) {
        to_json_object(w);
        record_body_write(w, fields, COUNT(fields), &all.all[i]);
        to_json_end(w);
    }
    to_json_end(w);
    to_json_end(w);
}

enum err_code holidays_from_json(struct span body, struct arena *a, struct holidays *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct record_body b = { .arena = a, .err = err };
    struct from_json_value list;
    const struct holiday *twice;
    void *room;
    *out = (struct holidays){ 0 };
    if (span_empty(body))
        return OK;
    b.code = from_json_parse(body, (struct from_json_limits){ HOLIDAY_BODY_BYTES, DEPTH }, "record holidays", &doc, err);
    if (b.code != OK)
        return b.code;
    struct from_json_value root = from_json_root(doc);
    size_t count = record_body_list(&b, &root, "holidays", HOLIDAYS_MOST, sizeof(struct holiday), &list, &room);
    struct holiday *all = room;
    for (size_t i = 0; i < count; i++) {
        struct from_json_value item = from_json_item(&list, i);
        record_body_read(&b, &item, fields, COUNT(fields), &all[i]);
    }
    if (b.code == OK)
        *out = (struct holidays){ all, count };
    (void)holidays_sort(all, count, &twice); /* twice is as good as once */
    return b.code;
}

struct holidays holidays_copy(struct holidays all, struct arena *a, enum err_code *code)
{
    struct record_body b = { .arena = a };
    const struct holiday *copy = record_body_own_list(&b, all.all, all.count, sizeof *all.all, fields, COUNT(fields));
    *code = b.code;
    return (struct holidays){ copy, copy == NULL ? 0 : all.count };
}
