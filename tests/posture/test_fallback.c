/* The last rung, step by step: what is next for a device, from its record, where it stands, and the time. */
#include "posture/fallback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define DAY INT64_C(86400)
#define NOW (1000 * DAY)

enum { NOT_DUE, SOON, LATER, REACHED, PAUSED, WITHOUT }; /* how it stands: nothing fails, in three days, in thirty, reached, clock stopped, a ladder without the rung */

static const struct rung with[] = { { .id = { "notice", 6 }, .nudge = true }, { .id = { "managed", 7 }, .after_s = 21 * DAY, .mdm = { "fallback", 8 } } };
static const struct rung without[] = { { .id = { "notice", 6 }, .nudge = true } };
static const struct ladder ends_there = { .rungs = with, .rung_count = 2 }, ends_elsewhere = { .rungs = without, .rung_count = 1 };

static struct standing stand(int how)
{
    struct standing s = { .ladder = how == WITHOUT ? &ends_elsewhere : &ends_there, .rung = how == REACHED ? 1 : 0, .rung_s = NOW - DAY };
    s.next_s = how == SOON ? NOW + 3 * DAY : how == LATER ? NOW + 30 * DAY : 0;
    return s;
}

struct row {
    const char *name;
    unsigned state;
    int how;
    bool frozen, personal, unowned, invited;
    int64_t told_s, clean_s;          /* of the record */
    int64_t delivered_s;              /* the newest message about the device */
    enum fallback_step step;
    int64_t at_s;
};

