/* The text of a file into a tree, by the events of libyaml. */
#include "posture/base/yaml_place.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { MAX_BYTES = 1024 * 1024, MAX_DEPTH = 16, MAX_NODES = 50000, MAX_TAG_DIRECTIVES = 16 };
/* Enough for MAX_NODES nodes and twice MAX_BYTES of text: no escape grows by more than that. */
enum { TREE_BLOCK_BYTES = 16 * 1024, TREE_LIMIT_BYTES = 32 * 1024 * 1024 };

struct yaml_tree {
    struct arena arena;
    struct yaml_node root;
};

struct reader {
    yaml_parser_t parser;
    struct yaml_tree *tree;
    struct span text, file;
    struct mistakes *mistakes;
    size_t nodes;
    unsigned depth;
};

/* Children of a collection whose end has not come yet. */
struct node_list {
    struct yaml_node *all;
    size_t count, room;
};

static void node_list_done(struct node_list *list)
{
    free(list->all);
}

static bool node_list_add(struct node_list *list, const struct yaml_node *node)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 8 : list->room * 2; /* at most MAX_NODES doubled */
        struct yaml_node *all = realloc(list->all, room * sizeof *all);
        if (all == NULL)
            return false;
        list->all = all;
        list->room = room;
    }
    list->all[list->count++] = *node;
    return true;
}

static struct yaml_place mark_place(const struct reader *r, yaml_mark_t mark)
{
    return (struct yaml_place){ r->file, (unsigned)mark.line + 1, (unsigned)mark.column + 1 };
}

/* Line and column (in characters) of a byte of the text. */
static struct yaml_place byte_place(const struct reader *r, size_t offset)
{
    struct yaml_place at = { r->file, 1, 1 };
    for (size_t i = 0; i < offset && i < r->text.bytes; i++) {
        bool continues = ((unsigned char)r->text.at[i] & 0xc0) == 0x80;
        at.column += !continues;
        if (r->text.at[i] == '\n') {
            at.line++;
            at.column = 1;
        }
    }
    return at;
}

static bool refuse_memory(const struct reader *r)
{
    yaml_mistake_at(r->mistakes, (struct yaml_place){ r->file, 0, 0 }, "memory is short");
    return false;
}

static bool refuse_syntax(const struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return refuse_memory(r);
    struct yaml_place at = p->error == YAML_READER_ERROR ? byte_place(r, p->problem_offset) : mark_place(r, p->problem_mark);
    const char *problem = p->problem == NULL ? "not YAML" : p->problem;
    if (p->context == NULL)
        yaml_mistake_at(r->mistakes, at, "%s", problem);
    else
        yaml_mistake_at(r->mistakes, at, "%s %s", p->context, problem);
    return false;
}

/* false after reporting why. Events are freed by the caller, also then. */
static bool next_event(struct reader *r, yaml_event_t *event)
{
    return yaml_parser_parse(&r->parser, event) == 1 || refuse_syntax(r);
}

/* Anchors and tags are reported and otherwise left aside, so that one run finds all of them. */
static void refuse_decorations(const struct reader *r, const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor != NULL)
        yaml_mistake_at(r->mistakes, mark_place(r, event->start_mark), "anchors (&) are not allowed here");
    if (tag != NULL)
        yaml_mistake_at(r->mistakes, mark_place(r, event->start_mark), "tags (!) are not allowed here");
}

static bool count_node(struct reader *r, const yaml_event_t *event)
{
    if (++r->nodes <= MAX_NODES)
        return true;
    yaml_mistake_at(r->mistakes, mark_place(r, event->start_mark), "more than %d values", MAX_NODES);
    return false;
}

static bool go_deeper(struct reader *r, const yaml_event_t *event)
{
    if (r->depth < MAX_DEPTH) {
        r->depth++;
        return true;
    }
    yaml_mistake_at(r->mistakes, mark_place(r, event->start_mark), "nested more than %d deep", MAX_DEPTH);
    return false;
}

