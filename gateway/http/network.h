/* network: addresses as listeners and trusted_proxies name them: "127.0.0.1:8443", "[::1]:8443", "10.0.0.0/8", "::1".
 * IPv4 is kept as v4-mapped IPv6 (RFC 4291 section 2.5.5.2), so both forms of one address are one. Plain values. */
#ifndef GATEWAY_HTTP_NETWORK_H
#define GATEWAY_HTTP_NETWORK_H
#include "posture/base/err.h"
#include "posture/base/span.h"

#include <netinet/in.h>

struct network { struct in6_addr address; unsigned prefix_bits; };
/* "address" or "address/bits"; bits beyond the prefix must be zero. ERR_INPUT names the text. */
MUST_CHECK enum err_code network_parse(struct span text, struct network *out, struct err *err);
bool network_holds(const struct network *networks, size_t count, const struct in6_addr *address);
/* Of a peer; false for what is neither IPv4 nor IPv6. */
bool network_of_peer(const struct sockaddr *peer, struct in6_addr *out);
/* Who can have many addresses counts as one: of IPv6 the /64 that a site is given at the least (RFC 6177), of IPv4 the address. */
struct in6_addr network_site(const struct in6_addr *address);
/* As people write it: v4-mapped addresses as IPv4. Returns `text`. */
const char *network_text(const struct in6_addr *address, char text[INET6_ADDRSTRLEN]);
/* "host:port" with a literal address, for bind. ERR_INPUT names the text. */
MUST_CHECK enum err_code network_listen_address(struct span text, struct sockaddr_storage *out, socklen_t *bytes, struct err *err);
#endif
