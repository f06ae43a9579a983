#include "posture/decision.h"

#include "posture/decision_parts.h"
#include "posture/evaluate.h"

enum { HOUR_S = 3600, SEEN_LATELY_S = 30 * 86400 };

static const char *const outcome_names[] = { "allow", "warn", "deny" };
static const char *const rule_names[] = {
    [RULE_BREAK_GLASS] = "break_glass", [RULE_OUTAGE] = "outage", [RULE_UNKNOWN_PERSON] = "unknown_person", [RULE_UNKNOWN_APP] = "unknown_app",
    [RULE_UNKNOWN_ACTION] = "unknown_action", [RULE_UNIDENTIFIED] = "unidentified", [RULE_NO_DEVICE] = "no_device", [RULE_LADDER_CLOSED] = "ladder_closed",
    [RULE_LADDER_WARN] = "ladder_warn", [RULE_REPAIR_APP] = "repair_app", [RULE_UNOWNED] = "unowned", [RULE_DUPLICATE] = "duplicate",
    [RULE_WEAK_PROOF] = "weak_proof", [RULE_INCIDENT] = "incident", [RULE_CONTINUED_ONCE] = "continued_once", [RULE_GOOD] = "good",
};

const char *outcome_name(enum outcome o) { return outcome_names[o <= OUTCOME_DENY ? o : OUTCOME_DENY]; }
const char *rule_name(enum rule r) { return r <= RULE_GOOD ? rule_names[r] : "unknown"; }

/* What a device's checks mean for the app that was asked for. */
struct judged {
    const struct device *device;
    struct standing *standings; size_t count; /* those that people see; the ones in stage report follow */
    const struct standing *blocking, *would_block;
    enum outcome would;
    enum outcome outcome;
    enum rule rule;
    const struct pass *pass;
    int64_t deadline_s, change_s;
};

static void decide_as(struct deciding *d, enum outcome outcome, enum rule rule)
{
    d->out->outcome = outcome;
    d->out->rule = rule;
    d->out->would.outcome = outcome;
    decision_step(d, "outcome: %s by rule %s", outcome_name(outcome), rule_name(rule));
}

static bool is_known(const struct person *p) { return p != NULL && !p->removed; }

static void sooner(int64_t *at_s, int64_t other_s, int64_t after_s)
{
    if (other_s > after_s && (*at_s == 0 || other_s < *at_s))
        *at_s = other_s;
}

/* ---- one device ---- */

struct ladder_input decision_ladder_input(const struct decision_input *in, const struct device *device, const struct person *owner)
{
    return (struct ladder_input){ .policy = in->policy, .calendar = in->calendar, .person = owner, .device = device, .pauses = in->pauses, .pause_count = in->pause_count,
                                  .now_s = in->ladder_now_s, .frozen = in->frozen, .ring = in->ring, .exemptions = in->exemptions, .holidays = in->holidays,
                                  .strictness = in->strictness };
}

/* Standings that were not made for want of memory must not look like none. */
static bool should_stand(const struct policy *policy, const struct device *device)
{
    for (size_t i = 0; i < device->result_count; i++)
        if (device->results[i].visible_s != 0 && policy_check(policy, device->results[i].check) != NULL)
            return true;
    return false;
}

static void add_times(struct deciding *d, const struct ladder_input *input, struct judged *j)
{
    const struct app *app = d->in->app;
    for (size_t i = 0; i < j->count; i++) {
        const struct standing *s = &j->standings[i];
        sooner(&j->change_s, s->next_s, d->in->now_s);
        sooner(&j->change_s, evaluate_end(s->check, s->result), d->in->now_s);
        if (app->repair || s->ladder == NULL || j->outcome == OUTCOME_DENY)
            continue;
        int64_t closes_s = ladder_closes_at(input, s, app->sensitivity, d->arena);
        sooner(&j->deadline_s, closes_s, 0);
        sooner(&j->change_s, closes_s, d->in->now_s);
    }
}

static const struct standing *first_that(const struct judged *j, unsigned closed, bool warns)
{
    for (size_t i = 0; i < j->count; i++)
        if ((j->standings[i].closed & closed) != 0 || (warns && j->standings[i].warn))
            return &j->standings[i];
    return NULL;
}

