#include "gateway/slack/slack_say.h"

#include "connectors/notify/block_kit.h"
#include "connectors/notify/block_write.h"
#include "gateway/pages/words.h"
#include "gateway/slack/slack_say_exemptions.h"
#include "gateway/slack/slack_say_parts.h"

#include "posture/evaluate.h"

#include <string.h>

enum { CHECKS_SHOWN = 12, DEVICES_SHOWN = 8 };

void slack_said_init(struct slack_said *s)
{
    buf_init(&s->text, SLACK_SAY_BYTES);
    buf_init(&s->blocks, SLACK_SAY_BYTES);
}

void slack_said_done(struct slack_said *s)
{
    buf_done(&s->text);
    buf_done(&s->blocks);
}

/* ---- words ---- */

void say_words(const struct say *s, const char *words) { buf_append_text(s->out, words); }
void say_value(const struct say *s, struct span value, size_t most) { nudge_words_clip(s->out, value, most, s->slack); }

void say_strong(const struct say *s, struct span value, size_t most)
{
    say_words(s, s->slack ? "*" : "");
    say_value(s, value, most);
    say_words(s, s->slack ? "*" : "");
}

void say_time(const struct say *s, int64_t at_s)
{
    char text[CALENDAR_TEXT_BYTES];
    calendar_text(s->scene->node->calendar, s->scene->zone, at_s, s->scene->now_s, true, text);
    if (s->slack)
        buf_format(s->out, "<!date^%lld^{date_short_pretty} at {time}|", (long long)at_s);
    say_value(s, span_of(text), CALENDAR_TEXT_BYTES);
    say_words(s, s->slack ? ">" : "");
}

void say_ago(const struct say *s, int64_t at_s) { buf_append(s->out, words_ago(s->scene->arena, s->scene->now_s - at_s)); }

void say_page(const struct say *s, const char *words)
{
    if (span_empty(s->scene->link))
        return;
    say_words(s, s->slack ? "<" : "");
    buf_append(s->out, s->scene->link);
    say_words(s, s->slack ? "|" : " (");
    say_words(s, words);
    say_words(s, s->slack ? ">" : ")");
}

/* ---- parts ---- */

static void say_count(const struct say *s, size_t count, const char *one, const char *many) { buf_format(s->out, "%zu %s", count, count == 1 ? one : many); }

void say_state(const struct say *s)
{
    const struct slack_scene *scene = s->scene;
    if (scene->devices == 0) {
        say_words(s, "We know no device of yours yet.");
        return;
    }
    say_count(s, scene->devices, "device", "devices");
    if (scene->to_fix == 0) {
        say_words(s, ". Nothing to fix.");
        return;
    }
    say_words(s, ", ");
    say_count(s, scene->to_fix, "thing to fix", "things to fix");
    if (scene->soonest_s > 0) {
        say_words(s, ", the first by ");
        say_time(s, scene->soonest_s);
    }
    say_words(s, ".");
}

static void say_phase(const struct say *s, enum nudge_phase phase)
{
    static const char *const words[] = { [NUDGE_CHECKING] = "\nChecking now. This takes about 20 seconds.", [NUDGE_WAITING] = "\nWaiting for its answer. Keep it awake and online.",
                                         [NUDGE_SILENT] = "\nNo answer yet. We go on asking." };
    if (phase == NUDGE_CHECKING || phase == NUDGE_WAITING || phase == NUDGE_SILENT)
        say_words(s, words[phase]);
}

static void say_standing(const struct say *s, const struct slack_card *c, const struct standing *standing)
{
    bool known = evaluate_now(standing->check, c->device, standing->result, s->scene->now_s) != VERDICT_UNKNOWN;
    struct span paused = words_paused(standing->paused);
    say_words(s, s->slack ? "\n• " : "\n- ");
    say_words(s, known ? "To fix: " : "Not checked lately: ");
    say_value(s, standing->check->title, NUDGE_WORDS_TITLE);
    if (!span_empty(paused)) {
        say_words(s, " (the clock stands still: ");
        buf_append(s->out, paused);
        say_words(s, ")");
    } else if (standing->close_s > 0) {
        say_words(s, ", by ");
        say_time(s, standing->close_s);
    }
}

