/* What a door is written with: addresses, certificates, public keys. Checked by their shape only: this layer opens no certificate and asks nobody. */
#include "posture/policy_doors.h"

#include "posture/base/from_json.h"
#include "posture/base/secret.h"

enum { JWKS_KEYS = 16, JWKS_DEPTH = 6 };

/* ---- addresses ---- */

static bool is_url_byte(unsigned char c)
{
    return c > ' ' && c < 0x7F && c != '"' && c != '<' && c != '>' && c != '\\' && c != '^' && c != '`' && c != '{' && c != '|' && c != '}';
}

/* Host and port of "scheme://authority/...". */
static struct span authority_of(struct span url)
{
    struct span rest = span_slice(url, span_search(url, SPAN_LITERAL("://")) + 3, url.bytes);
    size_t end = 0;
    while (end < rest.bytes && rest.at[end] != '/' && rest.at[end] != '?' && rest.at[end] != '#')
        end++;
    return span_slice(rest, 0, end);
}

static bool is_port(struct span text)
{
    uint64_t port;
    return span_to_u64(text, &port) && port >= 1 && port <= 65535;
}

/* "host", "host:port", "[::1]:port". */
static bool split_authority(struct span authority, struct span *host)
{
    size_t end = span_find(authority, ':');
    if (span_starts(authority, SPAN_LITERAL("[")))
        end = span_find(authority, ']') + 1;
    *host = span_slice(authority, 0, end);
    if (span_empty(*host) || end > authority.bytes)
        return false;
    return end == authority.bytes || (authority.at[end] == ':' && is_port(span_slice(authority, end + 1, authority.bytes)));
}

static bool is_host_name(struct span host)
{
    bool address = span_starts(host, SPAN_LITERAL("["));
    for (size_t i = 0; i < host.bytes; i++) {
        char c = host.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
        if (!letter && !(address && (c == ':' || c == '[' || c == ']')))
            return false;
    }
    return host.bytes <= 255;
}

static bool is_loopback(struct span host)
{
    return span_equal_fold(host, SPAN_LITERAL("localhost")) || span_equal_text(host, "127.0.0.1") || span_equal_text(host, "[::1]");
}

/* NULL, or what is wrong with it. */
static const char *url_fault(struct span url, bool *plain)
{
    struct span host;
    *plain = span_starts(url, SPAN_LITERAL("http://"));
    if (!*plain && !span_starts(url, SPAN_LITERAL("https://")))
        return "must begin with https://";
    for (size_t i = 0; i < url.bytes; i++)
        if (!is_url_byte((unsigned char)url.at[i]))
            return "holds a character that an address cannot have; write it percent-encoded";
    if (span_find(url, '#') < url.bytes)
        return "must not have a fragment (#...)";
    if (span_find(url, '*') < url.bytes)
        return "must be written out: addresses are compared letter by letter, and there are no wildcards";
    if (span_find(authority_of(url), '@') < authority_of(url).bytes)
        return "must not name a user (...@)";
    if (!split_authority(authority_of(url), &host) || !is_host_name(host))
        return "has no good host name or port";
    return *plain && !is_loopback(host) ? "must begin with https://: plain http is only for 127.0.0.1, [::1] and localhost" : NULL;
}

bool policy_door_loopback(struct span url)
{
    struct span host;
    return split_authority(authority_of(url), &host) && is_loopback(host);
}

bool policy_door_url(struct policy_reader *r, const struct yaml_node *n, struct span url)
{
    bool plain;
    const char *fault = url_fault(url, &plain);
    if (fault != NULL)
        yaml_mistake(r->mistakes, n, "%s", fault);
    else if (plain)
        yaml_warning(r->mistakes, n, "plain http to this machine: for tests only");
    return fault == NULL;
}

bool policy_door_urls(struct policy_reader *r, const struct yaml_node *n, const struct span **out, size_t *count)
{
    if (!policy_reader_texts(r, n, DOOR_MAX_URLS, DOOR_URL_BYTES, out, count))
        return false;
    for (size_t i = 0; i < *count; i++) {
        const struct yaml_node *at = policy_door_item(n, i);
        if (span_empty((*out)[i]))
            continue;
        (void)policy_door_url(r, at, (*out)[i]);
        for (size_t k = 0; k < i; k++)
            if (span_equal((*out)[i], (*out)[k]))
                yaml_mistake(r->mistakes, at, "is in this list already");
    }
    return true;
}

const struct yaml_node *policy_door_item(const struct yaml_node *n, size_t index) { return n->kind == YAML_SEQUENCE ? &n->children[index] : n; }

/* ---- certificates ---- */

