/* Enrolment: many claims to be a machine, settled on one record, whatever node hears them and whenever it dies.
 * An identifier is claimed for an id before the record is made; a claim whose record is missing was left by a crash and is adopted.
 * Real hardware is known by serial, else by UUID, else by instance. Hypervisors make serials and UUIDs up, so virtual hardware is known by
 * instance and UUID together ("machine"), or by an instance whose UUID changed while nobody else spoke for it. */
#include "gateway/agents.h"
#include "gateway/allowance.h"
#include "gateway/onboarding/onboard.h"

#include <stdio.h>

enum { KINDS_MOST = 4, ID_ROOM = 64 };

static const struct allowance_limit per_peer = { 1200, 60 }, per_machine = { 12, 600 }, resets = { 2, 7 * 86400 };

struct claim { const char *kind; struct span value; bool settles /* says which record it is */, held; };
struct enrolling {
    const struct node *node;
    struct store *store;
    const struct osquery_enrolment *said;
    struct arena *arena;
    int64_t now_s;
    struct span secret, group, person; /* of the enrol secret: its id, what it gives */
    bool virtual_hardware;
    struct span serial, uuid, instance; /* normalised, empty when they identify nothing */
    struct claim claims[KINDS_MOST]; size_t claim_count;
    struct span id, duplicate_of;
    /* from the edit that was committed */
    unsigned generation;
    bool saw_none, collided, replaced, again, reset, reset_decided, memory_short; /* again: the same agent asked anew, as after an answer that was lost */
    struct span owner, old_instance;
};

/* ---- who may ---- */

static const struct enroll_secret *find_secret(const struct control *control, struct span secret, int64_t now_s)
{
    char hex[SECRET_HEX_BYTES + 1];
    const struct enroll_secret *found = NULL;
    secret_sha256_hex(secret, hex);
    for (size_t i = 0; i < control->enroll_secret_count; i++) { /* all of them: time tells nothing about which */
        const struct enroll_secret *each = &control->enroll_secrets[i];
        bool same = span_equal_ct(each->secret_sha256, span_make(hex, SECRET_HEX_BYTES));
        if (same && !each->revoked && (each->expires_s == 0 || each->expires_s > now_s))
            found = each;
    }
    return found;
}

/* A secret of one person, which nothing stores. */
static enum err_code check_own_secret(struct enrolling *e, struct err *err)
{
    enum err_code code = onboard_secret_read(e->node, e->said->secret, e->now_s, e->arena, &e->person, err);
    if (code != OK)
        return code == ERR_MEMORY ? code : err_set(err, ERR_DENIED, "%s", code == ERR_EXPIRED ? "the enrol secret has expired" : "the enrol secret is not known");
    directory_enter(e->node->directory);
    const struct person *p = directory_person(e->node->directory, e->person);
    bool gone = p == NULL || p->removed;
    directory_leave(e->node->directory);
    e->secret = SPAN_LITERAL("onboarding");
    return gone ? err_set(err, ERR_DENIED, "the enrol secret is of somebody who is not here any more") : OK;
}

static enum err_code check_secret(struct enrolling *e, struct err *err)
{
    if (onboard_secret_is(e->said->secret))
        return check_own_secret(e, err);
    directory_enter(e->node->directory);
    const struct enroll_secret *found = span_empty(e->said->secret) ? NULL : find_secret(directory_control(e->node->directory), e->said->secret, e->now_s);
    if (found != NULL) {
        e->secret = arena_copy(e->arena, found->id);
        e->group = arena_copy(e->arena, found->group);
        e->person = arena_copy(e->arena, found->person);
    }
    directory_leave(e->node->directory);
    return found != NULL ? OK : err_set(err, ERR_DENIED, "the enrol secret is not known, was revoked or has expired");
}

static struct span normal(struct enrolling *e, const char *kind, struct span raw)
{
    struct span value = SPAN_NONE;
    return identifier_normalize(span_of(kind), raw, e->arena, &value) ? value : SPAN_NONE;
}

static void add_claim(struct enrolling *e, const char *kind, struct span value, bool settles)
{
    if (!span_empty(value))
        e->claims[e->claim_count++] = (struct claim){ kind, value, settles, false };
}

