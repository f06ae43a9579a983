/* What device managers answer, read: valid, hostile, cut short, too long. */
#include "connectors/mdm/fleet.h"
#include "connectors/mdm/kandji.h"
#include "connectors/mdm/nanomdm.h"
#include "connectors/mdm/plist.h"
#include "posture/base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static struct arena arena;
static int begin(void **state) { (void)state; arena_init(&arena, 4096, 64 * 1024 * 1024); return 0; }
static int end(void **state) { (void)state; arena_done(&arena); return 0; }

static struct from_json_value parse(const char *text)
{
    struct from_json *doc = NULL;
    struct err err;
    if (from_json_parse_in(&arena, span_of(text), (struct from_json_limits){ 1024 * 1024, 32 }, "answer", &doc, &err) != OK)
        fail_msg("%s", err.text);
    return from_json_root(doc);
}

static void fleets_hosts(void **state)
{
    static const struct { const char *name, *json; enum err_code code; const char *serial, *owner, *group, *version; enum mdm_truth managed, personal; enum platform platform; } rows[] = {
        { "a Mac", "{\"hosts\":[{\"id\":7,\"hardware_serial\":\"C02X\",\"platform\":\"darwin\",\"os_version\":\"macOS 15.5\",\"team_id\":3,\"mdm\":{\"enrollment_status\":\"On (automatic)\"},"
                   "\"device_mapping\":[{\"email\":\"b@x.example\",\"source\":\"google_chrome_profiles\"},{\"email\":\"Ana@Acme.example\",\"source\":\"identity_provider\"}]}]}",
          OK, "C02X", "ana@acme.example", "3", "15.5", MDM_YES, MDM_NOT_SAID, PLATFORM_MACOS },
        { "Windows", "{\"hosts\":[{\"id\":\"8\",\"platform\":\"windows\",\"os_version\":\"Windows 11 Pro 23H2 10.0.22631.3007\",\"mdm\":{\"enrollment_status\":\"Pending\"}}]}", OK, "", "", "", "10.0.22631.3007", MDM_NO,
          MDM_NOT_SAID, PLATFORM_WINDOWS },
        { "a person's own", "{\"hosts\":[{\"id\":9,\"mdm\":{\"enrollment_status\":\"On (personal)\"}}]}", OK, "", "", "", "", MDM_YES, MDM_YES, PLATFORM_UNKNOWN },
        { "managed by another", "{\"hosts\":[{\"id\":9,\"mdm\":{\"enrollment_status\":\"On (manual)\",\"connected_to_fleet\":false}}]}", OK, "", "", "", "", MDM_NO, MDM_NOT_SAID, PLATFORM_UNKNOWN },
        { "types that are wrong say nothing", "{\"hosts\":[{\"id\":9,\"hardware_serial\":7,\"os_version\":[],\"mdm\":\"On\",\"team_id\":{},\"device_mapping\":7}]}", OK, "", "", "", "", MDM_NOT_SAID,
          MDM_NOT_SAID, PLATFORM_UNKNOWN },
        { "text that could steer a terminal", "{\"hosts\":[{\"id\":9,\"hardware_serial\":\"\\u001b[31m\"}]}", OK, "", "", "", "", MDM_NOT_SAID, MDM_NOT_SAID, PLATFORM_UNKNOWN },
        { "no hosts", "{}", ERR_INPUT, "", "", "", "", MDM_NOT_SAID, MDM_NOT_SAID, PLATFORM_UNKNOWN },
        { "not an object", "[]", ERR_INPUT, "", "", "", "", MDM_NOT_SAID, MDM_NOT_SAID, PLATFORM_UNKNOWN },
        { "a host without id", "{\"hosts\":[{\"hardware_serial\":\"C02X\"}]}", ERR_INPUT, "", "", "", "", MDM_NOT_SAID, MDM_NOT_SAID, PLATFORM_UNKNOWN },
        { "an id that leads elsewhere", "{\"hosts\":[{\"id\":\"../users/1\"}]}", ERR_INPUT, "", "", "", "", MDM_NOT_SAID, MDM_NOT_SAID, PLATFORM_UNKNOWN },
        { "a host that is none", "{\"hosts\":[null]}", ERR_INPUT, "", "", "", "", MDM_NOT_SAID, MDM_NOT_SAID, PLATFORM_UNKNOWN },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct from_json_value root = parse(rows[i].json);
        struct mdm_page page = { .count = 0 };
        struct err err;
        print_message("%s\n", rows[i].name);
        assert_int_equal(fleet_read_hosts(&root, &arena, &page, &err), rows[i].code);
        if (rows[i].code != OK)
            continue;
        const struct mdm_device *d = &page.devices[0];
        assert_true(span_equal_text(d->serial, rows[i].serial) && span_equal_text(d->owner, rows[i].owner) && span_equal_text(d->group, rows[i].group));
        assert_true(span_equal_text(d->os_version, rows[i].version));
        assert_int_equal(d->managed, rows[i].managed);
        assert_int_equal(d->personal, rows[i].personal);
        assert_int_equal(d->platform, rows[i].platform);
    }
}

