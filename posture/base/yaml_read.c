#include "posture/base/yaml_read.h"

#include "posture/base/clock.h"
#include "posture/base/to_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { MAX_BYTES = 1024 * 1024, MAX_DEPTH = 16, MAX_NODES = 50000, MAX_TAG_DIRECTIVES = 16 };
enum { MAX_MISTAKES = 1000, MISTAKE_BYTES = 400, QUOTED_BYTES = 64, WORD_BYTES = 64 };
/* Enough for MAX_NODES nodes and twice MAX_BYTES of text: no escape grows by more than that. */
enum { TREE_BLOCK_BYTES = 16 * 1024, TREE_LIMIT_BYTES = 32 * 1024 * 1024 };
enum { MISTAKES_BLOCK_BYTES = 4096, MISTAKES_LIMIT_BYTES = 1024 * 1024 };

struct yaml_tree {
    struct arena arena;
    struct yaml_node root;
};

/* ---- mistakes */

struct place {
    struct span file;
    unsigned line, column;
};

void mistakes_init(struct mistakes *m)
{
    *m = (struct mistakes){ 0 };
    arena_init(&m->arena, MISTAKES_BLOCK_BYTES, MISTAKES_LIMIT_BYTES);
}

void mistakes_done(struct mistakes *m)
{
    if (m == NULL)
        return;
    free(m->all);
    arena_done(&m->arena);
    mistakes_init(m);
}

size_t mistakes_errors(const struct mistakes *m)
{
    return m->count - m->warnings + m->dropped;
}

static bool make_room(struct mistakes *m)
{
    if (m->count < m->room)
        return true;
    if (m->count >= MAX_MISTAKES)
        return false;
    size_t room = m->room == 0 ? 16 : m->room * 2;
    room = room > MAX_MISTAKES ? MAX_MISTAKES : room;
    struct mistake *all = realloc(m->all, room * sizeof *all);
    if (all == NULL)
        return false;
    m->all = all;
    m->room = room;
    return true;
}

/* The name of the file outlives the tree; mistakes in a row mostly share it. */
static struct span kept_file(struct mistakes *m, struct span file)
{
    if (m->count > 0 && span_equal(m->all[m->count - 1].file, file))
        return m->all[m->count - 1].file;
    return arena_copy(&m->arena, file);
}

static bool keep(struct mistakes *m, struct place at, struct span text)
{
    if (!make_room(m))
        return false;
    struct mistake mistake = { kept_file(m, at.file), at.line, at.column, arena_copy(&m->arena, text) };
    if (mistake.text.at == NULL)
        return false;
    m->all[m->count++] = mistake;
    return true;
}

