#include "gateway/pages/recheck.h"

#include "gateway/agents.h"
#include "gateway/slow_lane.h"

#include <time.h>

/* An agent with an open page is asked every few seconds: for so long the answer may wait, so that a fix opens the door in the request that asked. */
enum { STILL_UNDER_WAY_S = 60, WAIT_MS = 3000, LOOK_EVERY_MS = 50 };

/* When the device was last asked, as this node knows it. */
static int64_t asked_s(const struct http_request *r, struct span id)
{
    directory_enter(r->node->directory);
    const struct device *d = directory_device(r->node->directory, id);
    int64_t at_s = d != NULL ? d->recheck_s : 0;
    directory_leave(r->node->directory);
    return at_s;
}

static bool is_settled(const struct result *result, int64_t since_s)
{
    return result != NULL && (result->evaluated_s >= since_s || result->verdict == VERDICT_PASS || result->verdict == VERDICT_NOT_APPLICABLE);
}

/* Everything that was asked has been looked at since, or is well. */
static bool was_answered(const struct http_request *r, const struct recheck *what, int64_t since_s)
{
    directory_enter(r->node->directory);
    const struct device *d = directory_device(r->node->directory, what->device);
    bool answered = d != NULL && (what->count > 0 || d->result_count > 0);
    for (size_t i = 0; answered && i < what->count; i++)
        answered = is_settled(device_result(d, what->checks[i]), since_s);
    for (size_t i = 0; answered && what->count == 0 && i < d->result_count; i++)
        answered = is_settled(&d->results[i], since_s);
    directory_leave(r->node->directory);
    return answered;
}

/* Where the answer arrives in time, the page that follows already says so. Without a feed nothing arrives here. */
static void wait_for_answer(const struct http_request *r, const struct recheck *what, int64_t since_s)
{
    const struct timespec pause = { 0, LOOK_EVERY_MS * 1000000L };
    int64_t until_ms = clock_mono_ms(r->node->clock) + WAIT_MS;
    if (r->node->feed == NULL || !slow_lane_rest_begin(r->node->slow_lane))
        return;
    while (!was_answered(r, what, since_s) && clock_mono_ms(r->node->clock) < until_ms)
        nanosleep(&pause, NULL);
    slow_lane_rest_end(r->node->slow_lane);
}

void recheck_answer(struct http_request *r, struct http_response *res, const struct recheck *what)
{
    struct err err = { 0 };
    bool already = false;
    struct span cause = arena_format(r->arena, "person:%.*s", SPAN_ARGS(what->person));
    enum err_code code = agents_recheck(r->node, r->store, what->device, what->checks, what->count, cause, &already, &err);
    int64_t since_s = already ? asked_s(r, what->device) : r->now_s;
    if (code != OK && code != ERR_NOT_FOUND)
        log_event(r->node->log, LOG_WARN, "page.recheck_failed", LOG_STR("id", r->id), LOG_SPAN("device", what->device), LOG_ERR(&err));
    if (code != OK)
        page_see_other(r, res, "said", SPAN_LITERAL("away"));
    else if (already && r->now_s - since_s >= STILL_UNDER_WAY_S)
        page_see_other(r, res, "said", SPAN_LITERAL("recent"));
    else if (what->watches) {
        wait_for_answer(r, what, since_s);
        page_see_other(r, res, "checking", arena_format(r->arena, "%lld", (long long)since_s));
    } else
        page_see_other(r, res, "said", SPAN_LITERAL("asked"));
}
