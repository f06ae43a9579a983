/* The store when the server misbehaves, is not ours, or does not let us in. */
#include "connectors/store/redis_keys.h"
#include "tests/support/store_fixture.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT(words) SPAN_LITERAL(words)

static bool take_any(void *context, const struct record *record)
{
    (void)context;
    return record != NULL;
}

/* ---- a server that misbehaves ---- */

static void functions_that_were_flushed_are_loaded_again(void **state)
{
    struct fixture *f = *state;
    assert_ok(f, put(f, RECORD_DEVICE, "d_1", 0, "{}", 0));
    CLI(f, "FUNCTION", "FLUSH");
    assert_ok(f, put(f, RECORD_DEVICE, "d_1", 1, "{}", 0));
    CLI(f, "FUNCTION", "FLUSH");
    assert_ok(f, OPS(f)->unlease(f->store, TEXT("reader"), 0, TEXT("node"), &f->err));
}

static void functions_of_another_build_are_replaced(void **state)
{
    struct fixture *f = *state;
    CLI(f, "FUNCTION", "LOAD", "REPLACE",
        "#!lua name=postern_1\nredis.register_function{function_name='pst1_about',callback=function() return 'old' end,flags={'no-writes'}}\n"
        "redis.register_function('pst1_commit',function() return -1 end)");
    struct fixture other = { .options = f->options };
    open_store(&other);
    assert_ok(&other, put(&other, RECORD_DEVICE, "d_1", 0, "{}", 0));
    OPS(&other)->free(other.store);
}

/* Until it works or a minute of tries failed; a store pauses between its own attempts. */
static void assert_recovers(struct fixture *f, int64_t expected)
{
    enum err_code code = ERR_INTERNAL;
    struct timespec step = { 0, 10 * 1000000 };
    for (int i = 0; i < 6000 && code != OK; i++) {
        code = put(f, RECORD_DEVICE, "d_after", expected, "{}", 0);
        nanosleep(&step, NULL);
    }
    assert_ok(f, code);
}

static void a_hung_server_is_a_time_out_and_then_works_again(void **state)
{
    (void)state;
    struct fixture f;
    begin_with(&f, NULL);
    open_store(&f);
    redis_server_pause(&f.server);
    assert_code(&f, put(&f, RECORD_DEVICE, "d_1", 0, "{}", 0), ERR_TIMEOUT, "did not answer");
    enum err_code code = put(&f, RECORD_DEVICE, "d_1", 0, "{}", 0); /* connects anew, and is not answered either */
    for (int i = 0; i < 10 && strstr(f.err.text, "waiting before the next attempt") == NULL; i++) { /* the first pauses are so short that a busy machine may miss them */
        assert_true(code == ERR_TIMEOUT || code == ERR_UNAVAILABLE);
        code = put(&f, RECORD_DEVICE, "d_1", 0, "{}", 0);
    }
    assert_code(&f, code, ERR_UNAVAILABLE, "waiting before the next attempt");
    redis_server_resume(&f.server);
    assert_recovers(&f, 0);
    end_with(&f);
}

static void a_killed_server_is_unavailable_and_what_was_committed_is_there_after(void **state)
{
    struct fixture *f = *state;
    assert_ok(f, put(f, RECORD_DEVICE, "d_1", 0, "{\"kept\":1}", 0));
    struct log_position all[REDIS_PARTITIONS + 1];
    struct seen_log seen = { 0 };
    from_the_beginning(all);
    assert_ok(f, OPS(f)->log_read(f->store, all, 10, 0, note_entry, &seen, &f->err));
    redis_server_kill(&f->server);
    assert_code(f, put(f, RECORD_DEVICE, "d_1", 1, "{}", 0), ERR_UNAVAILABLE, f->server.socket);
    assert_code(f, OPS(f)->log_read(f->store, all, 10, 100, note_entry, &seen, &f->err), ERR_UNAVAILABLE, NULL);
    redis_server_restart(&f->server);
    assert_recovers(f, 0);
    assert_record(f, RECORD_DEVICE, "d_1", 1, "{\"kept\":1}");
    while (seen.count < 2) /* the reader goes on behind what it had */
        assert_ok(f, OPS(f)->log_read(f->store, all, 10, 100, note_entry, &seen, &f->err));
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.last_id, "d_after");
}

