#include "posture/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VECTORS VECTORS_DIR "/policy"
#define SAMPLE SOURCE_DIR "/deploy/policy.yaml"
#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

enum { FILE_BYTES = 256 * 1024 };

/* The file, or NULL when it is not there; the caller frees. */
static char *load(const char *path)
{
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        return NULL;
    char *text = calloc(1, FILE_BYTES);
    assert_non_null(text);
    assert_true(fread(text, 1, FILE_BYTES - 1, stream) < FILE_BYTES - 1);
    fclose(stream);
    return text;
}

/* The policy, and what was said about it (the caller frees). */
static struct policy *read_policy(struct span text, const char *file, char **said)
{
    struct policy *policy;
    struct mistakes mistakes;
    struct buf out;
    mistakes_init(&mistakes);
    buf_init(&out, FILE_BYTES);
    policy_read(text, span_of(file), &mistakes, &policy);
    assert_true(mistakes_print(&mistakes, &out));
    assert_int_equal(policy == NULL, mistakes_errors(&mistakes) > 0);
    *said = span_dup(buf_span(&out));
    buf_done(&out);
    mistakes_done(&mistakes);
    return policy;
}

/* A policy that must be good. */
static struct policy *good(const char *text)
{
    char *said;
    struct policy *policy = read_policy(span_of(text), "policy", &said);
    if (policy == NULL)
        fail_msg("%s\n%s", text, said);
    free(said);
    return policy;
}

/* The canonical form is again a policy, the same one, and its own canonical form. */
static void assert_reads_again(const struct policy *policy)
{
    char *said;
    struct policy *again = read_policy(policy->canonical, "canonical", &said);
    if (again == NULL)
        fail_msg("%s", said);
    assert_string_equal(again->version, policy->version);
    assert_true(span_equal(again->canonical, policy->canonical));
    for (size_t i = 0; i < policy->check_count; i++)
        assert_true(span_equal(again->checks[i].version, policy->checks[i].version));
    policy_free(again);
    free(said);
}

static void check_vector(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", VECTORS, name);
    char *text = load(path);
    snprintf(strrchr(path, '.'), 16, ".expected");
    char *expected = load(path), *said;
    if (expected == NULL)
        fail_msg("%s is missing", path);
    struct policy *policy = read_policy(span_of(text), name, &said);
    if (strcmp(said, expected) != 0)
        fail_msg("%s: expected\n%s\nbut it said\n%s", name, expected, said);
    if (policy != NULL)
        assert_reads_again(policy);
    policy_free(policy);
    free(said);
    free(expected);
    free(text);
}

static void every_mistake_is_told_with_its_place(void **state)
{
    (void)state;
    unsigned seen = 0;
    DIR *folder = opendir(VECTORS);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (!span_ends(span_of(entry->d_name), SPAN_LITERAL(".yaml")))
            continue;
        printf("vector %s\n", entry->d_name);
        check_vector(entry->d_name);
        seen++;
    }
    closedir(folder);
    assert_true(seen > 0);
}

static void the_sample_policy_is_good_and_reads_again(void **state)
{
    (void)state;
    char *text = load(SAMPLE), *said;
    assert_non_null(text);
    struct policy *policy = read_policy(span_of(text), "policy.yaml", &said);
    assert_string_equal(said, "");
    assert_non_null(policy);
    assert_true(policy->check_count >= 15);
    assert_reads_again(policy);
    policy_free(policy);
    free(said);
    free(text);
}

static void a_policy_cut_anywhere_is_refused_or_read(void **state)
{
    (void)state;
    char *text = load(VECTORS "/every_rule_off.yaml");
    assert_non_null(text);
    size_t bytes = strlen(text), refused = 0;
    for (size_t cut = 0; cut < bytes; cut += 7) {
        char *copy = span_dup(span_make(text, cut)), *said; /* its own memory, so that reading past the end is seen */
        struct policy *policy = read_policy(span_make(copy, cut), "cut", &said);
        refused += policy == NULL;
        assert_true(policy != NULL || said[0] != '\0');
        policy_free(policy);
        free(said);
        free(copy);
    }
    assert_true(refused > 0);
    free(text);
}

