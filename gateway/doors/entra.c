#include "gateway/doors/entra.h"

#include "gateway/key_fetcher.h"

enum { GUID_BYTES = 36, NAME_BYTES = 320, SUBJECT_BYTES = 255, ISSUER_BYTES = DOOR_URL_BYTES + 64, OLDEST_S = 600 };

/* 8-4-4-4-12 hexadecimal digits (RFC 9562 section 4). */
static bool is_guid(struct span text)
{
    bool good = text.bytes == GUID_BYTES;
    for (size_t i = 0; good && i < GUID_BYTES; i++) {
        char c = text.at[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        good = dash ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    }
    return good;
}

static bool is_tenant_of(const struct door *door, struct span tenant)
{
    for (size_t i = 0; i < door->oidc.tenant_count; i++)
        if (span_equal_fold(door->oidc.tenants[i], tenant))
            return true;
    return false;
}

static enum err_code read_guid(const struct from_json_value *claims, const char *name, struct arena *arena, struct span *out, struct err *err)
{
    struct from_json_value member = from_json_member(claims, name);
    struct span text = SPAN_NONE;
    enum err_code code = from_json_text(&member, GUID_BYTES, &text, err);
    if (code == OK && !is_guid(text))
        code = from_json_refuse(&member, err, "must be a GUID");
    *out = code == OK ? arena_copy(arena, text) : SPAN_NONE;
    return code == OK && span_empty(*out) ? err_set(err, ERR_MEMORY, "a hint") : code;
}

/* The door's issuer with the tenant in its place: every tenant has an issuer of its own, and only that may speak for it. */
static struct span issuer_of(const struct door *door, struct span tenant, struct arena *arena)
{
    struct span form = door->oidc.hint_issuer, mark = SPAN_LITERAL("{tid}");
    size_t at = span_search(form, mark);
    if (form.bytes > ISSUER_BYTES)
        return SPAN_NONE;
    return arena_format(arena, "%.*s%.*s%.*s", SPAN_ARGS(span_slice(form, 0, at)), SPAN_ARGS(tenant), SPAN_ARGS(span_slice(form, at + mark.bytes, form.bytes)));
}

static enum err_code verify(struct http_request *r, const struct door *door, struct jose_token *token, struct err *err)
{
    CLEANUP(key_set_dropp) struct key_set *set = NULL;
    if (jose_token_algorithm(token) != JOSE_RS256)
        return err_set(err, ERR_DENIED, "the hint is not signed with RS256");
    if (span_empty(jose_token_kid(token)))
        return err_set(err, ERR_INPUT, "the hint does not say which key signed it");
    if (r->node->keys == NULL)
        return err_set(err, ERR_UNAVAILABLE, "this node fetches no keys");
    enum err_code code = key_fetcher_take(r->node->keys, door->oidc.hint_metadata, jose_token_kid(token), JOSE_RS256, &set, err);
    if (code == OK)
        code = jose_token_verify(token, set->keys, JOSE_RS256, err);
    return code == ERR_NOT_FOUND ? err_set(err, ERR_DENIED, "the hint was signed with a key that Entra does not publish") : code;
}

/* Tenant first: it decides which issuer is right. */
static enum err_code check(struct http_request *r, const struct door *door, const struct jose_token *token, struct entra_hint *out, struct err *err)
{
    struct from_json_value claims = jose_token_claims(token), sub = from_json_member(&claims, "sub");
    struct span subject = SPAN_NONE;
    enum err_code code = read_guid(&claims, "tid", r->arena, &out->tenant, err);
    if (code == OK && !is_tenant_of(door, out->tenant))
        code = err_set(err, ERR_DENIED, "tenant %.*s is not one of this door's", SPAN_ARGS(out->tenant));
    if (code == OK)
        code = read_guid(&claims, "oid", r->arena, &out->object, err);
    if (code == OK)
        code = from_json_text(&sub, SUBJECT_BYTES, &subject, err);
    if (code != OK)
        return code;
    out->subject = arena_copy(r->arena, subject);
    struct jose_rules rules = { .issuer = issuer_of(door, out->tenant, r->arena), .audience = door->oidc.hint_audience, .expired_is_fine = true, .oldest_s = OLDEST_S,
                                .skew_s = JOSE_SKEW_S, .now_s = r->now_s };
    if (span_empty(out->subject) || span_empty(rules.issuer) || span_empty(rules.audience))
        return err_set(err, ERR_INPUT, span_empty(out->subject) ? "the hint names nobody" : "this door has no hint_audience");
    return jose_token_check(token, &rules, err);
}

static bool is_known(const struct http_request *r, struct span name)
{
    directory_enter(r->node->directory);
    bool known = !span_empty(name) && directory_person_by(r->node->directory, name) != NULL;
    directory_leave(r->node->directory);
    return known;
}

/* An unknown person is named by what would have to be their alias, for whoever reads the log. */
static enum err_code find_person(struct http_request *r, const struct jose_token *token, struct entra_hint *out, struct err *err)
{
    struct from_json_value claims = jose_token_claims(token), member = from_json_member(&claims, "upn");
    struct span upn = SPAN_NONE, both = arena_format(r->arena, "%.*s:%.*s", SPAN_ARGS(out->tenant), SPAN_ARGS(out->object));
    enum err_code code = from_json_text_opt(&member, NAME_BYTES, &upn, err);
    if (code == OK && span_empty(both))
        code = err_set(err, ERR_MEMORY, "a hint");
    if (code != OK)
        return code;
    bool named = span_find(upn, '@') < upn.bytes; /* a user principal name is one at a domain that the tenant has proved to own */
    out->person = is_known(r, both) ? both : is_known(r, out->object) ? out->object : named && is_known(r, upn) ? arena_copy(r->arena, upn) : both;
    return span_empty(out->person) ? err_set(err, ERR_MEMORY, "a hint") : OK;
}

enum err_code entra_hint_check(struct http_request *r, const struct door *door, struct span hint, struct entra_hint *out, struct err *err)
{
    CLEANUP(jose_token_freep) struct jose_token *token = NULL;
    struct entra_hint found = { .subject = SPAN_NONE };
    enum err_code code = jose_token_read(hint, &token, err);
    if (code == OK)
        code = verify(r, door, token, err);
    if (code == OK)
        code = check(r, door, token, &found, err);
    if (code == OK)
        code = find_person(r, token, &found, err);
    if (code == OK)
        *out = found;
    return code;
}
