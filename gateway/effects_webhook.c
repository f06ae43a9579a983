/* The webhook reader: events of the wanted types become items, items become signed posts. */
#include "gateway/effects_reader.h"

#include <stdlib.h>
#include <string.h>

enum { EVENTS_MOST = 64, TEXTS_BYTES = 64 * 1024, EVENT_BYTES = 256 * 1024 };

struct webhook_reader {
    const struct node *node;
    struct webhook_options options; /* texts in `texts` */
    struct arena texts;
    struct webhook *webhook;        /* made on the reader's thread */
    int64_t since_ms;
};

static enum err_code open_webhook(void *self, struct reader *r, struct err *err)
{
    struct webhook_reader *w = self;
    struct webhook_options options = w->options;
    options.tick = reader_keep;
    options.tick_context = r;
    return w->webhook != NULL ? OK : webhook_new(&options, &w->webhook, err);
}

static enum err_code take_entry(void *self, struct reader *r, const struct reader_entry *e, struct err *err)
{
    struct webhook_reader *w = self;
    struct buf body;
    struct to_json json;
    if (!webhook_wants(w->options.events, w->options.event_count, e->event.type) || reader_is_stopped(r))
        return OK;
    if (r->partitions[e->partition].fresh && e->event.at_ms < w->since_ms)
        return OK; /* a new receiver is told from now on, not the week that lies in the log */
    buf_init(&body, EVENT_BYTES);
    to_json_init(&json, &body);
    event_to_public_json(&e->event, SPAN_NONE, &json);
    enum err_code code = buf_check(&body, "an event for a webhook", err);
    struct effects_item item = { .id = e->event.id, .type = e->event.type, .person = e->event.person, .payload = buf_span(&body), .first_ms = e->event.at_ms, .due_ms = e->event.at_ms };
    if (code == OK)
        code = reader_queue(r, &item, err);
    buf_done(&body);
    return code;
}

static struct item_result send_item(void *self, struct reader *r, unsigned partition, struct effects_item *item)
{
    struct webhook_reader *w = self;
    (void)partition;
    struct webhook_result result = webhook_send(w->webhook, item->id, item->payload, clock_wall_s(w->node->clock));
    counter_add(w->node->counters, result.outcome == WEBHOOK_DONE ? COUNT_WEBHOOKS_SENT : COUNT_WEBHOOKS_FAILED, 1);
    if (result.outcome == WEBHOOK_DONE) {
        reader_note_success(r);
        return (struct item_result){ ITEM_DONE, -1, true };
    }
    item->error = arena_copy_text(&r->item_arena, result.error);
    if (result.outcome == WEBHOOK_GONE) {
        reader_stop_sending(r, result.error);
        return (struct item_result){ ITEM_GIVEN_UP, -1, true };
    }
    if (result.away)
        reader_note_failure(r, result.error);
    int64_t after_ms = result.retry_after_s >= 0 ? result.retry_after_s * 1000 : -1;
    if (after_ms > EFFECTS_AGE_MS)
        after_ms = EFFECTS_AGE_MS;
    if (after_ms >= 0)
        reader_pause(r, after_ms);
    return (struct item_result){ ITEM_LATER, after_ms, true };
}

static void free_webhook(void *self)
{
    struct webhook_reader *w = self;
    for (size_t i = 0; i < 2; i++)
        if (w->options.secrets[i].bytes > 0)
            secret_wipe((void *)(uintptr_t)w->options.secrets[i].at, w->options.secrets[i].bytes); /* our own copy */
    webhook_free(w->webhook);
    arena_done(&w->texts);
    free(w);
}

static enum err_code copy_options(struct webhook_reader *w, const struct webhook_options *o, struct err *err)
{
    struct arena *a = &w->texts;
    struct span *events = arena_array(a, o->event_count + 1, sizeof *events);
    struct span *allow = arena_array(a, o->allow_count + 1, sizeof *allow);
    if (o->event_count > EVENTS_MOST || o->allow_count > HTTP_CLIENT_MAX_ALLOW || events == NULL || allow == NULL)
        return err_set(err, ERR_LIMIT, "webhook %.*s: more than %d event types or %d networks", SPAN_ARGS(o->id), EVENTS_MOST, HTTP_CLIENT_MAX_ALLOW);
    for (size_t i = 0; i < o->event_count; i++)
        events[i] = arena_copy(a, o->events[i]);
    for (size_t i = 0; i < o->allow_count; i++)
        allow[i] = arena_copy(a, o->allow[i]);
    w->options = (struct webhook_options){ .id = arena_copy(a, o->id), .url = arena_copy(a, o->url), .events = events, .event_count = o->event_count,
        .secrets = { arena_copy(a, o->secrets[0]), arena_copy(a, o->secrets[1]) }, .allow_private = o->allow_private, .allow = allow, .allow_count = o->allow_count,
        .ca_file = arena_copy(a, o->ca_file) };
    return OK;
}

/* Made once now and thrown away, so that a mistake is told at the start and not on a thread. */
static enum err_code try_options(const struct webhook_options *options, struct err *err)
{
    struct webhook *tried = NULL;
    enum err_code code = webhook_new(options, &tried, err);
    webhook_free(tried);
    return code;
}

enum err_code effects_webhook_new(const struct node *node, const struct webhook_options *options, const struct reader_ops **ops, void **self, struct err *err)
{
    static const struct reader_ops webhook_ops = { .open = open_webhook, .entry = take_entry, .send = send_item, .free = free_webhook };
    enum err_code code = try_options(options, err);
    if (code != OK)
        return code;
    struct webhook_reader *w = calloc(1, sizeof *w);
    if (w == NULL)
        return err_set(err, ERR_MEMORY, "webhook %.*s", SPAN_ARGS(options->id));
    w->node = node;
    w->since_ms = clock_wall_ms(node->clock);
    arena_init(&w->texts, 4096, TEXTS_BYTES);
    code = copy_options(w, options, err);
    if (code != OK) {
        free_webhook(w);
        return code;
    }
    *ops = &webhook_ops;
    *self = w;
    return OK;
}
