/* slack_manifest: the app as Slack is to make it, from this gateway's own addresses. Pure.
 * Source: Slack's published manifest schema (slackapi/manifest-schema, version 1.0.0). */
#ifndef GATEWAY_SLACK_SLACK_MANIFEST_H
#define GATEWAY_SLACK_SLACK_MANIFEST_H
#include "posture/base/buf.h"

struct slack_manifest {
    struct span public_url;        /* where Slack sends requests; not needed with Socket Mode */
    struct span command;
    bool rotation, socket_mode;
};
/* Request URLs must be https and at most 3,500 characters: ERR_INPUT. Everything else keeps the schema's limits by itself. */
MUST_CHECK enum err_code slack_manifest_write(const struct slack_manifest *m, struct buf *out, struct err *err);
/* The scopes it asks for, and what each is for; NULL at the end. */
struct slack_scope { const char *name, *why; };
const struct slack_scope *slack_manifest_scopes(void);
#endif
