#include "connectors/notify/nudge_text.h"

#include "connectors/notify/block_kit.h"
#include "posture/base/to_json.h"

#include <string.h>

enum { STEPS_SHOWN = 3, OTHERS_SHOWN = 8, APPS_SHOWN = 5, NAME_MOST = 60, TITLE_MOST = 110, SAW_MOST = 200, WORDS_MOST = 400, STEP_MOST = 200, LINK_MOST = 2900,
       MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400 };

/* One set of words, two dresses: plain text, or Slack's mrkdwn inside blocks. */
struct dress { const struct nudge_text_input *in; struct buf *out; bool slack; };

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
static bool add_clipped(struct buf *out, struct span value, size_t most, bool entities)
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

bool nudge_text_escape(struct span value, size_t most, struct buf *out) { return add_clipped(out, value, most, true); }

static void say(const struct dress *d, const char *words) { buf_append_text(d->out, words); }
static void say_value(const struct dress *d, struct span value, size_t most) { add_clipped(d->out, value, most, d->slack); }

static void say_bold(const struct dress *d, const char *words)
{
    say(d, d->slack ? "*" : "");
    say(d, words);
    say(d, d->slack ? "*" : "");
}

static struct span device_name(const struct device *device)
{
    if (!span_empty(device->name))
        return device->name;
    return span_empty(device->model) ? SPAN_LITERAL("your device") : device->model;
}

static void say_ago(const struct dress *d, int64_t seconds)
{
    int64_t unit = seconds >= 2 * DAY_S ? DAY_S : seconds >= HOUR_S ? HOUR_S : MINUTE_S, count = seconds / unit;
    const char *name = unit == DAY_S ? "day" : unit == HOUR_S ? "hour" : "minute";
    if (count < 1) {
        say(d, "found just now");
        return;
    }
    buf_format(d->out, "found %lld %s%s ago", (long long)count, name, count == 1 ? "" : "s");
}

/* In Slack the reader's own client writes the time in the reader's zone; what it cannot write names the zone. */
static void say_time(const struct dress *d, int64_t at_s)
{
    char text[CALENDAR_TEXT_BYTES];
    const struct nudge_text_input *in = d->in;
    calendar_text(in->calendar, calendar_zone(in->policy, in->person), at_s, in->now_s, true, text);
    if (d->slack)
        buf_format(d->out, "*<!date^%lld^{date_short_pretty} at {time}|", (long long)at_s);
    say_value(d, span_of(text), CALENDAR_TEXT_BYTES);
    say(d, d->slack ? ">*" : "");
}

/* ---- parts, in order ---- */

static void say_introduction(const struct dress *d)
{
    say(d, "Hello");
    if (!span_empty(d->in->person->name)) {
        say(d, " ");
        say_value(d, d->in->person->name, NAME_MOST);
    }
    say(d, ". This is Postern. It looks after the health of the devices you work with. It tells you what to fix and why, before anything closes.");
}

static void say_speaker(const struct dress *d)
{
    const struct result *result = d->in->items[0].result;
    say(d, "Postern");
    if (!span_empty(d->in->policy->help.team)) {
        say(d, ", for ");
        say_value(d, d->in->policy->help.team, NAME_MOST);
    }
    if (result != NULL && result->first_failed_s > 0) {
        say(d, ": ");
        say_ago(d, d->in->now_s - result->first_failed_s);
    }
    say(d, ".");
}

static void say_what(const struct dress *d)
{
    const struct nudge_text_item *item = &d->in->items[0];
    bool saw = item->result != NULL && !span_empty(item->result->saw);
    say_bold(d, "To fix:");
    say(d, " ");
    say_value(d, item->check->title, TITLE_MOST);
    say(d, "\n");
    say_bold(d, "What we saw:");
    say(d, " ");
    say_value(d, saw ? item->result->saw : item->check->what, saw ? SAW_MOST : WORDS_MOST);
}

static void say_why(const struct dress *d)
{
    say_bold(d, "Why it matters:");
    say(d, " ");
    say_value(d, d->in->items[0].check->why, WORDS_MOST);
}

static void say_effort(const struct dress *d, const struct check *check)
{
    say(d, " (");
    if (check->minutes > 0)
        buf_format(d->out, "%u minute%s", check->minutes, check->minutes == 1 ? "" : "s");
    else
        say(d, "a moment");
    say(d, check->needs_admin ? ", needs an admin password" : "");
    say(d, check->restart ? ", with a restart)" : ", no restart)");
}

