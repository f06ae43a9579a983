#include "posture/strictness.h"

#include "posture/record_body.h"

#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

enum { ID_BYTES = 256, RUNGS_MOST = POLICY_MAX_LADDERS * POLICY_MAX_RUNGS };

const struct strict_rung *strictness_rung(const struct strictness *s, struct span ladder, struct span rung)
{
    for (size_t i = 0; s != NULL && i < s->rung_count; i++)
        if (span_equal(s->rungs[i].rung, rung) && span_equal(s->rungs[i].ladder, ladder))
            return &s->rungs[i];
    return NULL;
}

int64_t strictness_check(const struct strictness *s, struct span check)
{
    for (size_t i = 0; s != NULL && i < s->check_count; i++)
        if (span_equal(s->checks[i].check, check))
            return s->checks[i].since_s;
    return 0;
}

/* ---- from one policy to the next ---- */

struct change { const struct policy *old, *next; const struct strictness *before; int64_t now_s; };

static const struct ladder *ladder_of(const struct policy *p, struct span id)
{
    for (size_t i = 0; i < p->ladder_count; i++)
        if (span_equal(p->ladders[i].id, id))
            return &p->ladders[i];
    return NULL;
}

static bool has_group(const struct ladder *l, struct span group)
{
    for (size_t i = 0; i < l->group_count; i++)
        if (span_equal_text(l->groups[i], "everyone") || span_equal(l->groups[i], group))
            return true;
    return false;
}

/* Every check and person that `l` could concern, `old` concerned too. */
static bool concerned_all(const struct ladder *old, const struct ladder *l)
{
    bool all = (l->severities & ~old->severities) == 0;
    for (size_t i = 0; i < l->group_count; i++)
        all = all && has_group(old, l->groups[i]);
    return all;
}

/* A ladder that stood before the old one and took some of what the new one gets now. */
static bool lost_one_before(const struct change *c, const struct ladder *old, const struct ladder *l)
{
    for (const struct ladder *x = c->old->ladders; x < old; x++) {
        const struct ladder *now = ladder_of(c->next, x->id);
        if ((x->severities & l->severities) != 0 && (now == NULL || now > l || !concerned_all(now, x)))
            return true;
    }
    return false;
}

static bool took_more_care(const struct change *c, const struct ladder *old, const struct ladder *l)
{
    const struct policy *before = c->old, *next = c->next;
    bool rise = old->rise.notice_before_s > l->rise.notice_before_s || (old->rise.working_hours && !l->rise.working_hours) ||
                (old->rise.per_day != 0 && (l->rise.per_day == 0 || l->rise.per_day > old->rise.per_day));
    bool grace = before->grace.new_device_s > next->grace.new_device_s || before->grace.after_absence_s > next->grace.after_absence_s;
    return rise || grace || old->notices_before_close > l->notices_before_close || (old->pauses & ~l->pauses) != 0 || old->stage > l->stage;
}

/* Does the old rung close all that the new one closes? Sensitivities by name: their order may have changed. */
static bool closes_all(const struct change *c, const struct rung *old, const struct rung *rung)
{
    for (unsigned i = 0; i < c->next->sensitivity_count; i++) {
        unsigned then;
        if ((rung->close >> i & 1) != 0 && (!policy_sensitivity(c->old, c->next->sensitivities[i], &then) || (old->close >> then & 1) == 0))
            return false;
    }
    return true;
}

static const struct rung *first_closing(const struct change *c, const struct ladder *old, const struct rung *rung)
{
    for (size_t i = 0; i < old->rung_count; i++)
        if (closes_all(c, &old->rungs[i], rung))
            return &old->rungs[i];
    return NULL;
}

/* Of more steps than are kept the second goes: without it a rung can only come later. */
static void add_step(struct strict_rung *r, struct strict_step step)
{
    if (r->count == STRICTNESS_STEPS)
        memmove(&r->steps[1], &r->steps[2], (--r->count - 1) * sizeof r->steps[0]);
    r->steps[r->count++] = step;
}

static struct strict_rung next_rung(const struct change *c, const struct ladder *l, const struct rung *rung)
{
    struct strict_rung out = { .ladder = l->id, .rung = rung->id };
    const struct ladder *old = ladder_of(c->old, l->id);
    bool known = old != NULL && concerned_all(old, l) && !lost_one_before(c, old, l) && !took_more_care(c, old, l);
    const struct rung *was = known ? first_closing(c, old, rung) : NULL;
    if (was != NULL) {
        const struct strict_rung *before = strictness_rung(c->before, old->id, was->id);
        if (before != NULL)
            out = (struct strict_rung){ l->id, rung->id, { { 0 } }, before->count }, memcpy(out.steps, before->steps, sizeof out.steps);
        else
            add_step(&out, (struct strict_step){ 0, was->after_s });
    }
    if (was == NULL || was->after_s > rung->after_s)
        add_step(&out, (struct strict_step){ c->now_s, rung->after_s });
    return out;
}

static bool says_something(const struct strict_rung *r) { return r->count > 1 || r->steps[0].since_s != 0; }

static int64_t next_check(const struct change *c, const struct check *check)
{
    const struct check *old = policy_check(c->old, check->id);
    if (old == NULL)
        return 0; /* nobody was told of it yet, so there is time anyway */
    /* With a longer fresh_for the clock ran on where it stood still, as nobody knew. Snoozes that were granted are kept, so fewer of them are no change. */
    bool stricter = old->severity != check->severity || old->stage > check->stage || (!old->hard && check->hard) || old->fresh_for_s < check->fresh_for_s;
    return stricter ? c->now_s : strictness_check(c->before, check->id);
}

