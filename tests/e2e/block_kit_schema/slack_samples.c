/* What the app says when it is asked: messages, the Home tab, modals; over a story's directory. */
#include "gateway/slack/slack_notice.h"

#include "tests/e2e/block_kit_schema/samples.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <stdlib.h>

#define ANA "p_aaaaaaaaaaaaaaaaaaaaaaaaaa"
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
    must(slack_say_home(scene, &view, &err), name, &err);
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

void print_slack_samples(const char *policy, struct to_json *w)
{
    struct story story;
    struct slack_scene scene;
    struct arena arena;
    story_start(&story, policy);
    story_person(&story, ANA, "U0ANA", "ana@acme.example");
    story_device(&story, DOVER, ANA);
    story_result(&story, DOVER, "firewall", VERDICT_FAIL);
    arena_init(&arena, 64 * 1024, 16 * 1024 * 1024);
    directory_enter(story.node.directory);
    slack_scene_make(&story.node, SPAN_LITERAL(ANA), &arena, &scene);
    print_asks(&scene, "somebody with a device", w);
    print_home(&scene, "the Home tab", w);
    print_closed(&scene, w);
    slack_scene_make(&story.node, SPAN_NONE, &arena, &scene);
    print_asks(&scene, "somebody unknown", w);
    print_home(&scene, "the Home tab of somebody unknown", w);
    directory_leave(story.node.directory);
    print_modal(SLACK_ASK_WRONG, w);
    print_modal(SLACK_ASK_PERSON, w);
    arena_done(&arena);
    story_end(&story);
}
