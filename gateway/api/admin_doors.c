/* Doors over /admin/v1: what there are, and what to copy into each IdP; one more, or one less, as a new version of the policy in force. The client
 * secret or hook key of a new door is made with it and shown once. */
#include "gateway/api/admin.h"
#include "gateway/doors/door_check.h"
#include "gateway/doors/door_setup.h"
#include "gateway/doors/door_yaml.h"
#include "gateway/publish.h"
#include "gateway/signing_ring.h"

#include <stdio.h>

enum { POLICY_BYTES = 4 * 1024 * 1024, POLICY_DEPTH = 32, RECORD_DEPTH = 8, YAML_BYTES = 512 * 1024, TRIES = 5, KEY_BYTES = 64, WAITED_FOR = 8 };

/* ---- what an answer holds ---- */

static void write_yaml(const struct door *door, struct to_json *w)
{
    CLEANUP(buf_done) struct buf yaml;
    buf_init(&yaml, YAML_BYTES);
    door_yaml_write(door, &yaml);
    to_json_member_text(w, "yaml", buf_span(&yaml));
}

/* What verifies our SAML answers, as PEM; empty when this node cannot sign (yet). */
static void read_certificate(const struct http_request *r, struct buf *pem)
{
    struct signing_saml saml;
    struct err err;
    if (r->node->signing == NULL || signing_keys_saml(r->node, &saml, &err) != OK)
        return;
    (void)secret_certificate_pem(saml.certificate, pem);
    signing_saml_done(&saml);
}

static void write_set_up(struct http_request *r, const struct door *door, struct span secret, struct to_json *w)
{
    CLEANUP(buf_done) struct buf certificate;
    buf_init(&certificate, DOOR_PEM_BYTES);
    read_certificate(r, &certificate);
    struct door_setup setup = { .node = r->node, .door = door, .secret = secret, .certificate = buf_span(&certificate) };
    door_setup_write(&setup, r->arena, w);
}

static bool is_for(const struct api_key *key, const struct door *door) { return span_equal(key->door, door->id) && !span_empty(key->door); }

static void write_secrets(const struct http_request *r, const struct control *control, const struct door *door, struct to_json *w)
{
    to_json_key(w, "secrets");
    to_json_array(w);
    for (size_t i = 0; i < control->api_key_count; i++) {
        const struct api_key *key = &control->api_keys[i];
        if (!is_for(key, door) || key->revoked)
            continue;
        to_json_object(w);
        to_json_member_text(w, "id", key->id);
        to_json_member_time_if(w, "expires_at", key->expires_s);
        to_json_member_text(w, "state", key->expires_s != 0 && key->expires_s <= r->now_s ? SPAN_LITERAL("expired") : SPAN_LITERAL("active"));
        to_json_end(w);
    }
    to_json_end(w);
}

/* ---- list and show ---- */

void admin_list_doors(struct http_request *r, struct http_response *res)
{
    struct to_json w = response_json(res, 200);
    to_json_object(&w);
    to_json_key(&w, "doors");
    to_json_array(&w);
    directory_enter(r->node->directory);
    const struct control *control = directory_control(r->node->directory);
    for (size_t i = 0; control->policy != NULL && i < control->policy->door_count; i++) {
        const struct door *door = &control->policy->doors[i];
        to_json_object(&w);
        to_json_member_text(&w, "id", door->id);
        to_json_member_text(&w, "kind", span_of(door_kind_name(door->kind)));
        if (door->kind != DOOR_OKTA_HOOK)
            to_json_member_text(&w, "use", span_of(door_use_name(door->use)));
        to_json_member_text(&w, "title", door->title);
        to_json_member_text_if(&w, "app", door->app);
        write_secrets(r, control, door, &w);
        to_json_end(&w);
    }
    directory_leave(r->node->directory);
    to_json_end(&w);
    to_json_end(&w);
}

