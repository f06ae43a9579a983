#include "gateway/onboarding/welcome.h"

#include "gateway/agents.h"
#include "gateway/allowance.h"
#include "gateway/onboarding/onboard.h"
#include "gateway/pages/link.h"
#include "gateway/pages/words.h"

enum { SCRIPT_BYTES = 64 * 1024, SECRET_BYTES = 2048 };
static const struct allowance_limit links = { 6, 3600 };

/* ---- whose page ---- */

static bool open_page(struct http_request *r, struct http_response *res, enum link_kind kind, struct page *p, int64_t *expires_s)
{
    struct span id = SPAN_NONE;
    struct err err = { .code = ERR_DENIED };
    const struct directory *d = r->node->directory;
    enum err_code code = link_open_person(r->node, kind, r->params[0], r->now_s, r->arena, &id, expires_s, &err);
    const struct person *person = code == OK ? directory_person(d, id) : NULL;
    if (code == OK && person == NULL && !directory_counts(d).complete)
        problem_status_answer(r, res, PROBLEM_PAGE, 503, "the directory is loading");
    else if (person == NULL || person->removed)
        page_refuse_link(r, res, code == OK ? ERR_DENIED : code);
    else
        page_init(p, r, res, person);
    return person != NULL && !person->removed;
}

static bool open_form(struct http_request *r, struct http_response *res, struct span *person)
{
    struct page p;
    int64_t expires_s = 0;
    if (!page_same_site(r, res))
        return false;
    directory_enter(r->node->directory);
    bool open = open_page(r, res, LINK_WELCOME, &p, &expires_s);
    if (open)
        *person = arena_copy(r->arena, p.person->id);
    directory_leave(r->node->directory);
    return open;
}

/* ---- devices that look like theirs ---- */

static void write_candidate(const struct page *p, const struct device *d)
{
    HTML(p->out, "<div class=\"card\"><p class=\"device\"><bdi>{}</bdi>", words_device(d));
    if (!span_empty(d->model))
        HTML(p->out, ", <bdi>{}</bdi>", d->model);
    if (!span_empty(words_serial_end(d)))
        HTML(p->out, ", serial number ends in <span class=\"serial\">{}</span>", words_serial_end(d));
    html_raw(p->out, "</p>\n<div class=\"actions\">");
    HTML(p->out, "<form method=\"post\" action=\"{}/mine\"><input type=\"hidden\" name=\"device\" value=\"{}\"><button>Yes, it is mine<span class=\"hidden\">: {}</span></button></form>", p->r->params[0], d->id,
         words_device(d));
    HTML(p->out, "<form method=\"post\" action=\"{}/not-mine\"><input type=\"hidden\" name=\"device\" value=\"{}\"><button class=\"quiet\">Not mine<span class=\"hidden\">: {}</span></button></form></div></div>\n",
         p->r->params[0], d->id, words_device(d));
}

static void write_candidates(const struct page *p, const struct device *const *found, size_t count)
{
    if (count == 0)
        return;
    html_raw(p->out, count == 1 ? "<h2>We found a device that looks like yours</h2>\n<p>Nobody has it yet. Is it yours?</p>\n"
                                : "<h2>We found devices that look like yours</h2>\n<p>Nobody has them yet. Which are yours?</p>\n");
    for (size_t i = 0; i < count; i++)
        write_candidate(p, found[i]);
}

/* ---- the first page ---- */

static void write_devices(const struct page *p)
{
    if (p->device_count == 0)
        return;
    html_raw(p->out, "<h2>Your devices</h2>\n<ul>\n");
    for (size_t i = 0; i < p->device_count; i++)
        HTML(p->out, "<li><bdi>{}</bdi></li>\n", words_device(p->devices[i]));
    html_raw(p->out, "</ul>\n");
    struct span me = page_me_link(p, p->now_s + LINK_ME_LIFETIME_S);
    if (!span_empty(me))
        HTML(p->out, "<p><a href=\"{}\">See your first report</a></p>\n", me);
}

