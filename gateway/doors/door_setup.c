#include "gateway/doors/door_setup.h"

#include <string.h>

enum { VALUE_BYTES = 32 * 1024 };

/* In values, {name} stands for what is known of the door and this gateway; a field whose {name} is empty is left out. */
struct field { const char *name, *value; };
struct section { const char *title; const struct field *fields; size_t count; };
struct guide { const struct section *sections; size_t count; const char *const *undo; /* NULL-terminated */ };
#define FIELDS(list) (list), sizeof(list) / sizeof(list)[0]
#define SECTIONS(list) (list), sizeof(list) / sizeof(list)[0]

/* ---- Okta, SAML ---- */

static const struct field okta_posture_usage[] = {
    { "Name", "postern" },
    { "IdP Usage", "Device posture provider" },
};
static const struct field okta_factor_usage[] = {
    { "Name", "postern" },
    { "IdP Usage", "Factor only" },
    { "IdP username", "idpuser.subjectNameId" },
    { "Match against", "Okta Username" },
    { "If no match is found", "Redirect to Okta sign-in page" },
};
static const struct field okta_saml[] = {
    { "IdP Issuer URI", "{saml_entity}" },
    { "IdP Single Sign-On URL", "{sso}" },
    { "IdP Signature Certificate", "{certificate}" },
    { "Request Binding", "HTTP POST" },
    { "Request Signature", "Sign SAML Authentication Requests" },
    { "Request Signature Algorithm", "SHA-256" },
    { "Response Signature Verification", "Response or Assertion" },
    { "Response Signature Algorithm", "SHA-256" },
    { "Destination", "{sso}" },
    { "Max Clock Skew", "2 minutes" },
};
static const struct field okta_saml_back[] = {
    { "Audience URI", "{entity_id}" },
    { "Assertion Consumer Service URL", "{acs}" },
};
static const struct field okta_posture_then[] = {
    { "Security > Device integrations > Endpoint security > Add endpoint integration", "Device posture provider, once for each platform: macOS, Windows, iOS, Android, ChromeOS" },
    { "Security > Device assurance policies", "require Managed, and Compliant, as reported by the device posture provider" },
    { "Applications > (app) > Sign On > rule", "first in order, with that device assurance policy: Okta asks only when the first matching rule needs it" },
    { "Send Okta application context", "on: so postern learns which app is opened; without it every login counts as app {app}" },
};
static const struct field okta_factor_then[] = {
    { "Security > Authenticators > Add authenticator > IdP Authenticator", "choose the identity provider made above" },
    { "Security > Authenticators > Enrollment", "the new authenticator: Required" },
    { "Applications > (app) > Sign On > rule", "require this authenticator in the list of allowed methods" },
};
static const struct section okta_posture_saml[] = {
    { "Okta Admin Console: Security > Identity Providers > Add identity provider > SAML 2.0 IdP", FIELDS(okta_posture_usage) },
    { "the same page, SAML Protocol Settings", FIELDS(okta_saml) },
    { "what Okta shows after Finish; this door answers to", FIELDS(okta_saml_back) },
    { "then, still in Okta", FIELDS(okta_posture_then) },
};
static const struct section okta_factor_saml[] = {
    { "Okta Admin Console: Security > Identity Providers > Add identity provider > SAML 2.0 IdP", FIELDS(okta_factor_usage) },
    { "the same page, SAML Protocol Settings", FIELDS(okta_saml) },
    { "what Okta shows after Finish; this door answers to", FIELDS(okta_saml_back) },
    { "then, still in Okta", FIELDS(okta_factor_then) },
};
static const char *const okta_posture_undo[] = {
    "Okta, first: take the device assurance policy out of every app's sign-in rules, else those apps stay closed",
    "Okta: Security > Device integrations > Endpoint security: deactivate and delete the device posture provider of each platform",
    "Okta: Security > Identity Providers: deactivate and delete this identity provider",
    "here, last: postern door remove {id}", NULL,
};
static const char *const okta_factor_undo[] = {
    "Okta, first: take the authenticator out of every app's sign-in rules and out of the enrollment policies, else nobody comes in",
    "Okta: Security > Authenticators: delete the IdP authenticator",
    "Okta: Security > Identity Providers: deactivate and delete this identity provider",
    "here, last: postern door remove {id}", NULL,
};

