#include "control.h"
#include "fleet.h"
#include "run.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "postern-agent: stands in for osqueryd 5.23.1, for tests and demonstrations\n"
    "\n"
    "  postern-agent run --flagfile FILE --database_path DIR [--root DIR] [--FLAG=VALUE ...]\n"
    "      this machine as one device, with the flags osqueryd takes\n"
    "  postern-agent fleet --server HOST:PORT --ca FILE (--fleet FILE | --count N) [--enroll-secret-file FILE]\n"
    "      [--seed N] [--interval S] [--control SOCK] [--prefix /osquery] [--plain] [--once [--give-up-after S]]\n"
    "      [--parallel N] [--spread N] [--start-period S] [--config-refresh S] [--log-period S] [--compress]\n"
    "      [--client-cert FILE --client-key FILE] [--verbose]\n"
    "      many made-up devices of three platforms\n"
    "  postern-agent control SOCK list | stats | break DEVICE DEFECT | fix DEVICE DEFECT | fix-all [--json]\n"
    "  postern-agent query \"SELECT ...\" [--root DIR] [--json]\n"
    "      one statement over this machine's tables\n";

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {
        { "run", run_command }, { "fleet", fleet_command }, { "control", control_command }, { "query", query_command },
    };
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    bool asked = argc > 1 && (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0);
    fputs(usage, asked ? stdout : stderr);
    return asked ? 0 : 2;
}
