#include "posture/evaluate.h"
#include "posture/evaluate_facts.h"
#include "posture/evaluate_parts.h"
#include "posture/evaluate_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHY_BYTES = 200, POLICY_HEX = 12, MOST_READS = 255, SECOND_FRESH_S = 3 * 86400 };

/* One evaluation while it runs. The device changes only in its arena until finish() puts the new lists in place. */
struct run {
    const struct policy *policy;
    struct device *device;
    int64_t now_s;
    struct fact_edit facts;
    struct result *results; size_t result_count;
    struct result_change *changes; size_t change_count;
    const struct doubt *doubts; size_t doubt_count; /* before it began */
    bool changed, doubted, full; /* full: no memory left */
};
struct judgement {
    enum verdict verdict;
    struct span saw, why;
    int64_t observed_s; /* of what was judged */
    int64_t at_s;       /* when the verdict, if it is another, came to be */
    int64_t valid_until_s; /* the facts it rests on end here; 0: it rests on none */
    bool is_read;       /* something new was observed, rather than known rows looked at again */
    enum truth second;  /* what the check's second source says, as of second_s */
    int64_t second_s;
    char room[EVIDENCE_BYTES];
};

/* ---- what a verdict does to the result */

static void take(struct run *run, struct span *kept, struct span new)
{
    if (span_equal(*kept, new))
        return;
    *kept = arena_copy(&run->device->arena, new);
    run->full = run->full || (kept->at == NULL && new.bytes > 0);
}

/* Somebody pressed "Check again" and waits for the answer, or the check cannot wait: one read is enough. */
static bool shows_at_once(const struct run *run, const struct check *check, const struct result *before, int64_t observed_s)
{
    if (check->severity == SEVERITY_URGENT)
        return true;
    return evaluate_recheck_names(run->device, check->id) && before->evaluated_s < run->device->recheck_s && observed_s >= run->device->recheck_s;
}

static bool was_seen_often_enough(const struct policy *policy, const struct result *result)
{
    return result->fail_reads >= policy->visible_after.reads && result->evaluated_s - result->first_failed_s >= policy->visible_after.apart_s;
}

/* A pass that did not hold was no end: the failure goes on, with what was uncertain of it. */
static void begin_failure(struct run *run, const struct result *before, const struct judgement *j, struct result *result)
{
    bool passed = before->verdict == VERDICT_PASS || before->verdict == VERDICT_NOT_APPLICABLE;
    if (!passed || j->at_s - before->changed_s >= PASS_HELD_S)
        run->full = !device_drop_doubts(run->device, result->check) || run->full;
    result->first_failed_s = j->at_s;
    result->fail_reads = 1;
}

static void apply_fail(struct run *run, const struct check *check, const struct result *before, const struct judgement *j, struct result *result)
{
    if (result->first_failed_s == 0) {
        begin_failure(run, before, j, result);
    } else if (result->visible_s == 0 && j->is_read && j->observed_s > before->evaluated_s && result->fail_reads < MOST_READS) {
        result->fail_reads++; /* counting ends when it is visible: a number nobody reads is not worth a commit */
    }
    if (result->visible_s == 0 && (shows_at_once(run, check, before, j->observed_s) || was_seen_often_enough(run->policy, result)))
        result->visible_s = j->at_s;
}

static void clear_failure(struct result *result)
{
    result->first_failed_s = 0;
    result->visible_s = 0;
    result->fail_reads = 0;
}

static bool differs(const struct result *a, const struct result *b)
{
    return a->verdict != b->verdict || a->changed_s != b->changed_s || a->valid_until_s != b->valid_until_s || a->first_failed_s != b->first_failed_s || a->visible_s != b->visible_s ||
           a->fail_reads != b->fail_reads || a->own != b->own || a->own_s != b->own_s || a->other != b->other || !span_equal(a->check_version, b->check_version) || !span_equal(a->saw, b->saw) || !span_equal(a->why, b->why);
}

static void note_change(struct run *run, struct span check, enum verdict from, enum verdict to, bool became_visible)
{
    if (from != to || became_visible)
        run->changes[run->change_count++] = (struct result_change){ check, from, to, became_visible };
}

