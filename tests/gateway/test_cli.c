#include "gateway/cli/args.h"
#include "gateway/cli/client.h"
#include "gateway/cli/csv.h"
#include "gateway/cli/person_import.h"
#include "gateway/cli/print.h"
#include "gateway/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
enum { WORDS = 12 };

/* ---- arguments ---- */

static int do_nothing(const struct args *args)
{
    (void)args;
    return CLI_DONE;
}

static const struct cli_command command = { "thing", "postern thing ...", "does a thing", NULL };
static const struct arg_option options[] = { { "--label", ARG_TEXT }, { "--scope", ARG_TEXTS }, { "--force", ARG_FLAG } };
static const struct cli_action action = { "make", "NAME", 1, 2, options, COUNT(options), do_nothing };

static int read_words(const char *const *words, struct args *args)
{
    char *argv[WORDS] = { 0 };
    int argc = 0;
    while (argc < WORDS && words[argc] != NULL) {
        argv[argc] = (char *)(uintptr_t)words[argc];
        argc++;
    }
    return args_read(&command, &action, argc, argv, args);
}

static void words_and_options_are_told_apart(void **state)
{
    (void)state;
    static const struct { const char *name, *words[WORDS]; int code; size_t word_count; const char *label; bool force, json; } rows[] = {
        { "a word", { "a" }, CLI_DONE, 1, NULL, false, false },
        { "the most words", { "a", "b" }, CLI_DONE, 2, NULL, false, false },
        { "one word over", { "a", "b", "c" }, CLI_USAGE, 0, NULL, false, false },
        { "too few words", { "--force" }, CLI_USAGE, 0, NULL, false, false },
        { "nothing", { NULL }, CLI_USAGE, 0, NULL, false, false },
        { "options after the word", { "a", "--label", "x", "--force", "--json" }, CLI_DONE, 1, "x", true, true },
        { "options before the word", { "--json", "--label=x", "a" }, CLI_DONE, 1, "x", false, true },
        { "a value with an equals sign", { "a", "--label", "x=y" }, CLI_DONE, 1, "x=y", false, false },
        { "an attached value with an equals sign", { "a", "--label=x=y" }, CLI_DONE, 1, "x=y", false, false },
        { "a value that looks like an option", { "a", "--label", "--force" }, CLI_DONE, 1, "--force", false, false },
        { "a dash is a word", { "-" }, CLI_DONE, 1, NULL, false, false },
        { "two dashes end the options", { "--", "--label" }, CLI_DONE, 1, NULL, false, false },
        { "an unknown option", { "a", "--lable", "x" }, CLI_USAGE, 0, NULL, false, false },
        { "a short option", { "a", "-l" }, CLI_USAGE, 0, NULL, false, false },
        { "a value is missing", { "a", "--label" }, CLI_USAGE, 0, NULL, false, false },
        { "a value is empty", { "a", "--label", "" }, CLI_USAGE, 0, NULL, false, false },
        { "an attached value is empty", { "a", "--label=" }, CLI_USAGE, 0, NULL, false, false },
        { "a flag with a value", { "a", "--force=yes" }, CLI_USAGE, 0, NULL, false, false },
        { "a value given twice", { "a", "--label", "x", "--label", "y" }, CLI_USAGE, 0, NULL, false, false },
        { "a flag given twice", { "a", "--force", "--force" }, CLI_DONE, 1, NULL, true, false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct args args;
        int code = read_words(rows[i].words, &args);
        if (code != rows[i].code)
            fail_msg("%s: %d", rows[i].name, code);
        if (code != CLI_DONE)
            continue;
        const char *label = args_text(&args, "--label");
        bool same_label = label == NULL ? rows[i].label == NULL : rows[i].label != NULL && strcmp(label, rows[i].label) == 0;
        if (args.word_count != rows[i].word_count || !same_label || args_has(&args, "--force") != rows[i].force || args.json != rows[i].json)
            fail_msg("%s: %zu words, label %s", rows[i].name, args.word_count, label != NULL ? label : "none");
    }
}

static void an_option_for_several_values_keeps_their_order(void **state)
{
    (void)state;
    struct args args;
    size_t position = 0;
    assert_int_equal(read_words((const char *const[]){ "a", "--scope", "decide", "--label", "x", "--scope=facts", NULL }, &args), CLI_DONE);
    assert_string_equal(args_next(&args, "--scope", &position), "decide");
    assert_string_equal(args_next(&args, "--scope", &position), "facts");
    assert_null(args_next(&args, "--scope", &position));
}

static void more_options_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    char *argv[ARGS_VALUES + 2];
    struct args args;
    argv[0] = (char *)(uintptr_t)"a";
    for (int i = 1; i < ARGS_VALUES + 2; i++)
        argv[i] = (char *)(uintptr_t)"--scope=x";
    assert_int_equal(args_read(&command, &action, ARGS_VALUES + 1, argv, &args), CLI_DONE);
    assert_int_equal(args_read(&command, &action, ARGS_VALUES + 2, argv, &args), CLI_USAGE);
}

