#include "connectors/agents/osquery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char *repeat(const char *before, const char *each, size_t times, const char *after)
{
    size_t bytes = strlen(before) + times * strlen(each) + strlen(after) + 1;
    char *text = malloc(bytes), *at = text;
    assert_non_null(text);
    at = stpcpy(at, before);
    for (size_t i = 0; i < times; i++)
        at = stpcpy(at, each);
    strcpy(at, after);
    return text;
}

static void assert_text(struct span got, const char *wanted, const char *row)
{
    if (!span_equal_text(got, wanted))
        fail_msg("%s: got \"%.*s\", wanted \"%s\"", row, SPAN_ARGS(got), wanted);
}

/* ---- keys ---- */

static void keys_are_read_or_refused(void **state)
{
    static const struct { const char *name, *body; enum err_code code; const char *key; } rows[] = {
        { "valid", "{\"node_key\":\"abc\"}", OK, "abc" },
        { "empty body", "", ERR_INPUT, "" },
        { "empty object", "{}", OK, "" },
        { "empty key", "{\"node_key\":\"\"}", OK, "" },
        { "number as key", "{\"node_key\":7}", OK, "" },
        { "null as key", "{\"node_key\":null}", OK, "" },
        { "array", "[]", ERR_INPUT, "" },
        { "cut short", "{\"node_key\":\"ab", ERR_INPUT, "" },
        { "twice", "{\"node_key\":\"a\",\"node_key\":\"b\"}", ERR_INPUT, "" },
        { "unknown members", "{\"x\":[1,{}],\"node_key\":\"k\"}", OK, "k" },
        { "bad UTF-8", "{\"node_key\":\"\xff\"}", ERR_INPUT, "" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(osquery_body_done) struct osquery_body body = { 0 };
        struct span key = SPAN_NONE;
        struct err err;
        enum err_code code = osquery_read_key(span_of(rows[i].body), &body, &key, &err);
        if (code != rows[i].code)
            fail_msg("%s: %s", rows[i].name, err_name(code));
        assert_text(key, rows[i].key, rows[i].name);
    }
}

static void a_key_of_any_length_is_whole_or_empty(void **state)
{
    (void)state;
    for (size_t bytes = OSQUERY_KEY_BYTES; bytes <= OSQUERY_KEY_BYTES + 1; bytes++) {
        char *text = repeat("{\"node_key\":\"", "k", bytes, "\"}");
        CLEANUP(osquery_body_done) struct osquery_body body = { 0 };
        struct span key = SPAN_NONE;
        assert_int_equal(osquery_read_key(span_of(text), &body, &key, NULL), OK);
        assert_int_equal(key.bytes, bytes <= OSQUERY_KEY_BYTES ? bytes : 0);
        free(text);
    }
}

static void deep_and_long_bodies_are_refused(void **state)
{
    char *deep = repeat("{\"x\":", "[", 10000, ""), *long_one = repeat("{\"x\":\"", "y", OSQUERY_SMALL_BYTES, "\"}");
    CLEANUP(osquery_body_done) struct osquery_body body = { 0 };
    struct span key;
    struct err err;
    (void)state;
    assert_int_equal(osquery_read_key(span_of(deep), &body, &key, &err), ERR_LIMIT);
    assert_int_equal(osquery_read_key(span_of(long_one), &body, &key, &err), ERR_LIMIT);
    free(deep);
    free(long_one);
}

/* ---- enrolment ---- */

static void platforms_are_told_apart(void **state)
{
    static const struct { const char *name, *body; enum platform platform; } rows[] = {
        { "macOS mask", "{\"platform_type\":\"21\"}", PLATFORM_MACOS },
        { "Linux mask", "{\"platform_type\":\"9\"}", PLATFORM_LINUX },
        { "Windows mask as number", "{\"platform_type\":2}", PLATFORM_WINDOWS },
        { "no mask, darwin", "{\"host_details\":{\"os_version\":{\"platform\":\"darwin\"}}}", PLATFORM_MACOS },
        { "no mask, ubuntu", "{\"host_details\":{\"os_version\":{\"platform\":\"ubuntu\"}}}", PLATFORM_LINUX },
        { "no mask, like rhel", "{\"host_details\":{\"os_version\":{\"platform\":\"rocky\",\"platform_like\":\"rhel fedora\"}}}", PLATFORM_LINUX },
        { "FreeBSD", "{\"platform_type\":\"37\"}", PLATFORM_UNKNOWN },
        { "hostile mask", "{\"platform_type\":\"99999999999999999999\"}", PLATFORM_UNKNOWN },
        { "nothing", "{}", PLATFORM_UNKNOWN },
        { "details of a wrong type", "{\"host_details\":[1]}", PLATFORM_UNKNOWN },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(osquery_body_done) struct osquery_body body = { 0 };
        struct osquery_enrolment said;
        assert_int_equal(osquery_read_enrolment(span_of(rows[i].body), &body, &said, NULL), OK);
        if (said.platform != rows[i].platform)
            fail_msg("%s: %s", rows[i].name, platform_name(said.platform));
    }
}

static void an_enrolment_is_read_whole(void **state)
{
    static const char text[] = "{\"enroll_secret\":\" s3cret\\n\",\"host_identifier\":\"H\",\"platform_type\":\"21\",\"host_details\":{"
                               "\"os_version\":{\"name\":\"macOS\",\"version\":\"15.5\",\"major\":\"15\"},\"osquery_info\":{\"version\":\"5.23.1\",\"uuid\":\"U1\",\"instance_id\":\"I1\"},"
                               "\"system_info\":{\"uuid\":\"U2\",\"hardware_serial\":\" C02X \",\"hardware_vendor\":\"Apple Inc.\",\"hardware_model\":\"Mac14,2\",\"computer_name\":\"Ann\"}}}";
    CLEANUP(osquery_body_done) struct osquery_body body = { 0 };
    struct osquery_enrolment said;
    (void)state;
    assert_int_equal(osquery_read_enrolment(span_of(text), &body, &said, NULL), OK);
    assert_text(said.secret, "s3cret", "secret");
    assert_text(said.host_identifier, "H", "identifier");
    assert_text(said.uuid, "U2", "uuid of the system");
    assert_text(said.instance, "I1", "instance");
    assert_text(said.serial, "C02X", "serial");
    assert_text(said.agent_version, "5.23.1", "agent");
    assert_text(said.os_version, "15.5", "os");
    assert_text(said.computer_name, "Ann", "name");
    assert_text(said.hostname, "", "hostname");
}

static void texts_about_a_host_are_cut_between_characters(void **state)
{
    char *text = repeat("{\"host_identifier\":\"x", "\xc3\xa9", OSQUERY_TEXT_BYTES, "\"}");
    CLEANUP(osquery_body_done) struct osquery_body body = { 0 };
    struct osquery_enrolment said;
    (void)state;
    assert_int_equal(osquery_read_enrolment(span_of(text), &body, &said, NULL), OK);
    assert_int_equal(said.host_identifier.bytes, OSQUERY_TEXT_BYTES - 1);
    assert_true(span_is_utf8(said.host_identifier));
    free(text);
}

static void made_up_hardware_is_recognised(void **state)
{
    static const struct { const char *vendor, *model; bool is_virtual; } rows[] = {
        { "QEMU", "Standard PC (Q35 + ICH9, 2009)", true }, { "VMware, Inc.", "VMware7,1", true }, { "innotek GmbH", "VirtualBox", true },
        { "Microsoft Corporation", "Virtual Machine", true }, { "Microsoft Corporation", "Surface Laptop 5", false }, { "Amazon EC2", "t3.micro", true },
        { "Google", "Google Compute Engine", true }, { "Google", "Pixelbook", false }, { "Apple Inc.", "Mac14,2", false }, { "Apple Inc.", "VirtualMac2,1", true },
        { "LENOVO", "20XW", false }, { "Xen", "HVM domU", true }, { "", "", false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (osquery_is_virtual(span_of(rows[i].vendor), span_of(rows[i].model)) != rows[i].is_virtual)
            fail_msg("%s %s", rows[i].vendor, rows[i].model);
}

/* ---- answers ---- */

struct answers_row { const char *name, *body; enum err_code code; size_t count, dropped; bool failed; size_t rows; const char *message; };

static const struct answers_row answers_rows[] = {
    { "rows", "{\"node_key\":\"k\",\"queries\":{\"q\":[{\"a\":\"1\"},{\"a\":\"2\"}]},\"statuses\":{\"q\":0}}", OK, 1, 0, false, 2, "" },
    { "status as text", "{\"queries\":{\"q\":[{\"a\":\"1\"}]},\"statuses\":{\"q\":\"0\"}}", OK, 1, 0, false, 1, "" },
    { "no statuses", "{\"queries\":{\"q\":[{\"a\":\"1\"}]}}", OK, 1, 0, false, 1, "" },
    { "empty result", "{\"queries\":{\"q\":[]},\"statuses\":{\"q\":0}}", OK, 1, 0, false, 0, "" },
    { "empty result of old agents", "{\"queries\":{\"q\":\"\"},\"statuses\":{\"q\":\"0\"}}", OK, 1, 0, false, 0, "" },
    { "failed", "{\"queries\":{\"q\":[]},\"statuses\":{\"q\":1},\"messages\":{\"q\":\"no such table: x\"}}", OK, 1, 0, true, 0, "no such table: x" },
    { "failed as text, old shape", "{\"queries\":{\"q\":\"\"},\"statuses\":{\"q\":\"1\"}}", OK, 1, 0, true, 0, "" },
    { "failed in statuses alone", "{\"queries\":{},\"statuses\":{\"q\":26}}", OK, 1, 0, true, 0, "" },
    { "status that cannot be read", "{\"queries\":{\"q\":[]},\"statuses\":{\"q\":\"x\"}}", OK, 1, 0, true, 0, "" },
    { "rows that are none", "{\"queries\":{\"q\":{\"a\":1}},\"statuses\":{\"q\":0}}", OK, 0, 1, false, 0, "" },
    { "text that is no empty result", "{\"queries\":{\"q\":\"rows\"},\"statuses\":{\"q\":0}}", OK, 0, 1, false, 0, "" },
    { "queries of a wrong type", "{\"queries\":[1],\"statuses\":7}", OK, 0, 0, false, 0, "" },
    { "nothing", "{}", OK, 0, 0, false, 0, "" },
    { "empty", "", ERR_INPUT, 0, 0, false, 0, "" },
    { "cut short", "{\"queries\":{\"q\":[{\"a\":\"1\"}", ERR_INPUT, 0, 0, false, 0, "" },
};

static void answers_come_in_many_shapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers_rows / sizeof answers_rows[0]; i++) {
        const struct answers_row *row = &answers_rows[i];
        CLEANUP(osquery_body_done) struct osquery_body body = { 0 };
        CLEANUP(arena_done) struct arena arena;
        struct osquery_answers got = { 0 };
        arena_init(&arena, 4096, 1024 * 1024);
        enum err_code code = osquery_read_answers(span_of(row->body), &arena, &body, &got, NULL);
        if (code != row->code || got.count != row->count || got.dropped != row->dropped)
            fail_msg("%s: %s, %zu answers, %zu dropped", row->name, err_name(code), got.count, got.dropped);
        if (got.count == 0)
            continue;
        assert_text(got.all[0].name, "q", row->name);
        assert_text(got.all[0].message, row->message, row->name);
        if (got.all[0].failed != row->failed || from_json_count(&got.all[0].rows) != row->rows)
            fail_msg("%s: failed %d, %zu rows", row->name, got.all[0].failed, from_json_count(&got.all[0].rows));
        if (!got.all[0].failed && from_json_kind(&got.all[0].rows) != FROM_JSON_ARRAY)
            fail_msg("%s: rows are no array", row->name);
    }
}

/* What is not looked up is not waited for either: the cost of a body is no product of what a peer sends. */
static void more_names_than_we_ask_for_are_refused(void **state)
{
    static const struct { const char *name, *key, *value; int count; enum err_code code; } rows[] = {
        { "as many answers as we look at", "queries", "[]", OSQUERY_MAX_ANSWERS, OK },
        { "one answer more", "queries", "[]", OSQUERY_MAX_ANSWERS + 1, ERR_LIMIT },
        { "as many failures", "statuses", "1", OSQUERY_MAX_ANSWERS, OK },
        { "one failure more", "statuses", "1", OSQUERY_MAX_ANSWERS + 1, ERR_LIMIT },
        { "one message more", "messages", "\"no\"", OSQUERY_MAX_ANSWERS + 1, ERR_LIMIT },
    };
    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        CLEANUP(osquery_body_done) struct osquery_body body = { 0 };
        CLEANUP(arena_done) struct arena arena;
        CLEANUP(buf_done) struct buf text;
        struct osquery_answers got = { 0 };
        arena_init(&arena, 4096, 1024 * 1024);
        buf_init(&text, 1024 * 1024);
        buf_format(&text, "{\"%s\":{", rows[row].key);
        for (int i = 0; i < rows[row].count; i++)
            buf_format(&text, "%s\"q%d\":%s", i > 0 ? "," : "", i, rows[row].value);
        buf_append_text(&text, "}}");
        enum err_code code = osquery_read_answers(buf_span(&text), &arena, &body, &got, NULL);
        if (code != rows[row].code || got.count != (code == OK ? (size_t)rows[row].count : 0))
            fail_msg("%s: %s, %zu answers", rows[row].name, err_name(code), got.count);
    }
}

