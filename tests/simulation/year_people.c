/* People, administrators and the chat. Every act is one of the gateway's own functions; only whether somebody acts is decided here. */
#include "tests/simulation/year.h"

#include "gateway/agents.h"
#include "gateway/decide.h"
#include "gateway/effects_notice.h"
#include "gateway/escalation.h"
#include "gateway/incident.h"
#include "gateway/people.h"
#include "gateway/valves.h"

#include <stdlib.h>
#include <string.h>

enum { DAY_S = 86400, HOUR_S = 3600, ARENA_BYTES = 8 * 1024 * 1024, POLL_S = 15, URGENT_CHECK = 3, UPDATE_CHECK = 2, MENDED_AT_ONCE = 256 };

static const char *const apps[] = { "payroll", "code", "wiki", "chat" };
enum { APPS = sizeof apps / sizeof apps[0] };

/* ---- lives ---- */

static void add_away(struct year *y, struct year_person *p, int64_t from_s, int64_t days, int64_t announce_s, bool told, bool on)
{
    if (p->away_count < YEAR_AWAY_MOST)
        p->away[p->away_count++] = (typeof(p->away[0])){ .from_s = from_s, .to_s = from_s + days * DAY_S, .announce_s = announce_s, .told = told, .on = on };
    (void)y;
}

static void plan_vacations(struct year *y, struct year_person *p)
{
    for (int i = 0; i < 2; i++) {
        int64_t from_s = y->start_s + (int64_t)year_below(y, y->options.days) * DAY_S;
        add_away(y, p, from_s, 5 + year_below(y, 10), from_s - 7 * DAY_S, year_chance(y, 0.9), year_chance(y, 0.1));
    }
    for (unsigned i = year_below(y, 4); i > 0; i--) { /* sick: said in the morning */
        int64_t from_s = y->start_s + (int64_t)year_below(y, y->options.days) * DAY_S + 6 * HOUR_S;
        add_away(y, p, from_s, 1 + year_below(y, 5), from_s, true, year_chance(y, 0.05));
    }
}

void year_plan_lives(struct year *y)
{
    for (unsigned i = 0; i < y->options.people; i++)
        plan_vacations(y, &y->people[i]);
    for (unsigned i = 0; i < y->options.devices; i++) {
        struct year_device *d = &y->devices[i];
        d->second = i >= y->options.people;
        d->platform = i % 10 < 6 ? PLATFORM_MACOS : i % 10 < 9 ? PLATFORM_WINDOWS : PLATFORM_LINUX;
        d->enrols_s = i % 14 == 3 ? y->start_s + (int64_t)year_below(y, y->options.days) * DAY_S + 9 * HOUR_S : y->start_s; /* a new laptop in the course of the year */
        if (!d->second || !year_chance(y, 0.5))
            continue;
        d->drawer_from_s = y->start_s + (int64_t)year_below(y, y->options.days) * DAY_S;
        d->drawer_to_s = d->drawer_from_s + (int64_t)(20 + year_below(y, 80)) * DAY_S;
    }
}

/* ---- a day ---- */

static bool is_away(const struct year_person *p, int64_t at_s, bool *on)
{
    for (size_t i = 0; i < p->away_count; i++)
        if (at_s >= p->away[i].from_s && at_s < p->away[i].to_s)
            return *on = p->away[i].on, true;
    return false;
}

static void plan_hours(struct year *y, struct year_device *d)
{
    const struct year_person *p = &y->people[d->person];
    struct local_time noon = calendar_local(y->story.node.calendar, span_of(p->zone), y->now_s + DAY_S / 2);
    int64_t midnight_s = y->now_s - noon.offset_s; /* of the person's day that this day of UTC is nearest to */
    bool on = true, away = is_away(p, y->now_s + DAY_S / 2, &on), weekend = noon.weekday >= 5, drawer = y->now_s >= d->drawer_from_s && y->now_s < d->drawer_to_s;
    d->on_from_s = d->on_to_s = 0;
    if ((away && !on) || drawer || (weekend && !year_chance(y, 0.05)) || (d->second && !year_chance(y, 0.4)))
        return;
    d->on_from_s = midnight_s + 8 * HOUR_S + year_below(y, 90) * 60;
    d->on_to_s = d->on_from_s + 7 * HOUR_S + year_below(y, 180) * 60;
}

