/* text: growing bytes with a limit, files, clocks and words to standard error, as every part of the agent needs them.
 * Memory: this is a test peer, so running out of memory ends the process with a message; nothing here returns NULL for it.
 * Thread: the agent has one. */
#ifndef AGENT_TEXT_H
#define AGENT_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that grow up to `limit`. `data` is always terminated once something was added. A zeroed one has no limit set:
 * call text_init first. `overflow` stays true after the first addition that did not fit. */
struct text {
    char *data;
    size_t size;
    size_t room;
    size_t limit;
    bool overflow;
};

void text_init(struct text *text, size_t limit);
void text_done(struct text *text);
void text_clear(struct text *text);
bool text_add(struct text *text, const void *bytes, size_t size);
bool text_puts(struct text *text, const char *string);
__attribute__((format(printf, 2, 3))) bool text_addf(struct text *text, const char *format, ...);
/* The content as a string; "" when empty. Borrowed until the next change. */
const char *text_str(const struct text *text);

/* Memory that is there, zeroed; or the process ends. */
void *must_alloc(size_t count, size_t size);
void *must_grow(void *old, size_t count, size_t size);
char *must_copy(const char *string);
char *must_copy_n(const char *bytes, size_t size);
__attribute__((format(printf, 1, 2))) char *must_format(const char *format, ...);

/* Reads at most `max` bytes of a file (also of /proc, where sizes are not told). False when it cannot be opened. */
bool file_read(const char *path, size_t max, struct text *out);
/* Writes aside with mode 0600, then renames over `path`. */
bool file_write_private(const char *path, const void *bytes, size_t size);

/* Cuts blanks and line ends from both ends, in place; returns the new beginning. */
char *trimmed(char *string);
/* The next line of `*rest`, terminated in place; NULL at the end. */
char *next_line(char **rest);
/* The next word separated by blanks, terminated in place; NULL at the end. */
char *next_word(char **rest);
/* A whole decimal number within [low, high]. */
bool parse_number(const char *string, long long low, long long high, long long *out);

int64_t mono_us(void);
int64_t mono_ms(void);
int64_t wall_s(void);
/* A number below `bound` (which is above 0), from a seed that --seed fixes. */
uint32_t random_below(uint32_t bound);
void random_seed(uint64_t seed);
/* A random version 4 UUID in capitals, from the system's generator. */
void random_uuid(char out[37]);
/* SHA-256 in hexadecimal. */
void sha256_hex(const void *bytes, size_t size, char out[65]);

/* One line to standard error with the time in front; `say_quiet` silences all but what is said with `complain`. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);
void say_quiet(bool quiet);

#endif