static void times_as_vendors_write_them(void **state)
{
    static const struct { const char *json; int64_t at_s; } rows[] = {
        { "{\"t\":\"2026-06-01T09:00:00Z\"}", 1780304400 },       { "{\"t\":\"2026-06-01T09:00:00.123456Z\"}", 1780304400 },
        { "{\"t\":\"2026-06-01 09:00:00.467131+00:00\"}", 1780304400 }, { "{\"t\":\"2026-06-01T11:00:00+02:00\"}", 1780304400 },
        { "{\"t\":\"2026-06-01T09:00:00\"}", 1780304400 },        { "{\"t\":\"0001-01-01T00:00:00Z\"}", 0 },
        { "{\"t\":\"\"}", 0 }, { "{\"t\":7}", 0 }, { "{\"t\":\"yesterday, about noon\"}", 0 }, { "{\"t\":\"2999-06-01T09:00:00Z\"}", 0 }, { "{}", 0 } };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct from_json_value root = parse(rows[i].json);
        print_message("%s\n", rows[i].json);
        assert_int_equal(mdm_time(&root, "t"), rows[i].at_s);
    }
}

static void kandjis_tables(void **state)
{
    struct err err;
    struct mdm_page page;
    (void)state;
    struct from_json_value root = parse("[{\"device_id\":\"a-1\",\"serial_number\":\"C02X\",\"platform\":\"Mac\",\"mdm_enabled\":\"True\",\"blueprint_id\":\"b-1\",\"user\":{\"email\":\"ana@acme.example\"}},"
                                        "{\"device_id\":\"a-2\",\"platform\":\"iPhone\",\"mdm_enabled\":true,\"is_removed\":true,\"user\":\"\"}]");
    assert_int_equal(kandji_read_devices(&root, &arena, &page, &err), OK);
    assert_int_equal(page.count, 2);
    assert_true(page.devices[0].managed == MDM_YES && page.devices[0].platform == PLATFORM_MACOS && span_equal_text(page.devices[0].owner, "ana@acme.example"));
    assert_true(page.devices[1].managed == MDM_NO && page.devices[1].platform == PLATFORM_UNKNOWN && span_empty(page.devices[1].owner));
    root = parse("{\"data\":[{\"device_id\":\"a-1\",\"status\":false},{\"device_id\":\"a-2\",\"status\":null}]}");
    assert_int_equal(kandji_read_filevault(&root, &arena, &page, &err), OK);
    assert_true(page.partial && page.count == 1 && page.devices[0].encrypted == MDM_NO);
    root = parse("{\"detail\":\"Not found.\"}");
    assert_int_equal(kandji_read_devices(&root, &arena, &page, &err), ERR_INPUT);
    assert_int_equal(kandji_read_filevault(&root, &arena, &page, &err), ERR_INPUT);
}

