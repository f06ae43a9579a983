#include "posture/policy_case_parts.h"

#include "posture/base/clock.h"

#include <stdlib.h>

enum { NAME_BYTES = 200, ID_BYTES = 64, PATH_BYTES = 1000, ZONE_BYTES = 64, ARENA_BYTES = 4 * 1024 * 1024, YEAR_S = 365 * 86400 };

bool policy_case_time(const struct policy_case *c, const struct yaml_node *n, int64_t *out)
{
    struct span text;
    if (n == NULL || !yaml_text(n, 40, &text, c->mistakes))
        return false;
    if (clock_from_rfc3339(text, out))
        return true;
    yaml_mistake(c->mistakes, n, "must be a time such as 2026-12-24T08:00:00Z");
    return false;
}

static const struct yaml_node *sequence(struct policy_case *c, const struct yaml_node *n, size_t most)
{
    if (n == NULL || (n->kind == YAML_SEQUENCE && n->count <= most))
        return n;
    yaml_mistake(c->mistakes, n, "must be a list of at most %zu", most);
    return NULL;
}

static bool mapping(struct policy_case *c, const struct yaml_node *n, const char *const *known)
{
    if (n == NULL)
        return false;
    if (n->kind == YAML_MAPPING) {
        if (known != NULL)
            yaml_only(n, known, c->mistakes);
        return true;
    }
    yaml_mistake(c->mistakes, n, "must have keys and values");
    return false;
}

static void *array(struct policy_case *c, const struct yaml_node *at, size_t count, size_t each_bytes)
{
    void *all = arena_array(&c->arena, count + 1, each_bytes);
    if (all == NULL)
        yaml_mistake(c->mistakes, at, "memory is short");
    return all;
}

static void read_interval(struct policy_case *c, const struct yaml_node *n, struct interval *out)
{
    static const char *const known[] = { "from", "to", NULL };
    if (!mapping(c, n, known))
        return;
    if (yaml_get(n, "from") == NULL)
        yaml_mistake(c->mistakes, n, "needs from");
    (void)policy_case_time(c, yaml_get(n, "from"), &out->from_s);
    if (policy_case_time(c, yaml_get(n, "to"), &out->to_s) && out->to_s <= out->from_s)
        yaml_mistake(c->mistakes, yaml_get(n, "to"), "must be after from");
}

/* ---- the person ---- */

static void read_absences(struct policy_case *c, const struct yaml_node *n)
{
    n = sequence(c, n, PERSON_MAX_ABSENCES);
    struct absence *all = n == NULL ? NULL : array(c, n, n->count, sizeof *all);
    for (size_t i = 0; all != NULL && i < n->count; i++)
        read_interval(c, &n->children[i], &all[i].time);
    c->person.absences = all;
    c->person.absence_count = all != NULL ? n->count : 0;
}

static void read_groups(struct policy_case *c, const struct yaml_node *n)
{
    n = sequence(c, n, PERSON_MAX_GROUPS);
    struct span *all = n == NULL ? NULL : array(c, n, n->count, sizeof *all);
    for (size_t i = 0; all != NULL && i < n->count; i++)
        (void)yaml_text(&n->children[i], NAME_BYTES, &all[i], c->mistakes);
    c->person.groups = all;
    c->person.group_count = all != NULL ? n->count : 0;
}

static void read_zone(struct policy_case *c, const struct yaml_node *n)
{
    struct err err;
    if (n == NULL || !yaml_text(n, ZONE_BYTES, &c->person.zone, c->mistakes))
        return;
    if (calendar_prepare(c->calendar, c->person.zone, &err) != OK)
        yaml_mistake(c->mistakes, n, "no zone \"%.*s\" is known here", SPAN_ARGS(c->person.zone));
}

static void read_person(struct policy_case *c, const struct yaml_node *n)
{
    static const char *const known[] = { "id", "email", "groups", "zone", "absences", "nudged", NULL };
    struct span *emails = arena_array(&c->arena, 1, sizeof *emails);
    c->person.id = SPAN_LITERAL("person");
    c->person.emails = emails;
    if (n == NULL || !mapping(c, n, known))
        return;
    (void)yaml_text(yaml_get(n, "id"), ID_BYTES, &c->person.id, c->mistakes);
    if (emails != NULL && yaml_get(n, "email") != NULL)
        c->person.email_count = yaml_text(yaml_get(n, "email"), NAME_BYTES, &emails[0], c->mistakes);
    read_groups(c, yaml_get(n, "groups"));
    read_zone(c, yaml_get(n, "zone"));
    read_absences(c, yaml_get(n, "absences"));
    if (policy_case_time(c, yaml_get(n, "nudged"), &c->person.nudge_s))
        c->person.nudge_day = calendar_local(c->calendar, calendar_zone(c->policy, &c->person), c->person.nudge_s).day;
}

