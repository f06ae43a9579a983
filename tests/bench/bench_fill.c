/* Fills a redis-server that holds nothing yet with a made-up company (population.h), as the store would have written it commit by commit: records in the store's own form, claims, newest refreshes;
 * only much faster, many commands at a time. Or measures one store's commits.
 *   bench_fill fill PORT DEVICES           prints one line of JSON: how many, seconds
 *   bench_fill commits PORT SECONDS DEVICES   changes of devices that are there, one after the other over one connection, with their events
 * The server must have been used by a gateway before: it holds the number of partitions. */
#include "connectors/store/redis_parts.h"
#include "connectors/store/redis_store.h"
#include "posture/base/clock.h"
#include "posture/base/secret.h"
#include "tests/bench/population.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 4000, BODY_BYTES = 64 * 1024, PASSES_OVER = 7919, REFRESHES = 400 };

struct pending { struct arena arena; struct refresh all[REFRESHES]; size_t count; };
struct fill { struct population people; struct redis_store *store; struct buf body, value; size_t queued, commands; struct pending pending[REDIS_PARTITIONS_MOST]; };

static void must(enum err_code code, const struct err *err)
{
    if (code == OK)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

static void drain(struct fill *f)
{
    for (; f->queued > 0; f->queued--) {
        CLEANUP(redis_reply_done) redisReply *reply = NULL;
        struct err err;
        must(redis_answer(f->store->connection, 0, &reply, &err), &err);
        if (reply->type == REDIS_REPLY_ERROR) {
            fprintf(stderr, "redis: %s\n", reply->str);
            exit(1);
        }
    }
}

static void queue(struct fill *f)
{
    struct err err;
    must(redis_queue(f->store->connection, &err), &err);
    f->commands++;
    if (++f->queued >= BATCH)
        drain(f);
}

static void set_record(struct fill *f, enum record_kind kind, struct span id, int64_t version)
{
    struct redis_key key = redis_key_record(f->store->partitions, kind, id);
    struct span packed;
    struct err err;
    must(redis_body_pack(&f->store->body, kind, buf_span(&f->body), &packed, &err), &err);
    buf_clear(&f->value);
    buf_append_i64(&f->value, version);
    buf_append_byte(&f->value, '\n');
    buf_append(&f->value, packed);
    redis_command(f->store->connection, "SET");
    redis_key(f->store->connection, &key);
    redis_word(f->store->connection, buf_span(&f->value));
    queue(f);
}

static void claim(struct fill *f, struct span kind, struct span value, struct span owner)
{
    struct redis_key key = redis_key_claim(f->store->partitions, kind, value);
    redis_command(f->store->connection, "SET");
    redis_key(f->store->connection, &key);
    redis_word(f->store->connection, owner);
    queue(f);
}

static void write_device(struct fill *f, const struct device *d)
{
    struct to_json w;
    buf_clear(&f->body);
    to_json_init(&w, &f->body);
    device_to_json(d, &w);
}

static void fill_device(struct fill *f, size_t n)
{
    struct device *d = population_device(&f->people, n);
    write_device(f, d);
    set_record(f, RECORD_DEVICE, d->id, d->version);
    for (size_t i = 0; i < d->identifier_count; i++)
        claim(f, d->identifiers[i].kind, d->identifiers[i].value, d->id);
    device_free(d);
}

/* By the store's own function; the events that it writes on the way are taken out of the log again. */
static void flush_refreshes(struct fill *f, unsigned partition)
{
    struct pending *p = &f->pending[partition];
    struct redis_key log = REDIS_LOG(f->store, partition);
    struct err err;
    drain(f);
    must(f->store->store.ops->refresh(&f->store->store, partition, p->all, p->count, clock_wall_ms(clock_system()), &err), &err);
    redis_command(f->store->connection, "XTRIM");
    redis_key(f->store->connection, &log);
    redis_text(f->store->connection, "MAXLEN");
    redis_number(f->store->connection, 0);
    queue(f);
    arena_reset(&p->arena);
    p->count = 0;
}

static void refresh_device(struct fill *f, size_t n)
{
    char id[POPULATION_ID_BYTES];
    population_device_id(n, id);
    unsigned partition = redis_key_partition(f->store->partitions, RECORD_DEVICE, span_of(id));
    struct pending *p = &f->pending[partition];
    buf_clear(&f->value);
    population_times(&f->people, n, &f->value);
    p->all[p->count++] = (struct refresh){ arena_copy_text(&p->arena, id), f->people.now_s, arena_copy(&p->arena, buf_span(&f->value)) };
    if (p->count == REFRESHES)
        flush_refreshes(f, partition);
}

static void fill_person(struct fill *f, size_t n)
{
    struct person *p = population_person(&f->people, n);
    struct to_json w;
    buf_clear(&f->body);
    to_json_init(&w, &f->body);
    person_to_json(p, &w);
    set_record(f, RECORD_PERSON, p->id, p->version);
    for (size_t i = 0; i < p->email_count; i++)
        claim(f, SPAN_LITERAL("email"), p->emails[i], p->id);
    person_free(p);
}

static void fill(struct fill *f)
{
    int64_t begun_ms = clock_mono_ms(clock_system());
    for (size_t i = 0; i < f->people.persons; i++)
        fill_person(f, i);
    for (size_t i = 0; i < f->people.devices; i++)
        fill_device(f, i);
    for (size_t i = 0; i < f->people.devices; i++)
        refresh_device(f, i);
    for (unsigned i = 0; i < f->store->partitions; i++)
        if (f->pending[i].count > 0)
            flush_refreshes(f, i);
    drain(f);
    printf("{\"devices\": %zu, \"persons\": %zu, \"commands\": %zu, \"seconds\": %.1f}\n", f->people.devices, f->people.persons, f->commands, (double)(clock_mono_ms(clock_system()) - begun_ms) / 1000);
}

/* One change as the gateway makes it: read, edit, commit under the version that was read. */
static void change_one(struct fill *f, size_t n)
{
    struct store *store = &f->store->store;
    struct err err;
    char id[POPULATION_ID_BYTES], event_id[SECRET_ID_BYTES + 1];
    struct device *d = NULL;
    int64_t version = 0;
    population_device_id(n, id);
    buf_clear(&f->body);
    must(store->ops->get(store, RECORD_DEVICE, span_of(id), &f->body, &version, &err), &err);
    must(device_from_json(buf_span(&f->body), version, true, &d, &err), &err);
    d->rung_s++;
    write_device(f, d);
    secret_new_id('e', event_id);
    struct event e = { .id = span_of(event_id), .at_ms = clock_wall_ms(clock_system()), .type = SPAN_LITERAL("rung.changed"), .device = d->id, .person = d->owner };
    struct commit commit = { .kind = RECORD_DEVICE, .id = d->id, .expected_version = version, .body = buf_span(&f->body), .events = &e, .event_count = 1 };
    must(store->ops->commit(store, &commit, &version, &err), &err);
    device_free(d);
}

static void commits(struct fill *f, double seconds)
{
    int64_t begun_ms = clock_mono_ms(clock_system()), now_ms = begun_ms;
    size_t count = 0;
    for (; (double)(now_ms - begun_ms) < seconds * 1000; now_ms = clock_mono_ms(clock_system()))
        change_one(f, count++ * PASSES_OVER % f->people.devices);
    printf("{\"commits\": %zu, \"per_s\": %.0f}\n", count, (double)count * 1000 / (double)(now_ms - begun_ms));
}

int main(int argc, char **argv)
{
    static struct fill f; /* large */
    struct store *store = NULL;
    struct err err;
    char address[64];
    if (argc < 4) {
        fprintf(stderr, "usage: bench_fill fill PORT DEVICES | bench_fill commits PORT SECONDS DEVICES\n");
        return 2;
    }
    snprintf(address, sizeof address, "redis://127.0.0.1:%s/0", argv[2]);
    struct redis_options options = redis_options_default();
    must(redis_options_from_url(span_of(address), &options, &err), &err);
    must(redis_store_open(&options, &store, &err), &err);
    f.store = redis_store_of(store);
    f.people = population_of(strtoul(argv[argc - 1], NULL, 10), clock_wall_s(clock_system()));
    for (unsigned i = 0; i < f.store->partitions; i++)
        arena_init(&f.pending[i].arena, BODY_BYTES, 64 * 1024 * 1024);
    buf_init(&f.body, BODY_BYTES);
    buf_init(&f.value, BODY_BYTES);
    if (strcmp(argv[1], "fill") == 0)
        fill(&f);
    else
        commits(&f, strtod(argv[3], NULL));
    store->ops->free(store);
    return 0;
}
