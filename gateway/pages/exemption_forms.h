/* exemption_forms: asking for an exemption on a page, what came of it, and deciding those of others. Fields of asking: device, check, text (why), until (a day,
 * may be empty) and measure; of deciding: exemption, text and until. */
#ifndef GATEWAY_PAGES_EXEMPTION_FORMS_H
#define GATEWAY_PAGES_EXEMPTION_FORMS_H
#include "gateway/pages/valve_forms.h"

/* "Ask for an exemption", that it was asked for, or how the last one was answered. Nothing where the policy allows none. */
void exemption_write_ask(const struct page *p, const struct valve_about *about);
/* What was agreed about a check that is on the page. */
void exemption_write_held(const struct page *p, const struct standing *s);
/* Uses the valve with the form's further fields. ERR_LIMIT: its day does not do. */
MUST_CHECK enum err_code exemption_form_ask(struct http_request *r, const struct valve_use *use, struct valve_result *out, struct err *err);

/* "Waiting for your decision": nothing for somebody who decides nothing. Mixes what it shows into the page's mark. */
void exemption_write_decide(const struct page *p);
uint64_t exemption_decide_mark(const struct page *p, uint64_t mark);
/* POST /me/{token}/approve and /decline. */
route_slow_fn me_approve, me_decline;
#endif
