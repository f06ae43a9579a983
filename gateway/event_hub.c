#include "gateway/event_hub.h"

#include "gateway/feed.h"

#include <pthread.h>
#include <stdlib.h>

enum { STREAMS = 1000 };
struct event_hub {
    pthread_mutex_t lock; /* guards the list: streams join and leave on workers, the feed wakes them */
    struct http_stream *streams[STREAMS];
    size_t count;
};

static void wake_all(void *context, const struct log_entry *entry)
{
    struct event_hub *hub = context;
    (void)entry;
    pthread_mutex_lock(&hub->lock);
    for (size_t i = 0; i < hub->count; i++)
        http_stream_wake(hub->streams[i]);
    pthread_mutex_unlock(&hub->lock);
}

struct event_hub *event_hub_new(struct feed *feed)
{
    struct event_hub *hub = calloc(1, sizeof *hub);
    if (hub == NULL)
        return NULL;
    pthread_mutex_init(&hub->lock, NULL);
    feed_observe(feed, wake_all, hub);
    return hub;
}

void event_hub_free(struct event_hub *hub)
{
    if (hub == NULL)
        return;
    pthread_mutex_destroy(&hub->lock);
    free(hub);
}

bool event_hub_join(struct event_hub *hub, struct http_stream *stream)
{
    pthread_mutex_lock(&hub->lock);
    bool room = hub->count < STREAMS;
    if (room)
        hub->streams[hub->count++] = stream;
    pthread_mutex_unlock(&hub->lock);
    return room;
}

void event_hub_leave(struct event_hub *hub, struct http_stream *stream)
{
    pthread_mutex_lock(&hub->lock);
    for (size_t i = 0; i < hub->count; i++)
        if (hub->streams[i] == stream)
            hub->streams[i--] = hub->streams[--hub->count];
    pthread_mutex_unlock(&hub->lock);
}
