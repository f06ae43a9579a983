/* The sections `saml` and `oidc` of a door. */
#include "posture/policy_doors.h"

enum { ENTITY_ID_BYTES = 1024 /* SAML core 8.3.6 */, CLIENT_ID_BYTES = 255, AUDIENCE_BYTES = 255, CONTEXT_BYTES = 1000 };

/* Printable ASCII without a blank: entity ids, client ids (RFC 6749 appendix A.1) and URNs are compared byte by byte. */
static bool read_name(struct policy_reader *r, const struct yaml_node *n, size_t max_bytes, struct span *out)
{
    struct span text;
    if (!policy_reader_text(r, n, max_bytes, &text))
        return false;
    bool good = !span_empty(text);
    for (size_t i = 0; i < text.bytes; i++)
        good = good && text.at[i] > ' ' && text.at[i] < 0x7F;
    if (good)
        *out = text;
    else
        yaml_mistake(r->mistakes, n, "must be letters, digits and signs, without blanks");
    return good;
}

/* ---- saml ---- */

static void read_saml_words(struct policy_reader *r, const struct yaml_node *n, struct door_saml *saml)
{
    static const char *const requests[] = { "optional", "signed", NULL };
    static const char *const signs[] = { "both", "response", "assertion", NULL };
    static const char *const formats[] = { "unspecified", "email", "persistent", "transient", NULL };
    unsigned word;
    if (yaml_word(yaml_get(n, "requests"), requests, &word, r->mistakes))
        saml->requests = (enum door_requests)word;
    if (yaml_word(yaml_get(n, "sign"), signs, &word, r->mistakes))
        saml->sign = (enum door_sign)word;
    if (yaml_word(yaml_get(n, "name_id"), formats, &word, r->mistakes))
        saml->name_id = (enum door_name_id)word;
    (void)yaml_bool(yaml_get(n, "sha1"), &saml->sha1, r->mistakes);
}

void policy_door_saml_read(struct policy_reader *r, const struct yaml_node *n, const struct yaml_node *door_at, struct door *door)
{
    static const char *const known[] = { "entity_id", "acs", "requests", "certificates", "sha1", "sign", "name_id", "context", NULL };
    struct door_saml *saml = &door->saml;
    if (n == NULL)
        yaml_mistake(r->mistakes, door_at, "a door of kind saml needs saml: { entity_id, acs }");
    if (!policy_reader_mapping(r, n, known))
        return;
    if (yaml_get(n, "entity_id") == NULL)
        yaml_mistake(r->mistakes, n, "saml needs the SP's entity_id (its metadata or its set-up page names it)");
    (void)read_name(r, yaml_get(n, "entity_id"), ENTITY_ID_BYTES, &saml->entity_id);
    const struct yaml_node *acs = yaml_get(n, "acs");
    if (acs == NULL || (acs->kind == YAML_SEQUENCE && acs->count == 0))
        yaml_mistake(r->mistakes, acs == NULL ? n : acs, "saml needs acs, the address (or addresses) where answers may go");
    (void)policy_door_urls(r, acs, &saml->acs, &saml->acs_count);
    policy_door_certificates(r, yaml_get(n, "certificates"), &saml->certificates, &saml->certificate_count);
    read_saml_words(r, n, saml);
    if (yaml_get(n, "context") != NULL && !yaml_is_off(yaml_get(n, "context")) && !span_empty(yaml_get(n, "context")->text))
        (void)read_name(r, yaml_get(n, "context"), CONTEXT_BYTES, &saml->context);
    if (saml->requests == DOOR_REQUESTS_SIGNED && yaml_get(n, "certificates") == NULL)
        yaml_mistake(r->mistakes, n, "requests: signed needs certificates, to verify them with");
    if (saml->sha1)
        yaml_warning(r->mistakes, yaml_get(n, "sha1"), "SHA-1 signatures can be forged at some cost; let the SP sign with SHA-256");
}

/* ---- oidc ---- */

static bool is_entra_uri(struct span uri)
{
    for (size_t i = 0; door_entra_redirect_uris[i] != NULL; i++)
        if (span_equal_text(uri, door_entra_redirect_uris[i]))
            return true;
    return false;
}

