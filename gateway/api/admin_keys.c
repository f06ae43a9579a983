/* API keys and enrol secrets: control records "api_keys" and "enroll_secrets". The secret itself is shown once, when made. */
#include "gateway/agents.h"
#include "gateway/api/admin.h"
#include "gateway/change.h"

#include <stdio.h>
#include <string.h>

enum { KEYS_MOST = 1000, SECRET_TEXT_BYTES = 43, SHORT_ID_BYTES = 12, LABEL_BYTES = 100, REVOKED_AT_ONCE = 32 };
#define LIFETIME_MOST_S (INT64_C(36500) * 86400)

/* An id short enough to type: lower-case letters and digits only. */
static void new_short_id(char id[SHORT_ID_BYTES + 1])
{
    char long_id[SECRET_ID_BYTES + 1];
    secret_new_id('k', long_id);
    memcpy(id, long_id + 2, SHORT_ID_BYTES);
    id[SHORT_ID_BYTES] = '\0';
}

/* "90d" after now; absent: never. */
static enum err_code read_expiry(const struct http_request *r, const struct from_json_value *root, int64_t *expires_s, struct err *err)
{
    struct span text = SPAN_NONE;
    int64_t lifetime_s = 0;
    enum err_code code = admin_text(r, root, "expires", false, &text, err);
    if (code != OK || span_empty(text))
        return code;
    if (!duration_parse(text, &lifetime_s) || lifetime_s <= 0 || lifetime_s > LIFETIME_MOST_S)
        return err_set(err, ERR_INPUT, "expires must be a duration such as 90d, at most 36500d");
    *expires_s = r->now_s + lifetime_s;
    return OK;
}

/* Of a secret that is somebody's, `person`: its label may be their name, and the archive seals what is about a person. */
static bool event_about(struct change_events *events, const struct node *node, const char *type, struct span person, struct span id, struct span label, struct span cause)
{
    struct buf data;
    struct to_json w;
    buf_init(&data, 1024);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "id", id);
    to_json_member_text_if(&w, "label", label);
    to_json_end(&w);
    bool good = change_event(events, node, type, person, SPAN_NONE, cause, buf_span(&data));
    buf_done(&data);
    return good;
}

/* ---- API keys ---- */

static void write_key(const struct api_key *k, int64_t now_s, struct to_json *w)
{
    to_json_object(w);
    to_json_member_text(w, "id", k->id);
    to_json_member_text_if(w, "label", k->label);
    to_json_key(w, "scopes");
    to_json_array(w);
    for (unsigned bit = 1; bit <= SCOPE_ALL; bit <<= 1)
        if ((k->scopes & bit) != 0)
            to_json_text(w, span_of(api_scope_name(bit)));
    to_json_end(w);
    to_json_member_text_if(w, "door", k->door);
    to_json_member_time_if(w, "created_at", k->created_s);
    to_json_member_time_if(w, "expires_at", k->expires_s);
    to_json_member_text(w, "state", k->revoked ? SPAN_LITERAL("revoked") : k->expires_s != 0 && k->expires_s <= now_s ? SPAN_LITERAL("expired") : SPAN_LITERAL("active"));
    to_json_end(w);
}

void admin_list_keys(struct http_request *r, struct http_response *res)
{
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "keys");
    to_json_array(&w);
    directory_enter(r->node->directory);
    const struct control *control = directory_control(r->node->directory);
    for (size_t i = 0; i < control->api_key_count; i++)
        write_key(&control->api_keys[i], r->now_s, &w);
    directory_leave(r->node->directory);
    to_json_end(&w);
    to_json_end(&w);
}

/* What a change of either control record works on: the list as this commit found it, read through the directory's own reader. */
struct list_edit {
    struct http_request *r;
    struct api_key key;
    struct enroll_secret secret;
    struct span revoke;
    bool more; /* there are more to revoke than one commit has room to tell of */
};

static enum change_say refuse(struct err *err, enum err_code code, const char *text, struct span what)
{
    (void)err_set(err, code, "%s %.*s", text, SPAN_ARGS(what));
    return CHANGE_REFUSE;
}

