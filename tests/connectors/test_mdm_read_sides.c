/* Jamf Pro and Intune, read over real calls to strict fakes: every device once, tokens that end in the middle, answers that lie. */
#include "connectors/mdm/intune.h"
#include "connectors/mdm/jamf.h"

#include "tests/support/fake_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { DEVICES = 450, PAGES_MOST = 20, HOSTS_BYTES = 256 * 1024 };
static const char graph_token[] = "/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token";

struct world { struct fake_peer peer; struct mdm *mdm; struct arena arena; char url[96], token_url[160]; int64_t now_ms; struct clock clock; enum mdm_kind kind; };
static int64_t fake_ms(const struct clock *c) { return ((const struct world *)c->context)->now_ms; }

static enum err_code open_with(struct world *w, const char *secret, struct err *err)
{
    const struct mdm_options o = { .id = SPAN_LITERAL("tenant"), .kind = w->kind, .url = span_of(w->url), .token_url = span_of(w->token_url), .client = SPAN_LITERAL("client-1"), .secret = span_of(secret),
                                   .allow_loopback_http = true, .clock = &w->clock };
    return mdm_vendor(w->kind)->open(&o, &w->mdm, err);
}

static void start(struct world *w, enum mdm_kind kind, const char *secret)
{
    struct err err;
    memset(w, 0, sizeof *w);
    w->kind = kind;
    w->now_ms = 1796040000000;
    w->clock = (struct clock){ fake_ms, fake_ms, w };
    arena_init(&w->arena, 64 * 1024, 64 * 1024 * 1024);
    if (kind == MDM_JAMF)
        fake_peer_start(&w->peer, "fake_jamf.py", NULL);
    else
        fake_peer_start(&w->peer, "fake_intune.py", "--page", "200", NULL);
    snprintf(w->url, sizeof w->url, "%s", w->peer.base);
    if (kind == MDM_INTUNE)
        snprintf(w->token_url, sizeof w->token_url, "%s%s", w->peer.base, graph_token);
    assert_int_equal(open_with(w, secret, &err), OK);
}

static void end(struct world *w)
{
    w->mdm->ops->free(w->mdm);
    arena_done(&w->arena);
    fake_peer_stop(&w->peer);
}

static void put_devices(struct world *w, int count)
{
    struct buf hosts;
    char one[160];
    buf_init(&hosts, HOSTS_BYTES);
    buf_append_byte(&hosts, '[');
    for (int i = 1; i <= count; i++) {
        if (w->kind == MDM_JAMF)
            snprintf(one, sizeof one, "%s{\"id\":\"%d\",\"hardware\":{\"serialNumber\":\"S%d\"}}", i > 1 ? "," : "", i, i);
        else
            snprintf(one, sizeof one, "%s{\"id\":\"00000000-0000-4000-8000-%012d\",\"serialNumber\":\"S%d\"}", i > 1 ? "," : "", i, i);
        buf_append_text(&hosts, one);
    }
    buf_append_byte(&hosts, ']');
    fake_peer_post(&w->peer, "/control/hosts", buf_text(&hosts));
    buf_done(&hosts);
}

/* Every page; what the walk came to, and how many devices there were. */
static struct mdm_result walk(struct world *w, int64_t since_s, size_t *count)
{
    struct mdm_page page = { .total = -1 };
    struct mdm_result r = mdm_say(MDM_DONE, "%s", "");
    char cursor[MDM_CURSOR_BYTES] = "";
    *count = 0;
    for (int i = 0; i < PAGES_MOST; i++) {
        page = (struct mdm_page){ .total = -1 };
        r = w->mdm->ops->list(w->mdm, span_of(cursor), since_s, &w->arena, &page);
        if (r.outcome != MDM_DONE)
            return r;
        *count += page.count;
        if (page.next[0] == '\0')
            return page.total >= 0 && (int64_t)*count < page.total ? mdm_say(MDM_GARBLED, "fewer") : r;
        snprintf(cursor, sizeof cursor, "%s", page.next);
    }
    fail_msg("a list without an end");
    return r;
}

static size_t calls_of(struct world *w, const char *path)
{
    struct from_json *doc = fake_peer_get(&w->peer, "/control/calls");
    struct from_json_value root = from_json_root(doc);
    size_t count = 0;
    for (size_t i = 0; i < from_json_count(&root); i++) {
        struct from_json_value item = from_json_item(&root, i), p = from_json_member(&item, "path");
        struct span text = SPAN_NONE;
        count += from_json_text(&p, 200, &text, NULL) == OK && span_equal_text(text, path);
    }
    from_json_free(doc);
    return count;
}

