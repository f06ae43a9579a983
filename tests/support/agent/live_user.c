#include "live.h"

#include "ssh_key.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ACCOUNTS_BYTES = 16 * 1024 * 1024, KEY_BYTES = 256 * 1024 };

/* Cuts a line of passwd, group or shadow at its colons; returns how many fields there are. */
static size_t cut_fields(char *line, char *fields[], size_t most)
{
    size_t count = 0;
    for (char *at = line; at != NULL && count < most; count++) {
        fields[count] = at;
        at = strchr(at, ':');
        if (at != NULL)
            *at++ = '\0';
    }
    return count;
}

void live_users_each(const struct live *live, const char *uid, void (*each)(void *context, const struct live_user *user),
                     void *context)
{
    struct text content;
    if (!live_read(live, "/etc/passwd", ACCOUNTS_BYTES, &content))
        return;
    char *rest = content.data, *f[7];
    for (char *line = next_line(&rest); line != NULL; line = next_line(&rest))
        if (cut_fields(line, f, 7) == 7 && (uid == NULL || strcmp(uid, f[2]) == 0))
            each(context, &(struct live_user){ f[0], f[2], f[3], f[4], f[5], f[6] });
    text_done(&content);
}

static void add_user(void *context, const struct live_user *user)
{
    struct rows *rows = context;
    rows_next(rows);
    rows_text(rows, "uid", user->uid);
    rows_text(rows, "gid", user->gid);
    rows_number(rows, "uid_signed", (int)strtoul(user->uid, NULL, 10));
    rows_number(rows, "gid_signed", (int)strtoul(user->gid, NULL, 10));
    rows_text(rows, "username", user->name);
    rows_text(rows, "description", user->description);
    rows_text(rows, "directory", user->home);
    rows_text(rows, "shell", user->shell);
    rows_text(rows, "uuid", "");
}

void live_users(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    live_users_each(context, NULL, add_user, rows);
}

void live_groups(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    struct text content;
    if (!live_read(context, "/etc/group", ACCOUNTS_BYTES, &content))
        return;
    char *rest = content.data, *f[4];
    for (char *line = next_line(&rest); line != NULL; line = next_line(&rest)) {
        if (cut_fields(line, f, 4) < 3)
            continue;
        rows_next(rows);
        rows_text(rows, "groupname", f[0]);
        rows_text(rows, "gid", f[2]);
        rows_number(rows, "gid_signed", (int)strtoul(f[2], NULL, 10));
    }
    text_done(&content);
}

struct memberships {
    const struct live *live;
    struct rows *rows;
};

static void add_memberships(void *context, const struct live_user *user)
{
    struct memberships *all = context;
    rows_next(all->rows);
    rows_text(all->rows, "uid", user->uid);
    rows_text(all->rows, "gid", user->gid);
    struct text content;
    if (!live_read(all->live, "/etc/group", ACCOUNTS_BYTES, &content))
        return;
    char *rest = content.data, *f[4], *save = NULL;
    for (char *line = next_line(&rest); line != NULL; line = next_line(&rest)) {
        if (cut_fields(line, f, 4) < 4 || strcmp(f[2], user->gid) == 0)
            continue;
        for (char *name = strtok_r(f[3], ",", &save); name != NULL; name = strtok_r(NULL, ",", &save)) {
            if (strcmp(name, user->name) != 0)
                continue;
            rows_next(all->rows);
            rows_text(all->rows, "uid", user->uid);
            rows_text(all->rows, "gid", f[2]);
        }
    }
    text_done(&content);
}

void live_user_groups(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    struct memberships all = { .live = context, .rows = rows };
    live_users_each(context, NULL, add_memberships, &all);
}

struct keys {
    const struct live *live;
    struct rows *rows;
    const struct live_user *user;
};

