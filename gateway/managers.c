#include "gateway/managers.h"

#include <string.h>

#define AT(field) offsetof(struct manager_config, field)

const struct option manager_item_rows[MANAGER_OPTIONS] = {
    { .name = "id", .kind = OPTION_TEXT, .offset = AT(id), .required = true, .help = "Its name in facts, lists and events; stays the same while the tenant does." },
    { .name = "kind", .kind = OPTION_TEXT, .offset = AT(kind), .required = true, .help = "fleet, kandji (or iru), nanomdm, jamf or intune." },
    { .name = "url", .kind = OPTION_TEXT, .offset = AT(url), .required = true, .help = "https address of its API." },
    { .name = "token_url", .kind = OPTION_TEXT, .offset = AT(token_url), .help = "Where access tokens come from (intune: required; jamf: another place than its own)." },
    { .name = "client", .kind = OPTION_TEXT, .offset = AT(client), .help = "Client id (jamf, intune), or API user (nanomdm, default nanomdm)." },
    { .name = "secret", .kind = OPTION_SECRET, .offset = AT(secret), .required = true, .help = "API token, client secret or API key." },
    { .name = "hook_secret", .kind = OPTION_SECRET, .offset = AT(hook_secret), .help = "Proves that a call to /hooks/mdm/<id> comes from it. Absent: no webhook is taken." },
    { .name = "old_hook_secret", .kind = OPTION_SECRET, .offset = AT(old_hook_secret), .help = "Is taken too, while the manager changes over." },
    { .name = "strict", .kind = OPTION_TEXT, .offset = AT(strict), .help = "Where the fallback puts a managed device: team, blueprint, group, or the profile's PayloadIdentifier (nanomdm). Absent: it is only read." },
    { .name = "strict_profile", .kind = OPTION_FILE, .offset = AT(strict_profile), .help = "That profile, a .mobileconfig (nanomdm)." },
    { .name = "invitation", .kind = OPTION_TEXT, .offset = AT(invitation), .help = "https page where a person enrols a device that nobody manages. Absent: nobody is invited." },
    { .name = "every", .kind = OPTION_DURATION, .offset = AT(every_s), .least = 60, .most = 86400, .fallback = "15m", .help = "How often it is read." },
    { .name = "ca_file", .kind = OPTION_TEXT, .offset = AT(ca_file), .help = "PEM file to trust instead of the system's certificates." },
    { .name = "allow_private", .kind = OPTION_BOOL, .offset = AT(allow_private), .fallback = "false", .help = "It may stand in a private network; plain http only on loopback." },
};

static struct span without_slash(struct span url)
{
    while (span_ends(url, SPAN_LITERAL("/")))
        url.bytes--;
    return url;
}

static enum err_code read_one(const struct manager_config *c, const struct clock *clock, struct manager *out, struct err *err)
{
    enum mdm_kind kind;
    if (!mdm_kind_from(c->kind, &kind))
        return err_set(err, ERR_INPUT, "mdm %.*s: kind \"%.*s\" is none of fleet, kandji, nanomdm, jamf and intune", SPAN_ARGS(c->id), SPAN_ARGS(c->kind));
    *out = (struct manager){ .ops = mdm_vendor(kind), .every_s = c->every_s };
    out->options = (struct mdm_options){ .id = c->id, .kind = kind, .url = without_slash(c->url), .token_url = c->token_url, .client = c->client, .secret = c->secret,
        .hook_secrets = { c->hook_secret, c->old_hook_secret }, .strict = c->strict, .strict_profile = c->strict_profile, .invitation = c->invitation,
        .allow_loopback_http = span_starts(c->url, SPAN_LITERAL("http://")), .allow_private = c->allow_private, .ca_file = c->ca_file, .clock = clock };
    return mdm_options_check(&out->options, err);
}

enum err_code managers_read(const struct manager_config *configured, size_t count, const struct clock *clock, struct managers *out, struct err *err)
{
    *out = (struct managers){ .count = 0 };
    if (count > MANAGERS_MOST)
        return err_set(err, ERR_INPUT, "mdm: more than %d managers", MANAGERS_MOST);
    for (size_t i = 0; i < count; i++) {
        enum err_code code = read_one(&configured[i], clock, &out->all[i], err);
        if (code == OK && managers_find(out, configured[i].id) != NULL)
            code = err_set(err, ERR_INPUT, "mdm: two managers have the id %.*s", SPAN_ARGS(configured[i].id));
        if (code != OK)
            return code;
        out->count++;
    }
    return OK;
}

const struct manager *managers_find(const struct managers *all, struct span id)
{
    for (size_t i = 0; all != NULL && i < all->count; i++)
        if (span_equal(all->all[i].options.id, id))
            return &all->all[i];
    return NULL;
}

const struct manager *managers_for(const struct managers *all, const struct device *device, bool *invited)
{
    bool managed = false;
    for (size_t i = 0; i < device->link_count; i++) {
        const struct managed_link *link = &device->links[i];
        if (link->managed != MDM_YES || link->gone_s != 0)
            continue;
        const struct manager *m = managers_find(all, link->manager);
        managed = true;
        if (m != NULL && m->ops->strict != NULL && !span_empty(m->options.strict))
            return *invited = false, m;
    }
    for (size_t i = 0; all != NULL && !managed && i < all->count; i++) {
        const struct manager *m = &all->all[i];
        if (!span_empty(m->options.invitation) && (m->ops->platforms & 1u << device->platform) != 0 && device->platform != PLATFORM_UNKNOWN)
            return *invited = true, m;
    }
    return NULL;
}
