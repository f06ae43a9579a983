/* decision, its id: 130 bits in 26 characters of base32 (RFC 4648 section 6, lower case): 48 of time, 10 of partition, 72 random. */
#include "posture/base/secret.h"
#include "posture/decision.h"

#include <string.h>

enum { CHARACTERS = 26, BITS = 5, TIME_BITS = 48, PARTITION_BITS = 10 };

static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";

static uint64_t get_bits(const uint8_t values[CHARACTERS], unsigned at, unsigned count)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++, at++)
        value = value << 1 | (values[at / BITS] >> (BITS - 1 - at % BITS) & 1);
    return value;
}

/* The 130 bits stand in two words: 65 of them, 13 characters, a word; the 65th bit of each is kept beside it. */
static void write_half(char *to, unsigned top, uint64_t rest)
{
    to[0] = letters[top << 4 | (unsigned)(rest >> 60)];
#pragma GCC unroll 12
    for (unsigned i = 1; i < CHARACTERS / 2; i++)
        to[i] = letters[rest >> (60 - BITS * i) & 31];
}

void decision_new_id(int64_t now_ms, unsigned partition, const uint8_t random[DECISION_RANDOM_BYTES], char id[29])
{
    uint64_t low, head = (uint64_t)random[0]; /* 72 random bits: 7 of them end the first half, 65 are the second */
    memcpy(&low, random + 1, sizeof low);
    uint64_t place = ((uint64_t)now_ms & ((UINT64_C(1) << TIME_BITS) - 1)) << PARTITION_BITS | (partition & ((1U << PARTITION_BITS) - 1)); /* 58 bits */
    id[0] = 'x';
    id[1] = '_';
    write_half(id + 2, (unsigned)(place >> 57), place << 7 | head >> 1);
    write_half(id + 2 + CHARACTERS / 2, (unsigned)(head & 1), low);
    id[2 + CHARACTERS] = '\0';
}

bool decision_id_place(struct span id, int64_t *at_ms, unsigned *partition)
{
    uint8_t values[CHARACTERS];
    if (!secret_is_id(id, 'x'))
        return false;
    for (size_t i = 0; i < CHARACTERS; i++)
        values[i] = (uint8_t)(id.at[2 + i] >= 'a' ? id.at[2 + i] - 'a' : id.at[2 + i] - '2' + 26);
    *at_ms = (int64_t)get_bits(values, 0, TIME_BITS);
    *partition = (unsigned)get_bits(values, TIME_BITS, PARTITION_BITS);
    return true;
}