/* The policy named is the one that first made this verdict of this form of the check: a new policy that judges alike is no change. */
static void take_texts(struct run *run, const struct check *check, const struct judgement *j, bool is_new, struct result *result)
{
    bool judged_anew = is_new || result->verdict != j->verdict || !span_equal(result->check_version, check->version);
    if (judged_anew)
        take(run, &result->policy, span_slice(span_of(run->policy->version), 0, POLICY_HEX));
    take(run, &result->check_version, check->version);
    take(run, &result->saw, j->saw);
    take(run, &result->why, j->why);
}

static const char *const disagreements[] = { "osquery says fail, the device manager says pass: the policy decides whom to believe (mdm.disagreement)",
                                             "osquery says pass, the device manager says fail: the policy decides whom to believe (mdm.disagreement)" };

/* Two sources, one question. A word of the second source that is older than what the rows say is no disagreement: it has not looked since. */
static void weigh(const struct run *run, const struct check *check, struct judgement *j, struct result *result)
{
    enum verdict own = j->verdict, other = j->second == TRUTH_TRUE ? VERDICT_PASS : VERDICT_FAIL;
    result->other = VERDICT_UNKNOWN;
    if (evaluate_platform(check, run->device)->second == NULL || (own != VERDICT_PASS && own != VERDICT_FAIL)) {
        result->own = VERDICT_UNKNOWN;
        result->own_s = 0;
        return;
    }
    if (result->own_s == 0 && j->second == TRUTH_UNKNOWN)
        return; /* nobody else was ever asked */
    if (result->own != own || result->own_s == 0) {
        bool as_before = result->own_s == 0 && result->verdict == own && result->changed_s > 0;
        result->own = own;
        result->own_s = as_before ? result->changed_s : j->observed_s;
    }
    if (j->second == TRUTH_UNKNOWN || j->second_s < result->own_s || own == other)
        return;
    result->other = other;
    j->why = span_of(disagreements[own == VERDICT_PASS]);
    if (run->policy->mdm.disagreement == DISAGREEMENT_UNKNOWN)
        j->verdict = VERDICT_UNKNOWN;
    else if (run->policy->mdm.disagreement == DISAGREEMENT_MDM)
        j->verdict = other;
}

/* What was uncertain until now is written down, or the ladder would count it as soon as it is over: also at a pass, which may not hold, and asks how much of the clock ran. */
static void note_doubt(struct run *run, const struct check *check, const struct result *before, const struct result *after)
{
    int64_t from_s = before->visible_s == 0 ? 0 : evaluate_doubt(check, before, run->now_s), still_s = evaluate_doubt(check, after, run->now_s);
    bool goes_on = still_s != 0 && still_s <= from_s;
    if (from_s == 0 || goes_on || from_s >= run->now_s)
        return;
    run->full = !device_put_doubt(run->device, check->id, (struct interval){ from_s, run->now_s }) || run->full;
    run->doubted = true;
}

/* Unknown and in progress wash no failure away: only a pass, or not applying any more, clears it. */
static void apply(struct run *run, const struct check *check, struct judgement *j, struct result *result)
{
    struct result before = *result;
    weigh(run, check, j, result);
    bool is_new = before.evaluated_s == 0;
    if (before.verdict == VERDICT_PASS && before.evaluated_s > before.last_passed_s)
        result->last_passed_s = before.evaluated_s; /* a refresh moved only the time of evaluation */
    take_texts(run, check, j, is_new, result);
    if (is_new || before.verdict != j->verdict)
        result->changed_s = j->at_s;
    result->verdict = j->verdict;
    result->evaluated_s = j->observed_s;
    result->valid_until_s = j->valid_until_s;
    if (j->verdict == VERDICT_PASS)
        result->last_passed_s = j->observed_s;
    if (j->verdict == VERDICT_PASS || j->verdict == VERDICT_NOT_APPLICABLE)
        clear_failure(result);
    if (j->verdict == VERDICT_FAIL)
        apply_fail(run, check, &before, j, result);
    note_doubt(run, check, &before, result);
    run->changed = run->changed || run->doubted || is_new || differs(&before, result);
    note_change(run, result->check, before.verdict, j->verdict, before.visible_s == 0 && result->visible_s != 0);
}

/* ---- judging */

static size_t telling_row(const struct check_platform *on, const struct expression_input *input)
{
    size_t count = from_json_count(input->rows), row = expression_witness(on->pass, input);
    return row < count ? row : 0; /* no single row tells: the first is as good as any */
}

