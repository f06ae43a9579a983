/* What agents and scripts report: seen again, or a change to commit.
 *
 * Most reports say what is known. Those are settled on the worker against the directory's copy of the device, which has results but no facts: the
 * rows kept of a check are therefore compared by what came of them (verdict, what people are shown, how far a failure is), not themselves. Rows
 * that differ and lead to the same result are stored with the device's next commit. A check that also reads pushed facts is always judged on
 * the stored record, where those are. */
#include "gateway/agents.h"
#include "gateway/allowance.h"
#include "gateway/refresher.h"

enum { WORK_BLOCK = 16 * 1024, WORK_MOST = 8 * 1024 * 1024, CHANGE_ROOM = 160 /* of one change in an event's data */, POLICY_HEX = 12 };

static const struct allowance_limit rechecks = { AGENTS_RECHECK_PER_HOUR, 3600 };

/* ---- from reports to observations ---- */

/* When the rows were true at the earliest: the question's time, or the agent's own, never later than now. */
static bool observed_at(const struct agents_report *report, const struct agents_name *name, int64_t now_s, int64_t *observed_s)
{
    bool is_scheduled = report->unix_s != 0;
    if (is_scheduled != (name->asked_s == 0))
        return false; /* a scheduled query's name is not proof that we asked */
    int64_t at_s = is_scheduled ? report->unix_s : name->asked_s;
    if (!is_scheduled && (at_s < now_s - AGENTS_NAME_LIFETIME_S || at_s > now_s + AGENTS_NAME_AHEAD_S))
        return false;
    *observed_s = at_s < now_s ? at_s : now_s;
    return *observed_s > 0;
}

static bool observe(const struct node *node, const struct policy *policy, const struct device *device, const struct agents_report *report, int64_t now_s, struct observation *out)
{
    struct agents_name name;
    int64_t observed_s = 0;
    if (!agents_name_read(node, device->id, report->name, &name) || !observed_at(report, &name, now_s, &observed_s))
        return false;
    const struct check *check = policy_check(policy, name.check);
    if (check == NULL || !span_equal(check->version, name.version) || !check->on[device->platform].applies || span_empty(check->on[device->platform].osquery))
        return false;
    *out = (struct observation){ check, report->failed, report->message, report->failed ? NULL : report->rows, SPAN_LITERAL("osquery"), observed_s };
    return true;
}

/* NULL when memory is short. Counts what is not ours. */
static struct observation *observe_all(const struct node *node, const struct policy *policy, const struct device *device, struct agents_reports *reports, struct arena *arena, size_t *count)
{
    struct observation *all = arena_array(arena, reports->count + 1, sizeof *all);
    *count = reports->dropped = 0;
    for (size_t i = 0; all != NULL && i < reports->count; i++) {
        if (policy != NULL && observe(node, policy, device, &reports->all[i], reports->now_s, &all[*count]))
            (*count)++;
        else
            reports->dropped++;
    }
    return all;
}

/* ---- seen again ---- */

static bool answers_recheck(const struct device *device, const struct observation *o)
{
    const struct result *result = device_result(device, o->check->id);
    return device->recheck_s > 0 && o->observed_s >= device->recheck_s && result != NULL && result->evaluated_s < device->recheck_s;
}

static bool same_result(const struct result *a, const struct result *b)
{
    return a->verdict == b->verdict && a->changed_s == b->changed_s && a->first_failed_s == b->first_failed_s && a->visible_s == b->visible_s && a->fail_reads == b->fail_reads &&
           span_equal(a->check_version, b->check_version) && span_equal(a->saw, b->saw) && span_equal(a->why, b->why);
}

static bool says_nothing_new(const struct policy *policy, const struct device *device, const struct observation *all, size_t count, int64_t now_s, struct arena *arena)
{
    struct evaluation evaluation;
    struct err err;
    CLEANUP(device_freep) struct device *copy = NULL;
    for (size_t i = 0; i < count; i++)
        if (device_result(device, all[i].check->id) == NULL || all[i].check->on[device->platform].fact_count > 0 || answers_recheck(device, &all[i]))
            return false;
    copy = device_copy(device);
    if (copy == NULL || evaluate_observations(policy, copy, all, count, now_s, arena, &evaluation, &err) != OK || evaluation.doubted)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct result *before = device_result(device, all[i].check->id), *after = device_result(copy, all[i].check->id);
        if (after == NULL || !same_result(before, after))
            return false;
    }
    return true;
}

static void note_seen(const struct node *node, const struct device *device, struct device_live *live, const struct observation *all, size_t count, int64_t now_s)
{
    if (live != NULL)
        live->seen_s = now_s;
    if (node->refresher == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct result *result = device_result(device, all[i].check->id);
        if (result != NULL && all[i].observed_s > result->evaluated_s) /* each with its own time: answers may be hours late */
            refresher_seen(node->refresher, device->id, all[i].observed_s, &all[i].check->id, 1);
    }
    refresher_seen(node->refresher, device->id, now_s, NULL, 0);
}

