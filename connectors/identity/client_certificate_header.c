#include "connectors/identity/client_certificate_header.h"

#include "posture/base/percent.h"
#include "posture/device.h"

#include <string.h>

enum { HEADER_BYTES = 64 * 1024, ELEMENTS = 16 };

static const struct { const char *word, *name, *about; } headers[CERTIFICATE_HEADERS] = {
    [HEADER_RFC9440] = { "rfc9440", "Client-Cert", "Client-Cert-Chain" },
    [HEADER_XFCC] = { "xfcc", "X-Forwarded-Client-Cert", NULL },
    [HEADER_SSL_CLIENT] = { "ssl_client", "X-SSL-Client-Cert", "X-SSL-Client-Verify" },
    [HEADER_TRAEFIK] = { "traefik", "X-Forwarded-Tls-Client-Cert", NULL },
    [HEADER_SERIAL_HEX] = { "serial_hex", "X-SSL-Client-Serial", "X-SSL-Client-Verify" },
    [HEADER_SERIAL_DECIMAL] = { "serial_decimal", "X-SSL-Client-Serial", "X-SSL-Client-Verify" },
    [HEADER_SHA256] = { "sha256", "X-SSL-Client-SHA256", NULL },
};

const char *certificate_header_name(enum certificate_header h) { return headers[h].name; }
const char *certificate_header_about(enum certificate_header h) { return headers[h].about; }

bool certificate_header_is_one(struct span name)
{
    static const struct span all[] = { { "Client-Cert", 11 }, { "Client-Cert-Chain", 17 }, { "X-Forwarded-Client-Cert", 23 }, { "X-SSL-Client-Cert", 17 }, { "X-SSL-Client-Verify", 19 },
                                       { "X-Forwarded-Tls-Client-Cert", 27 }, { "X-SSL-Client-Serial", 19 }, { "X-SSL-Client-SHA256", 19 } };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (span_equal_fold(name, all[i]))
            return true;
    return false;
}

bool certificate_header_from(struct span word, enum certificate_header *h)
{
    for (int i = 0; i < CERTIFICATE_HEADERS; i++) {
        if (!span_equal_text(word, headers[i].word))
            continue;
        *h = (enum certificate_header)i;
        return true;
    }
    return false;
}

struct header_reading { struct arena *arena; struct presented_certificate *out; enum xfcc_element element; struct err *err; };

static enum err_code malformed(struct header_reading *r, const char *name, const char *why) { return err_set(r->err, ERR_INPUT, "%s: %s", name, why); }

/* ---- pieces ---- */

static enum err_code decode_base64(struct header_reading *r, struct span text, struct span *der)
{
    CLEANUP(buf_done) struct buf out;
    buf_init(&out, CLIENT_CERTIFICATE_BYTES);
    enum err_code code = span_empty(text) ? err_set(r->err, ERR_INPUT, "nothing in base64") : secret_from_base64(text, CLIENT_CERTIFICATE_BYTES, &out, r->err);
    if (code != OK)
        return code;
    *der = arena_copy(r->arena, buf_span(&out));
    return der->at != NULL ? OK : err_set(r->err, ERR_MEMORY, "reading a certificate header");
}

static enum err_code unescape(struct header_reading *r, struct span text, struct span *out)
{
    CLEANUP(buf_done) struct buf plain;
    buf_init(&plain, HEADER_BYTES);
    if (!percent_decode(text, false, &plain))
        return err_set(r->err, ERR_INPUT, "bad percent-encoding");
    *out = arena_copy(r->arena, buf_span(&plain));
    return out->at != NULL || plain.bytes == 0 ? OK : err_set(r->err, ERR_MEMORY, "reading a certificate header");
}

/* The first is the leaf. */
static void take_certificates(struct header_reading *r, const struct span *ders, size_t count)
{
    r->out->form = FORM_CERTIFICATE;
    r->out->leaf = ders[0];
    r->out->chain_count = count - 1;
    for (size_t i = 1; i < count; i++)
        r->out->chain[i - 1] = ders[i];
}

