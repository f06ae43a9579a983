#include "gateway/cli/cli_slack_preview.h"

#include "gateway/cli/client.h"
#include "gateway/cli/print.h"

#include <string.h>

enum { TEXT_BYTES = 64 * 1024, PREVIEW_BYTES = 1024 * 1024 };

/* ---- Slack's marks ---- */

/* "<https://...|words>", "<!date^...|Tue 14:00>", "<https://...>". */
static void add_mark(struct span mark, struct buf *out)
{
    struct span words = mark, target = SPAN_NONE;
    span_cut(&words, '|', &target);
    bool link = span_starts(target, SPAN_LITERAL("http"));
    buf_append(out, words.at != NULL ? words : target);
    if (link && words.at != NULL)
        buf_format(out, " (%.*s)", SPAN_ARGS(target));
}

static size_t add_entity(struct span rest, struct buf *out)
{
    static const struct { const char *entity; char stands_for; } rows[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span entity = span_of(rows[i].entity);
        if (span_starts(rest, entity)) {
            buf_append_byte(out, rows[i].stands_for);
            return entity.bytes;
        }
    }
    buf_append_byte(out, rest.at[0]);
    return 1;
}

bool cli_slack_plain(struct span s, struct buf *out)
{
    for (size_t i = 0; i < s.bytes;) {
        struct span rest = span_slice(s, i, s.bytes);
        size_t end = span_find(rest, '>');
        if (rest.at[0] == '<' && end < rest.bytes) {
            add_mark(span_slice(rest, 1, end - 1), out);
            i += end + 1;
        } else {
            i += add_entity(rest, out);
        }
    }
    return !out->failed;
}

/* ---- blocks ---- */

static void print_lines(struct span text, const char *before)
{
    CLEANUP(buf_done) struct buf plain;
    struct span rest, line;
    buf_init(&plain, TEXT_BYTES);
    rest = cli_slack_plain(text, &plain) ? buf_span(&plain) : text;
    while (span_cut(&rest, '\n', &line))
        print_line(stdout, "%s%.*s", before, SPAN_ARGS(line));
}

static void print_buttons(const struct from_json_value *elements)
{
    CLEANUP(buf_done) struct buf all;
    buf_init(&all, TEXT_BYTES);
    for (size_t i = 0; i < from_json_count(elements); i++) {
        struct from_json_value e = from_json_item(elements, i), words = from_json_member(&e, "text");
        buf_format(&all, "%s[ %.*s ]", i > 0 ? "  " : "", SPAN_ARGS(json_text(&words, "text")));
    }
    print_line(stdout, "  %.*s", SPAN_ARGS(buf_span(&all)));
}

static void print_block(const struct from_json_value *b)
{
    struct span type = json_text(b, "type");
    struct from_json_value text = from_json_member(b, "text"), elements = from_json_member(b, "elements");
    if (span_equal_text(type, "header"))
        print_line(stdout, "  ## %.*s", SPAN_ARGS(json_text(&text, "text")));
    else if (span_equal_text(type, "section"))
        print_lines(json_text(&text, "text"), "  ");
    else if (span_equal_text(type, "divider"))
        print_line(stdout, "  --------");
    else if (span_equal_text(type, "actions"))
        print_buttons(&elements);
    for (size_t i = 0; span_equal_text(type, "context") && i < from_json_count(&elements); i++) {
        struct from_json_value e = from_json_item(&elements, i);
        print_lines(json_text(&e, "text"), "  ");
    }
}

static void print_blocks(const struct from_json_value *holder)
{
    struct from_json_value blocks = from_json_member(holder, "blocks");
    for (size_t i = 0; i < from_json_count(&blocks); i++) {
        struct from_json_value b = from_json_item(&blocks, i);
        print_block(&b);
        print_line(stdout, "%s", "");
    }
}

/* ---- the command ---- */

static void print_digest(const struct from_json_value *root)
{
    struct from_json_value digest = from_json_member(root, "digest");
    struct span why = json_text(root, "why_not"), channel = json_text(root, "channel"), at = json_text(root, "not_before");
    if (!from_json_present(&digest))
        print_line(stdout, "The day's message: nothing to tell.");
    else if (json_true(root, "would_be_sent_now"))
        print_line(stdout, "The day's message, due now by %.*s:", SPAN_ARGS(channel));
    else
        print_line(stdout, "The day's message, not sent now (%.*s%s%.*s):", SPAN_ARGS(why), span_empty(at) ? "" : ", not before ", SPAN_ARGS(at));
    print_line(stdout, "%s", "");
    print_blocks(&digest);
}

static void print_part(const struct from_json_value *root, const char *key, const char *title)
{
    struct from_json_value part = from_json_member(root, key);
    print_line(stdout, "%s:", title);
    print_line(stdout, "%s", "");
    print_blocks(&part);
}

static const char *const parts[] = { "digest", "home", "greeting", NULL };

static bool is_part(const char *what)
{
    for (size_t i = 0; what != NULL && parts[i] != NULL; i++)
        if (strcmp(what, parts[i]) == 0)
            return true;
    return what == NULL;
}

static int print_json_part(const struct client_answer *a, const char *what)
{
    CLEANUP(buf_done) struct buf out;
    struct from_json_value part = from_json_member(&a->root, what);
    buf_init(&out, PREVIEW_BYTES);
    if (!from_json_write(&part, &out))
        return CLI_NO;
    printf("%s\n", buf_text(&out));
    return CLI_DONE;
}

int cli_slack_preview(const struct args *args)
{
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    CLEANUP(client_closep) struct client *c = NULL;
    char path[CLIENT_PATH_BYTES];
    const char *what = args_text(args, "--what");
    if (!is_part(what))
        return cli_usage(args->command, "--what is digest, home or greeting");
    int code = client_open(args, &c);
    if (code == CLI_DONE && !client_path(path, "/admin/v1/slack/preview/%s", args->words[0]))
        return cli_usage(args->command, "that name is too long");
    if (code == CLI_DONE)
        code = client_call(c, "GET", path, NULL, &a);
    if (code != CLI_DONE)
        return code;
    if (args->json)
        return what == NULL ? client_print_json(&a) : print_json_part(&a, what);
    if (what == NULL || strcmp(what, "digest") == 0)
        print_digest(&a.root);
    if (what == NULL || strcmp(what, "home") == 0)
        print_part(&a.root, "home", "The Home tab");
    if (what == NULL || strcmp(what, "greeting") == 0)
        print_part(&a.root, "greeting", "The greeting");
    print_line(stdout, "Nothing was sent. The links lead nowhere.");
    return CLI_DONE;
}
