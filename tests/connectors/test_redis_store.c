/* The store against a real redis-server: records, claims, walks, leases, due times. Beside it: test_redis_log.c, and test_redis_faults.c for a
 * server that misbehaves. */
#include "connectors/store/redis_keys.h"
#include "tests/support/store_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <time.h>

#include <cmocka.h>

#define TEXT(words) SPAN_LITERAL(words)
enum { PERSON_TRIES = 64 };

/* ---- records ---- */

static void a_commit_is_read_back_with_its_version(void **state)
{
    struct fixture *f = *state;
    assert_ok(f, put(f, RECORD_DEVICE, "d_1", 0, "{\"a\":1}", 0));
    assert_record(f, RECORD_DEVICE, "d_1", 1, "{\"a\":1}");
    assert_ok(f, put(f, RECORD_DEVICE, "d_1", 1, "{\"a\":\"line\\nbreak\n\"}", 0));
    assert_record(f, RECORD_DEVICE, "d_1", 2, "{\"a\":\"line\\nbreak\n\"}");
}

static void what_is_not_there_is_not_found(void **state)
{
    struct fixture *f = *state;
    struct buf body;
    int64_t version = 7;
    buf_init(&body, 100);
    assert_code(f, OPS(f)->get(f->store, RECORD_PERSON, TEXT("p_none"), &body, &version, &f->err), ERR_NOT_FOUND, "p_none");
    assert_int_equal(version, 7);
    buf_done(&body);
}

struct conflict_row { const char *name; int64_t expected; };
static void a_commit_at_another_version_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct conflict_row rows[] = { { "as if new", 0 }, { "one behind", 1 }, { "one ahead", 3 }, { "far ahead", INT64_MAX } };
    assert_ok(f, put(f, RECORD_DEVICE, "d_1", 0, "{}", 0));
    assert_ok(f, put(f, RECORD_DEVICE, "d_1", 1, "{\"two\":2}", 0));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (put(f, RECORD_DEVICE, "d_1", rows[i].expected, "{\"lost\":1}", 5) != ERR_CONFLICT)
            fail_msg("%s: %s", rows[i].name, f->err.text);
    assert_code(f, put(f, RECORD_DEVICE, "d_new", 1, "{}", 0), ERR_CONFLICT, "d_new");
    assert_record(f, RECORD_DEVICE, "d_1", 2, "{\"two\":2}");
    assert_int_equal(read_all(f).count, 2);
}

static void a_commit_needs_an_event_a_body_and_bounds(void **state)
{
    struct fixture *f = *state;
    struct event e = event_of("x"), large = e;
    int64_t version;
    char *data = calloc(1, EVENT_DATA_BYTES + 1);
    memset(data, ' ', EVENT_DATA_BYTES + 1);
    large.data = span_make(data, EVENT_DATA_BYTES + 1);
    struct commit none = { RECORD_DEVICE, TEXT("d_1"), 0, TEXT("{}"), &e, 0, 0 }, empty = { RECORD_DEVICE, TEXT("d_1"), 0, SPAN_NONE, &e, 1, 0 };
    struct commit unnamed = { RECORD_DEVICE, SPAN_NONE, 0, TEXT("{}"), &e, 1, 0 }, too_large = { RECORD_DEVICE, TEXT("d_1"), 0, TEXT("{}"), &large, 1, 0 };
    assert_code(f, OPS(f)->commit(f->store, &none, &version, &f->err), ERR_INPUT, NULL);
    assert_code(f, OPS(f)->commit(f->store, &empty, &version, &f->err), ERR_INPUT, NULL);
    assert_code(f, OPS(f)->commit(f->store, &unnamed, &version, &f->err), ERR_LIMIT, NULL);
    assert_code(f, OPS(f)->commit(f->store, &too_large, &version, &f->err), ERR_LIMIT, NULL);
    free(data);
    assert_ok(f, put(f, RECORD_DEVICE, "d_1", 0, "{}", 0)); /* and the connection is still good */
}

static void the_last_event_of_a_commit_carries_the_state(void **state)
{
    struct fixture *f = *state;
    struct event events[] = { event_of("device.enrolled"), event_of("result.changed"), event_of("rung.changed") };
    struct commit c = { RECORD_PERSON, TEXT("p_1"), 0, TEXT("{\"name\":\"Ada\"}"), events, 3, 0 };
    int64_t version = 0;
    assert_ok(f, OPS(f)->commit(f->store, &c, &version, &f->err));
    assert_int_equal(version, 1);
    struct seen_log seen = read_all(f);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.with_state, 1);
    assert_string_equal(seen.types[0], "device.enrolled");
    assert_string_equal(seen.types[2], "rung.changed");
    assert_string_equal(seen.last_body, "{\"name\":\"Ada\"}");
    assert_string_equal(seen.last_id, "p_1");
    assert_int_equal(seen.last_kind, RECORD_PERSON);
    assert_int_equal(seen.last_version, 1);
}

