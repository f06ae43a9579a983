/* holidays: the list of public holidays, from a file or a request into the control record "holidays", so that every node counts the same days.
 *
 * The file is CSV (RFC 4180) with a header line: region, date and, if you like, title, in any order. A region is DE, DE-BY or * (everybody), a date
 * 2026-12-25. The same day of a region twice is a mistake. The file that the configuration names is published only into a store that has no list yet,
 * as the policy is; after that `postern holiday import` replaces the whole list. */
#ifndef GATEWAY_HOLIDAYS_H
#define GATEWAY_HOLIDAYS_H
#include "gateway/node.h"
#include "posture/base/from_json.h"
#include "posture/holiday.h"
#include "posture/ports.h"

enum { HOLIDAYS_FILE_BYTES = 512 * 1024 };
/* One of an array of {"region", "date", "title"}, strict; "line N: ..." or the item's path. Sorted; texts live in the arena. */
MUST_CHECK enum err_code holidays_read_json(const struct from_json_value *list, struct arena *a, struct holidays *out, struct err *err);
MUST_CHECK enum err_code holidays_read_csv(struct span text, struct arena *a, struct holidays *out, struct err *err);
/* Replaces the list, but for days that have begun somewhere: these stay (holidays_replace()). Event holidays.changed; OK and nothing committed when it is the same. With `only_if_empty` a store that has one keeps it, *kept true. Blocks. */
struct holidays_order { struct holidays list; struct span by; bool only_if_empty; };
MUST_CHECK enum err_code holidays_publish(const struct node *node, struct store *store, const struct holidays_order *order, bool *kept, struct err *err);
/* The configured file at the start of a node: published into an empty store; one that differs is a warning in the log. */
MUST_CHECK enum err_code holidays_publish_file(const struct node *node, struct store *store, const char *path, struct err *err);
#endif
