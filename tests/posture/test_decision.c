#include "posture/base/secret.h"
#include "posture/decision.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define POLICY(verdict) \
    "policy: p\nsensitivities: [everyday, sensitive, critical]\nvisible_after: off\n" \
    "apps:\n- { id: mail, title: Mail, sensitivity: everyday }\n- { id: crm, title: Customers, sensitivity: sensitive }\n- { id: payroll, title: Payroll, sensitivity: critical }\n" \
    "- { id: chat, title: Chat, sensitivity: critical, repair: true }\n" \
    "checks:\n- { id: disk, severity: high, minutes: 10, what: 'The disk of your laptop can be read without your password.', osquery: { linux: 'SELECT a FROM t' }, pass: 'rows > 0', fresh_for: 365d }\n" \
    "- { id: fire, severity: high, minutes: 2, what: 'The firewall is off.', osquery: { linux: 'SELECT a FROM t' }, pass: 'rows > 0', fresh_for: 365d }\n" \
    "ladders:\n- { id: l, rungs: [ { id: notice, after: 0d, nudge: true }, { id: warn, after: 3d, login: warn }, { id: sensitive, after: 7d, close: [sensitive, critical] },\n" \
    "    { id: all, after: 14d, close: [everyday, sensitive, critical] } ], notices_before_close: 1, rise: off }\n" \
    "grace: off\noutage: { critical: deny, sensitive: { last_known_good: 1h, then: deny }, everyday: allow }\n" \
    "unidentified_device: { everyday: allow, sensitive: warn, critical: deny }\nperson_verdict: " verdict "\nbreak_glass: [root@acme.example]\nhelp: { contact: help@acme.example }\n"

enum { WORST, LATEST, BEST, POLICIES, HOUR = 3600, DAY = 86400 };
#define T0 INT64_C(1794823200) /* Monday 2026-11-16 10:00 UTC: the failures became visible and were told about */

static int64_t seconds(double days) { return (int64_t)(days * DAY + 0.5); }

struct world { struct policy *policies[POLICIES]; struct calendar *calendar; struct arena arena; struct person *ana; };

static struct policy *read_policy(const char *text)
{
    struct mistakes mistakes;
    struct policy *policy;
    mistakes_init(&mistakes);
    policy_read(span_of(text), SPAN_LITERAL("policy"), &mistakes, &policy);
    if (policy == NULL)
        fail_msg("line %u: %.*s", mistakes.all[0].line, SPAN_ARGS(mistakes.all[0].text));
    mistakes_done(&mistakes);
    return policy;
}

static int set_up(void **state)
{
    static const char ANA[] = "{\"id\":\"p_1\",\"emails\":[\"ana@acme.example\"]}";
    static const char *const told[] = { "d_bad", "d_old", "d_worse" };
    struct world *w = calloc(1, sizeof *w);
    struct err err;
    if (w == NULL)
        return -1;
    w->policies[WORST] = read_policy(POLICY("worst"));
    w->policies[WORST]->proof[2] = PROOF_WEBAUTHN; /* critical */
    w->policies[LATEST] = read_policy(POLICY("latest"));
    w->policies[BEST] = read_policy(POLICY("best"));
    w->calendar = calendar_new("/usr/share/zoneinfo");
    arena_init(&w->arena, 4096, 4 * 1024 * 1024);
    assert_int_equal(person_from_json(span_of(ANA), 1, &w->ana, &err), OK);
    for (size_t i = 0; i < COUNT(told); i++)
        assert_true(person_add_told(w->ana, span_of(told[i]), SPAN_LITERAL("fire"), T0) && person_add_told(w->ana, span_of(told[i]), SPAN_LITERAL("disk"), T0));
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < POLICIES; i++)
        policy_free(w->policies[i]);
    calendar_free(w->calendar);
    arena_done(&w->arena);
    person_free(w->ana);
    free(w);
    return 0;
}

/* The devices of the stories. Each letter of a row's `devices` is one. */
enum { GOOD, BAD, OLD, WORSE, NOBODYS, BENS, TWIN, GONE, NEVER_CHECKED, UNSURE, DEVICES };
struct fleet { struct result fire[DEVICES][2]; struct device all[DEVICES]; };

