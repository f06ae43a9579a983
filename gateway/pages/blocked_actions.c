#include "gateway/agents.h"
#include "gateway/pages/blocked.h"
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
static const struct standing *shown_item(const struct blocked *b, struct span check)
{
    for (size_t i = 0; i < b->item_count; i++)
        if (span_equal(b->items[i]->check->id, check))
            return b->items[i];
    return NULL;
}

/* Everything that a form of the page is about, copied; a check must be one that the page shows. */
static bool read_use(struct http_request *r, const struct blocked *b, enum valve_form form, struct valve_use *use)
{
    const struct standing *s = b->device == NULL ? NULL : shown_item(b, page_field(r, "check"));
    bool needs_check = form == FORM_SNOOZE || form == FORM_WRONG || form == FORM_EXEMPT;
    if (b->page.person == NULL || b->device == NULL || (needs_check && s == NULL) || (form == FORM_ONCE && b->answer.decision.app == NULL))
        return false;
    *use = (struct valve_use){ .person = arena_copy(r->arena, b->page.person->id), .device = arena_copy(r->arena, b->device->id), .text = page_field(r, "text"),
                               .by = arena_format(r->arena, "person:%.*s", SPAN_ARGS(b->page.person->id)), .decision = arena_copy(r->arena, b->link.decision) };
    if (needs_check)
        use->check = arena_copy(r->arena, s->check->id);
    if (form == FORM_ONCE)
        use->app = arena_copy(r->arena, b->answer.decision.app->id);
    return true;
}

void blocked_valve_with(struct http_request *r, struct http_response *res, enum valve_form form, blocked_open_fn *open_page)
{
    struct blocked b;
    struct valve_use use = { 0 };
    if (!page_same_site(r, res))
        return;
    directory_enter(r->node->directory);
    bool open = open_page(r, res, &b), about = open && read_use(r, &b, form, &use);
    directory_leave(r->node->directory);
    if (about)
        valve_form_answer(r, res, form, &use);
    else if (open)
        page_see_other(r, res, "said", SPAN_LITERAL("gone"));
}

void blocked_recheck(struct http_request *r, struct http_response *res) { blocked_recheck_with(r, res, blocked_open); }
void blocked_wrong(struct http_request *r, struct http_response *res) { blocked_valve_with(r, res, FORM_WRONG, blocked_open); }
void blocked_snooze(struct http_request *r, struct http_response *res) { blocked_valve_with(r, res, FORM_SNOOZE, blocked_open); }
void blocked_once(struct http_request *r, struct http_response *res) { blocked_valve_with(r, res, FORM_ONCE, blocked_open); }
void blocked_exempt(struct http_request *r, struct http_response *res) { blocked_valve_with(r, res, FORM_EXEMPT, blocked_open); }
void blocked_ask(struct http_request *r, struct http_response *res) { blocked_valve_with(r, res, FORM_ASK, blocked_open); }
void blocked_not_mine(struct http_request *r, struct http_response *res) { blocked_valve_with(r, res, FORM_NOT_MINE, blocked_open); }
