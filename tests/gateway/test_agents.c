/* Agents as a gateway meets them: the real routes over a store in memory and a clock that only the stories move. */
#include "gateway/agents.h"
#include "gateway/allowance.h"
#include "gateway/http/router.h"
#include "gateway/pressure.h"
#include "gateway/refresher.h"
#include "tests/support/fake_store.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { START_S = 1780300000, HOUR = 3600, DAY = 86400 };

static const char policy_text[] =
    "policy: t\nsensitivities: [low]\napps: [{ id: a, title: A, sensitivity: low }]\nchecks:\n"
    "  - { id: firewall, title: T, what: W, why: Y, fix: { linux: [do] }, minutes: 1, needs_admin: false, restart: false, severity: normal, collects: C,\n"
    "      osquery: { linux: \"SELECT state FROM fw\" }, pass: \"any(state == 1)\", interval: 1h, fresh_for: 3d }\n"
    "  - { id: slow, title: T, what: W, why: Y, fix: { linux: [do] }, minutes: 1, needs_admin: false, restart: false, severity: normal, collects: C,\n"
    "      osquery: { linux: \"SELECT 2 AS two\" }, pass: \"rows > 0\", interval: 4h, fresh_for: 3d }\n"
    "  - { id: pushed, title: T, what: W, why: Y, fix: { linux: [do] }, minutes: 1, needs_admin: false, restart: false, severity: normal, collects: C,\n"
    "      pass: \"fact.backup_age <= 3\", interval: 1h, fresh_for: 3d }\n"
    "visible_after: { reads: 1, apart: 0s }\n"
    "ladders:\n  - { id: l, applies_to: { severity: [normal], groups: [everyone] }, rungs: [{ id: n, after: 0d, nudge: true }] }\n";

struct world {
    struct clock clock;
    int64_t now_s;
    struct fake_store *server;
    struct store *store;
    struct node node;
    struct counters counters;
    struct arena arena;
    struct policy *policy; /* the tests' own reading of what is in force */
    struct http_response res;
    bool was_slow;
};

static int64_t wall_ms(const struct clock *c) { return ((const struct world *)c->context)->now_s * 1000; }

/* ---- the world ---- */

static bool put_record(void *context, const struct record *record)
{
    struct world *w = context;
    struct log_entry entry = { .record = *record };
    assert_int_equal(directory_apply(w->node.directory, &entry, NULL), OK);
    return true;
}

/* What the feed does. */
static void sync_directory(struct world *w)
{
    assert_int_equal(w->store->ops->each_record(w->store, RECORD_DEVICE, put_record, w, NULL), OK);
}

static struct span secret_hash(struct world *w, const char *secret)
{
    char hex[SECRET_HEX_BYTES + 1];
    secret_sha256_hex(span_of(secret), hex);
    return arena_copy_text(&w->arena, hex);
}

static void put_control(struct world *w, const char *id, struct buf *body)
{
    assert_false(body->failed);
    assert_int_equal(directory_put_control(w->node.directory, span_of(id), buf_span(body), 1, NULL), OK);
    buf_done(body);
}

static void put_secrets(struct world *w)
{
    static const char person[] = "p_aaaaaaaaaaaaaaaaaaaaaaaaaa";
    const struct enroll_secret secrets[] = {
        { .id = SPAN_LITERAL("s1"), .label = SPAN_LITERAL("all"), .sealed = SPAN_LITERAL("x"), .secret_sha256 = secret_hash(w, "good"), .created_s = START_S },
        { .id = SPAN_LITERAL("s2"), .label = SPAN_LITERAL("ann"), .sealed = SPAN_LITERAL("x"), .secret_sha256 = secret_hash(w, "anns"), .group = SPAN_LITERAL("devs"),
          .person = span_of(person), .created_s = START_S },
        { .id = SPAN_LITERAL("s3"), .label = SPAN_LITERAL("old"), .sealed = SPAN_LITERAL("x"), .secret_sha256 = secret_hash(w, "expired"), .created_s = 1, .expires_s = START_S - 1 },
        { .id = SPAN_LITERAL("s4"), .label = SPAN_LITERAL("gone"), .sealed = SPAN_LITERAL("x"), .secret_sha256 = secret_hash(w, "revoked"), .created_s = 1, .revoked = true },
    };
    struct buf body;
    struct to_json json;
    buf_init(&body, 65536);
    to_json_init(&json, &body);
    control_enroll_secrets_to_json(secrets, sizeof secrets / sizeof secrets[0], &json);
    put_control(w, "enroll_secrets", &body);
}

static void put_policy(struct world *w)
{
    struct mistakes mistakes;
    struct buf body;
    struct to_json json;
    mistakes_init(&mistakes);
    policy_read(span_of(policy_text), SPAN_LITERAL("test.yaml"), &mistakes, &w->policy);
    buf_init(&body, 65536);
    if (w->policy == NULL && mistakes_print(&mistakes, &body))
        fail_msg("%s", buf_text(&body));
    mistakes_done(&mistakes);
    to_json_init(&json, &body);
    to_json_object(&json);
    to_json_member_text(&json, "version", span_of(w->policy->version));
    to_json_member_text(&json, "text", w->policy->canonical);
    to_json_end(&json);
    put_control(w, "policy", &body);
}

static int begin(void **state)
{
    static const uint8_t root[SECRET_KEY_BYTES] = { 1, 2, 3 };
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->now_s = START_S;
    w->clock = (struct clock){ wall_ms, wall_ms, w };
    w->server = fake_store_new(&w->clock, 4);
    assert_int_equal(fake_store_open(w->server, &w->store, NULL), OK);
    w->node.clock = &w->clock;
    w->node.counters = &w->counters;
    w->node.options.public_url = SPAN_LITERAL("https://posture.example.com:8443/x");
    w->node.stores = fake_store_factory(w->server);
    assert_int_equal(secret_new(root, &w->node.secret, NULL), OK);
    w->node.allowances = allowance_new();
    directory_register_thread();
    w->node.calendar = calendar_new("/usr/share/zoneinfo");
    w->node.directory = directory_new(&w->clock, w->node.calendar);
    assert_non_null(w->node.directory);
    arena_init(&w->arena, 65536, 64 * 1024 * 1024);
    put_secrets(w);
    put_policy(w);
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    buf_done(&w->res.body);
    policy_free(w->policy);
    arena_done(&w->arena);
    directory_free(w->node.directory);
    calendar_free(w->node.calendar);
    directory_unregister_thread();
    allowance_free(w->node.allowances);
    secret_done(w->node.secret);
    w->store->ops->free(w->store);
    fake_store_free(w->server);
    free(w);
    return 0;
}

