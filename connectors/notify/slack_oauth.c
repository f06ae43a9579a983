/* Token rotation. Source: docs.slack.dev/authentication/using-token-rotation. */
#include "connectors/notify/slack_call.h"

#include "posture/base/secret.h"

#include <string.h>

enum { LIFETIME_MOST_S = 31 * 86400, CREDENTIALS_BYTES = 2048 };

/* RFC 6749 section 2.3.1: both are form-encoded before they are joined. */
static bool write_basic(const struct slack_client *client, struct buf *out)
{
    CLEANUP(buf_done) struct buf pair;
    buf_init(&pair, CREDENTIALS_BYTES);
    bool good = http_client_encode(client->id, &pair) && buf_append_byte(&pair, ':') && http_client_encode(client->secret, &pair) && buf_append_text(out, "Basic ")
             && secret_base64(buf_span(&pair), out);
    if (pair.bytes > 0)
        secret_wipe(pair.at, pair.bytes);
    return good;
}

static bool copy_token(struct span from, char to[SLACK_TOKEN_MOST + 1])
{
    if (from.bytes == 0 || from.bytes > SLACK_TOKEN_MOST)
        return false;
    memcpy(to, from.at, from.bytes);
    to[from.bytes] = '\0';
    return true;
}

static bool read_tokens(const struct from_json_value *root, struct slack_tokens *out)
{
    struct from_json_value lifetime = from_json_member(root, "expires_in");
    struct err ignored;
    return copy_token(slack_text_at(root, "access_token"), out->access) && copy_token(slack_text_at(root, "refresh_token"), out->refresh)
        && from_json_int(&lifetime, 60, LIFETIME_MOST_S, &out->lifetime_s, &ignored) == OK;
}

struct slack_result slack_refresh(struct slack *s, const struct slack_client *client, struct span refresh, struct slack_tokens *out)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    CLEANUP(buf_done) struct buf body, basic;
    buf_init(&body, CREDENTIALS_BYTES);
    buf_init(&basic, 2 * CREDENTIALS_BYTES);
    buf_append_text(&body, "grant_type=refresh_token&refresh_token=");
    if (!http_client_encode(refresh, &body) || !write_basic(client, &basic))
        return slack_end(SLACK_STOPPED, "client_not_usable");
    struct slack_result r = slack_call(s, &(struct slack_call){ .method = "oauth.v2.access", .body = buf_span(&body), .basic = buf_span(&basic), .writes = true }, &doc);
    secret_wipe(body.at, body.bytes);
    secret_wipe(basic.at, basic.bytes);
    if (r.outcome != SLACK_DONE)
        return r;
    struct from_json_value root = from_json_root(doc);
    return read_tokens(&root, out) ? r : slack_end(SLACK_AMBIGUOUS, "unreadable_answer");
}
