/* How strong a login may be called. SPs compare classes as texts, so a door can fix one (`saml: { context }`); else it goes by what was really proved.
 * Sources: SAML authn-context 3.4, core 3.3.2.2.1 (Comparison). */
#include "gateway/doors/saml.h"

#include "gateway/doors/oidc_id_token.h"

enum class { CLASS_UNSPECIFIED, CLASS_KNOWN, CLASS_COMPLIANT, CLASS_PASSWORD, CLASS_PASSWORD_TLS, CLASS_COMPLIANT_HW, CLASS_X509, CLASS_TLS_CLIENT, CLASS_OKTA, CLASSES, CLASS_FIXED = CLASSES };
enum { RANK_FIXED = -1 };

/* `rank` orders what is stronger; the passwords are there to be compared with, nobody types one here. Classes of ours have the addresses of the OpenID
 * Provider's levels (acr). */
static const struct { const char *uri; enum oidc_acr acr; int rank; } classes[CLASSES] = {
    [CLASS_UNSPECIFIED] = { SAML_CLASS_UNSPECIFIED, OIDC_ACR_NONE, 0 },
    [CLASS_KNOWN] = { NULL, OIDC_ACR_KNOWN, 1 },
    [CLASS_COMPLIANT] = { NULL, OIDC_ACR_COMPLIANT, 2 },
    [CLASS_PASSWORD] = { SAML_CLASS_PREFIX "Password", OIDC_ACR_NONE, 3 },
    [CLASS_PASSWORD_TLS] = { SAML_CLASS_PREFIX "PasswordProtectedTransport", OIDC_ACR_NONE, 3 },
    [CLASS_COMPLIANT_HW] = { NULL, OIDC_ACR_COMPLIANT_HW, 4 },
    [CLASS_X509] = { SAML_CLASS_X509, OIDC_ACR_NONE, 5 },
    [CLASS_TLS_CLIENT] = { SAML_CLASS_TLS_CLIENT, OIDC_ACR_NONE, 5 },
    [CLASS_OKTA] = { SAML_CLASS_OKTA_POSTURE, OIDC_ACR_NONE, 5 },
};

static struct span uri_of(const struct http_request *r, const struct door *door, enum class c)
{
    if (c == CLASS_FIXED)
        return door->saml.context;
    return classes[c].uri != NULL ? span_of(classes[c].uri) : oidc_acr_text(r->node, classes[c].acr, r->arena);
}

static int rank_of(enum class c) { return c == CLASS_FIXED ? RANK_FIXED : classes[c].rank; }

/* Could a login through this door ever be called so? */
static bool is_possible(const struct door *door, enum class c)
{
    if (!span_empty(door->saml.context))
        return c == CLASS_FIXED;
    if (door->use == DOOR_USE_OKTA_POSTURE)
        return c == CLASS_OKTA;
    return c != CLASS_PASSWORD && c != CLASS_PASSWORD_TLS && c != CLASS_OKTA && c != CLASS_FIXED;
}

static bool is_proved(const struct login_result *result, enum class c)
{
    const struct oidc_grant level = { .managed = result->managed, .compliant = result->compliant, .proof = result->proof };
    switch (c) {
    case CLASS_KNOWN: return oidc_acr_of(&level) >= OIDC_ACR_KNOWN;
    case CLASS_COMPLIANT: return oidc_acr_of(&level) >= OIDC_ACR_COMPLIANT;
    case CLASS_COMPLIANT_HW: return oidc_acr_of(&level) >= OIDC_ACR_COMPLIANT_HW;
    case CLASS_X509:
    case CLASS_TLS_CLIENT: return result->proof == PROOF_CERTIFICATE;
    default: return true;
    }
}

static bool is_known(const struct http_request *r, const struct door *door, struct span uri, enum class *out)
{
    for (enum class c = 0; c <= CLASS_FIXED; c++)
        if (!span_empty(uri_of(r, door, c)) && span_equal(uri_of(r, door, c), uri)) {
            *out = c;
            return true;
        }
    return false;
}

/* "better" is better than all of them, "maximum" no better than the best of them (core 3.3.2.2.1). A class that was asked for by name always meets
 * exact, minimum and maximum. */
static bool meets(const struct http_request *r, const struct door *door, const struct saml_request *q, enum class c)
{
    bool named = false, reaches = false, exceeds_all = q->class_count > 0, within = false;
    for (size_t i = 0; i < q->class_count; i++) {
        enum class asked;
        bool known = is_known(r, door, q->classes[i], &asked), ranked = known && rank_of(asked) != RANK_FIXED && rank_of(c) != RANK_FIXED;
        named = named || span_equal(q->classes[i], uri_of(r, door, c));
        reaches = reaches || (ranked && rank_of(c) >= rank_of(asked));
        exceeds_all = exceeds_all && ranked && rank_of(c) > rank_of(asked);
        within = within || (ranked && rank_of(c) <= rank_of(asked));
    }
    switch (q->comparison) {
    case SAML_MINIMUM: return named || reaches;
    case SAML_MAXIMUM: return named || within;
    case SAML_BETTER: return exceeds_all;
    default: return named;
    }
}

static bool is_planned(struct span plan, enum class c) { return span_find(plan, (char)('a' + (int)c)) < plan.bytes; }

static void plan_add(char *plan, size_t *count, enum class c)
{
    if (!is_planned(span_make(plan, *count), c))
        plan[(*count)++] = (char)('a' + (int)c);
}

/* One letter a class: those asked for by name in their order, then the strongest first. */
bool saml_context_plan(const struct http_request *r, const struct door *door, const struct saml_request *q, struct span *plan)
{
    char letters[CLASSES + 1];
    size_t count = 0;
    *plan = SPAN_NONE;
    if (!q->wants_context)
        return true;
    for (size_t i = 0; i < q->class_count; i++) {
        enum class c;
        if (is_known(r, door, q->classes[i], &c) && is_possible(door, c) && meets(r, door, q, c))
            plan_add(letters, &count, c);
    }
    for (int c = CLASS_FIXED; c >= 0; c--)
        if (is_possible(door, (enum class)c) && meets(r, door, q, (enum class)c))
            plan_add(letters, &count, (enum class)c);
    *plan = arena_copy(r->arena, span_make(letters, count));
    return count > 0 && !span_empty(*plan);
}

/* Nothing was asked for: what a certificate proves has a name that SPs know; the rest has none. */
static enum class usual(const struct door *door, const struct login_result *result)
{
    if (!span_empty(door->saml.context))
        return CLASS_FIXED;
    if (door->use == DOOR_USE_OKTA_POSTURE)
        return CLASS_OKTA;
    return result->proof == PROOF_CERTIFICATE ? CLASS_TLS_CLIENT : CLASS_UNSPECIFIED;
}

struct span saml_context_of(const struct http_request *r, const struct door *door, struct span plan, const struct login_result *result)
{
    if (span_empty(plan))
        return uri_of(r, door, usual(door, result));
    for (size_t i = 0; i < plan.bytes; i++) {
        int c = plan.at[i] - 'a';
        if (c >= 0 && c <= CLASS_FIXED && is_possible(door, (enum class)c) && is_proved(result, (enum class)c))
            return uri_of(r, door, (enum class)c);
    }
    return SPAN_NONE;
}
