/* What differs between two policies, found in their canonical forms: a rule added to the policy is compared without a line here. */
#include "posture/policy.h"

#include "posture/base/from_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 200, SHOWN_BYTES = 120, LINE_BYTES = 640, DIFF_DEPTH = 16 };

struct diff {
    void (*line)(void *, struct span);
    void *context;
    unsigned depth;
};
struct sided { struct span id; struct from_json_value value; };

static void compare_values(struct diff *d, const char *path, const struct from_json_value *before, const struct from_json_value *after);

static void tell(struct diff *d, const char *path, const char *words)
{
    char line[LINE_BYTES];
    int bytes = snprintf(line, sizeof line, "%s%s%s", path, words[0] == ' ' ? "" : ": ", words);
    size_t written = bytes < 0 ? 0 : (size_t)bytes;
    d->line(d->context, span_make(line, written < sizeof line ? written : sizeof line - 1));
}

/* A value in a line: texts without quotes, all else as JSON, long ones cut. */
static void show(const struct from_json_value *v, char shown[SHOWN_BYTES + 4])
{
    struct span text = SPAN_NONE;
    CLEANUP(buf_done) struct buf json;
    buf_init(&json, 1024 * 1024);
    if (from_json_kind(v) != FROM_JSON_TEXT || from_json_text(v, 1024 * 1024, &text, NULL) != OK)
        text = from_json_write(v, &json) ? buf_span(&json) : SPAN_LITERAL("?");
    size_t kept = text.bytes < SHOWN_BYTES ? text.bytes : SHOWN_BYTES;
    while (kept < text.bytes && kept > 0 && ((unsigned char)text.at[kept] & 0xC0U) == 0x80U)
        kept--; /* not through a character */
    memcpy(shown, text.at == NULL ? "" : text.at, kept);
    memcpy(shown + kept, kept < text.bytes ? "..." : "", kept < text.bytes ? 4 : 1);
    for (size_t i = 0; shown[i] != '\0'; i++)
        if (shown[i] == '\n' || shown[i] == '\t')
            shown[i] = ' ';
}

static void tell_change(struct diff *d, const char *path, const struct from_json_value *before, const struct from_json_value *after)
{
    char old[SHOWN_BYTES + 4], new[SHOWN_BYTES + 4], words[2 * SHOWN_BYTES + 32];
    show(before, old);
    show(after, new);
    if (!from_json_present(before))
        snprintf(words, sizeof words, " set to %s", new);
    else if (!from_json_present(after))
        snprintf(words, sizeof words, " no longer set (was %s)", old);
    else if (strcmp(old, new) == 0)
        snprintf(words, sizeof words, " changed further in than is shown here: %s", new);
    else
        snprintf(words, sizeof words, " %s -> %s", old, new);
    tell(d, path, words);
}

static bool is_same(const struct from_json_value *a, const struct from_json_value *b)
{
    CLEANUP(buf_done) struct buf left;
    CLEANUP(buf_done) struct buf right;
    buf_init(&left, 4 * 1024 * 1024);
    buf_init(&right, 4 * 1024 * 1024);
    if (from_json_kind(a) != from_json_kind(b))
        return false;
    return from_json_write(a, &left) && from_json_write(b, &right) && span_equal(buf_span(&left), buf_span(&right));
}

/* "checks" -> "check", as one of them is called. */
static const char *singular(const char *key, char room[32])
{
    size_t bytes = strlen(key);
    if (bytes < 2 || bytes >= 32 || key[bytes - 1] != 's')
        return key;
    memcpy(room, key, bytes - 1);
    room[bytes - 1] = '\0';
    return room;
}

static int compare_ids(const void *left, const void *right)
{
    const struct sided *a = left, *b = right;
    return span_compare(a->id, b->id);
}

/* The items by id, sorted; NULL when one has none, or memory is short. */
static struct sided *sort_items(const struct from_json_value *list)
{
    size_t count = from_json_count(list);
    struct sided *items = calloc(count + 1, sizeof *items);
    for (size_t i = 0; items != NULL && i < count; i++) {
        items[i].value = from_json_item(list, i);
        struct from_json_value id = from_json_member(&items[i].value, "id");
        if (from_json_text(&id, 256, &items[i].id, NULL) == OK)
            continue;
        free(items);
        return NULL;
    }
    if (items != NULL)
        qsort(items, count, sizeof items[0], compare_ids);
    return items;
}

