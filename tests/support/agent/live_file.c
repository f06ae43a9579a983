#include "live.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { MATCHES_MAX = 10000, NESTING_MAX = 16 };

static const char *type_of(mode_t mode)
{
    return S_ISREG(mode)    ? "regular"
           : S_ISDIR(mode)  ? "directory"
           : S_ISLNK(mode)  ? "symlink"
           : S_ISBLK(mode)  ? "block"
           : S_ISCHR(mode)  ? "character"
           : S_ISFIFO(mode) ? "fifo"
           : S_ISSOCK(mode) ? "socket"
                            : "unknown";
}

static void add_file(const struct live *live, struct rows *rows, const char *path)
{
    char *real = live_path(live, path);
    struct stat info, link;
    bool there = lstat(real, &link) == 0;
    if (!there || stat(real, &info) != 0)
        info = link;
    free(real);
    if (!there)
        return;
    const char *slash = strrchr(path, '/');
    rows_next(rows);
    rows_text(rows, "path", path);
    rows_text_n(rows, "directory", path, slash == NULL || slash == path ? 1 : (size_t)(slash - path));
    rows_text(rows, "filename", slash == NULL ? path : slash + 1);
    rows_number(rows, "inode", (long long)info.st_ino);
    rows_number(rows, "uid", info.st_uid);
    rows_number(rows, "gid", info.st_gid);
    char mode[16];
    snprintf(mode, sizeof mode, "%04o", info.st_mode & 07777u);
    rows_text(rows, "mode", mode);
    rows_number(rows, "device", (long long)info.st_dev);
    rows_number(rows, "size", (long long)info.st_size);
    rows_number(rows, "block_size", (long long)info.st_blksize);
    rows_number(rows, "atime", (long long)info.st_atime);
    rows_number(rows, "mtime", (long long)info.st_mtime);
    rows_number(rows, "ctime", (long long)info.st_ctime);
    rows_number(rows, "hard_links", (long long)info.st_nlink);
    rows_number(rows, "symlink", S_ISLNK(link.st_mode));
    rows_text(rows, "type", type_of(info.st_mode));
}

/* SQL's % (and %%) becomes one level of *; what globbing would read specially is escaped. */
static char *glob_pattern(const char *root, const char *like)
{
    struct text out;
    text_init(&out, 8192);
    text_puts(&out, root);
    for (const char *at = like; *at != '\0'; at++) {
        if (*at == '%') {
            text_puts(&out, "*");
            at += strspn(at, "%") - 1;
            continue;
        }
        if (strchr("*?[\\", *at) != NULL)
            text_puts(&out, "\\");
        text_add(&out, at, 1);
    }
    return out.data == NULL ? must_copy("") : out.data;
}

static void add_matches(const struct live *live, struct rows *rows, const char *root, const char *like, const char *tail)
{
    char *begun = must_format("%s%s", like, tail), *pattern = glob_pattern(root, begun);
    glob_t found = { 0 };
    if (glob(pattern, GLOB_NOSORT | GLOB_PERIOD, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc && i < MATCHES_MAX; i++) {
            const char *path = found.gl_pathv[i] + strlen(root), *name = strrchr(path, '/');
            bool dots = name != NULL && (strcmp(name, "/.") == 0 || strcmp(name, "/..") == 0);
            char *below = live_path(live, path);
            /* What the scratch root covers is listed from there only. */
            bool covered = root[0] == '\0' && strcmp(below, path) != 0;
            free(below);
            if (!dots && !covered)
                add_file(live, rows, path);
        }
    }
    globfree(&found);
    free(pattern);
    free(begun);
}

/* Exact paths, and LIKE with % where each % stays within one directory; `directory` lists one directory. */
void live_file(void *context, const struct ask *ask, struct rows *rows)
{
    const struct live *live = context;
    bool rooted = live->root != NULL && live->root[0] != '\0';
    for (size_t i = 0; i < ask->count; i++) {
        const struct ask_term *term = &ask->terms[i];
        bool path = strcmp(term->column, "path") == 0, directory = strcmp(term->column, "directory") == 0;
        if ((!path && !directory) || term->value[0] != '/')
            continue;
        if (path && !term->like) {
            add_file(live, rows, term->value);
            return;
        }
        char *exact = must_copy(term->value);
        size_t size = strlen(exact);
        if (directory && size > 1 && exact[size - 1] == '/')
            exact[size - 1] = '\0';
        if (rooted)
            add_matches(live, rows, live->root, exact, directory ? "/%" : "");
        add_matches(live, rows, "", exact, directory ? "/%" : "");
        free(exact);
        return;
    }
}

/* The tree that Augeas' lens for apt.conf gives: "APT::Periodic::X "1";" becomes APT/Periodic/X = 1; braces nest. */
struct lens {
    struct rows *rows;
    const char *file;
    const char *at;
    char names[NESTING_MAX][128]; /* the path to where the reading stands */
    size_t depth;
    struct text tops;             /* "/NAME/" of every top-level statement so far, to number repeated ones */
    const char *all_tops;         /* of the whole file, once it was read through; NULL while that is done */
};

static void add_node(struct rows *rows, const char *file, const char *below, const char *label, const char *value)
{
    char *node = must_format("/files%s%s%s", file, below[0] == '\0' ? "" : "/", below);
    rows_next(rows);
    rows_text(rows, "node", node);
    rows_text(rows, "label", label);
    rows_text(rows, "value", value);
    rows_text(rows, "path", file);
    free(node);
}

