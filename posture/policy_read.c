/* A policy's text to a policy: YAML or canonical JSON, every mistake in one pass. The parts are in policy_<part>.c. */
#include "posture/policy_reader.h"

#include "posture/base/secret.h"

#include <string.h>

enum { ARENA_BLOCK_BYTES = 64 * 1024, ARENA_LIMIT_BYTES = 64 * 1024 * 1024, CANONICAL_BYTES = 1024 * 1024 };

static void read_name(struct policy_reader *r, const struct yaml_node *root)
{
    const struct yaml_node *n = yaml_get(root, "policy");
    if (n == NULL)
        yaml_mistake(r->mistakes, root, "a policy needs its name: policy: <name>");
    policy_reader_id(r, n, &r->policy->name);
}

static void read_sensitivities(struct policy_reader *r, const struct yaml_node *root)
{
    const struct yaml_node *n = yaml_get(root, "sensitivities");
    if (n == NULL || (n->kind == YAML_SEQUENCE && n->count == 0))
        yaml_mistake(r->mistakes, n == NULL ? root : n, "a policy needs sensitivities, from least to most: [everyday, sensitive, critical]");
    if (!policy_reader_sequence(r, n, POLICY_MAX_SENSITIVITIES))
        return;
    struct span *ids = policy_reader_array(r, n->count, sizeof *ids);
    struct policy_named *names = policy_reader_scratch(r, n->count, sizeof *names);
    if (ids == NULL || names == NULL)
        return;
    r->policy->sensitivities = ids;
    for (size_t i = 0; i < n->count; i++) {
        struct span id = SPAN_NONE;
        unsigned known;
        if (policy_reader_id(r, &n->children[i], &id) && !policy_sensitivity(r->policy, id, &known))
            ids[r->policy->sensitivity_count++] = id; /* the rest of the policy is read with those that are good */
        names[i] = (struct policy_named){ id, &n->children[i] };
    }
    policy_reader_unique(r, names, n->count, "sensitivity");
}

static void warn_missing(struct policy_reader *r, const struct yaml_node *root)
{
    if (yaml_get(root, "apps") == NULL)
        yaml_warning(r->mistakes, root, "there are no apps: every login is to an unknown app");
    if (yaml_get(root, "checks") == NULL)
        yaml_warning(r->mistakes, root, "there are no checks: nothing is asked of any device");
    if (yaml_get(root, "ladders") == NULL)
        yaml_warning(r->mistakes, root, "there are no ladders: a failing check has no consequence");
}

static void warn_full(struct policy_reader *r, const struct yaml_node *root)
{
    if (r->full)
        yaml_mistake(r->mistakes, root, "the policy takes more memory than the %d MiB it may", ARENA_LIMIT_BYTES / 1024 / 1024);
    r->full = false;
}

static void read_root(struct policy_reader *r, const struct yaml_node *root)
{
    static const char *const known[] = { "policy", "sensitivities", "apps", "checks", "ladders", "visible_after", "grace", "nudges", "outage",
                                         "breaker", "rings", "unidentified_device", "person_verdict", "break_glass", "actions",
                                         "policy_managed_by", "help", "doors", "proof", "exemptions", "mdm", "incident", NULL };
    if (!policy_reader_mapping(r, root, known))
        return;
    read_name(r, root);
    read_sensitivities(r, root);
    policy_apps_read(r, yaml_get(root, "apps"));
    policy_checks_read(r, yaml_get(root, "checks"));
    policy_ladders_read(r, yaml_get(root, "ladders"));
    policy_doors_read(r, yaml_get(root, "doors"));
    policy_rules_read(r, root);
    policy_contradictions_report(r, yaml_get(root, "ladders"));
    warn_missing(r, root);
    warn_full(r, root);
}

/* What was expanded must itself be readable, for it is what the store keeps and every node reads. */
static void check_readable(struct policy_reader *r, struct span canonical, const struct yaml_node *root)
{
    struct mistakes found;
    if (span_equal(canonical, r->text))
        return;
    mistakes_init(&found);
    CLEANUP(yaml_tree_freep) struct yaml_tree *tree = yaml_read(canonical, SPAN_LITERAL("canonical"), &found);
    if (tree == NULL || mistakes_errors(&found) > 0)
        yaml_mistake(r->mistakes, root, "the policy is too large once its library checks and defaults are written out: %.*s",
                     SPAN_ARGS(found.count > 0 ? found.all[0].text : SPAN_LITERAL("it cannot be read again")));
    mistakes_done(&found);
}

static void make_canonical(struct policy_reader *r, const struct yaml_node *root)
{
    struct err err;
    CLEANUP(buf_done) struct buf out;
    buf_init(&out, CANONICAL_BYTES);
    policy_canonical_write(r->policy, &out);
    if (buf_check(&out, "the policy with library checks and defaults written out", &err) != OK) {
        yaml_mistake(r->mistakes, root, "%s", err.text);
        return;
    }
    check_readable(r, buf_span(&out), root);
    r->policy->canonical = arena_copy(&r->policy->arena, buf_span(&out));
    secret_sha256_hex(buf_span(&out), r->policy->version);
    if (r->policy->canonical.at == NULL)
        yaml_mistake(r->mistakes, root, "no memory left for the canonical form");
}

static struct policy *policy_new(void)
{
    struct arena arena;
    arena_init(&arena, ARENA_BLOCK_BYTES, ARENA_LIMIT_BYTES);
    struct policy *policy = arena_alloc(&arena, sizeof *policy);
    if (policy != NULL)
        policy->arena = arena;
    return policy;
}

static void read_tree(struct policy_reader *r, const struct yaml_node *root)
{
    size_t before = mistakes_errors(r->mistakes);
    arena_init(&r->scratch, ARENA_BLOCK_BYTES, ARENA_LIMIT_BYTES);
    read_root(r, root);
    if (mistakes_errors(r->mistakes) == before) {
        make_canonical(r, root);
        policy_words_write(r);
        warn_full(r, root);
    }
    arena_done(&r->scratch);
}

static void read_text(struct span text, struct span file, bool published, struct mistakes *mistakes, struct policy **out)
{
    *out = NULL;
    size_t before = mistakes_errors(mistakes);
    CLEANUP(yaml_tree_freep) struct yaml_tree *tree = yaml_read(text, file, mistakes);
    if (tree == NULL)
        return;
    CLEANUP(policy_freep) struct policy *policy = policy_new();
    if (policy == NULL) {
        yaml_mistake(mistakes, yaml_root(tree), "no memory left to read the policy");
        return;
    }
    struct policy_reader reader = { .policy = policy, .mistakes = mistakes, .text = text, .published = published };
    read_tree(&reader, yaml_root(tree));
    if (mistakes_errors(mistakes) == before)
        *out = TAKE(policy);
}

void policy_read(struct span text, struct span file, struct mistakes *mistakes, struct policy **out) { read_text(text, file, false, mistakes, out); }

void policy_read_published(struct span text, struct span file, struct mistakes *mistakes, struct policy **out) { read_text(text, file, true, mistakes, out); }
