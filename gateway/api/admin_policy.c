/* The policy over /admin/v1: what is in force, what a text would change for whom, publishing, going back. */
#include "gateway/api/admin.h"
#include "gateway/plan.h"
#include "gateway/publish.h"

enum { POLICY_TEXT_BYTES = 1024 * 1024, AFFECTED_MOST = 200 };

void admin_answer_mistakes(struct http_response *res, const struct mistakes *mistakes)
{
    struct to_json w = response_json(res, 422);
    res->content_type = "application/problem+json";
    to_json_object(&w);
    to_json_member_text(&w, "type", SPAN_LITERAL("about:blank"));
    to_json_member_text(&w, "title", SPAN_LITERAL("The policy has mistakes"));
    to_json_member_int(&w, "status", 422);
    mistakes_to_json(mistakes, &w);
    to_json_end(&w);
}

/* Versions that were in force, newest first, with who applied them and when: what `apply --version` can go back to. Asks the store. */
static void read_history(struct http_request *r, struct buf *history)
{
    CLEANUP(buf_done) struct buf body;
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    int64_t version = 0;
    struct err err;
    buf_init(&body, ADMIN_BODY_BYTES);
    if (r->store->ops->get(r->store, RECORD_CONTROL, SPAN_LITERAL("policy"), &body, &version, &err) != OK ||
        from_json_parse(buf_span(&body), (struct from_json_limits){ ADMIN_BODY_BYTES, ADMIN_DEPTH }, "policy record", &doc, &err) != OK)
        return;
    struct from_json_value root = from_json_root(doc), list = from_json_member(&root, "history");
    (void)from_json_write(&list, history);
}

void admin_show_policy(struct http_request *r, struct http_response *res)
{
    CLEANUP(buf_done) struct buf history;
    buf_init(&history, ADMIN_BODY_BYTES);
    read_history(r, &history);
    directory_enter(r->node->directory);
    const struct policy *policy = directory_control(r->node->directory)->policy;
    if (policy == NULL) {
        problem_status_answer(r, res, PROBLEM_JSON, 404, "no policy is in force yet");
    } else {
        struct to_json w = response_json(res, 200);
        to_json_object(&w);
        to_json_member_text(&w, "version", span_of(policy->version));
        to_json_member_text(&w, "name", policy->name);
        to_json_key(&w, "policy");
        to_json_raw(&w, policy->canonical);
        if (history.bytes > 0) {
            to_json_key(&w, "history");
            to_json_raw(&w, buf_span(&history));
        }
        to_json_end(&w);
    }
    directory_leave(r->node->directory);
}

/* ---- plan ---- */

struct affected { struct to_json *w; size_t written; };

static void write_row(void *context, const struct plan_row *row)
{
    struct affected *a = context;
    if (a->written >= AFFECTED_MOST)
        return;
    a->written++;
    to_json_object(a->w);
    to_json_member_text(a->w, "device", row->device->id);
    to_json_member_text_if(a->w, "name", row->device->name);
    to_json_member_text(a->w, "person", row->owner->id);
    if (row->owner->email_count > 0)
        to_json_member_text(a->w, "email", row->owner->emails[0]);
    to_json_member_text(a->w, "from", row->before.rung);
    to_json_member_text(a->w, "to", row->after.rung);
    to_json_member_text_if(a->w, "would_from", row->before.would.rung);
    to_json_member_text_if(a->w, "would_to", row->after.would.rung);
    if ((row->after.closed & ~row->before.closed) != 0)
        to_json_member_bool(a->w, "closes_more", true);
    to_json_end(a->w);
}

static void write_line(void *context, struct span line)
{
    struct affected *a = context;
    to_json_text(a->w, line);
}

static void write_counts(const struct node *node, const struct plan_counts *counts, struct to_json *w)
{
    to_json_member_int(w, "persons", (int64_t)counts->persons);
    to_json_member_int(w, "blocked_persons", (int64_t)counts->blocked);
    to_json_member_int(w, "opened_persons", (int64_t)counts->opened);
    to_json_member_int(w, "affected_devices", (int64_t)counts->devices);
    to_json_member_int(w, "closes_more", (int64_t)counts->closes_more);
    to_json_member_int(w, "opens", (int64_t)counts->opens);
    to_json_member_bool(w, "needs_number", plan_needs_number(node, counts));
}

static bool write_plan(struct http_request *r, const struct policy *after, const struct mistakes *mistakes, struct to_json *w)
{
    const struct policy *before = directory_control(r->node->directory)->policy;
    struct affected a = { .w = w };
    struct plan_counts counts;
    to_json_object(w);
    to_json_member_text(w, "in_force", before != NULL ? span_of(before->version) : SPAN_NONE);
    to_json_member_text(w, "version", span_of(after->version));
    to_json_key(w, "changes");
    to_json_array(w);
    if (before != NULL)
        policy_diff(before, after, write_line, &a);
    to_json_end(w);
    to_json_key(w, "affected");
    to_json_array(w);
    bool well = plan_compare(r->node, after, write_row, &a, &counts);
    to_json_end(w);
    write_counts(r->node, &counts, w);
    mistakes_to_json(mistakes, w); /* warnings */
    to_json_end(w);
    return well;
}

