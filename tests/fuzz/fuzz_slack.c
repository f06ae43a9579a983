/* Any bytes as what Slack sends: signature headers, an event, a payload, a form. The first byte chooses. */
#include "connectors/notify/slack_inbound.h"
#include "connectors/notify/slack_signature.h"
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
    if (data[0] % 4 == 0)
        check_signature(input);
    else if (data[0] % 4 == 1)
        code = slack_read_event(input, &arena, &h, &err);
    else if (data[0] % 4 == 2)
        code = slack_read_interaction(input, &arena, &h, &err);
    else
        code = slack_read_command(input, &arena, &h, &err);
    if (code == OK)
        check_heard(&h);
    arena_done(&arena);
    return 0;
}
