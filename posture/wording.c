#include "posture/wording.h"

#include <stdio.h>

enum { FINDING_BYTES = 160, WORD_MOST = 64 };

/* Words that blame, frighten or belong to specialists. */
static const char *const banned[] = {
    "non-compliant", "noncompliant", "compliant", "compliance", "violation", "violate", "policy", "policies", "failure to", "failed", "must", "immediately", "your administrator", "administrator",
    "simply", "just", "endpoint", "scan", "scanned", "access denied", "remediate", "remediation", "cis", "iso", "nist", "fault", "blame", "guilty", "shame", "careless", "dangerous",
    "obviously", "easy", "please note", "utilize", "leverage",
};
/* Turns of phrase in which a banned word does no harm: a time, and that nobody is blamed. */
static const char *const harmless[] = { "just now", "not your fault" };
/* Names and abbreviations that are spelled with capitals everywhere. */
static const char *const capitals[] = { "SSH", "TPM", "IT", "USB", "UAC", "SMB", "PTT", "NFS", "RHEL", "API", "OK", "PIN", "UTC", "VPN", "MFA", "SSO", "URL" };

/* ---- letters ---- */

static bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static char lower(char c) { return (char)(is_upper(c) ? c - 'A' + 'a' : c); }
static bool is_letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_alnum(char c) { return is_letter(c) || is_digit(c); }
static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
/* Where no word ends: letters of other alphabets count. */
static bool joins(char c) { return is_alnum(c) || c == '_' || (unsigned char)c >= 0x80; }

/* ---- whose words ---- */

struct own { char text[WORDING_TEXT_BYTES + 8]; size_t bytes; };

static void add(struct own *o, struct span s)
{
    for (size_t i = 0; i < s.bytes && o->bytes < WORDING_TEXT_BYTES; i++)
        o->text[o->bytes++] = s.at[i];
}

/* `...` and "...": one short noun. An open one is a mark like any other. */
static void take_own(struct span text, struct own *o)
{
    o->bytes = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        char mark = text.at[i];
        size_t end = mark == '`' || mark == '"' ? i + 1 + span_find(span_slice(text, i + 1, text.bytes), mark) : text.bytes;
        if (end < text.bytes) {
            add(o, SPAN_LITERAL("name"));
            i = end;
        } else {
            add(o, span_slice(text, i, 1));
        }
    }
}

/* ---- words and sentences ---- */

/* What may stand inside of a word: ' . - and the typographic apostrophe. */
static size_t joint(struct span s, size_t at)
{
    if (at < s.bytes && (s.at[at] == '\'' || s.at[at] == '.' || s.at[at] == '-'))
        return 1;
    return span_starts(span_slice(s, at, 3), SPAN_LITERAL("\xe2\x80\x99")) ? 3 : 0;
}

static bool next_word(struct span s, size_t *at, struct span *word)
{
    while (*at < s.bytes && !is_alnum(s.at[*at]))
        (*at)++;
    size_t begin = *at;
    for (;;) {
        while (*at < s.bytes && is_alnum(s.at[*at]))
            (*at)++;
        size_t joined = joint(s, *at);
        if (joined == 0 || *at + joined >= s.bytes || !is_alnum(s.at[*at + joined]))
            break;
        *at += joined;
    }
    *word = span_slice(s, begin, *at - begin);
    return word->bytes > 0;
}

static size_t count_words(struct span s)
{
    size_t at = 0, count = 0;
    struct span word;
    while (next_word(s, &at, &word))
        count++;
    return count;
}

/* One ends with . ? or ! before a space. */
static bool next_sentence(struct span s, size_t *at, struct span *sentence)
{
    while (*at < s.bytes && is_space(s.at[*at]))
        (*at)++;
    size_t begin = *at;
    while (*at < s.bytes && !(*at > begin && is_space(s.at[*at]) && (s.at[*at - 1] == '.' || s.at[*at - 1] == '?' || s.at[*at - 1] == '!')))
        (*at)++;
    *sentence = span_trim(span_slice(s, begin, *at - begin));
    return sentence->bytes > 0;
}

/* ---- syllables ---- */

