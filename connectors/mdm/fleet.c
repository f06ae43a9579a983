#include "connectors/mdm/fleet.h"

#include "posture/base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API "/api/v1/fleet"

struct fleet { struct mdm base; struct mdm_http http; char strict[MDM_VENDOR_ID_BYTES + 1]; };

static void fleet_free(struct mdm *m)
{
    struct fleet *f = (struct fleet *)m;
    if (f == NULL)
        return;
    mdm_http_done(&f->http);
    secret_free(f, sizeof *f);
}

static enum err_code fleet_open(const struct mdm_options *o, struct mdm **out, struct err *err)
{
    char bearer[MDM_TOKEN_BYTES];
    uint64_t team = 0;
    enum err_code code = mdm_options_check(o, err);
    if (code == OK && !span_empty(o->strict) && !span_to_u64(o->strict, &team))
        code = err_set(err, ERR_INPUT, "mdm %.*s: strict must be the number of a team", SPAN_ARGS(o->id));
    if (code != OK)
        return code;
    struct fleet *f = calloc(1, sizeof *f);
    if (f == NULL)
        return err_set(err, ERR_MEMORY, "mdm %.*s", SPAN_ARGS(o->id));
    f->base.ops = &mdm_fleet;
    snprintf(f->strict, sizeof f->strict, "%.*s", SPAN_ARGS(o->strict));
    snprintf(bearer, sizeof bearer, "Bearer %.*s", SPAN_ARGS(o->secret));
    code = mdm_http_init(&f->http, o, span_of(bearer), err);
    f->http.permission = "read hosts: role Observer, on all teams";
    secret_wipe(bearer, sizeof bearer);
    if (code != OK) {
        fleet_free(&f->base);
        return code;
    }
    *out = &f->base;
    return OK;
}

/* ---- reading ---- */

/* The list does not say how many there are, so a list that was cut short would look like its end. */
static struct mdm_result count_hosts(struct fleet *f, struct arena *arena, int64_t *total)
{
    struct from_json *doc = NULL;
    const struct mdm_request request = { .method = "GET", .path = SPAN_LITERAL(API "/hosts/count") };
    struct mdm_result r = mdm_http_json(&f->http, &request, arena, &doc);
    if (r.outcome != MDM_DONE)
        return r;
    struct from_json_value root = from_json_root(doc), count = from_json_member(&root, "count");
    return from_json_int(&count, 0, INT64_MAX, total, NULL) == OK ? r : mdm_say(MDM_GARBLED, "a count of hosts without a number");
}

/* The cursor is the number of the page, and how many hosts there were when the sweep began. */
static bool read_cursor(struct span cursor, uint64_t *page, int64_t *total)
{
    struct span rest = cursor, first = SPAN_NONE;
    return span_cut(&rest, '/', &first) && span_to_u64(first, page) && *page < 1000000 && span_to_i64(rest, total);
}

static struct mdm_result fleet_list(struct mdm *m, struct span cursor, int64_t since_s, struct arena *arena, struct mdm_page *out)
{
    struct fleet *f = (struct fleet *)m;
    struct from_json *doc = NULL;
    struct err err;
    uint64_t page = 0;
    int64_t total = -1;
    (void)since_s; /* Fleet cannot filter by time */
    if (!span_empty(cursor) && !read_cursor(cursor, &page, &total))
        return mdm_say(MDM_GARBLED, "a place in the list that is none");
    struct mdm_result r = span_empty(cursor) ? count_hosts(f, arena, &total) : mdm_say(MDM_DONE, "%s", "");
    struct span path = arena_format(arena, API "/hosts?page=%llu&per_page=%d&order_key=id&order_direction=asc&device_mapping=true", (unsigned long long)page, FLEET_PAGE);
    const struct mdm_request request = { .method = "GET", .path = path };
    if (r.outcome == MDM_DONE)
        r = mdm_http_json(&f->http, &request, arena, &doc);
    if (r.outcome != MDM_DONE)
        return r.outcome == MDM_ABSENT ? mdm_say(MDM_STOPPED, "404: url is not Fleet's") : r;
    struct from_json_value root = from_json_root(doc);
    if (fleet_read_hosts(&root, arena, out, &err) != OK)
        return mdm_say(err.code == ERR_MEMORY ? MDM_LATER : MDM_GARBLED, "hosts that cannot be read");
    if (out->count > FLEET_PAGE)
        return mdm_say(MDM_GARBLED, "a page with more hosts than asked for");
    out->total = total;
    if (out->count == FLEET_PAGE)
        snprintf(out->next, sizeof out->next, "%llu/%lld", (unsigned long long)page + 1, (long long)total);
    return r;
}

