#include "connectors/mdm/nanomdm.h"

#include "connectors/mdm/plist.h"
#include "posture/base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROFILE_BYTES = 512 * 1024, COMMAND_BYTES = 1024 * 1024 };

struct nanomdm { struct mdm base; struct mdm_http http; char strict[MDM_TEXT_BYTES + 1]; struct buf profile; /* base64 */ };

static void nanomdm_free(struct mdm *m)
{
    struct nanomdm *n = (struct nanomdm *)m;
    if (n == NULL)
        return;
    mdm_http_done(&n->http);
    buf_wipe(&n->profile); /* it may hold keys */
    secret_free(n, sizeof *n);
}

static enum err_code nanomdm_open(const struct mdm_options *o, struct mdm **out, struct err *err)
{
    char basic[MDM_TOKEN_BYTES];
    enum err_code code = mdm_options_check(o, err);
    if (code == OK && (o->strict.bytes > MDM_TEXT_BYTES || o->strict_profile.bytes > PROFILE_BYTES))
        code = err_set(err, ERR_INPUT, "mdm %.*s: strict has at most %d bytes, strict_profile %d", SPAN_ARGS(o->id), MDM_TEXT_BYTES, PROFILE_BYTES);
    if (code != OK)
        return code;
    struct nanomdm *n = calloc(1, sizeof *n);
    if (n == NULL)
        return err_set(err, ERR_MEMORY, "mdm %.*s", SPAN_ARGS(o->id));
    n->base.ops = &mdm_nanomdm;
    buf_init(&n->profile, 2 * PROFILE_BYTES);
    snprintf(n->strict, sizeof n->strict, "%.*s", SPAN_ARGS(o->strict));
    bool fits = mdm_basic(span_empty(o->client) ? SPAN_LITERAL("nanomdm") : o->client, o->secret, basic) && secret_base64(o->strict_profile, &n->profile);
    code = fits ? mdm_http_init(&n->http, o, span_of(basic), err) : err_set(err, ERR_INPUT, "mdm %.*s: the secret is too long", SPAN_ARGS(o->id));
    n->http.permission = "the API key (-api)";
    secret_wipe(basic, sizeof basic);
    if (code != OK) {
        nanomdm_free(&n->base);
        return code;
    }
    *out = &n->base;
    return OK;
}

/* ---- commands ---- */

static void begin_command(struct buf *out, struct span key, const char *suffix, const char *type)
{
    buf_init(out, COMMAND_BYTES);
    buf_append_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
                         "<plist version=\"1.0\"><dict><key>CommandUUID</key><string>");
    plist_escape(key, out);
    buf_append_text(out, suffix);
    buf_append_text(out, "</string><key>Command</key><dict><key>RequestType</key><string>");
    buf_append_text(out, type);
    buf_append_text(out, "</string>");
}

/* Without a push: its failure would come as a 500, and the command would be queued all the same. */
static struct mdm_result enqueue(struct nanomdm *n, struct span id, struct buf *command)
{
    struct arena arena;
    struct mdm_result r;
    buf_append_text(command, "</dict></dict></plist>\n");
    arena_init(&arena, 4096, 64 * 1024);
    const struct mdm_request request = { .method = "PUT", .path = arena_format(&arena, "/v1/enqueue/%.*s?nopush=1", SPAN_ARGS(id)), .body = buf_span(command), .type = "application/xml", .writes = true };
    r = command->failed ? mdm_say(MDM_REFUSED, "a command that is too long") : mdm_http_call(&n->http, &request, &arena, NULL);
    buf_done(command);
    arena_done(&arena);
    return r;
}

/* A device that cannot be woken connects by itself some time: the command waits for it. */
static void push(struct nanomdm *n, struct span id)
{
    struct arena arena;
    arena_init(&arena, 4096, 64 * 1024);
    const struct mdm_request request = { .method = "GET", .path = arena_format(&arena, "/v1/push/%.*s", SPAN_ARGS(id)) };
    (void)mdm_http_call(&n->http, &request, &arena, NULL);
    arena_done(&arena);
}

