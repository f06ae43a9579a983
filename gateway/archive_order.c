#include "gateway/archive_order.h"

#include "connectors/archive_file.h"
#include "posture/base/from_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_BYTES = 64 * 1024 };

/* ---- headers ---- */

static struct span member_text(const struct from_json_value *root, const char *key)
{
    struct from_json_value v = from_json_member(root, key);
    struct span text = SPAN_NONE;
    struct err err;
    return from_json_text(&v, HEADER_BYTES, &text, &err) == OK ? text : SPAN_NONE;
}

static int64_t member_int(const struct from_json_value *root, const char *key)
{
    struct from_json_value v = from_json_member(root, key);
    int64_t number = 0;
    struct err err;
    return from_json_int(&v, 0, INT64_MAX, &number, &err) == OK ? number : -1;
}

static bool parse(struct span text, struct from_json **doc)
{
    struct err err;
    return from_json_parse(text, (struct from_json_limits){ HEADER_BYTES, 8 }, "line", doc, &err) == OK;
}

static void read_header(const struct archive_segment *segment, const char *chain, struct archive_header *h)
{
    CLEANUP(archive_lines_closep) struct archive_lines *lines = NULL;
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct archive_line line;
    struct span text;
    struct err err;
    bool whole = false;
    char path[ARCHIVE_PATH_BYTES];
    if (!archive_segment_path(segment, chain, path) || archive_lines_open(path, &lines, &err) != OK || archive_lines_next(lines, &text, &whole, &err) != OK ||
        archive_line_read(text, &line, &err) != OK || line.kind != ARCHIVE_OPEN || !parse(text, &doc))
        return;
    struct from_json_value root = from_json_root(doc);
    *h = (struct archive_header){ .read = true, .seq = line.seq, .number = (uint64_t)member_int(&root, "segment"), .chains = member_int(&root, "chains") };
    memcpy(h->prev, line.prev.at, ARCHIVE_HASH_BYTES);
    snprintf(h->chain, sizeof h->chain, "%.*s", SPAN_ARGS(span_slice(member_text(&root, "chain"), 0, ARCHIVE_NAME_BYTES - 1)));
    snprintf(h->day, sizeof h->day, "%.*s", SPAN_ARGS(span_slice(member_text(&root, "day"), 0, ARCHIVE_DAY_BYTES)));
}

/* ---- one file a number ---- */

bool archive_segment_holds(const struct archive_segment *segment, const char *chain, uint64_t seq, const char *hash)
{
    CLEANUP(archive_lines_closep) struct archive_lines *lines = NULL;
    struct archive_line line;
    struct span text;
    struct err err;
    bool whole = false;
    char path[ARCHIVE_PATH_BYTES];
    if (!archive_segment_path(segment, chain, path) || archive_lines_open(path, &lines, &err) != OK)
        return false;
    while (archive_lines_next(lines, &text, &whole, &err) == OK)
        if (archive_line_read(text, &line, &err) == OK && line.seq == seq)
            return span_equal_text(line.hash, hash);
    return false;
}

/* Of two newest segments the one that was begun further on in the chain, else the longer one. */
static bool is_later(const struct archive_order *o, size_t i, size_t than)
{
    if (o->headers[i].seq != o->headers[than].seq)
        return o->headers[i].seq > o->headers[than].seq;
    return o->segments.all[i].bytes > o->segments.all[than].bytes;
}

