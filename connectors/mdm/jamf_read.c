/* Jamf Pro's JSON. What a section does not have is null, or the section is. */
#include "connectors/mdm/jamf.h"

enum { HOOK_DEPTH = 16, EVENT_BYTES = 128 };

enum err_code jamf_read_computer(const struct from_json_value *computer, struct arena *arena, struct mdm_device *out, struct err *err)
{
    struct from_json_value general = from_json_member(computer, "general"), hardware = from_json_member(computer, "hardware"), os = from_json_member(computer, "operatingSystem");
    struct from_json_value disk = from_json_member(computer, "diskEncryption"), security = from_json_member(computer, "security"), user = from_json_member(computer, "userAndLocation");
    struct from_json_value management = from_json_member(&general, "remoteManagement");
    enum err_code code = from_json_object(computer, err);
    if (code != OK)
        return code;
    *out = (struct mdm_device){ .id = mdm_id(computer, "id", arena), .uuid = mdm_text(computer, "udid", arena), .serial = mdm_text(&hardware, "serialNumber", arena),
        .name = mdm_text(&general, "name", arena), .model = mdm_text(&hardware, "model", arena), .os_version = mdm_text(&os, "version", arena), .platform = PLATFORM_MACOS,
        .owner = mdm_email(mdm_text(&user, "email", arena), arena), .managed = mdm_truth(&management, "managed"), .supervised = mdm_truth(&general, "supervised"),
        .encrypted = mdm_truth(&disk, "fileVault2Enabled"), .firewall = mdm_truth(&security, "firewallEnabled"),
        /* Inventory is collected once a day: that the computer spoke since says nothing about its disk. */
        .contact_s = mdm_time(&general, "lastContactTime"), .facts_s = mdm_time(&general, "reportDate") };
    return span_empty(out->id) ? from_json_refuse(computer, err, "has no usable id") : OK;
}

enum err_code jamf_read_computers(const struct from_json_value *root, struct arena *arena, struct mdm_page *out, struct err *err)
{
    struct from_json_value results = from_json_member(root, "results"), total = from_json_member(root, "totalCount");
    int64_t count_of_all = 0;
    enum err_code code = from_json_array(&results, MDM_PAGE_MOST, err);
    if (code == OK)
        code = from_json_int(&total, 0, INT64_MAX, &count_of_all, err);
    size_t count = code == OK ? from_json_count(&results) : 0;
    struct mdm_device *all = arena_array(arena, count + 1, sizeof *all);
    if (all == NULL)
        return err_set(err, ERR_MEMORY, "a page of computers");
    for (size_t i = 0; code == OK && i < count; i++) {
        struct from_json_value computer = from_json_item(&results, i);
        code = jamf_read_computer(&computer, arena, &all[i], err);
    }
    if (code == OK)
        *out = (struct mdm_page){ .devices = all, .count = count, .total = count_of_all };
    return code;
}

/* ---- webhooks ---- */

static void add_id(struct mdm_news *news, struct span *ids, const struct from_json_value *object, const char *key, struct arena *arena)
{
    struct span id = mdm_id(object, key, arena);
    if (!span_empty(id) && news->read_again_count < MDM_NEWS_MOST)
        ids[news->read_again_count++] = id;
}

/* Ids of a smart group's event stand bare in an array. */
static void add_ids(struct mdm_news *news, struct span *ids, const struct from_json_value *event, const char *key, struct arena *arena)
{
    struct from_json_value list = from_json_member(event, key);
    for (size_t i = 0; i < from_json_count(&list) && from_json_kind(&list) == FROM_JSON_ARRAY && news->read_again_count < MDM_NEWS_MOST; i++) {
        struct from_json_value item = from_json_item(&list, i);
        int64_t id = 0;
        if (from_json_int_lenient(&item, &id, NULL) == OK && id > 0)
            ids[news->read_again_count++] = arena_format(arena, "%lld", (long long)id);
    }
}

enum err_code jamf_read_hook(struct span body, struct arena *arena, struct mdm_news *out, struct err *err)
{
    struct from_json *doc = NULL;
    struct span name = SPAN_NONE, *ids = arena_array(arena, MDM_NEWS_MOST, sizeof *ids);
    enum err_code code = from_json_parse_in(arena, body, (struct from_json_limits){ MDM_HOOK_BYTES, HOOK_DEPTH }, "webhook", &doc, err);
    if (code != OK || ids == NULL)
        return code != OK ? code : err_set(err, ERR_MEMORY, "a webhook");
    struct from_json_value root = from_json_root(doc), webhook = from_json_member(&root, "webhook"), event = from_json_member(&root, "event"), word = from_json_member(&webhook, "webhookEvent");
    struct from_json_value computer = from_json_member(&event, "computer");
    code = from_json_text(&word, EVENT_BYTES, &name, err);
    if (code != OK)
        return code;
    *out = (struct mdm_news){ .read_again = ids };
    if (span_starts(name, SPAN_LITERAL("MobileDevice")) || span_search(name, SPAN_LITERAL("MobileDevice")) < name.bytes)
        return OK; /* their numbers are counted apart from those of computers */
    add_id(out, ids, from_json_present(&computer) ? &computer : &event, "jssID", arena);
    if (from_json_present(&computer) && out->read_again_count == 0)
        add_id(out, ids, &computer, "id", arena);
    add_ids(out, ids, &event, "groupAddedDevicesIds", arena);
    add_ids(out, ids, &event, "groupRemovedDevicesIds", arena);
    return OK;
}
