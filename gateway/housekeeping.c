#include "gateway/housekeeping.h"

#include "connectors/store/redis_child.h"
#include "gateway/doors/device_certificates.h"
#include "gateway/slack/slack_app.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { TICK_MS = 100, HEARTBEAT_MS = 1000, TRIM_MS = 60000, FILES_MS = 2000 };
struct housekeeping {
    const struct node *node;
    struct housekeeping_options options;
    struct store *store;
    char name[29]; /* of this node, new at each start */
    atomic_bool stop;
    pthread_t thread;
};

static void heartbeat(struct housekeeping *h)
{
    struct err err;
    if (h->store->ops->heartbeat(h->store, span_of(h->name), clock_wall_ms(h->node->clock), h->options.outage_after_ms, &err) == OK)
        directory_heard(h->node->directory);
}

static void trim(struct housekeeping *h)
{
    struct err err;
    if (h->store->ops->trim(h->store, clock_wall_ms(h->node->clock), h->options.log_keep_ms, &err) != OK)
        log_event(h->node->log, LOG_WARN, "log.not_trimmed", LOG_ERR(&err));
}

static void tick_child(struct housekeeping *h)
{
    unsigned before = redis_child_status(h->options.child).restarts;
    redis_child_tick(h->options.child);
    counter_add(h->node->counters, COUNT_STORE_RESTARTS, redis_child_status(h->options.child).restarts - before);
}

/* What is read again without a start when its file was replaced. */
static void look_at_files(const struct node *node)
{
    device_certificates_refresh(node->device_certificates, clock_wall_s(node->clock));
    slack_app_refresh(node->slack, node->log);
}

static void *housekeeping_thread(void *context)
{
    struct housekeeping *h = context;
    int64_t next_heartbeat_ms = 0, next_files_ms = 0, next_trim_ms = clock_mono_ms(h->node->clock) + TRIM_MS;
    directory_register_thread();
    while (!h->stop) {
        struct timespec pause = { 0, TICK_MS * 1000000L };
        int64_t now_ms = clock_mono_ms(h->node->clock);
        if (h->options.child != NULL)
            tick_child(h);
        if (now_ms >= next_heartbeat_ms) {
            next_heartbeat_ms = now_ms + HEARTBEAT_MS;
            heartbeat(h);
        }
        if (now_ms >= next_files_ms) {
            next_files_ms = now_ms + FILES_MS;
            look_at_files(h->node);
        }
        if (now_ms >= next_trim_ms) {
            next_trim_ms = now_ms + TRIM_MS;
            trim(h);
        }
        nanosleep(&pause, NULL);
    }
    directory_unregister_thread();
    return NULL;
}

enum err_code housekeeping_start(const struct node *node, const struct housekeeping_options *options, struct housekeeping **out, struct err *err)
{
    struct housekeeping *h = calloc(1, sizeof *h);
    if (h == NULL)
        return err_set(err, ERR_MEMORY, "housekeeping");
    h->node = node;
    h->options = *options;
    secret_new_id('n', h->name);
    enum err_code code = node->stores.open(node->stores.context, &h->store, err);
    if (code == OK && pthread_create(&h->thread, NULL, housekeeping_thread, h) != 0)
        code = err_set(err, ERR_IO, "starting the housekeeping thread");
    if (code != OK) {
        if (h->store != NULL)
            h->store->ops->free(h->store);
        free(h);
        return code;
    }
    *out = h;
    return OK;
}

void housekeeping_stop(struct housekeeping *h)
{
    if (h == NULL)
        return;
    h->stop = true;
    pthread_join(h->thread, NULL);
    h->store->ops->free(h->store);
    free(h);
}