static int count_of(const char *text, const char *mark)
{
    int seen = 0;
    for (const char *at = strstr(text, mark); at != NULL; at = strstr(at + 1, mark))
        seen++;
    return seen;
}

static void add_path(struct lens *lens, const char *value)
{
    if (lens->all_tops == NULL)
        return;
    struct text below;
    text_init(&below, 4096);
    char *mark = must_format("/%s/", lens->names[0]);
    int seen = count_of(text_str(&lens->tops), mark), all = count_of(lens->all_tops, mark);
    for (size_t i = 0; i < lens->depth; i++) {
        text_addf(&below, "%s%s", i == 0 ? "" : "/", lens->names[i]);
        if (i == 0 && all > 1)
            text_addf(&below, "[%d]", seen);
    }
    add_node(lens->rows, lens->file, text_str(&below), lens->names[lens->depth - 1], value);
    free(mark);
    text_done(&below);
}

static void skip_blanks(struct lens *lens)
{
    for (;;) {
        lens->at += strspn(lens->at, " \t\r\n");
        if (lens->at[0] == '#' || strncmp(lens->at, "//", 2) == 0) {
            lens->at += strcspn(lens->at, "\n");
        } else if (strncmp(lens->at, "/*", 2) == 0) {
            const char *end = strstr(lens->at, "*/");
            lens->at = end == NULL ? lens->at + strlen(lens->at) : end + 2;
        } else {
            return;
        }
    }
}

/* Names separated by "::", pushed one below the other. */
static bool push_names(struct lens *lens)
{
    size_t size = strcspn(lens->at, " \t\r\n\"{};");
    const char *end = lens->at + size;
    if (size == 0)
        return false;
    if (lens->depth == 0)
        text_addf(&lens->tops, "/%.*s/", (int)(strstr(lens->at, "::") != NULL && strstr(lens->at, "::") < end
                                                   ? strstr(lens->at, "::") - lens->at
                                                   : (long)size), lens->at);
    while (lens->at < end) {
        const char *cut = strstr(lens->at, "::");
        size_t part = cut == NULL || cut > end ? (size_t)(end - lens->at) : (size_t)(cut - lens->at);
        if (lens->depth >= NESTING_MAX || part >= sizeof lens->names[0])
            return false;
        if (part > 0) {
            memcpy(lens->names[lens->depth], lens->at, part);
            lens->names[lens->depth++][part] = '\0';
            if (lens->at + part < end)
                add_path(lens, NULL);
        }
        lens->at = cut == NULL || cut >= end ? end : cut + 2;
    }
    return lens->depth > 0;
}

static bool read_statement(struct lens *lens, int nesting);

static bool read_body(struct lens *lens, int nesting)
{
    add_path(lens, NULL);
    lens->at++;
    for (skip_blanks(lens); lens->at[0] != '}'; skip_blanks(lens))
        if (lens->at[0] == '\0' || !read_statement(lens, nesting + 1))
            return false;
    lens->at++;
    return true;
}

static bool read_statement(struct lens *lens, int nesting)
{
    size_t depth = lens->depth;
    bool fine = nesting < NESTING_MAX && push_names(lens);
    skip_blanks(lens);
    if (fine && lens->at[0] == '{') {
        fine = read_body(lens, nesting);
    } else if (fine) {
        bool quoted = lens->at[0] == '"';
        lens->at += quoted;
        size_t size = strcspn(lens->at, quoted ? "\"" : " \t\r\n;");
        char *value = must_copy_n(lens->at, size);
        lens->at += size + (quoted && lens->at[size] == '"');
        add_path(lens, value);
        free(value);
    }
    lens->depth = depth;
    skip_blanks(lens);
    if (lens->at[0] == ';')
        lens->at++;
    return fine;
}

static void read_through(struct lens *lens, const char *content)
{
    lens->at = content;
    text_clear(&lens->tops);
    for (skip_blanks(lens); lens->at[0] != '\0'; skip_blanks(lens))
        if (!read_statement(lens, 0))
            break;
}

/* Twice: Augeas numbers a repeated name from its first occurrence on. */
static void read_apt(struct rows *rows, const char *file, const char *content)
{
    struct lens *lens = must_alloc(1, sizeof *lens);
    lens->rows = rows;
    lens->file = file;
    text_init(&lens->tops, 65536);
    const char *name = strrchr(file, '/');
    add_node(rows, file, "", name == NULL ? file : name + 1, NULL);
    read_through(lens, content);
    char *all = must_copy(text_str(&lens->tops));
    lens->all_tops = all;
    lens->depth = 0;
    read_through(lens, content);
    free(all);
    text_done(&lens->tops);
    free(lens);
}

/* Only apt's configuration files have a lens here; any other path fails rather than looking empty. */
void live_augeas(void *context, const struct ask *ask, struct rows *rows)
{
    const char *path = ask_equal(ask, "path");
    if (path == NULL || strncmp(path, "/etc/apt/apt.conf.d/", 20) != 0 || strstr(path, "..") != NULL) {
        rows_fail(rows, "augeas: this agent reads exact paths below /etc/apt/apt.conf.d only");
        return;
    }
    struct text content;
    if (!live_read(context, path, 1024 * 1024, &content))
        return; /* no file, no nodes */
    read_apt(rows, path, text_str(&content));
    text_done(&content);
}
