/* E-mail through a real SMTP server (aiosmtpd), read back by Python's email library. */
#include "connectors/notify/email.h"

#include "connectors/http_client.h"
#include "gateway/http/self_signed.h"
#include "posture/base/clock.h"
#include "tests/support/fake_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { NOW_S = 1796040000 /* Mon 2026-11-30 12:00:00 UTC */, SILENCE_MS = 5000 };
static char state[] = "/tmp/postern-email-XXXXXX", certificate_path[64], key_path[64];
static struct buf certificate;

struct world { struct fake_peer sink; char server[64]; struct email_options options; struct email *email; int64_t until_ms; };

/* A server that says nothing is left after a while, so that no test waits for the real time-out. */
static bool give_up(void *context) { return clock_mono_ms(clock_system()) < ((struct world *)context)->until_ms; }

static void open_email(struct world *w)
{
    struct err err = { 0 };
    email_free(w->email);
    w->email = NULL;
    if (email_new(&w->options, &w->email, &err) != OK)
        fail_msg("%s", err.text);
}

static void begin(struct world *w, const char *user)
{
    *w = (struct world){ 0 };
    if (user != NULL)
        fake_peer_start(&w->sink, "smtp_sink.py", "--tls", certificate_path, key_path, "--user", user, "--password", "right", NULL);
    else
        fake_peer_start(&w->sink, "smtp_sink.py", "--tls", certificate_path, key_path, NULL);
    CLEANUP(from_json_freep) struct from_json *doc = fake_peer_get(&w->sink, "/control/port");
    struct from_json_value root = from_json_root(doc), port = from_json_member(&root, "port");
    struct err err;
    int64_t number = 0;
    assert_int_equal(from_json_int(&port, 1, 65535, &number, &err), OK);
    snprintf(w->server, sizeof w->server, "smtp://127.0.0.1:%lld", (long long)number);
    w->options = (struct email_options){ .server = span_of(w->server), .from = SPAN_LITERAL("postern@acme.example"), .name = SPAN_LITERAL("Postern"), .ca_pem = buf_span(&certificate) };
    open_email(w);
}

static void end(struct world *w)
{
    email_free(w->email);
    fake_peer_stop(&w->sink);
}

static const struct email_message good = { .to = { "ana@acme.example", 16 }, .subject = { "To fix on dover", 15 }, .text = { "Hello.\n.\nBye, Gr\xc3\xbc\xc3\x9f" "e.\n", 23 }, .html = { "<p>Hello.</p>\n", 14 },
                                           .id = { "e_1", 3 }, .language = { "en", 2 }, .now_s = NOW_S };

static size_t mails(struct world *w) { return fake_peer_count(&w->sink, "/control/mails", NULL); }

static struct span text_in(const struct from_json_value *object, const char *key)
{
    struct from_json_value v = from_json_member(object, key);
    struct span text = SPAN_NONE;
    struct err err;
    return from_json_text(&v, SIZE_MAX, &text, &err) == OK ? text : SPAN_NONE;
}

