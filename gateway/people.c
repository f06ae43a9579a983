#include "gateway/people.h"

#include "gateway/change.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 256, EMAIL_BYTES = 254 };

enum err_code people_load(struct store *store, struct span id, struct person **out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf body;
    int64_t version = 0;
    buf_init(&body, PERSON_BODY_BYTES);
    enum err_code code = store->ops->get(store, RECORD_PERSON, id, &body, &version, err);
    return code == OK ? person_from_json(buf_span(&body), version, out, err) : code;
}

/* ---- reading ---- */

static enum err_code read_text(const struct from_json_value *v, const char *key, struct arena *arena, struct span *out, bool *has, struct err *err)
{
    struct from_json_value member = from_json_member(v, key);
    struct span text = SPAN_NONE;
    if (!from_json_present(&member))
        return OK;
    enum err_code code = from_json_text(&member, TEXT_BYTES, &text, err);
    if (code == OK) {
        *out = arena_copy(arena, span_trim(text));
        *has = true;
    }
    return code;
}

static enum err_code add_text(const struct from_json_value *v, struct arena *arena, struct span *all, size_t *count, size_t most, struct err *err)
{
    struct span text;
    enum err_code code = from_json_text(v, TEXT_BYTES, &text, err);
    if (code == OK && *count == most)
        code = from_json_refuse(v, err, "is one too many (at most %zu)", most);
    if (code == OK)
        all[(*count)++] = arena_copy(arena, span_trim(text));
    return code;
}

/* A list under `key`, or one text under `single`. */
static enum err_code read_list(const struct from_json_value *v, const char *key, const char *single, struct arena *arena, struct span *all, size_t *count, size_t most, bool *has, struct err *err)
{
    struct from_json_value list = from_json_member(v, key), one = from_json_member(v, single);
    enum err_code code = OK;
    if (from_json_present(&list)) {
        *has = true;
        code = from_json_array(&list, most, err);
        for (size_t i = 0; code == OK && i < from_json_count(&list); i++) {
            struct from_json_value item = from_json_item(&list, i);
            code = add_text(&item, arena, all, count, most, err);
        }
    }
    if (code == OK && from_json_present(&one)) {
        *has = true;
        code = add_text(&one, arena, all, count, most, err);
    }
    return code;
}

