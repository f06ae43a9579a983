#include "gateway/rollout.h"

#include "gateway/change.h"
#include "gateway/control_body.h"

#include <string.h>

enum { RECORD_BYTES = 16 * 1024 * 1024, RECORD_DEPTH = 16, TEXT_BYTES = 4 * 1024 * 1024, WHY_BYTES = 256 };

/* What the record says, or for one that was written before there were rings, what its policy's text says. */
struct state { unsigned percent; bool halted, known; };

static unsigned percent_of_text(const struct from_json_value *root)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct from_json_value text = from_json_member(root, "text");
    struct span canonical;
    int64_t percent = RING_WHOLE_PERCENT;
    struct err err;
    if (from_json_text(&text, TEXT_BYTES, &canonical, &err) != OK || from_json_parse(canonical, (struct from_json_limits){ TEXT_BYTES, 32 }, "policy", &doc, &err) != OK)
        return RING_WHOLE_PERCENT;
    struct from_json_value policy = from_json_root(doc), rings = from_json_member(&policy, "rings"), value = from_json_member(&rings, "percent");
    return from_json_int_opt(&value, 0, RING_WHOLE_PERCENT, &percent, &err) == OK ? (unsigned)percent : RING_WHOLE_PERCENT;
}

static struct state state_of(const struct from_json_value *root)
{
    struct from_json_value ring = from_json_member(root, "ring"), percent = from_json_member(&ring, "percent"), halted = from_json_member(&ring, "halted");
    struct state s = { 0 };
    int64_t share = 0;
    struct err err;
    s.known = from_json_present(&ring) && from_json_int(&percent, 0, RING_WHOLE_PERCENT, &share, &err) == OK && from_json_bool_opt(&halted, &s.halted, &err) == OK;
    s.percent = s.known ? (unsigned)share : percent_of_text(root);
    return s;
}

static bool is_whole(const struct state *s) { return s->percent >= RING_WHOLE_PERCENT && !s->halted; }

static void write_ring(const struct state *s, int64_t since_s, struct span why, struct span by, struct to_json *w)
{
    to_json_key(w, "ring");
    to_json_object(w);
    to_json_member_int(w, "percent", s->percent);
    if (s->halted)
        to_json_member_bool(w, "halted", true);
    to_json_member_int(w, "since", since_s);
    to_json_member_text_if(w, "why", why);
    to_json_member_text_if(w, "by", by);
    to_json_end(w);
}

/* ---- a new policy ---- */

/* The last version that was everybody's: what is in force when it is that, else what it stood on itself. */
static bool write_before(const struct from_json_value *root, bool was_whole, struct to_json *w)
{
    struct from_json_value before = from_json_member(root, "before"), version = from_json_member(root, "version"), text = from_json_member(root, "text");
    if (!was_whole) {
        if (!from_json_present(&before))
            return true;
        to_json_key(w, "before");
        return control_body_copy_value(&before, w);
    }
    if (!from_json_present(&text))
        return true; /* the very first */
    to_json_key(w, "before");
    to_json_object(w);
    to_json_key(w, "version");
    bool well = control_body_copy_value(&version, w);
    to_json_key(w, "text");
    well = well && control_body_copy_value(&text, w);
    to_json_end(w);
    return well;
}

bool rollout_write_start(const struct from_json_value *root, const struct rollout_start *start, struct to_json *w)
{
    struct state was = state_of(root), next = { .percent = start->whole ? RING_WHOLE_PERCENT : start->policy->rings.percent };
    struct from_json_value ring = from_json_member(root, "ring");
    if (start->keep && from_json_present(&ring)) {
        to_json_key(w, "ring");
        return control_body_copy_value(&ring, w) && write_before(root, false, w);
    }
    write_ring(&next, start->now_s, SPAN_LITERAL("applied"), start->by, w);
    return is_whole(&next) || write_before(root, is_whole(&was), w);
}

bool rollout_foresee(const struct directory *directory, const struct policy *after, int64_t now_s, struct arena *arena, struct rollout_world *out)
{
    const struct control *now = directory_control(directory);
    *out = (struct rollout_world){ 0 };
    directory_decision_input(directory, NULL, now_s, NULL, 0, &out->before);
    out->after = out->before;
    out->after.policy = after;
    out->after.ring = &out->ring;
    out->ring = ring_of(after);
    out->ring.since_s = now_s;
    if (now->policy != NULL && strcmp(now->policy->version, after->version) == 0) { /* it is in force: nothing changes */
        out->ring = now->ring;
        return ring_stand_on(&out->ring, after, now->ring.before, arena);
    }
    if (now->policy != NULL && !strictness_next(now->policy, now->strictness, after, now_s, arena, &out->strictness))
        return false;
    out->after.strictness = now->policy != NULL ? &out->strictness : NULL;
    return ring_is_whole(&out->ring) || ring_stand_on(&out->ring, after, now->policy == NULL || !ring_is_whole(&now->ring) ? now->ring.before : now->policy, arena);
}

