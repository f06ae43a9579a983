/* What a request proves about its device, and what it does not; the one-time link that makes a browser known, and how that is taken back. */
#include "gateway/doors/device_proof.h"

#include "gateway/doors/device_browsers.h"
#include "gateway/doors/device_certificates.h"
#include "gateway/doors/device_cookie.h"
#include "gateway/once_memory.h"
#include "gateway/pages/device_enroll.h"
#include "tests/support/certificates.h"
#include "tests/support/pages_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
enum { HEADERS_MOST = 6, TEXT_BYTES = 8192 };

/* ---- a node with a CA, and requests as they come ---- */

struct world {
    struct story s;
    struct arena arena;
    struct test_ca ca, stranger;
    struct buf roots, ours, foreign, expired;
    struct device_certificate_options options;
    char rfc9440[TEXT_BYTES], foreign_rfc9440[TEXT_BYTES], expired_rfc9440[TEXT_BYTES], sha256[SECRET_HEX_BYTES + 1];
    char cookie[2048];
};

static void sequence_of(struct span der, char out[TEXT_BYTES])
{
    struct buf b;
    buf_init(&b, TEXT_BYTES);
    buf_append_byte(&b, ':');
    assert_true(secret_base64(der, &b));
    buf_append_byte(&b, ':');
    strcpy(out, buf_text(&b));
    buf_done(&b);
}

static void make_certificates(struct world *w)
{
    int64_t now_s = w->s.now_ms / 1000;
    struct buf *all[] = { &w->roots, &w->ours, &w->foreign, &w->expired };
    for (size_t i = 0; i < COUNT(all); i++)
        buf_init(all[i], 65536);
    test_ca_make(&w->ca, "Acme Devices", NULL);
    test_ca_make(&w->stranger, "Acme Devices", NULL);
    test_ca_pem(&w->ca, &w->roots);
    test_client_make(&w->ca, &(struct test_client){ .common_name = DOVER, .serial_hex = "0a1b2c", .to_s = now_s + 86400 }, &w->ours, NULL);
    test_client_make(&w->stranger, &(struct test_client){ .common_name = DOVER, .to_s = now_s + 86400 }, &w->foreign, NULL);
    test_client_make(&w->ca, &(struct test_client){ .common_name = DOVER, .to_s = now_s - 1 }, &w->expired, NULL);
    sequence_of(buf_span(&w->ours), w->rfc9440);
    sequence_of(buf_span(&w->foreign), w->foreign_rfc9440);
    sequence_of(buf_span(&w->expired), w->expired_rfc9440);
    secret_sha256_hex(buf_span(&w->ours), w->sha256);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    pages_start(&w->s);
    arena_init(&w->arena, 65536, 64 * 1024 * 1024);
    w->s.node.once = once_memory_new();
    story_device(&w->s, EPPING, NULL);
    pages_dress(&w->s, EPPING, &(struct pages_look){ .name = "epping", .model = "Mac mini", .serial = "C02EPPING001", .owner = BEN });
    make_certificates(w);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    struct buf *all[] = { &w->roots, &w->ours, &w->foreign, &w->expired };
    for (size_t i = 0; i < COUNT(all); i++)
        buf_done(all[i]);
    test_ca_done(&w->ca);
    test_ca_done(&w->stranger);
    device_certificates_free(w->s.node.device_certificates);
    once_memory_free(w->s.node.once);
    arena_done(&w->arena);
    pages_end(&w->s);
    free(w);
    return 0;
}

/* `bind: id`, the CA of the story, and these headers. */
static void configure(struct world *w, bool with_ca, const struct span *headers, size_t header_count)
{
    struct err err;
    device_certificates_free(w->s.node.device_certificates);
    w->options = (struct device_certificate_options){ .bind = SPAN_LITERAL("id"), .proxy_headers = { headers, header_count } };
    if (with_ca)
        w->options.client_ca = buf_span(&w->roots);
    assert_int_equal(device_certificates_new(&w->options, NULL, &w->s.node.device_certificates, &err), OK);
}

struct sent { const char *name, *value; };