static enum err_code identify(struct enrolling *e, struct err *err)
{
    e->virtual_hardware = osquery_is_virtual(e->said->vendor, e->said->model);
    e->serial = normal(e, "serial", e->said->serial);
    e->uuid = normal(e, "uuid", e->said->uuid);
    e->instance = normal(e, "instance", e->said->instance);
    bool is_bare = span_empty(e->serial) && span_empty(e->uuid);
    if (is_bare && span_empty(e->instance))
        return err_set(err, ERR_INPUT, "host_details: no serial, hardware UUID or instance id that identifies this device");
    if (e->virtual_hardware)
        add_claim(e, "machine", arena_format(e->arena, "%.*s/%.*s", SPAN_ARGS(e->instance), SPAN_ARGS(e->uuid)), true);
    if (e->virtual_hardware)
        add_claim(e, "instance", e->instance, true);
    add_claim(e, "serial", e->serial, !e->virtual_hardware);
    add_claim(e, "uuid", e->uuid, !e->virtual_hardware);
    if (!e->virtual_hardware && is_bare)
        add_claim(e, "instance", e->instance, true);
    return OK;
}

/* An agent that enrols in a loop, or two that keep throwing each other out, are slowed down. */
static enum err_code check_rate(const struct enrolling *e, struct err *err)
{
    struct span machine = arena_format(e->arena, "%.*s/%.*s/%.*s", SPAN_ARGS(e->serial), SPAN_ARGS(e->uuid), SPAN_ARGS(e->virtual_hardware ? e->instance : SPAN_NONE));
    if (!allowance_take(e->node->allowances, 'm', machine, per_machine, e->now_s))
        return err_set(err, ERR_LIMIT, "this device enrols too often, try again later");
    return OK;
}

/* ---- claims ---- */

static enum err_code holder_of(struct enrolling *e, const char *kind, struct span value, struct span *holder, struct err *err)
{
    CLEANUP(buf_done) struct buf text;
    buf_init(&text, ID_ROOM);
    enum err_code code = e->store->ops->holder(e->store, span_of(kind), value, &text, err);
    if (code == OK)
        *holder = arena_copy(e->arena, buf_span(&text));
    return code;
}

static enum err_code claim(struct enrolling *e, const char *kind, struct span value, struct span *holder, struct err *err)
{
    CLEANUP(buf_done) struct buf text;
    buf_init(&text, ID_ROOM);
    enum err_code code = e->store->ops->claim(e->store, span_of(kind), value, e->id, &text, err);
    if (code == ERR_CONFLICT)
        *holder = arena_copy(e->arena, buf_span(&text));
    return code;
}

static bool same_or_absent(struct span ours, const struct identifier *theirs)
{
    return theirs == NULL || span_empty(ours) || span_equal(ours, theirs->value);
}

/* Now includes what other nodes heard of, as far as this one was told. */
static bool spoke_lately(const struct enrolling *e, const struct device *device)
{
    directory_enter(e->node->directory);
    int64_t seen_s = agents_seen_s(e->node, device->id);
    directory_leave(e->node->directory);
    if (device->seen_s > seen_s)
        seen_s = device->seen_s;
    return e->now_s - seen_s <= AGENTS_COLLISION_S;
}

/* Is the record that holds this claim our device? A missing one is: somebody died between claim and record. */
static enum err_code joins(struct enrolling *e, const struct claim *c, struct span holder, bool *yes, struct err *err)
{
    CLEANUP(device_freep) struct device *d = NULL;
    enum err_code code = agents_load(e->node, e->store, holder, &d, err);
    *yes = code == ERR_NOT_FOUND;
    if (code != OK)
        return code == ERR_NOT_FOUND ? OK : code;
    if (d->virtual_hardware != e->virtual_hardware)
        return OK;
    const struct identifier *serial = device_identifier(d, SPAN_LITERAL("serial")), *uuid = device_identifier(d, SPAN_LITERAL("uuid"));
    if (span_equal_text(span_of(c->kind), "uuid"))
        *yes = same_or_absent(e->serial, serial);
    else if (span_equal_text(span_of(c->kind), "instance") && e->virtual_hardware)
        *yes = (uuid != NULL && span_equal(uuid->value, e->uuid)) || !spoke_lately(e, d); /* another UUID: a copied disk, unless the first is silent */
    else
        *yes = true;
    return OK;
}

