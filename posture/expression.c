/* Compiling is in expression_parse.c; here is what a compiled tree means. */
#include "posture/expression_tree.h"

#include "posture/base/buf.h"
#include "posture/os_version.h"

#include <stdio.h>

enum { VALUE_TEXT_BYTES = 64 * 1024, NUMBER_TEXT_BYTES = 24 };

struct value {
    enum { VALUE_NONE, VALUE_NUMBER, VALUE_TEXT, VALUE_VERSION, VALUE_BOOL } kind;
    bool observed;  /* came from a device: its type says little, for osquery sends text for everything */
    int64_t number; /* also of VALUE_BOOL */
    struct span text;
};

struct place {
    const struct expression_input *input;
    const struct from_json_value *row; /* NULL outside any() and all() */
};

static enum truth evaluate(const struct expression *e, const struct place *place);

static enum truth truth_of(bool yes) { return yes ? TRUTH_TRUE : TRUTH_FALSE; }

static struct value observed_value(const struct from_json_value *v)
{
    struct value value = { .kind = VALUE_NONE, .observed = true };
    bool flag = false;
    if (from_json_kind(v) == FROM_JSON_TEXT && from_json_text(v, VALUE_TEXT_BYTES, &value.text, NULL) == OK)
        value.kind = VALUE_TEXT;
    if (from_json_kind(v) == FROM_JSON_INT && from_json_int(v, INT64_MIN, INT64_MAX, &value.number, NULL) == OK)
        value.kind = VALUE_NUMBER;
    if (from_json_kind(v) == FROM_JSON_BOOL && from_json_bool(v, &flag, NULL) == OK) {
        value.kind = VALUE_BOOL;
        value.number = flag;
    }
    return value;
}

static struct value column_value(const struct expression *e, const struct place *place)
{
    if (place->row == NULL)
        return (struct value){ .kind = VALUE_NONE };
    struct from_json_value cell = from_json_member(place->row, e->text.at);
    return observed_value(&cell);
}

static struct value fact_value(const struct expression *e, const struct place *place)
{
    struct from_json_value found;
    const struct expression_input *input = place->input;
    if (input->fact == NULL || !input->fact(input->context, e->text, &found))
        return (struct value){ .kind = VALUE_NONE };
    return observed_value(&found);
}

static struct value truth_value(enum truth truth)
{
    if (truth == TRUTH_UNKNOWN)
        return (struct value){ .kind = VALUE_NONE };
    return (struct value){ .kind = VALUE_BOOL, .number = truth == TRUTH_TRUE };
}

static struct value rows_value(const struct place *place)
{
    const struct from_json_value *rows = place->input->rows;
    if (rows == NULL || from_json_kind(rows) != FROM_JSON_ARRAY)
        return (struct value){ .kind = VALUE_NONE };
    return (struct value){ .kind = VALUE_NUMBER, .number = (int64_t)from_json_count(rows) };
}

static struct value value_of(const struct expression *e, const struct place *place)
{
    switch (e->kind) {
    case NODE_NUMBER: return (struct value){ .kind = VALUE_NUMBER, .number = e->number };
    case NODE_TEXT: return (struct value){ .kind = VALUE_TEXT, .text = e->text };
    case NODE_VERSION: return (struct value){ .kind = VALUE_VERSION, .text = e->text };
    case NODE_ROWS: return rows_value(place);
    case NODE_COLUMN: return column_value(e, place);
    case NODE_FACT: return fact_value(e, place);
    default: return truth_value(evaluate(e, place));
    }
}

static bool as_number(const struct value *v, int64_t *out)
{
    if (v->kind == VALUE_TEXT)
        return span_to_i64(span_trim(v->text), out);
    *out = v->number;
    return v->kind == VALUE_NUMBER || v->kind == VALUE_BOOL;
}

static struct span as_text(const struct value *v, char scratch[NUMBER_TEXT_BYTES])
{
    if (v->kind == VALUE_TEXT || v->kind == VALUE_VERSION)
        return v->text;
    int length = snprintf(scratch, NUMBER_TEXT_BYTES, "%lld", (long long)v->number);
    return (struct span){ scratch, (size_t)length };
}

