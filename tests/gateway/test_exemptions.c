/* Exemptions: who may ask, who decides, on the stored record and on pages. */
#include "gateway/exemptions.h"
#include "gateway/valves.h"

#include "tests/support/pages_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define CARA "p_cccccccccccccccccccccccccc"
#define BY_ANA "person:" ANA
#define BY_BEN "person:" BEN
#define BY_CARA "person:" CARA

enum { DAY_S = 86400 };

/* Ana owns dover and may ask, Ben may decide, Cara may neither. Payroll is closed on dover. */
static void start(struct story *s)
{
    pages_start(s);
    story_person(s, CARA, NULL, "cara@acme.example");
    pages_fail_for(s, 200);
}

static enum err_code ask(struct story *s, struct exemption_request q, struct valve_result *out)
{
    struct err err;
    enum err_code code = valve_exemption_ask(&s->node, s->store, &q, out, &err);
    story_feed(s);
    return code;
}

static struct exemption_request dover_request(void)
{
    return (struct exemption_request){ .scope = EXEMPT_DEVICE, .subject = SPAN_LITERAL(DOVER), .check = SPAN_LITERAL("firewall"), .reason = SPAN_LITERAL("the lab network"), .by = SPAN_LITERAL(BY_ANA) };
}

static void ask_for_dover(struct story *s, char id[32])
{
    struct valve_result out;
    assert_int_equal(ask(s, dover_request(), &out), OK);
    assert_int_equal(out.said, VALVE_DONE);
    memcpy(id, out.id, sizeof out.id);
}

static enum err_code decide(struct story *s, const char *id, enum exemption_move move, const char *by, int64_t end_s, enum valve_said *said)
{
    struct exemption_decision d = { .id = span_of(id), .move = move, .by = span_of(by), .end_s = end_s, .text = SPAN_LITERAL("so be it") };
    struct valve_result out;
    struct err err;
    enum err_code code = valve_exemption_decide(&s->node, s->store, &d, &out, &err);
    *said = out.said;
    story_feed(s);
    return code;
}

static void deciding_is_judged_on_the_stored_record(void **state)
{
    static const struct { const char *name, *id, *by; enum exemption_move move; int64_t end_days; enum err_code code; enum valve_said said; } rows[] = {
        { "an id that is not there", "e_x", BY_BEN, EXEMPTION_APPROVE, 0, ERR_NOT_FOUND, VALVE_DONE },
        { "their own", NULL, BY_ANA, EXEMPTION_APPROVE, 0, ERR_DENIED, VALVE_DONE },
        { "their own, to be refused", NULL, BY_ANA, EXEMPTION_REFUSE, 0, ERR_DENIED, VALVE_DONE },
        { "not named by the policy", NULL, BY_CARA, EXEMPTION_APPROVE, 0, ERR_DENIED, VALVE_DONE },
        { "not named by the policy, to refuse", NULL, BY_CARA, EXEMPTION_REFUSE, 0, ERR_DENIED, VALVE_DONE },
        { "nobody that we know", NULL, "person:p_x", EXEMPTION_APPROVE, 0, ERR_DENIED, VALVE_DONE },
        { "later than was asked for", NULL, BY_BEN, EXEMPTION_APPROVE, 31, ERR_INPUT, VALVE_DONE },
        { "an end that is past", NULL, BY_BEN, EXEMPTION_APPROVE, -1, ERR_INPUT, VALVE_DONE },
        { "earlier than was asked for", NULL, BY_BEN, EXEMPTION_APPROVE, 10, OK, VALVE_DONE },
        { "the same again", NULL, BY_BEN, EXEMPTION_APPROVE, 0, OK, VALVE_AGAIN },
        { "again, by somebody who may not", NULL, BY_CARA, EXEMPTION_APPROVE, 0, ERR_DENIED, VALVE_DONE },
        { "refused after it was approved", NULL, BY_BEN, EXEMPTION_REFUSE, 0, ERR_CONFLICT, VALVE_DONE },
        { "ended by the requester", NULL, BY_ANA, EXEMPTION_END, 0, ERR_DENIED, VALVE_DONE },
        { "ended by one who decides", NULL, BY_BEN, EXEMPTION_END, 0, OK, VALVE_DONE },
        { "approved after its end", NULL, BY_BEN, EXEMPTION_APPROVE, 0, ERR_CONFLICT, VALVE_DONE },
    };
    struct story s;
    char id[32];
    (void)state;
    start(&s);
    ask_for_dover(&s, id);
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum valve_said said = VALVE_DONE;
        int64_t end_s = rows[i].end_days == 0 ? 0 : s.now_ms / 1000 + rows[i].end_days * DAY_S;
        enum err_code code = decide(&s, rows[i].id != NULL ? rows[i].id : id, rows[i].move, rows[i].by, end_s, &said);
        if (code != rows[i].code || (code == OK && said != rows[i].said))
            fail_msg("%s: %d, wanted %d; said %d", rows[i].name, code, rows[i].code, said);
    }
    assert_int_equal(story_events(&s, "exemption.approved"), 1);
    assert_int_equal(story_events(&s, "exemption.refused"), 0);
    assert_int_equal(story_events(&s, "exemption.ended"), 1);
    pages_end(&s);
}

