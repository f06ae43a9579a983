/* root_key: the 32 bytes that everything secret is derived from or sealed under. With the embedded Redis it is made at first start. */
#ifndef GATEWAY_ROOT_KEY_H
#define GATEWAY_ROOT_KEY_H
#include "posture/base/secret.h"
/* `configured` (32 bytes or 64 hex digits) wins; else <state>/root.key, made (0600) when `may_make`. ERR_INPUT with what to do otherwise. */
MUST_CHECK enum err_code root_key_load(struct span configured, struct span state, bool may_make, uint8_t key[SECRET_KEY_BYTES], struct err *err);
#endif
