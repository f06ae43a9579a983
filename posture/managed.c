#include "posture/managed.h"

const char *mdm_truth_name(unsigned t)
{
    static const char *const names[] = { "unknown", "no", "yes" };
    return names[t <= MDM_YES ? t : MDM_NOT_SAID];
}

const char *fallback_state_name(unsigned state)
{
    static const char *const names[FALLBACK_STATES] = { "none", "announced", "asked", "acted", "confirmed", "undoing" };
    return names[state < FALLBACK_STATES ? state : FALLBACK_NONE];
}
