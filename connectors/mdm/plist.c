#include "connectors/mdm/plist.h"

#include <string.h>

struct reading { struct span rest; struct arena *arena; struct err *err; size_t nodes; };

static enum err_code refuse(struct reading *r, const char *why) { return err_set(r->err, ERR_INPUT, "property list: %s", why); }

static void skip_space(struct reading *r)
{
    while (r->rest.bytes > 0 && strchr(" \t\r\n", r->rest.at[0]) != NULL)
        r->rest = span_slice(r->rest, 1, r->rest.bytes);
}

static bool skip_past(struct reading *r, struct span mark)
{
    size_t at = span_search(r->rest, mark);
    if (at == r->rest.bytes)
        return false;
    r->rest = span_slice(r->rest, at + mark.bytes, r->rest.bytes);
    return true;
}

/* White space, comments, and before the root the declaration and the type of the document; one that brings rules of its own is refused. */
static enum err_code skip_prolog(struct reading *r)
{
    for (;;) {
        skip_space(r);
        bool well = true;
        if (span_starts(r->rest, SPAN_LITERAL("<!--")))
            well = skip_past(r, SPAN_LITERAL("-->"));
        else if (span_starts(r->rest, SPAN_LITERAL("<?")))
            well = skip_past(r, SPAN_LITERAL("?>"));
        else if (span_starts(r->rest, SPAN_LITERAL("<!DOCTYPE")))
            well = span_find(r->rest, '[') > span_find(r->rest, '>') && skip_past(r, SPAN_LITERAL(">"));
        else
            return OK;
        if (!well)
            return refuse(r, "what stands before the list is not closed");
    }
}

/* <name>, <name/>, </name>; attributes are looked over for <plist> alone. */
struct tag { struct span name; bool closes, empty; };

static enum err_code read_tag(struct reading *r, struct tag *out)
{
    enum err_code code = skip_prolog(r);
    if (code != OK)
        return code;
    size_t end = span_find(r->rest, '>');
    if (r->rest.bytes == 0 || r->rest.at[0] != '<' || end == r->rest.bytes || end < 2)
        return refuse(r, "an element is expected");
    struct span inside = span_slice(r->rest, 1, end - 1);
    *out = (struct tag){ .closes = inside.at[0] == '/' };
    out->empty = !out->closes && span_ends(inside, SPAN_LITERAL("/"));
    inside = span_slice(inside, out->closes, inside.bytes - out->closes - out->empty);
    out->name = span_trim(span_slice(inside, 0, span_find(inside, ' ')));
    r->rest = span_slice(r->rest, end + 1, r->rest.bytes);
    return OK;
}

