/* GET /v1/events: the log from a cursor, as a JSON page or as server-sent events (WHATWG HTML, section 9.2).
 * A cursor is the position in every partition, sealed; order is promised per record. An older one than the log keeps is 410. */
#include "gateway/event_hub.h"
#include "gateway/http/router.h"
#include "gateway/slow_lane.h"
#include "gateway/worker.h"

#include "posture/base/from_json.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_MOST = 1000, PAGE_DEFAULT = 100, PARTITIONS_MOST = 256, CURSOR_BYTES = 32 * 1024, STREAM_BUFFER_BYTES = 1024 * 1024, STREAM_BATCH = 50, TYPE_BYTES = 64 };

struct place {
    struct log_position positions[PARTITIONS_MOST];
    unsigned count;
};

/* ---- cursors ---- */

static bool write_cursor(const struct node *node, const struct place *place, struct buf *out)
{
    CLEANUP(buf_done) struct buf plain;
    struct err err;
    buf_init(&plain, CURSOR_BYTES);
    for (unsigned i = 0; i < place->count; i++)
        buf_format(&plain, "%s%s", i > 0 ? " " : "", place->positions[i].text);
    return buf_check(&plain, "cursor", &err) == OK && secret_seal(node->secret, SECRET_CURSOR, SPAN_LITERAL("events"), buf_span(&plain), out, &err) == OK;
}

static enum err_code read_cursor(const struct node *node, struct span text, unsigned count, struct place *place, struct err *err)
{
    CLEANUP(buf_done) struct buf plain;
    buf_init(&plain, CURSOR_BYTES);
    if (secret_open(node->secret, SECRET_CURSOR, SPAN_LITERAL("events"), text, &plain, err) != OK)
        return err_set(err, ERR_INPUT, "this cursor is not one of ours");
    struct span rest = buf_span(&plain), part;
    for (place->count = 0; place->count < PARTITIONS_MOST && span_cut(&rest, ' ', &part); place->count++) {
        if (part.bytes >= LOG_POSITION_BYTES)
            return err_set(err, ERR_INPUT, "this cursor is not one of ours");
        memcpy(place->positions[place->count].text, part.at, part.bytes);
        place->positions[place->count].text[part.bytes] = '\0';
    }
    return place->count == count ? OK : err_set(err, ERR_INPUT, "this cursor is of another store");
}

static enum err_code end_place(struct store *store, struct place *place, struct err *err)
{
    place->count = store->ops->partitions(store) + 1;
    enum err_code code = place->count <= PARTITIONS_MOST ? OK : err_set(err, ERR_INTERNAL, "too many partitions");
    for (unsigned i = 0; code == OK && i < place->count; i++)
        code = store->ops->log_end(store, i, &place->positions[i], err);
    return code;
}

static void start_place(struct store *store, struct place *place)
{
    place->count = store->ops->partitions(store) + 1;
    for (unsigned i = 0; i < place->count && i < PARTITIONS_MOST; i++)
        memcpy(place->positions[i].text, "0-0", 4);
}

/* Where to read from: Last-Event-ID, ?cursor=, ?from=start, else the end. */
static enum err_code find_place(struct http_request *r, struct store *store, struct place *place, struct err *err)
{
    struct span text = request_header(r, "Last-Event-ID"), from;
    enum err_code code = span_empty(text) ? request_query(r, "cursor", &text, err) : OK;
    if (code == OK)
        return read_cursor(r->node, text, store->ops->partitions(store) + 1, place, err);
    if (code != ERR_NOT_FOUND)
        return code;
    code = request_query(r, "from", &from, err);
    if (code == ERR_NOT_FOUND)
        return end_place(store, place, err);
    if (code != OK || !span_equal_text(from, "start"))
        return err_set(err, ERR_INPUT, "from must be start");
    start_place(store, place);
    return OK;
}

static bool type_matches(struct span filter, struct span type)
{
    if (span_empty(filter))
        return true;
    if (span_ends(filter, SPAN_LITERAL(".*")))
        return span_starts(type, span_slice(filter, 0, filter.bytes - 1));
    return span_equal(filter, type);
}

static bool is_event(const struct log_entry *entry) { return !span_empty(entry->event.id) && !span_empty(entry->event.type); }

/* ---- a page ---- */

struct page {
    const struct node *node;
    struct to_json *w;
    struct span filter;
    struct place *place;
    unsigned left;
    bool moved;                     /* this round passed over something */
};

static bool page_entry(void *context, const struct log_entry *entry)
{
    struct page *p = context;
    if (p->left == 0)
        return false; /* the position has not moved past this one: it opens the next page */
    p->moved = true;
    if (is_event(entry) && type_matches(p->filter, entry->event.type)) {
        event_to_public_json(&entry->event, SPAN_NONE, p->w);
        p->left--;
    }
    if (entry->partition < p->place->count)
        p->place->positions[entry->partition] = entry->position;
    return true;
}

