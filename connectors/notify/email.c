#include "connectors/notify/email.h"

#include "connectors/http_client.h"
#include "posture/base/secret.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SERVER_BYTES = 320, SECRET_BYTES = 512, PEM_BYTES = 256 * 1024, LINE_BYTES = 2048, KEEP_CONNECTION_S = 20, STALL_BYTES_S = 1, STALL_S = 15 };

/* How far the conversation came, by the last command that was sent and answered. */
enum phase { PHASE_CONNECT, PHASE_HELLO, PHASE_TLS, PHASE_LOGIN, PHASE_SENDER, PHASE_RECIPIENT, PHASE_DATA, PHASE_TEXT /* 354: the text leaves */ };

struct email {
    CURL *easy;
    char server[SERVER_BYTES], from[EMAIL_ADDRESS_BYTES + 1], name[EMAIL_ADDRESS_BYTES + 1], reply_to[EMAIL_ADDRESS_BYTES + 1], user[SECRET_BYTES], password[SECRET_BYTES];
    char *ca_pem; size_t ca_bytes;
    bool plain;
    bool (*tick)(void *context);
    void *tick_context;
    /* Of the call under way: */
    enum phase phase;
    unsigned status, final_status; /* final: the answer to the text */
    bool denied, withheld, leaving; /* withheld: the caller said that it is too late; leaving: QUIT was said, what comes now means nothing */
};

static struct email_result say(const struct email *e, enum email_outcome outcome, const char *word)
{
    struct email_result r = { .outcome = outcome, .status = e->status };
    snprintf(r.error, sizeof r.error, "%s", word);
    return r;
}

/* ---- addresses ---- */

bool email_is_address(struct span address)
{
    size_t at = span_find(address, '@');
    if (address.bytes > EMAIL_ADDRESS_BYTES || at == 0 || at + 1 >= address.bytes || address.at[0] == '-')
        return false;
    for (size_t i = 0; i < address.bytes; i++) {
        unsigned char c = (unsigned char)address.at[i];
        if (c <= ' ' || c >= 127 || strchr("<>()[]\\,;:\"", c) != NULL || (c == '@' && i != at))
            return false;
    }
    return true;
}

static struct span host_of(const char *address)
{
    struct span whole = span_of(address);
    return span_slice(whole, span_find(whole, '@') + 1, whole.bytes);
}

/* ---- options ---- */

static enum err_code keep(char *to, size_t room, struct span from, const char *option, struct err *err)
{
    for (size_t i = 0; i < from.bytes; i++)
        if ((unsigned char)from.at[i] < 0x20 || from.at[i] == 0x7f)
            return err_set(err, ERR_INPUT, "%s must not have control characters", option);
    if (from.bytes >= room)
        return err_set(err, ERR_INPUT, "%s is longer than %zu bytes", option, room - 1);
    if (from.bytes > 0)
        memcpy(to, from.at, from.bytes);
    to[from.bytes] = '\0';
    return OK;
}

static enum err_code check_server(const char *server, bool plain, struct err *err)
{
    char *scheme = NULL, *host = NULL, *user = NULL, *path = NULL;
    enum err_code code = OK;
    CURLU *u = curl_url();
    if (u == NULL)
        return err_set(err, ERR_MEMORY, "email.server");
    bool parsed = curl_url_set(u, CURLUPART_URL, server, 0) == CURLUE_OK && curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK && curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK;
    bool more = curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK || (curl_url_get(u, CURLUPART_PATH, &path, 0) == CURLUE_OK && path != NULL && strcmp(path, "/") != 0);
    if (!parsed || more || (strcmp(scheme, "smtp") != 0 && strcmp(scheme, "smtps") != 0))
        code = err_set(err, ERR_INPUT, "email.server must be smtp://HOST:PORT or smtps://HOST:PORT");
    else if (plain && strcmp(host, "127.0.0.1") != 0 && strcmp(host, "[::1]") != 0 && strcmp(host, "localhost") != 0)
        code = err_set(err, ERR_INPUT, "email.plain is for a server on this machine (127.0.0.1), others need TLS");
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_free(path);
    curl_url_cleanup(u);
    return code;
}

