/* Any bytes after the first: a device, person or event record, or an error; whatever was read is written and read again as the same. */
#include "posture/device.h"
#include "posture/event.h"
#include "posture/person.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void write_device(const struct device *d, struct buf *out)
{
    struct to_json w;
    buf_init(out, 16 * DEVICE_BODY_BYTES);
    to_json_init(&w, out);
    device_to_json(d, &w);
    require(!out->failed);
}

static void use_device(struct device *d)
{
    for (size_t i = 0; i < d->result_count; i++)
        require(device_result(d, d->results[i].check) == &d->results[i]);
    int64_t first_s = d->seen_s;
    for (int64_t t = first_s; t < first_s + 5000; t += 1250)
        (void)device_spoke(d, t);
    for (size_t i = 1; i < d->on_count; i++)
        require(d->on[i - 1].to_s != 0 && d->on[i - 1].to_s <= d->on[i].from_s);
    require(d->on_count <= DEVICE_MAX_ON);
}

static void try_device(struct span body)
{
    struct device *d = NULL, *again = NULL;
    struct err err;
    struct buf first, second;
    if (device_from_json(body, 1, true, &d, &err) != OK)
        return;
    write_device(d, &first);
    if (first.bytes <= DEVICE_BODY_BYTES) {
        require(device_from_json(buf_span(&first), 1, true, &again, &err) == OK);
        write_device(again, &second);
        require(span_equal(buf_span(&first), buf_span(&second)));
        buf_done(&second);
        device_free(again);
    }
    use_device(d);
    buf_done(&first);
    device_free(d);
}

/* As a load reads it, into the room of the one before: the same device without its facts, or an error there too. */
static void try_room(struct span body)
{
    static struct device *room;
    struct device *d = NULL;
    struct err err;
    struct buf first, second;
    room = room != NULL ? room : device_new();
    enum err_code code = device_from_json(body, 1, false, &d, &err);
    require((device_from_json_into(body, 1, room, &err) == OK) == (code == OK));
    if (code != OK)
        return;
    write_device(d, &first);
    write_device(room, &second);
    require(span_equal(buf_span(&first), buf_span(&second)));
    buf_done(&second);
    buf_done(&first);
    device_free(d);
}

static void write_person(const struct person *p, struct buf *out)
{
    struct to_json w;
    buf_init(out, 16 * PERSON_BODY_BYTES);
    to_json_init(&w, out);
    person_to_json(p, &w);
    require(!out->failed);
}

static void try_person(struct span body)
{
    struct person *p = NULL, *again = NULL;
    struct err err;
    struct buf first, second;
    if (person_from_json(body, 1, &p, &err) != OK)
        return;
    write_person(p, &first);
    if (first.bytes <= PERSON_BODY_BYTES) {
        require(person_from_json(buf_span(&first), 1, &again, &err) == OK);
        write_person(again, &second);
        require(span_equal(buf_span(&first), buf_span(&second)));
        buf_done(&second);
        person_free(again);
    }
    (void)person_add_told(p, SPAN_LITERAL("d"), SPAN_LITERAL("c"), 5);
    person_forget_told(p, SPAN_LITERAL("d"), SPAN_NONE);
    require(person_told(p, SPAN_LITERAL("d"), SPAN_LITERAL("c")) == NULL);
    (void)person_set_mended(p, SPAN_LITERAL("d"), SPAN_LITERAL("c"), 5, 6, &p->arena);
    person_prune_mended(p, RELAPSE_S + 5);
    require(person_mended(p, SPAN_LITERAL("d"), SPAN_LITERAL("c")) == NULL);
    buf_done(&first);
    person_free(p);
}

static void try_event(struct span body)
{
    struct from_json *doc = NULL;
    struct event e;
    struct err err;
    struct buf scratch, out;
    struct to_json w;
    buf_init(&scratch, 16 * EVENT_DATA_BYTES);
    buf_init(&out, 16 * EVENT_DATA_BYTES);
    if (from_json_parse(body, (struct from_json_limits){ EVENT_DATA_BYTES, 16 }, "event", &doc, &err) == OK) {
        struct from_json_value root = from_json_root(doc);
        to_json_init(&w, &out);
        if (event_from_json(&root, &scratch, &e, &err) == OK)
            event_to_json(&e, &w);
    }
    from_json_free(doc);
    buf_done(&scratch);
    buf_done(&out);
}

static void try_identifier(struct span raw)
{
    static const char *const kinds[] = { "serial", "uuid", "certificate", "certificate_serial", "instance" };
    struct arena a;
    arena_init(&a, 1024, 1024 * 1024);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct span value, again;
        if (!identifier_normalize(span_of(kinds[i]), raw, &a, &value))
            continue;
        require(identifier_normalize(span_of(kinds[i]), value, &a, &again) && span_equal(value, again));
    }
    arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0)
        return 0;
    struct span body = span_make(data + 1, bytes - 1);
    switch (data[0] % 4) {
    case 0:
        try_device(body);
        try_room(body);
        break;
    case 1: try_person(body); break;
    case 2: try_event(body); break;
    default: try_identifier(body); break;
    }
    return 0;
}