/* A read gives a bounded part of each partition, and a filter may want little of it: read on until the page is full or the log has ended.
 * Bounded too: a page with few events and `more` is a page. */
static enum err_code fill_page(struct http_request *r, struct page *page, unsigned limit, bool *more, struct err *err)
{
    enum { ROUNDS = 16 };
    *more = true;
    for (int round = 0; round < ROUNDS && page->left > 0; round++) {
        struct place from = *page->place;
        page->moved = false;
        enum err_code code = r->store->ops->log_read(r->store, from.positions, limit, 0, page_entry, page, err);
        if (code != OK)
            return code;
        if (!page->moved)
            return *more = false, OK;
    }
    return OK;
}

static enum err_code read_limit(struct http_request *r, unsigned *limit, struct err *err)
{
    struct span text;
    uint64_t n = 0;
    enum err_code code = request_query(r, "limit", &text, err);
    if (code == ERR_NOT_FOUND)
        return OK;
    if (code == OK && (!span_to_u64(text, &n) || n == 0 || n > PAGE_MOST))
        code = err_set(err, ERR_INPUT, "limit must be 1 to %d", PAGE_MOST);
    if (code == OK)
        *limit = (unsigned)n;
    return code;
}

static enum err_code write_page(struct http_request *r, struct http_response *res, struct err *err)
{
    struct place reached;
    bool more = false;
    unsigned limit = PAGE_DEFAULT;
    struct span filter = SPAN_NONE;
    enum err_code code = find_place(r, r->store, &reached, err);
    if (code == OK)
        code = read_limit(r, &limit, err);
    if (code == OK && request_query(r, "type", &filter, err) == ERR_INPUT)
        code = ERR_INPUT;
    if (code != OK)
        return code;
    struct to_json w = response_json(res, 200);
    struct page page = { r->node, &w, filter, &reached, limit, false };
    to_json_object(&w);
    to_json_key(&w, "events");
    to_json_array(&w);
    code = fill_page(r, &page, limit, &more, err);
    if (code != OK)
        return code;
    to_json_end(&w);
    CLEANUP(buf_done) struct buf cursor;
    buf_init(&cursor, CURSOR_BYTES);
    if (!write_cursor(r->node, &reached, &cursor))
        return err_set(err, ERR_INTERNAL, "cursor");
    to_json_member_text(&w, "cursor", buf_span(&cursor));
    to_json_member_bool(&w, "more", more);
    to_json_end(&w);
    return OK;
}

/* ---- a stream ---- */

struct event_stream {
    struct http_stream stream;      /* first: handed out as this */
    const struct node *node;
    struct mailbox *reply;
    struct place place;
    char filter[TYPE_BYTES];
    struct buf text;                /* what is to be sent; filled in the slow lane only while `fetching` */
    size_t sent;
    bool fetching, dirty, over, failed; /* dirty: the last fetch found entries, so there may be more */
    atomic_bool woken;              /* the log moved */
};
struct fetch { struct slow_job job; struct event_stream *stream; };

static bool stream_entry(void *context, const struct log_entry *entry)
{
    struct event_stream *s = context;
    s->dirty = true;
    if (entry->partition < s->place.count)
        s->place.positions[entry->partition] = entry->position;
    if (!is_event(entry) || !type_matches(span_of(s->filter), entry->event.type))
        return true;
    struct to_json w;
    buf_append_text(&s->text, "id: ");
    (void)write_cursor(s->node, &s->place, &s->text);
    buf_format(&s->text, "\nevent: %.*s\ndata: ", SPAN_ARGS(entry->event.type));
    to_json_init(&w, &s->text);
    event_to_public_json(&entry->event, SPAN_NONE, &w);
    buf_append_text(&s->text, "\n\n");
    return !s->text.failed && s->text.bytes < STREAM_BUFFER_BYTES / 2;
}

static void fetch_run(struct slow_job *job, struct store *store)
{
    struct event_stream *s = ((struct fetch *)(void *)job)->stream;
    struct log_position positions[PARTITIONS_MOST];
    struct err err;
    memcpy(positions, s->place.positions, sizeof positions);
    s->dirty = false;
    enum err_code code = store->ops->log_read(store, positions, STREAM_BATCH, 0, stream_entry, s, &err);
    s->failed = (code != OK && code != ERR_UNAVAILABLE && code != ERR_TIMEOUT) || s->text.failed; /* trimmed away: the reader starts again and hears 410 */
}

static void stream_free(struct event_stream *s)
{
    buf_done(&s->text);
    free(s);
}

