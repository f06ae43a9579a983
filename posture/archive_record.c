#include "posture/archive_record.h"

#include "posture/device.h"

#include <string.h>

enum { DATA_DEPTH = 16, SEALED_BYTES = 512 * 1024, PLAIN_BYTES = 256 * 1024, WORD_BYTES = 128, GROUPS_MOST = 64 };

/* ---- what is evidence ---- */

static bool is_any(struct span type, const char *const *all)
{
    for (size_t i = 0; all[i] != NULL; i++)
        if (span_equal_text(type, all[i]))
            return true;
    return false;
}

static bool fails(const struct device *d)
{
    for (size_t i = 0; i < d->result_count; i++)
        if (d->results[i].verdict == VERDICT_FAIL)
            return true;
    return false;
}

static bool is_back_with_a_failure(const struct archive_source *s)
{
    CLEANUP(device_freep) struct device *d = NULL;
    struct err err;
    return s->kind == RECORD_DEVICE && !span_empty(s->body) && device_from_json(s->body, 1, false, &d, &err) == OK && d->on_count > 1 && fails(d);
}

bool archive_record_wanted(const struct archive_source *s)
{
    static const char *const never[] = { "device.seen", "device.recheck", "result.updated", "device.credential_used", "log.unreadable", "person.archive_salt", NULL };
    if (span_empty(s->event->id) || is_any(s->event->type, never))
        return false;
    return span_equal_text(s->event->type, "device.on") ? is_back_with_a_failure(s) : true;
}

/* ---- what may stand in clear ---- */

/* Members of events' data whose words and numbers tell nothing of who somebody is. Free text (why, text, saw, reason, asked) is never among them. */
static const char *const clear_keys[] = {
    "outcome", "rule", "app", "door", "proof", "rung", "failing", "deadline", "reached", "stale", "changes", "check", "checks", "from", "to", "visible", "channel", "items", "device",
    "notice", "error", "until", "platform", "source", "replacement", "again", "clock_reset", "kind", "count", "state", "stage", "ring", "sensitivity", "sensitivities", "ladder", "severity",
    "times", "left", "ends", "starts", "length", "start", "end", "id", "exemption", "scope", "version", "before", "used", "seconds", "connector", "mode", "percent", "step",
    "dispute", "snooze", "verdict", "vendor", "action", "result", "paused", "counted", "closes", "gone", NULL,
};

static bool is_id(struct span text, char letter) { return secret_is_id(text, letter); }