/* true, "true", 1 and "1" are one; anything but these and their opposites cannot be read. */
static enum truth as_truth(const struct value *v)
{
    char scratch[NUMBER_TEXT_BYTES];
    struct span text = v->kind == VALUE_NONE ? SPAN_NONE : span_trim(as_text(v, scratch));
    if (span_equal_text(text, "1") || span_equal_fold(text, SPAN_LITERAL("true")))
        return TRUTH_TRUE;
    if (span_equal_text(text, "0") || span_equal_fold(text, SPAN_LITERAL("false")))
        return TRUTH_FALSE;
    return TRUTH_UNKNOWN;
}

static bool order_versions(const struct value *a, const struct value *b, int *order)
{
    char left[NUMBER_TEXT_BYTES], right[NUMBER_TEXT_BYTES];
    return os_version_compare(as_text(a, left), as_text(b, right), order);
}

static bool order_truths(const struct value *a, const struct value *b, int *order)
{
    enum truth left = as_truth(a), right = as_truth(b);
    *order = (left == TRUTH_TRUE) - (right == TRUTH_TRUE);
    return left != TRUTH_UNKNOWN && right != TRUTH_UNKNOWN;
}

static bool order_numbers(const struct value *a, const struct value *b, int *order)
{
    int64_t left = 0, right = 0;
    if (!as_number(a, &left) || !as_number(b, &right))
        return false;
    *order = (left > right) - (left < right);
    return true;
}

static bool order_texts(const struct value *a, const struct value *b, int *order)
{
    char left[NUMBER_TEXT_BYTES], right[NUMBER_TEXT_BYTES];
    *order = span_compare(as_text(a, left), as_text(b, right));
    return true;
}

/* What the policy wrote decides how an observed value is read; two observed ones are numbers if both can be. */
static bool order_values(const struct value *a, const struct value *b, int *order)
{
    if (a->kind == VALUE_NONE || b->kind == VALUE_NONE)
        return false;
    if (a->kind == VALUE_VERSION || b->kind == VALUE_VERSION)
        return order_versions(a, b, order);
    if (a->kind == VALUE_BOOL || b->kind == VALUE_BOOL)
        return order_truths(a, b, order);
    if (a->observed && b->observed)
        return order_numbers(a, b, order) || order_texts(a, b, order);
    const struct value *written = a->observed ? b : a;
    return written->kind == VALUE_TEXT ? order_texts(a, b, order) : order_numbers(a, b, order);
}

static enum truth compare(enum compare_operator operator, const struct value *a, const struct value *b)
{
    int order = 0;
    if (!order_values(a, b, &order))
        return TRUTH_UNKNOWN;
    switch (operator) {
    case COMPARE_EQUAL: return truth_of(order == 0);
    case COMPARE_DIFFERENT: return truth_of(order != 0);
    case COMPARE_LESS: return truth_of(order < 0);
    case COMPARE_AT_MOST: return truth_of(order <= 0);
    case COMPARE_MORE: return truth_of(order > 0);
    case COMPARE_AT_LEAST: return truth_of(order >= 0);
    }
    return TRUTH_UNKNOWN;
}

/* Kleene: the deciding truth wins over unknown, unknown over the rest. */
static enum truth join(enum truth a, enum truth b, enum truth deciding)
{
    if (a == deciding || b == deciding)
        return deciding;
    return a == TRUTH_UNKNOWN || b == TRUTH_UNKNOWN ? TRUTH_UNKNOWN : a;
}

static enum truth evaluate_in(const struct expression *e, const struct place *place)
{
    struct value left = value_of(e->first, place);
    enum truth found = TRUTH_FALSE;
    for (const struct expression *item = e->first->next; item != NULL && found != TRUTH_TRUE; item = item->next) {
        struct value right = value_of(item, place);
        found = join(found, compare(COMPARE_EQUAL, &left, &right), TRUTH_TRUE);
    }
    return found;
}

