/* jose_parts: what jose.c and jose_keys.c share. Private to them. */
#ifndef CONNECTORS_IDENTITY_JOSE_PARTS_H
#define CONNECTORS_IDENTITY_JOSE_PARTS_H
#include "connectors/identity/jose.h"
#include "posture/base/arena.h"

#include <openssl/evp.h>

struct jose_entry { struct jose_key public; EVP_PKEY *key; };
struct jose_keys {
    struct arena arena;
    struct jose_entry all[JOSE_SET_KEYS];
    size_t count;
};
/* The key to verify with; NULL: none, or (without a kid) more than one. */
const struct jose_entry *jose_keys_find(const struct jose_keys *keys, struct span kid, unsigned algorithm);

#endif
