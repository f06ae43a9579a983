/* vendor_api: calls to the REST API of a vendor (Okta, Jamf Pro, Microsoft Graph): who we are, what an answer means, when to come back.
 *
 *   401            one new token and one more try, then DENIED: repeating it locks accounts
 *   403            DENIED: a permission is missing
 *   404            NOT_FOUND
 *   429            LATER, when the vendor says so (Retry-After, X-Rate-Limit-Reset); else the caller waits, longer each time
 *   408, 5xx, silence, an answer cut short    LATER: nothing is known, least of all that something is wrong with a device
 *   501, other 4xx REFUSED: this one thing, not worth repeating
 *
 * Blocks; one object belongs to one thread. Secrets are copied, wiped at the end, never logged. */
#ifndef CONNECTORS_VENDOR_API_H
#define CONNECTORS_VENDOR_API_H
#include "connectors/oauth_client.h"

enum { VENDOR_API_CALL_MS = 15000, VENDOR_API_ERROR_BYTES = 128, VENDOR_API_WORD_BYTES = 48, VENDOR_API_BASE_BYTES = 512, VENDOR_API_WAIT_MOST_S = 3600, VENDOR_API_LINK_BYTES = 4096 };

struct vendor_api_options {
    struct span base;                  /* https://acme.okta.com, without a slash at the end: calls go there and nowhere else */
    struct http_client_options http;
    struct span authorization;         /* the header's whole value ("SSWS ..."); empty: `oauth` */
    const struct oauth_client_options *oauth;
    const struct clock *clock;         /* borrowed */
    /* The vendor's own word for an error out of its answer, [A-Za-z0-9_] only; may be NULL. */
    void (*error_word)(struct span body, char word[VENDOR_API_WORD_BYTES]);
};
enum vendor_outcome { VENDOR_DONE, VENDOR_LATER, VENDOR_NOT_FOUND, VENDOR_REFUSED, VENDOR_DENIED };
struct vendor_result {
    enum vendor_outcome outcome;
    long status;                       /* 0: no answer */
    bool away;                         /* with LATER: the vendor as a whole, not this one thing */
    int64_t after_s;                   /* the vendor wants no call before; -1: not said. Also with DONE, when this was the last one of its time */
    char error[VENDOR_API_ERROR_BYTES];
};
struct vendor_request {
    const char *method;
    struct span url;                   /* must lie under `base` */
    struct span type, body;            /* may be empty */
    size_t most_bytes;                 /* of the answer */
};
/* `link`: the Link fields (RFC 8288), joined. vendor_answer_done(). */
struct vendor_answer { struct buf body, link; };

struct vendor_api;
MUST_CHECK enum err_code vendor_api_new(const struct vendor_api_options *options, struct vendor_api **out, struct err *err);
void vendor_api_free(struct vendor_api *v); /* NULL is fine */
/* `answer` is filled with VENDOR_DONE (a 2xx) alone. */
struct vendor_result vendor_api_call(struct vendor_api *v, const struct vendor_request *request, struct vendor_answer *answer);
void vendor_answer_done(struct vendor_answer *answer);
struct span vendor_api_base(const struct vendor_api *v);

/* For readers of answers: one that cannot be read. LATER, and away. */
struct vendor_result vendor_unreadable(const struct err *err);
/* Whether an address that an answer names (the next page) lies under `base`: same scheme, host and port, letter for letter, and below its path. */
bool vendor_api_is_under(struct span base, struct span url);
/* The address with rel="next" of Link fields (RFC 8288 section 3); empty: none. Borrowed from `link`. */
struct span vendor_api_next_link(struct span link);

#endif
