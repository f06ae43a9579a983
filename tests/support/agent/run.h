/* run: the commands over the live machine: `run` (an osqueryd) and `query` (an osqueryi). */
#ifndef AGENT_RUN_H
#define AGENT_RUN_H

/* Both return the exit code. */
int run_command(int argc, char **argv);
int query_command(int argc, char **argv);

#endif