/* ---- who sent a long body ---- */

static void the_sender_of_a_long_body_is_found_without_reading_it(void **state)
{
    static const struct { const char *name, *body, *key; } peeks[] = {
        { "first", "{\"node_key\":\"k\",\"data\":[1]}", "k" },
        { "last, with blanks", " { \"data\" : [{\"node_key\":\"x\"}], \"node_key\" :\n \"k\" }", "k" },
        { "of an inner object", "{\"a\":{\"node_key\":\"x\"},\"b\":[\"node_key\"]}", "" },
        { "as a value", "{\"a\":\"node_key\",\"node_key\":\"k\"}", "" }, /* the first that could be it decides: agents write no such thing */
        { "in a text", "{\"a\":\"\\\"node_key\\\":\\\"x\\\"\",\"node_key\":\"k\"}", "k" },
        { "in what is no JSON, as reading it will tell", "{]}{\"node_key\":\"k\"", "k" },
        { "an escape", "{\"node_key\":\"\\u006b\"}", "" },
        { "a number", "{\"node_key\":1}", "" },
        { "no value", "{\"node_key\"", "" },
        { "no text", "{\"node_key\":", "" },
        { "a quote", "{\"node_key\":\"", "" },
        { "an array", "[\"node_key\",\"k\"]", "" },
        { "empty", "", "" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof peeks / sizeof peeks[0]; i++)
        assert_text(osquery_peek_key(span_of(peeks[i].body)), peeks[i].key, peeks[i].name);
}

/* ---- the log ---- */

#define LINE(rest) "{\"log_type\":\"result\",\"node_key\":\"k\",\"data\":[{\"name\":\"postern/a/1\",\"unixTime\":1780308000," rest "}]}"
struct log_row { const char *name, *body; enum err_code code; size_t count, dropped, rows; int64_t unix_s; };

static const struct log_row log_rows[] = {
    { "snapshot", LINE("\"action\":\"snapshot\",\"snapshot\":[{\"a\":\"1\"}]"), OK, 1, 0, 1, 1780308000 },
    { "empty snapshot", LINE("\"action\":\"snapshot\",\"snapshot\":[]"), OK, 1, 0, 0, 1780308000 },
    { "batch, first set", LINE("\"counter\":0,\"diffResults\":{\"added\":[{\"a\":\"1\"},{\"a\":\"2\"}],\"removed\":[]}"), OK, 1, 0, 2, 1780308000 },
    { "batch, counter as text", LINE("\"counter\":\"0\",\"diffResults\":{\"added\":[{\"a\":\"1\"}]}"), OK, 1, 0, 1, 1780308000 },
    { "batch, a difference", LINE("\"counter\":1,\"diffResults\":{\"added\":[{\"a\":\"1\"}]}"), OK, 0, 1, 0, 0 },
    { "event, first set", LINE("\"counter\":0,\"action\":\"added\",\"columns\":{\"a\":\"1\"}"), OK, 1, 0, 1, 1780308000 },
    { "event, removed", LINE("\"counter\":0,\"action\":\"removed\",\"columns\":{\"a\":\"1\"}"), OK, 0, 1, 0, 0 },
    { "event, later", LINE("\"counter\":4,\"action\":\"added\",\"columns\":{\"a\":\"1\"}"), OK, 0, 1, 0, 0 },
    { "snapshot as events", LINE("\"counter\":9,\"action\":\"snapshot\",\"columns\":{\"a\":\"1\"}"), OK, 1, 0, 1, 1780308000 },
    { "event rows of one set are joined",
      "{\"data\":[{\"name\":\"postern/a/1\",\"unixTime\":\"9\",\"counter\":0,\"action\":\"added\",\"columns\":{\"a\":\"1\"}},"
      "{\"name\":\"postern/a/1\",\"unixTime\":9,\"counter\":0,\"action\":\"added\",\"columns\":{\"a\":\"2\"}}]}", OK, 1, 0, 2, 9 },
    { "another time is another set",
      "{\"data\":[{\"name\":\"postern/a/1\",\"unixTime\":9,\"action\":\"snapshot\",\"columns\":{\"a\":\"1\"}},"
      "{\"name\":\"postern/a/1\",\"unixTime\":10,\"action\":\"snapshot\",\"columns\":{\"a\":\"2\"}}]}", OK, 2, 0, 1, 9 },
    { "somebody else's query", "{\"data\":[{\"name\":\"pack_x\",\"unixTime\":9,\"snapshot\":[]}]}", OK, 0, 1, 0, 0 },
    { "no time", "{\"data\":[{\"name\":\"postern/a/1\",\"snapshot\":[]}]}", OK, 0, 1, 0, 0 },
    { "time as text", "{\"data\":[{\"name\":\"postern/a/1\",\"unixTime\":\"12\",\"snapshot\":[]}]}", OK, 1, 0, 0, 12 },
    { "negative time", "{\"data\":[{\"name\":\"postern/a/1\",\"unixTime\":-12,\"snapshot\":[]}]}", OK, 0, 1, 0, 0 },
    { "lines of wrong types", "{\"data\":[1,\"x\",null,[],{}]}", OK, 0, 5, 0, 0 },
    { "data of a wrong type", "{\"data\":{\"a\":1}}", OK, 0, 0, 0, 0 },
    { "empty", "", ERR_INPUT, 0, 0, 0, 0 },
    { "cut short", "{\"data\":[{\"name\":\"pos", ERR_INPUT, 0, 0, 0, 0 },
};

static void logs_give_full_sets_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof log_rows / sizeof log_rows[0]; i++) {
        const struct log_row *row = &log_rows[i];
        CLEANUP(osquery_body_done) struct osquery_body body = { 0 };
        CLEANUP(arena_done) struct arena arena;
        struct osquery_log got = { 0 };
        arena_init(&arena, 4096, 8 * 1024 * 1024);
        enum err_code code = osquery_read_log(span_of(row->body), SPAN_LITERAL("postern/"), &arena, &body, &got, NULL);
        if (code != row->code || got.count != row->count || got.dropped != row->dropped)
            fail_msg("%s: %s, %zu sets, %zu dropped", row->name, err_name(code), got.count, got.dropped);
        if (got.count > 0 && (from_json_count(&got.sets[0].rows) != row->rows || got.sets[0].unix_s != row->unix_s))
            fail_msg("%s: %zu rows at %lld", row->name, from_json_count(&got.sets[0].rows), (long long)got.sets[0].unix_s);
    }
}

