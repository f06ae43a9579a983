/* The world of the year: its policies, its holidays, the node, the log file. */
#include "tests/simulation/year.h"

#include "gateway/holidays.h"
#include "gateway/people.h"
#include "gateway/publish.h"

#include <openssl/rand.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 4 * 1024 * 1024, SETTLE_MOST = 12, POLICY_BYTES = 16 * 1024 };

const char *const year_check_ids[YEAR_CHECKS] = { "disk-encryption", "firewall", "os-update", "password-set", "screen-lock" };

void year_must(bool well, const char *what, const struct err *err)
{
    if (well)
        return;
    fprintf(stderr, "year: %s: %s\n", what, err == NULL ? "" : err->text);
    abort();
}

/* ---- chance ---- */

static uint64_t next_of(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

static uint64_t next_random(struct year *y) { return next_of(&y->random); }

static _Atomic uint64_t ids = 1;

/* libcrypto's, of which ids and salts are made, stands behind this one in this program: the same seed is the same year, to the letter. */
int RAND_bytes(unsigned char *out, int bytes)
{
    uint64_t random = ids;
    for (int i = 0; i < bytes; i++)
        out[i] = (unsigned char)(next_of(&random) >> 32);
    ids = random;
    return 1;
}

bool year_chance(struct year *y, double probability) { return (double)(next_random(y) >> 11) / 9007199254740992.0 < probability; }
unsigned year_below(struct year *y, unsigned n) { return (unsigned)(next_random(y) % n); }

/* ---- policies ---- */

/* What the three changes of the year turn: how soon high closes, how bad an old system is, and a grace and a cap of the rises. */
static const struct { const char *sensitive_after, *all_after, *update_severity, *absence_grace; } policies[] = {
    { "10d", "20d", "high", "24h" },   /* at the start */
    { "7d", "14d", "high", "24h" },    /* stricter, in spring */
    { "7d", "14d", "normal", "24h" },  /* after the system's release broke half of the laptops */
    { "5d", "12d", "normal", "48h" },  /* stricter, and kinder to those who come back */
};

static void write_policy(unsigned number, char text[POLICY_BYTES])
{
    snprintf(text, POLICY_BYTES,
        "policy: acme\n"
        "sensitivities: [everyday, sensitive, critical]\n"
        "apps:\n"
        "  - { id: payroll, title: Payroll, sensitivity: critical }\n"
        "  - { id: code, title: Source code, sensitivity: sensitive }\n"
        "  - { id: wiki, title: Wiki, sensitivity: everyday }\n"
        "  - { id: chat, title: Chat, sensitivity: everyday, repair: true }\n"
        "checks:\n"
        "  - { id: disk-encryption, severity: high, osquery: { macos: 'SELECT ok FROM a', windows: 'SELECT ok FROM a', linux: 'SELECT ok FROM a' }, pass: 'rows > 0', interval: 1h, fresh_for: 30d }\n"
        "  - { id: firewall, severity: normal, osquery: { macos: 'SELECT ok FROM b', windows: 'SELECT ok FROM b', linux: 'SELECT ok FROM b' }, pass: 'rows > 0', interval: 1h, fresh_for: 30d }\n"
        "  - { id: os-update, severity: %s, osquery: { macos: 'SELECT ok FROM c', windows: 'SELECT ok FROM c', linux: 'SELECT ok FROM c' }, pass: 'rows > 0', interval: 1h, fresh_for: 30d }\n"
        "  - { id: password-set, severity: urgent, osquery: { macos: 'SELECT ok FROM d', windows: 'SELECT ok FROM d', linux: 'SELECT ok FROM d' }, pass: 'rows > 0', interval: 1h, fresh_for: 30d }\n"
        "  - { id: screen-lock, severity: normal, osquery: { macos: 'SELECT ok FROM e', windows: 'SELECT ok FROM e', linux: 'SELECT ok FROM e' }, pass: 'rows > 0', interval: 1h, fresh_for: 6d }\n"
        "ladders:\n"
        "  - id: urgent\n"
        "    applies_to: { severity: [urgent], groups: [everyone] }\n"
        "    rungs: [{ id: urgent-notice, after: 0d, nudge: true }, { id: urgent-closed, after: 2d, close: [sensitive, critical] }]\n"
        "    clock: { pauses: [absence, holiday, device_off, dispute, incident, store_outage] }\n"
        "    notices_before_close: 1\n"
        "    rise: { notice_before: 24h, working_hours: true, per_day: 1 }\n"
        "  - id: default\n"
        "    applies_to: { severity: [minor, normal, high], groups: [everyone] }\n"
        "    rungs:\n"
        "      - { id: notice, after: 0d, nudge: true }\n"
        "      - { id: warn, after: 3d, login: warn }\n"
        "      - { id: sensitive, after: %s, close: [sensitive, critical] }\n"
        "      - { id: all, after: %s, close: [everyday, sensitive, critical], end_sessions: true }\n"
        "    clock: { pauses: [absence, holiday, device_off, dispute, incident, store_outage] }\n"
        "    notices_before_close: 2\n"
        "    rise: { notice_before: 24h, working_hours: true, per_day: 1 }\n"
        "    snooze: { times: 1, length: 1d, per: 7d }\n"
        "    continue_once: { times: 1, length: 8h, per: 7d }\n"
        "visible_after: { reads: 2, apart: 10m }\n"
        "grace: { new_device: 48h, after_absence: %s }\n"
        "nudges: { per_person: 1/1d, apart: 16h, hours: \"10:00-16:00\", days: [mon, tue, wed, thu, fri], channels: [slack], zone: UTC }\n"
        "breaker: { share: 5%%, at_least: 20, within: 1h }\n",
        policies[number].update_severity, policies[number].sensitive_after, policies[number].all_after, policies[number].absence_grace);
}

void year_publish(struct year *y, unsigned number)
{
    char text[POLICY_BYTES], version[65];
    struct mistakes mistakes;
    struct err err = { 0 };
    CLEANUP(buf_done) struct buf printed;
    buf_init(&printed, 1024 * 1024);
    write_policy(number, text);
    mistakes_init(&mistakes);
    const struct publication what = { .text = span_of(text), .file = SPAN_LITERAL("policy"), .by = SPAN_LITERAL("admin:policy"), .whole = true };
    enum err_code code = publish_policy(&y->story.node, y->story.store, &what, &mistakes, version, &err);
    if (code != OK && mistakes_print(&mistakes, &printed))
        fprintf(stderr, "%s", buf_text(&printed));
    mistakes_done(&mistakes);
    year_must(code == OK, "publishing a policy", &err);
    y->policy = number;
}

/* ---- holidays ---- */

static void publish_holidays(struct year *y)
{
    static const struct holiday all[] = {
        { SPAN_LITERAL("AU"), 20270126, SPAN_LITERAL("Australia Day") },   { SPAN_LITERAL("AU"), 20270426, SPAN_LITERAL("Anzac Day") },
        { SPAN_LITERAL("DE"), 20261225, SPAN_LITERAL("Christmas") },       { SPAN_LITERAL("DE"), 20270101, SPAN_LITERAL("New Year") },
        { SPAN_LITERAL("DE"), 20270326, SPAN_LITERAL("Good Friday") },     { SPAN_LITERAL("DE"), 20270329, SPAN_LITERAL("Easter Monday") },
        { SPAN_LITERAL("DE"), 20270506, SPAN_LITERAL("Ascension Day") },   { SPAN_LITERAL("DE"), 20270517, SPAN_LITERAL("Whit Monday") },
        { SPAN_LITERAL("DE-BY"), 20270106, SPAN_LITERAL("Epiphany") },     { SPAN_LITERAL("JP"), 20261231, SPAN_LITERAL("Year end") },
        { SPAN_LITERAL("JP"), 20270101, SPAN_LITERAL("New Year") },        { SPAN_LITERAL("JP"), 20270429, SPAN_LITERAL("Showa Day") },
        { SPAN_LITERAL("JP"), 20270503, SPAN_LITERAL("Constitution Day") },{ SPAN_LITERAL("JP"), 20270504, SPAN_LITERAL("Greenery Day") },
        { SPAN_LITERAL("JP"), 20270505, SPAN_LITERAL("Children's Day") },  { SPAN_LITERAL("US"), 20261225, SPAN_LITERAL("Christmas") },
        { SPAN_LITERAL("US"), 20270101, SPAN_LITERAL("New Year") },        { SPAN_LITERAL("US"), 20270705, SPAN_LITERAL("Independence Day") },
        { SPAN_LITERAL("US"), 20270906, SPAN_LITERAL("Labor Day") },       { SPAN_LITERAL("US"), 20271125, SPAN_LITERAL("Thanksgiving") },
    };
    struct holidays_order order = { .list = { all, sizeof all / sizeof all[0] }, .by = SPAN_LITERAL("admin:hr") };
    struct err err = { 0 };
    bool kept = false;
    year_must(holidays_publish(&y->story.node, y->story.store, &order, &kept, &err) == OK, "publishing the holidays", &err);
}

/* ---- the log file ---- */

static bool has_state(const struct log_entry *e)
{
    static const char *const control[] = { "policy", "clock", "holidays", "exemptions" };
    if (span_equal_text(e->event.type, "person.created"))
        return true;
    for (size_t i = 0; e->record.kind == RECORD_CONTROL && i < sizeof control / sizeof control[0]; i++)
        if (span_equal_text(e->record.id, control[i]))
            return true;
    return false;
}

static void note_notice(struct year *y, const struct event *e)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct span notice = SPAN_NONE;
    struct err err;
    if (!span_equal_text(e->type, "notice.reserved") || from_json_parse(e->data, (struct from_json_limits){ EVENT_DATA_BYTES, 8 }, "data", &doc, &err) != OK)
        return;
    struct from_json_value root = from_json_root(doc), v = from_json_member(&root, "notice");
    year_must(y->notice_count < YEAR_QUEUE && from_json_text(&v, 31, &notice, &err) == OK, "a reserved notice", &err);
    struct year_notice *n = &y->notices[y->notice_count++];
    *n = (struct year_notice){ .item = { .first_ms = e->at_ms } };
    snprintf(n->id, sizeof n->id, "%.*s", SPAN_ARGS(notice));
    snprintf(n->person, sizeof n->person, "%.*s", SPAN_ARGS(e->person));
}

