#include "posture/policy_case_parts.h"

#include "posture/base/clock.h"

enum { WORD_BYTES = 64, ITEMS_MOST = 128, TEXT_BYTES = 512 };

struct found {
    struct decision_input world;
    struct ladder_input in;        /* of the device that is looked at */
    struct standing *standings; size_t count;
    struct ladder_summary sum;
};

static void fail(const struct policy_case *c, const struct yaml_node *at, const char *what, struct span expected, struct span got, struct span why)
{
    yaml_mistake(c->mistakes, at, "case \"%.*s\": expected %s %.*s, found %.*s%s%.*s", SPAN_ARGS(c->name), what, SPAN_ARGS(expected), SPAN_ARGS(got), span_empty(why) ? "" : ": ", SPAN_ARGS(why));
}

static struct span time_text(struct policy_case *c, int64_t at_s)
{
    char text[CLOCK_TEXT_BYTES];
    return at_s == 0 ? SPAN_LITERAL("never") : arena_copy_text(&c->arena, clock_rfc3339(at_s, text));
}

static const struct device *device_of(struct policy_case *c, const struct yaml_node *n)
{
    struct span id;
    if (n == NULL)
        return c->device_count > 0 ? &c->devices[0] : NULL;
    if (!yaml_text(n, WORD_BYTES, &id, c->mistakes))
        return NULL;
    for (size_t i = 0; i < c->device_count; i++)
        if (span_equal(c->devices[i].id, id))
            return &c->devices[i];
    yaml_mistake(c->mistakes, n, "case \"%.*s\" has no device \"%.*s\"", SPAN_ARGS(c->name), SPAN_ARGS(id));
    return NULL;
}

/* What stands there, in short: "firewall: 1 notices, waits for a notice". */
static struct span why(struct policy_case *c, const struct found *f)
{
    if (f->count == 0)
        return SPAN_LITERAL("no check fails visibly");
    const struct standing *s = &f->standings[0];
    if (s->ladder == NULL)
        return arena_format(&c->arena, "check %.*s is on no ladder", SPAN_ARGS(s->check->id));
    return arena_format(&c->arena, "check %.*s, ladder %.*s, %u notices%s%s%s, next rung %.*s", SPAN_ARGS(s->check->id), SPAN_ARGS(s->ladder->id), s->notices,
                        s->waiting_for_notice ? ", waits for a notice" : "", s->paused != 0 ? ", its clock stands still" : "", s->grace_until_s > 0 ? ", in grace" : "",
                        SPAN_ARGS(time_text(c, s->next_s)));
}

static struct span or_none(struct span rung) { return span_empty(rung) ? SPAN_LITERAL("none") : rung; }

static void expect_rung(struct policy_case *c, const struct yaml_node *n, const char *what, struct span found_rung, const struct found *f)
{
    struct span expected;
    if (n == NULL || !yaml_text(n, WORD_BYTES, &expected, c->mistakes))
        return;
    bool known = span_equal_text(expected, "none");
    for (size_t i = 0; i < c->policy->ladder_count; i++)
        for (size_t k = 0; k < c->policy->ladders[i].rung_count; k++)
            known = known || span_equal(c->policy->ladders[i].rungs[k].id, expected);
    if (!known)
        yaml_mistake(c->mistakes, n, "no ladder of the policy has a rung \"%.*s\"; none is written none", SPAN_ARGS(expected));
    else if (!span_equal(expected, or_none(found_rung)))
        fail(c, n, what, expected, or_none(found_rung), why(c, f));
}

static struct span names_of(struct policy_case *c, unsigned bits)
{
    struct span all = SPAN_LITERAL("nothing");
    for (size_t i = 0, told = 0; i < c->policy->sensitivity_count; i++)
        if ((bits >> i & 1U) != 0)
            all = told++ == 0 ? c->policy->sensitivities[i] : arena_format(&c->arena, "%.*s, %.*s", SPAN_ARGS(all), SPAN_ARGS(c->policy->sensitivities[i]));
    return all;
}

static void expect_closed(struct policy_case *c, const struct yaml_node *n, const struct found *f)
{
    unsigned bits = 0, index;
    if (n == NULL)
        return;
    for (size_t i = 0; n->kind == YAML_SEQUENCE && i < n->count; i++) {
        struct span name;
        if (!yaml_text(&n->children[i], WORD_BYTES, &name, c->mistakes))
            return;
        if (!policy_sensitivity(c->policy, name, &index)) {
            yaml_mistake(c->mistakes, &n->children[i], "the policy has no sensitivity \"%.*s\"", SPAN_ARGS(name));
            return;
        }
        bits |= 1U << index;
    }
    if (n->kind != YAML_SEQUENCE)
        yaml_mistake(c->mistakes, n, "must be a list of sensitivities, [] for nothing");
    else if (bits != f->sum.closed)
        fail(c, n, "closed", names_of(c, bits), names_of(c, f->sum.closed), why(c, f));
}

static void expect_flag(struct policy_case *c, const struct yaml_node *n, const char *what, bool got, struct span because)
{
    bool expected;
    if (n != NULL && yaml_bool(n, &expected, c->mistakes) && expected != got)
        fail(c, n, what, expected ? SPAN_LITERAL("true") : SPAN_LITERAL("false"), got ? SPAN_LITERAL("true") : SPAN_LITERAL("false"), because);
}

