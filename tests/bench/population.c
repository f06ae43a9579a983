#include "tests/bench/population.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_S = 86400, HOUR_S = 3600 };

static const struct { const char *id, *version, *rows, *saw; } checks[POPULATION_RESULTS] = {
    { "antivirus", "2b1aa7e2", "[{\"center\":\"Good\",\"products_on\":\"1\"}]", "Windows rates the protection as Poor." },
    { "automatic-login-off", "3d79c82d", "[{\"automatic\":\"0\"}]", "Somebody is logged in without a password when it starts." },
    { "automatic-updates", "c4e83441", "[{\"center\":\"Good\",\"forbidden\":\"0\"}]", "Updates are not installed by themselves." },
    { "backup-recent", "71c06b1f", "[{\"newest_s\":\"1795900000\"}]", "The newest backup is 41 days old." },
    { "bluetooth-sharing-off", "09c1d6aa", "[{\"sharing\":\"0\"}]", "Bluetooth sharing is on." },
    { "browser-updated", "8a1c7be2", "[{\"browser\":\"Chrome\",\"version\":\"155.0.7791.42\"},{\"browser\":\"Edge\",\"version\":\"155.0.3900.21\"}]", "Chrome is at version 151.0.7204.92." },
    { "databases-not-exposed", "3b0dd64c", "[]", "Port 5432 answers to everyone." },
    { "disk-encryption", "8eb01aa1", "[{\"conversion_status\":\"1\",\"percentage_encrypted\":\"100\",\"protection_status\":\"1\"}]", "The disk is not encrypted." },
    { "firewall", "5562d43a", "[{\"center\":\"Good\",\"profiles_on\":\"3\"}]", "Windows rates the firewall as Poor. It is on for 0 of 3 networks." },
    { "gatekeeper", "4b57ad34", "[{\"assessments_enabled\":\"1\"}]", "Programs from anywhere may run." },
    { "guest-account-off", "ad01be77", "[{\"guest\":\"0\"}]", "The guest account is on." },
    { "malware-definitions", "6d3a8801", "[{\"age_days\":\"0\"}]", "The definitions are 12 days old." },
    { "no-empty-passwords", "770a77dd", "[{\"accounts\":\"2\",\"open_accounts\":\"0\"}]", "1 of 2 accounts has no password." },
    { "os-updates", "b9095caf", "[{\"build\":\"26200\",\"long_term\":\"0\",\"name\":\"Microsoft Windows 11 Pro\",\"revision\":\"9400\"}]", "It is at build 22631." },
    { "remote-login", "a6a9a651", "[{\"open_ports\":\"0\",\"switch_on\":\"0\"}]", "Anybody may log in from outside: port 22 is open." },
    { "restart-not-pending", "eaf0c466", "[{\"pending\":\"0\"}]", "An update waits for a restart." },
    { "screen-lock", "6bdf41b7", "[{\"limit_s\":\"600\",\"saver_s\":\"600\",\"savers\":\"1\",\"savers_lock\":\"1\"}]", "The screen stays open for 30 minutes." },
    { "secure-boot", "1f6be203", "[{\"secure_boot\":\"1\"}]", "Secure boot is off." },
    { "ssh-keys-encrypted", "9b9e73e5", "[{\"total\":\"1\",\"unencrypted\":\"0\"}]", "1 of 1 keys has no passphrase." },
    { "system-integrity-protection", "0d666116", "[{\"enabled\":\"1\"}]", "System integrity protection is off." },
};

/* splitmix64: number `what` of thing `n`. */
static uint64_t random_of(size_t n, unsigned what)
{
    uint64_t x = (uint64_t)n * 1000003u + what + UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}
static int64_t below(size_t n, unsigned what, unsigned most) { return (int64_t)(random_of(n, what) % most); }

struct population population_of(size_t devices, int64_t now_s) { return (struct population){ devices, devices - devices / 5, now_s }; }
size_t population_owner(const struct population *p, size_t device) { return device < p->persons ? device : (device - p->persons) * 4 % p->persons; }

static void make_id(char prefix, size_t n, char id[POPULATION_ID_BYTES])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    id[0] = prefix;
    id[1] = '_';
    for (unsigned i = 0; i < 26; i++)
        id[2 + i] = letters[random_of(n, (unsigned)(unsigned char)prefix * 64 + i) % 32];
    id[28] = '\0';
}

