/* The device managers that are compiled in. */
#include "connectors/mdm/mdm.h"

static const struct mdm_ops *const vendors[MDM_KINDS] = {
    [MDM_FLEET] = &mdm_fleet, [MDM_KANDJI] = &mdm_kandji, [MDM_NANOMDM] = &mdm_nanomdm,
    [MDM_JAMF] = &mdm_jamf, [MDM_INTUNE] = &mdm_intune,
};
static const char *const names[MDM_KINDS] = { [MDM_FLEET] = "fleet", [MDM_KANDJI] = "kandji", [MDM_NANOMDM] = "nanomdm", [MDM_JAMF] = "jamf", [MDM_INTUNE] = "intune" };

const struct mdm_ops *mdm_vendor(enum mdm_kind kind) { return (unsigned)kind < MDM_KINDS ? vendors[kind] : NULL; }
const char *mdm_kind_name(enum mdm_kind kind) { return (unsigned)kind < MDM_KINDS ? names[kind] : "unknown"; }

bool mdm_kind_from(struct span name, enum mdm_kind *kind)
{
    if (span_equal_text(name, "iru"))
        name = SPAN_LITERAL("kandji");
    for (unsigned i = 0; i < MDM_KINDS; i++)
        if (span_equal_text(name, names[i]))
            return *kind = (enum mdm_kind)i, true;
    return false;
}
