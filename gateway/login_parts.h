/* What the files of a login share; nobody else includes this. */
#ifndef GATEWAY_LOGIN_PARTS_H
#define GATEWAY_LOGIN_PARTS_H
#include "gateway/login.h"
#include "gateway/pages/blocked.h"

enum { LOGIN_TOKEN_BYTES = 7900 /* a request line of 8 KiB must hold it */ };

/* login_token.c: sealed with SECRET_LOGIN. ERR_LIMIT when it does not fit. */
MUST_CHECK enum err_code login_seal(const struct node *node, const struct login *l, struct buf *token, struct err *err);
/* ERR_DENIED for what is not ours; ERR_EXPIRED past its time, with *l filled all the same. Texts live in `arena`. */
MUST_CHECK enum err_code login_open(const struct node *node, struct span token, int64_t now_s, struct arena *arena, struct login *l, struct err *err);
/* Where the browser goes on: <host>/login/<token>. Empty when it cannot be made. */
struct span login_url(const struct http_request *r, struct span host, const struct login *l);

/* One request of a login: what it asks of the directory. */
struct login_step {
    struct http_request *r;
    struct http_response *res;
    struct login *l;
    struct door door;               /* a copy */
    const struct login_door *kind;
};
/* The login's own question, as every part of it asks. */
struct question login_question(const struct login_step *s);
/* What the door may say, copied out of the directory. Between enter and leave. */
void login_fill_result(const struct login_step *s, const struct answer *a, struct login_result *out);

/* ---- login_pages.c ---- */
/* The page of a login that may not go on, or not without being read: between enter and leave. `link->back` is where "Continue" leads. */
void login_page_fill(const struct login_step *s, const struct answer *a, struct blocked *b);
bool login_page_open(struct http_request *r, struct http_response *res, struct blocked *b); /* of a form's request: reads the token again */
void login_page_write(const struct login_step *s, const struct answer *a);
/* The browser that waits by page.js, not a person: the answer must not be thrown away in it. */
bool login_is_look(const struct http_request *r);
void login_page_go_on(const struct login_step *s, struct span title); /* for such a look, and for the script of login_page_ask(): go on with the login as it is now */
void login_page_ask(const struct login_step *s); /* for the browser's WebAuthn credential; outside of enter and leave */
void login_page_too_late(struct http_request *r, struct http_response *res, const struct login *l);
void login_page_elsewhere(struct http_request *r, struct http_response *res); /* another browser than the one that began it */

#endif
