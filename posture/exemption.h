/* exemption: one check means nothing for a person, a device or a group, for a time, because somebody decided so (control record "exemptions").
 * Nobody decides their own, and none is without an end. Pure. */
#ifndef POSTURE_EXEMPTION_H
#define POSTURE_EXEMPTION_H
#include "posture/device.h"

enum { EXEMPTION_REMIND_S = 7 * 86400 /* before its end, both sides are told */, EXEMPTIONS_MOST = 1000, EXEMPTION_TEXT_BYTES = 300, EXEMPTION_BODY_BYTES = 1024 * 1024 };

enum exemption_scope { EXEMPT_PERSON, EXEMPT_DEVICE, EXEMPT_GROUP, EXEMPT_SCOPES };
const char *exemption_scope_name(enum exemption_scope s);      /* "person", "device", "group" */
bool exemption_scope_from(struct span name, enum exemption_scope *s);
enum exemption_state { EXEMPTION_ASKED, EXEMPTION_APPROVED, EXEMPTION_REFUSED, EXEMPTION_ENDED /* by somebody, or by its date */, EXEMPTION_STATES };
const char *exemption_state_name(enum exemption_state s);      /* "asked", "approved", "refused", "ended" */

struct exemption {
    struct span id;                   /* e_...: the event that asked for it */
    enum exemption_state state;
    enum exemption_scope scope;
    struct span subject;              /* p_..., d_... or the name of a group */
    struct span check;
    struct span reason, measure;      /* why; what makes up for it, may be empty */
    struct span requester, approver;  /* "person:p_..." or "admin:..."; approver: who decided, empty while asked */
    struct span answer;               /* the approver's words; may be empty */
    int64_t asked_s, decided_s;
    int64_t start_s, end_s;           /* asked for; it holds in [start_s, end_s) once approved */
    int64_t ended_s;                  /* before its date; 0: not */
    int64_t reminded_s;               /* its end was announced (exemption.reminder); 0: not yet */
    struct span conversation, message; /* where those who decide were asked in Slack: a channel's id and ts; may be empty */
};
/* All that are kept. Ascending by check, then id. */
struct exemptions { const struct exemption *all; size_t count; };

/* Does it hold at that time? */
bool exemption_holds(const struct exemption *e, int64_t at_s);
/* Is it about this check on this device of this person, in any state? */
bool exemption_concerns(const struct exemption *e, const struct person *person, const struct device *device, struct span check);
/* One that holds now for it; NULL. */
const struct exemption *exemption_for(struct exemptions all, const struct person *person, const struct device *device, struct span check, int64_t now_s);
/* Those of a check: how many follow *first. */
size_t exemptions_of_check(struct exemptions all, struct span check, const struct exemption **first);
const struct exemption *exemption_by_id(struct exemptions all, struct span id);

/* The control record. Reading is lenient to unknown members and strict in types; texts are copied into the arena; an empty body is an empty list. */
void exemptions_to_json(struct exemptions all, struct to_json *w);
/* With texts of its own; ERR_MEMORY in *code. */
struct exemptions exemptions_copy(struct exemptions all, struct arena *a, enum err_code *code);
MUST_CHECK enum err_code exemptions_from_json(struct span body, struct arena *a, struct exemptions *out, struct err *err);
#endif
