/* valves: exemptions, asked for by one and decided by another. */
#include "gateway/exemptions.h"
#include "gateway/valves_parts.h"

#include <string.h>

enum { DAY_S = 86400, BODY_ARENA_BYTES = 8 * 1024 * 1024, NAME_BYTES = 256, TENDED_A_COMMIT = 32 };

/* The list as stored, with room for one more, and what is made of it. */
struct list { struct arena arena; struct exemption *all; size_t count; };

static enum err_code list_read(struct span body, struct list *l, struct err *err)
{
    struct exemptions stored;
    arena_init(&l->arena, 16 * 1024, BODY_ARENA_BYTES);
    enum err_code code = exemptions_from_json(body, &l->arena, &stored, err);
    if (code != OK)
        return code;
    l->all = arena_array(&l->arena, stored.count + 1, sizeof *l->all);
    if (l->all == NULL)
        return err_set(err, ERR_MEMORY, "record exemptions");
    l->count = stored.count;
    if (stored.count > 0)
        memcpy(l->all, stored.all, stored.count * sizeof *l->all);
    return OK;
}

static void list_write(const struct list *l, struct buf *after)
{
    struct to_json w;
    to_json_init(&w, after);
    exemptions_to_json((struct exemptions){ l->all, l->count }, &w);
}

static struct exemption *find(struct list *l, struct span id)
{
    for (size_t i = 0; i < l->count; i++)
        if (span_equal(l->all[i].id, id))
            return &l->all[i];
    return NULL;
}

/* ---- events ---- */

static void write_exemption(const void *context, struct to_json *w)
{
    const struct exemption *e = context;
    to_json_member_text(w, "exemption", e->id);
    to_json_member_text(w, "scope", span_of(exemption_scope_name(e->scope)));
    to_json_member_text(w, "subject", e->subject);
    to_json_member_text(w, "check", e->check);
    to_json_member_text(w, "reason", e->reason);
    to_json_member_text_if(w, "measure", e->measure);
    to_json_member_text(w, "requester", e->requester);
    to_json_member_text_if(w, "approver", e->approver);
    to_json_member_text_if(w, "answer", e->answer);
    to_json_member_int(w, "start", e->start_s);
    to_json_member_int(w, "end", e->end_s);
}

/* Who is told first: the person that asked, else the one that it is about. */
static struct span person_of(const struct exemption *e)
{
    struct span person = exemption_person(e->requester);
    return span_empty(person) && e->scope == EXEMPT_PERSON ? e->subject : person;
}

static bool add_event(const struct node *node, const struct exemption *e, const char *type, struct span by, struct change_events *events)
{
    struct span device = e->scope == EXEMPT_DEVICE ? e->subject : SPAN_NONE;
    return valve_add_event(node, events, &(struct valve_event){ type, person_of(e), device, by, write_exemption, e });
}

static enum change_say no_memory(struct err *err) { return (void)err_set(err, ERR_MEMORY, "record exemptions"), CHANGE_REFUSE; }

/* ---- asking ---- */

struct asking { const struct node *node; const struct exemption_request *request; struct exemption made; struct valve_result *out; int64_t now_s; };

/* A person asks for what is theirs alone, whatever their request names; an admin for anybody. */
static bool may_be_asked_by(const struct directory *directory, const struct exemption *made, struct span by)
{
    const struct person *p = directory_person(directory, exemption_person(made->requester));
    bool admin = span_empty(exemption_person(by)) && !span_starts(by, SPAN_LITERAL("slack:"));
    return admin || (p != NULL && !p->removed && made->scope != EXEMPT_GROUP && exemption_is_about(directory, made, p));
}

