#include "posture/directory_control.h"

#include "posture/holiday.h"
#include "posture/record_body.h"
#include "posture/strictness.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

enum { BLOCK_BYTES = 4096, ARENA_BYTES = 64 * 1024 * 1024, TEXT_BYTES = 4096, SECRET_TEXT_BYTES = 64 * 1024, CONTROL_DEPTH = 32, POLICY_BODY_BYTES = 16 * 1024 * 1024 };

static const struct record_body_field key_fields[] = {
    { "id", RECORD_TEXT, offsetof(struct api_key, id), TEXT_BYTES },
    { "label", RECORD_TEXT, offsetof(struct api_key, label), TEXT_BYTES },
    { "secret_sha256", RECORD_TEXT, offsetof(struct api_key, secret_sha256), TEXT_BYTES },
    { "created_s", RECORD_TIME, offsetof(struct api_key, created_s), 0 },
    { "expires_s", RECORD_TIME, offsetof(struct api_key, expires_s), 0 },
    { "revoked", RECORD_FLAG, offsetof(struct api_key, revoked), 0 },
    { "door", RECORD_TEXT, offsetof(struct api_key, door), TEXT_BYTES },
};
static const struct record_body_field secret_fields[] = {
    { "id", RECORD_TEXT, offsetof(struct enroll_secret, id), TEXT_BYTES },
    { "label", RECORD_TEXT, offsetof(struct enroll_secret, label), TEXT_BYTES },
    { "sealed", RECORD_TEXT, offsetof(struct enroll_secret, sealed), SECRET_TEXT_BYTES },
    { "secret_sha256", RECORD_TEXT, offsetof(struct enroll_secret, secret_sha256), TEXT_BYTES },
    { "group", RECORD_TEXT, offsetof(struct enroll_secret, group), TEXT_BYTES },
    { "person", RECORD_TEXT, offsetof(struct enroll_secret, person), TEXT_BYTES },
    { "created_s", RECORD_TIME, offsetof(struct enroll_secret, created_s), 0 },
    { "expires_s", RECORD_TIME, offsetof(struct enroll_secret, expires_s), 0 },
    { "revoked", RECORD_FLAG, offsetof(struct enroll_secret, revoked), 0 },
};
static const char *const scope_names[SCOPE_COUNT] = { "decide", "posture", "facts", "events", "hooks", "admin", "login" }; /* by bit */

const char *api_scope_name(unsigned bit)
{
    for (unsigned i = 0; i < SCOPE_COUNT; i++)
        if (bit == 1U << i)
            return scope_names[i];
    return "";
}

unsigned api_scope_bit(struct span name)
{
    for (unsigned i = 0; i < SCOPE_COUNT; i++)
        if (span_equal_text(name, scope_names[i]))
            return 1U << i;
    return 0;
}

static const char *const control_names[CONTROL_RECORDS] = { "policy", "api_keys", "enroll_secrets", "clock", "exemptions", "holidays" };

struct span directory_control_name(int index) { return span_of(control_names[index]); }

int directory_control_index(struct span record_id)
{
    for (int i = 0; i < CONTROL_RECORDS; i++)
        if (span_equal_text(record_id, control_names[i]))
            return i;
    return -1;
}

/* ---- API keys ---- */

void control_api_keys_to_json(const struct api_key *keys, size_t count, struct to_json *w)
{
    to_json_object(w);
    to_json_key(w, "keys");
    to_json_array(w);
    for (size_t i = 0; i < count; i++) {
        to_json_object(w);
        record_body_write(w, key_fields, COUNT(key_fields), &keys[i]);
        to_json_key(w, "scopes");
        to_json_array(w);
        for (unsigned bit = 1; bit <= SCOPE_ALL; bit <<= 1)
            if ((keys[i].scopes & bit) != 0)
                to_json_text(w, span_of(api_scope_name(bit)));
        to_json_end(w);
        to_json_end(w);
    }
    to_json_end(w);
    to_json_end(w);
}

/* A scope of a newer version gives nothing here. */
static void read_scopes(struct record_body *b, const struct from_json_value *item, unsigned *out)
{
    struct from_json_value list = from_json_member(item, "scopes");
    if (b->code == OK)
        b->code = from_json_array(&list, 100, b->err);
    for (size_t i = 0; b->code == OK && i < from_json_count(&list); i++) {
        struct from_json_value scope = from_json_item(&list, i);
        struct span name;
        b->code = from_json_text(&scope, TEXT_BYTES, &name, b->err);
        if (b->code == OK)
            *out |= api_scope_bit(name);
    }
}