static const char HEAD[] = "policy: p\nsensitivities: [low, mid, top]\n";

static struct policy *with(const char *rest)
{
    char text[4096];
    snprintf(text, sizeof text, "%s%s", HEAD, rest);
    return good(text);
}

static void what_is_left_out_has_its_default(void **state)
{
    (void)state;
    struct policy *p = with("ladders: [{ id: a, rungs: [{ id: one, after: 0, login: warn }, { id: two, after: 1d, close: [top] }, { id: three, after: 2d, mdm: fallback }] }]");
    const struct ladder *ladder = &p->ladders[0];
    assert_int_equal(p->visible_after.reads, 2);
    assert_int_equal(p->visible_after.apart_s, 600);
    assert_int_equal(p->grace.new_device_s, 48 * 3600);
    assert_int_equal(p->grace.after_absence_s, 24 * 3600);
    assert_int_equal(ladder->notices_before_close, 2);
    assert_int_equal(ladder->rise.notice_before_s, 86400);
    assert_true(ladder->rise.working_hours);
    assert_int_equal(ladder->rise.per_day, 1);
    assert_int_equal(ladder->snooze.times, 0);
    assert_int_equal(ladder->pauses, PAUSE_ABSENCE | PAUSE_DEVICE_OFF | PAUSE_DISPUTE | PAUSE_INCIDENT | PAUSE_STORE_OUTAGE | PAUSE_HOLIDAY);
    assert_int_equal(ladder->severities, 15);
    assert_true(span_equal_text(ladder->groups[0], "everyone"));
    assert_int_equal(ladder->rungs[2].close, 4); /* what was closed stays closed, and who was warned is warned */
    assert_int_equal(ladder->rungs[2].login, LOGIN_WARN);
    assert_int_equal(p->nudges.count, 1);
    assert_int_equal(p->nudges.per_s, 86400);
    assert_int_equal(p->nudges.apart_s, 16 * 3600);
    assert_int_equal(p->nudges.from_minute, 600);
    assert_int_equal(p->nudges.to_minute, 960);
    assert_int_equal(p->nudges.days, 31);
    assert_true(span_equal_text(p->nudges.channels[0], "slack"));
    assert_true(span_equal_text(p->nudges.zone, "UTC"));
    assert_int_equal(p->outage[0].then, OUTAGE_ALLOW);
    assert_int_equal(p->outage[0].last_known_good_s, 10);
    assert_int_equal(p->outage[1].then, OUTAGE_DENY);
    assert_int_equal(p->outage[1].last_known_good_s, 3600);
    assert_int_equal(p->outage[2].then, OUTAGE_DENY);
    assert_int_equal(p->outage[2].last_known_good_s, 10);
    assert_int_equal(p->unidentified[0], UNIDENTIFIED_WARN);
    assert_int_equal(p->unidentified[1], UNIDENTIFIED_DENY);
    assert_int_equal(p->unidentified[2], UNIDENTIFIED_DENY);
    assert_int_equal(p->breaker.share_percent, 5);
    assert_int_equal(p->breaker.at_least, 20);
    assert_int_equal(p->breaker.within_s, 3600);
    assert_int_equal(p->rings.percent, 100);
    assert_int_equal(p->person_verdict, PERSON_WORST);
    assert_true(span_equal_text(p->actions[0], "login"));
    assert_false(p->managed_by_files);
    policy_free(p);
}

static void off_switches_a_rule_off(void **state)
{
    (void)state;
    struct policy *p = with("visible_after: off\ngrace: off\nbreaker: off\n"
                            "ladders: [{ id: a, rise: off, snooze: off, rungs: [{ id: one, after: 0, nudge: true }] }]");
    assert_int_equal(p->visible_after.reads, 1);
    assert_int_equal(p->visible_after.apart_s, 0);
    assert_int_equal(p->grace.new_device_s, 0);
    assert_int_equal(p->breaker.within_s, 0);
    assert_int_equal(p->ladders[0].rise.notice_before_s, 0);
    assert_false(p->ladders[0].rise.working_hours);
    assert_int_equal(p->ladders[0].snooze.times, 0);
    policy_free(p);
}