bool strictness_next(const struct policy *old, const struct strictness *before, const struct policy *next, int64_t now_s, struct arena *arena, struct strictness *out)
{
    struct change c = { old, next, before, now_s };
    struct strict_rung *rungs = arena_array(arena, RUNGS_MOST, sizeof *rungs);
    struct strict_check *checks = arena_array(arena, next->check_count + 1, sizeof *checks);
    *out = (struct strictness){ .applied_s = now_s };
    if (rungs == NULL || checks == NULL)
        return false;
    for (size_t i = 0; i < next->ladder_count; i++)
        for (size_t k = 0; k < next->ladders[i].rung_count; k++) {
            rungs[out->rung_count] = next_rung(&c, &next->ladders[i], &next->ladders[i].rungs[k]);
            out->rung_count += next->ladders[i].rungs[k].close != 0 && says_something(&rungs[out->rung_count]);
        }
    for (size_t i = 0; i < next->check_count; i++) {
        checks[out->check_count] = (struct strict_check){ next->checks[i].id, next_check(&c, &next->checks[i]) };
        out->check_count += checks[out->check_count].since_s != 0;
    }
    out->rungs = rungs;
    out->checks = checks;
    return true;
}

/* ---- as the store keeps it ---- */

static const struct record_body_field rung_fields[] = {
    { "ladder", RECORD_TEXT, offsetof(struct strict_rung, ladder), ID_BYTES },
    { "rung", RECORD_TEXT, offsetof(struct strict_rung, rung), ID_BYTES },
};
static const struct record_body_field step_fields[] = {
    { "since", RECORD_TIME, offsetof(struct strict_step, since_s), 0 },
    { "after", RECORD_TIME, offsetof(struct strict_step, after_s), 0 },
};
static const struct record_body_field check_fields[] = {
    { "check", RECORD_TEXT, offsetof(struct strict_check, check), ID_BYTES },
    { "since", RECORD_TIME, offsetof(struct strict_check, since_s), 0 },
};

static void write_items(struct to_json *w, const char *key, const void *all, size_t count, size_t each_bytes, const struct record_body_field *fields, size_t field_count)
{
    to_json_key(w, key);
    to_json_array(w);
    for (size_t i = 0; i < count; i++) {
        to_json_object(w);
        record_body_write(w, fields, field_count, (const char *)all + i * each_bytes);
        to_json_end(w);
    }
    to_json_end(w);
}

void strictness_to_json(const struct strictness *s, struct to_json *w)
{
    to_json_object(w);
    to_json_member_int(w, "applied", s->applied_s);
    to_json_key(w, "rungs");
    to_json_array(w);
    for (size_t i = 0; i < s->rung_count; i++) {
        to_json_object(w);
        record_body_write(w, rung_fields, COUNT(rung_fields), &s->rungs[i]);
        write_items(w, "steps", s->rungs[i].steps, s->rungs[i].count, sizeof s->rungs[i].steps[0], step_fields, COUNT(step_fields));
        to_json_end(w);
    }
    to_json_end(w);
    write_items(w, "checks", s->checks, s->check_count, sizeof *s->checks, check_fields, COUNT(check_fields));
    to_json_end(w);
}

static void read_rung(struct record_body *b, const struct from_json_value *item, struct strict_rung *r)
{
    struct from_json_value steps = from_json_member(item, "steps");
    record_body_read(b, item, rung_fields, COUNT(rung_fields), r);
    if (b->code == OK)
        b->code = from_json_array(&steps, STRICTNESS_STEPS, b->err);
    r->count = b->code == OK ? from_json_count(&steps) : 0;
    for (size_t i = 0; i < r->count; i++) {
        struct from_json_value step = from_json_item(&steps, i);
        record_body_read(b, &step, step_fields, COUNT(step_fields), &r->steps[i]);
    }
}

enum err_code strictness_from_json(const struct from_json_value *v, struct arena *arena, struct strictness *out, struct err *err)
{
    struct record_body b = { .arena = arena, .err = err };
    struct from_json_value list;
    void *room;
    *out = (struct strictness){ 0 };
    if (!from_json_present(v))
        return OK;
    static const struct record_body_field own_fields[] = { { "applied", RECORD_TIME, offsetof(struct strictness, applied_s), 0 } };
    record_body_read(&b, v, own_fields, COUNT(own_fields), out);
    size_t count = record_body_list(&b, v, "rungs", RUNGS_MOST, sizeof(struct strict_rung), &list, &room);
    struct strict_rung *rungs = room;
    for (size_t i = 0; i < count; i++) {
        struct from_json_value item = from_json_item(&list, i);
        read_rung(&b, &item, &rungs[i]);
    }
    out->rungs = rungs;
    out->rung_count = count;
    count = record_body_list(&b, v, "checks", POLICY_MAX_CHECKS, sizeof(struct strict_check), &list, &room);
    struct strict_check *checks = room;
    for (size_t i = 0; i < count; i++) {
        struct from_json_value item = from_json_item(&list, i);
        record_body_read(&b, &item, check_fields, COUNT(check_fields), &checks[i]);
    }
    out->checks = checks;
    out->check_count = count;
    return b.code;
}
