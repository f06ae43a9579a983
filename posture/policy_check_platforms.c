/* What a check is on each platform: statement, rules, words, and from them the names that may be kept. */
#include "posture/policy_reader.h"

#include "posture/base/secret.h"

#include <stdlib.h>
#include <string.h>

enum { SAW_BYTES = 280, FIX_STEP_BYTES = 400, COLUMN_BYTES = 64, VERSION_BYTES = 8 };

static const char *const platforms[] = { "macos", "windows", "linux", NULL };

/* One value of a platform and where it stood; `own` says that it was written for this platform alone. */
struct value {
    const struct yaml_node *at;
    bool own;
    struct span text;
    const struct expression *rule;
    const struct span *list;
    size_t count;
};
struct values { struct value on[PLATFORM_COUNT]; };
struct parts { struct values osquery, pass, unknown_if, in_progress_if, second_source, saw, fix; bool has_pass; };

struct names {
    struct span all[CHECK_MAX_NAMES];
    size_t count;
    bool full;
};

static const struct yaml_node *pick(const struct yaml_node *n, enum platform platform, bool *own)
{
    *own = n != NULL && n->kind == YAML_MAPPING;
    if (!*own)
        return n;
    return platform == PLATFORM_UNKNOWN ? NULL : yaml_get(n, platform_name(platform));
}

/* The entry's value for the platform, else the library's: an override may concern one platform only. */
static struct value find(const struct policy_check_source *source, const char *key, enum platform platform)
{
    struct value value = { 0 };
    value.at = pick(yaml_get(source->over, key), platform, &value.own);
    if (value.at == NULL && source->base != NULL)
        value.at = pick(yaml_get(source->base, key), platform, &value.own);
    return value;
}

static void check_keys(struct policy_reader *r, const struct yaml_node *n)
{
    if (n != NULL && n->kind == YAML_MAPPING)
        yaml_only(n, platforms, r->mistakes);
}

typedef void read_value_fn(struct policy_reader *r, const struct policy_check_source *source, struct value *value);

/* Reads each place once, though three platforms may share it: a mistake there is one mistake. */
static void read_values(struct policy_reader *r, const struct policy_check_source *source, const char *key, read_value_fn *read, struct values *out)
{
    check_keys(r, yaml_get(source->over, key));
    if (source->base != NULL)
        check_keys(r, yaml_get(source->base, key));
    for (int i = 0; i < PLATFORM_COUNT; i++) {
        out->on[i] = find(source, key, (enum platform)i);
        int same = 0;
        while (same < i && out->on[same].at != out->on[i].at)
            same++;
        if (same < i)
            out->on[i] = out->on[same];
        else if (out->on[i].at != NULL)
            read(r, source, &out->on[i]);
    }
}

static void read_statement(struct policy_reader *r, const struct policy_check_source *source, struct value *value)
{
    (void)source;
    if (policy_reader_text(r, value->at, POLICY_MAX_SQL_BYTES, &value->text) && span_empty(span_trim(value->text)))
        yaml_mistake(r->mistakes, value->at, "the statement is empty"); /* an agent refuses a whole set with an empty one */
}

static struct span text_of(const struct policy_check_source *source, const struct yaml_node *at)
{
    bool from_library = source->base != NULL && span_equal(at->file, source->base->file);
    return from_library ? source->base_text : source->over_text;
}

static void read_rule(struct policy_reader *r, const struct policy_check_source *source, struct value *value)
{
    struct err err = { OK, "" };
    unsigned column = 1;
    if (!policy_reader_text(r, value->at, EXPRESSION_MAX_BYTES, &value->text))
        return;
    if (expression_compile(value->text, &r->policy->arena, &value->rule, &column, &err) != OK)
        policy_reader_inside(r, value->at, text_of(source, value->at), column, err.text);
}

