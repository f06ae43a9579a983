#include "posture/directory_seen.h"

#include "posture/directory_parts.h"
#include "posture/record_body.h"

#include <string.h>

enum { TIMES_BYTES = 256 * 1024, TIMES_DEPTH = 4, SEEN_BYTES = 64 * 1024 * 1024, SEEN_DEPTH = 8, ID_BYTES = 256 };

/* Of a device that nobody else has seen yet. */
static struct result *editable_results(struct device *d) { return (struct result *)(uintptr_t)d->results; }

/* A refresh says that the verdict was found again: of a verdict that came later it says nothing. */
static void raise_one(struct device *d, struct span check, int64_t at_s)
{
    const struct result *result = device_result(d, check);
    if (result != NULL && at_s > result->evaluated_s && at_s >= result->changed_s)
        editable_results(d)[result - d->results].evaluated_s = at_s;
}

static enum err_code raise_object(struct device *d, const struct from_json_value *times, struct err *err)
{
    void *iterator = NULL;
    const char *check;
    struct from_json_value value;
    while (from_json_each(times, &iterator, &check, &value)) {
        int64_t at_s = 0;
        enum err_code code = from_json_int(&value, 0, RECORD_BODY_LAST_S, &at_s, err);
        if (code != OK)
            return code;
        raise_one(d, span_of(check), at_s);
    }
    return OK;
}

/* "<second>:<check>,<check>;...". What is not such a group is passed over: the record is good without it. */
static void raise_groups(struct device *d, struct span text)
{
    struct span group, second, check;
    int64_t at_s;
    while (span_cut(&text, ';', &group)) {
        if (!span_cut(&group, ':', &second) || !span_to_i64(second, &at_s) || at_s < 0 || at_s > RECORD_BODY_LAST_S)
            continue;
        while (span_cut(&group, ',', &check))
            raise_one(d, check, at_s);
    }
}

static enum err_code apply_times(struct device *d, struct span text, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    if (span_empty(text) || (text.at[0] >= '0' && text.at[0] <= '9')) {
        raise_groups(d, text);
        return OK;
    }
    enum err_code code = from_json_parse(text, (struct from_json_limits){ TIMES_BYTES, TIMES_DEPTH }, "times of a refresh", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc);
    code = from_json_object(&root, err);
    return code == OK ? raise_object(d, &root, err) : code;
}

enum err_code directory_seen_into(struct device *d, const struct refresh *refresh, struct err *err)
{
    enum err_code code = apply_times(d, refresh->times, err);
    if (code == OK)
        (void)device_spoke(d, refresh->seen_s);
    return code;
}

enum err_code directory_seen_apply(const struct device *old, const struct refresh *refresh, struct device **out, struct err *err)
{
    CLEANUP(device_freep) struct device *next = device_copy(old);
    if (next == NULL)
        return err_set(err, ERR_MEMORY, "refreshing device %.*s: memory is short", SPAN_ARGS(old->id));
    enum err_code code = directory_seen_into(next, refresh, err);
    if (code == OK)
        *out = TAKE(next);
    return code;
}

static bool is_failing(const struct device *d)
{
    for (size_t i = 0; i < d->result_count; i++)
        if (d->results[i].first_failed_s != 0)
            return true;
    return false;
}

static void carry_evaluated(const struct device *old, struct result *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct result *known = device_result(old, all[i].check);
        bool same = known != NULL && known->verdict == all[i].verdict && known->changed_s == all[i].changed_s && span_equal(known->check_version, all[i].check_version);
        if (same && known->evaluated_s > all[i].evaluated_s)
            all[i].evaluated_s = known->evaluated_s;
    }
}

/* A device that was set up anew starts from nothing, so only later times of the same enrolment are carried. */
bool directory_seen_carry(const struct device *old, struct device *next)
{
    if (old->enrolled_s != next->enrolled_s)
        return true;
    carry_evaluated(old, editable_results(next), next->result_count);
    if (old->seen_s <= next->seen_s)
        return true;
    next->seen_s = old->seen_s;
    if (!is_failing(next))
        return true;
    struct record_body b = { .arena = &next->arena };
    next->on = record_body_own_list(&b, old->on, old->on_count, sizeof *old->on, NULL, 0);
    next->on_count = old->on_count;
    return b.code == OK;
}

