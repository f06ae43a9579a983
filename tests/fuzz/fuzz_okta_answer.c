/* Any bytes as an answer of Okta's, of a token endpoint, or as its Link fields: refused, or ids that are safe in a path and an address that is where it says. */
#include "connectors/identity/okta_answer.h"
#include "connectors/vendor_api.h"

#include "posture/base/from_json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    from_json_seed(1);
    return 0;
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_users(struct span body)
{
    struct okta_user user;
    if (okta_read_user(body, SPAN_LITERAL("ana@acme.example"), &user, NULL) == OK)
        require(okta_is_id(span_of(user.id)));
    if (okta_read_only_user(body, SPAN_LITERAL("ana@acme.example"), &user, NULL) == OK)
        require(okta_is_id(span_of(user.id)));
}

static void check_groups(struct span body)
{
    static const struct span groups[] = { { "00gA", 4 }, { "00gB", 4 } };
    bool member[2] = { false, false };
    struct okta_group group;
    size_t count = 0;
    char word[OKTA_WORD_BYTES];
    if (okta_read_groups(body, groups, 2, member, &count, NULL) == OK)
        require(count <= OKTA_PAGE_GROUPS);
    if (okta_read_group(body, &group, NULL) == OK)
        require(strlen(group.name) < sizeof group.name && span_is_utf8(span_of(group.name)));
    okta_read_error(body, word);
    require(word[0] == '\0' || okta_is_id(span_of(word)));
}

static void check_token(struct span body)
{
    struct buf token;
    int64_t life_s = 0;
    char word[OAUTH_CLIENT_ERROR_BYTES];
    buf_init(&token, OAUTH_CLIENT_TOKEN_BYTES);
    if (oauth_client_read_token(body, &token, &life_s, NULL) == OK)
        require(token.bytes > 0 && life_s > 0);
    oauth_client_read_error(body, word);
    buf_done(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const struct span base = { "https://acme.okta.com", 21 };
    struct span body = span_make(data, bytes), next = vendor_api_next_link(body);
    require(span_empty(next) || (next.at >= body.at && next.at + next.bytes <= body.at + body.bytes));
    if (vendor_api_is_under(base, next))
        require(span_starts(next, base) && next.at[base.bytes] == '/');
    check_users(body);
    check_groups(body);
    check_token(body);
    return 0;
}
