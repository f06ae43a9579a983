/* decision, its id: 130 bits in 26 characters of base32 (RFC 4648 section 6, lower case): 48 of time, 10 of partition, 72 random. */
#include "posture/base/secret.h"
#include "posture/decision.h"

#include <string.h>

enum { CHARACTERS = 26, BITS = 5, TIME_BITS = 48, PARTITION_BITS = 10, RANDOM_BYTES = 9 };

static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";

/* Writes the lowest `count` bits of `value`, highest first, at bit `at` of the text. */
static void put_bits(uint8_t values[CHARACTERS], unsigned at, uint64_t value, unsigned count)
{
    for (unsigned i = 0; i < count; i++, at++)
        if (value >> (count - 1 - i) & 1)
            values[at / BITS] |= (uint8_t)(1U << (BITS - 1 - at % BITS));
}

static uint64_t get_bits(const uint8_t values[CHARACTERS], unsigned at, unsigned count)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++, at++)
        value = value << 1 | (values[at / BITS] >> (BITS - 1 - at % BITS) & 1);
    return value;
}

void decision_new_id(int64_t now_ms, unsigned partition, char id[29])
{
    uint8_t values[CHARACTERS] = { 0 }, random[RANDOM_BYTES];
    secret_random(random, sizeof random);
    put_bits(values, 0, (uint64_t)now_ms, TIME_BITS);
    put_bits(values, TIME_BITS, partition, PARTITION_BITS);
    for (unsigned i = 0; i < RANDOM_BYTES; i++)
        put_bits(values, TIME_BITS + PARTITION_BITS + 8 * i, random[i], 8);
    id[0] = 'x';
    id[1] = '_';
    for (size_t i = 0; i < CHARACTERS; i++)
        id[2 + i] = letters[values[i]];
    id[2 + CHARACTERS] = '\0';
}

bool decision_id_place(struct span id, int64_t *at_ms, unsigned *partition)
{
    uint8_t values[CHARACTERS];
    if (!secret_is_id(id, 'x'))
        return false;
    for (size_t i = 0; i < CHARACTERS; i++)
        values[i] = (uint8_t)(strchr(letters, id.at[2 + i]) - letters);
    *at_ms = (int64_t)get_bits(values, 0, TIME_BITS);
    *partition = (unsigned)get_bits(values, TIME_BITS, PARTITION_BITS);
    return true;
}
