/* person: import, list, show, link, absence; the rest about time is in person_valves.c. */
#include "gateway/cli/client.h"
#include "gateway/cli/input.h"
#include "gateway/cli/person_import.h"
#include "gateway/cli/person_valves.h"
#include "gateway/cli/print.h"
#include "posture/base/clock.h"
#include "posture/base/to_json.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LISTED_PAGE = 500, CELL_BYTES = 256, BAR_WIDTH = 30 };

/* ---- import ---- */

struct refusal { size_t place; char *why; };
struct importing {
    struct client *c;
    const struct import *file;
    int64_t created, changed, same;
    struct refusal *refusals; size_t kept, room; /* as many as memory allows */
    int64_t refused;
    bool bar;
};

static void refuse(struct importing *im, size_t place, struct span why)
{
    im->refused++;
    if (im->kept == im->room) {
        size_t room = im->room == 0 ? 64 : im->room * 2;
        struct refusal *all = realloc(im->refusals, room * sizeof *all);
        if (all == NULL)
            return;
        im->refusals = all;
        im->room = room;
    }
    im->refusals[im->kept++] = (struct refusal){ place, span_dup(why) };
}

static void take_answer(struct importing *im, const struct client_answer *a, const size_t *sent, size_t count)
{
    struct from_json_value all = from_json_member(&a->root, "persons");
    im->created += json_int(&a->root, "created", 0);
    im->changed += json_int(&a->root, "changed", 0);
    im->same += json_int(&a->root, "same", 0);
    for (size_t i = 0; i < count; i++) {
        struct from_json_value item = from_json_item(&all, i);
        if (span_equal_text(json_text(&item, "result"), "refused"))
            refuse(im, im->file->items[sent[i]].place, print_without_place(json_text(&item, "error"), SPAN_LITERAL("persons")));
    }
}

static int send_batch(struct importing *im, struct buf *body, const size_t *sent, size_t count)
{
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    if (count == 0)
        return CLI_DONE;
    buf_append_text(body, "]}");
    int code = client_call(im->c, "POST", "/admin/v1/persons", body, &a);
    if (code == CLI_DONE)
        take_answer(im, &a, sent, count);
    return code;
}

static void draw_bar(const struct importing *im, size_t done)
{
    size_t all = im->file->count, filled = all == 0 ? BAR_WIDTH : done * BAR_WIDTH / all;
    if (!im->bar)
        return;
    fprintf(stderr, "\r[%.*s%*s] %zu of %zu people", (int)filled, "##############################", (int)(BAR_WIDTH - filled), "", done, all);
    if (done == all)
        fputc('\n', stderr);
    fflush(stderr);
}

/* Batches of at most IMPORT_BATCH people and about IMPORT_BATCH_BYTES. */
static int send_all(struct importing *im)
{
    CLEANUP(buf_done) struct buf body;
    size_t sent[IMPORT_BATCH], count = 0;
    int code = CLI_DONE;
    buf_init(&body, 4 * IMPORT_BATCH_BYTES);
    for (size_t i = 0; code == CLI_DONE && i < im->file->count; i++) {
        const struct import_item *item = &im->file->items[i];
        if (!span_empty(item->refused)) {
            refuse(im, item->place, item->refused);
            continue;
        }
        if (count == IMPORT_BATCH || (count > 0 && body.bytes + item->json.bytes > IMPORT_BATCH_BYTES)) {
            code = send_batch(im, &body, sent, count);
            draw_bar(im, i);
            count = 0;
        }
        if (count == 0)
            buf_clear(&body);
        buf_append_text(&body, count == 0 ? "{\"persons\":[" : ",");
        buf_append(&body, item->json);
        sent[count++] = i;
    }
    if (code == CLI_DONE)
        code = send_batch(im, &body, sent, count);
    if (code == CLI_DONE)
        draw_bar(im, im->file->count);
    return code;
}

static int compare_places(const void *a, const void *b)
{
    size_t left = ((const struct refusal *)a)->place, right = ((const struct refusal *)b)->place;
    return (left > right) - (left < right);
}

static const char *place_word(const struct importing *im) { return im->file->csv ? "line" : "item"; }

