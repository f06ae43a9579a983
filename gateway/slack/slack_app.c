#include "gateway/slack/slack_app.h"

#include "posture/base/yaml_read.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { TEXTS_BYTES = 64 * 1024, COMMAND_MOST = 32 };
#define AT(field) offsetof(struct slack_app_options, field)

const struct option slack_app_rows[] = {
    { .name = "slack.token", .kind = OPTION_SECRET, .offset = AT(token), .file_offset = AT(token_file), .example = "env:SLACK_BOT_TOKEN", .help = "Bot token (xoxb-). Secrets of slack that are files are read again when these change. Absent: no message is sent, a notice counts only when it was shown." },
    { .name = "slack.signing_secret", .kind = OPTION_SECRET, .offset = AT(signing_secret), .file_offset = AT(signing_secret_file), .example = "env:SLACK_SIGNING_SECRET", .help = "Proves that requests come from Slack. Without it and without slack.app_token buttons lead to the person's page, and nothing is taken from Slack." },
    { .name = "slack.old_signing_secret", .kind = OPTION_SECRET, .offset = AT(old_signing_secret), .file_offset = AT(old_signing_secret_file), .example = "env:SLACK_OLD_SIGNING_SECRET", .help = "Counts too, while the signing secret is being replaced." },
    { .name = "slack.app_token", .kind = OPTION_SECRET, .offset = AT(app_token), .file_offset = AT(app_token_file), .example = "env:SLACK_APP_TOKEN", .help = "App-level token (xapp-, scope connections:write): Socket Mode. This gateway calls Slack, and clicks and words come over that connection, so Slack needs not reach it. Absent: off." },
    { .name = "slack.command", .kind = OPTION_TEXT, .offset = AT(command), .fallback = "/device", .help = "Name of the slash command. Another app may own the word already." },
    { .name = "slack.teams", .kind = OPTION_LIST, .offset = AT(teams), .example = "[T024BE7LD]", .help = "Workspaces (T...) and organisations (E...) whose people are answered. Absent: the token's own." },
    { .name = "slack.away_emoji", .kind = OPTION_LIST, .offset = AT(away_emoji), .example = "[\":palm_tree:\", \":face_with_thermometer:\"]", .help = "Emoji of a status that mean that somebody is away: no clock runs and nobody is written to. Only that is kept, and until when. Absent: none." },
    { .name = "slack.away_words", .kind = OPTION_LIST, .offset = AT(away_words), .example = "[vacation, \"on leave\"]", .help = "Words of a status that mean the same, anywhere in it and whatever their case. Absent: none." },
    { .name = "slack.approvals", .kind = OPTION_TEXT, .offset = AT(approvals), .example = "C024BE91L", .help = "Channel (its id) in which those who decide are asked about exemptions; invite the app to it. Absent: they are asked in their Home tab and on their page." },
    { .name = "slack.guests", .kind = OPTION_BOOL, .offset = AT(guests), .fallback = "false", .help = "Guests of the workspace are written to as well." },
    { .name = "slack.client_id", .kind = OPTION_TEXT, .offset = AT(client_id), .example = "\"123.456\"", .help = "With token rotation: the app's client id." },
    { .name = "slack.client_secret", .kind = OPTION_SECRET, .offset = AT(client_secret), .file_offset = AT(client_secret_file), .example = "env:SLACK_CLIENT_SECRET", .help = "With token rotation: the app's client secret." },
    { .name = "slack.refresh_token", .kind = OPTION_SECRET, .offset = AT(refresh_token), .file_offset = AT(refresh_token_file), .example = "env:SLACK_REFRESH_TOKEN", .help = "With token rotation: the first refresh token (xoxe-). Later ones are kept sealed in the store; another one here begins anew." },
    { .name = "slack.api_url", .kind = OPTION_TEXT, .offset = AT(api_url), .fallback = "https://slack.com/api", .help = "Another base URL, for the government cloud or a test; plain http only on loopback." },
};
const size_t slack_app_row_count = sizeof slack_app_rows / sizeof slack_app_rows[0];

bool slack_app_calls(const struct slack_app_options *o) { return !span_empty(o->app_token); }
bool slack_app_rotates(const struct slack_app_options *o) { return !span_empty(o->refresh_token); }
bool slack_app_is_on(const struct slack_app_options *o) { return !span_empty(o->token) || slack_app_rotates(o); }

/* Manifest schema: 2 to 32 characters, and what a person can type. */
static bool is_command(struct span s)
{
    for (size_t i = 1; i < s.bytes; i++)
        if (!((s.at[i] >= 'a' && s.at[i] <= 'z') || (s.at[i] >= '0' && s.at[i] <= '9') || s.at[i] == '-' || s.at[i] == '_'))
            return false;
    return s.bytes >= 2 && s.bytes <= COMMAND_MOST && s.at[0] == '/';
}

static bool is_channel(struct span s)
{
    for (size_t i = 0; i < s.bytes; i++)
        if (!((s.at[i] >= 'A' && s.at[i] <= 'Z') || (s.at[i] >= '0' && s.at[i] <= '9')))
            return false;
    return s.bytes >= 2 && s.bytes <= SLACK_WORD_BYTES && (s.at[0] == 'C' || s.at[0] == 'G');
}

