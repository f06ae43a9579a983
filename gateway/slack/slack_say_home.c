/* The Home tab and the modals. */
#include "gateway/exemptions.h"
#include "gateway/slack/slack_say_parts.h"

#include "connectors/notify/block_kit.h"
#include "connectors/notify/block_write.h"
#include "posture/evaluate.h"

enum { NOTE_MOST = 500 /* characters, as on the page */, VALVES_BYTES = 2900 };

typedef void part_fn(const struct say *s);

static void add(const struct slack_scene *scene, struct to_json *w, void (*block)(struct to_json *, struct span), part_fn *part)
{
    CLEANUP(buf_done) struct buf words;
    buf_init(&words, SLACK_SAY_BYTES);
    part(&(struct say){ scene, &words, true });
    w->out->failed = w->out->failed || words.failed;
    block(w, buf_span(&words));
}

static void add_card(const struct slack_scene *scene, struct to_json *w, const struct slack_card *c)
{
    CLEANUP(buf_done) struct buf words;
    buf_init(&words, SLACK_SAY_BYTES);
    say_card(&(struct say){ scene, &words, true }, c);
    w->out->failed = w->out->failed || words.failed;
    block_divider(w);
    block_section(w, buf_span(&words));
    say_card_buttons(w, c, SPAN_NONE, true);
}

/* From results alone: since the last of their checks came to pass. 0: something is not well, not known, or not shown here. */
static int64_t well_since(const struct slack_scene *s)
{
    int64_t since_s = 0;
    if (s->devices > s->count)
        return 0;
    for (size_t i = 0; i < s->count; i++)
        for (size_t k = 0; k < s->policy->check_count; k++) {
            const struct check *check = &s->policy->checks[k];
            const struct device *d = s->cards[i].device;
            const struct result *r = device_result(d, check->id);
            enum verdict now = evaluate_now(check, d, r, s->now_s);
            if (!check->on[d->platform].applies || now == VERDICT_NOT_APPLICABLE)
                continue;
            if (r == NULL || now != VERDICT_PASS)
                return 0;
            since_s = r->changed_s > since_s ? r->changed_s : since_s;
        }
    return since_s;
}

static void say_well(const struct say *s)
{
    say_words(s, s->scene->devices == 1 ? ":white_check_mark: Your device is well. Well since " : ":white_check_mark: All your devices are well. Well since ");
    say_time(s, well_since(s->scene));
    say_words(s, ".");
}

static void say_stranger(const struct say *s) { say_words(s, "We do not know you here yet. Your IT team can add you: tell them that Postern does not know your address."); }
static void say_more_devices(const struct say *s) { say_page(s, "The rest of your devices"); }

static void say_open_disputes(const struct say *s)
{
    const struct person *p = s->scene->person;
    size_t open = 0;
    for (size_t i = 0; i < p->dispute_count; i++)
        open += p->disputes[i].time.to_s == 0 || p->disputes[i].time.to_s > s->scene->now_s;
    if (open == 0)
        say_words(s, "You told us of nothing that looks wrong.");
    else
        buf_format(s->out, "You told us of %zu thing%s that look%s wrong. A person looks at it, and the clock stands still.", open, open == 1 ? "" : "s", open == 1 ? "s" : "");
}

static void say_snoozes(const struct say *s)
{
    for (size_t i = 0; i < s->scene->count; i++)
        for (size_t k = 0; k < s->scene->cards[i].count; k++) {
            const struct standing *standing = &s->scene->cards[i].standings[k];
            if (standing->snoozed == NULL)
                continue;
            say_words(s, "\nPut off until ");
            say_time(s, standing->snoozed->time.to_s);
            say_words(s, ": ");
            say_value(s, standing->check->title, NUDGE_WORDS_TITLE);
        }
}

static void say_exemption(const struct say *s, const struct ladder_input *in, const struct check *check)
{
    const struct exemption *which = NULL, *declined = exemption_declined(in, check->id);
    enum exemption_offer offer = exemption_offer(in, check->id, &which);
    if (offer == EXEMPTION_IN_FORCE) {
        say_words(s, "\nYou do not have to fix this before ");
        say_time(s, which->end_s);
        say_words(s, ": ");
    } else if (offer == EXEMPTION_WAITS) {
        say_words(s, "\nYou asked for an exemption, and another person decides about it: ");
    } else if (declined != NULL) {
        say_words(s, "\nYour exemption was declined: ");
    } else {
        return;
    }
    say_value(s, check->title, NUDGE_WORDS_TITLE);
    if (which == NULL && declined != NULL && !span_empty(declined->answer)) {
        say_words(s, ". The reason: ");
        say_value(s, declined->answer, SAY_STEP);
    }
}