static enum err_code read_pem(struct header_reading *r, struct span pem)
{
    struct span ders[CLIENT_CERTIFICATE_CHAIN + 1];
    size_t count = 0;
    enum err_code code = client_certificate_from_pem(pem, r->arena, ders, CLIENT_CERTIFICATE_CHAIN + 1, &count, r->err);
    if (code == OK)
        take_certificates(r, ders, count);
    return code;
}

/* ---- RFC 9440 ---- */

/* A byte sequence of RFC 8941 section 3.3.5: base64 between colons. */
static enum err_code read_byte_sequence(struct header_reading *r, const char *name, struct span item, struct span *der)
{
    item = span_trim(item);
    if (item.bytes < 3 || item.at[0] != ':' || item.at[item.bytes - 1] != ':')
        return malformed(r, name, "must be one byte sequence, base64 between colons");
    return decode_base64(r, span_slice(item, 1, item.bytes - 2), der) == OK ? OK : malformed(r, name, "is not base64");
}

static enum err_code read_rfc9440(struct header_reading *r, struct span value, struct span about)
{
    struct span part;
    if (span_empty(value))
        return span_empty(about) ? OK : malformed(r, "Client-Cert-Chain", "came without Client-Cert");
    enum err_code code = read_byte_sequence(r, "Client-Cert", value, &r->out->leaf);
    r->out->form = FORM_CERTIFICATE;
    if (span_empty(about))
        return code;
    while (code == OK && span_cut(&about, ',', &part)) {
        if (r->out->chain_count == CLIENT_CERTIFICATE_CHAIN)
            return malformed(r, "Client-Cert-Chain", "has too many certificates");
        code = read_byte_sequence(r, "Client-Cert-Chain", part, &r->out->chain[r->out->chain_count++]);
    }
    return code;
}

/* ---- Envoy ---- */

/* Cuts at `separator` outside of double quotes; a backslash takes the next character as it is. False at the end. */
static bool cut_quoted(struct span *rest, char separator, struct span *part)
{
    bool quoted = false;
    size_t i = 0;
    if (rest->at == NULL)
        return false;
    for (; i < rest->bytes && (quoted || rest->at[i] != separator); i++) {
        if (quoted && rest->at[i] == '\\')
            i++;
        else if (rest->at[i] == '"')
            quoted = !quoted;
    }
    i = i < rest->bytes ? i : rest->bytes;
    *part = span_slice(*rest, 0, i);
    *rest = i < rest->bytes ? span_slice(*rest, i + 1, rest->bytes) : SPAN_NONE;
    return true;
}

struct xfcc { struct span cert, chain, hash; };

/* Values with separators in them are quoted; those we use never hold a quote themselves. */
static enum err_code take_pair(struct header_reading *r, struct span pair, struct xfcc *out)
{
    const struct { const char *key; struct span *to; } known[] = { { "Cert", &out->cert }, { "Chain", &out->chain }, { "Hash", &out->hash } };
    size_t equals = span_find(pair, '=');
    struct span key = span_trim(span_slice(pair, 0, equals)), value = span_trim(span_slice(pair, equals + 1, pair.bytes));
    if (equals == pair.bytes || span_empty(key))
        return malformed(r, "X-Forwarded-Client-Cert", "must be key=value pairs");
    if (value.bytes >= 2 && value.at[0] == '"' && value.at[value.bytes - 1] == '"')
        value = span_slice(value, 1, value.bytes - 2);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (!span_equal_fold(key, span_of(known[i].key)))
            continue;
        if (!span_empty(*known[i].to) || span_find(value, '"') < value.bytes)
            return malformed(r, "X-Forwarded-Client-Cert", "names a certificate twice, or its quotes do not close");
        *known[i].to = value;
    }
    return OK;
}

static enum err_code read_element(struct header_reading *r, struct span element, struct xfcc *out)
{
    struct span pair;
    enum err_code code = OK;
    *out = (struct xfcc){ SPAN_NONE, SPAN_NONE, SPAN_NONE };
    while (code == OK && cut_quoted(&element, ';', &pair))
        if (!span_empty(span_trim(pair)))
            code = take_pair(r, pair, out);
    return code;
}

