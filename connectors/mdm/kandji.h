/* kandji: the API of Kandji, now Iru (api-docs.kandji.io), as one of struct mdm_ops. Its pages are apart from its calls for tests and fuzzing. */
#ifndef CONNECTORS_MDM_KANDJI_H
#define CONNECTORS_MDM_KANDJI_H
#include "connectors/mdm/mdm_http.h"

enum { KANDJI_PAGE = 300 };
/* The answer to GET devices: an array. ERR_INPUT when it is none, or a device has no id. */
MUST_CHECK enum err_code kandji_read_devices(const struct from_json_value *root, struct arena *arena, struct mdm_page *out, struct err *err);
/* One device of it, as GET devices/{id} gives it too. */
MUST_CHECK enum err_code kandji_read_device(const struct from_json_value *device, struct arena *arena, struct mdm_device *out, struct err *err);
/* Part of GET devices/{id}/details: FileVault, supervision. Fills what is said there. */
void kandji_read_details(const struct from_json_value *root, struct mdm_device *out);
/* The answer to GET prism/filevault: {"offset":0,"limit":300,"total":1,"data":[...]}; the page is partial. */
MUST_CHECK enum err_code kandji_read_filevault(const struct from_json_value *root, struct arena *arena, struct mdm_page *out, struct err *err);

#endif