static void add_device(struct fleet *f, int which, const char *id, const char *owner, int64_t seen_s, unsigned failing)
{
    for (unsigned i = 0; i < failing; i++)
        f->fire[which][i] = (struct result){ .check = failing == 2 && i == 0 ? SPAN_LITERAL("disk") : SPAN_LITERAL("fire"), .verdict = VERDICT_FAIL, .evaluated_s = seen_s, .changed_s = T0,
                                             .first_failed_s = T0, .visible_s = T0 };
    f->all[which] = (struct device){ .id = span_of(id), .name = span_of(id + 2), .owner = span_of(owner), .enrolled_s = 1, .seen_s = seen_s, .results = f->fire[which], .result_count = failing };
}

static void make_fleet(struct fleet *f, int64_t now_s)
{
    *f = (struct fleet){ 0 };
    add_device(f, GOOD, "d_good", "p_1", now_s - 60, 0);
    add_device(f, BAD, "d_bad", "p_1", now_s - 120, 1);
    add_device(f, OLD, "d_old", "p_1", now_s - 31 * DAY, 1);
    add_device(f, WORSE, "d_worse", "p_1", now_s - 180, 2);
    add_device(f, NOBODYS, "d_nobodys", "", now_s, 1);
    add_device(f, BENS, "d_bens", "p_2", now_s, 0);
    add_device(f, TWIN, "d_twin", "p_1", now_s, 1);
    f->all[TWIN].duplicate_of = SPAN_LITERAL("d_good");
    add_device(f, GONE, "d_gone", "p_1", now_s, 1);
    f->all[GONE].removed = true;
    add_device(f, NEVER_CHECKED, "d_new", "p_1", now_s, 0);
    add_device(f, UNSURE, "d_bad", "p_1", now_s, 1);
    f->fire[UNSURE][0].verdict = VERDICT_UNKNOWN;
    f->fire[UNSURE][0].changed_s = T0 + 8 * DAY;
}

struct story {
    const char *name;
    int policy;
    double days;             /* since T0 */
    const char *asked;       /* NULL: ana; else nobody is known by it */
    const char *app;         /* NULL: unknown */
    const char *action;
    enum door_device door;
    int device;              /* with DEVICE_NAMED */
    bool subject;
    const int *devices; size_t device_count;
    int64_t store_age_s;
    enum proof proof;
    bool claimed;
    enum outcome outcome;
    enum rule rule;
    const char *user, *admin; /* parts of the reasons; NULL: the person is told nothing */
};
#define LIST(...) .devices = (const int[]){ __VA_ARGS__ }, .device_count = COUNT(((const int[]){ __VA_ARGS__ }))
#define ON(which) .door = DEVICE_NAMED, .device = which

