#include "gateway/pages/me.h"

#include "gateway/exemptions.h"
#include "gateway/pages/item.h"
#include "gateway/pages/shown.h"
#include "gateway/pages/link.h"
#include "gateway/pages/managed.h"
#include "gateway/pages/device_enroll.h"
#include "gateway/pages/me_key.h"
#include "gateway/pages/exemption_forms.h"
#include "gateway/pages/valve_forms.h"
#include "gateway/pages/words.h"

#include "posture/evaluate.h"

enum { PAGE_DEVICES_TOLD = 8, ASKED_POLL_S = 3, ASKED_RELOAD_S = 5, ANSWERS_WITHIN_S = 60 };

/* A device with what fails on it. */
struct card { const struct device *device; struct standing *standings; size_t count; unsigned closed; size_t unknown, good; };
/* Whether what fails there was seen failing lately. */
static bool is_known(const struct page *p, const struct card *c, size_t i)
{
    return evaluate_now(c->standings[i].check, c->device, c->standings[i].result, p->now_s) != VERDICT_UNKNOWN;
}

struct overview { struct page page; struct card cards[PAGE_DEVICES]; const struct card *first; /* with what to fix first; NULL: nothing */ unsigned closed; };

bool me_open(struct http_request *r, struct http_response *res, struct page *p)
{
    struct span id;
    struct err err = { .code = ERR_DENIED };
    int64_t expires_s;
    const struct directory *d = r->node->directory;
    enum err_code code = link_open_me(r->node, r->params[0], r->now_s, r->arena, &id, &expires_s, &err);
    const struct person *person = code == OK ? directory_person(d, id) : NULL;
    if (code == OK && person == NULL && !directory_counts(d).complete)
        problem_status_answer(r, res, PROBLEM_PAGE, 503, "the directory is loading");
    else if (person == NULL || person->removed)
        page_refuse_link(r, res, code == OK ? ERR_DENIED : code);
    else
        page_init(p, r, res, person);
    return person != NULL && !person->removed;
}

enum route_result me_front(struct http_request *r, struct http_response *res)
{
    struct page p;
    directory_enter(r->node->directory);
    page_init(&p, r, res, NULL);
    page_begin(&p, 200, &(struct page_head){ .title = SPAN_LITERAL("Your devices") });
    html_raw(p.out, "<h1>Your devices</h1>\n<p>Your page opens with a link that is yours alone. You find one here:</p>\n<ul>\n"
                    "<li>in the newest message that we sent you,</li>\n<li>on the page that you see when an app does not open,</li>\n<li>or from a person: ");
    page_contact(&p);
    html_raw(p.out, "</li>\n</ul>\n");
    page_end(&p);
    directory_leave(r->node->directory);
    return ROUTE_DONE;
}

/* ---- what is true now ---- */

static void count_results(const struct page *p, struct card *c)
{
    for (size_t i = 0; p->policy != NULL && i < p->policy->check_count; i++) {
        const struct check *check = &p->policy->checks[i];
        enum verdict v = evaluate_now(check, c->device, device_result(c->device, check->id), p->now_s);
        c->good += v == VERDICT_PASS;
        c->unknown += v == VERDICT_UNKNOWN;
    }
}

/* Something closed goes first, then what closes soonest. */
static bool is_more_urgent(const struct card *x, const struct card *y)
{
    const struct standing *a = &x->standings[0], *b = &y->standings[0];
    if ((x->closed != 0) != (y->closed != 0))
        return x->closed != 0;
    return a->close_s != 0 && (b->close_s == 0 || a->close_s < b->close_s);
}

static void look(struct overview *o)
{
    for (size_t i = 0; i < o->page.device_count; i++) {
        struct card *c = &o->cards[i];
        *c = (struct card){ .device = o->page.devices[i] };
        c->count = page_standings(&o->page, c->device, &c->standings);
        count_results(&o->page, c);
        for (size_t s = 0; s < c->count; s++)
            c->closed |= c->standings[s].closed;
        o->closed |= c->closed;
        if (c->count > 0 && (o->first == NULL || is_more_urgent(c, o->first)))
            o->first = c;
    }
}

/* ---- a card ---- */

static struct span card_state(const struct card *c, struct span *class)
{
    static const struct { const char *class, *words; } states[] = {
        { "closed", "Apps are closed" }, { "fix", "To fix" }, { "unsure", "Not checked lately" }, { "good", "All good" },
    };
    size_t i = c->closed != 0 ? 0 : c->count > 0 ? 1 : c->unknown > 0 || c->good == 0 || !span_empty(c->device->duplicate_of) ? 2 : 3;
    *class = span_of(states[i].class);
    return span_of(states[i].words);
}

