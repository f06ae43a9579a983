#include "posture/archive.h"

#include "posture/base/clock.h"
#include "posture/base/from_json.h"
#include "posture/base/secret.h"

#include <stdio.h>
#include <string.h>

#define HASH_MEMBER ",\"hash\":\""

static const char *const kind_names[] = { [ARCHIVE_OPEN] = "open", [ARCHIVE_RECORD] = "record", [ARCHIVE_CLOSE] = "close" };
enum { KINDS = sizeof kind_names / sizeof kind_names[0] };

struct archive_chain archive_chain_start(void)
{
    struct archive_chain chain = { .seq = 0 };
    memset(chain.hash, '0', ARCHIVE_HASH_BYTES);
    return chain;
}

/* ---- writing ---- */

void archive_line_begin(const struct archive_chain *chain, enum archive_kind kind, struct buf *out, size_t *from, struct to_json *w)
{
    *from = out->bytes;
    to_json_init(w, out);
    to_json_object(w);
    to_json_member_int(w, "seq", (int64_t)(chain->seq + 1));
    to_json_member_text(w, "prev", span_of(chain->hash));
    to_json_member_text(w, "kind", span_of(kind_names[kind]));
}

bool archive_line_end(struct archive_chain *chain, struct buf *out, size_t from, struct to_json *w)
{
    char hash[SECRET_HEX_BYTES + 1];
    if (out->failed)
        return false;
    secret_sha256_hex(span_slice(buf_span(out), from, out->bytes), hash);
    to_json_member_text(w, "hash", span_of(hash));
    to_json_end(w);
    if (!buf_append_byte(out, '\n'))
        return false;
    chain->seq++;
    memcpy(chain->hash, hash, sizeof chain->hash);
    return true;
}

/* ---- reading ---- */

/* Takes `word` off the front. */
static bool take_word(struct span *rest, const char *word)
{
    struct span w = span_of(word);
    bool there = span_starts(*rest, w);
    if (there)
        *rest = span_slice(*rest, w.bytes, rest->bytes);
    return there;
}

static bool is_hash(struct span text)
{
    bool good = text.bytes == ARCHIVE_HASH_BYTES;
    for (size_t i = 0; good && i < text.bytes; i++)
        good = (text.at[i] >= '0' && text.at[i] <= '9') || (text.at[i] >= 'a' && text.at[i] <= 'f');
    return good;
}

static bool take_hash(struct span *rest, struct span *out)
{
    *out = span_slice(*rest, 0, ARCHIVE_HASH_BYTES);
    *rest = span_slice(*rest, ARCHIVE_HASH_BYTES, rest->bytes);
    return is_hash(*out);
}

static bool take_seq(struct span *rest, uint64_t *seq)
{
    size_t digits = span_find(*rest, ',');
    bool good = digits > 0 && digits < 19 && span_to_u64(span_slice(*rest, 0, digits), seq) && *seq > 0;
    *rest = span_slice(*rest, digits, rest->bytes);
    return good;
}

static bool take_kind(struct span *rest, enum archive_kind *kind)
{
    size_t end = span_find(*rest, '"');
    struct span word = span_slice(*rest, 0, end);
    *rest = span_slice(*rest, end, rest->bytes);
    for (unsigned k = 0; k < KINDS; k++)
        if (span_equal_text(word, kind_names[k]))
            return *kind = (enum archive_kind)k, true;
    return false;
}

static struct span id_of(struct span rest)
{
    if (!take_word(&rest, "\",\"id\":\""))
        return SPAN_NONE;
    struct span id = span_slice(rest, 0, span_find(rest, '"'));
    return id.bytes <= ARCHIVE_ID_BYTES ? id : SPAN_NONE;
}

enum err_code archive_line_read(struct span text, struct archive_line *out, struct err *err)
{
    enum { TAIL_BYTES = sizeof HASH_MEMBER - 1 + ARCHIVE_HASH_BYTES + 2 };
    struct archive_line line = { .seq = 0 };
    struct span rest = text, tail = span_slice(text, text.bytes > TAIL_BYTES ? text.bytes - TAIL_BYTES : 0, TAIL_BYTES);
    char hash[SECRET_HEX_BYTES + 1];
    bool good = take_word(&rest, "{\"seq\":") && take_seq(&rest, &line.seq) && take_word(&rest, ",\"prev\":\"") && take_hash(&rest, &line.prev) &&
                take_word(&rest, "\",\"kind\":\"") && take_kind(&rest, &line.kind);
    good = good && take_word(&tail, HASH_MEMBER) && take_hash(&tail, &line.hash) && span_equal_text(tail, "\"}");
    if (!good)
        return err_set(err, ERR_INPUT, "not a line of an archive");
    line.id = line.kind == ARCHIVE_RECORD ? id_of(rest) : SPAN_NONE;
    secret_sha256_hex(span_slice(text, 0, text.bytes - TAIL_BYTES), hash);
    line.intact = span_equal_text(line.hash, hash);
    *out = line;
    return OK;
}

static const char *const fault_names[ARCHIVE_FAULTS] = {
    [ARCHIVE_FINE] = "fine",           [ARCHIVE_UNREADABLE] = "unreadable", [ARCHIVE_CHANGED] = "changed",     [ARCHIVE_REPLACED] = "replaced",
    [ARCHIVE_MISSING] = "missing",     [ARCHIVE_SWAPPED] = "swapped",       [ARCHIVE_REPEATED] = "repeated",   [ARCHIVE_TRUNCATED] = "truncated",
    [ARCHIVE_FORGED] = "forged",       [ARCHIVE_UNSIGNED] = "unsigned",     [ARCHIVE_NO_SEGMENT] = "missing segment",
    [ARCHIVE_NO_ANCHOR] = "missing anchor",
};
const char *archive_fault_name(enum archive_fault fault) { return fault_names[fault]; }

