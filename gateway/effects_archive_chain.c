/* One chain of the archive on this node's disk. */
#include "gateway/effects_archive.h"

#include "gateway/signing_ring.h"

#include "posture/base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PENDING_BYTES = 2 * ARCHIVE_LINE_BYTES, JWS_BYTES = 16 * 1024, KEYS_BYTES = 128 * 1024, DAY_S = 86400, LINE_PARTS = 8 };

static void log_chain(const struct archive_writer *w, enum log_level level, const char *what, const struct archive_chain_state *c, const struct err *err)
{
    log_event(w->node->log, level, what, LOG_STR("chain", c->name), LOG_STR("file", c->head.file), LOG_ERR(err));
}

void archive_chain_drop(struct archive_chain_state *c)
{
    archive_file_close(c->file);
    c->file = NULL;
    buf_done(&c->pending);
    buf_init(&c->pending, PENDING_BYTES);
    c->loaded = c->known = c->moved = c->swept = false;
    c->records = 0;
}

/* ---- loading ---- */

/* Segments that a crash left behind: begun, and never confirmed. More in them than a crash can leave is kept: the store went back in time. */
static void remove_unconfirmed(const struct archive_writer *w, const struct archive_chain_state *c)
{
    struct archive_segments s = { .all = NULL };
    struct err err;
    char path[ARCHIVE_PATH_BYTES];
    if (archive_folder_list(w->folder, c->name, &s, &err) != OK)
        s.count = 0;
    for (size_t i = 0; i < s.count; i++) {
        CLEANUP(archive_lines_closep) struct archive_lines *lines = NULL;
        struct span line;
        bool whole;
        if (s.all[i].name.number <= c->head.segment || s.all[i].name.packed || !archive_segment_path(&s.all[i], c->name, path) || archive_lines_open(path, &lines, &err) != OK)
            continue;
        uint64_t count = 0;
        while (count <= ARCHIVE_FILE_TAIL_LINES && archive_lines_next(lines, &line, &whole, &err) == OK)
            count++;
        if (count <= ARCHIVE_FILE_TAIL_LINES)
            unlink(path);
        else
            log_event(w->node->log, LOG_ERROR, "archive.unknown_segment", LOG_STR("chain", c->name), LOG_STR("path", path));
    }
    archive_segments_done(&s);
}

static enum err_code reopen(struct archive_writer *w, struct archive_chain_state *c, struct err *err)
{
    char path[ARCHIVE_PATH_BYTES];
    if (c->head.closed || !archive_folder_path(w->folder, c->name, c->head.file, path))
        return OK;
    enum err_code code = archive_file_reopen(path, c->head.bytes, span_of(c->head.at.hash), &c->file, err);
    if (code == ERR_INPUT)
        log_chain(w, LOG_ERROR, "archive.damaged", c, err);
    else if (code == ERR_NOT_FOUND || code == ERR_CONFLICT)
        log_chain(w, LOG_INFO, "archive.elsewhere", c, err);
    return code == ERR_INPUT || code == ERR_NOT_FOUND || code == ERR_CONFLICT ? OK : code; /* then a new segment goes on from the head */
}

enum err_code archive_chain_load(struct archive_writer *w, struct store *store, unsigned partition, struct archive_chain_state *c, struct err *err)
{
    archive_chain_drop(c);
    archive_chain_name(partition, store->ops->partitions(store), c->name);
    enum err_code code = archive_head_load(store, partition, &c->head, err);
    c->known = code == OK;
    if (code == ERR_NOT_FOUND)
        c->head = (struct archive_head){ .at = archive_chain_start(), .closed = true };
    else if (code == OK)
        code = reopen(w, c, err);
    if (code != OK && code != ERR_NOT_FOUND)
        return code;
    remove_unconfirmed(w, c);
    c->loaded = true;
    return OK;
}

/* ---- signing ---- */

/* Without a signature rather than not at all when the key was sealed under another root key: the log must not grow for ever. The check says so. */
static enum err_code add_signature(const struct archive_writer *w, const struct archive_chain_state *c, const char *member, struct to_json *line, struct err *err)
{
    CLEANUP(buf_done) struct buf jws;
    const struct archive_statement s = { .chain = span_of(c->name), .at = c->head.at, .segment = c->head.segment };
    buf_init(&jws, JWS_BYTES);
    enum err_code code = archive_head_sign(w->node, &s, &jws, err);
    if (code == ERR_DENIED) {
        log_chain(w, LOG_ERROR, "archive.not_signed", c, err);
        return OK;
    }
    if (code == OK)
        to_json_member_text(line, member, buf_span(&jws));
    return code;
}

