#include "posture/mending.h"

/* ---- what is so now ---- */

bool mending_passes(const struct result *r) { return r->verdict == VERDICT_PASS || r->verdict == VERDICT_NOT_APPLICABLE; }

static bool of_passing(const struct told *t, const struct result *r, int64_t now_s, struct mending *out, int64_t *look_s)
{
    out->at_s = t->passed_s != 0 ? t->passed_s : r->changed_s;
    out->kind = MENDING_FORGOTTEN;
    if (now_s - out->at_s >= PASS_HELD_S)
        return true;
    if (*look_s == 0 || out->at_s + PASS_HELD_S < *look_s)
        *look_s = out->at_s + PASS_HELD_S;
    out->kind = MENDING_PASSES;
    return t->passed_s == 0;
}

/* It was told before this failure began, and nobody saw the pass between. */
static bool is_of_before(const struct told *t, int64_t failed_s) { return t->passed_s == 0 && t->count > 0 && t->at_s[0] < failed_s && t->resumed_s != failed_s; }

bool mending_of_told(const struct told *t, const struct result *r, int64_t now_s, struct mending *out, int64_t *look_s)
{
    int64_t failed_s = r->first_failed_s;
    if (mending_passes(r))
        return of_passing(t, r, now_s, out, look_s);
    out->at_s = failed_s;
    out->kind = t->passed_s != 0 && failed_s - t->passed_s < PASS_HELD_S ? MENDING_RESUMED : MENDING_RENEWED;
    return is_of_before(t, failed_s) || (t->passed_s != 0 && failed_s > t->passed_s);
}

bool mending_of_mended(const struct mended *m, const struct told *t, const struct result *r, struct mending *out)
{
    bool speaks = t != NULL && (t->passed_s != 0 || mending_passes(r) || t->resumed_s == r->first_failed_s); /* then what was told says it all */
    if (speaks)
        return false;
    out->kind = MENDING_UNTOLD;
    if (m->failed_s != 0)
        return mending_passes(r) || (r->first_failed_s != 0 && r->first_failed_s != m->failed_s);
    *out = (struct mending){ .device = out->device, .check = out->check, .kind = MENDING_RECURRED, .at_s = r->first_failed_s, .used_s = m->used_s };
    return r->visible_s != 0 && r->visible_s >= m->passed_s && r->visible_s - m->passed_s < RELAPSE_S;
}

/* ---- the record ---- */

static bool is_of_mended(const struct mending *m) { return m->kind == MENDING_RECURRED || m->kind == MENDING_UNTOLD; }

/* The stored record may have moved on: what it says of passing is what counts. */
static bool is_old(const struct told *t, const struct mended *mended, const struct mending *m)
{
    if (is_of_mended(m))
        return mended == NULL || (m->kind == MENDING_RECURRED && mended->failed_s != 0);
    if (t == NULL || (m->kind == MENDING_PASSES && t->passed_s != 0) || (m->kind == MENDING_RESUMED && t->passed_s == 0))
        return true;
    return m->kind == MENDING_RENEWED && t->passed_s == 0 && !is_of_before(t, m->at_s);
}

static void resume(struct told *t, struct mended *mended, int64_t failed_s)
{
    t->flapped_s += failed_s - t->passed_s;
    t->resumed_s = failed_s;
    t->passed_s = t->used_s = 0;
    if (mended != NULL && mended->failed_s != 0)
        mended->failed_s = failed_s; /* what it took over stays its own */
}

/* Only what was told since the new failure began stays. False: nothing of it. */
static bool keep_newer(struct told *t, int64_t failed_s)
{
    unsigned kept = t->count < TOLD_TIMES ? t->count : TOLD_TIMES, more = t->count - kept, count = 0;
    for (unsigned i = 0; i < kept; i++)
        if (t->at_s[i] >= failed_s)
            t->at_s[count++] = t->at_s[i];
    t->count = count + (t->last_s >= failed_s && count == kept ? more : 0);
    t->passed_s = t->used_s = t->resumed_s = t->flapped_s = 0;
    return t->count > 0;
}

/* It passed, and that held. */
static bool end_told(struct person *p, struct told *t, const struct mending *m, struct arena *arena)
{
    bool renewed = m->kind == MENDING_RENEWED, noted = t->passed_s != 0;
    int64_t passed_s = m->at_s == 0 ? 0 : noted ? t->passed_s : renewed ? 0 : m->at_s, used_s = noted ? t->used_s : m->used_s;
    if (!person_set_mended(p, m->device, m->check, passed_s, used_s, arena))
        return false;
    if (!renewed || !keep_newer(t, m->at_s))
        person_drop_told(p, m->device, m->check);
    return true;
}

bool mending_apply(struct person *p, const struct mending *m, struct arena *arena, bool *done, bool *seen)
{
    struct told *t = person_edit_told(p, m->device, m->check);
    struct mended *mended = person_edit_mended(p, m->device, m->check);
    *done = !is_old(t, mended, m);
    *seen = t == NULL || t->passed_s != 0;
    if (!*done)
        return true;
    switch (m->kind) {
    case MENDING_PASSES:
        t->passed_s = m->at_s;
        t->used_s = m->used_s;
        break;
    case MENDING_RESUMED: resume(t, mended, m->at_s); break;
    case MENDING_RECURRED: mended->failed_s = m->at_s; break;
    case MENDING_UNTOLD: person_drop_mended(p, m->device, m->check); break;
    case MENDING_RENEWED:
    case MENDING_FORGOTTEN: return end_told(p, t, m, arena);
    }
    return true;
}
