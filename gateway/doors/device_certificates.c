#include "gateway/doors/device_certificates.h"

#include "posture/base/file.h"
#include "posture/base/shared.h"
#include "posture/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 1024, X509_LINE_BYTES = 700, EXPIRY_WARN_S = 30 * 86400, GOOD_KEPT = 4096, GOOD_FOR_S = 60 };
#define AT(member) offsetof(struct device_certificate_options, member)

const struct option device_certificate_rows[] = {
    { .name = "listen.device.public_url", .kind = OPTION_TEXT, .offset = AT(public_url), .example = "https://device.acme.example",
      .help = "Where browsers are sent to show their certificate: this listener, or a proxy that asks for certificates itself. Default: the host of public_url with this listener's port." },
    { .name = "listen.device.client_ca", .kind = OPTION_FILE, .offset = AT(client_ca), .example = "file:/etc/postern/device-ca.crt",
      .help = "The CAs whose client certificates prove a device, PEM. Absent: a certificate is believed on a trusted proxy's word alone." },
    { .name = "listen.device.revocations", .kind = OPTION_LIST, .offset = AT(revocations), .example = "[\"file:/etc/postern/device-ca.crl\"]",
      .help = "Revocation lists of these CAs, PEM or DER. With any, every CA that issues to devices needs one. Read again when a file changes." },
    { .name = "listen.device.stale_revocations", .kind = OPTION_TEXT, .offset = AT(stale_revocations), .fallback = "refuse",
      .help = "What a list past its next update does. refuse: its CA's certificates prove nothing. accept: it still says who is revoked. Either is a warning." },
    { .name = "listen.device.bind", .kind = OPTION_TEXT, .offset = AT(bind), .fallback = "certificate",
      .help = "How a certificate names its device. certificate: its SHA-256 is registered (`postern device identify`). certificate_serial: its own number is registered. "
              "serial, uuid, id: the device's serial number, hardware UUID or postern id stands in bind_field." },
    { .name = "listen.device.bind_field", .kind = OPTION_TEXT, .offset = AT(bind_field), .example = "subject.serialNumber",
      .help = "Where it stands: subject.CN, subject.serialNumber, subject.UID, subject.OU, san.uri, san.dns or san.email. Default: subject.serialNumber for serial, san.uri for uuid, subject.CN for id." },
    { .name = "listen.device.bind_pattern", .kind = OPTION_TEXT, .offset = AT(bind_pattern), .example = "\"urn:uuid:{}\"",
      .help = "What stands around it there, with {} for the value itself; other values of that field are passed over. Default: {}, and urn:uuid:{} for a uuid in san.uri." },
    { .name = "listen.device.proxy_headers", .kind = OPTION_LIST, .offset = AT(proxy_headers), .example = "[ssl_client]",
      .help = "In which headers trusted_proxies pass a certificate on: rfc9440, xfcc, ssl_client, traefik, serial_hex, serial_decimal, sha256. Default: [rfc9440, ssl_client, sha256]. "
              "The proxy must remove each of them from what clients send." },
    { .name = "listen.device.proxy_verifies", .kind = OPTION_BOOL, .offset = AT(proxy_verifies), .fallback = "false",
      .help = "With client_ca: true believes the proxy that it checked CA and revocation; false checks again here, and a header with only a number or digest proves nothing." },
    { .name = "listen.device.xfcc_element", .kind = OPTION_TEXT, .offset = AT(xfcc_element), .fallback = "only",
      .help = "Which element of X-Forwarded-Client-Cert is the client: only (several are refused), first (nearest to the client) or last." },
};
const size_t device_certificate_row_count = sizeof device_certificate_rows / sizeof device_certificate_rows[0];

/* ---- rules ---- */

static enum err_code one_of(struct span value, const char *option, const char *const *words, size_t count, unsigned *out, struct err *err)
{
    char all[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (span_equal_text(value, words[i])) {
            *out = (unsigned)i;
            return OK;
        }
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i == 0 ? "" : ", ", words[i]);
    }
    return err_set(err, ERR_INPUT, "listen.device.%s: \"%.*s\" is not one of %s", option, SPAN_ARGS(value), all);
}

