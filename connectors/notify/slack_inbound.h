/* slack_inbound: what Slack sends to us, read into one shape: events (JSON), interactions and commands (forms, or JSON over a socket). Proved to be Slack's before
 * (slack_signature.h), and still bounded and checked: people type some of it. Pure; texts live in the arena.
 * The deprecated `token` of the bodies, user names and the content of messages that come back are not read.
 * Sources: docs.slack.dev/apis/events-api, /reference/interaction-payloads, /interactivity/implementing-slash-commands. */
#ifndef CONNECTORS_NOTIFY_SLACK_INBOUND_H
#define CONNECTORS_NOTIFY_SLACK_INBOUND_H
#include "posture/base/arena.h"

enum { SLACK_WORD_BYTES = 63 /* of an id of Slack's */, SLACK_TYPED_BYTES = 3000 /* of what a person typed; longer is cut */, SLACK_CHALLENGE_BYTES = 512, SLACK_KEY_BYTES = 300,
       SLACK_RESPONSE_URL_BYTES = 1000 };

enum slack_heard_kind {
    SLACK_HEARD_NOTHING,      /* well-formed, and nothing to us: our own message, an event of another type */
    SLACK_HEARD_CHALLENGE,    /* url_verification: answer `text` */
    SLACK_HEARD_MESSAGE,      /* somebody wrote `text` to the app */
    SLACK_HEARD_HOME,         /* somebody opened the Home tab */
    SLACK_HEARD_USER,         /* somebody joined or changed their profile */
    SLACK_HEARD_REVOKED,      /* our token is no longer good */
    SLACK_HEARD_UNINSTALLED,
    SLACK_HEARD_RATE_LIMITED, /* Slack holds events back */
    SLACK_HEARD_CLICK,        /* a button: `action` and its `value` */
    SLACK_HEARD_SUBMIT,       /* a modal: `action` is its callback id, `value` its private metadata, `text` what was typed */
    SLACK_HEARD_COMMAND       /* `text` after the command's name, which is `action` */
};
struct slack_heard {
    enum slack_heard_kind kind;
    struct span key;                            /* the same for every copy of it: what is done once; empty when Slack gives it no identity */
    struct span team, enterprise;               /* where it happened; at most one is empty */
    struct span user, user_team;                /* user_team: the person's own, empty when not said */
    struct span text, action, value;
    struct span until, measure, choice;         /* of a modal: the day that was picked, a second text, one of a few; each empty when it was not asked for */
    struct span channel, message, view;         /* where the answer goes: a message, a view */
    bool ephemeral;                             /* nobody else sees that message; it changes by response_url alone */
    struct span trigger, response_url;          /* good for 3 seconds; for 30 minutes and 5 answers */
};
/* ERR_INPUT or ERR_LIMIT says what is wrong with the body; nothing of it is to be done then. */
MUST_CHECK enum err_code slack_read_event(struct span body, struct arena *arena, struct slack_heard *out, struct err *err);
MUST_CHECK enum err_code slack_read_interaction(struct span body, struct arena *arena, struct slack_heard *out, struct err *err);
MUST_CHECK enum err_code slack_read_command(struct span body, struct arena *arena, struct slack_heard *out, struct err *err);
/* The same two as they come over a socket (slack_socket.h): the payload as JSON, without the form around it. */
MUST_CHECK enum err_code slack_read_interaction_payload(struct span json, struct arena *arena, struct slack_heard *out, struct err *err);
MUST_CHECK enum err_code slack_read_command_payload(struct span json, struct arena *arena, struct slack_heard *out, struct err *err);
/* Slack's probe of a command's address: a form with ssl_check=1, unsigned. */
bool slack_is_ssl_check(struct span body, struct arena *arena);
/* The blocks and actions under which our modals ask for a text, a day, a second text, and one of a few. */
#define SLACK_NOTE_BLOCK "note"
#define SLACK_NOTE_ACTION "pst.note"
#define SLACK_UNTIL_BLOCK "until"
#define SLACK_UNTIL_ACTION "pst.until"
#define SLACK_MEASURE_BLOCK "measure"
#define SLACK_MEASURE_ACTION "pst.measure"
#define SLACK_CHOICE_BLOCK "choice"
#define SLACK_CHOICE_ACTION "pst.choice"

#endif
