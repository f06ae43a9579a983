/* device, its identifiers: what a serial, UUID or certificate looks like, and which values identify nothing. */
#include "posture/device.h"

#include <string.h>

enum { VALUE_BYTES = 128, UUID_DIGITS = 32, UUID_BYTES = 36, CERTIFICATE_DIGITS = 64, NUMBER_DIGITS = 40 };

/* Written by firmware nobody filled in; compared in upper case. */
static const char *const generic_serials[] = {
    "NONE", "NULL", "UNKNOWN", "INVALID", "EMPTY", "DEFAULT", "N/A", "NA", "NOT AVAILABLE", "NOT APPLICABLE", "NOT SPECIFIED", "NOT PROVIDED", "NOT DEFINED",
    "DEFAULT STRING", "SYSTEM SERIAL NUMBER", "SERIAL NUMBER", "SERIAL", "SERNUM", "CHASSIS SERIAL NUMBER", "BASE BOARD SERIAL NUMBER", "TO BE FILLED BY O.E.M.",
    "TO BE FILLED BY O.E.M", "TO BE FILLED BY OEM", "FILLED BY O.E.M.", "O.E.M.", "OEM", "123456789", "1234567890", "0123456789", "12345678", "1234567",
};
/* The four that the agent replaces too, and one that board makers copy from a sample. */
static const char *const placeholder_uuids[] = {
    "00000000-0000-0000-0000-000000000000", "03000200-0400-0500-0006-000700080009", "03020100-0504-0706-0809-0a0b0c0d0e0f",
    "10000000-0000-8000-0040-000000000000", "12345678-1234-5678-90ab-cddeefaabbcc",
};

static bool is_one_of(struct span value, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_equal_text(value, list[i]))
            return true;
    return false;
}

static bool is_one_byte_repeated(struct span value)
{
    for (size_t i = 1; i < value.bytes; i++)
        if (value.at[i] != value.at[0])
            return false;
    return true;
}

static bool is_printable(struct span value)
{
    for (size_t i = 0; i < value.bytes; i++)
        if (value.at[i] < ' ' || value.at[i] > '~')
            return false;
    return value.bytes > 0 && value.bytes <= VALUE_BYTES;
}

static char upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c; }
static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }
static bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

static struct span serial(struct span raw, char room[VALUE_BYTES])
{
    for (size_t i = 0; i < raw.bytes; i++)
        room[i] = upper(raw.at[i]);
    struct span value = span_make(room, raw.bytes);
    bool generic = is_one_byte_repeated(value) || is_one_of(value, generic_serials, sizeof generic_serials / sizeof generic_serials[0]);
    return generic ? SPAN_NONE : value;
}

/* The hexadecimal digits of `raw` in lower case, leaving out `separators`; 0 unless there are exactly `wanted`. */
static size_t digits_of(struct span raw, const char *separators, size_t wanted, char *digits)
{
    size_t count = 0;
    for (size_t i = 0; i < raw.bytes; i++) {
        char c = lower(raw.at[i]);
        if (strchr(separators, c) != NULL)
            continue;
        if (!is_hex(c) || count == wanted)
            return 0;
        digits[count++] = c;
    }
    return count == wanted ? count : 0;
}

/* RFC 9562 section 4, whatever dashes and braces it came with. */
static struct span uuid(struct span raw, char room[VALUE_BYTES])
{
    char digits[UUID_DIGITS];
    size_t used = 0;
    if (digits_of(raw, "-{}", UUID_DIGITS, digits) == 0 || is_one_byte_repeated(span_make(digits, UUID_DIGITS)))
        return SPAN_NONE;
    for (size_t i = 0; i < UUID_DIGITS; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            room[used++] = '-';
        room[used++] = digits[i];
    }
    struct span value = span_make(room, UUID_BYTES);
    return is_one_of(value, placeholder_uuids, sizeof placeholder_uuids / sizeof placeholder_uuids[0]) ? SPAN_NONE : value;
}

static struct span certificate(struct span raw, char room[VALUE_BYTES])
{
    return span_make(room, digits_of(raw, ":", CERTIFICATE_DIGITS, room));
}

/* At most 20 octets (RFC 5280 section 4.1.2.2), whatever colons and leading zeros it came with. */
static struct span certificate_serial(struct span raw, char room[VALUE_BYTES])
{
    size_t count = 0;
    for (size_t i = 0; i < raw.bytes; i++) {
        char c = lower(raw.at[i]);
        if (c == ':' || (c == '0' && count == 0))
            continue;
        if (!is_hex(c) || count == NUMBER_DIGITS)
            return SPAN_NONE;
        room[count++] = c;
    }
    return span_make(room, count);
}

static struct span instance(struct span raw, char room[VALUE_BYTES])
{
    memcpy(room, raw.at, raw.bytes);
    return span_make(room, raw.bytes);
}

bool identifier_normalize(struct span kind, struct span raw, struct arena *a, struct span *value)
{
    static const struct {
        const char *kind;
        struct span (*normal)(struct span raw, char room[VALUE_BYTES]);
    } kinds[] = { { "serial", serial }, { "uuid", uuid }, { "certificate", certificate }, { "certificate_serial", certificate_serial }, { "webauthn", certificate },
                { "instance", instance } };
    char room[VALUE_BYTES];
    struct span trimmed = span_trim(raw);
    if (!is_printable(trimmed))
        return false;
    if (span_starts(kind, SPAN_LITERAL("mdm:")))
        kind = SPAN_LITERAL("instance"); /* a manager's own id of the device: any text, as it is */
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!span_equal_text(kind, kinds[i].kind))
            continue;
        struct span normal = kinds[i].normal(trimmed, room), copy = arena_copy(a, normal);
        if (span_empty(normal) || copy.at == NULL)
            return false;
        *value = copy;
        return true;
    }
    return false;
}