/* A mistake is one line on someone's terminal, whatever the file made it quote. */
static struct span tidy(char *text)
{
    size_t bytes = strlen(text);
    for (size_t i = 0; i < bytes; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
    while (bytes > 0 && !span_is_utf8((struct span){ text, bytes }))
        bytes--; /* a character that was cut in half at the end */
    return (struct span){ text, bytes };
}

static void add_mistake(struct mistakes *m, struct place at, const char *prefix, const char *format, va_list arguments)
{
    if (m == NULL)
        return;
    char text[MISTAKE_BYTES];
    bool warning = prefix[0] != '\0';
    int used = snprintf(text, sizeof text, "%s", prefix);
    vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
    bool kept = keep(m, at, tidy(text));
    m->warnings += warning && kept;
    m->dropped += !warning && !kept;
}

__attribute__((format(printf, 3, 4))) static void mistake_at(struct mistakes *m, struct place at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_mistake(m, at, "", format, arguments);
    va_end(arguments);
}

static struct place place_of(const struct yaml_node *node)
{
    return node == NULL ? (struct place){ 0 } : (struct place){ node->file, node->line, node->column };
}

static struct place key_place(const struct yaml_node *node)
{
    return (struct place){ node->file, node->key_line, node->key_column };
}

void yaml_mistake(struct mistakes *m, const struct yaml_node *at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_mistake(m, place_of(at), "", format, arguments);
    va_end(arguments);
}

void yaml_warning(struct mistakes *m, const struct yaml_node *at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_mistake(m, place_of(at), "warning: ", format, arguments);
    va_end(arguments);
}

static int order_of(const void *left, const void *right)
{
    const struct mistake *a = *(const struct mistake *const *)left, *b = *(const struct mistake *const *)right;
    int order = span_compare(a->file, b->file);
    if (order == 0)
        order = (a->line > b->line) - (a->line < b->line);
    if (order == 0)
        order = (a->column > b->column) - (a->column < b->column);
    return order != 0 ? order : (a > b) - (a < b); /* else in the order in which they were found */
}

static void print_one(const struct mistake *mistake, struct buf *out)
{
    if (!span_empty(mistake->file))
        buf_format(out, "%.*s:", SPAN_ARGS(mistake->file));
    if (mistake->line > 0)
        buf_format(out, "%u:%u:", mistake->line, mistake->column);
    if (!span_empty(mistake->file) || mistake->line > 0)
        buf_append_byte(out, ' ');
    buf_append(out, mistake->text);
    buf_append_byte(out, '\n');
}

bool mistakes_print(const struct mistakes *m, struct buf *out)
{
    const struct mistake **sorted = calloc(m->count + 1, sizeof *sorted);
    if (sorted == NULL)
        return false;
    for (size_t i = 0; i < m->count; i++)
        sorted[i] = &m->all[i];
    qsort(sorted, m->count, sizeof *sorted, order_of);
    for (size_t i = 0; i < m->count; i++)
        print_one(sorted[i], out);
    free(sorted);
    if (m->dropped > 0)
        buf_format(out, "and %zu more\n", m->dropped);
    return !out->failed;
}

void mistakes_to_json(const struct mistakes *m, struct to_json *w)
{
    to_json_key(w, "mistakes");
    to_json_array(w);
    for (size_t i = 0; i < m->count; i++) {
        const struct mistake *one = &m->all[i];
        to_json_object(w);
        to_json_member_text_if(w, "file", one->file);
        to_json_member_int(w, "line", one->line);
        to_json_member_int(w, "column", one->column);
        to_json_member_text(w, "message", one->text);
        to_json_end(w);
    }
    to_json_end(w);
}

/* ---- reading */

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

static struct place mark_place(const struct reader *r, yaml_mark_t mark)
{
    return (struct place){ r->file, (unsigned)mark.line + 1, (unsigned)mark.column + 1 };
}

/* Line and column (in characters) of a byte of the text. */
static struct place byte_place(const struct reader *r, size_t offset)
{
    struct place at = { r->file, 1, 1 };
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
    mistake_at(r->mistakes, (struct place){ r->file, 0, 0 }, "memory is short");
    return false;
}

static bool refuse_syntax(const struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return refuse_memory(r);
    struct place at = p->error == YAML_READER_ERROR ? byte_place(r, p->problem_offset) : mark_place(r, p->problem_mark);
    const char *problem = p->problem == NULL ? "not YAML" : p->problem;
    if (p->context == NULL)
        mistake_at(r->mistakes, at, "%s", problem);
    else
        mistake_at(r->mistakes, at, "%s %s", p->context, problem);
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
        mistake_at(r->mistakes, mark_place(r, event->start_mark), "anchors (&) are not allowed here");
    if (tag != NULL)
        mistake_at(r->mistakes, mark_place(r, event->start_mark), "tags (!) are not allowed here");
}

static bool count_node(struct reader *r, const yaml_event_t *event)
{
    if (++r->nodes <= MAX_NODES)
        return true;
    mistake_at(r->mistakes, mark_place(r, event->start_mark), "more than %d values", MAX_NODES);
    return false;
}

static bool go_deeper(struct reader *r, const yaml_event_t *event)
{
    if (r->depth < MAX_DEPTH) {
        r->depth++;
        return true;
    }
    mistake_at(r->mistakes, mark_place(r, event->start_mark), "nested more than %d deep", MAX_DEPTH);
    return false;
}

/* "\0" inside double quotes is the way past a check of the bytes of the file. */
static void refuse_nul(const struct reader *r, const yaml_event_t *event, struct span text)
{
    if (span_find(text, '\0') < text.bytes)
        mistake_at(r->mistakes, mark_place(r, event->start_mark), "text may not contain a NUL character");
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
            mistake_at(r->mistakes, key_place(sorted[i]), "key \"%.*s\" was given before, at %u:%u", QUOTED_BYTES,
                       sorted[i]->key.at, sorted[i - 1]->key_line, sorted[i - 1]->key_column);
    free(sorted);
    return true;
}

/* A key that the subset does not know: reported, and read to its end. */
static bool skip_key(struct reader *r, const yaml_event_t *event)
{
    struct yaml_node ignored;
    if (event->type != YAML_ALIAS_EVENT)
        mistake_at(r->mistakes, mark_place(r, event->start_mark), "a key must be text");
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
    struct place at = mark_place(r, event->start_mark);
    member->key_line = at.line;
    member->key_column = at.column;
    if (!count_node(r, event) || !copy_scalar(r, event, &member->key))
        return false;
    *keep = !is_merge_key(event, member->key);
    if (!*keep)
        mistake_at(r->mistakes, at, "merge keys (<<) are not allowed here");
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
    struct place at = mark_place(r, event->start_mark);
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
        mistake_at(r->mistakes, at, "aliases (*) are not allowed here");
        return true;
    }
}