/* ---- requests ---- */

static const struct route *route_of(const char *path)
{
    const struct route_table *tables[] = { &osquery_routes, &fact_routes };
    for (size_t t = 0; t < 2; t++)
        for (size_t i = 0; i < tables[t]->count; i++)
            if (strcmp(tables[t]->rows[i].path, path) == 0)
                return &tables[t]->rows[i];
    fail_msg("no route %s", path);
    return NULL;
}

static const char *post_with(struct world *w, const char *path, struct span body, const char *authorization)
{
    const struct route *route = route_of(path);
    struct http_header headers[] = { { SPAN_LITERAL("Content-Type"), SPAN_LITERAL("application/json") }, { SPAN_LITERAL("Authorization"), span_of(authorization) } };
    struct http_request r = { .arena = &w->arena, .node = &w->node, .method = HTTP_POST, .listener = LISTENER_PUBLIC, .path = span_of(path), .headers = headers,
                              .header_count = authorization != NULL ? 2 : 1, .body = body, .peer = SPAN_LITERAL("10.0.0.1"), .id = "r1", .now_s = w->now_s, .now_ms = w->now_s * 1000 };
    r.caller.kind = CALLER_API_KEY;
    r.caller.id = SPAN_LITERAL("k1");
    buf_done(&w->res.body);
    w->res = (struct http_response){ .status = 200 };
    buf_init(&w->res.body, RESPONSE_MAX_BYTES);
    w->was_slow = route->fast == NULL || route->fast(&r, &w->res) == ROUTE_SLOW;
    r.store = w->store;
    if (w->was_slow)
        route->slow(&r, &w->res);
    assert_false(w->res.body.failed);
    return buf_text(&w->res.body);
}

static const char *post(struct world *w, const char *path, const char *body) { return post_with(w, path, span_of(body), NULL); }

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", text, part);
}

struct host { const char *secret, *serial, *uuid, *instance, *vendor; };
static const struct host laptop = { "good", "C02X", "11111111-2222-3333-4444-555555555555", "i-1", "LENOVO" };

static const char *enroll_body(struct world *w, const struct host *h)
{
    return arena_format(&w->arena,
                        "{\"enroll_secret\":\"%s\",\"host_identifier\":\"h\",\"platform_type\":\"9\",\"host_details\":{\"os_version\":{\"name\":\"Debian\",\"version\":\"12\"},"
                        "\"osquery_info\":{\"version\":\"5.23.1\",\"instance_id\":\"%s\"},\"system_info\":{\"uuid\":\"%s\",\"hardware_serial\":\"%s\",\"hardware_vendor\":\"%s\","
                        "\"hostname\":\"box\"}}}",
                        h->secret, h->instance, h->uuid, h->serial, h->vendor).at;
}

/* The node key. */
static const char *enroll(struct world *w, const struct host *h)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    const char *answer = post(w, "/osquery/enroll", enroll_body(w, h));
    struct span key = SPAN_NONE;
    if (w->res.status != 200 || from_json_parse(span_of(answer), (struct from_json_limits){ 4096, 4 }, "answer", &doc, NULL) != OK)
        fail_msg("enrolling: %s", answer);
    struct from_json_value root = from_json_root(doc), v = from_json_member(&root, "node_key");
    assert_int_equal(from_json_text(&v, 200, &key, NULL), OK);
    sync_directory(w);
    return arena_copy(&w->arena, key).at;
}

static struct span id_of(struct world *w, const char *key)
{
    struct agents_key read;
    assert_true(agents_key_read(&w->node, span_of(key), &read));
    return arena_copy(&w->arena, read.device);
}

/* A copy of the stored record, with facts; freed with the caller's scope. */
static struct device *stored(struct world *w, struct span id)
{
    CLEANUP(buf_done) struct buf body;
    struct device *d = NULL;
    int64_t version = 0;
    buf_init(&body, DEVICE_BODY_BYTES);
    assert_int_equal(w->store->ops->get(w->store, RECORD_DEVICE, id, &body, &version, NULL), OK);
    assert_int_equal(device_from_json(buf_span(&body), version, true, &d, NULL), OK);
    return d;
}

static const char *with_key(struct world *w, const char *key) { return arena_format(&w->arena, "{\"node_key\":\"%s\"}", key).at; }

static const char *name_for(struct world *w, struct span device, const char *check, int64_t at_s)
{
    return agents_name_write(&w->node, device, policy_check(w->policy, span_of(check)), at_s, &w->arena).at;
}

static const char *answer_with(struct world *w, const char *key, const char *name, const char *rows)
{
    const char *text = post(w, "/osquery/distributed/write",
                            arena_format(&w->arena, "{\"node_key\":\"%s\",\"queries\":{\"%s\":%s},\"statuses\":{\"%s\":0}}", key, name, rows, name).at);
    sync_directory(w);
    return text;
}

static const char *report(struct world *w, const char *key, const char *check, const char *rows)
{
    return answer_with(w, key, name_for(w, id_of(w, key), check, w->now_s), rows);
}

static enum verdict verdict_of(struct world *w, const char *key, const char *check)
{
    CLEANUP(device_freep) struct device *d = stored(w, id_of(w, key));
    const struct result *result = device_result(d, span_of(check));
    return result != NULL ? result->verdict : VERDICT_UNKNOWN;
}

static size_t devices(struct world *w) { return directory_counts(w->node.directory).devices; }
static size_t events(struct world *w, const char *type) { return fake_store_event_count(w->server, type); }

/* ---- enrolment ---- */

static void only_good_secrets_enrol(void **state)
{
    static const char *const secrets[] = { "", "wrong", "expired", "revoked", "goo", "good " /* trimmed: good */ };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        struct host h = laptop;
        h.secret = secrets[i];
        const char *answer = post(w, "/osquery/enroll", enroll_body(w, &h));
        bool is_good = strcmp(secrets[i], "good ") == 0;
        assert_int_equal(w->res.status, is_good ? 200 : 403);
        assert_has(answer, is_good ? "node_key" : "\"error\"");
        assert_null(strstr(answer, "node_invalid"));
    }
}

