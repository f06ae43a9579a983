#include "gateway/slack/slack_people.h"

#include "gateway/change.h"
#include "gateway/slack/slack_doubt.h"
#include "gateway/slack/slack_order.h"
#include "gateway/slack/slack_token.h"
#include "posture/base/from_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BETWEEN_PAGES_MS = 4000 /* tier 2: 20 a minute */, BETWEEN_LOOKS_MS = 1000, SLOW_DOWN_MS = 60 * 1000, LOOK_AFTER_MS = 1000, AWAY_SLACK_S = 86400 };

struct people {
    const struct node *node;
    struct slack *client;           /* made on the reader's thread */
    struct slack_token token;
    struct slack_away away;
    struct slack_doubt doubt;
    char cursor[SLACK_CURSOR_BYTES];
    bool walking;
    int64_t next_ms;                /* of a page; monotonic */
    size_t members, known;
};

/* ---- one person ---- */

struct applying { const struct node *node; const struct slack_user *user; bool write_to; };

static bool add_event(const struct applying *a, struct change_events *events, struct span person, const char *type, const char *why)
{
    struct span data = why == NULL ? SPAN_NONE : arena_format(events->arena, "{\"why\":\"%s\"}", why);
    return change_event(events, a->node, type, person, SPAN_NONE, SPAN_LITERAL("slack"), data);
}

static bool apply_id(const struct applying *a, struct person *p, struct change_events *events)
{
    struct span id = span_of(a->user->id);
    if (a->write_to && span_empty(p->slack)) {
        p->slack = arena_copy(&p->arena, id);
        return p->slack.bytes == id.bytes && add_event(a, events, p->id, "person.slack", "found");
    }
    if (!a->write_to && span_equal(p->slack, id)) {
        p->slack = SPAN_NONE; /* e-mail takes over, and admins see who is not reached by Slack */
        return add_event(a, events, p->id, "person.slack", a->user->gone ? "deactivated" : "guest");
    }
    return true;
}

/* A zone that somebody gave here goes before Slack's. One that this machine has no rules for would be read as UTC: then the organisation's is nearer. */
static bool apply_zone(const struct applying *a, struct person *p, struct change_events *events)
{
    struct span zone = span_of(a->user->zone);
    bool ours = span_empty(p->zone) || p->zone_from_slack;
    struct err ignored;
    if (!a->write_to || span_empty(zone) || !ours || span_equal(p->zone, zone) || calendar_is_zone(a->node->calendar, zone, &ignored) != OK)
        return true;
    p->zone = arena_copy(&p->arena, zone);
    p->zone_from_slack = true;
    return p->zone.bytes == zone.bytes && add_event(a, events, p->id, "person.changed", "zone");
}

static size_t find_absence(const struct person *p, int64_t now_s)
{
    size_t i = 0;
    while (i < p->absence_count && !(span_equal_text(p->absences[i].source, "slack") && (p->absences[i].time.to_s == 0 || p->absences[i].time.to_s > now_s)))
        i++;
    return i;
}

static bool set_absence(struct person *p, size_t at, struct interval time)
{
    size_t from = at == p->absence_count && at == PERSON_MAX_ABSENCES ? 1 : 0, count = 0; /* the oldest makes room */
    struct absence *all = arena_array(&p->arena, p->absence_count + 1, sizeof *all);
    if (all == NULL)
        return false;
    for (size_t i = from; i < p->absence_count; i++)
        all[count++] = i == at ? (struct absence){ time, SPAN_LITERAL("slack") } : p->absences[i];
    if (at == p->absence_count)
        all[count++] = (struct absence){ time, SPAN_LITERAL("slack") };
    p->absences = all;
    p->absence_count = count;
    return true;
}

/* Open ends are given one, so that a status that nobody looks at any more does not keep a clock still for ever. */
static bool apply_away(const struct applying *a, struct person *p, struct change_events *events)
{
    int64_t now_s = clock_wall_s(a->node->clock), until_s = a->user->away_until_s;
    size_t at = find_absence(p, now_s);
    bool runs = at < p->absence_count;
    if (!a->user->away || !a->write_to)
        return !runs || (set_absence(p, at, (struct interval){ p->absences[at].time.from_s, now_s }) && add_event(a, events, p->id, "person.back", NULL));
    if (until_s != 0 && until_s <= now_s)
        return true;
    bool open = until_s == 0, lasts = runs && (open ? p->absences[at].time.to_s - now_s > AWAY_SLACK_S : p->absences[at].time.to_s == until_s);
    if (lasts)
        return true;
    struct interval time = { runs ? p->absences[at].time.from_s : now_s, open ? now_s + SLACK_AWAY_OPEN_S : until_s };
    return set_absence(p, at, time) && add_event(a, events, p->id, "person.absence", NULL);
}