static struct device_proof read_request(struct world *w, bool trusted, const struct sent *sent, struct span certificate)
{
    struct http_header headers[HEADERS_MOST];
    size_t count = 0;
    for (; count < HEADERS_MOST && sent != NULL && sent[count].name != NULL; count++)
        headers[count] = (struct http_header){ span_of(sent[count].name), span_of(sent[count].value) };
    struct http_request r = { .arena = &w->arena, .node = &w->s.node, .store = w->s.store, .method = HTTP_GET, .listener = LISTENER_PUBLIC, .path = SPAN_LITERAL("/x"), .headers = headers,
                              .header_count = count, .peer = SPAN_LITERAL("192.0.2.7"), .trusted_proxy = trusted, .client_certificate = certificate, .id = "r1",
                              .now_ms = w->s.now_ms, .now_s = w->s.now_ms / 1000 };
    struct device_proof proof;
    device_proof_read(&r, &proof);
    return proof;
}

static uint64_t counted(const struct world *w, enum counter which) { return w->s.node.counters == NULL ? 0 : w->s.node.counters->value[which]; }

/* ---- certificates ---- */

static void a_certificate_of_the_connection_is_proof(void **state)
{
    struct world *w = *state;
    configure(w, true, NULL, 0);
    struct device_proof p = read_request(w, false, NULL, buf_span(&w->ours));
    assert_int_equal(p.proof, PROOF_CERTIFICATE);
    assert_true(span_equal_text(p.device, DOVER));
    assert_true(span_empty(p.refused));
    assert_int_equal(p.at_s, w->s.now_ms / 1000);
}

static void headers_are_believed_from_trusted_proxies_only(void **state)
{
    struct world *w = *state;
    const struct { const char *name; bool trusted; struct sent sent[HEADERS_MOST]; enum proof proof; bool shown; } rows[] = {
        { "good", true, { { "Client-Cert", w->rfc9440 } }, PROOF_CERTIFICATE, true },
        { "in any case", true, { { "client-cert", w->rfc9440 } }, PROOF_CERTIFICATE, true },
        { "from anybody else", false, { { "Client-Cert", w->rfc9440 } }, PROOF_NONE, false },
        { "of another CA", true, { { "Client-Cert", w->foreign_rfc9440 } }, PROOF_NONE, true },
        { "expired", true, { { "Client-Cert", w->expired_rfc9440 } }, PROOF_NONE, true },
        { "doubled", true, { { "Client-Cert", w->rfc9440 }, { "Client-Cert", w->rfc9440 } }, PROOF_NONE, true },
        { "doubled, in another case", true, { { "Client-Cert", w->rfc9440 }, { "CLIENT-CERT", w->foreign_rfc9440 } }, PROOF_NONE, true },
        { "doubled chain", true, { { "Client-Cert", w->rfc9440 }, { "Client-Cert-Chain", "" }, { "Client-Cert-Chain", "" } }, PROOF_NONE, true },
        { "two that agree", true, { { "Client-Cert", w->rfc9440 }, { "X-SSL-Client-SHA256", w->sha256 } }, PROOF_CERTIFICATE, true },
        { "two that do not", true, { { "Client-Cert", w->rfc9440 }, { "X-SSL-Client-SHA256", "00000000000000000000000000000000000000000000000000000000000000ff" } }, PROOF_NONE, true },
        { "one, and another says none", true, { { "Client-Cert", w->rfc9440 }, { "X-SSL-Client-Verify", "NONE" } }, PROOF_NONE, true },
        { "one, and another says it failed", true, { { "Client-Cert", w->rfc9440 }, { "X-SSL-Client-Verify", "FAILED:x" } }, PROOF_NONE, true },
        { "malformed", true, { { "Client-Cert", "x" } }, PROOF_NONE, true },
        { "a digest alone, where we check ourselves", true, { { "X-SSL-Client-SHA256", w->sha256 } }, PROOF_NONE, true },
        { "a header that this proxy does not set", true, { { "X-Forwarded-Client-Cert", "Cert=\"x\"" } }, PROOF_NONE, false },
        { "a good one beside it", true, { { "Client-Cert", w->rfc9440 }, { "X-Forwarded-Client-Cert", "Cert=\"x\"" } }, PROOF_CERTIFICATE, true },
        { "none", true, { { "X-SSL-Client-Verify", "NONE" } }, PROOF_NONE, false },
        { "nothing", true, { { NULL, NULL } }, PROOF_NONE, false },
    };
    configure(w, true, NULL, 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct device_proof p = read_request(w, rows[i].trusted, rows[i].sent, SPAN_NONE);
        if (p.proof != rows[i].proof || p.shown != rows[i].shown)
            fail_msg("%s: %s, shown %d", rows[i].name, proof_name(p.proof), (int)p.shown);
        if ((p.proof == PROOF_NONE) != span_empty(p.device))
            fail_msg("%s: device %.*s", rows[i].name, SPAN_ARGS(p.device));
    }
    assert_true(counted(w, COUNT_PROOF_FORGED) >= 3);
    assert_true(counted(w, COUNT_PROOF_REFUSED) >= 8);
}