void say_card(const struct say *s, const struct slack_card *c)
{
    const struct device *d = c->device;
    say_strong(s, words_device(d), NUDGE_WORDS_NAME);
    if (!span_empty(d->name) && !span_empty(d->model)) {
        say_words(s, ", ");
        say_value(s, d->model, NUDGE_WORDS_NAME);
    }
    say_words(s, ", last seen ");
    say_ago(s, d->seen_s);
    say_words(s, "\n");
    if (!span_empty(d->duplicate_of)) {
        say_words(s, "Two devices say they are this one. A person has to sort this out.");
        return;
    }
    buf_format(s->out, "%zu passing, %zu to fix", c->good, c->count);
    if (c->unknown > 0)
        buf_format(s->out, ", %zu without a fresh answer", c->unknown);
    say_words(s, c->closed != 0 ? ". Some apps are closed on it." : ".");
    for (size_t i = 0; i < c->count && i < CHECKS_SHOWN; i++)
        say_standing(s, c, &c->standings[i]);
    if (c->count > CHECKS_SHOWN)
        buf_format(s->out, "\nand %zu more", c->count - CHECKS_SHOWN);
    say_phase(s, c->phase);
}

void say_contact(const struct say *s)
{
    const struct policy *policy = s->scene->policy;
    struct span contact = policy != NULL ? policy->help.contact : SPAN_NONE;
    say_words(s, "Questions: ");
    if (span_empty(contact))
        say_words(s, "ask your IT team");
    else
        say_value(s, contact, NUDGE_WORDS_TITLE);
    say_words(s, ". ");
    say_page(s, "Your page");
}

static bool concerns(const struct slack_scene *scene, const struct check *check)
{
    for (size_t i = 0; i < scene->count; i++)
        if (check->on[scene->cards[i].device->platform].applies)
            return true;
    return false;
}

void say_collected(const struct say *s)
{
    const struct policy *policy = s->scene->policy;
    size_t shown = 0, count = 0;
    say_words(s, "What we ask your devices:");
    for (size_t i = 0; policy != NULL && i < policy->check_count; i++) {
        if (!concerns(s->scene, &policy->checks[i]) || ++count > CHECKS_SHOWN)
            continue;
        say_words(s, s->slack ? "\n• " : "\n- ");
        say_value(s, policy->checks[i].collects, NUDGE_WORDS_TITLE);
        shown++;
    }
    if (count > shown)
        buf_format(s->out, "\nand %zu more", count - shown);
    if (count == 0)
        say_words(s, " nothing now.");
}

void say_seen_by(const struct say *s)
{
    say_words(s, "We ask for nothing else, and we cannot change, delete or erase anything on your devices. You can see it all, and so can the people who run this server. "
                 "An app that you open learns whether you may go on, and why. Slack carries our messages to you: what is to fix, and on which device. ");
    say_page(s, "All of it, with your latest values");
}

/* ---- one more block, in both dresses ---- */

typedef void part_fn(const struct say *s);

void say_add(const struct slack_scene *scene, struct slack_said *out, struct to_json *w, void (*block)(struct to_json *, struct span), say_part_fn *part, const void *what)
{
    CLEANUP(buf_done) struct buf words;
    buf_init(&words, SLACK_SAY_BYTES);
    if (out->text.bytes > 0)
        buf_append_byte(&out->text, '\n');
    part(&(struct say){ scene, &out->text, false }, what);
    part(&(struct say){ scene, &words, true }, what);
    w->out->failed = w->out->failed || words.failed;
    block(w, buf_span(&words));
}

static void part_of_function(const struct say *s, const void *what) { (*(part_fn *const *)what)(s); }
static void part_of_card(const struct say *s, const void *what) { say_card(s, what); }

static void add(const struct slack_scene *scene, struct slack_said *out, struct to_json *w, void (*block)(struct to_json *, struct span), part_fn *part)
{
    say_add(scene, out, w, block, part_of_function, &part);
}

void say_card_buttons(struct to_json *w, const struct slack_card *c, struct span notice, bool at_home)
{
    CLEANUP(buf_done) struct buf value, again, mine, exempt;
    buf_init(&value, 256);
    buf_init(&exempt, 512);
    buf_init(&again, 512);
    buf_init(&mine, 512);
    nudge_target_write(&(struct nudge_target){ notice, c->device->id, SPAN_NONE, false }, &value);
    buf_append_text(&again, "Check again: ");
    buf_append_text(&mine, "Not my device: ");
    nudge_words_clip(&again, words_device(c->device), NUDGE_WORDS_NAME, false);
    nudge_words_clip(&mine, words_device(c->device), NUDGE_WORDS_NAME, false);
    buf_append_text(&exempt, "Exemption: ");
    nudge_words_clip(&exempt, words_device(c->device), NUDGE_WORDS_NAME, false);
    w->out->failed = w->out->failed || value.failed || again.failed || mine.failed || exempt.failed;
    const struct check *offered[1];
    struct block_button buttons[] = {
        { .words = "Check again", .action = "pst.recheck", .value = buf_span(&value), .label = buf_span(&again), .primary = c->count > 0 && at_home },
        { .words = "Not my device", .action = "pst.notmine", .value = buf_span(&value), .label = buf_span(&mine) },
        { .words = "Ask for an exemption", .action = "pst.exempt", .value = buf_span(&value), .label = buf_span(&exempt) },
    };
    size_t count = !at_home ? 1 : slack_exemptions_offered(c, offered, 1) > 0 ? 3 : 2;
    bool waits = c->phase == NUDGE_CHECKING || c->phase == NUDGE_WAITING;
    if (!w->out->failed && (!waits || at_home))
        block_actions(w, waits ? buttons + 1 : buttons, count - (waits ? 1 : 0));
}

