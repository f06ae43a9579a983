#include "connectors/notify/slack_signature.h"

#include "posture/base/secret.h"

enum { TIMESTAMP_DIGITS = 12 };

static bool is_hex(struct span s)
{
    for (size_t i = 0; i < s.bytes; i++)
        if (!(s.at[i] >= '0' && s.at[i] <= '9') && !(s.at[i] >= 'a' && s.at[i] <= 'f'))
            return false;
    return true;
}

static bool is_signature(struct span s)
{
    return s.bytes == SLACK_SIGNATURE_BYTES && span_starts(s, SPAN_LITERAL("v0=")) && is_hex(span_slice(s, 3, s.bytes));
}

bool slack_sign(struct span secret, struct span timestamp, struct span body, struct buf *out)
{
    CLEANUP(buf_done) struct buf base;
    uint8_t mac[SECRET_HASH_BYTES];
    char digits[SECRET_HEX_BYTES + 1];
    buf_init(&base, SLACK_BODY_BYTES + 64);
    buf_append_text(&base, "v0:");
    buf_append(&base, timestamp);
    buf_append_byte(&base, ':');
    buf_append(&base, body);
    if (base.failed)
        return false;
    secret_hmac(secret, buf_span(&base), mac);
    secret_hex(mac, sizeof mac, digits);
    return buf_append_text(out, "v0=") && buf_append_text(out, digits);
}

static bool is_made_with(struct span secret, const struct slack_signed *what)
{
    CLEANUP(buf_done) struct buf wanted;
    buf_init(&wanted, SLACK_SIGNATURE_BYTES + 1);
    return !span_empty(secret) && slack_sign(secret, what->timestamp, what->body, &wanted) && span_equal_ct(buf_span(&wanted), what->signature);
}

enum slack_proof slack_prove(const struct slack_signed *what, const struct span secrets[SLACK_SECRETS], int64_t now_s)
{
    uint64_t at_s = 0;
    if (what->timestamp.bytes > TIMESTAMP_DIGITS || !span_to_u64(what->timestamp, &at_s) || !is_signature(what->signature))
        return SLACK_UNSIGNED;
    int64_t apart_s = now_s - (int64_t)at_s; /* 12 digits fit */
    if (apart_s > SLACK_CLOCK_S || apart_s < -SLACK_CLOCK_S)
        return SLACK_STALE;
    bool genuine = false;
    for (size_t i = 0; i < SLACK_SECRETS; i++)
        genuine = is_made_with(secrets[i], what) || genuine;
    return genuine ? SLACK_GENUINE : SLACK_FORGED;
}