static const struct story stories[] = {
    { "all is well", .app = "payroll", ON(GOOD), .outcome = OUTCOME_ALLOW, .rule = RULE_GOOD },
    { "never checked is not failing", .app = "payroll", ON(NEVER_CHECKED), .outcome = OUTCOME_ALLOW, .rule = RULE_GOOD },
    { "the device was proved well enough", .app = "payroll", ON(GOOD), .proof = PROOF_WEBAUTHN, .outcome = OUTCOME_ALLOW, .rule = RULE_GOOD },
    { "more than enough", .app = "payroll", ON(GOOD), .proof = PROOF_CERTIFICATE, .outcome = OUTCOME_ALLOW, .rule = RULE_GOOD },
    { "a cookie is too little for a critical app", .app = "payroll", ON(GOOD), .proof = PROOF_COOKIE, .outcome = OUTCOME_DENY, .rule = RULE_WEAK_PROOF,
      .user = "This app needs a surer sign of which device you are using. Payroll does not open without that.", .admin = "the device was proved by cookie only, and webauthn is the least here" },
    { "a credential that is synced too", .app = "payroll", ON(GOOD), .proof = PROOF_WEBAUTHN_SYNCED, .outcome = OUTCOME_DENY, .rule = RULE_WEAK_PROOF, .user = "surer sign", .admin = "proved by webauthn_synced only" },
    { "and enough for the others", .app = "crm", ON(GOOD), .proof = PROOF_COOKIE, .outcome = OUTCOME_ALLOW, .rule = RULE_GOOD },
    { "another person's device is that first", .app = "payroll", ON(BENS), .proof = PROOF_COOKIE, .outcome = OUTCOME_DENY, .rule = RULE_UNIDENTIFIED, .user = "This device is not set up for you.", .admin = "another person's" },
    { "a repair app opens on any proof", .app = "chat", ON(GOOD), .proof = PROOF_COOKIE, .outcome = OUTCOME_ALLOW, .rule = RULE_GOOD },
    { "a claim that their own device confirms", .app = "payroll", ON(GOOD), .claimed = true, .proof = PROOF_CERTIFICATE, .outcome = OUTCOME_ALLOW, .rule = RULE_GOOD },
    { "a claim alone opens nothing", .app = "mail", .door = DEVICE_UNPROVED, .claimed = true, .proof = PROOF_NONE, .outcome = OUTCOME_DENY, .rule = RULE_UNIDENTIFIED, .user = "We could not tell which device you are using.", .admin = "proved no device that is known" },
    { "nor does a claim on another's device", .app = "mail", ON(BENS), .claimed = true, .proof = PROOF_CERTIFICATE, .outcome = OUTCOME_DENY, .rule = RULE_UNIDENTIFIED, .user = "not set up for you", .admin = "another person's device" },
    { "a claim to be break-glass is not enough", .asked = "root@acme.example", .app = "payroll", .door = DEVICE_UNPROVED, .claimed = true, .outcome = OUTCOME_DENY, .rule = RULE_UNKNOWN_PERSON, .user = "do not know your account", .admin = "unknown_person" },
    { "nobody named, nothing proved", .asked = "", .app = "mail", .door = DEVICE_UNPROVED, .outcome = OUTCOME_ALLOW, .rule = RULE_UNIDENTIFIED },
    { "nobody named, nothing proved, a critical app", .asked = "", .app = "payroll", .door = DEVICE_UNPROVED, .outcome = OUTCOME_DENY, .rule = RULE_UNIDENTIFIED, .user = "could not tell which device", .admin = "proved no device" },
    { "nobody named, and a device that is nobody's", .asked = "", .app = "payroll", ON(NOBODYS), .proof = PROOF_CERTIFICATE, .outcome = OUTCOME_DENY, .rule = RULE_UNIDENTIFIED, .user = "not set up for you", .admin = "another person's device" },
    { "failing, too new to matter", .days = 1, .app = "payroll", ON(BAD), .outcome = OUTCOME_ALLOW, .rule = RULE_GOOD, .admin = "good on d_bad" },
    { "warned at login", .days = 4, .app = "payroll", ON(BAD), .outcome = OUTCOME_WARN, .rule = RULE_LADDER_WARN,
      .user = "One thing to fix on bad. The firewall is off. Please do this by Mon 10:00 UTC. After that Payroll does not open on this device.", .admin = "rung warn reached 2026-11-19T10:00:00Z, warns" },
    { "the last second of being open", .days = 7 - 1.0 / DAY, .app = "payroll", ON(BAD), .outcome = OUTCOME_WARN, .rule = RULE_LADDER_WARN, .user = "One thing to fix", .admin = "ladder_warn" },
    { "closed in the second of the deadline", .days = 7, .app = "payroll", ON(BAD), .outcome = OUTCOME_DENY, .rule = RULE_LADDER_CLOSED,
      .user = "One thing to fix on bad before you can open Payroll. The firewall is off.",
      .admin = "ladder_closed on d_bad (bad): fire fail, failing since 2026-11-16T10:00:00Z; ladder l: rung sensitive reached 2026-11-23T10:00:00Z, closes sensitive, critical" },
    { "the everyday app stays open, with a warning", .days = 7, .app = "mail", ON(BAD), .outcome = OUTCOME_WARN, .rule = RULE_LADDER_WARN, .user = "by Mon 30 Nov 10:00 UTC", .admin = "policy " },
    { "in the end it closes too", .days = 14, .app = "mail", ON(BAD), .outcome = OUTCOME_DENY, .rule = RULE_LADDER_CLOSED, .user = "before you can open Mail", .admin = "rung all" },
    { "two things, the shorter one first", .days = 8, .app = "payroll", ON(WORSE), .outcome = OUTCOME_DENY, .rule = RULE_LADDER_CLOSED, .user = "2 things to fix on worse before you can open Payroll. First: The firewall is off.",
      .admin = "disk fail" },
    { "closed, and nobody knows how it is now", .days = 9, .app = "payroll", ON(UNSURE), .outcome = OUTCOME_DENY, .rule = RULE_LADDER_CLOSED, .user = "We could not check bad lately", .admin = "fire unknown" },
    { "a repair app is never closed", .days = 30, .app = "chat", ON(BAD), .outcome = OUTCOME_ALLOW, .rule = RULE_REPAIR_APP, .admin = "repair_app on d_bad" },
    { "break-glass before anything else", .asked = "Root@acme.example", .days = 30, .app = "payroll", ON(BAD), .store_age_s = 9999, .outcome = OUTCOME_ALLOW, .rule = RULE_BREAK_GLASS,
      .admin = "break_glass: \"Root@acme.example\"" },
    { "break-glass even for an app that is not known", .asked = "root@acme.example", .outcome = OUTCOME_ALLOW, .rule = RULE_BREAK_GLASS, .admin = "break_glass" },
    { "nobody we know", .asked = "eve@else.example", .app = "mail", ON(GOOD), .outcome = OUTCOME_DENY, .rule = RULE_UNKNOWN_PERSON, .user = "We do not know your account yet. Please ask help@acme.example.",
      .admin = "unknown_person: \"eve@else.example\"" },
    { "an app we do not know", ON(GOOD), .outcome = OUTCOME_DENY, .rule = RULE_UNKNOWN_APP, .user = "This app is not set up here yet.", .admin = "unknown_app: \"nowhere\"" },
    { "an action we do not know", .app = "mail", .action = "delete", ON(GOOD), .outcome = OUTCOME_DENY, .rule = RULE_UNKNOWN_ACTION, .user = "This way to use Mail", .admin = "\"delete\" on app mail" },
    { "the action login", .app = "mail", .action = "login", ON(GOOD), .outcome = OUTCOME_ALLOW, .rule = RULE_GOOD },
    { "stale, but no outage yet", .app = "payroll", ON(GOOD), .store_age_s = 10, .outcome = OUTCOME_ALLOW, .rule = RULE_GOOD },
    { "a hiccup of the store is told, and no outage", .app = "payroll", ON(GOOD), .store_age_s = 2, .outcome = OUTCOME_ALLOW, .rule = RULE_GOOD },
    { "an outage, critical: deny", .app = "payroll", ON(GOOD), .store_age_s = 11, .outcome = OUTCOME_DENY, .rule = RULE_OUTAGE, .user = "Our check is not working right now, so Payroll does not open.",
      .admin = "outage: the store has been silent for 11 s" },
    { "an outage, everyday: allow", .days = 30, .app = "mail", ON(BAD), .store_age_s = 11, .outcome = OUTCOME_ALLOW, .rule = RULE_OUTAGE, .user = "You are let in.", .admin = "outage" },
    { "an outage, from memory at its age limit", .app = "crm", ON(GOOD), .store_age_s = HOUR, .outcome = OUTCOME_ALLOW, .rule = RULE_GOOD },
    { "an outage, past its age limit", .app = "crm", ON(GOOD), .store_age_s = HOUR + 1, .outcome = OUTCOME_DENY, .rule = RULE_OUTAGE, .user = "Our check", .admin = "silent for 3601 s" },
    { "no device proved: everyday allows", .app = "mail", .door = DEVICE_UNPROVED, .outcome = OUTCOME_ALLOW, .rule = RULE_UNIDENTIFIED },
    { "no device proved: sensitive warns", .app = "crm", .door = DEVICE_UNPROVED, .outcome = OUTCOME_WARN, .rule = RULE_UNIDENTIFIED, .user = "We could not tell which device you are using.", .admin = "proved no device" },
    { "no device proved: critical denies", .app = "payroll", .door = DEVICE_UNPROVED, .outcome = OUTCOME_DENY, .rule = RULE_UNIDENTIFIED, .user = "Payroll does not open without that.", .admin = "unidentified" },
    { "somebody else's device", .app = "payroll", ON(BENS), .outcome = OUTCOME_DENY, .rule = RULE_UNIDENTIFIED, .user = "This device is not set up for you.", .admin = "unidentified on d_bens (bens): another person's device" },
    { "nobody's device", .app = "payroll", ON(NOBODYS), .outcome = OUTCOME_DENY, .rule = RULE_UNIDENTIFIED, .user = "not set up for you", .admin = "d_nobodys" },
    { "a removed device", .app = "payroll", ON(GONE), .outcome = OUTCOME_DENY, .rule = RULE_UNIDENTIFIED, .user = "could not tell", .admin = "unidentified" },
    { "a device in conflict", .app = "payroll", ON(TWIN), .outcome = OUTCOME_DENY, .rule = RULE_DUPLICATE, .user = "Two devices say that they are this one", .admin = "in conflict with d_good" },
    { "the device is the subject", .days = 8, .app = "payroll", ON(BAD), .subject = true, .outcome = OUTCOME_DENY, .rule = RULE_LADDER_CLOSED, .user = "before you can open Payroll", .admin = "d_bad" },
    { "the subject is nobody's", .days = 30, .asked = "", .app = "payroll", ON(NOBODYS), .subject = true, .outcome = OUTCOME_ALLOW, .rule = RULE_UNOWNED, .admin = "the device has no owner" },
    { "the subject is not known", .asked = "", .app = "payroll", .door = DEVICE_NOT_ASKED, .subject = true, .outcome = OUTCOME_DENY, .rule = RULE_UNIDENTIFIED, .user = "could not tell", .admin = "unidentified" },
    { "the worst of three", .days = 8, .app = "payroll", LIST(GOOD, BAD, OLD), .outcome = OUTCOME_DENY, .rule = RULE_LADDER_CLOSED, .user = "One thing to fix on bad", .admin = "d_bad" },
    { "the worst, of those seen lately", .days = 8, .app = "payroll", LIST(OLD, GOOD), .outcome = OUTCOME_ALLOW, .rule = RULE_GOOD },
    { "neither removed nor in conflict", .days = 8, .app = "payroll", LIST(GONE, TWIN, GOOD), .outcome = OUTCOME_ALLOW, .rule = RULE_GOOD },
    { "the latest of two", .policy = LATEST, .days = 8, .app = "payroll", LIST(BAD, GOOD), .outcome = OUTCOME_ALLOW, .rule = RULE_GOOD },
    { "the latest of two, the other way", .policy = LATEST, .days = 8, .app = "payroll", LIST(WORSE, BAD), .outcome = OUTCOME_DENY, .rule = RULE_LADDER_CLOSED, .user = "on bad", .admin = "d_bad" },
    { "the best of two", .policy = BEST, .days = 8, .app = "payroll", LIST(BAD, GOOD), .outcome = OUTCOME_ALLOW, .rule = RULE_GOOD },
    { "no device at all", .app = "payroll", .outcome = OUTCOME_DENY, .rule = RULE_NO_DEVICE, .user = "We have seen no device of yours in the last 30 days.", .admin = "no_device" },
    { "none seen lately", .days = 8, .app = "mail", LIST(OLD), .outcome = OUTCOME_ALLOW, .rule = RULE_NO_DEVICE, .user = "We have seen no device", .admin = "no_device" },
};

