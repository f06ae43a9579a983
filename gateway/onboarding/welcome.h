/* welcome: a person's first page (/welcome/{token}, from the greeting, good for days), and the page with the way to the agent (/install/{token}), which holds
 * an enrol secret of theirs: its link is made by a button and works for five minutes. Opening a link changes nothing. */
#ifndef GATEWAY_ONBOARDING_WELCOME_H
#define GATEWAY_ONBOARDING_WELCOME_H
#include "gateway/pages/page.h"

void welcome_get(struct http_request *r, struct http_response *res);       /* GET /welcome/{token} */
void welcome_link(struct http_request *r, struct http_response *res);      /* POST /welcome/{token}/link: the way to the agent */
void welcome_mine(struct http_request *r, struct http_response *res);      /* POST /welcome/{token}/mine: device */
void welcome_not_mine(struct http_request *r, struct http_response *res);  /* POST /welcome/{token}/not-mine: device; it is not offered to them again */
enum route_result install_get(struct http_request *r, struct http_response *res); /* GET /install/{token} */
#endif
