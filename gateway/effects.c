#include "gateway/effects.h"

#include "gateway/archive_head.h"
#include "gateway/effects_reader.h"
#include "gateway/escalation.h"
#include "gateway/feed.h"
#include "gateway/managers.h"
#include "gateway/slack/slack_app.h"
#include "gateway/slack/slack_doubt.h"
#include "gateway/slack/slack_line.h"
#include "gateway/slack/slack_people.h"
#include "gateway/slack/slack_replies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READERS_MOST = EFFECTS_MAX_WEBHOOKS + MANAGERS_MOST + 8, LADDER_WAIT_MS = 250, SENDER_WAIT_MS = 500, REPLIES_WAIT_MS = 250 /* a person waits */, LIST_MOST = 2 * EFFECTS_WAITING_MOST };

struct effects {
    const struct node *node;
    struct reader *readers[READERS_MOST]; /* the first is the ladder */
    size_t count;
    void *ladder;
    char archive_folder[ARCHIVE_PATH_BYTES];
    struct okta_reader *okta;             /* NULL: none */
    struct marker_reader *marker;         /* NULL: off */
    char holder[SECRET_ID_BYTES + 1];     /* this process: a restarted one waits until its leases have run out */
};

/* On the feed's thread: every reader has a partition to look into. */
static void on_entry(void *context, const struct log_entry *entry)
{
    struct effects *e = context;
    if (span_equal_text(entry->event.type, "result.changed"))
        escalation_note_change(e->ladder);
    slack_doubt_hear(e->node, &entry->event);
    for (size_t i = 0; i < e->count; i++)
        reader_wake(e->readers[i], entry->partition);
}

static enum err_code add_reader(struct effects *e, const char *name, const struct reader_ops *ops, void *takes_self, int64_t wait_ms, struct err *err)
{
    struct reader *made = NULL;
    enum err_code code = reader_new(e->node, name, e->holder, ops, takes_self, wait_ms, &made, err);
    if (code == OK)
        e->readers[e->count++] = made;
    return code;
}

static enum err_code add_ladder(struct effects *e, struct err *err)
{
    const struct reader_ops *ops = NULL;
    enum err_code code = escalation_new(e->node, &ops, &e->ladder, err);
    return code == OK ? add_reader(e, "ladder", ops, e->ladder, LADDER_WAIT_MS, err) : code;
}

static enum err_code add_slack(struct effects *e, const struct slack_options *options, struct err *err)
{
    const struct reader_ops *ops = NULL;
    void *self = NULL;
    enum err_code code = effects_slack_new(e->node, options, &ops, &self, err);
    return code == OK ? add_reader(e, "slack", ops, self, SENDER_WAIT_MS, err) : code;
}

static enum err_code add_slack_people(struct effects *e, struct err *err)
{
    const struct reader_ops *ops = NULL;
    void *self = NULL;
    enum err_code code = slack_people_new(e->node, &ops, &self, err);
    return code == OK ? add_reader(e, SLACK_PEOPLE, ops, self, SENDER_WAIT_MS, err) : code;
}

static enum err_code add_slack_replies(struct effects *e, struct err *err)
{
    const struct reader_ops *ops = NULL;
    void *self = NULL;
    enum err_code code = slack_replies_new(e->node, &ops, &self, err);
    return code == OK ? add_reader(e, SLACK_REPLIES, ops, self, REPLIES_WAIT_MS, err) : code;
}

static enum err_code add_archive(struct effects *e, const struct archive_options *options, struct err *err)
{
    const struct reader_ops *ops = NULL;
    void *self = NULL;
    enum err_code code = effects_archive_new(e->node, options, &ops, &self, err);
    if (code == OK)
        snprintf(e->archive_folder, sizeof e->archive_folder, "%.*s", SPAN_ARGS(options->folder));
    return code == OK ? add_reader(e, ARCHIVE_READER, ops, self, SENDER_WAIT_MS, err) : code;
}