static void a_proxy_may_be_believed_that_it_verified(void **state)
{
    static const struct span headers[] = { SPAN_LITERAL("sha256"), SPAN_LITERAL("serial_hex") };
    struct world *w = *state;
    const struct sent digest[] = { { "X-SSL-Client-SHA256", w->sha256 }, { NULL, NULL } }, number[] = { { "X-SSL-Client-Serial", "0A:1B:2C" }, { "X-SSL-Client-Verify", "SUCCESS" }, { NULL, NULL } };
    configure(w, true, headers, 2);
    w->options.proxy_verifies = true;
    struct err err;
    device_certificates_free(w->s.node.device_certificates);
    assert_int_equal(device_certificates_new(&w->options, NULL, &w->s.node.device_certificates, &err), OK);
    assert_int_equal(read_request(w, true, digest, SPAN_NONE).proof, PROOF_NONE); /* not registered */
    pages_identify(&w->s, DOVER, "certificate", w->sha256);
    pages_identify(&w->s, EPPING, "certificate_serial", "a1b2c");
    assert_true(span_equal_text(read_request(w, true, digest, SPAN_NONE).device, DOVER));
    assert_true(span_equal_text(read_request(w, true, number, SPAN_NONE).device, EPPING));
    assert_int_equal(read_request(w, false, number, SPAN_NONE).proof, PROOF_NONE);
}

static void two_devices_at_once_are_none(void **state)
{
    struct world *w = *state;
    struct buf other;
    char other_rfc9440[TEXT_BYTES];
    buf_init(&other, 65536);
    test_client_make(&w->ca, &(struct test_client){ .common_name = EPPING, .to_s = w->s.now_ms / 1000 + 86400 }, &other, NULL);
    sequence_of(buf_span(&other), other_rfc9440);
    configure(w, true, NULL, 0);
    const struct sent same[] = { { "Client-Cert", w->rfc9440 }, { NULL, NULL } }, differs[] = { { "Client-Cert", other_rfc9440 }, { NULL, NULL } };
    assert_int_equal(read_request(w, true, same, buf_span(&w->ours)).proof, PROOF_CERTIFICATE);
    struct device_proof p = read_request(w, true, differs, buf_span(&w->ours));
    assert_int_equal(p.proof, PROOF_NONE);
    assert_false(span_empty(p.refused));
    buf_done(&other);
}

static void removed_and_doubtful_devices_prove_nothing(void **state)
{
    struct world *w = *state;
    configure(w, true, NULL, 0);
    pages_dress(&w->s, DOVER, &(struct pages_look){ .name = "dover", .serial = SERIAL, .owner = ANA, .duplicate = true });
    assert_int_equal(read_request(w, false, NULL, buf_span(&w->ours)).proof, PROOF_NONE);
    pages_dress(&w->s, DOVER, &pages_dover);
    assert_int_equal(read_request(w, false, NULL, buf_span(&w->ours)).proof, PROOF_CERTIFICATE);
    pages_remove(&w->s, DOVER);
    assert_int_equal(read_request(w, false, NULL, buf_span(&w->ours)).proof, PROOF_NONE);
}

/* ---- the link and the cookie ---- */

static void make_link(struct world *w, const char *device, char path[LINK_URL_BYTES])
{
    struct http_request r = { .arena = &w->arena, .node = &w->s.node, .now_s = w->s.now_ms / 1000, .now_ms = w->s.now_ms };
    struct device_enroll_link link;
    struct err err;
    assert_int_equal(device_enroll_link(&r, span_of(device), &link, &err), OK);
    struct span url = link.url, host = w->s.node.options.public_url;
    snprintf(path, LINK_URL_BYTES, "%.*s", SPAN_ARGS(span_slice(url, host.bytes, url.bytes)));
}

static void press(struct world *w, const char *path) { pages_visit(&w->s, &(struct pages_visit){ .method = "POST", .path = path, .body = "", .site = "same-origin" }); }

