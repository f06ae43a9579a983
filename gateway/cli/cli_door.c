/* door: the ways an IdP or an app asks during a login. They live in the policy; adding one prints every value to copy into the IdP. */
#include "connectors/identity/saml_metadata.h"
#include "gateway/cli/client.h"
#include "gateway/cli/print.h"
#include "posture/base/file.h"
#include "posture/base/to_json.h"

#include <string.h>
#include <time.h>

enum { BODY_BYTES = 1024 * 1024, FILE_BYTES = 64 * 1024, CELL_BYTES = 128, VERSION_SHOWN = 12 };

/* What a KIND of `door add` stands for. `oidc` and `saml` say which protocols it can speak; with both, the addresses given decide. */
struct preset { const char *name, *title, *use; bool saml, oidc, hook; };
static const struct preset presets[] = {
    { "okta-posture", "Okta", "okta_posture", true, true, false },
    { "okta-factor", "Okta", "factor", true, true, false },
    { "okta-hooks", "Okta", NULL, false, false, true },
    { "entra", "Microsoft Entra", "entra", false, true, false },
    { "keycloak", "Keycloak", NULL, true, true, false },
    { "saml", NULL, NULL, true, false, false },
    { "oidc", NULL, NULL, false, true, false },
};
enum { PRESETS = sizeof presets / sizeof presets[0] };

static const struct preset *find_preset(const char *name)
{
    for (size_t i = 0; i < PRESETS; i++)
        if (strcmp(presets[i].name, name) == 0)
            return &presets[i];
    return NULL;
}

/* ---- what is printed ---- */

/* Values of several lines (certificates) stand alone and unindented, so that they can be copied as they are. */
static void print_value(struct span value)
{
    struct span line;
    if (span_find(value, '\n') == value.bytes) {
        print_line(stdout, "      %.*s", SPAN_ARGS(value));
        return;
    }
    while (span_cut(&value, '\n', &line))
        if (!span_empty(line) || value.at != NULL)
            print_line(stdout, "%.*s", SPAN_ARGS(line));
}

static void print_set_up(const struct from_json_value *answer)
{
    struct from_json_value sections = from_json_member(answer, "set_up");
    for (size_t i = 0; i < from_json_count(&sections); i++) {
        struct from_json_value section = from_json_item(&sections, i), fields = from_json_member(&section, "fields");
        if (from_json_count(&fields) == 0)
            continue;
        printf("\n");
        print_line(stdout, "%.*s", SPAN_ARGS(json_text(&section, "title")));
        for (size_t k = 0; k < from_json_count(&fields); k++) {
            struct from_json_value field = from_json_item(&fields, k);
            print_line(stdout, "  %.*s", SPAN_ARGS(json_text(&field, "name")));
            print_value(json_text(&field, "value"));
        }
    }
}

static void print_undo(const struct from_json_value *answer)
{
    struct from_json_value undo = from_json_member(answer, "undo");
    if (from_json_count(&undo) == 0)
        return;
    printf("\n");
    print_line(stdout, "to undo, in this order");
    for (size_t i = 0; i < from_json_count(&undo); i++) {
        struct from_json_value item = from_json_item(&undo, i);
        struct span text = SPAN_NONE;
        if (from_json_text(&item, BODY_BYTES, &text, NULL) == OK)
            print_line(stdout, "  %zu. %.*s", i + 1, SPAN_ARGS(text));
    }
}

static void print_yaml(const struct from_json_value *answer)
{
    struct span rest = json_text(answer, "yaml"), line;
    if (span_empty(rest))
        return;
    printf("\n");
    print_line(stdout, "to keep in the policy file, under doors:");
    while (span_cut(&rest, '\n', &line))
        if (!span_empty(line))
            print_line(stdout, "%.*s", SPAN_ARGS(line));
}

/* ---- add: the options as a door of the policy ---- */

static void member_if(struct to_json *w, const struct args *args, const char *key, const char *option) { to_json_member_text_if(w, key, span_of(args_text(args, option))); }

static void list_if(struct to_json *w, const struct args *args, const char *key, const char *option)
{
    size_t position = 0;
    if (!args_has(args, option))
        return;
    to_json_key(w, key);
    to_json_array(w);
    for (const char *text; (text = args_next(args, option, &position)) != NULL;)
        to_json_text(w, span_of(text));
    to_json_end(w);
}

