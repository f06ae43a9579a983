/* oauth_client: an access token by the client credentials grant (RFC 6749 section 4.4), kept until shortly before it expires. The client proves itself by its
 * secret (section 2.3.1, in the body) or by a signed assertion (RFC 7523 section 2.2: private_key_jwt). Blocks; belongs to one thread. Secret and token are
 * copied, wiped at the end and never logged. */
#ifndef CONNECTORS_OAUTH_CLIENT_H
#define CONNECTORS_OAUTH_CLIENT_H
#include "connectors/http_client.h"
#include "posture/base/clock.h"

enum { OAUTH_CLIENT_TOKEN_BYTES = 8 * 1024 - 16 /* fits into one header */, OAUTH_CLIENT_CALL_MS = 10000, OAUTH_CLIENT_ANSWER_BYTES = 64 * 1024, OAUTH_CLIENT_ERROR_BYTES = 96,
       OAUTH_CLIENT_TEXT_BYTES = 2048 };
struct oauth_client_options {
    struct span token_url, client_id;
    struct span client_secret;         /* empty: `sign` makes an assertion */
    struct span scope;                 /* empty: none is asked for */
    /* Appends a compact JWS over the claims (a JSON object). With an empty secret it must be given. */
    enum err_code (*sign)(void *context, struct span claims, struct buf *jwt, struct err *err);
    void *sign_context;
    const struct clock *clock;         /* borrowed */
};
enum oauth_client_outcome {
    OAUTH_CLIENT_DONE,
    OAUTH_CLIENT_LATER,  /* out of reach, ill, or too often: after `retry_after_s` (-1: not said) */
    OAUTH_CLIENT_DENIED  /* the client, its key or its scopes are refused: asking again would be refused again */
};
struct oauth_client_result { enum oauth_client_outcome outcome; int64_t retry_after_s; char error[OAUTH_CLIENT_ERROR_BYTES]; /* the server's word or ours */ };

struct oauth_client;
/* Copies texts; borrows `http`. ERR_INPUT for a URL that cannot be called or texts that are too long. */
MUST_CHECK enum err_code oauth_client_new(const struct oauth_client_options *options, const struct http_client_options *judge_url_by, struct http_client *http, struct oauth_client **out, struct err *err);
void oauth_client_free(struct oauth_client *o); /* NULL is fine */
/* "Bearer <token>" into *header, from memory or fetched; borrowed until the next call. *fresh: it was fetched just now. */
struct oauth_client_result oauth_client_token(struct oauth_client *o, struct span *header, bool *fresh);
/* The API refused it before its time: the next call fetches another. */
void oauth_client_forget(struct oauth_client *o);

/* What a token endpoint said (RFC 6749 section 5.1); exported for its table of cases and its fuzz target. `token` is appended to. A life that is not said
 * counts as five minutes. */
MUST_CHECK enum err_code oauth_client_read_token(struct span body, struct buf *token, int64_t *expires_in_s, struct err *err);
/* The word of an error answer (section 5.2), [a-z_] only; empty when there is none. */
void oauth_client_read_error(struct span body, char word[OAUTH_CLIENT_ERROR_BYTES]);
#endif