static enum err_code keep_options(struct email *e, const struct email_options *o, struct err *err)
{
    enum err_code code = keep(e->server, sizeof e->server, o->server, "email.server", err);
    if (code == OK)
        code = check_server(e->server, o->plain, err);
    if (code == OK && !email_is_address(o->from))
        code = err_set(err, ERR_INPUT, "email.from must be an address, such as postern@acme.example");
    if (code == OK && !span_empty(o->reply_to) && !email_is_address(o->reply_to))
        code = err_set(err, ERR_INPUT, "email.reply_to must be an address, such as help@acme.example");
    if (code == OK && span_empty(o->user) != span_empty(o->password))
        code = err_set(err, ERR_INPUT, "email.user and email.password come together");
    if (code == OK && !span_is_utf8(o->name))
        code = err_set(err, ERR_INPUT, "email.name must be UTF-8");
    if (code == OK && o->ca_pem.bytes > PEM_BYTES)
        code = err_set(err, ERR_INPUT, "email.ca is longer than %d bytes", PEM_BYTES);
    if (code == OK)
        code = keep(e->from, sizeof e->from, o->from, "email.from", err);
    if (code == OK)
        code = keep(e->name, sizeof e->name, o->name, "email.name", err);
    if (code == OK)
        code = keep(e->reply_to, sizeof e->reply_to, o->reply_to, "email.reply_to", err);
    if (code == OK)
        code = keep(e->user, sizeof e->user, o->user, "email.user", err);
    return code == OK ? keep(e->password, sizeof e->password, o->password, "email.password", err) : code;
}

enum err_code email_new(const struct email_options *options, struct email **out, struct err *err)
{
    struct email *e = calloc(1, sizeof *e);
    if (e == NULL)
        return err_set(err, ERR_MEMORY, "e-mail");
    enum err_code code = keep_options(e, options, err);
    if (code == OK && ((e->easy = curl_easy_init()) == NULL || (!span_empty(options->ca_pem) && (e->ca_pem = span_dup(options->ca_pem)) == NULL)))
        code = err_set(err, ERR_MEMORY, "e-mail");
    if (code != OK) {
        email_free(e);
        return code;
    }
    e->ca_bytes = options->ca_pem.bytes;
    e->plain = options->plain;
    e->tick = options->tick;
    e->tick_context = options->tick_context;
    *out = e;
    return OK;
}

void email_free(struct email *e)
{
    if (e == NULL)
        return;
    curl_easy_cleanup(e->easy);
    free(e->ca_pem);
    secret_free(e, sizeof *e);
}

/* ---- header values (RFC 2047, 5322) ---- */

enum { WORD_PLAIN_BYTES = 42 /* "=?UTF-8?B?" 56 "?=": 68 of at most 75 characters */ };

static bool needs_words(struct span text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if ((unsigned char)text.at[i] >= 127 || (text.at[i] == '=' && i + 1 < text.bytes && text.at[i + 1] == '?'))
            return true;
    return text.bytes > 60;
}

/* The largest piece that ends between characters: an encoded word must not cut one (RFC 2047 section 5). */
static size_t piece_bytes(struct span text, size_t from)
{
    size_t bytes = text.bytes - from < WORD_PLAIN_BYTES ? text.bytes - from : WORD_PLAIN_BYTES;
    while (from + bytes < text.bytes && bytes > 1 && ((unsigned char)text.at[from + bytes] & 0xc0) == 0x80)
        bytes--;
    return bytes;
}

