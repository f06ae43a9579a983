#include "gateway/slack/slack_doubt.h"

#include "posture/base/to_json.h"

#include <stdio.h>

enum { AGAIN_MS = 10 * 1000, DATA_BYTES = 512 };

static enum err_code append(const struct node *node, struct store *store, const char *type, struct span cause, struct span team, struct err *err)
{
    CLEANUP(buf_done) struct buf data;
    char id[SECRET_ID_BYTES + 1];
    struct to_json w;
    buf_init(&data, DATA_BYTES);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text_if(&w, "team", team);
    to_json_end(&w);
    secret_new_id('e', id);
    const struct event event = { .id = span_of(id), .at_ms = clock_wall_ms(node->clock), .type = span_of(type), .cause = cause, .data = buf_span(&data) };
    enum err_code code = buf_check(&data, type, err);
    return code == OK ? store->ops->append(store, store->ops->partitions(store), &event, 1, err) : code;
}

enum err_code slack_doubt_append(const struct node *node, struct store *store, enum slack_trouble what, struct span team, struct err *err)
{
    return append(node, store, what == SLACK_TROUBLE_UNINSTALLED ? SLACK_UNINSTALLED : SLACK_TOKEN_REVOKED, SPAN_LITERAL("slack"), team, err);
}

enum err_code slack_reconnect_append(const struct node *node, struct store *store, struct span by, struct err *err) { return append(node, store, SLACK_RECONNECT, by, SPAN_NONE, err); }

void slack_doubt_hear(const struct node *node, const struct event *event)
{
    if (node->slack == NULL)
        return;
    if (span_equal_text(event->type, SLACK_TOKEN_REVOKED))
        slack_app_doubt(node->slack, SLACK_TROUBLE_REVOKED, event->at_ms / 1000);
    else if (span_equal_text(event->type, SLACK_UNINSTALLED))
        slack_app_doubt(node->slack, SLACK_TROUBLE_UNINSTALLED, event->at_ms / 1000);
    else if (span_equal_text(event->type, SLACK_RECONNECT))
        slack_app_renew(node->slack);
}

void slack_doubt_stop(struct reader *r, const char *word)
{
    char words[EFFECTS_ERROR_BYTES];
    snprintf(words, sizeof words, "%s: install the app again in Slack. Put a new token into the file that slack.token names, or start postern with it; for the same token, "
             "run postern slack reconnect", word);
    reader_stop_sending(r, words);
}

bool slack_doubt_resume(const struct node *node, struct reader *r, unsigned *renewals)
{
    unsigned now = node->slack != NULL ? slack_app_renewals(node->slack) : 0;
    if (now == *renewals)
        return false;
    *renewals = now;
    if (reader_is_stopped(r))
        reader_resume(r);
    return true;
}

void slack_doubt_judge(const struct node *node, struct reader *r, struct slack *client, struct slack_token *token, struct slack_doubt *doubt)
{
    struct slack_identity who = { { 0 }, { 0 }, { 0 }, { 0 } };
    struct err ignored;
    int64_t now_ms = clock_mono_ms(node->clock);
    unsigned doubts = node->slack != NULL ? slack_app_doubts(node->slack) : 0;
    if (slack_doubt_resume(node, r, &doubt->renewals)) /* Slack is asked anew */
        doubt->judged = 0, doubt->next_ms = 0;
    if (doubts == doubt->judged || now_ms < doubt->next_ms || reader_is_stopped(r))
        return;
    doubt->next_ms = now_ms + AGAIN_MS;
    if (slack_token_use(node, r->store, client, true, token, &ignored) != OK)
        return;
    struct slack_result result = slack_auth_test(client, &who);
    if (result.outcome != SLACK_DONE && result.outcome != SLACK_STOPPED)
        return; /* Slack cannot say now */
    doubt->judged = doubts;
    if (result.outcome == SLACK_DONE) {
        slack_app_trust(node->slack, doubts);
        return;
    }
    slack_doubt_stop(r, result.error);
}
