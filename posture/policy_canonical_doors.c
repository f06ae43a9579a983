/* The doors of a policy in its canonical form: see policy_canonical.c. */
#include "posture/policy_reader.h"
#include "posture/policy_writer.h"

#include "posture/base/clock.h"
#include "posture/base/to_json.h"

static void write_hook(struct to_json *w, const struct door_hook *hook)
{
    to_json_key(w, "hook");
    to_json_object(w);
    to_json_member_text(w, "claim", hook->claim);
    if (hook->denied_lifetime_s == 0)
        to_json_member_bool(w, "denied_lifetime", false);
    else
        policy_write_duration(w, "denied_lifetime", hook->denied_lifetime_s);
    to_json_member_bool(w, "refuse", hook->refuse);
    if (hook->warned_lifetime_s == 0)
        to_json_member_bool(w, "warned_lifetime", false);
    else
        policy_write_duration(w, "warned_lifetime", hook->warned_lifetime_s);
    to_json_end(w);
}

static void write_oidc(struct to_json *w, const struct door *door)
{
    const struct door_oidc *oidc = &door->oidc;
    bool entra = door->use == DOOR_USE_ENTRA;
    to_json_key(w, "oidc");
    to_json_object(w);
    if (!entra)
        to_json_member_text(w, "auth", span_of(door_auth_name(oidc->auth)));
    to_json_member_text(w, "client_id", oidc->client_id);
    to_json_member_text_if(w, "hint_audience", oidc->hint_audience);
    to_json_member_text_if(w, "hint_issuer", oidc->hint_issuer);
    to_json_member_text_if(w, "hint_metadata", oidc->hint_metadata);
    to_json_member_text_if(w, "jwks", oidc->jwks);
    if (!entra)
        to_json_member_bool(w, "pkce", oidc->pkce);
    policy_write_texts(w, "redirect_uris", oidc->redirect_uris, oidc->redirect_uri_count);
    if (!entra)
        to_json_member_text(w, "signing", oidc->signing);
    else
        policy_write_texts(w, "tenants", oidc->tenants, oidc->tenant_count);
    to_json_end(w);
}

static void write_saml(struct to_json *w, const struct door_saml *saml)
{
    to_json_key(w, "saml");
    to_json_object(w);
    policy_write_texts(w, "acs", saml->acs, saml->acs_count);
    if (saml->certificate_count > 0)
        policy_write_texts(w, "certificates", saml->certificates, saml->certificate_count);
    to_json_member_text_if(w, "context", saml->context);
    to_json_member_text(w, "entity_id", saml->entity_id);
    to_json_member_text(w, "name_id", span_of(door_name_id_name(saml->name_id)));
    to_json_member_text(w, "requests", span_of(door_requests_name(saml->requests)));
    to_json_member_bool(w, "sha1", saml->sha1);
    to_json_member_text(w, "sign", span_of(door_sign_name(saml->sign)));
    to_json_end(w);
}

void door_to_json(const struct door *door, struct to_json *w)
{
    bool login = door->kind != DOOR_OKTA_HOOK;
    to_json_object(w);
    to_json_member_text_if(w, "app", door->app);
    if (!login)
        write_hook(w, &door->hook);
    to_json_member_text(w, "id", door->id);
    to_json_member_text(w, "kind", span_of(door_kind_name(door->kind)));
    if (login)
        policy_write_duration(w, "login", door->login_s);
    if (door->kind == DOOR_OIDC)
        write_oidc(w, door);
    if (door->kind == DOOR_SAML)
        write_saml(w, &door->saml);
    to_json_member_text(w, "title", door->title);
    if (login) {
        to_json_member_text(w, "use", span_of(door_use_name(door->use)));
        policy_write_duration(w, "warn_every", door->warn_every_s);
        to_json_member_text(w, "when_denied", span_of(door_when_denied_name(door->when_denied)));
    }
    to_json_end(w);
}

void policy_doors_write(const struct policy *p, struct to_json *w)
{
    to_json_key(w, "doors");
    to_json_array(w);
    for (size_t i = 0; i < p->door_count; i++)
        door_to_json(&p->doors[i], w);
    to_json_end(w);
}