bool email_encode_words(struct span text, struct buf *out)
{
    CLEANUP(buf_done) struct buf clean;
    buf_init(&clean, EMAIL_TEXT_BYTES);
    for (size_t i = 0; i < text.bytes; i++)
        buf_append_byte(&clean, (unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f ? ' ' : text.at[i]);
    struct span all = buf_span(&clean);
    if (clean.failed || !span_is_utf8(all))
        return false;
    if (!needs_words(all))
        return buf_append(out, all);
    for (size_t at = 0, bytes; at < all.bytes; at += bytes) {
        bytes = piece_bytes(all, at);
        buf_append_text(out, at > 0 ? "\r\n =?UTF-8?B?" : "=?UTF-8?B?");
        out->failed = !secret_base64(span_slice(all, at, bytes), out) || out->failed;
        buf_append_text(out, "?=");
    }
    return !out->failed;
}

/* "Mon, 30 Nov 2026 12:00:00 +0000" */
static void write_date(int64_t at_s, struct buf *out)
{
    static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    time_t at = (time_t)at_s;
    struct tm tm = { 0 };
    if (gmtime_r(&at, &tm) == NULL)
        out->failed = true;
    else
        buf_format(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* ---- the message ---- */

struct letter { struct email *e; const struct email_message *m; struct curl_slist *fields, *to; curl_mime *mime; };

static bool add_line(struct curl_slist **list, struct buf *line)
{
    struct curl_slist *longer = line->failed ? NULL : curl_slist_append(*list, buf_text(line));
    if (longer != NULL)
        *list = longer;
    buf_clear(line);
    return longer != NULL;
}

static bool add_field(struct curl_slist **list, struct buf *line, const char *name, struct span value)
{
    buf_append_text(line, name);
    buf_append(line, value);
    return add_line(list, line);
}

/* A display name in quotes when it is plain text: it may hold what ends a phrase (RFC 5322 section 3.2.3). */
static void write_name(struct span name, struct buf *line)
{
    if (needs_words(name)) {
        line->failed = line->failed || !email_encode_words(name, line);
        return;
    }
    buf_append_byte(line, '"');
    for (size_t i = 0; i < name.bytes; i++) {
        if (name.at[i] == '"' || name.at[i] == '\\')
            buf_append_byte(line, '\\');
        buf_append_byte(line, name.at[i]);
    }
    buf_append_byte(line, '"');
}

static bool add_from(struct curl_slist **list, struct buf *line, const struct email *e)
{
    buf_append_text(line, "From: ");
    if (e->name[0] != '\0') {
        write_name(span_of(e->name), line);
        buf_append_byte(line, ' ');
    }
    buf_format(line, "<%s>", e->from);
    return add_line(list, line);
}

static bool add_fields(struct letter *l)
{
    const struct email *e = l->e;
    const struct email_message *m = l->m;
    CLEANUP(buf_done) struct buf line;
    buf_init(&line, LINE_BYTES);
    write_date(m->now_s, &line);
    bool good = add_line(&l->fields, &line) && add_from(&l->fields, &line, e) && add_field(&l->fields, &line, "To: ", m->to);
    buf_append_text(&line, "Subject: ");
    good = good && email_encode_words(m->subject, &line) && add_line(&l->fields, &line);
    struct span host = host_of(e->from);
    buf_format(&line, "Message-ID: <%.*s@%.*s>", SPAN_ARGS(m->id), SPAN_ARGS(host));
    good = good && add_line(&l->fields, &line);
    if (e->reply_to[0] != '\0')
        good = good && add_field(&l->fields, &line, "Reply-To: ", span_of(e->reply_to));
    if (!span_empty(m->language))
        good = good && add_field(&l->fields, &line, "Content-Language: ", m->language);
    return good && add_field(&l->fields, &line, "Auto-Submitted: ", SPAN_LITERAL("auto-generated")) && add_field(&l->fields, &line, "X-Auto-Response-Suppress: ", SPAN_LITERAL("All"));
}

/* CR LF at line ends, so that quoted-printable has them as line ends and not as characters (RFC 2045 section 6.7). */
static bool add_part(curl_mime *mime, struct span text, const char *type)
{
    CLEANUP(buf_done) struct buf lines;
    buf_init(&lines, 2 * EMAIL_TEXT_BYTES);
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.at[i] == '\n')
            buf_append_byte(&lines, '\r');
        if (text.at[i] != '\r')
            buf_append_byte(&lines, text.at[i]);
    }
    struct span all = buf_span(&lines);
    curl_mimepart *part = lines.failed ? NULL : curl_mime_addpart(mime);
    return part != NULL && curl_mime_data(part, all.at, all.bytes) == CURLE_OK && curl_mime_type(part, type) == CURLE_OK && curl_mime_encoder(part, "quoted-printable") == CURLE_OK;
}

static bool add_alternatives(struct letter *l)
{
    curl_mime *both = curl_mime_init(l->e->easy);
    struct curl_slist *kind = curl_slist_append(NULL, "Content-Disposition: inline");
    l->mime = curl_mime_init(l->e->easy);
    curl_mimepart *part = both != NULL && l->mime != NULL && kind != NULL ? curl_mime_addpart(l->mime) : NULL;
    if (part == NULL || !add_part(both, l->m->text, "text/plain; charset=utf-8") || !add_part(both, l->m->html, "text/html; charset=utf-8") || curl_mime_subparts(part, both) != CURLE_OK) {
        curl_mime_free(both);
        curl_slist_free_all(kind);
        return false;
    }
    return curl_mime_type(part, "multipart/alternative") == CURLE_OK && curl_mime_headers(part, kind, 1) == CURLE_OK;
}

/* ---- the conversation ---- */

static const struct { const char *command; enum phase phase; } commands[] = {
    { "EHLO", PHASE_HELLO }, { "HELO", PHASE_HELLO }, { "STARTTLS", PHASE_TLS }, { "AUTH", PHASE_LOGIN }, { "MAIL FROM", PHASE_SENDER }, { "RCPT TO", PHASE_RECIPIENT }, { "DATA", PHASE_DATA },
};

/* A command before the text. No argument is looked at: a login's are secret. */
static void note_command(struct email *e, struct span line)
{
    e->leaving = e->leaving || span_starts(line, SPAN_LITERAL("QUIT"));
    for (size_t i = 0; e->phase != PHASE_TEXT && i < sizeof commands / sizeof commands[0]; i++)
        if (span_starts(line, span_of(commands[i].command)))
            e->phase = commands[i].phase;
}

static void note_answer(struct email *e, struct span line)
{
    uint64_t status = 0;
    if (e->leaving || !span_to_u64(span_slice(line, 0, 3), &status))
        return;
    e->status = (unsigned)status;
    if (e->phase == PHASE_TEXT && e->final_status == 0)
        e->final_status = e->status;
    else if (e->phase == PHASE_DATA && status == 354)
        e->phase = PHASE_TEXT;
}

/* What libcurl would print when it is verbose: the conversation, line by line. */
static int note_line(CURL *easy, curl_infotype type, char *data, size_t bytes, void *context)
{
    struct email *e = context;
    (void)easy;
    if (type == CURLINFO_HEADER_OUT)
        note_command(e, span_make(data, bytes));
    else if (type == CURLINFO_HEADER_IN)
        note_answer(e, span_make(data, bytes));
    return 0;
}

static size_t drop(char *at, size_t each, size_t count, void *context)
{
    (void)at, (void)context;
    return each * count;
}

static int take_tick(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    const struct email *e = context;
    (void)down_total, (void)down, (void)up_total, (void)up;
    return e->tick == NULL || e->tick(e->tick_context) ? 0 : 1;
}

/* Without TLS nothing leaves this machine, whatever a name resolves to. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct email *e = context;
    if (purpose != CURLSOCKTYPE_IPCXN || (e->plain && http_address_kind(&address->addr) != HTTP_ADDRESS_LOOPBACK)) {
        e->denied = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void set_trust(struct email *e)
{
    CURL *c = e->easy;
    curl_easy_setopt(c, CURLOPT_USE_SSL, (long)(e->plain ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (e->ca_pem == NULL)
        return;
    struct curl_blob pem = { e->ca_pem, e->ca_bytes, CURL_BLOB_NOCOPY };
    curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &pem);
    curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
}

static void set_common(struct email *e)
{
    CURL *c = e->easy;
    curl_easy_reset(c); /* options only: an open connection stays */
    curl_easy_setopt(c, CURLOPT_URL, e->server);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)EMAIL_CALL_MS);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)EMAIL_CONNECT_MS);
    curl_easy_setopt(c, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)STALL_S);
    curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, (long)KEEP_CONNECTION_S);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, e);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(c, CURLOPT_VERBOSE, 1L); /* for the next two: nothing is printed */
    curl_easy_setopt(c, CURLOPT_DEBUGFUNCTION, note_line);
    curl_easy_setopt(c, CURLOPT_DEBUGDATA, e);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, take_tick);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, e);
    if (e->user[0] != '\0') {
        curl_easy_setopt(c, CURLOPT_USERNAME, e->user);
        curl_easy_setopt(c, CURLOPT_PASSWORD, e->password);
    }
    set_trust(e);
}

