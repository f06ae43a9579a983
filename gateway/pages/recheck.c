#include "gateway/pages/recheck.h"

#include "gateway/agents.h"

enum { STILL_UNDER_WAY_S = 60 };

/* When the device was last asked, as this node knows it. */
static int64_t asked_s(const struct http_request *r, struct span id)
{
    directory_enter(r->node->directory);
    const struct device *d = directory_device(r->node->directory, id);
    int64_t at_s = d != NULL ? d->recheck_s : 0;
    directory_leave(r->node->directory);
    return at_s;
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
    else if (what->watches)
        page_see_other(r, res, "checking", arena_format(r->arena, "%lld", (long long)since_s));
    else
        page_see_other(r, res, "said", SPAN_LITERAL("asked"));
}
