#include "gateway/doors/device_browsers.h"

#include "gateway/change.h"
#include "gateway/doors/webauthn_credentials.h"

static bool tell(struct change_events *events, const struct node *node, const char *type, const struct device *d, const struct credential *c, struct span cause)
{
    CLEANUP(buf_done) struct buf data;
    struct to_json w;
    buf_init(&data, 1024);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "kind", span_of(credential_kind_name(c->kind)));
    to_json_member_text(&w, "credential", c->id);
    to_json_member_text_if(&w, "label", c->label);
    to_json_end(&w);
    return !data.failed && change_event(events, node, type, d->owner, d->id, cause, buf_span(&data));
}

static enum change_say short_of_memory(struct err *err) { return (void)err_set(err, ERR_MEMORY, "a device's browsers"), CHANGE_REFUSE; }

/* ---- adding ---- */

struct adding { const struct node *node; const struct device_browser *what; };

static int64_t last_life_s(const struct credential *c) { return c->used_s > c->created_s ? c->used_s : c->created_s; }

/* What a former owner left goes first, whatever its age: it proves nothing. */
static const struct credential *one_to_go(const struct device *d)
{
    const struct credential *idle = NULL;
    size_t count = 0;
    for (size_t i = 0; i < d->credential_count; i++) {
        const struct credential *c = &d->credentials[i];
        if (c->kind != CREDENTIAL_COOKIE)
            continue;
        if (!span_equal(c->person, d->owner))
            return c;
        count++;
        if (idle == NULL || last_life_s(c) < last_life_s(idle))
            idle = c;
    }
    return count >= DEVICE_BROWSERS_MOST ? idle : NULL;
}

static enum change_say edit_add(void *context, struct device *d, struct change_events *events, struct err *err)
{
    const struct adding *a = context;
    const struct device_browser *what = a->what;
    const struct credential *old;
    if (d->removed || !span_empty(d->duplicate_of) || !span_equal(d->owner, what->person))
        return (void)err_set(err, ERR_CONFLICT, "device %.*s has changed since the link was made", SPAN_ARGS(d->id)), CHANGE_REFUSE;
    if (device_credential(d, CREDENTIAL_COOKIE, what->id) != NULL)
        return CHANGE_NOTHING; /* an answer of the store was lost */
    while ((old = one_to_go(d)) != NULL)
        if (!device_drop_credential(d, CREDENTIAL_COOKIE, old->id))
            return short_of_memory(err);
    const struct credential c = { .kind = CREDENTIAL_COOKIE, .id = what->id, .person = what->person, .label = what->label, .source = what->peer, .created_s = what->now_s };
    return device_put_credential(d, &c) && tell(events, a->node, "device.credential_added", d, &c, what->cause) ? CHANGE_COMMIT : short_of_memory(err);
}

enum err_code device_browsers_add(const struct node *node, struct store *store, const struct device_browser *what, struct err *err)
{
    struct adding a = { node, what };
    return change_device(node, store, what->device, false, edit_add, &a, err);
}

/* ---- forgetting ---- */

struct forgetting { const struct node *node; const struct device_forgetting *what; };

static const struct credential *next_to_forget(const struct device *d, struct span id)
{
    for (size_t i = 0; i < d->credential_count; i++)
        if (d->credentials[i].kind == CREDENTIAL_COOKIE && (span_empty(id) || span_equal(d->credentials[i].id, id)))
            return &d->credentials[i];
    return NULL;
}

static enum change_say edit_forget(void *context, struct device *d, struct change_events *events, struct err *err)
{
    const struct forgetting *f = context;
    const struct credential *c = next_to_forget(d, f->what->id);
    if (c == NULL)
        return (void)err_set(err, ERR_NOT_FOUND, span_empty(f->what->id) ? "device %.*s has no browser on its list" : "device %.*s has no such browser on its list", SPAN_ARGS(d->id)), CHANGE_REFUSE;
    for (; c != NULL; c = next_to_forget(d, f->what->id))
        if (!tell(events, f->node, "device.credential_removed", d, c, f->what->cause) || !device_drop_credential(d, CREDENTIAL_COOKIE, c->id))
            return short_of_memory(err);
    return CHANGE_COMMIT;
}

enum err_code device_browsers_forget(const struct node *node, struct store *store, const struct device_forgetting *what, struct err *err)
{
    struct forgetting f = { node, what };
    directory_enter(node->directory);
    const struct device *d = directory_device(node->directory, what->device);
    bool webauthn = d != NULL && !span_empty(what->id) && device_credential(d, CREDENTIAL_WEBAUTHN, what->id) != NULL;
    directory_leave(node->directory);
    if (webauthn) /* it has an identifier to take along */
        return webauthn_credentials_remove(node, store, &(struct webauthn_removal){ what->device, what->id, what->cause }, err);
    return change_device(node, store, what->device, false, edit_forget, &f, err);
}
