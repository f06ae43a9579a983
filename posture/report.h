/* report: what an archive says of how people and devices fared (docs/reports.md). It is fed record by record in the order of time, keeps one state a
 * device and a person, and gives one row a check, rung, group or month. Nobody is named in it. Pure. Times: wall seconds.
 *
 * An episode is one failing check of one device: from the moment it was visible until it had passed for PASS_HELD_S (a pass that does not last does not
 * end it), or the device or the check went. Time to fix: from the first delivered notice to that pass, as the ladder's own clock counted it ("counted" of person.healed); where that
 * is not told, less the stretches that the archive has (absence, dispute, snooze, incident, outage, off). What did not count is told apart. */
#ifndef POSTURE_REPORT_H
#define POSTURE_REPORT_H
#include "posture/base/from_json.h"
#include "posture/base/to_json.h"

enum report_by { REPORT_CHECK, REPORT_RUNG, REPORT_GROUP, REPORT_MONTH, REPORT_BYS };
bool report_by_from(struct span name, enum report_by *by);     /* "check", "rung", "group", "month" */
const char *report_by_name(enum report_by by);

enum { REPORT_LEAST = 10, REPORT_ROWS_MOST = 4096, REPORT_DEVICES_MOST = 4 * 1024 * 1024, REPORT_NAME_BYTES = 64, REPORT_STEPS = 4 };
struct report_options {
    int64_t since_s, until_s;         /* the stretch that is told about; what was before is read for the state it left. A state is that of the second before until_s */
    enum report_by by;
    unsigned least;                   /* rows about fewer people are put together; REPORT_LEAST unless told otherwise */
};
struct report;
MUST_CHECK enum err_code report_new(const struct report_options *options, struct report **out, struct err *err);
void report_free(struct report *r); /* NULL is fine */
void report_freep(struct report **r);
/* The next record of the archive (an object of kind "record"). What it does not understand it passes over; ERR_MEMORY, ERR_LIMIT. */
MUST_CHECK enum err_code report_take(struct report *r, const struct from_json_value *record, struct err *err);
/* Nothing comes any more. Once, before the rows are read. */
MUST_CHECK enum err_code report_end(struct report *r, struct err *err);

/* One row. Sums over the stretch; medians and shares of what ended in it. -1: there is nothing to say. */
struct report_row {
    char name[REPORT_NAME_BYTES];     /* "all" is the first row */
    unsigned people;                  /* that the row is about */
    int64_t known_people_s;           /* person seconds: how long each of them was known within the stretch (of its month) */
    unsigned episodes, open;          /* ended in the stretch; still failing at its end */
    unsigned self_healed;             /* ended without a notice */
    unsigned fixed;                   /* ended after a notice */
    unsigned fixed_before_close;      /* of these, without anything ever having been closed */
    unsigned closed;                  /* episodes in which something was closed */
    int64_t median_s, p90_s, paused_s;/* time to fix; what was paused, summed over the fixed */
    struct { unsigned reached, fixed; } steps[REPORT_STEPS]; /* nudge 1, nudge 2, later nudges, a closing: how many, and how many were fixed within a day */
    int64_t failing_s, blocked_s, unknown_s, known_s; /* device seconds: a check failing; anything closed; results unknown; all results */
    unsigned notices, snoozes, passes;/* delivered; "remind me tomorrow"; "continue once" */
    unsigned disputes, answered, upheld;
    unsigned exemptions_open, exemptions_overdue; /* at the end: in force; past their end and not ended */
};
size_t report_rows(const struct report *r, const struct report_row **rows); /* borrowed; the first is of all */
/* {"since","until","by","rows":[...]} and the table as CSV (RFC 4180) with a header line. */
void report_to_json(const struct report *r, struct to_json *w);
void report_to_csv(const struct report *r, struct buf *out);

/* The state of every device as the records so far leave it, ascending by name: {"devices":[{"device","platform","owned","compliant","failing":[],"unknown":[],
 * "rung"}],"counts":{...}}; for report as-of. */
void report_state_to_json(const struct report *r, struct to_json *w);
void report_state_to_csv(const struct report *r, struct buf *out);
#endif
