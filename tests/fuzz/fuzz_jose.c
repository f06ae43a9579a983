/* Any bytes as a token: refused, or taken apart within its bounds; nothing verifies with a key that never signed. The input is a token as it comes, and
 * also two JSON texts (cut at the first line break) that are encoded first, so that the fuzzer reaches the claims. */
#include "connectors/identity/jose.h"
#include "posture/base/secret.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct jose_keys *keys;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    /* RFC 7515 appendix A.3; its private half signs nothing here. */
    static const char set[] = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
    (void)argc, (void)argv;
    json_object_seed(1);
    if (jose_keys_read(span_of(set), &keys, NULL) != OK)
        abort();
    return 0;
}

static void read_token(struct span text)
{
    CLEANUP(jose_token_freep) struct jose_token *token = NULL;
    const struct jose_rules rules = { .issuer = SPAN_LITERAL("joe"), .audience = SPAN_LITERAL("us"), .type = SPAN_LITERAL("at+jwt"), .oldest_s = 600, .skew_s = JOSE_SKEW_S, .now_s = 1300819000 };
    if (jose_token_read(text, &token, NULL) != OK)
        return;
    if (text.bytes > JOSE_TOKEN_BYTES || jose_token_algorithm(token) == 0 || jose_token_kid(token).bytes > JOSE_KID_BYTES)
        abort();
    if (jose_token_verify(token, keys, JOSE_RS256 | JOSE_PS256, NULL) == OK) /* an EC key verifies neither */
        abort();
    (void)!jose_token_verify(token, keys, JOSE_ES256, NULL);
    jose_token_believe(token);
    (void)!jose_token_check(token, &rules, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct span text = span_make(data, bytes), header = SPAN_NONE, rest = text;
    CLEANUP(buf_done) struct buf made;
    buf_init(&made, 4 * JOSE_TOKEN_BYTES);
    read_token(text);
    if (span_cut(&rest, '\n', &header) && secret_base64url(header, &made) && buf_append_byte(&made, '.') && secret_base64url(rest, &made) && buf_append_text(&made, ".AAAA"))
        read_token(buf_span(&made));
    return 0;
}
