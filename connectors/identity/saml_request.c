#include "connectors/identity/saml_request.h"

#include "connectors/identity/saml_xml.h"
#include "connectors/inflate.h"
#include "posture/base/clock.h"
#include "posture/base/form.h"
#include "posture/base/secret.h"

#include <limits.h>

enum { TIME_BYTES = 40, WORD_BYTES = 16 };

/* The detached signature of the Redirect binding; algorithm empty: none. */
struct query_signature { struct span octets, algorithm, signature; };
struct saml_request_raw {
    struct arena *arena;
    xmlDoc *doc;
    xmlNode *issuer_node, *signature_node;
    struct saml_walk rest;                /* what comes after Issuer and Signature */
    struct span issuer;
    bool redirect;
    struct query_signature query;
};

void saml_request_raw_freep(struct saml_request_raw **raw)
{
    if (*raw != NULL)
        saml_xml_freep(&(*raw)->doc);
    *raw = NULL;
}

/* ---- bytes to a tree ---- */

static enum err_code read_issuer(struct saml_request_raw *raw, struct err *err)
{
    const xmlNode *root = xmlDocGetRootElement(raw->doc);
    if (!saml_xml_is(root, SAML_NS_PROTOCOL, "AuthnRequest"))
        return err_set(err, ERR_INPUT, "the message is not an AuthnRequest");
    raw->rest = saml_xml_walk(root);
    raw->issuer_node = saml_xml_take(&raw->rest, SAML_NS_ASSERTION, "Issuer");
    if (raw->issuer_node == NULL)
        return err_set(err, ERR_INPUT, "the request does not begin with its Issuer");
    raw->signature_node = saml_xml_take(&raw->rest, SAML_NS_SIGNATURE, "Signature");
    enum err_code code = saml_xml_text(raw->issuer_node, raw->arena, SAML_URI_BYTES, &raw->issuer, err);
    return code != OK || !span_empty(raw->issuer) ? code : err_set(err, ERR_INPUT, "the request's Issuer is empty");
}

static enum err_code open_xml(struct span xml, struct arena *arena, struct saml_request_raw **out, struct err *err)
{
    CLEANUP(saml_request_raw_freep) struct saml_request_raw *raw = arena_alloc(arena, sizeof *raw);
    if (raw == NULL)
        return err_set(err, ERR_MEMORY, "reading a request");
    raw->arena = arena;
    enum err_code code = saml_xml_read(xml, SAML_XML_BYTES, SAML_XML_COMMENTS_REFUSED, &raw->doc, err);
    if (code == OK)
        code = read_issuer(raw, err);
    if (code == OK)
        *out = TAKE(raw);
    return code;
}

/* Some break base64 into lines. */
static enum err_code from_base64(struct span text, size_t max_bytes, struct buf *out, struct err *err)
{
    CLEANUP(buf_done) struct buf dense;
    if (text.bytes > SAML_ENCODED_BYTES)
        return err_set(err, ERR_LIMIT, "the request is over %d bytes", SAML_ENCODED_BYTES);
    buf_init(&dense, SAML_ENCODED_BYTES);
    for (size_t i = 0; i < text.bytes; i++)
        if (text.at[i] != ' ' && text.at[i] != '\t' && text.at[i] != '\r' && text.at[i] != '\n')
            buf_append_byte(&dense, text.at[i]);
    enum err_code code = buf_check(&dense, "the request", err);
    return code == OK ? secret_from_base64(buf_span(&dense), max_bytes, out, err) : code;
}

enum err_code saml_request_post(struct span value, struct arena *arena, struct saml_request_raw **out, struct err *err)
{
    CLEANUP(buf_done) struct buf xml;
    buf_init(&xml, SAML_ENCODED_BYTES);
    enum err_code code = from_base64(value, SAML_ENCODED_BYTES, &xml, err);
    return code == OK ? open_xml(buf_span(&xml), arena, out, err) : err_wrap(err, "SAMLRequest");
}

/* ---- the Redirect binding ---- */

