/* http_client_parts: what the parts of http_client share. Private to connectors/http_client*.c and http_line.c. */
#ifndef CONNECTORS_HTTP_CLIENT_PARTS_H
#define CONNECTORS_HTTP_CLIENT_PARTS_H
#include "connectors/http_client.h"

#include <curl/curl.h>

enum { HTTP_CLIENT_PATH_BYTES = 1024 };
struct http_cidr { uint8_t net[16]; unsigned bits; int family; };
struct http_client {
    CURL *easy;
    struct http_client_options options; /* its spans are not kept; see below */
    struct http_cidr allow[HTTP_CLIENT_MAX_ALLOW];
    size_t allow_count;
    char ca_file[HTTP_CLIENT_PATH_BYTES];
    char error[CURL_ERROR_SIZE];
    /* Of the call under way: */
    bool plain, denied, withheld;      /* withheld: the caller said that it is too late */
    struct http_reply *reply;
    const struct http_call *call;      /* NULL: a line that stays open (http_line.c) */
};

/* TLS, addresses, limits, the tick: what holds for everything that is sent. */
void http_client_set_common(struct http_client *c);
/* libcurl's words for a failure; they hold no header. */
const char *http_client_words(const struct http_client *c, CURLcode result);
/* The URL as libcurl wants it, when it is one that may be called. *plain: it is http. ERR_INPUT says why not. */
MUST_CHECK enum err_code http_client_read_url(struct span url, bool allow_http, char text[HTTP_CLIENT_URL_BYTES], bool *plain, struct err *err);

#endif
