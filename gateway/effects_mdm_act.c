/* Carrying the fallback out for one device: what posture/fallback.h says is next is written into the record, then done, then read back. The record is changed
 * only in the state that was judged, so of two that look, one acts; a call is announced in the outbox, under the fence, before it is made. */
#include "gateway/effects_mdm.h"

#include "gateway/change.h"
#include "gateway/escalation.h"
#include "posture/fallback.h"

#include <string.h>

enum { AGAIN_MS = 500, LOOK_MS = 15 * 60 * 1000, LOOK_LATEST_MS = 6 * 3600 * 1000, READ_BACK_MS = 30 * 1000, READ_BACK_SLOW_MS = 15 * 60 * 1000, STUCK_AFTER_S = 86400,
       RETRY_MS = 6 * 3600 * 1000, LADDER_ARENA_BYTES = 8 * 1024 * 1024, DATA_BYTES = 2048, FAILURES_BEFORE_TOLD = 5, ASK_EVERY_READS = 8 };

/* One look. Texts live in `arena`. */
struct turn {
    struct mdm_reader *m;
    struct reader *r;
    unsigned partition;
    struct effects_item *item;
    struct arena arena;
    struct span device, serial, owner_email;
    int64_t version, now_s;
    struct fallback was;            /* as judged */
    struct fallback_plan plan;
    struct span link_id, link_group;/* of this manager's link */
    unsigned link_managed;
    bool known, mine, invited, behind;
    /* what is to be written: */
    struct fallback next;
    const char *event;
    struct span how;
};

/* ---- looking ---- */

bool effects_mdm_concerns(const struct mdm_reader *m, const struct device *device)
{
    if (device->fallback.state != FALLBACK_NONE)
        return span_equal(device->fallback.manager, m->manager->options.id);
    bool invited;
    return !device->removed && !span_empty(device->rung) && managers_for(m->managers, device, &invited) == m->manager;
}

static struct fallback keep(struct arena *a, const struct fallback *f)
{
    struct fallback copy = *f;
    copy.manager = arena_copy(a, f->manager);
    copy.id = arena_copy(a, f->id);
    copy.former = arena_copy(a, f->former);
    copy.key = arena_copy(a, f->key);
    copy.why = arena_copy(a, f->why);
    return copy;
}

static void look_at(struct turn *t, const struct device *device)
{
    const struct directory *d = t->m->node->directory;
    const struct person *owner = directory_person(d, device->owner);
    const struct managed_link *link = device_link(device, t->m->manager->options.id);
    struct ladder_input in;
    struct standing *standings = NULL;
    size_t count = escalation_standings(t->m->node, device, owner, &t->arena, &in, &standings);
    struct fallback_input asked = { .policy = in.policy, .device = device, .owner = owner != NULL && !owner->removed ? owner : NULL, .standings = standings, .count = count,
                                    .frozen = in.frozen, .now_s = in.now_s };
    t->known = in.policy != NULL;
    t->mine = effects_mdm_concerns(t->m, device);
    t->version = device->version;
    t->was = keep(&t->arena, &device->fallback);
    t->serial = arena_copy(&t->arena, device->serial);
    t->owner_email = asked.owner != NULL && owner->email_count > 0 ? arena_copy(&t->arena, owner->emails[0]) : SPAN_NONE;
    if (link != NULL && link->gone_s == 0) {
        t->link_id = arena_copy(&t->arena, link->id);
        t->link_group = arena_copy(&t->arena, link->group);
        t->link_managed = link->managed;
    }
    bool ours = managers_for(t->m->managers, device, &t->invited) == t->m->manager;
    if (t->known && t->mine)
        t->plan = fallback_plan(&asked);
    if (t->was.state == FALLBACK_ANNOUNCED && (!ours || t->invited != t->was.invited))
        t->plan.step = FALLBACK_CALL_OFF; /* another manager has it now, or none: what was announced is not what would come */
}

