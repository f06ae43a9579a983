#include "connectors/notify/nudge_text.h"

#include "connectors/notify/block_kit.h"
#include "connectors/notify/nudge_words.h"
#include "posture/base/to_json.h"

#include <string.h>

enum { LINK_MOST = 2900 };

/* ---- plain text ---- */

static void write_text(const struct nudge_text_input *in, struct buf *out, unsigned detail)
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
    nudge_words_what(&w);
    if (detail > 0) {
        nudge_words_say(&w, "\n");
        nudge_words_why(&w);
        nudge_words_say(&w, "\n");
        nudge_words_steps(&w);
    }
    nudge_words_say(&w, "\n");
    nudge_words_deadline(&w);
    if (in->item_count > 1) {
        nudge_words_say(&w, "\n");
        nudge_words_others_short(&w, detail > 1 ? NUDGE_WORDS_OTHERS : 0);
    }
    nudge_words_say(&w, "\nAll steps, and to check again: ");
    buf_append(out, in->link);
    nudge_words_say(&w, "\n");
    nudge_words_footer(&w);
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

static void write_object(struct to_json *w, const char *type, struct span text)
{
    to_json_object(w);
    to_json_member_text(w, "type", span_of(type));
    to_json_member_text(w, "text", text);
    to_json_end(w);
}

static void write_words(const struct nudge_text_input *in, struct to_json *w, nudge_words_part *part)
{
    struct buf words;
    buf_init(&words, NUDGE_TEXT_BYTES);
    const struct nudge_words d = { in, &words, NUDGE_SLACK };
    part(&d);
    w->out->failed = w->out->failed || words.failed;
    write_object(w, "mrkdwn", buf_span(&words));
    buf_done(&words);
}

static void write_section(const struct nudge_text_input *in, struct to_json *w, nudge_words_part *part)
{
    to_json_object(w);
    to_json_member_text(w, "type", SPAN_LITERAL("section"));
    to_json_key(w, "text");
    write_words(in, w, part);
    to_json_end(w);
}

static void write_context(const struct nudge_text_input *in, struct to_json *w, nudge_words_part *part)
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
    nudge_words_clip(&words, nudge_words_device(in->items[0].device), NUDGE_WORDS_NAME, false);
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
    nudge_words_clip(&label, in->items[0].check->title, NUDGE_WORDS_NAME, false);
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

static void write_blocks(const struct nudge_text_input *in, struct to_json *w)
{
    to_json_array(w);
    write_header(in, w);
    if (in->first)
        write_section(in, w, nudge_words_introduction);
    write_context(in, w, nudge_words_speaker);
    write_section(in, w, nudge_words_what);
    write_section(in, w, nudge_words_why);
    write_section(in, w, nudge_words_steps);
    write_section(in, w, nudge_words_deadline);
    if (in->item_count > 1)
        write_section(in, w, nudge_words_others);
    write_actions(in, w);
    write_context(in, w, nudge_words_footer);
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
