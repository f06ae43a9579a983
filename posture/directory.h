/* directory: every person and device by every identifier, plus the control state, readable without a lock (liburcu).
 * One writer at a time (the feed and its loaders); any number of registered reader threads. A reader wraps its use in directory_enter/leave; pointers it got are
 * valid until it leaves (devices are unpacked for it). liburcu appears only in directory.c. */
#ifndef POSTURE_DIRECTORY_H
#define POSTURE_DIRECTORY_H
#include "posture/decision.h"
#include "posture/device_pack.h"
#include "posture/ports.h"
#include "posture/ring.h"
#include "posture/base/clock.h"

struct api_key {                     /* control record "api_keys" */
    struct span id, label, secret_sha256 /* hex */;
    unsigned scopes;                 /* enum api_scope bits */
    int64_t created_s, expires_s /* 0: never */;
    bool revoked;
    struct span door;                /* id of the policy's door it is for, by scope login (its client's secret) and hooks; else empty */
};
/* SCOPE_LOGIN opens no route: such a key is the secret of a door's client (auth_door_secret). */
enum api_scope { SCOPE_DECIDE = 1, SCOPE_POSTURE = 2, SCOPE_FACTS = 4, SCOPE_EVENTS = 8, SCOPE_HOOKS = 16, SCOPE_ADMIN = 32, SCOPE_LOGIN = 64, SCOPE_ALL = 127 };
enum { SCOPE_COUNT = 7 };
/* The word of one bit of SCOPE_ALL ("decide"), and the bit of a word; 0: none of ours. */
const char *api_scope_name(unsigned bit);
unsigned api_scope_bit(struct span name);
struct enroll_secret {               /* control record "enroll_secrets" */
    struct span id, label, sealed /* the secret, sealed under the root key */, secret_sha256;
    struct span group, person;       /* devices it enrols join the group, or belong to the person; may be empty */
    int64_t created_s, expires_s;
    bool revoked;
};
enum control_record { CONTROL_POLICY, CONTROL_API_KEYS, CONTROL_ENROLL_SECRETS, CONTROL_CLOCK, CONTROL_EXEMPTIONS, CONTROL_HOLIDAYS, CONTROL_RECORDS };
/* Control records decoded; immutable, owned by the directory once put. */
struct control {
    struct arena arena;
    int64_t version[CONTROL_RECORDS]; /* of the records below */
    const struct policy *policy;     /* NULL before the first is published */
    const struct packed_name *names; /* of each of its checks; NULL: memory was short */
    const struct api_key *api_keys; size_t api_key_count;
    const struct enroll_secret *enroll_secrets; size_t enroll_secret_count;
    const struct pause *pauses; size_t pause_count;   /* control record "clock" */
    bool frozen;                     /* breaker or incident holds */
    bool incident;                   /* a person declared it: apps open too (policy `incident`) */
    struct ring ring;                /* how far `policy` has come; its `before` is owned as `policy` is */
    const struct strictness *strictness; /* since when the policy is as strict as it is; NULL: there is none */
    struct exemptions exemptions;    /* control record "exemptions" */
    struct holidays holidays;        /* control record "holidays" */
};

struct directory;
struct directory *directory_new(const struct clock *clock, struct calendar *calendar); /* borrows both */
void directory_free(struct directory *d);

/* Readers. Every thread that reads registers once. */
void directory_register_thread(void);
void directory_unregister_thread(void);
void directory_enter(const struct directory *d);
void directory_leave(const struct directory *d);
/* The same for those who only decide: devices come without their lists where no result of theirs shows, which is nearly always and saves unpacking them. */
void directory_enter_standing(const struct directory *d);
void directory_leave_standing(const struct directory *d);
const struct device *directory_device(const struct directory *d, struct span id);
const struct device *directory_device_by(const struct directory *d, struct span kind, struct span normalized_value);
/* All results of a device that this thread was handed, and valid as long as that is: also where it came without its lists. */
void directory_results(const struct directory *d, const struct device *device, struct packed_results *walk);
const struct person *directory_person(const struct directory *d, struct span id);
/* Id, any e-mail (case folded), alias or Slack id. */
const struct person *directory_person_by(const struct directory *d, struct span name);
/* Devices owned by a person: writes up to `most`, returns how many there are. */
size_t directory_devices_of(const struct directory *d, struct span person, const struct device **out, size_t most);
const struct control *directory_control(const struct directory *d);   /* never NULL */
/* Walks; false from fn stops. For lists and simulate, not for the hot path. A device is valid during the call alone, and so is what fn looked up: who wants it later
 * copies its id. */
