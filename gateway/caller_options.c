/* The options of callers.h: rows, and what their words mean. */
#include "connectors/http_client.h"
#include "gateway/callers_parts.h"

enum { ARENA_BYTES = 1024 * 1024 };
#define DISCOVERY_PATH "/.well-known/openid-configuration"

#define ISSUER(field) offsetof(struct issuer_config, field)
static const struct option issuer_rows[] = {
    { .name = "id", .kind = OPTION_TEXT, .offset = ISSUER(id), .required = true, .help = "Its name in logs and events: a-z, 0-9 and -." },
    { .name = "issuer", .kind = OPTION_TEXT, .offset = ISSUER(issuer), .required = true, .help = "`iss` of its tokens, byte for byte." },
    { .name = "audience", .kind = OPTION_TEXT, .offset = ISSUER(audience), .required = true, .help = "`aud` that means this server." },
    { .name = "discovery", .kind = OPTION_TEXT, .offset = ISSUER(discovery), .help = "URL of its discovery document. Default: the issuer followed by /.well-known/openid-configuration." },
    { .name = "jwks_uri", .kind = OPTION_TEXT, .offset = ISSUER(jwks_uri), .help = "URL of its keys, instead of a discovery document." },
    { .name = "algorithms", .kind = OPTION_LIST, .offset = ISSUER(algorithms), .help = "RS256, PS256, ES256. Default: RS256 and ES256." },
    { .name = "typ", .kind = OPTION_TEXT, .offset = ISSUER(typ), .fallback = "at+jwt", .help = "`typ` in the header of its access tokens (RFC 9068). Entra says JWT." },
    { .name = "typ_required", .kind = OPTION_BOOL, .offset = ISSUER(typ_required), .fallback = "true", .help = "false: tokens without typ are taken too (Okta). An ID token for the same audience would then pass as well." },
    { .name = "scopes", .kind = OPTION_LIST, .offset = ISSUER(scopes), .required = true, .help = "What a word in scope, scp or roles opens here: `theirs=ours`." },
    { .name = "clients", .kind = OPTION_LIST, .offset = ISSUER(clients), .help = "client_id (cid, azp, appid) values that may come. Absent: every client of the issuer." },
    { .name = "allow_private", .kind = OPTION_BOOL, .offset = ISSUER(allow_private), .fallback = "false", .help = "Its keys may be on a private network or this machine, and plain http on this machine." },
    { .name = "ca_file", .kind = OPTION_TEXT, .offset = ISSUER(ca_file), .help = "PEM file to trust for fetching its keys, instead of the system's." },
};
#define CALLER(field) offsetof(struct caller_config, field)
static const struct option certificate_rows[] = {
    { .name = "id", .kind = OPTION_TEXT, .offset = CALLER(id), .required = true, .help = "Its name in logs and events: a-z, 0-9 and -." },
    { .name = "certificate_sha256", .kind = OPTION_TEXT, .offset = CALLER(certificate_sha256), .help = "SHA-256 of the DER of its certificate, in hexadecimal." },
    { .name = "subject", .kind = OPTION_TEXT, .offset = CALLER(subject), .help = "Or the subject of its certificate (RFC 2253), issued by the listener's client_ca." },
    { .name = "scopes", .kind = OPTION_LIST, .offset = CALLER(scopes), .required = true, .help = "decide, posture, facts, events, hooks, admin." },
};
#define AT(field) offsetof(struct caller_options, field)
const struct option caller_rows[] = {
    { .name = "issuers", .kind = OPTION_ITEMS, .offset = AT(issuers), .rows = issuer_rows, .row_count = sizeof issuer_rows / sizeof issuer_rows[0], .item_bytes = sizeof(struct issuer_config),
      .example = "[{ id: keycloak, issuer: \"https://sso.example/realms/acme\", audience: postern, scopes: [\"posture:read=posture\"], clients: [wiki] }]",
      .help = "Whose access tokens open our API, beside API keys (docs/api.md)." },
    { .name = "callers", .kind = OPTION_ITEMS, .offset = AT(callers), .rows = certificate_rows, .row_count = sizeof certificate_rows / sizeof certificate_rows[0], .item_bytes = sizeof(struct caller_config),
      .example = "[{ id: vpn, subject: \"CN=vpn,O=Acme\", scopes: [decide] }]", .help = "Whose client certificates open our API, on listeners with client_ca." },
};
const size_t caller_row_count = sizeof caller_rows / sizeof caller_rows[0];

