/* year: a company under a fake clock, on the gateway's own code: its people, their laptops, what breaks and who mends it, and what goes wrong around
 * them. Everything that the gateway decides is its own; the company only does what companies do. What happened is the log, written to a file.
 * Fails the running process when something does not work. One thread. */
#ifndef TESTS_SIMULATION_YEAR_H
#define TESTS_SIMULATION_YEAR_H
#include "gateway/effects_reader.h"
#include "tests/support/story.h"

#include <stdio.h>

enum { YEAR_STEP_S = 900, YEAR_CHECKS = 5, YEAR_PEOPLE_MOST = 2000, YEAR_DEVICES_MOST = 4000, YEAR_AWAY_MOST = 24, YEAR_QUEUE = 4096 };
struct year_options { unsigned days, people, devices; uint64_t seed; const char *log; const char *archive; /* NULL: not archived */ };

enum year_mood { MOOD_EAGER, MOOD_NORMAL, MOOD_SLOW, MOOD_STUBBORN };
struct year_person {
    char id[29];
    const char *zone, *region;
    enum year_mood mood;
    struct { int64_t from_s, to_s, announce_s; bool told, said, on; } away[YEAR_AWAY_MOST]; /* told: the gateway is; said: it was told already; on: the laptop is used all the same */
    size_t away_count;
};
struct year_device {
    char id[29];
    unsigned person;
    enum platform platform;
    bool second, enrolled;
    int64_t enrols_s, on_from_s, on_to_s, drawer_from_s, drawer_to_s;
    bool broken[YEAR_CHECKS], wrong[YEAR_CHECKS]; /* wrong: the check says so, and it is not true */
    int64_t breaks_s; unsigned breaks;            /* today: when which check breaks; 0: none */
    bool busy;                                    /* something fails: it is looked after at every step */
    int64_t login_s[2];                           /* of today */
    int64_t mended_s; unsigned mended;            /* a fix to be seen at the next poll */
    bool disputed[YEAR_CHECKS];
    unsigned told[YEAR_CHECKS];
    unsigned reads;                               /* still to be read soon, so that a failure is seen twice */
};
struct year_notice { struct effects_item item; char id[32], person[32]; };
struct year_answer { char person[32], id[32]; int64_t at_s; bool wrong, exemption; unsigned device, check; };
struct year {
    struct year_options options;
    struct story story;
    struct effects_options effects;
    struct archive_options archive;
    struct year_person people[YEAR_PEOPLE_MOST];
    struct year_device devices[YEAR_DEVICES_MOST];
    struct year_notice notices[YEAR_QUEUE]; size_t notice_count;
    struct year_answer answers[YEAR_QUEUE]; size_t answer_count;
    struct log_position dumped[STORY_PARTITIONS + 1];
    struct store *tail;
    FILE *out;
    uint64_t random;
    int64_t start_s, now_s;
    bool store_away, slack_away, agents_away;
    unsigned policy;
    int64_t incident_ends_s;
    struct { unsigned breaks, fixes, disputes, snoozes, passes, exemptions, notices, logins, denials; uint64_t events; } did;
};

/* year_world.c */
extern const char *const year_check_ids[YEAR_CHECKS];
void year_start(struct year *y, const struct year_options *options);
void year_end(struct year *y);
void year_publish(struct year *y, unsigned policy); /* 0 to 3 */
void year_settle(struct year *y);                   /* the log reaches the directory, the ladder works, the log is written out */
bool year_chance(struct year *y, double probability);
unsigned year_below(struct year *y, unsigned n);
void year_must(bool well, const char *what, const struct err *err);

/* year_device.c: agents */
void year_enrol(struct year *y, unsigned device);
void year_report(struct year *y, unsigned device);  /* what the agent sees now, through the gateway's own judgement */
void year_refresh(struct year *y, bool all);        /* those that are on, and of which something fails (or all), spoke */
bool year_is_on(const struct year *y, const struct year_device *d);

/* year_people.c: what people and administrators do */
void year_plan_lives(struct year *y);               /* vacations, sick days, drawers */
void year_plan_day(struct year *y);
void year_people_act(struct year *y);
void year_mend(struct year *y);                     /* fixes are seen at the next poll, and the door opens */
void year_admins_act(struct year *y);
void year_deliver(struct year *y);                  /* the chat: reserved notices go out while it answers */
#endif
