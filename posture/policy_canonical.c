/* The policy as RFC 8785 JSON: members in the order of their names, no blanks, everything that was left out written out.
 * Reading it gives the same policy, so its hash names the policy and its text is what the store keeps. */
#include "posture/policy_reader.h"
#include "posture/policy_writer.h"

#include "posture/base/clock.h"
#include "posture/base/to_json.h"

#include <stdio.h>
#include <stdlib.h>

static const enum platform by_name[] = { PLATFORM_LINUX, PLATFORM_MACOS, PLATFORM_WINDOWS };
enum { NAMED_PLATFORMS = sizeof by_name / sizeof by_name[0] };

static void write_off(struct to_json *w, const char *key)
{
    to_json_member_bool(w, key, false);
}

static void write_app(struct to_json *w, const struct policy *p, const struct app *app)
{
    to_json_object(w);
    to_json_member_text(w, "id", app->id);
    to_json_key(w, "match");
    to_json_object(w);
    policy_write_texts_if(w, "host", app->match[MATCH_HOST], app->match_count[MATCH_HOST]);
    policy_write_texts_if(w, "id", app->match[MATCH_ID], app->match_count[MATCH_ID]);
    policy_write_texts_if(w, "oauth_client_id", app->match[MATCH_OAUTH_CLIENT_ID], app->match_count[MATCH_OAUTH_CLIENT_ID]);
    policy_write_texts_if(w, "saml_entity_id", app->match[MATCH_SAML_ENTITY_ID], app->match_count[MATCH_SAML_ENTITY_ID]);
    to_json_end(w);
    to_json_member_bool(w, "repair", app->repair);
    to_json_member_text(w, "sensitivity", p->sensitivities[app->sensitivity]);
    to_json_member_text(w, "title", app->title);
    to_json_end(w);
}

enum part { PART_OSQUERY, PART_PASS, PART_UNKNOWN_IF, PART_IN_PROGRESS_IF, PART_SECOND_SOURCE, PART_SAW };

static struct span part_of(const struct check_platform *on, enum part part)
{
    switch (part) {
    case PART_OSQUERY: return on->osquery;
    case PART_PASS: return on->pass_text;
    case PART_UNKNOWN_IF: return on->unknown_text;
    case PART_IN_PROGRESS_IF: return on->in_progress_text;
    case PART_SECOND_SOURCE: return on->second_text;
    case PART_SAW: return on->saw;
    }
    return SPAN_NONE;
}

/* One text for all platforms, unnamed ones too, may only be written so when that is what it was. */
static bool is_common(const struct check *check, enum part part)
{
    for (size_t i = 0; i < NAMED_PLATFORMS; i++)
        if (!span_equal(part_of(&check->on[by_name[i]], part), part_of(&check->on[PLATFORM_UNKNOWN], part)))
            return false;
    return true;
}

static void write_part(struct to_json *w, const struct check *check, const char *key, enum part part)
{
    if (is_common(check, part)) {
        to_json_member_text_if(w, key, part_of(&check->on[PLATFORM_UNKNOWN], part));
        return;
    }
    to_json_key(w, key);
    to_json_object(w);
    for (size_t i = 0; i < NAMED_PLATFORMS; i++)
        to_json_member_text_if(w, platform_name(by_name[i]), part_of(&check->on[by_name[i]], part));
    to_json_end(w);
}

static bool is_same_fix(const struct check_platform *a, const struct check_platform *b)
{
    if (a->fix_count != b->fix_count)
        return false;
    for (size_t i = 0; i < a->fix_count; i++)
        if (!span_equal(a->fix[i], b->fix[i]))
            return false;
    return true;
}

static void write_fix(struct to_json *w, const struct check *check)
{
    const struct check_platform *unnamed = &check->on[PLATFORM_UNKNOWN];
    bool common = true;
    for (size_t i = 0; i < NAMED_PLATFORMS; i++)
        common = common && is_same_fix(&check->on[by_name[i]], unnamed);
    if (common) {
        policy_write_texts_if(w, "fix", unnamed->fix, unnamed->fix_count);
        return;
    }
    to_json_key(w, "fix");
    to_json_object(w);
    for (size_t i = 0; i < NAMED_PLATFORMS; i++)
        policy_write_texts_if(w, platform_name(by_name[i]), check->on[by_name[i]].fix, check->on[by_name[i]].fix_count);
    to_json_end(w);
}

/* Left out where it is the default, so that policies from before there were stages keep their version. */
static void write_stage(struct to_json *w, enum rollout_stage stage)
{
    if (stage != STAGE_ENFORCE)
        to_json_member_text(w, "stage", span_of(stage_name(stage)));
}

