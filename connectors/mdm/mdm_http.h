/* mdm_http: how the vendors' JSON APIs are called, and what their answers mean (401, 403, 404, 409, 429, 5xx alike for all of them).
 * Private to connectors/mdm/. Thread: as struct mdm. */
#ifndef CONNECTORS_MDM_MDM_HTTP_H
#define CONNECTORS_MDM_MDM_HTTP_H
#include "connectors/mdm/mdm.h"
#include "connectors/oauth_client.h"
#include "posture/base/from_json.h"
#include "posture/base/to_json.h"

enum { MDM_TOKEN_BYTES = 8 * 1024, MDM_BASE_BYTES = 512, MDM_DEPTH = 32 };

struct mdm_http {
    struct http_client *client;
    char base[MDM_BASE_BYTES];
    char authorization[MDM_TOKEN_BYTES];   /* "Bearer ...", "Basic ..."; empty: `oauth` fetches tokens */
    struct oauth_client *oauth;            /* owned; NULL: the Authorization header is fixed */
    const char *permission;                /* what a 403 asks for, in the vendor's words, when a call does not say better */
};
/* Copies and wipes later: mdm_http_done(). */
MUST_CHECK enum err_code mdm_http_init(struct mdm_http *h, const struct mdm_options *options, struct span authorization, struct err *err);
/* The same for a manager whose API takes access tokens: fetched with options.client and options.secret, at options.token_url or else below the base at `token_path`
 * (empty: nowhere else). `scope`: below the base, too; empty: none is asked for. */
MUST_CHECK enum err_code mdm_http_init_oauth(struct mdm_http *h, const struct mdm_options *options, struct span token_path, struct span scope, struct err *err);
void mdm_http_done(struct mdm_http *h);
/* "Basic " and the base64 of user:password; false when it does not fit. */
bool mdm_basic(struct span user, struct span password, char out[MDM_TOKEN_BYTES]);

struct mdm_request {
    const char *method;                    /* "GET", "POST", "PATCH", "PUT", "DELETE" */
    struct span path;                      /* after the base, with the query; or a whole URL when `absolute` (a vendor's next link: same origin only) */
    bool absolute;
    struct span body; const char *type;    /* type NULL: application/json */
    bool writes;                           /* an unclear end is MDM_AMBIGUOUS, else MDM_LATER */
    const char *permission;                /* what a 403 asks for */
};
/* One call, with one new token after a 401. MDM_DONE for 2xx; `body` (may be NULL) lives in the arena. */
struct mdm_result mdm_http_call(struct mdm_http *h, const struct mdm_request *request, struct arena *arena, struct span *body);
/* The same, and the answer parsed; a body that is no JSON is MDM_GARBLED. `doc` lives in the arena. */
struct mdm_result mdm_http_json(struct mdm_http *h, const struct mdm_request *request, struct arena *arena, struct from_json **doc);

/* For webhooks that nobody signs: the secret as the password of Basic authentication, as a Bearer token, or in X-Postern-Secret. ERR_DENIED. */
MUST_CHECK enum err_code mdm_hook_secret(const struct mdm_options *options, const struct mdm_hook *hook, struct err *err);

/* ---- lenient reading: a member that is absent, null, of another type or too long is not said ---- */
struct span mdm_text(const struct from_json_value *object, const char *key, struct arena *arena);       /* at most MDM_TEXT_BYTES, without control characters */
struct span mdm_id(const struct from_json_value *object, const char *key, struct arena *arena);         /* text or integer, at most MDM_VENDOR_ID_BYTES; letters that are safe in a path alone */
enum mdm_truth mdm_truth(const struct from_json_value *object, const char *key);                        /* booleans */
int64_t mdm_time(const struct from_json_value *object, const char *key);                                /* RFC 3339, also with a space for T, without offset (UTC), with fractions; 0: not said */
struct span mdm_email(struct span text, struct arena *arena);                                           /* lower case; empty unless it looks like one */
enum platform mdm_platform(struct span word);                                                           /* "Mac", "darwin", "macOS", "Windows", "ubuntu", ...; PLATFORM_UNKNOWN for phones */
enum mdm_truth mdm_from_bool(bool value);

#endif