struct racer { const struct redis_options *options; unsigned number; size_t won; atomic_bool *failed; const char *id; unsigned rounds; };

static bool race_once(struct store *store, struct racer *r, struct err *err)
{
    struct buf body;
    int64_t version = 0;
    char text[64];
    buf_init(&body, 1000);
    enum err_code code = store->ops->get(store, RECORD_DEVICE, span_of(r->id), &body, &version, err);
    buf_done(&body);
    if (code != OK && code != ERR_NOT_FOUND)
        return false;
    snprintf(text, sizeof text, "{\"by\":%u}", r->number);
    struct event e = event_of("result.changed");
    struct commit c = { RECORD_DEVICE, span_of(r->id), version, span_of(text), &e, 1, 0 };
    code = store->ops->commit(store, &c, &version, err);
    r->won += code == OK;
    return code == OK || code == ERR_CONFLICT;
}

static void *race(void *context)
{
    struct racer *r = context;
    struct store *store = NULL;
    struct err err;
    if (redis_store_open(r->options, &store, &err) != OK) {
        *r->failed = true;
        return NULL;
    }
    while (r->won < r->rounds && !*r->failed)
        if (!race_once(store, r, &err))
            *r->failed = true;
    store->ops->free(store);
    return NULL;
}

static void of_many_writers_each_version_has_one_winner(void **state)
{
    struct fixture *f = *state;
    enum { THREADS = 8, ROUNDS = 200 };
    pthread_t threads[THREADS];
    struct racer racers[THREADS];
    atomic_bool failed = false;
    for (unsigned i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){ &f->options, i, 0, &failed, "d_contested", ROUNDS };
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_false(failed);
    struct seen_log seen = read_all(f);
    assert_int_equal(seen.count, THREADS * ROUNDS);
    assert_int_equal(seen.with_state, THREADS * ROUNDS);
    assert_int_equal(seen.last_version, THREADS * ROUNDS);
    assert_record(f, RECORD_DEVICE, "d_contested", THREADS * ROUNDS, seen.last_body);
}

/* ---- claims ---- */

struct claimer { const struct redis_options *options; char owner[16]; enum err_code codes[100]; };
static void *claim_all(void *context)
{
    struct claimer *c = context;
    struct store *store = NULL;
    struct err err;
    if (redis_store_open(c->options, &store, &err) != OK)
        return NULL;
    for (int i = 0; i < 100; i++) {
        char value[32];
        snprintf(value, sizeof value, "SERIAL%d", i);
        c->codes[i] = store->ops->claim(store, TEXT("serial"), span_of(value), span_of(c->owner), NULL, &err);
    }
    store->ops->free(store);
    return NULL;
}