static bool is_release_day(const struct year *y) { return (y->now_s - y->start_s) / DAY_S == 115 * (int64_t)y->options.days / 365; }

static void plan_breaking(struct year *y, struct year_device *d)
{
    static const unsigned share[YEAR_CHECKS] = { 10, 25, 40, 3, 22 };
    unsigned which = year_below(y, 100);
    d->breaks_s = 0;
    if (d->on_from_s == 0)
        return;
    if (is_release_day(y) && d->platform == PLATFORM_MACOS && year_chance(y, 0.8)) {
        d->breaks_s = d->on_from_s + year_below(y, HOUR_S / 2);
        d->breaks = UPDATE_CHECK;
        return;
    }
    if (!year_chance(y, 0.006))
        return;
    d->breaks_s = d->on_from_s + year_below(y, 6 * HOUR_S);
    for (d->breaks = 0; which >= share[d->breaks]; d->breaks++)
        which -= share[d->breaks];
}

static void announce_absences(struct year *y, struct year_person *p)
{
    struct err err = { 0 };
    for (size_t i = 0; i < p->away_count; i++) {
        if (!p->away[i].told || p->away[i].said || y->now_s < p->away[i].announce_s || y->store_away)
            continue;
        struct interval time = { p->away[i].from_s, p->away[i].to_s };
        year_must(people_absence(&y->story.node, y->story.store, span_of(p->id), time, SPAN_LITERAL("admin:hr"), &err) == OK, "an absence", &err);
        p->away[i].said = true;
    }
}

void year_plan_day(struct year *y)
{
    for (unsigned i = 0; i < y->options.devices; i++) {
        struct year_device *d = &y->devices[i];
        plan_hours(y, d);
        plan_breaking(y, d);
        for (int k = 0; k < 2; k++)
            d->login_s[k] = d->on_from_s == 0 || !(d->busy || year_chance(y, 0.01)) ? 0 : d->on_from_s + 600 + year_below(y, 6 * HOUR_S);
    }
}

/* ---- logins ---- */

struct login { struct year *y; const struct year_device *d; struct arena arena; };

static void record(struct login *l, const char *app, const struct answer *a)
{
    CLEANUP(buf_done) struct buf data;
    struct to_json w;
    struct err err = { 0 };
    const struct year_person *p = &l->y->people[l->d->person];
    const struct decision *d = &a->decision;
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "outcome", span_of(outcome_name(d->outcome)));
    to_json_member_text(&w, "rule", span_of(rule_name(d->rule)));
    to_json_member_text(&w, "app", span_of(app));
    to_json_member_text(&w, "door", SPAN_LITERAL("simulation"));
    to_json_member_text_if(&w, "rung", d->rung);
    to_json_key(&w, "failing");
    to_json_array(&w);
    for (size_t i = 0; i < d->standing_count; i++)
        to_json_text(&w, d->standings[i].check->id);
    to_json_end(&w);
    to_json_member_text_if(&w, "reason", d->reason_admin);
    to_json_end(&w);
    const struct event event = { .id = a->id, .at_ms = l->y->story.now_ms, .type = SPAN_LITERAL("decision.made"), .person = span_of(p->id), .device = span_of(l->d->id),
                                 .policy = span_slice(a->policy_version, 0, 12), .data = buf_span(&data) };
    unsigned partition = l->y->story.store->ops->partition_of(l->y->story.store, RECORD_PERSON, span_of(p->id));
    year_must(l->y->story.store->ops->append(l->y->story.store, partition, &event, 1, &err) == OK, "recording a decision", &err);
}

/* The gateway's own decision, recorded as its log does. */
static enum outcome login(struct year *y, const struct year_device *d, const char *app, enum rule *rule)
{
    struct login l = { .y = y, .d = d };
    struct answer a;
    arena_init(&l.arena, 16 * 1024, ARENA_BYTES);
    const struct http_request r = { .arena = &l.arena, .node = &y->story.node, .now_s = y->now_s, .now_ms = y->story.now_ms };
    const struct question q = { .door = SPAN_LITERAL("simulation"), .person = span_of(y->people[d->person].id), .door_device = DEVICE_NAMED, .device_kind = SPAN_LITERAL("id"), .device = span_of(d->id), .app = span_of(app) };
    directory_enter(y->story.node.directory);
    decide(&r, &q, NULL, NULL, NULL, &a);
    enum outcome outcome = a.decision.outcome;
    *rule = a.decision.rule;
    if (!y->store_away && (outcome != OUTCOME_ALLOW || a.decision.standing_count > 0 || !d->busy))
        record(&l, app, &a);
    directory_leave(y->story.node.directory);
    arena_done(&l.arena);
    y->did.logins++;
    y->did.denials += outcome == OUTCOME_DENY;
    return outcome;
}

