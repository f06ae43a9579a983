/* The log: one stream a partition. Entries are "e" (the event) and, with the last of a commit, k i v b (the record's new state). */
#include "connectors/store/redis_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_BYTES = 2 * EVENT_DATA_BYTES, EVENT_DEPTH = 24, LARGE_ANSWER_BYTES = 16 * 1024 * 1024, READ_LEAST = 8, READ_MOST = 1000, WAIT_MOST_MS = 60000 };

/* ---- positions ---- */

struct place { uint64_t ms, seq; };

static bool read_place(struct span text, struct place *out)
{
    size_t dash = span_find(text, '-');
    return dash < text.bytes && span_to_u64(span_slice(text, 0, dash), &out->ms) && span_to_u64(span_slice(text, dash + 1, text.bytes), &out->seq);
}

static bool is_before(struct place a, struct place b) { return a.ms < b.ms || (a.ms == b.ms && a.seq < b.seq); }

static struct span position_text(const struct log_position *p) { return span_make(p->text, strnlen(p->text, sizeof p->text)); }

bool redis_log_is_position(const struct log_position *p)
{
    struct place place;
    return read_place(position_text(p), &place);
}

static enum err_code check_position(const struct log_position *p, struct err *err)
{
    if (redis_log_is_position(p))
        return OK;
    return err_set(err, ERR_INPUT, "\"%.*s\" is not a position in the log", SPAN_ARGS(position_text(p)));
}

static bool set_position(struct log_position *p, struct span text)
{
    struct place place;
    if (text.bytes >= sizeof p->text || !read_place(text, &place))
        return false;
    memcpy(p->text, text.at, text.bytes);
    p->text[text.bytes] = '\0';
    return true;
}

/* The beginning, "0-0", is the beginning of what is left: never too old. `trimmed` is the newest entry that went. */
static enum err_code check_gap(const struct log_position *p, unsigned partition, const redisReply *trimmed, struct err *err)
{
    struct place at, gone;
    if (!read_place(redis_reply_span(trimmed), &gone) || !read_place(position_text(p), &at) || (at.ms == 0 && at.seq == 0) || !is_before(at, gone))
        return OK;
    return err_set(err, ERR_GONE, "the log of partition %u no longer reaches back to %s", partition, p->text);
}

/* ---- entries ---- */

struct giving { log_entry_fn *fn; void *context; unsigned partition; struct buf *scratch; struct redis_body *bodies; bool stopped; };

/* The last value of a field. */
static struct span field(const redisReply *fields, const char *name)
{
    for (size_t i = fields->elements; i >= 2; i -= 2)
        if (span_equal_text(redis_reply_span(fields->element[i - 2]), name))
            return redis_reply_span(fields->element[i - 1]);
    return SPAN_NONE;
}

/* Without a body when it is in a form that is not known here. */
static struct record read_record(struct redis_body *bodies, const redisReply *fields)
{
    struct err ignored;
    struct record r = { .id = field(fields, "i"), .body = field(fields, "b") };
    struct span letter = field(fields, "k");
    bool fine = letter.bytes == 1 && redis_key_kind_from(letter.at[0], &r.kind) && !span_empty(r.id) && span_to_i64(field(fields, "v"), &r.version) && r.version > 0 &&
                redis_body_unpack(bodies, r.body, &r.body, &ignored) == OK;
    return fine ? r : (struct record){ 0 };
}

/* An entry that we did not write must not stop every reader for ever: it is handed out under a type of its own. */
static void give_unreadable(struct giving *g, struct log_entry *entry)
{
    entry->event = (struct event){ .type = SPAN_LITERAL("log.unreadable") };
    g->stopped = !g->fn(g->context, entry);
}

static void give_fields(struct giving *g, const redisReply *fields, struct log_entry *entry)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct err err;
    if (from_json_parse(field(fields, "e"), (struct from_json_limits){ EVENT_BYTES, EVENT_DEPTH }, "event", &doc, &err) != OK) {
        give_unreadable(g, entry);
        return;
    }
    struct from_json_value root = from_json_root(doc);
    buf_clear(g->scratch);
    if (event_from_json(&root, g->scratch, &entry->event, &err) != OK)
        give_unreadable(g, entry);
    else
        g->stopped = !g->fn(g->context, entry);
}

/* False when it is no entry at all. */
static bool give_entry(struct giving *g, const redisReply *r, struct log_position *position)
{
    struct log_entry entry = { .partition = g->partition };
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 || !set_position(&entry.position, redis_reply_span(r->element[0])))
        return false;
    if (position != NULL)
        *position = entry.position;
    if (r->element[1]->type != REDIS_REPLY_ARRAY)
        return false;
    entry.record = read_record(g->bodies, r->element[1]);
    give_fields(g, r->element[1], &entry);
    return true;
}

