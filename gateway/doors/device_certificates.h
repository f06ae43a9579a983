/* device_certificates: the client certificates that prove a device: whose they are (CA, revocation lists), how one names its device, and which header a
 * trusted proxy passes it on in. docs/doors/device-proof.md.
 * Thread: one object for the node, read by all threads; device_certificates_refresh() by one thread. */
#ifndef GATEWAY_DOORS_DEVICE_CERTIFICATES_H
#define GATEWAY_DOORS_DEVICE_CERTIFICATES_H
#include "config/option.h"
#include "connectors/identity/client_certificate_header.h"
#include "connectors/identity/client_trust.h"
#include "posture/base/log.h"

/* As the configuration gives them; texts outlive the object. */
struct device_certificate_options {
    struct span public_url;            /* empty: none was given */
    struct span client_ca;             /* PEM; empty: certificates are believed on a trusted proxy's word alone */
    struct option_list revocations;    /* paths, "file:" in front allowed */
    struct span stale_revocations;     /* refuse, accept */
    struct span bind, bind_field, bind_pattern;
    struct option_list proxy_headers;  /* words of certificate_header_from() */
    bool proxy_verifies;
    struct span xfcc_element;          /* only, first, last */
};
extern const struct option device_certificate_rows[];
extern const size_t device_certificate_row_count;

/* How a certificate names its device. */
enum bind_rule { BIND_CERTIFICATE, BIND_CERTIFICATE_SERIAL, BIND_SERIAL, BIND_UUID, BIND_ID };
struct device_certificate_rules {
    enum bind_rule bind;
    enum certificate_field field;      /* of BIND_SERIAL, BIND_UUID, BIND_ID */
    struct span before, after;         /* what stands around the value there */
    unsigned headers;                  /* bits 1 << enum certificate_header: which a trusted proxy sets */
    enum xfcc_element element;
    bool proxy_verifies, accept_stale;
};
/* ERR_INPUT names the option and what it may be. */
MUST_CHECK enum err_code device_certificate_rules_read(const struct device_certificate_options *o, struct device_certificate_rules *out, struct err *err);

struct device_certificates;
/* Reads the lists. ERR_INPUT or ERR_IO when something cannot be read: a gateway does not start on half of its revocations. */
MUST_CHECK enum err_code device_certificates_new(const struct device_certificate_options *o, const struct log *log, struct device_certificates **out, struct err *err);
void device_certificates_free(struct device_certificates *d); /* NULL is fine */
/* Reads lists whose files changed, and logs lists that are out of date (once each). One that cannot be read leaves the old one in force and is logged. Blocks. */
void device_certificates_refresh(struct device_certificates *d, int64_t now_s);

/* NULL `d` everywhere below: nothing is configured, the defaults hold. */
const struct device_certificate_rules *device_certificates_rules(const struct device_certificates *d);
bool device_certificates_has_ca(const struct device_certificates *d);
/* Changes with each refresh that read something: what was checked before is checked again. */
unsigned device_certificates_generation(struct device_certificates *d);
/* client_trust_check() under the lists in force; ERR_DENIED without a CA. A good one is remembered for a minute, unless the lists change. */
MUST_CHECK enum err_code device_certificates_check(struct device_certificates *d, struct span leaf, const struct span *chain, size_t chain_count, int64_t now_s,
                                                   const char **reason, struct err *err);
/* The identifier by which this certificate's device is known: `kind` as decide_device() takes it. ERR_INPUT: it names none, or two. */
struct device_name { struct span kind, value; };
MUST_CHECK enum err_code device_certificates_name(const struct device_certificates *d, const struct client_certificate *c, struct arena *arena, struct device_name *out, struct err *err);

/* Lines for doctor: CAs and lists that need somebody's attention. `say` gets one plain sentence each. */
void device_certificates_warnings(struct device_certificates *d, int64_t now_s, void (*say)(void *, struct span), void *context);

#endif
