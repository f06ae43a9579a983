/* fake_peer: starts one of the Python fakes beside it on a free loopback port, steers it, and ends it. Fails the running test when that does not work. */
#ifndef TESTS_SUPPORT_FAKE_PEER_H
#define TESTS_SUPPORT_FAKE_PEER_H
#include "posture/base/buf.h"
#include "posture/base/from_json.h"

struct fake_peer { int pid, port; char base[64]; /* "http://127.0.0.1:PORT" */ };
/* `script`: "fake_slack.py"; further arguments end with NULL. */
void fake_peer_start(struct fake_peer *p, const char *script, ...);
void fake_peer_stop(struct fake_peer *p);
void fake_peer_post(const struct fake_peer *p, const char *path, const char *json);
/* The answer parsed; free with from_json_free. */
struct from_json *fake_peer_get(const struct fake_peer *p, const char *path);
/* How many items the list at `path` has; with `member`, the list under that name. */
size_t fake_peer_count(const struct fake_peer *p, const char *path, const char *member);
/* Text member `key` of the object at `path`. Returns `text`. */
enum { FAKE_PEER_TEXT_BYTES = 256 };
struct span fake_peer_text(const struct fake_peer *p, const char *path, const char *key, char text[FAKE_PEER_TEXT_BYTES]);
/* What stands at `path` (with `member`: under that name), as JSON; the caller's to be done with. */
struct buf fake_peer_seen(const struct fake_peer *p, const char *path, const char *member);
#endif
