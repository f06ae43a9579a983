#include "gateway/slack/slack_notice.h"

#include "gateway/exemptions.h"
#include "posture/evaluate.h"

#include <string.h>

enum { ITEMS_MOST = 64 };

struct telling {
    const struct slack_scene *scene;
    const struct control *control;
    struct nudge_text_item items[ITEMS_MOST];
    struct nudge_text_news news[ITEMS_MOST];
    size_t count;
};

static bool copy_id(struct span from, char to[SLACK_ID_BYTES])
{
    if (from.bytes == 0 || from.bytes >= SLACK_ID_BYTES)
        return false;
    memcpy(to, from.at, from.bytes);
    to[from.bytes] = '\0';
    return true;
}

bool slack_notice_message(const struct person *person, struct slack_posted *out)
{
    const struct notice *n = &person->notice;
    return n->state == NOTICE_DELIVERED && span_equal_text(n->channel, "slack") && copy_id(n->conversation, out->conversation) && copy_id(n->message, out->message);
}

bool slack_notice_place(const struct person *person, struct slack_posted *out) { return span_empty(person->notice.kind) && slack_notice_message(person, out); }

bool slack_notice_old_place(const struct person *person, struct slack_posted *out)
{
    const struct notice *n = &person->notice;
    bool newer = n->state == NOTICE_DELIVERED && span_equal_text(n->channel, "slack") && !span_empty(n->message);
    return newer && copy_id(n->old_conversation, out->conversation) && copy_id(n->old_message, out->message);
}

/* ---- what became of an item ---- */

static const struct dispute *open_dispute(const struct person *p, struct span device, struct span check, int64_t now_s)
{
    for (size_t i = 0; i < p->dispute_count; i++) {
        const struct dispute *d = &p->disputes[i];
        if (span_equal(d->device, device) && span_equal(d->check, check) && (d->time.to_s == 0 || d->time.to_s > now_s))
            return d;
    }
    return NULL;
}

static void look_for_hold(const struct telling *t, const struct device *device, const struct check *check, struct nudge_text_news *news)
{
    const struct slack_scene *s = t->scene;
    const struct dispute *dispute = open_dispute(s->person, device->id, check->id, s->now_s);
    const struct slack_card *card = slack_scene_card(s, device->id);
    const struct standing *standing = card != NULL ? slack_card_standing(card, check->id) : NULL;
    const struct snooze *snooze = standing != NULL ? standing->snoozed : NULL;
    const struct exemption *exemption = exemption_for(t->control->exemptions, s->person, device, check->id, s->now_s);
    if (exemption != NULL)
        *news = (struct nudge_text_news){ news->phase, news->since_s, NUDGE_EXEMPTED, exemption->end_s };
    else if (dispute != NULL && dispute->time.to_s > 0)
        *news = (struct nudge_text_news){ news->phase, news->since_s, NUDGE_DISPUTED, dispute->time.to_s };
    else if (snooze != NULL)
        *news = (struct nudge_text_news){ news->phase, news->since_s, NUDGE_SNOOZED, snooze->time.to_s };
}

static struct nudge_text_news news_of(const struct telling *t, const struct device *device, const struct check *check)
{
    const struct slack_scene *s = t->scene;
    const struct result *result = device_result(device, check->id);
    struct nudge_text_news news = { NUDGE_TO_FIX, 0, NUDGE_RUNNING, 0 };
    if (device->removed || !span_equal(device->owner, s->person->id))
        return (struct nudge_text_news){ NUDGE_GONE, 0, NUDGE_RUNNING, 0 };
    if (result != NULL && (result->verdict == VERDICT_PASS || result->verdict == VERDICT_NOT_APPLICABLE))
        return (struct nudge_text_news){ NUDGE_FIXED, result->evaluated_s, NUDGE_RUNNING, 0 };
    struct slack_wait wait = slack_wait_for(device, s->policy, check->id, s->now_s);
    news.phase = wait.phase;
    if (wait.phase == NUDGE_TO_FIX && wait.answered_s > 0 && device->recheck_s >= s->person->notice.settled_s) {
        news.phase = NUDGE_STILL;
        news.since_s = wait.answered_s;
    }
    look_for_hold(t, device, check, &news);
    return news;
}