static enum err_code give_entries(struct redis_store *s, struct giving *g, const redisReply *entries, struct log_position *position, struct err *err)
{
    if (entries->type == REDIS_REPLY_NIL)
        return OK;
    if (entries->type != REDIS_REPLY_ARRAY)
        return redis_reply_strange(s->connection, "reading the log", err);
    for (size_t i = 0; i < entries->elements && !g->stopped; i++)
        if (!give_entry(g, entries->element[i], position))
            return redis_reply_strange(s->connection, "reading the log", err);
    return OK;
}

/* ---- the end ---- */

/* The id that XINFO STREAM calls last-generated; "0-0" while there is no stream. */
static enum err_code last_of(const redisReply *info, struct log_position *p)
{
    set_position(p, SPAN_LITERAL("0-0"));
    for (size_t i = 0; info->type == REDIS_REPLY_ARRAY && i + 1 < info->elements; i += 2)
        if (span_equal_text(redis_reply_span(info->element[i]), "last-generated-id"))
            return set_position(p, redis_reply_span(info->element[i + 1])) ? OK : ERR_INTERNAL;
    return ERR_NOT_FOUND;
}

enum err_code redis_log_end(struct store *store, unsigned partition, struct log_position *p, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    struct redis_key key = REDIS_LOG(s, partition);
    enum err_code code = redis_parts_partition(s, partition, err);
    if (code != OK)
        return code;
    redis_command(s->connection, "XINFO");
    redis_text(s->connection, "STREAM");
    redis_key(s->connection, &key);
    code = redis_call(s->connection, &reply, err);
    if (reply != NULL && span_starts(redis_reply_span(reply), SPAN_LITERAL("ERR no such key"))) {
        set_position(p, SPAN_LITERAL("0-0"));
        return OK;
    }
    if (code == OK && last_of(reply, p) != OK)
        return redis_reply_strange(s->connection, "XINFO STREAM", err);
    return code;
}

/* On a new connection the server may be one that lost its newest entries (a replica took over, a backup was restored). Then what we know is
 * newer than what it knows, and waiting for entries past our position would hide all it does until then. */
static enum err_code check_reach(struct redis_store *s, const struct log_position *positions, struct err *err)
{
    unsigned generation = redis_connection_generation(s->connection);
    for (unsigned i = 0; i <= s->partitions; i++) {
        struct log_position end;
        struct place ours, theirs;
        enum err_code code = redis_log_end(&s->store, i, &end, err);
        if (code != OK)
            return code;
        if (read_place(position_text(&positions[i]), &ours) && read_place(position_text(&end), &theirs) && is_before(theirs, ours))
            return err_set(err, ERR_GONE, "the log of partition %u ends at %s, before our position %s: the store lost what came after", i, end.text, positions[i].text);
    }
    s->checked_generation = generation; /* the one at the start: a reconnect in between is checked again */
    return OK;
}

/* ---- reading all ---- */

static enum err_code make_keys(struct redis_store *s, struct err *err)
{
    if (s->logs != NULL && s->trimmed != NULL)
        return OK;
    size_t count = s->partitions + 1u;
    s->logs = s->logs != NULL ? s->logs : calloc(count, sizeof *s->logs);
    s->trimmed = s->trimmed != NULL ? s->trimmed : calloc(count, sizeof *s->trimmed);
    if (s->logs == NULL || s->trimmed == NULL)
        return err_set(err, ERR_MEMORY, "the names of %zu logs", count);
    for (unsigned i = 0; i < count; i++) {
        s->logs[i] = REDIS_LOG(s, i);
        s->trimmed[i] = redis_key_of(s->partitions, i, REDIS_KEY_TRIMMED);
    }
    return OK;
}

static enum err_code queue_read(struct redis_store *s, const struct log_position *positions, unsigned most, int wait_ms, struct err *err)
{
    struct redis_connection *c = s->connection;
    redis_command(c, "XREAD");
    redis_text(c, "COUNT");
    redis_number(c, most < s->read_most ? most : s->read_most);
    if (wait_ms > 0) { /* BLOCK 0 would be for ever */
        redis_text(c, "BLOCK");
        redis_number(c, wait_ms);
    }
    redis_text(c, "STREAMS");
    for (unsigned i = 0; i <= s->partitions; i++)
        redis_key(c, &s->logs[i]);
    for (unsigned i = 0; i <= s->partitions; i++)
        redis_word(c, position_text(&positions[i]));
    enum err_code code = redis_queue(c, err);
    if (code != OK)
        return code;
    /* Asked after the read, so that no gap can open between the two. */
    redis_command(c, "MGET");
    for (unsigned i = 0; i <= s->partitions; i++)
        redis_key(c, &s->trimmed[i]);
    return redis_queue(c, err);
}