/* ---- the devices ---- */

static void read_result(struct policy_case *c, const struct yaml_node *n, struct result *r)
{
    static const char *const known[] = { "result", "since", "visible", "checked", NULL };
    static const char *const words[] = { "unknown", "pass", "fail", "not_applicable", "in_progress", NULL }; /* enum verdict */
    bool whole = n->kind == YAML_MAPPING && mapping(c, n, known);
    unsigned verdict = VERDICT_PASS;
    const struct check *check = policy_check(c->policy, n->key);
    if (check == NULL)
        yaml_mistake(c->mistakes, n, "the policy has no check \"%.*s\"", SPAN_ARGS(n->key));
    r->check = check != NULL ? check->id : n->key;
    if (whole && yaml_get(n, "result") == NULL)
        yaml_mistake(c->mistakes, n, "needs result: one of pass, fail, unknown, not_applicable, in_progress");
    (void)yaml_word(whole ? yaml_get(n, "result") : n, words, &verdict, c->mistakes);
    r->verdict = (enum verdict)verdict;
    r->evaluated_s = c->now_s;
    r->changed_s = c->now_s;
    if (whole && policy_case_time(c, yaml_get(n, "since"), &r->changed_s) && r->changed_s > c->now_s)
        yaml_mistake(c->mistakes, yaml_get(n, "since"), "is after now");
    if (r->verdict == VERDICT_FAIL || r->verdict == VERDICT_IN_PROGRESS)
        r->first_failed_s = r->visible_s = r->changed_s;
    if (whole)
        (void)policy_case_time(c, yaml_get(n, "visible"), &r->visible_s);
    if (whole)
        (void)policy_case_time(c, yaml_get(n, "checked"), &r->evaluated_s);
}

static int compare_results(const void *a, const void *b) { return span_compare(((const struct result *)a)->check, ((const struct result *)b)->check); }

static void read_results(struct policy_case *c, const struct yaml_node *n, struct device *d)
{
    if (n == NULL || !mapping(c, n, NULL))
        return;
    struct result *all = array(c, n, n->count, sizeof *all);
    for (size_t i = 0; all != NULL && i < n->count; i++)
        read_result(c, &n->children[i], &all[i]);
    if (all == NULL)
        return;
    qsort(all, n->count, sizeof *all, compare_results);
    d->results = all;
    d->result_count = n->count;
}

static void read_on(struct policy_case *c, const struct yaml_node *n, struct device *d)
{
    n = sequence(c, n, POLICY_CASE_TIMES_MOST);
    struct interval *all = n == NULL ? NULL : array(c, n, n->count, sizeof *all);
    for (size_t i = 0; all != NULL && i < n->count; i++)
        read_interval(c, &n->children[i], &all[i]);
    d->on = all;
    d->on_count = all != NULL ? n->count : 0;
}

static void read_told(struct policy_case *c, const struct yaml_node *n, const struct device *d)
{
    if (n == NULL || !mapping(c, n, NULL))
        return;
    for (size_t i = 0; i < n->count; i++) {
        const struct yaml_node *times = sequence(c, &n->children[i], POLICY_CASE_TIMES_MOST);
        int64_t at_s, last_s = 0;
        if (policy_check(c->policy, n->children[i].key) == NULL)
            yaml_mistake(c->mistakes, &n->children[i], "the policy has no check \"%.*s\"", SPAN_ARGS(n->children[i].key));
        for (size_t k = 0; times != NULL && k < times->count; k++) {
            if (!policy_case_time(c, &times->children[k], &at_s))
                continue;
            if (at_s < last_s)
                yaml_mistake(c->mistakes, &times->children[k], "is before the one that stands in front of it");
            last_s = at_s;
            if (!person_add_told(&c->person, d->id, n->children[i].key, at_s))
                yaml_mistake(c->mistakes, times, "is more than a person's record holds");
        }
    }
}

