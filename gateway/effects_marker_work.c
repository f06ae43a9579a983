/* One person's marker: what is recorded, what is asked of Slack, what came of it. */
#include "gateway/effects_marker.h"

#include "connectors/notify/slack_profile.h"
#include "gateway/change.h"
#include "gateway/effects_reader.h"
#include "gateway/people.h"

#include <string.h>

enum { WORKSPACE_PAUSE_MS = 3600 * 1000, NOT_YET_MS = 1000, APART_MS = 2100 /* 30 people a minute for a token */, LOOK_ARENA_BYTES = 4 * 1024 * 1024 };

static struct item_result done(void) { return (struct item_result){ ITEM_DONE, -1, true }; }
static struct item_result later(int64_t after_ms) { return (struct item_result){ ITEM_LATER, after_ms, false }; } /* it ends at its time: no try is the last */

/* ---- the record ---- */

struct look { const struct marker_reader *m; const struct marker_plan *plan; struct span cause; };

static bool say(const struct marker_reader *m, struct change_events *events, struct span person, const char *type, const char *word, const char *text, struct span cause)
{
    struct buf data;
    struct to_json w;
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "decided_by", m->options.decided_by);
    if (word != NULL)
        to_json_member_text(&w, word, span_of(text));
    to_json_end(&w);
    bool added = !data.failed && change_event(events, m->node, type, person, SPAN_NONE, cause, buf_span(&data));
    buf_done(&data);
    return added;
}

static bool say_set(const struct look *l, const struct person *copy, struct change_events *events)
{
    struct buf data;
    struct to_json w;
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "decided_by", l->m->options.decided_by);
    to_json_member_text(&w, "acknowledged", l->m->options.acknowledged);
    to_json_member_text(&w, "rung", l->m->options.rung);
    to_json_member_text(&w, "text", l->m->options.text);
    to_json_member_time_if(&w, "until", marker_lever_until(marker_lever(copy)));
    to_json_end(&w);
    bool added = !data.failed && change_event(events, l->m->node, "marker.set", copy->id, span_of(l->plan->device), l->cause, buf_span(&data));
    buf_done(&data);
    return added;
}

static bool say_step(const struct look *l, enum marker_step step, const struct person *copy, struct change_events *events)
{
    switch (step) {
    case MARKER_SETS: return say_set(l, copy, events);
    case MARKER_CLEARS: return say(l->m, events, copy->id, "marker.clearing", "why", l->plan->why, l->cause);
    case MARKER_ENDS: return say(l->m, events, copy->id, "marker.ended", NULL, NULL, l->cause);
    case MARKER_FORGETS: return say(l->m, events, copy->id, "marker.over", NULL, NULL, l->cause);
    case MARKER_RESTS:
    case MARKER_RETURNS: return say(l->m, events, copy->id, "marker.noted", "stands", step == MARKER_RESTS ? "below" : "there", l->cause);
    case MARKER_STAYS: break;
    }
    return true;
}

