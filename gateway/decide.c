#include "gateway/decide.h"

#include "gateway/feed.h"
#include "gateway/http/problem.h"
#include "gateway/pages/link.h"
#include "posture/base/secret.h"

enum { PERSON_DEVICES = 64, HOLDER_BYTES = 64 };

bool decide_ready(const struct http_request *r, struct http_response *res)
{
    struct err err;
    if (directory_counts(r->node->directory).complete)
        return true;
    (void)err_set(&err, ERR_UNAVAILABLE, "this node is still loading what it must know to answer");
    problem_answer(r, res, PROBLEM_JSON, &err);
    return false;
}

/* ---- while the directory loads ---- */

static enum err_code not_yet(struct err *err) { return err_set(err, ERR_UNAVAILABLE, "this node is still loading what it must know to answer"); }

/* By a claim: only what is claimed is found, so not being found says nothing. */
static enum err_code fetch_claimed(const struct http_request *r, enum record_kind kind, struct span claim, struct span value, struct err *err)
{
    CLEANUP(buf_done) struct buf holder;
    buf_init(&holder, HOLDER_BYTES);
    enum err_code code = r->store->ops->holder(r->store, claim, value, &holder, err);
    if (code == ERR_NOT_FOUND)
        return not_yet(err);
    return code == OK ? feed_fetch(r->node->feed, r->store, kind, buf_span(&holder), err) : code;
}

static struct span lower_case(struct arena *arena, struct span text)
{
    struct span copy = arena_copy(arena, text);
    for (size_t i = 0; i < copy.bytes; i++)
        if (copy.at[i] >= 'A' && copy.at[i] <= 'Z')
            ((char *)(uintptr_t)copy.at)[i] += 'a' - 'A';
    return copy;
}

static enum err_code fetch_person(const struct http_request *r, struct span name, struct err *err)
{
    if (span_empty(name))
        return OK;
    return secret_is_id(name, 'p') ? feed_fetch(r->node->feed, r->store, RECORD_PERSON, name, err)
                                   : fetch_claimed(r, RECORD_PERSON, SPAN_LITERAL("email"), lower_case(r->arena, name), err);
}

static enum err_code fetch_device(const struct http_request *r, const struct question *q, struct err *err)
{
    struct span normal;
    if (span_equal_text(q->device_kind, "id"))
        return feed_fetch(r->node->feed, r->store, RECORD_DEVICE, q->device, err);
    if (!identifier_normalize(q->device_kind, q->device, r->arena, &normal))
        return OK; /* identifies nothing, loaded or not */
    return fetch_claimed(r, RECORD_DEVICE, q->device_kind, normal, err);
}

static struct span owner_of(const struct http_request *r, const struct question *q)
{
    directory_enter(r->node->directory);
    const struct device *d = decide_device(r->node, r->arena, q->device_kind, q->device);
    struct span owner = d != NULL ? arena_copy(r->arena, d->owner) : SPAN_NONE;
    directory_leave(r->node->directory);
    return owner;
}

enum err_code decide_fetch(const struct http_request *r, const struct question *q, struct err *err)
{
    if (!decide_is_loading(r))
        return OK;
    if (r->store == NULL || q->door_device != DEVICE_NAMED || directory_control(r->node->directory)->policy == NULL)
        return not_yet(err);
    enum err_code code = fetch_device(r, q, err);
    return code != OK ? code : fetch_person(r, q->device_subject ? owner_of(r, q) : q->person, err);
}

const struct device *decide_device(const struct node *node, struct arena *arena, struct span kind, struct span value)
{
    struct span normal;
    if (span_equal_text(kind, "id")) {
        const struct device *d = directory_device(node->directory, value);
        return d != NULL && !d->removed ? d : NULL; /* a tombstone is kept under its id */
    }
    return identifier_normalize(kind, value, arena, &normal) ? directory_device_by(node->directory, kind, normal) : NULL;
}

static const struct app *find_app(const struct policy *policy, const struct question *q)
{
    if (policy == NULL)
        return NULL;
    return q->app_by_kind ? policy_app_by(policy, q->app_kind, q->app) : policy_app(policy, q->app);
}

