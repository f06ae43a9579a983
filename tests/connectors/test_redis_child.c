/* The embedded redis-server: started, watched, adopted, stopped; and nothing acknowledged is lost when it is killed. */
#include "connectors/store/redis_child.h"
#include "connectors/store/redis_store.h"
#include "tests/support/redis_server.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { GRACE_MS = 5000, ROUNDS = 40, GATEWAY_ROUNDS = 4, WRITERS = 3 };
struct fixture { char top[64], state[400]; struct redis_child_options options; struct redis_child *child; struct err err; };

static int begin(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    snprintf(f->top, sizeof f->top, "/tmp/postern-test-child-XXXXXX");
    assert_non_null(mkdtemp(f->top));
    snprintf(f->state, sizeof f->state, "%s", f->top);
    f->options = (struct redis_child_options){ .state = span_of(f->state), .program = SPAN_LITERAL("redis-server"), .durability = REDIS_FSYNC };
    *state = f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    redis_child_stop(f->child, GRACE_MS);
    redis_child_free(f->child);
    redis_server_remove_folder(f->top);
    test_free(f);
    return 0;
}

static void start(struct fixture *f)
{
    if (redis_child_new(&f->options, &f->child, &f->err) != OK)
        fail_msg("%s", f->err.text);
}

static struct store *connect_to(struct fixture *f)
{
    struct store *store = NULL;
    if (redis_store_open(redis_child_connection(f->child), &store, &f->err) != OK)
        fail_msg("%s", f->err.text);
    return store;
}

static enum err_code put(struct store *store, const char *id, int64_t expected, struct err *err)
{
    int64_t version;
    struct event e = { .id = SPAN_LITERAL("e_00000000000000000000000000"), .at_ms = 1, .type = SPAN_LITERAL("result.changed") };
    struct commit c = { RECORD_DEVICE, span_of(id), expected, SPAN_LITERAL("{}"), &e, 1, 0 };
    return store->ops->commit(store, &c, &version, err);
}

static int64_t version_of(struct store *store, const char *id, struct err *err)
{
    struct buf body;
    int64_t version = -1;
    buf_init(&body, 1000);
    enum err_code code = store->ops->get(store, RECORD_DEVICE, span_of(id), &body, &version, err);
    buf_done(&body);
    return code == ERR_NOT_FOUND ? 0 : version;
}

static void pause_ms(long ms)
{
    struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&pause, NULL);
}

/* Ticks until another server than `old` lives. */
static bool is_restarted(struct fixture *f, pid_t old)
{
    for (int i = 0; i < 2000; i++) {
        struct redis_child_status status = redis_child_status(f->child);
        if (status.up && status.pid != old)
            return true;
        redis_child_tick(f->child);
        pause_ms(10);
    }
    return false;
}

static void await_restart(struct fixture *f, pid_t old) { assert_true(is_restarted(f, old)); }

static void file_of(const struct fixture *f, const char *name, char out[600]) { snprintf(out, 600, "%s/redis/%s", f->state, name); }

static void it_serves_a_store_in_a_private_folder_and_stops(void **state)
{
    struct fixture *f = *state;
    struct stat is;
    char path[600];
    start(f);
    pid_t pid = redis_child_status(f->child).pid;
    struct store *store = connect_to(f);
    struct buf about;
    buf_init(&about, 2000);
    assert_int_equal(put(store, "d_1", 0, &f->err), OK);
    assert_int_equal(store->ops->ping(store, &about, &f->err), OK);
    assert_non_null(strstr(buf_text(&about), "appendfsync always"));
    assert_null(strstr(buf_text(&about), "WARNING"));
    store->ops->free(store);
    buf_done(&about);
    file_of(f, "", path);
    assert_int_equal(stat(path, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0700);
    redis_child_stop(f->child, GRACE_MS);
    assert_int_not_equal(kill(pid, 0), 0);
    assert_false(redis_child_status(f->child).up);
    redis_child_tick(f->child); /* stopped on purpose stays stopped */
    assert_false(redis_child_status(f->child).up);
}

static void what_was_stored_is_there_at_the_next_start(void **state)
{
    struct fixture *f = *state;
    start(f);
    struct store *store = connect_to(f);
    assert_int_equal(put(store, "d_1", 0, &f->err), OK);
    store->ops->free(store);
    redis_child_stop(f->child, GRACE_MS);
    redis_child_free(f->child);
    f->child = NULL;
    start(f);
    assert_false(redis_child_status(f->child).adopted);
    store = connect_to(f);
    assert_int_equal(version_of(store, "d_1", &f->err), 1);
    store->ops->free(store);
}

static void a_killed_server_is_started_again(void **state)
{
    struct fixture *f = *state;
    start(f);
    pid_t old = redis_child_status(f->child).pid;
    kill(old, SIGKILL);
    await_restart(f, old);
    assert_int_equal(redis_child_status(f->child).restarts, 1);
}

struct leftover_row { const char *name; const char *lost_file; };
static void a_leftover_server_is_adopted_watched_and_stopped(void **state)
{
    struct fixture *f = *state;
    struct leftover_row rows[] = { { "as it was left", NULL }, { "its pid file is lost", "redis.pid" } };
    start(f);
    pid_t pid = redis_child_status(f->child).pid;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[600];
        redis_child_free(f->child); /* as a killed gateway does: without stopping it */
        f->child = NULL;
        if (rows[i].lost_file != NULL) {
            file_of(f, rows[i].lost_file, path);
            assert_int_equal(unlink(path), 0);
        }
        start(f);
        if (redis_child_status(f->child).pid != pid || !redis_child_status(f->child).adopted)
            fail_msg("%s: pid %d, not %d", rows[i].name, (int)redis_child_status(f->child).pid, (int)pid);
    }
    kill(pid, SIGKILL); /* still a child of this process, so a zombie: what looks at /proc must see that it is dead */
    await_restart(f, pid);
    assert_false(redis_child_status(f->child).adopted);
}

