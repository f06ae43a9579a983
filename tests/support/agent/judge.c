#include "judge.h"

#include <stdio.h>

struct judgement judge_body(const char *bytes, size_t size)
{
    struct judgement out = { .verdict = VERDICT_FAILURE };
    if (size == 0) {
        out.verdict = VERDICT_SUCCESS;
        out.body = json_object();
        return out;
    }
    json_error_t error;
    json_t *body = json_loadb(bytes, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (body == NULL) {
        snprintf(out.reason, sizeof out.reason, "not JSON: %.100s", error.text);
        return out;
    }
    const json_t *words = json_object_get(body, "error");
    if (json_is_true(json_object_get(body, "node_invalid"))) {
        out.verdict = VERDICT_NODE_INVALID;
        snprintf(out.reason, sizeof out.reason, "node_invalid");
    } else if (words != NULL) {
        snprintf(out.reason, sizeof out.reason, "error: %.140s", json_is_string(words) ? json_string_value(words) : "-");
    } else {
        out.verdict = VERDICT_SUCCESS;
        out.body = body;
        return out;
    }
    json_decref(body);
    return out;
}
