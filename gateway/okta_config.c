#include "gateway/okta_config.h"

#define GROUP(field) offsetof(struct okta_group_config, field)
#define AT(field) offsetof(struct okta_config, field)
static const struct option group_rows[] = {
    { .name = "sensitivity", .kind = OPTION_TEXT, .offset = GROUP(sensitivity), .required = true, .help = "A sensitivity of the policy." },
    { .name = "group", .kind = OPTION_TEXT, .offset = GROUP(group), .required = true, .help = "Id of a group that was made at Okta (00g...)." },
    { .name = "when_closed", .kind = OPTION_TEXT, .offset = GROUP(when_closed), .fallback = "add", .help = "add: in the group while it is closed to them. remove: out of it." },
};
const struct option okta_rows[] = {
    { .name = "okta.url", .kind = OPTION_TEXT, .offset = AT(url), .example = "https://acme.okta.com", .help = "The org, as people know it (docs/doors/okta-closings.md). Absent: sessions and groups at Okta are left alone." },
    { .name = "okta.client_id", .kind = OPTION_TEXT, .offset = AT(client_id), .example = "0oaPostern", .help = "Of an API services app with the scopes okta.users.manage and okta.groups.manage that proves itself by a key." },
    { .name = "okta.key", .kind = OPTION_FILE, .offset = AT(key), .example = "file:/etc/postern/okta.pem", .help = "Its private key, PEM: on P-256, or RSA of 2048 bits or more. Absent: this gateway's own signing key; Okta fetches the public half from /oidc/jwks." },
    { .name = "okta.key_id", .kind = OPTION_TEXT, .offset = AT(key_id), .example = "kid-at-okta", .help = "What Okta calls that key (kid)." },
    { .name = "okta.token", .kind = OPTION_SECRET, .offset = AT(token), .example = "env:OKTA_TOKEN", .help = "An API token (SSWS) instead of client_id." },
    { .name = "okta.groups", .kind = OPTION_ITEMS, .offset = AT(groups), .rows = group_rows, .row_count = sizeof group_rows / sizeof group_rows[0],
      .item_bytes = sizeof(struct okta_group_config), .example = "[{ sensitivity: sensitive, group: 00gClosed, when_closed: add }]", .help = "Groups that people enter or leave while access is closed to them. Undone when it opens." },
};
const size_t okta_row_count = sizeof okta_rows / sizeof okta_rows[0];

static bool is_configured(const struct okta_config *c)
{
    return !span_empty(c->url) || !span_empty(c->client_id) || !span_empty(c->token) || !span_empty(c->key) || !span_empty(c->key_id) || c->groups.count > 0;
}

static enum err_code read_groups(const struct okta_config *config, struct okta_rule *rules, struct err *err)
{
    const struct okta_group_config *groups = config->groups.all;
    for (size_t i = 0; i < config->groups.count; i++) {
        bool out = span_equal_text(groups[i].when_closed, "remove");
        if (!out && !span_equal_text(groups[i].when_closed, "add"))
            return err_set(err, ERR_INPUT, "okta.groups: when_closed is add or remove, not %.*s", SPAN_ARGS(groups[i].when_closed));
        rules[i] = (struct okta_rule){ groups[i].sensitivity, groups[i].group, out };
    }
    return OK;
}

enum err_code okta_config_options(const struct okta_config *config, bool secrets, struct arena *arena, struct okta_options **out, struct err *err)
{
    *out = NULL;
    if (!is_configured(config))
        return OK;
    struct okta_options *o = arena_array(arena, 1, sizeof *o);
    struct okta_rule *rules = arena_array(arena, config->groups.count + 1, sizeof *rules);
    if (o == NULL || rules == NULL)
        return err_set(err, ERR_MEMORY, "okta");
    *o = (struct okta_options){ .url = config->url, .client_id = config->client_id, .token = config->token, .key = config->key, .key_id = config->key_id, .rules = rules,
                                .rule_count = config->groups.count, .allow_loopback_http = span_starts(config->url, SPAN_LITERAL("http://")) };
    if (!secrets && span_empty(o->client_id))
        o->token = SPAN_LITERAL("not read");
    enum err_code code = read_groups(config, rules, err);
    if (code == OK)
        code = okta_options_check(o, err);
    if (code == OK)
        *out = o;
    return code;
}
