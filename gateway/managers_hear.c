/* What a manager says of a device, brought into the device's record. Most of it is no news: then nothing is written but, some times a day, how fresh it is. */
#include "gateway/managers.h"

#include "gateway/agents.h"

#include <string.h>

enum { FRESHEN_S = 4 * 3600, WORK_BYTES = 256 * 1024, FACTS_MOST = 12, DATA_BYTES = 2048 };

/* ---- whose is it ---- */

struct found { char id[SECRET_ID_BYTES + 1]; enum platform platform; bool any; };

static void note(const struct device *device, struct found *out)
{
    if (device == NULL || device->removed || device->id.bytes > SECRET_ID_BYTES)
        return;
    *out = (struct found){ .platform = device->platform, .any = true };
    memcpy(out->id, device->id.at, device->id.bytes);
}

static struct found find_by(const struct node *node, struct span kind, struct span raw, struct arena *arena)
{
    struct found found = { .any = false };
    struct span value = SPAN_NONE;
    if (!span_empty(raw) && identifier_normalize(kind, raw, arena, &value))
        note(directory_device_by(node->directory, kind, value), &found);
    return found;
}

static bool is_other_platform(const struct found *f, const struct mdm_device *said)
{
    return f->platform != PLATFORM_UNKNOWN && said->platform != PLATFORM_UNKNOWN && f->platform != said->platform;
}

/* A serial that is known settles it: managers' UUIDs are not always the hardware's (Apple silicon). Two answers are a conflict, and joined with neither. */
static enum manager_match match(const struct node *node, const struct manager_word *w, struct arena *arena, char device[SECRET_ID_BYTES + 1])
{
    struct span kind = arena_format(arena, "mdm:%.*s", SPAN_ARGS(w->manager->options.id));
    directory_enter(node->directory);
    struct found by_id = find_by(node, kind, w->device->id, arena);
    struct found by_serial = find_by(node, SPAN_LITERAL("serial"), w->device->serial, arena);
    struct found by_uuid = find_by(node, SPAN_LITERAL("uuid"), w->device->uuid, arena);
    directory_leave(node->directory);
    const struct found *best = by_serial.any ? &by_serial : by_id.any ? &by_id : &by_uuid;
    if (!best->any)
        return MANAGER_UNKNOWN;
    if ((by_serial.any && by_uuid.any && strcmp(by_serial.id, by_uuid.id) != 0) || is_other_platform(best, w->device))
        return MANAGER_CONFLICT;
    memcpy(device, best->id, sizeof best->id);
    return MANAGER_MATCHED;
}

/* ---- the link ---- */

static int64_t not_later(int64_t at_s, int64_t now_s) { return at_s < now_s ? at_s : now_s; }
static unsigned newer(unsigned old, enum mdm_truth said) { return said == MDM_NOT_SAID ? old : (unsigned)said; }
static struct span text(struct span old, struct span said, bool partial) { return span_empty(said) && partial ? old : said; }

static struct managed_link merge(const struct managed_link *old, const struct manager_word *w, int64_t now_s)
{
    static const struct managed_link none = { 0 };
    const struct mdm_device *said = w->device;
    bool same = old != NULL && span_equal(old->id, said->id);
    if (!same)
        old = &none; /* enrolled anew: nothing of before counts */
    struct managed_link link = { .manager = w->manager->options.id, .id = said->id, .managed = newer(old->managed, said->managed), .encrypted = newer(old->encrypted, said->encrypted),
        .firewall = newer(old->firewall, said->firewall), .supervised = newer(old->supervised, said->supervised), .personal = newer(old->personal, said->personal),
        .owner = text(old->owner, said->owner, w->partial), .os_version = text(old->os_version, said->os_version, w->partial),
        .compliance = text(old->compliance, said->compliance, w->partial), .group = text(old->group, said->group, w->partial), .read_s = now_s,
        .contact_s = said->contact_s > 0 ? not_later(said->contact_s, now_s) : old->contact_s, .facts_s = said->facts_s > 0 ? not_later(said->facts_s, now_s) : old->facts_s };
    if (w->partial && link.facts_s < old->facts_s)
        link.facts_s = old->facts_s; /* one table of several, each with a time of its own */
    return link;
}

static bool differs(const struct managed_link *a, const struct managed_link *b)
{
    return a->managed != b->managed || a->encrypted != b->encrypted || a->firewall != b->firewall || a->supervised != b->supervised || a->personal != b->personal ||
           a->gone_s != b->gone_s || !span_equal(a->id, b->id) || !span_equal(a->owner, b->owner) || !span_equal(a->os_version, b->os_version) ||
           !span_equal(a->compliance, b->compliance) || !span_equal(a->group, b->group);
}