static void a_mail_is_what_an_independent_reader_expects(void **unused)
{
    struct world w;
    (void)unused;
    begin(&w, NULL);
    assert_int_equal(email_send(w.email, &good).outcome, EMAIL_DONE);
    assert_int_equal(email_send(w.email, &good).outcome, EMAIL_DONE); /* on the same connection */
    CLEANUP(from_json_freep) struct from_json *doc = fake_peer_get(&w.sink, "/control/mails");
    struct from_json_value root = from_json_root(doc), mail = from_json_item(&root, 0), headers = from_json_member(&mail, "headers"), defects = from_json_member(&mail, "defects");
    assert_int_equal(from_json_count(&root), 2);
    assert_int_equal(from_json_count(&defects), 0);
    static const struct { const char *name, *value; } rows[] = {
        { "subject", "To fix on dover" },          { "from", "Postern <postern@acme.example>" }, { "to", "ana@acme.example" }, { "date", "Mon, 30 Nov 2026 12:00:00 +0000" },
        { "message-id", "<e_1@acme.example>" },    { "auto-submitted", "auto-generated" },       { "x-auto-response-suppress", "All" }, { "content-language", "en" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!span_equal_text(text_in(&headers, rows[i].name), rows[i].value))
            fail_msg("%s: %.*s", rows[i].name, SPAN_ARGS(text_in(&headers, rows[i].name)));
    struct span raw = text_in(&mail, "raw");
    assert_true(span_search(raw, SPAN_LITERAL("multipart/alternative")) < span_search(raw, SPAN_LITERAL("text/plain")));
    assert_true(span_search(raw, SPAN_LITERAL("text/plain")) < span_search(raw, SPAN_LITERAL("text/html")));
    assert_true(span_search(raw, SPAN_LITERAL("X-Mailer")) == raw.bytes);
    assert_true(span_equal_text(text_in(&mail, "text"), "Hello.\n.\nBye, Gr\xc3\xbc\xc3\x9f" "e.\n"));
    assert_true(span_equal_text(text_in(&mail, "html"), "<p>Hello.</p>\n"));
    end(&w);
}

static void what_is_said_decides_what_is_done(void **unused)
{
    static const struct { const char *name, *faults; enum email_outcome outcome; const char *error; size_t taken; } rows[] = {
        { "well", "[]", EMAIL_DONE, "", 1 },
        { "too busy to greet", "[{\"at\":\"ehlo\",\"say\":\"421 busy\",\"times\":9}]", EMAIL_LATER, "busy", 0 },
        { "sender refused for now", "[{\"at\":\"mail\",\"say\":\"451 later\"}]", EMAIL_LATER, "sender_refused", 0 },
        { "sender refused", "[{\"at\":\"mail\",\"say\":\"553 not yours\"}]", EMAIL_STOPPED, "sender_refused", 0 },
        { "a login is wanted", "[{\"at\":\"mail\",\"say\":\"530 log in\"}]", EMAIL_STOPPED, "login_required", 0 },
        { "too large", "[{\"at\":\"mail\",\"say\":\"552 too large\"}]", EMAIL_REFUSED, "message_too_large", 0 },
        { "greylisted", "[{\"at\":\"rcpt\",\"say\":\"450 try again\"}]", EMAIL_LATER, "busy", 0 },
        { "nobody there", "[{\"at\":\"rcpt\",\"say\":\"550 unknown\"}]", EMAIL_REFUSED, "recipient_refused", 0 },
        { "no text wanted now", "[{\"at\":\"data\",\"say\":\"451 no\"}]", EMAIL_LATER, "busy", 0 },
        { "no text wanted", "[{\"at\":\"data\",\"say\":\"554 no\"}]", EMAIL_REFUSED, "message_refused", 0 },
        { "text refused for now", "[{\"at\":\"text\",\"say\":\"452 full\"}]", EMAIL_LATER, "busy", 0 },
        { "text refused", "[{\"at\":\"text\",\"say\":\"554 spam\"}]", EMAIL_REFUSED, "message_refused", 0 },
        { "hangs up at the recipient", "[{\"at\":\"rcpt\",\"say\":\"hang_up\",\"times\":9}]", EMAIL_LATER, "no_answer", 0 },
        { "silent at the recipient", "[{\"at\":\"rcpt\",\"say\":\"stall\",\"times\":9}]", EMAIL_LATER, "no_answer", 0 },
        { "silent before the text", "[{\"at\":\"data\",\"say\":\"stall\",\"times\":9}]", EMAIL_LATER, "no_answer", 0 },
        { "silent after the text", "[{\"at\":\"text\",\"say\":\"stall\"}]", EMAIL_AMBIGUOUS, "no_answer", 0 },
        { "hangs up after the text", "[{\"at\":\"text\",\"say\":\"hang_up\"}]", EMAIL_AMBIGUOUS, "no_answer", 0 },
        { "took it and hung up", "[{\"at\":\"text\",\"say\":\"hang_up_after\"}]", EMAIL_AMBIGUOUS, "no_answer", 1 },
    };
    (void)unused;
    struct world w;
    begin(&w, NULL);
    w.options.tick = give_up;
    w.options.tick_context = &w;
    size_t before = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].name);
        fake_peer_post(&w.sink, "/control/faults", rows[i].faults);
        open_email(&w);
        w.until_ms = clock_mono_ms(clock_system()) + (strstr(rows[i].faults, "stall") != NULL ? SILENCE_MS : INT32_MAX);
        struct email_result r = email_send(w.email, &good);
        assert_string_equal(r.error, rows[i].error);
        assert_int_equal(r.outcome, rows[i].outcome);
        size_t now = mails(&w);
        assert_int_equal(now - before, rows[i].taken);
        before = now;
    }
    end(&w);
}

