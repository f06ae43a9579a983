#include "connectors/notify/nudge_words.h"

#include "connectors/notify/block_kit.h"

enum { STEPS_SHOWN = 3, STEPS_ALL = 12 /* as many as a block has room for */, APPS_SHOWN = 5, SAW_MOST = 200, WORDS_MOST = 400, STEP_MOST = 200, FALLBACK_LINE = 120, FALLBACK_LINES = 5, MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400 };

/* ---- values and marks ---- */

static size_t code_point_bytes(struct span s, size_t at)
{
    size_t bytes = 1;
    while (bytes < 4 && at + bytes < s.bytes && ((unsigned char)s.at[at + bytes] & 0xc0) == 0x80)
        bytes++;
    return bytes;
}

/* A code point as it is written; entities only where Slack reads them. */
static struct span as_written(struct span point, bool entities)
{
    unsigned char byte = (unsigned char)point.at[0];
    if (byte < 0x20 || byte == 0x7f)
        return SPAN_LITERAL(" ");
    if (entities && byte == '&')
        return SPAN_LITERAL("&amp;");
    if (entities && byte == '<')
        return SPAN_LITERAL("&lt;");
    if (entities && byte == '>')
        return SPAN_LITERAL("&gt;");
    return point;
}

/* Room is counted as written, so that bounds of blocks hold whatever a device is called. */
bool nudge_words_clip(struct buf *out, struct span value, size_t most, bool entities)
{
    size_t used = 0, fits = out->bytes; /* fits: where the last character ends that leaves room for "…" */
    for (size_t at = 0; at < value.bytes && !out->failed;) {
        struct span point = span_slice(value, at, code_point_bytes(value, at)), written = as_written(point, entities);
        size_t length = block_kit_length(written);
        used += length > 0 ? length : 1; /* stray bytes count too */
        if (used > most)
            break;
        buf_append(out, written);
        at += point.bytes;
        if (used < most)
            fits = out->bytes;
    }
    if (used > most && !out->failed) {
        out->bytes = fits;
        buf_append_text(out, "…");
    }
    return !out->failed;
}

bool nudge_text_escape(struct span value, size_t most, struct buf *out) { return nudge_words_clip(out, value, most, true); }

static void say(const struct nudge_words *w, const char *words)
{
    struct span rest = span_of(words), line;
    if (w->dress != NUDGE_HTML) {
        buf_append(w->out, rest);
        return;
    }
    while (span_cut(&rest, '\n', &line)) {
        buf_append(w->out, line);
        buf_append_text(w->out, rest.at != NULL ? "<br>\n" : "");
    }
}

static void say_value(const struct nudge_words *w, struct span value, size_t most) { nudge_words_clip(w->out, value, most, w->dress != NUDGE_PLAIN); }

void nudge_words_say(const struct nudge_words *w, const char *words) { say(w, words); }
void nudge_words_value(const struct nudge_words *w, struct span value, size_t most) { say_value(w, value, most); }

void nudge_words_bold(const struct nudge_words *w, const char *words)
{
    static const struct { const char *before, *after; } marks[] = { [NUDGE_PLAIN] = { "", "" }, [NUDGE_SLACK] = { "*", "*" }, [NUDGE_HTML] = { "<strong>", "</strong>" } };
    say(w, marks[w->dress].before);
    say(w, words);
    say(w, marks[w->dress].after);
}

/* ---- lists ---- */

static void begin_list(const struct nudge_words *w, bool numbered)
{
    if (w->dress == NUDGE_HTML)
        buf_append_text(w->out, numbered ? "<ol>\n" : "<ul>\n");
}

/* `number` 0: no number. */
static void begin_item(const struct nudge_words *w, size_t number)
{
    if (w->dress == NUDGE_HTML)
        buf_append_text(w->out, "<li>");
    else if (number > 0)
        buf_format(w->out, "\n%zu. ", number);
    else
        buf_append_text(w->out, w->dress == NUDGE_SLACK ? "\n• " : "\n- ");
}

static void end_item(const struct nudge_words *w) { buf_append_text(w->out, w->dress == NUDGE_HTML ? "</li>\n" : ""); }

static void end_list(const struct nudge_words *w, bool numbered)
{
    if (w->dress == NUDGE_HTML)
        buf_append_text(w->out, numbered ? "</ol>\n" : "</ul>\n");
}

/* After a list a line of its own begins by itself in HTML. */
static const char *new_line(const struct nudge_words *w) { return w->dress == NUDGE_HTML ? "" : "\n"; }

struct span nudge_words_device(const struct device *device)
{
    if (!span_empty(device->name))
        return device->name;
    return span_empty(device->model) ? SPAN_LITERAL("your device") : device->model;
}

static void say_ago(const struct nudge_words *w, int64_t seconds)
{
    int64_t unit = seconds >= 2 * DAY_S ? DAY_S : seconds >= HOUR_S ? HOUR_S : MINUTE_S, count = seconds / unit;
    const char *name = unit == DAY_S ? "day" : unit == HOUR_S ? "hour" : "minute";
    if (count < 1) {
        say(w, "found just now");
        return;
    }
    buf_format(w->out, "found %lld %s%s ago", (long long)count, name, count == 1 ? "" : "s");
}

