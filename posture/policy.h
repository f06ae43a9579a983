/* policy: a policy text, checked into an immutable set of rules (docs/policy.md).
 * Plain, readable structs; everything lives in the policy's arena and is const after policy_read(). Shared by all threads. */
#ifndef POSTURE_POLICY_H
#define POSTURE_POLICY_H
#include "posture/base/yaml_read.h"
#include "posture/check.h"
#include "posture/device.h"
#include "posture/door.h"
#include "posture/proof.h"

enum { POLICY_MAX_SENSITIVITIES = 8, POLICY_MAX_APPS = 4096, POLICY_MAX_CHECKS = 512, POLICY_MAX_LADDERS = 64, POLICY_MAX_RUNGS = 16,
       POLICY_MAX_MATCHES = 256, POLICY_MAX_GROUPS = 64, POLICY_MAX_BREAK_GLASS = 64, POLICY_MAX_ACTIONS = 64, POLICY_MAX_CHANNELS = 8,
       POLICY_MAX_TEXT_BYTES = 2000, POLICY_MAX_SQL_BYTES = 16 * 1024 };

enum app_match { MATCH_ID, MATCH_OAUTH_CLIENT_ID, MATCH_SAML_ENTITY_ID, MATCH_HOST, MATCH_KINDS };
struct app {
    struct span id, title;
    unsigned sensitivity;            /* index into policy.sensitivities */
    bool repair;                     /* never closed by a ladder */
    const struct span *match[MATCH_KINDS]; size_t match_count[MATCH_KINDS];
};

enum login_effect { LOGIN_ALLOW, LOGIN_WARN };
struct rung {
    struct span id;
    int64_t after_s;
    bool nudge;
    enum login_effect login;
    unsigned close;                  /* bit i: sensitivity i is closed; what a rung leaves out (login, close) it has from the rung before */
    bool end_sessions;
    struct span mdm;                 /* "fallback" or empty */
};
/* What stops a clock. A ladder names those up to PAUSE_HOLIDAY that stop its own; a snooze and an exemption always do. */
enum pause_kind { PAUSE_ABSENCE = 1, PAUSE_DEVICE_OFF = 2, PAUSE_DISPUTE = 4, PAUSE_INCIDENT = 8, PAUSE_STORE_OUTAGE = 16, PAUSE_HOLIDAY = 32,
                  PAUSE_SNOOZE = 64, PAUSE_EXEMPTION = 128, PAUSE_LAST_NAMED = PAUSE_HOLIDAY, PAUSE_LAST = PAUSE_EXEMPTION };
struct ladder {
    struct span id;
    unsigned severities;             /* bit per enum severity */
    const struct span *groups; size_t group_count; /* any of them; "everyone" */
    const struct rung *rungs; size_t rung_count;   /* ascending by after_s */
    unsigned pauses;                 /* enum pause_kind */
    unsigned notices_before_close;
    struct { int64_t notice_before_s; bool working_hours; unsigned per_day; /* 0: no limit */ } rise; /* all zero: off */
    struct { unsigned times; int64_t length_s, per_s; } snooze, continue_once; /* zero: off */
    enum rollout_stage stage;
};
enum outage_then { OUTAGE_DENY, OUTAGE_ALLOW };
struct outage_rule { int64_t last_known_good_s; enum outage_then then; }; /* from memory for so long, then this */
enum unidentified { UNIDENTIFIED_ALLOW, UNIDENTIFIED_WARN, UNIDENTIFIED_DENY };
enum person_verdict { PERSON_WORST, PERSON_LATEST, PERSON_BEST };

/* How apps are found: every id, and every match value under its kind. */
struct app_key { enum app_match kind; struct span value; const struct app *app; };
/* Which checks read a pushed fact. */
struct fact_use { struct span name; unsigned check; /* index */ };

/* When a check's rows and its second source say different things, and both are known. */
enum disagreement { DISAGREEMENT_UNKNOWN, DISAGREEMENT_OSQUERY, DISAGREEMENT_MDM };
/* Device managers, and the rung `mdm: fallback` (posture/fallback.h). */
struct policy_mdm {
    int64_t announce_before_s;       /* from the message that told of it */
    int64_t way_back_s;              /* of good behaviour, then it is taken back */
    const struct span *personal_groups; size_t personal_group_count; /* devices of these groups are people's own: never managed */
    enum disagreement disagreement;
    const struct span *sees, *does; size_t sees_count, does_count;   /* what people are told a manager can see and do */
};

