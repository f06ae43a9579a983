/* What answers say of a check, written once as JSON when the policy is read: every GET /v1/posture and every refusal repeats it. */
#include "posture/policy_reader.h"

#include "posture/base/yaml_read.h"

enum { WORDS_BYTES = 1024 * 1024 };

static struct check *own(const struct check *check) { return (struct check *)(uintptr_t)check; } /* nobody else has it yet */

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

static void write_end(struct policy_reader *r, const struct check *check, struct check_platform *on, struct span next_json, struct buf *out)
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
    buf_append(out, next_json);
    on->end_json = keep(r, out, 0);
}

/* Platform by platform, so that what one answer takes lies side by side. */
static void write_ends(struct policy_reader *r, enum platform platform, struct buf *out)
{
    struct check *before = NULL;
    for (size_t i = 0; i < r->policy->check_count; i++) {
        struct check *check = own(&r->policy->checks[i]);
        if (!check->on[platform].applies)
            continue;
        if (before != NULL)
            write_end(r, before, &before->on[platform], check->begin_json, out);
        before = check;
    }
    if (before != NULL)
        write_end(r, before, &before->on[platform], SPAN_NONE, out);
}

void policy_words_write(struct policy_reader *r)
{
    CLEANUP(buf_done) struct buf out;
    buf_init(&out, WORDS_BYTES);
    for (size_t i = 0; i < r->policy->check_count; i++)
        write_begin(r, own(&r->policy->checks[i]), &out);
    for (size_t k = 0; k < PLATFORM_COUNT; k++)
        write_ends(r, (enum platform)k, &out);
}
