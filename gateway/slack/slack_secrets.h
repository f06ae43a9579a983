/* slack_secrets: the secrets of the Slack app as they are now. One that the configuration names as a file (file:, credential:) is read again when that file
 * changes; one from the environment stays as it was at the start. A file that cannot be read, or that holds what cannot be such a secret, changes nothing.
 * Thread: slack_secrets_copy() from all; slack_secrets_refresh() from one. */
#ifndef GATEWAY_SLACK_SLACK_SECRETS_H
#define GATEWAY_SLACK_SLACK_SECRETS_H
#include "connectors/notify/slack.h"
#include "posture/base/log.h"

enum slack_secret { SLACK_SECRET_TOKEN, SLACK_SECRET_SIGNING, SLACK_SECRET_OLD_SIGNING, SLACK_SECRET_APP_TOKEN, SLACK_SECRET_CLIENT, SLACK_SECRET_REFRESH, SLACK_SECRET_KINDS };
#define SLACK_APP_TOKEN_BEGINS SPAN_LITERAL("xapp-")
struct slack_secret_text { char text[SLACK_TOKEN_MOST + 1]; };

/* What the configuration gave: the secret itself, and the file it came from (empty: none). Both empty: it is not configured, and stays so. */
struct slack_secret_source { struct span text, file; };
struct slack_secrets;
/* Copies. Owned; NULL when memory is short, or when one is longer than SLACK_TOKEN_MOST. */
struct slack_secrets *slack_secrets_new(const struct slack_secret_source sources[SLACK_SECRET_KINDS]);
void slack_secrets_free(struct slack_secrets *s); /* wipes; NULL is fine */
/* The caller wipes the copy. Empty: not configured. Returns the number of the value, from 1, another one after each change. */
int64_t slack_secrets_copy(struct slack_secrets *s, enum slack_secret which, struct slack_secret_text *out);
/* Looks whether files have changed, and reads those. True: a secret has another value. What was read and what was not is logged, never the secret. */
bool slack_secrets_refresh(struct slack_secrets *s, const struct log *log);
#endif