static enum change_say edit_user(void *context, struct person *p, struct change_events *events, struct err *err)
{
    struct applying *a = context;
    bool theirs = span_empty(p->slack) || span_equal_text(p->slack, a->user->id);
    if (p->removed || !theirs)
        return CHANGE_NOTHING;
    if (!apply_id(a, p, events) || !apply_zone(a, p, events) || !apply_away(a, p, events))
        return (void)err_set(err, ERR_MEMORY, "what Slack knows of %.*s", SPAN_ARGS(p->id)), CHANGE_REFUSE;
    return events->count > 0 ? CHANGE_COMMIT : CHANGE_NOTHING;
}

/* By the account, else by the address. */
static bool find_person(const struct node *node, const struct slack_user *user, char id[SLACK_ID_BYTES])
{
    id[0] = '\0';
    directory_enter(node->directory);
    const struct person *p = directory_person_by(node->directory, span_of(user->id));
    if (p == NULL && user->email[0] != '\0')
        p = directory_person_by(node->directory, span_of(user->email));
    if (p != NULL && !p->removed && p->id.bytes < SLACK_ID_BYTES)
        snprintf(id, SLACK_ID_BYTES, "%.*s", SPAN_ARGS(p->id));
    directory_leave(node->directory);
    return id[0] != '\0';
}

enum err_code slack_people_apply(const struct node *node, struct store *store, const struct slack_user *user, bool *known, struct err *err)
{
    char id[SLACK_ID_BYTES];
    struct applying a = { node, user, !user->gone && (!user->guest || slack_app_options(node->slack)->guests) };
    *known = find_person(node, user, id);
    if (!*known)
        return OK;
    enum err_code code = change_person(node, store, span_of(id), false, edit_user, &a, err);
    return code == ERR_NOT_FOUND ? OK : code;
}

/* ---- all of them ---- */

struct page { struct people *s; struct reader *r; enum err_code code; struct err err; };

static void take_user(void *context, const struct slack_user *user)
{
    struct page *p = context;
    bool known = false;
    if (p->code != OK || !reader_keep(p->r))
        return;
    p->code = slack_people_apply(p->s->node, p->r->store, user, &known, &p->err);
    p->s->members += !user->gone;
    p->s->known += known && !user->gone;
}

/* Once every few hours over all nodes: whoever marks the hours first. */
static bool begins(struct people *s, struct reader *r)
{
    char slot[64];
    struct err ignored;
    snprintf(slot, sizeof slot, "people:%lld", (long long)(clock_wall_s(s->node->clock) / SLACK_PEOPLE_EVERY_S));
    if (r->store->ops->once(r->store, SLACK_ONCE_KIND, span_of(slot), 2 * SLACK_PEOPLE_EVERY_S, &ignored) != OK)
        return false;
    s->walking = true;
    s->cursor[0] = '\0';
    s->members = s->known = 0;
    return true;
}

static void judge_page(struct people *s, struct reader *r, const struct slack_result *result)
{
    int64_t after_ms = result->retry_after_s >= 0 && result->retry_after_s < 3600 ? result->retry_after_s * 1000 : SLOW_DOWN_MS;
    if (result->outcome == SLACK_DONE) {
        reader_note_success(r);
        s->next_ms = clock_mono_ms(s->node->clock) + BETWEEN_PAGES_MS;
        return;
    }
    s->next_ms = clock_mono_ms(s->node->clock) + after_ms;
    if (result->outcome == SLACK_STOPPED)
        slack_doubt_stop(r, result->error);
    else
        reader_note_failure(r, result->error);
    s->walking = result->outcome != SLACK_STOPPED && result->outcome != SLACK_REFUSED; /* a cursor that Slack no longer takes: from the start, next time */
}

static void walk(struct people *s, struct reader *r)
{
    struct page p = { .s = s, .r = r, .code = OK };
    char cursor[SLACK_CURSOR_BYTES];
    memcpy(cursor, s->cursor, sizeof cursor);
    struct slack_result result = slack_users(s->client, cursor, &s->away, take_user, &p);
    judge_page(s, r, &result);
    if (p.code != OK)
        log_event(s->node->log, LOG_WARN, "slack.people_wait", LOG_ERR(&p.err));
    if (result.outcome != SLACK_DONE || p.code != OK)
        return; /* the same page again */
    memcpy(s->cursor, cursor, sizeof cursor);
    if (cursor[0] != '\0')
        return;
    s->walking = false;
    log_event(s->node->log, LOG_INFO, "slack.people_seen", LOG_INT("in_slack", (int64_t)s->members), LOG_INT("known_here", (int64_t)s->known));
}

static enum err_code tick(void *self, struct reader *r, unsigned partition, struct err *err)
{
    struct people *s = self;
    int64_t now_ms = clock_mono_ms(s->node->clock);
    slack_doubt_judge(s->node, r, s->client, &s->token, &s->doubt);
    if (partition + 1 != r->partition_count || now_ms < s->next_ms || reader_is_stopped(r) || !directory_counts(s->node->directory).complete)
        return OK;
    if (!s->walking && !begins(s, r)) {
        s->next_ms = now_ms + SLOW_DOWN_MS;
        return OK;
    }
    enum err_code code = slack_token_use(s->node, r->store, s->client, false, &s->token, err);
    if (code == OK)
        walk(s, r);
    return code;
}

