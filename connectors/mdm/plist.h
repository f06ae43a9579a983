/* plist: Apple's property list as XML (PropertyList-1.0.dtd), the little of it that MDM answers need: dict, array, string, integer, real, date, data, true, false.
 * Written by hand, since it reads what a device sent: no entities but XML's five and numbers, no document of its own rules, bounded in all directions. Pure. */
#ifndef CONNECTORS_MDM_PLIST_H
#define CONNECTORS_MDM_PLIST_H
#include "posture/base/arena.h"
#include "posture/base/buf.h"

enum { PLIST_BYTES = 1024 * 1024, PLIST_DEPTH = 12, PLIST_NODES = 20000 };
enum plist_kind { PLIST_DICT, PLIST_ARRAY, PLIST_TEXT /* string, integer, real, date, data: as written */, PLIST_TRUE, PLIST_FALSE };
struct plist {
    enum plist_kind kind;
    struct span key;           /* in a dict */
    struct span text;
    struct plist *first, *next; /* children; siblings */
};
/* ERR_INPUT, ERR_LIMIT or ERR_MEMORY. Lives in `arena`. */
MUST_CHECK enum err_code plist_read(struct span xml, struct arena *arena, const struct plist **out, struct err *err);
/* NULL: `dict` is NULL or none, or has no such member. */
const struct plist *plist_get(const struct plist *dict, const char *key);
struct span plist_text(const struct plist *dict, const char *key);   /* empty: not there, or no text */
/* Text of an element, escaped. */
bool plist_escape(struct span text, struct buf *out);

#endif
