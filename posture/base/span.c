#include "posture/base/span.h"

#include <stdlib.h>
#include <string.h>

/* memcmp may not be given NULL, not even with a length of 0. */
static bool same_bytes(const char *a, const char *b, size_t bytes)
{
    return bytes == 0 || memcmp(a, b, bytes) == 0;
}

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static uint64_t word_at(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Eight bytes at once: 0x20 is set in those that are capital letters. A byte's high bit says what the sums say of the seven below it. */
static uint64_t fold_word(uint64_t word)
{
    const uint64_t each = UINT64_C(0x0101010101010101), high = each * 0x80;
    uint64_t low = word & ~high, from_a = low + each * (0x80 - 'A'), past_z = low + each * (0x80 - 'Z' - 1);
    return word | ((from_a & ~past_z & ~word & high) >> 2);
}

static bool same_folded_word(uint64_t left, uint64_t right) { return left == right || fold_word(left) == fold_word(right); }

/* Four to seven bytes as a word: the last four overlap the first. */
static uint64_t short_word_at(const char *at, size_t bytes)
{
    uint32_t first, last;
    memcpy(&first, at, sizeof first);
    memcpy(&last, at + bytes - sizeof last, sizeof last);
    return (uint64_t)first << 32 | last;
}

bool span_same_folded(const char *a, const char *b, size_t bytes)
{
    if (bytes >= sizeof(uint64_t)) {
        for (size_t at = 0; at < bytes - sizeof(uint64_t); at += sizeof(uint64_t))
            if (!same_folded_word(word_at(a + at), word_at(b + at)))
                return false;
        size_t last = bytes - sizeof(uint64_t); /* overlaps the one before */
        return same_folded_word(word_at(a + last), word_at(b + last));
    }
    if (bytes >= sizeof(uint32_t))
        return same_folded_word(short_word_at(a, bytes), short_word_at(b, bytes));
    for (size_t at = 0; at < bytes; at++)
        if (fold(a[at]) != fold(b[at]))
            return false;
    return true;
}

bool span_equal_ct(struct span a, struct span b)
{
    if (a.bytes != b.bytes)
        return false;
    /* volatile: a compiler may otherwise leave the loop at the first difference */
    volatile uint64_t different = 0;
    size_t at = 0;
    for (; a.bytes - at >= sizeof(uint64_t); at += sizeof(uint64_t))
        different |= word_at(a.at + at) ^ word_at(b.at + at);
    for (; at < a.bytes; at++)
        different |= (unsigned char)(a.at[at] ^ b.at[at]);
    return different == 0;
}

int span_compare(struct span a, struct span b)
{
    size_t shared = a.bytes < b.bytes ? a.bytes : b.bytes;
    int order = shared == 0 ? 0 : memcmp(a.at, b.at, shared);
    if (order != 0)
        return order;
    return (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

bool span_starts(struct span s, struct span prefix)
{
    return s.bytes >= prefix.bytes && same_bytes(s.at, prefix.at, prefix.bytes);
}

bool span_ends(struct span s, struct span suffix)
{
    return s.bytes >= suffix.bytes && span_equal(span_slice(s, s.bytes - suffix.bytes, suffix.bytes), suffix);
}

size_t span_find(struct span s, char byte)
{
    const char *found = s.bytes == 0 ? NULL : memchr(s.at, byte, s.bytes);
    return found == NULL ? s.bytes : (size_t)(found - s.at);
}

size_t span_search(struct span s, struct span needle)
{
    if (needle.bytes == 0)
        return 0;
    const char *found = s.bytes < needle.bytes ? NULL : memmem(s.at, s.bytes, needle.at, needle.bytes);
    return found == NULL ? s.bytes : (size_t)(found - s.at);
}

bool span_cut(struct span *rest, char separator, struct span *part)
{
    if (rest->at == NULL)
        return false;
    size_t end = span_find(*rest, separator);
    *part = span_slice(*rest, 0, end);
    bool last = end == rest->bytes;
    *rest = last ? SPAN_NONE : span_slice(*rest, end + 1, rest->bytes);
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span s)
{
    size_t start = 0, end = s.bytes;
    while (start < end && is_blank(s.at[start]))
        start++;
    while (end > start && is_blank(s.at[end - 1]))
        end--;
    return span_slice(s, start, end - start);
}

bool span_to_u64(struct span s, uint64_t *out)
{
    if (s.bytes == 0)
        return false;
    uint64_t n = 0;
    bool fits = s.bytes <= 19; /* so many digits always do */
    for (size_t i = 0; i < s.bytes; i++) {
        unsigned digit = (unsigned char)s.at[i] - (unsigned)'0';
        if (digit > 9)
            return false;
        if (fits)
            n = n * 10 + digit;
        else if (__builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, (uint64_t)digit, &n))
            return false;
    }
    *out = n;
    return true;
}

bool span_to_i64(struct span s, int64_t *out)
{
    bool negative = s.bytes > 0 && s.at[0] == '-';
    uint64_t size;
    if (!span_to_u64(span_slice(s, negative ? 1 : 0, s.bytes), &size))
        return false;
    /* -2^63 has no positive counterpart, so the limits differ by one */
    if (size > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *out = negative ? (int64_t)(0 - size) : (int64_t)size;
    return true;
}

/* RFC 3629 section 4: which lead bytes exist, and the narrowed range of the byte after some of them, which is what rules
 * out overlong forms (E0, F0), surrogates (ED) and anything above U+10FFFF (F4). */
static const struct utf8_form {
    unsigned char first, last, second_least, second_most, bytes;
} utf8_forms[] = {
    { 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
    { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
    { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

static const struct utf8_form *form_of(unsigned char lead)
{
    for (size_t i = 0; i < sizeof utf8_forms / sizeof utf8_forms[0]; i++)
        if (lead >= utf8_forms[i].first && lead <= utf8_forms[i].last)
            return &utf8_forms[i];
    return NULL;
}

/* Length of the character at the front of `left` bytes; 0 when it is not one. */
static size_t utf8_character(const unsigned char *at, size_t left)
{
    const struct utf8_form *form = form_of(at[0]);
    if (form == NULL || form->bytes > left)
        return 0;
    if (form->bytes > 1 && (at[1] < form->second_least || at[1] > form->second_most))
        return 0;
    for (size_t i = 2; i < form->bytes; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return form->bytes;
}

bool span_is_utf8(struct span s)
{
    for (size_t at = 0; at < s.bytes;) {
        size_t bytes = utf8_character((const unsigned char *)s.at + at, s.bytes - at);
        if (bytes == 0)
            return false;
        at += bytes;
    }
    return true;
}

uint64_t span_hash(struct span s, uint64_t seed)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ seed;
    for (size_t i = 0; i < s.bytes; i++)
        hash = (hash ^ (unsigned char)s.at[i]) * UINT64_C(1099511628211);
    return hash;
}

__extension__ typedef unsigned __int128 product;

/* Both halves of the product folded onto each other: every bit of the result depends on every bit of both. */
static uint64_t fold_product(uint64_t a, uint64_t b)
{
    product p = (product)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* Inline, so that each kind of change is part of its loop. */
static inline __attribute__((always_inline)) uint64_t table_hash(struct span s, uint64_t seed, uint64_t (*change)(uint64_t))
{
    const uint64_t first = UINT64_C(0x9e3779b97f4a7c15), second = UINT64_C(0xd6e8feb86659fd93); /* odd, with their bits mixed: 2^64 over the golden ratio, and one beside it */
    uint64_t hash = fold_product(seed ^ second, first ^ s.bytes), tail = 0;
    size_t at = 0;
    for (; s.bytes - at > sizeof tail; at += sizeof tail)
        hash = fold_product(hash ^ change(word_at(s.at + at)), first);
    if (s.bytes >= sizeof tail)
        tail = word_at(s.at + s.bytes - sizeof tail); /* overlaps the one before */
    else
        for (; at < s.bytes; at++)
            tail = tail << 8 | (unsigned char)s.at[at];
    return fold_product(hash ^ change(tail), second);
}

static uint64_t as_it_is(uint64_t word) { return word; }

uint64_t span_table_hash(struct span s, uint64_t seed) { return table_hash(s, seed, as_it_is); }
uint64_t span_table_hash_folded(struct span s, uint64_t seed) { return table_hash(s, seed, fold_word); }

char *span_dup(struct span s)
{
    char *copy = s.bytes == SIZE_MAX ? NULL : malloc(s.bytes + 1);
    if (copy == NULL)
        return NULL;
    if (s.bytes > 0)
        memcpy(copy, s.at, s.bytes);
    copy[s.bytes] = '\0';
    return copy;
}
