/* saml_xml: foreign XML into a tree, strictly, and the walk through such a tree. For connectors/identity/saml_*.c alone: needs libxml2.
 * Before a tree is built the bytes are looked over: UTF-8 only, no DTD, no entity but the five of XML, no CDATA, no processing instruction, bounds on
 * depth and number. The walk goes by position and by expanded name, as the schema has it; nothing is searched for.
 * Sources: XML 1.0 (5th), Namespaces in XML 1.0; the attacks are those of docs/doors/saml.md. Thread: any, one tree at a time. */
#ifndef CONNECTORS_IDENTITY_SAML_XML_H
#define CONNECTORS_IDENTITY_SAML_XML_H
#include "connectors/identity/saml_names.h"
#include "posture/base/arena.h"

#include <libxml/tree.h>

enum { SAML_XML_DEPTH = 64, SAML_XML_NODES = 5000 /* elements and attributes */, SAML_XML_ID_BYTES = 256 };
enum saml_xml_comments { SAML_XML_COMMENTS_REFUSED, SAML_XML_COMMENTS_DROPPED /* files of an operator */ };

/* Owned; free with saml_xml_freep. ERR_INPUT, ERR_LIMIT, ERR_MEMORY. Every ID of the tree is unique and registered as such (xml:id is refused). */
MUST_CHECK enum err_code saml_xml_read(struct span text, size_t max_bytes, enum saml_xml_comments comments, xmlDoc **out, struct err *err);
void saml_xml_freep(xmlDoc **doc); /* NULL inside is fine */

/* The next element of that expanded name is taken, else NULL and nothing moves. */
struct saml_walk { const xmlNode *parent; xmlNode *at; };
struct saml_walk saml_xml_walk(const xmlNode *parent);
xmlNode *saml_xml_take(struct saml_walk *w, const char *ns, const char *name);
xmlNode *saml_xml_take_any(struct saml_walk *w); /* NULL at the end */
/* ERR_INPUT when an element is left, or when there is text between the elements. */
MUST_CHECK enum err_code saml_xml_end(const struct saml_walk *w, struct err *err);

bool saml_xml_is(const xmlNode *node, const char *ns, const char *name);
/* Attributes without a namespace. Absent: OK and an empty span, which a present empty one gives as well. Texts are copied into `arena`. */
MUST_CHECK enum err_code saml_xml_attribute(const xmlNode *node, struct arena *arena, const char *name, size_t max_bytes, struct span *out, struct err *err);
/* ERR_INPUT when the element has another attribute than these, or one in a namespace. The list ends with NULL. */
MUST_CHECK enum err_code saml_xml_attributes(const xmlNode *node, const char *const *names, struct err *err);
/* The element's text, all of it, without white space at the ends. ERR_INPUT when it holds elements. */
MUST_CHECK enum err_code saml_xml_text(const xmlNode *node, struct arena *arena, size_t max_bytes, struct span *out, struct err *err);
/* An NCName (ASCII ones alone) of at most SAML_XML_ID_BYTES. */
bool saml_xml_is_id(struct span text);
/* xs:boolean. False: not one. Empty counts as false. */
bool saml_xml_boolean(struct span text, bool *out);
#endif