/* Of several files with one number the one that the next segment goes on from. Drops the others, from the end on; they are counted as left over. */
static void choose(struct archive_order *o, const char *chain)
{
    struct archive_segments *s = &o->segments;
    const struct archive_header *next = NULL;
    struct archive_header kept_next;
    for (size_t end = s->count; end > 0;) {
        size_t from = end - 1, best;
        while (from > 0 && s->all[from - 1].name.number == s->all[end - 1].name.number)
            from--;
        best = from;
        for (size_t i = from; end - from > 1 && i < end; i++) {
            bool goes_on = next != NULL && next->read && archive_segment_holds(&s->all[i], chain, next->seq - 1, next->prev);
            if (goes_on || (next == NULL && is_later(o, i, best)))
                best = i;
        }
        for (size_t i = from; i < end; i++)
            if (i != best)
                o->left_over++, s->all[i].name.number = 0;
        kept_next = o->headers[best];
        next = &kept_next;
        end = from;
    }
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->all[i].name.number != 0) {
            o->headers[kept] = o->headers[i];
            s->all[kept++] = s->all[i];
        }
    s->count = kept;
}

/* ---- a branch that died ---- */

/* Records of a segment behind that line of the chain. *closed: it ends with its close line. */
static uint64_t records_behind(const struct archive_segment *segment, const char *chain, uint64_t seq, bool *closed)
{
    CLEANUP(archive_lines_closep) struct archive_lines *lines = NULL;
    struct archive_line line;
    struct span text;
    struct err err;
    bool whole = false;
    uint64_t count = 0;
    char path[ARCHIVE_PATH_BYTES];
    *closed = false;
    if (!archive_segment_path(segment, chain, path) || archive_lines_open(path, &lines, &err) != OK)
        return 0;
    while (archive_lines_next(lines, &text, &whole, &err) == OK) {
        if (!whole || archive_line_read(text, &line, &err) != OK)
            continue;
        count += line.kind == ARCHIVE_RECORD && line.seq > seq;
        *closed = line.kind == ARCHIVE_CLOSE;
    }
    return count;
}

/* A node died before its new segment was confirmed, and the node of the segment before went on in that one, from the same place in the log: what stands in the new one stands
 * there again, and more after it. Within one folder the writer itself removes such a segment. */
static bool is_left_behind(const struct archive_order *o, const char *chain)
{
    if (o->segments.count < 2)
        return false;
    const struct archive_segment *last = &o->segments.all[o->segments.count - 1], *before = last - 1;
    const struct archive_header *h = &o->headers[o->segments.count - 1];
    bool closed = false, ignored;
    if (!h->read || h->seq == 0 || last->folder == before->folder || last->name.number != before->name.number + 1)
        return false;
    uint64_t records = records_behind(last, chain, 0, &closed);
    return !closed && records <= ARCHIVE_FILE_TAIL_LINES && records_behind(before, chain, h->seq - 1, &ignored) > records;
}

/* ---- the order ---- */

enum err_code archive_order_read(const char *const *folders, size_t folder_count, const char *chain, struct archive_order *out, struct err *err)
{
    enum err_code code = OK;
    *out = (struct archive_order){ .left_over = 0 };
    for (size_t i = 0; i < folder_count && code == OK; i++)
        code = archive_folder_list(folders[i], chain, &out->segments, err);
    if (code != OK)
        return code;
    out->headers = calloc(out->segments.count + 1, sizeof *out->headers);
    if (out->headers == NULL)
        return err_set(err, ERR_MEMORY, "the segments of %s", chain);
    for (size_t i = 0; i < out->segments.count; i++)
        read_header(&out->segments.all[i], chain, &out->headers[i]);
    choose(out, chain);
    if (is_left_behind(out, chain)) {
        out->segments.count--;
        out->left_over++;
    }
    return OK;
}

void archive_order_done(struct archive_order *o)
{
    if (o == NULL)
        return;
    archive_segments_done(&o->segments);
    free(o->headers);
    *o = (struct archive_order){ .headers = NULL };
}

uint64_t archive_order_cut(const struct archive_order *o, size_t index)
{
    const struct archive_header *next = index + 1 < o->segments.count ? &o->headers[index + 1] : NULL;
    bool follows = next != NULL && next->read && o->segments.all[index + 1].name.number == o->segments.all[index].name.number + 1;
    return follows && next->seq > 1 ? next->seq - 1 : 0;
}
