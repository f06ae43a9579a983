#include "gateway/slack/slack_words.h"

#include <stddef.h>

enum { WORDS_READ = 32 };

static const char *const names[SLACK_ASKS] = {
    [SLACK_ASK_HELP] = "help",       [SLACK_ASK_STATUS] = "status",         [SLACK_ASK_WHY] = "why",       [SLACK_ASK_PRIVACY] = "privacy",   [SLACK_ASK_HOME] = "home",
    [SLACK_ASK_RECHECK] = "recheck", [SLACK_ASK_STEPS] = "steps",           [SLACK_ASK_SNOOZE] = "snooze", [SLACK_ASK_WRONG] = "wrong",       [SLACK_ASK_PERSON] = "person",
    [SLACK_ASK_NOT_MINE] = "not_mine", [SLACK_ASK_WRONG_SENT] = "wrong_sent", [SLACK_ASK_PERSON_SENT] = "person_sent", [SLACK_ASK_CLAIM] = "claim", [SLACK_ASK_DECLINE] = "decline", [SLACK_ASK_PAGE] = "page",
    [SLACK_ASK_EXEMPT] = "exempt", [SLACK_ASK_APPROVE] = "approve", [SLACK_ASK_REFUSE] = "refuse", [SLACK_ASK_FOREIGN] = "foreign",
};

const char *slack_ask_name(enum slack_ask ask) { return names[ask]; }

bool slack_ask_from(struct span name, enum slack_ask *ask)
{
    for (size_t i = 0; i < SLACK_ASKS; i++)
        if (span_equal_text(name, names[i])) {
            *ask = (enum slack_ask)i;
            return true;
        }
    return false;
}

bool slack_ask_only_reads(enum slack_ask ask) { return ask <= SLACK_ASK_PRIVACY; }

/* ---- what was typed ---- */

/* Punctuation that people, phones and copied text put around words; of UTF-8 the typographic quotes, dots and dashes. */
static size_t mark_at(struct span s, size_t at)
{
    static const char *const marks[] = { "\xe2\x80\x9c", "\xe2\x80\x9d", "\xe2\x80\x9e", "\xe2\x80\x98", "\xe2\x80\x99", "\xe2\x80\x9a", "\xe2\x80\xa6", "\xe2\x80\x93", "\xe2\x80\x94", "\xc2\xab", "\xc2\xbb", "\xc2\xbf" };
    struct span plain = SPAN_LITERAL(" \t\r\n\"'`.,;:!?()[]{}<>*_~/\\-");
    if (span_find(plain, s.at[at]) < plain.bytes)
        return 1;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (span_starts(span_slice(s, at, s.bytes), span_of(marks[i])))
            return span_of(marks[i]).bytes;
    return 0;
}

static struct span strip(struct span s)
{
    size_t begin = 0, end = 0, at = 0;
    while (begin < s.bytes && mark_at(s, begin) > 0)
        begin += mark_at(s, begin);
    for (at = begin; at < s.bytes;) {
        size_t mark = mark_at(s, at);
        at += mark > 0 ? mark : 1;
        if (mark == 0)
            end = at;
    }
    return end > begin ? span_slice(s, begin, end - begin) : SPAN_NONE;
}

static struct span cut_word(struct span *rest)
{
    struct span all = strip(*rest);
    size_t end = 0;
    while (end < all.bytes && mark_at(all, end) == 0)
        end++;
    *rest = strip(span_slice(all, end, all.bytes));
    return span_slice(all, 0, end);
}

