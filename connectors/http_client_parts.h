/* http_client_parts: what the parts of http_client share. Private to connectors/http_client*.c. */
#ifndef CONNECTORS_HTTP_CLIENT_PARTS_H
#define CONNECTORS_HTTP_CLIENT_PARTS_H
#include "connectors/http_client.h"

/* The URL as libcurl wants it, when it is one that may be called. *plain: it is http. ERR_INPUT says why not. */
MUST_CHECK enum err_code http_client_read_url(struct span url, bool allow_http, char text[HTTP_CLIENT_URL_BYTES], bool *plain, struct err *err);

#endif
