#include "live.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMAND_MS = 10000, COMMAND_BYTES = 16 * 1024 * 1024 };

static const struct table tables[] = {
    { "os_version", live_os_version, false },
    { "system_info", live_system_info, false },
    { "osquery_info", live_osquery_info, false },
    { "platform_info", live_platform_info, false },
    { "uptime", live_uptime, false },
    { "time", live_time, false },
    { "kernel_info", live_kernel_info, false },
    { "kernel_modules", live_kernel_modules, false },
    { "selinux_settings", live_selinux_settings, false },
    { "apparmor_profiles", live_apparmor_profiles, false },
    { "secureboot", live_secureboot, false },
    { "system_controls", live_system_controls, true },
    { "memory_info", live_memory_info, false },
    { "osquery_schedule", live_osquery_schedule, false },
    { "interface_details", live_interface_details, false },
    { "interface_addresses", live_interface_addresses, false },
    { "etc_hosts", live_etc_hosts, false },
    { "dns_resolvers", live_dns_resolvers, false },
    { "processes", live_processes, false },
    { "listening_ports", live_listening_ports, false },
    { "mounts", live_mounts, false },
    { "block_devices", live_block_devices, false },
    { "disk_encryption", live_disk_encryption, false },
    { "users", live_users, false },
    { "groups", live_groups, false },
    { "user_groups", live_user_groups, false },
    { "user_ssh_keys", live_user_ssh_keys, true },
    { "shadow", live_shadow, false },
    { "sudoers", live_sudoers, false },
    { "deb_packages", live_deb_packages, false },
    { "rpm_packages", live_rpm_packages, false },
    { "systemd_units", live_systemd_units, false },
    { "apt_sources", live_apt_sources, false },
    { "file", live_file, true },
    { "augeas", live_augeas, true },
    { "iptables", live_iptables, false },
    { "chrome_extensions", live_chrome_extensions, true },
    { "firefox_addons", live_firefox_addons, true },
    { "docker_containers", live_docker, false },
    { "docker_container_ports", live_docker, false },
};

struct sql *live_open(struct live *live)
{
    return sql_open(PLATFORM_LINUX, tables, sizeof tables / sizeof tables[0], live);
}

char *live_path(const struct live *live, const char *path)
{
    if (live->root != NULL && live->root[0] != '\0') {
        char *below = must_format("%s%s", live->root, path);
        if (access(below, F_OK) == 0)
            return below;
        free(below);
    }
    return must_copy(path);
}

bool live_read(const struct live *live, const char *path, size_t max, struct text *out)
{
    char *real = live_path(live, path);
    bool fine = file_read(real, max, out);
    free(real);
    return fine;
}

bool live_exists(const struct live *live, const char *path)
{
    char *real = live_path(live, path);
    bool fine = access(real, F_OK) == 0;
    free(real);
    return fine;
}

char *live_word(const struct live *live, const char *path)
{
    struct text content;
    if (!live_read(live, path, 65536, &content))
        return NULL;
    char *word = must_copy(trimmed(content.data));
    text_done(&content);
    return word;
}

bool live_list(const struct live *live, const char *path, bool (*each)(void *context, const char *name), void *context)
{
    char *real = live_path(live, path);
    DIR *directory = opendir(real);
    free(real);
    if (directory == NULL)
        return false;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && !each(context, entry->d_name))
            break;
    closedir(directory);
    return true;
}

static void become(const char *const arguments[], int output)
{
    int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(nothing, STDERR_FILENO);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
}

bool live_command(const char *const arguments[], struct text *out)
{
    text_init(out, COMMAND_BYTES);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    pid_t child = fork();
    if (child == 0)
        become(arguments, ends[1]);
    close(ends[1]);
    int64_t deadline = mono_ms() + COMMAND_MS;
    bool whole = false;
    while (child > 0 && mono_ms() < deadline) {
        struct pollfd one = { .fd = ends[0], .events = POLLIN };
        if (poll(&one, 1, 200) <= 0)
            continue;
        char part[16384];
        ssize_t got = read(ends[0], part, sizeof part);
        if (got < 0 && errno == EINTR)
            continue;
        whole = got == 0;
        if (got <= 0 || !text_add(out, part, (size_t)got))
            break;
    }
    close(ends[0]);
    int status = -1;
    if (child > 0) {
        if (!whole)
            kill(child, SIGKILL);
        waitpid(child, &status, 0);
    }
    if (whole && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        text_add(out, "", 0);
        return true;
    }
    text_done(out);
    return false;
}
