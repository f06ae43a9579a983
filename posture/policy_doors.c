/* The policy's doors: who may ask during a login, and where answers may go. */
#include "posture/policy_doors.h"

#include <stdlib.h>

enum { MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400, LOGIN_S = 600, ENTRA_LOGIN_S = 300, HOOK_LEAST_S = 300, HOOK_MOST_S = 86400, CLAIM_BYTES = 200 };

struct door_read {
    struct door door;
    const struct yaml_node *at;
};

/* ---- Okta hooks ---- */

static void read_lifetime(struct policy_reader *r, const struct yaml_node *n, int64_t *out)
{
    if (n != NULL && yaml_is_off(n))
        *out = 0;
    else
        (void)policy_reader_duration(r, n, HOOK_LEAST_S, HOOK_MOST_S, out); /* what Okta takes for /token/lifetime/expiration */
}

/* What Okta keeps for itself (reference/token-hook): one such name voids the whole answer, and the token goes out unchanged. */
static bool is_reserved(struct span claim)
{
    static const char *const names[] = { "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "c_hash", "ver", "cid", "uid", "scp", "idp" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (span_equal_text(claim, names[i]))
            return true;
    return false;
}

static void read_claim(struct policy_reader *r, const struct yaml_node *n, struct span *out)
{
    struct span claim;
    if (!policy_reader_text(r, n, CLAIM_BYTES, &claim))
        return;
    if (span_empty(claim) || span_find(claim, ' ') < claim.bytes || span_find(claim, '\n') < claim.bytes)
        yaml_mistake(r->mistakes, n, "must be the name of a claim, without blanks");
    if (is_reserved(claim))
        yaml_mistake(r->mistakes, n, "\"%.*s\" is a claim of Okta's own; choose another name", SPAN_ARGS(claim));
    *out = claim;
}

static void read_hook(struct policy_reader *r, const struct yaml_node *n, struct door_hook *hook)
{
    static const char *const known[] = { "claim", "warned_lifetime", "denied_lifetime", "refuse", NULL };
    *hook = (struct door_hook){ SPAN_LITERAL("device_posture"), 0, HOOK_LEAST_S, true };
    if (!policy_reader_mapping(r, n, known))
        return;
    read_claim(r, yaml_get(n, "claim"), &hook->claim);
    read_lifetime(r, yaml_get(n, "warned_lifetime"), &hook->warned_lifetime_s);
    read_lifetime(r, yaml_get(n, "denied_lifetime"), &hook->denied_lifetime_s);
    (void)yaml_bool(yaml_get(n, "refuse"), &hook->refuse, r->mistakes);
}

/* ---- one door ---- */

/* False when it is not known which keys the door may have. */
static bool read_kind(struct policy_reader *r, const struct yaml_node *n, struct door *door)
{
    static const char *const kinds[] = { "saml", "oidc", "okta_hook", NULL };
    unsigned kind;
    if (n->kind == YAML_MAPPING && yaml_get(n, "kind") == NULL)
        yaml_mistake(r->mistakes, n, "a door needs a kind: saml, oidc or okta_hook");
    if (!yaml_word(yaml_get(n, "kind"), kinds, &kind, r->mistakes))
        return false;
    door->kind = (enum door_kind)kind;
    return true;
}

static void read_use(struct policy_reader *r, const struct yaml_node *n, struct door *door)
{
    static const char *const uses[] = { "login", "factor", "okta_posture", "entra", NULL };
    unsigned use;
    if (!yaml_word(n, uses, &use, r->mistakes))
        return;
    door->use = (enum door_use)use;
    if (door->use == DOOR_USE_ENTRA && door->kind != DOOR_OIDC)
        yaml_mistake(r->mistakes, n, "Entra asks over OpenID Connect: use: entra needs kind: oidc");
}

static void read_app(struct policy_reader *r, const struct yaml_node *n, struct door *door)
{
    struct span id;
    if (!policy_reader_app_id(r, n, &id))
        return;
    const struct app *app = policy_app_by(r->policy, MATCH_ID, id);
    if (app == NULL)
        yaml_mistake(r->mistakes, n, "there is no app \"%.*s\"", SPAN_ARGS(id));
    else
        door->app = app->id;
}

/* SPs and clients that are apps themselves need no `app`: they are found by the name they ask with. */
static void warn_no_app(struct policy_reader *r, const struct yaml_node *n, const struct door *door)
{
    bool alias = (door->kind == DOOR_SAML && policy_app_by(r->policy, MATCH_SAML_ENTITY_ID, door->saml.entity_id) != NULL) ||
                 (door->kind == DOOR_OIDC && policy_app_by(r->policy, MATCH_OAUTH_CLIENT_ID, door->oidc.client_id) != NULL);
    if (yaml_get(n, "app") == NULL && door->kind != DOOR_OKTA_HOOK && door->use != DOOR_USE_OKTA_POSTURE && door->use != DOOR_USE_ENTRA && !alias)
        yaml_warning(r->mistakes, n, "door \"%.*s\" names no app: every login through it is to an unknown app", SPAN_ARGS(door->id));
}

static void read_login(struct policy_reader *r, const struct yaml_node *n, struct door *door)
{
    static const char *const denied[] = { "page", "answer", NULL };
    unsigned word;
    read_use(r, yaml_get(n, "use"), door);
    door->warn_every_s = DAY_S;
    door->login_s = door->use == DOOR_USE_ENTRA ? ENTRA_LOGIN_S : LOGIN_S;
    if (yaml_get(n, "warn_every") != NULL && yaml_is_off(yaml_get(n, "warn_every")))
        door->warn_every_s = 0;
    else
        (void)policy_reader_duration(r, yaml_get(n, "warn_every"), 0, 30 * DAY_S, &door->warn_every_s);
    /* Entra drops an attempt by itself after ten minutes at the most. */
    (void)policy_reader_duration(r, yaml_get(n, "login"), MINUTE_S, door->use == DOOR_USE_ENTRA ? LOGIN_S : HOUR_S, &door->login_s);
    if (yaml_word(yaml_get(n, "when_denied"), denied, &word, r->mistakes))
        door->when_denied = (enum door_when_denied)word;
}

static void read_section(struct policy_reader *r, const struct yaml_node *n, struct door *door)
{
    switch (door->kind) {
    case DOOR_SAML: policy_door_saml_read(r, yaml_get(n, "saml"), n, door); break;
    case DOOR_OIDC: policy_door_oidc_read(r, yaml_get(n, "oidc"), n, door); break;
    default: read_hook(r, yaml_get(n, "hook"), &door->hook); break;
    }
}

static void read_door(struct policy_reader *r, const struct yaml_node *n, struct door_read *out)
{
    static const char *const known[DOOR_KINDS + 1][12] = {
        [DOOR_SAML] = { "id", "kind", "use", "title", "app", "warn_every", "login", "when_denied", "saml" },
        [DOOR_OIDC] = { "id", "kind", "use", "title", "app", "warn_every", "login", "when_denied", "oidc" },
        [DOOR_OKTA_HOOK] = { "id", "kind", "title", "app", "hook" }, /* no page is shown, and no login goes through it */
        [DOOR_KINDS] = { "id", "kind", "use", "title", "app", "warn_every", "login", "when_denied", "saml", "oidc", "hook" },
    };
    struct door *door = &out->door;
    out->at = n;
    bool kind = read_kind(r, n, door);
    if (!policy_reader_mapping(r, n, known[kind ? door->kind : DOOR_KINDS]))
        return;
    if (yaml_get(n, "id") == NULL)
        yaml_mistake(r->mistakes, n, "a door needs an id");
    (void)policy_reader_id(r, yaml_get(n, "id"), &door->id);
    door->title = door->id;
    (void)policy_reader_text(r, yaml_get(n, "title"), POLICY_TITLE_BYTES, &door->title);
    read_app(r, yaml_get(n, "app"), door);
    if (!kind)
        return;
    if (door->kind != DOOR_OKTA_HOOK)
        read_login(r, n, door);
    read_section(r, n, door);
    warn_no_app(r, n, door);
}

/* ---- all of them ---- */

static void unique(struct policy_reader *r, const struct door_read *all, size_t count, const char *what, struct span (*name)(const struct door *))
{
    struct policy_named *names = policy_reader_scratch(r, count, sizeof *names);
    for (size_t i = 0; names != NULL && i < count; i++)
        names[i] = (struct policy_named){ name(&all[i].door), all[i].at };
    policy_reader_unique(r, names, count, what);
}

static struct span id_of(const struct door *door) { return door->id; }
static struct span entity_of(const struct door *door) { return door->kind == DOOR_SAML ? door->saml.entity_id : SPAN_NONE; }
static struct span client_of(const struct door *door) { return door->kind == DOOR_OIDC ? door->oidc.client_id : SPAN_NONE; }

static void warn_posture_twice(struct policy_reader *r, const struct door_read *all, size_t count)
{
    size_t seen = 0;
    for (size_t i = 0; i < count; i++)
        if (all[i].door.use == DOOR_USE_OKTA_POSTURE && seen++ > 0)
            yaml_warning(r->mistakes, all[i].at, "this is not the only door with use: okta_posture; an Okta organisation takes one device posture provider");
}

static int compare_doors(const void *left, const void *right)
{
    const struct door *a = left, *b = right;
    return span_compare(a->id, b->id);
}

void policy_doors_read(struct policy_reader *r, const struct yaml_node *n)
{
    if (!policy_reader_sequence(r, n, DOOR_MAX))
        return;
    struct door_read *read = policy_reader_scratch(r, n->count, sizeof *read);
    struct door *doors = policy_reader_array(r, n->count, sizeof *doors);
    if (read == NULL || doors == NULL)
        return;
    for (size_t i = 0; i < n->count; i++) {
        read_door(r, &n->children[i], &read[i]);
        doors[i] = read[i].door;
    }
    unique(r, read, n->count, "door", id_of);
    unique(r, read, n->count, "SAML entity_id", entity_of);
    unique(r, read, n->count, "client_id", client_of);
    warn_posture_twice(r, read, n->count);
    qsort(doors, n->count, sizeof doors[0], compare_doors);
    r->policy->doors = doors;
    r->policy->door_count = n->count;
}
