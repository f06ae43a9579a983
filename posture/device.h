/* device: identifiers, owner, results and on-time of one device (the device record).
 * Immutable once published; change a device_copy(). Owns one arena. Times are wall seconds since 1970 UTC. Pure. */
#ifndef POSTURE_DEVICE_H
#define POSTURE_DEVICE_H
#include "posture/managed.h"
#include "posture/person.h"

enum platform { PLATFORM_UNKNOWN, PLATFORM_MACOS, PLATFORM_WINDOWS, PLATFORM_LINUX, PLATFORM_COUNT };
const char *platform_name(enum platform p);               /* "macos", "windows", "linux", "unknown" */
enum platform platform_from(struct span name);            /* also "darwin"; else PLATFORM_UNKNOWN */

enum verdict { VERDICT_UNKNOWN, VERDICT_PASS, VERDICT_FAIL, VERDICT_NOT_APPLICABLE, VERDICT_IN_PROGRESS };
const char *verdict_name(enum verdict v);                 /* "unknown", "pass", "fail", "not_applicable", "in_progress" */
bool verdict_from(struct span name, enum verdict *v);

enum { DEVICE_MAX_IDENTIFIERS = 32, DEVICE_MAX_CREDENTIALS = 16, DEVICE_MAX_RESULTS = 512, DEVICE_MAX_FACTS = 1024, DEVICE_MAX_ON = 256, DEVICE_MAX_DOUBTS = 256, DEVICE_MAX_LINKS = 4 /* managers that know it */,
       FACT_VALUE_BYTES = 4096, EVIDENCE_BYTES = 300, ON_SLOT_S = 900, DEVICE_BODY_BYTES = 1024 * 1024 };

/* Kinds: "serial", "uuid" (hardware), "instance" (osquery), "certificate" (SHA-256 hex of DER), "certificate_serial" (number of a client certificate, hex),
 * "webauthn" (SHA-256 hex of a credential's id), "mdm:<manager>" (its own id of the device), "name" is NOT an identifier. Values are trimmed and case-folded where the kind is (serial upper, uuid and hashes lower). */
struct identifier { struct span kind, value, source; int64_t since_s; };

enum credential_kind { CREDENTIAL_COOKIE, CREDENTIAL_WEBAUTHN, CREDENTIAL_KINDS };
const char *credential_kind_name(enum credential_kind k); /* "cookie", "webauthn" */
/* What one browser on the device proves the device with (gateway/doors/device_proof.h). Taken off the list, it proves nothing any more. */
struct credential {
    enum credential_kind kind;
    struct span id;           /* cookie: c_...; webauthn: the credential id, base64url */
    struct span person;       /* p_...: the owner when it was made; with another owner it proves nothing */
    struct span key;          /* webauthn: the public key as COSE (RFC 9052), base64url; empty for a cookie */
    struct span label;        /* for people: browser or authenticator; may be empty */
    struct span source;       /* the address it was made from, or last used from */
    int64_t created_s, used_s; /* used_s is written down once a day at most; 0: never */
    unsigned counter;         /* webauthn: the last signature counter, 0: it does not count */
    bool backup_eligible, backed_up; /* webauthn flags BE and BS */
};

/* One check's result on this device. */
struct result {
    struct span check;
    enum verdict verdict;
    int64_t evaluated_s;      /* newest observation that gave this verdict */
    int64_t changed_s;        /* since when this verdict holds */
    int64_t first_failed_s;   /* 0 unless failing: since when */
    int64_t last_passed_s;    /* 0: never */
    int64_t visible_s;        /* 0: failing, but not visible yet (policy visible_after), or not failing */
    int64_t valid_until_s;    /* from this second on it counts as unknown, because a pushed fact that it rests on has ended; 0: none ends */
    unsigned fail_reads;      /* reads that failed in a row, saturating at 255 */
    struct span check_version;/* which form of the check was answered (struct check.version) */
    struct span policy;       /* version of the policy that judged, first 12 hex digits */
    struct span saw;          /* evidence in words for the person, from the check's template; may be empty */
    struct span why;          /* for unknown: what went wrong, for admins */
    /* Of a check with a second source (policy: second_source): what its own rows say and since when, and what the other source says where it
     * disagrees (unknown: it does not). What `verdict` is then, policy.mdm.disagreement decides. */
    enum verdict own, other;
    int64_t own_s;
};

/* One observation kept: the rows of a check's statement cut to the columns its rules name, or a pushed fact. */
struct fact {
    struct span name;         /* "check:<id>" for rows, else the pushed name */
    struct span value;        /* compact JSON */
    struct span source;       /* "osquery", "api:<key id>", ... */
    struct span version;      /* check version for rows */
    int64_t observed_s, expires_s; /* 0: does not expire */
};

