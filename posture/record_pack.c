/* Numbers: seven bits a byte, low ones first. A text: twice its number in the pool and one; or eight times a length and a kind, and its bytes. Fields: a number with a bit for each that differs
 * (and the lowest for what no field says), then those. A time: 0, or its difference to the one before. */
#include "posture/record_pack.h"

#include <endian.h>
#include <string.h>

enum { UUID_TEXT_BYTES = 36, UUID_BYTES = 16, ID_TEXT_BYTES = 28, ID_BYTES = 17, HEX_MOST = 128, SHORT_TEXT_BYTES = HEX_MOST + 1 };
enum text_kind { TEXT_HERE, TEXT_UUID /* length: 1 for capitals */, TEXT_HEX, TEXT_ID /* length: its letter */ };

/* ---- numbers ---- */

void record_pack_number(struct record_packer *p, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        buf_append_byte(&p->out, (char)(n | 0x80));
    buf_append_byte(&p->out, (char)n);
}

/* Most are one byte. */
static inline __attribute__((always_inline)) uint64_t next_number(struct record_unpacker *u)
{
    uint64_t n = *u->at++;
    if (n < 0x80)
        return n;
    n &= 0x7f;
    for (unsigned shift = 7;; shift += 7) {
        uint64_t more = *u->at++;
        n |= (more & 0x7f) << shift;
        if (more < 0x80)
            return n;
    }
}

uint64_t record_unpack_number(struct record_unpacker *u) { return next_number(u); }

static uint64_t folded(int64_t n) { return (uint64_t)n << 1 ^ (uint64_t)(n >> 63); }
static int64_t unfolded(uint64_t n) { return (int64_t)(n >> 1 ^ (0 - (n & 1))); }

void record_pack_time(struct record_packer *p, int64_t time_s) { record_pack_number(p, folded(time_s)); }
int64_t record_unpack_time(struct record_unpacker *u) { return unfolded(record_unpack_number(u)); }

/* ---- texts that are bytes ---- */

static const char lower[] = "0123456789abcdef", base32[] = "abcdefghijklmnopqrstuvwxyz234567";

static int hex_digit(char c, bool capitals) { return c >= '0' && c <= '9' ? c - '0' : c >= (capitals ? 'A' : 'a') && c <= (capitals ? 'F' : 'f') ? c - (capitals ? 'A' : 'a') + 10 : -1; }
static int base32_digit(char c) { return c >= 'a' && c <= 'z' ? c - 'a' : c >= '2' && c <= '7' ? c - '2' + 26 : -1; }
static bool is_dash_place(size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

/* xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx in one case. */
static bool to_uuid(struct span text, bool capitals, unsigned char out[UUID_BYTES])
{
    size_t digits = 0;
    if (text.bytes != UUID_TEXT_BYTES)
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        int digit = hex_digit(text.at[i], capitals);
        if (is_dash_place(i) ? text.at[i] != '-' : digit < 0)
            return false;
        if (is_dash_place(i))
            continue;
        out[digits / 2] = (unsigned char)(digits % 2 == 0 ? digit << 4 : out[digits / 2] | digit);
        digits++;
    }
    return true;
}

/* Eight digits of four bytes: each half byte gets a byte of its own, and those above 9 what lies between the digits and the letters. */
static void eight_digits(const unsigned char *from, uint64_t to_letters, char *out)
{
    const uint64_t each = UINT64_C(0x0101010101010101), low = each * 0x0f;
    uint32_t four;
    memcpy(&four, from, sizeof four);
    uint64_t bytes = be32toh(four);
    bytes = (bytes << 16 | bytes) & UINT64_C(0x0000ffff0000ffff);
    bytes = (bytes << 8 | bytes) & UINT64_C(0x00ff00ff00ff00ff);
    uint64_t halves = (bytes << 4 | bytes) & low, letters = (halves + each * 6) >> 4 & each;
    uint64_t digits = htobe64(halves + each * '0' + letters * to_letters);
    memcpy(out, &digits, sizeof digits);
}

enum { TO_LOWER = 'a' - '0' - 10, TO_UPPER = 'A' - '0' - 10, EIGHT = 8 };

static void from_uuid(const unsigned char *from, bool capitals, char *out)
{
    char digits[2 * UUID_BYTES];
    for (size_t i = 0; i < UUID_BYTES / 4; i++)
        eight_digits(from + 4 * i, capitals ? TO_UPPER : TO_LOWER, digits + EIGHT * i);
    memcpy(out, digits, 8);
    memcpy(out + 9, digits + 8, 4);
    memcpy(out + 14, digits + 12, 4);
    memcpy(out + 19, digits + 16, 4);
    memcpy(out + 24, digits + 20, 12);
    out[8] = out[13] = out[18] = out[23] = '-';
}

