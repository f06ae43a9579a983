/* What a device takes in the directory and what it costs to find one: a made-up company (population.h) put in as the feed does it, record by record. One line of JSON.
 *   bench_directory [DEVICES [CHURN_SECONDS]]     defaults: 1000000 0
 * device_bytes: what malloc has handed out for devices and their indexes, by their number; resident_bytes: what the process has grown by, by their number, persons included.
 * Churn: every device changes again and again for so long; grown_percent is what resident memory grew by between the first whole round and the end; ends with 1 when that is more than five.
 *   cmake --preset release && cmake --build build/release --target bench_directory */
#include "posture/base/clock.h"
#include "posture/directory.h"
#include "tests/bench/population.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BODY_BYTES = 64 * 1024, LOOKUPS = 1000000, GROWN_MOST_PERCENT = 5 };

struct bench { struct population people; struct directory *directory; struct buf body; };

static void must(enum err_code code, const struct err *err)
{
    if (code == OK)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

/* Of this thread on a CPU: other work on the machine does not count. */
static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t resident_bytes(void)
{
    size_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%*u %zu", &pages) != 1)
        exit(1);
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static size_t handed_out_bytes(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

/* As the log brings it: a record's body. */
static void put_device(struct bench *b, struct device *d)
{
    struct to_json w;
    struct err err;
    buf_clear(&b->body);
    to_json_init(&w, &b->body);
    device_to_json(d, &w);
    struct log_entry entry = { .record = { RECORD_DEVICE, d->id, d->version, buf_span(&b->body) } };
    must(directory_apply(b->directory, &entry, &err), &err);
    device_free(d);
}

static void put_person(struct bench *b, struct person *p)
{
    struct to_json w;
    struct err err;
    buf_clear(&b->body);
    to_json_init(&w, &b->body);
    person_to_json(p, &w);
    struct log_entry entry = { .record = { RECORD_PERSON, p->id, p->version, buf_span(&b->body) } };
    must(directory_apply(b->directory, &entry, &err), &err);
    person_free(p);
}

struct key { char text[65]; };
enum look { BY_ID, BY_SERIAL, BY_CERTIFICATE, BY_EMAIL, OF_PERSON, LOOKS };
static const char *const look_names[LOOKS] = { "id", "serial", "certificate", "email", "devices_of_person" };

static void make_key(const struct bench *b, enum look look, size_t n, struct key *key)
{
    switch (look) {
    case BY_ID: population_device_id(n, key->text); break;
    case BY_SERIAL: population_serial(n, key->text); break;
    case BY_CERTIFICATE: population_certificate(n & ~(size_t)1, key->text); break;
    case BY_EMAIL: population_email(n % b->people.persons, key->text); break;
    case OF_PERSON:
    case LOOKS: population_person_id(population_owner(&b->people, n), key->text);
    }
}

static bool look_up(const struct bench *b, enum look look, const struct key *key)
{
    const struct device *found[4];
    struct span text = span_of(key->text);
    switch (look) {
    case BY_ID: return directory_device(b->directory, text) != NULL;
    case BY_SERIAL: return directory_device_by(b->directory, SPAN_LITERAL("serial"), text) != NULL;
    case BY_CERTIFICATE: return directory_device_by(b->directory, SPAN_LITERAL("certificate"), text) != NULL;
    case BY_EMAIL: return directory_person_by(b->directory, text) != NULL;
    case OF_PERSON:
    case LOOKS: break;
    }
    return directory_devices_of(b->directory, text, found, 4) > 0;
}

/* As a decision reads. */
static double lookup_ns(const struct bench *b, enum look look)
{
    struct key *keys = calloc(LOOKUPS, sizeof *keys);
    if (keys == NULL)
        exit(1);
    for (size_t i = 0; i < LOOKUPS; i++)
        make_key(b, look, (i * 7919) % b->people.devices, &keys[i]);
    double begun = now_s();
    size_t found = 0;
    for (size_t i = 0; i < LOOKUPS; i++) {
        directory_enter_standing(b->directory);
        found += look_up(b, look, &keys[i]);
        directory_leave_standing(b->directory);
    }
    double took = now_s() - begun;
    free(keys);
    if (found != LOOKUPS) {
        fprintf(stderr, "by %s: %zu of %d were found\n", look_names[look], found, LOOKUPS);
        exit(1);
    }
    return took * 1e9 / LOOKUPS;
}

/* A verdict that changes, a new version of the system, a refresh: what happens to a device. */
static void change(struct bench *b, size_t n, int64_t round)
{
    struct device *d = population_device(&b->people, (size_t)n);
    struct result *results = (struct result *)(uintptr_t)d->results;
    char version[32];
    d->version += round * 100;
    d->seen_s += round * 700;
    snprintf(version, sizeof version, "27.%lld.%zu", (long long)round % 50, n % 3);
    d->os_version = arena_copy_text(&d->arena, version);
    size_t which = (n + (size_t)round) % POPULATION_RESULTS;
    if ((n + (size_t)round) % 3 == 0) {
        results[which].verdict = VERDICT_FAIL;
        results[which].first_failed_s = results[which].visible_s = d->seen_s;
        results[which].saw = SPAN_LITERAL("It was switched off between two reads, by somebody who may do so.");
    }
    put_device(b, d);
}

static double churn(struct bench *b, double seconds, size_t *changes)
{
    double end = now_s() + seconds;
    size_t first = 0;
    int64_t round = 1;
    for (; now_s() < end || first == 0; round++) {
        for (size_t i = 0; i < b->people.devices; i++)
            change(b, (i * 7919) % b->people.devices, round);
        *changes += b->people.devices;
        first = first == 0 ? resident_bytes() : first;
    }
    return 100.0 * ((double)resident_bytes() - (double)first) / (double)first;
}

int main(int argc, char **argv)
{
    struct bench b = { .people = population_of(argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000, clock_wall_s(clock_system())) };
    double churn_s = argc > 2 ? strtod(argv[2], NULL) : 0;
    struct calendar *calendar = calendar_new("/usr/share/zoneinfo");
    directory_register_thread();
    buf_init(&b.body, BODY_BYTES);
    b.directory = directory_new(clock_system(), calendar);
    if (calendar == NULL || b.directory == NULL)
        return 1;
    size_t before = resident_bytes(), handed_before = handed_out_bytes();
    for (size_t i = 0; i < b.people.persons; i++)
        put_person(&b, population_person(&b.people, i));
    size_t persons = handed_out_bytes() - handed_before, resident_persons = resident_bytes() - before;
    double begun = now_s();
    for (size_t i = 0; i < b.people.devices; i++)
        put_device(&b, population_device(&b.people, i));
    double took = now_s() - begun;
    usleep(200000); /* what was replaced is freed by liburcu's own thread */
    double each = (double)b.people.devices;
    printf("{\"devices\": %zu, \"persons\": %zu, \"results\": %d, \"device_bytes\": %.0f, \"counted_bytes\": %.0f, \"person_bytes\": %.0f, \"resident_bytes\": %.0f, \"resident_device_bytes\": %.0f, \"put_us\": %.2f, \"lookup_ns\": {",
           b.people.devices, b.people.persons, POPULATION_RESULTS, (double)(handed_out_bytes() - handed_before - persons) / each, (double)directory_device_bytes(b.directory) / each,
           (double)persons / (double)b.people.persons, (double)(resident_bytes() - before) / each, (double)(resident_bytes() - before - resident_persons) / each, took * 1e6 / each);
    for (int look = 0; look < LOOKS; look++)
        printf("%s\"%s\": %.0f", look > 0 ? ", " : "", look_names[look], lookup_ns(&b, (enum look)look));
    printf("}");
    size_t changes = 0;
    double grown = 0;
    if (churn_s > 0) {
        grown = churn(&b, churn_s, &changes);
        printf(", \"churn\": {\"changes\": %zu, \"grown_percent\": %.2f}", changes, grown);
    }
    printf("}\n");
    fflush(stdout);
    _exit(grown > GROWN_MOST_PERCENT ? 1 : 0); /* a million records are not worth freeing one by one */
}
