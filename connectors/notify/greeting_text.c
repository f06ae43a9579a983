#include "connectors/notify/greeting_text.h"

#include "connectors/notify/block_kit.h"
#include "connectors/notify/block_write.h"
#include "connectors/notify/nudge_words.h"

enum { LINES = 5, LINE_BYTES = 1024, LINK_MOST = 2900 };
static const char button[] = "Set up my device";
#define LAST_LINE "Please set up your device now. It takes about 5 minutes."

/* `first` greets by name; values are escaped where Slack reads them. */
struct greeting { struct buf first; struct span lines[LINES]; };

static void make(const struct nudge_text_input *in, bool entities, struct greeting *g)
{
    struct span team = in->policy->help.team, name = in->person->name;
    buf_init(&g->first, LINE_BYTES);
    buf_append_text(&g->first, "Hello");
    if (!span_empty(name)) {
        buf_append_byte(&g->first, ' ');
        nudge_words_clip(&g->first, name, NUDGE_WORDS_NAME, entities);
    }
    buf_append_text(&g->first, ". This is Postern");
    if (!span_empty(team)) {
        buf_append_text(&g->first, ", for ");
        nudge_words_clip(&g->first, team, NUDGE_WORDS_NAME, entities);
    }
    buf_append_text(&g->first, ".");
    g->lines[0] = buf_span(&g->first);
    g->lines[1] = SPAN_LITERAL("It looks after the health of the devices you work with. When something is to fix, it tells you what, why and how.");
    g->lines[2] = SPAN_LITERAL("It writes to you at most once a day, and only when there is something to fix.");
    g->lines[3] = SPAN_LITERAL("Your page shows what is collected, who can see it, and your own values.");
    g->lines[4] = SPAN_LITERAL(LAST_LINE);
}

/* The last line goes with the button. */
void greeting_begin(const struct nudge_text_input *in, struct buf *text, struct to_json *w)
{
    for (int slack = 0; slack < 2; slack++) {
        struct greeting g;
        make(in, slack, &g);
        for (size_t i = 0; i + 1 < LINES; i++) {
            if (slack) {
                block_section(w, g.lines[i]);
                continue;
            }
            buf_append(text, g.lines[i]);
            buf_append_byte(text, '\n');
        }
        w->out->failed = w->out->failed || g.first.failed;
        buf_done(&g.first);
    }
}

void greeting_set_up(const struct nudge_text_input *in, struct buf *text, struct to_json *w)
{
    const struct block_button set_up = { .words = button, .action = "pst.page", .url = in->link, .label = SPAN_LITERAL("Set up my device: opens your first page"), .primary = true };
    if (text->bytes > 0 && text->at[text->bytes - 1] != '\n')
        buf_append_byte(text, '\n');
    buf_format(text, LAST_LINE "\n%s: %.*s", button, SPAN_ARGS(in->link));
    block_section(w, SPAN_LITERAL(LAST_LINE));
    block_actions(w, &set_up, 1);
}

enum err_code greeting_text(const struct nudge_text_input *in, struct buf *text, struct buf *blocks, struct err *err)
{
    struct to_json w;
    if (in->link.bytes > LINK_MOST)
        return err_set(err, ERR_LIMIT, "the link of a greeting has %zu bytes, more than %d", in->link.bytes, LINK_MOST);
    to_json_init(&w, blocks);
    to_json_array(&w);
    greeting_begin(in, text, &w);
    greeting_set_up(in, text, &w);
    to_json_end(&w);
    enum err_code code = buf_check(text, "a greeting", err);
    if (code == OK)
        code = block_kit_check_text(buf_span(text), err);
    if (code == OK)
        code = buf_check(blocks, "a greeting", err);
    return code == OK ? block_kit_check_message(buf_span(blocks), err) : code;
}

enum err_code greeting_mail(const struct nudge_text_input *in, bool answered, struct nudge_mail *out, struct err *err)
{
    struct greeting g;
    make(in, false, &g);
    const struct nudge_mail_plain plain = { .subject = SPAN_LITERAL("Hello from Postern: set up your device"), .link = in->link, .link_words = span_of(button), .lines = g.lines, .line_count = LINES };
    enum err_code code = nudge_mail_plain(&plain, answered, out, err);
    buf_done(&g.first);
    return code;
}