/* A word of ours: no spaces, no address, no id of a person. */
static bool is_word(struct span text)
{
    bool good = text.bytes > 0 && text.bytes <= WORD_BYTES && !is_id(text, 'p') && !is_id(text, 'd');
    for (size_t i = 0; good && i < text.bytes; i++) {
        unsigned char c = (unsigned char)text.at[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == ':' || c == '/' || c == '+';
    }
    return good;
}

struct writing { const struct archive_source *s; const struct archive_key *key; /* NULL: nobody's any more */ struct to_json *w; };

static struct span text_of(const struct from_json_value *v)
{
    struct span text = SPAN_NONE;
    struct err err;
    return from_json_text(v, EVENT_DATA_BYTES, &text, &err) == OK ? text : SPAN_NONE;
}

/* An empty text is a word too ("from": no rung yet). */
static bool may_show(const struct writing *x, const struct from_json_value *v)
{
    if (from_json_kind(v) != FROM_JSON_TEXT)
        return true;
    struct span text = text_of(v);
    return span_empty(text) || is_word(text) || (is_id(text, 'd') && x->key != NULL);
}

static void write_clear(const struct writing *x, const struct from_json_value *v);

static void write_text(const struct writing *x, struct span text)
{
    char name[ARCHIVE_KEY_NAME_BYTES + 1] = { 0 };
    if (is_id(text, 'd'))
        archive_key_device(x->key, text, name);
    to_json_text(x->w, is_id(text, 'd') ? span_of(name) : text);
}

static void write_members(const struct writing *x, const struct from_json_value *v)
{
    void *iterator = NULL;
    const char *key = NULL;
    struct from_json_value member;
    to_json_object(x->w);
    while (from_json_each(v, &iterator, &key, &member)) {
        if (!is_any(span_of(key), clear_keys) || !may_show(x, &member))
            continue;
        to_json_key(x->w, key);
        write_clear(x, &member);
    }
    to_json_end(x->w);
}

static void write_items(const struct writing *x, const struct from_json_value *v)
{
    to_json_array(x->w);
    for (size_t i = 0; i < from_json_count(v); i++) {
        struct from_json_value item = from_json_item(v, i);
        if (may_show(x, &item))
            write_clear(x, &item);
    }
    to_json_end(x->w);
}

static void write_clear(const struct writing *x, const struct from_json_value *v)
{
    int64_t number = 0;
    bool flag = false;
    struct err err;
    switch (from_json_kind(v)) {
    case FROM_JSON_OBJECT: write_members(x, v); break;
    case FROM_JSON_ARRAY: write_items(x, v); break;
    case FROM_JSON_TEXT: write_text(x, text_of(v)); break;
    case FROM_JSON_BOOL: to_json_bool(x->w, from_json_bool(v, &flag, &err) == OK && flag); break;
    case FROM_JSON_INT: to_json_int(x->w, from_json_int(v, INT64_MIN, INT64_MAX, &number, &err) == OK ? number : 0); break;
    case FROM_JSON_ABSENT:
    case FROM_JSON_NULL:
    case FROM_JSON_REAL: to_json_null(x->w); break;
    }
}

/* ---- parts of a record ---- */

/* Nobody is meant: a policy, an incident, a key, an administrator's act on none of them. Everything else is taken to be about somebody. */
static bool is_about_nobody(const struct event *e)
{
    static const char *const families[] = { "policy.", "key.", "admin.", "incident.", "breaker.", "store.", "ring.", "holidays.", NULL };
    bool nobody = false;
    for (size_t i = 0; families[i] != NULL; i++)
        nobody = nobody || span_starts(e->type, span_of(families[i]));
    return nobody && span_empty(e->person) && span_empty(e->device);
}

/* Administrators act in their office; a person's own act names them. */
static void write_cause(const struct archive_source *s, struct to_json *w)
{
    struct span cause = s->event->cause;
    bool own = span_starts(cause, SPAN_LITERAL("person:")) || span_starts(cause, SPAN_LITERAL("slack:"));
    if (is_about_nobody(s->event) || (is_word(cause) && !own))
        to_json_member_text_if(w, "cause", cause);
}

static enum err_code write_data(const struct writing *x, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    const struct event *e = x->s->event;
    if (e->data.bytes <= 2 || span_equal_text(e->type, "device.owner")) /* whose it was and is: see write_move */
        return OK;
    to_json_key(x->w, "data");
    if (is_about_nobody(e)) {
        to_json_raw(x->w, e->data);
        return OK;
    }
    enum err_code code = from_json_parse(e->data, (struct from_json_limits){ EVENT_DATA_BYTES, DATA_DEPTH }, "data", &doc, err);
    if (code != OK) {
        to_json_null(x->w);
        return OK;
    }
    struct from_json_value root = from_json_root(doc);
    write_clear(x, &root);
    return OK;
}

/* A device that changes hands changes its name here. */
static void write_move(const struct writing *x, const char *key, const char *member, const struct from_json_value *data)
{
    struct from_json_value v = from_json_member(data, key);
    struct archive_key owner;
    char name[ARCHIVE_KEY_NAME_BYTES + 1] = { 0 };
    if (!x->s->key(x->s->context, text_of(&v), &owner))
        return;
    archive_key_device(&owner, x->s->event->device, name);
    archive_key_wipe(&owner);
    to_json_member_text(x->w, member, span_of(name));
}

static void write_moves(const struct writing *x)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct err err;
    if (!span_equal_text(x->s->event->type, "device.owner") || from_json_parse(x->s->event->data, (struct from_json_limits){ EVENT_DATA_BYTES, DATA_DEPTH }, "data", &doc, &err) != OK)
        return;
    struct from_json_value root = from_json_root(doc);
    write_move(x, "from", "moved_from", &root);
    write_move(x, "to", "moved_to", &root);
}

static void write_results(const struct device *d, struct to_json *w)
{
    to_json_key(w, "results");
    to_json_object(w);
    for (size_t i = 0; i < d->result_count; i++) {
        to_json_key_span(w, d->results[i].check);
        to_json_text(w, span_of(verdict_name(d->results[i].verdict)));
    }
    to_json_end(w);
    to_json_key(w, "visible");
    to_json_array(w);
    for (size_t i = 0; i < d->result_count; i++)
        if (d->results[i].visible_s != 0)
            to_json_text(w, d->results[i].check);
    to_json_end(w);
}

/* When it was off, before it came back. */
static void write_off(const struct device *d, struct to_json *w)
{
    if (d->on_count < 2)
        return;
    to_json_key(w, "off");
    to_json_object(w);
    to_json_member_int(w, "from", d->on[d->on_count - 2].to_s);
    to_json_member_int(w, "to", d->on[d->on_count - 1].from_s);
    to_json_end(w);
}

