#include "gateway/slack/slack_token.h"

#include "gateway/change.h"
#include "posture/base/from_json.h"

#include <string.h>

enum { RECORD_BYTES = 16 * 1024, DEPTH = 4, EVERY_MS = 30 * 1000, SPENT_ONCE_S = 30 };

/* ---- the record: {"sealed", "seed", "since", "expires"} ---- */

struct kept { struct slack_tokens tokens; char seed[SECRET_HEX_BYTES + 1]; /* of the configured refresh token that it began with */ int64_t since_s, expires_s, version; };

static enum err_code read_token(const struct from_json_value *root, const char *key, char to[SLACK_TOKEN_MOST + 1], struct err *err)
{
    struct from_json_value v = from_json_member(root, key);
    struct span text = SPAN_NONE;
    enum err_code code = from_json_text(&v, SLACK_TOKEN_MOST, &text, err);
    if (code == OK) {
        memcpy(to, text.at, text.bytes);
        to[text.bytes] = '\0';
    }
    return code;
}

static enum err_code open_sealed(const struct node *node, struct span sealed, struct kept *out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf plain;
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    buf_init(&plain, RECORD_BYTES);
    enum err_code code = secret_open(node->secret, SECRET_SEALED, SLACK_TOKEN_RECORD, sealed, &plain, err);
    if (code == OK)
        code = from_json_parse(buf_span(&plain), (struct from_json_limits){ RECORD_BYTES, DEPTH }, "slack_token", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc);
    code = read_token(&root, "access", out->tokens.access, err);
    return code == OK ? read_token(&root, "refresh", out->tokens.refresh, err) : code;
}

static enum err_code read_record(const struct node *node, struct span body, struct kept *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct span sealed = SPAN_NONE, seed = SPAN_NONE;
    enum err_code code = from_json_parse(body, (struct from_json_limits){ RECORD_BYTES, DEPTH }, "slack_token", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), s = from_json_member(&root, "sealed"), seed_at = from_json_member(&root, "seed"), since = from_json_member(&root, "since"),
                           expires = from_json_member(&root, "expires");
    code = from_json_text(&s, RECORD_BYTES, &sealed, err);
    if (code == OK)
        code = from_json_text(&seed_at, SECRET_HEX_BYTES, &seed, err);
    if (code == OK)
        code = from_json_int(&since, 0, INT64_MAX, &out->since_s, err);
    if (code == OK)
        code = from_json_int(&expires, 0, INT64_MAX, &out->expires_s, err);
    if (code != OK)
        return code;
    memcpy(out->seed, seed.at, seed.bytes);
    return open_sealed(node, sealed, out, err);
}

static enum err_code load(const struct node *node, struct store *store, struct kept *out, struct err *err)
{
    CLEANUP(buf_done) struct buf body;
    buf_init(&body, RECORD_BYTES);
    *out = (struct kept){ .version = 0 };
    enum err_code code = store->ops->get(store, RECORD_CONTROL, SLACK_TOKEN_RECORD, &body, &out->version, err);
    return code == OK ? read_record(node, buf_span(&body), out, err) : code;
}

static void forget(struct kept *k) { secret_wipe(k, sizeof *k); }

/* ---- using ---- */

/* One that stays, until its file is replaced. */
static enum err_code use_configured(const struct node *node, struct slack *client, struct slack_token *held, struct err *err)
{
    struct slack_secret_text token;
    int64_t number = slack_app_secret(node->slack, SLACK_SECRET_TOKEN, &token);
    enum err_code code = number != held->version ? slack_set_token(client, span_of(token.text), err) : OK;
    secret_wipe(&token, sizeof token);
    if (code == OK)
        held->version = number;
    return code;
}

enum err_code slack_token_use(const struct node *node, struct store *store, struct slack *client, bool again, struct slack_token *held, struct err *err)
{
    CLEANUP(forget) struct kept kept;
    int64_t now_ms = clock_mono_ms(node->clock);
    if (node->slack == NULL)
        return OK;
    if (!slack_app_rotates(slack_app_options(node->slack)))
        return use_configured(node, client, held, err);
    if (!again && held->version > 0 && now_ms - held->looked_ms < EVERY_MS)
        return OK;
    enum err_code code = load(node, store, &kept, err);
    if (code == OK && kept.version != held->version)
        code = slack_set_token(client, span_of(kept.tokens.access), err);
    if (code == OK)
        *held = (struct slack_token){ kept.version, now_ms };
    return code;
}

int64_t slack_token_expires_s(const struct node *node, struct store *store)
{
    CLEANUP(forget) struct kept kept;
    struct err ignored;
    return load(node, store, &kept, &ignored) == OK ? kept.expires_s : 0;
}

/* ---- keeping ---- */

struct renewal { const struct node *node; const struct slack_tokens *tokens; const char *seed; };

