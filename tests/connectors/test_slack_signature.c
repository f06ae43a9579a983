#include "connectors/notify/slack_signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* The worked example of Slack's page on verifying requests. Its secret is no hex text, which shows that it is used as it is written. */
#define DOC_SECRET "8f742231b10e8888abcd99yyyzzz85a5"
#define DOC_TIME "1531420618"
#define DOC_SIGNATURE "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
static const char doc_body[] = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
                               "&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
                               "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
enum { DOC_S = 1531420618 };

static enum slack_proof prove(const char *time, const char *signature, const char *body, const char *first, const char *second, int64_t now_s)
{
    const struct slack_signed what = { span_of(time), span_of(signature), span_of(body) };
    const struct span secrets[SLACK_SECRETS] = { span_of(first), span_of(second) };
    return slack_prove(&what, secrets, now_s);
}

static void a_request_is_judged_by_time_and_signature(void **state)
{
    static const struct { const char *name, *time, *signature, *first, *second; int64_t now_s; enum slack_proof proof; } rows[] = {
        { "Slack's own example", DOC_TIME, DOC_SIGNATURE, DOC_SECRET, "", DOC_S, SLACK_GENUINE },
        { "300 s later", DOC_TIME, DOC_SIGNATURE, DOC_SECRET, "", DOC_S + 300, SLACK_GENUINE },
        { "301 s later", DOC_TIME, DOC_SIGNATURE, DOC_SECRET, "", DOC_S + 301, SLACK_STALE },
        { "300 s ahead", DOC_TIME, DOC_SIGNATURE, DOC_SECRET, "", DOC_S - 300, SLACK_GENUINE },
        { "301 s ahead", DOC_TIME, DOC_SIGNATURE, DOC_SECRET, "", DOC_S - 301, SLACK_STALE },
        { "with the old secret", DOC_TIME, DOC_SIGNATURE, "another", DOC_SECRET, DOC_S, SLACK_GENUINE },
        { "with the new of two", DOC_TIME, DOC_SIGNATURE, DOC_SECRET, "another", DOC_S, SLACK_GENUINE },
        { "with neither", DOC_TIME, DOC_SIGNATURE, "another", "a third", DOC_S, SLACK_FORGED },
        { "no secret", DOC_TIME, DOC_SIGNATURE, "", "", DOC_S, SLACK_FORGED },
        { "no time", "", DOC_SIGNATURE, DOC_SECRET, "", DOC_S, SLACK_UNSIGNED },
        { "no signature", DOC_TIME, "", DOC_SECRET, "", DOC_S, SLACK_UNSIGNED },
        { "a time with a sign", "+1531420618", DOC_SIGNATURE, DOC_SECRET, "", DOC_S, SLACK_UNSIGNED },
        { "a negative time", "-1531420618", DOC_SIGNATURE, DOC_SECRET, "", DOC_S, SLACK_UNSIGNED },
        { "a time with a space", "1531420618 ", DOC_SIGNATURE, DOC_SECRET, "", DOC_S, SLACK_UNSIGNED },
        { "a fraction", "1531420618.0", DOC_SIGNATURE, DOC_SECRET, "", DOC_S, SLACK_UNSIGNED },
        { "hex", "0x5b47a1ca", DOC_SIGNATURE, DOC_SECRET, "", DOC_S, SLACK_UNSIGNED },
        { "twelve digits, far away", "999999999999", DOC_SIGNATURE, DOC_SECRET, "", DOC_S, SLACK_STALE },
        { "thirteen digits", "1531420618000", DOC_SIGNATURE, DOC_SECRET, "", DOC_S, SLACK_UNSIGNED },
        { "leading zeros are another text", "001531420618", DOC_SIGNATURE, DOC_SECRET, "", DOC_S, SLACK_FORGED },
        { "another version", DOC_TIME, "v1=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503", DOC_SECRET, "", DOC_S, SLACK_UNSIGNED },
        { "capital digits", DOC_TIME, "v0=A2114D57B48EAC39B9AD189DD8316235A7B4A8D21A10BD27519666489C69B503", DOC_SECRET, "", DOC_S, SLACK_UNSIGNED },
        { "one digit short", DOC_TIME, "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b50", DOC_SECRET, "", DOC_S, SLACK_UNSIGNED },
        { "one digit over", DOC_TIME, DOC_SIGNATURE "0", DOC_SECRET, "", DOC_S, SLACK_UNSIGNED },
        { "the last digit differs", DOC_TIME, "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b504", DOC_SECRET, "", DOC_S, SLACK_FORGED },
        { "no hex", DOC_TIME, "v0=zzzz4d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503", DOC_SECRET, "", DOC_S, SLACK_UNSIGNED },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].name);
        assert_int_equal(prove(rows[i].time, rows[i].signature, doc_body, rows[i].first, rows[i].second, rows[i].now_s), rows[i].proof);
    }
}

static void one_byte_of_the_body_changes_it(void **state)
{
    char body[sizeof doc_body];
    (void)state;
    for (size_t i = 0; i + 1 < sizeof doc_body; i += 17) {
        memcpy(body, doc_body, sizeof body);
        body[i] ^= 1;
        assert_int_equal(prove(DOC_TIME, DOC_SIGNATURE, body, DOC_SECRET, "", DOC_S), SLACK_FORGED);
    }
    assert_int_equal(prove(DOC_TIME, DOC_SIGNATURE, "", DOC_SECRET, "", DOC_S), SLACK_FORGED);
}

static void the_largest_body_can_be_signed_and_no_larger(void **state)
{
    struct buf out;
    char *body = malloc(SLACK_BODY_BYTES + 100);
    (void)state;
    assert_non_null(body);
    memset(body, 'a', SLACK_BODY_BYTES + 100);
    buf_init(&out, 1024);
    assert_true(slack_sign(SPAN_LITERAL("s"), SPAN_LITERAL("1"), span_make(body, SLACK_BODY_BYTES), &out));
    assert_int_equal(out.bytes, SLACK_SIGNATURE_BYTES);
    assert_false(slack_sign(SPAN_LITERAL("s"), SPAN_LITERAL("1"), span_make(body, SLACK_BODY_BYTES + 100), &out));
    buf_done(&out);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_judged_by_time_and_signature),
        cmocka_unit_test(one_byte_of_the_body_changes_it),
        cmocka_unit_test(the_largest_body_can_be_signed_and_no_larger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
