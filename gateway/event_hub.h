/* event_hub: wakes whoever waits for the log to move: /v1/events streams and pages that watch a recheck. An observer of the feed. */
#ifndef GATEWAY_EVENT_HUB_H
#define GATEWAY_EVENT_HUB_H
#include "gateway/http/stream.h"
#include "gateway/node.h"

struct event_hub *event_hub_new(struct feed *feed);   /* observes it; NULL when memory is short */
void event_hub_free(struct event_hub *hub);
/* The stream is woken after each entry of the log until it leaves. Any thread. False: too many (1,000). */
bool event_hub_join(struct event_hub *hub, struct http_stream *stream);
void event_hub_leave(struct event_hub *hub, struct http_stream *stream);
#endif
