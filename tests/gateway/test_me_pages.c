/* A person's own pages, links and forms, what is collected, under a fake clock and over a fake store. */
#include "gateway/pages/assets.h"
#include "tests/support/pages_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

/* ---- links ---- */

static void a_link_that_is_not_ours_gets_the_same_page(void **state)
{
    struct story s;
    char blocked[LINK_URL_BYTES], me[LINK_URL_BYTES], path[2 * LINK_URL_BYTES];
    (void)state;
    pages_start(&s);
    struct blocked_link link = pages_payroll(&s);
    pages_blocked_path(&s, &link, blocked);
    pages_me_path(&s, ANA, me);
    static char longest[2000];
    memset(longest, 'A', sizeof longest - 1);
    const struct { const char *name, *page, *token; } rows[] = {
        { "one character differs", "/blocked/", NULL }, { "too short", "/blocked/", "x" }, { "not base64", "/me/", "../../etc" + 6 }, { "longer than any", "/me/", longest },
        { "the other page's", "/me/", blocked + strlen("/blocked/") }, { "the other page's, the other way", "/blocked/", me + strlen("/me/") },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("  %s\n", rows[i].name);
        snprintf(path, sizeof path, "%s%s", rows[i].page, rows[i].token != NULL ? rows[i].token : blocked + strlen("/blocked/"));
        if (rows[i].token == NULL)
            path[strlen(path) - 3] = path[strlen(path) - 3] == 'A' ? 'B' : 'A';
        uint64_t before = s.node.counters->value[COUNT_LINK_REFUSED];
        pages_get(&s, path, NULL);
        assert_int_equal(pages_last.status, 404);
        pages_say("<h1>This link does not work</h1>");
        assert_int_equal(s.node.counters->value[COUNT_LINK_REFUSED], before + 1);
    }
    s.now_ms += 41 * 86400 * INT64_C(1000);
    pages_get(&s, blocked, NULL);
    assert_int_equal(pages_last.status, 410);
    pages_say("<h1>This link is too old</h1>");
    pages_post(&s, pages_under(blocked, "wrong"), "check=firewall");
    assert_int_equal(pages_last.status, 410);
    pages_end(&s);
}

static void the_door_of_a_link_survives(void **state)
{
    static const enum door_device doors[] = { DEVICE_NOT_ASKED, DEVICE_UNPROVED, DEVICE_NAMED };
    struct story s;
    (void)state;
    pages_start(&s);
    for (size_t i = 0; i < COUNT(doors); i++) {
        char path[LINK_URL_BYTES];
        struct arena arena;
        struct err err;
        struct blocked_link link = pages_payroll(&s), read;
        arena_init(&arena, 4096, 65536);
        link.door = doors[i];
        pages_blocked_path(&s, &link, path);
        assert_int_equal(link_open_blocked(&s.node, span_of(path + strlen("/blocked/")), s.now_ms / 1000, &arena, &read, &err), OK);
        assert_int_equal(read.door, doors[i]);
        arena_done(&arena);
    }
    pages_end(&s);
}