static void nothing_leaves_without_tls(void **unused)
{
    struct world w;
    (void)unused;
    begin(&w, NULL);
    fake_peer_post(&w.sink, "/control/tls", "{\"offered\": false}");
    struct email_result r = email_send(w.email, &good);
    assert_int_equal(r.outcome, EMAIL_LATER);
    assert_string_equal(r.error, "no_starttls");
    w.options.plain = true; /* to this machine, where the options say so */
    open_email(&w);
    assert_int_equal(email_send(w.email, &good).outcome, EMAIL_DONE);
    fake_peer_post(&w.sink, "/control/tls", "{\"offered\": true}");
    w.options.plain = false;
    w.options.ca_pem = SPAN_NONE;
    open_email(&w);
    r = email_send(w.email, &good);
    assert_int_equal(r.outcome, EMAIL_LATER);
    assert_string_equal(r.error, "certificate_not_trusted");
    assert_int_equal(mails(&w), 1);
    end(&w);
}

static void a_login_is_made_within_tls(void **unused)
{
    struct world w;
    (void)unused;
    begin(&w, "postern");
    assert_string_equal(email_send(w.email, &good).error, "login_required");
    w.options.user = SPAN_LITERAL("postern");
    w.options.password = SPAN_LITERAL("wrong");
    open_email(&w);
    struct email_result r = email_send(w.email, &good);
    assert_int_equal(r.outcome, EMAIL_STOPPED);
    assert_string_equal(r.error, "login_refused");
    w.options.password = SPAN_LITERAL("right");
    open_email(&w);
    assert_int_equal(email_probe(w.email).outcome, EMAIL_DONE);
    assert_int_equal(mails(&w), 0);
    assert_int_equal(email_send(w.email, &good).outcome, EMAIL_DONE);
    end(&w);
}

static void nobody_there_is_later(void **unused)
{
    struct world w;
    (void)unused;
    begin(&w, NULL);
    fake_peer_stop(&w.sink);
    struct email_result r = email_send(w.email, &good);
    assert_int_equal(r.outcome, EMAIL_LATER);
    assert_string_equal(r.error, "out_of_reach");
    end(&w);
}

