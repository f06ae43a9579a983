#include "posture/check_library.h"
#include "posture/evaluate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS VECTORS_DIR "/osquery/rows"

enum { FILE_BYTES = 1024 * 1024 };
static const struct from_json_limits LIMITS = { FILE_BYTES, 16 };

/* A policy of every library check. */
static struct policy *all_checks(void)
{
    struct policy *policy;
    struct mistakes mistakes;
    struct buf text, said;
    size_t count;
    const struct library_check *all = check_library_all(&count);
    buf_init(&text, FILE_BYTES);
    buf_init(&said, FILE_BYTES);
    mistakes_init(&mistakes);
    buf_append_text(&text, "policy: all\nsensitivities: [s]\napps: []\nladders: []\nchecks:\n");
    for (size_t i = 0; i < count; i++)
        buf_format(&text, "- use: library/%.*s\n", SPAN_ARGS(all[i].id));
    policy_read(buf_span(&text), SPAN_LITERAL("all"), &mistakes, &policy);
    assert_true(mistakes_print(&mistakes, &said));
    if (mistakes.count > 0)
        fail_msg("%s", buf_text(&said)); /* warnings too: what ships speaks to people */
    mistakes_done(&mistakes);
    buf_done(&said);
    buf_done(&text);
    return policy;
}

static void checks_are_found_by_id(void **state)
{
    (void)state;
    size_t count;
    const struct library_check *all = check_library_all(&count);
    assert_true(count >= 20);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(check_library_find(all[i].id), &all[i]);
        assert_true(i == 0 || span_compare(all[i - 1].id, all[i].id) < 0);
        assert_true(span_starts(all[i].yaml, SPAN_LITERAL("id: ")));
        assert_true(span_starts(span_slice(all[i].yaml, 4, all[i].yaml.bytes), all[i].id));
    }
    assert_null(check_library_find(span_of("disk")));
    assert_null(check_library_find(SPAN_NONE));
}

static void every_check_is_good_and_its_canonical_form_is_the_same_policy(void **state)
{
    (void)state;
    size_t count;
    struct policy *policy = all_checks(), *again;
    struct mistakes mistakes;
    mistakes_init(&mistakes);
    check_library_all(&count);
    assert_int_equal(policy->check_count, count);
    policy_read(policy->canonical, SPAN_LITERAL("canonical"), &mistakes, &again);
    assert_int_equal(mistakes.count, 0);
    assert_non_null(again);
    assert_string_equal(policy->version, again->version);
    for (size_t i = 0; i < count; i++)
        assert_true(span_equal(policy->checks[i].version, again->checks[i].version));
    mistakes_done(&mistakes);
    policy_free(again);
    policy_free(policy);
}

static struct span text_of(const struct from_json_value *row, const char *key)
{
    struct span text;
    struct err err;
    struct from_json_value member = from_json_member(row, key);
    if (from_json_text(&member, 256, &text, &err) != OK)
        fail_msg("%s", err.text);
    return text;
}

/* The verdict of a device that answers for the first time. Returns what was seen, for the evidence. */
static struct result answer(const struct policy *policy, const struct check *check, enum platform platform, const struct from_json_value *rows, struct arena *arena)
{
    struct device *device = device_new();
    struct evaluation evaluation;
    struct err err = { OK, "" };
    assert_non_null(device);
    device->platform = platform;
    struct observation seen = { .check = check, .rows = rows, .source = SPAN_LITERAL("osquery"), .observed_s = 1000 };
    if (evaluate_observations(policy, device, &seen, 1, 1000, arena, &evaluation, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(device->result_count, 1);
    struct result result = device->results[0];
    result.saw = arena_copy(arena, result.saw);
    device_free(device);
    return result;
}

static unsigned row_mistakes(const struct policy *policy, const struct from_json_value *row)
{
    struct arena arena;
    struct span id = text_of(row, "check"), name = text_of(row, "name"), expect = text_of(row, "expect");
    struct from_json_value rows = from_json_member(row, "rows");
    const struct check *check = policy_check(policy, id);
    enum platform platform = platform_from(text_of(row, "platform"));
    if (check == NULL || !check->on[platform].applies) {
        print_error("%.*s: %.*s: no such check on that platform\n", SPAN_ARGS(id), SPAN_ARGS(name));
        return 1;
    }
    arena_init(&arena, 4096, 1024 * 1024);
    struct result result = answer(policy, check, platform, &rows, &arena);
    bool good = span_equal_text(expect, verdict_name(result.verdict));
    if (!good)
        print_error("%.*s: %.*s: expected %.*s, was %s\n", SPAN_ARGS(id), SPAN_ARGS(name), SPAN_ARGS(expect), verdict_name(result.verdict));
    if (result.verdict == VERDICT_FAIL && from_json_count(&rows) > 0 && span_empty(result.saw)) {
        print_error("%.*s: %.*s: fails without evidence to show\n", SPAN_ARGS(id), SPAN_ARGS(name));
        good = false;
    }
    arena_done(&arena);
    return !good;
}

static unsigned file_mistakes(const struct policy *policy, const char *name, size_t *seen)
{
    static char text[FILE_BYTES];
    char path[512];
    struct err err;
    unsigned mistakes = 0;
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    snprintf(path, sizeof path, "%s/%s", ROWS, name);
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    size_t bytes = fread(text, 1, sizeof text, stream);
    fclose(stream);
    if (from_json_parse(span_make(text, bytes), LIMITS, name, &doc, &err) != OK)
        fail_msg("%s", err.text);
    struct from_json_value root = from_json_root(doc);
    for (size_t i = 0; i < from_json_count(&root); i++, (*seen)++) {
        struct from_json_value row = from_json_item(&root, i);
        mistakes += row_mistakes(policy, &row);
    }
    return mistakes;
}

static void rows_of_devices_get_their_verdict(void **state)
{
    (void)state;
    struct policy *policy = all_checks();
    size_t seen = 0;
    unsigned mistakes = 0;
    DIR *folder = opendir(ROWS);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        if (span_ends(span_of(entry->d_name), SPAN_LITERAL(".json")))
            mistakes += file_mistakes(policy, entry->d_name, &seen);
    closedir(folder);
    policy_free(policy);
    assert_int_equal(mistakes, 0);
    assert_true(seen >= 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_are_found_by_id),
        cmocka_unit_test(every_check_is_good_and_its_canonical_form_is_the_same_policy),
        cmocka_unit_test(rows_of_devices_get_their_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
