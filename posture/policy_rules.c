/* The policy's rules for everybody: when a failure shows, when people are written to, what happens in an outage. */
#include "posture/policy_reader.h"

#include "posture/base/clock.h"

#include <string.h>

enum { HOUR_S = 3600, DAY_S = 86400, MINUTES_A_DAY = 1440, MAX_READS = 100 };

static void read_visible_after(struct policy_reader *r, const struct yaml_node *n)
{
    static const char *const known[] = { "reads", "apart", NULL };
    bool off = n != NULL && yaml_is_off(n);
    r->policy->visible_after.reads = off ? 1 : 2;
    r->policy->visible_after.apart_s = off ? 0 : 600;
    if (off || !policy_reader_mapping(r, n, known))
        return;
    policy_reader_number(r, yaml_get(n, "reads"), 1, MAX_READS, &r->policy->visible_after.reads);
    policy_reader_duration(r, yaml_get(n, "apart"), 0, 30 * DAY_S, &r->policy->visible_after.apart_s);
}

static void read_grace(struct policy_reader *r, const struct yaml_node *n)
{
    static const char *const known[] = { "new_device", "after_absence", NULL };
    bool off = n != NULL && yaml_is_off(n);
    r->policy->grace.new_device_s = off ? 0 : 48 * HOUR_S;
    r->policy->grace.after_absence_s = off ? 0 : 24 * HOUR_S;
    if (off || !policy_reader_mapping(r, n, known))
        return;
    policy_reader_duration(r, yaml_get(n, "new_device"), 0, 90 * DAY_S, &r->policy->grace.new_device_s);
    policy_reader_duration(r, yaml_get(n, "after_absence"), 0, 90 * DAY_S, &r->policy->grace.after_absence_s);
}

/* "1/1d": one per day at the most, for that cap is a promise to people and not an option. */
static void read_per_person(struct policy_reader *r, const struct yaml_node *n)
{
    struct span text, count_text;
    uint64_t count;
    int64_t per_s;
    if (n == NULL || !yaml_text(n, 32, &text, r->mistakes))
        return;
    struct span rest = text;
    if (!span_cut(&rest, '/', &count_text) || !span_to_u64(count_text, &count) || !duration_parse(rest, &per_s)) {
        yaml_mistake(r->mistakes, n, "must be written like 1/1d: one message in that time");
        return;
    }
    if (count != 1 || per_s < DAY_S || per_s > 30 * DAY_S) {
        yaml_mistake(r->mistakes, n, "people get at most one message a day: write 1/ and a time from 1d to 30d");
        return;
    }
    r->policy->nudges.per_s = per_s;
}

/* "HH:MM" to minutes of the day, up to 24:00. */
static bool parse_minute(struct span text, int32_t *minute)
{
    uint64_t hours, minutes;
    if (text.bytes != 5 || text.at[2] != ':' || !span_to_u64(span_slice(text, 0, 2), &hours) || !span_to_u64(span_slice(text, 3, 2), &minutes))
        return false;
    if (minutes > 59 || hours * 60 + minutes > MINUTES_A_DAY)
        return false;
    *minute = (int32_t)(hours * 60 + minutes);
    return true;
}

static void read_hours(struct policy_reader *r, const struct yaml_node *n)
{
    struct span text, from;
    int32_t from_minute, to_minute;
    if (n == NULL || !yaml_text(n, 32, &text, r->mistakes))
        return;
    struct span rest = text;
    if (!span_cut(&rest, '-', &from) || !parse_minute(from, &from_minute) || !parse_minute(rest, &to_minute)) {
        yaml_mistake(r->mistakes, n, "must be written like \"10:00-16:00\", from 00:00 to 24:00");
        return;
    }
    if (from_minute >= to_minute) {
        yaml_mistake(r->mistakes, n, "the end must come after the beginning, on the same day");
        return;
    }
    r->policy->nudges.from_minute = from_minute;
    r->policy->nudges.to_minute = to_minute;
}

static void read_days(struct policy_reader *r, const struct yaml_node *n)
{
    static const char *const words[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL };
    unsigned days;
    if (!policy_reader_words(r, n, words, &days))
        return;
    if (days == 0 && n->count == 0)
        yaml_mistake(r->mistakes, n, "needs at least one day");
    r->policy->nudges.days = days;
}

