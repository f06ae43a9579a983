/* What closings want at Okta. */
#include "gateway/effects_okta.h"

#include "gateway/feed.h"
#include "posture/decision.h"

#include <string.h>

static const struct span add = { "okta.add", 8 }, out_of = { "okta.remove", 11 }, sessions = { "okta.sessions", 13 };

bool okta_lever_is_group(const struct lever *l) { return span_equal(l->kind, add) || span_equal(l->kind, out_of); }
bool okta_lever_is_sessions(const struct lever *l) { return span_equal(l->kind, sessions); }

bool okta_lever_is_open(const struct lever *l, bool frozen)
{
    if (!okta_lever_is_group(l) && !okta_lever_is_sessions(l))
        return false;
    if (l->wanted)
        return !frozen && (l->state == LEVER_OFF || l->state == LEVER_BEGUN);
    return l->state == LEVER_BEGUN || l->state == LEVER_DONE;
}

/* ---- what a door without a device would say ---- */

/* An app of that sensitivity that nobody has: what is said of one app alone (continue once) does not open a group that closes many. */
static enum okta_aim aim_at(const struct decision_input *known, unsigned sensitivity, struct arena *arena)
{
    const struct app app = { .sensitivity = sensitivity };
    struct decision_input in = *known;
    struct decision decision;
    in.app = &app;
    in.door = DEVICE_NOT_ASKED;
    in.proof = PROOF_NOT_ASKED;
    in.store_age_s = 0; /* a silent store decides for nobody for long: what is committed goes by what was known last */
    decision_make(&in, arena, NULL, NULL, &decision);
    if (decision.outcome != OUTCOME_DENY)
        return OKTA_OPEN;
    return decision.rule == RULE_LADDER_CLOSED ? OKTA_CLOSED : decision.rule == RULE_OUTAGE || decision.rule == RULE_NO_DEVICE ? OKTA_AS_IT_IS : OKTA_OPEN;
}

static void plan_groups(const struct decision_input *known, const struct okta_options *options, struct arena *arena, struct okta_plan *plan)
{
    for (size_t i = 0; i < options->rule_count; i++) {
        unsigned sensitivity = 0;
        plan->rules[i] = OKTA_OPEN;
        if (policy_sensitivity(known->policy, options->rules[i].sensitivity, &sensitivity))
            plan->rules[i] = aim_at(known, sensitivity, arena);
    }
}

static bool ends_sessions(const struct decision_input *known, const struct device *device, struct arena *arena)
{
    struct ladder_input in = decision_ladder_input(known, device, known->person);
    struct standing *standings = NULL;
    if (device->removed || !span_empty(device->duplicate_of))
        return false;
    size_t count = ladder_standings(&in, arena, &standings);
    return count > 0 && ladder_summary(&in, standings, count).end_sessions;
}

static void plan_sessions(const struct decision_input *known, struct arena *arena, struct okta_plan *plan)
{
    for (size_t i = 0; i < known->device_count && plan->session_count < OKTA_SESSIONS_MOST; i++)
        if (ends_sessions(known, known->devices[i], arena))
            plan->sessions[plan->session_count++] = arena_copy(arena, known->devices[i]->id);
}

void okta_plan_make(const struct node *node, const struct okta_options *options, struct span person, struct arena *arena, struct okta_plan *out)
{
    const struct directory *d = node->directory;
    const struct device *devices[OKTA_DEVICES_MOST];
    struct decision_input known = { 0 };
    *out = (struct okta_plan){ 0 };
    if (!directory_counts(d).complete)
        return;
    directory_enter(d);
    const struct person *p = directory_person(d, person);
    directory_decision_input(d, p, clock_wall_s(node->clock), devices, OKTA_DEVICES_MOST, &known);
    known.person = p;
    known.person_asked = person;
    out->known = p != NULL && known.policy != NULL;
    out->frozen = known.frozen;
    if (out->known && !p->removed && !policy_is_break_glass(known.policy, p, SPAN_NONE)) {
        plan_groups(&known, options, arena, out);
        plan_sessions(&known, arena, out);
    }
    directory_leave(d);
}

struct span okta_rules_unknown(const struct okta_options *options, const struct policy *policy)
{
    unsigned index = 0;
    for (size_t i = 0; i < options->rule_count; i++)
        if (!policy_sensitivity(policy, options->rules[i].sensitivity, &index))
            return options->rules[i].sensitivity;
    return SPAN_NONE;
}