static bool to_hex(struct span text, unsigned char out[HEX_MOST / 2])
{
    if (text.bytes < 8 || text.bytes > HEX_MOST || text.bytes % 2 != 0)
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        int digit = hex_digit(text.at[i], false);
        if (digit < 0)
            return false;
        out[i / 2] = (unsigned char)(i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
    }
    return true;
}

static void from_hex(const unsigned char *from, size_t text_bytes, char *out)
{
    size_t at = 0;
    for (; at + EIGHT <= text_bytes; at += EIGHT)
        eight_digits(from + at / 2, TO_LOWER, out + at);
    for (; at < text_bytes; at++)
        out[at] = lower[at % 2 == 0 ? from[at / 2] >> 4 : from[at / 2] & 15];
}

/* A letter, "_" and 26 of base32 (secret_new_id): five bits each, high ones first. */
static bool to_id(struct span text, unsigned char out[ID_BYTES])
{
    uint64_t bits = 0;
    unsigned held = 0, done = 0;
    if (text.bytes != ID_TEXT_BYTES || text.at[1] != '_' || text.at[0] < 'a' || text.at[0] > 'z')
        return false;
    for (size_t i = 2; i < ID_TEXT_BYTES; i++) {
        int digit = base32_digit(text.at[i]);
        if (digit < 0)
            return false;
        bits = bits << 5 | (unsigned)digit;
        for (held += 5; held >= 8; held -= 8)
            out[done++] = (unsigned char)(bits >> (held - 8));
    }
    out[done] = (unsigned char)(bits << (8 - held));
    return true;
}

/* Eight letters of forty bits: each five get a byte of their own, and those above 25 are digits. */
static inline __attribute__((always_inline)) void eight_letters(uint64_t bits, char *out)
{
    const uint64_t each = UINT64_C(0x0101010101010101), to_digits = 'a' - ('2' - 26);
    bits = (bits << 12 & UINT64_C(0x000fffff00000000)) | (bits & UINT64_C(0x00000000000fffff));
    bits = (bits << 6 & UINT64_C(0x03ff000003ff0000)) | (bits & UINT64_C(0x000003ff000003ff));
    bits = (bits << 3 & UINT64_C(0x1f001f001f001f00)) | (bits & UINT64_C(0x001f001f001f001f));
    uint64_t digits = (bits + each * (0x80 - 26)) >> 7 & each;
    bits = htobe64(bits + each * 'a' - digits * to_digits);
    memcpy(out, &bits, sizeof bits);
}

/* 130 bits: five bytes are eight letters, three times, and two letters are left. */
static void from_id(const unsigned char *from, char letter, char *out)
{
    enum { FIVE = 5 };
    uint64_t words[3];
    unsigned last = (unsigned)from[15] << 2 | from[16] >> 6;
    memcpy(&words[0], from, sizeof words[0]);
    memcpy(&words[1], from + FIVE, sizeof words[1]);
    memcpy(&words[2], from + ID_BYTES - sizeof words[2], sizeof words[2]); /* no further than the id reaches */
    out[0] = letter;
    out[1] = '_';
    eight_letters(be64toh(words[0]) >> 24, out + 2);
    eight_letters(be64toh(words[1]) >> 24, out + 10);
    eight_letters(be64toh(words[2]) >> 16 & UINT64_C(0xffffffffff), out + 18);
    out[26] = base32[last >> FIVE & 31];
    out[27] = base32[last & 31];
}

/* ---- texts ---- */

static void put_head(struct record_packer *p, enum text_kind kind, size_t length) { record_pack_number(p, (uint64_t)length << 3 | (uint64_t)kind << 1); }

static bool put_short(struct record_packer *p, struct span text)
{
    unsigned char bytes[HEX_MOST / 2];
    if (to_id(text, bytes)) {
        put_head(p, TEXT_ID, (size_t)(text.at[0] - 'a'));
        buf_append(&p->out, span_make(bytes, ID_BYTES));
        return true;
    }
    bool small = to_uuid(text, false, bytes);
    if (small || to_uuid(text, true, bytes)) {
        put_head(p, TEXT_UUID, small ? 0 : 1);
        buf_append(&p->out, span_make(bytes, UUID_BYTES));
        return true;
    }
    if (!to_hex(text, bytes))
        return false;
    put_head(p, TEXT_HEX, text.bytes);
    buf_append(&p->out, span_make(bytes, text.bytes / 2));
    return true;
}

void record_pack_text(struct record_packer *p, struct span text, bool word)
{
    uint32_t number;
    if (word && !span_empty(text) && text_pool_put(p->pool, text, &number)) {
        record_pack_number(p, (uint64_t)number << 1 | 1);
        return;
    }
    if (put_short(p, text))
        return;
    put_head(p, TEXT_HERE, text.bytes);
    buf_append(&p->out, text);
    buf_append_byte(&p->out, '\0');
}

