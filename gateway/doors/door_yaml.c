#include "gateway/doors/door_yaml.h"

#include "posture/base/clock.h"
#include "posture/base/to_json.h"

enum { DAY_S = 86400, LOGIN_S = 600, ENTRA_LOGIN_S = 300, HOOK_DENIED_S = 300 };

/* A JSON text is a double-quoted scalar of YAML. */
static void write_text(struct buf *out, struct span text)
{
    struct to_json w;
    to_json_init(&w, out);
    to_json_text(&w, text);
}

static void member(struct buf *out, const char *indent, const char *key, struct span text)
{
    buf_format(out, "%s%s: ", indent, key);
    write_text(out, text);
    buf_append_byte(out, '\n');
}

static void member_if(struct buf *out, const char *indent, const char *key, struct span text)
{
    if (!span_empty(text))
        member(out, indent, key, text);
}

/* Our own words need no quotes. */
static void word(struct buf *out, const char *indent, const char *key, const char *text) { buf_format(out, "%s%s: %s\n", indent, key, text); }

static void duration(struct buf *out, const char *indent, const char *key, int64_t seconds)
{
    char text[CLOCK_TEXT_BYTES];
    word(out, indent, key, seconds == 0 ? "off" : duration_text(seconds, text));
}

static void texts(struct buf *out, const char *indent, const char *key, const struct span *all, size_t count)
{
    if (count == 0)
        return;
    buf_format(out, "%s%s:\n", indent, key);
    for (size_t i = 0; i < count; i++) {
        buf_format(out, "%s  - ", indent);
        write_text(out, all[i]);
        buf_append_byte(out, '\n');
    }
}

static void certificates(struct buf *out, const struct door_saml *saml)
{
    if (saml->certificate_count > 0)
        buf_append_text(out, "      certificates:\n");
    for (size_t i = 0; i < saml->certificate_count; i++) {
        struct span rest = span_trim(saml->certificates[i]), line;
        buf_append_text(out, "        - |\n");
        while (span_cut(&rest, '\n', &line))
            buf_format(out, "          %.*s\n", SPAN_ARGS(line));
    }
}

static void write_saml(const struct door_saml *saml, struct buf *out)
{
    static const char in[] = "      ";
    buf_append_text(out, "    saml:\n");
    member(out, in, "entity_id", saml->entity_id);
    texts(out, in, "acs", saml->acs, saml->acs_count);
    if (saml->requests != DOOR_REQUESTS_OPTIONAL)
        word(out, in, "requests", door_requests_name(saml->requests));
    certificates(out, saml);
    if (saml->sha1)
        word(out, in, "sha1", "true");
    if (saml->sign != DOOR_SIGN_BOTH)
        word(out, in, "sign", door_sign_name(saml->sign));
    if (saml->name_id != DOOR_NAME_ID_UNSPECIFIED)
        word(out, in, "name_id", door_name_id_name(saml->name_id));
    member_if(out, in, "context", saml->context);
}

static void write_entra(const struct door_oidc *oidc, struct buf *out)
{
    static const char in[] = "      ";
    texts(out, in, "tenants", oidc->tenants, oidc->tenant_count);
    member(out, in, "hint_audience", oidc->hint_audience);
    if (!span_equal_text(oidc->hint_issuer, DOOR_HINT_ISSUER))
        member(out, in, "hint_issuer", oidc->hint_issuer);
    if (!span_equal_text(oidc->hint_metadata, DOOR_HINT_METADATA))
        member(out, in, "hint_metadata", oidc->hint_metadata);
}

static void write_oidc(const struct door *door, struct buf *out)
{
    static const char in[] = "      ";
    const struct door_oidc *oidc = &door->oidc;
    buf_append_text(out, "    oidc:\n");
    member(out, in, "client_id", oidc->client_id);
    texts(out, in, "redirect_uris", oidc->redirect_uris, oidc->redirect_uri_count);
    if (door->use == DOOR_USE_ENTRA) {
        write_entra(oidc, out);
        return;
    }
    if (oidc->auth != DOOR_AUTH_BASIC)
        word(out, in, "auth", door_auth_name(oidc->auth));
    member_if(out, in, "jwks", oidc->jwks);
    if (!oidc->pkce)
        word(out, in, "pkce", "false");
    if (!span_equal_text(oidc->signing, "RS256"))
        member(out, in, "signing", oidc->signing);
}

static void write_hook(const struct door_hook *hook, struct buf *out)
{
    static const char in[] = "      ";
    buf_append_text(out, "    hook:\n");
    member(out, in, "claim", hook->claim);
    if (hook->warned_lifetime_s != 0)
        duration(out, in, "warned_lifetime", hook->warned_lifetime_s);
    if (hook->denied_lifetime_s != HOOK_DENIED_S)
        duration(out, in, "denied_lifetime", hook->denied_lifetime_s);
    if (!hook->refuse)
        word(out, in, "refuse", "false");
}

static void write_login(const struct door *door, struct buf *out)
{
    if (door->warn_every_s != DAY_S)
        duration(out, "    ", "warn_every", door->warn_every_s);
    if (door->login_s != (door->use == DOOR_USE_ENTRA ? ENTRA_LOGIN_S : LOGIN_S))
        duration(out, "    ", "login", door->login_s);
    if (door->when_denied != DOOR_DENIED_PAGE)
        word(out, "    ", "when_denied", door_when_denied_name(door->when_denied));
}

void door_yaml_write(const struct door *door, struct buf *out)
{
    buf_format(out, "  - id: %.*s\n    kind: %s\n", SPAN_ARGS(door->id), door_kind_name(door->kind));
    if (door->use != DOOR_USE_LOGIN)
        word(out, "    ", "use", door_use_name(door->use));
    if (!span_equal(door->title, door->id))
        member(out, "    ", "title", door->title);
    member_if(out, "    ", "app", door->app);
    if (door->kind != DOOR_OKTA_HOOK)
        write_login(door, out);
    if (door->kind == DOOR_SAML)
        write_saml(&door->saml, out);
    else if (door->kind == DOOR_OIDC)
        write_oidc(door, out);
    else
        write_hook(&door->hook, out);
}