/* Beside the chains, so that a copied folder can be checked; whoever wants proof takes the keys from elsewhere. */
static void export_keys(const struct archive_writer *w)
{
    CLEANUP(buf_done) struct buf keys, there;
    char path[ARCHIVE_PATH_BYTES + 16];
    struct err err;
    buf_init(&keys, KEYS_BYTES);
    buf_init(&there, KEYS_BYTES);
    snprintf(path, sizeof path, "%s/%s", w->folder, ARCHIVE_KEYS_FILE);
    if (signing_archive_jwks(w->node, &keys, &err) != OK || !buf_append_byte(&keys, '\n'))
        return;
    if (file_read(path, KEYS_BYTES, &there, &err) == OK && span_equal(buf_span(&there), buf_span(&keys)))
        return;
    if (file_write_private(path, buf_span(&keys), &err) != OK)
        log_event(w->node->log, LOG_WARN, "archive.keys_not_written", LOG_ERR(&err));
}

/* ---- segments ---- */

static void make_name(struct archive_chain_state *c, const char *day)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    struct archive_file_name name = { .number = c->head.segment + 1 };
    uint8_t random[ARCHIVE_TAG_BYTES];
    secret_random(random, sizeof random);
    for (size_t i = 0; i < ARCHIVE_TAG_BYTES; i++)
        name.tag[i] = letters[random[i] % 32];
    memcpy(name.day, day, sizeof name.day);
    archive_file_name_write(&name, c->head.file);
}

/* The line before was left without a close line by another process: this one says where it stood. */
static enum err_code write_open_line(const struct archive_writer *w, struct archive_chain_state *c, unsigned chains, const char *day, struct err *err)
{
    struct to_json line;
    size_t from = 0;
    enum err_code code = OK;
    archive_line_begin(&c->head.at, ARCHIVE_OPEN, &c->pending, &from, &line);
    to_json_member_text(&line, "chain", span_of(c->name));
    to_json_member_int(&line, "segment", (int64_t)(c->head.segment + 1));
    to_json_member_text(&line, "day", span_of(day));
    to_json_member_int(&line, "chains", chains);
    if (c->known && !c->head.closed)
        code = add_signature(w, c, "signature", &line, err);
    if (code == OK && !archive_line_end(&c->head.at, &c->pending, from, &line))
        code = err_set(err, ERR_MEMORY, "the archive of %s", c->name);
    if (code != OK)
        c->pending.bytes = from;
    return code;
}

static enum err_code open_segment(struct archive_writer *w, struct archive_chain_state *c, unsigned chains, const char *day, struct err *err)
{
    char path[ARCHIVE_PATH_BYTES];
    size_t before = c->pending.bytes;
    enum err_code code = write_open_line(w, c, chains, day, err);
    if (code != OK)
        return code;
    make_name(c, day);
    code = archive_folder_path(w->folder, c->name, c->head.file, path) ? archive_file_create(path, &c->file, err) : err_set(err, ERR_INPUT, "archive.folder is too long");
    if (code != OK)
        return code;
    c->head.segment++;
    c->head.closed = false;
    c->head.bytes = c->pending.bytes - before;
    memcpy(c->head.day, day, ARCHIVE_DAY_BYTES + 1);
    c->known = c->moved = true;
    c->records = 0;
    export_keys(w);
    return OK;
}

enum err_code archive_chain_sync(struct archive_chain_state *c, struct err *err)
{
    if (c->file == NULL || c->pending.bytes == 0)
        return OK;
    enum err_code code = buf_check(&c->pending, "the archive's lines", err);
    if (code == OK)
        code = archive_file_append(c->file, buf_span(&c->pending), err);
    if (code == OK)
        code = archive_file_sync(c->file, err);
    if (code != OK)
        return code;
    buf_clear(&c->pending);
    c->head.bytes = archive_file_bytes(c->file);
    return OK;
}

enum err_code archive_chain_close_segment(struct archive_writer *w, struct archive_chain_state *c, struct err *err)
{
    struct to_json line;
    size_t from = 0;
    if (c->file == NULL)
        return OK;
    archive_line_begin(&c->head.at, ARCHIVE_CLOSE, &c->pending, &from, &line);
    to_json_member_int(&line, "segment", (int64_t)c->head.segment);
    to_json_member_text(&line, "day", span_of(c->head.day));
    enum err_code code = add_signature(w, c, "signature", &line, err);
    if (code == OK && !archive_line_end(&c->head.at, &c->pending, from, &line))
        code = err_set(err, ERR_MEMORY, "the archive of %s", c->name);
    if (code != OK) {
        c->pending.bytes = from;
        return code;
    }
    code = archive_chain_sync(c, err);
    if (code != OK)
        return code;
    archive_file_close(c->file);
    c->file = NULL;
    c->head.closed = c->moved = true;
    c->swept = false;
    return OK;
}