static void an_identifier_has_one_owner_whoever_comes_at_once(void **state)
{
    struct fixture *f = *state;
    enum { THREADS = 4 };
    struct claimer claimers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        claimers[i] = (struct claimer){ .options = &f->options };
        memset(claimers[i].codes, 0xff, sizeof claimers[i].codes);
        snprintf(claimers[i].owner, sizeof claimers[i].owner, "d_%d", i);
        assert_int_equal(pthread_create(&threads[i], NULL, claim_all, &claimers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int n = 0; n < 100; n++) {
        int won = 0, lost = 0;
        for (int i = 0; i < THREADS; i++) {
            won += claimers[i].codes[n] == OK;
            lost += claimers[i].codes[n] == ERR_CONFLICT;
        }
        assert_int_equal(won, 1);
        assert_int_equal(lost, THREADS - 1);
    }
}

static void once_is_once_until_it_is_forgotten(void **state)
{
    struct fixture *f = *state;
    char long_value[4000];
    memset(long_value, 'x', sizeof long_value);
    struct span value = span_make(long_value, sizeof long_value), other = span_make(long_value, sizeof long_value - 1);
    bool used = true;
    assert_ok(f, OPS(f)->used(f->store, TEXT("saml_request"), value, &used, &f->err));
    assert_false(used);
    assert_ok(f, OPS(f)->once(f->store, TEXT("saml_request"), value, 600, &f->err));
    assert_ok(f, OPS(f)->used(f->store, TEXT("saml_request"), value, &used, &f->err));
    assert_true(used);
    assert_code(f, OPS(f)->once(f->store, TEXT("saml_request"), value, 600, &f->err), ERR_CONFLICT, "used before");
    assert_ok(f, OPS(f)->once(f->store, TEXT("saml_request"), other, 600, &f->err));
    assert_ok(f, OPS(f)->once(f->store, TEXT("code"), value, 1, &f->err));
    for (int i = 0; OPS(f)->once(f->store, TEXT("code"), value, 1, &f->err) != OK; i++) {
        assert_true(i < 600); /* it is forgotten after its second; a slow machine has a minute */
        usleep(100000);
    }
}

static void a_claim_names_its_holder_and_only_that_one_releases_it(void **state)
{
    struct fixture *f = *state;
    struct span kind = TEXT("uuid"), value = TEXT("braces {x} and \0 bytes");
    struct buf holder;
    buf_init(&holder, 100);
    assert_code(f, OPS(f)->holder(f->store, kind, value, &holder, &f->err), ERR_NOT_FOUND, NULL);
    assert_ok(f, OPS(f)->claim(f->store, kind, value, TEXT("d_1"), &holder, &f->err));
    assert_ok(f, OPS(f)->claim(f->store, kind, value, TEXT("d_1"), &holder, &f->err));
    assert_int_equal(holder.bytes, 0);
    assert_code(f, OPS(f)->claim(f->store, kind, value, TEXT("d_2"), &holder, &f->err), ERR_CONFLICT, "d_1");
    assert_string_equal(buf_text(&holder), "d_1");
    assert_ok(f, OPS(f)->release(f->store, kind, value, TEXT("d_2"), &f->err));
    buf_clear(&holder);
    assert_ok(f, OPS(f)->holder(f->store, kind, value, &holder, &f->err));
    assert_string_equal(buf_text(&holder), "d_1");
    assert_ok(f, OPS(f)->release(f->store, kind, value, TEXT("d_1"), &f->err));
    assert_ok(f, OPS(f)->claim(f->store, kind, value, TEXT("d_2"), NULL, &f->err));
    buf_done(&holder);
}

/* ---- refreshes and walks ---- */

struct seen_walk { size_t count; int64_t seen_s; char times[256]; };
static bool note_seen(void *context, const struct refresh *r)
{
    struct seen_walk *w = context;
    w->count++;
    w->seen_s = r->seen_s;
    keep_text(w->times, sizeof w->times, r->times);
    return true;
}

static void a_refresh_keeps_the_newest_time_of_every_check(void **state)
{
    struct fixture *f = *state;
    struct { int64_t seen_s; const char *times; } steps[] = { { 100, "{\"a\":90,\"b\":91}" }, { 120, "{\"b\":119}" }, { 110, "" }, { 130, "" } };
    unsigned p = partition(f, RECORD_DEVICE, "d_1");
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct refresh r = { TEXT("d_1"), steps[i].seen_s, span_of(steps[i].times) };
        assert_ok(f, OPS(f)->refresh(f->store, p, &r, 1, 1000, &f->err));
    }
    struct seen_walk walk = { 0 };
    assert_ok(f, OPS(f)->each_seen(f->store, note_seen, &walk, &f->err));
    assert_int_equal(walk.count, 1);
    assert_int_equal(walk.seen_s, 130);
    assert_string_equal(walk.times, "119:b;90:a");
    struct seen_log seen = read_all(f);
    assert_int_equal(seen.count, 4);
    assert_string_equal(seen.types[0], "device.seen");
    assert_string_equal(seen.last_data, "{\"seen\":[[\"d_1\",130,{}]]}");
}

static void a_large_refresh_is_one_write_and_as_many_events_as_it_needs(void **state)
{
    struct fixture *f = *state;
    enum { DEVICES = 5000 };
    struct refresh *all = calloc(DEVICES, sizeof *all);
    char (*ids)[40] = calloc(DEVICES, sizeof *ids);
    for (int i = 0; i < DEVICES; i++) {
        snprintf(ids[i], sizeof ids[i], "d_%026d", i);
        all[i] = (struct refresh){ span_of(ids[i]), 1000 + i, TEXT("{\"firewall\":1000}") };
    }
    assert_ok(f, OPS(f)->refresh(f->store, 0, all, DEVICES, 1000, &f->err));
    struct seen_walk walk = { 0 };
    assert_ok(f, OPS(f)->each_seen(f->store, note_seen, &walk, &f->err));
    assert_int_equal(walk.count, DEVICES);
    size_t events = read_all(f).count;
    assert_in_range(events, 2, 10);
    free(ids);
    free(all);
}

