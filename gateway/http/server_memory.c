/* What the open requests of a listener hold: bodies on their way or waiting for the store, answers that wait for their readers. It is bounded, or those who send and read a byte
 * a second would make the process grow: 10,000 connections of 8 MiB. Small ones are not counted, so that a decision is never refused because of what others hold. */
#include "gateway/http/server_parts.h"

#include <stdlib.h>
#include <string.h>

enum { HELD_MOST_BYTES = 128 * 1024 * 1024 };
struct held {
    _Atomic size_t bytes;
    atomic_uint users; /* the server, and each request in the slow lane that nobody waits for any more */
};

struct held *held_new(void)
{
    struct held *h = calloc(1, sizeof *h);
    if (h != NULL)
        atomic_init(&h->users, 1);
    return h;
}

void held_leave(struct held *h)
{
    if (h != NULL && atomic_fetch_sub(&h->users, 1) == 1)
        free(h);
}

static size_t held_by_all(const struct server *s) { return atomic_load_explicit(&s->held->bytes, memory_order_relaxed); }

/* ---- one request ---- */

static void count(struct exchange *x, size_t bytes)
{
    if (bytes == x->held_bytes)
        return;
    atomic_fetch_add_explicit(&x->held->bytes, bytes - x->held_bytes, memory_order_relaxed); /* what is less wraps, as the sum does */
    x->held_bytes = bytes;
}

/* Not while the slow lane has it. */
static void look(struct exchange *x)
{
    size_t bytes = x->arena.used_bytes + x->raw_body.room + x->inflated.room + x->response.body.room;
    count(x, bytes > KEPT_BUF_BYTES ? bytes : 0);
}

void memory_forget(struct exchange *x) { count(x, 0); }

/* The job runs on, and the server may be gone before it ends. */
void memory_outlives(struct exchange *x) { atomic_fetch_add(&x->held->users, 1); }

void memory_outlived(struct exchange *x)
{
    struct held *h = x->held;
    count(x, 0);
    held_leave(h);
}

/* What an answer does not need while its reader takes it. The log still names the decision. */
void memory_keep_answer(struct exchange *x)
{
    if (x->raw_body.room > KEPT_BUF_BYTES)
        buf_done(&x->raw_body);
    if (x->inflated.room > KEPT_BUF_BYTES)
        buf_done(&x->inflated);
    if (x->arena.used_bytes > KEPT_BUF_BYTES && x->response.decision.bytes <= sizeof x->decision) {
        if (x->response.decision.bytes > 0)
            memcpy(x->decision, x->response.decision.at, x->response.decision.bytes);
        x->response.decision.at = x->decision;
        arena_reset(&x->arena);
    }
    look(x);
}

/* ---- making room ---- */

static bool is_crawling(const struct connection *c, int64_t now_ms) { return c != NULL && now_ms - c->since_ms >= BUSY_LEAST_MS; }

/* Whoever has been sending for longest hears that it took too long, and what came of it is forgotten at once. */
static void end_crawling_bodies(const struct exchange *x)
{
    struct server *s = x->server;
    if (!s->turn_known)
        server_look_at_clock(s);
    for (struct connection *c = s->phases[PHASE_BODY].first, *next; held_by_all(s) > HELD_MOST_BYTES && is_crawling(c, s->turn_ms); c = next) {
        struct exchange *slow = c->exchange;
        next = c->next;
        if (slow == x || slow->held_bytes == 0)
            continue;
        connection_expire(c);
        slow->refused = slow->discard = true; /* what still lies in its socket may be all of it */
        buf_done(&slow->raw_body);
        look(slow);
    }
}

bool memory_takes_body(struct exchange *x)
{
    if (x->expected_bytes <= KEPT_BUF_BYTES)
        return true;
    look(x);
    if (held_by_all(x->server) > HELD_MOST_BYTES)
        end_crawling_bodies(x);
    return held_by_all(x->server) <= HELD_MOST_BYTES;
}

bool memory_takes_answer(struct exchange *x)
{
    look(x);
    return x->response.body.room <= KEPT_BUF_BYTES || held_by_all(x->server) <= HELD_MOST_BYTES;
}

/* libmicrohttpd finds out in its next turn, and only then is the memory free. */
void memory_end_crawling_answers(struct server *s, int64_t now_ms)
{
    size_t held = held_by_all(s);
    for (struct connection *c = s->phases[PHASE_ANSWER].first, *next; held > HELD_MOST_BYTES / 2 && is_crawling(c, now_ms); c = next) {
        next = c->next;
        if (c->exchange->held_bytes == 0)
            continue;
        held -= c->exchange->held_bytes;
        counter_add(s->counters, COUNT_CONNECTIONS_CUT, 1);
        connection_cut(c);
    }
}