static enum err_code query_value(struct span query, struct arena *arena, const char *name, struct span *raw, struct span *value, struct err *err)
{
    *raw = *value = SPAN_NONE;
    enum err_code code = form_raw(query, name, raw, err);
    if (code == ERR_NOT_FOUND)
        return OK;
    return code == OK ? form_decode(arena, *raw, name, value, err) : code;
}

static struct span signature_bytes(struct span value, struct arena *arena)
{
    CLEANUP(buf_done) struct buf bytes;
    struct err err;
    buf_init(&bytes, SAML_SIGNATURE_BYTES);
    return from_base64(value, SAML_SIGNATURE_BYTES, &bytes, &err) == OK ? arena_copy(arena, buf_span(&bytes)) : SPAN_NONE;
}

/* SAMLRequest=..[&RelayState=..]&SigAlg=.. in that order, each as it was received (bindings 3.4.4.1): encoding it anew would break other peers' signatures. */
static enum err_code read_query_signature(struct span query, struct arena *arena, struct span request, struct query_signature *out, struct err *err)
{
    struct span raw_algorithm, raw_signature, raw_relay, relay, signature;
    enum err_code code = query_value(query, arena, "SigAlg", &raw_algorithm, &out->algorithm, err);
    if (code == OK)
        code = query_value(query, arena, "Signature", &raw_signature, &signature, err);
    if (code == OK)
        code = query_value(query, arena, "RelayState", &raw_relay, &relay, err);
    if (code != OK || (raw_algorithm.at == NULL && raw_signature.at == NULL))
        return code;
    out->signature = signature_bytes(signature, arena);
    if (span_empty(out->algorithm) || span_empty(out->signature))
        return err_set(err, ERR_INPUT, "SigAlg and Signature must both be there");
    out->octets = arena_format(arena, "SAMLRequest=%.*s%s%.*s&SigAlg=%.*s", SPAN_ARGS(request), raw_relay.at != NULL ? "&RelayState=" : "", SPAN_ARGS(raw_relay),
                               SPAN_ARGS(raw_algorithm));
    return span_empty(out->octets) ? err_set(err, ERR_MEMORY, "reading a request") : OK;
}

static enum err_code inflate_request(struct span value, struct buf *xml, struct err *err)
{
    CLEANUP(buf_done) struct buf deflated;
    buf_init(&deflated, SAML_ENCODED_BYTES);
    enum err_code code = from_base64(value, SAML_ENCODED_BYTES, &deflated, err);
    if (code == OK)
        code = inflate_raw(buf_span(&deflated), xml, err);
    return code == OK ? OK : err_wrap(err, "SAMLRequest");
}

enum err_code saml_request_redirect(struct span query, struct arena *arena, struct saml_request_raw **out, struct err *err)
{
    struct span raw_request, request, raw_encoding, encoding;
    struct query_signature signature = { 0 };
    CLEANUP(buf_done) struct buf xml;
    buf_init(&xml, SAML_XML_BYTES);
    enum err_code code = query_value(query, arena, "SAMLRequest", &raw_request, &request, err);
    if (code == OK)
        code = query_value(query, arena, "SAMLEncoding", &raw_encoding, &encoding, err);
    if (code != OK)
        return code;
    if (span_empty(request))
        return err_set(err, ERR_INPUT, "SAMLRequest is missing");
    if (!span_empty(encoding) && !span_equal_text(encoding, "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"))
        return err_set(err, ERR_INPUT, "SAMLEncoding is not DEFLATE");
    code = read_query_signature(query, arena, raw_request, &signature, err);
    if (code == OK)
        code = inflate_request(request, &xml, err);
    if (code == OK)
        code = open_xml(buf_span(&xml), arena, out, err);
    if (code != OK)
        return code;
    (*out)->redirect = true;
    (*out)->query = signature;
    return OK;
}

struct span saml_request_issuer(const struct saml_request_raw *raw) { return raw->issuer; }

/* ---- a tree to fields ---- */

/* What the readers of one request share. */
struct reader { const struct saml_request_raw *raw; const xmlNode *root; struct saml_request *out; struct err *err; };

