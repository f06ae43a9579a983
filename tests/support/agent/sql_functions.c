#include "sql_table.h"

#include "text.h"
#include "version_order.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *text_of(sqlite3_value *value)
{
    return (const char *)sqlite3_value_text(value);
}

/* version_compare(a, b [, kind]): -1, 0 or 1. Kind DPKG follows Debian's rules; the others go field by field. */
static void do_version_compare(sqlite3_context *out, int argc, sqlite3_value **argv)
{
    if (argc < 2 || argc > 3) {
        sqlite3_result_error(out, "version_compare takes two or three arguments", -1);
        return;
    }
    const char *a = text_of(argv[0]), *b = text_of(argv[1]), *kind = argc == 3 ? text_of(argv[2]) : NULL;
    if (a == NULL || b == NULL)
        return;
    bool debian = kind != NULL && strcasecmp(kind, "DPKG") == 0;
    int order = debian ? version_order_debian(a, b) : version_order(a, b);
    sqlite3_result_int(out, order < 0 ? -1 : order > 0);
}

/* POSIX extended expressions know neither \d nor \D. */
static char *translate(const char *pattern)
{
    struct text out;
    text_init(&out, 65536);
    bool inside = false;
    for (const char *at = pattern; *at != '\0'; at++) {
        if (at[0] == '\\' && (at[1] == 'd' || at[1] == 'D')) {
            text_puts(&out, inside ? "0-9" : at[1] == 'd' ? "[0-9]" : "[^0-9]");
            at++;
            continue;
        }
        if (at[0] == '\\' && at[1] != '\0' && !inside) {
            text_add(&out, at, 2);
            at++;
            continue;
        }
        inside = (inside && *at != ']') || (!inside && *at == '[');
        text_add(&out, at, 1);
    }
    return out.data == NULL ? must_copy("") : out.data;
}

static bool compile(sqlite3_context *out, const char *pattern, regex_t *regex)
{
    char *translated = translate(pattern);
    int rc = strlen(pattern) > 1024 ? REG_ESPACE : regcomp(regex, translated, REG_EXTENDED);
    free(translated);
    if (rc == 0)
        return true;
    sqlite3_result_error(out, "Invalid regex", -1);
    return false;
}

/* regex_match(text, pattern, group): what the group matched, or NULL. */
static void do_regex_match(sqlite3_context *out, int argc, sqlite3_value **argv)
{
    (void)argc;
    const char *text = text_of(argv[0]), *pattern = text_of(argv[1]);
    int group = sqlite3_value_int(argv[2]);
    regex_t regex;
    if (text == NULL || pattern == NULL || group < 0 || group > 9 || !compile(out, pattern, &regex))
        return;
    regmatch_t found[10];
    if (regexec(&regex, text, 10, found, 0) == 0 && found[group].rm_so >= 0)
        sqlite3_result_text(out, text + found[group].rm_so, (int)(found[group].rm_eo - found[group].rm_so),
                            SQLITE_TRANSIENT);
    regfree(&regex);
}

/* split(text, separators, index): pieces between any of the separators, empty ones left out. */
static void do_split(sqlite3_context *out, int argc, sqlite3_value **argv)
{
    (void)argc;
    const char *at = text_of(argv[0]), *separators = text_of(argv[1]);
    int index = sqlite3_value_int(argv[2]);
    if (at == NULL || separators == NULL || separators[0] == '\0' || index < 0)
        return;
    for (;;) {
        at += strspn(at, separators);
        size_t size = strcspn(at, separators);
        if (size == 0)
            return;
        if (index-- == 0) {
            sqlite3_result_text(out, at, (int)size, SQLITE_TRANSIENT);
            return;
        }
        at += size;
    }
}

/* regex_split(text, pattern, index) */
static void do_regex_split(sqlite3_context *out, int argc, sqlite3_value **argv)
{
    (void)argc;
    const char *at = text_of(argv[0]), *pattern = text_of(argv[1]);
    int index = sqlite3_value_int(argv[2]);
    regex_t regex;
    if (at == NULL || pattern == NULL || index < 0 || !compile(out, pattern, &regex))
        return;
    regmatch_t found;
    while (regexec(&regex, at, 1, &found, 0) == 0 && found.rm_eo > 0) {
        if (found.rm_so > 0 && index-- == 0) {
            sqlite3_result_text(out, at, (int)found.rm_so, SQLITE_TRANSIENT);
            regfree(&regex);
            return;
        }
        at += found.rm_eo;
    }
    if (index == 0 && *at != '\0')
        sqlite3_result_text(out, at, -1, SQLITE_TRANSIENT);
    regfree(&regex);
}