/* The record that a claim already points to, if it is ours; else a new id. */
static enum err_code find_record(struct enrolling *e, struct err *err)
{
    char id[SECRET_ID_BYTES + 1];
    for (size_t i = 0; i < e->claim_count; i++) {
        bool yes = false;
        struct span holder;
        if (!e->claims[i].settles)
            continue;
        enum err_code code = holder_of(e, e->claims[i].kind, e->claims[i].value, &holder, err);
        if (code == OK)
            code = joins(e, &e->claims[i], holder, &yes, err);
        if (code != OK && code != ERR_NOT_FOUND)
            return code;
        if (yes)
            return e->id = holder, OK;
    }
    secret_new_id('d', id);
    e->id = arena_copy_text(e->arena, id);
    return OK;
}

/* Claims everything for the id; the first claim decides, so when another node was faster its id is taken over. */
static enum err_code claim_all(struct enrolling *e, struct err *err)
{
    bool settled = false;
    for (size_t i = 0; i < e->claim_count; i++) {
        struct claim *c = &e->claims[i];
        struct span holder = SPAN_NONE;
        bool yes = false;
        enum err_code code = claim(e, c->kind, c->value, &holder, err);
        if (code == ERR_CONFLICT && c->settles && !settled)
            code = joins(e, c, holder, &yes, err);
        else if (code == ERR_CONFLICT)
            code = OK;
        else
            c->held = code == OK;
        if (code != OK)
            return code;
        if (yes) {
            e->id = holder;
            c->held = true;
        }
        settled = settled || (c->settles && c->held);
    }
    return OK;
}

/* ---- the record ---- */

static struct span keep(struct enrolling *e, struct device *d, struct span text)
{
    struct span copy = arena_copy(&d->arena, text);
    e->memory_short = e->memory_short || (text.bytes > 0 && copy.at == NULL);
    return copy;
}

static bool is_held(const struct enrolling *e, const char *kind)
{
    for (size_t i = 0; i < e->claim_count; i++)
        if (span_equal_text(span_of(kind), e->claims[i].kind))
            return e->claims[i].held;
    return false;
}

/* Replaces the kind's value; an empty one keeps what was known (firmware that answers now and then). */
static void put_identifier(struct enrolling *e, struct device *d, const char *kind, struct span value, bool listed)
{
    const struct identifier *old = device_identifier(d, span_of(kind));
    if (span_empty(value) || (old != NULL && span_equal(old->value, value)))
        return;
    struct identifier *all = arena_array(&d->arena, d->identifier_count + 1, sizeof *all);
    size_t count = 0;
    e->memory_short = e->memory_short || all == NULL;
    for (size_t i = 0; all != NULL && i < d->identifier_count; i++)
        if (!span_equal_text(d->identifiers[i].kind, kind))
            all[count++] = d->identifiers[i];
    if (all != NULL && listed && count < DEVICE_MAX_IDENTIFIERS)
        all[count++] = (struct identifier){ keep(e, d, span_of(kind)), keep(e, d, value), keep(e, d, SPAN_LITERAL("osquery")), e->now_s };
    d->identifiers = all;
    d->identifier_count = count;
}

static void describe(struct enrolling *e, struct device *d)
{
    const struct osquery_enrolment *said = e->said;
    d->platform = said->platform;
    d->name = keep(e, d, span_empty(said->computer_name) ? said->hostname : said->computer_name);
    d->model = keep(e, d, said->model);
    d->vendor = keep(e, d, said->vendor);
    d->os_name = keep(e, d, said->os_name);
    d->os_version = keep(e, d, said->os_version);
    d->agent_version = keep(e, d, said->agent_version);
    d->virtual_hardware = e->virtual_hardware;
    if (!span_empty(e->serial))
        d->serial = keep(e, d, e->serial);
    put_identifier(e, d, "serial", e->serial, is_held(e, "serial"));
    put_identifier(e, d, "uuid", e->uuid, is_held(e, "uuid"));
    put_identifier(e, d, "instance", e->instance, true); /* claimed or not: it tells a replacement */
}

