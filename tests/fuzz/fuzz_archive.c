/* Any bytes: lines of an archive, names of its files, what a signature says; and records given to a report. A line that is read says of itself what it says. */
#include "posture/archive.h"
#include "posture/base/from_json.h"
#include "posture/report.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { TEXT_BYTES = 64 * 1024 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void try_line(struct span text)
{
    struct archive_line line;
    struct archive_chain chain = archive_chain_start();
    struct err err;
    if (archive_line_read(text, &line, &err) != OK)
        return;
    enum archive_fault fault = archive_follow(&chain, &line);
    require(fault != ARCHIVE_FINE || (line.intact && chain.seq == line.seq));
    require(fault == ARCHIVE_FINE || chain.seq == 0);
}

static void try_name(struct span text)
{
    struct archive_file_name name;
    char again[ARCHIVE_FILE_BYTES];
    if (!archive_file_name_read(text, &name))
        return;
    archive_file_name_write(&name, again);
    require(archive_file_name_read(span_of(again), &name));
}

static void feed(struct report *r, struct span text)
{
    struct span line;
    while (span_cut(&text, '\n', &line)) {
        CLEANUP(from_json_freep) struct from_json *doc = NULL;
        struct archive_statement statement;
        struct err err;
        if (from_json_parse(line, (struct from_json_limits){ TEXT_BYTES, 16 }, "record", &doc, &err) != OK)
            continue;
        struct from_json_value root = from_json_root(doc);
        (void)archive_statement_read(&root, &statement, &err);
        if (report_take(r, &root, &err) != OK)
            return;
    }
}

static void try_report(struct span text, enum report_by by)
{
    CLEANUP(report_freep) struct report *r = NULL;
    CLEANUP(buf_done) struct buf out;
    struct to_json w;
    struct err err;
    const struct report_options options = { .since_s = 1764000000, .until_s = 1830000000, .by = by, .least = 1 };
    buf_init(&out, 64 * 1024 * 1024);
    require(report_new(&options, &r, &err) == OK);
    feed(r, text);
    to_json_init(&w, &out);
    report_state_to_json(r, &w);
    if (report_end(r, &err) != OK)
        return;
    report_to_csv(r, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct span text = span_make(data, bytes);
    if (bytes == 0)
        return 0;
    try_line(text);
    try_name(text);
    try_report(span_slice(text, 1, bytes), (enum report_by)(data[0] % REPORT_BYS));
    return 0;
}
