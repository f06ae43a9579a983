#include "connectors/identity/saml_signature_parts.h"

enum { URI_BYTES = 128, VALUE_BYTES = 2 * SAML_SIGNATURE_BYTES, ARENA_BYTES = 64 * 1024, PREFIXES_BYTES = 256 };
#define ENVELOPED SAML_NS_SIGNATURE "enveloped-signature"

/* Never a MAC: with a public key as secret anybody could make one. */
static const struct saml_algorithm algorithms[] = {
    { "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "RSA", "SHA256", false },     { "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", "RSA", "SHA384", false },
    { "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", "RSA", "SHA512", false },     { "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", "EC", "SHA256", false },
    { SAML_NS_SIGNATURE "rsa-sha1", "RSA", "SHA1", true },
};
static const struct { const char *uri; bool sha1; } digests[] = {
    { "http://www.w3.org/2001/04/xmlenc#sha256", false }, { "http://www.w3.org/2001/04/xmldsig-more#sha384", false },
    { "http://www.w3.org/2001/04/xmlenc#sha512", false }, { SAML_NS_SIGNATURE "sha1", true },
};

const struct saml_algorithm *saml_algorithm_find(struct span uri, bool sha1)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
        if (span_equal_text(uri, algorithms[i].uri) && (sha1 || !algorithms[i].sha1))
            return &algorithms[i];
    return NULL;
}

static bool is_digest(struct span uri, bool sha1)
{
    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++)
        if (span_equal_text(uri, digests[i].uri) && (sha1 || !digests[i].sha1))
            return true;
    return false;
}

/* What the checks of one signature share. */
struct shape { const struct saml_trust *trust; struct span id; struct arena *arena; struct err *err; };

static enum err_code refuse(const struct shape *s, const char *what) { return err_set(s->err, ERR_INPUT, "the signature %s", what); }

static xmlNode *take(struct saml_walk *w, const char *name) { return saml_xml_take(w, SAML_NS_SIGNATURE, name); }

/* The Algorithm of an element that has nothing else; empty for any other element. */
static struct span algorithm_of(const struct shape *s, const xmlNode *node)
{
    static const char *const known[] = { "Algorithm", NULL };
    struct span uri = SPAN_NONE;
    bool good = node != NULL && saml_xml_attributes(node, known, s->err) == OK && saml_xml_attribute(node, s->arena, "Algorithm", URI_BYTES, &uri, s->err) == OK;
    return good ? uri : SPAN_NONE;
}

static bool is_empty(const xmlNode *node)
{
    struct saml_walk w = saml_xml_walk(node);
    struct err err;
    return saml_xml_end(&w, &err) == OK;
}

/* Exclusive, comments left out. InclusiveNamespaces only adds declarations to what is covered; OpenSAML sends it where a value has an xsi:type. */
static enum err_code canonicalization(const struct shape *s, const xmlNode *node)
{
    static const char *const known[] = { "PrefixList", NULL };
    struct span prefixes;
    if (!span_equal_text(algorithm_of(s, node), SAML_NS_EXC_C14N))
        return refuse(s, "asks for another canonicalization than the exclusive one");
    struct saml_walk w = saml_xml_walk(node);
    const xmlNode *inclusive = saml_xml_take(&w, SAML_NS_EXC_C14N, "InclusiveNamespaces");
    enum err_code code = saml_xml_end(&w, s->err);
    if (code != OK || inclusive == NULL)
        return code;
    if (!is_empty(inclusive))
        return refuse(s, "asks for another canonicalization than the exclusive one");
    code = saml_xml_attributes(inclusive, known, s->err);
    return code == OK ? saml_xml_attribute(inclusive, s->arena, "PrefixList", PREFIXES_BYTES, &prefixes, s->err) : code;
}

