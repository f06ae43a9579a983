#include "gateway/slack/slack_say_exemptions.h"

#include "connectors/notify/block_kit.h"
#include "connectors/notify/block_write.h"
#include "connectors/notify/slack_inbound.h"
#include "gateway/pages/words.h"
#include "gateway/slack/slack_say_parts.h"

enum { TARGET_BYTES = 256, CHOICE_MOST = 75, LABEL_MOST = 75, LABEL_BYTES = 512 };

/* ---- parts ---- */

static struct span title_of(const struct say *s, const struct exemption *e)
{
    const struct check *check = s->scene->policy != NULL ? policy_check(s->scene->policy, e->check) : NULL;
    return check != NULL ? check->title : e->check;
}

static void say_about(const struct say *s, const struct exemption *e)
{
    say_strong(s, title_of(s, e), NUDGE_WORDS_TITLE);
    say_words(s, ", on ");
    say_strong(s, exemption_subject(s->scene->node->directory, e, s->scene->arena), NUDGE_WORDS_TITLE);
}

static void say_what_is_asked(const struct say *s, const void *what)
{
    const struct exemption *e = what;
    say_value(s, exemption_who(s->scene->node->directory, e->requester, s->scene->arena), NUDGE_WORDS_TITLE);
    say_words(s, " asks that this may wait: ");
    say_about(s, e);
    say_words(s, "\nUntil: ");
    say_time(s, e->end_s);
    say_words(s, "\nWhy: ");
    say_value(s, e->reason, SAY_LONG);
    if (span_empty(e->measure))
        return;
    say_words(s, "\nWhat they do instead: ");
    say_value(s, e->measure, SAY_LONG);
}

static void say_by_whom(const struct say *s, const struct exemption *e)
{
    if (span_equal_text(e->approver, "clock"))
        return;
    say_words(s, " by ");
    say_value(s, exemption_who(s->scene->node->directory, e->approver, s->scene->arena), NUDGE_WORDS_TITLE);
}

static void say_answer(const struct say *s, const struct exemption *e)
{
    if (span_empty(e->answer))
        return;
    say_words(s, "\nTheir words: ");
    say_value(s, e->answer, SAY_LONG);
}

static void say_what_was_decided(const struct say *s, const void *what)
{
    const struct exemption *e = what;
    bool approved = e->state == EXEMPTION_APPROVED;
    say_words(s, approved ? "Approved" : e->state == EXEMPTION_REFUSED ? "Declined" : "It is over");
    if (e->state != EXEMPTION_ENDED)
        say_by_whom(s, e);
    if (approved) {
        say_words(s, ", until ");
        say_time(s, e->end_s);
    }
    say_words(s, ".");
    say_answer(s, e);
}

static void say_to_the_asker(const struct say *s, const void *what)
{
    const struct exemption *e = what;
    say_words(s, e->state == EXEMPTION_REFUSED ? "Your exemption was declined" : "Your exemption was approved");
    say_by_whom(s, e);
    say_words(s, ": ");
    say_about(s, e);
    say_words(s, ".");
    if (e->state != EXEMPTION_REFUSED) {
        say_words(s, " You do not have to fix this before ");
        say_time(s, e->end_s);
        say_words(s, ".");
    }
    say_answer(s, e);
}

static void say_rule(const struct say *s, const void *what)
{
    (void)what;
    say_words(s, "Your company has named who decides. Nobody decides what they asked for, or what is about them.");
}

static void say_questions(const struct say *s, const void *what)
{
    (void)what;
    say_contact(s);
}

void say_waiting_request(const struct say *s, const struct exemption *e) { say_what_is_asked(s, e); }

static void add_label(struct buf *label, const char *words, struct span title)
{
    size_t room = LABEL_MOST - span_of(words).bytes;
    buf_append_text(label, words);
    nudge_words_clip(label, title, room, false);
}

void say_decision_buttons(const struct say *s, struct to_json *w, const struct exemption *e)
{
    CLEANUP(buf_done) struct buf approve, decline;
    buf_init(&approve, LABEL_BYTES);
    buf_init(&decline, LABEL_BYTES);
    add_label(&approve, "Approve: ", title_of(s, e));
    add_label(&decline, "Decline: ", title_of(s, e));
    const struct block_button buttons[] = {
        { .words = "Approve", .action = "pst.approve", .value = e->id, .label = buf_span(&approve), .primary = true },
        { .words = "Decline", .action = "pst.refuse", .value = e->id, .label = buf_span(&decline) },
    };
    w->out->failed = w->out->failed || approve.failed || decline.failed;
    if (!w->out->failed)
        block_actions(w, buttons, 2);
}

/* ---- messages ---- */

enum err_code slack_say_request(const struct slack_scene *scene, const struct exemption *e, struct slack_said *out, struct err *err)
{
    struct to_json w;
    to_json_init(&w, &out->blocks);
    to_json_array(&w);
    say_add(scene, out, &w, block_section, say_what_is_asked, e);
    if (e->state == EXEMPTION_ASKED) {
        say_decision_buttons(&(struct say){ scene, NULL, false }, &w, e);
        say_add(scene, out, &w, block_context, say_rule, e);
    } else {
        say_add(scene, out, &w, block_section, say_what_was_decided, e);
    }
    to_json_end(&w);
    return say_finish(out, err);
}

enum err_code slack_say_decided(const struct slack_scene *scene, const struct exemption *e, struct slack_said *out, struct err *err)
{
    struct to_json w;
    to_json_init(&w, &out->blocks);
    to_json_array(&w);
    say_add(scene, out, &w, block_section, say_to_the_asker, e);
    say_add(scene, out, &w, block_context, say_questions, e);
    to_json_end(&w);
    return say_finish(out, err);
}

