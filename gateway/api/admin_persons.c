#include "gateway/api/admin.h"
#include "gateway/pages/link.h"
#include "gateway/people.h"

#include <string.h>

enum { IMPORT_MOST = 5000, PERSON_DEVICES = 64 };

static void write_list(struct to_json *w, const char *key, const struct span *all, size_t count)
{
    to_json_key(w, key);
    to_json_array(w);
    for (size_t i = 0; i < count; i++)
        to_json_text(w, all[i]);
    to_json_end(w);
}

/* What they have of their own; what is left out is the organisation's. */
static void write_working_time(const struct http_request *r, const struct person *p, struct to_json *w)
{
    static const char *const names[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };
    unsigned from = p->work.from_minute, to = p->work.to_minute, at = p->work.write_at;
    if (p->work.days != 0) {
        to_json_key(w, "days");
        to_json_array(w);
        for (unsigned i = 0; i < 7; i++)
            if ((p->work.days >> i & 1) != 0)
                to_json_text(w, span_of(names[i]));
        to_json_end(w);
    }
    if (from < to)
        to_json_member_text(w, "hours", arena_format(r->arena, "%02u:%02u-%02u:%02u", from / 60, from % 60, to / 60, to % 60));
    if (at != 0)
        to_json_member_text(w, "write_at", arena_format(r->arena, "%02u:%02u", (at - 1) / 60, (at - 1) % 60));
}

static void write_person(const struct http_request *r, const struct person *p, struct to_json *w)
{
    const struct device *devices[PERSON_DEVICES];
    size_t count = directory_devices_of(r->node->directory, p->id, devices, PERSON_DEVICES);
    to_json_member_text(w, "id", p->id);
    to_json_member_text_if(w, "name", p->name);
    write_list(w, "emails", p->emails, p->email_count);
    write_list(w, "aliases", p->aliases, p->alias_count);
    write_list(w, "groups", p->groups, p->group_count);
    to_json_member_text_if(w, "slack", p->slack);
    to_json_member_text_if(w, "okta", p->okta);
    to_json_member_text_if(w, "zone", p->zone);
    to_json_member_text_if(w, "region", p->region);
    to_json_member_text_if(w, "locale", p->locale);
    write_working_time(r, p, w);
    to_json_member_time_if(w, "created_at", p->created_s);
    to_json_key(w, "devices");
    to_json_array(w);
    for (size_t i = 0; i < count && i < PERSON_DEVICES; i++)
        to_json_text(w, devices[i]->id);
    to_json_end(w);
}

static bool contains_fold(struct span text, struct span part)
{
    for (size_t i = 0; i + part.bytes <= text.bytes; i++)
        if (span_equal_fold(span_slice(text, i, part.bytes), part))
            return true;
    return false;
}

static bool collect(void *context, const struct person *p)
{
    struct admin_page *page = context;
    bool matches = span_empty(page->list.query) || contains_fold(p->name, page->list.query);
    for (size_t i = 0; !matches && i < p->email_count; i++)
        matches = contains_fold(p->emails[i], page->list.query);
    if (!p->removed && matches)
        admin_page_offer(page, NULL, p->id);
    return true;
}

void admin_list_persons(struct http_request *r, struct http_response *res)
{
    struct admin_page page;
    struct err err;
    if (admin_page_begin(r, &page, &err) != OK) {
        admin_problem(r, res, &err);
        return;
    }
    directory_enter(r->node->directory);
    directory_each_person(r->node->directory, collect, &page);
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "persons");
    to_json_array(&w);
    for (size_t i = 0; i < page.count; i++) {
        const struct person *p = directory_person(r->node->directory, page.all[i].id);
        if (p == NULL)
            continue;
        to_json_object(&w);
        write_person(r, p, &w);
        to_json_end(&w);
    }
    to_json_end(&w);
    admin_page_write_end(&page, &w);
    to_json_end(&w);
    directory_leave(r->node->directory);
}

