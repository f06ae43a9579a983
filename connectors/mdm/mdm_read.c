/* What vendors write, read leniently: what is not understood is not said. */
#include "connectors/mdm/mdm_http.h"

#include <string.h>

enum { TIME_BYTES = 40, EMAIL_MOST = 254, LATEST_S = 4102444800 /* the year 2100 */ };

static bool is_shown(struct span text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
            return false;
    return span_is_utf8(text);
}

static struct span text_at(const struct from_json_value *object, const char *key, size_t most)
{
    struct from_json_value v = from_json_member(object, key);
    struct span text = SPAN_NONE;
    return from_json_text(&v, most, &text, NULL) == OK ? span_trim(text) : SPAN_NONE;
}

struct span mdm_text(const struct from_json_value *object, const char *key, struct arena *arena)
{
    struct span text = text_at(object, key, MDM_TEXT_BYTES);
    return is_shown(text) ? arena_copy(arena, text) : SPAN_NONE;
}

/* Ids go into paths: one that could lead elsewhere is none. */
static bool is_path_safe(struct span id)
{
    for (size_t i = 0; i < id.bytes; i++) {
        char c = id.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == ':' || (c == '.' && i > 0);
        if (!plain)
            return false;
    }
    return id.bytes > 0;
}

struct span mdm_id(const struct from_json_value *object, const char *key, struct arena *arena)
{
    struct from_json_value v = from_json_member(object, key);
    int64_t number = 0;
    if (from_json_kind(&v) == FROM_JSON_INT && from_json_int(&v, 0, INT64_MAX, &number, NULL) == OK)
        return arena_format(arena, "%lld", (long long)number);
    struct span text = text_at(object, key, MDM_VENDOR_ID_BYTES);
    return is_path_safe(text) ? arena_copy(arena, text) : SPAN_NONE;
}

enum mdm_truth mdm_from_bool(bool value) { return value ? MDM_YES : MDM_NO; }

enum mdm_truth mdm_truth(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    bool value = false;
    return from_json_bool(&v, &value, NULL) == OK ? mdm_from_bool(value) : MDM_NOT_SAID;
}

int64_t mdm_time(const struct from_json_value *object, const char *key)
{
    struct span text = text_at(object, key, TIME_BYTES - 2);
    char copy[TIME_BYTES];
    int64_t at_s = 0;
    if (text.bytes < sizeof "2026-01-01T00:00:00" - 1)
        return 0;
    memcpy(copy, text.at, text.bytes);
    if (copy[10] == ' ')
        copy[10] = 'T';
    struct span time = span_make(copy, text.bytes);
    if (!clock_from_rfc3339(time, &at_s)) {
        copy[time.bytes++] = 'Z'; /* no offset: UTC */
        if (!clock_from_rfc3339(time, &at_s))
            return 0;
    }
    return at_s > 0 && at_s < LATEST_S ? at_s : 0; /* "0001-01-01T00:00:00Z" is Go's never */
}

struct span mdm_email(struct span text, struct arena *arena)
{
    char lower[EMAIL_MOST];
    size_t at = span_find(text, '@');
    if (text.bytes > sizeof lower || at == 0 || at + 1 >= text.bytes || span_find(text, ' ') < text.bytes || !is_shown(text))
        return SPAN_NONE;
    for (size_t i = 0; i < text.bytes; i++)
        lower[i] = text.at[i] >= 'A' && text.at[i] <= 'Z' ? (char)(text.at[i] + 32) : text.at[i];
    return arena_copy(arena, span_make(lower, text.bytes));
}

enum platform mdm_platform(struct span word)
{
    static const struct { const char *word; enum platform platform; } words[] = {
        { "mac", PLATFORM_MACOS }, { "macos", PLATFORM_MACOS }, { "darwin", PLATFORM_MACOS }, { "osx", PLATFORM_MACOS }, { "windows", PLATFORM_WINDOWS },
        { "linux", PLATFORM_LINUX }, { "ubuntu", PLATFORM_LINUX }, { "debian", PLATFORM_LINUX }, { "rhel", PLATFORM_LINUX }, { "fedora", PLATFORM_LINUX },
        { "centos", PLATFORM_LINUX }, { "arch", PLATFORM_LINUX }, { "opensuse", PLATFORM_LINUX }, { "amzn", PLATFORM_LINUX }, { "pop", PLATFORM_LINUX } };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (span_equal_fold(word, span_of(words[i].word)))
            return words[i].platform;
    return PLATFORM_UNKNOWN;
}
