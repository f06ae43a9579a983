#include "gateway/doors/saml.h"

#include "posture/base/from_json.h"
#include "posture/base/secret.h"

#include <stddef.h>

enum { DEPTH = 2 };
#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static const struct { const char *key; size_t offset; } texts[] = {
    { "id", offsetof(struct saml_asked, id) }, { "acs", offsetof(struct saml_asked, acs) }, { "subject", offsetof(struct saml_asked, subject) },
    { "subject_format", offsetof(struct saml_asked, subject_format) }, { "format", offsetof(struct saml_asked, name_id_format) },
    { "context", offsetof(struct saml_asked, context) }, { "app", offsetof(struct saml_asked, app_instance) }, { "app_name", offsetof(struct saml_asked, app_name) },
};

static struct span *text_of(struct saml_asked *q, size_t i) { return (struct span *)(void *)((char *)q + texts[i].offset); }

/* RelayState goes as base64url: any character of it, escaped by JSON, could be six. */
enum err_code saml_asked_write(const struct saml_asked *q, struct arena *a, struct span *json, struct err *err)
{
    CLEANUP(buf_done) struct buf text, relay;
    struct saml_asked copy = *q;
    struct to_json w;
    buf_init(&text, LOGIN_REQUEST_BYTES);
    buf_init(&relay, 2 * SAML_RELAY_BYTES);
    secret_base64url(q->relay, &relay);
    to_json_init(&w, &text);
    to_json_object(&w);
    for (size_t i = 0; i < COUNT(texts); i++)
        to_json_member_text_if(&w, texts[i].key, *text_of(&copy, i));
    if (q->has_relay)
        to_json_member_text(&w, "relay", buf_span(&relay));
    to_json_end(&w);
    enum err_code code = buf_check(&text, "the request", err);
    if (code != OK)
        return code;
    *json = arena_copy(a, buf_span(&text));
    return span_empty(*json) ? err_set(err, ERR_MEMORY, "keeping a request") : OK;
}

static enum err_code read_relay(const struct from_json_value *root, struct arena *a, struct saml_asked *q, struct err *err)
{
    CLEANUP(buf_done) struct buf relay;
    struct from_json_value member = from_json_member(root, "relay");
    struct span text = SPAN_NONE;
    buf_init(&relay, SAML_RELAY_BYTES);
    q->has_relay = from_json_present(&member);
    enum err_code code = from_json_text_opt(&member, 2 * SAML_RELAY_BYTES, &text, err);
    if (code == OK && !span_empty(text))
        code = secret_from_base64url(text, SAML_RELAY_BYTES, &relay, err);
    if (code == OK)
        q->relay = arena_copy(a, buf_span(&relay));
    return code;
}

enum err_code saml_asked_read(struct span json, struct arena *a, struct saml_asked *q, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    *q = (struct saml_asked){ 0 };
    enum err_code code = from_json_parse(json, (struct from_json_limits){ LOGIN_REQUEST_BYTES, DEPTH }, "the kept request", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc);
    for (size_t i = 0; code == OK && i < COUNT(texts); i++) {
        struct from_json_value member = from_json_member(&root, texts[i].key);
        struct span text = SPAN_NONE;
        code = from_json_text_opt(&member, LOGIN_REQUEST_BYTES, &text, err);
        *text_of(q, i) = arena_copy(a, text);
    }
    return code == OK ? read_relay(&root, a, q, err) : code;
}
