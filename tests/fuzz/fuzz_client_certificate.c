/* The first byte chooses: a certificate in DER (its names by each rule, and whether a CA vouches for it), certificates in PEM, or a header of a proxy; the rest is
 * its bytes. Whatever is read obeys its bounds. */
#include "connectors/identity/client_certificate_header.h"
#include "connectors/identity/client_trust.h"
#include "posture/device.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* A CA that vouches for nothing that a fuzzer can make. */
static const char ca_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBezCCASGgAwIBAgIUYKlytAWpX6BrApiti1XGJkU/h7EwCgYIKoZIzj0EAwIw\n"
    "EzERMA8GA1UEAwwITm9ib2R5J3MwHhcNMjYxMTI5MDMxODQ2WhcNMzYxMTI2MDMx\n"
    "ODQ2WjATMREwDwYDVQQDDAhOb2JvZHknczBZMBMGByqGSM49AgEGCCqGSM49AwEH\n"
    "A0IABPQoHyJJkw/uuinGLaXHVUGJZSIr3/QhSxiFRSh+ciadb/wqv0ztUTUVAOq0\n"
    "O5XHOQxoYMgt3oMUg4xst0Jb8AujUzBRMB0GA1UdDgQWBBQZK8vNMp+9ExJpPcA2\n"
    "PD0ycQbVhjAfBgNVHSMEGDAWgBQZK8vNMp+9ExJpPcA2PD0ycQbVhjAPBgNVHRMB\n"
    "Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQCtYJKZA96aDDkacRvhimgcjERy\n"
    "8GkQ3ZZ1mSqLPzHfBgIgZhUptAW+899kPzhEvvgSguWNLa9o4UTrWWhzor/F06U=\n"
    "-----END CERTIFICATE-----\n";

static const struct client_trust *trust(void)
{
    static struct client_trust *t;
    struct client_trust_source source = { .ca_pem = span_of(ca_pem) };
    struct err err;
    if (t == NULL)
        require(client_trust_new(&source, &t, &err) == OK);
    return t;
}

static void try_certificate(struct span der, struct arena *a)
{
    struct client_certificate c;
    const char *reason = NULL;
    struct err err;
    struct span hex;
    require(client_trust_check(trust(), der, NULL, 0, 1780272000, &reason, &err) == ERR_DENIED && reason != NULL);
    if (client_certificate_read(der, a, &c, &err) != OK)
        return;
    require(c.name_count <= CLIENT_CERTIFICATE_NAMES && c.serial_hex.bytes >= 1 && c.serial_hex.bytes <= 40);
    require(client_certificate_serial_from_decimal(c.serial_decimal, a, &hex, &err) == OK && span_equal(hex, c.serial_hex));
    for (size_t i = 0; i < c.name_count; i++)
        require(span_is_utf8(c.names[i].value) && c.names[i].value.bytes <= CLIENT_CERTIFICATE_VALUE_BYTES && span_find(c.names[i].value, '\0') == c.names[i].value.bytes);
}

static void try_pem(struct span pem, struct arena *a)
{
    struct span ders[4];
    size_t count = 0;
    struct err err;
    if (client_certificate_from_pem(pem, a, ders, 4, &count, &err) != OK)
        return;
    require(count >= 1 && count <= 4);
    for (size_t i = 0; i < count; i++)
        try_certificate(ders[i], a);
}

/* Value and second header are apart by a line. */
static void try_header(enum certificate_header h, struct span text, struct arena *a)
{
    struct presented_certificate p = { 0 };
    struct err err;
    size_t line = span_find(text, '\n');
    struct span value = span_slice(text, 0, line), about = span_slice(text, line + 1, text.bytes);
    if (certificate_header_read(h, value, about, XFCC_ONLY, a, &p, &err) != OK)
        return;
    require(p.chain_count <= CLIENT_CERTIFICATE_CHAIN);
    require((p.form == FORM_CERTIFICATE) == (p.leaf.bytes > 0) && (p.form == FORM_SHA256) == (p.sha256.bytes == 64) && (p.form == FORM_SERIAL) == (p.serial_hex.bytes > 0));
    require(!p.none_said || p.form == FORM_NONE);
    if (p.form == FORM_CERTIFICATE)
        try_certificate(p.leaf, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct arena a;
    if (bytes == 0)
        return 0;
    struct span rest = span_make(data + 1, bytes - 1);
    unsigned way = data[0] % (CERTIFICATE_HEADERS + 2);
    arena_init(&a, 16 * 1024, 16 * 1024 * 1024);
    if (way < CERTIFICATE_HEADERS)
        try_header((enum certificate_header)way, rest, &a);
    else if (way == CERTIFICATE_HEADERS)
        try_pem(rest, &a);
    else
        try_certificate(rest, &a);
    arena_done(&a);
    return 0;
}
