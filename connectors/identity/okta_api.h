/* okta_api: what we do at Okta: find a person, see and change membership of groups, end sessions. Blocks; one object belongs to one thread.
 * Every change can be made twice without harm. Source: Okta management API 2026.06 (tags User, UserResources, UserSessions, Group), Link and rate limit
 * fields as in Okta's "Core concepts"; scopes okta.users.manage and okta.groups.manage, or an API token of an admin who may do as much. */
#ifndef CONNECTORS_IDENTITY_OKTA_API_H
#define CONNECTORS_IDENTITY_OKTA_API_H
#include "connectors/identity/okta_answer.h"
#include "connectors/vendor_api.h"

enum { OKTA_API_TOKEN_BYTES = 512, OKTA_API_PAGES = 50 };
struct okta_api_options {
    struct span url;                   /* https://acme.okta.com */
    struct span token;                 /* API token; empty: an OAuth client */
    struct span client_id;
    enum err_code (*sign)(void *context, struct span claims, struct buf *jwt, struct err *err); /* see oauth_client.h */
    void *sign_context;
    const struct clock *clock;
    bool allow_loopback_http;          /* tests */
    struct span ca_file;
    bool (*tick)(void *context);       /* see http_client.h */
    void *tick_context;
};
struct okta_api;
MUST_CHECK enum err_code okta_api_new(const struct okta_api_options *options, struct okta_api **out, struct err *err);
void okta_api_free(struct okta_api *o); /* NULL is fine */
/* By id or login, and when nobody has that login by e-mail address. VENDOR_NOT_FOUND: nobody; VENDOR_REFUSED: several. */
struct vendor_result okta_api_find(struct okta_api *o, struct span name, struct okta_user *user);
/* member[i]: whether the user is in groups[i]. VENDOR_NOT_FOUND: no such user. */
struct vendor_result okta_api_memberships(struct okta_api *o, struct span user, const struct span *groups, size_t group_count, bool *member);
/* VENDOR_NOT_FOUND: no such user or group; VENDOR_REFUSED: a group that is filled elsewhere. */
struct vendor_result okta_api_set_member(struct okta_api *o, struct span user, struct span group, bool member);
/* Ends the sessions at Okta, and the tokens that Okta gave to apps; remembered devices stay remembered. */
struct vendor_result okta_api_end_sessions(struct okta_api *o, struct span user);
struct vendor_result okta_api_group(struct okta_api *o, struct span group, struct okta_group *out);

#endif
