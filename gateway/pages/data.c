/* What is collected, why, how often, and the person's own latest values. Made from the policy in force. */
#include "gateway/pages/item.h"
#include "gateway/pages/link.h"
#include "gateway/pages/me.h"
#include "gateway/pages/words.h"

#include "posture/evaluate.h"

enum { RECORDS = 16 };
/* The records as stored: the directory keeps no facts. */
struct records { struct device *all[RECORDS]; size_t count; bool away; };

static void load_records(struct http_request *r, const struct span *ids, size_t count, struct records *out)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buf_done) struct buf body;
        struct err err = { 0 };
        int64_t version = 0;
        buf_init(&body, DEVICE_BODY_BYTES);
        enum err_code code = r->store->ops->get(r->store, RECORD_DEVICE, ids[i], &body, &version, &err);
        if (code == OK)
            code = device_from_json(buf_span(&body), version, true, &out->all[out->count], &err);
        out->count += code == OK;
        out->away = out->away || (code != OK && code != ERR_NOT_FOUND);
    }
}

static void free_records(struct records *all)
{
    for (size_t i = 0; i < all->count; i++)
        device_free(all->all[i]);
}

static const struct device *record_of(const struct records *all, const struct device *d)
{
    for (size_t i = 0; i < all->count; i++)
        if (span_equal(all->all[i]->id, d->id))
            return all->all[i];
    return NULL;
}

/* ---- one check ---- */

static struct span verdict_words(enum verdict v)
{
    static const char *const words[] = { [VERDICT_UNKNOWN] = "no fresh answer", [VERDICT_PASS] = "good", [VERDICT_FAIL] = "to fix",
                                         [VERDICT_NOT_APPLICABLE] = "not asked here", [VERDICT_IN_PROGRESS] = "on its way" };
    return span_of(words[v]);
}

static void write_fact(const struct page *p, const struct device *record, struct span name)
{
    const struct fact *fact = record != NULL ? device_fact(record, name) : NULL;
    if (fact == NULL)
        return;
    HTML(p->out, "<p>Kept value, from {}, ", fact->source);
    page_ago(p, fact->observed_s);
    HTML(p->out, ":</p>\n<pre tabindex=\"0\"><code>{}</code></pre>\n", fact->value);
}

static void write_own_value(const struct page *p, const struct check *check, const struct device *d, const struct device *record)
{
    const struct check_platform *on = &check->on[d->platform];
    const struct result *result = device_result(d, check->id);
    HTML(p->out, "<dt>On <bdi>{}</bdi></dt>\n<dd>{}", words_device(d), verdict_words(evaluate_now(check, d, result, p->now_s)));
    if (result != NULL) {
        html_raw(p->out, ", ");
        page_ago(p, result->evaluated_s);
        if (!span_empty(result->saw))
            HTML(p->out, ". {}", result->saw);
    }
    html_raw(p->out, "\n");
    write_fact(p, record, arena_format(p->arena, "check:%.*s", SPAN_ARGS(check->id)));
    for (size_t i = 0; i < on->fact_count; i++)
        write_fact(p, record, on->facts[i]);
    html_raw(p->out, "</dd>\n");
}

static void write_question(const struct page *p, const struct check *check, enum platform platform)
{
    const struct check_platform *on = &check->on[platform];
    if (!span_empty(on->osquery))
        HTML(p->out, "<details><summary>The exact question<span class=\"hidden\">: {}</span>, {}</summary><pre tabindex=\"0\"><code>{}</code></pre></details>\n", check->title,
             words_platform(platform), on->osquery);
    for (size_t i = 0; i < on->fact_count; i++)
        HTML(p->out, "<p>A program of your IT team sends <code>{}</code>.</p>\n", on->facts[i]);
}

static bool is_asked_here(const struct page *p, const struct check *check, enum platform platform)
{
    bool has = false;
    for (size_t i = 0; i < p->device_count; i++)
        has = has || p->devices[i]->platform == platform;
    return has && check->on[platform].applies;
}

