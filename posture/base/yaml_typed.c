/* What a node is read as: text, numbers, words of a list. */
#include "posture/base/yaml_place.h"

#include "posture/base/clock.h"

#include <string.h>

enum { WORD_BYTES = 64 };

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
    yaml_mistake_at(m, yaml_key_place(value), "unknown key \"%.*s\"%s%s%s", YAML_QUOTED_BYTES, value->key.at, question,
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
    buf_init(&allowed, YAML_MISTAKE_BYTES);
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
