/* event: what the log carries; one shape for every change. Texts are borrowed from whoever made or parsed it. */
#ifndef POSTURE_EVENT_H
#define POSTURE_EVENT_H
#include "posture/base/from_json.h"
#include "posture/base/to_json.h"

enum { EVENT_ID_BYTES = 28, EVENT_DATA_BYTES = 64 * 1024 };

struct event {
    struct span id;       /* e_... */
    int64_t at_ms;        /* wall */
    struct span type;     /* "result.changed", ... */
    struct span person, device, policy; /* ids or empty */
    struct span cause;    /* id of the event or request that led to it, or who: "admin:root", "person:p_..." */
    struct span data;     /* a JSON object, compact; empty means {} */
};
/* In the log (integers) and for people outside (RFC 3339). */
void event_to_json(const struct event *e, struct to_json *w);
void event_to_public_json(const struct event *e, struct span cursor, struct to_json *w);
/* Borrows from `doc`, except data, which is written into `scratch`. */
MUST_CHECK enum err_code event_from_json(const struct from_json_value *v, struct buf *scratch, struct event *out, struct err *err);

#endif
