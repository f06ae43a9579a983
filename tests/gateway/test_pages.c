/* The page of a login that was warned or refused, under a fake clock and over a fake store. */
#include "gateway/agents.h"
#include "gateway/valves_parts.h"
#include "gateway/pages/page.h"
#include "gateway/pages/shown.h"
#include "tests/support/pages_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define HOSTILE "<script>alert(1)</script>\"'&\xe2\x80\xae\xff"

/* ---- every state of the blocked page ---- */

static void make_denied(struct story *s, struct blocked_link *link) { (void)link, pages_fail_for(s, 130); }
static void make_warned(struct story *s, struct blocked_link *link) { (void)link, pages_fail_for(s, 70); }
static enum change_say edit_mended(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    struct story *s = context;
    (void)err;
    assert_true(person_set_mended(copy, SPAN_LITERAL(DOVER), SPAN_LITERAL("firewall"), s->now_ms / 1000 - 86400, 100, &copy->arena));
    return change_event(events, &s->node, "person.cleared", copy->id, SPAN_NONE, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}
/* 100 of the 120 seconds until it closes were used. */
static void make_come_back(struct story *s, struct blocked_link *link)
{
    struct err err;
    (void)link;
    assert_int_equal(change_person(&s->node, s->store, SPAN_LITERAL(ANA), false, edit_mended, s, &err), OK);
    pages_fail_for(s, 5);
}
static void make_back(struct story *s, struct blocked_link *link)
{
    pages_fail_for(s, 70);
    link->back = SPAN_LITERAL("https://pay.example/start?a=1&b=2");
}
static void make_bad_back(struct story *s, struct blocked_link *link)
{
    pages_fail_for(s, 70);
    link->back = SPAN_LITERAL("javascript:alert(1)");
}
static void make_good(struct story *s, struct blocked_link *link) { (void)s, (void)link; }
static void make_good_back(struct story *s, struct blocked_link *link) { (void)s, link->back = SPAN_LITERAL("https://pay.example/"); }
static void make_unknown(struct story *s, struct blocked_link *link)
{
    (void)link;
    pages_fail_for(s, 130);
    s->now_ms += 30 * 86400 * INT64_C(1000);
    directory_heard(s->node.directory);
}
static void make_duplicate(struct story *s, struct blocked_link *link)
{
    (void)link;
    pages_dress(s, DOVER, &(struct pages_look){ .name = "dover", .model = "MacBook Pro", .serial = SERIAL, .owner = ANA, .duplicate = true });
}
static void make_outage(struct story *s, struct blocked_link *link) { (void)link, s->now_ms += 2 * 3600 * 1000; }
static void make_outage_open(struct story *s, struct blocked_link *link) { link->app = SPAN_LITERAL("wiki"), make_outage(s, link); }
static void make_no_device(struct story *s, struct blocked_link *link) { (void)s, link->device = SPAN_NONE, link->door = DEVICE_UNPROVED; }
static void make_no_device_warned(struct story *s, struct blocked_link *link) { make_no_device(s, link), link->app = SPAN_LITERAL("wiki"); }
/* The link remembers how the door knew the device: the page must not say that nothing is left to do. */
static void make_weakly_proved(struct story *s, struct blocked_link *link)
{
    struct policy *policy = (struct policy *)(uintptr_t)directory_control(s->node.directory)->policy;
    policy->proof[1] = PROOF_CERTIFICATE; /* sensitive */
    link->proof = PROOF_COOKIE;
}
static void make_anothers_device(struct story *s, struct blocked_link *link)
{
    (void)link;
    pages_fail_for(s, 130);
    pages_dress(s, DOVER, &(struct pages_look){ .name = "bens-mac", .model = "MacBook Air", .serial = SERIAL, .owner = BEN });
}
static void make_person_unknown(struct story *s, struct blocked_link *link)
{
    (void)s;
    link->person = SPAN_NONE;
    link->person_asked = SPAN_LITERAL("eve@" HOSTILE);
}
static void make_app_unknown(struct story *s, struct blocked_link *link) { (void)s, link->app = SPAN_NONE; }
static void make_loading(struct story *s, struct blocked_link *link)
{
    link->person = SPAN_LITERAL("p_cccccccccccccccccccccccccc");
    directory_set_complete(s->node.directory, false);
}

static void every_state_has_its_page(void **state)
{
    static const struct {
        const char *name;
        void (*make)(struct story *, struct blocked_link *);
        const char *headline, *must[5], *never[4];
    } rows[] = {
        { "denied", make_denied, "<h1>One thing to fix before you can open Payroll</h1>",
          { "<h3>What we saw</h3>", "<h3>How to fix it</h3>", "Check again</button>", "<li>Wiki &lt;i&gt;&amp;</li>", "<li>Chat</li>" }, { "Continue to", "<li>Payroll</li>", "http-equiv" } },
        { "warned", make_warned, "<h1>One thing to fix soon. Payroll opens now</h1>",
          { "<p>You can go on: open Payroll again.</p>", "Please do this by <strong><time", "After that Payroll will not open" }, { "Other ways", "Continue to" } },
        { "it came back", make_come_back, "<h1>One thing to fix soon. Payroll opens now</h1>",
          { "This came back within 7 days, so there is less time to fix it. Please do this by <strong><time" }, { "Other ways" } },
        { "warned with a way back", make_back, "<h1>One thing to fix soon. Payroll opens now</h1>",
          { "<a class=\"button\" href=\"https://pay.example/start?a=1&amp;b=2\">Continue to Payroll</a>" }, { "data-go" } },
        { "warned, a way back that is no address", make_bad_back, "<h1>One thing to fix soon. Payroll opens now</h1>", { "You can go on" }, { "javascript:" } },
        { "fixed meanwhile", make_good, "<h1>You can open Payroll now</h1>", { "<p>You can go on: open Payroll again.</p>" }, { "To fix", "Check again", "data-go" } },
        { "fixed, with a way back", make_good_back, "<h1>You can open Payroll now</h1>", { "href=\"https://pay.example/\"" }, { "data-go" } },
        { "no fresh answer", make_unknown, "<h1>We could not check your device</h1>", { "Wake the device", "Connect it", "Check again", "What we last saw", "opens again when we have an answer" }, { "To fix", "fail", "You can go on" } },
        { "two devices are one", make_duplicate, "<h1>We could not check your device</h1>", { "Two devices say" }, { "What we saw", EPPING, "Wake the device" } },
        { "our outage", make_outage, "<h1>Our check is not working</h1>", { "not your device", "<li>Wiki", "<li>Chat</li>" }, { "How to fix", "<li>Payroll</li>", "Check again" } },
        { "our outage, let in", make_outage_open, "<h1>Our check is not working</h1>", { "You are let in" }, { "cannot open", "How to fix" } },
        { "no device was proved", make_no_device, "<h1>We do not know this device yet</h1>", { "Set this device up", "dover", "#add" }, { "What we saw", "opens for now" } },
        { "proved too weakly", make_weakly_proved, "<h1>Payroll needs a surer sign of this device</h1>", { "Number for support" }, { "You can open" } },
        { "no device, warned", make_no_device_warned, "<h1>We do not know this device yet</h1>", { "opens for now" }, { "Other ways" } },
        { "another person's device", make_anothers_device, "<h1>We do not know this device yet</h1>", { "Set this device up" }, { "bens-mac", "MacBook Air", "9A2B", "What we saw" } },
        { "unknown person", make_person_unknown, "<h1>We do not know this account yet</h1>", { "A person has to add it" }, { "eve@", "alert(1)", "All my devices" } },
        { "unknown app", make_app_unknown, "<h1>We do not know this app yet</h1>", { "not your device" }, { "How to fix" } },
        { "we are still loading", make_loading, "<h1>Our check is not working</h1>", { "Please try again" }, { "account" } },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        char path[LINK_URL_BYTES];
        print_message("  %s\n", rows[i].name);
        pages_start(&s);
        struct blocked_link link = pages_payroll(&s);
        rows[i].make(&s, &link);
        pages_get(&s, pages_blocked_path(&s, &link, path), NULL);
        assert_int_equal(pages_last.status, 200);
        pages_say(rows[i].headline);
        pages_say("<html lang=\"en\">");
        pages_say("Talk to a person");
        pages_say("x_decisionaaaaaaaaaaaaaaaaaa");
        pages_do_not_say(SERIAL);
        for (size_t m = 0; m < 5 && rows[i].must[m] != NULL; m++)
            pages_say(rows[i].must[m]);
        for (size_t n = 0; n < 4 && rows[i].never[n] != NULL; n++)
            pages_do_not_say(rows[i].never[n]);
        pages_end(&s);
    }
}

static void the_blocked_page_keeps_its_order(void **state)
{
    static const char *const order[] = {
        "<div id=\"status\" role=\"status\"", "<main id=\"main\"", "<h1>One thing to fix before you can open Payroll</h1>", "On <bdi>dover</bdi>, <bdi>MacBook Pro</bdi>, serial number ends in",
        "9A2B", "Checked <time", "2 minutes ago", "by osquery.", "Not this device?", "<span class=\"eyebrow\">To fix</span>", "<h3>What we saw</h3>", "<h3>Why it matters</h3>",
        "<h3>How to fix it</h3>", "<ol class=\"steps\">", "Check again</button>", "<h2>Other ways to work now</h2>", "<summary>This looks wrong</summary>", "it-help@acme.example",
        "<h2>What happens next</h2>", "<li class=\"done\">", "<li class=\"now\" aria-current=\"step\">", "Today", "What never happens", "what is collected?", "Number for support", "<footer id=\"help\">", NULL,
    };
    struct story s;
    char path[LINK_URL_BYTES];
    (void)state;
    pages_start(&s);
    struct blocked_link link = pages_payroll(&s);
    pages_fail_for(&s, 130);
    pages_get(&s, pages_blocked_path(&s, &link, path), NULL);
    pages_say_in_order(order);
    assert_non_null(strstr(pages_last.security, "default-src 'none'"));
    assert_null(strstr(pages_last.security, "unsafe"));
    pages_do_not_say("<style");
    pages_do_not_say(" style=");
    pages_do_not_say("onclick");
    pages_end(&s);
}

static void what_is_in_the_way_comes_first_and_the_shortest_of_it(void **state)
{
    static const char *const order[] = { "<h1>2 things to fix before you can open Payroll</h1>", "</span> Your keys have a passphrase</h2>", "<li>Type <code>ssh-keygen -p</code>.</li>",
                                         "mailto:it-help@acme.example?subject", "<button class=\"second\">Check again", "<h2>Then these</h2>", "<option value=\"keys\">", NULL };
    struct story s;
    char path[LINK_URL_BYTES];
    (void)state;
    pages_start(&s);
    struct blocked_link link = pages_payroll(&s);
    story_result(&s, DOVER, "keys", VERDICT_FAIL);
    pages_fail_for(&s, 130);
    pages_get(&s, pages_blocked_path(&s, &link, path), NULL);
    pages_say_in_order(order);
    pages_end(&s);
}

/* ---- check again ---- */

static void check_again_follows_the_device(void **state)
{
    static const struct { const char *name; int64_t after_s; const char *status, *refresh; } rows[] = {
        { "at once", 1, "Checking your device now.", "content=\"3\"" },
        { "20 seconds are over", 20, "Waiting for your device. Keep it awake and online.", "content=\"3\"" },
        { "60 seconds are over", 60, "Your device has not answered yet.", "content=\"10\"" },
        { "10 minutes are over", 601, "role=\"status\" class=\"news\"></div>", NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        char path[LINK_URL_BYTES];
        print_message("  %s\n", rows[i].name);
        pages_start(&s);
        struct blocked_link link = pages_payroll(&s);
        pages_fail_for(&s, 130);
        pages_blocked_path(&s, &link, path);
        pages_post(&s, pages_under(path, "recheck"), NULL);
        assert_int_equal(pages_last.status, 303);
        char *query = strchr(pages_last.location, '?'), kept[64];
        assert_non_null(query);
        assert_memory_equal(pages_last.location, "../", 3);
        snprintf(kept, sizeof kept, "%s", query + 1);
        s.now_ms += rows[i].after_s * 1000;
        directory_heard(s.node.directory);
        pages_get(&s, path, kept);
        pages_say(rows[i].status);
        if (rows[i].refresh != NULL)
            pages_say(rows[i].refresh);
        else
            pages_do_not_say("http-equiv");
        pages_end(&s);
    }
}

static void a_recheck_asks_for_what_is_in_the_way_and_speeds_the_device_up(void **state)
{
    struct story s;
    char path[LINK_URL_BYTES];
    (void)state;
    pages_start(&s);
    struct blocked_link link = pages_payroll(&s);
    pages_fail_for(&s, 130);
    pages_post(&s, pages_under(pages_blocked_path(&s, &link, path), "recheck"), NULL);
    struct device *d = story_stored_device(&s, DOVER);
    assert_int_equal(d->recheck_s, s.now_ms / 1000);
    assert_int_equal(d->recheck_count, 1);
    assert_true(span_equal_text(d->recheck_checks[0], "firewall"));
    device_free(d);
    s.now_ms += 300 * 1000;
    directory_heard(s.node.directory);
    pages_get(&s, path, NULL);
    directory_enter(s.node.directory);
    assert_int_equal(directory_live(s.node.directory, SPAN_LITERAL(DOVER))->accelerate_until_s, s.now_ms / 1000 + PAGE_WATCH_S);
    directory_leave(s.node.directory);
    pages_end(&s);
}

static void what_was_seen_this_time_is_shown_when_it_still_fails(void **state)
{
    struct story s;
    char path[LINK_URL_BYTES], query[64];
    (void)state;
    pages_start(&s);
    struct blocked_link link = pages_payroll(&s);
    pages_fail_for(&s, 130);
    snprintf(query, sizeof query, "checking=%lld", (long long)s.now_ms / 1000);
    s.now_ms += 5000;
    pages_dress(&s, DOVER, &(struct pages_look){ .name = "dover", .model = "MacBook Pro", .serial = SERIAL, .owner = ANA, .saw = "The firewall is off." });
    pages_get(&s, pages_blocked_path(&s, &link, path), query);
    pages_say("It is not fixed yet: The firewall is off.");
    pages_do_not_say("http-equiv");
    pages_end(&s);
}

static void a_fix_leads_back_to_the_app(void **state)
{
    struct story s;
    char path[LINK_URL_BYTES], query[64];
    (void)state;
    pages_start(&s);
    struct blocked_link link = pages_payroll(&s);
    link.back = SPAN_LITERAL("https://pay.example/?a=1&b=2");
    pages_fail_for(&s, 130);
    snprintf(query, sizeof query, "checking=%lld", (long long)s.now_ms / 1000);
    s.now_ms += 5000;
    story_result(&s, DOVER, "firewall", VERDICT_PASS);
    pages_get(&s, pages_blocked_path(&s, &link, path), query);
    pages_say("<h1>It is fixed. Open Payroll again</h1>");
    pages_say("It is fixed. We take you back now.");
    pages_say("<noscript><meta http-equiv=\"refresh\" content=\"3;url=https://pay.example/?a=1&amp;b=2\"></noscript>");
    pages_say("data-go=\"https://pay.example/?a=1&amp;b=2\"");
    pages_get(&s, path, NULL);
    pages_do_not_say("data-go"); /* who only reads is not taken anywhere */
    pages_end(&s);
}

static void a_limit_or_an_outage_is_a_word_on_the_page(void **state)
{
    struct story s;
    char path[LINK_URL_BYTES];
    (void)state;
    pages_start(&s);
    struct blocked_link link = pages_payroll(&s);
    pages_fail_for(&s, 130);
    pages_blocked_path(&s, &link, path);
    for (int i = 0; i < AGENTS_RECHECK_PER_HOUR; i++) {
        pages_post(&s, pages_under(path, "recheck"), NULL);
        assert_non_null(strstr(pages_last.location, "?checking="));
        s.now_ms += AGENTS_RECHECK_APART_S * 1000;
        directory_heard(s.node.directory);
    }
    s.now_ms += 120 * 1000;
    directory_heard(s.node.directory);
    pages_post(&s, pages_under(path, "recheck"), NULL);
    assert_non_null(strstr(pages_last.location, "?said=recent"));
    fake_store_fail(s.server, ERR_UNAVAILABLE, 1);
    pages_post(&s, pages_under(path, "recheck"), NULL);
    assert_non_null(strstr(pages_last.location, "?said=away"));
    pages_get(&s, path, "said=away");
    pages_say("We could not ask your device right now.");
    pages_end(&s);
}

/* ---- this looks wrong ---- */

static void this_looks_wrong_freezes_the_clock_for_two_working_days(void **state)
{
    struct story s;
    char path[LINK_URL_BYTES];
    struct event event;
    (void)state;
    pages_start(&s);
    struct blocked_link link = pages_payroll(&s);
    pages_fail_for(&s, 70);
    pages_post(&s, pages_under(pages_blocked_path(&s, &link, path), "wrong"), "check=firewall&text=It+is+%22on%22.");
    assert_non_null(strstr(pages_last.location, "?said=told"));
    struct person *ana = story_stored_person(&s, ANA);
    assert_int_equal(ana->dispute_count, 1);
    assert_true(span_equal_text(ana->disputes[0].text, "It is \"on\"."));
    assert_true(span_equal_text(ana->disputes[0].device, DOVER));
    assert_int_equal(ana->disputes[0].time.to_s, 1796256000); /* Thu 2026-12-03 00:00 UTC: asked on a Monday */
    person_free(ana);
    assert_true(fake_store_last_event(s.server, "person.disputed", &event));
    assert_true(span_equal_text(event.cause, "person:" ANA));
    assert_true(span_search(event.data, link.decision) < event.data.bytes);
    s.now_ms += 86400 * INT64_C(1000);
    directory_heard(s.node.directory);
    pages_get(&s, path, "said=told");
    pages_say("The clock stands still now: we are looking at what you told us.");
    pages_say("You told us about this");
    pages_say("Thank you. The clock stands still");
    pages_do_not_say("<summary>This looks wrong");
    pages_post(&s, pages_under(path, "wrong"), "check=firewall");
    assert_non_null(strstr(pages_last.location, "?said=told_before"));
    assert_int_equal(story_events(&s, "person.disputed"), 1);
    pages_end(&s);
}

static void a_dispute_names_what_the_page_shows(void **state)
{
    static const struct { const char *name, *body; } rows[] = {
        { "a check that passes", "check=screen-lock" }, { "no such check", "check=nothing" }, { "no check", "text=x" }, { "nothing", NULL }, { "twice", "check=firewall&check=firewall" },
    };
    struct story s;
    char path[LINK_URL_BYTES];
    (void)state;
    pages_start(&s);
    struct blocked_link link = pages_payroll(&s);
    pages_fail_for(&s, 130);
    pages_blocked_path(&s, &link, path);
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("  %s\n", rows[i].name);
        pages_post(&s, pages_under(path, "wrong"), rows[i].body);
        assert_int_equal(pages_last.status, 303);
        assert_non_null(strstr(pages_last.location, "?said=gone"));
        assert_int_equal(story_events(&s, "person.disputed"), 0);
    }
    pages_end(&s);
}

static void two_working_days_end_where_they_should(void **state)
{
    enum { WEEKDAYS = 0x1f, SUN_TO_THU = 0x4f };
    static const struct { const char *name, *zone; unsigned days; int64_t from_s, to_s; } rows[] = {
        { "Monday noon to Wednesday night", "UTC", WEEKDAYS, 1796040000, 1796256000 },
        { "Friday noon over the weekend", "UTC", WEEKDAYS, 1796385600, 1796774400 },
        { "Saturday", "UTC", WEEKDAYS, 1796472000, 1796774400 },
        { "a week from Sunday to Thursday", "UTC", SUN_TO_THU, 1796299200, 1796601600 + 86400 },
        { "in another zone", "America/New_York", WEEKDAYS, 1796040000, 1796256000 + 5 * 3600 },
        { "every day", "UTC", 0x7f, 1796385600, 1796601600 },
    };
    struct story s;
    struct err err;
    (void)state;
    story_start(&s, pages_policy);
    assert_int_equal(calendar_prepare(s.node.calendar, SPAN_LITERAL("America/New_York"), &err), OK);
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("  %s\n", rows[i].name);
        struct calendar_hours hours = { .calendar = s.node.calendar, .zone = span_of(rows[i].zone), .days = rows[i].days };
        assert_int_equal(valve_dispute_end_s(&hours, rows[i].from_s), rows[i].to_s);
    }
    story_end(&s);
}