static enum truth evaluate_parts(const struct expression *e, const struct place *place, enum truth deciding)
{
    enum truth all = deciding == TRUTH_TRUE ? TRUTH_FALSE : TRUTH_TRUE;
    for (const struct expression *part = e->first; part != NULL && all != deciding; part = part->next)
        all = join(all, evaluate(part, place), deciding);
    return all;
}

static enum truth evaluate_row(const struct expression *e, const struct expression_input *input, size_t index)
{
    struct from_json_value row = from_json_item(input->rows, index);
    struct place place = { input, &row };
    return evaluate(e->first, &place);
}

static enum truth evaluate_rows(const struct expression *e, const struct place *place, enum truth deciding)
{
    const struct expression_input *input = place->input;
    if (input->rows == NULL || from_json_kind(input->rows) != FROM_JSON_ARRAY)
        return TRUTH_UNKNOWN;
    enum truth all = deciding == TRUTH_TRUE ? TRUTH_FALSE : TRUTH_TRUE;
    size_t count = from_json_count(input->rows);
    for (size_t i = 0; i < count && all != deciding; i++)
        all = join(all, evaluate_row(e, input, i), deciding);
    return all;
}

static enum truth negate(enum truth truth)
{
    return truth == TRUTH_UNKNOWN ? TRUTH_UNKNOWN : truth_of(truth == TRUTH_FALSE);
}

static enum truth evaluate_compare(const struct expression *e, const struct place *place)
{
    struct value left = value_of(e->first, place), right = value_of(e->first->next, place);
    return compare(e->operator, &left, &right);
}

/* Recursion is bounded by EXPRESSION_MAX_DEPTH, which the parser kept. */
static enum truth evaluate(const struct expression *e, const struct place *place)
{
    struct value value;
    switch (e->kind) {
    case NODE_OR: return evaluate_parts(e, place, TRUTH_TRUE);
    case NODE_AND: return evaluate_parts(e, place, TRUTH_FALSE);
    case NODE_NOT: return negate(evaluate(e->first, place));
    case NODE_COMPARE: return evaluate_compare(e, place);
    case NODE_IN: return evaluate_in(e, place);
    case NODE_ANY: return evaluate_rows(e, place, TRUTH_TRUE);
    case NODE_ALL: return evaluate_rows(e, place, TRUTH_FALSE);
    case NODE_BOOL: return truth_of(e->number != 0);
    default: value = value_of(e, place); return as_truth(&value);
    }
}

enum truth expression_evaluate(const struct expression *e, const struct expression_input *input)
{
    struct place place = { input, NULL };
    return evaluate(e, &place);
}

static size_t witness_row(const struct expression *e, const struct expression_input *input, size_t count)
{
    enum truth telling = e->kind == NODE_ANY ? TRUTH_TRUE : TRUTH_FALSE;
    for (size_t i = 0; i < count; i++)
        if (evaluate_row(e, input, i) == telling)
            return i;
    return count;
}

static size_t find_witness(const struct expression *e, const struct expression_input *input, size_t count)
{
    if (e->kind == NODE_ANY || e->kind == NODE_ALL)
        return witness_row(e, input, count);
    size_t found = count;
    for (const struct expression *part = e->first; part != NULL && found == count; part = part->next)
        found = find_witness(part, input, count);
    return found;
}

size_t expression_witness(const struct expression *e, const struct expression_input *input)
{
    if (input->rows == NULL || from_json_kind(input->rows) != FROM_JSON_ARRAY)
        return 0;
    return find_witness(e, input, from_json_count(input->rows));
}

void expression_names(const struct expression *e, void (*column)(void *, struct span), void (*fact)(void *, struct span),
                      void *context)
{
    if (e->kind == NODE_COLUMN)
        column(context, e->text);
    if (e->kind == NODE_FACT)
        fact(context, e->text);
    for (const struct expression *part = e->first; part != NULL; part = part->next)
        expression_names(part, column, fact, context);
}

bool expression_reads_rows(const struct expression *e)
{
    if (e->kind == NODE_ROWS || e->kind == NODE_ANY || e->kind == NODE_ALL)
        return true;
    for (const struct expression *part = e->first; part != NULL; part = part->next)
        if (expression_reads_rows(part))
            return true;
    return false;
}