static void print_import(const struct importing *im)
{
    for (size_t i = 0; i < im->kept; i++)
        print_line(stderr, "%s %zu: %s", place_word(im), im->refusals[i].place, im->refusals[i].why != NULL ? im->refusals[i].why : "refused");
    print_line(stdout, "%lld created, %lld changed, %lld same, %lld refused", (long long)im->created, (long long)im->changed, (long long)im->same, (long long)im->refused);
}

static void print_import_json(const struct importing *im)
{
    CLEANUP(buf_done) struct buf text;
    struct to_json w;
    buf_init(&text, CLIENT_ANSWER_BYTES);
    to_json_init(&w, &text);
    to_json_object(&w);
    to_json_member_int(&w, "created", im->created);
    to_json_member_int(&w, "changed", im->changed);
    to_json_member_int(&w, "same", im->same);
    to_json_member_int(&w, "refused", im->refused);
    to_json_key(&w, "refusals");
    to_json_array(&w);
    for (size_t i = 0; i < im->kept; i++) {
        to_json_object(&w);
        to_json_member_int(&w, place_word(im), (int64_t)im->refusals[i].place);
        to_json_member_text(&w, "error", span_of(im->refusals[i].why));
        to_json_end(&w);
    }
    to_json_end(&w);
    to_json_end(&w);
    if (buf_text(&text) != NULL)
        printf("%s\n", buf_text(&text));
}

static int import_people(const struct args *args, const struct import *file)
{
    CLEANUP(client_closep) struct client *c = NULL;
    struct importing im = { .file = file, .bar = file->count > IMPORT_BATCH && isatty(STDERR_FILENO) };
    int code = client_open(args, &c);
    im.c = c;
    if (code == CLI_DONE)
        code = send_all(&im);
    if (im.kept > 1)
        qsort(im.refusals, im.kept, sizeof im.refusals[0], compare_places);
    if (code == CLI_DONE && args->json)
        print_import_json(&im);
    else if (code == CLI_DONE || im.created + im.changed + im.same > 0)
        print_import(&im);
    for (size_t i = 0; i < im.kept; i++)
        free(im.refusals[i].why);
    free(im.refusals);
    return code == CLI_DONE && im.refused > 0 ? CLI_NO : code;
}

static int import(const struct args *args)
{
    CLEANUP(buf_done) struct buf text;
    CLEANUP(import_done) struct import file = { .csv = false };
    struct err err;
    buf_init(&text, IMPORT_FILE_BYTES);
    int code = input_read(args->words[0], &text);
    if (code != CLI_DONE)
        return code;
    if (import_read(buf_span(&text), &file, &err) == OK)
        return import_people(args, &file);
    print_line(stderr, "postern: %s: %s", input_name(args->words[0]), err.text);
    return CLI_NO;
}

/* ---- list, show ---- */

static void add_row(void *context, const struct from_json_value *p)
{
    char emails[CELL_BYTES], groups[CELL_BYTES];
    struct from_json_value devices = from_json_member(p, "devices");
    table_cell(context, json_text(p, "id"));
    table_cell(context, json_text(p, "name"));
    table_cell(context, json_texts(p, "emails", emails, sizeof emails));
    table_cell(context, json_texts(p, "groups", groups, sizeof groups));
    table_cell(context, json_text(p, "zone"));
    table_int(context, (int64_t)from_json_count(&devices));
}

static int list(const struct args *args)
{
    static const char *const headings[] = { "PERSON", "NAME", "E-MAIL", "GROUPS", "ZONE", "DEVICES" };
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(table_done) struct table table;
    char path[CLIENT_PATH_BYTES] = "/admin/v1/persons";
    const char *query = args_text(args, "--query");
    table_init(&table, headings, 6);
    if (query != NULL && !client_path(path, "/admin/v1/persons?q=%s", query))
        return CLI_USAGE;
    int code = client_open(args, &c);
    struct client_list people = { path, "persons", LISTED_PAGE, args->json, add_row, &table };
    if (code == CLI_DONE)
        code = client_each(c, &people);
    if (code == CLI_DONE && !args->json)
        table_print(&table, query != NULL ? "nobody matches" : "no people yet: postern person import FILE");
    return code;
}

static void print_text_row(const struct from_json_value *p, const char *key)
{
    struct span text = json_text(p, key);
    if (!span_empty(text))
        print_line(stdout, "%-14s %.*s", key, SPAN_ARGS(text));
}

