#include "posture/evaluate_facts.h"

#include <stdlib.h>
#include <string.h>

static int compare_facts(const void *left, const void *right)
{
    const struct fact *a = left, *b = right;
    return span_compare(a->name, b->name);
}

bool fact_edit_begin(struct fact_edit *edit, struct device *device, size_t more)
{
    size_t room = device->fact_count + more < DEVICE_MAX_FACTS ? device->fact_count + more : DEVICE_MAX_FACTS;
    if (room < device->fact_count)
        room = device->fact_count;
    *edit = (struct fact_edit){ .device = device, .room = room, .count = device->fact_count };
    edit->all = arena_array(&device->arena, room, sizeof *edit->all);
    if (edit->all == NULL)
        return false;
    if (edit->count > 0)
        memcpy(edit->all, device->facts, edit->count * sizeof *edit->all);
    qsort(edit->all, edit->count, sizeof *edit->all, compare_facts);
    return true;
}

/* Where `name` stands, or would. */
static size_t place_of(const struct fact_edit *edit, struct span name)
{
    size_t low = 0, high = edit->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (span_compare(edit->all[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool stands_at(const struct fact_edit *edit, size_t place, struct span name)
{
    return place < edit->count && span_equal(edit->all[place].name, name);
}

const struct fact *fact_edit_find(const struct fact_edit *edit, struct span name)
{
    size_t place = place_of(edit, name);
    return stands_at(edit, place, name) ? &edit->all[place] : NULL;
}

/* Takes the new text over, keeping the old memory when nothing differs. */
static bool take_text(struct fact_edit *edit, struct span *kept, struct span new)
{
    if (span_equal(*kept, new))
        return true;
    struct span copy = arena_copy(&edit->device->arena, new);
    if (copy.at == NULL && new.bytes > 0)
        return false;
    *kept = copy;
    edit->changed = true;
    return true;
}

enum err_code fact_edit_put(struct fact_edit *edit, const struct fact *fact, struct err *err)
{
    size_t place = place_of(edit, fact->name);
    if (!stands_at(edit, place, fact->name)) {
        if (edit->count == edit->room)
            return err_set(err, ERR_LIMIT, "fact %.*s: the device has %zu facts already", SPAN_ARGS(fact->name), edit->count);
        memmove(&edit->all[place + 1], &edit->all[place], (edit->count - place) * sizeof edit->all[0]);
        edit->all[place] = (struct fact){ 0 };
        edit->count++;
        edit->changed = true;
    }
    struct fact *kept = &edit->all[place];
    kept->observed_s = fact->observed_s;
    kept->expires_s = fact->expires_s;
    bool copied = take_text(edit, &kept->name, fact->name) && take_text(edit, &kept->value, fact->value) &&
                  take_text(edit, &kept->source, fact->source) && take_text(edit, &kept->version, fact->version);
    return copied ? OK : err_set(err, ERR_MEMORY, "fact %.*s: no memory left in the device record", SPAN_ARGS(fact->name));
}

void fact_edit_remove(struct fact_edit *edit, struct span name)
{
    size_t place = place_of(edit, name);
    if (!stands_at(edit, place, name))
        return;
    memmove(&edit->all[place], &edit->all[place + 1], (edit->count - place - 1) * sizeof edit->all[0]);
    edit->count--;
    edit->changed = true;
}

void fact_edit_filter(struct fact_edit *edit, bool (*wanted)(void *, const struct fact *), void *context)
{
    size_t kept = 0;
    for (size_t i = 0; i < edit->count; i++)
        if (wanted(context, &edit->all[i]))
            edit->all[kept++] = edit->all[i];
    edit->changed = edit->changed || kept < edit->count;
    edit->count = kept;
}

void fact_edit_end(struct fact_edit *edit)
{
    edit->device->facts = edit->all;
    edit->device->fact_count = edit->count;
}

void fact_view_init(struct fact_view *view, const struct fact_edit *facts, int64_t now_s, int64_t fresh_for_s)
{
    *view = (struct fact_view){ .facts = facts, .now_s = now_s, .fresh_for_s = fresh_for_s };
}

void fact_view_done(struct fact_view *view)
{
    for (size_t i = 0; i < view->count; i++)
        from_json_free(view->read[i].value);
    view->count = 0;
}

/* The first second in which it is past its lifetime, or older than the check wants. */
static int64_t end_of(const struct fact *fact, int64_t fresh_for_s)
{
    int64_t stale_s = fact->observed_s + fresh_for_s + 1;
    return fact->expires_s != 0 && fact->expires_s < stale_s ? fact->expires_s : stale_s;
}

/* One that has ended is as good as none. */
static const struct fact *find_good(const struct fact_view *view, struct span name)
{
    const struct fact *fact = fact_edit_find(view->facts, name);
    return fact != NULL && view->now_s < end_of(fact, view->fresh_for_s) ? fact : NULL;
}

static struct from_json *parse(struct fact_view *view, struct span name)
{
    struct from_json_limits limits = { FACT_VALUE_BYTES, 16 };
    struct from_json *value = NULL;
    const struct fact *fact = find_good(view, name);
    if (fact == NULL || view->count == CHECK_MAX_NAMES || from_json_parse(fact->value, limits, "fact", &value, NULL) != OK)
        return NULL;
    if (fact->observed_s > view->newest_s)
        view->newest_s = fact->observed_s;
    int64_t end_s = end_of(fact, view->fresh_for_s);
    if (view->end_s == 0 || end_s < view->end_s)
        view->end_s = end_s;
    view->read[view->count].name = name;
    view->read[view->count++].value = value;
    return value;
}

bool fact_view_get(void *context, struct span name, struct from_json_value *out)
{
    struct fact_view *view = context;
    struct from_json *value = NULL;
    for (size_t i = 0; i < view->count && value == NULL; i++)
        if (span_equal(view->read[i].name, name))
            value = view->read[i].value;
    if (value == NULL)
        value = parse(view, name);
    if (value == NULL)
        return false;
    *out = from_json_root(value);
    return true;
}

bool fact_view_has_any(const struct fact_view *view, const struct check_platform *on)
{
    for (size_t i = 0; i < on->fact_count; i++)
        if (find_good(view, on->facts[i]) != NULL)
            return true;
    return false;
}