/* "\0" inside double quotes is the way past a check of the bytes of the file. */
static void refuse_nul(const struct reader *r, const yaml_event_t *event, struct span text)
{
    if (span_find(text, '\0') < text.bytes)
        yaml_mistake_at(r->mistakes, mark_place(r, event->start_mark), "text may not contain a NUL character");
}

static bool copy_scalar(struct reader *r, const yaml_event_t *event, struct span *out)
{
    struct span text = { (const char *)event->data.scalar.value, event->data.scalar.length };
    refuse_nul(r, event, text);
    *out = arena_copy(&r->tree->arena, text);
    return out->at != NULL || refuse_memory(r);
}

static bool read_node(struct reader *r, const yaml_event_t *event, struct yaml_node *out);

/* Moves the children into the tree. */
static bool adopt(struct reader *r, const struct node_list *list, struct yaml_node *out)
{
    struct yaml_node *children = arena_array(&r->tree->arena, list->count, sizeof *children);
    bool *used = arena_array(&r->tree->arena, list->count, sizeof *used);
    if (children == NULL || used == NULL)
        return refuse_memory(r);
    if (list->count > 0)
        memcpy(children, list->all, list->count * sizeof *children);
    out->children = children;
    out->used = used;
    out->count = list->count;
    return true;
}

static bool read_sequence(struct reader *r, struct yaml_node *out)
{
    CLEANUP(node_list_done) struct node_list items = { 0 };
    for (;;) {
        CLEANUP(yaml_event_delete) yaml_event_t event = { 0 };
        if (!next_event(r, &event))
            return false;
        if (event.type == YAML_SEQUENCE_END_EVENT)
            return adopt(r, &items, out);
        struct yaml_node item;
        if (!read_node(r, &event, &item))
            return false;
        if (!node_list_add(&items, &item))
            return refuse_memory(r);
    }
}

static int key_order(const void *left, const void *right)
{
    const struct yaml_node *a = *(const struct yaml_node *const *)left, *b = *(const struct yaml_node *const *)right;
    int order = span_compare(a->key, b->key);
    return order != 0 ? order : (a > b) - (a < b); /* children stand in file order */
}

/* By sorting: comparing each key with each other would let one large mapping cost minutes. */
static bool refuse_duplicates(struct reader *r, const struct yaml_node *mapping)
{
    const struct yaml_node **sorted = calloc(mapping->count + 1, sizeof *sorted);
    if (sorted == NULL)
        return refuse_memory(r);
    for (size_t i = 0; i < mapping->count; i++)
        sorted[i] = &mapping->children[i];
    qsort(sorted, mapping->count, sizeof *sorted, key_order);
    for (size_t i = 1; i < mapping->count; i++)
        if (span_equal(sorted[i]->key, sorted[i - 1]->key))
            yaml_mistake_at(r->mistakes, yaml_key_place(sorted[i]), "key \"%.*s\" was given before, at %u:%u", YAML_QUOTED_BYTES,
                       sorted[i]->key.at, sorted[i - 1]->key_line, sorted[i - 1]->key_column);
    free(sorted);
    return true;
}

/* A key that the subset does not know: reported, and read to its end. */
static bool skip_key(struct reader *r, const yaml_event_t *event)
{
    struct yaml_node ignored;
    if (event->type != YAML_ALIAS_EVENT)
        yaml_mistake_at(r->mistakes, mark_place(r, event->start_mark), "a key must be text");
    return read_node(r, event, &ignored);
}

static bool is_merge_key(const yaml_event_t *event, struct span key)
{
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && span_equal_text(key, "<<");
}

/* Fills the key part of `member`; *keep is false for a member that is reported and left out. */
static bool read_key(struct reader *r, const yaml_event_t *event, struct yaml_node *member, bool *keep)
{
    *keep = event->type == YAML_SCALAR_EVENT;
    if (!*keep)
        return skip_key(r, event);
    refuse_decorations(r, event);
    struct yaml_place at = mark_place(r, event->start_mark);
    member->key_line = at.line;
    member->key_column = at.column;
    if (!count_node(r, event) || !copy_scalar(r, event, &member->key))
        return false;
    *keep = !is_merge_key(event, member->key);
    if (!*keep)
        yaml_mistake_at(r->mistakes, at, "merge keys (<<) are not allowed here");
    return true;
}

