/* Walks over all that is stored: records, and the newest refreshes beside them. */
#include "connectors/store/redis_parts.h"

#include <stdlib.h>
#include <string.h>

enum { SCAN_COUNT = 1000, TWO_DIGITS = 100 /* partitions p00 to p99 */ };

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
static enum err_code read_record(struct redis_store *s, enum record_kind kind, struct span key, const redisReply *value, bool whole, struct record *out, struct err *err)
{
    *out = (struct record){ .kind = kind };
    if (value->type == REDIS_REPLY_NIL || span_empty(redis_key_id(key)))
        return OK;
    if (!redis_parts_value(redis_reply_span(value), &out->version, &out->body))
        return err_set(err, ERR_INTERNAL, "the store's key %.*s does not hold a record", SPAN_ARGS(key));
    out->id = redis_key_id(key);
    enum err_code code = whole ? redis_body_unpack(&s->body, out->body, &out->body, err) : redis_body_unpack_standing(&s->body, out->body, &out->body, err);
    return code == OK ? OK : err_wrap(err, "the store's key %.*s", SPAN_ARGS(key));
}

static enum err_code give_record(struct redis_store *s, struct record_walk *walk, struct span key, const redisReply *value, struct err *err)
{
    struct record record;
    enum err_code code = read_record(s, walk->kind, key, value, true, &record, err);
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

static bool read_seen(struct span device, struct span value, struct refresh *out)
{
    size_t space = span_find(value, ' ');
    *out = (struct refresh){ .device = device, .times = span_slice(value, space + 1, value.bytes) };
    return space < value.bytes && span_to_i64(span_slice(value, 0, space), &out->seen_s);
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
            if (read_seen(redis_reply_span(pairs->element[i]), redis_reply_span(pairs->element[i + 1]), &refresh))
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

/* One batch of keys, inside the SCAN's answer, and the partition that has each device's newest refresh; a person has none: s->partitions. */
struct key_batch { redisReply *reply; const redisReply *keys; unsigned *partition; };
/* What the partitions say of the batch's devices, each in the order of the keys. */
struct seen_answers { redisReply *of[REDIS_PARTITIONS_MOST]; size_t taken[REDIS_PARTITIONS_MOST]; };

static void key_batch_done(struct key_batch *b)
{
    redis_reply_done(&b->reply);
    free(b->partition);
    *b = (struct key_batch){ 0 };
}

static void seen_answers_done(struct seen_answers *a)
{
    for (size_t p = 0; p < REDIS_PARTITIONS_MOST; p++)
        redis_reply_done(&a->of[p]);
}

static struct span key_at(const struct key_batch *b, size_t i) { return redis_reply_span(b->keys->element[i]); }
static enum record_kind kind_of(struct span key) { return span_search(key, SPAN_LITERAL("}:p:")) < key.bytes ? RECORD_PERSON : RECORD_DEVICE; }

/* Each "?" is a digit of a partition's tag: a key of another kind differs at a fixed place, and Redis looks no further. */
static enum err_code ask_keys(struct redis_store *s, const char *cursor, struct err *err)
{
    redis_command(s->connection, "SCAN");
    redis_text(s->connection, cursor);
    redis_text(s->connection, "MATCH");
    redis_text(s->connection, s->partitions <= TWO_DIGITS ? "pst:{p??}:[dp]:*" : "pst:{p*}:[dp]:*");
    redis_text(s->connection, "COUNT");
    redis_number(s->connection, 2 * SCAN_COUNT);
    return redis_queue(s->connection, err);
}

static enum err_code find_partitions(const struct redis_store *s, struct key_batch *b, struct err *err)
{
    b->partition = calloc(b->keys->elements + 1, sizeof *b->partition);
    if (b->partition == NULL)
        return err_set(err, ERR_MEMORY, "a batch of %zu keys", b->keys->elements);
    for (size_t i = 0; i < b->keys->elements; i++)
        b->partition[i] = kind_of(key_at(b, i)) == RECORD_DEVICE ? redis_key_partition(s->partitions, RECORD_DEVICE, redis_key_id(key_at(b, i))) : s->partitions;
    return OK;
}

static enum err_code ask_seen(struct redis_store *s, const struct key_batch *b, unsigned partition, struct err *err)
{
    struct redis_key seen = redis_key_of(s->partitions, partition, REDIS_KEY_SEEN);
    size_t asked = 0;
    redis_command(s->connection, "HMGET");
    redis_key(s->connection, &seen);
    for (size_t i = 0; i < b->keys->elements; i++) {
        if (b->partition[i] != partition)
            continue;
        redis_word(s->connection, redis_key_id(key_at(b, i)));
        asked++;
    }
    return asked > 0 ? redis_queue(s->connection, err) : OK;
}

static enum err_code ask_batch(struct redis_store *s, struct key_batch *b, struct err *err)
{
    enum err_code code = find_partitions(s, b, err);
    if (code != OK || b->keys->elements == 0)
        return code;
    redis_command(s->connection, "MGET");
    for (size_t i = 0; i < b->keys->elements; i++)
        redis_word(s->connection, key_at(b, i));
    code = redis_queue(s->connection, err);
    for (unsigned p = 0; code == OK && p < s->partitions; p++)
        code = ask_seen(s, b, p, err);
    return code;
}

static size_t devices_in(const struct key_batch *b, unsigned partition)
{
    size_t count = 0;
    for (size_t i = 0; i < b->keys->elements; i++)
        count += b->partition[i] == partition;
    return count;
}

static enum err_code take_answers(struct redis_store *s, const struct key_batch *b, redisReply **values, struct seen_answers *seen, struct err *err)
{
    enum err_code code = redis_answer(s->connection, 0, values, err);
    if (code == OK && ((*values)->type != REDIS_REPLY_ARRAY || (*values)->elements != b->keys->elements))
        return redis_reply_strange(s->connection, "MGET", err);
    for (unsigned p = 0; code == OK && p < s->partitions; p++) {
        size_t asked = devices_in(b, p);
        code = asked == 0 ? OK : redis_answer(s->connection, 0, &seen->of[p], err);
        if (code == OK && asked > 0 && (seen->of[p]->type != REDIS_REPLY_ARRAY || seen->of[p]->elements != asked))
            return redis_reply_strange(s->connection, "HMGET", err);
    }
    return code;
}

struct state_walk { bool (*fn)(void *, const struct record *, const struct refresh *); void *context; bool stopped; };

/* `seen`: NULL for a person. */
static enum err_code give_state(struct redis_store *s, struct state_walk *walk, struct span key, const redisReply *value, const redisReply *seen, struct err *err)
{
    struct record record;
    struct refresh refresh;
    enum err_code code = read_record(s, seen != NULL ? RECORD_DEVICE : RECORD_PERSON, key, value, false, &record, err);
    if (code != OK || span_empty(record.id))
        return code;
    bool has_seen = seen != NULL && read_seen(record.id, redis_reply_span(seen), &refresh);
    walk->stopped = !walk->fn(walk->context, &record, has_seen ? &refresh : NULL);
    return OK;
}

static enum err_code give_states(struct redis_store *s, const struct key_batch *b, struct state_walk *walk, struct err *err)
{
    CLEANUP(redis_reply_done) redisReply *values = NULL;
    CLEANUP(seen_answers_done) struct seen_answers seen = { 0 };
    enum err_code code = b->keys->elements == 0 ? OK : take_answers(s, b, &values, &seen, err);
    for (size_t i = 0; code == OK && !walk->stopped && i < b->keys->elements; i++) {
        unsigned p = b->partition[i];
        code = give_state(s, walk, key_at(b, i), values->element[i], p < s->partitions ? seen.of[p]->element[seen.taken[p]++] : NULL, err);
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
    return code == OK ? ask_batch(s, out, err) : code;
}

/* Redis is always one batch ahead: it answers about the next keys while those before are decoded here. */
enum err_code redis_walk_each_state(struct store *store, bool (*fn)(void *, const struct record *, const struct refresh *), void *context, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    struct state_walk walk = { fn, context, false };
    CLEANUP(key_batch_done) struct key_batch now = { 0 }, next = { 0 };
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
            code = give_states(s, &now, &walk, err);
        key_batch_done(&now);
        now = next;
        next = (struct key_batch){ 0 };
    }
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
    if (!read_seen(device, redis_reply_span(reply), &refresh))
        return err_set(err, ERR_NOT_FOUND, "device %.*s was not refreshed", SPAN_ARGS(device));
    *seen_s = refresh.seen_s;
    buf_append(times, refresh.times);
    return buf_check(times, "the times of a refresh", err);
}