static void judge(const struct check_platform *on, const struct expression_input *input, struct judgement *j)
{
    enum truth pass = expression_evaluate(on->pass, input);
    j->verdict = VERDICT_UNKNOWN;
    if (on->unknown_if != NULL && expression_evaluate(on->unknown_if, input) == TRUTH_TRUE)
        j->why = SPAN_LITERAL("the answer does not hold what this check needs (unknown_if)");
    else if (pass == TRUTH_TRUE)
        j->verdict = VERDICT_PASS;
    else if (on->in_progress_if != NULL && expression_evaluate(on->in_progress_if, input) == TRUTH_TRUE)
        j->verdict = VERDICT_IN_PROGRESS;
    else if (pass == TRUTH_FALSE)
        j->verdict = VERDICT_FAIL;
    else
        j->why = SPAN_LITERAL("a value that the rule reads is missing or cannot be read");
    bool told = j->verdict == VERDICT_FAIL || j->verdict == VERDICT_IN_PROGRESS;
    if (told && input->rows != NULL)
        j->saw = evaluate_saw(on, input->rows, telling_row(on, input), j->room);
    else if (told)
        j->saw = span_find(on->saw, '{') == on->saw.bytes ? on->saw : SPAN_NONE;
}

/* A manager's facts are hours old by nature: a second opinion may be as old as the longest that any check lets a fact become. */
static void ask_second(const struct run *run, const struct check *check, int64_t at_s, struct judgement *j)
{
    const struct expression *second = evaluate_platform(check, run->device)->second;
    int64_t fresh_for_s = check->fresh_for_s > SECOND_FRESH_S ? check->fresh_for_s : SECOND_FRESH_S;
    struct fact_view view;
    j->second = TRUTH_UNKNOWN;
    if (second == NULL)
        return;
    fact_view_init(&view, &run->facts, at_s, fresh_for_s);
    struct expression_input input = { NULL, fact_view_get, &view };
    j->second = expression_evaluate(second, &input);
    j->second_s = view.newest_s;
    fact_view_done(&view);
}

/* Judges as of `at_s`; how the facts that were read stand in time. `rows` may be NULL. */
struct facts_read { int64_t newest_s, end_s; };
static struct facts_read judge_at(const struct run *run, const struct check *check, const struct from_json_value *rows, int64_t at_s, struct judgement *j)
{
    struct fact_view view;
    fact_view_init(&view, &run->facts, at_s, check->fresh_for_s);
    struct expression_input input = { rows, fact_view_get, &view };
    judge(evaluate_platform(check, run->device), &input, j);
    struct facts_read read = { view.newest_s, view.end_s };
    fact_view_done(&view);
    ask_second(run, check, at_s, j);
    return read;
}

/* A verdict holds until facts end without which it would have been another: `a or b` outlives a. Each round is past one fact more. */
static int64_t holds_until(const struct run *run, const struct check *check, const struct from_json_value *rows, enum verdict verdict, int64_t end_s)
{
    if (verdict == VERDICT_UNKNOWN)
        return 0;
    for (size_t i = 0; end_s != 0 && i < CHECK_MAX_NAMES; i++) {
        struct judgement then = { .verdict = VERDICT_UNKNOWN };
        struct facts_read read = judge_at(run, check, rows, end_s, &then);
        if (then.verdict != verdict)
            return end_s;
        end_s = read.end_s;
    }
    return end_s;
}

/* When the newest fact that was read was observed; 0: none was. */
static int64_t judge_now(const struct run *run, const struct check *check, const struct from_json_value *rows, struct judgement *j)
{
    struct facts_read read = judge_at(run, check, rows, run->now_s, j);
    j->valid_until_s = holds_until(run, check, rows, j->verdict, read.end_s);
    return read.newest_s;
}

static struct span plain_message(struct span message, char room[WHY_BYTES])
{
    size_t bytes = 0;
    message = span_trim(message);
    for (size_t i = 0; i < message.bytes && bytes < WHY_BYTES; i++)
        room[bytes++] = message.at[i] >= ' ' && message.at[i] < 0x7F ? message.at[i] : '?';
    return bytes > 0 ? span_make(room, bytes) : SPAN_LITERAL("the device could not answer");
}

