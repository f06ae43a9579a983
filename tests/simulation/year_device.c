/* Agents: what they see goes through the gateway's own judgement (agents_report.c, evaluate.c), as answers of osquery. */
#include "tests/simulation/year.h"

#include "gateway/agents.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 1024 * 1024, REFRESHES = 1024, ENROLLED_BEFORE_S = 60 * 86400 };

bool year_is_on(const struct year *y, const struct year_device *d) { return d->enrolled && !y->agents_away && y->now_s >= d->on_from_s && y->now_s < d->on_to_s; }

struct enrolling { struct year *y; struct year_device *d; bool old; };

static enum change_say edit_new(void *context, struct device *copy, struct change_events *events, struct err *err)
{
    const struct enrolling *e = context;
    (void)err;
    copy->platform = e->d->platform;
    copy->name = SPAN_LITERAL("laptop");
    copy->node_key_generation = 1;
    copy->owner = arena_copy_text(&copy->arena, e->y->people[e->d->person].id);
    copy->owner_since_s = e->y->now_s;
    copy->enrolled_s = copy->first_seen_s = e->y->now_s - (e->old ? ENROLLED_BEFORE_S : 0);
    (void)device_spoke(copy, e->y->now_s);
    struct span data = arena_format(events->arena, "{\"enrolled\":%lld}", (long long)copy->enrolled_s);
    return change_event(events, &e->y->story.node, "device.enrolled", copy->owner, copy->id, SPAN_LITERAL("agent:osquery"), data) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

void year_enrol(struct year *y, unsigned device)
{
    struct year_device *d = &y->devices[device];
    struct enrolling e = { y, d, d->enrols_s <= y->start_s };
    struct err err = { 0 };
    secret_new_id('d', d->id);
    year_must(change_device(&y->story.node, y->story.store, span_of(d->id), true, edit_new, &e, &err) == OK, "enrolling a device", &err);
    d->enrolled = true;
    story_feed(&y->story);
    year_report(y, device);
}

static const struct check *check_of(const struct year *y, unsigned number)
{
    const struct policy *policy = directory_control(y->story.node.directory)->policy;
    return policy_check(policy, span_of(year_check_ids[number]));
}

static bool any_broken(const struct year_device *d)
{
    for (unsigned i = 0; i < YEAR_CHECKS; i++)
        if (d->broken[i])
            return true;
    return false;
}

void year_report(struct year *y, unsigned device)
{
    struct year_device *d = &y->devices[device];
    struct from_json *docs[2] = { NULL };
    struct from_json_value rows[2];
    struct agents_report all[YEAR_CHECKS];
    struct arena arena;
    struct err err = { 0 };
    const struct agents_key key = { span_of(d->id), 1 };
    if (y->store_away)
        return; /* the agent keeps it and says it again */
    arena_init(&arena, 16 * 1024, ARENA_BYTES);
    for (int i = 0; i < 2; i++) {
        year_must(from_json_parse(i == 0 ? SPAN_LITERAL("[{\"ok\":\"1\"}]") : SPAN_LITERAL("[]"), (struct from_json_limits){ 64, 4 }, "rows", &docs[i], &err) == OK, "rows", &err);
        rows[i] = from_json_root(docs[i]);
    }
    directory_enter(y->story.node.directory);
    for (unsigned i = 0; i < YEAR_CHECKS; i++)
        all[i] = (struct agents_report){ .name = agents_name_write(&y->story.node, span_of(d->id), check_of(y, i), y->now_s, &arena), .rows = &rows[d->broken[i]] };
    directory_leave(y->story.node.directory);
    struct agents_reports reports = { .all = all, .count = YEAR_CHECKS, .now_s = y->now_s };
    year_must(agents_report_commit(&y->story.node, y->story.store, &key, &reports, &err) == OK && reports.dropped == 0, "a report", &err);
    d->busy = d->busy || any_broken(d);
    from_json_free(docs[0]);
    from_json_free(docs[1]);
    arena_done(&arena);
}

/* ---- refreshes ---- */

struct batch { struct refresh all[REFRESHES]; size_t count; };

/* A failure of which nothing certain was known until now. */
static bool is_in_doubt(const struct year *y, const struct device *device)
{
    const struct policy *policy = directory_control(y->story.node.directory)->policy;
    for (size_t i = 0; i < device->result_count; i++)
        if (device->results[i].visible_s != 0 && evaluate_doubt(policy_check(policy, device->results[i].check), &device->results[i], y->now_s) != 0)
            return true;
    return false;
}

/* What an agent says is worth a commit when its device was off, and when it says of a failure that it is still there after nobody had seen it for too long. */
enum news { NEWS_NONE, NEWS_ON, NEWS_CERTAIN };
static enum news news_of(struct year *y, const struct year_device *d, bool reports)
{
    const struct directory *directory = y->story.node.directory;
    enum news news = NEWS_NONE;
    directory_enter(directory);
    const struct device *known = directory_device(directory, span_of(d->id));
    if (known != NULL && agents_was_off(known, directory_live(directory, span_of(d->id)), y->now_s))
        news = NEWS_ON;
    if (known != NULL && reports && is_in_doubt(y, known))
        news = NEWS_CERTAIN;
    directory_leave(directory);
    return news;
}

static void spoke_again(struct year *y, const struct year_device *d)
{
    struct err err = { 0 };
    const struct agents_key key = { span_of(d->id), 1 };
    year_must(agents_spoke(&y->story.node, y->story.store, &key, y->now_s, &err) == OK, "a device that came back", &err);
}

static void flush(struct year *y, unsigned partition, struct batch *b)
{
    struct err err = { 0 };
    if (b->count > 0)
        year_must(y->story.store->ops->refresh(y->story.store, partition, b->all, b->count, y->now_s * 1000, &err) == OK, "a refresh", &err);
    b->count = 0;
}

void year_refresh(struct year *y, bool everybody)
{
    struct batch *batches = calloc(STORY_PARTITIONS, sizeof *batches);
    char times[256] = "{";
    year_must(batches != NULL, "memory", NULL);
    for (unsigned i = 0; i < YEAR_CHECKS; i++)
        snprintf(times + strlen(times), sizeof times - strlen(times), "%s\"%s\":%lld", i > 0 ? "," : "", year_check_ids[i], (long long)y->now_s);
    snprintf(times + strlen(times), sizeof times - strlen(times), "}");
    for (unsigned i = 0; i < y->options.devices && !y->store_away; i++) {
        struct year_device *d = &y->devices[i];
        if (!d->enrolled || !year_is_on(y, d) || (!everybody && !d->busy))
            continue;
        enum news news = news_of(y, d, everybody);
        if (news == NEWS_CERTAIN)
            year_report(y, i);
        else if (news == NEWS_ON)
            spoke_again(y, d);
        if (news != NEWS_NONE)
            continue;
        unsigned partition = y->story.store->ops->partition_of(y->story.store, RECORD_DEVICE, span_of(d->id));
        struct batch *b = &batches[partition];
        b->all[b->count++] = (struct refresh){ span_of(d->id), y->now_s, span_of(everybody ? times : "{}") };
        if (b->count == REFRESHES)
            flush(y, partition, b);
    }
    for (unsigned i = 0; i < STORY_PARTITIONS; i++)
        flush(y, i, &batches[i]);
    free(batches);
}