/* ---- modals ---- */

size_t slack_exemptions_offered(const struct slack_card *c, const struct check **out, size_t most)
{
    size_t count = 0;
    for (size_t i = 0; i < c->count && count < most; i++)
        if (exemption_offer(&c->ladder, c->standings[i].check->id, NULL) == EXEMPTION_OFFERED)
            out[count++] = c->standings[i].check;
    return count;
}

static void begin_modal(struct to_json *w, const char *callback, const char *title, const char *submit, struct span metadata)
{
    to_json_object(w);
    to_json_member_text(w, "type", SPAN_LITERAL("modal"));
    if (callback != NULL) {
        to_json_member_text(w, "callback_id", span_of(callback));
        to_json_member_text(w, "private_metadata", metadata);
        block_plain(w, "submit", span_of(submit));
    }
    block_plain(w, "title", span_of(title));
    block_plain(w, "close", callback != NULL ? SPAN_LITERAL("Cancel") : SPAN_LITERAL("Close"));
    to_json_key(w, "blocks");
    to_json_array(w);
}

static enum err_code end_modal(struct to_json *w, struct buf *out, struct err *err)
{
    to_json_end(w);
    to_json_end(w);
    enum err_code code = buf_check(out, "a modal", err);
    return code == OK ? block_kit_check_view(buf_span(out), err) : code;
}

static void add_section(const struct slack_scene *scene, struct to_json *w, void (*part)(const struct say *, const void *), const void *what)
{
    CLEANUP(buf_done) struct buf words;
    buf_init(&words, SLACK_SAY_BYTES);
    part(&(struct say){ scene, &words, true }, what);
    w->out->failed = w->out->failed || words.failed;
    block_section(w, buf_span(&words));
}

static void say_one_check(const struct say *s, const void *what) { say_strong(s, ((const struct check *)what)->title, NUDGE_WORDS_TITLE); }

/* Options hold 75 characters. */
static struct span option_words(struct span title, struct arena *arena)
{
    CLEANUP(buf_done) struct buf words;
    buf_init(&words, LABEL_BYTES);
    nudge_words_clip(&words, title, CHOICE_MOST, false);
    return arena_copy(arena, buf_span(&words));
}

static void add_choice(const struct slack_scene *scene, struct to_json *w, const struct slack_exemption_ask *ask)
{
    struct block_option options[SLACK_CHOICES];
    for (size_t i = 0; i < ask->count; i++)
        options[i] = (struct block_option){ option_words(ask->checks[i]->title, scene->arena), ask->checks[i]->id };
    if (ask->count == 1)
        add_section(scene, w, say_one_check, ask->checks[0]);
    else
        block_choice(w, "Which one?", options, ask->count);
}

static const struct block_field measure_field = { SLACK_MEASURE_BLOCK, SLACK_MEASURE_ACTION };

enum err_code slack_say_exemption_modal(const struct slack_scene *scene, const struct slack_exemption_ask *ask, struct buf *out, struct err *err)
{
    CLEANUP(buf_done) struct buf target;
    const struct policy *policy = scene->policy;
    struct to_json w;
    buf_init(&target, TARGET_BYTES);
    nudge_target_write(&(struct nudge_target){ SPAN_NONE, ask->device, ask->count == 1 ? ask->checks[0]->id : SPAN_NONE, false }, &target);
    struct span hint = arena_format(scene->arena, "You may leave this empty: then it holds for %.*s. At most %.*s.", SPAN_ARGS(words_span(scene->arena, policy->exemptions.length_s)),
                                    SPAN_ARGS(words_span(scene->arena, policy->exemptions.longest_s)));
    to_json_init(&w, out);
    begin_modal(&w, "pst.exempt", "Ask for an exemption", "Ask", buf_span(&target));
    add_choice(scene, &w, ask);
    block_input(&w, &(struct block_input){ "Why can this not be fixed for now?", "Another person decides about it. Until then nothing changes.", EXEMPTION_TEXT_BYTES, false,
                                           { NULL, NULL } });
    block_date(&w, &(struct block_date){ "Until when?", hint.at, SPAN_NONE, true });
    block_input(&w, &(struct block_input){ "What do you do instead?", NULL, EXEMPTION_TEXT_BYTES, true, measure_field });
    w.out->failed = w.out->failed || target.failed || hint.at == NULL;
    return end_modal(&w, out, err);
}

enum err_code slack_say_decision_modal(const struct slack_scene *scene, const struct exemption *e, bool approve, struct buf *out, struct err *err)
{
    char day[EXEMPTION_DAY_BYTES];
    struct to_json w;
    to_json_init(&w, out);
    begin_modal(&w, approve ? "pst.approve" : "pst.refuse", approve ? "Approve an exemption" : "Decline an exemption", approve ? "Approve" : "Decline", e->id);
    add_section(scene, &w, say_what_is_asked, e);
    if (approve)
        block_date(&w, &(struct block_date){ "Until", "You may choose an earlier day.", span_of(exemption_day(scene->node, scene->person, e->end_s, day)), true });
    block_input(&w, &(struct block_input){ approve ? "Words for them" : "Why not? They read this.", NULL, EXEMPTION_TEXT_BYTES, approve, { NULL, NULL } });
    return end_modal(&w, out, err);
}

enum err_code slack_say_settled(const char *title, struct span words, struct buf *out, struct err *err)
{
    struct to_json w;
    to_json_init(&w, out);
    begin_modal(&w, NULL, title, NULL, SPAN_NONE);
    block_section(&w, words);
    return end_modal(&w, out, err);
}
