/* The enveloped signature of others, by xmlsec. */
#undef OPENSSL_NO_DEPRECATED /* xmlsec's headers name types that we have no other use for */
#include "connectors/identity/saml_signature_parts.h"

#include <openssl/evp.h>

#include <libxml/parser.h>
#include <xmlsec/crypto.h>
#include <xmlsec/errors.h>
#include <xmlsec/openssl/evp.h>
#include <xmlsec/xmldsig.h>
#include <xmlsec/xmlsec.h>

#include <pthread.h>
#include <string.h>

/* libxml2 and xmlsec have state of their own for the whole process. It is made once, and stays. */
static bool library_is_well;
static void start_library(void)
{
    xmlInitParser();
    library_is_well = xmlSecInit() == 0 && xmlSecCheckVersion() == 1 && xmlSecCryptoAppInit(NULL) == 0 && xmlSecCryptoInit() == 0;
    xmlSecErrorsSetCallback(NULL); /* what it says goes to nobody: messages can hold what a peer sent */
}

static bool library(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    return pthread_once(&once, start_library) == 0 && library_is_well;
}

/* All that may run, besides what the shape allows: two locks are better than one. */
static bool restrict_to_ours(xmlSecDSigCtxPtr context, bool sha1)
{
    const xmlSecTransformId references[] = { xmlSecTransformEnvelopedId, xmlSecTransformExclC14NId, xmlSecTransformSha256Id, xmlSecTransformSha384Id, xmlSecTransformSha512Id };
    const xmlSecTransformId signatures[] = { xmlSecTransformExclC14NId, xmlSecTransformRsaSha256Id, xmlSecTransformRsaSha384Id, xmlSecTransformRsaSha512Id,
                                             xmlSecTransformEcdsaSha256Id };
    bool good = true;
    context->enabledReferenceUris = xmlSecTransformUriTypeSameDocument;
    for (size_t i = 0; i < sizeof references / sizeof references[0]; i++)
        good = good && xmlSecDSigCtxEnableReferenceTransform(context, references[i]) == 0;
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++)
        good = good && xmlSecDSigCtxEnableSignatureTransform(context, signatures[i]) == 0;
    if (sha1)
        good = good && xmlSecDSigCtxEnableReferenceTransform(context, xmlSecTransformSha1Id) == 0 && xmlSecDSigCtxEnableSignatureTransform(context, xmlSecTransformRsaSha1Id) == 0;
    return good;
}

/* The key is ours before the message is looked at, so its KeyInfo is not read. The list says so again: an empty one would mean that any kind of key data
 * is taken, while a KeyName alone never brings a key. */
static bool give_key(xmlSecDSigCtxPtr context, EVP_PKEY *takes)
{
    xmlSecKeyDataPtr data = xmlSecOpenSSLEvpKeyAdopt(takes);
    xmlSecKeyPtr key = data != NULL ? xmlSecKeyCreate() : NULL;
    if (data == NULL)
        EVP_PKEY_free(takes);
    if (key == NULL || xmlSecKeySetValue(key, data) < 0) {
        if (data != NULL)
            xmlSecKeyDataDestroy(data);
        if (key != NULL)
            xmlSecKeyDestroy(key);
        return false;
    }
    context->signKey = key;
    return xmlSecPtrListAdd(&context->keyInfoReadCtx.enabledKeyData, (xmlSecPtr)(uintptr_t)xmlSecKeyDataNameId) == 0;
}

/* What was verified is the element that is about to be read, and nothing else. */
static bool covers_root(xmlSecDSigCtxPtr context, xmlDoc *doc)
{
    xmlSecPtrListPtr list = &context->signedInfoReferences;
    if (xmlSecPtrListGetSize(list) != 1)
        return false;
    const xmlSecDSigReferenceCtx *reference = xmlSecPtrListGetItem(list, 0);
    if (reference == NULL || reference->status != xmlSecDSigStatusSucceeded || reference->uri == NULL || reference->uri[0] != '#')
        return false;
    const xmlAttr *id = xmlGetID(doc, reference->uri + 1);
    return id != NULL && id->parent == xmlDocGetRootElement(doc);
}

static enum err_code verify_with(EVP_PKEY *takes, bool sha1, xmlDoc *doc, xmlNode *signature, bool *good, struct err *err)
{
    xmlSecDSigCtxPtr context = xmlSecDSigCtxCreate(NULL);
    if (context == NULL) {
        EVP_PKEY_free(takes);
        return err_set(err, ERR_MEMORY, "verifying a signature");
    }
    enum err_code code = OK;
    if (!give_key(context, takes) || !restrict_to_ours(context, sha1))
        code = err_set(err, ERR_INTERNAL, "xmlsec cannot verify signatures");
    else
        *good = xmlSecDSigCtxVerify(context, signature) == 0 && context->status == xmlSecDSigStatusSucceeded && covers_root(context, doc);
    xmlSecDSigCtxDestroy(context);
    return code;
}

/* The ID of the document element, registered when the tree was read. */
static struct span root_id(xmlDoc *doc)
{
    for (const xmlAttr *a = xmlDocGetRootElement(doc)->properties; a != NULL; a = a->next)
        if (a->ns == NULL && strcmp((const char *)a->name, "ID") == 0 && a->children != NULL)
            return span_of((const char *)a->children->content);
    return SPAN_NONE;
}

enum err_code saml_signature_verify(const struct saml_trust *trust, xmlDoc *doc, xmlNode *signature, struct err *err)
{
    bool good = false;
    struct span id = root_id(doc);
    if (!library())
        return err_set(err, ERR_INTERNAL, "xmlsec does not start");
    if (signature->parent != xmlDocGetRootElement(doc) || span_empty(id))
        return err_set(err, ERR_INPUT, "the signature is not the message's own");
    enum err_code code = saml_signature_shape(trust, signature, id, err);
    for (size_t i = 0; code == OK && !good && i < trust->count; i++) {
        EVP_PKEY *key = saml_certificate_key(trust->certificates[i]);
        if (key != NULL)
            code = verify_with(key, trust->sha1, doc, signature, &good, err);
    }
    return code != OK || good ? code : saml_signature_foreign(err);
}
