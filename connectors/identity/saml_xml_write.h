/* saml_xml_write: XML text that is in exclusive canonical form already, so that it can be signed as it stands: the templates name each namespace where it
 * is first used, order their attributes and never close an element in itself; the values are escaped as canonicalization does it.
 * Source: Canonical XML 1.0 section 2.3, Exclusive XML Canonicalization 1.0 section 3. */
#ifndef CONNECTORS_IDENTITY_SAML_XML_WRITE_H
#define CONNECTORS_IDENTITY_SAML_XML_WRITE_H
#include "posture/base/buf.h"

enum { SAML_XML_MOST_VALUES = 8 };
/* Each {} of the template takes the next value: as an attribute's inside ="{}", as text elsewhere. What XML cannot hold becomes U+FFFD. */
void saml_xml_fill(struct buf *out, const char *template, const struct span *values, size_t count);
/* SAML_XML(out, "<a b=\"{}\">{}</a>", b, text): the template must be a literal. */
#define SAML_XML(out, template, ...) saml_xml_fill((out), "" template, (const struct span[]){ __VA_ARGS__ }, sizeof((const struct span[]){ __VA_ARGS__ }) / sizeof(struct span))
#endif
