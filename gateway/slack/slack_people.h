/* slack_people: who in Slack is who here. A reader of its own, so that going through a workspace holds no message back: all of Slack's people every few hours,
 * one page at a time, and whoever changed as Slack tells it. By what it learns: the Slack id of a person (by an address of theirs, never by a name), their zone
 * where nobody gave one, and whether their status says that they are away (only that, and until when). */
#ifndef GATEWAY_SLACK_SLACK_PEOPLE_H
#define GATEWAY_SLACK_SLACK_PEOPLE_H
#include "connectors/notify/slack_users.h"
#include "gateway/effects_reader.h"

#define SLACK_PEOPLE "slack-people"      /* its name as a destination */
#define SLACK_USER_CHANGED "slack.user"  /* an event: Slack says that somebody joined or changed */
/* A status without an end counts for so long, and is looked at again before; and the distance between two looks at everybody. */
enum { SLACK_PEOPLE_EVERY_S = 6 * 3600, SLACK_AWAY_OPEN_S = 2 * 86400 };

MUST_CHECK enum err_code slack_people_new(const struct node *node, const struct reader_ops **ops, void **self, struct err *err);
/* Writes down that Slack said so; the reader looks then. Blocks on the store. */
MUST_CHECK enum err_code slack_people_note(const struct node *node, struct store *store, struct span user, struct err *err);
/* Brings the person whose account that is in line with it; nothing when nobody here has one of its addresses. Blocks. Events person.slack, person.changed,
 * person.absence, person.back. *known: somebody here. */
MUST_CHECK enum err_code slack_people_apply(const struct node *node, struct store *store, const struct slack_user *user, bool *known, struct err *err);
#endif
