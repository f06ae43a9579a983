#include "live.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

enum { PARENTS_MAX = 8, DEVICES_MAX = 4096 };

/* /proc/mounts writes blanks as \040 and so on. */
static void unescape(char *word)
{
    char *out = word;
    for (char *at = word; *at != '\0'; at++) {
        if (at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' && at[3] >= '0' && at[3] <= '7') {
            *out++ = (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
            at += 3;
        } else {
            *out++ = *at;
        }
    }
    *out = '\0';
}

static void add_mount(struct rows *rows, const char *device, const char *path, const char *type, const char *flags)
{
    rows_next(rows);
    rows_text(rows, "device", device);
    char *alias = device[0] == '/' ? realpath(device, NULL) : NULL;
    rows_text(rows, "device_alias", alias == NULL ? device : alias);
    free(alias);
    rows_text(rows, "path", path);
    rows_text(rows, "type", type);
    rows_text(rows, "flags", flags);
    struct statvfs room;
    if (device[0] != '/' || statvfs(path, &room) != 0)
        return;
    rows_number(rows, "blocks_size", (long long)room.f_bsize);
    rows_number(rows, "blocks", (long long)room.f_blocks);
    rows_number(rows, "blocks_free", (long long)room.f_bfree);
    rows_number(rows, "blocks_available", (long long)room.f_bavail);
    rows_number(rows, "inodes", (long long)room.f_files);
    rows_number(rows, "inodes_free", (long long)room.f_ffree);
}

void live_mounts(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    struct text content;
    if (!live_read(context, "/proc/mounts", 4 * 1024 * 1024, &content)) {
        rows_fail(rows, "cannot read /proc/mounts");
        return;
    }
    char *rest = content.data;
    for (char *line = next_line(&rest); line != NULL; line = next_line(&rest)) {
        char *device = next_word(&line), *path = next_word(&line), *type = next_word(&line), *flags = next_word(&line);
        if (flags == NULL)
            continue;
        unescape(device);
        unescape(path);
        add_mount(rows, device, path, type, flags);
    }
    text_done(&content);
}

static char *block_word(const struct live *live, const char *directory, const char *name)
{
    char *path = must_format("%s/%s", directory, name);
    char *word = live_word(live, path);
    free(path);
    return word;
}

static void set_word(const struct live *live, struct rows *rows, const char *column, const char *directory, const char *name)
{
    char *word = block_word(live, directory, name);
    rows_text(rows, column, word == NULL ? "" : word);
    free(word);
}

/* One device seen while walking /sys/block: a disk, or a partition inside its disk's directory. */
struct device {
    const char *name, *directory, *disk; /* disk is NULL for a disk itself */
};

struct walk {
    const struct live *live;
    struct rows *rows;
    const char *disk, *directory;
    void (*add)(const struct live *live, struct rows *rows, const struct device *device);
    unsigned count;
};

static bool walk_partition(void *context, const char *name)
{
    struct walk *walk = context;
    char *directory = must_format("%s/%s", walk->directory, name);
    char *mark = must_format("%s/partition", directory);
    if (live_exists(walk->live, mark))
        walk->add(walk->live, walk->rows, &(struct device){ name, directory, walk->disk });
    free(mark);
    free(directory);
    return ++walk->count < DEVICES_MAX;
}

static bool walk_disk(void *context, const char *name)
{
    struct walk *walk = context;
    char *directory = must_format("/sys/block/%s", name);
    char *size = block_word(walk->live, directory, "size");
    /* Loop devices without a file and the like have no size. */
    if (size != NULL && strcmp(size, "0") != 0) {
        walk->add(walk->live, walk->rows, &(struct device){ name, directory, NULL });
        struct walk inner = { walk->live, walk->rows, name, directory, walk->add, 0 };
        live_list(walk->live, directory, walk_partition, &inner);
    }
    free(size);
    free(directory);
    return ++walk->count < DEVICES_MAX;
}

static void walk_devices(const struct live *live, struct rows *rows,
                         void (*add)(const struct live *, struct rows *, const struct device *))
{
    struct walk walk = { .live = live, .rows = rows, .add = add };
    if (!live_list(live, "/sys/block", walk_disk, &walk))
        rows_fail(rows, "cannot list /sys/block");
}

/* What udev found on the device: E:ID_FS_TYPE=ext4 and so on. Owned by the caller, NULL when unknown. */
static char *udev_word(const struct live *live, const char *directory, const char *key)
{
    char *number = block_word(live, directory, "dev"), *out = NULL;
    char *path = must_format("/run/udev/data/b%s", number == NULL ? "" : number);
    struct text content;
    if (number != NULL && live_read(live, path, 65536, &content)) {
        char *rest = content.data;
        size_t size = strlen(key);
        for (char *line = next_line(&rest); line != NULL && out == NULL; line = next_line(&rest))
            if (strncmp(line, "E:", 2) == 0 && strncmp(line + 2, key, size) == 0 && line[2 + size] == '=')
                out = must_copy(line + 3 + size);
        text_done(&content);
    }
    free(path);
    free(number);
    return out;
}

/* Without udev: what is mounted or swapped on it tells its type. Owned by the caller, NULL when unknown. */
static char *used_as(const struct live *live, const char *node)
{
    struct text content;
    char *out = NULL;
    static const char *const files[] = { "/proc/swaps", "/proc/mounts" };
    for (int i = 0; i < 2 && out == NULL; i++) {
        if (!live_read(live, files[i], 1024 * 1024, &content))
            continue;
        char *rest = content.data;
        for (char *line = next_line(&rest); line != NULL && out == NULL; line = next_line(&rest)) {
            const char *device = next_word(&line);
            const char *path = next_word(&line), *type = path == NULL ? NULL : next_word(&line);
            if (device != NULL && strcmp(device, node) == 0)
                out = i == 0 ? must_copy("swap") : must_copy(type == NULL ? "" : type);
        }
        text_done(&content);
    }
    return out;
}

static void add_block_device(const struct live *live, struct rows *rows, const struct device *device)
{
    char *node = must_format("/dev/%s", device->name);
    char *size = block_word(live, device->directory, "size");
    rows_next(rows);
    rows_text(rows, "name", node);
    char *parent = device->disk == NULL ? must_copy("") : must_format("/dev/%s", device->disk);
    rows_text(rows, "parent", parent);
    set_word(live, rows, "vendor", device->directory, "device/vendor");
    set_word(live, rows, "model", device->directory, "device/model");
    set_word(live, rows, "serial", device->directory, "device/serial");
    rows_number(rows, "size", size == NULL ? 0 : atoll(size));
    rows_number(rows, "block_size", 512);
    char *type = udev_word(live, device->directory, "ID_FS_TYPE");
    char *uuid = udev_word(live, device->directory, "ID_FS_UUID");
    char *label = udev_word(live, device->directory, "ID_FS_LABEL");
    if (type == NULL)
        type = used_as(live, node);
    rows_text(rows, "type", type == NULL ? "" : type);
    rows_text(rows, "uuid", uuid == NULL ? "" : uuid);
    rows_text(rows, "label", label == NULL ? "" : label);
    free(type);
    free(uuid);
    free(label);
    free(parent);
    free(size);
    free(node);
}

void live_block_devices(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    walk_devices(context, rows, add_block_device);
}

/* dm/uuid begins with CRYPT- on a dm-crypt device: "CRYPT-LUKS2-<uuid>-<name>". A device on top of one (LVM, a partition)
 * is encrypted as well. Owned by the caller: the dm uuid found, or NULL. */
static char *crypt_below(const struct live *live, const char *directory, const char *disk, int depth);

struct slaves {
    const struct live *live;
    char *found;
    int depth;
    bool any, all;
};

static bool walk_slave(void *context, const char *name)
{
    struct slaves *slaves = context;
    char *directory = must_format("/sys/class/block/%s", name);
    char *found = crypt_below(slaves->live, directory, NULL, slaves->depth + 1);
    slaves->all = slaves->all && found != NULL;
    slaves->any = true;
    free(slaves->found);
    slaves->found = found;
    free(directory);
    return true;
}

static char *crypt_below(const struct live *live, const char *directory, const char *disk, int depth)
{
    if (depth > PARENTS_MAX)
        return NULL;
    char *uuid = block_word(live, directory, "dm/uuid");
    if (uuid != NULL && strncmp(uuid, "CRYPT-", 6) == 0)
        return uuid;
    free(uuid);
    /* Every device it lies on must be encrypted: a volume across two disks is as open as the open one. */
    struct slaves slaves = { .live = live, .depth = depth, .all = true };
    char *path = must_format("%s/slaves", directory);
    live_list(live, path, walk_slave, &slaves);
    free(path);
    if (slaves.any && slaves.all)
        return slaves.found;
    free(slaves.found);
    if (slaves.any || disk == NULL)
        return NULL;
    path = must_format("/sys/block/%s", disk);
    char *found = crypt_below(live, path, NULL, depth + 1);
    free(path);
    return found;
}

static void add_encryption(const struct live *live, struct rows *rows, const struct device *device)
{
    char *node = must_format("/dev/%s", device->name);
    char *crypt = crypt_below(live, device->directory, device->disk, 0);
    char *uuid = udev_word(live, device->directory, "ID_FS_UUID");
    rows_next(rows);
    rows_text(rows, "name", node);
    rows_text(rows, "uuid", uuid == NULL ? "" : uuid);
    rows_number(rows, "encrypted", crypt != NULL);
    rows_text(rows, "encryption_status", crypt != NULL ? "encrypted" : "not encrypted");
    if (crypt != NULL) {
        const char *kind = crypt + 6;
        rows_text_n(rows, "type", kind, strcspn(kind, "-"));
    }
    free(uuid);
    free(crypt);
    free(node);
}

void live_disk_encryption(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    walk_devices(context, rows, add_encryption);
}