bool agents_report_refresh(const struct node *node, const struct device *device, struct device_live *live, struct agents_reports *reports, struct arena *arena)
{
    const struct policy *policy = directory_control(node->directory)->policy;
    size_t count = 0;
    struct observation *all = observe_all(node, policy, device, reports, arena, &count);
    if (all == NULL || agents_was_off(device, live, reports->now_s))
        return false;
    if (count > 0 && !says_nothing_new(policy, device, all, count, reports->now_s, arena))
        return false;
    note_seen(node, device, live, all, count, reports->now_s);
    return true;
}

/* ---- events ---- */

static bool is_visible(const struct device *d, struct span check)
{
    const struct result *result = device_result(d, check);
    return result != NULL && result->visible_s != 0;
}

static void write_changes(const struct device *d, const struct evaluation *e, struct buf *out)
{
    struct to_json w;
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_key(&w, "changes");
    to_json_array(&w);
    for (size_t i = 0; i < e->change_count && out->bytes + CHANGE_ROOM < EVENT_DATA_BYTES; i++) {
        to_json_object(&w);
        to_json_member_text(&w, "check", e->changes[i].check);
        to_json_member_text(&w, "from", span_of(verdict_name(e->changes[i].from)));
        to_json_member_text(&w, "to", span_of(verdict_name(e->changes[i].to)));
        to_json_member_bool(&w, "visible", is_visible(d, e->changes[i].check));
        to_json_end(&w);
    }
    to_json_end(&w);
    to_json_end(&w);
}

/* One event a commit: result.changed when a verdict changed or became visible, else `otherwise`. */
static bool tell(const struct node *node, const struct policy *policy, const struct device *d, const struct evaluation *e, const char *otherwise, struct span cause,
                 struct change_events *events)
{
    CLEANUP(buf_done) struct buf data;
    buf_init(&data, EVENT_DATA_BYTES);
    if (e->change_count > 0)
        write_changes(d, e, &data);
    if (data.failed || !change_event(events, node, e->change_count > 0 ? "result.changed" : otherwise, d->owner, d->id, cause, buf_span(&data)))
        return false;
    if (policy != NULL)
        events->all[events->count - 1].policy = arena_copy(events->arena, span_slice(span_of(policy->version), 0, POLICY_HEX));
    return true;
}

static enum change_say refuse_memory(const struct device *d, struct err *err)
{
    (void)err_set(err, ERR_MEMORY, "changing device %.*s", SPAN_ARGS(d->id));
    return CHANGE_REFUSE;
}

/* ---- reports that change something ---- */

struct reporting { const struct node *node; const struct agents_key *key; struct agents_reports *reports; int64_t now_s; };

static enum change_say check_key(const struct reporting *r, const struct device *d, struct err *err)
{
    if (agents_standing(d, r->key, true) == AGENTS_GOOD)
        return CHANGE_COMMIT;
    (void)err_set(err, ERR_UNAUTHORIZED, "the node key is outdated");
    return CHANGE_REFUSE;
}

static bool is_failing(const struct device *d)
{
    for (size_t i = 0; i < d->result_count; i++)
        if (d->results[i].first_failed_s != 0)
            return true;
    return false;
}

static enum change_say judge(struct reporting *r, struct device *d, struct change_events *events, struct arena *arena, struct err *err)
{
    struct evaluation evaluation = { 0 };
    size_t count = 0;
    const struct policy *policy = directory_control(r->node->directory)->policy;
    struct observation *all = observe_all(r->node, policy, d, r->reports, arena, &count);
    if (all == NULL)
        return refuse_memory(d, err);
    bool awaited = false;
    for (size_t i = 0; i < count; i++)
        awaited = awaited || answers_recheck(d, &all[i]); /* who pressed the button reads the time from the record */
    bool failed = is_failing(d), was_off = failed && device_spoke(d, r->now_s); /* before a pass: how much of the clock ran until it is asked of this record (ladder_used) */
    if (count > 0 && evaluate_observations(policy, d, all, count, r->now_s, arena, &evaluation, err) != OK)
        return CHANGE_REFUSE;
    if (!failed)
        was_off = device_spoke(d, r->now_s);
    if (!evaluation.changed && !was_off && !awaited)
        return CHANGE_NOTHING;
    if (!tell(r->node, policy, d, &evaluation, count > 0 ? "result.updated" : "device.on", SPAN_LITERAL("agent:osquery"), events))
        return refuse_memory(d, err);
    return CHANGE_COMMIT;
}