static void refuse_directives(const struct reader *r, const yaml_event_t *event)
{
    bool version = event->data.document_start.version_directive != NULL;
    bool tags = event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end;
    if (version || tags)
        mistake_at(r->mistakes, mark_place(r, event->start_mark), "directives (%%) are not allowed here");
}

/* The start of the stream, then of the document; false for an empty file. */
static bool read_document_start(struct reader *r)
{
    CLEANUP(yaml_event_delete) yaml_event_t stream = { 0 }, document = { 0 };
    if (!next_event(r, &stream) || !next_event(r, &document))
        return false;
    if (document.type != YAML_DOCUMENT_START_EVENT) {
        mistake_at(r->mistakes, (struct place){ r->file, 0, 0 }, "nothing in it");
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
        mistake_at(r->mistakes, mark_place(r, after.start_mark), "a second document is not allowed here");
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
        mistake_at(r->mistakes, byte_place(r, nul), "a NUL byte is not allowed");
        return false;
    }
    if (span_is_utf8(r->text))
        return true;
    mistake_at(r->mistakes, byte_place(r, first_invalid(r->text)), "not valid UTF-8");
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
            mistake_at(r->mistakes, byte_place(r, at), "directives (%%) are not allowed here");
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
    struct place whole = { file, 0, 0 };
    if (text.bytes > MAX_BYTES) {
        mistake_at(mistakes, whole, "longer than %d bytes", MAX_BYTES);
        return NULL;
    }
    CLEANUP(yaml_tree_freep) struct yaml_tree *tree = calloc(1, sizeof *tree);
    if (tree == NULL) {
        mistake_at(mistakes, whole, "memory is short");
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

/* ---- typed reading */

const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key)
{
    if (mapping == NULL || mapping->kind != YAML_MAPPING)
        return NULL;
    for (size_t i = 0; i < mapping->count; i++) {
        if (!span_equal_text(mapping->children[i].key, key))
            continue;
        mapping->used[i] = true;
        return &mapping->children[i];
    }
    return NULL;
}

static bool find_word(struct span word, const char *const *words, unsigned *index)
{
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (!span_equal_text(word, words[i]))
            continue;
        *index = i;
        return true;
    }
    return false;
}

static void refuse_key(const struct yaml_node *value, const char *const *known, struct mistakes *m)
{
    const char *nearest = nearest_word(value->key, known);
    const char *question = nearest == NULL ? "" : ", did you mean ";
    mistake_at(m, key_place(value), "unknown key \"%.*s\"%s%s%s", QUOTED_BYTES, value->key.at, question,
               nearest == NULL ? "" : nearest, nearest == NULL ? "" : "?");
}

void yaml_only(const struct yaml_node *mapping, const char *const *known, struct mistakes *m)
{
    if (mapping == NULL || mapping->kind != YAML_MAPPING)
        return;
    unsigned ignored;
    for (size_t i = 0; i < mapping->count; i++)
        if (!find_word(mapping->children[i].key, known, &ignored))
            refuse_key(&mapping->children[i], known, m);
}

/* true for a scalar; reports any other node, is silent about an absent one. */
static bool is_scalar(const struct yaml_node *n, const char *wanted, struct mistakes *m)
{
    if (n == NULL)
        return false;
    if (n->kind == YAML_SCALAR)
        return true;
    yaml_mistake(m, n, "must be %s, not a %s", wanted, n->kind == YAML_SEQUENCE ? "list" : "mapping");
    return false;
}

