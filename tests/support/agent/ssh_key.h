/* ssh_key: whether a file holds a private key, of which kind, and whether a passphrase protects it: PEM (RFC 1421 headers),
 * PKCS #8, and OpenSSH's own format (PROTOCOL.key: cipher name "none" is unprotected). */
#ifndef AGENT_SSH_KEY_H
#define AGENT_SSH_KEY_H

#include <stdbool.h>
#include <stddef.h>

struct ssh_key {
    bool encrypted;
    const char *type; /* "rsa", "dsa", "ec" or "" where the format does not say it in clear */
};

/* False when the bytes are no private key. */
bool ssh_key_read(const char *bytes, size_t size, struct ssh_key *out);

#endif
