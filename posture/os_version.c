#include "posture/os_version.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* Cuts the digits off the front, leading zeros dropped, so that their count orders numbers of any length. */
static struct span cut_number(struct span *rest)
{
    size_t end = 0;
    while (end < rest->bytes && is_digit(rest->at[end]))
        end++;
    struct span digits = span_slice(*rest, 0, end);
    *rest = span_slice(*rest, end, rest->bytes);
    while (digits.bytes > 0 && digits.at[0] == '0')
        digits = span_slice(digits, 1, digits.bytes);
    return digits;
}

static int compare_numbers(struct span a, struct span b)
{
    if (a.bytes != b.bytes)
        return a.bytes < b.bytes ? -1 : 1;
    return span_compare(a, b);
}

/* "-rc1", "~beta2": comes before the plain version. "(a)" of a rapid response and "-26-amd64" of a kernel come after it. */
static bool is_before_release(struct span suffix)
{
    static const char *const words[] = { "rc", "beta", "alpha", "pre", "dev" };
    if (!span_empty(suffix) && suffix.at[0] == '~')
        return true;
    while (!span_empty(suffix) && !is_letter(suffix.at[0]) && !is_digit(suffix.at[0]) && suffix.at[0] != '(')
        suffix = span_slice(suffix, 1, suffix.bytes);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (span_equal_fold(span_slice(suffix, 0, span_of(words[i]).bytes), span_of(words[i])))
            return true;
    return false;
}

static int compare_ends(struct span a, struct span b)
{
    if (span_empty(a) && span_empty(b))
        return 0;
    if (span_empty(a))
        return is_before_release(b) ? 1 : -1;
    return is_before_release(a) ? -1 : 1;
}

/* Runs of digits as numbers, all else byte by byte: "-rc9" < "-rc10". */
static int compare_suffixes(struct span a, struct span b)
{
    if (is_before_release(a) != is_before_release(b))
        return is_before_release(a) ? -1 : 1;
    while (!span_empty(a) && !span_empty(b)) {
        int order = 0;
        if (is_digit(a.at[0]) && is_digit(b.at[0])) {
            struct span left = cut_number(&a), right = cut_number(&b);
            order = compare_numbers(left, right);
        } else {
            order = span_compare(span_slice(a, 0, 1), span_slice(b, 0, 1));
            a = span_slice(a, 1, a.bytes);
            b = span_slice(b, 1, b.bytes);
        }
        if (order != 0)
            return order;
    }
    return compare_ends(a, b);
}

static int compare_fields(struct span a, struct span b)
{
    struct span left = cut_number(&a), right = cut_number(&b);
    int order = compare_numbers(left, right);
    return order != 0 ? order : compare_suffixes(span_trim(a), span_trim(b));
}

/* The next dotted field; empty (which counts as 0) once the version has ended. */
static struct span next_field(struct span *rest)
{
    struct span field = SPAN_NONE;
    return span_cut(rest, '.', &field) ? field : SPAN_NONE;
}

bool os_version_compare(struct span a, struct span b, int *order)
{
    a = span_trim(a);
    b = span_trim(b);
    if (span_empty(a) || span_empty(b) || !is_digit(a.at[0]) || !is_digit(b.at[0]))
        return false;
    int found = 0;
    while (found == 0 && (a.at != NULL || b.at != NULL)) {
        struct span left = next_field(&a), right = next_field(&b);
        found = compare_fields(left, right);
    }
    *order = found;
    return true;
}
