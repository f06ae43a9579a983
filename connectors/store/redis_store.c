#include "connectors/store/redis_store.h"

#include "connectors/store/redis_parts.h"
#include "posture/base/secret.h"
#include "posture/device.h"

#include <stdlib.h>
#include <string.h>

enum { REFRESH_MOST = 20000, TIMES_BYTES = 48 * 1024, SEEN_EVENT_BYTES = EVENT_DATA_BYTES - 2048, READ_MOST = 1000 };

enum err_code redis_parts_partition(const struct redis_store *s, unsigned partition, struct err *err)
{
    return partition <= s->partitions ? OK : err_set(err, ERR_INPUT, "the store has no partition %u", partition);
}

bool redis_parts_value(struct span value, int64_t *version, struct span *body)
{
    size_t end = span_find(value, '\n');
    if (end >= value.bytes || !span_to_i64(span_slice(value, 0, end), version) || *version < 1)
        return false;
    *body = span_slice(value, end + 1, value.bytes);
    return true;
}

/* ---- events as text ---- */

enum err_code event_texts_init(struct event_texts *t, size_t room, struct err *err)
{
    *t = (struct event_texts){ .room = room };
    buf_init(&t->text, EVENT_TEXTS_BYTES);
    if (room > EVENT_TEXTS_MOST)
        return err_set(err, ERR_LIMIT, "%zu events in one step, at most %d", room, EVENT_TEXTS_MOST);
    t->ends = calloc(room + 1, sizeof *t->ends);
    return t->ends != NULL ? OK : err_set(err, ERR_MEMORY, "%zu events", room);
}

void event_texts_done(struct event_texts *t)
{
    buf_done(&t->text);
    free(t->ends);
    t->ends = NULL;
}

enum err_code event_texts_add(struct event_texts *t, const struct event *e, struct err *err)
{
    struct to_json w;
    if (e->data.bytes > EVENT_DATA_BYTES)
        return err_set(err, ERR_LIMIT, "the data of event %.*s has %zu bytes, at most %d", SPAN_ARGS(e->type), e->data.bytes, EVENT_DATA_BYTES);
    if (t->count == t->room)
        return err_set(err, ERR_LIMIT, "more than %zu events in one step", t->room);
    to_json_init(&w, &t->text);
    event_to_json(e, &w);
    t->ends[t->count++] = t->text.bytes;
    return buf_check(&t->text, "the events of one step", err);
}

static enum err_code add_all(struct event_texts *t, const struct event *events, size_t count, struct err *err)
{
    enum err_code code = event_texts_init(t, count, err);
    for (size_t i = 0; code == OK && i < count; i++)
        code = event_texts_add(t, &events[i], err);
    return code;
}

void event_texts_words(const struct event_texts *t, struct redis_connection *c)
{
    for (size_t i = 0, start = 0; i < t->count; start = t->ends[i++])
        redis_word(c, span_make(t->text.at + start, t->ends[i] - start));
}

/* ---- records ---- */

static unsigned store_partitions(const struct store *s) { return ((const struct redis_store *)(const void *)s)->partitions; }
static unsigned store_partition_of(const struct store *s, enum record_kind kind, struct span id) { return redis_key_partition(store_partitions(s), kind, id); }

static enum err_code store_get(struct store *store, enum record_kind kind, struct span id, struct buf *body, int64_t *version, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    struct redis_key key = redis_key_record(s->partitions, kind, id);
    struct span found;
    int64_t its_version = 0;
    redis_command(s->connection, "GET");
    redis_key(s->connection, &key);
    enum err_code code = redis_call(s->connection, &reply, err);
    if (code != OK)
        return code;
    if (reply->type == REDIS_REPLY_NIL)
        return err_set(err, ERR_NOT_FOUND, "there is no record %.*s", SPAN_ARGS(id));
    if (!redis_parts_value(redis_reply_span(reply), &its_version, &found))
        return err_set(err, ERR_INTERNAL, "the store's key %.*s does not hold a record", SPAN_ARGS(span_make(key.at, key.bytes)));
    code = redis_body_unpack(&s->body, found, &found, err);
    if (code != OK)
        return err_wrap(err, "record %.*s", SPAN_ARGS(id));
    buf_append(body, found);
    code = buf_check(body, "the record", err);
    if (code == OK)
        *version = its_version;
    return code;
}