/* Reads the value that follows a key into `member`, whose key part stays. */
static bool read_value(struct reader *r, struct yaml_node *member)
{
    CLEANUP(yaml_event_delete) yaml_event_t event = { 0 };
    struct yaml_node value;
    if (!next_event(r, &event) || !read_node(r, &event, &value))
        return false;
    value.key = member->key;
    value.key_line = member->key_line;
    value.key_column = member->key_column;
    *member = value;
    return true;
}

static bool read_mapping(struct reader *r, struct yaml_node *out)
{
    CLEANUP(node_list_done) struct node_list members = { 0 };
    for (;;) {
        CLEANUP(yaml_event_delete) yaml_event_t event = { 0 };
        if (!next_event(r, &event))
            return false;
        if (event.type == YAML_MAPPING_END_EVENT)
            return adopt(r, &members, out) && refuse_duplicates(r, out);
        struct yaml_node member = { 0 };
        bool keep;
        if (!read_key(r, &event, &member, &keep) || !read_value(r, &member))
            return false;
        if (keep && !node_list_add(&members, &member))
            return refuse_memory(r);
    }
}

static bool read_collection(struct reader *r, const yaml_event_t *event, struct yaml_node *out)
{
    if (!go_deeper(r, event))
        return false;
    bool read = out->kind == YAML_SEQUENCE ? read_sequence(r, out) : read_mapping(r, out);
    r->depth--;
    return read;
}

static bool read_node(struct reader *r, const yaml_event_t *event, struct yaml_node *out)
{
    struct yaml_place at = mark_place(r, event->start_mark);
    *out = (struct yaml_node){ .line = at.line, .column = at.column, .file = r->file, .text = { "", 0 } };
    refuse_decorations(r, event);
    if (!count_node(r, event))
        return false;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        out->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        return copy_scalar(r, event, &out->text);
    case YAML_SEQUENCE_START_EVENT:
        out->kind = YAML_SEQUENCE;
        return read_collection(r, event, out);
    case YAML_MAPPING_START_EVENT:
        out->kind = YAML_MAPPING;
        return read_collection(r, event, out);
    default: /* the parser sends no other event where a node must be */
        yaml_mistake_at(r->mistakes, at, "aliases (*) are not allowed here");
        return true;
    }
}

static void refuse_directives(const struct reader *r, const yaml_event_t *event)
{
    bool version = event->data.document_start.version_directive != NULL;
    bool tags = event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end;
    if (version || tags)
        yaml_mistake_at(r->mistakes, mark_place(r, event->start_mark), "directives (%%) are not allowed here");
}

/* The start of the stream, then of the document; false for an empty file. */
static bool read_document_start(struct reader *r)
{
    CLEANUP(yaml_event_delete) yaml_event_t stream = { 0 }, document = { 0 };
    if (!next_event(r, &stream) || !next_event(r, &document))
        return false;
    if (document.type != YAML_DOCUMENT_START_EVENT) {
        yaml_mistake_at(r->mistakes, (struct yaml_place){ r->file, 0, 0 }, "nothing in it");
        return false;
    }
    refuse_directives(r, &document);
    return true;
}

static bool read_root(struct reader *r)
{
    CLEANUP(yaml_event_delete) yaml_event_t event = { 0 };
    return next_event(r, &event) && read_node(r, &event, &r->tree->root);
}

/* The end of the document, and nothing after it. */
static bool read_document_end(struct reader *r)
{
    CLEANUP(yaml_event_delete) yaml_event_t document = { 0 }, after = { 0 };
    if (!next_event(r, &document) || !next_event(r, &after))
        return false;
    if (after.type != YAML_STREAM_END_EVENT)
        yaml_mistake_at(r->mistakes, mark_place(r, after.start_mark), "a second document is not allowed here");
    return true;
}

static bool read_all(struct reader *r)
{
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING); /* else a UTF-16 mark would be obeyed */
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)r->text.at, r->text.bytes);
    return read_document_start(r) && read_root(r) && read_document_end(r);
}

