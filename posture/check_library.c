#include "posture/check_library.h"
#include "posture/check_library_entries.h"

#include <stdlib.h>

const struct library_check *check_library_all(size_t *count)
{
    *count = check_library_entry_count;
    return check_library_entries;
}

static int compare_id(const void *key, const void *item)
{
    const struct library_check *check = item;
    return span_compare(*(const struct span *)key, check->id);
}

const struct library_check *check_library_find(struct span id)
{
    return bsearch(&id, check_library_entries, check_library_entry_count, sizeof check_library_entries[0], compare_id);
}
