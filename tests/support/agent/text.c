#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool quiet_now;
static uint64_t random_state = 0x9e3779b97f4a7c15u;

static _Noreturn void out_of_memory(void)
{
    static const char words[] = "postern-agent: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, words, sizeof words - 1);
    (void)ignored;
    abort();
}

void *must_alloc(size_t count, size_t size)
{
    void *memory = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
    if (memory == NULL)
        out_of_memory();
    return memory;
}

void *must_grow(void *old, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        out_of_memory();
    void *memory = realloc(old, count * size == 0 ? 1 : count * size);
    if (memory == NULL)
        out_of_memory();
    return memory;
}

char *must_copy_n(const char *bytes, size_t size)
{
    char *copy = must_alloc(size + 1, 1);
    memcpy(copy, bytes, size);
    return copy;
}

char *must_copy(const char *string)
{
    return must_copy_n(string, strlen(string));
}

char *must_format(const char *format, ...)
{
    char *out = NULL;
    va_list list;
    va_start(list, format);
    int size = vasprintf(&out, format, list);
    va_end(list);
    if (size < 0)
        out_of_memory();
    return out;
}

void text_init(struct text *text, size_t limit)
{
    *text = (struct text){ .limit = limit };
}

void text_done(struct text *text)
{
    free(text->data);
    *text = (struct text){ 0 };
}

void text_clear(struct text *text)
{
    text->size = 0;
    text->overflow = false;
    if (text->data != NULL)
        text->data[0] = '\0';
}

bool text_add(struct text *text, const void *bytes, size_t size)
{
    if (size > text->limit || text->size > text->limit - size) {
        text->overflow = true;
        return false;
    }
    if (text->size + size + 1 > text->room) {
        size_t room = text->room * 2 < text->size + size + 64 ? text->size + size + 64 : text->room * 2;
        text->data = must_grow(text->data, room, 1);
        text->room = room;
    }
    if (size > 0)
        memcpy(text->data + text->size, bytes, size);
    text->size += size;
    text->data[text->size] = '\0';
    return true;
}

bool text_puts(struct text *text, const char *string)
{
    return text_add(text, string, strlen(string));
}

bool text_addf(struct text *text, const char *format, ...)
{
    char *out = NULL;
    va_list list;
    va_start(list, format);
    int size = vasprintf(&out, format, list);
    va_end(list);
    if (size < 0)
        out_of_memory();
    bool fits = text_add(text, out, (size_t)size);
    free(out);
    return fits;
}

const char *text_str(const struct text *text)
{
    return text->data == NULL ? "" : text->data;
}

bool file_read(const char *path, size_t max, struct text *out)
{
    text_init(out, max);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return false;
    char part[16384];
    for (;;) {
        ssize_t got = read(fd, part, sizeof part);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && out->size == 0) {
            close(fd);
            text_done(out);
            return false;
        }
        if (got <= 0)
            break;
        size_t size = (size_t)got;
        if (size > max - out->size)
            size = max - out->size;
        text_add(out, part, size);
        if (out->size >= max)
            break;
    }
    close(fd);
    text_add(out, "", 0);
    return true;
}

bool file_write_private(const char *path, const void *bytes, size_t size)
{
    char *aside = must_format("%s.%ld.new", path, (long)getpid());
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool fine = fd >= 0;
    const char *at = bytes;
    while (fine && size > 0) {
        ssize_t put = write(fd, at, size);
        if (put < 0 && errno == EINTR)
            continue;
        fine = put > 0;
        if (fine) {
            at += put;
            size -= (size_t)put;
        }
    }
    if (fd >= 0)
        fine = close(fd) == 0 && fine;
    fine = fine && rename(aside, path) == 0;
    if (!fine)
        unlink(aside);
    free(aside);
    return fine;
}

char *trimmed(char *string)
{
    string += strspn(string, " \t\r\n");
    size_t size = strlen(string);
    while (size > 0 && strchr(" \t\r\n", string[size - 1]) != NULL)
        string[--size] = '\0';
    return string;
}

char *next_line(char **rest)
{
    char *line = *rest;
    if (line == NULL || *line == '\0')
        return NULL;
    char *end = strchr(line, '\n');
    if (end == NULL) {
        *rest = line + strlen(line);
    } else {
        *end = '\0';
        *rest = end + 1;
    }
    return line;
}

char *next_word(char **rest)
{
    char *word = *rest + strspn(*rest, " \t");
    if (*word == '\0')
        return NULL;
    char *end = word + strcspn(word, " \t");
    *rest = *end == '\0' ? end : end + 1;
    *end = '\0';
    return word;
}

bool parse_number(const char *string, long long low, long long high, long long *out)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(string, &end, 10);
    if (errno != 0 || end == string || *end != '\0' || value < low || value > high)
        return false;
    *out = value;
    return true;
}

int64_t mono_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t mono_ms(void)
{
    return mono_us() / 1000;
}

int64_t wall_s(void)
{
    return (int64_t)time(NULL);
}

void random_seed(uint64_t seed)
{
    random_state = seed ^ 0x9e3779b97f4a7c15u;
}

/* splitmix64: small, and the same on every machine for a given seed. */
uint32_t random_below(uint32_t bound)
{
    random_state += 0x9e3779b97f4a7c15u;
    uint64_t mixed = random_state;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    mixed ^= mixed >> 31;
    return (uint32_t)((mixed >> 32) * bound >> 32);
}

void random_uuid(char out[37])
{
    unsigned char b[16];
    if (RAND_bytes(b, sizeof b) != 1)
        abort();
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(out, 37, "%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X", b[0], b[1], b[2], b[3],
             b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

void sha256_hex(const void *bytes, size_t size, char out[65])
{
    unsigned char digest[32] = { 0 };
    EVP_Digest(bytes, size, digest, NULL, EVP_sha256(), NULL);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static void tell(const char *format, va_list list)
{
    char words[2048];
    vsnprintf(words, sizeof words, format, list);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm parts;
    gmtime_r(&now.tv_sec, &parts);
    char stamp[32];
    strftime(stamp, sizeof stamp, "%H:%M:%S", &parts);
    fprintf(stderr, "%s.%03ld postern-agent: %s\n", stamp, now.tv_nsec / 1000000, words);
}

void say(const char *format, ...)
{
    if (quiet_now)
        return;
    va_list list;
    va_start(list, format);
    tell(format, list);
    va_end(list);
}

void complain(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    tell(format, list);
    va_end(list);
}

void say_quiet(bool quiet)
{
    quiet_now = quiet;
}
