/* enroll-secret: what an agent enrols with, together with the flags and the certificate that osqueryd needs. */
#include "gateway/cli/client.h"
#include "gateway/cli/print.h"
#include "posture/base/file.h"
#include "posture/base/to_json.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BODY_BYTES = 4096, FLAGS_BYTES = 64 * 1024 };
static const char secret_file[] = "enroll_secret", flags_file[] = "osquery.flags", certificate_file[] = "posture-ca.pem";

/* ---- files ---- */

static bool write_file(const char *folder, const char *name, struct span content, mode_t mode)
{
    char path[PATH_MAX];
    struct err err;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path) {
        print_line(stderr, "postern: the name of the folder is too long");
        return false;
    }
    if (file_write_private(path, content, &err) != OK) {
        print_line(stderr, "postern: %s", err.text);
        return false;
    }
    if (chmod(path, mode) == 0)
        return true;
    print_line(stderr, "postern: cannot set the mode of %s", path);
    return false;
}

/* The same flags, with the two paths that point into the folder. */
static void point_into(const char *folder, struct span flags, struct buf *out)
{
    static const struct { const char *flag, *file; } rows[] = { { "--tls_server_certs=", certificate_file }, { "--enroll_secret_path=", secret_file } };
    struct span line;
    while (span_cut(&flags, '\n', &line)) {
        const char *file = NULL;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            if (!span_starts(line, span_of(rows[i].flag)))
                continue;
            file = rows[i].file;
            buf_append_text(out, rows[i].flag);
            buf_append_text(out, folder);
            buf_append_byte(out, '/');
            buf_append_text(out, file);
        }
        if (file == NULL)
            buf_append(out, line);
        if (flags.at != NULL)
            buf_append_byte(out, '\n');
    }
}

static int write_folder(const char *folder, const struct from_json_value *answer)
{
    char whole[PATH_MAX];
    struct err err;
    CLEANUP(buf_done) struct buf flags;
    buf_init(&flags, FLAGS_BYTES);
    if (file_mkdirs(folder, 0755, &err) != OK) {
        print_line(stderr, "postern: %s", err.text);
        return CLI_NO;
    }
    if (realpath(folder, whole) == NULL) {
        print_line(stderr, "postern: cannot find the folder %s", folder);
        return CLI_NO;
    }
    point_into(whole, json_text(answer, "osquery_flags"), &flags);
    if (!write_file(whole, secret_file, json_text(answer, "secret"), 0600) || !write_file(whole, flags_file, buf_span(&flags), 0644)
        || !write_file(whole, certificate_file, json_text(answer, "certificate_pem"), 0644))
        return CLI_NO;
    return CLI_DONE;
}

/* ---- create ---- */

static void write_request(const struct args *args, struct buf *body)
{
    static const struct { const char *option, *key; } rows[] = { { "--label", "label" }, { "--group", "group" }, { "--person", "person" }, { "--expires", "expires" } };
    struct to_json w;
    to_json_init(&w, body);
    to_json_object(&w);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        to_json_member_text_if(&w, rows[i].key, span_of(args_text(args, rows[i].option)));
    to_json_end(&w);
}

static void print_lines(struct span text)
{
    struct span line;
    while (span_cut(&text, '\n', &line))
        if (!span_empty(line) || text.at != NULL)
            print_line(stdout, "%.*s", SPAN_ARGS(line));
}

static void print_secret(const struct client *c, const struct from_json_value *answer, const char *folder)
{
    print_line(stdout, "%.*s", SPAN_ARGS(json_text(answer, "secret")));
    if (folder != NULL) {
        print_line(stdout, "written to %s: %s (mode 0600), %s, %s", folder, secret_file, flags_file, certificate_file);
        print_line(stdout, "osqueryd --flagfile %s/%s", folder, flags_file);
        return;
    }
    printf("\n# osquery.flags\n");
    print_lines(json_text(answer, "osquery_flags"));
    printf("\n");
    if (client_state(c) != NULL)
        print_line(stdout, "# The certificate to trust is the one of the public listener (%s/self-signed.crt when the gateway made it).", client_state(c));
    print_line(stdout, "# --write DIR puts the secret, the flags and the certificate into a folder.");
}