static void status_lines_are_counted_and_errors_of_ours_told(void **state)
{
    static const char text[] = "{\"log_type\":\"status\",\"node_key\":\"k\",\"data\":[{\"severity\":\"2\",\"message\":\"Error executing postern/a/1: no table\"},"
                               "{\"severity\":2,\"message\":\"of somebody else\"},{\"severity\":1,\"message\":\"postern/ warns\"}]}";
    CLEANUP(osquery_body_done) struct osquery_body body = { 0 };
    CLEANUP(arena_done) struct arena arena;
    struct osquery_log got;
    (void)state;
    arena_init(&arena, 4096, 1024 * 1024);
    assert_int_equal(osquery_read_log(span_of(text), SPAN_LITERAL("postern/"), &arena, &body, &got, NULL), OK);
    assert_true(got.status);
    assert_int_equal(got.lines, 3);
    assert_int_equal(got.count, 0);
    assert_int_equal(got.errors, 1);
    assert_text(got.error, "Error executing postern/a/1: no table", "error");
}

static void lines_past_the_limit_are_dropped(void **state)
{
    CLEANUP(osquery_body_done) struct osquery_body body = { 0 };
    CLEANUP(arena_done) struct arena arena;
    struct osquery_log got;
    char *text = repeat("{\"data\":[{}", ",{\"name\":\"postern/a/1\",\"unixTime\":5,\"snapshot\":[]}", OSQUERY_MAX_LINES + 1, "]}");
    (void)state;
    arena_init(&arena, 4096, 8 * 1024 * 1024);
    assert_int_equal(osquery_read_log(span_of(text), SPAN_LITERAL("postern/"), &arena, &body, &got, NULL), OK);
    assert_int_equal(got.count, OSQUERY_MAX_LINES);
    assert_int_equal(got.dropped, 2);
    free(text);
}