/* ---- Okta, OpenID Connect ---- */

static const struct field okta_oidc[] = {
    { "Client ID", "{client_id}" },
    { "Client Secret", "{secret}" },
    { "Scopes", "openid email profile" },
    { "Issuer", "{issuer}" },
    { "Authorization endpoint", "{authorize}" },
    { "Token endpoint", "{token}" },
    { "JWKS endpoint", "{jwks}" },
    { "Userinfo endpoint (optional)", "{userinfo}" },
    { "Authorize requests: Enable PKCE", "{pkce}" },
};
static const struct field okta_oidc_back[] = { { "Redirect URI", "{redirect}" } };
static const struct field okta_factor_oidc_usage[] = {
    { "Name", "postern" },
    { "IdP Usage", "Factor only" },
    { "IdP username", "idpuser.preferred_username" },
    { "Match against", "Okta Username" },
};
static const struct section okta_posture_oidc[] = {
    { "Okta Admin Console: Security > Identity Providers > Add identity provider > OpenID Connect IdP", FIELDS(okta_posture_usage) },
    { "the same page", FIELDS(okta_oidc) },
    { "what Okta shows after Finish; this door answers to", FIELDS(okta_oidc_back) },
    { "then, still in Okta", FIELDS(okta_posture_then) },
};
static const struct section okta_factor_oidc_sections[] = {
    { "Okta Admin Console: Security > Identity Providers > Add identity provider > OpenID Connect IdP", FIELDS(okta_factor_oidc_usage) },
    { "the same page", FIELDS(okta_oidc) },
    { "what Okta shows after Finish; this door answers to", FIELDS(okta_oidc_back) },
    { "then, still in Okta", FIELDS(okta_factor_then) },
};

/* ---- Okta hooks ---- */

static const struct field hook_token[] = {
    { "Name", "postern" },
    { "URL", "{url}/hooks/okta/token" },
    { "Authentication field", "Authorization" },
    { "Authentication secret", "{secret}" },
    { "then: Security > API > Authorization Servers > (server) > Access Policies > rule > Use this inline hook", "postern" },
};
static const struct field hook_saml[] = {
    { "Name", "postern SAML" },
    { "URL", "{url}/hooks/okta/saml" },
    { "Authentication field", "Authorization" },
    { "Authentication secret", "{secret}" },
    { "then: Applications > (app) > General > SAML Settings > Edit > Show Advanced Settings > Assertion Inline Hook", "postern SAML" },
};
static const struct field hook_events[] = {
    { "Name", "postern" },
    { "Endpoint URL", "{url}/hooks/okta/events" },
    { "Authentication field", "Authorization" },
    { "Authentication secret", "{secret}" },
    { "Subscribe to events", "User's session was created (user.session.start); User single sign on to app (user.authentication.sso); Inline hook was executed (inline_hook.executed)" },
    { "then", "Verify: Okta asks once, and postern answers" },
};
static const struct field hook_pairing[] = {
    { "At the app", "let in only a token or assertion that carries {claim} with the value allow or warn: Okta goes on with the unchanged one when a hook does not answer" },
};
static const struct section okta_hooks[] = {
    { "Okta Admin Console: Workflow > Inline Hooks > Add Inline Hook > Token", FIELDS(hook_token) },
    { "Okta Admin Console: Workflow > Inline Hooks > Add Inline Hook > SAML", FIELDS(hook_saml) },
    { "Okta Admin Console: Workflow > Event Hooks > Create Event Hook", FIELDS(hook_events) },
    { "because these hooks fail open at Okta", FIELDS(hook_pairing) },
};
static const char *const okta_hooks_undo[] = {
    "at the apps, first: stop requiring the claim, else nobody comes in",
    "Okta: Security > API > Authorization Servers > (server) > Access Policies: take the inline hook out of every rule; Applications > (app): out of the SAML settings",
    "Okta: Workflow > Inline Hooks and Workflow > Event Hooks: deactivate and delete postern",
    "here, last: postern door remove {id}", NULL,
};

