/* Devices that look like somebody's: what is known of each, and a button for yes and for no. */
#include "gateway/slack/slack_say_parts.h"

#include "connectors/notify/block_write.h"
#include "gateway/pages/words.h"

static void say_offered(const struct say *s, const void *what)
{
    (void)what;
    say_words(s, s->scene->offer_count == 1 ? "We found a device that looks like yours. Nobody has it yet. Is it yours?" : "We found devices that look like yours. Nobody has them yet. Which are yours?");
}

static void say_offer(const struct say *s, const void *what)
{
    const struct device *d = what;
    struct span end = words_serial_end(d);
    say_strong(s, words_device(d), NUDGE_WORDS_NAME);
    if (!span_empty(d->model)) {
        say_words(s, ", ");
        say_value(s, d->model, NUDGE_WORDS_NAME);
    }
    if (!span_empty(end)) {
        say_words(s, ", serial number ends in ");
        say_value(s, end, NUDGE_WORDS_NAME);
    }
}

static void write_buttons(struct to_json *w, const struct device *d, struct span notice)
{
    CLEANUP(buf_done) struct buf value, yes, no;
    buf_init(&value, 256);
    buf_init(&yes, 512);
    buf_init(&no, 512);
    nudge_target_write(&(struct nudge_target){ notice, d->id, SPAN_NONE, false }, &value);
    buf_append_text(&yes, "Yes, it is mine: ");
    buf_append_text(&no, "Not mine: ");
    nudge_words_clip(&yes, words_device(d), NUDGE_WORDS_NAME, false);
    nudge_words_clip(&no, words_device(d), NUDGE_WORDS_NAME, false);
    w->out->failed = w->out->failed || value.failed || yes.failed || no.failed;
    const struct block_button buttons[] = {
        { .words = "Yes, it is mine", .action = "pst.claim", .value = buf_span(&value), .label = buf_span(&yes) },
        { .words = "Not mine", .action = "pst.decline", .value = buf_span(&value), .label = buf_span(&no) },
    };
    if (!w->out->failed)
        block_actions(w, buttons, 2);
}

void say_add_offers(const struct slack_scene *scene, struct span notice, struct slack_said *out, struct to_json *w)
{
    if (scene->offer_count > 0)
        say_add(scene, out, w, block_section, say_offered, NULL);
    for (size_t i = 0; i < scene->offer_count; i++) {
        say_add(scene, out, w, block_section, say_offer, scene->offers[i]);
        write_buttons(w, scene->offers[i], notice);
    }
}

void say_write_offers(const struct slack_scene *scene, struct span notice, struct to_json *w)
{
    struct slack_said ignored;
    slack_said_init(&ignored);
    say_add_offers(scene, notice, &ignored, w);
    slack_said_done(&ignored);
}