void record_pack_texts(struct record_packer *p, const struct span *all, size_t count, bool words)
{
    record_pack_number(p, count);
    for (size_t i = 0; i < count; i++)
        record_pack_text(p, all[i], words);
}

struct text_head { enum text_kind kind; size_t length; };
static size_t text_bytes(struct text_head h) { return h.kind == TEXT_UUID ? UUID_TEXT_BYTES : h.kind == TEXT_ID ? ID_TEXT_BYTES : h.length; }

static size_t packed_bytes(struct text_head h) { return h.kind == TEXT_UUID ? UUID_BYTES : h.kind == TEXT_ID ? ID_BYTES : h.length / 2; }

/* text_bytes() of it. */
static void write_short(struct record_unpacker *u, struct text_head h, char *out)
{
    const unsigned char *from = u->at;
    u->at += packed_bytes(h);
    if (h.kind == TEXT_UUID)
        from_uuid(from, h.length == 1, out);
    else if (h.kind == TEXT_ID)
        from_id(from, (char)('a' + h.length), out);
    else
        from_hex(from, h.length, out);
}

static struct text_head head_of(uint64_t head) { return (struct text_head){ (enum text_kind)(head >> 1 & 3), (size_t)(head >> 3) }; }

static struct span text_here(struct record_unpacker *u, struct text_head h)
{
    struct span text = span_make(u->at, h.length);
    u->at += h.length + 1;
    return text;
}

/* One that has no number. */
static __attribute__((noinline)) struct span own_text(struct record_unpacker *u, struct text_head h)
{
    if (h.kind == TEXT_HERE)
        return text_here(u, h);
    size_t bytes = text_bytes(h);
    char *out = arena_alloc_raw(u->arena, bytes + 1);
    if (out == NULL) {
        u->memory_short = true;
        u->at += packed_bytes(h);
        return SPAN_NONE;
    }
    write_short(u, h, out);
    out[bytes] = '\0';
    return span_make(out, bytes);
}

/* Most are words: those cost no call. */
static inline __attribute__((always_inline)) struct span next_text(struct record_unpacker *u)
{
    uint64_t head = next_number(u);
    return (head & 1) != 0 ? text_pool_get(u->pool, (uint32_t)(head >> 1)) : own_text(u, head_of(head));
}

struct span record_unpack_text(struct record_unpacker *u) { return next_text(u); }

bool record_unpack_is(struct record_unpacker *u, struct span wanted)
{
    char room[SHORT_TEXT_BYTES];
    uint64_t head = next_number(u);
    struct text_head h = head_of(head);
    if ((head & 1) != 0)
        return span_equal(text_pool_get(u->pool, (uint32_t)(head >> 1)), wanted);
    if (h.kind == TEXT_HERE)
        return span_equal(text_here(u, h), wanted);
    if (text_bytes(h) != wanted.bytes) {
        u->at += packed_bytes(h);
        return false;
    }
    write_short(u, h, room);
    return span_equal(span_make(room, wanted.bytes), wanted);
}

size_t record_unpack_texts(struct record_unpacker *u, const struct span **out)
{
    size_t count = (size_t)record_unpack_number(u);
    struct span *all = record_unpack_room(u, count, sizeof *all);
    for (size_t i = 0; all != NULL && i < count; i++)
        all[i] = record_unpack_text(u);
    *out = all;
    return all != NULL ? count : 0;
}

void record_pass_text(struct record_unpacker *u)
{
    uint64_t head = next_number(u);
    struct text_head h = head_of(head);
    if ((head & 1) == 0)
        u->at += h.kind == TEXT_HERE ? h.length + 1 : packed_bytes(h);
}

/* ---- fields ---- */

static const void *field_of(const void *from, const struct record_body_field *f) { return (const char *)from + f->offset; }

static bool differs(const struct record_body_field *f, const void *from, const void *before)
{
    const void *a = field_of(from, f), *b = field_of(before, f);
    switch (f->kind) {
    case RECORD_TEXT:
    case RECORD_WORD: return !span_equal(*(const struct span *)a, *(const struct span *)b);
    case RECORD_BORROWED: return false; /* a word for what is packed as a number */
    case RECORD_TIME: return *(const int64_t *)a != *(const int64_t *)b;
    case RECORD_COUNT: return *(const unsigned *)a != *(const unsigned *)b;
    case RECORD_DAY: return *(const int32_t *)a != *(const int32_t *)b;
    case RECORD_FLAG: break;
    }
    return *(const bool *)a != *(const bool *)b;
}

