/* report_parts: what the reading of records (report.c, report_episode.c) and the rows (report_rows.c) share. */
#ifndef POSTURE_REPORT_PARTS_H
#define POSTURE_REPORT_PARTS_H
#include "posture/report.h"

#include "posture/base/arena.h"
#include "posture/device.h"

enum { PAUSES_MOST = 64, GROUPS_OF_MOST = 64, DAY_S = 86400 };
struct report_name_map { struct report_name_slot { struct span name; uint32_t index; } *slots; size_t count, room; };
struct report_list { struct interval *all; size_t count, room; };

struct report_person { struct span name; struct report_list away; const struct span *groups; size_t group_count;
                       struct interval known; /* from their creation, or the first record of all; to_s 0: until now */ };
/* One check of one device. */
struct report_cell {
    struct span check;
    enum verdict verdict; bool visible;
    int64_t since_s;                  /* of the verdict */
    struct {
        bool open, closed;
        int64_t started_s, first_notice_s, pass_s; /* pass_s: it passes since, not long enough yet */
        int64_t counted_s;            /* what the ladder's own clock counted from the first notice to that pass; 0: not told */
        unsigned notices;
        int step; int64_t step_s;     /* the last thing that was done about it; -1: nothing */
        struct span rung;             /* the last that it reached */
        struct report_list paused;    /* disputes and snoozes */
    } episode;
};
struct report_device {
    struct span name, platform, rung;
    uint32_t person; bool owned, gone, closing;
    bool erased; /* the name is nobody's for ever: a record of the same second may come after that of the erasure, from another chain */
    int64_t closing_since_s;
    struct report_cell *cells; size_t cell_count, cell_room;
    struct report_list off;
};
struct report_exemption { struct span id, check; int64_t end_s; bool approved, ended; uint32_t person; };
struct report_line { struct report_row row; int64_t *fixes; size_t fix_count, fix_room; uint8_t *people; size_t people_room; };

struct report {
    struct arena arena;
    struct report_options options;
    struct report_name_map person_map, device_map;
    struct report_person *persons; size_t person_count, person_room;
    struct report_device *devices; size_t device_count, device_room;
    struct report_exemption *exemptions; size_t exemption_count, exemption_room;
    struct report_list pauses;        /* of everybody */
    struct span *closing; size_t closing_count; /* rungs of the policy in force that close something */
    int64_t first_s;                  /* of the first record; 0: none was taken */
    int64_t now_s;                    /* of the record being taken */
    struct report_line *lines; size_t line_count, line_room;
    struct report_row *rows; size_t row_count; /* after report_end() */
    bool short_of_memory;
};
enum { REPORT_NOBODY = UINT32_MAX };

/* Grows a list of things. False marks the report. */
bool report_grow(struct report *r, void **all, size_t count, size_t *room, size_t each_bytes);
bool report_add_interval(struct report *r, struct report_list *list, int64_t from_s, int64_t to_s);

/* The rows that something counts for: the first is that of all. Returns how many. */
struct report_of { uint32_t person; struct span check, rung; int64_t at_s; };
size_t report_lines_of(struct report *r, const struct report_of *of, struct report_line **lines);
/* A stretch of time counted in rows: `field` is the offset of an int64_t of struct report_row. Cut to the report's stretch, and at months for REPORT_MONTH. */
void report_count_time(struct report *r, const struct report_of *of, int64_t from_s, int64_t to_s, size_t field);
void report_add_fix(struct report *r, struct report_line *line, int64_t took_s);
MUST_CHECK enum err_code report_make_rows(struct report *r, struct err *err);

/* ---- episodes ---- */
bool report_is_in(const struct report *r, int64_t at_s);
void report_cell_state(struct report *r, struct report_device *d, struct report_cell *c, enum verdict verdict, bool visible);
void report_cell_told(struct report *r, struct report_device *d, struct report_cell *c);
void report_cell_closed(struct report *r, struct report_device *d, struct report_cell *c);
/* A pass that has held is the end. */
void report_cell_settle(struct report *r, struct report_device *d, struct report_cell *c, int64_t at_s);
/* The device or the check is gone: nothing was fixed. */
void report_cell_drop(struct report *r, struct report_device *d, struct report_cell *c);
#endif