static enum change_say edit_keys(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    struct list_edit *e = context;
    struct api_key all[KEYS_MOST + 1];
    size_t count = 0;
    bool found = false;
    if (control_api_keys_from_json(before, events->arena, all, KEYS_MOST, &count, err) != OK)
        return CHANGE_REFUSE;
    for (size_t i = 0; i < count; i++) {
        if (!span_equal(all[i].id, e->revoke) || span_empty(e->revoke))
            continue;
        if (all[i].revoked)
            return CHANGE_NOTHING;
        all[i].revoked = found = true;
    }
    if (!span_empty(e->revoke) && !found)
        return refuse(err, ERR_NOT_FOUND, "no key", e->revoke);
    if (span_empty(e->revoke) && count == KEYS_MOST)
        return refuse(err, ERR_LIMIT, "too many keys; at most 1000, revoked ones included", SPAN_NONE);
    if (span_empty(e->revoke))
        all[count++] = e->key;
    struct to_json w;
    to_json_init(&w, after);
    control_api_keys_to_json(all, count, &w);
    const char *type = found ? "key.revoked" : "key.created";
    return event_about(events, e->r->node, type, SPAN_NONE, found ? e->revoke : e->key.id, e->key.label, admin_cause(e->r)) ? CHANGE_COMMIT : refuse(err, ERR_MEMORY, "event", SPAN_NONE);
}

static enum err_code read_scopes(const struct from_json_value *root, unsigned *out, struct err *err)
{
    struct from_json_value list = from_json_member(root, "scopes");
    enum err_code code = from_json_array(&list, SCOPE_COUNT, err);
    *out = 0;
    for (size_t i = 0; code == OK && i < from_json_count(&list); i++) {
        struct from_json_value item = from_json_item(&list, i);
        struct span name;
        code = from_json_text(&item, 32, &name, err);
        unsigned bit = code == OK ? api_scope_bit(name) : 0;
        if (code == OK && bit == 0)
            code = from_json_refuse(&item, err, "must be decide, posture, facts, events, hooks, admin or login");
        *out |= bit;
    }
    return code != OK ? code : *out != 0 ? OK : from_json_refuse(&list, err, "must name at least one scope");
}

/* Which doors a key can be for: clients that authenticate with a secret, and Okta's hooks. */
static enum err_code check_door(const struct http_request *r, const struct api_key *key, struct err *err)
{
    directory_enter(r->node->directory);
    const struct policy *policy = directory_control(r->node->directory)->policy;
    const struct door *door = policy != NULL ? policy_door(policy, key->door) : NULL;
    bool login = door != NULL && door->kind == DOOR_OIDC && (door->oidc.auth == DOOR_AUTH_BASIC || door->oidc.auth == DOOR_AUTH_POST);
    bool hooks = door != NULL && door->kind == DOOR_OKTA_HOOK;
    enum err_code code = OK;
    if (span_empty(key->door) && (key->scopes & SCOPE_LOGIN) != 0)
        code = err_set(err, ERR_INPUT, "scope login needs door: the id of the door whose client gets this secret");
    else if (!span_empty(key->door) && (key->scopes & ~(unsigned)(SCOPE_LOGIN | SCOPE_HOOKS)) != 0)
        code = err_set(err, ERR_INPUT, "a key for a door has scope login or hooks and no other");
    else if (!span_empty(key->door) && door == NULL)
        code = err_set(err, ERR_NOT_FOUND, "no door %.*s", SPAN_ARGS(span_slice(key->door, 0, 64)));
    else if (((key->scopes & SCOPE_LOGIN) != 0 && !login) || (!span_empty(key->door) && (key->scopes & SCOPE_HOOKS) != 0 && !hooks))
        code = err_set(err, ERR_INPUT, "door %.*s takes no such key: login is for kind oidc with a client secret, hooks for kind okta_hook", SPAN_ARGS(span_slice(key->door, 0, 64)));
    directory_leave(r->node->directory);
    return code;
}

enum err_code admin_make_key(struct http_request *r, struct api_key *key, struct span *text, struct err *err)
{
    struct list_edit e = { .r = r };
    char id[SHORT_ID_BYTES + 1], secret[SECRET_TEXT_BYTES], hash[SECRET_HEX_BYTES + 1];
    new_short_id(id);
    secret_random_text(secret, sizeof secret);
    secret_sha256_hex(span_make(secret, sizeof secret), hash);
    key->id = arena_copy_text(r->arena, id);
    key->secret_sha256 = arena_copy_text(r->arena, hash);
    key->created_s = r->now_s;
    e.key = *key;
    *text = arena_format(r->arena, "pst_%s_%.*s", id, SECRET_TEXT_BYTES, secret);
    secret_wipe(secret, sizeof secret);
    if (span_empty(key->id) || span_empty(key->secret_sha256) || span_empty(*text))
        return err_set(err, ERR_MEMORY, "a new key");
    return change_control(r->node, r->store, SPAN_LITERAL("api_keys"), edit_keys, &e, err);
}