static void look(struct turn *t)
{
    uint64_t least = 0;
    (void)span_to_u64(t->item->payload, &least);
    directory_enter(t->m->node->directory);
    const struct device *device = directory_device(t->m->node->directory, t->device);
    t->now_s = clock_wall_s(t->m->node->clock);
    t->behind = device != NULL && device->version < (int64_t)least;
    if (device != NULL && !t->behind)
        look_at(t, device);
    directory_leave(t->m->node->directory);
}

/* ---- writing down ---- */

static struct span event_data(const struct turn *t, struct arena *arena)
{
    CLEANUP(buf_done) struct buf data;
    struct to_json w;
    const struct fallback *f = t->next.state == FALLBACK_NONE ? &t->was : &t->next;
    buf_init(&data, DATA_BYTES);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "manager", t->m->manager->options.id);
    to_json_member_text(&w, "from", span_of(fallback_state_name(t->was.state)));
    to_json_member_text(&w, "to", span_of(fallback_state_name(t->next.state)));
    to_json_member_text(&w, "kind", f->invited ? SPAN_LITERAL("invitation") : SPAN_LITERAL("strict"));
    to_json_member_text_if(&w, "how", t->how);
    to_json_member_text_if(&w, "former", f->former);
    to_json_member_text_if(&w, "id", f->id);
    to_json_member_text_if(&w, "why", t->next.why);
    to_json_end(&w);
    return arena_copy(arena, buf_span(&data));
}

