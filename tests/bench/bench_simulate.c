/* What `postern simulate` costs: a made-up company in a directory, and the gateway's own run over it. Prints what it ran on.
 *   bench_simulate [DEVICES [DAYS [FAILING_PER_CENT]]]     defaults: 1000000 30 20
 * Every person has 1 or 2 devices, every device a result of each check of the sample policy; the failing ones fail one or two checks since up to ten days, and were on for eight to ten
 * hours on each of the last working days. Build it with:
 *   cmake --preset release -DPOSTERN_TESTS=ON && cmake --build build/release --target bench_simulate */
#include "gateway/simulations.h"
#include "posture/base/from_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { DAY_S = 86400, HOUR_S = 3600 };

struct company {
    struct node node;
    struct calendar *calendar;
    struct policy *policy;
    int64_t now_s;
    uint64_t random;
    size_t devices, persons, failing;
};

/* xorshift64*: the same company each time. */
static uint64_t next(struct company *c)
{
    c->random ^= c->random >> 12;
    c->random ^= c->random << 25;
    c->random ^= c->random >> 27;
    return c->random * UINT64_C(2685821657736338717);
}
static unsigned below(struct company *c, unsigned most) { return (unsigned)(next(c) % most); }

static void must(enum err_code code, const struct err *err)
{
    if (code == OK)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

static void add_device(struct company *c, const char *owner, bool failing)
{
    struct device *d = device_new();
    struct err err;
    char id[40], name[40];
    if (d == NULL)
        exit(1);
    snprintf(id, sizeof id, "d_%026zu", c->devices++);
    snprintf(name, sizeof name, "laptop-%zu", c->devices);
    struct result *results = arena_array(&d->arena, c->policy->check_count, sizeof *results);
    struct interval *on = failing ? arena_array(&d->arena, 8, sizeof *on) : NULL;
    d->id = arena_copy_text(&d->arena, id);
    d->name = arena_copy_text(&d->arena, name);
    d->owner = arena_copy_text(&d->arena, owner);
    d->version = 1;
    d->platform = PLATFORM_MACOS;
    d->enrolled_s = c->now_s - 400 * DAY_S;
    d->seen_s = c->now_s - (int64_t)below(c, 2 * HOUR_S);
    unsigned first = below(c, (unsigned)c->policy->check_count), also = below(c, 3) == 0 ? below(c, (unsigned)c->policy->check_count) : first;
    for (unsigned i = 0; i < c->policy->check_count; i++) {
        bool fails = failing && (i == first || i == also);
        int64_t since_s = c->now_s - (int64_t)below(c, 10 * DAY_S);
        results[i] = (struct result){ .check = c->policy->checks[i].id, .verdict = fails ? VERDICT_FAIL : VERDICT_PASS, .evaluated_s = c->now_s - below(c, HOUR_S), .changed_s = since_s,
                                      .first_failed_s = fails ? since_s : 0, .visible_s = fails ? since_s : 0, .check_version = c->policy->checks[i].version };
    }
    d->results = results;
    d->result_count = c->policy->check_count;
    for (int i = 7; failing && i > 0; i--) {
        int64_t start_s = c->now_s - i * DAY_S + (int64_t)below(c, 2 * HOUR_S);
        if (i != 2 && i != 3) /* a weekend */
            on[d->on_count++] = (struct interval){ start_s, start_s + (8 + below(c, 3)) * HOUR_S };
    }
    d->on = on;
    c->failing += failing;
    must(directory_put_device(c->node.directory, d, &err), &err);
}

static void add_person(struct company *c, unsigned failing_percent)
{
    static const char *const zones[] = { "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Europe/London", "" };
    struct person *p = person_new();
    struct err err;
    char id[40], mail[64];
    if (p == NULL)
        exit(1);
    snprintf(id, sizeof id, "p_%026zu", c->persons++);
    snprintf(mail, sizeof mail, "person%zu@acme.example", c->persons);
    struct span *emails = arena_array(&p->arena, 1, sizeof *emails);
    emails[0] = arena_copy_text(&p->arena, mail);
    p->id = arena_copy_text(&p->arena, id);
    p->zone = arena_copy_text(&p->arena, zones[below(c, 5)]);
    p->emails = emails;
    p->email_count = 1;
    p->version = 1;
    must(directory_put_person(c->node.directory, p, &err), &err);
    for (unsigned i = 0; i < 1 + below(c, 5) / 3; i++)
        add_device(c, id, below(c, 100) < failing_percent);
}

static void read_policy(struct company *c)
{
    CLEANUP(buf_done) struct buf body;
    struct mistakes mistakes;
    struct to_json w;
    struct err err;
    mistakes_init(&mistakes);
    policy_read(sample_policy(), SPAN_LITERAL("policy"), &mistakes, &c->policy);
    mistakes_done(&mistakes);
    buf_init(&body, 4 * 1024 * 1024);
    to_json_init(&w, &body);
    to_json_object(&w);
    to_json_member_text(&w, "version", span_of(c->policy->version));
    to_json_member_text(&w, "text", c->policy->canonical);
    to_json_end(&w);
    must(directory_put_control(c->node.directory, SPAN_LITERAL("policy"), buf_span(&body), 1, &err), &err);
}

static void show(struct company *c, struct span id, unsigned days)
{
    CLEANUP(buf_done) struct buf text;
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct err err;
    struct span state = SPAN_NONE;
    buf_init(&text, 64 * 1024 * 1024);
    do {
        struct to_json w;
        usleep(50000);
        from_json_freep(&doc);
        buf_clear(&text);
        to_json_init(&w, &text);
        to_json_object(&w);
        must(simulations_write(c->node.simulations, id, &w, &err), &err);
        to_json_end(&w);
        must(from_json_parse(buf_span(&text), (struct from_json_limits){ 64 * 1024 * 1024, 16 }, "answer", &doc, &err), &err);
        struct from_json_value root = from_json_root(doc), value = from_json_member(&root, "state");
        must(from_json_text(&value, 16, &state, &err), &err);
    } while (span_equal_text(state, "running"));
    struct from_json_value root = from_json_root(doc), result = from_json_member(&root, "result"), took = from_json_member(&result, "took_ms"), nudges = from_json_member(&result, "nudges"),
                           threads = from_json_member(&result, "threads"), names = from_json_member(&result, "names_all");
    int64_t took_ms = 0, sent = 0, on = 0, closings = 0;
    struct rusage usage;
    (void)(from_json_int(&took, 0, INT64_MAX, &took_ms, &err) == OK && from_json_int(&nudges, 0, INT64_MAX, &sent, &err) == OK && from_json_int(&threads, 0, 64, &on, &err) == OK &&
           from_json_int(&names, 0, INT64_MAX, &closings, &err) == OK);
    getrusage(RUSAGE_SELF, &usage);
    printf("simulate %u days: %.*s in %lld.%03lld s on %lld threads; messages %lld, closings %lld; largest process %ld MiB\n", days, SPAN_ARGS(state), (long long)took_ms / 1000,
           (long long)took_ms % 1000, (long long)on, (long long)sent, (long long)closings, usage.ru_maxrss / 1024);
}

int main(int argc, char **argv)
{
    struct company c = { .random = UINT64_C(88172645463325252) };
    size_t devices = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    unsigned days = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 30, failing = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 20;
    char id[SIMULATION_ID_BYTES + 1];
    struct err err;
    setvbuf(stdout, NULL, _IOLBF, 0);
    c.now_s = clock_wall_s(clock_system());
    c.calendar = calendar_new("/usr/share/zoneinfo");
    directory_register_thread();
    c.node = (struct node){ .clock = clock_system(), .calendar = c.calendar, .directory = directory_new(clock_system(), c.calendar) };
    read_policy(&c);
    while (c.devices < devices)
        add_person(&c, failing);
    directory_set_complete(c.node.directory, true);
    printf("company: %zu people, %zu devices, %zu of them with something to fix; %zu results each; %ld cores\n", c.persons, c.devices, c.failing, c.policy->check_count, sysconf(_SC_NPROCESSORS_ONLN));
    must(simulations_new(&c.node, &c.node.simulations, &err), &err);
    struct policy *proposed = NULL;
    struct mistakes mistakes;
    mistakes_init(&mistakes);
    policy_read(sample_policy(), SPAN_LITERAL("policy"), &mistakes, &proposed);
    mistakes_done(&mistakes);
    must(simulations_start(c.node.simulations, &(struct simulation_order){ .policy = proposed, .days = days, .names = 1000 }, id, &err), &err);
    show(&c, span_of(id), days);
    simulations_free(c.node.simulations);
    _exit(0); /* a million records are not worth freeing one by one */
}