static enum err_code write_device(const struct archive_source *s, struct to_json *w, struct err *err)
{
    CLEANUP(device_freep) struct device *d = NULL;
    enum err_code code = device_from_json(s->body, 1, false, &d, err);
    if (code != OK)
        return code;
    to_json_key(w, "state");
    to_json_object(w);
    to_json_member_text(w, "platform", span_of(platform_name(d->platform)));
    to_json_member_bool(w, "owned", !span_empty(d->owner));
    if (d->removed)
        to_json_member_bool(w, "removed", true);
    to_json_member_text_if(w, "rung", d->rung);
    write_results(d, w);
    if (span_equal_text(s->event->type, "device.on"))
        write_off(d, w);
    to_json_end(w);
    return OK;
}

/* The groups that decide which ladder holds for somebody: without them it cannot be proved that the right one did. No others. */
static enum err_code write_person(const struct archive_source *s, struct to_json *w, struct err *err)
{
    CLEANUP(person_freep) struct person *p = NULL;
    if (!span_starts(s->event->type, SPAN_LITERAL("person.")))
        return OK;
    enum err_code code = person_from_json(s->body, 1, &p, err);
    if (code != OK || p->removed)
        return code;
    to_json_key(w, "groups");
    to_json_array(w);
    for (size_t i = 0; i < p->group_count && i < GROUPS_MOST; i++)
        if (s->is_ladder_group(s->context, p->groups[i]))
            to_json_text(w, p->groups[i]);
    to_json_end(w);
    return OK;
}

/* What was in force, and which stretches no clock counts: the ground of every later decision. Keys and secrets are never archived. */
static enum err_code write_control(const struct archive_source *s, struct to_json *w, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    bool policy = span_equal_text(s->record, "policy"), clock = span_equal_text(s->record, "clock");
    if (!policy && !clock)
        return OK;
    enum err_code code = from_json_parse(s->body, (struct from_json_limits){ ARCHIVE_LINE_BYTES / 4, DATA_DEPTH }, "record", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), member = from_json_member(&root, "text");
    struct span text = SPAN_NONE;
    if (policy)
        code = from_json_text(&member, ARCHIVE_LINE_BYTES / 4, &text, err);
    if (code != OK)
        return code;
    to_json_key(w, policy ? "policy_text" : "clock");
    if (policy)
        to_json_text(w, text);
    else
        to_json_raw(w, s->body);
    return OK;
}

static enum err_code write_state(const struct archive_source *s, struct to_json *w, struct err *err)
{
    if (span_empty(s->body))
        return OK;
    return s->kind == RECORD_DEVICE ? write_device(s, w, err) : s->kind == RECORD_PERSON ? write_person(s, w, err) : write_control(s, w, err);
}

static enum err_code write_sealed(const struct writing *x, struct err *err)
{
    CLEANUP(buf_wipe) struct buf plain;
    CLEANUP(buf_done) struct buf sealed;
    struct to_json w;
    buf_init(&plain, PLAIN_BYTES);
    buf_init(&sealed, SEALED_BYTES);
    to_json_init(&w, &plain);
    event_to_json(x->s->event, &w);
    enum err_code code = buf_check(&plain, "an event for the archive", err);
    if (code == OK)
        code = archive_key_seal(x->key, x->s->event->id, buf_span(&plain), &sealed, err);
    if (code == OK)
        to_json_member_text(x->w, "sealed", buf_span(&sealed));
    return code;
}

static void write_names(const struct writing *x)
{
    const struct event *e = x->s->event;
    char name[ARCHIVE_KEY_NAME_BYTES + 1] = { 0 };
    if (x->key == NULL) {
        to_json_member_bool(x->w, "erased", true);
        return;
    }
    if (!span_empty(e->person)) {
        archive_key_person(x->key, name);
        to_json_member_text(x->w, "person", span_of(name));
    }
    if (!span_empty(e->device)) {
        archive_key_device(x->key, e->device, name);
        to_json_member_text(x->w, "device", span_of(name));
    }
}

enum err_code archive_record_write(const struct archive_source *s, struct to_json *w, struct err *err)
{
    const struct event *e = s->event;
    struct archive_key key = { { 0 } };
    bool known = s->key(s->context, e->person, &key), nobody = is_about_nobody(e);
    struct writing x = { s, known ? &key : NULL, w };
    to_json_member_text(w, "id", e->id);
    to_json_key(w, "at");
    to_json_time(w, e->at_ms / 1000);
    to_json_member_text(w, "type", e->type);
    if (!nobody)
        write_names(&x);
    to_json_member_text_if(w, "policy", e->policy);
    write_cause(s, w);
    enum err_code code = write_data(&x, err);
    write_moves(&x);
    if (code == OK)
        code = write_state(s, w, err);
    if (code == OK && !nobody && known)
        code = write_sealed(&x, err);
    archive_key_wipe(&key);
    return code;
}
