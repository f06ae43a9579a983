/* A recorded decision is explained by its id, also while it is on its way into the log; one that never comes is not waited for without end. */
#include "gateway/api/admin.h"

#include "posture/decision.h"
#include "tests/support/story.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define ANA "p_aaaaaaaaaaaaaaaaaaaaaaaaaa"
enum { PARTITION = 1, ID_BYTES = 29 };
static const char policy[] =
    "policy: acme\n"
    "sensitivities: [everyday]\n"
    "apps: [{ id: wiki, title: Wiki, sensitivity: everyday }]\n"
    "checks: [{ use: library/firewall, severity: high }]\n";

/* A decision that reaches the log after `late_ms`; negative: never. */
struct late_event { struct story *s; char id[ID_BYTES]; int64_t at_ms; int late_ms; };

static void *write_late(void *context)
{
    const struct late_event *d = context;
    struct store *store = NULL;
    struct err err;
    struct event e = { .id = span_of(d->id), .at_ms = d->at_ms, .type = SPAN_LITERAL("decision.made"), .person = SPAN_LITERAL(ANA), .data = SPAN_LITERAL("{\"app\":\"wiki\",\"outcome\":\"warn\"}") };
    if (d->late_ms < 0)
        return NULL;
    usleep((useconds_t)d->late_ms * 1000);
    assert_int_equal(fake_store_open(d->s->server, &store, &err), OK);
    assert_int_equal(store->ops->append(store, PARTITION, &e, 1, &err), OK);
    store->ops->free(store);
    return NULL;
}

static int explain(struct story *s, const struct late_event *d, const char *wanted)
{
    struct arena arena;
    char query[64];
    struct http_response res = { .status = 200 };
    arena_init(&arena, 64 * 1024, 8 * 1024 * 1024);
    buf_init(&res.body, 1024 * 1024);
    snprintf(query, sizeof query, "decision=%s", d->id);
    struct http_request r = { .arena = &arena, .node = &s->node, .store = s->store, .query = span_of(query), .id = "r1", .now_ms = s->now_ms, .now_s = s->now_ms / 1000 };
    admin_explain(&r, &res);
    assert_non_null(strstr(buf_text(&res.body), wanted));
    buf_done(&res.body);
    arena_done(&arena);
    return res.status;
}

static void a_decision_is_found_though_it_is_late_and_not_waited_for_without_end(void **state)
{
    static const struct { const char *name; int64_t made_ms; int late_ms, status; const char *wanted; } rows[] = {
        { "in the log", -60000, 0, 200, "\"outcome\":\"warn\"" },
        { "on its way", -100, 1000, 200, "\"outcome\":\"warn\"" },
        { "of an hour ago, and not recorded", -3600000, -1, 404, "not in the log" },
        { "of a time that has not come", 3600000, -1, 404, "not in the log" },
    };
    static const uint8_t random[DECISION_RANDOM_BYTES] = { 7 };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct story s;
        pthread_t thread;
        print_message("%s\n", rows[i].name);
        story_start(&s, policy);
        story_person(&s, ANA, NULL, "ana@acme.example");
        story_feed(&s);
        struct late_event d = { .s = &s, .at_ms = s.now_ms, .late_ms = rows[i].late_ms };
        decision_new_id(s.now_ms + rows[i].made_ms, PARTITION, random, d.id);
        assert_int_equal(pthread_create(&thread, NULL, write_late, &d), 0);
        if (rows[i].late_ms == 0)
            pthread_join(thread, NULL);
        assert_int_equal(explain(&s, &d, rows[i].wanted), rows[i].status);
        if (rows[i].late_ms != 0)
            pthread_join(thread, NULL);
        story_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_decision_is_found_though_it_is_late_and_not_waited_for_without_end) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