/* ---- reading them ---- */

/* Where mistakes go; nowhere, when they were told before. */
struct findings { struct mistakes *mistakes; struct yaml_node place; bool good; };

static void say(struct findings *t, const char *what, struct span id, const char *why, struct span about)
{
    t->good = false;
    if (t->mistakes != NULL)
        yaml_mistake(t->mistakes, &t->place, "%s %.*s: %s%.*s", what, SPAN_ARGS(id), why, SPAN_ARGS(about));
}

static bool is_id(struct span id)
{
    bool good = id.bytes > 0 && id.bytes <= BEARER_ID_BYTES;
    for (size_t i = 0; good && i < id.bytes; i++)
        good = (id.at[i] >= 'a' && id.at[i] <= 'z') || (id.at[i] >= '0' && id.at[i] <= '9') || id.at[i] == '-';
    return good;
}

static unsigned our_scope(struct span name)
{
    unsigned bit = api_scope_bit(name);
    return bit == SCOPE_LOGIN ? 0 : bit; /* a door's client secret, never a caller's */
}

static unsigned read_algorithms(struct findings *t, const struct issuer_config *c)
{
    unsigned algorithms = c->algorithms.count == 0 ? JOSE_RS256 | JOSE_ES256 : 0;
    for (size_t i = 0; i < c->algorithms.count; i++) {
        unsigned bit = jose_algorithm_named(c->algorithms.all[i]);
        if (bit == 0)
            say(t, "issuer", c->id, "algorithms may be RS256, PS256 and ES256, not ", c->algorithms.all[i]);
        algorithms |= bit;
    }
    return algorithms;
}

static void read_scopes(struct findings *t, const struct issuer_config *c, struct bearer_scope *out)
{
    for (size_t i = 0; i < c->scopes.count; i++) {
        struct span text = c->scopes.all[i];
        size_t equals = text.bytes; /* theirs may be a URL with a query, ours has no "=" */
        while (equals > 0 && text.at[equals - 1] != '=')
            equals--;
        out[i] = (struct bearer_scope){ span_slice(text, 0, equals > 0 ? equals - 1 : 0), our_scope(span_slice(text, equals, text.bytes)) };
        if (span_empty(out[i].theirs) || out[i].ours == 0)
            say(t, "issuer", c->id, "a scope is written theirs=ours, and ours is decide, posture, facts, events, hooks or admin; this is not: ", text);
    }
    if (c->scopes.count == 0)
        say(t, "issuer", c->id, "without scopes its tokens open nothing", SPAN_NONE);
}

struct span issuer_keys_url(const struct issuer_config *c, struct arena *arena)
{
    if (!span_empty(c->discovery))
        return c->discovery;
    struct span issuer = c->issuer;
    while (span_ends(issuer, SPAN_LITERAL("/")))
        issuer.bytes--;
    return arena_format(arena, "%.*s" DISCOVERY_PATH, SPAN_ARGS(issuer));
}

static void check_url(struct findings *t, const struct issuer_config *c, struct arena *arena)
{
    const struct http_client_options options = { .allow_loopback_http = c->allow_private, .allow_private = c->allow_private };
    struct span url = span_empty(c->jwks_uri) ? issuer_keys_url(c, arena) : c->jwks_uri;
    struct err err;
    if (!span_empty(c->jwks_uri) && !span_empty(c->discovery))
        say(t, "issuer", c->id, "either jwks_uri or discovery", SPAN_NONE);
    if (http_client_check_url(&options, url, &err) != OK)
        say(t, "issuer", c->id, "its keys cannot be fetched: ", arena_copy_text(arena, err.text));
}

static void read_issuer(struct findings *t, const struct issuer_config *all, size_t i, struct arena *arena, struct bearer_issuer *out)
{
    const struct issuer_config *c = &all[i];
    struct bearer_scope *scopes = arena_array(arena, c->scopes.count + 1, sizeof *scopes);
    if (!is_id(c->id))
        say(t, "issuer", c->id, "an id is made of a-z, 0-9 and -", SPAN_NONE);
    for (size_t k = 0; k < i; k++)
        if (span_equal(all[k].id, c->id) || span_equal(all[k].issuer, c->issuer))
            say(t, "issuer", c->id, "another issuer has the same id or issuer: ", all[k].id);
    if (scopes != NULL)
        read_scopes(t, c, scopes);
    check_url(t, c, arena);
    *out = (struct bearer_issuer){ .id = c->id, .issuer = c->issuer, .audience = c->audience, .type = c->typ, .type_optional = !c->typ_required, .algorithms = read_algorithms(t, c),
                                   .scopes = scopes, .scope_count = scopes != NULL ? c->scopes.count : 0, .clients = c->clients.all, .client_count = c->clients.count };
}

