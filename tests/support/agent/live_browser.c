#include "live.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MANIFEST_BYTES = 4 * 1024 * 1024 };

/* Where browsers of Chrome's family keep their profiles, below the home directory. */
static const struct {
    const char *type, *directory;
} families[] = {
    { "chrome", ".config/google-chrome" }, { "chromium", ".config/chromium" },
    { "edge", ".config/microsoft-edge" },  { "brave", ".config/BraveSoftware/Brave-Browser" },
};

struct search {
    const struct live *live;
    struct rows *rows;
    const struct live_user *user;
    const char *type;   /* browser */
    char *directory;    /* where the search stands now */
    char *profile, *identifier;
};

static bool each_version(void *context, const char *version)
{
    struct search *search = context;
    char *path = must_format("%s/%s", search->directory, version), *manifest = must_format("%s/manifest.json", path);
    struct text content;
    if (live_read(search->live, manifest, MANIFEST_BYTES, &content)) {
        json_t *body = json_loadb(text_str(&content), content.size, 0, NULL);
        const char *name = json_string_value(json_object_get(body, "name"));
        const char *number = json_string_value(json_object_get(body, "version"));
        rows_next(search->rows);
        rows_text(search->rows, "browser_type", search->type);
        rows_text(search->rows, "uid", search->user->uid);
        rows_text(search->rows, "name", name);
        rows_text(search->rows, "profile", search->profile);
        rows_text(search->rows, "identifier", search->identifier);
        rows_text(search->rows, "version", number == NULL ? version : number);
        rows_text(search->rows, "path", path);
        json_decref(body);
        text_done(&content);
    }
    free(manifest);
    free(path);
    return true;
}

static bool each_extension(void *context, const char *identifier)
{
    struct search inner = *(struct search *)context;
    inner.identifier = (char *)(uintptr_t)identifier;
    char *directory = must_format("%s/%s", inner.directory, identifier);
    inner.directory = directory;
    live_list(inner.live, directory, each_version, &inner);
    free(directory);
    return true;
}

static bool each_profile(void *context, const char *profile)
{
    struct search inner = *(struct search *)context;
    inner.profile = (char *)(uintptr_t)profile;
    char *directory = must_format("%s/%s/Extensions", inner.directory, profile);
    inner.directory = directory;
    live_list(inner.live, directory, each_extension, &inner);
    free(directory);
    return true;
}

static void search_chrome(void *context, const struct live_user *user)
{
    struct search *search = context;
    search->user = user;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        search->type = families[i].type;
        search->directory = must_format("%s/%s", user->home, families[i].directory);
        live_list(search->live, search->directory, each_profile, search);
        free(search->directory);
    }
}

static bool each_firefox(void *context, const char *profile)
{
    struct search *search = context;
    char *path = must_format("%s/%s/extensions.json", search->directory, profile);
    struct text content;
    if (live_read(search->live, path, MANIFEST_BYTES, &content)) {
        json_t *body = json_loadb(text_str(&content), content.size, 0, NULL), *addon;
        size_t i;
        json_array_foreach(json_object_get(body, "addons"), i, addon) {
            rows_next(search->rows);
            rows_text(search->rows, "uid", search->user->uid);
            rows_text(search->rows, "identifier", json_string_value(json_object_get(addon, "id")));
            rows_text(search->rows, "version", json_string_value(json_object_get(addon, "version")));
            rows_text(search->rows, "type", json_string_value(json_object_get(addon, "type")));
            rows_text(search->rows, "name", json_string_value(json_object_get(json_object_get(addon, "defaultLocale"), "name")));
            rows_number(search->rows, "active", json_is_true(json_object_get(addon, "active")));
            rows_number(search->rows, "visible", json_is_true(json_object_get(addon, "visible")));
            rows_number(search->rows, "disabled", !json_is_true(json_object_get(addon, "active")));
        }
        json_decref(body);
        text_done(&content);
    }
    free(path);
    return true;
}

static void search_firefox(void *context, const struct live_user *user)
{
    struct search *search = context;
    search->user = user;
    search->directory = must_format("%s/.mozilla/firefox", user->home);
    live_list(search->live, search->directory, each_firefox, search);
    free(search->directory);
}

/* Both answer for the asked uid, and without one for the agent's own user, as osquery does. */
static void search_for(void *context, const struct ask *ask, struct rows *rows,
                       void (*each)(void *, const struct live_user *))
{
    struct search search = { .live = context, .rows = rows };
    char own[16];
    snprintf(own, sizeof own, "%u", (unsigned)geteuid());
    const char *uid = ask_equal(ask, "uid");
    live_users_each(context, uid == NULL ? own : uid, each, &search);
}

void live_chrome_extensions(void *context, const struct ask *ask, struct rows *rows)
{
    search_for(context, ask, rows, search_chrome);
}

void live_firefox_addons(void *context, const struct ask *ask, struct rows *rows)
{
    search_for(context, ask, rows, search_firefox);
}

/* Without its socket Docker does not run and has no containers; with it, this agent would have to ask and does not. */
void live_docker(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    if (live_exists(context, "/var/run/docker.sock"))
        rows_fail(rows, "this agent does not ask the Docker daemon");
}
