/* Any bytes up to the first NUL are a rule, what follows it the rows: it compiles or says where not, and then has one of three answers. */
#include "posture/expression.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool any_fact(void *context, struct span name, struct from_json_value *out)
{
    const struct from_json_value *rows = context;
    *out = from_json_item(rows, name.bytes);
    return true;
}

static void count_name(void *context, struct span name)
{
    require(!span_empty(name));
    (*(size_t *)context)++;
}

static void use(const struct expression *e, const struct from_json_value *rows)
{
    struct from_json_value facts = *rows;
    struct expression_input input = { rows, any_fact, &facts };
    size_t names = 0, count = from_json_kind(rows) == FROM_JSON_ARRAY ? from_json_count(rows) : 0;
    require(expression_evaluate(e, &input) <= TRUTH_UNKNOWN);
    require(expression_witness(e, &input) <= count);
    expression_names(e, count_name, count_name, &names);
    require(names <= EXPRESSION_MAX_NODES);
    input.rows = NULL;
    require(!expression_reads_rows(e) || expression_evaluate(e, &input) <= TRUTH_UNKNOWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct span text = span_make(data, bytes), rule = span_slice(text, 0, span_find(text, '\0'));
    struct span json = span_slice(text, rule.bytes + 1, bytes);
    struct from_json_limits limits = { 64 * 1024, 8 };
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    const struct expression *e = NULL;
    struct arena arena;
    struct err err = { OK, "" };
    unsigned column = 0;
    if (from_json_parse(json, limits, "rows", &doc, NULL) != OK && from_json_parse(SPAN_LITERAL("[{\"a\":\"1\"}]"), limits, "rows", &doc, NULL) != OK)
        return 0;
    struct from_json_value rows = from_json_root(doc);
    arena_init(&arena, 4096, 256 * 1024);
    if (expression_compile(rule, &arena, &e, &column, &err) == OK)
        use(e, &rows);
    else
        require(column >= 1 && column <= rule.bytes + 1 && err.text[0] != '\0');
    arena_done(&arena);
    return 0;
}
