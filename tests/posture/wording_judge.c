/* Judges texts by posture/wording.h for the lints that are written in Python, so that there is one set of rules: a line of JSON in ({"text", "grade"}), a line
 * of JSON out ({"words", "sentences", "grade", "findings"}), until the input ends. */
#include "posture/base/from_json.h"
#include "posture/base/to_json.h"
#include "posture/wording.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINE_BYTES = 256 * 1024 };

static void add_finding(void *context, const char *finding) { to_json_text(context, span_of(finding)); }

static enum err_code judge(struct span line, struct buf *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct to_json w;
    char grade[32];
    struct span text = SPAN_NONE;
    int64_t most = (int64_t)WORDING_NO_GRADE;
    enum err_code code = from_json_parse(line, (struct from_json_limits){ LINE_BYTES, 4 }, "a line", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), text_value = from_json_member(&root, "text"), grade_value = from_json_member(&root, "grade");
    code = from_json_text(&text_value, LINE_BYTES, &text, err);
    if (code == OK)
        code = from_json_int_opt(&grade_value, 0, most, &most, err);
    if (code != OK)
        return code;
    struct wording m = wording_measure(text);
    snprintf(grade, sizeof grade, "%.3f", m.grade);
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_member_int(&w, "words", (int64_t)m.words);
    to_json_member_int(&w, "sentences", (int64_t)m.sentences);
    to_json_member_text(&w, "grade", span_of(grade));
    to_json_key(&w, "findings");
    to_json_array(&w);
    wording_lint(text, (double)most, add_finding, &w);
    to_json_end(&w);
    to_json_end(&w);
    return buf_check(out, "a judgement", err);
}

int main(void)
{
    static char line[LINE_BYTES];
    while (fgets(line, sizeof line, stdin) != NULL) {
        CLEANUP(buf_done) struct buf out;
        struct err err;
        buf_init(&out, 2 * LINE_BYTES);
        if (judge(span_trim(span_of(line)), &out, &err) != OK) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        printf("%s\n", buf_text(&out));
        fflush(stdout);
    }
    return 0;
}
