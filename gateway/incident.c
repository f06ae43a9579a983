#include "gateway/incident.h"

#include "gateway/change.h"
#include "gateway/control_body.h"

enum { CLOCK_BYTES = 1024 * 1024, CLOCK_DEPTH = 8 };

static bool is_open_incident(const struct from_json_value *pause)
{
    struct from_json_value kind = from_json_member(pause, "kind"), to = from_json_member(pause, "to");
    struct span name = SPAN_NONE;
    int64_t to_s = 0;
    struct err err;
    return from_json_text_opt(&kind, 64, &name, &err) == OK && span_equal_text(name, "incident") && from_json_int_opt(&to, 0, INT64_MAX, &to_s, &err) == OK && to_s == 0;
}

static void write_incident(int64_t from_s, int64_t to_s, struct to_json *w)
{
    to_json_object(w);
    to_json_member_text(w, "kind", SPAN_LITERAL("incident"));
    to_json_member_int(w, "from", from_s);
    to_json_member_int(w, "to", to_s);
    to_json_end(w);
}

/* The pauses that were, the open incident ended by a stop, a new one opened by a start. */
static bool write_pauses(const struct from_json_value *before, enum incident_move move, int64_t now_s, struct to_json *w)
{
    struct from_json_value pauses = from_json_member(before, "pauses");
    bool well = true, open = false;
    to_json_key(w, "pauses");
    to_json_array(w);
    for (size_t i = 0; well && i < from_json_count(&pauses); i++) {
        struct from_json_value pause = from_json_item(&pauses, i), from = from_json_member(&pause, "from");
        int64_t from_s = 0;
        struct err err;
        if (!is_open_incident(&pause)) {
            well = control_body_copy_value(&pause, w);
            continue;
        }
        well = from_json_int(&from, 0, INT64_MAX, &from_s, &err) == OK;
        write_incident(from_s, move == INCIDENT_STOP ? now_s : 0, w);
        open = true;
    }
    if (move != INCIDENT_STOP && !open)
        write_incident(now_s, 0, w);
    to_json_end(w);
    return well;
}

bool incident_write_clock(const struct from_json_value *before, const struct incident_order *order, int64_t now_s, struct buf *after)
{
    static const char *const all[] = { "frozen", "pauses", "declared", "why", "by", "tripped_s", NULL }, *const kept[] = { "frozen", "pauses", "declared", "why", "by", NULL };
    enum incident_move move = order->move;
    struct to_json w;
    to_json_init(&w, after);
    to_json_object(&w);
    bool well = control_body_copy(before, move == INCIDENT_TRIP ? all : kept, &w);
    well = well && write_pauses(before, move, now_s, &w);
    to_json_member_bool(&w, "frozen", move != INCIDENT_STOP);
    if (move == INCIDENT_START)
        to_json_member_bool(&w, "declared", true);
    if (move != INCIDENT_STOP) {
        to_json_member_text_if(&w, "why", order->why);
        to_json_member_text_if(&w, "by", order->cause);
    }
    if (move == INCIDENT_TRIP)
        to_json_member_int(&w, "tripped_s", now_s);
    to_json_end(&w);
    return well && !after->failed;
}

struct ordering { const struct node *node; const struct incident_order *order; bool *changed; };

static bool add_event(const struct ordering *o, struct change_events *events)
{
    struct buf data;
    struct to_json w;
    buf_init(&data, 4096);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text_if(&w, "why", o->order->why);
    to_json_end(&w);
    const char *type = o->order->move == INCIDENT_STOP ? "incident.stopped" : "incident.started";
    bool added = !data.failed && change_event(events, o->node, type, SPAN_NONE, SPAN_NONE, o->order->cause, buf_span(&data));
    buf_done(&data);
    return added;
}

static enum change_say edit(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    const struct ordering *o = context;
    bool frozen = false, declared = false;
    if (from_json_parse(span_empty(before) ? SPAN_LITERAL("{}") : before, (struct from_json_limits){ CLOCK_BYTES, CLOCK_DEPTH }, "clock", &doc, err) != OK)
        return CHANGE_REFUSE;
    struct from_json_value root = from_json_root(doc), is_frozen = from_json_member(&root, "frozen"), is_declared = from_json_member(&root, "declared");
    if (from_json_bool_opt(&is_frozen, &frozen, err) != OK || from_json_bool_opt(&is_declared, &declared, err) != OK)
        return CHANGE_REFUSE;
    /* What the breaker froze only stands still; a person who declares it an incident opens apps too. */
    *o->changed = o->order->move == INCIDENT_STOP ? frozen : !frozen || !declared;
    if (!*o->changed)
        return CHANGE_NOTHING;
    if (!incident_write_clock(&root, o->order, clock_wall_s(o->node->clock), after) || !add_event(o, events))
        return (void)err_set(err, ERR_MEMORY, "the control record clock"), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

enum err_code incident_order(const struct node *node, struct store *store, const struct incident_order *order, bool *changed, struct err *err)
{
    struct ordering o = { node, order, changed };
    *changed = false;
    return change_control(node, store, SPAN_LITERAL("clock"), edit, &o, err);
}