static bool is_column(struct span name)
{
    for (size_t i = 0; i < name.bytes; i++) {
        char c = name.at[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (i > 0 && c >= '0' && c <= '9');
        if (!good)
            return false;
    }
    return name.bytes > 0 && name.bytes <= COLUMN_BYTES;
}

/* Calls `name` for what stands in braces; false when a brace is open, empty or no name. */
static bool each_brace(struct span text, void (*name)(void *, struct span), void *context)
{
    size_t at;
    while ((at = span_find(text, '{')) < text.bytes) {
        struct span rest = span_slice(text, at + 1, text.bytes);
        size_t end = span_find(rest, '}');
        struct span found = span_slice(rest, 0, end);
        if (end == rest.bytes || !is_column(found))
            return false;
        if (name != NULL && !span_equal_text(found, "rows"))
            name(context, found);
        text = span_slice(rest, end + 1, rest.bytes);
    }
    return true;
}

static void read_saw(struct policy_reader *r, const struct policy_check_source *source, struct value *value)
{
    (void)source;
    if (policy_reader_text(r, value->at, SAW_BYTES, &value->text) && !each_brace(value->text, NULL, NULL))
        yaml_mistake(r->mistakes, value->at, "braces in saw hold the name of a column, or rows");
}

static void read_fix(struct policy_reader *r, const struct policy_check_source *source, struct value *value)
{
    (void)source;
    policy_reader_texts(r, value->at, CHECK_MAX_FIX, FIX_STEP_BYTES, &value->list, &value->count);
}

static void count_name(void *context, struct span name)
{
    (void)name;
    (*(size_t *)context)++;
}

static void ignore_name(void *context, struct span name)
{
    (void)context;
    (void)name;
}

static bool names_facts(const struct expression *rule)
{
    size_t count = 0;
    if (rule != NULL)
        expression_names(rule, ignore_name, count_name, &count);
    return count > 0;
}

static bool wants_rows(const struct parts *parts, int i)
{
    const struct expression *rules[] = { parts->pass.on[i].rule, parts->unknown_if.on[i].rule, parts->in_progress_if.on[i].rule };
    for (size_t k = 0; k < sizeof rules / sizeof rules[0]; k++)
        if (rules[k] != NULL && expression_reads_rows(rules[k]))
            return true;
    return false;
}

static void add_name(void *context, struct span name)
{
    struct names *names = context;
    for (size_t i = 0; i < names->count; i++)
        if (span_equal(names->all[i], name))
            return;
    names->full = names->full || names->count == CHECK_MAX_NAMES;
    if (!names->full)
        names->all[names->count++] = name;
}

static int compare_names(const void *left, const void *right)
{
    return span_compare(*(const struct span *)left, *(const struct span *)right);
}

static void keep_names(struct policy_reader *r, struct names *names, const struct yaml_node *at, const struct span **out, size_t *count)
{
    qsort(names->all, names->count, sizeof names->all[0], compare_names);
    struct span *all = policy_reader_array(r, names->count, sizeof *all);
    if (names->full)
        yaml_mistake(r->mistakes, at, "the rules name more than %d columns or facts", CHECK_MAX_NAMES);
    if (all == NULL)
        return;
    for (size_t i = 0; i < names->count; i++) {
        all[i] = arena_copy(&r->policy->arena, names->all[i]); /* NUL-terminated: they are keys of rows */
        r->full = r->full || all[i].at == NULL;
    }
    *out = all;
    *count = names->count;
}

static bool is_word_byte(char c) { return is_column(span_make(&c, 1)) || (c >= '0' && c <= '9'); }

/* Does the statement speak of the name as a whole word? A statement that selects * is not judged. */
static bool statement_names(struct span sql, struct span name)
{
    if (span_find(sql, '*') < sql.bytes)
        return true;
    for (size_t at = 0; at + name.bytes <= sql.bytes; at++) {
        bool starts = at == 0 || !is_word_byte(sql.at[at - 1]);
        bool ends = at + name.bytes == sql.bytes || !is_word_byte(sql.at[at + name.bytes]);
        if (starts && ends && memcmp(sql.at + at, name.at, name.bytes) == 0)
            return true;
    }
    return false;
}

static void warn_strange_columns(struct policy_reader *r, const struct yaml_node *at, const struct names *columns, struct span sql)
{
    for (size_t i = 0; i < columns->count; i++)
        if (!statement_names(sql, columns->all[i]))
            yaml_warning(r->mistakes, at, "column \"%.*s\" is not in the statement, so its value is unknown", SPAN_ARGS(columns->all[i]));
}

static void collect_names(struct policy_reader *r, const struct parts *parts, int i, struct check_platform *on)
{
    struct names columns = { .count = 0 }, facts = { .count = 0 };
    const struct expression *rules[] = { on->pass, on->unknown_if, on->in_progress_if, on->second };
    for (size_t k = 0; k < sizeof rules / sizeof rules[0]; k++) {
        if (rules[k] == NULL)
            continue;
        expression_names(rules[k], add_name, ignore_name, &columns);
        expression_names(rules[k], ignore_name, add_name, &facts);
    }
    if (!span_empty(on->saw))
        each_brace(on->saw, add_name, &columns);
    keep_names(r, &columns, parts->pass.on[i].at, &on->columns, &on->column_count);
    keep_names(r, &facts, parts->pass.on[i].at, &on->facts, &on->fact_count);
    if (!span_empty(on->osquery))
        warn_strange_columns(r, parts->osquery.on[i].at, &columns, on->osquery);
}

static void fill(struct policy_reader *r, const struct parts *parts, int i, struct check_platform *on)
{
    const struct value *pass = &parts->pass.on[i], *unknown = &parts->unknown_if.on[i], *progress = &parts->in_progress_if.on[i];
    on->applies = true;
    on->osquery = parts->osquery.on[i].text;
    on->pass = pass->rule;
    on->pass_text = pass->text;
    on->unknown_if = unknown->rule;
    on->unknown_text = unknown->text;
    on->in_progress_if = progress->rule;
    on->in_progress_text = progress->text;
    on->second = parts->second_source.on[i].rule;
    on->second_text = parts->second_source.on[i].text;
    on->saw = parts->saw.on[i].text;
    on->fix = parts->fix.on[i].list;
    on->fix_count = parts->fix.on[i].count;
    collect_names(r, parts, i, on);
}

/* Applies with a statement, or where the rules ask for pushed facts only. */
static void read_platform(struct policy_reader *r, const struct parts *parts, int i, struct check *check)
{
    const struct value *sql = &parts->osquery.on[i], *pass = &parts->pass.on[i];
    const char *name = platform_name((enum platform)i);
    bool has_statement = sql->at != NULL && i != PLATFORM_UNKNOWN;
    if (has_statement && pass->at == NULL && parts->has_pass)
        yaml_mistake(r->mistakes, sql->at, "check \"%.*s\" has a statement for %s but no pass", SPAN_ARGS(check->id), name);
    if (!has_statement && pass->own && pass->rule != NULL && expression_reads_rows(pass->rule))
        yaml_mistake(r->mistakes, pass->at, "check \"%.*s\" reads rows on %s, where it has no statement", SPAN_ARGS(check->id), name);
    const struct value *second = &parts->second_source.on[i];
    if (second->rule != NULL && (expression_reads_rows(second->rule) || !has_statement) && second->own)
        yaml_mistake(r->mistakes, second->at, "second_source of check \"%.*s\" must read pushed facts alone, beside a statement", SPAN_ARGS(check->id));
    if (pass->rule == NULL)
        return;
    if (has_statement || (!wants_rows(parts, i) && names_facts(pass->rule)))
        fill(r, parts, i, &check->on[i]);
    if (i == PLATFORM_UNKNOWN)
        check->on[i].osquery = SPAN_NONE;
}

static void hash_part(struct buf *text, struct span part)
{
    buf_append(text, part);
    buf_append_byte(text, '\0');
}

/* Changes exactly when the verdict could: the words of a check may be mended without asking every device again. */
static void make_version(struct policy_reader *r, struct check *check)
{
    char hex[SECRET_HEX_BYTES + 1];
    CLEANUP(buf_done) struct buf text;
    buf_init(&text, 8 * (POLICY_MAX_SQL_BYTES + 4 * EXPRESSION_MAX_BYTES));
    for (int i = 0; i < PLATFORM_COUNT; i++) {
        const struct check_platform *on = &check->on[i];
        hash_part(&text, on->osquery);
        hash_part(&text, on->pass_text);
        hash_part(&text, on->unknown_text);
        hash_part(&text, on->in_progress_text);
        if (!span_empty(on->second_text))
            hash_part(&text, on->second_text);
    }
    secret_sha256_hex(buf_span(&text), hex);
    check->version = arena_copy(&r->policy->arena, span_make(hex, VERSION_BYTES));
    r->full = r->full || text.failed || check->version.at == NULL;
}

static void report_nowhere(struct policy_reader *r, const struct policy_check_source *source, const struct parts *parts, const struct check *check)
{
    bool any_pass = false, any_broken = false, applies = false;
    for (int i = 0; i < PLATFORM_COUNT; i++) {
        any_pass = any_pass || parts->pass.on[i].at != NULL;
        any_broken = any_broken || (parts->pass.on[i].at != NULL && parts->pass.on[i].rule == NULL);
        applies = applies || check->on[i].applies;
    }
    if (!parts->has_pass)
        yaml_mistake(r->mistakes, source->over, "check \"%.*s\" needs pass", SPAN_ARGS(check->id));
    else if (!applies && any_pass && !any_broken)
        yaml_mistake(r->mistakes, source->over, "check \"%.*s\" has no platform and no fact: nothing could ever answer it", SPAN_ARGS(check->id));
}

void policy_check_platforms_read(struct policy_reader *r, const struct policy_check_source *source, struct check *check)
{
    struct parts parts = { .has_pass = policy_check_value(source, "pass") != NULL };
    read_values(r, source, "osquery", read_statement, &parts.osquery);
    read_values(r, source, "pass", read_rule, &parts.pass);
    read_values(r, source, "unknown_if", read_rule, &parts.unknown_if);
    read_values(r, source, "in_progress_if", read_rule, &parts.in_progress_if);
    read_values(r, source, "second_source", read_rule, &parts.second_source);
    read_values(r, source, "saw", read_saw, &parts.saw);
    read_values(r, source, "fix", read_fix, &parts.fix);
    for (int i = 0; i < PLATFORM_COUNT; i++)
        read_platform(r, &parts, i, check);
    report_nowhere(r, source, &parts, check);
    make_version(r, check);
}
