#include "posture/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A pipe takes up to 4,096 bytes (PIPE_BUF) in one piece, and so keeps the lines of threads apart. */
enum { LINE_BYTES = 4096, VALUE_BYTES = 256 };

/* Fixed room: logging must work when memory is short. What does not fit whole is left out. */
struct line {
    char text[LINE_BYTES];
    size_t bytes;
};

static const char cut_mark[] = " cut=1\n";

static bool add(struct line *line, struct span s)
{
    if (s.bytes > LINE_BYTES - sizeof cut_mark - line->bytes)
        return false;
    if (s.bytes > 0)
        memcpy(line->text + line->bytes, s.at, s.bytes);
    line->bytes += s.bytes;
    return true;
}

static bool add_text(struct line *line, const char *text)
{
    return add(line, span_of(text));
}

static void add_time(struct line *line, const struct clock *clock)
{
    int64_t now_ms = clock_wall_ms(clock);
    char text[CLOCK_TEXT_BYTES], thousandths[8];
    clock_rfc3339(clock_wall_s(clock), text);
    int ms = (int)((now_ms % 1000 + 1000) % 1000);
    snprintf(thousandths, sizeof thousandths, ".%03dZ", ms);
    add(line, span_slice(span_of(text), 0, strlen(text) - 1));
    add_text(line, thousandths);
}

static bool must_escape(char byte)
{
    unsigned char code = (unsigned char)byte;
    return code < 0x20 || code >= 0x7f || byte == '"' || byte == '\\';
}

static bool needs_quotes(struct span value)
{
    for (size_t i = 0; i < value.bytes; i++)
        if (must_escape(value.at[i]) || value.at[i] == ' ' || value.at[i] == '=')
            return true;
    return value.bytes == 0;
}

/* Length of the character at the front that is shown as it is: 0 for what must be escaped, for a byte that belongs to no
 * character, and for C1 controls, which terminals obey. */
static size_t shown_character(struct span s)
{
    unsigned char lead = (unsigned char)s.at[0];
    if (lead < 0x80)
        return must_escape(s.at[0]) ? 0 : 1;
    for (size_t bytes = 2; bytes <= 4 && bytes <= s.bytes; bytes++)
        if (span_is_utf8(span_slice(s, 0, bytes)))
            return lead == 0xc2 && (unsigned char)s.at[1] < 0xa0 ? 0 : bytes;
    return 0;
}

static bool add_escaped(struct line *line, char byte)
{
    char escape[8];
    if (byte == '"' || byte == '\\')
        snprintf(escape, sizeof escape, "\\%c", byte);
    else if (byte == '\n')
        return add_text(line, "\\n");
    else
        snprintf(escape, sizeof escape, "\\x%02x", (unsigned char)byte);
    return add_text(line, escape);
}

static bool add_quoted(struct line *line, struct span value)
{
    bool fits = add_text(line, "\"");
    while (fits && value.bytes > 0) {
        size_t bytes = shown_character(value);
        fits = bytes > 0 ? add(line, span_slice(value, 0, bytes)) : add_escaped(line, value.at[0]);
        value = span_slice(value, bytes > 0 ? bytes : 1, value.bytes);
    }
    return fits && add_text(line, "\"");
}

/* The longest part that is shown, not ending within a character. */
static struct span shown(struct span value)
{
    if (value.bytes <= VALUE_BYTES)
        return value;
    size_t end = VALUE_BYTES;
    while (end > VALUE_BYTES - 3 && ((unsigned char)value.at[end] & 0xc0) == 0x80)
        end--;
    return span_slice(value, 0, end);
}

static bool add_value(struct line *line, const struct log_value *value)
{
    char digits[24];
    if (value->kind == LOG_VALUE_INT) {
        snprintf(digits, sizeof digits, "%lld", (long long)value->number);
        return add_text(line, digits);
    }
    struct span text = shown(value->text);
    bool fits = needs_quotes(text) ? add_quoted(line, text) : add(line, text);
    return fits && (text.bytes == value->text.bytes || add_text(line, "..."));
}

static bool add_pair(struct line *line, const struct log_value *value)
{
    size_t before = line->bytes;
    if (add_text(line, " ") && add_text(line, value->key) && add_text(line, "=") && add_value(line, value))
        return true;
    line->bytes = before;
    return false;
}

static void add_pairs(struct line *line, const struct log_value *values)
{
    bool fits = true;
    for (; values->key != NULL && fits; values++)
        fits = add_pair(line, values);
    /* add() keeps this room free */
    struct span end = fits ? SPAN_LITERAL("\n") : span_of(cut_mark);
    memcpy(line->text + line->bytes, end.at, end.bytes);
    line->bytes += end.bytes;
}

/* Nothing can be done about a log that cannot be written, and errno belongs to what is being logged. */
static void write_line(int fd, const struct line *line)
{
    ssize_t written;
    do
        written = write(fd, line->text, line->bytes);
    while (written < 0 && errno == EINTR);
}

static const char *level_word(enum log_level level)
{
    static const char *const words[] = { "debug", "info", "warn", "error" };
    return words[level <= LOG_ERROR ? level : LOG_ERROR];
}

void log_write(const struct log *log, enum log_level level, const char *name, const struct log_value *values)
{
    if (log == NULL || level < log->least)
        return;
    int kept_errno = errno;
    struct line line;
    line.bytes = 0;
    add_time(&line, log->clock);
    add_text(&line, " level=");
    add_text(&line, level_word(level));
    add_text(&line, " event=");
    add_text(&line, name);
    add_pairs(&line, values);
    write_line(log->fd, &line);
    errno = kept_errno;
}
