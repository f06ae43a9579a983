/* device: list, show, assign, unassign, recheck, identify, link, forget-browser, remove. */
#include "gateway/cli/client.h"
#include "gateway/cli/print.h"
#include "posture/base/secret.h"
#include "posture/base/to_json.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LISTED_PAGE = 200 /* a device with all its results takes some kilobytes */, NAME_BYTES = 256, WAIT_MS = 500, WAIT_TRIES = 240, BODY_BYTES = 4096 };

/* ---- list ---- */

static void add_row(void *context, const struct from_json_value *d)
{
    struct table *table = context;
    char failing[NAME_BYTES], ago[PRINT_AGO_BYTES];
    struct from_json_value all = from_json_member(d, "failing");
    struct span owner = json_text(d, "owner"), email = json_text(d, "owner_email"), rung = json_text(d, "rung");
    snprintf(failing, sizeof failing, "%.*s", SPAN_ARGS(json_text(d, "verdict")));
    if (from_json_count(&all) > 0)
        snprintf(failing, sizeof failing, "fail (%zu)", from_json_count(&all));
    table_cell(table, json_text(d, "device"));
    table_cell(table, json_text(d, "name"));
    table_cell(table, json_text(d, "platform"));
    table_cell(table, json_text(d, "serial"));
    table_cell(table, span_empty(owner) ? SPAN_LITERAL("nobody") : span_empty(email) ? owner : email);
    table_cell(table, span_of(failing));
    table_cell(table, rung);
    table_cell(table, span_empty(json_text(d, "seen_at")) ? SPAN_LITERAL("never") : span_of(print_ago(json_int(d, "seen_age_s", 0), ago)));
}

static int list(const struct args *args)
{
    static const char *const headings[] = { "DEVICE", "NAME", "PLATFORM", "SERIAL", "OWNER", "POSTURE", "RUNG", "SEEN" };
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(table_done) struct table table;
    char path[CLIENT_PATH_BYTES] = "/admin/v1/devices";
    const char *query = args_text(args, "--query");
    table_init(&table, headings, 8);
    if (query != NULL && !client_path(path, "/admin/v1/devices?q=%s", query))
        return CLI_USAGE;
    int code = client_open(args, &c);
    struct client_list devices = { path, "devices", LISTED_PAGE, args->json, add_row, &table };
    if (code == CLI_DONE)
        code = client_each(c, &devices);
    if (code == CLI_DONE && !args->json)
        table_print(&table, query != NULL ? "no device has this name or serial" : "no devices yet: postern enroll-secret create");
    return code;
}

/* ---- one device ---- */

static void print_texts(const struct from_json_value *d)
{
    static const char *const keys[] = { "device", "name", "platform", "model", "serial", "os_version", "owner", "owner_source", "group", "agent_version",
                                        "enrolled_at", "seen_at", "duplicate_of", "verdict", "rung", "rung_since" };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (!span_empty(json_text(d, keys[i])))
            print_line(stdout, "%-14s %.*s", keys[i], SPAN_ARGS(json_text(d, keys[i])));
}

static void print_identifiers(const struct from_json_value *d)
{
    struct from_json_value all = from_json_member(d, "identifiers");
    for (size_t i = 0; i < from_json_count(&all); i++) {
        struct from_json_value item = from_json_item(&all, i);
        print_line(stdout, "%-14s %.*s %.*s", i == 0 ? "known by" : "", SPAN_ARGS(json_text(&item, "kind")), SPAN_ARGS(json_text(&item, "value")));
    }
}

static void print_credentials(const struct from_json_value *d)
{
    struct from_json_value all = from_json_member(d, "credentials");
    for (size_t i = 0; i < from_json_count(&all); i++) {
        struct from_json_value item = from_json_item(&all, i);
        struct span used = json_text(&item, "used_at");
        print_line(stdout, "%-14s %.*s %.*s (%.*s), added %.*s%s%.*s%s", i == 0 ? "shown by" : "", SPAN_ARGS(json_text(&item, "kind")), SPAN_ARGS(json_text(&item, "id")), SPAN_ARGS(json_text(&item, "label")),
                   SPAN_ARGS(json_text(&item, "created_at")), span_empty(used) ? "" : ", last used ", SPAN_ARGS(used), json_true(&item, "void") ? ", void: of a former owner" : "");
    }
}

