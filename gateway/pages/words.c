#include "gateway/pages/words.h"

enum { MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400, SERIAL_SHOWN = 4 };

struct span words_span(struct arena *a, int64_t seconds)
{
    static const struct { int64_t from_s, unit_s; const char *name; } units[] = {
        { 2 * DAY_S, DAY_S, "day" }, { 2 * HOUR_S, HOUR_S, "hour" }, { 2 * MINUTE_S, MINUTE_S, "minute" }, { 0, 1, "second" },
    };
    static const struct { int64_t exact_s; const char *words; } exact[] = { { DAY_S, "1 day" }, { HOUR_S, "1 hour" }, { MINUTE_S, "1 minute" } };
    int64_t s = seconds < 0 ? 0 : seconds;
    for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++)
        if (s == exact[i].exact_s)
            return span_of(exact[i].words);
    size_t u = 0;
    while (s < units[u].from_s)
        u++;
    int64_t count = s / units[u].unit_s;
    return arena_format(a, "%lld %s%s", (long long)count, units[u].name, count == 1 ? "" : "s");
}

struct span words_ago(struct arena *a, int64_t seconds)
{
    return seconds < 2 ? SPAN_LITERAL("just now") : arena_format(a, "%.*s ago", SPAN_ARGS(words_span(a, seconds)));
}

struct span words_in(struct arena *a, int64_t seconds)
{
    return seconds <= 0 ? SPAN_LITERAL("now") : arena_format(a, "in %.*s", SPAN_ARGS(words_span(a, seconds)));
}

struct span words_things(struct arena *a, size_t count)
{
    return count == 1 ? SPAN_LITERAL("One thing") : arena_format(a, "%zu things", count);
}

struct span words_every(struct arena *a, int64_t seconds)
{
    if (seconds == DAY_S)
        return SPAN_LITERAL("once a day");
    if (seconds == HOUR_S)
        return SPAN_LITERAL("every hour");
    return arena_format(a, "every %.*s", SPAN_ARGS(words_span(a, seconds)));
}

struct span words_paused(unsigned paused)
{
    static const struct { unsigned bit; const char *words; } rows[] = {
        { PAUSE_DISPUTE, "we are looking at what you told us" },
        { PAUSE_SNOOZE, "you asked us to remind you later" },
        { PAUSE_ABSENCE, "you are away" },
        { PAUSE_HOLIDAY, "it is a holiday" },
        { PAUSE_DEVICE_OFF, "the device is off" },
        { PAUSE_INCIDENT, "we are solving a problem on our side" },
        { PAUSE_STORE_OUTAGE, "we are solving a problem on our side" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if ((paused & rows[i].bit) != 0)
            return span_of(rows[i].words);
    return SPAN_NONE;
}

struct span words_device(const struct device *d)
{
    if (!span_empty(d->name))
        return d->name;
    return span_empty(d->model) ? SPAN_LITERAL("your device") : d->model;
}

struct span words_serial_end(const struct device *d)
{
    return d->serial.bytes > SERIAL_SHOWN ? span_slice(d->serial, d->serial.bytes - SERIAL_SHOWN, SERIAL_SHOWN) : SPAN_NONE;
}

struct span words_app(const struct app *app)
{
    if (app == NULL)
        return SPAN_LITERAL("this app");
    return span_empty(app->title) ? app->id : app->title;
}

struct span words_platform(enum platform p)
{
    static const char *const names[PLATFORM_COUNT] = { [PLATFORM_UNKNOWN] = "device", [PLATFORM_MACOS] = "Mac", [PLATFORM_WINDOWS] = "Windows device", [PLATFORM_LINUX] = "Linux device" };
    return span_of(names[p]);
}

/* Each also names those that it wants to be taken for, so the order matters. */
struct span words_browser(struct span user_agent)
{
    static const struct { const char *token, *name; } rows[] = { { "Firefox/", "Firefox" }, { "Edg/", "Edge" }, { "Chrome/", "Chrome" }, { "Safari/", "Safari" } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (span_search(user_agent, span_of(rows[i].token)) < user_agent.bytes)
            return span_of(rows[i].name);
    return SPAN_LITERAL("A browser");
}