static enum err_code check_subject(const struct asking *a, struct err *err)
{
    const struct directory *directory = a->node->directory;
    const struct exemption_request *q = a->request;
    bool known = true;
    directory_enter(directory);
    if (q->scope == EXEMPT_PERSON) {
        const struct person *p = directory_person(directory, q->subject);
        known = p != NULL && !p->removed;
    } else if (q->scope == EXEMPT_DEVICE) {
        const struct device *d = directory_device(directory, q->subject);
        known = d != NULL && !d->removed;
    }
    known = known && may_be_asked_by(directory, &a->made, q->by);
    directory_leave(directory);
    if (!known)
        return err_set(err, ERR_INPUT, "there is no %s %.*s", exemption_scope_name(q->scope), SPAN_ARGS(span_slice(q->subject, 0, 80)));
    return OK;
}

/* Its times, from what was asked and what the policy allows. */
static enum err_code set_times(struct asking *a, int64_t length_s, int64_t longest_s, struct err *err)
{
    const struct exemption_request *q = a->request;
    struct exemption *e = &a->made;
    e->start_s = q->start_s == 0 ? a->now_s : q->start_s;
    e->end_s = q->end_s == 0 ? e->start_s + length_s : q->end_s;
    if (e->end_s <= e->start_s || e->end_s <= a->now_s)
        return err_set(err, ERR_INPUT, "its end must lie after its start, and after now");
    if (e->start_s > a->now_s + longest_s || e->end_s - e->start_s > longest_s)
        return err_set(err, ERR_INPUT, "an exemption holds for %lld days at most", (long long)(longest_s / DAY_S));
    return OK;
}

static enum err_code read_request(struct asking *a, struct err *err)
{
    const struct exemption_request *q = a->request;
    int64_t length_s = 0, longest_s = 0;
    directory_enter(a->node->directory);
    const struct policy *policy = directory_control(a->node->directory)->policy;
    const struct check *check = policy != NULL ? policy_check(policy, q->check) : NULL;
    bool known = check != NULL, allowed = known && check->exemptions;
    if (policy != NULL) {
        length_s = policy->exemptions.length_s;
        longest_s = policy->exemptions.longest_s;
    }
    directory_leave(a->node->directory);
    a->made = (struct exemption){ .state = EXEMPTION_ASKED, .scope = q->scope, .subject = q->subject, .check = q->check, .reason = valve_text(q->reason, EXEMPTION_TEXT_BYTES),
                                  .measure = valve_text(q->measure, EXEMPTION_TEXT_BYTES), .requester = span_empty(q->requester) ? q->by : q->requester, .asked_s = a->now_s };
    if (!known)
        return err_set(err, ERR_INPUT, "the policy in force has no check \"%.*s\"", SPAN_ARGS(span_slice(q->check, 0, 80)));
    if (!allowed)
        return err_set(err, ERR_DENIED, "the policy lets nobody be exempted from \"%.*s\" (exemptions: false)", SPAN_ARGS(span_slice(q->check, 0, 80)));
    if (span_empty(a->made.reason))
        return err_set(err, ERR_INPUT, "an exemption needs a reason");
    if (q->scope == EXEMPT_GROUP && (span_empty(q->subject) || q->subject.bytes > NAME_BYTES))
        return err_set(err, ERR_INPUT, "an exemption of a group needs its name");
    enum err_code code = check_subject(a, err);
    return code == OK ? set_times(a, length_s, longest_s, err) : code;
}

/* Asked for, or in force, for the same: a button that was pressed twice. */
static const struct exemption *same_as(const struct list *l, const struct exemption *e, int64_t now_s)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct exemption *x = &l->all[i];
        bool alive = x->state == EXEMPTION_ASKED || (x->state == EXEMPTION_APPROVED && x->end_s > now_s);
        if (alive && x->scope == e->scope && span_equal(x->subject, e->subject) && span_equal(x->check, e->check))
            return x;
    }
    return NULL;
}

static bool is_over(const struct exemption *e) { return e->state == EXEMPTION_REFUSED || e->state == EXEMPTION_ENDED; }

static int64_t over_since(const struct exemption *e) { return e->state == EXEMPTION_REFUSED ? e->decided_s : e->ended_s; }

