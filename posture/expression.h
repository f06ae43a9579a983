/* expression: the small language of `pass` and `unknown_if`.
 *   or and not ( ) == != < <= > >= in   integers  "text"  durations (30s 3d)  version("15.5")  true false
 *   rows   any(expr)   all(expr)   column names inside any/all   fact.<name>   value in ["a", "b"]
 * What is compared with a text, number or version is read as one: osquery sends text for everything.
 * Three-valued: a missing name, a value that cannot be read or compared gives unknown, and unknown spreads as in Kleene's logic.
 * Compiled once into an immutable tree inside the policy's arena; evaluation allocates nothing and terminates (depth and size bounded). */
#ifndef POSTURE_EXPRESSION_H
#define POSTURE_EXPRESSION_H
#include "posture/base/arena.h"
#include "posture/base/from_json.h"

enum { EXPRESSION_MAX_BYTES = 4096, EXPRESSION_MAX_NODES = 512, EXPRESSION_MAX_DEPTH = 32 };
enum truth { TRUTH_FALSE, TRUTH_TRUE, TRUTH_UNKNOWN };
struct expression;
/* ERR_INPUT says what and at which character ("character 14: ..."); *at_column is that character, 1-based. */
MUST_CHECK enum err_code expression_compile(struct span text, struct arena *a, const struct expression **out, unsigned *at_column, struct err *err);
/* Every column (inside any/all) and fact name the expression reads; for the allow-list of what is stored. */
void expression_names(const struct expression *e, void (*column)(void *, struct span), void (*fact)(void *, struct span), void *context);

/* Does it need the answer of a statement (rows, any, all)? */
bool expression_reads_rows(const struct expression *e);

struct expression_input {
    const struct from_json_value *rows; /* array of objects; NULL: no rows known, `rows` is unknown */
    /* Value of fact.<name>: FROM_JSON_ABSENT gives unknown. */
    bool (*fact)(void *context, struct span name, struct from_json_value *out);
    void *context;
};
enum truth expression_evaluate(const struct expression *e, const struct expression_input *input);
/* Index of the first row for which the innermost any/all differs (all: first false row; any: first true one); rows count if none. */
size_t expression_witness(const struct expression *e, const struct expression_input *input);

#endif