static int read_file(const char *path, struct buf *out)
{
    struct err err;
    if (file_read(path, FILE_BYTES, out, &err) == OK)
        return CLI_DONE;
    print_line(stderr, "postern: %s", err.text);
    return CLI_NO;
}

static int write_certificates(struct to_json *w, const struct args *args)
{
    size_t position = 0;
    int code = CLI_DONE;
    if (!args_has(args, "--certificate"))
        return CLI_DONE;
    to_json_key(w, "certificates");
    to_json_array(w);
    for (const char *path; code == CLI_DONE && (path = args_next(args, "--certificate", &position)) != NULL;) {
        CLEANUP(buf_done) struct buf pem;
        buf_init(&pem, FILE_BYTES);
        code = read_file(path, &pem);
        to_json_text(w, buf_span(&pem));
    }
    to_json_end(w);
    return code;
}

/* What the SP says of itself. Options beside it count more: an SP may have addresses that this door is not for. */
static int read_metadata(const struct args *args, struct arena *arena, struct saml_metadata *out)
{
    const char *path = args_text(args, "--metadata");
    CLEANUP(buf_done) struct buf file;
    struct err err;
    buf_init(&file, SAML_METADATA_BYTES);
    enum err_code code = file_read(path, SAML_METADATA_BYTES, &file, &err);
    if (code == OK && (code = saml_metadata_read(buf_span(&file), arena, out, &err)) != OK)
        err_wrap(&err, "%s", path);
    if (code != OK) {
        print_line(stderr, "postern: %s", err.text);
        return CLI_NO;
    }
    if (out->valid_until_s > 0 && out->valid_until_s < (int64_t)time(NULL))
        print_line(stderr, "%s: its validUntil is past; ask for the newest one if this is not it", path);
    return CLI_DONE;
}

static void write_list(struct to_json *w, const char *key, const struct span *all, size_t count)
{
    if (count == 0)
        return;
    to_json_key(w, key);
    to_json_array(w);
    for (size_t i = 0; i < count; i++)
        to_json_text(w, all[i]);
    to_json_end(w);
}

static void write_metadata(struct to_json *w, const struct args *args, const struct saml_metadata *m)
{
    bool own_certificates = args_has(args, "--certificate");
    if (!args_has(args, "--entity-id"))
        to_json_member_text(w, "entity_id", m->entity_id);
    if (!args_has(args, "--acs"))
        write_list(w, "acs", m->acs, m->acs_count);
    if (!own_certificates)
        write_list(w, "certificates", m->certificates, m->certificate_count);
    if (!own_certificates && m->requests_signed && m->certificate_count > 0)
        to_json_member_text(w, "requests", SPAN_LITERAL("signed"));
}

static int write_saml(struct to_json *w, const struct args *args)
{
    struct saml_metadata metadata;
    struct arena arena;
    int code = CLI_DONE;
    to_json_key(w, "saml");
    to_json_object(w);
    arena_init(&arena, 16 * 1024, BODY_BYTES);
    if (args_has(args, "--metadata") && (code = read_metadata(args, &arena, &metadata)) == CLI_DONE)
        write_metadata(w, args, &metadata);
    arena_done(&arena);
    member_if(w, args, "entity_id", "--entity-id");
    list_if(w, args, "acs", "--acs");
    if (code == CLI_DONE)
        code = write_certificates(w, args);
    if (args_has(args, "--certificate"))
        to_json_member_text(w, "requests", SPAN_LITERAL("signed"));
    to_json_end(w);
    return code;
}

static int write_jwks(struct to_json *w, const struct args *args)
{
    CLEANUP(buf_done) struct buf jwks;
    buf_init(&jwks, FILE_BYTES);
    if (!args_has(args, "--jwks"))
        return CLI_DONE;
    int code = read_file(args_text(args, "--jwks"), &jwks);
    to_json_member_text(w, "jwks", buf_span(&jwks));
    return code;
}

