#include "gateway/pages/managed.h"
#include "gateway/pages/blocked.h"

#include "gateway/pages/item.h"
#include "gateway/pages/shown.h"
#include "gateway/pages/exemption_forms.h"
#include "gateway/pages/valve_forms.h"

#include "posture/evaluate.h"

enum { CHECKING_S = 20, WAITING_S = 60, CHECKING_POLL_S = 2, LONG_POLL_S = 10, CLOCKS_APART_S = 5 /* of two nodes */ };

/* ---- what is true now ---- */

static void decide_again(struct http_request *r, struct blocked *b)
{
    const struct blocked_link *link = &b->link;
    struct question q = { .door = SPAN_LITERAL("page"), .person = span_empty(link->person) ? link->person_asked : link->person, .door_device = link->door, .proof = link->proof,
                          .device_kind = SPAN_LITERAL("id"), .device = link->device, .app = link->app, .silent = true };
    decide(r, &q, NULL, NULL, NULL, &b->answer);
}

/* A failure that nobody could look at again lately. */
static bool is_unchecked(const struct blocked *b, const struct standing *s)
{
    return evaluate_now(s->check, b->device, s->result, b->page.now_s) == VERDICT_UNKNOWN;
}

/* Nothing that is in the way (or, when nothing is, nothing at all) was seen lately. */
static bool all_unchecked(const struct blocked *b)
{
    size_t count = b->blocking_count > 0 ? b->blocking_count : b->item_count;
    bool all = count > 0;
    for (size_t i = 0; i < count; i++)
        all = all && is_unchecked(b, b->items[i]);
    return all;
}

static enum blocked_state state_of(const struct blocked *b)
{
    const struct decision *d = &b->answer.decision;
    bool starting = b->page.person == NULL && !span_empty(b->link.person) && !directory_counts(b->page.r->node->directory).complete;
    if (d->rule == RULE_OUTAGE || b->page.policy == NULL || starting)
        return BLOCKED_OUTAGE;
    if (d->outcome == OUTCOME_ALLOW)
        return all_unchecked(b) ? BLOCKED_UNCHECKED : BLOCKED_GO_ON;
    switch (d->rule) {
    case RULE_UNKNOWN_PERSON: return BLOCKED_PERSON_UNKNOWN;
    case RULE_UNKNOWN_APP:
    case RULE_UNKNOWN_ACTION: return BLOCKED_APP_UNKNOWN;
    case RULE_DUPLICATE: return BLOCKED_UNCHECKED;
    case RULE_UNIDENTIFIED:
    case RULE_NO_DEVICE:
    case RULE_WEAK_PROOF:
    case RULE_UNOWNED: return BLOCKED_DEVICE_UNKNOWN;
    default: break;
    }
    if (all_unchecked(b))
        return BLOCKED_UNCHECKED;
    return d->outcome == OUTCOME_DENY ? BLOCKED_DENIED : BLOCKED_WARNED;
}

static bool in_the_way(const struct blocked *b, const struct standing *s)
{
    const struct decision *d = &b->answer.decision;
    if (d->app == NULL || d->outcome == OUTCOME_ALLOW)
        return false;
    return d->outcome == OUTCOME_DENY ? (s->closed >> d->app->sensitivity & 1) != 0 : s->warn;
}

static bool goes_before(const struct blocked *b, const struct standing *x, const struct standing *y)
{
    bool first = in_the_way(b, x), second = in_the_way(b, y), old = is_unchecked(b, x), also_old = is_unchecked(b, y);
    if (first != second)
        return first;
    return old != also_old ? also_old : x->check->minutes < y->check->minutes;
}

/* Nobody is shown what belongs to another person, whatever decided. */
static void collect_items(struct blocked *b)
{
    const struct decision *d = &b->answer.decision;
    b->device = d->device != NULL ? page_device(&b->page, d->device->id) : NULL;
    size_t most = b->device != NULL ? d->standing_count : 0;
    b->items = arena_array(b->page.arena, most + 1, sizeof *b->items);
    for (size_t i = 0; b->items != NULL && i < most; i++) {
        size_t at = b->item_count++;
        for (; at > 0 && goes_before(b, &d->standings[i], b->items[at - 1]); at--)
            b->items[at] = b->items[at - 1];
        b->items[at] = &d->standings[i];
        b->blocking_count += in_the_way(b, &d->standings[i]);
    }
}

/* ---- check again ---- */

