#include "gateway/options.h"

#include "gateway/managers.h"

#include "posture/base/file.h"

#include <string.h>
#include <unistd.h>

enum { CONFIG_BYTES = 1024 * 1024 };
#define AT(field) offsetof(struct postern_options, field)

static const struct option server_rows[] = {
    { .name = "public_url", .kind = OPTION_TEXT, .offset = AT(public_url), .example = "https://posture.acme.example",
      .help = "How people, agents and IdPs reach this server; links are made from it. Default: https://localhost and the public port." },
    { .name = "listen.public.address", .kind = OPTION_TEXT, .offset = AT(public_listener.address), .fallback = "127.0.0.1:8443",
      .help = "People, agents, IdP redirects. Always TLS; without a certificate one is made at first start." },
    { .name = "listen.public.tls.certificate", .kind = OPTION_FILE, .offset = AT(public_listener.tls.certificate), .example = "file:/etc/postern/tls.crt", .help = "Certificate chain, PEM." },
    { .name = "listen.public.tls.key", .kind = OPTION_FILE, .offset = AT(public_listener.tls.key), .example = "file:/etc/postern/tls.key", .help = "Its private key, PEM." },
    { .name = "listen.device.address", .kind = OPTION_TEXT, .offset = AT(device_listener.address), .example = "\"0.0.0.0:8444\"", .help = "Asks browsers for a client certificate (docs/doors/device-proof.md); needs listen.device.client_ca and an address of its own. Absent: not offered." },
    { .name = "listen.device.tls.certificate", .kind = OPTION_FILE, .offset = AT(device_listener.tls.certificate), .example = "file:/etc/postern/tls.crt", .help = "Certificate chain, PEM. Default: that of the public listener." },
    { .name = "listen.device.tls.key", .kind = OPTION_FILE, .offset = AT(device_listener.tls.key), .example = "file:/etc/postern/tls.key", .help = "Its private key, PEM." },
    { .name = "listen.internal.address", .kind = OPTION_TEXT, .offset = AT(internal_listener.address), .example = "\"127.0.0.1:8445\"", .help = "The decision API and forward-auth; plain HTTP unless tls is given. Absent: the public listener carries it." },
    { .name = "listen.internal.tls.certificate", .kind = OPTION_FILE, .offset = AT(internal_listener.tls.certificate), .example = "file:/etc/postern/tls.crt", .help = "Certificate chain, PEM." },
    { .name = "listen.internal.tls.key", .kind = OPTION_FILE, .offset = AT(internal_listener.tls.key), .example = "file:/etc/postern/tls.key", .help = "Its private key, PEM." },
    { .name = "listen.internal.client_ca", .kind = OPTION_FILE, .offset = AT(internal_listener.client_ca), .example = "file:/etc/postern/callers-ca.crt", .help = "The CA whose client certificates callers may show there, PEM; needs tls. Not the devices' CA." },
    { .name = "listen.admin.address", .kind = OPTION_TEXT, .offset = AT(admin_listener.address), .example = "\"127.0.0.1:8446\"", .help = "The administration API over TCP, with an API key of scope admin; plain HTTP unless tls is given. Absent: admin.sock in the state folder only (without a configuration file the public listener carries it)." },
    { .name = "listen.admin.tls.certificate", .kind = OPTION_FILE, .offset = AT(admin_listener.tls.certificate), .example = "file:/etc/postern/tls.crt", .help = "Certificate chain, PEM." },
    { .name = "listen.admin.tls.key", .kind = OPTION_FILE, .offset = AT(admin_listener.tls.key), .example = "file:/etc/postern/tls.key", .help = "Its private key, PEM." },
    { .name = "listen.admin.client_ca", .kind = OPTION_FILE, .offset = AT(admin_listener.client_ca), .example = "file:/etc/postern/callers-ca.crt", .help = "The CA whose client certificates callers may show there, PEM; needs tls." },
    { .name = "trusted_proxies", .kind = OPTION_LIST, .offset = AT(trusted_proxies), .example = "[127.0.0.1, \"10.0.0.0/8\"]", .help = "Addresses whose X-Postern-Person, client certificate and X-Forwarded-* headers are believed. Default: none." },
    { .name = "state", .kind = OPTION_TEXT, .offset = AT(state), .example = "/var/lib/postern", .help = "Folder for admin.sock, the made certificate, the made root key and the embedded Redis. Default: /var/lib/postern when that can be written, else ./postern-state." },
    { .name = "root_key", .kind = OPTION_FILE, .offset = AT(root_key), .example = "file:/etc/postern/root.key", .help = "32 bytes (or 64 hex digits), the same on every node. Made at first start with the embedded Redis; required with an external one." },
    { .name = "policy", .kind = OPTION_TEXT, .offset = AT(policy), .example = "/etc/postern/policy.yaml", .help = "Published only into an empty store; after that `postern apply` changes the policy. Default: the sample policy." },
    { .name = "holidays", .kind = OPTION_TEXT, .offset = AT(holidays), .example = "/etc/postern/holidays.csv", .help = "Public holidays by region (CSV: region,date,title). Published only into a store without any; after that `postern holiday import` changes them." },
    { .name = "policy_block_most", .kind = OPTION_INT, .offset = AT(policy_block_most), .least = 0, .most = 100, .fallback = "1", .unit = "percent", .help = "A policy that would shut out more than this share of people at once is put in force only when their number is said (postern apply --yes-block N)." },
    { .name = "workers", .kind = OPTION_INT, .offset = AT(workers), .least = 1, .most = 64, .fallback = "2", .unit = "threads", .help = "Threads that answer doors that ask for decisions, and as many for agents and browsers." },
    { .name = "slow_threads", .kind = OPTION_INT, .offset = AT(slow_threads), .least = 1, .most = 64, .fallback = "8", .unit = "threads", .help = "Threads for calls that wait for the store." },
    { .name = "connections", .kind = OPTION_INT, .offset = AT(connections), .least = 16, .most = 1000000, .fallback = "20000", .unit = "connections", .help = "Open connections at most, over all workers of a listener. When they are nearly used up, those that have been idle longest are ended, then those that take long to send or to read." },
    { .name = "connections_per_address", .kind = OPTION_INT, .offset = AT(connections_per_address), .least = 0, .most = 1000000, .fallback = "4000", .unit = "connections", .help = "Of these, at most so many from one address (of IPv6: from one /64) on the public and the device listener. trusted_proxies have no such limit. 0: nobody has." },
    { .name = "onboarding.automatic", .kind = OPTION_BOOL, .offset = AT(onboard_new), .fallback = "false", .help = "People who are new here are greeted by Slack or e-mail without being invited by an admin (docs/onboarding.md)." },
    { .name = "log_level", .kind = OPTION_TEXT, .offset = AT(log_level), .fallback = "info", .help = "debug, info, warn or error." },
};
static const struct option store_rows[] = {
    { .name = "store.redis", .kind = OPTION_TEXT, .offset = AT(redis_url), .example = "\"redis://127.0.0.1:6379/0\"", .help = "redis://host:port/database or unix:///path. Absent: the embedded default, a redis-server of our own." },
    { .name = "store.user", .kind = OPTION_TEXT, .offset = AT(redis_user), .example = "postern", .help = "ACL user." },
    { .name = "store.password", .kind = OPTION_SECRET, .offset = AT(redis_password), .example = "env:REDIS_PASSWORD", .help = "Password of the user, or of the server." },
    { .name = "store.durability", .kind = OPTION_TEXT, .offset = AT(durability), .example = "replicated 1", .help = "What an acknowledged write means: fsync (embedded default), everysec, or replicated N." },
    { .name = "store.redis_server", .kind = OPTION_TEXT, .offset = AT(redis_server), .fallback = "redis-server", .help = "The program that the embedded default runs." },
    { .name = "store.log_keep", .kind = OPTION_DURATION, .offset = AT(log_keep_s), .least = 3600, .most = 365 * 86400, .fallback = "7d", .help = "How long events are kept. They are never dropped before effects have read them." },
    { .name = "store.outage_after", .kind = OPTION_DURATION, .offset = AT(outage_after_s), .least = 2, .most = 3600, .fallback = "10s", .help = "A silence of the store or of all gateways longer than this does not count against anybody's clock." },
};
static const struct option archive_rows[] = {
    { .name = "archive.enabled", .kind = OPTION_BOOL, .offset = AT(archive), .fallback = "true", .help = "The log is written to disk as evidence (docs/audit.md). Turning it off for good: see there, or the log is never trimmed again." },
    { .name = "archive.folder", .kind = OPTION_TEXT, .offset = AT(archive_folder), .example = "/var/lib/postern/archive", .help = "Where to. Default: archive below the state folder. Nodes may share a folder or have their own." },
    { .name = "archive.retention", .kind = OPTION_DURATION, .offset = AT(archive_retention_s), .least = 7 * 86400, .most = INT64_C(36600) * 86400, .fallback = "395d", .help = "How long segments are kept: whole days go from the old end, behind a signed anchor." },
    { .name = "archive.pack", .kind = OPTION_BOOL, .offset = AT(archive_pack), .fallback = "true", .help = "Closed segments are packed (gzip)." },
};
static const struct option email_rows[] = {
    { .name = "email.server", .kind = OPTION_TEXT, .offset = AT(email_server), .example = "\"smtp://mail.acme.example:587\"", .help = "Mail server that messages to people go through: smtp:// (STARTTLS is required) or smtps://. Absent: no e-mail (docs/email.md)." },
    { .name = "email.from", .kind = OPTION_TEXT, .offset = AT(email_from), .example = "postern@acme.example", .help = "Address of the sender; required with a server." },
    { .name = "email.name", .kind = OPTION_TEXT, .offset = AT(email_name), .fallback = "Postern", .help = "Name of the sender." },
    { .name = "email.user", .kind = OPTION_TEXT, .offset = AT(email_user), .example = "postern", .help = "Who logs in to the mail server. Absent: nobody does." },
    { .name = "email.password", .kind = OPTION_SECRET, .offset = AT(email_password), .example = "env:SMTP_PASSWORD", .help = "The password of email.user." },
    { .name = "email.reply_to", .kind = OPTION_TEXT, .offset = AT(email_reply_to), .example = "help@acme.example", .help = "Address that a person reads. Absent: the mails say that nobody reads replies." },
    { .name = "email.ca", .kind = OPTION_FILE, .offset = AT(email_ca), .example = "file:/etc/postern/mail-ca.crt", .help = "Certificates to trust for the mail server instead of the system's, PEM." },
    { .name = "email.plain", .kind = OPTION_BOOL, .offset = AT(email_plain), .fallback = "false", .help = "Without TLS; only for a mail server on this machine (127.0.0.1, ::1, localhost)." },
};
#define HOOK(field) offsetof(struct webhook_config, field)
static const struct option webhook_item_rows[] = {
    { .name = "id", .kind = OPTION_TEXT, .offset = HOOK(id), .required = true, .help = "Its name in lists and events." },
    { .name = "url", .kind = OPTION_TEXT, .offset = HOOK(url), .required = true, .help = "https address that receives events." },
    { .name = "events", .kind = OPTION_LIST, .offset = HOOK(events), .help = "Event types, `person.*` for all of a kind. Absent: all." },
    { .name = "secret", .kind = OPTION_SECRET, .offset = HOOK(secret), .required = true, .help = "Signs each delivery." },
    { .name = "old_secret", .kind = OPTION_SECRET, .offset = HOOK(old_secret), .help = "Signs too, while the receiver changes over." },
    { .name = "allow_private", .kind = OPTION_BOOL, .offset = HOOK(allow_private), .fallback = "false", .help = "The address may be private or loopback, and plain http on loopback." },
};
static const struct option webhook_rows[] = {
    { .name = "webhooks", .kind = OPTION_ITEMS, .offset = AT(webhooks), .rows = webhook_item_rows, .row_count = sizeof webhook_item_rows / sizeof webhook_item_rows[0],
      .item_bytes = sizeof(struct webhook_config), .example = "[{ id: siem, url: \"https://siem.example/in\", events: [rung.changed], secret: env:SIEM_SECRET }]", .help = "Where events are sent." },
};

