/* Any bytes: rules of a time zone, or an error; what was read answers for any moment. Bytes that begin with '=' are a footer's text alone. */
#include "posture/calendar_tzif.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void ask(const struct tzif *z)
{
    for (int64_t at_s = INT64_C(-62135596800); at_s < INT64_C(253402214399); at_s += INT64_C(7777777777)) {
        struct tzif_type type = tzif_at(z, at_s);
        require(type.offset_s > -26 * 3600 && type.offset_s < 27 * 3600);
        require(type.abbreviation.bytes == 0 || type.abbreviation.at != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct tzif z = { 0 };
    struct err err;
    if (bytes > 0 && data[0] == '=') {
        if (tzif_footer_read(span_make(data + 1, bytes - 1), &z.footer))
            ask(&z);
        return 0;
    }
    if (tzif_read(span_make(data, bytes), &z, &err) == OK)
        ask(&z);
    tzif_done(&z);
    return 0;
}