static int write_oidc(struct to_json *w, const struct args *args)
{
    to_json_key(w, "oidc");
    to_json_object(w);
    member_if(w, args, "client_id", "--client-id");
    list_if(w, args, "redirect_uris", "--redirect-uri");
    member_if(w, args, "auth", "--auth");
    list_if(w, args, "tenants", "--tenant");
    member_if(w, args, "hint_audience", "--app-id");
    int code = write_jwks(w, args);
    to_json_end(w);
    return code;
}

static int write_door(struct to_json *w, const struct preset *p, const struct args *args)
{
    bool oidc = p->oidc && (!p->saml || args_has(args, "--redirect-uri") || args_has(args, "--client-id"));
    int code = CLI_DONE;
    to_json_object(w);
    to_json_key(w, "door");
    to_json_object(w);
    to_json_member_text(w, "id", span_of(args_has(args, "--id") ? args_text(args, "--id") : p->name));
    to_json_member_text(w, "kind", p->hook ? SPAN_LITERAL("okta_hook") : oidc ? SPAN_LITERAL("oidc") : SPAN_LITERAL("saml"));
    to_json_member_text_if(w, "use", span_of(args_has(args, "--use") ? args_text(args, "--use") : p->use));
    to_json_member_text_if(w, "title", span_of(args_has(args, "--title") ? args_text(args, "--title") : p->title));
    member_if(w, args, "app", "--app");
    member_if(w, args, "when_denied", "--when-denied");
    if (!p->hook)
        code = oidc ? write_oidc(w, args) : write_saml(w, args);
    to_json_end(w);
    to_json_end(w);
    return code;
}

/* ---- the actions ---- */

static void print_added(const struct from_json_value *answer)
{
    print_line(stdout, "door %.*s is in force (policy %.*s)", SPAN_ARGS(json_text(answer, "id")), SPAN_ARGS(span_slice(json_text(answer, "version"), 0, VERSION_SHOWN)));
    struct from_json_value warnings = from_json_member(answer, "mistakes");
    for (size_t i = 0; i < from_json_count(&warnings); i++) {
        struct from_json_value m = from_json_item(&warnings, i);
        print_line(stderr, "%.*s: %.*s", SPAN_ARGS(json_text(&m, "file")), SPAN_ARGS(json_text(&m, "message")));
    }
    print_set_up(answer);
    print_yaml(answer);
    print_undo(answer);
    if (!span_empty(json_text(answer, "note")))
        print_line(stderr, "%.*s", SPAN_ARGS(json_text(answer, "note")));
}

/* Nothing was changed: what is missing, or the policy's file, is told with the values that are known already. */
static void print_refused(const struct client_answer *a)
{
    print_set_up(&a->root);
    print_yaml(&a->root);
    if (span_empty(json_text(&a->root, "yaml")))
        return;
    printf("\n");
    print_line(stdout, "after postern apply: postern door show DOOR prints this again; postern key create --scope login (or hooks) --door DOOR makes its secret");
}

static int add(const struct args *args)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    CLEANUP(buf_done) struct buf body;
    struct to_json w;
    const struct preset *preset = find_preset(args->words[0]);
    buf_init(&body, BODY_BYTES);
    if (preset == NULL)
        return cli_usage(args->command, "KIND is one of okta-posture, okta-factor, okta-hooks, entra, keycloak, saml, oidc");
    to_json_init(&w, &body);
    int code = write_door(&w, preset, args);
    if (code == CLI_DONE)
        code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, "POST", "/admin/v1/doors", &body, &a);
    if (args->json && a.doc != NULL)
        (void)client_print_json(&a);
    else if (code == CLI_DONE)
        print_added(&a.root);
    else
        print_refused(&a);
    return code;
}

static void add_row(void *context, const struct from_json_value *door)
{
    struct from_json_value secrets = from_json_member(door, "secrets");
    table_cell(context, json_text(door, "id"));
    table_cell(context, json_text(door, "kind"));
    table_cell(context, json_text(door, "use"));
    table_cell(context, json_text(door, "title"));
    table_cell(context, json_text(door, "app"));
    table_int(context, (int64_t)from_json_count(&secrets));
}

