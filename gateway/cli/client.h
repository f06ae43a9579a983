/* client: one connection of the command line to /admin/v1: over admin.sock in the state folder, or to POSTERN_URL with the API key in
 * POSTERN_KEY (and the certificate to trust in the file POSTERN_CA). Blocks; says on stderr what went wrong and returns the exit code. */
#ifndef GATEWAY_CLI_CLIENT_H
#define GATEWAY_CLI_CLIENT_H
#include "gateway/cli/args.h"
#include "posture/base/buf.h"
#include "posture/base/from_json.h"

enum { CLIENT_ANSWER_BYTES = 64 * 1024 * 1024, CLIENT_DEPTH = 32, CLIENT_PATH_BYTES = 2048 };
struct client;
/* --state or --config first, then POSTERN_URL, then POSTERN_STATE, else /var/lib/postern when its admin.sock is there, else ./postern-state.
 * Connects to nothing yet. CLI_DONE, or CLI_USAGE or CLI_NO after saying why. */
int client_open(const struct args *args, struct client **out);
void client_close(struct client *c);
void client_closep(struct client **c);
/* The state folder, whether or not it is the way to the gateway: NULL with POSTERN_URL. Borrowed. */
const char *client_state(const struct client *c);

struct client_answer {
    long status;
    struct buf body;            /* as it came */
    struct from_json *doc;      /* of a JSON answer */
    struct from_json_value root;
};
void client_answer_done(struct client_answer *a); /* NULL, zeroed and repeated are fine */
/* A path is built of words that were not ours, so it is a format of "%s" only, each percent-encoded: client_path(path, "/admin/v1/persons/%s", name).
 * False when it does not fit. */
bool client_path(char path[CLIENT_PATH_BYTES], const char *format, ...);
/* CLI_DONE and the answer for 2xx. Else the problem is on stderr (with every mistake of a policy): CLI_NO, or CLI_UNREACHABLE when the gateway, or
 * its store, could not be reached. `body` is JSON, NULL for none; one that became too long is not sent: CLI_NO. The answer must be zeroed or done before. */
int client_call(struct client *c, const char *method, const char *path, const struct buf *body, struct client_answer *answer);
/* GET path and page on with "after" until the end: `item` sees each object of the array `key` of every page, `last` the members of the final page.
 * With `json` the pages are joined to one answer of the same shape on stdout instead. `path` has its query already ("?" included). */
typedef void client_item_fn(void *context, const struct from_json_value *item);
struct client_list { const char *path, *key; unsigned page; bool json; client_item_fn *item; void *context; };
int client_each(struct client *c, const struct client_list *list);
int client_print_json(const struct client_answer *answer); /* CLI_DONE */
/* All of a command that is one call: opens, calls, and prints the answer: with --json as it came, else by `say`. A "%s" of the path is the command's first word. */
struct client_do { const char *method, *path; const struct buf *body; void (*say)(const struct args *args, const struct from_json_value *answer); };
int client_do(const struct args *args, const struct client_do *what);
#endif