static void write_promise(const struct page *p)
{
    html_raw(p->out, "<h2>What it does</h2>\n<ul>\n<li>It looks at settings that keep your work and your own things safe.</li>\n"
                     "<li>When something is to fix, it tells you what, why and how. It writes at most once a day.</li>\n"
                     "<li>It measures again when you say that you fixed it.</li>\n</ul>\n");
    struct span me = page_me_link(p, p->now_s + LINK_ME_LIFETIME_S);
    if (!span_empty(me))
        HTML(p->out, "<p><a href=\"{}/data\">What is collected, and who can see it</a></p>\n", me);
}

static void write_welcome(struct page *p, const struct device *const *found, size_t count, int64_t expires_s)
{
    bool good = false;
    struct span said = page_said(p->r, &good);
    page_begin(p, 200, &(struct page_head){ .title = SPAN_LITERAL("Welcome"), .status = said, .good = good });
    if (span_empty(p->person->name))
        html_raw(p->out, "<h1>Welcome</h1>\n");
    else
        HTML(p->out, "<h1>Welcome, <bdi>{}</bdi></h1>\n", p->person->name);
    html_raw(p->out, "<p class=\"lead\">Postern looks after the health of the devices you work with.</p>\n");
    write_candidates(p, found, count);
    write_devices(p);
    html_raw(p->out, p->device_count == 0 ? "<h2>Set up your device</h2>\n" : "<h2>Set up another device</h2>\n");
    HTML(p->out, "<p>It takes about 5 minutes and needs an admin password. Do it on the device itself.</p>\n"
                 "<div class=\"actions\"><form method=\"post\" action=\"{}/link\"><button>Show me how</button></form></div>\n", p->r->params[0]);
    write_promise(p);
    html_raw(p->out, "<p>Questions? Talk to a person: ");
    page_contact(p);
    html_raw(p->out, "</p>\n<p class=\"small\">This page is yours alone. Its link works until ");
    page_time(p, expires_s);
    html_raw(p->out, ".</p>\n");
    page_end(p);
}

void welcome_get(struct http_request *r, struct http_response *res)
{
    const struct device *offered[ONBOARD_DEVICES_MOST];
    struct page p;
    int64_t expires_s = 0;
    directory_enter(r->node->directory);
    if (open_page(r, res, LINK_WELCOME, &p, &expires_s)) {
        size_t count = onboard_offers(r->node, r->store, p.person, offered);
        write_welcome(&p, offered, count, expires_s);
    }
    directory_leave(r->node->directory);
}

/* ---- its buttons ---- */

void welcome_link(struct http_request *r, struct http_response *res)
{
    struct span person = SPAN_NONE;
    struct err err;
    CLEANUP(buf_done) struct buf url;
    buf_init(&url, LINK_URL_BYTES);
    if (!open_form(r, res, &person))
        return;
    if (!allowance_take(r->node->allowances, 'w', person, links, r->now_s)) {
        page_see_other(r, res, "said", SPAN_LITERAL("slow_down"));
        return;
    }
    enum err_code code = link_person(r->node, LINK_INSTALL, person, r->now_s + LINK_INSTALL_LIFETIME_S, &url, &err);
    if (code == OK)
        code = onboard_linked(r->node, r->store, person, &err);
    if (code != OK)
        problem_answer(r, res, PROBLEM_PAGE, &err);
    else
        response_redirect(res, 303, arena_copy(r->arena, buf_span(&url)));
}

static void say_answer(struct http_request *r, struct http_response *res, enum err_code code, enum onboard_said said, const char *done)
{
    const char *words = code != OK ? "away" : said == ONBOARD_SLOW_DOWN ? "slow_down" : said == ONBOARD_GONE ? "gone" : done;
    page_see_other(r, res, "said", span_of(words));
}

void welcome_mine(struct http_request *r, struct http_response *res)
{
    struct span person = SPAN_NONE;
    struct err err;
    enum onboard_said said = ONBOARD_GONE;
    if (!open_form(r, res, &person))
        return;
    enum err_code code = onboard_claim(r->node, r->store, person, page_field(r, "device"), arena_format(r->arena, "person:%.*s", SPAN_ARGS(person)), &said, &err);
    say_answer(r, res, code, said, "claimed");
}