struct record_count { size_t count; int64_t versions; size_t stop_after; };
static bool count_record(void *context, const struct record *r)
{
    struct record_count *c = context;
    assert_true(span_equal_text(r->body, "{\"x\":1}"));
    c->count++;
    c->versions += r->version;
    return c->count != c->stop_after;
}

static void a_walk_meets_every_record_of_its_kind(void **state)
{
    struct fixture *f = *state;
    enum { DEVICES = 1500, PERSONS = 40 };
    char id[40];
    for (int i = 0; i < DEVICES; i++) {
        snprintf(id, sizeof id, "d_%d", i);
        assert_ok(f, put(f, RECORD_DEVICE, id, 0, "{\"x\":1}", 0));
    }
    for (int i = 0; i < PERSONS; i++) {
        snprintf(id, sizeof id, "p_%d", i);
        assert_ok(f, put(f, RECORD_PERSON, id, 0, "{\"x\":1}", 0));
    }
    assert_ok(f, put(f, RECORD_CONTROL, "policy", 0, "{\"x\":1}", 0));
    struct { enum record_kind kind; size_t wanted, stop_after; } rows[] = {
        { RECORD_DEVICE, DEVICES, 0 }, { RECORD_PERSON, PERSONS, 0 }, { RECORD_CONTROL, 1, 0 }, { RECORD_DEVICE, 7, 7 } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct record_count c = { .stop_after = rows[i].stop_after };
        assert_ok(f, OPS(f)->each_record(f->store, rows[i].kind, count_record, &c, &f->err));
        assert_int_equal(c.count, rows[i].wanted);
        assert_int_equal(c.versions, (int64_t)rows[i].wanted);
    }
}

struct state_count { size_t devices, persons, seen, stop_after; };

static bool count_state(void *context, const struct record *record, const struct refresh *refresh)
{
    struct state_count *c = context;
    c->devices += record->kind == RECORD_DEVICE && span_starts(record->id, SPAN_LITERAL("d_")) && !span_empty(record->body);
    c->persons += record->kind == RECORD_PERSON && span_starts(record->id, SPAN_LITERAL("p_")) && refresh == NULL;
    c->seen += refresh != NULL && refresh->seen_s == 77 && span_equal(refresh->device, record->id);
    return c->devices + c->persons != c->stop_after;
}

static void a_load_meets_everything_once_with_its_refresh(void **state)
{
    struct fixture *f = *state;
    enum { DEVICES = 5000, PERSONS = 40 }; /* several batches */
    char id[40];
    for (int i = 0; i < DEVICES + PERSONS; i++) {
        snprintf(id, sizeof id, "%s_%d", i < DEVICES ? "d" : "p", i);
        assert_ok(f, put(f, i < DEVICES ? RECORD_DEVICE : RECORD_PERSON, id, 0, "{\"x\":1}", 0));
        struct refresh refresh = { span_of(id), 77, SPAN_LITERAL("{}") };
        if (i < DEVICES / 2)
            assert_ok(f, OPS(f)->refresh(f->store, OPS(f)->partition_of(f->store, RECORD_DEVICE, span_of(id)), &refresh, 1, 1, &f->err));
    }
    struct state_count c = { .stop_after = 20 };
    assert_ok(f, OPS(f)->each_state(f->store, count_state, &c, &f->err)); /* answers that nobody took are in nobody's way */
    assert_int_equal(c.devices + c.persons, 20);
    c = (struct state_count){ 0 };
    assert_ok(f, OPS(f)->each_state(f->store, count_state, &c, &f->err));
    assert_int_equal(c.devices, DEVICES);
    assert_int_equal(c.persons, PERSONS);
    assert_int_equal(c.seen, DEVICES / 2);
    CLEANUP(buf_done) struct buf times;
    int64_t seen_s = 0;
    buf_init(&times, 1024);
    assert_ok(f, OPS(f)->seen(f->store, SPAN_LITERAL("d_1"), &times, &seen_s, &f->err));
    assert_int_equal(seen_s, 77);
    static const struct { const char *times, *then; } asked[] = {
        { "{\"disk\":70,\"os\":70}", "70:disk,os" }, { "{\"os\":75,\"a.b_c-D\":75}", "70:disk;75:a.b_c-D,os" }, { "{}", "70:disk;75:a.b_c-D,os" },
        { "{\"os\":76,\"disk\":76,\"a.b_c-D\":76}", "76:a.b_c-D,disk,os" } };
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct refresh refresh = { SPAN_LITERAL("d_1"), 78, span_of(asked[i].times) };
        assert_ok(f, OPS(f)->refresh(f->store, OPS(f)->partition_of(f->store, RECORD_DEVICE, refresh.device), &refresh, 1, 1, &f->err));
        buf_clear(&times);
        assert_ok(f, OPS(f)->seen(f->store, SPAN_LITERAL("d_1"), &times, &seen_s, &f->err));
        assert_string_equal(buf_text(&times), asked[i].then);
    }
    struct refresh odd = { SPAN_LITERAL("d_1"), 79, SPAN_LITERAL("{\"a,b;c\":79}") }; /* a name that would not fit in */
    assert_ok(f, OPS(f)->refresh(f->store, OPS(f)->partition_of(f->store, RECORD_DEVICE, odd.device), &odd, 1, 1, &f->err));
    buf_clear(&times);
    assert_ok(f, OPS(f)->seen(f->store, SPAN_LITERAL("d_1"), &times, &seen_s, &f->err));
    assert_non_null(strstr(buf_text(&times), "\"a,b;c\":79"));
    assert_int_equal(OPS(f)->seen(f->store, SPAN_LITERAL("d_4999"), &times, &seen_s, &f->err), ERR_NOT_FOUND);
}