static int create(const struct args *args)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    CLEANUP(buf_done) struct buf body;
    const char *folder = args_text(args, "--write");
    buf_init(&body, BODY_BYTES);
    if (args_has(args, "--group") && args_has(args, "--person"))
        return cli_usage(args->command, "give --group or --person, not both");
    write_request(args, &body);
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, "POST", "/admin/v1/enroll-secrets", &body, &a);
    if (code == CLI_DONE && folder != NULL)
        code = write_folder(folder, &a.root);
    if (code != CLI_DONE || args->json)
        return code == CLI_DONE ? client_print_json(&a) : code;
    print_secret(c, &a.root, folder);
    print_line(stderr, "enrol secret %.*s; it is shown this once", SPAN_ARGS(json_text(&a.root, "id")));
    return CLI_DONE;
}

/* ---- list, revoke ---- */

static void add_row(void *context, const struct from_json_value *s)
{
    struct span group = json_text(s, "group"), person = json_text(s, "person");
    table_cell(context, json_text(s, "id"));
    table_cell(context, json_text(s, "label"));
    table_cell(context, span_empty(person) ? (span_empty(group) ? SPAN_LITERAL("anyone") : group) : person);
    table_cell(context, json_text(s, "state"));
    table_cell(context, json_text(s, "created_at"));
    table_cell(context, json_text(s, "expires_at"));
}

static int list(const struct args *args)
{
    static const char *const headings[] = { "SECRET", "LABEL", "FOR", "STATE", "CREATED", "EXPIRES" };
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(table_done) struct table table;
    table_init(&table, headings, 6);
    struct client_list secrets = { "/admin/v1/enroll-secrets", "enroll_secrets", 0, args->json, add_row, &table };
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_each(c, &secrets);
    if (code == CLI_DONE && !args->json)
        table_print(&table, "no enrol secrets yet: postern enroll-secret create");
    return code;
}

static void say_revoked(const struct args *args, const struct from_json_value *answer)
{
    (void)answer;
    print_line(stdout, "enrol secret %s is revoked; devices that enrolled with it stay", args->words[0]);
}

static int revoke(const struct args *args) { return client_do(args, &(struct client_do){ "DELETE", "/admin/v1/enroll-secrets/%s", NULL, say_revoked }); }

static int run(int argc, char **argv)
{
    static const struct arg_option create_options[] = { { "--label", ARG_TEXT }, { "--group", ARG_TEXT }, { "--person", ARG_TEXT }, { "--expires", ARG_TEXT }, { "--write", ARG_TEXT } };
    static const struct cli_action actions[] = {
        { "create", NULL, 0, 0, create_options, 5, create },
        { "list", NULL, 0, 0, NULL, 0, list },
        { "revoke", "SECRET", 1, 1, NULL, 0, revoke },
    };
    return args_run_action(&cli_enroll_secret, actions, sizeof actions / sizeof actions[0], argc, argv);
}

const struct cli_command cli_enroll_secret = {
    "enroll-secret",
    "postern enroll-secret create [--label TEXT] [--group GROUP | --person PERSON] [--expires 90d] [--write DIR] [--json]\n"
    "       postern enroll-secret list [--json]\n"
    "       postern enroll-secret revoke SECRET [--json]\n\n"
    "Prints the secret once, and the flags that osqueryd needs. --write puts enroll_secret, osquery.flags and posture-ca.pem into\n"
    "DIR, and the flags name them there. With --person, devices that enrol with it belong to that person.",
    "secrets that agents enrol with: create, list, revoke",
    run,
};
