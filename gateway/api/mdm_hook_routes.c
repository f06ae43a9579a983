/* POST /hooks/mdm/{id}: what a device manager sends by itself. Nothing of it is believed before its signature or secret; what most of them say is only which
 * devices to read again (event mdm.hint, for whoever holds the lease), and what NanoMDM's say is what a device answered. */
#include "gateway/http/router.h"
#include "gateway/managers.h"

#include "gateway/change.h"

enum { HINT_BYTES = 512, ONCE_S = 86400, OTHER_READS = 8 /* so many of one call are read one by one; more: the whole list */ };

static struct span header_of(void *context, const char *name) { return request_header(context, name); }

static enum err_code hint(const struct http_request *r, const struct manager *m, struct span id, struct err *err)
{
    char event_id[EVENT_ID_BYTES + 1];
    CLEANUP(buf_done) struct buf data;
    struct to_json w;
    buf_init(&data, HINT_BYTES);
    to_json_init(&w, &data);
    to_json_object(&w);
    to_json_member_text_if(&w, "id", id);
    to_json_member_text(&w, "manager", m->options.id);
    to_json_end(&w);
    secret_new_id('e', event_id);
    struct event event = { .id = span_of(event_id), .at_ms = r->now_ms, .type = SPAN_LITERAL("mdm.hint"), .cause = arena_format(r->arena, "mdm:%.*s", SPAN_ARGS(m->options.id)),
                           .data = buf_span(&data) };
    enum err_code code = buf_check(&data, "a hint", err);
    return code == OK ? r->store->ops->append(r->store, r->store->ops->partitions(r->store), &event, 1, err) : code;
}

static enum err_code take_hints(const struct http_request *r, const struct manager *m, const struct mdm_news *news, struct err *err)
{
    if (news->read_again_count > OTHER_READS)
        return hint(r, m, SPAN_NONE, err);
    enum err_code code = OK;
    for (size_t i = 0; i < news->read_again_count && code == OK; i++)
        code = hint(r, m, news->read_again[i], err);
    return code;
}

static enum err_code take_device(const struct http_request *r, const struct manager *m, const struct mdm_news *news, struct err *err)
{
    struct manager_word word = { m, &news->device, news->partial, false };
    struct manager_heard heard;
    enum err_code code = managers_hear(r->node, r->store, &word, &heard, err);
    if (code == OK && heard.match != MANAGER_MATCHED && !m->ops->lists)
        code = manager_status_stranger(r->node, r->store, m, &news->device, heard.match == MANAGER_CONFLICT, err);
    if (code == OK && heard.match == MANAGER_MATCHED && heard.changed && !m->ops->lists)
        code = manager_status_known(r->node, r->store, m, news->device.id, err);
    return code;
}

/* A repeat that names its event is answered well and does nothing; without a name it does no harm, since older words change nothing. */
static bool is_repeat(const struct http_request *r, const struct manager *m, const struct mdm_news *news)
{
    struct err ignored;
    if (span_empty(news->event))
        return false;
    struct span value = arena_format(r->arena, "%.*s/%.*s", SPAN_ARGS(m->options.id), SPAN_ARGS(news->event));
    return r->store->ops->once(r->store, SPAN_LITERAL("mdm_hook"), value, ONCE_S, &ignored) == ERR_CONFLICT;
}

static void take_hook(struct http_request *r, struct http_response *res)
{
    const struct manager *m = managers_find(r->node->managers, r->params[0]);
    struct mdm_news news = { 0 };
    struct err err = { 0 };
    if (m == NULL || m->ops->hook == NULL || span_empty(m->options.hook_secrets[0])) {
        problem_status_answer(r, res, PROBLEM_JSON, 404, "no device manager of that name sends here: see mdm.hook_secret");
        return;
    }
    const struct mdm_hook hook = { header_of, r, r->body, r->now_s };
    enum err_code code = m->ops->hook(&m->options, &hook, r->arena, &news, &err);
    if (code == OK && !is_repeat(r, m, &news)) {
        code = take_hints(r, m, &news, &err);
        if (code == OK && news.has_device)
            code = take_device(r, m, &news, &err);
    }
    if (code == ERR_DENIED) {
        log_event(r->node->log, LOG_WARN, "mdm.hook_refused", LOG_STR("request", r->id), LOG_SPAN("peer", r->peer), LOG_SPAN("manager", m->options.id));
        problem_status_answer(r, res, PROBLEM_JSON, 401, "the call does not prove that it comes from this device manager");
    } else if (code != OK) {
        problem_answer(r, res, PROBLEM_JSON, &err);
    } else {
        response_text(res, 200, "application/json", SPAN_LITERAL("{}"));
    }
}

static const struct route rows[] = {
    { HTTP_POST, "/hooks/mdm/{id}", LISTENER_PUBLIC | LISTENER_INTERNAL, 0, MDM_HOOK_BYTES, PROBLEM_JSON, 0, NULL, take_hook, "hooks.mdm" },
};
const struct route_table mdm_hook_routes = { rows, sizeof rows / sizeof rows[0] };
