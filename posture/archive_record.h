/* archive_record: what the archive says of one event of the log. In clear stands only what is known not to tell who somebody is: words, numbers and
 * check names under the keys listed in archive_record.c, with persons and devices under the names of their keys (archive_key.h). The event as it was
 * is sealed beside it under the person's key. What is on no list is sealed, never clear. Pure. */
#ifndef POSTURE_ARCHIVE_RECORD_H
#define POSTURE_ARCHIVE_RECORD_H
#include "posture/archive.h"
#include "posture/archive_key.h"
#include "posture/ports.h"

struct archive_source {
    const struct event *event;
    enum record_kind kind; struct span record, body; /* the record's new state that came with it; body empty: none */
    /* The key of a person (empty id: of nobody). False: erased, or unknown. */
    bool (*key)(void *context, struct span person, struct archive_key *out);
    /* Whether a ladder in force is for that group: the others are not written. */
    bool (*is_ladder_group)(void *context, struct span group);
    void *context;
};
/* Whether the event is evidence. Not kept: that a device spoke, was asked, or answered as before (it would tell when people work), unless it came back
 * from a time off while something on it fails, because that time did not count. */
bool archive_record_wanted(const struct archive_source *s);
/* Members from "id" on, into a line that archive_line_begin() opened. */
MUST_CHECK enum err_code archive_record_write(const struct archive_source *s, struct to_json *w, struct err *err);
#endif
