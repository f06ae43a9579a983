/* The marker's reader: who has to be looked at, and the connection. */
#include "gateway/effects_marker.h"

#include "connectors/notify/slack_profile.h"
#include "gateway/effects_people.h"
#include "gateway/feed.h"
#include "gateway/slack/slack_doubt.h"

#include <stdlib.h>

enum { SWEEP_MS = 30000, SWEEP_SHARE = 20 /* of the time, looking at everybody may take one part */, TEXTS_BYTES = 16 * 1024 };

/* ---- entries ---- */

static enum err_code queue(struct reader *r, const struct reader_entry *e, struct err *err)
{
    struct effects_item item = { .id = e->event.id, .type = e->event.type, .person = e->event.person, .first_ms = e->event.at_ms, .due_ms = e->event.at_ms };
    return reader_queue(r, &item, err);
}

static enum err_code take_entry(void *self, struct reader *r, const struct reader_entry *e, struct err *err)
{
    struct marker_reader *m = self;
    struct effects_id owner;
    if (!e->has_record)
        return OK;
    if (e->kind == RECORD_PERSON && (span_equal_text(e->event.type, "marker.set") || span_equal_text(e->event.type, "marker.clearing")))
        return queue(r, e, err);
    if (!directory_counts(m->node->directory).complete)
        return err_set(err, ERR_UNAVAILABLE, "the directory is still loading");
    if (m->node->feed != NULL)
        feed_await(m->node->feed, e->kind, e->record, e->version);
    if (effects_concerns_all(e))
        m->sweep_ms = 0;
    struct span person = e->kind == RECORD_DEVICE ? effects_owner(m->node, e->record, &owner) : e->kind == RECORD_PERSON ? e->record : SPAN_NONE;
    return span_empty(person) ? OK : marker_look(m, r->store, person, e->event.id, err);
}

static enum err_code look_by_the_clock(void *context, struct store *store, struct span person, struct err *err) { return marker_look(context, store, person, SPAN_LITERAL("clock"), err); }

/* The node that holds the control partition looks after everybody: what changed by the clock alone left no entry. */
static enum err_code tick(void *self, struct reader *r, unsigned partition, struct err *err)
{
    struct marker_reader *m = self;
    int64_t begun_ms = clock_mono_ms(m->node->clock);
    (void)slack_doubt_resume(m->node, r, &m->renewals);
    if (partition + 1 != r->partition_count || !directory_counts(m->node->directory).complete || begun_ms < m->sweep_ms)
        return OK;
    enum err_code code = effects_each_person(m->node, r, look_by_the_clock, m, err);
    int64_t took_ms = clock_mono_ms(m->node->clock) - begun_ms;
    m->sweep_ms = begun_ms + took_ms + (took_ms * SWEEP_SHARE > SWEEP_MS ? took_ms * SWEEP_SHARE : SWEEP_MS);
    return code;
}

static struct item_result send_item(void *self, struct reader *r, unsigned partition, struct effects_item *item)
{
    (void)partition;
    return marker_work(self, r, item);
}

/* ---- life ---- */

/* A call is never broken off, not even to stop: its end would not be known. */
static bool keep_lease(void *reader)
{
    reader_keep(reader);
    return true;
}

static struct slack_options client_options(const struct marker_reader *m)
{
    return (struct slack_options){ .token = m->options.user_token, .base_url = m->options.api_url, .allow_loopback_http = span_starts(m->options.api_url, SPAN_LITERAL("http://")) };
}

static enum err_code open_marker(void *self, struct reader *r, struct err *err)
{
    struct marker_reader *m = self;
    struct slack_options options = client_options(m);
    options.tick = keep_lease;
    options.tick_context = r;
    return m->client != NULL ? OK : slack_new(&options, &m->client, err);
}

static void free_marker(void *self)
{
    struct marker_reader *m = self;
    if (m->options.user_token.bytes > 0)
        secret_wipe((void *)(uintptr_t)m->options.user_token.at, m->options.user_token.bytes); /* our own copy */
    slack_free(m->client);
    arena_done(&m->texts);
    free(m);
}

static bool copy_options(struct marker_reader *m, const struct marker_options *from)
{
    const struct span *const texts[] = { &from->decided_by, &from->acknowledged, &from->user_token, &from->rung, &from->text, &from->emoji, &from->api_url };
    struct marker_options *o = &m->options;
    struct span *const copies[] = { &o->decided_by, &o->acknowledged, &o->user_token, &o->rung, &o->text, &o->emoji, &o->api_url };
    o->length_s = from->length_s < MARKER_MOST_S ? from->length_s : MARKER_MOST_S;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *copies[i] = arena_copy(&m->texts, *texts[i]);
        if (copies[i]->bytes != texts[i]->bytes)
            return false;
    }
    return true;
}

/* Opened once and thrown away: a mistake is told at the start. */
static enum err_code try_client(const struct marker_reader *m, struct err *err)
{
    struct slack *tried = NULL;
    struct slack_options options = client_options(m);
    enum err_code code = slack_new(&options, &tried, err);
    slack_free(tried);
    return code;
}

enum err_code effects_marker_new(const struct node *node, const struct marker_options *options, const struct reader_ops **ops, void **self, struct err *err)
{
    static const struct reader_ops marker_ops = { .open = open_marker, .entry = take_entry, .tick = tick, .send = send_item, .free = free_marker };
    struct marker_reader *m = calloc(1, sizeof *m);
    if (m == NULL)
        return err_set(err, ERR_MEMORY, "the marker");
    m->node = node;
    arena_init(&m->texts, 4096, TEXTS_BYTES);
    enum err_code code = copy_options(m, options) ? try_client(m, err) : err_set(err, ERR_MEMORY, "the marker");
    if (code != OK) {
        free_marker(m);
        return code;
    }
    log_event(node->log, LOG_WARN, "marker.on", LOG_SPAN("decided_by", m->options.decided_by), LOG_SPAN("acknowledged", m->options.acknowledged));
    *ops = &marker_ops;
    *self = m;
    return OK;
}