/* New hardware, or hardware that was deleted here: nothing of before holds. The secret's gifts come only now, never to a device that has an owner. */
static void start_over(struct enrolling *e, struct device *d)
{
    d->removed = false;
    d->duplicate_of = SPAN_NONE;
    d->enrolled_s = d->first_seen_s = e->now_s;
    d->owner = keep(e, d, e->person);
    d->owner_source = span_empty(e->person) ? SPAN_NONE : SPAN_LITERAL("enroll_secret");
    d->owner_since_s = span_empty(e->person) ? 0 : e->now_s;
    d->group = keep(e, d, e->group);
    e->memory_short = !device_drop_credentials(d) || e->memory_short; /* what its browsers showed is over with the life before */
}

static void make_unknown(struct enrolling *e, struct device *d)
{
    struct result *all = arena_array(&d->arena, d->result_count, sizeof *all);
    e->memory_short = e->memory_short || (all == NULL && d->result_count > 0);
    for (size_t i = 0; all != NULL && i < d->result_count; i++) {
        all[i] = d->results[i];
        if (all[i].verdict != VERDICT_UNKNOWN)
            all[i].changed_s = e->now_s;
        all[i].verdict = VERDICT_UNKNOWN;
        all[i].evaluated_s = 0;
        all[i].saw = SPAN_NONE;
        all[i].why = SPAN_LITERAL("the device was set up anew and has not answered yet");
    }
    d->results = all;
}

/* Same hardware, new posture: nothing old may count. The clocks go to zero too, but not for who does this all the time. */
static void reset_posture(struct enrolling *e, struct device *d)
{
    if (!e->reset_decided)
        e->reset = allowance_take(e->node->allowances, 'r', d->id, resets, e->now_s);
    e->reset_decided = true;
    if (e->reset) {
        d->results = NULL;
        d->result_count = 0;
        d->on = NULL;
        d->on_count = 0;
        d->doubts = NULL;
        d->doubt_count = 0;
        d->rung = SPAN_NONE;
        d->rung_s = 0;
        d->would = SPAN_NONE;
        d->would_s = 0;
    } else {
        make_unknown(e, d);
    }
    d->facts = NULL;
    d->fact_count = 0;
    d->recheck_s = 0;
    d->recheck_checks = NULL;
    d->recheck_count = 0;
}

static struct span enrolled_data(struct enrolling *e, const struct device *d)
{
    CLEANUP(buf_done) struct buf out;
    struct to_json w;
    buf_init(&out, 4096);
    to_json_init(&w, &out);
    to_json_object(&w);
    to_json_member_text(&w, "platform", span_of(platform_name(d->platform)));
    to_json_member_text(&w, "source", SPAN_LITERAL("osquery"));
    to_json_member_text_if(&w, "enroll_secret", e->secret);
    to_json_member_bool(&w, "replacement", e->replaced);
    to_json_member_bool(&w, "again", e->again);
    to_json_member_bool(&w, "clock_reset", e->replaced && e->reset);
    to_json_end(&w);
    return arena_copy(e->arena, buf_span(&out));
}

static bool tell(struct enrolling *e, const struct device *d, bool collides, struct change_events *events)
{
    struct span cause = arena_format(e->arena, "enroll_secret:%.*s", SPAN_ARGS(e->secret));
    if (!change_event(events, e->node, "device.enrolled", d->owner, d->id, cause, enrolled_data(e, d)))
        return false;
    if (!collides)
        return true;
    CLEANUP(buf_done) struct buf out;
    struct to_json w;
    buf_init(&out, 1024);
    to_json_init(&w, &out);
    to_json_object(&w);
    to_json_member_text(&w, "duplicate_of", e->duplicate_of);
    to_json_end(&w);
    return change_event(events, e->node, "device.collision", d->owner, d->id, cause, buf_span(&out));
}

