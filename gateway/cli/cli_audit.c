/* audit: the archive on disk, read and checked without the gateway; and what only the gateway can say of it. */
#include "gateway/archive_stream.h"
#include "gateway/archive_verify.h"
#include "gateway/cli/audit_names.h"
#include "gateway/cli/audit_place.h"
#include "gateway/cli/client.h"
#include "gateway/cli/print.h"
#include "posture/base/file.h"

#include <string.h>

enum { KEY_BYTES = 128 * 1024, HEADS_BYTES = 8 * 1024 * 1024, LIST_DEFAULT = 100, RECORD_DEPTH = 20, REQUEST_BYTES = 1024 * 1024 };

/* ---- verify ---- */

struct verifying { bool json; struct buf out; struct to_json w; uint64_t records, segments, signatures, open_records, left_over; size_t broken, chains; };

static void print_broken(const struct archive_broken *b)
{
    char place[ARCHIVE_PATH_BYTES + 32] = "";
    if (b->path[0] != '\0' && b->line > 0)
        snprintf(place, sizeof place, "%s, line %llu: ", b->path, (unsigned long long)b->line);
    else if (b->path[0] != '\0')
        snprintf(place, sizeof place, "%s: ", b->path);
    print_coloured(stdout, 31, archive_fault_name(b->fault));
    char number[48] = "";
    if (b->seq > 0)
        snprintf(number, sizeof number, ", number %llu", (unsigned long long)b->seq);
    print_line(stdout, ": chain %s%s%s%s", b->chain, number, b->id[0] != '\0' ? ", record " : "", b->id);
    print_line(stdout, "  %s%s", place, b->why);
}

static void write_broken(struct to_json *w, const struct archive_broken *b)
{
    to_json_key(w, "broken");
    to_json_object(w);
    to_json_member_text(w, "what", span_of(archive_fault_name(b->fault)));
    to_json_member_text_if(w, "file", span_of(b->path));
    to_json_member_int_if(w, "line", (int64_t)b->line);
    to_json_member_int_if(w, "seq", (int64_t)b->seq);
    to_json_member_text_if(w, "id", span_of(b->id));
    to_json_member_text(w, "why", span_of(b->why));
    to_json_end(w);
}

static void write_chain(struct to_json *w, const struct archive_checked *c)
{
    to_json_object(w);
    to_json_member_text(w, "chain", span_of(c->chain));
    to_json_member_bool(w, "whole", c->broken.fault == ARCHIVE_FINE);
    to_json_member_text_if(w, "first_day", span_of(c->first_day));
    to_json_member_text_if(w, "last_day", span_of(c->last_day));
    to_json_member_int(w, "segments", (int64_t)c->segments);
    to_json_member_int(w, "records", (int64_t)c->records);
    to_json_member_int(w, "signatures", (int64_t)c->signatures);
    to_json_member_int(w, "not_signed_yet", (int64_t)c->unsigned_records);
    to_json_member_int_if(w, "left_over", (int64_t)c->left_over);
    to_json_member_bool(w, "anchored", c->anchored);
    to_json_member_int(w, "seq", (int64_t)c->at.seq);
    to_json_member_text(w, "hash", span_of(c->at.hash));
    if (c->broken.fault != ARCHIVE_FINE)
        write_broken(w, &c->broken);
    to_json_end(w);
}

static void note_chain(void *context, const struct archive_checked *c)
{
    struct verifying *v = context;
    v->chains++;
    v->records += c->records;
    v->segments += c->segments;
    v->signatures += c->signatures;
    v->open_records += c->unsigned_records;
    v->left_over += c->left_over;
    v->broken += c->broken.fault != ARCHIVE_FINE;
    if (v->json) {
        write_chain(&v->w, c);
    } else if (c->broken.fault != ARCHIVE_FINE) {
        audit_place_progress_end();
        print_broken(&c->broken);
    }
}

static void note_progress(void *context, uint64_t done_bytes, uint64_t all_bytes)
{
    (void)context;
    audit_place_progress(done_bytes, all_bytes);
}

/* --key FILE, else what lies in the folder itself: then it is said that this proves only that nothing was damaged by accident. */
static int read_keys(const struct args *args, const struct audit_place *place, struct jose_keys **out, bool *own)
{
    CLEANUP(buf_done) struct buf text;
    char path[ARCHIVE_PATH_BYTES + 16];
    const char *given = args_text(args, "--key");
    struct err err;
    *own = given == NULL;
    buf_init(&text, KEY_BYTES);
    snprintf(path, sizeof path, "%s/%s", place->folders[0], ARCHIVE_KEYS_FILE);
    enum err_code code = file_read(given != NULL ? given : path, KEY_BYTES, &text, &err);
    if (code == OK)
        code = jose_keys_read(buf_span(&text), out, &err);
    if (code == OK)
        return CLI_DONE;
    print_line(stderr, "postern audit: the public keys: %s", err.text);
    return CLI_NO;
}

