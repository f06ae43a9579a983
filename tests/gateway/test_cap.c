/* The cap of one message a day, model-checked: two nodes (and so, two channels in a row) reserve, announce, send and settle with the gateway's own code over one
 * store. Every order of their steps is played, and in every order each node dies before each of its steps. A step is what others can see: a commit, the
 * announcement under the fence, the post itself. Afterwards a node that knows nothing starts and brings all to an end. Never do two messages arrive. */
#include "gateway/effects_notice.h"
#include "gateway/escalation.h"

#include "tests/support/story.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ANA "p_aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DOVER "d_aaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char policy[] =
    "policy: acme\nsensitivities: [everyday, sensitive]\napps: []\nchecks: [{ use: library/firewall, severity: high }]\n"
    "ladders:\n  - { id: l, rungs: [{ id: notice, after: 0s, nudge: true }], rise: off }\n"
    "visible_after: { reads: 1, apart: 0s }\ngrace: { new_device: 0s, after_absence: 0s }\n"
    "nudges: { per_person: 1/1d, apart: 16h, hours: \"00:00-24:00\", days: [mon, tue, wed, thu, fri, sat, sun], channels: [slack, email] }\nbreaker: off\n";

enum { NODES = 2, STEPS_MOST = 32, ALIVE = 99 };

/* What the world outside of the store remembers. */
struct world {
    struct story *story;                  /* one for all plays */
    struct effects_item item;             /* of the outbox: written under the fence */
    char item_id[32];
    int holder;                           /* whose fence is good */
    int arrived[2];                       /* messages, by channel: 0 slack, 1 email */
    char sent_ids[8][32];
    int sent_count;
    bool refuses;                         /* the first channel refuses a post for sure: the second takes over */
};

/* ---- nodes that move when they are told to ---- */

