#include "connectors/identity/saml_metadata.h"

#include "connectors/identity/saml_signature_parts.h"
#include "connectors/identity/saml_xml_write.h"
#include "posture/base/clock.h"
#include "posture/base/secret.h"

#include <openssl/evp.h>

enum { URI_BYTES = 2000, WORD_BYTES = 64, LIST_BYTES = 1024, CERTIFICATE_BYTES = 16 * 1024, PEM_LINE = 64 };

struct acs { struct span url; int64_t index; bool is_default; };
struct reader {
    struct arena *arena;
    struct saml_metadata *out;
    struct acs acs[SAML_METADATA_ACS]; /* as they come */
    struct err *err;
};

static enum err_code attribute(struct reader *r, const xmlNode *node, const char *name, size_t max_bytes, struct span *out)
{
    return saml_xml_attribute(node, r->arena, name, max_bytes, out, r->err);
}

static enum err_code boolean(struct reader *r, const xmlNode *node, const char *name, bool *out)
{
    struct span text;
    enum err_code code = attribute(r, node, name, WORD_BYTES, &text);
    return code != OK || saml_xml_boolean(text, out) ? code : err_set(r->err, ERR_INPUT, "%s is neither true nor false", name);
}

/* ---- keys ---- */

/* Base64 with any line breaks, into the form of RFC 7468. */
static bool write_pem(struct span text, struct buf *out)
{
    size_t line = 0;
    buf_append_text(out, "-----BEGIN CERTIFICATE-----\n");
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        buf_append_byte(out, c);
        if (++line % PEM_LINE == 0)
            buf_append_byte(out, '\n');
    }
    return buf_append_text(out, line % PEM_LINE == 0 ? "-----END CERTIFICATE-----\n" : "\n-----END CERTIFICATE-----\n");
}

static enum err_code read_certificate(struct reader *r, const xmlNode *node)
{
    struct span text;
    CLEANUP(buf_done) struct buf pem;
    buf_init(&pem, 2 * CERTIFICATE_BYTES);
    enum err_code code = saml_xml_text(node, r->arena, CERTIFICATE_BYTES, &text, r->err);
    if (code != OK)
        return code;
    EVP_PKEY *key = write_pem(text, &pem) ? saml_certificate_key(buf_span(&pem)) : NULL;
    EVP_PKEY_free(key);
    if (key == NULL)
        return err_set(r->err, ERR_INPUT, "a certificate in it has no RSA key of %d bits or more and no P-256 key", SAML_RSA_BITS);
    if (r->out->certificate_count == SAML_METADATA_CERTIFICATES)
        return err_set(r->err, ERR_LIMIT, "it holds more than %d certificates", SAML_METADATA_CERTIFICATES);
    struct span copy = arena_copy(r->arena, buf_span(&pem));
    if (span_empty(copy))
        return err_set(r->err, ERR_MEMORY, "reading a certificate");
    for (size_t i = 0; i < r->out->certificate_count; i++)
        if (span_equal(r->out->certificates[i], copy))
            return OK;
    r->out->certificates[r->out->certificate_count++] = copy;
    return OK;
}

/* KeyDescriptor > ds:KeyInfo > ds:X509Data > ds:X509Certificate. Other kinds of key information say nothing that a door can hold. */
static enum err_code read_key(struct reader *r, const xmlNode *node)
{
    struct span use;
    enum err_code code = attribute(r, node, "use", WORD_BYTES, &use);
    if (code != OK || span_equal_text(use, "encryption"))
        return code;
    struct saml_walk w = saml_xml_walk(node);
    const xmlNode *info = saml_xml_take(&w, SAML_NS_SIGNATURE, "KeyInfo");
    if (info == NULL)
        return err_set(r->err, ERR_INPUT, "a KeyDescriptor has no KeyInfo");
    struct saml_walk parts = saml_xml_walk(info);
    for (const xmlNode *data; code == OK && (data = saml_xml_take_any(&parts)) != NULL;) {
        struct saml_walk entries = saml_xml_walk(data);
        for (const xmlNode *entry; code == OK && saml_xml_is(data, SAML_NS_SIGNATURE, "X509Data") && (entry = saml_xml_take_any(&entries)) != NULL;)
            if (saml_xml_is(entry, SAML_NS_SIGNATURE, "X509Certificate"))
                code = read_certificate(r, entry);
    }
    return code;
}

