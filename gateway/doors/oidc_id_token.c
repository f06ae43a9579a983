#include "gateway/doors/oidc_id_token.h"

#include "gateway/signing_ring.h"

enum { AT_HASH_BYTES = 16 /* the left half of SHA-256, for RS256 and ES256 alike */, AT_HASH_TEXT_BYTES = 22 };

/* ---- levels and methods ---- */

static const char *const acr_words[OIDC_ACRS] = { [OIDC_ACR_KNOWN] = "device-known", [OIDC_ACR_COMPLIANT] = "device-compliant", [OIDC_ACR_COMPLIANT_HW] = "device-compliant-hw" };

/* Where the key of a certificate lies is for the company's CA to know: only a credential that says it cannot leave the device counts as hardware. */
enum oidc_acr oidc_acr_of(const struct oidc_grant *g)
{
    if (!g->managed)
        return OIDC_ACR_NONE;
    if (!g->compliant)
        return OIDC_ACR_KNOWN;
    return g->proof == PROOF_WEBAUTHN ? OIDC_ACR_COMPLIANT_HW : OIDC_ACR_COMPLIANT;
}

struct span oidc_acr_text(const struct node *node, enum oidc_acr acr, struct arena *a)
{
    return acr == OIDC_ACR_NONE ? SPAN_NONE : arena_format(a, "%.*s/acr/%s", SPAN_ARGS(node->options.public_url), acr_words[acr]);
}

bool oidc_acr_meets(const struct node *node, enum oidc_acr reached, const struct oidc_values *values, struct arena *a)
{
    for (enum oidc_acr acr = OIDC_ACR_KNOWN; acr <= reached; acr++) {
        struct span text = oidc_acr_text(node, acr, a);
        for (size_t i = 0; i < values->count; i++)
            if (span_equal(values->all[i], text))
                return true;
    }
    return false;
}

const char *oidc_amr(enum proof proof)
{
    static const char *const words[PROOF_KINDS] = { [PROOF_WEBAUTHN_SYNCED] = "swk", [PROOF_WEBAUTHN] = "hwk", [PROOF_CERTIFICATE] = "pop" };
    return words[proof];
}

/* ---- claims ---- */

/* Behind an IdP that knows the person, the name it gave is the e-mail or login it compares with. */
static bool named_by_idp(enum door_use use) { return use == DOOR_USE_FACTOR || use == DOOR_USE_OKTA_POSTURE; }

static struct span email_of(const struct oidc_grant *g, enum door_use use, const struct person *person)
{
    bool is_email = span_find(g->subject, '@') < g->subject.bytes;
    if (named_by_idp(use) && is_email)
        return g->subject;
    return person != NULL && person->email_count > 0 ? person->emails[0] : SPAN_NONE;
}

static void write_groups(const struct person *person, struct to_json *w)
{
    to_json_key(w, "groups");
    to_json_array(w);
    for (size_t i = 0; i < person->group_count; i++)
        to_json_text(w, person->groups[i]);
    to_json_end(w);
}

static void write_person(const struct oidc_grant *g, enum door_use use, const struct person *person, unsigned claims, struct to_json *w)
{
    struct span email = email_of(g, use, person);
    if ((claims & OIDC_CLAIM_NAME) != 0 && person != NULL)
        to_json_member_text_if(w, "name", person->name);
    if ((claims & OIDC_CLAIM_USERNAME) != 0)
        to_json_member_text_if(w, "preferred_username", named_by_idp(use) || span_empty(email) ? g->subject : email);
    if ((claims & OIDC_CLAIM_EMAIL) != 0)
        to_json_member_text_if(w, "email", email);
    if ((claims & OIDC_CLAIM_EMAIL_VERIFIED) != 0 && !span_empty(email))
        to_json_member_bool(w, "email_verified", true); /* addresses are the company's own, given to us by its administrators */
    if ((claims & OIDC_CLAIM_GROUPS) != 0 && person != NULL)
        write_groups(person, w);
}

