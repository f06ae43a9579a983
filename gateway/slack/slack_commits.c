/* What an order from Slack changes: devices are asked, valves are used, a modal opens. */
#include "gateway/slack/slack_exemptions.h"

#include "gateway/agents.h"
#include "gateway/onboarding/onboard.h"
#include "gateway/valves.h"

enum { DEVICES_ASKED = 16, CHECKS_ASKED = 64 };

static struct valve_use use_of(struct doing *d)
{
    const struct slack_order *o = &d->order;
    return (struct valve_use){ .person = o->person, .device = o->device, .check = o->check, .text = o->text, .by = arena_format(&d->p->arena, "slack:%.*s", SPAN_ARGS(o->user)) };
}

static const char *valve_words(const struct valve_result *r, const char *again)
{
    switch (r->said) {
    case VALVE_DONE: return NULL;
    case VALVE_AGAIN: return again;
    case VALVE_GONE: return "There is nothing of that kind to fix on your devices any more.";
    case VALVE_FULL: return "Many of your questions are open already. A person has to answer them first.";
    case VALVE_NO: break;
    }
    switch (r->refusal) {
    case VALVE_SPENT: return "You have put this off as often as it goes for now.";
    case VALVE_HARD: return "This cannot be put off. It is too urgent.";
    case VALVE_TOO_LATE: return "This cannot be put off any more: apps are closed because of it.";
    default: return "This cannot be put off.";
    }
}

static enum err_code do_snooze(struct doing *d, struct err *err)
{
    struct valve_use use = use_of(d);
    struct valve_result r = { .said = VALVE_DONE };
    enum err_code code = valve_snooze(d->p->s->node, d->p->r->store, &use, &r, err);
    d->progress.line = span_of(code == OK ? valve_words(&r, "This is put off already.") : NULL);
    return code;
}

static enum err_code do_dispute(struct doing *d, struct err *err)
{
    struct valve_use use = use_of(d);
    struct valve_result r = { .said = VALVE_DONE };
    enum err_code code = valve_dispute(d->p->s->node, d->p->r->store, &use, &r, err);
    d->progress.line = span_of(code == OK ? valve_words(&r, "You told us this already. A person looks at it.") : NULL);
    return code;
}

static enum err_code do_ask(struct doing *d, struct err *err)
{
    struct valve_use use = use_of(d);
    struct valve_result r = { .said = VALVE_DONE };
    if (span_empty(use.text))
        use.text = SPAN_LITERAL("(asked in Slack)");
    enum err_code code = valve_ask_person(d->p->s->node, d->p->r->store, &use, &r, err);
    if (code == OK && (r.said != VALVE_DONE || span_empty(d->order.notice))) /* else the message says so */
        d->progress.line = span_of(r.said == VALVE_DONE ? "A person will answer you." : valve_words(&r, "A person will answer you."));
    return code;
}

static enum err_code do_not_mine(struct doing *d, struct err *err)
{
    struct valve_use use = use_of(d);
    struct valve_result r = { .said = VALVE_DONE };
    if (span_empty(use.device)) {
        d->progress.line = SPAN_LITERAL("Which device is not yours? Write its name after the word.");
        return OK;
    }
    enum err_code code = valve_not_mine(d->p->s->node, d->p->r->store, &use, &r, err);
    d->progress.line = span_of(code != OK ? NULL : r.said == VALVE_DONE ? "It has left your list." : "That device is not on your list.");
    return code;
}

/* ---- a device that looks like theirs ---- */

static bool is_theirs(const struct doing *d)
{
    directory_enter(d->p->s->node->directory);
    const struct device *device = directory_device(d->p->s->node->directory, d->order.device);
    bool theirs = device != NULL && span_equal(device->owner, d->order.person);
    directory_leave(d->p->s->node->directory);
    return theirs;
}

/* Where the message or the Home tab shows it by itself, nothing more is said. */
static void say_claimed(struct doing *d, enum onboard_said said, const char *done)
{
    bool shown = order_is_of_the_newest(d) || !span_empty(d->order.view) || (span_empty(d->order.notice) && !span_empty(d->order.message));
    const char *words = said == ONBOARD_SLOW_DOWN ? "That was many at once. Please try again in an hour." : said == ONBOARD_GONE ? "That device is not free any more. If it is yours, ask a person." : shown ? NULL : done;
    d->progress.line = span_of(words);
}

static enum err_code do_claim(struct doing *d, struct err *err)
{
    enum onboard_said said = ONBOARD_GONE;
    enum err_code code = onboard_claim(d->p->s->node, d->p->r->store, d->order.person, d->order.device, arena_format(&d->p->arena, "slack:%.*s", SPAN_ARGS(d->order.user)), &said, err);
    if (code == OK && said == ONBOARD_GONE && is_theirs(d))
        said = ONBOARD_DONE; /* a second press */
    say_claimed(d, said, "It is on your list now.");
    return code;
}

static enum err_code do_decline(struct doing *d, struct err *err)
{
    enum onboard_said said = ONBOARD_DONE;
    enum err_code code = onboard_decline(d->p->s->node, d->p->r->store, d->order.person, d->order.device, &said, err);
    say_claimed(d, ONBOARD_DONE, "We do not ask you about it again.");
    return code;
}

/* The devices meant, and of a message's button the checks that the message named. */
struct questions { struct span devices[DEVICES_ASKED], checks[CHECKS_ASKED]; size_t devices_count, checks_count; };