static void fetch_done(struct slow_job *job)
{
    struct event_stream *s = ((struct fetch *)(void *)job)->stream;
    free(job);
    s->fetching = false;
    if (s->over)
        stream_free(s);
    else
        http_stream_wake(&s->stream);
}

static void fetch_more(struct event_stream *s)
{
    struct fetch *f = calloc(1, sizeof *f);
    if (f == NULL)
        return;
    f->job = (struct slow_job){ .run = fetch_run, .done = fetch_done, .reply = s->reply };
    f->stream = s;
    buf_clear(&s->text);
    s->sent = 0;
    s->fetching = slow_lane_send(s->node->slow_lane, &f->job, false);
    if (s->fetching)
        return;
    free(f); /* overload: tried again at the next wake */
    atomic_store(&s->woken, true);
}

static size_t stream_next(struct http_stream *stream, char *at, size_t room, bool *done)
{
    struct event_stream *s = (struct event_stream *)(void *)stream;
    if (s->fetching)
        return 0;
    if (s->sent < s->text.bytes) {
        struct span part = span_slice(buf_span(&s->text), s->sent, room);
        memcpy(at, part.at, part.bytes);
        s->sent += part.bytes;
        return part.bytes;
    }
    *done = s->failed;
    if (!s->failed && (atomic_exchange(&s->woken, false) || s->dirty))
        fetch_more(s);
    return 0;
}

static void stream_wake(struct http_stream *stream)
{
    atomic_store(&((struct event_stream *)(void *)stream)->woken, true);
}

static void stream_over(struct http_stream *stream)
{
    struct event_stream *s = (struct event_stream *)(void *)stream;
    event_hub_leave(s->node->events, stream);
    s->over = true;
    if (!s->fetching)
        stream_free(s);
}

static bool not_even_one(void *context, const struct log_entry *entry)
{
    (void)context;
    (void)entry;
    return false;
}

/* A reader that comes back too late must hear 410 now: a stream that ends at once would have it come back for ever. */
static enum err_code check_place(struct store *store, const struct place *place, struct err *err)
{
    struct place copy = *place;
    return store->ops->log_read(store, copy.positions, 1, 0, not_even_one, NULL, err);
}

/* An id without data moves the reader's Last-Event-ID and nothing else: cut off before its first event, it still misses none. */
static bool write_start(struct event_stream *s)
{
    buf_append_text(&s->text, "id: ");
    return write_cursor(s->node, &s->place, &s->text) && buf_append_text(&s->text, "\n\n");
}

static enum err_code open_stream(struct http_request *r, struct http_response *res, struct err *err)
{
    struct event_stream *s = calloc(1, sizeof *s);
    struct span filter = SPAN_NONE;
    if (s == NULL)
        return err_set(err, ERR_MEMORY, "event stream");
    buf_init(&s->text, STREAM_BUFFER_BYTES);
    s->node = r->node;
    s->reply = r->reply;
    s->stream = (struct http_stream){ .next = stream_next, .free = stream_over, .woken = stream_wake };
    s->dirty = true;
    enum err_code code = find_place(r, r->store, &s->place, err);
    if (code == OK)
        code = check_place(r->store, &s->place, err);
    if (code == OK && !write_start(s))
        code = err_set(err, ERR_INTERNAL, "cursor");
    if (code == OK && request_query(r, "type", &filter, err) == ERR_INPUT)
        code = ERR_INPUT;
    if (code == OK && filter.bytes >= sizeof s->filter)
        code = err_set(err, ERR_INPUT, "type is too long");
    if (code == OK && !event_hub_join(r->node->events, &s->stream))
        code = err_set(err, ERR_UNAVAILABLE, "too many event streams");
    if (code != OK) {
        stream_free(s);
        return code;
    }
    memcpy(s->filter, filter.at != NULL ? filter.at : "", filter.bytes);
    res->content_type = "text/event-stream";
    res->stream = &s->stream;
    return OK;
}

static void events(struct http_request *r, struct http_response *res)
{
    struct err err;
    struct span accept = request_header(r, "Accept");
    bool stream = span_search(accept, SPAN_LITERAL("text/event-stream")) != accept.bytes;
    enum err_code code = stream ? open_stream(r, res, &err) : write_page(r, res, &err);
    if (code != OK)
        problem_answer(r, res, PROBLEM_JSON, &err);
}

static const struct route rows[] = {
    { HTTP_GET, "/v1/events", LISTENER_INTERNAL | LISTENER_SOCKET, SCOPE_EVENTS, 0, PROBLEM_JSON, 0, NULL, events, "events" },
};
const struct route_table event_routes = { rows, sizeof rows / sizeof rows[0] };
