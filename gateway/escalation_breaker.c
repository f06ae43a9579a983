/* The breaker: when many devices of a platform begin to fail at once, the likely fault is ours (a bad query, a new system version, a vendor's
 * outage). Consequences freeze, nobody is written to, and an admin looks. */
#include "gateway/escalation.h"

#include "gateway/change.h"
#include "gateway/incident.h"
#include "gateway/rollout.h"

#include <string.h>

enum { CLOCK_BYTES = 1024 * 1024, CLOCK_DEPTH = 8 };

struct counting { int64_t from_s, now_s; struct breaker_count *counts; };

static bool flipped(const struct device *device, int64_t from_s, int64_t now_s)
{
    for (size_t i = 0; i < device->result_count; i++) {
        const struct result *r = &device->results[i];
        if (r->verdict == VERDICT_FAIL && r->first_failed_s > from_s && r->first_failed_s <= now_s)
            return true;
    }
    return false;
}

/* A device that has just arrived fails what it always failed: it says nothing about a flip. */
static bool count_device(void *context, const struct device *device)
{
    struct counting *c = context;
    if (device->removed || device->enrolled_s > c->from_s || device->platform >= PLATFORM_COUNT)
        return true;
    c->counts[device->platform].devices++;
    c->counts[device->platform].flipped += flipped(device, c->from_s, c->now_s);
    return true;
}

void escalation_count(const struct directory *d, int64_t now_s, int64_t within_s, struct breaker_count counts[PLATFORM_COUNT])
{
    struct counting c = { now_s - within_s, now_s, counts };
    memset(counts, 0, PLATFORM_COUNT * sizeof *counts);
    directory_enter(d);
    directory_each_device(d, count_device, &c);
    directory_leave(d);
}

bool escalation_trips(const struct policy *policy, const struct breaker_count counts[PLATFORM_COUNT], enum platform *which)
{
    for (unsigned i = 0; policy->breaker.within_s > 0 && i < PLATFORM_COUNT; i++) {
        const struct breaker_count *c = &counts[i];
        if (c->flipped == 0 || c->flipped < policy->breaker.at_least || c->flipped * 100 < c->devices * policy->breaker.share_percent)
            continue;
        *which = (enum platform)i;
        return true;
    }
    return false;
}

struct trip { const struct node *node; struct breaker_count count; enum platform platform; int64_t within_s, now_s; bool tripped; };

static bool add_tripped_event(const struct trip *t, struct change_events *events)
{
    struct buf data;
    struct to_json w;
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "platform", span_of(platform_name(t->platform)));
    to_json_member_int(&w, "devices", (int64_t)t->count.devices);
    to_json_member_int(&w, "flipped", (int64_t)t->count.flipped);
    to_json_member_int(&w, "within_s", t->within_s);
    to_json_end(&w);
    bool added = !data.failed && change_event(events, t->node, "breaker.tripped", SPAN_NONE, SPAN_NONE, SPAN_LITERAL("breaker"), buf_span(&data));
    buf_done(&data);
    return added;
}

/* Frozen already, or released by an admin within the window that tripped it: then the same flip does not trip it again. */
static enum change_say edit_clock(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct trip *t = context;
    bool frozen = false;
    t->tripped = false;
    int64_t tripped_s = 0;
    if (from_json_parse(span_empty(before) ? SPAN_LITERAL("{}") : before, (struct from_json_limits){ CLOCK_BYTES, CLOCK_DEPTH }, "clock", &doc, err) != OK)
        return CHANGE_REFUSE;
    struct from_json_value root = from_json_root(doc), is_frozen = from_json_member(&root, "frozen"), tripped = from_json_member(&root, "tripped_s");
    if (from_json_bool_opt(&is_frozen, &frozen, err) != OK || from_json_int_opt(&tripped, 0, INT64_MAX, &tripped_s, err) != OK)
        return CHANGE_REFUSE;
    if (frozen || (tripped_s > 0 && t->now_s - tripped_s < t->within_s))
        return CHANGE_NOTHING;
    struct incident_order trip = { INCIDENT_TRIP, SPAN_LITERAL("many devices of a platform began to fail at once"), SPAN_LITERAL("breaker") };
    if (!incident_write_clock(&root, &trip, t->now_s, after) || !add_tripped_event(t, events))
        return (void)err_set(err, ERR_MEMORY, "the control record clock"), CHANGE_REFUSE;
    t->tripped = true;
    return CHANGE_COMMIT;
}

/* A policy that was on its way is the first suspect. */
static enum err_code halt_ring(const struct node *node, struct store *store, struct err *err)
{
    struct ring_order order = { .move = RING_HALT, .why = SPAN_LITERAL("many devices began to fail at once"), .cause = SPAN_LITERAL("breaker") };
    bool changed = false;
    directory_enter(node->directory);
    const struct control *control = directory_control(node->directory);
    bool under_way = control->policy != NULL && !ring_is_whole(&control->ring) && !control->ring.halted;
    directory_leave(node->directory);
    if (!under_way)
        return OK;
    enum err_code code = rollout_order(node, store, &order, &changed, err);
    return code == ERR_CONFLICT ? OK : code;
}

enum err_code escalation_check_breaker(const struct node *node, struct store *store, struct err *err)
{
    struct breaker_count counts[PLATFORM_COUNT];
    struct trip t = { .node = node, .now_s = clock_wall_s(node->clock) };
    const struct directory *d = node->directory;
    bool trips = false;
    directory_enter(d);
    const struct control *control = directory_control(d);
    if (control->policy != NULL && !control->frozen && control->policy->breaker.within_s > 0) {
        t.within_s = control->policy->breaker.within_s;
        escalation_count(d, t.now_s, t.within_s, counts);
        trips = escalation_trips(control->policy, counts, &t.platform);
    }
    directory_leave(d);
    if (!trips)
        return OK;
    t.count = counts[t.platform];
    log_event(node->log, LOG_ERROR, "breaker.tripped", LOG_STR("platform", platform_name(t.platform)), LOG_INT("flipped", (int64_t)t.count.flipped), LOG_INT("devices", (int64_t)t.count.devices));
    enum err_code code = change_control(node, store, SPAN_LITERAL("clock"), edit_clock, &t, err);
    return code == OK && t.tripped ? halt_ring(node, store, err) : code;
}
