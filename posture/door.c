#include "posture/door.h"

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
