/* What Okta sends, into what is needed of it. */
#include "gateway/doors/okta_hooks.h"

enum { TYPE_BYTES = 200, LIFETIME_MOST_S = 10 * 365 * 86400 };

static struct from_json_value member(const struct from_json_value *object, const char *key) { return from_json_member(object, key); }

static enum err_code read_type(const struct from_json_value *root, const char *wanted, struct err *err)
{
    struct from_json_value v = member(root, "eventType");
    struct span type = SPAN_NONE;
    enum err_code code = from_json_text(&v, TYPE_BYTES, &type, err);
    return code == OK && !span_equal_text(type, wanted) ? from_json_refuse(&v, err, "must be %s here", wanted) : code;
}

static enum err_code read_text(const struct from_json_value *object, const char *key, size_t max_bytes, struct span *out, struct err *err)
{
    struct from_json_value v = member(object, key);
    return from_json_text_opt(&v, max_bytes, out, err);
}

static enum err_code read_user(const struct from_json_value *context, struct okta_hook *out, struct err *err)
{
    struct from_json_value user = member(context, "user"), profile = member(&user, "profile");
    enum err_code code = read_text(&user, "id", OKTA_ID_BYTES, &out->user, err);
    return code == OK ? read_text(&profile, "login", OKTA_LOGIN_BYTES, &out->login, err) : code;
}

static enum err_code read_app(const struct from_json_value *protocol, struct okta_hook *out, struct err *err)
{
    struct from_json_value client = member(protocol, "client"), issuer = member(protocol, "issuer");
    return out->kind == OKTA_TOKEN ? read_text(&client, "id", OKTA_ID_BYTES, &out->app, err) : read_text(&issuer, "id", OKTA_ID_BYTES, &out->app, err);
}

/* Only a token that a service gets for itself has no person. */
static enum err_code check_person(const struct from_json_value *context, const struct from_json_value *protocol, struct okta_hook *out, struct err *err)
{
    struct from_json_value request = member(protocol, "request"), user = member(context, "user");
    struct span grant = SPAN_NONE;
    if (!span_empty(out->login) || !span_empty(out->user))
        return OK;
    enum err_code code = read_text(&request, "grant_type", TYPE_BYTES, &grant, err);
    out->machine = code == OK && out->kind == OKTA_TOKEN && span_equal_text(grant, "client_credentials");
    return code != OK || out->machine ? code : from_json_refuse(&user, err, "must name a person by profile.login or id");
}

static enum err_code read_part(const struct from_json_value *data, const char *key, struct okta_part *out, struct err *err)
{
    struct from_json_value part = member(data, key), token = member(&part, "token"), lifetime = member(&token, "lifetime"), expiration = member(&lifetime, "expiration");
    if (!from_json_present(&part))
        return OK;
    enum err_code code = from_json_object(&part, err);
    if (code == OK)
        code = from_json_int_opt(&expiration, 0, LIFETIME_MOST_S, &out->lifetime_s, err);
    out->there = code == OK;
    return code;
}

/* What Okta calls the lifetime of an assertion is how long it may be presented; the session at the app is authentication.sessionLifetime. */
static enum err_code read_assertion(const struct from_json_value *data, struct okta_part *out, struct err *err)
{
    struct from_json_value part = member(data, "assertion"), authentication = member(&part, "authentication"), lifetime = member(&authentication, "sessionLifetime");
    enum err_code code = from_json_object(&part, err);
    if (code == OK)
        code = from_json_int_opt(&lifetime, 0, LIFETIME_MOST_S, &out->lifetime_s, err);
    out->there = code == OK;
    return code;
}

enum err_code okta_hook_read(const struct from_json_value *root, enum okta_hook_kind kind, struct okta_hook *out, struct err *err)
{
    struct from_json_value data = member(root, "data"), context = member(&data, "context"), protocol = member(&context, "protocol");
    *out = (struct okta_hook){ .kind = kind };
    enum err_code code = from_json_object(root, err);
    if (code == OK)
        code = read_type(root, kind == OKTA_TOKEN ? "com.okta.oauth2.tokens.transform" : "com.okta.saml.tokens.transform", err);
    if (code == OK)
        code = read_text(root, "eventId", OKTA_ID_BYTES, &out->event, err);
    if (code == OK)
        code = from_json_object(&context, err);
    if (code == OK)
        code = read_user(&context, out, err);
    if (code == OK)
        code = read_app(&protocol, out, err);
    if (code == OK)
        code = check_person(&context, &protocol, out, err);
    if (code == OK && kind == OKTA_SAML)
        return read_assertion(&data, &out->assertion, err);
    if (code == OK)
        code = read_part(&data, "access", &out->access, err);
    return code == OK ? read_part(&data, "identity", &out->identity, err) : code;
}

/* ---- events ---- */

enum err_code okta_events_open(const struct from_json_value *root, struct span *event_id, struct from_json_value *data, struct from_json_value *events, struct err *err)
{
    *data = member(root, "data");
    *events = member(data, "events");
    enum err_code code = from_json_object(root, err);
    if (code == OK)
        code = read_type(root, "com.okta.event_hook", err);
    if (code == OK)
        code = read_text(root, "eventId", OKTA_ID_BYTES, event_id, err);
    if (code == OK)
        code = from_json_array(events, OKTA_EVENTS_MOST, err);
    for (size_t i = 0; code == OK && i < from_json_count(events); i++) {
        struct from_json_value one = from_json_item(events, i);
        code = from_json_object(&one, err);
    }
    return code;
}

/* Empty when absent, of another type or too long. */
static struct span text_of(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = member(object, key);
    struct span text = SPAN_NONE;
    return from_json_text(&v, OKTA_LOGIN_BYTES, &text, NULL) == OK ? text : SPAN_NONE;
}

void okta_event_read(const struct from_json_value *events, size_t index, struct okta_event *out)
{
    struct from_json_value e = from_json_item(events, index), actor = member(&e, "actor"), outcome = member(&e, "outcome"), targets = member(&e, "target");
    struct from_json_value target = from_json_item(&targets, 0);
    *out = (struct okta_event){ .uuid = text_of(&e, "uuid"), .type = text_of(&e, "eventType"), .result = text_of(&outcome, "result"), .reason = text_of(&outcome, "reason"),
                                .hook = text_of(&target, "displayName") };
    if (span_equal_text(text_of(&actor, "type"), "User")) {
        out->person = text_of(&actor, "alternateId");
        out->person_id = text_of(&actor, "id");
    }
}

bool okta_event_is_login(const struct okta_event *e)
{
    static const char *const types[] = { "user.session.start", "user.session.context.change", "user.authentication.sso", "user.authentication.auth_via_mfa" };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (span_equal_text(e->type, types[i]))
            return true;
    return false;
}

bool okta_event_is_failed_hook(const struct okta_event *e)
{
    return span_equal_text(e->type, "inline_hook.executed") && !span_empty(e->result) && !span_equal_text(e->result, "SUCCESS") && !span_equal_text(e->result, "ALLOW") &&
           !span_equal_text(e->result, "SKIPPED");
}
