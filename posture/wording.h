/* wording: is a text plain enough for people who want to get on with their work? The rules of docs/pages.md, counted: words in a sentence, a reading grade,
 * words that blame or that only specialists use, capitals, exclamation marks. What stands in backticks or quotes is somebody else's word (a setting, a command)
 * and counts as one short noun. English. Pure; any thread. The project's own texts are held to it in its tests, an operator's by `postern check`.
 * Source of the grade: Flesch and Kincaid, as J. P. Kincaid and others give it (1975). */
#ifndef POSTURE_WORDING_H
#define POSTURE_WORDING_H
#include "posture/base/span.h"

enum { WORDING_SENTENCE_WORDS = 20, WORDING_GRADE_WORDS = 4 /* of fewer a grade says nothing: one long name decides it */, WORDING_TEXT_BYTES = 16 * 1024 /* of a longer text the rest is not looked at */ };
#define WORDING_GRADE 7.0        /* titles, and why something matters */
#define WORDING_GRADE_STEPS 8.0  /* what is wrong, what is collected, the steps together */
#define WORDING_NO_GRADE 1000.0

struct wording { size_t words, sentences; double grade; /* 0 without words */ };
struct wording wording_measure(struct span text);
/* One call for each thing that is wrong: "says \"policy\"", "24 words in one sentence", "reading grade 9.3 is above 7". The finding lives during the call. */
void wording_lint(struct span text, double grade_most, void (*say)(void *context, const char *finding), void *context);
#endif
