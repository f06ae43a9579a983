#include "posture/policy.h"

#include <stdlib.h>

const char *const door_entra_redirect_uris[] = { "https://login.microsoftonline.com/common/federation/externalauthprovider",
                                                 "https://login.microsoftonline.us/common/federation/externalauthprovider",
                                                 "https://login.partner.microsoftonline.cn/common/federation/externalauthprovider", NULL };

static int compare_door_id(const void *key, const void *item)
{
    const struct door *door = item;
    return span_compare(*(const struct span *)key, door->id);
}

const struct door *policy_door(const struct policy *p, struct span id)
{
    if (p->door_count == 0)
        return NULL;
    return bsearch(&id, p->doors, p->door_count, sizeof p->doors[0], compare_door_id);
}

const struct door *policy_door_saml(const struct policy *p, struct span entity_id)
{
    for (size_t i = 0; i < p->door_count; i++)
        if (p->doors[i].kind == DOOR_SAML && span_equal(p->doors[i].saml.entity_id, entity_id))
            return &p->doors[i];
    return NULL;
}

const struct door *policy_door_oidc(const struct policy *p, struct span client_id)
{
    for (size_t i = 0; i < p->door_count; i++)
        if (p->doors[i].kind == DOOR_OIDC && span_equal(p->doors[i].oidc.client_id, client_id))
            return &p->doors[i];
    return NULL;
}

const char *door_kind_name(enum door_kind k)
{
    static const char *const names[] = { "saml", "oidc", "okta_hook" };
    return names[k];
}

const char *door_use_name(enum door_use u)
{
    static const char *const names[] = { "login", "factor", "okta_posture", "entra" };
    return names[u];
}

const char *door_requests_name(enum door_requests r) { return r == DOOR_REQUESTS_SIGNED ? "signed" : "optional"; }

const char *door_sign_name(enum door_sign s)
{
    static const char *const names[] = { "both", "response", "assertion" };
    return names[s];
}

const char *door_name_id_name(enum door_name_id n)
{
    static const char *const names[] = { "unspecified", "email", "persistent", "transient" };
    return names[n];
}

const char *door_auth_name(enum door_client_auth a)
{
    static const char *const names[] = { "client_secret_basic", "client_secret_post", "private_key_jwt", "none" };
    return names[a];
}

const char *door_when_denied_name(enum door_when_denied w) { return w == DOOR_DENIED_ANSWER ? "answer" : "page"; }

static bool copy_text(struct arena *a, struct span *text)
{
    bool empty = span_empty(*text);
    *text = empty ? SPAN_NONE : arena_copy(a, *text);
    return empty || text->at != NULL;
}

static bool copy_list(struct arena *a, const struct span **list, size_t count)
{
    struct span *own = arena_array(a, count, sizeof *own);
    bool good = count == 0 || own != NULL;
    for (size_t i = 0; good && i < count; i++) {
        own[i] = (*list)[i];
        good = copy_text(a, &own[i]);
    }
    *list = own;
    return good;
}

bool door_copy(const struct door *d, struct arena *a, struct door *out)
{
    struct door own = *d;
    struct door_saml *saml = &own.saml;
    struct door_oidc *oidc = &own.oidc;
    struct span *const texts[] = { &own.id,         &own.title,     &own.app,        &saml->entity_id,     &saml->context,     &oidc->client_id,
                                   &oidc->jwks,     &oidc->signing, &oidc->hint_audience, &oidc->hint_issuer, &oidc->hint_metadata, &own.hook.claim };
    bool good = true;
    for (size_t i = 0; good && i < sizeof texts / sizeof texts[0]; i++)
        good = copy_text(a, texts[i]);
    good = good && copy_list(a, &saml->acs, saml->acs_count) && copy_list(a, &saml->certificates, saml->certificate_count)
        && copy_list(a, &oidc->redirect_uris, oidc->redirect_uri_count) && copy_list(a, &oidc->tenants, oidc->tenant_count);
    if (good)
        *out = own;
    return good;
}
