/* Any body of an evaluation, single or batch: the fast reader refuses exactly what a slow one refuses. The body is answered as it came, and once more as jansson wrote down what it
 * had read: status and answer must be the same, but for what is random in it; and once with a member that is ignored. A single one is judged by jansson's tree too: 200 or 400. The first byte chooses the route. */
#include "gateway/http/router.h"
#include "gateway/node.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { BODY_BYTES = 16 * 1024 /* far below the routes' limits */, DEPTH = 32, TEXT_BYTES = 512, MEMBERS_MOST = 1000, NOW_S = 1800000000 };
static struct node node;

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* ---- a gateway that knows the sample policy, one person and their device ---- */

static void put_policy(void)
{
    struct mistakes mistakes;
    CLEANUP(policy_freep) struct policy *policy = NULL;
    CLEANUP(buf_done) struct buf body;
    struct to_json w;
    mistakes_init(&mistakes);
    policy_read(sample_policy(), SPAN_LITERAL("sample"), &mistakes, &policy);
    mistakes_done(&mistakes);
    require(policy != NULL);
    buf_init(&body, 1024 * 1024);
    to_json_init(&w, &body);
    to_json_object(&w);
    to_json_member_text(&w, "version", span_of(policy->version));
    to_json_member_text(&w, "text", policy->canonical);
    to_json_end(&w);
    require(directory_put_control(node.directory, SPAN_LITERAL("policy"), buf_span(&body), 1, NULL) == OK);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const uint8_t root[SECRET_KEY_BYTES] = { 1 };
    struct person *person = NULL;
    struct device *device = NULL;
    (void)argc;
    (void)argv;
    json_object_seed(1); /* the same input takes the same way each time */
    node = (struct node){ .clock = clock_system(), .calendar = calendar_new("/usr/share/zoneinfo"), .metrics = metrics_new() };
    node.options.public_url = SPAN_LITERAL("https://p.example");
    node.counters = metrics_counters(node.metrics);
    node.directory = directory_new(node.clock, node.calendar);
    directory_register_thread();
    require(secret_new(root, &node.secret, NULL) == OK);
    put_policy();
    require(person_from_json(SPAN_LITERAL("{\"id\":\"p_aaaaaaaaaaaaaaaaaaaaaaaaaa\",\"emails\":[\"ana@acme.example\"]}"), 1, &person, NULL) == OK);
    require(device_from_json(SPAN_LITERAL("{\"id\":\"d_aaaaaaaaaaaaaaaaaaaaaaaaaa\",\"owner\":\"p_aaaaaaaaaaaaaaaaaaaaaaaaaa\",\"platform\":\"macos\"}"), 1, false, &device, NULL) == OK);
    require(directory_put_person(node.directory, person, NULL) == OK && directory_put_device(node.directory, device, NULL) == OK);
    directory_set_complete(node.directory, true);
    return 0;
}

/* ---- asking ---- */

/* What stands behind the key, up to the quote, is made of blanks. */
static void blank_out(struct buf *text, struct span key)
{
    size_t at = 0, found;
    while ((found = span_search(span_slice(buf_span(text), at, text->bytes), key)) < text->bytes - at) {
        at += found + key.bytes;
        for (; at < text->bytes && text->at[at] != '"'; at++)
            text->at[at] = ' ';
    }
}

/* `answer` is initialised; the status. */
static int ask(const struct route *route, struct span body, struct buf *answer)
{
    static const struct http_header type = { SPAN_LITERAL("Content-Type"), SPAN_LITERAL("application/json") };
    struct arena arena;
    arena_init(&arena, 8192, 16 * 1024 * 1024);
    struct http_request r = { .arena = &arena, .node = &node, .method = HTTP_POST, .headers = &type, .header_count = 1, .body = body, .now_s = NOW_S, .now_ms = NOW_S * INT64_C(1000) };
    struct http_response res = { 0 };
    buf_init(&res.body, RESPONSE_MAX_BYTES);
    require(route->fast(&r, &res) == ROUTE_DONE);
    require(!res.body.failed && buf_append(answer, buf_span(&res.body)));
    blank_out(answer, SPAN_LITERAL("\"decision_id\":\""));
    blank_out(answer, SPAN_LITERAL("\"remediation_url\":\""));
    buf_done(&res.body);
    arena_done(&arena);
    return res.status;
}