static void fill_input(const struct http_request *r, const struct question *q, const struct device **devices, struct decision_input *in)
{
    const struct directory *d = r->node->directory;
    const struct person *person = span_empty(q->person) ? NULL : directory_person_by(d, q->person);
    const struct device *device = q->door_device == DEVICE_NAMED ? decide_device(r->node, r->arena, q->device_kind, q->device) : NULL;
    if (q->device_subject && device != NULL && !span_empty(device->owner))
        person = directory_person(d, device->owner);
    *in = (struct decision_input){ 0 };
    directory_decision_input(d, person, r->now_s, devices, q->door_device == DEVICE_NOT_ASKED ? PERSON_DEVICES : 0, in); /* a named device stands for itself */
    in->person = person;
    in->person_asked = q->person;
    in->person_claimed = q->person_claimed;
    in->device = device;
    in->door = q->door_device == DEVICE_NAMED && device == NULL ? DEVICE_UNPROVED : q->door_device;
    in->proof = q->proof;
    in->device_subject = q->device_subject;
    in->app = find_app(in->policy, q);
    in->app_asked = q->app;
    in->action = q->action;
}

static struct span blocked_page(const struct http_request *r, const struct decision_input *in, const struct answer *a)
{
    struct buf url;
    struct err err;
    buf_init(&url, LINK_URL_BYTES);
    struct blocked_link link = {
        .decision = a->id,
        .person = in->person != NULL ? in->person->id : SPAN_NONE,
        .person_asked = in->person != NULL ? SPAN_NONE : in->person_asked,
        .device = a->decision.device != NULL ? a->decision.device->id : SPAN_NONE,
        .app = in->app != NULL ? in->app->id : SPAN_NONE,
        .policy = a->policy_version,
        .at_s = r->now_s,
        .expires_s = r->now_s + LINK_BLOCKED_LIFETIME_S,
        .outcome = a->decision.outcome,
        .door = in->door,
        .proof = in->proof,
    };
    struct span page = SPAN_NONE;
    if (link_blocked(r->node, &link, &url, &err) == OK && !url.failed)
        page = arena_copy(r->arena, buf_span(&url));
    buf_done(&url);
    return page;
}

/* A warned or refused person will fix something soon: their device is asked often for a while. */
static void expect_a_fix(const struct http_request *r, const struct device *device)
{
    enum { ACCELERATE_S = 600 };
    struct device_live *live = device != NULL ? directory_live(r->node->directory, device->id) : NULL;
    if (live != NULL)
        live->accelerate_until_s = r->now_s + ACCELERATE_S;
}

static void count(const struct decision_ring *ring, struct counters *shared, const struct decision *d)
{
    static const enum counter by_outcome[] = { COUNT_DECISION_ALLOW, COUNT_DECISION_WARN, COUNT_DECISION_DENY };
    if (ring != NULL)
        counter_own(decision_ring_counters(ring), by_outcome[d->outcome]);
    else
        counter_add(shared, by_outcome[d->outcome], 1);
    if (d->stale)
        counter_add(shared, COUNT_DECISION_STALE, 1);
}

/* The partition whose log this decision is (or would be) in: the person's, else the device's, else the first. */
static unsigned home_partition(const struct node *node, struct decision_ring *ring, const struct decision_input *in, const struct answer *a)
{
    if (in->person != NULL)
        return decision_ring_partition(ring, node->decisions, RECORD_PERSON, in->person->id);
    return a->decision.device != NULL ? decision_ring_partition(ring, node->decisions, RECORD_DEVICE, a->decision.device->id) : 0;
}

void decide(const struct http_request *r, const struct question *q, struct decision_ring *ring, decision_step_fn *step, void *context, struct answer *out)
{
    const struct device *devices[PERSON_DEVICES];
    struct decision_input in;
    uint8_t random[DECISION_RANDOM_BYTES];
    char id[29];
    *out = (struct answer){ 0 };
    fill_input(r, q, devices, &in);
    decision_make(&in, r->arena, step, context, &out->decision);
    decision_ring_random(ring, random);
    unsigned partition = home_partition(r->node, ring, &in, out);
    decision_new_id(r->now_ms, partition, random, id);
    out->id = arena_copy_text(r->arena, id);
    out->policy_version = in.policy != NULL ? span_of(in.policy->version) : SPAN_NONE;
    if (out->decision.outcome != OUTCOME_ALLOW || out->decision.standing_count > 0)
        out->page = blocked_page(r, &in, out); /* an allow with something to fix has a page too: without a channel it is how people are told */
    if (q->silent)
        return;
    if (out->decision.outcome != OUTCOME_ALLOW)
        expect_a_fix(r, out->decision.device);
    count(ring, r->node->counters, &out->decision);
    if (ring != NULL)
        (void)decision_ring_put(ring, &in, &out->decision, &(struct decision_stamp){ out->id, q->door, span_of(r->id), r->now_ms, partition });
}