static void write_interval(const struct interval *time, struct to_json *w)
{
    to_json_member_time_if(w, "from", time->from_s);
    to_json_member_time_if(w, "to", time->to_s);
}

/* What closings moved outside, and what is still to be moved. */
static void write_closings(const struct person *p, struct to_json *w)
{
    to_json_key(w, "closings");
    to_json_array(w);
    for (size_t i = 0; i < p->lever_count; i++) {
        const struct lever *l = &p->levers[i];
        to_json_object(w);
        to_json_member_text(w, "kind", l->kind);
        to_json_member_text(w, "target", l->target);
        to_json_member_text(w, "state", l->wanted || l->state == LEVER_FOUND ? span_of(lever_state_name(l->state)) : SPAN_LITERAL("undoing"));
        to_json_member_time_if(w, "at", l->at_s);
        to_json_end(w);
    }
    to_json_end(w);
}

/* What a failure that comes back takes the clock over from. */
static void write_mended(const struct person *p, struct to_json *w)
{
    to_json_key(w, "mended");
    to_json_array(w);
    for (size_t i = 0; i < p->mended_count; i++) {
        to_json_object(w);
        to_json_member_text(w, "device", p->mended[i].device);
        to_json_member_text(w, "check", p->mended[i].check);
        to_json_member_time_if(w, "at", p->mended[i].passed_s);
        to_json_member_int(w, "used_s", p->mended[i].used_s);
        to_json_member_time_if(w, "came_back_at", p->mended[i].failed_s);
        to_json_end(w);
    }
    to_json_end(w);
}

/* Absences, what was put off, and where they continued once; what is over too. */
static void write_valves(const struct http_request *r, const struct person *p, struct to_json *w)
{
    to_json_key(w, "absences");
    to_json_array(w);
    for (size_t i = 0; i < p->absence_count; i++) {
        to_json_object(w);
        write_interval(&p->absences[i].time, w);
        to_json_member_text_if(w, "source", p->absences[i].source);
        to_json_end(w);
    }
    to_json_end(w);
    to_json_key(w, "snoozes");
    to_json_array(w);
    for (size_t i = 0; i < p->snooze_count; i++) {
        to_json_object(w);
        to_json_member_text(w, "device", p->snoozes[i].device);
        to_json_member_text(w, "check", p->snoozes[i].check);
        write_interval(&p->snoozes[i].time, w);
        to_json_end(w);
    }
    to_json_end(w);
    to_json_key(w, "continued_once");
    to_json_array(w);
    for (size_t i = 0; i < p->pass_count; i++) {
        const struct pass *pass = &p->passes[i];
        to_json_object(w);
        to_json_member_text(w, "id", pass->id);
        to_json_member_text(w, "device", pass->device);
        to_json_member_text(w, "app", pass->app);
        to_json_member_text_if(w, "check", pass->check);
        to_json_member_text(w, "reason", pass->reason);
        write_interval(&pass->time, w);
        to_json_member_bool(w, "open", pass->time.from_s <= r->now_s && r->now_s < pass->time.to_s);
        to_json_end(w);
    }
    to_json_end(w);
}

void admin_show_person(struct http_request *r, struct http_response *res)
{
    directory_enter(r->node->directory);
    const struct person *p = directory_person_by(r->node->directory, r->params[0]);
    if (p == NULL) {
        problem_status_answer(r, res, PROBLEM_JSON, 404, "no such person");
    } else {
        struct to_json w = response_json(res, 200);
        to_json_object(&w);
        write_person(r, p, &w);
        to_json_key(&w, "told");
        to_json_array(&w);
        for (size_t i = 0; i < p->told_count; i++) {
            to_json_object(&w);
            to_json_member_text(&w, "device", p->told[i].device);
            to_json_member_text(&w, "check", p->told[i].check);
            to_json_member_int(&w, "notices", p->told[i].count);
            to_json_member_time_if(&w, "first_at", p->told[i].at_s[0]);
            to_json_member_time_if(&w, "last_at", p->told[i].last_s);
            to_json_end(&w);
        }
        to_json_end(&w);
        write_mended(p, &w);
        to_json_member_time_if(&w, "last_nudge_at", p->nudge_s);
        write_valves(r, p, &w);
        write_closings(p, &w);
        to_json_end(&w);
    }
    directory_leave(r->node->directory);
}