void admin_show_door(struct http_request *r, struct http_response *res)
{
    directory_enter(r->node->directory);
    const struct control *control = directory_control(r->node->directory);
    const struct door *door = control->policy != NULL ? policy_door(control->policy, r->params[0]) : NULL;
    if (door == NULL) {
        problem_status_answer(r, res, PROBLEM_JSON, 404, "no door of that id");
    } else {
        struct to_json w = response_json(res, 200);
        to_json_object(&w);
        to_json_member_text(&w, "id", door->id);
        to_json_key(&w, "door");
        door_to_json(door, &w);
        write_secrets(r, control, door, &w);
        write_set_up(r, door, SPAN_NONE, &w);
        write_yaml(door, &w);
        to_json_end(&w);
    }
    directory_leave(r->node->directory);
}

/* ---- how they are, for doctor ---- */

static void write_finding(void *context, enum door_finding finding, struct span text, struct span fix)
{
    static const char *const words[] = { "ok", "warn", "fail" };
    struct to_json *w = context;
    to_json_object(w);
    to_json_member_text(w, "state", span_of(words[finding]));
    to_json_member_text(w, "detail", text);
    to_json_member_text_if(w, "fix", fix);
    to_json_end(w);
}

/* Copies of the doors that need keys of others. */
static size_t write_doors_here(struct http_request *r, struct door *copies, size_t most, struct to_json *w)
{
    const struct control *control = directory_control(r->node->directory);
    size_t copied = 0;
    for (size_t i = 0; control->policy != NULL && i < control->policy->door_count; i++) {
        const struct door *door = &control->policy->doors[i];
        to_json_object(w);
        to_json_member_text(w, "id", door->id);
        to_json_member_text(w, "kind", span_of(door_kind_name(door->kind)));
        to_json_key(w, "findings");
        to_json_array(w);
        door_check(r->node, control, door, r->now_s, r->arena, write_finding, w);
        to_json_end(w);
        to_json_end(w);
        if (door->use == DOOR_USE_ENTRA && copied < most && door_copy(door, r->arena, &copies[copied]))
            copied++;
    }
    return copied;
}

void admin_write_doors(struct http_request *r, struct to_json *w)
{
    struct door copies[WAITED_FOR];
    to_json_key(w, "doors");
    to_json_array(w);
    directory_enter(r->node->directory);
    size_t count = write_doors_here(r, copies, WAITED_FOR, w);
    directory_leave(r->node->directory);
    for (size_t i = 0; i < count; i++) { /* may wait for the vendor */
        to_json_object(w);
        to_json_member_text(w, "id", copies[i].id);
        to_json_member_text(w, "kind", span_of(door_kind_name(copies[i].kind)));
        to_json_key(w, "findings");
        to_json_array(w);
        door_check_hint_keys(r->node, &copies[i], r->arena, write_finding, w);
        to_json_end(w);
        to_json_end(w);
    }
    to_json_end(w);
}

/* ---- a policy with one door more or less ---- */

struct change_of_doors {
    struct http_request *r;
    const struct from_json_value *add; /* as it was sent; NULL: none */
    struct span remove;                /* id; empty: none */
    struct mistakes mistakes;
    struct buf in_force, text;         /* canonical forms */
    char before[65], after[65];
};

static void change_init(struct change_of_doors *c, struct http_request *r)
{
    c->r = r;
    mistakes_init(&c->mistakes);
    buf_init(&c->in_force, POLICY_BYTES);
    buf_init(&c->text, POLICY_BYTES);
}

static void change_done(struct change_of_doors *c)
{
    mistakes_done(&c->mistakes);
    buf_done(&c->in_force);
    buf_done(&c->text);
}

/* From the store: the directory may be a moment behind. */
static enum err_code read_in_force(struct change_of_doors *c, struct err *err)
{
    CLEANUP(buf_done) struct buf body;
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct span text = SPAN_NONE, version = SPAN_NONE;
    int64_t record_version = 0;
    buf_init(&body, POLICY_BYTES);
    buf_clear(&c->in_force);
    enum err_code code = c->r->store->ops->get(c->r->store, RECORD_CONTROL, SPAN_LITERAL("policy"), &body, &record_version, err);
    if (code == ERR_NOT_FOUND || (code == OK && body.bytes == 0))
        return err_set(err, ERR_CONFLICT, "no policy is in force yet: postern apply FILE");
    if (code == OK)
        code = from_json_parse(buf_span(&body), (struct from_json_limits){ POLICY_BYTES, RECORD_DEPTH }, "policy record", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), v = from_json_member(&root, "version"), t = from_json_member(&root, "text");
    code = from_json_text(&v, sizeof c->before - 1, &version, err);
    if (code == OK)
        code = from_json_text(&t, POLICY_BYTES, &text, err);
    if (code != OK)
        return code;
    snprintf(c->before, sizeof c->before, "%.*s", SPAN_ARGS(version));
    buf_append(&c->in_force, text);
    return buf_check(&c->in_force, "the policy in force", err);
}

