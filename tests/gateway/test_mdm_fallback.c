/* Device managers read and acted on through the gateway's reader: real calls to strict fakes, a fake store, a clock that moves when the story says so. */
#include "gateway/managers.h"

#include "tests/support/fake_peer.h"
#include "tests/support/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ANA "p_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DOVER "d_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DAY 86400

static const char policy[] =
    "policy: acme\n"
    "sensitivities: [everyday, sensitive]\n"
    "apps: [{ id: payroll, title: Payroll, sensitivity: sensitive }]\n"
    "checks: [{ use: library/disk-encryption, severity: high, fresh_for: 90d }, { id: managed, title: Managed, pass: 'fact.mdm.managed == true', fresh_for: 90d, severity: minor }]\n"
    "ladders:\n"
    "  - id: default\n"
    "    applies_to: { severity: [high, urgent], groups: [everyone] }\n"
    "    rungs: [{ id: notice, after: 0s, nudge: true }, { id: managed, after: 3d, mdm: fallback }]\n"
    "    clock: { pauses: [absence, dispute, incident, store_outage] }\n"
    "    rise: { notice_before: 0s, working_hours: false, per_day: 0 }\n"
    "visible_after: { reads: 1, apart: 0s }\n"
    "grace: { new_device: 0s, after_absence: 0s }\n"
    "mdm: { personal_groups: [byod] }\n"
    "breaker: off\n";

/* What differs between them. */
struct vendor { const char *kind, *script, *secret, *strict, *former, *one /* dover, in the former group */, *none /* dover, not managed */, *group, *move_path; };
static const struct vendor fleet = { "fleet", "fake_fleet.py", "fleet-token", "2", "1", "[{\"id\":7,\"hardware_serial\":\"C02X\",\"team_id\":1}]",
                                     "[{\"id\":7,\"hardware_serial\":\"C02X\",\"mdm\":{\"enrollment_status\":\"Off\"}}]", "team_id", "/hosts/transfer" };
static const struct vendor kandji = { "kandji", "fake_kandji.py", "kandji-token", "22222222-2222-4222-8222-222222222222", "11111111-1111-4111-8111-111111111111",
                                      "[{\"device_id\":\"aaaaaaaa-0000-4000-8000-000000000007\",\"serial_number\":\"C02X\"}]",
                                      "[{\"device_id\":\"aaaaaaaa-0000-4000-8000-000000000007\",\"serial_number\":\"C02X\",\"mdm_enabled\":false}]", "blueprint_id",
                                      "/devices/aaaaaaaa-0000-4000-8000-000000000007" };

struct world { const struct vendor *vendor; struct story story; struct fake_peer fleet; struct manager_config config; struct managers managers; struct effects_options options; };