static void write_check(struct to_json *w, const struct check *check)
{
    to_json_object(w);
    to_json_member_text_if(w, "collects", check->collects);
    to_json_member_bool(w, "exemptions", check->exemptions);
    write_fix(w, check);
    policy_write_duration(w, "fresh_for", check->fresh_for_s);
    to_json_member_bool(w, "hard", check->hard);
    to_json_member_text(w, "id", check->id);
    write_part(w, check, "in_progress_if", PART_IN_PROGRESS_IF);
    policy_write_duration(w, "interval", check->interval_s);
    to_json_member_int(w, "minutes", check->minutes);
    to_json_member_bool(w, "needs_admin", check->needs_admin);
    write_part(w, check, "osquery", PART_OSQUERY);
    write_part(w, check, "pass", PART_PASS);
    to_json_member_bool(w, "restart", check->restart);
    write_part(w, check, "saw", PART_SAW);
    write_part(w, check, "second_source", PART_SECOND_SOURCE);
    to_json_member_text(w, "severity", span_of(severity_name(check->severity)));
    to_json_member_bool(w, "snooze", check->snooze);
    write_stage(w, check->stage);
    to_json_member_text(w, "title", check->title);
    write_part(w, check, "unknown_if", PART_UNKNOWN_IF);
    to_json_member_text_if(w, "what", check->what);
    to_json_member_text_if(w, "why", check->why);
    to_json_end(w);
}

/* Sensitivities by bit, in their order. */
static void write_closed(struct to_json *w, const struct policy *p, unsigned close)
{
    to_json_key(w, "close");
    to_json_array(w);
    for (size_t i = 0; i < p->sensitivity_count; i++)
        if ((close & 1U << i) != 0)
            to_json_text(w, p->sensitivities[i]);
    to_json_end(w);
}

static void write_rung(struct to_json *w, const struct policy *p, const struct rung *rung)
{
    to_json_object(w);
    policy_write_duration(w, "after", rung->after_s);
    write_closed(w, p, rung->close);
    to_json_member_bool(w, "end_sessions", rung->end_sessions);
    to_json_member_text(w, "id", rung->id);
    to_json_member_text(w, "login", rung->login == LOGIN_WARN ? SPAN_LITERAL("warn") : SPAN_LITERAL("allow"));
    to_json_member_text_if(w, "mdm", rung->mdm);
    to_json_member_bool(w, "nudge", rung->nudge);
    to_json_end(w);
}

static void write_applies_to(struct to_json *w, const struct ladder *ladder)
{
    to_json_key(w, "applies_to");
    to_json_object(w);
    policy_write_texts(w, "groups", ladder->groups, ladder->group_count);
    to_json_key(w, "severity");
    to_json_array(w);
    for (unsigned i = 0; i < SEVERITY_COUNT; i++)
        if ((ladder->severities & 1U << i) != 0)
            to_json_text(w, span_of(severity_name((enum severity)i)));
    to_json_end(w);
    to_json_end(w);
}

static void write_clock(struct to_json *w, const struct ladder *ladder)
{
    to_json_key(w, "clock");
    to_json_object(w);
    to_json_key(w, "pauses");
    to_json_array(w);
    for (unsigned bit = PAUSE_ABSENCE; bit <= PAUSE_LAST_NAMED; bit <<= 1)
        if ((ladder->pauses & bit) != 0)
            to_json_text(w, span_of(pause_name(bit)));
    to_json_end(w);
    to_json_end(w);
}

static void write_rise(struct to_json *w, const struct ladder *ladder)
{
    if (ladder->rise.notice_before_s == 0 && !ladder->rise.working_hours && ladder->rise.per_day == 0) {
        write_off(w, "rise");
        return;
    }
    to_json_key(w, "rise");
    to_json_object(w);
    policy_write_duration(w, "notice_before", ladder->rise.notice_before_s);
    to_json_member_int(w, "per_day", ladder->rise.per_day);
    to_json_member_bool(w, "working_hours", ladder->rise.working_hours);
    to_json_end(w);
}

static void write_budget(struct to_json *w, const char *key, unsigned times, int64_t length_s, int64_t per_s)
{
    if (times == 0) {
        write_off(w, key);
        return;
    }
    to_json_key(w, key);
    to_json_object(w);
    policy_write_duration(w, "length", length_s);
    policy_write_duration(w, "per", per_s);
    to_json_member_int(w, "times", times);
    to_json_end(w);
}

static void write_ladder(struct to_json *w, const struct policy *p, const struct ladder *ladder)
{
    to_json_object(w);
    write_applies_to(w, ladder);
    write_clock(w, ladder);
    write_budget(w, "continue_once", ladder->continue_once.times, ladder->continue_once.length_s, ladder->continue_once.per_s);
    to_json_member_text(w, "id", ladder->id);
    to_json_member_int(w, "notices_before_close", ladder->notices_before_close);
    write_rise(w, ladder);
    to_json_key(w, "rungs");
    to_json_array(w);
    for (size_t i = 0; i < ladder->rung_count; i++)
        write_rung(w, p, &ladder->rungs[i]);
    to_json_end(w);
    write_budget(w, "snooze", ladder->snooze.times, ladder->snooze.length_s, ladder->snooze.per_s);
    write_stage(w, ladder->stage);
    to_json_end(w);
}