static int read_heads(const struct args *args, struct buf *heads)
{
    const char *path = args_text(args, "--head");
    struct err err;
    if (path == NULL || file_read(path, HEADS_BYTES, heads, &err) == OK)
        return CLI_DONE;
    print_line(stderr, "postern audit: %s", err.text);
    return CLI_NO;
}

static void print_end(const struct verifying *v, bool whole, bool own_keys)
{
    audit_place_progress_end();
    if (whole)
        print_coloured(stdout, 32, "whole");
    else
        print_coloured(stdout, 31, "broken");
    print_line(stdout, ": %zu of %zu chains, %llu segments, %llu records, %llu signatures", v->chains - v->broken, v->chains, (unsigned long long)v->segments, (unsigned long long)v->records,
               (unsigned long long)v->signatures);
    if (v->open_records > 0)
        print_line(stdout, "%llu records of the newest segments are not signed yet: they are when their day is closed", (unsigned long long)v->open_records);
    if (v->left_over > 0)
        print_line(stdout, "%llu lines were written and never confirmed (a node stopped just then): they do not count, what they say stands in the chain beside them", (unsigned long long)v->left_over);
    if (own_keys)
        print_line(stdout, "the public keys came from the archive's own folder; to prove who signed, get them elsewhere (postern audit keys) and give them with --key");
}

static int verify(const struct args *args)
{
    CLEANUP(jose_keys_freep) struct jose_keys *keys = NULL;
    CLEANUP(buf_done) struct buf heads;
    struct audit_place place;
    struct verifying v = { .json = args->json };
    struct err err;
    bool whole = false, own = false;
    buf_init(&heads, HEADS_BYTES);
    int code = audit_place_find(args, 0, &place);
    if (code == CLI_DONE)
        code = read_keys(args, &place, &keys, &own);
    if (code == CLI_DONE)
        code = read_heads(args, &heads);
    if (code != CLI_DONE)
        return code;
    buf_init(&v.out, 16 * 1024 * 1024);
    to_json_init(&v.w, &v.out);
    to_json_object(&v.w);
    to_json_key(&v.w, "chains");
    to_json_array(&v.w);
    const struct archive_check check = { .folders = place.folders, .folder_count = place.count, .keys = keys, .heads = buf_span(&heads), .chain = note_chain,
                                         .progress = args->json ? NULL : note_progress, .context = &v };
    enum err_code done = archive_verify(&check, &whole, &err);
    if (done != OK) {
        audit_place_progress_end();
        print_line(stderr, "postern audit verify: %s", err.text);
    } else if (args->json) {
        to_json_end(&v.w);
        to_json_member_bool(&v.w, "whole", whole);
        to_json_member_bool(&v.w, "own_keys", own);
        to_json_end(&v.w);
        printf("%s\n", buf_text(&v.out));
    } else {
        print_end(&v, whole, own);
    }
    buf_done(&v.out);
    return done == OK && whole ? CLI_DONE : CLI_NO;
}

/* ---- list, show, export ---- */

struct filter { int64_t since_s, until_s; const char *type; char person[ARCHIVE_KEY_NAME_BYTES + 1], device[ARCHIVE_KEY_NAME_BYTES + 1]; const char *id; uint64_t limit; };

static bool type_matches(const char *filter, struct span type)
{
    struct span f = span_of(filter);
    if (filter == NULL || span_equal(f, type))
        return true;
    return span_ends(f, SPAN_LITERAL(".*")) && span_starts(type, span_slice(f, 0, f.bytes - 1));
}

static bool matches(const struct filter *f, const struct archive_item *item, const struct from_json_value *record)
{
    if (item->at_s < f->since_s || item->at_s >= f->until_s || !type_matches(f->type, json_text(record, "type")))
        return false;
    if (f->id != NULL && !span_equal_text(item->line.id, f->id))
        return false;
    return (f->person[0] == '\0' || span_equal_text(json_text(record, "person"), f->person)) && (f->device[0] == '\0' || span_equal_text(json_text(record, "device"), f->device));
}