static void write_device(const struct oidc_grant *g, const struct device *device, struct to_json *w)
{
    to_json_key(w, "device_context");
    to_json_object(w);
    to_json_member_bool(w, "managed", g->managed);
    to_json_member_bool(w, "compliant", g->compliant);
    if (!span_empty(g->device))
        to_json_member_text(w, "externalId", device != NULL && !span_empty(device->serial) ? device->serial : g->device);
    to_json_end(w);
    to_json_key(w, "postern");
    to_json_object(w);
    to_json_member_text_if(w, "decision", g->decision);
    to_json_member_text(w, "outcome", span_of(outcome_name(g->outcome)));
    to_json_member_text_if(w, "app", g->app);
    to_json_member_text_if(w, "device", g->device);
    to_json_member_text(w, "proof", span_of(proof_name(g->proof)));
    to_json_end(w);
}

static void write_app(const struct oidc_grant *g, struct to_json *w)
{
    static const char *const names[][2] = { [OIDC_APP_GUIDE] = { "app_instance_id", "app_name" }, [OIDC_APP_API] = { "OktaAppInstanceId", "OktaAppName" } };
    to_json_member_text_if(w, names[g->app_names][0], g->app_id);
    to_json_member_text_if(w, names[g->app_names][1], g->app_name);
}

void oidc_write_claims(const struct http_request *r, const struct oidc_grant *g, enum door_use use, unsigned claims, struct to_json *w)
{
    const struct directory *d = r->node->directory;
    to_json_member_text(w, "sub", g->subject);
    directory_enter(d);
    const struct person *person = span_empty(g->person) ? NULL : directory_person(d, g->person);
    write_person(g, use, person, claims, w);
    write_device(g, span_empty(g->device) ? NULL : directory_device(d, g->device), w);
    directory_leave(d);
    write_app(g, w);
}

/* ---- the token ---- */

/* OpenID Connect Core 1.0 section 3.1.3.6 */
static struct span at_hash(struct span access_token, struct arena *a)
{
    uint8_t hash[SECRET_HASH_BYTES];
    CLEANUP(buf_done) struct buf text;
    buf_init(&text, AT_HASH_TEXT_BYTES);
    secret_sha256(access_token, hash);
    return secret_base64url(span_make(hash, AT_HASH_BYTES), &text) ? arena_copy(a, buf_span(&text)) : SPAN_NONE;
}

static void write_methods(const struct oidc_grant *g, struct to_json *w)
{
    struct span word = span_empty(g->amr) ? span_of(oidc_amr(g->proof)) : g->amr;
    if (span_empty(word))
        return;
    to_json_key(w, "amr");
    to_json_array(w);
    to_json_text(w, word);
    to_json_end(w);
}

static void write_token(const struct http_request *r, const struct door *door, const struct oidc_grant *g, struct span access_token, struct to_json *w)
{
    to_json_object(w);
    to_json_member_text(w, "iss", r->node->options.public_url);
    to_json_member_text(w, "aud", door->oidc.client_id);
    to_json_member_int(w, "iat", r->now_s);
    to_json_member_int(w, "exp", r->now_s + OIDC_ID_TOKEN_LIFETIME_S);
    to_json_member_int(w, "auth_time", g->at_s);
    to_json_member_text_if(w, "nonce", g->nonce);
    to_json_member_text_if(w, "acr", span_empty(g->acr) ? oidc_acr_text(r->node, oidc_acr_of(g), r->arena) : g->acr);
    write_methods(g, w);
    if (!span_empty(access_token))
        to_json_member_text_if(w, "at_hash", at_hash(access_token, r->arena));
    if (door->use == DOOR_USE_ENTRA)
        to_json_member_text(w, "sub", g->subject);
    else
        oidc_write_claims(r, g, door->use, g->id_claims, w);
    to_json_end(w);
}

static enum signing_algorithm algorithm_of(const struct door *door) { return span_equal_text(door->oidc.signing, "ES256") ? SIGNING_ES256 : SIGNING_RS256; }

enum err_code oidc_id_token(const struct http_request *r, const struct door *door, const struct oidc_grant *g, struct span access_token, struct buf *out, struct err *err)
{
    CLEANUP(buf_done) struct buf claims;
    struct to_json w;
    buf_init(&claims, OIDC_ID_TOKEN_BYTES);
    to_json_init(&w, &claims);
    write_token(r, door, g, access_token, &w);
    enum err_code code = buf_check(&claims, "an ID token", err);
    return code == OK ? signing_sign_jwt(r->node, algorithm_of(door), buf_span(&claims), SPAN_LITERAL("JWT"), out, err) : code;
}
