/* posture_view: one device's posture as JSON, as /v1/posture, the administration API and the command line show it. */
#ifndef GATEWAY_API_POSTURE_VIEW_H
#define GATEWAY_API_POSTURE_VIEW_H
#include "gateway/http/request.h"
#include "gateway/node.h"

struct posture_view { int64_t max_age_s; /* older results count as unknown; 0: no demand */ bool with_words; /* title, what, why, fix */ bool with_owner_email; /* administration only */ };
/* Writes the members of a device's posture into an open object. Its verdict is "pass" when nothing fails and something passed, "fail", or "unknown" when nothing is
 * known well enough. Between directory_enter_results() and directory_leave_results(), or what says more. */
void posture_write_device(const struct http_request *r, const struct device *d, const struct posture_view *view, struct to_json *w);
#endif