static struct decision_input input_of(const struct world *w, const struct story *s, const struct fleet *f, const struct device **room)
{
    const struct policy *policy = w->policies[s->policy];
    int64_t now_s = T0 + seconds(s->days);
    for (size_t i = 0; i < s->device_count; i++)
        room[i] = &f->all[s->devices[i]];
    bool owned = s->asked == NULL;
    return (struct decision_input){ .policy = policy, .calendar = w->calendar, .person = owned ? w->ana : NULL, .person_asked = owned ? SPAN_LITERAL("ana@acme.example") : span_of(s->asked),
                                    .door = s->door, .proof = s->proof, .person_claimed = s->claimed, .device = s->door == DEVICE_NAMED ? &f->all[s->device] : NULL, .devices = room, .device_count = s->device_count, .device_subject = s->subject,
                                    .app = s->app == NULL ? NULL : policy_app(policy, span_of(s->app)), .app_asked = s->app == NULL ? SPAN_LITERAL("nowhere") : span_of(s->app), .action = span_of(s->action),
                                    .now_s = now_s, .ladder_now_s = now_s, .store_age_s = s->store_age_s };
}

static bool says(struct span text, const char *part)
{
    return part == NULL ? span_empty(text) : span_search(text, span_of(part)) < text.bytes;
}