static struct mdm_result fleet_get(struct mdm *m, struct span id, struct arena *arena, struct mdm_device *out)
{
    struct fleet *f = (struct fleet *)m;
    struct from_json *doc = NULL;
    struct err err;
    const struct mdm_request request = { .method = "GET", .path = arena_format(arena, API "/hosts/%.*s?exclude_software=true", SPAN_ARGS(id)) };
    struct mdm_result r = mdm_http_json(&f->http, &request, arena, &doc);
    if (r.outcome != MDM_DONE)
        return r;
    struct from_json_value root = from_json_root(doc);
    if (fleet_read_host(&root, arena, out, &err) != OK || !span_equal(out->id, id))
        return mdm_say(MDM_GARBLED, "a host that cannot be read");
    return r;
}

/* ---- acting ---- */

static struct mdm_result call(struct fleet *f, const char *method, const char *permission, const char *path, struct span body)
{
    struct arena arena;
    arena_init(&arena, 4096, 64 * 1024);
    const struct mdm_request request = { .method = method, .path = span_of(path), .body = body, .writes = true, .permission = permission };
    struct mdm_result r = mdm_http_call(&f->http, &request, &arena, NULL);
    arena_done(&arena);
    return r;
}

static struct mdm_result fleet_ask(struct mdm *m, struct span id, struct span key)
{
    char path[256];
    (void)key;
    snprintf(path, sizeof path, API "/hosts/%.*s/refetch", SPAN_ARGS(id));
    return call((struct fleet *)m, "POST", "refetch hosts: role Observer", path, SPAN_NONE);
}

static struct mdm_result transfer(struct fleet *f, struct span host, struct span team)
{
    char body[128];
    uint64_t number = 0;
    if (!span_to_u64(host, &number) || (!span_empty(team) && !span_to_u64(team, &number)))
        return mdm_say(MDM_REFUSED, "a host or team without a number");
    snprintf(body, sizeof body, "{\"team_id\":%.*s,\"hosts\":[%.*s]}", SPAN_ARGS(span_empty(team) ? SPAN_LITERAL("null") : team), SPAN_ARGS(host));
    return call(f, "POST", "transfer hosts: role Maintainer, on both teams", API "/hosts/transfer", span_of(body));
}

static struct mdm_result fleet_strict(struct mdm *m, const struct mdm_action *action)
{
    struct fleet *f = (struct fleet *)m;
    return f->strict[0] == '\0' ? mdm_say(MDM_UNABLE, "no strict team is configured") : transfer(f, action->device, span_of(f->strict));
}

static struct mdm_result fleet_undo(struct mdm *m, const struct mdm_action *action)
{
    char path[256];
    if (!action->was_invited)
        return transfer((struct fleet *)m, action->device, action->former);
    snprintf(path, sizeof path, API "/hosts/%.*s/mdm", SPAN_ARGS(action->device));
    return call((struct fleet *)m, "DELETE", "turn MDM off: role Maintainer", path, SPAN_NONE);
}

/* ---- webhooks: Fleet signs none; it sends what the address has before the @ as Basic authentication ---- */

static enum err_code fleet_hook(const struct mdm_options *o, const struct mdm_hook *hook, struct arena *arena, struct mdm_news *out, struct err *err)
{
    enum err_code code = mdm_hook_secret(o, hook, err);
    return code == OK ? fleet_read_hook(hook->body, arena, out, err) : code;
}

const struct mdm_ops mdm_fleet = {
    .kind = MDM_FLEET, .title = "Fleet", .strict_word = "team", .platforms = 1u << PLATFORM_MACOS | 1u << PLATFORM_WINDOWS | 1u << PLATFORM_LINUX, .lists = true,
    .open = fleet_open, .free = fleet_free, .list = fleet_list, .get = fleet_get, .ask = fleet_ask, .strict = fleet_strict, .undo = fleet_undo, .hook = fleet_hook,
};