static const struct option manager_rows[] = {
    { .name = "mdm", .kind = OPTION_ITEMS, .offset = AT(managers), .rows = manager_item_rows, .row_count = MANAGER_OPTIONS, .item_bytes = sizeof(struct manager_config),
      .example = "[{ id: fleet, kind: fleet, url: \"https://fleet.example\", secret: env:FLEET_TOKEN, strict: \"2\" }]", .help = "Device managers (docs/mdm/README.md); at most 4." },
};

size_t options_groups(struct postern_options *o, struct option_group groups[OPTION_GROUPS])
{
    groups[0] = (struct option_group){ "Server", server_rows, sizeof server_rows / sizeof server_rows[0], o };
    groups[1] = (struct option_group){ "Proof of device", device_certificate_rows, device_certificate_row_count, &o->device_certificates };
    groups[2] = (struct option_group){ "Store", store_rows, sizeof store_rows / sizeof store_rows[0], o };
    groups[3] = (struct option_group){ "Slack", slack_app_rows, slack_app_row_count, &o->slack };
    groups[4] = (struct option_group){ "Webhooks", webhook_rows, sizeof webhook_rows / sizeof webhook_rows[0], o };
    groups[5] = (struct option_group){ "Callers", caller_rows, caller_row_count, &o->callers };
    groups[6] = (struct option_group){ "Archive", archive_rows, sizeof archive_rows / sizeof archive_rows[0], o };
    groups[7] = (struct option_group){ "E-mail", email_rows, sizeof email_rows / sizeof email_rows[0], o };
    groups[8] = (struct option_group){ "Device managers", manager_rows, sizeof manager_rows / sizeof manager_rows[0], o };
    groups[9] = (struct option_group){ "Closings at Okta", okta_rows, okta_row_count, &o->okta };
    groups[10] = (struct option_group){ "The marker (off)", marker_rows, marker_row_count, &o->marker };
    return OPTION_GROUPS;
}

