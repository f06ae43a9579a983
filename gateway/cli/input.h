/* input: a file that a command is given, or standard input for "-". */
#ifndef GATEWAY_CLI_INPUT_H
#define GATEWAY_CLI_INPUT_H
#include "posture/base/buf.h"

/* All of it, up to the limit of `text`. CLI_DONE, or CLI_NO after saying why. */
int input_read(const char *path, struct buf *text);
const char *input_name(const char *path); /* for messages */
#endif