static void say_steps(const struct dress *d)
{
    const struct nudge_text_item *item = &d->in->items[0];
    const struct check_platform *on = &item->check->on[item->device->platform];
    say_bold(d, "What to do");
    say_effort(d, item->check);
    say_bold(d, ":");
    for (size_t i = 0; i < on->fix_count && i < STEPS_SHOWN; i++) {
        buf_format(d->out, "\n%zu. ", i + 1);
        say_value(d, on->fix[i], STEP_MOST);
    }
    if (on->fix_count > STEPS_SHOWN)
        buf_format(d->out, "\nThen %zu more on your page.", on->fix_count - STEPS_SHOWN);
    if (on->fix_count == 0)
        say(d, "\nYour page says how.");
}

static size_t count_apps(const struct policy *policy, unsigned closes)
{
    size_t count = 0;
    for (size_t i = 0; i < policy->app_count; i++)
        count += !policy->apps[i].repair && (closes >> policy->apps[i].sensitivity & 1) != 0;
    return count;
}

static void say_apps(const struct dress *d, unsigned closes)
{
    const struct policy *policy = d->in->policy;
    size_t count = count_apps(policy, closes), shown = count > APPS_SHOWN ? APPS_SHOWN : count, said = 0;
    for (size_t i = 0; i < policy->app_count && said < shown; i++) {
        const struct app *app = &policy->apps[i];
        if (app->repair || (closes >> app->sensitivity & 1) == 0)
            continue;
        say(d, said == 0 ? "" : said + 1 == shown && count == shown ? " and " : ", ");
        say_value(d, span_empty(app->title) ? app->id : app->title, NAME_MOST);
        said++;
    }
    if (count > shown)
        buf_format(d->out, " and %zu more", count - shown);
}

static void say_deadline(const struct dress *d)
{
    const struct nudge_text_item *item = &d->in->items[0];
    if (item->deadline_s == 0) {
        say(d, "Please do this soon. Nothing closes because of it now.");
        return;
    }
    say(d, "Please do this by ");
    say_time(d, item->deadline_s);
    say(d, ". After that ");
    if (count_apps(d->in->policy, item->closes) > 0)
        say_apps(d, item->closes);
    else
        say(d, "some apps");
    say(d, " will not open on this device. Everything else keeps working.");
}

static void say_others(const struct dress *d, size_t most)
{
    const struct nudge_text_input *in = d->in;
    size_t count = in->item_count - 1, shown = count > most ? most : count;
    say_bold(d, "Also to fix:");
    for (size_t i = 1; i <= shown; i++) {
        say(d, d->slack ? "\n• " : "\n- ");
        say_value(d, in->items[i].check->title, TITLE_MOST);
        say(d, ", on ");
        say_value(d, device_name(in->items[i].device), NAME_MOST);
        if (in->items[i].deadline_s > 0) {
            say(d, ", by ");
            say_time(d, in->items[i].deadline_s);
        }
    }
    if (count > shown)
        buf_format(d->out, "%s%zu more on your page.", shown == 0 ? " " : "\nand ", count - shown);
}

static void say_footer(const struct dress *d)
{
    const struct policy *policy = d->in->policy;
    say(d, "You get this because this device is yours. We write at most once a day. Your page says what is collected.");
    if (!span_empty(policy->help.contact)) {
        say(d, " Questions: ");
        say_value(d, policy->help.contact, TITLE_MOST);
        say(d, ".");
    }
}

/* ---- plain text ---- */

static void write_text(const struct nudge_text_input *in, struct buf *out, unsigned detail)
{
    const struct dress d = { in, out, false };
    if (in->first) {
        say_introduction(&d);
        say(&d, "\n");
    }
    say_speaker(&d);
    say(&d, "\nOn ");
    say_value(&d, device_name(in->items[0].device), NAME_MOST);
    say(&d, ":\n");
    say_what(&d);
    if (detail > 0) {
        say(&d, "\n");
        say_why(&d);
        say(&d, "\n");
        say_steps(&d);
    }
    say(&d, "\n");
    say_deadline(&d);
    if (in->item_count > 1) {
        say(&d, "\n");
        say_others(&d, detail > 1 ? OTHERS_SHOWN : 0);
    }
    say(&d, "\nAll steps, and to check again: ");
    buf_append(out, in->link);
    say(&d, "\n");
    say_footer(&d);
}

/* As much as fits: the page has the rest. */
static enum err_code make_text(const struct nudge_text_input *in, struct buf *text, struct err *err)
{
    struct buf tried;
    enum err_code code = OK;
    for (unsigned detail = 3; detail-- > 0;) {
        buf_init(&tried, NUDGE_TEXT_BYTES);
        write_text(in, &tried, detail);
        code = buf_check(&tried, "a notice", err);
        if (code == OK)
            code = block_kit_check_text(buf_span(&tried), err);
        if (code == OK)
            buf_append(text, buf_span(&tried));
        buf_done(&tried);
        if (code == OK)
            return buf_check(text, "a notice", err);
    }
    return code;
}

/* ---- blocks ---- */