static bool is_vowel(char c) { return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y'; }

static bool ends(const char *w, size_t n, const char *end)
{
    size_t bytes = strlen(end);
    return n >= bytes && memcmp(w + n - bytes, end, bytes) == 0;
}

static bool is_one_of(char c, const char *all) { return c != '\0' && strchr(all, c) != NULL; }

/* "statement", "useful": the e before these endings is silent too. */
static void drop_silent_inside(char *w, size_t *n)
{
    static const char *const endings[] = { "ment", "ful", "ly", "less" };
    for (size_t i = 2; i < *n; i++) {
        bool silent = false;
        for (size_t k = 0; w[i] == 'e' && is_vowel(w[i - 2]) && is_one_of(w[i - 1], "rst") && k < 4; k++)
            silent = silent || (strlen(endings[k]) <= *n - i - 1 && memcmp(w + i + 1, endings[k], strlen(endings[k])) == 0);
        if (!silent)
            continue;
        memmove(w + i, w + i + 1, *n - i - 1);
        (*n)--;
        i--;
    }
}

/* Groups of vowels, without the e that is not spoken. `w`: lower-case letters. */
static unsigned part_syllables(struct span part)
{
    char w[WORD_MOST];
    size_t n = part.bytes < WORD_MOST ? part.bytes : WORD_MOST - 1;
    unsigned groups = 0;
    for (size_t i = 0; i < n; i++)
        w[i] = lower(part.at[i]);
    bool spoken_le = n >= 3 && ends(w, n, "le") && !is_vowel(w[n - 3]);
    if (!spoken_le && n >= 2 && w[n - 1] == 'e' && !is_vowel(w[n - 2]))
        n--;
    if (n >= 3 && ends(w, n, "ed") && !is_one_of(w[n - 3], "aeiouytd")) {
        w[n - 2] = 'd';
        n--;
    }
    if (n >= 3 && ends(w, n, "es") && !is_one_of(w[n - 3], "aeiouyscxz")) {
        w[n - 2] = 's';
        n--;
    }
    drop_silent_inside(w, &n);
    for (size_t i = 0; i < n; i++)
        groups += is_vowel(w[i]) && (i == 0 || !is_vowel(w[i - 1]));
    return groups > 0 ? groups : 1;
}

static bool is_spelled(struct span word)
{
    for (size_t i = 0; i < word.bytes; i++)
        if (!is_upper(word.at[i]) && is_alnum(word.at[i]) && !is_digit(word.at[i]))
            return false;
    for (size_t i = 0; i < word.bytes; i++)
        if (is_upper(word.at[i]))
            return word.bytes > 1 && word.bytes <= 4;
    return false;
}

/* An abbreviation is spelled out, letter by letter; a number is one. */
static unsigned syllables(struct span word)
{
    unsigned count = 0;
    if (is_spelled(word))
        return span_equal_text(word, "RHEL") ? 1 : (unsigned)word.bytes;
    for (size_t at = 0; at < word.bytes;) {
        size_t begin = at;
        while (at < word.bytes && is_letter(word.at[at]))
            at++;
        if (at > begin)
            count += part_syllables(span_slice(word, begin, at - begin));
        while (at < word.bytes && !is_letter(word.at[at]))
            at++;
    }
    return count > 0 ? count : 1;
}

/* ---- measuring ---- */

static struct wording measure(struct span own)
{
    struct wording m = { 0, 0, 0 };
    size_t at = 0, spoken = 0;
    struct span part;
    while (next_word(own, &at, &part)) {
        m.words++;
        spoken += syllables(part);
    }
    for (at = 0; next_sentence(own, &at, &part);)
        m.sentences++;
    if (m.words > 0)
        m.grade = 0.39 * (double)m.words / (double)(m.sentences > 0 ? m.sentences : 1) + 11.8 * (double)spoken / (double)m.words - 15.59;
    return m;
}

struct wording wording_measure(struct span text)
{
    struct own own;
    take_own(text, &own);
    return measure(span_make(own.text, own.bytes));
}

/* ---- judging ---- */

struct lint { struct span own; void (*say)(void *context, const char *finding); void *context; };

static bool stands_at(struct span text, size_t at, struct span words)
{
    size_t end = at + words.bytes;
    return end <= text.bytes && span_equal_fold(span_slice(text, at, words.bytes), words) && (at == 0 || !joins(text.at[at - 1])) && (end == text.bytes || !joins(text.at[end]));
}

static bool is_harmless(struct span text, size_t at)
{
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
        struct span phrase = span_of(harmless[i]);
        for (size_t back = 0; back < phrase.bytes && back <= at; back++)
            if (stands_at(text, at - back, phrase))
                return true;
    }
    return false;
}

static void look_for_banned(const struct lint *l)
{
    char finding[FINDING_BYTES];
    for (size_t i = 0; i < sizeof banned / sizeof banned[0]; i++)
        for (size_t at = 0; at < l->own.bytes; at++) {
            if (!stands_at(l->own, at, span_of(banned[i])) || is_harmless(l->own, at))
                continue;
            snprintf(finding, sizeof finding, "says \"%s\"", banned[i]);
            l->say(l->context, finding);
            break;
        }
}

static bool is_usual(struct span word)
{
    for (size_t i = 0; i < sizeof capitals / sizeof capitals[0]; i++)
        if (span_equal_text(word, capitals[i]))
            return true;
    return false;
}

static void look_for_capitals(const struct lint *l)
{
    char finding[FINDING_BYTES];
    for (size_t at = 0; at < l->own.bytes; at++) {
        size_t end = at;
        while (end < l->own.bytes && is_upper(l->own.at[end]))
            end++;
        bool whole = end - at >= 2 && (at == 0 || !joins(l->own.at[at - 1])) && (end == l->own.bytes || !joins(l->own.at[end]));
        if (whole && !is_usual(span_slice(l->own, at, end - at))) {
            snprintf(finding, sizeof finding, "is in capitals: %.*s", SPAN_ARGS(span_slice(l->own, at, end - at < WORD_MOST ? end - at : WORD_MOST)));
            l->say(l->context, finding);
        }
        at = end > at ? end : at;
    }
}

static void look_for_length(const struct lint *l)
{
    char finding[FINDING_BYTES];
    struct span sentence;
    for (size_t at = 0; next_sentence(l->own, &at, &sentence);) {
        size_t count = count_words(sentence);
        if (count <= WORDING_SENTENCE_WORDS)
            continue;
        snprintf(finding, sizeof finding, "%zu words in one sentence, more than %d", count, WORDING_SENTENCE_WORDS);
        l->say(l->context, finding);
    }
}

void wording_lint(struct span text, double grade_most, void (*say)(void *context, const char *finding), void *context)
{
    struct own own;
    char finding[FINDING_BYTES];
    take_own(text, &own);
    const struct lint l = { span_make(own.text, own.bytes), say, context };
    struct wording m = measure(l.own);
    look_for_banned(&l);
    look_for_capitals(&l);
    if (span_find(l.own, '!') < l.own.bytes)
        say(context, "has an exclamation mark");
    look_for_length(&l);
    if (m.words >= WORDING_GRADE_WORDS && m.grade > grade_most) {
        snprintf(finding, sizeof finding, "reading grade %.1f is above %.0f", m.grade, grade_most);
        say(context, finding);
    }
}
