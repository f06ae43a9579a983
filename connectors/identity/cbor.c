#include "connectors/identity/cbor.h"

enum major { MAJOR_UNSIGNED, MAJOR_NEGATIVE, MAJOR_BYTES, MAJOR_TEXT, MAJOR_ARRAY, MAJOR_MAP, MAJOR_TAG, MAJOR_SIMPLE };
enum { SIMPLE_FALSE = 20, SIMPLE_TRUE, SIMPLE_NULL, SIMPLE_UNDEFINED, ONE_BYTE_FOLLOWS = 24, EIGHT_BYTES_FOLLOW = 27 };

struct head { enum major major; uint64_t number; };
struct reader { struct span in; size_t at, items; const char *what; struct err *err; };

static enum err_code refuse(const struct reader *r, enum err_code code, const char *why)
{
    return err_set(r->err, code, "%s: %s (at byte %zu)", r->what, why, r->at);
}

/* RFC 8949 section 3: three bits of type, five that are the number or say how many bytes of it follow. */
static enum err_code read_head(struct reader *r, struct head *out)
{
    if (r->at == r->in.bytes)
        return refuse(r, ERR_INPUT, "it is cut short");
    unsigned first = (unsigned char)r->in.at[r->at], low = first & 31;
    if (low > EIGHT_BYTES_FOLLOW)
        return refuse(r, ERR_INPUT, low == 31 ? "a length is indefinite" : "a length is reserved");
    size_t follow = low < ONE_BYTE_FOLLOWS ? 0 : (size_t)1 << (low - ONE_BYTE_FOLLOWS);
    if (follow > r->in.bytes - r->at - 1)
        return refuse(r, ERR_INPUT, "it is cut short");
    uint64_t number = follow == 0 ? low : 0;
    for (size_t i = 0; i < follow; i++)
        number = number << 8 | (unsigned char)r->in.at[r->at + 1 + i];
    static const uint64_t least[] = { [1] = ONE_BYTE_FOLLOWS, [2] = 0x100, [4] = 0x10000, [8] = 0x100000000 };
    if (follow > 0 && number < least[follow])
        return refuse(r, ERR_INPUT, "a number is longer than it must be");
    *out = (struct head){ (enum major)(first >> 5), number };
    r->at += 1 + follow;
    return OK;
}

static enum err_code read_number(struct reader *r, struct head h, struct cbor *out)
{
    if (h.number > INT64_MAX)
        return refuse(r, ERR_LIMIT, "a number is too large");
    out->kind = CBOR_INT;
    out->number = h.major == MAJOR_NEGATIVE ? -1 - (int64_t)h.number : (int64_t)h.number;
    return OK;
}

static enum err_code read_string(struct reader *r, struct head h, struct cbor *out)
{
    if (h.number > r->in.bytes - r->at)
        return refuse(r, ERR_INPUT, "it is cut short");
    out->kind = h.major == MAJOR_TEXT ? CBOR_TEXT : CBOR_BYTES;
    out->bytes = span_slice(r->in, r->at, (size_t)h.number);
    if (out->kind == CBOR_TEXT && !span_is_utf8(out->bytes))
        return refuse(r, ERR_INPUT, "a text is not UTF-8");
    r->at += (size_t)h.number;
    return OK;
}

static enum err_code read_simple(struct reader *r, struct head h, struct cbor *out)
{
    if (h.number < SIMPLE_FALSE || h.number > SIMPLE_UNDEFINED)
        return refuse(r, ERR_INPUT, "a value is neither true, false nor null"); /* numbers above 23 are floating point or unassigned */
    out->kind = h.number <= SIMPLE_TRUE ? CBOR_BOOL : CBOR_NULL;
    out->number = h.number == SIMPLE_TRUE;
    return OK;
}

static enum err_code read_value(struct reader *r, unsigned depth, struct cbor *out);

/* Encoded keys in ascending order of their bytes: that is CTAP2's order too (type, then length, then value), because each has one shortest form. */
static enum err_code read_key(struct reader *r, unsigned depth, struct span *before)
{
    struct cbor key;
    size_t from = r->at;
    enum err_code code = read_value(r, depth, &key);
    if (code != OK)
        return code;
    if (key.kind != CBOR_INT && key.kind != CBOR_TEXT)
        return refuse(r, ERR_INPUT, "a key is neither a number nor a text");
    struct span encoded = span_slice(r->in, from, r->at - from);
    if (before->at != NULL && span_compare(*before, encoded) >= 0)
        return refuse(r, ERR_INPUT, span_equal(*before, encoded) ? "a key is there twice" : "keys do not ascend");
    *before = encoded;
    return OK;
}