static void property_lists(void **state)
{
    static const struct { const char *name, *xml; enum err_code code; } rows[] = {
        { "all kinds", "<?xml version=\"1.0\"?><!DOCTYPE plist PUBLIC \"a\" \"b\"><plist version=\"1.0\"><dict><key>a</key><string>x &amp; y</string><key>b</key><true/><key>c</key>"
                       "<array><integer>1</integer><data>AA==</data></array><key>d</key><dict/></dict></plist>", OK },
        { "a comment", "<plist><!-- x --><string>a</string></plist>", OK },
        { "empty", "", ERR_INPUT },
        { "no root", "<dict/>", ERR_INPUT },
        { "an empty root", "<plist/>", ERR_INPUT },
        { "two values", "<plist><true/><true/></plist>", ERR_INPUT },
        { "a document type with rules", "<!DOCTYPE plist [<!ENTITY a \"b\">]><plist><string>&a;</string></plist>", ERR_INPUT },
        { "an entity that nobody knows", "<plist><string>&a;</string></plist>", ERR_INPUT },
        { "a value without a key", "<plist><dict><string>a</string></dict></plist>", ERR_INPUT },
        { "a key without a value", "<plist><dict><key>a</key></dict></plist>", ERR_INPUT },
        { "elements crossed", "<plist><dict><key>a</key><array></dict></array></plist>", ERR_INPUT },
        { "an element in a text", "<plist><string>a<b/></string></plist>", ERR_INPUT },
        { "cut short", "<plist><dict><key>a</key><string>b", ERR_INPUT },
        { "a name that is none", "<plist><bool/></plist>", ERR_INPUT },
        { "not UTF-8", "<plist><string>\xff</string></plist>", ERR_INPUT },
        { "twelve deep", "<plist><array><array><array><array><array><array><array><array><array><array><array><array/></array></array></array></array></array></array></array></array></array></array></array></plist>", OK },
        { "one deeper", "<plist><array><array><array><array><array><array><array><array><array><array><array><array><true/></array></array></array></array></array></array></array></array></array></array></array></array></plist>", ERR_LIMIT },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct plist *root = NULL;
        struct err err = { OK, "" };
        print_message("%s\n", rows[i].name);
        assert_int_equal(plist_read(span_of(rows[i].xml), &arena, &root, &err), rows[i].code);
        if (i == 0) {
            assert_true(span_equal_text(plist_text(root, "a"), "x & y"));
            assert_int_equal(plist_get(root, "b")->kind, PLIST_TRUE);
            assert_null(plist_get(root, "e"));
        }
    }
}

static struct span hook_body(const char *topic, const char *event, const char *plist)
{
    struct buf base64;
    buf_init(&base64, 64 * 1024);
    assert_true(secret_base64(span_of(plist), &base64));
    struct span body = arena_format(&arena, "{\"topic\":\"%s\",\"event_id\":\"e1\",\"created_at\":\"2026-06-01T09:00:00Z\",\"%s\":{\"udid\":\"AAAA-1\",\"raw_payload\":\"%.*s\"}}", topic, event,
                                    SPAN_ARGS(buf_span(&base64)));
    buf_done(&base64);
    return body;
}