/* IANA names; they become file names below the zoneinfo folder, so nothing may lead out of it. */
static bool is_zone(struct span s)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";
    if (span_empty(s) || s.at[0] == '/' || s.at[s.bytes - 1] == '/')
        return false;
    for (size_t i = 0; i < s.bytes; i++)
        if (s.at[i] == '\0' || strchr(allowed, s.at[i]) == NULL)
            return false;
    return true;
}

static void read_zone(struct policy_reader *r, const struct yaml_node *n)
{
    struct span zone;
    if (!policy_reader_text(r, n, 64, &zone))
        return;
    if (!is_zone(zone))
        yaml_mistake(r->mistakes, n, "must be the name of a time zone, such as Europe/Berlin");
    r->policy->nudges.zone = zone;
}

static void read_channels(struct policy_reader *r, const struct yaml_node *n)
{
    static const char *const words[] = { "slack", "email", NULL };
    unsigned ignored;
    if (policy_reader_words(r, n, words, &ignored)) /* the order is the order of trying, so the texts are kept */
        policy_reader_texts(r, n, POLICY_MAX_CHANNELS, POLICY_ID_BYTES, &r->policy->nudges.channels, &r->policy->nudges.channel_count);
}

static void default_nudges(struct policy *p)
{
    static const struct span slack[] = { { "slack", 5 } };
    p->nudges.count = 1;
    p->nudges.per_s = DAY_S;
    p->nudges.apart_s = 16 * HOUR_S;
    p->nudges.from_minute = 10 * 60;
    p->nudges.to_minute = 16 * 60;
    p->nudges.days = 0x1F; /* Monday to Friday */
    p->nudges.channels = slack;
    p->nudges.channel_count = 1;
    p->nudges.zone = SPAN_LITERAL("UTC");
}

static void read_nudges(struct policy_reader *r, const struct yaml_node *n)
{
    static const char *const known[] = { "per_person", "apart", "hours", "days", "channels", "zone", NULL };
    default_nudges(r->policy);
    if (!policy_reader_mapping(r, n, known))
        return;
    read_per_person(r, yaml_get(n, "per_person"));
    policy_reader_duration(r, yaml_get(n, "apart"), 16 * HOUR_S, 30 * DAY_S, &r->policy->nudges.apart_s);
    read_hours(r, yaml_get(n, "hours"));
    read_days(r, yaml_get(n, "days"));
    read_channels(r, yaml_get(n, "channels"));
    read_zone(r, yaml_get(n, "zone"));
}

static void warn_no_channel(struct policy_reader *r, const struct yaml_node *root)
{
    bool closes = false;
    const struct policy *p = r->policy;
    for (size_t i = 0; i < p->ladder_count; i++)
        for (size_t k = 0; k < p->ladders[i].rung_count; k++)
            closes = closes || p->ladders[i].rungs[k].close != 0;
    if (closes && p->nudges.channel_count == 0)
        yaml_warning(r->mistakes, root, "ladders close apps, but nudges has no channel: notices count only when shown on a login page");
}

/* `deny` and `allow` still bridge ten seconds: a failover of the store is shorter than that. */
static void read_outage_rule(struct policy_reader *r, const struct yaml_node *n, struct outage_rule *rule)
{
    static const char *const known[] = { "last_known_good", "then", NULL };
    static const char *const words[] = { "deny", "allow", NULL };
    unsigned then = OUTAGE_DENY;
    if (n->kind == YAML_SCALAR && yaml_word(n, words, &then, r->mistakes))
        *rule = (struct outage_rule){ 10, (enum outage_then)then };
    if (n->kind == YAML_SCALAR || !policy_reader_mapping(r, n, known))
        return;
    *rule = (struct outage_rule){ HOUR_S, OUTAGE_DENY };
    policy_reader_duration(r, yaml_get(n, "last_known_good"), 0, 30 * DAY_S, &rule->last_known_good_s);
    yaml_word(yaml_get(n, "then"), words, &then, r->mistakes);
    rule->then = (enum outage_then)then;
}

/* The least sensitive apps stay open, the most sensitive close, the others live on what is known for an hour. A single
 * sensitivity is neither. */