static int say_seven(const struct args *args)
{
    (void)args;
    return 7;
}

static void an_action_is_found_by_its_name(void **state)
{
    (void)state;
    static const struct cli_action actions[] = { { "make", NULL, 0, 0, NULL, 0, do_nothing }, { "count", NULL, 0, 0, NULL, 0, say_seven } };
    static const struct { const char *words[3]; int argc, code; } rows[] = {
        { { "thing", "count" }, 2, 7 }, { { "thing", "make" }, 2, CLI_DONE }, { { "thing", "coun" }, 2, CLI_USAGE }, { { "thing" }, 1, CLI_USAGE }, { { "thing", "count", "x" }, 3, CLI_USAGE },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *argv[3] = { (char *)(uintptr_t)rows[i].words[0], (char *)(uintptr_t)rows[i].words[1], (char *)(uintptr_t)rows[i].words[2] };
        assert_int_equal(args_run_action(&command, actions, COUNT(actions), rows[i].argc, argv), rows[i].code);
    }
}

/* ---- paths ---- */

static void words_in_paths_are_percent_encoded(void **state)
{
    (void)state;
    static const struct { const char *word, *path; } rows[] = {
        { "d_abc", "/x/d_abc" },          { "ana@acme.example", "/x/ana%40acme.example" }, { "../keys", "/x/..%2Fkeys" },   { "a b?c#d", "/x/a%20b%3Fc%23d" },
        { "100%", "/x/100%25" },          { "\xC3\xA4", "/x/%C3%A4" },                     { "a\r\nB: c", "/x/a%0D%0AB%3A%20c" }, { "", "/x/" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char path[CLIENT_PATH_BYTES];
        assert_true(client_path(path, "/x/%s", rows[i].word));
        assert_string_equal(path, rows[i].path);
    }
}

static void a_word_that_is_too_long_for_a_path_is_refused(void **state)
{
    (void)state;
    char path[CLIENT_PATH_BYTES], word[CLIENT_PATH_BYTES + 1];
    memset(word, 'a', CLIENT_PATH_BYTES);
    word[CLIENT_PATH_BYTES] = '\0';
    assert_false(client_path(path, "/x/%s", word));
    memset(word, '/', CLIENT_PATH_BYTES);
    word[CLIENT_PATH_BYTES / 2] = '\0';
    assert_false(client_path(path, "/x/%s", word));
}

/* ---- where the gateway is ---- */

static void the_way_to_the_gateway_is_chosen_in_order(void **state)
{
    (void)state;
    static const struct { const char *name, *words[4], *url, *key, *environment_state; int code; const char *state; } rows[] = {
        { "the option", { "a", "--state", "/s" }, NULL, NULL, NULL, CLI_DONE, "/s" },
        { "the option before all else", { "a", "--state", "/s" }, "https://far.example", "pst_x", "/e", CLI_DONE, "/s" },
        { "the environment's folder", { "a" }, NULL, NULL, "/e", CLI_DONE, "/e" },
        { "a URL before the environment's folder", { "a" }, "https://far.example", "pst_x", "/e", CLI_DONE, NULL },
        { "a URL without a key", { "a" }, "https://far.example", NULL, NULL, CLI_USAGE, NULL },
        { "an empty URL is none", { "a" }, "", NULL, "/e", CLI_DONE, "/e" },
        { "plain http to another machine", { "a" }, "http://far.example", "pst_x", NULL, CLI_USAGE, NULL },
        { "plain http to a name that begins like ours", { "a" }, "http://localhost.far.example", "pst_x", NULL, CLI_USAGE, NULL },
        { "plain http to this machine", { "a" }, "http://127.0.0.1:8446/", "pst_x", NULL, CLI_DONE, NULL },
        { "no http at all", { "a" }, "ftp://far.example", "pst_x", NULL, CLI_USAGE, NULL },
        { "a key with a line end", { "a" }, "https://far.example", "pst_x\r\nHost: evil", NULL, CLI_USAGE, NULL },
        { "a configuration that is not there", { "a", "--config", "/nowhere/postern.yaml" }, NULL, NULL, NULL, CLI_NO, NULL },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CLEANUP(client_closep) struct client *c = NULL;
        struct args args;
        const char *const names[] = { "POSTERN_URL", "POSTERN_KEY", "POSTERN_STATE" }, *const values[] = { rows[i].url, rows[i].key, rows[i].environment_state };
        for (size_t k = 0; k < COUNT(names); k++)
            assert_int_equal(values[k] != NULL ? setenv(names[k], values[k], 1) : unsetenv(names[k]), 0);
        assert_int_equal(read_words(rows[i].words, &args), CLI_DONE);
        int code = client_open(&args, &c);
        if (code != rows[i].code)
            fail_msg("%s: %d", rows[i].name, code);
        if (code != CLI_DONE)
            continue;
        const char *got = client_state(c);
        if (rows[i].state == NULL ? got != NULL : got == NULL || strcmp(got, rows[i].state) != 0)
            fail_msg("%s: %s", rows[i].name, got != NULL ? got : "no folder");
    }
    unsetenv("POSTERN_URL");
    unsetenv("POSTERN_KEY");
    unsetenv("POSTERN_STATE");
}

static void a_socket_that_is_not_there_is_unreachable(void **state)
{
    (void)state;
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    struct args args;
    assert_int_equal(read_words((const char *const[]){ "a", "--state", "/nowhere", NULL }, &args), CLI_DONE);
    assert_int_equal(client_open(&args, &c), CLI_DONE);
    assert_int_equal(client_call(c, "GET", "/healthz", NULL, &a), CLI_UNREACHABLE);
}

static void a_socket_name_that_is_too_long_is_said_so(void **state)
{
    (void)state;
    CLEANUP(client_closep) struct client *c = NULL;
    char folder[128];
    struct args args;
    memset(folder, 'a', sizeof folder - 1);
    folder[sizeof folder - 1] = '\0';
    assert_int_equal(read_words((const char *const[]){ "a", "--state", folder, NULL }, &args), CLI_DONE);
    assert_int_equal(client_open(&args, &c), CLI_USAGE);
    assert_null(c);
}

/* ---- CSV ---- */

/* Fields are joined by |, records by /, as "line:fields". */
static void flatten(struct span text, char *out, size_t room, struct err *err)
{
    struct csv csv;
    bool more = true;
    size_t used = 0;
    csv_init(&csv, text);
    out[0] = '\0';
    *err = (struct err){ OK, "" };
    while (csv_next(&csv, &more, err) == OK && more) {
        used += (size_t)snprintf(out + used, room - used, "%s%zu:", used > 0 ? "/" : "", csv.line);
        for (size_t i = 0; i < csv.count && used < room; i++)
            used += (size_t)snprintf(out + used, room - used, "%s%.*s", i > 0 ? "|" : "", SPAN_ARGS(csv.fields[i]));
    }
    csv_done(&csv);
}

static void csv_is_read_as_rfc_4180_has_it(void **state)
{
    (void)state;
    static const struct { const char *name, *text, *records, *error; } rows[] = {
        { "empty", "", "", NULL },
        { "only empty lines", "\n\r\n\n", "", NULL },
        { "one field", "a", "1:a", NULL },
        { "CRLF", "a,b\r\nc,d\r\n", "1:a|b/2:c|d", NULL },
        { "LF", "a,b\nc,d", "1:a|b/2:c|d", NULL },
        { "empty fields", ",a,\n,", "1:|a|/2:|", NULL },
        { "spaces are content", " a , b ", "1: a | b ", NULL },
        { "quoted", "\"a\",\"b\"\n", "1:a|b", NULL },
        { "a comma in quotes", "\"a,b\",c", "1:a,b|c", NULL },
        { "a doubled quote", "\"a \"\"b\"\"\"", "1:a \"b\"", NULL },
        { "only a doubled quote", "\"\"\"\"", "1:\"", NULL },
        { "an empty quoted field", "\"\",x", "1:|x", NULL },
        { "a line end in quotes counts as a line", "\"a\nb\",c\nd,e", "1:a\nb|c/3:d|e", NULL },
        { "CRLF in quotes is kept", "\"a\r\nb\"", "1:a\r\nb", NULL },
        { "empty lines between", "a\n\n\nb", "1:a/4:b", NULL },
        { "byte order mark", "\xEF\xBB\xBF" "a,b", "1:a|b", NULL },
        { "UTF-8", "\xC3\x84nne", "1:\xC3\x84nne", NULL },
        { "cut short in quotes", "a\n\"b", "1:a", "line 2: a quote (\") is opened and never closed" },
        { "cut short after a doubled quote", "\"a\"\"", "", "line 1: a quote (\") is opened and never closed" },
        { "the opening line is named", "\"a\nb\nc", "", "line 1: a quote (\") is opened and never closed" },
        { "a quote inside", "a\"b", "", "line 1: a quote (\") inside a field; put the whole field in quotes and double the ones inside" },
        { "text after a closing quote", "\"a\"b", "", "line 1: after a closing quote there must be a comma or the end of the line" },
        { "a lone CR", "a\rb", "", "line 1: a carriage return without a line feed" },
        { "a lone CR after a quote", "\"a\"\rb", "", "line 1: after a closing quote there must be a comma or the end of the line" },
        { "Latin-1", "a\nJ\xFCrgen", "1:a", "line 2: is not UTF-8; save the file as UTF-8" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char got[256];
        struct err err;
        flatten(span_of(rows[i].text), got, sizeof got, &err);
        if (strcmp(got, rows[i].records) != 0 || strcmp(err.text, rows[i].error != NULL ? rows[i].error : "") != 0)
            fail_msg("%s: \"%s\" %s", rows[i].name, got, err.text);
    }
}

static void a_nul_byte_is_refused(void **state)
{
    (void)state;
    char got[64];
    struct err err;
    flatten(span_make("a,b\0c", 5), got, sizeof got, &err);
    assert_string_equal(err.text, "line 1: holds a NUL byte");
}

/* `unit` repeated, then `end`. */
static enum err_code read_repeated(const char *unit, size_t times, const char *end)
{
    CLEANUP(buf_done) struct buf text;
    struct csv csv;
    struct err err;
    bool more = false;
    buf_init(&text, 1024 * 1024);
    for (size_t i = 0; i < times; i++)
        assert_true(buf_append_text(&text, unit));
    assert_true(buf_append_text(&text, end));
    csv_init(&csv, buf_span(&text));
    enum err_code code = csv_next(&csv, &more, &err);
    csv_done(&csv);
    return code;
}

static void the_longest_is_read_and_one_over_is_not(void **state)
{
    (void)state;
    static const struct { const char *unit; size_t times; const char *end; enum err_code code; } rows[] = {
        { "a", CSV_MAX_FIELD_BYTES, "", OK },           { "a", CSV_MAX_FIELD_BYTES + 1, "", ERR_LIMIT },
        { "a,", CSV_MAX_FIELDS - 1, "a", OK },          { "a,", CSV_MAX_FIELDS, "a", ERR_LIMIT },
        { ",", CSV_MAX_FIELDS - 1, "", OK },            { ",", CSV_MAX_FIELDS, "", ERR_LIMIT },
        { "\"", 2 + 2 * CSV_MAX_FIELD_BYTES, "", OK },  { "\"", 4 + 2 * CSV_MAX_FIELD_BYTES, "", ERR_LIMIT },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (read_repeated(rows[i].unit, rows[i].times, rows[i].end) != rows[i].code)
            fail_msg("row %zu", i);
}

/* ---- files of people ---- */

static void flatten_import(struct span text, char *out, size_t room, struct err *err)
{
    struct import file;
    size_t used = 0;
    out[0] = '\0';
    *err = (struct err){ OK, "" };
    enum err_code code = import_read(text, &file, err);
    for (size_t i = 0; code == OK && i < file.count && used < room; i++) {
        const struct import_item *item = &file.items[i];
        used += (size_t)snprintf(out + used, room - used, "%s%zu:%.*s%.*s", i > 0 ? " " : "", item->place, SPAN_ARGS(item->json), SPAN_ARGS(item->refused));
    }
    import_done(&file);
}

static void people_are_read_from_csv_and_json(void **state)
{
    (void)state;
    static const struct { const char *name, *text, *items, *error; } rows[] = {
        { "one", "email,name\na@x.example,Ana\n", "2:{\"email\":\"a@x.example\",\"name\":\"Ana\"}", NULL },
        { "lists", "emails,groups,aliases\na@x.example; b@x.example,\"eng;ops\",7\n",
          "2:{\"emails\":[\"a@x.example\",\"b@x.example\"],\"groups\":[\"eng\",\"ops\"],\"aliases\":[\"7\"]}", NULL },
        { "an empty cell is left out", "email,name,zone\na@x.example,,UTC", "2:{\"email\":\"a@x.example\",\"zone\":\"UTC\"}", NULL },
        { "a list of nothing is an empty list", "email,groups\na@x.example,;", "2:{\"email\":\"a@x.example\",\"groups\":[]}", NULL },
        { "a line of empty cells is skipped", "email,name\n,\na@x.example,A", "3:{\"email\":\"a@x.example\",\"name\":\"A\"}", NULL },
        { "headings in any case, with spaces", " Email , NAME\na@x.example,A", "2:{\"email\":\"a@x.example\",\"name\":\"A\"}", NULL },
        { "too few fields", "email,name\na@x.example\nb@x.example,B", "2:has 1 fields, the header 2 3:{\"email\":\"b@x.example\",\"name\":\"B\"}", NULL },
        { "quotes in a value", "email,name\na@x.example,\"A \"\"x\"\" \\\"", "2:{\"email\":\"a@x.example\",\"name\":\"A \\\"x\\\" \\\\\"}", NULL },
        { "a header alone", "email\n", "", NULL },
        { "empty", "", "", "the file is empty; its first line must name the columns: id, email, name, ..." },
        { "an unknown column", "email,nmae\n", "",
          "line 1: no column is named nmae, perhaps name; the columns are id, email, emails, name, slack, groups, zone, region, locale, aliases, days, hours, write_at" },
        { "two of one column", "email,Email\n", "", "line 1: two columns are named email" },
        { "no e-mail", "id,name\n", "", "line 1: there must be a column email (or emails): people are known by it" },
        { "semicolons", "email;name\na;b\n", "", "line 1: the columns are separated by ; where a comma must be; save the file with commas" },
        { "a JSON list", " [{\"email\":\"a@x.example\"},7]", "1:{\"email\":\"a@x.example\"} 2:7", NULL },
        { "a JSON object", "{\"persons\":[{\"email\":\"a@x.example\"}]}", "1:{\"email\":\"a@x.example\"}", NULL },
        { "an empty JSON list", "[]", "", NULL },
        { "a JSON object of something else", "{\"people\":[]}", "", "people: is not known here" },
        { "persons is no list", "{\"persons\":{}}", "", "persons: must be an array" },
        { "cut short", "[{\"email\":", "", NULL },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char got[512];
        struct err err;
        flatten_import(span_of(rows[i].text), got, sizeof got, &err);
        bool cut = strcmp(rows[i].name, "cut short") == 0;
        if (strcmp(got, rows[i].items) != 0 || (cut ? err.text[0] == '\0' : strcmp(err.text, rows[i].error != NULL ? rows[i].error : "") != 0))
            fail_msg("%s: %s %s", rows[i].name, got, err.text);
    }
}

/* ---- printing ---- */

static void texts_cannot_steer_a_terminal(void **state)
{
    (void)state;
    static const struct { const char *text, *printed; } rows[] = {
        { "plain", "plain" }, { "\033[2J", "?[2J" }, { "a\nb\tc\r", "a?b?c?" }, { "\x7F", "?" }, { "\xC2\x9B" "31m", "??31m" }, { "J\xFCrgen", "J?rgen" },
        { "J\xC3\xBCrgen", "J\xC3\xBCrgen" }, { "\xE2\x80\xAE" "exe", "???exe" }, { "\xE2\x81\xA6x", "???x" }, { "\xE2\x82\xAC", "\xE2\x82\xAC" }, { "\xF0\x9F\x99\x82", "\xF0\x9F\x99\x82" }, { "\xE2\x82", "??" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *printed = NULL;
        size_t bytes = 0;
        FILE *to = open_memstream(&printed, &bytes);
        assert_non_null(to);
        print_text(to, span_of(rows[i].text));
        fclose(to);
        if (strcmp(printed, rows[i].printed) != 0)
            fail_msg("row %zu: %s", i, printed);
        free(printed);
    }
}

static void ages_are_said_in_one_unit(void **state)
{
    (void)state;
    static const struct { int64_t age_s; const char *text; } rows[] = {
        { -5, "now" }, { 0, "now" }, { 1, "now" }, { 2, "2 s ago" }, { 89, "89 s ago" }, { 90, "1 min ago" }, { 5399, "89 min ago" }, { 5400, "1 h ago" },
        { 172799, "47 h ago" }, { 172800, "2 days ago" }, { INT64_MAX, "106751991167300 days ago" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[PRINT_AGO_BYTES];
        assert_string_equal(print_ago(rows[i].age_s, text), rows[i].text);
    }
}

static void lists_of_texts_are_cut_to_their_room(void **state)
{
    (void)state;
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    char text[8], whole[64];
    struct err err;
    assert_int_equal(from_json_parse(SPAN_LITERAL("{\"a\":[\"one\",\"two\",3,\"three\"],\"b\":\"x\"}"), (struct from_json_limits){ 100, 4 }, "x", &doc, &err), OK);
    struct from_json_value root = from_json_root(doc);
    assert_true(span_equal_text(json_texts(&root, "a", whole, sizeof whole), "one, two, three"));
    assert_true(span_equal_text(json_texts(&root, "a", text, sizeof text), "one, tw"));
    assert_true(span_empty(json_texts(&root, "b", text, sizeof text)));
    assert_true(span_empty(json_texts(&root, "c", text, sizeof text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_options_are_told_apart),
        cmocka_unit_test(an_option_for_several_values_keeps_their_order),
        cmocka_unit_test(more_options_than_there_is_room_for_are_refused),
        cmocka_unit_test(an_action_is_found_by_its_name),
        cmocka_unit_test(words_in_paths_are_percent_encoded),
        cmocka_unit_test(a_word_that_is_too_long_for_a_path_is_refused),
        cmocka_unit_test(the_way_to_the_gateway_is_chosen_in_order),
        cmocka_unit_test(a_socket_that_is_not_there_is_unreachable),
        cmocka_unit_test(a_socket_name_that_is_too_long_is_said_so),
        cmocka_unit_test(csv_is_read_as_rfc_4180_has_it),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(the_longest_is_read_and_one_over_is_not),
        cmocka_unit_test(people_are_read_from_csv_and_json),
        cmocka_unit_test(texts_cannot_steer_a_terminal),
        cmocka_unit_test(ages_are_said_in_one_unit),
        cmocka_unit_test(lists_of_texts_are_cut_to_their_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