static bool looked_since(const struct blocked *b, int64_t since_s)
{
    size_t watched = b->blocking_count > 0 ? b->blocking_count : b->item_count;
    bool looked = watched > 0;
    for (size_t i = 0; i < watched; i++)
        looked = looked && b->items[i]->result->evaluated_s >= since_s;
    return looked;
}

static void find_phase(struct blocked *b)
{
    struct span text;
    struct err err;
    int64_t since_s = 0, now_s = b->page.now_s;
    if (request_query(b->page.r, "checking", &text, &err) != OK || !span_to_i64(text, &since_s) || since_s > now_s + CLOCKS_APART_S || now_s - since_s > PAGE_WATCH_S)
        return;
    b->checking_s = since_s;
    if (looked_since(b, since_s))
        b->phase = PHASE_LOOKED_AGAIN;
    else if (b->state == BLOCKED_DENIED || b->state == BLOCKED_WARNED || b->state == BLOCKED_UNCHECKED)
        b->phase = now_s - since_s < CHECKING_S ? PHASE_CHECKING : now_s - since_s < WAITING_S ? PHASE_WAITING : PHASE_LONG;
}

void blocked_look(struct http_request *r, struct http_response *res, const struct person *person, struct blocked *b)
{
    page_init(&b->page, r, res, person != NULL && !person->removed ? person : NULL);
    collect_items(b);
    b->state = state_of(b);
    find_phase(b);
    res->decision = b->link.decision;
}

bool blocked_open(struct http_request *r, struct http_response *res, struct blocked *b)
{
    struct err err;
    *b = (struct blocked){ 0 };
    enum err_code code = link_open_blocked(r->node, r->params[0], r->now_s, r->arena, &b->link, &err);
    if (code != OK) {
        page_refuse_link(r, res, code);
        return false;
    }
    decide_again(r, b);
    blocked_look(r, res, span_empty(b->link.person) ? NULL : directory_person(r->node->directory, b->link.person), b);
    return true;
}

/* ---- the page ---- */

static uint64_t state_mark(const struct blocked *b)
{
    uint64_t mark = span_hash(SPAN_LITERAL("blocked"), (uint64_t)b->state * 16 + (uint64_t)b->phase);
    for (size_t i = 0; i < b->item_count; i++) {
        const struct standing *s = b->items[i];
        mark = span_hash(s->check->id, mark);
        mark = span_hash(s->result->saw, mark ^ (uint64_t)s->rung << 32 ^ (uint64_t)s->result->verdict);
    }
    return mark;
}

static bool is_open_page(const struct blocked *b)
{
    return b->state == BLOCKED_DENIED || b->state == BLOCKED_WARNED || b->state == BLOCKED_UNCHECKED || b->state == BLOCKED_OUTAGE;
}

static struct page_head head_of(const struct blocked *b)
{
    struct page_head head = { .title = blocked_headline(b), .state = state_mark(b), .leads_away = !span_empty(b->way_out) };
    bool busy = b->phase == PHASE_CHECKING || b->phase == PHASE_WAITING;
    head.status = blocked_status(b, &head.good);
    if (busy || b->phase == PHASE_LONG) {
        head.poll_s = busy ? CHECKING_POLL_S : LONG_POLL_S;
        head.reload_s = busy ? PAGE_POLL_S : LONG_POLL_S;
    } else if (is_open_page(b)) {
        head.poll_s = PAGE_IDLE_POLL_S;
    }
    if (b->state == BLOCKED_GO_ON && b->checking_s > 0 && html_is_link(b->link.back))
        head.go_on = b->link.back;
    return head;
}

static void write_device_line(const struct blocked *b, struct span me)
{
    const struct page *p = &b->page;
    const struct check *check = b->item_count > 0 ? b->items[0]->check : NULL;
    int64_t at_s = b->item_count > 0 ? b->items[0]->result->evaluated_s : b->device->seen_s;
    bool asked = check == NULL || !check_facts_only(&check->on[b->device->platform]);
    html_raw(p->out, "<p class=\"device\">On ");
    item_write_device(p, b->device);
    html_raw(p->out, ". Checked ");
    page_ago(p, at_s);
    html_raw(p->out, asked ? " by osquery." : " by a program of your IT team.");
    if (!span_empty(me))
        HTML(p->out, " <a href=\"{}\">Not this device?</a>", me);
    html_raw(p->out, "</p>\n");
}

static bool contact_is_mail(const struct page *p)
{
    struct span contact = p->policy->help.contact;
    return span_find(contact, '@') < contact.bytes && span_find(contact, ' ') == contact.bytes && !html_is_link(contact);
}

