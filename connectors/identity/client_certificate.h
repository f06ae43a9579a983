/* client_certificate: one X.509 certificate of a client -> the fields that can name a device. Says nothing about who vouches for it: client_trust.
 * Source: RFC 5280 sections 4.1 and 4.2.1.6. Any thread. */
#ifndef CONNECTORS_IDENTITY_CLIENT_CERTIFICATE_H
#define CONNECTORS_IDENTITY_CLIENT_CERTIFICATE_H
#include "posture/base/arena.h"
#include "posture/base/secret.h"

enum { CLIENT_CERTIFICATE_BYTES = 16 * 1024, CLIENT_CERTIFICATE_CHAIN = 6 /* issuers that are sent along */, CLIENT_CERTIFICATE_NAMES = 32, CLIENT_CERTIFICATE_VALUE_BYTES = 512 };

/* Where a name stands. The subject's serialNumber is an attribute of the name (2.5.4.5), often the device's; it is not the certificate's number. */
enum certificate_field {
    CERTIFICATE_SUBJECT_CN, CERTIFICATE_SUBJECT_SERIAL_NUMBER, CERTIFICATE_SUBJECT_UID, CERTIFICATE_SUBJECT_OU,
    CERTIFICATE_SAN_URI, CERTIFICATE_SAN_DNS, CERTIFICATE_SAN_EMAIL, CERTIFICATE_FIELDS
};
const char *certificate_field_name(enum certificate_field f); /* "subject.CN", "subject.serialNumber", "san.uri", ... */
bool certificate_field_from(struct span name, enum certificate_field *f);

struct certificate_name { enum certificate_field field; struct span value; /* UTF-8 without control characters */ };
struct client_certificate {
    struct span der;                                   /* borrowed from the caller */
    char sha256[SECRET_HEX_BYTES + 1];                 /* of the DER, lower-case hex */
    struct span serial_hex, serial_decimal;            /* the certificate's own number: lower case, no leading zeros */
    struct span subject, issuer;                       /* RFC 2253, for logs and people */
    const struct certificate_name *names; size_t name_count; /* in the order of the certificate */
    int64_t not_before_s, not_after_s;
};
/* Texts live in `arena`. ERR_INPUT: not one whole certificate, a negative or overlong number, too many names, or a name with a control character. */
MUST_CHECK enum err_code client_certificate_read(struct span der, struct arena *arena, struct client_certificate *out, struct err *err);
/* Decimal digits -> hex as in serial_hex. ERR_INPUT for anything else, or more than 20 octets. */
MUST_CHECK enum err_code client_certificate_serial_from_decimal(struct span text, struct arena *arena, struct span *hex, struct err *err);

/* Certificates in PEM (RFC 7468) -> DER in the arena, in their order. Text between them is skipped, white space inside them too (Apache joins the lines by
 * spaces). ERR_INPUT when there is none, more than `most`, or one is broken. */
MUST_CHECK enum err_code client_certificate_from_pem(struct span pem, struct arena *arena, struct span *ders, size_t most, size_t *count, struct err *err);

#endif
