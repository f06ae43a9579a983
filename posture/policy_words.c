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

/* How its result begins. Its title and severity are a part of that. */
static struct span write_begin(struct policy_reader *r, struct check *check, struct buf *out)
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
    struct span begin = keep(r, out, 1); /* the quote that stands behind a verdict */
    check->title_json = span_slice(begin, title_at, title_end - title_at);
    return begin;
}

static struct span write_end(struct policy_reader *r, const struct check *check, const struct check_platform *on, struct span next_json, struct buf *out)
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
    return keep(r, out, 0);
}

/* Those that apply to a platform: what one answer takes lies side by side, words and texts. */
static void write_platform(struct policy_reader *r, enum platform platform, const struct span *begins, struct buf *out)
{
    const struct policy *policy = r->policy;
    struct check_words *all = arena_array(&r->policy->arena, policy->check_count, sizeof *all);
    size_t count = 0;
    r->full = r->full || all == NULL;
    for (size_t i = 0; all != NULL && i < policy->check_count; i++)
        if (policy->checks[i].on[platform].applies)
            all[count++] = (struct check_words){ .check = &policy->checks[i], .index = i, .fresh_for_s = policy->checks[i].fresh_for_s, .begin_json = begins[i] };
    for (size_t i = 0; i < count; i++)
        all[i].end_json = write_end(r, all[i].check, &all[i].check->on[platform], i + 1 < count ? all[i + 1].begin_json : SPAN_NONE, out);
    r->policy->words[platform].all = all;
    r->policy->words[platform].count = count;
}

void policy_words_write(struct policy_reader *r)
{
    CLEANUP(buf_done) struct buf out;
    struct span *begins = arena_array(&r->policy->arena, r->policy->check_count, sizeof *begins);
    buf_init(&out, WORDS_BYTES);
    r->full = r->full || begins == NULL;
    for (size_t i = 0; begins != NULL && i < r->policy->check_count; i++)
        begins[i] = write_begin(r, own(&r->policy->checks[i]), &out);
    for (size_t k = 0; begins != NULL && k < PLATFORM_COUNT; k++)
        write_platform(r, (enum platform)k, begins, &out);
}