static bool is_sha256(struct arena *arena, struct span text, struct span *out)
{
    return text.bytes == SECRET_HEX_BYTES && identifier_normalize(SPAN_LITERAL("certificate"), text, arena, out);
}

/* Cert is the leaf, Chain the leaf and what follows, Hash the digest of the leaf: those that are there must agree. */
static enum err_code take_element(struct header_reading *r, const struct xfcc *e)
{
    struct span pem = SPAN_NONE, single, first, hash = SPAN_NONE;
    char digest[SECRET_HEX_BYTES + 1];
    size_t count = 0;
    enum err_code code = OK;
    if (!span_empty(e->hash) && !is_sha256(r->arena, e->hash, &hash))
        return malformed(r, "X-Forwarded-Client-Cert", "Hash must be 64 hex digits");
    if (span_empty(e->cert) && span_empty(e->chain)) {
        r->out->form = span_empty(hash) ? FORM_NONE : FORM_SHA256;
        r->out->sha256 = hash;
        return OK;
    }
    code = unescape(r, span_empty(e->chain) ? e->cert : e->chain, &pem);
    if (code == OK)
        code = read_pem(r, pem);
    first = r->out->leaf;
    if (code == OK && !span_empty(e->chain) && !span_empty(e->cert)) {
        code = unescape(r, e->cert, &pem);
        if (code == OK)
            code = client_certificate_from_pem(pem, r->arena, &single, 1, &count, r->err);
        if (code == OK && !span_equal(single, first))
            return malformed(r, "X-Forwarded-Client-Cert", "Cert is not the first of Chain");
    }
    if (code != OK)
        return err_wrap(r->err, "X-Forwarded-Client-Cert");
    secret_sha256_hex(first, digest);
    return span_empty(hash) || span_equal_text(hash, digest) ? OK : malformed(r, "X-Forwarded-Client-Cert", "Hash is not that of Cert");
}

static enum err_code read_xfcc(struct header_reading *r, struct span value, struct span about)
{
    struct xfcc all[ELEMENTS];
    struct span element;
    size_t count = 0;
    (void)about;
    if (span_empty(value))
        return OK;
    while (cut_quoted(&value, ',', &element)) {
        if (count == ELEMENTS)
            return malformed(r, "X-Forwarded-Client-Cert", "has too many elements");
        enum err_code code = read_element(r, element, &all[count++]);
        if (code != OK)
            return code;
    }
    if (count > 1 && r->element == XFCC_ONLY)
        return malformed(r, "X-Forwarded-Client-Cert", "has several elements, and listen.device.xfcc_element does not say which one is the client");
    return take_element(r, &all[r->element == XFCC_LAST ? count - 1 : 0]);
}

/* ---- nginx, Apache, HAProxy ---- */

enum said { SAID_NOTHING, SAID_GOOD, SAID_NONE, SAID_BAD };

/* nginx and Apache say SUCCESS, NONE, FAILED:why (Apache also GENEROUS, "(null)" without TLS); HAProxy a number, 0 when nothing was wrong. */
static enum said what_proxy_said(struct span verify)
{
    if (span_empty(verify))
        return SAID_NOTHING;
    if (span_equal_text(verify, "SUCCESS") || span_equal_text(verify, "0"))
        return SAID_GOOD;
    return span_equal_text(verify, "NONE") || span_equal_text(verify, "(null)") ? SAID_NONE : SAID_BAD;
}

static enum err_code refused_by_proxy(struct header_reading *r) { return err_set(r->err, ERR_DENIED, "the proxy says that the client certificate did not verify"); }

static enum err_code read_ssl_client(struct header_reading *r, struct span value, struct span about)
{
    struct span plain;
    enum said said = what_proxy_said(about);
    if (said == SAID_BAD)
        return refused_by_proxy(r);
    if (span_equal_text(value, "(null)"))
        value = SPAN_NONE;
    if (said == SAID_NONE && !span_empty(value))
        return malformed(r, "X-SSL-Client-Cert", "holds a certificate, and X-SSL-Client-Verify says that there is none");
    r->out->none_said = said == SAID_NONE;
    if (span_empty(value))
        return OK;
    enum err_code code = unescape(r, value, &plain);
    if (code == OK && span_search(plain, SPAN_LITERAL("-----BEGIN ")) < plain.bytes)
        code = read_pem(r, plain);
    else if (code == OK && (code = decode_base64(r, plain, &r->out->leaf)) == OK)
        r->out->form = FORM_CERTIFICATE;
    return code == OK ? OK : malformed(r, "X-SSL-Client-Cert", "is neither PEM nor DER in base64");
}

