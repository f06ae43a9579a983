#include "connectors/identity/saml_xml.h"

#include "posture/base/buf.h"

#include <libxml/parser.h>
#include <libxml/valid.h>

#include <limits.h>
#include <string.h>
#include <strings.h>

/* ---- the bytes, before there is a tree ---- */

struct scan { struct span text; size_t at; unsigned depth, nodes; enum saml_xml_comments comments; };

static struct span rest_of(const struct scan *s) { return span_slice(s->text, s->at, s->text.bytes); }

static enum err_code bad(struct err *err, const char *what) { return err_set(err, ERR_INPUT, "the XML %s", what); }

/* The value between the quotes after `name=`, or the empty span. */
static struct span pseudo_attribute(struct span declaration, const char *name)
{
    size_t at = span_search(declaration, span_of(name));
    struct span rest = span_slice(declaration, at + strlen(name), declaration.bytes);
    rest = span_trim(rest);
    if (at == declaration.bytes || span_empty(rest) || rest.at[0] != '=')
        return SPAN_NONE;
    rest = span_trim(span_slice(rest, 1, rest.bytes));
    if (rest.bytes < 2 || (rest.at[0] != '"' && rest.at[0] != '\''))
        return SPAN_NONE;
    struct span value = span_slice(rest, 1, rest.bytes);
    return span_slice(value, 0, span_find(value, rest.at[0]));
}

static enum err_code scan_declaration(struct scan *s, struct err *err)
{
    static const struct span begin = { "<?xml", 5 }, end = { "?>", 2 }, word = { "encoding", 8 };
    struct span rest = rest_of(s);
    if (!span_starts(rest, begin))
        return OK;
    size_t bytes = span_search(rest, end);
    struct span declaration = span_slice(rest, 0, bytes);
    if (bytes == rest.bytes || !span_equal_text(pseudo_attribute(declaration, "version"), "1.0"))
        return bad(err, "declaration does not say version 1.0");
    bool named = span_search(declaration, word) < declaration.bytes;
    if (named && !span_equal_fold(pseudo_attribute(declaration, "encoding"), SPAN_LITERAL("UTF-8")))
        return bad(err, "is not in UTF-8");
    s->at += bytes + end.bytes;
    return OK;
}

/* `&` begins one of the five entities of XML itself or a character reference; others would have to be declared. */
static bool is_reference(struct span text)
{
    static const struct span known[] = { { "&amp;", 5 }, { "&lt;", 4 }, { "&gt;", 4 }, { "&quot;", 6 }, { "&apos;", 6 }, { "&#", 2 } };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (span_starts(text, known[i]))
            return true;
    return false;
}

static enum err_code scan_comment(struct scan *s, struct err *err)
{
    static const struct span begin = { "<!--", 4 }, end = { "-->", 3 };
    struct span rest = rest_of(s);
    if (s->comments == SAML_XML_COMMENTS_REFUSED || !span_starts(rest, begin))
        return bad(err, "holds a DTD, an entity, a comment or CDATA");
    size_t bytes = span_search(span_slice(rest, begin.bytes, rest.bytes), end);
    if (begin.bytes + bytes == rest.bytes)
        return bad(err, "is cut short");
    s->at += begin.bytes + bytes + end.bytes;
    return OK;
}

/* From `<` to `>`, quotes in mind. Counts the element and its attributes. */
static enum err_code scan_tag(struct scan *s, struct err *err)
{
    char quote = '\0', before = '\0';
    bool closing = s->at + 1 < s->text.bytes && s->text.at[s->at + 1] == '/';
    s->nodes += closing ? 0 : 1;
    for (s->at++; s->at < s->text.bytes; before = s->text.at[s->at++]) {
        char c = s->text.at[s->at];
        if (c == '<' || (c == '&' && !is_reference(rest_of(s))))
            return bad(err, "is not well-formed");
        if (quote != '\0') {
            quote = c == quote ? '\0' : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '=') {
            s->nodes++;
        } else if (c == '>') {
            s->at++;
            if (closing)
                return s->depth-- > 0 ? OK : bad(err, "is not well-formed");
            s->depth += before == '/' ? 0 : 1;
            return OK;
        }
    }
    return bad(err, "is cut short");
}

static enum err_code scan_markup(struct scan *s, struct err *err)
{
    char next = s->at + 1 < s->text.bytes ? s->text.at[s->at + 1] : '\0';
    if (next == '!')
        return scan_comment(s, err);
    if (next == '?')
        return bad(err, "holds a processing instruction");
    enum err_code code = scan_tag(s, err);
    if (code == OK && (s->depth > SAML_XML_DEPTH || s->nodes > SAML_XML_NODES))
        code = err_set(err, ERR_LIMIT, "the XML is deeper than %d or has more than %d elements and attributes", SAML_XML_DEPTH, SAML_XML_NODES);
    return code;
}

