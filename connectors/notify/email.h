/* email: one message to one person through an SMTP server, and what its answer means. Blocks; one object belongs to one thread.
 * TLS is required (STARTTLS, or from the start with smtps), except to this machine where the options say so. The password is given at the
 * start, copied, wiped at the end and never logged. Sources: RFC 5321, 5322, 2047, 3834; curl.se/libcurl/c/smtp-mime.html. */
#ifndef CONNECTORS_NOTIFY_EMAIL_H
#define CONNECTORS_NOTIFY_EMAIL_H
#include "posture/base/buf.h"

enum { EMAIL_ADDRESS_BYTES = 254, EMAIL_ERROR_BYTES = 64, EMAIL_SAID_BYTES = 128, EMAIL_CALL_MS = 30000, EMAIL_CONNECT_MS = 5000,
       EMAIL_TEXT_BYTES = 256 * 1024, EMAIL_SUBJECT_BYTES = 400 };

struct email_options {
    struct span server;              /* smtp://host:port or smtps://host:port */
    struct span from, name;          /* address, and the words before it; may be empty */
    struct span user, password;      /* both or none */
    struct span reply_to;            /* address that somebody reads; may be empty */
    struct span ca_pem;              /* certificates to trust instead of the system's; empty: the system's */
    bool plain;                      /* without TLS, to a loopback address only */
    bool (*tick)(void *context);     /* about once a second while a call waits; false ends it; may be NULL */
    void *tick_context;
};
enum email_outcome {
    EMAIL_DONE,      /* the server took the message over */
    EMAIL_LATER,     /* out of reach, busy, no TLS, 4xx: surely not taken; try again */
    EMAIL_REFUSED,   /* this one message or address: no retry */
    EMAIL_STOPPED,   /* login or sender refused: nothing will be taken until the configuration changes */
    EMAIL_AMBIGUOUS  /* the text left, and no answer came: it may have been taken */
};
struct email_result {
    enum email_outcome outcome;
    char error[EMAIL_ERROR_BYTES];   /* our word, [a-z_] only; empty with EMAIL_DONE */
    unsigned status;                 /* the server's last code, 0: none */
};
struct email_message {
    struct span to;                  /* one address */
    struct span subject;             /* UTF-8 */
    struct span text, html;          /* UTF-8, lines end in LF */
    struct span id;                  /* [A-Za-z0-9_.-]: Message-ID is <id@host of from>, so a repeat is known as one */
    struct span language;            /* "en"; may be empty */
    int64_t now_s;                   /* Date */
    bool (*may_leave)(void *context);/* asked when the connection stands, right before the message begins; false: EMAIL_LATER; may be NULL */
    void *may_leave_context;
};

struct email;
MUST_CHECK enum err_code email_new(const struct email_options *options, struct email **out, struct err *err);
void email_free(struct email *e);
struct email_result email_send(struct email *e, const struct email_message *m);
/* Connects, secures, logs in and leaves again, as before a message. */
struct email_result email_probe(struct email *e);
/* Whether mail can be sent to that address: one mailbox, ASCII, nothing that could end a line or a bracket. */
bool email_is_address(struct span address);
/* A header's value in RFC 2047 encoded words where it needs them, folded; control characters become spaces. */
bool email_encode_words(struct span text, struct buf *out);
#endif
