/* slack_words: what a person wrote after the command or in a direct message, and which button they pressed, as one of the few things they can ask for.
 * Pure. What is not understood is help, never an error. */
#ifndef GATEWAY_SLACK_SLACK_WORDS_H
#define GATEWAY_SLACK_SLACK_WORDS_H
#include "posture/base/span.h"

enum slack_ask {
    SLACK_ASK_HELP, SLACK_ASK_STATUS, SLACK_ASK_WHY, SLACK_ASK_PRIVACY, SLACK_ASK_HOME, /* these only read */
    SLACK_ASK_RECHECK, SLACK_ASK_STEPS, SLACK_ASK_SNOOZE, SLACK_ASK_WRONG, SLACK_ASK_PERSON, SLACK_ASK_NOT_MINE,
    SLACK_ASK_EXEMPT, SLACK_ASK_APPROVE, SLACK_ASK_REFUSE, /* each opens a modal; what is sent with it is judged at once (slack_submit.h) */
    SLACK_ASK_WRONG_SENT, SLACK_ASK_PERSON_SENT, /* from the modal that the ones before opened */
    SLACK_ASK_CLAIM, SLACK_ASK_DECLINE, /* a device that looks like theirs: it is, it is not */
    SLACK_ASK_PAGE,        /* a button that leads to a page: nothing to do */
    SLACK_ASK_FOREIGN,     /* somebody of another workspace */
    SLACK_ASKS
};
/* Its word in the log: "status", "recheck", "wrong_sent". */
const char *slack_ask_name(enum slack_ask ask);
bool slack_ask_from(struct span name, enum slack_ask *ask);
/* Answered from memory alone. */
bool slack_ask_only_reads(enum slack_ask ask);

/* The words of a person: "recheck dover", "Why “disk”?", "I fixed it. Check again". `rest` is what follows the word, trimmed; borrows. */
enum slack_ask slack_words_read(struct span typed, struct span *rest);
/* The action_id of a button or the callback id of a modal of ours. False for another. */
bool slack_action_read(struct span action, bool modal, enum slack_ask *ask);
#endif