static struct result *find_result(struct run *run, struct span check)
{
    size_t low = 0, high = run->result_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (span_compare(run->results[middle].check, check) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < run->result_count && span_equal(run->results[low].check, check) ? &run->results[low] : NULL;
}

static struct span rows_name(struct run *run, const struct check *check)
{
    struct span name = arena_format(&run->device->arena, "check:%.*s", SPAN_ARGS(check->id));
    run->full = run->full || name.at == NULL;
    return name;
}

static const struct fact *kept_rows(struct run *run, const struct check *check)
{
    char name[128]; /* an id has at most 64 bytes */
    snprintf(name, sizeof name, "check:%.*s", SPAN_ARGS(check->id));
    return fact_edit_find(&run->facts, span_of(name));
}

/* ---- observations */

static bool keep_rows(struct run *run, const struct observation *o, struct err *err)
{
    const struct check_platform *on = evaluate_platform(o->check, run->device);
    CLEANUP(buf_done) struct buf rows;
    buf_init(&rows, 2 * FACT_VALUE_BYTES);
    if (!evaluate_kept_rows(on, o->rows, &rows))
        return false;
    const struct fact *old = kept_rows(run, o->check);
    struct fact fact = { old != NULL ? old->name : rows_name(run, o->check), buf_span(&rows), o->source, o->check->version, o->observed_s, 0 };
    enum err_code put = run->full ? ERR_MEMORY : fact_edit_put(&run->facts, &fact, err);
    return put == OK || put == ERR_LIMIT; /* a device full of pushed facts is still judged, its rows are just not kept */
}

static void forget_rows(struct run *run, const struct check *check)
{
    const struct fact *old = kept_rows(run, check);
    if (old != NULL)
        fact_edit_remove(&run->facts, old->name);
}

static bool is_answer(const struct observation *o)
{
    return !o->failed && o->rows != NULL && from_json_kind(o->rows) == FROM_JSON_ARRAY;
}

static void judge_observation(struct run *run, const struct observation *o, struct judgement *j, char why[WHY_BYTES])
{
    j->observed_s = j->at_s = o->observed_s;
    j->is_read = true;
    if (!is_answer(o)) {
        j->why = plain_message(o->message, why);
        return;
    }
    (void)judge_now(run, o->check, o->rows, j);
}

static void take_observation(struct run *run, const struct observation *o, struct err *err)
{
    char why[WHY_BYTES];
    struct judgement j = { .verdict = VERDICT_UNKNOWN };
    struct result *result = find_result(run, o->check->id);
    if (result == NULL || o->observed_s < result->evaluated_s)
        return; /* an answer that was overtaken on the way */
    judge_observation(run, o, &j, why);
    apply(run, o->check, &j, result);
    if (!is_answer(o))
        forget_rows(run, o->check);
    else if (!keep_rows(run, o, err))
        run->full = true;
}

static int compare_observations(const void *left, const void *right)
{
    const struct observation *a = *(const struct observation *const *)left, *b = *(const struct observation *const *)right;
    int order = span_compare(a->check->id, b->check->id);
    return order != 0 ? order : (a->observed_s > b->observed_s) - (a->observed_s < b->observed_s);
}

/* ---- the lists of a run */

static int compare_results(const void *left, const void *right)
{
    const struct result *a = left, *b = right;
    return span_compare(a->check, b->check);
}

/* The device's results, and a fresh one for each of `checks` that has none. Sorted, each once. */
static bool open_results(struct run *run, const struct check *const *checks, size_t count)
{
    struct device *device = run->device;
    run->results = arena_array(&device->arena, device->result_count + count, sizeof *run->results);
    if (run->results == NULL)
        return false;
    if (device->result_count > 0)
        memcpy(run->results, device->results, device->result_count * sizeof *run->results);
    run->result_count = device->result_count;
    size_t total = run->result_count;
    for (size_t i = 0; i < count; i++) {
        bool again = i > 0 && checks[i] == checks[i - 1];
        if (again || find_result(run, checks[i]->id) != NULL)
            continue;
        struct span id = arena_copy(&device->arena, checks[i]->id);
        run->results[total++] = (struct result){ .check = id, .verdict = VERDICT_UNKNOWN };
        run->full = run->full || id.at == NULL;
    }
    run->result_count = total;
    qsort(run->results, total, sizeof *run->results, compare_results);
    return !run->full;
}

static bool begin(struct run *run, const struct policy *policy, struct device *device, int64_t now_s, size_t more_facts, size_t more_changes, struct arena *arena)
{
    *run = (struct run){ .policy = policy, .device = device, .now_s = now_s, .doubts = device->doubts, .doubt_count = device->doubt_count };
    run->changes = arena_array(arena, device->result_count + more_changes, sizeof *run->changes);
    return run->changes != NULL && fact_edit_begin(&run->facts, device, more_facts);
}

static enum err_code no_memory(const struct run *run, struct err *err)
{
    return err_set(err, ERR_MEMORY, "evaluating device %.*s: no memory left", SPAN_ARGS(run->device->id));
}

static enum err_code take_back(const struct run *run, enum err_code code)
{
    run->device->doubts = run->doubts;
    run->device->doubt_count = run->doubt_count;
    return code;
}

static enum err_code finish(struct run *run, struct evaluation *out, struct err *err)
{
    if (run->full)
        return take_back(run, no_memory(run, err));
    if (run->result_count > DEVICE_MAX_RESULTS)
        return take_back(run, err_set(err, ERR_LIMIT, "evaluating device %.*s: %zu results, at most %d are kept", SPAN_ARGS(run->device->id), run->result_count, DEVICE_MAX_RESULTS));
    run->device->results = run->results;
    run->device->result_count = run->result_count;
    fact_edit_end(&run->facts);
    *out = (struct evaluation){ run->changed || run->facts.changed, run->doubted, run->changes, run->change_count };
    return OK;
}

/* Those that concern this platform, by check and time. */
static size_t sort_observations(const struct device *device, const struct observation *all, size_t count, const struct observation **sorted)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        if (evaluate_platform(all[i].check, device)->applies)
            sorted[used++] = &all[i];
    qsort(sorted, used, sizeof sorted[0], compare_observations);
    return used;
}

