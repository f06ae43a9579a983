/* managed: what device managers say of one device, and how far the MDM fallback has come with it. Parts of the device record (device.h). */
#ifndef POSTURE_MANAGED_H
#define POSTURE_MANAGED_H
#include "posture/base/span.h"

enum mdm_truth { MDM_NOT_SAID, MDM_NO, MDM_YES };
const char *mdm_truth_name(unsigned t);   /* "unknown", "no", "yes" */

/* One manager's word about the device. Texts are the vendor's, bounded by its connector; empty: not said. */
struct managed_link {
    struct span manager;      /* id of the manager in the configuration */
    struct span id;           /* the vendor's id of the device */
    unsigned managed, encrypted, firewall, supervised, personal; /* enum mdm_truth */
    struct span owner;        /* e-mail */
    struct span os_version, compliance;
    struct span group;        /* id of the team, blueprint or group it is in there */
    int64_t contact_s;        /* it last spoke to the manager */
    int64_t facts_s;          /* when the device observed what is said here */
    int64_t read_s;           /* when this was written down here */
    int64_t gone_s;           /* since when the manager does not have it any more; 0: it does */
};

/* The last rung: announced, asked for, done, confirmed by reading back, and taken back after a time of good behaviour. */
enum fallback_state {
    FALLBACK_NONE,
    FALLBACK_ANNOUNCED,       /* the person will be told, or was */
    FALLBACK_ASKED,           /* decided and written down; the call to the manager may have happened */
    FALLBACK_ACTED,           /* the manager took it; not seen to be so yet */
    FALLBACK_CONFIRMED,       /* read back */
    FALLBACK_UNDOING,         /* the way back was decided; the call may have happened */
    FALLBACK_STATES
};
const char *fallback_state_name(unsigned state); /* "none", "announced", "asked", "acted", "confirmed", "undoing" */
struct fallback {
    unsigned state;           /* enum fallback_state */
    bool invited;             /* the person is invited to enrol the device; else a managed device goes into the stricter group */
    struct span manager;      /* who acts */
    struct span id;           /* the vendor's id of the device; empty: it had none */
    struct span former;       /* the group that it came from, to go back to; empty: none */
    struct span key;          /* e_...: the same for every try of what is asked now */
    struct span why;          /* what is in the way now, for admins: open work; empty: nothing */
    int64_t announced_s, told_s /* the first delivered message since */, asked_s, acted_s, confirmed_s;
    int64_t clean_s;          /* since when nothing fails; 0: something does */
};

#endif