static bool is_other_agent(const struct enrolling *e, const struct device *d)
{
    const struct identifier *instance = device_identifier(d, SPAN_LITERAL("instance"));
    return instance != NULL && !span_empty(e->instance) && !span_equal(instance->value, e->instance);
}

static void edit_known(struct enrolling *e, struct device *d, bool is_other)
{
    const struct identifier *instance = device_identifier(d, SPAN_LITERAL("instance"));
    e->replaced = is_other || d->removed;
    e->again = !e->replaced;
    e->old_instance = is_other ? arena_copy(e->arena, instance->value) : SPAN_NONE;
    e->owner = e->replaced ? arena_copy(e->arena, d->owner) : SPAN_NONE;
    if (e->replaced)
        reset_posture(e, d);
    if (d->removed)
        start_over(e, d);
    if (e->replaced)
        d->seen_s = e->now_s;
}

static enum change_say edit(void *context, struct device *d, struct change_events *events, struct err *err)
{
    struct enrolling *e = context;
    bool is_new = d->version == 0, is_second = !span_empty(e->duplicate_of), is_other = !is_new && is_other_agent(e, d);
    e->collided = is_other && !is_second && !d->removed && spoke_lately(e, d);
    if (e->collided)
        return CHANGE_NOTHING;
    e->generation = d->node_key_generation;
    if (!is_new && e->saw_none && !is_other && !d->removed)
        return CHANGE_NOTHING; /* the same enrolment reached two nodes: both give the same key */
    e->saw_none = e->saw_none || is_new;
    e->memory_short = e->replaced = e->again = false;
    agents_freshen(e->node, d);
    if (is_new) {
        start_over(e, d);
        d->seen_s = e->now_s;
    } else {
        edit_known(e, d, is_other);
    }
    describe(e, d);
    (void)device_spoke(d, e->now_s);
    e->generation = ++d->node_key_generation;
    bool collides = is_second && !span_equal(d->duplicate_of, e->duplicate_of);
    if (is_second)
        d->duplicate_of = keep(e, d, e->duplicate_of);
    if (e->memory_short || !tell(e, d, collides, events))
        return (void)err_set(err, ERR_MEMORY, "enrolling device %.*s", SPAN_ARGS(e->id)), CHANGE_REFUSE;
    return CHANGE_COMMIT;
}

/* ---- two agents for one machine ---- */

/* The second one's own record: known by its instance alone, so that enrolling again finds it. */
static enum err_code settle_second(struct enrolling *e, struct err *err)
{
    struct span holder = SPAN_NONE;
    char id[SECRET_ID_BYTES + 1];
    e->duplicate_of = e->id;
    e->claim_count = 0; /* serial and UUID belong to the first */
    e->saw_none = false;
    secret_new_id('d', id);
    e->id = arena_copy_text(e->arena, id);
    enum err_code code = claim(e, "instance", e->instance, &holder, err);
    if (code == ERR_CONFLICT) {
        CLEANUP(device_freep) struct device *d = NULL;
        code = agents_load(e->node, e->store, holder, &d, err);
        if (code == ERR_NOT_FOUND || (code == OK && span_equal(d->duplicate_of, e->duplicate_of)))
            e->id = holder;
        code = code == ERR_NOT_FOUND ? OK : code;
    }
    return code == OK ? change_device(e->node, e->store, e->id, true, edit, e, err) : code;
}

static enum change_say retire(void *context, struct device *d, struct change_events *events, struct err *err)
{
    const struct enrolling *e = context;
    if (d->removed || !span_equal(d->duplicate_of, e->id))
        return CHANGE_NOTHING;
    d->removed = true;
    if (change_event(events, e->node, "device.removed", d->owner, d->id, e->id, SPAN_LITERAL("{\"why\":\"it was a second record of a device whose first has come back\"}")))
        return CHANGE_COMMIT;
    return (void)err_set(err, ERR_MEMORY, "removing device %.*s", SPAN_ARGS(d->id)), CHANGE_REFUSE;
}