enum err_code evaluate_observations(const struct policy *policy, struct device *device, const struct observation *observations, size_t count,
                                    int64_t now_s, struct arena *arena, struct evaluation *out, struct err *err)
{
    struct run run;
    bool begun = begin(&run, policy, device, now_s, count, count, arena);
    const struct observation **sorted = arena_array(arena, count, sizeof *sorted);
    const struct check **checks = arena_array(arena, count, sizeof *checks);
    if (!begun || sorted == NULL || checks == NULL)
        return no_memory(&run, err);
    size_t used = sort_observations(device, observations, count, sorted);
    for (size_t i = 0; i < used; i++)
        checks[i] = sorted[i]->check;
    if (!open_results(&run, checks, used))
        return no_memory(&run, err);
    for (size_t i = 0; i < used; i++)
        take_observation(&run, sorted[i], err);
    return finish(&run, out, err);
}

/* ---- facts, and all over again */

/* A check over facts alone. Without any of them there is nothing to judge, unless there was before. */
static void judge_facts(struct run *run, const struct check *check)
{
    struct judgement j = { .verdict = VERDICT_UNKNOWN };
    struct result *result = find_result(run, check->id);
    if (result == NULL)
        return;
    int64_t newest_s = judge_now(run, check, NULL, &j);
    j.observed_s = newest_s > 0 ? newest_s : run->now_s;
    if (j.observed_s < result->evaluated_s)
        j.observed_s = result->evaluated_s;
    j.at_s = j.observed_s;
    j.is_read = true;
    apply(run, check, &j, result);
}

/* A check over rows and facts, when only facts changed: judged with the rows of its last read, if all of them were kept. */
static void judge_kept(struct run *run, const struct check *check)
{
    struct from_json_limits limits = { FACT_VALUE_BYTES, 8 };
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct judgement j = { .verdict = VERDICT_UNKNOWN };
    const struct fact *kept = kept_rows(run, check);
    struct result *result = find_result(run, check->id);
    if (result == NULL || kept == NULL || !span_equal(kept->version, check->version) || from_json_parse(kept->value, limits, "rows", &doc, NULL) != OK)
        return;
    struct from_json_value rows = from_json_root(doc);
    if (!evaluate_rows_complete(&rows))
        return;
    (void)judge_now(run, check, &rows, &j);
    j.observed_s = result->evaluated_s;
    j.at_s = run->now_s;
    apply(run, check, &j, result);
}

