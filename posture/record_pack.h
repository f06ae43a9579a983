/* record_pack: records as the directory keeps them, in a sixth of the memory or less, written and read from the same tables of fields as their bodies (record_body.h): texts that many share by
 * number (text_pool), ids and hashes as bytes, times as differences, and of a row only what differs from the row before. Private to posture/. Packing is the directory's one writer's; unpacking
 * any thread's, of what was packed here: lengths are believed. */
#ifndef POSTURE_RECORD_PACK_H
#define POSTURE_RECORD_PACK_H
#include "posture/record_body.h"
#include "posture/text_pool.h"

enum { RECORD_PACK_BYTES_MOST = 4 * 1024 * 1024, RECORD_PACK_ROW_BYTES = 256 /* the largest struct that is a row */ };

struct record_packer { struct buf out; struct text_pool *pool; };
void record_pack_number(struct record_packer *p, uint64_t n);
void record_pack_time(struct record_packer *p, int64_t time_s); /* alone, not as a difference */
/* `word`: one of few that many records share. */
void record_pack_text(struct record_packer *p, struct span text, bool word);
void record_pack_texts(struct record_packer *p, const struct span *all, size_t count, bool words);
/* Of `from` what differs from `before`. `rest`: something that no field says follows. */
void record_pack_fields(struct record_packer *p, const struct record_body_field *fields, size_t count, const void *from, const void *before, bool rest);
void record_pack_rows(struct record_packer *p, const struct record_body_field *fields, size_t field_count, const void *all, size_t count, size_t each_bytes, int64_t time_s);
/* What stands before the first row: nothing, but that all was at time_s. Zeroes `each_bytes` of `row`. */
void record_pack_model(const struct record_body_field *fields, size_t count, int64_t time_s, void *row, size_t each_bytes);

struct record_unpacker { const unsigned char *at; const struct text_pool *pool; struct arena *arena; bool memory_short; };
uint64_t record_unpack_number(struct record_unpacker *u);
int64_t record_unpack_time(struct record_unpacker *u);
/* Ends in NUL; of the packed form, the pool, or the arena. */
struct span record_unpack_text(struct record_unpacker *u);
size_t record_unpack_texts(struct record_unpacker *u, const struct span **out);
/* `into` holds what stood before. Returns which differ: the lowest bit for `rest`, then one a field. */
uint64_t record_unpack_fields(struct record_unpacker *u, const struct record_body_field *fields, void *into);
size_t record_unpack_rows(struct record_unpacker *u, const struct record_body_field *fields, size_t field_count, size_t each_bytes, int64_t time_s, void *out);
/* Pass over them. Need no arena. */
void record_pass_text(struct record_unpacker *u);
void record_pass_rows(struct record_unpacker *u, const struct record_body_field *fields);
/* Zeroed; NULL, and `memory_short`, when there is none. */
void *record_unpack_room(struct record_unpacker *u, size_t count, size_t each_bytes);
/* Passes over a text; whether it is that one. Needs no arena. */
bool record_unpack_is(struct record_unpacker *u, struct span wanted);
#endif
