#include "gateway/pages/link.h"

#include "posture/base/from_json.h"

#include <string.h>

enum { TOKEN_BYTES = 1800, PLAIN_BYTES = 1200, TEXT_BYTES = 300 };

static enum err_code seal_url(const struct node *node, const char *page, struct span plain, struct buf *url, struct err *err)
{
    buf_format(url, "%.*s/%s/", SPAN_ARGS(node->options.public_url), page);
    return secret_seal(node->secret, SECRET_LINK, span_of(page), plain, url, err);
}

static enum err_code link_one(const struct node *node, const char *page, struct span person, int64_t expires_s, struct buf *url, struct err *err)
{
    CLEANUP(buf_done) struct buf plain;
    struct to_json w;
    buf_init(&plain, PLAIN_BYTES);
    to_json_init(&w, &plain);
    to_json_object(&w);
    to_json_member_text(&w, "p", person);
    to_json_member_int(&w, "e", expires_s);
    to_json_end(&w);
    enum err_code code = buf_check(&plain, "link", err);
    return code != OK ? code : seal_url(node, page, buf_span(&plain), url, err);
}

enum err_code link_me(const struct node *node, struct span person, int64_t expires_s, struct buf *url, struct err *err) { return link_one(node, "me", person, expires_s, url, err); }

static const char *const kinds[] = { [LINK_WELCOME] = "welcome", [LINK_INSTALL] = "install" };

enum err_code link_person(const struct node *node, enum link_kind kind, struct span person, int64_t expires_s, struct buf *url, struct err *err)
{
    return link_one(node, kinds[kind], person, expires_s, url, err);
}

enum err_code link_blocked(const struct node *node, const struct blocked_link *link, struct buf *url, struct err *err)
{
    CLEANUP(buf_done) struct buf plain;
    struct to_json w;
    buf_init(&plain, PLAIN_BYTES);
    to_json_init(&w, &plain);
    to_json_object(&w);
    to_json_member_text(&w, "x", link->decision);
    to_json_member_text_if(&w, "p", link->person);
    to_json_member_text_if(&w, "n", span_slice(link->person_asked, 0, TEXT_BYTES));
    to_json_member_text_if(&w, "d", link->device);
    to_json_member_text_if(&w, "a", link->app);
    to_json_member_text_if(&w, "v", span_slice(link->policy, 0, 12));
    to_json_member_text_if(&w, "b", link->back);
    to_json_member_int(&w, "o", link->outcome);
    to_json_member_int(&w, "k", link->door);
    to_json_member_int(&w, "f", link->proof);
    to_json_member_int(&w, "t", link->at_s);
    to_json_member_int(&w, "e", link->expires_s);
    to_json_end(&w);
    enum err_code code = buf_check(&plain, "link", err);
    return code != OK ? code : seal_url(node, "blocked", buf_span(&plain), url, err);
}

enum err_code link_enroll(const struct node *node, const struct enroll_link *link, struct buf *url, struct err *err)
{
    CLEANUP(buf_done) struct buf plain;
    struct to_json w;
    buf_init(&plain, PLAIN_BYTES);
    to_json_init(&w, &plain);
    to_json_object(&w);
    to_json_member_text(&w, "d", link->device);
    to_json_member_text_if(&w, "p", link->person);
    to_json_member_text(&w, "c", link->credential);
    to_json_member_int(&w, "e", link->expires_s);
    to_json_end(&w);
    enum err_code code = buf_check(&plain, "link", err);
    return code != OK ? code : seal_url(node, "device/enroll", buf_span(&plain), url, err);
}

/* Opens the seal, checks the time, and leaves the parsed members to `read`. */
static enum err_code open_token(const struct node *node, const char *page, struct span token, int64_t now_s, int64_t *expires_s,
                                enum err_code (*read)(const struct from_json_value *, struct arena *, void *, struct err *), struct arena *arena, void *out, struct err *err)
{
    CLEANUP(buf_done) struct buf plain;
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    buf_init(&plain, PLAIN_BYTES);
    if (token.bytes > TOKEN_BYTES)
        return err_set(err, ERR_DENIED, "this link is not one of ours");
    enum err_code code = secret_open(node->secret, SECRET_LINK, span_of(page), token, &plain, err);
    if (code == OK)
        code = from_json_parse(buf_span(&plain), (struct from_json_limits){ PLAIN_BYTES, 4 }, "link", &doc, err);
    if (code != OK)
        return err_set(err, ERR_DENIED, "this link is not one of ours");
    struct from_json_value root = from_json_root(doc), e = from_json_member(&root, "e");
    code = from_json_int(&e, 0, INT64_MAX, expires_s, err);
    if (code != OK)
        return code;
    if (now_s >= *expires_s)
        return err_set(err, ERR_EXPIRED, "this link has expired");
    return read(&root, arena, out, err);
}