static void list_questions(struct doing *d, struct questions *q)
{
    const struct slack_order *o = &d->order;
    struct slack_scene scene;
    directory_enter(d->p->s->node->directory);
    slack_scene_make(d->p->s->node, o->person, &d->p->arena, &scene);
    const struct slack_card *one = !span_empty(o->device) ? slack_scene_card(&scene, o->device) : slack_scene_named(&scene, o->text);
    for (size_t i = 0; i < scene.count && q->devices_count < DEVICES_ASKED; i++)
        if (one == &scene.cards[i] || (one == NULL && span_empty(o->device) && span_empty(o->text)))
            q->devices[q->devices_count++] = arena_copy(&d->p->arena, scene.cards[i].device->id);
    const struct notice *n = scene.person != NULL ? &scene.person->notice : NULL;
    for (size_t i = 0; n != NULL && span_equal(n->id, o->notice) && i < n->item_count && q->checks_count < CHECKS_ASKED; i++)
        if (span_equal(n->items[i].device, o->device))
            q->checks[q->checks_count++] = arena_copy(&d->p->arena, n->items[i].check);
    directory_leave(d->p->s->node->directory);
}

static enum err_code do_recheck(struct doing *d, struct err *err)
{
    struct questions *q = arena_alloc(&d->p->arena, sizeof *q);
    struct span cause = arena_format(&d->p->arena, "person:%.*s", SPAN_ARGS(d->order.person));
    enum err_code code = q == NULL ? err_set(err, ERR_MEMORY, "a recheck") : OK;
    if (code == OK)
        list_questions(d, q);
    for (size_t i = 0; code == OK && i < q->devices_count; i++) {
        bool already = false;
        code = agents_recheck(d->p->s->node, d->p->r->store, q->devices[i], q->checks, q->checks_count, cause, &already, err);
        code = code == ERR_NOT_FOUND ? OK : code;
    }
    if (code == OK && q->devices_count == 0)
        d->progress.line = SPAN_LITERAL("We know no device of yours by that name.");
    d->progress.waits = q != NULL && q->devices_count > 0;
    return code;
}

/* Within 3 seconds of the press. Later it does not open, and then nothing is asked: the press alone counts. */
static enum err_code open_modal(struct doing *d, struct err *err)
{
    CLEANUP(buf_done) struct buf view, target;
    const struct slack_order *o = &d->order;
    buf_init(&view, SLACK_SAY_BYTES);
    buf_init(&target, 512);
    nudge_target_write(&(struct nudge_target){ o->notice, o->device, o->check, o->steps }, &target);
    enum err_code code = slack_say_modal(o->ask, buf_span(&target), &view, err);
    if (code != OK)
        return code;
    struct slack_result r = { .outcome = SLACK_REFUSED };
    if (!span_empty(o->trigger))
        r = slack_open_view(d->p->s->client, o->trigger, buf_span(&view));
    d->progress.opened = r.outcome == SLACK_DONE;
    if (d->progress.opened)
        return OK;
    return o->ask == SLACK_ASK_WRONG ? do_dispute(d, err) : do_ask(d, err);
}

/* What words named is found now: "snooze firewall", "notmine dover". Without words, the worst thing on any device. */
static void find_target(struct doing *d)
{
    struct slack_order *o = &d->order;
    struct slack_scene scene;
    if (!span_empty(o->device) || o->ask == SLACK_ASK_CLAIM || o->ask == SLACK_ASK_DECLINE || o->ask == SLACK_ASK_APPROVE || o->ask == SLACK_ASK_REFUSE || o->ask == SLACK_ASK_RECHECK || o->ask == SLACK_ASK_PERSON_SENT)
        return;
    directory_enter(d->p->s->node->directory);
    slack_scene_make(d->p->s->node, o->person, &d->p->arena, &scene);
    const struct slack_card *named = slack_scene_named(&scene, o->text);
    for (size_t i = 0; i < scene.count && o->ask != SLACK_ASK_NOT_MINE && span_empty(o->check); i++) {
        const struct standing *found = slack_card_named(&scene.cards[i], o->text);
        if (found == NULL)
            continue;
        named = &scene.cards[i];
        o->check = arena_copy(&d->p->arena, found->check->id);
    }
    if (named != NULL)
        o->device = arena_copy(&d->p->arena, named->device->id);
    directory_leave(d->p->s->node->directory);
}

enum err_code carry_out_commit(struct doing *d, struct err *err)
{
    if (span_empty(d->order.person) || d->order.ask == SLACK_ASK_FOREIGN)
        return OK;
    find_target(d);
    switch (d->order.ask) {
    case SLACK_ASK_RECHECK: return do_recheck(d, err);
    case SLACK_ASK_SNOOZE: return do_snooze(d, err);
    case SLACK_ASK_WRONG:
    case SLACK_ASK_PERSON: return open_modal(d, err);
    case SLACK_ASK_WRONG_SENT: return do_dispute(d, err);
    case SLACK_ASK_PERSON_SENT: return do_ask(d, err);
    case SLACK_ASK_NOT_MINE: return do_not_mine(d, err);
    case SLACK_ASK_CLAIM: return do_claim(d, err);
    case SLACK_ASK_DECLINE: return do_decline(d, err);
    case SLACK_ASK_EXEMPT:
    case SLACK_ASK_APPROVE:
    case SLACK_ASK_REFUSE: return slack_exemptions_open(d, err);
    default: return OK;
    }
}
