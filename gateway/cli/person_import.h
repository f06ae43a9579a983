/* person_import: a file of people -> one JSON object each, as POST /admin/v1/persons takes them, with the place it stands at.
 * CSV with a header line (columns id, email, emails, name, slack, groups, zone, region, locale, aliases; several e-mails, groups or aliases
 * in one cell are separated by ;), a JSON array of objects, or {"persons": [...]}. An empty cell leaves what is known as it is.
 * The gateway judges the values; here only what cannot be sent is refused. */
#ifndef GATEWAY_CLI_PERSON_IMPORT_H
#define GATEWAY_CLI_PERSON_IMPORT_H
#include "posture/base/arena.h"
#include "posture/base/buf.h"

enum { IMPORT_FILE_BYTES = 64 * 1024 * 1024, IMPORT_BATCH = 500, IMPORT_BATCH_BYTES = 2 * 1024 * 1024, IMPORT_MOST = 2000000 };
struct import_item {
    size_t place;           /* line of a CSV file, else the item's number from 1 */
    struct span json;
    struct span refused;    /* why it cannot be sent; empty: it can */
};
struct import { struct arena arena; bool csv; struct import_item *items; size_t count, room; };
/* ERR_INPUT when the file as a whole cannot be understood: its header, its quoting, its JSON. import_done() either way. */
MUST_CHECK enum err_code import_read(struct span text, struct import *out, struct err *err);
void import_done(struct import *i);
#endif
