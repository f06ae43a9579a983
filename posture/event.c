#include "posture/event.h"

#include "posture/record_body.h"

enum { TEXT_BYTES = 256 };

/* `data` is compact JSON that we wrote or parsed ourselves. */
static void write_data(const struct event *e, struct to_json *w)
{
    if (e->data.bytes <= 2)
        return;
    to_json_key(w, "data");
    to_json_raw(w, e->data);
}

void event_to_json(const struct event *e, struct to_json *w)
{
    to_json_object(w);
    to_json_member_text(w, "id", e->id);
    to_json_member_int(w, "at_ms", e->at_ms);
    to_json_member_text(w, "type", e->type);
    to_json_member_text_if(w, "person", e->person);
    to_json_member_text_if(w, "device", e->device);
    to_json_member_text_if(w, "policy", e->policy);
    to_json_member_text_if(w, "cause", e->cause);
    write_data(e, w);
    to_json_end(w);
}

void event_to_public_json(const struct event *e, struct span cursor, struct to_json *w)
{
    to_json_object(w);
    to_json_member_text(w, "id", e->id);
    to_json_key(w, "at");
    to_json_time(w, e->at_ms / 1000);
    to_json_member_text(w, "type", e->type);
    to_json_member_text_if(w, "person", e->person);
    to_json_member_text_if(w, "device", e->device);
    to_json_member_text_if(w, "policy", e->policy);
    to_json_member_text_if(w, "cause", e->cause);
    write_data(e, w);
    to_json_member_text_if(w, "cursor", cursor);
    to_json_end(w);
}

static enum err_code read_data(const struct from_json_value *v, struct buf *scratch, struct span *out, struct err *err)
{
    if (!from_json_present(v))
        return OK;
    size_t before = scratch->bytes;
    enum err_code code = from_json_object(v, err);
    if (code != OK)
        return code;
    if (!from_json_write(v, scratch))
        return buf_check(scratch, "an event's data", err);
    if (scratch->bytes - before > EVENT_DATA_BYTES)
        return from_json_refuse(v, err, "must be at most %d bytes long", EVENT_DATA_BYTES);
    *out = span_slice(buf_span(scratch), before, scratch->bytes);
    return OK;
}

enum err_code event_from_json(const struct from_json_value *v, struct buf *scratch, struct event *out, struct err *err)
{
    static const struct record_body_field fields[] = {
        { "id", RECORD_BORROWED, offsetof(struct event, id), TEXT_BYTES },         { "type", RECORD_BORROWED, offsetof(struct event, type), TEXT_BYTES },
        { "person", RECORD_BORROWED, offsetof(struct event, person), TEXT_BYTES }, { "device", RECORD_BORROWED, offsetof(struct event, device), TEXT_BYTES },
        { "policy", RECORD_BORROWED, offsetof(struct event, policy), TEXT_BYTES }, { "cause", RECORD_BORROWED, offsetof(struct event, cause), TEXT_BYTES },
    };
    struct event e = { 0 };
    struct record_body b = { .err = err };
    record_body_read(&b, v, fields, sizeof fields / sizeof fields[0], &e);
    if (b.code != OK)
        return b.code;
    struct from_json_value at = from_json_member(v, "at_ms"), data = from_json_member(v, "data"), type = from_json_member(v, "type");
    if (span_empty(e.type))
        return from_json_refuse(&type, err, "is missing or empty");
    enum err_code code = from_json_int(&at, 0, RECORD_BODY_LAST_S * 1000, &e.at_ms, err);
    if (code == OK)
        code = read_data(&data, scratch, &e.data, err);
    if (code == OK)
        *out = e;
    return code;
}
