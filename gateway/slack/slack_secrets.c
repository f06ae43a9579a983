#include "gateway/slack/slack_secrets.h"

#include "posture/base/arena.h"
#include "posture/base/file.h"
#include "posture/base/secret.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES = 64 * 1024, PATHS_BYTES = 32 * 1024 };

struct kept { struct slack_secret_text now; int64_t number; struct span file; struct file_mark mark; };
struct slack_secrets {
    pthread_mutex_t lock; /* guards `now` and `number`: held for a copy, by whichever worker checks a signature and by the readers' threads */
    struct kept all[SLACK_SECRET_KINDS];
    struct arena paths;
};

static const char *const names[SLACK_SECRET_KINDS] = {
    [SLACK_SECRET_TOKEN] = "slack.token",         [SLACK_SECRET_SIGNING] = "slack.signing_secret", [SLACK_SECRET_OLD_SIGNING] = "slack.old_signing_secret",
    [SLACK_SECRET_APP_TOKEN] = "slack.app_token", [SLACK_SECRET_CLIENT] = "slack.client_secret",   [SLACK_SECRET_REFRESH] = "slack.refresh_token",
};

static void put(struct kept *k, struct span text)
{
    secret_wipe(&k->now, sizeof k->now);
    if (!span_empty(text))
        memcpy(k->now.text, text.at, text.bytes);
    k->number++;
}

struct slack_secrets *slack_secrets_new(const struct slack_secret_source sources[SLACK_SECRET_KINDS])
{
    struct slack_secrets *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    pthread_mutex_init(&s->lock, NULL);
    arena_init(&s->paths, 1024, PATHS_BYTES);
    for (size_t i = 0; i < SLACK_SECRET_KINDS; i++) {
        struct kept *k = &s->all[i];
        k->file = arena_copy(&s->paths, sources[i].file);
        if (sources[i].text.bytes > SLACK_TOKEN_MOST || k->file.bytes != sources[i].file.bytes) {
            slack_secrets_free(s);
            return NULL;
        }
        put(k, sources[i].text); /* the first look at its file reads it again: it may have changed since */
    }
    return s;
}

void slack_secrets_free(struct slack_secrets *s)
{
    if (s == NULL)
        return;
    arena_done(&s->paths);
    pthread_mutex_destroy(&s->lock);
    secret_free(s, sizeof *s);
}

int64_t slack_secrets_copy(struct slack_secrets *s, enum slack_secret which, struct slack_secret_text *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->all[which].now;
    int64_t number = s->all[which].number;
    pthread_mutex_unlock(&s->lock);
    return number;
}

/* ---- files ---- */

/* It becomes part of a header field. */
static bool is_visible(struct span text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if (text.at[i] <= ' ' || text.at[i] > '~')
            return false;
    return text.bytes > 0;
}

static enum err_code check(enum slack_secret which, struct span text, struct err *err)
{
    if (!is_visible(text) || text.bytes > SLACK_TOKEN_MOST)
        return err_set(err, ERR_INPUT, "%s must have 1 to %d visible characters, its file holds %zu", names[which], SLACK_TOKEN_MOST, text.bytes);
    if (which == SLACK_SECRET_APP_TOKEN && !span_starts(text, SLACK_APP_TOKEN_BEGINS))
        return err_set(err, ERR_INPUT, "%s must be an app-level token, which begins with xapp-", names[which]);
    return OK;
}

static bool take(struct slack_secrets *s, enum slack_secret which, struct span text)
{
    struct kept *k = &s->all[which];
    pthread_mutex_lock(&s->lock);
    bool differs = !span_equal_text(text, k->now.text);
    if (differs)
        put(k, text);
    pthread_mutex_unlock(&s->lock);
    return differs;
}

static bool read_again(struct slack_secrets *s, enum slack_secret which, const struct log *log)
{
    CLEANUP(buf_wipe) struct buf content;
    struct err err;
    buf_init(&content, FILE_BYTES);
    enum err_code code = file_read(s->all[which].file.at, FILE_BYTES, &content, &err);
    struct span text = span_trim(buf_span(&content));
    if (code == OK)
        code = check(which, text, &err);
    if (code != OK) {
        log_event(log, LOG_WARN, "slack.secret_not_read", LOG_STR("secret", names[which]), LOG_ERR(&err), LOG_STR("effect", "the one read before stays in use"));
        return false;
    }
    bool differs = take(s, which, text);
    if (differs)
        log_event(log, LOG_INFO, "slack.secret_read", LOG_STR("secret", names[which]));
    return differs;
}

bool slack_secrets_refresh(struct slack_secrets *s, const struct log *log)
{
    bool any = false;
    for (size_t i = 0; i < SLACK_SECRET_KINDS; i++) {
        struct kept *k = &s->all[i];
        bool was_there = k->mark.inode != 0;
        if (!span_empty(k->file) && file_has_changed(k->file.at, &k->mark) && (was_there || k->mark.inode != 0)) /* one that stays away is said once */
            any = read_again(s, (enum slack_secret)i, log) || any;
    }
    return any;
}