static void a_form_of_another_site_changes_nothing(void **state)
{
    static const struct { const char *name, *site, *origin; int status; } rows[] = {
        { "same origin", "same-origin", NULL, 303 },
        { "typed in", "none", NULL, 303 },
        { "another site", "cross-site", NULL, 403 },
        { "a sibling host", "same-site", NULL, 403 },
        { "an old browser, our origin", NULL, "https://posture.acme.example", 303 },
        { "an old browser, no origin", NULL, NULL, 303 },
        { "an old browser, a page without a referrer", NULL, "null", 303 },
        { "an old browser, another origin", NULL, "https://evil.example", 403 },
        { "an origin that begins like ours", NULL, "https://posture.acme.example.evil", 403 },
        { "the site says no, the origin yes", "cross-site", "https://posture.acme.example", 403 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        char path[LINK_URL_BYTES];
        print_message("  %s\n", rows[i].name);
        pages_start(&s);
        pages_me_path(&s, ANA, path);
        pages_visit(&s, &(struct pages_visit){ .method = "POST", .path = pages_under(path, "not-mine"), .body = "device=" DOVER, .site = rows[i].site, .origin = rows[i].origin });
        assert_int_equal(pages_last.status, rows[i].status);
        struct device *d = story_stored_device(&s, DOVER);
        assert_int_equal(span_empty(d->owner), rows[i].status == 303);
        device_free(d);
        pages_end(&s);
    }
}

/* ---- /me ---- */

static void my_page_says_what_to_fix_first_and_what_is_open(void **state)
{
    static const char *const order[] = { "<h1>Your devices, <bdi>Ana</bdi></h1>", "One thing to fix.", "What we saw", "How to fix it", "Check again", "<h2>Your devices</h2>",
                                         "<p class=\"state closed\">Apps are closed</p>", "<h2>Your apps</h2>", "Closed until it is fixed", "<li>Payroll</li>", "<h3>Open</h3>", "<li>Chat</li>", "<li>Wiki",
                                         "What happens next", "Add a device", "/data\">", NULL };
    struct story s;
    char path[LINK_URL_BYTES];
    (void)state;
    pages_start(&s);
    pages_get(&s, pages_me_path(&s, ANA, path), NULL);
    pages_say("There is nothing for you to fix.");
    pages_say("<p class=\"state good\">All good</p>");
    pages_do_not_say("Closed until");
    pages_fail_for(&s, 130);
    pages_get(&s, path, NULL);
    pages_say_in_order(order);
    pages_do_not_say(SERIAL);
    pages_get(&s, pages_me_path(&s, BEN, path), NULL);
    pages_say("We know no device of yours yet.");
    pages_do_not_say("dover");
    pages_get(&s, "/me", NULL);
    assert_int_equal(pages_last.status, 200);
    pages_say("Your page opens with a link that is yours alone.");
    pages_end(&s);
}

static void a_device_is_claimed_by_its_whole_serial_number(void **state)
{
    static const struct { const char *name, *body, *said; const char *owner; } rows[] = {
        { "whole", "serial=C02EPPING001", "claimed", ANA },     { "in small letters, with spaces", "serial=+c02epping001+", "claimed", ANA },
        { "the end of it", "serial=G001", "not_found", "" },    { "empty", "serial=", "not_found", "" },
        { "none", "x=1", "not_found", "" },                     { "somebody else's", "serial=" SERIAL, "not_found", "" },
        { "hostile", "serial=%3Cscript%3E%00", "not_found", "" }, { "generic", "serial=0", "not_found", "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        char path[LINK_URL_BYTES];
        struct event event;
        print_message("  %s\n", rows[i].name);
        pages_start(&s);
        story_device(&s, EPPING, NULL);
        pages_dress(&s, EPPING, &(struct pages_look){ .name = "epping", .model = "Mac mini", .serial = "C02EPPING001" });
        pages_dress(&s, DOVER, &(struct pages_look){ .name = "dover", .model = "MacBook Pro", .serial = SERIAL, .owner = BEN });
        s.now_ms += 1000; /* so that its event is the newest */
        pages_post(&s, pages_under(pages_me_path(&s, ANA, path), "claim"), rows[i].body);
        assert_int_equal(pages_last.status, 303);
        assert_non_null(strstr(pages_last.location, rows[i].said));
        struct device *d = story_stored_device(&s, EPPING);
        assert_true(span_equal_text(d->owner, rows[i].owner));
        assert_int_equal(span_equal_text(d->owner_source, "claim"), rows[i].owner[0] != '\0');
        device_free(d);
        d = story_stored_device(&s, DOVER);
        assert_true(span_equal_text(d->owner, BEN));
        device_free(d);
        if (rows[i].owner[0] != '\0') {
            assert_true(fake_store_last_event(s.server, "device.owner", &event));
            assert_true(span_equal_text(event.cause, "person:" ANA));
        }
        pages_end(&s);
    }
}

static void serial_numbers_cannot_be_tried_for_long(void **state)
{
    struct story s;
    char path[LINK_URL_BYTES];
    (void)state;
    pages_start(&s);
    pages_me_path(&s, ANA, path);
    for (int i = 0; i < 5; i++) {
        pages_post(&s, pages_under(path, "claim"), "serial=WRONG1234567");
        assert_non_null(strstr(pages_last.location, "not_found"));
    }
    pages_post(&s, pages_under(path, "claim"), "serial=WRONG1234567");
    assert_non_null(strstr(pages_last.location, "slow_down"));
    pages_post(&s, pages_under(pages_me_path(&s, BEN, path), "claim"), "serial=WRONG1234567");
    assert_non_null(strstr(pages_last.location, "not_found")); /* each for themselves */
    pages_end(&s);
}

static void only_the_owner_says_not_mine(void **state)
{
    struct story s;
    char path[LINK_URL_BYTES];
    (void)state;
    pages_start(&s);
    pages_post(&s, pages_under(pages_me_path(&s, BEN, path), "not-mine"), "device=" DOVER);
    assert_non_null(strstr(pages_last.location, "said=gone"));
    pages_post(&s, pages_under(path, "recheck"), "device=" DOVER);
    assert_non_null(strstr(pages_last.location, "said=gone"));
    struct device *d = story_stored_device(&s, DOVER);
    assert_true(span_equal_text(d->owner, ANA));
    assert_int_equal(d->recheck_s, 0);
    device_free(d);
    pages_post(&s, pages_under(pages_me_path(&s, ANA, path), "recheck"), "device=" DOVER);
    assert_non_null(strstr(pages_last.location, "said=asked"));
    pages_post(&s, pages_under(path, "not-mine"), "device=" DOVER);
    assert_non_null(strstr(pages_last.location, "said=released"));
    d = story_stored_device(&s, DOVER);
    assert_true(span_empty(d->owner));
    device_free(d);
    pages_get(&s, path, "said=released");
    pages_say("This device is no longer in your list.");
    pages_get(&s, path, "said=" "<b>hello</b>");
    pages_do_not_say("<b>hello");
    pages_end(&s);
}

/* ---- what is collected ---- */

static enum change_say edit_fact(void *context, struct device *copy, struct change_events *events, struct err *err)
{
    struct story *s = context;
    struct fact *fact = arena_alloc(&copy->arena, sizeof *fact);
    (void)err;
    *fact = (struct fact){ SPAN_LITERAL("check:keys"), SPAN_LITERAL("[{\"encrypted\":\"<0>\"}]"), SPAN_LITERAL("osquery"), SPAN_NONE, s->now_ms / 1000, 0 };
    copy->facts = fact;
    copy->fact_count = 1;
    return change_event(events, &s->node, "result.updated", copy->owner, copy->id, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

static void the_data_page_comes_from_the_policy_and_the_records(void **state)
{
    struct story s;
    struct err err;
    char path[LINK_URL_BYTES];
    (void)state;
    pages_start(&s);
    assert_int_equal(change_device(&s.node, s.store, SPAN_LITERAL(DOVER), false, edit_fact, &s, &err), OK);
    story_feed(&s);
    pages_get(&s, pages_under(pages_me_path(&s, ANA, path), "data"), NULL);
    assert_int_equal(pages_last.status, 200);
    pages_say("<p>Whether each key is encrypted. Never the key.</p>");
    pages_say("SELECT encrypted FROM user_ssh_keys WHERE &#39;&lt;b&gt;&#39; != &#39;&#39;");
    pages_say("[{&quot;encrypted&quot;:&quot;&lt;0&gt;&quot;}]");
    pages_say("thrown away before it is stored");
    pages_say("ana@acme.example");
    pages_say("Slack carries our messages");
    pages_do_not_say("ben@");
    pages_do_not_say(SERIAL);
    fake_store_fail(s.server, ERR_UNAVAILABLE, 1);
    pages_get(&s, pages_under(path, "data"), NULL);
    assert_int_equal(pages_last.status, 200);
    pages_say("The kept values cannot be shown right now.");
    pages_do_not_say("encrypted&quot;");
    pages_end(&s);
}

/* ---- bytes ---- */

static void foreign_text_stays_text(void **state)
{
    struct story s;
    char path[LINK_URL_BYTES];
    (void)state;
    pages_start(&s);
    struct blocked_link link = pages_payroll(&s);
    pages_fail_for(&s, 130);
    pages_dress(&s, DOVER, &(struct pages_look){ .name = "<script>alert(1)</script>\"'&", .model = "<img src=x onerror=alert(1)>", .serial = "SER\"><b>1234", .owner = ANA, .saw = "<h1>saw</h1>" });
    pages_get(&s, pages_blocked_path(&s, &link, path), NULL);
    pages_say("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;");
    pages_say("&lt;h1&gt;saw&lt;/h1&gt;");
    pages_do_not_say("<script>alert");
    pages_do_not_say("<img");
    pages_get(&s, pages_me_path(&s, ANA, path), NULL);
    pages_do_not_say("<script>alert");
    pages_do_not_say("<img");
    pages_do_not_say("<b>");
    pages_get(&s, pages_under(path, "data"), NULL);
    pages_do_not_say("<script>alert");
    pages_do_not_say("<b>team");
    pages_end(&s);
}

static void assets_are_kept_by_browsers_and_named_by_content(void **state)
{
    static const char *const types[] = { [ASSET_STYLE] = "text/css; charset=utf-8", [ASSET_SCRIPT] = "text/javascript; charset=utf-8" }; /* those of every page */
    struct story s;
    struct arena a;
    char path[128];
    (void)state;
    pages_start(&s);
    arena_init(&a, 4096, 65536);
    for (enum asset i = 0; i < COUNT(types); i++) {
        snprintf(path, sizeof path, "/assets/%.*s", SPAN_ARGS(asset_name(i, &a)));
        pages_get(&s, path, NULL);
        assert_int_equal(pages_last.status, 200);
        assert_string_equal(pages_last.type, types[i]);
        assert_non_null(strstr(pages_last.cache, "immutable"));
        assert_true(strlen(pages_last.text) > 500);
        pages_get(&s, "/me", NULL);
        pages_say(path + 1);
    }
    pages_get(&s, "/assets/style.0000000000000000.css", NULL);
    assert_int_equal(pages_last.status, 404);
    arena_done(&a);
    pages_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_that_is_not_ours_gets_the_same_page),
        cmocka_unit_test(the_door_of_a_link_survives),
        cmocka_unit_test(a_form_of_another_site_changes_nothing),
        cmocka_unit_test(my_page_says_what_to_fix_first_and_what_is_open),
        cmocka_unit_test(a_device_is_claimed_by_its_whole_serial_number),
        cmocka_unit_test(serial_numbers_cannot_be_tried_for_long),
        cmocka_unit_test(only_the_owner_says_not_mine),
        cmocka_unit_test(the_data_page_comes_from_the_policy_and_the_records),
        cmocka_unit_test(foreign_text_stays_text),
        cmocka_unit_test(assets_are_kept_by_browsers_and_named_by_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
