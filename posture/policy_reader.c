#include "posture/policy_reader.h"

#include "posture/base/clock.h"

#include <stdlib.h>
#include <string.h>

static void *remember(struct policy_reader *r, void *at)
{
    if (at == NULL)
        r->full = true;
    return at;
}

void *policy_reader_array(struct policy_reader *r, size_t count, size_t each_bytes)
{
    return remember(r, arena_array(&r->policy->arena, count, each_bytes));
}

void *policy_reader_scratch(struct policy_reader *r, size_t count, size_t each_bytes)
{
    return remember(r, arena_array(&r->scratch, count, each_bytes));
}

bool policy_reader_mapping(struct policy_reader *r, const struct yaml_node *n, const char *const *known)
{
    if (n == NULL)
        return false;
    if (n->kind != YAML_MAPPING) {
        yaml_mistake(r->mistakes, n, "must be a mapping with keys such as \"%s\"", known[0]);
        return false;
    }
    yaml_only(n, known, r->mistakes);
    return true;
}

bool policy_reader_sequence(struct policy_reader *r, const struct yaml_node *n, size_t most)
{
    if (n == NULL)
        return false;
    if (n->kind != YAML_SEQUENCE) {
        yaml_mistake(r->mistakes, n, "must be a list");
        return false;
    }
    if (n->count <= most)
        return true;
    yaml_mistake(r->mistakes, n, "has %zu entries; at most %zu are allowed", n->count, most);
    return false;
}

/* Bytes at `at` that a page, a log line or the canonical form could not carry unchanged. 0: fine. YAML reads NEL, LS and PS
 * as line ends, and refuses the other controls and non-characters. */
static bool is_unprintable(struct span s, size_t at)
{
    const unsigned char *c = (const unsigned char *)s.at + at;
    size_t left = s.bytes - at;
    if (c[0] < 0x20)
        return c[0] != '\n' && c[0] != '\t';
    if (c[0] == 0x7F || (left >= 2 && c[0] == 0xC2 && c[1] < 0xA0))
        return true;
    if (left < 3)
        return false;
    bool line_end = c[0] == 0xE2 && c[1] == 0x80 && (c[2] == 0xA8 || c[2] == 0xA9);
    bool mark_or_none = c[0] == 0xEF && ((c[1] == 0xBB && c[2] == 0xBF) || (c[1] == 0xBF && c[2] >= 0xBE));
    return line_end || mark_or_none;
}

static bool is_printable(struct span s)
{
    for (size_t i = 0; i < s.bytes; i++)
        if (is_unprintable(s, i))
            return false;
    return true;
}

static bool keep(struct policy_reader *r, struct span text, struct span *out)
{
    struct span copy = arena_copy(&r->policy->arena, text);
    if (copy.at == NULL && text.bytes > 0)
        return remember(r, NULL) != NULL;
    *out = copy;
    return true;
}

bool policy_reader_text(struct policy_reader *r, const struct yaml_node *n, size_t max_bytes, struct span *out)
{
    struct span text;
    if (n == NULL || !yaml_text(n, max_bytes, &text, r->mistakes))
        return false;
    if (is_printable(text))
        return keep(r, text, out);
    yaml_mistake(r->mistakes, n, "holds a control character or an unusual line end");
    return false;
}

static bool read_id(struct policy_reader *r, const struct yaml_node *n, const char *allowed, const char *words, struct span *out)
{
    struct span text;
    if (n == NULL || !yaml_text(n, POLICY_ID_BYTES, &text, r->mistakes))
        return false;
    bool good = !span_empty(text) && text.at[0] != '-' && text.at[0] != '.' && text.at[0] != '_';
    for (size_t i = 0; i < text.bytes && good; i++)
        good = text.at[i] != '\0' && strchr(allowed, text.at[i]) != NULL;
    if (good)
        return keep(r, text, out);
    yaml_mistake(r->mistakes, n, "\"%.*s\" is not an id: use %s, and begin with a letter or digit", SPAN_ARGS(text), words);
    return false;
}

