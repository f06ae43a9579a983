/* me: a person's own page: what to fix first, their devices, what is open, and what is collected. Opened by a sealed link. */
#ifndef GATEWAY_PAGES_ME_H
#define GATEWAY_PAGES_ME_H
#include "gateway/pages/page.h"

/* Opens the link: fills the page for its person. False: answered already. Between directory_enter() and directory_leave(). */
bool me_open(struct http_request *r, struct http_response *res, struct page *p);

/* Opens the link of a form; false: answered. On success `person` is copied and, with `device`, the person's device that the form names. */
bool me_open_form(struct http_request *r, struct http_response *res, struct span *person, struct span *device);

enum route_result me_front(struct http_request *r, struct http_response *res); /* GET /me */
enum route_result me_get(struct http_request *r, struct http_response *res);
/* The rest of what it shows. */
void me_write_add(const struct page *p);

void me_recheck(struct http_request *r, struct http_response *res);
void me_claim(struct http_request *r, struct http_response *res);
route_slow_fn me_not_mine, me_snooze, me_wrong, me_exempt, me_ask;
/* GET /me/{token}/data: from the policy in force and the person's own records, so it cannot drift from what is done. */
void me_data(struct http_request *r, struct http_response *res);
#endif
