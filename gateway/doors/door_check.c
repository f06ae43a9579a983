#include "gateway/doors/door_check.h"

#include "connectors/identity/jose.h"
#include "gateway/doors/device_certificates.h"
#include "gateway/key_fetcher.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

enum { DAY_S = 86400, KEY_WARN_DAYS = 14, CERTIFICATE_WARN_DAYS = 30, RSA_LEAST_BITS = 2048 };

struct examined {
    const struct node *node;
    const struct control *control;
    const struct door *door;
    int64_t now_s;
    struct arena *arena;
    door_check_say_fn *say;
    void *context;
    bool quiet; /* nothing but good was said */
};

static void tell(struct examined *c, enum door_finding finding, struct span text, struct span fix)
{
    c->quiet = false;
    c->say(c->context, finding, text, fix);
}

/* ---- secrets ---- */

/* Active keys of that scope for this door; for hooks, those for no door count too where there is one hook door. `*last_s`: when the last ends, INT64_MAX never. */
static size_t count_keys(const struct examined *c, unsigned scope, bool unbound, int64_t *last_s)
{
    size_t count = 0;
    *last_s = 0;
    for (size_t i = 0; i < c->control->api_key_count; i++) {
        const struct api_key *key = &c->control->api_keys[i];
        bool here = span_equal(key->door, c->door->id) || (unbound && span_empty(key->door));
        if (!here || key->revoked || (key->scopes & scope) == 0 || (key->expires_s != 0 && key->expires_s <= c->now_s))
            continue;
        int64_t end_s = key->expires_s == 0 ? INT64_MAX : key->expires_s;
        *last_s = end_s > *last_s ? end_s : *last_s;
        count++;
    }
    return count;
}

static void check_secret(struct examined *c, unsigned scope, bool unbound, const char *none)
{
    int64_t last_s;
    size_t count = count_keys(c, scope, unbound, &last_s);
    struct span fix = arena_format(c->arena, "postern key create --scope %s --door %.*s, and paste it into the IdP", api_scope_name(scope), SPAN_ARGS(c->door->id));
    if (count == 0)
        tell(c, scope == SCOPE_LOGIN ? DOOR_FAIL : DOOR_WARN, span_of(none), fix);
    else if (last_s != INT64_MAX && last_s - c->now_s < KEY_WARN_DAYS * DAY_S)
        tell(c, DOOR_WARN, arena_format(c->arena, "its last secret ends in %lld days", (long long)((last_s - c->now_s) / DAY_S)), fix);
}

/* ---- certificates of an SP ---- */

static X509 *parse(struct span pem)
{
    BIO *text = BIO_new_mem_buf(pem.at, (int)pem.bytes);
    X509 *certificate = text != NULL ? PEM_read_bio_X509(text, NULL, NULL, NULL) : NULL;
    BIO_free(text);
    return certificate;
}

static bool days_left(const X509 *certificate, int64_t now_s, int *days)
{
    int seconds = 0;
    ASN1_TIME *now = ASN1_TIME_set(NULL, (time_t)now_s);
    bool good = now != NULL && ASN1_TIME_diff(days, &seconds, now, X509_get0_notAfter(certificate)) == 1;
    if (good && seconds < 0 && *days == 0)
        *days = -1;
    ASN1_TIME_free(now);
    return good;
}

static void check_certificate(struct examined *c, size_t number)
{
    X509 *certificate = parse(c->door->saml.certificates[number]);
    struct span fix = SPAN_LITERAL("take the present one from the SP's metadata and apply the policy");
    int days = 0;
    EVP_PKEY *key = certificate != NULL ? X509_get0_pubkey(certificate) : NULL;
    if (key == NULL)
        tell(c, DOOR_FAIL, arena_format(c->arena, "certificate %zu cannot be read: signed requests cannot be verified with it", number + 1), fix);
    else if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) < RSA_LEAST_BITS)
        tell(c, DOOR_WARN, arena_format(c->arena, "certificate %zu has an RSA key of %d bits; %d are the least", number + 1, EVP_PKEY_get_bits(key), RSA_LEAST_BITS), fix);
    else if (days_left(certificate, c->now_s, &days) && days < 0)
        tell(c, DOOR_WARN, arena_format(c->arena, "certificate %zu expired %d days ago; the SP may have another by now", number + 1, -days), fix);
    else if (days < CERTIFICATE_WARN_DAYS)
        tell(c, DOOR_WARN, arena_format(c->arena, "certificate %zu is good for %d more days", number + 1, days), fix);
    X509_free(certificate);
}

/* ---- the three kinds ---- */

static void check_saml(struct examined *c)
{
    for (size_t i = 0; i < c->door->saml.certificate_count; i++)
        check_certificate(c, i);
}

static void check_jwks(struct examined *c)
{
    CLEANUP(jose_keys_freep) struct jose_keys *keys = NULL;
    struct err err;
    if (jose_keys_read(c->door->oidc.jwks, &keys, &err) != OK)
        tell(c, DOOR_FAIL, arena_format(c->arena, "the client's jwks cannot be used: %s", err.text), SPAN_LITERAL("take the client's present public keys and apply the policy"));
    else if (jose_keys_count(keys) == 0)
        tell(c, DOOR_FAIL, SPAN_LITERAL("the client's jwks holds no key that can be used"), SPAN_LITERAL("the client needs an RSA key of 2048 bits or more, or an EC key on P-256"));
}