/* What an answer about a device says of a check, but for its result. */
struct check_words {
    const struct check *check;
    size_t index;              /* of it in the policy */
    int64_t fresh_for_s;       /* as the check has it */
    struct span begin_json;    /* how its result begins: ,{"check":"...", title, severity,"result":" */
    struct span end_json;      /* how it ends: ,"what":..., why, minutes, needs_admin, restart, fix and the brace; and how that of the next begins, if there is one */
};
struct policy {
    struct arena arena;
    struct span name;
    char version[65];                /* SHA-256 hex of `canonical` */
    struct span canonical;           /* RFC 8785 JSON: library checks expanded, defaults filled */
    const struct span *sensitivities; size_t sensitivity_count; /* ascending */
    const struct app *apps; size_t app_count;                   /* ascending by id: their order means nothing */
    const struct app_key *app_keys; size_t app_key_count;       /* ascending by kind, then value (hosts lower case) */
    const struct check *checks; size_t check_count;             /* ascending by id */
    struct { const struct check_words *all; size_t count; } words[PLATFORM_COUNT]; /* of those that apply there, in their order: an answer goes through all of them, so they lie side by side */
    const struct fact_use *fact_uses; size_t fact_use_count;    /* ascending by name, then check */
    const struct ladder *ladders; size_t ladder_count;          /* first that applies wins */
    struct { unsigned reads; int64_t apart_s; } visible_after;  /* reads <= 1 and apart 0: at once */
    struct { int64_t new_device_s, after_absence_s; } grace;
    struct {
        unsigned count; int64_t per_s;       /* per_person: 1/1d */
        int64_t apart_s;
        int32_t from_minute, to_minute;      /* local minutes of the day, to 1440; the send window */
        unsigned days;                       /* bit 0 Monday ... bit 6 Sunday; also the working days */
        const struct span *channels; size_t channel_count;
        struct span zone;                    /* the organisation's zone, "UTC" by default */
    } nudges;
    struct outage_rule outage[POLICY_MAX_SENSITIVITIES];
    unsigned incident_open;                                     /* sensitivities that a person's incident opens */
    enum unidentified unidentified[POLICY_MAX_SENSITIVITIES];
    enum proof proof[POLICY_MAX_SENSITIVITIES]; /* the least proof of device a login needs, else it is unidentified; PROOF_NONE: any that there is */
    const struct door *doors; size_t door_count;                /* ascending by id */
    struct { unsigned share_percent; unsigned at_least; int64_t within_s; } breaker; /* within 0: off */
    struct {                                                    /* who a new policy is for at first (ring.h) */
        unsigned percent;
        const struct span *groups; size_t group_count;          /* and everybody in these */
        struct { unsigned blocks, disputes; int64_t within_s; } halt; /* so many within so long take it back; within 0: off */
    } rings;
    enum person_verdict person_verdict;
    const struct span *break_glass; size_t break_glass_count;   /* e-mails, lower case */
    struct { const struct span *approvers; size_t approver_count; /* e-mails (lower case) or groups: who may decide beside admins */
             int64_t length_s, longest_s; } exemptions;
    const struct span *actions; size_t action_count;            /* AuthZEN action names; default: login */
    bool managed_by_files;
    struct policy_mdm mdm;
    struct { struct span team, contact, hours; } help;          /* who speaks, whom to ask: pages and messages */
};

/* `use: library/<id>` is looked up in check_library.h. */
/* All mistakes at once; *out is NULL when there was an error. `text` may be YAML or canonical JSON. Owned. */
void policy_read(struct span text, struct span file, struct mistakes *mistakes, struct policy **out);
/* The same of a text that was published: rules about what contradicts itself, which may be younger than it, only warn. */
void policy_read_published(struct span text, struct span file, struct mistakes *mistakes, struct policy **out);
void policy_free(struct policy *p);
void policy_freep(struct policy **p);
const struct check *policy_check(const struct policy *p, struct span id);    /* binary search; NULL */
const struct app *policy_app(const struct policy *p, struct span id_or_alias); /* id, then any match kind; NULL */
/* Which pushed facts matter: *first is the first use of the name, the result how many follow each other; 0: no check in force names it. */
size_t policy_fact_uses(const struct policy *p, struct span name, const struct fact_use **first);
const char *pause_name(unsigned bit);         /* of one enum pause_kind: "absence", "device_off", ... */
const struct app *policy_app_by(const struct policy *p, enum app_match kind, struct span value);
bool policy_sensitivity(const struct policy *p, struct span name, unsigned *index);
/* The ladder for a check of that severity and a person (NULL person: groups of "everyone" only); NULL: none applies. */
const struct ladder *policy_ladder(const struct policy *p, enum severity severity, const struct person *person);
bool policy_is_break_glass(const struct policy *p, const struct person *person, struct span asked_as);
/* May this person decide exemptions (of others)? */
bool policy_is_approver(const struct policy *p, const struct person *person);
/* What differs between two policies, one line each, for `plan` ("check disk-encryption: severity normal -> high"). */
void policy_diff(const struct policy *before, const struct policy *after, void (*line)(void *, struct span), void *context);

#endif
