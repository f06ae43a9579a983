#include "live.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

static long long net_number(const struct live *live, const char *interface, const char *name, int base)
{
    char *path = must_format("/sys/class/net/%s/%s", interface, name);
    char *word = live_word(live, path);
    long long out = word == NULL ? 0 : strtoll(word, NULL, base);
    free(word);
    free(path);
    return out;
}

struct interfaces {
    const struct live *live;
    struct rows *rows;
};

static bool add_interface(void *context, const char *name)
{
    static const char *const counters[][2] = {
        { "ipackets", "statistics/rx_packets" }, { "opackets", "statistics/tx_packets" },
        { "ibytes", "statistics/rx_bytes" },     { "obytes", "statistics/tx_bytes" },
        { "ierrors", "statistics/rx_errors" },   { "oerrors", "statistics/tx_errors" },
        { "idrops", "statistics/rx_dropped" },   { "odrops", "statistics/tx_dropped" },
        { "collisions", "statistics/collisions" }, { "mtu", "mtu" }, { "type", "type" },
    };
    struct interfaces *all = context;
    char *path = must_format("/sys/class/net/%s/address", name);
    char *mac = live_word(all->live, path);
    free(path);
    if (mac == NULL)
        return true; /* bonding_masters and the like */
    rows_next(all->rows);
    rows_text(all->rows, "interface", name);
    rows_text(all->rows, "mac", mac);
    rows_number(all->rows, "flags", net_number(all->live, name, "flags", 16));
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        rows_number(all->rows, counters[i][0], net_number(all->live, name, counters[i][1], 10));
    free(mac);
    return true;
}

void live_interface_details(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    struct interfaces all = { .live = context, .rows = rows };
    live_list(context, "/sys/class/net", add_interface, &all);
}

static bool address_words(const struct sockaddr *address, char out[INET6_ADDRSTRLEN])
{
    if (address == NULL)
        return false;
    if (address->sa_family == AF_INET)
        return inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, out, INET6_ADDRSTRLEN)
               != NULL;
    if (address->sa_family == AF_INET6)
        return inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, out,
                         INET6_ADDRSTRLEN) != NULL;
    return false;
}

void live_interface_addresses(void *context, const struct ask *ask, struct rows *rows)
{
    (void)context;
    (void)ask;
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0) {
        rows_fail(rows, "cannot list interface addresses");
        return;
    }
    for (struct ifaddrs *at = all; at != NULL; at = at->ifa_next) {
        char words[INET6_ADDRSTRLEN];
        if (!address_words(at->ifa_addr, words))
            continue;
        rows_next(rows);
        rows_text(rows, "interface", at->ifa_name);
        rows_text(rows, "address", words);
        rows_text(rows, "type", "manual");
        if (address_words(at->ifa_netmask, words))
            rows_text(rows, "mask", words);
        if ((at->ifa_flags & IFF_BROADCAST) != 0 && address_words(at->ifa_broadaddr, words))
            rows_text(rows, "broadcast", words);
        if ((at->ifa_flags & IFF_POINTOPOINT) != 0 && address_words(at->ifa_dstaddr, words))
            rows_text(rows, "point_to_point", words);
    }
    freeifaddrs(all);
}

void live_etc_hosts(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    struct text content;
    if (!live_read(context, "/etc/hosts", 1024 * 1024, &content))
        return;
    char *rest = content.data;
    for (char *line = next_line(&rest); line != NULL; line = next_line(&rest)) {
        line[strcspn(line, "#")] = '\0';
        char *names = trimmed(line);
        const char *address = next_word(&names);
        if (address == NULL)
            continue;
        rows_next(rows);
        rows_text(rows, "address", address);
        rows_text(rows, "hostnames", trimmed(names));
    }
    text_done(&content);
}

void live_dns_resolvers(void *context, const struct ask *ask, struct rows *rows)
{
    (void)ask;
    struct text content;
    if (!live_read(context, "/etc/resolv.conf", 65536, &content))
        return;
    long long id = 0;
    char *rest = content.data;
    for (char *line = next_line(&rest); line != NULL; line = next_line(&rest)) {
        const char *key = next_word(&line), *value = key == NULL ? NULL : next_word(&line);
        if (value == NULL || (strcmp(key, "nameserver") != 0 && strcmp(key, "search") != 0))
            continue;
        rows_next(rows);
        rows_number(rows, "id", id++);
        rows_text(rows, "type", key);
        rows_text(rows, "address", value);
    }
    text_done(&content);
}