void population_device_id(size_t n, char id[POPULATION_ID_BYTES]) { make_id('d', n, id); }
void population_person_id(size_t n, char id[POPULATION_ID_BYTES]) { make_id('p', n, id); }
void population_serial(size_t n, char out[16]) { snprintf(out, 16, "C02%09zX", n); }
void population_email(size_t n, char out[64]) { snprintf(out, 64, "first.last%zu@acme.example", n); }

void population_certificate(size_t n, char out[65])
{
    for (unsigned i = 0; i < 4; i++)
        snprintf(out + 16 * i, 17, "%016llx", (unsigned long long)random_of(n, 900 + i));
}

static struct span text(struct arena *a, const char *s) { return arena_copy_text(a, s); }

static void add_identifiers(struct device *d, size_t n, int64_t since_s)
{
    struct identifier *all = arena_array(&d->arena, 4, sizeof *all);
    char serial[16], uuid[40], instance[40], certificate[65];
    uint64_t a = random_of(n, 800), b = random_of(n, 801), c = random_of(n, 802), e = random_of(n, 803);
    population_serial(n, serial);
    population_certificate(n, certificate);
    snprintf(uuid, sizeof uuid, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)a, (unsigned)(a >> 48), (unsigned)(a >> 36 & 0xfff), (unsigned)(b & 0x3fff) | 0x8000, (unsigned long long)b >> 16);
    snprintf(instance, sizeof instance, "%08X-%04X-4%03X-%04X-%012llX", (unsigned)c, (unsigned)(c >> 48), (unsigned)(c >> 36 & 0xfff), (unsigned)(e & 0x3fff) | 0x8000, (unsigned long long)e >> 16);
    const char *const kinds[] = { "serial", "uuid", "instance", "certificate" }, *const values[] = { serial, uuid, instance, certificate };
    d->identifier_count = n % 2 == 0 ? 4 : 3; /* every second one has a client certificate */
    for (size_t i = 0; all != NULL && i < d->identifier_count; i++)
        all[i] = (struct identifier){ text(&d->arena, kinds[i]), text(&d->arena, values[i]), SPAN_LITERAL("osquery"), since_s };
    d->identifiers = all;
    d->serial = all != NULL ? all[0].value : SPAN_NONE;
}

static int64_t asked_s(const struct population *p, size_t n, unsigned check) { return p->now_s - below(n, 20, HOUR_S) - (check % 3 == 0 ? 600 : 0); }

static void add_results(const struct population *p, struct device *d, size_t n)
{
    struct result *results = arena_array(&d->arena, POPULATION_RESULTS, sizeof *results);
    struct fact *facts = arena_array(&d->arena, POPULATION_RESULTS, sizeof *facts);
    bool failing = n % 10 == 7;
    if (results == NULL || facts == NULL)
        exit(1);
    for (unsigned i = 0; i < POPULATION_RESULTS; i++) {
        bool fails = failing && i == random_of(n, 30) % POPULATION_RESULTS;
        int64_t asked = asked_s(p, n, i), since = i % 4 == 0 ? p->now_s - below(n, 40 + i, 90 * DAY_S) : d->enrolled_s + 5;
        char name[64];
        snprintf(name, sizeof name, "check:%s", checks[i].id);
        results[i] = (struct result){ .check = span_of(checks[i].id), .verdict = fails ? VERDICT_FAIL : VERDICT_PASS, .evaluated_s = asked, .changed_s = since, .check_version = span_of(checks[i].version),
                                      .policy = SPAN_LITERAL("3dab12c9e3e7"), .last_passed_s = fails ? since - HOUR_S : asked, .first_failed_s = fails ? since : 0, .visible_s = fails ? since + 600 : 0,
                                      .fail_reads = fails ? 2 : 0, .saw = fails ? span_of(checks[i].saw) : SPAN_NONE };
        facts[i] = (struct fact){ text(&d->arena, name), span_of(checks[i].rows), SPAN_LITERAL("osquery"), span_of(checks[i].version), since, 0 };
    }
    d->results = results;
    d->facts = facts;
    d->result_count = d->fact_count = POPULATION_RESULTS;
}