/* A person or device may be given under the name in the archive, or, when the gateway can be asked, by any name of theirs. */
static int read_who(const struct args *args, const char *option, bool person, struct audit_names **names, char out[ARCHIVE_KEY_NAME_BYTES + 1])
{
    const char *text = args_text(args, option);
    if (text == NULL)
        return CLI_DONE;
    if (strlen(text) == ARCHIVE_KEY_NAME_BYTES && text[1] == '-' && text[0] == (person ? 'P' : 'D')) {
        memcpy(out, text, ARCHIVE_KEY_NAME_BYTES + 1);
        return CLI_DONE;
    }
    int code = *names == NULL ? audit_names_fetch(args, names) : CLI_DONE;
    if (code != CLI_DONE)
        return code;
    struct span found = audit_names_find(*names, span_of(text));
    if (found.bytes != ARCHIVE_KEY_NAME_BYTES) {
        print_line(stderr, "postern audit: the gateway knows no %s %s", person ? "person" : "device", text);
        return CLI_NO;
    }
    memcpy(out, found.at, found.bytes);
    return CLI_DONE;
}

static int read_filter(const struct args *args, struct audit_names **names, struct filter *f)
{
    uint64_t limit = LIST_DEFAULT;
    *f = (struct filter){ .until_s = INT64_MAX, .type = args_text(args, "--type") };
    if (args_text(args, "--limit") != NULL && (!span_to_u64(span_of(args_text(args, "--limit")), &limit) || limit == 0))
        return cli_usage(args->command, "--limit must be a number from 1");
    f->limit = limit;
    int code = audit_place_time(args, "--since", false, &f->since_s);
    if (code == CLI_DONE)
        code = audit_place_time(args, "--until", true, &f->until_s);
    if (code == CLI_DONE && args_has(args, "--names"))
        code = audit_names_fetch(args, names);
    if (code == CLI_DONE)
        code = read_who(args, "--person", true, names, f->person);
    return code == CLI_DONE ? read_who(args, "--device", false, names, f->device) : code;
}

typedef bool record_fn(void *context, const struct archive_item *item, const struct from_json_value *record); /* false stops */

/* Segments a day to each side too: a record may lie in its neighbour's. */
static int each_record(const struct audit_place *place, const struct filter *f, record_fn *fn, void *context)
{
    CLEANUP(archive_stream_closep) struct archive_stream *stream = NULL;
    struct archive_item item;
    struct err err;
    char from[ARCHIVE_DAY_BYTES + 1], to[ARCHIVE_DAY_BYTES + 1];
    archive_day(f->since_s > 2 * 86400 ? f->since_s - 2 * 86400 : 0, from);
    archive_day(f->until_s < INT64_MAX ? f->until_s + 2 * 86400 : INT64_C(253402214400), to);
    enum err_code code = archive_stream_open(place->folders, place->count, from, to, &stream, &err);
    bool go_on = true;
    while (code == OK && go_on) {
        CLEANUP(from_json_freep) struct from_json *doc = NULL;
        code = archive_stream_next(stream, &item, &err);
        if (code == OK)
            code = from_json_parse(item.text, (struct from_json_limits){ ARCHIVE_LINE_BYTES, RECORD_DEPTH }, "record", &doc, &err);
        if (code != OK)
            break;
        struct from_json_value root = from_json_root(doc);
        if (matches(f, &item, &root))
            go_on = fn(context, &item, &root);
    }
    if (code == OK || (code == ERR_NOT_FOUND && (stream != NULL || place->folders[0] == place->own))) /* the end, or nothing was archived on this machine yet */
        return CLI_DONE;
    print_line(stderr, "postern audit: %s; `postern audit verify` says more", err.text);
    return CLI_NO;
}

struct listing { const struct args *args; const struct audit_names *names; uint64_t left; struct table table; bool any; };

static struct span shown(const struct listing *l, struct span name)
{
    struct span known = l->names != NULL ? audit_names_of(l->names, name) : SPAN_NONE;
    return span_empty(known) ? name : known;
}

static bool list_record(void *context, const struct archive_item *item, const struct from_json_value *record)
{
    struct listing *l = context;
    struct from_json_value data = from_json_member(record, "data");
    CLEANUP(buf_done) struct buf text;
    buf_init(&text, ARCHIVE_LINE_BYTES);
    if (l->args->json) {
        printf("%s%.*s", l->any ? ",\n" : "", SPAN_ARGS(item->text));
    } else {
        (void)from_json_write(&data, &text);
        table_cell(&l->table, json_text(record, "at"));
        table_cell(&l->table, json_text(record, "type"));
        table_cell(&l->table, shown(l, json_text(record, "person")));
        table_cell(&l->table, shown(l, json_text(record, "device")));
        table_cell(&l->table, item->line.id);
        table_cell(&l->table, span_slice(buf_span(&text), 0, 80));
    }
    l->any = true;
    return --l->left > 0;
}