static void judge_again(struct run *run, const struct check *check)
{
    const struct check_platform *on = evaluate_platform(check, run->device);
    if (!on->applies || on->fact_count == 0)
        return;
    if (check_facts_only(on))
        judge_facts(run, check);
    else
        judge_kept(run, check);
}

static enum err_code put_fact(struct run *run, const struct pushed_fact *pushed, struct err *err)
{
    struct from_json_limits limits = { FACT_VALUE_BYTES, 16 };
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    const struct fact *old = fact_edit_find(&run->facts, pushed->name);
    if (from_json_parse(pushed->value, limits, "value", &doc, err) != OK)
        return err_wrap(err, "fact %.*s", SPAN_ARGS(pushed->name));
    if (old != NULL && old->observed_s > pushed->observed_s)
        return OK;
    if (old == NULL || old->observed_s != pushed->observed_s || old->expires_s != pushed->expires_s)
        run->changed = true; /* its lifetime is not in a refresh */
    struct fact fact = { pushed->name, pushed->value, pushed->source, SPAN_NONE, pushed->observed_s, pushed->expires_s };
    return fact_edit_put(&run->facts, &fact, err);
}

/* Marks the checks in force on this platform that read the fact; false when none does. */
static bool mark_readers(const struct run *run, struct span name, bool *marked)
{
    const struct fact_use *uses;
    size_t count = policy_fact_uses(run->policy, name, &uses);
    bool read = false;
    for (size_t i = 0; i < count; i++) {
        const struct check_platform *on = evaluate_platform(&run->policy->checks[uses[i].check], run->device);
        if (!on->applies || !evaluate_names(on->facts, on->fact_count, name))
            continue;
        marked[uses[i].check] = true;
        read = true;
    }
    return read;
}

static size_t list_marked(const struct policy *policy, const bool *marked, const struct check **checks)
{
    size_t used = 0;
    for (size_t i = 0; i < policy->check_count; i++)
        if (marked[i])
            checks[used++] = &policy->checks[i];
    return used;
}

/* A mixed check gets a result from its rows only, so a fact alone does not open one. */
static size_t facts_only_first(const struct run *run, const struct check *const *checks, size_t count, const struct check **out)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        if (check_facts_only(evaluate_platform(checks[i], run->device)))
            out[used++] = checks[i];
    return used;
}

static enum err_code judge_readers(struct run *run, const bool *marked, struct arena *arena, struct evaluation *out, struct err *err)
{
    const struct policy *policy = run->policy;
    const struct check **checks = arena_array(arena, policy->check_count, sizeof *checks);
    const struct check **opened = arena_array(arena, policy->check_count, sizeof *opened);
    if (checks == NULL || opened == NULL)
        return no_memory(run, err);
    size_t count = list_marked(policy, marked, checks);
    if (!open_results(run, opened, facts_only_first(run, checks, count, opened)))
        return no_memory(run, err);
    for (size_t i = 0; i < count; i++)
        judge_again(run, checks[i]);
    return finish(run, out, err);
}

enum err_code evaluate_facts(const struct policy *policy, struct device *device, const struct pushed_fact *facts, size_t count, int64_t now_s,
                             struct arena *arena, struct evaluation *out, size_t *dropped, struct err *err)
{
    struct run run;
    bool begun = begin(&run, policy, device, now_s, count, policy->check_count, arena);
    bool *marked = arena_array(arena, policy->check_count, sizeof *marked);
    size_t unread = 0;
    if (!begun || marked == NULL)
        return no_memory(&run, err);
    for (size_t i = 0; i < count; i++) {
        if (!mark_readers(&run, facts[i].name, marked)) {
            unread++;
            continue;
        }
        enum err_code put = put_fact(&run, &facts[i], err);
        if (put != OK)
            return put;
    }
    enum err_code judged = judge_readers(&run, marked, arena, out, err);
    if (judged == OK)
        *dropped = unread;
    return judged;
}

static bool is_in_force(const struct run *run, struct span id)
{
    const struct check *check = policy_check(run->policy, id);
    return check != NULL && evaluate_platform(check, run->device)->applies;
}