static void add_devices(const struct slack_scene *scene, struct slack_said *out, struct to_json *w)
{
    for (size_t i = 0; i < scene->count && i < DEVICES_SHOWN; i++) {
        say_add(scene, out, w, block_section, part_of_card, &scene->cards[i]);
        say_card_buttons(w, &scene->cards[i], SPAN_NONE, false);
    }
}

/* ---- why ---- */

struct why { const struct slack_card *card; const struct standing *standing; };

/* The one that the words name, on any device; without words the worst. */
static struct why find_why(const struct slack_scene *scene, struct span words)
{
    for (size_t i = 0; i < scene->count; i++) {
        const struct standing *found = slack_card_named(&scene->cards[i], words);
        if (found != NULL)
            return (struct why){ &scene->cards[i], found };
    }
    return (struct why){ NULL, NULL };
}

static void say_why_what(const struct say *s, const void *what)
{
    const struct why *why = what;
    say_words(s, "To fix on ");
    say_strong(s, words_device(why->card->device), NUDGE_WORDS_NAME);
    say_words(s, ": ");
    say_value(s, why->standing->check->title, NUDGE_WORDS_TITLE);
    say_words(s, "\nWhat we saw ");
    say_ago(s, why->standing->result->evaluated_s);
    say_words(s, ": ");
    say_value(s, span_empty(why->standing->result->saw) ? why->standing->check->what : why->standing->result->saw, SAY_LONG);
    say_words(s, "\nWhy it matters: ");
    say_value(s, why->standing->check->why, SAY_LONG);
}

static void say_why_steps(const struct say *s, const void *what)
{
    const struct why *why = what;
    const struct check_platform *on = &why->standing->check->on[why->card->device->platform];
    say_words(s, "What to do:");
    for (size_t i = 0; i < on->fix_count && i < CHECKS_SHOWN; i++) {
        buf_format(s->out, "\n%zu. ", i + 1);
        say_value(s, on->fix[i], SAY_STEP);
    }
    if (on->fix_count == 0)
        say_words(s, " ask your IT team for help.");
}

static void say_nothing_to_fix(const struct say *s) { say_words(s, "Nothing like that is to fix on your devices."); }

static void add_why(const struct slack_scene *scene, struct span words, struct slack_said *out, struct to_json *w)
{
    const struct why why = find_why(scene, words);
    if (why.card == NULL) {
        add(scene, out, w, block_section, say_nothing_to_fix);
        add(scene, out, w, block_context, say_state);
        return;
    }
    say_add(scene, out, w, block_section, say_why_what, &why);
    say_add(scene, out, w, block_section, say_why_steps, &why);
    say_card_buttons(w, why.card, SPAN_NONE, false);
}

/* ---- help ---- */

static void say_help(const struct say *s, const void *command)
{
    static const struct { const char *word, *words; } rows[] = {
        { "devices", "your devices, and what is to fix" },     { "recheck", "ask a device again; name it if you have several" },
        { "why", "why something is to fix, and all its steps" }, { "snooze", "remind me tomorrow" },
        { "exempt", "ask that something may wait" },           { "ask", "a person will answer you" },
        { "privacy", "what is collected, and who sees it" },
    };
    say_words(s, "Write one of these words to me, or after ");
    say_value(s, *(const struct span *)command, NUDGE_WORDS_NAME);
    say_words(s, ":");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        say_words(s, s->slack ? "\n• " : "\n- ");
        say_strong(s, span_of(rows[i].word), NUDGE_WORDS_NAME);
        say_words(s, ": ");
        say_words(s, rows[i].words);
    }
}

/* ---- the whole ---- */

