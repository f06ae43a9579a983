/* text_pool: texts that many records share (a check's id, a model, a version), each kept once and named by a number.
 * One writer adds; any thread reads what it was given a number for. Texts stay until the pool goes, so their number is bounded: a peer that makes up a new text
 * each time fills it once, and from then on its texts are kept where they are used. */
#ifndef POSTURE_TEXT_POOL_H
#define POSTURE_TEXT_POOL_H
#include "posture/base/span.h"

enum { TEXT_POOL_MOST = 32768, TEXT_POOL_TEXT_BYTES = 96 };
struct text_pool;
struct text_pool *text_pool_new(uint64_t seed /* of its hash: texts come from peers */); /* NULL when memory is short */
void text_pool_free(struct text_pool *p); /* NULL is fine */
/* The writer. False: the pool is full, the text is too long, or memory is short. */
bool text_pool_put(struct text_pool *p, struct span text, uint32_t *number);
/* Ends in NUL; valid as long as the pool. */
struct span text_pool_get(const struct text_pool *p, uint32_t number);
size_t text_pool_bytes(const struct text_pool *p); /* memory taken */
#endif