/* The one that has been over for longest makes room: what it was is in the log. */
static bool make_room(struct list *l)
{
    size_t oldest = l->count;
    if (l->count < EXEMPTIONS_MOST)
        return true;
    for (size_t i = 0; i < l->count; i++)
        if (is_over(&l->all[i]) && (oldest == l->count || over_since(&l->all[i]) < over_since(&l->all[oldest])))
            oldest = i;
    if (oldest == l->count)
        return false;
    l->all[oldest] = l->all[--l->count];
    return true;
}

static enum change_say ask_in(struct asking *a, struct list *l, struct buf *after, struct change_events *events, struct err *err)
{
    const struct exemption *before = same_as(l, &a->made, a->now_s);
    a->out->until_s = before != NULL ? before->end_s : a->made.end_s;
    if (before != NULL || !make_room(l)) {
        a->out->said = before != NULL ? VALVE_AGAIN : VALVE_FULL;
        valve_keep_id(a->out, before != NULL ? before->id : SPAN_NONE);
        return CHANGE_NOTHING;
    }
    char id[EVENT_ID_BYTES + 1];
    secret_new_id('e', id);
    a->made.id = arena_copy_text(&l->arena, id);
    if (a->made.id.at == NULL || !add_event(a->node, &a->made, "exemption.asked", a->request->by, events))
        return no_memory(err);
    events->all[events->count - 1].id = arena_copy(events->arena, a->made.id); /* the event names the exemption, and the exemption the event */
    l->all[l->count++] = a->made;
    list_write(l, after);
    a->out->said = VALVE_DONE;
    valve_keep_id(a->out, a->made.id);
    return CHANGE_COMMIT;
}

static enum change_say edit_ask(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    struct list l = { .count = 0 };
    enum change_say say = list_read(before, &l, err) == OK ? ask_in(context, &l, after, events, err) : CHANGE_REFUSE;
    arena_done(&l.arena);
    return say;
}

enum err_code valve_exemption_ask(const struct node *node, struct store *store, const struct exemption_request *request, struct valve_result *out, struct err *err)
{
    struct asking a = { .node = node, .request = request, .out = out, .now_s = clock_wall_s(node->clock) };
    *out = (struct valve_result){ 0 };
    enum err_code code = read_request(&a, err);
    return code != OK ? code : change_control(node, store, SPAN_LITERAL("exemptions"), edit_ask, &a, err);
}

/* ---- deciding ---- */

struct deciding { const struct node *node; struct exemption_decision what; struct valve_result *out; int64_t now_s; };

/* Whoever wants it does not decide it; an admin who takes back what they asked for harms nobody. A person is one whom the policy in force names. */
static enum err_code check_decider(const struct deciding *d, const struct exemption *e, struct err *err)
{
    const struct directory *directory = d->node->directory;
    struct span id = exemption_person(d->what.by);
    if (span_equal(e->requester, d->what.by) && (d->what.move == EXEMPTION_APPROVE || !span_empty(id)))
        return err_set(err, ERR_DENIED, "whoever asks for an exemption cannot approve it: somebody else has to decide");
    if (span_empty(id))
        return OK;
    directory_enter(directory);
    const struct person *p = directory_person(directory, id);
    const struct policy *policy = directory_control(directory)->policy;
    bool named = p != NULL && policy != NULL && policy_is_approver(policy, p), about = p != NULL && exemption_is_about(directory, e, p);
    directory_leave(directory);
    if (!named)
        return err_set(err, ERR_DENIED, "only those whom the policy names under exemptions.approvers decide about exemptions");
    if (about)
        return err_set(err, ERR_DENIED, "this exemption is about you: somebody else has to decide it");
    return OK;
}

