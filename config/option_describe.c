#include "config/option.h"

#include <string.h>

static const char *kind_text(enum option_kind kind)
{
    static const char *const texts[] = { "text", "whole number", "true or false", "duration", "secret reference", "file reference", "list of texts", "list of mappings" };
    return texts[kind];
}

static void describe_rows(const struct option *rows, size_t count, const char *prefix, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct option *o = &rows[i];
        buf_format(out, "| `%s%s` | %s", prefix, o->name, kind_text(o->kind));
        if (o->least != 0 || o->most != 0)
            buf_format(out, ", %lld to %lld", (long long)o->least, (long long)o->most);
        if (o->unit != NULL)
            buf_format(out, " %s", o->unit);
        buf_format(out, " | %s%s%s | %s |\n", o->fallback ? "`" : "", o->fallback ? o->fallback : o->required ? "required" : "none", o->fallback ? "`" : "", o->help);
        if (o->kind == OPTION_ITEMS) {
            char below[128] = "";
            strncat(below, o->name, 100);
            strcat(below, "[].");
            describe_rows(o->rows, o->row_count, below, out);
        }
    }
}

bool option_describe_page(const struct option_group *groups, size_t count, struct buf *out)
{
    buf_append_text(out, "# postern.yaml: every option\n\n"
                         "Made by `postern serve --describe-options`; the build's tests fail when this page differs from the program.\n\n"
                         "A secret is always a reference (`file:PATH`, `env:NAME`, `credential:NAME`), never a literal. A scalar may also be given in the\n"
                         "environment, which wins: `POSTERN_` and the name in capitals with `_` for `.` (`POSTERN_LISTEN_PUBLIC_ADDRESS`).\n");
    for (size_t g = 0; g < count; g++) {
        buf_format(out, "\n## %s\n\n| option | type | default | meaning |\n| --- | --- | --- | --- |\n", groups[g].title);
        describe_rows(groups[g].rows, groups[g].count, "", out);
    }
    return !out->failed;
}

/* How many dotted parts two names share in front. */
static size_t shared_parts(const char *a, const char *b)
{
    size_t shared = 0;
    for (; *a != '\0' && *a == *b; a++, b++)
        shared += *a == '.';
    return shared;
}

static void sample_path(const char *before, const char *name, struct buf *out)
{
    size_t skip = shared_parts(before, name), depth = 0;
    struct span rest = span_of(name), part;
    while (span_cut(&rest, '.', &part)) {
        if (depth >= skip || rest.at == NULL) {
            buf_append_text(out, "#");
            for (size_t i = 0; i < depth; i++)
                buf_append_text(out, "  ");
            buf_format(out, "%.*s:%s", SPAN_ARGS(part), rest.at == NULL ? "" : "\n");
        }
        depth++;
    }
}

bool option_describe_sample(const struct option_group *groups, size_t count, struct buf *out)
{
    const char *before = "";
    buf_append_text(out, "# postern.yaml: all options with their defaults or an example, commented out.\n");
    for (size_t g = 0; g < count; g++) {
        buf_format(out, "\n# ---- %s ----\n", groups[g].title);
        for (size_t i = 0; i < groups[g].count; i++) {
            const struct option *o = &groups[g].rows[i];
            buf_format(out, "# %s\n", o->help);
            sample_path(before, o->name, out);
            buf_format(out, " %s\n", o->example ? o->example : o->fallback ? o->fallback : "\"\"");
            before = o->name;
        }
    }
    return !out->failed;
}