static void default_outage(struct policy *p)
{
    for (size_t i = 0; i < p->sensitivity_count; i++)
        p->outage[i] = (struct outage_rule){ HOUR_S, OUTAGE_DENY };
    if (p->sensitivity_count < 2)
        return;
    p->outage[0] = (struct outage_rule){ 10, OUTAGE_ALLOW };
    p->outage[p->sensitivity_count - 1] = (struct outage_rule){ 10, OUTAGE_DENY };
}

static void read_outage(struct policy_reader *r, const struct yaml_node *n)
{
    const char *const *words = policy_reader_sensitivity_words(r);
    default_outage(r->policy);
    if (words == NULL || words[0] == NULL || !policy_reader_mapping(r, n, words))
        return;
    for (size_t i = 0; words[i] != NULL; i++)
        if (yaml_get(n, words[i]) != NULL)
            read_outage_rule(r, yaml_get(n, words[i]), &r->policy->outage[i]);
}

unsigned policy_incident_default(const struct policy *p) { return p->sensitivity_count < 2 ? 0 : (1U << (p->sensitivity_count - 1)) - 1; }

static void read_incident(struct policy_reader *r, const struct yaml_node *n)
{
    static const char *const answers[] = { "keep", "allow", NULL };
    const char *const *words = policy_reader_sensitivity_words(r);
    r->policy->incident_open = policy_incident_default(r->policy);
    if (words == NULL || words[0] == NULL || !policy_reader_mapping(r, n, words))
        return;
    for (size_t i = 0; words[i] != NULL; i++) {
        unsigned answer;
        if (yaml_word(yaml_get(n, words[i]), answers, &answer, r->mistakes))
            r->policy->incident_open = (r->policy->incident_open & ~(1U << i)) | answer << i;
    }
}

static void read_unidentified(struct policy_reader *r, const struct yaml_node *n)
{
    static const char *const answers[] = { "allow", "warn", "deny", NULL };
    const char *const *words = policy_reader_sensitivity_words(r);
    for (size_t i = 0; i < r->policy->sensitivity_count; i++)
        r->policy->unidentified[i] = i == 0 ? UNIDENTIFIED_WARN : UNIDENTIFIED_DENY;
    if (words == NULL || words[0] == NULL || !policy_reader_mapping(r, n, words))
        return;
    for (size_t i = 0; words[i] != NULL; i++) {
        unsigned answer;
        if (yaml_word(yaml_get(n, words[i]), answers, &answer, r->mistakes))
            r->policy->unidentified[i] = (enum unidentified)answer;
    }
}

static void read_proof(struct policy_reader *r, const struct yaml_node *n)
{
    static const char *const kinds[] = { "none", "cookie", "webauthn_synced", "webauthn", "certificate", NULL };
    const char *const *words = policy_reader_sensitivity_words(r);
    for (size_t i = 0; i < r->policy->sensitivity_count; i++)
        r->policy->proof[i] = PROOF_NONE;
    if (words == NULL || words[0] == NULL || !policy_reader_mapping(r, n, words))
        return;
    for (size_t i = 0; words[i] != NULL; i++) {
        unsigned kind;
        if (yaml_word(yaml_get(n, words[i]), kinds, &kind, r->mistakes))
            (void)proof_from(span_of(kinds[kind]), &r->policy->proof[i]);
    }
}

static void read_share(struct policy_reader *r, const struct yaml_node *n)
{
    struct span text;
    uint64_t percent;
    if (n == NULL || !yaml_text(n, 8, &text, r->mistakes))
        return;
    if (text.bytes < 2 || text.at[text.bytes - 1] != '%' || !span_to_u64(span_slice(text, 0, text.bytes - 1), &percent) || percent < 1 || percent > 100)
        yaml_mistake(r->mistakes, n, "must be a share from 1%% to 100%%");
    else
        r->policy->breaker.share_percent = (unsigned)percent;
}

static void read_breaker(struct policy_reader *r, const struct yaml_node *n)
{
    static const char *const known[] = { "share", "at_least", "within", NULL };
    if (n != NULL && yaml_is_off(n))
        return;
    r->policy->breaker.share_percent = 5;
    r->policy->breaker.at_least = 20;
    r->policy->breaker.within_s = HOUR_S;
    if (!policy_reader_mapping(r, n, known))
        return;
    read_share(r, yaml_get(n, "share"));
    policy_reader_number(r, yaml_get(n, "at_least"), 1, 1000000, &r->policy->breaker.at_least);
    policy_reader_duration(r, yaml_get(n, "within"), 60, 7 * DAY_S, &r->policy->breaker.within_s);
}