static enum err_code check_commit(const struct commit *c, struct err *err)
{
    if (c->event_count == 0 || span_empty(c->body))
        return err_set(err, ERR_INPUT, "a commit of %.*s without an event or a body", SPAN_ARGS(c->id));
    size_t limit = c->kind == RECORD_CONTROL ? 16 * (size_t)DEVICE_BODY_BYTES : DEVICE_BODY_BYTES;
    if (c->body.bytes > limit)
        return err_set(err, ERR_LIMIT, "record %.*s has %zu bytes, at most %zu", SPAN_ARGS(c->id), c->body.bytes, limit);
    return OK;
}

static enum err_code store_commit(struct store *store, const struct commit *c, int64_t *version, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    struct redis_connection *to = s->connection;
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    CLEANUP(event_texts_done) struct event_texts texts = { 0 };
    unsigned partition = redis_key_partition(s->partitions, c->kind, c->id);
    struct redis_key record = redis_key_record(s->partitions, c->kind, c->id), log = REDIS_LOG(s, partition);
    struct redis_key due = redis_key_of(s->partitions, partition, REDIS_KEY_DUE);
    char letter = redis_key_letter(c->kind);
    int64_t after = 0;
    enum err_code code = check_commit(c, err);
    struct span body = SPAN_NONE;
    if (code == OK)
        code = redis_body_pack(&s->body, c->kind, c->body, &body, err);
    if (code == OK)
        code = add_all(&texts, c->events, c->event_count, err);
    if (code != OK)
        return code;
    redis_function(to, "pst1_commit", false, 3);
    redis_key(to, &record);
    redis_key(to, &log);
    redis_key(to, &due);
    redis_number(to, c->expected_version);
    redis_word(to, span_make(&letter, 1));
    redis_word(to, c->id);
    redis_word(to, body);
    redis_number(to, c->due_s);
    event_texts_words(&texts, to);
    code = redis_write(to, &reply, err);
    if (code != OK)
        return code;
    if (!redis_reply_i64(reply, &after))
        return redis_reply_strange(to, "pst1_commit", err);
    if (after < 0)
        return err_set(err, ERR_CONFLICT, "record %.*s is not at version %lld", SPAN_ARGS(c->id), (long long)c->expected_version);
    *version = after;
    return OK;
}

enum err_code redis_log_append(struct store *store, unsigned partition, const struct event *events, size_t count, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    CLEANUP(event_texts_done) struct event_texts texts = { 0 };
    struct redis_key log = REDIS_LOG(s, partition);
    enum err_code code = redis_parts_partition(s, partition, err);
    if (code == OK)
        code = add_all(&texts, events, count, err);
    if (code != OK || count == 0)
        return code;
    redis_function(s->connection, "pst1_append", false, 1);
    redis_key(s->connection, &log);
    event_texts_words(&texts, s->connection);
    return redis_write(s->connection, &reply, err);
}

/* ---- refreshes ---- */

static bool has_times(const struct refresh *r) { return r->times.bytes > 2; }

static void write_seen(const struct refresh *all, size_t count, struct buf *out)
{
    struct to_json w;
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_key(&w, "seen");
    to_json_array(&w);
    for (size_t i = 0; i < count; i++) {
        to_json_array(&w);
        to_json_text(&w, all[i].device);
        to_json_int(&w, all[i].seen_s);
        to_json_raw(&w, has_times(&all[i]) ? all[i].times : SPAN_LITERAL("{}"));
        to_json_end(&w);
    }
    to_json_end(&w);
    to_json_end(&w);
}

static size_t seen_bytes(const struct refresh *r) { return 2 * r->device.bytes + r->times.bytes + 32; }