static void answer_plan(struct http_request *r, struct http_response *res, const struct policy *after, const struct mistakes *mistakes)
{
    struct to_json w = response_json(res, 200);
    struct err err;
    directory_enter(r->node->directory);
    bool well = write_plan(r, after, mistakes, &w);
    directory_leave(r->node->directory);
    if (well)
        return;
    (void)err_set(&err, ERR_MEMORY, "the plan");
    admin_problem(r, res, &err);
}

static enum err_code read_policy_text(struct http_request *r, const struct from_json_value *root, struct span *text, struct span *file, struct err *err)
{
    struct from_json_value v = from_json_member(root, "text");
    enum err_code code = from_json_text(&v, POLICY_TEXT_BYTES, text, err);
    return code != OK ? code : admin_text(r, root, "file", false, file, err);
}

void admin_plan_policy(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "text", "file", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    CLEANUP(policy_freep) struct policy *after = NULL;
    struct mistakes mistakes;
    struct span text, file = SPAN_LITERAL("policy");
    struct err err;
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc);
    if (read_policy_text(r, &root, &text, &file, &err) != OK) {
        admin_problem(r, res, &err);
        return;
    }
    mistakes_init(&mistakes);
    policy_read(text, file, &mistakes, &after);
    if (after == NULL || !publish_zone_is_known(r->node->calendar, after, file, &mistakes))
        admin_answer_mistakes(res, &mistakes);
    else
        answer_plan(r, res, after, &mistakes);
    mistakes_done(&mistakes);
}

/* ---- apply ---- */

static void answer_version(struct http_response *res, const char *version)
{
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_member_text(&w, "version", span_of(version));
    to_json_member_bool(&w, "in_force", true);
    to_json_end(&w);
}

/* Whoever shuts out many at once has to know how many: a number that was true when the plan was read. */
static bool is_agreed(struct http_request *r, struct http_response *res, const struct publication *what, int64_t agreed)
{
    CLEANUP(policy_freep) struct policy *after = NULL;
    struct mistakes mistakes;
    struct plan_counts counts = { 0 };
    bool well = true;
    mistakes_init(&mistakes);
    policy_read(what->text, what->file, &mistakes, &after);
    mistakes_done(&mistakes);
    if (after == NULL)
        return true; /* publishing says what is wrong with it */
    directory_enter(r->node->directory);
    well = plan_compare(r->node, after, NULL, NULL, &counts);
    directory_leave(r->node->directory);
    if (well && (!plan_needs_number(r->node, &counts) || (int64_t)counts.blocked <= agreed))
        return true;
    struct to_json w = response_json(res, 409);
    res->content_type = "application/problem+json";
    to_json_object(&w);
    to_json_member_text(&w, "type", SPAN_LITERAL("about:blank"));
    to_json_member_text(&w, "title", SPAN_LITERAL("Too many people would be shut out at once"));
    to_json_member_int(&w, "status", 409);
    to_json_member_text(&w, "detail", arena_format(r->arena, "%zu of %zu people would be shut out of something at once; say that number (yes_block, --yes-block %zu) to put this policy in force", counts.blocked, counts.persons, counts.blocked));
    write_counts(r->node, &counts, &w);
    to_json_end(&w);
    return false;
}

static void apply_text(struct http_request *r, struct http_response *res, const struct from_json_value *root)
{
    struct mistakes mistakes;
    char version[65];
    struct publication what = { .file = SPAN_LITERAL("policy"), .by = admin_cause(r) };
    struct from_json_value yes = from_json_member(root, "yes_block");
    int64_t agreed = 0;
    struct err err;
    enum err_code code = read_policy_text(r, root, &what.text, &what.file, &err);
    if (code == OK)
        code = from_json_int_opt(&yes, 0, INT32_MAX, &agreed, &err);
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    if (!is_agreed(r, res, &what, agreed))
        return;
    mistakes_init(&mistakes);
    code = publish_policy(r->node, r->store, &what, &mistakes, version, &err);
    if (code == OK)
        answer_version(res, version);
    else if (mistakes_errors(&mistakes) > 0)
        admin_answer_mistakes(res, &mistakes);
    else
        admin_problem(r, res, &err);
    mistakes_done(&mistakes);
}

/* {"text", "file", "yes_block"} publishes; {"version"} goes back. */
void admin_apply_policy(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "text", "file", "version", "yes_block", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    struct span wanted = SPAN_NONE;
    char version[65];
    struct err err;
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc);
    enum err_code code = admin_text(r, &root, "version", false, &wanted, &err);
    if (code == OK && span_empty(wanted)) {
        apply_text(r, res, &root);
        return;
    }
    if (code == OK)
        code = publish_version(r->node, r->store, wanted, admin_cause(r), version, &err);
    if (code == OK)
        answer_version(res, version);
    else
        admin_problem(r, res, &err);
}
