/* Any bytes as CSV, and as a whole file of people: every record lies within the bounds and in a line that exists, every object that would be
 * sent is JSON of one line, and what is refused says why. */
#include "gateway/cli/csv.h"
#include "gateway/cli/person_import.h"
#include "posture/base/from_json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static size_t count_lines(struct span text)
{
    size_t lines = 1;
    for (size_t i = 0; i < text.bytes; i++)
        lines += text.at[i] == '\n';
    return lines;
}

static void read_records(struct span text)
{
    struct err err = { OK, "" };
    struct csv csv;
    bool more = true;
    size_t lines = count_lines(text), line = 0;
    csv_init(&csv, text);
    while (more && csv_next(&csv, &more, &err) == OK) {
        if (!more)
            break;
        require(csv.count >= 1 && csv.count <= CSV_MAX_FIELDS && csv.line > line && csv.line <= lines);
        line = csv.line;
        for (size_t i = 0; i < csv.count; i++)
            require(csv.fields[i].bytes <= CSV_MAX_FIELD_BYTES && span_is_utf8(csv.fields[i]));
    }
    require(err.code == OK || err.text[0] != '\0');
    csv_done(&csv);
}

static void read_people(struct span text)
{
    struct err err = { OK, "" };
    struct import file;
    bool good = import_read(text, &file, &err) == OK;
    require(good || err.text[0] != '\0');
    for (size_t i = 0; good && i < file.count; i++) {
        CLEANUP(from_json_freep) struct from_json *doc = NULL;
        const struct import_item *item = &file.items[i];
        require(span_empty(item->json) != span_empty(item->refused));
        if (file.csv && !span_empty(item->json))
            require(from_json_parse(item->json, (struct from_json_limits){ IMPORT_FILE_BYTES, 4 }, "item", &doc, &err) == OK);
    }
    import_done(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct span text = span_make(data, bytes);
    read_records(text);
    read_people(text);
    return 0;
}