static void count_step(void *context, struct span line)
{
    size_t *lines = context;
    assert_true(line.bytes > 0);
    (*lines)++;
}

static void stories_end_as_they_should(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < COUNT(stories); i++) {
        const struct story *s = &stories[i];
        const struct device *room[8];
        struct fleet f;
        struct decision d, told;
        size_t lines = 0;
        make_fleet(&f, T0 + seconds(s->days));
        struct decision_input in = input_of(w, s, &f, room);
        decision_make(&in, &w->arena, NULL, NULL, &d);
        if (d.outcome != s->outcome || d.rule != s->rule)
            fail_msg("%s: %s by %s", s->name, outcome_name(d.outcome), rule_name(d.rule));
        if (!says(d.reason_user, s->user) || !says(d.reason_admin, s->admin))
            fail_msg("%s: \"%.*s\" and \"%.*s\"", s->name, SPAN_ARGS(d.reason_user), SPAN_ARGS(d.reason_admin));
        if (d.outcome != OUTCOME_ALLOW && (span_empty(d.reason_user) || span_empty(d.reason_admin)))
            fail_msg("%s: no reason", s->name);
        if (d.stale != (s->store_age_s >= 1) || d.valid_until_s <= in.now_s || d.valid_until_s > in.now_s + HOUR)
            fail_msg("%s: stale %d, valid for %lld s", s->name, d.stale, (long long)(d.valid_until_s - in.now_s));
        decision_make(&in, &w->arena, count_step, &lines, &told);
        if (told.outcome != d.outcome || told.rule != d.rule || lines < 4)
            fail_msg("%s: explained as %s in %zu lines", s->name, rule_name(told.rule), lines);
        arena_reset(&w->arena);
    }
}