static enum err_code add_email(struct effects *e, const struct email_options *options, struct err *err)
{
    const struct reader_ops *ops = NULL;
    void *self = NULL;
    enum err_code code = effects_email_new(e->node, options, &ops, &self, err);
    return code == OK ? add_reader(e, "email", ops, self, SENDER_WAIT_MS, err) : code;
}

const char *effects_archive_folder(const struct effects *e) { return e != NULL && e->archive_folder[0] != '\0' ? e->archive_folder : NULL; }

static enum err_code add_okta(struct effects *e, const struct okta_options *options, struct err *err)
{
    const struct reader_ops *ops = NULL;
    void *self = NULL;
    enum err_code code = effects_okta_new(e->node, options, &ops, &self, err);
    if (code == OK)
        code = add_reader(e, "okta", ops, self, SENDER_WAIT_MS, err);
    if (code == OK)
        e->okta = self;
    return code;
}

static enum err_code add_marker(struct effects *e, const struct marker_options *options, struct err *err)
{
    const struct reader_ops *ops = NULL;
    void *self = NULL;
    enum err_code code = effects_marker_new(e->node, options, &ops, &self, err);
    if (code == OK)
        code = add_reader(e, MARKER_READER, ops, self, SENDER_WAIT_MS, err);
    if (code == OK)
        e->marker = self;
    return code;
}

static enum err_code add_webhook(struct effects *e, const struct webhook_options *options, struct err *err)
{
    const struct reader_ops *ops = NULL;
    void *self = NULL;
    char name[READER_NAME_BYTES];
    enum err_code code = effects_webhook_new(e->node, options, &ops, &self, err);
    if (code != OK)
        return code;
    snprintf(name, sizeof name, "webhook:%.*s", SPAN_ARGS(options->id));
    for (size_t i = 0; i < e->count; i++)
        if (strcmp(e->readers[i]->name, name) == 0) {
            ops->free(self);
            return err_set(err, ERR_INPUT, "two webhooks have the id %.*s", SPAN_ARGS(options->id));
        }
    return add_reader(e, name, ops, self, SENDER_WAIT_MS, err);
}

static enum err_code add_manager(struct effects *e, const struct manager *manager, struct err *err)
{
    const struct reader_ops *ops = NULL;
    void *self = NULL;
    char name[READER_NAME_BYTES];
    snprintf(name, sizeof name, "mdm:%.*s", SPAN_ARGS(manager->options.id));
    enum err_code code = effects_mdm_new(e->node, e->node->managers, manager, &ops, &self, err);
    return code == OK ? add_reader(e, name, ops, self, SENDER_WAIT_MS, err) : code;
}

static enum err_code add_readers(struct effects *e, const struct effects_options *options, struct err *err)
{
    if (options->webhook_count > EFFECTS_MAX_WEBHOOKS)
        return err_set(err, ERR_INPUT, "more than %d webhooks", EFFECTS_MAX_WEBHOOKS);
    enum err_code code = add_ladder(e, err);
    if (code == OK && options->archive != NULL)
        code = add_archive(e, options->archive, err);
    if (code == OK && options->slack != NULL)
        code = add_slack(e, options->slack, err);
    if (code == OK && options->slack != NULL && slack_app_hears(e->node->slack))
        code = add_slack_replies(e, err);
    if (code == OK && options->slack != NULL && e->node->slack != NULL)
        code = add_slack_people(e, err);
    if (code == OK && options->email != NULL)
        code = add_email(e, options->email, err);
    if (code == OK && options->okta != NULL)
        code = add_okta(e, options->okta, err);
    if (code == OK && options->marker != NULL)
        code = add_marker(e, options->marker, err);
    for (size_t i = 0; code == OK && i < options->webhook_count; i++)
        code = add_webhook(e, &options->webhooks[i], err);
    for (size_t i = 0; code == OK && e->node->managers != NULL && i < e->node->managers->count; i++)
        code = add_manager(e, &e->node->managers->all[i], err);
    return code;
}