static void print_list_row(const struct from_json_value *p, const char *key)
{
    char text[CELL_BYTES * 8];
    if (!span_empty(json_texts(p, key, text, sizeof text)))
        print_line(stdout, "%-14s %s", key, text);
}

/* What holds now or is still to come; the API has what is over, too. Times of one form compare as texts. */
static void print_stretches(const struct from_json_value *p, const char *key, const char *heading, struct span now)
{
    struct from_json_value all = from_json_member(p, key);
    for (size_t i = 0, shown = 0; i < from_json_count(&all); i++) {
        struct from_json_value one = from_json_item(&all, i);
        struct span from = json_text(&one, "from"), to = json_text(&one, "to"), what = json_text(&one, "check"), app = json_text(&one, "app"), device = json_text(&one, "device");
        if (!span_empty(to) && span_compare(to, now) <= 0)
            continue;
        what = span_empty(app) ? what : app;
        print_line(stdout, "%-14s %.*s%s%.*s%sfrom %.*s to %.*s", shown++ == 0 ? heading : "", SPAN_ARGS(what), span_empty(what) ? "" : " on ", SPAN_ARGS(device), span_empty(device) ? "" : ", ",
                   SPAN_ARGS(from), SPAN_ARGS(span_empty(to) ? SPAN_LITERAL("further notice") : to));
    }
}

static void print_person(const struct from_json_value *p)
{
    static const char *const texts[] = { "id", "name", "slack", "okta", "zone", "region", "locale", "created_at", "last_nudge_at" };
    static const char *const lists[] = { "emails", "aliases", "groups", "devices" };
    struct from_json_value told = from_json_member(p, "told"), closings = from_json_member(p, "closings");
    char now[CLOCK_TEXT_BYTES];
    clock_rfc3339((int64_t)time(NULL), now);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        print_text_row(p, texts[i]);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        print_list_row(p, lists[i]);
    print_stretches(p, "absences", "away", span_of(now));
    print_stretches(p, "snoozes", "snoozed", span_of(now));
    print_stretches(p, "continued_once", "continued", span_of(now));
    for (size_t i = 0; i < from_json_count(&told); i++) {
        struct from_json_value t = from_json_item(&told, i);
        print_line(stdout, "%-14s %.*s on %.*s: %lld notices, first %.*s, last %.*s", i == 0 ? "told" : "", SPAN_ARGS(json_text(&t, "check")), SPAN_ARGS(json_text(&t, "device")),
                   (long long)json_int(&t, "notices", 0), SPAN_ARGS(json_text(&t, "first_at")), SPAN_ARGS(json_text(&t, "last_at")));
    }
    for (size_t i = 0; i < from_json_count(&closings); i++) {
        struct from_json_value c = from_json_item(&closings, i);
        print_line(stdout, "%-14s %.*s %.*s: %.*s since %.*s", i == 0 ? "closings" : "", SPAN_ARGS(json_text(&c, "kind")), SPAN_ARGS(json_text(&c, "target")), SPAN_ARGS(json_text(&c, "state")),
                   SPAN_ARGS(json_text(&c, "at")));
    }
}

/* ---- one person ---- */

struct about { const char *method, *path; const struct buf *body; void (*print)(const struct from_json_value *answer); };

static int call_about(const struct args *args, const struct about *what)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    char path[CLIENT_PATH_BYTES];
    if (!client_path(path, what->path, args->words[0]))
        return CLI_USAGE;
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, what->method, path, what->body, &a);
    if (code != CLI_DONE)
        return code;
    if (args->json)
        return client_print_json(&a);
    what->print(&a.root);
    return CLI_DONE;
}

static void print_link(const struct from_json_value *answer)
{
    print_line(stdout, "%.*s", SPAN_ARGS(json_text(answer, "url")));
    print_line(stderr, "for this person alone; valid until %.*s", SPAN_ARGS(json_text(answer, "expires_at")));
}

static void print_absence(const struct from_json_value *answer)
{
    print_line(stdout, "%.*s is away from %.*s to %.*s", SPAN_ARGS(json_text(answer, "person")), SPAN_ARGS(json_text(answer, "from")), SPAN_ARGS(json_text(answer, "to")));
}

static int show(const struct args *args)
{
    struct about what = { "GET", "/admin/v1/persons/%s", NULL, print_person };
    return call_about(args, &what);
}