static void write_check(const struct page *p, const struct check *check, const struct records *records)
{
    HTML(p->out, "<section class=\"item\">\n<h3>{}</h3>\n<p>{}</p>\n<p>Why: {}</p>\n<p>How often: {}, and when you press Check again.</p>\n<dl>\n", check->title, check->collects,
         check->why, words_every(p->arena, check->interval_s));
    for (size_t i = 0; i < p->device_count; i++)
        if (check->on[p->devices[i]->platform].applies)
            write_own_value(p, check, p->devices[i], record_of(records, p->devices[i]));
    html_raw(p->out, "</dl>\n");
    for (enum platform platform = 0; platform < PLATFORM_COUNT; platform++)
        if (is_asked_here(p, check, platform))
            write_question(p, check, platform);
    html_raw(p->out, "</section>\n");
}

static bool concerns(const struct page *p, const struct check *check)
{
    bool any = false;
    for (enum platform platform = 0; platform < PLATFORM_COUNT; platform++)
        any = any || is_asked_here(p, check, platform);
    return any;
}

static void write_checks(const struct page *p, const struct records *records)
{
    size_t others = 0;
    html_raw(p->out, "<section>\n<h2>What we ask your devices</h2>\n");
    if (records->away)
        html_raw(p->out, "<p>The kept values cannot be shown right now. Please try again in a few minutes.</p>\n");
    for (size_t i = 0; p->policy != NULL && i < p->policy->check_count; i++) {
        if (concerns(p, &p->policy->checks[i]))
            write_check(p, &p->policy->checks[i], records);
        else
            others++;
    }
    if (others > 0)
        HTML(p->out, "<p>{} more of our checks are for other kinds of devices. They ask yours nothing.</p>\n", arena_format(p->arena, "%zu", others));
    html_raw(p->out, "</section>\n");
}

/* ---- about the person ---- */

static void write_row(const struct page *p, const char *what, struct span value)
{
    if (!span_empty(value))
        HTML(p->out, "<dt>{}</dt><dd><bdi>{}</bdi></dd>\n", span_of(what), value);
}

static void write_rows(const struct page *p, const char *what, const struct span *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        write_row(p, what, all[i]);
}

static void write_person(const struct page *p)
{
    const struct person *person = p->person;
    html_raw(p->out, "<section>\n<h2>What we know about you</h2>\n<dl>\n");
    write_row(p, "Name", person->name);
    write_rows(p, "Mail address", person->emails, person->email_count);
    write_rows(p, "Other sign-in name", person->aliases, person->alias_count);
    write_rows(p, "Group", person->groups, person->group_count);
    write_row(p, "Slack account", person->slack);
    write_row(p, "Time zone", person->zone);
    write_row(p, "Region", person->region);
    write_row(p, "Language", person->locale);
    write_row(p, "Times away that we were told of, never a reason", arena_format(p->arena, "%zu", person->absence_count));
    write_row(p, "Things you were told to fix", arena_format(p->arena, "%zu", person->told_count));
    write_row(p, "Times you said that something looks wrong", arena_format(p->arena, "%zu", person->dispute_count));
    html_raw(p->out, "</dl>\n</section>\n");
}

/* What its browsers show it by: of a fingerprint or PIN there is nothing to keep. */
static void write_browsers(const struct page *p, const struct device *d)
{
    for (size_t i = 0; i < d->credential_count; i++) {
        const struct credential *c = &d->credentials[i];
        const char *by = c->kind == CREDENTIAL_WEBAUTHN ? "by fingerprint or PIN, of which we have only the public half of a key" : "by a cookie";
        struct span label = span_empty(c->label) ? SPAN_LITERAL("A browser") : c->label, address = span_empty(c->source) ? SPAN_LITERAL("not known") : c->source;
        write_row(p, "Shown in a browser", arena_format(p->arena, "%.*s, %s; made %.*s, last address %.*s", SPAN_ARGS(label), by, SPAN_ARGS(page_time_text(p, c->created_s)), SPAN_ARGS(address)));
    }
}

static void write_device(const struct page *p, const struct device *d)
{
    HTML(p->out, "<h3><bdi>{}</bdi></h3>\n<dl>\n", words_device(d));
    write_row(p, "Model", d->model);
    write_row(p, "Maker", d->vendor);
    write_row(p, "Serial number, last 4", words_serial_end(d));
    write_row(p, "System", arena_format(p->arena, "%.*s %.*s", SPAN_ARGS(d->os_name), SPAN_ARGS(d->os_version)));
    write_row(p, "Agent", arena_format(p->arena, "osquery %.*s", SPAN_ARGS(d->agent_version)));
    write_row(p, "How it became yours", d->owner_source);
    html_raw(p->out, "<dt>Last spoke to us</dt><dd>");
    page_ago(p, d->seen_s);
    html_raw(p->out, "</dd>\n");
    if (d->on_count > 0)
        write_row(p, "Times it was on, to the quarter of an hour, so that the clock runs only then", arena_format(p->arena, "%zu", d->on_count));
    write_browsers(p, d);
    html_raw(p->out, "</dl>\n");
}