/* Opens {"<key>":[...]}; false after a mistake, and when there is nothing to read. */
static bool open_list(struct span body, const char *what, const char *key, size_t most, struct from_json **doc, struct from_json_value *root, struct from_json_value *list,
                      struct record_body *b)
{
    if (span_empty(body))
        return false;
    b->code = from_json_parse(body, (struct from_json_limits){ POLICY_BODY_BYTES, CONTROL_DEPTH }, what, doc, b->err);
    if (b->code != OK)
        return false;
    *root = from_json_root(*doc);
    *list = from_json_member(root, key);
    b->code = from_json_array(list, SIZE_MAX, b->err);
    if (b->code == OK && from_json_count(list) > most)
        b->code = err_set(b->err, ERR_LIMIT, "%s: more than %zu", what, most);
    return b->code == OK;
}

enum err_code control_api_keys_from_json(struct span body, struct arena *a, struct api_key *out, size_t most, size_t *count, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct from_json_value root, list;
    struct record_body b = { .arena = a, .err = err };
    *count = 0;
    if (!open_list(body, "record api_keys", "keys", most, &doc, &root, &list, &b))
        return b.code;
    for (size_t i = 0; i < from_json_count(&list) && b.code == OK; i++) {
        struct from_json_value item = from_json_item(&list, i);
        out[i] = (struct api_key){ 0 };
        record_body_read(&b, &item, key_fields, COUNT(key_fields), &out[i]);
        read_scopes(&b, &item, &out[i].scopes);
    }
    if (b.code == OK)
        *count = from_json_count(&list);
    return b.code;
}

/* ---- enrol secrets ---- */

void control_enroll_secrets_to_json(const struct enroll_secret *secrets, size_t count, struct to_json *w)
{
    to_json_object(w);
    to_json_key(w, "secrets");
    to_json_array(w);
    for (size_t i = 0; i < count; i++) {
        to_json_object(w);
        record_body_write(w, secret_fields, COUNT(secret_fields), &secrets[i]);
        to_json_end(w);
    }
    to_json_end(w);
    to_json_end(w);
}

enum err_code control_enroll_secrets_from_json(struct span body, struct arena *a, struct enroll_secret *out, size_t most, size_t *count, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct from_json_value root, list;
    struct record_body b = { .arena = a, .err = err };
    *count = 0;
    if (!open_list(body, "record enroll_secrets", "secrets", most, &doc, &root, &list, &b))
        return b.code;
    for (size_t i = 0; i < from_json_count(&list) && b.code == OK; i++) {
        struct from_json_value item = from_json_item(&list, i);
        out[i] = (struct enroll_secret){ 0 };
        record_body_read(&b, &item, secret_fields, COUNT(secret_fields), &out[i]);
    }
    if (b.code == OK)
        *count = from_json_count(&list);
    return b.code;
}

/* ---- clock ---- */

struct stored_pause { struct span kind; struct pause pause; };
static const struct record_body_field pause_fields[] = {
    { "kind", RECORD_BORROWED, offsetof(struct stored_pause, kind), TEXT_BYTES },
    { "from", RECORD_TIME, offsetof(struct stored_pause, pause.time.from_s), 0 },
    { "to", RECORD_TIME, offsetof(struct stored_pause, pause.time.to_s), 0 },
};

static int compare_pauses(const void *left, const void *right)
{
    const struct pause *a = left, *b = right;
    return (a->time.from_s > b->time.from_s) - (a->time.from_s < b->time.from_s);
}

/* A kind of a newer version stops nothing here, so it is left out. */
static bool kind_of(struct span name, enum pause_kind *kind)
{
    *kind = span_equal_text(name, "incident") ? PAUSE_INCIDENT : PAUSE_STORE_OUTAGE;
    return *kind == PAUSE_INCIDENT || span_equal_text(name, "store_outage");
}

static void read_pauses(struct record_body *b, const struct from_json_value *root, struct control *c)
{
    struct from_json_value list;
    void *room;
    size_t count = record_body_list(b, root, "pauses", DIRECTORY_PAUSES_MOST, sizeof(struct pause), &list, &room);
    struct pause *all = room;
    c->pause_count = 0;
    for (size_t i = 0; i < count && b->code == OK; i++) {
        struct stored_pause stored = { 0 };
        struct from_json_value item = from_json_item(&list, i);
        record_body_read(b, &item, pause_fields, COUNT(pause_fields), &stored);
        if (kind_of(stored.kind, &stored.pause.kind))
            all[c->pause_count++] = stored.pause;
    }
    if (c->pause_count > 0)
        qsort(all, c->pause_count, sizeof *all, compare_pauses);
    c->pauses = all;
}

