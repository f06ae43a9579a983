#include "gateway/pages/dispute.h"

#include "gateway/change.h"

#include <string.h>

enum { DAYS_LOOKED_AT = 14 }; /* a week without a working day ends here too */

int64_t dispute_end_s(const struct calendar *c, unsigned days, struct span zone, int64_t now_s)
{
    int64_t at_s = calendar_next_day(c, zone, now_s);
    unsigned working = 0;
    for (int i = 0; i < DAYS_LOOKED_AT && working < DISPUTE_WORKING_DAYS; i++) {
        working += (days >> calendar_local(c, zone, at_s).weekday & 1) != 0;
        at_s = calendar_next_day(c, zone, at_s);
    }
    return at_s;
}

const struct dispute *dispute_of(const struct person *p, struct span device, struct span check, int64_t now_s)
{
    const struct dispute *newest = NULL;
    for (size_t i = 0; i < p->dispute_count; i++) {
        const struct dispute *d = &p->disputes[i];
        bool counts = d->time.to_s == 0 || d->time.to_s > now_s || now_s - d->time.from_s < DISPUTE_APART_S;
        if (counts && span_equal(d->device, device) && span_equal(d->check, check) && (newest == NULL || newest->time.from_s < d->time.from_s))
            newest = d;
    }
    return newest;
}

struct disputing { const struct node *node; const struct dispute_input *in; int64_t to_s; bool again; };

/* One that ended and about which nothing is told any more stops no clock: it may make room. */
static bool may_go(const struct person *p, const struct dispute *d, int64_t now_s)
{
    return d->time.to_s != 0 && now_s - d->time.to_s > DISPUTE_APART_S && person_told(p, d->device, d->check) == NULL;
}

static bool add_dispute(struct person *p, const struct disputing *d, struct span id)
{
    struct dispute *all = arena_array(&p->arena, p->dispute_count + 1, sizeof *all);
    size_t kept = 0;
    for (size_t i = 0; all != NULL && i < p->dispute_count; i++)
        if (!may_go(p, &p->disputes[i], d->in->now_s))
            all[kept++] = p->disputes[i];
    if (all == NULL || kept >= PERSON_MAX_DISPUTES)
        return false;
    all[kept++] = (struct dispute){ .id = arena_copy(&p->arena, id), .device = arena_copy(&p->arena, d->in->device), .check = arena_copy(&p->arena, d->in->check),
                                    .text = arena_copy(&p->arena, d->in->text), .time = { d->in->now_s, d->to_s } };
    p->disputes = all;
    p->dispute_count = kept;
    return true;
}

static bool add_event(const struct disputing *d, const struct person *p, struct change_events *events)
{
    CLEANUP(buf_done) struct buf data;
    struct to_json w;
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "check", d->in->check);
    to_json_member_text_if(&w, "text", d->in->text);
    to_json_member_text_if(&w, "saw", d->in->saw);
    to_json_member_int(&w, "until", d->to_s);
    to_json_end(&w);
    return !data.failed && change_event(events, d->node, "person.disputed", p->id, d->in->device, d->in->decision, buf_span(&data));
}

static enum change_say edit_dispute(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct disputing *d = context;
    d->again = dispute_of(copy, d->in->device, d->in->check, d->in->now_s) != NULL;
    if (d->again)
        return CHANGE_NOTHING;
    if (!add_event(d, copy, events))
        return (void)err_set(err, ERR_MEMORY, "a dispute of %.*s", SPAN_ARGS(copy->id)), CHANGE_REFUSE;
    if (!add_dispute(copy, d, events->all[events->count - 1].id))
        return (void)err_set(err, ERR_LIMIT, "%.*s has %d disputes", SPAN_ARGS(copy->id), PERSON_MAX_DISPUTES), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

enum err_code dispute_commit(const struct node *node, struct store *store, const struct dispute_input *in, bool *again, struct err *err)
{
    struct disputing d = { node, NULL, dispute_end_s(node->calendar, in->days, in->zone, in->now_s), false };
    struct dispute_input cut = *in;
    cut.text = span_slice(in->text, 0, DISPUTE_TEXT_BYTES);
    while (!span_is_utf8(cut.text)) /* never half a character */
        cut.text.bytes--;
    d.in = &cut;
    enum err_code code = change_person(node, store, in->person, false, edit_dispute, &d, err);
    *again = d.again;
    return code;
}
