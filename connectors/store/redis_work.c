/* What is to be done, by whom and when: leases, outboxes, due times, the heartbeat. */
#include "connectors/store/redis_parts.h"

#include "posture/base/secret.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { OUTBOX_MOST = 1000, ITEMS_MOST = 10000, CLOCK_BYTES = 1024 * 1024, CLOCK_DEPTH = 8, PAUSES_KEPT = 512, BEAT_TRIES = 16 };

/* ---- leases ---- */

enum err_code redis_work_lease(struct store *store, struct span reader, unsigned partition, struct span node, int64_t ttl_ms, int64_t *fence, struct log_position *cursor, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    struct redis_connection *c = s->connection;
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    struct redis_key leases = redis_key_of(s->partitions, partition, REDIS_KEY_LEASES), cursors = redis_key_of(s->partitions, partition, REDIS_KEY_CURSORS);
    int64_t its_fence = 0;
    enum err_code code = redis_parts_partition(s, partition, err);
    if (code == OK && (span_empty(reader) || span_empty(node) || reader.bytes > REDIS_READER_MOST || node.bytes > REDIS_READER_MOST))
        code = err_set(err, ERR_INPUT, "a lease needs a reader and a node of at most %d bytes", REDIS_READER_MOST);
    if (code != OK)
        return code;
    redis_function(c, "pst1_lease", false, 2);
    redis_key(c, &leases);
    redis_key(c, &cursors);
    redis_word(c, reader);
    redis_word(c, node);
    redis_number(c, ttl_ms);
    code = redis_write(c, &reply, err);
    if (code != OK)
        return code;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !redis_reply_i64(reply->element[0], &its_fence))
        return redis_reply_strange(c, "pst1_lease", err);
    struct span text = redis_reply_span(reply->element[1]);
    if (its_fence < 0)
        return err_set(err, ERR_CONFLICT, "%.*s of partition %u is held by %.*s", SPAN_ARGS(reader), partition, SPAN_ARGS(text));
    snprintf(cursor->text, sizeof cursor->text, "%.*s", SPAN_ARGS(text));
    *fence = its_fence;
    return OK;
}

enum err_code redis_work_unlease(struct store *store, struct span reader, unsigned partition, struct span node, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    struct redis_key leases = redis_key_of(s->partitions, partition, REDIS_KEY_LEASES);
    enum err_code code = redis_parts_partition(s, partition, err);
    if (code != OK)
        return code;
    redis_function(s->connection, "pst1_unlease", false, 1);
    redis_key(s->connection, &leases);
    redis_word(s->connection, reader);
    redis_word(s->connection, node);
    return redis_write(s->connection, &reply, err);
}

static enum err_code check_advance(const struct log_position *cursor, const struct outbox_item *items, size_t count, struct err *err)
{
    if (cursor != NULL && !redis_log_is_position(cursor))
        return err_set(err, ERR_INPUT, "a cursor that is not a position in the log");
    if (count > ITEMS_MOST)
        return err_set(err, ERR_LIMIT, "%zu outbox items in one step, at most %d", count, ITEMS_MOST);
    for (size_t i = 0; i < count; i++)
        if (span_empty(items[i].id) || items[i].id.bytes > REDIS_ID_MOST || items[i].body.bytes > EVENT_DATA_BYTES)
            return err_set(err, ERR_LIMIT, "outbox item %.*s is out of bounds", SPAN_ARGS(items[i].id));
    return OK;
}

enum err_code redis_work_advance(struct store *store, struct span reader, unsigned partition, int64_t fence, const struct log_position *cursor,
                                 const struct outbox_item *items, size_t count, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    struct redis_connection *c = s->connection;
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    struct redis_key leases = redis_key_of(s->partitions, partition, REDIS_KEY_LEASES), cursors = redis_key_of(s->partitions, partition, REDIS_KEY_CURSORS);
    struct redis_key due = redis_key_outbox(s->partitions, partition, reader, false), bodies = redis_key_outbox(s->partitions, partition, reader, true);
    int64_t done = 0;
    enum err_code code = redis_parts_partition(s, partition, err);
    if (code == OK)
        code = check_advance(cursor, items, count, err);
    if (code != OK)
        return code;
    redis_function(c, "pst1_advance", false, 4);
    redis_key(c, &leases);
    redis_key(c, &cursors);
    redis_key(c, &due);
    redis_key(c, &bodies);
    redis_word(c, reader);
    redis_number(c, fence);
    redis_text(c, cursor != NULL ? cursor->text : "");
    for (size_t i = 0; i < count; i++) {
        redis_word(c, items[i].id);
        redis_word(c, items[i].body);
        redis_number(c, items[i].due_ms);
    }
    code = redis_write(c, &reply, err);
    if (code != OK)
        return code;
    if (!redis_reply_i64(reply, &done))
        return redis_reply_strange(c, "pst1_advance", err);
    return done > 0 ? OK : err_set(err, ERR_CONFLICT, "%.*s of partition %u has another holder now", SPAN_ARGS(reader), partition);
}