/* ---- Microsoft Entra ---- */

static const struct field entra_registration[] = {
    { "Name", "postern" },
    { "Supported account types", "Accounts in any organizational directory (multitenant)" },
    { "Redirect URI, platform Web", "{authorize}" },
    { "API permissions > Microsoft Graph > Delegated", "openid, profile" },
    { "its Application (client) ID; this door expects it as App ID", "{app_id}" },
};
static const struct field entra_method[] = {
    { "Name", "postern" },
    { "Client ID", "{client_id}" },
    { "Discovery Endpoint", "{discovery}" },
    { "App ID", "{app_id}" },
    { "Request permission", "grant it for the whole organisation (admin consent)" },
    { "Enable, and Include", "On, for the groups that are to use it" },
};
static const struct field entra_policy[] = {
    { "Grant", "Require multifactor authentication (an authentication strength cannot ask for an external method)" },
    { "Authentication methods", "turn other second factors off for those people, else they can choose them and go round postern" },
};
static const struct section entra_sections[] = {
    { "Microsoft Entra admin center: App registrations > New registration", FIELDS(entra_registration) },
    { "Microsoft Entra admin center: Authentication methods > Add external method", FIELDS(entra_method) },
    { "Microsoft Entra admin center: Conditional Access > policy", FIELDS(entra_policy) },
};
static const char *const entra_undo[] = {
    "Entra, first: take the groups out of the external method, or let the Conditional Access policies stop asking for multifactor authentication, else people who have no other method are locked out",
    "Entra: Authentication methods: delete the external method postern",
    "Entra: App registrations: delete the registration {app_id}",
    "here, last: postern door remove {id}", NULL,
};

/* ---- Keycloak ---- */

static const struct field keycloak_oidc[] = {
    { "Alias", "the part before /endpoint of the Redirect URI" },
    { "Redirect URI (Keycloak shows it)", "{redirect}" },
    { "Use discovery endpoint", "On" },
    { "Discovery endpoint", "{discovery}" },
    { "Issuer", "{issuer}" },
    { "Authorization URL", "{authorize}" },
    { "Token URL", "{token}" },
    { "User Info URL", "{userinfo}" },
    { "Validate Signatures, Use JWKS URL", "On" },
    { "JWKS URL", "{jwks}" },
    { "Use PKCE, PKCE Method", "{pkce}" },
    { "Client authentication", "{auth}" },
    { "Client ID", "{client_id}" },
    { "Client Secret", "{secret}" },
    { "Advanced > Scopes", "openid email profile" },
    { "Advanced > Pass login_hint", "On" },
};
static const struct field keycloak_saml[] = {
    { "Redirect URI (Keycloak shows it)", "{acs}" },
    { "Service provider entity ID", "{entity_id}" },
    { "Use entity descriptor", "On" },
    { "SAML entity descriptor", "{saml_metadata}" },
    { "Identity provider entity ID", "{saml_entity}" },
    { "Single Sign-On service URL", "{sso}" },
    { "NameID policy format", "Unspecified" },
    { "HTTP-POST binding response, HTTP-POST binding for AuthnRequest", "On" },
    { "Validate Signatures", "On" },
    { "Validating X509 certificates", "{certificate}" },
    { "Pass subject", "On" },
};
static const struct section keycloak_oidc_sections[] = { { "Keycloak: (realm) > Identity providers > OpenID Connect v1.0", FIELDS(keycloak_oidc) } };
static const struct section keycloak_saml_sections[] = { { "Keycloak: (realm) > Identity providers > SAML v2.0", FIELDS(keycloak_saml) } };
static const char *const keycloak_undo[] = {
    "Keycloak, first: take the identity provider out of every authentication flow (Identity Provider Redirector, post login flow), else nobody comes in",
    "Keycloak: (realm) > Identity providers: delete it",
    "here, last: postern door remove {id}", NULL,
};

