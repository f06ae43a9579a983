#include "gateway/effects_people.h"

#include <stdlib.h>
#include <string.h>

enum { PEOPLE_MOST = 4 * 1024 * 1024 };

static bool copy_id(struct span from, struct effects_id *to)
{
    if (from.bytes == 0 || from.bytes >= sizeof to->text)
        return false;
    memcpy(to->text, from.at, from.bytes);
    to->text[from.bytes] = '\0';
    return true;
}

struct span effects_owner(const struct node *node, struct span device, struct effects_id *owner)
{
    directory_enter(node->directory);
    const struct device *d = directory_device(node->directory, device);
    bool owned = d != NULL && copy_id(d->owner, owner);
    directory_leave(node->directory);
    return owned ? span_of(owner->text) : SPAN_NONE;
}

bool effects_concerns_all(const struct reader_entry *e)
{
    return e->kind == RECORD_CONTROL && (span_equal_text(e->record, "policy") || span_equal_text(e->record, "clock"));
}

struct walk { struct effects_id *ids; size_t count, room; };

static bool note(struct walk *w, struct span person)
{
    if (w->count == w->room) {
        size_t room = w->room == 0 ? 1024 : w->room * 2;
        struct effects_id *more = room <= PEOPLE_MOST ? realloc(w->ids, room * sizeof *more) : NULL;
        if (more == NULL)
            return false;
        w->ids = more;
        w->room = room;
    }
    w->count += copy_id(person, &w->ids[w->count]);
    return true;
}

static bool note_device(void *context, const struct device *d)
{
    struct walk *w = context;
    bool again = w->count > 0 && span_equal_text(d->owner, w->ids[w->count - 1].text);
    return span_empty(d->rung) || again || note(w, d->owner);
}

static bool note_person(void *context, const struct person *p) { return p->lever_count == 0 || note(context, p->id); }

enum err_code effects_each_person(const struct node *node, struct reader *r, enum err_code (*fn)(void *context, struct store *store, struct span person, struct err *err), void *context, struct err *err)
{
    struct walk w = { 0 };
    enum err_code code = OK;
    directory_enter(node->directory);
    directory_each_device(node->directory, note_device, &w);
    directory_each_person(node->directory, note_person, &w);
    directory_leave(node->directory);
    for (size_t i = 0; i < w.count && code == OK; i++)
        code = i % 64 == 0 && !reader_keep(r) ? err_set(err, ERR_UNAVAILABLE, "stopping") : fn(context, r->store, span_of(w.ids[i].text), err);
    free(w.ids);
    return code;
}
