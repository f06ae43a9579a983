/* slack_app: the Slack app as this node knows it: what proves that a request is Slack's, whose workspace it is, what its command is called.
 * Any thread. After the start change: secrets whose files were replaced (slack_secrets.h), and what Slack itself says of the token and its workspace. */
#ifndef GATEWAY_SLACK_APP_H
#define GATEWAY_SLACK_APP_H
#include "config/option.h"
#include "connectors/notify/slack.h"
#include "connectors/notify/slack_inbound.h"
#include "connectors/notify/slack_signature.h"
#include "gateway/node.h"
#include "gateway/slack/slack_secrets.h"

struct slack_app_options {
    struct span token, signing_secret, old_signing_secret, app_token, api_url, command;
    struct span client_id, client_secret, refresh_token;  /* all or none: the token changes every few hours (slack_token.h) */
    struct span token_file, signing_secret_file, old_signing_secret_file, app_token_file, client_secret_file, refresh_token_file; /* where they came from; empty: no file */
    struct option_list away_emoji, away_words;            /* of a status that means "away" */
    struct span approvals;                                /* C...: where those who decide are asked; empty: nowhere */
    bool guests;                                          /* guests are written to as well */
    struct option_list teams;                             /* T... or E...; empty: the token's own */
};
extern const struct option slack_app_rows[];
extern const size_t slack_app_row_count;
/* What is wrong together, told with the other mistakes of the file. Without secrets read, their form is not judged. */
bool slack_app_options_check(const struct slack_app_options *o, bool secrets_read, struct span file, struct mistakes *mistakes);
/* Slack is configured: there is a token, or a way to one. */
bool slack_app_is_on(const struct slack_app_options *o);
bool slack_app_rotates(const struct slack_app_options *o);
/* What the client of the Web API wants to know. Borrows. */
struct slack_options slack_app_client(const struct slack_app_options *o);

struct slack_app;
/* Copies the options. Owned; NULL when memory is short. */
struct slack_app *slack_app_new(const struct slack_app_options *options);
void slack_app_free(struct slack_app *app); /* NULL is fine */
/* Its secrets are those of the start, and say only which there are: slack_app_secret() has them. */
const struct slack_app_options *slack_app_options(const struct slack_app *app);
/* As slack_secrets_copy(). */
int64_t slack_app_secret(struct slack_app *app, enum slack_secret which, struct slack_secret_text *out);
/* Housekeeping: reads secrets again whose files have changed; then what had given up tries again. A NULL app has none. */
void slack_app_refresh(struct slack_app *app, const struct log *log);
/* What gave up (a refused token, Socket Mode switched off) tries again: a secret is another one, or an admin says that it was mended in Slack. */
void slack_app_renew(struct slack_app *app);
unsigned slack_app_renewals(const struct slack_app *app);         /* how often that was so */
/* People can press buttons and write to us. A NULL app hears nothing. */
bool slack_app_hears(const struct slack_app *app);
/* There is a secret that proves Slack's requests, so they are taken. */
bool slack_app_proves(const struct slack_app *app);
/* There is an app-level token: Slack is called, and speaks over that connection (slack_line.h). */
bool slack_app_calls(const struct slack_app_options *o);
enum slack_proof slack_app_prove(struct slack_app *app, const struct slack_signed *what, int64_t now_s);
/* The workspace is ours, and the person is of it. Before the workspace is known (no list, and Slack was not reached yet) a person of their own workspace is. */
bool slack_app_is_ours(struct slack_app *app, const struct slack_heard *heard);
/* What auth.test said last. */
void slack_app_learn(struct slack_app *app, const struct slack_identity *identity);
/* False until it is known. The copy's texts are whole. */
bool slack_app_identity(struct slack_app *app, struct slack_identity *out);

/* Slack has said that the token is no good any more (slack_doubt.h). A NULL app has no trouble. */
enum slack_trouble { SLACK_TROUBLE_NONE, SLACK_TROUBLE_REVOKED, SLACK_TROUBLE_UNINSTALLED };
void slack_app_doubt(struct slack_app *app, enum slack_trouble what, int64_t at_s);
unsigned slack_app_doubts(const struct slack_app *app);           /* how often it was said */
void slack_app_trust(struct slack_app *app, unsigned doubts);     /* asked after that many, Slack said that the token is good */
enum slack_trouble slack_app_trouble(const struct slack_app *app, int64_t *at_s);

#endif
