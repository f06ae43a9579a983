/* Rungs that are well written one by one and contradict each other: read after everything else, as they also depend on the hours and channels of messages. */
#include "posture/base/clock.h"
#include "posture/policy_reader.h"

/* What is refused in a new text, and only told of one that was published before there was this rule: the policy in force stays readable. */
#define CONTRADICTION(r, at, ...) ((r)->published ? yaml_warning((r)->mistakes, at, __VA_ARGS__) : yaml_mistake((r)->mistakes, at, __VA_ARGS__))

static const struct yaml_node *at_key(const struct yaml_node *n, const char *key) { return yaml_get(n, key) != NULL ? yaml_get(n, key) : n; }

static void report_sessions(struct policy_reader *r, const struct yaml_node *n, const struct rung *rung)
{
    if (rung->end_sessions && rung->close == 0)
        CONTRADICTION(r, at_key(n, "end_sessions"), "rung \"%.*s\" ends sessions and closes nothing: people would sign in again at once; give it close, or take end_sessions away",
                      SPAN_ARGS(rung->id));
}

/* A manager is the last means: what is closed is closed before. */
static void report_fallback(struct policy_reader *r, const struct yaml_node *rungs, const struct ladder *ladder)
{
    const struct rung *fallback = NULL;
    for (size_t i = 0; i < ladder->rung_count; i++) {
        const struct rung *rung = &ladder->rungs[i];
        unsigned before = i == 0 ? 0 : ladder->rungs[i - 1].close;
        if (fallback != NULL && (rung->close & ~before) != 0)
            CONTRADICTION(r, at_key(&rungs->children[i], "close"), "rung \"%.*s\" closes more after \"%.*s\" gave the device to a manager: the fallback comes last; move it behind",
                          SPAN_ARGS(rung->id), SPAN_ARGS(fallback->id));
        if (fallback == NULL && !span_empty(rung->mdm))
            fallback = rung;
    }
    if (fallback != NULL && ladder->rungs[ladder->rung_count - 1].close == 0)
        yaml_warning(r->mistakes, rungs, "rung \"%.*s\" gives the device to a manager, and nothing was closed before", SPAN_ARGS(fallback->id));
}

/* Classes ascend: who may not open the lesser app should not open the greater one. */
static void report_order(struct policy_reader *r, const struct yaml_node *n, const struct rung *rung)
{
    size_t lowest = 0;
    while (lowest < r->policy->sensitivity_count && (rung->close & 1U << lowest) == 0)
        lowest++;
    for (size_t i = lowest + 1; i < r->policy->sensitivity_count; i++)
        if ((rung->close & 1U << i) == 0) {
            yaml_warning(r->mistakes, at_key(n, "close"), "rung \"%.*s\" closes %.*s and leaves %.*s open, which is more sensitive", SPAN_ARGS(rung->id),
                         SPAN_ARGS(r->policy->sensitivities[lowest]), SPAN_ARGS(r->policy->sensitivities[i]));
            return;
        }
}

/* A date that cannot be kept: the messages that have to go before take longer, or the first of them has to be older. */
static void report_too_soon(struct policy_reader *r, const struct yaml_node *rungs, const struct ladder *ladder)
{
    char after[CLOCK_TEXT_BYTES], least[CLOCK_TEXT_BYTES];
    size_t i = 0;
    while (i < ladder->rung_count && ladder->rungs[i].close == 0)
        i++;
    if (i == 0 || i == ladder->rung_count)
        return;
    const struct rung *rung = &ladder->rungs[i];
    int64_t notices_s = (int64_t)(ladder->notices_before_close - 1) * r->policy->nudges.apart_s;
    bool urgent_only = ladder->severities == 1U << SEVERITY_URGENT; /* an hour is enough for those */
    if (r->policy->nudges.channel_count > 0 && rung->after_s < notices_s)
        yaml_warning(r->mistakes, at_key(&rungs->children[i], "after"), "rung \"%.*s\" closes after %s, but %u messages that lie %s apart have to go before: it comes later",
                     SPAN_ARGS(rung->id), duration_text(rung->after_s, after), ladder->notices_before_close, duration_text(r->policy->nudges.apart_s, least));
    else if (!urgent_only && rung->after_s < ladder->rise.notice_before_s)
        yaml_warning(r->mistakes, at_key(&rungs->children[i], "after"), "rung \"%.*s\" closes after %s, but rise.notice_before wants %s since the first message: it comes later",
                     SPAN_ARGS(rung->id), duration_text(rung->after_s, after), duration_text(ladder->rise.notice_before_s, least));
}

static void report_ladder(struct policy_reader *r, const struct yaml_node *rungs, const struct ladder *ladder)
{
    unsigned before = 0;
    for (size_t i = 0; i < ladder->rung_count; i++) {
        report_sessions(r, &rungs->children[i], &ladder->rungs[i]);
        if (ladder->rungs[i].close != before)
            report_order(r, &rungs->children[i], &ladder->rungs[i]);
        before = ladder->rungs[i].close;
    }
    report_fallback(r, rungs, ladder);
    report_too_soon(r, rungs, ladder);
}

void policy_contradictions_report(struct policy_reader *r, const struct yaml_node *ladders)
{
    for (size_t i = 0; i < r->policy->ladder_count; i++) {
        const struct yaml_node *rungs = yaml_get(&ladders->children[i], "rungs");
        if (rungs != NULL && r->policy->ladders[i].rung_count > 0)
            report_ladder(r, rungs, &r->policy->ladders[i]);
    }
}