static struct span or_default(struct span value, const char *otherwise) { return span_empty(value) ? span_of(otherwise) : value; }

static enum err_code read_pattern(struct span pattern, struct device_certificate_rules *r, struct err *err)
{
    size_t at = span_search(pattern, SPAN_LITERAL("{}"));
    if (at == pattern.bytes)
        return err_set(err, ERR_INPUT, "listen.device.bind_pattern: {} is missing, where the value stands");
    r->before = span_slice(pattern, 0, at);
    r->after = span_slice(pattern, at + 2, pattern.bytes);
    return OK;
}

static enum err_code read_bind(const struct device_certificate_options *o, struct device_certificate_rules *r, struct err *err)
{
    static const char *const words[] = { "certificate", "certificate_serial", "serial", "uuid", "id" };
    static const char *const fields[] = { NULL, NULL, "subject.serialNumber", "san.uri", "subject.CN" };
    unsigned bind = 0;
    enum err_code code = one_of(or_default(o->bind, words[0]), "bind", words, 5, &bind, err);
    r->bind = (enum bind_rule)bind;
    if (code != OK)
        return code;
    if (fields[bind] == NULL)
        return span_empty(o->bind_field) && span_empty(o->bind_pattern) ? OK : err_set(err, ERR_INPUT, "listen.device.bind_field and bind_pattern belong to bind: serial, uuid or id");
    if (!certificate_field_from(or_default(o->bind_field, fields[bind]), &r->field))
        return err_set(err, ERR_INPUT, "listen.device.bind_field: \"%.*s\" is not one of subject.CN, subject.serialNumber, subject.UID, subject.OU, san.uri, san.dns, san.email",
                       SPAN_ARGS(o->bind_field));
    return read_pattern(or_default(o->bind_pattern, bind == BIND_UUID && r->field == CERTIFICATE_SAN_URI ? "urn:uuid:{}" : "{}"), r, err);
}

static enum err_code read_headers(const struct device_certificate_options *o, struct device_certificate_rules *r, struct err *err)
{
    r->headers = o->proxy_headers.count > 0 ? 0 : 1u << HEADER_RFC9440 | 1u << HEADER_SSL_CLIENT | 1u << HEADER_SHA256;
    for (size_t i = 0; i < o->proxy_headers.count; i++) {
        enum certificate_header h;
        if (!certificate_header_from(o->proxy_headers.all[i], &h))
            return err_set(err, ERR_INPUT, "listen.device.proxy_headers: \"%.*s\" is not one of rfc9440, xfcc, ssl_client, traefik, serial_hex, serial_decimal, sha256",
                           SPAN_ARGS(o->proxy_headers.all[i]));
        r->headers |= 1u << h;
    }
    unsigned both = 1u << HEADER_SERIAL_HEX | 1u << HEADER_SERIAL_DECIMAL;
    return (r->headers & both) != both ? OK : err_set(err, ERR_INPUT, "listen.device.proxy_headers: serial_hex and serial_decimal are the same header, written differently");
}

enum err_code device_certificate_rules_read(const struct device_certificate_options *o, struct device_certificate_rules *out, struct err *err)
{
    static const char *const stale[] = { "refuse", "accept" }, *const elements[] = { "only", "first", "last" };
    struct device_certificate_rules r = { .proxy_verifies = o->proxy_verifies };
    unsigned accept = 0, element = 0;
    enum err_code code = read_bind(o, &r, err);
    if (code == OK)
        code = read_headers(o, &r, err);
    if (code == OK)
        code = one_of(or_default(o->stale_revocations, "refuse"), "stale_revocations", stale, 2, &accept, err);
    if (code == OK)
        code = one_of(or_default(o->xfcc_element, "only"), "xfcc_element", elements, 3, &element, err);
    r.accept_stale = accept == 1;
    r.element = (enum xfcc_element)element;
    if (code == OK)
        *out = r;
    return code;
}