/* A stretch in which nothing certain was known of a check that failed visibly before it: it could not be told, or nobody had looked for too long
 * (evaluate_doubt()). No ladder counts it, also when it is over. */
struct doubt { struct span check; struct interval time; };

struct device {
    struct arena arena;
    struct span id;           /* d_... */
    int64_t version;
    enum platform platform;
    struct span name, model, vendor, os_name, os_version, agent_version;
    struct span serial;       /* as shown; also among the identifiers */
    bool virtual_hardware;
    const struct identifier *identifiers; size_t identifier_count;
    const struct credential *credentials; size_t credential_count;
    struct span owner;        /* p_..., empty: unowned */
    struct span owner_source; /* "import", "assign", "enroll_secret", "claim" */
    int64_t owner_since_s;
    struct span group;        /* given by the enrol secret, may be empty */
    int64_t enrolled_s, first_seen_s;
    unsigned node_key_generation; /* only this generation's node key is good */
    struct span duplicate_of; /* conflict state: answers unknown "duplicate identity" */
    bool removed;             /* tombstone */
    int64_t recheck_s;        /* "Check again" was pressed; results evaluated before are asked anew */
    const struct span *recheck_checks; size_t recheck_count; /* empty: all */
    const struct result *results; size_t result_count;       /* ascending by check id */
    const struct fact *facts; size_t fact_count;             /* may be left out in the directory's copy */
    /* Stretches in which the device was on, kept while a check fails visibly or not, and for PASS_HELD_S after; ascending. The last may be open:
     * then the device is on until seen_s + ON_SLOT_S. A device is on for ON_SLOT_S after it spoke. */
    const struct interval *on; size_t on_count;
    int64_t seen_s;           /* it spoke; refreshed between changes */
    const struct doubt *doubts; size_t doubt_count; /* that are over, of checks that fail or failed last; ascending by check and time, apart */
    struct span rung;         /* the rung last recorded (worst over its checks), empty: none */
    int64_t rung_s;
    struct span would;        /* the rung of ladders in stage nudge or report that it would be on, empty: none */
    int64_t would_s;
    const struct managed_link *links; size_t link_count; /* one a manager */
    struct fallback fallback;
    const struct packed_device *packed; /* of one that the directory handed out: what it was unpacked from; of a copy NULL */
};

struct device *device_new(void);
struct device *device_copy(const struct device *d);
void device_free(struct device *d);
void device_freep(struct device **d);
void device_to_json(const struct device *d, struct to_json *w);
/* `with_facts` false leaves facts out (directory). */
MUST_CHECK enum err_code device_from_json(struct span body, int64_t version, bool with_facts, struct device **out, struct err *err);
/* The same without facts into a device that was there before (device_new(), or one that is done with), for who reads one after the other and keeps none, as a load does. It is several times as
 * large, because its arena holds the text it was read from. After an error it is good for the next, and for nothing else. */
MUST_CHECK enum err_code device_from_json_into(struct span body, int64_t version, struct device *d, struct err *err);

const struct result *device_result(const struct device *d, struct span check); /* binary search */
const struct fact *device_fact(const struct device *d, struct span name);
const struct identifier *device_identifier(const struct device *d, struct span kind);
const struct managed_link *device_link(const struct device *d, struct span manager);
/* Replaces the manager's, or adds it. False: DEVICE_MAX_LINKS others are there, or memory is short. */
bool device_put_link(struct device *d, const struct managed_link *link);
const struct credential *device_credential(const struct device *d, enum credential_kind kind, struct span id);
/* Edits on an unpublished device; texts are copied. Adding replaces one of that kind and id, and when the list is full the one of that kind unused for
 * longest; false when none can go or memory is short. */
bool device_put_credential(struct device *d, const struct credential *c);
bool device_drop_credential(struct device *d, enum credential_kind kind, struct span id); /* false: it was not there */
/* All of them, with the identifiers of kind "webauthn" that stand for some: the device starts a new life. False when memory is short. */
bool device_drop_credentials(struct device *d);
/* Normalises by kind; false for values that identify nothing (empty, generic serials, placeholder UUIDs: docs/agents.md). */
bool identifier_normalize(struct span kind, struct span raw, struct arena *a, struct span *value);
/* It spoke at now: extends or opens an on stretch. True when the record should be committed (a gap while failing). */
bool device_spoke(struct device *d, int64_t now_s);
/* Nothing certain was known of the check in that stretch; those that it touches become one with it. With DEVICE_MAX_DOUBTS the two of a check that are
 * nearest to each other become one, so that rather too much than too little is not counted. False when memory is short. */
bool device_put_doubt(struct device *d, struct span check, struct interval time);
/* None of that check's any more. False when memory is short: they are kept. */
bool device_drop_doubts(struct device *d, struct span check);
/* Is it on at t, as far as known at that time? */
bool device_on_at(const struct device *d, int64_t t_s);

#endif