static void nanomdms_webhooks(void **state)
{
    struct mdm_news news;
    struct err err;
    (void)state;
    struct span strict = SPAN_LITERAL("com.acme.strict");
    assert_int_equal(nanomdm_read_hook(hook_body("mdm.Authenticate", "checkin_event", "<plist><dict><key>SerialNumber</key><string>C02X</string><key>ProductName</key><string>Mac14,2</string></dict></plist>"), strict, &arena, &news, &err), OK);
    assert_true(news.has_device && news.partial && span_equal_text(news.device.serial, "C02X") && news.device.platform == PLATFORM_MACOS && news.device.managed == MDM_NOT_SAID);
    assert_int_equal(nanomdm_read_hook(hook_body("mdm.TokenUpdate", "checkin_event", "<plist><dict/></plist>"), strict, &arena, &news, &err), OK);
    assert_true(news.device.managed == MDM_YES && news.read_again_count == 1);
    assert_int_equal(nanomdm_read_hook(hook_body("mdm.CheckOut", "checkin_event", "<plist><dict/></plist>"), strict, &arena, &news, &err), OK);
    assert_int_equal(news.device.managed, MDM_NO);
    assert_int_equal(nanomdm_read_hook(hook_body("mdm.Connect", "acknowledge_event", "<plist><dict><key>SecurityInfo</key><dict><key>FDE_Enabled</key><false/></dict></dict></plist>"), strict, &arena, &news, &err), OK);
    assert_true(news.device.encrypted == MDM_NO && news.device.facts_s == 1780304400 && span_empty(news.device.group));
    assert_int_equal(nanomdm_read_hook(hook_body("mdm.Connect", "acknowledge_event", "<plist><dict><key>ProfileList</key><array><dict><key>PayloadIdentifier</key><string>com.acme.strict</string></dict></array></dict></plist>"), strict, &arena, &news, &err), OK);
    assert_true(span_equal(news.device.group, strict));
    assert_int_equal(nanomdm_read_hook(hook_body("mdm.Connect", "acknowledge_event", "<plist><dict><key>ProfileList</key><array/></dict></plist>"), strict, &arena, &news, &err), OK);
    assert_true(span_equal_text(news.device.group, "none"));
    assert_int_equal(nanomdm_read_hook(hook_body("mdm.Connect", "acknowledge_event", "<plist><dict>"), strict, &arena, &news, &err), ERR_INPUT);
    assert_int_equal(nanomdm_read_hook(SPAN_LITERAL("{\"topic\":\"mdm.Connect\",\"acknowledge_event\":{\"udid\":\"../x\"}}"), strict, &arena, &news, &err), ERR_INPUT);
    assert_int_equal(nanomdm_read_hook(SPAN_LITERAL("{}"), strict, &arena, &news, &err), OK);
    assert_false(news.has_device);
}

static struct span shown(void *context, const char *name) { return strcmp(name, "x-hmac-signature") == 0 ? *(struct span *)context : SPAN_NONE; }

static void a_webhook_is_believed_by_its_signature(void **state)
{
    static const char body[] = "{\"topic\":\"mdm.Connect\"}";
    uint8_t mac[SECRET_HASH_BYTES];
    char hex[SECRET_HEX_BYTES + 1];
    struct buf base64;
    struct mdm_news news;
    struct err err;
    struct mdm_options o = { .id = SPAN_LITERAL("nano"), .hook_secrets = { SPAN_LITERAL("0123456789abcdef"), SPAN_LITERAL("fedcba9876543210") } };
    (void)state;
    buf_init(&base64, 128);
    secret_hmac(o.hook_secrets[1], span_of(body), mac);
    secret_hex(mac, sizeof mac, hex);
    assert_true(secret_base64(span_make(mac, sizeof mac), &base64));
    struct span good = buf_span(&base64), wrong = span_of(hex), none = SPAN_NONE;
    struct mdm_hook hook = { shown, &good, span_of(body), 0 };
    assert_int_equal(mdm_nanomdm.hook(&o, &hook, &arena, &news, &err), OK); /* under the older secret, too */
    hook.context = &wrong;
    assert_int_equal(mdm_nanomdm.hook(&o, &hook, &arena, &news, &err), ERR_DENIED);
    hook.context = &none;
    assert_int_equal(mdm_nanomdm.hook(&o, &hook, &arena, &news, &err), ERR_DENIED);
    hook.context = &good;
    hook.body = SPAN_LITERAL("{\"topic\":\"mdm.CheckOut\"}");
    assert_int_equal(mdm_nanomdm.hook(&o, &hook, &arena, &news, &err), ERR_DENIED);
    o.hook_secrets[0] = o.hook_secrets[1] = SPAN_NONE;
    assert_int_equal(mdm_nanomdm.hook(&o, &hook, &arena, &news, &err), ERR_DENIED);
    buf_done(&base64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fleets_hosts, begin, end),
        cmocka_unit_test_setup_teardown(times_as_vendors_write_them, begin, end),
        cmocka_unit_test_setup_teardown(kandjis_tables, begin, end),
        cmocka_unit_test_setup_teardown(property_lists, begin, end),
        cmocka_unit_test_setup_teardown(nanomdms_webhooks, begin, end),
        cmocka_unit_test_setup_teardown(a_webhook_is_believed_by_its_signature, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
