/* Any bytes as what Slack sends: signature headers, an event, a payload, a form, an envelope. The first byte chooses. */
#include "connectors/notify/slack_inbound.h"
#include "connectors/notify/slack_signature.h"
#include "connectors/notify/slack_socket.h"
#include "posture/base/percent.h"

#include <stdlib.h>

enum { NOW_S = 1796040000 };
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_word(struct span s)
{
    for (size_t i = 0; i < s.bytes; i++)
        require(s.at[i] > ' ' && s.at[i] < 0x7f && s.at[i] != '/' && s.at[i] != '<');
    require(s.bytes <= SLACK_WORD_BYTES);
}

static void check_heard(const struct slack_heard *h)
{
    const struct span words[] = { h->team, h->enterprise, h->user, h->user_team, h->channel, h->message, h->view };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        check_word(words[i]);
    require(h->text.bytes <= SLACK_TYPED_BYTES && span_is_utf8(h->text) && h->key.bytes <= SLACK_KEY_BYTES && h->response_url.bytes <= SLACK_RESPONSE_URL_BYTES);
}

static void check_signature(struct span input)
{
    const struct span secrets[SLACK_SECRETS] = { SPAN_LITERAL("secret"), SPAN_NONE };
    struct slack_signed what = { 0 };
    span_cut(&input, '\n', &what.timestamp);
    span_cut(&input, '\n', &what.signature);
    what.body = input;
    require(slack_prove(&what, secrets, NOW_S) != SLACK_GENUINE); /* nobody guesses a MAC */
}

/* What is acknowledged can be read back as what it was. */
static void check_envelope(struct span input, struct arena *arena)
{
    struct slack_envelope e, again;
    struct buf out;
    struct err err;
    if (slack_read_envelope(input, arena, &e, &err) != OK || span_empty(e.id))
        return;
    require(e.id.bytes <= SLACK_ENVELOPE_ID_BYTES);
    buf_init(&out, 4 * SLACK_ENVELOPE_BYTES);
    require(slack_write_acknowledgement(e.id, e.payload, &out, &err) == OK);
    require(slack_read_envelope(buf_span(&out), arena, &again, &err) != OK || span_equal(again.id, e.id));
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct slack_heard h = { 0 };
    struct arena arena;
    struct err err;
    if (bytes == 0)
        return 0;
    struct span input = span_make(data + 1, bytes - 1);
    arena_init(&arena, 4096, 16 * 1024 * 1024);
    enum err_code code = ERR_INPUT;
    switch (data[0] % 7) {
    case 0: check_signature(input); break;
    case 1: code = slack_read_event(input, &arena, &h, &err); break;
    case 2: code = slack_read_interaction(input, &arena, &h, &err); break;
    case 3: code = slack_read_command(input, &arena, &h, &err); break;
    case 4: code = slack_read_interaction_payload(input, &arena, &h, &err); break;
    case 5: code = slack_read_command_payload(input, &arena, &h, &err); break;
    default: check_envelope(input, &arena); break;
    }
    if (code == OK)
        check_heard(&h);
    arena_done(&arena);
    return 0;
}