static void print_results(const struct from_json_value *d)
{
    static const char *const headings[] = { "CHECK", "SEVERITY", "RESULT", "EVALUATED", "FAILS SINCE", "SAW" };
    struct from_json_value all = from_json_member(d, "results");
    CLEANUP(table_done) struct table table;
    char ago[PRINT_AGO_BYTES];
    table_init(&table, headings, 6);
    for (size_t i = 0; i < from_json_count(&all); i++) {
        struct from_json_value r = from_json_item(&all, i);
        bool fails = span_equal_text(json_text(&r, "result"), "fail");
        struct span saw = json_text(&r, "saw"), why = json_text(&r, "why_unknown");
        table_cell(&table, json_text(&r, "check"));
        table_cell(&table, json_text(&r, "severity"));
        table_cell(&table, json_text(&r, "result"));
        table_cell(&table, span_empty(json_text(&r, "evaluated_at")) ? SPAN_LITERAL("never") : span_of(print_ago(json_int(&r, "age_s", 0), ago)));
        table_cell(&table, fails ? json_text(&r, "first_failed_at") : SPAN_NONE);
        table_cell(&table, span_empty(saw) ? why : saw);
    }
    putchar('\n');
    table_print(&table, "no check applies to this platform");
}

static int print_device(const struct args *args, const struct client_answer *a)
{
    if (args->json)
        return client_print_json(a);
    print_texts(&a->root);
    print_identifiers(&a->root);
    print_credentials(&a->root);
    print_results(&a->root);
    return CLI_DONE;
}

/* `suffix` follows the device in the path. */
static int call_device(struct client *c, const char *method, const char *device, const char *format, const struct buf *body, struct client_answer *a)
{
    char path[CLIENT_PATH_BYTES];
    return client_path(path, format, device) ? client_call(c, method, path, body, a) : CLI_USAGE;
}

static int show(const struct args *args)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = call_device(c, "GET", args->words[0], "/admin/v1/devices/%s", NULL, &a);
    return code == CLI_DONE ? print_device(args, &a) : code;
}

static int set_owner(const struct args *args, const char *person, bool force)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    CLEANUP(buf_done) struct buf body;
    struct to_json w;
    buf_init(&body, BODY_BYTES);
    to_json_init(&w, &body);
    to_json_object(&w);
    to_json_member_text_if(&w, "person", span_of(person));
    to_json_member_bool(&w, "force", force);
    to_json_end(&w);
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = call_device(c, "PUT", args->words[0], "/admin/v1/devices/%s/owner", &body, &a);
    if (code != CLI_DONE || args->json)
        return code == CLI_DONE ? client_print_json(&a) : code;
    print_line(stdout, "%.*s belongs to %s", SPAN_ARGS(json_text(&a.root, "device")), person != NULL ? person : "nobody; it is evaluated and listed, never escalated");
    return CLI_DONE;
}

static int assign(const struct args *args) { return set_owner(args, args->words[1], args_has(args, "--force")); }
static int unassign(const struct args *args) { return set_owner(args, NULL, true); }

/* ---- recheck ---- */

/* The newest time at which any check was evaluated: RFC 3339 in UTC sorts as text. */
static void newest_result(const struct from_json_value *d, char out[NAME_BYTES])
{
    struct from_json_value all = from_json_member(d, "results");
    struct span newest = SPAN_NONE;
    for (size_t i = 0; i < from_json_count(&all); i++) {
        struct from_json_value r = from_json_item(&all, i);
        struct span at = json_text(&r, "evaluated_at");
        newest = span_compare(at, newest) > 0 ? at : newest;
    }
    snprintf(out, NAME_BYTES, "%.*s", SPAN_ARGS(newest));
}

