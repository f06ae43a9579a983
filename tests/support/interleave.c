#include "tests/support/interleave.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATES_FIRST = 4096 };

static void must(bool well, const char *what)
{
    if (well)
        return;
    fprintf(stderr, "interleave: %s\n", what);
    abort();
}

void interleave_init(struct interleave *x, const struct interleave_model *model, unsigned players)
{
    must(players <= INTERLEAVE_PLAYERS_MOST, "too many players");
    *x = (struct interleave){ .model = model, .players = players, .turn = -1 };
    pthread_mutex_init(&x->lock, NULL);
    pthread_cond_init(&x->moved, NULL);
}

void interleave_done(struct interleave *x)
{
    pthread_cond_destroy(&x->moved);
    pthread_mutex_destroy(&x->lock);
    free(x->seen.states);
}

/* ---- players ---- */

void interleave_wait(struct interleave *x, unsigned player)
{
    pthread_mutex_lock(&x->lock);
    x->waiting[player] = true;
    x->turn = -1;
    pthread_cond_broadcast(&x->moved);
    while (x->turn != (int)player)
        pthread_cond_wait(&x->moved, &x->lock);
    x->waiting[player] = false;
    pthread_mutex_unlock(&x->lock);
}

void interleave_end(struct interleave *x, unsigned player)
{
    pthread_mutex_lock(&x->lock);
    x->ended[player] = true;
    x->turn = -1;
    pthread_cond_broadcast(&x->moved);
    pthread_mutex_unlock(&x->lock);
}

/* ---- states ---- */

uint64_t interleave_mix(uint64_t hash, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    return hash;
}

static uint64_t *place_of(uint64_t *states, size_t room, uint64_t state)
{
    size_t at = (size_t)(state % room);
    while (states[at] != 0 && states[at] != state)
        at = (at + 1) % room;
    return &states[at];
}

static void grow(struct interleave *x)
{
    size_t room = x->seen.room == 0 ? STATES_FIRST : x->seen.room * 2;
    if (x->seen.count * 2 < x->seen.room)
        return;
    uint64_t *states = calloc(room, sizeof *states);
    must(states != NULL, "memory is short");
    for (size_t i = 0; i < x->seen.room; i++)
        if (x->seen.states[i] != 0)
            *place_of(states, room, x->seen.states[i]) = x->seen.states[i];
    free(x->seen.states);
    x->seen.states = states;
    x->seen.room = room;
}

/* True: here for the first time. */
static bool note_state(struct interleave *x)
{
    uint64_t state = x->model->state(x->model->context) | 1; /* 0 is an empty place */
    grow(x);
    uint64_t *place = place_of(x->seen.states, x->seen.room, state);
    bool is_new = *place == 0;
    x->seen.count += is_new;
    *place = state;
    return is_new;
}

/* ---- orders ---- */

/* Waits until everybody stands still; returns what could happen next, as bits. */
static unsigned stand_still(struct interleave *x)
{
    unsigned ready = 0;
    for (unsigned i = 0; i < x->players; i++) {
        while (x->turn != -1 || (!x->waiting[i] && !x->ended[i]))
            pthread_cond_wait(&x->moved, &x->lock);
        ready |= x->waiting[i] ? 1U << i : 0;
    }
    return ready | x->model->others(x->model->context, ready) << x->players;
}

static unsigned nth_bit(unsigned bits, unsigned n)
{
    unsigned at = 0;
    for (; n > 0 || (bits & 1U << at) == 0; at++)
        n -= (bits >> at & 1U) != 0;
    return at;
}

/* `open`: how many choices there are, if this is a new place in the plan. */
static unsigned take_choice(struct interleave *x, unsigned open)
{
    must(x->plan.at < INTERLEAVE_STEPS_MOST, "too many steps");
    if (x->plan.at == x->plan.length) {
        x->plan.choice[x->plan.length] = 0;
        x->plan.open[x->plan.length++] = (unsigned char)open;
    }
    return x->plan.choice[x->plan.at++];
}

unsigned interleave_pick(struct interleave *x, unsigned count) { return x->model->choose != NULL ? 0 : take_choice(x, count); }

/* A state that was there before has had, or will have, its other choices there: here the first is enough. */
static unsigned choose(struct interleave *x, unsigned ready)
{
    unsigned count = (unsigned)__builtin_popcount(ready);
    if (count == 1)
        return nth_bit(ready, 0);
    bool is_new = x->plan.at < x->plan.length || note_state(x);
    return nth_bit(ready, take_choice(x, is_new ? count : 1));
}

void interleave_play(struct interleave *x)
{
    x->plan.at = 0;
    pthread_mutex_lock(&x->lock);
    for (unsigned ready; (ready = stand_still(x)) != 0;) {
        unsigned who = x->model->choose != NULL ? x->model->choose(x->model->context, ready) : choose(x, ready);
        if (who >= x->players) {
            x->model->happen(x->model->context, who - x->players);
            continue;
        }
        x->turn = (int)who;
        x->waiting[who] = false;
        pthread_cond_broadcast(&x->moved);
    }
    memset(x->ended, 0, sizeof x->ended); /* for the next order's players */
    pthread_mutex_unlock(&x->lock);
}

bool interleave_next(struct interleave *x)
{
    while (x->plan.length > 0 && x->plan.choice[x->plan.length - 1] + 1 >= x->plan.open[x->plan.length - 1])
        x->plan.length--;
    if (x->plan.length == 0)
        return false;
    x->plan.choice[x->plan.length - 1]++;
    return true;
}