enum err_code redis_work_outbox(struct store *store, struct span reader, unsigned partition, int64_t now_ms, unsigned most,
                                bool (*fn)(void *, const struct outbox_item *), void *context, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    struct redis_connection *c = s->connection;
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    struct redis_key due = redis_key_outbox(s->partitions, partition, reader, false), bodies = redis_key_outbox(s->partitions, partition, reader, true);
    enum err_code code = redis_parts_partition(s, partition, err);
    if (code != OK)
        return code;
    redis_function(c, "pst1_outbox", true, 2);
    redis_key(c, &due);
    redis_key(c, &bodies);
    if (now_ms == INT64_MAX)
        redis_text(c, "+inf");
    else
        redis_number(c, now_ms);
    redis_number(c, most < OUTBOX_MOST ? most : OUTBOX_MOST);
    code = redis_call(c, &reply, err);
    if (code == OK && reply->type != REDIS_REPLY_ARRAY)
        return redis_reply_strange(c, "pst1_outbox", err);
    for (size_t i = 0; code == OK && i + 2 < reply->elements; i += 3) {
        struct outbox_item item = { redis_reply_span(reply->element[i]), redis_reply_span(reply->element[i + 2]), 0 };
        if (redis_reply_i64(reply->element[i + 1], &item.due_ms) && !fn(context, &item))
            break;
    }
    return code;
}

/* ---- due times ---- */

enum err_code redis_work_due(struct store *store, unsigned partition, int64_t now_s, unsigned most, bool (*fn)(void *, const struct record *), void *context, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    struct redis_key key = redis_key_of(s->partitions, partition, REDIS_KEY_DUE);
    enum err_code code = redis_parts_partition(s, partition, err);
    if (code != OK)
        return code;
    redis_command(s->connection, "ZRANGEBYSCORE");
    redis_key(s->connection, &key);
    redis_text(s->connection, "-inf");
    redis_number(s->connection, now_s);
    redis_text(s->connection, "LIMIT");
    redis_number(s->connection, 0);
    redis_number(s->connection, most);
    code = redis_call(s->connection, &reply, err);
    if (code == OK && reply->type != REDIS_REPLY_ARRAY)
        return redis_reply_strange(s->connection, "ZRANGEBYSCORE", err);
    for (size_t i = 0; code == OK && i < reply->elements; i++) {
        struct span member = redis_reply_span(reply->element[i]);
        struct record record = { .id = span_slice(member, 2, member.bytes) };
        if (member.bytes > 2 && redis_key_kind_from(member.at[0], &record.kind) && !fn(context, &record))
            break;
    }
    return code;
}

enum err_code redis_work_set_due(struct store *store, enum record_kind kind, struct span id, int64_t due_s, bool force, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    struct redis_connection *c = s->connection;
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    struct redis_key key = redis_key_of(s->partitions, redis_key_partition(s->partitions, kind, id), REDIS_KEY_DUE);
    char member[REDIS_ID_MOST + 3];
    if (id.bytes == 0 || id.bytes > REDIS_ID_MOST)
        return err_set(err, ERR_LIMIT, "a record's id has 1 to %d bytes", REDIS_ID_MOST);
    if (due_s == 0 && !force)
        return OK; /* never is not earlier than anything */
    snprintf(member, sizeof member, "%c:%.*s", redis_key_letter(kind), SPAN_ARGS(id));
    redis_command(c, due_s == 0 ? "ZREM" : "ZADD");
    redis_key(c, &key);
    if (due_s != 0 && !force)
        redis_text(c, "LT");
    if (due_s != 0)
        redis_number(c, due_s);
    redis_text(c, member);
    return redis_write(c, &reply, err);
}

/* ---- the heartbeat ---- */

/* 0, or the last heartbeat when too long ago. */
static enum err_code beat(struct redis_store *s, int64_t now_ms, int64_t outage_ms, int64_t *last_ms, struct err *err)
{
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    redis_function(s->connection, "pst1_beat", false, 1);
    redis_text(s->connection, REDIS_KEY_BEAT);
    redis_number(s->connection, now_ms);
    redis_number(s->connection, outage_ms);
    enum err_code code = redis_call(s->connection, &reply, err); /* only for time: replicas need not have it */
    if (code == OK && !redis_reply_i64(reply, last_ms))
        return redis_reply_strange(s->connection, "pst1_beat", err);
    return code;
}