/* ---- the lists ---- */

/* The CA with the lists of one moment: whoever checks a certificate holds it meanwhile. */
struct shared_trust { struct shared_body shared; struct client_trust *trust; };

/* A certificate that verified: proxies ask with the same one for each request, and a check costs a quarter of a millisecond. */
struct good_certificate { uint8_t digest[SECRET_HASH_BYTES]; unsigned generation; int64_t until_s; };

struct device_certificates {
    const struct device_certificate_options *options;
    const struct log *log;
    struct device_certificate_rules rules;
    struct shared trust;            /* struct shared_trust; nothing: no CA */
    atomic_uint generation;
    pthread_mutex_t good_lock;      /* guards good: held for one look-up by whichever worker asks */
    struct good_certificate *good;  /* GOOD_KEPT places, chosen by the digest */
    struct file_mark *marks;        /* of the files of the lists; the refreshing thread's */
    size_t stale_said;              /* so many lists were out of date when it was logged last */
    bool broken_said;
};

static void path_of(struct span option, char path[PATH_BYTES])
{
    struct span scheme = SPAN_LITERAL("file:");
    struct span text = span_starts(option, scheme) ? span_slice(option, scheme.bytes, option.bytes) : option;
    snprintf(path, PATH_BYTES, "%.*s", SPAN_ARGS(text));
}

static bool has_changed(struct span option, struct file_mark *mark)
{
    char path[PATH_BYTES];
    path_of(option, path);
    return file_has_changed(path, mark);
}

static enum err_code read_lists(const struct device_certificates *d, struct buf *contents, struct span *lists, struct err *err)
{
    enum err_code code = OK;
    for (size_t i = 0; i < d->options->revocations.count && code == OK; i++) {
        char path[PATH_BYTES];
        path_of(d->options->revocations.all[i], path);
        buf_init(&contents[i], CLIENT_TRUST_LIST_BYTES);
        code = file_read(path, CLIENT_TRUST_LIST_BYTES, &contents[i], err);
        lists[i] = buf_span(&contents[i]);
    }
    return code == OK ? OK : err_wrap(err, "listen.device.revocations");
}

static enum err_code load_trust(const struct device_certificates *d, struct client_trust **out, struct err *err)
{
    size_t count = d->options->revocations.count;
    struct buf *contents = calloc(count + 1, sizeof *contents);
    struct span *lists = calloc(count + 1, sizeof *lists);
    enum err_code code = contents != NULL && lists != NULL ? read_lists(d, contents, lists, err) : err_set(err, ERR_MEMORY, "listen.device.revocations");
    struct client_trust_source source = { d->options->client_ca, lists, count, d->rules.accept_stale };
    if (code == OK && (code = client_trust_new(&source, out, err)) != OK)
        code = err_wrap(err, "listen.device");
    for (size_t i = 0; contents != NULL && i < count; i++)
        buf_done(&contents[i]);
    free(contents);
    free(lists);
    return code;
}

/* ---- in force ---- */

/* NULL without a CA; the caller drops it. */
static struct shared_trust *take_trust(struct device_certificates *d) { return (struct shared_trust *)(void *)shared_take(&d->trust); }

static void give_back(struct shared_trust *s)
{
    if (s != NULL)
        shared_drop(&s->shared);
}

static void free_trust(struct shared_body *body)
{
    struct shared_trust *s = (struct shared_trust *)(void *)body;
    client_trust_free(s->trust);
    free(s);
}

/* `takes` even on failure. */
static enum err_code show_trust(struct device_certificates *d, struct client_trust *takes, struct err *err)
{
    struct shared_trust *new = calloc(1, sizeof *new);
    if (new == NULL) {
        client_trust_free(takes);
        return err_set(err, ERR_MEMORY, "listen.device.client_ca");
    }
    new->trust = takes;
    new->shared.free = free_trust;
    shared_show(&d->trust, &new->shared);
    atomic_fetch_add(&d->generation, 1);
    return OK;
}