static void write_failing(const struct page *p, const struct card *c)
{
    if (c->count == 0)
        return;
    html_raw(p->out, "<ul>\n");
    for (size_t i = 0; i < c->count; i++) {
        HTML(p->out, "<li>{}: {}", is_known(p, c, i) ? SPAN_LITERAL("To fix") : SPAN_LITERAL("Not checked lately"), c->standings[i].check->title);
        if (c->standings[i].close_s > 0) {
            html_raw(p->out, ", by ");
            page_time(p, c->standings[i].close_s);
        }
        html_raw(p->out, "</li>\n");
    }
    html_raw(p->out, "</ul>\n");
}

static void write_unsure(const struct page *p, const struct card *c)
{
    managed_write_disagreements(p, c->device);
    if (!span_empty(c->device->duplicate_of))
        html_raw(p->out, "<p>Two devices say they are this one. A person has to sort this out.</p>\n");
    else if (c->unknown > 0)
        HTML(p->out, "<p>We have no fresh answer about {} of our checks. Keep the device awake and online.</p>\n", arena_format(p->arena, "%zu", c->unknown));
}

static void write_card_forms(const struct page *p, const struct device *d)
{
    struct span token = p->r->params[0];
    HTML(p->out, "<form method=\"post\" action=\"{}/recheck\"><input type=\"hidden\" name=\"device\" value=\"{}\">"
                 "<button class=\"second\">Check again<span class=\"hidden\"> {}</span></button></form>\n",
         token, d->id, words_device(d));
    me_key_write_line(p, d);
    device_enroll_write_line(p, d);
    valve_write_not_mine(p, d);
}

static void write_card(const struct page *p, const struct card *c)
{
    const struct device *d = c->device;
    struct span class, state = card_state(c, &class);
    HTML(p->out, "<li class=\"card\" id=\"{}\">\n<h3><bdi>{}</bdi></h3>\n<p class=\"state {}\">{}</p>\n<p class=\"device\">", d->id, words_device(d), class, state);
    if (!span_empty(d->model))
        HTML(p->out, "<bdi>{}</bdi>, ", d->model);
    HTML(p->out, "{}", span_empty(d->os_name) ? words_platform(d->platform) : d->os_name);
    if (!span_empty(d->os_name) && !span_empty(d->os_version))
        HTML(p->out, " {}", d->os_version);
    if (!span_empty(words_serial_end(d)))
        HTML(p->out, ", serial number ends in <span class=\"serial\">{}</span>", words_serial_end(d));
    html_raw(p->out, ". It last spoke ");
    page_ago(p, d->seen_s);
    if (c->good > 0)
        HTML(p->out, ". {} of our checks {} good", arena_format(p->arena, "%zu", c->good), c->good == 1 ? SPAN_LITERAL("is") : SPAN_LITERAL("are"));
    html_raw(p->out, ".</p>\n");
    write_failing(p, c);
    write_unsure(p, c);
    write_card_forms(p, d);
    html_raw(p->out, "</li>\n");
}

/* ---- the page ---- */

static void write_first(const struct overview *o)
{
    const struct page *p = &o->page;
    const struct card *c = o->first;
    html_raw(p->out, "<p class=\"device\">First on ");
    item_write_device(p, c->device);
    html_raw(p->out, ".</p>\n");
    item_write(p, c->device, &c->standings[0]);
    item_write_deadline(p, &c->standings[0]);
    HTML(p->out, "<div class=\"actions\"><form method=\"post\" action=\"{}/recheck\"><input type=\"hidden\" name=\"device\" value=\"{}\"><button>Check again</button></form></div>\n",
         p->r->params[0], c->device->id);
    valve_write_snooze(p, c->device, &c->standings[0]);
}

/* About all that is on the page first; a person answers. */
static void write_help(const struct overview *o)
{
    const struct page *p = &o->page;
    const struct card *c = o->first;
    html_raw(p->out, "<section>\n<h2>Is something wrong, or are you stuck?</h2>\n");
    const struct standing **items = c == NULL ? NULL : arena_array(p->arena, c->count, sizeof *items);
    for (size_t i = 0; items != NULL && i < c->count; i++)
        items[i] = &c->standings[i];
    if (items != NULL) {
        struct valve_about about = { c->device, items, c->count };
        valve_write_wrong(p, &about);
        exemption_write_ask(p, &about);
    }
    valve_write_ask(p, c != NULL ? c->device : NULL);
    html_raw(p->out, "</section>\n");
}

static void write_apps(const struct overview *o)
{
    const struct page *p = &o->page;
    html_raw(p->out, "<section>\n<h2>Your apps</h2>\n");
    if (o->closed != 0) {
        html_raw(p->out, "<h3>Closed until it is fixed</h3>\n<ul class=\"apps\">\n");
        page_apps(p, o->closed, false);
        html_raw(p->out, "</ul>\n");
    }
    html_raw(p->out, "<h3>Open</h3>\n<ul class=\"apps\">\n");
    page_apps(p, o->closed, true);
    html_raw(p->out, "</ul>\n</section>\n");
}