/* How many of them fit into one event. */
static size_t fitting(const struct refresh *all, size_t count)
{
    size_t bytes = 0, fit = 0;
    while (fit < count && (fit == 0 || bytes + seen_bytes(&all[fit]) <= SEEN_EVENT_BYTES))
        bytes += seen_bytes(&all[fit++]);
    return fit;
}

static enum err_code seen_events(const struct refresh *all, size_t count, int64_t now_ms, struct event_texts *texts, struct err *err)
{
    CLEANUP(buf_done) struct buf data;
    buf_init(&data, EVENT_DATA_BYTES);
    enum err_code code = OK;
    for (size_t done = 0, part; code == OK && done < count; done += part) {
        char id[SECRET_ID_BYTES + 1];
        part = fitting(all + done, count - done);
        buf_clear(&data);
        write_seen(all + done, part, &data);
        secret_new_id('e', id);
        struct event e = { .id = span_of(id), .at_ms = now_ms, .type = SPAN_LITERAL("device.seen"), .data = buf_span(&data) };
        code = buf_check(&data, "the data of device.seen", err);
        if (code == OK)
            code = event_texts_add(texts, &e, err);
    }
    return code;
}

static enum err_code check_refresh(const struct refresh *all, size_t count, struct err *err)
{
    if (count > REFRESH_MOST)
        return err_set(err, ERR_LIMIT, "%zu refreshes in one write, at most %d", count, REFRESH_MOST);
    for (size_t i = 0; i < count; i++)
        if (all[i].times.bytes > TIMES_BYTES || all[i].device.bytes > REDIS_ID_MOST || all[i].seen_s < 0)
            return err_set(err, ERR_LIMIT, "the refresh of device %.*s is out of bounds", SPAN_ARGS(all[i].device));
    return OK;
}

static enum err_code store_refresh(struct store *store, unsigned partition, const struct refresh *all, size_t count, int64_t now_ms, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    struct redis_connection *c = s->connection;
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    CLEANUP(event_texts_done) struct event_texts texts = { 0 };
    struct redis_key seen = redis_key_of(s->partitions, partition, REDIS_KEY_SEEN), log = REDIS_LOG(s, partition);
    enum err_code code = redis_parts_partition(s, partition, err);
    if (code == OK)
        code = check_refresh(all, count, err);
    if (code == OK)
        code = event_texts_init(&texts, EVENT_TEXTS_MOST, err);
    if (code == OK)
        code = seen_events(all, count, now_ms, &texts, err);
    if (code != OK || count == 0)
        return code;
    redis_function(c, "pst1_refresh", false, 2);
    redis_key(c, &seen);
    redis_key(c, &log);
    redis_number(c, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        redis_word(c, all[i].device);
        redis_number(c, all[i].seen_s);
        redis_word(c, all[i].times);
    }
    event_texts_words(&texts, c);
    return redis_write(c, &reply, err);
}

/* ---- claims ---- */

static enum err_code store_claim(struct store *store, struct span kind, struct span value, struct span owner, struct buf *holder, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    struct redis_key key = redis_key_claim(s->partitions, kind, value);
    redis_command(s->connection, "SET");
    redis_key(s->connection, &key);
    redis_word(s->connection, owner);
    redis_text(s->connection, "NX");
    redis_text(s->connection, "GET");
    enum err_code code = redis_write(s->connection, &reply, err);
    struct span held = redis_reply_span(reply);
    if (code != OK || reply->type == REDIS_REPLY_NIL || span_equal(held, owner))
        return code;
    if (holder != NULL)
        buf_append(holder, held);
    return err_set(err, ERR_CONFLICT, "this %.*s belongs to %.*s", SPAN_ARGS(kind), SPAN_ARGS(held));
}

static enum err_code store_holder(struct store *store, struct span kind, struct span value, struct buf *holder, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    struct redis_key key = redis_key_claim(s->partitions, kind, value);
    redis_command(s->connection, "GET");
    redis_key(s->connection, &key);
    enum err_code code = redis_call(s->connection, &reply, err);
    if (code != OK)
        return code;
    if (reply->type == REDIS_REPLY_NIL)
        return err_set(err, ERR_NOT_FOUND, "nobody holds this %.*s", SPAN_ARGS(kind));
    buf_append(holder, redis_reply_span(reply));
    return buf_check(holder, "the holder of an identifier", err);
}