static void read_device(struct policy_case *c, const struct yaml_node *n, struct device *d)
{
    static const char *const known[] = { "id", "platform", "enrolled", "seen", "on", "results", "told", NULL };
    static const char *const platforms[] = { "macos", "windows", "linux", NULL };
    unsigned platform = 0;
    *d = (struct device){ .id = SPAN_LITERAL("device"), .owner = c->person.id, .enrolled_s = c->now_s - YEAR_S, .seen_s = c->now_s };
    if (!mapping(c, n, known))
        return;
    (void)yaml_text(yaml_get(n, "id"), ID_BYTES, &d->id, c->mistakes);
    (void)yaml_word(yaml_get(n, "platform"), platforms, &platform, c->mistakes);
    d->platform = (enum platform)(PLATFORM_MACOS + platform);
    (void)policy_case_time(c, yaml_get(n, "enrolled"), &d->enrolled_s);
    (void)policy_case_time(c, yaml_get(n, "seen"), &d->seen_s);
    read_on(c, yaml_get(n, "on"), d);
    read_results(c, yaml_get(n, "results"), d);
    read_told(c, yaml_get(n, "told"), d);
}

static void read_devices(struct policy_case *c, const struct yaml_node *n)
{
    n = sequence(c, n, POLICY_CASE_DEVICES_MOST);
    c->devices = n == NULL ? NULL : array(c, n, n->count, sizeof *c->devices);
    for (size_t i = 0; c->devices != NULL && i < n->count; i++)
        read_device(c, &n->children[i], &c->devices[i]);
    c->device_count = c->devices != NULL ? n->count : 0;
}

/* ---- the file ---- */

static void run_case(struct policy_case *c, const struct yaml_node *n)
{
    static const char *const known[] = { "name", "now", "frozen", "person", "devices", "expect", NULL };
    size_t before = mistakes_errors(c->mistakes);
    if (!mapping(c, n, known))
        return;
    c->name = SPAN_LITERAL("(no name)");
    if (yaml_get(n, "name") == NULL)
        yaml_mistake(c->mistakes, n, "a case needs a name");
    (void)yaml_text(yaml_get(n, "name"), NAME_BYTES, &c->name, c->mistakes);
    if (yaml_get(n, "now") == NULL)
        yaml_mistake(c->mistakes, n, "case \"%.*s\" needs now: the moment that it is about", SPAN_ARGS(c->name));
    (void)policy_case_time(c, yaml_get(n, "now"), &c->now_s);
    (void)yaml_bool(yaml_get(n, "frozen"), &c->frozen, c->mistakes);
    read_person(c, yaml_get(n, "person"));
    read_devices(c, yaml_get(n, "devices"));
    if (yaml_get(n, "expect") == NULL)
        yaml_mistake(c->mistakes, n, "case \"%.*s\" expects nothing", SPAN_ARGS(c->name));
    if (mistakes_errors(c->mistakes) == before)
        policy_case_expect(c, yaml_get(n, "expect"));
}

bool policy_cases_policy(const struct yaml_node *file, struct span *path, struct mistakes *mistakes)
{
    if (yaml_get(file, "policy") == NULL) {
        yaml_mistake(mistakes, file, "needs policy: the path of the policy that its cases are about");
        return false;
    }
    return yaml_text(yaml_get(file, "policy"), PATH_BYTES, path, mistakes);
}

void policy_cases_run(const struct yaml_node *file, const struct policy *policy, struct calendar *calendar, struct mistakes *mistakes, struct policy_case_counts *out)
{
    static const char *const known[] = { "policy", "cases", NULL };
    const struct yaml_node *cases = yaml_get(file, "cases");
    struct err err;
    *out = (struct policy_case_counts){ 0 };
    yaml_only(file, known, mistakes);
    if (cases == NULL || cases->kind != YAML_SEQUENCE || cases->count > POLICY_CASES_MOST) {
        yaml_mistake(mistakes, cases != NULL ? cases : file, "needs cases: a list of at most %d", POLICY_CASES_MOST);
        return;
    }
    if (calendar_prepare(calendar, policy->nudges.zone, &err) != OK)
        yaml_mistake(mistakes, file, "the policy's zone \"%.*s\" is not known here", SPAN_ARGS(policy->nudges.zone));
    for (size_t i = 0; i < cases->count; i++) {
        struct policy_case c = { .policy = policy, .calendar = calendar, .mistakes = mistakes };
        size_t before = mistakes_errors(mistakes);
        arena_init(&c.arena, 16 * 1024, ARENA_BYTES);
        arena_init(&c.person.arena, 4 * 1024, ARENA_BYTES);
        run_case(&c, &cases->children[i]);
        arena_done(&c.person.arena);
        arena_done(&c.arena);
        out->cases++;
        out->failed += mistakes_errors(mistakes) > before;
    }
}
