/* What of an authorization request is kept until the answer, as the JSON object of struct login.request. It is sealed with the login, so nobody changed it. */
#include "gateway/doors/oidc_request.h"

#include <stddef.h>

enum { RESTORE_DEPTH = 4 };
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static void write_values(struct to_json *w, const char *key, const struct oidc_values *values)
{
    if (values->count == 0)
        return;
    to_json_key(w, key);
    to_json_array(w);
    for (size_t i = 0; i < values->count; i++)
        to_json_text(w, values->all[i]);
    to_json_end(w);
}

/* The texts and numbers of a request that are kept, for writing and reading alike. */
struct kept_text { const char *key; size_t offset; };
static const struct kept_text kept_texts[] = {
    { "redirect_uri", offsetof(struct oidc_request, redirect_uri) }, { "state", offsetof(struct oidc_request, state) },   { "nonce", offsetof(struct oidc_request, nonce) },
    { "challenge", offsetof(struct oidc_request, challenge) },       { "sub", offsetof(struct oidc_request, subject) },   { "app_id", offsetof(struct oidc_request, app_id) },
    { "app_name", offsetof(struct oidc_request, app_name) },
};
enum { FLAG_FORM_POST = 1, FLAG_ID_TOKEN = 2, FLAG_ACR_ESSENTIAL = 4, FLAG_APP_API = 8 };

static int64_t flags_of(const struct oidc_request *q)
{
    return (q->form_post ? FLAG_FORM_POST : 0) | (q->id_token ? FLAG_ID_TOKEN : 0) | (q->acr_essential ? FLAG_ACR_ESSENTIAL : 0) | (q->app_names == OIDC_APP_API ? FLAG_APP_API : 0);
}

enum err_code oidc_request_write(const struct oidc_request *q, struct arena *a, struct span *json, struct err *err)
{
    CLEANUP(buf_done) struct buf text;
    struct to_json w;
    buf_init(&text, LOGIN_REQUEST_BYTES);
    to_json_init(&w, &text);
    to_json_object(&w);
    for (size_t i = 0; i < COUNT(kept_texts); i++)
        to_json_member_text_if(&w, kept_texts[i].key, *(const struct span *)(const void *)((const char *)q + kept_texts[i].offset));
    to_json_member_int(&w, "flags", flags_of(q));
    to_json_member_int(&w, "scopes", q->scopes);
    to_json_member_int(&w, "id_claims", q->id_claims);
    to_json_member_int(&w, "userinfo_claims", q->userinfo_claims);
    write_values(&w, "acr", &q->acr);
    write_values(&w, "amr", &q->amr);
    to_json_end(&w);
    enum err_code code = buf_check(&text, "an authorization request", err);
    if (code != OK)
        return code;
    *json = arena_copy(a, buf_span(&text));
    return span_empty(*json) ? err_set(err, ERR_MEMORY, "keeping an authorization request") : OK;
}

static enum err_code restore_values(const struct from_json_value *root, const char *key, struct arena *a, struct oidc_values *out, struct err *err)
{
    struct from_json_value list = from_json_member(root, key);
    enum err_code code = from_json_present(&list) ? from_json_array(&list, OIDC_VALUES_MOST, err) : OK;
    for (size_t i = 0; code == OK && i < from_json_count(&list); i++) {
        struct from_json_value item = from_json_item(&list, i);
        struct span text = SPAN_NONE;
        code = from_json_text(&item, OIDC_VALUE_BYTES, &text, err);
        out->all[out->count++] = arena_copy(a, text);
    }
    return code;
}

static enum err_code restore_numbers(const struct from_json_value *root, struct oidc_request *q, struct err *err)
{
    int64_t flags = 0, scopes = 0, id_claims = 0, userinfo_claims = 0;
    const struct { const char *key; int64_t *to; } numbers[] = { { "flags", &flags }, { "scopes", &scopes }, { "id_claims", &id_claims }, { "userinfo_claims", &userinfo_claims } };
    enum err_code code = OK;
    for (size_t i = 0; code == OK && i < COUNT(numbers); i++) {
        struct from_json_value member = from_json_member(root, numbers[i].key);
        code = from_json_int(&member, 0, 255, numbers[i].to, err);
    }
    q->form_post = (flags & FLAG_FORM_POST) != 0;
    q->id_token = (flags & FLAG_ID_TOKEN) != 0;
    q->acr_essential = (flags & FLAG_ACR_ESSENTIAL) != 0;
    q->app_names = (flags & FLAG_APP_API) != 0 ? OIDC_APP_API : OIDC_APP_GUIDE;
    q->scopes = (unsigned)scopes;
    q->id_claims = (unsigned)id_claims;
    q->userinfo_claims = (unsigned)userinfo_claims;
    return code;
}

enum err_code oidc_request_restore(struct span json, struct arena *a, struct oidc_request *q, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    *q = (struct oidc_request){ 0 };
    enum err_code code = from_json_parse(json, (struct from_json_limits){ LOGIN_REQUEST_BYTES, RESTORE_DEPTH }, "the kept request", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc);
    for (size_t i = 0; code == OK && i < COUNT(kept_texts); i++) {
        struct from_json_value member = from_json_member(&root, kept_texts[i].key);
        struct span text = SPAN_NONE;
        code = from_json_text_opt(&member, LOGIN_REQUEST_BYTES, &text, err);
        *(struct span *)(void *)((char *)q + kept_texts[i].offset) = arena_copy(a, text);
    }
    if (code == OK)
        code = restore_numbers(&root, q, err);
    if (code == OK)
        code = restore_values(&root, "acr", a, &q->acr, err);
    return code == OK ? restore_values(&root, "amr", a, &q->amr, err) : code;
}
