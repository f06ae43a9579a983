#include "posture/check.h"

const char *severity_name(enum severity s)
{
    static const char *const names[SEVERITY_COUNT] = { "minor", "normal", "high", "urgent" };
    return s < SEVERITY_COUNT ? names[s] : "unknown";
}

bool check_facts_only(const struct check_platform *on)
{
    return on->applies && span_empty(on->osquery);
}
