/* Which addresses an outgoing call may reach (RFC 6890, RFC 4291, RFC 6052, RFC 3056). */
#include "connectors/http_client.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

struct net4 { uint32_t net; unsigned bits; enum http_address kind; };
static const struct net4 nets4[] = {
    { 0x7f000000, 8, HTTP_ADDRESS_LOOPBACK },  { 0x0a000000, 8, HTTP_ADDRESS_PRIVATE },    { 0xac100000, 12, HTTP_ADDRESS_PRIVATE },
    { 0xc0a80000, 16, HTTP_ADDRESS_PRIVATE },  { 0x64400000, 10, HTTP_ADDRESS_PRIVATE },   { 0x00000000, 8, HTTP_ADDRESS_FORBIDDEN },
    { 0xa9fe0000, 16, HTTP_ADDRESS_FORBIDDEN }, /* link-local: cloud metadata */
    { 0xc0000000, 24, HTTP_ADDRESS_FORBIDDEN }, { 0xc0000200, 24, HTTP_ADDRESS_FORBIDDEN }, { 0xc0586300, 24, HTTP_ADDRESS_FORBIDDEN },
    { 0xc6120000, 15, HTTP_ADDRESS_FORBIDDEN }, { 0xc6336400, 24, HTTP_ADDRESS_FORBIDDEN }, { 0xcb007100, 24, HTTP_ADDRESS_FORBIDDEN },
    { 0xe0000000, 4, HTTP_ADDRESS_FORBIDDEN }, /* multicast */
    { 0xf0000000, 4, HTTP_ADDRESS_FORBIDDEN }, /* reserved, broadcast */
};

static enum http_address kind4(uint32_t address)
{
    for (size_t i = 0; i < sizeof nets4 / sizeof nets4[0]; i++)
        if ((address ^ nets4[i].net) >> (32 - nets4[i].bits) == 0)
            return nets4[i].kind;
    return HTTP_ADDRESS_PUBLIC;
}

static uint32_t read4(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Forms of IPv6 that lead to an IPv4 address. */
static bool holds4(const uint8_t a[16], uint32_t *address)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }, nat64[12] = { 0x00, 0x64, 0xff, 0x9b }, compatible[12] = { 0 };
    bool tail = memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0 || memcmp(a, compatible, 12) == 0;
    if (tail)
        *address = read4(a + 12);
    else if (a[0] == 0x20 && a[1] == 0x02) /* 6to4 */
        *address = read4(a + 2);
    else
        return false;
    return true;
}

static enum http_address kind6(const uint8_t a[16])
{
    static const uint8_t one[16] = { [15] = 1 };
    uint32_t inside = 0;
    if (memcmp(a, one, 16) == 0)
        return HTTP_ADDRESS_LOOPBACK;
    if (holds4(a, &inside))
        return kind4(inside);
    if ((a[0] & 0xfe) == 0xfc)
        return HTTP_ADDRESS_PRIVATE; /* unique local */
    if ((a[0] & 0xe0) != 0x20)
        return HTTP_ADDRESS_FORBIDDEN; /* only 2000::/3 is global unicast: no link-local, multicast, local NAT64 */
    if (a[0] == 0x20 && a[1] == 0x01 && a[2] == 0x0d && a[3] == 0xb8)
        return HTTP_ADDRESS_FORBIDDEN; /* documentation */
    if (a[0] == 0x20 && a[1] == 0x01 && a[2] < 0x02)
        return HTTP_ADDRESS_FORBIDDEN; /* 2001::/23: Teredo and other special uses */
    return HTTP_ADDRESS_PUBLIC;
}

enum http_address http_address_kind(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return kind4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        return kind6(in6.sin6_addr.s6_addr);
    }
    return HTTP_ADDRESS_FORBIDDEN;
}