static unsigned first_broken(const struct year_device *d)
{
    unsigned i = 0;
    while (i < YEAR_CHECKS && !d->broken[i])
        i++;
    return i;
}

static struct valve_use use_of(const struct year *y, const struct year_device *d, unsigned check, const char *app, const char *text)
{
    struct span person = span_of(y->people[d->person].id);
    return (struct valve_use){ .person = person, .device = span_of(d->id), .check = check < YEAR_CHECKS ? span_of(year_check_ids[check]) : SPAN_NONE, .app = span_of(app), .text = span_of(text), .by = SPAN_LITERAL("person") };
}

static void queue_answer(struct year *y, const struct year_device *d, unsigned check, const char *id, bool wrong, bool exemption)
{
    year_must(y->answer_count < YEAR_QUEUE, "room for answers", NULL);
    struct year_answer *a = &y->answers[y->answer_count++];
    *a = (struct year_answer){ .at_s = y->now_s + 4 * HOUR_S + year_below(y, 30 * HOUR_S), .wrong = wrong, .exemption = exemption, .device = (unsigned)(d - y->devices), .check = check };
    snprintf(a->id, sizeof a->id, "%s", id);
    memcpy(a->person, y->people[d->person].id, sizeof y->people[0].id);
}

static void ask_for_an_exemption(struct year *y, const struct year_device *d)
{
    struct valve_result result;
    struct err err = { 0 };
    unsigned check = first_broken(d);
    char by[64];
    snprintf(by, sizeof by, "person:%s", y->people[d->person].id);
    if (check == YEAR_CHECKS)
        return;
    const struct exemption_request ask = { .scope = EXEMPT_DEVICE, .subject = span_of(d->id), .check = span_of(year_check_ids[check]), .reason = SPAN_LITERAL("An old program needs it"), .by = span_of(by),
                                           .end_s = y->now_s + 20 * DAY_S };
    year_must(valve_exemption_ask(&y->story.node, y->story.store, &ask, &result, &err) == OK, "asking for an exemption", &err);
    if (result.said != VALVE_DONE)
        return;
    queue_answer(y, d, check, result.id, false, true);
}

static void log_in(struct year *y, struct year_device *d)
{
    struct valve_result result;
    struct err err = { 0 };
    enum rule rule;
    for (unsigned i = 0; i < APPS; i++) {
        if (login(y, d, apps[i], &rule) != OUTCOME_DENY || rule != RULE_LADDER_CLOSED || y->store_away)
            continue;
        if (i == 1 && year_chance(y, 0.2)) {
            struct valve_use use = use_of(y, d, YEAR_CHECKS, apps[i], "A release goes out today");
            year_must(valve_continue_once(&y->story.node, y->story.store, &use, &result, &err) == OK, "continuing once", &err);
            y->did.passes += result.said == VALVE_DONE;
        }
        if (i == 0 && year_chance(y, 0.03))
            ask_for_an_exemption(y, d);
    }
}

/* ---- what people do about it ---- */

static double eagerness(const struct year_person *p)
{
    static const double per_step[] = { [MOOD_EAGER] = 0.06, [MOOD_NORMAL] = 0.02, [MOOD_SLOW] = 0.006, [MOOD_STUBBORN] = 0.0005 };
    return per_step[p->mood];
}

static bool is_shut(const struct year *y, const struct year_device *d)
{
    directory_enter(y->story.node.directory);
    const struct device *known = directory_device(y->story.node.directory, span_of(d->id));
    bool shut = known != NULL && (span_equal_text(known->rung, "sensitive") || span_equal_text(known->rung, "all") || span_equal_text(known->rung, "urgent-closed"));
    directory_leave(y->story.node.directory);
    return shut;
}

