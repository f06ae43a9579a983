/* How many connections each address has, so that one cannot take them all. libmicrohttpd has a limit of its own, which knows nothing of trusted proxies: behind one of those
 * everybody has one address. */
#include "gateway/http/server_parts.h"

#include <stdlib.h>
#include <string.h>

struct address_count {
    struct address_count *next;
    struct in6_addr address;
    unsigned count;
};

static struct address_count **bucket_of(struct server *s, const struct in6_addr *address)
{
    return &s->addresses[span_table_hash(span_make(address, sizeof *address), s->address_seed) % ADDRESS_BUCKETS];
}

static struct address_count *find(struct server *s, const struct in6_addr *address)
{
    struct address_count *a = *bucket_of(s, address);
    while (a != NULL && memcmp(&a->address, address, sizeof *address) != 0)
        a = a->next;
    return a;
}

/* libmicrohttpd asks before it takes a connection: MHD_NO closes it. */
enum MHD_Result addresses_admit(void *server, const struct sockaddr *peer, socklen_t bytes)
{
    struct server *s = server;
    struct in6_addr address;
    (void)bytes;
    if (s->options.connections_per_address == 0 || s->local || !network_of_peer(peer, &address))
        return MHD_YES;
    const struct in6_addr site = network_site(&address);
    const struct address_count *a = find(s, &site);
    if (a == NULL || a->count < s->options.connections_per_address || network_holds(s->proxies, s->proxy_count, &address))
        return MHD_YES;
    counter_add(s->counters, COUNT_CONNECTIONS_REFUSED, 1);
    return MHD_NO;
}

void addresses_count(struct server *s, struct connection *c, const struct in6_addr *address)
{
    const struct in6_addr site = network_site(address);
    struct address_count *a = s->options.connections_per_address == 0 ? NULL : find(s, &site);
    if (a == NULL && s->options.connections_per_address != 0 && (a = calloc(1, sizeof *a)) != NULL) {
        struct address_count **bucket = bucket_of(s, &site);
        *a = (struct address_count){ .next = *bucket, .address = site };
        *bucket = a;
    }
    if (a != NULL)
        a->count++;
    c->counted = a; /* without memory one more than the limit may come */
}

void addresses_forget(struct server *s, struct connection *c)
{
    struct address_count *a = c->counted;
    c->counted = NULL;
    if (a == NULL || --a->count > 0)
        return;
    struct address_count **link = bucket_of(s, &a->address);
    while (*link != a)
        link = &(*link)->next;
    *link = a->next;
    free(a);
}