/* Length of the character at `at`; 0 when it is not one. */
static size_t character_bytes(struct span text, size_t at)
{
    for (size_t bytes = 1; bytes <= 4 && bytes <= text.bytes - at; bytes++)
        if (span_is_utf8(span_slice(text, at, bytes)))
            return bytes;
    return 0;
}

static size_t first_invalid(struct span text)
{
    size_t at = 0;
    for (size_t bytes = 1; at < text.bytes && bytes > 0; at += bytes)
        bytes = character_bytes(text, at);
    return at;
}

static bool check_bytes(const struct reader *r)
{
    size_t nul = span_find(r->text, '\0');
    if (nul < r->text.bytes) {
        yaml_mistake_at(r->mistakes, byte_place(r, nul), "a NUL byte is not allowed");
        return false;
    }
    if (span_is_utf8(r->text))
        return true;
    yaml_mistake_at(r->mistakes, byte_place(r, first_invalid(r->text)), "not valid UTF-8");
    return false;
}

/* After any break that libyaml knows: LF and CR, and the last bytes of NEL, LS and PS. */
static bool at_line_start(struct span text, size_t at)
{
    return at == 0 || memchr("\n\r\x85\xa8\xa9", text.at[at - 1], 5) != NULL;
}

/* libyaml compares each %TAG with all before it: a megabyte of them would keep a thread for half a minute. A few are let
 * through, to be refused like any directive; they may also be lines of a quoted text. */
static bool check_directives(const struct reader *r)
{
    struct span tag = SPAN_LITERAL("%TAG"), rest = r->text;
    unsigned count = 0;
    for (size_t found = span_search(rest, tag); found < rest.bytes; found = span_search(rest, tag)) {
        size_t at = (size_t)(rest.at - r->text.at) + found;
        count += at_line_start(r->text, at);
        if (count > MAX_TAG_DIRECTIVES) {
            yaml_mistake_at(r->mistakes, byte_place(r, at), "directives (%%) are not allowed here");
            return false;
        }
        rest = span_slice(rest, found + tag.bytes, rest.bytes);
    }
    return true;
}

/* A byte order mark says nothing in UTF-8 and is left out, so that it moves no column. */
static struct span without_mark(struct span text)
{
    struct span mark = SPAN_LITERAL("\xef\xbb\xbf");
    return span_starts(text, mark) ? span_slice(text, mark.bytes, text.bytes) : text;
}

static bool read_into(struct yaml_tree *tree, struct span text, struct span file, struct mistakes *mistakes)
{
    struct reader r = { .tree = tree, .text = without_mark(text), .mistakes = mistakes };
    r.file = arena_copy(&tree->arena, file);
    if (r.text.bytes == 0)
        r.text = (struct span){ "", 0 };
    if (!check_bytes(&r) || !check_directives(&r))
        return false;
    if (yaml_parser_initialize(&r.parser) != 1)
        return refuse_memory(&r);
    bool read = read_all(&r);
    yaml_parser_delete(&r.parser);
    return read;
}

struct yaml_tree *yaml_read(struct span text, struct span file, struct mistakes *mistakes)
{
    struct yaml_place whole = { file, 0, 0 };
    if (text.bytes > MAX_BYTES) {
        yaml_mistake_at(mistakes, whole, "longer than %d bytes", MAX_BYTES);
        return NULL;
    }
    CLEANUP(yaml_tree_freep) struct yaml_tree *tree = calloc(1, sizeof *tree);
    if (tree == NULL) {
        yaml_mistake_at(mistakes, whole, "memory is short");
        return NULL;
    }
    arena_init(&tree->arena, TREE_BLOCK_BYTES, TREE_LIMIT_BYTES);
    return read_into(tree, text, file, mistakes) ? TAKE(tree) : NULL;
}

void yaml_tree_free(struct yaml_tree *t)
{
    if (t == NULL)
        return;
    arena_done(&t->arena);
    free(t);
}

void yaml_tree_freep(struct yaml_tree **t)
{
    yaml_tree_free(*t);
}

const struct yaml_node *yaml_root(const struct yaml_tree *t)
{
    return &t->root;
}
