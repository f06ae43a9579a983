#include "gateway/pages/shown.h"

#include "gateway/change.h"
#include "gateway/slow_lane.h"

#include "posture/evaluate.h"

#include <stdio.h>
#include <stdlib.h>

enum { STORE_AWAY_MS = 5000 };

static void copy_text(char *to, size_t room, struct span from) { snprintf(to, room, "%.*s", SPAN_ARGS(span_slice(from, 0, room - 1))); }

static bool told_today(const struct calendar *c, struct span zone, const struct person *person, struct span device, struct span check, int64_t now_s)
{
    const struct told *told = person_told(person, device, check);
    return told != NULL && told->last_s > 0 && calendar_local(c, zone, told->last_s).day >= calendar_local(c, zone, now_s).day;
}

void shown_collect(const struct page *p, const struct device *d, const struct standing *standings, size_t count, struct span decision, struct shown *out)
{
    *out = (struct shown){ .at_s = p->now_s };
    if (p->person == NULL || d == NULL || !span_equal(d->owner, p->person->id))
        return;
    copy_text(out->person, sizeof out->person, p->person->id);
    copy_text(out->device, sizeof out->device, d->id);
    copy_text(out->decision, sizeof out->decision, decision);
    copy_text(out->zone, sizeof out->zone, p->zone);
    for (size_t i = 0; i < count && out->count < SHOWN_MOST; i++) {
        const struct standing *s = &standings[i];
        bool known = evaluate_now(s->check, d, s->result, p->now_s) != VERDICT_UNKNOWN; /* what was not seen lately is no news */
        if (known && s->ladder != NULL && s->rung >= 0 && !told_today(p->in.calendar, p->zone, p->person, d->id, s->check->id, p->now_s))
            copy_text(out->checks[out->count++], sizeof out->checks[0], s->check->id);
    }
}

struct telling { const struct node *node; const struct shown *shown; };

static bool add_event(const struct telling *t, const struct person *p, const size_t *told, size_t count, struct change_events *events)
{
    CLEANUP(buf_done) struct buf data;
    struct to_json w;
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "channel", SPAN_LITERAL("page"));
    to_json_key(&w, "items");
    to_json_array(&w);
    for (size_t i = 0; i < count; i++) {
        to_json_object(&w);
        to_json_member_text(&w, "device", span_of(t->shown->device));
        to_json_member_text(&w, "check", span_of(t->shown->checks[told[i]]));
        to_json_end(&w);
    }
    to_json_end(&w);
    to_json_end(&w);
    return !data.failed && change_event(events, t->node, "notice.delivered", p->id, span_of(t->shown->device), span_of(t->shown->decision), buf_span(&data));
}

static enum change_say edit_told(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    const struct telling *t = context;
    const struct shown *s = t->shown;
    size_t told[SHOWN_MOST], count = 0;
    for (size_t i = 0; i < s->count; i++) {
        struct span device = span_of(s->device), check = span_of(s->checks[i]);
        if (!told_today(t->node->calendar, span_of(s->zone), copy, device, check, s->at_s) && person_add_told(copy, device, check, s->at_s))
            told[count++] = i;
    }
    if (count == 0 || copy->removed)
        return CHANGE_NOTHING; /* a person with too many notices cannot be counted: nothing closes without a count */
    if (!add_event(t, copy, told, count, events))
        return (void)err_set(err, ERR_MEMORY, "what %s was shown", s->person), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

enum err_code shown_commit(const struct node *node, struct store *store, const struct shown *shown, struct err *err)
{
    struct telling t = { node, shown };
    return shown->count == 0 ? OK : change_person(node, store, span_of(shown->person), false, edit_told, &t, err);
}

struct shown_job { struct slow_job job; const struct node *node; struct shown shown; };

static void run_job(struct slow_job *job, struct store *store)
{
    struct shown_job *j = (struct shown_job *)(void *)job;
    struct err err = { 0 };
    if (shown_commit(j->node, store, &j->shown, &err) != OK)
        log_event(j->node->log, LOG_WARN, "page.not_counted", LOG_STR("person", j->shown.person), LOG_ERR(&err));
}

static void end_job(struct slow_job *job) { free(job); }

void shown_send(const struct node *node, const struct shown *shown)
{
    if (shown->count == 0 || node->slow_lane == NULL || directory_age_ms(node->directory) > STORE_AWAY_MS)
        return;
    struct shown_job *j = malloc(sizeof *j);
    if (j == NULL)
        return;
    *j = (struct shown_job){ { .run = run_job, .done = end_job }, node, *shown };
    if (!slow_lane_send(node->slow_lane, &j->job, false))
        free(j);
}
