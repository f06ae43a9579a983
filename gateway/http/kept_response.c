#include "gateway/http/kept_response.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_BYTES = 8 * 1024, COPIED_BYTES = 1024 /* a longer body is sent from where it stands */ };

/* What two answers have to have in common: of each header the name's address, and the address of a fixed value or the length of another. Nothing lies at an address as
 * small as a length. Of a body the length, and where it stands when it is not copied: exchanges are used again last first, so that is mostly where the one before stood. */
struct shape { uintptr_t sum /* of all the rest, to tell most apart */; size_t count, body_bytes; uintptr_t body_at; struct { uintptr_t name, value; } headers[KEPT_HEADERS]; };
struct kept_response {
    struct MHD_Response *mhd;
    bool in_use;
    struct shape shape;
    char *body; /* its own; NULL: the body is borrowed */
    struct { const char *name; size_t bytes; char *value; /* libmicrohttpd's copy */ } headers[KEPT_HEADERS];
};

struct MHD_Response *kept_response_mhd(const struct kept_response *kept) { return kept->mhd; }

void kept_response_return(struct kept_response *kept)
{
    if (kept != NULL)
        kept->in_use = false;
}

/* ---- made by libmicrohttpd ---- */

static struct MHD_Response *from_bytes(struct span body, bool copied)
{
    void *at = (void *)(uintptr_t)body.at;
#if MHD_VERSION >= 0x01000000
    return copied ? MHD_create_response_from_buffer_copy(body.bytes, at) : MHD_create_response_from_buffer_static(body.bytes, at);
#else
    return MHD_create_response_from_buffer(body.bytes, at, copied ? MHD_RESPMEM_MUST_COPY : MHD_RESPMEM_PERSISTENT);
#endif
}

void response_add_headers(struct MHD_Response *to, const struct reply_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[VALUE_BYTES]; /* it wants a NUL behind the value */
        struct span value = headers[i].value;
        if (value.bytes >= sizeof text)
            continue;
        memcpy(text, value.at != NULL ? value.at : "", value.bytes);
        text[value.bytes] = '\0';
        (void)MHD_add_response_header(to, headers[i].name, text);
    }
}

struct MHD_Response *response_make(const struct reply_header *headers, size_t count, struct span body, bool copied)
{
    struct MHD_Response *made = from_bytes(body, copied);
    if (made != NULL)
        response_add_headers(made, headers, count);
    return made;
}

/* ---- keeping ---- */

static void kept_free(struct kept_response *kept)
{
    if (kept == NULL)
        return;
    if (kept->mhd != NULL)
        MHD_destroy_response(kept->mhd);
    free(kept->body);
    free(kept);
}

void kept_responses_done(struct kept_responses *k)
{
    for (size_t set = 0; set < KEPT_SETS; set++)
        for (size_t way = 0; way < KEPT_WAYS; way++)
            kept_free(k->all[set][way]);
    memset(k->all, 0, sizeof k->all);
}

static enum MHD_Result find_value(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct kept_response *kept = context;
    (void)kind;
    for (size_t i = 0; i < kept->shape.count; i++) {
        if (kept->headers[i].value != NULL || strcmp(name, kept->headers[i].name) != 0 || strlen(value) != kept->headers[i].bytes)
            continue;
        kept->headers[i].value = (char *)(uintptr_t)value;
        break;
    }
    return MHD_YES;
}

static bool has_all_values(const struct kept_response *kept)
{
    for (size_t i = 0; i < kept->shape.count; i++)
        if (kept->headers[i].value == NULL)
            return false;
    return true;
}

static struct kept_response *kept_new(const struct reply_header *headers, const struct shape *shape, struct span body)
{
    struct kept_response *kept = calloc(1, sizeof *kept);
    size_t count = shape->count;
    if (kept == NULL)
        return NULL;
    kept->shape = *shape;
    for (size_t i = 0; i < count; i++) {
        kept->headers[i].name = headers[i].name;
        kept->headers[i].bytes = headers[i].value.bytes;
    }
    if (shape->body_at == 0) {
        kept->body = malloc(body.bytes + 1);
        body.at = kept->body;
    }
    kept->mhd = body.at != NULL ? response_make(headers, count, body, false) : NULL;
    if (kept->mhd != NULL)
        (void)MHD_get_response_headers(kept->mhd, find_value, kept);
    if (kept->mhd != NULL && has_all_values(kept))
        return kept;
    kept_free(kept);
    return NULL;
}

static void fill(struct kept_response *kept, const struct reply_header *headers, struct span body)
{
    for (size_t i = 0; i < kept->shape.count; i++)
        if (headers[i].value.bytes > 0 && !headers[i].fixed)
            memcpy(kept->headers[i].value, headers[i].value.at, headers[i].value.bytes);
    if (kept->body != NULL && body.bytes > 0)
        memcpy(kept->body, body.at, body.bytes);
    kept->in_use = true;
}

/* Names are static texts: the same name at another address costs a response, nothing else. */
static void take_shape(const struct reply_header *headers, size_t count, struct span body, struct shape *out)
{
    uintptr_t body_at = body.bytes > COPIED_BYTES ? (uintptr_t)body.at : 0, sum = (body.bytes ^ body_at) * 31 + count;
    for (size_t i = 0; i < count; i++) {
        uintptr_t value = headers[i].fixed ? (uintptr_t)headers[i].value.at : headers[i].value.bytes;
        out->headers[i].name = (uintptr_t)headers[i].name;
        out->headers[i].value = value;
        sum = sum * 31 + value;
    }
    out->count = count;
    out->body_bytes = body.bytes;
    out->body_at = body_at;
    out->sum = sum;
}

static bool has_shape(const struct kept_response *kept, const struct shape *shape)
{
    return kept->shape.sum == shape->sum && memcmp(&kept->shape, shape, offsetof(struct shape, headers) + shape->count * sizeof shape->headers[0]) == 0;
}

/* What was looked into: its copies of texts are read when the answer is sent, and nowhere else. */
static bool is_known_library(void)
{
    struct span version = span_of(MHD_get_version());
    return span_starts(version, SPAN_LITERAL("0.9.")) || span_starts(version, SPAN_LITERAL("1.0."));
}

void kept_responses_init(struct kept_responses *k) { *k = (struct kept_responses){ .off = !is_known_library() }; }

/* A free one of this shape, or a place to put one; the places take turns. */
static struct kept_response **place_for(struct kept_responses *k, const struct shape *shape)
{
    struct kept_response **set = k->all[(shape->sum ^ shape->sum >> 7) % KEPT_SETS], **place = NULL;
    for (size_t way = 0; way < KEPT_WAYS; way++)
        if (set[way] != NULL && !set[way]->in_use && has_shape(set[way], shape))
            return &set[way];
    for (size_t i = 0; i < KEPT_WAYS && place == NULL; i++) {
        struct kept_response **next = &set[k->next++ % KEPT_WAYS];
        place = *next == NULL || !(*next)->in_use ? next : NULL;
    }
    return place;
}

struct kept_response *kept_response_take(struct kept_responses *k, const struct reply_header *headers, size_t count, struct span body)
{
    struct shape shape;
    if (count > KEPT_HEADERS || body.bytes > KEPT_BODY_BYTES || k->off)
        return NULL;
    take_shape(headers, count, body, &shape);
    struct kept_response **place = place_for(k, &shape);
    if (place == NULL)
        return NULL;
    if (*place == NULL || !has_shape(*place, &shape)) {
        kept_free(*place);
        *place = kept_new(headers, &shape, body);
    }
    if (*place != NULL)
        fill(*place, headers, body);
    return *place;
}
