#include "connectors/notify/nudge_text.h"

#include "connectors/notify/block_kit.h"
#include "connectors/notify/block_write.h"
#include "connectors/notify/nudge_words.h"

#include <string.h>

enum { LINK_MOST = 2900, FIXED_SHOWN = 8, BUTTONS = 7, LABEL_MOST = 75 };

static struct nudge_text_news news_of(const struct nudge_text_input *in, size_t item)
{
    static const struct nudge_text_news none = { NUDGE_TO_FIX, 0, NUDGE_RUNNING, 0 };
    return in->news == NULL ? none : in->news[item];
}

static size_t count_open(const struct nudge_text_input *in)
{
    size_t count = 0;
    while (count < in->item_count && news_of(in, count).phase != NUDGE_FIXED && news_of(in, count).phase != NUDGE_GONE)
        count++;
    return count;
}

/* ---- what became of it ---- */

static void say_clock(const struct nudge_words *w, int64_t at_s)
{
    struct local_time at = calendar_local(w->in->calendar, calendar_zone(w->in->policy, w->in->person), at_s);
    if (w->dress == NUDGE_SLACK)
        buf_format(w->out, "<!date^%lld^{time}|", (long long)at_s);
    buf_format(w->out, "%02d:%02d", at.minute / 60, at.minute % 60);
    if (w->dress == NUDGE_SLACK) /* the reader's client writes its own zone; what it cannot write names ours */
        buf_format(w->out, " %.*s>", SPAN_ARGS(at.abbreviation));
}

static void say_device(const struct nudge_words *w, const struct nudge_text_item *item)
{
    if (w->dress == NUDGE_SLACK)
        nudge_words_say(w, "*");
    nudge_words_value(w, nudge_words_device(item->device), NUDGE_WORDS_NAME);
    if (w->dress == NUDGE_SLACK)
        nudge_words_say(w, "*");
}

static void say_check_state(const struct nudge_words *w)
{
    static const struct { const char *before, *after; } words[] = {
        [NUDGE_CHECKING] = { "Checking ", " now. This takes about 20 seconds." },
        [NUDGE_WAITING] = { "Waiting for ", ". Keep it awake and online." },
        [NUDGE_SILENT] = { "No answer from ", " yet. This message changes when it comes." },
    };
    struct nudge_text_news news = news_of(w->in, 0);
    if (news.phase == NUDGE_STILL) {
        nudge_words_say(w, "Checked ");
        say_clock(w, news.since_s);
        nudge_words_say(w, ": still to fix. Below is what we saw this time.");
        return;
    }
    nudge_words_say(w, words[news.phase].before);
    say_device(w, &w->in->items[0]);
    nudge_words_say(w, words[news.phase].after);
}

static void say_hold(const struct nudge_words *w)
{
    static const char *const words[] = {
        [NUDGE_DISPUTED] = "You told us that this looks wrong. A person looks at it. The clock stands still until ",
        [NUDGE_SNOOZED] = "We remind you again ",
        [NUDGE_EXEMPTED] = "You do not have to fix this before ",
    };
    nudge_words_say(w, words[news_of(w->in, 0).hold]);
    nudge_words_time(w, news_of(w->in, 0).hold_s);
    nudge_words_say(w, ".");
}

static bool says_exempt(const struct nudge_text_input *in) { return (in->exempt == NUDGE_EXEMPT_ASKED || in->exempt == NUDGE_EXEMPT_DECLINED) && news_of(in, 0).hold != NUDGE_EXEMPTED; }
static bool has_state(const struct nudge_text_input *in) { return news_of(in, 0).phase != NUDGE_TO_FIX || news_of(in, 0).hold != NUDGE_RUNNING || in->asked || says_exempt(in); }

static void say_exempt(const struct nudge_words *w)
{
    if (w->in->exempt == NUDGE_EXEMPT_ASKED) {
        nudge_words_say(w, "You asked for an exemption. Another person decides about it.");
        return;
    }
    nudge_words_say(w, "Your exemption was declined.");
    nudge_words_say(w, span_empty(w->in->declined) ? "" : " The reason: ");
    nudge_words_value(w, w->in->declined, NUDGE_WORDS_TITLE);
}

