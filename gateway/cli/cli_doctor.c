/* doctor: what the gateway says of itself, and what can be seen from here: does the public address answer, is its certificate good for a
 * while, do the clocks agree. Each line is ok, warn or fail, with what to do about it. */
#include "gateway/cli/doctor.h"

#include "gateway/cli/print.h"
#include "posture/base/clock.h"
#include "posture/base/file.h"

#include <curl/curl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FINDINGS_BYTES = 1024 * 1024, EXPIRY_WARN_DAYS = 21, CLOCK_WARN_S = 5, CLOCK_FAIL_S = 60, STORE_AGE_WARN_MS = 15000, LAG_WARN_MS = 5000, PROBE_S = 10 };
static const struct { const char *word; int colour; } levels[] = { { "ok", 32 }, { "warn", 33 }, { "fail", 31 } };

void doctor_say(struct examination *e, enum doctor_level level, const char *what, const char *fix, const char *format, ...)
{
    char detail[DOCTOR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    e->failed = e->failed || level == DOCTOR_FAIL;
    to_json_object(&e->w);
    to_json_member_text(&e->w, "state", span_of(levels[level].word));
    to_json_member_text(&e->w, "what", span_of(what));
    to_json_member_text(&e->w, "detail", span_of(detail));
    to_json_member_text_if(&e->w, "fix", span_of(fix));
    to_json_end(&e->w);
    if (e->args->json)
        return;
    print_coloured(stdout, levels[level].colour, levels[level].word);
    print_line(stdout, "%*s%s: %s", (int)(6 - strlen(levels[level].word)), "", what, detail);
    if (fix != NULL && fix[0] != '\0')
        print_line(stdout, "      -> %s", fix);
}

/* ---- what the gateway says ---- */

static void examine_store(struct examination *e, const struct from_json_value *status)
{
    struct from_json_value store = from_json_member(status, "store");
    struct span about = json_text(&store, "about");
    int64_t age_ms = json_int(&store, "age_ms", 0), lag_ms = json_int(&store, "lag_ms", 0);
    if (!json_true(&store, "ok"))
        doctor_say(e, DOCTOR_FAIL, "store", "start Redis, or look at its log: writes are refused, decisions go on from memory", "%.*s", SPAN_ARGS(about));
    else if (age_ms > STORE_AGE_WARN_MS)
        doctor_say(e, DOCTOR_FAIL, "store", "look at the gateway's log for store.* events", "it answers a ping, but nothing was read from it for %lld ms", (long long)age_ms);
    else if (lag_ms > LAG_WARN_MS)
        doctor_say(e, DOCTOR_WARN, "store", "it catches up by itself when the load goes down; add workers or a faster Redis when it does not", "this node is %lld ms behind the log", (long long)lag_ms);
    else
        doctor_say(e, DOCTOR_OK, "store", NULL, "%.*s", SPAN_ARGS(about));
}

static void examine_policy(struct examination *e, const struct from_json_value *status)
{
    struct from_json_value policy = from_json_member(status, "policy");
    struct span version = json_text(&policy, "version");
    if (span_empty(version))
        doctor_say(e, DOCTOR_FAIL, "policy", "postern apply FILE", "no policy is in force");
    else
        doctor_say(e, DOCTOR_OK, "policy", NULL, "%.*s %.12s, %lld checks, %lld apps", SPAN_ARGS(json_text(&policy, "name")), version.at, (long long)json_int(&policy, "checks", 0),
            (long long)json_int(&policy, "apps", 0));
    struct from_json_value ring = from_json_member(&policy, "ring");
    if (span_equal_text(json_text(&ring, "state"), "under_way"))
        doctor_say(e, DOCTOR_OK, "ring", NULL, "the policy is for %lld %% of people so far (postern ring show)", (long long)json_int(&ring, "percent", 0));
}

static void examine_directory(struct examination *e, const struct from_json_value *status)
{
    struct from_json_value d = from_json_member(status, "directory");
    long long devices = json_int(&d, "devices", 0), persons = json_int(&d, "persons", 0), unowned = json_int(&d, "unowned", 0);
    if (!json_true(&d, "complete"))
        doctor_say(e, DOCTOR_WARN, "directory", "wait: it loads after a start", "devices: %lld, people: %lld so far", devices, persons);
    else if (unowned > 0)
        doctor_say(e, DOCTOR_WARN, "directory", "postern device assign DEVICE PERSON; a device without an owner is never escalated", "devices: %lld, people: %lld, devices without an owner: %lld", devices,
            persons, unowned);
    else
        doctor_say(e, DOCTOR_OK, "directory", NULL, "devices: %lld, people: %lld", devices, persons);
}

static void examine_destination(struct examination *e, const struct from_json_value *d)
{
    char what[DOCTOR_TEXT_BYTES];
    struct span state = json_text(d, "state");
    long long waiting = json_int(d, "waiting", 0), aside = json_int(d, "set_aside", 0);
    struct span since = json_text(d, "failing_since");
    snprintf(what, sizeof what, "%.*s", SPAN_ARGS(json_text(d, "id")));
    if (!span_equal_text(state, "ok"))
        doctor_say(e, span_equal_text(state, "failing") ? DOCTOR_WARN : DOCTOR_FAIL, what, "mend what it says; waiting messages are tried again by themselves", "%.*s%s%.*s: %.*s (%lld waiting, %lld set aside)",
            SPAN_ARGS(state), span_empty(since) ? "" : " since ", SPAN_ARGS(since), SPAN_ARGS(json_text(d, "detail")), waiting, aside);
    else if (aside > 0)
        doctor_say(e, DOCTOR_WARN, what, "postern delivery list, then postern delivery resend DELIVERY", "%lld waiting, %lld set aside", waiting, aside);
    else
        doctor_say(e, DOCTOR_OK, what, NULL, "%lld waiting", waiting);
}

static void examine_destinations(struct examination *e, const struct from_json_value *status, const char *key)
{
    struct from_json_value all = from_json_member(status, key);
    for (size_t i = 0; i < from_json_count(&all); i++) {
        struct from_json_value d = from_json_item(&all, i);
        examine_destination(e, &d);
    }
}

static void examine_warnings(struct examination *e, const struct from_json_value *status)
{
    struct from_json_value all = from_json_member(status, "warnings");
    for (size_t i = 0; i < from_json_count(&all); i++) {
        struct from_json_value item = from_json_item(&all, i);
        struct span text = SPAN_NONE;
        if (from_json_text(&item, SIZE_MAX, &text, NULL) == OK && !span_equal_text(text, "no policy is in force"))
            doctor_say(e, DOCTOR_WARN, "gateway", NULL, "%.*s", SPAN_ARGS(text));
    }
}

static void examine_clock(struct examination *e, const struct from_json_value *status, int64_t here_s)
{
    int64_t there_s = 0;
    if (!clock_from_rfc3339(json_text(status, "now"), &there_s))
        return;
    long long apart = there_s > here_s ? there_s - here_s : here_s - there_s;
    const char *fix = "let both machines keep time by NTP: deadlines and links depend on it";
    if (apart > CLOCK_WARN_S)
        doctor_say(e, apart > CLOCK_FAIL_S ? DOCTOR_FAIL : DOCTOR_WARN, "clock", fix, "the gateway's clock and this machine's are %lld s apart", apart);
    else
        doctor_say(e, DOCTOR_OK, "clock", NULL, "the gateway's clock and this machine's agree");
}

/* ---- what is seen from here ---- */

static size_t drop(char *at, size_t size, size_t count, void *context)
{
    (void)at;
    (void)context;
    return size * count;
}

/* Seconds that the shown certificate has left; false when none was shown. */
static bool certificate_left(CURL *curl, int64_t now_s, int64_t *left_s)
{
    struct curl_certinfo *chain = NULL;
    X509 *certificate = NULL;
    if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &chain) != CURLE_OK || chain == NULL || chain->num_of_certs < 1)
        return false;
    for (struct curl_slist *line = chain->certinfo[0]; line != NULL && certificate == NULL; line = line->next) {
        if (strncasecmp(line->data, "Cert:", 5) != 0)
            continue;
        BIO *text = BIO_new_mem_buf(line->data + 5, -1);
        certificate = text != NULL ? PEM_read_bio_X509(text, NULL, NULL, NULL) : NULL;
        BIO_free(text);
    }
    int days = 0, seconds = 0;
    ASN1_TIME *now = ASN1_TIME_set(NULL, (time_t)now_s);
    bool good = certificate != NULL && now != NULL && ASN1_TIME_diff(&days, &seconds, now, X509_get0_notAfter(certificate)) == 1;
    *left_s = (int64_t)days * 86400 + seconds;
    ASN1_TIME_free(now);
    X509_free(certificate);
    return good;
}