/* ---- where answers go ---- */

static enum err_code read_acs(struct reader *r, const xmlNode *node)
{
    struct span binding, index;
    struct acs acs = { 0 };
    enum err_code code = attribute(r, node, "Binding", URI_BYTES, &binding);
    if (code != OK || !span_equal_text(binding, SAML_BINDING_POST))
        return code;
    code = attribute(r, node, "Location", URI_BYTES, &acs.url);
    if (code == OK)
        code = attribute(r, node, "index", WORD_BYTES, &index);
    if (code == OK)
        code = boolean(r, node, "isDefault", &acs.is_default);
    if (code == OK && span_empty(acs.url))
        code = err_set(r->err, ERR_INPUT, "an AssertionConsumerService has no Location");
    if (code == OK && !span_empty(index) && !span_to_i64(index, &acs.index))
        code = err_set(r->err, ERR_INPUT, "the index of an AssertionConsumerService is not a number");
    if (code == OK && r->out->acs_count == SAML_METADATA_ACS)
        code = err_set(r->err, ERR_LIMIT, "it has more than %d AssertionConsumerServices", SAML_METADATA_ACS);
    if (code == OK)
        r->acs[r->out->acs_count++] = acs;
    return code;
}

static bool goes_before(const struct acs *a, const struct acs *b) { return a->is_default != b->is_default ? a->is_default : a->index < b->index; }

static void sort_acs(struct reader *r)
{
    for (size_t i = 1; i < r->out->acs_count; i++)
        for (size_t j = i; j > 0 && goes_before(&r->acs[j], &r->acs[j - 1]); j--) {
            struct acs keep = r->acs[j];
            r->acs[j] = r->acs[j - 1];
            r->acs[j - 1] = keep;
        }
    for (size_t i = 0; i < r->out->acs_count; i++)
        r->out->acs[i] = r->acs[i].url;
}

/* ---- the document ---- */

static enum err_code read_service(struct reader *r, const xmlNode *node)
{
    enum err_code code = boolean(r, node, "AuthnRequestsSigned", &r->out->requests_signed);
    if (code == OK)
        code = boolean(r, node, "WantAssertionsSigned", &r->out->assertions_signed);
    struct saml_walk w = saml_xml_walk(node);
    for (const xmlNode *n; code == OK && (n = saml_xml_take_any(&w)) != NULL;) {
        if (saml_xml_is(n, SAML_NS_METADATA, "KeyDescriptor"))
            code = read_key(r, n);
        else if (saml_xml_is(n, SAML_NS_METADATA, "AssertionConsumerService"))
            code = read_acs(r, n);
    }
    if (code == OK && r->out->acs_count == 0)
        code = err_set(r->err, ERR_INPUT, "it has no AssertionConsumerService for HTTP-POST");
    return code;
}

static enum err_code is_saml2(struct reader *r, const xmlNode *node, bool *out)
{
    struct span list, one;
    *out = false;
    enum err_code code = attribute(r, node, "protocolSupportEnumeration", LIST_BYTES, &list);
    while (code == OK && span_cut(&list, ' ', &one))
        *out = *out || span_equal_text(span_trim(one), SAML_NS_PROTOCOL);
    return code;
}

static enum err_code read_services(struct reader *r, const xmlNode *root)
{
    struct saml_walk w = saml_xml_walk(root);
    size_t found = 0;
    enum err_code code = OK;
    for (const xmlNode *n; code == OK && (n = saml_xml_take_any(&w)) != NULL;) {
        bool ours = false;
        if (saml_xml_is(n, SAML_NS_METADATA, "SPSSODescriptor"))
            code = is_saml2(r, n, &ours);
        if (code == OK && ours && found++ > 0)
            return err_set(r->err, ERR_INPUT, "it describes two service providers");
        if (code == OK && ours)
            code = read_service(r, n);
    }
    return code == OK && found == 0 ? err_set(r->err, ERR_INPUT, "it describes no SAML 2.0 service provider (SPSSODescriptor)") : code;
}