static size_t answer_bytes(const redisReply *r)
{
    size_t bytes = sizeof *r + (redis_reply_span(r).bytes);
    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements; i++)
        bytes += answer_bytes(r->element[i]);
    return bytes;
}

/* Records may be a thousand times larger than usual: after a large answer fewer entries are asked for. */
static void adapt(struct redis_store *s, const redisReply *streams)
{
    size_t bytes = answer_bytes(streams);
    if (bytes > LARGE_ANSWER_BYTES)
        s->read_most = s->read_most / 4 > READ_LEAST ? s->read_most / 4 : READ_LEAST;
    else if (bytes < LARGE_ANSWER_BYTES / 4 && s->read_most < READ_MOST)
        s->read_most = s->read_most * 2 < READ_MOST ? s->read_most * 2 : READ_MOST;
}

static unsigned partition_of_key(const struct redis_store *s, struct span key)
{
    unsigned i = 0;
    while (i <= s->partitions && !span_equal(key, span_make(s->logs[i].at, s->logs[i].bytes)))
        i++;
    return i;
}

static enum err_code give_streams(struct redis_store *s, const redisReply *streams, struct log_position *positions, struct giving *g, struct err *err)
{
    enum err_code code = OK;
    if (streams->type == REDIS_REPLY_NIL)
        return OK;
    for (size_t i = 0; code == OK && streams->type == REDIS_REPLY_ARRAY && i < streams->elements && !g->stopped; i++) {
        const redisReply *one = streams->element[i];
        bool pair = one->type == REDIS_REPLY_ARRAY && one->elements == 2;
        g->partition = pair ? partition_of_key(s, redis_reply_span(one->element[0])) : s->partitions + 1;
        code = g->partition > s->partitions ? redis_reply_strange(s->connection, "XREAD", err) : give_entries(s, g, one->element[1], &positions[g->partition], err);
    }
    return code;
}

static enum err_code check_gaps(struct redis_store *s, const redisReply *trimmed, const struct log_position *positions, struct err *err)
{
    enum err_code code = OK;
    if (trimmed->type != REDIS_REPLY_ARRAY || trimmed->elements != s->partitions + 1u)
        return redis_reply_strange(s->connection, "MGET", err);
    for (unsigned i = 0; code == OK && i <= s->partitions; i++)
        code = check_gap(&positions[i], i, trimmed->element[i], err);
    return code;
}

static enum err_code prepare_read(struct redis_store *s, const struct log_position *positions, struct err *err)
{
    enum err_code code = make_keys(s, err);
    for (unsigned i = 0; code == OK && i <= s->partitions; i++)
        code = check_position(&positions[i], err);
    if (code == OK)
        code = redis_settle(s->connection, err);
    if (code == OK && s->checked_generation != redis_connection_generation(s->connection))
        code = check_reach(s, positions, err);
    return code;
}

/* *again: the connection was made anew meanwhile, so what came is of a server whose log's end is still to be checked. */
static enum err_code read_once(struct redis_store *s, struct log_position *positions, unsigned most, int wait, struct giving *giving, bool *again, struct err *err)
{
    CLEANUP(redis_reply_done) redisReply *streams = NULL;
    CLEANUP(redis_reply_done) redisReply *trimmed = NULL;
    enum err_code code = prepare_read(s, positions, err);
    if (code == OK)
        code = queue_read(s, positions, most, wait, err);
    if (code == OK)
        code = redis_answer(s->connection, wait, &streams, err);
    if (code == OK)
        code = redis_answer(s->connection, 0, &trimmed, err);
    *again = code == OK && s->checked_generation != redis_connection_generation(s->connection);
    if (code != OK || *again)
        return code;
    code = check_gaps(s, trimmed, positions, err);
    if (code != OK)
        return code;
    adapt(s, streams);
    return give_streams(s, streams, positions, giving, err);
}

enum err_code redis_log_read(struct store *store, struct log_position *positions, unsigned most, int wait_ms, log_entry_fn *fn, void *context, struct err *err)
{
    enum { TRIES = 3 };
    struct redis_store *s = redis_store_of(store);
    CLEANUP(buf_done) struct buf scratch;
    struct giving giving = { fn, context, 0, &scratch, &s->log_body, false };
    enum err_code code = OK;
    bool again = true;
    buf_init(&scratch, EVENT_BYTES);
    for (int i = 0; i < TRIES && code == OK && again; i++)
        code = read_once(s, positions, most, wait_ms < WAIT_MOST_MS ? wait_ms : WAIT_MOST_MS, &giving, &again, err);
    /* Never OK with nothing given when there is something: a reader would take it for the end of the log. */
    return code == OK && again ? err_set(err, ERR_UNAVAILABLE, "reading the log: the connection to redis was lost again and again") : code;
}