static struct mdm_result ask_profiles(struct nanomdm *n, struct span id, struct span key)
{
    struct buf command;
    begin_command(&command, key, ".profiles", "ProfileList");
    return enqueue(n, id, &command);
}

static struct mdm_result nanomdm_ask(struct mdm *m, struct span id, struct span key)
{
    struct nanomdm *n = (struct nanomdm *)m;
    struct buf command;
    begin_command(&command, key, ".device", "DeviceInformation");
    buf_append_text(&command, "<key>Queries</key><array><string>SerialNumber</string><string>OSVersion</string><string>DeviceName</string><string>ProductName</string>"
                              "<string>IsSupervised</string></array>");
    struct mdm_result r = enqueue(n, id, &command);
    if (r.outcome != MDM_DONE)
        return r;
    begin_command(&command, key, ".security", "SecurityInfo");
    r = enqueue(n, id, &command);
    if (r.outcome == MDM_DONE)
        r = ask_profiles(n, id, key);
    push(n, id);
    return r;
}

static struct mdm_result act(struct nanomdm *n, const struct mdm_action *action, struct buf *command)
{
    struct mdm_result r = enqueue(n, action->device, command);
    if (r.outcome == MDM_DONE)
        r = ask_profiles(n, action->device, action->key); /* to prove it */
    push(n, action->device);
    return r;
}

static struct mdm_result nanomdm_strict(struct mdm *m, const struct mdm_action *action)
{
    struct nanomdm *n = (struct nanomdm *)m;
    struct buf command;
    if (n->strict[0] == '\0')
        return mdm_say(MDM_UNABLE, "no strict profile is configured");
    begin_command(&command, action->key, ".install", "InstallProfile");
    buf_append_text(&command, "<key>Payload</key><data>");
    buf_append(&command, buf_span(&n->profile));
    buf_append_text(&command, "</data>");
    return act(n, action, &command);
}

static struct mdm_result nanomdm_undo(struct mdm *m, const struct mdm_action *action)
{
    struct nanomdm *n = (struct nanomdm *)m;
    struct buf command;
    if (action->was_invited)
        return mdm_say(MDM_UNABLE, "the person removes the management profile");
    begin_command(&command, action->key, ".remove", "RemoveProfile");
    buf_append_text(&command, "<key>Identifier</key><string>");
    plist_escape(span_of(n->strict), &command);
    buf_append_text(&command, "</string>");
    return act(n, action, &command);
}

/* ---- webhook: base64 of HMAC-SHA-256 over the body as it came ---- */

static bool is_signed(const struct mdm_options *o, const struct mdm_hook *hook)
{
    struct span shown = hook->field(hook->context, "x-hmac-signature");
    bool good = false;
    for (size_t i = 0; i < 2; i++) {
        uint8_t mac[SECRET_HASH_BYTES];
        struct buf text;
        if (span_empty(o->hook_secrets[i]))
            continue;
        buf_init(&text, 128);
        secret_hmac(o->hook_secrets[i], hook->body, mac);
        good = (secret_base64(span_make(mac, sizeof mac), &text) && span_equal_ct(shown, buf_span(&text))) || good;
        buf_done(&text);
    }
    return good;
}

static enum err_code nanomdm_hook(const struct mdm_options *o, const struct mdm_hook *hook, struct arena *arena, struct mdm_news *out, struct err *err)
{
    if (!is_signed(o, hook))
        return err_set(err, ERR_DENIED, "the signature is not that of mdm %.*s (-webhook-hmac-key)", SPAN_ARGS(o->id));
    return nanomdm_read_hook(hook->body, o->strict, arena, out, err);
}

const struct mdm_ops mdm_nanomdm = {
    .kind = MDM_NANOMDM, .title = "NanoMDM", .strict_word = "profile", .platforms = 1u << PLATFORM_MACOS, .lists = false,
    .open = nanomdm_open, .free = nanomdm_free, .ask = nanomdm_ask, .strict = nanomdm_strict, .undo = nanomdm_undo, .hook = nanomdm_hook,
};
