/* device_browsers: the browsers of a device that were made known by a cookie: added to its list of credentials, taken off it. Blocks on the store: slow lane. */
#ifndef GATEWAY_DOORS_DEVICE_BROWSERS_H
#define GATEWAY_DOORS_DEVICE_BROWSERS_H
#include "gateway/node.h"
#include "posture/ports.h"

enum { DEVICE_BROWSERS_MOST = 8 /* of one device: the one unused for longest makes room */ };

struct device_browser {
    struct span device, person;  /* the device must be that person's (both empty: nobody's) */
    struct span id;              /* c_..., new */
    struct span label, peer;     /* for people: which browser; the address it came from */
    struct span cause;
    int64_t now_s;
};
/* Event device.credential_added. ERR_CONFLICT: the device is removed, in conflict with another, or no longer that person's. */
MUST_CHECK enum err_code device_browsers_add(const struct node *node, struct store *store, const struct device_browser *what, struct err *err);

/* Takes one credential of any kind off the list, or with an empty id all browsers (kind cookie). Event device.credential_removed for each.
 * ERR_NOT_FOUND: none such is there. */
struct device_forgetting { struct span device, id, cause; };
MUST_CHECK enum err_code device_browsers_forget(const struct node *node, struct store *store, const struct device_forgetting *what, struct err *err);

#endif