/* ---- reading one ---- */

static void limits(struct redis_store *s, unsigned most)
{
    redis_text(s->connection, "COUNT");
    redis_number(s->connection, most < READ_MOST ? most : READ_MOST);
}

static enum err_code queue_range(struct redis_store *s, unsigned partition, const struct log_position *after, unsigned most, struct err *err)
{
    struct redis_key log = REDIS_LOG(s, partition), trimmed = redis_key_of(s->partitions, partition, REDIS_KEY_TRIMMED);
    char from[LOG_POSITION_BYTES + 2];
    snprintf(from, sizeof from, "(%s", after->text);
    redis_command(s->connection, "XRANGE");
    redis_key(s->connection, &log);
    redis_text(s->connection, from);
    redis_text(s->connection, "+");
    limits(s, most);
    enum err_code code = redis_queue(s->connection, err);
    if (code != OK)
        return code;
    redis_command(s->connection, "GET");
    redis_key(s->connection, &trimmed);
    return redis_queue(s->connection, err);
}

enum err_code redis_log_range(struct store *store, unsigned partition, struct log_position *after, unsigned most, log_entry_fn *fn, void *context, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    CLEANUP(redis_reply_done) redisReply *entries = NULL;
    CLEANUP(redis_reply_done) redisReply *trimmed = NULL;
    CLEANUP(buf_done) struct buf scratch;
    struct giving giving = { fn, context, partition, &scratch, &s->log_body, false };
    buf_init(&scratch, EVENT_BYTES);
    enum err_code code = redis_parts_partition(s, partition, err);
    if (code == OK)
        code = check_position(after, err);
    if (code == OK)
        code = redis_settle(s->connection, err);
    if (code == OK)
        code = queue_range(s, partition, after, most, err);
    if (code == OK)
        code = redis_answer(s->connection, 0, &entries, err);
    if (code == OK)
        code = redis_answer(s->connection, 0, &trimmed, err);
    if (code == OK)
        code = check_gap(after, partition, trimmed, err);
    return code == OK ? give_entries(s, &giving, entries, after, err) : code;
}

enum err_code redis_log_range_back(struct store *store, unsigned partition, int64_t before_ms, unsigned most, log_entry_fn *fn, void *context, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    CLEANUP(redis_reply_done) redisReply *entries = NULL;
    CLEANUP(buf_done) struct buf scratch;
    struct giving giving = { fn, context, partition, &scratch, &s->log_body, false };
    struct redis_key log = REDIS_LOG(s, partition);
    char before[LOG_POSITION_BYTES];
    buf_init(&scratch, EVENT_BYTES);
    enum err_code code = redis_parts_partition(s, partition, err);
    if (code != OK || before_ms <= 0)
        return code;
    snprintf(before, sizeof before, "(%lld-0", (long long)before_ms);
    redis_command(s->connection, "XREVRANGE");
    redis_key(s->connection, &log);
    redis_text(s->connection, before);
    redis_text(s->connection, "-");
    limits(s, most);
    code = redis_call(s->connection, &entries, err);
    return code == OK ? give_entries(s, &giving, entries, NULL, err) : code;
}

/* ---- trimming ---- */

static enum err_code trim_one(struct redis_store *s, unsigned partition, int64_t before_ms, struct err *err)
{
    CLEANUP(redis_reply_done) redisReply *reply = NULL;
    struct redis_key log = REDIS_LOG(s, partition), cursors = redis_key_of(s->partitions, partition, REDIS_KEY_CURSORS);
    struct redis_key trimmed = redis_key_of(s->partitions, partition, REDIS_KEY_TRIMMED);
    redis_function(s->connection, "pst1_trim", false, 3);
    redis_key(s->connection, &log);
    redis_key(s->connection, &cursors);
    redis_key(s->connection, &trimmed);
    redis_number(s->connection, before_ms);
    return redis_call(s->connection, &reply, err); /* not worth waiting for replicas: trimming again is harmless */
}

enum err_code redis_log_trim(struct store *store, int64_t now_ms, int64_t keep_ms, struct err *err)
{
    struct redis_store *s = redis_store_of(store);
    enum err_code code = OK;
    for (unsigned i = 0; code == OK && i <= s->partitions && now_ms > keep_ms; i++)
        code = trim_one(s, i, now_ms - keep_ms, err);
    return code;
}