static enum err_code attribute(const struct reader *r, const xmlNode *node, const char *name, size_t max_bytes, struct span *out)
{
    return saml_xml_attribute(node, r->raw->arena, name, max_bytes, out, r->err);
}

static enum err_code boolean(const struct reader *r, const char *name, bool *out)
{
    struct span text;
    enum err_code code = attribute(r, r->root, name, WORD_BYTES, &text);
    if (code == OK && !saml_xml_boolean(text, out))
        code = err_set(r->err, ERR_INPUT, "%s is neither true nor false", name);
    return code;
}

static enum err_code read_header(const struct reader *r, const struct saml_request_rules *rules)
{
    static const char *const known[] = { "ID", "Version", "IssueInstant", "Destination", "Consent", "ForceAuthn", "IsPassive", "ProtocolBinding", "AssertionConsumerServiceIndex",
                                         "AssertionConsumerServiceURL", "AttributeConsumingServiceIndex", "ProviderName", NULL };
    struct span version, instant;
    enum err_code code = saml_xml_attributes(r->root, known, r->err);
    if (code == OK)
        code = attribute(r, r->root, "Version", WORD_BYTES, &version);
    if (code == OK)
        code = attribute(r, r->root, "ID", SAML_XML_ID_BYTES, &r->out->id);
    if (code == OK)
        code = attribute(r, r->root, "IssueInstant", TIME_BYTES, &instant);
    if (code != OK)
        return code;
    if (!span_equal_text(version, "2.0"))
        return err_set(r->err, ERR_INPUT, "the request is not of SAML version 2.0");
    if (!saml_xml_is_id(r->out->id))
        return err_set(r->err, ERR_INPUT, "the request has no ID");
    if (!clock_from_rfc3339(instant, &r->out->issued_s))
        return err_set(r->err, ERR_INPUT, "the request's IssueInstant is not a time in UTC");
    if (r->out->issued_s > rules->now_s + SAML_SKEW_S || r->out->issued_s < rules->now_s - SAML_SKEW_S)
        return err_set(r->err, ERR_EXPIRED, "the request was issued more than %d minutes from now; start again, and check the clock of the service", SAML_SKEW_S / 60);
    return OK;
}

static bool has_signature(const struct saml_request_raw *raw) { return raw->signature_node != NULL || !span_empty(raw->query.algorithm); }

static enum err_code read_destination(const struct reader *r, const struct saml_request_rules *rules)
{
    enum err_code code = attribute(r, r->root, "Destination", SAML_URI_BYTES, &r->out->destination);
    if (code != OK || (span_empty(r->out->destination) && !has_signature(r->raw)))
        return code;
    return span_equal(r->out->destination, rules->destination) ? OK : err_set(r->err, ERR_INPUT, "the request's Destination is not %.*s", SPAN_ARGS(rules->destination));
}

static enum err_code verify(const struct reader *r, const struct saml_request_rules *rules)
{
    const struct saml_request_raw *raw = r->raw;
    if (raw->redirect && raw->signature_node != NULL)
        return err_set(r->err, ERR_INPUT, "a request in a URL is signed by the URL, not inside");
    if (!has_signature(raw))
        return rules->signed_only ? err_set(r->err, ERR_DENIED, "the request is not signed") : OK;
    enum err_code code = raw->redirect ? saml_signature_verify_query(&rules->trust, raw->query.octets, raw->query.algorithm, raw->query.signature, r->err)
                                       : saml_signature_verify(&rules->trust, raw->doc, raw->signature_node, r->err);
    r->out->is_signed = code == OK;
    return code;
}