static bool is_mail_byte(unsigned char c) { return c > ' ' && c != 0x7F && strchr("()<>[]:;@\\,\"", c) == NULL; }

/* Enough to catch a group name or a typing error; whether it is delivered is not asked. */
static bool is_email(struct span s)
{
    size_t at = span_find(s, '@');
    struct span domain = span_slice(s, at + 1, s.bytes);
    if (at == 0 || at >= s.bytes || at > 64 || span_empty(domain) || domain.at[0] == '.' || span_ends(domain, SPAN_LITERAL(".")))
        return false;
    for (size_t i = 0; i < s.bytes; i++)
        if (i != at && !is_mail_byte((unsigned char)s.at[i]))
            return false;
    return true;
}

static void read_break_glass(struct policy_reader *r, const struct yaml_node *n)
{
    const struct span *texts;
    size_t count;
    if (!policy_reader_texts(r, n, POLICY_MAX_BREAK_GLASS, 254, &texts, &count))
        return;
    struct span *mails = policy_reader_array(r, count, sizeof *mails);
    struct policy_named *names = policy_reader_scratch(r, count, sizeof *names);
    if (mails == NULL || names == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        names[i].at = n->kind == YAML_SCALAR ? n : &n->children[i];
        names[i].id = mails[i] = policy_reader_lower(r, texts[i]);
        if (!span_empty(mails[i]) && !is_email(mails[i]))
            yaml_mistake(r->mistakes, names[i].at, "\"%.*s\" is not an e-mail address", SPAN_ARGS(mails[i]));
    }
    policy_reader_unique(r, names, count, "break_glass");
    r->policy->break_glass = mails;
    r->policy->break_glass_count = count;
}

static void read_approvers(struct policy_reader *r, const struct yaml_node *n)
{
    const struct span *texts;
    size_t count;
    if (!policy_reader_texts(r, n, POLICY_MAX_GROUPS, 254, &texts, &count))
        return;
    struct span *who = policy_reader_array(r, count, sizeof *who);
    struct policy_named *names = policy_reader_scratch(r, count, sizeof *names);
    if (who == NULL || names == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        bool is_mail = span_find(texts[i], '@') < texts[i].bytes;
        names[i].at = n->kind == YAML_SCALAR ? n : &n->children[i];
        names[i].id = who[i] = is_mail ? policy_reader_lower(r, texts[i]) : texts[i];
        if (is_mail && !is_email(who[i]))
            yaml_mistake(r->mistakes, names[i].at, "\"%.*s\" is not an e-mail address", SPAN_ARGS(who[i]));
        if (span_equal_text(who[i], "everyone"))
            yaml_mistake(r->mistakes, names[i].at, "everyone cannot approve: then nobody has to be asked; name e-mail addresses or a group");
    }
    policy_reader_unique(r, names, count, "approver");
    r->policy->exemptions.approvers = who;
    r->policy->exemptions.approver_count = count;
}

/* None is without an end: an exemption that is forgotten is a hole that nobody decided on. */
static void read_exemptions(struct policy_reader *r, const struct yaml_node *n)
{
    static const char *const known[] = { "approvers", "length", "longest", NULL };
    r->policy->exemptions.length_s = 90 * DAY_S;
    r->policy->exemptions.longest_s = 365 * DAY_S;
    if (n == NULL || !policy_reader_mapping(r, n, known))
        return;
    read_approvers(r, yaml_get(n, "approvers"));
    policy_reader_duration(r, yaml_get(n, "longest"), HOUR_S, 366 * DAY_S, &r->policy->exemptions.longest_s);
    if (r->policy->exemptions.length_s > r->policy->exemptions.longest_s)
        r->policy->exemptions.length_s = r->policy->exemptions.longest_s;
    policy_reader_duration(r, yaml_get(n, "length"), HOUR_S, r->policy->exemptions.longest_s, &r->policy->exemptions.length_s);
}

