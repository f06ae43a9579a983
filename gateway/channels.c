#include "gateway/channels.h"

#include "gateway/effects.h"

/* `configured`: where node_options says so. */
struct channel { const char *name; size_t configured; bool (*reaches)(const struct person *person); };

/* By Slack id, or by an address that Slack is asked for. */
static bool slack_reaches(const struct person *person) { return !span_empty(person->slack) || person->email_count > 0; }
static bool email_reaches(const struct person *person) { return person->email_count > 0; }

static const struct channel *find_channel(struct span name)
{
    static const struct channel all[] = { { "slack", offsetof(struct node_options, slack), slack_reaches }, { "email", offsetof(struct node_options, email), email_reaches } };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (span_equal_text(name, all[i].name))
            return &all[i];
    return NULL;
}

static bool is_configured(const struct node *node, const struct channel *c) { return c != NULL && *(const bool *)((const char *)&node->options + c->configured); }

static bool works(const struct node *node, const struct channel *c, const struct person *person)
{
    return is_configured(node, c) && c->reaches(person) && (node->effects == NULL || !effects_is_stopped(node->effects, c->name));
}

struct span channels_first(const struct node *node, const struct policy *policy, const struct person *person)
{
    struct span configured = SPAN_NONE;
    for (size_t i = 0; i < policy->nudges.channel_count; i++) {
        const struct channel *c = find_channel(policy->nudges.channels[i]);
        if (works(node, c, person))
            return span_of(c->name);
        if (span_empty(configured) && is_configured(node, c))
            configured = span_of(c->name);
    }
    return configured;
}

struct span channels_after(const struct node *node, const struct policy *policy, const struct person *person, struct span failed)
{
    bool behind = false;
    for (size_t i = 0; i < policy->nudges.channel_count; i++) {
        const struct channel *c = find_channel(policy->nudges.channels[i]);
        if (behind && works(node, c, person))
            return span_of(c->name);
        behind = behind || span_equal(policy->nudges.channels[i], failed);
    }
    return SPAN_NONE;
}