/* Said again, only later, is written down some times a day: its age is what a check judges by. */
static bool is_news(const struct managed_link *old, const struct managed_link *new)
{
    return old == NULL || differs(old, new) || new->facts_s - old->facts_s >= FRESHEN_S || new->contact_s - old->contact_s >= FRESHEN_S || new->read_s - old->read_s >= 3 * FRESHEN_S;
}

/* Webhooks and pages overtake each other, and a webhook that somebody caught may be sent again. */
static bool is_overtaken(const struct managed_link *old, const struct manager_word *w)
{
    return old != NULL && span_equal(old->id, w->device->id) && w->device->contact_s > 0 && w->device->contact_s < old->contact_s && w->device->facts_s <= old->facts_s;
}

static struct span describe(const struct managed_link *link, struct arena *arena)
{
    CLEANUP(buf_done) struct buf data;
    struct to_json w;
    buf_init(&data, DATA_BYTES);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "manager", link->manager);
    to_json_member_text(&w, "managed", span_of(mdm_truth_name(link->managed)));
    to_json_member_text(&w, "encrypted", span_of(mdm_truth_name(link->encrypted)));
    to_json_member_text_if(&w, "os_version", link->os_version);
    to_json_member_text_if(&w, "group", link->group);
    to_json_member_time_if(&w, "seen_at", link->contact_s);
    to_json_member_time_if(&w, "gone_at", link->gone_s);
    to_json_end(&w);
    return arena_copy(arena, buf_span(&data));
}

/* The manager's id among the identifiers: events that carry nothing else lead to the device. */
static bool put_identifier(struct device *d, struct span manager, struct span id, int64_t now_s)
{
    struct span kind = arena_format(&d->arena, "mdm:%.*s", SPAN_ARGS(manager)), value = SPAN_NONE;
    const struct identifier *old = device_identifier(d, kind);
    if (!identifier_normalize(kind, id, &d->arena, &value) || (old != NULL && span_equal(old->value, value)))
        return true;
    struct identifier *all = arena_array(&d->arena, d->identifier_count + 1, sizeof *all);
    size_t count = 0;
    for (size_t i = 0; all != NULL && i < d->identifier_count; i++)
        if (!span_equal(d->identifiers[i].kind, kind))
            all[count++] = d->identifiers[i];
    if (all == NULL || count >= DEVICE_MAX_IDENTIFIERS)
        return all != NULL;
    all[count++] = (struct identifier){ kind, value, SPAN_LITERAL("mdm"), now_s };
    d->identifiers = all;
    d->identifier_count = count;
    return true;
}

struct hearing {
    const struct node *node;
    const struct manager_word *word;
    int64_t now_s;
    bool lost, changed;
    struct span manager;
    struct arena *arena;
    struct managed_link link; bool known, speaks; /* as it is now; texts in `arena` */
};

/* A manager that only knows of the device does not speak over the one that manages it. */
static bool speaks(const struct device *d, const struct managed_link *link)
{
    for (size_t i = 0; i < d->link_count && link->managed != MDM_YES; i++)
        if (d->links[i].managed == MDM_YES && d->links[i].gone_s == 0)
            return false;
    return true;
}

static void keep_link(struct hearing *h, const struct device *d)
{
    const struct managed_link *link = device_link(d, h->manager);
    struct arena *a = h->arena;
    h->known = link != NULL;
    if (link == NULL)
        return;
    h->link = *link;
    h->link.owner = arena_copy(a, link->owner);
    h->link.os_version = arena_copy(a, link->os_version);
    h->link.compliance = arena_copy(a, link->compliance);
    h->link.group = arena_copy(a, link->group);
    h->speaks = speaks(d, link);
}

static enum change_say edit_link(void *context, struct device *copy, struct change_events *events, struct err *err)
{
    struct hearing *h = context;
    const struct managed_link *old = device_link(copy, h->manager);
    struct managed_link link = { 0 };
    keep_link(h, copy);
    if (copy->removed || (h->lost && (old == NULL || old->gone_s != 0)) || (!h->lost && is_overtaken(old, h->word)))
        return CHANGE_NOTHING;
    if (h->lost) {
        link = *old;
        link.gone_s = link.read_s = h->now_s;
        link.managed = MDM_NO;
    } else {
        link = merge(old, h->word, h->now_s);
        if (!is_news(old, &link))
            return CHANGE_NOTHING;
    }
    struct span cause = arena_format(events->arena, "mdm:%.*s", SPAN_ARGS(h->manager));
    if (!device_put_link(copy, &link) || !put_identifier(copy, h->manager, link.id, h->now_s) ||
        !change_event(events, h->node, "device.mdm", copy->owner, copy->id, cause, describe(&link, events->arena)))
        return (void)err_set(err, ERR_MEMORY, "what %.*s says of %.*s", SPAN_ARGS(h->manager), SPAN_ARGS(copy->id)), CHANGE_REFUSE;
    h->changed = true;
    keep_link(h, copy);
    return CHANGE_COMMIT;
}

