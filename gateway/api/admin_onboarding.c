/* Onboarding: who is invited, greeted, set up; and who can be written to by which way. */
#include "gateway/api/admin.h"
#include "gateway/channels.h"
#include "gateway/onboarding/onboard.h"

enum { INVITED_A_CALL = 100 /* each is a commit: the caller goes on with `after` */ };

/* ---- inviting ---- */

struct chosen { struct http_request *r; struct admin_page page; struct span group; int64_t before; /* of the same, invited already */ };

static bool note(void *context, const struct person *p)
{
    struct chosen *c = context;
    if (p->removed || (!span_empty(c->group) && !person_in_group(p, c->group)))
        return true;
    if (p->onboarding.invited_s == 0)
        admin_page_offer(&c->page, NULL, p->id);
    else
        c->before++;
    return true;
}

/* The first of those who are not invited yet, in the order of ids: to be asked again until none is left. */
static enum err_code choose(struct chosen *c, struct err *err)
{
    c->page.list.limit = INVITED_A_CALL;
    c->page.arena = c->r->arena;
    c->page.all = arena_array(c->r->arena, INVITED_A_CALL, sizeof *c->page.all);
    if (c->page.all == NULL)
        return err_set(err, ERR_MEMORY, "a list");
    directory_enter(c->r->node->directory);
    directory_each_person(c->r->node->directory, note, c);
    directory_leave(c->r->node->directory);
    if (!span_empty(c->group) && c->page.total == 0 && c->before == 0)
        return err_set(err, ERR_NOT_FOUND, "nobody is in the group %.*s", SPAN_ARGS(c->group));
    return OK;
}

struct counts { int64_t invited, already, left; };

static enum err_code invite_chosen(struct chosen *c, struct counts *counts, struct err *err)
{
    enum err_code code = choose(c, err);
    for (size_t i = 0; code == OK && i < c->page.count; i++) {
        bool invited = false;
        code = onboard_invite(c->r->node, c->r->store, c->page.all[i].id, admin_cause(c->r), false, &invited, err);
        code = code == ERR_NOT_FOUND ? OK : code;
        counts->invited += invited;
        counts->already += !invited;
    }
    counts->already += c->before;
    counts->left = (int64_t)(c->page.total - c->page.count);
    return code;
}

static enum err_code invite_one(struct http_request *r, struct span name, bool now, struct counts *counts, struct err *err)
{
    struct span id = SPAN_NONE;
    bool invited = false;
    enum err_code code = admin_person_id(r, name, &id, err);
    if (code == OK)
        code = onboard_invite(r->node, r->store, id, admin_cause(r), now, &invited, err);
    counts->invited = invited;
    counts->already = !invited;
    return code;
}

static enum err_code read_everyone(const struct from_json_value *root, bool *everyone, bool *now, struct err *err)
{
    struct from_json_value all = from_json_member(root, "everyone"), test = from_json_member(root, "test");
    enum err_code code = from_json_bool_opt(&all, everyone, err);
    return code == OK ? from_json_bool_opt(&test, now, err) : code;
}

/* {"person": "..."} or {"group": "..."} or {"everyone": true}; with a person also {"test": true}: now, and again. */
void admin_invite(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "person", "group", "everyone", "test", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    struct chosen c = { .r = r };
    struct counts counts = { 0, 0, 0 };
    struct span person = SPAN_NONE;
    struct err err;
    bool everyone = false, now = false;
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc);
    enum err_code code = admin_text(r, &root, "person", false, &person, &err);
    if (code == OK)
        code = admin_text(r, &root, "group", false, &c.group, &err);
    if (code == OK)
        code = read_everyone(&root, &everyone, &now, &err);
    if (code == OK && !span_empty(person) + !span_empty(c.group) + everyone != 1)
        code = err_set(&err, ERR_INPUT, "name one of person, group, everyone");
    if (code == OK && now && span_empty(person))
        code = err_set(&err, ERR_INPUT, "a test is for one person");
    if (code == OK && !r->node->options.slack && !r->node->options.email)
        code = err_set(&err, ERR_CONFLICT, "no channel is configured: nobody could be greeted (slack.token, email.server)");
    if (code == OK)
        code = span_empty(person) ? invite_chosen(&c, &counts, &err) : invite_one(r, person, now, &counts, &err);
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_int(&w, "invited", counts.invited);
    to_json_member_int(&w, "already", counts.already);
    to_json_member_int(&w, "left", counts.left);
    to_json_end(&w);
}