static void say_stranger(const struct say *s)
{
    say_words(s, "We do not know you here yet. Your IT team can add you: tell them that Postern does not know your address.");
}

static void add_all(const struct slack_scene *scene, enum slack_ask ask, struct span words, struct span command, struct slack_said *out, struct to_json *w)
{
    if (ask == SLACK_ASK_HELP) {
        say_add(scene, out, w, block_section, say_help, &command);
    } else if (scene->person == NULL) {
        add(scene, out, w, block_section, say_stranger);
        return;
    } else if (ask == SLACK_ASK_WHY) {
        add_why(scene, words, out, w);
    } else if (ask == SLACK_ASK_PRIVACY) {
        add(scene, out, w, block_section, say_collected);
        add(scene, out, w, block_section, say_seen_by);
    } else {
        add(scene, out, w, block_section, say_state);
        add_devices(scene, out, w);
        say_add_offers(scene, SPAN_NONE, out, w);
    }
    add(scene, out, w, block_context, say_contact);
}

/* The text beside the blocks has a bound of its own: what does not fit is on the page. */
enum err_code say_finish(struct slack_said *out, struct err *err)
{
    if (block_kit_length(buf_span(&out->text)) > BLOCK_KIT_TEXT && !out->text.failed) {
        CLEANUP(buf_done) struct buf whole = out->text;
        buf_init(&out->text, SLACK_SAY_BYTES);
        struct span rest = buf_span(&whole), line;
        while (span_cut(&rest, '\n', &line) && block_kit_length(buf_span(&out->text)) + block_kit_length(line) + 2 < BLOCK_KIT_TEXT) {
            buf_append(&out->text, line);
            buf_append_byte(&out->text, '\n');
        }
        buf_append_text(&out->text, "…");
    }
    enum err_code code = buf_check(&out->text, "what the app says", err);
    if (code == OK)
        code = buf_check(&out->blocks, "what the app says", err);
    if (code == OK)
        code = block_kit_check_text(buf_span(&out->text), err);
    return code == OK ? block_kit_check_message(buf_span(&out->blocks), err) : code;
}

enum err_code slack_say(const struct slack_scene *scene, enum slack_ask ask, struct span words, struct span command, struct slack_said *out, struct err *err)
{
    struct to_json w;
    to_json_init(&w, &out->blocks);
    to_json_array(&w);
    add_all(scene, ask, words, command, out, &w);
    to_json_end(&w);
    return say_finish(out, err);
}

/* ---- closed ---- */

static void say_closed_apps(const struct say *s, const void *what)
{
    const struct slack_card *card = what;
    const struct nudge_text_input in = { .policy = s->scene->policy };
    size_t before = s->out->bytes;
    nudge_words_apps(&(struct nudge_words){ &in, s->out, s->slack ? NUDGE_SLACK : NUDGE_PLAIN }, card->closed);
    say_words(s, s->out->bytes == before ? "Some apps do not open on " : " will not open on ");
    say_strong(s, words_device(card->device), NUDGE_WORDS_NAME);
    say_words(s, " for now. Everything else keeps working. When it is fixed, all opens again at once.");
}

enum err_code slack_say_closed(const struct slack_scene *scene, const struct slack_card *card, struct slack_said *out, struct err *err)
{
    struct to_json w;
    to_json_init(&w, &out->blocks);
    to_json_array(&w);
    say_add(scene, out, &w, block_section, say_closed_apps, card);
    say_add(scene, out, &w, block_section, part_of_card, card);
    say_card_buttons(&w, card, SPAN_NONE, false);
    add(scene, out, &w, block_context, say_contact);
    to_json_end(&w);
    return say_finish(out, err);
}

enum err_code slack_say_line(const char *words, struct slack_said *out, struct err *err)
{
    struct to_json w;
    to_json_init(&w, &out->blocks);
    buf_append_text(&out->text, words);
    to_json_array(&w);
    block_section(&w, span_of(words));
    to_json_end(&w);
    return say_finish(out, err);
}

enum err_code slack_say_ephemeral(const struct slack_said *said, bool replaces, struct buf *out, struct err *err)
{
    struct to_json w;
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_member_text(&w, "response_type", SPAN_LITERAL("ephemeral"));
    to_json_member_text(&w, "text", buf_span(&said->text));
    to_json_key(&w, "blocks");
    to_json_raw(&w, buf_span(&said->blocks));
    if (replaces)
        to_json_member_bool(&w, "replace_original", true);
    to_json_end(&w);
    return buf_check(out, "what the app says", err);
}