static bool is_guid(struct span s)
{
    for (size_t i = 0; i < s.bytes; i++) {
        char c = s.at[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (dash ? c != '-' : !hex)
            return false;
    }
    return s.bytes == 36;
}

/* Microsoft writes them in small letters; what the token carries is compared byte by byte. */
static void read_tenants(struct policy_reader *r, const struct yaml_node *n, const struct yaml_node *section, struct door_oidc *oidc)
{
    const struct span *texts;
    size_t count;
    if (n == NULL || (n->kind == YAML_SEQUENCE && n->count == 0))
        yaml_mistake(r->mistakes, n == NULL ? section : n, "an Entra door needs tenants: the tenant ids (GUIDs) that may ask");
    if (!policy_reader_texts(r, n, DOOR_MAX_TENANTS, 64, &texts, &count))
        return;
    struct span *tenants = policy_reader_array(r, count, sizeof *tenants);
    struct policy_named *names = policy_reader_scratch(r, count, sizeof *names);
    if (tenants == NULL || names == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        names[i].at = policy_door_item(n, i);
        names[i].id = tenants[i] = policy_reader_lower(r, texts[i]);
        if (!span_empty(texts[i]) && !is_guid(texts[i]))
            yaml_mistake(r->mistakes, names[i].at, "\"%.*s\" is not a tenant id: it looks like 6babcaad-604b-40ac-a9d7-9fd97c0b779f", SPAN_ARGS(texts[i]));
    }
    policy_reader_unique(r, names, count, "tenant");
    oidc->tenants = tenants;
    oidc->tenant_count = count;
}

static void read_hint(struct policy_reader *r, const struct yaml_node *n, struct door_oidc *oidc)
{
    const struct yaml_node *issuer = yaml_get(n, "hint_issuer"), *metadata = yaml_get(n, "hint_metadata");
    if (yaml_get(n, "hint_audience") == NULL)
        yaml_mistake(r->mistakes, n, "an Entra door needs hint_audience: the App ID of the app registration, or client_id; see which your tenant sends as aud of id_token_hint");
    (void)read_name(r, yaml_get(n, "hint_audience"), AUDIENCE_BYTES, &oidc->hint_audience);
    oidc->hint_issuer = SPAN_LITERAL(DOOR_HINT_ISSUER);
    oidc->hint_metadata = SPAN_LITERAL(DOOR_HINT_METADATA);
    if (read_name(r, issuer, DOOR_URL_BYTES, &oidc->hint_issuer) && span_search(oidc->hint_issuer, SPAN_LITERAL("{tid}")) == oidc->hint_issuer.bytes)
        yaml_mistake(r->mistakes, issuer, "must hold {tid}, which stands for the tenant");
    if (read_name(r, metadata, DOOR_URL_BYTES, &oidc->hint_metadata))
        (void)policy_door_url(r, metadata, oidc->hint_metadata);
}

/* The id_token comes back in the browser (implicit flow), so nothing of a token request applies. */
static void read_entra(struct policy_reader *r, const struct yaml_node *n, const struct yaml_node *door_at, struct door *door)
{
    static const char *const not_here[] = { "auth", "jwks", "pkce", "signing", NULL };
    for (size_t i = 0; not_here[i] != NULL; i++)
        if (yaml_get(n, not_here[i]) != NULL)
            yaml_mistake(r->mistakes, yaml_get(n, not_here[i]), "%s has no meaning with use: entra: Entra makes no token request and takes RS256 only", not_here[i]);
    struct span *first = yaml_get(n, "redirect_uris") == NULL ? policy_reader_array(r, 1, sizeof *first) : NULL;
    if (first != NULL) {
        *first = span_of(door_entra_redirect_uris[0]);
        door->oidc.redirect_uris = first;
        door->oidc.redirect_uri_count = 1;
    }
    for (size_t i = 0; yaml_get(n, "redirect_uris") != NULL && i < door->oidc.redirect_uri_count; i++)
        if (!is_entra_uri(door->oidc.redirect_uris[i]) && !policy_door_loopback(door->oidc.redirect_uris[i]))
            yaml_mistake(r->mistakes, policy_door_item(yaml_get(n, "redirect_uris"), i), "is not an address of Entra; the three are %s, and the same at login.microsoftonline.us and login.partner.microsoftonline.cn",
                         door_entra_redirect_uris[0]);
    read_tenants(r, yaml_get(n, "tenants"), n, &door->oidc);
    read_hint(r, n, &door->oidc);
    door->oidc.auth = DOOR_AUTH_NONE;
    if (span_empty(door->app) && yaml_get(door_at, "app") == NULL)
        yaml_mistake(r->mistakes, door_at, "an Entra door needs app: Entra does not say which app is opened, so one stands for all behind it");
}

static void read_client_auth(struct policy_reader *r, const struct yaml_node *n, struct door_oidc *oidc)
{
    static const char *const words[] = { "client_secret_basic", "client_secret_post", "private_key_jwt", "none", NULL };
    static const char *const algorithms[] = { "RS256", "ES256", NULL };
    unsigned word;
    if (yaml_word(yaml_get(n, "auth"), words, &word, r->mistakes))
        oidc->auth = (enum door_client_auth)word;
    policy_door_jwks(r, yaml_get(n, "jwks"), &oidc->jwks);
    if (oidc->auth == DOOR_AUTH_PRIVATE_KEY_JWT && yaml_get(n, "jwks") == NULL)
        yaml_mistake(r->mistakes, n, "auth: private_key_jwt needs jwks, the client's public keys");
    if (oidc->auth != DOOR_AUTH_PRIVATE_KEY_JWT && yaml_get(n, "jwks") != NULL)
        yaml_mistake(r->mistakes, yaml_get(n, "jwks"), "jwks is for auth: private_key_jwt only");
    if (yaml_bool(yaml_get(n, "pkce"), &oidc->pkce, r->mistakes) && !oidc->pkce && oidc->auth == DOOR_AUTH_NONE)
        yaml_mistake(r->mistakes, yaml_get(n, "pkce"), "a client without a secret must use PKCE: leave pkce true");
    if (yaml_word(yaml_get(n, "signing"), algorithms, &word, r->mistakes) && word == 1)
        oidc->signing = SPAN_LITERAL("ES256");
}

static void refuse_entra_keys(struct policy_reader *r, const struct yaml_node *n)
{
    static const char *const entra[] = { "tenants", "hint_audience", "hint_issuer", "hint_metadata", NULL };
    for (size_t i = 0; entra[i] != NULL; i++)
        if (yaml_get(n, entra[i]) != NULL)
            yaml_mistake(r->mistakes, yaml_get(n, entra[i]), "%s is for use: entra only", entra[i]);
}

void policy_door_oidc_read(struct policy_reader *r, const struct yaml_node *n, const struct yaml_node *door_at, struct door *door)
{
    static const char *const known[] = { "client_id", "redirect_uris", "auth", "jwks", "pkce", "signing", "tenants", "hint_audience", "hint_issuer", "hint_metadata", NULL };
    struct door_oidc *oidc = &door->oidc;
    oidc->client_id = door->id;
    oidc->pkce = true;
    oidc->signing = SPAN_LITERAL("RS256");
    if (n == NULL)
        yaml_mistake(r->mistakes, door_at, "a door of kind oidc needs oidc: { redirect_uris }");
    if (!policy_reader_mapping(r, n, known))
        return;
    (void)read_name(r, yaml_get(n, "client_id"), CLIENT_ID_BYTES, &oidc->client_id);
    const struct yaml_node *uris = yaml_get(n, "redirect_uris");
    if ((uris == NULL && door->use != DOOR_USE_ENTRA) || (uris != NULL && uris->kind == YAML_SEQUENCE && uris->count == 0))
        yaml_mistake(r->mistakes, uris == NULL ? n : uris, "oidc needs redirect_uris, the addresses where answers may go");
    (void)policy_door_urls(r, uris, &oidc->redirect_uris, &oidc->redirect_uri_count);
    if (door->use == DOOR_USE_ENTRA) {
        read_entra(r, n, door_at, door);
        return;
    }
    read_client_auth(r, n, oidc);
    refuse_entra_keys(r, n);
}
