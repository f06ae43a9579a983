#include "gateway/key_fetcher.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 500, NAMES_BYTES = 16 * 1024 };

struct source {
    struct key_source what;
    struct arena names;              /* of what a door asked for */
    bool of_door, wanted;            /* a door's source is wanted while the policy names it */
    struct http_client *client;      /* the fetcher's thread alone */
    struct shared shown;             /* struct key_set */
    int64_t tried_ms, good_ms, next_ms, pause_ms; /* monotonic; 0: never */
    uint64_t tries;                  /* attempts that ended */
    bool asked, trying, away;
};
struct key_fetcher {
    const struct node *node;
    pthread_mutex_t lock;
    pthread_cond_t wake, tried;      /* something to do; an attempt ended */
    struct source sources[KEY_FETCHER_SOURCES];
    size_t count;
    unsigned waiters;
    atomic_bool stop;
    bool started;
    char policy[65];                 /* version whose doors are known */
    pthread_t thread;
};

/* ---- key sets ---- */

static void free_set(struct shared_body *body)
{
    struct key_set *set = (struct key_set *)(void *)body;
    jose_keys_free(set->keys);
    free(set);
}

void key_set_drop(struct key_set *set) { shared_drop(set != NULL ? &set->shared : NULL); }

void key_set_dropp(struct key_set **set) { key_set_drop(*set); }

static void tell(const struct source *s, const struct jose_keys *keys)
{
    if (s->what.changed != NULL)
        s->what.changed(s->what.context, keys);
}

/* NULL shows nothing. */
static void show(struct source *s, struct jose_keys *takes)
{
    struct key_set *set = takes != NULL ? malloc(sizeof *set) : NULL;
    if (set == NULL) {
        jose_keys_free(takes);
        shared_show(&s->shown, NULL);
        return;
    }
    *set = (struct key_set){ .shared.free = free_set, .keys = takes };
    shared_show(&s->shown, &set->shared);
}

/* ---- sources ---- */

static struct span url_of(const struct key_source *what) { return span_empty(what->from.jwks_uri) ? what->from.discovery : what->from.jwks_uri; }

static bool go_on(void *fetcher) { return !((const struct key_fetcher *)fetcher)->stop; }

/* Plain http is for this machine only, and then the set may be there too. */
static struct http_client_options client_options(const struct key_source *what, struct key_fetcher *f)
{
    return (struct http_client_options){ .allow_loopback_http = what->allow_private || span_starts(url_of(what), SPAN_LITERAL("http://")), .allow_private = what->allow_private,
                                         .ca_file = what->ca_file, .tick = go_on, .tick_context = f };
}

static void source_init(struct source *s, const struct key_source *what)
{
    *s = (struct source){ .what = *what, .wanted = true };
    shared_init(&s->shown);
}

static void source_done(struct source *s)
{
    http_client_free(s->client);
    shared_done(&s->shown);
    arena_done(&s->names);
}

enum err_code key_fetcher_add(struct key_fetcher *f, const struct key_source *source, size_t *number, struct err *err)
{
    const struct http_client_options options = client_options(source, f);
    enum err_code code = http_client_check_url(&options, url_of(source), err);
    if (code != OK)
        return err_wrap(err, "the keys at %.*s", SPAN_ARGS(url_of(source)));
    if (f->count == KEY_FETCHER_SOURCES)
        return err_set(err, ERR_LIMIT, "keys of more than %d issuers", KEY_FETCHER_SOURCES);
    source_init(&f->sources[f->count], source);
    *number = f->count++;
    return OK;
}

/* With the lock held. */
static struct source *find_door(struct key_fetcher *f, struct span discovery)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->sources[i].of_door && span_equal(f->sources[i].what.from.discovery, discovery))
            return &f->sources[i];
    return NULL;
}

/* With the lock held, on the fetcher's thread. A source that no policy names any more makes room for the next. */
static struct source *room_for_door(struct key_fetcher *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->sources[i].of_door && !f->sources[i].wanted && f->count == KEY_FETCHER_SOURCES)
            return source_done(&f->sources[i]), &f->sources[i];
    return f->count < KEY_FETCHER_SOURCES ? &f->sources[f->count++] : NULL;
}