/* ---- whoever changed ---- */

enum err_code slack_people_note(const struct node *node, struct store *store, struct span user, struct err *err)
{
    char id[SECRET_ID_BYTES + 1];
    CLEANUP(buf_done) struct buf data;
    struct to_json w;
    buf_init(&data, 512);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "user", user);
    to_json_end(&w);
    secret_new_id('e', id);
    const struct event event = { .id = span_of(id), .at_ms = clock_wall_ms(node->clock), .type = SPAN_LITERAL(SLACK_USER_CHANGED), .cause = SPAN_LITERAL("slack"), .data = buf_span(&data) };
    enum err_code code = buf_check(&data, "somebody in Slack", err);
    return code == OK ? store->ops->append(store, store->ops->partition_of(store, RECORD_PERSON, user), &event, 1, err) : code;
}

/* Many changes of one account in a row are one look. */
static enum err_code take_entry(void *self, struct reader *r, const struct reader_entry *e, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct span user = SPAN_NONE;
    (void)self;
    if (!span_equal_text(e->event.type, SLACK_USER_CHANGED))
        return OK;
    enum err_code code = from_json_parse(e->event.data, (struct from_json_limits){ EVENT_DATA_BYTES, 4 }, SLACK_USER_CHANGED, &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), v = from_json_member(&root, "user");
    code = from_json_text(&v, SLACK_ID_BYTES - 1, &user, err);
    int64_t now_ms = clock_wall_ms(r->node->clock);
    const struct effects_item item = { .id = user, .type = e->event.type, .first_ms = now_ms, .due_ms = now_ms + LOOK_AFTER_MS };
    return code == OK ? reader_queue(r, &item, err) : code;
}

static struct item_result later(int64_t after_ms, bool counts) { return (struct item_result){ ITEM_LATER, after_ms, counts }; }

static struct item_result judge_look(struct people *s, struct reader *r, struct effects_item *item, const struct slack_result *result)
{
    (void)s;
    if (result->outcome == SLACK_REFUSED || result->outcome == SLACK_BLOCKS)
        return (struct item_result){ ITEM_DONE, -1, true }; /* not to be seen by us */
    item->error = arena_copy_text(&r->item_arena, result->error);
    if (result->outcome == SLACK_STOPPED)
        slack_doubt_stop(r, result->error);
    else
        reader_note_failure(r, result->error);
    if (result->retry_after_s >= 0)
        reader_pause(r, result->retry_after_s * 1000);
    return later(-1, result->outcome != SLACK_STOPPED);
}

static struct item_result send_item(void *self, struct reader *r, unsigned partition, struct effects_item *item)
{
    struct people *s = self;
    struct slack_user user;
    struct err err;
    bool known = false;
    (void)partition;
    if (slack_token_use(s->node, r->store, s->client, false, &s->token, &err) != OK)
        return later(LOOK_AFTER_MS, false);
    struct slack_result result = slack_user(s->client, item->id, &s->away, &user);
    reader_pause(r, BETWEEN_LOOKS_MS);
    if (result.outcome != SLACK_DONE)
        return judge_look(s, r, item, &result);
    reader_note_success(r);
    if (slack_people_apply(s->node, r->store, &user, &known, &err) == OK)
        return (struct item_result){ ITEM_DONE, -1, true };
    log_event(s->node->log, LOG_WARN, "slack.people_wait", LOG_ERR(&err));
    return later(LOOK_AFTER_MS, false);
}

/* ---- the reader ---- */

static bool keep_lease(void *reader)
{
    reader_keep(reader);
    return true;
}

static enum err_code open_people(void *self, struct reader *r, struct err *err)
{
    struct people *s = self;
    struct slack_options options = slack_app_client(slack_app_options(s->node->slack));
    options.tick = keep_lease;
    options.tick_context = r;
    return s->client != NULL ? OK : slack_new(&options, &s->client, err);
}

static void free_people(void *self)
{
    struct people *s = self;
    slack_free(s->client);
    secret_free(s, sizeof *s);
}

enum err_code slack_people_new(const struct node *node, const struct reader_ops **ops, void **self, struct err *err)
{
    static const struct reader_ops people_ops = { .open = open_people, .entry = take_entry, .tick = tick, .send = send_item, .free = free_people };
    const struct slack_app_options *o = slack_app_options(node->slack);
    struct people *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_MEMORY, SLACK_PEOPLE);
    s->node = node;
    s->away = (struct slack_away){ o->away_emoji.all, o->away_words.all, o->away_emoji.count, o->away_words.count };
    *ops = &people_ops;
    *self = s;
    return OK;
}
