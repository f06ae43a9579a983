/* web_socket_frame: a client's side of the WebSocket wire: the answer to the upgrade, bytes in and messages out, messages in and bytes out. Pure: no socket,
 * no clock. What a server may not send is refused, and `close_status` says with which status to close; after an error nothing more is read.
 * Text only: binary messages are refused, extensions and subprotocols are not offered.
 * Thread: a reader belongs to its owner. Source: RFC 6455 sections 4, 5, 7.4, 8.1. */
#ifndef CONNECTORS_WEB_SOCKET_FRAME_H
#define CONNECTORS_WEB_SOCKET_FRAME_H
#include "posture/base/buf.h"

enum { WEB_SOCKET_MESSAGE_BYTES = 1024 * 1024, WEB_SOCKET_CONTROL_BYTES = 125, WEB_SOCKET_HEAD_BYTES = 14, WEB_SOCKET_CHUNK_BYTES = 16 * 1024,
       WEB_SOCKET_ANSWER_BYTES = 8 * 1024 /* of the answer to the upgrade */, WEB_SOCKET_KEY_BYTES = 24 /* of its key, base64 */ };
enum web_socket_status { WEB_SOCKET_NORMAL = 1000, WEB_SOCKET_BROKEN = 1002, WEB_SOCKET_NOT_TEXT = 1003, WEB_SOCKET_NO_STATUS = 1005, WEB_SOCKET_NOT_UTF8 = 1007, WEB_SOCKET_TOO_LONG = 1009 };
enum web_socket_kind { WEB_SOCKET_NOTHING /* more bytes are needed */, WEB_SOCKET_TEXT, WEB_SOCKET_PING, WEB_SOCKET_PONG, WEB_SOCKET_CLOSE };
struct web_socket_heard {
    enum web_socket_kind kind;
    struct span data;              /* the whole text (valid UTF-8), or what a control frame carries; the reason of a close. Borrowed until the next call */
    unsigned status;               /* of a close; WEB_SOCKET_NO_STATUS when it has none */
};

struct web_socket_reader {
    struct buf pending;            /* bytes that are not read yet: at most one frame and a chunk */
    struct buf message;            /* the fragments so far */
    size_t used;                   /* of pending; dropped with the next call */
    unsigned close_status;         /* after an error */
    bool in_message, whole;        /* between fragments; `message` was handed out */
};
void web_socket_reader_init(struct web_socket_reader *r);
void web_socket_reader_done(struct web_socket_reader *r);
/* What the server sent, at most WEB_SOCKET_CHUNK_BYTES at once; to be followed by web_socket_read() until it says WEB_SOCKET_NOTHING. ERR_LIMIT, ERR_MEMORY. */
MUST_CHECK enum err_code web_socket_take(struct web_socket_reader *r, struct span bytes, struct err *err);
/* The next message or control frame. ERR_PROTOCOL, ERR_LIMIT (a message over WEB_SOCKET_MESSAGE_BYTES: refused by its length, before it is there), ERR_MEMORY. */
MUST_CHECK enum err_code web_socket_read(struct web_socket_reader *r, struct web_socket_heard *out, struct err *err);

/* One whole frame, masked under a key of its own (section 5.3). False: too long, or `out` is full. */
bool web_socket_write(enum web_socket_kind kind, struct span data, struct buf *out);
/* A close frame; the reason is left out. */
bool web_socket_write_close(unsigned status, struct buf *out);

/* A new key for the upgrade, and the request (section 4.1). `host`: with its port when it is not the usual one. */
void web_socket_new_key(char key[WEB_SOCKET_KEY_BYTES + 1]);
bool web_socket_write_upgrade(struct span host, struct span target, const char *key, struct buf *out);
/* The answer, as far as it is there. *used 0: more bytes are needed; else that many belong to it, and what follows are frames. ERR_PROTOCOL: this is no
 * WebSocket (the status is in the words), ERR_LIMIT: more than WEB_SOCKET_ANSWER_BYTES. */
MUST_CHECK enum err_code web_socket_read_upgrade(struct span bytes, const char *key, size_t *used, struct err *err);

#endif
