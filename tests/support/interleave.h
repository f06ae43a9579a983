/* interleave: a few players, each a thread, that move one at a time; and every order in which they could have moved. Before each step a player waits for its
 * turn; between two steps nobody else runs, so all that is shared needs no lock. Orders that lead to a state which was there before are not followed twice.
 * Fails the running process when a limit is passed. */
#ifndef TESTS_SUPPORT_INTERLEAVE_H
#define TESTS_SUPPORT_INTERLEAVE_H
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INTERLEAVE_PLAYERS_MOST = 4, INTERLEAVE_STEPS_MOST = 96 };

/* What is asked of the model while all players stand still. */
struct interleave_model {
    void *context;
    uint64_t (*state)(void *context);                  /* equal: nothing that comes after can differ */
    unsigned (*others)(void *context, unsigned ready); /* what else may happen now, as bits: a message on its way arrives, a player dies; `ready`: the players who could move */
    void (*happen)(void *context, unsigned what);
    unsigned (*choose)(void *context, unsigned ready); /* one order by a rule: which of the players, or of the others (bits after theirs); NULL: every order */
};
struct interleave {
    const struct interleave_model *model;
    unsigned players;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    int turn;                                          /* -1: nobody's */
    bool waiting[INTERLEAVE_PLAYERS_MOST], ended[INTERLEAVE_PLAYERS_MOST];
    struct { unsigned char choice[INTERLEAVE_STEPS_MOST], open[INTERLEAVE_STEPS_MOST]; int length, at; } plan;
    struct { uint64_t *states; size_t count, room; } seen;
};
void interleave_init(struct interleave *x, const struct interleave_model *model, unsigned players);
void interleave_done(struct interleave *x);
/* A player's thread: before each step, and when its life is over. */
void interleave_wait(struct interleave *x, unsigned player);
void interleave_end(struct interleave *x, unsigned player);
/* From whoever moves: something turns out in one of `count` ways. All are played; always the first where one order is chosen by a rule. */
unsigned interleave_pick(struct interleave *x, unsigned count);

/* The test's thread, after the players of this order were started: plays it to the end. */
void interleave_play(struct interleave *x);
/* Sets up the next order; false: all were played. */
bool interleave_next(struct interleave *x);
/* FNV-1a, to make a state's number. */
uint64_t interleave_mix(uint64_t hash, const void *bytes, size_t count);
#endif