static void import_one(struct http_request *r, const struct from_json_value *item, struct to_json *w, unsigned counts[4])
{
    struct person_input in;
    struct person_outcome outcome;
    struct err err;
    enum err_code code = person_input_read(item, r->arena, &in, &err);
    if (code == OK)
        code = people_import(r->node, r->store, &in, admin_cause(r), &outcome, &err);
    to_json_object(w);
    if (code == OK) {
        to_json_member_text(w, "id", arena_copy_text(r->arena, outcome.id));
        to_json_member_text(w, "email", in.emails[0]);
        to_json_member_text(w, "result", outcome.created ? SPAN_LITERAL("created") : outcome.changed ? SPAN_LITERAL("changed") : SPAN_LITERAL("same"));
        counts[outcome.created ? 0 : outcome.changed ? 1 : 2]++;
    } else {
        to_json_member_text(w, "result", SPAN_LITERAL("refused"));
        to_json_member_text(w, "error", arena_copy_text(r->arena, err.text));
        counts[3]++;
    }
    to_json_end(w);
}

/* {"persons": [...]}; each stands for itself: one that is wrong does not stop the others. */
void admin_import_persons(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "persons", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    struct err err;
    unsigned counts[4] = { 0 };
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc), persons = from_json_member(&root, "persons");
    if (from_json_array(&persons, IMPORT_MOST, &err) != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "persons");
    to_json_array(&w);
    for (size_t i = 0; i < from_json_count(&persons); i++) {
        struct from_json_value item = from_json_item(&persons, i);
        import_one(r, &item, &w, counts);
    }
    to_json_end(&w);
    to_json_member_int(&w, "created", counts[0]);
    to_json_member_int(&w, "changed", counts[1]);
    to_json_member_int(&w, "same", counts[2]);
    to_json_member_int(&w, "refused", counts[3]);
    to_json_end(&w);
}

void admin_person_link(struct http_request *r, struct http_response *res)
{
    struct span id;
    struct err err;
    CLEANUP(buf_done) struct buf url;
    buf_init(&url, LINK_URL_BYTES);
    enum err_code code = admin_person_id(r, r->params[0], &id, &err);
    if (code == OK)
        code = link_me(r->node, id, r->now_s + LINK_ME_LIFETIME_S, &url, &err);
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_text(&w, "person", id);
    to_json_member_text(&w, "url", buf_span(&url));
    to_json_member_time_if(&w, "expires_at", r->now_s + LINK_ME_LIFETIME_S);
    to_json_end(&w);
}

void admin_person_absence(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "from", "to", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    struct interval time = { r->now_s, 0 };
    struct span id;
    struct err err;
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc);
    enum err_code code = admin_person_id(r, r->params[0], &id, &err);
    if (code == OK)
        code = admin_time(r, &root, "from", &time.from_s, &err);
    if (code == OK)
        code = admin_time(r, &root, "to", &time.to_s, &err);
    if (code == OK && time.to_s <= time.from_s)
        code = err_set(&err, ERR_INPUT, "to must be given and lie after from");
    if (code == OK)
        code = people_absence(r->node, r->store, id, time, admin_cause(r), &err);
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_text(&w, "person", id);
    to_json_member_time_if(&w, "from", time.from_s);
    to_json_member_time_if(&w, "to", time.to_s);
    to_json_end(&w);
}

void admin_person_back(struct http_request *r, struct http_response *res)
{
    struct span id;
    struct err err;
    bool changed = false;
    enum err_code code = admin_person_id(r, r->params[0], &id, &err);
    if (code == OK)
        code = people_back(r->node, r->store, id, admin_cause(r), &changed, &err);
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_text(&w, "person", id);
    to_json_member_bool(&w, "changed", changed);
    to_json_end(&w);
}