static void apps_are_found_by_id_and_by_what_doors_call_them(void **state)
{
    (void)state;
    struct policy *p = with("apps:\n"
                            "- { id: pay, sensitivity: top, match: { oauth_client_id: [0oaPay], host: [Pay.Example, pay2.example] } }\n"
                            "- { id: mail, sensitivity: low, match: { id: [post], saml_entity_id: 'https://mail.example' } }\n");
    static const struct { const char *asked, *app; } rows[] = {
        { "pay", "pay" }, { "0oaPay", "pay" }, { "pay.example", "pay" }, { "PAY2.example", "pay" }, { "mail", "mail" },
        { "post", "mail" }, { "https://mail.example", "mail" }, { "", NULL }, { "0oapay", NULL }, { "pa", NULL }, { "payx", NULL },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct app *app = policy_app(p, span_of(rows[i].asked));
        printf("row %s\n", rows[i].asked);
        assert_int_equal(app != NULL, rows[i].app != NULL);
        if (app != NULL)
            assert_true(span_equal_text(app->id, rows[i].app));
    }
    assert_null(policy_app_by(p, MATCH_HOST, span_of("pay")));
    char long_host[400];
    memset(long_host, 'a', sizeof long_host);
    assert_null(policy_app_by(p, MATCH_HOST, span_make(long_host, sizeof long_host)));
    policy_free(p);
}

static void the_first_ladder_that_fits_counts(void **state)
{
    (void)state;
    struct policy *p = with("ladders:\n"
                            "- { id: finance, applies_to: { severity: [high], groups: [finance] }, rungs: [{ id: a, after: 0, nudge: true }] }\n"
                            "- { id: rest, applies_to: { severity: [high, urgent] }, rungs: [{ id: a, after: 0, nudge: true }] }\n");
    struct person *person = person_new();
    assert_non_null(person);
    struct span group = SPAN_LITERAL("finance");
    assert_true(span_equal_text(policy_ladder(p, SEVERITY_HIGH, NULL)->id, "rest"));
    assert_true(span_equal_text(policy_ladder(p, SEVERITY_HIGH, person)->id, "rest"));
    person->groups = &group;
    person->group_count = 1;
    assert_true(span_equal_text(policy_ladder(p, SEVERITY_HIGH, person)->id, "finance"));
    assert_true(span_equal_text(policy_ladder(p, SEVERITY_URGENT, person)->id, "rest"));
    assert_null(policy_ladder(p, SEVERITY_NORMAL, person));
    person_free(person);
    policy_free(p);
}

static void break_glass_people_are_known_by_any_address(void **state)
{
    (void)state;
    struct policy *p = with("break_glass: [Root@acme.example]");
    struct person *person = person_new();
    assert_non_null(person);
    struct span email = SPAN_LITERAL("root@acme.example");
    assert_true(policy_is_break_glass(p, NULL, span_of("ROOT@acme.example")));
    assert_false(policy_is_break_glass(p, NULL, span_of("root")));
    assert_false(policy_is_break_glass(p, person, span_of("someone")));
    person->emails = &email;
    person->email_count = 1;
    assert_true(policy_is_break_glass(p, person, span_of("someone")));
    person_free(person);
    policy_free(p);
}

static const struct check *check_of(const struct policy *p, const char *id)
{
    const struct check *check = policy_check(p, span_of(id));
    assert_non_null(check);
    return check;
}

static void a_library_check_may_be_overridden_key_by_key(void **state)
{
    (void)state;
    struct policy *plain = with("checks: [{ use: library/disk-encryption }]");
    struct policy *other = with("checks: [{ use: library/disk-encryption, severity: minor, minutes: 99, title: Ours, fresh_for: 9d }]");
    struct policy *ruled = with("checks: [{ use: library/disk-encryption, id: ours, pass: { linux: 'rows > 7' } }]");
    const struct check *a = check_of(plain, "disk-encryption"), *b = check_of(other, "disk-encryption"), *c = check_of(ruled, "ours");
    assert_int_equal(b->severity, SEVERITY_MINOR);
    assert_int_equal(b->minutes, 99);
    assert_int_equal(b->fresh_for_s, 9 * 86400);
    assert_true(span_equal_text(b->title, "Ours"));
    assert_true(span_equal(a->why, b->why));
    assert_true(span_equal(a->version, b->version)); /* words and weights decide no verdict */
    assert_false(span_equal(a->version, c->version));
    assert_true(span_equal_text(c->on[PLATFORM_LINUX].pass_text, "rows > 7"));
    assert_true(span_equal(a->on[PLATFORM_MACOS].pass_text, c->on[PLATFORM_MACOS].pass_text));
    policy_free(plain);
    policy_free(other);
    policy_free(ruled);
}