static void people_ask_for_what_is_theirs(void **state)
{
    static const struct { const char *name; enum exemption_scope scope; const char *subject, *check, *by, *requester; enum err_code code; } rows[] = {
        { "a device of somebody else", EXEMPT_DEVICE, DOVER, "firewall", BY_CARA, NULL, ERR_INPUT },
        { "the same, through Slack", EXEMPT_DEVICE, DOVER, "firewall", "slack:U0CARA", BY_CARA, ERR_INPUT },
        { "through Slack, by nobody", EXEMPT_DEVICE, DOVER, "firewall", "slack:U0X", NULL, ERR_INPUT },
        { "somebody else", EXEMPT_PERSON, ANA, "firewall", BY_CARA, NULL, ERR_INPUT },
        { "a whole group", EXEMPT_GROUP, "everyone", "firewall", BY_ANA, NULL, ERR_INPUT },
        { "a check of which there are none", EXEMPT_DEVICE, DOVER, "keys", BY_ANA, NULL, ERR_DENIED },
        { "the same, by an admin", EXEMPT_DEVICE, DOVER, "keys", "admin:x", NULL, ERR_DENIED },
        { "their own device, through Slack", EXEMPT_DEVICE, DOVER, "firewall", "slack:U0ANA", BY_ANA, OK },
        { "all of theirs", EXEMPT_PERSON, ANA, "firewall", BY_ANA, NULL, OK },
        { "anybody's, by an admin", EXEMPT_GROUP, "lab", "firewall", "admin:x", NULL, OK },
    };
    struct story s;
    (void)state;
    start(&s);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct exemption_request q = { .scope = rows[i].scope, .subject = span_of(rows[i].subject), .check = span_of(rows[i].check), .reason = SPAN_LITERAL("x"), .by = span_of(rows[i].by),
                                       .requester = rows[i].requester != NULL ? span_of(rows[i].requester) : SPAN_NONE };
        struct valve_result out;
        enum err_code code = ask(&s, q, &out);
        if (code != rows[i].code)
            fail_msg("%s: %d, wanted %d", rows[i].name, code, rows[i].code);
    }
    pages_end(&s);
}

static void nobody_decides_what_is_about_themselves(void **state)
{
    struct story s;
    struct valve_result out;
    enum valve_said said;
    (void)state;
    start(&s);
    struct exemption_request q = { .scope = EXEMPT_PERSON, .subject = SPAN_LITERAL(BEN), .check = SPAN_LITERAL("firewall"), .reason = SPAN_LITERAL("x"), .by = SPAN_LITERAL("admin:x") };
    assert_int_equal(ask(&s, q, &out), OK);
    assert_int_equal(decide(&s, out.id, EXEMPTION_APPROVE, BY_BEN, 0, &said), ERR_DENIED);
    assert_int_equal(decide(&s, out.id, EXEMPTION_APPROVE, "admin:x", 0, &said), ERR_DENIED);
    assert_int_equal(decide(&s, out.id, EXEMPTION_APPROVE, "admin:y", 0, &said), OK);
    pages_end(&s);
}

static void what_nobody_decided_lapses(void **state)
{
    struct story s;
    struct err err;
    char id[32];
    (void)state;
    start(&s);
    ask_for_dover(&s, id);
    s.now_ms += 31 * DAY_S * INT64_C(1000);
    directory_heard(s.node.directory);
    assert_int_equal(valve_exemptions_tend(&s.node, s.store, &err), OK);
    assert_int_equal(story_events(&s, "exemption.refused"), 1);
    assert_int_equal(valve_exemptions_tend(&s.node, s.store, &err), OK);
    story_feed(&s);
    directory_enter(s.node.directory);
    const struct exemption *e = exemption_by_id(directory_control(s.node.directory)->exemptions, span_of(id));
    assert_int_equal(e->state, EXEMPTION_REFUSED);
    assert_false(exemption_holds(e, e->start_s + 1));
    directory_leave(s.node.directory);
    pages_end(&s);
}

/* ---- pages ---- */

static void post(struct story *s, const char *path, const char *action, const char *form, const char *said)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "?said=%s", said);
    pages_post(s, pages_under(path, action), form);
    if (strstr(pages_last.location, wanted) == NULL)
        fail_msg("%s %s: %s, wanted %s", action, form, pages_last.location, said);
}