static enum err_code transforms(const struct shape *s, const xmlNode *node)
{
    static const char *const none[] = { NULL };
    if (node == NULL)
        return refuse(s, "does not say how it is enveloped");
    struct saml_walk w = saml_xml_walk(node);
    const xmlNode *enveloped = take(&w, "Transform"), *exclusive = take(&w, "Transform");
    if (!span_equal_text(algorithm_of(s, enveloped), ENVELOPED) || !is_empty(enveloped) || exclusive == NULL)
        return refuse(s, "uses other transforms than enveloped-signature and exclusive canonicalization");
    enum err_code code = canonicalization(s, exclusive);
    if (code == OK)
        code = saml_xml_attributes(node, none, s->err);
    return code == OK ? saml_xml_end(&w, s->err) : code;
}

static bool refers_to(const struct shape *s, const xmlNode *reference)
{
    struct span uri;
    return saml_xml_attribute(reference, s->arena, "URI", SAML_XML_ID_BYTES + 1, &uri, s->err) == OK && uri.bytes > 1 && uri.at[0] == '#'
        && span_equal(span_slice(uri, 1, uri.bytes), s->id);
}

static enum err_code reference(const struct shape *s, const xmlNode *node)
{
    static const char *const known[] = { "URI", "Id", NULL };
    struct span value;
    if (node == NULL || !refers_to(s, node))
        return refuse(s, "does not cover the message");
    struct saml_walk w = saml_xml_walk(node);
    enum err_code code = saml_xml_attributes(node, known, s->err);
    if (code == OK)
        code = transforms(s, take(&w, "Transforms"));
    const xmlNode *method = take(&w, "DigestMethod"), *digest = take(&w, "DigestValue");
    if (code == OK && (!is_digest(algorithm_of(s, method), s->trust->sha1) || !is_empty(method)))
        return refuse(s, "uses a digest that is not taken here");
    if (code == OK && digest == NULL)
        return refuse(s, "has no digest");
    if (code == OK)
        code = saml_xml_text(digest, s->arena, URI_BYTES, &value, s->err);
    return code == OK ? saml_xml_end(&w, s->err) : code;
}

static enum err_code signed_info(const struct shape *s, const xmlNode *node)
{
    static const char *const known[] = { "Id", NULL };
    if (node == NULL)
        return refuse(s, "has no SignedInfo");
    struct saml_walk w = saml_xml_walk(node);
    const xmlNode *c14n = take(&w, "CanonicalizationMethod"), *method = take(&w, "SignatureMethod");
    enum err_code code = saml_xml_attributes(node, known, s->err);
    if (code == OK && c14n == NULL)
        return refuse(s, "has no CanonicalizationMethod");
    if (code == OK)
        code = canonicalization(s, c14n);
    if (code == OK && (saml_algorithm_find(algorithm_of(s, method), s->trust->sha1) == NULL || !is_empty(method)))
        return refuse(s, "uses an algorithm that is not taken here");
    if (code == OK)
        code = reference(s, take(&w, "Reference"));
    return code == OK ? saml_xml_end(&w, s->err) : code; /* a second Reference is left over */
}

static enum err_code signature_parts(const struct shape *s, const xmlNode *signature)
{
    static const char *const known[] = { "Id", NULL };
    struct span value;
    struct saml_walk w = saml_xml_walk(signature);
    enum err_code code = saml_xml_attributes(signature, known, s->err);
    if (code == OK)
        code = signed_info(s, take(&w, "SignedInfo"));
    const xmlNode *bytes = take(&w, "SignatureValue");
    if (code == OK && bytes == NULL)
        return refuse(s, "has no SignatureValue");
    if (code == OK)
        code = saml_xml_text(bytes, s->arena, VALUE_BYTES, &value, s->err);
    take(&w, "KeyInfo"); /* of no consequence: the configured keys decide */
    return code == OK ? saml_xml_end(&w, s->err) : code; /* an Object is left over */
}

enum err_code saml_signature_shape(const struct saml_trust *trust, const xmlNode *signature, struct span id, struct err *err)
{
    struct arena arena;
    arena_init(&arena, 4096, ARENA_BYTES);
    struct shape s = { trust, id, &arena, err };
    enum err_code code = signature_parts(&s, signature);
    arena_done(&arena);
    return code;
}