static void names_to_keep_come_from_rules_and_evidence(void **state)
{
    (void)state;
    struct policy *p = with("checks:\n"
                            "- { id: rows, osquery: { linux: 'SELECT a, b, c, d FROM t' }, pass: 'any(c == 1 and a == 1) or fact.excused == true', saw: 'It is {b} of {rows}.' }\n"
                            "- { id: pushed, pass: 'fact.x == 1 and fact.excused == false' }\n");
    const struct check_platform *rows = &check_of(p, "rows")->on[PLATFORM_LINUX], *pushed = &check_of(p, "pushed")->on[PLATFORM_UNKNOWN];
    assert_true(rows->applies);
    assert_false(check_of(p, "rows")->on[PLATFORM_MACOS].applies);
    assert_int_equal(rows->column_count, 3);
    assert_true(span_equal_text(rows->columns[0], "a") && span_equal_text(rows->columns[1], "b") && span_equal_text(rows->columns[2], "c"));
    assert_int_equal(rows->fact_count, 1);
    assert_true(check_facts_only(pushed));
    assert_true(check_of(p, "pushed")->on[PLATFORM_WINDOWS].applies);
    const struct fact_use *uses;
    assert_int_equal(policy_fact_uses(p, span_of("excused"), &uses), 2);
    assert_int_equal(uses[0].check, 0);
    assert_int_equal(uses[1].check, 1);
    assert_int_equal(policy_fact_uses(p, span_of("x"), &uses), 1);
    assert_int_equal(policy_fact_uses(p, span_of("y"), &uses), 0);
    policy_free(p);
}

static void the_version_knows_meaning_and_no_spelling(void **state)
{
    (void)state;
    struct policy *a = with("apps: [{ id: x, sensitivity: low }, { id: y, sensitivity: top }]\ngrace: { new_device: 48h }");
    struct policy *b = with("grace: { after_absence: 1d, new_device: 2d } # the same\napps:\n- sensitivity: top\n  id: 'y'\n- { sensitivity: low, id: x, repair: false }\n");
    struct policy *c = with("apps: [{ id: x, sensitivity: low }, { id: y, sensitivity: mid }]");
    assert_string_equal(a->version, b->version);
    assert_string_not_equal(a->version, c->version);
    policy_free(a);
    policy_free(b);
    policy_free(c);
}

static void doors_are_found_by_the_names_they_are_asked_with(void **state)
{
    (void)state;
    char *text = load(VECTORS "/doors.yaml");
    assert_non_null(text);
    struct policy *p = good(text);
    static const struct { const char *asked, *by_id, *by_entity, *by_client; } rows[] = {
        { "okta-posture", "okta-posture", NULL, NULL },
        { "https://www.okta.com/saml2/service-provider/spX", NULL, "okta-posture", NULL },
        { "https://www.okta.com/saml2/service-provider/spx", NULL, NULL, NULL },
        { "postern-entra", NULL, NULL, "entra" },
        { "wiki-rp", "wiki-rp", NULL, "wiki-rp" },
        { "okta-hooks", "okta-hooks", NULL, NULL },
        { "0oa:X", NULL, NULL, "no-app" },
        { "", NULL, NULL, NULL },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct door *found[] = { policy_door(p, span_of(rows[i].asked)), policy_door_saml(p, span_of(rows[i].asked)), policy_door_oidc(p, span_of(rows[i].asked)) };
        const char *wanted[] = { rows[i].by_id, rows[i].by_entity, rows[i].by_client };
        printf("row %s\n", rows[i].asked);
        for (size_t k = 0; k < COUNT(wanted); k++) {
            assert_int_equal(found[k] != NULL, wanted[k] != NULL);
            if (wanted[k] != NULL)
                assert_true(span_equal_text(found[k]->id, wanted[k]));
        }
    }
    policy_free(p);
    free(text);
}

