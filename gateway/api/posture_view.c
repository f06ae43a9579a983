#include "gateway/api/posture_view.h"

#include "posture/evaluate.h"

/* What a check of the policy says of the device now. */
struct checked { const struct check *check; const struct result *result; /* NULL: none yet */ enum verdict verdict; };

static enum verdict verdict_of(const struct check *check, const struct device *d, const struct result *result, int64_t now_s, int64_t max_age_s)
{
    enum verdict v = evaluate_now(check, d, result, now_s);
    bool too_old = max_age_s > 0 && result != NULL && now_s - result->evaluated_s > max_age_s;
    return too_old && v != VERDICT_NOT_APPLICABLE ? VERDICT_UNKNOWN : v;
}

/* Those that apply to its platform, in the policy's order. Results and checks both ascend by check, so one walk finds them all. */
static size_t check_all(const struct http_request *r, const struct policy *policy, const struct device *d, int64_t max_age_s, struct checked **out)
{
    struct checked *all = arena_array(r->arena, policy->check_count, sizeof *all);
    size_t count = 0, at = 0;
    for (size_t i = 0; all != NULL && i < policy->check_count; i++) {
        const struct check *check = &policy->checks[i];
        const struct result *result = NULL;
        int order = 1;
        while (at < d->result_count && (order = span_compare(d->results[at].check, check->id)) < 0)
            at++;
        if (order == 0)
            result = &d->results[at++];
        if (check->on[d->platform].applies)
            all[count++] = (struct checked){ check, result, verdict_of(check, d, result, r->now_s, max_age_s) };
    }
    *out = all;
    return count;
}

static struct span verdict_over(const struct device *d, const struct checked *all, size_t count, int64_t max_age_s)
{
    bool passed = false, unknown = false;
    if (!span_empty(d->duplicate_of))
        return SPAN_LITERAL("unknown"); /* two devices that claim one identity: whose results these are is not known */
    for (size_t i = 0; i < count; i++) {
        if (all[i].verdict == VERDICT_FAIL)
            return SPAN_LITERAL("fail");
        passed = passed || all[i].verdict == VERDICT_PASS;
        unknown = unknown || (all[i].verdict == VERDICT_UNKNOWN && max_age_s > 0);
    }
    return passed && !unknown ? SPAN_LITERAL("pass") : SPAN_LITERAL("unknown");
}

/* What went wrong when it was judged, or what has become of it since. */
static struct span why_unknown(const struct check *check, const struct result *result, enum verdict v, int64_t now_s)
{
    if (v != VERDICT_UNKNOWN || result->verdict == VERDICT_UNKNOWN)
        return result->why;
    if (now_s < evaluate_end(check, result))
        return SPAN_LITERAL("the last answer is older than max_age_s");
    bool ended = result->valid_until_s != 0 && now_s >= result->valid_until_s;
    return ended ? SPAN_LITERAL("the pushed facts that it rests on have ended") : SPAN_LITERAL("the last answer is older than fresh_for");
}

static char *run_of_result(const struct checked *c, int64_t now_s, struct to_json *w, char *at)
{
    const struct result *result = c->result;
    if (result->evaluated_s != 0)
        at = to_json_run_time(w, to_json_run_literal(at, ",\"evaluated_at\":"), result->evaluated_s);
    at = to_json_run_int(to_json_run_literal(at, ",\"age_s\":"), now_s - result->evaluated_s);
    if (result->first_failed_s != 0)
        at = to_json_run_time(w, to_json_run_literal(at, ",\"first_failed_at\":"), result->first_failed_s);
    if (result->last_passed_s != 0)
        at = to_json_run_time(w, to_json_run_literal(at, ",\"last_passed_at\":"), result->last_passed_s);
    if (result->verdict == VERDICT_FAIL)
        at = result->visible_s != 0 ? to_json_run_literal(at, ",\"visible\":true") : to_json_run_literal(at, ",\"visible\":false");
    if (!span_empty(result->saw))
        at = to_json_run_text(w, to_json_run_literal(at, ",\"saw\":"), result->saw);
    if (result->valid_until_s != 0)
        at = to_json_run_time(w, to_json_run_literal(at, ",\"valid_until\":"), result->valid_until_s);
    struct span why = why_unknown(c->check, result, c->verdict, now_s);
    if (!span_empty(why))
        at = to_json_run_text(w, to_json_run_literal(at, ",\"why_unknown\":"), why);
    if (!span_empty(result->policy))
        at = to_json_run_literal(to_json_run_span(to_json_run_literal(at, ",\"policy\":\""), result->policy), "\"");
    return at;
}

