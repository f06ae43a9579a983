/* fleet: Fleet's REST API (fleetdm.com/docs/rest-api) as one of struct mdm_ops. Its pages are apart from its calls for tests and fuzzing. */
#ifndef CONNECTORS_MDM_FLEET_H
#define CONNECTORS_MDM_FLEET_H
#include "connectors/mdm/mdm_http.h"

enum { FLEET_PAGE = 100 };
/* The answer to GET hosts: {"hosts":[...]}. ERR_INPUT when it is none, or a host has no id. */
MUST_CHECK enum err_code fleet_read_hosts(const struct from_json_value *root, struct arena *arena, struct mdm_page *out, struct err *err);
/* The answer to GET hosts/{id}: {"host":{...}}. */
MUST_CHECK enum err_code fleet_read_host(const struct from_json_value *root, struct arena *arena, struct mdm_device *out, struct err *err);
/* The body of its webhooks: failing policies, vulnerabilities, host status. Ids of the hosts named in it; those beyond MDM_NEWS_MOST are left out. */
MUST_CHECK enum err_code fleet_read_hook(struct span body, struct arena *arena, struct mdm_news *out, struct err *err);

#endif