/* ---- what came of it ---- */

static struct email_result judge_status(const struct email *e, enum phase phase, unsigned status)
{
    bool for_good = status >= 500;
    switch (phase) {
    case PHASE_LOGIN: return say(e, for_good ? EMAIL_STOPPED : EMAIL_LATER, "login_refused");
    case PHASE_SENDER:
        if (status == 552)
            return say(e, EMAIL_REFUSED, "message_too_large");
        return say(e, for_good ? EMAIL_STOPPED : EMAIL_LATER, status == 530 ? "login_required" : "sender_refused");
    case PHASE_RECIPIENT:
        if (status == 530 || status == 554 || status == 550)
            return say(e, status == 530 ? EMAIL_STOPPED : EMAIL_REFUSED, status == 530 ? "login_required" : "recipient_refused");
        return say(e, for_good ? EMAIL_REFUSED : EMAIL_LATER, for_good ? "recipient_refused" : "busy");
    case PHASE_DATA:
    case PHASE_TEXT: return say(e, for_good ? EMAIL_REFUSED : EMAIL_LATER, for_good ? "message_refused" : "busy");
    case PHASE_CONNECT:
    case PHASE_HELLO:
    case PHASE_TLS: break;
    }
    return say(e, EMAIL_LATER, for_good ? "server_refused" : "busy");
}