/* {"event":{...}} and, where the event alone does not say enough, the record's "state". Nothing that only the company knows. */
static bool dump_entry(void *context, const struct log_entry *e)
{
    struct year *y = context;
    CLEANUP(buf_done) struct buf line;
    struct to_json w;
    buf_init(&line, LINE_BYTES);
    to_json_init(&w, &line);
    to_json_object(&w);
    to_json_key(&w, "event");
    event_to_json(&e->event, &w);
    if (!span_empty(e->record.body) && has_state(e)) {
        to_json_key(&w, "state");
        to_json_raw(&w, e->record.body);
    }
    to_json_end(&w);
    year_must(!line.failed && fprintf(y->out, "%.*s\n", SPAN_ARGS(buf_span(&line))) > 0, "writing the log", NULL);
    y->did.events++;
    note_notice(y, &e->event);
    return true;
}

static void dump(struct year *y)
{
    struct err err = { 0 };
    year_must(y->tail->ops->log_read(y->tail, y->dumped, 1000000, 0, dump_entry, y, &err) == OK, "reading the log", &err);
}

/* As the node's threads would: what is committed reaches the directory, and the ladder looks, until nothing more follows from it. */
void year_settle(struct year *y)
{
    size_t before = SIZE_MAX;
    if (y->store_away) {
        effects_round(y->story.effects);
        return;
    }
    for (int i = 0; i < SETTLE_MOST; i++) {
        story_feed(&y->story);
        size_t now = fake_store_event_count(y->story.server, NULL);
        if (now == before)
            break;
        before = now;
        effects_round(y->story.effects);
    }
    dump(y);
}

