/* jamf: Jamf Pro's API (developer.jamf.com/jamf-pro) as one of struct mdm_ops: read, and heard by webhook. Its pages are apart from its calls for tests and fuzzing. */
#ifndef CONNECTORS_MDM_JAMF_H
#define CONNECTORS_MDM_JAMF_H
#include "connectors/mdm/mdm_http.h"

enum { JAMF_PAGE = 200 };
/* The answer to GET computers-inventory: {"totalCount":1,"results":[...]}. ERR_INPUT when it is none, or a computer has no id. */
MUST_CHECK enum err_code jamf_read_computers(const struct from_json_value *root, struct arena *arena, struct mdm_page *out, struct err *err);
/* One computer of it, as GET computers-inventory/{id} gives it too. */
MUST_CHECK enum err_code jamf_read_computer(const struct from_json_value *computer, struct arena *arena, struct mdm_device *out, struct err *err);
/* The body of a webhook, {"webhook":{...},"event":{...}}: which computers it is about; events of mobile devices name none. */
MUST_CHECK enum err_code jamf_read_hook(struct span body, struct arena *arena, struct mdm_news *out, struct err *err);

#endif
