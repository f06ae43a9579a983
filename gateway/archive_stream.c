#include "gateway/archive_stream.h"

#include "connectors/archive_file.h"
#include "gateway/archive_order.h"
#include "gateway/archive_verify.h"

#include "posture/base/clock.h"

#include <stdlib.h>
#include <string.h>

/* One chain being read: `item` is its next record. */
struct source {
    char chain[ARCHIVE_NAME_BYTES];
    struct archive_order order;
    size_t next;                    /* segment to open */
    uint64_t cut;
    struct archive_lines *lines;
    struct archive_item item;
    bool over;
};
struct archive_stream {
    const char *const *folders; size_t folder_count;
    char from[ARCHIVE_DAY_BYTES + 1], to[ARCHIVE_DAY_BYTES + 1];
    struct source *sources; size_t count;
    struct source *given;           /* whose item was handed out: it moves on first */
    uint64_t done_bytes, all_bytes;
};

void archive_stream_close(struct archive_stream *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++) {
        archive_lines_close(s->sources[i].lines);
        archive_order_done(&s->sources[i].order);
    }
    free(s->sources);
    free(s);
}

void archive_stream_closep(struct archive_stream **s)
{
    archive_stream_close(*s);
    *s = NULL;
}

static bool is_wanted(const struct archive_stream *s, const char *day) { return strcmp(day, s->from) >= 0 && strcmp(day, s->to) <= 0; }

static enum err_code open_next(struct archive_stream *s, struct source *c, struct err *err)
{
    char path[ARCHIVE_PATH_BYTES];
    while (c->next < c->order.segments.count && !is_wanted(s, c->order.segments.all[c->next].name.day))
        c->next++;
    if (c->next == c->order.segments.count) {
        c->over = true;
        return OK;
    }
    c->cut = archive_order_cut(&c->order, c->next);
    s->done_bytes += c->order.segments.all[c->next].bytes;
    return archive_segment_path(&c->order.segments.all[c->next++], c->chain, path) ? archive_lines_open(path, &c->lines, err) : err_set(err, ERR_INPUT, "the folder's name is too long");
}

static bool read_time(struct span text, int64_t *at_s)
{
    enum { LOOK_BYTES = 512, TIME_BYTES = 20 };
    struct span key = SPAN_LITERAL(",\"at\":\"");
    size_t at = span_search(span_slice(text, 0, LOOK_BYTES), key);
    return clock_from_rfc3339(span_slice(text, at + key.bytes, TIME_BYTES), at_s);
}

/* One line on. *found: it is a record. */
static enum err_code step(struct archive_stream *s, struct source *c, bool *found, struct err *err)
{
    struct span text;
    bool whole = false;
    *found = false;
    if (c->lines == NULL)
        return open_next(s, c, err);
    enum err_code code = archive_lines_next(c->lines, &text, &whole, err);
    if (code == ERR_NOT_FOUND || (code == OK && !whole)) { /* a torn line is one that is being written */
        archive_lines_close(c->lines);
        c->lines = NULL;
        return OK;
    }
    if (code == OK)
        code = archive_line_read(text, &c->item.line, err);
    if (code != OK)
        return code == ERR_INPUT ? err_wrap(err, "%s, line %llu", c->chain, (unsigned long long)archive_lines_number(c->lines)) : code;
    c->item.text = text;
    *found = c->item.line.kind == ARCHIVE_RECORD && (c->cut == 0 || c->item.line.seq <= c->cut) && read_time(text, &c->item.at_s);
    return OK;
}

static enum err_code advance(struct archive_stream *s, struct source *c, struct err *err)
{
    bool found = false;
    enum err_code code = OK;
    while (code == OK && !found && !c->over)
        code = step(s, c, &found, err);
    return code;
}

enum err_code archive_stream_next(struct archive_stream *s, struct archive_item *out, struct err *err)
{
    struct source *best = NULL;
    enum err_code code = s->given != NULL ? advance(s, s->given, err) : OK;
    s->given = NULL;
    if (code != OK)
        return code;
    for (size_t i = 0; i < s->count; i++) {
        struct source *c = &s->sources[i];
        if (!c->over && (best == NULL || c->item.at_s < best->item.at_s))
            best = c;
    }
    if (best == NULL)
        return err_set(err, ERR_NOT_FOUND, "the end of the archive");
    s->given = best;
    *out = best->item;
    return OK;
}

void archive_stream_progress(const struct archive_stream *s, uint64_t *done_bytes, uint64_t *all_bytes)
{
    *done_bytes = s->done_bytes;
    *all_bytes = s->all_bytes;
}

static bool has_chain(const struct archive_stream *s, const char *chain)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->sources[i].chain, chain) == 0)
            return true;
    return false;
}

static enum err_code add_chain(struct archive_stream *s, const char *chain, struct err *err)
{
    struct source *c = &s->sources[s->count++];
    *c = (struct source){ .over = false };
    memcpy(c->chain, chain, sizeof c->chain);
    c->item.chain = c->chain;
    enum err_code code = archive_order_read(s->folders, s->folder_count, chain, &c->order, err);
    for (size_t i = 0; code == OK && i < c->order.segments.count; i++)
        if (is_wanted(s, c->order.segments.all[i].name.day))
            s->all_bytes += c->order.segments.all[i].bytes;
    return code == OK ? advance(s, c, err) : code;
}

static enum err_code add_folder(struct archive_stream *s, const char *folder, struct err *err)
{
    char (*chains)[ARCHIVE_NAME_BYTES] = calloc(ARCHIVE_CHAINS_MOST, sizeof *chains);
    size_t count = 0;
    enum err_code code = chains != NULL ? archive_folder_chains(folder, chains, ARCHIVE_CHAINS_MOST, &count, err) : err_set(err, ERR_MEMORY, "chains");
    for (size_t i = 0; i < count && code == OK && s->count < ARCHIVE_CHAINS_MOST; i++)
        if (!has_chain(s, chains[i]))
            code = add_chain(s, chains[i], err);
    free(chains);
    return code;
}

static void copy_day(char to[ARCHIVE_DAY_BYTES + 1], const char *day, const char *otherwise)
{
    memcpy(to, day != NULL && strlen(day) == ARCHIVE_DAY_BYTES ? day : otherwise, ARCHIVE_DAY_BYTES);
    to[ARCHIVE_DAY_BYTES] = '\0';
}

enum err_code archive_stream_open(const char *const *folders, size_t folder_count, const char *from_day, const char *to_day, struct archive_stream **out, struct err *err)
{
    CLEANUP(archive_stream_closep) struct archive_stream *s = calloc(1, sizeof *s);
    if (s == NULL || (s->sources = calloc(ARCHIVE_CHAINS_MOST, sizeof *s->sources)) == NULL)
        return err_set(err, ERR_MEMORY, "reading an archive");
    s->folders = folders;
    s->folder_count = folder_count;
    copy_day(s->from, from_day, "0000-00-00");
    copy_day(s->to, to_day, "9999-99-99");
    enum err_code code = OK;
    for (size_t i = 0; i < folder_count && code == OK; i++)
        code = add_folder(s, folders[i], err);
    if (code == OK && s->count == 0)
        code = err_set(err, ERR_NOT_FOUND, "%s holds no archive", folders[0]);
    if (code == OK)
        *out = TAKE(s);
    return code;
}