static enum err_code read_serial(struct header_reading *r, struct span value, struct span about, bool decimal)
{
    struct span hex = value;
    enum said said = what_proxy_said(about);
    if (said == SAID_BAD)
        return refused_by_proxy(r);
    r->out->none_said = said == SAID_NONE;
    if (span_empty(value) || span_equal_text(value, "(null)"))
        return OK;
    if (said != SAID_GOOD)
        return malformed(r, "X-SSL-Client-Serial", "came without an X-SSL-Client-Verify of SUCCESS or 0");
    if (decimal && client_certificate_serial_from_decimal(value, r->arena, &hex, r->err) != OK)
        return malformed(r, "X-SSL-Client-Serial", "is not a number in decimal");
    if (!identifier_normalize(SPAN_LITERAL("certificate_serial"), hex, r->arena, &r->out->serial_hex))
        return malformed(r, "X-SSL-Client-Serial", "is not a number in hex");
    r->out->form = FORM_SERIAL;
    return OK;
}

static enum err_code read_serial_hex(struct header_reading *r, struct span value, struct span about) { return read_serial(r, value, about, false); }
static enum err_code read_serial_decimal(struct header_reading *r, struct span value, struct span about) { return read_serial(r, value, about, true); }

static enum err_code read_sha256(struct header_reading *r, struct span value, struct span about)
{
    (void)about;
    if (span_empty(value))
        return OK;
    if (!is_sha256(r->arena, value, &r->out->sha256))
        return malformed(r, "X-SSL-Client-SHA256", "must be 64 hex digits");
    r->out->form = FORM_SHA256;
    return OK;
}

/* ---- Traefik ---- */

/* PEM without its first and last line, certificates apart by commas; escaped in older versions. */
static enum err_code read_traefik(struct header_reading *r, struct span value, struct span about)
{
    struct span ders[CLIENT_CERTIFICATE_CHAIN + 1], plain, part;
    size_t count = 0;
    (void)about;
    if (span_empty(value))
        return OK;
    enum err_code code = unescape(r, value, &plain);
    while (code == OK && span_cut(&plain, ',', &part)) {
        if (count == CLIENT_CERTIFICATE_CHAIN + 1)
            return malformed(r, "X-Forwarded-Tls-Client-Cert", "has too many certificates");
        code = decode_base64(r, span_trim(part), &ders[count++]);
    }
    if (code != OK || count == 0)
        return malformed(r, "X-Forwarded-Tls-Client-Cert", "is not DER in base64");
    take_certificates(r, ders, count);
    return OK;
}

enum err_code certificate_header_read(enum certificate_header h, struct span value, struct span about, enum xfcc_element element, struct arena *arena,
                                      struct presented_certificate *out, struct err *err)
{
    static enum err_code (*const read[CERTIFICATE_HEADERS])(struct header_reading *, struct span, struct span) = {
        [HEADER_RFC9440] = read_rfc9440,       [HEADER_XFCC] = read_xfcc,
        [HEADER_SSL_CLIENT] = read_ssl_client, [HEADER_TRAEFIK] = read_traefik,
        [HEADER_SERIAL_HEX] = read_serial_hex, [HEADER_SERIAL_DECIMAL] = read_serial_decimal,
        [HEADER_SHA256] = read_sha256,
    };
    struct presented_certificate presented = { .form = FORM_NONE };
    struct header_reading r = { arena, &presented, element, err };
    if (value.bytes > HEADER_BYTES || about.bytes > HEADER_BYTES)
        return err_set(err, ERR_INPUT, "%s is too long", headers[h].name);
    enum err_code code = read[h](&r, span_trim(value), span_trim(about));
    if (code == OK)
        *out = presented;
    return code;
}
