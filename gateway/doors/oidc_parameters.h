/* oidc_parameters: the parameters of a request to the OpenID Provider, read into spans by a table. A GET carries them in the query, a POST in its form
 * body; a query on a POST says nothing. Texts are percent-decoded UTF-8 in the request's arena.
 * Sources: RFC 6749 section 3.1 (one without a value counts as left out, none may be given twice), OpenID Connect Core 1.0 section 13. */
#ifndef GATEWAY_DOORS_OIDC_PARAMETERS_H
#define GATEWAY_DOORS_OIDC_PARAMETERS_H
#include "gateway/http/request.h"

struct oidc_parameter {
    const char *name;
    size_t most_bytes;
    size_t offset;              /* of its struct span in `out` */
};
/* Fills the span of every row; one that was not sent is empty. ERR_INPUT (twice, badly encoded, no form) or ERR_LIMIT (too long) for the first row that is
 * at fault; rows after it are not read. */
MUST_CHECK enum err_code oidc_parameters_read(const struct http_request *r, const struct oidc_parameter *rows, size_t count, void *out, struct err *err);

#endif
