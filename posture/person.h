/* person: who somebody is, and everything that was said to or decided for them (the person record).
 * A `struct person` is immutable once published; change it by building a new one from person_copy().
 * It owns one arena with all its texts. Times are wall seconds since 1970 UTC. Pure: no I/O, no clock. */
#ifndef POSTURE_PERSON_H
#define POSTURE_PERSON_H
#include "posture/base/arena.h"
#include "posture/base/to_json.h"

/* A half-open stretch of time. to_s == 0: not ended yet. */
struct interval { int64_t from_s, to_s; };

enum { PERSON_MAX_EMAILS = 16, PERSON_MAX_ALIASES = 16, PERSON_MAX_GROUPS = 128, PERSON_MAX_ABSENCES = 64,
       PERSON_MAX_TOLD = 512, PERSON_MAX_DISPUTES = 64, PERSON_MAX_WARNED = 32, PERSON_MAX_SNOOZES = 64, PERSON_MAX_PASSES = 32, PERSON_MAX_ASKS = 32, PERSON_MAX_LEVERS = 64, PERSON_MAX_REMINDED = 32, PERSON_MAX_MENDED = 512,
       PERSON_EVIDENCE_BYTES = 8 * 1024, TOLD_TIMES = 8, PERSON_BODY_BYTES = 256 * 1024 };

/* What a person has been told about one failing check of one device: the delivered notices.
 * Forgotten when the check has passed for PASS_HELD_S (a new failure starts from the beginning). One that fails again sooner goes on where it was: */
struct told {
    struct span device, check;
    unsigned count;                /* delivered notices, may exceed TOLD_TIMES */
    int64_t at_s[TOLD_TIMES];      /* the first TOLD_TIMES deliveries, ascending */
    int64_t last_s;
    int64_t passed_s;              /* since when it passed, as last seen; 0: not since it was told */
    int64_t used_s;                /* of the running clock by then, with what it took over (struct mended); 0: nothing, or it could not be told */
    int64_t resumed_s;             /* first_failed_s of the failure that went on with this; 0: it never passed */
    int64_t flapped_s;             /* seconds that it passed between: no clock counts them */
};
enum { PASS_HELD_S = 3600, RELAPSE_S = 7 * 86400 };
/* A failure that was told of and is over. One that comes back within RELAPSE_S of the pass goes on with the clock of this one, at half of the time that was left
 * (posture/ladder_relapse.h), and has notices of its own. A failure of which nobody was told hands nothing on. */
struct mended {
    struct span device, check;
    int64_t passed_s, used_s;      /* as in struct told */
    int64_t failed_s;              /* first_failed_s of the failure that goes on with it; 0: none yet */
};

enum notice_state { NOTICE_RESERVED, NOTICE_SENDING, NOTICE_DELIVERED, NOTICE_FAILED };
struct notice_item { struct span device, check; int64_t deadline_s; /* next closing, 0: none */ };
/* That an exemption ends soon: what a notice says of it, and later, that it was said. */
struct reminded { struct span exemption; int64_t at_s; /* its end; once it was said, the time of that */ };
/* The newest message that we started. Only one is kept: the cap allows one a day. */
struct notice {
    struct span id;                /* e_..., also Slack's metadata id */
    struct span kind;              /* empty: what is to fix; "greeting": the first words of onboarding; "reminder": exemptions that end soon, and nothing to fix */
    enum notice_state state;
    int64_t reserved_s, settled_s;
    int32_t local_day;             /* yyyymmdd in the person's zone: the cap's unit */
    struct span channel;           /* "slack", "email" */
    unsigned sends;                /* the try (effects_item.sends) that may post; an older one is another node's, and over */
    struct span conversation, message; /* Slack: D... and ts; empty until delivered */
    struct span old_conversation, old_message; /* the last one before that was delivered there, which becomes a pointer to this one */
    struct span why;               /* of a failure */
    const struct notice_item *items;
    size_t item_count;
    const struct reminded *reminders; size_t reminder_count; /* beside the items, or alone: exemptions that end soon, asked for or decided by this person */
};