static enum change_say edit_report(void *context, struct device *d, struct change_events *events, struct err *err)
{
    struct reporting *r = context;
    struct arena arena;
    enum change_say say = check_key(r, d, err);
    if (say != CHANGE_COMMIT)
        return say;
    agents_freshen(r->node, d);
    arena_init(&arena, WORK_BLOCK, WORK_MOST);
    directory_enter(r->node->directory); /* for the policy; nothing in here waits */
    say = judge(r, d, events, &arena, err);
    directory_leave(r->node->directory);
    arena_done(&arena);
    return say;
}

/* What was asked was answered: what else is due may be asked at the next poll. */
static void settle_live(const struct node *node, struct span device, bool answered, int64_t now_s)
{
    directory_enter(node->directory);
    struct device_live *live = directory_live(node->directory, device);
    if (live != NULL) {
        live->seen_s = now_s;
        if (answered)
            live->asked_s = 0;
    }
    directory_leave(node->directory);
    if (node->refresher != NULL)
        refresher_seen(node->refresher, device, now_s, NULL, 0);
}

enum err_code agents_report_commit(const struct node *node, struct store *store, const struct agents_key *key, struct agents_reports *reports, struct err *err)
{
    struct reporting r = { node, key, reports, reports->now_s };
    enum err_code code = change_device(node, store, key->device, false, edit_report, &r, err);
    if (code == OK)
        settle_live(node, key->device, reports->count > 0 && reports->all[0].unix_s == 0, reports->now_s);
    return code == ERR_NOT_FOUND ? err_set(err, ERR_UNAUTHORIZED, "the node key's device is not known") : code;
}

enum err_code agents_spoke(const struct node *node, struct store *store, const struct agents_key *key, int64_t now_s, struct err *err)
{
    struct agents_reports none = { NULL, 0, now_s, 0 };
    return agents_report_commit(node, store, key, &none, err);
}

/* ---- pushed facts ---- */

struct pushing { const struct node *node; struct agents_facts *facts; int64_t now_s; };

/* By the same rule as evaluate_facts(): some check in force on this platform reads it. */
static bool is_read(const struct policy *policy, const struct device *d, struct span name)
{
    const struct fact_use *uses = NULL;
    size_t count = policy != NULL ? policy_fact_uses(policy, name, &uses) : 0;
    for (size_t i = 0; i < count; i++) {
        const struct check_platform *on = &policy->checks[uses[i].check].on[d->platform];
        for (size_t j = 0; on->applies && j < on->fact_count; j++)
            if (span_equal(on->facts[j], name))
                return true;
    }
    return false;
}

static void list_dropped(const struct policy *policy, const struct device *d, struct agents_facts *facts)
{
    facts->dropped = 0;
    for (size_t i = 0; i < facts->count; i++)
        if (!is_read(policy, d, facts->all[i].name))
            facts->dropped_names[facts->dropped++] = facts->all[i].name;
}

static enum change_say store_facts(struct pushing *p, struct device *d, struct change_events *events, struct arena *arena, struct err *err)
{
    struct evaluation evaluation = { 0 };
    size_t dropped = 0;
    const struct policy *policy = directory_control(p->node->directory)->policy;
    list_dropped(policy, d, p->facts);
    if (p->facts->dropped == p->facts->count)
        return CHANGE_NOTHING;
    if (evaluate_facts(policy, d, p->facts->all, p->facts->count, p->now_s, arena, &evaluation, &dropped, err) != OK)
        return CHANGE_REFUSE;
    if (!evaluation.changed)
        return CHANGE_NOTHING;
    return tell(p->node, policy, d, &evaluation, "fact.stored", p->facts->cause, events) ? CHANGE_COMMIT : refuse_memory(d, err);
}

static enum change_say edit_facts(void *context, struct device *d, struct change_events *events, struct err *err)
{
    struct pushing *p = context;
    struct arena arena;
    if (d->removed)
        return (void)err_set(err, ERR_NOT_FOUND, "no such device"), CHANGE_REFUSE;
    agents_freshen(p->node, d);
    arena_init(&arena, WORK_BLOCK, WORK_MOST);
    directory_enter(p->node->directory);
    enum change_say say = store_facts(p, d, events, &arena, err);
    directory_leave(p->node->directory);
    arena_done(&arena);
    return say;
}

enum err_code agents_facts_commit(const struct node *node, struct store *store, struct span device, struct agents_facts *facts, struct err *err)
{
    struct pushing p = { node, facts, clock_wall_s(node->clock) };
    enum err_code code = change_device(node, store, device, false, edit_facts, &p, err);
    if (code == OK)
        counter_add(node->counters, COUNT_FACTS_DROPPED, facts->dropped);
    return code == ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "no such device") : code;
}

/* ---- judging what is stored ---- */

