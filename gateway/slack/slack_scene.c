#include "gateway/slack/slack_scene.h"

#include "gateway/pages/link.h"

#include "posture/evaluate.h"

enum { OWNED_MOST = 256 };

/* ---- waiting ---- */

static bool was_asked(const struct device *d, struct span check)
{
    for (size_t i = 0; i < d->recheck_count; i++)
        if (span_equal(d->recheck_checks[i], check))
            return true;
    return d->recheck_count == 0;
}

/* The oldest of the answers that were asked for; -1: one is missing. */
static int64_t answered_at(const struct device *d, const struct policy *policy, struct span only)
{
    int64_t oldest_s = 0;
    for (size_t i = 0; policy != NULL && i < policy->check_count; i++) {
        const struct check *check = &policy->checks[i];
        if (!check->on[d->platform].applies || check_facts_only(&check->on[d->platform]) || !was_asked(d, check->id) || (!span_empty(only) && !span_equal(only, check->id)))
            continue;
        const struct result *result = device_result(d, check->id);
        if (result == NULL || result->evaluated_s < d->recheck_s)
            return -1;
        if (oldest_s == 0 || result->evaluated_s < oldest_s)
            oldest_s = result->evaluated_s;
    }
    return oldest_s;
}

struct slack_wait slack_wait_for(const struct device *device, const struct policy *policy, struct span check, int64_t now_s)
{
    int64_t since_s = now_s - device->recheck_s;
    if (device->recheck_s == 0 || since_s > SLACK_SILENT_S || (!span_empty(check) && !was_asked(device, check)))
        return (struct slack_wait){ NUDGE_TO_FIX, 0 };
    int64_t answered_s = answered_at(device, policy, check);
    if (answered_s >= 0)
        return (struct slack_wait){ NUDGE_TO_FIX, answered_s };
    return (struct slack_wait){ since_s < SLACK_CHECKING_S ? NUDGE_CHECKING : since_s < SLACK_WAITING_S ? NUDGE_WAITING : NUDGE_SILENT, 0 };
}

/* ---- the scene ---- */

static void count_results(const struct slack_scene *s, struct slack_card *c)
{
    for (size_t i = 0; i < s->policy->check_count; i++) {
        const struct check *check = &s->policy->checks[i];
        enum verdict v = evaluate_now(check, c->device, device_result(c->device, check->id), s->now_s);
        c->good += v == VERDICT_PASS;
        c->unknown += v == VERDICT_UNKNOWN;
    }
}

static void look_at(struct slack_scene *s, const struct decision_input *in, struct slack_card *c)
{
    c->ladder = decision_ladder_input(in, c->device, s->person);
    c->count = ladder_standings(&c->ladder, s->arena, &c->standings);
    c->count = ladder_shown(c->standings, c->count); /* as on the pages: what is only reported is nobody's to fix */
    count_results(s, c);
    c->phase = slack_wait_for(c->device, s->policy, SPAN_NONE, s->now_s).phase;
    for (size_t i = 0; i < c->count; i++) {
        const struct standing *standing = &c->standings[i];
        c->closed |= standing->closed;
        if (standing->close_s > 0 && (s->soonest_s == 0 || standing->close_s < s->soonest_s))
            s->soonest_s = standing->close_s;
    }
    s->to_fix += c->count;
    s->closed |= c->closed;
}

static void make_link(struct slack_scene *s)
{
    CLEANUP(buf_done) struct buf url;
    struct err ignored;
    buf_init(&url, LINK_URL_BYTES);
    if (link_me(s->node, s->person->id, s->now_s + LINK_ME_LIFETIME_S, &url, &ignored) == OK)
        s->link = arena_copy(s->arena, buf_span(&url));
}

void slack_scene_make(const struct node *node, struct span person, struct arena *arena, struct slack_scene *out)
{
    const struct directory *d = node->directory;
    const struct device **devices = arena_array(arena, OWNED_MOST, sizeof(struct device *));
    struct decision_input in = { 0 };
    *out = (struct slack_scene){ .node = node, .arena = arena, .policy = directory_control(d)->policy, .person = span_empty(person) ? NULL : directory_person(d, person), .now_s = clock_wall_s(node->clock) };
    if (out->person != NULL && out->person->removed)
        out->person = NULL;
    if (out->person == NULL || out->policy == NULL || devices == NULL)
        return;
    out->zone = calendar_zone(out->policy, out->person);
    make_link(out);
    directory_decision_input(d, out->person, out->now_s, devices, OWNED_MOST, &in);
    size_t owned = directory_devices_of(d, out->person->id, devices, OWNED_MOST);
    for (size_t i = 0; i < owned && i < OWNED_MOST; i++) {
        if (devices[i]->removed)
            continue;
        out->devices++;
        if (out->count == SLACK_SCENE_DEVICES)
            continue;
        struct slack_card *c = &out->cards[out->count++];
        *c = (struct slack_card){ .device = devices[i] };
        look_at(out, &in, c);
    }
}

void slack_scene_offer(struct slack_scene *s, struct store *store)
{
    const struct person *p = s->person;
    bool set_up = p != NULL && s->policy != NULL && p->onboarding.invited_s > 0 && (s->devices == 0 || s->now_s - p->onboarding.invited_s < SLACK_OFFERS_S);
    s->offer_count = set_up ? onboard_offers(s->node, store, p, s->offers) : 0;
}

/* ---- finding ---- */

const struct slack_card *slack_scene_card(const struct slack_scene *s, struct span device)
{
    for (size_t i = 0; i < s->count; i++)
        if (span_equal(s->cards[i].device->id, device))
            return &s->cards[i];
    return NULL;
}

const struct slack_card *slack_scene_named(const struct slack_scene *s, struct span words)
{
    if (span_empty(words))
        return s->count == 1 ? &s->cards[0] : NULL;
    for (size_t i = 0; i < s->count; i++)
        if (span_equal_fold(s->cards[i].device->name, words) || span_equal(s->cards[i].device->id, words))
            return &s->cards[i];
    return NULL;
}

const struct standing *slack_card_standing(const struct slack_card *c, struct span check)
{
    for (size_t i = 0; i < c->count; i++)
        if (span_equal(c->standings[i].check->id, check))
            return &c->standings[i];
    return NULL;
}

static bool has_words(struct span text, struct span words)
{
    for (size_t i = 0; i + words.bytes <= text.bytes; i++)
        if (span_equal_fold(span_slice(text, i, words.bytes), words))
            return true;
    return false;
}

const struct standing *slack_card_named(const struct slack_card *c, struct span words)
{
    for (size_t i = 0; i < c->count; i++)
        if (span_empty(words) || has_words(c->standings[i].check->id, words) || has_words(c->standings[i].check->title, words))
            return &c->standings[i];
    return NULL;
}