static int link_for(const struct args *args)
{
    struct about what = { "POST", "/admin/v1/persons/%s/link", NULL, print_link };
    return call_about(args, &what);
}

static int absence(const struct args *args)
{
    CLEANUP(buf_done) struct buf body;
    struct to_json w;
    buf_init(&body, 4096);
    if (args_text(args, "--to") == NULL)
        return cli_usage(args->command, "absence needs --to TIME");
    to_json_init(&w, &body);
    to_json_object(&w);
    to_json_member_text_if(&w, "from", span_of(args_text(args, "--from")));
    to_json_member_text(&w, "to", span_of(args_text(args, "--to")));
    to_json_end(&w);
    struct about what = { "POST", "/admin/v1/persons/%s/absences", &body, print_absence };
    return call_about(args, &what);
}

static void print_erased(const struct from_json_value *answer)
{
    print_line(stdout, "erased: %.*s; %lld devices belong to nobody now, %lld e-mail addresses are free", SPAN_ARGS(json_text(answer, "person")), (long long)json_int(answer, "devices", 0),
               (long long)json_int(answer, "identifiers", 0));
}

static int erase(const struct args *args)
{
    CLEANUP(buf_done) struct buf body;
    struct to_json w;
    buf_init(&body, 4096);
    if (!args_has(args, "--for-ever"))
        return cli_usage(args->command, "what is erased does not come back; if that is meant, add --for-ever");
    to_json_init(&w, &body);
    to_json_object(&w);
    to_json_member_text(&w, "confirm", span_of(args->words[0]));
    to_json_end(&w);
    struct about what = { "POST", "/admin/v1/persons/%s/erase", &body, print_erased };
    return call_about(args, &what);
}

static int run(int argc, char **argv)
{
    static const struct arg_option list_options[] = { { "--query", ARG_TEXT } }, absence_options[] = { { "--from", ARG_TEXT }, { "--to", ARG_TEXT } },
                                   snooze_options[] = { { "--device", ARG_TEXT }, { "--check", ARG_TEXT } }, erase_options[] = { { "--for-ever", ARG_FLAG } };
    static const struct cli_action actions[] = {
        { "import", "FILE", 1, 1, NULL, 0, import },     { "list", NULL, 0, 0, list_options, 1, list },           { "show", "PERSON", 1, 1, NULL, 0, show },
        { "link", "PERSON", 1, 1, NULL, 0, link_for },   { "absence", "PERSON", 1, 1, absence_options, 2, absence },
        { "absences", "FILE", 1, 1, NULL, 0, person_valve_absences }, { "back", "PERSON", 1, 1, NULL, 0, person_valve_back }, { "snooze", "PERSON", 1, 1, snooze_options, 2, person_valve_snooze },
        { "erase", "PERSON", 1, 1, erase_options, 1, erase },
    };
    return args_run_action(&cli_person, actions, sizeof actions / sizeof actions[0], argc, argv);
}

const struct cli_command cli_person = {
    "person",
    "postern person import FILE [--json]\n"
    "       postern person list [--query TEXT] [--json]\n"
    "       postern person show PERSON [--json]\n"
    "       postern person link PERSON [--json]\n"
    "       postern person absence PERSON [--from TIME] --to TIME [--json]\n"
    "       postern person absences FILE [--json]\n"
    "       postern person back PERSON [--json]\n"
    "       postern person snooze PERSON --device DEVICE --check CHECK [--json]\n"
    "       postern person erase PERSON --for-ever [--json]\n\n"
    "PERSON is an id, an e-mail address or an alias. FILE (- for standard input) is CSV with a header line, a JSON array, or\n"
    "{\"persons\": [...]}. Columns: id, email, emails, name, slack, groups, zone, region, locale, aliases, days, hours, write_at;\n"
    "several values in one cell are separated by ;. An empty cell leaves what is known as it is. `link` prints the address of the\n"
    "person's own page. The FILE of `absences` is CSV: person,from,to, with dates (both days included, where the person is) or times,\n"
    "and never a reason. `back` ends absences that were announced for longer.\n"
    "`erase` removes everything that tells who somebody was; the archive stays whole (docs/audit.md).",
    "people: import, list, show, their own page, absences, erasure",
    run,
};