/* Before the text nothing can have been taken (RFC 5321 section 3.3: only the answer to the text accepts). */
static struct email_result judge_failure(const struct email *e, CURLcode code)
{
    if (e->phase == PHASE_TEXT)
        return say(e, EMAIL_AMBIGUOUS, "no_answer");
    if (e->denied)
        return say(e, EMAIL_STOPPED, "address_not_allowed");
    if (e->withheld)
        return say(e, EMAIL_LATER, "held_back");
    if (code == CURLE_LOGIN_DENIED)
        return judge_status(e, PHASE_LOGIN, e->status);
    if (code == CURLE_USE_SSL_FAILED)
        return say(e, EMAIL_LATER, "no_starttls");
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR)
        return say(e, EMAIL_LATER, code == CURLE_SSL_CONNECT_ERROR ? "tls_failed" : "certificate_not_trusted");
    if (code == CURLE_OUT_OF_MEMORY)
        return say(e, EMAIL_LATER, "memory_short");
    if (e->status >= 400)
        return judge_status(e, e->phase, e->status);
    return say(e, EMAIL_LATER, e->phase == PHASE_CONNECT ? "out_of_reach" : "no_answer");
}

static struct email_result perform(struct email *e)
{
    e->phase = PHASE_CONNECT;
    e->status = e->final_status = 0;
    e->denied = e->withheld = e->leaving = false;
    CURLcode code = curl_easy_perform(e->easy);
    if (e->final_status > 0)
        return e->final_status < 300 ? say(e, EMAIL_DONE, "") : judge_status(e, PHASE_TEXT, e->final_status);
    return code == CURLE_OK && e->phase != PHASE_TEXT ? say(e, EMAIL_DONE, "") : judge_failure(e, code);
}

