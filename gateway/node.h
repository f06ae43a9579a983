/* node: this running gateway; the wiring. Makes every part in order, hands it what it needs, undoes it in reverse. Handlers read it through r->node; nothing in it
 * changes after node_start() except through the parts' own thread-safe calls. */
#ifndef GATEWAY_NODE_H
#define GATEWAY_NODE_H
#include "gateway/metrics.h"
#include "posture/base/log.h"
#include "posture/base/secret.h"
#include "posture/directory.h"

struct router; struct login_door; struct feed; struct slow_lane; struct effects; struct decision_log; struct refresher; struct event_hub; struct allowance; struct once_memory; struct signing_ring; struct key_fetcher; struct device_certificates; struct okta_watch; struct callers; struct managers; struct simulations; struct slack_app; struct pressure; struct slack_line;
struct node_options {
    struct span public_url;         /* no trailing slash */
    struct span state;              /* folder */
    const struct span *trusted_proxies; size_t trusted_proxy_count; /* CIDRs */
    bool slack, email;              /* a channel is configured */
    struct span certificate_pem;    /* of the public listener, for agents to trust; set before it listens */
    struct span device_url;         /* where browsers show a client certificate, no trailing slash; empty: nowhere */
    unsigned block_most_percent;    /* of people, whom one policy may shut out at once without their number being said */
    bool onboard_new;               /* new people are greeted without being invited by an admin */
};
struct node {
    struct node_options options;
    const struct router *router;    /* NULL: all routes of the gateway */
    const struct login_door *const *login_doors; /* by enum door_kind; NULL: those of the gateway (gateway/login.h) */
    const struct clock *clock;
    const struct log *log;
    struct secret *secret;
    struct calendar *calendar;
    struct directory *directory;
    struct metrics *metrics;
    struct counters *counters;      /* of threads that are not workers: shared atomics */
    struct slow_lane *slow_lane;
    struct feed *feed;              /* tails the log into the directory */
    struct decision_log *decisions; /* rings -> log */
    struct refresher *refresher;    /* seen times -> store, batched */
    struct effects *effects;
    struct pressure *pressure;      /* when more comes than this node can take (gateway/pressure.h); NULL: never */
    struct allowance *allowances;   /* how often an agent may enrol, and be asked again; NULL: no limits (gateway/allowance.h) */
    struct once_memory *once;       /* what was used once while the store was away (gateway/once_memory.h) */
    struct event_hub *events;       /* wakes /v1/events streams and waiting pages */
    struct okta_watch *okta;        /* what Okta's hooks sent lately; NULL in tests without them (gateway/doors/okta_watch.h) */
    struct signing_ring *signing;   /* the signing keys, opened; NULL in tests that sign nothing */
    struct callers *callers;        /* access tokens and client certificates that open our API; NULL: API keys alone */
    const struct managers *managers; /* device managers (gateway/managers.h); NULL: none */
    struct key_fetcher *keys;       /* public keys of others; NULL in tests that need none */
    struct simulations *simulations; /* what a policy would do (gateway/simulations.h) */
    struct device_certificates *device_certificates; /* client certificates: CA, lists, headers (gateway/doors/device_certificates.h); NULL: defaults */
    struct slack_app *slack;        /* the Slack app (gateway/slack/slack_app.h); NULL: none is configured */
    struct slack_line *slack_line;  /* Socket Mode (gateway/slack/slack_line.h); NULL: off */
    struct store_factory stores;
};

struct postern_options;
/* Starts every part, serves until *stop becomes true, stops all in reverse. `configured`: a configuration file was given. Logs to stderr. */
MUST_CHECK enum err_code node_run(const struct postern_options *options, bool configured, const volatile bool *stop, struct err *err);
/* The policy that a server without one starts with (deploy/policy.yaml, compiled in). */
struct span sample_policy(void);
#endif