static void a_server_that_lost_its_newest_entries_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct log_position all[REDIS_PARTITIONS + 1];
    struct seen_log seen = { 0 };
    struct timespec step = { 0, 10 * 1000000 };
    from_the_beginning(all);
    assert_ok(f, put(f, RECORD_DEVICE, "d_1", 0, "{}", 0));
    assert_ok(f, OPS(f)->log_read(f->store, all, 10, 0, note_entry, &seen, &f->err));
    CLI(f, "FLUSHALL");
    redis_server_kill(&f->server);
    redis_server_restart(&f->server);
    enum err_code code = ERR_UNAVAILABLE;
    for (int i = 0; i < 6000 && (code == ERR_UNAVAILABLE || code == OK); i++, nanosleep(&step, NULL))
        code = OPS(f)->log_read(f->store, all, 10, 0, note_entry, &seen, &f->err);
    assert_code(f, code, ERR_GONE, "lost what came after");
}

static void a_store_with_another_number_of_partitions_is_not_taken_for_ours(void **state)
{
    struct fixture *f = *state;
    struct timespec step = { 0, 10 * 1000000 };
    CLI(f, "SET", REDIS_KEY_PARTITIONS, "8");
    struct fixture other = { .options = f->options };
    open_store(&other);
    assert_int_equal(OPS(&other)->partitions(other.store), 8); /* the stored number counts, not the option */
    OPS(&other)->free(other.store);
    redis_server_kill(&f->server);
    redis_server_restart(&f->server);
    for (int i = 0; i < 3000 && strstr(f->err.text, "another store") == NULL; i++, nanosleep(&step, NULL))
        assert_int_equal(put(f, RECORD_DEVICE, "d_1", 0, "{}", 0), ERR_UNAVAILABLE);
    assert_non_null(strstr(f->err.text, "another store"));
    CLI(f, "SET", REDIS_KEY_PARTITIONS, "nonsense");
    assert_code(f, redis_store_open(&f->options, &other.store, &f->err), ERR_INTERNAL, REDIS_KEY_PARTITIONS);
}

static void a_full_memory_changes_nothing_and_says_so(void **state)
{
    struct fixture *f = *state;
    assert_ok(f, put(f, RECORD_DEVICE, "d_1", 0, "{}", 0));
    CLI(f, "CONFIG", "SET", "maxmemory", "1");
    assert_code(f, put(f, RECORD_DEVICE, "d_1", 1, "{\"lost\":1}", 9), ERR_UNAVAILABLE, "memory is full");
    assert_code(f, OPS(f)->claim(f->store, TEXT("serial"), TEXT("X"), TEXT("d_1"), NULL, &f->err), ERR_UNAVAILABLE, "memory is full");
    assert_record(f, RECORD_DEVICE, "d_1", 1, "{}");
    assert_int_equal(read_all(f).count, 1);
    assert_ok(f, OPS(f)->trim(f->store, INT64_MAX / 4, 0, &f->err)); /* what makes room still works */
    assert_int_equal(read_all(f).count, 0);
    CLI(f, "CONFIG", "SET", "maxmemory", "0");
    assert_ok(f, put(f, RECORD_DEVICE, "d_1", 1, "{}", 0));
}

