#include "connectors/notify/slack_inbound.h"

#include "connectors/notify/slack_call.h"
#include "connectors/notify/slack_signature.h"
#include "posture/base/buf.h"
#include "posture/base/form.h"
#include "posture/base/from_json.h"

#include <string.h>

enum { DEPTH = 32, METADATA_BYTES = 3000, ACTION_BYTES = 255, VALUE_BYTES = 2000, SLACK_TRIGGER_BYTES = 200 };

/* ---- words ---- */

static bool is_word_byte(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/* Ids are opaque; what matters is that none can mean anything else where it is used. */
static bool is_word(struct span s)
{
    for (size_t i = 0; i < s.bytes; i++)
        if (!is_word_byte(s.at[i]))
            return false;
    return s.bytes <= SLACK_WORD_BYTES;
}

static struct span cut(struct span text, size_t most)
{
    struct span s = span_slice(text, 0, most);
    while (!span_is_utf8(s)) /* never half a character */
        s.bytes--;
    return s;
}

/* One text under one or two keys. Absent, null or of another type: empty, as vendors may. */
static struct span text_at(const struct from_json_value *object, const char *first, const char *second, struct arena *arena, size_t most)
{
    struct from_json_value v = from_json_member(object, first), inner = second == NULL ? v : from_json_member(&v, second);
    struct span text = SPAN_NONE;
    struct err ignored;
    return from_json_text(&inner, SLACK_BODY_BYTES, &text, &ignored) == OK ? arena_copy(arena, cut(text, most)) : SPAN_NONE;
}

static bool true_at(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    bool on = false;
    struct err ignored;
    return from_json_bool(&v, &on, &ignored) == OK && on;
}

static bool is_there(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    return from_json_present(&v);
}

/* Every id that was read has to be one. Room for one byte more than allowed shows what is too long. */
static enum err_code check_words(const struct slack_heard *h, struct err *err)
{
    const struct { const char *name; struct span word; } words[] = {
        { "team", h->team }, { "enterprise", h->enterprise }, { "user", h->user }, { "user's team", h->user_team },
        { "channel", h->channel }, { "message", h->message }, { "view", h->view },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!is_word(words[i].word))
            return err_set(err, ERR_INPUT, "Slack's id of the %s is not one", words[i].name);
    if (h->trigger.bytes > SLACK_TRIGGER_BYTES || h->response_url.bytes > SLACK_RESPONSE_URL_BYTES)
        return err_set(err, ERR_LIMIT, "Slack's trigger_id or response_url is too long");
    return OK;
}

static enum err_code check_origin(const struct slack_heard *h, struct err *err)
{
    if (span_empty(h->user))
        return err_set(err, ERR_INPUT, "Slack's request names no user");
    if (span_empty(h->team) && span_empty(h->enterprise))
        return err_set(err, ERR_INPUT, "Slack's request names neither a team nor an organisation");
    return OK;
}

static enum err_code check_heard(const struct slack_heard *h, struct err *err)
{
    enum err_code code = check_words(h, err);
    if (code == OK)
        code = check_origin(h, err);
    if (code == OK && h->key.bytes > SLACK_KEY_BYTES)
        return err_set(err, ERR_LIMIT, "Slack's id of the request is too long");
    return code;
}

enum { WORD_ROOM = SLACK_WORD_BYTES + 1 };

/* ---- events ---- */

/* Without this the app would answer itself, and everything that Slack says about its own messages. */
static bool is_from_a_person(const struct from_json_value *event)
{
    struct from_json_value channel_type = from_json_member(event, "channel_type");
    struct span kind = SPAN_NONE;
    struct err ignored;
    bool direct = from_json_text(&channel_type, 16, &kind, &ignored) == OK && span_equal_text(kind, "im");
    return direct && !is_there(event, "subtype") && !is_there(event, "bot_id") && !is_there(event, "bot_profile") && !true_at(event, "hidden") && is_there(event, "user");
}

static void read_message(const struct from_json_value *event, struct arena *arena, struct slack_heard *h)
{
    if (!is_from_a_person(event))
        return;
    h->kind = SLACK_HEARD_MESSAGE;
    h->user = text_at(event, "user", NULL, arena, WORD_ROOM);
    h->channel = text_at(event, "channel", NULL, arena, WORD_ROOM);
    h->text = text_at(event, "text", NULL, arena, SLACK_TYPED_BYTES);
}

static void read_home(const struct from_json_value *event, struct arena *arena, struct slack_heard *h)
{
    if (!span_equal_text(text_at(event, "tab", NULL, arena, WORD_ROOM), "home"))
        return;
    h->kind = SLACK_HEARD_HOME;
    h->user = text_at(event, "user", NULL, arena, WORD_ROOM);
}

static void read_user(const struct from_json_value *event, struct arena *arena, struct slack_heard *h)
{
    h->kind = SLACK_HEARD_USER;
    h->user = text_at(event, "user", "id", arena, WORD_ROOM);
}

static void read_revoked(const struct from_json_value *event, struct arena *arena, struct slack_heard *h)
{
    struct from_json_value tokens = from_json_member(event, "tokens"), bot = from_json_member(&tokens, "bot");
    (void)arena;
    if (from_json_count(&bot) > 0) /* people's own tokens are none of ours */
        h->kind = SLACK_HEARD_REVOKED;
}

static void read_uninstalled(const struct from_json_value *event, struct arena *arena, struct slack_heard *h)
{
    (void)event, (void)arena;
    h->kind = SLACK_HEARD_UNINSTALLED;
}

static const struct { const char *type; void (*read)(const struct from_json_value *event, struct arena *arena, struct slack_heard *h); } events[] = {
    { "message", read_message },       { "app_home_opened", read_home },    { "user_change", read_user },
    { "team_join", read_user },        { "tokens_revoked", read_revoked },  { "app_uninstalled", read_uninstalled },
};

static enum err_code read_callback(const struct from_json_value *root, struct arena *arena, struct slack_heard *h, struct err *err)
{
    struct from_json_value event = from_json_member(root, "event");
    enum err_code code = from_json_object(&event, err);
    if (code != OK)
        return code;
    struct span type = text_at(&event, "type", NULL, arena, WORD_ROOM);
    h->key = text_at(root, "event_id", NULL, arena, SLACK_KEY_BYTES + 1);
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (span_equal_text(type, events[i].type))
            events[i].read(&event, arena, h);
    bool concerns_a_person = h->kind == SLACK_HEARD_MESSAGE || h->kind == SLACK_HEARD_HOME || h->kind == SLACK_HEARD_USER;
    return concerns_a_person ? check_heard(h, err) : check_words(h, err);
}

static enum err_code read_challenge(const struct from_json_value *root, struct arena *arena, struct slack_heard *h, struct err *err)
{
    struct from_json_value v = from_json_member(root, "challenge");
    struct span text = SPAN_NONE;
    enum err_code code = from_json_text(&v, SLACK_CHALLENGE_BYTES, &text, err);
    h->kind = SLACK_HEARD_CHALLENGE;
    h->text = arena_copy(arena, text);
    return code;
}

enum err_code slack_read_event(struct span body, struct arena *arena, struct slack_heard *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct from_json_value root;
    struct slack_heard h = { .kind = SLACK_HEARD_NOTHING };
    enum err_code code = slack_open_object(body, (struct from_json_limits){ SLACK_BODY_BYTES, DEPTH }, "body", &doc, &root, err);
    if (code != OK)
        return code;
    struct span type = text_at(&root, "type", NULL, arena, WORD_ROOM);
    h.team = text_at(&root, "team_id", NULL, arena, WORD_ROOM);
    h.enterprise = text_at(&root, "enterprise_id", NULL, arena, WORD_ROOM);
    if (span_equal_text(type, "url_verification"))
        code = read_challenge(&root, arena, &h, err);
    else if (span_equal_text(type, "event_callback"))
        code = read_callback(&root, arena, &h, err);
    else if (span_equal_text(type, "app_rate_limited"))
        h.kind = SLACK_HEARD_RATE_LIMITED;
    if (code == OK)
        *out = h;
    return code;
}

/* ---- interactions ---- */

/* `moment` is what differs each time somebody does it; without it there is no key. */
static void make_key(struct slack_heard *h, struct arena *arena, const char *kind, struct span what, struct span moment)
{
    if (!span_empty(moment))
        h->key = arena_format(arena, "%s:%.*s:%.*s:%.*s", kind, SPAN_ARGS(h->user), SPAN_ARGS(span_slice(what, 0, SLACK_WORD_BYTES)), SPAN_ARGS(moment));
}

static enum err_code read_click(const struct from_json_value *root, struct arena *arena, struct slack_heard *h, struct err *err)
{
    struct from_json_value actions = from_json_member(root, "actions"), first = from_json_item(&actions, 0), container = from_json_member(root, "container");
    if (from_json_count(&actions) == 0)
        return from_json_refuse(&actions, err, "must name what was pressed");
    h->kind = SLACK_HEARD_CLICK;
    h->action = text_at(&first, "action_id", NULL, arena, ACTION_BYTES);
    h->value = text_at(&first, "value", NULL, arena, VALUE_BYTES);
    if (span_empty(h->value))
        h->value = text_at(&first, "selected_option", "value", arena, VALUE_BYTES);
    h->channel = text_at(&container, "channel_id", NULL, arena, WORD_ROOM);
    h->message = text_at(&container, "message_ts", NULL, arena, WORD_ROOM);
    h->view = text_at(root, "view", "id", arena, WORD_ROOM);
    h->ephemeral = true_at(&container, "is_ephemeral");
    make_key(h, arena, "click", h->action, text_at(&first, "action_ts", NULL, arena, WORD_ROOM));
    return OK;
}

/* What a modal took under one of our blocks and actions; absent or null: empty. */
static struct span field_at(const struct from_json_value *values, const char *block, const char *action, const char *key, const char *inner, struct arena *arena, size_t most)
{
    struct from_json_value b = from_json_member(values, block), field = from_json_member(&b, action);
    return text_at(&field, key, inner, arena, most);
}

static enum err_code read_submission(const struct from_json_value *root, struct arena *arena, struct slack_heard *h, struct err *err)
{
    struct from_json_value view = from_json_member(root, "view"), state = from_json_member(&view, "state"), values = from_json_member(&state, "values");
    enum err_code code = from_json_object(&view, err);
    if (code != OK)
        return code;
    h->kind = SLACK_HEARD_SUBMIT;
    h->action = text_at(&view, "callback_id", NULL, arena, ACTION_BYTES);
    h->value = text_at(&view, "private_metadata", NULL, arena, METADATA_BYTES);
    h->view = text_at(&view, "id", NULL, arena, WORD_ROOM);
    h->text = field_at(&values, SLACK_NOTE_BLOCK, SLACK_NOTE_ACTION, "value", NULL, arena, SLACK_TYPED_BYTES);
    h->measure = field_at(&values, SLACK_MEASURE_BLOCK, SLACK_MEASURE_ACTION, "value", NULL, arena, SLACK_TYPED_BYTES);
    h->until = field_at(&values, SLACK_UNTIL_BLOCK, SLACK_UNTIL_ACTION, "selected_date", NULL, arena, WORD_ROOM);
    h->choice = field_at(&values, SLACK_CHOICE_BLOCK, SLACK_CHOICE_ACTION, "selected_option", "value", arena, VALUE_BYTES);
    make_key(h, arena, "view", h->view, text_at(&view, "hash", NULL, arena, WORD_ROOM));
    return OK;
}

static enum err_code read_payload(const struct from_json_value *root, struct arena *arena, struct slack_heard *h, struct err *err)
{
    struct span type = text_at(root, "type", NULL, arena, WORD_ROOM);
    h->team = text_at(root, "team", "id", arena, WORD_ROOM);
    h->enterprise = text_at(root, "enterprise", "id", arena, WORD_ROOM);
    h->user = text_at(root, "user", "id", arena, WORD_ROOM);
    h->user_team = text_at(root, "user", "team_id", arena, WORD_ROOM);
    h->trigger = text_at(root, "trigger_id", NULL, arena, SLACK_TRIGGER_BYTES + 1);
    h->response_url = text_at(root, "response_url", NULL, arena, SLACK_RESPONSE_URL_BYTES + 1);
    enum err_code code = check_words(h, err); /* the key is made of these */
    if (code != OK)
        return code;
    if (span_equal_text(type, "block_actions"))
        code = read_click(root, arena, h, err);
    else if (span_equal_text(type, "view_submission"))
        code = read_submission(root, arena, h, err);
    else
        return OK;
    return code == OK ? check_heard(h, err) : code;
}

enum err_code slack_read_interaction_payload(struct span json, struct arena *arena, struct slack_heard *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct from_json_value root;
    struct slack_heard h = { .kind = SLACK_HEARD_NOTHING };
    enum err_code code = slack_open_object(json, (struct from_json_limits){ SLACK_BODY_BYTES, DEPTH }, "payload", &doc, &root, err);
    if (code == OK)
        code = read_payload(&root, arena, &h, err);
    if (code == OK)
        *out = h;
    return code;
}

enum err_code slack_read_interaction(struct span body, struct arena *arena, struct slack_heard *out, struct err *err)
{
    struct span payload = SPAN_NONE;
    if (form_value(arena, body, "payload", &payload, err) != OK)
        return err_set(err, ERR_INPUT, "the form has no payload that can be read");
    return slack_read_interaction_payload(payload, arena, out, err);
}

/* ---- commands ---- */

/* Absent is empty; broken is refused. */
static enum err_code field(struct span body, struct arena *arena, const char *name, struct span *out, struct err *err)
{
    enum err_code code = form_value(arena, body, name, out, err);
    if (code == ERR_NOT_FOUND)
        *out = SPAN_NONE;
    return code == ERR_NOT_FOUND ? OK : code;
}

enum { COMMAND_FIELDS = 8 };
struct command_field { const char *name; struct span *to; };

static void command_fields(struct slack_heard *h, struct command_field fields[COMMAND_FIELDS])
{
    const struct command_field all[COMMAND_FIELDS] = {
        { "team_id", &h->team }, { "enterprise_id", &h->enterprise }, { "user_id", &h->user }, { "command", &h->action },
        { "text", &h->text },    { "trigger_id", &h->trigger },       { "response_url", &h->response_url }, { "channel_id", &h->channel },
    };
    memcpy(fields, all, sizeof all);
}

static enum err_code check_command(struct slack_heard *h, struct arena *arena, struct slack_heard *out, struct err *err)
{
    if (span_empty(h->action) || h->action.bytes > 64 || h->action.at[0] != '/')
        return err_set(err, ERR_INPUT, "the request names no command");
    h->text = cut(h->text, SLACK_TYPED_BYTES);
    enum err_code code = check_words(h, err);
    if (code == OK)
        make_key(h, arena, "command", SPAN_NONE, h->trigger);
    if (code == OK)
        code = check_heard(h, err);
    if (code == OK)
        *out = *h;
    return code;
}

enum err_code slack_read_command(struct span body, struct arena *arena, struct slack_heard *out, struct err *err)
{
    struct slack_heard h = { .kind = SLACK_HEARD_COMMAND };
    struct command_field fields[COMMAND_FIELDS];
    enum err_code code = OK;
    command_fields(&h, fields);
    for (size_t i = 0; code == OK && i < COMMAND_FIELDS; i++)
        code = field(body, arena, fields[i].name, fields[i].to, err);
    return code == OK ? check_command(&h, arena, out, err) : code;
}

enum err_code slack_read_command_payload(struct span json, struct arena *arena, struct slack_heard *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct from_json_value root;
    struct slack_heard h = { .kind = SLACK_HEARD_COMMAND };
    struct command_field fields[COMMAND_FIELDS];
    enum err_code code = slack_open_object(json, (struct from_json_limits){ SLACK_BODY_BYTES, DEPTH }, "payload", &doc, &root, err);
    command_fields(&h, fields);
    for (size_t i = 0; code == OK && i < COMMAND_FIELDS; i++)
        *fields[i].to = text_at(&root, fields[i].name, NULL, arena, SLACK_BODY_BYTES);
    return code == OK ? check_command(&h, arena, out, err) : code;
}

bool slack_is_ssl_check(struct span body, struct arena *arena)
{
    struct span value = SPAN_NONE;
    struct err ignored;
    return form_value(arena, body, "ssl_check", &value, &ignored) == OK && span_equal_text(value, "1");
}