/* ---- any SP, any client ---- */

static const struct field any_saml[] = {
    { "IdP metadata URL", "{saml_metadata}" },
    { "IdP entity ID (issuer)", "{saml_entity}" },
    { "Single sign-on URL (HTTP-Redirect and HTTP-POST)", "{sso}" },
    { "Signing certificate", "{certificate}" },
    { "SP entity ID (audience), as registered here", "{entity_id}" },
    { "Assertion consumer service URL, as registered here", "{acs}" },
};
static const struct field any_oidc[] = {
    { "Discovery", "{discovery}" },
    { "Issuer", "{issuer}" },
    { "Authorization endpoint", "{authorize}" },
    { "Token endpoint", "{token}" },
    { "JWKS", "{jwks}" },
    { "Userinfo endpoint", "{userinfo}" },
    { "Client ID", "{client_id}" },
    { "Client authentication", "{auth}" },
    { "Client secret", "{secret}" },
    { "PKCE", "{pkce}" },
    { "Redirect URI, as registered here", "{redirect}" },
};
static const struct section any_saml_sections[] = { { "at the service provider, for its identity provider", FIELDS(any_saml) } };
static const struct section any_oidc_sections[] = { { "at the client, for its OpenID Provider", FIELDS(any_oidc) } };
static const char *const any_undo[] = {
    "there, first: let it ask another identity provider, else nobody comes in",
    "here, last: postern door remove {id}", NULL,
};

static struct guide guide_of(const struct door *d)
{
    bool saml = d->kind == DOOR_SAML;
    if (d->kind == DOOR_OKTA_HOOK)
        return (struct guide){ SECTIONS(okta_hooks), okta_hooks_undo };
    if (d->use == DOOR_USE_OKTA_POSTURE)
        return saml ? (struct guide){ SECTIONS(okta_posture_saml), okta_posture_undo } : (struct guide){ SECTIONS(okta_posture_oidc), okta_posture_undo };
    if (d->use == DOOR_USE_FACTOR)
        return saml ? (struct guide){ SECTIONS(okta_factor_saml), okta_factor_undo } : (struct guide){ SECTIONS(okta_factor_oidc_sections), okta_factor_undo };
    if (d->use == DOOR_USE_ENTRA)
        return (struct guide){ SECTIONS(entra_sections), entra_undo };
    if (door_is_keycloak(d))
        return saml ? (struct guide){ SECTIONS(keycloak_saml_sections), keycloak_undo } : (struct guide){ SECTIONS(keycloak_oidc_sections), keycloak_undo };
    return saml ? (struct guide){ SECTIONS(any_saml_sections), any_undo } : (struct guide){ SECTIONS(any_oidc_sections), any_undo };
}

bool door_is_keycloak(const struct door *door)
{
    struct span back = SPAN_NONE;
    if (door->kind == DOOR_SAML && door->saml.acs_count > 0)
        back = door->saml.acs[0];
    if (door->kind == DOOR_OIDC && door->oidc.redirect_uri_count > 0)
        back = door->oidc.redirect_uris[0];
    return span_search(back, SPAN_LITERAL("/realms/")) < back.bytes && span_search(back, SPAN_LITERAL("/broker/")) < back.bytes;
}

/* ---- values ---- */

static struct span first_of(const struct span *all, size_t count) { return count > 0 ? all[0] : SPAN_NONE; }

static struct span auth_words(const struct door_oidc *oidc)
{
    static const char *const words[] = { "Client secret sent as basic auth (client_secret_basic)", "Client secret sent as post (client_secret_post)",
                                         "JWT signed with private key (private_key_jwt)", "none (public client, PKCE)" };
    return span_of(words[oidc->auth]);
}

static struct span secret_words(const struct door_setup *s, struct arena *arena)
{
    bool hook = s->door->kind == DOOR_OKTA_HOOK;
    bool secret = hook || s->door->oidc.auth == DOOR_AUTH_BASIC || s->door->oidc.auth == DOOR_AUTH_POST;
    if (!secret || !span_empty(s->secret))
        return s->secret;
    return arena_format(arena, "(shown once, when it is made; another: postern key create --scope %s --door %.*s)", hook ? "hooks" : "login", SPAN_ARGS(s->door->id));
}

