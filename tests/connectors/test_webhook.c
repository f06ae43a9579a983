#include "connectors/notify/webhook.h"

#include "tests/support/fake_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define OLDER "fedcba9876543210fedcba9876543210"

static void filters_take_types_and_prefixes(void **state)
{
    static const struct { const char *name, *want, *type; bool wanted; } rows[] = {
        { "exact", "rung.changed", "rung.changed", true },       { "another", "rung.changed", "rung.change", false },
        { "longer", "rung.changed", "rung.changed2", false },    { "prefix", "person.*", "person.healed", true },
        { "prefix, other word", "person.*", "personal.x", false },{ "everything", "*", "device.seen", true },
        { "no filter", NULL, "rung.changed", true },             { "no filter, the most frequent", NULL, "device.seen", false },
        { "empty type", "rung.changed", "", false },             { "case", "rung.changed", "Rung.changed", false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span want = span_of(rows[i].want);
        print_message("%s\n", rows[i].name);
        assert_int_equal(webhook_wants(&want, rows[i].want != NULL, span_of(rows[i].type)), rows[i].wanted);
    }
}

/* The values were computed by Python's hmac: hmac.new(secret, b"1796040000.{}", "sha256"). */
static void signatures_are_the_documented_ones(void **state)
{
    char got[WEBHOOK_SIGNATURE_BYTES];
    (void)state;
    webhook_sign((const struct span[2]){ SPAN_LITERAL(SECRET), SPAN_NONE }, 1796040000, SPAN_LITERAL("{}"), got);
    assert_string_equal(got, "t=1796040000,v1=fa0c85e8b06eb279c384b835a2270297bfd556f99e5f276496663d902dae2f48");
    webhook_sign((const struct span[2]){ SPAN_LITERAL(SECRET), SPAN_LITERAL(OLDER) }, 1796040000, SPAN_LITERAL("{}"), got);
    assert_string_equal(got, "t=1796040000,v1=fa0c85e8b06eb279c384b835a2270297bfd556f99e5f276496663d902dae2f48,v1=cdf3cff53145de2c4ccd418d4aeede903531f944d3de81716ffe75ca91da49d4");
}

static struct webhook *make(const struct fake_peer *peer, struct span secret, struct span older)
{
    static char url[96];
    struct webhook *w = NULL;
    struct err err;
    snprintf(url, sizeof url, "%s/in", peer->base);
    assert_int_equal(webhook_new(&(struct webhook_options){ .id = SPAN_LITERAL("siem"), .url = span_of(url), .secrets = { secret, older }, .allow_private = true }, &w, &err), OK);
    return w;
}

static enum webhook_outcome send_event(struct webhook *w, const char *id)
{
    char body[128];
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"type\":\"rung.changed\"}", id);
    return webhook_send(w, span_of(id), span_of(body), time(NULL)).outcome;
}

static void secrets_roll_without_a_gap(void **state)
{
    struct fake_peer peer;
    (void)state;
    fake_peer_start(&peer, "fake_webhook.py", "--secret", OLDER, NULL);
    struct webhook *before = make(&peer, SPAN_LITERAL(OLDER), SPAN_NONE), *rolling = make(&peer, SPAN_LITERAL(SECRET), SPAN_LITERAL(OLDER)), *after = make(&peer, SPAN_LITERAL(SECRET), SPAN_NONE);
    assert_int_equal(send_event(before, "e_1"), WEBHOOK_DONE);
    assert_int_equal(send_event(rolling, "e_2"), WEBHOOK_DONE); /* the receiver still knows the older one only */
    assert_int_equal(send_event(after, "e_3"), WEBHOOK_LATER);
    fake_peer_post(&peer, "/control/secrets", "[\"" SECRET "\"]");
    assert_int_equal(send_event(rolling, "e_4"), WEBHOOK_DONE);
    assert_int_equal(send_event(after, "e_5"), WEBHOOK_DONE);
    assert_int_equal(send_event(before, "e_6"), WEBHOOK_LATER);
    assert_int_equal(fake_peer_count(&peer, "/control/events", NULL), 4);
    webhook_free(before);
    webhook_free(rolling);
    webhook_free(after);
    fake_peer_stop(&peer);
}

static void answers_say_what_to_do(void **state)
{
    static const struct { const char *name, *fault; enum webhook_outcome outcome; bool away; int64_t retry_after_s; } rows[] = {
        { "taken", "[]", WEBHOOK_DONE, false, -1 },
        { "bad request", "[{\"kind\":\"400\"}]", WEBHOOK_LATER, false, -1 },
        { "gone", "[{\"kind\":\"410\"}]", WEBHOOK_GONE, true, -1 },
        { "slow down", "[{\"kind\":\"429\",\"retry_after\":9}]", WEBHOOK_LATER, true, 9 },
        { "ill", "[{\"kind\":\"500\"}]", WEBHOOK_LATER, false, -1 },
        { "away", "[{\"kind\":\"503\"}]", WEBHOOK_LATER, true, -1 },
        { "moved", "[{\"kind\":\"redirect\"}]", WEBHOOK_LATER, false, -1 },
        { "reset", "[{\"kind\":\"reset\",\"times\":2}]", WEBHOOK_LATER, true, -1 },
        { "endless", "[{\"kind\":\"big\"}]", WEBHOOK_LATER, false, -1 },
    };
    struct fake_peer peer;
    (void)state;
    fake_peer_start(&peer, "fake_webhook.py", "--secret", SECRET, NULL);
    struct webhook *w = make(&peer, SPAN_LITERAL(SECRET), SPAN_NONE);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].name);
        fake_peer_post(&peer, "/control/faults", rows[i].fault);
        struct webhook_result r = webhook_send(w, SPAN_LITERAL("e_1"), SPAN_LITERAL("{\"id\":\"e_1\"}"), time(NULL));
        assert_int_equal(r.outcome, rows[i].outcome);
        assert_int_equal(r.away, rows[i].away);
        assert_int_equal(r.retry_after_s, rows[i].retry_after_s);
        assert_int_equal(strlen(r.error) > 0, rows[i].outcome != WEBHOOK_DONE);
    }
    webhook_free(w);
    fake_peer_stop(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_take_types_and_prefixes),
        cmocka_unit_test(signatures_are_the_documented_ones),
        cmocka_unit_test(secrets_roll_without_a_gap),
        cmocka_unit_test(answers_say_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
