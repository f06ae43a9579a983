/* Any bytes as a JWK set: refused, or keys within their bounds, each of which can be handed on and read again as it is. */
#include "connectors/identity/jose.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    json_object_seed(1);
    return 0;
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    CLEANUP(jose_keys_freep) struct jose_keys *keys = NULL;
    if (jose_keys_read(span_make(data, bytes), &keys, NULL) != OK)
        return 0;
    require(jose_keys_count(keys) > 0 && jose_keys_count(keys) <= JOSE_SET_KEYS);
    for (size_t i = 0; i < jose_keys_count(keys); i++) {
        CLEANUP(jose_keys_freep) struct jose_keys *again = NULL;
        struct jose_key key = jose_keys_at(keys, i);
        require(key.algorithms != 0 && key.kid.bytes <= JOSE_KID_BYTES && jose_keys_read(key.jwk, &again, NULL) == OK && jose_keys_count(again) == 1);
        require(span_equal(jose_keys_at(again, 0).kid, key.kid) && span_equal(jose_keys_at(again, 0).jwk, key.jwk));
    }
    return 0;
}
