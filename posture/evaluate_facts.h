/* evaluate_facts: the facts of one device while they are edited, and as a rule sees them. Private to posture/evaluate*.c. */
#ifndef POSTURE_EVALUATE_FACTS_H
#define POSTURE_EVALUATE_FACTS_H
#include "posture/policy.h"

struct fact_edit {
    struct device *device;
    struct fact *all; /* ascending by name; texts in the device's arena */
    size_t count, room;
    bool changed;     /* something other than a time of rows differs */
};
/* Room for `more` new facts, as far as DEVICE_MAX_FACTS allows. False when memory is short. */
bool fact_edit_begin(struct fact_edit *edit, struct device *device, size_t more);
const struct fact *fact_edit_find(const struct fact_edit *edit, struct span name);
/* ERR_LIMIT past the room, ERR_MEMORY. Texts are copied only when they differ. */
MUST_CHECK enum err_code fact_edit_put(struct fact_edit *edit, const struct fact *fact, struct err *err);
void fact_edit_remove(struct fact_edit *edit, struct span name);
/* Keeps those for which `wanted` says so. */
void fact_edit_filter(struct fact_edit *edit, bool (*wanted)(void *, const struct fact *), void *context);
void fact_edit_end(struct fact_edit *edit);

/* The pushed facts that one check reads, parsed when first asked for. */
struct fact_view {
    const struct fact_edit *facts;
    int64_t now_s, fresh_for_s;
    struct { struct span name; struct from_json *value; } read[CHECK_MAX_NAMES];
    size_t count;
    int64_t newest_s; /* of those found; 0: none was there */
    int64_t end_s;    /* the first second in which one of those found is good no more; 0: none was there */
};
void fact_view_init(struct fact_view *view, const struct fact_edit *facts, int64_t now_s, int64_t fresh_for_s);
void fact_view_done(struct fact_view *view);
/* For struct expression_input; context is the view. */
bool fact_view_get(void *view, struct span name, struct from_json_value *out);
/* Is there one of these names that has not expired? */
bool fact_view_has_any(const struct fact_view *view, const struct check_platform *on);

#endif