static bool add_key(void *context, const char *name)
{
    struct keys *keys = context;
    char *path = must_format("%s/.ssh/%s", keys->user->home, name);
    struct text content;
    if (live_read(keys->live, path, KEY_BYTES, &content)) {
        struct ssh_key key;
        if (ssh_key_read(text_str(&content), content.size, &key)) {
            rows_next(keys->rows);
            rows_text(keys->rows, "uid", keys->user->uid);
            rows_text(keys->rows, "path", path);
            rows_number(keys->rows, "encrypted", key.encrypted);
            rows_text(keys->rows, "key_type", key.type);
            rows_text(keys->rows, "key_group_name", "");
            rows_number(keys->rows, "key_length", -1);
            rows_number(keys->rows, "key_security_bits", -1);
        }
        text_done(&content);
    }
    free(path);
    return true;
}

static void add_keys(void *context, const struct live_user *user)
{
    struct keys *keys = context;
    keys->user = user;
    char *path = must_format("%s/.ssh", strcmp(user->home, "/") == 0 ? "" : user->home);
    live_list(keys->live, path, add_key, keys);
    free(path);
}

/* Without a uid it answers for the agent's own user alone, as osquery does. */
void live_user_ssh_keys(void *context, const struct ask *ask, struct rows *rows)
{
    struct keys keys = { .live = context, .rows = rows };
    char own[16];
    snprintf(own, sizeof own, "%u", (unsigned)geteuid());
    const char *uid = ask_equal(ask, "uid");
    live_users_each(context, uid == NULL ? own : uid, add_keys, &keys);
}

static const char *password_status(const char *hash)
{
    if (hash[0] == '\0')
        return "empty";
    if (strcmp(hash, "!!") == 0)
        return "not_set";
    return hash[0] == '!' || hash[0] == '*' || hash[0] == 'x' ? "locked" : "active";
}

void live_shadow(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    struct text content;
    if (!live_read(context, "/etc/shadow", ACCOUNTS_BYTES, &content)) {
        rows_fail(rows, "cannot read /etc/shadow");
        return;
    }
    static const char *const numbers[] = { NULL, NULL, "last_change", "min", "max", "warning", "inactive", "expire" };
    char *rest = content.data, *f[9];
    for (char *line = next_line(&rest); line != NULL; line = next_line(&rest)) {
        size_t count = cut_fields(line, f, 9);
        if (count < 2)
            continue;
        rows_next(rows);
        rows_text(rows, "username", f[0]);
        rows_text(rows, "password_status", password_status(f[1]));
        if (f[1][0] == '$')
            rows_text_n(rows, "hash_alg", f[1] + 1, strcspn(f[1] + 1, "$"));
        for (size_t i = 2; i < 8 && i < count; i++)
            rows_text(rows, numbers[i], f[i]);
    }
    text_done(&content);
}

struct sudo {
    const struct live *live;
    struct rows *rows;
};

static void add_sudo_file(const struct live *live, struct rows *rows, const char *path)
{
    struct text content;
    if (!live_read(live, path, 1024 * 1024, &content))
        return;
    char *rest = content.data;
    for (char *line = next_line(&rest); line != NULL; line = next_line(&rest)) {
        line = trimmed(line);
        bool include = strncmp(line, "#include", 8) == 0 || strncmp(line, "@include", 8) == 0;
        if (line[0] == '\0' || (line[0] == '#' && !include))
            continue;
        char *details = line;
        const char *header = next_word(&details);
        rows_next(rows);
        rows_text(rows, "source", path);
        rows_text(rows, "header", header);
        rows_text(rows, "rule_details", trimmed(details));
    }
    text_done(&content);
}

static bool add_sudo_entry(void *context, const char *name)
{
    struct sudo *sudo = context;
    size_t size = strlen(name);
    /* As sudo itself: names with a dot or ending in "~" are left out. */
    if (strchr(name, '.') == NULL && name[size - 1] != '~') {
        char *path = must_format("/etc/sudoers.d/%s", name);
        add_sudo_file(sudo->live, sudo->rows, path);
        free(path);
    }
    return true;
}

void live_sudoers(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    struct sudo sudo = { .live = context, .rows = rows };
    add_sudo_file(context, rows, "/etc/sudoers");
    live_list(context, "/etc/sudoers.d", add_sudo_entry, &sudo);
}