bool yaml_text(const struct yaml_node *n, size_t max_bytes, struct span *out, struct mistakes *m)
{
    if (!is_scalar(n, "text", m))
        return false;
    if (n->text.bytes > max_bytes) {
        yaml_mistake(m, n, "must be at most %zu bytes long", max_bytes);
        return false;
    }
    *out = n->text;
    return true;
}

/* YAML 1.1 reads 0777 as octal and 1.2 as decimal: neither guess is made. */
static bool has_leading_zero(struct span digits)
{
    size_t first = digits.bytes > 0 && digits.at[0] == '-' ? 1 : 0;
    return digits.bytes > first + 1 && digits.at[first] == '0';
}

bool yaml_int(const struct yaml_node *n, int64_t least, int64_t most, int64_t *out, struct mistakes *m)
{
    if (!is_scalar(n, "a whole number", m))
        return false;
    int64_t number;
    if (has_leading_zero(n->text) || !span_to_i64(n->text, &number)) {
        yaml_mistake(m, n, "must be a whole number");
        return false;
    }
    if (number < least || number > most) {
        yaml_mistake(m, n, "must be between %lld and %lld", (long long)least, (long long)most);
        return false;
    }
    *out = number;
    return true;
}

bool yaml_bool(const struct yaml_node *n, bool *out, struct mistakes *m)
{
    if (!is_scalar(n, "true or false", m))
        return false;
    bool yes = n->plain && span_equal_text(n->text, "true");
    if (!yes && !(n->plain && span_equal_text(n->text, "false"))) {
        yaml_mistake(m, n, "must be true or false");
        return false;
    }
    *out = yes;
    return true;
}

bool yaml_duration(const struct yaml_node *n, int64_t *seconds, struct mistakes *m)
{
    if (!is_scalar(n, "a duration", m))
        return false;
    if (duration_parse(n->text, seconds))
        return true;
    yaml_mistake(m, n, "must be a duration: a whole number and s, m, h or d, such as 30m");
    return false;
}

static void refuse_word(const struct yaml_node *n, const char *const *words, struct mistakes *m)
{
    CLEANUP(buf_done) struct buf allowed;
    buf_init(&allowed, MISTAKE_BYTES);
    for (size_t i = 0; words[i] != NULL; i++)
        buf_format(&allowed, "%s%s", i == 0 ? "" : ", ", words[i]);
    yaml_mistake(m, n, "must be one of %.*s", SPAN_ARGS(buf_span(&allowed)));
}

bool yaml_word(const struct yaml_node *n, const char *const *words, unsigned *index, struct mistakes *m)
{
    if (!is_scalar(n, "a word", m))
        return false;
    if (find_word(n->text, words, index))
        return true;
    refuse_word(n, words, m);
    return false;
}

bool yaml_is_off(const struct yaml_node *n)
{
    if (n == NULL || n->kind != YAML_SCALAR || !n->plain)
        return false;
    return span_equal_text(n->text, "off") || span_equal_text(n->text, "none") || span_equal_text(n->text, "false");
}

/* ---- the nearest word */

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits (insert, drop, change) between two words of at most WORD_BYTES; Wagner and Fischer's table, one row at a time. */
static size_t edits_between(struct span a, struct span b)
{
    size_t row[WORD_BYTES + 1];
    for (size_t j = 0; j <= b.bytes; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.bytes; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.bytes; j++) {
            size_t change = diagonal + (a.at[i - 1] != b.at[j - 1]);
            diagonal = row[j];
            row[j] = least_of(change, least_of(row[j], row[j - 1]) + 1);
        }
    }
    return row[b.bytes];
}

const char *nearest_word(struct span word, const char *const *known)
{
    const char *nearest = NULL;
    size_t fewest = least_of(3, word.bytes); /* as many edits as letters is another word, not a slip */
    if (word.bytes > WORD_BYTES)
        return NULL;
    for (; *known != NULL; known++) {
        struct span candidate = span_of(*known);
        if (candidate.bytes > WORD_BYTES)
            continue;
        size_t edits = edits_between(word, candidate);
        if (edits >= fewest)
            continue;
        fewest = edits;
        nearest = *known;
    }
    return nearest;
}
