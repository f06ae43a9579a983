/* Any bytes as a message's blocks, as a view and as a device's name. */
#include "connectors/notify/block_kit.h"
#include "connectors/notify/nudge_text.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_make(data, size);
    struct err err;
    struct buf out;
    (void)!block_kit_check_message(input, &err);
    (void)!block_kit_check_view(input, &err);
    (void)!block_kit_check_text(input, &err);
    buf_init(&out, 1024);
    bool fitted = nudge_text_escape(input, 50, &out);
    assert(!fitted || block_kit_length(buf_span(&out)) <= 50);
    for (size_t i = 0; i < out.bytes; i++)
        assert(out.at[i] != '<' && out.at[i] != '>' && (unsigned char)out.at[i] >= 0x20);
    buf_done(&out);
    return 0;
}