/* ---- what goes out ---- */

static const char policy_text[] = "policy: t\nsensitivities: [low]\napps: [{ id: a, title: A, sensitivity: low }]\nchecks:\n"
                                  "  - { id: quick, title: T, what: W, why: Y, fix: { linux: [do] }, minutes: 1, needs_admin: false, restart: false, severity: normal, collects: C,\n"
                                  "      osquery: { linux: \"SELECT 1 AS one\" }, pass: \"rows > 0\", interval: 1h, fresh_for: 3d }\n"
                                  "  - { id: slow, title: T, what: W, why: Y, fix: { linux: [do] }, minutes: 1, needs_admin: false, restart: false, severity: normal, collects: C,\n"
                                  "      osquery: { linux: \"SELECT 2 AS two\" }, pass: \"rows > 0\", interval: 4h, fresh_for: 3d }\n"
                                  "ladders:\n  - { id: l, applies_to: { severity: [normal], groups: [everyone] }, rungs: [{ id: n, after: 0d, nudge: true }] }\n";

static struct policy *read_policy(void)
{
    struct mistakes mistakes;
    struct policy *policy = NULL;
    mistakes_init(&mistakes);
    policy_read(span_of(policy_text), SPAN_LITERAL("test.yaml"), &mistakes, &policy);
    if (policy == NULL) {
        struct buf text;
        buf_init(&text, 65536);
        mistakes_print(&mistakes, &text);
        fail_msg("%s", buf_text(&text));
    }
    mistakes_done(&mistakes);
    return policy;
}

