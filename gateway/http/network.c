#include "gateway/http/network.h"

#include <arpa/inet.h>
#include <string.h>

enum { MAPPED_BITS = 96, ALL_BITS = 128 };

static struct in6_addr mapped(struct in_addr v4)
{
    struct in6_addr out = { .s6_addr = { [10] = 0xff, [11] = 0xff } };
    memcpy(out.s6_addr + 12, &v4, sizeof v4);
    return out;
}

static bool parse_address(struct span text, struct in6_addr *out, bool *is_v4)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr v4;
    if (text.bytes == 0 || text.bytes >= sizeof copy || memchr(text.at, '\0', text.bytes) != NULL)
        return false;
    memcpy(copy, text.at, text.bytes);
    copy[text.bytes] = '\0';
    *is_v4 = inet_pton(AF_INET, copy, &v4) == 1;
    if (*is_v4)
        *out = mapped(v4);
    return *is_v4 || inet_pton(AF_INET6, copy, out) == 1;
}

static bool same_prefix(const struct in6_addr *a, const struct in6_addr *b, unsigned bits)
{
    unsigned whole = bits / 8, left = bits % 8;
    if (memcmp(a->s6_addr, b->s6_addr, whole) != 0)
        return false;
    return left == 0 || ((a->s6_addr[whole] ^ b->s6_addr[whole]) >> (8 - left)) == 0;
}

static bool rest_is_zero(const struct network *n)
{
    struct in6_addr cut = n->address;
    for (unsigned bit = n->prefix_bits; bit < ALL_BITS; bit++)
        cut.s6_addr[bit / 8] = (uint8_t)(cut.s6_addr[bit / 8] & ~(0x80u >> bit % 8));
    return memcmp(&cut, &n->address, sizeof cut) == 0;
}

enum err_code network_parse(struct span text, struct network *out, struct err *err)
{
    size_t slash = span_find(text, '/');
    struct network n = { .prefix_bits = ALL_BITS };
    bool is_v4;
    uint64_t bits = 0;
    if (!parse_address(span_slice(text, 0, slash), &n.address, &is_v4))
        return err_set(err, ERR_INPUT, "%.*s: not an address or network", SPAN_ARGS(text));
    if (slash < text.bytes) {
        if (!span_to_u64(span_slice(text, slash + 1, text.bytes), &bits) || bits > (is_v4 ? ALL_BITS - MAPPED_BITS : ALL_BITS))
            return err_set(err, ERR_INPUT, "%.*s: bad prefix length", SPAN_ARGS(text));
        n.prefix_bits = (unsigned)bits + (is_v4 ? MAPPED_BITS : 0);
    }
    if (!rest_is_zero(&n))
        return err_set(err, ERR_INPUT, "%.*s: has bits beyond its prefix", SPAN_ARGS(text));
    *out = n;
    return OK;
}

bool network_holds(const struct network *networks, size_t count, const struct in6_addr *address)
{
    for (size_t i = 0; i < count; i++)
        if (same_prefix(&networks[i].address, address, networks[i].prefix_bits))
            return true;
    return false;
}

bool network_of_peer(const struct sockaddr *peer, struct in6_addr *out)
{
    if (peer != NULL && peer->sa_family == AF_INET)
        *out = mapped(((const struct sockaddr_in *)(const void *)peer)->sin_addr);
    else if (peer != NULL && peer->sa_family == AF_INET6)
        *out = ((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
    else
        return false;
    return true;
}

struct in6_addr network_site(const struct in6_addr *address)
{
    enum { SITE_BYTES = 8 };
    struct in6_addr site = *address;
    if (!IN6_IS_ADDR_V4MAPPED(address))
        memset(site.s6_addr + SITE_BYTES, 0, sizeof site.s6_addr - SITE_BYTES);
    return site;
}

const char *network_text(const struct in6_addr *address, char text[INET6_ADDRSTRLEN])
{
    bool is_v4 = IN6_IS_ADDR_V4MAPPED(address);
    inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? (const void *)(address->s6_addr + 12) : address, text, INET6_ADDRSTRLEN);
    return text;
}

/* ---- listeners ---- */

static void fill_sockaddr(const struct in6_addr *address, bool is_v4, in_port_t port, struct sockaddr_storage *out, socklen_t *bytes)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = port };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = *address };
    memcpy(&v4.sin_addr, address->s6_addr + 12, sizeof v4.sin_addr);
    memset(out, 0, sizeof *out);
    *bytes = is_v4 ? sizeof v4 : sizeof v6;
    memcpy(out, is_v4 ? (const void *)&v4 : &v6, *bytes);
}

enum err_code network_listen_address(struct span text, struct sockaddr_storage *out, socklen_t *bytes, struct err *err)
{
    size_t colon = text.bytes;
    while (colon > 0 && text.at[colon - 1] != ':')
        colon--;
    struct span host = span_slice(text, 0, colon > 0 ? colon - 1 : 0);
    bool bracketed = host.bytes > 2 && host.at[0] == '[' && host.at[host.bytes - 1] == ']', is_v4 = false;
    struct in6_addr address;
    uint64_t port;
    if (bracketed)
        host = span_slice(host, 1, host.bytes - 2);
    if (colon == 0 || !parse_address(host, &address, &is_v4) || is_v4 == bracketed || !span_to_u64(span_slice(text, colon, text.bytes), &port) || port > 65535)
        return err_set(err, ERR_INPUT, "%.*s: must be address:port, like 127.0.0.1:8443 or [::1]:8443", SPAN_ARGS(text));
    fill_sockaddr(&address, is_v4, htons((uint16_t)port), out, bytes);
    return OK;
}
