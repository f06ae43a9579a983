/* What Okta is told. One operation that it does not like voids the whole answer, and then the token goes out unchanged: so only what the request
 * shows to be possible is asked for. */
#include "gateway/doors/okta_hooks.h"

enum { PATH_BYTES = 1024 };

/* RFC 6901 section 3: "~" and "/" of a name are written ~0 and ~1. */
static void append_name(struct buf *out, struct span name)
{
    for (size_t i = 0; i < name.bytes; i++) {
        if (name.at[i] == '~')
            buf_append_text(out, "~0");
        else if (name.at[i] == '/')
            buf_append_text(out, "~1");
        else
            buf_append_byte(out, name.at[i]);
    }
}

static void begin_operation(struct to_json *w, const char *op, struct span path)
{
    to_json_object(w);
    to_json_member_text(w, "op", span_of(op));
    to_json_member_text(w, "path", path);
    to_json_key(w, "value");
}

static void write_attribute(struct to_json *w, struct span value)
{
    to_json_object(w);
    to_json_key(w, "attributes");
    to_json_object(w);
    to_json_member_text(w, "NameFormat", SPAN_LITERAL("urn:oasis:names:tc:SAML:2.0:attrname-format:basic"));
    to_json_end(w);
    to_json_key(w, "attributeValues");
    to_json_array(w);
    to_json_object(w);
    to_json_key(w, "attributes");
    to_json_object(w);
    to_json_member_text(w, "xsi:type", SPAN_LITERAL("xs:string"));
    to_json_end(w);
    to_json_member_text(w, "value", value);
    to_json_end(w);
    to_json_end(w);
    to_json_end(w);
}

/* /claims/<name><ending> becomes `value`; `add` overwrites one that is there. */
static void write_claim(const struct okta_hook *hook, struct span name, const char *ending, struct span value, struct to_json *w)
{
    CLEANUP(buf_done) struct buf path;
    buf_init(&path, PATH_BYTES);
    buf_append_text(&path, "/claims/");
    append_name(&path, name);
    buf_append_text(&path, ending);
    begin_operation(w, "add", buf_span(&path));
    if (hook->kind == OKTA_SAML)
        write_attribute(w, value);
    else
        to_json_text(w, value);
    to_json_end(w);
}

static int64_t limit_of(const struct door_hook *door, enum outcome outcome)
{
    return outcome == OUTCOME_WARN ? door->warned_lifetime_s : outcome == OUTCOME_DENY ? door->denied_lifetime_s : 0;
}

/* Only ever to less than what it would be. A token whose life the request does not show is left as it is; an assertion has no session life unless one is asked for. */
static bool is_shorter(const struct okta_hook *hook, const struct okta_part *part, int64_t limit_s)
{
    if (limit_s == 0)
        return false;
    return part->lifetime_s > limit_s || (part->lifetime_s == 0 && hook->kind == OKTA_SAML);
}

static void write_part(const struct okta_hook *hook, const struct okta_part *part, const char *type, const struct door_hook *door, const struct okta_verdict *v, struct to_json *w)
{
    int64_t limit_s = limit_of(door, v->outcome);
    if (!part->there)
        return;
    to_json_object(w);
    to_json_member_text(w, "type", span_of(type));
    to_json_key(w, "value");
    to_json_array(w);
    write_claim(hook, door->claim, "", span_of(outcome_name(v->outcome)), w);
    if (!span_empty(v->rung))
        write_claim(hook, door->claim, "_rung", v->rung, w);
    if (is_shorter(hook, part, limit_s)) {
        begin_operation(w, hook->kind == OKTA_SAML ? "add" : "replace", hook->kind == OKTA_SAML ? SPAN_LITERAL("/authentication/sessionLifetime") : SPAN_LITERAL("/token/lifetime/expiration"));
        to_json_int(w, limit_s);
        to_json_end(w);
    }
    to_json_end(w);
    to_json_end(w);
}

static void write_commands(const struct okta_hook *hook, const struct door_hook *door, const struct okta_verdict *v, struct to_json *w)
{
    to_json_key(w, "commands");
    to_json_array(w);
    write_part(hook, &hook->access, "com.okta.access.patch", door, v, w);
    write_part(hook, &hook->identity, "com.okta.identity.patch", door, v, w);
    write_part(hook, &hook->assertion, "com.okta.assertion.patch", door, v, w);
    to_json_end(w);
}

/* Okta shows the summary to the person, and hands it to the client as error_description. */
static void write_error(const struct okta_verdict *v, struct to_json *w)
{
    CLEANUP(buf_done) struct buf summary;
    buf_init(&summary, OKTA_BODY_BYTES / 4);
    buf_append(&summary, span_empty(v->reason) ? SPAN_LITERAL("This app cannot open yet.") : v->reason);
    if (!span_empty(v->page)) {
        buf_append_byte(&summary, ' ');
        buf_append(&summary, v->page);
    }
    to_json_key(w, "error");
    to_json_object(w);
    to_json_member_text(w, "errorSummary", buf_span(&summary));
    to_json_end(w);
}

static bool refuses(const struct door_hook *door, const struct okta_verdict *v) { return v->outcome == OUTCOME_DENY && door->refuse; }

bool okta_hook_says(const struct okta_hook *hook, const struct door_hook *door, const struct okta_verdict *v)
{
    return refuses(door, v) || hook->access.there || hook->identity.there || hook->assertion.there;
}

/* An error alone stops a token. Whether it stops an assertion Okta does not say, so there the claim says deny as well, and the session is short. */
void okta_hook_answer(const struct okta_hook *hook, const struct door_hook *door, const struct okta_verdict *v, struct to_json *w)
{
    CLEANUP(buf_done) struct buf note;
    buf_init(&note, PATH_BYTES);
    buf_format(&note, "%.*s %s %s", SPAN_ARGS(v->decision), outcome_name(v->outcome), rule_name(v->rule));
    to_json_object(w);
    if (!refuses(door, v) || hook->kind == OKTA_SAML)
        write_commands(hook, door, v, w);
    if (refuses(door, v))
        write_error(v, w);
    to_json_key(w, "debugContext");
    to_json_object(w);
    to_json_member_text(w, "postern", buf_span(&note));
    to_json_end(w);
    to_json_end(w);
}
