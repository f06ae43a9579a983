/* Reading a manager's list. A walk may take many pages and be resumed by another node; only one that began and ended here, and found as many devices as the
 * manager says there are, may conclude that a device is missing, and even then the manager is asked for that one before it is believed. */
#include "gateway/effects_mdm.h"

#include "gateway/change.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE_PACE_MS = 500, FULL_EVERY_S = 6 * 3600, OVERLAP_S = 300, PAGES_MOST = 20000, PAGE_ARENA_BYTES = 96 * 1024 * 1024, ITEM_DEPTH = 4, ASK_MOST = 50, ASK_AGAIN_S = 12 * 3600, ASK_RARELY_S = 7 * 86400,
       HELD_LEAST = 20, HELD_SHARE = 20 /* one in so many */, SWEEP_ARENA_BYTES = 4 * 1024 * 1024 };
#define LAST_S INT64_C(253402300799)

/* What the item "sync" carries from page to page. */
struct place { struct span cursor; int64_t begun_s /* 0: between walks */, since_s /* 0: everything */, last_s, full_s, total; };

static int64_t number(const struct from_json_value *root, const char *key)
{
    struct from_json_value v = from_json_member(root, key);
    int64_t n = 0;
    return from_json_int_opt(&v, 0, LAST_S, &n, NULL) == OK ? n : 0;
}

static struct place read_place(struct span payload, struct arena *arena)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct place p = { 0 };
    if (span_empty(payload) || from_json_parse(payload, (struct from_json_limits){ 2 * MDM_CURSOR_BYTES, ITEM_DEPTH }, "place", &doc, NULL) != OK)
        return p;
    struct from_json_value root = from_json_root(doc), cursor = from_json_member(&root, "cursor");
    p = (struct place){ .begun_s = number(&root, "begun_s"), .since_s = number(&root, "since_s"), .last_s = number(&root, "last_s"), .full_s = number(&root, "full_s") };
    if (from_json_text_opt(&cursor, MDM_CURSOR_BYTES, &p.cursor, NULL) == OK)
        p.cursor = arena_copy(arena, p.cursor);
    return p;
}

static void write_place(const struct place *p, struct reader *r, struct effects_item *item)
{
    CLEANUP(buf_done) struct buf out;
    struct to_json w;
    buf_init(&out, 4 * MDM_CURSOR_BYTES);
    to_json_init(&w, &out);
    to_json_object(&w);
    to_json_member_text_if(&w, "cursor", p->cursor);
    to_json_member_int_if(&w, "begun_s", p->begun_s);
    to_json_member_int_if(&w, "since_s", p->since_s);
    to_json_member_int_if(&w, "last_s", p->last_s);
    to_json_member_int_if(&w, "full_s", p->full_s);
    to_json_end(&w);
    item->payload = arena_copy(&r->item_arena, buf_span(&out));
}

/* ---- the walk in memory ---- */

void effects_mdm_sweep_done(struct mdm_sweep *s)
{
    arena_done(&s->arena);
    free(s->strangers);
    free(s->seen);
    *s = (struct mdm_sweep){ 0 };
}

static void begin_sweep(struct mdm_sweep *s, int64_t now_s)
{
    effects_mdm_sweep_done(s);
    arena_init(&s->arena, 16 * 1024, SWEEP_ARENA_BYTES);
    s->begun_s = now_s;
    s->strangers = calloc(MANAGERS_UNMATCHED_MOST, sizeof *s->strangers);
    if (s->strangers == NULL)
        s->begun_s = 0; /* reads on, and concludes nothing */
}

static void see(struct mdm_sweep *s, const char *id)
{
    if (s->seen_count == s->seen_room) {
        size_t room = s->seen_room == 0 ? 1024 : 2 * s->seen_room;
        void *more = realloc(s->seen, room * sizeof *s->seen);
        if (more == NULL) {
            s->begun_s = 0;
            return;
        }
        s->seen = more;
        s->seen_room = room;
    }
    memcpy(s->seen[s->seen_count++].id, id, sizeof s->seen[0].id);
}