void welcome_not_mine(struct http_request *r, struct http_response *res)
{
    struct span person = SPAN_NONE;
    struct err err;
    enum onboard_said said = ONBOARD_DONE;
    if (!open_form(r, res, &person))
        return;
    enum err_code code = onboard_decline(r->node, r->store, person, page_field(r, "device"), &said, &err);
    say_answer(r, res, code, ONBOARD_DONE, "released"); /* what is not offered any more is not theirs either */
}

/* ---- the way to the agent ---- */

struct place { const char *name, *agent, *folder, *package; bool windows; };
static const struct place places[] = {
    { "macOS", "Mac OS X", "/private/var/osquery", "the macOS package", false },
    { "Windows", "Windows", "C:\\Program Files\\osquery", "the Windows package", true },
    { "Linux", "Linux", "/etc/osquery", "the package for your system", false },
};
struct kit { struct span secret, flags, certificate; };

/* The same flags, with the two paths that point into the folder, and without the remarks, which are for admins. */
static void write_flags(const struct place *at, struct span flags, struct buf *out)
{
    static const struct { const char *flag, *file; } rows[] = { { "--tls_server_certs=", "posture-ca.pem" }, { "--enroll_secret_path=", "enroll_secret" } };
    struct span line;
    while (span_cut(&flags, '\n', &line)) {
        const char *file = NULL;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            if (span_starts(line, span_of(rows[i].flag))) {
                file = rows[i].file;
                buf_format(out, "%s%s%s%s\n", rows[i].flag, at->folder, at->windows ? "\\" : "/", file);
            }
        if (file == NULL && !span_empty(line) && !span_starts(line, SPAN_LITERAL("#")))
            buf_format(out, "%.*s\n", SPAN_ARGS(line));
    }
}

static void write_file(const struct place *at, const char *file, struct span content, struct buf *out)
{
    struct span line = span_trim(content);
    if (at->windows)
        buf_format(out, "Set-Content -Encoding ascii -Path \"%s\\%s\" -Value @'\n%.*s\n'@\n", at->folder, file, SPAN_ARGS(line));
    else
        buf_format(out, "cat >%s/%s <<'END'\n%.*s\nEND\n", at->folder, file, SPAN_ARGS(line));
}

/* The secret's file is there, closed to others, before the secret is in it. Groups by their numbers: their names are translated. */
static void write_closed_file(const struct place *at, struct buf *out)
{
    if (at->windows)
        buf_format(out, "New-Item -ItemType Directory -Force -Path \"%s\" | Out-Null\nNew-Item -ItemType File -Force -Path \"%s\\enroll_secret\" | Out-Null\n"
                        "icacls \"%s\\enroll_secret\" /inheritance:r /grant:r \"*S-1-5-18:F\" \"*S-1-5-32-544:F\"\n", at->folder, at->folder, at->folder);
    else
        buf_format(out, "mkdir -p %s\ninstall -m 600 /dev/null %s/enroll_secret\n", at->folder, at->folder);
}

/* The agent reads its files only when it starts, and may run already. */
static void write_start(const struct place *at, struct buf *out)
{
    static const char osqueryctl[] = "/opt/osquery/lib/osquery.app/Contents/Resources/osqueryctl";
    if (at->windows)
        buf_append_text(out, "Restart-Service osqueryd\n");
    else if (span_equal_text(span_of(at->name), "macOS"))
        buf_format(out, "%s stop >/dev/null 2>&1 || true\n%s start\n", osqueryctl, osqueryctl);
    else
        buf_append_text(out, "systemctl enable osqueryd\nsystemctl restart osqueryd\n");
}

