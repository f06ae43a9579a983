/* audit_names: who the names in an archive stand for, as the gateway knows today (GET /admin/v1/archive/names). Erased persons are not among them. */
#ifndef GATEWAY_CLI_AUDIT_NAMES_H
#define GATEWAY_CLI_AUDIT_NAMES_H
#include "gateway/cli/args.h"
#include "posture/archive_key.h"

struct audit_names;
/* Asks the gateway, which writes down that it was asked. CLI_DONE or what client_call() said. Owned. */
int audit_names_fetch(const struct args *args, struct audit_names **out);
void audit_names_free(struct audit_names *n); /* NULL is fine */
void audit_names_freep(struct audit_names **n);
/* Borrowed; empty: not known. Of a name in the archive: an e-mail address or serial (or id), the id. */
struct span audit_names_of(const struct audit_names *n, struct span name);
struct span audit_names_id(const struct audit_names *n, struct span name);
/* The name in the archive of an id, e-mail address or serial. */
struct span audit_names_find(const struct audit_names *n, struct span who);
#endif