static void a_door_has_what_is_left_out(void **state)
{
    (void)state;
    struct policy *p = with("proof: { top: webauthn }\napps: [{ id: x, sensitivity: low }]\ndoors:\n"
                            "- { id: s, kind: saml, app: x, saml: { entity_id: e, acs: 'https://s.example/acs' } }\n"
                            "- { id: o, kind: oidc, app: x, oidc: { redirect_uris: 'https://o.example/cb' } }\n"
                            "- { id: e, kind: oidc, use: entra, app: x, oidc: { tenants: 6babcaad-604b-40ac-a9d7-9fd97c0b779f, hint_audience: a } }\n"
                            "- { id: h, kind: okta_hook }\n");
    const struct door *s = policy_door(p, span_of("s")), *o = policy_door(p, span_of("o")), *e = policy_door(p, span_of("e")), *h = policy_door(p, span_of("h"));
    assert_int_equal(p->proof[0], PROOF_NONE);
    assert_int_equal(p->proof[2], PROOF_WEBAUTHN);
    assert_int_equal(s->use, DOOR_USE_LOGIN);
    assert_true(span_equal_text(s->title, "s"));
    assert_int_equal(s->warn_every_s, 86400);
    assert_int_equal(s->login_s, 600);
    assert_int_equal(s->when_denied, DOOR_DENIED_PAGE);
    assert_int_equal(s->saml.requests, DOOR_REQUESTS_OPTIONAL);
    assert_int_equal(s->saml.sign, DOOR_SIGN_BOTH);
    assert_int_equal(s->saml.acs_count, 1);
    assert_false(s->saml.sha1);
    assert_true(span_equal_text(o->oidc.client_id, "o"));
    assert_int_equal(o->oidc.auth, DOOR_AUTH_BASIC);
    assert_true(o->oidc.pkce);
    assert_true(span_equal_text(o->oidc.signing, "RS256"));
    assert_int_equal(e->login_s, 300);
    assert_int_equal(e->oidc.auth, DOOR_AUTH_NONE);
    assert_true(span_equal_text(e->oidc.redirect_uris[0], door_entra_redirect_uris[0]));
    assert_true(span_equal_text(e->oidc.hint_issuer, DOOR_HINT_ISSUER));
    assert_true(span_equal_text(e->oidc.hint_metadata, DOOR_HINT_METADATA));
    assert_true(span_equal_text(h->hook.claim, "device_posture"));
    assert_int_equal(h->hook.warned_lifetime_s, 0);
    assert_int_equal(h->hook.denied_lifetime_s, 300);
    assert_true(h->hook.refuse);
    policy_free(p);
}

/* However it is pasted, it is kept as PEM in lines of 64, which every reader of certificates takes. */
static void certificates_are_kept_as_pem(void **state)
{
    (void)state;
    char *text = load(VECTORS "/doors.yaml");
    assert_non_null(text);
    struct policy *p = good(text);
    const struct door_saml *saml = &policy_door(p, span_of("okta-posture"))->saml;
    assert_int_equal(saml->certificate_count, 2);
    assert_true(span_starts(saml->certificates[0], SPAN_LITERAL("-----BEGIN CERTIFICATE-----\nMII")));
    assert_true(span_ends(saml->certificates[0], SPAN_LITERAL("\n-----END CERTIFICATE-----\n")));
    assert_true(span_equal(saml->certificates[0], saml->certificates[1]));
    policy_free(p);
    free(text);
}

struct lines { char text[2048]; };

static void add_line(void *context, struct span line)
{
    struct lines *lines = context;
    size_t used = strlen(lines->text);
    snprintf(lines->text + used, sizeof lines->text - used, "%.*s\n", SPAN_ARGS(line));
}

