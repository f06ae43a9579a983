#include "gateway/report_source.h"

enum { DEPTH = 20, PROGRESS_EVERY = 4096 };

static enum err_code take(struct report *r, struct archive_stream *stream, const struct report_source *source, uint64_t number, struct err *err)
{
    CLEANUP(from_json_freep) struct from_json *doc = NULL;
    struct archive_item item;
    uint64_t done = 0, all = 0;
    enum err_code code = archive_stream_next(stream, &item, err);
    if (code == OK && item.at_s >= source->options.until_s)
        return OK;
    if (code == OK)
        code = from_json_parse(item.text, (struct from_json_limits){ ARCHIVE_LINE_BYTES, DEPTH }, "record", &doc, err);
    if (code != OK)
        return code;
    struct from_json_value root = from_json_root(doc);
    if (source->progress != NULL && number % PROGRESS_EVERY == 0) {
        archive_stream_progress(stream, &done, &all);
        source->progress(done, all);
    }
    return report_take(r, &root, err);
}

int64_t report_source_end(int64_t at_s, int64_t now_s) { return at_s < now_s ? at_s : now_s; }

enum err_code report_source_read(const struct report_source *source, struct report **out, struct err *err)
{
    CLEANUP(archive_stream_closep) struct archive_stream *stream = NULL;
    CLEANUP(report_freep) struct report *r = NULL;
    char to[ARCHIVE_DAY_BYTES + 1];
    archive_day(source->options.until_s + 86400, to); /* a record may lie in its neighbour's segment */
    enum err_code code = report_new(&source->options, &r, err);
    if (code == OK)
        code = archive_stream_open(source->folders, source->folder_count, NULL, to, &stream, err); /* from the first: the state before counts */
    for (uint64_t i = 1; code == OK; i++)
        code = take(r, stream, source, i, err);
    if (code == ERR_NOT_FOUND && stream != NULL)
        code = source->state_only ? OK : report_end(r, err);
    if (code == OK)
        *out = TAKE(r);
    return code;
}
