/* Walks over all that is stored: records, and the newest refreshes beside them. */
#include "connectors/store/redis_parts.h"

#include <string.h>

enum { SCAN_COUNT = 1000 };

/* ---- walks ---- */

/* One turn of SCAN or HSCAN: the next cursor, and the elements in *items (inside *reply). */
static enum err_code read_scan(struct redis_store *s, const redisReply *r, char cursor[24], const redisReply **items, struct err *err)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 || r->element[1]->type != REDIS_REPLY_ARRAY || r->element[0]->len < 1 || r->element[0]->len > 20)
        return redis_reply_strange(s->connection, "SCAN", err);
    memcpy(cursor, r->element[0]->str, (size_t)r->element[0]->len);
    cursor[r->element[0]->len] = '\0';
    *items = r->element[1];
    return OK;
}

static enum err_code take_scan(struct redis_store *s, redisReply **reply, char cursor[24], const redisReply **items, struct err *err)
{
    enum err_code code = redis_call(s->connection, reply, err);
    return code == OK ? read_scan(s, *reply, cursor, items, err) : code;
}

struct record_walk { enum record_kind kind; bool (*fn)(void *, const struct record *); void *context; bool stopped; };

/* Empty id: gone since it was listed, or not a string. */
static enum err_code read_record(struct redis_store *s, enum record_kind kind, struct span key, const redisReply *value, struct record *out, struct err *err)
{
    *out = (struct record){ .kind = kind };
    if (value->type == REDIS_REPLY_NIL || span_empty(redis_key_id(key)))
        return OK;
    if (!redis_parts_value(redis_reply_span(value), &out->version, &out->body))
        return err_set(err, ERR_INTERNAL, "the store's key %.*s does not hold a record", SPAN_ARGS(key));
    out->id = redis_key_id(key);
    return redis_body_unpack(&s->body, out->body, &out->body, err) == OK ? OK : err_wrap(err, "the store's key %.*s", SPAN_ARGS(key));
}

static enum err_code give_record(struct redis_store *s, struct record_walk *walk, struct span key, const redisReply *value, struct err *err)
{
    struct record record;
    enum err_code code = read_record(s, walk->kind, key, value, &record, err);
    if (code != OK || span_empty(record.id))
        return code;
    walk->stopped = !walk->fn(walk->context, &record);
    return OK;
}

static enum err_code give_records(struct redis_store *s, const redisReply *keys, struct record_walk *walk, struct err *err)
{
    CLEANUP(redis_reply_done) redisReply *values = NULL;
    if (keys->elements == 0)
        return OK;
    redis_command(s->connection, "MGET");
    for (size_t i = 0; i < keys->elements; i++)
        redis_word(s->connection, redis_reply_span(keys->element[i]));
    enum err_code code = redis_call(s->connection, &values, err);
    if (code != OK)
        return code;
    if (values->type != REDIS_REPLY_ARRAY || values->elements != keys->elements)
        return redis_reply_strange(s->connection, "MGET", err);
    for (size_t i = 0; code == OK && !walk->stopped && i < keys->elements; i++)
        code = give_record(s, walk, redis_reply_span(keys->element[i]), values->element[i], err);
    return code;
}

enum err_code redis_walk_each_record(struct store *store, enum record_kind kind, bool (*fn)(void *, const struct record *), void *context, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    struct record_walk walk = { kind, fn, context, false };
    char cursor[24] = "0";
    enum err_code code = OK;
    do {
        CLEANUP(redis_reply_done) redisReply *reply = NULL;
        const redisReply *keys = NULL;
        redis_command(s->connection, "SCAN");
        redis_text(s->connection, cursor);
        redis_text(s->connection, "MATCH");
        redis_text(s->connection, redis_key_pattern(kind));
        redis_text(s->connection, "COUNT");
        redis_number(s->connection, SCAN_COUNT);
        code = take_scan(s, &reply, cursor, &keys, err);
        if (code == OK)
            code = give_records(s, keys, &walk, err);
    } while (code == OK && !walk.stopped && strcmp(cursor, "0") != 0);
    return code;
}

