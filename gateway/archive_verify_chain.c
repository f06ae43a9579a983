/* One chain of an archive: its segments in order, line by line, with the signatures in between. */
#include "gateway/archive_verify_parts.h"

#include "connectors/archive_file.h"
#include "posture/base/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JWS_BYTES = 16 * 1024, PROGRESS_BYTES = 1024 * 1024, LOOK_AHEAD_LINES = 1000 * 1000, HEADER_BYTES = 64 * 1024 };

struct walk {
    struct archive_run *run;
    const char *chain;
    struct archive_checked *out;
    struct archive_chain at;
    struct archive_order order;
    /* of the segment being read */
    const char *path;
    char path_before[ARCHIVE_PATH_BYTES];  /* of the segment before */
    uint64_t line, seq_last; char id_last[ARCHIVE_ID_BYTES + 1]; uint64_t line_last;
    bool stopped;
};

/* ---- what is wrong ---- */

void archive_broken_say(struct archive_broken *b, enum archive_fault fault, uint64_t line, uint64_t seq, struct span id, const char *format, ...)
{
    va_list args;
    if (b->fault != ARCHIVE_FINE)
        return;
    b->fault = fault;
    b->line = line;
    b->seq = seq;
    snprintf(b->id, sizeof b->id, "%.*s", SPAN_ARGS(id));
    va_start(args, format);
    vsnprintf(b->why, sizeof b->why, format, args);
    va_end(args);
}

static struct archive_broken *broken_here(struct walk *w)
{
    struct archive_broken *b = &w->out->broken;
    if (b->fault == ARCHIVE_FINE) {
        snprintf(b->chain, sizeof b->chain, "%s", w->chain);
        snprintf(b->path, sizeof b->path, "%s", w->path != NULL ? w->path : "");
    }
    return b;
}
#define broken(w, ...) archive_broken_say(broken_here(w), __VA_ARGS__)
static bool is_fine(const struct walk *w) { return w->out->broken.fault == ARCHIVE_FINE; }

/* ---- signatures ---- */

static bool is_same(const struct archive_chain *a, const struct archive_chain *b) { return a->seq == b->seq && strcmp(a->hash, b->hash) == 0; }

/* The statement in a compact JWS that one of the keys signed. Spans borrow from *token. */
enum err_code archive_statement_verify(const struct archive_check *check, struct span jws, struct jose_token **token, struct archive_statement *out, struct err *err)
{
    enum err_code code = jose_token_read(jws, token, err);
    if (code == OK)
        code = jose_token_verify(*token, check->keys, JOSE_ES256, err);
    if (code != OK)
        return code;
    const struct jose_rules rules = { .type = SPAN_LITERAL(ARCHIVE_STATEMENT_TYPE), .expired_is_fine = true, .now_s = INT64_MAX / 4 };
    struct from_json_value claims = jose_token_claims(*token);
    code = jose_token_check(*token, &rules, err);
    return code == OK ? archive_statement_read(&claims, out, err) : code;
}

/* Whether a signature says that this chain stood there. Says what is wrong in `why`. */
static bool is_signed(const struct walk *w, struct span jws, const struct archive_chain *at, uint64_t segment, char why[ARCHIVE_WHY_BYTES])
{
    CLEANUP(jose_token_freep) struct jose_token *token = NULL;
    struct archive_statement s;
    struct err err;
    enum err_code code = archive_statement_verify(w->run->check, jws, &token, &s, &err);
    if (code == ERR_NOT_FOUND)
        snprintf(why, ARCHIVE_WHY_BYTES, "it was signed with a key that is not among those given (%.*s)", SPAN_ARGS(token != NULL ? span_slice(jose_token_kid(token), 0, 64) : SPAN_NONE));
    else if (code != OK)
        snprintf(why, ARCHIVE_WHY_BYTES, "the signature is wrong: %.150s", err.text);
    else if (!span_equal_text(s.chain, w->chain) || s.segment != segment || !is_same(&s.at, at))
        snprintf(why, ARCHIVE_WHY_BYTES, "the signature is of another text: something before it was changed, or it comes from elsewhere");
    else
        return true;
    return false;
}

static struct span member_text(const struct from_json_value *root, const char *key)
{
    struct from_json_value v = from_json_member(root, key);
    struct span text = SPAN_NONE;
    struct err err;
    return from_json_text(&v, JWS_BYTES, &text, &err) == OK ? text : SPAN_NONE;
}

/* ---- one segment ---- */