static enum err_code scan(struct span text, enum saml_xml_comments comments, struct err *err)
{
    struct scan s = { .text = text, .comments = comments };
    if (!span_is_utf8(text) || (text.bytes > 0 && memchr(text.at, '\0', text.bytes) != NULL))
        return bad(err, "is not in UTF-8");
    enum err_code code = scan_declaration(&s, err);
    while (code == OK && s.at < text.bytes) {
        if (text.at[s.at] == '<')
            code = scan_markup(&s, err);
        else if (text.at[s.at] == '&' && !is_reference(rest_of(&s)))
            code = bad(err, "uses an entity");
        else
            s.at++;
    }
    return code != OK || s.depth == 0 ? code : bad(err, "is cut short");
}

/* ---- the tree ---- */

void saml_xml_freep(xmlDoc **doc)
{
    xmlFreeDoc(*doc);
    *doc = NULL;
}

static xmlAttr *find_attribute(const xmlNode *node, const char *name)
{
    for (xmlAttr *a = node->properties; a != NULL; a = a->next)
        if (a->ns == NULL && strcmp((const char *)a->name, name) == 0)
            return a;
    return NULL;
}

static struct span attribute_value(const xmlAttr *a) { return a->children == NULL ? SPAN_NONE : span_of((const char *)a->children->content); }

/* xmlsec would take "Id" and "id" for IDs as well as "ID": all three spellings share one space. */
static enum err_code register_id(xmlDoc *doc, xmlAttr *a, struct err *err)
{
    struct span value = attribute_value(a);
    if (a->ns != NULL && strcmp((const char *)a->name, "id") == 0)
        return bad(err, "names an id in a namespace");
    if (strcasecmp((const char *)a->name, "id") != 0)
        return OK;
    if (!saml_xml_is_id(value))
        return bad(err, "has an ID that is not a name");
    if (xmlGetID(doc, (const xmlChar *)value.at) != NULL || xmlAddID(NULL, doc, (const xmlChar *)value.at, a) == NULL)
        return bad(err, "has two equal IDs");
    return OK;
}

/* Depth first, without recursion: the tree's depth is not ours. */
static xmlNode *next_in_document(xmlNode *node)
{
    if (node->type == XML_ELEMENT_NODE && node->children != NULL)
        return node->children;
    while (node != NULL && node->type != XML_DOCUMENT_NODE && node->next == NULL)
        node = node->parent;
    return node == NULL || node->type == XML_DOCUMENT_NODE ? NULL : node->next;
}

static enum err_code check_attributes(xmlDoc *doc, const xmlNode *node, struct err *err)
{
    enum err_code code = OK;
    for (xmlAttr *a = node->properties; code == OK && a != NULL; a = a->next) {
        if (a->children != NULL && (a->children->type != XML_TEXT_NODE || a->children->next != NULL))
            return bad(err, "has an attribute that is not plain text");
        code = register_id(doc, a, err);
    }
    return code;
}

static enum err_code check_tree(xmlDoc *doc, struct err *err)
{
    enum err_code code = OK;
    if (doc->intSubset != NULL || doc->extSubset != NULL)
        return bad(err, "has a DTD");
    for (xmlNode *n = doc->children; code == OK && n != NULL; n = next_in_document(n)) {
        if (n->type != XML_ELEMENT_NODE && n->type != XML_TEXT_NODE && n->type != XML_COMMENT_NODE)
            return bad(err, "holds something else than elements and text");
        if (n->type == XML_ELEMENT_NODE)
            code = check_attributes(doc, n, err);
    }
    return code;
}

