/* What answers say of a check, written once as JSON when the policy is read: every GET /v1/posture and every refusal repeats it. */
#include "posture/policy_reader.h"

#include "posture/base/yaml_read.h"

enum { WORDS_BYTES = 1024 * 1024 };

/* Members without their braces, as to_json_members() takes them. */
static struct span members(struct policy_reader *r, struct buf *out)
{
    struct span all = buf_span(out), copy = SPAN_NONE;
    if (!out->failed && all.bytes > 2)
        copy = arena_copy(&r->policy->arena, span_slice(all, 1, all.bytes - 2));
    r->full = r->full || copy.at == NULL;
    return copy;
}

static void write_head(struct policy_reader *r, struct check *check, struct buf *out)
{
    struct to_json w;
    buf_clear(out);
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_member_text(&w, "check", check->id);
    size_t id_bytes = out->bytes; /* the brace, and what stands before the comma */
    to_json_member_text(&w, "title", check->title);
    to_json_member_text(&w, "severity", span_of(severity_name(check->severity)));
    to_json_end(&w);
    check->head_json = members(r, out);
    check->title_json = span_slice(check->head_json, id_bytes, check->head_json.bytes);
}

static struct span words_of(struct policy_reader *r, const struct check *check, const struct check_platform *on, struct buf *out)
{
    struct to_json w;
    buf_clear(out);
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_member_text_if(&w, "what", check->what);
    to_json_member_text_if(&w, "why", check->why);
    to_json_member_int(&w, "minutes", check->minutes);
    to_json_member_bool(&w, "needs_admin", check->needs_admin);
    to_json_member_bool(&w, "restart", check->restart);
    to_json_key(&w, "fix");
    to_json_array(&w);
    for (size_t i = 0; i < on->fix_count; i++)
        to_json_text(&w, on->fix[i]);
    to_json_end(&w);
    to_json_end(&w);
    return members(r, out);
}

void policy_words_write(struct policy_reader *r)
{
    CLEANUP(buf_done) struct buf out;
    buf_init(&out, WORDS_BYTES);
    for (size_t i = 0; i < r->policy->check_count; i++) {
        struct check *check = (struct check *)(uintptr_t)&r->policy->checks[i]; /* nobody else has it yet */
        write_head(r, check, &out);
        for (size_t k = 0; k < PLATFORM_COUNT; k++)
            if (check->on[k].applies)
                check->on[k].words_json = words_of(r, check, &check->on[k], &out);
    }
}