/* ---- leases, outboxes ---- */

static void a_lease_has_one_holder_and_a_growing_fence(void **state)
{
    struct fixture *f = *state;
    struct span reader = TEXT("slack");
    int64_t first = 0, second = 0, third = 0, stale = 0;
    struct log_position cursor;
    assert_ok(f, OPS(f)->lease(f->store, reader, 0, TEXT("n1"), 60000, &first, &cursor, &f->err));
    assert_string_equal(cursor.text, "0-0");
    assert_code(f, OPS(f)->lease(f->store, reader, 0, TEXT("n2"), 60000, &stale, &cursor, &f->err), ERR_CONFLICT, "n1");
    assert_ok(f, OPS(f)->lease(f->store, reader, 0, TEXT("n1"), 60000, &second, &cursor, &f->err));
    assert_int_equal(first, second);
    assert_ok(f, OPS(f)->lease(f->store, reader, 1, TEXT("n2"), 60000, &stale, &cursor, &f->err)); /* another partition is another lease */
    assert_ok(f, OPS(f)->lease(f->store, TEXT("webhook"), 0, TEXT("n2"), 60000, &stale, &cursor, &f->err));
    assert_ok(f, OPS(f)->unlease(f->store, reader, 0, TEXT("n2"), &f->err)); /* not the holder: nothing */
    assert_code(f, OPS(f)->lease(f->store, reader, 0, TEXT("n2"), 60000, &stale, &cursor, &f->err), ERR_CONFLICT, NULL);
    assert_ok(f, OPS(f)->unlease(f->store, reader, 0, TEXT("n1"), &f->err));
    assert_code(f, OPS(f)->advance(f->store, reader, 0, first, NULL, NULL, 0, &f->err), ERR_CONFLICT, NULL);
    assert_ok(f, OPS(f)->lease(f->store, reader, 0, TEXT("n2"), 1, &third, &cursor, &f->err));
    assert_true(third > second);
    struct timespec past = { 0, 20 * 1000000 };
    nanosleep(&past, NULL); /* the server's own clock ends a lease */
    assert_ok(f, OPS(f)->lease(f->store, reader, 0, TEXT("n1"), 60000, &stale, &cursor, &f->err));
    assert_true(stale > third);
}

struct item_walk { size_t count; char ids[4][16], bodies[4][16]; int64_t due_ms[4]; };
static bool note_item(void *context, const struct outbox_item *item)
{
    struct item_walk *w = context;
    if (w->count < 4) {
        keep_text(w->ids[w->count], 16, item->id);
        keep_text(w->bodies[w->count], 16, item->body);
        w->due_ms[w->count] = item->due_ms;
    }
    w->count++;
    return true;
}

static struct item_walk outbox_at(struct fixture *f, int64_t now_ms, unsigned most)
{
    struct item_walk walk = { 0 };
    assert_ok(f, OPS(f)->outbox(f->store, TEXT("slack"), 0, now_ms, most, note_item, &walk, &f->err));
    return walk;
}