/* No option more: NOBLANKS and NOCDATA would change what a signature covers, the others open attacks. NOERROR and NOWARNING only keep it silent. */
static enum err_code parse(struct span text, xmlDoc **out, struct err *err)
{
    xmlParserCtxt *context = xmlNewParserCtxt();
    if (context == NULL)
        return err_set(err, ERR_MEMORY, "reading XML");
    *out = xmlCtxtReadMemory(context, text.at, (int)text.bytes, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    bool good = *out != NULL && context->wellFormed && context->nsWellFormed; /* a prefix that nobody declared still gives a tree */
    xmlFreeParserCtxt(context);
    return good ? OK : bad(err, "is not well-formed");
}

enum err_code saml_xml_read(struct span text, size_t max_bytes, enum saml_xml_comments comments, xmlDoc **out, struct err *err)
{
    static const struct span mark = { "\xef\xbb\xbf", 3 };
    if (text.bytes > max_bytes || text.bytes > INT_MAX)
        return err_set(err, ERR_LIMIT, "the XML is over %zu bytes", max_bytes);
    if (span_starts(text, mark))
        text = span_slice(text, mark.bytes, text.bytes);
    enum err_code code = scan(text, comments, err);
    if (code != OK)
        return code;
    CLEANUP(saml_xml_freep) xmlDoc *doc = NULL;
    code = parse(text, &doc, err);
    if (code == OK)
        code = check_tree(doc, err);
    if (code == OK)
        *out = TAKE(doc);
    return code;
}

/* ---- the walk ---- */

static xmlNode *element_from(xmlNode *node)
{
    while (node != NULL && node->type != XML_ELEMENT_NODE)
        node = node->next;
    return node;
}

bool saml_xml_is(const xmlNode *node, const char *ns, const char *name)
{
    return node->ns != NULL && strcmp((const char *)node->ns->href, ns) == 0 && strcmp((const char *)node->name, name) == 0;
}

struct saml_walk saml_xml_walk(const xmlNode *parent) { return (struct saml_walk){ parent, element_from(parent->children) }; }

xmlNode *saml_xml_take_any(struct saml_walk *w)
{
    xmlNode *node = w->at;
    if (node != NULL)
        w->at = element_from(node->next);
    return node;
}

xmlNode *saml_xml_take(struct saml_walk *w, const char *ns, const char *name) { return w->at != NULL && saml_xml_is(w->at, ns, name) ? saml_xml_take_any(w) : NULL; }

static bool is_blank(const xmlNode *text)
{
    return span_empty(span_trim(span_of((const char *)text->content)));
}

enum err_code saml_xml_end(const struct saml_walk *w, struct err *err)
{
    if (w->at != NULL)
        return err_set(err, ERR_INPUT, "%s is not expected there in %s", (const char *)w->at->name, (const char *)w->parent->name);
    for (const xmlNode *n = w->parent->children; n != NULL; n = n->next)
        if (n->type == XML_TEXT_NODE && !is_blank(n))
            return err_set(err, ERR_INPUT, "%s holds text between its elements", (const char *)w->parent->name);
    return OK;
}

static enum err_code take_copy(struct arena *arena, struct span text, size_t max_bytes, const char *what, struct span *out, struct err *err)
{
    if (text.bytes > max_bytes)
        return err_set(err, ERR_LIMIT, "%s is longer than %zu bytes", what, max_bytes);
    struct span copy = arena_copy(arena, text);
    if (copy.at == NULL && text.bytes > 0)
        return err_set(err, ERR_MEMORY, "reading %s", what);
    *out = copy;
    return OK;
}

enum err_code saml_xml_attribute(const xmlNode *node, struct arena *arena, const char *name, size_t max_bytes, struct span *out, struct err *err)
{
    const xmlAttr *a = find_attribute(node, name);
    *out = SPAN_NONE;
    return a == NULL ? OK : take_copy(arena, attribute_value(a), max_bytes, name, out, err);
}

enum err_code saml_xml_attributes(const xmlNode *node, const char *const *names, struct err *err)
{
    for (const xmlAttr *a = node->properties; a != NULL; a = a->next) {
        size_t i = 0;
        while (names[i] != NULL && strcmp(names[i], (const char *)a->name) != 0)
            i++;
        if (a->ns != NULL || names[i] == NULL)
            return err_set(err, ERR_INPUT, "attribute %s is not expected in %s", (const char *)a->name, (const char *)node->name);
    }
    return OK;
}

/* Dropped comments split a text: all its parts count, or `user@a<!-- -->.evil` would be read as user@a. */
enum err_code saml_xml_text(const xmlNode *node, struct arena *arena, size_t max_bytes, struct span *out, struct err *err)
{
    const char *name = (const char *)node->name;
    CLEANUP(buf_done) struct buf text;
    buf_init(&text, 4 * max_bytes + 256); /* white space at the ends does not count */
    for (const xmlNode *n = node->children; n != NULL; n = n->next) {
        if (n->type == XML_ELEMENT_NODE)
            return err_set(err, ERR_INPUT, "%s holds elements", name);
        if (n->type == XML_TEXT_NODE && !buf_append(&text, span_of((const char *)n->content)))
            return buf_check(&text, name, err);
    }
    return take_copy(arena, span_trim(buf_span(&text)), max_bytes, name, out, err);
}

static bool is_name_start(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }

bool saml_xml_is_id(struct span text)
{
    if (span_empty(text) || text.bytes > SAML_XML_ID_BYTES || !is_name_start(text.at[0]))
        return false;
    for (size_t i = 1; i < text.bytes; i++)
        if (!is_name_start(text.at[i]) && !(text.at[i] >= '0' && text.at[i] <= '9') && text.at[i] != '-' && text.at[i] != '.')
            return false;
    return true;
}

bool saml_xml_boolean(struct span text, bool *out)
{
    struct span t = span_trim(text);
    bool yes = span_equal_text(t, "true") || span_equal_text(t, "1");
    if (!yes && !span_empty(t) && !span_equal_text(t, "false") && !span_equal_text(t, "0"))
        return false;
    *out = yes;
    return true;
}
