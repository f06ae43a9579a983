/* managers: the device managers of the configuration (connectors/mdm/mdm.h), and what becomes of what they say: a link in the device's record, facts
 * that checks may read, and a list of what they know and we do not. Immutable after the start. docs/mdm/README.md. */
#ifndef GATEWAY_MANAGERS_H
#define GATEWAY_MANAGERS_H
#include "config/option.h"
#include "connectors/mdm/mdm.h"
#include "gateway/node.h"

enum { MANAGERS_MOST = 4 /* as many as a device has links */, MANAGERS_UNMATCHED_MOST = 1000, MANAGERS_BODY_BYTES = 512 * 1024 };

/* One row of `mdm` in the configuration. */
struct manager_config { struct span id, kind, url, token_url, client, secret, hook_secret, old_hook_secret, strict, strict_profile, invitation, ca_file; int64_t every_s; bool allow_private; };
enum { MANAGER_OPTIONS = 14 };
extern const struct option manager_item_rows[MANAGER_OPTIONS];

struct manager { struct mdm_options options; const struct mdm_ops *ops; int64_t every_s; };
struct managers { struct manager all[MANAGERS_MOST]; size_t count; };
/* Borrows the texts of `configured`. ERR_INPUT says which one cannot be used and why. */
MUST_CHECK enum err_code managers_read(const struct manager_config *configured, size_t count, const struct clock *clock, struct managers *out, struct err *err);
const struct manager *managers_find(const struct managers *all, struct span id); /* NULL; `all` may be NULL */
/* Who carries the fallback out for this device: whoever manages it, if it has a strict place; else, when nobody manages it, the first that can and invites.
 * NULL: nobody can. */
const struct manager *managers_for(const struct managers *all, const struct device *device, bool *invited);

/* ---- what a manager said (any thread that blocks and is registered) ---- */
struct manager_word {
    const struct manager *manager;
    const struct mdm_device *device;
    bool partial;              /* only what is said replaces what was known */
    bool again;                /* also when it is no news: the policy may read other facts now */
};
enum manager_match { MANAGER_MATCHED, MANAGER_UNKNOWN, MANAGER_CONFLICT /* serial and UUID lead to two devices, or to one that another of its devices has */ };
struct manager_heard { enum manager_match match; char device[SECRET_ID_BYTES + 1]; bool changed; };
/* Finds our device by the manager's id, else by serial, else by UUID, of the same platform; brings its link and facts in line. Never makes a device.
 * Event device.mdm, and those of results that change. */
MUST_CHECK enum err_code managers_hear(const struct node *node, struct store *store, const struct manager_word *word, struct manager_heard *out, struct err *err);
/* The manager does not have it any more: the link says so, and the fact mdm.managed is false. `device`: d_... */
MUST_CHECK enum err_code managers_lost(const struct node *node, struct store *store, const struct manager *manager, struct span device, struct err *err);

/* ---- what it knows and we do not: control record "mdm.<id>" ---- */
struct manager_stranger { struct span id, serial, name; enum platform platform; int64_t contact_s; bool conflict; };
struct manager_status {
    int64_t swept_s, full_s;   /* the last sweep that came to its end, and the last that looked at everything; 0: none yet */
    int64_t devices, matched;  /* of the last full one */
    int64_t held_s;            /* that many devices were missing at once that none is believed to be gone; 0: no */
    const struct manager_stranger *strangers; size_t stranger_count, stranger_total;
};
/* Read from the store; a record that is missing is zeroed and OK. Texts live in `arena`. */
MUST_CHECK enum err_code manager_status_load(struct store *store, const struct manager *manager, struct arena *arena, struct manager_status *out, struct err *err);
/* Event mdm.synced. */
MUST_CHECK enum err_code manager_status_save(const struct node *node, struct store *store, const struct manager *manager, const struct manager_status *status, struct err *err);
/* For managers without an inventory: one more (or again) that has no device here. Bounded; nothing is written when it is there already. */
MUST_CHECK enum err_code manager_status_stranger(const struct node *node, struct store *store, const struct manager *manager, const struct mdm_device *device, bool conflict, struct err *err);
/* It has one now. */
MUST_CHECK enum err_code manager_status_known(const struct node *node, struct store *store, const struct manager *manager, struct span id, struct err *err);

#endif