static void hostile_values_never_reach_the_wire(void **unused)
{
    static const struct { const char *name, *address; bool good; } addresses[] = {
        { "plain", "ana@acme.example", true },        { "plus", "ana+x@acme.example", true },       { "empty", "", false },
        { "no at", "ana", false },                    { "two at", "a@b@c", false },                 { "line", "ana@acme.example\r\nRCPT TO:<eve@x>", false },
        { "bracket", "ana@acme.example> NOTIFY=NEVER <x", false }, { "space", "ana @acme.example", false }, { "option", "-oX@acme.example", false },
        { "comma", "a@b,c@d", false },                { "not ASCII", "\xc3\xa4@acme.example", false }, { "quoted", "\"a b\"@acme.example", false },
    };
    struct world w;
    (void)unused;
    begin(&w, NULL);
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct email_message m = good;
        m.to = span_of(addresses[i].address);
        print_message("%s\n", addresses[i].name);
        assert_int_equal(email_is_address(m.to), addresses[i].good);
        if (!addresses[i].good)
            assert_string_equal(email_send(w.email, &m).error, "address_not_usable");
    }
    struct email_message m = good;
    m.id = SPAN_LITERAL("e_1>\r\nBcc: eve@x");
    assert_string_equal(email_send(w.email, &m).error, "message_not_sendable");
    m = good;
    m.text = SPAN_LITERAL("a\0b");
    assert_string_equal(email_send(w.email, &m).error, "message_not_sendable");
    assert_int_equal(mails(&w), 0);
    m = good;
    m.subject = SPAN_LITERAL("Gr\xc3\xbc\xc3\x9f" "e\r\nBcc: eve@evil.example, \xf0\x9f\x92\xbb and so much more that one encoded word has no room for it all");
    assert_int_equal(email_send(w.email, &m).outcome, EMAIL_DONE);
    CLEANUP(from_json_freep) struct from_json *doc = fake_peer_get(&w.sink, "/control/mails");
    struct from_json_value root = from_json_root(doc), mail = from_json_item(&root, 0), headers = from_json_member(&mail, "headers"), defects = from_json_member(&mail, "defects");
    assert_int_equal(from_json_count(&defects), 0);
    assert_true(span_equal_text(text_in(&mail, "subject"), "Gr\xc3\xbc\xc3\x9f" "e  Bcc: eve@evil.example, \xf0\x9f\x92\xbb and so much more that one encoded word has no room for it all"));
    assert_true(span_empty(text_in(&headers, "bcc")));
    end(&w);
}

static void mistakes_in_options_are_told(void **unused)
{
    static const struct { const char *name; struct email_options o; } rows[] = {
        { "no server", { .from = { "a@b.example", 11 } } },
        { "http", { .server = { "http://mail.example", 19 }, .from = { "a@b.example", 11 } } },
        { "a password in the address", { .server = { "smtp://u:p@mail.example", 23 }, .from = { "a@b.example", 11 } } },
        { "a path", { .server = { "smtp://mail.example/x", 21 }, .from = { "a@b.example", 11 } } },
        { "no sender", { .server = { "smtp://mail.example", 19 } } },
        { "plain to another machine", { .server = { "smtp://mail.example", 19 }, .from = { "a@b.example", 11 }, .plain = true } },
        { "a user without a password", { .server = { "smtp://mail.example", 19 }, .from = { "a@b.example", 11 }, .user = { "u", 1 } } },
        { "a line in the name", { .server = { "smtp://mail.example", 19 }, .from = { "a@b.example", 11 }, .name = { "a\nb", 3 } } },
        { "replies to nowhere", { .server = { "smtp://mail.example", 19 }, .from = { "a@b.example", 11 }, .reply_to = { "x", 1 } } },
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct email *e = NULL;
        struct err err;
        print_message("%s\n", rows[i].name);
        assert_int_equal(email_new(&rows[i].o, &e, &err), ERR_INPUT);
        assert_null(e);
    }
}

static int make_certificate(void **unused)
{
    struct err err = { 0 };
    struct buf key;
    (void)unused;
    buf_init(&certificate, 64 * 1024);
    buf_init(&key, 64 * 1024);
    if (mkdtemp(state) == NULL || http_client_global_start(&err) != OK || self_signed_load(span_of(state), SPAN_LITERAL("https://localhost"), NOW_S - 365 * 86400, &certificate, &key, &err) != OK)
        return -1;
    buf_done(&key);
    snprintf(certificate_path, sizeof certificate_path, "%s/self-signed.crt", state);
    snprintf(key_path, sizeof key_path, "%s/self-signed.key", state);
    return 0;
}

static int drop_certificate(void **unused)
{
    (void)unused;
    unlink(certificate_path);
    unlink(key_path);
    rmdir(state);
    buf_done(&certificate);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_is_what_an_independent_reader_expects), cmocka_unit_test(what_is_said_decides_what_is_done), cmocka_unit_test(nothing_leaves_without_tls),
        cmocka_unit_test(a_login_is_made_within_tls),                   cmocka_unit_test(nobody_there_is_later),             cmocka_unit_test(hostile_values_never_reach_the_wire),
        cmocka_unit_test(mistakes_in_options_are_told),
    };
    return cmocka_run_group_tests(tests, make_certificate, drop_certificate);
}
