#include "connectors/mdm/intune.h"

#include "posture/base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES "/v1.0/deviceManagement/managedDevices"
/* What mdm_device has, and nothing more. */
#define SELECT "$select=id,deviceName,model,serialNumber,userPrincipalName,emailAddress,complianceState,isEncrypted,isSupervised,osVersion,operatingSystem,lastSyncDateTime," \
               "managementAgent,managedDeviceOwnerType"

struct intune { struct mdm base; struct mdm_http http; };

static void intune_free(struct mdm *m)
{
    struct intune *i = (struct intune *)m;
    if (i == NULL)
        return;
    mdm_http_done(&i->http);
    secret_free(i, sizeof *i);
}

static enum err_code intune_open(const struct mdm_options *o, struct mdm **out, struct err *err)
{
    enum err_code code = mdm_options_check(o, err);
    if (code == OK && !span_empty(o->strict))
        code = err_set(err, ERR_INPUT, "mdm %.*s: Intune is only read: strict has no meaning there", SPAN_ARGS(o->id));
    if (code != OK)
        return code;
    struct intune *i = calloc(1, sizeof *i);
    if (i == NULL)
        return err_set(err, ERR_MEMORY, "mdm %.*s", SPAN_ARGS(o->id));
    i->base.ops = &mdm_intune;
    code = mdm_http_init_oauth(&i->http, o, SPAN_NONE, SPAN_LITERAL("/.default"), err); /* the scope is that of the cloud that is called: other clouds have other hosts */
    i->http.permission = "DeviceManagementManagedDevices.Read.All, as an application, with the administrator's consent";
    if (code != OK) {
        intune_free(&i->base);
        return code;
    }
    *out = &i->base;
    return OK;
}

/* The place in the list is Graph's own next link: what it says of paging is its business, where it leads is ours. */
static struct mdm_result intune_list(struct mdm *m, struct span cursor, int64_t since_s, struct arena *arena, struct mdm_page *out)
{
    struct intune *i = (struct intune *)m;
    struct from_json *doc = NULL;
    struct span base = span_of(i->http.base), next = SPAN_NONE;
    struct err err;
    (void)since_s; /* there is no way to ask for changes */
    if (!span_empty(cursor) && !intune_leads_on(base, SPAN_NONE, cursor))
        return mdm_say(MDM_GARBLED, "a place in the list that is none");
    const struct mdm_request request = { .method = "GET", .path = span_empty(cursor) ? SPAN_LITERAL(DEVICES "?" SELECT "&$top=1000") : cursor, .absolute = !span_empty(cursor) };
    struct mdm_result r = mdm_http_json(&i->http, &request, arena, &doc);
    if (r.outcome != MDM_DONE)
        return r.outcome == MDM_ABSENT ? mdm_say(MDM_STOPPED, "404: url is not Graph's, or the tenant has no Intune") : r;
    struct from_json_value root = from_json_root(doc);
    if (intune_read_devices(&root, arena, out, &next, &err) != OK)
        return mdm_say(err.code == ERR_MEMORY ? MDM_LATER : MDM_GARBLED, "devices that cannot be read");
    if (!span_empty(next) && !intune_leads_on(base, cursor, next))
        return mdm_say(MDM_GARBLED, "a next page that is not Graph's");
    snprintf(out->next, sizeof out->next, "%.*s", SPAN_ARGS(next));
    return r;
}

static struct mdm_result intune_get(struct mdm *m, struct span id, struct arena *arena, struct mdm_device *out)
{
    struct intune *i = (struct intune *)m;
    struct from_json *doc = NULL;
    struct err err;
    const struct mdm_request request = { .method = "GET", .path = arena_format(arena, DEVICES "/%.*s?" SELECT, SPAN_ARGS(id)) };
    struct mdm_result r = mdm_http_json(&i->http, &request, arena, &doc);
    if (r.outcome != MDM_DONE)
        return r;
    struct from_json_value root = from_json_root(doc);
    if (intune_read_device(&root, arena, out, &err) != OK || !span_equal(out->id, id))
        return mdm_say(MDM_GARBLED, "a device that cannot be read");
    return r;
}

const struct mdm_ops mdm_intune = {
    .kind = MDM_INTUNE, .title = "Microsoft Intune", .strict_word = "group", .platforms = 1u << PLATFORM_MACOS | 1u << PLATFORM_WINDOWS | 1u << PLATFORM_LINUX, .lists = true,
    .open = intune_open, .free = intune_free, .list = intune_list, .get = intune_get,
};