/* ---- people ---- */

static void import_person(struct year *y, unsigned number)
{
    static const struct { const char *zone, *region; unsigned share; } places[] = {
        { "Europe/Berlin", "DE", 25 }, { "Europe/Berlin", "DE-BY", 15 }, { "America/New_York", "US", 30 }, { "Asia/Tokyo", "JP", 20 }, { "Australia/Sydney", "AU", 10 } };
    struct year_person *p = &y->people[number];
    struct person_outcome outcome;
    struct err err = { 0 };
    char email[64];
    unsigned at = number % 100, place = 0;
    while (at >= places[place].share)
        at -= places[place++].share;
    *p = (struct year_person){ .zone = places[place].zone, .region = places[place].region };
    unsigned mood = year_below(y, 100);
    p->mood = mood < 30 ? MOOD_EAGER : mood < 75 ? MOOD_NORMAL : mood < 95 ? MOOD_SLOW : MOOD_STUBBORN;
    snprintf(email, sizeof email, "person%u@acme.example", number);
    struct person_input in = { .zone = span_of(p->zone), .region = span_of(p->region), .slack = span_of(email), .has_zone = true, .has_region = true, .has_slack = true, .emails = { span_of(email) }, .email_count = 1 };
    year_must(people_import(&y->story.node, y->story.store, &in, SPAN_LITERAL("admin:hr"), &outcome, &err) == OK, "importing a person", &err);
    memcpy(p->id, outcome.id, sizeof p->id);
}

/* ---- start and end ---- */

void year_start(struct year *y, const struct year_options *options)
{
    char text[POLICY_BYTES];
    struct err err = { 0 };
    *y = (struct year){ .options = *options, .random = options->seed * 2654435761u + 88172645463325252u };
    ids = y->random;
    year_must(options->people <= YEAR_PEOPLE_MOST && options->devices <= YEAR_DEVICES_MOST, "too many people or devices", NULL);
    y->out = fopen(options->log, "w");
    year_must(y->out != NULL, "opening the log file", NULL);
    write_policy(0, text);
    story_start(&y->story, text);
    y->start_s = y->now_s = y->story.now_ms / 1000 / 86400 * 86400;
    y->story.now_ms = y->now_s * 1000;
    year_must(fake_store_open(y->story.server, &y->tail, &err) == OK, "opening the store", &err);
    for (size_t i = 0; i <= STORY_PARTITIONS; i++)
        y->dumped[i] = (struct log_position){ "0-0" };
    if (options->archive != NULL) {
        story_signing_keys(&y->story);
        y->archive = (struct archive_options){ .folder = span_of(options->archive), .pack = true };
        y->effects.archive = &y->archive;
    }
    story_effects(&y->story, &y->effects);
    publish_holidays(y);
    year_publish(y, 0);
    story_feed(&y->story);
    for (unsigned i = 0; i < options->people; i++)
        import_person(y, i);
    for (unsigned i = 0; i < options->devices; i++)
        y->devices[i].person = i < options->people ? i : (i - options->people) * 2 % options->people;
    story_feed(&y->story);
    dump(y);
}

void year_end(struct year *y)
{
    y->tail->ops->free(y->tail);
    story_end(&y->story);
    year_must(fclose(y->out) == 0, "closing the log file", NULL);
}
