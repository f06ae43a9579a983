/* NanoMDM's webhook: JSON around the property list that the device sent, base64 (Apple: Check-in, MDM protocol, DeviceInformation, SecurityInfo, ProfileList). */
#include "connectors/mdm/nanomdm.h"

#include "connectors/mdm/plist.h"
#include "posture/base/secret.h"

enum { DEPTH = 12, EVENT_BYTES = 128 };

static struct span shown(struct span text, struct arena *arena)
{
    for (size_t i = 0; i < text.bytes; i++)
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
            return SPAN_NONE;
    return text.bytes <= MDM_TEXT_BYTES ? arena_copy(arena, text) : SPAN_NONE;
}

static enum mdm_truth truth_at(const struct plist *dict, const char *key)
{
    const struct plist *at = plist_get(dict, key);
    return at == NULL ? MDM_NOT_SAID : at->kind == PLIST_TRUE ? MDM_YES : at->kind == PLIST_FALSE ? MDM_NO : MDM_NOT_SAID;
}

/* "Mac14,2", "MacBookPro18,1", "iMac21,1", "VirtualMac2,1". */
static enum platform platform_of(struct span product)
{
    return span_search(product, SPAN_LITERAL("Mac")) < product.bytes ? PLATFORM_MACOS : PLATFORM_UNKNOWN;
}

/* Check-in messages and DeviceInformation's answers use the same names. */
static void read_information(const struct plist *dict, struct arena *arena, struct mdm_device *d)
{
    struct span product = plist_text(dict, "ProductName");
    d->serial = shown(plist_text(dict, "SerialNumber"), arena);
    d->os_version = shown(plist_text(dict, "OSVersion"), arena);
    d->name = shown(plist_text(dict, "DeviceName"), arena);
    d->model = shown(product, arena);
    d->platform = platform_of(product);
    d->supervised = truth_at(dict, "IsSupervised");
}

static void read_security(const struct plist *dict, struct mdm_device *d)
{
    d->encrypted = truth_at(dict, "FDE_Enabled");
    d->firewall = truth_at(plist_get(dict, "FirewallSettings"), "FirewallEnabled");
}

static void read_profiles(const struct plist *list, struct span strict, struct mdm_device *d)
{
    if (list == NULL || list->kind != PLIST_ARRAY || span_empty(strict))
        return;
    d->group = SPAN_LITERAL("none");
    for (const struct plist *at = list->first; at != NULL; at = at->next)
        if (span_equal(plist_text(at, "PayloadIdentifier"), strict))
            d->group = strict;
}

static enum err_code read_payload(const struct from_json_value *event, struct arena *arena, const struct plist **out, struct err *err)
{
    struct from_json_value raw = from_json_member(event, "raw_payload");
    struct span text = SPAN_NONE;
    struct buf xml;
    *out = NULL;
    enum err_code code = from_json_text_opt(&raw, MDM_HOOK_BYTES, &text, err);
    if (code != OK || span_empty(text))
        return code;
    buf_init(&xml, PLIST_BYTES);
    code = secret_from_base64(text, PLIST_BYTES, &xml, err);
    if (code == OK)
        code = plist_read(buf_span(&xml), arena, out, err);
    buf_done(&xml);
    return code;
}

static bool is_user_channel(const struct from_json_value *event, struct arena *arena)
{
    struct from_json_value ids = from_json_member(event, "ids");
    struct span type = mdm_text(&ids, "type", arena);
    return span_search(type, SPAN_LITERAL("User")) < type.bytes;
}

static void read_checkin(struct span topic, const struct plist *payload, struct arena *arena, struct mdm_news *out)
{
    struct mdm_device *d = &out->device;
    if (span_equal_text(topic, "mdm.Authenticate"))
        read_information(payload, arena, d);
    else if (span_equal_text(topic, "mdm.TokenUpdate"))
        d->managed = MDM_YES; /* Apple: enrolled is who has sent a token */
    else if (span_equal_text(topic, "mdm.CheckOut"))
        d->managed = MDM_NO;
}

static bool read_answer(const struct plist *payload, struct span strict, struct arena *arena, struct mdm_device *d)
{
    const struct plist *information = plist_get(payload, "QueryResponses"), *security = plist_get(payload, "SecurityInfo"), *profiles = plist_get(payload, "ProfileList");
    d->managed = MDM_YES; /* it connects */
    if (information != NULL)
        read_information(information, arena, d);
    if (security != NULL)
        read_security(security, d);
    read_profiles(profiles, strict, d);
    return information != NULL || security != NULL || profiles != NULL;
}

enum err_code nanomdm_read_hook(struct span body, struct span strict, struct arena *arena, struct mdm_news *out, struct err *err)
{
    struct from_json *doc = NULL;
    const struct plist *payload = NULL;
    enum err_code code = from_json_parse_in(arena, body, (struct from_json_limits){ MDM_HOOK_BYTES, DEPTH }, "webhook", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), checkin = from_json_member(&root, "checkin_event"), answer = from_json_member(&root, "acknowledge_event");
    const struct from_json_value *event = from_json_present(&checkin) ? &checkin : &answer;
    struct span topic = mdm_text(&root, "topic", arena), id = mdm_id(event, "udid", arena);
    int64_t at_s = mdm_time(&root, "created_at");
    *out = (struct mdm_news){ .event = mdm_text(&root, "event_id", arena) };
    if (from_json_kind(event) != FROM_JSON_OBJECT || is_user_channel(event, arena))
        return OK;
    if (span_empty(id))
        return from_json_refuse(event, err, "has no usable udid");
    code = read_payload(event, arena, &payload, err);
    if (code != OK)
        return code;
    out->has_device = out->partial = true;
    out->device = (struct mdm_device){ .id = id, .uuid = id, .contact_s = at_s };
    if (event == &checkin)
        read_checkin(topic, payload, arena, out);
    else if (read_answer(payload, strict, arena, &out->device))
        out->device.facts_s = at_s;
    if (span_equal_text(topic, "mdm.TokenUpdate")) { /* newly there: ask it what it is */
        struct span *again = arena_array(arena, 1, sizeof *again);
        if (again == NULL)
            return err_set(err, ERR_MEMORY, "a webhook");
        again[0] = id;
        out->read_again = again;
        out->read_again_count = 1;
    }
    return OK;
}