static void cursor_and_outbox_move_together_and_only_under_the_fence(void **state)
{
    struct fixture *f = *state;
    struct span reader = TEXT("slack");
    int64_t fence = 0, again = 0;
    struct log_position cursor, moved = { "5-1" }, later = { "9-0" };
    struct outbox_item items[] = { { TEXT("late"), TEXT("L"), 1795000000300 }, { TEXT("soon"), TEXT("S"), 1795000000100 }, { TEXT("never"), TEXT("N"), INT64_C(9007199254740991) } };
    assert_ok(f, OPS(f)->lease(f->store, reader, 0, TEXT("n1"), 60000, &fence, &cursor, &f->err));
    assert_ok(f, OPS(f)->advance(f->store, reader, 0, fence, &moved, items, 3, &f->err));
    assert_code(f, OPS(f)->advance(f->store, reader, 0, fence + 1, &later, items, 1, &f->err), ERR_CONFLICT, "slack");
    struct item_walk due = outbox_at(f, 1795000000200, 10), all = outbox_at(f, INT64_MAX, 10), one = outbox_at(f, INT64_MAX, 1);
    assert_int_equal(due.count, 1);
    assert_string_equal(due.ids[0], "soon");
    assert_string_equal(due.bodies[0], "S");
    assert_int_equal(due.due_ms[0], 1795000000100);
    assert_int_equal(all.count, 3);
    assert_string_equal(all.ids[2], "never");
    assert_int_equal(one.count, 1);
    struct outbox_item edits[] = { { TEXT("soon"), SPAN_NONE, 0 }, { TEXT("late"), TEXT("L2"), 1 } };
    assert_ok(f, OPS(f)->advance(f->store, reader, 0, fence, NULL, edits, 2, &f->err));
    all = outbox_at(f, INT64_MAX, 10);
    assert_int_equal(all.count, 2);
    assert_string_equal(all.bodies[0], "L2");
    assert_ok(f, OPS(f)->lease(f->store, reader, 0, TEXT("n1"), 60000, &again, &cursor, &f->err));
    assert_string_equal(cursor.text, "5-1"); /* a NULL cursor left it where it was */
}

/* ---- due times ---- */

struct due_walk { size_t count; char ids[8][16]; enum record_kind kinds[8]; };
static bool note_due(void *context, const struct record *r)
{
    struct due_walk *w = context;
    if (w->count < 8) {
        keep_text(w->ids[w->count], 16, r->id);
        w->kinds[w->count] = r->kind;
    }
    w->count++;
    return true;
}

static size_t due_count(struct fixture *f, const char *id, int64_t now_s)
{
    struct due_walk walk = { 0 };
    assert_ok(f, OPS(f)->due(f->store, partition(f, RECORD_DEVICE, id), now_s, 100, note_due, &walk, &f->err));
    return walk.count;
}

static void a_due_time_is_set_moved_and_cleared(void **state)
{
    struct fixture *f = *state;
    assert_ok(f, put(f, RECORD_DEVICE, "d_1", 0, "{}", 500));
    assert_int_equal(due_count(f, "d_1", 499), 0);
    assert_int_equal(due_count(f, "d_1", 500), 1);
    assert_ok(f, OPS(f)->set_due(f->store, RECORD_DEVICE, TEXT("d_1"), 600, false, &f->err));
    assert_int_equal(due_count(f, "d_1", 500), 1); /* later is ignored */
    assert_ok(f, OPS(f)->set_due(f->store, RECORD_DEVICE, TEXT("d_1"), 400, false, &f->err));
    assert_int_equal(due_count(f, "d_1", 400), 1);
    assert_ok(f, OPS(f)->set_due(f->store, RECORD_DEVICE, TEXT("d_1"), 0, false, &f->err));
    assert_int_equal(due_count(f, "d_1", 400), 1);
    assert_ok(f, OPS(f)->set_due(f->store, RECORD_DEVICE, TEXT("d_1"), 600, true, &f->err));
    assert_int_equal(due_count(f, "d_1", 599), 0);
    assert_ok(f, OPS(f)->set_due(f->store, RECORD_DEVICE, TEXT("d_1"), 0, true, &f->err));
    assert_int_equal(due_count(f, "d_1", INT64_MAX), 0);
    assert_ok(f, put(f, RECORD_DEVICE, "d_1", 1, "{}", 700));
    assert_ok(f, put(f, RECORD_DEVICE, "d_1", 2, "{}", 0));
    assert_int_equal(due_count(f, "d_1", INT64_MAX), 0);
}

