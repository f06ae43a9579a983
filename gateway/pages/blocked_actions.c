#include "gateway/agents.h"
#include "gateway/pages/blocked.h"
#include "gateway/pages/dispute.h"
#include "gateway/pages/recheck.h"

enum { CHECKS_MOST = 32 };

/* What is asked again: what is in the way; everything when nothing is known to be. Copied, since the directory is left before the store is asked. */
static size_t checks_to_ask(const struct blocked *b, struct span checks[CHECKS_MOST])
{
    size_t count = b->item_count <= CHECKS_MOST ? b->item_count : 0;
    for (size_t i = 0; i < count; i++)
        checks[i] = arena_copy(b->page.arena, b->items[i]->check->id);
    return count;
}

void blocked_recheck_with(struct http_request *r, struct http_response *res, blocked_open_fn *open_page)
{
    struct blocked b;
    struct span checks[CHECKS_MOST], device = SPAN_NONE;
    size_t count = 0;
    if (!page_same_site(r, res))
        return;
    directory_enter(r->node->directory);
    bool open = open_page(r, res, &b);
    if (open && b.device != NULL) {
        device = arena_copy(r->arena, b.device->id);
        count = checks_to_ask(&b, checks);
    }
    directory_leave(r->node->directory);
    if (!open)
        return;
    if (span_empty(device))
        page_see_other(r, res, "checking", arena_format(r->arena, "%lld", (long long)r->now_s));
    else
        recheck_answer(r, res, &(struct recheck){ device, b.link.person, checks, count, true });
}

/* The named check must be one that this page shows. */
static const struct standing *disputed(const struct blocked *b, struct span check)
{
    for (size_t i = 0; i < b->item_count; i++)
        if (span_equal(b->items[i]->check->id, check))
            return b->items[i];
    return NULL;
}

void blocked_wrong_with(struct http_request *r, struct http_response *res, blocked_open_fn *open_page)
{
    struct blocked b;
    struct dispute_input in = { 0 };
    struct err err = { 0 };
    bool again = false;
    if (!page_same_site(r, res))
        return;
    directory_enter(r->node->directory);
    if (!open_page(r, res, &b)) {
        directory_leave(r->node->directory);
        return;
    }
    const struct standing *s = disputed(&b, page_field(r, "check"));
    if (s == NULL) {
        directory_leave(r->node->directory);
        page_see_other(r, res, "said", SPAN_LITERAL("gone"));
        return;
    }
    in = (struct dispute_input){ .person = arena_copy(r->arena, b.page.person->id), .device = arena_copy(r->arena, b.device->id), .check = arena_copy(r->arena, s->check->id),
                                 .text = page_field(r, "text"), .saw = arena_copy(r->arena, s->result->saw), .zone = arena_copy(r->arena, b.page.zone),
                                 .decision = b.link.decision, .days = b.page.policy->nudges.days, .now_s = r->now_s };
    directory_leave(r->node->directory);
    enum err_code code = dispute_commit(r->node, r->store, &in, &again, &err);
    if (code != OK && code != ERR_LIMIT)
        problem_answer(r, res, PROBLEM_PAGE, &err);
    else
        page_see_other(r, res, "said", code == ERR_LIMIT ? SPAN_LITERAL("full") : again ? SPAN_LITERAL("told_before") : SPAN_LITERAL("told"));
}

void blocked_recheck(struct http_request *r, struct http_response *res) { blocked_recheck_with(r, res, blocked_open); }
void blocked_wrong(struct http_request *r, struct http_response *res) { blocked_wrong_with(r, res, blocked_open); }
