/* Any bytes as an answer of Slack's about people: an account, a page of them, a status. Nothing is read past its room, and what is taken over is what it may be. */
#include "connectors/notify/slack_profile.h"
#include "connectors/notify/slack_users.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH = 32 };
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    from_json_seed(1);
    return 0;
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_user(void *context, const struct slack_user *u)
{
    (void)context;
    require(u->id[0] != '\0' && memchr(u->id, '\0', sizeof u->id) != NULL && memchr(u->email, '\0', sizeof u->email) != NULL && memchr(u->zone, '\0', sizeof u->zone) != NULL);
    for (const char *c = u->email; *c != '\0'; c++)
        require(*c < 'A' || *c > 'Z');
    for (const char *c = u->zone; *c != '\0'; c++)
        require(*c > ' ' && *c < 0x7f && *c != '.' && *c != '\\');
    require(!(u->gone && u->away) && u->away_until_s >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const struct span emoji[] = { { ":palm_tree:", 11 } }, words[] = { { "vacation", 8 } };
    static const struct slack_away away = { emoji, words, 1, 1 };
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    char next[SLACK_CURSOR_BYTES] = "";
    struct slack_user user;
    struct slack_status status;
    struct err err;
    bool plain = false;
    if (from_json_parse(span_make(data, bytes), (struct from_json_limits){ SLACK_ANSWER_BYTES, DEPTH }, "Slack's answer", &doc, &err) != OK)
        return 0;
    struct from_json_value root = from_json_root(doc);
    if (slack_read_user(&root, &away, &user))
        check_user(NULL, &user);
    if (slack_read_users(&root, &away, check_user, NULL, next))
        require(memchr(next, '\0', sizeof next) != NULL);
    if (slack_read_status(&root, &status))
        require(memchr(status.text, '\0', sizeof status.text) != NULL && memchr(status.emoji, '\0', sizeof status.emoji) != NULL && status.expires_s >= 0);
    require(slack_read_plain_member(&root, SPAN_LITERAL("U0ANA"), &plain) || !plain);
    return 0;
}