/* "<second>:<check>,<check>;..." as the port says it: {"<check>":<second>}. What is JSON stays so. False: neither. */
static bool read_times(struct redis_store *s, struct span text, struct span *json)
{
    struct to_json w;
    struct span group, name;
    *json = text;
    if (span_empty(text) || text.at[0] == '{')
        return true;
    buf_clear(&s->times);
    to_json_init(&w, &s->times);
    to_json_object(&w);
    while (span_cut(&text, ';', &group)) {
        struct span second;
        int64_t at_s = 0;
        if (!span_cut(&group, ':', &second) || !span_to_i64(second, &at_s))
            return false;
        while (span_cut(&group, ',', &name)) {
            to_json_key_span(&w, name);
            to_json_int(&w, at_s);
        }
    }
    to_json_end(&w);
    *json = buf_span(&s->times);
    return !s->times.failed;
}

/* Its times last until the next is read. */
static bool read_seen(struct redis_store *s, struct span device, struct span value, struct refresh *out)
{
    size_t space = span_find(value, ' ');
    *out = (struct refresh){ .device = device };
    return space < value.bytes && read_times(s, span_slice(value, space + 1, value.bytes), &out->times) && span_to_i64(span_slice(value, 0, space), &out->seen_s);
}

static enum err_code scan_seen(struct redis_store *s, unsigned partition, bool (*fn)(void *, const struct refresh *), void *context, bool *stopped, struct err *err)
{
    struct redis_key key = redis_key_of(s->partitions, partition, REDIS_KEY_SEEN);
    char cursor[24] = "0";
    enum err_code code = OK;
    do {
        CLEANUP(redis_reply_done) redisReply *reply = NULL;
        const redisReply *pairs = NULL;
        redis_command(s->connection, "HSCAN");
        redis_key(s->connection, &key);
        redis_text(s->connection, cursor);
        redis_text(s->connection, "COUNT");
        redis_number(s->connection, SCAN_COUNT);
        code = take_scan(s, &reply, cursor, &pairs, err);
        for (size_t i = 0; code == OK && !*stopped && i + 1 < pairs->elements; i += 2) {
            struct refresh refresh;
            if (read_seen(s, redis_reply_span(pairs->element[i]), redis_reply_span(pairs->element[i + 1]), &refresh))
                *stopped = !fn(context, &refresh);
        }
    } while (code == OK && !*stopped && strcmp(cursor, "0") != 0);
    return code;
}

enum err_code redis_walk_each_seen(struct store *store, bool (*fn)(void *, const struct refresh *), void *context, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    bool stopped = false;
    enum err_code code = OK;
    for (unsigned p = 0; code == OK && !stopped && p < s->partitions; p++)
        code = scan_seen(s, p, fn, context, &stopped, err);
    return code;
}

/* ---- the directory's load ---- */

/* One batch of keys, inside the SCAN's answer. */
struct key_batch { redisReply *reply; const redisReply *keys; };

static enum err_code ask_keys(struct redis_store *s, const char *cursor, struct err *err)
{
    redis_command(s->connection, "SCAN");
    redis_text(s->connection, cursor);
    redis_text(s->connection, "MATCH");
    redis_text(s->connection, "pst:{p*}:[dp]:*");
    redis_text(s->connection, "COUNT");
    redis_number(s->connection, 2 * SCAN_COUNT);
    return redis_queue(s->connection, err);
}

/* A device's newest refresh lies in its partition's hash; a person has none, and is asked for all the same, so that answers stand at the same place as the keys. */
static enum err_code ask_batch(struct redis_store *s, const redisReply *keys, struct err *err)
{
    if (keys->elements == 0)
        return OK;
    redis_command(s->connection, "MGET");
    for (size_t i = 0; i < keys->elements; i++)
        redis_word(s->connection, redis_reply_span(keys->element[i]));
    enum err_code code = redis_queue(s->connection, err);
    for (size_t i = 0; code == OK && i < keys->elements; i++) {
        struct span id = redis_key_id(redis_reply_span(keys->element[i]));
        struct redis_key seen = redis_key_of(s->partitions, redis_key_partition(s->partitions, RECORD_DEVICE, id), REDIS_KEY_SEEN);
        redis_command(s->connection, "HGET");
        redis_key(s->connection, &seen);
        redis_word(s->connection, id);
        code = redis_queue(s->connection, err);
    }
    return code;
}

