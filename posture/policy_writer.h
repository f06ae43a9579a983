/* policy_writer: what the parts of a policy's canonical form share. Private to posture/policy_*.c. */
#ifndef POSTURE_POLICY_WRITER_H
#define POSTURE_POLICY_WRITER_H
#include "posture/base/to_json.h"

void policy_write_duration(struct to_json *w, const char *key, int64_t seconds); /* "90s", "3d": as durations are read */
void policy_write_texts(struct to_json *w, const char *key, const struct span *texts, size_t count);
void policy_write_texts_if(struct to_json *w, const char *key, const struct span *texts, size_t count); /* none: no member */

#endif
