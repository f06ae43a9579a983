#include "posture/check_library.h"
#include "posture/policy_reader.h"

#include <stdlib.h>

enum { DEFAULT_MINUTES = 5, MAX_MINUTES = 10080, DEFAULT_INTERVAL_S = 3600, DEFAULT_FRESH_S = 3 * 86400 };

static const char *const known[] = { "id", "use", "title", "what", "why", "fix", "minutes", "needs_admin", "restart", "severity", "stage", "collects",
                                     "osquery", "pass", "unknown_if", "in_progress_if", "second_source", "saw", "interval", "fresh_for", "hard", "snooze", "exemptions", NULL };

struct check_read {
    struct check check;
    const struct yaml_node *at; /* where its id stands */
};

const struct yaml_node *policy_check_value(const struct policy_check_source *source, const char *key)
{
    const struct yaml_node *n = yaml_get(source->over, key);
    return n != NULL || source->base == NULL ? n : yaml_get(source->base, key);
}

static void read_words(struct policy_reader *r, const struct policy_check_source *source, struct check *check)
{
    policy_reader_text(r, policy_check_value(source, "title"), POLICY_TITLE_BYTES, &check->title);
    policy_reader_text(r, policy_check_value(source, "what"), POLICY_MAX_TEXT_BYTES, &check->what);
    policy_reader_text(r, policy_check_value(source, "why"), POLICY_MAX_TEXT_BYTES, &check->why);
    policy_reader_text(r, policy_check_value(source, "collects"), POLICY_MAX_TEXT_BYTES, &check->collects);
}

static bool lacks(const struct policy_check_source *source, const char *key) { return policy_check_value(source, key) == NULL; }

/* A check works without words, but then people are stopped by something nobody explained. */
static void warn_missing_words(struct policy_reader *r, const struct policy_check_source *source, struct check *check)
{
    if (span_empty(check->title))
        check->title = check->id;
    bool title = lacks(source, "title"), what = lacks(source, "what"), why = lacks(source, "why"), fix = lacks(source, "fix"),
         collects = lacks(source, "collects");
    if (title || what || why || fix || collects)
        yaml_warning(r->mistakes, source->over, "check \"%.*s\" has no%s%s%s%s%s for the people it concerns", SPAN_ARGS(check->id),
                     title ? " title" : "", what ? " what" : "", why ? " why" : "", fix ? " fix" : "", collects ? " collects" : "");
}

static void read_times(struct policy_reader *r, const struct policy_check_source *source, struct check *check)
{
    const struct yaml_node *fresh = policy_check_value(source, "fresh_for"), *interval = policy_check_value(source, "interval");
    check->interval_s = DEFAULT_INTERVAL_S;
    check->fresh_for_s = DEFAULT_FRESH_S;
    policy_reader_duration(r, interval, 1, POLICY_LONGEST_S, &check->interval_s);
    policy_reader_duration(r, fresh, 1, POLICY_LONGEST_S, &check->fresh_for_s);
    if (check->fresh_for_s < check->interval_s)
        yaml_mistake(r->mistakes, fresh != NULL ? fresh : interval, "fresh_for must not be shorter than interval: the result would be unknown between two reads");
}

/* What is being exploited now waits for nobody, unless the policy says that it may. */
static void read_valves(struct policy_reader *r, const struct policy_check_source *source, struct check *check)
{
    const struct yaml_node *snooze = policy_check_value(source, "snooze");
    check->hard = check->severity == SEVERITY_URGENT;
    yaml_bool(policy_check_value(source, "hard"), &check->hard, r->mistakes);
    check->snooze = !check->hard;
    yaml_bool(snooze, &check->snooze, r->mistakes);
    check->exemptions = true;
    yaml_bool(policy_check_value(source, "exemptions"), &check->exemptions, r->mistakes);
    if (check->hard && check->snooze)
        yaml_mistake(r->mistakes, snooze, "check \"%.*s\" is hard, so it cannot be put off: leave snooze out, or say hard: false", SPAN_ARGS(check->id));
}

static void read_numbers(struct policy_reader *r, const struct policy_check_source *source, struct check *check)
{
    static const char *const severities[] = { "minor", "normal", "high", "urgent", NULL };
    static const char *const stages[] = { "enforce", "nudge", "report", NULL };
    unsigned severity = SEVERITY_NORMAL, stage = STAGE_ENFORCE;
    check->minutes = DEFAULT_MINUTES;
    yaml_word(policy_check_value(source, "severity"), severities, &severity, r->mistakes);
    check->severity = (enum severity)severity;
    yaml_word(policy_check_value(source, "stage"), stages, &stage, r->mistakes);
    check->stage = (enum rollout_stage)stage;
    read_valves(r, source, check);
    policy_reader_number(r, policy_check_value(source, "minutes"), 0, MAX_MINUTES, &check->minutes);
    yaml_bool(policy_check_value(source, "needs_admin"), &check->needs_admin, r->mistakes);
    yaml_bool(policy_check_value(source, "restart"), &check->restart, r->mistakes);
    read_times(r, source, check);
}

