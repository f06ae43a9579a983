/* archive_keys: the key of a person in the archive (posture/archive_key.h), from the salt in their record. */
#ifndef GATEWAY_ARCHIVE_KEYS_H
#define GATEWAY_ARCHIVE_KEYS_H
#include "gateway/node.h"
#include "posture/archive_key.h"
#include "posture/ports.h"

/* Empty `person`: the key of what belongs to nobody. A record from before there were salts gets one. ERR_NOT_FOUND: erased, or never known. Blocks when
 * the directory does not know the person. */
MUST_CHECK enum err_code archive_keys_of(const struct node *node, struct store *store, struct span person, struct archive_key *out, struct err *err);
#endif
