/* What a run stands on, and how it is told. */
#include "gateway/simulation_run.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

void simulation_give_way(void) { (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19); }

static void write_days(const struct simulate_totals *t, struct to_json *w)
{
    to_json_key(w, "days");
    to_json_array(w);
    for (size_t i = 0; i < t->day_count; i++) {
        char day[16];
        int32_t d = t->days[i].day;
        snprintf(day, sizeof day, "%04d-%02d-%02d", d / 10000, d / 100 % 100, d % 100);
        to_json_object(w);
        to_json_member_text(w, "day", span_of(day));
        to_json_member_int(w, "nudges", (int64_t)t->days[i].nudges);
        to_json_member_int(w, "closings", (int64_t)t->days[i].closings[0]);
        to_json_member_int(w, "would", (int64_t)t->days[i].closings[1]);
        to_json_end(w);
    }
    to_json_end(w);
}

static void write_closings(const struct simulated_closings *c, const char *key, struct to_json *w)
{
    to_json_key(w, key);
    to_json_object(w);
    to_json_member_int(w, "devices", (int64_t)c->devices);
    to_json_member_int(w, "persons", (int64_t)c->persons);
    to_json_end(w);
}

static void write_apps(const struct simulate_totals *t, struct to_json *w)
{
    to_json_key(w, "apps");
    to_json_array(w);
    for (size_t i = 0; i < t->policy->app_count; i++) {
        const struct app *app = &t->policy->apps[i];
        to_json_object(w);
        to_json_member_text(w, "id", app->id);
        to_json_member_text(w, "title", app->title);
        to_json_member_text(w, "sensitivity", t->policy->sensitivities[app->sensitivity]);
        to_json_member_int(w, "closings", app->repair ? 0 : (int64_t)t->closings[0].by_sensitivity[app->sensitivity]);
        to_json_member_int(w, "would", app->repair ? 0 : (int64_t)t->closings[1].by_sensitivity[app->sensitivity]);
        to_json_end(w);
    }
    to_json_end(w);
}

static void write_rungs(const struct simulate_totals *t, struct to_json *w)
{
    to_json_key(w, "rungs");
    to_json_array(w);
    for (size_t i = 0; i < t->rung_count; i++) {
        to_json_object(w);
        to_json_member_text(w, "ladder", t->rungs[i].ladder);
        to_json_member_text(w, "rung", t->rungs[i].rung);
        to_json_member_int(w, "devices", (int64_t)t->rungs[i].devices[0]);
        to_json_member_int(w, "would", (int64_t)t->rungs[i].devices[1]);
        to_json_end(w);
    }
    to_json_end(w);
}

static void write_name(const struct policy *policy, const struct simulated_name *n, struct to_json *w)
{
    to_json_object(w);
    to_json_member_time_if(w, "at", n->at_s);
    to_json_member_text(w, "person", span_of(n->person));
    to_json_member_text_if(w, "email", span_of(n->email));
    to_json_member_text(w, "device", span_of(n->device));
    to_json_member_text_if(w, "name", span_of(n->name));
    to_json_member_text_if(w, "rung", span_of(n->rung));
    to_json_member_text_if(w, "check", span_of(n->check));
    to_json_key(w, "closes");
    to_json_array(w);
    for (size_t i = 0; i < policy->sensitivity_count; i++)
        if ((n->closes >> i & 1U) != 0)
            to_json_text(w, policy->sensitivities[i]);
    to_json_end(w);
    if (!n->in_force)
        to_json_member_bool(w, "would", true);
    to_json_end(w);
}

/* Nothing is known of a check that nobody was asked before. */
static void write_new_checks(const struct policy *before, const struct policy *after, struct to_json *w)
{
    to_json_key(w, "checks_without_results");
    to_json_array(w);
    for (size_t i = 0; i < after->check_count; i++) {
        const struct check *old = before == NULL ? NULL : policy_check(before, after->checks[i].id);
        if (old == NULL || !span_equal(old->version, after->checks[i].version))
            to_json_text(w, after->checks[i].id);
    }
    to_json_end(w);
}

static void write_assumptions(const struct simulation_run *run, struct to_json *w)
{
    static const char *const ahead[] = { "what fails now goes on failing, nothing else begins to, and every device is checked as it is now",
                                         "a device is on as it was in its last days; one that has been silent for a week stays off",
                                         "every message that may be sent is delivered at that moment",
                                         "absences, holidays, exemptions and snoozes are those that are known now; no new ones are asked for",
                                         "checks under checks_without_results are new or were changed: their results are the old ones, or none" };
    static const char *const back[] = { "people, groups, absences, holidays and exemptions are as they are known now",
                                        "a device is as its record said at that time; before its first record in the log it is as that record says",
                                        "what people were told before the beginning counts; from then on every message that would have been sent is taken to be delivered at that moment",
                                        "before the log begins, the archive says which checks failed and since when; what else a device was is taken to be as it is now, on but for the "
                                        "times off that the archive has; devices that changed hands since, and people who were erased, are not in it",
                                        "people did what they did: what they would have mended sooner because of a message is not known",
                                        "checks under checks_without_results are new or were changed: their results are the old ones, or none" };
    to_json_key(w, "assumptions");
    to_json_array(w);
    for (size_t i = 0; i < sizeof ahead / sizeof ahead[0]; i++)
        to_json_text(w, span_of(run->past ? back[i] : ahead[i]));
    to_json_end(w);
}

void simulation_write_totals(const struct simulation_run *run, struct simulate_totals *t, struct to_json *w)
{
    const struct policy *before = directory_control(run->node->directory)->policy;
    to_json_member_text(w, "mode", run->past ? SPAN_LITERAL("past") : SPAN_LITERAL("ahead"));
    to_json_member_text(w, "in_force", before != NULL ? span_of(before->version) : SPAN_NONE);
    to_json_member_text(w, "version", span_of(run->policy->version));
    to_json_member_time_if(w, "from", run->from_s);
    to_json_member_time_if(w, "to", run->to_s);
    to_json_member_int(w, "persons", (int64_t)t->persons);
    to_json_member_int(w, "devices", (int64_t)t->devices);
    to_json_member_int(w, "nudges", (int64_t)t->nudges);
    to_json_member_int(w, "nudged_persons", (int64_t)t->nudged_persons);
    write_closings(&t->closings[0], "closings", w);
    write_closings(&t->closings[1], "would", w);
    write_days(t, w);
    write_apps(t, w);
    write_rungs(t, w);
    to_json_key(w, "names");
    to_json_array(w);
    for (size_t i = 0; i < t->name_count; i++)
        write_name(t->policy, &t->names[i], w);
    to_json_end(w);
    to_json_member_int(w, "names_all", (int64_t)t->names_all);
    write_new_checks(before, run->policy, w);
    write_assumptions(run, w);
    to_json_member_int(w, "cut_short", (int64_t)t->cut_short);
    to_json_member_int(w, "took_ms", clock_mono_ms(run->node->clock) - run->begun_ms);
    to_json_member_int(w, "threads", run->past ? 1 : run->threads);
}