static int list(const struct args *args)
{
    static const char *const headings[] = { "AT", "TYPE", "PERSON", "DEVICE", "RECORD", "DATA" };
    CLEANUP(audit_names_freep) struct audit_names *names = NULL;
    struct audit_place place;
    struct filter f;
    int code = audit_place_find(args, 0, &place);
    if (code == CLI_DONE)
        code = read_filter(args, &names, &f);
    if (code != CLI_DONE)
        return code;
    struct listing l = { .args = args, .names = args_has(args, "--names") ? names : NULL, .left = f.limit };
    table_init(&l.table, headings, sizeof headings / sizeof headings[0]);
    if (args->json)
        printf("{\"records\":[");
    code = each_record(&place, &f, list_record, &l);
    if (args->json)
        printf("]}\n");
    else
        table_print(&l.table, "no records");
    table_done(&l.table);
    if (code == CLI_DONE && l.left == 0 && !args->json)
        print_line(stderr, "the first %llu; --limit shows more, --since goes on", (unsigned long long)f.limit);
    return code;
}

static bool export_record(void *context, const struct archive_item *item, const struct from_json_value *record)
{
    (void)context;
    (void)record;
    printf("%.*s\n", SPAN_ARGS(item->text));
    return true;
}

/* One record a line, for other tools. */
static int export_all(const struct args *args)
{
    CLEANUP(audit_names_freep) struct audit_names *names = NULL;
    struct audit_place place;
    struct filter f;
    int code = audit_place_find(args, 0, &place);
    if (code == CLI_DONE)
        code = read_filter(args, &names, &f);
    return code == CLI_DONE ? each_record(&place, &f, export_record, NULL) : code;
}

/* ---- show ---- */

struct showing { struct buf text, sealed, person; bool found; };

static bool keep_record(void *context, const struct archive_item *item, const struct from_json_value *record)
{
    struct showing *s = context;
    (void)buf_append(&s->text, item->text);
    (void)buf_append(&s->sealed, json_text(record, "sealed"));
    (void)buf_append(&s->person, json_text(record, "person"));
    s->found = true;
    return false;
}

/* The gateway opens what is sealed, for whom it still knows. */
static int open_sealed(const struct args *args, const struct showing *s, const char *id, struct client_answer *a)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(audit_names_freep) struct audit_names *names = NULL;
    CLEANUP(buf_done) struct buf body;
    struct to_json w;
    buf_init(&body, REQUEST_BYTES);
    int code = audit_names_fetch(args, &names);
    if (code == CLI_DONE)
        code = client_open(args, &c);
    if (code != CLI_DONE)
        return code;
    struct span person = s->person.bytes > 0 ? audit_names_id(names, buf_span(&s->person)) : SPAN_NONE;
    if (s->person.bytes > 0 && span_empty(person)) {
        print_line(stderr, "postern audit: whoever it was is erased, or belongs to another gateway: what is sealed cannot be opened");
        return CLI_NO;
    }
    to_json_init(&w, &body);
    to_json_object(&w);
    to_json_member_text(&w, "id", span_of(id));
    to_json_member_text(&w, "sealed", buf_span(&s->sealed));
    to_json_member_text_if(&w, "person", person);
    to_json_end(&w);
    return client_call(c, "POST", "/admin/v1/archive/open", &body, a);
}

static int print_record(const struct args *args, const struct showing *s)
{
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    CLEANUP(buf_done) struct buf event;
    int code = CLI_DONE;
    buf_init(&event, ARCHIVE_LINE_BYTES);
    if (args_has(args, "--open"))
        code = s->sealed.bytes > 0 ? open_sealed(args, s, args->words[0], &a) : CLI_DONE;
    if (code != CLI_DONE)
        return code;
    struct from_json_value opened = from_json_member(&a.root, "event");
    if (a.doc != NULL && !from_json_write(&opened, &event))
        return CLI_NO;
    if (args->json)
        printf("{\"record\":%.*s%s%.*s}\n", SPAN_ARGS(buf_span(&s->text)), event.bytes > 0 ? ",\"event\":" : "", SPAN_ARGS(buf_span(&event)));
    else
        printf("%.*s\n%.*s%s", SPAN_ARGS(buf_span(&s->text)), SPAN_ARGS(buf_span(&event)), event.bytes > 0 ? "\n" : "");
    return CLI_DONE;
}