static void write_breaker(struct to_json *w, const struct policy *p)
{
    if (p->breaker.within_s == 0) {
        write_off(w, "breaker");
        return;
    }
    char share[16];
    snprintf(share, sizeof share, "%u%%", p->breaker.share_percent);
    to_json_key(w, "breaker");
    to_json_object(w);
    to_json_member_int(w, "at_least", p->breaker.at_least);
    to_json_member_text(w, "share", span_of(share));
    policy_write_duration(w, "within", p->breaker.within_s);
    to_json_end(w);
}

static void write_exemptions(struct to_json *w, const struct policy *p)
{
    to_json_key(w, "exemptions");
    to_json_object(w);
    policy_write_texts(w, "approvers", p->exemptions.approvers, p->exemptions.approver_count);
    policy_write_duration(w, "length", p->exemptions.length_s);
    policy_write_duration(w, "longest", p->exemptions.longest_s);
    to_json_end(w);
}

static void write_grace(struct to_json *w, const struct policy *p)
{
    to_json_key(w, "grace");
    to_json_object(w);
    policy_write_duration(w, "after_absence", p->grace.after_absence_s);
    policy_write_duration(w, "new_device", p->grace.new_device_s);
    to_json_end(w);
}

static void write_help(struct to_json *w, const struct policy *p)
{
    to_json_key(w, "help");
    to_json_object(w);
    to_json_member_text_if(w, "contact", p->help.contact);
    to_json_member_text_if(w, "hours", p->help.hours);
    to_json_member_text_if(w, "team", p->help.team);
    to_json_end(w);
}

static void write_days(struct to_json *w, unsigned days)
{
    static const char *const names[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };
    to_json_key(w, "days");
    to_json_array(w);
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if ((days & 1U << i) != 0)
            to_json_text(w, span_of(names[i]));
    to_json_end(w);
}

static void write_nudges(struct to_json *w, const struct policy *p)
{
    char hours[32], per[CLOCK_TEXT_BYTES], per_person[CLOCK_TEXT_BYTES + 16];
    snprintf(hours, sizeof hours, "%02d:%02d-%02d:%02d", p->nudges.from_minute / 60, p->nudges.from_minute % 60, p->nudges.to_minute / 60, p->nudges.to_minute % 60);
    snprintf(per_person, sizeof per_person, "%u/%s", p->nudges.count, duration_text(p->nudges.per_s, per));
    to_json_key(w, "nudges");
    to_json_object(w);
    policy_write_duration(w, "apart", p->nudges.apart_s);
    policy_write_texts(w, "channels", p->nudges.channels, p->nudges.channel_count);
    write_days(w, p->nudges.days);
    to_json_member_text(w, "hours", span_of(hours));
    to_json_member_text(w, "per_person", span_of(per_person));
    to_json_member_text(w, "zone", p->nudges.zone);
    to_json_end(w);
}

struct by_sensitivity { struct span name; unsigned index; };

static int compare_sensitivities(const void *left, const void *right)
{
    const struct by_sensitivity *a = left, *b = right;
    return span_compare(a->name, b->name);
}

/* Here sensitivities are members, so they stand in the order of their names. */
static void sort_sensitivities(const struct policy *p, struct by_sensitivity sorted[POLICY_MAX_SENSITIVITIES])
{
    for (unsigned i = 0; i < p->sensitivity_count; i++)
        sorted[i] = (struct by_sensitivity){ p->sensitivities[i], i };
    qsort(sorted, p->sensitivity_count, sizeof sorted[0], compare_sensitivities);
}

static void write_outage(struct to_json *w, const struct policy *p)
{
    struct by_sensitivity sorted[POLICY_MAX_SENSITIVITIES];
    sort_sensitivities(p, sorted);
    to_json_key(w, "outage");
    to_json_object(w);
    for (size_t i = 0; i < p->sensitivity_count; i++) {
        const struct outage_rule *rule = &p->outage[sorted[i].index];
        to_json_key_span(w, sorted[i].name);
        to_json_object(w);
        policy_write_duration(w, "last_known_good", rule->last_known_good_s);
        to_json_member_text(w, "then", rule->then == OUTAGE_ALLOW ? SPAN_LITERAL("allow") : SPAN_LITERAL("deny"));
        to_json_end(w);
    }
    to_json_end(w);
}

