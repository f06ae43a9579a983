#include "live.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *link_of(const char *path)
{
    char words[4096];
    ssize_t size = readlink(path, words, sizeof words - 1);
    return size < 0 ? must_copy("") : must_copy_n(words, (size_t)size);
}

static void set_link(struct rows *rows, const char *column, const char *pid, const char *name)
{
    char *path = must_format("/proc/%s/%s", pid, name), *target = link_of(path);
    rows_text(rows, column, target);
    free(path);
    free(target);
}

/* "pid (name) state ppid pgrp ...": the name may hold anything, so it ends at the last parenthesis. */
static bool set_stat(struct rows *rows, const char *stat)
{
    static const char *const columns[] = { "state", "parent", "pgroup" };
    const char *begin = strchr(stat, '('), *end = strrchr(stat, ')');
    if (begin == NULL || end == NULL || end[1] == '\0')
        return false;
    rows_text_n(rows, "name", begin + 1, (size_t)(end - begin - 1));
    char *copy = must_copy(end + 2), *rest = copy;
    long long clock = sysconf(_SC_CLK_TCK);
    for (int i = 0; i < 20; i++) {
        const char *word = next_word(&rest);
        if (word == NULL)
            break;
        if (i < 3)
            rows_text(rows, columns[i], word);
        else if (i == 11 || i == 12)
            rows_number(rows, i == 11 ? "user_time" : "system_time", atoll(word) * 1000 / clock);
        else if (i == 16)
            rows_text(rows, "nice", word);
        else if (i == 17)
            rows_text(rows, "threads", word);
        else if (i == 19)
            rows_number(rows, "elapsed_time", atoll(word) / clock);
    }
    free(copy);
    return true;
}

static void set_status(struct rows *rows, char *status)
{
    for (char *line = next_line(&status); line != NULL; line = next_line(&status)) {
        unsigned a = 0, b = 0, c = 0;
        if (sscanf(line, "Uid: %u %u %u", &a, &b, &c) == 3) {
            rows_number(rows, "uid", a);
            rows_number(rows, "euid", b);
            rows_number(rows, "suid", c);
        } else if (sscanf(line, "Gid: %u %u %u", &a, &b, &c) == 3) {
            rows_number(rows, "gid", a);
            rows_number(rows, "egid", b);
            rows_number(rows, "sgid", c);
        } else if (sscanf(line, "VmRSS: %u", &a) == 1) {
            rows_number(rows, "resident_size", a * 1024LL);
        } else if (sscanf(line, "VmSize: %u", &a) == 1) {
            rows_number(rows, "total_size", a * 1024LL);
        }
    }
}

static bool add_process(void *context, const char *pid)
{
    struct rows *rows = context;
    if (strspn(pid, "0123456789") != strlen(pid))
        return true;
    char *path = must_format("/proc/%s/stat", pid);
    struct text content;
    bool there = file_read(path, 65536, &content);
    free(path);
    if (!there)
        return true; /* ended meanwhile */
    rows_next(rows);
    rows_text(rows, "pid", pid);
    set_stat(rows, text_str(&content));
    text_done(&content);
    path = must_format("/proc/%s/status", pid);
    if (file_read(path, 65536, &content)) {
        set_status(rows, content.data);
        text_done(&content);
    }
    free(path);
    path = must_format("/proc/%s/cmdline", pid);
    if (file_read(path, 65536, &content)) {
        for (size_t i = 0; i + 1 < content.size; i++)
            if (content.data[i] == '\0')
                content.data[i] = ' ';
        rows_text(rows, "cmdline", content.data);
        text_done(&content);
    }
    free(path);
    set_link(rows, "path", pid, "exe");
    set_link(rows, "cwd", pid, "cwd");
    set_link(rows, "root", pid, "root");
    rows_number(rows, "on_disk", -1);
    return true;
}

void live_processes(void *context, const struct ask *ask, struct rows *rows)
{
    (void)context;
    (void)ask;
    static const struct live machine;
    live_list(&machine, "/proc", add_process, rows);
}

/* Which process holds which socket, by inode. */
struct holder {
    unsigned long long inode;
    int pid, fd;
};

struct holders {
    struct holder *all;
    size_t count;
};

static int by_inode(const void *a, const void *b)
{
    const struct holder *left = a, *right = b;
    return left->inode < right->inode ? -1 : left->inode > right->inode;
}