static const struct { const char *word; enum slack_ask ask; } first_words[] = {
    { "status", SLACK_ASK_STATUS },   { "devices", SLACK_ASK_STATUS },   { "device", SLACK_ASK_STATUS },  { "recheck", SLACK_ASK_RECHECK }, { "check", SLACK_ASK_RECHECK },
    { "why", SLACK_ASK_WHY },         { "steps", SLACK_ASK_WHY },        { "snooze", SLACK_ASK_SNOOZE },  { "remind", SLACK_ASK_SNOOZE },   { "later", SLACK_ASK_SNOOZE },
    { "privacy", SLACK_ASK_PRIVACY }, { "help", SLACK_ASK_HELP },        { "notmine", SLACK_ASK_NOT_MINE },{ "human", SLACK_ASK_PERSON },    { "person", SLACK_ASK_PERSON },
    { "ask", SLACK_ASK_PERSON },      { "exempt", SLACK_ASK_EXEMPT },     { "exemption", SLACK_ASK_EXEMPT },
};

/* "I fixed it. Check again": said in a sentence, anywhere in it. */
static bool says_it_is_done(struct span typed)
{
    static const char *const said[] = { "fixed", "done", "again", "recheck" };
    struct span rest = typed, word;
    for (int i = 0; i < WORDS_READ && !span_empty(word = cut_word(&rest)); i++)
        for (size_t k = 0; k < sizeof said / sizeof said[0]; k++)
            if (span_equal_fold(word, span_of(said[k])))
                return true;
    return false;
}

/* "check again" names no device. */
static struct span device_named(struct span rest)
{
    struct span after = rest, word = cut_word(&after);
    return span_equal_fold(word, SPAN_LITERAL("again")) ? after : rest;
}

enum slack_ask slack_words_read(struct span typed, struct span *rest)
{
    struct span after = typed, word = cut_word(&after);
    *rest = after;
    if (span_empty(word))
        return SLACK_ASK_STATUS;
    if (span_equal_fold(word, SPAN_LITERAL("not")) && span_equal_fold(cut_word(&after), SPAN_LITERAL("mine"))) {
        *rest = after;
        return SLACK_ASK_NOT_MINE;
    }
    for (size_t i = 0; i < sizeof first_words / sizeof first_words[0]; i++) {
        if (!span_equal_fold(word, span_of(first_words[i].word)))
            continue;
        if (first_words[i].ask == SLACK_ASK_RECHECK)
            *rest = device_named(*rest);
        return first_words[i].ask;
    }
    *rest = SPAN_NONE;
    return says_it_is_done(typed) ? SLACK_ASK_RECHECK : SLACK_ASK_HELP;
}

/* ---- what was pressed ---- */

bool slack_action_read(struct span action, bool modal, enum slack_ask *ask)
{
    static const struct { const char *id; enum slack_ask pressed, sent; } rows[] = {
        { "pst.recheck", SLACK_ASK_RECHECK, SLACK_ASKS }, { "pst.steps", SLACK_ASK_STEPS, SLACK_ASKS },     { "pst.snooze", SLACK_ASK_SNOOZE, SLACK_ASKS },
        { "pst.wrong", SLACK_ASK_WRONG, SLACK_ASK_WRONG_SENT }, { "pst.ask", SLACK_ASK_PERSON, SLACK_ASK_PERSON_SENT }, { "pst.notmine", SLACK_ASK_NOT_MINE, SLACK_ASKS },
        { "pst.privacy", SLACK_ASK_PRIVACY, SLACK_ASKS }, { "pst.why", SLACK_ASK_WHY, SLACK_ASKS },         { "pst.status", SLACK_ASK_STATUS, SLACK_ASKS },
        { "pst.claim", SLACK_ASK_CLAIM, SLACK_ASKS }, { "pst.decline", SLACK_ASK_DECLINE, SLACK_ASKS },     { "pst.page", SLACK_ASK_PAGE, SLACK_ASKS },
        { "pst.exempt", SLACK_ASK_EXEMPT, SLACK_ASK_EXEMPT }, { "pst.approve", SLACK_ASK_APPROVE, SLACK_ASK_APPROVE }, { "pst.refuse", SLACK_ASK_REFUSE, SLACK_ASK_REFUSE },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum slack_ask found = modal ? rows[i].sent : rows[i].pressed;
        if (!span_equal_text(action, rows[i].id) || found == SLACK_ASKS)
            continue;
        *ask = found;
        return true;
    }
    return false;
}