/* Rows of another form of the check answer another question; pushed facts stay while some check reads them and they live. */
static bool is_wanted(void *context, const struct fact *fact)
{
    const struct run *run = context;
    const struct fact_use *uses;
    struct span prefix = SPAN_LITERAL("check:");
    if (!span_starts(fact->name, prefix))
        return (fact->expires_s == 0 || fact->expires_s > run->now_s) && policy_fact_uses(run->policy, fact->name, &uses) > 0;
    const struct check *check = policy_check(run->policy, span_slice(fact->name, prefix.bytes, fact->name.bytes));
    return check != NULL && evaluate_platform(check, run->device)->applies && span_equal(fact->version, check->version);
}

static void drop_result(struct run *run, const struct result *result)
{
    note_change(run, result->check, result->verdict, VERDICT_NOT_APPLICABLE, false);
    run->full = !device_drop_doubts(run->device, result->check) || run->full;
}

static void drop_results(struct run *run)
{
    size_t kept = 0;
    for (size_t i = 0; i < run->result_count; i++) {
        if (is_in_force(run, run->results[i].check))
            run->results[kept++] = run->results[i];
        else
            drop_result(run, &run->results[i]);
    }
    run->changed = run->changed || kept < run->result_count;
    run->result_count = kept;
}

/* A new policy may ask for fewer reads than the old one. */
static void show_failures(struct run *run)
{
    for (size_t i = 0; i < run->result_count; i++) {
        struct result *result = &run->results[i];
        if (result->verdict != VERDICT_FAIL || result->visible_s != 0 || !was_seen_often_enough(run->policy, result))
            continue;
        result->visible_s = run->now_s;
        run->changed = true;
        note_change(run, result->check, VERDICT_FAIL, VERDICT_FAIL, true);
    }
}

/* Checks over facts that can be judged for the first time. */
static bool *mark_judgeable(const struct run *run, struct arena *arena)
{
    bool *marked = arena_array(arena, run->policy->check_count, sizeof *marked);
    for (size_t i = 0; marked != NULL && i < run->policy->check_count; i++) {
        const struct check *check = &run->policy->checks[i];
        const struct check_platform *on = evaluate_platform(check, run->device);
        struct fact_view view;
        fact_view_init(&view, &run->facts, run->now_s, check->fresh_for_s);
        marked[i] = check_facts_only(on) && fact_view_has_any(&view, on);
    }
    return marked;
}

enum err_code evaluate_again(const struct policy *policy, struct device *device, int64_t now_s, struct arena *arena, struct evaluation *out, struct err *err)
{
    struct run run;
    bool begun = begin(&run, policy, device, now_s, 0, 2 * policy->check_count + device->result_count, arena);
    const struct check **checks = arena_array(arena, policy->check_count, sizeof *checks);
    if (!begun || checks == NULL)
        return no_memory(&run, err);
    fact_edit_filter(&run.facts, is_wanted, &run);
    const bool *marked = mark_judgeable(&run, arena);
    if (marked == NULL || !open_results(&run, checks, list_marked(policy, marked, checks)))
        return no_memory(&run, err);
    drop_results(&run);
    for (size_t i = 0; i < policy->check_count; i++)
        judge_again(&run, &policy->checks[i]);
    show_failures(&run);
    return finish(&run, out, err);
}

/* A check that reads facts and was judged in another form, or never. */
static bool awaits_judgement(const struct policy *policy, const struct device *device)
{
    for (size_t i = 0; i < policy->check_count; i++) {
        const struct check *check = &policy->checks[i];
        const struct check_platform *on = evaluate_platform(check, device);
        if (!on->applies || on->fact_count == 0)
            continue;
        const struct result *result = device_result(device, check->id);
        if (result == NULL ? check_facts_only(on) : !span_equal(result->check_version, check->version))
            return true;
    }
    return false;
}

bool evaluate_may_differ(const struct policy *policy, const struct device *device)
{
    for (size_t i = 0; i < device->result_count; i++) {
        const struct result *result = &device->results[i];
        const struct check *check = policy_check(policy, result->check);
        bool hidden = result->verdict == VERDICT_FAIL && result->visible_s == 0;
        if (check == NULL || !evaluate_platform(check, device)->applies || (hidden && was_seen_often_enough(policy, result)))
            return true;
    }
    return awaits_judgement(policy, device);
}
