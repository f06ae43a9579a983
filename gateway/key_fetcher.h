/* key_fetcher: the public keys of others (issuers of access tokens, Entra), fetched and kept fresh in the background, so that no request waits for a vendor:
 * every ten minutes, sooner when a token names a key that is not known (at most once a minute for a source), with growing pauses while the source is
 * away. Old keys stay in use for a day then, and not longer.
 * Which discovery documents the policy's Entra doors need is read from the directory; issuers are added before the start.
 * One thread, one http_client a source. The mutex guards the list of sources and their times (docs/architecture.md). */
#ifndef GATEWAY_KEY_FETCHER_H
#define GATEWAY_KEY_FETCHER_H
#include "connectors/identity/jwks.h"
#include "gateway/node.h"
#include "posture/base/shared.h"

enum { KEY_FETCHER_SOURCES = 64, KEY_FRESH_MS = 600 * 1000, KEY_AGAIN_MS = 60 * 1000, KEY_RETRY_LEAST_MS = 5 * 1000, KEY_RETRY_MOST_MS = 300 * 1000, KEY_STALE_MS = 86400 * 1000,
       KEY_WAIT_MS = 5000, KEY_WAITERS = 2 };

struct key_source {
    struct jwks_source from;          /* texts borrowed; they outlive the fetcher */
    struct span ca_file;              /* PEM file to trust instead of the system's; empty: the system's */
    bool allow_private;               /* the source may be on a private network or this machine */
    /* On the fetcher's thread: the keys after each fetch; NULL once they are too old to be used. Borrowed for the call. May be NULL itself. */
    void (*changed)(void *context, const struct jose_keys *keys);
    void *context;
};
struct key_fetcher;
MUST_CHECK enum err_code key_fetcher_new(const struct node *node, struct key_fetcher **out, struct err *err);
/* Before the start. `*number` names it for key_fetcher_again(). ERR_INPUT: its URL cannot be called; ERR_LIMIT: too many. */
MUST_CHECK enum err_code key_fetcher_add(struct key_fetcher *f, const struct key_source *source, size_t *number, struct err *err);
MUST_CHECK enum err_code key_fetcher_start(struct key_fetcher *f, struct err *err);
void key_fetcher_stop(struct key_fetcher *f);
void key_fetcher_free(struct key_fetcher *f); /* NULL is fine */
/* A token named a key that the source's set does not have. Any thread, never waits for the network. */
void key_fetcher_again(struct key_fetcher *f, size_t number);

struct key_set { struct shared_body shared; struct jose_keys *keys; };
/* The keys of a discovery document that a door of the policy names. When the key is not among them, or none were fetched yet, and a fetch is due, waits for it
 * (at most KEY_WAIT_MS, at most KEY_WAITERS at a time). Slow lane. ERR_UNAVAILABLE: no keys can be had now. Drop with key_set_drop(). */
MUST_CHECK enum err_code key_fetcher_take(struct key_fetcher *f, struct span discovery, struct span kid, unsigned algorithm, struct key_set **out, struct err *err);
void key_set_drop(struct key_set *set); /* NULL is fine */
void key_set_dropp(struct key_set **set);

#endif
