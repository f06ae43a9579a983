/* The policy over /admin/v1: what is in force, what a text would change for whom, publishing, going back. */
#include "gateway/api/admin.h"
#include "gateway/publish.h"

#include "posture/evaluate.h"

enum { POLICY_TEXT_BYTES = 1024 * 1024, AFFECTED_MOST = 200, PERSON_DEVICES = 64 };

static void write_mistakes(const struct mistakes *mistakes, struct to_json *w)
{
    to_json_key(w, "mistakes");
    to_json_array(w);
    for (size_t i = 0; i < mistakes->count; i++) {
        const struct mistake *m = &mistakes->all[i];
        to_json_object(w);
        to_json_member_text_if(w, "file", m->file);
        to_json_member_int(w, "line", m->line);
        to_json_member_int(w, "column", m->column);
        to_json_member_text(w, "message", m->text);
        to_json_end(w);
    }
    to_json_end(w);
}

static void answer_mistakes(struct http_request *r, struct http_response *res, const struct mistakes *mistakes)
{
    (void)r;
    struct to_json w = response_json(res, 422);
    res->content_type = "application/problem+json";
    to_json_object(&w);
    to_json_member_text(&w, "type", SPAN_LITERAL("about:blank"));
    to_json_member_text(&w, "title", SPAN_LITERAL("The policy has mistakes"));
    to_json_member_int(&w, "status", 422);
    write_mistakes(mistakes, &w);
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

struct affected { struct http_request *r; const struct policy *before, *after; struct to_json *w; size_t written, up, down, total; };

/* Sensitivities of a device that are closed now under a policy, and its rung. */
static struct ladder_summary standing_under(const struct affected *a, const struct policy *policy, const struct device *d)
{
    const struct device *devices[PERSON_DEVICES];
    struct decision_input in = { 0 };
    const struct person *owner = span_empty(d->owner) ? NULL : directory_person(a->r->node->directory, d->owner);
    directory_decision_input(a->r->node->directory, owner, a->r->now_s, devices, PERSON_DEVICES, &in);
    in.policy = policy;
    in.ring = NULL;
    struct ladder_input ladder = decision_ladder_input(&in, d, owner);
    struct standing *standings = NULL;
    size_t count = policy != NULL ? ladder_standings(&ladder, a->r->arena, &standings) : 0;
    return count > 0 ? ladder_summary(&ladder, standings, count) : (struct ladder_summary){ 0 };
}

static bool compare_device(void *context, const struct device *d)
{
    struct affected *a = context;
    if (d->removed || span_empty(d->owner))
        return true;
    struct ladder_summary before = standing_under(a, a->before, d), after = standing_under(a, a->after, d);
    if (span_equal(before.rung, after.rung) && before.closed == after.closed && before.warn == after.warn)
        return true;
    a->total++;
    a->up += (after.closed & ~before.closed) != 0;
    a->down += (before.closed & ~after.closed) != 0;
    if (a->written >= AFFECTED_MOST)
        return true;
    a->written++;
    const struct person *owner = directory_person(a->r->node->directory, d->owner);
    to_json_object(a->w);
    to_json_member_text(a->w, "device", d->id);
    to_json_member_text_if(a->w, "name", d->name);
    to_json_member_text(a->w, "person", d->owner);
    if (owner != NULL && owner->email_count > 0)
        to_json_member_text(a->w, "email", owner->emails[0]);
    to_json_member_text(a->w, "from", before.rung);
    to_json_member_text(a->w, "to", after.rung);
    to_json_end(a->w);
    return true;
}

static void write_line(void *context, struct span line)
{
    struct affected *a = context;
    to_json_text(a->w, line);
}

static void write_plan(struct http_request *r, struct http_response *res, const struct policy *after, const struct mistakes *mistakes)
{
    struct to_json w = response_json(res, 200);
    const struct policy *before = directory_control(r->node->directory)->policy;
    struct affected a = { .r = r, .before = before, .after = after, .w = &w };
    to_json_object(&w);
    to_json_member_text(&w, "in_force", before != NULL ? span_of(before->version) : SPAN_NONE);
    to_json_member_text(&w, "version", span_of(after->version));
    to_json_key(&w, "changes");
    to_json_array(&w);
    if (before != NULL)
        policy_diff(before, after, write_line, &a);
    to_json_end(&w);
    to_json_key(&w, "affected");
    to_json_array(&w);
    directory_each_device(r->node->directory, compare_device, &a);
    to_json_end(&w);
    to_json_member_int(&w, "affected_devices", (int64_t)a.total);
    to_json_member_int(&w, "closes_more", (int64_t)a.up);
    to_json_member_int(&w, "opens", (int64_t)a.down);
    write_mistakes(mistakes, &w); /* warnings */
    to_json_end(&w);
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
    directory_enter(r->node->directory);
    if (after == NULL)
        answer_mistakes(r, res, &mistakes);
    else
        write_plan(r, res, after, &mistakes);
    directory_leave(r->node->directory);
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

static void apply_text(struct http_request *r, struct http_response *res, const struct from_json_value *root)
{
    struct mistakes mistakes;
    char version[65];
    struct publication what = { .file = SPAN_LITERAL("policy"), .by = admin_cause(r) };
    struct err err;
    enum err_code code = read_policy_text(r, root, &what.text, &what.file, &err);
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    mistakes_init(&mistakes);
    code = publish_policy(r->node, r->store, &what, &mistakes, version, &err);
    if (code == OK)
        answer_version(res, version);
    else if (mistakes_errors(&mistakes) > 0)
        answer_mistakes(r, res, &mistakes);
    else
        admin_problem(r, res, &err);
    mistakes_done(&mistakes);
}

/* {"text", "file"} publishes; {"version"} goes back. */
void admin_apply_policy(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "text", "file", "version", NULL };
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
