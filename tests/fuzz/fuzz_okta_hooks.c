/* Any bytes as the bodies of Okta's hooks: read or refused, and whatever was read is answered with JSON within Okta's limit. */
#include "gateway/doors/okta_hooks.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    json_object_seed(1); /* the same input takes the same way each time */
    return 0;
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void answer(const struct okta_hook *hook, enum outcome outcome)
{
    CLEANUP(buf_done) struct buf out;
    CLEANUP(from_json_freep) struct from_json *again = NULL;
    struct to_json w;
    const struct door_hook door = { SPAN_LITERAL("a/b~c"), 3600, 300, hook->access.lifetime_s % 2 == 0 };
    const struct okta_verdict v = { outcome, RULE_GOOD, hook->app, hook->login, SPAN_LITERAL("https://p.example/"), SPAN_LITERAL("x_1") };
    if (!okta_hook_says(hook, &door, &v))
        return;
    buf_init(&out, OKTA_BODY_BYTES);
    to_json_init(&w, &out);
    okta_hook_answer(hook, &door, &v, &w);
    require(buf_text(&out) != NULL);
    require(from_json_parse(buf_span(&out), (struct from_json_limits){ OKTA_BODY_BYTES, OKTA_DEPTH }, "answer", &again, NULL) == OK);
}

static void read_hook(const struct from_json_value *root, enum okta_hook_kind kind)
{
    struct okta_hook hook;
    if (okta_hook_read(root, kind, &hook, NULL) != OK)
        return;
    require(hook.login.bytes <= OKTA_LOGIN_BYTES && hook.user.bytes <= OKTA_ID_BYTES && hook.app.bytes <= OKTA_ID_BYTES && hook.event.bytes <= OKTA_ID_BYTES);
    require(hook.machine == (hook.login.bytes + hook.user.bytes == 0));
    for (int outcome = OUTCOME_ALLOW; outcome <= OUTCOME_DENY; outcome++)
        answer(&hook, (enum outcome)outcome);
}

static void read_events(const struct from_json_value *root)
{
    struct from_json_value data, events;
    struct span id = SPAN_NONE;
    if (okta_events_open(root, &id, &data, &events, NULL) != OK)
        return;
    require(from_json_count(&events) <= OKTA_EVENTS_MOST);
    for (size_t i = 0; i < from_json_count(&events); i++) {
        struct okta_event e;
        okta_event_read(&events, i, &e);
        require(!(okta_event_is_login(&e) && okta_event_is_failed_hook(&e)) && e.uuid.bytes <= OKTA_LOGIN_BYTES);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    if (from_json_parse(span_make(data, bytes), (struct from_json_limits){ OKTA_EVENTS_BYTES, OKTA_DEPTH }, "body", &doc, NULL) != OK)
        return 0;
    struct from_json_value root = from_json_root(doc);
    read_hook(&root, OKTA_TOKEN);
    read_hook(&root, OKTA_SAML);
    read_events(&root);
    return 0;
}
