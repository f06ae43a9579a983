/* slack_signature: whether a request comes from Slack: HMAC-SHA-256 over "v0:<time>:<body>" with the app's signing secret, and a time that is near ours.
 * Pure; safe from all threads. Everything but the secrets is untrusted.
 * Source: docs.slack.dev/authentication/verifying-requests-from-slack. */
#ifndef CONNECTORS_NOTIFY_SLACK_SIGNATURE_H
#define CONNECTORS_NOTIFY_SLACK_SIGNATURE_H
#include "posture/base/buf.h"

enum { SLACK_CLOCK_S = 300 /* further than this from our clock, either way, is a replay or a clock that is wrong */, SLACK_SIGNATURE_BYTES = 67 /* "v0=" and 64 digits */,
       SLACK_BODY_BYTES = 1024 * 1024, SLACK_SECRETS = 2 /* the old one counts too while it is being replaced */ };

enum slack_proof {
    SLACK_GENUINE,
    SLACK_UNSIGNED,  /* a header is missing, or is not what Slack writes there */
    SLACK_STALE,     /* signed long ago, or in the future: the signature was not looked at */
    SLACK_FORGED     /* signed with another secret, or over another body */
};
/* The headers X-Slack-Request-Timestamp and X-Slack-Signature as received, and the body before anybody read it. */
struct slack_signed { struct span timestamp, signature, body; };
/* The secrets are text, whatever they look like; an empty one is passed over. */
enum slack_proof slack_prove(const struct slack_signed *what, const struct span secrets[SLACK_SECRETS], int64_t now_s);
/* Appends "v0=" and the digits: what Slack would send. For tests' peers and for slack_prove(). False when memory is short. */
bool slack_sign(struct span secret, struct span timestamp, struct span body, struct buf *out);

#endif