static void due_records_come_soonest_first_with_kind_and_id(void **state)
{
    struct fixture *f = *state;
    char person[16] = "";
    unsigned p = partition(f, RECORD_DEVICE, "d_1");
    for (int i = 0; i < PERSON_TRIES * 16; i++) {
        snprintf(person, sizeof person, "p_%d", i);
        if (partition(f, RECORD_PERSON, person) == p)
            break;
    }
    assert_ok(f, put(f, RECORD_DEVICE, "d_1", 0, "{}", 20));
    assert_ok(f, put(f, RECORD_PERSON, person, 0, "{}", 10));
    struct due_walk walk = { 0 }, one = { 0 };
    assert_ok(f, OPS(f)->due(f->store, p, 100, 100, note_due, &walk, &f->err));
    assert_int_equal(walk.count, 2);
    assert_string_equal(walk.ids[0], person);
    assert_int_equal(walk.kinds[0], RECORD_PERSON);
    assert_string_equal(walk.ids[1], "d_1");
    assert_ok(f, OPS(f)->due(f->store, p, 100, 1, note_due, &one, &f->err));
    assert_int_equal(one.count, 1);
}

/* ---- the heartbeat ---- */

struct beater { const struct redis_options *options; enum err_code code; };
static void *beat_once(void *context)
{
    struct beater *b = context;
    struct store *store = NULL;
    struct err err;
    b->code = redis_store_open(b->options, &store, &err);
    if (b->code != OK)
        return NULL;
    b->code = store->ops->heartbeat(store, TEXT("node"), 100000, 10000, &err);
    store->ops->free(store);
    return NULL;
}