static void note_stranger(struct mdm_sweep *s, const struct mdm_device *d, bool conflict)
{
    s->stranger_total++;
    if (s->strangers == NULL || s->stranger_count == MANAGERS_UNMATCHED_MOST)
        return;
    struct arena *a = &s->arena;
    s->strangers[s->stranger_count++] = (struct manager_stranger){ arena_copy(a, d->id), arena_copy(a, d->serial), arena_copy(a, d->name), d->platform, d->contact_s, conflict };
}

static int compare_ids(const void *a, const void *b) { return strcmp(a, b); }

/* ---- a page ---- */

static enum err_code take_page(struct mdm_reader *m, struct reader *r, const struct mdm_page *page, bool again, struct err *err)
{
    struct mdm_sweep *s = &m->sweep;
    enum err_code code = OK;
    for (size_t i = 0; i < page->count && code == OK; i++) {
        struct manager_word word = { m->manager, &page->devices[i], page->partial, again };
        struct manager_heard heard;
        if (!reader_keep(r))
            return err_set(err, ERR_UNAVAILABLE, "stopping");
        code = managers_hear(m->node, r->store, &word, &heard, err);
        if (code != OK || page->partial)
            continue;
        s->devices++;
        s->matched += heard.match == MANAGER_MATCHED;
        if (heard.match == MANAGER_MATCHED)
            see(s, heard.device);
        else
            note_stranger(s, &page->devices[i], heard.match == MANAGER_CONFLICT);
    }
    s->pages++;
    return code == OK || reader_is_store_trouble(code) ? code : OK; /* one record that cannot be written holds nobody else up */
}

/* ---- what is missing ---- */

struct missing { const struct mdm_reader *m; struct { char id[MDM_VENDOR_ID_BYTES + 1]; } *all; size_t count, linked, total; };

/* Our devices that the manager had, and that this walk did not meet. */
static bool note_missing(void *context, const struct device *d)
{
    struct missing *x = context;
    const struct managed_link *link = device_link(d, x->m->manager->options.id);
    if (d->removed || link == NULL || link->gone_s != 0 || link->id.bytes > MDM_VENDOR_ID_BYTES)
        return true;
    char id[SECRET_ID_BYTES + 1] = { 0 };
    memcpy(id, d->id.at, d->id.bytes <= SECRET_ID_BYTES ? d->id.bytes : 0);
    x->linked++;
    const struct mdm_sweep *s = &x->m->sweep;
    if (s->seen_count > 0 && bsearch(id, s->seen, s->seen_count, sizeof s->seen[0], compare_ids) != NULL)
        return true;
    x->total++;
    if (x->count < EFFECTS_MDM_MISSING_MOST) {
        memcpy(x->all[x->count].id, link->id.at, link->id.bytes);
        x->all[x->count++].id[link->id.bytes] = '\0';
    }
    return true;
}

static enum err_code queue_missing(struct mdm_reader *m, struct reader *r, unsigned partition, struct manager_status *status, struct err *err)
{
    struct missing x = { .m = m, .all = calloc(EFFECTS_MDM_MISSING_MOST, sizeof *x.all) };
    enum err_code code = OK;
    if (x.all == NULL)
        return OK; /* the next walk finds them again */
    if (m->sweep.seen_count > 0)
        qsort(m->sweep.seen, m->sweep.seen_count, sizeof m->sweep.seen[0], compare_ids);
    directory_enter(m->node->directory);
    directory_each_device(m->node->directory, note_missing, &x);
    directory_leave(m->node->directory);
    bool many = x.total >= HELD_LEAST && x.total * HELD_SHARE > x.linked;
    status->held_s = many ? clock_wall_s(m->node->clock) : 0;
    if (many)
        log_event(m->node->log, LOG_ERROR, "mdm.many_missing", LOG_STR("reader", r->name), LOG_INT("missing", (int64_t)x.total), LOG_INT("linked", (int64_t)x.linked));
    for (size_t i = 0; i < x.count && !many && code == OK && reader_keep(r); i++) {
        struct effects_item item = { .id = arena_format(&r->item_arena, "get:%s", x.all[i].id), .type = SPAN_LITERAL("mdm.read"), .first_ms = clock_wall_ms(m->node->clock) };
        item.due_ms = item.first_ms;
        code = reader_store_item(r, partition, &item, err);
        r->partitions[partition].count_again = true;
    }
    free(x.all);
    return code;
}

