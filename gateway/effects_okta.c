/* The Okta reader: who has to be looked at, what is then wanted, and the connection itself. */
#include "gateway/effects_okta.h"

#include "gateway/change.h"
#include "gateway/effects_people.h"
#include "gateway/feed.h"
#include "gateway/okta_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SWEEP_MS = 30000, SWEEP_SHARE = 20 /* of the time, looking at everybody may take one part */, CHECK_MS = 3600 * 1000, CHECK_AGAIN_MS = 60000, TEXTS_BYTES = 64 * 1024,
       LOOK_ARENA_BYTES = 4 * 1024 * 1024 };

/* ---- one person ---- */

struct look { const struct okta_reader *o; const struct okta_plan *plan; struct span cause; };

static void write_wanted(const struct person *p, struct to_json *w)
{
    to_json_object(w);
    to_json_key(w, "open");
    to_json_array(w);
    for (size_t i = 0; i < p->lever_count; i++) {
        const struct lever *l = &p->levers[i];
        if (!okta_lever_is_open(l, false))
            continue;
        to_json_object(w);
        to_json_member_text(w, "kind", l->kind);
        to_json_member_text(w, okta_lever_is_sessions(l) ? "device" : "group", l->target);
        to_json_member_text(w, "why", l->wanted ? SPAN_LITERAL("closed") : SPAN_LITERAL("opened"));
        to_json_end(w);
    }
    to_json_end(w);
    to_json_end(w);
}

static bool say_wanted(const struct look *l, struct person *copy, struct change_events *events)
{
    struct buf data;
    struct to_json w;
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&w, &data);
    write_wanted(copy, &w);
    bool added = !data.failed && change_event(events, l->o->node, "okta.wanted", copy->id, SPAN_NONE, l->cause, buf_span(&data));
    buf_done(&data);
    return added;
}

