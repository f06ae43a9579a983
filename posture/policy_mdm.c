/* The policy's rules for device managers: how long ahead the fallback is announced, the way back, whose devices it never reaches, and who is
 * believed when a manager and the device disagree. */
#include "posture/policy_reader.h"
#include "posture/policy_writer.h"

#include "posture/base/clock.h"

enum { DAY_S = 86400, MOST_LINES = 16, LINE_BYTES = 200 };

static const char *const words[] = { "unknown", "osquery", "mdm", NULL };
static const struct span sees[] = { { "The model, the serial number and the version of the operating system", 68 }, { "Which apps and settings are installed", 37 },
                                    { "Whether the disk is encrypted", 29 } };
static const struct span does[] = { { "Install settings and apps, and keep them in place", 49 }, { "Lock or erase the device, which only a person may start", 55 } };
static const struct policy_mdm defaults = { .announce_before_s = 7 * DAY_S, .way_back_s = 60 * DAY_S, .sees = sees, .sees_count = 3, .does = does, .does_count = 2 };

void policy_mdm_read(struct policy_reader *r, const struct yaml_node *n)
{
    static const char *const known[] = { "announce_before", "way_back", "personal_groups", "disagreement", "sees", "does", NULL };
    struct policy_mdm *mdm = &r->policy->mdm;
    unsigned word = DISAGREEMENT_UNKNOWN;
    *mdm = defaults;
    if (!policy_reader_mapping(r, n, known))
        return;
    policy_reader_duration(r, yaml_get(n, "announce_before"), DAY_S, 90 * DAY_S, &mdm->announce_before_s);
    policy_reader_duration(r, yaml_get(n, "way_back"), DAY_S, 365 * DAY_S, &mdm->way_back_s);
    policy_reader_texts(r, yaml_get(n, "personal_groups"), POLICY_MAX_GROUPS, POLICY_TITLE_BYTES, &mdm->personal_groups, &mdm->personal_group_count);
    yaml_word(yaml_get(n, "disagreement"), words, &word, r->mistakes);
    mdm->disagreement = (enum disagreement)word;
    policy_reader_texts(r, yaml_get(n, "sees"), MOST_LINES, LINE_BYTES, &mdm->sees, &mdm->sees_count);
    policy_reader_texts(r, yaml_get(n, "does"), MOST_LINES, LINE_BYTES, &mdm->does, &mdm->does_count);
}

static bool is_same(const struct span *a, size_t a_count, const struct span *b, size_t b_count)
{
    bool same = a_count == b_count;
    for (size_t i = 0; same && i < a_count; i++)
        same = span_equal(a[i], b[i]);
    return same;
}

/* Left out where all of it is the default, so that policies from before keep their version. */
void policy_mdm_write(const struct policy *p, struct to_json *w)
{
    const struct policy_mdm *m = &p->mdm;
    bool same_does = is_same(m->does, m->does_count, does, defaults.does_count), same_sees = is_same(m->sees, m->sees_count, sees, defaults.sees_count);
    if (m->announce_before_s == defaults.announce_before_s && m->way_back_s == defaults.way_back_s && m->disagreement == defaults.disagreement &&
        m->personal_group_count == 0 && same_does && same_sees)
        return;
    to_json_key(w, "mdm");
    to_json_object(w);
    policy_write_duration(w, "announce_before", m->announce_before_s);
    to_json_member_text(w, "disagreement", span_of(words[m->disagreement]));
    policy_write_texts(w, "does", m->does, m->does_count);
    policy_write_texts(w, "personal_groups", m->personal_groups, m->personal_group_count);
    policy_write_texts(w, "sees", m->sees, m->sees_count);
    policy_write_duration(w, "way_back", m->way_back_s);
    to_json_end(w);
}
