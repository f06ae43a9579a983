/* Any bytes as store.redis and store.durability: read or refused; what was read is terminated and within bounds. */
#include "connectors/store/redis_options.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct redis_options o = redis_options_default();
    struct span text = { (const char *)data, bytes };
    struct err err;
    if (redis_options_from_url(text, &o, &err) == OK) {
        size_t host = strnlen(o.host, sizeof o.host), path = strnlen(o.unix_path, sizeof o.unix_path);
        if (host == sizeof o.host || path == sizeof o.unix_path || (host == 0) == (path == 0) || o.port < 1 || o.port > 65535)
            abort();
    }
    if (redis_options_durability(text, &o, &err) == OK && o.durability == REDIS_REPLICATED && (o.replicas < 1 || o.replicas > REDIS_REPLICAS_MOST))
        abort();
    return 0;
}