/* ---- the slow reader ---- */

static bool is_there(const json_t *v) { return v != NULL && !json_is_null(v); }
static bool is_text(const json_t *v, size_t least) { return json_is_string(v) && json_string_length(v) >= least && json_string_length(v) <= TEXT_BYTES; }

static bool is_object(const json_t *v) { return json_is_object(v) && json_object_size(v) <= MEMBERS_MOST; }

static bool is_entity(const json_t *v, const char *first, const char *second)
{
    const json_t *properties = json_object_get(v, "properties");
    return is_object(v) && is_text(json_object_get(v, first), 1) && (second == NULL || is_text(json_object_get(v, second), 1)) &&
           (!is_there(properties) || is_object(properties));
}

static bool names_device_well(const json_t *subject, const json_t *context)
{
    static const char *const members[] = { "id", "serial", "certificate_sha256" };
    const json_t *id = json_object_get(json_object_get(subject, "properties"), "device_id"), *device = json_object_get(context, "device");
    if (strcmp(json_string_value(json_object_get(subject, "type")), "device") == 0)
        return true;
    if (is_there(id))
        return is_text(id, 0);
    if (!is_there(device) || !is_object(device))
        return !is_there(device);
    for (int i = 0; i < 3; i++)
        if (is_there(json_object_get(device, members[i])))
            return is_text(json_object_get(device, members[i]), 0);
    return false;
}

static bool asks_well(const json_t *root)
{
    const json_t *subject = json_object_get(root, "subject"), *context = json_object_get(root, "context");
    return is_entity(subject, "type", "id") && is_entity(json_object_get(root, "action"), "name", NULL) && is_entity(json_object_get(root, "resource"), "type", "id") &&
           (!is_there(context) || is_object(context)) && names_device_well(subject, context);
}

static unsigned deepest(const json_t *v)
{
    unsigned most = 0;
    const char *key;
    json_t *member;
    size_t i;
    if (!json_is_object(v) && !json_is_array(v))
        return 0;
    json_object_foreach((json_t *)(uintptr_t)v, key, member) {
        unsigned below = deepest(member);
        most = below > most ? below : most;
    }
    json_array_foreach(v, i, member) {
        unsigned below = deepest(member);
        most = below > most ? below : most;
    }
    return most + 1;
}

/* With a member that nobody knows, which is ignored, a question is read by way of a tree, however plain it is. */
static void compare_with_a_tree(const struct route *route, json_t *root, int status, struct span answer)
{
    CLEANUP(buf_done) struct buf again;
    buf_init(&again, RESPONSE_MAX_BYTES);
    if (!json_is_object(root) || json_object_set_new(root, "ignored", json_null()) != 0)
        return;
    char *written = json_dumps(root, JSON_COMPACT);
    require(written != NULL && ask(route, span_of(written), &again) == status && span_equal(buf_span(&again), answer));
    free(written);
}

static void compare(const struct route *route, struct span body, bool single)
{
    CLEANUP(buf_done) struct buf answer, again;
    json_error_t error;
    directory_heard(node.directory); /* a store that falls silent would change answers between two of them */
    buf_init(&answer, RESPONSE_MAX_BYTES);
    buf_init(&again, RESPONSE_MAX_BYTES);
    int status = ask(route, body, &answer);
    json_t *root = json_loadb(body.at, body.bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    require(root != NULL || status == 400 || status == 413);
    if (root == NULL)
        return;
    char *written = json_dumps(root, JSON_COMPACT | JSON_ENCODE_ANY);
    require(written != NULL && ask(route, span_of(written), &again) == status && span_equal(buf_span(&answer), buf_span(&again)));
    if (single)
        require((status == 200) == (asks_well(root) && deepest(root) <= DEPTH));
    free(written);
    compare_with_a_tree(route, root, status, buf_span(&answer));
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes < 2 || bytes > BODY_BYTES || memchr(data + 1, '\0', bytes - 1) != NULL) /* jansson takes a NUL for the end */
        return 0;
    bool batch = data[0] % 2 != 0;
    compare(&authzen_routes.rows[batch], span_make(data + 1, bytes - 1), !batch);
    return 0;
}