static void set_probe(CURL *curl, const char *url, const char *ca, char why[CURL_ERROR_SIZE])
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)PROBE_S);
    curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    if (ca != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
}

static size_t take(char *at, size_t size, size_t count, void *context) { return buf_append(context, span_make(at, size * count)) ? size * count : 0; }

bool doctor_get(const struct examination *e, const char *url, const char *header, struct doctor_probe *out)
{
    char why[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = header != NULL ? curl_slist_append(NULL, header) : NULL;
    CURL *curl = curl_easy_init();
    *out = (struct doctor_probe){ 0 };
    buf_init(&out->body, DOCTOR_BODY_BYTES);
    if (curl == NULL)
        return false;
    set_probe(curl, url, e->ca, why);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &out->body);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    CURLcode result = curl_easy_perform(curl);
    curl_off_t length = -1;
    char *type = NULL;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
    out->length_known = length >= 0;
    out->untrusted = result == CURLE_PEER_FAILED_VERIFICATION;
    snprintf(out->type, sizeof out->type, "%s", type != NULL ? type : "");
    snprintf(out->why, sizeof out->why, "%s", why[0] != '\0' ? why : curl_easy_strerror(result));
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return result == CURLE_OK;
}

void doctor_probe_done(struct doctor_probe *p) { buf_done(&p->body); }

