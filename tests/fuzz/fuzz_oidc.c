/* Any authorization request, claims parameter, kept request, token form or code: read or refused, within the bounds. The first byte chooses. */
#include "gateway/doors/oidc_client.h"
#include "gateway/doors/oidc_grant.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
enum { ARENA_BYTES = 4 * 1024 * 1024, KINDS = 16 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* A node that knows nobody: whatever comes is read, and then refused. */
static const struct node *node(void)
{
    static struct node one;
    static const uint8_t root[SECRET_KEY_BYTES] = { 1 };
    struct err err;
    if (one.directory == NULL) {
        from_json_seed(1);
        one.clock = clock_system();
        one.options.public_url = SPAN_LITERAL("https://posture.acme.example");
        one.directory = directory_new(one.clock, NULL);
        require(one.directory != NULL && secret_new(root, &one.secret, &err) == OK);
        directory_register_thread();
        directory_set_complete(one.directory, true);
    }
    return &one;
}

static void kept_and_restored(struct oidc_request *q, struct arena *arena)
{
    struct oidc_request again;
    struct span json;
    struct err err;
    if (oidc_request_write(q, arena, &json, &err) != OK)
        return;
    require(json.bytes <= LOGIN_REQUEST_BYTES && oidc_request_restore(json, arena, &again, &err) == OK);
    require(span_equal(again.state, q->state) && span_equal(again.nonce, q->nonce) && again.acr.count == q->acr.count && again.form_post == q->form_post);
}

static void read_request(struct http_request *r, enum door_use use)
{
    static const struct span uri = { "https://rp.example/cb", 21 };
    struct door door = { .kind = DOOR_OIDC, .use = use, .oidc = { .client_id = SPAN_LITERAL("rp"), .redirect_uris = &uri, .redirect_uri_count = 1, .pkce = (use & 1) != 0 } }, found;
    struct oidc_request q = { .redirect_uri = uri };
    struct oidc_fault fault = { NULL, SPAN_NONE };
    struct err err;
    require(oidc_request_target(r, &found, &(struct oidc_request){ 0 }, &err) != OK);
    if (oidc_request_read(r, &door, &q, &fault))
        kept_and_restored(&q, r->arena);
    else
        require(fault.error != NULL);
}

static void read_claims(struct span text, struct arena *arena)
{
    struct oidc_claims claims;
    struct err err;
    if (oidc_claims_read(text, arena, &claims, &err) == OK)
        require(claims.acr.count <= OIDC_VALUES_MOST && claims.amr.count <= OIDC_VALUES_MOST && claims.subject.bytes <= OIDC_SUBJECT_BYTES);
    (void)oidc_scopes_from(text);
}

static void read_kept(struct span text, struct arena *arena)
{
    struct oidc_request q;
    struct oidc_grant g;
    struct err err;
    (void)!oidc_request_restore(text, arena, &q, &err);
    require(oidc_grant_open(node(), OIDC_GRANT_CODE, text, 0, arena, &g, &err) != OK);
}

/* Up to the first newline the Authorization header, then the form. */
static void authenticate(struct http_request *r, struct span text)
{
    static const struct http_header type = { { "Content-Type", 12 }, { "application/x-www-form-urlencoded", 33 } };
    size_t line = span_find(text, '\n');
    const struct http_header headers[] = { type, { SPAN_LITERAL("Authorization"), span_slice(text, 0, line) } };
    struct door door;
    struct err err;
    r->method = HTTP_POST;
    r->headers = headers;
    r->header_count = line > 0 && line < text.bytes ? 2 : 1;
    r->body = span_slice(text, line < text.bytes ? line + 1 : 0, text.bytes);
    require(oidc_client_authenticate(r, &door, &err) != OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0)
        return 0;
    struct span text = span_make(data + 1, bytes - 1);
    struct arena arena;
    arena_init(&arena, 64 * 1024, ARENA_BYTES);
    struct http_request r = { .arena = &arena, .node = node(), .method = HTTP_GET, .query = text, .now_s = 1 };
    if (data[0] % KINDS < DOOR_USES)
        read_request(&r, (enum door_use)(data[0] % KINDS));
    else if (data[0] % KINDS < 8)
        read_claims(text, &arena);
    else if (data[0] % KINDS < 12)
        read_kept(text, &arena);
    else
        authenticate(&r, text);
    arena_done(&arena);
    return 0;
}