static enum err_code normalize_email(const struct from_json_value *v, struct arena *arena, struct span *email, struct err *err)
{
    size_t at = span_find(*email, '@');
    bool good = email->bytes <= EMAIL_BYTES && at > 0 && at + 1 < email->bytes && span_find(span_slice(*email, at + 1, email->bytes), '@') == email->bytes - at - 1;
    char *lower = good ? arena_alloc(arena, email->bytes + 1) : NULL;
    for (size_t i = 0; lower != NULL && i < email->bytes; i++) {
        unsigned char c = (unsigned char)email->at[i];
        good = good && c > ' ' && c != 127 && c != ',' && c != '<' && c != '>';
        lower[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    if (!good || lower == NULL)
        return from_json_refuse(v, err, "has an e-mail address that is not one: %.*s", SPAN_ARGS(span_slice(*email, 0, 80)));
    *email = span_make(lower, email->bytes);
    return OK;
}

/* ---- working time ---- */

/* "09:30" to minutes of the day, up to 24:00. */
static bool read_minute(struct span text, unsigned *minute)
{
    uint64_t hours, minutes;
    if (text.bytes != 5 || text.at[2] != ':' || !span_to_u64(span_slice(text, 0, 2), &hours) || !span_to_u64(span_slice(text, 3, 2), &minutes))
        return false;
    *minute = (unsigned)(hours * 60 + minutes);
    return minutes < 60 && *minute <= 24 * 60;
}

static enum err_code read_days(const struct from_json_value *v, struct arena *arena, struct person_input *out, struct err *err)
{
    static const char *const names[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };
    struct span all[7];
    size_t count = 0;
    enum err_code code = read_list(v, "days", "day", arena, all, &count, 7, &out->has_days, err);
    for (size_t i = 0; code == OK && i < count; i++) {
        unsigned bit = 0;
        while (bit < 7 && !span_equal_fold(all[i], span_of(names[bit])))
            bit++;
        if (bit == 7)
            return from_json_refuse(v, err, "has a day that is none of mon, tue, wed, thu, fri, sat, sun: %.*s", SPAN_ARGS(span_slice(all[i], 0, 20)));
        out->days |= 1U << bit;
    }
    return code;
}

static enum err_code read_working_time(const struct from_json_value *v, struct arena *arena, struct person_input *out, struct err *err)
{
    struct span hours = SPAN_NONE, write_at = SPAN_NONE, from = SPAN_NONE;
    enum err_code code = read_days(v, arena, out, err);
    if (code == OK)
        code = read_text(v, "hours", arena, &hours, &out->has_hours, err);
    if (code == OK)
        code = read_text(v, "write_at", arena, &write_at, &out->has_write_at, err);
    if (code == OK && !span_empty(hours)) {
        bool cut = span_cut(&hours, '-', &from) && read_minute(from, &out->from_minute) && read_minute(hours, &out->to_minute);
        if (!cut || out->from_minute >= out->to_minute)
            code = from_json_refuse(v, err, "has hours that are not written like 09:00-17:00");
    }
    if (code == OK && !span_empty(write_at)) {
        if (!read_minute(write_at, &out->write_at) || out->write_at >= 24 * 60)
            return from_json_refuse(v, err, "has a write_at that is not written like 13:30");
        out->write_at++;
    }
    return code;
}

enum err_code person_input_read(const struct from_json_value *v, struct arena *arena, struct person_input *out, struct err *err)
{
    static const char *const known[] = { "email", "emails", "name", "slack", "id", "aliases", "groups", "group", "zone", "region", "locale", "days", "day", "hours", "write_at", NULL };
    bool has_emails = false;
    *out = (struct person_input){ 0 };
    enum err_code code = from_json_object(v, err);
    if (code == OK)
        code = from_json_only(v, known, err);
    if (code == OK)
        code = read_list(v, "emails", "email", arena, out->emails, &out->email_count, PERSON_MAX_EMAILS, &has_emails, err);
    if (code == OK)
        code = read_list(v, "aliases", "id", arena, out->aliases, &out->alias_count, PERSON_MAX_ALIASES, &out->has_aliases, err);
    if (code == OK)
        code = read_list(v, "groups", "group", arena, out->groups, &out->group_count, PERSON_MAX_GROUPS, &out->has_groups, err);
    const struct { const char *key; struct span *to; bool *has; } texts[] = {
        { "name", &out->name, &out->has_name }, { "slack", &out->slack, &out->has_slack }, { "zone", &out->zone, &out->has_zone },
        { "region", &out->region, &out->has_region }, { "locale", &out->locale, &out->has_locale },
    };
    for (size_t i = 0; code == OK && i < sizeof texts / sizeof texts[0]; i++)
        code = read_text(v, texts[i].key, arena, texts[i].to, texts[i].has, err);
    if (code == OK)
        code = read_working_time(v, arena, out, err);
    if (code == OK && out->email_count == 0)
        code = from_json_refuse(v, err, "must have at least one e-mail address");
    for (size_t i = 0; code == OK && i < out->email_count; i++)
        code = normalize_email(v, arena, &out->emails[i], err);
    return code;
}

/* ---- importing ---- */

struct import { const struct node *node; const struct person_input *in; struct span cause; struct person_outcome *out; };

static bool same_list(const struct span *a, size_t a_count, const struct span *b, size_t b_count)
{
    bool same = a_count == b_count;
    for (size_t i = 0; same && i < a_count; i++)
        same = span_equal(a[i], b[i]);
    return same;
}

static const struct span *copy_list(struct arena *arena, const struct span *all, size_t count)
{
    struct span *copy = arena_array(arena, count, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++)
        copy[i] = arena_copy(arena, all[i]);
    return copy;
}

static bool set_text(struct person *p, struct span *field, struct span value, bool has)
{
    bool changed = has && !span_equal(*field, value);
    if (changed)
        *field = arena_copy(&p->arena, value);
    return changed;
}

static bool set_list(struct person *p, const struct span **all, size_t *count, const struct span *in, size_t in_count, bool has)
{
    bool changed = has && !same_list(*all, *count, in, in_count);
    if (changed) {
        *all = copy_list(&p->arena, in, in_count);
        *count = *all != NULL ? in_count : 0;
    }
    return changed;
}

static bool set_number(unsigned *field, unsigned value, bool has)
{
    bool changed = has && *field != value;
    if (changed)
        *field = value;
    return changed;
}

static bool set_working_time(struct person *p, const struct person_input *in)
{
    bool changed = set_number(&p->work.days, in->days, in->has_days);
    changed |= set_number(&p->work.from_minute, in->from_minute, in->has_hours);
    changed |= set_number(&p->work.to_minute, in->to_minute, in->has_hours);
    return set_number(&p->work.write_at, in->write_at, in->has_write_at) || changed;
}

static enum change_say edit_import(void *context, struct person *p, struct change_events *events, struct err *err)
{
    struct import *i = context;
    const struct person_input *in = i->in;
    bool created = p->version == 0 || p->removed;
    bool changed = created;
    changed |= set_text(p, &p->name, in->name, in->has_name);
    changed |= set_text(p, &p->slack, in->slack, in->has_slack);
    changed |= set_text(p, &p->zone, in->zone, in->has_zone);
    p->zone_from_slack = p->zone_from_slack && !in->has_zone;
    changed |= set_text(p, &p->region, in->region, in->has_region);
    changed |= set_text(p, &p->locale, in->locale, in->has_locale);
    changed |= set_working_time(p, in);
    changed |= set_list(p, &p->emails, &p->email_count, in->emails, in->email_count, true);
    changed |= set_list(p, &p->aliases, &p->alias_count, in->aliases, in->alias_count, in->has_aliases);
    changed |= set_list(p, &p->groups, &p->group_count, in->groups, in->group_count, in->has_groups);
    i->out->created = created;
    i->out->changed = changed;
    if (!changed)
        return CHANGE_NOTHING;
    if (created)
        p->created_s = clock_wall_s(i->node->clock);
    p->removed = false;
    if (!change_event(events, i->node, created ? "person.created" : "person.changed", p->id, SPAN_NONE, i->cause, SPAN_NONE))
        return (void)err_set(err, ERR_MEMORY, "person"), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

/* Who has one of these e-mails already; none leaves `id` empty. */
static enum err_code find_holder(struct store *store, const struct person_input *in, char id[32], struct err *err)
{
    id[0] = '\0';
    for (size_t i = 0; i < in->email_count; i++) {
        CLEANUP(buf_done) struct buf holder;
        buf_init(&holder, 64);
        enum err_code code = store->ops->holder(store, SPAN_LITERAL("email"), in->emails[i], &holder, err);
        if (code == ERR_NOT_FOUND)
            continue;
        if (code != OK)
            return code;
        if (id[0] != '\0' && !span_equal_text(buf_span(&holder), id))
            return err_set(err, ERR_CONFLICT, "%.*s belongs to another person than %.*s", SPAN_ARGS(in->emails[i]), SPAN_ARGS(in->emails[0]));
        snprintf(id, 32, "%.*s", SPAN_ARGS(buf_span(&holder)));
    }
    return OK;
}

/* Claims every e-mail for `id`; somebody may have been faster with the first one, then theirs is the id. */
static enum err_code claim_emails(struct store *store, const struct person_input *in, char id[32], struct err *err)
{
    for (size_t i = 0; i < in->email_count; i++) {
        CLEANUP(buf_done) struct buf holder;
        buf_init(&holder, 64);
        enum err_code code = store->ops->claim(store, SPAN_LITERAL("email"), in->emails[i], span_of(id), &holder, err);
        if (code == ERR_CONFLICT && i == 0) {
            snprintf(id, 32, "%.*s", SPAN_ARGS(buf_span(&holder)));
            continue;
        }
        if (code == ERR_CONFLICT)
            return err_set(err, ERR_CONFLICT, "%.*s belongs to another person", SPAN_ARGS(in->emails[i]));
        if (code != OK)
            return code;
    }
    return OK;
}

enum err_code people_import(const struct node *node, struct store *store, const struct person_input *in, struct span cause, struct person_outcome *out, struct err *err)
{
    struct err why;
    *out = (struct person_outcome){ 0 };
    if (in->has_zone && !span_empty(in->zone) && calendar_is_zone(node->calendar, in->zone, &why) != OK)
        return err_set(err, ERR_INPUT, "has a zone that is not known here, %.*s; write one such as Europe/Berlin", SPAN_ARGS(in->zone));
    enum err_code code = find_holder(store, in, out->id, err);
    if (code == OK && out->id[0] == '\0')
        secret_new_id('p', out->id);
    if (code == OK)
        code = claim_emails(store, in, out->id, err);
    struct import i = { node, in, cause, out };
    return code != OK ? code : change_person(node, store, span_of(out->id), true, edit_import, &i, err);
}

/* ---- absence ---- */

struct away { const struct node *node; struct interval time; struct span cause; bool *changed; };

/* One that ended long ago stops no clock that anybody still looks at. */
static void drop_oldest(struct person *p, int64_t now_s)
{
    enum { KEPT_S = 180 * 86400 };
    if (p->absence_count < PERSON_MAX_ABSENCES || p->absences[0].time.to_s == 0 || now_s - p->absences[0].time.to_s < KEPT_S)
        return;
    p->absences++;
    p->absence_count--;
}

static bool is_known(const struct person *p, struct interval time)
{
    bool known = false;
    for (size_t i = 0; i < p->absence_count; i++)
        known = known || (p->absences[i].time.from_s == time.from_s && p->absences[i].time.to_s == time.to_s);
    return known;
}

static enum change_say edit_absence(void *context, struct person *p, struct change_events *events, struct err *err)
{
    const struct away *a = context;
    if (is_known(p, a->time))
        return CHANGE_NOTHING;
    drop_oldest(p, clock_wall_s(a->node->clock));
    if (p->absence_count >= PERSON_MAX_ABSENCES)
        return (void)err_set(err, ERR_LIMIT, "more than %d absences", PERSON_MAX_ABSENCES), CHANGE_REFUSE;
    struct absence *all = arena_array(&p->arena, p->absence_count + 1, sizeof *all);
    if (all == NULL)
        return (void)err_set(err, ERR_MEMORY, "absence"), CHANGE_REFUSE;
    size_t at = 0;
    while (at < p->absence_count && p->absences[at].time.from_s <= a->time.from_s)
        at++;
    if (p->absence_count > 0) {
        memcpy(all, p->absences, at * sizeof *all);
        memcpy(all + at + 1, p->absences + at, (p->absence_count - at) * sizeof *all);
    }
    all[at] = (struct absence){ a->time, arena_copy(&p->arena, a->cause) };
    p->absences = all;
    p->absence_count++;
    struct span data = arena_format(events->arena, "{\"from\":%lld,\"to\":%lld}", (long long)a->time.from_s, (long long)a->time.to_s);
    if (!change_event(events, a->node, "person.absence", p->id, SPAN_NONE, a->cause, data))
        return (void)err_set(err, ERR_MEMORY, "absence"), CHANGE_REFUSE;
    *a->changed = true;
    return CHANGE_COMMIT;
}

enum err_code people_absence_once(const struct node *node, struct store *store, struct span person, struct interval time, struct span cause, bool *changed, struct err *err)
{
    struct away a = { node, time, cause, changed };
    *changed = false;
    return change_person(node, store, person, false, edit_absence, &a, err);
}

enum err_code people_absence(const struct node *node, struct store *store, struct span person, struct interval time, struct span cause, struct err *err)
{
    bool changed;
    return people_absence_once(node, store, person, time, cause, &changed, err);
}

static enum change_say edit_back(void *context, struct person *p, struct change_events *events, struct err *err)
{
    const struct away *a = context;
    int64_t now_s = clock_wall_s(a->node->clock);
    struct absence *all = arena_array(&p->arena, p->absence_count + 1, sizeof *all);
    size_t kept = 0;
    bool changed = false;
    for (size_t i = 0; all != NULL && i < p->absence_count; i++) {
        const struct interval *time = &p->absences[i].time;
        bool over = time->to_s != 0 && time->to_s <= now_s;
        changed = changed || !over;
        if (!over && time->from_s >= now_s)
            continue; /* only announced */
        all[kept] = p->absences[i];
        if (!over)
            all[kept].time.to_s = now_s;
        kept++;
    }
    if (all != NULL && !changed)
        return CHANGE_NOTHING;
    if (all == NULL || !change_event(events, a->node, "person.back", p->id, SPAN_NONE, a->cause, SPAN_NONE))
        return (void)err_set(err, ERR_MEMORY, "absence"), CHANGE_REFUSE;
    p->absences = all;
    p->absence_count = kept;
    *a->changed = true;
    return CHANGE_COMMIT;
}

enum err_code people_back(const struct node *node, struct store *store, struct span person, struct span cause, bool *changed, struct err *err)
{
    struct away a = { .node = node, .cause = cause, .changed = changed };
    *changed = false;
    return change_person(node, store, person, false, edit_back, &a, err);
}

/* ---- ownership ---- */

struct owning { const struct node *node; const struct ownership *what; };

static enum change_say edit_owner(void *context, struct device *d, struct change_events *events, struct err *err)
{
    const struct owning *o = context;
    const struct ownership *what = o->what;
    if (span_equal(d->owner, what->person))
        return CHANGE_NOTHING;
    if (!span_empty(d->owner) && !span_empty(what->person) && !what->force)
        return (void)err_set(err, ERR_CONFLICT, "the device belongs to %.*s already; force to change it", SPAN_ARGS(d->owner)), CHANGE_REFUSE;
    struct span data = arena_format(events->arena, "{\"from\":\"%.*s\",\"to\":\"%.*s\",\"source\":\"%.*s\"}", SPAN_ARGS(d->owner), SPAN_ARGS(what->person), SPAN_ARGS(what->source));
    struct span told = span_empty(what->person) ? d->owner : what->person;
    d->owner = arena_copy(&d->arena, what->person);
    d->owner_source = arena_copy(&d->arena, what->source);
    d->owner_since_s = clock_wall_s(o->node->clock);
    if (data.at == NULL || !change_event(events, o->node, "device.owner", told, d->id, what->cause, data))
        return (void)err_set(err, ERR_MEMORY, "owner"), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

enum err_code people_assign(const struct node *node, struct store *store, const struct ownership *what, struct err *err)
{
    struct owning o = { node, what };
    return change_device(node, store, what->device, false, edit_owner, &o, err);
}
