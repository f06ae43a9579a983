/* slack_socket: Slack's Socket Mode on the wire: asking for an address, reading an envelope, acknowledging it. No request is signed here: that it is Slack
 * who speaks rests on TLS and on the address's ticket, which the app-level token bought.
 * Reading is pure and bounded. Source: docs.slack.dev/apis/events-api/using-socket-mode, /reference/methods/apps.connections.open. */
#ifndef CONNECTORS_NOTIFY_SLACK_SOCKET_H
#define CONNECTORS_NOTIFY_SLACK_SOCKET_H
#include "connectors/notify/slack.h"
#include "posture/base/arena.h"

enum { SLACK_SOCKET_URL_BYTES = 2048, SLACK_ENVELOPE_BYTES = 1024 * 1024, SLACK_ENVELOPE_ID_BYTES = 100 };

/* apps.connections.open. The client's token is the app-level one (xapp-). The address is good once and soon. SLACK_REFUSED address_not_slacks: not followed. */
struct slack_result slack_open_socket(struct slack *s, char url[SLACK_SOCKET_URL_BYTES]);

enum slack_envelope_kind {
    SLACK_ENVELOPE_OTHER,          /* a type of tomorrow: acknowledged when it has an id, and left */
    SLACK_ENVELOPE_HELLO, SLACK_ENVELOPE_DISCONNECT,
    SLACK_ENVELOPE_EVENT, SLACK_ENVELOPE_INTERACTION, SLACK_ENVELOPE_COMMAND
};
enum slack_disconnect { SLACK_DISCONNECT_REFRESH /* this connection ends soon, or a word that we do not know */, SLACK_DISCONNECT_OFF /* Socket Mode was switched off */ };
struct slack_envelope {
    enum slack_envelope_kind kind;
    struct span id;                /* what to acknowledge; empty for hello and disconnect */
    struct span payload;           /* JSON, what the body of the same request over HTTPS says */
    bool wants_payload;            /* the acknowledgement may carry an answer */
    enum slack_disconnect reason;
    int64_t connections;           /* of the app, as hello says; 0: not said */
};
/* Texts live in `arena`. ERR_INPUT, ERR_LIMIT. */
MUST_CHECK enum err_code slack_read_envelope(struct span text, struct arena *arena, struct slack_envelope *out, struct err *err);
/* `answer`: JSON, or empty. */
MUST_CHECK enum err_code slack_write_acknowledgement(struct span id, struct span answer, struct buf *out, struct err *err);
#endif