static void add_holders_of(struct holders *holders, const char *pid)
{
    char *path = must_format("/proc/%s/fd", pid);
    DIR *directory = opendir(path);
    for (struct dirent *entry = directory == NULL ? NULL : readdir(directory); entry != NULL; entry = readdir(directory)) {
        char *one = must_format("%s/%s", path, entry->d_name), *target = link_of(one);
        unsigned long long inode = 0;
        if (sscanf(target, "socket:[%llu]", &inode) == 1) {
            holders->all = must_grow(holders->all, holders->count + 1, sizeof *holders->all);
            holders->all[holders->count++] = (struct holder){ inode, atoi(pid), atoi(entry->d_name) };
        }
        free(target);
        free(one);
    }
    if (directory != NULL)
        closedir(directory);
    free(path);
}

static bool each_process(void *context, const char *pid)
{
    if (strspn(pid, "0123456789") == strlen(pid))
        add_holders_of(context, pid);
    return true;
}

static void set_holder(const struct holders *holders, struct rows *rows, unsigned long long inode)
{
    struct holder wanted = { .inode = inode };
    const struct holder *found = holders->count == 0 ? NULL
                                                     : bsearch(&wanted, holders->all, holders->count,
                                                               sizeof wanted, by_inode);
    rows_number(rows, "pid", found == NULL ? -1 : found->pid);
    rows_number(rows, "fd", found == NULL ? -1 : found->fd);
    rows_number(rows, "socket", (long long)inode);
}

/* The kernel prints addresses as 32-bit words in the machine's own order. */
static void address_text(const char *hex, char out[INET6_ADDRSTRLEN])
{
    unsigned char binary[16] = { 0 };
    size_t words = strlen(hex) / 8;
    for (size_t i = 0; i < words && i < 4; i++) {
        unsigned word = 0;
        sscanf(hex + 8 * i, "%8x", &word);
        memcpy(binary + 4 * i, &word, 4);
    }
    inet_ntop(words > 1 ? AF_INET6 : AF_INET, binary, out, INET6_ADDRSTRLEN);
}

static void add_sockets(const struct holders *holders, struct rows *rows, const char *path, int family, int protocol)
{
    struct text content;
    if (!file_read(path, 16 * 1024 * 1024, &content))
        return;
    char *rest = content.data;
    next_line(&rest);
    for (char *line = next_line(&rest); line != NULL; line = next_line(&rest)) {
        char local[40], remote[40], address[INET6_ADDRSTRLEN];
        unsigned port = 0, remote_port = 0, state = 0;
        unsigned long long inode = 0;
        if (sscanf(line, " %*d: %39[0-9A-F]:%x %39[0-9A-F]:%x %x %*s %*s %*s %*s %*s %llu", local, &port, remote,
                   &remote_port, &state, &inode) != 6)
            continue;
        if (protocol == 6 ? state != 0x0a : remote_port != 0)
            continue;
        address_text(local, address);
        rows_next(rows);
        set_holder(holders, rows, inode);
        rows_number(rows, "port", port);
        rows_number(rows, "protocol", protocol);
        rows_number(rows, "family", family);
        rows_text(rows, "address", address);
        rows_text(rows, "path", "");
    }
    text_done(&content);
}

static void add_unix_sockets(const struct holders *holders, struct rows *rows)
{
    struct text content;
    if (!file_read("/proc/net/unix", 16 * 1024 * 1024, &content))
        return;
    char *rest = content.data;
    next_line(&rest);
    for (char *line = next_line(&rest); line != NULL; line = next_line(&rest)) {
        unsigned flags = 0;
        unsigned long long inode = 0;
        char path[256];
        if (sscanf(line, "%*s %*x %*x %x %*x %*x %llu %255s", &flags, &inode, path) != 3 || (flags & 0x10000u) == 0)
            continue;
        rows_next(rows);
        set_holder(holders, rows, inode);
        rows_number(rows, "port", 0);
        rows_number(rows, "protocol", 0);
        rows_number(rows, "family", 1);
        rows_text(rows, "address", "");
        rows_text(rows, "path", path);
    }
    text_done(&content);
}

void live_listening_ports(void *context, const struct ask *ask, struct rows *rows)
{
    (void)context;
    (void)ask;
    static const struct live machine;
    struct holders holders = { 0 };
    live_list(&machine, "/proc", each_process, &holders);
    if (holders.count > 0)
        qsort(holders.all, holders.count, sizeof *holders.all, by_inode);
    add_sockets(&holders, rows, "/proc/net/tcp", 2, 6);
    add_sockets(&holders, rows, "/proc/net/tcp6", 10, 6);
    add_sockets(&holders, rows, "/proc/net/udp", 2, 17);
    add_sockets(&holders, rows, "/proc/net/udp6", 10, 17);
    add_unix_sockets(&holders, rows);
    free(holders.all);
}
