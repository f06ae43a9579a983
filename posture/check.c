#include "posture/check.h"

const char *severity_name(enum severity s)
{
    static const char *const names[SEVERITY_COUNT] = { "minor", "normal", "high", "urgent" };
    return s < SEVERITY_COUNT ? names[s] : "unknown";
}

const char *stage_name(enum rollout_stage s)
{
    static const char *const names[STAGE_COUNT] = { "enforce", "nudge", "report" };
    return s < STAGE_COUNT ? names[s] : "unknown";
}

bool check_facts_only(const struct check_platform *on)
{
    return on->applies && span_empty(on->osquery);
}