static enum err_code load(struct device_certificates *d, struct err *err)
{
    struct client_trust *trust = NULL;
    enum err_code code = load_trust(d, &trust, err);
    return code == OK ? show_trust(d, trust, err) : code;
}

/* ---- life ---- */

/* Numbers are unique within one CA only: two that count from 1 would name each other's devices. */
static enum err_code check_bind(struct device_certificates *d, struct err *err)
{
    const struct client_trust_ca *all;
    struct shared_trust *s = take_trust(d);
    size_t roots = 0, count = s != NULL ? client_trust_cas(s->trust, &all) : 0;
    for (size_t i = 0; i < count; i++)
        roots += all[i].self_signed;
    give_back(s);
    if (d->rules.bind != BIND_CERTIFICATE_SERIAL || (roots <= 1 && count - roots <= 1))
        return OK;
    return err_set(err, ERR_INPUT, "listen.device.bind: certificate_serial needs a client_ca of one CA (a root, an intermediate, or one of each): two CAs may give the same number");
}

enum err_code device_certificates_new(const struct device_certificate_options *o, const struct log *log, struct device_certificates **out, struct err *err)
{
    struct device_certificates *d = calloc(1, sizeof *d);
    if (d == NULL)
        return err_set(err, ERR_MEMORY, "listen.device");
    d->options = o;
    d->log = log;
    shared_init(&d->trust);
    pthread_mutex_init(&d->good_lock, NULL);
    d->good = calloc(GOOD_KEPT, sizeof *d->good);
    d->marks = calloc(o->revocations.count + 1, sizeof *d->marks);
    enum err_code code = d->marks != NULL && d->good != NULL ? device_certificate_rules_read(o, &d->rules, err) : err_set(err, ERR_MEMORY, "listen.device");
    for (size_t i = 0; code == OK && i < o->revocations.count; i++)
        (void)has_changed(o->revocations.all[i], &d->marks[i]);
    if (code == OK && o->revocations.count > 0 && span_empty(o->client_ca))
        code = err_set(err, ERR_INPUT, "listen.device.revocations: listen.device.client_ca is missing, whose lists they would be");
    if (code == OK && !span_empty(o->client_ca))
        code = load(d, err);
    if (code == OK)
        code = check_bind(d, err);
    if (code != OK) {
        device_certificates_free(d);
        return code;
    }
    *out = d;
    return OK;
}

void device_certificates_free(struct device_certificates *d)
{
    if (d == NULL)
        return;
    shared_done(&d->trust);
    pthread_mutex_destroy(&d->good_lock);
    free(d->good);
    free(d->marks);
    free(d);
}

static bool is_stale(const struct client_trust_list *list, int64_t now_s) { return list->next_update_s != 0 && now_s >= list->next_update_s; }

static void say_stale(struct device_certificates *d, int64_t now_s)
{
    const struct client_trust_list *all;
    struct shared_trust *s = take_trust(d);
    size_t count = s != NULL ? client_trust_lists(s->trust, &all) : 0, stale = 0;
    for (size_t i = 0; i < count; i++)
        stale += is_stale(&all[i], now_s);
    for (size_t i = 0; i < count && stale > d->stale_said; i++)
        if (is_stale(&all[i], now_s))
            log_event(d->log, LOG_WARN, "device_proof.stale_revocations", LOG_SPAN("issuer", all[i].issuer), LOG_INT("out_of_date_for_s", now_s - all[i].next_update_s),
                      LOG_STR("effect", d->rules.accept_stale ? "still used" : "certificates of this CA prove nothing"));
    d->stale_said = stale;
    give_back(s);
}