/* ---- a page that was shown counts ---- */

static void showing_the_page_counts_once_a_day(void **state)
{
    static const struct { const char *name; int64_t after_s; size_t delivered; unsigned told; } rows[] = {
        { "the first view of the day", 0, 1, 1 }, { "again", 60, 1, 1 }, { "late that day", 11 * 3600, 1, 1 }, { "the next day", 3600, 2, 2 },
    };
    struct story s;
    struct err err;
    struct event event;
    (void)state;
    pages_start(&s);
    struct shown shown = { .person = ANA, .device = DOVER, .decision = "x_1", .zone = "UTC", .checks = { "keys" }, .count = 1 };
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("  %s\n", rows[i].name);
        s.now_ms += rows[i].after_s * 1000;
        shown.at_s = s.now_ms / 1000;
        assert_int_equal(shown_commit(&s.node, s.store, &shown, &err), OK);
        assert_int_equal(story_events(&s, "notice.delivered"), rows[i].delivered);
        struct person *ana = story_stored_person(&s, ANA);
        assert_int_equal(person_told(ana, SPAN_LITERAL(DOVER), SPAN_LITERAL("keys"))->count, rows[i].told);
        person_free(ana);
    }
    assert_true(fake_store_last_event(s.server, "notice.delivered", &event));
    assert_true(span_equal_text(event.data, "{\"channel\":\"page\",\"items\":[{\"device\":\"" DOVER "\",\"check\":\"keys\"}]}"));
    pages_end(&s);
}