/* ---- a move ---- */

struct moving { const struct node *node; const struct ring_order *order; bool *changed; };

static const char *const events_of[] = { [RING_ADVANCE] = "ring.advanced", [RING_HALT] = "ring.halted", [RING_RESUME] = "ring.resumed" };

static bool add_event(const struct moving *m, const struct state *was, const struct state *next, struct span version, struct change_events *events)
{
    CLEANUP(buf_done) struct buf data;
    struct to_json w;
    buf_init(&data, 8192);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "version", version);
    to_json_member_int(&w, "from", was->halted ? 0 : was->percent);
    to_json_member_int(&w, "to", next->halted ? 0 : next->percent);
    to_json_member_text_if(&w, "why", m->order->why);
    if (!span_empty(m->order->figures)) {
        to_json_key(&w, "figures");
        to_json_raw(&w, m->order->figures);
    }
    to_json_end(&w);
    if (data.failed || !change_event(events, m->node, events_of[m->order->move], SPAN_NONE, SPAN_NONE, m->order->cause, buf_span(&data)))
        return false;
    events->all[events->count - 1].policy = arena_copy(events->arena, version);
    return true;
}

static enum err_code next_state(const struct ring_order *order, const struct state *was, struct state *next, struct err *err)
{
    *next = *was;
    if (is_whole(was))
        return err_set(err, ERR_CONFLICT, "the policy in force is everybody's already: there is no ring to move");
    if (order->move == RING_ADVANCE && was->halted)
        return err_set(err, ERR_CONFLICT, "the ring is halted: look at why, then resume it before it goes on");
    if (order->move == RING_ADVANCE && (order->percent <= was->percent || order->percent > RING_WHOLE_PERCENT))
        return err_set(err, ERR_INPUT, "percent must be more than %u, where the ring is, and at most 100; a halt takes the policy back", was->percent);
    if (order->move == RING_ADVANCE)
        next->percent = order->percent;
    else
        next->halted = order->move == RING_HALT;
    return OK;
}

static bool write_moved(const struct from_json_value *root, const struct moving *m, const struct state *next, struct buf *after)
{
    static const char *const ring[] = { "ring", NULL }, *const both[] = { "ring", "before", NULL };
    struct to_json w;
    to_json_init(&w, after);
    to_json_object(&w);
    bool well = control_body_copy(root, is_whole(next) ? both : ring, &w);
    write_ring(next, clock_wall_s(m->node->clock), m->order->why, m->order->cause, &w);
    to_json_end(&w);
    return well && !after->failed;
}

static enum change_say edit(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    const struct moving *m = context;
    struct span version = SPAN_NONE;
    struct state next;
    if (span_empty(before))
        return (void)err_set(err, ERR_NOT_FOUND, "no policy is in force yet"), CHANGE_REFUSE;
    if (from_json_parse(before, (struct from_json_limits){ RECORD_BYTES, RECORD_DEPTH }, "policy record", &doc, err) != OK)
        return CHANGE_REFUSE;
    struct from_json_value root = from_json_root(doc), value = from_json_member(&root, "version");
    struct state was = state_of(&root);
    if (from_json_text_opt(&value, 64, &version, err) != OK || next_state(m->order, &was, &next, err) != OK)
        return CHANGE_REFUSE;
    if (!span_empty(m->order->version) && !span_equal(m->order->version, version))
        return (void)err_set(err, ERR_CONFLICT, "another policy was put in force meanwhile"), CHANGE_REFUSE;
    *m->changed = next.percent != was.percent || next.halted != was.halted;
    if (!*m->changed)
        return CHANGE_NOTHING;
    if (!write_moved(&root, m, &next, after) || !add_event(m, &was, &next, version, events))
        return (void)err_set(err, ERR_MEMORY, "the control record policy"), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

enum err_code rollout_order(const struct node *node, struct store *store, const struct ring_order *order, bool *changed, struct err *err)
{
    struct moving m = { node, order, changed };
    *changed = false;
    return change_control(node, store, SPAN_LITERAL("policy"), edit, &m, err);
}
