/* problem: the only place where an error becomes an HTTP status and a body.
 * Everyone gets RFC 9457 problem+json {type,title,status,detail,instance=request id}; agent routes get {"error":...} (osqueryd judges bodies,
 * docs/agents.md); pages get a plain page in the person's words. */
#ifndef GATEWAY_HTTP_PROBLEM_H
#define GATEWAY_HTTP_PROBLEM_H
#include "gateway/http/request.h"
#include "gateway/http/response.h"

enum problem_style { PROBLEM_JSON, PROBLEM_AGENT, PROBLEM_PAGE };
int problem_status(enum err_code code);
/* Replaces whatever the response held. 5xx details stay in the log: `err`'s text is sent only for 4xx. Sets Retry-After for 503 and 429. */
void problem_answer(const struct http_request *r, struct http_response *res, enum problem_style style, const struct err *err);
void problem_status_answer(const struct http_request *r, struct http_response *res, enum problem_style style, int status, const char *detail);

#endif