static void a_stale_pid_file_names_nobody(void **state)
{
    struct fixture *f = *state;
    char path[600], own[32];
    start(f);
    redis_child_stop(f->child, GRACE_MS);
    redis_child_free(f->child);
    f->child = NULL;
    const char *rows[] = { "1\n", "nonsense", "", "-5", "99999999999", own };
    snprintf(own, sizeof own, "%d\n", (int)getpid()); /* a recycled pid */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        file_of(f, "redis.pid", path);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(rows[i], file);
        fclose(file);
        start(f);
        assert_false(redis_child_status(f->child).adopted);
        redis_child_stop(f->child, GRACE_MS);
        redis_child_free(f->child);
        f->child = NULL;
    }
}

static void a_state_folder_has_one_gateway(void **state)
{
    struct fixture *f = *state;
    struct redis_child *other = NULL;
    start(f);
    assert_int_equal(redis_child_new(&f->options, &other, &f->err), ERR_CONFLICT);
    assert_non_null(strstr(f->err.text, "another postern"));
    assert_true(redis_child_status(f->child).up);
    struct store *store = connect_to(f);
    assert_int_equal(put(store, "d_1", 0, &f->err), OK);
    store->ops->free(store);
}

static void a_deep_folder_and_odd_characters_are_fine(void **state)
{
    struct fixture *f = *state;
    size_t used = strlen(f->state);
    snprintf(f->state + used, sizeof f->state - used, "/with \"quotes\" and \\ backslash/%0100d", 7);
    f->options.state = span_of(f->state);
    start(f);
    assert_int_equal(strncmp(redis_child_connection(f->child)->unix_path, "/tmp/postern-", 13), 0);
    struct store *store = connect_to(f);
    assert_int_equal(put(store, "d_1", 0, &f->err), OK);
    store->ops->free(store);
    pid_t pid = redis_child_status(f->child).pid;
    redis_child_free(f->child);
    f->child = NULL;
    start(f);
    assert_int_equal(redis_child_status(f->child).pid, pid);
    char folder[REDIS_PATH_BYTES];
    strcpy(folder, redis_child_connection(f->child)->unix_path);
    redis_child_stop(f->child, GRACE_MS);
    *strrchr(folder, '/') = '\0';
    unlink(folder);
    *strrchr(folder, '/') = '\0';
    rmdir(folder);
}

