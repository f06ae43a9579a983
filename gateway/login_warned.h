/* login_warned: a warn page is shown at most once per period (door.warn_every): the person record remembers when it was read. */
#ifndef GATEWAY_LOGIN_WARNED_H
#define GATEWAY_LOGIN_WARNED_H
#include "gateway/login.h"

/* Between enter and leave. `device` NULL: a warning about no known device. */
bool login_warned_lately(const struct node *node, const struct question *q, const struct device *device, int64_t now_s, int64_t every_s);
/* Commits it (event person.warned). With the store away it is forgotten: the page is shown once more than it had to be. */
void login_warned_remember(struct http_request *r, const struct login *l, const struct login_result *result);

#endif