enum dispute_outcome { DISPUTE_OPEN, DISPUTE_CHECK_FIXED, DISPUTE_EXPLAINED, DISPUTE_REJECTED };
const char *dispute_outcome_name(enum dispute_outcome o); /* "open", "fixed", "explained", "rejected" */
bool dispute_outcome_from(struct span name, enum dispute_outcome *o);
/* "This looks wrong": freezes the clock of one check of one device until it ends. */
struct dispute {
    struct span id, device, check, text;
    struct interval time;          /* frozen */
    enum dispute_outcome outcome;
    struct span answer, by;        /* words for the person, and who answered */
    int64_t answered_s;
    struct span evidence;          /* JSON object, kept until it is answered: row, query, agent, check version, policy; may be empty */
};
/* "Remind me tomorrow": the clock of one check of one device stands still meanwhile. Its budget counts from time.from_s. */
struct snooze { struct span device, check; struct interval time; };
/* Continue once: an app that a rung has closed on that device opens meanwhile. Never against a hard check or a later rung; ends with the policy that it was given under. */
struct pass { struct span id, device, app, check /* what was in the way */, reason, policy /* version */; struct interval time; };
/* "Ask a person": device and check may be empty. */
struct help_request { struct span id, device, check, text, answer, by; int64_t at_s, answered_s /* 0: open */; };
/* A warn page that was read at a login; empty device: one about no known device. */
struct warned { struct span device; int64_t at_s; };
struct absence { struct interval time; struct span source; /* never a reason */ };

/* Something outside that a closing moves for a person: membership of a group at their IdP, their sessions there. The record says what is wanted before anything
 * is done, and how far it came, so that whoever goes on does nothing twice and the way back ends where it began. */
enum lever_state {
    LEVER_OFF,     /* not begun */
    LEVER_BEGUN,   /* perhaps done: it was not so before */
    LEVER_DONE,    /* done, and seen to be so */
    LEVER_FOUND    /* it was so before we came: nothing to take back */
};
const char *lever_state_name(unsigned state); /* "open", "begun", "done", "found" */
struct lever {
    struct span kind, target;      /* "okta.add" and "okta.remove": id of a group; "okta.sessions": the device that stands where sessions end;
                                      "slack.marker": when that status ends, seconds since 1970 */
    bool wanted;                   /* false: to be taken back */
    unsigned state;                /* enum lever_state */
    int64_t at_s;                  /* of the last change */
};

struct person {
    struct arena arena;
    struct span id;                /* p_... */
    int64_t version;               /* of the record; 0: not stored yet */
    struct span name, slack, zone, region, locale; /* zone: IANA name, empty: the organisation's */
    struct span okta;              /* id at Okta, remembered once it was found */
    const struct span *emails;  size_t email_count;   /* lower case, first is primary */
    const struct span *aliases; size_t alias_count;   /* IdP ids and other names a door may use */
    const struct span *groups;  size_t group_count;
    struct span archive_salt;      /* makes their key in the archive (gateway/archive_keys.h); once it is gone nobody can tell which records there are theirs */
    int64_t created_s;
    bool removed;
    bool zone_from_slack;           /* nobody gave it here, so Slack may change it */
    const struct absence *absences; size_t absence_count; /* ascending */
    const struct mended *mended;    size_t mended_count;
    const struct told *told;        size_t told_count, told_room /* of edits: 0 when the list is not theirs to grow */;
    const struct dispute *disputes; size_t dispute_count;
    const struct warned *warned;    size_t warned_count;
    const struct snooze *snoozes;   size_t snooze_count;
    const struct pass *passes;      size_t pass_count;
    const struct help_request *asks;         size_t ask_count;
    const struct lever *levers;     size_t lever_count;
    const struct reminded *reminded; size_t reminded_count;
    struct { unsigned days; /* bit 0 Monday; 0: the organisation's */ unsigned from_minute, to_minute; /* both 0: the organisation's */
             unsigned write_at; /* "write to me at 13:30": minute of the day + 1; 0: any */ } work;
    struct {
        int64_t invited_s;          /* an admin wants them greeted, since then; 0: nobody does */
        int64_t greeted_s;          /* the greeting was delivered; before invited_s: an older one */
        int64_t linked_s;           /* they last asked for the way to the agent */
        struct span by;             /* who invited */
        bool now;                   /* outside of the hours for messages too: somebody tries it on themselves */
    } onboarding;
    struct notice notice;           /* id empty: never */
    int32_t nudge_day;              /* local day of the last nudge reserved, delivered or not (unless it surely failed) */
    int64_t nudge_s;                /* its time */
};

