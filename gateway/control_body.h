/* control_body: what those who edit a control record share. Members that an edit does not know stay as they are: a newer version wrote them. */
#ifndef GATEWAY_CONTROL_BODY_H
#define GATEWAY_CONTROL_BODY_H
#include "posture/base/from_json.h"
#include "posture/base/to_json.h"

/* Writes every member of `object` whose key is not in `but` (NULL-terminated) into the open object of `w`. False when memory is short. */
MUST_CHECK bool control_body_copy(const struct from_json_value *object, const char *const *but, struct to_json *w);
/* One value as it is; an absent one is false. */
MUST_CHECK bool control_body_copy_value(const struct from_json_value *v, struct to_json *w);
#endif