static enum err_code conclude(struct mdm_reader *m, struct reader *r, unsigned partition, struct place *p, struct err *err)
{
    struct mdm_sweep *s = &m->sweep;
    int64_t now_s = clock_wall_s(m->node->clock);
    bool mine = s->begun_s == p->begun_s && s->begun_s != 0 && p->since_s == 0;
    struct manager_status status = { .swept_s = now_s, .full_s = now_s, .devices = (int64_t)s->devices, .matched = (int64_t)s->matched, .strangers = s->strangers,
                                     .stranger_count = s->stranger_count, .stranger_total = s->stranger_total };
    enum err_code code = OK;
    if (mine)
        code = queue_missing(m, r, partition, &status, err);
    if (mine && code == OK)
        code = manager_status_save(m->node, r->store, m->manager, &status, err);
    if (code != OK)
        return code;
    p->last_s = p->begun_s;
    if (mine)
        p->full_s = p->begun_s;
    p->begun_s = p->since_s = 0;
    p->cursor = SPAN_NONE;
    effects_mdm_sweep_done(s);
    return OK;
}

/* ---- one step ---- */

static void begin_walk(struct mdm_reader *m, struct place *p)
{
    char version[sizeof m->policy] = "";
    int64_t now_s = clock_wall_s(m->node->clock);
    directory_enter(m->node->directory);
    const struct policy *policy = directory_control(m->node->directory)->policy;
    if (policy != NULL)
        memcpy(version, policy->version, sizeof version);
    directory_leave(m->node->directory);
    m->facts_again = strcmp(version, m->policy) != 0;
    bool full = p->last_s == 0 || now_s - p->full_s >= FULL_EVERY_S || now_s < p->full_s || m->facts_again;
    *p = (struct place){ .begun_s = now_s, .since_s = full ? 0 : p->last_s - OVERLAP_S, .last_s = p->last_s, .full_s = p->full_s };
    begin_sweep(&m->sweep, now_s);
    memcpy(m->policy, version, sizeof version);
}

static struct item_result wait_again(struct mdm_reader *m, struct reader *r, struct effects_item *item, const struct place *p, int64_t after_ms)
{
    write_place(p, r, item);
    item->reads = 0;
    item->asked = false;
    item->error = SPAN_NONE;
    item->first_ms = clock_wall_ms(m->node->clock);
    return (struct item_result){ ITEM_LATER, after_ms, false };
}

static struct item_result give_walk_up(struct mdm_reader *m, struct reader *r, struct effects_item *item, struct place *p, const struct mdm_result *why)
{
    p->begun_s = p->since_s = 0;
    p->cursor = SPAN_NONE;
    p->full_s = 0; /* the next one looks at everything */
    write_place(p, r, item);
    effects_mdm_sweep_done(&m->sweep);
    return effects_mdm_later(r, item, why);
}

static struct item_result store_waits(struct reader *r, struct effects_item *item, const struct err *err)
{
    log_event(r->node->log, LOG_WARN, "mdm.store_waits", LOG_STR("reader", r->name), LOG_SPAN("item", item->id), LOG_ERR(err));
    item->first_ms = clock_wall_ms(r->node->clock);
    return (struct item_result){ ITEM_LATER, PAGE_PACE_MS, false };
}

static struct mdm_result contradiction(const struct mdm_sweep *s, const struct place *p, const struct mdm_page *page)
{
    if (page->next[0] != '\0' && (span_equal_text(p->cursor, page->next) || s->pages >= PAGES_MOST))
        return mdm_say(MDM_GARBLED, "a list without an end");
    if (page->next[0] == '\0' && s->begun_s == p->begun_s && p->since_s == 0 && page->total >= 0 && (int64_t)s->devices + (page->partial ? 0 : (int64_t)page->count) < page->total)
        return mdm_say(MDM_GARBLED, "fewer devices than it says there are");
    return mdm_say(MDM_DONE, "%s", "");
}