/* Reasons are objects keyed by language tag (docs/api.md). */
static void write_reason(struct to_json *w, const char *key, struct span text)
{
    if (span_empty(text))
        return;
    to_json_key(w, key);
    to_json_object(w);
    to_json_member_text(w, "en", text);
    to_json_end(w);
}

static void write_failing(const struct standing *s, struct to_json *w)
{
    to_json_object(w);
    to_json_member_text(w, "id", s->check->id);
    to_json_members(w, s->check->title_json);
    to_json_member_time_if(w, "since", s->result->first_failed_s);
    if (!s->waiting_for_notice) /* until somebody was told, the date is only what it would be if they were told now */
        to_json_member_time_if(w, "deadline", s->close_s);
    if (s->ladder != NULL && s->rung >= 0)
        to_json_member_text(w, "rung", s->ladder->rungs[s->rung].id);
    to_json_end(w);
}

static void write_all_failing(const struct decision *d, struct to_json *w)
{
    if (d->standing_count == 0) {
        to_json_member_raw(w, "failing", SPAN_LITERAL("[]"));
        return;
    }
    to_json_key(w, "failing");
    to_json_array(w);
    for (size_t i = 0; i < d->standing_count; i++)
        write_failing(&d->standings[i], w);
    to_json_end(w);
}

/* The app's own deadline, once it is sure: the check that closes it has been told of. */
static int64_t sure_deadline(const struct decision *d)
{
    for (size_t i = 0; i < d->standing_count; i++)
        if (d->standings[i].close_s == d->deadline_s && !d->standings[i].waiting_for_notice)
            return d->deadline_s;
    return 0;
}

/* What every answer has, at its front and at its end. */
enum { ALWAYS_BYTES = 256 /* keys, words, a time */ };

static void write_front(const struct answer *a, struct to_json *w)
{
    char *at = to_json_run(w, ALWAYS_BYTES + a->id.bytes);
    if (at == NULL)
        return;
    at = w->first ? at : to_json_run_literal(at, ",");
    at = to_json_run_span(to_json_run_literal(at, "\"decision_id\":\""), a->id);
    at = to_json_run_span(to_json_run_literal(at, "\",\"outcome\":\""), span_of(outcome_name(a->decision.outcome)));
    at = to_json_run_span(to_json_run_literal(at, "\",\"rule\":\""), span_of(rule_name(a->decision.rule)));
    to_json_ran(w, to_json_run_literal(at, "\""));
}

static void write_end(const struct answer *a, struct to_json *w)
{
    char *at = to_json_run(w, ALWAYS_BYTES + a->policy_version.bytes);
    if (at == NULL)
        return;
    if (a->decision.valid_until_s != 0)
        at = to_json_run_time(w, to_json_run_literal(at, ",\"valid_until\":"), a->decision.valid_until_s);
    at = a->decision.stale ? to_json_run_literal(at, ",\"stale\":true") : to_json_run_literal(at, ",\"stale\":false");
    if (!span_empty(a->policy_version))
        at = to_json_run_literal(to_json_run_span(to_json_run_literal(at, ",\"policy_version\":\""), a->policy_version), "\"");
    to_json_ran(w, at);
}

void decide_write_context(const struct answer *a, struct to_json *w)
{
    const struct decision *d = &a->decision;
    write_front(a, w);
    write_reason(w, "reason_user", d->reason_user);
    write_reason(w, "reason_admin", d->reason_admin);
    to_json_member_text_if(w, "rung", d->rung);
    if (d->would.by != NULL) /* ladders in stage nudge or report: for those who compare before they enforce */
        to_json_member_text(w, "would", span_of(outcome_name(d->would.outcome)));
    write_all_failing(d, w);
    if (d->device != NULL)
        to_json_member_plain(w, "device", d->device->id);
    if (d->proof != PROOF_NOT_ASKED)
        to_json_member_text(w, "proof", span_of(proof_name(d->proof)));
    to_json_member_time_if(w, "deadline", sure_deadline(d));
    to_json_member_text_if(w, "remediation_url", a->page);
    write_end(a, w);
}