static void progress(struct walk *w, uint64_t in_file)
{
    struct archive_run *r = w->run;
    if (r->check->progress == NULL || r->done_bytes + in_file < r->told_bytes + PROGRESS_BYTES)
        return;
    r->told_bytes = r->done_bytes + in_file;
    r->check->progress(r->check->context, r->told_bytes, r->all_bytes);
}

/* The line that should stand here may stand further down. */
static bool comes_later(const char *path, uint64_t after_line, uint64_t seq)
{
    CLEANUP(archive_lines_closep) struct archive_lines *lines = NULL;
    struct archive_line line;
    struct span text;
    struct err err;
    bool whole = false;
    if (archive_lines_open(path, &lines, &err) != OK)
        return false;
    while (archive_lines_number(lines) < after_line + LOOK_AHEAD_LINES && archive_lines_next(lines, &text, &whole, &err) == OK)
        if (archive_lines_number(lines) > after_line && archive_line_read(text, &line, &err) == OK && line.seq == seq)
            return true;
    return false;
}

static void say_fault(struct walk *w, enum archive_fault fault, const struct archive_line *line)
{
    unsigned long long wanted = w->at.seq + 1, got = line->seq;
    switch (fault) {
    case ARCHIVE_CHANGED: broken(w, fault, w->line, line->seq, line->id, "the line's text is not the one its hash was made of"); break;
    case ARCHIVE_REPLACED:
        if (w->line == 1)
            w->path = w->path_before;
        broken(w, fault, w->line_last, w->seq_last, span_of(w->id_last), "the line after it was written after another one: this one was changed and its hash made anew");
        break;
    case ARCHIVE_REPEATED: broken(w, fault, w->line, line->seq, line->id, "number %llu stands here again, where %llu should be", got, wanted); break;
    default:
        if (comes_later(w->path, w->line, w->at.seq + 1))
            broken(w, ARCHIVE_SWAPPED, w->line, line->seq, line->id, "number %llu stands here, and %llu further down", got, wanted);
        else
            broken(w, ARCHIVE_MISSING, w->line, w->at.seq + 1, SPAN_NONE, "from number %llu on %llu are not there: this line is %llu", wanted, got - wanted, got);
    }
}

static void note_last(struct walk *w, const struct archive_line *line)
{
    w->line_last = w->line;
    w->seq_last = line->seq;
    snprintf(w->id_last, sizeof w->id_last, "%.*s", SPAN_ARGS(line->id));
    w->out->lines++;
    w->out->records += line->kind == ARCHIVE_RECORD;
    w->out->unsigned_records += line->kind == ARCHIVE_RECORD;
}

static void check_signature(struct walk *w, struct span text, const struct archive_chain *before, uint64_t segment, const char *what)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    char why[ARCHIVE_WHY_BYTES];
    struct err err;
    if (from_json_parse(text, (struct from_json_limits){ HEADER_BYTES, 8 }, "line", &doc, &err) != OK) {
        broken(w, ARCHIVE_UNREADABLE, w->line, w->at.seq, SPAN_NONE, "the line cannot be read");
        return;
    }
    struct from_json_value root = from_json_root(doc);
    struct span jws = member_text(&root, "signature");
    if (span_empty(jws))
        broken(w, ARCHIVE_UNSIGNED, w->line, w->at.seq, SPAN_NONE, "%s", what);
    else if (!is_signed(w, jws, before, segment, why))
        broken(w, ARCHIVE_FORGED, w->line, w->at.seq, SPAN_NONE, "%s", why);
    else
        w->out->signatures++, w->out->unsigned_records = 0;
}

/* A day's segment is closed and signed when the day is over: one that goes on for days was written by somebody who cannot sign. */
static bool is_of_a_later_day(struct span text, const char *day)
{
    enum { SLACK_S = 86400 /* clocks that differ */, LOOK_BYTES = 512, TIME_BYTES = 20 };
    struct span key = SPAN_LITERAL(",\"at\":\""), head = span_slice(text, 0, LOOK_BYTES);
    size_t at = span_search(head, key);
    char own[ARCHIVE_DAY_BYTES + 1];
    int64_t at_s = 0;
    if (!clock_from_rfc3339(span_slice(head, at + key.bytes, TIME_BYTES), &at_s))
        return false;
    archive_day(at_s - SLACK_S, own);
    return strcmp(own, day) > 0;
}

