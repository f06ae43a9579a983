/* redis_keys: every key name of the store, and how long each lives.
 *
 * A partition's tag is {p00} ... {p15}, or {ctl} for control records; all keys of one call share a tag, so one Redis Cluster slot.
 *
 *   pst:{ctl}:partitions              string   number of partitions; fixed when the store is first used            for ever
 *   pst:{ctl}:beat                    string   last heartbeat of any node, wall ms                                   for ever
 *   pst:{ctl}:r:<id>                  string   control record                                                         for ever
 *   pst:{pNN}:d:<id>, pst:{pNN}:p:<id> string  device or person record                                                for ever
 *   pst:{TAG}:log                     stream   the log; e=event JSON, and with a record k=kind i=id v=version b=body  log_keep
 *   pst:{TAG}:trimmed                 string   the newest entry id that was trimmed away                              for ever
 *   pst:{TAG}:due                     zset     "<kind>:<id>" by the second at which the ladder looks again            until done
 *   pst:{TAG}:seen                    hash     device -> "<seen_s> <times>" (struct refresh), newest refresh           with the device
 *   pst:{TAG}:leases                  hash     reader -> "<fence> <until_ms> <node>"                                   for ever
 *   pst:{TAG}:cursors                 hash     reader -> log position; trimming stops at the oldest                   for ever
 *   pst:{TAG}:o:<reader>              zset     outbox: item id by due ms                                               until done
 *   pst:{TAG}:ob:<reader>             hash     outbox: item id -> body                                                 until done
 *   pst:{pMM}:i:<kind>:<value>        string   the d_ or p_ id that holds this identifier; MM from kind:value itself  with the record
 *   pst:{pMM}:1:<kind>:<hash>         string   something used once (SHA-256 hex of it); MM from kind:hash itself       as asked, minutes
 *
 * A record's value is "<version>\n<body>": its version is read without looking at the body. */
#ifndef CONNECTORS_STORE_REDIS_KEYS_H
#define CONNECTORS_STORE_REDIS_KEYS_H
#include "posture/ports.h"

enum { REDIS_KEY_BYTES = 768, REDIS_ID_MOST = 128, REDIS_READER_MOST = 64, REDIS_CLAIM_KIND_MOST = 32, REDIS_CLAIM_VALUE_MOST = 512 };
/* `bytes` is 0 when a part of the name was empty or too long. */
struct redis_key { size_t bytes; char at[REDIS_KEY_BYTES]; };
enum redis_key_kind { REDIS_KEY_LOG, REDIS_KEY_TRIMMED, REDIS_KEY_DUE, REDIS_KEY_SEEN, REDIS_KEY_LEASES, REDIS_KEY_CURSORS };

#define REDIS_KEY_PARTITIONS "pst:{ctl}:partitions"
#define REDIS_KEY_BEAT "pst:{ctl}:beat"

/* `partitions` everywhere is the number of partitions; as a partition's number it means control. */
unsigned redis_key_partition(unsigned partitions, enum record_kind kind, struct span id);
unsigned redis_key_claim_partition(unsigned partitions, struct span kind, struct span value);
struct redis_key redis_key_record(unsigned partitions, enum record_kind kind, struct span id);
struct redis_key redis_key_of(unsigned partitions, unsigned partition, enum redis_key_kind kind);
struct redis_key redis_key_claim(unsigned partitions, struct span kind, struct span value);
struct redis_key redis_key_once(unsigned partitions, struct span kind, struct span hash);
struct redis_key redis_key_outbox(unsigned partitions, unsigned partition, struct span reader, bool bodies);
/* A pattern for SCAN that finds the records of a kind, and the id inside a key that matched (empty: not such a key). */
const char *redis_key_pattern(enum record_kind kind);
struct span redis_key_id(struct span key);
/* 'd', 'p' or 'r', as in keys, the log and the due list; and back. */
char redis_key_letter(enum record_kind kind);
bool redis_key_kind_from(char letter, enum record_kind *kind);

/* The smallest ACL that is enough: ACL SETUSER postern on ><password> resetkeys resetchannels -@all, then this. Commands called inside the
 * functions are checked too. +function|load may be left out where an administrator loads the functions; +config|get, +info only serve `doctor`. */
#define REDIS_KEYS_ACL "~pst:* +auth +select +ping +client|setname +info +config|get +function|load +fcall +fcall_ro +wait +time " \
    "+get +set +getrange +mget +del +scan +hget +hset +hscan +hlen +hvals +hmget +hdel +zadd +zrem +zscore +zcard +zrangebyscore " \
    "+xadd +xlen +xread +xrange +xrevrange +xtrim +xinfo|stream"

#endif