static void put_field(struct record_packer *p, const struct record_body_field *f, const void *from, const void *before)
{
    const void *at = field_of(from, f);
    switch (f->kind) {
    case RECORD_TEXT:
    case RECORD_WORD: record_pack_text(p, *(const struct span *)at, f->kind == RECORD_WORD); break;
    case RECORD_TIME: record_pack_number(p, *(const int64_t *)at == 0 ? 0 : folded(*(const int64_t *)at - *(const int64_t *)field_of(before, f))); break;
    case RECORD_COUNT: record_pack_number(p, *(const unsigned *)at); break;
    case RECORD_DAY: record_pack_number(p, folded(*(const int32_t *)at)); break;
    case RECORD_BORROWED:
    case RECORD_FLAG: break; /* that it differs says all */
    }
}

void record_pack_fields(struct record_packer *p, const struct record_body_field *fields, size_t count, const void *from, const void *before, bool rest)
{
    uint64_t differing = rest;
    for (size_t i = 0; i < count; i++)
        differing |= (uint64_t)differs(&fields[i], from, before) << (i + 1);
    record_pack_number(p, differing);
    for (size_t i = 0; i < count; i++)
        if ((differing >> (i + 1) & 1) != 0)
            put_field(p, &fields[i], from, before);
}

uint64_t record_unpack_fields(struct record_unpacker *u, const struct record_body_field *fields, void *into)
{
    const uint64_t all = next_number(u);
    for (uint64_t differing = all >> 1; differing != 0; differing &= differing - 1) {
        const struct record_body_field *f = &fields[__builtin_ctzll(differing)];
        void *at = (char *)into + f->offset;
        uint64_t n = 0;
        switch (f->kind) {
        case RECORD_TEXT:
        case RECORD_WORD: *(struct span *)at = next_text(u); break;
        case RECORD_TIME:
            n = next_number(u);
            *(int64_t *)at = n == 0 ? 0 : *(int64_t *)at + unfolded(n);
            break;
        case RECORD_COUNT: *(unsigned *)at = (unsigned)next_number(u); break;
        case RECORD_DAY: *(int32_t *)at = (int32_t)unfolded(next_number(u)); break;
        case RECORD_FLAG: *(bool *)at = !*(bool *)at; break;
        case RECORD_BORROWED: break;
        }
    }
    return all;
}

/* ---- rows ---- */

void record_pack_model(const struct record_body_field *fields, size_t count, int64_t time_s, void *row, size_t each_bytes)
{
    memset(row, 0, each_bytes);
    for (size_t i = 0; i < count; i++)
        if (fields[i].kind == RECORD_TIME)
            *(int64_t *)(void *)((char *)row + fields[i].offset) = time_s;
}

void record_pack_rows(struct record_packer *p, const struct record_body_field *fields, size_t field_count, const void *all, size_t count, size_t each_bytes, int64_t time_s)
{
    _Alignas(max_align_t) char model[RECORD_PACK_ROW_BYTES];
    record_pack_number(p, count);
    record_pack_model(fields, field_count, time_s, model, each_bytes);
    for (size_t i = 0; i < count; i++) {
        const char *row = (const char *)all + i * each_bytes;
        record_pack_fields(p, fields, field_count, row, i == 0 ? model : row - each_bytes, false);
    }
}

void *record_unpack_room(struct record_unpacker *u, size_t count, size_t each_bytes)
{
    void *all = count == 0 ? NULL : arena_array(u->arena, count, each_bytes);
    u->memory_short = u->memory_short || (count > 0 && all == NULL);
    return all;
}

size_t record_unpack_rows(struct record_unpacker *u, const struct record_body_field *fields, size_t field_count, size_t each_bytes, int64_t time_s, void *out)
{
    size_t count = (size_t)next_number(u);
    char *all = record_unpack_room(u, count, each_bytes);
    for (size_t i = 0; all != NULL && i < count; i++) {
        char *row = all + i * each_bytes;
        if (i == 0)
            record_pack_model(fields, field_count, time_s, row, each_bytes);
        else
            memcpy(row, row - each_bytes, each_bytes);
        (void)record_unpack_fields(u, fields, row);
    }
    memcpy(out, &all, sizeof all);
    return all != NULL ? count : 0;
}

static void pass_field(struct record_unpacker *u, enum record_body_kind kind)
{
    switch (kind) {
    case RECORD_TEXT:
    case RECORD_WORD: record_pass_text(u); break;
    case RECORD_TIME:
    case RECORD_COUNT:
    case RECORD_DAY: (void)next_number(u); break;
    case RECORD_FLAG:
    case RECORD_BORROWED: break;
    }
}

void record_pass_rows(struct record_unpacker *u, const struct record_body_field *fields)
{
    for (uint64_t rows = next_number(u); rows > 0; rows--)
        for (uint64_t differing = next_number(u) >> 1; differing != 0; differing &= differing - 1)
            pass_field(u, fields[__builtin_ctzll(differing)].kind);
}
