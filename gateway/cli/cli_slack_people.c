#include "gateway/cli/cli_slack_people.h"

#include "gateway/cli/client.h"
#include "gateway/cli/print.h"
#include "posture/base/to_json.h"

#include <string.h>

enum { BODY_BYTES = 2048, PAGE = 1000 };

/* ---- onboard ---- */

static void write_request(struct buf *body, const char *key, const char *value, bool test)
{
    struct to_json w;
    to_json_init(&w, body);
    to_json_object(&w);
    if (value != NULL)
        to_json_member_text(&w, key, span_of(value));
    else
        to_json_member_bool(&w, key, true);
    if (test)
        to_json_member_bool(&w, "test", true);
    to_json_end(&w);
}

/* The server invites some at a time; broken off, the same command goes on where it was. */
static int invite(const struct args *args, const char *key, const char *value, bool test)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(buf_done) struct buf body;
    int64_t invited = 0, already = -1, left = 1;
    buf_init(&body, BODY_BYTES);
    write_request(&body, key, value, test);
    int code = client_open(args, &c);
    while (code == CLI_DONE && left > 0) {
        CLEANUP(client_answer_done) struct client_answer a = { 0 };
        code = client_call(c, "POST", "/admin/v1/onboarding", &body, &a);
        if (code != CLI_DONE)
            return code;
        invited += json_int(&a.root, "invited", 0);
        already = already < 0 ? json_int(&a.root, "already", 0) : already; /* later answers count those of this command, too */
        left = json_int(&a.root, "left", 0);
        if (args->json && left == 0)
            print_line(stdout, "{\"invited\":%lld,\"already\":%lld}", (long long)invited, (long long)already);
    }
    if (code != CLI_DONE || args->json)
        return code;
    if (test)
        print_line(stdout, invited > 0 ? "the greeting goes out now, unless somebody was written to today already: at most one message a day" : "a greeting is on its way already");
    else
        print_line(stdout, "invited: %lld, invited before: %lld; each is greeted at their own hours, at most one message a day (postern slack onboarding)", (long long)invited, (long long)already);
    return CLI_DONE;
}

int cli_slack_onboard(const struct args *args)
{
    const char *group = args_text(args, "--group");
    if (group != NULL)
        return args->word_count == 0 ? invite(args, "group", group, false) : cli_usage(args->command, "give --group, or a person, or everyone");
    if (args->word_count == 0)
        return cli_usage(args->command, "who: everyone, --group GROUP, or a person");
    return strcmp(args->words[0], "everyone") == 0 ? invite(args, "everyone", NULL, false) : invite(args, "person", args->words[0], false);
}

int cli_slack_test(const struct args *args) { return invite(args, "person", args->words[0], true); }

/* ---- the tables ---- */

struct stages { struct table table; int64_t invited, contacted, installed; };

static void add_stage(void *context, const struct from_json_value *p)
{
    struct stages *s = context;
    struct span stage = json_text(p, "stage");
    s->invited += !span_empty(json_text(p, "invited_at"));
    s->contacted += !span_empty(json_text(p, "contacted_at"));
    s->installed += span_equal_text(stage, "installed");
    table_cell(&s->table, span_empty(json_text(p, "email")) ? json_text(p, "id") : json_text(p, "email"));
    table_cell(&s->table, stage);
    table_cell(&s->table, json_text(p, "channel"));
    table_cell(&s->table, json_text(p, "invited_at"));
    table_cell(&s->table, json_text(p, "contacted_at"));
    table_cell(&s->table, json_text(p, "error"));
}

int cli_slack_onboarding(const struct args *args)
{
    static const char *const headings[] = { "PERSON", "STAGE", "CHANNEL", "INVITED", "CONTACTED", "ERROR" };
    CLEANUP(client_closep) struct client *c = NULL;
    struct stages s = { .invited = 0 };
    table_init(&s.table, headings, 6);
    struct client_list list = { "/admin/v1/onboarding", "persons", PAGE, args->json, add_stage, &s };
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_each(c, &list);
    if (code == CLI_DONE && !args->json) {
        table_print(&s.table, "no people yet: postern person import FILE");
        print_line(stdout, "invited: %lld, contacted: %lld, installed: %lld", (long long)s.invited, (long long)s.contacted, (long long)s.installed);
    }
    table_done(&s.table);
    return code;
}

static void add_mapping(void *context, const struct from_json_value *p)
{
    table_cell(context, span_empty(json_text(p, "email")) ? json_text(p, "id") : json_text(p, "email"));
    table_cell(context, json_text(p, "slack"));
    table_cell(context, json_text(p, "state"));
    table_cell(context, json_text(p, "zone"));
    table_cell(context, json_text(p, "error"));
}

int cli_slack_people(const struct args *args)
{
    static const char *const headings[] = { "PERSON", "SLACK", "STATE", "ZONE", "ERROR" };
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(table_done) struct table table;
    table_init(&table, headings, 5);
    struct client_list list = { args_has(args, "--unmapped") ? "/admin/v1/slack/people?unmapped=true" : "/admin/v1/slack/people", "persons", PAGE, args->json, add_mapping, &table };
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_each(c, &list);
    if (code == CLI_DONE && !args->json)
        table_print(&table, args_has(args, "--unmapped") ? "everybody is known to Slack" : "no people yet: postern person import FILE");
    return code;
}
