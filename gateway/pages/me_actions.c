#include "gateway/allowance.h"
#include "gateway/pages/me.h"
#include "gateway/pages/recheck.h"
#include "gateway/pages/valve_forms.h"
#include "gateway/people.h"

enum { SERIAL_BYTES = 128 };
static const struct allowance_limit claims = { 5, 3600 }; /* serial numbers can be guessed, one after the other */

bool me_open_form(struct http_request *r, struct http_response *res, struct span *person, struct span *device)
{
    struct page p;
    if (!page_same_site(r, res))
        return false;
    directory_enter(r->node->directory);
    bool open = me_open(r, res, &p);
    if (open)
        *person = arena_copy(r->arena, p.person->id);
    const struct device *d = open && device != NULL ? page_device(&p, page_field(r, "device")) : NULL;
    if (d != NULL)
        *device = arena_copy(r->arena, d->id);
    directory_leave(r->node->directory);
    return open;
}

void me_recheck(struct http_request *r, struct http_response *res)
{
    struct span person = SPAN_NONE, device = SPAN_NONE;
    if (!me_open_form(r, res, &person, &device))
        return;
    if (span_empty(device))
        page_see_other(r, res, "said", SPAN_LITERAL("gone"));
    else
        recheck_answer(r, res, &(struct recheck){ device, person, NULL, 0, false });
}

/* A device that belongs to nobody. One that is somebody else's gets the same answer as one that does not exist. */
static bool find_free(struct http_request *r, struct span serial, struct span *id)
{
    struct span normal;
    if (serial.bytes > SERIAL_BYTES || !identifier_normalize(SPAN_LITERAL("serial"), serial, r->arena, &normal))
        return false;
    directory_enter(r->node->directory);
    const struct device *d = directory_device_by(r->node->directory, SPAN_LITERAL("serial"), normal);
    bool is_free = d != NULL && !d->removed && span_empty(d->owner) && span_empty(d->duplicate_of);
    if (is_free)
        *id = arena_copy(r->arena, d->id);
    directory_leave(r->node->directory);
    return is_free;
}

static struct span owning_answer(struct http_request *r, const struct ownership *what, struct span good)
{
    struct err err = { 0 };
    enum err_code code = people_assign(r->node, r->store, what, &err);
    if (code == OK)
        return good;
    log_event(r->node->log, LOG_WARN, "page.owner_failed", LOG_STR("id", r->id), LOG_SPAN("device", what->device), LOG_ERR(&err));
    return code == ERR_CONFLICT || code == ERR_NOT_FOUND ? SPAN_LITERAL("not_found") : SPAN_LITERAL("away");
}

void me_claim(struct http_request *r, struct http_response *res)
{
    struct span person = SPAN_NONE, device = SPAN_NONE, said = SPAN_LITERAL("not_found");
    if (!me_open_form(r, res, &person, NULL))
        return;
    if (!allowance_take(r->node->allowances, 'm', person, claims, r->now_s))
        said = SPAN_LITERAL("slow_down");
    else if (find_free(r, page_field(r, "serial"), &device))
        said = owning_answer(r, &(struct ownership){ device, person, SPAN_LITERAL("claim"), arena_format(r->arena, "person:%.*s", SPAN_ARGS(person)), false },
                             SPAN_LITERAL("claimed"));
    page_see_other(r, res, "said", said);
}

/* Fields: device, which must be theirs, and check; text. A question may be about no device. */
static void use_valve(struct http_request *r, struct http_response *res, enum valve_form form)
{
    struct span person = SPAN_NONE, device = SPAN_NONE;
    if (!me_open_form(r, res, &person, &device))
        return;
    struct valve_use use = { .person = person, .device = device, .check = arena_copy(r->arena, page_field(r, "check")), .text = page_field(r, "text"),
                             .by = arena_format(r->arena, "person:%.*s", SPAN_ARGS(person)) };
    if (span_empty(device) && form != FORM_ASK)
        page_see_other(r, res, "said", SPAN_LITERAL("gone"));
    else
        valve_form_answer(r, res, form, &use);
}

void me_not_mine(struct http_request *r, struct http_response *res) { use_valve(r, res, FORM_NOT_MINE); }
void me_snooze(struct http_request *r, struct http_response *res) { use_valve(r, res, FORM_SNOOZE); }
void me_wrong(struct http_request *r, struct http_response *res) { use_valve(r, res, FORM_WRONG); }
void me_exempt(struct http_request *r, struct http_response *res) { use_valve(r, res, FORM_EXEMPT); }
void me_ask(struct http_request *r, struct http_response *res) { use_valve(r, res, FORM_ASK); }
