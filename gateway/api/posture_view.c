#include "gateway/api/posture_view.h"

#include "posture/evaluate.h"

/* What checks of the policy say of the device now. Results that are alike in all but their names are one, and of checks that follow each other with one such result the same is
 * said: a report judges many checks in one second, mostly with one outcome. */
struct checked { const struct check_words *words; size_t count; const struct result *result; /* NULL: none yet */ enum verdict verdict; };
struct all_checked { struct checked *all; size_t count; unsigned verdicts; /* 1 << enum verdict for each that there is */ bool memory_short; };

static enum verdict verdict_of(const struct check_words *words, const struct result *result, int64_t now_s, int64_t max_age_s)
{
    enum verdict v = evaluate_result(words->fresh_for_s, result, now_s);
    bool too_old = max_age_s > 0 && result != NULL && now_s - result->evaluated_s > max_age_s;
    return too_old && v != VERDICT_NOT_APPLICABLE ? VERDICT_UNKNOWN : v;
}

/* A walk over results beside one over checks: both ascend by check. */
struct results {
    struct packed_results walk;
    bool ahead;                /* it has come to a result that no check had yet */
    const struct result *kept; /* a copy of that, or of one that it is like; NULL: to be made */
};

static bool next_result(struct results *r)
{
    r->ahead = packed_results_next(&r->walk);
    if (!r->walk.alike)
        r->kept = NULL;
    return r->ahead;
}

/* Comes to the check's result, past those whose check is no more. */
static bool find_result(struct results *r, struct span check)
{
    while (r->ahead || next_result(r)) {
        int order = span_compare(r->walk.result.check, check);
        if (order >= 0) {
            r->ahead = order > 0;
            return order == 0;
        }
        r->ahead = false;
    }
    return false;
}

/* NULL when there is none, or memory is short. Nearly all are as the one before, and nothing is unpacked for those. */
static const struct result *result_of(struct results *r, const struct check *check, const struct packed_name *name, struct arena *arena, bool *memory_short)
{
    if (r->kept != NULL && !r->ahead && name != NULL && packed_results_pass(&r->walk, name))
        return r->kept;
    if (!find_result(r, check->id))
        return NULL;
    if (r->kept != NULL)
        return r->kept;
    struct result *kept = arena_alloc_raw(arena, sizeof *kept);
    if (kept != NULL)
        *kept = r->walk.result;
    *memory_short = *memory_short || kept == NULL;
    return r->kept = kept;
}

static bool goes_on(const struct checked *before, const struct result *result, enum verdict verdict)
{
    if (result == NULL || result != before->result || verdict != before->verdict)
        return false;
    return verdict == result->verdict; /* otherwise the check says why */
}

/* Those that apply to its platform, in the policy's order. */
static struct all_checked check_all(const struct http_request *r, const struct control *control, const struct device *d, int64_t max_age_s)
{
    const struct check_words *words = control->policy->words[d->platform].all, *end = words + control->policy->words[d->platform].count;
    const struct packed_name *names = control->names;
    struct checked *all = arena_array(r->arena, (size_t)(end - words), sizeof *all), *to = all;
    struct results results = { .ahead = false };
    unsigned verdicts = 0;
    bool memory_short = all == NULL;
    directory_results(r->node->directory, d, &results.walk);
    for (; all != NULL && words < end; words++) {
        const struct result *result = result_of(&results, words->check, names != NULL ? &names[words->index] : NULL, r->arena, &memory_short);
        enum verdict verdict = verdict_of(words, result, r->now_s, max_age_s);
        verdicts |= 1U << verdict;
        if (to > all && goes_on(&to[-1], result, verdict))
            to[-1].count++;
        else
            *to++ = (struct checked){ words, 1, result, verdict };
    }
    return (struct all_checked){ all, (size_t)(to - all), verdicts, memory_short || results.walk.unpacker.memory_short };
}

static bool some(const struct all_checked *c, enum verdict v) { return (c->verdicts & 1U << v) != 0; }

static struct span verdict_over(const struct device *d, const struct all_checked *c, int64_t max_age_s)
{
    if (!span_empty(d->duplicate_of))
        return SPAN_LITERAL("unknown"); /* two devices that claim one identity: whose results these are is not known */
    if (some(c, VERDICT_FAIL))
        return SPAN_LITERAL("fail");
    bool unknown = some(c, VERDICT_UNKNOWN) && max_age_s > 0;
    return some(c, VERDICT_PASS) && !unknown ? SPAN_LITERAL("pass") : SPAN_LITERAL("unknown");
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

static char *run_of_result(struct to_json *w, const struct checked *c, int64_t now_s, char *at)
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
    struct span why = why_unknown(c->words->check, result, c->verdict, now_s);
    if (!span_empty(why))
        at = to_json_run_text(w, to_json_run_literal(at, ",\"why_unknown\":"), why);
    if (!span_empty(result->policy))
        at = to_json_run_literal(to_json_run_span(to_json_run_literal(at, ",\"policy\":\""), result->policy), "\"");
    return at;
}

static char *run_of_middle(struct to_json *w, const struct checked *c, int64_t now_s, char *at)
{
    at = to_json_run_literal(to_json_run_span(at, span_of(verdict_name(c->verdict))), "\"");
    return c->result != NULL ? run_of_result(w, c, now_s, at) : at;
}