static struct span at_url(const struct door_setup *s, struct arena *arena, const char *path) { return arena_format(arena, "%.*s%s", SPAN_ARGS(s->node->options.public_url), path); }

static struct span value_of(const struct door_setup *s, struct arena *arena, struct span name)
{
    static const struct { const char *name, *path; } paths[] = {
        { "url", "" }, { "issuer", "" }, { "discovery", "/.well-known/openid-configuration" }, { "authorize", "/oidc/authorize" }, { "token", "/oidc/token" },
        { "jwks", "/oidc/jwks" }, { "userinfo", "/oidc/userinfo" }, { "saml_entity", "/saml/metadata" }, { "saml_metadata", "/saml/metadata" }, { "sso", "/saml/sso" },
    };
    const struct door *d = s->door;
    const struct { const char *name; struct span value; } known[] = {
        { "id", d->id }, { "app", d->app }, { "client_id", d->oidc.client_id }, { "app_id", d->oidc.hint_audience }, { "entity_id", d->saml.entity_id },
        { "acs", first_of(d->saml.acs, d->saml.acs_count) }, { "redirect", first_of(d->oidc.redirect_uris, d->oidc.redirect_uri_count) },
        { "certificate", s->certificate }, { "claim", d->hook.claim }, { "pkce", d->oidc.pkce ? SPAN_LITERAL("On, S256") : SPAN_LITERAL("may be off") },
        { "auth", d->kind == DOOR_OIDC ? auth_words(&d->oidc) : SPAN_NONE },
    };
    if (span_equal_text(name, "secret"))
        return secret_words(s, arena);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (span_equal_text(name, paths[i].name))
            return at_url(s, arena, paths[i].path);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (span_equal_text(name, known[i].name))
            return known[i].value;
    return SPAN_NONE;
}

/* The template with its values; false when one of them is empty. */
static bool expand(const struct door_setup *s, struct arena *arena, const char *template, struct buf *out)
{
    struct span rest = span_of(template), part;
    for (bool first = true; span_cut(&rest, '{', &part); first = false) {
        struct span after = part;
        if (!first) {
            struct span name, value = span_cut(&after, '}', &name) ? value_of(s, arena, name) : SPAN_NONE;
            if (span_empty(value))
                return false;
            buf_append(out, value);
        }
        buf_append(out, after);
    }
    return true;
}

static void write_field(const struct door_setup *s, struct arena *arena, const struct field *field, struct to_json *w)
{
    CLEANUP(buf_done) struct buf value;
    buf_init(&value, VALUE_BYTES);
    if (!expand(s, arena, field->value, &value))
        return;
    to_json_object(w);
    to_json_member_text(w, "name", span_of(field->name));
    to_json_member_text(w, "value", buf_span(&value));
    to_json_end(w);
}

static void write_undo(const struct door_setup *s, struct arena *arena, const char *const *undo, struct to_json *w)
{
    to_json_key(w, "undo");
    to_json_array(w);
    for (; *undo != NULL; undo++) {
        CLEANUP(buf_done) struct buf line;
        buf_init(&line, VALUE_BYTES);
        if (expand(s, arena, *undo, &line))
            to_json_text(w, buf_span(&line));
    }
    to_json_end(w);
}

void door_setup_write(const struct door_setup *s, struct arena *arena, struct to_json *w)
{
    struct guide guide = guide_of(s->door);
    to_json_key(w, "set_up");
    to_json_array(w);
    for (size_t i = 0; i < guide.count; i++) {
        to_json_object(w);
        to_json_member_text(w, "title", span_of(guide.sections[i].title));
        to_json_key(w, "fields");
        to_json_array(w);
        for (size_t k = 0; k < guide.sections[i].count; k++)
            write_field(s, arena, &guide.sections[i].fields[k], w);
        to_json_end(w);
        to_json_end(w);
    }
    to_json_end(w);
    write_undo(s, arena, guide.undo, w);
}
