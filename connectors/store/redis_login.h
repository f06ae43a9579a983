/* redis_login: what is said on a new connection before it may be used, and what Redis's refusals mean. For redis_connection alone. */
#ifndef CONNECTORS_STORE_REDIS_LOGIN_H
#define CONNECTORS_STORE_REDIS_LOGIN_H
#include "connectors/store/redis_options.h"
#include "posture/base/span.h"

#include <hiredis/hiredis.h>

/* Logs in, chooses the database, sees that the functions of this very build are loaded, and that the number of partitions is fixed.
 * ERR_IO: the context is broken and says why. Others as for redis_login_refusal(). */
MUST_CHECK enum err_code redis_login(redisContext *redis, const struct redis_options *o, const char *address, unsigned *partitions, struct err *err);
/* The error that an error reply is. *lost: this connection leads to a server that cannot serve us (a replica): connect anew. */
enum err_code redis_login_refusal(struct span reply, const char *address, const char *what, bool *lost, struct err *err);

#endif
