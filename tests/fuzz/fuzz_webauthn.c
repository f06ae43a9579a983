/* Any bytes as what a browser brings back. The first byte chooses the ceremony; the rest is the attestation object, or the authenticator data, a key and a
 * signature by the lengths that follow. Client data is right or comes from the input too. Never a crash; what is taken obeys its bounds. */
#include "connectors/identity/webauthn.h"

#include <stdlib.h>
#include <string.h>

#define CHALLENGE "AMMPt4UxxGTStncdq417YA"
#define ORIGIN "https://example.org"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool lies_inside(struct span part, struct span whole) { return part.at >= whole.at && part.at + part.bytes <= whole.at + whole.bytes; }

static void register_it(const struct webauthn_expected *expected, struct span client_data, struct span object)
{
    struct webauthn_credential c;
    struct err err = { 0 };
    enum err_code code = webauthn_register(expected, &(struct webauthn_registration){ client_data, object }, &c, &err);
    if (code != OK) {
        require(err.text[0] != '\0' && (code == ERR_INPUT || code == ERR_LIMIT || code == ERR_DENIED));
        return;
    }
    require(c.id.bytes >= 1 && c.id.bytes <= WEBAUTHN_ID_MOST && c.public_key.bytes <= WEBAUTHN_KEY_MOST);
    require(lies_inside(c.id, object) && lies_inside(c.public_key, object) && (!c.backed_up || c.backup_eligible));
}

static struct span take(struct span *rest)
{
    size_t bytes = rest->bytes < 2 ? 0 : (size_t)(unsigned char)rest->at[0] << 8 | (unsigned char)rest->at[1];
    struct span part = span_slice(*rest, rest->bytes < 2 ? rest->bytes : 2, bytes);
    *rest = span_slice(*rest, (size_t)(part.at - rest->at) + part.bytes, rest->bytes);
    return part;
}

/* Nobody can sign by chance: an assertion is never taken. */
static void assert_it(const struct webauthn_expected *expected, struct span client_data, struct span rest)
{
    struct webauthn_use use;
    struct err err = { 0 };
    struct span data = take(&rest), key = take(&rest);
    struct webauthn_credential known = { .public_key = key };
    require(webauthn_assert(expected, &known, &(struct webauthn_assertion){ client_data, data, rest }, &use, &err) != OK && err.text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const char create[] = "{\"type\":\"webauthn.create\",\"challenge\":\"" CHALLENGE "\",\"origin\":\"" ORIGIN "\"}";
    static const char get[] = "{\"type\":\"webauthn.get\",\"challenge\":\"" CHALLENGE "\",\"origin\":\"" ORIGIN "\"}";
    const struct webauthn_expected expected = { { SPAN_LITERAL(ORIGIN), SPAN_LITERAL("example.org") }, SPAN_LITERAL(CHALLENGE) };
    if (bytes < 1)
        return 0;
    struct span rest = span_make(data + 1, bytes - 1);
    bool asserts = (data[0] & 1) != 0;
    struct span client_data = (data[0] & 2) != 0 ? take(&rest) : span_of(asserts ? get : create);
    if (asserts)
        assert_it(&expected, client_data, rest);
    else
        register_it(&expected, client_data, rest);
    return 0;
}