/* Elsewhere than on Windows it is one command: a terminal that gives pasted lines one by one would hand the second to the question for the password. */
static void write_script(const struct place *at, const struct kit *kit, struct buf *out)
{
    CLEANUP(buf_done) struct buf flags;
    buf_init(&flags, SCRIPT_BYTES);
    write_flags(at, kit->flags, &flags);
    buf_append_text(out, at->windows ? "" : "sudo sh -e <<'POSTERN'\n");
    write_closed_file(at, out);
    write_file(at, "enroll_secret", kit->secret, out);
    write_file(at, "osquery.flags", buf_span(&flags), out);
    write_file(at, "posture-ca.pem", kit->certificate, out);
    write_start(at, out);
    buf_append_text(out, at->windows ? "" : "POSTERN\n");
}

static void write_lines(struct buf *out, struct span text)
{
    struct span line;
    while (span_cut(&text, '\n', &line)) {
        html_text(out, line);
        html_raw(out, text.at != NULL ? "\n" : "");
    }
}

static void write_place(const struct page *p, const struct place *at, const struct kit *kit, bool open)
{
    CLEANUP(buf_done) struct buf script;
    buf_init(&script, SCRIPT_BYTES);
    write_script(at, kit, &script);
    p->out->failed = p->out->failed || script.failed;
    html_raw(p->out, open ? "<details open>" : "<details>");
    HTML(p->out, "<summary>{}</summary>\n<ol>\n", span_of(at->name));
    HTML(p->out, "<li>Get <a href=\"https://osquery.io/downloads\">osquery</a>: {}. Install it.</li>\n", span_of(at->package));
    html_raw(p->out, at->windows ? "<li>Open PowerShell. Choose to run it as an admin.</li>\n" : "<li>Open a terminal.</li>\n");
    html_raw(p->out, "<li>Copy these lines, paste them there, and press Enter.\n<pre><code>");
    write_lines(p->out, buf_span(&script));
    html_raw(p->out, "</code></pre></li>\n<li>Wait a minute. Then your device is on your page.</li>\n</ol>\n</details>\n");
}

static bool is_here(const struct http_request *r, const struct place *at)
{
    struct span agent = request_header(r, "User-Agent");
    return span_search(agent, span_of(at->agent)) < agent.bytes;
}

static void write_install(struct page *p, const struct kit *kit)
{
    bool known = false;
    page_begin(p, 200, &(struct page_head){ .title = SPAN_LITERAL("Set up this device") });
    html_raw(p->out, "<h1>Set up this device</h1>\n<p class=\"lead\">A small program called osquery answers our questions about settings. About 5 minutes. No restart. Needs an admin password.</p>\n");
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        known = known || is_here(p->r, &places[i]);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        write_place(p, &places[i], kit, is_here(p->r, &places[i]) || !known);
    html_raw(p->out, "<p>The lines hold a secret that is yours. Do not share them. It works for 24 hours, and what is set up with it belongs to you.</p>\n"
                     "<p>Did the link to this page end? Open your first page again and press the button for a new one.</p>\n");
    struct span me = page_me_link(p, p->now_s + LINK_ME_LIFETIME_S);
    if (!span_empty(me))
        HTML(p->out, "<p><a href=\"{}\">Go to your page</a></p>\n", me);
    page_end(p);
}

enum route_result install_get(struct http_request *r, struct http_response *res)
{
    CLEANUP(buf_done) struct buf secret, flags;
    struct page p;
    struct err err;
    int64_t expires_s = 0;
    buf_init(&secret, SECRET_BYTES);
    buf_init(&flags, SCRIPT_BYTES);
    directory_enter(r->node->directory);
    if (open_page(r, res, LINK_INSTALL, &p, &expires_s)) {
        enum err_code code = onboard_secret_write(r->node, p.person->id, r->now_s + ONBOARD_SECRET_LIFETIME_S, &secret, &err);
        if (code == OK && !agents_flags_text(r->node, &flags))
            code = err_set(&err, ERR_MEMORY, "the flags of an agent");
        if (code == OK)
            write_install(&p, &(struct kit){ buf_span(&secret), buf_span(&flags), r->node->options.certificate_pem });
        else
            problem_answer(r, res, PROBLEM_PAGE, &err);
    }
    directory_leave(r->node->directory);
    return ROUTE_DONE;
}