/* The stored record is judged, so of two nodes that see the same the second has nothing to do. */
static enum change_say edit_wanted(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    const struct look *l = context;
    if (!okta_plan_differs(l->plan, &l->o->options, copy))
        return CHANGE_NOTHING;
    if (!okta_plan_apply(l->plan, &l->o->options, copy, clock_wall_s(l->o->node->clock)) || !say_wanted(l, copy, events))
        return (void)err_set(err, ERR_MEMORY, "the closings of %.*s", SPAN_ARGS(copy->id)), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

static bool differs_here(const struct okta_reader *o, struct span person, const struct okta_plan *plan)
{
    directory_enter(o->node->directory);
    const struct person *p = directory_person(o->node->directory, person);
    bool differs = p != NULL && okta_plan_differs(plan, &o->options, p);
    directory_leave(o->node->directory);
    return differs;
}

static enum err_code look_at(const struct okta_reader *o, struct store *store, struct span person, struct span cause, struct err *err)
{
    struct arena arena;
    struct okta_plan plan;
    enum err_code code = OK;
    arena_init(&arena, 16 * 1024, LOOK_ARENA_BYTES);
    okta_plan_make(o->node, &o->options, person, &arena, &plan);
    struct look l = { o, &plan, cause };
    if (differs_here(o, person, &plan))
        code = change_person(o->node, store, person, false, edit_wanted, &l, err);
    arena_done(&arena);
    return code == ERR_NOT_FOUND ? OK : code;
}

/* ---- everybody whom it could concern: a rung is recorded, or something was closed ---- */

static enum err_code look_by_the_clock(void *context, struct store *store, struct span person, struct err *err) { return look_at(context, store, person, SPAN_LITERAL("clock"), err); }

/* ---- entries ---- */

static enum err_code queue(struct reader *r, const struct reader_entry *e, struct err *err)
{
    struct effects_item item = { .id = e->event.id, .type = e->event.type, .person = e->event.person, .first_ms = e->event.at_ms, .due_ms = e->event.at_ms };
    return reader_queue(r, &item, err);
}

static enum err_code take_entry(void *self, struct reader *r, const struct reader_entry *e, struct err *err)
{
    struct okta_reader *o = self;
    struct effects_id owner;
    if (!e->has_record)
        return OK;
    if (e->kind == RECORD_PERSON && span_equal_text(e->event.type, "okta.wanted"))
        return queue(r, e, err);
    if (!directory_counts(o->node->directory).complete)
        return err_set(err, ERR_UNAVAILABLE, "the directory is still loading");
    if (o->node->feed != NULL)
        feed_await(o->node->feed, e->kind, e->record, e->version);
    if (effects_concerns_all(e))
        o->sweep_ms = 0;
    struct span person = e->kind == RECORD_DEVICE ? effects_owner(o->node, e->record, &owner) : e->kind == RECORD_PERSON ? e->record : SPAN_NONE;
    return span_empty(person) ? OK : look_at(o, r->store, person, e->event.id, err);
}

/* ---- the groups themselves: an admin shall hear of a missing one before somebody is to be put into it ---- */

static struct vendor_result check_rule(struct okta_reader *o, const struct okta_rule *rule)
{
    struct okta_group group = { .name = "" };
    struct vendor_result r = okta_api_group(o->api, rule->group, &group);
    if (r.outcome == VENDOR_NOT_FOUND)
        snprintf(r.error, sizeof r.error, "there is no group %.*s", SPAN_ARGS(rule->group));
    if (r.outcome == VENDOR_DONE && !group.ours_to_change) {
        r.outcome = VENDOR_REFUSED;
        snprintf(r.error, sizeof r.error, "group %.*s is filled elsewhere: take one made at Okta", SPAN_ARGS(rule->group));
    }
    return r;
}

static void check_groups(struct okta_reader *o, struct reader *r)
{
    struct vendor_result result = { .outcome = VENDOR_DONE, .after_s = -1 };
    for (size_t i = 0; i < o->options.rule_count && result.outcome == VENDOR_DONE && reader_keep(r); i++)
        result = check_rule(o, &o->options.rules[i]);
    if (result.outcome != VENDOR_DONE)
        log_event(o->node->log, LOG_WARN, "okta.check_failed", LOG_STR("error", result.error));
    if (result.outcome == VENDOR_NOT_FOUND || result.outcome == VENDOR_REFUSED)
        reader_note_failure(r, result.error);
    else
        okta_note(r, &result);
    o->check_ms = clock_mono_ms(o->node->clock) + (result.outcome == VENDOR_DONE ? CHECK_MS : CHECK_AGAIN_MS);
}

/* The node that holds the control partition looks after everybody: what changed by the clock alone left no entry. */
static enum err_code tick(void *self, struct reader *r, unsigned partition, struct err *err)
{
    struct okta_reader *o = self;
    int64_t begun_ms = clock_mono_ms(o->node->clock);
    if (partition + 1 != r->partition_count || !directory_counts(o->node->directory).complete)
        return OK;
    if (begun_ms >= o->check_ms && begun_ms >= r->pause_until_ms)
        check_groups(o, r);
    if (begun_ms < o->sweep_ms)
        return OK;
    enum err_code code = effects_each_person(o->node, r, look_by_the_clock, o, err);
    int64_t took_ms = clock_mono_ms(o->node->clock) - begun_ms;
    o->sweep_ms = begun_ms + took_ms + (took_ms * SWEEP_SHARE > SWEEP_MS ? took_ms * SWEEP_SHARE : SWEEP_MS);
    return code;
}

static struct item_result send_item(void *self, struct reader *r, unsigned partition, struct effects_item *item) { return okta_work(self, r, partition, item); }

/* ---- life ---- */

/* A call is never broken off, not even to stop: its end would not be known. */
static bool keep_lease(void *reader)
{
    reader_keep(reader);
    return true;
}

static struct okta_api_options api_options(struct okta_reader *o)
{
    return (struct okta_api_options){ .url = o->options.url, .token = o->options.token, .client_id = o->options.client_id, .sign = okta_key_sign, .sign_context = o->key,
                                      .clock = o->node->clock, .allow_loopback_http = o->options.allow_loopback_http };
}

static enum err_code open_okta(void *self, struct reader *r, struct err *err)
{
    struct okta_reader *o = self;
    struct okta_api_options options = api_options(o);
    options.tick = keep_lease;
    options.tick_context = r;
    return o->api != NULL ? OK : okta_api_new(&options, &o->api, err);
}

static void free_okta(void *self)
{
    struct okta_reader *o = self;
    struct span secrets[] = { o->options.token, o->options.key };
    for (size_t i = 0; i < 2; i++)
        if (secrets[i].bytes > 0)
            secret_wipe((void *)(uintptr_t)secrets[i].at, secrets[i].bytes); /* our own copies */
    okta_api_free(o->api);
    okta_key_free(o->key);
    arena_done(&o->texts);
    free(o);
}

enum err_code okta_options_check(const struct okta_options *o, struct err *err)
{
    const struct http_client_options http = { .allow_loopback_http = o->allow_loopback_http };
    enum err_code code = http_client_check_url(&http, o->url, err);
    if (code != OK)
        return err_wrap(err, "okta.url");
    if (span_empty(o->token) == span_empty(o->client_id))
        return err_set(err, ERR_INPUT, "okta needs either client_id or token");
    if (o->rule_count > OKTA_RULES_MOST)
        return err_set(err, ERR_INPUT, "okta.groups has more than %d entries", OKTA_RULES_MOST);
    for (size_t i = 0; i < o->rule_count; i++)
        if (!okta_is_id(o->rules[i].group))
            return err_set(err, ERR_INPUT, "okta.groups: %.*s is no id of a group (00g...)", SPAN_ARGS(o->rules[i].group));
    return OK;
}

static bool copy_options(struct okta_reader *o, const struct okta_options *from)
{
    struct okta_rule *rules = arena_array(&o->texts, from->rule_count + 1, sizeof *rules);
    struct arena *a = &o->texts;
    bool good = rules != NULL;
    for (size_t i = 0; good && i < from->rule_count; i++) {
        rules[i] = (struct okta_rule){ arena_copy(a, from->rules[i].sensitivity), arena_copy(a, from->rules[i].group), from->rules[i].out };
        good = rules[i].sensitivity.at != NULL && rules[i].group.at != NULL;
    }
    struct span url = from->url;
    while (span_ends(url, SPAN_LITERAL("/")))
        url.bytes--;
    o->options = (struct okta_options){ .url = arena_copy(a, url), .client_id = arena_copy(a, from->client_id), .token = arena_copy(a, from->token), .key = arena_copy(a, from->key),
                                        .key_id = arena_copy(a, from->key_id), .rules = rules, .rule_count = from->rule_count, .allow_loopback_http = from->allow_loopback_http };
    return good && o->options.url.bytes == url.bytes && o->options.token.bytes == from->token.bytes && o->options.key.bytes == from->key.bytes;
}

/* Opened once and thrown away: a mistake is told at the start. */
static enum err_code try_api(struct okta_reader *o, struct err *err)
{
    struct okta_api *tried = NULL;
    struct okta_api_options options = api_options(o);
    enum err_code code = okta_api_new(&options, &tried, err);
    okta_api_free(tried);
    return code;
}

enum err_code effects_okta_new(const struct node *node, const struct okta_options *options, const struct reader_ops **ops, void **self, struct err *err)
{
    static const struct reader_ops okta_ops = { .open = open_okta, .entry = take_entry, .tick = tick, .send = send_item, .free = free_okta };
    enum err_code code = okta_options_check(options, err);
    if (code != OK)
        return code;
    struct okta_reader *o = calloc(1, sizeof *o);
    if (o == NULL)
        return err_set(err, ERR_MEMORY, "okta");
    o->node = node;
    arena_init(&o->texts, 4096, TEXTS_BYTES);
    code = copy_options(o, options) ? okta_key_new(node, o->options.key, o->options.key_id, &o->key, err) : err_set(err, ERR_MEMORY, "okta");
    if (code == OK)
        code = try_api(o, err);
    if (code != OK) {
        free_okta(o);
        return code;
    }
    *ops = &okta_ops;
    *self = o;
    return OK;
}
