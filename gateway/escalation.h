/* escalation: the ladder's runner. Looks at the state of a device or person and brings the records in line with it: the rung that was reached,
 * what was healed, the message that is to be started, the time to look again. State decides, never an edge: looking twice changes nothing.
 * Every function blocks, reads the directory (registered thread) and writes through change.h. */
#ifndef GATEWAY_ESCALATION_H
#define GATEWAY_ESCALATION_H
#include "gateway/node.h"

struct reader_ops;
enum { ESCALATION_DEVICES_MOST = 256 /* of one person */, ESCALATION_ITEMS_MOST = 128 /* of one notice */ };

/* Computes the device's rung from the directory and commits rung.changed when the record says otherwise; sets the time to look again.
 * `cause`: the event that led here, or empty. An unknown, removed or unowned device has no rung. */
MUST_CHECK enum err_code escalation_look_device(const struct node *node, struct store *store, struct span device, struct span cause, struct err *err);
/* Forgets what the person was told about checks that pass now (person.healed), and reserves a notice when one is to be sent (notice.reserved),
 * or sets the time to look again. */
MUST_CHECK enum err_code escalation_look_person(const struct node *node, struct store *store, struct span person, struct span cause, struct err *err);

/* What fails on the device and where it stands, from the directory, and the question that was asked of the ladder; 0 and NULL where no ladder applies
 * (unowned, removed, no policy). Between directory_enter() and directory_leave(); lives in `arena`. */
size_t escalation_standings(const struct node *node, const struct device *device, const struct person *owner, struct arena *arena, struct ladder_input *in, struct standing **standings);

/* Devices of a platform, and those of them that had a check begin to fail within the window; without devices that enrolled in it. */
struct breaker_count { uint64_t devices, flipped; };
void escalation_count(const struct directory *d, int64_t now_s, int64_t within_s, struct breaker_count counts[PLATFORM_COUNT]);
/* Whether the policy's breaker trips at these counts: at least `at_least` devices of one platform, and at least `share` of it. */
bool escalation_trips(const struct policy *policy, const struct breaker_count counts[PLATFORM_COUNT], enum platform *which);
/* Counts, and freezes consequences (control record "clock", event breaker.tripped, once a window) when it trips; a ring that is under way is halted too. */
MUST_CHECK enum err_code escalation_check_breaker(const struct node *node, struct store *store, struct err *err);

/* People in the ring of a policy that is not everybody's yet: who a rung of it has shut out of something that the ladders before would leave open, and who
 * said that something looks wrong, since from_s. */
struct ring_count { unsigned persons, blocked, disputes; };
void escalation_count_ring(const struct node *node, int64_t from_s, struct ring_count *out);
/* Counts, and takes the policy back from the ring when its `halt` says so (event ring.halted). */
MUST_CHECK enum err_code escalation_check_ring(const struct node *node, struct store *store, struct err *err);

/* What is to be told to a person, worst first, from the directory. Between directory_enter() and directory_leave(); lives in `arena`. */
struct escalation_item { const struct device *device; const struct check *check; const struct result *result; int64_t deadline_s; unsigned closes /* then */, closed /* now */; int rung; bool came_back; };
size_t escalation_items(const struct node *node, const struct person *person, struct arena *arena, struct escalation_item **items);

/* As a reader of effects. */
MUST_CHECK enum err_code escalation_new(const struct node *node, const struct reader_ops **ops, void **self, struct err *err);
/* A result changed somewhere in the log: the breaker looks again. Any thread. */
void escalation_note_change(void *self);
#endif