/* Without admin rights the fix is somebody else's work, so asking them is the first button. */
static void write_actions(const struct blocked *b)
{
    const struct page *p = &b->page;
    bool ask = b->item_count > 0 && b->items[0]->check->needs_admin && contact_is_mail(p);
    html_raw(p->out, "<div class=\"actions\">\n");
    if (ask)
        HTML(p->out, "<a class=\"button\" href=\"mailto:{}?subject=Please%20help%20me%20with%20my%20device\">Ask for help with it</a>\n", p->policy->help.contact);
    HTML(p->out, "<form method=\"post\" action=\"{}/recheck\" data-asking=\"We are asking your device now.\"><button class=\"{}\">Check again</button></form>\n</div>\n", p->r->params[0],
         ask ? SPAN_LITERAL("second") : SPAN_LITERAL("first"));
}

static void write_help(const struct blocked *b)
{
    const struct page *p = &b->page;
    struct valve_about about = { b->device, b->items, b->item_count };
    html_raw(p->out, "<section>\n<h2>Is this wrong, or are you stuck?</h2>\n");
    valve_write_wrong(p, &about);
    exemption_write_ask(p, &about);
    valve_write_ask(p, b->device);
    valve_write_not_mine(p, b->device);
    html_raw(p->out, "</section>\n");
}

static void write_small_print(const struct blocked *b, struct span me)
{
    const struct page *p = &b->page;
    html_raw(p->out, "<section class=\"small\">\n");
    if (!span_empty(me))
        HTML(p->out, "<p><a href=\"{}/data\">Why am I seeing this, and what is collected?</a></p>\n<p><a href=\"{}\">All my devices</a></p>\n", me, me);
    HTML(p->out, "<p>Number for support: <span class=\"serial\">{}</span></p>\n</section>\n", b->link.decision);
}

static void write_also(const struct blocked *b, size_t from)
{
    const struct page *p = &b->page;
    if (from >= b->item_count)
        return;
    const char *heading = b->state == BLOCKED_UNCHECKED ? "What we last saw" : from < b->blocking_count ? "Then these" : "Also worth fixing";
    HTML(p->out, "<section>\n<h2>{}</h2>\n", span_of(heading));
    for (size_t i = from; i < b->item_count; i++)
        item_write_folded(p, b->device, b->items[i]);
    html_raw(p->out, "</section>\n");
}

static void write_items(const struct blocked *b, struct span me)
{
    const struct page *p = &b->page;
    write_device_line(b, me);
    if (b->state == BLOCKED_WARNED)
        blocked_write_go_on(b);
    item_write(p, b->device, b->items[0]);
    item_write_deadline(p, b->items[0]);
    write_actions(b);
    valve_write_snooze(p, b->device, b->items[0]);
    write_also(b, 1);
    blocked_write_ways(b);
    write_help(b);
    item_write_ladder(p, b->items[0]);
    managed_write_fallback(p, b->device);
}

static void write_page(struct blocked *b)
{
    struct page *p = &b->page;
    struct span me = page_me_link(p, b->link.expires_s);
    struct page_head head = head_of(b);
    page_begin(p, 200, &head);
    HTML(p->out, "<h1>{}</h1>\n", head.title);
    if (b->item_count > 0 && (b->state == BLOCKED_DENIED || b->state == BLOCKED_WARNED)) {
        write_items(b, me);
    } else {
        blocked_write_state(b);
        if (b->state == BLOCKED_UNCHECKED && b->device != NULL)
            write_actions(b);
        if (b->state != BLOCKED_OUTAGE)
            write_also(b, 0);
        blocked_write_ways(b);
        if (b->state == BLOCKED_GO_ON && b->item_count > 0)
            write_help(b);
    }
    blocked_write_way_out(b);
    write_small_print(b, me);
    page_end(p);
}

void blocked_show(struct blocked *b)
{
    struct shown shown = { 0 };
    write_page(b);
    if (is_open_page(b))
        page_keep_watching(&b->page, b->device);
    if (page_is_seen(b->page.r) && (b->state == BLOCKED_DENIED || b->state == BLOCKED_WARNED || b->state == BLOCKED_GO_ON))
        shown_collect(&b->page, b->device, b->answer.decision.standings, b->answer.decision.standing_count, b->link.decision, &shown);
    if (!b->page.res->body.failed)
        shown_send(b->page.r->node, &shown);
}

enum route_result blocked_get(struct http_request *r, struct http_response *res)
{
    struct blocked b;
    directory_enter(r->node->directory);
    if (blocked_open(r, res, &b))
        blocked_show(&b);
    directory_leave(r->node->directory);
    return ROUTE_DONE;
}
