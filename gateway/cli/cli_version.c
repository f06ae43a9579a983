#include "gateway/cli/cli.h"

#include <stdio.h>
#include <string.h>

static int run(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--json") == 0)
        printf("{\"version\":\"%s\",\"license\":\"AGPL-3.0-or-later\"}\n", POSTERN_VERSION);
    else if (argc > 1)
        return cli_usage(&cli_version, "unknown option");
    else
        printf("postern %s (AGPL-3.0-or-later)\n", POSTERN_VERSION);
    return CLI_DONE;
}

const struct cli_command cli_version = { "version", "postern version [--json]", "prints the version", run };