static void default_state(struct postern_options *o)
{
    if (!span_empty(o->state))
        return;
    bool system = access("/var/lib/postern", W_OK) == 0 || (geteuid() == 0 && access("/var/lib", W_OK) == 0);
    o->state = system ? SPAN_LITERAL("/var/lib/postern") : SPAN_LITERAL("./postern-state");
}

static void default_archive(struct postern_options *o)
{
    if (span_empty(o->archive_folder))
        o->archive_folder = arena_format(&o->arena, "%.*s/archive", SPAN_ARGS(o->state));
}

static struct span port_of(struct span address)
{
    size_t colon = address.bytes;
    while (colon > 0 && address.at[colon - 1] != ':')
        colon--;
    return span_slice(address, colon, 5);
}

/* The issuer is this text byte for byte, and Entra refuses one that spells the default port out. */
static struct span without_default_port(struct span url)
{
    struct span port = SPAN_LITERAL(":443");
    return span_starts(url, SPAN_LITERAL("https://")) && span_ends(url, port) ? span_slice(url, 0, url.bytes - port.bytes) : url;
}

static void default_public_url(struct postern_options *o)
{
    if (!span_empty(o->public_url)) {
        while (span_ends(o->public_url, SPAN_LITERAL("/")))
            o->public_url.bytes--;
        o->public_url = without_default_port(o->public_url);
        return;
    }
    o->public_url = arena_format(&o->arena, "https://localhost:%.*s", SPAN_ARGS(port_of(o->public_listener.address)));
}