static void a_configuration_is_the_same_bytes_and_schedules_slow_checks(void **state)
{
    CLEANUP(policy_freep) struct policy *policy = read_policy();
    CLEANUP(buf_done) struct buf one;
    CLEANUP(buf_done) struct buf two;
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    (void)state;
    buf_init(&one, 65536);
    buf_init(&two, 65536);
    osquery_write_config(policy, PLATFORM_LINUX, 15, &one);
    osquery_write_config(policy, PLATFORM_LINUX, 15, &two);
    assert_true(span_equal(buf_span(&one), buf_span(&two)));
    assert_int_equal(from_json_parse(buf_span(&one), (struct from_json_limits){ 65536, 8 }, "config", &doc, NULL), OK);
    struct from_json_value root = from_json_root(doc), schedule = from_json_member(&root, "schedule"), options = from_json_member(&root, "options");
    struct from_json_value off = from_json_member(&options, "disable_distributed");
    void *at = NULL;
    const char *name;
    struct from_json_value entry, interval;
    bool is_off = true;
    int64_t seconds = 0;
    assert_int_equal(from_json_bool(&off, &is_off, NULL), OK);
    assert_false(is_off);
    assert_int_equal(from_json_count(&schedule), 1);
    assert_true(from_json_each(&schedule, &at, &name, &entry));
    assert_true(span_starts(span_of(name), SPAN_LITERAL("postern/slow/")));
    interval = from_json_member(&entry, "interval");
    assert_int_equal(from_json_int(&interval, 0, 1000000, &seconds, NULL), OK);
    assert_int_equal(seconds, 4 * 3600);
    buf_clear(&two);
    osquery_write_config(policy, PLATFORM_WINDOWS, 60, &two);
    assert_true(span_search(buf_span(&two), SPAN_LITERAL("\"schedule\":{}")) < two.bytes);
}

