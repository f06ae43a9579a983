#include "connectors/mdm/jamf.h"

#include "posture/base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INVENTORY "/api/v1/computers-inventory"
/* What mdm_device has, and nothing more: no apps, no place, no telephone. */
#define SECTIONS "section=GENERAL&section=HARDWARE&section=OPERATING_SYSTEM&section=DISK_ENCRYPTION&section=SECURITY&section=USER_AND_LOCATION"

struct jamf { struct mdm base; struct mdm_http http; };

static void jamf_free(struct mdm *m)
{
    struct jamf *j = (struct jamf *)m;
    if (j == NULL)
        return;
    mdm_http_done(&j->http);
    secret_free(j, sizeof *j);
}

static enum err_code jamf_open(const struct mdm_options *o, struct mdm **out, struct err *err)
{
    enum err_code code = mdm_options_check(o, err);
    if (code == OK && !span_empty(o->strict))
        code = err_set(err, ERR_INPUT, "mdm %.*s: Jamf Pro is only read: strict has no meaning there", SPAN_ARGS(o->id));
    if (code != OK)
        return code;
    struct jamf *j = calloc(1, sizeof *j);
    if (j == NULL)
        return err_set(err, ERR_MEMORY, "mdm %.*s", SPAN_ARGS(o->id));
    j->base.ops = &mdm_jamf;
    code = mdm_http_init_oauth(&j->http, o, SPAN_LITERAL("/api/oauth/token"), SPAN_NONE, err); /* since 10.49: an API client, whose tokens live some ten minutes */
    j->http.permission = "Read Computers";
    if (code != OK) {
        jamf_free(&j->base);
        return code;
    }
    *out = &j->base;
    return OK;
}

/* By number: in any other order a computer that reports during the walk would push another one out of sight. */
static struct span path_of(uint64_t page, int64_t since_s, struct arena *arena)
{
    char since[CLOCK_TEXT_BYTES];
    if (since_s <= 0)
        return arena_format(arena, INVENTORY "?" SECTIONS "&page=%llu&page-size=%d&sort=id:asc", (unsigned long long)page, JAMF_PAGE);
    return arena_format(arena, INVENTORY "?" SECTIONS "&page=%llu&page-size=%d&sort=id:asc&filter=general.reportDate%%3E%%3D%%22%s%%22", (unsigned long long)page, JAMF_PAGE,
                        clock_rfc3339(since_s, since));
}

static struct mdm_result jamf_list(struct mdm *m, struct span cursor, int64_t since_s, struct arena *arena, struct mdm_page *out)
{
    struct jamf *j = (struct jamf *)m;
    struct from_json *doc = NULL;
    struct err err;
    uint64_t page = 0;
    if (!span_empty(cursor) && (!span_to_u64(cursor, &page) || page > 1000000))
        return mdm_say(MDM_GARBLED, "a place in the list that is none");
    const struct mdm_request request = { .method = "GET", .path = path_of(page, since_s, arena) };
    struct mdm_result r = mdm_http_json(&j->http, &request, arena, &doc);
    if (r.outcome != MDM_DONE)
        return r.outcome == MDM_ABSENT ? mdm_say(MDM_STOPPED, "404: url is not Jamf Pro's, or it is older than 10.49") : r;
    struct from_json_value root = from_json_root(doc);
    if (jamf_read_computers(&root, arena, out, &err) != OK)
        return mdm_say(err.code == ERR_MEMORY ? MDM_LATER : MDM_GARBLED, "computers that cannot be read");
    uint64_t seen = page * JAMF_PAGE + out->count;
    bool more = seen < (uint64_t)out->total;
    if (out->count > JAMF_PAGE || (more && out->count < JAMF_PAGE))
        return mdm_say(MDM_GARBLED, "a page with %zu of %d computers", out->count, JAMF_PAGE);
    if (more)
        snprintf(out->next, sizeof out->next, "%llu", (unsigned long long)page + 1);
    return r;
}

static struct mdm_result jamf_get(struct mdm *m, struct span id, struct arena *arena, struct mdm_device *out)
{
    struct jamf *j = (struct jamf *)m;
    struct from_json *doc = NULL;
    struct err err;
    const struct mdm_request request = { .method = "GET", .path = arena_format(arena, INVENTORY "/%.*s?" SECTIONS, SPAN_ARGS(id)) };
    struct mdm_result r = mdm_http_json(&j->http, &request, arena, &doc);
    if (r.outcome != MDM_DONE)
        return r;
    struct from_json_value root = from_json_root(doc);
    if (jamf_read_computer(&root, arena, out, &err) != OK || !span_equal(out->id, id))
        return mdm_say(MDM_GARBLED, "a computer that cannot be read");
    return r;
}

static enum err_code jamf_hook(const struct mdm_options *options, const struct mdm_hook *hook, struct arena *arena, struct mdm_news *out, struct err *err)
{
    enum err_code code = mdm_hook_secret(options, hook, err);
    return code == OK ? jamf_read_hook(hook->body, arena, out, err) : code;
}

const struct mdm_ops mdm_jamf = {
    .kind = MDM_JAMF, .title = "Jamf Pro", .strict_word = "group", .platforms = 1u << PLATFORM_MACOS, .lists = true,
    .open = jamf_open, .free = jamf_free, .list = jamf_list, .get = jamf_get, .hook = jamf_hook,
};