static int list(const struct args *args)
{
    static const char *const headings[] = { "DOOR", "KIND", "USE", "TITLE", "APP", "SECRETS" };
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(table_done) struct table table;
    table_init(&table, headings, sizeof headings / sizeof headings[0]);
    struct client_list doors = { "/admin/v1/doors", "doors", 0, args->json, add_row, &table };
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_each(c, &doors);
    if (code == CLI_DONE && !args->json)
        table_print(&table, "no doors yet: postern door add okta-posture, okta-factor, okta-hooks, entra, keycloak, saml or oidc");
    return code;
}

static void print_door(const struct args *args, const struct from_json_value *door)
{
    (void)args;
    print_line(stdout, "door %.*s", SPAN_ARGS(json_text(door, "id")));
    print_set_up(door);
    print_yaml(door);
    print_undo(door);
}

static int show(const struct args *args) { return client_do(args, &(struct client_do){ "GET", "/admin/v1/doors/%s", NULL, print_door }); }

/* What must go at the IdP is said first: a door that is gone while the IdP still asks lets nobody in. */
static int remove_door(const struct args *args)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer shown = { 0 };
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    char path[CLIENT_PATH_BYTES];
    if (!client_path(path, "/admin/v1/doors/%s", args->words[0]))
        return CLI_USAGE;
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, "GET", path, NULL, &shown);
    if (code != CLI_DONE)
        return code;
    if (!args_has(args, "--yes")) {
        print_undo(&shown.root);
        print_line(stderr, "postern: when all but the last is done, say --yes; nothing was changed");
        return CLI_NO;
    }
    code = client_call(c, "DELETE", path, NULL, &a);
    if (code != CLI_DONE || args->json)
        return code == CLI_DONE ? client_print_json(&a) : code;
    print_line(stdout, "door %s is gone, and its secrets are revoked (policy %.*s)", args->words[0], SPAN_ARGS(span_slice(json_text(&a.root, "version"), 0, VERSION_SHOWN)));
    return CLI_DONE;
}

static int run(int argc, char **argv)
{
    static const struct arg_option add_options[] = {
        { "--id", ARG_TEXT }, { "--title", ARG_TEXT }, { "--app", ARG_TEXT }, { "--use", ARG_TEXT }, { "--when-denied", ARG_TEXT }, { "--entity-id", ARG_TEXT },
        { "--acs", ARG_TEXTS }, { "--certificate", ARG_TEXTS }, { "--client-id", ARG_TEXT }, { "--redirect-uri", ARG_TEXTS }, { "--auth", ARG_TEXT },
        { "--jwks", ARG_TEXT }, { "--metadata", ARG_TEXT }, { "--tenant", ARG_TEXTS }, { "--app-id", ARG_TEXT },
    };
    static const struct arg_option remove_options[] = { { "--yes", ARG_FLAG } };
    static const struct cli_action actions[] = {
        { "add", "KIND", 1, 1, add_options, sizeof add_options / sizeof add_options[0], add },
        { "list", NULL, 0, 0, NULL, 0, list },
        { "show", "DOOR", 1, 1, NULL, 0, show },
        { "remove", "DOOR", 1, 1, remove_options, 1, remove_door },
    };
    return args_run_action(&cli_door, actions, sizeof actions / sizeof actions[0], argc, argv);
}

const struct cli_command cli_door = {
    "door",
    "postern door add KIND [--id DOOR] [--title TEXT] [--app APP] [--use USE] [--when-denied page|answer] [--json]\n"
    "                SAML: [--metadata FILE] [--entity-id ID] [--acs URL...] [--certificate FILE...]\n"
    "                OpenID Connect: [--client-id ID] [--redirect-uri URL...] [--auth METHOD] [--jwks FILE]\n"
    "                Entra: --tenant ID... --app-id ID\n"
    "       postern door list [--json]\n"
    "       postern door show DOOR [--json]\n"
    "       postern door remove DOOR --yes [--json]\n\n"
    "KIND: okta-posture, okta-factor, okta-hooks, entra, keycloak, saml, oidc. `add` puts the door into the policy in force, makes its\n"
    "client secret or hook key, and prints every value to copy into the IdP and the block to keep in the policy file; while something\n"
    "is missing it prints what is known, changes nothing and exits with 1. `show` prints the same again without the secret. `remove`\n"
    "says what to take away at the IdP first.",
    "how IdPs and apps ask during a login: add, list, show, remove",
    run,
};
