/* link: sealed, expiring capabilities: /me/{token} and /blocked/{token} for one person, /device/enroll/{token} for one device. Any node opens them; nothing is stored. */
#ifndef GATEWAY_PAGES_LINK_H
#define GATEWAY_PAGES_LINK_H
#include "gateway/node.h"

enum { LINK_ME_LIFETIME_S = 7 * 86400, LINK_BLOCKED_LIFETIME_S = 86400, LINK_ENROLL_LIFETIME_S = 15 * 60, LINK_WELCOME_LIFETIME_S = 7 * 86400, LINK_INSTALL_LIFETIME_S = 5 * 60, LINK_URL_BYTES = 2048 };
/* What a blocked page is about; all texts as they were at the decision. */
struct blocked_link {
    struct span decision, person, device, app, policy; /* ids, policy: version's first 12 digits; device may be empty */
    int64_t at_s, expires_s;
    enum outcome outcome;
    struct span person_asked;      /* when the person is unknown to us */
    enum door_device door;         /* how the door named the device, and how surely; the page asks the same question again */
    enum proof proof;
    struct span back;              /* where the login came from, already checked by the door; may be empty */
};
/* What makes one browser known as a device's (gateway/pages/device_enroll.h). */
struct enroll_link {
    struct span device, person;    /* d_..., its owner when the link was made; may be empty */
    struct span credential;        /* c_...: what the browser will be listed as; also what is used once */
    int64_t expires_s;
};
MUST_CHECK enum err_code link_me(const struct node *node, struct span person, int64_t expires_s, struct buf *url, struct err *err);
MUST_CHECK enum err_code link_blocked(const struct node *node, const struct blocked_link *link, struct buf *url, struct err *err);
MUST_CHECK enum err_code link_enroll(const struct node *node, const struct enroll_link *link, struct buf *url, struct err *err);
/* A person's first page, and the short-lived one that holds an enrol secret of theirs (gateway/onboarding/welcome.h). */
enum link_kind { LINK_WELCOME, LINK_INSTALL };
MUST_CHECK enum err_code link_person(const struct node *node, enum link_kind kind, struct span person, int64_t expires_s, struct buf *url, struct err *err);
MUST_CHECK enum err_code link_open_person(const struct node *node, enum link_kind kind, struct span token, int64_t now_s, struct arena *arena, struct span *person, int64_t *expires_s, struct err *err);
/* ERR_DENIED for anything altered, ERR_EXPIRED past its time. Texts live in `arena`. `token` is untrusted. */
MUST_CHECK enum err_code link_open_me(const struct node *node, struct span token, int64_t now_s, struct arena *arena, struct span *person, int64_t *expires_s, struct err *err);
MUST_CHECK enum err_code link_open_blocked(const struct node *node, struct span token, int64_t now_s, struct arena *arena, struct blocked_link *out, struct err *err);
MUST_CHECK enum err_code link_open_enroll(const struct node *node, struct span token, int64_t now_s, struct arena *arena, struct enroll_link *out, struct err *err);
#endif