void device_certificates_refresh(struct device_certificates *d, int64_t now_s)
{
    bool changed = false;
    struct err err;
    if (d == NULL || !device_certificates_has_ca(d))
        return;
    for (size_t i = 0; i < d->options->revocations.count; i++)
        changed = has_changed(d->options->revocations.all[i], &d->marks[i]) || changed;
    enum err_code code = changed ? load(d, &err) : OK;
    if (changed && code == OK)
        log_event(d->log, LOG_INFO, "device_proof.revocations_read", LOG_INT("files", d->options->revocations.count));
    if (code != OK && !d->broken_said)
        log_event(d->log, LOG_WARN, "device_proof.revocations_not_read", LOG_ERR(&err), LOG_STR("effect", "the lists read before stay in force"));
    if (changed)
        d->broken_said = code != OK;
    say_stale(d, now_s);
}

/* ---- questions ---- */

const struct device_certificate_rules *device_certificates_rules(const struct device_certificates *d)
{
    static const struct device_certificate_rules defaults = { .bind = BIND_CERTIFICATE, .headers = 1u << HEADER_RFC9440 | 1u << HEADER_SSL_CLIENT | 1u << HEADER_SHA256 };
    return d != NULL ? &d->rules : &defaults;
}

bool device_certificates_has_ca(const struct device_certificates *d) { return d != NULL && !span_empty(d->options->client_ca); }
unsigned device_certificates_generation(struct device_certificates *d) { return d != NULL ? atomic_load(&d->generation) : 0; }

static bool digest_of(struct span leaf, const struct span *chain, size_t chain_count, uint8_t digest[SECRET_HASH_BYTES])
{
    CLEANUP(buf_done) struct buf all;
    buf_init(&all, (CLIENT_CERTIFICATE_CHAIN + 2) * CLIENT_CERTIFICATE_BYTES);
    buf_append(&all, leaf);
    for (size_t i = 0; i < chain_count; i++)
        buf_append(&all, chain[i]);
    buf_append_u64(&all, leaf.bytes); /* where the leaf ends is part of what was checked */
    if (!all.failed)
        secret_sha256(buf_span(&all), digest);
    return !all.failed;
}

static struct good_certificate *place_of(struct device_certificates *d, const uint8_t digest[SECRET_HASH_BYTES])
{
    return &d->good[(digest[0] << 8 | digest[1]) % GOOD_KEPT];
}

static bool was_good(struct device_certificates *d, const uint8_t digest[SECRET_HASH_BYTES], unsigned generation, int64_t now_s)
{
    pthread_mutex_lock(&d->good_lock);
    const struct good_certificate *g = place_of(d, digest);
    bool good = g->generation == generation && now_s < g->until_s && memcmp(g->digest, digest, sizeof g->digest) == 0;
    pthread_mutex_unlock(&d->good_lock);
    return good;
}

static void remember_good(struct device_certificates *d, const uint8_t digest[SECRET_HASH_BYTES], unsigned generation, int64_t now_s)
{
    struct good_certificate good = { .generation = generation, .until_s = now_s + GOOD_FOR_S };
    memcpy(good.digest, digest, sizeof good.digest);
    pthread_mutex_lock(&d->good_lock);
    *place_of(d, digest) = good;
    pthread_mutex_unlock(&d->good_lock);
}

enum err_code device_certificates_check(struct device_certificates *d, struct span leaf, const struct span *chain, size_t chain_count, int64_t now_s, const char **reason,
                                        struct err *err)
{
    uint8_t digest[SECRET_HASH_BYTES];
    unsigned generation = device_certificates_generation(d); /* before the trust is taken: what an older one found is not remembered for a newer */
    *reason = "foreign_ca";
    if (!device_certificates_has_ca(d))
        return err_set(err, ERR_DENIED, "listen.device.client_ca is not configured");
    if (!digest_of(leaf, chain, chain_count, digest))
        return err_set(err, ERR_DENIED, "the client certificate and its issuers are too long");
    if (was_good(d, digest, generation, now_s))
        return OK;
    struct shared_trust *s = take_trust(d);
    enum err_code code = client_trust_check(s->trust, leaf, chain, chain_count, now_s, reason, err);
    give_back(s);
    if (code == OK)
        remember_good(d, digest, generation, now_s);
    return code;
}