/* When the next rung is reached, over all checks of the device. */
static void expect_next(struct policy_case *c, const struct yaml_node *n, const struct found *f)
{
    int64_t expected_s = 0, next_s = 0;
    struct span word;
    if (n == NULL)
        return;
    for (size_t i = 0; i < f->count; i++)
        if (f->standings[i].next_s > 0 && (next_s == 0 || f->standings[i].next_s < next_s))
            next_s = f->standings[i].next_s;
    bool never = n->kind == YAML_SCALAR && yaml_text(n, WORD_BYTES, &word, c->mistakes) && span_equal_text(word, "never");
    if (!never && !policy_case_time(c, n, &expected_s))
        return;
    if (expected_s != next_s)
        fail(c, n, "next", time_text(c, expected_s), time_text(c, next_s), why(c, f));
}

static void expect_app(struct policy_case *c, const struct yaml_node *n, const struct device *device, struct found *f)
{
    static const char *const outcomes[] = { "allow", "warn", "deny", NULL };
    const struct app *app = policy_app(c->policy, n->key);
    struct decision d;
    unsigned expected;
    if (app == NULL) {
        yaml_mistake(c->mistakes, n, "the policy has no app \"%.*s\"", SPAN_ARGS(n->key));
        return;
    }
    if (!yaml_word(n, outcomes, &expected, c->mistakes))
        return;
    f->world.app = app;
    f->world.device = device;
    f->world.door = device != NULL ? DEVICE_NAMED : DEVICE_NOT_ASKED;
    decision_make(&f->world, &c->arena, NULL, NULL, &d);
    if ((enum outcome)expected == d.outcome)
        return;
    struct span what = arena_format(&c->arena, "%.*s to", SPAN_ARGS(app->id));
    fail(c, n, what.at, span_of(outcomes[expected]), span_of(outcome_name(d.outcome)), d.reason_admin);
}

static void expect_apps(struct policy_case *c, const struct yaml_node *n, const struct device *device, struct found *f)
{
    if (n == NULL)
        return;
    if (n->kind != YAML_MAPPING)
        yaml_mistake(c->mistakes, n, "must name apps: payroll: deny");
    for (size_t i = 0; n->kind == YAML_MAPPING && i < n->count; i++)
        expect_app(c, &n->children[i], device, f);
}

/* Over all devices, as in production. */
static void expect_nudge(struct policy_case *c, const struct yaml_node *n, const struct found *f)
{
    struct notice_item *items = arena_array(&c->arena, ITEMS_MOST, sizeof *items);
    size_t count = 0;
    if (n == NULL || items == NULL)
        return;
    for (size_t i = 0; i < c->device_count; i++) {
        struct standing *all;
        struct ladder_input in = decision_ladder_input(&f->world, &c->devices[i], &c->person);
        size_t standing = ladder_standings(&in, &c->arena, &all);
        for (size_t k = 0; k < standing && count < ITEMS_MOST; k++)
            if (all[k].told)
                items[count++] = (struct notice_item){ .device = c->devices[i].id, .check = all[k].check->id };
    }
    struct nudge_input in = { .policy = c->policy, .calendar = c->calendar, .person = &c->person, .holidays = f->world.holidays, .now_s = c->now_s, .frozen = c->frozen, .items = items, .item_count = count };
    struct nudge_plan plan = ladder_nudge(&in);
    expect_flag(c, n, "nudge", plan.send, plan.why);
}

void policy_case_expect(struct policy_case *c, const struct yaml_node *expect)
{
    static const char *const known[] = { "device", "rung", "would", "closed", "warn", "next", "apps", "nudge", NULL };
    struct found f = { .world = { .policy = c->policy, .calendar = c->calendar, .person = &c->person, .person_asked = c->person.id, .frozen = c->frozen, .now_s = c->now_s, .ladder_now_s = c->now_s } };
    const struct device **devices = arena_array(&c->arena, c->device_count + 1, sizeof(struct device *));
    if (expect->kind != YAML_MAPPING || devices == NULL) {
        yaml_mistake(c->mistakes, expect, "must have keys and values");
        return;
    }
    yaml_only(expect, known, c->mistakes);
    for (size_t i = 0; i < c->device_count; i++)
        devices[i] = &c->devices[i];
    f.world.devices = devices;
    f.world.device_count = c->device_count;
    const struct device *device = device_of(c, yaml_get(expect, "device"));
    if (device != NULL) {
        f.in = decision_ladder_input(&f.world, device, &c->person);
        f.count = ladder_standings(&f.in, &c->arena, &f.standings);
        f.sum = ladder_summary(&f.in, f.standings, f.count);
    }
    expect_rung(c, yaml_get(expect, "rung"), "rung", f.sum.rung, &f);
    expect_rung(c, yaml_get(expect, "would"), "would", f.sum.would.rung, &f);
    expect_closed(c, yaml_get(expect, "closed"), &f);
    expect_flag(c, yaml_get(expect, "warn"), "warn", f.sum.warn, why(c, &f));
    expect_next(c, yaml_get(expect, "next"), &f);
    expect_apps(c, yaml_get(expect, "apps"), yaml_get(expect, "device") != NULL ? device : NULL, &f);
    expect_nudge(c, yaml_get(expect, "nudge"), &f);
}
