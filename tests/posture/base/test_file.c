#include "posture/base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[PATH_MAX];
static char path[PATH_MAX + 64];

static int make_folder(void **state)
{
    (void)state;
    const char *temporary = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/test_file.XXXXXX", temporary == NULL ? "/tmp" : temporary);
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[PATH_MAX + 64];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static const char *in_folder(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct err err;
    CLEANUP(buf_done) struct buf content;
    buf_init(&content, 100);
    assert_true(buf_append_text(&content, "front "));
    assert_false(file_exists(in_folder("a")));
    assert_int_equal(file_write_private(in_folder("a"), SPAN_LITERAL("old"), &err), OK);
    assert_int_equal(file_write_private(in_folder("a"), SPAN_LITERAL("x\0y"), &err), OK);
    assert_true(file_exists(in_folder("a")));
    assert_int_equal(file_read(in_folder("a"), 3, &content, &err), OK);
    assert_true(span_equal(buf_span(&content), SPAN_LITERAL("front x\0y")));
}

static void an_empty_file_is_read_as_nothing(void **state)
{
    (void)state;
    struct err err;
    CLEANUP(buf_done) struct buf content;
    buf_init(&content, 100);
    assert_int_equal(file_write_private(in_folder("empty"), SPAN_NONE, &err), OK);
    assert_int_equal(file_read(in_folder("empty"), 0, &content, &err), OK);
    assert_int_equal(content.bytes, 0);
}

static void a_private_file_is_its_owners_alone(void **state)
{
    (void)state;
    struct stat about;
    assert_int_equal(file_write_private(in_folder("key"), SPAN_LITERAL("k"), NULL), OK);
    assert_int_equal(stat(in_folder("key"), &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
}

static void a_file_that_is_too_long_changes_nothing(void **state)
{
    (void)state;
    struct err err;
    CLEANUP(buf_done) struct buf content, small;
    buf_init(&content, 100), buf_init(&small, 3);
    assert_int_equal(file_write_private(in_folder("four"), SPAN_LITERAL("four"), &err), OK);
    assert_true(buf_append_text(&content, "kept"));
    assert_int_equal(file_read(in_folder("four"), 3, &content, &err), ERR_LIMIT);
    assert_string_equal(buf_text(&content), "kept");
    assert_int_equal(file_read(in_folder("four"), 100, &small, &err), ERR_LIMIT);
}

static void a_long_file_is_read_whole(void **state)
{
    (void)state;
    static char bytes[100000];
    memset(bytes, 'x', sizeof bytes);
    CLEANUP(buf_done) struct buf content;
    buf_init(&content, sizeof bytes);
    assert_int_equal(file_write_private(in_folder("long"), span_make(bytes, sizeof bytes), NULL), OK);
    assert_int_equal(file_read(in_folder("long"), sizeof bytes, &content, NULL), OK);
    assert_true(span_equal(buf_span(&content), span_make(bytes, sizeof bytes)));
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    struct err err;
    CLEANUP(buf_done) struct buf content;
    buf_init(&content, 100);
    assert_int_equal(file_read(in_folder("none"), 9, &content, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "/none: No such file or directory"));
    assert_int_equal(file_read(folder, 9, &content, &err), ERR_IO);
    assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
    assert_int_equal(file_read(in_folder("pipe"), 9, &content, &err), ERR_IO); /* and does not wait for a writer */
}

static void a_write_that_fails_leaves_no_temporary_file(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(file_write_private(in_folder("missing/a"), SPAN_LITERAL("x"), &err), ERR_NOT_FOUND);
    assert_int_equal(file_mkdirs(in_folder("taken/by/folders"), 0700, &err), OK);
    assert_int_equal(file_write_private(in_folder("taken/by"), SPAN_LITERAL("x"), &err), ERR_IO);
    assert_int_equal(rmdir(in_folder("taken/by/folders")), 0);
    assert_int_equal(rmdir(in_folder("taken/by")), 0);
    assert_int_equal(rmdir(in_folder("taken")), 0); /* it was empty */
}

static void missing_folders_are_made_once(void **state)
{
    (void)state;
    struct err err;
    struct stat about;
    assert_int_equal(file_mkdirs(in_folder("x//y/z/"), 0700, &err), OK);
    assert_int_equal(file_mkdirs(in_folder("x/y/z"), 0700, &err), OK);
    assert_int_equal(stat(in_folder("x/y"), &about), 0);
    assert_int_equal(about.st_mode & 07777, 0700);
    assert_int_equal(file_mkdirs("/", 0700, &err), OK);
    assert_int_equal(file_write_private(in_folder("x/file"), SPAN_NONE, &err), OK);
    assert_int_equal(file_mkdirs(in_folder("x/file"), 0700, &err), ERR_IO);
    assert_int_equal(file_mkdirs(in_folder("x/file/below"), 0700, &err), ERR_IO);
    assert_int_equal(file_mkdirs("", 0700, &err), ERR_NOT_FOUND);
}

static void names_that_are_too_long_are_refused(void **state)
{
    (void)state;
    static char name[PATH_MAX + 1];
    memset(name, 'a', PATH_MAX);
    assert_int_equal(file_write_private(name, SPAN_NONE, NULL), ERR_LIMIT);
    assert_int_equal(file_mkdirs(name, 0700, NULL), ERR_LIMIT);
    assert_false(file_exists(name));
}

static void a_change_is_seen_once(void **state)
{
    struct file_mark mark = { 0 };
    struct err err;
    (void)state;
    const char *name = in_folder("marked");
    assert_true(file_has_changed(name, &mark)); /* missing: reading it says so */
    assert_int_equal(file_write_private(name, SPAN_LITERAL("one"), &err), OK);
    assert_true(file_has_changed(name, &mark));
    assert_false(file_has_changed(name, &mark));
    assert_int_equal(file_write_private(name, SPAN_LITERAL("two"), &err), OK); /* as long as before, within the same second */
    assert_true(file_has_changed(name, &mark));
    assert_false(file_has_changed(name, &mark));
    unlink(name);
    assert_true(file_has_changed(name, &mark));
    assert_true(file_has_changed(name, &mark));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(an_empty_file_is_read_as_nothing),
        cmocka_unit_test(a_private_file_is_its_owners_alone),
        cmocka_unit_test(a_file_that_is_too_long_changes_nothing),
        cmocka_unit_test(a_long_file_is_read_whole),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(a_write_that_fails_leaves_no_temporary_file),
        cmocka_unit_test(missing_folders_are_made_once),
        cmocka_unit_test(names_that_are_too_long_are_refused),
        cmocka_unit_test(a_change_is_seen_once),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
