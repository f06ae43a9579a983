#include "gateway/archive_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void archive_segments_done(struct archive_segments *s)
{
    if (s != NULL)
        free(s->all);
    if (s != NULL)
        *s = (struct archive_segments){ .all = NULL };
}

bool archive_folder_path(const char *folder, const char *chain, const char *file, char path[ARCHIVE_PATH_BYTES])
{
    return snprintf(path, ARCHIVE_PATH_BYTES, "%s/%s/%s", folder, chain, file) < ARCHIVE_PATH_BYTES;
}

bool archive_segment_path(const struct archive_segment *s, const char *chain, char path[ARCHIVE_PATH_BYTES])
{
    char file[ARCHIVE_FILE_BYTES];
    archive_file_name_write(&s->name, file);
    return archive_folder_path(s->folder, chain, file, path);
}

static int by_number(const void *a, const void *b)
{
    const struct archive_segment *x = a, *y = b;
    if (x->name.number != y->name.number)
        return x->name.number < y->name.number ? -1 : 1;
    int order = strcmp(x->name.tag, y->name.tag);
    return order != 0 ? order : x->name.packed - y->name.packed;
}

static bool add(struct archive_segments *s, const struct archive_segment *segment)
{
    if (s->count == s->room) {
        size_t room = s->room == 0 ? 64 : s->room * 2;
        struct archive_segment *more = room <= ARCHIVE_SEGMENTS_MOST ? realloc(s->all, room * sizeof *more) : NULL;
        if (more == NULL)
            return false;
        s->all = more;
        s->room = room;
    }
    s->all[s->count++] = *segment;
    return true;
}

/* Packing was interrupted after the packed one was named: both say the same. */
static void drop_doubles(struct archive_segments *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct archive_segment *before = kept > 0 ? &s->all[kept - 1] : NULL;
        bool same = before != NULL && before->name.number == s->all[i].name.number && strcmp(before->name.tag, s->all[i].name.tag) == 0 && before->folder == s->all[i].folder;
        if (!same)
            s->all[kept++] = s->all[i];
    }
    s->count = kept;
}

enum err_code archive_folder_list(const char *folder, const char *chain, struct archive_segments *s, struct err *err)
{
    char path[ARCHIVE_PATH_BYTES];
    enum err_code code = OK;
    DIR *dir = snprintf(path, sizeof path, "%s/%s", folder, chain) < (int)sizeof path ? opendir(path) : NULL;
    if (dir == NULL)
        return errno == ENOENT ? OK : err_set(err, ERR_IO, "reading %s: %s", path, strerror(errno));
    for (const struct dirent *e = readdir(dir); e != NULL && code == OK; e = readdir(dir)) {
        struct archive_segment segment = { .folder = folder };
        struct stat about;
        if (!archive_file_name_read(span_of(e->d_name), &segment.name))
            continue;
        if (archive_folder_path(folder, chain, e->d_name, path) && stat(path, &about) == 0)
            segment.bytes = (uint64_t)about.st_size;
        if (!add(s, &segment))
            code = err_set(err, ERR_LIMIT, "%s/%s holds too many segments", folder, chain);
    }
    closedir(dir);
    if (s->count > 0)
        qsort(s->all, s->count, sizeof s->all[0], by_number);
    drop_doubles(s);
    return code;
}

static bool is_chain(const char *name)
{
    size_t digits = name[0] == 'p' ? strspn(name + 1, "0123456789") : 0;
    return strcmp(name, "ctl") == 0 || (digits >= 2 && digits <= 4 && name[1 + digits] == '\0');
}

static int by_text(const void *a, const void *b) { return strcmp(a, b); }

enum err_code archive_folder_chains(const char *folder, char (*chains)[ARCHIVE_NAME_BYTES], size_t most, size_t *count, struct err *err)
{
    DIR *dir = opendir(folder);
    *count = 0;
    if (dir == NULL)
        return err_set(err, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO, "reading %s: %s", folder, strerror(errno));
    for (const struct dirent *e = readdir(dir); e != NULL && *count < most; e = readdir(dir))
        if (is_chain(e->d_name))
            memcpy(chains[(*count)++], e->d_name, strlen(e->d_name) + 1); /* at most 5 letters: is_chain() */
    closedir(dir);
    qsort(chains, *count, ARCHIVE_NAME_BYTES, by_text);
    return OK;
}
