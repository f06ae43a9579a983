/* Days on which no clock runs: public holidays by region, and the absences of many people at once (dates, never a reason). */
#include "gateway/api/admin.h"
#include "gateway/holidays.h"
#include "gateway/people.h"

enum { ABSENCES_MOST = 5000 };

/* ---- holidays ---- */

static struct span date_text(const struct http_request *r, int32_t day)
{
    return arena_format(r->arena, "%04d-%02d-%02d", day / 10000, day / 100 % 100, day % 100);
}

static void write_holidays(struct http_request *r, struct http_response *res)
{
    directory_enter(r->node->directory);
    struct holidays all = directory_control(r->node->directory)->holidays;
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "holidays");
    to_json_array(&w);
    for (size_t i = 0; i < all.count; i++) {
        to_json_object(&w);
        to_json_member_text(&w, "region", all.all[i].region);
        to_json_member_text(&w, "date", date_text(r, all.all[i].day));
        to_json_member_text_if(&w, "title", all.all[i].title);
        to_json_end(&w);
    }
    to_json_end(&w);
    to_json_end(&w);
    directory_leave(r->node->directory);
}

void admin_list_holidays(struct http_request *r, struct http_response *res) { write_holidays(r, res); }

/* {"holidays": [{"region", "date", "title"}]}: all there are from now on. */
void admin_set_holidays(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "holidays", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    struct holidays all = { 0 };
    struct err err;
    bool kept;
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc), list = from_json_member(&root, "holidays");
    enum err_code code = holidays_read_json(&list, r->arena, &all, &err);
    struct holidays_order order = { all, admin_cause(r), false };
    if (code == OK)
        code = holidays_publish(r->node, r->store, &order, &kept, &err);
    if (code != OK)
        admin_problem(r, res, &err);
    else
        write_holidays(r, res);
}

/* ---- absences ---- */

/* A date means all of it, where the person is; a time means itself. */
static enum err_code read_moment(struct http_request *r, const struct from_json_value *item, const char *key, bool is_end, struct span zone, int64_t *at_s, struct err *err)
{
    struct from_json_value member = from_json_member(item, key);
    struct span text = SPAN_NONE;
    int32_t day;
    enum err_code code = from_json_text(&member, 64, &text, err);
    if (code != OK)
        return code;
    if (holiday_date(text, &day)) {
        *at_s = calendar_day_start(r->node->calendar, zone, day);
        if (is_end)
            *at_s = calendar_next_day(r->node->calendar, zone, *at_s);
    } else if (!clock_from_rfc3339(text, at_s)) {
        return from_json_refuse(&member, err, "must be a date such as 2026-12-24 or a time such as 2026-12-24T08:00:00Z");
    }
    return admin_is_kept_time(*at_s) ? OK : from_json_refuse(&member, err, "must lie in the years from 1970 to 9999");
}

static enum err_code find_person(struct http_request *r, const struct from_json_value *item, struct span *id, struct span *zone, struct err *err)
{
    struct from_json_value member = from_json_member(item, "person");
    struct span name = SPAN_NONE;
    enum err_code code = from_json_text(&member, ADMIN_TEXT_BYTES, &name, err);
    if (code == OK)
        code = admin_person_id(r, name, id, err);
    if (code != OK)
        return code;
    directory_enter(r->node->directory);
    const struct policy *policy = directory_control(r->node->directory)->policy;
    const struct person *p = directory_person(r->node->directory, *id);
    *zone = policy != NULL ? arena_copy(r->arena, calendar_zone(policy, p)) : SPAN_LITERAL("UTC");
    directory_leave(r->node->directory);
    return OK;
}

static enum err_code take_absence(struct http_request *r, const struct from_json_value *item, bool *changed, struct err *err)
{
    static const char *const known[] = { "person", "from", "to", NULL };
    struct interval time = { 0 };
    struct span id, zone;
    enum err_code code = from_json_object(item, err);
    if (code == OK)
        code = from_json_only(item, known, err);
    if (code == OK)
        code = find_person(r, item, &id, &zone, err);
    if (code == OK)
        code = read_moment(r, item, "from", false, zone, &time.from_s, err);
    if (code == OK)
        code = read_moment(r, item, "to", true, zone, &time.to_s, err);
    if (code == OK && time.to_s <= time.from_s)
        code = from_json_refuse(item, err, "must end after it begins");
    return code == OK ? people_absence_once(r->node, r->store, id, time, admin_cause(r), changed, err) : code;
}

/* {"absences": [{"person", "from", "to"}]}; each stands for itself: one that is wrong does not stop the others. */
void admin_import_absences(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "absences", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    struct err err;
    int64_t counts[3] = { 0 };
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc), list = from_json_member(&root, "absences");
    if (from_json_array(&list, ABSENCES_MOST, &err) != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "refusals");
    to_json_array(&w);
    for (size_t i = 0; i < from_json_count(&list); i++) {
        struct from_json_value item = from_json_item(&list, i);
        bool changed = false;
        if (take_absence(r, &item, &changed, &err) == OK) {
            counts[changed ? 0 : 1]++;
            continue;
        }
        counts[2]++;
        to_json_object(&w);
        to_json_member_int(&w, "item", (int64_t)i + 1);
        to_json_member_text(&w, "error", arena_copy_text(r->arena, err.text));
        to_json_end(&w);
    }
    to_json_end(&w);
    to_json_member_int(&w, "added", counts[0]);
    to_json_member_int(&w, "same", counts[1]);
    to_json_member_int(&w, "refused", counts[2]);
    to_json_end(&w);
}