enum archive_fault archive_follow(struct archive_chain *chain, const struct archive_line *line)
{
    if (!line->intact)
        return ARCHIVE_CHANGED;
    if (line->seq > chain->seq + 1)
        return ARCHIVE_MISSING;
    if (line->seq <= chain->seq)
        return ARCHIVE_REPEATED;
    if (!span_equal_text(line->prev, chain->hash))
        return ARCHIVE_REPLACED;
    chain->seq = line->seq;
    memcpy(chain->hash, line->hash.at, ARCHIVE_HASH_BYTES);
    return ARCHIVE_FINE;
}

/* ---- statements ---- */

void archive_statement_write(const struct archive_statement *s, struct to_json *w)
{
    to_json_object(w);
    to_json_member_text_if(w, "iss", s->issuer);
    to_json_member_text(w, "chain", s->chain);
    to_json_member_int(w, "segment", (int64_t)s->segment);
    to_json_member_int(w, "seq", (int64_t)s->at.seq);
    to_json_member_text(w, "hash", span_of(s->at.hash));
    to_json_member_int(w, "iat", s->at_s);
    to_json_end(w);
}

enum err_code archive_statement_read(const struct from_json_value *claims, struct archive_statement *out, struct err *err)
{
    struct from_json_value chain = from_json_member(claims, "chain"), segment = from_json_member(claims, "segment"), seq = from_json_member(claims, "seq"),
                           hash = from_json_member(claims, "hash"), at = from_json_member(claims, "iat"), issuer = from_json_member(claims, "iss");
    struct archive_statement s = { .segment = 0 };
    struct span hex = SPAN_NONE;
    int64_t number = 0, last = 0;
    enum err_code code = from_json_text(&chain, ARCHIVE_NAME_BYTES - 1, &s.chain, err);
    if (code == OK)
        code = from_json_int(&segment, 0, INT64_MAX, &number, err);
    if (code == OK)
        code = from_json_int(&seq, 0, INT64_MAX, &last, err);
    if (code == OK)
        code = from_json_text(&hash, ARCHIVE_HASH_BYTES, &hex, err);
    if (code == OK)
        code = from_json_int(&at, 0, INT64_MAX / 1000, &s.at_s, err);
    if (code == OK)
        code = from_json_text_opt(&issuer, 2048, &s.issuer, err);
    if (code == OK && !is_hash(hex))
        code = from_json_refuse(&hash, err, "must be 64 hex digits");
    if (code != OK)
        return code;
    s.segment = (uint64_t)number;
    s.at.seq = (uint64_t)last;
    memcpy(s.at.hash, hex.at, ARCHIVE_HASH_BYTES);
    *out = s;
    return OK;
}

/* ---- names ---- */

void archive_chain_name(unsigned partition, unsigned partitions, char name[ARCHIVE_NAME_BYTES])
{
    if (partition == partitions)
        snprintf(name, ARCHIVE_NAME_BYTES, "ctl");
    else
        snprintf(name, ARCHIVE_NAME_BYTES, "p%02u", partition);
}

void archive_day(int64_t at_s, char day[ARCHIVE_DAY_BYTES + 1])
{
    char text[CLOCK_TEXT_BYTES];
    snprintf(day, ARCHIVE_DAY_BYTES + 1, "%.10s", clock_rfc3339(at_s, text));
}

void archive_file_name_write(const struct archive_file_name *name, char text[ARCHIVE_FILE_BYTES])
{
    snprintf(text, ARCHIVE_FILE_BYTES, "%s.%06llu.%s.jsonl%s", name->day, (unsigned long long)name->number, name->tag, name->packed ? ".gz" : "");
}

static bool is_day(struct span text)
{
    bool good = text.bytes == ARCHIVE_DAY_BYTES;
    for (size_t i = 0; good && i < text.bytes; i++)
        good = i == 4 || i == 7 ? text.at[i] == '-' : text.at[i] >= '0' && text.at[i] <= '9';
    return good;
}

static bool is_tag(struct span text)
{
    bool good = text.bytes == ARCHIVE_TAG_BYTES;
    for (size_t i = 0; good && i < text.bytes; i++)
        good = (text.at[i] >= 'a' && text.at[i] <= 'z') || (text.at[i] >= '0' && text.at[i] <= '9');
    return good;
}

bool archive_file_name_read(struct span text, struct archive_file_name *out)
{
    struct archive_file_name name = { .number = 0 };
    struct span rest = text, day, number, tag;
    bool good = text.bytes < ARCHIVE_FILE_BYTES && span_cut(&rest, '.', &day) && span_cut(&rest, '.', &number) && span_cut(&rest, '.', &tag) && is_day(day) && is_tag(tag) &&
                number.bytes >= 6 && number.bytes <= 12 && span_to_u64(number, &name.number) && name.number > 0;
    name.packed = good && span_equal_text(rest, "jsonl.gz");
    if (!good || (!name.packed && !span_equal_text(rest, "jsonl")))
        return false;
    memcpy(name.day, day.at, ARCHIVE_DAY_BYTES);
    memcpy(name.tag, tag.at, ARCHIVE_TAG_BYTES);
    *out = name;
    return true;
}