bool slack_app_options_check(const struct slack_app_options *o, bool secrets_read, struct span file, struct mistakes *mistakes)
{
    const struct yaml_node place = { .file = file };
    bool client = !span_empty(o->client_id), secret = !span_empty(o->client_secret), refresh = !span_empty(o->refresh_token), good = true;
    if (!is_command(o->command)) {
        yaml_mistake(mistakes, &place, "slack.command must be \"/\" and 1 to 31 of a-z, 0-9, - and _");
        good = false;
    }
    if (!span_empty(o->approvals) && !is_channel(o->approvals)) {
        yaml_mistake(mistakes, &place, "slack.approvals must be the id of a channel (C...), as Slack shows it in the channel's details");
        good = false;
    }
    if (client != secret || secret != refresh) {
        yaml_mistake(mistakes, &place, "slack.client_id, slack.client_secret and slack.refresh_token go together");
        good = false;
    }
    if (secrets_read && slack_app_calls(o) && !span_starts(o->app_token, SLACK_APP_TOKEN_BEGINS)) {
        yaml_mistake(mistakes, &place, "slack.app_token must be an app-level token, which begins with xapp-");
        good = false;
    }
    if (slack_app_calls(o) && !slack_app_is_on(o)) {
        yaml_mistake(mistakes, &place, "slack.app_token needs slack.token, with which answers are sent");
        good = false;
    }
    if (!span_empty(o->old_signing_secret) && span_empty(o->signing_secret)) {
        yaml_mistake(mistakes, &place, "slack.old_signing_secret needs slack.signing_secret");
        good = false;
    }
    const struct span secrets[] = { o->token, o->signing_secret, o->old_signing_secret, o->app_token, o->client_secret, o->refresh_token };
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
        if (secrets_read && secrets[i].bytes > SLACK_TOKEN_MOST) {
            yaml_mistake(mistakes, &place, "a secret of slack has %zu bytes, must have at most %d", secrets[i].bytes, SLACK_TOKEN_MOST);
            good = false;
        }
    return good;
}

struct slack_options slack_app_client(const struct slack_app_options *o)
{
    return (struct slack_options){ .token = slack_app_rotates(o) ? SPAN_NONE : o->token, .token_later = slack_app_rotates(o), .base_url = o->api_url,
                                   .allow_loopback_http = span_starts(o->api_url, SPAN_LITERAL("http://")) };
}

/* ---- the app ---- */

struct slack_app {
    struct slack_app_options options;
    struct arena texts;
    struct slack_secrets *secrets;
    pthread_mutex_t lock;               /* guards `identity` and `known`: held for a copy */
    struct slack_identity identity;
    bool known;
    atomic_uint renewals;
    atomic_uint doubts, trusted;        /* how often the token was doubted; how many of these Slack has cleared */
    _Atomic int64_t doubted_s;
    atomic_int trouble;
};

static bool copy_list(struct slack_app *app, const struct option_list *from, struct option_list *to)
{
    struct span *all = arena_array(&app->texts, from->count + 1, sizeof *all);
    for (size_t i = 0; all != NULL && i < from->count; i++)
        all[i] = arena_copy(&app->texts, from->all[i]);
    *to = (struct option_list){ all, from->count };
    return all != NULL;
}

static bool copy_options(struct slack_app *app, const struct slack_app_options *from)
{
    const struct span *const texts[] = { &from->token, &from->signing_secret, &from->old_signing_secret, &from->app_token, &from->api_url, &from->command, &from->approvals, &from->client_id, &from->client_secret, &from->refresh_token };
    struct slack_app_options *o = &app->options;
    struct span *const copies[] = { &o->token, &o->signing_secret, &o->old_signing_secret, &o->app_token, &o->api_url, &o->command, &o->approvals, &o->client_id, &o->client_secret, &o->refresh_token };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *copies[i] = arena_copy(&app->texts, *texts[i]);
        if (copies[i]->bytes != texts[i]->bytes)
            return false;
    }
    o->guests = from->guests;
    return copy_list(app, &from->teams, &o->teams) && copy_list(app, &from->away_emoji, &o->away_emoji) && copy_list(app, &from->away_words, &o->away_words);
}

static struct slack_secrets *keep_secrets(const struct slack_app_options *o)
{
    const struct slack_secret_source sources[SLACK_SECRET_KINDS] = {
        [SLACK_SECRET_TOKEN] = { o->token, o->token_file },
        [SLACK_SECRET_SIGNING] = { o->signing_secret, o->signing_secret_file },
        [SLACK_SECRET_OLD_SIGNING] = { o->old_signing_secret, o->old_signing_secret_file },
        [SLACK_SECRET_APP_TOKEN] = { o->app_token, o->app_token_file },
        [SLACK_SECRET_CLIENT] = { o->client_secret, o->client_secret_file },
        [SLACK_SECRET_REFRESH] = { o->refresh_token, o->refresh_token_file },
    };
    return slack_secrets_new(sources);
}