static void say_certificate(struct examination *e, CURL *curl)
{
    int64_t left_s = 0;
    if (!certificate_left(curl, clock_wall_s(clock_system()), &left_s))
        return;
    long long days = left_s / 86400;
    if (days < EXPIRY_WARN_DAYS)
        doctor_say(e, DOCTOR_WARN, "certificate", "renew it, then restart the gateway; one that the gateway made is renewed at its start", "the public certificate is good for %lld more days", days);
    else
        doctor_say(e, DOCTOR_OK, "certificate", NULL, "good for %lld days", days);
}

static void examine_public_url(struct examination *e, struct span public_url)
{
    char url[DOCTOR_TEXT_BYTES], why[CURL_ERROR_SIZE] = "";
    long status = 0;
    if (span_empty(public_url))
        return;
    snprintf(url, sizeof url, "%.*s/healthz", SPAN_ARGS(public_url));
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        return;
    set_probe(curl, url, e->ca, why);
    CURLcode result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (result == CURLE_PEER_FAILED_VERIFICATION)
        doctor_say(e, DOCTOR_FAIL, "public_url", "agents and browsers will refuse it too: give a certificate for this name, or name its issuer in POSTERN_CA", "%s: %s", url, why);
    else if (result != CURLE_OK)
        doctor_say(e, DOCTOR_FAIL, "public_url", "people and agents must reach it: check public_url, listen.public, name service and firewall", "%s: %s", url,
            why[0] != '\0' ? why : curl_easy_strerror(result));
    else if (status != 200)
        doctor_say(e, DOCTOR_FAIL, "public_url", "something else answers there: check public_url and the proxy in front", "%s answered %ld", url, status);
    else
        doctor_say(e, DOCTOR_OK, "public_url", NULL, "%s answers", url);
    if (result == CURLE_OK)
        say_certificate(e, curl);
    curl_easy_cleanup(curl);
}

/* ---- all of it ---- */

/* POSTERN_CA, else the certificate that the gateway made for itself, else what the system trusts. */
static void trust(struct examination *e, const struct client *c, char made[DOCTOR_TEXT_BYTES])
{
    e->ca = getenv("POSTERN_CA");
    snprintf(made, DOCTOR_TEXT_BYTES, "%s/self-signed.crt", client_state(c) != NULL ? client_state(c) : "");
    if (e->ca == NULL && client_state(c) != NULL && file_exists(made))
        e->ca = made;
}

static void examine(struct examination *e, const struct client *c, const struct from_json_value *status, int64_t here_s)
{
    char made[DOCTOR_TEXT_BYTES];
    doctor_say(e, DOCTOR_OK, "gateway", NULL, "postern %.*s answers", SPAN_ARGS(json_text(status, "version")));
    examine_store(e, status);
    examine_policy(e, status);
    examine_directory(e, status);
    examine_destinations(e, status, "channels");
    examine_destinations(e, status, "webhooks");
    examine_destinations(e, status, "actors");
    examine_warnings(e, status);
    examine_clock(e, status, here_s);
    trust(e, c, made);
    examine_public_url(e, json_text(status, "public_url"));
    doctor_doors(e, status);
}

static int doctor(const struct args *args)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(client_answer_done) struct client_answer a = { 0 };
    struct examination e = { .args = args };
    int code = client_open(args, &c);
    if (code == CLI_DONE)
        code = client_call(c, "GET", "/admin/v1/status", NULL, &a);
    if (code != CLI_DONE)
        return code;
    buf_init(&e.json, FINDINGS_BYTES);
    to_json_init(&e.w, &e.json);
    to_json_object(&e.w);
    to_json_key(&e.w, "findings");
    to_json_array(&e.w);
    examine(&e, c, &a.root, clock_wall_s(clock_system()));
    doctor_managers(&e, c);
    to_json_end(&e.w);
    to_json_member_bool(&e.w, "good", !e.failed);
    to_json_end(&e.w);
    if (args->json && buf_text(&e.json) != NULL)
        printf("%s\n", buf_text(&e.json));
    buf_done(&e.json);
    return e.failed ? CLI_NO : CLI_DONE;
}

static int run(int argc, char **argv)
{
    static const struct cli_action action = { .run = doctor };
    return args_run(&cli_doctor, &action, argc, argv);
}

const struct cli_command cli_doctor = {
    "doctor",
    "postern doctor [--json]\n\n"
    "Asks the gateway how its store, policy, directory, channels, webhooks, actors at IdPs and doors are, and looks from here whether its public\n"
    "address answers with a good certificate, whether what IdPs fetch is there and whether the clocks agree. Exit code 1 when\n"
    "anything fails.",
    "tests what is configured, and says what to fix",
    run,
};
