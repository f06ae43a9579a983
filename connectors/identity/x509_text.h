/* x509_text: what OpenSSL keeps in its own structs, as our plain values. Any thread. */
#ifndef CONNECTORS_IDENTITY_X509_TEXT_H
#define CONNECTORS_IDENTITY_X509_TEXT_H
#include "posture/base/arena.h"

#include <openssl/x509.h>

enum { X509_TEXT_BYTES = 512 };
/* Wall seconds; false when it cannot be read. */
bool x509_seconds(const ASN1_TIME *time, int64_t *out_s);
/* RFC 2253, for logs and people, cut at X509_TEXT_BYTES. */
struct span x509_name_text(struct arena *arena, const X509_NAME *name);

#endif
