#include "connectors/notify/webhook.h"

#include "posture/base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_MOST = 48, STAMP_BYTES = 24, BODY_MOST = 1024 * 1024 };

struct webhook {
    struct http_client *http;
    char url[HTTP_CLIENT_URL_BYTES];
    char secrets[2][WEBHOOK_SECRET_BYTES];
    size_t secret_bytes[2];
};

bool webhook_wants(const struct span *events, size_t count, struct span type)
{
    for (size_t i = 0; i < count; i++) {
        struct span want = events[i];
        bool prefix = span_ends(want, SPAN_LITERAL("*"));
        if (prefix ? span_starts(type, span_slice(want, 0, want.bytes - 1)) : span_equal(type, want))
            return true;
    }
    return count == 0 && !span_equal_text(type, "device.seen");
}

static void append_mac(struct span secret, struct span signed_text, char *out, size_t room)
{
    uint8_t mac[SECRET_HASH_BYTES];
    char hex[SECRET_HEX_BYTES + 1];
    size_t used = strlen(out);
    secret_hmac(secret, signed_text, mac);
    secret_hex(mac, sizeof mac, hex);
    snprintf(out + used, room - used, ",v1=%s", hex);
}

void webhook_sign(const struct span secrets[2], int64_t now_s, struct span body, char out[WEBHOOK_SIGNATURE_BYTES])
{
    struct buf text;
    buf_init(&text, BODY_MOST + STAMP_BYTES);
    buf_append_i64(&text, now_s);
    buf_append_byte(&text, '.');
    buf_append(&text, body);
    snprintf(out, WEBHOOK_SIGNATURE_BYTES, "t=%lld", (long long)now_s);
    for (size_t i = 0; i < 2; i++)
        if (!text.failed && secrets[i].bytes > 0)
            append_mac(secrets[i], buf_span(&text), out, WEBHOOK_SIGNATURE_BYTES);
    buf_done(&text);
}

static bool is_id(struct span id)
{
    for (size_t i = 0; i < id.bytes; i++)
        if (!((id.at[i] >= 'a' && id.at[i] <= 'z') || (id.at[i] >= '0' && id.at[i] <= '9') || id.at[i] == '-'))
            return false;
    return id.bytes > 0 && id.bytes <= ID_MOST;
}

static enum err_code check_options(const struct webhook_options *o, const struct http_client_options *http, struct err *err)
{
    if (!is_id(o->id))
        return err_set(err, ERR_INPUT, "webhook id \"%.*s\" must be 1 to %d of a-z, 0-9 and -", SPAN_ARGS(o->id), ID_MOST);
    for (size_t i = 0; i < 2; i++) {
        bool absent = i == 1 && o->secrets[i].bytes == 0;
        if (!absent && (o->secrets[i].bytes < WEBHOOK_MIN_SECRET_BYTES || o->secrets[i].bytes > WEBHOOK_SECRET_BYTES))
            return err_set(err, ERR_INPUT, "webhook %.*s: a secret must have %d to %d bytes", SPAN_ARGS(o->id), WEBHOOK_MIN_SECRET_BYTES, WEBHOOK_SECRET_BYTES);
    }
    if (http_client_check_url(http, o->url, err) != OK)
        return err_wrap(err, "webhook %.*s", SPAN_ARGS(o->id));
    return OK;
}

enum err_code webhook_new(const struct webhook_options *o, struct webhook **out, struct err *err)
{
    struct http_client_options http = { .allow_loopback_http = o->allow_private, .allow_private = o->allow_private, .allow = o->allow, .allow_count = o->allow_count,
                                        .ca_file = o->ca_file, .tick = o->tick, .tick_context = o->tick_context };
    enum err_code code = check_options(o, &http, err);
    if (code != OK)
        return code;
    struct webhook *w = calloc(1, sizeof *w);
    if (w == NULL)
        return err_set(err, ERR_MEMORY, "webhook %.*s", SPAN_ARGS(o->id));
    memcpy(w->url, o->url.at, o->url.bytes);
    for (size_t i = 0; i < 2; i++) {
        if (o->secrets[i].bytes > 0)
            memcpy(w->secrets[i], o->secrets[i].at, o->secrets[i].bytes);
        w->secret_bytes[i] = o->secrets[i].bytes;
    }
    code = http_client_new(&http, &w->http, err);
    if (code != OK) {
        webhook_free(w);
        return err_wrap(err, "webhook %.*s", SPAN_ARGS(o->id));
    }
    *out = w;
    return OK;
}

void webhook_free(struct webhook *w)
{
    if (w == NULL)
        return;
    http_client_free(w->http);
    secret_free(w, sizeof *w);
}

static struct webhook_result say(enum webhook_outcome outcome, bool away, const char *error)
{
    struct webhook_result r = { outcome, away, -1, { 0 } };
    snprintf(r.error, sizeof r.error, "%s", error);
    return r;
}

/* Everything but 2xx and 410 is tried again: a receiver that is being repaired must lose nothing. */
static struct webhook_result judge(const struct http_reply *reply)
{
    char words[48];
    if (reply->status >= 200 && reply->status < 300)
        return say(WEBHOOK_DONE, false, "");
    if (reply->status == 410)
        return say(WEBHOOK_GONE, true, "410: the receiver wants nothing more");
    snprintf(words, sizeof words, "answered %ld", reply->status);
    struct webhook_result r = say(WEBHOOK_LATER, reply->status == 429 || reply->status == 503 || reply->status == 502 || reply->status == 504, words);
    r.retry_after_s = reply->retry_after_s;
    return r;
}

struct webhook_result webhook_send(struct webhook *w, struct span event_id, struct span body, int64_t now_s)
{
    char signature[WEBHOOK_SIGNATURE_BYTES];
    struct err err;
    struct http_reply reply = { 0 };
    const struct span secrets[2] = { span_make(w->secrets[0], w->secret_bytes[0]), span_make(w->secrets[1], w->secret_bytes[1]) };
    webhook_sign(secrets, now_s, body, signature);
    const struct http_field fields[] = {
        { "Content-Type", SPAN_LITERAL("application/json; charset=utf-8") }, { "Postern-Event", event_id }, { "Postern-Signature", span_of(signature) } };
    const struct http_call call = { .method = "POST", .url = span_of(w->url), .fields = fields, .field_count = 3, .body = body,
                                    .timeout_ms = WEBHOOK_CALL_MS, .most_bytes = WEBHOOK_ANSWER_BYTES, .reuse = true };
    enum err_code code = http_client_call(w->http, &call, &reply, &err);
    if (code == ERR_LIMIT) /* it was handled there, and what it says beyond the bound is of no use */
        return say(WEBHOOK_LATER, false, "answered with more than 64 KiB");
    if (code != OK)
        return say(WEBHOOK_LATER, true, code == ERR_DENIED ? "the address is not allowed" : code == ERR_AMBIGUOUS ? "no complete answer" : "out of reach");
    struct webhook_result r = judge(&reply);
    http_reply_done(&reply);
    return r;
}