/* One whom the policy names may shorten what was asked for; an admin may also lengthen it. */
static enum err_code set_end(const struct deciding *d, struct exemption *e, struct err *err)
{
    int64_t longest_s = 366 * DAY_S;
    directory_enter(d->node->directory);
    const struct policy *policy = directory_control(d->node->directory)->policy;
    if (policy != NULL)
        longest_s = policy->exemptions.longest_s;
    directory_leave(d->node->directory);
    if (d->what.end_s > e->end_s && !span_empty(exemption_person(d->what.by)))
        return err_set(err, ERR_INPUT, "it may end earlier than was asked for, not later");
    if (d->what.end_s != 0)
        e->end_s = d->what.end_s;
    if (e->end_s <= d->now_s || e->end_s <= e->start_s)
        return err_set(err, ERR_INPUT, "its end is past: name a later one");
    if (e->end_s - e->start_s > longest_s)
        return err_set(err, ERR_INPUT, "an exemption holds for %lld days at most", (long long)(longest_s / DAY_S));
    return OK;
}

/* What it is after the move; VALVE_AGAIN when it is so already. */
static enum err_code move(const struct deciding *d, struct exemption *e, enum valve_said *said, struct err *err)
{
    static const enum exemption_state after[] = { [EXEMPTION_APPROVE] = EXEMPTION_APPROVED, [EXEMPTION_REFUSE] = EXEMPTION_REFUSED, [EXEMPTION_END] = EXEMPTION_ENDED };
    static const enum exemption_state before[] = { [EXEMPTION_APPROVE] = EXEMPTION_ASKED, [EXEMPTION_REFUSE] = EXEMPTION_ASKED, [EXEMPTION_END] = EXEMPTION_APPROVED };
    enum err_code code = check_decider(d, e, err);
    *said = e->state == after[d->what.move] ? VALVE_AGAIN : VALVE_DONE;
    if (code != OK || *said == VALVE_AGAIN)
        return code;
    if (e->state != before[d->what.move])
        return err_set(err, ERR_CONFLICT, "exemption %.*s is %s already", SPAN_ARGS(e->id), exemption_state_name(e->state));
    if (d->what.move == EXEMPTION_APPROVE) {
        e->start_s = e->start_s > d->now_s ? e->start_s : d->now_s;
        code = set_end(d, e, err);
    }
    if (code != OK)
        return code;
    e->state = after[d->what.move];
    if (d->what.move == EXEMPTION_END)
        e->ended_s = d->now_s;
    else
        e->approver = d->what.by, e->decided_s = d->now_s;
    e->answer = span_empty(d->what.text) ? e->answer : d->what.text;
    return OK;
}

static enum change_say decide_in(struct deciding *d, struct list *l, struct buf *after, struct change_events *events, struct err *err)
{
    static const char *const types[] = { [EXEMPTION_APPROVE] = "exemption.approved", [EXEMPTION_REFUSE] = "exemption.refused", [EXEMPTION_END] = "exemption.ended" };
    struct exemption *e = find(l, d->what.id);
    if (e == NULL)
        return (void)err_set(err, ERR_NOT_FOUND, "there is no exemption %.*s", SPAN_ARGS(span_slice(d->what.id, 0, 80))), CHANGE_REFUSE;
    if (move(d, e, &d->out->said, err) != OK)
        return CHANGE_REFUSE;
    d->out->until_s = e->end_s;
    valve_keep_id(d->out, e->id);
    if (d->out->said == VALVE_AGAIN)
        return CHANGE_NOTHING;
    if (!add_event(d->node, e, types[d->what.move], d->what.by, events))
        return no_memory(err);
    list_write(l, after);
    return CHANGE_COMMIT;
}

static enum change_say edit_decide(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    struct list l = { .count = 0 };
    enum change_say say = list_read(before, &l, err) == OK ? decide_in(context, &l, after, events, err) : CHANGE_REFUSE;
    arena_done(&l.arena);
    return say;
}

