/* self_signed: the certificate of a server that was given none: an ECDSA P-256 key (osquery opens a new TLS connection for each request, so
 * handshakes must be cheap) and a certificate for it, made at first start and kept in the state folder. */
#ifndef GATEWAY_HTTP_SELF_SIGNED_H
#define GATEWAY_HTTP_SELF_SIGNED_H
#include "posture/base/buf.h"

enum { SELF_SIGNED_DAYS = 825, SELF_SIGNED_RENEW_DAYS = 30 };
/* Appends certificate and key, PEM. They are <state>/self-signed.crt and .key, mode 0600; made anew when they are missing, unreadable, not a
 * pair, for another host than public_url's, or have less than SELF_SIGNED_RENEW_DAYS left. Names: public_url's host, localhost,
 * 127.0.0.1, ::1. Blocks. ERR_NOT_FOUND or ERR_IO when the folder cannot be
 * written. */
MUST_CHECK enum err_code self_signed_load(struct span state, struct span public_url, int64_t now_s, struct buf *certificate, struct buf *key, struct err *err);
#endif
