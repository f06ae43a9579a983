#include "live.h"

#include <stdlib.h>
#include <string.h>

enum { STATUS_BYTES = 64 * 1024 * 1024 };

static const char *const unit_columns[][2] = {
    { "Id", "id" },           { "Description", "description" },  { "LoadState", "load_state" },
    { "ActiveState", "active_state" }, { "SubState", "sub_state" }, { "UnitFileState", "unit_file_state" },
    { "Following", "following" }, { "FragmentPath", "fragment_path" }, { "User", "user" }, { "SourcePath", "source_path" },
};

/* Packages that dpkg knows, removed ones with their configuration left included. */
void live_deb_packages(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    static const char *const columns[][2] = {
        { "Package", "name" },      { "Source", "source" },         { "Installed-Size", "size" },
        { "Architecture", "arch" }, { "Status", "status" },         { "Maintainer", "maintainer" },
        { "Section", "section" },   { "Priority", "priority" },     { "Version", "version" },
    };
    struct text content;
    if (!live_read(context, "/var/lib/dpkg/status", STATUS_BYTES, &content))
        return; /* not a Debian system */
    bool inside = false;
    char *rest = content.data;
    for (char *line = next_line(&rest); line != NULL; line = next_line(&rest)) {
        char *colon = strchr(line, ':');
        if (line[0] == '\0')
            inside = false;
        if (line[0] == '\0' || line[0] == ' ' || colon == NULL)
            continue;
        *colon = '\0';
        if (!inside) {
            rows_next(rows);
            rows_text(rows, "admindir", "/var/lib/dpkg");
            inside = true;
        }
        char *value = trimmed(colon + 1);
        for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
            if (strcmp(line, columns[i][0]) == 0)
                rows_text(rows, columns[i][1], value);
        const char *revision = strcmp(line, "Version") == 0 ? strrchr(value, '-') : NULL;
        if (revision != NULL)
            rows_text(rows, "revision", revision + 1);
    }
    text_done(&content);
}

void live_rpm_packages(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    static const char *const databases[] = { "/var/lib/rpm/rpmdb.sqlite", "/var/lib/rpm/Packages",
                                             "/usr/lib/sysimage/rpm/rpmdb.sqlite" };
    for (size_t i = 0; i < 3; i++)
        if (live_exists(context, databases[i]))
            rows_fail(rows, "this agent does not read the rpm database %s", databases[i]);
}

/* `systemctl show` prints one block of Key=value lines for each loaded unit. */
static void add_units(struct rows *rows, char *rest)
{
    bool inside = false;
    for (char *line = next_line(&rest); line != NULL; line = next_line(&rest)) {
        char *value = strchr(line, '=');
        if (value == NULL) {
            inside = false;
            continue;
        }
        *value++ = '\0';
        if (!inside)
            rows_next(rows);
        inside = true;
        for (size_t i = 0; i < sizeof unit_columns / sizeof unit_columns[0]; i++)
            if (strcmp(line, unit_columns[i][0]) == 0)
                rows_text(rows, unit_columns[i][1], value);
    }
}

void live_systemd_units(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    if (!live_exists(context, "/run/systemd/system"))
        return; /* systemd does not run here, so it has no units */
    static const char *const arguments[] = {
        "systemctl", "show", "--all", "--no-pager",
        "--property=Id,Description,LoadState,ActiveState,SubState,UnitFileState,Following,FragmentPath,User,SourcePath",
        "*", NULL };
    struct text output;
    if (!live_command(arguments, &output)) {
        rows_fail(rows, "systemctl does not answer");
        return;
    }
    add_units(rows, output.data);
    text_done(&output);
}

struct sources {
    const struct live *live;
    struct rows *rows;
};

static void add_source(struct rows *rows, const char *file, const char *uri, const char *suite, const char *components)
{
    const char *place = strstr(uri, "://");
    rows_next(rows);
    char *name = must_format("%s %s %s", place == NULL ? uri : place + 3, suite, components);
    rows_text(rows, "name", trimmed(name));
    free(name);
    rows_text(rows, "source", file);
    rows_text(rows, "base_uri", uri);
    rows_text(rows, "release", suite);
    rows_text(rows, "components", components);
}

/* deb [options] uri suite components... */
static void read_line_source(struct rows *rows, const char *file, char *line)
{
    const char *kind = next_word(&line);
    if (kind == NULL || strcmp(kind, "deb") != 0)
        return;
    line += strspn(line, " \t");
    if (line[0] == '[') {
        char *end = strchr(line, ']');
        line = end == NULL ? line + strlen(line) : end + 1;
    }
    const char *uri = next_word(&line), *suite = uri == NULL ? NULL : next_word(&line);
    if (suite != NULL)
        add_source(rows, file, uri, suite, trimmed(line));
}

/* One paragraph of a deb822 file: every URI with every suite. */
static void read_paragraph(struct rows *rows, const char *file, char *uris, char *suites, char *components)
{
    char *uri_rest = uris;
    for (char *uri = next_word(&uri_rest); uri != NULL; uri = next_word(&uri_rest)) {
        char *copy = must_copy(suites), *rest = copy;
        for (char *suite = next_word(&rest); suite != NULL; suite = next_word(&rest))
            add_source(rows, file, uri, suite, components);
        free(copy);
    }
}

static void read_deb822(struct rows *rows, const char *file, char *rest)
{
    static const char *const keys[] = { "URIs:", "Suites:", "Components:" };
    char *values[3] = { NULL };
    for (;;) {
        char *line = next_line(&rest);
        if (line == NULL || trimmed(line)[0] == '\0') {
            if (values[0] != NULL && values[1] != NULL) {
                char *components = must_copy(values[2] == NULL ? "" : values[2]);
                read_paragraph(rows, file, values[0], values[1], components);
                free(components);
            }
            memset(values, 0, sizeof values);
        }
        if (line == NULL)
            return;
        for (size_t i = 0; i < 3; i++)
            if (strncasecmp(line, keys[i], strlen(keys[i])) == 0)
                values[i] = trimmed(line + strlen(keys[i]));
    }
}

static void read_source_file(const struct live *live, struct rows *rows, const char *path)
{
    struct text content;
    if (!live_read(live, path, 1024 * 1024, &content))
        return;
    const char *end = strrchr(path, '.');
    char *rest = content.data;
    if (end != NULL && strcmp(end, ".sources") == 0)
        read_deb822(rows, path, rest);
    else
        for (char *line = next_line(&rest); line != NULL; line = next_line(&rest))
            read_line_source(rows, path, line);
    text_done(&content);
}

static bool each_source(void *context, const char *name)
{
    struct sources *sources = context;
    const char *end = strrchr(name, '.');
    if (end != NULL && (strcmp(end, ".list") == 0 || strcmp(end, ".sources") == 0)) {
        char *path = must_format("/etc/apt/sources.list.d/%s", name);
        read_source_file(sources->live, sources->rows, path);
        free(path);
    }
    return true;
}

void live_apt_sources(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    struct sources sources = { .live = context, .rows = rows };
    read_source_file(context, rows, "/etc/apt/sources.list");
    live_list(context, "/etc/apt/sources.list.d", each_source, &sources);
}
