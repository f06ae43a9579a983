/* What answers say of a check, written once as JSON when the policy is read: every GET /v1/posture and every refusal repeats it. */
#include "posture/policy_reader.h"

#include "posture/base/yaml_read.h"

enum { WORDS_BYTES = 1024 * 1024 };

/* A copy without the last `less` bytes, which stay with the policy. */
static struct span keep(struct policy_reader *r, const struct buf *out, size_t less)
{
    struct span all = buf_span(out), copy = out->failed ? SPAN_NONE : arena_copy(&r->policy->arena, span_slice(all, 0, all.bytes - less));
    r->full = r->full || copy.at == NULL;
    return copy;
}

static void write_begin(struct policy_reader *r, struct check *check, struct buf *out)
{
    struct to_json w;
    buf_clear(out);
    buf_append_byte(out, ',');
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_member_text(&w, "check", check->id);
    size_t title_at = out->bytes + 1; /* behind a comma */
    to_json_member_text(&w, "title", check->title);
    to_json_member_text(&w, "severity", span_of(severity_name(check->severity)));
    size_t title_end = out->bytes;
    to_json_member_text(&w, "result", SPAN_NONE);
    check->begin_json = keep(r, out, 1); /* the quote that stands behind a verdict */
    check->title_json = span_slice(check->begin_json, title_at, title_end - title_at);
}

static struct span end_of(struct policy_reader *r, const struct check *check, const struct check_platform *on, struct buf *out)
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
    if (!out->failed)
        out->at[0] = ','; /* its brace stands in front of all that is known of the result */
    return keep(r, out, 0);
}

void policy_words_write(struct policy_reader *r)
{
    CLEANUP(buf_done) struct buf out;
    buf_init(&out, WORDS_BYTES);
    for (size_t i = 0; i < r->policy->check_count; i++) {
        struct check *check = (struct check *)(uintptr_t)&r->policy->checks[i]; /* nobody else has it yet */
        write_begin(r, check, &out);
        for (size_t k = 0; k < PLATFORM_COUNT; k++)
            if (check->on[k].applies)
                check->on[k].end_json = end_of(r, check, &check->on[k], &out);
    }
}
