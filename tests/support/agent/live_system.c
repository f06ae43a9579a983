#include "live.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* The value of KEY=value or KEY="value", or "". Owned by the caller. */
static char *key_value(const char *content, const char *key)
{
    char *copy = must_copy(content), *rest = copy, *out = NULL;
    size_t size = strlen(key);
    for (char *line = next_line(&rest); line != NULL && out == NULL; line = next_line(&rest)) {
        if (strncmp(line, key, size) != 0 || line[size] != '=')
            continue;
        char *value = trimmed(line + size + 1);
        size_t length = strlen(value);
        if (length >= 2 && (value[0] == '"' || value[0] == '\'') && value[length - 1] == value[0]) {
            value[length - 1] = '\0';
            value++;
        }
        out = must_copy(value);
    }
    free(copy);
    return out == NULL ? must_copy("") : out;
}

static void set_owned(struct rows *rows, const char *column, char *value)
{
    rows_text(rows, column, value == NULL ? "" : value);
    free(value);
}

/* major, minor and patch from the first digits of the version; Debian's point release is in /etc/debian_version. */
static void set_version(const struct live *live, struct rows *rows, const char *platform, char *version)
{
    if (strcmp(platform, "debian") == 0) {
        char *exact = live_word(live, "/etc/debian_version");
        if (exact != NULL && exact[0] >= '0' && exact[0] <= '9') {
            const char *rest = strchr(exact, '.');
            rows_number(rows, "minor", rest == NULL ? 0 : atoi(rest + 1));
        }
        free(exact);
    }
    int parts[3] = { 0 };
    int found = sscanf(version, "%d.%d.%d", &parts[0], &parts[1], &parts[2]);
    rows_number(rows, "major", parts[0]);
    if (found >= 2 || strcmp(platform, "debian") != 0)
        rows_number(rows, "minor", parts[1]);
    rows_number(rows, "patch", parts[2]);
}

void live_os_version(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    const struct live *live = context;
    struct text content;
    if (!live_read(live, "/etc/os-release", 65536, &content)) {
        rows_fail(rows, "cannot read /etc/os-release");
        return;
    }
    struct utsname system;
    uname(&system);
    rows_next(rows);
    char *platform = key_value(content.data, "ID"), *version = key_value(content.data, "VERSION");
    char *number = key_value(content.data, "VERSION_ID");
    set_owned(rows, "name", key_value(content.data, "NAME"));
    rows_text(rows, "version", version[0] != '\0' ? version : number);
    set_version(live, rows, platform, number);
    set_owned(rows, "build", key_value(content.data, "BUILD_ID"));
    set_owned(rows, "platform_like", key_value(content.data, "ID_LIKE"));
    set_owned(rows, "codename", key_value(content.data, "VERSION_CODENAME"));
    rows_text(rows, "platform", platform);
    rows_text(rows, "arch", system.machine);
    rows_text(rows, "extra", "");
    free(platform);
    free(version);
    free(number);
    text_done(&content);
}

static void set_processor(const struct live *live, struct rows *rows)
{
    struct text content;
    if (!live_read(live, "/proc/cpuinfo", 1024 * 1024, &content))
        return;
    int logical = 0;
    char *rest = content.data;
    for (char *line = next_line(&rest); line != NULL; line = next_line(&rest)) {
        char *value = strchr(line, ':');
        if (value == NULL)
            continue;
        if (strncmp(line, "processor", 9) == 0)
            logical++;
        if (strncmp(line, "model name", 10) == 0)
            rows_text(rows, "cpu_brand", trimmed(value + 1));
        if (strncmp(line, "microcode", 9) == 0)
            rows_text(rows, "cpu_microcode", trimmed(value + 1));
    }
    rows_number(rows, "cpu_logical_cores", logical);
    rows_number(rows, "cpu_physical_cores", logical);
    text_done(&content);
}

static char *board(const struct live *live, const char *name)
{
    char *path = must_format("/sys/class/dmi/id/%s", name);
    char *word = live_word(live, path);
    free(path);
    return word;
}