struct slack_app *slack_app_new(const struct slack_app_options *options)
{
    struct slack_app *app = calloc(1, sizeof *app);
    if (app == NULL)
        return NULL;
    pthread_mutex_init(&app->lock, NULL);
    arena_init(&app->texts, 4096, TEXTS_BYTES);
    if (copy_options(app, options) && (app->secrets = keep_secrets(options)) != NULL)
        return app;
    slack_app_free(app);
    return NULL;
}

static void wipe(struct span text) /* our own copy */
{
    if (text.bytes > 0)
        secret_wipe((void *)(uintptr_t)text.at, text.bytes);
}

void slack_app_free(struct slack_app *app)
{
    if (app == NULL)
        return;
    const struct slack_app_options *o = &app->options;
    const struct span secrets[] = { o->token, o->signing_secret, o->old_signing_secret, o->app_token, o->client_secret, o->refresh_token };
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
        wipe(secrets[i]);
    slack_secrets_free(app->secrets);
    pthread_mutex_destroy(&app->lock);
    arena_done(&app->texts);
    free(app);
}

const struct slack_app_options *slack_app_options(const struct slack_app *app) { return &app->options; }
bool slack_app_proves(const struct slack_app *app) { return app != NULL && !span_empty(app->options.signing_secret); }
bool slack_app_hears(const struct slack_app *app) { return app != NULL && (slack_app_proves(app) || slack_app_calls(&app->options)); }

/* ---- secrets ---- */

int64_t slack_app_secret(struct slack_app *app, enum slack_secret which, struct slack_secret_text *out) { return slack_secrets_copy(app->secrets, which, out); }

void slack_app_refresh(struct slack_app *app, const struct log *log)
{
    if (app != NULL && slack_secrets_refresh(app->secrets, log))
        slack_app_renew(app);
}

void slack_app_renew(struct slack_app *app) { atomic_fetch_add(&app->renewals, 1); }
unsigned slack_app_renewals(const struct slack_app *app) { return atomic_load(&app->renewals); }

enum slack_proof slack_app_prove(struct slack_app *app, const struct slack_signed *what, int64_t now_s)
{
    struct slack_secret_text now, old;
    (void)slack_app_secret(app, SLACK_SECRET_SIGNING, &now);
    (void)slack_app_secret(app, SLACK_SECRET_OLD_SIGNING, &old);
    const struct span secrets[SLACK_SECRETS] = { span_of(now.text), span_of(old.text) };
    enum slack_proof proof = slack_prove(what, secrets, now_s);
    secret_wipe(&now, sizeof now);
    secret_wipe(&old, sizeof old);
    return proof;
}

/* ---- whose workspace it is ---- */

static bool is_listed(const struct slack_app *app, struct span id)
{
    for (size_t i = 0; i < app->options.teams.count; i++)
        if (!span_empty(id) && span_equal(app->options.teams.all[i], id))
            return true;
    return false;
}

static bool is_the_tokens(struct slack_app *app, struct span team, struct span enterprise)
{
    struct slack_identity i;
    if (!slack_app_identity(app, &i))
        return true;
    return (!span_empty(team) && span_equal_text(team, i.team)) || (!span_empty(enterprise) && span_equal_text(enterprise, i.enterprise));
}

/* In a channel shared with another organisation its people can type our command too. */
bool slack_app_is_ours(struct slack_app *app, const struct slack_heard *h)
{
    bool listed = app->options.teams.count > 0, foreign_user = !span_empty(h->user_team) && !span_empty(h->team) && !span_equal(h->user_team, h->team);
    if (foreign_user)
        return listed && is_listed(app, h->user_team);
    return listed ? is_listed(app, h->team) || is_listed(app, h->enterprise) : is_the_tokens(app, h->team, h->enterprise);
}

void slack_app_learn(struct slack_app *app, const struct slack_identity *identity)
{
    pthread_mutex_lock(&app->lock);
    app->identity = *identity;
    app->known = true;
    pthread_mutex_unlock(&app->lock);
}

bool slack_app_identity(struct slack_app *app, struct slack_identity *out)
{
    pthread_mutex_lock(&app->lock);
    bool known = app->known;
    if (known)
        *out = app->identity;
    pthread_mutex_unlock(&app->lock);
    return known;
}

/* ---- doubts ---- */

void slack_app_doubt(struct slack_app *app, enum slack_trouble what, int64_t at_s)
{
    atomic_store(&app->trouble, (int)what);
    atomic_store(&app->doubted_s, at_s);
    atomic_fetch_add(&app->doubts, 1); /* last: whoever sees it sees what it is about */
}

unsigned slack_app_doubts(const struct slack_app *app) { return atomic_load(&app->doubts); }
void slack_app_trust(struct slack_app *app, unsigned doubts) { atomic_store(&app->trusted, doubts); }

enum slack_trouble slack_app_trouble(const struct slack_app *app, int64_t *at_s)
{
    if (app == NULL || atomic_load(&app->doubts) == atomic_load(&app->trusted))
        return SLACK_TROUBLE_NONE;
    *at_s = atomic_load(&app->doubted_s);
    return (enum slack_trouble)atomic_load(&app->trouble);
}