static void an_answer_is_good_until_the_next_rung(void **state)
{
    struct world *w = *state;
    static const struct { double days; int64_t deadline_s, valid_s; } rows[] = {
        { 2, T0 + 7 * DAY, HOUR },
        { 3 - 600.0 / DAY, T0 + 7 * DAY, 600 },
        { 7 - 60.0 / DAY, T0 + 7 * DAY, 60 },
        { 7, 0, HOUR },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s = { .days = rows[i].days, .app = "payroll", ON(BAD) };
        const struct device *room[1];
        struct fleet f;
        struct decision d;
        make_fleet(&f, T0 + seconds(s.days));
        struct decision_input in = input_of(w, &s, &f, room);
        decision_make(&in, &w->arena, NULL, NULL, &d);
        assert_int_equal(d.deadline_s, rows[i].deadline_s);
        assert_int_equal(d.valid_until_s - in.now_s, rows[i].valid_s);
        assert_int_equal(d.standing_count, 1);
        arena_reset(&w->arena);
    }
}

static void the_deadline_is_that_of_the_app(void **state)
{
    struct world *w = *state;
    struct story s = { .days = 8, .app = "mail", ON(BAD) };
    const struct device *room[1];
    struct fleet f;
    struct decision d;
    make_fleet(&f, T0 + 8 * DAY);
    struct decision_input in = input_of(w, &s, &f, room);
    decision_make(&in, &w->arena, NULL, NULL, &d);
    assert_int_equal(d.deadline_s, T0 + 14 * DAY);
    assert_true(span_equal_text(d.rung, "sensitive"));
    assert_ptr_equal(d.blocking, &d.standings[0]);
    assert_ptr_equal(d.device, &f.all[BAD]);
    in.ladder_now_s = T0 + 4 * DAY; /* the store was last heard then: ladder time stands still */
    in.app = policy_app(in.policy, SPAN_LITERAL("payroll"));
    decision_make(&in, &w->arena, NULL, NULL, &d);
    assert_int_equal(d.outcome, OUTCOME_WARN);
}

