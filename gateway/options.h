/* options: the server's configuration (docs/configuration.md) as structs, its option rows, and how a file becomes them. */
#ifndef GATEWAY_OPTIONS_H
#define GATEWAY_OPTIONS_H
#include "config/option.h"
#include "gateway/callers.h"
#include "gateway/doors/device_certificates.h"
#include "gateway/marker_config.h"
#include "gateway/node.h"
#include "gateway/okta_config.h"
#include "gateway/slack/slack_app.h"

struct tls_files { struct span certificate, key; };           /* PEM */
struct listener_options { struct span address; struct tls_files tls; struct span client_ca; /* PEM; of callers, not of devices */ };
struct webhook_config { struct span id, url, secret, old_secret; struct option_list events; bool allow_private; };
struct postern_options {
    struct arena arena;                                       /* texts */
    struct span public_url, state, policy, holidays, root_key;          /* policy: a path; root_key: 32 bytes, or 64 hex digits */
    struct listener_options public_listener, device_listener, internal_listener, admin_listener;
    struct device_certificate_options device_certificates;    /* gateway/doors/device_certificates.c has its rows */
    struct caller_options callers;                            /* gateway/callers.c has their rows */
    struct option_list trusted_proxies;
    struct span redis_url, redis_user, redis_password, durability, redis_server;
    struct slack_app_options slack;                           /* gateway/slack/slack_app.c has its rows */
    struct span email_server, email_from, email_name, email_user, email_password, email_reply_to, email_ca;
    bool email_plain, onboard_new;
    struct okta_config okta;                                  /* gateway/okta_config.c has its rows */
    struct marker_config marker;                              /* gateway/marker_config.c has its rows */
    struct option_items webhooks;                             /* struct webhook_config */
    struct option_items managers;                             /* struct manager_config; gateway/managers.c has its rows */
    bool archive; bool archive_pack;
    struct span archive_folder;                               /* default: below the state folder */
    int64_t archive_retention_s;
    int64_t workers, slow_threads, connections, connections_per_address, log_keep_s, outage_after_s, policy_block_most;
    struct span log_level;
};
/* The rows as groups over `o`, for loading and describing; `groups` has room for OPTION_GROUPS. */
enum { OPTION_GROUPS = 11 };
size_t options_groups(struct postern_options *o, struct option_group groups[OPTION_GROUPS]);
/* Reads `path` (NULL: defaults). False when something is wrong; mistakes say everything. options_done() frees either way. */
bool options_read(struct postern_options *o, const char *path, bool read_secrets, struct mistakes *mistakes);
/* Text of a config file already read, under the name `file`. */
bool options_read_text(struct postern_options *o, struct span text, struct span file, bool read_secrets, struct mistakes *mistakes);
void options_done(struct postern_options *o);
#endif
