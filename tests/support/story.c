#include "tests/support/story.h"

#include "gateway/signing_ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_BYTES = 1024 * 1024, ROUNDS_MOST = 20 };

static void must(bool well, const char *what, const struct err *err)
{
    if (well)
        return;
    fprintf(stderr, "story: %s: %s\n", what, err == NULL ? "" : err->text);
    abort();
}

static int64_t fake_ms(const struct clock *clock) { return ((const struct story *)clock->context)->now_ms; }

static void publish(struct story *s, const char *policy)
{
    struct buf body;
    struct to_json w;
    struct err err;
    int64_t version = 0;
    buf_init(&body, BODY_BYTES);
    to_json_init(&w, &body);
    to_json_object(&w);
    to_json_member_text(&w, "version", SPAN_LITERAL("1"));
    to_json_member_text(&w, "text", span_of(policy));
    to_json_end(&w);
    const struct event event = { .id = SPAN_LITERAL("e_policyappliedaaaaaaaaaaaaaa"), .at_ms = s->now_ms, .type = SPAN_LITERAL("policy.applied") };
    const struct commit commit = { RECORD_CONTROL, SPAN_LITERAL("policy"), 0, buf_span(&body), &event, 1, 0 };
    must(s->store->ops->commit(s->store, &commit, &version, &err) == OK, "publishing the policy", &err);
    buf_done(&body);
}

void story_start(struct story *s, const char *policy)
{
    static const uint8_t root[SECRET_KEY_BYTES] = { 1 };
    struct err err;
    *s = (struct story){ .now_ms = STORY_START_S * INT64_C(1000) };
    s->clock = (struct clock){ fake_ms, fake_ms, s };
    s->server = fake_store_new(&s->clock, STORY_PARTITIONS);
    must(fake_store_open(s->server, &s->store, &err) == OK, "opening the store", &err);
    for (size_t i = 0; i <= STORY_PARTITIONS; i++)
        s->read[i] = (struct log_position){ "0-0" };
    s->node = (struct node){ .options = { .public_url = SPAN_LITERAL("https://posture.acme.example"), .slack = true }, .clock = &s->clock,
                             .calendar = calendar_new("/usr/share/zoneinfo"), .stores = fake_store_factory(s->server), .metrics = metrics_new() };
    s->node.directory = directory_new(&s->clock, s->node.calendar);
    s->node.counters = metrics_counters(s->node.metrics);
    must(secret_new(root, &s->node.secret, &err) == OK, "making the secret", &err);
    directory_register_thread();
    publish(s, policy);
    story_feed(s);
    directory_set_complete(s->node.directory, true);
}

void story_signing_keys(struct story *s)
{
    struct buf body;
    struct err err;
    int64_t version = 0;
    buf_init(&body, SIGNING_RECORD_BYTES);
    s->node.signing = signing_ring_new(&s->node);
    must(s->node.signing != NULL && signing_keys_ensure(&s->node, s->store, &err) == OK, "making the signing keys", &err);
    must(s->store->ops->get(s->store, RECORD_CONTROL, SPAN_LITERAL("signing_keys"), &body, &version, &err) == OK, "reading the signing keys", &err);
    must(signing_ring_load(s->node.signing, buf_span(&body), &err) == OK, "loading the signing keys", &err);
    buf_done(&body);
}

void story_end(struct story *s)
{
    effects_free(s->effects);
    signing_ring_free(s->node.signing);
    directory_free(s->node.directory);
    directory_unregister_thread();
    calendar_free(s->node.calendar);
    metrics_free(s->node.metrics);
    secret_done(s->node.secret);
    s->store->ops->free(s->store);
    fake_store_free(s->server);
}

void story_effects(struct story *s, const struct effects_options *options)
{
    struct err err;
    must(effects_new(&s->node, options, &s->effects, &err) == OK, "making the effects", &err);
}

void story_restart_effects(struct story *s, const struct effects_options *options)
{
    effects_free(s->effects);
    s->effects = NULL;
    s->now_ms += EFFECTS_LEASE_MS + 1;
    story_effects(s, options);
}

static bool apply(void *context, const struct log_entry *entry)
{
    const struct story *s = context;
    struct err err = { 0 };
    if (directory_apply(s->node.directory, entry, &err) != OK)
        must(false, "applying an entry", &err);
    return true;
}

void story_feed(struct story *s)
{
    struct err err;
    must(s->store->ops->log_read(s->store, s->read, 100000, 0, apply, s, &err) == OK, "reading the log", &err);
    directory_heard(s->node.directory);
}

void story_settle(struct story *s)
{
    size_t before = SIZE_MAX;
    for (int i = 0; i < ROUNDS_MOST; i++) {
        story_feed(s);
        size_t now = fake_store_event_count(s->server, NULL);
        if (i > 1 && now == before)
            return;
        before = now;
        if (s->effects != NULL)
            effects_round(s->effects);
    }
    story_feed(s);
}