static bool has_id(const struct from_json_value *door, struct span id)
{
    struct from_json_value v = from_json_member(door, "id");
    struct span found = SPAN_NONE;
    return from_json_text(&v, POLICY_BYTES, &found, NULL) == OK && span_equal(found, id);
}

/* The new door begins line 2, so that what is said about it can be told from the rest. */
static void write_doors(struct change_of_doors *c, const struct from_json_value *doors, bool *removed, struct to_json *w)
{
    to_json_array(w);
    for (size_t i = 0; i < from_json_count(doors); i++) {
        CLEANUP(buf_done) struct buf one;
        struct from_json_value door = from_json_item(doors, i);
        buf_init(&one, POLICY_BYTES);
        bool goes = !span_empty(c->remove) && has_id(&door, c->remove);
        *removed = *removed || goes;
        if (!goes && from_json_write(&door, &one))
            to_json_raw(w, buf_span(&one));
    }
    CLEANUP(buf_done) struct buf new;
    buf_init(&new, POLICY_BYTES);
    if (c->add != NULL && buf_append_byte(&new, '\n') && from_json_write(c->add, &new))
        to_json_raw(w, buf_span(&new));
    to_json_end(w);
}

static enum err_code compose(struct change_of_doors *c, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct from_json_value member;
    void *iterator = NULL;
    const char *key;
    bool removed = false;
    struct to_json w;
    buf_clear(&c->text);
    enum err_code code = from_json_parse(buf_span(&c->in_force), (struct from_json_limits){ POLICY_BYTES, POLICY_DEPTH }, "the policy in force", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), doors = from_json_member(&root, "doors");
    to_json_init(&w, &c->text);
    to_json_object(&w);
    while (from_json_each(&root, &iterator, &key, &member)) {
        CLEANUP(buf_done) struct buf one;
        buf_init(&one, POLICY_BYTES);
        if (span_equal_text(span_of(key), "doors") || !from_json_write(&member, &one))
            continue;
        to_json_key(&w, key);
        to_json_raw(&w, buf_span(&one));
    }
    to_json_key(&w, "doors");
    write_doors(c, &doors, &removed, &w);
    to_json_end(&w);
    if (!span_empty(c->remove) && !removed)
        return err_set(err, ERR_NOT_FOUND, "no door %.*s", SPAN_ARGS(span_slice(c->remove, 0, KEY_BYTES)));
    return buf_check(&c->text, "the policy with this door", err);
}

/* OK, or ERR_CONFLICT when somebody else was quicker each time. ERR_DENIED: the policy is managed by files; `after` is what it would be. */
static enum err_code change_doors(struct change_of_doors *c, struct policy **after, struct err *err)
{
    enum err_code code = ERR_CONFLICT;
    for (int i = 0; i < TRIES && code == ERR_CONFLICT; i++) {
        policy_freep(after);
        mistakes_done(&c->mistakes);
        mistakes_init(&c->mistakes);
        code = read_in_force(c, err);
        if (code == OK)
            code = compose(c, err);
        if (code != OK)
            return code;
        policy_read(buf_span(&c->text), SPAN_LITERAL("door"), &c->mistakes, after);
        if (*after == NULL)
            return err_set(err, ERR_INPUT, "the door has mistakes");
        if ((*after)->managed_by_files)
            return err_set(err, ERR_DENIED, "the policy is managed by files (policy_managed_by): change the file, then postern apply FILE");
        struct mistakes again;
        struct publication what = { .text = buf_span(&c->text), .file = SPAN_LITERAL("door"), .by = admin_cause(c->r), .only_over = span_of(c->before), .keep_ring = true };
        mistakes_init(&again);
        code = publish_policy(c->r->node, c->r->store, &what, &again, c->after, err);
        mistakes_done(&again);
    }
    return code;
}