/* In Slack the reader's own client writes the time in the reader's zone; what it cannot write names the zone. */
void nudge_words_time(const struct nudge_words *w, int64_t at_s)
{
    char text[CALENDAR_TEXT_BYTES];
    const struct nudge_text_input *in = w->in;
    calendar_text(in->calendar, calendar_zone(in->policy, in->person), at_s, in->now_s, true, text);
    if (w->dress == NUDGE_SLACK)
        buf_format(w->out, "*<!date^%lld^{date_short_pretty} at {time}|", (long long)at_s);
    say_value(w, span_of(text), CALENDAR_TEXT_BYTES);
    say(w, w->dress == NUDGE_SLACK ? ">*" : "");
}

/* ---- parts, in order ---- */

void nudge_words_introduction(const struct nudge_words *w)
{
    say(w, "Hello");
    if (!span_empty(w->in->person->name)) {
        say(w, " ");
        say_value(w, w->in->person->name, NUDGE_WORDS_NAME);
    }
    say(w, ". This is Postern. It looks after the health of the devices you work with. It tells you what to fix and why, before anything closes.");
}

void nudge_words_speaker(const struct nudge_words *w)
{
    const struct result *result = w->in->items[0].result;
    say(w, "Postern");
    if (!span_empty(w->in->policy->help.team)) {
        say(w, ", for ");
        say_value(w, w->in->policy->help.team, NUDGE_WORDS_NAME);
    }
    if (result != NULL && result->first_failed_s > 0) {
        say(w, ": ");
        say_ago(w, w->in->now_s - result->first_failed_s);
    }
    say(w, ".");
}

void nudge_words_what(const struct nudge_words *w)
{
    const struct nudge_text_item *item = &w->in->items[0];
    bool saw = item->result != NULL && !span_empty(item->result->saw);
    nudge_words_bold(w, "To fix:");
    say(w, " ");
    say_value(w, item->check->title, NUDGE_WORDS_TITLE);
    say(w, "\n");
    nudge_words_bold(w, "What we saw:");
    say(w, " ");
    say_value(w, saw ? item->result->saw : item->check->what, saw ? SAW_MOST : WORDS_MOST);
}

void nudge_words_why(const struct nudge_words *w)
{
    nudge_words_bold(w, "Why it matters:");
    say(w, " ");
    say_value(w, w->in->items[0].check->why, WORDS_MOST);
}

static void say_effort(const struct nudge_words *w, const struct check *check)
{
    say(w, " (");
    if (check->minutes > 0)
        buf_format(w->out, "%u minute%s", check->minutes, check->minutes == 1 ? "" : "s");
    else
        say(w, "a moment");
    say(w, check->needs_admin ? ", needs an admin password" : "");
    say(w, check->restart ? ", with a restart)" : ", no restart)");
}

void nudge_words_steps(const struct nudge_words *w)
{
    const struct nudge_text_item *item = &w->in->items[0];
    const struct check_platform *on = &item->check->on[item->device->platform];
    size_t shown = w->in->all_steps ? STEPS_ALL : STEPS_SHOWN;
    nudge_words_bold(w, "What to do");
    say_effort(w, item->check);
    nudge_words_bold(w, ":");
    if (on->fix_count > 0)
        begin_list(w, true);
    for (size_t i = 0; i < on->fix_count && i < shown; i++) {
        begin_item(w, i + 1);
        say_value(w, on->fix[i], STEP_MOST);
        end_item(w);
    }
    if (on->fix_count > 0)
        end_list(w, true);
    if (on->fix_count > shown)
        buf_format(w->out, "%sThen %zu more on your page.", new_line(w), on->fix_count - shown);
    if (on->fix_count == 0)
        say(w, "\nYour page says how.");
}

static size_t count_apps(const struct policy *policy, unsigned closes)
{
    size_t count = 0;
    for (size_t i = 0; i < policy->app_count; i++)
        count += !policy->apps[i].repair && (closes >> policy->apps[i].sensitivity & 1) != 0;
    return count;
}

void nudge_words_apps(const struct nudge_words *w, unsigned closes)
{
    const struct policy *policy = w->in->policy;
    size_t count = count_apps(policy, closes), shown = count > APPS_SHOWN ? APPS_SHOWN : count, said = 0;
    for (size_t i = 0; i < policy->app_count && said < shown; i++) {
        const struct app *app = &policy->apps[i];
        if (app->repair || (closes >> app->sensitivity & 1) == 0)
            continue;
        say(w, said == 0 ? "" : said + 1 == shown && count == shown ? " and " : ", ");
        say_value(w, span_empty(app->title) ? app->id : app->title, NUDGE_WORDS_NAME);
        said++;
    }
    if (count > shown)
        buf_format(w->out, " and %zu more", count - shown);
}