enum err_code valve_exemption_decide(const struct node *node, struct store *store, const struct exemption_decision *decision, struct valve_result *out, struct err *err)
{
    struct deciding d = { .node = node, .what = *decision, .out = out, .now_s = clock_wall_s(node->clock) };
    *out = (struct valve_result){ 0 };
    d.what.text = valve_text(decision->text, EXEMPTION_TEXT_BYTES);
    return change_control(node, store, SPAN_LITERAL("exemptions"), edit_decide, &d, err);
}

/* ---- where those who decide were asked ---- */

struct placing { const struct node *node; struct span id, by, conversation, message; };

static enum change_say place_in(const struct placing *p, struct list *l, struct buf *after, struct change_events *events, struct err *err)
{
    struct exemption *e = find(l, p->id);
    if (e == NULL || !span_empty(e->message))
        return CHANGE_NOTHING;
    e->conversation = p->conversation;
    e->message = p->message;
    if (!add_event(p->node, e, "exemption.announced", p->by, events))
        return no_memory(err);
    list_write(l, after);
    return CHANGE_COMMIT;
}

static enum change_say edit_place(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    struct list l = { .count = 0 };
    enum change_say say = list_read(before, &l, err) == OK ? place_in(context, &l, after, events, err) : CHANGE_REFUSE;
    arena_done(&l.arena);
    return say;
}

enum err_code valve_exemption_announced(const struct node *node, struct store *store, const struct exemption_place *place, struct err *err)
{
    struct placing p = { node, place->id, place->by, place->conversation, place->message };
    return change_control(node, store, SPAN_LITERAL("exemptions"), edit_place, &p, err);
}

/* ---- their ends ---- */

struct tending { const struct node *node; int64_t now_s; };

/* What time alone has made of it; NULL: nothing. */
static const char *due(const struct exemption *e, int64_t now_s)
{
    if (e->state == EXEMPTION_ASKED && now_s >= e->end_s)
        return "exemption.refused";
    if (e->state == EXEMPTION_APPROVED && now_s >= e->end_s)
        return "exemption.ended";
    return e->state == EXEMPTION_APPROVED && e->reminded_s == 0 && now_s >= e->end_s - EXEMPTION_REMIND_S ? "exemption.reminder" : NULL;
}

static enum change_say tend_in(const struct tending *t, struct list *l, struct buf *after, struct change_events *events, struct err *err)
{
    for (size_t i = 0; i < l->count && events->count < TENDED_A_COMMIT; i++) {
        struct exemption *e = &l->all[i];
        const char *type = due(e, t->now_s);
        if (type == NULL)
            continue;
        if (e->state == EXEMPTION_ASKED)
            e->state = EXEMPTION_REFUSED, e->decided_s = t->now_s, e->approver = SPAN_LITERAL("clock"), e->answer = SPAN_LITERAL("Nobody decided before the end that was asked for.");
        else if (t->now_s >= e->end_s)
            e->state = EXEMPTION_ENDED, e->ended_s = e->end_s;
        else
            e->reminded_s = t->now_s;
        if (!add_event(t->node, e, type, SPAN_LITERAL("clock"), events))
            return no_memory(err);
    }
    if (events->count == 0)
        return CHANGE_NOTHING;
    list_write(l, after);
    return CHANGE_COMMIT;
}

static enum change_say edit_tend(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    struct list l = { .count = 0 };
    enum change_say say = list_read(before, &l, err) == OK ? tend_in(context, &l, after, events, err) : CHANGE_REFUSE;
    arena_done(&l.arena);
    return say;
}

enum err_code valve_exemptions_tend(const struct node *node, struct store *store, struct err *err)
{
    struct tending t = { node, clock_wall_s(node->clock) };
    bool any = false;
    directory_enter(node->directory);
    struct exemptions all = directory_control(node->directory)->exemptions;
    for (size_t i = 0; i < all.count && !any; i++)
        any = due(&all.all[i], t.now_s) != NULL;
    directory_leave(node->directory);
    return any ? change_control(node, store, SPAN_LITERAL("exemptions"), edit_tend, &t, err) : OK;
}