static void a_device_enrols_with_what_its_secret_gives(void **state)
{
    struct world *w = *state;
    struct host h = laptop;
    struct event event;
    h.secret = "anns";
    CLEANUP(device_freep) struct device *d = stored(w, id_of(w, enroll(w, &h)));
    assert_int_equal(d->platform, PLATFORM_LINUX);
    assert_true(span_equal_text(d->owner, "p_aaaaaaaaaaaaaaaaaaaaaaaaaa"));
    assert_true(span_equal_text(d->owner_source, "enroll_secret"));
    assert_true(span_equal_text(d->group, "devs"));
    assert_true(span_equal_text(device_identifier(d, SPAN_LITERAL("serial"))->value, "C02X"));
    assert_int_equal(d->node_key_generation, 1);
    assert_int_equal(d->enrolled_s, START_S);
    assert_true(fake_store_last_event(w->server, "device.enrolled", &event));
    assert_true(span_search(event.data, SPAN_LITERAL("\"replacement\":false,\"again\":false")) < event.data.bytes);
    enroll(w, &h);
    assert_true(fake_store_last_event(w->server, "device.enrolled", &event));
    assert_true(span_search(event.data, SPAN_LITERAL("\"replacement\":false,\"again\":true")) < event.data.bytes);
}

static void bodies_that_cannot_enrol_are_refused_with_words(void **state)
{
    static const char *const bodies[] = { "", "{", "[]", "{}", "{\"enroll_secret\":\"good\"}", "{\"enroll_secret\":\"good\",\"host_details\":{\"system_info\":{\"hardware_serial\":\"None\"}}}" };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        const char *answer = post(w, "/api/v1/osquery/enroll", bodies[i]);
        assert_true(w->res.status >= 400);
        assert_has(answer, "\"error\"");
    }
    assert_int_equal(events(w, NULL), 0);
}

static void enrolling_again_keeps_the_record_and_voids_the_old_key(void **state)
{
    struct world *w = *state;
    struct host h = laptop;
    h.secret = "anns";
    const char *first = enroll(w, &h), *second = (w->now_s += 60, enroll(w, &laptop));
    assert_string_not_equal(first, second);
    assert_true(span_equal(id_of(w, first), id_of(w, second)));
    assert_int_equal(devices(w), 1);
    CLEANUP(device_freep) struct device *d = stored(w, id_of(w, second));
    assert_true(span_equal_text(d->owner, "p_aaaaaaaaaaaaaaaaaaaaaaaaaa")); /* the second secret has no person: nobody loses it */
    assert_has(post(w, "/osquery/config", with_key(w, first)), "\"node_invalid\":true");
    assert_has(post(w, "/osquery/config", with_key(w, second)), "\"options\"");
}

static void new_posture_on_known_hardware_starts_from_nothing(void **state)
{
    struct world *w = *state;
    struct host h = laptop;
    const char *key = enroll(w, &laptop);
    report(w, key, "firewall", "[{\"state\":\"0\"}]");
    assert_int_equal(verdict_of(w, key, "firewall"), VERDICT_FAIL);
    static const char *const instances[] = { "i-2", "i-3", "i-4" };
    for (size_t i = 0; i < 3; i++) {
        w->now_s += 2 * HOUR;
        h.instance = instances[i];
        const char *again = enroll(w, &h);
        CLEANUP(device_freep) struct device *d = stored(w, id_of(w, again));
        assert_true(span_equal(d->id, id_of(w, key)));
        const struct result *result = device_result(d, SPAN_LITERAL("firewall"));
        assert_int_equal(d->fact_count, 0);
        if (i < 2) /* the clock is set back twice a week */
            assert_null(result);
        else
            assert_true(result != NULL && result->verdict == VERDICT_UNKNOWN && result->first_failed_s > 0);
        report(w, again, "firewall", "[{\"state\":\"0\"}]");
    }
    assert_int_equal(devices(w), 1);
}

static void two_agents_that_speak_for_one_machine_collide_and_settle(void **state)
{
    struct world *w = *state;
    struct host h = laptop;
    const char *first = enroll(w, &laptop);
    h.instance = "i-2";
    const char *second = (w->now_s += 60, enroll(w, &h));
    assert_false(span_equal(id_of(w, first), id_of(w, second)));
    assert_int_equal(events(w, "device.collision"), 1);
    assert_has(post(w, "/osquery/config", with_key(w, first)), "\"options\"");
    assert_has(post(w, "/osquery/config", with_key(w, second)), "\"options\"");
    const char *again = enroll(w, &h); /* finds its own record again */
    assert_true(span_equal(id_of(w, second), id_of(w, again)));
    assert_int_equal(events(w, "device.collision"), 1);
    assert_int_equal(devices(w), 2);
    w->now_s += 2 * HOUR; /* the first has gone */
    assert_has(post(w, "/osquery/distributed/read", with_key(w, again)), "\"node_invalid\":true");
    const char *settled = enroll(w, &h);
    assert_true(span_equal(id_of(w, first), id_of(w, settled)));
    CLEANUP(device_freep) struct device *d = stored(w, id_of(w, second));
    assert_true(d->removed);
    assert_has(post(w, "/osquery/config", with_key(w, settled)), "\"options\"");
}