static struct item_result walk(struct mdm_reader *m, struct reader *r, unsigned partition, struct effects_item *item, struct place *p, struct arena *arena)
{
    struct mdm_page page = { .total = -1 };
    struct err err;
    struct mdm_result result = m->manager->ops->list(m->mdm, p->cursor, p->since_s, arena, &page);
    if (result.outcome == MDM_DONE)
        result = contradiction(&m->sweep, p, &page);
    if (result.outcome == MDM_GARBLED)
        return give_walk_up(m, r, item, p, &result);
    if (result.outcome != MDM_DONE) {
        write_place(p, r, item);
        return effects_mdm_later(r, item, &result);
    }
    reader_note_success(r);
    if (take_page(m, r, &page, m->facts_again, &err) != OK)
        return store_waits(r, item, &err); /* the page is read again */
    p->cursor = arena_copy_text(arena, page.next);
    if (page.next[0] != '\0')
        return wait_again(m, r, item, p, PAGE_PACE_MS);
    return conclude(m, r, partition, p, &err) == OK ? wait_again(m, r, item, p, m->manager->every_s * 1000) : store_waits(r, item, &err);
}

/* ---- managers without an inventory are asked device by device, and answer by webhook ---- */

struct silent { char id[MDM_VENDOR_ID_BYTES + 1]; int64_t for_s; };
struct asking { const struct mdm_reader *m; int64_t now_s; struct silent *all; size_t count, room; };

/* What a device was asked waits for it: the longer it is silent, the less often it is asked again, or it wakes to a queue of weeks. */
static bool may_ask(struct mdm_reader *m, struct reader *r, const struct silent *s)
{
    struct err err;
    int64_t wait_s = s->for_s < ASK_AGAIN_S ? ASK_AGAIN_S : s->for_s > ASK_RARELY_S ? ASK_RARELY_S : s->for_s;
    struct span value = arena_format(&r->item_arena, "%.*s/%s", SPAN_ARGS(m->manager->options.id), s->id);
    return r->store->ops->once(r->store, SPAN_LITERAL("mdm_ask"), value, wait_s, &err) == OK;
}

static bool note_silent(void *context, const struct device *d)
{
    struct asking *a = context;
    const struct managed_link *link = device_link(d, a->m->manager->options.id);
    bool silent = link != NULL && link->gone_s == 0 && link->managed == MDM_YES && a->now_s - link->facts_s >= ASK_AGAIN_S && link->id.bytes <= MDM_VENDOR_ID_BYTES;
    if (!silent || d->removed)
        return true;
    if (a->count == a->room) {
        size_t room = a->room == 0 ? ASK_MOST : 2 * a->room;
        struct silent *more = realloc(a->all, room * sizeof *more);
        if (more == NULL)
            return false;
        a->all = more;
        a->room = room;
    }
    struct silent *s = &a->all[a->count++];
    memcpy(s->id, link->id.at, link->id.bytes);
    s->id[link->id.bytes] = '\0';
    s->for_s = a->now_s - link->facts_s;
    return true;
}

static struct item_result ask_silent(struct mdm_reader *m, struct reader *r, struct effects_item *item, struct place *p)
{
    struct asking a = { .m = m, .now_s = clock_wall_s(m->node->clock) };
    struct mdm_result result = mdm_say(MDM_DONE, "%s", "");
    size_t asked = 0;
    directory_enter(m->node->directory);
    directory_each_device(m->node->directory, note_silent, &a);
    directory_leave(m->node->directory);
    for (size_t i = 0; i < a.count && asked < ASK_MOST && result.outcome != MDM_LATER && result.outcome != MDM_STOPPED && reader_keep(r); i++) {
        if (!may_ask(m, r, &a.all[i]))
            continue;
        asked++;
        char key[SECRET_ID_BYTES + 1];
        secret_new_id('e', key);
        result = m->manager->ops->ask(m->mdm, span_of(a.all[i].id), span_of(key));
    }
    free(a.all);
    if (result.outcome == MDM_LATER || result.outcome == MDM_STOPPED)
        return effects_mdm_later(r, item, &result);
    reader_note_success(r);
    p->last_s = a.now_s;
    return wait_again(m, r, item, p, m->manager->every_s * 1000);
}

