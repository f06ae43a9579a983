/* The client certificate of a connection: taken from the TLS session once, checked against the CA and its lists, checked again when those change. */
#include "gateway/doors/device_certificates.h"
#include "gateway/http/server_parts.h"

#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

enum { CHECK_AGAIN_S = 60 }; /* an expiry on an open connection is noticed after that */

struct shown_certificate {
    struct span leaf, chain[CLIENT_CERTIFICATE_CHAIN]; /* DER, in `bytes` */
    size_t chain_count;
    const char *refused;            /* static; NULL: verified */
    unsigned generation;
    int64_t checked_s;
    char bytes[];
};

static const gnutls_datum_t *peers_of(const struct connection *c, unsigned *count)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    *count = 0;
    return info != NULL && info->tls_session != NULL ? gnutls_certificate_get_peers(info->tls_session, count) : NULL;
}

/* The session's own copies end with the connection; a job in the slow lane may outlive it. */
static struct shown_certificate *copy_peers(const gnutls_datum_t *peers, unsigned count)
{
    size_t total = 0, used = 0;
    for (unsigned i = 0; i < count; i++)
        total += peers[i].size;
    if (count > CLIENT_CERTIFICATE_CHAIN + 1 || total > (size_t)CLIENT_CERTIFICATE_BYTES * (CLIENT_CERTIFICATE_CHAIN + 1))
        return NULL;
    struct shown_certificate *shown = calloc(1, sizeof *shown + total);
    for (unsigned i = 0; shown != NULL && i < count; i++) {
        struct span at = span_make(shown->bytes + used, peers[i].size);
        memcpy(shown->bytes + used, peers[i].data, peers[i].size);
        used += peers[i].size;
        if (i == 0)
            shown->leaf = at;
        else
            shown->chain[shown->chain_count++] = at;
    }
    return shown;
}

static void check(const struct connection *c, struct shown_certificate *shown, int64_t now_s)
{
    struct device_certificates *d = c->server->node->device_certificates;
    const struct client_trust *callers = c->server->caller_trust;
    unsigned generation = callers != NULL ? 0 : device_certificates_generation(d);
    struct err err;
    if (shown->checked_s != 0 && shown->generation == generation && now_s - shown->checked_s < CHECK_AGAIN_S)
        return;
    enum err_code code = callers != NULL ? client_trust_check(callers, shown->leaf, shown->chain, shown->chain_count, now_s, &shown->refused, &err)
                                         : device_certificates_check(d, shown->leaf, shown->chain, shown->chain_count, now_s, &shown->refused, &err);
    if (code == OK)
        shown->refused = NULL;
    shown->generation = generation;
    shown->checked_s = now_s;
}

void connection_certificate(struct connection *c, struct http_request *r)
{
    unsigned count;
    if (!c->certificate_looked_for) {
        const gnutls_datum_t *peers = peers_of(c, &count);
        c->certificate_looked_for = true;
        c->certificate = peers != NULL && count > 0 ? copy_peers(peers, count) : NULL;
    }
    if (c->certificate == NULL)
        return;
    check(c, c->certificate, r->now_s);
    r->client_certificate_refused = c->certificate->refused;
    if (c->certificate->refused == NULL)
        r->client_certificate = arena_copy(r->arena, c->certificate->leaf);
}
