/* valves_parts: what the valves share. Private to gateway/valves*.c. */
#ifndef GATEWAY_VALVES_PARTS_H
#define GATEWAY_VALVES_PARTS_H
#include "gateway/change.h"
#include "gateway/valves.h"

/* Trimmed, and cut at a whole character. */
struct span valve_text(struct span text, size_t most_bytes);
/* The last event of the commit names what was made. */
void valve_keep_id(struct valve_result *out, struct span id);
/* An event whose data is a JSON object that `write` fills. False when memory is short. */
struct valve_event { const char *type; struct span person, device, by; void (*write)(const void *context, struct to_json *w); const void *context; };
bool valve_add_event(const struct node *node, struct change_events *events, const struct valve_event *event);
/* The end of the second working day after today, as this person works: when a dispute that nobody has answered freezes no longer. */
int64_t valve_dispute_end_s(const struct calendar_hours *hours, int64_t now_s);
#endif