void admin_create_key(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "label", "scopes", "expires", "door", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    struct api_key key = { 0 };
    struct span text;
    struct err err;
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc);
    enum err_code code = admin_text(r, &root, "label", false, &key.label, &err);
    if (code == OK)
        code = read_scopes(&root, &key.scopes, &err);
    if (code == OK)
        code = admin_text(r, &root, "door", false, &key.door, &err);
    if (code == OK)
        code = check_door(r, &key, &err);
    if (code == OK)
        code = read_expiry(r, &root, &key.expires_s, &err);
    if (code == OK)
        code = admin_make_key(r, &key, &text, &err);
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 201);
    to_json_object(&w);
    to_json_member_text(&w, "id", key.id);
    to_json_member_text(&w, "key", text);
    to_json_member_text(&w, "note", SPAN_LITERAL("shown once; only its hash is kept"));
    to_json_end(&w);
}

static enum change_say revoke_of_door(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    struct list_edit *e = context;
    struct api_key all[KEYS_MOST + 1];
    size_t count = 0, revoked = 0;
    e->more = false;
    if (control_api_keys_from_json(before, events->arena, all, KEYS_MOST, &count, err) != OK)
        return CHANGE_REFUSE;
    for (size_t i = 0; i < count; i++) {
        if (all[i].revoked || !span_equal(all[i].door, e->revoke))
            continue;
        e->more = revoked == REVOKED_AT_ONCE;
        if (e->more)
            break;
        all[i].revoked = true;
        revoked++;
        if (!event_about(events, e->r->node, "key.revoked", SPAN_NONE, all[i].id, all[i].label, admin_cause(e->r)))
            return refuse(err, ERR_MEMORY, "event", SPAN_NONE);
    }
    if (revoked == 0)
        return CHANGE_NOTHING;
    struct to_json w;
    to_json_init(&w, after);
    control_api_keys_to_json(all, count, &w);
    return CHANGE_COMMIT;
}

enum err_code admin_revoke_door_keys(struct http_request *r, struct span door, struct err *err)
{
    struct list_edit e = { .r = r, .revoke = door, .more = !span_empty(door) };
    enum err_code code = OK;
    while (code == OK && e.more)
        code = change_control(r->node, r->store, SPAN_LITERAL("api_keys"), revoke_of_door, &e, err);
    return code;
}

void admin_revoke_key(struct http_request *r, struct http_response *res)
{
    struct list_edit e = { .r = r, .revoke = r->params[0] };
    struct err err;
    if (change_control(r->node, r->store, SPAN_LITERAL("api_keys"), edit_keys, &e, &err) != OK)
        admin_problem(r, res, &err);
    else
        admin_list_keys(r, res);
}

/* ---- enrol secrets ---- */

void admin_list_secrets(struct http_request *r, struct http_response *res)
{
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "enroll_secrets");
    to_json_array(&w);
    directory_enter(r->node->directory);
    const struct control *control = directory_control(r->node->directory);
    for (size_t i = 0; i < control->enroll_secret_count; i++) {
        const struct enroll_secret *s = &control->enroll_secrets[i];
        to_json_object(&w);
        to_json_member_text(&w, "id", s->id);
        to_json_member_text_if(&w, "label", s->label);
        to_json_member_text_if(&w, "group", s->group);
        to_json_member_text_if(&w, "person", s->person);
        to_json_member_time_if(&w, "created_at", s->created_s);
        to_json_member_time_if(&w, "expires_at", s->expires_s);
        to_json_member_text(&w, "state", s->revoked ? SPAN_LITERAL("revoked") : s->expires_s != 0 && s->expires_s <= r->now_s ? SPAN_LITERAL("expired") : SPAN_LITERAL("active"));
        to_json_end(&w);
    }
    directory_leave(r->node->directory);
    to_json_end(&w);
    to_json_end(&w);
}