static void a_diff_names_what_changed(void **state)
{
    (void)state;
    static const char ladder_a[] = "ladders: [{ id: a, applies_to: { severity: [high] }, rungs: [{ id: one, after: 1d, nudge: true }] }, { id: b, rungs: [{ id: one, after: 0, nudge: true }] }]\n";
    static const char ladder_b[] = "ladders: [{ id: a, applies_to: { severity: [high] }, rungs: [{ id: one, after: 2d, nudge: true }, { id: two, after: 3d, login: warn }] }, { id: b, rungs: [{ id: one, after: 0, nudge: true }] }]\n";
    static const struct { const char *before, *after, *lines; } rows[] = {
        { "grace: off", "grace: off", "" },
        { "checks: [{ use: library/firewall, severity: normal }]", "checks: [{ use: library/firewall, severity: high }]", "check firewall: severity normal -> high\n" },
        { "apps: [{ id: x, sensitivity: low }]", "apps: [{ id: y, sensitivity: low }]", "app x: removed\napp y: added\n" },
        { "apps: [{ id: x, sensitivity: low }]", "apps: [{ id: x, sensitivity: low, match: { host: h } }]", "app x: match: host set to [\"h\"]\n" },
        { ladder_a, ladder_b, "ladder a: rung one: after 1d -> 2d\nladder a: rung two: added\n" },
        { "breaker: off", "breaker: { at_least: 3 }", "breaker false -> {\"at_least\":3,\"share\":\"5%\",\"within\":\"1h\"}\n" },
        { "proof: { low: none }", "proof: { low: cookie }", "proof: low none -> cookie\n" },
        { "doors: []", "doors: [{ id: h, kind: okta_hook }]", "door h: added\n" },
        { "doors: [{ id: h, kind: okta_hook }]", "doors: [{ id: h, kind: okta_hook, hook: { refuse: false } }]", "door h: hook: refuse true -> false\n" },
        { "doors: [{ id: h, kind: okta_hook }, { id: g, kind: okta_hook }]", "doors: [{ id: h, kind: okta_hook }]", "door g: removed\n" },
        { "nudges: { apart: 16h }", "nudges: { apart: 20h }", "nudges: apart 16h -> 20h\n" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct policy *before = with(rows[i].before), *after = with(rows[i].after);
        struct lines lines = { "" };
        policy_diff(before, after, add_line, &lines);
        assert_string_equal(lines.text, rows[i].lines);
        policy_free(before);
        policy_free(after);
    }
}

/* `each` repeated with its number in place of %zu. */
static char *many(const char *head, const char *each, size_t count, const char *tail)
{
    size_t room = strlen(head) + strlen(tail) + count * (strlen(each) + 24) + 1, used;
    char *text = malloc(room);
    assert_non_null(text);
    used = (size_t)snprintf(text, room, "%s", head);
    for (size_t i = 0; i < count; i++) {
        const char *mark = strchr(each, '#');
        used += (size_t)snprintf(text + used, room - used, "%.*s%zu%s", (int)(mark - each), each, i, mark + 1);
    }
    snprintf(text + used, room - used, "%s", tail);
    return text;
}

static void lists_have_a_longest_and_one_over(void **state)
{
    (void)state;
    static const struct { const char *name, *head, *each; size_t count; const char *tail; bool good; } rows[] = {
        { "sensitivities", "policy: p\nsensitivities: [", "s#, ", POLICY_MAX_SENSITIVITIES, "]", true },
        { "one sensitivity over", "policy: p\nsensitivities: [", "s#, ", POLICY_MAX_SENSITIVITIES + 1, "]", false },
        { "apps", "policy: p\nsensitivities: [s]\napps: [", "{id: a#, sensitivity: s}, ", POLICY_MAX_APPS, "]", true },
        { "one app over", "policy: p\nsensitivities: [s]\napps: [", "{id: a#, sensitivity: s}, ", POLICY_MAX_APPS + 1, "]", false },
        { "checks", "policy: p\nsensitivities: [s]\nchecks: [", "{id: a#, pass: fact.x == 1}, ", POLICY_MAX_CHECKS, "]", true },
        { "one check over", "policy: p\nsensitivities: [s]\nchecks: [", "{id: a#, pass: fact.x == 1}, ", POLICY_MAX_CHECKS + 1, "]", false },
        { "doors", "policy: p\nsensitivities: [s]\ndoors: [", "{id: d#, kind: okta_hook}, ", DOOR_MAX, "]", true },
        { "one door over", "policy: p\nsensitivities: [s]\ndoors: [", "{id: d#, kind: okta_hook}, ", DOOR_MAX + 1, "]", false },
        { "addresses", "policy: p\nsensitivities: [s]\ndoors: [{id: a, kind: saml, saml: {entity_id: e, acs: [", "'https://a.example/#', ", DOOR_MAX_URLS, "]}}]", true },
        { "one address over", "policy: p\nsensitivities: [s]\ndoors: [{id: a, kind: saml, saml: {entity_id: e, acs: [", "'https://a.example/#', ", DOOR_MAX_URLS + 1, "]}}]", false },
        { "one break glass over", "policy: p\nsensitivities: [s]\nbreak_glass: [", "r#@a.example, ", POLICY_MAX_BREAK_GLASS + 1, "]", false },
        { "one fix over", "policy: p\nsensitivities: [s]\nchecks: [{id: a, pass: fact.x == 1, fix: [", "do #, ", CHECK_MAX_FIX + 1, "]}]", false },
        { "one name over", "policy: p\nsensitivities: [s]\nchecks: [{id: a, pass: \"", "fact.f# == 1 and ", CHECK_MAX_NAMES + 1, "true\"}]", false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = many(rows[i].head, rows[i].each, rows[i].count, rows[i].tail), *said;
        printf("row %s\n", rows[i].name);
        struct policy *policy = read_policy(span_of(text), "many", &said);
        if ((policy != NULL) != rows[i].good)
            fail_msg("%s: %.300s", rows[i].name, said);
        policy_free(policy);
        free(said);
        free(text);
    }
}

static void hostile_texts_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "", "\n", "[]", "policy", "policy: p", "policy: [p]\nsensitivities: [s]", "policy: p\nsensitivities: s", "policy: p\nsensitivities: [[s]]",
        "policy: p\nsensitivities: [s]\nhelp: { team: \"a\\x1bb\" }", "policy: p\nsensitivities: [s]\nhelp: { team: \"a\\u2028b\" }",
        "policy: p\nsensitivities: [s]\nhelp: { team: \"a\\x7fb\" }", "policy: p\nsensitivities: [s]\nnudges: { zone: ../../etc/shadow }",
        "policy: p\nsensitivities: [s]\napps: {}", "policy: p\nsensitivities: [../s]", "policy: p\nsensitivities: [s]\nsensitivities: [s]",
        "policy: p\nsensitivities: [s]\nbreak_glass: [a@]", "policy: p\nsensitivities: [s]\nbreak_glass: [\"a@b c\"]", "policy: p\nsensitivities: [s]\nbreak_glass: [a@b@c]",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *said;
        printf("row %s\n", rows[i]);
        struct policy *policy = read_policy(span_of(rows[i]), "hostile", &said);
        assert_null(policy);
        free(said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_is_told_with_its_place),
        cmocka_unit_test(the_sample_policy_is_good_and_reads_again),
        cmocka_unit_test(a_policy_cut_anywhere_is_refused_or_read),
        cmocka_unit_test(what_is_left_out_has_its_default),
        cmocka_unit_test(off_switches_a_rule_off),
        cmocka_unit_test(apps_are_found_by_id_and_by_what_doors_call_them),
        cmocka_unit_test(the_first_ladder_that_fits_counts),
        cmocka_unit_test(break_glass_people_are_known_by_any_address),
        cmocka_unit_test(a_library_check_may_be_overridden_key_by_key),
        cmocka_unit_test(names_to_keep_come_from_rules_and_evidence),
        cmocka_unit_test(the_version_knows_meaning_and_no_spelling),
        cmocka_unit_test(doors_are_found_by_the_names_they_are_asked_with),
        cmocka_unit_test(a_door_has_what_is_left_out),
        cmocka_unit_test(certificates_are_kept_as_pem),
        cmocka_unit_test(a_diff_names_what_changed),
        cmocka_unit_test(lists_have_a_longest_and_one_over),
        cmocka_unit_test(hostile_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