static struct span host_of(struct span url)
{
    size_t scheme = span_search(url, SPAN_LITERAL("://"));
    struct span rest = scheme < url.bytes ? span_slice(url, scheme + 3, url.bytes) : url;
    rest = span_slice(rest, 0, span_find(rest, '/'));
    if (!span_empty(rest) && rest.at[0] == '[')
        return span_slice(rest, 0, span_find(rest, ']') + 1);
    return span_slice(rest, 0, span_find(rest, ':'));
}

/* A proxy that asks for certificates may stand there instead of our own listener. */
static void default_device_url(struct postern_options *o)
{
    struct span *url = &o->device_certificates.public_url;
    if (span_empty(*url) && !span_empty(o->device_listener.address)) {
        struct span host = host_of(o->public_url), port = port_of(o->device_listener.address);
        *url = arena_format(&o->arena, "https://%.*s:%.*s", SPAN_ARGS(host), SPAN_ARGS(port));
    }
    while (span_ends(*url, SPAN_LITERAL("/")))
        url->bytes--;
}

/* Words that mean nothing are told with the other mistakes of the file. */
static bool check_device_rules(const struct postern_options *o, struct span file, struct mistakes *mistakes)
{
    struct device_certificate_rules rules;
    struct err err;
    if (device_certificate_rules_read(&o->device_certificates, &rules, &err) == OK)
        return true;
    const struct yaml_node place = { .file = file };
    yaml_mistake(mistakes, &place, "%s", err.text);
    return false;
}

