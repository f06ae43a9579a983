/* recheck: "Check again" of both pages: asks the device, and sends the person back to the page that watches it. */
#ifndef GATEWAY_PAGES_RECHECK_H
#define GATEWAY_PAGES_RECHECK_H
#include "gateway/pages/page.h"

struct recheck { struct span device, person; const struct span *checks; size_t count; bool watches; /* the page follows ?checking= */ };
/* Slow lane; not between enter and leave. Never an error page: limits and an outage are words on the page. */
void recheck_answer(struct http_request *r, struct http_response *res, const struct recheck *what);
#endif