struct state_walk { bool (*fn)(void *, const struct record *, const struct refresh *); void *context; bool stopped; };

static enum err_code give_state(struct redis_store *s, struct state_walk *walk, struct span key, const redisReply *value, const redisReply *seen, struct err *err)
{
    struct record record;
    struct refresh refresh;
    enum record_kind kind = span_search(key, SPAN_LITERAL("}:p:")) < key.bytes ? RECORD_PERSON : RECORD_DEVICE;
    enum err_code code = read_record(s, kind, key, value, &record, err);
    if (code != OK || span_empty(record.id) || walk->stopped)
        return code;
    bool has_seen = kind == RECORD_DEVICE && read_seen(s, record.id, redis_reply_span(seen), &refresh);
    walk->stopped = !walk->fn(walk->context, &record, has_seen ? &refresh : NULL);
    return OK;
}

static enum err_code give_states(struct redis_store *s, const redisReply *keys, struct state_walk *walk, struct err *err)
{
    CLEANUP(redis_reply_done) redisReply *values = NULL;
    enum err_code code = keys->elements == 0 ? OK : redis_answer(s->connection, 0, &values, err);
    if (code != OK || keys->elements == 0)
        return code;
    if (values->type != REDIS_REPLY_ARRAY || values->elements != keys->elements)
        return redis_reply_strange(s->connection, "MGET", err);
    for (size_t i = 0; code == OK && !walk->stopped && i < keys->elements; i++) {
        CLEANUP(redis_reply_done) redisReply *seen = NULL;
        code = redis_answer(s->connection, 0, &seen, err);
        if (code == OK)
            code = give_state(s, walk, redis_reply_span(keys->element[i]), values->element[i], seen, err);
    }
    return code;
}

/* The next batch's keys, which were asked for; the keys after them and all about these are asked for in turn. */
static enum err_code take_keys(struct redis_store *s, char cursor[24], struct key_batch *out, struct err *err)
{
    enum err_code code = redis_answer(s->connection, 0, &out->reply, err);
    if (code == OK)
        code = read_scan(s, out->reply, cursor, &out->keys, err);
    if (code == OK && strcmp(cursor, "0") != 0)
        code = ask_keys(s, cursor, err);
    return code == OK ? ask_batch(s, out->keys, err) : code;
}

/* Redis is always one batch ahead: it answers about the next keys while those before are decoded here. */
enum err_code redis_walk_each_state(struct store *store, bool (*fn)(void *, const struct record *, const struct refresh *), void *context, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    struct state_walk walk = { fn, context, false };
    struct key_batch now = { NULL, NULL }, next = { NULL, NULL };
    char cursor[24] = "0";
    enum err_code code = redis_settle(s->connection, err);
    if (code == OK)
        code = ask_keys(s, cursor, err);
    if (code == OK)
        code = take_keys(s, cursor, &now, err);
    while (code == OK && now.reply != NULL && !walk.stopped) {
        if (strcmp(cursor, "0") != 0)
            code = take_keys(s, cursor, &next, err);
        if (code == OK)
            code = give_states(s, now.keys, &walk, err);
        redis_reply_done(&now.reply);
        now = next;
        next = (struct key_batch){ NULL, NULL };
    }
    redis_reply_done(&now.reply);
    return code;
}

enum err_code redis_walk_seen(struct store *store, struct span device, struct buf *times, int64_t *seen_s, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    struct redis_key key = redis_key_of(s->partitions, redis_key_partition(s->partitions, RECORD_DEVICE, device), REDIS_KEY_SEEN);
    struct refresh refresh;
    redis_command(s->connection, "HGET");
    redis_key(s->connection, &key);
    redis_word(s->connection, device);
    enum err_code code = redis_call(s->connection, &reply, err);
    if (code != OK)
        return code;
    if (!read_seen(s, device, redis_reply_span(reply), &refresh))
        return err_set(err, ERR_NOT_FOUND, "device %.*s was not refreshed", SPAN_ARGS(device));
    *seen_s = refresh.seen_s;
    buf_append(times, refresh.times);
    return buf_check(times, "the times of a refresh", err);
}