static enum err_code read_entity(struct reader *r, const xmlNode *root)
{
    struct span until;
    if (saml_xml_is(root, SAML_NS_METADATA, "EntitiesDescriptor"))
        return err_set(r->err, ERR_INPUT, "it holds a list of entities: cut out the one EntityDescriptor that is meant");
    if (!saml_xml_is(root, SAML_NS_METADATA, "EntityDescriptor"))
        return err_set(r->err, ERR_INPUT, "it does not begin with an EntityDescriptor");
    enum err_code code = attribute(r, root, "entityID", URI_BYTES, &r->out->entity_id);
    if (code == OK && span_empty(r->out->entity_id))
        code = err_set(r->err, ERR_INPUT, "it has no entityID");
    if (code == OK)
        code = attribute(r, root, "validUntil", WORD_BYTES, &until);
    if (code == OK && !span_empty(until) && !clock_from_rfc3339(until, &r->out->valid_until_s))
        code = err_set(r->err, ERR_INPUT, "its validUntil is not a time");
    return code == OK ? read_services(r, root) : code;
}

enum err_code saml_metadata_read(struct span file, struct arena *arena, struct saml_metadata *out, struct err *err)
{
    CLEANUP(saml_xml_freep) xmlDoc *doc = NULL;
    struct saml_metadata metadata = { 0 };
    struct reader r = { .arena = arena, .out = &metadata, .err = err };
    enum err_code code = saml_xml_read(file, SAML_METADATA_BYTES, SAML_XML_COMMENTS_DROPPED, &doc, err);
    if (code == OK)
        code = read_entity(&r, xmlDocGetRootElement(doc));
    if (code != OK)
        return err_wrap(err, "metadata");
    sort_acs(&r);
    *out = metadata;
    return OK;
}

/* ---- ours ---- */

void saml_metadata_write(const struct saml_metadata_idp *idp, struct buf *out)
{
    static const char *const formats[] = { SAML_NAME_ID_UNSPECIFIED, SAML_NAME_ID_EMAIL, SAML_NAME_ID_PERSISTENT, SAML_NAME_ID_TRANSIENT };
    static const char *const bindings[] = { SAML_BINDING_REDIRECT, SAML_BINDING_POST };
    char until[CLOCK_TEXT_BYTES];
    SAML_XML(out, "<md:EntityDescriptor xmlns:md=\"" SAML_NS_METADATA "\" cacheDuration=\"PT1H\" entityID=\"{}\" validUntil=\"{}\">", idp->entity_id,
             span_of(clock_rfc3339(idp->valid_until_s, until)));
    SAML_XML(out, "<md:IDPSSODescriptor WantAuthnRequestsSigned=\"{}\" protocolSupportEnumeration=\"" SAML_NS_PROTOCOL "\">",
             idp->requests_signed ? SPAN_LITERAL("true") : SPAN_LITERAL("false"));
    for (size_t i = 0; i < idp->certificate_count; i++) {
        buf_append_text(out, "<md:KeyDescriptor use=\"signing\"><ds:KeyInfo xmlns:ds=\"" SAML_NS_SIGNATURE "\"><ds:X509Data><ds:X509Certificate>");
        secret_base64(idp->certificates[i], out);
        buf_append_text(out, "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>");
    }
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        SAML_XML(out, "<md:NameIDFormat>{}</md:NameIDFormat>", span_of(formats[i]));
    for (size_t i = 0; i < sizeof bindings / sizeof bindings[0]; i++)
        SAML_XML(out, "<md:SingleSignOnService Binding=\"{}\" Location=\"{}\"/>", span_of(bindings[i]), idp->sso);
    buf_append_text(out, "</md:IDPSSODescriptor></md:EntityDescriptor>\n");
}