/* Asks the gateway until a result is newer than `before`, then once more: the answers of one read may arrive in two writes. */
static int wait_for_results(struct client *c, const struct args *args, const char *before)
{
    char now[NAME_BYTES];
    bool newer = false;
    for (int i = 0; i < WAIT_TRIES; i++) {
        CLEANUP(client_answer_done) struct client_answer a = { 0 };
        usleep(WAIT_MS * 1000);
        int code = call_device(c, "GET", args->words[0], "/admin/v1/devices/%s", NULL, &a);
        if (code != CLI_DONE)
            return code;
        if (newer)
            return print_device(args, &a);
        newest_result(&a.root, now);
        newer = strcmp(now, before) > 0;
    }
    print_line(stderr, "postern: the device has not answered within %d s: it is switched off, away from the network, or its agent does not run", WAIT_TRIES * WAIT_MS / 1000);
    return CLI_NO;
}

static int recheck(const struct args *args)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    char before[NAME_BYTES];
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = call_device(c, "POST", args->words[0], "/admin/v1/devices/%s/recheck", NULL, &a);
    if (code != CLI_DONE)
        return code;
    newest_result(&a.root, before);
    if (args_has(args, "--wait"))
        return wait_for_results(c, args, before);
    if (args->json)
        return client_print_json(&a);
    print_line(stdout, "%.*s is asked at its next poll", SPAN_ARGS(json_text(&a.root, "device")));
    return CLI_DONE;
}

/* ---- identify, remove ---- */

static int fingerprint(const char *path, char hex[SECRET_HEX_BYTES + 1])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned bytes = 0;
    BIO *file = BIO_new_file(path, "r");
    X509 *certificate = file != NULL ? PEM_read_bio_X509(file, NULL, NULL, NULL) : NULL;
    bool good = certificate != NULL && X509_digest(certificate, EVP_sha256(), hash, &bytes) == 1 && bytes == SECRET_HASH_BYTES;
    if (good)
        secret_hex(hash, bytes, hex);
    else
        print_line(stderr, file == NULL ? "postern: cannot read %s" : "postern: %s holds no certificate (PEM)", path);
    X509_free(certificate);
    BIO_free(file);
    return good ? CLI_DONE : CLI_NO;
}

static int identify(const struct args *args)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    CLEANUP(buf_done) struct buf body;
    struct to_json w;
    char hex[SECRET_HEX_BYTES + 1] = "";
    static const struct { const char *option, *member; } ways[] = {
        { "--certificate-sha256", "certificate_sha256" }, { "--certificate-serial", "certificate_serial" }, { "--certificate-serial-decimal", "certificate_serial_decimal" },
    };
    const char *file = args_text(args, "--certificate");
    size_t count = file != NULL;
    int code = file != NULL ? fingerprint(file, hex) : CLI_DONE;
    buf_init(&body, BODY_BYTES);
    to_json_init(&w, &body);
    to_json_object(&w);
    to_json_member_text_if(&w, "certificate_sha256", span_of(hex));
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        const char *given = args_text(args, ways[i].option);
        count += given != NULL;
        if (given != NULL && count == 1)
            to_json_member_text(&w, ways[i].member, span_of(given));
    }
    to_json_end(&w);
    if (count != 1)
        return cli_usage(args->command, "identify needs --certificate FILE.pem, --certificate-sha256 HEX, --certificate-serial HEX or --certificate-serial-decimal NUMBER");
    if (code == CLI_DONE)
        code = client_open(args, &c);
    if (code == CLI_DONE)
        code = call_device(c, "POST", args->words[0], "/admin/v1/devices/%s/identifiers", &body, &a);
    return code == CLI_DONE ? print_device(args, &a) : code;
}

static void say_removed(const struct args *args, const struct from_json_value *answer)
{
    (void)args;
    print_line(stdout, "%.*s is removed; should its agent speak again, it enrols as new", SPAN_ARGS(json_text(answer, "device")));
}