/* What is in force already did what it would do; what is not could have done more. */
static void judge_would(struct judged *j, size_t all, const struct app *app)
{
    j->would = j->outcome;
    for (size_t i = 0; !app->repair && i < all; i++) {
        const struct standing *s = &j->standings[i];
        enum outcome would = (s->would.closed & 1U << app->sensitivity) != 0 ? OUTCOME_DENY : s->would.warn ? OUTCOME_WARN : OUTCOME_ALLOW;
        if (s->stage == STAGE_ENFORCE || would <= j->would)
            continue;
        j->would = would;
        j->would_block = s;
    }
}

/* It closes again by itself, in the very second. */
static void tell_pass(struct deciding *d, struct judged *j)
{
    j->deadline_s = j->pass->time.to_s;
    sooner(&j->change_s, j->pass->time.to_s, d->in->now_s);
    decision_tell_pass(d, j->pass);
}

static struct judged judge(struct deciding *d, const struct device *device, const struct person *owner)
{
    const struct app *app = d->in->app;
    struct ladder_input input = decision_ladder_input(d->in, device, owner);
    struct judged j = { .device = device, .outcome = OUTCOME_ALLOW, .rule = RULE_GOOD };
    size_t all = ladder_standings(&input, d->arena, &j.standings);
    d->memory_short = d->memory_short || (all == 0 && should_stand(d->in->policy, device));
    decision_tell_standings(d, device, j.standings, all);
    j.count = ladder_shown(j.standings, all);
    const struct standing *closing = first_that(&j, 1U << app->sensitivity, false), *warning = first_that(&j, 0, true);
    j.blocking = closing != NULL ? closing : warning;
    if (j.blocking != NULL && app->repair)
        j.rule = RULE_REPAIR_APP;
    else if (closing != NULL && (j.pass = ladder_pass(&input, j.standings, j.count, app)) != NULL)
        j.rule = RULE_CONTINUED_ONCE;
    else if (closing != NULL)
        j.outcome = OUTCOME_DENY, j.rule = RULE_LADDER_CLOSED;
    else if (warning != NULL)
        j.outcome = OUTCOME_WARN, j.rule = RULE_LADDER_WARN;
    judge_would(&j, all, app);
    add_times(d, &input, &j);
    if (j.pass != NULL)
        tell_pass(d, &j);
    return j;
}

static void decide_by(struct deciding *d, const struct judged *j)
{
    struct decision *out = d->out;
    out->device = j->device;
    out->standings = j->standings;
    out->standing_count = j->count;
    out->blocking = j->blocking;
    out->deadline_s = j->deadline_s;
    out->pass = j->pass;
    if (j->would_block != NULL)
        decision_step(d, "not in force yet: check %.*s would make it %s (stage %s)", SPAN_ARGS(j->would_block->check->id), outcome_name(j->would), stage_name(j->would_block->stage));
    if (j->count > 0 && j->standings[0].rung >= 0)
        out->rung = j->standings[0].ladder->rungs[j->standings[0].rung].id;
    sooner(&out->valid_until_s, j->change_s, d->in->now_s);
    decide_as(d, j->outcome, j->rule);
    out->would.outcome = j->would;
    out->would.by = j->would_block;
}

/* ---- no device, or not a good one ---- */

static void decide_unidentified(struct deciding *d, enum rule rule)
{
    static const enum outcome outcomes[] = { [UNIDENTIFIED_ALLOW] = OUTCOME_ALLOW, [UNIDENTIFIED_WARN] = OUTCOME_WARN, [UNIDENTIFIED_DENY] = OUTCOME_DENY };
    enum outcome outcome = outcomes[d->in->policy->unidentified[d->in->app->sensitivity]];
    decision_step(d, "unidentified_device for this sensitivity: %s", outcome_name(outcome));
    if (d->in->person_claimed && outcome != OUTCOME_DENY) {
        decision_step(d, "nobody but the request says who this is, and no device proves it: deny");
        outcome = OUTCOME_DENY;
    }
    decide_as(d, outcome, rule);
}

/* ---- all devices of a person ---- */

static bool counts(const struct deciding *d, const struct device *device)
{
    return !device->removed && span_empty(device->duplicate_of) && device->seen_s > d->in->now_s - SEEN_LATELY_S;
}

static int rung_of(const struct judged *j) { return j->count > 0 ? j->standings[0].rung : -1; }

/* Is `a` the device that counts, rather than `b`? */
static bool counts_more(enum person_verdict verdict, const struct judged *a, const struct judged *b)
{
    bool worse = a->outcome != b->outcome ? a->outcome > b->outcome : rung_of(a) > rung_of(b);
    bool same = a->outcome == b->outcome && rung_of(a) == rung_of(b);
    bool seen_later = a->device->seen_s > b->device->seen_s;
    if (verdict == PERSON_LATEST || same)
        return seen_later;
    return verdict == PERSON_WORST ? worse : !worse;
}