static const char *token_path(const struct world *w) { return w->kind == MDM_JAMF ? "/api/oauth/token" : graph_token; }

static void every_device_is_read_once_with_one_token(void **state)
{
    static const enum mdm_kind kinds[] = { MDM_JAMF, MDM_INTUNE };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world w;
        size_t count = 0;
        print_message("%s\n", mdm_kind_name(kinds[i]));
        start(&w, kinds[i], "s3cret&more");
        put_devices(&w, DEVICES);
        assert_int_equal(walk(&w, 0, &count).outcome, MDM_DONE);
        assert_int_equal(count, DEVICES);
        assert_int_equal(calls_of(&w, token_path(&w)), 1);
        w.now_ms += 3600 * INT64_C(1000); /* a new one before the old one ends */
        put_devices(&w, 0);
        assert_int_equal(walk(&w, 0, &count).outcome, MDM_DONE);
        assert_int_equal(count, 0);
        assert_int_equal(calls_of(&w, token_path(&w)), 2);
        end(&w);
    }
}

static void a_token_that_ends_between_pages_is_fetched_anew_once(void **state)
{
    static const enum mdm_kind kinds[] = { MDM_JAMF, MDM_INTUNE };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world w;
        struct mdm_page page = { .total = -1 };
        char cursor[MDM_CURSOR_BYTES];
        start(&w, kinds[i], "s3cret&more");
        put_devices(&w, DEVICES);
        assert_int_equal(w.mdm->ops->list(w.mdm, SPAN_NONE, 0, &w.arena, &page).outcome, MDM_DONE);
        snprintf(cursor, sizeof cursor, "%s", page.next);
        fake_peer_post(&w.peer, "/control/expire", "{}");
        assert_int_equal(w.mdm->ops->list(w.mdm, span_of(cursor), 0, &w.arena, &page).outcome, MDM_DONE);
        assert_int_equal(page.count, 200);
        assert_int_equal(calls_of(&w, token_path(&w)), 2);
        end(&w);
    }
}

static void a_fault_is_named_and_never_half_used(void **state)
{
    static const struct { const char *name; enum mdm_kind kind; const char *faults; enum mdm_outcome outcome; int64_t retry_after_s; } rows[] = {
        { "429 with a word", MDM_JAMF, "[{\"path\":\".*inventory\",\"kind\":\"429\",\"retry_after\":7}]", MDM_LATER, 7 },
        { "429 without", MDM_INTUNE, "[{\"path\":\".*Devices\",\"kind\":\"429_bare\"}]", MDM_LATER, -1 },
        { "429 for the token", MDM_INTUNE, "[{\"path\":\".*token\",\"kind\":\"429\",\"retry_after\":9}]", MDM_LATER, 9 },
        { "500", MDM_JAMF, "[{\"path\":\".*inventory\",\"kind\":\"500\"}]", MDM_LATER, -1 },
        { "500 for the token", MDM_JAMF, "[{\"path\":\".*token\",\"kind\":\"500\"}]", MDM_LATER, -1 },
        { "403", MDM_INTUNE, "[{\"path\":\".*Devices\",\"kind\":\"403\"}]", MDM_STOPPED, -1 },
        { "401 twice", MDM_JAMF, "[{\"path\":\".*inventory\",\"kind\":\"401\",\"times\":9}]", MDM_STOPPED, -1 },
        { "garbage", MDM_JAMF, "[{\"path\":\".*inventory\",\"kind\":\"garbage\"}]", MDM_GARBLED, -1 },
        { "garbage for a token", MDM_INTUNE, "[{\"path\":\".*token\",\"kind\":\"garbage\"}]", MDM_LATER, -1 },
        { "half a page, whole JSON", MDM_JAMF, "[{\"path\":\".*inventory\",\"kind\":\"half\"}]", MDM_GARBLED, -1 },
        { "half a page, cut", MDM_INTUNE, "[{\"path\":\".*Devices\",\"kind\":\"half\"}]", MDM_GARBLED, -1 },
        { "no list at all", MDM_INTUNE, "[{\"path\":\".*Devices\",\"kind\":\"no_value\"}]", MDM_GARBLED, -1 },
        { "the next page at a stranger", MDM_INTUNE, "[{\"path\":\".*Devices\",\"kind\":\"foreign_next\"}]", MDM_GARBLED, -1 },
        { "the next page is this page", MDM_INTUNE, "[{\"path\":\".*Devices\",\"kind\":\"same_next\",\"times\":9}]", MDM_GARBLED, -1 },
        { "one more than there are", MDM_JAMF, "[{\"path\":\".*inventory\",\"kind\":\"wrong_count\",\"times\":9}]", MDM_GARBLED, -1 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        size_t count = 0;
        print_message("%s\n", rows[i].name);
        start(&w, rows[i].kind, "s3cret&more");
        put_devices(&w, DEVICES);
        fake_peer_post(&w.peer, "/control/faults", rows[i].faults);
        struct mdm_result r = walk(&w, 0, &count);
        assert_int_equal(r.outcome, rows[i].outcome);
        assert_int_equal(r.retry_after_s, rows[i].retry_after_s);
        fake_peer_post(&w.peer, "/control/faults", "[]");
        assert_int_equal(walk(&w, 0, &count).outcome, MDM_DONE);
        assert_int_equal(count, DEVICES);
        end(&w);
    }
}

static void wrong_credentials_are_not_repeated(void **state)
{
    static const enum mdm_kind kinds[] = { MDM_JAMF, MDM_INTUNE };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world w;
        size_t count = 0;
        start(&w, kinds[i], "wrong");
        assert_int_equal(walk(&w, 0, &count).outcome, MDM_STOPPED);
        assert_int_equal(calls_of(&w, token_path(&w)), 1);
        end(&w);
    }
}