static bool append_reference(struct span name, struct buf *out)
{
    static const struct { const char *name; char byte; } known[] = { { "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' } };
    uint64_t code = 0;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (span_equal_text(name, known[i].name))
            return buf_append_byte(out, known[i].byte);
    if (name.bytes < 2 || name.at[0] != '#' || !span_to_u64(span_slice(name, 1, name.bytes), &code) || code < 0x20 || code > 0x7e)
        return false; /* what is beyond ASCII stands there as it is */
    return buf_append_byte(out, (char)code);
}

static bool decode(struct span raw, struct buf *out)
{
    while (raw.bytes > 0) {
        size_t at = span_find(raw, '&');
        buf_append(out, span_slice(raw, 0, at));
        if (at == raw.bytes)
            break;
        raw = span_slice(raw, at + 1, raw.bytes);
        size_t end = span_find(raw, ';');
        if (end == raw.bytes || end > 8 || !append_reference(span_slice(raw, 0, end), out))
            return false;
        raw = span_slice(raw, end + 1, raw.bytes);
    }
    return !out->failed;
}

/* Text up to the closing tag of `name`. */
static enum err_code read_text(struct reading *r, struct span name, struct span *out)
{
    struct tag tag;
    struct buf text;
    size_t end = span_find(r->rest, '<');
    struct span raw = span_slice(r->rest, 0, end);
    r->rest = span_slice(r->rest, end, r->rest.bytes);
    enum err_code code = read_tag(r, &tag);
    if (code != OK || !tag.closes || !span_equal(tag.name, name))
        return code != OK ? code : refuse(r, "text is not closed by its own element");
    buf_init(&text, PLIST_BYTES);
    bool well = decode(raw, &text);
    *out = well ? arena_copy(r->arena, buf_span(&text)) : SPAN_NONE;
    bool kept = out->bytes == text.bytes;
    buf_done(&text);
    return !well ? refuse(r, "a reference that is not understood") : kept ? OK : err_set(r->err, ERR_MEMORY, "a property list");
}

static struct plist *new_node(struct reading *r, enum plist_kind kind)
{
    struct plist *node = ++r->nodes > PLIST_NODES ? NULL : arena_alloc(r->arena, sizeof *node);
    if (node != NULL)
        node->kind = kind;
    else
        (void)err_set(r->err, r->nodes > PLIST_NODES ? ERR_LIMIT : ERR_MEMORY, "a property list of more than %d values", PLIST_NODES);
    return node;
}

static enum err_code read_value(struct reading *r, const struct tag *tag, unsigned depth, struct plist **out);

/* Up to the closing tag; of a dict a key before each value. */
static enum err_code read_children(struct reading *r, const struct tag *of, bool dict, unsigned depth, struct plist *parent)
{
    struct plist **end = &parent->first;
    struct tag tag;
    for (;;) {
        struct span key = SPAN_NONE;
        enum err_code code = read_tag(r, &tag);
        if (code == OK && tag.closes)
            return span_equal(tag.name, of->name) ? OK : refuse(r, "elements close in another order than they open");
        if (code == OK && dict) {
            if (!span_equal_text(tag.name, "key") || tag.empty)
                return refuse(r, "a dict has a value without a key");
            code = read_text(r, tag.name, &key);
            if (code == OK)
                code = read_tag(r, &tag);
            if (code == OK && tag.closes)
                return refuse(r, "a dict has a key without a value");
        }
        if (code == OK)
            code = read_value(r, &tag, depth + 1, end);
        if (code != OK)
            return code;
        (*end)->key = key;
        end = &(*end)->next;
    }
}

static enum err_code read_value(struct reading *r, const struct tag *tag, unsigned depth, struct plist **out)
{
    static const struct { const char *name; enum plist_kind kind; } kinds[] = { { "dict", PLIST_DICT }, { "array", PLIST_ARRAY }, { "string", PLIST_TEXT }, { "integer", PLIST_TEXT },
        { "real", PLIST_TEXT }, { "date", PLIST_TEXT }, { "data", PLIST_TEXT }, { "true", PLIST_TRUE }, { "false", PLIST_FALSE } };
    size_t i = 0;
    while (i < sizeof kinds / sizeof kinds[0] && !span_equal_text(tag->name, kinds[i].name))
        i++;
    if (i == sizeof kinds / sizeof kinds[0])
        return refuse(r, "an element that is no value");
    if (depth > PLIST_DEPTH)
        return err_set(r->err, ERR_LIMIT, "property list: nested deeper than %d", PLIST_DEPTH);
    struct plist *node = new_node(r, kinds[i].kind);
    if (node == NULL)
        return r->nodes > PLIST_NODES ? ERR_LIMIT : ERR_MEMORY;
    *out = node;
    if (tag->empty)
        return OK;
    if (node->kind == PLIST_DICT || node->kind == PLIST_ARRAY)
        return read_children(r, tag, node->kind == PLIST_DICT, depth, node);
    return read_text(r, tag->name, &node->text);
}

enum err_code plist_read(struct span xml, struct arena *arena, const struct plist **out, struct err *err)
{
    struct reading r = { xml, arena, err, 0 };
    struct tag tag;
    struct plist *root = NULL;
    if (xml.bytes > PLIST_BYTES)
        return err_set(err, ERR_LIMIT, "a property list of more than %d bytes", PLIST_BYTES);
    if (!span_is_utf8(xml))
        return refuse(&r, "it is not UTF-8");
    enum err_code code = read_tag(&r, &tag);
    if (code == OK && (!span_equal_text(tag.name, "plist") || tag.closes || tag.empty))
        return refuse(&r, "the root is not <plist>");
    if (code == OK)
        code = read_tag(&r, &tag);
    if (code == OK && tag.closes)
        return refuse(&r, "it is empty");
    if (code == OK)
        code = read_value(&r, &tag, 1, &root);
    if (code == OK)
        code = read_tag(&r, &tag);
    if (code == OK && (!tag.closes || !span_equal_text(tag.name, "plist")))
        code = refuse(&r, "more than one value in the root");
    if (code == OK)
        *out = root;
    return code;
}

const struct plist *plist_get(const struct plist *dict, const char *key)
{
    for (const struct plist *at = dict != NULL && dict->kind == PLIST_DICT ? dict->first : NULL; at != NULL; at = at->next)
        if (span_equal_text(at->key, key))
            return at;
    return NULL;
}

struct span plist_text(const struct plist *dict, const char *key)
{
    const struct plist *at = plist_get(dict, key);
    return at != NULL && at->kind == PLIST_TEXT ? span_trim(at->text) : SPAN_NONE;
}

bool plist_escape(struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];
        if (c == '&' || c == '<' || c == '>')
            buf_append_text(out, c == '&' ? "&amp;" : c == '<' ? "&lt;" : "&gt;");
        else
            buf_append_byte(out, c);
    }
    return !out->failed;
}
