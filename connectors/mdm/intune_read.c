/* Graph's JSON of managed devices. A time that never was is "0001-01-01T00:00:00Z". */
#include "connectors/mdm/intune.h"

/* Who manages: the agent's word. EAS alone sees mail, not the device. */
static enum mdm_truth managed_by(struct span agent)
{
    if (span_empty(agent) || span_equal_fold(agent, SPAN_LITERAL("unknown")))
        return MDM_NOT_SAID;
    return span_equal_fold(agent, SPAN_LITERAL("eas")) ? MDM_NO : MDM_YES;
}

static enum mdm_truth is_personal(struct span owner)
{
    return span_equal_fold(owner, SPAN_LITERAL("personal")) ? MDM_YES : span_equal_fold(owner, SPAN_LITERAL("company")) ? MDM_NO : MDM_NOT_SAID;
}

/* "Linux (ubuntu)", "macMDM": the first word, without what follows. */
static enum platform platform_of(struct span system)
{
    struct span rest = system, word = SPAN_NONE;
    (void)span_cut(&rest, ' ', &word);
    return span_equal_fold(word, SPAN_LITERAL("macMDM")) ? PLATFORM_MACOS : mdm_platform(word);
}

enum err_code intune_read_device(const struct from_json_value *device, struct arena *arena, struct mdm_device *out, struct err *err)
{
    enum err_code code = from_json_object(device, err);
    if (code != OK)
        return code;
    struct span owner = mdm_email(mdm_text(device, "userPrincipalName", arena), arena);
    *out = (struct mdm_device){ .id = mdm_id(device, "id", arena), .serial = mdm_text(device, "serialNumber", arena), .name = mdm_text(device, "deviceName", arena),
        .model = mdm_text(device, "model", arena), .os_version = mdm_text(device, "osVersion", arena), .platform = platform_of(mdm_text(device, "operatingSystem", arena)),
        .owner = !span_empty(owner) ? owner : mdm_email(mdm_text(device, "emailAddress", arena), arena), .compliance = mdm_text(device, "complianceState", arena),
        .managed = managed_by(mdm_text(device, "managementAgent", arena)), .encrypted = mdm_truth(device, "isEncrypted"), .supervised = mdm_truth(device, "isSupervised"),
        .personal = is_personal(mdm_text(device, "managedDeviceOwnerType", arena)), .contact_s = mdm_time(device, "lastSyncDateTime"), .facts_s = mdm_time(device, "lastSyncDateTime") };
    return span_empty(out->id) ? from_json_refuse(device, err, "has no usable id") : OK;
}

enum err_code intune_read_devices(const struct from_json_value *root, struct arena *arena, struct mdm_page *out, struct span *next, struct err *err)
{
    struct from_json_value value = from_json_member(root, "value"), link = from_json_member(root, "@odata.nextLink");
    enum err_code code = from_json_array(&value, MDM_PAGE_MOST, err);
    *next = SPAN_NONE;
    if (code == OK)
        code = from_json_text_opt(&link, MDM_CURSOR_BYTES - 1, next, err);
    size_t count = code == OK ? from_json_count(&value) : 0;
    struct mdm_device *all = arena_array(arena, count + 1, sizeof *all);
    if (all == NULL)
        return err_set(err, ERR_MEMORY, "a page of devices");
    for (size_t i = 0; code == OK && i < count; i++) {
        struct from_json_value device = from_json_item(&value, i);
        code = intune_read_device(&device, arena, &all[i], err);
    }
    if (code == OK)
        *out = (struct mdm_page){ .devices = all, .count = count, .total = -1 };
    return code;
}

bool intune_leads_on(struct span base, struct span now, struct span next)
{
    static const struct span list = { "/v1.0/deviceManagement/managedDevices?", 38 };
    struct span rest = span_slice(next, base.bytes, next.bytes);
    if (!span_starts(next, base) || !span_starts(rest, list) || span_equal(now, next))
        return false;
    for (size_t i = 0; i < next.bytes; i++)
        if ((unsigned char)next.at[i] <= 0x20 || (unsigned char)next.at[i] >= 0x7f || next.at[i] == '#')
            return false;
    return true;
}
