/* check: a rule over facts, with its words for people. Immutable, inside a policy's arena. */
#ifndef POSTURE_CHECK_H
#define POSTURE_CHECK_H
#include "posture/device.h"
#include "posture/expression.h"

enum severity { SEVERITY_MINOR, SEVERITY_NORMAL, SEVERITY_HIGH, SEVERITY_URGENT, SEVERITY_COUNT };
const char *severity_name(enum severity s);
/* How much of what a ladder says is done. The later, the less: of a check's and its ladder's, the later one holds. */
enum rollout_stage { STAGE_ENFORCE,            /* all of it */
             STAGE_NUDGE,              /* messages go out; nothing warns, closes, ends sessions or reaches the MDM */
             STAGE_REPORT,             /* nothing that anybody could notice: it is only worked out and recorded */
             STAGE_COUNT };
const char *stage_name(enum rollout_stage s); /* "enforce", "nudge", "report" */
enum { CHECK_MAX_FIX = 32, CHECK_MAX_NAMES = 64 /* columns, and facts, of one platform */ };

struct check_platform {
    bool applies;                      /* has a statement, or rules over pushed facts alone (then PLATFORM_UNKNOWN too) */
    struct span osquery;               /* SQL; empty for a check over pushed facts only */
    const struct expression *pass, *unknown_if, *in_progress_if; /* the last two may be NULL */
    const struct expression *second;   /* the same question asked of pushed facts, an MDM's: true, false, or nothing known; NULL: nobody else is asked */
    struct span pass_text, unknown_text, in_progress_text, second_text; /* as written, for the pages, explain and the canonical form */
    struct span saw;                   /* template with {column} and {rows}; may be empty */
    const struct span *fix; size_t fix_count;
    const struct span *columns; size_t column_count; /* columns the rules and `saw` name, ascending: all that is kept of a row */
    const struct span *facts; size_t fact_count;     /* pushed facts the rules name, ascending */
};
struct check {
    struct span id, title, what, why, collects;
    struct span title_json;            /* title and severity, as to_json_members() takes them */
    struct span version;               /* first 8 hex digits of SHA-256 over what decides a verdict (SQL, pass, unknown_if, in_progress_if, second_source) */
    enum severity severity;
    enum rollout_stage stage;
    unsigned minutes;
    bool needs_admin, restart;
    bool hard;                         /* no snooze, and no continuing once past it */
    bool snooze;                       /* may be put off, where the ladder has a budget for it */
    bool exemptions;                   /* somebody may be exempted from it */
    int64_t interval_s, fresh_for_s;
    struct check_platform on[PLATFORM_COUNT];
};
/* Its rules read pushed facts and no statement's rows there. */
bool check_facts_only(const struct check_platform *on);

#endif
