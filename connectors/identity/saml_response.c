#include "connectors/identity/saml_response.h"

#include "connectors/identity/saml_xml_write.h"
#include "posture/base/clock.h"
#include "posture/base/secret.h"

#define STATUS "urn:oasis:names:tc:SAML:2.0:status:"
#define BASIC "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"
#define BEARER "urn:oasis:names:tc:SAML:2.0:cm:bearer"

static const char *const second_codes[SAML_STATUSES] = { NULL, STATUS "AuthnFailed", STATUS "NoPassive", STATUS "NoAuthnContext", STATUS "InvalidNameIDPolicy" };

/* An element that may be signed: its text up to and with the Issuer, and what follows. The signature goes between. */
struct element { struct buf head, tail; char id[SAML_NEW_ID_BYTES + 1]; };

static void element_init(struct element *e)
{
    buf_init(&e->head, SAML_RESPONSE_BYTES);
    buf_init(&e->tail, SAML_RESPONSE_BYTES);
    e->id[0] = '_'; /* an NCName cannot begin with a digit */
    secret_random_text(e->id + 1, SAML_NEW_ID_BYTES - 1);
    e->id[SAML_NEW_ID_BYTES] = '\0';
}

static void element_done(struct element *e)
{
    buf_done(&e->head);
    buf_done(&e->tail);
}

static enum err_code element_write(struct element *e, const struct saml_signer *signer, struct buf *out, struct err *err)
{
    CLEANUP(buf_done) struct buf canonical, signature;
    buf_init(&canonical, SAML_RESPONSE_BYTES);
    buf_init(&signature, SAML_RESPONSE_BYTES);
    buf_append(&canonical, buf_span(&e->head));
    buf_append(&canonical, buf_span(&e->tail));
    enum err_code code = buf_check(&e->head, "a SAML response", err);
    if (code == OK)
        code = buf_check(&e->tail, "a SAML response", err);
    if (code == OK)
        code = buf_check(&canonical, "a SAML response", err);
    if (code == OK && signer != NULL)
        code = saml_signature_write(signer, span_of(e->id), buf_span(&canonical), &signature, err);
    if (code != OK)
        return code;
    buf_append(out, buf_span(&e->head));
    buf_append(out, buf_span(&signature));
    buf_append(out, buf_span(&e->tail));
    return buf_check(out, "a SAML response", err);
}

/* ---- the Assertion ---- */

struct times { char now[CLOCK_TEXT_BYTES], before[CLOCK_TEXT_BYTES], after[CLOCK_TEXT_BYTES]; };

static struct times times_of(int64_t at_s)
{
    struct times t;
    clock_rfc3339(at_s, t.now);
    clock_rfc3339(at_s - SAML_BEFORE_S, t.before);
    clock_rfc3339(at_s + SAML_LIFETIME_S, t.after);
    return t;
}

static void write_optional(struct buf *out, const char *name, struct span value)
{
    if (span_empty(value))
        return;
    buf_append_byte(out, ' ');
    buf_append_text(out, name);
    SAML_XML(out, "=\"{}\"", value);
}

static void write_subject(const struct saml_response *r, const struct times *t, struct buf *out)
{
    buf_append_text(out, "<saml:Subject><saml:NameID");
    write_optional(out, "Format", r->name_id_format);
    write_optional(out, "NameQualifier", r->name_qualifier);
    write_optional(out, "SPNameQualifier", r->sp_name_qualifier);
    SAML_XML(out, ">{}</saml:NameID><saml:SubjectConfirmation Method=\"" BEARER "\">", r->name_id);
    buf_append_text(out, "<saml:SubjectConfirmationData");
    write_optional(out, "InResponseTo", r->in_response_to);
    SAML_XML(out, " NotOnOrAfter=\"{}\" Recipient=\"{}\"></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>", span_of(t->after), r->destination);
}

static void write_fact(struct buf *out, const char *name, bool holds)
{
    SAML_XML(out, "<Fact Name=\"{}\" Value=\"{}\"></Fact>", span_of(name), holds ? SPAN_LITERAL("true") : SPAN_LITERAL("false"));
}

static void write_device(const struct saml_device *d, struct buf *out)
{
    buf_append_text(out, "<saml:AuthnContextDecl><AuthenticationContextDeclaration xmlns=\"" SAML_CLASS_OKTA_POSTURE "\"><AuthnMethod></AuthnMethod><Extension><Device");
    write_optional(out, "ID", d->id);
    write_optional(out, "Model", d->model);
    write_optional(out, "OS", d->os);
    write_optional(out, "OSVersion", d->os_version);
    write_optional(out, "Vendor", d->vendor);
    buf_append_text(out, "><Posture>");
    write_fact(out, "IsManaged", d->managed);
    write_fact(out, "IsCompliant", d->compliant);
    buf_append_text(out, "</Posture></Device></Extension></AuthenticationContextDeclaration></saml:AuthnContextDecl>");
}