static void copy_value(const struct from_json_value *v, struct to_json *w, struct buf *scratch)
{
    buf_clear(scratch);
    if (from_json_write(v, scratch))
        to_json_raw(w, buf_span(scratch));
    else
        to_json_null(w);
}

static void write_pause(int64_t from_s, int64_t to_s, struct to_json *w)
{
    to_json_object(w);
    to_json_member_int(w, "from", from_s);
    to_json_member_int(w, "to", to_s);
    to_json_member_text(w, "kind", SPAN_LITERAL("store_outage"));
    to_json_end(w);
}

/* The control record "clock": {"pauses":[{"from":s,"to":s,"kind":"store_outage"},...], ...}. One more pause at the end; the oldest go when
 * there are too many; other members stay. */
static enum err_code write_clock(struct span before, int64_t from_s, int64_t to_s, struct buf *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    CLEANUP(buf_done) struct buf scratch;
    void *at = NULL;
    const char *key = NULL;
    struct from_json_value value;
    struct to_json w;
    buf_init(&scratch, CLOCK_BYTES);
    enum err_code code = from_json_parse(span_empty(before) ? SPAN_LITERAL("{}") : before, (struct from_json_limits){ CLOCK_BYTES, CLOCK_DEPTH }, "the clock record", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), pauses = from_json_member(&root, "pauses");
    size_t count = from_json_count(&pauses);
    to_json_init(&w, out);
    to_json_object(&w);
    while (from_json_each(&root, &at, &key, &value)) {
        if (strcmp(key, "pauses") == 0)
            continue;
        to_json_key(&w, key);
        copy_value(&value, &w, &scratch);
    }
    to_json_key(&w, "pauses");
    to_json_array(&w);
    for (size_t i = count >= PAUSES_KEPT ? count - PAUSES_KEPT + 1 : 0; i < count; i++) {
        value = from_json_item(&pauses, i);
        copy_value(&value, &w, &scratch);
    }
    write_pause(from_s, to_s, &w);
    to_json_end(&w);
    to_json_end(&w);
    return buf_check(out, "the clock record", err);
}

struct silence { struct span node; int64_t last_ms, now_ms, version; struct span body; };

static enum err_code silence_event(const struct silence *q, struct event_texts *texts, struct err *err)
{
    char id[SECRET_ID_BYTES + 1], data[96];
    secret_new_id('e', id);
    snprintf(data, sizeof data, "{\"from\":%" PRId64 ",\"to\":%" PRId64 "}", q->last_ms / 1000, q->now_ms / 1000);
    struct event e = { .id = span_of(id), .at_ms = q->now_ms, .type = SPAN_LITERAL("store.outage"), .cause = q->node, .data = span_of(data) };
    enum err_code code = event_texts_init(texts, 1, err);
    return code == OK ? event_texts_add(texts, &e, err) : code;
}

/* Commits only while the last heartbeat is still the one we saw: of many nodes that come back together, one records the outage. */
static enum err_code commit_silence(struct redis_store *s, const struct silence *q, struct err *err)
{
    struct redis_connection *c = s->connection;
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    CLEANUP(event_texts_done) struct event_texts texts = { 0 };
    struct span id = SPAN_LITERAL("clock");
    struct redis_key record = redis_key_record(s->partitions, RECORD_CONTROL, id), log = REDIS_LOG(s, s->partitions);
    struct redis_key due = redis_key_of(s->partitions, s->partitions, REDIS_KEY_DUE);
    int64_t after = 0;
    enum err_code code = silence_event(q, &texts, err);
    if (code != OK)
        return code;
    redis_function(c, "pst1_outage", false, 4);
    redis_key(c, &record);
    redis_key(c, &log);
    redis_key(c, &due);
    redis_text(c, REDIS_KEY_BEAT);
    redis_number(c, q->last_ms);
    redis_number(c, q->now_ms);
    redis_number(c, q->version);
    redis_text(c, "r");
    redis_word(c, id);
    redis_word(c, q->body);
    redis_number(c, 0);
    event_texts_words(&texts, c);
    code = redis_write(c, &reply, err);
    if (code == OK && !redis_reply_i64(reply, &after))
        return redis_reply_strange(c, "pst1_outage", err);
    return code == OK && after < 0 ? ERR_CONFLICT : code;
}

