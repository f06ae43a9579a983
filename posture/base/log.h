/* log: events as key=value lines on stderr (or a given descriptor). The event name never changes; values are keys.
 * One write(2) a line, so lines of threads never mix. Values are quoted when they need it, control bytes escaped,
 * each cut at 256 bytes. Nothing secret is ever given to it. Thread: safe from all threads. */
#ifndef POSTURE_BASE_LOG_H
#define POSTURE_BASE_LOG_H
#include "posture/base/clock.h"
#include "posture/base/err.h"
#include "posture/base/span.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
struct log {
    int fd;
    enum log_level least; /* lines below are dropped */
    const struct clock *clock;
};
struct log_value {
    const char *key; /* NULL ends the list */
    enum { LOG_VALUE_TEXT, LOG_VALUE_INT } kind;
    struct span text;
    int64_t number;
};
#define LOG_STR(key, value) ((struct log_value){ (key), LOG_VALUE_TEXT, span_of(value), 0 })
#define LOG_SPAN(key, value) ((struct log_value){ (key), LOG_VALUE_TEXT, (value), 0 })
#define LOG_INT(key, value) ((struct log_value){ (key), LOG_VALUE_INT, SPAN_NONE, (int64_t)(value) })
#define LOG_ERR(error) ((struct log_value){ "error", LOG_VALUE_TEXT, span_of((error)->text), 0 })
/* log_event(log, LOG_WARN, "store.timeout", LOG_STR("op", "get"), LOG_INT("after_ms", ms)) */
#define log_event(log, level, name, ...) log_write((log), (level), (name), (const struct log_value[]){ __VA_ARGS__ __VA_OPT__(,) { 0 } })
/* NULL log drops the line. */
void log_write(const struct log *log, enum log_level level, const char *name, const struct log_value *values);

#endif
