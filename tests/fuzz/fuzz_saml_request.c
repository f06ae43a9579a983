/* Any query or form value, any XML in it, and any change to a good signed request: read or refused, and never something else under a good signature. */
#include "tests/support/saml_kit_request.h"

enum { ARENA_BYTES = 8 * 1024 * 1024 };
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static struct saml_key *sp(void)
{
    static struct saml_key *key;
    return key != NULL ? key : (key = saml_key_new("RSA", 2048));
}

static void check(const struct saml_request *q, bool from_original)
{
    require(!span_empty(q->id) && !span_empty(q->issuer) && q->class_count <= SAML_CLASSES && q->acs_index >= -1 && q->subject.bytes <= SAML_NAME_BYTES && span_is_utf8(q->subject));
    if (q->is_signed)
        require(from_original && span_equal_text(q->id, "_r1") && span_equal_text(q->subject, "ana@corp.example") && span_equal_text(q->app_instance, "0oaPayroll"));
}

static void read_any(enum err_code opened, struct saml_request_raw *raw, bool from_original)
{
    const struct span certificate = saml_key_pem(sp());
    struct saml_request_rules rules = { { &certificate, 1, true }, false, SPAN_LITERAL(KIT_SSO), KIT_NOW_S };
    struct saml_request q = { 0 };
    struct err err;
    if (kit_read(opened, raw, &rules, &q, &err) == OK)
        check(&q, from_original);
}

static void read_xml(struct span xml, struct arena *arena, bool from_original)
{
    struct saml_request_raw *raw = NULL;
    struct err err;
    char *value = saml_kit_base64(xml);
    enum err_code code = saml_request_post(span_of(value), arena, &raw, &err);
    read_any(code, raw, from_original);
    free(value);
}

static void read_query(struct span query, struct arena *arena)
{
    struct saml_request_raw *raw = NULL;
    struct err err;
    enum err_code code = saml_request_redirect(query, arena, &raw, &err);
    read_any(code, raw, false);
}

static void read_deflated(struct span xml, struct arena *arena)
{
    char *text = span_dup(xml), *query = saml_kit_query(text, "r");
    read_query(span_of(query), arena);
    free(query);
    free(text);
}

/* At a place of the good one some bytes are replaced by others. */
static void read_changed(struct span how, struct arena *arena)
{
    static char *good;
    if (good == NULL)
        good = saml_kit_sign(sp(), KIT_REQUEST, "_r1");
    if (how.bytes < 3)
        return;
    const uint8_t *at = (const uint8_t *)how.at;
    size_t all = strlen(good), from = ((size_t)at[0] << 8 | at[1]) % all, cut = at[2] < all - from ? at[2] : all - from;
    struct buf xml;
    buf_init(&xml, ARENA_BYTES);
    buf_append(&xml, span_make(good, from));
    buf_append(&xml, span_slice(how, 3, how.bytes));
    buf_append_text(&xml, good + from + cut);
    read_xml(buf_span(&xml), arena, true);
    buf_done(&xml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct arena arena;
    if (bytes == 0)
        return 0;
    struct span rest = span_make(data + 1, bytes - 1);
    arena_init(&arena, 16 * 1024, ARENA_BYTES);
    if (data[0] % 4 == 0)
        read_query(rest, &arena);
    else if (data[0] % 4 == 1)
        read_xml(rest, &arena, false);
    else if (data[0] % 4 == 2)
        read_deflated(rest, &arena);
    else
        read_changed(rest, &arena);
    arena_done(&arena);
    return 0;
}
