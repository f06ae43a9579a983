/* effects_mdm: one device manager as a reader of effects. Whoever holds the lease on the control partition reads the manager's list, page by page, and the
 * single devices that webhooks name; whoever holds a device's partition carries the fallback out for it. Both go through the outbox:
 *   "sync"        control partition: the place in the list, and when the next page is due; never leaves
 *   "get:<id>"    control partition: one device is to be read again
 *   "d_..."       device partition: the fallback of that device is to be looked at; the state itself is in the device's record
 * Internal to effects_mdm*.c. Belongs to the reader's thread. */
#ifndef GATEWAY_EFFECTS_MDM_H
#define GATEWAY_EFFECTS_MDM_H
#include "gateway/effects_reader.h"
#include "gateway/managers.h"

enum { EFFECTS_MDM_MISSING_MOST = 1000 };

/* One walk over the manager's list. In memory alone: when the lease moves in its midst, facts go on where it stood, and what is missing is judged by the next. */
struct mdm_sweep {
    struct arena arena;
    int64_t begun_s;                     /* 0: none that began here */
    size_t pages, devices, matched;
    struct manager_stranger *strangers; size_t stranger_count, stranger_total;
    struct { char id[SECRET_ID_BYTES + 1]; } *seen; size_t seen_count, seen_room; /* our devices */
};
struct mdm_reader {
    const struct node *node;
    const struct managers *managers;
    const struct manager *manager;
    struct mdm *mdm;                     /* made on the reader's thread */
    struct mdm_sweep sweep;
    bool sync_stored;                    /* the item "sync" is known to be there */
    char policy[65];                     /* the version under which the last full sweep began */
    bool facts_again;                    /* it was another one before, which may have read other facts */
    char *scanned;                       /* of each partition: the policy's version when its devices were last gone through, 65 bytes each */
    unsigned scanned_count;
};

/* effects_mdm_sync.c */
struct item_result effects_mdm_sync(struct mdm_reader *m, struct reader *r, unsigned partition, struct effects_item *item);
struct item_result effects_mdm_get(struct mdm_reader *m, struct reader *r, struct effects_item *item);
void effects_mdm_sweep_done(struct mdm_sweep *sweep);
/* effects_mdm_act.c */
struct item_result effects_mdm_fallback(struct mdm_reader *m, struct reader *r, unsigned partition, struct effects_item *item);
/* Is this device this reader's to look at? Between directory_enter() and directory_leave(). */
bool effects_mdm_concerns(const struct mdm_reader *m, const struct device *device);
/* How a call ended, for the outbox: when to try again, and whether the manager as a whole is ill. */
struct item_result effects_mdm_later(struct reader *r, struct effects_item *item, const struct mdm_result *result);

#endif