/* Takes the cookie that the last answer set; its attributes are as they must be. */
static void take_cookie(struct world *w)
{
    const char *set = pages_last.cookie;
    assert_int_equal(strncmp(set, DEVICE_COOKIE_NAME "=", strlen(DEVICE_COOKIE_NAME) + 1), 0);
    static const char *const wanted[] = { "; Path=/", "; Secure", "; HttpOnly", "; SameSite=None" };
    for (size_t i = 0; i < COUNT(wanted); i++)
        assert_non_null(strstr(set, wanted[i]));
    assert_null(strstr(set, "Domain"));
    snprintf(w->cookie, sizeof w->cookie, "%.*s", (int)strcspn(set, ";"), set);
}

static struct device_proof with_cookie(struct world *w, const char *cookie)
{
    const struct sent sent[] = { { "Cookie", cookie }, { NULL, NULL } };
    return read_request(w, false, sent, SPAN_NONE);
}

static void enroll(struct world *w, const char *device)
{
    char path[LINK_URL_BYTES];
    make_link(w, device, path);
    press(w, path);
    assert_int_equal(pages_last.status, 303);
    take_cookie(w);
    story_feed(&w->s);
}

static void a_link_makes_one_browser_known_once(void **state)
{
    struct world *w = *state;
    char path[LINK_URL_BYTES];
    make_link(w, DOVER, path);
    pages_get(&w->s, path, NULL);
    assert_int_equal(pages_last.status, 200);
    pages_say("Is this browser on <bdi>dover</bdi>?");
    pages_say("A cookie can be copied to another computer, so it proves least.");
    pages_say("Ana");
    pages_get(&w->s, path, NULL); /* looking uses nothing up */
    assert_int_equal(pages_last.status, 200);
    press(w, path);
    assert_int_equal(pages_last.status, 303);
    take_cookie(w);
    assert_int_equal(story_events(&w->s, "device.credential_added"), 1);
    pages_visit(&w->s, &(struct pages_visit){ .method = "GET", .path = path, .cookie = w->cookie });
    assert_int_equal(pages_last.status, 200);
    pages_say("This browser is known as <bdi>dover</bdi>");
    pages_get(&w->s, path, NULL); /* another browser */
    assert_int_equal(pages_last.status, 410);
    press(w, path);
    assert_int_equal(pages_last.status, 410);
    assert_string_equal(pages_last.cookie, "");
    assert_int_equal(story_events(&w->s, "device.credential_added"), 1);
    struct device_proof p = with_cookie(w, w->cookie);
    assert_int_equal(p.proof, PROOF_COOKIE);
    assert_true(span_equal_text(p.device, DOVER));
    assert_false(span_empty(p.credential));
}

static void links_that_do_not_hold_are_refused(void **state)
{
    struct world *w = *state;
    char path[LINK_URL_BYTES], bent[LINK_URL_BYTES];
    make_link(w, DOVER, path);
    strcpy(bent, path);
    bent[strlen(bent) - 1] ^= 1;
    press(w, bent);
    assert_int_equal(pages_last.status, 404);
    pages_visit(&w->s, &(struct pages_visit){ .method = "POST", .path = path, .body = "", .site = "cross-site" });
    assert_int_equal(pages_last.status, 403);
    pages_dress(&w->s, DOVER, &(struct pages_look){ .name = "dover", .serial = SERIAL, .owner = BEN }); /* it changed hands */
    press(w, path);
    assert_int_equal(pages_last.status, 410);
    pages_dress(&w->s, DOVER, &pages_dover);
    pages_remove(&w->s, DOVER);
    press(w, path);
    assert_int_equal(pages_last.status, 410);
    make_link(w, EPPING, path);
    story_pass(&w->s, LINK_ENROLL_LIFETIME_S);
    press(w, path);
    assert_int_equal(pages_last.status, 410);
    assert_int_equal(story_events(&w->s, "device.credential_added"), 0);
}

static void a_cookie_that_does_not_hold_proves_nothing(void **state)
{
    struct world *w = *state;
    char text[4096];
    enroll(w, DOVER);
    snprintf(text, sizeof text, "%sx", w->cookie);
    assert_int_equal(with_cookie(w, text).proof, PROOF_NONE);
    assert_int_equal(with_cookie(w, DEVICE_COOKIE_NAME "=").proof, PROOF_NONE);
    snprintf(text, sizeof text, "a=b; %s; " DEVICE_COOKIE_NAME "=other", w->cookie);
    assert_int_equal(with_cookie(w, text).proof, PROOF_NONE); /* two: one was planted */
    snprintf(text, sizeof text, "a=b;%s;c=d", w->cookie);
    assert_int_equal(with_cookie(w, text).proof, PROOF_COOKIE);
    pages_dress(&w->s, DOVER, &(struct pages_look){ .name = "dover", .serial = SERIAL, .owner = BEN });
    struct device_proof p = with_cookie(w, w->cookie);
    assert_int_equal(p.proof, PROOF_NONE); /* the next owner does not inherit browsers */
    assert_false(span_empty(p.refused));
    pages_dress(&w->s, DOVER, &pages_dover);
    assert_int_equal(with_cookie(w, w->cookie).proof, PROOF_COOKIE);
    w->s.now_ms += DEVICE_COOKIE_LIFETIME_S * INT64_C(1000);
    assert_int_equal(with_cookie(w, w->cookie).proof, PROOF_NONE);
}

