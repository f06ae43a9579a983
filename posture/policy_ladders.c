#include "posture/policy_reader.h"

enum { DAY_S = 86400, MAX_PER_DAY = 24, HOUR_S = 3600, MAX_USES = 20 };

static const char *const severity_words[] = { "minor", "normal", "high", "urgent", NULL };
static const char *const stage_words[] = { "enforce", "nudge", "report", NULL };
static const char *const pause_words[] = { "absence", "device_off", "dispute", "incident", "store_outage", "holiday", NULL };

/* What a rung leaves out it has from the one before: a later rung never takes a consequence back. */
static void read_consequences(struct policy_reader *r, const struct yaml_node *n, const struct rung *before, struct rung *rung)
{
    static const char *const logins[] = { "allow", "warn", NULL };
    unsigned login = before == NULL ? LOGIN_ALLOW : (unsigned)before->login;
    unsigned least = login;
    yaml_word(yaml_get(n, "login"), logins, &login, r->mistakes);
    if (login < least)
        yaml_mistake(r->mistakes, yaml_get(n, "login"), "rung \"%.*s\" warns less than the one before it", SPAN_ARGS(rung->id));
    rung->login = (enum login_effect)login;
    rung->close = before == NULL ? 0 : before->close;
    unsigned close = rung->close;
    if (policy_reader_sensitivities(r, yaml_get(n, "close"), &close) && (close & rung->close) != rung->close)
        yaml_mistake(r->mistakes, yaml_get(n, "close"), "rung \"%.*s\" closes less than the one before it", SPAN_ARGS(rung->id));
    rung->close |= close;
}

static void read_after(struct policy_reader *r, const struct yaml_node *n, const struct rung *before, struct rung *rung)
{
    const struct yaml_node *after = yaml_get(n, "after");
    if (after == NULL)
        yaml_mistake(r->mistakes, n, "rung \"%.*s\" needs after: how long after the failure was seen", SPAN_ARGS(rung->id));
    if (!policy_reader_duration(r, after, 0, POLICY_LONGEST_S, &rung->after_s) || before == NULL)
        return;
    if (rung->after_s <= before->after_s)
        yaml_mistake(r->mistakes, after, "rung \"%.*s\" is never reached by itself: its after must be longer than that of \"%.*s\" before it",
                     SPAN_ARGS(rung->id), SPAN_ARGS(before->id));
}

static void read_rung(struct policy_reader *r, const struct yaml_node *n, const struct rung *before, struct rung *rung)
{
    static const char *const known[] = { "id", "after", "nudge", "login", "close", "end_sessions", "mdm", NULL };
    static const char *const mdm_words[] = { "fallback", NULL };
    unsigned mdm;
    if (!policy_reader_mapping(r, n, known))
        return;
    if (yaml_get(n, "id") == NULL)
        yaml_mistake(r->mistakes, n, "a rung needs an id");
    policy_reader_id(r, yaml_get(n, "id"), &rung->id);
    read_after(r, n, before, rung);
    read_consequences(r, n, before, rung);
    yaml_bool(yaml_get(n, "nudge"), &rung->nudge, r->mistakes);
    yaml_bool(yaml_get(n, "end_sessions"), &rung->end_sessions, r->mistakes);
    if (yaml_word(yaml_get(n, "mdm"), mdm_words, &mdm, r->mistakes))
        rung->mdm = SPAN_LITERAL("fallback");
    bool same = before == NULL ? rung->login == LOGIN_ALLOW && rung->close == 0 : rung->login == before->login && rung->close == before->close;
    if (same && r->policy->sensitivity_count > 0 && !rung->nudge && !rung->end_sessions && span_empty(rung->mdm))
        yaml_warning(r->mistakes, n, "rung \"%.*s\" does nothing that the one before it does not", SPAN_ARGS(rung->id));
}

static void read_rungs(struct policy_reader *r, const struct yaml_node *n, struct ladder *ladder)
{
    if (!policy_reader_sequence(r, n, POLICY_MAX_RUNGS))
        return;
    struct rung *rungs = policy_reader_array(r, n->count, sizeof *rungs);
    struct policy_named *names = policy_reader_scratch(r, n->count, sizeof *names);
    if (rungs == NULL || names == NULL)
        return;
    for (size_t i = 0; i < n->count; i++) {
        read_rung(r, &n->children[i], i == 0 ? NULL : &rungs[i - 1], &rungs[i]);
        names[i] = (struct policy_named){ rungs[i].id, &n->children[i] };
    }
    ladder->rungs = rungs;
    ladder->rung_count = n->count;
    policy_reader_unique(r, names, n->count, "rung");
}

static void default_groups(struct policy_reader *r, struct ladder *ladder)
{
    struct span *everyone = policy_reader_array(r, 1, sizeof *everyone);
    if (everyone == NULL)
        return;
    everyone[0] = SPAN_LITERAL("everyone");
    ladder->groups = everyone;
    ladder->group_count = 1;
}