/* One line that has its place. */
static void take_line(struct walk *w, size_t i, const struct archive_line *line, struct span text, bool before_closed)
{
    const struct archive_chain before = w->at;
    enum archive_fault fault = archive_follow(&w->at, line);
    if (fault != ARCHIVE_FINE) {
        say_fault(w, fault, line);
        return;
    }
    note_last(w, line);
    uint64_t segment = w->order.segments.all[i].name.number;
    if (line->kind == ARCHIVE_RECORD && is_of_a_later_day(text, w->order.segments.all[i].name.day))
        broken(w, ARCHIVE_UNSIGNED, w->line, line->seq, line->id, "this record is of a later day than its segment: the day was never closed and signed");
    else if ((line->kind == ARCHIVE_OPEN) != (w->line == 1))
        broken(w, ARCHIVE_CHANGED, w->line, line->seq, SPAN_NONE, "a segment begins with its open line, and has one");
    else if (line->kind == ARCHIVE_OPEN && !before_closed)
        check_signature(w, text, &before, segment - 1, "the segment before was not closed, and nothing signed says where it ended");
    else if (line->kind == ARCHIVE_CLOSE)
        check_signature(w, text, &before, segment, "the close line has no signature");
    if (is_fine(w) && w->run->check->line != NULL && !w->run->check->line(w->run->check->context, w->chain, line, text))
        w->stopped = true;
}

/* Reads one segment up to `cut` (the number of the last line that counts, 0: all). *closed: it ended with its close line. */
static void read_segment(struct walk *w, size_t i, uint64_t cut, bool before_closed, bool *closed)
{
    CLEANUP(archive_lines_closep) struct archive_lines *lines = NULL;
    struct archive_line line;
    struct span text;
    struct err err = { 0 };
    bool whole = true;
    *closed = false;
    enum err_code code = archive_lines_open(w->path, &lines, &err);
    while (code == OK && is_fine(w) && !w->stopped) {
        code = archive_lines_next(lines, &text, &whole, &err);
        w->line = lines != NULL ? archive_lines_number(lines) : 0;
        if (code != OK)
            break;
        progress(w, archive_lines_read_bytes(lines));
        if (cut != 0 && w->at.seq >= cut) {
            w->out->left_over++;
        } else if (!whole) {
            broken(w, ARCHIVE_TRUNCATED, w->line, w->at.seq + 1, SPAN_NONE, "the text ends in the middle of the line");
        } else if (archive_line_read(text, &line, &err) != OK) {
            broken(w, ARCHIVE_UNREADABLE, w->line, w->at.seq + 1, SPAN_NONE, "this is no line of an archive");
        } else if (*closed) {
            broken(w, ARCHIVE_CHANGED, w->line, line.seq, line.id, "there are lines behind the close line");
        } else {
            take_line(w, i, &line, text, before_closed);
            *closed = line.kind == ARCHIVE_CLOSE;
        }
    }
    if (code != OK && code != ERR_NOT_FOUND)
        broken(w, ARCHIVE_TRUNCATED, w->line + 1, w->at.seq + 1, SPAN_NONE, "%.200s", err.text);
}

/* ---- the order of segments ---- */

/* The newest anchor of the folders that says where this chain's first segment goes on from. */
static bool find_anchor(struct walk *w, const struct archive_header *first, uint64_t number)
{
    const struct archive_chain before = { .seq = first->seq - 1 };
    struct archive_chain at = before;
    char path[ARCHIVE_PATH_BYTES], why[ARCHIVE_WHY_BYTES] = "";
    bool any = false;
    memcpy(at.hash, first->prev, sizeof at.hash);
    for (size_t i = 0; i < w->run->check->folder_count; i++) {
        CLEANUP(buf_done) struct buf jws;
        struct err err;
        buf_init(&jws, JWS_BYTES);
        if (!archive_folder_path(w->run->check->folders[i], w->chain, ARCHIVE_ANCHOR_FILE, path) || file_read(path, JWS_BYTES, &jws, &err) != OK)
            continue;
        any = true;
        if (is_signed(w, span_trim(buf_span(&jws)), &at, number - 1, why)) {
            w->at = at;
            w->out->anchored = true;
            w->out->signatures++;
            return true;
        }
    }
    if (any)
        broken(w, ARCHIVE_FORGED, 0, at.seq, SPAN_NONE, "the anchor does not fit segment %llu: %.180s", (unsigned long long)number, why);
    else
        broken(w, ARCHIVE_NO_SEGMENT, 0, 1, SPAN_NONE, "the chain begins with segment %llu, and no anchor says that the ones before were let go", (unsigned long long)number);
    return false;
}