static void a_certificate_goes_before_the_cookie(void **state)
{
    struct world *w = *state;
    configure(w, true, NULL, 0);
    enroll(w, EPPING);
    const struct sent sent[] = { { "Cookie", w->cookie }, { NULL, NULL } };
    struct device_proof p = read_request(w, false, sent, buf_span(&w->ours));
    assert_int_equal(p.proof, PROOF_CERTIFICATE);
    assert_true(span_equal_text(p.device, DOVER));
}

static void a_browser_is_forgotten(void **state)
{
    struct world *w = *state;
    char first[2048];
    struct err err;
    enroll(w, DOVER);
    strcpy(first, w->cookie);
    struct span id = with_cookie(w, first).credential;
    enroll(w, DOVER);
    struct device_forgetting one = { SPAN_LITERAL(DOVER), id, SPAN_LITERAL("admin:uid:0") }, all = { SPAN_LITERAL(DOVER), SPAN_NONE, SPAN_LITERAL("admin:uid:0") };
    assert_int_equal(device_browsers_forget(&w->s.node, w->s.store, &one, &err), OK);
    story_feed(&w->s);
    assert_int_equal(with_cookie(w, first).proof, PROOF_NONE);
    assert_int_equal(with_cookie(w, w->cookie).proof, PROOF_COOKIE);
    assert_int_equal(device_browsers_forget(&w->s.node, w->s.store, &one, &err), ERR_NOT_FOUND);
    assert_int_equal(device_browsers_forget(&w->s.node, w->s.store, &all, &err), OK);
    story_feed(&w->s);
    assert_int_equal(with_cookie(w, w->cookie).proof, PROOF_NONE);
    assert_int_equal(story_events(&w->s, "device.credential_removed"), 2);
}

static void a_device_keeps_its_newest_browsers(void **state)
{
    struct world *w = *state;
    char first[2048];
    enroll(w, DOVER);
    strcpy(first, w->cookie);
    for (int i = 0; i < DEVICE_BROWSERS_MOST; i++) {
        story_pass(&w->s, 1);
        enroll(w, DOVER);
    }
    assert_int_equal(with_cookie(w, first).proof, PROOF_NONE);
    assert_int_equal(with_cookie(w, w->cookie).proof, PROOF_COOKIE);
    struct device *d = story_stored_device(&w->s, DOVER);
    assert_int_equal(d->credential_count, DEVICE_BROWSERS_MOST);
    device_free(d);
}

static void a_use_is_written_down_once_a_day(void **state)
{
    struct world *w = *state;
    enroll(w, DOVER);
    struct device_proof p = with_cookie(w, w->cookie);
    struct http_request r = { .arena = &w->arena, .node = &w->s.node, .store = w->s.store, .peer = SPAN_LITERAL("198.51.100.4"), .id = "r1" };
    for (int i = 0; i < 3; i++) {
        r.now_s = w->s.now_ms / 1000;
        device_proof_used(&r, &p);
        story_feed(&w->s);
        story_pass(&w->s, 60);
    }
    struct device *d = story_stored_device(&w->s, DOVER);
    assert_int_equal(d->credentials[0].used_s, w->s.now_ms / 1000 - 180);
    assert_true(span_equal_text(d->credentials[0].source, "198.51.100.4"));
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_certificate_of_the_connection_is_proof, set_up, tear_down),
        cmocka_unit_test_setup_teardown(headers_are_believed_from_trusted_proxies_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_proxy_may_be_believed_that_it_verified, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_devices_at_once_are_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(removed_and_doubtful_devices_prove_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_link_makes_one_browser_known_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_that_do_not_hold_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cookie_that_does_not_hold_proves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_certificate_goes_before_the_cookie, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_browser_is_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_device_keeps_its_newest_browsers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_use_is_written_down_once_a_day, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
