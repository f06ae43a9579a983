#include "gateway/cli/audit_names.h"

#include "gateway/cli/client.h"
#include "gateway/cli/print.h"

#include <stdlib.h>
#include <string.h>

struct entry { struct span name, id, shown; }; /* in the answer */
struct audit_names { struct client_answer answer; struct entry *all; size_t count; };

void audit_names_free(struct audit_names *n)
{
    if (n == NULL)
        return;
    client_answer_done(&n->answer);
    free(n->all);
    free(n);
}

void audit_names_freep(struct audit_names **n)
{
    audit_names_free(*n);
    *n = NULL;
}

static int by_name(const void *a, const void *b) { return span_compare(((const struct entry *)a)->name, ((const struct entry *)b)->name); }

static void take(struct audit_names *n, const struct from_json_value *list, const char *shown)
{
    for (size_t i = 0; i < from_json_count(list); i++) {
        struct from_json_value item = from_json_item(list, i);
        struct entry e = { json_text(&item, "name"), json_text(&item, "id"), json_text(&item, shown) };
        if (!span_empty(e.name))
            n->all[n->count++] = e;
    }
}

int audit_names_fetch(const struct args *args, struct audit_names **out)
{
    CLEANUP(client_closep) struct client *c = NULL;
    CLEANUP(audit_names_freep) struct audit_names *n = calloc(1, sizeof *n);
    if (*out != NULL)
        return CLI_DONE;
    int code = n != NULL ? client_open(args, &c) : CLI_NO;
    if (code == CLI_DONE)
        code = client_call(c, "GET", "/admin/v1/archive/names", NULL, &n->answer);
    if (code != CLI_DONE)
        return code;
    struct from_json_value persons = from_json_member(&n->answer.root, "persons"), devices = from_json_member(&n->answer.root, "devices");
    n->all = calloc(from_json_count(&persons) + from_json_count(&devices) + 1, sizeof *n->all);
    if (n->all == NULL)
        return CLI_NO;
    take(n, &persons, "email");
    take(n, &devices, "serial");
    qsort(n->all, n->count, sizeof n->all[0], by_name);
    *out = TAKE(n);
    return CLI_DONE;
}

static const struct entry *entry_of(const struct audit_names *n, struct span name)
{
    const struct entry key = { .name = name };
    return bsearch(&key, n->all, n->count, sizeof n->all[0], by_name);
}

struct span audit_names_of(const struct audit_names *n, struct span name)
{
    const struct entry *e = entry_of(n, name);
    return e == NULL ? SPAN_NONE : span_empty(e->shown) ? e->id : e->shown;
}

struct span audit_names_id(const struct audit_names *n, struct span name)
{
    const struct entry *e = entry_of(n, name);
    return e == NULL ? SPAN_NONE : e->id;
}

struct span audit_names_find(const struct audit_names *n, struct span who)
{
    for (size_t i = 0; i < n->count; i++)
        if (span_equal(n->all[i].id, who) || span_equal_fold(n->all[i].shown, who))
            return n->all[i].name;
    return SPAN_NONE;
}