/* By what is true now, not by what was true when the message was written. */
static struct nudge_text_item item_of(const struct telling *t, const struct device *device, const struct check *check)
{
    const struct slack_card *card = slack_scene_card(t->scene, device->id);
    const struct standing *standing = card != NULL ? slack_card_standing(card, check->id) : NULL;
    struct nudge_text_item item = { device, check, device_result(device, check->id), 0, 0, standing != NULL ? standing->closed : 0, standing != NULL && standing->carried_s > 0 };
    if (standing != NULL && standing->next_close >= 0) {
        item.deadline_s = standing->close_s;
        item.closes = standing->ladder->rungs[standing->next_close].close & ~standing->closed;
    }
    return item;
}

/* What is to fix comes first; the order is that of the message. */
static void collect(struct telling *t, bool open)
{
    const struct notice *n = &t->scene->person->notice;
    for (size_t i = 0; i < n->item_count && t->count < ITEMS_MOST; i++) {
        const struct device *device = directory_device(t->scene->node->directory, n->items[i].device);
        const struct check *check = policy_check(t->scene->policy, n->items[i].check);
        if (device == NULL || check == NULL)
            continue;
        struct nudge_text_news news = news_of(t, device, check);
        if ((news.phase != NUDGE_FIXED && news.phase != NUDGE_GONE) != open)
            continue;
        t->items[t->count] = item_of(t, device, check);
        t->news[t->count++] = news;
    }
}

static struct telling *tell(const struct slack_scene *scene)
{
    struct telling *t = arena_alloc(scene->arena, sizeof *t);
    if (t == NULL || scene->person == NULL || scene->policy == NULL)
        return NULL;
    t->scene = scene;
    t->control = directory_control(scene->node->directory);
    collect(t, true);
    collect(t, false);
    return t;
}

/* ---- what is on offer ---- */

unsigned slack_notice_snoozes(const struct slack_scene *scene, struct span device, struct span check)
{
    const struct slack_card *card = slack_scene_card(scene, device);
    const struct standing *standing = card != NULL ? slack_card_standing(card, check) : NULL;
    if (standing == NULL || standing->ladder == NULL)
        return 0;
    struct valve_offer offer = ladder_snooze_offer(&card->ladder, standing, scene->arena);
    return offer.refusal == VALVE_OPEN ? offer.left : 0;
}

void slack_notice_exempt(const struct slack_scene *scene, struct span device, struct span check, struct nudge_text_input *in)
{
    const struct slack_card *card = slack_scene_card(scene, device);
    if (card == NULL || slack_card_standing(card, check) == NULL)
        return;
    const struct exemption *declined = exemption_declined(&card->ladder, check);
    enum exemption_offer offer = exemption_offer(&card->ladder, check, NULL);
    if (offer == EXEMPTION_WAITS)
        in->exempt = NUDGE_EXEMPT_ASKED;
    else if (offer == EXEMPTION_OFFERED)
        in->exempt = declined != NULL ? NUDGE_EXEMPT_DECLINED : NUDGE_EXEMPT_OFFERED;
    in->declined = declined != NULL ? declined->answer : SPAN_NONE;
}

static bool asked_a_person(const struct telling *t)
{
    const struct person *p = t->scene->person;
    for (size_t i = 0; i < p->ask_count; i++)
        if (p->asks[i].answered_s == 0 && (span_empty(p->asks[i].device) || span_equal(p->asks[i].device, t->items[0].device->id)))
            return true;
    return false;
}

enum err_code slack_notice_write(const struct slack_scene *scene, bool all_steps, struct slack_said *out, bool *told, struct err *err)
{
    const struct telling *t = tell(scene);
    *told = t != NULL && t->count > 0;
    if (!*told)
        return OK;
    struct nudge_text_input in = {
        .policy = scene->policy, .calendar = scene->node->calendar, .person = scene->person, .items = t->items, .item_count = t->count, .link = scene->link, .now_s = scene->now_s,
        .news = t->news, .notice = scene->person->notice.id, .all_steps = all_steps, .may_dispute = true, .asked = asked_a_person(t), .snoozes_left = slack_notice_snoozes(scene, t->items[0].device->id, t->items[0].check->id),
    };
    slack_notice_exempt(scene, t->items[0].device->id, t->items[0].check->id, &in);
    in.reminder_count = exemption_reminders(scene->node->directory, scene->person, scene->now_s, scene->arena, &in.reminders);
    return nudge_text(&in, &out->text, &out->blocks, err);
}

bool slack_notice_waits(const struct slack_scene *scene)
{
    const struct telling *t = tell(scene);
    for (size_t i = 0; t != NULL && i < t->count; i++)
        if (t->news[i].phase == NUDGE_CHECKING || t->news[i].phase == NUDGE_WAITING || t->news[i].phase == NUDGE_SILENT)
            return true;
    return false;
}
