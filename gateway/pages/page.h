/* page: what all pages share: who is asked about, the frame around the content, times in the person's zone, forms, the refusals.
 * Every page is whole without JavaScript; page.js only spares the reload. Addresses inside are relative, so a proxy may put a prefix in front. */
#ifndef GATEWAY_PAGES_PAGE_H
#define GATEWAY_PAGES_PAGE_H
#include "gateway/http/router.h"
#include "gateway/node.h"
#include "gateway/pages/html.h"

enum { PAGE_DEVICES = 64, PAGE_WATCH_S = 600 /* an open page keeps its device's polls fast for so long */, PAGE_POLL_S = 3, PAGE_IDLE_POLL_S = 15,
       PAGE_FORM_BYTES = 16 * 1024 };

struct page {
    struct http_request *r;
    struct http_response *res;
    struct buf *out;
    struct arena *arena;
    const struct control *control;
    const struct policy *policy;     /* NULL: none is in force */
    const struct person *person;     /* NULL: unknown */
    struct span zone;
    struct span up;                  /* "../" for each level of the path */
    struct decision_input in;        /* what the directory knows: policy, calendar, pauses, times */
    const struct device *devices[PAGE_DEVICES]; size_t device_count; /* the person's, without removed ones */
    int64_t now_s;
};
/* Between directory_enter() and directory_leave(), until which it is good. */
void page_init(struct page *p, struct http_request *r, struct http_response *res, const struct person *person);
/* "../" for each level of a path below the root; "./" at the root. */
struct span page_levels_up(struct span path);
/* The person's device of that id; NULL for anybody else's. */
const struct device *page_device(const struct page *p, struct span id);
/* What fails on a device of the person, worst first. */
size_t page_standings(const struct page *p, const struct device *d, struct standing **standings);
/* Somebody looks at it: a prefetch or a HEAD shows nothing to anybody. */
bool page_is_seen(const struct http_request *r);
/* While a page is open, its device is asked often. */
void page_keep_watching(const struct page *p, const struct device *d);

struct page_head {
    struct span title;
    struct span status;              /* said to screen readers, shown on top; empty: nothing to say */
    bool good;                       /* the status is good news */
    int poll_s;                      /* page.js looks again so often; 0: never */
    int reload_s;                    /* without JavaScript: reload so often; 0: never */
    struct span go_on;               /* where to go by itself, checked by html_is_link(); empty: stay */
    bool leads_away;                 /* one of its forms ends at another site */
    uint64_t state;                  /* differs whenever there is something new to show */
};
void page_begin(struct page *p, int status, const struct page_head *head);
void page_end(struct page *p);

/* "Tue 14:00, in 2 days" and "40 seconds ago", as <time>. */
void page_time(const struct page *p, int64_t at_s);
void page_ago(const struct page *p, int64_t at_s);
struct span page_time_text(const struct page *p, int64_t at_s); /* the absolute part */
/* Whom to ask: a link where the contact is an address. */
void page_contact(const struct page *p);
/* Apps whose sensitivity is in `closed`, or those that are not: "<li>" each, at most 12, then how many more. Returns how many there are. */
size_t page_apps(const struct page *p, unsigned closed, bool open);
/* The same as words: "Payroll and Source code". */
struct span page_app_words(const struct page *p, unsigned closed);

/* ---- links and forms ---- */
/* A person's /me page, good until `expires_s`, relative; empty when it cannot be made. */
struct span page_me_link(const struct page *p, int64_t expires_s);
/* A link that is not ours (404) or too old (410): a friendly page, counted. Changes nothing. */
void page_refuse_link(struct http_request *r, struct http_response *res, enum err_code code);
/* False, and answered, for a form sent from another site. The token in the path is what a forger would have to know; this is the second fence. */
bool page_same_site(struct http_request *r, struct http_response *res);
/* A field of a form, trimmed; empty when it is not there. */
struct span page_field(struct http_request *r, const char *name);
/* 303 from a form's address ("/me/T/claim") to its page ("/me/T?name=value"). `value` is ours: a code or a number. */
void page_see_other(struct http_request *r, struct http_response *res, const char *name, struct span value);
/* ?said=...: one of our own codes to words; anything else is SPAN_NONE. */
struct span page_said(struct http_request *r, bool *good);
#endif
