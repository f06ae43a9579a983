#include "posture/policy_reader.h"

#include <stdlib.h>

static const char *const match_names[] = { [MATCH_ID] = "id", [MATCH_OAUTH_CLIENT_ID] = "oauth_client_id",
                                           [MATCH_SAML_ENTITY_ID] = "saml_entity_id", [MATCH_HOST] = "host", NULL };
enum { MATCH_VALUE_BYTES = 512 };

struct app_read {
    struct app app;
    const struct yaml_node *at;
};
struct key_read {
    struct app_key key;
    const struct yaml_node *at;
};

static bool is_host(struct span s)
{
    for (size_t i = 0; i < s.bytes; i++) {
        char c = s.at[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':';
        if (!good)
            return false;
    }
    return s.bytes > 0 && s.bytes <= 253; /* RFC 1035 section 2.3.4 */
}

static void lower_hosts(struct policy_reader *r, const struct yaml_node *n, struct app *app)
{
    struct span *hosts = policy_reader_array(r, app->match_count[MATCH_HOST], sizeof *hosts);
    for (size_t i = 0; hosts != NULL && i < app->match_count[MATCH_HOST]; i++) {
        hosts[i] = policy_reader_lower(r, app->match[MATCH_HOST][i]);
        if (!span_empty(hosts[i]) && !is_host(hosts[i]))
            yaml_mistake(r->mistakes, n->kind == YAML_SCALAR ? n : &n->children[i], "\"%.*s\" is not a host name", SPAN_ARGS(hosts[i]));
    }
    app->match[MATCH_HOST] = hosts;
}

static void read_match(struct policy_reader *r, const struct yaml_node *n, struct app *app)
{
    if (!policy_reader_mapping(r, n, match_names))
        return;
    for (int kind = 0; kind < MATCH_KINDS; kind++) {
        const struct yaml_node *values = yaml_get(n, match_names[kind]);
        bool read = policy_reader_texts(r, values, POLICY_MAX_MATCHES, MATCH_VALUE_BYTES, &app->match[kind], &app->match_count[kind]);
        if (read && kind == MATCH_HOST)
            lower_hosts(r, values, app);
    }
}

static void read_app(struct policy_reader *r, const struct yaml_node *n, struct app_read *out)
{
    static const char *const known[] = { "id", "title", "sensitivity", "repair", "match", NULL };
    out->at = n;
    if (!policy_reader_mapping(r, n, known))
        return;
    if (yaml_get(n, "id") == NULL)
        yaml_mistake(r->mistakes, n, "an app needs an id");
    policy_reader_app_id(r, yaml_get(n, "id"), &out->app.id);
    out->app.title = out->app.id;
    policy_reader_text(r, yaml_get(n, "title"), POLICY_TITLE_BYTES, &out->app.title);
    if (yaml_get(n, "sensitivity") == NULL)
        yaml_mistake(r->mistakes, n, "an app needs a sensitivity");
    policy_reader_sensitivity(r, yaml_get(n, "sensitivity"), &out->app.sensitivity);
    yaml_bool(yaml_get(n, "repair"), &out->app.repair, r->mistakes);
    read_match(r, yaml_get(n, "match"), &out->app);
}

static int compare_apps(const void *left, const void *right)
{
    const struct app_read *a = left, *b = right;
    return span_compare(a->app.id, b->app.id);
}

static int compare_keys(const void *left, const void *right)
{
    const struct key_read *a = left, *b = right;
    int order = a->key.kind != b->key.kind ? (a->key.kind < b->key.kind ? -1 : 1) : span_compare(a->key.value, b->key.value);
    if (order == 0)
        order = (a->at->line > b->at->line) - (a->at->line < b->at->line);
    return order != 0 ? order : (a->at->column > b->at->column) - (a->at->column < b->at->column);
}

/* The id, then every match value; what could not be read is left out. Returns how many; `out` may be NULL to count. */
static size_t app_keys(const struct app *app, const struct yaml_node *n, struct key_read *out)
{
    const struct yaml_node *match = yaml_get(n, "match"), *id = yaml_get(n, "id");
    size_t count = 0;
    if (!span_empty(app->id) && out != NULL)
        out[count] = (struct key_read){ { MATCH_ID, app->id, app }, id };
    count += !span_empty(app->id);
    for (int kind = 0; kind < MATCH_KINDS; kind++) {
        const struct yaml_node *values = app->match_count[kind] > 0 ? yaml_get(match, match_names[kind]) : NULL;
        for (size_t i = 0; i < app->match_count[kind]; i++) {
            if (app->match[kind] == NULL || span_empty(app->match[kind][i]))
                continue;
            if (out != NULL)
                out[count] = (struct key_read){ { (enum app_match)kind, app->match[kind][i], app }, values->kind == YAML_SCALAR ? values : &values->children[i] };
            count++;
        }
    }
    return count;
}

static void report_twice(struct policy_reader *r, const struct key_read *first, const struct key_read *second)
{
    const char *what = second->key.kind == MATCH_ID ? "app id" : match_names[second->key.kind];
    yaml_mistake(r->mistakes, second->at, "%s \"%.*s\" stands twice; the other is at %u:%u, of app \"%.*s\"", what,
                 SPAN_ARGS(second->key.value), first->at->line, first->at->column, SPAN_ARGS(first->key.app->id));
}

static void index_keys(struct policy_reader *r, struct key_read *keys, size_t count)
{
    struct policy *p = r->policy;
    struct app_key *all = policy_reader_array(r, count, sizeof *all);
    if (keys == NULL || all == NULL)
        return;
    qsort(keys, count, sizeof keys[0], compare_keys);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && keys[i].key.kind == keys[i - 1].key.kind && span_equal(keys[i].key.value, keys[i - 1].key.value))
            report_twice(r, &keys[i - 1], &keys[i]);
        all[i] = keys[i].key;
    }
    p->app_keys = all;
    p->app_key_count = count;
}

static void index_apps(struct policy_reader *r, const struct app_read *read, size_t count)
{
    size_t key_count = 0, used = 0;
    for (size_t i = 0; i < count; i++)
        key_count += app_keys(&read[i].app, read[i].at, NULL);
    struct key_read *keys = policy_reader_scratch(r, key_count, sizeof *keys);
    for (size_t i = 0; keys != NULL && i < count; i++)
        used += app_keys(&r->policy->apps[i], read[i].at, &keys[used]);
    index_keys(r, keys, used);
}

void policy_apps_read(struct policy_reader *r, const struct yaml_node *n)
{
    if (!policy_reader_sequence(r, n, POLICY_MAX_APPS))
        return;
    struct app_read *read = policy_reader_scratch(r, n->count, sizeof *read);
    struct app *apps = policy_reader_array(r, n->count, sizeof *apps);
    if (read == NULL || apps == NULL)
        return;
    for (size_t i = 0; i < n->count; i++)
        read_app(r, &n->children[i], &read[i]);
    qsort(read, n->count, sizeof read[0], compare_apps);
    for (size_t i = 0; i < n->count; i++)
        apps[i] = read[i].app;
    r->policy->apps = apps;
    r->policy->app_count = n->count;
    index_apps(r, read, n->count);
}
