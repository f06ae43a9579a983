#include "gateway/slack/slack_greeting.h"

#include "connectors/notify/block_write.h"
#include "connectors/notify/greeting_text.h"
#include "gateway/effects_notice.h"
#include "gateway/pages/link.h"
#include "gateway/slack/slack_notice.h"
#include "gateway/slack/slack_say_parts.h"

enum { REPORTS_SHOWN = 4 };

bool slack_greeting_place(const struct person *person, struct slack_posted *out)
{
    return span_equal_text(person->notice.kind, NOTICE_GREETING) && slack_notice_message(person, out);
}

static struct span link_again(const struct slack_scene *scene)
{
    CLEANUP(buf_done) struct buf url;
    struct err ignored;
    buf_init(&url, LINK_URL_BYTES);
    if (link_person(scene->node, LINK_WELCOME, scene->person->id, scene->person->notice.settled_s + LINK_WELCOME_LIFETIME_S, &url, &ignored) != OK)
        return SPAN_NONE;
    return arena_copy(scene->arena, buf_span(&url));
}

static void say_set_up(const struct say *s, const void *what)
{
    const struct slack_card *c = what;
    say_words(s, c->device->result_count == 0 ? "Your device is set up. Its first report is on its way." : "Your device is set up. This is its report.");
}

static void say_report(const struct say *s, const void *what) { say_card(s, what); }
static void say_more(const struct say *s, const void *what)
{
    (void)what;
    say_page(s, "The rest of your devices");
}
static void say_questions(const struct say *s, const void *what)
{
    (void)what;
    say_contact(s);
}

static void add_reports(const struct slack_scene *scene, struct span notice, struct slack_said *out, struct to_json *w)
{
    say_add(scene, out, w, block_section, say_set_up, &scene->cards[0]);
    for (size_t i = 0; i < scene->count && i < REPORTS_SHOWN; i++) {
        say_add(scene, out, w, block_section, say_report, &scene->cards[i]);
        say_card_buttons(w, &scene->cards[i], notice, false);
    }
    if (scene->devices > REPORTS_SHOWN)
        say_add(scene, out, w, block_context, say_more, NULL);
}

enum err_code slack_greeting_write(const struct slack_scene *scene, struct span notice, struct span link, struct slack_said *out, struct err *err)
{
    const struct nudge_text_input in = { .policy = scene->policy, .person = scene->person, .link = link, .now_s = scene->now_s };
    struct to_json w;
    to_json_init(&w, &out->blocks);
    to_json_array(&w);
    greeting_begin(&in, &out->text, &w);
    if (scene->count > 0)
        add_reports(scene, notice, out, &w);
    say_add_offers(scene, notice, out, &w);
    if (scene->count == 0)
        greeting_set_up(&in, &out->text, &w);
    say_add(scene, out, &w, block_context, say_questions, NULL);
    to_json_end(&w);
    return say_finish(out, err);
}

enum err_code slack_greeting_again(struct slack_scene *scene, struct store *store, struct slack_said *out, bool *told, struct err *err)
{
    slack_scene_offer(scene, store);
    struct span link = link_again(scene);
    *told = true;
    return link.at == NULL ? err_set(err, ERR_MEMORY, "the link of a greeting") : slack_greeting_write(scene, scene->person->notice.id, link, out, err);
}

bool slack_greeting_waits(const struct slack_scene *scene)
{
    for (size_t i = 0; i < scene->count; i++)
        if (scene->cards[i].phase != NUDGE_TO_FIX)
            return true;
    return false;
}
