#include "connectors/http_line.h"

#include "connectors/http_client_parts.h"

#include <stdlib.h>

struct http_line { struct http_client *client; curl_socket_t descriptor; };

static void set_connect(struct http_client *c, const char *url, int64_t timeout_ms)
{
    http_client_set_common(c);
    curl_easy_setopt(c->easy, CURLOPT_URL, url);
    curl_easy_setopt(c->easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
}

static enum err_code explain(const struct http_client *c, CURLcode result, struct err *err)
{
    if (c->denied)
        return err_set(err, ERR_DENIED, "the address of the receiver is not allowed");
    if (result == CURLE_OUT_OF_MEMORY)
        return err_set(err, ERR_MEMORY, "connecting: memory is short");
    return err_set(err, ERR_UNAVAILABLE, "the receiver is out of reach: %s", http_client_words(c, result));
}

static enum err_code connect_it(struct http_line *l, const char *url, int64_t timeout_ms, struct err *err)
{
    struct http_client *c = l->client;
    set_connect(c, url, timeout_ms);
    CURLcode result = curl_easy_perform(c->easy);
    if (result != CURLE_OK)
        return explain(c, result, err);
    if (curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &l->descriptor) != CURLE_OK || l->descriptor == CURL_SOCKET_BAD)
        return err_set(err, ERR_UNAVAILABLE, "the connection to the receiver is gone");
    return OK;
}

enum err_code http_line_open(const struct http_client_options *options, struct span url, int64_t timeout_ms, struct http_line **out, struct err *err)
{
    char text[HTTP_CLIENT_URL_BYTES];
    struct http_line *l = calloc(1, sizeof *l);
    if (l == NULL)
        return err_set(err, ERR_MEMORY, "a connection");
    enum err_code code = http_client_new(options, &l->client, err);
    if (code == OK)
        code = http_client_read_url(url, options->allow_loopback_http, text, &l->client->plain, err);
    if (code == OK)
        code = connect_it(l, text, timeout_ms, err);
    if (code != OK) {
        http_line_free(l);
        return code;
    }
    *out = l;
    return OK;
}

void http_line_free(struct http_line *l)
{
    if (l == NULL)
        return;
    http_client_free(l->client);
    free(l);
}

enum err_code http_line_send(struct http_line *l, struct span bytes, size_t *sent, struct err *err)
{
    *sent = 0;
    CURLcode result = curl_easy_send(l->client->easy, bytes.at, bytes.bytes, sent);
    if (result == CURLE_OK || result == CURLE_AGAIN)
        return OK;
    return err_set(err, ERR_UNAVAILABLE, "the connection broke: %s", curl_easy_strerror(result));
}

enum err_code http_line_receive(struct http_line *l, char *at, size_t room, size_t *got, struct err *err)
{
    *got = 0;
    CURLcode result = curl_easy_recv(l->client->easy, at, room, got);
    if (result == CURLE_AGAIN)
        return OK;
    if (result != CURLE_OK)
        return err_set(err, ERR_UNAVAILABLE, "the connection broke: %s", curl_easy_strerror(result));
    return *got > 0 ? OK : err_set(err, ERR_GONE, "the peer closed the connection");
}

int http_line_descriptor(const struct http_line *l) { return l->descriptor; }