/* The instance goes with the record. If our own second record has it, that one has served its time. What fails here is mended by the next enrolment. */
static enum err_code claim_instance(struct enrolling *e, struct err *err)
{
    struct span holder = SPAN_NONE, kind = SPAN_LITERAL("instance");
    if (!span_empty(e->old_instance))
        (void)e->store->ops->release(e->store, kind, e->old_instance, e->id, NULL);
    if (span_empty(e->instance))
        return OK;
    enum err_code code = claim(e, "instance", e->instance, &holder, err);
    if (code != ERR_CONFLICT)
        return code;
    CLEANUP(device_freep) struct device *d = NULL;
    code = agents_load(e->node, e->store, holder, &d, err);
    if (code != OK || !span_equal(d->duplicate_of, e->id))
        return code == ERR_NOT_FOUND ? OK : code;
    code = change_device(e->node, e->store, holder, false, retire, e, err);
    if (code == OK)
        code = e->store->ops->release(e->store, kind, e->instance, holder, err);
    return code == OK ? claim(e, "instance", e->instance, &holder, err) : code;
}

static enum change_say forget_told(void *context, struct person *p, struct change_events *events, struct err *err)
{
    const struct enrolling *e = context;
    size_t before = p->told_count + p->mended_count;
    person_forget_told(p, e->id, SPAN_NONE);
    if (p->told_count + p->mended_count == before)
        return CHANGE_NOTHING;
    if (change_event(events, e->node, "person.told_forgotten", p->id, e->id, e->id, SPAN_LITERAL("{\"why\":\"the device was set up anew\"}")))
        return CHANGE_COMMIT;
    return (void)err_set(err, ERR_MEMORY, "forgetting notices of %.*s", SPAN_ARGS(p->id)), CHANGE_REFUSE;
}

/* The enrolment stands already: what follows is done as far as it goes, and said in the log. */
static void follow_up(struct enrolling *e)
{
    struct err err = { 0 };
    enum err_code code = span_empty(e->duplicate_of) ? claim_instance(e, &err) : OK;
    if (code == OK && e->replaced && e->reset && !span_empty(e->owner))
        code = change_person(e->node, e->store, e->owner, false, forget_told, e, &err);
    if (code != OK && code != ERR_NOT_FOUND && code != ERR_CONFLICT)
        log_event(e->node->log, LOG_WARN, "enroll.unfinished", LOG_SPAN("device", e->id), LOG_ERR(&err));
    log_event(e->node->log, LOG_INFO, span_empty(e->duplicate_of) ? "agent.enrolled" : "agent.collision", LOG_SPAN("device", e->id),
              LOG_SPAN("duplicate_of", e->duplicate_of), LOG_SPAN("secret", e->secret), LOG_INT("replaced", e->replaced));
}

static enum err_code settle(struct enrolling *e, struct err *err)
{
    enum err_code code = find_record(e, err);
    if (code == OK)
        code = claim_all(e, err);
    if (code == OK)
        code = change_device(e->node, e->store, e->id, true, edit, e, err);
    if (code == OK && e->collided)
        code = settle_second(e, err);
    return code;
}

enum err_code agents_enroll(const struct node *node, struct store *store, const struct osquery_enrolment *said, struct span peer, struct arena *arena, struct span *node_key,
                            struct err *err)
{
    struct enrolling e = { .node = node, .store = store, .said = said, .arena = arena, .now_s = clock_wall_s(node->clock) };
    if (!allowance_take(node->allowances, 'p', peer, per_peer, e.now_s))
        return err_set(err, ERR_LIMIT, "too many enrolments from this address, try again later");
    enum err_code code = check_secret(&e, err);
    if (code == OK)
        code = identify(&e, err);
    if (code == OK)
        code = check_rate(&e, err);
    if (code == OK)
        code = settle(&e, err);
    if (code != OK)
        return code;
    follow_up(&e);
    CLEANUP(buf_done) struct buf key;
    buf_init(&key, OSQUERY_KEY_BYTES);
    if (!agents_key_write(node, &(struct agents_key){ e.id, e.generation }, &key))
        return err_set(err, ERR_MEMORY, "node key");
    *node_key = arena_copy(arena, buf_span(&key));
    return OK;
}