static void write_attributes(const struct saml_response *r, struct buf *out)
{
    size_t written = 0;
    for (size_t i = 0; i < r->attribute_count; i++) {
        const struct saml_attribute *a = &r->attributes[i];
        if (a->count == 0)
            continue;
        if (written++ == 0)
            buf_append_text(out, "<saml:AttributeStatement>");
        SAML_XML(out, "<saml:Attribute Name=\"{}\" NameFormat=\"" BASIC "\">", a->name);
        for (size_t j = 0; j < a->count; j++)
            SAML_XML(out, "<saml:AttributeValue>{}</saml:AttributeValue>", a->values[j]);
        buf_append_text(out, "</saml:Attribute>");
    }
    if (written > 0)
        buf_append_text(out, "</saml:AttributeStatement>");
}

static void write_statement(const struct saml_response *r, const struct times *t, struct buf *out)
{
    char session[SAML_NEW_ID_BYTES];
    secret_random_text(session, sizeof session);
    SAML_XML(out, "<saml:AuthnStatement AuthnInstant=\"{}\" SessionIndex=\"_{}\"><saml:AuthnContext><saml:AuthnContextClassRef>{}</saml:AuthnContextClassRef>", span_of(t->now),
             span_make(session, sizeof session), r->context);
    if (r->device != NULL)
        write_device(r->device, out);
    buf_append_text(out, "</saml:AuthnContext></saml:AuthnStatement>");
}

static enum err_code write_assertion(const struct saml_response *r, const struct saml_signer *signer, struct buf *out, struct err *err)
{
    CLEANUP(element_done) struct element e;
    struct times t = times_of(r->at_s);
    element_init(&e);
    SAML_XML(&e.head, "<saml:Assertion xmlns:saml=\"" SAML_NS_ASSERTION "\" ID=\"{}\" IssueInstant=\"{}\" Version=\"2.0\"><saml:Issuer>{}</saml:Issuer>", span_of(e.id),
             span_of(t.now), r->issuer);
    write_subject(r, &t, &e.tail);
    SAML_XML(&e.tail,
             "<saml:Conditions NotBefore=\"{}\" NotOnOrAfter=\"{}\"><saml:AudienceRestriction><saml:Audience>{}</saml:Audience></saml:AudienceRestriction></saml:Conditions>",
             span_of(t.before), span_of(t.after), r->audience);
    write_statement(r, &t, &e.tail);
    write_attributes(r, &e.tail);
    buf_append_text(&e.tail, "</saml:Assertion>");
    return element_write(&e, r->sign_assertion ? signer : NULL, out, err);
}

/* ---- the Response ---- */

static void write_status(const struct saml_response *r, struct buf *out)
{
    if (r->status == SAML_SUCCESS) {
        buf_append_text(out, "<samlp:Status><samlp:StatusCode Value=\"" STATUS "Success\"></samlp:StatusCode></samlp:Status>");
        return;
    }
    SAML_XML(out, "<samlp:Status><samlp:StatusCode Value=\"" STATUS "Responder\"><samlp:StatusCode Value=\"{}\"></samlp:StatusCode></samlp:StatusCode>",
             span_of(second_codes[r->status]));
    if (!span_empty(r->message))
        SAML_XML(out, "<samlp:StatusMessage>{}</samlp:StatusMessage>", r->message);
    if (!span_empty(r->detail)) /* the schema wants an element in there */
        SAML_XML(out, "<samlp:StatusDetail><Cause xmlns=\"urn:postern:saml:status\">{}</Cause></samlp:StatusDetail>", r->detail);
    buf_append_text(out, "</samlp:Status>");
}

static void write_head(const struct saml_response *r, struct element *e)
{
    char now[CLOCK_TEXT_BYTES];
    SAML_XML(&e->head, "<samlp:Response xmlns:samlp=\"" SAML_NS_PROTOCOL "\" Destination=\"{}\" ID=\"{}\"", r->destination, span_of(e->id));
    write_optional(&e->head, "InResponseTo", r->in_response_to);
    SAML_XML(&e->head, " IssueInstant=\"{}\" Version=\"2.0\"><saml:Issuer xmlns:saml=\"" SAML_NS_ASSERTION "\">{}</saml:Issuer>", span_of(clock_rfc3339(r->at_s, now)), r->issuer);
}

enum err_code saml_response_write(const struct saml_response *r, const struct saml_signer *signer, struct buf *out, struct err *err)
{
    CLEANUP(element_done) struct element e;
    enum err_code code = OK;
    element_init(&e);
    write_head(r, &e);
    write_status(r, &e.tail);
    if (r->status == SAML_SUCCESS)
        code = write_assertion(r, signer, &e.tail, err);
    if (code != OK)
        return code;
    buf_append_text(&e.tail, "</samlp:Response>");
    return element_write(&e, r->status != SAML_SUCCESS || r->sign_response ? signer : NULL, out, err);
}