static void dispute(struct year *y, struct year_device *d, unsigned check)
{
    struct valve_result result;
    struct err err = { 0 };
    struct valve_use use = use_of(y, d, check, NULL, "It is on");
    d->disputed[check] = true;
    year_must(valve_dispute(&y->story.node, y->story.store, &use, &result, &err) == OK, "a dispute", &err);
    if (result.said != VALVE_DONE)
        return;
    y->did.disputes++;
    queue_answer(y, d, check, result.id, d->wrong[check], false);
}

/* "I fixed it. Check again": asked now, answered by the agent at its next poll. */
static void mend(struct year *y, struct year_device *d, unsigned check)
{
    struct span name = span_of(year_check_ids[check]);
    struct err err = { 0 };
    year_must(agents_recheck(&y->story.node, y->story.store, span_of(d->id), &name, 1, SPAN_LITERAL("person"), NULL, &err) == OK, "asking again", &err);
    d->broken[check] = d->wrong[check] = d->disputed[check] = false;
    d->told[check] = 0;
    d->mended_s = y->now_s + POLL_S;
    y->did.fixes++;
}

static void act_on(struct year *y, struct year_device *d, unsigned check, bool shut)
{
    const struct year_person *p = &y->people[d->person];
    bool knows = d->told[check] > 0 || shut;
    if (!knows) {
        if (!d->wrong[check] && year_chance(y, 0.0008)) /* it updates by itself */
            mend(y, d, check);
        return;
    }
    if (d->wrong[check]) {
        if (!d->disputed[check] && year_chance(y, 0.05))
            dispute(y, d, check);
        return;
    }
    if (year_chance(y, eagerness(p) * (shut ? 8 : 1))) {
        mend(y, d, check);
    } else if (!d->disputed[check] && p->mood == MOOD_STUBBORN && year_chance(y, 0.001)) {
        dispute(y, d, check);
    } else if (check != URGENT_CHECK && year_chance(y, 0.003)) {
        struct valve_result result;
        struct err err = { 0 };
        struct valve_use use = use_of(y, d, check, NULL, NULL);
        year_must(valve_snooze(&y->story.node, y->story.store, &use, &result, &err) == OK, "a snooze", &err);
        y->did.snoozes += result.said == VALVE_DONE;
    }
}

static void act(struct year *y, struct year_device *d)
{
    bool on = false, away = is_away(&y->people[d->person], y->now_s, &on);
    for (int k = 0; k < 2; k++)
        if (d->login_s[k] != 0 && y->now_s >= d->login_s[k]) {
            d->login_s[k] = 0;
            log_in(y, d);
        }
    if (!d->busy || away || y->store_away)
        return;
    bool shut = is_shut(y, d);
    for (unsigned i = 0; i < YEAR_CHECKS; i++)
        if (d->broken[i] && d->mended_s == 0)
            act_on(y, d, i, shut);
}

void year_people_act(struct year *y)
{
    for (unsigned i = 0; i < y->options.people; i++)
        announce_absences(y, &y->people[i]);
    for (unsigned i = 0; i < y->options.devices; i++)
        if (year_is_on(y, &y->devices[i]))
            act(y, &y->devices[i]);
}

/* The agent answers fifteen seconds later; the person tries the door at once. */
void year_mend(struct year *y)
{
    unsigned mended[MENDED_AT_ONCE], count = 0;
    for (unsigned i = 0; i < y->options.devices && count < MENDED_AT_ONCE; i++)
        if (y->devices[i].mended_s != 0 && year_is_on(y, &y->devices[i]) && !y->store_away)
            mended[count++] = i;
    if (count == 0)
        return;
    y->now_s += POLL_S;
    y->story.now_ms = y->now_s * 1000;
    for (unsigned i = 0; i < count; i++) {
        struct year_device *d = &y->devices[mended[i]];
        year_report(y, mended[i]);
        d->mended_s = 0;
        d->busy = first_broken(d) < YEAR_CHECKS;
    }
    year_settle(y);
    for (unsigned i = 0; i < count; i++)
        log_in(y, &y->devices[mended[i]]);
    year_settle(y);
}

/* ---- the chat ---- */