static void only_what_reported_since_is_asked_for(void **state)
{
    struct world w;
    size_t count = 0;
    (void)state;
    start(&w, MDM_JAMF, "s3cret&more");
    fake_peer_post(&w.peer, "/control/hosts", "[{\"id\":\"1\",\"general\":{\"reportDate\":\"2026-11-30T08:00:00Z\"}},{\"id\":\"2\",\"general\":{\"reportDate\":\"2026-11-30T12:00:00Z\"}}]");
    assert_int_equal(walk(&w, 1796034000 /* 10:20 */, &count).outcome, MDM_DONE);
    assert_int_equal(count, 1);
    end(&w);
}

static void one_device_is_read_as_the_vendor_has_it(void **state)
{
    struct world w;
    struct mdm_device d;
    (void)state;
    start(&w, MDM_JAMF, "s3cret&more");
    put_devices(&w, 3);
    assert_int_equal(w.mdm->ops->get(w.mdm, SPAN_LITERAL("2"), &w.arena, &d).outcome, MDM_DONE);
    assert_true(span_equal_text(d.serial, "S2") && span_equal_text(d.owner, "ana@acme.example") && span_equal_text(d.os_version, "15.5") && d.platform == PLATFORM_MACOS);
    assert_true(d.managed == MDM_YES && d.encrypted == MDM_YES && d.firewall == MDM_YES && d.supervised == MDM_YES && d.personal == MDM_NOT_SAID);
    assert_true(d.contact_s == 1796038200 && d.facts_s == 1796025600); /* the facts are older than the last word */
    assert_int_equal(w.mdm->ops->get(w.mdm, SPAN_LITERAL("9"), &w.arena, &d).outcome, MDM_ABSENT);
    end(&w);
    start(&w, MDM_INTUNE, "s3cret&more");
    fake_peer_post(&w.peer, "/control/hosts", "[{\"id\":\"00000000-0000-4000-8000-000000000007\",\"operatingSystem\":\"Windows\",\"complianceState\":\"inGracePeriod\",\"isEncrypted\":false,"
                                              "\"managedDeviceOwnerType\":\"personal\",\"isSupervised\":false}]");
    assert_int_equal(w.mdm->ops->get(w.mdm, SPAN_LITERAL("00000000-0000-4000-8000-000000000007"), &w.arena, &d).outcome, MDM_DONE);
    assert_true(span_equal_text(d.compliance, "inGracePeriod") && d.platform == PLATFORM_WINDOWS && d.encrypted == MDM_NO && d.managed == MDM_YES && d.personal == MDM_YES);
    assert_int_equal(w.mdm->ops->get(w.mdm, SPAN_LITERAL("00000000-0000-4000-8000-000000000008"), &w.arena, &d).outcome, MDM_ABSENT);
    end(&w);
}

static enum err_code read_text(const char *text, bool jamf, struct arena *arena, struct mdm_page *page)
{
    struct from_json *doc = NULL;
    struct span next = SPAN_NONE;
    struct err err;
    assert_int_equal(from_json_parse_in(arena, span_of(text), (struct from_json_limits){ 65536, MDM_DEPTH }, "answer", &doc, &err), OK);
    struct from_json_value root = from_json_root(doc);
    return jamf ? jamf_read_computers(&root, arena, page, &err) : intune_read_devices(&root, arena, page, &next, &err);
}