static void questions_have_a_discovery_each_and_a_number_to_hurry(void **state)
{
    static const struct osquery_query queries[] = { { SPAN_LITERAL("a"), SPAN_LITERAL("SELECT \"x\"") }, { SPAN_LITERAL("b"), SPAN_LITERAL("SELECT 2") } };
    static const struct { size_t count; int64_t accelerate_s; const char *text; } rows[] = {
        { 0, 0, "{\"queries\":{},\"discovery\":{}}" },
        { 1, 30, "{\"queries\":{\"a\":\"SELECT \\\"x\\\"\"},\"discovery\":{\"a\":\"SELECT 1\"},\"accelerate\":30}" },
        { 2, 0, "{\"queries\":{\"a\":\"SELECT \\\"x\\\"\",\"b\":\"SELECT 2\"},\"discovery\":{\"a\":\"SELECT 1\",\"b\":\"SELECT 1\"}}" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(buf_done) struct buf out;
        buf_init(&out, 4096);
        osquery_write_queries(queries, rows[i].count, rows[i].accelerate_s, &out);
        assert_text(buf_span(&out), rows[i].text, "answer");
    }
}

static void the_flags_name_the_server(void **state)
{
    CLEANUP(buf_done) struct buf out;
    (void)state;
    buf_init(&out, 4096);
    osquery_write_flags(SPAN_LITERAL("posture.example.com:8443"), &out);
    assert_true(span_starts(buf_span(&out), SPAN_LITERAL("--tls_hostname=posture.example.com:8443\n")));
    assert_true(span_search(buf_span(&out), SPAN_LITERAL("\n--disable_distributed=false\n")) < out.bytes);
    assert_true(span_search(buf_span(&out), SPAN_LITERAL("\n--disable_carver=true\n")) < out.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_read_or_refused),
        cmocka_unit_test(a_key_of_any_length_is_whole_or_empty),
        cmocka_unit_test(deep_and_long_bodies_are_refused),
        cmocka_unit_test(platforms_are_told_apart),
        cmocka_unit_test(an_enrolment_is_read_whole),
        cmocka_unit_test(texts_about_a_host_are_cut_between_characters),
        cmocka_unit_test(made_up_hardware_is_recognised),
        cmocka_unit_test(answers_come_in_many_shapes),
        cmocka_unit_test(more_names_than_we_ask_for_are_refused),
        cmocka_unit_test(logs_give_full_sets_only),
        cmocka_unit_test(the_sender_of_a_long_body_is_found_without_reading_it),
        cmocka_unit_test(status_lines_are_counted_and_errors_of_ours_told),
        cmocka_unit_test(lines_past_the_limit_are_dropped),
        cmocka_unit_test(a_configuration_is_the_same_bytes_and_schedules_slow_checks),
        cmocka_unit_test(questions_have_a_discovery_each_and_a_number_to_hurry),
        cmocka_unit_test(the_flags_name_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
