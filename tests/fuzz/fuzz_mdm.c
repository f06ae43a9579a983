/* What device managers answer and send: the first byte says which. */
#include "connectors/mdm/fleet.h"
#include "connectors/mdm/kandji.h"
#include "connectors/mdm/nanomdm.h"
#include "connectors/mdm/plist.h"

enum { ARENA_BYTES = 64 * 1024 * 1024 };

static void read_json(uint8_t which, struct span text, struct arena *arena)
{
    struct from_json *doc = NULL;
    struct mdm_page page;
    struct mdm_device device = { 0 };
    struct err err;
    enum err_code code = from_json_parse_in(arena, text, (struct from_json_limits){ MDM_ANSWER_BYTES, MDM_DEPTH }, "answer", &doc, &err);
    if (code != OK)
        return;
    struct from_json_value root = from_json_root(doc);
    code = which == 0 ? fleet_read_hosts(&root, arena, &page, &err) : which == 1 ? fleet_read_host(&root, arena, &device, &err)
           : which == 2 ? kandji_read_devices(&root, arena, &page, &err) : kandji_read_filevault(&root, arena, &page, &err);
    if (code == OK)
        kandji_read_details(&root, &device);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct arena arena;
    struct mdm_news news;
    const struct plist *list;
    struct err err;
    if (bytes == 0)
        return 0;
    struct span text = span_make(data + 1, bytes - 1);
    arena_init(&arena, 4096, ARENA_BYTES);
    uint8_t which = data[0] % 7;
    enum err_code code = OK;
    if (which < 4)
        read_json(which, text, &arena);
    else
        code = which == 4 ? plist_read(text, &arena, &list, &err) : which == 5 ? fleet_read_hook(text, &arena, &news, &err) : nanomdm_read_hook(text, SPAN_LITERAL("com.acme.strict"), &arena, &news, &err);
    (void)code;
    arena_done(&arena);
    return 0;
}