static enum err_code read_acs(const struct reader *r)
{
    struct span index;
    uint64_t n = 0;
    enum err_code code = attribute(r, r->root, "AssertionConsumerServiceURL", SAML_URI_BYTES, &r->out->acs_url);
    if (code == OK)
        code = attribute(r, r->root, "AssertionConsumerServiceIndex", WORD_BYTES, &index);
    if (code == OK)
        code = attribute(r, r->root, "ProtocolBinding", SAML_URI_BYTES, &r->out->binding);
    r->out->acs_index = -1;
    if (code != OK || span_empty(index))
        return code;
    if (!span_to_u64(index, &n) || n > UINT16_MAX)
        return err_set(r->err, ERR_INPUT, "AssertionConsumerServiceIndex is not a number up to %d", UINT16_MAX);
    if (!span_empty(r->out->acs_url) || !span_empty(r->out->binding))
        return err_set(r->err, ERR_INPUT, "AssertionConsumerServiceIndex goes without a URL or a binding");
    r->out->acs_index = (int)n;
    return OK;
}

/* Okta names no namespace for its two elements; each counts once, and directly below Extensions. */
static enum err_code read_extensions(const struct reader *r, const xmlNode *node)
{
    if (node == NULL)
        return OK;
    struct saml_walk w = saml_xml_walk(node);
    enum err_code code = OK;
    for (const xmlNode *n; code == OK && (n = saml_xml_take_any(&w)) != NULL;) {
        struct span name = span_of((const char *)n->name);
        bool instance = span_equal_text(name, "OktaAppInstanceId");
        struct span *out = instance ? &r->out->app_instance : &r->out->app_name;
        if (!instance && !span_equal_text(name, "OktaAppName"))
            continue;
        if (out->at != NULL)
            return err_set(r->err, ERR_INPUT, "%.*s is there twice", SPAN_ARGS(name));
        code = saml_xml_text(n, r->raw->arena, SAML_APP_BYTES, out, r->err);
        if (code == OK && span_empty(*out))
            code = err_set(r->err, ERR_INPUT, "%.*s is empty", SPAN_ARGS(name));
    }
    return code == OK ? saml_xml_end(&w, r->err) : code;
}

/* SubjectConfirmation would ask that somebody else may confirm; nobody here can. */
static enum err_code read_subject(const struct reader *r, const xmlNode *node)
{
    static const char *const none[] = { NULL }, *const known[] = { "Format", "NameQualifier", "SPNameQualifier", "SPProvidedID", NULL };
    if (node == NULL)
        return OK;
    struct saml_walk w = saml_xml_walk(node);
    const xmlNode *name = saml_xml_take(&w, SAML_NS_ASSERTION, "NameID");
    if (name == NULL)
        return err_set(r->err, ERR_INPUT, "the request's Subject has no NameID");
    enum err_code code = saml_xml_attributes(node, none, r->err);
    if (code == OK)
        code = saml_xml_attributes(name, known, r->err);
    if (code == OK)
        code = attribute(r, name, "Format", SAML_FORMAT_BYTES, &r->out->subject_format);
    if (code == OK)
        code = saml_xml_text(name, r->raw->arena, SAML_NAME_BYTES, &r->out->subject, r->err);
    if (code == OK && span_empty(r->out->subject))
        code = err_set(r->err, ERR_INPUT, "the request's NameID is empty");
    return code == OK ? saml_xml_end(&w, r->err) : code;
}

static enum err_code read_name_id_policy(const struct reader *r, const xmlNode *node)
{
    static const char *const known[] = { "Format", "SPNameQualifier", "AllowCreate", NULL };
    if (node == NULL)
        return OK;
    struct saml_walk w = saml_xml_walk(node);
    enum err_code code = saml_xml_attributes(node, known, r->err);
    if (code == OK)
        code = attribute(r, node, "Format", SAML_FORMAT_BYTES, &r->out->name_id_format);
    if (code == OK)
        code = attribute(r, node, "SPNameQualifier", SAML_URI_BYTES, &r->out->name_qualifier);
    return code == OK ? saml_xml_end(&w, r->err) : code;
}

static bool comparison_from(struct span text, enum saml_comparison *out)
{
    static const char *const names[] = { "exact", "minimum", "maximum", "better" };
    *out = SAML_EXACT;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (span_equal_text(text, names[i])) {
            *out = (enum saml_comparison)i;
            return true;
        }
    return span_empty(text);
}