/* ---- add ---- */

/* The name of the member that stands at `column` (in characters) of compact JSON: the last one begun before it. Empty: the door as a whole. */
static struct span key_at(struct span json, unsigned column)
{
    struct span key = SPAN_NONE, text = SPAN_NONE;
    size_t start = 0;
    bool inside = false, escaped = false;
    unsigned at = 0;
    for (size_t i = 0; i < json.bytes; i++) {
        char c = json.at[i];
        at += ((unsigned char)c & 0xC0U) != 0x80U;
        if (at > column)
            break;
        if (c == '"' && !escaped && !inside)
            start = i + 1;
        else if (c == '"' && !escaped)
            text = span_slice(json, start, i - start);
        else if (c == ':' && !inside)
            key = text;
        inside = c == '"' && !escaped ? !inside : inside;
        escaped = inside && c == '\\' && !escaped;
    }
    return key;
}

/* Mistakes, and warnings, about the new door only, each with the member it is about in place of a file name. */
static void write_mistakes(const struct change_of_doors *c, struct to_json *w)
{
    size_t start = span_find(buf_span(&c->text), '\n') + 1;
    struct span door = span_slice(buf_span(&c->text), start, c->text.bytes);
    to_json_key(w, "mistakes");
    to_json_array(w);
    for (size_t i = 0; i < c->mistakes.count; i++) {
        const struct mistake *m = &c->mistakes.all[i];
        struct span key = m->line == 2 ? key_at(door, m->column) : SPAN_NONE;
        if (m->line != 2 && span_starts(m->text, SPAN_LITERAL("warning: ")))
            continue;
        to_json_object(w);
        to_json_member_text(w, "file", span_empty(key) ? SPAN_LITERAL("door") : key);
        to_json_member_int(w, "line", 0);
        to_json_member_int(w, "column", 0);
        to_json_member_text(w, "message", m->text);
        to_json_end(w);
    }
    to_json_end(w);
}

/* As much of a door that was refused as its set-up page needs. */
static bool read_sketch(struct http_request *r, const struct from_json_value *sent, struct door *out)
{
    static const char *const kinds[] = { "saml", "oidc", "okta_hook" }, *const uses[] = { "login", "factor", "okta_posture", "entra" };
    struct span kind = SPAN_NONE, use = SPAN_NONE;
    struct from_json_value oidc = from_json_member(sent, "oidc");
    struct err err;
    bool known = false;
    *out = (struct door){ .oidc.pkce = true };
    if (admin_text(r, sent, "kind", true, &kind, &err) != OK || admin_text(r, sent, "use", false, &use, &err) != OK || admin_text(r, sent, "id", false, &out->id, &err) != OK ||
        admin_text(r, sent, "app", false, &out->app, &err) != OK || admin_text(r, &oidc, "client_id", false, &out->oidc.client_id, &err) != OK)
        return false;
    for (unsigned i = 0; i < DOOR_KINDS; i++)
        if (span_equal_text(kind, kinds[i]))
            known = true, out->kind = (enum door_kind)i;
    for (unsigned i = 0; i < DOOR_USES; i++)
        if (span_equal_text(use, uses[i]))
            out->use = (enum door_use)i;
    if (span_empty(out->oidc.client_id))
        out->oidc.client_id = out->id;
    return known;
}

static struct to_json begin_problem(struct http_response *res, int status, const char *title, const char *detail)
{
    struct to_json w = response_json(res, status);
    res->content_type = "application/problem+json";
    to_json_object(&w);
    to_json_member_text(&w, "type", SPAN_LITERAL("about:blank"));
    to_json_member_text(&w, "title", span_of(title));
    to_json_member_int(&w, "status", status);
    to_json_member_text_if(&w, "detail", span_of(detail));
    return w;
}

