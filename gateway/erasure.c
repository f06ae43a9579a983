#include "gateway/erasure.h"

#include "gateway/change.h"
#include "gateway/people.h"
#include "posture/archive_key.h"
#include "posture/exemption.h"

#include <string.h>

enum { DEVICES_MOST = 4096, SECRETS_MOST = 1000, SECRETS_AT_ONCE = 32, ID_BYTES = 32, GONE_BYTES = 32 * 1024 };

struct erasing { const struct node *node; struct store *store; struct span person, cause; struct archive_key key; struct buf gone; /* JSON: their devices' names in the archive */ struct erasure *out; bool more; /* secrets than one commit has events for */ };

/* ---- devices ---- */

static bool drop_credentials(struct device *d, struct span person)
{
    struct credential *kept = arena_array(&d->arena, d->credential_count + 1, sizeof *kept);
    size_t count = 0;
    for (size_t i = 0; kept != NULL && i < d->credential_count; i++)
        if (!span_equal(d->credentials[i].person, person))
            kept[count++] = d->credentials[i];
    d->credentials = kept;
    d->credential_count = count;
    return kept != NULL;
}

/* People name laptops after themselves: the name goes, too. */
static enum change_say edit_device(void *context, struct device *d, struct change_events *events, struct err *err)
{
    const struct erasing *e = context;
    if (!span_equal(d->owner, e->person))
        return CHANGE_NOTHING;
    struct span data = arena_format(events->arena, "{\"from\":\"%.*s\",\"to\":\"\",\"source\":\"erasure\"}", SPAN_ARGS(e->person));
    d->owner = d->name = SPAN_NONE;
    d->owner_source = SPAN_LITERAL("erasure");
    d->owner_since_s = clock_wall_s(e->node->clock);
    if (!drop_credentials(d, e->person) || data.at == NULL || !change_event(events, e->node, "device.owner", e->person, d->id, e->cause, data))
        return (void)err_set(err, ERR_MEMORY, "erasing"), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

/* Only the names, so that reports know of each that it is nobody's now; nothing says which device it was. More than fit are left to stand. */
static void note_gone(struct erasing *e, struct span device)
{
    char name[ARCHIVE_KEY_NAME_BYTES + 1] = { 0 };
    archive_key_device(&e->key, device, name);
    buf_format(&e->gone, "%s\"%s\"", e->gone.bytes == 0 ? "" : ",", name);
}

struct owned { char (*ids)[ID_BYTES]; size_t count; struct span person; };

static bool note_owned(void *context, const struct device *d)
{
    struct owned *o = context;
    if (!span_equal(d->owner, o->person) || d->id.bytes >= ID_BYTES)
        return true;
    memcpy(o->ids[o->count], d->id.at, d->id.bytes);
    o->ids[o->count++][d->id.bytes] = '\0';
    return o->count < DEVICES_MOST;
}

static enum err_code free_devices(struct erasing *e, struct err *err)
{
    struct arena arena;
    enum err_code code = OK;
    arena_init(&arena, 1024, 2 * DEVICES_MOST * ID_BYTES);
    struct owned owned = { .ids = arena_array(&arena, DEVICES_MOST, ID_BYTES), .person = e->person };
    if (owned.ids == NULL)
        return err_set(err, ERR_MEMORY, "erasing");
    directory_enter(e->node->directory);
    directory_each_device(e->node->directory, note_owned, &owned); /* all of them: removed ones and second records too */
    directory_leave(e->node->directory);
    for (size_t i = 0; i < owned.count && code == OK; i++) {
        code = change_device(e->node, e->store, span_of(owned.ids[i]), false, edit_device, e, err);
        e->out->devices += code == OK;
        if (code == OK && e->gone.bytes + 64 < GONE_BYTES)
            note_gone(e, span_of(owned.ids[i]));
    }
    arena_done(&arena);
    return code;
}

/* ---- exemptions ---- */

/* What they wrote, and what was answered to them. That it holds stays, as it may be about others. */
static bool forget_words(struct exemption *x, struct span requester)
{
    bool theirs = span_equal(x->requester, requester) && (!span_empty(x->reason) || !span_empty(x->measure) || !span_empty(x->answer));
    if (theirs)
        x->reason = x->measure = x->answer = SPAN_NONE;
    return theirs;
}

/* Those about the person go, with their reasons; in others their name as requester is an id that means nothing from now on, and their words go. */
static enum change_say edit_exemptions(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    const struct erasing *e = context;
    struct exemptions all = { .count = 0 };
    struct to_json w;
    size_t kept = 0;
    bool forgot = false;
    struct span requester = arena_format(events->arena, "person:%.*s", SPAN_ARGS(e->person));
    if (exemptions_from_json(before, events->arena, &all, err) != OK)
        return CHANGE_REFUSE;
    struct exemption *rest = arena_array(events->arena, all.count + 1, sizeof *rest);
    for (size_t i = 0; rest != NULL && i < all.count; i++) {
        if (all.all[i].scope == EXEMPT_PERSON && span_equal(all.all[i].subject, e->person))
            continue;
        rest[kept] = all.all[i];
        forgot = forget_words(&rest[kept++], requester) || forgot;
    }
    if (rest != NULL && kept == all.count && !forgot)
        return CHANGE_NOTHING;
    if (rest == NULL || requester.at == NULL || !change_event(events, e->node, "exemption.erased", SPAN_NONE, SPAN_NONE, e->cause, SPAN_NONE))
        return (void)err_set(err, ERR_MEMORY, "erasing"), CHANGE_REFUSE;
    to_json_init(&w, after);
    exemptions_to_json((struct exemptions){ rest, kept }, &w);
    return CHANGE_COMMIT;
}

/* ---- enrol secrets ---- */

static bool tell_erased(const struct erasing *e, struct span secret, struct change_events *events)
{
    struct span data = arena_format(events->arena, "{\"id\":\"%.*s\"}", SPAN_ARGS(secret));
    return data.at != NULL && change_event(events, e->node, "key.enroll_secret_erased", SPAN_NONE, SPAN_NONE, e->cause, data);
}

/* What was made for them enrols nothing any more: a device would belong to the tombstone. A label may be their name. */
static enum change_say edit_secrets(void *context, struct span before, struct buf *after, struct change_events *events, struct err *err)
{
    struct erasing *e = context;
    struct enroll_secret *all = arena_array(events->arena, SECRETS_MOST, sizeof *all);
    struct to_json w;
    size_t count = 0, theirs = 0;
    bool told = true;
    e->more = false;
    if (all != NULL && control_enroll_secrets_from_json(before, events->arena, all, SECRETS_MOST, &count, err) != OK)
        return CHANGE_REFUSE;
    for (size_t i = 0; all != NULL && i < count; i++) {
        if (!span_equal(all[i].person, e->person))
            continue;
        if ((e->more = theirs == SECRETS_AT_ONCE))
            break;
        theirs++;
        told = told && tell_erased(e, all[i].id, events);
        all[i].revoked = true;
        all[i].person = all[i].label = SPAN_NONE;
    }
    if (all == NULL || !told)
        return (void)err_set(err, ERR_MEMORY, "erasing"), CHANGE_REFUSE;
    if (theirs == 0)
        return CHANGE_NOTHING;
    to_json_init(&w, after);
    control_enroll_secrets_to_json(all, count, &w);
    return CHANGE_COMMIT;
}

/* ---- the record ---- */

static enum err_code free_identifiers(const struct erasing *e, const struct person *p, struct err *err)
{
    enum err_code code = OK;
    for (size_t i = 0; i < p->email_count && code == OK; i++) {
        code = e->store->ops->release(e->store, SPAN_LITERAL("email"), p->emails[i], e->person, err);
        e->out->identifiers += code == OK;
    }
    return code;
}

/* Everything, salt included, in one commit. The event is nobody's: an id in it would be the last thing that is known of them. */
static enum change_say edit_person(void *context, struct person *p, struct change_events *events, struct err *err)
{
    struct erasing *e = context;
    e->out->already = p->removed;
    if (p->removed)
        return CHANGE_NOTHING;
    *p = (struct person){ .arena = p->arena, .id = p->id, .version = p->version, .removed = true };
    struct span data = e->gone.bytes == 0 ? SPAN_NONE : arena_format(events->arena, "{\"gone\":[%.*s]}", SPAN_ARGS(buf_span(&e->gone)));
    if (!change_event(events, e->node, "person.erased", SPAN_NONE, SPAN_NONE, e->cause, data))
        return (void)err_set(err, ERR_MEMORY, "erasing"), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

enum err_code erasure_of_person(const struct node *node, struct store *store, struct span person, struct span cause, struct erasure *out, struct err *err)
{
    CLEANUP(person_freep) struct person *stored = NULL;
    struct erasing e = { .node = node, .store = store, .person = person, .cause = cause, .out = out };
    *out = (struct erasure){ .devices = 0 };
    buf_init(&e.gone, GONE_BYTES);
    enum err_code code = people_load(store, person, &stored, err);
    do
        code = code == OK ? change_control(node, store, SPAN_LITERAL("enroll_secrets"), edit_secrets, &e, err) : code; /* first: nothing new comes to be theirs */
    while (code == OK && e.more);
    if (code == OK) {
        archive_key_make(node->secret, stored->archive_salt, &e.key);
        code = free_devices(&e, err);
        archive_key_wipe(&e.key);
    }
    if (code == OK)
        code = change_control(node, store, SPAN_LITERAL("exemptions"), edit_exemptions, &e, err);
    if (code == OK)
        code = free_identifiers(&e, stored, err); /* first: a tombstone no longer knows them */
    code = code == OK ? change_person(node, store, person, false, edit_person, &e, err) : code;
    buf_done(&e.gone);
    return code;
}
