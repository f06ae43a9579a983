/* main: finds the command, runs it, returns its exit code. */
#include "gateway/cli/cli.h"

int main(int argc, char **argv) { return cli_main(argc, argv); }