/* ---- log entries ---- */

static enum err_code put_one_seen(struct directory *d, const struct from_json_value *row, struct buf *scratch, struct err *err)
{
    struct from_json_value device = from_json_item(row, 0), seen = from_json_item(row, 1), times = from_json_item(row, 2);
    struct refresh refresh = { 0 };
    enum err_code code = from_json_text(&device, ID_BYTES, &refresh.device, err);
    if (code == OK)
        code = from_json_int(&seen, 0, RECORD_BODY_LAST_S, &refresh.seen_s, err);
    buf_clear(scratch);
    if (code == OK && from_json_count(&times) > 0 && from_json_write(&times, scratch))
        refresh.times = buf_span(scratch);
    return code == OK ? directory_put_seen(d, &refresh, err) : code;
}

/* One bad row must not cost the others their times: the first mistake is told at the end. */
static enum err_code apply_seen(struct directory *d, struct span data, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    CLEANUP(buf_done) struct buf scratch;
    buf_init(&scratch, TIMES_BYTES);
    enum err_code code = from_json_parse(data, (struct from_json_limits){ SEEN_BYTES, SEEN_DEPTH }, "data of device.seen", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), list = from_json_member(&root, "seen");
    code = from_json_array(&list, SIZE_MAX, err);
    for (size_t i = 0; i < from_json_count(&list); i++) {
        struct from_json_value row = from_json_item(&list, i);
        struct err other;
        enum err_code one = put_one_seen(d, &row, &scratch, code == OK ? err : &other);
        code = code == OK ? one : code;
    }
    return code;
}

bool directory_room_init(struct directory_room *room)
{
    enum { BLOCK_BYTES = 32 * 1024, LIMIT_BYTES = 64 * 1024 * 1024 /* a document is up to 33 times as long as its text */ };
    *room = (struct directory_room){ .device = device_new(), .person = person_new() };
    arena_init(&room->scratch, BLOCK_BYTES, LIMIT_BYTES);
    return room->device != NULL && room->person != NULL;
}

void directory_room_done(struct directory_room *room)
{
    device_free(room->device);
    person_free(room->person);
    arena_done(&room->scratch);
    *room = (struct directory_room){ .device = NULL };
}

enum err_code directory_state_read(const struct record *record, const struct refresh *refresh, struct directory_room *room, struct directory_state *out, struct err *err)
{
    struct directory_state state = { record->kind == RECORD_PERSON ? NULL : room->device, NULL };
    enum err_code code = state.device == NULL ? person_from_json_with(record->body, record->version, &room->scratch, room->person, &state.person, err)
                                              : device_from_json_into(record->body, record->version, state.device, err);
    if (code == OK && state.device != NULL && refresh != NULL)
        code = directory_seen_into(state.device, refresh, err);
    if (code != OK)
        return err_wrap(err, "record %.*s", SPAN_ARGS(record->id));
    *out = state;
    return OK;
}

enum err_code directory_state_put(struct directory *d, struct directory_state *takes, struct err *err)
{
    struct directory_state state = *takes;
    *takes = (struct directory_state){ NULL, NULL };
    return state.device != NULL ? directory_put_read(d, state.device, err) : state.person != NULL ? directory_put_person(d, state.person, err) : OK;
}

static enum err_code apply_state(struct directory *d, const struct record *record, struct err *err)
{
    CLEANUP(directory_room_done) struct directory_room room;
    struct directory_state state;
    if (!directory_room_init(&room))
        return err_set(err, ERR_MEMORY, "record %.*s: memory is short", SPAN_ARGS(record->id));
    enum err_code code = directory_state_read(record, NULL, &room, &state, err);
    return code == OK ? directory_state_put(d, &state, err) : code;
}

enum err_code directory_apply(struct directory *d, const struct log_entry *entry, struct err *err)
{
    const struct record *record = &entry->record;
    if (span_empty(record->body) && span_equal_text(entry->event.type, "device.seen"))
        return apply_seen(d, entry->event.data, err);
    if (span_empty(record->body))
        return OK;
    switch (record->kind) {
    case RECORD_DEVICE:
    case RECORD_PERSON: return apply_state(d, record, err);
    case RECORD_CONTROL: break;
    }
    return directory_put_control(d, record->id, record->body, record->version, err);
}
