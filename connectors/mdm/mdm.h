/* mdm: a device manager, as the gateway sees all of them: what it says of devices, and the few things that may be asked of it.
 * connectors/mdm/<vendor>.c turns one vendor's wire into these words; mdm_vendors.c lists them. Whatever a vendor answers is somebody else's
 * text: bounded, and an answer that cannot be understood is never half used.
 * Thread: a struct mdm belongs to one thread and blocks; `hook` is the exception and needs none. Times are wall seconds since 1970 UTC. */
#ifndef CONNECTORS_MDM_MDM_H
#define CONNECTORS_MDM_MDM_H
#include "connectors/http_client.h"
#include "posture/base/arena.h"
#include "posture/base/clock.h"
#include "posture/device.h"

enum { MDM_ID_BYTES = 32 /* of the configuration's id */, MDM_VENDOR_ID_BYTES = 128, MDM_TEXT_BYTES = 256, MDM_CURSOR_BYTES = 2048, MDM_ERROR_BYTES = 128, MDM_CALL_MS = 20000,
       MDM_PAGE_MOST = 1000, MDM_ANSWER_BYTES = 16 * 1024 * 1024, MDM_HOOK_BYTES = 1024 * 1024, MDM_NEWS_MOST = 256, MDM_MIN_HOOK_SECRET_BYTES = 16 };

enum mdm_kind { MDM_FLEET, MDM_KANDJI, MDM_NANOMDM, MDM_JAMF, MDM_INTUNE, MDM_KINDS };
const char *mdm_kind_name(enum mdm_kind kind);                   /* "fleet", "kandji", "nanomdm", "jamf", "intune" */
bool mdm_kind_from(struct span name, enum mdm_kind *kind);       /* also "iru", which Kandji is called now */

/* One device manager of the configuration. Borrowed texts; secrets are read already. */
struct mdm_options {
    struct span id;                      /* [a-z0-9-]{1,32}: stays the same while the tenant does */
    enum mdm_kind kind;
    struct span url;                     /* base of the API, no trailing slash */
    struct span token_url;               /* where access tokens come from; empty: the vendor's own place (Jamf, Intune) */
    struct span client;                  /* client id (Jamf, Intune), user name (NanoMDM) */
    struct span secret;                  /* API token, client secret or API key */
    struct span hook_secrets[2];         /* prove that /hooks/mdm/<id> was called by this manager: the present one, and the older while it changes; empty: no webhook */
    struct span strict;                  /* where a managed device goes: Fleet team id, Kandji blueprint id, PayloadIdentifier of the profile (NanoMDM); empty: never */
    struct span strict_profile;          /* NanoMDM: that profile, the content of a .mobileconfig */
    struct span invitation;              /* https page where a person enrols a device that is not managed; empty: nobody is invited */
    bool allow_loopback_http;            /* tests: url may be http://127.0.0.1:... */
    bool allow_private;                  /* the manager stands in a private network */
    struct span ca_file;                 /* PEM to trust instead of the system's; empty: the system's */
    const struct clock *clock;
    bool (*tick)(void *context);         /* see http_client.h */
    void *tick_context;
};
/* ERR_INPUT names what is missing or malformed for this kind: for start-up and `postern check`. */
MUST_CHECK enum err_code mdm_options_check(const struct mdm_options *options, struct err *err);