static void read_actions(struct policy_reader *r, const struct yaml_node *n)
{
    static const struct span login[] = { { "login", 5 } };
    r->policy->actions = login;
    r->policy->action_count = 1;
    if (n != NULL && n->kind == YAML_SEQUENCE && n->count == 0)
        yaml_mistake(r->mistakes, n, "needs at least one action");
    policy_reader_texts(r, n, POLICY_MAX_ACTIONS, POLICY_ID_BYTES, &r->policy->actions, &r->policy->action_count);
}

static void read_help(struct policy_reader *r, const struct yaml_node *n)
{
    static const char *const known[] = { "team", "contact", "hours", NULL };
    if (!policy_reader_mapping(r, n, known))
        return;
    policy_reader_text(r, yaml_get(n, "team"), POLICY_TITLE_BYTES, &r->policy->help.team);
    policy_reader_text(r, yaml_get(n, "contact"), POLICY_TITLE_BYTES, &r->policy->help.contact);
    policy_reader_text(r, yaml_get(n, "hours"), POLICY_TITLE_BYTES, &r->policy->help.hours);
}

static void read_words(struct policy_reader *r, const struct yaml_node *root)
{
    static const char *const verdicts[] = { "worst", "latest", "best", NULL };
    static const char *const managers[] = { "console", "files", NULL };
    unsigned verdict = PERSON_WORST, manager = 0;
    yaml_word(yaml_get(root, "person_verdict"), verdicts, &verdict, r->mistakes);
    yaml_word(yaml_get(root, "policy_managed_by"), managers, &manager, r->mistakes);
    r->policy->person_verdict = (enum person_verdict)verdict;
    r->policy->managed_by_files = manager == 1;
}

static void read_halt(struct policy_reader *r, const struct yaml_node *n)
{
    static const char *const known[] = { "blocks", "disputes", "within", NULL };
    if (n != NULL && yaml_is_off(n))
        return;
    r->policy->rings.halt.blocks = 10;
    r->policy->rings.halt.disputes = 5;
    r->policy->rings.halt.within_s = DAY_S;
    if (!policy_reader_mapping(r, n, known))
        return;
    policy_reader_number(r, yaml_get(n, "blocks"), 1, 1000000, &r->policy->rings.halt.blocks);
    policy_reader_number(r, yaml_get(n, "disputes"), 1, 1000000, &r->policy->rings.halt.disputes);
    policy_reader_duration(r, yaml_get(n, "within"), 60, 30 * DAY_S, &r->policy->rings.halt.within_s);
}

static void read_rings(struct policy_reader *r, const struct yaml_node *n)
{
    static const char *const known[] = { "percent", "groups", "halt", NULL };
    r->policy->rings.percent = 100;
    if (!policy_reader_mapping(r, n, known)) {
        read_halt(r, NULL);
        return;
    }
    const struct yaml_node *groups = yaml_get(n, "groups");
    policy_reader_texts(r, groups, POLICY_MAX_GROUPS, POLICY_TITLE_BYTES, &r->policy->rings.groups, &r->policy->rings.group_count);
    if (r->policy->rings.group_count > 0)
        r->policy->rings.percent = 0; /* the groups alone, unless a share is named too */
    policy_reader_number(r, yaml_get(n, "percent"), 0, 100, &r->policy->rings.percent);
    read_halt(r, yaml_get(n, "halt"));
}

void policy_rules_read(struct policy_reader *r, const struct yaml_node *root)
{
    read_visible_after(r, yaml_get(root, "visible_after"));
    read_grace(r, yaml_get(root, "grace"));
    read_nudges(r, yaml_get(root, "nudges"));
    read_outage(r, yaml_get(root, "outage"));
    read_incident(r, yaml_get(root, "incident"));
    read_unidentified(r, yaml_get(root, "unidentified_device"));
    read_proof(r, yaml_get(root, "proof"));
    read_breaker(r, yaml_get(root, "breaker"));
    read_rings(r, yaml_get(root, "rings"));
    read_words(r, root);
    read_break_glass(r, yaml_get(root, "break_glass"));
    read_exemptions(r, yaml_get(root, "exemptions"));
    read_actions(r, yaml_get(root, "actions"));
    read_help(r, yaml_get(root, "help"));
    policy_mdm_read(r, yaml_get(root, "mdm"));
    warn_no_channel(r, root);
}