struct wrong_row { const char *name; struct redis_key key; };
static void a_key_of_a_wrong_type_stops_a_commit_before_anything_is_written(void **state)
{
    struct fixture *f = *state;
    unsigned p = partition(f, RECORD_DEVICE, "d_1");
    struct wrong_row rows[] = { { "record", redis_key_record(REDIS_PARTITIONS, RECORD_DEVICE, TEXT("d_1")) }, { "log", redis_key_of(REDIS_PARTITIONS, p, REDIS_KEY_LOG) },
                                { "due", redis_key_of(REDIS_PARTITIONS, p, REDIS_KEY_DUE) } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char key[REDIS_KEY_BYTES + 1], size[32];
        snprintf(key, sizeof key, "%.*s", (int)rows[i].key.bytes, rows[i].key.at);
        CLI(f, "LPUSH", key, "x");
        redis_server_cli(&f->server, (const char *const[]){ "DBSIZE", NULL }, size, sizeof size);
        if (put(f, RECORD_DEVICE, "d_1", 0, "{}", 5) != ERR_INTERNAL || strstr(f->err.text, "type") == NULL)
            fail_msg("%s: %s", rows[i].name, f->err.text);
        char after[32];
        redis_server_cli(&f->server, (const char *const[]){ "DBSIZE", NULL }, after, sizeof after);
        assert_string_equal(after, size);
        CLI(f, "DEL", key);
    }
    assert_ok(f, put(f, RECORD_DEVICE, "d_1", 0, "{}", 5));
}

static void a_record_without_a_version_is_an_error_with_its_key(void **state)
{
    struct fixture *f = *state;
    struct redis_key key = redis_key_record(REDIS_PARTITIONS, RECORD_DEVICE, TEXT("d_1"));
    const char *rows[] = { "junk", "\n{}", "x1\n{}", "0\n{}", "99999999999999999999999\n{}" };
    char name[REDIS_KEY_BYTES + 1];
    snprintf(name, sizeof name, "%.*s", (int)key.bytes, key.at);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf body;
        int64_t version;
        buf_init(&body, 1000);
        CLI(f, "SET", name, rows[i]);
        assert_code(f, OPS(f)->get(f->store, RECORD_DEVICE, TEXT("d_1"), &body, &version, &f->err), ERR_INTERNAL, name);
        assert_code(f, OPS(f)->each_record(f->store, RECORD_DEVICE, take_any, NULL, &f->err), ERR_INTERNAL, name);
        assert_int_not_equal(put(f, RECORD_DEVICE, "d_1", 1, "{}", 0), OK);
        buf_done(&body);
    }
    assert_int_equal(read_all(f).count, 0);
}

/* ---- who may what ---- */

static void a_wrong_password_is_said(void **state)
{
    (void)state;
    struct fixture f;
    begin_with(&f, (const char *const[]){ "--requirepass", "right", NULL });
    assert_code(&f, redis_store_open(&f.options, &f.store, &f.err), ERR_UNAVAILABLE, "wants a password");
    assert_int_equal(redis_options_login(SPAN_NONE, TEXT("wrong"), &f.options, &f.err), OK);
    assert_code(&f, redis_store_open(&f.options, &f.store, &f.err), ERR_UNAVAILABLE, "does not accept");
    assert_null(strstr(f.err.text, "wrong"));
    assert_int_equal(redis_options_login(SPAN_NONE, TEXT("right"), &f.options, &f.err), OK);
    open_store(&f);
    assert_ok(&f, put(&f, RECORD_DEVICE, "d_1", 0, "{}", 0));
    end_with(&f);
}

static void an_acl_that_lacks_something_is_named(void **state)
{
    (void)state;
    struct fixture f;
    begin_with(&f, NULL);
    allow(&f, "poor", "~pst:* +auth +ping +fcall_ro +get +set");
    assert_code(&f, redis_store_open(&f.options, &f.store, &f.err), ERR_UNAVAILABLE, "ACL");
    assert_non_null(strstr(f.err.text, "loading the store's functions"));
    end_with(&f);
}

/* ---- replicas, clusters ---- */

static void free_port(char text[8])
{
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t bytes = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &bytes), 0);
    close(fd);
    snprintf(text, 8, "%u", (unsigned)ntohs(any.sin_port));
}

