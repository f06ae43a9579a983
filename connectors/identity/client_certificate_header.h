/* client_certificate_header: how proxies pass on the certificate of the client whose TLS they end. Bytes in, certificate out; who may be believed is the
 * caller's to know. Sources: RFC 9440; Envoy "x-forwarded-client-cert"; nginx $ssl_client_escaped_cert and $ssl_client_verify; HAProxy ssl_c_der and
 * ssl_c_verify; Apache mod_ssl SSL_CLIENT_CERT and SSL_CLIENT_VERIFY; Traefik passTLSClientCert. Any thread. */
#ifndef CONNECTORS_IDENTITY_CLIENT_CERTIFICATE_HEADER_H
#define CONNECTORS_IDENTITY_CLIENT_CERTIFICATE_HEADER_H
#include "connectors/identity/client_certificate.h"

/* One way to write it. Each has its own header; `about` is a second one that belongs to it. */
enum certificate_header {
    HEADER_RFC9440,        /* rfc9440: Client-Cert, Client-Cert-Chain */
    HEADER_XFCC,           /* xfcc: X-Forwarded-Client-Cert */
    HEADER_SSL_CLIENT,     /* ssl_client: X-SSL-Client-Cert as nginx (escaped PEM), Apache (PEM in a line) or HAProxy (base64 DER) write it, X-SSL-Client-Verify */
    HEADER_TRAEFIK,        /* traefik: X-Forwarded-Tls-Client-Cert */
    HEADER_SERIAL_HEX,     /* serial_hex: X-SSL-Client-Serial with X-SSL-Client-Verify: only the certificate's number */
    HEADER_SERIAL_DECIMAL, /* serial_decimal: the same in decimal */
    HEADER_SHA256,         /* sha256: X-SSL-Client-SHA256: only the digest of its DER */
    CERTIFICATE_HEADERS
};
bool certificate_header_from(struct span word, enum certificate_header *h); /* "rfc9440", ... as the option names it */
const char *certificate_header_name(enum certificate_header h);      /* "Client-Cert" */
/* Is it the name of any of them, or of what comes about one? Asked for each header of each request of a proxy. */
bool certificate_header_is_one(struct span name);
const char *certificate_header_about(enum certificate_header h);     /* "Client-Cert-Chain"; NULL: none */

enum certificate_form { FORM_NONE, FORM_CERTIFICATE, FORM_SHA256, FORM_SERIAL };
struct presented_certificate {
    enum certificate_form form;
    bool none_said;                                   /* with FORM_NONE: the proxy says that the client showed none; else it says nothing at all */
    struct span leaf;                                 /* DER, with FORM_CERTIFICATE */
    struct span chain[CLIENT_CERTIFICATE_CHAIN]; size_t chain_count; /* DER, without the leaf */
    struct span sha256;                               /* 64 hex digits, lower case, with FORM_SHA256 */
    struct span serial_hex;                           /* as identifier "certificate_serial", with FORM_SERIAL */
};
/* Several elements of X-Forwarded-Client-Cert: one is written by each proxy on the way. */
enum xfcc_element { XFCC_ONLY /* more than one is refused */, XFCC_FIRST /* nearest to the client */, XFCC_LAST /* nearest to us */ };
/* Empty values are absent headers. Texts live in `arena`. ERR_INPUT: malformed, or it contradicts itself; ERR_DENIED: the proxy says that the certificate did not
 * verify. */
MUST_CHECK enum err_code certificate_header_read(enum certificate_header h, struct span value, struct span about, enum xfcc_element element, struct arena *arena,
                                                 struct presented_certificate *out, struct err *err);

#endif
