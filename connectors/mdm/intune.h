/* intune: Microsoft Intune through Graph v1.0 (learn.microsoft.com/graph/api/resources/intune-devices-manageddevice) as one of struct mdm_ops: read only, by
 * polling; managed devices have neither a delta query nor change notifications. Its pages are apart from its calls for tests and fuzzing. */
#ifndef CONNECTORS_MDM_INTUNE_H
#define CONNECTORS_MDM_INTUNE_H
#include "connectors/mdm/mdm_http.h"

/* The answer to GET managedDevices: {"value":[...],"@odata.nextLink":"..."}. *next is borrowed from the document; empty: the last page. ERR_INPUT when it is none,
 * a device has no id, or the link is no text. */
MUST_CHECK enum err_code intune_read_devices(const struct from_json_value *root, struct arena *arena, struct mdm_page *out, struct span *next, struct err *err);
/* One device of it, as GET managedDevices/{id} gives it too. */
MUST_CHECK enum err_code intune_read_device(const struct from_json_value *device, struct arena *arena, struct mdm_device *out, struct err *err);
/* Whether a next link leads on in the same list: below `base` + its path, and not to itself. */
bool intune_leads_on(struct span base, struct span now, struct span next);

#endif