static bool same_bits(const unsigned char *a, const unsigned char *b, long long bits)
{
    long long whole = bits / 8;
    if (memcmp(a, b, (size_t)whole) != 0)
        return false;
    if (bits % 8 == 0)
        return true;
    unsigned mask = 0xffu << (8 - bits % 8) & 0xffu;
    return (a[whole] & mask) == (b[whole] & mask);
}

/* in_cidr_block(block, address): 1 or 0. */
static void do_in_cidr_block(sqlite3_context *out, int argc, sqlite3_value **argv)
{
    (void)argc;
    const char *block = text_of(argv[0]), *address = text_of(argv[1]);
    if (block == NULL || address == NULL)
        return;
    const char *slash = strchr(block, '/');
    int family = strchr(block, ':') != NULL ? AF_INET6 : AF_INET;
    long long bits = 0;
    unsigned char a[16], b[16];
    char *base = must_copy_n(block, slash == NULL ? strlen(block) : (size_t)(slash - block));
    bool fine = slash != NULL && parse_number(slash + 1, 0, family == AF_INET ? 32 : 128, &bits)
                && inet_pton(family, base, a) == 1;
    free(base);
    if (!fine) {
        sqlite3_result_error(out, "Invalid CIDR block", -1);
        return;
    }
    sqlite3_result_int(out, inet_pton(family, address, b) == 1 && same_bits(a, b, bits));
}

static void do_digest(sqlite3_context *out, int argc, sqlite3_value **argv)
{
    (void)argc;
    const EVP_MD *kind = EVP_get_digestbyname(sqlite3_user_data(out));
    const void *bytes = sqlite3_value_blob(argv[0]);
    int size = sqlite3_value_bytes(argv[0]);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (kind == NULL || EVP_Digest(bytes == NULL ? "" : bytes, (size_t)size, digest, &length, kind, NULL) != 1)
        return;
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    for (unsigned i = 0; i < length; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    sqlite3_result_text(out, hex, (int)(2 * length), SQLITE_TRANSIENT);
}

/* concat(a, b, ...): NULLs are left out. */
static void do_concat(sqlite3_context *out, int argc, sqlite3_value **argv)
{
    struct text all;
    text_init(&all, 1024 * 1024);
    for (int i = 0; i < argc; i++)
        if (text_of(argv[i]) != NULL)
            text_puts(&all, text_of(argv[i]));
    sqlite3_result_text(out, text_str(&all), (int)all.size, SQLITE_TRANSIENT);
    text_done(&all);
}

static int collate(void *context, int na, const void *a, int nb, const void *b)
{
    char *left = must_copy_n(a, (size_t)na), *right = must_copy_n(b, (size_t)nb);
    int order = context != NULL ? version_order_debian(left, right) : version_order(left, right);
    free(left);
    free(right);
    return order;
}

void sql_functions_register(sqlite3 *database)
{
    static const struct {
        const char *name;
        int arguments;
        const char *data;
        void (*call)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {
        { "version_compare", -1, NULL, do_version_compare }, { "regex_match", 3, NULL, do_regex_match },
        { "regex_split", 3, NULL, do_regex_split },          { "split", 3, NULL, do_split },
        { "in_cidr_block", 2, NULL, do_in_cidr_block },      { "concat", -1, NULL, do_concat },
        { "md5", 1, "MD5", do_digest },                      { "sha1", 1, "SHA1", do_digest },
        { "sha256", 1, "SHA256", do_digest },
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        sqlite3_create_function(database, functions[i].name, functions[i].arguments, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                (void *)(uintptr_t)functions[i].data, functions[i].call, NULL, NULL);
    sqlite3_create_collation(database, "VERSION", SQLITE_UTF8, NULL, collate);
    sqlite3_create_collation(database, "VERSION_ARCH", SQLITE_UTF8, NULL, collate);
    sqlite3_create_collation(database, "VERSION_RHEL", SQLITE_UTF8, NULL, collate);
    sqlite3_create_collation(database, "VERSION_DPKG", SQLITE_UTF8, database, collate);
}