static void a_page_asks_and_another_decides(void **state)
{
    static const struct { const char *action, *form, *said; } asking[] = {
        { "exempt", "check=firewall&text=+", "words" },
        { "exempt", "check=moon&text=lab", "words" },
        { "exempt", "check=keys&text=lab", "not_here" },
        { "exempt", "check=firewall&text=lab&until=tomorrow", "until" },
        { "exempt", "check=firewall&text=lab&until=2026-02-30", "until" },
        { "exempt", "check=firewall&text=lab&until=2026-11-29", "until" },
        { "exempt", "check=firewall&text=lab&until=2028-01-01", "until" },
        { "exempt", "check=firewall&text=the+%3Clab%3E+network&until=2026-12-20&measure=It+stands+behind+a+router.", "exempt_asked" },
        { "exempt", "check=firewall&text=again", "exempt_before" },
    };
    struct story s;
    char ana[LINK_URL_BYTES], ben[LINK_URL_BYTES], cara[LINK_URL_BYTES], form[256];
    (void)state;
    start(&s);
    pages_get(&s, pages_me_path(&s, ANA, ana), NULL);
    pages_say("Ask for an exemption");
    pages_say("What do you do instead?");
    pages_do_not_say("Waiting for your decision");
    for (size_t i = 0; i < COUNT(asking); i++) {
        snprintf(form, sizeof form, "device=" DOVER "&%s", asking[i].form);
        post(&s, ana, asking[i].action, form, asking[i].said);
        story_feed(&s);
    }
    pages_get(&s, ana, NULL);
    pages_say("You asked for an exemption");
    directory_enter(s.node.directory);
    char id[64];
    snprintf(id, sizeof id, "%.*s", SPAN_ARGS(directory_control(s.node.directory)->exemptions.all[0].id));
    directory_leave(s.node.directory);

    pages_get(&s, pages_me_path(&s, CARA, cara), NULL);
    pages_do_not_say("Waiting for your decision");
    pages_get(&s, pages_me_path(&s, BEN, ben), NULL);
    pages_say("Waiting for your decision");
    pages_say("ana@acme.example");
    pages_say("the &lt;lab&gt; network");
    pages_say("It stands behind a router.");
    pages_say("value=\"2026-12-20\"");
    struct { const char *path, *action, *form, *said; } deciding[] = {
        { cara, "approve", "", "not_yours" },          { cara, "decline", "&text=no", "not_yours" },      { ana, "approve", "", "not_yours" },
        { ben, "decline", "&text=+", "words" },        { ben, "approve", "&until=2026-12-21", "until" },  { ben, "approve", "&until=2026-11-29", "until" },
        { ben, "approve", "&until=x", "until" },       { ben, "approve", "&until=2026-12-10&text=Fine.", "approved" },
        { ben, "approve", "", "approved" },            { ben, "decline", "&text=no", "decided" },
    };
    for (size_t i = 0; i < COUNT(deciding); i++) {
        snprintf(form, sizeof form, "exemption=%s%s", id, deciding[i].form);
        post(&s, deciding[i].path, deciding[i].action, form, deciding[i].said);
        story_feed(&s);
    }
    post(&s, ben, "approve", "exemption=e_x", "decided");
    post(&s, ben, "approve", "", "decided");
    pages_visit(&s, &(struct pages_visit){ .method = "POST", .path = pages_under(ben, "approve"), .body = form, .site = "cross-site" });
    assert_int_equal(pages_last.status, 403);
    pages_get(&s, ben, NULL);
    pages_do_not_say("Waiting for your decision");
    pages_get(&s, ana, NULL);
    pages_say("It was agreed that this may wait until");
    pages_say("Thu 10 Dec");
    assert_int_equal(story_events(&s, "exemption.approved"), 1);
    pages_end(&s);
}

static void a_decline_is_told_with_its_reason(void **state)
{
    struct story s;
    char ana[LINK_URL_BYTES], ben[LINK_URL_BYTES], form[256], id[32];
    (void)state;
    start(&s);
    ask_for_dover(&s, id);
    snprintf(form, sizeof form, "exemption=%s&text=Please+use+the+other+network.", id);
    post(&s, pages_me_path(&s, BEN, ben), "decline", form, "declined");
    story_feed(&s);
    pages_get(&s, pages_me_path(&s, ANA, ana), NULL);
    pages_say("Your exemption was declined");
    pages_say("Please use the other network.");
    pages_say("Ask for an exemption"); /* once more, for another reason */
    pages_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deciding_is_judged_on_the_stored_record),
        cmocka_unit_test(people_ask_for_what_is_theirs),
        cmocka_unit_test(nobody_decides_what_is_about_themselves),
        cmocka_unit_test(what_nobody_decided_lapses),
        cmocka_unit_test(a_page_asks_and_another_decides),
        cmocka_unit_test(a_decline_is_told_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