static void write_devices(const struct page *p)
{
    html_raw(p->out, "<section>\n<h2>What we know about each device</h2>\n");
    for (size_t i = 0; i < p->device_count; i++)
        write_device(p, p->devices[i]);
    html_raw(p->out, "</section>\n");
}

/* ---- what is not kept, who may see ---- */

static void write_keys(const struct page *p)
{
    static const struct { unsigned scope; const char *words; } rows[] = {
        { SCOPE_ADMIN, "may see everything on this page and change settings" },
        { SCOPE_POSTURE, "may read the results of your devices" },
        { SCOPE_EVENTS, "may read the log of changes and sign-ins" },
        { SCOPE_DECIDE, "may ask whether an app opens for you, and get the reason" },
        { SCOPE_LOGIN | SCOPE_HOOKS, "belong to the sign-in, which learns whether you may go on" },
        { SCOPE_FACTS, "may send values in for the checks above" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t count = 0;
        for (size_t k = 0; k < p->control->api_key_count; k++) {
            const struct api_key *key = &p->control->api_keys[k];
            count += !key->revoked && (key->expires_s == 0 || key->expires_s > p->now_s) && (key->scopes & rows[i].scope) != 0;
        }
        HTML(p->out, "<li>{}: {} {}.</li>\n", count == 1 ? SPAN_LITERAL("1 key") : arena_format(p->arena, "%zu keys", count), count == 1 ? SPAN_LITERAL("it") : SPAN_LITERAL("they"),
             span_of(rows[i].words));
    }
}

static void write_limits(const struct page *p)
{
    html_raw(p->out, "<section>\n<h2>What is not kept</h2>\n<p>An answer that no check above names is thrown away before it is stored. Of each answer only the named values are kept. "
                     "We ask for nothing else, and we cannot change, delete or erase anything on your devices.</p>\n"
                     "<h2>How long it is kept</h2>\n<p>Of each check only the newest answer is kept. It goes when the check goes. "
                     "The log of changes and sign-ins is kept for 7 days, or as long as your IT team has set.</p>\n"
                     "<h2>Who can see it</h2>\n<ul>\n<li>You, with your link.</li>\n<li>The people who run this server.</li>\n");
    write_keys(p);
    html_raw(p->out, "</ul>\n<h2>Who is told</h2>\n<p>An app that you open learns whether you may go on, a short reason, and which checks are to fix.");
    if (p->r->node->options.slack)
        html_raw(p->out, " Slack carries our messages to you: what is to fix and on which device.");
    html_raw(p->out, "</p>\n</section>\n");
}

static void write_data(struct http_request *r, struct page *p, const struct records *records)
{
    page_begin(p, 200, &(struct page_head){ .title = SPAN_LITERAL("What is collected, and why") });
    html_raw(p->out, "<h1>What is collected, and why</h1>\n<p class=\"lead\">This page is made from the rules that are in force now, and from your own records.</p>\n");
    write_checks(p, records);
    write_limits(p);
    write_person(p);
    write_devices(p);
    HTML(p->out, "<section class=\"small\"><p><a href=\"../{}\">Back to your devices</a></p></section>\n", r->params[0]);
    page_end(p);
}

static bool device_ids(struct http_request *r, struct http_response *res, struct span ids[RECORDS], size_t *count)
{
    struct page p;
    directory_enter(r->node->directory);
    bool open = me_open(r, res, &p);
    for (size_t i = 0; open && i < p.device_count && i < RECORDS; i++)
        ids[(*count)++] = arena_copy(r->arena, p.devices[i]->id);
    directory_leave(r->node->directory);
    return open;
}

void me_data(struct http_request *r, struct http_response *res)
{
    struct records records = { 0 };
    struct span ids[RECORDS];
    struct page p;
    size_t count = 0;
    if (!device_ids(r, res, ids, &count))
        return;
    load_records(r, ids, count, &records); /* blocks: not while the directory is held */
    directory_enter(r->node->directory);
    if (me_open(r, res, &p))
        write_data(r, &p, &records);
    directory_leave(r->node->directory);
    free_records(&records);
}