static void write_cards(const struct overview *o)
{
    const struct page *p = &o->page;
    html_raw(p->out, "<section>\n<h2>Your devices</h2>\n");
    if (p->device_count == 0)
        html_raw(p->out, "<p>We know no device of yours yet.</p>\n");
    html_raw(p->out, "<ul class=\"cards\">\n");
    for (size_t i = 0; i < p->device_count; i++)
        write_card(p, &o->cards[i]);
    html_raw(p->out, "</ul>\n</section>\n");
}

void me_write_add(const struct page *p)
{
    HTML(p->out, "<section id=\"add\">\n<h2>Add a device</h2>\n<p>Type its whole serial number. It stands on the device, or in its settings under \"About\".</p>\n"
                 "<form method=\"post\" action=\"{}/claim\">\n<label for=\"serial\">Serial number</label>\n"
                 "<input id=\"serial\" name=\"serial\" required maxlength=\"128\" autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\">\n"
                 "<button class=\"second\">Add this device</button>\n</form>\n</section>\n",
         p->r->params[0]);
}

static uint64_t state_mark(const struct overview *o)
{
    uint64_t mark = span_hash(SPAN_LITERAL("me"), o->closed);
    for (size_t i = 0; i < o->page.device_count; i++) {
        mark = span_hash(o->cards[i].device->id, mark ^ o->cards[i].count << 32 ^ o->cards[i].unknown << 16 ^ o->cards[i].good);
        const struct ladder_input in = decision_ladder_input(&o->page.in, o->cards[i].device, o->page.person);
        for (size_t s = 0; s < o->cards[i].count; s++)
            mark = span_hash(o->cards[i].standings[s].check->id, mark ^ (uint64_t)exemption_offer(&in, o->cards[i].standings[s].check->id, NULL));
    }
    return exemption_decide_mark(&o->page, mark);
}

/* A device was asked to answer now. */
static bool was_asked(const struct overview *o)
{
    bool asked = false;
    for (size_t i = 0; i < o->page.device_count; i++)
        asked = asked || o->page.now_s - o->page.devices[i]->recheck_s < ANSWERS_WITHIN_S;
    return asked;
}

static void write_headline(const struct overview *o)
{
    const struct page *p = &o->page;
    size_t count = 0;
    for (size_t i = 0; i < p->device_count; i++)
        for (size_t s = 0; s < o->cards[i].count; s++)
            count += is_known(p, &o->cards[i], s);
    HTML(p->out, "<h1>Your devices{}<bdi>{}</bdi></h1>\n", span_empty(p->person->name) ? SPAN_NONE : SPAN_LITERAL(", "), p->person->name);
    if (count > 0)
        HTML(p->out, "<p class=\"lead\">{} to fix.</p>\n", words_things(p->arena, count));
    else if (p->device_count > 0 && o->first == NULL)
        html_raw(p->out, "<p class=\"lead\">There is nothing for you to fix.</p>\n");
}

static void write_overview(struct overview *o)
{
    struct page *p = &o->page;
    bool asked = was_asked(o);
    struct page_head head = { .title = SPAN_LITERAL("Your devices"), .poll_s = asked ? ASKED_POLL_S : PAGE_IDLE_POLL_S, .reload_s = asked ? ASKED_RELOAD_S : 0,
                              .state = state_mark(o) };
    head.status = page_said(p->r, &head.good);
    page_begin(p, 200, &head);
    write_headline(o);
    exemption_write_decide(p);
    if (o->first != NULL)
        write_first(o);
    write_cards(o);
    if (p->device_count > 0 && p->policy != NULL)
        write_apps(o);
    if (o->first != NULL)
        item_write_ladder(p, &o->first->standings[0]);
    for (size_t i = 0; i < p->device_count; i++)
        managed_write_fallback(p, p->devices[i]);
    write_help(o);
    me_write_add(p);
    HTML(p->out, "<section class=\"small\"><p><a href=\"{}/data\">What is collected, why, and who can see it</a></p></section>\n", p->r->params[0]);
    page_end(p);
}

enum route_result me_get(struct http_request *r, struct http_response *res)
{
    struct overview *o = arena_alloc(r->arena, sizeof *o);
    if (o == NULL) {
        problem_status_answer(r, res, PROBLEM_PAGE, 503, "memory is short");
        return ROUTE_DONE;
    }
    struct shown *shown = arena_array(r->arena, PAGE_DEVICES_TOLD, sizeof *shown);
    size_t told = 0;
    directory_enter(r->node->directory);
    if (me_open(r, res, &o->page)) {
        look(o);
        write_overview(o);
        for (size_t i = 0; i < o->page.device_count; i++) {
            const struct card *c = &o->cards[i];
            if (c->count == 0)
                continue;
            page_keep_watching(&o->page, c->device);
            if (shown != NULL && told < PAGE_DEVICES_TOLD && page_is_seen(r))
                shown_collect(&o->page, c->device, c->standings, c->count, SPAN_NONE, &shown[told++]);
        }
    }
    directory_leave(r->node->directory);
    for (size_t i = 0; i < told && !res->body.failed; i++)
        shown_send(r->node, &shown[i]);
    return ROUTE_DONE;
}