static void hardware_settles_on_one_record_or_on_two(void **state)
{
    static const struct { const char *name; struct host first, second; size_t devices; } rows[] = {
        { "virtual, same image, other UUID", { "good", "V1", "11111111-2222-3333-4444-555555555501", "i", "QEMU" }, { "good", "V2", "11111111-2222-3333-4444-555555555502", "i", "QEMU" }, 2 },
        { "containers with the host's UUID", { "good", "V1", "11111111-2222-3333-4444-555555555501", "i", "QEMU" }, { "good", "V1", "11111111-2222-3333-4444-555555555501", "j", "QEMU" }, 2 },
        { "the same virtual machine", { "good", "V1", "11111111-2222-3333-4444-555555555501", "i", "QEMU" }, { "good", "V9", "11111111-2222-3333-4444-555555555501", "i", "QEMU" }, 1 },
        { "serial appears later", { "good", "None", "11111111-2222-3333-4444-555555555501", "i", "Dell" }, { "good", "S1", "11111111-2222-3333-4444-555555555501", "i", "Dell" }, 1 },
        { "same UUID, other serial", { "good", "S1", "11111111-2222-3333-4444-555555555501", "i", "Dell" }, { "good", "S2", "11111111-2222-3333-4444-555555555501", "j", "Dell" }, 2 },
        { "new board, same serial", { "good", "S1", "11111111-2222-3333-4444-555555555501", "i", "Dell" }, { "good", "S1", "11111111-2222-3333-4444-555555555502", "i", "Dell" }, 1 },
        { "instance alone", { "good", "", "", "i", "Dell" }, { "good", "0", "", "i", "Dell" }, 1 },
        { "copied disk, two machines", { "good", "S1", "11111111-2222-3333-4444-555555555501", "i", "Dell" }, { "good", "S2", "11111111-2222-3333-4444-555555555502", "i", "Dell" }, 2 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        void *other = NULL;
        begin(&other);
        struct world *w = other;
        enroll(w, &rows[i].first);
        w->now_s += 60;
        enroll(w, &rows[i].second);
        enroll(w, &rows[i].second);
        if (devices(w) != rows[i].devices)
            fail_msg("%s: %zu devices", rows[i].name, devices(w));
        end(&other);
    }
}

static void a_claim_left_by_a_crash_is_adopted(void **state)
{
    static const char left[] = "d_aaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct world *w = *state;
    struct buf holder;
    buf_init(&holder, 64);
    assert_int_equal(w->store->ops->claim(w->store, SPAN_LITERAL("serial"), SPAN_LITERAL("C02X"), span_of(left), &holder, NULL), OK);
    buf_done(&holder);
    assert_true(span_equal_text(id_of(w, enroll(w, &laptop)), left));
    assert_int_equal(devices(w), 1);
}

static void a_lost_reply_of_the_store_makes_no_second_device(void **state)
{
    struct world *w = *state;
    fake_store_lose_replies(w->server, 1);
    const char *key = enroll(w, &laptop);
    assert_int_equal(devices(w), 1);
    assert_int_equal(events(w, "device.enrolled"), 1);
    assert_has(post(w, "/osquery/config", with_key(w, key)), "\"options\"");
}

static void enrolling_in_a_loop_is_slowed_down(void **state)
{
    struct world *w = *state;
    int refused = 0;
    for (int i = 0; i < 20; i++) {
        post(w, "/osquery/enroll", enroll_body(w, &laptop));
        refused += w->res.status == 429;
    }
    assert_int_equal(refused, 8);
    assert_has(post(w, "/osquery/enroll", enroll_body(w, &laptop)), "\"error\"");
    w->now_s += 601;
    enroll(w, &laptop);
}

static void a_deleted_device_enrols_cleanly(void **state)
{
    struct world *w = *state;
    struct host h = laptop;
    h.secret = "anns";
    const char *key = enroll(w, &h);
    CLEANUP(device_freep) struct device *d = stored(w, id_of(w, key));
    CLEANUP(buf_done) struct buf body;
    struct to_json json;
    buf_init(&body, 65536);
    to_json_init(&json, &body);
    d->removed = true;
    const struct credential browser = { .kind = CREDENTIAL_COOKIE, .id = SPAN_LITERAL("c_1"), .person = d->owner, .created_s = 1 };
    assert_true(device_put_credential(d, &browser));
    device_to_json(d, &json);
    struct event event = { .id = SPAN_LITERAL("e_aaaaaaaaaaaaaaaaaaaaaaaaaa"), .at_ms = 1, .type = SPAN_LITERAL("device.removed"), .device = d->id };
    struct commit commit = { RECORD_DEVICE, d->id, d->version, buf_span(&body), &event, 1, 0 };
    int64_t version = 0;
    assert_int_equal(w->store->ops->commit(w->store, &commit, &version, NULL), OK);
    sync_directory(w);
    assert_has(post(w, "/osquery/config", with_key(w, key)), "\"node_invalid\":true");
    CLEANUP(device_freep) struct device *back = stored(w, id_of(w, enroll(w, &laptop)));
    assert_false(back->removed);
    assert_true(span_empty(back->owner));
    assert_int_equal(back->credential_count, 0); /* browsers that were known before prove nothing */
}

/* ---- who asks ---- */

static void keys_that_are_not_ours_make_an_agent_enrol(void **state)
{
    struct world *w = *state;
    const char *key = enroll(w, &laptop);
    size_t bytes = strlen(key);
    struct span id = id_of(w, key);
    const char *bad[] = { "", "x", "pnk1...", "pnk1.d_.1.x", arena_format(&w->arena, "%.*s", (int)bytes - 1, key).at, arena_format(&w->arena, "%sA", key).at,
                          arena_format(&w->arena, "pnk1.%.*s.2%s", SPAN_ARGS(id), strrchr(key, '.')).at, arena_format(&w->arena, "pnk1.%.*s.01%s", SPAN_ARGS(id), strrchr(key, '.')).at };
    static const char *const paths[] = { "/osquery/config", "/osquery/distributed/read", "/osquery/distributed/write", "/osquery/log" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        for (size_t p = 0; p < 4; p++) {
            assert_has(post(w, paths[p], with_key(w, bad[i])), "\"node_invalid\":true,\"error\"");
            assert_int_equal(w->res.status, 401);
        }
}

static void a_key_that_only_the_store_knows_is_good(void **state)
{
    struct world *w = *state;
    post(w, "/osquery/enroll", enroll_body(w, &laptop)); /* at another node: this directory has not heard of it */
    char *answer = strdup(buf_text(&w->res.body)), *key = strstr(answer, "pnk1");
    *strchr(key, '"') = '\0';
    assert_int_equal(devices(w), 0);
    assert_has(post(w, "/osquery/config", with_key(w, key)), "\"options\"");
    assert_has(post(w, "/osquery/distributed/read", with_key(w, key)), "SELECT state FROM fw");
    report(w, key, "firewall", "[{\"state\":\"1\"}]");
    assert_int_equal(verdict_of(w, key, "firewall"), VERDICT_PASS);
    free(answer);
}

static void a_store_outage_is_never_the_agents_fault(void **state)
{
    static const char *const paths[] = { "/osquery/config", "/osquery/distributed/read", "/osquery/distributed/write", "/osquery/log" };
    struct world *w = *state;
    CLEANUP(buf_done) struct buf key;
    buf_init(&key, 256);
    assert_true(agents_key_write(&w->node, &(struct agents_key){ SPAN_LITERAL("d_aaaaaaaaaaaaaaaaaaaaaaaaaa"), 1 }, &key));
    fake_store_fail(w->server, ERR_UNAVAILABLE, INT_MAX);
    for (size_t i = 0; i < 4; i++) {
        const char *answer = post(w, paths[i], with_key(w, buf_text(&key)));
        assert_int_equal(w->res.status, 503);
        assert_has(answer, "\"error\"");
        assert_null(strstr(answer, "node_invalid"));
    }
    assert_has(post(w, "/osquery/enroll", enroll_body(w, &laptop)), "\"error\"");
    fake_store_fail(w->server, OK, 0);
    assert_has(post(w, "/osquery/config", with_key(w, buf_text(&key))), "\"node_invalid\":true");
}

static void the_key_may_come_as_a_header(void **state)
{
    struct world *w = *state;
    const char *key = enroll(w, &laptop);
    assert_has(post_with(w, "/osquery/config", SPAN_NONE, arena_format(&w->arena, "NodeKey %s", key).at), "\"options\"");
    assert_has(post_with(w, "/osquery/config", SPAN_LITERAL("{}"), "Bearer x"), "\"node_invalid\":true");
    assert_has(post(w, "/osquery/config", "{"), "\"error\"");
    assert_null(strstr(buf_text(&w->res.body), "node_invalid"));
}

/* ---- questions and answers ---- */

static void a_device_is_asked_what_is_due_and_again_after_two_polls(void **state)
{
    struct world *w = *state;
    const char *key = enroll(w, &laptop), *body = with_key(w, key);
    const char *answer = post(w, "/osquery/distributed/read", body);
    assert_false(w->was_slow);
    assert_has(answer, "SELECT state FROM fw");
    assert_has(answer, "\"SELECT 1\"");
    w->now_s += AGENTS_POLL_S;
    assert_string_equal(post(w, "/osquery/distributed/read", body), "{\"queries\":{}}");
    w->now_s += AGENTS_POLL_S;
    assert_has(post(w, "/osquery/distributed/read", body), "SELECT state FROM fw");
    report(w, key, "firewall", "[{\"state\":\"1\"}]");
    report(w, key, "slow", "[{\"two\":\"2\"}]");
    w->now_s += AGENTS_AGAIN_S + 1;
    assert_string_equal(post(w, "/osquery/distributed/read", body), "{\"queries\":{}}");
    w->now_s += HOUR;
    answer = post(w, "/osquery/distributed/read", body);
    assert_has(answer, "postern/firewall/");
    assert_null(strstr(answer, "postern/slow/"));
}

/* A check that a device has never answered, as after a new policy, while so many others are asked for it in the same second. */
static void a_new_check_is_asked_in_a_wave(void **state)
{
    struct world *w = *state;
    const char *key = enroll(w, &laptop), *body = with_key(w, key);
    w->node.pressure = pressure_new(NULL);
    report(w, key, "firewall", "[{\"state\":\"1\"}]");
    w->now_s += AGENTS_AGAIN_S + 1;
    for (int i = 0; i < PRESSURE_WAVE_PER_S; i++)
        assert_true(pressure_take_wave(w->node.pressure, w->now_s));
    assert_string_equal(post(w, "/osquery/distributed/read", body), "{\"queries\":{}}");
    assert_has(post(w, "/osquery/distributed/read", with_key(w, enroll(w, &(struct host){ "good", "C03X", "21111111-2222-3333-4444-555555555555", "i-2", "LENOVO" }))), "SELECT state FROM fw");
    w->now_s++;
    assert_has(post(w, "/osquery/distributed/read", body), "postern/slow/");
    pressure_free(w->node.pressure);
}

static void agents_come_less_often_while_the_server_is_behind(void **state)
{
    struct world *w = *state;
    const char *body = with_key(w, enroll(w, &laptop));
    w->node.pressure = pressure_new(NULL);
    assert_has(post(w, "/osquery/config", body), "\"distributed_interval\":15");
    pressure_tick(w->node.pressure, &(struct pressure_tick){ .now_ms = w->now_s * 1000, .late_ms = PRESSURE_LATE_MS });
    assert_has(post(w, "/osquery/config", body), "\"distributed_interval\":60");
    pressure_free(w->node.pressure);
}

static void an_answer_is_a_commit_when_it_says_something_new(void **state)
{
    struct world *w = *state;
    const char *key = enroll(w, &laptop);
    struct event event;
    assert_string_equal(report(w, key, "firewall", "[{\"state\":\"1\"}]"), "{}");
    assert_true(w->was_slow);
    w->now_s += 60;
    size_t before = events(w, NULL);
    assert_string_equal(report(w, key, "firewall", "[{\"state\":\"1\"}]"), "{}");
    assert_false(w->was_slow);
    assert_int_equal(events(w, NULL), before);
    assert_string_equal(report(w, key, "firewall", "[{\"state\":\"0\"}]"), "{}");
    assert_true(w->was_slow);
    assert_int_equal(events(w, NULL), before + 1);
    assert_true(fake_store_last_event(w->server, "result.changed", &event));
    assert_true(span_equal_text(event.data, "{\"changes\":[{\"check\":\"firewall\",\"from\":\"pass\",\"to\":\"fail\",\"visible\":true}]}"));
    assert_int_equal(verdict_of(w, key, "firewall"), VERDICT_FAIL);
}

static void a_failed_query_is_unknown(void **state)
{
    struct world *w = *state;
    const char *key = enroll(w, &laptop), *name = name_for(w, id_of(w, key), "firewall", w->now_s);
    post(w, "/osquery/distributed/write",
         arena_format(&w->arena, "{\"node_key\":\"%s\",\"queries\":{\"%s\":\"\"},\"statuses\":{\"%s\":\"1\"},\"messages\":{\"%s\":\"no such table: fw\"}}", key, name, name, name).at);
    CLEANUP(device_freep) struct device *d = stored(w, id_of(w, key));
    const struct result *result = device_result(d, SPAN_LITERAL("firewall"));
    assert_true(result != NULL && result->verdict == VERDICT_UNKNOWN);
    assert_true(span_equal_text(result->why, "no such table: fw"));
}

static void answers_to_questions_we_did_not_ask_are_dropped(void **state)
{
    struct world *w = *state;
    struct host other = laptop;
    other.serial = "C03Y";
    other.uuid = "11111111-2222-3333-4444-555555555599";
    other.instance = "i-9";
    const char *key = enroll(w, &laptop), *stranger = enroll(w, &other);
    struct span id = id_of(w, key);
    const char *good = name_for(w, id, "firewall", w->now_s);
    struct check changed = *policy_check(w->policy, SPAN_LITERAL("firewall"));
    changed.version = SPAN_LITERAL("00000000");
    const char *names[] = {
        name_for(w, id_of(w, stranger), "firewall", w->now_s), name_for(w, id, "firewall", w->now_s - DAY - 1), name_for(w, id, "firewall", w->now_s + 301),
        agents_name_write(&w->node, id, &changed, w->now_s, &w->arena).at, arena_format(&w->arena, "postern/firewall/%.*s", SPAN_ARGS(policy_check(w->policy, SPAN_LITERAL("firewall"))->version)).at,
        arena_format(&w->arena, "%sA", good).at, arena_format(&w->arena, "%.*s", (int)strlen(good) - 1, good).at, "postern/", "postern////", "x", arena_format(&w->arena, "%s/x", good).at,
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_string_equal(answer_with(w, key, names[i], "[{\"state\":\"1\"}]"), "{}");
        assert_int_equal(w->counters.value[COUNT_AGENT_ANSWERS_DROPPED], i + 1);
    }
    assert_int_equal(verdict_of(w, key, "firewall"), VERDICT_UNKNOWN);
    assert_string_equal(answer_with(w, key, good, "[{\"state\":\"1\"}]"), "{}");
    assert_int_equal(verdict_of(w, key, "firewall"), VERDICT_PASS);
}

static void a_late_answer_does_not_undo_a_newer_one(void **state)
{
    struct world *w = *state;
    const char *key = enroll(w, &laptop), *early = name_for(w, id_of(w, key), "firewall", w->now_s);
    w->now_s += 60;
    report(w, key, "firewall", "[{\"state\":\"1\"}]");
    w->now_s += 60;
    assert_string_equal(answer_with(w, key, early, "[{\"state\":\"0\"}]"), "{}");
    assert_int_equal(verdict_of(w, key, "firewall"), VERDICT_PASS);
}

static void poison_is_swallowed_and_counted(void **state)
{
    static const char *const bodies[] = { "", "{", "[]", "\xff", "{\"a\":1,\"a\":2}" };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_string_equal(post(w, "/osquery/log", bodies[i]), "{}");
        assert_int_equal(w->res.status, 200);
        assert_string_equal(post(w, "/osquery/distributed/write", bodies[i]), "{}");
    }
    assert_int_equal(w->counters.value[COUNT_AGENT_LOG_DROPPED], sizeof bodies / sizeof bodies[0]);
}

static const char *log_snapshot(struct world *w, const char *key, const char *check, int64_t unix_s, const char *rows)
{
    struct span version = policy_check(w->policy, span_of(check))->version;
    const char *answer = post(w, "/osquery/log",
                              arena_format(&w->arena, "{\"node_key\":\"%s\",\"log_type\":\"result\",\"data\":[{\"name\":\"postern/%s/%.*s\",\"unixTime\":%lld,\"action\":\"snapshot\",\"snapshot\":%s}]}",
                                           key, check, SPAN_ARGS(version), (long long)unix_s, rows).at);
    sync_directory(w);
    return answer;
}

static void logged_snapshots_count_by_their_own_time_but_never_the_future(void **state)
{
    struct world *w = *state;
    const char *key = enroll(w, &laptop);
    assert_string_equal(log_snapshot(w, key, "slow", w->now_s + 5 * DAY, "[{\"two\":\"2\"}]"), "{}");
    CLEANUP(device_freep) struct device *d = stored(w, id_of(w, key));
    assert_int_equal(device_result(d, SPAN_LITERAL("slow"))->evaluated_s, w->now_s);
    assert_string_equal(log_snapshot(w, key, "slow", w->now_s - HOUR, "[]"), "{}"); /* from before */
    assert_int_equal(verdict_of(w, key, "slow"), VERDICT_PASS);
    w->now_s += HOUR;
    assert_string_equal(log_snapshot(w, key, "slow", w->now_s, "[]"), "{}");
    assert_int_equal(verdict_of(w, key, "slow"), VERDICT_FAIL);
}

static void what_is_not_ours_in_a_log_is_counted(void **state)
{
    struct world *w = *state;
    const char *key = enroll(w, &laptop);
    assert_string_equal(post(w, "/osquery/log", arena_format(&w->arena, "{\"node_key\":\"%s\",\"log_type\":\"result\",\"data\":[{\"name\":\"x\"},7]}", key).at), "{}");
    assert_int_equal(w->counters.value[COUNT_AGENT_LOG_ITEMS], 2);
    assert_int_equal(w->counters.value[COUNT_AGENT_LOG_DROPPED], 2);
    assert_string_equal(post(w, "/osquery/log", arena_format(&w->arena, "{\"node_key\":\"%s\",\"log_type\":\"status\",\"data\":[{\"severity\":2}]}", key).at), "{}");
    assert_int_equal(w->counters.value[COUNT_AGENT_LOG_ITEMS], 3);
}

static void a_device_that_was_off_while_failing_tells_its_clock(void **state)
{
    struct world *w = *state;
    const char *key = enroll(w, &laptop);
    report(w, key, "firewall", "[{\"state\":\"0\"}]");
    int64_t last_s = w->now_s;
    w->now_s += 3 * HOUR;
    fake_store_fail(w->server, ERR_UNAVAILABLE, 1); /* the first try meets an outage: nothing may be forgotten */
    assert_has(post(w, "/osquery/distributed/read", with_key(w, key)), "\"error\"");
    assert_has(post(w, "/osquery/distributed/read", with_key(w, key)), "\"queries\"");
    sync_directory(w);
    assert_int_equal(events(w, "device.on"), 1);
    CLEANUP(device_freep) struct device *d = stored(w, id_of(w, key));
    assert_false(device_on_at(d, last_s + 2 * HOUR));
    assert_true(device_on_at(d, w->now_s));
    post(w, "/osquery/distributed/read", with_key(w, key));
    assert_false(w->was_slow);
}

/* It says what was known, but nobody had known it for a while: the ladder must hear of it, and must not count that while. */
static void a_failure_seen_again_after_too_long_is_a_commit(void **state)
{
    struct world *w = *state;
    const char *key = enroll(w, &laptop);
    report(w, key, "firewall", "[{\"state\":\"0\"}]");
    int64_t end_s = w->now_s + policy_check(w->policy, SPAN_LITERAL("firewall"))->fresh_for_s + 1;
    for (; w->now_s <= end_s + HOUR; w->now_s += ON_SLOT_S / 2) {
        post(w, "/osquery/distributed/read", with_key(w, key)); /* it is on, and does not answer */
        assert_false(w->was_slow);
    }
    assert_string_equal(report(w, key, "firewall", "[{\"state\":\"0\"}]"), "{}");
    assert_true(w->was_slow);
    assert_int_equal(events(w, "result.updated"), 1);
    CLEANUP(device_freep) struct device *d = stored(w, id_of(w, key));
    assert_int_equal(d->doubt_count, 1);
    assert_int_equal(d->doubts[0].time.from_s, end_s);
    assert_int_equal(d->doubts[0].time.to_s, w->now_s);
    w->now_s += 60;
    report(w, key, "firewall", "[{\"state\":\"0\"}]");
    assert_false(w->was_slow);
}

static bool note_refresh(void *context, const struct refresh *refresh)
{
    struct refresh *out = context;
    *out = *refresh;
    return true;
}

static void seeing_the_same_again_is_a_refresh(void **state)
{
    struct world *w = *state;
    struct refresh refresh = { 0 };
    const char *key = enroll(w, &laptop);
    report(w, key, "firewall", "[{\"state\":\"1\"}]");
    assert_int_equal(refresher_new(&w->node, &w->node.refresher, NULL), OK);
    assert_int_equal(refresher_start(w->node.refresher, NULL), OK);
    w->now_s += 100;
    const char *name = name_for(w, id_of(w, key), "firewall", w->now_s - 40);
    answer_with(w, key, name, "[{\"state\":\"1\"}]");
    assert_false(w->was_slow);
    refresher_stop(w->node.refresher);
    assert_int_equal(w->store->ops->each_seen(w->store, note_refresh, &refresh, NULL), OK);
    assert_int_equal(refresh.seen_s, w->now_s);
    char wanted[64];
    snprintf(wanted, sizeof wanted, "{\"firewall\":%lld}", (long long)w->now_s - 40);
    assert_true(span_equal_text(refresh.times, wanted));
    refresher_free(w->node.refresher);
    w->node.refresher = NULL;
}

/* ---- check again ---- */

static void check_again_asks_once_for_what_was_named(void **state)
{
    struct world *w = *state;
    const char *key = enroll(w, &laptop), *body = with_key(w, key);
    const struct span named[] = { SPAN_LITERAL("slow") };
    struct span id = id_of(w, key);
    bool already = true;
    report(w, key, "firewall", "[{\"state\":\"1\"}]");
    report(w, key, "slow", "[{\"two\":\"2\"}]");
    w->now_s += 60;
    assert_int_equal(agents_recheck(&w->node, w->store, id, named, 1, SPAN_LITERAL("person:p"), &already, NULL), OK);
    assert_false(already);
    assert_int_equal(agents_recheck(&w->node, w->store, id, named, 1, SPAN_LITERAL("person:p"), &already, NULL), OK);
    assert_true(already);
    assert_int_equal(events(w, "device.recheck"), 1);
    sync_directory(w);
    const char *answer = post(w, "/osquery/distributed/read", body);
    assert_has(answer, "postern/slow/");
    assert_has(answer, "\"accelerate\":60");
    assert_null(strstr(answer, "postern/firewall/"));
    w->now_s += 5;
    assert_string_equal(post(w, "/osquery/distributed/read", body), "{\"queries\":{},\"accelerate\":60}");
    report(w, key, "slow", "[{\"two\":\"2\"}]"); /* the same as before, and yet stored: somebody waits */
    CLEANUP(device_freep) struct device *d = stored(w, id);
    assert_int_equal(device_result(d, SPAN_LITERAL("slow"))->evaluated_s, w->now_s);
    w->now_s += 601;
    assert_null(strstr(post(w, "/osquery/distributed/read", body), "accelerate"));
}

static void check_again_has_an_hourly_limit(void **state)
{
    struct world *w = *state;
    struct span id = id_of(w, enroll(w, &laptop));
    for (int i = 0; i < 40; i++, w->now_s += 11)
        assert_int_equal(agents_recheck(&w->node, w->store, id, NULL, 0, SPAN_LITERAL("x"), NULL, NULL), OK);
    assert_int_equal(events(w, "device.recheck"), AGENTS_RECHECK_PER_HOUR);
    assert_int_equal(agents_recheck(&w->node, w->store, SPAN_LITERAL("d_aaaaaaaaaaaaaaaaaaaaaaaaaa"), NULL, 0, SPAN_LITERAL("x"), NULL, NULL), ERR_NOT_FOUND);
}

/* ---- pushed facts ---- */

static void facts_are_stored_when_a_check_reads_them(void **state)
{
    struct world *w = *state;
    const char *key = enroll(w, &laptop);
    assert_string_equal(post(w, "/v1/facts", "{\"device\":{\"serial\":\"c02x\"},\"facts\":[{\"name\":\"backup_age\",\"value\":2,\"lifetime\":\"1h\"},{\"name\":\"shoe_size\",\"value\":43,\"lifetime\":60}]}"),
                        "{\"stored\":1,\"dropped\":[\"shoe_size\"]}");
    assert_int_equal(verdict_of(w, key, "pushed"), VERDICT_PASS);
    CLEANUP(device_freep) struct device *d = stored(w, id_of(w, key));
    assert_int_equal(d->fact_count, 1);
    assert_int_equal(d->facts[0].expires_s, w->now_s + HOUR);
    assert_true(span_equal_text(d->facts[0].source, "api:k1"));
    assert_int_equal(w->counters.value[COUNT_FACTS_DROPPED], 1);
}

static void facts_are_read_strictly(void **state)
{
#define ONE(device, facts) "{\"device\":" device ",\"facts\":" facts "}"
#define FACT "[{\"name\":\"backup_age\",\"value\":2,\"lifetime\":60}]"
    static const struct { const char *body; int status; } rows[] = {
        { ONE("{\"serial\":\"C02X\"}", FACT), 200 },
        { "", 400 }, { "[]", 400 }, { "{}", 400 },
        { ONE("{\"serial\":\"nobody\"}", FACT), 404 },
        { ONE("{\"id\":\"d_aaaaaaaaaaaaaaaaaaaaaaaaaa\"}", FACT), 404 },
        { ONE("{\"id\":\"x\"}", FACT), 404 },
        { ONE("{}", FACT), 400 },
        { ONE("{\"serial\":\"C02X\",\"id\":\"d\"}", FACT), 400 },
        { ONE("{\"host\":\"C02X\"}", FACT), 400 },
        { ONE("{\"serial\":\"C02X\"}", "[]"), 400 },
        { ONE("{\"serial\":\"C02X\"}", "{}"), 400 },
        { ONE("{\"serial\":\"C02X\"}", "[{\"name\":\"check:firewall\",\"value\":1,\"lifetime\":60}]"), 400 },
        { ONE("{\"serial\":\"C02X\"}", "[{\"name\":\"backup_age\",\"value\":1}]"), 400 },
        { ONE("{\"serial\":\"C02X\"}", "[{\"name\":\"backup_age\",\"lifetime\":60}]"), 400 },
        { ONE("{\"serial\":\"C02X\"}", "[{\"name\":\"backup_age\",\"value\":1,\"lifetime\":0}]"), 400 },
        { ONE("{\"serial\":\"C02X\"}", "[{\"name\":\"backup_age\",\"value\":1,\"lifetime\":\"soon\"}]"), 400 },
        { ONE("{\"serial\":\"C02X\"}", "[{\"name\":\"backup_age\",\"value\":1,\"lifetime\":\"366d\"}]"), 400 },
        { ONE("{\"serial\":\"C02X\"}", "[{\"name\":\"a\",\"value\":1,\"lifetime\":60},{\"name\":\"a\",\"value\":2,\"lifetime\":60}]"), 400 },
        { ONE("{\"serial\":\"C02X\"}", "[{\"name\":\"a\",\"value\":1,\"lifetime\":60,\"x\":1}]"), 400 },
        { "{\"devices\":[],\"facts\":[]}", 400 },
        { "{\"devices\":[]}", 200 },
    };
    struct world *w = *state;
    enroll(w, &laptop);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        post(w, "/v1/facts", rows[i].body);
        if (w->res.status != rows[i].status)
            fail_msg("%s: %d %s", rows[i].body, w->res.status, buf_text(&w->res.body));
    }
}