void story_pass(struct story *s, int64_t seconds)
{
    for (int64_t i = 0; i < seconds; i++) {
        s->now_ms += 1000;
        story_settle(s);
    }
}

struct person_edit { struct story *s; const char *slack, *email; };

static enum change_say edit_new(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    const struct person_edit *e = context;
    struct arena *a = &copy->arena;
    (void)err;
    copy->name = SPAN_LITERAL("Ana");
    copy->slack = arena_copy(a, span_of(e->slack));
    if (e->email != NULL) {
        struct span *emails = arena_alloc(a, sizeof *emails);
        *emails = arena_copy_text(a, e->email);
        copy->emails = emails;
        copy->email_count = 1;
    }
    return change_event(events, &e->s->node, "person.created", copy->id, SPAN_NONE, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

void story_person(struct story *s, const char *id, const char *slack, const char *email)
{
    struct err err;
    struct person_edit e = { s, slack, email };
    must(change_person(&s->node, s->store, span_of(id), true, edit_new, &e, &err) == OK, "making a person", &err);
    story_feed(s);
}

struct device_edit { struct story *s; const char *owner, *check; enum verdict verdict; };

static enum change_say edit_device(void *context, struct device *copy, struct change_events *events, struct err *err)
{
    const struct device_edit *e = context;
    int64_t now_s = e->s->now_ms / 1000;
    (void)err;
    copy->platform = PLATFORM_MACOS;
    copy->name = SPAN_LITERAL("dover");
    copy->owner = arena_copy(&copy->arena, span_of(e->owner));
    copy->owner_since_s = now_s;
    copy->enrolled_s = copy->first_seen_s = now_s - 30 * 86400;
    (void)device_spoke(copy, now_s);
    return change_event(events, &e->s->node, "device.enrolled", copy->owner, copy->id, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

void story_device(struct story *s, const char *id, const char *owner)
{
    struct err err;
    struct device_edit e = { .s = s, .owner = owner };
    must(change_device(&s->node, s->store, span_of(id), true, edit_device, &e, &err) == OK, "making a device", &err);
    story_feed(s);
}

static size_t place_of(const struct device *d, struct span check)
{
    size_t i = 0;
    while (i < d->result_count && span_compare(d->results[i].check, check) < 0)
        i++;
    return i;
}

static enum change_say edit_result(void *context, struct device *copy, struct change_events *events, struct err *err)
{
    const struct device_edit *e = context;
    int64_t now_s = e->s->now_ms / 1000;
    bool fails = e->verdict == VERDICT_FAIL;
    struct span check = arena_copy_text(&copy->arena, e->check);
    size_t at = place_of(copy, check);
    bool known = at < copy->result_count && span_equal(copy->results[at].check, check);
    struct result *all = arena_array(&copy->arena, copy->result_count + 1, sizeof *all);
    (void)err;
    if (at > 0)
        memcpy(all, copy->results, at * sizeof *all);
    all[at] = (struct result){ .check = check, .verdict = e->verdict, .evaluated_s = now_s, .changed_s = now_s, .first_failed_s = fails ? now_s : 0,
                               .visible_s = fails ? now_s : 0, .last_passed_s = e->verdict == VERDICT_PASS ? now_s : 0, .fail_reads = fails ? 2 : 0 };
    if (copy->result_count > at + known)
        memcpy(all + at + 1, copy->results + at + known, (copy->result_count - at - known) * sizeof *all);
    copy->results = all;
    copy->result_count += !known;
    (void)device_spoke(copy, now_s);
    return change_event(events, &e->s->node, "result.changed", copy->owner, copy->id, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

void story_result(struct story *s, const char *device, const char *check, enum verdict verdict)
{
    struct err err;
    struct device_edit e = { s, NULL, check, verdict };
    must(change_device(&s->node, s->store, span_of(device), false, edit_result, &e, &err) == OK, "changing a result", &err);
    story_feed(s);
}

static int64_t read_record(struct story *s, enum record_kind kind, const char *id, struct buf *body)
{
    struct err err;
    int64_t version = 0;
    buf_init(body, BODY_BYTES);
    must(s->store->ops->get(s->store, kind, span_of(id), body, &version, &err) == OK, id, &err);
    return version;
}

struct person *story_stored_person(struct story *s, const char *id)
{
    struct buf body;
    struct person *person = NULL;
    struct err err;
    int64_t version = read_record(s, RECORD_PERSON, id, &body);
    must(person_from_json(buf_span(&body), version, &person, &err) == OK, "reading a person", &err);
    buf_done(&body);
    return person;
}

struct device *story_stored_device(struct story *s, const char *id)
{
    struct buf body;
    struct device *device = NULL;
    struct err err;
    int64_t version = read_record(s, RECORD_DEVICE, id, &body);
    must(device_from_json(buf_span(&body), version, true, &device, &err) == OK, "reading a device", &err);
    buf_done(&body);
    return device;
}

size_t story_events(struct story *s, const char *type) { return fake_store_event_count(s->server, type); }