struct item_result effects_mdm_sync(struct mdm_reader *m, struct reader *r, unsigned partition, struct effects_item *item)
{
    struct arena arena;
    struct item_result result;
    arena_init(&arena, 64 * 1024, PAGE_ARENA_BYTES);
    struct place p = read_place(item->payload, &arena);
    if (!m->manager->ops->lists) {
        result = ask_silent(m, r, item, &p);
    } else {
        if (p.begun_s == 0)
            begin_walk(m, &p);
        result = walk(m, r, partition, item, &p, &arena);
    }
    arena_done(&arena);
    return result;
}

/* ---- one device ---- */

static struct item_result is_gone(struct mdm_reader *m, struct reader *r, struct effects_item *item, struct span id)
{
    char device[SECRET_ID_BYTES + 1] = "";
    struct err err;
    struct span kind = arena_format(&r->item_arena, "mdm:%.*s", SPAN_ARGS(m->manager->options.id));
    directory_enter(m->node->directory);
    const struct device *d = directory_device_by(m->node->directory, kind, id);
    if (d != NULL && d->id.bytes <= SECRET_ID_BYTES)
        memcpy(device, d->id.at, d->id.bytes);
    directory_leave(m->node->directory);
    if (device[0] != '\0' && managers_lost(m->node, r->store, m->manager, span_of(device), &err) != OK && reader_is_store_trouble(err.code))
        return store_waits(r, item, &err);
    return (struct item_result){ ITEM_DONE, -1, true };
}

/* It answers by webhook. */
static struct item_result ask_one(struct mdm_reader *m, struct reader *r, struct effects_item *item, struct span id)
{
    char key[SECRET_ID_BYTES + 1];
    secret_new_id('e', key);
    struct mdm_result result = m->manager->ops->ask != NULL ? m->manager->ops->ask(m->mdm, id, span_of(key)) : mdm_say(MDM_DONE, "%s", "");
    bool wait = result.outcome == MDM_LATER || result.outcome == MDM_STOPPED || result.outcome == MDM_AMBIGUOUS;
    return wait ? effects_mdm_later(r, item, &result) : (struct item_result){ ITEM_DONE, -1, true };
}

struct item_result effects_mdm_get(struct mdm_reader *m, struct reader *r, struct effects_item *item)
{
    struct span id = span_slice(item->id, sizeof "get:" - 1, item->id.bytes);
    struct mdm_device device = { 0 };
    struct manager_heard heard;
    struct arena arena;
    struct err err;
    if (m->manager->ops->get == NULL)
        return ask_one(m, r, item, id);
    arena_init(&arena, 16 * 1024, PAGE_ARENA_BYTES);
    struct mdm_result result = m->manager->ops->get(m->mdm, id, &arena, &device);
    struct item_result end = { ITEM_DONE, -1, true };
    struct manager_word word = { m->manager, &device, false, false };
    if (result.outcome == MDM_ABSENT)
        end = is_gone(m, r, item, id);
    else if (result.outcome == MDM_LATER || result.outcome == MDM_STOPPED || result.outcome == MDM_GARBLED)
        end = effects_mdm_later(r, item, &result);
    else if (result.outcome == MDM_DONE && managers_hear(m->node, r->store, &word, &heard, &err) != OK && reader_is_store_trouble(err.code))
        end = store_waits(r, item, &err);
    if (result.outcome == MDM_DONE || result.outcome == MDM_ABSENT)
        reader_note_success(r);
    arena_done(&arena);
    return end;
}