static bool load_person(struct year *y, const char *id, struct person **out)
{
    CLEANUP(buf_done) struct buf body;
    int64_t version = 0;
    struct err err;
    buf_init(&body, PERSON_BODY_BYTES);
    return y->story.store->ops->get(y->story.store, RECORD_PERSON, span_of(id), &body, &version, &err) == OK && person_from_json(buf_span(&body), version, out, &err) == OK;
}

static struct notice_time time_for(const struct year *y, const struct person *p)
{
    const struct directory *d = y->story.node.directory;
    directory_enter(d);
    const struct control *control = directory_control(d);
    struct calendar_hours hours = calendar_hours(y->story.node.calendar, control->policy, p, control->holidays);
    struct notice_time t = { .local_day = calendar_local(y->story.node.calendar, hours.zone, y->now_s).day, .in_window = calendar_in_window(&hours, y->now_s), .channel = SPAN_LITERAL("slack"), .frozen = control->frozen };
    directory_leave(d);
    return t;
}

/* What of the notice still needs fixing. */
static size_t collect_left(struct year *y, const struct person *p, struct arena *arena, struct notice_item **left)
{
    struct escalation_item *found = NULL;
    size_t used = 0;
    directory_enter(y->story.node.directory);
    size_t count = escalation_items(&y->story.node, p, arena, &found);
    *left = arena_array(arena, count + 1, sizeof **left);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < p->notice.item_count; k++)
            if (span_equal(p->notice.items[k].device, found[i].device->id) && span_equal(p->notice.items[k].check, found[i].check->id))
                (*left)[used++] = (struct notice_item){ .device = arena_copy(arena, found[i].device->id), .check = arena_copy(arena, found[i].check->id), .deadline_s = found[i].deadline_s };
    directory_leave(y->story.node.directory);
    return used;
}

static void note_told(struct year *y, const struct notice_item *left, size_t count)
{
    for (unsigned i = 0; i < y->options.devices; i++)
        for (size_t k = 0; k < count; k++)
            for (unsigned c = 0; c < YEAR_CHECKS && span_equal_text(left[k].device, y->devices[i].id); c++)
                y->devices[i].told[c] += span_equal_text(left[k].check, year_check_ids[c]);
}

/* True: done with it. */
static bool deliver(struct year *y, struct year_notice *n)
{
    CLEANUP(person_freep) struct person *p = NULL;
    struct node *node = &y->story.node;
    struct store *store = y->story.store;
    struct notice_item *left = NULL;
    struct arena arena;
    struct err err = { 0 };
    bool mine = false, done = true;
    if (!load_person(y, n->person, &p))
        return true;
    arena_init(&arena, 16 * 1024, ARENA_BYTES);
    n->item.id = span_of(n->id);
    n->item.person = span_of(n->person);
    struct notice_time t = time_for(y, p);
    enum notice_step step = notice_step(p, &n->item, t);
    size_t count = step == NOTICE_STEP_SEND ? collect_left(y, p, &arena, &left) : 0;
    enum err_code code = OK;
    if (step == NOTICE_STEP_TOO_LATE || (step == NOTICE_STEP_SEND && count == 0)) {
        code = notice_failed(node, store, p->id, &n->item, step == NOTICE_STEP_SEND ? SPAN_LITERAL("nothing_left_to_fix") : SPAN_LITERAL("too_late"), true, &err);
    } else if (step == NOTICE_STEP_WAIT || (step == NOTICE_STEP_SEND && y->slack_away)) {
        done = false;
    } else if (step == NOTICE_STEP_SEND) {
        struct notice_try try = { .item = &n->item, .sure = true, .now = t, .left = left, .left_count = count };
        n->item.sends++;
        code = notice_begin(node, store, p->id, &try, &mine, &err);
        if (code == OK && mine)
            code = notice_delivered(node, store, p->id, n->item.id, SPAN_LITERAL("D1"), SPAN_LITERAL("1.1"), &err);
        if (code == OK && mine) {
            note_told(y, left, count);
            y->did.notices++;
        }
    }
    year_must(code == OK, "a notice", &err);
    arena_done(&arena);
    return done;
}

void year_deliver(struct year *y)
{
    size_t kept = 0;
    for (size_t i = 0; i < y->notice_count && !y->store_away; i++)
        if (!deliver(y, &y->notices[i]))
            y->notices[kept++] = y->notices[i];
    if (!y->store_away)
        y->notice_count = kept;
}