static enum err_code store_release(struct store *store, struct span kind, struct span value, struct span owner, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    struct redis_key key = redis_key_claim(s->partitions, kind, value);
    redis_function(s->connection, "pst1_release", false, 1);
    redis_key(s->connection, &key);
    redis_word(s->connection, owner);
    return redis_write(s->connection, &reply, err);
}

/* ---- once ---- */

static struct redis_key key_once(const struct redis_store *s, struct span kind, struct span value)
{
    char hash[SECRET_HEX_BYTES + 1];
    secret_sha256_hex(value, hash);
    return redis_key_once(s->partitions, kind, span_make(hash, SECRET_HEX_BYTES));
}

static enum err_code store_once(struct store *store, struct span kind, struct span value, int64_t ttl_s, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    struct redis_key key = key_once(s, kind, value);
    redis_command(s->connection, "SET");
    redis_key(s->connection, &key);
    redis_text(s->connection, "1");
    redis_text(s->connection, "NX");
    redis_text(s->connection, "EX");
    redis_number(s->connection, ttl_s > 0 ? ttl_s : 1);
    enum err_code code = redis_write(s->connection, &reply, err);
    if (code != OK || reply->type != REDIS_REPLY_NIL)
        return code;
    return err_set(err, ERR_CONFLICT, "this %.*s was used before", SPAN_ARGS(kind));
}

static enum err_code store_used(struct store *store, struct span kind, struct span value, bool *used, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    struct redis_key key = key_once(s, kind, value);
    redis_command(s->connection, "GET");
    redis_key(s->connection, &key);
    enum err_code code = redis_call(s->connection, &reply, err);
    if (code == OK)
        *used = reply->type != REDIS_REPLY_NIL;
    return code;
}

/* ---- life ---- */

static void store_free(struct store *store)
{
    if (store == NULL)
        return;
    struct redis_store *s = redis_store_of(store);
    redis_connection_free(s->connection);
    redis_body_done(&s->body);
    redis_body_done(&s->log_body);
    free(s->logs);
    free(s->trimmed);
    free(s);
}

static const struct store_ops ops = {
    .free = store_free, .partitions = store_partitions, .partition_of = store_partition_of, .get = store_get, .commit = store_commit,
    .append = redis_log_append, .refresh = store_refresh, .claim = store_claim, .holder = store_holder, .release = store_release, .once = store_once, .used = store_used,
    .each_record = redis_walk_each_record, .each_seen = redis_walk_each_seen, .each_state = redis_walk_each_state, .seen = redis_walk_seen,
    .log_end = redis_log_end, .log_read = redis_log_read,
    .log_range = redis_log_range, .log_range_back = redis_log_range_back, .lease = redis_work_lease, .unlease = redis_work_unlease,
    .advance = redis_work_advance, .outbox = redis_work_outbox, .due = redis_work_due, .set_due = redis_work_set_due,
    .heartbeat = redis_work_heartbeat, .trim = redis_log_trim, .ping = redis_work_ping,
};

enum err_code redis_store_open(const struct redis_options *options, struct store **out, struct err *err)
{
    struct redis_store *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_MEMORY, "a store");
    s->store.ops = &ops;
    s->read_most = READ_MOST;
    enum err_code code = redis_connection_new(options, &s->connection, err);
    if (code != OK) {
        store_free(&s->store);
        return code;
    }
    s->partitions = redis_connection_partitions(s->connection);
    *out = &s->store;
    return OK;
}

static enum err_code open_with(void *context, struct store **out, struct err *err) { return redis_store_open(context, out, err); }

struct store_factory redis_store_factory(const struct redis_options *options)
{
    union { const struct redis_options *in; void *out; } context = { .in = options }; /* open_with only reads it */
    return (struct store_factory){ context.out, open_with };
}