static void what_is_next(void **state)
{
    static const struct row rows[] = {
        { .name = "nothing fails", .how = NOT_DUE, .step = FALLBACK_WAIT },
        { .name = "the rung comes in three days", .how = SOON, .step = FALLBACK_ANNOUNCE },
        { .name = "the rung comes in thirty days", .how = LATER, .step = FALLBACK_WAIT, .at_s = NOW + 23 * DAY },
        { .name = "the rung is reached", .how = REACHED, .step = FALLBACK_ANNOUNCE },
        { .name = "another ladder", .how = WITHOUT, .step = FALLBACK_WAIT },
        { .name = "an incident", .how = REACHED, .frozen = true, .step = FALLBACK_WAIT },
        { .name = "a person's own device", .how = REACHED, .personal = true, .step = FALLBACK_WAIT },
        { .name = "nobody's device", .how = REACHED, .unowned = true, .step = FALLBACK_WAIT },
        { .name = "announced, not told yet", .state = FALLBACK_ANNOUNCED, .how = REACHED, .delivered_s = NOW - 20 * DAY, .step = FALLBACK_WAIT },
        { .name = "announced and told", .state = FALLBACK_ANNOUNCED, .how = REACHED, .delivered_s = NOW - DAY, .step = FALLBACK_TOLD },
        { .name = "told six days ago", .state = FALLBACK_ANNOUNCED, .how = REACHED, .told_s = NOW - 6 * DAY, .step = FALLBACK_WAIT, .at_s = NOW + DAY },
        { .name = "told seven days ago", .state = FALLBACK_ANNOUNCED, .how = REACHED, .told_s = NOW - 7 * DAY, .step = FALLBACK_ASK },
        { .name = "told seven days ago, the rung comes later", .state = FALLBACK_ANNOUNCED, .how = SOON, .told_s = NOW - 7 * DAY, .step = FALLBACK_WAIT, .at_s = NOW + 3 * DAY },
        { .name = "told seven days ago, an incident", .state = FALLBACK_ANNOUNCED, .how = REACHED, .frozen = true, .told_s = NOW - 7 * DAY, .step = FALLBACK_WAIT },
        { .name = "told, and the clock stands still", .state = FALLBACK_ANNOUNCED, .how = PAUSED, .told_s = NOW - 7 * DAY, .step = FALLBACK_WAIT },
        { .name = "told, and fixed", .state = FALLBACK_ANNOUNCED, .how = NOT_DUE, .told_s = NOW - 7 * DAY, .step = FALLBACK_CALL_OFF },
        { .name = "told, and another policy", .state = FALLBACK_ANNOUNCED, .how = WITHOUT, .told_s = NOW - 7 * DAY, .step = FALLBACK_CALL_OFF },
        { .name = "told, and it is their own after all", .state = FALLBACK_ANNOUNCED, .how = REACHED, .personal = true, .told_s = NOW - 7 * DAY, .step = FALLBACK_CALL_OFF },
        { .name = "asked", .state = FALLBACK_ASKED, .how = REACHED, .step = FALLBACK_SEND },
        { .name = "asked, an incident", .state = FALLBACK_ASKED, .how = REACHED, .frozen = true, .step = FALLBACK_WAIT },
        { .name = "asked, and fixed", .state = FALLBACK_ASKED, .how = NOT_DUE, .step = FALLBACK_TURN_BACK },
        { .name = "acted", .state = FALLBACK_ACTED, .how = REACHED, .step = FALLBACK_READ_BACK },
        { .name = "acted, and fixed since", .state = FALLBACK_ACTED, .how = NOT_DUE, .step = FALLBACK_READ_BACK },
        { .name = "invited, and fixed since", .state = FALLBACK_ACTED, .how = NOT_DUE, .invited = true, .step = FALLBACK_TURN_BACK },
        { .name = "confirmed, still failing", .state = FALLBACK_CONFIRMED, .how = REACHED, .step = FALLBACK_WAIT },
        { .name = "confirmed, clean now", .state = FALLBACK_CONFIRMED, .how = NOT_DUE, .step = FALLBACK_CLEAN },
        { .name = "clean for 59 days", .state = FALLBACK_CONFIRMED, .how = NOT_DUE, .clean_s = NOW - 59 * DAY, .step = FALLBACK_WAIT, .at_s = NOW + DAY },
        { .name = "clean for 60 days", .state = FALLBACK_CONFIRMED, .how = NOT_DUE, .clean_s = NOW - 60 * DAY, .step = FALLBACK_TURN_BACK },
        { .name = "clean for 60 days, in an incident", .state = FALLBACK_CONFIRMED, .how = NOT_DUE, .frozen = true, .clean_s = NOW - 60 * DAY, .step = FALLBACK_TURN_BACK },
        { .name = "failing again", .state = FALLBACK_CONFIRMED, .how = LATER, .clean_s = NOW - 59 * DAY, .step = FALLBACK_DIRTY },
        { .name = "something else fails", .state = FALLBACK_CONFIRMED, .how = WITHOUT, .clean_s = NOW - 60 * DAY, .step = FALLBACK_TURN_BACK },
        { .name = "its owner left", .state = FALLBACK_CONFIRMED, .how = REACHED, .unowned = true, .step = FALLBACK_TURN_BACK },
        { .name = "on the way back, failing again", .state = FALLBACK_UNDOING, .how = REACHED, .frozen = true, .step = FALLBACK_SEND_BACK },
    };
    struct span byod = SPAN_LITERAL("byod");
    struct policy policy = { .mdm = { .announce_before_s = 7 * DAY, .way_back_s = 60 * DAY, .personal_groups = &byod, .personal_group_count = 1 } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *r = &rows[i];
        struct standing standing = stand(r->how);
        struct told told = { .device = SPAN_LITERAL("d_1"), .check = SPAN_LITERAL("disk"), .count = 1, .at_s = { r->delivered_s }, .last_s = r->delivered_s };
        struct person owner = { .told = &told, .told_count = r->delivered_s > 0 };
        struct device device = { .id = SPAN_LITERAL("d_1"), .group = r->personal ? byod : SPAN_NONE,
                                 .fallback = { .state = r->state, .invited = r->invited, .announced_s = NOW - 10 * DAY, .told_s = r->told_s, .clean_s = r->clean_s } };
        struct fallback_input in = { .policy = &policy, .device = &device, .owner = r->unowned ? NULL : &owner, .standings = &standing, .count = r->how != NOT_DUE, .frozen = r->frozen, .now_s = NOW };
        struct fallback_plan plan = fallback_plan(&in);
        print_message("%s\n", r->name);
        assert_int_equal(plan.step, r->step);
        assert_int_equal(plan.at_s, r->at_s);
        if (r->step == FALLBACK_TOLD)
            assert_int_equal(plan.told_s, r->delivered_s);
    }
}

static void a_manager_may_say_that_a_device_is_personal(void **state)
{
    struct managed_link link = { .personal = MDM_YES };
    struct device device = { .links = &link, .link_count = 1 };
    struct policy policy = { .mdm = { .way_back_s = DAY } };
    (void)state;
    assert_true(fallback_is_personal(&policy, &device));
    link.gone_s = NOW;
    assert_false(fallback_is_personal(&policy, &device));
    link = (struct managed_link){ .personal = MDM_NO };
    assert_false(fallback_is_personal(&policy, &device));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_next), cmocka_unit_test(a_manager_may_say_that_a_device_is_personal) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