static void decide_by_person(struct deciding *d)
{
    static const char *const names[] = { [PERSON_WORST] = "worst", [PERSON_LATEST] = "latest", [PERSON_BEST] = "best" };
    const struct decision_input *in = d->in;
    struct judged chosen = { 0 };
    int64_t change_s = 0;
    decision_step(d, "device: the door cannot name one, so the %s of %zu counts", names[in->policy->person_verdict], in->device_count);
    for (size_t i = 0; i < in->device_count; i++) {
        if (!counts(d, in->devices[i])) {
            decision_step(d, "device %.*s does not count: removed, in conflict, or not seen in 30 days", SPAN_ARGS(in->devices[i]->id));
            continue;
        }
        struct judged j = judge(d, in->devices[i], in->person);
        sooner(&change_s, j.change_s, in->now_s);
        if (chosen.device == NULL || counts_more(in->policy->person_verdict, &j, &chosen))
            chosen = j;
    }
    if (chosen.device == NULL) {
        decide_unidentified(d, RULE_NO_DEVICE);
        return;
    }
    sooner(&d->out->valid_until_s, change_s, in->now_s); /* another device may become the one that counts */
    decide_by(d, &chosen);
}

/* ---- the named device ---- */

/* A repair app opens on any proof: from it people put the better one in place. */
static bool is_weak_proof(const struct decision_input *in)
{
    return in->proof != PROOF_NOT_ASKED && !in->app->repair && in->proof < in->policy->proof[in->app->sensitivity];
}

static void decide_unproved(struct deciding *d)
{
    decision_step(d, "proof of device: %s, and this sensitivity needs %s", proof_name(d->in->proof), proof_name(d->in->policy->proof[d->in->app->sensitivity]));
    decide_unidentified(d, RULE_WEAK_PROOF);
}

static void decide_by_device(struct deciding *d)
{
    const struct decision_input *in = d->in;
    const struct device *device = in->device;
    if (!span_empty(device->duplicate_of)) {
        d->out->device = device;
        decision_step(d, "device %.*s: its identity is in conflict with %.*s", SPAN_ARGS(device->id), SPAN_ARGS(device->duplicate_of));
        decide_unidentified(d, RULE_DUPLICATE);
        return;
    }
    if (in->device_subject && (span_empty(device->owner) || !is_known(in->person))) {
        d->out->device = device;
        decision_step(d, "device %.*s has no owner: it is evaluated, never escalated", SPAN_ARGS(device->id));
        decide_as(d, OUTCOME_ALLOW, RULE_UNOWNED);
        return;
    }
    if (in->person == NULL || !span_equal(device->owner, in->person->id)) {
        d->out->device = device;
        decision_step(d, "device %.*s is not this person's", SPAN_ARGS(device->id));
        decide_unidentified(d, RULE_UNIDENTIFIED);
        return;
    }
    if (is_weak_proof(in)) {
        d->out->device = device;
        decide_unproved(d);
        return;
    }
    struct judged j = judge(d, device, in->person);
    decide_by(d, &j);
}

static void decide_by_door(struct deciding *d)
{
    const struct decision_input *in = d->in;
    bool named = in->door == DEVICE_NAMED && in->device != NULL && !in->device->removed;
    if (named)
        decide_by_device(d);
    else if (in->door == DEVICE_NOT_ASKED && !in->device_subject && is_weak_proof(in))
        decide_unproved(d);
    else if (in->door == DEVICE_NOT_ASKED && !in->device_subject)
        decide_by_person(d);
    else {
        decision_step(d, "device: the door could have proved one, and this one is not known");
        decide_unidentified(d, RULE_UNIDENTIFIED);
    }
}

/* ---- before any device ---- */

static bool is_action(const struct policy *policy, struct span action)
{
    if (span_empty(action) || (policy->action_count == 0 && span_equal_text(action, "login")))
        return true;
    for (size_t i = 0; i < policy->action_count; i++)
        if (span_equal(policy->actions[i], action))
            return true;
    return false;
}