/* Twenty of them and more are most of an answer, so each is one run. */
static void write_result(const struct checked *c, const struct device *d, const struct posture_view *view, int64_t now_s, struct to_json *w)
{
    enum { KEYS_BYTES = 512 /* all keys, times and numbers */, WHY_BYTES = 64 /* of our own */ };
    struct span words = view->with_words ? c->check->on[d->platform].words_json : SPAN_NONE;
    size_t texts = c->result != NULL ? c->result->saw.bytes + c->result->why.bytes + c->result->policy.bytes + WHY_BYTES : 0;
    char *at = to_json_run(w, KEYS_BYTES + c->check->head_json.bytes + words.bytes + TO_JSON_ESCAPED * texts);
    if (at == NULL)
        return;
    at = w->first ? to_json_run_literal(at, "{") : to_json_run_literal(at, ",{");
    at = to_json_run_literal(to_json_run_span(at, c->check->head_json), ",\"result\":\"");
    at = c->verdict == VERDICT_PASS ? to_json_run_literal(at, "pass\"") : to_json_run_literal(to_json_run_span(at, span_of(verdict_name(c->verdict))), "\"");
    if (c->result != NULL)
        at = run_of_result(c, now_s, w, at);
    if (!span_empty(words))
        at = to_json_run_span(to_json_run_literal(at, ","), words);
    to_json_ran(w, to_json_run_literal(at, "}"));
}

static void write_standings(const struct http_request *r, const struct device *d, struct to_json *w)
{
    struct decision_input in = { 0 };
    const struct directory *directory = r->node->directory;
    const struct person *owner = span_empty(d->owner) ? NULL : directory_person(directory, d->owner);
    directory_decision_input(directory, owner, r->now_s, NULL, 0, &in);
    struct ladder_input ladder = decision_ladder_input(&in, d, owner);
    struct standing *standings = NULL;
    size_t count = in.policy != NULL ? ladder_standings(&ladder, r->arena, &standings) : 0;
    struct ladder_summary summary = { 0 };
    if (count > 0)
        summary = ladder_summary(&ladder, standings, count);
    to_json_member_text_if(w, "rung", summary.rung);
    to_json_member_time_if(w, "rung_since", summary.rung_s);
    to_json_member_text_if(w, "would_rung", summary.would.rung);
    to_json_member_time_if(w, "would_rung_since", summary.would.rung_s);
    to_json_key(w, "failing");
    to_json_array(w);
    for (size_t i = 0; i < count; i++) {
        to_json_object(w);
        to_json_member_text(w, "id", standings[i].check->id);
        to_json_member_time_if(w, "since", standings[i].result->first_failed_s);
        to_json_member_time_if(w, "deadline", standings[i].close_s);
        to_json_member_int(w, "notices", standings[i].notices);
        if (standings[i].stage != STAGE_ENFORCE)
            to_json_member_text(w, "stage", span_of(stage_name(standings[i].stage)));
        to_json_end(w);
    }
    to_json_end(w);
}

void posture_write_device(const struct http_request *r, const struct device *d, const struct posture_view *view, struct to_json *w)
{
    const struct policy *policy = directory_control(r->node->directory)->policy;
    struct checked *all = NULL;
    size_t count = policy != NULL ? check_all(r, policy, d, view->max_age_s, &all) : 0;
    struct device_live *live = directory_live(r->node->directory, d->id);
    int64_t seen_s = live != NULL && live->seen_s > d->seen_s ? live->seen_s : d->seen_s;
    to_json_member_text(w, "device", d->id);
    to_json_member_text_if(w, "name", d->name);
    to_json_member_text(w, "platform", span_of(platform_name(d->platform)));
    to_json_member_text_if(w, "model", d->model);
    to_json_member_text_if(w, "serial", d->serial);
    to_json_member_text_if(w, "os_version", d->os_version);
    to_json_member_text_if(w, "owner", d->owner);
    const struct person *owner = view->with_owner_email && !span_empty(d->owner) ? directory_person(r->node->directory, d->owner) : NULL;
    if (owner != NULL && owner->email_count > 0)
        to_json_member_text(w, "owner_email", owner->emails[0]);
    to_json_member_plain(w, "verdict", verdict_over(d, all, count, view->max_age_s));
    write_standings(r, d, w);
    to_json_member_time_if(w, "seen_at", seen_s);
    if (seen_s > 0)
        to_json_member_int(w, "seen_age_s", r->now_s - seen_s);
    to_json_key(w, "results");
    to_json_array(w);
    for (size_t i = 0; i < count; i++)
        write_result(&all[i], d, view, r->now_s, w);
    to_json_end(w);
}