static void only_a_person_who_saw_it_was_told(void **state)
{
    struct story s;
    char path[LINK_URL_BYTES];
    (void)state;
    pages_start(&s);
    struct blocked_link link = pages_payroll(&s);
    pages_fail_for(&s, 130);
    s.now_ms += 86400 * INT64_C(1000);
    directory_heard(s.node.directory);
    pages_blocked_path(&s, &link, path);
    assert_int_equal(pages_delivered_by(&s, &(struct pages_visit){ .method = "HEAD", .path = path }), 0);
    assert_int_equal(pages_delivered_by(&s, &(struct pages_visit){ .method = "GET", .path = path, .purpose = "prefetch" }), 0);
    assert_int_equal(pages_delivered_by(&s, &(struct pages_visit){ .method = "GET", .path = path }), 1);
    assert_int_equal(pages_delivered_by(&s, &(struct pages_visit){ .method = "GET", .path = path }), 0);
    pages_end(&s);
}

/* Without a channel nobody is told but by pages, so one that closes nothing yet, and a person's own, tell too. */
static void a_page_that_opens_tells_of_what_is_to_fix(void **state)
{
    struct story s;
    char path[LINK_URL_BYTES];
    (void)state;
    pages_start(&s);
    struct blocked_link link = pages_payroll(&s);
    story_result(&s, DOVER, "firewall", VERDICT_FAIL);
    assert_int_equal(pages_delivered_by(&s, &(struct pages_visit){ .method = "GET", .path = pages_blocked_path(&s, &link, path) }), 1);
    pages_say("You can open Payroll now");
    pages_say("Also worth fixing");
    assert_int_equal(pages_delivered_by(&s, &(struct pages_visit){ .method = "GET", .path = pages_me_path(&s, ANA, path) }), 0);
    story_result(&s, DOVER, "keys", VERDICT_FAIL);
    assert_int_equal(pages_delivered_by(&s, &(struct pages_visit){ .method = "GET", .path = path }), 1);
    struct person *ana = story_stored_person(&s, ANA);
    assert_int_equal(person_told(ana, SPAN_LITERAL(DOVER), SPAN_LITERAL("firewall"))->count, 1);
    assert_int_equal(person_told(ana, SPAN_LITERAL(DOVER), SPAN_LITERAL("keys"))->count, 1);
    person_free(ana);
    pages_end(&s);
}