/* Left out where it is the default, so that policies from before it was one keep their version. */
static void write_incident(struct to_json *w, const struct policy *p)
{
    struct by_sensitivity sorted[POLICY_MAX_SENSITIVITIES];
    if (p->incident_open == policy_incident_default(p))
        return;
    sort_sensitivities(p, sorted);
    to_json_key(w, "incident");
    to_json_object(w);
    for (size_t i = 0; i < p->sensitivity_count; i++) {
        to_json_key_span(w, sorted[i].name);
        to_json_text(w, (p->incident_open >> sorted[i].index & 1U) != 0 ? SPAN_LITERAL("allow") : SPAN_LITERAL("keep"));
    }
    to_json_end(w);
}

static void write_proof(struct to_json *w, const struct policy *p)
{
    struct by_sensitivity sorted[POLICY_MAX_SENSITIVITIES];
    sort_sensitivities(p, sorted);
    to_json_key(w, "proof");
    to_json_object(w);
    for (size_t i = 0; i < p->sensitivity_count; i++)
        to_json_member_text(w, sorted[i].name.at, span_of(proof_name(p->proof[sorted[i].index])));
    to_json_end(w);
}

static void write_unidentified(struct to_json *w, const struct policy *p)
{
    static const char *const names[] = { "allow", "warn", "deny" };
    struct by_sensitivity sorted[POLICY_MAX_SENSITIVITIES];
    sort_sensitivities(p, sorted);
    to_json_key(w, "unidentified_device");
    to_json_object(w);
    for (size_t i = 0; i < p->sensitivity_count; i++) {
        to_json_key_span(w, sorted[i].name);
        to_json_text(w, span_of(names[p->unidentified[sorted[i].index]]));
    }
    to_json_end(w);
}

static void write_visible_after(struct to_json *w, const struct policy *p)
{
    to_json_key(w, "visible_after");
    to_json_object(w);
    policy_write_duration(w, "apart", p->visible_after.apart_s);
    to_json_member_int(w, "reads", p->visible_after.reads);
    to_json_end(w);
}

static void write_lists(struct to_json *w, const struct policy *p)
{
    policy_write_texts(w, "actions", p->actions, p->action_count);
    to_json_key(w, "apps");
    to_json_array(w);
    for (size_t i = 0; i < p->app_count; i++)
        write_app(w, p, &p->apps[i]);
    to_json_end(w);
    policy_write_texts(w, "break_glass", p->break_glass, p->break_glass_count);
    write_breaker(w, p);
    to_json_key(w, "checks");
    to_json_array(w);
    for (size_t i = 0; i < p->check_count; i++)
        write_check(w, &p->checks[i]);
    to_json_end(w);
}

static void write_ladders(struct to_json *w, const struct policy *p)
{
    to_json_key(w, "ladders");
    to_json_array(w);
    for (size_t i = 0; i < p->ladder_count; i++)
        write_ladder(w, p, &p->ladders[i]);
    to_json_end(w);
}

/* A ring of everybody has nothing that it could be taken back to. */
static void write_halt(struct to_json *w, const struct policy *p)
{
    if (p->rings.percent >= 100)
        return;
    if (p->rings.halt.within_s == 0) {
        write_off(w, "halt");
        return;
    }
    to_json_key(w, "halt");
    to_json_object(w);
    to_json_member_int(w, "blocks", p->rings.halt.blocks);
    to_json_member_int(w, "disputes", p->rings.halt.disputes);
    policy_write_duration(w, "within", p->rings.halt.within_s);
    to_json_end(w);
}

static void write_rings(struct to_json *w, const struct policy *p)
{
    to_json_key(w, "rings");
    to_json_object(w);
    policy_write_texts_if(w, "groups", p->rings.groups, p->rings.group_count);
    write_halt(w, p);
    to_json_member_int(w, "percent", p->rings.percent);
    to_json_end(w);
}

void policy_canonical_write(const struct policy *p, struct buf *out)
{
    static const char *const verdicts[] = { "worst", "latest", "best" };
    struct to_json writer, *w = &writer;
    to_json_init(w, out);
    to_json_object(w);
    write_lists(w, p);
    policy_doors_write(p, w);
    write_exemptions(w, p);
    write_grace(w, p);
    write_help(w, p);
    write_incident(w, p);
    write_ladders(w, p);
    policy_mdm_write(p, w);
    write_nudges(w, p);
    write_outage(w, p);
    to_json_member_text(w, "person_verdict", span_of(verdicts[p->person_verdict]));
    to_json_member_text(w, "policy", p->name);
    to_json_member_text(w, "policy_managed_by", p->managed_by_files ? SPAN_LITERAL("files") : SPAN_LITERAL("console"));
    write_proof(w, p);
    write_rings(w, p);
    policy_write_texts(w, "sensitivities", p->sensitivities, p->sensitivity_count);
    write_unidentified(w, p);
    write_visible_after(w, p);
    to_json_end(w);
}