static enum err_code read_classes(const struct reader *r, struct saml_walk *w)
{
    enum err_code code = OK;
    for (const xmlNode *n; code == OK && (n = saml_xml_take(w, SAML_NS_ASSERTION, "AuthnContextClassRef")) != NULL;) {
        if (r->out->class_count == SAML_CLASSES)
            return err_set(r->err, ERR_LIMIT, "the request lists more than %d contexts", SAML_CLASSES);
        struct span *class = &r->out->classes[r->out->class_count++];
        code = saml_xml_text(n, r->raw->arena, SAML_URI_BYTES, class, r->err);
        if (code == OK && span_empty(*class))
            code = err_set(r->err, ERR_INPUT, "an AuthnContextClassRef is empty");
    }
    return code;
}

static enum err_code read_context(const struct reader *r, const xmlNode *node)
{
    static const char *const known[] = { "Comparison", NULL };
    struct span comparison;
    if (node == NULL)
        return OK;
    struct saml_walk w = saml_xml_walk(node);
    enum err_code code = saml_xml_attributes(node, known, r->err);
    if (code == OK)
        code = attribute(r, node, "Comparison", WORD_BYTES, &comparison);
    if (code == OK && !comparison_from(comparison, &r->out->comparison))
        code = err_set(r->err, ERR_INPUT, "Comparison is none of exact, minimum, maximum, better");
    if (code == OK)
        code = read_classes(r, &w);
    bool declarations = false;
    while (code == OK && r->out->class_count == 0 && saml_xml_take(&w, SAML_NS_ASSERTION, "AuthnContextDeclRef") != NULL)
        declarations = true;
    if (code == OK && r->out->class_count == 0 && !declarations)
        code = err_set(r->err, ERR_INPUT, "RequestedAuthnContext is empty");
    r->out->wants_context = true;
    return code == OK ? saml_xml_end(&w, r->err) : code;
}

static enum err_code read_children(const struct reader *r)
{
    struct saml_walk w = r->raw->rest;
    enum err_code code = read_extensions(r, saml_xml_take(&w, SAML_NS_PROTOCOL, "Extensions"));
    if (code == OK)
        code = read_subject(r, saml_xml_take(&w, SAML_NS_ASSERTION, "Subject"));
    if (code == OK)
        code = read_name_id_policy(r, saml_xml_take(&w, SAML_NS_PROTOCOL, "NameIDPolicy"));
    (void)saml_xml_take(&w, SAML_NS_ASSERTION, "Conditions"); /* a wish for the answer's lifetime; ours is shorter than any that makes sense */
    if (code == OK)
        code = read_context(r, saml_xml_take(&w, SAML_NS_PROTOCOL, "RequestedAuthnContext"));
    (void)saml_xml_take(&w, SAML_NS_PROTOCOL, "Scoping");     /* nobody is asked further */
    return code == OK ? saml_xml_end(&w, r->err) : code;
}

/* The Issuer again, from the tree whose signature was good. */
static enum err_code read_issuer_format(const struct reader *r)
{
    struct span format;
    enum err_code code = attribute(r, r->raw->issuer_node, "Format", SAML_URI_BYTES, &format);
    if (code == OK && !span_empty(format) && !span_equal_text(format, SAML_NAME_ID_ENTITY))
        code = err_set(r->err, ERR_INPUT, "the request's Issuer is not an entity id");
    return code;
}

enum err_code saml_request_read(const struct saml_request_raw *raw, const struct saml_request_rules *rules, struct saml_request *out, struct err *err)
{
    struct saml_request request = { .issuer = raw->issuer };
    struct reader r = { raw, xmlDocGetRootElement(raw->doc), &request, err };
    enum err_code code = read_header(&r, rules);
    if (code == OK)
        code = read_issuer_format(&r);
    if (code == OK)
        code = read_destination(&r, rules);
    if (code == OK)
        code = verify(&r, rules);
    if (code == OK)
        code = boolean(&r, "ForceAuthn", &request.force);
    if (code == OK)
        code = boolean(&r, "IsPassive", &request.passive);
    if (code == OK)
        code = read_acs(&r);
    if (code == OK)
        code = read_children(&r);
    if (code == OK)
        *out = request;
    return code;
}
