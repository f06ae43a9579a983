/* words: times, numbers and states as people say them (docs/pages.md has the rules of wording). Texts live in the arena. */
#ifndef GATEWAY_PAGES_WORDS_H
#define GATEWAY_PAGES_WORDS_H
#include "posture/base/arena.h"
#include "posture/ladder.h"

/* "40 seconds", "2 hours", "3 days"; "1 day". Never negative. */
struct span words_span(struct arena *a, int64_t seconds);
/* "just now", "40 seconds ago"; a clock that runs ahead is "just now". */
struct span words_ago(struct arena *a, int64_t seconds);
/* "in 2 days", "now". */
struct span words_in(struct arena *a, int64_t seconds);
/* "One thing", "2 things". */
struct span words_things(struct arena *a, size_t count);
/* "every hour", "every 4 hours". */
struct span words_every(struct arena *a, int64_t seconds);
/* Why the clock of a standing does not run now; empty when it runs. */
struct span words_paused(unsigned paused);
/* "dover", else the model, else "your device". */
struct span words_device(const struct device *d);
/* Its last 4 characters; empty when it has fewer than 5: then those would be all of it. */
struct span words_serial_end(const struct device *d);
struct span words_app(const struct app *app);
struct span words_platform(enum platform p);
/* "Firefox", "Edge", "Chrome", "Safari", else "A browser", from a User-Agent header that anybody can write. */
struct span words_browser(struct span user_agent);
#endif
