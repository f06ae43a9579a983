#include "tests/support/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void open_store(struct fixture *f)
{
    if (redis_store_open(&f->options, &f->store, &f->err) != OK)
        fail_msg("%s", f->err.text);
}

void begin_with(struct fixture *f, const char *const *options)
{
    memset(f, 0, sizeof *f);
    redis_server_start(&f->server, options);
    f->options = redis_options_default();
    f->options.host[0] = '\0';
    snprintf(f->options.unix_path, sizeof f->options.unix_path, "%s", f->server.socket);
    f->options.timeout_ms = 1500; /* so that tests of a hung server are short, and a busy machine is not taken for one */
}

int store_fixture_begin(void **state)
{
    struct fixture *f = test_malloc(sizeof *f);
    begin_with(f, NULL);
    f->options.timeout_ms = 5000; /* these tests meet no hung server: only a slow machine */
    open_store(f);
    *state = f;
    return 0;
}

void end_with(struct fixture *f)
{
    if (f->store != NULL)
        OPS(f)->free(f->store);
    redis_server_stop(&f->server);
}

int store_fixture_end(void **state)
{
    end_with(*state);
    test_free(*state);
    return 0;
}

void assert_code(struct fixture *f, enum err_code got, enum err_code wanted, const char *words)
{
    if (got != wanted)
        fail_msg("%s instead of %s: %s", err_name(got), err_name(wanted), f->err.text);
    if (words != NULL && strstr(f->err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", f->err.text, words);
}

void store_fixture_cli(struct fixture *f, const char *const *words) { assert_int_equal(redis_server_cli(&f->server, words, NULL, 0), 0); }

struct event event_of(const char *type) { return (struct event){ .id = SPAN_LITERAL("e_00000000000000000000000000"), .at_ms = 1795000000123, .type = span_of(type), .data = SPAN_LITERAL("{\"n\":1}") }; }

enum err_code put(struct fixture *f, enum record_kind kind, const char *id, int64_t expected, const char *body, int64_t due_s)
{
    struct event e = event_of("result.changed");
    struct commit c = { kind, span_of(id), expected, span_of(body), &e, 1, due_s };
    int64_t version = 0;
    return OPS(f)->commit(f->store, &c, &version, &f->err);
}

void assert_record(struct fixture *f, enum record_kind kind, const char *id, int64_t wanted_version, const char *wanted_body)
{
    struct buf body;
    int64_t version = 0;
    buf_init(&body, 1 << 20);
    assert_ok(f, OPS(f)->get(f->store, kind, span_of(id), &body, &version, &f->err));
    assert_int_equal(version, wanted_version);
    assert_string_equal(buf_text(&body), wanted_body);
    buf_done(&body);
}

unsigned partition(const struct fixture *f, enum record_kind kind, const char *id) { return OPS(f)->partition_of(f->store, kind, span_of(id)); }

struct log_position *from_the_beginning(struct log_position all[REDIS_PARTITIONS + 1])
{
    for (size_t i = 0; i <= REDIS_PARTITIONS; i++)
        strcpy(all[i].text, "0-0");
    return all;
}

void keep_text(char *out, size_t room, struct span s) { snprintf(out, room, "%.*s", SPAN_ARGS(s)); }

bool note_entry(void *context, const struct log_entry *entry)
{
    struct seen_log *seen = context;
    if (seen->count < 8)
        keep_text(seen->types[seen->count], 32, entry->event.type);
    seen->count++;
    keep_text(seen->last_data, sizeof seen->last_data, entry->event.data);
    if (!span_empty(entry->record.body)) {
        seen->with_state++;
        keep_text(seen->last_body, sizeof seen->last_body, entry->record.body);
        keep_text(seen->last_id, sizeof seen->last_id, entry->record.id);
        seen->last_version = entry->record.version;
        seen->last_kind = entry->record.kind;
    }
    return seen->stop_after == 0 || seen->count < seen->stop_after;
}

struct seen_log read_all(struct fixture *f)
{
    struct seen_log seen = { 0 };
    struct log_position all[REDIS_PARTITIONS + 1];
    from_the_beginning(all);
    for (size_t before = 1; before != seen.count;) {
        before = seen.count;
        assert_ok(f, OPS(f)->log_read(f->store, all, 1000, 0, note_entry, &seen, &f->err));
    }
    return seen;
}

void allow(struct fixture *f, const char *user, const char *rules)
{
    char words[1024], *rest = words, *save = NULL;
    const char *argv[60] = { "ACL", "SETUSER", user, "on", ">secret", "resetkeys", "resetchannels", "-@all" };
    size_t count = 8;
    snprintf(words, sizeof words, "%s", rules);
    for (char *word; (word = strtok_r(rest, " ", &save)) != NULL && count + 1 < 60; rest = NULL)
        argv[count++] = word;
    argv[count] = NULL;
    char answer[200];
    redis_server_cli(&f->server, argv, answer, sizeof answer);
    assert_string_equal(answer, "OK");
    assert_int_equal(redis_options_login(span_of(user), SPAN_LITERAL("secret"), &f->options, &f->err), OK);
}
