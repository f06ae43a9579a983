#include "gateway/api/posture_view.h"

#include "posture/evaluate.h"

/* The results of a device beside the checks of the policy: both ascend by check, so one walk finds them all. NULL where a check has none. */
static const struct result **results_of(struct arena *arena, const struct policy *policy, const struct device *d)
{
    const struct result **all = arena_array(arena, policy->check_count, sizeof *all);
    for (size_t i = 0, at = 0; all != NULL && i < policy->check_count; i++) {
        struct span check = policy->checks[i].id;
        while (at < d->result_count && !span_equal(d->results[at].check, check) && span_compare(d->results[at].check, check) < 0) /* most are equal at once */
            at++;
        if (at < d->result_count && span_equal(d->results[at].check, check))
            all[i] = &d->results[at++];
    }
    return all;
}

static enum verdict verdict_of(const struct check *check, const struct device *d, const struct result *result, int64_t now_s, int64_t max_age_s)
{
    enum verdict v = evaluate_now(check, d, result, now_s);
    bool too_old = max_age_s > 0 && result != NULL && now_s - result->evaluated_s > max_age_s;
    return too_old && v != VERDICT_NOT_APPLICABLE ? VERDICT_UNKNOWN : v;
}

/* `results` as results_of() found them; NULL: nothing is known. */
static const char *verdict_over(const struct policy *policy, const struct device *d, const struct result *const *results, int64_t now_s, int64_t max_age_s)
{
    bool passed = false, unknown = false;
    if (!span_empty(d->duplicate_of) || policy == NULL || results == NULL)
        return "unknown"; /* two devices that claim one identity: whose results these are is not known */
    for (size_t i = 0; i < policy->check_count; i++) {
        enum verdict v = verdict_of(&policy->checks[i], d, results[i], now_s, max_age_s);
        if (v == VERDICT_FAIL)
            return "fail";
        passed = passed || v == VERDICT_PASS;
        unknown = unknown || (v == VERDICT_UNKNOWN && max_age_s > 0);
    }
    return passed && !unknown ? "pass" : "unknown";
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

static void write_result(const struct check *check, const struct device *d, const struct result *result, const struct posture_view *view, int64_t now_s, struct to_json *w)
{
    enum verdict v = verdict_of(check, d, result, now_s, view->max_age_s);
    to_json_object(w);
    to_json_member_plain(w, "check", check->id);
    to_json_members(w, check->title_json);
    to_json_member_plain(w, "result", span_of(verdict_name(v)));
    if (result != NULL) {
        to_json_member_time_if(w, "evaluated_at", result->evaluated_s);
        to_json_member_int(w, "age_s", now_s - result->evaluated_s);
        to_json_member_time_if(w, "first_failed_at", result->first_failed_s);
        to_json_member_time_if(w, "last_passed_at", result->last_passed_s);
        if (result->verdict == VERDICT_FAIL)
            to_json_member_bool(w, "visible", result->visible_s != 0);
        to_json_member_text_if(w, "saw", result->saw);
        to_json_member_time_if(w, "valid_until", result->valid_until_s);
        to_json_member_text_if(w, "why_unknown", why_unknown(check, result, v, now_s));
        if (!span_empty(result->policy))
            to_json_member_plain(w, "policy", result->policy);
    }
    if (view->with_words)
        to_json_members(w, check->on[d->platform].words_json);
    to_json_end(w);
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
    const struct result *const *results = policy != NULL ? results_of(r->arena, policy, d) : NULL;
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
    to_json_member_text(w, "verdict", span_of(verdict_over(policy, d, results, r->now_s, view->max_age_s)));
    write_standings(r, d, w);
    to_json_member_time_if(w, "seen_at", seen_s);
    if (seen_s > 0)
        to_json_member_int(w, "seen_age_s", r->now_s - seen_s);
    to_json_key(w, "results");
    to_json_array(w);
    for (size_t i = 0; results != NULL && i < policy->check_count; i++)
        if (policy->checks[i].on[d->platform].applies)
            write_result(&policy->checks[i], d, results[i], view, r->now_s, w);
    to_json_end(w);
}