static enum err_code record_silence(struct redis_store *s, struct span node, int64_t last_ms, int64_t now_ms, struct err *err)
{
    CLEANUP(buf_done) struct buf before;
    CLEANUP(buf_done) struct buf after;
    struct silence q = { .node = node, .last_ms = last_ms, .now_ms = now_ms };
    buf_init(&before, CLOCK_BYTES);
    buf_init(&after, CLOCK_BYTES);
    enum err_code code = s->store.ops->get(&s->store, RECORD_CONTROL, SPAN_LITERAL("clock"), &before, &q.version, err);
    if (code == OK || code == ERR_NOT_FOUND)
        code = write_clock(buf_span(&before), last_ms / 1000, now_ms / 1000, &after, err);
    q.body = buf_span(&after);
    return code == OK ? commit_silence(s, &q, err) : code;
}

enum err_code redis_work_heartbeat(struct store *store, struct span node, int64_t now_ms, int64_t outage_ms, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    for (int i = 0; i < BEAT_TRIES; i++) {
        int64_t last_ms = 0;
        enum err_code code = beat(s, now_ms, outage_ms, &last_ms, err);
        if (code == OK && last_ms > 0)
            code = record_silence(s, node, last_ms, now_ms, err);
        if (code != ERR_CONFLICT)
            return code;
    }
    return err_set(err, ERR_CONFLICT, "the clock record changed %d times while an outage was written to it", BEAT_TRIES);
}

/* ---- for doctor ---- */

/* "name:value" of INFO's text. */
static struct span info_value(struct span info, const char *name)
{
    struct span line;
    while (span_cut(&info, '\n', &line)) {
        size_t colon = span_find(line, ':');
        if (colon < line.bytes && span_equal_text(span_slice(line, 0, colon), name))
            return span_trim(span_slice(line, colon + 1, line.bytes));
    }
    return SPAN_LITERAL("?");
}

/* Empty when the user may not ask. */
static void config_value(struct redis_store *s, const char *name, char out[32])
{
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    struct err ignored;
    redis_command(s->connection, "CONFIG");
    redis_text(s->connection, "GET");
    redis_text(s->connection, name);
    bool fine = redis_call(s->connection, &reply, &ignored) == OK && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
    snprintf(out, 32, "%.*s", SPAN_ARGS(fine ? redis_reply_span(reply->element[1]) : SPAN_NONE));
}

static void write_promise(struct redis_store *s, struct span aof, struct buf *about)
{
    char fsync[32];
    const struct redis_options *o = redis_connection_options(s->connection);
    config_value(s, "appendfsync", fsync);
    if (span_equal_text(aof, "1"))
        buf_format(about, ", append-only file with appendfsync %s", fsync[0] != '\0' ? fsync : "unknown (config|get is not allowed)");
    else
        buf_append_text(about, ", no append-only file");
    bool on = span_equal_text(aof, "1"), always = strcmp(fsync, "always") == 0 || fsync[0] == '\0';
    if (o->durability == REDIS_REPLICATED)
        buf_format(about, "; each write waits for %u replicas", o->replicas);
    else if (!on || (o->durability == REDIS_FSYNC && !always))
        buf_format(about, "; WARNING: durability %s is asked for, the server is not set up for it", o->durability == REDIS_FSYNC ? "fsync" : "everysec");
}

static void write_eviction(struct redis_store *s, struct buf *about)
{
    char policy[32];
    config_value(s, "maxmemory-policy", policy);
    if (policy[0] != '\0' && strcmp(policy, "noeviction") != 0)
        buf_format(about, "; WARNING: maxmemory-policy is %s, records would vanish: set noeviction", policy);
}

enum err_code redis_work_ping(struct store *store, struct buf *about, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    CLEANUP(redis_reply_done) redisReply *pong = NULL;
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    struct err ignored;
    redis_command(s->connection, "PING");
    enum err_code code = redis_call(s->connection, &pong, err);
    if (code != OK)
        return code;
    redis_command(s->connection, "INFO");
    struct span info = redis_call(s->connection, &reply, &ignored) == OK ? redis_reply_span(reply) : SPAN_NONE;
    buf_format(about, "redis at %s", redis_connection_address(s->connection));
    if (span_empty(info)) {
        buf_append_text(about, " answers (info is not allowed)");
        return buf_check(about, "about the store", err);
    }
    bool limited = !span_equal_text(info_value(info, "maxmemory"), "0");
    buf_format(about, ", version %.*s, %.*s, %.*s, %u partitions, memory %.*s of %.*s", SPAN_ARGS(info_value(info, "redis_version")), SPAN_ARGS(info_value(info, "redis_mode")),
               SPAN_ARGS(info_value(info, "role")), s->partitions, SPAN_ARGS(info_value(info, "used_memory_human")), SPAN_ARGS(limited ? info_value(info, "maxmemory_human") : SPAN_LITERAL("all there is")));
    write_promise(s, info_value(info, "aof_enabled"), about);
    write_eviction(s, about);
    return buf_check(about, "about the store", err);
}
