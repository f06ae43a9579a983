/* decision, its words: for the person in plain language and without blame, for the admin exact; and the lines of explain. */
#include "posture/base/buf.h"
#include "posture/base/clock.h"
#include "posture/decision_parts.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_BYTES = 1024, TEXT_BYTES = 4096, CHECKS_TOLD = 8 };

void decision_step(const struct deciding *d, const char *format, ...)
{
    char line[LINE_BYTES];
    if (d->step == NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (wanted > 0)
        d->step(d->context, span_make(line, (size_t)wanted < sizeof line ? (size_t)wanted : sizeof line - 1));
}

/* ---- parts ---- */

static void add_time(struct buf *out, int64_t at_s)
{
    char text[CLOCK_TEXT_BYTES];
    buf_append_text(out, clock_rfc3339(at_s, text));
}

static void add_duration(struct buf *out, int64_t seconds)
{
    int64_t days = seconds / 86400, hours = seconds / 3600 % 24, minutes = seconds / 60 % 60;
    if (days > 0)
        buf_format(out, "%lldd %lldh", (long long)days, (long long)hours);
    else if (hours > 0)
        buf_format(out, "%lldh %lldm", (long long)hours, (long long)minutes);
    else
        buf_format(out, "%lldm %llds", (long long)minutes, (long long)(seconds % 60));
}

static void add_sensitivities(struct buf *out, const struct policy *policy, unsigned bits)
{
    const char *between = "";
    for (size_t i = 0; i < policy->sensitivity_count; i++) {
        if ((bits >> i & 1) == 0)
            continue;
        buf_append_text(out, between);
        buf_append(out, policy->sensitivities[i]);
        between = ", ";
    }
}

static void add_pauses(struct buf *out, unsigned bits)
{
    for (unsigned bit = PAUSE_ABSENCE; bit <= PAUSE_LAST; bit <<= 1)
        if (bits & bit)
            buf_format(out, " (%s)", pause_name(bit));
}

/* " (stage report: would be on rung sensitive since 2026-11-20T..., would close sensitive, critical)". */
static void add_would(struct buf *out, const struct policy *policy, const struct standing *s)
{
    if (s->stage == STAGE_ENFORCE)
        return;
    buf_format(out, " (stage %s", stage_name(s->stage));
    if (s->would.rung > s->rung) {
        buf_format(out, ": would be on rung %.*s since ", SPAN_ARGS(s->ladder->rungs[s->would.rung].id));
        add_time(out, s->would.rung_s);
    }
    if (s->would.closed != 0) {
        buf_append_text(out, ", would close ");
        add_sensitivities(out, policy, s->would.closed);
    }
    if (s->would.warn)
        buf_append_text(out, ", would warn");
    buf_append_text(out, ")");
}

/* "ladder default: rung sensitive reached 2026-11-20T..., closes sensitive, critical". */
static void add_standing(struct buf *out, const struct policy *policy, const struct standing *s)
{
    buf_append(out, s->check->id);
    buf_format(out, " %s, failing since ", verdict_name(s->result->verdict));
    add_time(out, s->result->first_failed_s);
    if (s->exemption != NULL) {
        buf_format(out, "; exempted by %.*s (%.*s) until ", SPAN_ARGS(s->exemption->approver), SPAN_ARGS(s->exemption->id));
        add_time(out, s->exemption->end_s);
        return;
    }
    if (s->ladder == NULL) {
        buf_append_text(out, "; no ladder applies");
        return;
    }
    buf_format(out, "; ladder %.*s: ", SPAN_ARGS(s->ladder->id));
    if (s->rung < 0) {
        buf_append_text(out, "no rung reached");
    } else {
        buf_format(out, "rung %.*s reached ", SPAN_ARGS(s->ladder->rungs[s->rung].id));
        add_time(out, s->rung_s);
    }
    if (s->closed != 0) {
        buf_append_text(out, ", closes ");
        add_sensitivities(out, policy, s->closed);
    }
    if (s->warn)
        buf_append_text(out, ", warns");
    add_would(out, policy, s);
    buf_format(out, "; %u notices, clock at ", s->notices);
    add_duration(out, s->running_s);
    if (s->carried_s > 0) {
        buf_append_text(out, ", came back within 7 days: ");
        add_duration(out, s->carried_s);
        buf_append_text(out, " was used before, half of the rest is left to each rung");
    }
}

static void add_future(struct buf *out, const struct standing *s)
{
    if (s->paused != 0) {
        buf_append_text(out, ", stopped");
        add_pauses(out, s->paused);
    }
    if (s->waiting_for_notice)
        buf_append_text(out, ", waits for a notice to be delivered");
    if (s->grace_until_s > 0) {
        buf_append_text(out, ", grace until ");
        add_time(out, s->grace_until_s);
    }
    if (s->next_s > 0) {
        buf_append_text(out, ", next rung ");
        add_time(out, s->next_s);
    }
}

static void add_device(struct buf *out, const struct device *device)
{
    buf_append(out, device->id);
    if (!span_empty(device->name))
        buf_format(out, " (%.*s)", SPAN_ARGS(device->name));
}

void decision_tell_standings(const struct deciding *d, const struct device *device, const struct standing *standings, size_t count)
{
    struct buf line;
    if (d->step == NULL)
        return;
    decision_step(d, "device %.*s (%.*s): %zu failing checks that show", SPAN_ARGS(device->id), SPAN_ARGS(device->name), count);
    buf_init(&line, LINE_BYTES);
    for (size_t i = 0; i < count; i++) {
        buf_clear(&line);
        add_standing(&line, d->in->policy, &standings[i]);
        add_future(&line, &standings[i]);
        d->step(d->context, buf_span(&line));
    }
    buf_done(&line);
}

void decision_tell_pass(const struct deciding *d, const struct pass *pass)
{
    char from[CLOCK_TEXT_BYTES], to[CLOCK_TEXT_BYTES];
    if (d->step == NULL)
        return;
    decision_step(d, "continue once (%.*s): %.*s stays open here from %s to %s, because: %.*s", SPAN_ARGS(pass->id), SPAN_ARGS(pass->app), clock_rfc3339(pass->time.from_s, from),
                  clock_rfc3339(pass->time.to_s, to), SPAN_ARGS(pass->reason));
}

/* ---- for the admin ---- */

static void add_blocking(struct buf *out, const struct deciding *d)
{
    const struct decision *o = d->out;
    size_t told = 0;
    for (size_t i = 0; i < o->standing_count && told < CHECKS_TOLD; i++) {
        const struct standing *s = &o->standings[i];
        bool counts = (s->closed >> d->in->app->sensitivity & 1) != 0 || s->warn;
        if (!counts)
            continue;
        buf_append_text(out, told++ == 0 ? ": " : "; ");
        add_standing(out, d->in->policy, s);
    }
}

static void add_weak_proof(struct buf *out, const struct deciding *d)
{
    const char *least = proof_name(d->in->policy->proof[d->in->app->sensitivity]);
    if (d->in->proof == PROOF_NONE)
        buf_format(out, ": no device was proved, and %s is the least here", least);
    else
        buf_format(out, ": the device was proved by %s only, and %s is the least here", proof_name(d->in->proof), least);
}

static void add_asked(struct buf *out, const struct deciding *d)
{
    const struct decision_input *in = d->in;
    const struct decision *o = d->out;
    switch (o->rule) {
    case RULE_BREAK_GLASS:
    case RULE_UNKNOWN_PERSON: buf_format(out, ": \"%.*s\"", SPAN_ARGS(in->person_asked)); break;
    case RULE_UNKNOWN_APP: buf_format(out, ": \"%.*s\"", SPAN_ARGS(in->app_asked)); break;
    case RULE_UNKNOWN_ACTION: buf_format(out, ": \"%.*s\" on app %.*s", SPAN_ARGS(in->action), SPAN_ARGS(in->app->id)); break;
    case RULE_OUTAGE: buf_format(out, in->policy == NULL ? ": no policy is in force yet" : ": the store has been silent for %lld s", (long long)in->store_age_s); break;
    case RULE_NO_DEVICE: buf_append_text(out, ": no device of this person was seen in the last 30 days"); break;
    case RULE_UNIDENTIFIED: buf_append_text(out, o->device == NULL ? ": the door proved no device that is known" : ": another person's device, or nobody's"); break;
    case RULE_DUPLICATE: buf_format(out, ": duplicate identity, in conflict with %.*s", SPAN_ARGS(o->device->duplicate_of)); break;
    case RULE_WEAK_PROOF: add_weak_proof(out, d); break;
    case RULE_INCIDENT: buf_append_text(out, ": an incident is on, and the policy opens this sensitivity meanwhile"); break;
    case RULE_UNOWNED: buf_append_text(out, ": the device has no owner"); break;
    case RULE_LADDER_CLOSED:
    case RULE_LADDER_WARN:
    case RULE_REPAIR_APP: add_blocking(out, d); break;
    case RULE_CONTINUED_ONCE:
        buf_append_text(out, ": open until ");
        add_time(out, o->pass->time.to_s);
        add_blocking(out, d);
        break;
    case RULE_GOOD: buf_append_text(out, ": nothing that fails closes this app or warns"); break;
    }
}

static void say_admin(struct buf *out, const struct deciding *d)
{
    buf_append_text(out, rule_name(d->out->rule));
    if (d->out->device != NULL) {
        buf_append_text(out, " on ");
        add_device(out, d->out->device);
    }
    add_asked(out, d);
    if (d->in->policy != NULL)
        buf_format(out, "; policy %.12s", d->in->policy->version);
}

/* ---- for the person ---- */

static struct span app_title(const struct deciding *d)
{
    if (d->in->app == NULL)
        return span_empty(d->in->app_asked) ? SPAN_LITERAL("this app") : d->in->app_asked;
    return span_empty(d->in->app->title) ? d->in->app->id : d->in->app->title;
}

static struct span device_name(const struct device *device)
{
    if (device == NULL)
        return SPAN_LITERAL("this device");
    if (!span_empty(device->name))
        return device->name;
    return span_empty(device->model) ? SPAN_LITERAL("this device") : device->model;
}

static struct span helper(const struct deciding *d)
{
    const struct policy *policy = d->in->policy;
    if (policy != NULL && !span_empty(policy->help.contact))
        return policy->help.contact;
    return policy != NULL && !span_empty(policy->help.team) ? policy->help.team : SPAN_LITERAL("your IT team");
}

static void say_ask(struct buf *out, const struct deciding *d) { buf_format(out, " Please ask %.*s.", SPAN_ARGS(helper(d))); }

static size_t things_to_fix(const struct deciding *d)
{
    size_t count = 0;
    for (size_t i = 0; i < d->out->standing_count; i++) {
        const struct standing *s = &d->out->standings[i];
        count += d->out->outcome == OUTCOME_DENY ? s->closed >> d->in->app->sensitivity & 1 : s->warn;
    }
    return count;
}

static void say_things(struct buf *out, const struct deciding *d, const char *before)
{
    size_t count = things_to_fix(d);
    if (count > 1)
        buf_format(out, "%zu things to fix on %.*s%s. First:", count, SPAN_ARGS(device_name(d->out->device)), before);
    else
        buf_format(out, "One thing to fix on %.*s%s.", SPAN_ARGS(device_name(d->out->device)), before);
    const struct check *check = d->out->blocking->check;
    struct span words = span_empty(check->what) ? check->title : check->what;
    buf_format(out, " %.*s", SPAN_ARGS(words));
}

static void say_closed(struct buf *out, const struct deciding *d)
{
    struct span title = app_title(d), device = device_name(d->out->device);
    enum verdict verdict = d->out->blocking->result->verdict;
    char before[256];
    if (verdict == VERDICT_UNKNOWN) {
        buf_format(out, "We could not check %.*s lately, so %.*s does not open. Keep it awake and online, then check again.", SPAN_ARGS(device), SPAN_ARGS(title));
        return;
    }
    if (verdict == VERDICT_IN_PROGRESS) {
        buf_format(out, "A fix is under way on %.*s. %.*s opens when it is done.", SPAN_ARGS(device), SPAN_ARGS(title));
        return;
    }
    snprintf(before, sizeof before, " before you can open %.*s", SPAN_ARGS(span_slice(title, 0, 200)));
    say_things(out, d, before);
}

static void say_warning(struct buf *out, const struct deciding *d)
{
    char when[CALENDAR_TEXT_BYTES];
    struct span title = app_title(d);
    say_things(out, d, "");
    if (d->out->deadline_s == 0)
        return;
    calendar_text(d->in->calendar, calendar_zone(d->in->policy, d->in->person), d->out->deadline_s, d->in->now_s, true, when);
    buf_format(out, " Please do this by %s. After that %.*s does not open on this device.", when, SPAN_ARGS(title));
}

static void say_continued(struct buf *out, const struct deciding *d)
{
    char when[CALENDAR_TEXT_BYTES];
    calendar_text(d->in->calendar, calendar_zone(d->in->policy, d->in->person), d->out->pass->time.to_s, d->in->now_s, true, when);
    buf_format(out, "You continue once: %.*s stays open on %.*s until %s. Please fix it before then.", SPAN_ARGS(app_title(d)), SPAN_ARGS(device_name(d->out->device)), when);
}

static void say_unidentified(struct buf *out, const struct deciding *d)
{
    struct span title = app_title(d);
    switch (d->out->rule) {
    case RULE_DUPLICATE: buf_append_text(out, "Two devices say that they are this one, so we cannot tell them apart."); break;
    case RULE_NO_DEVICE: buf_append_text(out, "We have seen no device of yours in the last 30 days."); break;
    case RULE_WEAK_PROOF: buf_append_text(out, "This app needs a surer sign of which device you are using."); break;
    default: buf_append_text(out, d->out->device == NULL ? "We could not tell which device you are using." : "This device is not set up for you."); break;
    }
    buf_format(out, " %.*s %s.", SPAN_ARGS(title), d->out->outcome == OUTCOME_DENY ? "does not open without that" : "opens this time");
    say_ask(out, d);
}

static void say_outage(struct buf *out, const struct deciding *d)
{
    struct span title = app_title(d);
    if (d->out->outcome == OUTCOME_DENY)
        buf_format(out, "Our check is not working right now, so %.*s does not open. Please try again in a few minutes, or ask %.*s.", SPAN_ARGS(title), SPAN_ARGS(helper(d)));
    else
        buf_append_text(out, "Our check is not working right now. You are let in.");
}

static void say_user(struct buf *out, const struct deciding *d)
{
    struct span title = app_title(d);
    switch (d->out->rule) {
    case RULE_OUTAGE:
    case RULE_INCIDENT: say_outage(out, d); break;
    case RULE_UNKNOWN_PERSON: buf_append_text(out, "We do not know your account yet."), say_ask(out, d); break;
    case RULE_UNKNOWN_APP: buf_append_text(out, "This app is not set up here yet."), say_ask(out, d); break;
    case RULE_UNKNOWN_ACTION: buf_format(out, "This way to use %.*s is not set up here yet.", SPAN_ARGS(title)), say_ask(out, d); break;
    case RULE_UNIDENTIFIED:
    case RULE_NO_DEVICE:
    case RULE_DUPLICATE:
    case RULE_WEAK_PROOF: say_unidentified(out, d); break;
    case RULE_LADDER_CLOSED: say_closed(out, d); break;
    case RULE_LADDER_WARN: say_warning(out, d); break;
    case RULE_CONTINUED_ONCE: say_continued(out, d); break;
    case RULE_BREAK_GLASS:
    case RULE_REPAIR_APP:
    case RULE_UNOWNED:
    case RULE_GOOD: break;
    }
}

/* A refusal always has a reason, even when memory is short. */
static struct span finish(struct deciding *d, const struct buf *text, const char *otherwise)
{
    struct span copy = text->failed ? SPAN_NONE : arena_copy(d->arena, buf_span(text));
    return copy.at == NULL || (text->failed && d->out->outcome != OUTCOME_ALLOW) ? span_of(otherwise) : copy;
}

void decision_give_reasons(struct deciding *d)
{
    struct buf text;
    bool nothing_to_say = d->out->rule == RULE_GOOD && d->out->standing_count == 0;
    if (nothing_to_say || (d->out->rule == RULE_UNIDENTIFIED && d->out->outcome == OUTCOME_ALLOW && d->out->device == NULL))
        return;
    buf_init(&text, TEXT_BYTES);
    if (d->out->rule != RULE_UNIDENTIFIED || d->out->outcome != OUTCOME_ALLOW)
        say_user(&text, d);
    d->out->reason_user = finish(d, &text, "There is something to fix on this device.");
    buf_clear(&text);
    say_admin(&text, d);
    d->out->reason_admin = finish(d, &text, rule_name(d->out->rule));
    buf_done(&text);
}
