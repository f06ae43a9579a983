#include "gateway/login_warned.h"

#include "gateway/change.h"

enum { STORE_AWAY_MS = 5000 };

bool login_warned_lately(const struct node *node, const struct question *q, const struct device *device, int64_t now_s, int64_t every_s)
{
    const struct person *person = span_empty(q->person) ? NULL : directory_person_by(node->directory, q->person);
    const struct warned *w = person != NULL ? person_warned(person, device != NULL ? device->id : SPAN_NONE) : NULL;
    return w != NULL && now_s - w->at_s < every_s;
}

struct warning { struct http_request *r; const struct login *l; const struct login_result *result; };

static enum change_say edit(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    const struct warning *w = context;
    CLEANUP(buf_done) struct buf data;
    struct to_json json;
    buf_init(&data, EVENT_DATA_BYTES);
    to_json_init(&json, &data);
    to_json_object(&json);
    to_json_member_text(&json, "door", w->l->door);
    to_json_member_text_if(&json, "app", w->result->app);
    to_json_end(&json);
    bool told = !data.failed && person_set_warned(copy, w->result->device, w->r->now_s) &&
                change_event(events, w->r->node, "person.warned", copy->id, w->result->device, w->result->decision, buf_span(&data));
    if (!told)
        return (void)err_set(err, ERR_MEMORY, "what %.*s was warned of", SPAN_ARGS(copy->id)), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

void login_warned_remember(struct http_request *r, const struct login *l, const struct login_result *result)
{
    struct warning w = { r, l, result };
    struct err err = { 0 };
    if (span_empty(result->person) || r->store == NULL || directory_age_ms(r->node->directory) > STORE_AWAY_MS)
        return;
    if (change_person(r->node, r->store, result->person, false, edit, &w, &err) != OK)
        log_event(r->node->log, LOG_WARN, "login.warning_not_remembered", LOG_SPAN("person", result->person), LOG_STR("id", r->id), LOG_ERR(&err));
}