static const char *kind_of(enum bind_rule bind)
{
    static const char *const kinds[] = { "certificate", "certificate_serial", "serial", "uuid", "id" };
    return kinds[bind];
}

/* The value between what stands around it; false for a name of another form. */
static bool value_of(const struct device_certificate_rules *rules, struct span name, struct span *value)
{
    if (name.bytes <= rules->before.bytes + rules->after.bytes || !span_starts(name, rules->before) || !span_ends(name, rules->after))
        return false;
    *value = span_slice(name, rules->before.bytes, name.bytes - rules->before.bytes - rules->after.bytes);
    return true;
}

static bool normalize(enum bind_rule bind, struct span raw, struct arena *arena, struct span *out)
{
    if (bind != BIND_ID)
        return identifier_normalize(span_of(kind_of(bind)), raw, arena, out);
    *out = raw;
    return secret_is_id(raw, 'd');
}

static enum err_code name_from_field(const struct device_certificate_rules *rules, const struct client_certificate *c, struct arena *arena, struct device_name *out, struct err *err)
{
    struct span found = SPAN_NONE, raw, value;
    for (size_t i = 0; i < c->name_count; i++) {
        if (c->names[i].field != rules->field || !value_of(rules, c->names[i].value, &raw) || !normalize(rules->bind, raw, arena, &value))
            continue;
        if (!span_empty(found) && !span_equal(found, value))
            return err_set(err, ERR_INPUT, "the certificate names two devices in %s", certificate_field_name(rules->field));
        found = value;
    }
    if (span_empty(found))
        return err_set(err, ERR_INPUT, "the certificate names no device in %s", certificate_field_name(rules->field));
    *out = (struct device_name){ span_of(kind_of(rules->bind)), found };
    return OK;
}

enum err_code device_certificates_name(const struct device_certificates *d, const struct client_certificate *c, struct arena *arena, struct device_name *out, struct err *err)
{
    const struct device_certificate_rules *rules = device_certificates_rules(d);
    if (rules->bind == BIND_CERTIFICATE)
        *out = (struct device_name){ SPAN_LITERAL("certificate"), arena_copy_text(arena, c->sha256) };
    else if (rules->bind == BIND_CERTIFICATE_SERIAL)
        *out = (struct device_name){ SPAN_LITERAL("certificate_serial"), c->serial_hex };
    else
        return name_from_field(rules, c, arena, out, err);
    return OK;
}

/* ---- doctor ---- */

static void warn(void (*say)(void *, struct span), void *context, const char *format, struct span name)
{
    char line[X509_LINE_BYTES];
    int bytes = snprintf(line, sizeof line, format, SPAN_ARGS(name));
    say(context, span_make(line, bytes > 0 && (size_t)bytes < sizeof line ? (size_t)bytes : sizeof line - 1));
}

void device_certificates_warnings(struct device_certificates *d, int64_t now_s, void (*say)(void *, struct span), void *context)
{
    struct shared_trust *s = d != NULL ? take_trust(d) : NULL;
    const struct client_trust_ca *cas;
    const struct client_trust_list *lists;
    size_t ca_count = s != NULL ? client_trust_cas(s->trust, &cas) : 0, list_count = s != NULL ? client_trust_lists(s->trust, &lists) : 0;
    for (size_t i = 0; i < ca_count; i++)
        if (cas[i].not_after_s < now_s + EXPIRY_WARN_S)
            warn(say, context, "the device CA %.*s has expired or does within 30 days; its certificates then prove nothing", cas[i].subject);
    for (size_t i = 0; i < list_count; i++) {
        if (is_stale(&lists[i], now_s))
            warn(say, context, "the revocation list of %.*s is out of date; put a new one in place of its file", lists[i].issuer);
        if (!lists[i].signed_by_ca)
            warn(say, context, "the revocation list of %.*s is signed by none of listen.device.client_ca, so it is not used", lists[i].issuer);
    }
    give_back(s);
}