/* A reply of the store that is a little late is stale, but no outage. */
static bool is_outage(const struct deciding *d)
{
    const struct outage_rule *rule = &d->in->policy->outage[d->in->app->sensitivity];
    if (d->in->store_age_s <= DECISION_HICCUP_S)
        return false;
    decision_step(d, "store: silent for %lld s; from memory for %lld s, then %s", (long long)d->in->store_age_s, (long long)rule->last_known_good_s,
                  rule->then == OUTAGE_ALLOW ? "allow" : "deny");
    sooner(&d->out->valid_until_s, d->in->now_s + rule->last_known_good_s - d->in->store_age_s + 1, d->in->now_s);
    return d->in->store_age_s > rule->last_known_good_s;
}

/* True when something other than a device decided. */
static bool decide_early(struct deciding *d)
{
    const struct decision_input *in = d->in;
    if (in->policy == NULL)
        decide_as(d, OUTCOME_DENY, RULE_OUTAGE);
    else if (!in->device_subject && !in->person_claimed && policy_is_break_glass(in->policy, in->person, in->person_asked))
        decide_as(d, OUTCOME_ALLOW, RULE_BREAK_GLASS);
    else if (!in->device_subject && !is_known(in->person) && !span_empty(in->person_asked))
        decide_as(d, OUTCOME_DENY, RULE_UNKNOWN_PERSON);
    else if (in->app == NULL)
        decide_as(d, OUTCOME_DENY, RULE_UNKNOWN_APP);
    else if (!is_action(in->policy, in->action))
        decide_as(d, OUTCOME_DENY, RULE_UNKNOWN_ACTION);
    else if (is_outage(d))
        decide_as(d, in->policy->outage[in->app->sensitivity].then == OUTAGE_ALLOW ? OUTCOME_ALLOW : OUTCOME_DENY, RULE_OUTAGE);
    else
        return false;
    return true;
}

/* Whoever is known is let in, whatever their devices seem to be. Who is only claimed could be anybody. */
static bool is_opened(const struct deciding *d)
{
    const struct decision_input *in = d->in;
    if (!in->incident || in->app == NULL || d->out->outcome == OUTCOME_ALLOW || (in->policy->incident_open >> in->app->sensitivity & 1U) == 0)
        return false;
    return in->device_subject ? in->device != NULL : is_known(in->person) && !in->person_claimed;
}

static void tell_question(struct deciding *d)
{
    const struct decision_input *in = d->in;
    if (d->step == NULL)
        return;
    decision_step(d, "policy: %.12s", in->policy != NULL ? in->policy->version : "none yet");
    if (in->person == NULL && span_empty(in->person_asked))
        decision_step(d, "person: the door named nobody");
    else if (in->person != NULL)
        decision_step(d, "person: %.*s, asked as \"%.*s\"", SPAN_ARGS(in->person->id), SPAN_ARGS(in->person_asked));
    else
        decision_step(d, "person: nobody known as \"%.*s\"", SPAN_ARGS(in->person_asked));
    if (in->app != NULL && in->policy != NULL)
        decision_step(d, "app: %.*s, %.*s%s", SPAN_ARGS(in->app->id), SPAN_ARGS(in->policy->sensitivities[in->app->sensitivity]), in->app->repair ? ", never closed by a ladder" : "");
    else
        decision_step(d, "app: none known as \"%.*s\"", SPAN_ARGS(in->app_asked));
    if (in->frozen)
        decision_step(d, "consequences are frozen: nothing rises");
    if (in->incident)
        decision_step(d, "an incident was declared by a person");
}

void decision_make(const struct decision_input *in, struct arena *arena, decision_step_fn *step, void *context, struct decision *out)
{
    struct deciding d = { in, arena, step, context, out, false };
    *out = (struct decision){ .app = in->app, .stale = in->store_age_s >= DECISION_STALE_S, .proof = in->proof };
    tell_question(&d);
    if (!decide_early(&d)) {
        decide_by_door(&d);
        if (is_opened(&d)) {
            decision_step(&d, "an incident is on, and it opens this sensitivity");
            decide_as(&d, OUTCOME_ALLOW, RULE_INCIDENT);
        }
    }
    sooner(&out->valid_until_s, in->now_s + HOUR_S, in->now_s);
    if (d.memory_short) {
        decide_as(&d, OUTCOME_DENY, RULE_OUTAGE);
        out->reason_user = SPAN_LITERAL("Our check is not working right now. Please try again in a minute.");
        out->reason_admin = SPAN_LITERAL("outage: no memory was left to work out this decision");
        return;
    }
    decision_give_reasons(&d);
}