static bool check_okta(struct postern_options *o, bool secrets, struct span file, struct mistakes *mistakes)
{
    struct okta_options *read = NULL;
    struct err err;
    if (okta_config_options(&o->okta, secrets, &o->arena, &read, &err) == OK)
        return true;
    const struct yaml_node place = { .file = file };
    yaml_mistake(mistakes, &place, "%s", err.text);
    return false;
}

static bool check_marker(struct postern_options *o, bool secrets, const struct yaml_node *root, struct span file, struct mistakes *mistakes)
{
    struct marker_options *read = NULL;
    struct err err;
    if (marker_config_options(&o->marker, o->slack.api_url, secrets, &o->arena, &read, &err) == OK)
        return true;
    const struct yaml_node whole = { .file = file }, *marker = root != NULL ? yaml_get(root, "marker") : NULL;
    yaml_mistake(mistakes, marker != NULL ? marker : &whole, "%s", err.text);
    return false;
}

/* A certificate is shown within TLS or not at all. */
static bool check_client_ca(const struct postern_options *o, struct span file, struct mistakes *mistakes)
{
    const struct { const char *name; const struct listener_options *l; } listeners[] = { { "internal", &o->internal_listener }, { "admin", &o->admin_listener } };
    const struct yaml_node place = { .file = file };
    bool good = true;
    for (size_t i = 0; i < sizeof listeners / sizeof listeners[0]; i++) {
        const struct listener_options *l = listeners[i].l;
        if (span_empty(l->client_ca) || (!span_empty(l->address) && !span_empty(l->tls.certificate)))
            continue;
        yaml_mistake(mistakes, &place, "listen.%s.client_ca needs listen.%s.address and listen.%s.tls", listeners[i].name, listeners[i].name, listeners[i].name);
        good = false;
    }
    return good;
}

bool options_read_text(struct postern_options *o, struct span text, struct span file, bool read_secrets, struct mistakes *mistakes)
{
    struct option_group groups[OPTION_GROUPS];
    *o = (struct postern_options){ 0 };
    arena_init(&o->arena, 16 * 1024, 8 * 1024 * 1024);
    size_t count = options_groups(o, groups);
    CLEANUP(yaml_tree_freep) struct yaml_tree *tree = span_empty(text) ? NULL : yaml_read(text, file, mistakes);
    if (!span_empty(text) && tree == NULL)
        return false;
    bool good = option_load(tree, groups, count, read_secrets, &o->arena, mistakes);
    default_state(o);
    default_archive(o);
    default_public_url(o);
    default_device_url(o);
    good = check_client_ca(o, file, mistakes) && good;
    good = check_okta(o, read_secrets, file, mistakes) && good;
    good = check_marker(o, read_secrets, tree != NULL ? yaml_root(tree) : NULL, file, mistakes) && good;
    good = caller_options_check(&o->callers, file, mistakes) && good;
    good = slack_app_options_check(&o->slack, read_secrets, file, mistakes) && good;
    return check_device_rules(o, file, mistakes) && good;
}

bool options_read(struct postern_options *o, const char *path, bool read_secrets, struct mistakes *mistakes)
{
    CLEANUP(buf_done) struct buf text;
    struct err err;
    buf_init(&text, CONFIG_BYTES);
    if (path != NULL && file_read(path, CONFIG_BYTES, &text, &err) != OK) {
        const struct yaml_node place = { .file = span_of(path) };
        yaml_mistake(mistakes, &place, "%s", err.text);
        *o = (struct postern_options){ 0 };
        return false;
    }
    return options_read_text(o, buf_span(&text), span_of(path), read_secrets, mistakes);
}

void options_done(struct postern_options *o)
{
    arena_done(&o->arena); /* secrets inside are wiped by the arena's owner's exit; the arena zeroes what it frees */
}