/* Before MAIL FROM: what follows has EMAIL_CALL_MS in all, counted from before the connection. */
static int before_letter(void *context, char *primary_ip, char *local_ip, int primary_port, int local_port)
{
    struct letter *l = context;
    (void)primary_ip, (void)local_ip, (void)primary_port, (void)local_port;
    l->e->withheld = l->m->may_leave != NULL && !l->m->may_leave(l->m->may_leave_context);
    return l->e->withheld ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static struct email_result send_letter(struct letter *l)
{
    CURL *c = l->e->easy;
    curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, before_letter);
    curl_easy_setopt(c, CURLOPT_PREREQDATA, l);
    curl_easy_setopt(c, CURLOPT_MAIL_FROM, l->e->from);
    curl_easy_setopt(c, CURLOPT_MAIL_RCPT, l->to);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, l->fields);
    curl_easy_setopt(c, CURLOPT_MIMEPOST, l->mime);
    struct email_result r = perform(l->e);
    long opened = 0;
    curl_easy_getinfo(c, CURLINFO_NUM_CONNECTS, &opened);
    if (r.outcome == EMAIL_LATER && opened == 0 && l->e->status < 400 && !l->e->withheld) { /* the connection that was kept open had died */
        curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
        r = perform(l->e);
    }
    return r;
}

static bool is_sendable(const struct email_message *m)
{
    for (size_t i = 0; i < m->id.bytes; i++)
        if ((m->id.at[i] < '0' || m->id.at[i] > '9') && (m->id.at[i] < 'a' || m->id.at[i] > 'z') && (m->id.at[i] < 'A' || m->id.at[i] > 'Z') && strchr("_.-", m->id.at[i]) == NULL)
            return false;
    for (size_t i = 0; i < m->language.bytes; i++)
        if (m->language.at[i] <= ' ' || m->language.at[i] >= 127)
            return false;
    return m->id.bytes > 0 && m->id.bytes <= 64 && m->language.bytes <= 32 && m->subject.bytes > 0 && m->subject.bytes <= EMAIL_SUBJECT_BYTES && m->text.bytes <= EMAIL_TEXT_BYTES
           && m->html.bytes <= EMAIL_TEXT_BYTES && memchr(m->text.at, '\0', m->text.bytes) == NULL && memchr(m->html.at, '\0', m->html.bytes) == NULL;
}

struct email_result email_send(struct email *e, const struct email_message *m)
{
    e->status = 0;
    if (!email_is_address(m->to))
        return say(e, EMAIL_REFUSED, "address_not_usable");
    if (m->text.bytes == 0 || m->html.bytes == 0 || !is_sendable(m))
        return say(e, EMAIL_REFUSED, "message_not_sendable");
    char to[EMAIL_ADDRESS_BYTES + 1];
    memcpy(to, m->to.at, m->to.bytes);
    to[m->to.bytes] = '\0';
    set_common(e);
    struct letter l = { .e = e, .m = m, .to = curl_slist_append(NULL, to) };
    struct email_result r = l.to != NULL && add_fields(&l) && add_alternatives(&l) ? send_letter(&l) : say(e, EMAIL_LATER, "memory_short");
    curl_easy_setopt(e->easy, CURLOPT_MIMEPOST, NULL);
    curl_mime_free(l.mime);
    curl_slist_free_all(l.fields);
    curl_slist_free_all(l.to);
    return r;
}

struct email_result email_probe(struct email *e)
{
    set_common(e);
    curl_easy_setopt(e->easy, CURLOPT_CUSTOMREQUEST, "NOOP");
    curl_easy_setopt(e->easy, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(e->easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(e->easy, CURLOPT_FORBID_REUSE, 1L);
    return perform(e);
}
