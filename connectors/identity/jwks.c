#include "connectors/identity/jwks.h"

enum { DISCOVERY_DEPTH = 8 };

static enum err_code get(struct http_client *client, struct span url, size_t most_bytes, struct http_reply *reply, struct err *err)
{
    const struct http_field accept = { "Accept", SPAN_LITERAL("application/json") };
    const struct http_call call = { .method = "GET", .url = url, .fields = &accept, .field_count = 1, .timeout_ms = JWKS_CALL_MS, .most_bytes = most_bytes, .reuse = true };
    enum err_code code = http_client_call(client, &call, reply, err);
    if (code != OK)
        return err_wrap(err, "GET %.*s", SPAN_ARGS(url));
    if (reply->status == 200)
        return OK;
    long status = reply->status;
    http_reply_done(reply);
    return err_set(err, status >= 500 || status == 429 ? ERR_UNAVAILABLE : ERR_PROTOCOL, "GET %.*s was answered with %ld", SPAN_ARGS(url), status);
}

enum err_code jwks_uri_from_discovery(struct span document, struct span issuer, struct buf *uri, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct span said = SPAN_NONE, found = SPAN_NONE;
    enum err_code code = from_json_parse(document, (struct from_json_limits){ JWKS_DISCOVERY_BYTES, DISCOVERY_DEPTH }, "the discovery document", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), iss = from_json_member(&root, "issuer"), set = from_json_member(&root, "jwks_uri");
    code = from_json_text(&iss, HTTP_CLIENT_URL_BYTES, &said, err);
    if (code == OK && !span_empty(issuer) && !span_equal(said, issuer))
        code = err_set(err, ERR_INPUT, "the discovery document is that of another issuer: %.*s", SPAN_ARGS(said));
    if (code == OK)
        code = from_json_text(&set, HTTP_CLIENT_URL_BYTES, &found, err);
    if (code == OK && !buf_append(uri, found))
        code = err_set(err, ERR_MEMORY, "a discovery document");
    return code;
}

static enum err_code find_uri(struct http_client *client, const struct jwks_source *source, struct buf *uri, struct err *err)
{
    struct http_reply reply;
    if (!span_empty(source->jwks_uri))
        return buf_append(uri, source->jwks_uri) ? OK : err_set(err, ERR_MEMORY, "a key set");
    enum err_code code = get(client, source->discovery, JWKS_DISCOVERY_BYTES, &reply, err);
    if (code != OK)
        return code;
    code = jwks_uri_from_discovery(buf_span(&reply.body), source->issuer, uri, err);
    http_reply_done(&reply);
    return code == OK ? OK : err_wrap(err, "GET %.*s", SPAN_ARGS(source->discovery));
}

enum err_code jwks_fetch(struct http_client *client, const struct jwks_source *source, struct jose_keys **out, struct err *err)
{
    CLEANUP(buf_done) struct buf uri;
    struct http_reply reply;
    buf_init(&uri, HTTP_CLIENT_URL_BYTES);
    enum err_code code = find_uri(client, source, &uri, err);
    if (code == OK)
        code = get(client, buf_span(&uri), JOSE_SET_BYTES, &reply, err);
    if (code != OK)
        return code;
    code = jose_keys_read(buf_span(&reply.body), out, err);
    http_reply_done(&reply);
    return code == OK || code == ERR_MEMORY ? code : err_wrap(err, "the keys of %.*s", SPAN_ARGS(buf_span(&uri)));
}