static int remove_device(const struct args *args) { return client_do(args, &(struct client_do){ "DELETE", "/admin/v1/devices/%s", NULL, say_removed }); }

/* ---- browsers ---- */

static void say_link(const struct args *args, const struct from_json_value *answer)
{
    (void)args;
    print_line(stdout, "%.*s", SPAN_ARGS(json_text(answer, "url")));
    print_line(stderr, "open it on %.*s itself: it works once, in one browser, until %.*s, and is not shown again", SPAN_ARGS(json_text(answer, "name")), SPAN_ARGS(json_text(answer, "expires_at")));
}

static int link_for(const struct args *args) { return client_do(args, &(struct client_do){ "POST", "/admin/v1/devices/%s/link", NULL, say_link }); }

static int forget(const struct args *args)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    char path[CLIENT_PATH_BYTES];
    bool all = args_has(args, "--all");
    if (all == (args->word_count > 1))
        return cli_usage(args->command, "forget-browser needs the id of one (postern device show DEVICE lists them), or --all");
    if (!(all ? client_path(path, "/admin/v1/devices/%s/credentials", args->words[0]) : client_path(path, "/admin/v1/devices/%s/credentials/%s", args->words[0], args->words[1])))
        return CLI_USAGE;
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, "DELETE", path, NULL, &a);
    return code == CLI_DONE ? print_device(args, &a) : code;
}

static int run(int argc, char **argv)
{
    static const struct arg_option list_options[] = { { "--query", ARG_TEXT } }, assign_options[] = { { "--force", ARG_FLAG } }, recheck_options[] = { { "--wait", ARG_FLAG } },
                                   identify_options[] = { { "--certificate", ARG_TEXT }, { "--certificate-sha256", ARG_TEXT }, { "--certificate-serial", ARG_TEXT }, { "--certificate-serial-decimal", ARG_TEXT } }, forget_options[] = { { "--all", ARG_FLAG } };
    static const struct cli_action actions[] = {
        { "list", NULL, 0, 0, list_options, 1, list },
        { "show", "DEVICE", 1, 1, NULL, 0, show },
        { "assign", "DEVICE PERSON", 2, 2, assign_options, 1, assign },
        { "unassign", "DEVICE", 1, 1, NULL, 0, unassign },
        { "recheck", "DEVICE", 1, 1, recheck_options, 1, recheck },
        { "identify", "DEVICE", 1, 1, identify_options, 4, identify },
        { "link", "DEVICE", 1, 1, NULL, 0, link_for },
        { "forget-browser", "DEVICE", 1, 2, forget_options, 1, forget },
        { "remove", "DEVICE", 1, 1, NULL, 0, remove_device },
    };
    return args_run_action(&cli_device, actions, sizeof actions / sizeof actions[0], argc, argv);
}

const struct cli_command cli_device = {
    "device",
    "postern device list [--query NAME] [--json]\n"
    "       postern device show DEVICE [--json]\n"
    "       postern device assign DEVICE PERSON [--force] [--json]\n"
    "       postern device unassign DEVICE [--json]\n"
    "       postern device recheck DEVICE [--wait] [--json]\n"
    "       postern device identify DEVICE --certificate FILE.pem | --certificate-sha256 HEX [--json]\n"
    "       postern device identify DEVICE --certificate-serial HEX | --certificate-serial-decimal NUMBER [--json]\n"
    "       postern device link DEVICE [--json]\n"
    "       postern device forget-browser DEVICE BROWSER | --all [--json]\n"
    "       postern device remove DEVICE [--json]\n\n"
    "DEVICE is an id or a serial, PERSON an id, an e-mail address or an alias. --force takes a device from its present owner.\n"
    "recheck asks the device at its next poll; --wait waits for the answer, at most 2 minutes, and prints it.\n"
    "link prints an address that makes the browser known in which it is opened, once, within 15 minutes; forget-browser takes that back.",
    "devices: list, show, owners, ask now, certificates, browsers, remove",
    run,
};