struct bad_row { const char *name, *state, *program; enum err_code code; const char *words; };
static void what_cannot_be_started_is_said(void **state)
{
    struct fixture *f = *state;
    char long_state[5000];
    memset(long_state, 'x', sizeof long_state - 1);
    long_state[0] = '/';
    long_state[sizeof long_state - 1] = '\0';
    struct bad_row rows[] = {
        { "no program", f->top, "no-such-redis-server", ERR_NOT_FOUND, "install Redis" },
        { "a program that ends", f->top, "/bin/true", ERR_UNAVAILABLE, "redis.log" },
        { "no folder", "", "redis-server", ERR_INPUT, "state folder" },
        { "a line break", "/tmp/a\nb", "redis-server", ERR_INPUT, "control characters" },
        { "too long", long_state, "redis-server", ERR_INPUT, "too long" },
        { "not a folder", "/dev/null/x", "redis-server", ERR_IO, "/dev/null" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct redis_child *child = NULL;
        struct redis_child_options o = { .state = span_of(rows[i].state), .program = span_of(rows[i].program) };
        enum err_code code = redis_child_new(&o, &child, &f->err);
        if (code != rows[i].code || strstr(f->err.text, rows[i].words) == NULL)
            fail_msg("%s: %s %s", rows[i].name, err_name(code), f->err.text);
    }
}

/* ---- the campaign ---- */

struct writer { const struct redis_options *options; char id[16]; int64_t acknowledged; atomic_bool *stop; bool broken; };

/* Commits on; after an unclear answer it looks what the record's version is. */
static void *write_on(void *context)
{
    struct writer *w = context;
    struct store *store = NULL;
    struct err err;
    int64_t version = 0;
    while (store == NULL && !*w->stop)
        if (redis_store_open(w->options, &store, &err) != OK)
            pause_ms(5);
    while (store != NULL && !*w->stop) {
        if (put(store, w->id, version, &err) == OK) {
            w->acknowledged = ++version;
            continue;
        }
        int64_t now = version_of(store, w->id, &err);
        while (now < 0 && !*w->stop) {
            pause_ms(2);
            now = version_of(store, w->id, &err);
        }
        w->broken = w->broken || (now >= 0 && (now < w->acknowledged || now > version + 1)); /* lost, or recorded twice */
        version = now >= 0 ? now : version;
    }
    if (store != NULL)
        store->ops->free(store);
    return NULL;
}

struct tally { size_t entries; int64_t newest[WRITERS]; };
static bool tally_entry(void *context, const struct log_entry *entry)
{
    struct tally *t = context;
    t->entries++;
    size_t n = (size_t)(entry->record.id.at[entry->record.id.bytes - 1] - '0');
    assert_int_equal(entry->record.version, t->newest[n] + 1); /* each change once, in order */
    t->newest[n] = entry->record.version;
    return true;
}

static void check_log(struct fixture *f, struct store *store, const struct writer *writers)
{
    struct log_position all[REDIS_PARTITIONS + 1];
    struct tally tally = { 0 };
    for (size_t i = 0; i <= REDIS_PARTITIONS; i++)
        strcpy(all[i].text, "0-0");
    for (size_t before = 1; before != tally.entries;) {
        before = tally.entries;
        assert_int_equal(store->ops->log_read(store, all, 1000, 0, tally_entry, &tally, &f->err), OK);
    }
    for (size_t i = 0; i < WRITERS; i++) {
        assert_int_equal(version_of(store, writers[i].id, &f->err), tally.newest[i]);
        assert_true(tally.newest[i] >= writers[i].acknowledged);
        assert_true(writers[i].acknowledged > 0);
        assert_false(writers[i].broken);
    }
}

/* The gateway dies without stopping anything; the next one adopts what lives, and starts what does not. */
static bool next_gateway(struct fixture *f)
{
    redis_child_free(f->child);
    f->child = NULL;
    return redis_child_new(&f->options, &f->child, &f->err) == OK;
}

static void killed_at_any_moment_it_loses_nothing_acknowledged(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[WRITERS];
    struct writer writers[WRITERS];
    atomic_bool stop = false;
    unsigned seed = 20261124;
    start(f);
    struct redis_options options = *redis_child_connection(f->child); /* the gateway dies below, its writers' copy does not */
    for (size_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){ .options = &options, .stop = &stop };
        snprintf(writers[i].id, sizeof writers[i].id, "d_%zu", i);
        assert_int_equal(pthread_create(&threads[i], NULL, write_on, &writers[i]), 0);
    }
    bool back = true; /* asserted after the writers ended: they use this function's variables */
    for (int round = 0; round < ROUNDS && back; round++) {
        pid_t pid = redis_child_status(f->child).pid;
        pause_ms(20 + rand_r(&seed) % 150);
        kill(pid, SIGKILL);
        back = round % GATEWAY_ROUNDS == GATEWAY_ROUNDS - 1 ? next_gateway(f) : is_restarted(f, pid);
    }
    pause_ms(300); /* the writers meet the last one, too */
    stop = true;
    for (size_t i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    if (!back || !next_gateway(f))
        fail_msg("%s", f->err.text);
    struct store *store = connect_to(f);
    check_log(f, store, writers);
    store->ops->free(store);
}

static void a_tail_cut_by_a_crash_is_left_out_and_the_rest_is_loaded(void **state)
{
    struct fixture *f = *state;
    char path[600];
    start(f);
    struct store *store = connect_to(f);
    assert_int_equal(put(store, "d_1", 0, &f->err), OK);
    store->ops->free(store);
    pid_t pid = redis_child_status(f->child).pid;
    kill(pid, SIGKILL);
    file_of(f, "appendonlydir/appendonly.aof.1.incr.aof", path);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    fputs("*3\r\n$3\r\nSET\r\n$5\r\nhal", file); /* a write that the disk did not finish */
    fclose(file);
    await_restart(f, pid);
    redis_child_free(f->child); /* so that the next one waits until it has loaded */
    f->child = NULL;
    start(f);
    store = connect_to(f);
    assert_int_equal(version_of(store, "d_1", &f->err), 1);
    store->ops->free(store);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(it_serves_a_store_in_a_private_folder_and_stops),
        IN_A_FOLDER(what_was_stored_is_there_at_the_next_start),
        IN_A_FOLDER(a_killed_server_is_started_again),
        IN_A_FOLDER(a_leftover_server_is_adopted_watched_and_stopped),
        IN_A_FOLDER(a_stale_pid_file_names_nobody),
        IN_A_FOLDER(a_state_folder_has_one_gateway),
        IN_A_FOLDER(a_deep_folder_and_odd_characters_are_fine),
        IN_A_FOLDER(what_cannot_be_started_is_said),
        IN_A_FOLDER(a_tail_cut_by_a_crash_is_left_out_and_the_rest_is_loaded),
        IN_A_FOLDER(killed_at_any_moment_it_loses_nothing_acknowledged),
    };
    signal(SIGPIPE, SIG_IGN); /* as the gateway does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