static void want_door(struct key_fetcher *f, struct span discovery)
{
    struct source *s = find_door(f, discovery);
    if (s == NULL && (s = room_for_door(f)) != NULL) {
        source_init(s, &(struct key_source){ .changed = NULL });
        arena_init(&s->names, 256, NAMES_BYTES);
        s->what.from.discovery = arena_copy(&s->names, discovery);
        s->of_door = true;
    }
    if (s != NULL)
        s->wanted = true;
    else
        log_event(f->node->log, LOG_ERROR, "keys.too_many_sources", LOG_SPAN("url", discovery));
}

/* What nobody keeps fresh is not used. */
static void forget(struct source *s)
{
    show(s, NULL);
    s->good_ms = s->next_ms = s->pause_ms = 0;
    s->away = false;
}

static void want_doors(struct key_fetcher *f, const struct policy *policy)
{
    for (size_t i = 0; i < f->count; i++)
        f->sources[i].wanted = !f->sources[i].of_door;
    for (size_t i = 0; i < policy->door_count; i++)
        if (policy->doors[i].use == DOOR_USE_ENTRA)
            want_door(f, policy->doors[i].oidc.hint_metadata);
    for (size_t i = 0; i < f->count; i++)
        if (!f->sources[i].wanted)
            forget(&f->sources[i]);
}

/* With the lock held, on the fetcher's thread. */
static void follow_policy(struct key_fetcher *f)
{
    directory_enter(f->node->directory);
    const struct policy *policy = directory_control(f->node->directory)->policy;
    if (policy != NULL && strcmp(policy->version, f->policy) != 0) {
        strncpy(f->policy, policy->version, sizeof f->policy - 1);
        want_doors(f, policy);
    }
    directory_leave(f->node->directory);
}

/* ---- fetching ---- */

static void note_good(struct key_fetcher *f, struct source *s, struct jose_keys *takes, int64_t now_ms)
{
    if (s->away || s->good_ms == 0)
        log_event(f->node->log, LOG_INFO, "keys.fetched", LOG_SPAN("url", url_of(&s->what)), LOG_INT("keys", jose_keys_count(takes)));
    s->away = false;
    s->good_ms = now_ms;
    s->pause_ms = 0;
    s->next_ms = now_ms + KEY_FRESH_MS;
    show(s, takes);
}

static void note_failure(struct key_fetcher *f, struct source *s, const struct err *err, int64_t now_ms)
{
    if (!s->away)
        log_event(f->node->log, LOG_WARN, "keys.not_fetched", LOG_SPAN("url", url_of(&s->what)), LOG_ERR(err));
    s->away = true;
    s->pause_ms = s->pause_ms == 0 ? KEY_RETRY_LEAST_MS : 2 * s->pause_ms > KEY_RETRY_MOST_MS ? KEY_RETRY_MOST_MS : 2 * s->pause_ms;
    s->next_ms = now_ms + s->pause_ms;
    if (s->good_ms != 0 && now_ms - s->good_ms > KEY_STALE_MS) {
        log_event(f->node->log, LOG_ERROR, "keys.too_old", LOG_SPAN("url", url_of(&s->what)));
        tell(s, NULL);
        show(s, NULL);
        s->good_ms = 0;
    }
}

/* With the lock held; lets go of it while the network is waited for. */
static void fetch(struct key_fetcher *f, struct source *s)
{
    struct jose_keys *keys = NULL;
    struct err err;
    const struct http_client_options options = client_options(&s->what, f);
    s->asked = false;
    s->trying = true;
    s->tried_ms = clock_mono_ms(f->node->clock);
    pthread_mutex_unlock(&f->lock);
    enum err_code code = s->client != NULL ? OK : http_client_new(&options, &s->client, &err);
    if (code == OK)
        code = jwks_fetch(s->client, &s->what.from, &keys, &err);
    if (code == OK)
        tell(s, keys);
    pthread_mutex_lock(&f->lock);
    s->trying = false;
    if (code == OK)
        note_good(f, s, keys, clock_mono_ms(f->node->clock));
    else
        note_failure(f, s, &err, clock_mono_ms(f->node->clock));
    s->tries++;
    pthread_cond_broadcast(&f->tried);
}

static bool may_ask(const struct source *s, int64_t now_ms) { return s->tries == 0 || now_ms - s->tried_ms >= KEY_AGAIN_MS; }

static bool is_due(const struct source *s, int64_t now_ms) { return s->wanted && (now_ms >= s->next_ms || (s->asked && may_ask(s, now_ms))); }