static enum change_say edit_serial(void *context, struct device *copy, struct change_events *events, struct err *err)
{
    struct identifier *all = arena_array(&copy->arena, 1, sizeof *all);
    const struct world *w = context;
    (void)err;
    copy->serial = SPAN_LITERAL("C02X");
    all[0] = (struct identifier){ SPAN_LITERAL("serial"), SPAN_LITERAL("C02X"), SPAN_LITERAL("osquery"), 1 };
    copy->identifiers = all;
    copy->identifier_count = 1;
    return change_event(events, &w->story.node, "device.identifier", copy->owner, copy->id, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

static void start_vendor(struct world *w, const struct vendor *vendor, const char *hosts)
{
    struct err err = { 0 };
    memset(w, 0, sizeof *w);
    w->vendor = vendor;
    story_start(&w->story, policy);
    fake_peer_start(&w->fleet, vendor->script, NULL);
    fake_peer_post(&w->fleet, "/control/hosts", hosts);
    w->config = (struct manager_config){ .id = SPAN_LITERAL("fleet"), .kind = span_of(vendor->kind), .url = span_of(w->fleet.base), .secret = span_of(vendor->secret),
                                         .strict = span_of(vendor->strict), .invitation = SPAN_LITERAL("https://fleet.acme.example/enroll"), .every_s = 900 };
    if (managers_read(&w->config, 1, &w->story.clock, &w->managers, &err) != OK)
        fail_msg("%s", err.text);
    w->story.node.managers = &w->managers;
    story_effects(&w->story, &w->options);
    story_person(&w->story, ANA, "U0ANA", "ana@acme.example");
    story_device(&w->story, DOVER, ANA);
    assert_int_equal(change_device(&w->story.node, w->story.store, SPAN_LITERAL(DOVER), false, edit_serial, w, &err), OK);
    story_settle(&w->story);
}

static void start(struct world *w, const char *hosts) { start_vendor(w, &fleet, hosts); }

static void end(struct world *w)
{
    story_end(&w->story);
    fake_peer_stop(&w->fleet);
}

/* Jumps, then lets what is due happen; a few seconds more for what follows from it. */
static void leap(struct world *w, int64_t seconds)
{
    w->story.now_ms += seconds * 1000;
    for (int i = 0; i < 4; i++)
        story_pass(&w->story, 2);
}

static struct device *dover(struct world *w) { return story_stored_device(&w->story, DOVER); }

static unsigned state_of(struct world *w)
{
    struct device *d = dover(w);
    unsigned state = d->fallback.state;
    device_free(d);
    return state;
}

static enum change_say edit_told(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    const struct world *w = context;
    (void)err;
    return person_add_told(copy, SPAN_LITERAL(DOVER), SPAN_LITERAL("disk-encryption"), w->story.now_ms / 1000) &&
           change_event(events, &w->story.node, "notice.shown", copy->id, SPAN_NONE, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

/* The person saw what the pages say. */
static void tell(struct world *w)
{
    struct err err;
    assert_int_equal(change_person(&w->story.node, w->story.store, SPAN_LITERAL(ANA), false, edit_told, w, &err), OK);
    story_settle(&w->story);
}

static void faults(struct world *w, const char *json) { fake_peer_post(&w->fleet, "/control/faults", json); }

static bool is_in(struct world *w, const char *group)
{
    struct from_json *doc = fake_peer_get(&w->fleet, "/control/hosts");
    struct from_json_value root = from_json_root(doc), host = from_json_item(&root, 0), at = from_json_member(&host, w->vendor->group);
    char text[64] = "";
    struct buf out;
    buf_init(&out, sizeof text);
    assert_true(from_json_write(&at, &out));
    memcpy(text, out.at, out.bytes < sizeof text ? out.bytes : 0);
    buf_done(&out);
    from_json_free(doc);
    return strstr(text, group) != NULL;
}

/* ---- reading ---- */

#define ONE "[{\"id\":7,\"hardware_serial\":\"c02x \",\"team_id\":1}]"

static void a_host_becomes_a_link_and_facts(void **state)
{
    struct world w;
    (void)state;
    start(&w, ONE);
    leap(&w, 1);
    struct device *d = dover(&w);
    const struct managed_link *link = device_link(d, SPAN_LITERAL("fleet"));
    assert_non_null(link);
    assert_true(span_equal_text(link->id, "7") && link->managed == MDM_YES && link->encrypted == MDM_YES);
    assert_true(span_equal_text(link->group, "1") && span_equal_text(link->owner, "ana@acme.example") && span_equal_text(link->os_version, "15.5"));
    assert_int_equal(link->facts_s, STORY_START_S - 3600);
    const struct fact *fact = device_fact(d, SPAN_LITERAL("mdm.managed"));
    assert_non_null(fact);
    assert_true(span_equal_text(fact->value, "true") && span_equal_text(fact->source, "mdm:fleet"));
    assert_null(device_fact(d, SPAN_LITERAL("mdm.owner"))); /* no check reads it */
    assert_int_equal(device_result(d, SPAN_LITERAL("managed"))->verdict, VERDICT_PASS);
    device_free(d);
    size_t events = story_events(&w.story, "device.mdm");
    leap(&w, 1000);
    assert_int_equal(story_events(&w.story, "device.mdm"), events); /* read again: no news */
    end(&w);
}

static struct manager_status status_of(struct world *w, struct arena *arena)
{
    struct manager_status status;
    struct err err;
    assert_int_equal(manager_status_load(w->story.store, &w->managers.all[0], arena, &status, &err), OK);
    return status;
}

enum { MANY = 310, MINE = 7, HOST_BYTES = 160 };

/* More than a page; ours is among them. To be freed. */
static char *many_hosts(const struct vendor *vendor)
{
    size_t room = MANY * HOST_BYTES;
    char *hosts = malloc(room), *at = hosts;
    assert_non_null(hosts);
    for (int i = 0; i < MANY; i++) {
        char serial[16];
        snprintf(serial, sizeof serial, i == MINE ? "C02X" : "S%d", i);
        const char *format = vendor == &fleet ? "%c{\"id\":%d,\"hardware_serial\":\"%s\"}" : "%c{\"device_id\":\"aaaaaaaa-0000-4000-8000-%012d\",\"serial_number\":\"%s\",\"encrypted\":false}";
        at += snprintf(at, room - (size_t)(at - hosts), format, i == 0 ? '[' : ',', i + 1, serial);
    }
    strcpy(at, "]");
    return hosts;
}

static void a_sweep_survives_what_a_vendor_does(void **state)
{
    static const struct { const char *name; const struct vendor *vendor; const char *faults; int64_t after_s; } rows[] = {
        { "too many requests, with a time", &fleet, "[{\"path\":\"/hosts\",\"kind\":\"429\",\"retry_after\":30,\"times\":2}]", 31 },
        { "too many requests, without", &fleet, "[{\"path\":\"/hosts\",\"kind\":\"429_bare\",\"times\":2}]", 60 },
        { "garbage", &fleet, "[{\"path\":\"/hosts\",\"kind\":\"garbage\",\"times\":1}]", 60 },
        { "half a page", &fleet, "[{\"path\":\"/hosts\",\"kind\":\"half\",\"times\":1}]", 60 },
        { "more hosts than it lists", &fleet, "[{\"path\":\"/hosts/count\",\"kind\":\"wrong_count\",\"times\":1}]", 60 },
        { "a token that is refused", &fleet, "[{\"path\":\"/hosts.*\",\"kind\":\"401\",\"times\":1}]", 3601 },
        { "Kandji: too many requests, with a time", &kandji, "[{\"path\":\"/devices\",\"kind\":\"429\",\"retry_after\":30,\"times\":2}]", 31 },
        { "Kandji: too many requests, without", &kandji, "[{\"path\":\"/prism/.*\",\"kind\":\"429_bare\",\"times\":2}]", 60 },
        { "Kandji: garbage", &kandji, "[{\"path\":\"/devices\",\"kind\":\"garbage\",\"times\":1}]", 60 },
        { "Kandji: garbage in the second table", &kandji, "[{\"path\":\"/prism/.*\",\"kind\":\"garbage\",\"times\":1}]", 60 },
        { "Kandji: half of the second table", &kandji, "[{\"path\":\"/prism/.*\",\"kind\":\"half\",\"times\":1}]", 60 },
        { "Kandji: half a list, which looks like its end", &kandji, "[{\"path\":\"/devices\",\"kind\":\"half\",\"times\":1}]", 4 * 3600 },
        { "Kandji: a permission that is missing", &kandji, "[{\"path\":\"/prism/.*\",\"kind\":\"403\",\"times\":1}]", 3601 },
        { "Kandji: a token that is refused", &kandji, "[{\"path\":\"/devices\",\"kind\":\"401\",\"times\":1}]", 3601 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        struct arena arena;
        char *hosts = many_hosts(rows[i].vendor);
        arena_init(&arena, 4096, 4 * 1024 * 1024);
        print_message("%s\n", rows[i].name);
        start_vendor(&w, rows[i].vendor, hosts);
        fake_peer_post(&w.fleet, "/control/calls", "");
        faults(&w, rows[i].faults);
        story_pass(&w.story, 2);
        for (int k = 0; k < 6; k++)
            leap(&w, rows[i].after_s);
        struct manager_status status = status_of(&w, &arena);
        assert_int_equal(status.devices, MANY);
        assert_int_equal(status.matched, 1);
        assert_int_equal(status.stranger_total, MANY - 1);
        assert_int_equal(story_events(&w.story, "device.removed"), 0);
        struct device *d = dover(&w);
        const struct managed_link *link = device_link(d, SPAN_LITERAL("fleet"));
        assert_true(link != NULL && link->gone_s == 0 && link->encrypted == (rows[i].vendor == &kandji ? MDM_NO : MDM_YES));
        device_free(d);
        arena_done(&arena);
        free(hosts);
        end(&w);
    }
}

static void an_hour_of_500_loses_and_invents_nothing(void **state)
{
    struct world w;
    (void)state;
    start(&w, ONE);
    leap(&w, 1);
    faults(&w, "[{\"path\":\"/.*\",\"kind\":\"500\",\"times\":1000}]");
    for (int i = 0; i < 12; i++)
        leap(&w, 300);
    struct device *d = dover(&w);
    const struct managed_link *link = device_link(d, SPAN_LITERAL("fleet"));
    assert_true(link->managed == MDM_YES && link->gone_s == 0); /* as old as it is, and not "fail" */
    assert_int_equal(device_result(d, SPAN_LITERAL("managed"))->verdict, VERDICT_PASS);
    device_free(d);
    faults(&w, "[]");
    fake_peer_post(&w.fleet, "/control/hosts", "[{\"id\":7,\"hardware_serial\":\"C02X\",\"team_id\":2}]");
    leap(&w, 1000);
    d = dover(&w);
    assert_true(span_equal_text(device_link(d, SPAN_LITERAL("fleet"))->group, "2"));
    device_free(d);
    end(&w);
}

static void one_that_vanished_is_asked_for_before_it_is_gone(void **state)
{
    struct world w;
    (void)state;
    start(&w, ONE);
    leap(&w, 1);
    fake_peer_post(&w.fleet, "/control/hosts", "[]");
    leap(&w, 7 * 3600);
    leap(&w, 1000);
    struct device *d = dover(&w);
    const struct managed_link *link = device_link(d, SPAN_LITERAL("fleet"));
    assert_true(link->gone_s > 0 && link->managed == MDM_NO);
    assert_int_equal(device_result(d, SPAN_LITERAL("managed"))->verdict, VERDICT_FAIL);
    device_free(d);
    end(&w);
}

static void two_sources_are_shown_and_decided(void **state)
{
    struct world w;
    (void)state;
    start(&w, "[{\"id\":7,\"hardware_serial\":\"C02X\",\"disk_encryption_enabled\":false,\"detail_updated_at\":\"2026-11-30T11:59:59Z\"}]");
    leap(&w, 1);
    struct device *d = dover(&w);
    assert_non_null(device_fact(d, SPAN_LITERAL("mdm.encrypted")));
    device_free(d);
    end(&w);
}

/* ---- acting ---- */

static void go_there_and_back(const struct vendor *vendor)
{
    struct world w;
    char fault[256];
    snprintf(fault, sizeof fault, "[{\"path\":\"%s\",\"kind\":\"500_after\",\"times\":1}]", vendor->move_path);
    start_vendor(&w, vendor, vendor->one);
    leap(&w, 1);
    story_result(&w.story, DOVER, "disk-encryption", VERDICT_FAIL);
    leap(&w, 1);
    assert_int_equal(state_of(&w), FALLBACK_ANNOUNCED); /* the rung may come in three days, the announcement seven ahead: now */
    leap(&w, 12 * DAY);
    assert_int_equal(state_of(&w), FALLBACK_ANNOUNCED); /* nobody was told of it yet */
    tell(&w);
    leap(&w, 1000);
    for (int i = 0; i < 6; i++)
        leap(&w, DAY);
    assert_int_equal(state_of(&w), FALLBACK_ANNOUNCED);
    assert_true(is_in(&w, vendor->former));
    faults(&w, fault); /* done, and said not to be */
    leap(&w, DAY + 60);
    leap(&w, 60);
    leap(&w, 60);
    assert_int_equal(state_of(&w), FALLBACK_CONFIRMED);
    assert_true(is_in(&w, vendor->strict));
    assert_int_equal(story_events(&w.story, "mdm.asked"), 1);
    assert_int_equal(story_events(&w.story, "mdm.acted"), 1);
    assert_int_equal(story_events(&w.story, "mdm.confirmed"), 1);
    story_result(&w.story, DOVER, "disk-encryption", VERDICT_PASS);
    leap(&w, 1000);
    for (int i = 0; i < 59; i++)
        leap(&w, DAY);
    assert_int_equal(state_of(&w), FALLBACK_CONFIRMED);
    for (int i = 0; i < 8; i++)
        leap(&w, 6 * 3600);
    leap(&w, 60);
    assert_int_equal(state_of(&w), FALLBACK_NONE);
    assert_true(is_in(&w, vendor->former));
    assert_int_equal(story_events(&w.story, "mdm.undone"), 1);
    end(&w);
}

static void fleet_there_and_back_again(void **state)
{
    (void)state;
    go_there_and_back(&fleet);
}

static void kandji_there_and_back_again(void **state)
{
    (void)state;
    go_there_and_back(&kandji);
}

/* Told, and the time to think it over has passed. */
static void fall(struct world *w)
{
    story_result(&w->story, DOVER, "disk-encryption", VERDICT_FAIL);
    leap(w, 1);
    tell(w);
    leap(w, 1000);
    for (int i = 0; i < 8; i++)
        leap(w, DAY);
    leap(w, 1000);
}

static void who_is_not_managed_is_invited(void **state)
{
    static const struct vendor *const vendors[] = { &fleet, &kandji };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world w;
        print_message("%s\n", vendors[i]->kind);
        start_vendor(&w, vendors[i], vendors[i]->none);
        leap(&w, 1);
        fall(&w);
        assert_int_equal(state_of(&w), FALLBACK_ACTED); /* open work until the person has come */
        fake_peer_post(&w.fleet, "/control/hosts", vendors[i]->one);
        leap(&w, 1000);
        leap(&w, 1000);
        assert_int_equal(state_of(&w), FALLBACK_CONFIRMED);
        story_result(&w.story, DOVER, "disk-encryption", VERDICT_PASS);
        leap(&w, 1000);
        for (int k = 0; k < 62; k++)
            leap(&w, DAY);
        leap(&w, 1000);
        assert_int_equal(state_of(&w), FALLBACK_NONE);
        assert_int_equal(story_events(&w.story, "mdm.undone"), 1);
        end(&w);
    }
}

static void an_invitation_is_withdrawn_when_it_is_not_needed(void **state)
{
    struct world w;
    (void)state;
    start(&w, fleet.none);
    leap(&w, 1);
    fall(&w);
    assert_int_equal(state_of(&w), FALLBACK_ACTED);
    story_result(&w.story, DOVER, "disk-encryption", VERDICT_PASS);
    leap(&w, 1000);
    leap(&w, 1);
    assert_int_equal(state_of(&w), FALLBACK_NONE);
    end(&w);
}

static enum change_say edit_group(void *context, struct device *copy, struct change_events *events, struct err *err)
{
    const struct world *w = context;
    (void)err;
    copy->group = SPAN_LITERAL("byod");
    return change_event(events, &w->story.node, "device.group", copy->owner, copy->id, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

static void a_personal_device_is_never_touched(void **state)
{
    struct world w;
    struct err err;
    (void)state;
    start(&w, ONE);
    leap(&w, 1);
    assert_int_equal(change_device(&w.story.node, w.story.store, SPAN_LITERAL(DOVER), false, edit_group, &w, &err), OK);
    fall(&w);
    assert_int_equal(state_of(&w), FALLBACK_NONE);
    assert_int_equal(story_events(&w.story, "mdm.announced"), 0);
    end(&w);
}

static void what_cannot_be_done_is_open_work(void **state)
{
    struct world w;
    (void)state;
    start(&w, ONE);
    leap(&w, 1);
    faults(&w, "[{\"path\":\"/hosts/transfer\",\"kind\":\"403\",\"times\":100}]");
    fall(&w);
    struct device *d = dover(&w);
    assert_int_equal(d->fallback.state, FALLBACK_ASKED);
    assert_true(span_search(d->fallback.why, SPAN_LITERAL("Maintainer")) < d->fallback.why.bytes); /* the permission that is missing */
    device_free(d);
    faults(&w, "[]");
    leap(&w, 7 * 3600);
    leap(&w, 60);
    assert_int_equal(state_of(&w), FALLBACK_CONFIRMED);
    end(&w);
}

/* ---- NanoMDM: a Mac that enrols, is asked, and answers by the signed webhook ---- */

static const char profile[] = "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>PayloadIdentifier</key><string>com.acme.strict</string><key>PayloadUUID</key><string>u-1</string>"
                              "<key>PayloadVersion</key><integer>1</integer><key>PayloadType</key><string>Configuration</string><key>PayloadContent</key><array/></dict></plist>";

static struct span signature_of(void *context, const char *name) { return strcmp(name, "x-hmac-signature") == 0 ? *(const struct span *)context : SPAN_NONE; }

static struct span member(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    struct span text = SPAN_NONE;
    assert_int_equal(from_json_text(&v, MDM_HOOK_BYTES, &text, NULL), OK);
    return text;
}

/* What /hooks/mdm/{id} does with each of them. */
static void take_hooks(struct world *w)
{
    struct from_json *doc = fake_peer_get(&w->fleet, "/control/hooks");
    struct from_json_value root = from_json_root(doc);
    struct arena arena;
    arena_init(&arena, 4096, 16 * 1024 * 1024);
    for (size_t i = 0; i < from_json_count(&root); i++) {
        struct from_json_value item = from_json_item(&root, i);
        struct span body = member(&item, "body"), signature = member(&item, "signature");
        struct mdm_hook hook = { signature_of, &signature, body, w->story.now_ms / 1000 };
        struct mdm_news news;
        struct manager_heard heard;
        struct err err;
        assert_int_equal(w->managers.all[0].ops->hook(&w->managers.all[0].options, &hook, &arena, &news, &err), OK);
        struct manager_word word = { &w->managers.all[0], &news.device, news.partial, false };
        if (news.has_device)
            assert_int_equal(managers_hear(&w->story.node, w->story.store, &word, &heard, &err), OK);
        story_feed(&w->story);
    }
    arena_done(&arena);
    from_json_free(doc);
    story_settle(&w->story);
}

/* The device wakes up, at the story's time. */
static void wake(struct world *w, const char *path, const char *more)
{
    char at[CLOCK_TEXT_BYTES], body[256];
    snprintf(body, sizeof body, "{\"at\":\"%s\"%s}", clock_rfc3339(w->story.now_ms / 1000, at), more);
    fake_peer_post(&w->fleet, path, body);
    take_hooks(w);
}

static bool has_profile(struct world *w)
{
    struct from_json *doc = fake_peer_get(&w->fleet, "/control/hosts");
    struct from_json_value root = from_json_root(doc), mac = from_json_item(&root, 0), profiles = from_json_member(&mac, "profiles");
    bool found = false;
    for (size_t i = 0; i < from_json_count(&profiles); i++) {
        struct from_json_value item = from_json_item(&profiles, i);
        struct span text = SPAN_NONE;
        assert_int_equal(from_json_text(&item, 100, &text, NULL), OK);
        found = found || span_equal_text(text, "com.acme.strict");
    }
    from_json_free(doc);
    return found;
}

static void start_nano(struct world *w)
{
    struct err err = { 0 };
    memset(w, 0, sizeof *w);
    story_start(&w->story, policy);
    fake_peer_start(&w->fleet, "fake_nanomdm.py", NULL);
    w->config = (struct manager_config){ .id = SPAN_LITERAL("fleet"), .kind = SPAN_LITERAL("nanomdm"), .url = span_of(w->fleet.base), .secret = SPAN_LITERAL("nano-key"),
        .hook_secret = SPAN_LITERAL("0123456789abcdef"), .strict = SPAN_LITERAL("com.acme.strict"), .strict_profile = span_of(profile), .every_s = 900 };
    if (managers_read(&w->config, 1, &w->story.clock, &w->managers, &err) != OK)
        fail_msg("%s", err.text);
    w->story.node.managers = &w->managers;
    story_effects(&w->story, &w->options);
    story_person(&w->story, ANA, "U0ANA", "ana@acme.example");
    story_device(&w->story, DOVER, ANA);
    assert_int_equal(change_device(&w->story.node, w->story.store, SPAN_LITERAL(DOVER), false, edit_serial, w, &err), OK);
    story_settle(&w->story);
}

static void nanomdm_there_and_back_again(void **state)
{
    struct world w;
    (void)state;
    start_nano(&w);
    wake(&w, "/control/enrol", ",\"serial\":\"C02X\",\"encrypted\":false");
    struct device *d = dover(&w);
    assert_true(device_link(d, SPAN_LITERAL("fleet"))->managed == MDM_YES);
    device_free(d);
    leap(&w, 13 * 3600); /* it was silent: it is asked */
    wake(&w, "/control/connect", "");
    d = dover(&w);
    const struct managed_link *link = device_link(d, SPAN_LITERAL("fleet"));
    assert_true(link->encrypted == MDM_NO && link->firewall == MDM_YES && span_equal_text(link->group, "none") && span_equal_text(link->os_version, "15.5"));
    device_free(d);
    fall(&w);
    leap(&w, 60);
    assert_int_equal(state_of(&w), FALLBACK_ACTED); /* queued; the Mac sleeps */
    assert_false(has_profile(&w));
    wake(&w, "/control/connect", "");
    assert_true(has_profile(&w));
    leap(&w, 60);
    leap(&w, 1000);
    assert_int_equal(state_of(&w), FALLBACK_CONFIRMED);
    story_result(&w.story, DOVER, "disk-encryption", VERDICT_PASS);
    leap(&w, 1000);
    for (int i = 0; i < 62; i++)
        leap(&w, DAY);
    leap(&w, 1000);
    assert_int_equal(state_of(&w), FALLBACK_UNDOING);
    wake(&w, "/control/connect", "");
    assert_false(has_profile(&w));
    leap(&w, 60);
    leap(&w, 1000);
    assert_int_equal(state_of(&w), FALLBACK_NONE);
    wake(&w, "/control/leave", "");
    d = dover(&w);
    assert_int_equal(device_link(d, SPAN_LITERAL("fleet"))->managed, MDM_NO);
    device_free(d);
    end(&w);
}

/* What is signed stays signed: only its time tells that it is old. */
static void a_webhook_that_is_sent_again_later_changes_nothing(void **state)
{
    struct world w;
    struct manager_heard heard;
    struct err err;
    (void)state;
    start_nano(&w);
    wake(&w, "/control/enrol", ",\"serial\":\"C02X\"");
    leap(&w, 60);
    int64_t left_s = w.story.now_ms / 1000;
    wake(&w, "/control/leave", "");
    leap(&w, 60);
    wake(&w, "/control/enrol", ",\"serial\":\"C02X\""); /* it came back; nothing was asked of it yet */
    struct device *d = dover(&w);
    struct mdm_device said = { .id = device_link(d, SPAN_LITERAL("fleet"))->id, .managed = MDM_NO, .contact_s = left_s };
    struct manager_word word = { &w.managers.all[0], &said, true, false };
    assert_int_equal(managers_hear(&w.story.node, w.story.store, &word, &heard, &err), OK);
    assert_false(heard.changed);
    said.contact_s = w.story.now_ms / 1000 + 1;
    assert_int_equal(managers_hear(&w.story.node, w.story.store, &word, &heard, &err), OK);
    assert_true(heard.changed); /* and one of now does */
    device_free(d);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_becomes_a_link_and_facts),
        cmocka_unit_test(a_sweep_survives_what_a_vendor_does),
        cmocka_unit_test(an_hour_of_500_loses_and_invents_nothing),
        cmocka_unit_test(one_that_vanished_is_asked_for_before_it_is_gone),
        cmocka_unit_test(two_sources_are_shown_and_decided),
        cmocka_unit_test(fleet_there_and_back_again),
        cmocka_unit_test(kandji_there_and_back_again),
        cmocka_unit_test(nanomdm_there_and_back_again),
        cmocka_unit_test(a_webhook_that_is_sent_again_later_changes_nothing),
        cmocka_unit_test(who_is_not_managed_is_invited),
        cmocka_unit_test(an_invitation_is_withdrawn_when_it_is_not_needed),
        cmocka_unit_test(a_personal_device_is_never_touched),
        cmocka_unit_test(what_cannot_be_done_is_open_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