static void a_replicated_commit_waits_for_its_replicas(void **state)
{
    (void)state;
    struct fixture f, replica;
    char port[8], of[32];
    free_port(port);
    begin_with(&f, (const char *const[]){ "--port", port, "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0", NULL });
    assert_int_equal(redis_options_durability(TEXT("replicated 1"), &f.options, &f.err), OK);
    f.options.timeout_ms = 2000; /* nobody hangs here, and a disk may be slow */
    open_store(&f);
    assert_code(&f, put(&f, RECORD_DEVICE, "d_after", 0, "{}", 0), ERR_UNAVAILABLE, "committed but not replicated");
    assert_record(&f, RECORD_DEVICE, "d_after", 1, "{}");
    snprintf(of, sizeof of, "127.0.0.1 %s", port);
    begin_with(&replica, (const char *const[]){ "--replicaof", of, NULL });
    enum err_code code = ERR_UNAVAILABLE;
    for (int64_t version = 1; version < 100 && code == ERR_UNAVAILABLE; version++)
        code = put(&f, RECORD_DEVICE, "d_after", version, "{}", 0);
    assert_ok(&f, code);
    assert_code(&replica, redis_store_open(&replica.options, &replica.store, &replica.err), ERR_UNAVAILABLE, "replica");
    end_with(&replica);
    end_with(&f);
}

static void a_cluster_is_refused_in_words(void **state)
{
    (void)state;
    struct fixture f;
    char port[8];
    free_port(port);
    int number = atoi(port) % 40000 + 10000; /* its bus listens 10000 above */
    snprintf(port, sizeof port, "%d", number);
    begin_with(&f, (const char *const[]){ "--port", port, "--cluster-enabled", "yes", NULL });
    assert_code(&f, redis_store_open(&f.options, &f.store, &f.err), ERR_UNAVAILABLE, "Cluster");
    end_with(&f);
}

static void nobody_there_is_unavailable(void **state)
{
    (void)state;
    struct fixture f = { .options = redis_options_default() };
    snprintf(f.options.unix_path, sizeof f.options.unix_path, "/tmp/postern-nobody.sock");
    assert_code(&f, redis_store_open(&f.options, &f.store, &f.err), ERR_UNAVAILABLE, "/tmp/postern-nobody.sock");
    f.options.unix_path[0] = '\0';
    strcpy(f.options.host, "nobody.invalid");
    assert_code(&f, redis_store_open(&f.options, &f.store, &f.err), ERR_UNAVAILABLE, "nobody.invalid:6379/0");
}

static void a_database_of_its_own_is_its_own(void **state)
{
    struct fixture *f = *state;
    struct fixture other = { .options = f->options };
    other.options.database = 3;
    open_store(&other);
    assert_ok(f, put(f, RECORD_DEVICE, "d_1", 0, "{}", 0));
    assert_ok(&other, put(&other, RECORD_DEVICE, "d_1", 0, "{\"other\":1}", 0));
    assert_record(f, RECORD_DEVICE, "d_1", 1, "{}");
    OPS(&other)->free(other.store);
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, store_fixture_begin, store_fixture_end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SERVER(functions_that_were_flushed_are_loaded_again),
        ON_SERVER(functions_of_another_build_are_replaced),
        cmocka_unit_test(a_hung_server_is_a_time_out_and_then_works_again),
        ON_SERVER(a_killed_server_is_unavailable_and_what_was_committed_is_there_after),
        ON_SERVER(a_server_that_lost_its_newest_entries_is_noticed),
        ON_SERVER(a_store_with_another_number_of_partitions_is_not_taken_for_ours),
        ON_SERVER(a_full_memory_changes_nothing_and_says_so),
        ON_SERVER(a_key_of_a_wrong_type_stops_a_commit_before_anything_is_written),
        ON_SERVER(a_record_without_a_version_is_an_error_with_its_key),
        cmocka_unit_test(a_wrong_password_is_said),
        cmocka_unit_test(an_acl_that_lacks_something_is_named),
        cmocka_unit_test(a_replicated_commit_waits_for_its_replicas),
        cmocka_unit_test(a_cluster_is_refused_in_words),
        cmocka_unit_test(nobody_there_is_unavailable),
        ON_SERVER(a_database_of_its_own_is_its_own),
    };
    signal(SIGPIPE, SIG_IGN); /* as the gateway does: this hiredis writes to sockets that are gone */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