static void say_state(const struct nudge_words *w)
{
    struct nudge_text_news news = news_of(w->in, 0);
    bool said = news.phase != NUDGE_TO_FIX;
    if (said)
        say_check_state(w);
    if (news.hold != NUDGE_RUNNING) {
        nudge_words_say(w, said ? "\n" : "");
        say_hold(w);
        said = true;
    }
    if (says_exempt(w->in)) {
        nudge_words_say(w, said ? "\n" : "");
        say_exempt(w);
        said = true;
    }
    if (w->in->asked)
        nudge_words_say(w, said ? "\nA person will answer you." : "A person will answer you.");
}

/* "Fixed: Your firewall is on, on dover (checked 14:02)." a line. */
static void say_fixed(const struct nudge_words *w)
{
    size_t from = count_open(w->in), count = w->in->item_count - from, shown = count > FIXED_SHOWN ? FIXED_SHOWN : count;
    for (size_t i = from; i < from + shown; i++) {
        const struct nudge_text_item *item = &w->in->items[i];
        struct nudge_text_news news = news_of(w->in, i);
        nudge_words_say(w, i > from ? "\n" : "");
        nudge_words_bold(w, news.phase == NUDGE_FIXED ? "Fixed:" : "Nothing to do any more:");
        nudge_words_say(w, " ");
        nudge_words_value(w, item->check->title, NUDGE_WORDS_TITLE);
        nudge_words_say(w, ", on ");
        say_device(w, item);
        if (news.since_s > 0) {
            nudge_words_say(w, " (checked ");
            say_clock(w, news.since_s);
            nudge_words_say(w, ")");
        }
        nudge_words_say(w, ".");
    }
    if (count > shown)
        buf_format(w->out, "\nand %zu more.", count - shown);
    if (from == 0)
        nudge_words_say(w, count > 1 ? "\nThank you." : " Thank you.");
}

/* ---- plain text ---- */

static void write_open(const struct nudge_text_input *in, struct buf *out, unsigned detail)
{
    const struct nudge_words w = { in, out, NUDGE_PLAIN };
    if (in->first) {
        nudge_words_introduction(&w);
        nudge_words_say(&w, "\n");
    }
    nudge_words_speaker(&w);
    nudge_words_say(&w, "\nOn ");
    nudge_words_value(&w, nudge_words_device(in->items[0].device), NUDGE_WORDS_NAME);
    nudge_words_say(&w, ":\n");
    if (has_state(in)) {
        say_state(&w);
        nudge_words_say(&w, "\n");
    }
    nudge_words_what(&w);
    if (detail > 0) {
        nudge_words_say(&w, "\n");
        nudge_words_why(&w);
        nudge_words_say(&w, "\n");
        nudge_words_steps(&w);
    }
    if (news_of(in, 0).hold == NUDGE_RUNNING) {
        nudge_words_say(&w, "\n");
        nudge_words_deadline(&w);
    }
    if (in->item_count > 1) {
        nudge_words_say(&w, "\n");
        nudge_words_others_short(&w, detail > 1 ? NUDGE_WORDS_OTHERS : 0);
    }
    if (in->reminder_count > 0) {
        nudge_words_say(&w, "\n");
        nudge_words_reminders(&w);
    }
    nudge_words_say(&w, "\nAll steps, and to check again: ");
    buf_append(out, in->link);
    nudge_words_say(&w, "\n");
    nudge_words_footer(&w);
}

/* The fixed ones are not among the others that are to fix. */
static struct nudge_text_input only_open(const struct nudge_text_input *in)
{
    struct nudge_text_input open = *in;
    open.item_count = count_open(in);
    return open;
}