void live_system_info(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    const struct live *live = context;
    struct utsname system;
    uname(&system);
    rows_next(rows);
    rows_text(rows, "hostname", system.nodename);
    rows_text(rows, "computer_name", system.nodename);
    rows_text(rows, "local_hostname", system.nodename);
    rows_text(rows, "uuid", live->uuid);
    rows_text(rows, "cpu_type", system.machine);
    set_processor(live, rows);
    rows_number(rows, "physical_memory", (long long)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
    set_owned(rows, "hardware_vendor", board(live, "sys_vendor"));
    set_owned(rows, "hardware_model", board(live, "product_name"));
    set_owned(rows, "hardware_version", board(live, "product_version"));
    set_owned(rows, "hardware_serial", board(live, "product_serial"));
    set_owned(rows, "board_vendor", board(live, "board_vendor"));
    set_owned(rows, "board_model", board(live, "board_name"));
    set_owned(rows, "board_version", board(live, "board_version"));
    set_owned(rows, "board_serial", board(live, "board_serial"));
}

void live_osquery_info(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    const struct live *live = context;
    rows_next(rows);
    rows_number(rows, "pid", getpid());
    rows_text(rows, "uuid", live->uuid);
    rows_text(rows, "instance_id", live->instance_id);
    rows_text(rows, "version", "5.23.1");
    rows_text(rows, "config_hash", "");
    rows_number(rows, "config_valid", live->agent != NULL);
    rows_text(rows, "extensions", "inactive");
    rows_text(rows, "build_platform", "linux");
    rows_text(rows, "build_distro", "centos7");
    rows_number(rows, "start_time", live->started_s);
    rows_number(rows, "watcher", getppid());
    rows_number(rows, "platform_mask", 9);
}

void live_platform_info(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    const struct live *live = context;
    if (!live_exists(live, "/sys/class/dmi/id"))
        return;
    rows_next(rows);
    set_owned(rows, "vendor", board(live, "bios_vendor"));
    set_owned(rows, "version", board(live, "bios_version"));
    set_owned(rows, "date", board(live, "bios_date"));
    set_owned(rows, "revision", board(live, "bios_release"));
    rows_text(rows, "firmware_type", live_exists(live, "/sys/firmware/efi") ? "uefi" : "bios");
}

void live_uptime(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    char *word = live_word(context, "/proc/uptime");
    long long total = word == NULL ? 0 : atoll(word);
    free(word);
    rows_next(rows);
    rows_number(rows, "days", total / 86400);
    rows_number(rows, "hours", total / 3600 % 24);
    rows_number(rows, "minutes", total / 60 % 60);
    rows_number(rows, "seconds", total % 60);
    rows_number(rows, "total_seconds", total);
}

void live_time(void *context, const struct ask *ask, struct rows *rows)
{
    (void)context;
    (void)ask;
    time_t now = (time_t)wall_s();
    struct tm parts;
    gmtime_r(&now, &parts);
    char words[64];
    rows_next(rows);
    strftime(words, sizeof words, "%A", &parts);
    rows_text(rows, "weekday", words);
    rows_number(rows, "year", parts.tm_year + 1900);
    rows_number(rows, "month", parts.tm_mon + 1);
    rows_number(rows, "day", parts.tm_mday);
    rows_number(rows, "hour", parts.tm_hour);
    rows_number(rows, "minutes", parts.tm_min);
    rows_number(rows, "seconds", parts.tm_sec);
    rows_text(rows, "timezone", "UTC");
    rows_text(rows, "local_timezone", "UTC");
    rows_number(rows, "unix_time", (long long)now);
    strftime(words, sizeof words, "%a %b %e %H:%M:%S %Y UTC", &parts);
    rows_text(rows, "timestamp", words);
    strftime(words, sizeof words, "%Y-%m-%dT%H:%M:%SZ", &parts);
    rows_text(rows, "datetime", words);
    rows_text(rows, "iso_8601", words);
}

void live_kernel_info(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    struct utsname system;
    uname(&system);
    rows_next(rows);
    rows_text(rows, "version", system.release);
    char *arguments = live_word(context, "/proc/cmdline");
    const char *image = arguments == NULL ? NULL : strstr(arguments, "BOOT_IMAGE=");
    if (image != NULL)
        rows_text_n(rows, "path", image + 11, strcspn(image + 11, " "));
    const char *device = arguments == NULL ? NULL : strstr(arguments, "root=");
    if (device != NULL)
        rows_text_n(rows, "device", device + 5, strcspn(device + 5, " "));
    set_owned(rows, "arguments", arguments);
}

void live_kernel_modules(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    struct text content;
    if (!live_read(context, "/proc/modules", 4 * 1024 * 1024, &content))
        return; /* a kernel without modules */
    static const char *const columns[] = { "name", "size", NULL, "used_by", "status", "address" };
    char *rest = content.data;
    for (char *line = next_line(&rest); line != NULL; line = next_line(&rest)) {
        rows_next(rows);
        for (size_t i = 0; i < 6; i++) {
            const char *word = next_word(&line);
            if (word != NULL && columns[i] != NULL)
                rows_text(rows, columns[i], word);
        }
    }
    text_done(&content);
}

void live_selinux_settings(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    static const char *const names[] = { "enforce", "mls", "policyvers", "deny_unknown" };
    for (size_t i = 0; i < 4; i++) {
        char *path = must_format("/sys/fs/selinux/%s", names[i]);
        char *word = live_word(context, path);
        free(path);
        if (word == NULL)
            continue;
        rows_next(rows);
        rows_text(rows, "scope", "");
        rows_text(rows, "key", names[i]);
        set_owned(rows, "value", word);
    }
}

void live_apparmor_profiles(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    struct text content;
    if (!live_exists(context, "/sys/kernel/security/apparmor"))
        return; /* the guard is not there, so it has no profiles */
    if (!live_read(context, "/sys/kernel/security/apparmor/profiles", 4 * 1024 * 1024, &content)) {
        rows_fail(rows, "cannot read the AppArmor profiles");
        return;
    }
    char *rest = content.data;
    for (char *line = next_line(&rest); line != NULL; line = next_line(&rest)) {
        char *mode = strrchr(line, '(');
        if (mode == NULL || mode == line)
            continue;
        rows_next(rows);
        rows_text_n(rows, "name", line, (size_t)(mode - line - 1));
        rows_text_n(rows, "mode", mode + 1, strcspn(mode + 1, ")"));
    }
    text_done(&content);
}

/* An EFI variable: four bytes of attributes, then its value. -1 when it is absent. */
static int efi_byte(const struct live *live, const char *name)
{
    char *path = must_format("/sys/firmware/efi/efivars/%s-8be4df61-93ca-11d2-aa0d-00e098032b8c", name);
    struct text content;
    int out = -1;
    if (live_read(live, path, 64, &content)) {
        if (content.size >= 5)
            out = (unsigned char)content.data[4];
        text_done(&content);
    }
    free(path);
    return out;
}

void live_secureboot(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    int boot = efi_byte(context, "SecureBoot"), setup = efi_byte(context, "SetupMode");
    if (boot < 0 && setup < 0)
        return; /* no UEFI: osquery has no row either */
    rows_next(rows);
    if (boot >= 0)
        rows_number(rows, "secure_boot", boot);
    if (setup >= 0)
        rows_number(rows, "setup_mode", setup);
}

struct controls {
    const struct live *live;
    struct rows *rows;
    char *directory; /* below /proc/sys */
    int depth;
};

static void add_control(struct controls *controls, const char *below)
{
    char *path = must_format("/proc/sys/%s", below);
    char *value = live_word(controls->live, path);
    free(path);
    if (value == NULL)
        return;
    char *name = must_copy(below);
    for (char *at = name; *at != '\0'; at++)
        if (*at == '/')
            *at = '.';
    rows_next(controls->rows);
    rows_text(controls->rows, "name", name);
    rows_text_n(controls->rows, "subsystem", name, strcspn(name, "."));
    rows_text(controls->rows, "type", "string");
    set_owned(controls->rows, "current_value", value);
    free(name);
}

static bool walk_control(void *context, const char *name)
{
    struct controls *controls = context;
    char *below = must_format("%s/%s", controls->directory, name);
    char *path = must_format("/proc/sys/%s", below);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        struct controls inner = { controls->live, controls->rows, below, controls->depth + 1 };
        if (inner.depth < 8)
            live_list(controls->live, path, walk_control, &inner);
    } else {
        add_control(controls, below);
    }
    free(path);
    free(below);
    return true;
}