/* Only the state that was judged is changed: a newer one brings its own entry, and is looked at then. */
static enum change_say edit_fallback(void *context, struct device *copy, struct change_events *events, struct err *err)
{
    struct turn *t = context;
    bool same = copy->fallback.state == t->was.state && copy->fallback.asked_s == t->was.asked_s && span_equal(copy->fallback.key, t->was.key) &&
                copy->fallback.clean_s == t->was.clean_s && copy->fallback.told_s == t->was.told_s && span_equal(copy->fallback.why, t->was.why);
    if (!same || (copy->version != t->version && t->was.state < FALLBACK_ASKED))
        return CHANGE_NOTHING;
    copy->fallback = keep(&copy->arena, &t->next);
    struct span cause = arena_format(events->arena, "mdm:%.*s", SPAN_ARGS(t->m->manager->options.id));
    if (!change_event(events, t->m->node, t->event, copy->owner, copy->id, cause, event_data(t, events->arena)))
        return (void)err_set(err, ERR_MEMORY, "the fallback of %.*s", SPAN_ARGS(copy->id)), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

static struct item_result again(struct turn *t, int64_t after_ms)
{
    t->item->first_ms = clock_wall_ms(t->m->node->clock);
    return (struct item_result){ ITEM_LATER, after_ms, false };
}

static struct item_result write_down(struct turn *t, const char *event, int64_t after_ms)
{
    struct err err;
    t->event = event;
    enum err_code code = change_device(t->m->node, t->r->store, t->device, false, edit_fallback, t, &err);
    if (code != OK && code != ERR_NOT_FOUND)
        log_event(t->m->node->log, LOG_WARN, "mdm.store_waits", LOG_STR("reader", t->r->name), LOG_SPAN("device", t->device), LOG_ERR(&err));
    return code == ERR_NOT_FOUND ? (struct item_result){ ITEM_DONE, -1, true } : again(t, after_ms);
}

/* Something that only a person can mend: in the record, and so in every list of open work. Said once. */
static struct item_result stuck(struct turn *t, const char *why, int64_t after_ms)
{
    t->next = t->was;
    t->next.why = arena_copy_text(&t->arena, why);
    if (span_equal(t->next.why, t->was.why))
        return again(t, after_ms);
    log_event(t->m->node->log, LOG_WARN, "mdm.stuck", LOG_STR("reader", t->r->name), LOG_SPAN("device", t->device), LOG_STR("why", why));
    return write_down(t, "mdm.stuck", after_ms);
}

/* ---- calls ---- */

static bool announce_call(struct turn *t)
{
    struct err err;
    t->item->unclear = true;
    t->item->sends++;
    return reader_store_item(t->r, t->partition, t->item, &err) == OK; /* else perhaps another node's by now */
}

static struct item_result after_failure(struct turn *t, const struct mdm_result *result)
{
    bool hopeless = result->outcome == MDM_REFUSED || result->outcome == MDM_UNABLE || result->outcome == MDM_ABSENT;
    if (hopeless)
        return stuck(t, result->error, RETRY_MS);
    struct item_result end = effects_mdm_later(t->r, t->item, result);
    if (t->item->reads >= FAILURES_BEFORE_TOLD || result->outcome == MDM_STOPPED)
        (void)stuck(t, result->error, end.after_ms);
    return end;
}

/* How it is there now: asked for, or what the webhook said last where it cannot be. */
static struct mdm_result read_now(struct turn *t, struct mdm_device *out)
{
    const struct mdm_ops *ops = t->m->manager->ops;
    struct manager_heard heard;
    struct err err;
    struct span id = span_empty(t->was.id) ? t->link_id : t->was.id;
    *out = (struct mdm_device){ .id = t->link_id, .group = t->link_group, .managed = (enum mdm_truth)t->link_managed };
    if (span_empty(id))
        return mdm_say(MDM_ABSENT, "it is not enrolled there");
    if (ops->get == NULL)
        return mdm_say(MDM_DONE, "%s", "");
    struct mdm_result result = ops->get(t->m->mdm, id, &t->arena, out);
    struct manager_word word = { t->m->manager, out, false, false };
    if (result.outcome == MDM_DONE) {
        reader_note_success(t->r);
        if (managers_hear(t->m->node, t->r->store, &word, &heard, &err) != OK)
            log_event(t->m->node->log, LOG_WARN, "mdm.store_waits", LOG_STR("reader", t->r->name), LOG_SPAN("device", t->device), LOG_ERR(&err));
    }
    return result;
}

static bool is_strict(const struct turn *t, const struct mdm_device *now) { return span_equal(now->group, t->m->manager->options.strict); }

/* ---- the steps ---- */

static struct item_result announce(struct turn *t)
{
    t->next = (struct fallback){ .state = FALLBACK_ANNOUNCED, .invited = t->invited, .manager = t->m->manager->options.id, .announced_s = t->now_s };
    return write_down(t, "mdm.announced", LOOK_MS);
}

static struct item_result note_told(struct turn *t)
{
    t->next = t->was;
    t->next.told_s = t->plan.told_s;
    return write_down(t, "mdm.told", AGAIN_MS);
}

static struct item_result call_off(struct turn *t)
{
    t->next = (struct fallback){ .state = FALLBACK_NONE };
    return write_down(t, "mdm.called_off", LOOK_MS);
}

/* The former group is read and written down before anything is moved: it is the way back. */
static struct item_result ask(struct turn *t)
{
    char key[SECRET_ID_BYTES + 1];
    struct mdm_device now = { .id = SPAN_NONE };
    struct mdm_result read = t->invited ? mdm_say(MDM_DONE, "%s", "") : read_now(t, &now);
    if (read.outcome != MDM_DONE)
        return after_failure(t, &read);
    if (!t->invited && now.managed == MDM_NO)
        return again(t, LOOK_MS); /* left management since: the link says so by now, and it will be invited instead */
    secret_new_id('e', key);
    t->next = (struct fallback){ .state = FALLBACK_ASKED, .invited = t->invited, .manager = t->m->manager->options.id, .id = t->invited ? SPAN_NONE : now.id,
        .former = t->invited ? SPAN_NONE : now.group, .key = arena_copy_text(&t->arena, key), .announced_s = t->was.announced_s, .told_s = t->was.told_s, .asked_s = t->now_s };
    return write_down(t, "mdm.asked", AGAIN_MS);
}

static struct item_result acted(struct turn *t, const char *how)
{
    t->next = t->was;
    t->next.state = FALLBACK_ACTED;
    t->next.acted_s = t->now_s;
    t->next.why = SPAN_NONE;
    t->how = span_of(how);
    t->item->unclear = false;
    t->item->reads = 0;
    return write_down(t, "mdm.acted", AGAIN_MS);
}

static struct mdm_action action_of(const struct turn *t)
{
    return (struct mdm_action){ .device = span_empty(t->was.id) ? t->link_id : t->was.id, .serial = t->serial, .owner = t->owner_email, .former = t->was.former,
                                .was_invited = t->was.invited, .key = t->was.key };
}

static struct item_result send_act(struct turn *t)
{
    const struct mdm_ops *ops = t->m->manager->ops;
    struct mdm_action action = action_of(t);
    struct mdm_device now;
    struct mdm_result result = mdm_say(MDM_DONE, "%s", "");
    if (t->was.invited && ops->invite == NULL)
        return acted(t, "the person is shown the page of the invitation");
    if (!t->was.invited && t->item->unclear) { /* begun before, end unknown */
        result = read_now(t, &now);
        if (result.outcome == MDM_DONE && is_strict(t, &now))
            return acted(t, "found done");
    }
    if (result.outcome == MDM_DONE && !announce_call(t))
        return again(t, AGAIN_MS);
    if (result.outcome == MDM_DONE)
        result = t->was.invited ? ops->invite(t->m->mdm, &action) : ops->strict(t->m->mdm, &action);
    return result.outcome == MDM_DONE ? acted(t, ops->strict_word) : after_failure(t, &result);
}

static struct item_result confirm(struct turn *t, struct span id)
{
    t->next = t->was;
    t->next.state = FALLBACK_CONFIRMED;
    t->next.confirmed_s = t->now_s;
    t->next.id = id;
    t->next.why = SPAN_NONE;
    t->item->reads = 0;
    return write_down(t, "mdm.confirmed", LOOK_MS);
}

/* Not so yet. A device that sleeps takes its time; after a day somebody should know. */
static struct item_result not_yet(struct turn *t, int64_t since_s, const char *why)
{
    const struct mdm_ops *ops = t->m->manager->ops;
    unsigned reads = t->item->reads++;
    if (ops->get == NULL && ops->ask != NULL && reads % ASK_EVERY_READS == 0 && !span_empty(t->link_id)) {
        char key[SECRET_ID_BYTES + 1];
        secret_new_id('e', key);
        struct mdm_result asked = ops->ask(t->m->mdm, t->link_id, span_of(key));
        if (asked.outcome != MDM_DONE)
            reader_note_failure(t->r, asked.error);
    }
    int64_t after_ms = reads < ASK_EVERY_READS ? READ_BACK_MS : READ_BACK_SLOW_MS;
    return t->now_s - since_s >= STUCK_AFTER_S ? stuck(t, why, READ_BACK_SLOW_MS) : again(t, after_ms);
}

static struct item_result read_back(struct turn *t)
{
    struct mdm_device now;
    if (t->was.invited)
        return t->link_managed == MDM_YES ? confirm(t, t->link_id) : again(t, LOOK_MS); /* the list and webhooks tell of it: a person decides when */
    struct mdm_result result = read_now(t, &now);
    if (result.outcome != MDM_DONE)
        return after_failure(t, &result);
    return is_strict(t, &now) ? confirm(t, now.id) : not_yet(t, t->was.acted_s, "the manager took it and does not show it after a day");
}

static struct item_result note_clean(struct turn *t, int64_t clean_s, const char *event)
{
    t->next = t->was;
    t->next.clean_s = clean_s;
    return write_down(t, event, LOOK_MS);
}

static struct item_result turn_back(struct turn *t)
{
    char key[SECRET_ID_BYTES + 1];
    secret_new_id('e', key);
    t->next = t->was;
    t->next.state = FALLBACK_UNDOING;
    t->next.key = arena_copy_text(&t->arena, key);
    t->next.clean_s = t->now_s;
    t->next.why = SPAN_NONE;
    t->item->unclear = false;
    t->item->reads = 0;
    return write_down(t, "mdm.undo_asked", AGAIN_MS);
}

static struct item_result undone(struct turn *t, const char *how)
{
    t->next = (struct fallback){ .state = FALLBACK_NONE };
    t->how = span_of(how);
    return write_down(t, "mdm.undone", LOOK_MS);
}

static bool is_back(const struct turn *t, const struct mdm_device *now)
{
    if (t->was.invited)
        return now->managed != MDM_YES;
    return span_equal(now->group, t->was.former) || !is_strict(t, now); /* moved elsewhere by somebody: not ours to move again */
}

static struct item_result send_back(struct turn *t)
{
    struct mdm_action action = action_of(t);
    struct mdm_device now;
    if (t->was.invited && (span_empty(t->was.id) || t->link_managed != MDM_YES))
        return undone(t, "withdrawn");
    struct mdm_result result = read_now(t, &now);
    if (result.outcome == MDM_ABSENT)
        return undone(t, "the manager does not have it any more");
    if (result.outcome != MDM_DONE)
        return after_failure(t, &result);
    if (is_back(t, &now) && (t->item->sends > 0 || t->m->manager->ops->get != NULL))
        return undone(t, "read back");
    if (t->item->unclear && t->item->reads % ASK_EVERY_READS != 0)
        return not_yet(t, t->was.clean_s, "the way back was asked for and the manager does not show it after a day");
    if (!announce_call(t))
        return again(t, AGAIN_MS);
    result = t->m->manager->ops->undo != NULL ? t->m->manager->ops->undo(t->m->mdm, &action) : mdm_say(MDM_UNABLE, "it has no way back");
    if (result.outcome == MDM_UNABLE && t->was.invited)
        return undone(t, "released: the person may remove the management profile");
    return result.outcome == MDM_DONE ? not_yet(t, t->was.clean_s, "the way back was asked for and the manager does not show it after a day") : after_failure(t, &result);
}

static struct item_result wait_for(struct turn *t)
{
    int64_t after_ms = t->plan.at_s > 0 ? (t->plan.at_s - t->now_s) * 1000 : LOOK_MS;
    if (t->plan.at_s == 0 && t->was.state == FALLBACK_NONE)
        return (struct item_result){ ITEM_DONE, -1, true }; /* the next change of its rung brings it back */
    if (after_ms > LOOK_LATEST_MS)
        after_ms = LOOK_LATEST_MS;
    return again(t, after_ms > AGAIN_MS ? after_ms : AGAIN_MS);
}

static struct item_result take_step(struct turn *t)
{
    switch (t->plan.step) {
    case FALLBACK_ANNOUNCE: return announce(t);
    case FALLBACK_TOLD: return note_told(t);
    case FALLBACK_ASK: return ask(t);
    case FALLBACK_SEND: return send_act(t);
    case FALLBACK_READ_BACK: return read_back(t);
    case FALLBACK_CALL_OFF: return call_off(t);
    case FALLBACK_DIRTY: return note_clean(t, 0, "mdm.failing_again");
    case FALLBACK_CLEAN: return note_clean(t, t->now_s, "mdm.clean");
    case FALLBACK_TURN_BACK: return turn_back(t);
    case FALLBACK_SEND_BACK: return send_back(t);
    case FALLBACK_WAIT: break;
    }
    return wait_for(t);
}

struct item_result effects_mdm_fallback(struct mdm_reader *m, struct reader *r, unsigned partition, struct effects_item *item)
{
    struct turn t = { .m = m, .r = r, .partition = partition, .item = item, .device = item->id };
    struct item_result result = { ITEM_DONE, -1, true };
    arena_init(&t.arena, 16 * 1024, LADDER_ARENA_BYTES);
    look(&t);
    if (t.behind)
        result = again(&t, AGAIN_MS);
    else if (t.known && t.mine)
        result = take_step(&t);
    arena_done(&t.arena);
    return result;
}