struct judging { const struct node *node; struct span cause; int64_t now_s; };

static enum change_say judge_stored(struct judging *j, struct device *d, struct change_events *events, struct arena *arena, struct err *err)
{
    struct evaluation evaluation = { 0 };
    const struct policy *policy = directory_control(j->node->directory)->policy;
    if (policy == NULL || d->removed)
        return CHANGE_NOTHING;
    if (evaluate_again(policy, d, j->now_s, arena, &evaluation, err) != OK)
        return CHANGE_REFUSE;
    if (!evaluation.changed)
        return CHANGE_NOTHING;
    return tell(j->node, policy, d, &evaluation, "result.updated", j->cause, events) ? CHANGE_COMMIT : refuse_memory(d, err);
}

static enum change_say edit_stored(void *context, struct device *d, struct change_events *events, struct err *err)
{
    struct judging *j = context;
    struct arena arena;
    agents_freshen(j->node, d);
    arena_init(&arena, WORK_BLOCK, WORK_MOST);
    directory_enter(j->node->directory);
    enum change_say say = judge_stored(j, d, events, &arena, err);
    directory_leave(j->node->directory);
    arena_done(&arena);
    return say;
}

enum err_code agents_judge_stored(const struct node *node, struct store *store, struct span device, struct span cause, struct err *err)
{
    struct judging j = { node, cause, clock_wall_s(node->clock) };
    directory_enter(node->directory);
    const struct policy *policy = directory_control(node->directory)->policy;
    const struct device *known = directory_device(node->directory, device);
    bool may_differ = policy != NULL && known != NULL && evaluate_may_differ(policy, known);
    directory_leave(node->directory);
    enum err_code code = may_differ ? change_device(node, store, device, false, edit_stored, &j, err) : OK;
    return code == ERR_NOT_FOUND ? OK : code;
}

/* ---- check again ---- */

struct rechecking { const struct node *node; const struct span *checks; size_t count; struct span cause; int64_t now_s; bool counted, allowed, already; };

static bool may_ask(struct rechecking *r, const struct device *d)
{
    if (d->recheck_s <= r->now_s && r->now_s - d->recheck_s < AGENTS_RECHECK_APART_S)
        return false;
    if (!r->counted) /* once, however often the edit runs */
        r->allowed = allowance_take(r->node->allowances, 'c', d->id, rechecks, r->now_s);
    r->counted = true;
    return r->allowed;
}

static bool set_recheck(struct rechecking *r, struct device *d)
{
    struct span *names = arena_array(&d->arena, r->count, sizeof *names);
    for (size_t i = 0; i < r->count; i++) {
        if (names == NULL)
            return false;
        names[i] = arena_copy(&d->arena, r->checks[i]);
        if (names[i].at == NULL)
            return false;
    }
    d->recheck_s = r->now_s;
    d->recheck_checks = names;
    d->recheck_count = r->count;
    return true;
}

static enum change_say edit_recheck(void *context, struct device *d, struct change_events *events, struct err *err)
{
    struct rechecking *r = context;
    CLEANUP(buf_done) struct buf data;
    struct to_json w;
    buf_init(&data, EVENT_DATA_BYTES);
    if (d->removed)
        return (void)err_set(err, ERR_NOT_FOUND, "no such device"), CHANGE_REFUSE;
    r->already = !may_ask(r, d);
    if (r->already)
        return CHANGE_NOTHING;
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_key(&w, "checks");
    to_json_array(&w);
    for (size_t i = 0; i < r->count; i++)
        to_json_text(&w, r->checks[i]);
    to_json_end(&w);
    to_json_end(&w);
    agents_freshen(r->node, d);
    if (!set_recheck(r, d) || data.failed || !change_event(events, r->node, "device.recheck", d->owner, d->id, r->cause, buf_span(&data)))
        return refuse_memory(d, err);
    return CHANGE_COMMIT;
}

enum err_code agents_recheck(const struct node *node, struct store *store, struct span device, const struct span *checks, size_t count, struct span cause, bool *already,
                             struct err *err)
{
    struct rechecking r = { .node = node, .checks = checks, .count = count, .cause = cause, .now_s = clock_wall_s(node->clock) };
    if (count > POLICY_MAX_CHECKS)
        return err_set(err, ERR_LIMIT, "%zu checks to look at again, at most %d", count, POLICY_MAX_CHECKS);
    enum err_code code = change_device(node, store, device, false, edit_recheck, &r, err);
    if (code != OK)
        return code == ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "no such device") : code;
    directory_enter(node->directory);
    struct device_live *live = directory_live(node->directory, device);
    if (live != NULL)
        live->accelerate_until_s = r.now_s + AGENTS_ACCELERATE_S;
    directory_leave(node->directory);
    if (already != NULL)
        *already = r.already;
    return OK;
}
