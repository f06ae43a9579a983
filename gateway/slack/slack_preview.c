#include "gateway/slack/slack_preview.h"

#include "gateway/channels.h"
#include "gateway/escalation.h"
#include "gateway/slack/slack_greeting.h"
#include "gateway/slack/slack_notice.h"

/* Where a real message has an id of a notice. */
#define PREVIEW SPAN_LITERAL("preview")

void slack_preview_init(struct slack_preview *p)
{
    *p = (struct slack_preview){ .tells = false };
    slack_said_init(&p->digest);
    slack_said_init(&p->greeting);
    buf_init(&p->home, 2 * SLACK_SAY_BYTES);
}

void slack_preview_done(struct slack_preview *p)
{
    slack_said_done(&p->digest);
    slack_said_done(&p->greeting);
    buf_done(&p->home);
}

static struct span dead_link(const struct slack_scene *scene, const char *page)
{
    return arena_format(scene->arena, "%.*s/%s/preview", SPAN_ARGS(scene->node->options.public_url), page);
}

static enum err_code write_digest(const struct slack_scene *scene, const struct nudge_text_item *items, size_t count, struct slack_preview *out, struct err *err)
{
    const struct nudge_text_input in = {
        .policy = scene->policy, .calendar = scene->node->calendar, .person = scene->person, .items = items, .item_count = count, .link = scene->link, .now_s = scene->now_s,
        .first = scene->person->told_count == 0 && scene->person->onboarding.greeted_s == 0, .notice = PREVIEW, .may_dispute = true,
        .snoozes_left = slack_notice_snoozes(scene, items[0].device->id, items[0].check->id),
    };
    return nudge_text(&in, &out->digest.text, &out->digest.blocks, err);
}

/* The same items in the same order as the ladder's reader would reserve. */
static enum err_code make_digest(const struct slack_scene *scene, struct slack_preview *out, struct err *err)
{
    struct escalation_item *found = NULL;
    const struct control *control = directory_control(scene->node->directory);
    size_t count = escalation_items(scene->node, scene->person, scene->arena, &found);
    struct nudge_text_item *items = arena_array(scene->arena, count + 1, sizeof *items);
    struct notice_item *named = arena_array(scene->arena, count + 1, sizeof *named);
    if (items == NULL || named == NULL)
        return err_set(err, ERR_MEMORY, "a preview");
    for (size_t i = 0; i < count; i++) {
        const struct escalation_item *f = &found[i];
        items[i] = (struct nudge_text_item){ f->device, f->check, f->result, f->deadline_s, f->closes, f->closed, f->came_back };
        named[i] = (struct notice_item){ f->device->id, f->check->id, f->deadline_s };
    }
    const struct nudge_input in = { .policy = scene->policy, .calendar = scene->node->calendar, .person = scene->person, .holidays = control->holidays, .now_s = scene->now_s, .frozen = control->frozen,
                                    .items = named, .item_count = count };
    out->tells = count > 0;
    out->plan = ladder_nudge(&in);
    out->channel = channels_first(scene->node, scene->policy, scene->person);
    return count > 0 ? write_digest(scene, items, count < NUDGE_TEXT_MOST_ITEMS ? count : NUDGE_TEXT_MOST_ITEMS, out, err) : OK;
}

enum err_code slack_preview_make(const struct node *node, struct store *store, struct span person, struct arena *arena, struct slack_preview *out, struct err *err)
{
    struct slack_scene scene;
    slack_scene_make(node, person, arena, &scene);
    if (scene.person == NULL)
        return err_set(err, ERR_NOT_FOUND, "no such person");
    if (scene.policy == NULL)
        return err_set(err, ERR_UNAVAILABLE, "no policy is in force here yet");
    scene.link = dead_link(&scene, "me");
    slack_scene_offer(&scene, store);
    enum err_code code = make_digest(&scene, out, err);
    if (code == OK)
        code = slack_say_home(&scene, SPAN_NONE, &out->home, err);
    return code == OK ? slack_greeting_write(&scene, PREVIEW, dead_link(&scene, "welcome"), &out->greeting, err) : code;
}
