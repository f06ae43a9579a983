#include "connectors/notify/reminder_text.h"

#include "connectors/notify/block_kit.h"
#include "connectors/notify/block_write.h"
#include "connectors/notify/nudge_words.h"

enum { LINES = NUDGE_REMINDERS + 3, LINE_BYTES = 2048, LINK_MOST = 2900 };
static const char button[] = "Open my page";

/* Lines of their own, as the dress says them. */
struct lines { struct buf all[LINES]; size_t count; };

static struct buf *add(struct lines *l)
{
    struct buf *line = &l->all[l->count++];
    buf_init(line, LINE_BYTES);
    return line;
}

static void make(const struct nudge_text_input *in, enum nudge_dress dress, struct lines *l)
{
    struct nudge_words w = { in, add(l), dress };
    nudge_words_say(&w, "This is Postern");
    nudge_words_say(&w, span_empty(in->policy->help.team) ? "" : ", for ");
    nudge_words_value(&w, in->policy->help.team, NUDGE_WORDS_NAME);
    nudge_words_say(&w, ".");
    for (size_t i = 0; i < in->reminder_count && i < NUDGE_REMINDERS; i++) {
        w.out = add(l);
        nudge_words_reminder(&w, &in->reminders[i]);
    }
    w.out = add(l);
    nudge_words_say(&w, "If it is still needed then, another one can be asked for on the page of whoever needs it.");
    w.out = add(l);
    nudge_words_say(&w, "You get this because you asked for it or decided it. We write at most once a day.");
}

static bool done(struct lines *l)
{
    bool failed = false;
    for (size_t i = 0; i < l->count; i++) {
        failed = failed || l->all[i].failed;
        buf_done(&l->all[i]);
    }
    return failed;
}

static enum err_code check_input(const struct nudge_text_input *in, struct err *err)
{
    if (in->reminder_count == 0)
        return err_set(err, ERR_INPUT, "a reminder of nothing");
    if (in->link.bytes > LINK_MOST)
        return err_set(err, ERR_LIMIT, "the link of a reminder has %zu bytes, more than %d", in->link.bytes, LINK_MOST);
    return OK;
}

static void write_text(const struct nudge_text_input *in, struct buf *text)
{
    struct lines l = { .count = 0 };
    make(in, NUDGE_PLAIN, &l);
    for (size_t i = 0; i < l.count; i++) {
        buf_append(text, buf_span(&l.all[i]));
        buf_append_byte(text, '\n');
    }
    buf_format(text, "%s: %.*s", button, SPAN_ARGS(in->link));
    text->failed = done(&l) || text->failed;
}

static void write_blocks(const struct nudge_text_input *in, struct buf *blocks)
{
    const struct block_button page = { .words = button, .action = "pst.page", .url = in->link, .label = SPAN_LITERAL("Open my page: your devices, and what you decide") };
    struct lines l = { .count = 0 };
    struct to_json w;
    make(in, NUDGE_SLACK, &l);
    to_json_init(&w, blocks);
    to_json_array(&w);
    for (size_t i = 0; i + 1 < l.count; i++)
        block_section(&w, buf_span(&l.all[i]));
    block_actions(&w, &page, 1);
    block_context(&w, buf_span(&l.all[l.count - 1]));
    to_json_end(&w);
    blocks->failed = done(&l) || blocks->failed;
}

enum err_code reminder_text(const struct nudge_text_input *in, struct buf *text, struct buf *blocks, struct err *err)
{
    enum err_code code = check_input(in, err);
    if (code != OK)
        return code;
    write_text(in, text);
    write_blocks(in, blocks);
    code = buf_check(text, "a reminder", err);
    if (code == OK)
        code = block_kit_check_text(buf_span(text), err);
    if (code == OK)
        code = buf_check(blocks, "a reminder", err);
    return code == OK ? block_kit_check_message(buf_span(blocks), err) : code;
}

enum err_code reminder_mail(const struct nudge_text_input *in, bool answered, struct nudge_mail *out, struct err *err)
{
    struct lines l = { .count = 0 };
    struct span lines[LINES];
    enum err_code code = check_input(in, err);
    if (code != OK)
        return code;
    make(in, NUDGE_PLAIN, &l);
    for (size_t i = 0; i < l.count; i++)
        lines[i] = buf_span(&l.all[i]);
    const struct nudge_mail_plain plain = { .subject = in->reminder_count == 1 ? SPAN_LITERAL("An exemption ends soon") : SPAN_LITERAL("Exemptions end soon"),
                                            .link = in->link, .link_words = span_of(button),
                                            .lines = lines, .line_count = l.count };
    code = nudge_mail_plain(&plain, answered, out, err);
    if (done(&l) && code == OK)
        return err_set(err, ERR_MEMORY, "a reminder");
    return code;
}
