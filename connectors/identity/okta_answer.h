/* okta_answer: what Okta's management API answers about users, groups and errors, read with bounds. Every byte is a stranger's.
 * Members that we do not know are passed over. Source: Okta management API 2026.06, tags User, UserResources, Group, and the error object. */
#ifndef CONNECTORS_IDENTITY_OKTA_ANSWER_H
#define CONNECTORS_IDENTITY_OKTA_ANSWER_H
#include "posture/base/err.h"
#include "posture/base/span.h"

enum { OKTA_ID_BYTES = 64, OKTA_ANSWER_BYTES = 2 * 1024 * 1024, OKTA_WORD_BYTES = 48, OKTA_PAGE_GROUPS = 1000, OKTA_NAME_BYTES = 128 };
struct okta_user { char id[OKTA_ID_BYTES]; bool gone; /* deprovisioned: it cannot log in, and cannot be given anything */ };

/* Letters, digits, '_' and '-', as all ids of Okta's are: what goes into a path. */
bool okta_is_id(struct span id);
/* One user. `asked_as`: the login or address that was asked for; the answer must be of somebody who has it as login, address or second address (Okta finds
 * people by the part before the @, too), or of the id. ERR_NOT_FOUND when it is not. */
MUST_CHECK enum err_code okta_read_user(struct span body, struct span asked_as, struct okta_user *out, struct err *err);
/* A list of users, as a filter gives: ERR_NOT_FOUND when it is empty, ERR_CONFLICT when it has several. */
MUST_CHECK enum err_code okta_read_only_user(struct span body, struct span asked_as, struct okta_user *out, struct err *err);
/* A page of the groups of a user: sets member[i] for those of `groups` that are in it. *count: how many the page has. */
MUST_CHECK enum err_code okta_read_groups(struct span body, const struct span *groups, size_t group_count, bool *member, size_t *count, struct err *err);
/* One group: its name, and whether members may be changed through the API (type OKTA_GROUP; not one from a directory, not a built-in one). */
struct okta_group { char name[OKTA_NAME_BYTES]; bool ours_to_change; };
MUST_CHECK enum err_code okta_read_group(struct span body, struct okta_group *out, struct err *err);
/* errorCode of an error object ("E0000007"), or OAuth's error; empty when there is none. */
void okta_read_error(struct span body, char word[OKTA_WORD_BYTES]);

#endif