static bool begin(struct walk *w)
{
    uint64_t number = w->order.segments.all[0].name.number;
    if (!w->order.headers[0].read || number == 1)
        return true; /* a first line that is wrong is found when it is read */
    return find_anchor(w, &w->order.headers[0], number);
}

static bool follows(struct walk *w, size_t i)
{
    uint64_t number = w->order.segments.all[i].name.number, before = i > 0 ? w->order.segments.all[i - 1].name.number : number - 1;
    const struct archive_header *h = &w->order.headers[i];
    if (number != before + 1)
        broken(w, ARCHIVE_NO_SEGMENT, 0, w->at.seq + 1, SPAN_NONE, "segment %llu is not there: after %llu comes %llu", (unsigned long long)before + 1, (unsigned long long)before, (unsigned long long)number);
    else if (h->read && (h->number != number || strcmp(h->day, w->order.segments.all[i].name.day) != 0))
        broken(w, ARCHIVE_SWAPPED, 1, h->seq, SPAN_NONE, "the file is named as segment %llu of %s and holds segment %llu of %s", (unsigned long long)number, w->order.segments.all[i].name.day,
               (unsigned long long)h->number, h->day);
    else if (h->read && strcmp(h->chain, w->chain) != 0)
        broken(w, ARCHIVE_SWAPPED, 1, h->seq, SPAN_NONE, "the file lies in the folder of chain %s and holds chain %s", w->chain, h->chain);
    return is_fine(w);
}

/* ---- one chain ---- */

static void walk_segments(struct walk *w)
{
    char path[ARCHIVE_PATH_BYTES];
    bool closed = true;
    for (size_t i = 0; i < w->order.segments.count && is_fine(w) && !w->stopped; i++) {
        uint64_t cut = archive_order_cut(&w->order, i);
        bool before_closed = closed;
        if (!archive_segment_path(&w->order.segments.all[i], w->chain, path))
            continue;
        w->path = path;
        if (!follows(w, i))
            return;
        read_segment(w, i, cut, before_closed, &closed);
        if (is_fine(w) && !w->stopped && w->at.seq < cut)
            broken(w, ARCHIVE_TRUNCATED, w->line + 1, w->at.seq + 1, SPAN_NONE, "the file ends before %llu, where the next segment begins", (unsigned long long)cut + 1);
        if (w->order.headers[i].chains > w->run->chains)
            w->run->chains = w->order.headers[i].chains;
        snprintf(w->path_before, sizeof w->path_before, "%s", path);
        w->run->done_bytes += w->order.segments.all[i].bytes;
        w->out->segments++;
    }
    w->path = NULL; /* what is said of the chain from here on is said of no file */
}

/* All chains turn the day together; one that stays behind has lost its newest segments. A day is granted: a copy takes a while. */
static void check_reach(struct walk *w)
{
    char day_before[ARCHIVE_DAY_BYTES + 1], time[CLOCK_TEXT_BYTES];
    int64_t newest_s = 0;
    snprintf(time, sizeof time, "%sT00:00:00Z", w->run->last_day);
    if (!clock_from_rfc3339(span_of(time), &newest_s))
        return;
    archive_day(newest_s - 86400, day_before);
    if (strcmp(w->out->last_day, day_before) < 0)
        broken(w, ARCHIVE_NO_SEGMENT, 0, w->at.seq + 1, SPAN_NONE, "the chain ends on %s, others reach %s: its newest segments are not there", w->out->last_day, w->run->last_day);
}

void archive_chain_check(struct archive_run *r, const char *chain, struct archive_checked *out)
{
    struct walk w = { .run = r, .chain = chain, .out = out, .at = archive_chain_start() };
    struct err err;
    snprintf(out->chain, sizeof out->chain, "%s", chain);
    if (archive_order_read(r->check->folders, r->check->folder_count, chain, &w.order, &err) != OK) {
        broken(&w, ARCHIVE_UNREADABLE, 0, 0, SPAN_NONE, "%.200s", err.text);
    } else if (w.order.segments.count == 0) {
        broken(&w, ARCHIVE_NO_SEGMENT, 0, 1, SPAN_NONE, "chain %s has no segments", chain);
    } else {
        const struct archive_segments *all = &w.order.segments;
        snprintf(out->first_day, sizeof out->first_day, "%s", all->all[0].name.day);
        snprintf(out->last_day, sizeof out->last_day, "%s", all->all[all->count - 1].name.day);
        out->left_over = w.order.left_over;
        if (begin(&w))
            walk_segments(&w);
        if (is_fine(&w) && !w.stopped)
            check_reach(&w);
    }
    out->at = w.at;
    archive_order_done(&w.order);
}
