/* blocked: the page of a login that was warned or refused. The link says who, which app and which device; what is shown is decided anew at each
 * view, so the page follows the state of the device. Order and wording: docs/pages.md. */
#ifndef GATEWAY_PAGES_BLOCKED_H
#define GATEWAY_PAGES_BLOCKED_H
#include "gateway/decide.h"
#include "gateway/pages/link.h"
#include "gateway/pages/page.h"
#include "gateway/pages/valve_forms.h"

enum blocked_state {
    BLOCKED_DENIED, BLOCKED_WARNED,
    BLOCKED_GO_ON,          /* it opens now */
    BLOCKED_UNCHECKED,      /* no data, or two devices that say they are one: never "failed" */
    BLOCKED_OUTAGE,         /* it is us */
    BLOCKED_DEVICE_UNKNOWN, /* the way to enrolment */
    BLOCKED_PERSON_UNKNOWN,
    BLOCKED_APP_UNKNOWN
};
/* How "Check again" goes. */
enum blocked_phase { PHASE_NONE, PHASE_CHECKING, PHASE_WAITING, PHASE_LONG, PHASE_LOOKED_AGAIN };
struct blocked {
    struct page page;
    struct span way_out;             /* of a login: who hears that it ends here ("Okta"); empty: no login waits */
    struct blocked_link link;
    struct answer answer;
    enum blocked_state state;
    enum blocked_phase phase;
    int64_t checking_s;              /* "Check again" was pressed; 0: not */
    const struct device *device;     /* the person's own; NULL */
    const struct standing **items; size_t item_count, blocking_count; /* what is in the way first, shortest first */
};
/* Finds out what the page is about and decides. False: answered already. Between directory_enter() and directory_leave(). */
typedef bool blocked_open_fn(struct http_request *r, struct http_response *res, struct blocked *b);
blocked_open_fn blocked_open; /* by the link in the address */
/* The rest of opening: `b` zeroed but for link and answer; `person` may see what is about them, NULL: nobody may. */
void blocked_look(struct http_request *r, struct http_response *res, const struct person *person, struct blocked *b);

enum route_result blocked_get(struct http_request *r, struct http_response *res);
void blocked_recheck(struct http_request *r, struct http_response *res);
route_slow_fn blocked_wrong, blocked_snooze, blocked_once, blocked_exempt, blocked_ask, blocked_not_mine;
void blocked_recheck_with(struct http_request *r, struct http_response *res, blocked_open_fn *open);
void blocked_valve_with(struct http_request *r, struct http_response *res, enum valve_form form, blocked_open_fn *open);
/* Writes the page, and counts what it told. */
void blocked_show(struct blocked *b);

/* blocked_words.c: the parts in which the states differ. */
struct span blocked_headline(const struct blocked *b);
struct span blocked_status(const struct blocked *b, bool *good);
void blocked_write_state(const struct blocked *b); /* between headline and help: states without an item */
void blocked_write_ways(const struct blocked *b);
void blocked_write_go_on(const struct blocked *b); /* the button back, or what to open */
void blocked_write_way_out(const struct blocked *b); /* ends the login that waits */
/* Sensitivities that are closed to this person on this device now. */
unsigned blocked_closed(const struct blocked *b);
#endif