/* The base64 between the PEM lines, or the whole when there are none, without white space. */
static bool pem_base64(struct span pem, struct buf *out)
{
    static const struct span begin = { "-----BEGIN CERTIFICATE-----", 27 }, end = { "-----END CERTIFICATE-----", 25 };
    struct span text = span_trim(pem);
    if (span_starts(text, begin) != span_ends(text, end))
        return false;
    if (span_starts(text, begin))
        text = span_slice(text, begin.bytes, text.bytes - begin.bytes - end.bytes);
    for (size_t i = 0; i < text.bytes; i++)
        if (text.at[i] != ' ' && text.at[i] != '\n' && text.at[i] != '\r' && text.at[i] != '\t')
            buf_append(out, span_slice(text, i, 1));
    return buf_span(out).bytes > 0;
}

/* X.690: a SEQUENCE whose length, in two bytes, is what follows. No certificate is shorter, and none allowed here is longer. */
static bool is_whole_der(struct span der)
{
    const unsigned char *b = (const unsigned char *)der.at;
    return der.bytes > 4 && b[0] == 0x30 && b[1] == 0x82 && ((size_t)b[2] << 8 | b[3]) == der.bytes - 4;
}

static struct span pem_again(struct policy_reader *r, struct span der)
{
    CLEANUP(buf_done) struct buf out;
    buf_init(&out, 2 * DOOR_PEM_BYTES);
    struct span copy = secret_certificate_pem(der, &out) ? arena_copy(&r->policy->arena, buf_span(&out)) : SPAN_NONE;
    r->full = r->full || copy.at == NULL;
    return copy;
}

static void read_certificate(struct policy_reader *r, const struct yaml_node *n, struct span *pem)
{
    struct err err;
    CLEANUP(buf_done) struct buf base64, der;
    buf_init(&base64, DOOR_PEM_BYTES);
    buf_init(&der, DOOR_PEM_BYTES);
    bool good = pem_base64(*pem, &base64) && secret_from_base64(buf_span(&base64), DOOR_PEM_BYTES, &der, &err) == OK;
    if (!good)
        yaml_mistake(r->mistakes, n, "is not one certificate in PEM form (-----BEGIN CERTIFICATE----- ...)");
    else if (!is_whole_der(buf_span(&der)))
        yaml_mistake(r->mistakes, n, "this certificate is cut short, or is none");
    else
        *pem = pem_again(r, buf_span(&der));
}

void policy_door_certificates(struct policy_reader *r, const struct yaml_node *n, const struct span **out, size_t *count)
{
    const struct span *texts;
    size_t total;
    if (!policy_reader_texts(r, n, DOOR_MAX_CERTIFICATES, DOOR_PEM_BYTES, &texts, &total))
        return;
    struct span *pems = policy_reader_array(r, total, sizeof *pems);
    for (size_t i = 0; pems != NULL && i < total; i++) {
        pems[i] = texts[i];
        if (!span_empty(texts[i]))
            read_certificate(r, policy_door_item(n, i), &pems[i]);
    }
    *out = pems;
    *count = pems == NULL ? 0 : total;
}

/* ---- public keys ---- */

static const char *key_fault(const struct from_json_value *key)
{
    static const char *const secrets[] = { "d", "k", "p", "q", "dp", "dq", "qi", "oth" };
    struct from_json_value type = from_json_member(key, "kty");
    struct span kty = SPAN_NONE;
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        struct from_json_value part = from_json_member(key, secrets[i]);
        if (from_json_present(&part))
            return "holds a private or shared key; only public keys belong here, and this one is no longer secret";
    }
    if (from_json_text(&type, 16, &kty, NULL) != OK || (!span_equal_text(kty, "RSA") && !span_equal_text(kty, "EC")))
        return "each key needs kty: RSA or EC";
    return NULL;
}

void policy_door_jwks(struct policy_reader *r, const struct yaml_node *n, struct span *out)
{
    struct err err;
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    if (!policy_reader_text(r, n, DOOR_JWKS_BYTES, out))
        return;
    if (from_json_parse(*out, (struct from_json_limits){ DOOR_JWKS_BYTES, JWKS_DEPTH }, "jwks", &doc, &err) != OK) {
        yaml_mistake(r->mistakes, n, "must be a JSON Web Key Set in quotes: %s", err.text);
        return;
    }
    struct from_json_value root = from_json_root(doc), keys = from_json_member(&root, "keys");
    size_t count = from_json_count(&keys);
    if (from_json_array(&keys, JWKS_KEYS, NULL) != OK || count == 0)
        yaml_mistake(r->mistakes, n, "must be {\"keys\": [...]} with 1 to %d keys", JWKS_KEYS);
    for (size_t i = 0; count <= JWKS_KEYS && i < count; i++) {
        struct from_json_value key = from_json_item(&keys, i);
        const char *fault = key_fault(&key);
        if (fault != NULL)
            yaml_mistake(r->mistakes, n, "key %zu: %s", i + 1, fault);
    }
}