static enum err_code read_items(struct reader *r, struct head h, unsigned depth, struct cbor *out)
{
    size_t from = r->at;
    struct span key = SPAN_NONE;
    if (depth == CBOR_DEPTH_MOST)
        return refuse(r, ERR_LIMIT, "it is nested too deeply");
    if (h.number > CBOR_ITEMS_MOST)
        return refuse(r, ERR_LIMIT, "it has too many items");
    for (size_t i = 0; i < h.number; i++) {
        struct cbor ignored;
        enum err_code code = h.major == MAJOR_MAP ? read_key(r, depth + 1, &key) : OK;
        if (code == OK)
            code = read_value(r, depth + 1, &ignored);
        if (code != OK)
            return code;
    }
    *out = (struct cbor){ .kind = h.major == MAJOR_MAP ? CBOR_MAP : CBOR_ARRAY, .bytes = span_slice(r->in, from, r->at - from), .count = (size_t)h.number };
    return OK;
}

static enum err_code read_value(struct reader *r, unsigned depth, struct cbor *out)
{
    struct head h;
    *out = (struct cbor){ 0 };
    if (r->items++ == CBOR_ITEMS_MOST)
        return refuse(r, ERR_LIMIT, "it has too many items");
    enum err_code code = read_head(r, &h);
    if (code != OK)
        return code;
    switch (h.major) {
    case MAJOR_UNSIGNED:
    case MAJOR_NEGATIVE:
        return read_number(r, h, out);
    case MAJOR_BYTES:
    case MAJOR_TEXT:
        return read_string(r, h, out);
    case MAJOR_ARRAY:
    case MAJOR_MAP:
        return read_items(r, h, depth, out);
    case MAJOR_SIMPLE:
        return read_simple(r, h, out);
    default:
        return refuse(r, ERR_INPUT, "it has a tag");
    }
}

enum err_code cbor_read(struct span in, const char *what, struct cbor *out, size_t *used_bytes, struct err *err)
{
    struct reader r = { .in = in, .what = what, .err = err };
    struct cbor value;
    if (in.bytes > CBOR_BYTES_MOST)
        return refuse(&r, ERR_LIMIT, "it is too long");
    enum err_code code = read_value(&r, 0, &value);
    if (code != OK)
        return code;
    *out = value;
    *used_bytes = r.at;
    return OK;
}

/* ---- looking into what was checked ---- */

static bool next(struct reader *r, struct cbor *out)
{
    r->items = 0;
    return r->at < r->in.bytes && read_value(r, 0, out) == OK;
}

static bool find(const struct cbor *map, const struct cbor *wanted, enum cbor_kind kind, struct cbor *out)
{
    struct reader r = { .in = map->bytes, .what = "map" };
    struct cbor key, value;
    for (size_t i = 0; map->kind == CBOR_MAP && i < map->count && next(&r, &key) && next(&r, &value); i++) {
        if (key.kind != wanted->kind || key.number != wanted->number || !span_equal(key.bytes, wanted->bytes))
            continue;
        if (value.kind == kind)
            *out = value;
        return value.kind == kind;
    }
    return false;
}

bool cbor_by_text(const struct cbor *from, const char *key, enum cbor_kind kind, struct cbor *out)
{
    return find(from, &(struct cbor){ .kind = CBOR_TEXT, .bytes = span_of(key) }, kind, out);
}

bool cbor_by_int(const struct cbor *from, int64_t key, enum cbor_kind kind, struct cbor *out)
{
    return find(from, &(struct cbor){ .kind = CBOR_INT, .number = key }, kind, out);
}

bool cbor_item(const struct cbor *from, size_t index, enum cbor_kind kind, struct cbor *out)
{
    struct reader r = { .in = from->bytes, .what = "array" };
    struct cbor value = { 0 };
    if (from->kind != CBOR_ARRAY || index >= from->count)
        return false;
    for (size_t i = 0; i <= index; i++)
        if (!next(&r, &value))
            return false;
    if (value.kind == kind)
        *out = value;
    return value.kind == kind;
}