struct player {
    struct world *world;
    int number, dies_at, step;
    bool waiting, ended, dead;
    struct store gate, *inner;
    pthread_t thread;
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static struct player players[NODES];
static int turn = -1;

/* Waits for its turn. False: it died here, before the step was made. */
static bool step(struct player *p)
{
    if (p->number < 0) /* the one that starts afterwards is alone */
        return true;
    pthread_mutex_lock(&lock);
    p->waiting = true;
    turn = -1;
    pthread_cond_broadcast(&moved);
    while (turn != p->number)
        pthread_cond_wait(&moved, &lock);
    p->waiting = false;
    p->dead = p->dead || p->step++ == p->dies_at;
    pthread_mutex_unlock(&lock);
    return !p->dead;
}

static struct player *of(struct store *gate) { return (struct player *)(void *)((char *)gate - offsetof(struct player, gate)); }

static enum err_code gate_get(struct store *g, enum record_kind kind, struct span id, struct buf *body, int64_t *version, struct err *err)
{
    struct player *p = of(g);
    return p->dead ? err_set(err, ERR_UNAVAILABLE, "dead") : p->inner->ops->get(p->inner, kind, id, body, version, err);
}

static enum err_code gate_commit(struct store *g, const struct commit *c, int64_t *version, struct err *err)
{
    struct player *p = of(g);
    return !step(p) ? err_set(err, ERR_UNAVAILABLE, "dead") : p->inner->ops->commit(p->inner, c, version, err);
}

static enum err_code gate_due(struct store *g, enum record_kind kind, struct span id, int64_t due_s, bool force, struct err *err)
{
    struct player *p = of(g);
    return p->dead ? err_set(err, ERR_UNAVAILABLE, "dead") : p->inner->ops->set_due(p->inner, kind, id, due_s, force, err);
}

static const struct store_ops gate_ops = { .get = gate_get, .commit = gate_commit, .set_due = gate_due };

/* Whatever comes of it, the node goes on, or is dead. */
static void whatever(enum err_code code) { (void)code; }

/* ---- what a node does: look, then send what was reserved, on whatever channel it says ---- */

static struct person *read_person(struct player *p)
{
    CLEANUP(buf_done) struct buf body;
    struct person *person = NULL;
    int64_t version = 0;
    struct err err;
    buf_init(&body, PERSON_BODY_BYTES);
    if (p->gate.ops->get(&p->gate, RECORD_PERSON, SPAN_LITERAL(ANA), &body, &version, &err) == OK)
        assert_int_equal(person_from_json(buf_span(&body), version, &person, &err), OK);
    return person;
}

static int channel_of(struct span name) { return span_equal_text(name, "slack") ? 0 : 1; }

/* Under the fence: only the holder's write is taken, and it takes the item over as it finds it. */
static bool announce(struct player *p, struct span notice, struct effects_item *item)
{
    struct world *w = p->world;
    if (!step(p) || (p->number >= 0 && w->holder != p->number))
        return false;
    snprintf(w->item_id, sizeof w->item_id, "%.*s", SPAN_ARGS(notice));
    item->unclear = true;
    item->sends++;
    w->item = *item;
    w->item.id = span_of(w->item_id);
    return true;
}

/* True: it arrived. */
static bool post(struct player *p, struct span notice, int channel, bool *refused)
{
    struct world *w = p->world;
    *refused = false;
    if (!step(p))
        return false;
    if (w->refuses && channel == 0) {
        *refused = true;
        return false;
    }
    w->arrived[channel]++;
    snprintf(w->sent_ids[w->sent_count++ % 8], 32, "%.*s", SPAN_ARGS(notice));
    return true;
}

static bool has_arrived(const struct world *w, struct span notice)
{
    for (int i = 0; i < w->sent_count && i < 8; i++)
        if (span_equal_text(notice, w->sent_ids[i]))
            return true;
    return false;
}

static void settle_sent(struct player *p, struct span notice)
{
    struct err err;
    whatever(notice_delivered(&p->world->story->node, &p->gate, SPAN_LITERAL(ANA), notice, SPAN_LITERAL("D1"), SPAN_LITERAL("1.1"), &err));
}

static void send_now(struct player *p, const struct person *person, struct effects_item *item, struct notice_time now)
{
    const struct node *node = &p->world->story->node;
    const struct notice *n = &person->notice;
    struct err err;
    bool mine = false, refused = false;
    int channel = channel_of(n->channel);
    struct notice_try try = { .item = item, .sure = !item->unclear, .now = now, .left = n->items, .left_count = n->item_count };
    if (!announce(p, n->id, item) || notice_begin(node, &p->gate, person->id, &try, &mine, &err) != OK || !mine)
        return;
    if (post(p, n->id, channel, &refused))
        settle_sent(p, n->id);
    else if (refused && channel == 0) {
        if (notice_moved(node, &p->gate, person->id, item, SPAN_LITERAL("email"), SPAN_LITERAL("refused"), &err) == OK)
            p->world->item = (struct effects_item){ .id = span_of(p->world->item_id) };
    }
}

static void send(struct player *p)
{
    struct world *w = p->world;
    for (int tries = 0; tries < 3 && !p->dead; tries++) { /* a notice that moved is sent by the next channel */
        struct person *person = read_person(p);
        if (person == NULL || span_empty(person->notice.id)) {
            person_free(person);
            return;
        }
        struct effects_item item = span_equal(w->item.id, person->notice.id) ? w->item : (struct effects_item){ .id = person->notice.id };
        item.id = person->notice.id;
        struct notice_time now = { .local_day = person->notice.local_day, .in_window = true, .channel = person->notice.channel };
        enum notice_step what = notice_step(person, &item, now);
        struct err err;
        if (what == NOTICE_STEP_SEND)
            send_now(p, person, &item, now);
        else if (what == NOTICE_STEP_READ_BACK && has_arrived(w, person->notice.id))
            settle_sent(p, person->notice.id);
        else if (what == NOTICE_STEP_READ_BACK)
            whatever(notice_failed(&w->story->node, &p->gate, person->id, &item, SPAN_LITERAL("ambiguous"), false, &err));
        person_free(person);
        if (what == NOTICE_STEP_NOTHING)
            return;
    }
}

static void live(struct player *p)
{
    struct err err;
    whatever(escalation_look_person(&p->world->story->node, &p->gate, SPAN_LITERAL(ANA), SPAN_NONE, &err));
    if (p->dead || !step(p))
        return;
    if (p->number >= 0)
        p->world->holder = p->number; /* the lease is taken: whoever had it before writes no item any more */
    send(p);
    whatever(escalation_look_person(&p->world->story->node, &p->gate, SPAN_LITERAL(ANA), SPAN_NONE, &err));
}

static void *run(void *context)
{
    struct player *p = context;
    directory_register_thread();
    live(p);
    directory_unregister_thread();
    pthread_mutex_lock(&lock);
    p->ended = true;
    turn = -1;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* ---- all orders ---- */

/* The choices of one play: which of the two moves, wherever both could. */
struct plan { unsigned char choice[STEPS_MOST], open[STEPS_MOST]; int length; };

static void play_steps(struct plan *plan)
{
    int at = 0;
    for (;;) {
        pthread_mutex_lock(&lock);
        while (turn != -1 || (!players[0].waiting && !players[0].ended) || (!players[1].waiting && !players[1].ended))
            pthread_cond_wait(&moved, &lock);
        bool both = players[0].waiting && players[1].waiting, any = players[0].waiting || players[1].waiting;
        int who = players[0].waiting ? 0 : 1;
        if (both) {
            assert_true(at < STEPS_MOST);
            if (at >= plan->length)
                plan->choice[at] = 0, plan->length = at + 1;
            plan->open[at] = 2;
            who = plan->choice[at++];
        }
        if (any)
            turn = who;
        pthread_cond_broadcast(&moved);
        pthread_mutex_unlock(&lock);
        if (!any)
            return;
    }
}

/* The next plan in order; false: all were played. */
static bool next_plan(struct plan *plan)
{
    while (plan->length > 0 && plan->choice[plan->length - 1] == 1)
        plan->length--;
    if (plan->length == 0)
        return false;
    plan->choice[plan->length - 1] = 1;
    return true;
}

static void open_player(struct world *w, struct player *p, int number, int dies_at)
{
    struct err err;
    *p = (struct player){ .world = w, .number = number, .dies_at = dies_at, .gate = { &gate_ops } };
    assert_int_equal(fake_store_open(w->story->server, &p->inner, &err), OK);
}

/* A node starts, and nobody else is there: all that was begun comes to its end. */
static void come_to_an_end(struct world *w)
{
    struct player last;
    open_player(w, &last, -1, ALIVE);
    for (int i = 0; i < 2; i++)
        live(&last);
    last.inner->ops->free(last.inner);
}

static void check_end(const struct world *w, const struct plan *plan, int victim, int dies_at)
{
    struct person *ana = story_stored_person(w->story, ANA);
    int arrived = w->arrived[0] + w->arrived[1];
    bool settled = ana->notice.state == NOTICE_DELIVERED || ana->notice.state == NOTICE_FAILED, told = ana->told_count > 0;
    bool honest = told == (arrived == 1) || (!told && arrived <= 1);
    if (arrived > 1 || !settled || !honest || ana->nudge_day == 0) {
        print_error("%d arrived, state %d, told %d; node %d dies at %d; order:", arrived, (int)ana->notice.state, (int)told, victim, dies_at);
        for (int i = 0; i < plan->length; i++)
            print_error(" %d", plan->choice[i]);
        fail_msg("the cap was broken, or something was left open");
    }
    person_free(ana);
}

static enum change_say edit_forget(void *context, struct person *copy, struct change_events *events, struct err *err)
{
    (void)err;
    copy->notice = (struct notice){ 0 };
    copy->nudge_day = 0;
    copy->nudge_s = 0;
    copy->told_count = 0;
    return change_event(events, &((struct story *)context)->node, "person.changed", copy->id, SPAN_NONE, SPAN_NONE, SPAN_NONE) ? CHANGE_COMMIT : CHANGE_REFUSE;
}

/* Nobody was ever written to. The nodes' memories learn nothing of what follows: none may trust them. */
static void forget_everything(struct story *s)
{
    struct err err;
    assert_int_equal(change_person(&s->node, s->store, SPAN_LITERAL(ANA), false, edit_forget, s, &err), OK);
}

static unsigned play_all(struct story *story, bool refuses, int victim, int dies_at)
{
    struct plan plan = { .length = 0 };
    unsigned plays = 0;
    do {
        struct world w = { .story = story, .holder = -1, .refuses = refuses };
        forget_everything(story);
        for (int i = 0; i < NODES; i++)
            open_player(&w, &players[i], i, i == victim ? dies_at : ALIVE);
        turn = -1;
        for (int i = 0; i < NODES; i++)
            assert_int_equal(pthread_create(&players[i].thread, NULL, run, &players[i]), 0);
        play_steps(&plan);
        for (int i = 0; i < NODES; i++) {
            pthread_join(players[i].thread, NULL);
            players[i].inner->ops->free(players[i].inner);
        }
        come_to_an_end(&w);
        check_end(&w, &plan, victim, dies_at);
        plays++;
    } while (next_plan(&plan));
    return plays;
}

static void at_most_one_message_arrives_in_every_order_and_whoever_dies(void **state)
{
    struct story story;
    unsigned plays = 0;
    (void)state;
    story_start(&story, policy);
    story.node.options.email = true;
    story_person(&story, ANA, "U0ANA", "ana@acme.example");
    story_device(&story, DOVER, ANA);
    story_result(&story, DOVER, "firewall", VERDICT_FAIL);
    story_feed(&story);
    for (int refuses = 0; refuses < 2; refuses++) {
        plays += play_all(&story, refuses, -1, ALIVE);
        for (int dies_at = 0; dies_at < 7; dies_at++)
            plays += play_all(&story, refuses, 0, dies_at);
    }
    print_message("%u orders\n", plays);
    assert_true(plays > 1000);
    story_end(&story);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(at_most_one_message_arrives_in_every_order_and_whoever_dies) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
