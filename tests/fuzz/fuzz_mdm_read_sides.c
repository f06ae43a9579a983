/* Any bytes as an answer of Jamf Pro or Graph, or a webhook of Jamf's: refused, or devices within their bounds whose ids are safe in a path. */
#include "connectors/mdm/intune.h"
#include "connectors/mdm/jamf.h"

#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    from_json_seed(1);
    return 0;
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_id(struct span id)
{
    require(id.bytes > 0 && id.bytes <= MDM_VENDOR_ID_BYTES && span_find(id, '/') == id.bytes && span_find(id, '?') == id.bytes && span_find(id, '%') == id.bytes);
}

static void check_page(const struct mdm_page *page)
{
    require(page->count <= MDM_PAGE_MOST);
    for (size_t i = 0; i < page->count; i++) {
        const struct mdm_device *d = &page->devices[i];
        const struct span texts[] = { d->serial, d->uuid, d->name, d->model, d->os_version, d->owner, d->group, d->compliance };
        check_id(d->id);
        for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++)
            require(texts[t].bytes <= MDM_TEXT_BYTES && span_is_utf8(texts[t]));
        require(d->contact_s >= 0 && d->facts_s >= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const struct span base = { "https://graph.microsoft.com", 27 };
    struct span body = span_make(data, bytes), next = SPAN_NONE;
    struct from_json *doc = NULL;
    struct mdm_page page;
    struct mdm_news news;
    struct arena arena;
    arena_init(&arena, 64 * 1024, 32 * 1024 * 1024);
    if (from_json_parse_in(&arena, body, (struct from_json_limits){ 1024 * 1024, MDM_DEPTH }, "answer", &doc, NULL) == OK) {
        struct from_json_value root = from_json_root(doc);
        if (jamf_read_computers(&root, &arena, &page, NULL) == OK)
            check_page(&page);
        if (intune_read_devices(&root, &arena, &page, &next, NULL) == OK) {
            check_page(&page);
            require(next.bytes < MDM_CURSOR_BYTES);
            if (intune_leads_on(base, SPAN_NONE, next))
                require(span_starts(next, base) && next.at[base.bytes] == '/');
        }
    }
    if (jamf_read_hook(body, &arena, &news, NULL) == OK) {
        require(news.read_again_count <= MDM_NEWS_MOST);
        for (size_t i = 0; i < news.read_again_count; i++)
            check_id(news.read_again[i]);
    }
    arena_done(&arena);
    return 0;
}