static void write_text(const struct nudge_text_input *in, struct buf *out, unsigned detail)
{
    const struct nudge_words w = { in, out, NUDGE_PLAIN };
    const struct nudge_text_input open = only_open(in);
    if (open.item_count > 0)
        write_open(&open, out, detail);
    if (open.item_count > 0 && open.item_count < in->item_count)
        nudge_words_say(&w, "\n");
    if (open.item_count < in->item_count)
        say_fixed(&w);
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

static void write_part(const struct nudge_text_input *in, struct to_json *w, void (*block)(struct to_json *, struct span), nudge_words_part *part)
{
    CLEANUP(buf_done) struct buf words;
    buf_init(&words, NUDGE_TEXT_BYTES);
    const struct nudge_words d = { in, &words, NUDGE_SLACK };
    part(&d);
    w->out->failed = w->out->failed || words.failed;
    block(w, buf_span(&words));
}

static void write_header(const struct nudge_text_input *in, struct to_json *w)
{
    CLEANUP(buf_done) struct buf words;
    buf_init(&words, NUDGE_TEXT_BYTES);
    buf_append_text(&words, "Something to fix on ");
    nudge_words_clip(&words, nudge_words_device(in->items[0].device), NUDGE_WORDS_NAME, false);
    w->out->failed = w->out->failed || words.failed;
    block_header(w, buf_span(&words));
}

/* ---- buttons ---- */

bool nudge_target_write(const struct nudge_target *t, struct buf *out)
{
    return buf_append(out, t->notice) && buf_append_byte(out, '|') && buf_append(out, t->device) && buf_append_byte(out, '|') && buf_append(out, t->check)
        && buf_append_text(out, t->steps ? "|s" : "");
}

bool nudge_target_read(struct span value, struct nudge_target *out)
{
    struct span parts[4] = { SPAN_NONE, SPAN_NONE, SPAN_NONE, SPAN_NONE };
    size_t count = 0;
    while (count < 4 && span_cut(&value, '|', &parts[count]))
        count++;
    *out = (struct nudge_target){ parts[0], parts[1], parts[2], count == 4 };
    bool whole = count == 3 || (count == 4 && span_equal_text(parts[3], "s"));
    return whole && value.at == NULL && parts[0].bytes <= 64 && parts[1].bytes <= 64 && parts[2].bytes <= 64;
}

struct buttons { struct block_button all[BUTTONS]; size_t count; struct buf texts; };

/* Texts are kept by where they begin, as the buf may move while it grows. */
static void add_button(struct buttons *b, const struct nudge_text_input *in, const char *words, const char *action)
{
    struct buf *label = &b->texts;
    size_t from = label->bytes;
    buf_append_text(label, words);
    buf_append_text(label, ": ");
    size_t room = LABEL_MOST - block_kit_length(span_make(label->at + from, label->bytes - from));
    nudge_words_clip(label, in->items[0].check->title, room, false);
    b->all[b->count++] = (struct block_button){ .words = words, .action = action, .label = { NULL, label->bytes - from } };
}

static void choose_buttons(const struct nudge_text_input *in, struct buttons *b)
{
    struct nudge_text_news top = news_of(in, 0);
    bool pressed = !span_empty(in->notice);
    if (top.phase != NUDGE_CHECKING && top.phase != NUDGE_WAITING)
        add_button(b, in, "Check again", "pst.recheck");
    if (!in->all_steps)
        add_button(b, in, "Show steps", "pst.steps");
    if (pressed && in->snoozes_left > 0 && top.hold == NUDGE_RUNNING)
        add_button(b, in, "Remind me tomorrow", "pst.snooze");
    if (pressed && in->may_dispute && top.hold != NUDGE_DISPUTED)
        add_button(b, in, "This looks wrong", "pst.wrong");
    if (pressed && (in->exempt == NUDGE_EXEMPT_OFFERED || in->exempt == NUDGE_EXEMPT_DECLINED))
        add_button(b, in, "Ask for an exemption", "pst.exempt");
    if (pressed && !in->asked)
        add_button(b, in, "Ask a person", "pst.ask");
    if (pressed)
        add_button(b, in, "My page", "pst.page");
}

static void write_actions(const struct nudge_text_input *in, struct to_json *w)
{
    const struct nudge_target target = { in->notice, in->items[0].device->id, in->items[0].check->id, in->all_steps };
    struct buttons b = { .count = 0 };
    CLEANUP(buf_done) struct buf value, left;
    char words[40];
    buf_init(&b.texts, NUDGE_TEXT_BYTES);
    buf_init(&value, NUDGE_TEXT_BYTES);
    buf_init(&left, sizeof words);
    choose_buttons(in, &b);
    buf_format(&left, "Remind me tomorrow (%u left)", in->snoozes_left);
    bool pressed = !span_empty(in->notice) && nudge_target_write(&target, &value);
    for (size_t i = 0, at = 0; i < b.count; i++) {
        struct block_button *button = &b.all[i];
        bool leads = !pressed || strcmp(button->action, "pst.page") == 0;
        button->label.at = b.texts.at + at;
        at += button->label.bytes;
        button->primary = strcmp(button->action, "pst.recheck") == 0;
        button->url = leads ? in->link : SPAN_NONE;
        button->value = leads ? SPAN_NONE : buf_span(&value);
        if (strcmp(button->action, "pst.snooze") == 0)
            button->words = buf_text(&left);
    }
    w->out->failed = w->out->failed || b.texts.failed || left.failed;
    if (!w->out->failed)
        block_actions(w, b.all, b.count);
    buf_done(&b.texts);
}

/* ---- the whole ---- */

static void write_open_blocks(const struct nudge_text_input *in, struct to_json *w)
{
    write_header(in, w);
    if (in->first)
        write_part(in, w, block_section, nudge_words_introduction);
    write_part(in, w, block_context, nudge_words_speaker);
    if (has_state(in))
        write_part(in, w, block_section, say_state);
    write_part(in, w, block_section, nudge_words_what);
    write_part(in, w, block_section, nudge_words_why);
    write_part(in, w, block_section, nudge_words_steps);
    if (news_of(in, 0).hold == NUDGE_RUNNING)
        write_part(in, w, block_section, nudge_words_deadline);
    if (in->item_count > 1)
        write_part(in, w, block_section, nudge_words_others);
    if (in->reminder_count > 0)
        write_part(in, w, block_section, nudge_words_reminders);
}

static void write_blocks(const struct nudge_text_input *in, struct to_json *w)
{
    const struct nudge_text_input open = only_open(in);
    to_json_array(w);
    if (open.item_count > 0)
        write_open_blocks(&open, w);
    if (open.item_count < in->item_count)
        write_part(in, w, block_section, say_fixed);
    if (open.item_count > 0) {
        write_actions(&open, w);
        write_part(&open, w, block_context, nudge_words_footer);
    }
    to_json_end(w);
}

static enum err_code check_input(const struct nudge_text_input *in, struct err *err)
{
    if (in->item_count == 0 || in->item_count > NUDGE_TEXT_MOST_ITEMS)
        return err_set(err, ERR_INPUT, "a notice has %zu items, must have 1 to %d", in->item_count, NUDGE_TEXT_MOST_ITEMS);
    if (in->link.bytes > LINK_MOST)
        return err_set(err, ERR_LIMIT, "the link of a notice has %zu bytes, more than %d", in->link.bytes, LINK_MOST);
    return OK;
}

enum err_code nudge_text(const struct nudge_text_input *in, struct buf *text, struct buf *blocks, struct err *err)
{
    struct to_json w;
    enum err_code code = check_input(in, err);
    if (code == OK)
        code = make_text(in, text, err);
    if (code != OK)
        return code;
    to_json_init(&w, blocks);
    write_blocks(in, &w);
    code = buf_check(blocks, "the blocks of a notice", err);
    return code == OK ? block_kit_check_message(buf_span(blocks), err) : code;
}

enum err_code nudge_text_old(struct buf *text, struct buf *blocks, struct err *err)
{
    static const char words[] = "There is a newer message below.";
    struct to_json w;
    buf_append_text(text, words);
    to_json_init(&w, blocks);
    to_json_array(&w);
    block_context(&w, span_of(words));
    to_json_end(&w);
    return buf_check(blocks, "an old notice", err);
}