typedef void part_fn(const struct dress *d);

static void write_object(struct to_json *w, const char *type, struct span text)
{
    to_json_object(w);
    to_json_member_text(w, "type", span_of(type));
    to_json_member_text(w, "text", text);
    to_json_end(w);
}

static void write_words(const struct nudge_text_input *in, struct to_json *w, part_fn *part)
{
    struct buf words;
    buf_init(&words, NUDGE_TEXT_BYTES);
    const struct dress d = { in, &words, true };
    part(&d);
    w->out->failed = w->out->failed || words.failed;
    write_object(w, "mrkdwn", buf_span(&words));
    buf_done(&words);
}

static void write_section(const struct nudge_text_input *in, struct to_json *w, part_fn *part)
{
    to_json_object(w);
    to_json_member_text(w, "type", SPAN_LITERAL("section"));
    to_json_key(w, "text");
    write_words(in, w, part);
    to_json_end(w);
}

static void write_context(const struct nudge_text_input *in, struct to_json *w, part_fn *part)
{
    to_json_object(w);
    to_json_member_text(w, "type", SPAN_LITERAL("context"));
    to_json_key(w, "elements");
    to_json_array(w);
    write_words(in, w, part);
    to_json_end(w);
    to_json_end(w);
}

static void write_header(const struct nudge_text_input *in, struct to_json *w)
{
    struct buf words;
    buf_init(&words, NUDGE_TEXT_BYTES);
    buf_append_text(&words, "Something to fix on ");
    add_clipped(&words, device_name(in->items[0].device), NAME_MOST, false);
    w->out->failed = w->out->failed || words.failed;
    to_json_object(w);
    to_json_member_text(w, "type", SPAN_LITERAL("header"));
    to_json_key(w, "text");
    write_object(w, "plain_text", buf_span(&words));
    to_json_end(w);
    buf_done(&words);
}

/* Both lead to the person's page. The label of a button for screen readers names the check. */
static void write_button(const struct nudge_text_input *in, struct to_json *w, const char *words, const char *action, bool primary)
{
    struct buf label;
    buf_init(&label, NUDGE_TEXT_BYTES);
    buf_append_text(&label, words);
    buf_append_text(&label, ": ");
    add_clipped(&label, in->items[0].check->title, NAME_MOST, false);
    w->out->failed = w->out->failed || label.failed;
    to_json_object(w);
    to_json_member_text(w, "type", SPAN_LITERAL("button"));
    to_json_key(w, "text");
    write_object(w, "plain_text", span_of(words));
    to_json_member_text(w, "action_id", span_of(action));
    to_json_member_text(w, "url", in->link);
    to_json_member_text(w, "accessibility_label", buf_span(&label));
    if (primary)
        to_json_member_text(w, "style", SPAN_LITERAL("primary"));
    to_json_end(w);
    buf_done(&label);
}

static void write_actions(const struct nudge_text_input *in, struct to_json *w)
{
    to_json_object(w);
    to_json_member_text(w, "type", SPAN_LITERAL("actions"));
    to_json_key(w, "elements");
    to_json_array(w);
    write_button(in, w, "Check again", "pst.recheck", true);
    write_button(in, w, "Show steps", "pst.steps", false);
    to_json_end(w);
    to_json_end(w);
}

static void say_all_others(const struct dress *d) { say_others(d, OTHERS_SHOWN); }

static void write_blocks(const struct nudge_text_input *in, struct to_json *w)
{
    to_json_array(w);
    write_header(in, w);
    if (in->first)
        write_section(in, w, say_introduction);
    write_context(in, w, say_speaker);
    write_section(in, w, say_what);
    write_section(in, w, say_why);
    write_section(in, w, say_steps);
    write_section(in, w, say_deadline);
    if (in->item_count > 1)
        write_section(in, w, say_all_others);
    write_actions(in, w);
    write_context(in, w, say_footer);
    to_json_end(w);
}

enum err_code nudge_text(const struct nudge_text_input *in, struct buf *text, struct buf *blocks, struct err *err)
{
    struct to_json w;
    if (in->item_count == 0 || in->item_count > NUDGE_TEXT_MOST_ITEMS)
        return err_set(err, ERR_INPUT, "a notice has %zu items, must have 1 to %d", in->item_count, NUDGE_TEXT_MOST_ITEMS);
    if (in->link.bytes > LINK_MOST)
        return err_set(err, ERR_LIMIT, "the link of a notice has %zu bytes, more than %d", in->link.bytes, LINK_MOST);
    enum err_code code = make_text(in, text, err);
    if (code != OK)
        return code;
    to_json_init(&w, blocks);
    write_blocks(in, &w);
    code = buf_check(blocks, "the blocks of a notice", err);
    return code == OK ? block_kit_check_message(buf_span(blocks), err) : code;
}
