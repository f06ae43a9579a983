#include "connectors/identity/okta_answer.h"

#include "posture/base/from_json.h"

#include <string.h>

enum { DEPTH = 12, LOGIN_BYTES = 512, STATUS_BYTES = 64, TYPE_BYTES = 64, GROUP_NAME_BYTES = 1024 };

bool okta_is_id(struct span id)
{
    for (size_t i = 0; i < id.bytes; i++) {
        char c = id.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return id.bytes > 0 && id.bytes < OKTA_ID_BYTES;
}

static enum err_code parse(struct span body, const char *what, struct from_json **doc, struct err *err)
{
    return from_json_parse(body, (struct from_json_limits){ OKTA_ANSWER_BYTES, DEPTH }, what, doc, err);
}

static enum err_code read_id(const struct from_json_value *object, struct span *id, struct err *err)
{
    struct from_json_value v = from_json_member(object, "id");
    enum err_code code = from_json_text(&v, OKTA_ID_BYTES, id, err);
    return code == OK && !okta_is_id(*id) ? from_json_refuse(&v, err, "is no id") : code;
}

/* ---- users ---- */

static bool has_name(const struct from_json_value *profile, const char *key, struct span name)
{
    struct from_json_value v = from_json_member(profile, key);
    struct span text = SPAN_NONE;
    return from_json_text(&v, LOGIN_BYTES, &text, NULL) == OK && !span_empty(text) && span_equal_fold(text, name);
}

static bool is_the_one(const struct from_json_value *user, struct span id, struct span asked_as)
{
    struct from_json_value profile = from_json_member(user, "profile");
    return span_equal(id, asked_as) || has_name(&profile, "login", asked_as) || has_name(&profile, "email", asked_as) || has_name(&profile, "secondEmail", asked_as);
}

static enum err_code read_user(const struct from_json_value *user, struct span asked_as, struct okta_user *out, struct err *err)
{
    struct from_json_value status = from_json_member(user, "status");
    struct span id = SPAN_NONE, word = SPAN_NONE;
    enum err_code code = from_json_object(user, err);
    if (code == OK)
        code = read_id(user, &id, err);
    if (code == OK)
        code = from_json_text(&status, STATUS_BYTES, &word, err);
    if (code != OK)
        return code;
    if (!is_the_one(user, id, asked_as))
        return err_set(err, ERR_NOT_FOUND, "Okta answered with somebody else");
    *out = (struct okta_user){ .gone = span_equal_text(word, "DEPROVISIONED") };
    memcpy(out->id, id.at, id.bytes);
    return OK;
}

enum err_code okta_read_user(struct span body, struct span asked_as, struct okta_user *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    enum err_code code = parse(body, "user", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc);
    return read_user(&root, asked_as, out, err);
}

enum err_code okta_read_only_user(struct span body, struct span asked_as, struct okta_user *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    enum err_code code = parse(body, "users", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc);
    code = from_json_array(&root, OKTA_PAGE_GROUPS, err);
    if (code != OK)
        return code;
    if (from_json_count(&root) != 1)
        return from_json_count(&root) == 0 ? err_set(err, ERR_NOT_FOUND, "nobody has that address") : err_set(err, ERR_CONFLICT, "several people have that address");
    struct from_json_value user = from_json_item(&root, 0);
    return read_user(&user, asked_as, out, err);
}

/* ---- groups ---- */

enum err_code okta_read_groups(struct span body, const struct span *groups, size_t group_count, bool *member, size_t *count, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    enum err_code code = parse(body, "groups", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc);
    code = from_json_array(&root, OKTA_PAGE_GROUPS, err);
    for (size_t i = 0; code == OK && i < from_json_count(&root); i++) {
        struct from_json_value item = from_json_item(&root, i);
        struct span id = SPAN_NONE;
        code = from_json_object(&item, err);
        if (code == OK)
            code = read_id(&item, &id, err);
        for (size_t g = 0; code == OK && g < group_count; g++)
            member[g] = member[g] || span_equal(groups[g], id);
    }
    if (code == OK)
        *count = from_json_count(&root);
    return code;
}

enum err_code okta_read_group(struct span body, struct okta_group *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct span id = SPAN_NONE, type = SPAN_NONE, name = SPAN_NONE;
    enum err_code code = parse(body, "group", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), t = from_json_member(&root, "type"), profile = from_json_member(&root, "profile"), n = from_json_member(&profile, "name");
    code = from_json_object(&root, err);
    if (code == OK)
        code = read_id(&root, &id, err);
    if (code == OK)
        code = from_json_text(&t, TYPE_BYTES, &type, err);
    if (code == OK)
        code = from_json_text(&n, GROUP_NAME_BYTES, &name, err);
    if (code != OK)
        return code;
    *out = (struct okta_group){ .ours_to_change = span_equal_text(type, "OKTA_GROUP") };
    size_t kept = name.bytes < sizeof out->name ? name.bytes : sizeof out->name - 1;
    while (!span_is_utf8(span_slice(name, 0, kept)))
        kept--; /* not in the middle of a letter */
    memcpy(out->name, name.at, kept);
    return OK;
}

/* ---- errors ---- */

void okta_read_error(struct span body, char word[OKTA_WORD_BYTES])
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct span text = SPAN_NONE;
    size_t used = 0;
    word[0] = '\0';
    if (parse(body, "error", &doc, NULL) != OK)
        return;
    struct from_json_value root = from_json_root(doc), code = from_json_member(&root, "errorCode"), error = from_json_member(&root, "error");
    if (from_json_text(&code, OKTA_ANSWER_BYTES, &text, NULL) != OK && from_json_text(&error, OKTA_ANSWER_BYTES, &text, NULL) != OK)
        return;
    while (used + 1 < OKTA_WORD_BYTES && used < text.bytes && okta_is_id(span_slice(text, used, 1))) {
        word[used] = text.at[used];
        used++;
    }
    word[used] = '\0';
}