static size_t most_of_middle(const struct checked *c)
{
    enum { KEYS_BYTES = 512 /* all keys, times and numbers */, WHY_BYTES = 64 /* of our own */ };
    return KEYS_BYTES + (c->result == NULL ? 0 : TO_JSON_ESCAPED * (c->result->saw.bytes + c->result->why.bytes + c->result->policy.bytes + WHY_BYTES));
}

/* What stands in front of what is known of a result, and behind it. With words the end of the one before has said how it begins. */
static struct span begin_of(const struct check_words *words, bool with_words) { return with_words ? SPAN_NONE : words->begin_json; }
static struct span end_of(const struct check_words *words, bool with_words) { return with_words ? words->end_json : SPAN_LITERAL("}"); }

/* The others of which the same is said: `middle` of what is written, and their words. */
static void write_others(const struct checked *c, bool with_words, size_t middle_at, size_t middle_bytes, struct to_json *w)
{
    size_t bytes = c->count * middle_bytes;
    for (size_t i = 1; i < c->count; i++)
        bytes += begin_of(&c->words[i], with_words).bytes + end_of(&c->words[i], with_words).bytes;
    char *at = to_json_run(w, bytes);
    if (at == NULL)
        return;
    struct span middle = { w->out->at + middle_at, middle_bytes };
    for (size_t i = 1; i < c->count; i++)
        at = to_json_run_json(to_json_run_json(to_json_run_json(at, begin_of(&c->words[i], with_words)), middle), end_of(&c->words[i], with_words));
    to_json_ran(w, at);
}

static void write_checked(const struct http_request *r, const struct checked *c, bool first, bool with_words, struct to_json *w)
{
    struct span begin = first ? span_slice(c->words->begin_json, 1, c->words->begin_json.bytes) /* without its comma */ : begin_of(c->words, with_words);
    struct span end = end_of(c->words, with_words);
    char *at = to_json_run(w, begin.bytes + end.bytes + most_of_middle(c));
    if (at == NULL)
        return;
    at = to_json_run_json(at, begin);
    size_t middle_at = (size_t)(at - w->out->at);
    at = run_of_middle(w, c, r->now_s, at);
    size_t middle_bytes = (size_t)(at - w->out->at) - middle_at;
    to_json_ran(w, to_json_run_json(at, end));
    if (c->count > 1)
        write_others(c, with_words, middle_at, middle_bytes, w);
}

/* Twenty results and more are most of an answer. Their words the policy has written already (policy_words.c). */
static void write_results(const struct http_request *r, const struct posture_view *view, const struct all_checked *checked, struct to_json *w)
{
    to_json_key(w, "results");
    to_json_array(w);
    for (const struct checked *c = checked->all; c < checked->all + checked->count; c++)
        write_checked(r, c, c == checked->all, view->with_words, w);
    to_json_end(w);
}

/* A key of ours with what belongs to it, and a text that may be empty: then neither. */
TO_JSON_INLINE char *run_of_text_if(struct to_json *w, char *at, const char *key, struct span text)
{
    return span_empty(text) ? at : to_json_run_text(w, to_json_run_literal(at, key), text);
}

static void write_names(const struct device *d, struct to_json *w)
{
    enum { KEYS_BYTES = 128 };
    char *at = to_json_run(w, KEYS_BYTES + TO_JSON_ESCAPED * (d->name.bytes + d->model.bytes + d->serial.bytes + d->os_version.bytes + d->owner.bytes));
    if (at == NULL)
        return;
    at = run_of_text_if(w, at, ",\"name\":", d->name);
    at = to_json_run_literal(to_json_run_span(to_json_run_literal(at, ",\"platform\":\""), span_of(platform_name(d->platform))), "\"");
    at = run_of_text_if(w, at, ",\"model\":", d->model);
    at = run_of_text_if(w, at, ",\"serial\":", d->serial);
    at = run_of_text_if(w, at, ",\"os_version\":", d->os_version);
    to_json_ran(w, run_of_text_if(w, at, ",\"owner\":", d->owner));
}

static bool anything_shows(const struct device *d)
{
    for (size_t i = 0; i < d->result_count; i++)
        if (d->results[i].visible_s != 0)
            return true;
    return false;
}

/* The rung, and what stands on it. */
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
    const struct control *control = directory_control(r->node->directory);
    struct all_checked checked = { .all = NULL };
    if (control->policy != NULL)
        checked = check_all(r, control, d, view->max_age_s);
    w->out->failed = w->out->memory_short = w->out->failed || checked.memory_short;
    struct device_live *live = directory_live(r->node->directory, d->id);
    int64_t seen_s = live != NULL && live->seen_s > d->seen_s ? live->seen_s : d->seen_s;
    to_json_member_text(w, "device", d->id);
    write_names(d, w);
    const struct person *owner = view->with_owner_email && !span_empty(d->owner) ? directory_person(r->node->directory, d->owner) : NULL;
    if (owner != NULL && owner->email_count > 0)
        to_json_member_text(w, "owner_email", owner->emails[0]);
    to_json_member_plain(w, "verdict", verdict_over(d, &checked, view->max_age_s));
    if (anything_shows(d))
        write_standings(r, d, w);
    else
        to_json_member_raw(w, "failing", SPAN_LITERAL("[]")); /* no ladder is stood on, so neither owner nor calendar is looked for */
    to_json_member_time_if(w, "seen_at", seen_s);
    if (seen_s > 0)
        to_json_member_int(w, "seen_age_s", r->now_s - seen_s);
    write_results(r, view, &checked, w);
}
