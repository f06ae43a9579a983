/* valve_forms: the buttons of a page that take pressure off (gateway/valves.h), and what becomes of pressing them. Each is a form that posts to
 * <token>/<word>; the page itself then shows what is so. Fields: device, check, and text (a reason, a question). */
#ifndef GATEWAY_PAGES_VALVE_FORMS_H
#define GATEWAY_PAGES_VALVE_FORMS_H
#include "gateway/pages/page.h"
#include "gateway/valves.h"

enum valve_form { FORM_SNOOZE, FORM_ONCE, FORM_WRONG, FORM_EXEMPT, FORM_ASK, FORM_NOT_MINE };

/* What fails on a device, as a form is about it; several: with a choice among them. */
struct valve_about { const struct device *device; const struct standing *const *items; size_t count; };
/* "Remind me tomorrow", with what is left and until when; or that it is in use, or used up. Nothing where it is not offered. */
void valve_write_snooze(const struct page *p, const struct device *d, const struct standing *s);
/* "Continue once" to that app, for this device with all its standings. */
void valve_write_once(const struct page *p, const struct device *d, const struct standing *standings, size_t count, const struct app *app);
/* "This looks wrong", or that it was said. */
void valve_write_wrong(const struct page *p, const struct valve_about *about);
/* "Ask a person", with what was asked lately and how it was answered. `d` may be NULL. */
void valve_write_ask(const struct page *p, const struct device *d);
/* "Not my device". */
void valve_write_not_mine(const struct page *p, const struct device *d);
/* What forms share: the opening tag with the device (NULL: none), the checks to choose from, ids that differ on a page with the form twice. */
void valve_begin_form(const struct page *p, enum valve_form form, const struct device *d);
void valve_write_choice(const struct page *p, enum valve_form form, const struct valve_about *about);
struct span valve_field_id(const struct page *p, enum valve_form form, const struct device *d);

/* Uses the valve and answers 303 to the page. Texts of `use` are good after directory_leave(). Blocks on the store. */
void valve_form_answer(struct http_request *r, struct http_response *res, enum valve_form form, const struct valve_use *use);
#endif
