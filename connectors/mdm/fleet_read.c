/* Fleet's JSON. A host that Fleet knows by osquery alone is a device that is not managed. */
#include "connectors/mdm/fleet.h"

enum { MAPPINGS_MOST = 64, HOOK_DEPTH = 16 };

/* "macOS 14.5", "Ubuntu 22.04.4 LTS", "Windows 11 Pro 23H2 10.0.22631.3007": the last word of digits and dots. */
static struct span version_of(struct span text)
{
    struct span rest = text, word = SPAN_NONE, found = SPAN_NONE;
    while (span_cut(&rest, ' ', &word)) {
        bool numbers = word.bytes > 0;
        for (size_t i = 0; i < word.bytes; i++)
            numbers = numbers && ((word.at[i] >= '0' && word.at[i] <= '9') || (word.at[i] == '.' && i > 0));
        if (numbers)
            found = word;
    }
    return found;
}

/* The identity provider's word first, then what an admin wrote; a browser profile is not asked. */
static struct span owner_of(const struct from_json_value *host, struct arena *arena)
{
    static const char *const sources[] = { "identity_provider", "mdm_idp_accounts", "custom", NULL };
    struct from_json_value mappings = from_json_member(host, "device_mapping");
    size_t count = from_json_count(&mappings) < MAPPINGS_MOST ? from_json_count(&mappings) : MAPPINGS_MOST;
    for (size_t s = 0; sources[s] != NULL; s++)
        for (size_t i = 0; i < count; i++) {
            struct from_json_value each = from_json_item(&mappings, i);
            struct span source = mdm_text(&each, "source", arena), email = mdm_email(mdm_text(&each, "email", arena), arena);
            if (span_equal_text(source, sources[s]) && !span_empty(email))
                return email;
        }
    return SPAN_NONE;
}

/* "On (automatic)", "On (manual)", "On (personal)", "Pending" (in Apple Business Manager, not enrolled yet), "Off", null. */
static void read_mdm(const struct from_json_value *host, struct arena *arena, struct mdm_device *out)
{
    struct from_json_value mdm = from_json_member(host, "mdm");
    struct span status = mdm_text(&mdm, "enrollment_status", arena);
    if (from_json_kind(&mdm) != FROM_JSON_OBJECT)
        return;
    bool elsewhere = mdm_truth(&mdm, "connected_to_fleet") == MDM_NO; /* enrolled in another manager: not ours to steer */
    out->managed = mdm_from_bool(span_starts(status, SPAN_LITERAL("On")) && !elsewhere);
    out->supervised = span_starts(status, SPAN_LITERAL("On")) ? mdm_from_bool(span_equal_text(status, "On (automatic)")) : MDM_NOT_SAID;
    out->personal = span_equal_text(status, "On (personal)") ? MDM_YES : MDM_NOT_SAID;
}

static enum err_code read_host(const struct from_json_value *host, struct arena *arena, struct mdm_device *out, struct err *err)
{
    *out = (struct mdm_device){ .id = mdm_id(host, "id", arena), .serial = mdm_text(host, "hardware_serial", arena), .uuid = mdm_text(host, "uuid", arena),
                                .name = mdm_text(host, "computer_name", arena), .model = mdm_text(host, "hardware_model", arena),
                                .os_version = version_of(mdm_text(host, "os_version", arena)), .platform = mdm_platform(mdm_text(host, "platform", arena)),
                                .owner = owner_of(host, arena), .group = mdm_id(host, "team_id", arena), .encrypted = mdm_truth(host, "disk_encryption_enabled"),
                                .facts_s = mdm_time(host, "detail_updated_at"), .contact_s = mdm_time(host, "seen_time") };
    read_mdm(host, arena, out);
    return span_empty(out->id) ? from_json_refuse(host, err, "has no usable id") : OK;
}

enum err_code fleet_read_hosts(const struct from_json_value *root, struct arena *arena, struct mdm_page *out, struct err *err)
{
    struct from_json_value hosts = from_json_member(root, "hosts");
    enum err_code code = from_json_array(&hosts, MDM_PAGE_MOST, err);
    size_t count = code == OK ? from_json_count(&hosts) : 0;
    struct mdm_device *all = arena_array(arena, count + 1, sizeof *all);
    if (all == NULL)
        return err_set(err, ERR_MEMORY, "a page of hosts");
    for (size_t i = 0; code == OK && i < count; i++) {
        struct from_json_value host = from_json_item(&hosts, i);
        code = read_host(&host, arena, &all[i], err);
    }
    if (code == OK)
        *out = (struct mdm_page){ .devices = all, .count = count, .total = -1 };
    return code;
}

enum err_code fleet_read_host(const struct from_json_value *root, struct arena *arena, struct mdm_device *out, struct err *err)
{
    struct from_json_value host = from_json_member(root, "host");
    enum err_code code = from_json_object(&host, err);
    return code == OK ? read_host(&host, arena, out, err) : code;
}

enum err_code fleet_read_hook(struct span body, struct arena *arena, struct mdm_news *out, struct err *err)
{
    struct from_json *doc = NULL;
    struct span *ids = arena_array(arena, MDM_NEWS_MOST, sizeof *ids);
    enum err_code code = from_json_parse_in(arena, body, (struct from_json_limits){ MDM_HOOK_BYTES, HOOK_DEPTH }, "webhook", &doc, err);
    if (code != OK || ids == NULL)
        return code != OK ? code : err_set(err, ERR_MEMORY, "a webhook");
    struct from_json_value root = from_json_root(doc), hosts = from_json_member(&root, "hosts"), vulnerability = from_json_member(&root, "vulnerability");
    if (!from_json_present(&hosts))
        hosts = from_json_member(&vulnerability, "hosts_affected");
    *out = (struct mdm_news){ .read_again = ids };
    for (size_t i = 0; i < from_json_count(&hosts) && out->read_again_count < MDM_NEWS_MOST; i++) {
        struct from_json_value host = from_json_item(&hosts, i);
        struct span id = mdm_id(&host, "id", arena);
        if (!span_empty(id))
            ids[out->read_again_count++] = id;
    }
    return OK;
}