bool policy_reader_id(struct policy_reader *r, const struct yaml_node *n, struct span *out)
{
    return read_id(r, n, "abcdefghijklmnopqrstuvwxyz0123456789_-", "a-z, 0-9, - and _", out);
}

bool policy_reader_app_id(struct policy_reader *r, const struct yaml_node *n, struct span *out)
{
    return read_id(r, n, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.", "letters, digits, -, _ and .", out);
}

struct span policy_reader_lower(struct policy_reader *r, struct span text)
{
    char *copy = policy_reader_array(r, text.bytes + 1, 1);
    for (size_t i = 0; copy != NULL && i < text.bytes; i++)
        copy[i] = (char)(text.at[i] >= 'A' && text.at[i] <= 'Z' ? text.at[i] - 'A' + 'a' : text.at[i]);
    return copy == NULL ? SPAN_NONE : span_make(copy, text.bytes);
}

bool policy_reader_texts(struct policy_reader *r, const struct yaml_node *n, size_t most, size_t max_bytes, const struct span **out, size_t *count)
{
    bool one = n != NULL && n->kind == YAML_SCALAR;
    if (!one && !policy_reader_sequence(r, n, most))
        return false;
    size_t total = one ? 1 : n->count;
    struct span *texts = policy_reader_array(r, total, sizeof *texts);
    if (texts == NULL)
        return false;
    for (size_t i = 0; i < total; i++) {
        const struct yaml_node *item = one ? n : &n->children[i];
        if (policy_reader_text(r, item, max_bytes, &texts[i]) && span_empty(texts[i]))
            yaml_mistake(r->mistakes, item, "must not be empty");
    }
    *out = texts;
    *count = total;
    return true;
}

bool policy_reader_duration(struct policy_reader *r, const struct yaml_node *n, int64_t least_s, int64_t most_s, int64_t *out)
{
    int64_t found_s;
    char least[CLOCK_TEXT_BYTES], most[CLOCK_TEXT_BYTES];
    if (n == NULL || !yaml_duration(n, &found_s, r->mistakes))
        return false;
    if (found_s < least_s || found_s > most_s) {
        yaml_mistake(r->mistakes, n, "must be from %s to %s", duration_text(least_s, least), duration_text(most_s, most));
        return false;
    }
    *out = found_s;
    return true;
}

bool policy_reader_number(struct policy_reader *r, const struct yaml_node *n, unsigned least, unsigned most, unsigned *out)
{
    int64_t found;
    if (n == NULL || !yaml_int(n, least, most, &found, r->mistakes))
        return false;
    *out = (unsigned)found;
    return true;
}

bool policy_reader_words(struct policy_reader *r, const struct yaml_node *n, const char *const *words, unsigned *bits)
{
    enum { MOST_WORDS = 32 };
    if (!policy_reader_sequence(r, n, MOST_WORDS))
        return false;
    unsigned found = 0;
    for (size_t i = 0; i < n->count; i++) {
        unsigned index;
        if (!yaml_word(&n->children[i], words, &index, r->mistakes))
            continue;
        if ((found & 1U << index) != 0)
            yaml_mistake(r->mistakes, &n->children[i], "\"%s\" is in this list already", words[index]);
        found |= 1U << index;
    }
    *bits = found;
    return true;
}

const char *const *policy_reader_sensitivity_words(struct policy_reader *r)
{
    const char **words = policy_reader_scratch(r, r->policy->sensitivity_count + 1, sizeof *words);
    for (size_t i = 0; words != NULL && i < r->policy->sensitivity_count; i++)
        words[i] = r->policy->sensitivities[i].at;
    return words;
}

/* Without any sensitivity the missing list is the mistake; each use of one would only repeat it. */
bool policy_reader_sensitivities(struct policy_reader *r, const struct yaml_node *n, unsigned *bits)
{
    const char *const *words = policy_reader_sensitivity_words(r);
    return words != NULL && r->policy->sensitivity_count > 0 && policy_reader_words(r, n, words, bits);
}

bool policy_reader_sensitivity(struct policy_reader *r, const struct yaml_node *n, unsigned *index)
{
    struct span name;
    if (n == NULL || r->policy->sensitivity_count == 0 || !yaml_text(n, POLICY_ID_BYTES, &name, r->mistakes))
        return false;
    if (policy_sensitivity(r->policy, name, index))
        return true;
    const char *const *words = policy_reader_sensitivity_words(r);
    const char *nearest = words == NULL ? NULL : nearest_word(name, words);
    yaml_mistake(r->mistakes, n, "unknown sensitivity \"%.*s\"%s%s%s", SPAN_ARGS(name), nearest == NULL ? "" : ", did you mean \"",
                 nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?");
    return false;
}

static int compare_named(const void *left, const void *right)
{
    const struct policy_named *a = left, *b = right;
    int order = span_compare(a->id, b->id);
    if (order == 0)
        order = (a->at->line > b->at->line) - (a->at->line < b->at->line);
    return order != 0 ? order : (a->at->column > b->at->column) - (a->at->column < b->at->column);
}

void policy_reader_unique(struct policy_reader *r, struct policy_named *all, size_t count, const char *what)
{
    if (all == NULL || count == 0)
        return;
    qsort(all, count, sizeof all[0], compare_named);
    for (size_t i = 1; i < count; i++) {
        if (span_empty(all[i].id) || !span_equal(all[i - 1].id, all[i].id))
            continue;
        yaml_mistake(r->mistakes, all[i].at, "%s \"%.*s\" stands twice; the other is at %u:%u", what, SPAN_ARGS(all[i].id),
                     all[i - 1].at->line, all[i - 1].at->column);
    }
}

/* Where line `line` (1-based) begins; text.bytes past the end. */
static size_t line_start(struct span text, unsigned line)
{
    size_t at = 0;
    for (unsigned i = 1; i < line && at < text.bytes; i++)
        at += span_find(span_slice(text, at, text.bytes), '\n') + 1;
    return at < text.bytes ? at : text.bytes;
}

static bool is_character_start(char c) { return ((unsigned char)c & 0xC0U) != 0x80U; }

static size_t skip_characters(struct span text, size_t at, unsigned count)
{
    while (count > 0 && at < text.bytes) {
        at++;
        while (at < text.bytes && !is_character_start(text.at[at]))
            at++;
        count--;
    }
    return at;
}

/* Follows a one-line scalar in the file for `count` characters of its value; 0 when it is written in a way that this cannot follow. */
static unsigned follow(struct span text, size_t at, unsigned count)
{
    char quote = at < text.bytes ? text.at[at] : '\0';
    unsigned steps = 0;
    if (quote == '|' || quote == '>')
        return 0;
    if (quote == '"' || quote == '\'')
        steps++, at++;
    for (unsigned i = 1; i < count; i++, steps++) {
        if (at >= text.bytes || text.at[at] == '\n')
            return 0;
        bool pair = at + 1 < text.bytes && ((quote == '"' && text.at[at] == '\\') || (quote == '\'' && text.at[at] == '\'' && text.at[at + 1] == '\''));
        at = skip_characters(text, at, pair ? 2 : 1);
        steps += pair;
    }
    return steps;
}

void policy_reader_inside(struct policy_reader *r, const struct yaml_node *n, struct span text, unsigned column, const char *words)
{
    struct yaml_node place = *n;
    size_t start = skip_characters(text, line_start(text, n->line), n->column == 0 ? 0 : n->column - 1);
    place.column += follow(text, start, column);
    yaml_mistake(r->mistakes, &place, "%s", words);
}