/* Owned; NULL when memory is short. person_copy copies deep, so the copy may be edited before it is published. */
struct person *person_new(void);
struct person *person_copy(const struct person *p);
void person_free(struct person *p);
void person_freep(struct person **p);
/* The record's body (no version). Reading is lenient to unknown members (a newer version wrote them), strict in types. */
void person_to_json(const struct person *p, struct to_json *w);
MUST_CHECK enum err_code person_from_json(struct span body, int64_t version, struct person **out, struct err *err);
/* The same for who reads many: what is needed meanwhile is in `scratch`, which is reset, and in `room` (person_new(), or one that is done with), so that no gaps are left between those that stay. */
MUST_CHECK enum err_code person_from_json_with(struct span body, int64_t version, struct arena *scratch, struct person *room, struct person **out, struct err *err);

bool person_in_group(const struct person *p, struct span group); /* "everyone" is always true */
const struct told *person_told(const struct person *p, struct span device, struct span check);
/* Edits on an unpublished person. False when a bound is passed or memory is short. */
bool person_add_told(struct person *p, struct span device, struct span check, int64_t at_s);
void person_forget_told(struct person *p, struct span device, struct span check); /* empty check: all of the device; what was mended goes too */
/* What is said about a told, or about something mended, of a person that nobody else has seen yet; NULL: there is none. */
struct told *person_edit_told(struct person *p, struct span device, struct span check);
struct mended *person_edit_mended(struct person *p, struct span device, struct span check);
const struct mended *person_mended(const struct person *p, struct span device, struct span check);
void person_drop_told(struct person *p, struct span device, struct span check); /* that alone */
/* In the place of what was mended of them before; with nothing used, none is left. The oldest makes room. Kept in `arena`; false when memory is short. */
bool person_set_mended(struct person *p, struct span device, struct span check, int64_t passed_s, int64_t used_s, struct arena *arena);
void person_drop_mended(struct person *p, struct span device, struct span check); /* empty check: all of the device */
/* Drops those that nothing can go on with any more. */
void person_prune_mended(struct person *p, int64_t now_s);
const struct warned *person_warned(const struct person *p, struct span device);
bool person_set_warned(struct person *p, struct span device, int64_t at_s); /* the oldest makes room */
const struct lever *person_lever(const struct person *p, struct span kind, struct span target);
/* Puts it in the place of the one of that kind and target, or beside the others. */
bool person_set_lever(struct person *p, const struct lever *lever);
void person_drop_lever(struct person *p, struct span kind, struct span target);
/* They were told that this exemption ends soon. Noting it forgets the oldest when there are too many. */
bool person_was_reminded(const struct person *p, struct span exemption);
bool person_note_reminded(struct person *p, struct span exemption, int64_t at_s);
/* Invited, and not greeted since. */
bool person_awaits_greeting(const struct person *p);
bool person_has_email(const struct person *p, struct span email);  /* case folded */
/* One more, zeroed, at the end of its list, to be filled with texts in p->arena; NULL when memory is short. The bounds are the caller's to keep. */
struct snooze *person_add_snooze(struct person *p);
struct pass *person_add_pass(struct person *p);
struct help_request *person_add_ask(struct person *p);
/* The newest of its kind that runs at that time; NULL. */
const struct snooze *person_snooze(const struct person *p, struct span device, struct span check, int64_t at_s);
const struct dispute *person_dispute(const struct person *p, struct span id);
const struct help_request *person_ask(const struct person *p, struct span id);

#endif
