/* A recursive-descent parser. Types are checked while it reads, so that "rows" or "x" > 3 fail before any device is asked. */
#include "posture/expression_tree.h"

#include "posture/base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum token_kind { TOKEN_END, TOKEN_NAME, TOKEN_FACT, TOKEN_NUMBER, TOKEN_TEXT, TOKEN_OPERATOR, TOKEN_MARK /* ( ) [ ] , */, TOKEN_BAD };

struct token {
    enum token_kind kind;
    size_t at;
    struct span text; /* as written; of TOKEN_TEXT without its quotes, of TOKEN_FACT without "fact." */
    int64_t number;
    enum compare_operator operator;
};

struct parser {
    struct span text;
    size_t at;
    struct token token;
    struct arena *arena;
    unsigned nodes, depth;
    bool inside_rows; /* within any() or all(): names are columns */
    bool failed;
    unsigned column;
    struct err *err;
};

static struct expression *parse_or(struct parser *p);

/* Columns count characters, as an editor does, not bytes. */
static unsigned column_of(const struct parser *p, size_t at)
{
    unsigned column = 1;
    for (size_t i = 0; i < at && i < p->text.bytes; i++)
        column += ((unsigned char)p->text.at[i] & 0xC0U) != 0x80U;
    return column;
}

/* The first mistake stands: what follows it is mostly its echo. */
__attribute__((format(printf, 3, 4))) static struct expression *fail(struct parser *p, size_t at, const char *format, ...)
{
    if (p->failed)
        return NULL;
    char words[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    p->failed = true;
    p->column = column_of(p, at);
    err_set(p->err, ERR_INPUT, "character %u: %s", p->column, words);
    return NULL;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_name(char c) { return is_name_start(c) || is_digit(c); }
static bool is_fact_name(char c) { return is_name(c) || c == '.' || c == '-'; }

static size_t run(const struct parser *p, size_t at, bool (*belongs)(char))
{
    size_t end = at;
    while (end < p->text.bytes && belongs(p->text.at[end]))
        end++;
    return end;
}

static void lex_name(struct parser *p)
{
    size_t end = run(p, p->at, is_name);
    p->token.kind = TOKEN_NAME;
    p->token.text = span_slice(p->text, p->at, end - p->at);
    p->at = end;
    if (!span_equal_text(p->token.text, "fact") || end >= p->text.bytes || p->text.at[end] != '.')
        return;
    size_t last = run(p, end + 1, is_fact_name);
    p->token.kind = TOKEN_FACT;
    p->token.text = span_slice(p->text, end + 1, last - end - 1);
    p->at = last;
}

/* A whole number, or one with a unit: a duration, which is its seconds. */
static void lex_number(struct parser *p)
{
    size_t start = p->at, end = run(p, p->at + 1, is_name);
    struct span written = span_slice(p->text, start, end - start);
    p->at = end;
    p->token.kind = TOKEN_NUMBER;
    if (span_to_i64(written, &p->token.number) || duration_parse(written, &p->token.number))
        return;
    p->token.kind = TOKEN_BAD;
    fail(p, start, "\"%.*s\" is neither a whole number nor a duration such as 30s, 12h or 3d", SPAN_ARGS(written));
}

static void lex_text(struct parser *p)
{
    size_t start = p->at, end = start + 1;
    while (end < p->text.bytes && p->text.at[end] != '"')
        end += p->text.at[end] == '\\' ? 2 : 1;
    p->token.kind = TOKEN_TEXT;
    if (end >= p->text.bytes) {
        p->token.kind = TOKEN_BAD;
        p->at = p->text.bytes;
        fail(p, start, "this text has no closing quote");
        return;
    }
    p->token.text = span_slice(p->text, start + 1, end - start - 1);
    p->at = end + 1;
}

static bool lex_operator(struct parser *p)
{
    static const struct { const char *text; enum compare_operator operator; } operators[] = {
        { "==", COMPARE_EQUAL }, { "!=", COMPARE_DIFFERENT }, { "<=", COMPARE_AT_MOST },
        { ">=", COMPARE_AT_LEAST }, { "<", COMPARE_LESS }, { ">", COMPARE_MORE },
    };
    struct span rest = span_slice(p->text, p->at, p->text.bytes);
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (!span_starts(rest, span_of(operators[i].text)))
            continue;
        p->token.kind = TOKEN_OPERATOR;
        p->token.operator = operators[i].operator;
        p->token.text = span_of(operators[i].text);
        p->at += p->token.text.bytes;
        return true;
    }
    return false;
}

static void lex_other(struct parser *p)
{
    char c = p->text.at[p->at];
    if (lex_operator(p))
        return;
    p->token.text = span_slice(p->text, p->at, 1);
    p->token.kind = strchr("()[],", c) != NULL && c != '\0' ? TOKEN_MARK : TOKEN_BAD;
    if (p->token.kind == TOKEN_BAD && c == '\'')
        fail(p, p->at, "texts are written in double quotes");
    else if (p->token.kind == TOKEN_BAD && c == '=')
        fail(p, p->at, "equality is written ==");
    else if (p->token.kind == TOKEN_BAD)
        fail(p, p->at, "a character that does not belong in an expression");
    p->at++;
}

static void advance(struct parser *p)
{
    while (p->at < p->text.bytes && strchr(" \t\r\n", p->text.at[p->at]) != NULL && p->text.at[p->at] != '\0')
        p->at++;
    p->token = (struct token){ .kind = TOKEN_END, .at = p->at };
    if (p->at >= p->text.bytes)
        return;
    char c = p->text.at[p->at];
    bool negative = c == '-' && p->at + 1 < p->text.bytes && is_digit(p->text.at[p->at + 1]);
    if (is_name_start(c))
        lex_name(p);
    else if (is_digit(c) || negative)
        lex_number(p);
    else if (c == '"')
        lex_text(p);
    else
        lex_other(p);
}

static bool at_name(const struct parser *p, const char *name)
{
    return p->token.kind == TOKEN_NAME && span_equal_text(p->token.text, name);
}

static bool at_mark(const struct parser *p, char mark)
{
    return p->token.kind == TOKEN_MARK && p->token.text.at[0] == mark;
}

static bool expect(struct parser *p, char mark, const char *where)
{
    if (!at_mark(p, mark))
        return fail(p, p->token.at, "expected \"%c\" %s", mark, where) != NULL;
    advance(p);
    return !p->failed;
}

static struct expression *make(struct parser *p, enum node_kind kind, enum node_type type)
{
    if (++p->nodes > EXPRESSION_MAX_NODES)
        return fail(p, p->token.at, "more than %d parts", EXPRESSION_MAX_NODES);
    struct expression *node = arena_alloc(p->arena, sizeof *node);
    if (node == NULL)
        return fail(p, p->token.at, "no memory left for the expression");
    node->kind = kind;
    node->type = type;
    return node;
}

static struct expression *make_text(struct parser *p, enum node_kind kind, enum node_type type, struct span text)
{
    struct expression *node = make(p, kind, type);
    if (node == NULL)
        return NULL;
    node->text = arena_copy(p->arena, text);
    if (node->text.at == NULL && text.bytes > 0)
        return fail(p, p->token.at, "no memory left for the expression");
    if (node->text.at == NULL)
        node->text = SPAN_LITERAL("");
    return node;
}

/* Undoes \" and \\; any other backslash is a mistake rather than a surprise. */
static struct expression *make_quoted(struct parser *p, enum node_kind kind, enum node_type type, const struct token *token)
{
    char plain[EXPRESSION_MAX_BYTES];
    size_t used = 0;
    for (size_t i = 0; i < token->text.bytes; i++) {
        bool escaped = token->text.at[i] == '\\';
        if (escaped)
            i++; /* there is a next character: the closing quote was found behind it */
        char c = token->text.at[i];
        if (escaped && c != '"' && c != '\\')
            return fail(p, token->at + i, "a backslash may only stand before a quote or a backslash");
        plain[used++] = c;
    }
    return make_text(p, kind, type, span_make(plain, used));
}

static bool enter(struct parser *p)
{
    if (++p->depth <= EXPRESSION_MAX_DEPTH)
        return true;
    fail(p, p->token.at, "nested deeper than %d", EXPRESSION_MAX_DEPTH);
    return false;
}

static const char *type_name(enum node_type type)
{
    static const char *const names[] = { "yes or no", "a number", "a text", "a version", "an observed value" };
    return names[type];
}

/* What `and`, `or`, `not`, any() and the whole rule rest on must be yes or no. */
static struct expression *need_truth(struct parser *p, struct expression *node, size_t at)
{
    if (node == NULL || node->type == TYPE_TRUTH || node->type == TYPE_OBSERVED)
        return node;
    return fail(p, at, "%s is not yes or no; compare it with something", type_name(node->type));
}

/* After any or all: "(", an expression over columns, ")". */
static struct expression *parse_rows(struct parser *p, enum node_kind kind, size_t at)
{
    if (p->inside_rows)
        return fail(p, at, "any() and all() cannot be put into each other");
    if (!expect(p, '(', kind == NODE_ANY ? "after any" : "after all"))
        return NULL;
    p->inside_rows = true;
    size_t inner_at = p->token.at;
    struct expression *inner = need_truth(p, parse_or(p), inner_at);
    p->inside_rows = false;
    if (inner == NULL || !expect(p, ')', "at the end of the rule over rows"))
        return NULL;
    struct expression *node = make(p, kind, TYPE_TRUTH);
    if (node != NULL)
        node->first = inner;
    return node;
}

static struct expression *parse_version(struct parser *p)
{
    struct token written;
    if (!expect(p, '(', "after version"))
        return NULL;
    written = p->token;
    if (written.kind != TOKEN_TEXT)
        return fail(p, written.at, "version() takes a text such as version(\"15.5\")");
    if (span_empty(written.text) || !is_digit(written.text.at[0]))
        return fail(p, written.at, "a version begins with a digit");
    advance(p);
    return expect(p, ')', "after the version") ? make_quoted(p, NODE_VERSION, TYPE_VERSION, &written) : NULL;
}

static struct expression *make_bool(struct parser *p, bool value)
{
    struct expression *node = make(p, NODE_BOOL, TYPE_TRUTH);
    if (node != NULL)
        node->number = value;
    return node;
}

static bool is_reserved(struct span name)
{
    static const char *const words[] = { "or", "and", "not", "in", "any", "all", "rows", "fact" };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (span_equal_text(name, words[i]))
            return true;
    return false;
}

static struct expression *parse_column(struct parser *p, const struct token *name)
{
    if (is_reserved(name->text))
        return fail(p, name->at, "expected a value, not \"%.*s\"", SPAN_ARGS(name->text));
    if (!p->inside_rows)
        return fail(p, name->at, "\"%.*s\" is not known here; columns stand inside any(...) or all(...), pushed facts are fact.%.*s",
                    SPAN_ARGS(name->text), SPAN_ARGS(name->text));
    return make_text(p, NODE_COLUMN, TYPE_OBSERVED, name->text);
}

static struct expression *parse_name(struct parser *p)
{
    struct token name = p->token;
    advance(p);
    if (span_equal_text(name.text, "any") || span_equal_text(name.text, "all"))
        return parse_rows(p, span_equal_text(name.text, "any") ? NODE_ANY : NODE_ALL, name.at);
    if (span_equal_text(name.text, "true") || span_equal_text(name.text, "false"))
        return make_bool(p, span_equal_text(name.text, "true"));
    if (span_equal_text(name.text, "rows"))
        return make(p, NODE_ROWS, TYPE_NUMBER);
    if (span_equal_text(name.text, "version") && at_mark(p, '('))
        return parse_version(p);
    return parse_column(p, &name);
}

static struct expression *parse_group(struct parser *p)
{
    advance(p);
    struct expression *inner = parse_or(p);
    return inner != NULL && expect(p, ')', "to close the bracket") ? inner : NULL;
}

static struct expression *parse_number(struct parser *p)
{
    struct expression *node = make(p, NODE_NUMBER, TYPE_NUMBER);
    if (node != NULL)
        node->number = p->token.number;
    advance(p);
    return node;
}

static struct expression *parse_operand(struct parser *p)
{
    struct token token = p->token;
    if (at_mark(p, '('))
        return parse_group(p);
    switch (token.kind) {
    case TOKEN_NAME: return parse_name(p);
    case TOKEN_NUMBER: return parse_number(p);
    case TOKEN_TEXT: advance(p); return make_quoted(p, NODE_TEXT, TYPE_TEXT, &token);
    case TOKEN_FACT:
        advance(p);
        if (span_empty(token.text))
            return fail(p, token.at, "fact. needs the fact's name after the dot");
        return make_text(p, NODE_FACT, TYPE_OBSERVED, token.text);
    case TOKEN_END: return fail(p, token.at, "it ends where a value is expected");
    default: return fail(p, token.at, "expected a value");
    }
}

static bool types_fit(struct parser *p, size_t at, const struct expression *a, const struct expression *b, enum compare_operator operator)
{
    bool ordering = operator != COMPARE_EQUAL && operator != COMPARE_DIFFERENT;
    if (ordering && (a->type == TYPE_TRUTH || b->type == TYPE_TRUTH))
        return fail(p, at, "yes or no has no order; use == or !=") != NULL;
    if (a->type == b->type || a->type == TYPE_OBSERVED || b->type == TYPE_OBSERVED)
        return true;
    return fail(p, at, "%s cannot be compared with %s", type_name(a->type), type_name(b->type)) != NULL;
}

static struct expression *parse_compare(struct parser *p, struct expression *left)
{
    struct token operator = p->token;
    advance(p);
    struct expression *right = parse_operand(p);
    if (right == NULL || !types_fit(p, operator.at, left, right, operator.operator))
        return NULL;
    struct expression *node = make(p, NODE_COMPARE, TYPE_TRUTH);
    if (node == NULL)
        return NULL;
    node->operator = operator.operator;
    node->first = left;
    left->next = right;
    return node;
}

/* `value in ["a", "b"]`; round brackets do as well. */
static struct expression *parse_in(struct parser *p, struct expression *left)
{
    advance(p);
    char closing = at_mark(p, '[') ? ']' : ')';
    if (!at_mark(p, '[') && !at_mark(p, '('))
        return fail(p, p->token.at, "in needs a list such as [\"a\", \"b\"]");
    struct expression *node = make(p, NODE_IN, TYPE_TRUTH), *last = left;
    do {
        advance(p);
        size_t at = p->token.at;
        struct expression *item = parse_operand(p);
        if (node == NULL || item == NULL || !types_fit(p, at, left, item, COMPARE_EQUAL))
            return NULL;
        last->next = item;
        last = item;
    } while (at_mark(p, ','));
    node->first = left;
    return expect(p, closing, "at the end of the list") ? node : NULL;
}

static struct expression *parse_comparison(struct parser *p)
{
    struct expression *left = parse_operand(p);
    if (left == NULL || (p->token.kind != TOKEN_OPERATOR && !at_name(p, "in")))
        return left;
    struct expression *node = p->token.kind == TOKEN_OPERATOR ? parse_compare(p, left) : parse_in(p, left);
    if (node != NULL && p->token.kind == TOKEN_OPERATOR)
        return fail(p, p->token.at, "comparisons cannot be chained; join them with and");
    return node;
}

static struct expression *parse_not(struct parser *p)
{
    if (!at_name(p, "not"))
        return parse_comparison(p);
    advance(p);
    size_t at = p->token.at;
    struct expression *inner = enter(p) ? need_truth(p, parse_not(p), at) : NULL;
    p->depth--;
    struct expression *node = inner == NULL ? NULL : make(p, NODE_NOT, TYPE_TRUTH);
    if (node != NULL)
        node->first = inner;
    return node;
}

/* One part, or several joined by `word` under one wide node. */
static struct expression *parse_joined(struct parser *p, const char *word, enum node_kind kind, struct expression *(*part)(struct parser *))
{
    size_t at = p->token.at;
    struct expression *first = part(p), *last = first;
    if (first == NULL || !at_name(p, word))
        return first;
    struct expression *node = need_truth(p, first, at) == NULL ? NULL : make(p, kind, TYPE_TRUTH);
    while (node != NULL && at_name(p, word)) {
        advance(p);
        at = p->token.at;
        last->next = need_truth(p, part(p), at);
        last = last->next;
        if (last == NULL)
            return NULL;
    }
    if (node != NULL)
        node->first = first;
    return node;
}

static struct expression *parse_and(struct parser *p) { return parse_joined(p, "and", NODE_AND, parse_not); }

static struct expression *parse_or(struct parser *p)
{
    struct expression *node = enter(p) ? parse_joined(p, "or", NODE_OR, parse_and) : NULL;
    p->depth--;
    return node;
}

static const struct expression *parse_all(struct parser *p)
{
    advance(p);
    size_t start = p->token.at;
    if (p->token.kind == TOKEN_END)
        return fail(p, start, "the expression is empty");
    struct expression *node = need_truth(p, parse_or(p), start);
    if (node != NULL && p->token.kind != TOKEN_END && !p->failed)
        return fail(p, p->token.at, "expected and, or, or the end");
    return p->failed ? NULL : node;
}

enum err_code expression_compile(struct span text, struct arena *a, const struct expression **out, unsigned *at_column, struct err *err)
{
    struct err own = { OK, "" };
    struct parser parser = { .text = text, .arena = a, .err = err != NULL ? err : &own };
    *at_column = 1;
    if (text.bytes > EXPRESSION_MAX_BYTES)
        return err_set(err, ERR_INPUT, "character %d: longer than %d bytes", EXPRESSION_MAX_BYTES + 1, EXPRESSION_MAX_BYTES);
    if (!span_is_utf8(text))
        return err_set(err, ERR_INPUT, "character 1: is not UTF-8");
    const struct expression *node = parse_all(&parser);
    if (node == NULL) {
        *at_column = parser.column;
        return ERR_INPUT;
    }
    *out = node;
    return OK;
}