void directory_each_device(const struct directory *d, bool (*fn)(void *, const struct device *), void *context);
void directory_each_person(const struct directory *d, bool (*fn)(void *, const struct person *), void *context);
struct directory_counts { size_t devices, persons, unmapped /* persons without a Slack account that we know */; bool complete; };
struct directory_counts directory_counts(const struct directory *d);
size_t directory_device_bytes(const struct directory *d); /* memory of all devices, indexes included */

/* Side state of a device that is not in its record, changed by any thread at once. */
struct device_live {
    _Atomic int64_t seen_s;          /* it spoke to this node, or a seen event said so */
    _Atomic int64_t asked_s;         /* queries were handed out */
    _Atomic int64_t accelerate_until_s; /* a warn, deny or open page: answer its polls with accelerate until then */
};
struct device_live *directory_live(const struct directory *d, struct span id); /* NULL when unknown; valid as device pointers are */

/* Time: how old our knowledge is. The feed calls directory_heard() at each good reply of the store. */
void directory_heard(struct directory *d);
int64_t directory_age_ms(const struct directory *d);
/* Ladder time: now while the store answers, its last good moment while not. */
int64_t directory_ladder_now_s(const struct directory *d);

/* The writer (one at a time). Versions guard: an older state is ignored. `takes` even on failure. */
MUST_CHECK enum err_code directory_put_device(struct directory *d, struct device *takes, struct err *err);
MUST_CHECK enum err_code directory_put_person(struct directory *d, struct person *takes, struct err *err);
MUST_CHECK enum err_code directory_put_control(struct directory *d, struct span record_id, struct span body, int64_t version, struct err *err);
MUST_CHECK enum err_code directory_put_seen(struct directory *d, const struct refresh *refresh, struct err *err); /* times of a refresh */
/* What one who reads records needs besides, from one to the next. Zeroed is empty. */
struct directory_room { struct arena scratch; struct device *device; struct person *person; };
bool directory_room_init(struct directory_room *room); /* false when memory is short */
void directory_room_done(struct directory_room *room);
/* A device or person record, with its newest refresh (NULL: none), made ready for its place: by any thread, so that several may load side by side. A device is in the room until that is used
 * again; a person is made, and putting takes it. */
struct directory_state { struct device *device; struct person *person; };
MUST_CHECK enum err_code directory_state_read(const struct record *record, const struct refresh *refresh, struct directory_room *room, struct directory_state *out, struct err *err);
MUST_CHECK enum err_code directory_state_put(struct directory *d, struct directory_state *takes, struct err *err);
void directory_set_complete(struct directory *d, bool complete);
/* One log entry: decodes its record or seen data and puts it. Unknown event types without a record are ignored. */
MUST_CHECK enum err_code directory_apply(struct directory *d, const struct log_entry *entry, struct err *err);
/* Control records as JSON, for those who commit them (api key and secret commands, policy apply). */
void control_api_keys_to_json(const struct api_key *keys, size_t count, struct to_json *w);
void control_enroll_secrets_to_json(const struct enroll_secret *secrets, size_t count, struct to_json *w);
/* And read; an empty body is an empty list. Texts are copied into the arena. ERR_LIMIT when there are more than `most`. */
MUST_CHECK enum err_code control_api_keys_from_json(struct span body, struct arena *a, struct api_key *out, size_t most, size_t *count, struct err *err);
MUST_CHECK enum err_code control_enroll_secrets_from_json(struct span body, struct arena *a, struct enroll_secret *out, size_t most, size_t *count, struct err *err);

/* Fills everything of a decision_input that the directory knows (policy, calendar, pauses, times, devices of the person) for `person`.
 * `devices` is room for the person's devices; `most` 0: they are not asked for. Call between enter and leave. */
void directory_decision_input(const struct directory *d, const struct person *person, int64_t now_s, const struct device **devices, size_t most, struct decision_input *in);

#endif