static void each_of_many_devices_gets_its_own_answer(void **state)
{
    struct world *w = *state;
    enroll(w, &laptop);
    const char *answer = post(w, "/v1/facts", "{\"devices\":[" ONE("{\"serial\":\"nobody\"}", FACT) "," ONE("{\"serial\":\"C02X\"}", FACT) ",7]}");
    assert_int_equal(w->res.status, 200);
    assert_has(answer, "{\"results\":[{\"error\":{\"status\":404,");
    assert_has(answer, ",{\"stored\":1,\"dropped\":[]},{\"error\":{\"status\":400,");
}

/* ---- the rest ---- */

static void files_are_never_taken(void **state)
{
    struct world *w = *state;
    assert_string_equal(post(w, "/osquery/carve/begin", "{}"), "{\"error\":\"carving is disabled\"}");
    assert_string_equal(post(w, "/api/osquery/carve/block", "x"), "{\"error\":\"carving is disabled\"}");
}

static void the_flags_have_host_and_port_alone(void **state)
{
    struct world *w = *state;
    CLEANUP(buf_done) struct buf out;
    buf_init(&out, 4096);
    assert_true(agents_flags_text(&w->node, &out));
    assert_true(span_starts(buf_span(&out), SPAN_LITERAL("--tls_hostname=posture.example.com:8443\n")));
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(only_good_secrets_enrol), STORY(a_device_enrols_with_what_its_secret_gives), STORY(bodies_that_cannot_enrol_are_refused_with_words),
        STORY(enrolling_again_keeps_the_record_and_voids_the_old_key), STORY(new_posture_on_known_hardware_starts_from_nothing),
        STORY(two_agents_that_speak_for_one_machine_collide_and_settle), cmocka_unit_test(hardware_settles_on_one_record_or_on_two),
        STORY(a_claim_left_by_a_crash_is_adopted), STORY(a_lost_reply_of_the_store_makes_no_second_device), STORY(enrolling_in_a_loop_is_slowed_down),
        STORY(a_deleted_device_enrols_cleanly), STORY(keys_that_are_not_ours_make_an_agent_enrol), STORY(a_key_that_only_the_store_knows_is_good),
        STORY(a_store_outage_is_never_the_agents_fault), STORY(the_key_may_come_as_a_header), STORY(a_device_is_asked_what_is_due_and_again_after_two_polls),
        STORY(a_new_check_is_asked_in_a_wave), STORY(agents_come_less_often_while_the_server_is_behind),
        STORY(an_answer_is_a_commit_when_it_says_something_new), STORY(a_failed_query_is_unknown), STORY(answers_to_questions_we_did_not_ask_are_dropped),
        STORY(a_late_answer_does_not_undo_a_newer_one), STORY(poison_is_swallowed_and_counted), STORY(logged_snapshots_count_by_their_own_time_but_never_the_future),
        STORY(what_is_not_ours_in_a_log_is_counted), STORY(a_device_that_was_off_while_failing_tells_its_clock), STORY(a_failure_seen_again_after_too_long_is_a_commit), STORY(seeing_the_same_again_is_a_refresh),
        STORY(check_again_asks_once_for_what_was_named), STORY(check_again_has_an_hourly_limit), STORY(facts_are_stored_when_a_check_reads_them),
        STORY(facts_are_read_strictly), STORY(each_of_many_devices_gets_its_own_answer), STORY(files_are_never_taken), STORY(the_flags_have_host_and_port_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