/* The stored record is judged, so of two nodes that see the same the second has nothing to do. */
static enum change_say edit_step(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    const struct look *l = context;
    int64_t now_s = clock_wall_s(l->m->node->clock);
    enum marker_step step = marker_step(l->plan, copy, now_s);
    if (step == MARKER_STAYS)
        return CHANGE_NOTHING;
    if (!marker_apply(step, &l->m->options, copy, now_s) || !say_step(l, step, copy, events))
        return (void)err_set(err, ERR_MEMORY, "the marker of %.*s", SPAN_ARGS(copy->id)), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

static bool differs_here(const struct marker_reader *m, struct span person, const struct marker_plan *plan)
{
    directory_enter(m->node->directory);
    const struct person *p = directory_person(m->node->directory, person);
    bool differs = p != NULL && marker_step(plan, p, clock_wall_s(m->node->clock)) != MARKER_STAYS;
    directory_leave(m->node->directory);
    return differs;
}

enum err_code marker_look(const struct marker_reader *m, struct store *store, struct span person, struct span cause, struct err *err)
{
    struct arena arena;
    struct marker_plan plan;
    enum err_code code = OK;
    arena_init(&arena, 16 * 1024, LOOK_ARENA_BYTES);
    marker_plan_make(m->node, &m->options, person, &arena, &plan);
    struct look l = { m, &plan, cause };
    if (differs_here(m, person, &plan))
        code = change_person(m->node, store, person, false, edit_step, &l, err);
    arena_done(&arena);
    return code == ERR_NOT_FOUND ? OK : code;
}

/* ---- what came of it ---- */

struct work {
    struct marker_reader *m;
    struct reader *r;
    struct effects_item *item;
    struct person *person;             /* as stored */
    const struct lever *lever;         /* theirs */
    const char *event, *word, *text;   /* of settle() */
    bool wanted; unsigned state;       /* of the lever, afterwards */
};

static struct item_result store_waits(struct work *w, const struct err *err)
{
    w->item->error = arena_copy_text(&w->r->item_arena, err->text);
    return later(NOT_YET_MS);
}

/* The record may want something else by now: what was set stands there to be cleared. */
static enum change_say edit_settled(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    const struct work *w = context;
    const struct lever *now = marker_lever(copy);
    if (now == NULL || !span_equal(now->target, w->lever->target) || now->wanted != w->lever->wanted || now->state == LEVER_FOUND)
        return CHANGE_NOTHING;
    if (!marker_change(copy, w->wanted, w->state, clock_wall_s(w->m->node->clock)) || !say(w->m, events, copy->id, w->event, w->word, w->text, w->item->id))
        return (void)err_set(err, ERR_MEMORY, "the marker of %.*s", SPAN_ARGS(copy->id)), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

static struct item_result settle(struct work *w, const char *event, const char *word, const char *text, unsigned state)
{
    struct err err;
    w->event = event;
    w->word = word;
    w->text = text;
    w->state = state;
    w->wanted = w->lever->wanted;
    enum err_code code = change_person(w->m->node, w->r->store, w->item->person, false, edit_settled, w, &err);
    return code == OK || code == ERR_NOT_FOUND ? done() : store_waits(w, &err);
}

static struct item_result try_later(struct work *w, const struct slack_result *result)
{
    int64_t after_ms = slack_leave_alone_ms(result);
    if (after_ms >= 0)
        reader_pause(w->r, after_ms);
    else
        reader_note_failure(w->r, result->error);
    return later(after_ms);
}

/* Of a call that did not do it. */
static struct item_result judge(struct work *w, const struct slack_result *result)
{
    w->item->error = arena_copy_text(&w->r->item_arena, result->error);
    switch (result->outcome) {
    case SLACK_REFUSED:
    case SLACK_BLOCKS: return settle(w, w->lever->wanted ? "marker.skipped" : "marker.failed", "why", result->error, LEVER_FOUND);
    case SLACK_STOPPED:
    case SLACK_EXPIRED: reader_stop_sending(w->r, result->error); return later(-1);
    case SLACK_PAUSED: reader_pause(w->r, WORKSPACE_PAUSE_MS); return later(WORKSPACE_PAUSE_MS);
    case SLACK_DONE:
    case SLACK_LATER:
    case SLACK_AMBIGUOUS: break;
    }
    return try_later(w, result);
}

/* ---- at Slack ---- */

static bool is_ours(const struct work *w, const struct slack_status *status)
{
    return span_equal_text(w->m->options.text, status->text) && span_equal_text(w->m->options.emoji, status->emoji);
}

static struct item_result set_status(struct work *w, const struct slack_status *now)
{
    bool plain = false, is_free = now->text[0] == '\0' && now->emoji[0] == '\0';
    if (!is_free && !is_ours(w, now))
        return settle(w, "marker.skipped", "why", "own_status", LEVER_FOUND);
    struct slack_result r = slack_is_plain_member(w->m->client, w->person->slack, &plain);
    if (r.outcome != SLACK_DONE)
        return judge(w, &r);
    if (!plain)
        return settle(w, "marker.skipped", "why", "not_a_plain_member", LEVER_FOUND);
    r = slack_status_set(w->m->client, w->person->slack, w->m->options.text, w->m->options.emoji, marker_lever_until(w->lever));
    reader_pause(w->r, APART_MS);
    if (r.outcome != SLACK_DONE)
        return judge(w, &r);
    reader_note_success(w->r);
    return settle(w, "marker.confirmed", NULL, NULL, LEVER_DONE);
}

static struct item_result clear_status(struct work *w, const struct slack_status *now)
{
    if (!is_ours(w, now))
        return settle(w, "marker.cleared", "found", now->text[0] == '\0' && now->emoji[0] == '\0' ? "nothing" : "own_status", LEVER_FOUND);
    struct slack_result r = slack_status_set(w->m->client, w->person->slack, SPAN_NONE, SPAN_NONE, 0);
    reader_pause(w->r, APART_MS);
    if (r.outcome != SLACK_DONE)
        return judge(w, &r);
    reader_note_success(w->r);
    return settle(w, "marker.cleared", "found", "ours", LEVER_FOUND);
}

static struct item_result act(struct work *w)
{
    struct slack_status now;
    struct slack_result r = slack_status_get(w->m->client, w->person->slack, &now);
    if (r.outcome != SLACK_DONE)
        return judge(w, &r);
    return w->lever->wanted ? set_status(w, &now) : clear_status(w, &now);
}

/* What is right may have changed while the item waited: the record is brought there first. */
static struct item_result work(struct work *w)
{
    struct err err;
    enum err_code code = marker_look(w->m, w->r->store, w->item->person, w->item->id, &err);
    if (code == OK)
        code = people_load(w->r->store, w->item->person, &w->person, &err);
    if (code != OK)
        return reader_is_store_trouble(code) ? store_waits(w, &err) : done();
    w->lever = marker_lever(w->person);
    if (w->lever == NULL || w->lever->state == LEVER_FOUND || (w->lever->wanted && w->lever->state == LEVER_DONE))
        return done();
    return act(w);
}

struct item_result marker_work(struct marker_reader *m, struct reader *r, struct effects_item *item)
{
    struct work w = { .m = m, .r = r, .item = item };
    struct item_result result = work(&w);
    person_free(w.person);
    return result;
}