/* What a call came to. */
enum mdm_outcome {
    MDM_DONE,
    MDM_ABSENT,       /* 404: the manager does not have this device (any more) */
    MDM_LATER,        /* 429, 5xx, out of reach, not writable now: the same call may work after `retry_after_s` (-1: not said) */
    MDM_GARBLED,      /* an answer that cannot be understood, or a page that contradicts the one before: what was read since the sweep began proves nothing */
    MDM_REFUSED,      /* this one request: no retry */
    MDM_STOPPED,      /* 401 with a fresh token, or 403: nothing will work until somebody changes something; `error` names the permission */
    MDM_AMBIGUOUS,    /* an act left and no complete answer came: read back before anything else */
    MDM_UNABLE        /* this vendor has no such call, or the configuration does not say where to */
};
struct mdm_result { enum mdm_outcome outcome; int64_t retry_after_s; char error[MDM_ERROR_BYTES]; /* ours or an HTTP status, never a vendor's free text */ };
struct mdm_result mdm_say(enum mdm_outcome outcome, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One device as the manager has it. Texts live in the call's arena, are valid UTF-8 without control characters, at most MDM_TEXT_BYTES; empty: not said. */
struct mdm_device {
    struct span id;                      /* the vendor's, at most MDM_VENDOR_ID_BYTES, never empty */
    struct span serial, uuid;            /* as sent: identifier_normalize() judges them */
    struct span name, model, os_version;
    enum platform platform;
    struct span owner;                   /* e-mail of the person it is assigned to */
    struct span group;                   /* team, blueprint or group that decides what is enforced, by id; NanoMDM: options.strict when that profile is there */
    struct span compliance;              /* the vendor's own word, as it is */
    enum mdm_truth managed, encrypted, firewall, supervised, personal /* the person's own, by the vendor's word */;
    int64_t contact_s;                   /* the device last spoke to the manager; 0: not said */
    int64_t facts_s;                     /* when the device observed what is said here, never later than now; 0: not said */
};

struct mdm_page {
    const struct mdm_device *devices; size_t count;
    char next[MDM_CURSOR_BYTES];         /* hand it to the next list(); empty: this was the last page */
    int64_t total;                       /* how many devices the vendor says there are in all; -1: not said. Of pages that are not partial */
    bool partial;                        /* facts from another table: only what is said replaces what was known, and these devices count for nothing else */
};

/* What is asked of the manager for one device. */
struct mdm_action {
    struct span device;                  /* vendor id; empty where it has none (an invitation) */
    struct span serial, owner, former;   /* former: undo puts the device back there; empty: into no group */
    bool was_invited;                    /* undo: it was an invitation, so the device is let go if it is managed */
    struct span key;                     /* e_...: the same for each try of one action */
};

/* A webhook call, before anything of it is believed. */
struct mdm_hook {
    struct span (*field)(void *context, const char *name); void *context; /* a header's value; empty: not there */
    struct span body;
    int64_t now_s;
};
/* What it says. Most managers only say which devices to read again; NanoMDM's say what a device answered. */
struct mdm_news {
    const struct span *read_again; size_t read_again_count; /* vendor ids, at most MDM_NEWS_MOST */
    bool has_device, partial;            /* partial: only what is said in `device` replaces what was known */
    struct mdm_device device;
    struct span event;                   /* the vendor's id of this event, for telling repeats; may be empty */
};

struct mdm { const struct mdm_ops *ops; };
struct mdm_ops {
    enum mdm_kind kind;
    const char *title;                   /* for people: "Fleet", "Iru (Kandji)" */
    const char *strict_word;             /* what `strict` is there: "team", "blueprint", "profile", "group" */
    unsigned platforms;                  /* bit per enum platform that it can manage */
    bool lists;                          /* has an inventory; else what is known comes by webhook alone */
    /* Copies the options. No call is made. ERR_INPUT as mdm_options_check(). */
    enum err_code (*open)(const struct mdm_options *options, struct mdm **out, struct err *err);
    void (*free)(struct mdm *m);         /* NULL is fine */
    /* One page. `cursor` empty: the first; `since_s` > 0: only what changed after, where the vendor can (else everything, which is as good). */
    struct mdm_result (*list)(struct mdm *m, struct span cursor, int64_t since_s, struct arena *arena, struct mdm_page *out);
    struct mdm_result (*get)(struct mdm *m, struct span id, struct arena *arena, struct mdm_device *out); /* NULL: not without a webhook */
    struct mdm_result (*ask)(struct mdm *m, struct span id, struct span key);        /* the device shall report now; NULL: cannot be asked */
    /* The act side; NULL: this manager is only read. All of them may be sent twice. */
    struct mdm_result (*strict)(struct mdm *m, const struct mdm_action *action);     /* the device joins options.strict */
    struct mdm_result (*invite)(struct mdm *m, const struct mdm_action *action);     /* NULL: the page of options.invitation is all there is to do */
    struct mdm_result (*undo)(struct mdm *m, const struct mdm_action *action);
    /* One webhook call. ERR_DENIED: not signed by the manager; ERR_INPUT: not readable. Pure. NULL: has none. */
    enum err_code (*hook)(const struct mdm_options *options, const struct mdm_hook *hook, struct arena *arena, struct mdm_news *out, struct err *err);
};
/* NULL for a kind that is not compiled in. */
const struct mdm_ops *mdm_vendor(enum mdm_kind kind);
/* For mdm_vendors.c. */
extern const struct mdm_ops mdm_fleet, mdm_kandji, mdm_nanomdm, mdm_jamf, mdm_intune;

#endif
