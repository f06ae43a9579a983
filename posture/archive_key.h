/* archive_key: one person's key in the archive. It is made from the root key and the salt in the person's record, and kept nowhere. What the archive
 * says in clear about a person or a device of theirs stands under a name made with this key; what could tell who they are is sealed with it. When the
 * salt is gone, nobody can make the key again: the names mean nobody and what was sealed cannot be opened, while every hash stays right.
 * Devices that belong to nobody stand under the key of the empty salt. Plain values; wipe what is not needed any more. Any thread. */
#ifndef POSTURE_ARCHIVE_KEY_H
#define POSTURE_ARCHIVE_KEY_H
#include "posture/base/secret.h"

enum { ARCHIVE_KEY_NAME_BYTES = 2 + 24, ARCHIVE_SALT_MOST = 256 };
struct archive_key { uint8_t bytes[SECRET_KEY_BYTES]; };
void archive_key_make(const struct secret *secret, struct span salt, struct archive_key *out);
void archive_key_wipe(struct archive_key *key);

/* "P-" and "D-" with 24 hex digits: the same under the same key, so that what belongs together can be counted. */
void archive_key_person(const struct archive_key *key, char name[ARCHIVE_KEY_NAME_BYTES + 1]);
void archive_key_device(const struct archive_key *key, struct span device, char name[ARCHIVE_KEY_NAME_BYTES + 1]);

/* Appends text; `context` (the record's id) is authenticated and not kept. */
MUST_CHECK enum err_code archive_key_seal(const struct archive_key *key, struct span context, struct span plain, struct buf *out, struct err *err);
/* ERR_DENIED: another key, another record, or altered. */
MUST_CHECK enum err_code archive_key_open(const struct archive_key *key, struct span context, struct span text, struct buf *plain, struct err *err);
#endif
