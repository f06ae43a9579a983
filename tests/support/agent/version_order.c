#include "version_order.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static int is_digit(char c)
{
    return isdigit((unsigned char)c);
}

/* Compares two runs of digits of any length; moves both past them. */
static int compare_digits(const char **a, const char **b)
{
    while (**a == '0')
        ++*a;
    while (**b == '0')
        ++*b;
    size_t la = strspn(*a, "0123456789"), lb = strspn(*b, "0123456789");
    int order = la != lb ? (la < lb ? -1 : 1) : strncmp(*a, *b, la);
    *a += la;
    *b += lb;
    return order;
}

int version_order(const char *a, const char *b)
{
    static const char separators[] = ".-_:+~ ";
    for (;;) {
        a += strspn(a, separators);
        b += strspn(b, separators);
        if (*a == '\0' || *b == '\0')
            return (*a != '\0') - (*b != '\0');
        if (is_digit(*a) && is_digit(*b)) {
            int order = compare_digits(&a, &b);
            if (order != 0)
                return order;
            continue;
        }
        if (is_digit(*a) != is_digit(*b))
            return is_digit(*a) ? 1 : -1;
        size_t la = strcspn(a, ".-_:+~ 0123456789"), lb = strcspn(b, ".-_:+~ 0123456789");
        int order = strncmp(a, b, la < lb ? la : lb);
        if (order == 0 && la != lb)
            order = la < lb ? -1 : 1;
        if (order != 0)
            return order;
        a += la;
        b += lb;
    }
}

static int weight(char c)
{
    if (c == '\0' || is_digit(c))
        return 0;
    if (c == '~')
        return -1;
    return isalpha((unsigned char)c) ? (unsigned char)c : (unsigned char)c + 256;
}

static int compare_part(const char *a, const char *b)
{
    while (*a != '\0' || *b != '\0') {
        while ((*a != '\0' && !is_digit(*a)) || (*b != '\0' && !is_digit(*b))) {
            int order = weight(*a) - weight(*b);
            if (order != 0)
                return order;
            a += *a != '\0';
            b += *b != '\0';
        }
        int order = compare_digits(&a, &b);
        if (order != 0)
            return order;
    }
    return 0;
}

/* Cuts "upstream-revision" at its last hyphen, in place. */
static const char *cut_revision(char *version)
{
    char *hyphen = strrchr(version, '-');
    if (hyphen == NULL)
        return "0";
    *hyphen = '\0';
    return hyphen + 1;
}

int version_order_debian(const char *a, const char *b)
{
    const char *ca = strchr(a, ':'), *cb = strchr(b, ':');
    long ea = ca == NULL ? 0 : strtol(a, NULL, 10), eb = cb == NULL ? 0 : strtol(b, NULL, 10);
    if (ea != eb)
        return ea < eb ? -1 : 1;
    char *va = strdup(ca == NULL ? a : ca + 1), *vb = strdup(cb == NULL ? b : cb + 1);
    int order = 0;
    if (va != NULL && vb != NULL) {
        const char *ra = cut_revision(va), *rb = cut_revision(vb);
        order = compare_part(va, vb);
        if (order == 0)
            order = compare_part(ra, rb);
    }
    free(va);
    free(vb);
    return order;
}