/* ---- the table ---- */

static bool offer_all(void *context, const struct person *p)
{
    if (!p->removed)
        admin_page_offer(context, NULL, p->id);
    return true;
}

static void write_person(const struct http_request *r, const struct policy *policy, const struct person *p, struct to_json *w)
{
    const struct notice *n = &p->notice;
    to_json_object(w);
    to_json_member_text(w, "id", p->id);
    to_json_member_text_if(w, "name", p->name);
    to_json_member_text_if(w, "email", p->email_count > 0 ? p->emails[0] : SPAN_NONE);
    to_json_member_text_if(w, "channel", policy != NULL ? channels_first(r->node, policy, p) : SPAN_NONE);
    to_json_member_text(w, "stage", span_of(onboard_stage_name(onboard_stage(r->node, p))));
    to_json_member_time_if(w, "invited_at", p->onboarding.invited_s);
    to_json_member_time_if(w, "contacted_at", p->onboarding.greeted_s);
    to_json_member_time_if(w, "link_at", p->onboarding.linked_s);
    if (n->state == NOTICE_FAILED && span_equal_text(n->kind, "greeting"))
        to_json_member_text_if(w, "error", n->why);
    to_json_end(w);
}

void admin_list_onboarding(struct http_request *r, struct http_response *res)
{
    struct admin_page page;
    struct err err;
    if (admin_page_begin(r, &page, &err) != OK) {
        admin_problem(r, res, &err);
        return;
    }
    directory_enter(r->node->directory);
    const struct policy *policy = directory_control(r->node->directory)->policy;
    directory_each_person(r->node->directory, offer_all, &page);
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "persons");
    to_json_array(&w);
    for (size_t i = 0; i < page.count; i++) {
        const struct person *p = directory_person(r->node->directory, page.all[i].id);
        if (p != NULL)
            write_person(r, policy, p, &w);
    }
    to_json_end(&w);
    admin_page_write_end(&page, &w);
    to_json_end(&w);
    directory_leave(r->node->directory);
}

/* ---- people in Slack ---- */

/* Why Slack did not take the last message, or the message before it moved on. */
static struct span trouble_of(const struct person *p)
{
    const struct notice *n = &p->notice;
    if (p->email_count == 0 && span_empty(p->slack))
        return SPAN_LITERAL("no_address");
    return n->state == NOTICE_FAILED && span_equal_text(n->channel, "slack") ? n->why : SPAN_NONE;
}

struct mapping { struct admin_page page; bool unmapped; };

static bool offer_mapping(void *context, const struct person *p)
{
    struct mapping *m = context;
    if (!p->removed && (!m->unmapped || span_empty(p->slack)))
        admin_page_offer(&m->page, NULL, p->id);
    return true;
}

static void write_mapping(const struct person *p, struct to_json *w)
{
    to_json_object(w);
    to_json_member_text(w, "id", p->id);
    to_json_member_text_if(w, "name", p->name);
    to_json_member_text_if(w, "email", p->email_count > 0 ? p->emails[0] : SPAN_NONE);
    to_json_member_text_if(w, "slack", p->slack);
    to_json_member_text_if(w, "zone", p->zone);
    to_json_member_text(w, "state", span_empty(p->slack) ? SPAN_LITERAL("unmapped") : SPAN_LITERAL("mapped"));
    to_json_member_text_if(w, "error", trouble_of(p));
    to_json_end(w);
}

void admin_list_slack_people(struct http_request *r, struct http_response *res)
{
    struct mapping m = { .unmapped = false };
    struct span only = SPAN_NONE;
    struct err err;
    enum err_code code = admin_page_begin(r, &m.page, &err);
    if (code == OK)
        code = request_query(r, "unmapped", &only, &err);
    if (code != OK && code != ERR_NOT_FOUND) {
        admin_problem(r, res, &err);
        return;
    }
    m.unmapped = span_equal_text(only, "true");
    directory_enter(r->node->directory);
    directory_each_person(r->node->directory, offer_mapping, &m);
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "persons");
    to_json_array(&w);
    for (size_t i = 0; i < m.page.count; i++) {
        const struct person *p = directory_person(r->node->directory, m.page.all[i].id);
        if (p != NULL)
            write_mapping(p, &w);
    }
    to_json_end(&w);
    admin_page_write_end(&m.page, &w);
    to_json_end(&w);
    directory_leave(r->node->directory);
}