enum err_code archive_chain_open_day(struct archive_writer *w, struct archive_chain_state *c, unsigned chains, const char *day, struct err *err)
{
    enum err_code code = OK;
    if (c->file != NULL && strcmp(c->head.day, day) < 0)
        code = archive_chain_close_segment(w, c, err);
    return code == OK && c->file == NULL ? open_segment(w, c, chains, day, err) : code;
}

/* ---- sweeping ---- */

static enum err_code pack_closed(const struct archive_writer *w, const struct archive_chain_state *c, const struct archive_segments *s, struct err *err)
{
    char path[ARCHIVE_PATH_BYTES];
    enum err_code code = OK;
    for (size_t i = 0; w->pack && i < s->count && code == OK; i++)
        if (s->all[i].name.number < c->head.segment && !s->all[i].name.packed && archive_segment_path(&s->all[i], c->name, path))
            code = archive_file_pack(path, err);
    return code == ERR_CONFLICT ? OK : code; /* another process still writes there: a later sweep packs it */
}

/* What stands in front of a segment: its open line says so. */
static enum err_code state_before(const struct archive_segment *segment, const char *chain, struct archive_chain *out, struct err *err)
{
    CLEANUP(archive_lines_closep) struct archive_lines *lines = NULL;
    struct archive_line line;
    struct span text;
    bool whole = false;
    char path[ARCHIVE_PATH_BYTES];
    enum err_code code = archive_segment_path(segment, chain, path) ? archive_lines_open(path, &lines, err) : err_set(err, ERR_INPUT, "archive.folder is too long");
    if (code == OK)
        code = archive_lines_next(lines, &text, &whole, err);
    if (code == OK)
        code = archive_line_read(text, &line, err);
    if (code != OK)
        return code;
    *out = (struct archive_chain){ .seq = line.seq - 1 };
    memcpy(out->hash, line.prev.at, ARCHIVE_HASH_BYTES);
    return OK;
}

/* The anchor first: a chain that begins later than at its beginning is whole only with it. */
static enum err_code write_anchor(const struct archive_writer *w, const struct archive_chain_state *c, const struct archive_segment *first_kept, struct err *err)
{
    CLEANUP(buf_done) struct buf jws;
    char path[ARCHIVE_PATH_BYTES];
    struct archive_statement s = { .chain = span_of(c->name), .segment = first_kept->name.number - 1 };
    buf_init(&jws, JWS_BYTES);
    enum err_code code = state_before(first_kept, c->name, &s.at, err);
    if (code == OK)
        code = archive_head_sign(w->node, &s, &jws, err);
    if (code == OK && (!buf_append_byte(&jws, '\n') || !archive_folder_path(w->folder, c->name, ARCHIVE_ANCHOR_FILE, path)))
        code = err_set(err, ERR_MEMORY, "the anchor of %s", c->name);
    return code == OK ? file_write_private(path, buf_span(&jws), err) : code;
}

/* How many of the oldest go: whole segments, and never the newest. */
static size_t count_old(const struct archive_writer *w, const struct archive_chain_state *c, const struct archive_segments *s)
{
    char last_day[ARCHIVE_DAY_BYTES + 1];
    size_t old = 0;
    if (w->retention_s == 0)
        return 0;
    archive_day(clock_wall_s(w->node->clock) - w->retention_s - DAY_S, last_day);
    while (old + 1 < s->count && s->all[old].name.number < c->head.segment && strcmp(s->all[old].name.day, last_day) < 0)
        old++;
    while (old > 0 && s->all[old - 1].name.number == s->all[old].name.number)
        old--; /* two files of one number stay or go together */
    return old;
}

static enum err_code let_old_go(const struct archive_writer *w, const struct archive_chain_state *c, const struct archive_segments *s, struct err *err)
{
    char path[ARCHIVE_PATH_BYTES];
    size_t old = count_old(w, c, s);
    enum err_code code = old > 0 ? write_anchor(w, c, &s->all[old], err) : OK;
    for (size_t i = 0; i < old && code == OK; i++)
        if (archive_segment_path(&s->all[i], c->name, path) && unlink(path) != 0)
            code = err_set(err, ERR_IO, "removing %s: %s", path, strerror(errno));
    if (code == OK && old > 0)
        log_event(w->node->log, LOG_INFO, "archive.let_go", LOG_STR("chain", c->name), LOG_INT("segments", (int64_t)old));
    return code;
}

enum err_code archive_chain_sweep(struct archive_writer *w, struct archive_chain_state *c, struct err *err)
{
    struct archive_segments s = { .all = NULL };
    enum err_code code = archive_folder_list(w->folder, c->name, &s, err);
    if (code == OK)
        code = pack_closed(w, c, &s, err);
    archive_segments_done(&s); /* names changed */
    if (code == OK)
        code = archive_folder_list(w->folder, c->name, &s, err);
    if (code == OK)
        code = let_old_go(w, c, &s, err);
    archive_segments_done(&s);
    c->swept = code == OK;
    return code;
}