static void without_memory_or_policy_nobody_gets_in(void **state)
{
    struct world *w = *state;
    struct story s = { .days = 1, .app = "mail", ON(BAD) };
    const struct device *room[1];
    struct fleet f;
    struct decision d;
    struct arena small;
    make_fleet(&f, T0 + DAY);
    struct decision_input in = input_of(w, &s, &f, room);
    arena_init(&small, 64, 8);
    decision_make(&in, &small, NULL, NULL, &d);
    assert_int_equal(d.outcome, OUTCOME_DENY);
    assert_false(span_empty(d.reason_user) || span_empty(d.reason_admin));
    s = (struct story){ .app = NULL, ON(GOOD) };
    in = input_of(w, &s, &f, room);
    decision_make(&in, &small, NULL, NULL, &d);
    assert_int_equal(d.outcome, OUTCOME_DENY);
    assert_false(span_empty(d.reason_user) || span_empty(d.reason_admin));
    arena_done(&small);
    in.policy = NULL;
    in.app = NULL;
    decision_make(&in, &w->arena, NULL, NULL, &d);
    assert_int_equal(d.outcome, OUTCOME_DENY);
    assert_int_equal(d.rule, RULE_OUTAGE);
    assert_true(says(d.reason_admin, "no policy is in force"));
}

static void ids_carry_their_time_and_place(void **state)
{
    static const struct { int64_t at_ms; unsigned partition; } rows[] = { { 0, 0 }, { 1794823200123, 15 }, { (INT64_C(1) << 48) - 1, 1023 }, { 1, 512 } };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char id[29], other[29];
        int64_t at_ms = -1;
        unsigned partition = 7777;
        uint8_t random[DECISION_RANDOM_BYTES] = { 0 };
        decision_new_id(rows[i].at_ms, rows[i].partition, random, other);
        for (unsigned bit = 0; bit < 8 * DECISION_RANDOM_BYTES; bit++) { /* each of the random bits makes another id */
            char before[29];
            memcpy(before, other, sizeof before);
            random[bit / 8] ^= (uint8_t)(1U << bit % 8);
            decision_new_id(rows[i].at_ms, rows[i].partition, random, other);
            assert_string_not_equal(before, other);
        }
        decision_new_id(rows[i].at_ms, rows[i].partition, (const uint8_t[DECISION_RANDOM_BYTES]){ 1, 2, 3 }, id);
        assert_int_equal(strlen(id), 28);
        assert_string_not_equal(id, other);
        assert_true(secret_is_id(span_of(id), 'x') && secret_is_id(span_of(other), 'x'));
        assert_true(decision_id_place(span_of(id), &at_ms, &partition));
        assert_int_equal(at_ms, rows[i].at_ms);
        assert_int_equal(partition, rows[i].partition);
    }
}

static void what_is_no_id_has_no_place(void **state)
{
    static const char *const rows[] = { "", "x_", "x_aaaaaaaaaaaaaaaaaaaaaaaaa", "x_aaaaaaaaaaaaaaaaaaaaaaaaaaa", "d_aaaaaaaaaaaaaaaaaaaaaaaaaa", "x_aaaaaaaaaaaaaaaaaaaaaaaaa1", "x_AAAAAAAAAAAAAAAAAAAAAAAAAA" };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t at_ms;
        unsigned partition;
        if (decision_id_place(span_of(rows[i]), &at_ms, &partition))
            fail_msg("%s", rows[i]);
    }
}

static void names_are_those_of_the_wire(void **state)
{
    (void)state;
    assert_string_equal(outcome_name(OUTCOME_WARN), "warn");
    assert_string_equal(rule_name(RULE_LADDER_CLOSED), "ladder_closed");
    assert_string_equal(rule_name(RULE_GOOD), "good");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stories_end_as_they_should, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_is_good_until_the_next_rung, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_deadline_is_that_of_the_app, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_or_policy_nobody_gets_in, set_up, tear_down),
        cmocka_unit_test(ids_carry_their_time_and_place),
        cmocka_unit_test(what_is_no_id_has_no_place),
        cmocka_unit_test(names_are_those_of_the_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
