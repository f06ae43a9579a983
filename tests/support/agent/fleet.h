/* fleet: the command that plays many devices of three platforms from one process. */
#ifndef AGENT_FLEET_H
#define AGENT_FLEET_H

/* Returns the exit code. */
int fleet_command(int argc, char **argv);

#endif