/* One name is read alone; without a name, the subsystems osquery lists. */
void live_system_controls(void *context, const struct ask *ask, struct rows *rows)
{
    static const char *const subsystems[] = { "kernel", "vm", "fs", "net", "dev" };
    struct controls controls = { .live = context, .rows = rows };
    const char *name = ask_equal(ask, "name");
    if (name != NULL) {
        char *below = must_copy(name);
        for (char *at = below; *at != '\0'; at++)
            if (*at == '.')
                *at = '/';
        if (strstr(below, "//") == NULL)
            add_control(&controls, below);
        free(below);
        return;
    }
    for (size_t i = 0; i < 5; i++) {
        char *path = must_format("/proc/sys/%s", subsystems[i]);
        controls.directory = (char *)(uintptr_t)subsystems[i];
        live_list(context, path, walk_control, &controls);
        free(path);
    }
}

void live_memory_info(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    static const char *const pairs[][2] = {
        { "MemTotal", "memory_total" }, { "MemFree", "memory_free" },   { "MemAvailable", "memory_available" },
        { "Buffers", "buffers" },       { "Cached", "cached" },         { "SwapCached", "swap_cached" },
        { "Active", "active" },         { "Inactive", "inactive" },     { "SwapTotal", "swap_total" },
        { "SwapFree", "swap_free" },
    };
    struct text content;
    if (!live_read(context, "/proc/meminfo", 65536, &content))
        return;
    rows_next(rows);
    char *rest = content.data;
    for (char *line = next_line(&rest); line != NULL; line = next_line(&rest)) {
        size_t size = strcspn(line, ":");
        for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
            if (strlen(pairs[i][0]) == size && strncmp(line, pairs[i][0], size) == 0)
                rows_number(rows, pairs[i][1], atoll(line + size + 1) * 1024);
    }
    text_done(&content);
}

void live_osquery_schedule(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    const struct live *live = context;
    if (live->agent != NULL)
        agent_schedule_rows(live->agent, rows);
}
