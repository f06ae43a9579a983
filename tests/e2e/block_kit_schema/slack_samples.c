/* What the app says when it is asked: messages, the Home tab, modals; over a story's directory. */
#include "gateway/slack/slack_greeting.h"
#include "gateway/slack/slack_notice.h"
#include "gateway/slack/slack_say_exemptions.h"
#include "gateway/valves.h"

#include "tests/e2e/block_kit_schema/samples.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <stdlib.h>

#define ANA "p_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BEN "p_bbbbbbbbbbbbbbbbbbbbbbbbbb"
#define DOVER "d_aaaaaaaaaaaaaaaaaaaaaaaaaa"

static void must(enum err_code code, const char *what, const struct err *err)
{
    if (code == OK)
        return;
    fprintf(stderr, "%s: %s\n", what, err->text);
    exit(1);
}

static void print_said(struct to_json *w, const char *name, const struct slack_said *said)
{
    to_json_object(w);
    to_json_member_text(w, "name", span_of(name));
    to_json_member_text(w, "text", buf_span(&said->text));
    to_json_key(w, "blocks");
    to_json_raw(w, buf_span(&said->blocks));
    to_json_end(w);
}

static void print_view(struct to_json *w, const char *name, struct span view)
{
    to_json_object(w);
    to_json_member_text(w, "name", span_of(name));
    to_json_key(w, "view");
    to_json_raw(w, view);
    to_json_end(w);
}

static void print_asks(const struct slack_scene *scene, const char *who, struct to_json *w)
{
    static const enum slack_ask asks[] = { SLACK_ASK_STATUS, SLACK_ASK_WHY, SLACK_ASK_PRIVACY, SLACK_ASK_HELP };
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        struct slack_said said;
        struct err err;
        char name[64];
        slack_said_init(&said);
        must(slack_say(scene, asks[i], SPAN_NONE, SPAN_LITERAL("/device"), &said, &err), slack_ask_name(asks[i]), &err);
        snprintf(name, sizeof name, "%s, %s", slack_ask_name(asks[i]), who);
        print_said(w, name, &said);
        slack_said_done(&said);
    }
}

static void print_home(const struct slack_scene *scene, const char *name, struct to_json *w)
{
    CLEANUP(buf_done) struct buf view;
    struct err err;
    buf_init(&view, 2 * SLACK_SAY_BYTES);
    must(slack_say_home(scene, SPAN_NONE, &view, &err), name, &err);
    print_view(w, name, buf_span(&view));
}

static void print_modal(enum slack_ask ask, struct to_json *w)
{
    CLEANUP(buf_done) struct buf view;
    struct err err;
    buf_init(&view, SLACK_SAY_BYTES);
    must(slack_say_modal(ask, SPAN_LITERAL("e_1|d_1|firewall"), &view, &err), "a modal", &err);
    print_view(w, slack_ask_name(ask), buf_span(&view));
}

static void print_closed(const struct slack_scene *scene, struct to_json *w)
{
    struct slack_said said;
    struct err err;
    struct slack_card card = scene->cards[0];
    card.closed = 3;
    slack_said_init(&said);
    must(slack_say_closed(scene, &card, &said, &err), "closed", &err);
    print_said(w, "apps are closed", &said);
    slack_said_done(&said);
}

/* ---- the greeting ---- */

static void print_greeting(const struct slack_scene *scene, const char *name, struct to_json *w)
{
    struct slack_said said;
    struct err err;
    slack_said_init(&said);
    must(slack_greeting_write(scene, SPAN_LITERAL("e_1"), SPAN_LITERAL("https://posture.acme.example/welcome/x"), &said, &err), name, &err);
    print_said(w, name, &said);
    slack_said_done(&said);
}

/* As many offers as there can be: devices stand in for those that look like theirs. */
static void print_greetings(const struct slack_scene *hers, const struct slack_scene *his, struct to_json *w)
{
    struct slack_scene offered = *his;
    for (size_t i = 0; i < ONBOARD_DEVICES_MOST; i++)
        offered.offers[i] = hers->cards[0].device;
    offered.offer_count = ONBOARD_DEVICES_MOST;
    print_greeting(his, "the greeting", w);
    print_greeting(&offered, "the greeting, with devices that look like theirs", w);
    print_greeting(hers, "the greeting, with a first report", w);
    offered.offer_count = 1;
    print_home(&offered, "the Home tab, with a device that looks like theirs", w);
}

/* ---- exemptions ---- */