static enum err_code read_text(const struct from_json_value *root, const char *key, struct arena *arena, struct span *out, struct err *err)
{
    struct from_json_value v = from_json_member(root, key);
    struct span text = SPAN_NONE;
    enum err_code code = from_json_text_opt(&v, PLAIN_BYTES, &text, err);
    *out = arena_copy(arena, text);
    return code;
}

static enum err_code read_me(const struct from_json_value *root, struct arena *arena, void *out, struct err *err)
{
    return read_text(root, "p", arena, out, err);
}

static enum err_code read_blocked(const struct from_json_value *root, struct arena *arena, void *out, struct err *err)
{
    struct blocked_link *link = out;
    const struct { const char *key; struct span *to; } texts[] = {
        { "x", &link->decision }, { "p", &link->person }, { "n", &link->person_asked }, { "d", &link->device },
        { "a", &link->app },      { "v", &link->policy }, { "b", &link->back },
    };
    enum err_code code = OK;
    for (size_t i = 0; code == OK && i < sizeof texts / sizeof texts[0]; i++)
        code = read_text(root, texts[i].key, arena, texts[i].to, err);
    struct from_json_value o = from_json_member(root, "o"), t = from_json_member(root, "t"), k = from_json_member(root, "k"), f = from_json_member(root, "f");
    int64_t outcome = 0, proof = PROOF_NOT_ASKED, door = span_empty(link->device) ? DEVICE_UNPROVED : DEVICE_NAMED;
    if (code == OK)
        code = from_json_int(&o, OUTCOME_ALLOW, OUTCOME_DENY, &outcome, err);
    if (code == OK)
        code = from_json_int(&t, 0, INT64_MAX, &link->at_s, err);
    if (code == OK)
        code = from_json_int_opt(&k, DEVICE_NOT_ASKED, DEVICE_NAMED, &door, err);
    if (code == OK)
        code = from_json_int_opt(&f, PROOF_NOT_ASKED, PROOF_KINDS - 1, &proof, err); /* links of an older version have none */
    link->proof = (enum proof)proof;
    link->outcome = (enum outcome)outcome;
    link->door = (enum door_device)door;
    return code;
}

enum err_code link_open_me(const struct node *node, struct span token, int64_t now_s, struct arena *arena, struct span *person, int64_t *expires_s, struct err *err)
{
    return open_token(node, "me", token, now_s, expires_s, read_me, arena, person, err);
}

enum err_code link_open_person(const struct node *node, enum link_kind kind, struct span token, int64_t now_s, struct arena *arena, struct span *person, int64_t *expires_s, struct err *err)
{
    return open_token(node, kinds[kind], token, now_s, expires_s, read_me, arena, person, err);
}

enum err_code link_open_blocked(const struct node *node, struct span token, int64_t now_s, struct arena *arena, struct blocked_link *out, struct err *err)
{
    struct blocked_link link = { 0 };
    enum err_code code = open_token(node, "blocked", token, now_s, &link.expires_s, read_blocked, arena, &link, err);
    if (code == OK)
        *out = link;
    return code;
}

static enum err_code read_enroll(const struct from_json_value *root, struct arena *arena, void *out, struct err *err)
{
    struct enroll_link *link = out;
    enum err_code code = read_text(root, "d", arena, &link->device, err);
    if (code == OK)
        code = read_text(root, "p", arena, &link->person, err);
    return code == OK ? read_text(root, "c", arena, &link->credential, err) : code;
}

enum err_code link_open_enroll(const struct node *node, struct span token, int64_t now_s, struct arena *arena, struct enroll_link *out, struct err *err)
{
    struct enroll_link link = { 0 };
    enum err_code code = open_token(node, "device/enroll", token, now_s, &link.expires_s, read_enroll, arena, &link, err);
    if (code == OK)
        *out = link;
    return code;
}
