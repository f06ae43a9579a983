/* control: the unix socket through which a test watches and changes a running fleet. One line in, one answer out, then the
 * connection closes:  list | stats | break DEVICE DEFECT | fix DEVICE DEFECT | fix-all,  each with an optional --json.
 * An answer that begins with "error:" reports a mistake. The socket has mode 0600. */
#ifndef AGENT_CONTROL_H
#define AGENT_CONTROL_H

#include "loop.h"
#include "text.h"

struct control;

/* Owned by the caller; NULL with a complaint. An old socket of that name is replaced. `run` answers one line (without its
 * end); `json` says that --json stood at its end. */
struct control *control_open(struct loop *loop, const char *path,
                             void (*run)(void *context, char *line, bool json, struct text *out), void *context);
void control_close(struct control *control);

/* The other side: sends the words of argv as one line, prints the answer. Returns the exit code. */
int control_command(int argc, char **argv);

#endif
