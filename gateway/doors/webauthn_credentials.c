#include "gateway/doors/webauthn_credentials.h"

#include "gateway/change.h"

#include <string.h>

enum { HOLDER_BYTES = 64, DAY_S = 86400 };
static const struct span identifier_kind = { "webauthn", 8 };

void webauthn_credential_identifier(struct span id, char hex[SECRET_HEX_BYTES + 1]) { secret_sha256_hex(id, hex); }

/* ---- identifiers of the device ---- */

static bool put_identifier(struct device *d, struct span value, int64_t now_s)
{
    struct identifier *all = arena_array(&d->arena, d->identifier_count + 1, sizeof *all);
    if (all == NULL || d->identifier_count >= DEVICE_MAX_IDENTIFIERS)
        return false;
    if (d->identifier_count > 0)
        memcpy(all, d->identifiers, d->identifier_count * sizeof *all);
    all[d->identifier_count] = (struct identifier){ identifier_kind, arena_copy(&d->arena, value), identifier_kind, now_s };
    d->identifiers = all;
    d->identifier_count++;
    return true;
}

static void drop_identifier(struct device *d, struct span value)
{
    struct identifier *all = arena_array(&d->arena, d->identifier_count + 1, sizeof *all);
    size_t count = 0;
    for (size_t i = 0; all != NULL && i < d->identifier_count; i++)
        if (!span_equal(d->identifiers[i].kind, identifier_kind) || !span_equal(d->identifiers[i].value, value))
            all[count++] = d->identifiers[i];
    if (all == NULL)
        return;
    d->identifiers = all;
    d->identifier_count = count;
}

/* From the id as it stands on the list. */
static bool identifier_of(struct span listed_id, char hex[SECRET_HEX_BYTES + 1])
{
    CLEANUP(buf_done) struct buf raw;
    buf_init(&raw, WEBAUTHN_ID_MOST);
    if (secret_from_base64url(listed_id, WEBAUTHN_ID_MOST, &raw, NULL) != OK)
        return false;
    webauthn_credential_identifier(buf_span(&raw), hex);
    return true;
}

static bool drop(struct device *d, struct span listed_id)
{
    char hex[SECRET_HEX_BYTES + 1];
    if (identifier_of(listed_id, hex))
        drop_identifier(d, span_of(hex));
    return device_drop_credential(d, CREDENTIAL_WEBAUTHN, listed_id);
}

/* ---- what the log says ---- */

static bool tell(struct change_events *events, const struct node *node, const char *type, const struct device *d, const struct credential *c, const char *proved_by, struct span cause)
{
    CLEANUP(buf_done) struct buf data;
    char hex[SECRET_HEX_BYTES + 1];
    struct to_json w;
    buf_init(&data, 1024);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text(&w, "kind", identifier_kind);
    if (identifier_of(c->id, hex))
        to_json_member_text(&w, "credential", span_of(hex));
    to_json_member_text_if(&w, "label", c->label);
    to_json_member_bool(&w, "backup_eligible", c->backup_eligible);
    to_json_member_text_if(&w, "proved_by", span_of(proved_by));
    to_json_end(&w);
    return !data.failed && change_event(events, node, type, d->owner, d->id, cause, buf_span(&data));
}

static enum change_say short_of_memory(struct err *err) { return (void)err_set(err, ERR_MEMORY, "a WebAuthn credential"), CHANGE_REFUSE; }

/* ---- adding ---- */

struct adding { const struct node *node; const struct webauthn_addition *what; struct span id, key; const char *identifier; };

static bool drop_of_others(struct device *d, struct span owner)
{
    for (size_t i = 0; i < d->credential_count; i++) {
        const struct credential *c = &d->credentials[i];
        if (c->kind == CREDENTIAL_WEBAUTHN && !span_equal(c->person, owner))
            return drop(d, c->id);
    }
    return false;
}

static size_t count_webauthn(const struct device *d)
{
    size_t count = 0;
    for (size_t i = 0; i < d->credential_count; i++)
        count += d->credentials[i].kind == CREDENTIAL_WEBAUTHN;
    return count;
}

static enum change_say edit_add(void *context, struct device *d, struct change_events *events, struct err *err)
{
    const struct adding *a = context;
    const struct webauthn_addition *what = a->what;
    if (d->removed || !span_equal(d->owner, what->person))
        return (void)err_set(err, ERR_CONFLICT, "device %.*s is not %.*s's any more", SPAN_ARGS(d->id), SPAN_ARGS(what->person)), CHANGE_REFUSE;
    if (device_credential(d, CREDENTIAL_WEBAUTHN, a->id) != NULL)
        return CHANGE_NOTHING; /* an answer of the store was lost, or the form came twice */
    while (drop_of_others(d, what->person))
        ;
    if (count_webauthn(d) >= WEBAUTHN_CREDENTIALS_MOST || d->credential_count >= DEVICE_MAX_CREDENTIALS)
        return (void)err_set(err, ERR_LIMIT, "device %.*s has %zu credentials already", SPAN_ARGS(d->id), d->credential_count), CHANGE_REFUSE;
    const struct webauthn_credential *made = what->credential;
    const struct credential c = { .kind = CREDENTIAL_WEBAUTHN, .id = a->id, .person = what->person, .key = a->key, .label = what->label, .source = what->peer, .created_s = what->now_s,
                                  .counter = made->sign_count, .backup_eligible = made->backup_eligible, .backed_up = made->backed_up };
    if (!put_identifier(d, span_of(a->identifier), what->now_s) || !device_put_credential(d, &c))
        return short_of_memory(err);
    struct span cause = arena_format(events->arena, "person:%.*s", SPAN_ARGS(what->person));
    return tell(events, a->node, "device.credential_added", d, &c, what->proved_by, cause) ? CHANGE_COMMIT : short_of_memory(err);
}