static void answer_refusal(struct change_of_doors *c, struct http_response *res, const struct policy *after, struct span id, const struct err *err)
{
    struct door sketch;
    const struct door *door = after != NULL ? policy_door(after, id) : NULL;
    bool files = err->code == ERR_DENIED && after != NULL;
    if (!files && err->code != ERR_INPUT) {
        admin_problem(c->r, res, err);
        return;
    }
    struct to_json w = begin_problem(res, files ? 409 : 422, files ? "The policy is managed by files" : "The door has mistakes", err->text);
    write_mistakes(c, &w);
    if (door != NULL || read_sketch(c->r, c->add, &sketch))
        write_set_up(c->r, door != NULL ? door : &sketch, SPAN_NONE, &w);
    if (door != NULL)
        write_yaml(door, &w);
    to_json_end(&w);
}

static bool needs_secret(const struct door *door)
{
    return door->kind == DOOR_OKTA_HOOK || (door->kind == DOOR_OIDC && (door->oidc.auth == DOOR_AUTH_BASIC || door->oidc.auth == DOOR_AUTH_POST));
}

/* The door is there by now: when its key cannot be made, the answer says how to make it later. */
static void make_secret(struct http_request *r, const struct door *door, struct span *secret, struct span *note)
{
    struct api_key key = { .label = door->title, .scopes = door->kind == DOOR_OKTA_HOOK ? SCOPE_HOOKS : SCOPE_LOGIN, .door = door->id };
    struct err err;
    *secret = *note = SPAN_NONE;
    if (!needs_secret(door))
        return;
    if (admin_make_key(r, &key, secret, &err) == OK) {
        *note = SPAN_LITERAL("the secret is shown once; only its hash is kept");
        return;
    }
    *secret = SPAN_NONE;
    *note = arena_format(r->arena, "the door is in force, but its secret could not be made (%s): postern key create --scope %s --door %.*s", err.text, api_scope_name(key.scopes),
                         SPAN_ARGS(door->id));
}

static void answer_added(struct change_of_doors *c, struct http_response *res, const struct door *door)
{
    struct span secret, note;
    make_secret(c->r, door, &secret, &note);
    struct to_json w = response_json(res, 201);
    to_json_object(&w);
    to_json_member_text(&w, "id", door->id);
    to_json_member_text(&w, "version", span_of(c->after));
    to_json_member_text_if(&w, "secret", secret);
    to_json_member_text_if(&w, "note", note);
    write_mistakes(c, &w);
    write_set_up(c->r, door, secret, &w);
    write_yaml(door, &w);
    to_json_end(&w);
}

/* {"door": as in the policy} */
void admin_add_door(struct http_request *r, struct http_response *res)
{
    static const char *const known[] = { "door", NULL };
    CLEANUP(from_json_freep) struct from_json *doc = admin_body(r, res, known);
    CLEANUP(policy_freep) struct policy *after = NULL;
    CLEANUP(change_done) struct change_of_doors c = { 0 };
    struct span id = SPAN_NONE;
    struct err err;
    change_init(&c, r);
    if (doc == NULL)
        return;
    struct from_json_value root = from_json_root(doc), door = from_json_member(&root, "door");
    enum err_code code = from_json_object(&door, &err);
    if (code == OK)
        code = admin_text(r, &door, "id", true, &id, &err);
    if (code != OK) {
        admin_problem(r, res, &err);
        return;
    }
    c.add = &door;
    code = change_doors(&c, &after, &err);
    if (code == OK)
        answer_added(&c, res, policy_door(after, id));
    else
        answer_refusal(&c, res, after, id, &err);
}

/* ---- remove ---- */

void admin_remove_door(struct http_request *r, struct http_response *res)
{
    CLEANUP(policy_freep) struct policy *after = NULL;
    CLEANUP(change_done) struct change_of_doors c = { 0 };
    struct err err;
    change_init(&c, r);
    c.remove = r->params[0];
    enum err_code code = change_doors(&c, &after, &err);
    if (code == OK)
        code = admin_revoke_door_keys(r, c.remove, &err);
    if (code == ERR_DENIED) {
        struct to_json w = begin_problem(res, 409, "The policy is managed by files", err.text);
        to_json_end(&w);
    } else if (code != OK) {
        admin_problem(r, res, &err);
    } else {
        struct to_json w = response_json(res, 200);
        to_json_object(&w);
        to_json_member_text(&w, "id", c.remove);
        to_json_member_text(&w, "version", span_of(c.after));
        to_json_end(&w);
    }
}
