#include "gateway/cli/cli.h"
#include "gateway/options.h"

#include "posture/base/from_json.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static volatile sig_atomic_t stop_signal; /* written by the handler alone */
static volatile bool stop;

static void on_signal(int number)
{
    stop_signal = number;
    stop = true;
}

static void catch_signals(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

static int print_options(bool page)
{
    struct postern_options o = { 0 };
    struct option_group groups[OPTION_GROUPS];
    struct buf text;
    buf_init(&text, 1024 * 1024);
    size_t count = options_groups(&o, groups);
    bool good = page ? option_describe_page(groups, count, &text) : option_describe_sample(groups, count, &text);
    if (good)
        fputs(buf_text(&text), stdout);
    buf_done(&text);
    return good ? CLI_DONE : CLI_NO;
}

static void print_mistakes(const struct mistakes *mistakes)
{
    struct buf text;
    buf_init(&text, 1024 * 1024);
    if (mistakes_print(mistakes, &text) && text.bytes > 0)
        fputs(buf_text(&text), stderr);
    buf_done(&text);
}

static int serve(const char *config)
{
    struct postern_options options;
    struct mistakes mistakes;
    struct err err = { 0 };
    mistakes_init(&mistakes);
    bool good = options_read(&options, config, true, &mistakes);
    print_mistakes(&mistakes);
    mistakes_done(&mistakes);
    enum err_code code = OK;
    if (good) {
        catch_signals();
        curl_global_init(CURL_GLOBAL_DEFAULT);
        from_json_seed(0);
        code = node_run(&options, config != NULL, &stop, &err);
        if (code != OK)
            fprintf(stderr, "postern serve: %s\n", err.text);
        curl_global_cleanup();
    }
    options_done(&options);
    return good && code == OK ? CLI_DONE : CLI_NO;
}

static int run(int argc, char **argv)
{
    const char *config = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            config = argv[++i];
        else if (strcmp(argv[i], "--describe-options") == 0)
            return print_options(true);
        else if (strcmp(argv[i], "--sample-config") == 0)
            return print_options(false);
        else
            return cli_usage(&cli_serve, "unknown option");
    }
    return serve(config);
}

const struct cli_command cli_serve = {
    "serve",
    "postern serve [--config FILE]\n"
    "       postern serve --describe-options | --sample-config\n\n"
    "Without a file: an embedded redis-server, state under /var/lib/postern (or ./postern-state), the sample policy, https://localhost:8443.",
    "runs the gateway",
    run,
};
