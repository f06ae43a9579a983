#include "gateway/cli/person_valves.h"

#include "gateway/cli/client.h"
#include "gateway/cli/csv.h"
#include "gateway/cli/input.h"
#include "gateway/cli/print.h"
#include "posture/base/to_json.h"

#include <string.h>

enum { FILE_BYTES = 4 * 1024 * 1024, BODY_BYTES = 4 * 1024 * 1024, ABSENCES_A_REQUEST = 5000 };
enum { PERSON, FROM, TO, COLUMNS };

static const char *const names[COLUMNS] = { "person", "from", "to" };

/* Absence is yes or no: a column that says why is refused before anything is sent. */
static enum err_code read_header(const struct csv *csv, size_t at[COLUMNS], struct err *err)
{
    size_t found = 0;
    if (csv->count == 1 && span_find(csv->fields[0], ';') < csv->fields[0].bytes)
        return err_set(err, ERR_INPUT, "line 1: the columns are separated by commas, not by semicolons: person,from,to");
    if (csv->count != COLUMNS)
        return err_set(err, ERR_INPUT, "line 1: the columns are person, from, to, and no others: why somebody is away is nobody's business here");
    for (size_t i = 0; i < csv->count; i++)
        for (size_t k = 0; k < COLUMNS; k++)
            if (span_equal_fold(span_trim(csv->fields[i]), span_of(names[k]))) {
                at[k] = i;
                found |= (size_t)1 << k;
            }
    return found == 7 ? OK : err_set(err, ERR_INPUT, "line 1: the columns are person, from, to");
}

struct lines { size_t all[ABSENCES_A_REQUEST]; size_t count; };

static enum err_code write_lines(struct csv *csv, struct to_json *w, struct lines *lines, struct err *err)
{
    size_t at[COLUMNS] = { 0 };
    bool more = false;
    enum err_code code = csv_next(csv, &more, err);
    if (code == OK && !more)
        return err_set(err, ERR_INPUT, "the file is empty; its first line must be: person,from,to");
    if (code == OK)
        code = read_header(csv, at, err);
    while (code == OK && (code = csv_next(csv, &more, err)) == OK && more) {
        if (csv->count != COLUMNS)
            return err_set(err, ERR_INPUT, "line %zu: has %zu fields instead of 3", csv->line, csv->count);
        if (lines->count == ABSENCES_A_REQUEST)
            return err_set(err, ERR_LIMIT, "more than %d absences in one file", ABSENCES_A_REQUEST);
        lines->all[lines->count++] = csv->line;
        to_json_object(w);
        for (size_t k = 0; k < COLUMNS; k++)
            to_json_member_text(w, names[k], span_trim(csv->fields[at[k]]));
        to_json_end(w);
    }
    return code;
}

static enum err_code make_body(struct span text, struct buf *body, struct lines *lines, struct err *err)
{
    struct csv csv;
    struct to_json w;
    csv_init(&csv, text);
    to_json_init(&w, body);
    to_json_object(&w);
    to_json_key(&w, "absences");
    to_json_array(&w);
    enum err_code code = write_lines(&csv, &w, lines, err);
    to_json_end(&w);
    to_json_end(&w);
    csv_done(&csv);
    return code == OK ? buf_check(body, "the absences", err) : code;
}

static int send_absences(const struct args *args, const struct buf *body, const struct lines *lines)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, "POST", "/admin/v1/absences", body, &a);
    if (code != CLI_DONE)
        return code;
    int64_t refused = json_int(&a.root, "refused", 0);
    if (args->json)
        return client_print_json(&a) == CLI_DONE && refused == 0 ? CLI_DONE : CLI_NO;
    struct from_json_value refusals = from_json_member(&a.root, "refusals");
    for (size_t i = 0; i < from_json_count(&refusals); i++) {
        struct from_json_value item = from_json_item(&refusals, i);
        size_t place = (size_t)json_int(&item, "item", 1);
        print_line(stderr, "line %zu: %.*s", place >= 1 && place <= lines->count ? lines->all[place - 1] : 0, SPAN_ARGS(print_without_place(json_text(&item, "error"), SPAN_LITERAL("absences"))));
    }
    print_line(stdout, "%lld added, %lld same, %lld refused", (long long)json_int(&a.root, "added", 0), (long long)json_int(&a.root, "same", 0), (long long)refused);
    return refused == 0 ? CLI_DONE : CLI_NO;
}

int person_valve_absences(const struct args *args)
{
    CLEANUP(buf_done) struct buf text, body;
    struct lines lines = { .count = 0 };
    struct err err;
    buf_init(&text, FILE_BYTES);
    buf_init(&body, BODY_BYTES);
    int code = input_read(args->words[0], &text);
    if (code != CLI_DONE)
        return code;
    if (make_body(buf_span(&text), &body, &lines, &err) == OK)
        return send_absences(args, &body, &lines);
    print_line(stderr, "postern: %s: %s", input_name(args->words[0]), err.text);
    return CLI_NO;
}

/* ---- one person ---- */

static void print_back(const struct args *args, const struct from_json_value *a)
{
    (void)args;
    print_line(stdout, "%.*s %s", SPAN_ARGS(json_text(a, "person")), json_true(a, "changed") ? "is back: absences end now" : "was not away");
}

int person_valve_back(const struct args *args) { return client_do(args, &(struct client_do){ "DELETE", "/admin/v1/persons/%s/absences", NULL, print_back }); }

static void print_snooze(const struct args *args, const struct from_json_value *a)
{
    (void)args;
    struct span closes = json_text(a, "closes_at");
    print_line(stdout, "%.*s is put off until %.*s (%lld left)%s%.*s", SPAN_ARGS(json_text(a, "check")), SPAN_ARGS(json_text(a, "until")), (long long)json_int(a, "left", 0),
               span_empty(closes) ? "" : "; something closes ", SPAN_ARGS(closes));
}

int person_valve_snooze(const struct args *args)
{
    CLEANUP(buf_done) struct buf body;
    struct to_json w;
    buf_init(&body, BODY_BYTES);
    if (args_text(args, "--device") == NULL || args_text(args, "--check") == NULL)
        return cli_usage(args->command, "snooze needs --device DEVICE and --check CHECK");
    to_json_init(&w, &body);
    to_json_object(&w);
    to_json_member_text(&w, "device", span_of(args_text(args, "--device")));
    to_json_member_text(&w, "check", span_of(args_text(args, "--check")));
    to_json_end(&w);
    return client_do(args, &(struct client_do){ "POST", "/admin/v1/persons/%s/snooze", &body, print_snooze });
}