/* As openssl prints it (AB:CD:...) or plain. */
static struct span plain_hex(struct span text, struct arena *arena)
{
    char *out = arena_alloc(arena, text.bytes + 1);
    size_t bytes = 0;
    for (size_t i = 0; out != NULL && i < text.bytes; i++) {
        char c = text.at[i];
        if (c != ':')
            out[bytes++] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    }
    return span_make(out, bytes);
}

static bool is_sha256(struct span hex)
{
    bool good = hex.bytes == SECRET_HEX_BYTES;
    for (size_t i = 0; good && i < hex.bytes; i++)
        good = (hex.at[i] >= '0' && hex.at[i] <= '9') || (hex.at[i] >= 'a' && hex.at[i] <= 'f');
    return good;
}

static void read_caller(struct findings *t, const struct caller_config *all, size_t i, struct arena *arena, struct certificate_caller *out)
{
    const struct caller_config *c = &all[i];
    *out = (struct certificate_caller){ .id = c->id, .sha256 = plain_hex(c->certificate_sha256, arena), .subject = c->subject };
    if (!is_id(c->id))
        say(t, "caller", c->id, "an id is made of a-z, 0-9 and -", SPAN_NONE);
    for (size_t k = 0; k < i; k++)
        if (span_equal(all[k].id, c->id))
            say(t, "caller", c->id, "another caller has the same id", SPAN_NONE);
    if (span_empty(c->subject) == span_empty(c->certificate_sha256))
        say(t, "caller", c->id, "either certificate_sha256 or subject", SPAN_NONE);
    if (!span_empty(c->certificate_sha256) && !is_sha256(out->sha256))
        say(t, "caller", c->id, "certificate_sha256 has 64 hexadecimal digits", SPAN_NONE);
    for (size_t s = 0; s < c->scopes.count; s++) {
        unsigned bit = our_scope(c->scopes.all[s]);
        if (bit == 0)
            say(t, "caller", c->id, "scopes may be decide, posture, facts, events, hooks and admin, not ", c->scopes.all[s]);
        out->scopes |= bit;
    }
}

static void read_all(struct findings *t, const struct caller_options *o, struct arena *arena, struct bearer_issuer *issuers, struct certificate_caller *callers)
{
    for (size_t i = 0; i < o->issuers.count && i < BEARER_ISSUERS; i++)
        read_issuer(t, o->issuers.all, i, arena, &issuers[i]);
    for (size_t i = 0; i < o->callers.count && i < CALLERS_MOST; i++)
        read_caller(t, o->callers.all, i, arena, &callers[i]);
    if (o->issuers.count > BEARER_ISSUERS)
        say(t, "issuers", SPAN_NONE, "at most 16", SPAN_NONE);
    if (o->callers.count > CALLERS_MOST)
        say(t, "callers", SPAN_NONE, "at most 256", SPAN_NONE);
}

bool caller_options_read(const struct caller_options *o, struct arena *arena, struct bearer_issuer issuers[BEARER_ISSUERS], struct certificate_caller callers[CALLERS_MOST])
{
    struct findings t = { NULL, { .file = SPAN_NONE }, true };
    read_all(&t, o, arena, issuers, callers);
    return t.good;
}

bool caller_options_check(const struct caller_options *o, struct span file, struct mistakes *mistakes)
{
    CLEANUP(arena_done) struct arena arena;
    struct bearer_issuer issuers[BEARER_ISSUERS];
    arena_init(&arena, 4096, ARENA_BYTES);
    struct certificate_caller *callers = arena_array(&arena, CALLERS_MOST, sizeof *callers);
    struct findings t = { mistakes, { .file = file }, callers != NULL };
    if (callers != NULL)
        read_all(&t, o, &arena, issuers, callers);
    return t.good;
}
