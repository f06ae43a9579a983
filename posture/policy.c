#include "posture/policy.h"

#include <stdlib.h>
#include <string.h>

void policy_free(struct policy *p)
{
    if (p == NULL)
        return;
    struct arena arena = p->arena; /* the policy lies in its own arena */
    arena_done(&arena);
}

void policy_freep(struct policy **p)
{
    policy_free(*p);
    *p = NULL;
}

static int compare_check_id(const void *key, const void *item)
{
    const struct check *check = item;
    return span_compare(*(const struct span *)key, check->id);
}

const struct check *policy_check(const struct policy *p, struct span id)
{
    if (p->check_count == 0)
        return NULL;
    return bsearch(&id, p->checks, p->check_count, sizeof p->checks[0], compare_check_id);
}

enum { HOST_BYTES = 253 }; /* RFC 1035 section 2.3.4, as text */

/* Host names are compared without case (RFC 4343); the policy keeps them lower. */
static struct span fold_host(struct span value, char room[HOST_BYTES])
{
    if (value.bytes > HOST_BYTES)
        return SPAN_NONE;
    for (size_t i = 0; i < value.bytes; i++) {
        char c = value.at[i];
        room[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    return span_make(room, value.bytes);
}

static int compare_app_key(const void *key, const void *item)
{
    const struct app_key *wanted = key, *have = item;
    if (wanted->kind != have->kind)
        return wanted->kind < have->kind ? -1 : 1;
    return span_compare(wanted->value, have->value);
}

const struct app *policy_app_by(const struct policy *p, enum app_match kind, struct span value)
{
    char room[HOST_BYTES];
    struct app_key wanted = { kind, kind == MATCH_HOST ? fold_host(value, room) : value, NULL };
    if (p->app_key_count == 0)
        return NULL;
    const struct app_key *found = bsearch(&wanted, p->app_keys, p->app_key_count, sizeof p->app_keys[0], compare_app_key);
    return found == NULL ? NULL : found->app;
}

const struct app *policy_app(const struct policy *p, struct span id_or_alias)
{
    const struct app *app = NULL;
    for (int kind = MATCH_ID; kind < MATCH_KINDS && app == NULL; kind++)
        app = policy_app_by(p, (enum app_match)kind, id_or_alias);
    return app;
}

bool policy_sensitivity(const struct policy *p, struct span name, unsigned *index)
{
    for (size_t i = 0; i < p->sensitivity_count; i++) {
        if (!span_equal(p->sensitivities[i], name))
            continue;
        *index = (unsigned)i;
        return true;
    }
    return false;
}

/* The first use of `name`, or where it would stand. */
static size_t first_use(const struct policy *p, struct span name)
{
    size_t low = 0, high = p->fact_use_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (span_compare(p->fact_uses[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t policy_fact_uses(const struct policy *p, struct span name, const struct fact_use **first)
{
    size_t start = first_use(p, name), end = start;
    while (end < p->fact_use_count && span_equal(p->fact_uses[end].name, name))
        end++;
    *first = end > start ? &p->fact_uses[start] : NULL;
    return end - start;
}

static bool concerns(const struct ladder *ladder, const struct person *person)
{
    for (size_t i = 0; i < ladder->group_count; i++) {
        if (person == NULL ? span_equal_text(ladder->groups[i], "everyone") : person_in_group(person, ladder->groups[i]))
            return true;
    }
    return false;
}

const struct ladder *policy_ladder(const struct policy *p, enum severity severity, const struct person *person)
{
    for (size_t i = 0; i < p->ladder_count; i++)
        if ((p->ladders[i].severities & 1U << severity) != 0 && concerns(&p->ladders[i], person))
            return &p->ladders[i];
    return NULL;
}

bool policy_is_break_glass(const struct policy *p, const struct person *person, struct span asked_as)
{
    for (size_t i = 0; i < p->break_glass_count; i++) {
        if (span_equal_fold(p->break_glass[i], asked_as))
            return true;
        if (person != NULL && person_has_email(person, p->break_glass[i]))
            return true;
    }
    return false;
}

bool policy_is_approver(const struct policy *p, const struct person *person)
{
    for (size_t i = 0; i < p->exemptions.approver_count && !person->removed; i++) {
        struct span who = p->exemptions.approvers[i];
        if (span_find(who, '@') < who.bytes ? person_has_email(person, who) : person_in_group(person, who))
            return true;
    }
    return false;
}

const char *pause_name(unsigned bit)
{
    switch (bit) {
    case PAUSE_ABSENCE: return "absence";
    case PAUSE_DEVICE_OFF: return "device_off";
    case PAUSE_DISPUTE: return "dispute";
    case PAUSE_INCIDENT: return "incident";
    case PAUSE_STORE_OUTAGE: return "store_outage";
    case PAUSE_HOLIDAY: return "holiday";
    case PAUSE_SNOOZE: return "snooze";
    case PAUSE_EXEMPTION: return "exemption";
    default: return "unknown";
    }
}