static int show(const struct args *args)
{
    struct audit_place place;
    struct filter f = { .until_s = INT64_MAX, .id = args->words[0] };
    struct showing s = { .found = false };
    buf_init(&s.text, ARCHIVE_LINE_BYTES);
    buf_init(&s.sealed, ARCHIVE_LINE_BYTES);
    buf_init(&s.person, 64);
    int code = audit_place_find(args, 1, &place);
    if (code == CLI_DONE)
        code = each_record(&place, &f, keep_record, &s);
    if (code == CLI_DONE && !s.found) {
        print_line(stderr, "postern audit: no record %s", args->words[0]);
        code = CLI_NO;
    }
    if (code == CLI_DONE)
        code = print_record(args, &s);
    buf_done(&s.person);
    buf_done(&s.sealed);
    buf_done(&s.text);
    return code;
}

/* ---- from the gateway ---- */

static int keys(const struct args *args)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, "GET", "/admin/v1/archive/keys", NULL, &a);
    return code == CLI_DONE ? client_print_json(&a) : code;
}

static void print_heads(const struct args *args, const struct from_json_value *answer)
{
    struct from_json_value heads = from_json_member(answer, "heads");
    (void)args;
    for (size_t i = 0; i < from_json_count(&heads); i++) {
        struct from_json_value item = from_json_item(&heads, i);
        struct span text = SPAN_NONE;
        struct err err;
        if (from_json_text(&item, HEADS_BYTES, &text, &err) == OK)
            printf("%.*s\n", SPAN_ARGS(text));
    }
}

static int head(const struct args *args) { return client_do(args, &(struct client_do){ "GET", "/admin/v1/archive/head", NULL, print_heads }); }

static int run(int argc, char **argv)
{
    static const struct arg_option verify_options[] = { { "--key", ARG_TEXT }, { "--head", ARG_TEXT } }, show_options[] = { { "--open", ARG_FLAG } },
        list_options[] = { { "--since", ARG_TEXT }, { "--until", ARG_TEXT }, { "--type", ARG_TEXT }, { "--person", ARG_TEXT }, { "--device", ARG_TEXT }, { "--limit", ARG_TEXT }, { "--names", ARG_FLAG } };
    enum { LIST_OPTIONS = sizeof list_options / sizeof list_options[0] };
    static const struct cli_action actions[] = {
        { "verify", NULL, 0, ARCHIVE_FOLDERS_MOST, verify_options, 2, verify },
        { "list", NULL, 0, ARCHIVE_FOLDERS_MOST, list_options, LIST_OPTIONS, list },
        { "show", "RECORD", 1, ARCHIVE_FOLDERS_MOST, show_options, 1, show },
        { "export", NULL, 0, ARCHIVE_FOLDERS_MOST, list_options, LIST_OPTIONS, export_all },
        { "keys", NULL, 0, 0, NULL, 0, keys },
        { "head", NULL, 0, 0, NULL, 0, head },
    };
    return args_run_action(&cli_audit, actions, sizeof actions / sizeof actions[0], argc, argv);
}

const struct cli_command cli_audit = {
    "audit",
    "postern audit verify [DIR...] [--key FILE] [--head FILE] [--json]\n"
    "       postern audit list [DIR...] [--since DAY] [--until DAY] [--type TYPE] [--person WHO] [--device WHICH] [--limit N] [--names] [--json]\n"
    "       postern audit show RECORD [DIR...] [--open] [--json]\n"
    "       postern audit export [DIR...] [--since DAY] [--until DAY] [--type TYPE] [--person WHO] [--device WHICH]\n"
    "       postern audit keys | head [--json]\n\n"
    "The archive is the log on disk: each record holds the hash of the one before, each day is signed. verify, list, show and export work\n"
    "on a copied folder without a gateway; several DIRs are the disks of several nodes. Persons and devices stand there under names that\n"
    "only the gateway can resolve (--names, --open, --person with an e-mail address): each such look is itself recorded.\n"
    "verify exits with 0 when everything is whole, and names the first record that is not. --key: the public keys (postern audit keys);\n"
    "--head: signed heads taken earlier (postern audit head), which the archive must still reach.",
    "the evidence on disk: verify, list, show, export",
    run,
};
