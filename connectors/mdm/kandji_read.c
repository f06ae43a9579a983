/* Kandji's JSON. Times come with a T or a space, with or without an offset; truth comes as a boolean, "True" or "Yes". */
#include "connectors/mdm/kandji.h"

static enum mdm_truth word_truth(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    struct span text = SPAN_NONE;
    if (from_json_text(&v, 16, &text, NULL) != OK)
        return mdm_truth(object, key);
    if (span_equal_fold(text, SPAN_LITERAL("true")) || span_equal_fold(text, SPAN_LITERAL("yes")) || span_equal_fold(text, SPAN_LITERAL("on")))
        return MDM_YES;
    return span_equal_fold(text, SPAN_LITERAL("false")) || span_equal_fold(text, SPAN_LITERAL("no")) || span_equal_fold(text, SPAN_LITERAL("off")) ? MDM_NO : MDM_NOT_SAID;
}

enum err_code kandji_read_device(const struct from_json_value *device, struct arena *arena, struct mdm_device *out, struct err *err)
{
    struct from_json_value user = from_json_member(device, "user");
    enum err_code code = from_json_object(device, err);
    if (code != OK)
        return code;
    *out = (struct mdm_device){ .id = mdm_id(device, "device_id", arena), .serial = mdm_text(device, "serial_number", arena), .name = mdm_text(device, "device_name", arena),
        .model = mdm_text(device, "model", arena), .os_version = mdm_text(device, "os_version", arena), .platform = mdm_platform(mdm_text(device, "platform", arena)),
        .owner = mdm_email(mdm_text(&user, "email", arena), arena), .group = mdm_id(device, "blueprint_id", arena), .managed = word_truth(device, "mdm_enabled"),
        .contact_s = mdm_time(device, "last_check_in"), .facts_s = mdm_time(device, "last_check_in") };
    bool left = word_truth(device, "is_removed") == MDM_YES;
    out->managed = left ? MDM_NO : out->managed;
    return span_empty(out->id) ? from_json_refuse(device, err, "has no usable device_id") : OK;
}

enum err_code kandji_read_devices(const struct from_json_value *root, struct arena *arena, struct mdm_page *out, struct err *err)
{
    enum err_code code = from_json_array(root, MDM_PAGE_MOST, err);
    size_t count = code == OK ? from_json_count(root) : 0;
    struct mdm_device *all = arena_array(arena, count + 1, sizeof *all);
    if (all == NULL)
        return err_set(err, ERR_MEMORY, "a page of devices");
    for (size_t i = 0; code == OK && i < count; i++) {
        struct from_json_value device = from_json_item(root, i);
        code = kandji_read_device(&device, arena, &all[i], err);
    }
    if (code == OK)
        *out = (struct mdm_page){ .devices = all, .count = count, .total = -1 };
    return code;
}

void kandji_read_details(const struct from_json_value *root, struct mdm_device *out)
{
    struct from_json_value filevault = from_json_member(root, "filevault"), mdm = from_json_member(root, "mdm");
    out->encrypted = word_truth(&filevault, "filevault_enabled");
    out->supervised = word_truth(&mdm, "supervised");
}

/* Without a serial or a place in the list: facts of devices that the list named. */
enum err_code kandji_read_filevault(const struct from_json_value *root, struct arena *arena, struct mdm_page *out, struct err *err)
{
    struct from_json_value data = from_json_member(root, "data");
    enum err_code code = from_json_array(&data, MDM_PAGE_MOST, err);
    size_t count = code == OK ? from_json_count(&data) : 0, used = 0;
    struct mdm_device *all = arena_array(arena, count + 1, sizeof *all);
    if (all == NULL)
        return err_set(err, ERR_MEMORY, "a page of FileVault");
    for (size_t i = 0; code == OK && i < count; i++) {
        struct from_json_value row = from_json_item(&data, i);
        struct mdm_device d = { .id = mdm_id(&row, "device_id", arena), .serial = mdm_text(&row, "serial_number", arena), .encrypted = word_truth(&row, "status"),
                                .platform = PLATFORM_MACOS, .facts_s = mdm_time(&row, "updated_at") };
        if (span_empty(d.id))
            code = from_json_refuse(&row, err, "has no usable device_id");
        else if (d.encrypted != MDM_NOT_SAID)
            all[used++] = d;
    }
    if (code == OK)
        *out = (struct mdm_page){ .devices = all, .count = used, .total = -1, .partial = true };
    return code;
}