static void add_on(const struct population *p, struct device *d, size_t n)
{
    struct interval *on = n % 10 == 7 ? arena_array(&d->arena, 5, sizeof *on) : NULL;
    for (unsigned i = 0; on != NULL && i < 5; i++) {
        int64_t start_s = p->now_s - (5 - i) * DAY_S + below(n, 60 + i, 2 * HOUR_S);
        on[d->on_count++] = (struct interval){ start_s, start_s + 8 * HOUR_S + below(n, 70 + i, HOUR_S) };
    }
    d->on = on;
    if (on == NULL)
        return;
    d->rung = SPAN_LITERAL("warn");
    d->rung_s = p->now_s - below(n, 80, 5 * DAY_S);
}

struct device *population_device(const struct population *p, size_t n)
{
    static const struct { enum platform platform; const char *model, *vendor, *os, *version; } models[] = {
        { PLATFORM_WINDOWS, "Latitude 7440", "Dell Inc.", "Microsoft Windows 11 Pro", "10.0.26200" }, { PLATFORM_MACOS, "Mac14,2", "Apple Inc.", "macOS", "27.1" },
        { PLATFORM_LINUX, "20XWS1GP00", "LENOVO", "Ubuntu", "24.04.4 LTS (Noble Numbat)" }, { PLATFORM_MACOS, "MacBookPro18,3", "Apple Inc.", "macOS", "27.0.1" } };
    struct device *d = device_new();
    char id[POPULATION_ID_BYTES], owner[POPULATION_ID_BYTES], name[32];
    if (d == NULL)
        exit(1);
    size_t model = n % (sizeof models / sizeof models[0]);
    population_device_id(n, id);
    population_person_id(population_owner(p, n), owner);
    snprintf(name, sizeof name, "%s-%05zu", platform_name(models[model].platform), n);
    d->id = text(&d->arena, id);
    d->version = 1 + below(n, 1, 40);
    d->platform = models[model].platform;
    d->name = text(&d->arena, name);
    d->model = span_of(models[model].model);
    d->vendor = span_of(models[model].vendor);
    d->os_name = span_of(models[model].os);
    d->os_version = span_of(models[model].version);
    d->agent_version = SPAN_LITERAL("5.23.1");
    d->owner = text(&d->arena, owner);
    d->owner_source = SPAN_LITERAL("claim");
    d->enrolled_s = d->first_seen_s = d->owner_since_s = p->now_s - 100 * DAY_S - below(n, 2, 400 * DAY_S);
    d->node_key_generation = 1;
    d->seen_s = p->now_s - below(n, 3, 2 * HOUR_S);
    add_identifiers(d, n, d->enrolled_s);
    add_results(p, d, n);
    add_on(p, d, n);
    return d;
}

struct person *population_person(const struct population *p, size_t n)
{
    static const char *const zones[] = { "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Europe/London" };
    struct person *out = person_new();
    char id[POPULATION_ID_BYTES], name[64], mail[64], salt[45];
    if (out == NULL)
        exit(1);
    struct span *emails = arena_array(&out->arena, 1, sizeof *emails), *groups = arena_array(&out->arena, 2, sizeof *groups);
    if (emails == NULL || groups == NULL)
        exit(1);
    population_person_id(n, id);
    population_email(n, mail);
    snprintf(name, sizeof name, "First Last %zu", n);
    snprintf(salt, sizeof salt, "%016llx%016llx%012llx", (unsigned long long)random_of(n, 5), (unsigned long long)random_of(n, 6), (unsigned long long)random_of(n, 7) >> 16);
    emails[0] = text(&out->arena, mail);
    groups[0] = SPAN_LITERAL("engineering");
    groups[1] = SPAN_LITERAL("berlin-office");
    out->id = text(&out->arena, id);
    out->version = 1 + below(n, 1, 10);
    out->name = text(&out->arena, name);
    snprintf(name, sizeof name, "U%010llX", (unsigned long long)random_of(n, 8) >> 24);
    out->slack = text(&out->arena, name);
    out->zone = span_of(zones[n % 4]);
    out->emails = emails;
    out->email_count = 1;
    out->groups = groups;
    out->group_count = 2;
    out->archive_salt = text(&out->arena, salt);
    out->created_s = p->now_s - 500 * DAY_S;
    return out;
}

void population_times(const struct population *p, size_t n, struct buf *out)
{
    struct to_json w;
    to_json_init(&w, out);
    to_json_object(&w);
    for (unsigned i = 0; i < POPULATION_RESULTS; i++)
        to_json_member_int(&w, checks[i].id, asked_s(p, n, i));
    to_json_end(&w);
}