static void pages_are_read_strictly_and_devices_leniently(void **state)
{
    static const struct { const char *name; bool jamf; const char *text; enum err_code code; } rows[] = {
        { "Jamf: nothing", true, "{\"totalCount\":0,\"results\":[]}", OK },
        { "Jamf: sections that are null", true, "{\"totalCount\":1,\"results\":[{\"id\":\"1\",\"general\":null,\"hardware\":null}]}", OK },
        { "Jamf: members of other types", true, "{\"totalCount\":1,\"results\":[{\"id\":7,\"udid\":{},\"general\":{\"name\":7,\"supervised\":\"yes\",\"remoteManagement\":[]}}]}", OK },
        { "Jamf: no count", true, "{\"results\":[]}", ERR_INPUT },
        { "Jamf: a count below zero", true, "{\"totalCount\":-1,\"results\":[]}", ERR_INPUT },
        { "Jamf: no results", true, "{\"totalCount\":0}", ERR_INPUT },
        { "Jamf: an error", true, "{\"httpStatus\":200,\"errors\":[]}", ERR_INPUT },
        { "Jamf: a computer without id", true, "{\"totalCount\":1,\"results\":[{\"udid\":\"x\"}]}", ERR_INPUT },
        { "Jamf: an id that is a path", true, "{\"totalCount\":1,\"results\":[{\"id\":\"../1\"}]}", ERR_INPUT },
        { "Jamf: a computer that is none", true, "{\"totalCount\":1,\"results\":[7]}", ERR_INPUT },
        { "Jamf: an array", true, "[]", ERR_INPUT },
        { "Intune: nothing", false, "{\"value\":[]}", OK },
        { "Intune: only an id", false, "{\"value\":[{\"id\":\"a\"}]}", OK },
        { "Intune: members of other types", false, "{\"value\":[{\"id\":\"a\",\"isEncrypted\":\"true\",\"lastSyncDateTime\":7,\"managementAgent\":[]}]}", OK },
        { "Intune: a link that is no text", false, "{\"value\":[],\"@odata.nextLink\":7}", ERR_INPUT },
        { "Intune: no value", false, "{\"@odata.context\":\"x\"}", ERR_INPUT },
        { "Intune: an error", false, "{\"error\":{\"code\":\"x\"}}", ERR_INPUT },
        { "Intune: no id", false, "{\"value\":[{\"deviceName\":\"x\"}]}", ERR_INPUT },
        { "Intune: a device that is none", false, "{\"value\":[null]}", ERR_INPUT },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena;
        struct mdm_page page = { .total = -1 };
        arena_init(&arena, 4096, 1024 * 1024);
        print_message("%s\n", rows[i].name);
        assert_int_equal(read_text(rows[i].text, rows[i].jamf, &arena, &page), rows[i].code);
        arena_done(&arena);
    }
}

static void a_next_link_leads_on_in_the_same_list_or_nowhere(void **state)
{
    static const struct { const char *next; bool on; } rows[] = {
        { "https://graph.microsoft.com/v1.0/deviceManagement/managedDevices?$skiptoken=2", true },
        { "https://graph.microsoft.com/v1.0/deviceManagement/managedDevices?$skiptoken=1", false },
        { "https://graph.microsoft.com.evil.example/v1.0/deviceManagement/managedDevices?x", false },
        { "https://graph.microsoft.com@evil.example/v1.0/deviceManagement/managedDevices?x", false },
        { "https://evil.example/v1.0/deviceManagement/managedDevices?x", false },
        { "http://graph.microsoft.com/v1.0/deviceManagement/managedDevices?x", false },
        { "https://graph.microsoft.com/v1.0/users?x", false },
        { "https://graph.microsoft.com/v1.0/deviceManagement/managedDevices/../../users?x", false },
        { "https://graph.microsoft.com/v1.0/deviceManagement/managedDevices?a b", false },
        { "https://graph.microsoft.com/v1.0/deviceManagement/managedDevices?a#b", false },
        { "/v1.0/deviceManagement/managedDevices?x", false }, { "", false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].next);
        assert_int_equal(intune_leads_on(SPAN_LITERAL("https://graph.microsoft.com"), SPAN_LITERAL("https://graph.microsoft.com/v1.0/deviceManagement/managedDevices?$skiptoken=1"), span_of(rows[i].next)), rows[i].on);
    }
}