static enum err_code read_clock(struct span body, struct control *c, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct record_body b = { .arena = &c->arena, .err = err };
    b.code = from_json_parse(body, (struct from_json_limits){ POLICY_BODY_BYTES, CONTROL_DEPTH }, "record clock", &doc, err);
    if (b.code != OK)
        return b.code;
    struct from_json_value root = from_json_root(doc), frozen = from_json_member(&root, "frozen"), declared = from_json_member(&root, "declared");
    c->frozen = c->incident = false;
    b.code = from_json_bool_opt(&frozen, &c->frozen, err);
    if (b.code == OK)
        b.code = from_json_bool_opt(&declared, &c->incident, err);
    c->incident = c->incident && c->frozen;
    if (b.code == OK)
        read_pauses(&b, &root, c);
    return b.code;
}

/* ---- policy ---- */

static enum err_code compile(struct span text, struct policy **out, struct err *err)
{
    struct mistakes mistakes;
    mistakes_init(&mistakes);
    policy_read_published(text, SPAN_LITERAL("policy in force"), &mistakes, out);
    enum err_code code = OK;
    if (*out == NULL && mistakes.count > 0)
        code = err_set(err, ERR_INPUT, "record policy: line %u, column %u: %.*s", mistakes.all[0].line, mistakes.all[0].column, SPAN_ARGS(mistakes.all[0].text));
    else if (*out == NULL)
        code = err_set(err, ERR_INPUT, "record policy: its text cannot be read");
    mistakes_done(&mistakes);
    return code;
}

static const struct record_body_field ring_fields[] = {
    { "percent", RECORD_COUNT, offsetof(struct ring, percent), RING_WHOLE_PERCENT },
    { "halted", RECORD_FLAG, offsetof(struct ring, halted), 0 },
    { "since", RECORD_TIME, offsetof(struct ring, since_s), 0 },
    { "why", RECORD_TEXT, offsetof(struct ring, why), TEXT_BYTES },
    { "by", RECORD_TEXT, offsetof(struct ring, by), TEXT_BYTES },
};

/* All of it lives in the new policy's arena, so it may be handed on as long as the policy is in force. */
static enum err_code read_ring(const struct from_json_value *root, struct policy *policy, struct ring *ring, struct err *err)
{
    struct record_body b = { .arena = &policy->arena, .err = err };
    struct from_json_value moved = from_json_member(root, "ring"), before = from_json_member(root, "before"), value = from_json_member(&before, "text");
    CLEANUP(policy_freep) struct policy *old = NULL;
    struct span text = SPAN_NONE;
    *ring = ring_of(policy);
    if (from_json_present(&moved)) {
        ring->percent = 0;
        record_body_read(&b, &moved, ring_fields, COUNT(ring_fields), ring);
    }
    enum err_code code = b.code == OK ? from_json_text_opt(&value, POLICY_BODY_BYTES, &text, err) : b.code;
    if (code == OK && !span_empty(text))
        code = compile(text, &old, err);
    if (code == OK && !ring_stand_on(ring, policy, old, &policy->arena))
        code = err_set(err, ERR_MEMORY, "record policy: memory is short");
    old = code == OK ? NULL : old; /* the ring's now */
    return code;
}

/* Lives with the policy, as its ring does. */
static enum err_code read_strictness(const struct from_json_value *root, struct policy *policy, struct control *c, struct err *err)
{
    struct from_json_value value = from_json_member(root, "strictness");
    struct strictness *s = arena_alloc(&policy->arena, sizeof *s);
    c->strictness = s;
    return s == NULL ? err_set(err, ERR_MEMORY, "record policy: memory is short") : strictness_from_json(&value, &policy->arena, s, err);
}

