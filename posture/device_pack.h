/* device_pack: a device as the directory keeps it (record_pack.h). Immutable once made but for seen_s. Made by the directory's one writer; read by any thread. Pure. */
#ifndef POSTURE_DEVICE_PACK_H
#define POSTURE_DEVICE_PACK_H
#include "posture/device.h"
#include "posture/record_pack.h"

#include <stdatomic.h>

struct packed_device {
    _Atomic int64_t seen_s;   /* it alone is moved on in place, by the writer */
    int64_t version;
    uint32_t lists_at;        /* where the lists begin in `data` */
    uint8_t platform;
    bool removed;
    bool visible;             /* some result fails and shows: a decision has to look at them */
    bool failing;             /* some result fails */
    unsigned char data[];     /* id, owner, the other fields, lists */
};
/* Owned, one block of memory for free(); NULL when memory is short. Facts are packed when they are there. */
struct packed_device *device_pack(const struct device *d, struct text_pool *pool);
/* How much of a device that has no result that shows; of others all. What decision_make() asks: no list. All. */
enum device_part { DEVICE_STANDING, DEVICE_WHOLE };
/* In the arena; texts borrow from the packed form and the pool, and end in NUL. NULL when memory is short. */
const struct device *device_unpack(const struct packed_device *p, const struct text_pool *pool, enum device_part part, struct arena *a);

/* Its results, one after the other in the order of their checks, without a list of them. */
struct packed_results {
    struct result result; /* the one that the walk has come to; overwritten by the next */
    bool alike;           /* in all but check and check_version it is as the one before */
    bool begun;
    size_t left;
    struct record_unpacker unpacker; /* memory_short: some text is not there */
};
void packed_results_start(const struct packed_device *p, const struct text_pool *pool, struct arena *a, struct packed_results *walk);
bool packed_results_next(struct packed_results *walk); /* false: that was all */
/* How a result lies packed that is as the one before but for its names: nearly all lie so, and being of one check and version, all in the same bytes. */
struct packed_name { uint64_t bytes, mask; size_t length; /* 0: more than that */ };
struct packed_name packed_name_of(struct span check, struct span check_version, struct text_pool *pool); /* the directory's writer */
/* Is the next one that? Then the walk has passed over it, and `result` is what it was but for its names. */
static inline bool packed_results_pass(struct packed_results *walk, const struct packed_name *name)
{
    uint64_t next;
    if (walk->left == 0 || !walk->begun || name->length == 0)
        return false;
    memcpy(&next, walk->unpacker.at, sizeof next); /* so much is there: the result has a byte, and so has each of the seven lists behind (put_lists) */
    if (((next ^ name->bytes) & name->mask) != 0)
        return false;
    walk->left--;
    walk->unpacker.at += name->length;
    return true;
}

bool packed_device_is(const struct packed_device *p, const struct text_pool *pool, struct span id);
bool packed_device_is_owned_by(const struct packed_device *p, const struct text_pool *pool, struct span person);
bool packed_device_has(const struct packed_device *p, const struct text_pool *pool, struct span kind, struct span value); /* an identifier */
#endif