/* ---- the record ---- */

static struct span kind_of(const struct okta_rule *rule) { return rule->out ? out_of : add; }

/* Several sensitivities may share a group: closed as long as one is. A group that the configuration does not name any more is left. */
static enum okta_aim aim_of_group(const struct okta_plan *plan, const struct okta_options *options, struct span kind, struct span group)
{
    enum okta_aim aim = OKTA_OPEN;
    for (size_t i = 0; i < options->rule_count; i++) {
        const struct okta_rule *rule = &options->rules[i];
        if (span_equal(kind_of(rule), kind) && span_equal(rule->group, group) && aim != OKTA_CLOSED && plan->rules[i] != OKTA_OPEN)
            aim = plan->rules[i];
    }
    return aim;
}

static enum okta_aim aim_of(const struct okta_plan *plan, const struct okta_options *options, const struct lever *l)
{
    if (okta_lever_is_group(l))
        return aim_of_group(plan, options, l->kind, l->target);
    for (size_t i = 0; i < plan->session_count; i++)
        if (span_equal(plan->sessions[i], l->target))
            return OKTA_CLOSED;
    return OKTA_OPEN;
}

/* What becomes of a lever that is there. */
enum lever_step { LEVER_STAYS, LEVER_GOES, LEVER_TURNS };
static enum lever_step step_of(const struct okta_plan *plan, const struct okta_options *options, const struct lever *l)
{
    bool ours = okta_lever_is_group(l) || okta_lever_is_sessions(l);
    enum okta_aim aim = ours ? aim_of(plan, options, l) : OKTA_AS_IT_IS;
    if (aim == OKTA_OPEN && (okta_lever_is_sessions(l) || l->state == LEVER_OFF || l->state == LEVER_FOUND))
        return LEVER_GOES; /* nothing was done that could be taken back */
    if (aim == OKTA_OPEN && l->wanted)
        return LEVER_TURNS;
    return aim == OKTA_CLOSED && !l->wanted && !plan->frozen ? LEVER_TURNS : LEVER_STAYS;
}

static bool is_new_group(const struct okta_plan *plan, const struct okta_options *options, size_t rule, const struct person *p)
{
    return plan->rules[rule] == OKTA_CLOSED && person_lever(p, kind_of(&options->rules[rule]), options->rules[rule].group) == NULL;
}

bool okta_plan_differs(const struct okta_plan *plan, const struct okta_options *options, const struct person *person)
{
    if (!plan->known)
        return false;
    for (size_t i = 0; i < person->lever_count; i++)
        if (step_of(plan, options, &person->levers[i]) != LEVER_STAYS)
            return true;
    for (size_t i = 0; i < options->rule_count && !plan->frozen; i++)
        if (is_new_group(plan, options, i, person))
            return true;
    for (size_t i = 0; i < plan->session_count && !plan->frozen; i++)
        if (person_lever(person, sessions, plan->sessions[i]) == NULL)
            return true;
    return false;
}

static bool change_levers(const struct okta_plan *plan, const struct okta_options *options, struct person *copy, int64_t now_s)
{
    const struct lever *all = copy->levers;
    size_t count = copy->lever_count;
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        struct lever l = all[i];
        enum lever_step step = step_of(plan, options, &l);
        l.wanted = !l.wanted;
        l.at_s = now_s;
        if (step == LEVER_GOES)
            person_drop_lever(copy, l.kind, l.target);
        else if (step == LEVER_TURNS)
            good = person_set_lever(copy, &l) && good;
    }
    return good;
}

bool okta_plan_apply(const struct okta_plan *plan, const struct okta_options *options, struct person *copy, int64_t now_s)
{
    bool good = !plan->known || change_levers(plan, options, copy, now_s);
    if (!plan->known || plan->frozen)
        return good;
    for (size_t i = 0; i < options->rule_count; i++)
        if (is_new_group(plan, options, i, copy))
            good = person_set_lever(copy, &(struct lever){ kind_of(&options->rules[i]), options->rules[i].group, true, LEVER_OFF, now_s }) && good;
    for (size_t i = 0; i < plan->session_count; i++)
        if (person_lever(copy, sessions, plan->sessions[i]) == NULL)
            good = person_set_lever(copy, &(struct lever){ sessions, plan->sessions[i], true, LEVER_OFF, now_s }) && good;
    return good;
}
