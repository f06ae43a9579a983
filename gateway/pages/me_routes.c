/* me_routes: every address that employees open. */
#include "gateway/onboarding/welcome.h"
#include "gateway/pages/assets.h"
#include "gateway/pages/blocked.h"
#include "gateway/pages/device_enroll.h"
#include "gateway/pages/exemption_forms.h"
#include "gateway/pages/me.h"
#include "gateway/pages/me_key.h"

static const struct route rows[] = {
    { HTTP_GET, "/blocked/{token}", LISTENER_PUBLIC, 0, 0, PROBLEM_PAGE, 0, blocked_get, NULL, "blocked" },
    { HTTP_POST, "/blocked/{token}/recheck", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, blocked_recheck, "blocked.recheck" },
    { HTTP_POST, "/blocked/{token}/wrong", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, blocked_wrong, "blocked.wrong" },
    { HTTP_POST, "/blocked/{token}/snooze", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, blocked_snooze, "blocked.snooze" },
    { HTTP_POST, "/blocked/{token}/once", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, blocked_once, "blocked.once" },
    { HTTP_POST, "/blocked/{token}/exempt", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, blocked_exempt, "blocked.exempt" },
    { HTTP_POST, "/blocked/{token}/ask", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, blocked_ask, "blocked.ask" },
    { HTTP_POST, "/blocked/{token}/not-mine", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, blocked_not_mine, "blocked.not_mine" },
    { HTTP_GET, "/me", LISTENER_PUBLIC, 0, 0, PROBLEM_PAGE, 0, me_front, NULL, "me.front" },
    { HTTP_GET, "/me/{token}", LISTENER_PUBLIC, 0, 0, PROBLEM_PAGE, 0, me_get, NULL, "me" },
    { HTTP_GET, "/me/{token}/data", LISTENER_PUBLIC, 0, 0, PROBLEM_PAGE, 0, NULL, me_data, "me.data" },
    { HTTP_POST, "/me/{token}/recheck", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, me_recheck, "me.recheck" },
    { HTTP_POST, "/me/{token}/claim", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, me_claim, "me.claim" },
    { HTTP_POST, "/me/{token}/not-mine", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, me_not_mine, "me.not_mine" },
    { HTTP_POST, "/me/{token}/snooze", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, me_snooze, "me.snooze" },
    { HTTP_POST, "/me/{token}/wrong", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, me_wrong, "me.wrong" },
    { HTTP_POST, "/me/{token}/exempt", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, me_exempt, "me.exempt" },
    { HTTP_POST, "/me/{token}/approve", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, me_approve, "me.approve" },
    { HTTP_POST, "/me/{token}/decline", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, me_decline, "me.decline" },
    { HTTP_POST, "/me/{token}/ask", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, me_ask, "me.ask" },
    { HTTP_GET, "/me/{token}/key", LISTENER_PUBLIC, 0, 0, PROBLEM_PAGE, 0, me_key_get, NULL, "me.key" },
    { HTTP_GET, "/me/{token}/key/check", LISTENER_PUBLIC, 0, 0, PROBLEM_PAGE, 0, me_key_check, NULL, "me.key_check" },
    { HTTP_GET, "/me/{token}/key/here", LISTENER_PUBLIC | LISTENER_DEVICE, 0, 0, PROBLEM_PAGE, 0, me_key_here, NULL, "me.key_here" },
    { HTTP_POST, "/me/{token}/key-add", LISTENER_PUBLIC, 0, ME_KEY_FORM_BYTES, PROBLEM_PAGE, 0, NULL, me_key_add, "me.key_add" },
    { HTTP_POST, "/me/{token}/key-remove", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, me_key_remove, "me.key_remove" },
    { HTTP_GET, "/welcome/{token}", LISTENER_PUBLIC, 0, 0, PROBLEM_PAGE, 0, NULL, welcome_get, "welcome" },
    { HTTP_POST, "/welcome/{token}/link", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, welcome_link, "welcome.link" },
    { HTTP_POST, "/welcome/{token}/mine", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, welcome_mine, "welcome.mine" },
    { HTTP_POST, "/welcome/{token}/not-mine", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, welcome_not_mine, "welcome.not_mine" },
    { HTTP_GET, "/install/{token}", LISTENER_PUBLIC, 0, 0, PROBLEM_PAGE, 0, install_get, NULL, "install" },
    { HTTP_GET, "/device/enroll/{token}", LISTENER_PUBLIC, 0, 0, PROBLEM_PAGE, 0, NULL, device_enroll_get, "device.enroll" },
    { HTTP_POST, "/device/enroll/{token}", LISTENER_PUBLIC, 0, PAGE_FORM_BYTES, PROBLEM_PAGE, 0, NULL, device_enroll_post, "device.enroll_button" },
    { HTTP_GET, "/device/remember/{token}", LISTENER_PUBLIC | LISTENER_DEVICE, 0, 0, PROBLEM_PAGE, 0, device_enroll_remember, NULL, "device.remember" },
    { HTTP_GET, "/assets/{file}", LISTENER_PUBLIC | LISTENER_DEVICE, 0, 0, PROBLEM_PAGE, 0, asset_get, NULL, "assets" },
};
const struct route_table me_routes = { rows, sizeof rows / sizeof rows[0] };