/* ---- the facts that checks may read ---- */

struct fact_list { struct pushed_fact all[FACTS_MOST]; size_t count; struct span source; struct arena *arena; };

static void add(struct fact_list *l, const char *name, struct span value, int64_t at_s)
{
    if (!span_empty(value) && at_s > 0 && l->count < FACTS_MOST)
        l->all[l->count++] = (struct pushed_fact){ span_of(name), value, l->source, at_s, 0 };
}

static struct span truth_json(unsigned truth)
{
    return truth == MDM_YES ? SPAN_LITERAL("true") : truth == MDM_NO ? SPAN_LITERAL("false") : SPAN_NONE;
}

static struct span text_json(struct span value, struct arena *arena)
{
    CLEANUP(buf_done) struct buf out;
    struct to_json w;
    buf_init(&out, 4 * MDM_TEXT_BYTES);
    to_json_init(&w, &out);
    to_json_text(&w, value);
    return span_empty(value) ? SPAN_NONE : arena_copy(arena, buf_span(&out));
}

/* That a device is managed is the manager's own knowledge, now; what the device told it is as old as that telling. */
static void list_facts(const struct managed_link *link, struct fact_list *l)
{
    int64_t told_s = link->facts_s > 0 ? link->facts_s : link->contact_s;
    add(l, "mdm.managed", truth_json(link->managed), link->read_s);
    add(l, "mdm.supervised", truth_json(link->supervised), link->read_s);
    add(l, "mdm.personal", truth_json(link->personal), link->read_s);
    add(l, "mdm.owner", text_json(link->owner, l->arena), link->read_s);
    add(l, "mdm.group", text_json(link->group, l->arena), link->read_s);
    add(l, "mdm.compliance", text_json(link->compliance, l->arena), told_s);
    add(l, "mdm.encrypted", truth_json(link->encrypted), told_s);
    add(l, "mdm.firewall", truth_json(link->firewall), told_s);
    add(l, "mdm.os_version", text_json(link->os_version, l->arena), told_s);
}

static enum err_code push_facts(const struct hearing *h, struct store *store, struct span device, struct err *err)
{
    struct fact_list facts = { .source = arena_format(h->arena, "mdm:%.*s", SPAN_ARGS(h->manager)), .arena = h->arena };
    struct span dropped[FACTS_MOST];
    if (h->known && h->speaks)
        list_facts(&h->link, &facts);
    if (facts.count == 0)
        return OK;
    struct agents_facts push = { facts.all, facts.count, facts.source, dropped, 0 };
    enum err_code code = agents_facts_commit(h->node, store, device, &push, err);
    return code == ERR_NOT_FOUND ? OK : code;
}

/* ---- entry points ---- */

/* Against the directory first: of a sweep's thousand devices hardly one is news. */
static bool is_known(const struct node *node, const struct manager_word *w, struct span device, int64_t now_s)
{
    directory_enter(node->directory);
    const struct device *d = directory_device(node->directory, device);
    const struct managed_link *old = d != NULL ? device_link(d, w->manager->options.id) : NULL;
    struct managed_link link = merge(old, w, now_s);
    bool known = d == NULL || (old != NULL && (is_overtaken(old, w) || !is_news(old, &link)));
    directory_leave(node->directory);
    return known;
}

enum err_code managers_hear(const struct node *node, struct store *store, const struct manager_word *word, struct manager_heard *out, struct err *err)
{
    struct arena arena;
    arena_init(&arena, 4096, WORK_BYTES);
    *out = (struct manager_heard){ .match = MANAGER_UNKNOWN };
    out->match = match(node, word, &arena, out->device);
    struct span device = span_of(out->device);
    struct hearing h = { .node = node, .word = word, .now_s = clock_wall_s(node->clock), .manager = word->manager->options.id, .arena = &arena };
    enum err_code code = OK;
    if (out->match == MANAGER_MATCHED && (word->again || !is_known(node, word, device, h.now_s))) {
        code = change_device(node, store, device, false, edit_link, &h, err);
        if (code == OK && (h.changed || word->again))
            code = push_facts(&h, store, device, err);
        out->changed = h.changed;
    }
    arena_done(&arena);
    return code == ERR_NOT_FOUND ? OK : code;
}

enum err_code managers_lost(const struct node *node, struct store *store, const struct manager *manager, struct span device, struct err *err)
{
    struct arena arena;
    struct hearing h = { .node = node, .now_s = clock_wall_s(node->clock), .lost = true, .manager = manager->options.id, .arena = &arena };
    arena_init(&arena, 4096, WORK_BYTES);
    enum err_code code = change_device(node, store, device, false, edit_link, &h, err);
    if (code == OK && h.changed)
        code = push_facts(&h, store, device, err);
    arena_done(&arena);
    return code == ERR_NOT_FOUND ? OK : code;
}
