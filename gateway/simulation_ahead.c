/* Over the days to come: everybody in the directory, in shards of their own, each person on their own. */
#include "gateway/simulation_run.h"

#include "gateway/rollout.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { ID_BYTES = 32, PERSON_ARENA_BYTES = 64 * 1024 * 1024, CHUNK_ARENA_BYTES = 16 * 1024 * 1024 };

struct id { char text[ID_BYTES]; };
struct people { struct id *ids; size_t count, room; bool full; };
struct shard {
    struct simulation_run *run;
    const struct people *people;
    _Atomic size_t *next;              /* of all shards: where the next chunk begins */
    struct simulate_options options;
    struct simulate_totals totals;
    struct arena arena, of_person, of_chunk;
    bool failed;
};

static bool note_person(void *context, const struct person *p)
{
    struct people *all = context;
    if (p->removed || p->id.bytes >= ID_BYTES)
        return true;
    if (all->count == all->room) {
        size_t room = all->room == 0 ? 4096 : all->room * 2;
        struct id *more = realloc(all->ids, room * sizeof *more);
        if (more == NULL)
            return !(all->full = true);
        all->ids = more;
        all->room = room;
    }
    memcpy(all->ids[all->count].text, p->id.at, p->id.bytes);
    all->ids[all->count++].text[p->id.bytes] = '\0';
    return true;
}

static bool may_change(const struct device *d)
{
    if (d->removed || !span_empty(d->duplicate_of))
        return false;
    for (size_t i = 0; i < d->result_count; i++)
        if (d->results[i].visible_s != 0 || d->results[i].verdict == VERDICT_FAIL)
            return true;
    return false;
}

static void simulate_one(struct shard *s, const struct rollout_world *world, struct span id)
{
    const struct device *devices[SIMULATE_DEVICES_MOST];
    const struct directory *d = s->run->node->directory;
    const struct person *person = directory_person(d, id);
    if (person == NULL || person->removed)
        return;
    size_t owned = directory_devices_of(d, id, devices, SIMULATE_DEVICES_MOST), count = owned < SIMULATE_DEVICES_MOST ? owned : SIMULATE_DEVICES_MOST;
    bool changes = false;
    for (size_t i = 0; i < count; i++)
        changes = changes || may_change(devices[i]);
    simulate_totals_person(&s->totals, count);
    if (changes && !simulate_person(&s->options, &world->before, person, devices, count, &s->of_person))
        s->totals.cut_short++;
    arena_reset(&s->of_person);
}

/* Short, so that what the directory replaces meanwhile is freed soon. */
static void simulate_chunk(struct shard *s, size_t from, size_t to)
{
    struct rollout_world world;
    const struct directory *d = s->run->node->directory;
    directory_enter(d);
    if (rollout_foresee(d, s->run->policy, s->run->from_s, &s->of_chunk, &world)) {
        s->options.world = &world.after;
        for (size_t i = from; i < to; i++)
            simulate_one(s, &world, span_of(s->people->ids[i].text));
    } else {
        s->failed = true;
    }
    directory_leave(d);
    arena_reset(&s->of_chunk);
    atomic_fetch_add_explicit(&s->run->done, to - from, memory_order_relaxed);
}

static void work(struct shard *s)
{
    for (;;) {
        size_t from = atomic_fetch_add(s->next, SIMULATION_CHUNK);
        if (from >= s->people->count || s->failed || atomic_load_explicit(&s->run->cancel, memory_order_relaxed))
            return;
        size_t to = from + SIMULATION_CHUNK;
        simulate_chunk(s, from, to < s->people->count ? to : s->people->count);
    }
}

static void *work_thread(void *context)
{
    directory_register_thread();
    simulation_give_way();
    work(context);
    directory_unregister_thread();
    return NULL;
}

static bool shard_init(struct shard *s, struct simulation_run *run, const struct people *people, _Atomic size_t *next)
{
    struct decision_input world = { .policy = run->policy, .calendar = run->node->calendar };
    *s = (struct shard){ .run = run, .people = people, .next = next };
    arena_init(&s->arena, 64 * 1024, CHUNK_ARENA_BYTES);
    arena_init(&s->of_person, 256 * 1024, PERSON_ARENA_BYTES);
    arena_init(&s->of_chunk, 64 * 1024, CHUNK_ARENA_BYTES);
    s->options = (struct simulate_options){ .world = &world, .from_s = run->from_s, .to_s = run->to_s, .event = simulate_totals_event, .context = &s->totals };
    bool well = simulate_totals_init(&s->totals, &s->options, run->names, &s->arena);
    s->options.world = NULL; /* each chunk's own */
    return well;
}

static void shard_done(struct shard *s)
{
    simulate_totals_done(&s->totals);
    arena_done(&s->of_chunk);
    arena_done(&s->of_person);
    arena_done(&s->arena);
}

/* The calling thread works too. */
static void run_shards(struct shard *shards, unsigned count)
{
    pthread_t threads[SIMULATION_THREADS_MOST];
    unsigned begun = 0;
    while (begun + 1 < count && pthread_create(&threads[begun], NULL, work_thread, &shards[begun + 1]) == 0)
        begun++;
    work(&shards[0]);
    while (begun > 0)
        pthread_join(threads[--begun], NULL);
}

static enum err_code finish(struct simulation_run *run, struct shard *shards, unsigned count, struct err *err)
{
    struct to_json w;
    for (unsigned i = 0; i < count; i++)
        if (shards[i].failed)
            return err_set(err, ERR_MEMORY, "a simulation: memory is short");
    if (atomic_load(&run->cancel))
        return err_set(err, ERR_UNAVAILABLE, "cancelled");
    for (unsigned i = 1; i < count; i++)
        simulate_totals_add(&shards[0].totals, &shards[i].totals);
    to_json_init(&w, &run->result);
    to_json_object(&w);
    directory_enter(run->node->directory);
    simulation_write_totals(run, &shards[0].totals, &w);
    directory_leave(run->node->directory);
    to_json_end(&w);
    return buf_check(&run->result, "what the simulation came to", err);
}

enum err_code simulation_ahead(struct simulation_run *run, struct err *err)
{
    struct shard *shards = calloc(run->threads, sizeof *shards);
    struct people people = { 0 };
    _Atomic size_t next = 0;
    bool well = shards != NULL;
    directory_enter(run->node->directory);
    directory_each_person(run->node->directory, note_person, &people);
    directory_leave(run->node->directory);
    atomic_store(&run->total, people.count);
    for (unsigned i = 0; well && i < run->threads; i++)
        well = shard_init(&shards[i], run, &people, &next);
    enum err_code code = OK;
    if (!well || people.full)
        code = err_set(err, ERR_MEMORY, "a simulation: memory is short");
    else
        run_shards(shards, run->threads);
    if (code == OK)
        code = finish(run, shards, run->threads, err);
    for (unsigned i = 0; shards != NULL && i < run->threads; i++)
        shard_done(&shards[i]);
    free(shards);
    free(people.ids);
    return code;
}
