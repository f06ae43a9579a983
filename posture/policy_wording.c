#include "posture/policy_wording.h"

#include "posture/wording.h"

enum { STEPS_BYTES = 16 * 1024, STEPS_MOST = 7, SENTENCES_MOST = 2 };

struct place { struct mistakes *mistakes; const struct yaml_node *at; struct span check; const char *what; };

static void warn(void *context, const char *finding)
{
    const struct place *p = context;
    if (span_empty(p->check))
        yaml_warning(p->mistakes, p->at, "%s: %s", p->what, finding);
    else
        yaml_warning(p->mistakes, p->at, "check \"%.*s\": %s: %s", SPAN_ARGS(p->check), p->what, finding);
}

/* "{column}" stands for what a device answered. */
static void lint_saw(struct span text, struct place *p)
{
    CLEANUP(buf_done) struct buf plain;
    struct span rest = text, before;
    buf_init(&plain, WORDING_TEXT_BYTES);
    while (span_cut(&rest, '{', &before)) {
        buf_append(&plain, before);
        struct span inside = SPAN_NONE;
        if (rest.at != NULL && span_cut(&rest, '}', &inside))
            buf_append_text(&plain, "name");
    }
    if (!plain.failed)
        wording_lint(buf_span(&plain), WORDING_NO_GRADE, warn, p);
}

static void lint_text(const struct yaml_node *n, double grade, struct place *p)
{
    p->at = n;
    if (n != NULL && n->kind == YAML_SCALAR)
        wording_lint(n->text, grade, warn, p);
}

static void lint_sentences(const struct yaml_node *n, struct place *p)
{
    if (n != NULL && n->kind == YAML_SCALAR && wording_measure(n->text).sentences > SENTENCES_MOST)
        warn(p, "more than 2 sentences");
}

/* One after the other, and how hard all of them read together. */
static void lint_steps(const struct yaml_node *n, struct place *p)
{
    CLEANUP(buf_done) struct buf all;
    buf_init(&all, STEPS_BYTES);
    if (n->kind == YAML_SCALAR) {
        lint_text(n, WORDING_GRADE_STEPS, p);
        return;
    }
    for (size_t i = 0; n->kind == YAML_SEQUENCE && i < n->count; i++) {
        lint_text(&n->children[i], WORDING_NO_GRADE, p);
        if (n->children[i].kind != YAML_SCALAR)
            continue;
        buf_append(&all, n->children[i].text);
        buf_append_byte(&all, ' ');
    }
    p->at = n;
    struct wording m = wording_measure(buf_span(&all));
    if (!all.failed && m.words >= WORDING_GRADE_WORDS && m.grade > WORDING_GRADE_STEPS)
        yaml_warning(p->mistakes, n, "check \"%.*s\": fix: reading grade %.1f is above %.0f", SPAN_ARGS(p->check), m.grade, WORDING_GRADE_STEPS);
    if (n->kind == YAML_SEQUENCE && n->count > STEPS_MOST)
        warn(p, "more than 7 steps");
}

/* A value for all platforms, or one for each. */
static void each_platform(const struct yaml_node *n, struct place *p, void (*lint)(const struct yaml_node *n, struct place *p))
{
    if (n == NULL)
        return;
    if (n->kind != YAML_MAPPING)
        lint(n, p);
    for (size_t i = 0; n->kind == YAML_MAPPING && i < n->count; i++)
        lint(&n->children[i], p);
}

static void lint_saw_of(const struct yaml_node *n, struct place *p)
{
    p->at = n;
    if (n->kind == YAML_SCALAR)
        lint_saw(n->text, p);
}

/* What a person is told of the time that it takes would be a guess of ours. */
static void warn_unsaid(const struct yaml_node *check, struct place *p)
{
    bool minutes = yaml_get(check, "minutes") == NULL, restart = yaml_get(check, "restart") == NULL, admin = yaml_get(check, "needs_admin") == NULL;
    if (yaml_get(check, "use") == NULL && (minutes || restart || admin))
        yaml_warning(p->mistakes, check, "check \"%.*s\" does not say%s%s%s: people are told 5 minutes, no restart, no admin rights", SPAN_ARGS(p->check), minutes ? " minutes" : "", restart ? " restart" : "",
                     admin ? " needs_admin" : "");
}

static void lint_check(const struct yaml_node *check, struct mistakes *mistakes)
{
    const struct yaml_node *id = yaml_get(check, "id"), *use = yaml_get(check, "use"), *name = id != NULL ? id : use;
    struct place p = { mistakes, check, name != NULL && name->kind == YAML_SCALAR && !span_empty(name->text) ? name->text : SPAN_LITERAL("?"), "title" };
    lint_text(yaml_get(check, "title"), WORDING_GRADE, &p);
    p.what = "why";
    lint_text(yaml_get(check, "why"), WORDING_GRADE, &p);
    lint_sentences(yaml_get(check, "why"), &p);
    p.what = "what";
    lint_text(yaml_get(check, "what"), WORDING_GRADE_STEPS, &p);
    lint_sentences(yaml_get(check, "what"), &p);
    p.what = "collects";
    lint_text(yaml_get(check, "collects"), WORDING_GRADE_STEPS, &p);
    p.what = "saw";
    each_platform(yaml_get(check, "saw"), &p, lint_saw_of);
    p.what = "fix";
    each_platform(yaml_get(check, "fix"), &p, lint_steps);
    warn_unsaid(check, &p);
}

/* What people are told a device manager can see and do. */
static void lint_list(const struct yaml_node *list, const char *what, struct mistakes *mistakes)
{
    struct place p = { mistakes, list, SPAN_NONE, what };
    for (size_t i = 0; list != NULL && list->kind == YAML_SEQUENCE && i < list->count; i++)
        lint_text(&list->children[i], WORDING_GRADE_STEPS, &p);
}

void policy_wording_warn(const struct yaml_node *root, struct mistakes *mistakes)
{
    const struct yaml_node *mdm = yaml_get(root, "mdm");
    lint_list(yaml_get(mdm, "sees"), "mdm.sees", mistakes);
    lint_list(yaml_get(mdm, "does"), "mdm.does", mistakes);
    const struct yaml_node *checks = yaml_get(root, "checks");
    for (size_t i = 0; checks != NULL && checks->kind == YAML_SEQUENCE && i < checks->count; i++)
        if (checks->children[i].kind == YAML_MAPPING)
            lint_check(&checks->children[i], mistakes);
}
