#include "gateway/archive_keys.h"

#include "gateway/change.h"
#include "gateway/people.h"

#include <string.h>

static bool make(const struct node *node, const struct person *p, struct archive_key *out)
{
    if (p == NULL || p->removed || span_empty(p->archive_salt))
        return false;
    archive_key_make(node->secret, p->archive_salt, out);
    return true;
}

static bool in_directory(const struct node *node, struct span person, struct archive_key *out, bool *removed)
{
    directory_enter(node->directory);
    const struct person *p = directory_person(node->directory, person);
    bool found = make(node, p, out);
    *removed = p != NULL && p->removed;
    directory_leave(node->directory);
    return found;
}

/* Writing the record is enough: change.c gives it a salt. */
static enum change_say edit_salt(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    const struct node *node = context;
    if (copy->removed || !span_empty(copy->archive_salt))
        return CHANGE_NOTHING;
    if (!change_event(events, node, "person.archive_salt", copy->id, SPAN_NONE, SPAN_LITERAL("archive"), SPAN_NONE))
        return (void)err_set(err, ERR_MEMORY, "a salt"), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

enum err_code archive_keys_of(const struct node *node, struct store *store, struct span person, struct archive_key *out, struct err *err)
{
    CLEANUP(person_freep) struct person *stored = NULL;
    bool removed = false;
    if (span_empty(person)) {
        archive_key_make(node->secret, SPAN_NONE, out);
        return OK;
    }
    if (in_directory(node, person, out, &removed))
        return OK;
    enum err_code code = removed ? ERR_NOT_FOUND : people_load(store, person, &stored, err);
    if (code == OK && !stored->removed && span_empty(stored->archive_salt)) {
        person_free(TAKE(stored));
        code = change_person(node, store, person, false, edit_salt, (void *)(uintptr_t)node, err);
        if (code == OK)
            code = people_load(store, person, &stored, err);
    }
    if (code == OK && make(node, stored, out))
        return OK;
    return code == OK || code == ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "%.*s has no key: erased, or never known", SPAN_ARGS(person)) : code;
}
