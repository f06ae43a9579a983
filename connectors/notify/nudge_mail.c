#include "connectors/notify/nudge_mail.h"

#include "connectors/notify/email.h"
#include "connectors/notify/nudge_words.h"

enum { SUBJECT_NAME = 40 };

void nudge_mail_init(struct nudge_mail *m)
{
    buf_init(&m->subject, EMAIL_SUBJECT_BYTES);
    buf_init(&m->text, EMAIL_TEXT_BYTES);
    buf_init(&m->html, EMAIL_TEXT_BYTES);
}

void nudge_mail_done(struct nudge_mail *m)
{
    buf_done(&m->subject);
    buf_done(&m->text);
    buf_done(&m->html);
}

/* ---- the frame ---- */

static const char page_begin[] = "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>";
static const char page_body[] = "</title></head>\n<body style=\"font-family: sans-serif; line-height: 1.5; max-width: 40em; margin: 1em auto; padding: 0 1em\">\n";
static const char page_end[] = "</body>\n</html>\n";

static void begin_html(struct nudge_mail *m)
{
    buf_append_text(&m->html, page_begin);
    nudge_words_clip(&m->html, buf_span(&m->subject), EMAIL_SUBJECT_BYTES, true);
    buf_append_text(&m->html, page_body);
}

/* An address of ours in an attribute. */
static void write_href(struct span link, struct buf *out)
{
    for (size_t i = 0; i < link.bytes; i++) {
        if (link.at[i] == '&')
            buf_append_text(out, "&amp;");
        else if (link.at[i] == '"')
            buf_append_text(out, "%22");
        else
            buf_append_byte(out, link.at[i]);
    }
}

static void write_link(struct span link, struct span words, struct buf *out)
{
    buf_append_text(out, "<p><a href=\"");
    write_href(link, out);
    buf_append_text(out, "\" style=\"display: inline-block; padding: .6em 1.2em; background: #1f3a5f; color: #ffffff; text-decoration: none\">");
    nudge_words_clip(out, words, EMAIL_SUBJECT_BYTES, true);
    buf_append_text(out, "</a></p>\n");
}

static const char *who_reads(bool answered) { return answered ? "You can reply to this mail: a person reads it." : "Nobody reads replies to this mail."; }

static enum err_code check(struct nudge_mail *m, struct err *err)
{
    enum err_code code = buf_check(&m->subject, "the subject of a mail", err);
    if (code == OK)
        code = buf_check(&m->text, "a mail", err);
    return code == OK ? buf_check(&m->html, "a mail", err) : code;
}

/* ---- the notice ---- */

static void write_subject(const struct nudge_text_input *in, struct buf *out)
{
    buf_append_text(out, "To fix on ");
    nudge_words_clip(out, nudge_words_device(in->items[0].device), SUBJECT_NAME, false);
    buf_append_text(out, ": ");
    nudge_words_clip(out, in->items[0].check->title, NUDGE_WORDS_NAME, false);
}

static void write_device(const struct nudge_words *w)
{
    nudge_words_say(w, "On ");
    nudge_words_value(w, nudge_words_device(w->in->items[0].device), NUDGE_WORDS_NAME);
    nudge_words_say(w, ":");
}

/* In order. NULL ends. */
static size_t parts_of(const struct nudge_text_input *in, nudge_words_part *parts[10])
{
    size_t count = 0;
    if (in->first)
        parts[count++] = nudge_words_introduction;
    parts[count++] = nudge_words_speaker;
    parts[count++] = write_device;
    parts[count++] = nudge_words_what;
    parts[count++] = nudge_words_why;
    parts[count++] = nudge_words_steps;
    parts[count++] = nudge_words_deadline;
    if (in->item_count > 1)
        parts[count++] = nudge_words_others;
    if (in->reminder_count > 0)
        parts[count++] = nudge_words_reminders;
    return count;
}

static void write_parts(const struct nudge_words *w, const char *before, const char *after)
{
    nudge_words_part *parts[10];
    size_t count = parts_of(w->in, parts);
    for (size_t i = 0; i < count; i++) {
        buf_append_text(w->out, before);
        parts[i](w);
        buf_append_text(w->out, after);
    }
}

enum err_code nudge_mail(const struct nudge_text_input *in, bool answered, struct nudge_mail *out, struct err *err)
{
    const struct nudge_words text = { in, &out->text, NUDGE_PLAIN }, html = { in, &out->html, NUDGE_HTML };
    if (in->item_count == 0 || in->item_count > NUDGE_TEXT_MOST_ITEMS)
        return err_set(err, ERR_INPUT, "a notice has %zu items, must have 1 to %d", in->item_count, NUDGE_TEXT_MOST_ITEMS);
    write_subject(in, &out->subject);
    write_parts(&text, "", "\n\n");
    buf_append_text(&out->text, "Open your page to check again and to see all steps:\n");
    buf_append(&out->text, in->link);
    buf_append_text(&out->text, "\n\n");
    nudge_words_footer(&text);
    buf_format(&out->text, " %s\n", who_reads(answered));
    begin_html(out);
    write_parts(&html, "<div style=\"margin: 0 0 1em\">", "</div>\n");
    write_link(in->link, SPAN_LITERAL("Open your page: check again, all steps"), &out->html);
    buf_append_text(&out->html, "<p style=\"color: #555555; font-size: .9em\">");
    nudge_words_footer(&html);
    buf_format(&out->html, " %s</p>\n%s", who_reads(answered), page_end);
    return check(out, err);
}

/* ---- another message ---- */

static void write_line(struct span line, struct buf *out)
{
    buf_append_text(out, "<p>");
    nudge_words_clip(out, line, EMAIL_TEXT_BYTES, true);
    buf_append_text(out, "</p>\n");
}

enum err_code nudge_mail_plain(const struct nudge_mail_plain *in, bool answered, struct nudge_mail *out, struct err *err)
{
    nudge_words_clip(&out->subject, in->subject, NUDGE_WORDS_TITLE, false);
    begin_html(out);
    for (size_t i = 0; i < in->line_count; i++) {
        buf_append(&out->text, in->lines[i]);
        buf_append_text(&out->text, "\n\n");
        write_line(in->lines[i], &out->html);
    }
    nudge_words_clip(&out->text, in->link_words, EMAIL_SUBJECT_BYTES, false);
    buf_append_text(&out->text, ":\n");
    buf_append(&out->text, in->link);
    buf_append_text(&out->text, "\n\n");
    write_link(in->link, in->link_words, &out->html);
    buf_format(&out->text, "%s\n", who_reads(answered));
    write_line(span_of(who_reads(answered)), &out->html);
    buf_append_text(&out->html, page_end);
    return check(out, err);
}