/* ---- administrators ---- */

static void answer_dispute(struct year *y, const struct year_answer *a)
{
    struct year_device *d = &y->devices[a->device];
    struct valve_result result;
    struct err err = { 0 };
    const struct valve_answer answer = { .person = span_of(a->person), .id = span_of(a->id), .outcome = a->wrong ? DISPUTE_CHECK_FIXED : DISPUTE_REJECTED, .text = SPAN_LITERAL("Looked at"), .by = SPAN_LITERAL("admin:help") };
    year_must(valve_dispute_answer(&y->story.node, y->story.store, &answer, &result, &err) == OK, "answering a dispute", &err);
    if (a->wrong && d->broken[a->check]) {
        d->broken[a->check] = d->wrong[a->check] = d->disputed[a->check] = false;
        d->told[a->check] = 0;
        d->mended_s = y->now_s + POLL_S;
    }
}

static void answer_exemption(struct year *y, const struct year_answer *a)
{
    struct valve_result result;
    struct err err = { 0 };
    const struct exemption_decision decision = { .id = span_of(a->id), .move = year_chance(y, 0.7) ? EXEMPTION_APPROVE : EXEMPTION_REFUSE, .text = SPAN_LITERAL("For now"), .by = SPAN_LITERAL("admin:security") };
    year_must(valve_exemption_decide(&y->story.node, y->story.store, &decision, &result, &err) == OK, "deciding an exemption", &err);
    y->did.exemptions++;
}

static void answer_people(struct year *y)
{
    size_t kept = 0;
    for (size_t i = 0; i < y->answer_count; i++) {
        struct year_answer a = y->answers[i];
        if (y->now_s < a.at_s)
            y->answers[kept++] = a;
        else if (a.exemption)
            answer_exemption(y, &a);
        else
            answer_dispute(y, &a);
    }
    y->answer_count = kept;
}

static void stop_incident(struct year *y)
{
    const struct incident_order stop = { INCIDENT_STOP, SPAN_NONE, SPAN_LITERAL("admin:ops") };
    struct err err = { 0 };
    bool changed = false;
    year_publish(y, 2);
    year_settle(y);
    year_must(incident_order(&y->story.node, y->story.store, &stop, &changed, &err) == OK && changed, "stopping an incident", &err);
    y->incident_ends_s = 0;
}

static bool is_frozen(const struct year *y)
{
    directory_enter(y->story.node.directory);
    bool frozen = directory_control(y->story.node.directory)->frozen;
    directory_leave(y->story.node.directory);
    return frozen;
}

/* Day and hour of a year of 365 days, in one of the days that there are. */
static bool is_time(const struct year *y, unsigned day, unsigned hour)
{
    return y->now_s == y->start_s + (int64_t)(day * y->options.days / 365) * DAY_S + (int64_t)hour * HOUR_S;
}

static void go_wrong(struct year *y)
{
    y->agents_away = is_time(y, 180, 0) ? true : is_time(y, 183, 0) ? false : y->agents_away;
    y->slack_away = is_time(y, 200, 0) ? true : is_time(y, 204, 12) ? false : y->slack_away;
    if (is_time(y, 250, 9))
        fake_store_fail(y->story.server, ERR_UNAVAILABLE, 1 << 30), y->store_away = true;
    if (is_time(y, 250, 15))
        fake_store_fail(y->story.server, OK, 0), y->store_away = false;
}

void year_admins_act(struct year *y)
{
    struct err err = { 0 };
    go_wrong(y);
    if (y->store_away)
        return;
    if (is_time(y, 90, 9))
        year_publish(y, 1);
    if (is_time(y, 270, 9))
        year_publish(y, 3);
    if (y->incident_ends_s == 0 && is_frozen(y))
        y->incident_ends_s = y->now_s + 26 * HOUR_S;
    if (y->incident_ends_s != 0 && y->now_s >= y->incident_ends_s)
        stop_incident(y);
    answer_people(y);
    if (y->now_s % HOUR_S == 0)
        year_must(valve_exemptions_tend(&y->story.node, y->story.store, &err) == OK, "tending exemptions", &err);
}