/* What was not seen lately is no news. */
static void an_old_answer_tells_nothing(void **state)
{
    struct story s;
    char path[LINK_URL_BYTES];
    (void)state;
    pages_start(&s);
    struct blocked_link link = pages_payroll(&s);
    make_unknown(&s, &link);
    assert_int_equal(pages_delivered_by(&s, &(struct pages_visit){ .method = "GET", .path = pages_blocked_path(&s, &link, path) }), 0);
    assert_int_equal(pages_delivered_by(&s, &(struct pages_visit){ .method = "GET", .path = pages_me_path(&s, ANA, path) }), 0);
    pages_say("Not checked lately: Your firewall is on");
    pages_end(&s);
}

static void a_store_that_is_away_does_not_break_the_page(void **state)
{
    struct story s;
    char path[LINK_URL_BYTES];
    (void)state;
    pages_start(&s);
    struct blocked_link link = pages_payroll(&s);
    pages_fail_for(&s, 130);
    s.now_ms += 600 * 1000; /* nothing was heard of the store for so long */
    assert_int_equal(pages_delivered_by(&s, &(struct pages_visit){ .method = "GET", .path = pages_blocked_path(&s, &link, path) }), 0);
    assert_int_equal(pages_last.status, 200);
    pages_say("How to fix it");
    pages_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_has_its_page),
        cmocka_unit_test(the_blocked_page_keeps_its_order),
        cmocka_unit_test(what_is_in_the_way_comes_first_and_the_shortest_of_it),
        cmocka_unit_test(check_again_follows_the_device),
        cmocka_unit_test(a_recheck_asks_for_what_is_in_the_way_and_speeds_the_device_up),
        cmocka_unit_test(what_was_seen_this_time_is_shown_when_it_still_fails),
        cmocka_unit_test(a_fix_leads_back_to_the_app),
        cmocka_unit_test(a_limit_or_an_outage_is_a_word_on_the_page),
        cmocka_unit_test(this_looks_wrong_freezes_the_clock_for_two_working_days),
        cmocka_unit_test(a_dispute_names_what_the_page_shows),
        cmocka_unit_test(two_working_days_end_where_they_should),
        cmocka_unit_test(showing_the_page_counts_once_a_day),
        cmocka_unit_test(only_a_person_who_saw_it_was_told),
        cmocka_unit_test(a_page_that_opens_tells_of_what_is_to_fix),
        cmocka_unit_test(an_old_answer_tells_nothing),
        cmocka_unit_test(a_store_that_is_away_does_not_break_the_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