static void a_long_silence_is_recorded_once_however_many_come_back(void **state)
{
    struct fixture *f = *state;
    enum { THREADS = 6 };
    pthread_t threads[THREADS];
    struct beater beaters[THREADS];
    assert_ok(f, put(f, RECORD_CONTROL, "clock", 0, "{\"frozen\":true,\"pauses\":[{\"from\":1,\"to\":2,\"kind\":\"incident\"}]}", 0));
    assert_ok(f, OPS(f)->heartbeat(f->store, TEXT("n1"), 1000, 10000, &f->err));
    assert_ok(f, OPS(f)->heartbeat(f->store, TEXT("n2"), 11000, 10000, &f->err)); /* just in time */
    for (int i = 0; i < THREADS; i++) {
        beaters[i] = (struct beater){ &f->options, ERR_INTERNAL };
        assert_int_equal(pthread_create(&threads[i], NULL, beat_once, &beaters[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(beaters[i].code, OK);
    }
    assert_record(f, RECORD_CONTROL, "clock", 2,
                  "{\"frozen\":true,\"pauses\":[{\"from\":1,\"to\":2,\"kind\":\"incident\"},{\"from\":11,\"to\":100,\"kind\":\"store_outage\"}]}");
    struct seen_log seen = read_all(f);
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.types[1], "store.outage");
    assert_string_equal(seen.last_data, "{\"from\":11,\"to\":100}");
}

static void a_heartbeat_from_a_clock_far_ahead_does_not_hide_later_silence(void **state)
{
    struct fixture *f = *state;
    assert_ok(f, OPS(f)->heartbeat(f->store, TEXT("n1"), 900000000, 10000, &f->err));
    assert_ok(f, OPS(f)->heartbeat(f->store, TEXT("n2"), 1000, 10000, &f->err));
    assert_ok(f, OPS(f)->heartbeat(f->store, TEXT("n2"), 50000, 10000, &f->err));
    assert_record(f, RECORD_CONTROL, "clock", 1, "{\"pauses\":[{\"from\":1,\"to\":50,\"kind\":\"store_outage\"}]}");
}

static void the_smallest_acl_is_enough_for_everything(void **state)
{
    (void)state;
    struct fixture f;
    struct buf text;
    struct log_position cursor;
    int64_t fence = 0;
    struct refresh r = { TEXT("d_1"), 5, TEXT("{\"a\":1}") }, r2 = { TEXT("d_1"), 6, TEXT("{\"b\":1}") };
    struct seen_walk walk = { 0 };
    struct record_count records = { 0 };
    struct outbox_item item = { TEXT("i"), TEXT("b"), 1 }, gone = { TEXT("i"), SPAN_NONE, 0 };
    begin_with(&f, NULL);
    f.options.timeout_ms = 5000;
    allow(&f, "postern", REDIS_KEYS_ACL);
    buf_init(&text, 4000);
    open_store(&f);
    assert_ok(&f, put(&f, RECORD_DEVICE, "d_1", 0, "{\"x\":1}", 7));
    assert_ok(&f, put(&f, RECORD_DEVICE, "d_2", 0, "{\"x\":1}", 0));
    assert_ok(&f, OPS(&f)->refresh(f.store, 0, &r, 1, 1, &f.err));
    assert_ok(&f, OPS(&f)->refresh(f.store, 0, &r2, 1, 1, &f.err));
    assert_ok(&f, OPS(&f)->each_seen(f.store, note_seen, &walk, &f.err));
    assert_ok(&f, OPS(&f)->each_record(f.store, RECORD_DEVICE, count_record, &records, &f.err));
    assert_ok(&f, OPS(&f)->claim(f.store, TEXT("k"), TEXT("v"), TEXT("d_1"), NULL, &f.err));
    assert_ok(&f, OPS(&f)->holder(f.store, TEXT("k"), TEXT("v"), &text, &f.err));
    assert_ok(&f, OPS(&f)->release(f.store, TEXT("k"), TEXT("v"), TEXT("d_1"), &f.err));
    assert_ok(&f, OPS(&f)->lease(f.store, TEXT("r"), 0, TEXT("n"), 1000, &fence, &cursor, &f.err));
    assert_ok(&f, OPS(&f)->advance(f.store, TEXT("r"), 0, fence, &cursor, &item, 1, &f.err));
    assert_ok(&f, OPS(&f)->advance(f.store, TEXT("r"), 0, fence, &cursor, &gone, 1, &f.err));
    outbox_at(&f, 1, 1);
    assert_ok(&f, OPS(&f)->unlease(f.store, TEXT("r"), 0, TEXT("n"), &f.err));
    due_count(&f, "d_1", 9);
    assert_ok(&f, OPS(&f)->set_due(f.store, RECORD_DEVICE, TEXT("d_1"), 3, false, &f.err));
    assert_ok(&f, OPS(&f)->set_due(f.store, RECORD_DEVICE, TEXT("d_1"), 0, true, &f.err));
    assert_ok(&f, OPS(&f)->heartbeat(f.store, TEXT("n"), 1, 1000, &f.err));
    assert_ok(&f, OPS(&f)->heartbeat(f.store, TEXT("n"), 5000, 1000, &f.err));
    assert_int_equal(read_all(&f).count, 5);
    struct seen_log back = { 0 };
    assert_ok(&f, OPS(&f)->log_end(f.store, 0, &cursor, &f.err));
    assert_ok(&f, OPS(&f)->log_range_back(f.store, 0, INT64_MAX, 5, note_entry, &back, &f.err));
    assert_ok(&f, OPS(&f)->trim(f.store, INT64_MAX / 4, 0, &f.err));
    buf_clear(&text);
    assert_ok(&f, OPS(&f)->ping(f.store, &text, &f.err));
    assert_non_null(strstr(buf_text(&text), "append-only file with appendfsync no"));
    buf_done(&text);
    end_with(&f);
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, store_fixture_begin, store_fixture_end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SERVER(a_commit_is_read_back_with_its_version),
        ON_SERVER(what_is_not_there_is_not_found),
        ON_SERVER(a_commit_at_another_version_changes_nothing),
        ON_SERVER(a_commit_needs_an_event_a_body_and_bounds),
        ON_SERVER(the_last_event_of_a_commit_carries_the_state),
        ON_SERVER(of_many_writers_each_version_has_one_winner),
        ON_SERVER(an_identifier_has_one_owner_whoever_comes_at_once),
        ON_SERVER(a_claim_names_its_holder_and_only_that_one_releases_it),
        ON_SERVER(once_is_once_until_it_is_forgotten),
        ON_SERVER(a_refresh_keeps_the_newest_time_of_every_check),
        ON_SERVER(a_large_refresh_is_one_write_and_as_many_events_as_it_needs),
        ON_SERVER(a_walk_meets_every_record_of_its_kind),
        ON_SERVER(a_load_meets_everything_once_with_its_refresh),
        ON_SERVER(a_lease_has_one_holder_and_a_growing_fence),
        ON_SERVER(cursor_and_outbox_move_together_and_only_under_the_fence),
        ON_SERVER(a_due_time_is_set_moved_and_cleared),
        ON_SERVER(due_records_come_soonest_first_with_kind_and_id),
        ON_SERVER(a_long_silence_is_recorded_once_however_many_come_back),
        ON_SERVER(a_heartbeat_from_a_clock_far_ahead_does_not_hide_later_silence),
        cmocka_unit_test(the_smallest_acl_is_enough_for_everything),
    };
    signal(SIGPIPE, SIG_IGN); /* as the gateway does: this hiredis writes to sockets that are gone */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