static void say_lines(const struct nudge_words *w, const char *before, const struct span *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        say(w, i == 0 ? before : "; ");
        say_value(w, lines[i], FALLBACK_LINE);
    }
    say(w, count > 0 ? "." : "");
}

/* Announced with what it would mean, since the time to think it over counts from this message. Several devices: the first, the page says all. */
static void say_fallback(const struct nudge_words *w)
{
    const struct policy_mdm *mdm = &w->in->policy->mdm;
    const struct device *device = NULL;
    for (size_t i = 0; i < w->in->item_count && device == NULL; i++)
        if (w->in->items[i].device->fallback.state == FALLBACK_ANNOUNCED)
            device = w->in->items[i].device;
    if (device == NULL)
        return;
    say(w, "\nIf it is not fixed, ");
    if (span_empty(w->in->policy->help.team))
        say(w, "your IT team");
    else
        say_value(w, w->in->policy->help.team, NUDGE_WORDS_NAME);
    say(w, " will look after the settings of ");
    say_value(w, nudge_words_device(device), NUDGE_WORDS_NAME);
    say(w, ", not before ");
    nudge_words_time(w, (device->fallback.told_s > 0 ? device->fallback.told_s : w->in->now_s) + mdm->announce_before_s);
    say(w, ".");
    say_lines(w, " They can see: ", mdm->sees, mdm->sees_count < FALLBACK_LINES ? mdm->sees_count : FALLBACK_LINES);
    say_lines(w, " They can do: ", mdm->does, mdm->does_count < FALLBACK_LINES ? mdm->does_count : FALLBACK_LINES);
    say(w, " There is a way back. Your page says more.");
}

static void say_deadline(const struct nudge_words *w)
{
    const struct nudge_text_item *item = &w->in->items[0];
    bool closed = count_apps(w->in->policy, item->closed) > 0;
    if (closed) {
        nudge_words_apps(w, item->closed);
        say(w, " will not open on this device until it is fixed. Then all opens again at once.");
    }
    if (item->deadline_s == 0) {
        say(w, closed ? " Everything else keeps working." : "Please do this soon. Nothing closes because of it now.");
        return;
    }
    say(w, closed ? "\n" : "");
    say(w, item->came_back ? "This came back within 7 days, so there is less time to fix it. " : "");
    say(w, "Please do this by ");
    nudge_words_time(w, item->deadline_s);
    say(w, ". After that ");
    if (count_apps(w->in->policy, item->closes) > 0)
        nudge_words_apps(w, item->closes);
    else
        say(w, "some apps");
    say(w, " will not open on this device. Everything else keeps working.");
}

void nudge_words_deadline(const struct nudge_words *w)
{
    say_deadline(w);
    say_fallback(w);
}

void nudge_words_others_short(const struct nudge_words *w, size_t most)
{
    const struct nudge_text_input *in = w->in;
    size_t count = in->item_count - 1, shown = count > most ? most : count;
    nudge_words_bold(w, "Also to fix:");
    if (shown > 0)
        begin_list(w, false);
    for (size_t i = 1; i <= shown; i++) {
        begin_item(w, 0);
        say_value(w, in->items[i].check->title, NUDGE_WORDS_TITLE);
        say(w, ", on ");
        say_value(w, nudge_words_device(in->items[i].device), NUDGE_WORDS_NAME);
        if (in->items[i].deadline_s > 0) {
            say(w, ", by ");
            nudge_words_time(w, in->items[i].deadline_s);
        }
        end_item(w);
    }
    if (shown > 0)
        end_list(w, false);
    if (count > shown)
        buf_format(w->out, "%s%s%zu more on your page.", shown == 0 ? " " : new_line(w), shown == 0 ? "" : "and ", count - shown);
}

void nudge_words_others(const struct nudge_words *w) { nudge_words_others_short(w, NUDGE_WORDS_OTHERS); }

void nudge_words_reminder(const struct nudge_words *w, const struct nudge_text_reminder *reminder)
{
    say(w, reminder->theirs ? "Your exemption ends " : "An exemption that you approved ends ");
    nudge_words_time(w, reminder->end_s);
    say(w, ": ");
    say_value(w, reminder->title, NUDGE_WORDS_TITLE);
    say(w, ", on ");
    say_value(w, reminder->subject, NUDGE_WORDS_TITLE);
    say(w, ". After that it counts again.");
}

void nudge_words_reminders(const struct nudge_words *w)
{
    for (size_t i = 0; i < w->in->reminder_count && i < NUDGE_REMINDERS; i++) {
        nudge_words_say(w, i > 0 ? "\n" : "");
        nudge_words_reminder(w, &w->in->reminders[i]);
    }
}

void nudge_words_footer(const struct nudge_words *w)
{
    const struct policy *policy = w->in->policy;
    say(w, "You get this because this device is yours. We write at most once a day. Your page says what is collected.");
    if (!span_empty(policy->help.contact)) {
        say(w, " Questions: ");
        say_value(w, policy->help.contact, NUDGE_WORDS_TITLE);
        say(w, ".");
    }
}