static void read_groups(struct policy_reader *r, const struct yaml_node *n, struct ladder *ladder)
{
    if (n == NULL || !policy_reader_sequence(r, n, POLICY_MAX_GROUPS)) {
        default_groups(r, ladder);
        return;
    }
    if (n->count == 0)
        yaml_mistake(r->mistakes, n, "an empty list of groups concerns nobody; leave groups out for everyone");
    policy_reader_texts(r, n, POLICY_MAX_GROUPS, POLICY_TITLE_BYTES, &ladder->groups, &ladder->group_count);
}

static void read_applies_to(struct policy_reader *r, const struct yaml_node *n, struct ladder *ladder)
{
    static const char *const known[] = { "severity", "groups", NULL };
    ladder->severities = (1U << SEVERITY_COUNT) - 1;
    bool given = n != NULL && policy_reader_mapping(r, n, known);
    const struct yaml_node *severity = given ? yaml_get(n, "severity") : NULL;
    policy_reader_words(r, severity, severity_words, &ladder->severities);
    if (severity != NULL && severity->kind == YAML_SEQUENCE && severity->count == 0)
        yaml_mistake(r->mistakes, severity, "an empty list of severities concerns no check; leave severity out for all");
    read_groups(r, given ? yaml_get(n, "groups") : NULL, ladder);
}

static void read_rise(struct policy_reader *r, const struct yaml_node *n, struct ladder *ladder)
{
    static const char *const known[] = { "notice_before", "working_hours", "per_day", NULL };
    if (n != NULL && yaml_is_off(n))
        return;
    ladder->rise.notice_before_s = DAY_S;
    ladder->rise.working_hours = true;
    ladder->rise.per_day = 1;
    if (!policy_reader_mapping(r, n, known))
        return;
    policy_reader_duration(r, yaml_get(n, "notice_before"), 0, 30 * DAY_S, &ladder->rise.notice_before_s);
    yaml_bool(yaml_get(n, "working_hours"), &ladder->rise.working_hours, r->mistakes);
    policy_reader_number(r, yaml_get(n, "per_day"), 0, MAX_PER_DAY, &ladder->rise.per_day);
}

struct budget { unsigned times; int64_t length_s, per_s; };

/* `usual`: what a mapping leaves out. */
static struct budget read_budget(struct policy_reader *r, const struct yaml_node *n, struct budget usual, int64_t longest_s)
{
    static const char *const known[] = { "times", "length", "per", NULL };
    if (n == NULL || yaml_is_off(n) || !policy_reader_mapping(r, n, known))
        return (struct budget){ 0 };
    policy_reader_number(r, yaml_get(n, "times"), 1, MAX_USES, &usual.times);
    policy_reader_duration(r, yaml_get(n, "length"), 1, longest_s, &usual.length_s);
    policy_reader_duration(r, yaml_get(n, "per"), 1, 366 * DAY_S, &usual.per_s);
    if (usual.per_s < usual.length_s)
        yaml_mistake(r->mistakes, n, "per must not be shorter than length");
    return usual;
}

static void read_valves(struct policy_reader *r, const struct yaml_node *n, struct ladder *ladder)
{
    struct budget snooze = read_budget(r, yaml_get(n, "snooze"), (struct budget){ 1, DAY_S, 7 * DAY_S }, 30 * DAY_S);
    struct budget once = read_budget(r, yaml_get(n, "continue_once"), (struct budget){ 1, 8 * HOUR_S, 7 * DAY_S }, DAY_S);
    ladder->snooze.times = snooze.times;
    ladder->snooze.length_s = snooze.length_s;
    ladder->snooze.per_s = snooze.per_s;
    ladder->continue_once.times = once.times;
    ladder->continue_once.length_s = once.length_s;
    ladder->continue_once.per_s = once.per_s;
}

static void read_clock(struct policy_reader *r, const struct yaml_node *n, struct ladder *ladder)
{
    static const char *const known[] = { "pauses", NULL };
    ladder->pauses = PAUSE_ABSENCE | PAUSE_DEVICE_OFF | PAUSE_DISPUTE | PAUSE_INCIDENT | PAUSE_STORE_OUTAGE | PAUSE_HOLIDAY;
    if (policy_reader_mapping(r, n, known))
        policy_reader_words(r, yaml_get(n, "pauses"), pause_words, &ladder->pauses); /* bit i is enum pause_kind 1 << i */
}

/* At least one: nothing is closed to somebody who was not told. At most what a person record keeps the times of. */
static void read_notices(struct policy_reader *r, const struct yaml_node *n, struct ladder *ladder)
{
    ladder->notices_before_close = 2;
    policy_reader_number(r, n, 1, TOLD_TIMES, &ladder->notices_before_close);
}

static void warn_silent_closing(struct policy_reader *r, const struct yaml_node *n, const struct ladder *ladder)
{
    bool nudged = false;
    for (size_t i = 0; i < ladder->rung_count; i++) {
        bool told_before = nudged; /* a rung's own message goes out when it is reached, and it closes after messages */
        nudged = nudged || ladder->rungs[i].nudge;
        if (ladder->rungs[i].close == 0 || told_before)
            continue;
        yaml_warning(r->mistakes, n, "ladder \"%.*s\" closes without a rung that nudges before: it waits until the notice was shown on a login page",
                     SPAN_ARGS(ladder->id));
        return;
    }
}

