/* The control record "signing_keys". */
#include "gateway/signing_keys.h"
#include "posture/base/from_json.h"
#include "posture/base/to_json.h"

enum { RECORD_DEPTH = 4, PART_BYTES = 1024, SEALED_BYTES = 8 * 1024, CERTIFICATE_BYTES = 8 * 1024, KID_BYTES = 64, WORD_BYTES = 16 };

static enum err_code read_texts(const struct from_json_value *v, struct arena *arena, struct signing_key *out, struct err *err)
{
    const struct { const char *key; size_t most; struct span *to; bool optional; } texts[] = {
        { "kid", KID_BYTES, &out->kid, false },       { "first", PART_BYTES, &out->parts[0], false },        { "second", PART_BYTES, &out->parts[1], false },
        { "sealed", SEALED_BYTES, &out->sealed, false }, { "certificate", CERTIFICATE_BYTES, &out->certificate, true },
    };
    enum err_code code = OK;
    for (size_t i = 0; code == OK && i < sizeof texts / sizeof texts[0]; i++) {
        struct from_json_value member = from_json_member(v, texts[i].key);
        struct span text = SPAN_NONE;
        code = texts[i].optional ? from_json_text_opt(&member, texts[i].most, &text, err) : from_json_text(&member, texts[i].most, &text, err);
        *texts[i].to = code == OK ? arena_copy(arena, text) : SPAN_NONE;
        if (code == OK && texts[i].to->bytes != text.bytes)
            code = err_set(err, ERR_MEMORY, "signing keys");
    }
    return code;
}

static enum err_code read_times(const struct from_json_value *v, struct signing_key *out, struct err *err)
{
    const struct { const char *key; int64_t *to; } times[] = { { "created", &out->created_s }, { "signs_from", &out->signs_from_s }, { "leaves", &out->leaves_s } };
    enum err_code code = OK;
    for (size_t i = 0; code == OK && i < sizeof times / sizeof times[0]; i++) {
        struct from_json_value member = from_json_member(v, times[i].key);
        code = from_json_int(&member, 0, INT64_MAX / 2, times[i].to, err);
    }
    return code;
}

/* A key without a use signs tokens: keys had no use at first. */
static enum err_code read_kind(const struct from_json_value *v, struct signing_key *out, struct err *err)
{
    struct from_json_value name = from_json_member(v, "algorithm"), use_member = from_json_member(v, "use");
    struct span algorithm = SPAN_NONE, use = SPAN_LITERAL("tokens");
    enum err_code code = from_json_text(&name, WORD_BYTES, &algorithm, err);
    if (code == OK)
        code = from_json_text_opt(&use_member, WORD_BYTES, &use, err);
    if (code != OK)
        return code;
    unsigned kinds = span_empty(algorithm) || span_empty(use) ? 0 : signing_kinds_of(use, algorithm);
    for (unsigned k = 0; k < SIGNING_KINDS; k++)
        if (kinds == 1u << k)
            return out->kind = (enum signing_kind)k, OK;
    return from_json_refuse(&name, err, "must be ES256 or RS256 for tokens, RS256 for saml, ES256 for archive");
}

enum err_code signing_keys_from_json(struct span body, struct arena *arena, struct signing_keys *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    *out = (struct signing_keys){ .count = 0 };
    if (span_empty(body))
        return OK;
    enum err_code code = from_json_parse(body, (struct from_json_limits){ SIGNING_RECORD_BYTES, RECORD_DEPTH }, "signing_keys", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), list = from_json_member(&root, "keys");
    code = from_json_array(&list, SIGNING_KEYS_MOST, err);
    for (size_t i = 0; code == OK && i < from_json_count(&list); i++) {
        struct from_json_value item = from_json_item(&list, i);
        struct signing_key *key = &out->all[out->count++];
        code = read_kind(&item, key, err);
        if (code == OK)
            code = read_texts(&item, arena, key, err);
        if (code == OK)
            code = read_times(&item, key, err);
    }
    return code;
}

void signing_keys_to_json(const struct signing_keys *keys, struct buf *out)
{
    struct to_json w;
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_key(&w, "keys");
    to_json_array(&w);
    for (size_t i = 0; i < keys->count; i++) {
        const struct signing_key *k = &keys->all[i];
        to_json_object(&w);
        to_json_member_text(&w, "kid", k->kid);
        to_json_member_text(&w, "use", span_of(signing_kind_use(k->kind)));
        to_json_member_text(&w, "algorithm", span_of(signing_algorithm_name(signing_kind_algorithm(k->kind))));
        to_json_member_text(&w, "first", k->parts[0]);
        to_json_member_text(&w, "second", k->parts[1]);
        to_json_member_text_if(&w, "certificate", k->certificate);
        to_json_member_text(&w, "sealed", k->sealed);
        to_json_member_int(&w, "created", k->created_s);
        to_json_member_int(&w, "signs_from", k->signs_from_s);
        to_json_member_int(&w, "leaves", k->leaves_s);
        to_json_end(&w);
    }
    to_json_end(&w);
    to_json_end(&w);
}