static enum err_code read_policy(struct span body, struct control *c, struct policy **out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    CLEANUP(policy_freep) struct policy *policy = NULL;
    struct span text = SPAN_NONE;
    enum err_code code = from_json_parse(body, (struct from_json_limits){ POLICY_BODY_BYTES, CONTROL_DEPTH }, "record policy", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), value = from_json_member(&root, "text");
    code = from_json_text(&value, POLICY_BODY_BYTES, &text, err);
    if (code == OK)
        code = compile(text, &policy, err);
    if (code == OK)
        code = read_ring(&root, policy, &c->ring, err);
    if (code == OK)
        code = read_strictness(&root, policy, c, err);
    if (code == OK)
        c->policy = *out = TAKE(policy);
    return code;
}

/* ---- a new control from the one before ---- */

void directory_control_free(struct control *c)
{
    if (c == NULL)
        return;
    arena_done(&c->arena);
    free(c);
}

static void control_freep(struct control **c) { directory_control_free(*c); }

static enum err_code read_keys(struct span body, struct control *c, struct err *err)
{
    struct api_key *all = arena_array(&c->arena, DIRECTORY_KEYS_MOST, sizeof *all);
    if (all == NULL)
        return err_set(err, ERR_MEMORY, "record api_keys: memory is short");
    c->api_keys = all;
    return control_api_keys_from_json(body, &c->arena, all, DIRECTORY_KEYS_MOST, &c->api_key_count, err);
}

static enum err_code read_secrets(struct span body, struct control *c, struct err *err)
{
    struct enroll_secret *all = arena_array(&c->arena, DIRECTORY_KEYS_MOST, sizeof *all);
    if (all == NULL)
        return err_set(err, ERR_MEMORY, "record enroll_secrets: memory is short");
    c->enroll_secrets = all;
    return control_enroll_secrets_from_json(body, &c->arena, all, DIRECTORY_KEYS_MOST, &c->enroll_secret_count, err);
}

static enum err_code read_record(int index, struct span body, struct control *c, struct policy **policy, struct err *err)
{
    switch (index) {
    case CONTROL_POLICY: return read_policy(body, c, policy, err);
    case CONTROL_API_KEYS: return read_keys(body, c, err);
    case CONTROL_ENROLL_SECRETS: return read_secrets(body, c, err);
    case CONTROL_EXEMPTIONS: return exemptions_from_json(body, &c->arena, &c->exemptions, err);
    case CONTROL_HOLIDAYS: return holidays_from_json(body, &c->arena, &c->holidays, err);
    default: return read_clock(body, c, err);
    }
}

/* What the record does not replace, copied. */
static void own_rest(struct record_body *b, const struct control *before, int index, struct control *c)
{
    if (index != CONTROL_API_KEYS) {
        c->api_keys = record_body_own_list(b, before->api_keys, before->api_key_count, sizeof *before->api_keys, key_fields, COUNT(key_fields));
        c->api_key_count = before->api_key_count;
    }
    if (index != CONTROL_ENROLL_SECRETS) {
        c->enroll_secrets = record_body_own_list(b, before->enroll_secrets, before->enroll_secret_count, sizeof *before->enroll_secrets, secret_fields, COUNT(secret_fields));
        c->enroll_secret_count = before->enroll_secret_count;
    }
    if (index != CONTROL_CLOCK) {
        c->pauses = record_body_own_list(b, before->pauses, before->pause_count, sizeof *before->pauses, NULL, 0);
        c->pause_count = before->pause_count;
        c->frozen = before->frozen;
        c->incident = before->incident;
    }
    if (index != CONTROL_EXEMPTIONS && b->code == OK)
        c->exemptions = exemptions_copy(before->exemptions, &c->arena, &b->code);
    if (index != CONTROL_HOLIDAYS && b->code == OK)
        c->holidays = holidays_copy(before->holidays, &c->arena, &b->code);
}

enum err_code directory_control_with(const struct control *before, int index, struct span body, int64_t version, struct control **out, struct policy **policy, struct err *err)
{
    CLEANUP(control_freep) struct control *c = calloc(1, sizeof *c);
    *policy = NULL;
    if (c == NULL)
        return err_set(err, ERR_MEMORY, "a control record: memory is short");
    arena_init(&c->arena, BLOCK_BYTES, ARENA_BYTES);
    memcpy(c->version, before->version, sizeof c->version);
    c->policy = before->policy;
    c->names = before->names;
    c->ring = before->ring;
    c->strictness = before->strictness;
    c->version[index] = version;
    struct record_body b = { .arena = &c->arena, .err = err };
    own_rest(&b, before, index, c);
    enum err_code code = b.code == OK ? read_record(index, body, c, policy, err) : b.code;
    if (code == OK)
        *out = TAKE(c);
    return code;
}
