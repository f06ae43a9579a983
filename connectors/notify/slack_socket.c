#include "connectors/notify/slack_socket.h"

#include "connectors/notify/slack_call.h"

#include <string.h>

enum { DEPTH = 40, CONNECTIONS_MOST = 1000 };

/* ---- the address ---- */

/* "wss://wss-primary.slack.com/link/?ticket=..." and its like; in tests, whoever plays Slack on this machine. */
static bool is_slacks(const struct slack *s, struct span url)
{
    struct span rest = span_slice(url, sizeof "wss://" - 1, url.bytes), host = span_slice(rest, 0, span_find(rest, '/'));
    if (s->loopback && span_starts(url, SPAN_LITERAL("ws://127.0.0.1:")))
        return true;
    return span_starts(url, SPAN_LITERAL("wss://")) && (span_ends(host, SPAN_LITERAL(".slack.com")) || span_ends(host, SPAN_LITERAL(".slack-gov.com")));
}

struct slack_result slack_open_socket(struct slack *s, char url[SLACK_SOCKET_URL_BYTES])
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct slack_result r = slack_call(s, &(struct slack_call){ .method = "apps.connections.open", .body = SPAN_LITERAL("{}") }, &doc);
    if (r.outcome != SLACK_DONE)
        return r;
    struct from_json_value root = from_json_root(doc);
    struct span text = slack_text_at(&root, "url");
    if (text.bytes == 0 || text.bytes >= SLACK_SOCKET_URL_BYTES)
        return slack_end(SLACK_LATER, "unreadable_answer");
    if (!is_slacks(s, text))
        return slack_end(SLACK_REFUSED, "address_not_slacks");
    memcpy(url, text.at, text.bytes);
    url[text.bytes] = '\0';
    return r;
}

/* ---- envelopes ---- */

static enum slack_envelope_kind kind_of(struct span type)
{
    static const struct { const char *type; enum slack_envelope_kind kind; } rows[] = {
        { "hello", SLACK_ENVELOPE_HELLO },          { "disconnect", SLACK_ENVELOPE_DISCONNECT },      { "events_api", SLACK_ENVELOPE_EVENT },
        { "interactive", SLACK_ENVELOPE_INTERACTION }, { "slash_commands", SLACK_ENVELOPE_COMMAND },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (span_equal_text(type, rows[i].type))
            return rows[i].kind;
    return SLACK_ENVELOPE_OTHER;
}

static enum err_code read_payload(const struct from_json_value *root, struct arena *arena, struct slack_envelope *e, struct err *err)
{
    CLEANUP(buf_done) struct buf text;
    struct from_json_value payload = from_json_member(root, "payload");
    enum err_code code = from_json_object(&payload, err);
    buf_init(&text, SLACK_ENVELOPE_BYTES + 1);
    if (code == OK && !from_json_write(&payload, &text))
        code = err_set(err, ERR_LIMIT, "an envelope's payload");
    if (code != OK)
        return code;
    e->payload = arena_copy(arena, buf_span(&text));
    return e->payload.bytes == text.bytes ? OK : err_set(err, ERR_MEMORY, "an envelope's payload");
}

static enum err_code read_carrier(const struct from_json_value *root, struct arena *arena, struct slack_envelope *e, struct err *err)
{
    struct from_json_value id = from_json_member(root, "envelope_id"), accepts = from_json_member(root, "accepts_response_payload");
    struct span text = SPAN_NONE;
    enum err_code code = e->kind == SLACK_ENVELOPE_OTHER ? from_json_text_opt(&id, SLACK_ENVELOPE_ID_BYTES, &text, err) : from_json_text(&id, SLACK_ENVELOPE_ID_BYTES, &text, err);
    if (code == OK && e->kind != SLACK_ENVELOPE_OTHER && span_empty(text))
        code = from_json_refuse(&id, err, "must not be empty");
    if (code == OK)
        code = from_json_bool_opt(&accepts, &e->wants_payload, err);
    e->id = arena_copy(arena, text);
    return code == OK && e->kind != SLACK_ENVELOPE_OTHER ? read_payload(root, arena, e, err) : code;
}

static enum err_code read_hello(const struct from_json_value *root, struct slack_envelope *e, struct err *err)
{
    struct from_json_value connections = from_json_member(root, "num_connections");
    return from_json_int_opt(&connections, 0, CONNECTIONS_MOST, &e->connections, err);
}

enum err_code slack_read_envelope(struct span text, struct arena *arena, struct slack_envelope *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct from_json_value root;
    struct slack_envelope e = { .kind = SLACK_ENVELOPE_OTHER };
    enum err_code code = slack_open_object(text, (struct from_json_limits){ SLACK_ENVELOPE_BYTES, DEPTH }, "an envelope", &doc, &root, err);
    if (code != OK)
        return code;
    e.kind = kind_of(slack_text_at(&root, "type"));
    if (e.kind == SLACK_ENVELOPE_HELLO)
        code = read_hello(&root, &e, err);
    else if (e.kind == SLACK_ENVELOPE_DISCONNECT)
        e.reason = span_equal_text(slack_text_at(&root, "reason"), "link_disabled") ? SLACK_DISCONNECT_OFF : SLACK_DISCONNECT_REFRESH;
    else
        code = read_carrier(&root, arena, &e, err);
    if (code == OK)
        *out = e;
    return code;
}

enum err_code slack_write_acknowledgement(struct span id, struct span answer, struct buf *out, struct err *err)
{
    struct to_json w;
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_member_text(&w, "envelope_id", id);
    if (!span_empty(answer)) {
        to_json_key(&w, "payload");
        to_json_raw(&w, answer);
    }
    to_json_end(&w);
    return buf_check(out, "an acknowledgement", err);
}
