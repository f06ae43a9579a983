/* live: osquery's tables filled from the Linux machine the agent runs on, at the moment a statement reads them.
 * With --root DIR a file is taken from DIR when it is there and from the real machine otherwise, so a test can change one
 * setting in a scratch directory. What cannot be read truthfully fails the statement (rows_fail) instead of looking empty. */
#ifndef AGENT_LIVE_H
#define AGENT_LIVE_H

#include "agent.h"
#include "text.h"

struct live {
    const char *root;        /* NULL or "" is the machine itself */
    const char *uuid, *instance_id;
    int64_t started_s;
    const struct agent *agent; /* for osquery_schedule; NULL with `query` */
};

/* Owned by the caller. Borrows `live`. */
struct sql *live_open(struct live *live);

/* The path to open for `path`: below the root when it exists there. Owned by the caller. */
char *live_path(const struct live *live, const char *path);
bool live_read(const struct live *live, const char *path, size_t max, struct text *out);
bool live_exists(const struct live *live, const char *path);
/* A small file's trimmed content, or NULL. Owned by the caller. */
char *live_word(const struct live *live, const char *path);
/* Calls `each` with every entry of a directory but "." and "..", until it says false. False when it cannot be listed. */
bool live_list(const struct live *live, const char *path, bool (*each)(void *context, const char *name), void *context);
/* What a program prints, within 10 s and 16 MiB. False when it cannot be run or fails. */
bool live_command(const char *const arguments[], struct text *out);

/* A user of /etc/passwd; the strings point into the line. */
struct live_user {
    const char *name, *uid, *gid, *description, *home, *shell;
};
/* Calls `each` with every user; `uid` of NULL means all. */
void live_users_each(const struct live *live, const char *uid, void (*each)(void *context, const struct live_user *user),
                     void *context);

typedef void live_fill(void *context, const struct ask *ask, struct rows *rows);
live_fill live_os_version, live_system_info, live_osquery_info, live_platform_info, live_uptime, live_time,
    live_kernel_info, live_kernel_modules, live_selinux_settings, live_secureboot, live_system_controls, live_memory_info,
    live_osquery_schedule, live_apparmor_profiles;
live_fill live_interface_details, live_interface_addresses, live_etc_hosts, live_dns_resolvers;
live_fill live_processes, live_listening_ports;
live_fill live_mounts, live_block_devices, live_disk_encryption;
live_fill live_users, live_groups, live_user_groups, live_user_ssh_keys, live_shadow, live_sudoers;
live_fill live_deb_packages, live_rpm_packages, live_systemd_units, live_apt_sources;
live_fill live_file, live_augeas, live_iptables, live_chrome_extensions, live_firefox_addons, live_docker;

#endif