static enum err_code seal(const struct renewal *c, struct buf *sealed, struct err *err)
{
    CLEANUP(buf_wipe) struct buf plain;
    struct to_json w;
    buf_init(&plain, RECORD_BYTES);
    to_json_init(&w, &plain);
    to_json_object(&w);
    to_json_member_text(&w, "access", span_of(c->tokens->access));
    to_json_member_text(&w, "refresh", span_of(c->tokens->refresh));
    to_json_end(&w);
    enum err_code code = buf_check(&plain, "slack_token", err);
    return code == OK ? secret_seal(c->node->secret, SECRET_SEALED, SLACK_TOKEN_RECORD, buf_span(&plain), sealed, err) : code;
}

static enum change_say edit_tokens(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    CLEANUP(buf_done) struct buf sealed;
    const struct renewal *c = context;
    struct to_json w;
    int64_t now_s = clock_wall_s(c->node->clock);
    (void)before;
    buf_init(&sealed, RECORD_BYTES);
    if (seal(c, &sealed, err) != OK)
        return CHANGE_REFUSE;
    to_json_init(&w, after);
    to_json_object(&w);
    to_json_member_text(&w, "sealed", buf_span(&sealed));
    to_json_member_text(&w, "seed", span_of(c->seed));
    to_json_member_int(&w, "since", now_s);
    to_json_member_int(&w, "expires", now_s + c->tokens->lifetime_s);
    to_json_end(&w);
    if (!change_event(events, c->node, "slack.token_renewed", SPAN_NONE, SPAN_NONE, SPAN_LITERAL("slack"), SPAN_NONE))
        return (void)err_set(err, ERR_MEMORY, "slack_token"), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

/* What Slack gave is kept in the keeper until the store has it: Slack gives it once. */
static enum err_code commit_pending(const struct node *node, struct store *store, const char *seed, struct slack_token_keeper *k, struct err *err)
{
    struct renewal c = { node, &k->got, seed };
    enum err_code code = change_control(node, store, SLACK_TOKEN_RECORD, edit_tokens, &c, err);
    if (code != OK)
        return code;
    log_event(node->log, LOG_INFO, "slack.token_renewed", LOG_INT("lifetime_s", k->got.lifetime_s));
    secret_wipe(&k->got, sizeof k->got);
    k->pending = false;
    return OK;
}

static enum err_code spend(const struct node *node, struct store *store, struct slack *client, struct span refresh, struct slack_token_keeper *k, struct err *err)
{
    struct slack_secret_text secret;
    char hex[SECRET_HEX_BYTES + 1];
    secret_sha256_hex(refresh, hex);
    enum err_code code = store->ops->once(store, SPAN_LITERAL("slack_refresh"), span_of(hex), SPENT_ONCE_S, err);
    if (code != OK)
        return code == ERR_CONFLICT ? OK : code; /* another node is at it, or was a moment ago */
    (void)slack_app_secret(node->slack, SLACK_SECRET_CLIENT, &secret);
    struct slack_result r = slack_refresh(client, &(struct slack_client){ slack_app_options(node->slack)->client_id, span_of(secret.text) }, refresh, &k->got);
    secret_wipe(&secret, sizeof secret);
    k->pending = r.outcome == SLACK_DONE;
    if (r.outcome == SLACK_DONE)
        return OK;
    if (r.outcome == SLACK_STOPPED)
        return err_set(err, ERR_DENIED, "Slack does not renew the token (%s): install the app again and give slack.refresh_token its new refresh token", r.error);
    return err_set(err, ERR_UNAVAILABLE, "Slack did not renew the token: %s", r.error);
}

static bool is_due(const struct kept *kept, int64_t now_s) { return now_s - kept->since_s >= (kept->expires_s - kept->since_s) / 2; }

static enum err_code look(const struct node *node, struct store *store, struct slack *client, struct span configured, struct slack_token_keeper *k, struct err *err)
{
    CLEANUP(forget) struct kept kept;
    char seed[SECRET_HEX_BYTES + 1];
    secret_sha256_hex(configured, seed);
    if (k->pending)
        return commit_pending(node, store, seed, k, err);
    enum err_code code = load(node, store, &kept, err);
    if (code != OK && code != ERR_NOT_FOUND)
        return code;
    bool anew = code == ERR_NOT_FOUND || strcmp(kept.seed, seed) != 0; /* the configuration has another one than this began with */
    if (!anew && !is_due(&kept, clock_wall_s(node->clock)))
        return OK;
    code = spend(node, store, client, anew ? configured : span_of(kept.tokens.refresh), k, err);
    return code == OK && k->pending ? commit_pending(node, store, seed, k, err) : code;
}

enum err_code slack_token_keep(const struct node *node, struct store *store, struct slack *client, struct slack_token_keeper *k, struct err *err)
{
    int64_t now_ms = clock_mono_ms(node->clock);
    if (node->slack == NULL || !slack_app_rotates(slack_app_options(node->slack)) || now_ms < k->next_ms)
        return OK;
    struct slack_secret_text configured;
    (void)slack_app_secret(node->slack, SLACK_SECRET_REFRESH, &configured);
    enum err_code code = look(node, store, client, span_of(configured.text), k, err);
    secret_wipe(&configured, sizeof configured);
    k->next_ms = now_ms + (k->pending ? 1000 : EVERY_MS);
    return code;
}
