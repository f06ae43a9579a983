#include "connectors/store/redis_keys.h"

#include <stdio.h>
#include <string.h>

/* Where a record lies for ever, so this is not span_hash(), which may change: 32-bit FNV-1a, folded once. */
static uint32_t mix(uint32_t hash, struct span s)
{
    for (size_t i = 0; i < s.bytes; i++)
        hash = (hash ^ (unsigned char)s.at[i]) * 16777619u;
    return hash;
}

static unsigned fold(uint32_t hash, unsigned partitions) { return (hash ^ (hash >> 16)) % partitions; }

unsigned redis_key_partition(unsigned partitions, enum record_kind kind, struct span id)
{
    return kind == RECORD_CONTROL ? partitions : fold(mix(2166136261u, id), partitions);
}

unsigned redis_key_claim_partition(unsigned partitions, struct span kind, struct span value)
{
    return fold(mix(mix(mix(2166136261u, kind), SPAN_LITERAL(":")), value), partitions);
}

static void add(struct redis_key *key, struct span s)
{
    if (key->bytes == 0 || s.bytes == 0 || s.bytes > sizeof key->at - key->bytes) {
        key->bytes = 0;
        return;
    }
    memcpy(key->at + key->bytes, s.at, s.bytes);
    key->bytes += s.bytes;
}

/* A part of a name that comes from outside: with a limit of its own. */
static void add_part(struct redis_key *key, struct span s, size_t most) { add(key, s.bytes <= most ? s : SPAN_NONE); }

static struct redis_key begin(unsigned partitions, unsigned partition, const char *what)
{
    struct redis_key key;
    int bytes = partition < partitions ? snprintf(key.at, sizeof key.at, "pst:{p%02u}:%s", partition, what) : snprintf(key.at, sizeof key.at, "pst:{ctl}:%s", what);
    key.bytes = (size_t)bytes;
    return key;
}

char redis_key_letter(enum record_kind kind) { return kind == RECORD_DEVICE ? 'd' : kind == RECORD_PERSON ? 'p' : 'r'; }

bool redis_key_kind_from(char letter, enum record_kind *kind)
{
    *kind = letter == 'd' ? RECORD_DEVICE : letter == 'p' ? RECORD_PERSON : RECORD_CONTROL;
    return letter == redis_key_letter(*kind);
}

struct redis_key redis_key_record(unsigned partitions, enum record_kind kind, struct span id)
{
    const char what[] = { redis_key_letter(kind), ':', '\0' };
    struct redis_key key = begin(partitions, redis_key_partition(partitions, kind, id), what);
    add_part(&key, id, REDIS_ID_MOST);
    return key;
}

struct redis_key redis_key_of(unsigned partitions, unsigned partition, enum redis_key_kind kind)
{
    static const char *const names[] = { [REDIS_KEY_LOG] = "log", [REDIS_KEY_TRIMMED] = "trimmed", [REDIS_KEY_DUE] = "due", [REDIS_KEY_SEEN] = "seen",
                                         [REDIS_KEY_LEASES] = "leases", [REDIS_KEY_CURSORS] = "cursors" };
    return begin(partitions, partition, names[kind]);
}

static struct redis_key of_kind(unsigned partitions, const char *what, struct span kind, struct span value)
{
    struct redis_key key = begin(partitions, redis_key_claim_partition(partitions, kind, value), what);
    add_part(&key, kind, REDIS_CLAIM_KIND_MOST);
    add(&key, SPAN_LITERAL(":"));
    add_part(&key, value, REDIS_CLAIM_VALUE_MOST);
    return key;
}

struct redis_key redis_key_claim(unsigned partitions, struct span kind, struct span value) { return of_kind(partitions, "i:", kind, value); }
struct redis_key redis_key_once(unsigned partitions, struct span kind, struct span hash) { return of_kind(partitions, "1:", kind, hash); }

struct redis_key redis_key_outbox(unsigned partitions, unsigned partition, struct span reader, bool bodies)
{
    struct redis_key key = begin(partitions, partition, bodies ? "ob:" : "o:");
    add_part(&key, reader, REDIS_READER_MOST);
    return key;
}

const char *redis_key_pattern(enum record_kind kind)
{
    return kind == RECORD_DEVICE ? "pst:{*}:d:*" : kind == RECORD_PERSON ? "pst:{*}:p:*" : "pst:{ctl}:r:*";
}

struct span redis_key_id(struct span key)
{
    size_t tag = span_search(key, SPAN_LITERAL("}:"));
    return span_slice(key, tag + 4, key.bytes); /* past "}:d:" */
}
