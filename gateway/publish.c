#include "gateway/publish.h"

#include "gateway/change.h"
#include "gateway/rollout.h"
#include "posture/strictness.h"

#include <stdio.h>
#include <string.h>

enum { HISTORY = 50, POLICY_BYTES = 4 * 1024 * 1024, RECORD_ID_BYTES = 80 };

struct publishing {
    const struct node *node;
    const struct policy *policy;
    struct span by;
    bool only_if_empty;
    struct span only_over;
    bool whole, keep_ring;
    char in_force[65];
};

/* The versions that were in force before, newest first, from the record as it was. */
static void write_history(const struct from_json_value *before, const struct publishing *p, int64_t now_s, struct to_json *w)
{
    struct from_json_value history = from_json_member(before, "history");
    to_json_key(w, "history");
    to_json_array(w);
    to_json_object(w);
    to_json_member_text(w, "version", span_of(p->policy->version));
    to_json_member_text(w, "by", p->by);
    to_json_member_int(w, "at", now_s);
    to_json_end(w);
    for (size_t i = 0; i < from_json_count(&history) && i + 1 < HISTORY; i++) {
        struct from_json_value item = from_json_item(&history, i);
        struct buf text;
        buf_init(&text, 4096);
        if (from_json_write(&item, &text))
            to_json_raw(w, buf_span(&text));
        buf_done(&text);
    }
    to_json_end(w);
}

static struct span version_of(const struct from_json_value *root)
{
    struct from_json_value v = from_json_member(root, "version");
    struct span version = SPAN_NONE;
    struct err err;
    return from_json_text(&v, 64, &version, &err) == OK ? version : SPAN_NONE;
}

/* The policy that was in force, compiled; NULL when there was none, or it cannot be read any more: then nothing is known to be stricter. */
static struct policy *policy_before(const struct from_json_value *root)
{
    struct from_json_value v = from_json_member(root, "text");
    struct mistakes mistakes;
    struct policy *old = NULL;
    struct span text = SPAN_NONE;
    struct err err;
    if (!from_json_present(&v) || from_json_text(&v, POLICY_BYTES, &text, &err) != OK)
        return NULL;
    mistakes_init(&mistakes);
    policy_read_published(text, SPAN_LITERAL("policy before"), &mistakes, &old);
    mistakes_done(&mistakes);
    return old;
}

/* Member "strictness": what became stricter with this change, and when (posture/strictness.h). */
static bool write_strictness(const struct from_json_value *root, const struct publishing *p, int64_t now_s, struct to_json *w)
{
    CLEANUP(policy_freep) struct policy *old = policy_before(root);
    struct from_json_value v = from_json_member(root, "strictness");
    struct strictness before, next;
    struct arena arena;
    struct err err;
    if (old == NULL)
        return true;
    arena_init(&arena, 64 * 1024, 4 * 1024 * 1024);
    bool well = strictness_from_json(&v, &arena, &before, &err) == OK && strictness_next(old, &before, p->policy, now_s, &arena, &next);
    if (well) {
        to_json_key(w, "strictness");
        strictness_to_json(&next, w);
    }
    arena_done(&arena);
    return well;
}

static enum change_say edit_policy(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    struct publishing *p = context;
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    if (from_json_parse(span_empty(before) ? SPAN_LITERAL("{}") : before, (struct from_json_limits){ POLICY_BYTES, 8 }, "policy record", &doc, err) != OK)
        return CHANGE_REFUSE;
    struct from_json_value root = from_json_root(doc);
    struct span old = version_of(&root);
    snprintf(p->in_force, sizeof p->in_force, "%.*s", SPAN_ARGS(old));
    if ((p->only_if_empty && !span_empty(old)) || span_equal_text(old, p->policy->version))
        return CHANGE_NOTHING;
    if (!span_empty(p->only_over) && !span_equal(p->only_over, old))
        return (void)err_set(err, ERR_CONFLICT, "another policy was put in force meanwhile; try again"), CHANGE_REFUSE;
    struct to_json w;
    int64_t now_s = clock_wall_s(p->node->clock);
    to_json_init(&w, after);
    to_json_object(&w);
    to_json_member_text(&w, "version", span_of(p->policy->version));
    to_json_member_text(&w, "by", p->by);
    to_json_member_int(&w, "at", now_s);
    to_json_member_text(&w, "text", p->policy->canonical);
    write_history(&root, p, now_s, &w);
    struct rollout_start start = { p->policy, p->whole, p->keep_ring, p->by, now_s };
    if (!rollout_write_start(&root, &start, &w) || !write_strictness(&root, p, now_s, &w))
        return (void)err_set(err, ERR_MEMORY, "the control record policy"), CHANGE_REFUSE;
    to_json_end(&w);
    struct span data = arena_format(events->arena, "{\"version\":\"%s\",\"before\":\"%.*s\"}", p->policy->version, SPAN_ARGS(old));
    if (!change_event(events, p->node, "policy.applied", SPAN_NONE, SPAN_NONE, p->by, data))
        return (void)err_set(err, ERR_MEMORY, "policy.applied"), CHANGE_REFUSE;
    events->all[events->count - 1].policy = arena_copy_text(events->arena, p->policy->version);
    snprintf(p->in_force, sizeof p->in_force, "%s", p->policy->version);
    return CHANGE_COMMIT;
}