enum err_code effects_new(const struct node *node, const struct effects_options *options, struct effects **out, struct err *err)
{
    struct effects *e = calloc(1, sizeof *e);
    if (e == NULL)
        return err_set(err, ERR_MEMORY, "effects");
    e->node = node;
    secret_new_id('n', e->holder);
    enum err_code code = http_client_global_start(err); /* no thread of ours calls libcurl before */
    if (code == OK)
        code = add_readers(e, options, err);
    if (code != OK) {
        effects_free(e);
        return code;
    }
    if (node->feed != NULL)
        feed_observe(node->feed, on_entry, e);
    *out = e;
    return OK;
}

enum err_code effects_start(struct effects *e, struct err *err)
{
    for (size_t i = 0; i < e->count; i++) {
        enum err_code code = reader_start(e->readers[i], err);
        if (code == OK)
            continue;
        effects_stop(e);
        return code;
    }
    return OK;
}

void effects_stop(struct effects *e)
{
    if (e == NULL)
        return;
    for (size_t i = 0; i < e->count; i++)
        reader_request_stop(e->readers[i]);
    for (size_t i = 0; i < e->count; i++)
        reader_join(e->readers[i]);
}

void effects_free(struct effects *e)
{
    if (e == NULL)
        return;
    for (size_t i = 0; i < e->count; i++)
        reader_free(e->readers[i]);
    free(e);
}

void effects_round(struct effects *e)
{
    escalation_note_change(e->ladder); /* without a feed nobody says so */
    for (size_t i = 0; i < e->count; i++) {
        for (unsigned p = 0; p < e->readers[i]->partition_count; p++)
            atomic_store(&e->readers[i]->partitions[p].grown, true);
        reader_round(e->readers[i]);
    }
}

/* ---- what waits ---- */

struct listing {
    const struct reader *reader;
    bool (*fn)(void *context, const struct delivery *);
    void *context;
    bool stopped;
};

static bool list_item(void *context, const struct outbox_item *stored)
{
    struct listing *l = context;
    struct arena arena;
    struct effects_item item = { .set_aside = true, .error = SPAN_LITERAL("unreadable item") };
    struct err err;
    arena_init(&arena, 4096, 2 * ITEM_BODY_BYTES);
    if (effects_item_read(stored->id, stored->body, stored->due_ms, &arena, &item, &err) != OK)
        item.id = stored->id;
    struct delivery d = { .destination = span_of(l->reader->name), .id = item.id, .type = item.type, .person = item.person, .set_aside = item.set_aside,
                          .error = item.error, .tries = item.tries, .first_ms = item.first_ms, .due_ms = item.set_aside ? 0 : stored->due_ms };
    l->stopped = !l->fn(l->context, &d);
    arena_done(&arena);
    return !l->stopped;
}

enum err_code effects_deliveries(const struct effects *e, struct store *store, bool (*fn)(void *context, const struct delivery *), void *context, struct err *err)
{
    unsigned count = store->ops->partitions(store) + 1;
    for (size_t i = 0; i < e->count; i++) {
        struct listing l = { e->readers[i], fn, context, false };
        enum err_code code = OK;
        for (unsigned p = 0; p < count && code == OK && !l.stopped && e->readers[i]->ops->send != NULL; p++)
            code = store->ops->outbox(store, span_of(e->readers[i]->name), p, INT64_MAX, LIST_MOST, list_item, &l, err);
        if (code != OK || l.stopped)
            return code;
    }
    return OK;
}

struct search { struct span id; bool found; };

static bool is_it(void *context, const struct outbox_item *stored)
{
    struct search *s = context;
    s->found = span_equal(stored->id, s->id);
    return !s->found;
}

static enum err_code ask_for(const struct effects *e, struct store *store, unsigned partition, const char *reader, struct span id, struct span by, struct err *err)
{
    char event_id[SECRET_ID_BYTES + 1];
    struct buf data;
    struct to_json w;
    buf_init(&data, 1024);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "destination", span_of(reader));
    to_json_member_text(&w, "id", id);
    to_json_end(&w);
    secret_new_id('e', event_id);
    struct event event = { .id = span_of(event_id), .at_ms = clock_wall_ms(e->node->clock), .type = SPAN_LITERAL("admin.resend"), .cause = by, .data = buf_span(&data) };
    enum err_code code = buf_check(&data, "a resend", err);
    if (code == OK)
        code = store->ops->append(store, partition, &event, 1, err);
    buf_done(&data);
    return code;
}

