/* device_pack: a device as the directory keeps it (record_pack.h). Immutable once made but for seen_s. Made by the directory's one writer; read by any thread. Pure. */
#ifndef POSTURE_DEVICE_PACK_H
#define POSTURE_DEVICE_PACK_H
#include "posture/device.h"
#include "posture/text_pool.h"

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
/* How much of a device that has no result that shows; of others all. What decision_make() asks: no list. The results besides. All. */
enum device_part { DEVICE_STANDING, DEVICE_RESULTS, DEVICE_WHOLE };
/* In the arena; texts borrow from the packed form and the pool, and end in NUL. NULL when memory is short. */
const struct device *device_unpack(const struct packed_device *p, const struct text_pool *pool, enum device_part part, struct arena *a);
bool packed_device_is(const struct packed_device *p, const struct text_pool *pool, struct span id);
bool packed_device_is_owned_by(const struct packed_device *p, const struct text_pool *pool, struct span person);
bool packed_device_has(const struct packed_device *p, const struct text_pool *pool, struct span kind, struct span value); /* an identifier */
#endif