static enum change_say edit_version(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    const struct publishing *p = context;
    struct to_json w;
    if (!span_empty(before))
        return CHANGE_NOTHING;
    to_json_init(&w, after);
    to_json_object(&w);
    to_json_member_text(&w, "version", span_of(p->policy->version));
    to_json_member_text(&w, "text", p->policy->canonical);
    to_json_end(&w);
    if (!change_event(events, p->node, "policy.stored", SPAN_NONE, SPAN_NONE, p->by, SPAN_NONE))
        return (void)err_set(err, ERR_MEMORY, "policy.stored"), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

/* The text first, so that what is in force can always be gone back to. */
static enum err_code publish(struct publishing *p, struct store *store, char version[65], struct err *err)
{
    char id[RECORD_ID_BYTES];
    snprintf(id, sizeof id, "policy.%s", p->policy->version);
    enum err_code code = change_control(p->node, store, span_of(id), edit_version, p, err);
    if (code == OK)
        code = change_control(p->node, store, SPAN_LITERAL("policy"), edit_policy, p, err);
    if (code == OK)
        memcpy(version, p->in_force, sizeof p->in_force);
    return code;
}

bool publish_zone_is_known(const struct calendar *calendar, const struct policy *policy, struct span file, struct mistakes *mistakes)
{
    const struct yaml_node whole = { .file = file };
    struct err err;
    if (span_empty(policy->nudges.zone) || calendar_is_zone(calendar, policy->nudges.zone, &err) == OK)
        return true;
    yaml_mistake(mistakes, &whole, "nudges.zone: %s; write one such as Europe/Berlin", err.text);
    return false;
}

enum err_code publish_policy(const struct node *node, struct store *store, const struct publication *what, struct mistakes *mistakes, char version[65], struct err *err)
{
    CLEANUP(policy_freep) struct policy *policy = NULL;
    policy_read(what->text, what->file, mistakes, &policy);
    if (policy == NULL || !publish_zone_is_known(node->calendar, policy, what->file, mistakes))
        return err_set(err, ERR_INPUT, "the policy has %zu mistake%s", mistakes_errors(mistakes), mistakes_errors(mistakes) == 1 ? "" : "s");
    struct publishing p = { node, policy, what->by, what->only_if_empty, what->only_over, what->whole, what->keep_ring, "" };
    return publish(&p, store, version, err);
}

/* The full version that `prefix` begins, from the history of the policy record. */
static enum err_code find_version(struct store *store, struct span prefix, char full[65], struct err *err)
{
    CLEANUP(buf_done) struct buf body;
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    int64_t record_version = 0;
    buf_init(&body, POLICY_BYTES);
    enum err_code code = store->ops->get(store, RECORD_CONTROL, SPAN_LITERAL("policy"), &body, &record_version, err);
    if (code == OK)
        code = from_json_parse(buf_span(&body), (struct from_json_limits){ POLICY_BYTES, 8 }, "policy record", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), history = from_json_member(&root, "history");
    for (size_t i = 0; prefix.bytes >= 8 && i < from_json_count(&history); i++) {
        struct from_json_value item = from_json_item(&history, i);
        struct span version = version_of(&item);
        if (span_starts(version, prefix)) {
            snprintf(full, 65, "%.*s", SPAN_ARGS(version));
            return OK;
        }
    }
    return err_set(err, ERR_NOT_FOUND, "no policy version %.*s (give at least 8 digits of one under history in GET /admin/v1/policy)", SPAN_ARGS(prefix));
}

enum err_code publish_version(const struct node *node, struct store *store, struct span version, struct span by, char full[65], struct err *err)
{
    CLEANUP(buf_done) struct buf body;
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    char id[RECORD_ID_BYTES];
    int64_t record_version = 0;
    buf_init(&body, POLICY_BYTES);
    enum err_code code = find_version(store, version, full, err);
    if (code != OK)
        return code;
    snprintf(id, sizeof id, "policy.%s", full);
    code = store->ops->get(store, RECORD_CONTROL, span_of(id), &body, &record_version, err);
    if (code == OK)
        code = from_json_parse(buf_span(&body), (struct from_json_limits){ POLICY_BYTES, 8 }, "policy version", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), text = from_json_member(&root, "text");
    struct span canonical;
    code = from_json_text(&text, POLICY_BYTES, &canonical, err);
    if (code != OK)
        return code;
    struct mistakes mistakes;
    mistakes_init(&mistakes);
    struct publication what = { .text = canonical, .file = span_of(id), .by = by, .whole = true };
    code = publish_policy(node, store, &what, &mistakes, full, err);
    mistakes_done(&mistakes);
    return code;
}
