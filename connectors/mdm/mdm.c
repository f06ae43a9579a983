#include "connectors/mdm/mdm.h"

#include <stdarg.h>
#include <stdio.h>

/* What each kind cannot do without. */
struct needs { bool client, tenant_url; const char *secret; };
static const struct needs needs[MDM_KINDS] = {
    [MDM_FLEET] = { .secret = "the API token of an API-only user" },
    [MDM_KANDJI] = { .secret = "an API token" },
    [MDM_NANOMDM] = { .secret = "the API key (-api)" },
    [MDM_JAMF] = { .client = true, .secret = "the client secret of an API client" },
    [MDM_INTUNE] = { .client = true, .tenant_url = true, .secret = "the client secret of an app registration" },
};

struct mdm_result mdm_say(enum mdm_outcome outcome, const char *format, ...)
{
    struct mdm_result r = { .outcome = outcome, .retry_after_s = -1 };
    va_list words;
    va_start(words, format);
    vsnprintf(r.error, sizeof r.error, format, words);
    va_end(words);
    return r;
}

static bool is_id(struct span id)
{
    for (size_t i = 0; i < id.bytes; i++)
        if (!((id.at[i] >= 'a' && id.at[i] <= 'z') || (id.at[i] >= '0' && id.at[i] <= '9') || id.at[i] == '-'))
            return false;
    return id.bytes > 0 && id.bytes <= MDM_ID_BYTES;
}

static enum err_code check_urls(const struct mdm_options *o, struct err *err)
{
    const struct http_client_options http = { .allow_loopback_http = o->allow_loopback_http };
    const struct { const char *name; struct span url; bool needed; } urls[] = {
        { "url", o->url, true }, { "token_url", o->token_url, needs[o->kind].tenant_url }, { "invitation", o->invitation, false } };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        if (span_empty(urls[i].url) && !urls[i].needed)
            continue;
        if (http_client_check_url(&http, urls[i].url, err) != OK)
            return err_wrap(err, "mdm %.*s: %s", SPAN_ARGS(o->id), urls[i].name);
    }
    return OK;
}

static enum err_code check_secrets(const struct mdm_options *o, struct err *err)
{
    if (span_empty(o->secret))
        return err_set(err, ERR_INPUT, "mdm %.*s: secret is missing: %s", SPAN_ARGS(o->id), needs[o->kind].secret);
    if (needs[o->kind].client && span_empty(o->client))
        return err_set(err, ERR_INPUT, "mdm %.*s: client is missing: the client id that belongs to the secret", SPAN_ARGS(o->id));
    for (size_t i = 0; i < 2; i++)
        if (o->hook_secrets[i].bytes > 0 && o->hook_secrets[i].bytes < MDM_MIN_HOOK_SECRET_BYTES)
            return err_set(err, ERR_INPUT, "mdm %.*s: a webhook secret must have at least %d bytes", SPAN_ARGS(o->id), MDM_MIN_HOOK_SECRET_BYTES);
    return OK;
}

enum err_code mdm_options_check(const struct mdm_options *o, struct err *err)
{
    if (!is_id(o->id))
        return err_set(err, ERR_INPUT, "mdm id \"%.*s\" must be 1 to %d of a-z, 0-9 and -", SPAN_ARGS(o->id), MDM_ID_BYTES);
    if (mdm_vendor(o->kind) == NULL)
        return err_set(err, ERR_INPUT, "mdm %.*s: there is no connector for %s", SPAN_ARGS(o->id), mdm_kind_name(o->kind));
    if (span_empty(o->strict) != span_empty(o->strict_profile) && o->kind == MDM_NANOMDM)
        return err_set(err, ERR_INPUT, "mdm %.*s: strict (the profile's PayloadIdentifier) and strict_profile (its file) need each other", SPAN_ARGS(o->id));
    enum err_code code = check_urls(o, err);
    return code == OK ? check_secrets(o, err) : code;
}