static void a_webhook_of_jamf_names_computers(void **state)
{
    static const struct { const char *name, *body; enum err_code code; size_t ids; const char *first; } rows[] = {
        { "inventory completed", "{\"webhook\":{\"webhookEvent\":\"ComputerInventoryCompleted\",\"eventTimestamp\":1796040000000},\"event\":{\"jssID\":7,\"udid\":\"x\"}}", OK, 1, "7" },
        { "check-in", "{\"webhook\":{\"webhookEvent\":\"ComputerCheckIn\"},\"event\":{\"computer\":{\"jssID\":8},\"trigger\":\"CLIENT_CHECKIN\"}}", OK, 1, "8" },
        { "smart group", "{\"webhook\":{\"webhookEvent\":\"SmartGroupComputerMembershipChange\"},\"event\":{\"jssid\":3,\"groupAddedDevicesIds\":[1,2],\"groupRemovedDevicesIds\":[3]}}", OK, 3, "1" },
        { "a telephone", "{\"webhook\":{\"webhookEvent\":\"MobileDeviceUnEnrolled\"},\"event\":{\"jssID\":7}}", OK, 0, "" },
        { "an event of no computer", "{\"webhook\":{\"webhookEvent\":\"JSSStartup\"},\"event\":{}}", OK, 0, "" },
        { "ids of other types", "{\"webhook\":{\"webhookEvent\":\"ComputerAdded\"},\"event\":{\"jssID\":\"../x\",\"groupAddedDevicesIds\":{\"a\":1}}}", OK, 0, "" },
        { "no event word", "{\"webhook\":{},\"event\":{\"jssID\":7}}", ERR_INPUT, 0, "" },
        { "XML", "<JSSEvent/>", ERR_INPUT, 0, "" },
        { "empty", "", ERR_INPUT, 0, "" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena;
        struct mdm_news news = { 0 };
        struct err err;
        arena_init(&arena, 16 * 1024, 1024 * 1024);
        print_message("%s\n", rows[i].name);
        assert_int_equal(jamf_read_hook(span_of(rows[i].body), &arena, &news, &err), rows[i].code);
        assert_int_equal(news.read_again_count, rows[i].ids);
        if (rows[i].ids > 0)
            assert_true(span_equal_text(news.read_again[0], rows[i].first));
        arena_done(&arena);
    }
}

static void what_is_missing_is_said_at_the_start(void **state)
{
    static const struct { const char *name; struct mdm_options o; enum err_code code; } rows[] = {
        { "Jamf", { .kind = MDM_JAMF, .url = { "https://acme.jamfcloud.com", 26 }, .client = { "c", 1 }, .secret = { "s", 1 } }, OK },
        { "Jamf without a client", { .kind = MDM_JAMF, .url = { "https://acme.jamfcloud.com", 26 }, .secret = { "s", 1 } }, ERR_INPUT },
        { "Jamf that is to act", { .kind = MDM_JAMF, .url = { "https://acme.jamfcloud.com", 26 }, .client = { "c", 1 }, .secret = { "s", 1 }, .strict = { "7", 1 } }, ERR_INPUT },
        { "Intune without its tenant", { .kind = MDM_INTUNE, .url = { "https://graph.microsoft.com", 27 }, .client = { "c", 1 }, .secret = { "s", 1 } }, ERR_INPUT },
        { "Intune", { .kind = MDM_INTUNE, .url = { "https://graph.microsoft.com", 27 }, .token_url = { "https://login.microsoftonline.com/t/oauth2/v2.0/token", 53 }, .client = { "c", 1 }, .secret = { "s", 1 } }, OK },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mdm_options o = rows[i].o;
        struct mdm *m = NULL;
        struct err err;
        o.id = SPAN_LITERAL("tenant");
        o.clock = clock_system();
        print_message("%s\n", rows[i].name);
        assert_int_equal(mdm_vendor(o.kind)->open(&o, &m, &err), rows[i].code);
        mdm_vendor(o.kind)->free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_device_is_read_once_with_one_token),
        cmocka_unit_test(a_token_that_ends_between_pages_is_fetched_anew_once),
        cmocka_unit_test(a_fault_is_named_and_never_half_used),
        cmocka_unit_test(wrong_credentials_are_not_repeated),
        cmocka_unit_test(only_what_reported_since_is_asked_for),
        cmocka_unit_test(one_device_is_read_as_the_vendor_has_it),
        cmocka_unit_test(pages_are_read_strictly_and_devices_leniently),
        cmocka_unit_test(a_next_link_leads_on_in_the_same_list_or_nowhere),
        cmocka_unit_test(a_webhook_of_jamf_names_computers),
        cmocka_unit_test(what_is_missing_is_said_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