void door_check_keys(const struct door *door, int64_t now_s, struct arena *arena, door_check_say_fn *say, void *context)
{
    struct examined c = { .door = door, .now_s = now_s, .arena = arena, .say = say, .context = context };
    if (door->kind == DOOR_SAML)
        check_saml(&c);
    else if (door->kind == DOOR_OIDC && door->oidc.auth == DOOR_AUTH_PRIVATE_KEY_JWT)
        check_jwks(&c);
}

static bool has_port_443(struct span url) { return span_search(url, SPAN_LITERAL(":443")) < url.bytes; }

static void check_oidc(struct examined *c)
{
    const struct door_oidc *oidc = &c->door->oidc;
    struct span url = c->node->options.public_url;
    if (oidc->auth == DOOR_AUTH_BASIC || oidc->auth == DOOR_AUTH_POST)
        check_secret(c, SCOPE_LOGIN, false, "it has no client secret: its client cannot get tokens");
    if (oidc->auth == DOOR_AUTH_PRIVATE_KEY_JWT)
        check_jwks(c);
    if (c->door->use == DOOR_USE_ENTRA && has_port_443(url))
        tell(c, DOOR_FAIL, SPAN_LITERAL("Entra refuses an issuer with an explicit :443"), SPAN_LITERAL("take the port out of public_url"));
}

static bool is_here(struct span url)
{
    static const struct span hosts[] = { { "localhost", 9 }, { "127.0.0.1", 9 }, { "[::1]", 5 } };
    struct span rest = span_slice(url, span_search(url, SPAN_LITERAL("://")) + 3, url.bytes);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        if (span_starts(rest, hosts[i]))
            return true;
    return false;
}

/* Whose servers call us, besides the browser. */
static void check_reach(struct examined *c)
{
    bool outside = c->door->kind == DOOR_OKTA_HOOK || c->door->use == DOOR_USE_ENTRA || (c->door->kind == DOOR_OIDC && c->door->use == DOOR_USE_OKTA_POSTURE);
    if (outside && is_here(c->node->options.public_url))
        tell(c, DOOR_WARN, arena_format(c->arena, "the vendor's cloud must reach %.*s, which is this machine's own name", SPAN_ARGS(c->node->options.public_url)),
             SPAN_LITERAL("set public_url to a name that is known outside, with a certificate that everybody trusts"));
}

static bool only_hook_door(const struct examined *c)
{
    size_t count = 0;
    for (size_t i = 0; i < c->control->policy->door_count; i++)
        count += c->control->policy->doors[i].kind == DOOR_OKTA_HOOK;
    return count == 1;
}

static void check_app(struct examined *c)
{
    const struct app *app = span_empty(c->door->app) ? NULL : policy_app(c->control->policy, c->door->app);
    enum proof least = app != NULL ? c->control->policy->proof[app->sensitivity] : PROOF_NONE;
    if (!span_empty(c->door->app) && app == NULL)
        tell(c, DOOR_FAIL, arena_format(c->arena, "the policy has no app %.*s", SPAN_ARGS(c->door->app)), SPAN_LITERAL("name one that it has, and apply the policy"));
    else if (c->door->kind != DOOR_OKTA_HOOK && least == PROOF_CERTIFICATE && span_empty(c->node->options.device_url) && c->node->options.trusted_proxy_count == 0)
        tell(c, DOOR_FAIL, SPAN_LITERAL("its app asks for a client certificate, and nothing here can take one: every login is refused"),
             SPAN_LITERAL("configure listen.device with client_ca, or a trusted proxy that passes the certificate on"));
}

void door_check(const struct node *node, const struct control *control, const struct door *door, int64_t now_s, struct arena *arena, door_check_say_fn *say, void *context)
{
    struct examined c = { node, control, door, now_s, arena, say, context, true };
    check_app(&c);
    check_reach(&c);
    if (door->kind == DOOR_SAML)
        check_saml(&c);
    else if (door->kind == DOOR_OIDC)
        check_oidc(&c);
    else
        check_secret(&c, SCOPE_HOOKS, only_hook_door(&c), "it has no key: only callers with an access token come in");
    if (c.quiet)
        say(context, DOOR_GOOD, arena_format(arena, "%s, %s", door_kind_name(door->kind), door->kind == DOOR_OKTA_HOOK ? "its key is there" : door_use_name(door->use)), SPAN_NONE);
}

void door_check_hint_keys(const struct node *node, const struct door *door, struct arena *arena, door_check_say_fn *say, void *context)
{
    CLEANUP(key_set_dropp) struct key_set *set = NULL;
    struct err err;
    if (door->use != DOOR_USE_ENTRA || node->keys == NULL)
        return;
    if (key_fetcher_take(node->keys, door->oidc.hint_metadata, SPAN_NONE, JOSE_RS256, &set, &err) == OK)
        say(context, DOOR_GOOD, arena_format(arena, "the keys of %.*s are here", SPAN_ARGS(door->oidc.hint_metadata)), SPAN_NONE);
    else
        say(context, DOOR_FAIL, arena_format(arena, "%s: no hint can be verified, and every login is refused", err.text), SPAN_LITERAL("let this machine call that address over https"));
}