static void report_unknown_use(struct policy_reader *r, const struct yaml_node *use, struct span id)
{
    size_t count;
    const struct library_check *all = check_library_all(&count);
    const char **words = policy_reader_scratch(r, count + 1, sizeof *words);
    for (size_t i = 0; words != NULL && i < count; i++)
        words[i] = all[i].id.at;
    const char *nearest = words == NULL ? NULL : nearest_word(id, words);
    yaml_mistake(r->mistakes, use, "the library has no check \"%.*s\"%s%s%s", SPAN_ARGS(id), nearest == NULL ? "" : ", did you mean \"library/",
                 nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?");
}

/* The library check that an entry uses; NULL without `use`, or reported. */
static const struct library_check *find_used(struct policy_reader *r, const struct yaml_node *n)
{
    const struct yaml_node *use = yaml_get(n, "use");
    struct span name, prefix = SPAN_LITERAL("library/");
    if (use == NULL || !yaml_text(use, POLICY_ID_BYTES + prefix.bytes, &name, r->mistakes))
        return NULL;
    if (!span_starts(name, prefix)) {
        yaml_mistake(r->mistakes, use, "use takes library/<id>, such as library/disk-encryption");
        return NULL;
    }
    struct span id = span_slice(name, prefix.bytes, name.bytes);
    const struct library_check *found = check_library_find(id);
    if (found == NULL)
        report_unknown_use(r, use, id);
    return found;
}

static void read_from(struct policy_reader *r, const struct policy_check_source *source, struct check *check)
{
    policy_reader_id(r, policy_check_value(source, "id"), &check->id);
    read_words(r, source, check);
    warn_missing_words(r, source, check);
    read_numbers(r, source, check);
    policy_check_platforms_read(r, source, check);
}

static void read_used(struct policy_reader *r, const struct yaml_node *n, const struct library_check *used, struct check *check)
{
    struct span file = arena_format(&r->scratch, "library/%.*s.yaml", SPAN_ARGS(used->id));
    CLEANUP(yaml_tree_freep) struct yaml_tree *tree = yaml_read(used->yaml, file, r->mistakes);
    if (tree == NULL)
        return;
    struct policy_check_source source = { n, r->text, yaml_root(tree), used->yaml };
    if (policy_reader_mapping(r, source.base, known))
        read_from(r, &source, check);
}

static void read_check(struct policy_reader *r, const struct yaml_node *n, struct check_read *out)
{
    out->at = n;
    if (!policy_reader_mapping(r, n, known))
        return;
    const struct yaml_node *use = yaml_get(n, "use"), *id = yaml_get(n, "id");
    out->at = id != NULL ? id : use != NULL ? use : n;
    if (use == NULL && id == NULL) {
        yaml_mistake(r->mistakes, n, "a check needs an id, or use: library/<id>");
        return;
    }
    const struct library_check *used = find_used(r, n);
    struct policy_check_source own = { n, r->text, NULL, SPAN_NONE };
    if (used != NULL)
        read_used(r, n, used, &out->check);
    else if (use == NULL)
        read_from(r, &own, &out->check);
}

static int compare_checks(const void *left, const void *right)
{
    const struct check_read *a = left, *b = right;
    return span_compare(a->check.id, b->check.id);
}

static void keep_checks(struct policy_reader *r, const struct check_read *read, size_t count)
{
    struct check *checks = policy_reader_array(r, count, sizeof *checks);
    struct policy_named *names = policy_reader_scratch(r, count, sizeof *names);
    if (checks == NULL || names == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        checks[i] = read[i].check;
        names[i] = (struct policy_named){ read[i].check.id, read[i].at };
    }
    policy_reader_unique(r, names, count, "check id");
    r->policy->checks = checks;
    r->policy->check_count = count;
    r->check_places = names;
}

static int compare_uses(const void *left, const void *right)
{
    const struct fact_use *a = left, *b = right;
    int order = span_compare(a->name, b->name);
    return order != 0 ? order : (a->check > b->check) - (a->check < b->check);
}

/* Every (fact, check) pair once, though each platform of a check may name the fact. */
static size_t collect_uses(const struct policy *p, struct fact_use *out)
{
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < p->check_count; i++)
        for (size_t k = 0; k < PLATFORM_COUNT; k++)
            for (size_t f = 0; f < p->checks[i].on[k].fact_count; f++, count++)
                if (out != NULL)
                    out[count] = (struct fact_use){ p->checks[i].on[k].facts[f], (unsigned)i };
    if (out == NULL || count == 0)
        return count;
    qsort(out, count, sizeof out[0], compare_uses);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || compare_uses(&out[i], &out[kept - 1]) != 0)
            out[kept++] = out[i];
    return kept;
}

static void index_facts(struct policy_reader *r)
{
    struct fact_use *uses = policy_reader_array(r, collect_uses(r->policy, NULL), sizeof *uses);
    if (uses == NULL)
        return;
    r->policy->fact_use_count = collect_uses(r->policy, uses);
    r->policy->fact_uses = uses;
}

void policy_checks_read(struct policy_reader *r, const struct yaml_node *n)
{
    if (!policy_reader_sequence(r, n, POLICY_MAX_CHECKS))
        return;
    struct check_read *read = policy_reader_scratch(r, n->count, sizeof *read);
    if (read == NULL)
        return;
    for (size_t i = 0; i < n->count; i++)
        read_check(r, &n->children[i], &read[i]);
    qsort(read, n->count, sizeof read[0], compare_checks);
    keep_checks(r, read, n->count);
    index_facts(r);
}