static void item_path(char out[PATH_BYTES], const char *path, struct span id)
{
    const char *last = strrchr(path, ':');
    char room[32];
    int head = last == NULL ? 0 : (int)(last - path) + 2; /* ": " stays in front of what is made singular */
    snprintf(out, PATH_BYTES, "%.*s%s %.*s", head, path, singular(path + head, room), SPAN_ARGS(id));
}

static void merge_items(struct diff *d, const char *path, const struct sided *old, size_t old_count, const struct sided *new, size_t new_count)
{
    char here[PATH_BYTES];
    for (size_t i = 0, k = 0; i < old_count || k < new_count;) {
        int order = i == old_count ? 1 : k == new_count ? -1 : span_compare(old[i].id, new[k].id);
        item_path(here, path, order <= 0 ? old[i].id : new[k].id);
        if (order < 0)
            tell(d, here, "removed");
        else if (order > 0)
            tell(d, here, "added");
        else
            compare_values(d, here, &old[i].value, &new[k].value);
        i += order <= 0;
        k += order >= 0;
    }
}

/* Apps and checks have no order; that ladders moved past each other matters, for the first that applies wins. */
static void compare_order(struct diff *d, const char *path, const struct from_json_value *before, const struct from_json_value *after)
{
    size_t count = from_json_count(before);
    if (count != from_json_count(after))
        return;
    for (size_t i = 0; i < count; i++) {
        struct from_json_value old = from_json_item(before, i), new = from_json_item(after, i);
        struct from_json_value old_id = from_json_member(&old, "id"), new_id = from_json_member(&new, "id");
        if (is_same(&old_id, &new_id))
            continue;
        char words[64];
        snprintf(words, sizeof words, "in another order from place %zu on", i + 1);
        tell(d, path, words);
        return;
    }
}

static void compare_lists(struct diff *d, const char *path, const struct from_json_value *before, const struct from_json_value *after)
{
    size_t old_count = from_json_count(before), new_count = from_json_count(after);
    struct sided *old = sort_items(before), *new = sort_items(after);
    if (old == NULL || new == NULL || old_count + new_count == 0)
        tell_change(d, path, before, after);
    else
        merge_items(d, path, old, old_count, new, new_count);
    if (old != NULL && new != NULL && strcmp(path, "ladders") == 0)
        compare_order(d, path, before, after);
    free(old);
    free(new);
}

static void compare_member(struct diff *d, const char *path, const char *key, const struct from_json_value *before, const struct from_json_value *after)
{
    char here[PATH_BYTES];
    snprintf(here, sizeof here, "%s%s%s", path, path[0] == '\0' ? "" : ": ", key);
    compare_values(d, here, before, after);
}

static void compare_objects(struct diff *d, const char *path, const struct from_json_value *before, const struct from_json_value *after)
{
    void *iterator = NULL;
    const char *key;
    struct from_json_value member;
    while (from_json_each(before, &iterator, &key, &member)) {
        struct from_json_value other = from_json_member(after, key);
        compare_member(d, path, key, &member, &other);
    }
    iterator = NULL;
    while (from_json_each(after, &iterator, &key, &member)) {
        struct from_json_value other = from_json_member(before, key);
        if (!from_json_present(&other))
            compare_member(d, path, key, &other, &member);
    }
}

static void compare_values(struct diff *d, const char *path, const struct from_json_value *before, const struct from_json_value *after)
{
    enum from_json_kind old = from_json_kind(before), new = from_json_kind(after);
    if (is_same(before, after))
        return;
    if (++d->depth > DIFF_DEPTH || old != new || (old != FROM_JSON_OBJECT && old != FROM_JSON_ARRAY))
        tell_change(d, path, before, after);
    else if (old == FROM_JSON_OBJECT)
        compare_objects(d, path, before, after);
    else
        compare_lists(d, path, before, after);
    d->depth--;
}

void policy_diff(const struct policy *before, const struct policy *after, void (*line)(void *, struct span), void *context)
{
    struct from_json_limits limits = { 2 * 1024 * 1024, 32 };
    struct diff d = { line, context, 0 };
    CLEANUP(from_json_freep) struct from_json *old = NULL;
    CLEANUP(from_json_freep) struct from_json *new = NULL;
    if (strcmp(before->version, after->version) == 0)
        return;
    if (from_json_parse(before->canonical, limits, "before", &old, NULL) != OK || from_json_parse(after->canonical, limits, "after", &new, NULL) != OK) {
        tell(&d, "policy", "differs, and there is no memory left to say where");
        return;
    }
    struct from_json_value old_root = from_json_root(old), new_root = from_json_root(new);
    compare_values(&d, "", &old_root, &new_root);
}
