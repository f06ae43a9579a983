#include "gateway/doors/oidc_claims.h"

enum { DEPTH_MOST = 8 };

static const struct { const char *name; enum oidc_claim bit; } claims[] = {
    { "name", OIDC_CLAIM_NAME },
    { "preferred_username", OIDC_CLAIM_USERNAME },
    { "email", OIDC_CLAIM_EMAIL },
    { "email_verified", OIDC_CLAIM_EMAIL_VERIFIED },
    { "groups", OIDC_CLAIM_GROUPS },
};
enum { CLAIMS = sizeof claims / sizeof claims[0] };

static const struct { const char *name; enum oidc_scope bit; unsigned claims; } scopes[] = {
    { "openid", OIDC_SCOPE_OPENID, 0 },
    { "profile", OIDC_SCOPE_PROFILE, OIDC_CLAIM_NAME | OIDC_CLAIM_USERNAME },
    { "email", OIDC_SCOPE_EMAIL, OIDC_CLAIM_EMAIL | OIDC_CLAIM_EMAIL_VERIFIED },
    { "groups", OIDC_SCOPE_GROUPS, OIDC_CLAIM_GROUPS },
};
enum { SCOPES = sizeof scopes / sizeof scopes[0] };

/* ---- scopes ---- */

unsigned oidc_scopes_from(struct span list)
{
    struct span word;
    unsigned found = 0;
    while (span_cut(&list, ' ', &word))
        for (size_t i = 0; i < SCOPES; i++)
            if (span_equal_text(word, scopes[i].name))
                found |= scopes[i].bit;
    return found;
}

struct span oidc_scopes_text(unsigned which, struct arena *a)
{
    struct span text = SPAN_NONE;
    for (size_t i = 0; i < SCOPES; i++)
        if ((which & scopes[i].bit) != 0)
            text = arena_format(a, "%.*s%s%s", SPAN_ARGS(text), span_empty(text) ? "" : " ", scopes[i].name);
    return text;
}

unsigned oidc_scopes_claims(unsigned which)
{
    unsigned found = 0;
    for (size_t i = 0; i < SCOPES; i++)
        if ((which & scopes[i].bit) != 0)
            found |= scopes[i].claims;
    return found;
}

const char *oidc_claim_name(size_t index) { return index < CLAIMS ? claims[index].name : NULL; }

/* ---- the claims parameter ---- */

static enum err_code add_value(const struct from_json_value *v, struct arena *a, struct oidc_values *out, struct err *err)
{
    struct span text = SPAN_NONE;
    enum err_code code = from_json_text(v, OIDC_VALUE_BYTES, &text, err);
    if (code != OK)
        return code;
    struct span own = arena_copy(a, text);
    if (own.at == NULL && !span_empty(text))
        return err_set(err, ERR_MEMORY, "reading claims");
    out->all[out->count++] = own;
    return OK;
}

/* {"essential": true, "values": ["a", "b"]} or {"value": "a"}; null: asked for without a wish. */
static enum err_code read_values(const struct from_json_value *claim, struct arena *a, struct oidc_values *out, struct err *err)
{
    if (!from_json_present(claim))
        return OK;
    struct from_json_value essential = from_json_member(claim, "essential"), value = from_json_member(claim, "value"), values = from_json_member(claim, "values");
    enum err_code code = from_json_object(claim, err);
    if (code == OK)
        code = from_json_bool_opt(&essential, &out->essential, err);
    if (code == OK && from_json_present(&values))
        code = from_json_array(&values, OIDC_VALUES_MOST - 1, err);
    for (size_t i = 0; code == OK && i < from_json_count(&values); i++) {
        struct from_json_value item = from_json_item(&values, i);
        code = add_value(&item, a, out, err);
    }
    return code == OK && from_json_present(&value) ? add_value(&value, a, out, err) : code;
}

static enum err_code read_subject(const struct from_json_value *claim, struct arena *a, struct span *out, struct err *err)
{
    struct from_json_value value = from_json_member(claim, "value");
    struct span text = SPAN_NONE;
    enum err_code code = from_json_present(claim) ? from_json_object(claim, err) : OK;
    if (code == OK)
        code = from_json_text_opt(&value, OIDC_SUBJECT_BYTES, &text, err);
    if (code == OK)
        *out = arena_copy(a, text);
    return code;
}

/* The members of "userinfo" or "id_token" that have a name we know. */
static enum err_code read_asked(const struct from_json_value *section, unsigned *out, struct err *err)
{
    void *iterator = NULL;
    const char *key;
    struct from_json_value member;
    enum err_code code = from_json_present(section) ? from_json_object(section, err) : OK;
    while (code == OK && from_json_each(section, &iterator, &key, &member)) {
        if (from_json_present(&member))
            code = from_json_object(&member, err);
        for (size_t i = 0; i < CLAIMS; i++)
            if (span_equal_text(span_of(key), claims[i].name))
                *out |= claims[i].bit;
    }
    return code;
}

enum err_code oidc_claims_read(struct span json, struct arena *a, struct oidc_claims *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct oidc_claims found = { 0 };
    enum err_code code = from_json_parse(json, (struct from_json_limits){ OIDC_CLAIMS_BYTES, DEPTH_MOST }, "claims", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), id_token = from_json_member(&root, "id_token"), userinfo = from_json_member(&root, "userinfo");
    struct from_json_value acr = from_json_member(&id_token, "acr"), amr = from_json_member(&id_token, "amr"), sub = from_json_member(&id_token, "sub");
    code = from_json_object(&root, err);
    if (code == OK)
        code = read_asked(&id_token, &found.id_token, err);
    if (code == OK)
        code = read_asked(&userinfo, &found.userinfo, err);
    if (code == OK)
        code = read_values(&acr, a, &found.acr, err);
    if (code == OK)
        code = read_values(&amr, a, &found.amr, err);
    if (code == OK)
        code = read_subject(&sub, a, &found.subject, err);
    if (code == OK)
        *out = found;
    return code;
}