static void print_request(const struct slack_scene *scene, const struct exemption *e, const char *name, enum err_code (*say)(const struct slack_scene *, const struct exemption *, struct slack_said *, struct err *), struct to_json *w)
{
    struct slack_said said;
    struct err err;
    slack_said_init(&said);
    must(say(scene, e, &said, &err), name, &err);
    print_said(w, name, &said);
    slack_said_done(&said);
}

static void print_exemption_modals(const struct slack_scene *scene, const struct exemption *e, struct to_json *w)
{
    const struct check *checks[] = { policy_check(scene->policy, SPAN_LITERAL("firewall")), policy_check(scene->policy, SPAN_LITERAL("screen-lock")) };
    static const char *const names[] = { "ask for one", "ask for one of two", "approve", "decline", "approved" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        CLEANUP(buf_done) struct buf view;
        struct err err;
        const struct slack_exemption_ask ask = { SPAN_LITERAL(DOVER), checks, i + 1 };
        buf_init(&view, SLACK_SAY_BYTES);
        enum err_code code = i < 2 ? slack_say_exemption_modal(scene, &ask, &view, &err) : i < 4 ? slack_say_decision_modal(scene, e, i == 2, &view, &err)
                                                                                      : slack_say_settled("Approve an exemption", SPAN_LITERAL("Approved until Fri. They are told."), &view, &err);
        must(code, names[i], &err);
        print_view(w, names[i], buf_span(&view));
    }
}

static void print_exemptions(struct story *story, struct arena *arena, struct to_json *w)
{
    const struct exemption_request ask = { .scope = EXEMPT_DEVICE, .subject = SPAN_LITERAL(DOVER), .check = SPAN_LITERAL("firewall"), .reason = SPAN_LITERAL("The <lab> & *more*"), .measure = SPAN_LITERAL("A `router`"),
                                           .by = SPAN_LITERAL("person:" ANA) };
    struct valve_result made;
    struct slack_scene scene;
    struct err err;
    must(valve_exemption_ask(&story->node, story->store, &ask, &made, &err), "an exemption", &err);
    story_feed(story);
    directory_enter(story->node.directory);
    struct exemption e = directory_control(story->node.directory)->exemptions.all[0];
    slack_scene_make(&story->node, SPAN_LITERAL(BEN), arena, &scene);
    print_home(&scene, "the Home tab of one who decides", w);
    print_exemption_modals(&scene, &e, w);
    print_request(&scene, &e, "a request to those who decide", slack_say_request, w);
    e.state = EXEMPTION_REFUSED;
    e.approver = SPAN_LITERAL("person:" BEN);
    e.answer = SPAN_LITERAL("<no> & that is it");
    print_request(&scene, &e, "a request that was declined", slack_say_request, w);
    print_request(&scene, &e, "the answer: declined", slack_say_decided, w);
    e.state = EXEMPTION_APPROVED;
    print_request(&scene, &e, "a request that was approved", slack_say_request, w);
    print_request(&scene, &e, "the answer: approved", slack_say_decided, w);
    directory_leave(story->node.directory);
}

void print_slack_samples(const char *policy, struct to_json *w)
{
    struct story story;
    struct slack_scene scene;
    struct arena arena;
    story_start(&story, policy);
    story_person(&story, ANA, "U0ANA", "ana@acme.example");
    story_person(&story, BEN, "U0BEN", "ben@acme.example");
    story_device(&story, DOVER, ANA);
    story_result(&story, DOVER, "firewall", VERDICT_FAIL);
    arena_init(&arena, 64 * 1024, 16 * 1024 * 1024);
    directory_enter(story.node.directory);
    slack_scene_make(&story.node, SPAN_LITERAL(ANA), &arena, &scene);
    print_asks(&scene, "somebody with a device", w);
    print_home(&scene, "the Home tab", w);
    print_closed(&scene, w);
    struct slack_scene his;
    slack_scene_make(&story.node, SPAN_LITERAL(BEN), &arena, &his);
    print_greetings(&scene, &his, w);
    slack_scene_make(&story.node, SPAN_NONE, &arena, &scene);
    print_asks(&scene, "somebody unknown", w);
    print_home(&scene, "the Home tab of somebody unknown", w);
    directory_leave(story.node.directory);
    print_modal(SLACK_ASK_WRONG, w);
    print_modal(SLACK_ASK_PERSON, w);
    print_exemptions(&story, &arena, w);
    arena_done(&arena);
    story_end(&story);
}
