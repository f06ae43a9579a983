/* Which URLs are called, how values get into one, and dates. */
#include "connectors/http_client_parts.h"

#include <curl/curl.h>
#include <string.h>

static char *url_part(CURLU *u, CURLUPart part)
{
    char *text = NULL;
    return curl_url_get(u, part, &text, 0) == CURLUE_OK ? text : NULL;
}

static enum err_code judge_url(CURLU *u, bool allow_http, bool *plain, struct err *err)
{
    char *scheme = url_part(u, CURLUPART_SCHEME), *user = url_part(u, CURLUPART_USER), *password = url_part(u, CURLUPART_PASSWORD);
    char *fragment = url_part(u, CURLUPART_FRAGMENT);
    enum err_code code = OK;
    *plain = scheme != NULL && strcmp(scheme, "http") == 0;
    if (scheme == NULL || (!*plain && strcmp(scheme, "https") != 0))
        code = err_set(err, ERR_INPUT, "a URL to call must begin with https://");
    else if (*plain && !allow_http)
        code = err_set(err, ERR_INPUT, "plain http is allowed to this machine only, and only where the options say so: use https://");
    else if (user != NULL || password != NULL)
        code = err_set(err, ERR_INPUT, "a URL to call must not hold a user or password");
    else if (fragment != NULL)
        code = err_set(err, ERR_INPUT, "a URL to call must not have a #fragment");
    curl_free(scheme);
    curl_free(user);
    curl_free(password);
    curl_free(fragment);
    return code;
}

enum err_code http_client_read_url(struct span url, bool allow_http, char text[HTTP_CLIENT_URL_BYTES], bool *plain, struct err *err)
{
    if (url.bytes == 0 || url.bytes >= HTTP_CLIENT_URL_BYTES || memchr(url.at, '\0', url.bytes) != NULL)
        return err_set(err, ERR_INPUT, "a URL to call must have 1 to %d bytes and no NUL", HTTP_CLIENT_URL_BYTES - 1);
    memcpy(text, url.at, url.bytes);
    text[url.bytes] = '\0';
    CURLU *u = curl_url();
    if (u == NULL)
        return err_set(err, ERR_MEMORY, "a URL");
    CURLUcode parsed = curl_url_set(u, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
    enum err_code code = parsed == CURLUE_OK ? judge_url(u, allow_http, plain, err)
                                             : err_set(err, ERR_INPUT, "a URL to call is malformed: %s", curl_url_strerror(parsed));
    curl_url_cleanup(u);
    return code;
}

enum err_code http_client_check_url(const struct http_client_options *options, struct span url, struct err *err)
{
    char text[HTTP_CLIENT_URL_BYTES];
    bool plain = false;
    return http_client_read_url(url, options->allow_loopback_http, text, &plain, err);
}

bool http_client_encode(struct span value, struct buf *out)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < value.bytes; i++) {
        unsigned char byte = (unsigned char)value.at[i];
        bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
        if (plain)
            buf_append_byte(out, (char)byte);
        else
            buf_append(out, span_make((const char[]){ '%', hex[byte >> 4], hex[byte & 15] }, 3));
    }
    return !out->failed;
}

bool http_client_date(struct span text, int64_t *wall_s)
{
    enum { DATE_BYTES = 64 };
    char date[DATE_BYTES];
    if (text.bytes == 0 || text.bytes >= DATE_BYTES || memchr(text.at, '\0', text.bytes) != NULL)
        return false;
    memcpy(date, text.at, text.bytes);
    date[text.bytes] = '\0';
    time_t seconds = curl_getdate(date, NULL);
    *wall_s = (int64_t)seconds;
    return seconds != -1;
}
