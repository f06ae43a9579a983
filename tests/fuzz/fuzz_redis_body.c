/* What the store holds as a record's body: any bytes come out as themselves, as at most as many as were promised, or not at all. */
#include "connectors/store/redis_body.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct redis_body b; /* as a connection has it: for many bodies */
    struct span out;
    struct err err;
    if (redis_body_unpack(&b, span_make(data, size), &out, &err) != OK)
        return 0;
    if (size > 0 && data[0] != 'z' && !span_equal(out, span_make(data, size)))
        abort();
    return 0;
}
