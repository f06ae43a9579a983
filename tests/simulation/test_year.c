/* A year in the life of 1,000 people and 1,400 laptops, on the gateway's own code under a fake clock; then a checker of its own, in another language, reads
 * nothing but the log and looks for a broken promise.
 *   test_year [--days N] [--people N] [--devices N] [--seed N] [--log FILE] [--archive FOLDER] [--no-check] */
#include "tests/simulation/year.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DAY_S = 86400, OUTAGE_MS = 30 * 60 * 1000, KEEP_MS = 8 * 86400 * 1000 };

static void heartbeat(struct year *y)
{
    struct err err = { 0 };
    if (!y->store_away)
        year_must(y->story.store->ops->heartbeat(y->story.store, SPAN_LITERAL("n_1"), y->now_s * 1000, OUTAGE_MS, &err) == OK, "a heartbeat", &err);
}

/* What the agents have to say in this quarter of an hour. A failure is read a second time before it is visible. */
static void agents_speak(struct year *y)
{
    for (unsigned i = 0; i < y->options.devices; i++) {
        struct year_device *d = &y->devices[i];
        if (!d->enrolled && y->now_s >= d->enrols_s && !y->store_away)
            year_enrol(y, i);
        if (!year_is_on(y, d) || y->store_away)
            continue;
        if (d->breaks_s != 0 && y->now_s >= d->breaks_s) {
            y->did.breaks += !d->broken[d->breaks];
            d->broken[d->breaks] = true;
            d->wrong[d->breaks] = year_chance(y, 0.08);
            d->breaks_s = 0;
            d->reads = 3;
        }
        if (d->reads > 0) {
            d->reads--;
            year_report(y, i);
        }
    }
    bool morning = (y->now_s - y->start_s) / DAY_S % 7 == 0 && y->now_s % DAY_S % (8 * 3600) == 2 * 3600;
    year_refresh(y, morning);
}

static void step(struct year *y)
{
    struct err err = { 0 };
    y->story.now_ms = y->now_s * 1000;
    if (y->now_s % DAY_S == 0) {
        year_plan_day(y);
        if (!y->store_away)
            year_must(y->story.store->ops->trim(y->story.store, y->story.now_ms, KEEP_MS, &err) == OK, "trimming", &err);
    }
    year_admins_act(y);
    heartbeat(y);
    agents_speak(y);
    year_settle(y);
    size_t waiting = y->notice_count;
    year_deliver(y);
    if (y->notice_count != waiting)
        year_settle(y);
    year_people_act(y);
    year_settle(y);
    year_mend(y);
}

static void live(struct year *y)
{
    year_plan_lives(y);
    for (unsigned day = 0; day < y->options.days; day++) {
        for (int64_t at_s = y->start_s + (int64_t)day * DAY_S; at_s < y->start_s + (int64_t)(day + 1) * DAY_S; at_s += YEAR_STEP_S) {
            y->now_s = at_s;
            step(y);
        }
        if (day % 30 == 29)
            fprintf(stderr, "day %u: %llu events, %u breaks, %u fixes, %u notices, %u denials\n", day + 1, (unsigned long long)y->did.events, y->did.breaks, y->did.fixes, y->did.notices, y->did.denials);
    }
}

static int run_checker(const char *log)
{
    char script[4096];
    snprintf(script, sizeof script, "%s/tests/simulation/check_year.py", SOURCE_DIR);
    pid_t child = fork();
    if (child == 0) {
        execlp("python3", "python3", script, log, "--broken", (char *)NULL);
        _exit(127);
    }
    int status = 0;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
    struct year_options o = { .days = 365, .people = 1000, .devices = 1400, .seed = 1 };
    char name[] = "/tmp/postern-year-XXXXXX";
    bool check = true;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--no-check") == 0)
            check = false;
        else if (i + 1 < argc && strcmp(argv[i], "--days") == 0)
            o.days = (unsigned)atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--people") == 0)
            o.people = (unsigned)atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--devices") == 0)
            o.devices = (unsigned)atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0)
            o.seed = (uint64_t)atoll(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--log") == 0)
            o.log = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--archive") == 0)
            o.archive = argv[++i];
        else
            return 2;
    }
    bool own = o.log == NULL;
    int fd = own ? mkstemp(name) : -1;
    if (own && fd < 0)
        return 1;
    if (own) {
        close(fd);
        o.log = name;
    }
    struct year *y = calloc(1, sizeof *y);
    year_must(y != NULL, "memory", NULL);
    year_start(y, &o);
    live(y);
    fprintf(stderr, "%llu events; %u breaks, %u fixes, %u notices, %u disputes, %u snoozes, %u continued once, %u exemptions, %u logins, %u denials\n", (unsigned long long)y->did.events, y->did.breaks,
            y->did.fixes, y->did.notices, y->did.disputes, y->did.snoozes, y->did.passes, y->did.exemptions, y->did.logins, y->did.denials);
    year_end(y);
    free(y);
    int code = check ? run_checker(o.log) : 0;
    if (own)
        unlink(name);
    return code;
}