static void read_ladder(struct policy_reader *r, const struct yaml_node *n, struct ladder *ladder)
{
    static const char *const known[] = { "id", "applies_to", "rungs", "clock", "notices_before_close", "rise", "snooze", "continue_once", "stage", NULL };
    unsigned stage;
    if (!policy_reader_mapping(r, n, known))
        return;
    if (yaml_get(n, "id") == NULL)
        yaml_mistake(r->mistakes, n, "a ladder needs an id");
    policy_reader_id(r, yaml_get(n, "id"), &ladder->id);
    read_applies_to(r, yaml_get(n, "applies_to"), ladder);
    if (yaml_get(n, "rungs") == NULL || yaml_get(n, "rungs")->count == 0)
        yaml_mistake(r->mistakes, n, "ladder \"%.*s\" needs at least one rung", SPAN_ARGS(ladder->id));
    read_rungs(r, yaml_get(n, "rungs"), ladder);
    read_clock(r, yaml_get(n, "clock"), ladder);
    read_notices(r, yaml_get(n, "notices_before_close"), ladder);
    read_rise(r, yaml_get(n, "rise"), ladder);
    read_valves(r, n, ladder);
    if (yaml_word(yaml_get(n, "stage"), stage_words, &stage, r->mistakes))
        ladder->stage = (enum rollout_stage)stage;
    warn_silent_closing(r, n, ladder);
}

static bool concerns_group(const struct ladder *ladder, struct span group)
{
    for (size_t i = 0; i < ladder->group_count; i++)
        if (span_equal_text(ladder->groups[i], "everyone") || span_equal(ladder->groups[i], group))
            return true;
    return false;
}

/* Everything that a check of this severity and a person of this group could bring here is taken by an earlier ladder. */
static bool is_taken(const struct ladder *ladders, size_t before, unsigned severity, struct span group)
{
    for (size_t i = 0; i < before; i++)
        if ((ladders[i].severities & 1U << severity) != 0 && concerns_group(&ladders[i], group))
            return true;
    return false;
}

static bool can_apply(const struct ladder *ladders, size_t index)
{
    const struct ladder *ladder = &ladders[index];
    for (unsigned severity = 0; severity < SEVERITY_COUNT; severity++)
        for (size_t i = 0; (ladder->severities & 1U << severity) != 0 && i < ladder->group_count; i++)
            if (!is_taken(ladders, index, severity, ladder->groups[i]))
                return true;
    return false;
}

static void report_hidden(struct policy_reader *r, const struct yaml_node *n, const struct ladder *ladders)
{
    for (size_t i = 1; i < n->count; i++)
        if (ladders[i].severities != 0 && ladders[i].group_count > 0 && !can_apply(ladders, i))
            yaml_mistake(r->mistakes, &n->children[i], "ladder \"%.*s\" can never apply: earlier ladders take all its severities and groups",
                         SPAN_ARGS(ladders[i].id));
}

static bool takes_severity(const struct policy *p, enum severity severity)
{
    for (size_t i = 0; i < p->ladder_count; i++)
        if ((p->ladders[i].severities & 1U << severity) != 0)
            return true;
    return false;
}

/* Without any ladder there is one warning for all of them (policy_read.c). */
static void warn_without_ladder(struct policy_reader *r)
{
    for (size_t i = 0; i < r->policy->check_count && r->policy->ladder_count > 0; i++) {
        const struct check *check = &r->policy->checks[i];
        const char *severity = severity_words[check->severity];
        if (check->stage != STAGE_REPORT && !takes_severity(r->policy, check->severity))
            yaml_warning(r->mistakes, r->check_places[i].at, "check \"%.*s\" is of severity %s, which no ladder takes: nobody is told of it and nothing ever closes; name %s in applies_to of a ladder, "
                         "or say stage: report", SPAN_ARGS(check->id), severity, severity);
    }
}

void policy_ladders_read(struct policy_reader *r, const struct yaml_node *n)
{
    if (!policy_reader_sequence(r, n, POLICY_MAX_LADDERS))
        return;
    struct ladder *ladders = policy_reader_array(r, n->count, sizeof *ladders);
    struct policy_named *names = policy_reader_scratch(r, n->count, sizeof *names);
    if (ladders == NULL || names == NULL)
        return;
    for (size_t i = 0; i < n->count; i++) {
        read_ladder(r, &n->children[i], &ladders[i]);
        names[i] = (struct policy_named){ ladders[i].id, &n->children[i] };
    }
    policy_reader_unique(r, names, n->count, "ladder");
    report_hidden(r, n, ladders);
    r->policy->ladders = ladders;
    r->policy->ladder_count = n->count;
    warn_without_ladder(r);
}