static void until(struct timespec *at, int64_t ms)
{
    clock_gettime(CLOCK_MONOTONIC, at);
    at->tv_sec += ms / 1000;
    at->tv_nsec += ms % 1000 * 1000000L;
    if (at->tv_nsec >= 1000000000L) {
        at->tv_sec++;
        at->tv_nsec -= 1000000000L;
    }
}

static void *fetcher_thread(void *context)
{
    struct key_fetcher *f = context;
    directory_register_thread();
    pthread_mutex_lock(&f->lock);
    while (!f->stop) {
        struct timespec at;
        follow_policy(f);
        for (size_t i = 0; i < f->count && !f->stop; i++)
            if (is_due(&f->sources[i], clock_mono_ms(f->node->clock)))
                fetch(f, &f->sources[i]);
        until(&at, TICK_MS);
        if (!f->stop)
            (void)pthread_cond_timedwait(&f->wake, &f->lock, &at);
    }
    pthread_mutex_unlock(&f->lock);
    directory_unregister_thread();
    return NULL;
}

void key_fetcher_again(struct key_fetcher *f, size_t number)
{
    pthread_mutex_lock(&f->lock);
    struct source *s = &f->sources[number];
    if (!s->asked && may_ask(s, clock_mono_ms(f->node->clock))) {
        s->asked = true;
        pthread_cond_signal(&f->wake);
    }
    pthread_mutex_unlock(&f->lock);
}

/* ---- taking ---- */

static bool has_key(struct source *s, struct span kid, unsigned algorithm, struct key_set **out)
{
    key_set_drop(*out);
    *out = (struct key_set *)(void *)shared_take(&s->shown);
    return *out != NULL && jose_keys_have((*out)->keys, kid, algorithm);
}

/* With the lock held. A stranger's nonsense kid must not hold up the slow lane: few wait, and only for a fetch that may happen. */
static void wait_for_try(struct key_fetcher *f, struct source *s)
{
    struct timespec at;
    uint64_t before = s->tries;
    until(&at, KEY_WAIT_MS);
    f->waiters++;
    s->asked = s->asked || !s->trying;
    pthread_cond_signal(&f->wake);
    while (s->tries == before && !f->stop && pthread_cond_timedwait(&f->tried, &f->lock, &at) == 0)
        ;
    f->waiters--;
}

enum err_code key_fetcher_take(struct key_fetcher *f, struct span discovery, struct span kid, unsigned algorithm, struct key_set **out, struct err *err)
{
    struct key_set *set = NULL;
    pthread_mutex_lock(&f->lock);
    struct source *s = find_door(f, discovery);
    if (s != NULL && !has_key(s, kid, algorithm, &set) && f->waiters < KEY_WAITERS && (s->asked || s->trying || may_ask(s, clock_mono_ms(f->node->clock)))) {
        wait_for_try(f, s);
        s = find_door(f, discovery); /* its place may have been given to another meanwhile */
        if (s != NULL)
            (void)has_key(s, kid, algorithm, &set);
    }
    pthread_mutex_unlock(&f->lock);
    *out = set;
    return set != NULL ? OK : err_set(err, ERR_UNAVAILABLE, "the keys of %.*s could not be fetched yet", SPAN_ARGS(discovery));
}

/* ---- life ---- */

enum err_code key_fetcher_new(const struct node *node, struct key_fetcher **out, struct err *err)
{
    struct key_fetcher *f = calloc(1, sizeof *f);
    if (f == NULL)
        return err_set(err, ERR_MEMORY, "key fetcher");
    f->node = node;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->wake, &attributes);
    pthread_cond_init(&f->tried, &attributes);
    pthread_condattr_destroy(&attributes);
    *out = f;
    return OK;
}

enum err_code key_fetcher_start(struct key_fetcher *f, struct err *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* signals are for the main thread */
    f->started = pthread_create(&f->thread, NULL, fetcher_thread, f) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return f->started ? OK : err_set(err, ERR_IO, "starting the key fetcher's thread");
}

void key_fetcher_stop(struct key_fetcher *f)
{
    if (f == NULL || !f->started)
        return;
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_broadcast(&f->wake);
    pthread_cond_broadcast(&f->tried);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    f->started = false;
}

void key_fetcher_free(struct key_fetcher *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->count; i++)
        source_done(&f->sources[i]);
    pthread_cond_destroy(&f->wake);
    pthread_cond_destroy(&f->tried);
    pthread_mutex_destroy(&f->lock);
    free(f);
}
