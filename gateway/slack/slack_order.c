#include "gateway/slack/slack_order.h"

#include "posture/base/from_json.h"

enum { DEPTH = 4 };

/* The members that only this gateway reads. */
struct private_text { const char *key; struct span *at; };
enum { PRIVATE_TEXTS = 8 };
static void private_texts(struct slack_order *o, struct private_text out[PRIVATE_TEXTS])
{
    const struct private_text all[PRIVATE_TEXTS] = {
        { "key", &o->key }, { "user", &o->user }, { "text", &o->text }, { "channel", &o->channel }, { "message", &o->message },
        { "view", &o->view }, { "trigger", &o->trigger }, { "response_url", &o->response_url },
    };
    for (size_t i = 0; i < PRIVATE_TEXTS; i++)
        out[i] = all[i];
}

static enum err_code seal_private(const struct node *node, const struct slack_order *order, struct buf *sealed, struct err *err)
{
    CLEANUP(buf_done) struct buf plain;
    struct slack_order copy = *order;
    struct private_text texts[PRIVATE_TEXTS];
    struct to_json w;
    buf_init(&plain, SLACK_ORDER_BYTES);
    private_texts(&copy, texts);
    to_json_init(&w, &plain);
    to_json_object(&w);
    for (size_t i = 0; i < PRIVATE_TEXTS; i++)
        to_json_member_text_if(&w, texts[i].key, *texts[i].at);
    to_json_member_bool(&w, "ephemeral", order->ephemeral);
    to_json_member_bool(&w, "steps", order->steps);
    to_json_end(&w);
    enum err_code code = buf_check(&plain, "an order from Slack", err);
    return code == OK ? secret_seal(node->secret, SECRET_SEALED, SPAN_LITERAL(SLACK_ASKED), buf_span(&plain), sealed, err) : code;
}

static enum err_code write_data(const struct node *node, const struct slack_order *o, struct buf *data, struct err *err)
{
    CLEANUP(buf_done) struct buf sealed;
    struct to_json w;
    buf_init(&sealed, EVENT_DATA_BYTES / 2);
    enum err_code code = seal_private(node, o, &sealed, err);
    if (code != OK)
        return code;
    to_json_init(&w, data);
    to_json_object(&w);
    to_json_member_text(&w, "ask", span_of(slack_ask_name(o->ask)));
    to_json_member_text_if(&w, "device", o->device);
    to_json_member_text_if(&w, "check", o->check);
    to_json_member_text_if(&w, "notice", o->notice);
    to_json_member_text_if(&w, "exemption", o->exemption);
    to_json_member_text(&w, "sealed", buf_span(&sealed));
    to_json_end(&w);
    return buf_check(data, "an order from Slack", err);
}

static unsigned partition_for(struct store *store, struct span person)
{
    return span_empty(person) ? store->ops->partitions(store) : store->ops->partition_of(store, RECORD_PERSON, person);
}

enum err_code slack_order_append(const struct node *node, struct store *store, const struct slack_order *order, struct err *err)
{
    CLEANUP(buf_done) struct buf data, cause;
    char id[SECRET_ID_BYTES + 1];
    buf_init(&data, EVENT_DATA_BYTES);
    buf_init(&cause, SLACK_WORD_BYTES + 16);
    enum err_code code = write_data(node, order, &data, err);
    if (code != OK)
        return code;
    buf_append_text(&cause, "slack:");
    buf_append(&cause, order->user);
    secret_new_id('e', id);
    const struct event event = { .id = span_of(id), .at_ms = clock_wall_ms(node->clock), .type = SPAN_LITERAL(SLACK_ASKED), .person = order->person, .device = order->device,
                                 .cause = buf_span(&cause), .data = buf_span(&data) };
    return store->ops->append(store, partition_for(store, order->person), &event, 1, err);
}

/* ---- and back ---- */

static enum err_code copy_text(const struct from_json_value *root, const char *key, struct arena *arena, struct span *out, struct err *err)
{
    struct from_json_value v = from_json_member(root, key);
    struct span text = SPAN_NONE;
    enum err_code code = from_json_text_opt(&v, SLACK_ORDER_BYTES, &text, err);
    *out = arena_copy(arena, text);
    return code == OK && out->bytes != text.bytes ? err_set(err, ERR_MEMORY, "an order from Slack") : code;
}

static enum err_code read_private(struct span plain, struct arena *arena, struct slack_order *o, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct private_text texts[PRIVATE_TEXTS];
    enum err_code code = from_json_parse(plain, (struct from_json_limits){ SLACK_ORDER_BYTES, DEPTH }, "an order from Slack", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc), ephemeral = from_json_member(&root, "ephemeral"), steps = from_json_member(&root, "steps");
    private_texts(o, texts);
    for (size_t i = 0; code == OK && i < PRIVATE_TEXTS; i++)
        code = copy_text(&root, texts[i].key, arena, texts[i].at, err);
    if (code == OK)
        code = from_json_bool_opt(&ephemeral, &o->ephemeral, err);
    return code == OK ? from_json_bool_opt(&steps, &o->steps, err) : code;
}

enum err_code slack_order_read(const struct node *node, struct span data, struct arena *arena, struct slack_order *out, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    CLEANUP(buf_done) struct buf plain;
    struct slack_order o = { 0 };
    struct span ask = SPAN_NONE, sealed = SPAN_NONE;
    buf_init(&plain, SLACK_ORDER_BYTES);
    enum err_code code = from_json_parse(data, (struct from_json_limits){ EVENT_DATA_BYTES, DEPTH }, SLACK_ASKED, &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc);
    const struct private_text open[] = { { "ask", &ask }, { "device", &o.device }, { "check", &o.check }, { "notice", &o.notice }, { "exemption", &o.exemption }, { "sealed", &sealed } };
    for (size_t i = 0; code == OK && i < sizeof open / sizeof open[0]; i++)
        code = copy_text(&root, open[i].key, arena, open[i].at, err);
    if (code == OK && !slack_ask_from(ask, &o.ask))
        return err_set(err, ERR_INPUT, "an order from Slack that this version does not know");
    if (code == OK)
        code = secret_open(node->secret, SECRET_SEALED, SPAN_LITERAL(SLACK_ASKED), sealed, &plain, err);
    if (code == OK)
        code = read_private(buf_span(&plain), arena, &o, err);
    if (code == OK)
        *out = o;
    return code;
}