static void say_exemptions(const struct say *s)
{
    for (size_t i = 0; i < s->scene->count; i++)
        for (size_t k = 0; k < s->scene->policy->check_count; k++)
            say_exemption(s, &s->scene->cards[i].ladder, &s->scene->policy->checks[k]);
}

/* What eases the pressure now: so that nobody has to remember what they agreed to. Cut at the room of a block. */
static void say_valves(const struct say *s)
{
    size_t before = s->out->bytes;
    say_open_disputes(s);
    say_snoozes(s);
    say_exemptions(s);
    if (s->out->bytes - before > VALVES_BYTES) {
        s->out->bytes = before;
        say_page(s, "What you agreed with us");
    }
}

/* For those who decide about others' exemptions. */
static void write_decisions(const struct slack_scene *scene, struct to_json *w)
{
    const struct exemption *waiting[EXEMPTIONS_SHOWN];
    size_t count = exemptions_to_decide(scene->node->directory, scene->person, waiting, EXEMPTIONS_SHOWN);
    if (count == 0)
        return;
    block_header(w, SPAN_LITERAL("Waiting for your decision"));
    for (size_t i = 0; i < count && i < EXEMPTIONS_SHOWN; i++) {
        CLEANUP(buf_done) struct buf words;
        buf_init(&words, SLACK_SAY_BYTES);
        const struct say s = { scene, &words, true };
        say_waiting_request(&s, waiting[i]);
        w->out->failed = w->out->failed || words.failed;
        block_section(w, buf_span(&words));
        say_decision_buttons(&s, w, waiting[i]);
    }
    if (count > EXEMPTIONS_SHOWN)
        block_context(w, SPAN_LITERAL("More are shown when these are decided."));
    block_divider(w);
}

static void write_home(const struct slack_scene *scene, struct span line, struct to_json *w)
{
    if (!span_empty(line))
        block_section(w, line);
    if (scene->person != NULL && scene->policy != NULL)
        write_decisions(scene, w);
    block_header(w, SPAN_LITERAL("Your devices"));
    if (scene->person == NULL || scene->policy == NULL) {
        add(scene, w, block_section, say_stranger);
        return;
    }
    add(scene, w, block_section, say_state);
    if (well_since(scene) > 0)
        add(scene, w, block_section, say_well);
    for (size_t i = 0; i < scene->count; i++)
        add_card(scene, w, &scene->cards[i]);
    if (scene->devices > scene->count)
        add(scene, w, block_section, say_more_devices);
    say_write_offers(scene, SPAN_NONE, w);
    block_divider(w);
    add(scene, w, block_section, say_valves);
    block_header(w, SPAN_LITERAL("What is collected, and why"));
    add(scene, w, block_section, say_collected);
    add(scene, w, block_section, say_seen_by);
    add(scene, w, block_context, say_contact);
}

static enum err_code finish(struct buf *out, struct err *err)
{
    enum err_code code = buf_check(out, "a view", err);
    return code == OK ? block_kit_check_view(buf_span(out), err) : code;
}

enum err_code slack_say_home(const struct slack_scene *scene, struct span line, struct buf *out, struct err *err)
{
    struct to_json w;
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_member_text(&w, "type", SPAN_LITERAL("home"));
    to_json_key(&w, "blocks");
    to_json_array(&w);
    write_home(scene, line, &w);
    to_json_end(&w);
    to_json_end(&w);
    return finish(out, err);
}

enum err_code slack_say_modal(enum slack_ask ask, struct span metadata, struct buf *out, struct err *err)
{
    bool wrong = ask == SLACK_ASK_WRONG;
    const struct block_input input = { .label = wrong ? "What looks wrong?" : "What can a person help you with?", .hint = wrong ? "You may leave this empty. The clock stands still while we look." : NULL, .most = NOTE_MOST, .optional = wrong };
    struct to_json w;
    to_json_init(&w, out);
    to_json_object(&w);
    to_json_member_text(&w, "type", SPAN_LITERAL("modal"));
    to_json_member_text(&w, "callback_id", wrong ? SPAN_LITERAL("pst.wrong") : SPAN_LITERAL("pst.ask"));
    to_json_member_text(&w, "private_metadata", metadata);
    block_plain(&w, "title", wrong ? SPAN_LITERAL("This looks wrong") : SPAN_LITERAL("Ask a person"));
    block_plain(&w, "submit", SPAN_LITERAL("Send"));
    block_plain(&w, "close", SPAN_LITERAL("Cancel"));
    to_json_key(&w, "blocks");
    to_json_array(&w);
    block_input(&w, &input);
    to_json_end(&w);
    to_json_end(&w);
    return finish(out, err);
}