/* The same event may wait for several webhooks: all of them send it again. */
enum err_code effects_resend(const struct effects *e, struct store *store, struct span id, struct span by, struct err *err)
{
    unsigned count = store->ops->partitions(store) + 1;
    bool any = false;
    for (size_t i = 0; i < e->count; i++)
        for (unsigned p = 0; p < count && e->readers[i]->ops->send != NULL; p++) {
            struct search s = { .id = id };
            enum err_code code = store->ops->outbox(store, span_of(e->readers[i]->name), p, INT64_MAX, LIST_MOST, is_it, &s, err);
            if (code == OK && s.found)
                code = ask_for(e, store, p, e->readers[i]->name, id, by, err);
            if (code != OK)
                return code;
            any = any || s.found;
        }
    return any ? OK : err_set(err, ERR_NOT_FOUND, "no delivery %.*s waits or was set aside", SPAN_ARGS(id));
}

bool effects_is_stopped(const struct effects *e, const char *name)
{
    for (size_t i = 0; i < e->count; i++)
        if (strcmp(e->readers[i]->name, name) == 0)
            return reader_is_stopped(e->readers[i]);
    return false;
}

/* Nothing is sent there, but whether people are heard is asked in the same breath. */
static void describe_line(struct slack_line *line, struct effects_destination *out)
{
    struct slack_line_description d;
    slack_line_describe(line, &d);
    *out = (struct effects_destination){ .stopped = d.state == SLACK_LINE_STOPPED, .failing_s = d.state == SLACK_LINE_OPEN || d.why[0] == '\0' ? 0 : d.since_s };
    snprintf(out->name, sizeof out->name, "%s", SLACK_LINE_NAME);
    snprintf(out->why, sizeof out->why, "%s", d.state == SLACK_LINE_CONNECTING && d.why[0] == '\0' ? "connecting" : d.why);
}

size_t effects_destinations(struct effects *e, struct effects_destination *out, size_t most)
{
    size_t count = 0;
    for (size_t i = 0; i < e->count; i++) {
        if (e->readers[i]->ops->send == NULL)
            continue;
        if (count < most)
            reader_describe(e->readers[i], &out[count]);
        count++;
    }
    if (e->node->slack_line != NULL && count++ < most)
        describe_line(e->node->slack_line, &out[count - 1]);
    return count;
}

/* ---- what does not fit together ---- */

static bool ends_sessions(const struct policy *policy)
{
    for (size_t i = 0; i < policy->ladder_count; i++)
        for (size_t k = 0; k < policy->ladders[i].rung_count; k++)
            if (policy->ladders[i].rungs[k].end_sessions)
                return true;
    return false;
}

void effects_warnings(const struct effects *e, const struct policy *policy, void (*say)(void *context, struct span text), void *context)
{
    char text[EFFECTS_ERROR_BYTES + 64];
    if (e->okta == NULL && ends_sessions(policy))
        say(context, SPAN_LITERAL("the policy ends sessions, but no IdP is configured where that could be done (okta.url)"));
    if (e->marker != NULL)
        say(context, SPAN_LITERAL("the marker is on: people's Slack status is set while a device stands on marker.rung. The evidence speaks against it (docs/slack.md)"));
    if (e->marker != NULL && !marker_rung_is_known(&e->marker->options, policy))
        say(context, SPAN_LITERAL("marker.rung names a rung that no ladder of the policy has: nobody's status is set"));
    struct span unknown = e->okta != NULL ? okta_rules_unknown(&e->okta->options, policy) : SPAN_NONE;
    if (span_empty(unknown))
        return;
    snprintf(text, sizeof text, "okta.groups names the sensitivity %.*s, which the policy does not have", (int)(unknown.bytes < 64 ? unknown.bytes : 64), unknown.at);
    say(context, span_of(text));
}
