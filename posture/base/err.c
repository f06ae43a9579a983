#include "posture/base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
    [OK] = "ok",
    [ERR_INPUT] = "input",
    [ERR_PROTOCOL] = "protocol",
    [ERR_DENIED] = "denied",
    [ERR_UNAUTHORIZED] = "unauthorized",
    [ERR_NOT_FOUND] = "not_found",
    [ERR_CONFLICT] = "conflict",
    [ERR_EXPIRED] = "expired",
    [ERR_GONE] = "gone",
    [ERR_LIMIT] = "limit",
    [ERR_TIMEOUT] = "timeout",
    [ERR_UNAVAILABLE] = "unavailable",
    [ERR_AMBIGUOUS] = "ambiguous",
    [ERR_MEMORY] = "memory",
    [ERR_IO] = "io",
    [ERR_INTERNAL] = "internal",
};

/* Text of a peer may be quoted in an error: it must not start a new line in a log or move a terminal's cursor. */
static void replace_controls(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

/* Ends a full buffer in "...", without leaving half a UTF-8 character in front of it. */
static void mark_cut(char text[ERR_TEXT_BYTES])
{
    size_t end = ERR_TEXT_BYTES - sizeof "...";
    while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
        end--;
    memcpy(text + end, "...", sizeof "...");
}

/* Through a second buffer: the arguments may point into err->text. */
static void set_text(struct err *err, const char *format, va_list arguments)
{
    char text[ERR_TEXT_BYTES];
    int wanted = vsnprintf(text, sizeof text, format, arguments);
    if (wanted < 0)
        text[0] = '\0';
    if (wanted >= ERR_TEXT_BYTES)
        mark_cut(text);
    replace_controls(text);
    memcpy(err->text, text, strlen(text) + 1);
}

enum err_code err_set(struct err *err, enum err_code code, const char *format, ...)
{
    if (err == NULL)
        return code;
    va_list arguments;
    va_start(arguments, format);
    set_text(err, format, arguments);
    va_end(arguments);
    err->code = code;
    return code;
}

enum err_code err_wrap(struct err *err, const char *format, ...)
{
    if (err == NULL)
        return ERR_INTERNAL;
    struct err words;
    va_list arguments;
    va_start(arguments, format);
    set_text(&words, format, arguments);
    va_end(arguments);
    /* Whoever wraps has failed: an error that nobody filled must not turn into success on its way up. */
    enum err_code code = err->code == OK ? ERR_INTERNAL : err->code;
    return err_set(err, code, "%s: %s", words.text, err->text);
}

const char *err_name(enum err_code code)
{
    bool known = (unsigned)code < sizeof names / sizeof names[0];
    return known ? names[code] : "internal";
}
