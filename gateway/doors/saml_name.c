/* NameID: who an answer is about. Behind an IdP that knows the person the name is the one it asked about, byte for byte, for it compares; an SP that has no
 * other source gets a name that we vouch for. Source: SAML core 8.3. */
#include "gateway/doors/saml.h"

#include "posture/base/secret.h"

#include <string.h>

enum { TRANSIENT_BYTES = 32 };

static bool is_unspecified(struct span format) { return span_empty(format) || span_equal_text(format, SAML_NAME_ID_UNSPECIFIED); }

/* The IdP asked about somebody and compares. */
static bool is_echo(const struct door *door, struct span subject) { return door->use != DOOR_USE_LOGIN && !span_empty(subject); }

bool saml_name_possible(const struct door *door, const struct saml_request *q)
{
    struct span format = q->name_id_format;
    if (!span_empty(q->name_qualifier) && !span_equal(q->name_qualifier, door->saml.entity_id))
        return false; /* names of an affiliation of SPs (core 3.4.1.1) */
    if (is_echo(door, q->subject))
        return is_unspecified(format) || span_equal_text(format, SAML_NAME_ID_EMAIL) || span_equal(format, q->subject_format);
    return is_unspecified(format) || span_equal_text(format, SAML_NAME_ID_EMAIL) || span_equal_text(format, SAML_NAME_ID_PERSISTENT) || span_equal_text(format, SAML_NAME_ID_TRANSIENT);
}

/* The same person is somebody else at each SP. */
static struct span pairwise(const struct http_request *r, const struct door *door, struct span person)
{
    CLEANUP(buf_done) struct buf text;
    uint8_t mac[SECRET_HASH_BYTES];
    struct span both = arena_format(r->arena, "saml\n%.*s\n%.*s", SPAN_ARGS(door->saml.entity_id), SPAN_ARGS(person));
    buf_init(&text, 2 * SECRET_HASH_BYTES);
    secret_mac(r->node->secret, SECRET_PAIRWISE, both, mac);
    return secret_base64url(span_make(mac, sizeof mac), &text) ? arena_copy(r->arena, buf_span(&text)) : SPAN_NONE;
}

static struct span transient(const struct http_request *r)
{
    char text[1 + TRANSIENT_BYTES] = "_";
    secret_random_text(text + 1, TRANSIENT_BYTES);
    return arena_copy(r->arena, span_make(text, sizeof text));
}

static const char *format_of(const struct door *door, struct span asked)
{
    static const char *const own[] = { [DOOR_NAME_ID_UNSPECIFIED] = SAML_NAME_ID_UNSPECIFIED, [DOOR_NAME_ID_EMAIL] = SAML_NAME_ID_EMAIL,
                                       [DOOR_NAME_ID_PERSISTENT] = SAML_NAME_ID_PERSISTENT, [DOOR_NAME_ID_TRANSIENT] = SAML_NAME_ID_TRANSIENT };
    for (size_t i = DOOR_NAME_ID_EMAIL; i < sizeof own / sizeof own[0]; i++)
        if (span_equal_text(asked, own[i]))
            return own[i];
    return own[door->saml.name_id];
}

bool saml_name_of(const struct http_request *r, const struct door *door, const struct saml_asked *q, const struct login_result *result, struct saml_name *out)
{
    *out = (struct saml_name){ 0 };
    if (is_echo(door, q->subject)) {
        struct span wanted = is_unspecified(q->name_id_format) ? q->subject_format : q->name_id_format;
        *out = (struct saml_name){ .value = q->subject, .format = span_empty(wanted) ? SPAN_LITERAL(SAML_NAME_ID_UNSPECIFIED) : wanted };
        return true;
    }
    const char *format = format_of(door, q->name_id_format);
    bool email = strcmp(format, SAML_NAME_ID_EMAIL) == 0, persistent = strcmp(format, SAML_NAME_ID_PERSISTENT) == 0, is_transient = strcmp(format, SAML_NAME_ID_TRANSIENT) == 0;
    out->format = span_of(format);
    if (persistent || is_transient) {
        out->qualifier = saml_url(r, SAML_PATH_METADATA);
        out->sp_qualifier = door->saml.entity_id;
    }
    if (persistent)
        out->value = span_empty(result->person) ? SPAN_NONE : pairwise(r, door, result->person);
    else
        out->value = is_transient ? transient(r) : email ? result->email : result->subject;
    return !span_empty(out->value);
}
