/* holiday: the public holidays of each region, on which no clock runs and nobody is written to. */
#include "gateway/cli/client.h"
#include "gateway/cli/input.h"
#include "gateway/cli/print.h"
#include "gateway/holidays.h"
#include "posture/base/to_json.h"

enum { BODY_BYTES = 2 * 1024 * 1024, ARENA_BYTES = 8 * 1024 * 1024 };

static int call(const struct args *args, const char *method, const struct buf *body, struct client_answer *a)
{
    CLEANUP(client_closep) struct client *c = NULL;
    int code = client_open(args, &c);
    return code == CLI_DONE ? client_call(c, method, "/admin/v1/holidays", body, a) : code;
}

static int list(const struct args *args)
{
    static const char *const headings[] = { "REGION", "DATE", "TITLE" };
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    CLEANUP(table_done) struct table table;
    table_init(&table, headings, 3);
    int code = call(args, "GET", NULL, &a);
    if (code != CLI_DONE || args->json)
        return code == CLI_DONE ? client_print_json(&a) : code;
    struct from_json_value all = from_json_member(&a.root, "holidays");
    for (size_t i = 0; i < from_json_count(&all); i++) {
        struct from_json_value item = from_json_item(&all, i);
        table_cell(&table, json_text(&item, "region"));
        table_cell(&table, json_text(&item, "date"));
        table_cell(&table, json_text(&item, "title"));
    }
    table_print(&table, "no holidays yet: postern holiday import FILE");
    return CLI_DONE;
}

static void write_body(struct holidays all, struct buf *body)
{
    struct to_json w;
    char date[16];
    to_json_init(&w, body);
    to_json_object(&w);
    to_json_key(&w, "holidays");
    to_json_array(&w);
    for (size_t i = 0; i < all.count; i++) {
        snprintf(date, sizeof date, "%04d-%02d-%02d", all.all[i].day / 10000, all.all[i].day / 100 % 100, all.all[i].day % 100);
        to_json_object(&w);
        to_json_member_text(&w, "region", all.all[i].region);
        to_json_member_text(&w, "date", span_of(date));
        to_json_member_text_if(&w, "title", all.all[i].title);
        to_json_end(&w);
    }
    to_json_end(&w);
    to_json_end(&w);
}

static int send(const struct args *args, struct holidays all)
{
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    CLEANUP(buf_done) struct buf body;
    buf_init(&body, BODY_BYTES);
    write_body(all, &body);
    int code = call(args, "PUT", &body, &a);
    if (code != CLI_DONE || args->json)
        return code == CLI_DONE ? client_print_json(&a) : code;
    struct from_json_value now = from_json_member(&a.root, "holidays");
    size_t count = from_json_count(&now);
    print_line(stdout, "%zu holidays are in force", count);
    if (count > all.count)
        print_line(stdout, "%zu of them have begun and stay, though they are not in this list: no clock counted them", count - all.count);
    return CLI_DONE;
}

static int import(const struct args *args)
{
    CLEANUP(buf_done) struct buf text;
    struct holidays all = { 0 };
    struct arena arena;
    struct err err;
    buf_init(&text, HOLIDAYS_FILE_BYTES);
    int code = input_read(args->words[0], &text);
    if (code != CLI_DONE)
        return code;
    arena_init(&arena, 64 * 1024, ARENA_BYTES);
    if (holidays_read_csv(buf_span(&text), &arena, &all, &err) == OK)
        code = send(args, all);
    else
        code = (print_line(stderr, "postern: %s: %s", input_name(args->words[0]), err.text), CLI_NO);
    arena_done(&arena);
    return code;
}

static int run(int argc, char **argv)
{
    static const struct cli_action actions[] = { { "import", "FILE", 1, 1, NULL, 0, import }, { "list", NULL, 0, 0, NULL, 0, list } };
    return args_run_action(&cli_holiday, actions, sizeof actions / sizeof actions[0], argc, argv);
}

const struct cli_command cli_holiday = {
    "holiday",
    "postern holiday import FILE [--json]\n"
    "       postern holiday list [--json]\n\n"
    "FILE (- for standard input) is CSV: region,date,title. A region is DE or DE-BY, and * is everybody; a person's region is in\n"
    "their record (postern person import). `import` replaces the whole list, on every node.",
    "public holidays by region: import, list",
    run,
};