/* The claim comes first; one that is left behind by a failure belongs to the same device and harms nobody. */
enum err_code webauthn_credentials_add(const struct node *node, struct store *store, const struct webauthn_addition *what, struct err *err)
{
    CLEANUP(buf_done) struct buf id, key, holder;
    char identifier[SECRET_HEX_BYTES + 1];
    buf_init(&id, 2 * WEBAUTHN_ID_MOST);
    buf_init(&key, 2 * WEBAUTHN_KEY_MOST);
    buf_init(&holder, HOLDER_BYTES);
    if (!secret_base64url(what->credential->id, &id) || !secret_base64url(what->credential->public_key, &key))
        return err_set(err, ERR_LIMIT, "a WebAuthn credential is too long");
    webauthn_credential_identifier(what->credential->id, identifier);
    enum err_code code = store->ops->claim(store, identifier_kind, span_of(identifier), what->device, &holder, err);
    if (code == ERR_CONFLICT)
        return err_set(err, ERR_CONFLICT, "this credential belongs to device %.*s already", SPAN_ARGS(buf_span(&holder)));
    struct adding a = { node, what, buf_span(&id), buf_span(&key), identifier };
    return code != OK ? code : change_device(node, store, what->device, false, edit_add, &a, err);
}

/* ---- taking away ---- */

struct removing { const struct node *node; const struct webauthn_removal *what; };

static enum change_say edit_remove(void *context, struct device *d, struct change_events *events, struct err *err)
{
    const struct removing *x = context;
    const struct credential *listed = device_credential(d, CREDENTIAL_WEBAUTHN, x->what->id);
    if (listed == NULL)
        return (void)err_set(err, ERR_NOT_FOUND, "device %.*s has no such credential", SPAN_ARGS(d->id)), CHANGE_REFUSE;
    const struct credential c = *listed;
    if (!drop(d, x->what->id))
        return short_of_memory(err);
    return tell(events, x->node, "device.credential_removed", d, &c, NULL, x->what->cause) ? CHANGE_COMMIT : short_of_memory(err);
}

enum err_code webauthn_credentials_remove(const struct node *node, struct store *store, const struct webauthn_removal *what, struct err *err)
{
    char identifier[SECRET_HEX_BYTES + 1];
    struct removing x = { node, what };
    enum err_code code = change_device(node, store, what->device, false, edit_remove, &x, err);
    if (code == OK && identifier_of(what->id, identifier))
        (void)store->ops->release(store, identifier_kind, span_of(identifier), what->device, NULL); /* what stays claimed stays this device's */
    return code;
}

/* ---- using ---- */

struct using { const struct node *node; const struct webauthn_used *what; };

static enum change_say edit_used(void *context, struct device *d, struct change_events *events, struct err *err)
{
    const struct using *u = context;
    const struct webauthn_used *what = u->what;
    const struct credential *listed = device_credential(d, CREDENTIAL_WEBAUTHN, what->id);
    if (listed == NULL)
        return (void)err_set(err, ERR_NOT_FOUND, "the credential was taken away meanwhile"), CHANGE_REFUSE;
    struct credential c = *listed;
    if ((what->use.sign_count != 0 || c.counter != 0) && what->use.sign_count <= c.counter)
        return (void)err_set(err, ERR_DENIED, "its counter says %u after %u: a copied key, or an old answer", what->use.sign_count, c.counter), CHANGE_REFUSE;
    bool counts = what->use.sign_count != c.counter, moved = what->use.backed_up != c.backed_up, new_day = c.used_s / DAY_S != what->now_s / DAY_S;
    if (!counts && !moved && !new_day)
        return CHANGE_NOTHING;
    c.counter = what->use.sign_count;
    c.backed_up = what->use.backed_up;
    c.used_s = what->now_s;
    c.source = what->peer;
    if (!device_put_credential(d, &c))
        return short_of_memory(err);
    struct span cause = arena_format(events->arena, "person:%.*s", SPAN_ARGS(c.person));
    return tell(events, u->node, "device.credential_used", d, &c, NULL, cause) ? CHANGE_COMMIT : short_of_memory(err);
}

enum err_code webauthn_credentials_used(const struct node *node, struct store *store, const struct webauthn_used *what, struct err *err)
{
    struct using u = { node, what };
    return change_device(node, store, what->device, false, edit_used, &u, err);
}