static enum change_say edit_secrets(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    struct list_edit *e = context;
    struct enroll_secret all[KEYS_MOST + 1];
    struct span person = e->secret.person;
    size_t count = 0;
    bool found = false;
    if (control_enroll_secrets_from_json(before, events->arena, all, KEYS_MOST, &count, err) != OK)
        return CHANGE_REFUSE;
    for (size_t i = 0; i < count; i++) {
        if (!span_equal(all[i].id, e->revoke) || span_empty(e->revoke))
            continue;
        if (all[i].revoked)
            return CHANGE_NOTHING;
        all[i].revoked = found = true;
        person = all[i].person;
    }
    if (!span_empty(e->revoke) && !found)
        return refuse(err, ERR_NOT_FOUND, "no enrol secret", e->revoke);
    if (span_empty(e->revoke) && count == KEYS_MOST)
        return refuse(err, ERR_LIMIT, "too many enrol secrets; at most 1000, revoked ones included", SPAN_NONE);
    if (span_empty(e->revoke))
        all[count++] = e->secret;
    struct to_json w;
    to_json_init(&w, after);
    control_enroll_secrets_to_json(all, count, &w);
    const char *type = found ? "key.enroll_secret_revoked" : "key.enroll_secret_created";
    return event_about(events, e->r->node, type, person, found ? e->revoke : e->secret.id, e->secret.label, admin_cause(e->r)) ? CHANGE_COMMIT : refuse(err, ERR_MEMORY, "event", SPAN_NONE);
}

static enum err_code read_secret(struct http_request *r, const struct from_json_value *root, struct enroll_secret *s, struct err *err)
{
    struct span person = SPAN_NONE;
    enum err_code code = admin_text(r, root, "label", false, &s->label, err);
    if (code == OK)
        code = admin_text(r, root, "group", false, &s->group, err);
    if (code == OK)
        code = admin_text(r, root, "person", false, &person, err);
    if (code == OK && !span_empty(person))
        code = admin_person_id(r, person, &s->person, err);
    if (code == OK && !span_empty(s->person) && !span_empty(s->group))
        code = err_set(err, ERR_INPUT, "give a group or a person, not both");
    return code != OK ? code : read_expiry(r, root, &s->expires_s, err);
}

/* {"label", "group" or "person", "expires"} */
void admin_create_secret(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "label", "group", "person", "expires", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    CLEANUP(buf_done) struct buf sealed, flags;
    struct list_edit e = { .r = r };
    char id[SHORT_ID_BYTES + 1], secret[SECRET_TEXT_BYTES], hash[SECRET_HEX_BYTES + 1];
    struct err err;
    buf_init(&sealed, 1024);
    buf_init(&flags, 16 * 1024);
    if (doc == NULL)
        return;
    new_short_id(id);
    secret_random_text(secret, sizeof secret);
    secret_sha256_hex(span_make(secret, sizeof secret), hash);
    struct from_json_value root = from_json_root(doc);
    e.secret = (struct enroll_secret){ .id = span_of(id), .secret_sha256 = span_of(hash), .created_s = r->now_s };
    enum err_code code = read_secret(r, &root, &e.secret, &err);
    if (code == OK)
        code = secret_seal(r->node->secret, SECRET_SEALED, span_of(id), span_make(secret, sizeof secret), &sealed, &err);
    e.secret.sealed = buf_span(&sealed);
    if (code == OK)
        code = change_control(r->node, r->store, SPAN_LITERAL("enroll_secrets"), edit_secrets, &e, &err);
    if (code == OK && !agents_flags_text(r->node, &flags))
        code = err_set(&err, ERR_LIMIT, "osquery.flags");
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    struct to_json w = response_json(res, 201);
    to_json_object(&w);
    to_json_member_text(&w, "id", e.secret.id);
    to_json_member_text(&w, "secret", span_make(secret, sizeof secret));
    to_json_member_text(&w, "osquery_flags", buf_span(&flags));
    to_json_member_text(&w, "certificate_pem", r->node->options.certificate_pem); /* what --tls_server_certs must hold */
    to_json_end(&w);
    secret_wipe(secret, sizeof secret);
}

void admin_revoke_secret(struct http_request *r, struct http_response *res)
{
    struct list_edit e = { .r = r, .revoke = r->params[0] };
    struct err err;
    if (change_control(r->node, r->store, SPAN_LITERAL("enroll_secrets"), edit_secrets, &e, &err) != OK)
        admin_problem(r, res, &err);
    else
        admin_list_secrets(r, res);
}
